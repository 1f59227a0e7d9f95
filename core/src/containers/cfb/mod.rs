//! Compound files ([MS-CFB]), versions 3 and 4: a small file system of storages and streams in one file.
//!
//! A stream is a chain of sectors, or, when it is shorter than 4096 bytes, of short sectors within the stream of the
//! root. [`CompoundFile`] reads the tables where they stand, leads every byte of a stream back to the file, and knows
//! what no stream owns: free sectors, the ends of last sectors, unused directory entries, and what follows the last
//! sector. Chains that leave the file, turn in a circle or meet another chain are faults of their stream alone.

mod directory;
mod extents;
mod fat;
mod header;
mod held;
mod resize;
mod slack;
#[cfg(test)]
pub(crate) mod tests;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use directory::{Entry, EntryKind};
pub(crate) use extents::Extents;
pub(crate) use held::{Held, HeldFiles};
pub(crate) use slack::blank_out;

use crate::error::{Error, Result};
use crate::limits::Limits;
use fat::Table;
use header::{FIRST_SPECIAL, Header};

const MAGIC: [u8; 8] = *b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Streams shorter than this stand in the stream of the root.
const CUTOFF: u32 = 4096;

/// Length of the sectors of short streams.
const MINI: u64 = 64;

/// A sector that tables own.
const TABLES: u32 = u32::MAX;

/// Directory entries that are looked at to recognise a file.
const SNIFFED: usize = 16384;

/// Whether the bytes begin a compound file.
pub(crate) fn is_compound_file(input: &[u8]) -> bool {
    input.starts_with(&MAGIC)
}

/// The names of what stands directly in the root, as far as they can be read.
pub(crate) fn root_names(input: &[u8]) -> Vec<String> {
    let limits = Limits { items: SNIFFED, ..Limits::default() };
    let read = || -> Result<Vec<Entry>> {
        let header = Header::parse(input)?;
        let (fat, _) = header.allocation_sectors(input)?;
        let sectors = Table::new(input, header, fat).chain(header.directory, header.sectors())?;
        directory::read(input, &header, &sectors, &limits)
    };
    let entries = read().unwrap_or_default().into_iter();
    entries.filter(|entry| entry.parent == Some(0)).map(|entry| entry.name).collect()
}

/// A compound file whose directory was read.
#[derive(Debug)]
pub(crate) struct CompoundFile<'a> {
    input: &'a [u8],
    header: Header,
    fat: Table<'a>,
    mini_fat: Table<'a>,
    entries: Vec<Entry>,
    /// The sectors of the root's stream, in which short streams stand.
    mini: Vec<u32>,
    /// Who owns a sector: nobody, an entry (by its number and one), or the tables.
    owners: Vec<u32>,
    /// The same of short sectors.
    mini_owners: Vec<u32>,
}

impl<'a> CompoundFile<'a> {
    /// Reads header, tables and directory.
    ///
    /// # Errors
    /// Malformed tables or directory, with the offset; a limit. Broken chains of streams are faults of those.
    pub(crate) fn parse(input: &'a [u8], limits: &Limits) -> Result<Self> {
        let header = Header::parse(input)?;
        let (fat_sectors, lists) = header.allocation_sectors(input)?;
        let fat = Table::new(input, header, fat_sectors);
        let most = header.sectors();
        let directory = fat.chain(header.directory, most)?;
        let mini_fat = Table::new(input, header, fat.chain(header.mini_fat, most)?);
        let entries = directory::read(input, &header, &directory, limits)?;
        if entries.first().is_none_or(|root| root.kind != EntryKind::Root) {
            let at = directory.first().and_then(|sector| header.range(*sector)).map_or(48, |range| range.start);
            return Err(Error::malformed(at, "the directory has no root"));
        }
        let owners = vec![0; most];
        let mut file =
            Self { input, header, fat, mini_fat, entries, mini: Vec::new(), owners, mini_owners: Vec::new() };
        let tables = [file.fat.sectors(), file.mini_fat.sectors(), &lists, &directory].concat();
        for sector in tables {
            match file.owners.get_mut(sector as usize) {
                Some(owner) if *owner == 0 => *owner = TABLES,
                _ => return Err(Error::malformed(0, "a sector of the tables is used twice, or leaves the file")),
            }
        }
        file.own_streams();
        Ok(file)
    }

    /// Gives every sector of every reachable stream its owner, and notes the faults of chains.
    fn own_streams(&mut self) {
        if let Some(root) = self.entries.first() {
            let len = root.len;
            self.own(0, false);
            self.mini_owners = vec![0; usize::try_from(len.div_ceil(MINI)).unwrap_or_default().min(self.mini_room())];
        }
        for id in 1..self.entries.len() {
            if let Some(entry) = self.stream_entry(id).filter(|entry| entry.len > 0) {
                let is_mini = entry.len < u64::from(CUTOFF);
                self.own(id, is_mini);
            }
        }
    }

    /// How many short sectors the root's stream has room for.
    fn mini_room(&self) -> usize {
        self.mini.len() * (self.header.sector_len() / MINI) as usize
    }

