//! What the content of a frame says (ID3v2.4 frames, section 4).

use std::ops::Range;

use encoding_rs::{UTF_8, WINDOWS_1252};

use super::names;
use crate::containers::text::{self, decode_utf16, looks_big_endian};
use crate::limits::Limits;
use crate::survey::Kind;

/// One frame as a label.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) address: String,
    pub(super) kind: Kind,
    pub(super) value: Option<String>,
    pub(super) raw_value: Option<String>,
    /// What people should know of the place besides: a language.
    pub(super) place: String,
    /// How much of the content is known.
    pub(super) known: usize,
    /// A file inside, and its name.
    pub(super) file: Option<(Range<usize>, String)>,
    /// The media type of the file.
    pub(super) media_type: String,
}

/// How text is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Latin1,
    Utf16,
    Utf16Be,
    Utf8,
}

impl Encoding {
    fn of(byte: u8) -> Self {
        match byte {
            1 => Self::Utf16,
            2 => Self::Utf16Be,
            3 => Self::Utf8,
            _ => Self::Latin1,
        }
    }

    fn is_wide(self) -> bool {
        matches!(self, Self::Utf16 | Self::Utf16Be)
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            // What is called Latin-1 is mostly Windows-1252, and often UTF-8.
            Self::Latin1 | Self::Utf8 => UTF_8
                .decode_without_bom_handling_and_without_replacement(bytes)
                .unwrap_or_else(|| WINDOWS_1252.decode_without_bom_handling(bytes).0)
                .into_owned(),
            Self::Utf16 => decode_utf16(bytes, looks_big_endian(bytes, false)),
            Self::Utf16Be => decode_utf16(bytes, true),
        }
    }

    /// The bytes of the first text, and where the next one begins; none when the text is not terminated.
    fn split(self, bytes: &[u8]) -> (&[u8], Option<usize>) {
        let (end, width) = if self.is_wide() {
            let end = bytes.chunks_exact(2).position(|unit| unit == [0, 0]).map(|index| index * 2);
            (end, 2)
        } else {
            (memchr::memchr(0, bytes), 1)
        };
        (bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default(), end.map(|end| end + width))
    }
}

/// A reader of texts one after the other.
struct Texts<'b> {
    bytes: &'b [u8],
    position: usize,
    encoding: Encoding,
}

impl<'b> Texts<'b> {
    /// Over content that begins with the number of an encoding.
    fn new(bytes: &'b [u8]) -> Self {
        let encoding = bytes.first().map_or(Encoding::Latin1, |byte| Encoding::of(*byte));
        Self { bytes, position: bytes.len().min(1), encoding }
    }

    fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn skip(&mut self, count: usize) -> &'b [u8] {
        let taken = self.rest().get(..count).unwrap_or(self.rest());
        self.position += taken.len();
        taken
    }

    fn next_as(&mut self, encoding: Encoding) -> String {
        let (text, next) = encoding.split(self.rest());
        self.position = next.map_or(self.bytes.len(), |next| self.position + next);
        encoding.decode(text)
    }

    fn next(&mut self) -> String {
        self.next_as(self.encoding)
    }

    /// All texts to the end, without empty ones behind the last.
    fn all_as(&mut self, encoding: Encoding) -> Vec<String> {
        let mut texts = Vec::new();
        while self.position < self.bytes.len() {
            texts.push(self.next_as(encoding));
        }
        while texts.last().is_some_and(|text| text.trim_end_matches('\0').is_empty()) {
            texts.pop();
        }
        texts
    }
}

/// Reads the content of a frame, whose name is that of later versions; `version` is the tag's.
pub(super) fn read(name: &str, version: u8, content: &[u8], limits: &Limits) -> Field {
    let mut texts = Texts::new(content);
    let mut field = match name {
        "TXXX" => {
            let key = texts.next();
            values(key, &texts.all_as(texts.encoding))
        }
        "WXXX" => {
            let key = texts.next();
            values(key, &texts.all_as(Encoding::Latin1))
        }
        "COMM" | "USLT" => {
            let language = texts.skip(3);
            let place = String::from_utf8_lossy(language).trim_matches(['\0', ' ']).to_owned();
            let key = texts.next();
            Field { place, ..values(key, &texts.all_as(texts.encoding)) }
        }
        "USER" => {
            texts.skip(3);
            values(String::new(), &texts.all_as(texts.encoding))
        }
        "PRIV" | "UFID" => owned(content, limits),
        "GEOB" => object(texts),
        "APIC" => picture(texts, version),
        "POPM" => {
            let mut texts = Texts { bytes: content, position: 0, encoding: Encoding::Latin1 };
            values(String::new(), &[texts.next()])
        }
        "GRP1" | "MVNM" | "MVIN" | "IPLS" => values(String::new(), &texts.all_as(texts.encoding)),
        _ if name.starts_with('T') => values(String::new(), &texts.all_as(texts.encoding)),
        _ if name.starts_with('W') => {
            let mut texts = Texts { bytes: content, position: 0, encoding: Encoding::Latin1 };
            values(String::new(), &texts.all_as(Encoding::Latin1))
        }
        _ => Field { known: 0, ..Field::default() },
    };
    field.kind = names::kind(name, &field.key);
    field.address = if field.key.is_empty() { format!("id3:{name}") } else { format!("id3:{name}:{}", field.key) };
    if field.key.is_empty() {
        name.clone_into(&mut field.key);
    }
    if field.value.is_some() && field.file.is_none() {
        field.known = content.len();
    }
    field.key = text::value(field.key, limits);
    field.value = field.value.map(|value| text::value(value, limits));
    field.raw_value = field.raw_value.map(|value| text::value(value, limits));
    field
}

