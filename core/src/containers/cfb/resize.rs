//! Streams that become shorter: their length, and the chain of sectors that they give back.

use crate::plan::Edit;

use super::directory::EntryKind;
use super::header::{END, FREE};
use super::{CUTOFF, CompoundFile, MINI};

/// Where in a directory entry the first sector and the length of the stream stand.
const START_AT: u64 = 116;
const LEN_AT: u64 = 120;

impl CompoundFile<'_> {
    /// The edits that make a stream `len` bytes long: its entry, the tables, and zeros over what it gives up. Nothing
    /// when the bytes that stay would have to move between long and short streams, or the stream cannot be read.
    pub(crate) fn shorten(&self, id: usize, len: u64) -> Option<Vec<Edit>> {
        let entry = self.entry(id).filter(|entry| entry.kind == EntryKind::Stream && len <= entry.len)?;
        let extents = self.extents(id).ok()?;
        let is_mini = entry.len < u64::from(CUTOFF);
        if len > 0 && is_mini != (len < u64::from(CUTOFF)) {
            return None;
        }
        if len == entry.len {
            return Some(Vec::new());
        }
        let (table, unit) = if is_mini { (&self.mini_fat, MINI) } else { (&self.fat, self.header.sector_len()) };
        let chain = table.chain(entry.start, self.owners.len().max(self.mini_owners.len())).ok()?;
        let kept = usize::try_from(len.div_ceil(unit)).ok()?;
        let mut edits = extents.spread(&Edit::fill(len..entry.len, 0));
        let number = |at: u64, value: u32| Edit::replace(at..at + 4, value.to_le_bytes().to_vec());
        // A chain that is as long as before keeps its end as it is.
        if kept < chain.len() {
            for sector in chain.get(kept..)? {
                edits.push(number(table.place(*sector)?, FREE));
            }
            match kept.checked_sub(1) {
                Some(last) => edits.push(number(table.place(*chain.get(last)?)?, END)),
                None => edits.push(number(entry.offset + START_AT, END)),
            }
        }
        edits.push(number(entry.offset + LEN_AT, len as u32));
        if self.header.is_wide && entry.len > u64::from(u32::MAX) {
            edits.push(number(entry.offset + LEN_AT + 4, (len >> 32) as u32));
        }
        Some(edits)
    }
}
