//! The values of entries: items, and text.

use super::directory::{Coding, Entry};
use super::tags::Form;
use crate::containers::text;
use crate::limits::Limits;

/// Bytes per item of a format, if it is one.
pub(super) fn item_len(format: u16) -> Option<u64> {
    match format {
        1 | 2 | 6 | 7 | 129 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}

pub(super) fn is_numeric(format: u16) -> bool {
    !matches!(format, 1 | 2 | 6 | 7 | 129)
}

impl Coding {
    /// The items of an integer value.
    pub(super) fn integers<'b>(self, bytes: &'b [u8], entry: &Entry) -> impl Iterator<Item = u64> + 'b {
        let is_integer = matches!(entry.format, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16..=18);
        let value = entry.value.clone().filter(|_| is_integer).and_then(|range| bytes.get(range)).unwrap_or_default();
        let item = item_len(entry.format).unwrap_or(1) as usize;
        value.chunks_exact(item).map(move |item| self.integer(item))
    }

    /// The value of a site as text.
    pub(super) fn text(self, value: &[u8], entry: &Entry, form: Form, limits: &Limits) -> Option<String> {
        entry.value.as_ref()?;
        // Every coding here takes at most four bytes for a byte of text that is kept.
        let value = value.get(..limits.value_bytes.saturating_mul(4).saturating_add(16)).unwrap_or(value);
        match form {
            Form::Text => Some(text::value(text::decode(value), limits)),
            Form::Utf16 => Some(text::value(text::decode_utf16(value, false), limits)),
            Form::Comment => Some(self.comment(value, limits)),
            Form::Number if entry.count == 1 && value.len() <= 8 => Some(self.integer(value).to_string()),
            Form::Number | Form::Opaque | Form::Structure => None,
        }
    }

    /// Text behind an identifier of its character set (Exif 3.0, 4.6.6.6).
    fn comment(self, value: &[u8], limits: &Limits) -> String {
        let Some((charset, comment)) = value.split_first_chunk::<8>() else {
            return text::value(text::decode(value), limits);
        };
        let decoded = match charset {
            b"UNICODE\0" => text::decode_utf16(comment, text::looks_big_endian(comment, self.big_endian)),
            b"JIS\0\0\0\0\0" => text::decode_as(comment, encoding_rs::ISO_2022_JP),
            b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => text::decode(comment),
            // Writers that do not know of the identifier begin with the text.
            _ => text::decode(value),
        };
        text::value(decoded, limits).trim_end_matches(['\0', ' ']).to_owned()
    }
}
