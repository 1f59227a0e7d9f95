//! The text of a part, and the way back to its bytes.

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::Encoding as Charset;

use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};

/// Decoded bytes between two marks of the way back.
const MARK_EVERY: usize = 512;

/// How the bytes of a part spell characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16.
    Utf16 {
        /// Whether the high byte comes first.
        big: bool,
    },
    /// UTF-32.
    Utf32 {
        /// Whether the high byte comes first.
        big: bool,
    },
    /// One byte for each character.
    Single(&'static Charset),
    /// A charset in which every character that is not ASCII has bytes of its own, such as GBK. A byte that is no text
    /// in it stands for itself, as a character of a private plane.
    Multi(&'static Charset),
}

/// The character that stands for the byte 0 where a byte is no text of its charset.
const STRAY: u32 = 0x0010_ff00;

impl Encoding {
    /// Bytes that `letter` takes.
    fn width(self, letter: char) -> usize {
        match self {
            Self::Utf8 => letter.len_utf8(),
            Self::Utf16 { .. } => letter.len_utf16() * 2,
            Self::Utf32 { .. } => 4,
            Self::Single(_) => 1,
            Self::Multi(_) if letter.is_ascii() || u32::from(letter) & !0xff == STRAY => 1,
            Self::Multi(charset) => charset.encode(letter.encode_utf8(&mut [0; 4])).0.len(),
        }
    }

    /// Bytes of an ASCII character.
    pub(crate) fn unit(self) -> usize {
        self.width(' ')
    }

    /// Which white space the bytes of one character spell, if any.
    pub(crate) fn blank(self, bytes: &[u8]) -> Option<u8> {
        let byte = match (self, bytes) {
            (Self::Utf8 | Self::Single(_) | Self::Multi(_), [byte])
            | (Self::Utf16 { big: true }, [0, byte])
            | (Self::Utf16 { big: false }, [byte, 0])
            | (Self::Utf32 { big: true }, [0, 0, 0, byte])
            | (Self::Utf32 { big: false }, [byte, 0, 0, 0]) => *byte,
            _ => return None,
        };
        matches!(byte, b' ' | b'\t' | b'\r' | b'\n').then_some(byte)
    }

    /// `text` in this encoding, or nothing where it has no such character.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Utf8 => Some(text.as_bytes().to_vec()),
            Self::Utf16 { big: true } => Some(text.encode_utf16().flat_map(u16::to_be_bytes).collect()),
            Self::Utf16 { big: false } => Some(text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
            Self::Utf32 { big: true } => Some(text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect()),
            Self::Utf32 { big: false } => Some(text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect()),
            Self::Single(charset) | Self::Multi(charset) => {
                let (bytes, _, lossy) = charset.encode(text);
                (!lossy).then(|| bytes.into_owned())
            }
        }
    }

    /// The edit that takes a range of raw bytes out: spaces in their place, or nothing.
    pub fn take_out(self, bytes: Range<u64>, layout: Layout) -> Edit {
        match (layout, self) {
            (Layout::Compact, _) => Edit::delete(bytes),
            (Layout::Preserve, Self::Utf8 | Self::Single(_) | Self::Multi(_)) => Edit::fill(bytes, b' '),
            (Layout::Preserve, Self::Utf16 { .. } | Self::Utf32 { .. }) => {
                let count = (bytes.end - bytes.start) as usize / self.width(' ');
                Edit::replace(bytes, self.encode(&" ".repeat(count)).unwrap_or_default())
            }
        }
    }
}

/// A part as text. Positions count bytes of [`as_str`](Self::as_str); [`raw`](Self::raw) leads them back.
///
/// ```
/// use unlabel_core::containers::xml::Text;
/// use unlabel_core::Limits;
/// let utf16 = b"\xff\xfe<\0a\0/\0>\0";
/// let text = Text::decode(utf16, &Limits::default()).unwrap();
/// assert_eq!(text.as_str(), "<a/>");
/// assert_eq!(text.raw(1..2), 4..6);
/// ```
#[derive(Clone, Debug)]
pub struct Text<'a> {
    decoded: Cow<'a, str>,
    encoding: Encoding,
    /// Raw offset of the first character, after a byte order mark.
    start: usize,
    /// Pairs of decoded position and raw offset, ascending; empty where they differ by `start` only.
    marks: Vec<(usize, usize)>,
}

