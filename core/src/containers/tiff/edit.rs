//! Dropping entries from directories, and zeroing what nothing refers to any more.

use std::ops::Range;

use md5::{Digest as _, Md5};

use super::{Digest, Directory, Entry, Link, Tiff, tags};
use crate::containers::nested::{apply, rewrite};
use crate::containers::photoshop;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Replacement};
use crate::survey::Barrier;

/// What becomes of the directories.
struct Fate {
    /// For each directory and slot, whether the entry goes.
    dropped: Vec<Vec<bool>>,
    /// For each directory, whether nothing links to it any more.
    unlinked: Vec<bool>,
    /// For each directory, the next one.
    next: Vec<Option<u64>>,
}

impl Fate {
    fn drops(&self, directory: usize, slot: usize) -> bool {
        self.dropped.get(directory).and_then(|slots| slots.get(slot)).is_some_and(|dropped| *dropped)
    }

    fn drop_slot(&mut self, directory: usize, slot: usize) {
        if let Some(dropped) = self.dropped.get_mut(directory).and_then(|slots| slots.get_mut(slot)) {
            *dropped = true;
        }
    }

    fn unlinks(&self, directory: usize) -> bool {
        self.unlinked.get(directory).is_some_and(|unlinked| *unlinked)
    }
}

impl Tiff {
    /// The edits that remove the `chosen` sites.
    pub(super) fn removal(&self, chosen: &[usize]) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        for nested in &self.nested {
            let own = nested.edits(chosen, Layout::Preserve)?;
            if let Some(digest) = self.digests.iter().find(|digest| digest.start == nested.start()) {
                edits.extend(digest.follow(&own)?);
            }
            edits.extend(own);
        }
        let fate = self.fate(chosen);
        for (index, directory) in self.directories.iter().enumerate() {
            if !fate.unlinks(index) {
                edits.extend(self.render(directory, index, &fate));
            }
        }
        let survives = |directory: usize, slot: Option<usize>| {
            !fate.unlinks(directory) && slot.is_none_or(|slot| !fate.drops(directory, slot))
        };
        let kept = union(self.extents(survives));
        let freed = union(self.extents(|directory, slot| !survives(directory, slot)));
        for range in freed {
            edits.extend(subtract(&range, &kept).map(|gap| Edit::fill(gap.start as u64..gap.end as u64, 0)));
        }
        Ok(edits)
    }

    /// Whether removing the `chosen` sites leaves no entry at all.
    pub fn empties(&self, chosen: &[usize]) -> bool {
        let fate = self.fate(chosen);
        fate.dropped.iter().enumerate().all(|(index, slots)| fate.unlinks(index) || slots.iter().all(|gone| *gone))
    }

    /// Where the block may end without the `chosen` sites: behind the last byte that a structure refers to, if all
    /// behind it are bytes of values that go.
    pub fn end_without(&self, chosen: &[usize]) -> usize {
        let end_of = |extents: Vec<Range<usize>>| extents.iter().map(|extent| extent.end).max().unwrap_or(0);
        if self.has_maker_note || end_of(self.extents(|_, _| true)) < self.length {
            return self.length;
        }
        let fate = self.fate(chosen);
        let survives = |directory: usize, slot: Option<usize>| {
            !fate.unlinks(directory) && slot.is_none_or(|slot| !fate.drops(directory, slot))
        };
        let end = end_of(self.extents(survives));
        let has_gap = self.gaps().last().is_some_and(|gap| gap.end > end);
        if has_gap { self.length } else { end.next_multiple_of(2).min(self.length) }
    }

    pub(super) fn find_digests(&self, bytes: &[u8], limits: &Limits) -> Vec<Digest> {
        let digest = |directory: &Directory| {
            let records = directory.entry(tags::IPTC)?.outside()?;
            let resources = directory.entry(tags::PHOTOSHOP)?.outside()?;
            let at = photoshop::digest_of_others(bytes.get(resources.clone())?, limits)?;
            let range = resources.start + at.start..resources.start + at.end;
            let start = records.start;
            let records = bytes.get(records)?.to_vec();
            let is_right = bytes.get(range.clone()) == Some(Md5::digest(&records).as_slice());
            is_right.then_some(Digest { start, records, range })
        };
        let mut digests: Vec<Digest> = Vec::new();
        for digest in self.directories.iter().filter_map(digest) {
            // Directories may share their values.
            if digests.iter().all(|other| other.start != digest.start && other.range.start != digest.range.start) {
                digests.push(digest);
            }
        }
        digests
    }

    fn fate(&self, chosen: &[usize]) -> Fate {
        let mut fate = Fate {
            dropped: self.directories.iter().map(|directory| vec![false; directory.slots.len()]).collect(),
            unlinked: vec![false; self.directories.len()],
            next: self.directories.iter().map(|directory| directory.next).collect(),
        };
        for (directory, slot) in chosen.iter().filter_map(|site| *self.owners.get(*site)?) {
            fate.drop_slot(directory, slot);
        }
        // What is reached from a directory comes after it, so going backwards sees emptied children first.
        for (index, directory) in self.directories.iter().enumerate().rev() {
            let emptied =
                fate.dropped.get(index).is_some_and(|slots| !slots.is_empty() && slots.iter().all(|gone| *gone));
            match directory.link {
                Link::Slot(parent, slot) if emptied => {
                    if self.directories.get(parent).is_some_and(|parent| parent.pins(slot)) {
                        continue;
                    }
                    fate.drop_slot(parent, slot);
                }
                Link::Next(previous) if emptied => {
                    let after = fate.next.get(index).copied().flatten();
                    match fate.next.get_mut(previous) {
                        Some(next @ Some(_)) => *next = Some(after.unwrap_or(0)),
                        _ => continue,
                    }
                }
                _ => continue,
            }
            if let Some(unlinked) = fate.unlinked.get_mut(index) {
                *unlinked = true;
            }
        }
        fate
    }

    /// The directory without its dropped entries, in the room of the old one.
    fn render(&self, directory: &Directory, index: usize, fate: &Fate) -> Option<Edit> {
        let coding = self.coding;
        let (count, slots) = directory.raw.split_at_checked(coding.count_len())?;
        let kept = || (0..directory.slots.len()).filter(|slot| !fate.drops(index, *slot));
        let dropped = directory.slots.len() - kept().count();
        let next = fate.next.get(index).copied().flatten();
        if dropped == 0 && next == directory.next {
            return None;
        }
        let count = coding.integer(count).saturating_sub(dropped as u64);
        let mut rendered = coding.bytes(count, coding.count_len());
        for slot in kept() {
            let at = slot * coding.slot_len();
            rendered.extend_from_slice(slots.get(at..at + coding.slot_len())?);
        }
        if let Some(next) = next {
            rendered.extend(coding.bytes(next, coding.pointer_len()));
        }
        rendered.resize(directory.raw.len(), 0);
        rewrite(directory.range.start, &directory.raw, &rendered)
    }

    /// The ranges of all directories (slot `None`) and out-of-line values that are `wanted`; header and image data
    /// too if directory 0 is.
    pub(super) fn extents(&self, wanted: impl Fn(usize, Option<usize>) -> bool) -> Vec<Range<usize>> {
        let mut extents = Vec::new();
        if wanted(0, None) {
            extents.push(0..self.coding.header_len().min(self.length));
            extents.extend(self.payload.iter().cloned());
        }
        for (index, directory) in self.directories.iter().enumerate() {
            if wanted(index, None) {
                extents.push(directory.range.clone());
            }
            let entries = directory.slots.iter().enumerate().filter(|(slot, _)| wanted(index, Some(*slot)));
            extents.extend(entries.filter_map(|(_, entry)| entry.as_ref().and_then(Entry::outside)));
        }
        extents
    }

    /// Bars the sites of directories that overlap another directory, a value or image data: they cannot change alone.
    pub(super) fn bar_overlapping(&mut self) {
        let owned =
            self.directories.iter().enumerate().map(|(index, directory)| (directory.range.clone(), Some(index)));
        let mut taken: Vec<_> = owned.chain(self.payload.iter().map(|range| (range.clone(), None))).collect();
        taken.sort_by_key(|(range, _)| (range.start, range.end));
        let mut barred = vec![false; self.directories.len()];
        let mut bar = |index: Option<usize>| {
            if let Some(barred) = index.and_then(|index| barred.get_mut(index)) {
                *barred = true;
            }
        };
        let mut furthest: Option<(usize, Option<usize>)> = None;
        for (range, owner) in taken {
            if let Some((end, before)) = furthest
                && range.start < end
            {
                bar(owner);
                bar(before);
            }
            if furthest.is_none_or(|(end, _)| range.end > end) {
                furthest = Some((range.end, owner));
            }
        }
        let values = union(self.extents(|_, slot| slot.is_some()));
        for (directory, barred) in self.directories.iter().zip(&mut barred) {
            *barred |= subtract(&directory.range, &values).next() != Some(directory.range.clone());
        }
        for (site, owner) in self.sites.iter_mut().zip(&self.owners) {
            let Some((directory, slot)) = *owner else { continue };
            let is_pinned = self.directories.get(directory).is_some_and(|directory| directory.pins(slot));
            let reason = match barred.get(directory) {
                Some(true) => "its directory overlaps other data",
                _ if is_pinned => "its directory is damaged, and would read otherwise without it",
                _ => continue,
            };
            site.barrier.get_or_insert_with(|| Barrier::new(ErrorKind::Conflict, reason));
        }
    }
}

