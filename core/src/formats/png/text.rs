//! Text chunks (PNG third edition, 11.3.3), and the hex profiles that programs put into them.

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::deflate::{Wrapper, inflate, inflate_windows};
use crate::containers::text::decode;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::survey::Kind;

/// The keyword under which XMP is stored.
pub(super) const XMP: &str = "XML:com.adobe.xmp";

/// What the keywords of hex profiles begin with.
const PROFILE: &str = "Raw profile type ";

/// The keywords of the specification.
const KEYWORDS: [&str; 10] = [
    "Title",
    "Author",
    "Description",
    "Copyright",
    "Creation Time",
    "Software",
    "Disclaimer",
    "Warning",
    "Source",
    "Comment",
];

/// Hex digits of a profile on one line.
const LINE: usize = 72;

/// One `tEXt`, `zTXt` or `iTXt` chunk. All ranges are bytes of the file.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) keyword: String,
    /// The text, to the end of the chunk.
    pub(super) field: Range<usize>,
    pub(super) is_compressed: bool,
    is_utf8: bool,
}

impl Text {
    /// Reads the chunk of type `kind` whose data stands at `data`.
    pub(super) fn read(input: &[u8], kind: [u8; 4], data: &Range<usize>) -> Self {
        let end = data.end;
        // Where the NUL at or behind `start` stands; a chunk that lacks one ends in its place.
        let nul = |start: usize| {
            let rest = input.get(start..end).unwrap_or_default();
            memchr::memchr(0, rest).map_or(end, |length| start + length)
        };
        let keyword = data.start..nul(data.start);
        let after = |position: usize, count: usize| position.saturating_add(count).min(end);
        let field = |start| Self {
            keyword: decode(input.get(keyword.clone()).unwrap_or_default()),
            field: start..end,
            is_compressed: kind == *b"zTXt",
            is_utf8: false,
        };
        match &kind {
            b"zTXt" => field(after(keyword.end, 2)),
            b"iTXt" => {
                let language = after(keyword.end, 3);
                let translation = after(nul(language), 1);
                let start = after(nul(translation), 1);
                let is_compressed = input.get(keyword.end + 1) == Some(&1) && keyword.end + 1 < end;
                Self { is_compressed, is_utf8: true, ..field(start) }
            }
            _ => field(after(keyword.end, 1)),
        }
    }

    /// Who chose the keyword.
    pub(super) fn kind(&self) -> Kind {
        match &*self.keyword {
            "date:create" | "date:modify" | "date:timestamp" => Kind::Bookkeeping,
            XMP => Kind::Standard,
            keyword if KEYWORDS.contains(&keyword) || self.profile().is_some() => Kind::Standard,
            _ => Kind::Custom,
        }
    }

    /// The type of the hex profile, if the keyword names one.
    pub(super) fn profile(&self) -> Option<&str> {
        self.keyword.strip_prefix(PROFILE)
    }

    /// The text as far as a report wants it, decoded; nothing when it cannot be inflated.
    pub(super) fn value(&self, input: &[u8], limits: &Limits) -> Option<String> {
        let field = input.get(self.field.clone())?;
        let wanted = limits.value_bytes;
        let bytes = if self.is_compressed {
            Cow::Owned(inflate_head(field, wanted)?)
        } else {
            Cow::Borrowed(field.get(..wanted.saturating_add(4)).unwrap_or(field))
        };
        let mut value = match std::str::from_utf8(&bytes) {
            Err(error) if error.error_len().is_none() && self.is_utf8 => {
                // Cut within a character.
                String::from_utf8_lossy(bytes.get(..error.valid_up_to())?).into_owned()
            }
            _ => decode(&bytes),
        };
        value.truncate(value.floor_char_boundary(wanted));
        Some(value)
    }

    /// The whole text as bytes, inflated.
    pub(super) fn bytes<'a>(&self, input: &'a [u8], limits: &Limits) -> Result<Cow<'a, [u8]>> {
        let field = input.get(self.field.clone()).unwrap_or_default();
        if !self.is_compressed {
            limits.check_part(field.len() as u64)?;
            return Ok(Cow::Borrowed(field));
        }
        let inflated = inflate(field, Wrapper::Zlib, limits.part_bytes);
        inflated.map(|inflated| Cow::Owned(inflated.bytes)).map_err(|error| error.rebased(self.field.start as u64))
    }
}

/// About `wanted` bytes of a stream, or all it has.
fn inflate_head(coded: &[u8], wanted: usize) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let outcome = inflate_windows(coded, Wrapper::Zlib, u64::MAX, &mut |window| {
        head.extend_from_slice(window);
        if head.len() > wanted { Err(Error::limit("enough")) } else { Ok(()) }
    });
    (outcome.is_ok() || head.len() > wanted).then_some(head)
}

