//! Allocation tables: which sector follows which ([MS-CFB] 2.3 and 2.4).

use crate::cursor::Cursor;
use crate::error::{Error, Result};

use super::header::{END, FIRST_SPECIAL, Header};

/// A table of sector numbers that is read where it stands: the FAT, or the one of short streams.
#[derive(Debug)]
pub(super) struct Table<'a> {
    input: &'a [u8],
    header: Header,
    /// The sectors that hold it, in order.
    sectors: Vec<u32>,
}

impl<'a> Table<'a> {
    pub(super) fn new(input: &'a [u8], header: Header, sectors: Vec<u32>) -> Self {
        Self { input, header, sectors }
    }

    /// The sectors that hold the table.
    pub(super) fn sectors(&self) -> &[u32] {
        &self.sectors
    }

    /// Where in the file the entry of `sector` stands.
    pub(super) fn place(&self, sector: u32) -> Option<u64> {
        let per_sector = (self.header.sector_len() / 4) as u32;
        let holder = self.sectors.get((sector / per_sector) as usize)?;
        let start = self.header.range(*holder)?.start;
        Some(start + u64::from(sector % per_sector) * 4)
    }

    /// The entry of `sector`.
    pub(super) fn next(&self, sector: u32) -> Result<u32> {
        let outside = || Error::malformed(0, "a chain of sectors leaves the allocation table");
        let mut cursor = Cursor::new(self.input);
        cursor.seek(usize::try_from(self.place(sector).ok_or_else(outside)?).unwrap_or(usize::MAX))?;
        cursor.u32_le()
    }

    /// The chain that begins with `start`, of at most `most` sectors.
    pub(super) fn chain(&self, start: u32, most: usize) -> Result<Vec<u32>> {
        let mut chain = Vec::new();
        let mut sector = start;
        while sector < FIRST_SPECIAL {
            if chain.len() >= most {
                return Err(Error::malformed(0, "a chain of sectors turns in a circle"));
            }
            chain.push(sector);
            sector = self.next(sector)?;
        }
        if sector != END && !(chain.is_empty()) {
            return Err(Error::malformed(0, "a chain of sectors ends in a free sector"));
        }
        Ok(chain)
    }
}
