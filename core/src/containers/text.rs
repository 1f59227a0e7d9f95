//! Text as metadata blocks hold it: bytes that mostly are UTF-8, UTF-16, or a Windows code page.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::limits::Limits;

/// `bytes` as UTF-8 if they are that, else as Windows-1252, which is what writers mean by "ASCII" and by Latin-1.
pub(crate) fn decode(bytes: &[u8]) -> String {
    decode_as(bytes, UTF_8)
}

/// `bytes` in `encoding` if they are valid in it, else as Windows-1252.
pub(crate) fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> String {
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => text.into_owned(),
        None => WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// `bytes` as UTF-16; a byte order mark wins over `big_endian`. An odd last byte is ignored.
pub(crate) fn decode_utf16(bytes: &[u8], big_endian: bool) -> String {
    let (encoding, units) = match bytes {
        [0xFE, 0xFF, rest @ ..] => (UTF_16BE, rest),
        [0xFF, 0xFE, rest @ ..] => (UTF_16LE, rest),
        _ => (if big_endian { UTF_16BE } else { UTF_16LE }, bytes),
    };
    let even = units.get(..units.len() & !1).unwrap_or_default();
    encoding.decode_without_bom_handling(even).0.into_owned()
}

/// Whether UTF-16 text of unknown byte order is big-endian, judged by where its zero bytes stand.
pub(crate) fn looks_big_endian(units: &[u8], otherwise: bool) -> bool {
    let (mut high, mut low) = (0usize, 0usize);
    for (index, byte) in units.iter().take(4096).enumerate() {
        if *byte == 0 {
            *(if index % 2 == 0 { &mut high } else { &mut low }) += 1;
        }
    }
    if high == low { otherwise } else { high > low }
}

/// `text` without the NULs that terminate or pad it, cut to what a survey keeps of a value.
pub(crate) fn value(mut text: String, limits: &Limits) -> String {
    text.truncate(text.trim_end_matches('\0').len());
    if text.len() > limits.value_bytes {
        text.truncate(text.floor_char_boundary(limits.value_bytes));
    }
    text
}

/// Whether `text` is the content label of GB 45438, which must not be removed.
pub(crate) fn is_aigc(text: &str) -> bool {
    text.trim_start().starts_with('{') && text.contains("\"AIGC\"")
}

/// Whether `bytes` read as text: no control characters but white space.
pub(crate) fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte >= b' ' || b"\t\r\n".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_apart() {
        assert_eq!(decode("grün".as_bytes()), "grün");
        assert_eq!(decode(b"gr\xfcn"), "grün");
        assert_eq!(decode_utf16(b"a\0b\0\0", false), "ab");
        assert_eq!(decode_utf16(b"\xfe\xff\0a", false), "a");
        assert!(looks_big_endian(b"\0a\0b", false));
        assert!(!looks_big_endian(b"a\0b\0", true));
        assert!(looks_big_endian("中文".as_bytes(), true));
    }

    #[test]
    fn values_lose_padding_and_excess() {
        let limits = Limits { value_bytes: 3, ..Limits::default() };
        assert_eq!(value("ab\0\0".into(), &limits), "ab");
        assert_eq!(value("aüü".into(), &limits), "aü");
    }
}