/// A hex profile as text: a line with its type, a line with its length, lines of hex digits.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// The text.
    text: Vec<u8>,
    /// Where the digits begin.
    digits: usize,
}

impl Profile {
    /// Reads a profile and decodes it.
    pub(super) fn read(text: &[u8]) -> Option<(Self, Vec<u8>)> {
        let name = text.iter().position(|byte| !byte.is_ascii_whitespace())?;
        let length = name + memchr::memchr(b'\n', text.get(name..)?)? + 1;
        let digits = length + memchr::memchr(b'\n', text.get(length..)?)? + 1;
        let profile = Self { text: text.to_vec(), digits };
        let mut bytes = Vec::with_capacity(text.len().saturating_sub(digits) / 2);
        let mut high = None;
        for byte in text.get(digits..)?.iter().filter(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0)) {
            let digit = char::from(*byte).to_digit(16)? as u8;
            match high.take() {
                None => high = Some(digit),
                Some(high) => bytes.push(high << 4 | digit),
            }
        }
        high.is_none().then_some((profile, bytes))
    }

    /// The text with `bytes` in it: in the old lines if the length is the old one.
    pub(super) fn write(&self, bytes: &[u8]) -> Vec<u8> {
        let head = self.text.get(..self.digits).unwrap_or_default();
        let body = self.text.get(self.digits..).unwrap_or_default();
        let upper = body.iter().any(u8::is_ascii_uppercase);
        let mut digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| {
            let letter = char::from_digit(u32::from(digit), 16).unwrap_or('0');
            (if upper { letter.to_ascii_uppercase() } else { letter }) as u8
        });
        let mut text = head.to_vec();
        if body.iter().filter(|byte| byte.is_ascii_hexdigit()).count() == bytes.len() * 2 {
            text.extend(body.iter().map(|byte| match byte {
                digit if digit.is_ascii_hexdigit() => digits.next().unwrap_or(*digit),
                space => *space,
            }));
            return text;
        }
        let name = head.trim_ascii().split(|byte| *byte == b'\n').next().unwrap_or_default();
        text = [b"\n", name, format!("\n{:8}", bytes.len()).as_bytes()].concat();
        for (index, digit) in digits.enumerate() {
            if index % LINE == 0 {
                text.push(b'\n');
            }
            text.push(digit);
        }
        text.push(b'\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: [u8; 4], data: &[u8]) -> Text {
        Text::read(data, kind, &(0..data.len()))
    }

    #[test]
    fn fields_are_told_apart() {
        let text = read(*b"tEXt", b"key\0value");
        assert_eq!((&*text.keyword, text.field.clone(), text.kind()), ("key", 4..9, Kind::Custom));
        let text = read(*b"zTXt", b"Title\0\0zlib");
        assert_eq!((text.field.clone(), text.is_compressed, text.kind()), (7..11, true, Kind::Standard));
        let text = read(*b"iTXt", b"k\0\x01\0de\0Schl\xc3\xbcssel\0text");
        assert_eq!((text.field, text.is_compressed), (18..22, true));
        for kind in [*b"tEXt", *b"zTXt", *b"iTXt"] {
            for length in 0..5 {
                let text = read(kind, b"k\0\0\0\0".get(..length).unwrap());
                assert_eq!(text.field, length.min(text.field.start)..length);
            }
        }
    }

    #[test]
    fn values_are_latin_or_utf8() {
        let limits = Limits::default();
        for (kind, data, want) in [
            (*b"tEXt", &b"k\0caf\xe9"[..], "caf\u{e9}"),
            (*b"tEXt", "k\0caf\u{e9}".as_bytes(), "caf\u{e9}"),
            (*b"iTXt", "k\0\0\0\0\0\u{4e2d}".as_bytes(), "\u{4e2d}"),
        ] {
            assert_eq!(read(kind, data).value(data, &limits).unwrap(), want);
        }
        let data = b"k\0\0not zlib";
        assert_eq!(read(*b"zTXt", data).value(data, &limits), None);
    }

    #[test]
    fn a_profile_keeps_its_lines() {
        let text = b"\nexif\n      40\n"
            .iter()
            .copied()
            .chain(*b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef01234567\n89abcdef\n");
        let text: Vec<u8> = text.collect();
        let (profile, mut bytes) = Profile::read(&text).unwrap();
        assert_eq!((bytes.len(), profile.write(&bytes)), (40, text.clone()));
        bytes[39] = 0;
        assert_eq!(profile.write(&bytes), [&text[..text.len() - 3], b"00\n"].concat());
        assert_eq!(profile.write(&bytes[..2]), b"\nexif\n       2\n0123\n");
        assert!(Profile::read(b"\nexif\n 3\n01x2").is_none());
    }
}