impl Digest {
    /// The edit of the digest that follows those of the records.
    fn follow(&self, edits: &[Edit]) -> Result<Option<Edit>> {
        if edits.is_empty() {
            return Ok(None);
        }
        let start = self.start as u64;
        let moved = edits
            .iter()
            .map(|edit| Edit { range: edit.range.start - start..edit.range.end - start, with: edit.with.clone() });
        let after = apply(&self.records, &moved.collect::<Vec<_>>())?;
        Ok(rewrite(self.range.start, &Md5::digest(&self.records), &Md5::digest(after)))
    }
}

impl Entry {
    /// The value, if it is not in the entry itself.
    pub(super) fn outside(&self) -> Option<Range<usize>> {
        self.value.clone().filter(|_| !self.is_inline)
    }
}

/// Cuts the bytes of a block of `length` bytes from `end` on, instead of what `edits` do to them.
pub(crate) fn shorten(edits: &mut Vec<Edit>, end: usize, length: usize) {
    if end == length {
        return;
    }
    let end = end as u64;
    for edit in edits.iter_mut().filter(|edit| edit.range.end > end && edit.range.start < end) {
        if let Replacement::Fill { byte: 0, .. } = edit.with {
            *edit = Edit::fill(edit.range.start..end, 0);
        }
    }
    edits.retain(|edit| edit.range.start < end);
    edits.push(Edit::delete(end..length as u64));
}

/// `ranges` sorted and joined.
pub(super) fn union(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// The parts of `range` outside `kept`, which is sorted and disjoint.
pub(super) fn subtract<'k>(
    range: &Range<usize>,
    kept: &'k [Range<usize>],
) -> impl Iterator<Item = Range<usize>> + use<'k> {
    let Range { start, end } = *range;
    let first = kept.partition_point(|kept| kept.end <= start);
    let overlapping = kept.get(first..).unwrap_or_default().iter().take_while(move |kept| kept.start < end);
    let mut position = start;
    overlapping
        .map(|kept| kept.start..kept.end)
        .chain(std::iter::once(end..end))
        .map(move |kept| {
            let gap = position..kept.start;
            position = position.max(kept.end);
            gap
        })
        .filter(|gap| gap.start < gap.end)
}
