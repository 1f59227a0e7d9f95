//! The superblock, and numbers and addresses as wide as it says.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};

const SIGNATURE: &[u8] = b"\x89HDF\r\n\x1a\n";

/// How far into a file the signature is looked for: at 0 and at every power of two from 512.
const FARTHEST: usize = 1 << 20;

/// Where the superblock begins.
pub(super) fn superblock(input: &[u8]) -> Option<usize> {
    let places = std::iter::once(0).chain((9..).map(|power| 1 << power).take_while(|place| *place <= FARTHEST));
    places.into_iter().find(|place| input.get(*place..).is_some_and(|rest| rest.starts_with(SIGNATURE)))
}

/// Reads a file by addresses.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    input: &'a [u8],
    base: u64,
    /// Bytes of an address and of a length.
    pub(super) offset_len: usize,
    pub(super) length_len: usize,
}

impl<'a> Reader<'a> {
    /// Opens a file: the address of its root group too.
    pub(super) fn open(input: &'a [u8]) -> Result<(Self, u64)> {
        let start = superblock(input).ok_or_else(|| Error::malformed(0, "no superblock"))?;
        let mut own = Self { input, base: 0, offset_len: 8, length_len: 8 };
        let mut cursor = own.cursor(start as u64 + 8)?;
        let version = cursor.u8()?;
        match version {
            0 | 1 => cursor.skip(4)?,
            2 | 3 => {}
            _ => return Err(Error::unsupported(format!("version {version} of the superblock"))),
        }
        own.offset_len = usize::from(cursor.u8()?);
        own.length_len = usize::from(cursor.u8()?);
        if ![2, 4, 8].contains(&own.offset_len) || ![2, 4, 8].contains(&own.length_len) {
            return Err(cursor.malformed("an address of unknown width"));
        }
        cursor.skip(match version {
            0 => 1 + 4 + 4,
            1 => 1 + 4 + 4 + 4,
            _ => 1,
        })?;
        let base = own.address(&mut cursor)?;
        cursor.skip(2 * own.offset_len)?;
        if version < 2 {
            // The driver, then the name of the root.
            cursor.skip(2 * own.offset_len)?;
        }
        let root = own.address(&mut cursor)?;
        own.base = base;
        Ok((own, root))
    }

    /// A cursor at an address.
    pub(super) fn cursor(&self, address: u64) -> Result<Cursor<'a>> {
        let start = usize::try_from(address.saturating_add(self.base)).unwrap_or(usize::MAX);
        let bytes = self.input.get(start..);
        let bytes = bytes.ok_or_else(|| Error::malformed(address, "an address points past the end"))?;
        Ok(Cursor::within(bytes, start as u64))
    }

    /// A cursor over so many bytes from an address.
    pub(super) fn within(&self, address: u64, len: u64) -> Result<Cursor<'a>> {
        let cursor = self.cursor(address)?;
        let bytes = usize::try_from(len).ok().and_then(|len| cursor.rest().get(..len));
        let bytes = bytes.ok_or_else(|| cursor.malformed("a block reaches over the end"))?;
        Ok(Cursor::within(bytes, cursor.offset()))
    }

    /// Reads an address.
    pub(super) fn address(&self, cursor: &mut Cursor<'_>) -> Result<u64> {
        number(cursor, self.offset_len)
    }

    /// Reads a length.
    pub(super) fn length(&self, cursor: &mut Cursor<'_>) -> Result<u64> {
        number(cursor, self.length_len)
    }

    /// Whether an address is that of nothing.
    pub(super) fn is_undefined(&self, address: u64) -> bool {
        address == u64::MAX >> (64 - 8 * self.offset_len)
    }

    /// The bytes of an object in a global heap.
    pub(super) fn heap_object(&self, heap: u64, index: u32) -> Option<&'a [u8]> {
        let mut cursor = self.cursor(heap).ok()?;
        if cursor.take(4).ok()? != b"GCOL" {
            return None;
        }
        cursor.skip(4).ok()?;
        let len = self.length(&mut cursor).ok()?;
        let before = 8 + self.length_len as u64;
        let mut cursor = self.within(heap.checked_add(before)?, len.checked_sub(before)?).ok()?;
        while cursor.remaining() > 8 + self.length_len {
            let found = cursor.u16_le().ok()?;
            cursor.skip(6).ok()?;
            let len = usize::try_from(self.length(&mut cursor).ok()?).ok()?;
            if found == 0 {
                return None;
            }
            let bytes = cursor.take(len).ok()?;
            if u32::from(found) == index {
                return Some(bytes);
            }
            cursor.skip(len.next_multiple_of(8) - len).ok()?;
        }
        None
    }
}

/// Reads a number of so many bytes.
pub(super) fn number(cursor: &mut Cursor<'_>, width: usize) -> Result<u64> {
    let bytes = cursor.take(width)?;
    Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The bytes up to the first zero.
pub(super) fn until_zero(bytes: &[u8]) -> &[u8] {
    let end: Range<usize> = 0..memchr::memchr(0, bytes).unwrap_or(bytes.len());
    bytes.get(end).unwrap_or_default()
}
