//! `FlatBuffers`, read by byte offsets: tables, texts and vectors, each checked before it is looked at.

use std::ops::Range;

use crate::error::{Error, Result};

/// A table in a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table<'b> {
    buffer: &'b [u8],
    at: usize,
    vtable: usize,
    /// Bytes of the vtable.
    vtable_len: usize,
    len: usize,
}

/// A vector of offsets, or of other things of a fixed width.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vector {
    /// Where its first item lies, right behind the count.
    pub(crate) start: usize,
    pub(crate) count: usize,
}

impl<'b> Table<'b> {
    /// The table at the root of a buffer.
    pub(crate) fn root(buffer: &'b [u8]) -> Result<Self> {
        Self::at(buffer, follow(buffer, 0)?)
    }

    /// The table at a position of a buffer.
    pub(crate) fn at(buffer: &'b [u8], at: usize) -> Result<Self> {
        let back = u32_at(buffer, at)?.cast_signed() as isize;
        let vtable = at.checked_sub_signed(back).ok_or_else(|| malformed(at, "a table without a vtable"))?;
        let vtable_len = usize::from(u16_at(buffer, vtable)?);
        let len = usize::from(u16_at(buffer, vtable.saturating_add(2))?);
        if vtable_len < 4 || len < 4 || at + len > buffer.len() || vtable + vtable_len > buffer.len() {
            return Err(malformed(at, "a table reaches over its buffer"));
        }
        Ok(Self { buffer, at, vtable, vtable_len, len })
    }

    /// Its own bytes.
    pub(crate) fn range(&self) -> Range<usize> {
        self.at..self.at + self.len
    }

    /// The bytes of its vtable, which other tables may share.
    pub(crate) fn vtable(&self) -> Range<usize> {
        self.vtable..self.vtable + self.vtable_len
    }

    /// Where the field with this number lies, if it is there.
    fn field(&self, number: usize) -> Result<Option<usize>> {
        let slot = 4 + 2 * number;
        if slot + 2 > self.vtable_len {
            return Ok(None);
        }
        let offset = usize::from(u16_at(self.buffer, self.vtable + slot)?);
        if offset >= self.len {
            return Err(malformed(self.at, "a field lies behind its table"));
        }
        Ok((offset > 0).then_some(self.at + offset))
    }

    /// The byte that the field with this number holds, if it is there.
    pub(crate) fn byte(&self, number: usize) -> Result<Option<u8>> {
        Ok(self.field(number)?.and_then(|at| self.buffer.get(at).copied()))
    }

    /// The long number that the field with this number holds, 0 if it is not there.
    pub(crate) fn long(&self, number: usize) -> Result<i64> {
        let Some(at) = self.field(number)? else { return Ok(0) };
        Ok(u64_at(self.buffer, at)?.cast_signed())
    }

    /// The table that the field with this number points to.
    pub(crate) fn table(&self, number: usize) -> Result<Option<Self>> {
        self.field(number)?.map(|at| Self::at(self.buffer, follow(self.buffer, at)?)).transpose()
    }

    /// The bytes of the text that the field with this number points to, without its length.
    pub(crate) fn text(&self, number: usize) -> Result<Option<Range<usize>>> {
        let Some(vector) = self.vector(number, 1)? else { return Ok(None) };
        Ok(Some(vector.start..vector.start + vector.count))
    }

    /// The vector that the field with this number points to, whose items are so wide.
    pub(crate) fn vector(&self, number: usize, width: usize) -> Result<Option<Vector>> {
        let Some(at) = self.field(number)? else { return Ok(None) };
        let at = follow(self.buffer, at)?;
        let count = u32_at(self.buffer, at)? as usize;
        let start = at + 4;
        let end = count.checked_mul(width).and_then(|len| len.checked_add(start));
        if end.is_none_or(|end| end > self.buffer.len()) {
            return Err(malformed(at, "a vector reaches over its buffer"));
        }
        Ok(Some(Vector { start, count }))
    }
}

impl Vector {
    /// The tables of a vector of them.
    pub(crate) fn tables(self, buffer: &[u8]) -> impl Iterator<Item = Result<Table<'_>>> {
        (0..self.count).map(move |item| Table::at(buffer, follow(buffer, self.start + 4 * item)?))
    }
}

/// Where the offset at `at` points to.
pub(crate) fn follow(buffer: &[u8], at: usize) -> Result<usize> {
    let target = at.saturating_add(u32_at(buffer, at)? as usize);
    if target >= buffer.len() {
        return Err(malformed(at, "an offset points past its buffer"));
    }
    Ok(target)
}

pub(crate) fn u32_at(buffer: &[u8], at: usize) -> Result<u32> {
    number(buffer, at).map(u32::from_le_bytes)
}

pub(crate) fn u64_at(buffer: &[u8], at: usize) -> Result<u64> {
    number(buffer, at).map(u64::from_le_bytes)
}

fn u16_at(buffer: &[u8], at: usize) -> Result<u16> {
    number(buffer, at).map(u16::from_le_bytes)
}

fn number<const N: usize>(buffer: &[u8], at: usize) -> Result<[u8; N]> {
    let bytes = buffer.get(at..).and_then(<[u8]>::first_chunk);
    bytes.copied().ok_or_else(|| malformed(at, "a number reaches over its buffer"))
}

fn malformed(at: usize, reason: &'static str) -> Error {
    Error::malformed(at as u64, reason)
}
