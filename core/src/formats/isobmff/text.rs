//! Texts in user data: the international texts of QuickTime, the fields of 3GPP, and whatever else reads as text.

use std::ops::Range;

use crate::containers::text::{decode, decode_as, decode_utf16, is_text};
use crate::cursor::Cursor;

/// One text of a box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    /// Bytes of the payload: with the fields before the text.
    pub(super) range: Range<usize>,
    pub(super) value: String,
    /// The language, where it is one of ISO 639-2.
    pub(super) language: Option<String>,
}

/// The texts of a `©xxx` box: each with a length and a language. Nothing when the payload is no such list.
pub(super) fn international(data: &[u8]) -> Option<Vec<Text>> {
    let mut cursor = Cursor::new(data);
    let mut texts = Vec::new();
    while cursor.remaining() >= 4 {
        let start = cursor.position();
        let (length, code) = (cursor.u16_be().ok()?, cursor.u16_be().ok()?);
        if length == 0 && data.get(start..)?.iter().all(|byte| *byte == 0) {
            break;
        }
        // Some writers count the fields before the text, too.
        let rest = cursor.remaining();
        let length = usize::from(length);
        let length = if length > rest && length == rest + 4 { rest } else { length };
        let bytes = cursor.take(length).ok()?;
        let value = match (code, bytes) {
            // Codes up to here are those of Macintosh scripts; the first is Roman.
            (_, [0xfe, 0xff, ..] | [0xff, 0xfe, ..]) => decode_utf16(bytes, true),
            (0..0x400, _) if std::str::from_utf8(bytes).is_err() => decode_as(bytes, encoding_rs::MACINTOSH),
            _ => decode(bytes),
        };
        texts.push(Text { range: start..cursor.position(), value, language: language(code) });
    }
    let rest = cursor.rest();
    (!texts.is_empty() && rest.iter().all(|byte| *byte == 0)).then_some(texts)
}

/// The code of a packed ISO 639-2 language.
fn language(code: u16) -> Option<String> {
    let letter = |shift: u16| u8::try_from((code >> shift) & 31).ok().filter(|letter| (1..=26).contains(letter));
    let letters = [letter(10)?, letter(5)?, letter(0)?];
    let code: String = letters.iter().map(|letter| char::from(letter + 0x60)).collect();
    (code != "und").then_some(code)
}

/// Where the language and the text stand in the fields of 3GPP TS 26.244, clause 8, counted from behind version and
/// flags.
fn field(kind: [u8; 4]) -> Option<usize> {
    match &kind {
        b"titl" | b"dscp" | b"cprt" | b"perf" | b"auth" | b"gnre" | b"albm" | b"loci" | b"kywd" => Some(0),
        b"rtng" => Some(8),
        b"clsf" => Some(6),
        _ => None,
    }
}

/// The value of a field of 3GPP, and its language.
pub(super) fn asset(kind: [u8; 4], data: &[u8]) -> Option<(String, Option<String>)> {
    let mut cursor = Cursor::new(data);
    if cursor.u32_be().ok()? != 0 {
        return None;
    }
    if kind == *b"yrrc" {
        return (data.len() == 6).then(|| cursor.u16_be().ok().map(|year| (year.to_string(), None)))?;
    }
    cursor.skip(field(kind)?).ok()?;
    let code = cursor.u16_be().ok()?;
    let value = if kind == *b"kywd" { keywords(cursor)? } else { terminated(cursor.rest())? };
    Some((value, language(code)))
}

fn keywords(mut cursor: Cursor<'_>) -> Option<String> {
    let count = cursor.u8().ok()?;
    let mut words = Vec::new();
    for _ in 0..count {
        let length = usize::from(cursor.u8().ok()?);
        words.push(terminated(cursor.take(length).ok()?)?);
    }
    Some(words.join(", "))
}

/// A text up to its NUL, in UTF-8 or in UTF-16 with a byte order mark.
fn terminated(bytes: &[u8]) -> Option<String> {
    if let [0xfe, 0xff, rest @ ..] = bytes {
        let units = rest.chunks_exact(2).take_while(|unit| *unit != [0, 0]).count();
        return Some(decode_utf16(rest.get(..units * 2)?, true));
    }
    let end = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    let text = bytes.get(..end)?;
    is_text(text).then(|| decode(text))
}

/// The payload as one text, if it reads as one.
pub(super) fn plain(data: &[u8]) -> Option<String> {
    let end = data.iter().rposition(|byte| *byte != 0)? + 1;
    let bytes = data.get(..end)?;
    if !is_text(bytes) || std::str::from_utf8(bytes).is_err() {
        return None;
    }
    Some(decode(bytes))
}

