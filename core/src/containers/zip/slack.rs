//! What no reader of an archive looks at, but a search of its bytes finds: gaps with old members, extra fields of
//! unknown writers.

use std::ops::Range;

use memchr::memmem;

use super::directory::LOCAL;
use super::{Archive, Entry, Extra, GROWTH_HINT, LOCAL_LEN, ZIP64, extras};
use crate::containers::deflate::{Wrapper, inflate_windows};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::scan::{Class, Proof, Scan};

/// Raw bytes are searched in pieces of this length.
const PIECE: usize = 1 << 20;

/// Bytes that the needles were found in, and what they are to the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Bytes of the input.
    pub range: Range<u64>,
    /// What they are.
    pub kind: StaleKind,
}

/// What a stale range is, and so how it is cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleKind {
    /// The data of an old member before the first member, where a program may stand too: zeroed.
    Prefix,
    /// Bytes that no member owns: zeroed, or cut where the layout may change.
    Gap,
    /// The body of an extra field: zeroed.
    Extra,
    /// A comment, or part of one: blanked, or cut out of the archive's where the layout may change.
    Comment,
}

/// Extra fields that hold numbers only, or repeat the member's name: ZIP64, NTFS times, Unix times and owners
/// (three spellings), Unicode path.
const PLAIN_EXTRAS: [u16; 7] = [ZIP64, 0x000a, 0x5455, 0x5855, 0x7855, 0x7875, 0x7075];

impl Archive<'_> {
    /// The ranges of the input that neither a member nor the directory and its end records own, in order.
    pub fn gaps(&self) -> Vec<Range<u64>> {
        let mut gaps = Vec::new();
        let mut end = 0;
        let mut owned = |range: Range<u64>| {
            if range.start > end {
                gaps.push(end..range.start);
            }
            end = range.end.max(end);
        };
        for index in &self.by_position {
            self.entries.get(*index as usize).map(Entry::range).into_iter().for_each(&mut owned);
        }
        owned(self.directory.clone());
        if let Some((range, locator)) = &self.end.zip64 {
            owned(range.clone());
            owned(*locator..self.end.record);
        }
        owned(self.end.record..self.end.comment.end);
        let len = self.input.len() as u64;
        owned(len..len);
        gaps
    }

    /// Shows everything that no reader looks at to a residue scan: gaps, the old members in them decoded, and extra
    /// fields that are not merely numbers.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) when old members decode to several times [`Limits::part_bytes`].
    pub fn scan_slack(&self, scan: &mut Scan<'_>, limits: &Limits) -> Result<()> {
        let mut budget = limits.part_bytes.saturating_mul(4);
        for gap in self.gaps() {
            self.show_gap(&gap, scan, limits, &mut budget)?;
        }
        for range in self.fields() {
            self.show_field(&range, scan);
        }
        Ok(())
    }

    /// The ranges outside the members' data in which a needle stands: what an edit must clear with them.
    ///
    /// # Errors
    /// As [`scan_slack`](Self::scan_slack).
    pub fn stale(&self, needles: &Needles, limits: &Limits) -> Result<Vec<Stale>> {
        let mut stale = Vec::new();
        if needles.is_empty() {
            return Ok(stale);
        }
        let first_member = self.by_position.first().and_then(|index| self.entries.get(*index as usize));
        let start = first_member.map_or(self.directory.start, |entry| entry.header);
        let mut budget = limits.part_bytes.saturating_mul(4);
        for gap in self.gaps() {
            let is_prefix = gap.start < start;
            let pieces = if is_prefix { self.old_members(gap) } else { vec![(gap.clone(), gap)] };
            for (shown, range) in pieces {
                let mut scan = Scan::new(needles, Proof::Structural);
                self.show_gap(&shown, &mut scan, limits, &mut budget)?;
                if !scan.into_hits().is_empty() {
                    let kind = if is_prefix { StaleKind::Prefix } else { StaleKind::Gap };
                    stale.push(Stale { range, kind });
                }
            }
        }
        for range in self.fields() {
            let mut scan = Scan::new(needles, Proof::Structural);
            self.show_field(&range, &mut scan);
            if !scan.into_hits().is_empty() {
                stale.push(Stale { range, kind: StaleKind::Extra });
            }
        }
        Ok(stale)
    }

    /// What stands in a prefix from one local header to the next, and the data in it. The headers stay, by which the
    /// file is known; so does a program before them.
    fn old_members(&self, prefix: Range<u64>) -> Vec<(Range<u64>, Range<u64>)> {
        let bytes = self.bytes(prefix.clone());
        let mut starts: Vec<u64> =
            memmem::find_iter(bytes, LOCAL).map(|position| prefix.start + position as u64).collect();
        starts.push(prefix.end);
        let piece = |(start, end): (&u64, &u64)| {
            let names = local_names(self.bytes(*start..*end)).unwrap_or(0);
            (*start..*end, (start + LOCAL_LEN + names as u64).min(*end)..*end)
        };
        starts.iter().zip(starts.iter().skip(1)).map(piece).collect()
    }

    /// The bodies of extra fields that could hold text.
    fn fields(&self) -> Vec<Range<u64>> {
        let mut fields = Vec::new();
        for entry in &self.entries {
            // A name that differs between the headers leaves the place of the local fields unsure.
            let local = Some(entry.local_extra_range()).filter(|range| range.start <= range.end);
            for range in local.into_iter().chain([entry.extra_range()]) {
                let bytes = self.bytes(range.clone());
                // A growth hint is four bytes of header and zeros, unless somebody hides something there.
                let is_blank = |field: &Extra| {
                    let body = bytes.get(field.body.clone()).unwrap_or_default();
                    let padding = if field.id == GROWTH_HINT { body.get(4..).unwrap_or_default() } else { body };
                    padding.iter().all(|byte| *byte == 0)
                };
                let text = extras(bytes).filter(|field| !PLAIN_EXTRAS.contains(&field.id) && !is_blank(field));
                fields.extend(text.map(|field| {
                    let at = |position: usize| range.start + position as u64;
                    at(field.body.start)..at(field.body.end)
                }));
            }
        }
        fields
    }

    fn show_field(&self, range: &Range<u64>, scan: &mut Scan<'_>) {
        scan.raw_region(Class::Slack, "ZIP extra field", range.start, self.bytes(range.clone()), &[]);
    }

    /// Shows a gap as it is, and every old member in it decoded.
    fn show_gap(&self, gap: &Range<u64>, scan: &mut Scan<'_>, limits: &Limits, budget: &mut u64) -> Result<()> {
        let bytes = self.bytes(gap.clone());
        if bytes.len() <= PIECE {
            scan.raw_region(Class::Slack, "gap between ZIP members", gap.start, bytes, &[]);
        } else {
            let mut stream = scan.stream(Class::Slack, "gap between ZIP members", gap.start);
            bytes.chunks(PIECE).for_each(|piece| stream.push(piece));
        }
        let mut position = 0;
        while let Some(found) = memmem::find(bytes.get(position..).unwrap_or_default(), LOCAL) {
            position += found;
            let offset = gap.start + position as u64;
            let old = bytes.get(position..).unwrap_or_default();
            let len = show_old_member(old, offset, scan, limits, budget)?;
            position += len.max(4);
        }
        Ok(())
    }
}

