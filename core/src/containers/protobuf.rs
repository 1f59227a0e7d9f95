//! Protocol Buffers, read by byte offsets (protobuf.dev, "Encoding"): the fields of one message after the other.
//!
//! Nothing is written here; lengths that an edit changes are written with [`varint`].

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::Result;

pub(crate) use super::thrift::varint;

/// A field of a message. Ranges count from the start of the bytes that the reader was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) number: u64,
    /// All of it, from its tag on.
    pub(crate) range: Range<usize>,
    pub(crate) value: Value,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u64),
    /// A text, other bytes, or a message; the length stands in front.
    Bytes(Range<usize>),
    /// Four or eight bytes.
    Fixed,
}

impl Field {
    /// The bytes of its value; none for numbers.
    pub(crate) fn bytes(&self) -> Range<usize> {
        if let Value::Bytes(range) = &self.value { range.clone() } else { self.range.end..self.range.end }
    }

    /// Its value as a number; 0 for others.
    pub(crate) fn number(&self) -> u64 {
        if let Value::Number(number) = self.value { number } else { 0 }
    }
}

/// The fields of the message in `bytes[within]`; errors count from `base`, where the bytes lie.
pub(crate) fn fields(bytes: &[u8], within: Range<usize>, base: u64) -> impl Iterator<Item = Result<Field>> {
    let mut position = within.start;
    let message = bytes.get(..within.end).unwrap_or_default();
    std::iter::from_fn(move || {
        if position >= message.len() {
            return None;
        }
        let mut cursor = Cursor::within(message, base);
        let read = cursor.seek(position).and_then(|()| field(&mut cursor));
        // What follows a damaged field cannot be told.
        position = read.as_ref().map_or(message.len(), |field| field.range.end);
        Some(read)
    })
}

fn field(cursor: &mut Cursor<'_>) -> Result<Field> {
    let start = cursor.position();
    let tag = read_varint(cursor)?;
    let value = match tag & 7 {
        0 => Value::Number(read_varint(cursor)?),
        1 => cursor.skip(8).map(|()| Value::Fixed)?,
        2 => {
            let len = usize::try_from(read_varint(cursor)?).unwrap_or(usize::MAX);
            let start = cursor.position();
            cursor.skip(len)?;
            Value::Bytes(start..cursor.position())
        }
        5 => cursor.skip(4).map(|()| Value::Fixed)?,
        _ => return Err(cursor.malformed("a field of unknown type")),
    };
    if tag >> 3 == 0 {
        return Err(cursor.malformed("a field without a number"));
    }
    Ok(Field { number: tag >> 3, range: start..cursor.position(), value })
}

/// Reads a number in groups of seven bits.
pub(crate) fn read_varint(cursor: &mut Cursor<'_>) -> Result<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = cursor.u8()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(cursor.malformed("a number is too long"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type_are_told() {
        let bytes = [9, 0x08, 0x96, 1, 0x12, 2, b'a', b'b', 0x1d, 0, 0, 0, 0, 0x21, 0, 0, 0, 0, 0, 0, 0, 0, 9];
        let read: Vec<_> = fields(&bytes, 1..22, 0).map(Result::unwrap).collect();
        let numbers: Vec<_> = read.iter().map(|field| (field.number, field.range.clone())).collect();
        assert_eq!(numbers, [(1, 1..4), (2, 4..8), (3, 8..13), (4, 13..22)]);
        assert_eq!((read[0].number(), read[1].bytes(), read[3].bytes()), (150, 6..8, 22..22));
    }

    #[test]
    fn damage_ends_the_message() {
        for bytes in [&[0x0b][..], &[0x12, 5, 1], &[0x08], &[0x00, 1], &[0xff; 12], &[0x0d, 1]] {
            let read: Vec<_> = fields(bytes, 0..bytes.len(), 0).take(3).collect();
            assert!(read.len() == 1 && read[0].is_err(), "{bytes:x?}");
        }
    }
}