impl<'a> Text<'a> {
    /// Decodes `bytes` by their byte order mark, their first characters, or their XML declaration.
    ///
    /// # Errors
    /// Malformed where the bytes are not text of the encoding, with the offset; unsupported for an encoding that
    /// cannot be led back byte by byte.
    pub fn decode(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        match bytes {
            [0xff, 0xfe, 0, 0, ..] => Self::utf32(bytes, 4, false),
            [0, 0, 0xfe, 0xff, ..] => Self::utf32(bytes, 4, true),
            [0xff, 0xfe, ..] => Self::utf16(bytes, 2, false),
            [0xfe, 0xff, ..] => Self::utf16(bytes, 2, true),
            [b'<', 0, 0, 0, ..] => Self::utf32(bytes, 0, false),
            [0, 0, 0, b'<', ..] => Self::utf32(bytes, 0, true),
            [b'<', 0, ..] => Self::utf16(bytes, 0, false),
            [0, b'<', ..] => Self::utf16(bytes, 0, true),
            [0xef, 0xbb, 0xbf, ..] => Self::utf8(bytes, 3),
            _ => Self::declared(bytes),
        }
    }

    fn utf8(bytes: &'a [u8], start: usize) -> Result<Self> {
        let text = std::str::from_utf8(bytes.get(start..).unwrap_or_default())
            .map_err(|error| Error::malformed((start + error.valid_up_to()) as u64, "XML text is not valid UTF-8"))?;
        Ok(Self { decoded: Cow::Borrowed(text), encoding: Encoding::Utf8, start, marks: Vec::new() })
    }

    fn utf16(bytes: &[u8], start: usize, big: bool) -> Result<Self> {
        let units = bytes.get(start..).unwrap_or_default().chunks(2).map_while(|unit| match unit {
            [first, second] if big => Some(u16::from_be_bytes([*first, *second])),
            [first, second] => Some(u16::from_le_bytes([*first, *second])),
            _ => None,
        });
        let letters = char::decode_utf16(units).map(Result::ok);
        Self::transcode(Encoding::Utf16 { big }, bytes.len(), start, letters)
    }

    fn utf32(bytes: &[u8], start: usize, big: bool) -> Result<Self> {
        let letters = bytes.get(start..).unwrap_or_default().chunks(4).map_while(|unit| {
            let unit = unit.try_into().ok()?;
            Some(char::from_u32(if big { u32::from_be_bytes(unit) } else { u32::from_le_bytes(unit) }))
        });
        Self::transcode(Encoding::Utf32 { big }, bytes.len(), start, letters)
    }

    fn declared(bytes: &'a [u8]) -> Result<Self> {
        let Some(label) = declared_encoding(bytes) else { return Self::utf8(bytes, 0) };
        // A declaration that can be read byte by byte and still says UTF-16 is a slip of the writer.
        let charset = match Charset::for_label(label.as_bytes()) {
            None if bytes.is_ascii() && !label.eq_ignore_ascii_case("utf-7") => encoding_rs::UTF_8,
            None => return Err(Error::unsupported(format!("XML in encoding {label}"))),
            Some(found) if found == encoding_rs::UTF_16LE || found == encoding_rs::UTF_16BE => encoding_rs::UTF_8,
            Some(found) if found.is_ascii_compatible() && bytes.is_ascii() => encoding_rs::UTF_8,
            Some(found) => found,
        };
        if charset == encoding_rs::UTF_8 {
            return Self::utf8(bytes, 0);
        }
        if !charset.is_single_byte() {
            let unsupported = || Error::unsupported(format!("XML in encoding {}", charset.name()));
            let letters = charset.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(unsupported)?;
            return Self::multi(bytes, charset, letters.chars()).ok_or_else(unsupported);
        }
        let Some(text) = charset.decode_without_bom_handling_and_without_replacement(bytes) else {
            return Err(Error::malformed(0, format!("XML text is not valid {}", charset.name())));
        };
        Self::transcode(Encoding::Single(charset), bytes.len(), 0, text.chars().map(Some))
    }