/// A field of a key and one value or more.
fn values(key: String, values: &[String]) -> Field {
    let raw_value = (values.len() > 1).then(|| values.join("\0"));
    Field { key, value: Some(values.join(" / ")), raw_value, ..Field::default() }
}

/// An owner, and data that may be text.
fn owned(content: &[u8], limits: &Limits) -> Field {
    let mut texts = Texts { bytes: content, position: 0, encoding: Encoding::Latin1 };
    let key = texts.next();
    let data = texts.rest();
    let known = texts.position;
    Field { key, value: plain_text(data, limits), known, ..Field::default() }
}

/// Data as text, where it is that: in UTF-8, or as Windows Media Player writes it.
fn plain_text(data: &[u8], limits: &Limits) -> Option<String> {
    let trimmed = data.trim_ascii_end();
    let trimmed = trimmed.strip_suffix(&[0]).unwrap_or(trimmed);
    if data.len() > limits.value_bytes || data.is_empty() {
        return data.is_empty().then(String::new);
    }
    if text::is_text(trimmed) {
        return std::str::from_utf8(trimmed).ok().map(str::to_owned);
    }
    let is_wide = data.len().is_multiple_of(2) && data.chunks_exact(2).all(|unit| matches!(unit, [b' '..=b'~' | 0, 0]));
    is_wide.then(|| decode_utf16(data, false)).map(|text| text.trim_end_matches('\0').to_owned())
}

/// A file of any kind: media type, name, description.
fn object(mut texts: Texts<'_>) -> Field {
    let media_type = texts.next_as(Encoding::Latin1);
    let name = texts.next();
    let description = texts.next();
    let data = texts.position..texts.bytes.len();
    let key = if description.is_empty() { name.clone() } else { description };
    let value = Some(name.clone());
    Field { key, value, known: data.start, file: Some((data, name)), media_type, ..Field::default() }
}

/// A picture: media type or, in version 2.2, three letters; what it shows; description.
fn picture(mut texts: Texts<'_>, version: u8) -> Field {
    let media_type = if version == 2 {
        String::from_utf8_lossy(texts.skip(3)).into_owned()
    } else {
        texts.next_as(Encoding::Latin1)
    };
    texts.skip(1);
    let description = texts.next();
    let data = texts.position..texts.bytes.len();
    let extension = match &*media_type.to_ascii_lowercase() {
        "jpg" | "image/jpg" | "image/jpeg" => ".jpg",
        "png" | "image/png" => ".png",
        _ => "",
    };
    let name = format!("picture{extension}");
    Field { value: Some(description), known: data.start, file: Some((data, name)), media_type, ..Field::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, version: u8, content: &[u8]) -> (String, Option<String>) {
        let field = read(name, version, content, &Limits::default());
        (field.address, field.value)
    }

    fn pair(address: &str, value: &str) -> (String, Option<String>) {
        (address.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn texts_are_read_in_every_encoding() {
        assert_eq!(field("TXXX", 4, b"\0id\x008888"), pair("id3:TXXX:id", "8888"));
        assert_eq!(field("TXXX", 4, b"\x03k\xc3\xbc\0v\0"), pair("id3:TXXX:kü", "v"));
        assert_eq!(field("TXXX", 3, b"\x01\xff\xfei\0d\0\0\0\xff\xfe7\0\0\0"), pair("id3:TXXX:id", "7"));
        assert_eq!(field("TXXX", 3, b"\x01\xff\xfei\0d\0\0\x007\0"), pair("id3:TXXX:id", "7"));
        assert_eq!(field("TXXX", 3, b"\x02\0i\0d\0\0\x007"), pair("id3:TXXX:id", "7"));
        assert_eq!(field("TIT2", 4, b"\x03a\0b\0\0"), pair("id3:TIT2", "a / b"));
        assert_eq!(field("TXXX", 3, b"\0unended"), pair("id3:TXXX:unended", ""));
        assert_eq!(field("TIT2", 3, b""), pair("id3:TIT2", ""));
    }

    #[test]
    fn other_frames_have_keys_too() {
        assert_eq!(field("COMM", 3, b"\0engid\x007"), pair("id3:COMM:id", "7"));
        assert_eq!(field("COMM", 3, b"\0eng\0hello"), pair("id3:COMM", "hello"));
        assert_eq!(field("WXXX", 3, b"\x01\xff\xfea\0\0\0http://x"), pair("id3:WXXX:a", "http://x"));
        assert_eq!(field("PRIV", 3, b"owner\0text"), pair("id3:PRIV:owner", "text"));
        assert_eq!(field("PRIV", 3, b"owner\0\x01\x02"), ("id3:PRIV:owner".into(), None));
        assert_eq!(field("PRIV", 3, b"WM/Provider\0A\0M\0G\0\0\0"), pair("id3:PRIV:WM/Provider", "AMG"));
        assert_eq!(field("UFID", 4, b"http://db\x0012"), pair("id3:UFID:http://db", "12"));
        assert_eq!(field("WOAR", 4, b"http://x"), pair("id3:WOAR", "http://x"));
        assert_eq!(field("POPM", 4, b"who@x\0\xff\x01"), pair("id3:POPM", "who@x"));
        assert_eq!(field("GEOB", 4, b"\0text/plain\0a.txt\0what\0data"), pair("id3:GEOB:what", "a.txt"));
        assert_eq!(field("APIC", 2, b"\0PNG\x03front\0data"), pair("id3:APIC", "front"));
    }

    #[test]
    fn files_are_told_from_what_describes_them() {
        let field = read("APIC", 3, b"\0image/png\0\x03front\0data", &Limits::default());
        assert_eq!(field.file, Some((18..22, "picture.png".into())));
        assert_eq!(field.known, 18);
    }
}