/// Bytes of the name and the extra fields behind the local header that begins `bytes`.
fn local_names(bytes: &[u8]) -> Result<usize> {
    let mut cursor = Cursor::new(bytes);
    cursor.skip(26)?;
    Ok(usize::from(cursor.u16_le()?) + usize::from(cursor.u16_le()?))
}

/// Shows the member whose local header begins `bytes`, as far as it decodes; returns its length, or 0 if unknown.
fn show_old_member(bytes: &[u8], offset: u64, scan: &mut Scan<'_>, limits: &Limits, budget: &mut u64) -> Result<usize> {
    let method = bytes.get(8..10).and_then(|field| Some(u16::from_le_bytes(*field.first_chunk()?)));
    let (Some(super::DEFLATED), Ok(names)) = (method, local_names(bytes)) else { return Ok(0) };
    let start = LOCAL_LEN as usize + names;
    let Some(coded) = bytes.get(start..) else { return Ok(0) };
    let mut stream = scan.stream(Class::Slack, "old ZIP member in a gap", offset);
    let limit = limits.part_bytes.min(*budget);
    let inflated = inflate_windows(coded, Wrapper::Raw, limit, &mut |piece| {
        stream.push(piece);
        *budget = budget.saturating_sub(piece.len() as u64);
        Ok(())
    });
    match inflated {
        Ok(len) => Ok(start + len),
        Err(error) if error.kind() == ErrorKind::LimitExceeded => {
            Err(Error::limit("old ZIP members in gaps decode to too much").at(offset))
        }
        // Half overwritten: what could be decoded was shown.
        Err(_) => Ok(0),
    }
}
