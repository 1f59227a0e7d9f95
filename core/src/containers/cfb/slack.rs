//! What no stream owns, and stale copies in it.

use std::ops::Range;

use crate::needles::Needles;
use crate::plan::Edit;
use crate::scan::{Class, Scan};

use super::directory::EntryKind;
use super::extents::piece;
use super::{CUTOFF, CompoundFile, MINI};

/// Streams are searched in pieces of this many bytes.
const PIECE: usize = 1 << 20;

/// Passes over one region: blanking a hit can make a neighbour stand alone that was part of a longer word.
const PASSES: usize = 4;

impl CompoundFile<'_> {
    /// The ranges of the file that no stream owns and no table needs, in order, neighbours joined.
    pub(crate) fn slack(&self) -> Vec<Range<u64>> {
        let mut slack: Vec<Range<u64>> = Vec::new();
        let header_end = self.header.sector_len().min(self.input.len() as u64);
        slack.push(512..header_end);
        let is_free = |(_, owner): &(usize, &u32)| **owner == 0;
        let free = self.owners.iter().enumerate().filter(is_free);
        slack.extend(free.filter_map(|(sector, _)| self.header.range(sector as u32)));
        let free = self.mini_owners.iter().enumerate().filter(is_free);
        slack.extend(free.filter_map(|(sector, _)| self.mini_range(sector as u32)));
        slack.extend(self.behind_streams());
        slack.extend(self.entry_slack());
        slack.retain(|range| range.start < range.end);
        slack.sort_by_key(|range| range.start);
        slack.dedup_by(|next, last| {
            let joins = next.start <= last.end;
            if joins {
                last.end = last.end.max(next.end);
            }
            joins
        });
        slack
    }

    /// What follows the end of every stream in its last sectors, and that of the root behind the last short sector.
    fn behind_streams(&self) -> Vec<Range<u64>> {
        let mut behind = Vec::new();
        let used = self.mini_owners.len() as u64 * MINI;
        behind.extend(self.room(0).pieces(used..u64::MAX).map(|(_, range)| range));
        for (id, entry) in self.streams().filter(|(_, entry)| entry.fault.is_none()) {
            let unit = if entry.len < u64::from(CUTOFF) { MINI } else { self.header.sector_len() };
            // A stream that fills its sectors and owns no more than those has nothing behind it.
            if entry.len > 0 && (entry.len % unit != 0 || unit == self.header.sector_len()) {
                behind.extend(self.room(id).pieces(entry.len..u64::MAX).map(|(_, range)| range));
            }
        }
        behind
    }

    /// Unused directory entries, and what follows the names of used ones.
    fn entry_slack(&self) -> impl Iterator<Item = Range<u64>> {
        self.entries.iter().map(|entry| match entry.kind {
            EntryKind::Root => 0..0,
            // What links and lengths say of a dropped entry is no text, but the entry may have been put to other use.
            _ if entry.parent.is_none() => entry.offset..entry.offset + 64,
            _ => {
                let used = 2 * (entry.name.encode_utf16().count() as u64 + 1);
                entry.offset + used.min(64)..entry.offset + 64
            }
        })
    }

    /// The edits that blank stale copies in what no stream owns: the sector that holds one, as far as it is free.
    pub(crate) fn stale(&self, needles: &Needles) -> Vec<Edit> {
        let mut edits = Vec::new();
        if needles.is_empty() {
            return edits;
        }
        for range in self.slack() {
            let Ok(bytes) = piece(self.input, &range) else { continue };
            let units = blank_out(bytes, needles, |at| {
                let at = at as u64 + range.start;
                let len = if self.is_mini(at) { MINI } else { self.header.sector_len() };
                let start = (at & !(len - 1)).max(range.start);
                let end = ((at & !(len - 1)) + len).min(range.end);
                (start - range.start) as usize..(end - range.start) as usize
            });
            edits.extend(units.into_iter().map(|unit| {
                let (start, end) = (range.start + unit.start as u64, range.start + unit.end as u64);
                Edit::fill(start..end, 0)
            }));
        }
        edits
    }

    /// Whether a byte of the file stands among short streams or directory entries, whose units are small.
    fn is_mini(&self, at: u64) -> bool {
        let sector = (at >> self.header.shift).checked_sub(1);
        let owner = sector.and_then(|sector| self.owners.get(sector as usize));
        owner.is_some_and(|owner| *owner != 0)
    }

    /// Shows the bytes of a stream as content.
    pub(crate) fn show_stream(&self, id: usize, scan: &mut Scan<'_>) {
        let Ok(extents) = self.extents(id) else { return };
        let place = self.path(id);
        let mut stream = scan.stream(Class::Content, &place, extents.start());
        for range in extents.ranges() {
            piece(self.input, range).unwrap_or_default().chunks(PIECE).for_each(|bytes| stream.push(bytes));
        }
    }

    /// Shows everything that no stream owns.
    pub(crate) fn scan_slack(&self, scan: &mut Scan<'_>) {
        for range in self.slack() {
            if let Ok(bytes) = piece(self.input, &range) {
                scan.raw_region(Class::Slack, "free space", range.start, bytes, &[]);
            }
        }
    }
}

/// The ranges of `bytes` to blank so that no needle is left: `unit` says what goes with a byte of a hit.
pub(crate) fn blank_out(bytes: &[u8], needles: &Needles, unit: impl Fn(usize) -> Range<usize>) -> Vec<Range<usize>> {
    let mut blanked: Vec<Range<usize>> = Vec::new();
    let mut copy: Option<Vec<u8>> = None;
    for _ in 0..PASSES {
        let found = needles.occurrences(copy.as_deref().unwrap_or(bytes));
        if found.is_empty() {
            break;
        }
        let copy = copy.get_or_insert_with(|| bytes.to_vec());
        for hit in found {
            let mut at = hit.range.start;
            while at < hit.range.end {
                let range = unit(at);
                if let Some(bytes) = copy.get_mut(range.clone()) {
                    bytes.fill(0);
                }
                at = range.end.max(at + 1);
                blanked.push(range);
            }
        }
    }
    blanked.sort_by_key(|range| range.start);
    blanked.dedup_by(|next, last| {
        let joins = next.start <= last.end;
        if joins {
            last.end = last.end.max(next.end);
        }
        joins
    });
    blanked
}
