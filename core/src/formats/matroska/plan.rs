//! What becomes of the file: filler or cuts, and everything that follows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use super::Surveyed;
use super::ids::{
    CUE_CLUSTER_POSITION, CUE_CODEC_STATE, CUE_POINT, CUE_REF_CLUSTER, CUE_REF_CODEC_STATE, CUE_REFERENCE,
    CUE_TRACK_POSITIONS, SEEK_HEAD, TAG, TAGS,
};
use super::tree::{NO_MASTER, Seek, Unit};
use crate::containers::ebml::{CRC_32, Change, Children, grows, size_field, unsigned, voids};
use crate::containers::nested::rewrite;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Barrier, Planned, Removal};

/// Why a compact plan could not be made, for people.
const NOT_CUT: &str = "freed bytes stay as filler";

/// The elements that go, each with its end and its master, by their first bytes.
#[derive(Default)]
struct Drops {
    ranges: BTreeMap<usize, (usize, usize)>,
    /// How many of the children that keep a master alive go.
    gone: HashMap<usize, usize>,
}

impl Surveyed<'_> {
    pub(super) fn planned(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut notes = Vec::new();
        let mut left_members = Vec::new();
        let stays = self.held(removal);
        let sites: Vec<usize> = removal.sites.iter().copied().filter(|site| !stays.contains(site)).collect();
        let removal = &Removal { sites: &sites, ..*removal };
        let mut changes = self.changes(removal, layout, &mut left_members)?;
        if layout == Layout::Compact {
            match self.positions(&changes) {
                Ok(more) => changes.extend(more),
                Err(error) => {
                    notes.push(format!("{}: {NOT_CUT}", error.reason()));
                    left_members.clear();
                    changes = self.changes(removal, Layout::Preserve, &mut left_members)?;
                }
            }
        }
        let sums = self.sums(&changes);
        changes.extend(sums);
        let edits = self.tree.masters.follow(self.input, changes)?;
        let plan = Plan::new(edits, self.input.len() as u64)?;
        let barrier = || Barrier::new(ErrorKind::Conflict, "a tag inside it stays");
        let left = stays.into_iter().map(|site| (site, barrier())).collect();
        Ok(Planned { plan, left, left_members, notes })
    }

    /// The tags of the removal that cannot go because a tag inside them stays.
    fn held(&self, removal: &Removal<'_>) -> BTreeSet<usize> {
        let mut held = BTreeSet::new();
        // What stands further inside comes later.
        for (site, outer) in self.tree.findings.follows.iter().rev() {
            if removal.takes(*outer) && (!removal.takes(*site) || held.contains(site)) {
                held.insert(*outer);
            }
        }
        held
    }

    /// The edits that remove what is to go, without those that follow from them.
    fn changes(
        &self,
        removal: &Removal<'_>,
        layout: Layout,
        left_members: &mut Vec<(usize, Barrier)>,
    ) -> Result<Vec<Change>> {
        let mut drops = Drops::default();
        let mut changes = Vec::new();
        let mut comments: HashMap<usize, Vec<usize>> = HashMap::new();
        for unit in removal.sites.iter().filter_map(|site| self.tree.units.get(*site)) {
            match unit {
                Unit::Drop { range, master } => self.drop_element(&mut drops, range, *master),
                Unit::Empty { element, master } => {
                    let edit = match layout {
                        Layout::Preserve => Edit::fill(element.data.start as u64..element.data.end as u64, 0),
                        Layout::Compact => element.with_data(&[])?,
                    };
                    changes.push(Change { master: *master, edit });
                }
                Unit::Private(private, own) => comments.entry(*private).or_default().push(*own),
            }
        }
        for (index, private) in self.tree.privates.iter().enumerate() {
            let chosen = comments.remove(&index).unwrap_or_default();
            changes.extend(private.changes(&chosen, removal.needles, layout)?);
        }
        let gone = Self::gone(&drops);
        for (range, master) in &gone {
            let edits = match layout {
                Layout::Preserve => voids(range.clone(), self.walk.longest),
                Layout::Compact => vec![Edit::delete(range.start as u64..range.end as u64)],
            };
            changes.extend(edits.into_iter().map(|edit| Change { master: *master, edit }));
        }
        for (index, data) in removal.members {
            match self.exchange(*index, data, layout)? {
                Ok(more) => changes.extend(more),
                Err(barrier) => left_members.push((*index, barrier)),
            }
        }
        changes.extend(self.stale(removal, &gone));
        Ok(changes)
    }

    /// Notes that an element goes, and with it those that cannot be without it, and what points to these.
    fn drop_element(&self, drops: &mut Drops, range: &Range<usize>, master: usize) {
        let mut work = vec![(range.clone(), master)];
        while let Some((range, master)) = work.pop() {
            if drops.ranges.insert(range.start, (range.end, master)).is_some() {
                continue;
            }
            // What points to an element that stands directly in a segment goes too.
            let first = self.targets.partition_point(|(target, _)| *target < range.start);
            let pointing = self.targets.get(first..).unwrap_or_default();
            let pointing = pointing.iter().take_while(|(target, _)| *target == range.start);
            let seeks = pointing.filter_map(|(_, seek)| self.tree.seeks.get(*seek));
            work.extend(seeks.map(|seek| (seek.range.clone(), seek.master)));
            let Some(outer) = self.tree.masters.get(master) else { continue };
            if !matches!(outer.element.id, TAG | TAGS | SEEK_HEAD) {
                continue;
            }
            let gone = drops.gone.entry(master).or_default();
            *gone += 1;
            if self.tree.alive.get(&master) == Some(&*gone) {
                work.push((outer.element.range(), outer.parent.unwrap_or(NO_MASTER)));
            }
        }
    }

    /// The outermost elements that go, neighbours as one.
    fn gone(drops: &Drops) -> Vec<(Range<usize>, usize)> {
        let mut gone: Vec<(Range<usize>, usize)> = Vec::new();
        for (start, (end, master)) in &drops.ranges {
            match gone.last_mut() {
                Some((last, _)) if *start < last.end => {}
                Some((last, its)) if *start == last.end && its == master => last.end = *end,
                _ => gone.push((*start..*end, *master)),
            }
        }
        gone
    }

    /// Old filler that says something of what goes, cleared.
    fn stale(&self, removal: &Removal<'_>, gone: &[(Range<usize>, usize)]) -> Vec<Change> {
        let is_gone = |at: usize| {
            let next = gone.partition_point(|(range, _)| range.start <= at);
            next.checked_sub(1).and_then(|last| gone.get(last)).is_some_and(|(range, _)| at < range.end)
        };
        let stale = self.tree.voids.iter().filter(|(element, _)| {
            let bytes = self.input.get(element.data.clone()).unwrap_or_default();
            !is_gone(element.start) && super::scan::pieces(bytes, removal.needles).any(|p| removal.needles.occur_in(p))
        });
        stale
            .map(|(element, master)| Change {
                master: *master,
                edit: Edit::fill(element.data.start as u64..element.data.end as u64, 0),
            })
            .collect()
    }

    /// The edits that put `data` in place of an attached file, or why they cannot.
    fn exchange(&self, index: usize, data: &[u8], layout: Layout) -> Result<std::result::Result<Vec<Change>, Barrier>> {
        let file =
            self.tree.files.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))?;
        let element = &file.data;
        let old = self.input.get(element.data.clone()).unwrap_or_default();
        let change = |edit| Change { master: file.master, edit };
        let Some(freed) = old.len().checked_sub(data.len()) else {
            return Ok(Err(Barrier::new(ErrorKind::Unsupported, "the attached file would become longer")));
        };
        if freed == 0 {
            return Ok(Ok(rewrite(element.data.start, old, data).map(change).into_iter().collect()));
        }
        if layout == Layout::Compact {
            return Ok(Ok(vec![change(element.with_data(data)?)]));
        }
        // Filler takes two bytes at least: of a single one the size field makes none, or more.
        let (size_len, hole) = match freed {
            1 if element.size_len < self.walk.longest => (element.size_len + 1, 0),
            1 => (element.size_len - 1, 2),
            _ => (element.size_len, freed),
        };
        let Ok(mut head) = size_field(data.len() as u64, size_len) else {
            return Ok(Err(Barrier::new(ErrorKind::Unsupported, "one freed byte cannot be filled")));
        };
        head.extend_from_slice(data);
        let start = element.size_field().start;
        let end = element.data.end - hole;
        let mut edits = vec![Edit::replace(start as u64..end as u64, head)];
        edits.extend(voids(end..element.data.end, self.walk.longest));
        Ok(Ok(edits.into_iter().map(change).collect()))
    }

    /// A checksum over a whole segment would have to be computed over all of it; it becomes filler when anything
    /// changes.
    fn sums(&self, changes: &[Change]) -> Vec<Change> {
        let mut sums = Vec::new();
        for segment in &self.walk.segments {
            let Some(crc) = &segment.crc else { continue };
            let data = segment.data.start as u64..segment.data.end as u64;
            if changes.iter().any(|change| data.contains(&change.edit.range.start)) {
                let edits = voids(crc.range(), self.walk.longest);
                sums.extend(edits.into_iter().map(|edit| Change { master: segment.master, edit }));
            }
        }
        sums
    }

    /// The edits that make positions follow the cuts.
    ///
    /// # Errors
    /// When something that says a position cannot be followed.
    fn positions(&self, changes: &[Change]) -> Result<Vec<Change>> {
        let shifts = Shifts::new(changes);
        let mut more = Vec::new();
        if !self.walk.damage.is_empty() {
            return Err(Error::unsupported("a part that cannot be read may say where others are"));
        }
        for seek in &self.tree.seeks {
            if shifts.cuts(seek.range.start) {
                continue;
            }
            let Seek { value, entry, segment, .. } = seek;
            more.extend(self.moved(&value.data, *segment, &shifts)?.map(|edit| Change { master: *entry, edit }));
        }
        for cues in &self.tree.cues {
            more.extend(self.moved_cues(*cues, &shifts)?);
        }
        for position in &self.walk.positions {
            let Some(segment) = self.walk.segments.get(position.segment) else { continue };
            let old = self.number(&position.value).and_then(|old| usize::try_from(old).ok());
            let is_right = old.and_then(|old| old.checked_add(segment.data.start)) == Some(position.cluster);
            // Live streams say nought.
            if !is_right || shifts.at(position.cluster) == shifts.at(segment.data.start) {
                continue;
            }
            if position.is_summed {
                return Err(Error::unsupported("clusters say where they are, under a checksum"));
            }
            let edit = self.moved(&position.value, position.segment, &shifts)?;
            more.extend(edit.map(|edit| Change { master: segment.master, edit }));
        }
        Ok(more)
    }

    fn number(&self, range: &Range<usize>) -> Option<u64> {
        let bytes = self.input.get(range.clone())?;
        (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The edit that makes a position of a segment follow, in as many bytes as it has.
    fn moved(&self, value: &Range<usize>, segment: usize, shifts: &Shifts) -> Result<Option<Edit>> {
        let base = self.walk.segments.get(segment).map_or(0, |segment| segment.data.start);
        let Some(old) = self.number(value) else { return Ok(None) };
        let target = base.saturating_add(usize::try_from(old).unwrap_or(usize::MAX));
        let new = old.checked_add_signed(shifts.at(target) - shifts.at(base));
        let bytes = new.map(u64::to_be_bytes);
        let parts = bytes.as_ref().and_then(|bytes| bytes.split_at_checked(8 - value.len()));
        match parts.filter(|(high, _)| high.iter().all(|byte| *byte == 0)) {
            Some((_, low)) => Ok(rewrite(value.start, self.input.get(value.clone()).unwrap_or_default(), low)),
            None => Err(Error::unsupported("a position would not fit into its field")),
        }
    }

    /// The edits that make an index of clusters follow.
    fn moved_cues(&self, master: usize, shifts: &Shifts) -> Result<Vec<Change>> {
        let Some(cues) = self.tree.masters.get(master) else { return Ok(Vec::new()) };
        let segment = self.walk.segments.iter().position(|segment| Some(segment.master) == cues.parent).unwrap_or(0);
        let is_moved = self.walk.media.iter().any(|run| {
            let base = self.walk.segments.get(segment).map_or(0, |segment| segment.data.start);
            shifts.at(run.start) != shifts.at(base)
        });
        if !is_moved {
            return Ok(Vec::new());
        }
        self.limits.check_part(cues.element.data.len() as u64)?;
        let mut edits = Vec::new();
        let mut work = vec![(cues.element.clone(), 0)];
        while let Some((outer, depth)) = work.pop() {
            for child in Children::new(self.input, outer.data) {
                let child = child?;
                match child.id {
                    CRC_32 if depth > 0 => return Err(Error::unsupported("checksums stand inside the index")),
                    CUE_POINT | CUE_TRACK_POSITIONS | CUE_REFERENCE => work.push((child, depth + 1)),
                    CUE_CLUSTER_POSITION | CUE_CODEC_STATE | CUE_REF_CLUSTER | CUE_REF_CODEC_STATE => {
                        // No codec state is what nought says.
                        if child.id != CUE_CLUSTER_POSITION && unsigned(self.input, &child) == Some(0) {
                            continue;
                        }
                        edits.extend(self.moved(&child.data, segment, shifts)?);
                    }
                    _ => {}
                }
            }
        }
        Ok(edits.into_iter().map(|edit| Change { master, edit }).collect())
    }
}

/// How far bytes move, by where they stand.
struct Shifts {
    /// Where a cut ends, and how far what stands behind it moves.
    steps: Vec<(usize, i64)>,
    cut: BTreeSet<(usize, usize)>,
}

impl Shifts {
    fn new(changes: &[Change]) -> Self {
        let edits = changes.iter().map(|change| &change.edit);
        let mut steps: Vec<_> = edits.clone().map(|edit| (edit.range.end as usize, grows(edit))).collect();
        steps.retain(|(_, growth)| *growth != 0);
        steps.sort_unstable();
        let mut sum = 0;
        for (_, growth) in &mut steps {
            sum += *growth;
            *growth = sum;
        }
        let cut = edits.filter(|edit| edit.with.is_empty());
        Self { steps, cut: cut.map(|edit| (edit.range.start as usize, edit.range.end as usize)).collect() }
    }

    /// How far the byte at `at` moves.
    fn at(&self, at: usize) -> i64 {
        let next = self.steps.partition_point(|(end, _)| *end <= at);
        next.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, shift)| *shift)
    }

    /// Whether the byte at `at` is cut.
    fn cuts(&self, at: usize) -> bool {
        self.cut.range(..=(at, usize::MAX)).next_back().is_some_and(|(start, end)| (*start..*end).contains(&at))
    }
}