    /// Decodes `bytes` by their byte order mark, else as `charset`, whatever they are: a byte that is no text in it
    /// stands for itself.
    ///
    /// # Errors
    /// Malformed where UTF-16 breaks its rules, and for a part over the limit.
    pub(crate) fn lenient(bytes: &'a [u8], charset: &'static Charset, limits: &Limits) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        match bytes {
            [0xff, 0xfe, ..] => return Self::utf16(bytes, 2, false),
            [0xfe, 0xff, ..] => return Self::utf16(bytes, 2, true),
            [b'<', 0, ..] => return Self::utf16(bytes, 0, false),
            [0, b'<', ..] => return Self::utf16(bytes, 0, true),
            _ => {}
        }
        let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let charset = if start > 0 { encoding_rs::UTF_8 } else { charset };
        // Shift states would make one byte mean several things.
        let is_plain = charset.is_ascii_compatible() && charset != encoding_rs::ISO_2022_JP;
        if ((is_plain && bytes.is_ascii()) || charset == encoding_rs::UTF_8)
            && let Ok(text) = Self::utf8(bytes, start)
        {
            return Ok(text);
        }
        if is_plain && !charset.is_single_byte() {
            let letters = with_strays(bytes, charset);
            if let Some(text) = Self::multi(bytes, charset, letters.chars()) {
                return Ok(text);
            }
        }
        let charset = if is_plain && charset.is_single_byte() { charset } else { encoding_rs::WINDOWS_1252 };
        let letters = charset.decode_without_bom_handling(bytes).0;
        Self::transcode(Encoding::Single(charset), bytes.len(), 0, letters.chars().map(Some))
    }

    /// The text of these letters, if they lead back to `bytes`.
    fn multi(bytes: &[u8], charset: &'static Charset, letters: impl Iterator<Item = char>) -> Option<Self> {
        if charset == encoding_rs::ISO_2022_JP {
            return None;
        }
        // The later one of the two writes what the other only reads.
        let charset = if charset == encoding_rs::GBK { encoding_rs::GB18030 } else { charset };
        let encoding = Encoding::Multi(charset);
        let text = Self::transcode(encoding, bytes.len(), 0, letters.map(Some)).ok()?;
        // A charset may have two spellings of one letter, of which only one is written back.
        let mut back = Vec::with_capacity(bytes.len());
        for letter in text.decoded.chars() {
            match u32::from(letter).checked_sub(STRAY).and_then(|byte| u8::try_from(byte).ok()) {
                Some(byte) => back.push(byte),
                None => back.extend_from_slice(&charset.encode(letter.encode_utf8(&mut [0; 4])).0),
            }
        }
        (back == bytes).then_some(text)
    }

    /// A range of this text as a text of its own, whose positions lead back to the same raw bytes.
    pub(crate) fn part(&self, range: Range<usize>) -> Text<'_> {
        let start = self.raw_offset(range.start);
        let within = self.marks.iter().filter(|(mark, _)| range.contains(mark) && *mark > range.start);
        let marks = within.map(|(mark, raw)| (mark - range.start, *raw));
        let marks = if self.marks.is_empty() { Vec::new() } else { std::iter::once((0, start)).chain(marks).collect() };
        Text { decoded: Cow::Borrowed(self.slice(range)), encoding: self.encoding, start, marks }
    }

    fn transcode(
        encoding: Encoding,
        end: usize,
        start: usize,
        letters: impl Iterator<Item = Option<char>>,
    ) -> Result<Self> {
        let mut text = String::new();
        let mut marks = vec![(0, start)];
        let mut raw = start;
        for letter in letters {
            let letter =
                letter.ok_or_else(|| Error::malformed(raw as u64, "XML text breaks the rules of its encoding"))?;
            if marks.last().is_some_and(|(mark, _)| text.len() - mark >= MARK_EVERY) {
                marks.push((text.len(), raw));
            }
            text.push(letter);
            raw += encoding.width(letter);
        }
        if raw != end {
            return Err(Error::malformed(raw as u64, "XML text ends within a character"));
        }
        Ok(Self { decoded: Cow::Owned(text), encoding, start, marks })
    }

    /// The text, without a byte order mark.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// The text of a range of positions; empty when the range is not one of this text.
    pub fn slice(&self, range: Range<usize>) -> &str {
        self.decoded.get(range).unwrap_or_default()
    }

    /// The raw byte at which the character at `position` begins.
    pub fn raw_offset(&self, position: usize) -> usize {
        let index = self.marks.partition_point(|(mark, _)| *mark <= position);
        match index.checked_sub(1).and_then(|index| self.marks.get(index)) {
            Some(&(mark, raw)) => {
                let between = self.decoded.get(mark..position).unwrap_or_default();
                raw + between.chars().map(|letter| self.encoding.width(letter)).sum::<usize>()
            }
            None => self.start + position,
        }
    }

    /// The raw bytes of a range of positions.
    pub fn raw(&self, range: Range<usize>) -> Range<usize> {
        self.raw_offset(range.start)..self.raw_offset(range.end)
    }

    /// How the part spells characters.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The edit of the raw part that takes `range` out: spaces in its place, or nothing.
    ///
    /// ```
    /// use unlabel_core::containers::xml::Text;
    /// use unlabel_core::{Edit, Layout, Limits};
    /// let text = Text::decode(b"<a><b/></a>", &Limits::default()).unwrap();
    /// assert_eq!(text.take_out(3..7, Layout::Preserve), Edit::fill(3..7, b' '));
    /// assert_eq!(text.take_out(3..7, Layout::Compact), Edit::delete(3..7));
    /// ```
    pub fn take_out(&self, range: Range<usize>, layout: Layout) -> Edit {
        let raw = self.raw(range);
        self.encoding.take_out(raw.start as u64..raw.end as u64, layout)
    }
}