    fn own(&mut self, id: usize, is_mini: bool) {
        let Some(entry) = self.entries.get(id) else { return };
        let unit = if is_mini { MINI } else { self.header.sector_len() };
        let len = entry.len;
        let mut sector = if id == 0 && len == 0 { FIRST_SPECIAL } else { entry.start };
        let mut fault = None;
        let mut other = None;
        let mut room = 0;
        while sector < FIRST_SPECIAL {
            let owners = if is_mini { &mut self.mini_owners } else { &mut self.owners };
            match owners.get_mut(sector as usize) {
                Some(owner) if *owner == 0 => *owner = id as u32 + 1,
                Some(owner) => {
                    fault = Some("its sectors are those of another stream, or turn in a circle");
                    other = (*owner != TABLES).then_some(*owner as usize - 1);
                    break;
                }
                None => {
                    fault = Some("its sectors leave the file");
                    break;
                }
            }
            room += unit;
            if id == 0 {
                self.mini.push(sector);
            }
            let table = if is_mini { &self.mini_fat } else { &self.fat };
            match table.next(sector) {
                Ok(next) => sector = next,
                // The last sector needs no successor that can be read.
                Err(_) if room >= len => break,
                Err(_) => {
                    fault = Some("its sectors leave the allocation table");
                    break;
                }
            }
        }
        if room < len && id != 0 {
            fault = fault.or(Some("its sectors end before it does"));
        }
        for id in [Some(id), other.filter(|_| fault.is_some())].into_iter().flatten() {
            if let Some(entry) = self.entries.get_mut(id) {
                entry.fault = entry.fault.or(fault);
            }
        }
    }

    /// The whole file.
    pub(crate) fn input(&self) -> &'a [u8] {
        self.input
    }

    /// The numbers of the entries that the tree reaches, in directory order.
    pub(crate) fn ids(&self) -> impl Iterator<Item = usize> + '_ {
        (1..self.entries.len()).filter(|id| self.entries.get(*id).is_some_and(|entry| entry.parent.is_some()))
    }

    /// An entry by its number; the root is number 0.
    pub(crate) fn entry(&self, id: usize) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// The entry with this number if it is a stream that the tree reaches.
    fn stream_entry(&self, id: usize) -> Option<&Entry> {
        self.entries.get(id).filter(|entry| entry.kind == EntryKind::Stream && entry.parent.is_some())
    }

    /// The streams that the tree reaches, in directory order.
    pub(crate) fn streams(&self) -> impl Iterator<Item = (usize, &Entry)> {
        self.ids().filter_map(|id| Some((id, self.stream_entry(id)?)))
    }

    /// The entry of this name in a storage, letter case aside.
    pub(crate) fn find(&self, storage: usize, name: &str) -> Option<usize> {
        let same = |entry: &Entry| entry.parent == Some(storage) && entry.name.eq_ignore_ascii_case(name);
        (1..self.entries.len()).find(|id| self.entries.get(*id).is_some_and(same))
    }

    /// The names from the root to this entry, for people.
    pub(crate) fn path(&self, id: usize) -> String {
        let mut names = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next.filter(|id| *id != 0) {
            let Some(entry) = self.entries.get(id) else { break };
            names.push(entry.name.escape_debug().to_string());
            next = entry.parent;
        }
        names.reverse();
        names.join("/")
    }

    /// Where the bytes of a stream lie.
    ///
    /// # Errors
    /// Malformed, when its chain of sectors is broken.
    pub(crate) fn extents(&self, id: usize) -> Result<Extents> {
        let Some(entry) = self.stream_entry(id) else { return Err(Error::malformed(0, "no such stream")) };
        if let Some(fault) = entry.fault {
            return Err(Error::malformed(entry.offset, format!("stream {}: {fault}", self.path(id))));
        }
        let room = self.room(id);
        if room.len() < entry.len {
            let reason = format!("stream {}: the file ends before it does", self.path(id));
            return Err(Error::malformed(entry.offset, reason));
        }
        Ok(room.slice(0..entry.len))
    }

    /// Every byte of the sectors that a stream owns, its own and what follows its end.
    fn room(&self, id: usize) -> Extents {
        let mut room = Extents::default();
        let Some(entry) = self.entries.get(id).filter(|entry| entry.len > 0 || id == 0) else { return room };
        let is_mini = id != 0 && entry.len < u64::from(CUTOFF);
        if id == 0 {
            room.extend(self.mini.iter().filter_map(|sector| self.header.range(*sector)));
        } else if is_mini {
            let chain = self.mini_fat.chain(entry.start, self.mini_owners.len()).unwrap_or_default();
            room.extend(chain.into_iter().filter_map(|sector| self.mini_range(sector)));
        } else {
            let chain = self.chain_of(entry.start);
            room.extend(chain.into_iter().filter_map(|sector| self.header.range(sector)));
        }
        room
    }

    /// The sectors of a chain whose last entry may be unreadable.
    fn chain_of(&self, start: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut sector = start;
        while sector < FIRST_SPECIAL && chain.len() < self.owners.len() {
            chain.push(sector);
            let Ok(next) = self.fat.next(sector) else { break };
            sector = next;
        }
        chain
    }

    /// Bytes of a short sector in the file.
    fn mini_range(&self, sector: u32) -> Option<Range<u64>> {
        let at = u64::from(sector) * MINI;
        let holder = self.mini.get((at >> self.header.shift) as usize)?;
        let range = self.header.range(*holder)?;
        let start = range.start + (at & (self.header.sector_len() - 1));
        let end = (start + MINI).min(range.end);
        (start < end).then_some(start..end)
    }

    /// The bytes of a stream.
    ///
    /// # Errors
    /// As [`extents`](Self::extents), and [`Limits::part_bytes`].
    pub(crate) fn read(&self, id: usize, limits: &Limits) -> Result<Cow<'a, [u8]>> {
        let extents = self.extents(id)?;
        limits.check_part(extents.len())?;
        extents.read(self.input)
    }
}
