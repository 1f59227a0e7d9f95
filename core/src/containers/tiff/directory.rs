//! Image file directories (TIFF 6.0 section 2, BigTIFF): how they are coded and read.

use std::ops::Range;

use super::tags::Role;
use super::value::item_len;
use crate::cursor::Cursor;
use crate::error::{Error, Result};

/// Byte order and sizes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coding {
    pub(super) big_endian: bool,
    pub(super) big_tiff: bool,
}

#[derive(Debug)]
pub(super) struct Directory {
    pub(super) role: Role,
    /// Name for people: `IFD0`.
    pub(super) name: String,
    pub(super) link: Link,
    /// From its count to its next-directory pointer, as far as that is in the block.
    pub(super) range: Range<usize>,
    /// The bytes of `range`.
    pub(super) raw: Vec<u8>,
    pub(super) slots: Vec<Option<Entry>>,
    /// The next directory, if the pointer is in the block.
    pub(super) next: Option<u64>,
}

/// How a directory is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// From the header.
    Header,
    /// From the next-directory pointer of this directory.
    Next(usize),
    /// From this slot of this directory.
    Slot(usize, usize),
    /// From a list of pointers.
    List,
}

/// An entry whose format is known.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) tag: u16,
    pub(super) format: u16,
    pub(super) count: u64,
    /// The bytes of the value, if they are in the block.
    pub(super) value: Option<Range<usize>>,
    /// Whether the value is in the entry itself.
    pub(super) is_inline: bool,
}

/// A directory to be read.
pub(super) struct Lead {
    pub(super) at: u64,
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) link: Link,
    pub(super) depth: usize,
}

/// Byte order, sizes and the offset of the first directory.
pub(super) fn header(bytes: &[u8]) -> Result<(Coding, u64)> {
    let mut cursor = Cursor::new(bytes);
    let big_endian = match cursor.array::<2>()? {
        [b'I', b'I'] => false,
        [b'M', b'M'] => true,
        _ => return Err(Error::malformed(0, "not a TIFF header")),
    };
    let mut coding = Coding { big_endian, big_tiff: false };
    let magic = u16::try_from(coding.integer(cursor.take(2)?)).unwrap_or_default();
    match magic {
        // 0x55 and the letters belong to raw files of Panasonic and Olympus, which are TIFF otherwise.
        42 | 0x55 | 0x4F52 | 0x5352 => {}
        43 => {
            coding.big_tiff = true;
            cursor.skip(4)?;
        }
        _ => return Err(Error::malformed(2, "not a TIFF header")),
    }
    let first = coding.integer(cursor.take(if coding.big_tiff { 8 } else { 4 })?);
    Ok((coding, first))
}

impl Directory {
    pub(super) fn entry(&self, tag: u16) -> Option<&Entry> {
        self.slots.iter().flatten().find(|entry| entry.tag == tag)
    }

    /// Whether an entry must stay where it is: the first, when one of unknown format might come to take its place.
    pub(super) fn pins(&self, slot: usize) -> bool {
        slot == 0 && self.slots.iter().any(Option::is_none)
    }
}

impl Coding {
    pub(super) fn header_len(self) -> usize {
        if self.big_tiff { 16 } else { 8 }
    }

    pub(super) fn count_len(self) -> usize {
        if self.big_tiff { 8 } else { 2 }
    }

    pub(super) fn slot_len(self) -> usize {
        if self.big_tiff { 20 } else { 12 }
    }

    /// Length of a pointer, and of a value that fits its entry.
    pub(super) fn pointer_len(self) -> usize {
        if self.big_tiff { 8 } else { 4 }
    }

    /// An unsigned integer of up to eight bytes.
    pub(super) fn integer(self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    /// `number` in `len` bytes.
    pub(super) fn bytes(self, number: u64, len: usize) -> Vec<u8> {
        let big = number.to_be_bytes();
        let mut bytes = big.get(8usize.saturating_sub(len)..).unwrap_or_default().to_vec();
        if !self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// The directory at the end of `lead`, unless what is there cannot be one.
    pub(super) fn directory(self, bytes: &[u8], lead: Lead) -> Option<Directory> {
        let start = usize::try_from(lead.at).ok()?;
        let slots_at = start.checked_add(self.count_len())?;
        let count = self.integer(bytes.get(start..slots_at)?);
        let available = (bytes.len() - slots_at) / self.slot_len();
        let present = usize::try_from(count).unwrap_or(usize::MAX).min(available);
        let slots_end = slots_at + present * self.slot_len();
        let slots: Vec<_> = bytes
            .get(slots_at..slots_end)?
            .chunks_exact(self.slot_len())
            .enumerate()
            .map(|(index, slot)| self.entry(bytes, slots_at + index * self.slot_len(), slot))
            .collect();
        // A first entry of no known format means that this is not a directory: readers stop there as well.
        if slots.first().is_some_and(Option::is_none) || (present == 0 && count > 0) {
            return None;
        }
        let next = bytes.get(slots_end..slots_end + self.pointer_len()).filter(|_| present as u64 == count);
        let end = slots_end + next.map_or(0, <[u8]>::len);
        Some(Directory {
            role: lead.role,
            name: lead.name,
            link: lead.link,
            range: start..end,
            raw: bytes.get(start..end)?.to_vec(),
            slots,
            next: next.map(|next| self.integer(next)),
        })
    }

    fn entry(self, bytes: &[u8], at: usize, slot: &[u8]) -> Option<Entry> {
        let format = self.integer(slot.get(2..4)?) as u16;
        let pointer_len = self.pointer_len();
        let count = self.integer(slot.get(4..4 + pointer_len)?);
        let length = item_len(format)?.checked_mul(count);
        let is_inline = length.is_some_and(|length| length <= pointer_len as u64);
        let start = if is_inline {
            Some(at + 4 + pointer_len)
        } else {
            usize::try_from(self.integer(slot.get(4 + pointer_len..)?)).ok()
        };
        let value = start.zip(length).and_then(|(start, length)| {
            let end = start.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= bytes.len())?;
            Some(start..end)
        });
        Some(Entry { tag: self.integer(slot.get(..2)?) as u16, format, count, value, is_inline })
    }
}
