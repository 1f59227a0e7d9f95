//! Chunks of fields at fixed places: the broadcast extension (EBU Tech 3285) and the cart chunk (AES46).

use std::ops::Range;

use crate::containers::text;
use crate::limits::Limits;

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    /// Bytes, shown in hexadecimal digits.
    Binary,
}

use Form::{Binary, Text};

/// Name, first byte, bytes, form. A field of no length goes on to the end of the chunk.
type Field = (&'static str, usize, usize, Form);

const BEXT: &[Field] = &[
    ("Description", 0, 256, Text),
    ("Originator", 256, 32, Text),
    ("OriginatorReference", 288, 32, Text),
    ("OriginationDate", 320, 10, Text),
    ("OriginationTime", 330, 8, Text),
    ("UMID", 348, 64, Binary),
    ("CodingHistory", 602, 0, Text),
];

const CART: &[Field] = &[
    ("Title", 4, 64, Text),
    ("Artist", 68, 64, Text),
    ("CutID", 132, 64, Text),
    ("ClientID", 196, 64, Text),
    ("Category", 260, 64, Text),
    ("Classification", 324, 64, Text),
    ("OutCue", 388, 64, Text),
    ("StartDate", 452, 10, Text),
    ("StartTime", 462, 8, Text),
    ("EndDate", 470, 10, Text),
    ("EndTime", 480, 8, Text),
    ("ProducerAppID", 488, 64, Text),
    ("ProducerAppVersion", 552, 64, Text),
    ("UserDef", 616, 64, Text),
    ("URL", 1024, 1024, Text),
    ("TagText", 2048, 0, Text),
];

/// A field that says something.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) key: &'static str,
    pub(super) text: String,
    /// Bytes of the data of the chunk.
    pub(super) range: Range<usize>,
    /// Whether it is the end of the chunk, which may be cut.
    pub(super) is_tail: bool,
}

/// The fields of a chunk of this name that say something, in order.
pub(super) fn values(id: [u8; 4], data: &[u8], limits: &Limits) -> Vec<Value> {
    let table = if &id == b"cart" { CART } else { BEXT };
    let mut values = Vec::new();
    for (key, start, length, form) in table {
        let is_tail = *length == 0;
        let end = if is_tail { data.len() } else { (start + length).min(data.len()) };
        let Some(bytes) = data.get(*start..end).filter(|bytes| !is_blank(bytes)) else { continue };
        let text = match form {
            Text => {
                // What stands behind the terminator goes with the field, and is nobody's text.
                let end = memchr::memchr(0, bytes).filter(|_| !is_tail).unwrap_or(bytes.len());
                text::value(text::decode(bytes.get(..end).unwrap_or_default()), limits)
            }
            Binary => hex(bytes),
        };
        values.push(Value { key, text, range: *start..end, is_tail });
    }
    values
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_order_and_do_not_overlap() {
        for table in [BEXT, CART] {
            assert!(table.windows(2).all(|pair| pair[0].1 + pair[0].2 <= pair[1].1));
        }
    }

    #[test]
    fn empty_fields_say_nothing() {
        let mut data = vec![0; 610];
        data[..4].copy_from_slice(b"text");
        data[602..].copy_from_slice(b"A=PCM\r\n\0");
        let values = values(*b"bext", &data, &Limits::default());
        let told: Vec<_> = values.iter().map(|value| (value.key, &*value.text, value.is_tail)).collect();
        assert_eq!(told, [("Description", "text", false), ("CodingHistory", "A=PCM\r\n", true)]);
    }
}
