//! The compact protocol of Apache Thrift, read by byte offsets (thrift-compact-protocol.md).
//!
//! Values are read as the schema of a format asks for them; whatever it does not know is skipped. Nothing is written
//! here but the headers of lists and lengths of texts that an edit changes.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The type of a value.
pub(crate) type Type = u8;

pub(crate) const I32: Type = 5;
pub(crate) const I64: Type = 6;
pub(crate) const BINARY: Type = 8;
pub(crate) const LIST: Type = 9;
pub(crate) const STRUCT: Type = 12;

/// A field of a struct, whose value comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) id: i64,
    pub(crate) kind: Type,
}

impl Field {
    /// Whether it is this field, with a value of this type.
    pub(crate) fn is(self, id: i64, kind: Type) -> bool {
        self == Self { id, kind }
    }
}

/// A reader of one value after the other.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    cursor: Cursor<'a>,
    limits: &'a Limits,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, whose positions count from their start and errors from `base` before it.
    pub(crate) fn new(bytes: &'a [u8], base: u64, limits: &'a Limits) -> Self {
        Self { cursor: Cursor::within(bytes, base), limits, depth: 0 }
    }

    /// The offset of what comes next, from the start of the bytes.
    pub(crate) fn position(&self) -> usize {
        self.cursor.position()
    }

    /// Reads a struct: shows each field to `read`, which says whether it has read the value; others are skipped.
    pub(crate) fn fields(&mut self, read: &mut dyn FnMut(&mut Self, Field) -> Result<bool>) -> Result<()> {
        self.deeper()?;
        let mut id = 0;
        loop {
            let byte = self.cursor.u8()?;
            let kind = byte & 0x0f;
            if kind == 0 {
                break;
            }
            id = if byte >> 4 == 0 { self.int()? } else { id + i64::from(byte >> 4) };
            if !read(self, Field { id, kind })? {
                self.skip(kind)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads the header of a list: the type of its items, and how many there are.
    pub(crate) fn list(&mut self) -> Result<(Type, usize)> {
        let byte = self.cursor.u8()?;
        let count = if byte >> 4 == 15 { self.varint()? } else { u64::from(byte >> 4) };
        // Every item takes a byte at least.
        let count = usize::try_from(count).ok().filter(|count| *count <= self.cursor.remaining());
        let count = count.ok_or_else(|| self.cursor.malformed("a list is longer than the file"))?;
        self.limits.check_items(count, "items of a list")?;
        Ok((byte & 0x0f, count))
    }

    /// Reads a whole number of any width.
    pub(crate) fn int(&mut self) -> Result<i64> {
        let bits = self.varint()?;
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    /// Reads a text or other bytes: where they lie.
    pub(crate) fn binary(&mut self) -> Result<Range<usize>> {
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let start = self.cursor.position();
        self.cursor.skip(len)?;
        Ok(start..self.cursor.position())
    }

    /// Passes over a value of this type in a struct.
    pub(crate) fn skip(&mut self, kind: Type) -> Result<()> {
        match kind {
            // In a struct the type says which of the two.
            1 | 2 => Ok(()),
            3 => self.cursor.skip(1),
            4 | I32 | I64 => self.varint().map(drop),
            7 => self.cursor.skip(8),
            BINARY => self.binary().map(drop),
            LIST | 10 => {
                let (kind, count) = self.list()?;
                self.deeper()?;
                (0..count).try_for_each(|_| self.skip_item(kind))?;
                self.depth -= 1;
                Ok(())
            }
            11 => self.skip_map(),
            STRUCT => self.fields(&mut |_, _| Ok(false)),
            13 => self.cursor.skip(16),
            _ => Err(self.cursor.malformed("a value of unknown type")),
        }
    }

    fn skip_item(&mut self, kind: Type) -> Result<()> {
        if matches!(kind, 1 | 2) { self.cursor.skip(1) } else { self.skip(kind) }
    }

    fn skip_map(&mut self) -> Result<()> {
        let count = self.varint()?;
        if count == 0 {
            return Ok(());
        }
        let kinds = self.cursor.u8()?;
        if count > self.cursor.remaining() as u64 {
            return Err(self.cursor.malformed("a map is longer than the file"));
        }
        self.deeper()?;
        for _ in 0..count {
            self.skip_item(kinds >> 4)?;
            self.skip_item(kinds & 0x0f)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        self.limits.check_depth(self.depth).map_err(|error| error.at(self.cursor.offset()))
    }

    fn varint(&mut self) -> Result<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.cursor.u8()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(self.malformed("a number is too long"))
    }

    /// An error at what comes next.
    pub(crate) fn malformed(&self, reason: &'static str) -> Error {
        self.cursor.malformed(reason)
    }
}

/// The header of a list of this many items.
pub(crate) fn list_header(kind: Type, count: usize) -> Vec<u8> {
    match u8::try_from(count) {
        Ok(count) if count < 15 => vec![count << 4 | kind],
        _ => {
            let mut header = vec![0xf0 | kind];
            header.extend(varint(count as u64));
            header
        }
    }
}

/// A number in groups of seven bits.
pub(crate) fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 0x7f {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_type_is_skipped_and_a_known_one_read() {
        // Fields 1 to 13 of every type, then field 300 in the long form.
        let mut bytes = vec![0x11, 0x12, 0x13, 7, 0x14, 0x80, 1, 0x15, 3, 0x16, 4, 0x17, 0, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend([0x18, 2, b'a', b'b', 0x19, 0x21, 1, 2, 0x1a, 0x16, 9, 0x1b, 1, 0x88, 1, b'k', 1, b'v']);
        bytes.extend([0x1b, 0, 0x1c, 0x15, 8, 0, 0x1d]);
        bytes.extend([0; 16]);
        bytes.extend([0x05, 0xd8, 0x04, 0x55, 0]);
        let limits = Limits::default();
        let mut reader = Reader::new(&bytes, 0, &limits);
        let mut seen = Vec::new();
        let read = reader.fields(&mut |reader, field| {
            let reads = field.is(300, I32);
            if reads {
                seen.push(reader.int()?);
            }
            Ok(reads)
        });
        read.unwrap();
        assert_eq!((seen, reader.position()), (vec![-43], bytes.len()));
    }

    #[test]
    fn hostile_values_are_refused() {
        let kind = |bytes: &[u8]| {
            let limits = Limits::default();
            Reader::new(bytes, 0, &limits).skip(STRUCT).unwrap_err().kind()
        };
        for bytes in [&b""[..], &[0x18, 5, 0], &[0x19, 0xf8, 0xff, 0xff, 0xff, 0x0f], &[0x1e, 0], &[0x15]] {
            assert_eq!(kind(bytes), ErrorKind::Malformed, "{bytes:x?}");
        }
        assert_eq!(kind(&[0x16, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255]), ErrorKind::Malformed);
        assert_eq!(kind(&[0x1c; 1000]), ErrorKind::LimitExceeded);
        assert_eq!(kind(&[0x19; 1000]), ErrorKind::LimitExceeded);
        let mut bytes = vec![0x1b, 0xff, 0xff, 0xff, 0x7f, 0x11];
        bytes.extend([0; 100]);
        assert_eq!(kind(&bytes), ErrorKind::Malformed);
    }

    #[test]
    fn lengths_are_written_as_they_are_read() {
        let limits = Limits::default();
        for count in [0, 1, 14, 15, 127, 128, 70_000] {
            let mut bytes = list_header(STRUCT, count);
            bytes.resize(bytes.len() + count, 0);
            assert_eq!(Reader::new(&bytes, 0, &limits).list().unwrap(), (STRUCT, count));
        }
    }
}
