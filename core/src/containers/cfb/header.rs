//! The header of a compound file and the sectors that it leads to ([MS-CFB] 2.2 and 2.5).

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};

use super::MAGIC;

/// Special values of a sector number ([MS-CFB] 2.1); every value from here on is one.
pub(super) const FIRST_SPECIAL: u32 = 0xFFFF_FFFA;
pub(super) const FREE: u32 = 0xFFFF_FFFF;
pub(super) const END: u32 = 0xFFFF_FFFE;

/// Allocation sectors that the header lists itself.
const LISTED: usize = 109;

/// What the header says, checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    /// Sectors are `1 << shift` bytes long: 512 in version 3, 4096 in version 4.
    pub(super) shift: u32,
    /// Whether lengths of streams have 64 bits.
    pub(super) is_wide: bool,
    pub(super) directory: u32,
    pub(super) mini_fat: u32,
    difat: u32,
    input_len: u64,
}

impl Header {
    pub(super) fn parse(input: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(input);
        if cursor.take(MAGIC.len())? != MAGIC {
            return Err(Error::unsupported("not a compound file"));
        }
        cursor.seek(26)?;
        let version = cursor.u16_le()?;
        let order = cursor.u16_le()?;
        let (shift, mini_shift) = (cursor.u16_le()?, cursor.u16_le()?);
        if order != 0xFFFE || !(9..=16).contains(&shift) || mini_shift != 6 {
            return Err(Error::malformed(28, "byte order or sector sizes that no compound file has"));
        }
        cursor.seek(48)?;
        let directory = cursor.u32_le()?;
        cursor.skip(4)?;
        if cursor.u32_le()? != super::CUTOFF {
            return Err(Error::malformed(56, "short streams have another length than 4096 bytes"));
        }
        let mini_fat = cursor.u32_le()?;
        cursor.skip(4)?;
        let difat = cursor.u32_le()?;
        // Some writers leave nonsense in the high half of a length in version 3.
        let is_wide = version >= 4;
        Ok(Self { shift: u32::from(shift), is_wide, directory, mini_fat, difat, input_len: input.len() as u64 })
    }

    /// Length of a sector in bytes.
    pub(super) fn sector_len(&self) -> u64 {
        1 << self.shift
    }

    /// How many sectors the file has behind the header, the last of them perhaps cut.
    pub(super) fn sectors(&self) -> usize {
        usize::try_from(self.input_len.div_ceil(self.sector_len()).saturating_sub(1)).unwrap_or(usize::MAX)
    }

    /// Bytes of a sector in the file; nothing when it lies outside.
    pub(super) fn range(&self, sector: u32) -> Option<Range<u64>> {
        let start = (u64::from(sector) + 1) << self.shift;
        let end = (start + self.sector_len()).min(self.input_len);
        (sector < FIRST_SPECIAL && start < self.input_len).then_some(start..end)
    }

    /// The sectors that hold the allocation table, and those that hold the rest of their list.
    pub(super) fn allocation_sectors(&self, input: &[u8]) -> Result<(Vec<u32>, Vec<u32>)> {
        let mut table = Vec::new();
        let mut cursor = Cursor::new(input);
        cursor.seek(76)?;
        for _ in 0..LISTED {
            let sector = cursor.u32_le()?;
            if sector < FIRST_SPECIAL {
                table.push(sector);
            }
        }
        let mut lists = Vec::new();
        let mut list = self.difat;
        while list < FIRST_SPECIAL {
            // The list of a file has far fewer sectors than the file: a longer one turns in a circle.
            let range = self.range(list).filter(|_| lists.len() < self.sectors());
            let range = range.ok_or_else(|| Error::malformed(68, "the list of allocation sectors leaves the file"))?;
            lists.push(list);
            cursor.seek(range.start as usize)?;
            for _ in 1..self.sector_len() / 4 {
                let sector = cursor.u32_le()?;
                if sector < FIRST_SPECIAL {
                    table.push(sector);
                }
            }
            list = cursor.u32_le()?;
            if table.len() > self.sectors() {
                return Err(Error::malformed(range.start, "more allocation sectors than sectors"));
            }
        }
        Ok((table, lists))
    }
}