/// `bytes` as text of `charset`, with a character of its own for every byte that is none.
fn with_strays(bytes: &[u8], charset: &'static Charset) -> String {
    let mut decoder = charset.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        let longest = decoder.max_utf8_buffer_length_without_replacement(rest.len());
        text.reserve(longest.unwrap_or(rest.len()).max(16));
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, true);
        let (done, after) = rest.split_at(read.min(rest.len()));
        rest = after;
        match result {
            encoding_rs::DecoderResult::Malformed(broken, more) => {
                // The decoder has read `more` bytes on, which it takes up again.
                let broken = done.len().saturating_sub(usize::from(broken) + usize::from(more));
                let end = done.len().saturating_sub(usize::from(more));
                let strays = done.get(broken..end).unwrap_or_default().iter();
                text.extend(strays.filter_map(|byte| char::from_u32(STRAY + u32::from(*byte))));
                decoder = charset.new_decoder_without_bom_handling();
                rest = bytes.get(bytes.len() - rest.len() - usize::from(more)..).unwrap_or_default();
            }
            encoding_rs::DecoderResult::OutputFull => {}
            encoding_rs::DecoderResult::InputEmpty => return text,
        }
    }
}

/// The encoding that the XML declaration at the start of `bytes` names.
fn declared_encoding(bytes: &[u8]) -> Option<&str> {
    let head = bytes.get(..bytes.len().min(256))?;
    let head = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let head = head.get(..memchr::memmem::find(head, b"?>")?)?;
    let after = head.get(memchr::memmem::find(head, b"encoding")? + b"encoding".len()..)?;
    let quoted = after.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, name) = quoted.split_first()?;
    let name = name.get(..memchr::memchr(*quote, name)?)?;
    matches!(quote, b'"' | b'\'').then_some(())?;
    std::str::from_utf8(name).ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;
    use crate::plan::Plan;

    fn decode(bytes: &[u8]) -> Result<Text<'_>> {
        Text::decode(bytes, &Limits::default())
    }

    #[test]
    fn declared_encodings_are_honoured() {
        let latin = decode(b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>").unwrap();
        assert!(latin.as_str().ends_with("<a>\u{e9}</a>"));
        let end = latin.as_str().len();
        assert_eq!(latin.raw_offset(end), 51);
        let slip = decode(b"<?xml version=\"1.0\" encoding=\"UTF-16\"?><a/>").unwrap();
        assert!(slip.as_str().ends_with("<a/>"));
        assert!(decode(b"<?xml version='1.0' encoding='GBK'?><a>ascii</a>").is_ok());
        let chinese = decode(b"<?xml version='1.0' encoding='GBK'?><a>\xd6\xd0</a>").unwrap();
        assert!(chinese.as_str().ends_with("<a>\u{4e2d}</a>"));
        assert_eq!(chinese.raw(39..42), 39..41);
        let shifted = decode(b"<?xml version='1.0' encoding='iso-2022-jp'?><a>\x1b$B;z\x1b(B</a>").unwrap_err();
        assert_eq!(shifted.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn stray_bytes_stand_for_themselves() {
        let limits = Limits::default();
        let bytes = b"a\xc3\xa9\xff\xe4\xb8b\xe4\xb8\xad";
        let text = Text::lenient(bytes, encoding_rs::UTF_8, &limits).unwrap();
        assert_eq!(text.as_str(), "a\u{e9}\u{10ffff}\u{10ffe4}\u{10ffb8}b\u{4e2d}");
        assert_eq!(text.raw_offset(text.as_str().len()), bytes.len());
        let latin = Text::lenient(b"a\xe9", encoding_rs::WINDOWS_1252, &limits).unwrap();
        assert_eq!(latin.as_str(), "a\u{e9}");
        let part = text.part(1..3);
        assert_eq!((part.as_str(), part.raw(0..2)), ("\u{e9}", 1..3));
    }

    #[test]
    fn broken_text_names_its_byte() {
        assert_eq!(decode(b"<a>\xff</a>").unwrap_err().offset(), Some(3));
        assert_eq!(decode(b"\xff\xfe<\0\0\xdca\0").unwrap_err().offset(), Some(4));
        assert_eq!(decode(b"\xff\xfe<\0a").unwrap_err().offset(), Some(4));
    }

    proptest! {
        #[test]
        fn every_position_leads_back(letters in "[a-z\u{e9}\u{4e2d}\u{1f600}]{0,900}", form in 0..5_usize) {
            let text = format!("<{letters}");
            let bytes: Vec<u8> = match form {
                0 => text.bytes().collect(),
                1 => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                2 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
                3 => text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect(),
                _ => text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect(),
            };
            let decoded = decode(&bytes).unwrap();
            prop_assert_eq!(decoded.as_str(), &text);
            for (position, letter) in text.char_indices() {
                let raw = decoded.raw(position..position + letter.len_utf8());
                prop_assert_eq!(&bytes[raw], decoded.encoding.encode(&letter.to_string()).unwrap());
            }
            let whole = decoded.take_out(0..text.len(), Layout::Preserve);
            prop_assert!(whole.keeps_length());
            let blank = Plan::new(vec![whole], bytes.len() as u64).unwrap().apply(&bytes).unwrap();
            prop_assert_eq!(blank, decoded.encoding.encode(&" ".repeat(bytes.len() / decoded.encoding.width(' '))).unwrap());
        }

        #[test]
        fn any_bytes_are_some_text(bytes in proptest::collection::vec(any::<u8>(), 0..200), charset in 0..5_usize) {
            let charset = [encoding_rs::UTF_8, encoding_rs::GBK, encoding_rs::BIG5, encoding_rs::SHIFT_JIS,
                encoding_rs::ISO_2022_JP][charset];
            prop_assume!(!matches!(bytes[..], [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..]));
            let text = Text::lenient(&bytes, charset, &Limits::default()).unwrap();
            prop_assert_eq!(text.raw_offset(text.as_str().len()), bytes.len());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
