//! The multi-picture index (CIPA DC-007): where the other images of the file are, counted from its TIFF header.

use std::ops::Range;

use super::walk::{APP2, Image};
use crate::containers::nested::growth;
use crate::plan::Edit;

const HEADER: &[u8] = b"MPF\0";
const MP_ENTRY: u16 = 0xB002;
const ENTRY_LEN: usize = 16;

/// The index of a file.
#[derive(Clone, Debug)]
pub(super) struct Index {
    /// Where the TIFF header is in the file.
    base: usize,
    big_endian: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where the entry is in the file.
    at: usize,
    size: u32,
    offset: u32,
}

impl Index {
    /// The index of `image`; `Err` when there is one that cannot be read.
    pub(super) fn find(input: &[u8], image: &Image) -> Result<Option<Self>, ()> {
        let is_index = |range: &Range<usize>| input.get(range.clone()).is_some_and(|bytes| bytes.starts_with(HEADER));
        let mut found = image.segments.iter().filter(|segment| segment.marker == APP2 && is_index(&segment.payload));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some(segment), None) => {
                let range = segment.payload.start + HEADER.len()..segment.payload.end;
                let bytes = input.get(range.clone()).unwrap_or_default();
                Self::read(bytes, range.start).map(Some).ok_or(())
            }
            _ => Err(()),
        }
    }

    fn read(bytes: &[u8], base: usize) -> Option<Self> {
        let big_endian = match bytes.first_chunk::<4>()? {
            b"MM\0\x2a" => true,
            b"II\x2a\0" => false,
            _ => return None,
        };
        let u16_at = |at: usize| {
            let two = *bytes.get(at..)?.first_chunk()?;
            Some(if big_endian { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
        };
        let u32_at = |at: usize| {
            let four = *bytes.get(at..)?.first_chunk()?;
            Some(if big_endian { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
        };
        let first = u32_at(4)? as usize;
        let slots = (0..usize::from(u16_at(first)?)).map(|slot| first + 2 + slot * 12);
        let slot = slots.into_iter().find(|slot| u16_at(*slot) == Some(MP_ENTRY))?;
        let (length, start) = (u32_at(slot + 4)? as usize, u32_at(slot + 8)? as usize);
        bytes.get(start..start.checked_add(length)?)?;
        let entries = (0..length / ENTRY_LEN).map(|entry| {
            let at = start + entry * ENTRY_LEN;
            Some(Entry { at: base + at, size: u32_at(at + 4)?, offset: u32_at(at + 8)? })
        });
        Some(Self { base, big_endian, entries: entries.collect::<Option<_>>()? })
    }

    /// Where the other images begin.
    pub(super) fn others(&self) -> impl Iterator<Item = usize> {
        let later = self.entries.iter().filter(|entry| entry.offset != 0);
        later.map(|entry| self.base.saturating_add(entry.offset as usize))
    }

    /// The edits of the index that follow from `edits` of the file, which do not touch it.
    pub(super) fn follow(&self, edits: &[Edit]) -> Vec<Edit> {
        if edits.iter().all(Edit::keeps_length) {
            return Vec::new();
        }
        let moved = |position: u64| {
            let before: Vec<Edit> = edits.iter().filter(|edit| edit.range.end <= position).cloned().collect();
            position.saturating_add_signed(growth(&before))
        };
        let base = moved(self.base as u64);
        let mut follow = Vec::new();
        for Entry { at, size, offset } in &self.entries {
            let start = if *offset == 0 { 0 } else { self.base as u64 + u64::from(*offset) };
            let new_size = moved(start + u64::from(*size)) - moved(start);
            let new_offset = if *offset == 0 { 0 } else { moved(start) - base };
            for (field, old, new) in [(at + 4, *size, new_size), (at + 8, *offset, new_offset)] {
                let new = u32::try_from(new).unwrap_or(old);
                if new != old {
                    let bytes = if self.big_endian { new.to_be_bytes() } else { new.to_le_bytes() };
                    follow.push(Edit::replace(field as u64..field as u64 + 4, bytes.to_vec()));
                }
            }
        }
        follow
    }
}