/// One entry of an `Xtra` box (Windows Media attributes).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) range: Range<usize>,
    pub(super) name: String,
    pub(super) value: Option<String>,
}

/// The entries of an `Xtra` box. Nothing when its payload is not a list of them.
pub(super) fn attributes(data: &[u8]) -> Option<Vec<Attribute>> {
    let mut cursor = Cursor::new(data);
    let mut found = Vec::new();
    while cursor.remaining() >= 4 {
        let start = cursor.position();
        let length = cursor.u32_be().ok()? as usize;
        if length == 0 && data.get(start..)?.iter().all(|byte| *byte == 0) {
            break;
        }
        let mut entry = Cursor::new(cursor.take(length.checked_sub(4)?).ok()?);
        let name_len = entry.u32_be().ok()? as usize;
        let name = decode(entry.take(name_len).ok()?);
        let count = entry.u32_be().ok()?;
        let mut values = Vec::new();
        for _ in 0..count.min(1 << 16) {
            let size = entry.u32_be().ok()? as usize;
            let form = entry.u16_be().ok()?;
            values.push(attribute(form, entry.take(size.checked_sub(6)?).ok()?));
        }
        let value: Option<Vec<String>> = values.into_iter().collect();
        let range = start..cursor.position();
        found.push(Attribute { range, name, value: value.map(|values| values.join("; ")) });
    }
    (!found.is_empty() && cursor.rest().iter().all(|byte| *byte == 0)).then_some(found)
}

fn attribute(form: u16, bytes: &[u8]) -> Option<String> {
    let number = || Some(u64::from_le_bytes(bytes.try_into().ok()?).to_string());
    match form {
        8 => Some(decode_utf16(bytes, false).trim_end_matches('\0').to_owned()),
        19 | 21 => number(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_several_languages_are_told_apart() {
        let texts = international(b"\0\x02\x00\x00hi\0\x03\x10\xb5T\xc3\xbc\0\0\0\0").unwrap();
        let found: Vec<_> = texts.iter().map(|text| (&*text.value, text.language.as_deref())).collect();
        assert_eq!(found, [("hi", None), ("T\u{fc}", Some("deu"))]);
        assert_eq!((texts[0].range.clone(), texts[1].range.clone()), (0..6, 6..13));
        assert_eq!(international(b"\0\x03\x00\x00caf").unwrap()[0].value, "caf");
        assert_eq!(international(b"\0\x01\x00\x00\x8e").unwrap()[0].value, "\u{e9}", "Mac Roman");
        for data in [&b""[..], b"\0\0\0\0", b"Just text", b"\0\x0c\0\0short"] {
            assert_eq!(international(data), None, "{data:?}");
        }
        assert_eq!(international(b"\0\x06\0\0hi").unwrap()[0].value, "hi", "a length with the fields before the text");
    }

    #[test]
    fn fields_of_3gpp_are_read() {
        let value = |kind: &[u8; 4], data: &[u8]| asset(*kind, data).map(|(value, _)| value);
        assert_eq!(value(b"titl", b"\0\0\0\0\x15\xc7Hi\0").unwrap(), "Hi");
        assert_eq!(value(b"titl", b"\0\0\0\0\x15\xc7\xfe\xff\0H\0i\0\0").unwrap(), "Hi");
        assert_eq!(value(b"kywd", b"\0\0\0\0\x15\xc7\x02\x02a\0\x02bc").unwrap(), "a, bc");
        assert_eq!(value(b"rtng", b"\0\0\0\0ICRAcrit\x15\xc7PG\0").unwrap(), "PG");
        assert_eq!(value(b"yrrc", b"\0\0\0\0\x07\xd0").unwrap(), "2000");
        assert_eq!(value(b"titl", b"Plain title"), None);
        assert_eq!(value(b"kywd", b"\0\0\0\0\x15\xc7\x02\x02a\0\x09bc"), None);
    }

    #[test]
    fn attributes_of_windows_are_read() {
        let text = b"\0\0\0\x20\0\0\0\x08Category\0\0\0\x01\0\0\0\x0c\0\x08a\0b\0\0\0";
        let entries = attributes(text).unwrap();
        assert_eq!((&*entries[0].name, entries[0].value.as_deref()), ("Category", Some("ab")));
        let number = b"\0\0\0\x1f\0\0\0\x01n\0\0\0\x01\0\0\0\x0e\0\x13\x07\0\0\0\0\0\0\0";
        assert_eq!(attributes(number), None, "an entry that is longer than the box");
        let number = b"\0\0\0\x1b\0\0\0\x01n\0\0\0\x01\0\0\0\x0e\0\x13\x07\0\0\0\0\0\0\0";
        assert_eq!(attributes(number).unwrap()[0].value.as_deref(), Some("7"));
        assert_eq!(attributes(b""), None);
    }
}
