//! Text strings and names as Unicode (ISO 32000-2 §7.9.2, Annex D).

/// Decodes a text string: UTF-16 or UTF-8 by its byte order mark, else `PDFDocEncoding`.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match bytes {
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|&byte| doc_encoding(byte)).collect(),
    }
}

/// Decodes a name: UTF-8, as the specification asks, else `PDFDocEncoding`.
pub(super) fn name_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&byte| doc_encoding(byte)).collect(),
    }
}

/// UTF-16 without its byte order mark; language marks (an escape character around a code) are left out.
fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|&pair| unit(pair));
    let mut in_mark = false;
    char::decode_utf16(units)
        .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
        .filter(|&letter| {
            let mark = letter == '\u{1b}';
            in_mark ^= mark;
            !mark && !in_mark
        })
        .collect()
}

fn doc_encoding(byte: u8) -> char {
    let code = match byte {
        0x18..=0x1F => SPACING.get(usize::from(byte - 0x18)).copied(),
        0x80..=0x9E => SYMBOLS.get(usize::from(byte - 0x80)).copied(),
        0xA0 => Some('\u{20ac}'),
        _ => None,
    };
    code.unwrap_or(char::from(byte))
}

/// Codes 0x18 to 0x1F.
const SPACING: [char; 8] = ['\u{2d8}', '\u{2c7}', '\u{2c6}', '\u{2d9}', '\u{2dd}', '\u{2db}', '\u{2da}', '\u{2dc}'];

/// Codes 0x80 to 0x9E.
const SYMBOLS: [char; 31] = [
    '\u{2022}', '\u{2020}', '\u{2021}', '\u{2026}', '\u{2014}', '\u{2013}', '\u{192}', '\u{2044}', '\u{2039}',
    '\u{203a}', '\u{2212}', '\u{2030}', '\u{201e}', '\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '\u{201a}',
    '\u{2122}', '\u{fb01}', '\u{fb02}', '\u{141}', '\u{152}', '\u{160}', '\u{178}', '\u{17d}', '\u{131}', '\u{142}',
    '\u{153}', '\u{161}', '\u{17e}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_coding_of_a_text_string_is_read() {
        assert_eq!(text_string(b"\xFE\xFF\x4E\x2D\0A"), "\u{4e2d}A");
        assert_eq!(text_string(b"\xFF\xFE\x2D\x4EA\0"), "\u{4e2d}A");
        assert_eq!(text_string("\u{feff}caf\u{e9}".as_bytes()), "caf\u{e9}");
        assert_eq!(text_string(b"\x84 \xA0 \xE9"), "\u{2014} \u{20ac} \u{e9}");
        assert_eq!(text_string(b"\xFE\xFF\0\x1B\0d\0e\0\x1B\0A\0B"), "AB");
        assert_eq!(name_text("\u{6807}".as_bytes()), "\u{6807}");
        assert_eq!(name_text(b"caf\xE9"), "caf\u{e9}");
    }
}
