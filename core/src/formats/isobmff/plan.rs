//! Planning a removal: what is cut out of which box, and how the boxes around it follow.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::labels::{Keys, Owner};
use super::{Movie, compact};
use crate::containers::bmff::{HEADER, filler};
use crate::containers::nested::{apply, growth, rewrite};
use crate::containers::slack::blank;
use crate::error::{ErrorKind, Result};
use crate::plan::{Edit, Layout, Plan, Replacement};
use crate::survey::{Barrier, Planned, Removal};

/// A list this long is not moved together when an item goes: the item becomes filler in its place.
const MOVABLE: usize = 1 << 20;

/// An edit of what is in a box: in its payload, or of a box in it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// The box; none when a box of the file itself goes.
    pub(super) within: Option<usize>,
    pub(super) edit: Edit,
}

impl Movie<'_> {
    pub(super) fn plan_removal(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let safe = match layout {
            Layout::Compact if self.can_move() => Layout::Compact,
            _ => Layout::Preserve,
        };
        let mut planned = Planned::default();
        let mut changes = self.changes(removal, safe)?;
        self.replace_members(removal, safe, &mut changes, &mut planned);
        let stays = |change: &Change| self.layout_at(change.edit.range.start, safe) == Layout::Preserve;
        let (fixed, moving): (Vec<Change>, Vec<Change>) = changes.into_iter().partition(stays);
        let mut edits = self.fit(fixed)?;
        if !moving.is_empty() {
            edits.extend(self.sizes(&moving, None));
            edits.extend(moving.into_iter().map(|change| change.edit));
            edits.extend(compact::follow_offsets(self, &edits));
        }
        edits.extend(self.stale(removal, &edits));
        planned.plan = Plan::new(edits, self.input.len() as u64)?;
        Ok(planned)
    }

    /// What the removal changes in the boxes, before the boxes around follow.
    fn changes(&self, removal: &Removal<'_>, layout: Layout) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        let chosen = Chosen::sort(self, removal.sites);
        for &node in &chosen.whole {
            changes.extend(self.drop_box(node, layout));
        }
        for (&item, values) in &chosen.values {
            let count = self.tree.children(item).filter(|(_, node)| node.atom.kind == *b"data").count();
            if count == values.len() {
                changes.extend(self.drop_box(item, layout));
            } else {
                changes.extend(values.iter().filter_map(|data| self.cut_box(*data)));
            }
        }
        for (&node, parts) in &chosen.parts {
            changes.extend(self.drop_parts(node, parts, layout));
        }
        for (&node, texts) in &chosen.texts {
            let cuts: Vec<_> = texts.iter().map(|range| Edit::delete(range.start as u64..range.end as u64)).collect();
            changes.extend(self.pad(node, &cuts, growth(&cuts).unsigned_abs() as usize));
        }
        changes.extend(
            chosen
                .fields
                .iter()
                .map(|range| Change { within: None, edit: Edit::fill(range.start as u64..range.end as u64, 0) }),
        );
        for (meta, keys) in &self.labels.keys {
            self.drop_keys(*meta, keys, &chosen, &mut changes);
        }
        self.drop_in_blocks(removal, layout, &mut changes)?;
        Ok(changes)
    }

    /// A box that goes as a whole.
    fn drop_box(&self, node: usize, layout: Layout) -> Vec<Change> {
        let Some(atom) = self.tree.atom(node) else { return Vec::new() };
        let parent = self.tree.parent(node);
        if self.layout_at(atom.start as u64, layout) == Layout::Preserve && self.admits_filler(parent) {
            return atom.blank().into_iter().map(|edit| Change { within: None, edit }).collect();
        }
        vec![Change { within: parent, edit: atom.cut() }]
    }

    fn cut_box(&self, node: usize) -> Option<Change> {
        Some(Change { within: self.tree.parent(node), edit: self.tree.atom(node)?.cut() })
    }

    /// Parts of a box that go; with all of them, the box.
    fn drop_parts(&self, node: usize, parts: &[usize], layout: Layout) -> Vec<Change> {
        if self.labels.parts.get(&node) == Some(&parts.len()) {
            return self.drop_box(node, layout);
        }
        let ranges = parts.iter().filter_map(|site| match self.labels.owners.get(*site)? {
            Owner::Part { range, .. } => Some(range.clone()),
            _ => None,
        });
        let cuts: Vec<_> = ranges.map(|range| Edit::delete(range.start as u64..range.end as u64)).collect();
        let freed = growth(&cuts).unsigned_abs() as usize;
        let start = self.tree.atom(node).map_or(0, |atom| atom.start as u64);
        if freed < HEADER && self.layout_at(start, layout) == Layout::Preserve {
            return self.pad(node, &cuts, freed);
        }
        cuts.into_iter().map(|edit| Change { within: Some(node), edit }).collect()
    }

    /// Room that is too small for a box stays at the end of the list, where zeros say that it is over.
    fn pad(&self, node: usize, cuts: &[Edit], freed: usize) -> Vec<Change> {
        let Some(atom) = self.tree.atom(node) else { return Vec::new() };
        let (start, old) = (atom.data.start as u64, atom.bytes(self.input));
        let local = |edit: &Edit| Edit::delete(edit.range.start - start..edit.range.end - start);
        let Ok(mut new) = apply(old, &cuts.iter().map(local).collect::<Vec<_>>()) else { return Vec::new() };
        new.resize(new.len() + freed, 0);
        rewrite(atom.data.start, old, &new).into_iter().map(|edit| Change { within: None, edit }).collect()
    }

    /// Keys whose items all go, and the numbers of those behind them.
    fn drop_keys(&self, meta: usize, keys: &Keys, chosen: &Chosen, changes: &mut Vec<Change>) {
        let Some(atom) = self.tree.atom(keys.node) else { return };
        let gone = self.gone_keys(meta, chosen);
        if gone.is_empty() {
            return;
        }
        for number in &gone {
            let Some(key) = keys.entries.get(*number as usize - 1) else { continue };
            let range = (atom.data.start + key.range.start) as u64..(atom.data.start + key.range.end) as u64;
            changes.push(Change { within: Some(keys.node), edit: Edit::delete(range) });
        }
        let at = atom.data.start as u64 + 4;
        let count = (keys.entries.len() - gone.len()) as u32;
        changes.push(Change { within: Some(keys.node), edit: Edit::replace(at..at + 4, count.to_be_bytes().to_vec()) });
        for (item, number) in self.items_of(meta).filter(|(item, _)| !chosen.drops_item(self, *item)) {
            let before = gone.range(..number).count() as u32;
            if let Some(atom) = self.tree.atom(item)
                && before > 0
                && (number as usize) <= keys.entries.len()
            {
                let at = atom.start as u64 + 4;
                let kind = (number - before).to_be_bytes().to_vec();
                changes.push(Change { within: Some(item), edit: Edit::replace(at..at + 4, kind) });
            }
        }
    }

    /// The items of the lists in a `meta` box, with what may be the number of a key.
    fn items_of(&self, meta: usize) -> impl Iterator<Item = (usize, u32)> {
        let lists = self.tree.children(meta).filter(|(_, node)| node.atom.kind == *b"ilst");
        let items = lists.flat_map(|(list, _)| self.tree.children(list));
        items.map(|(item, node)| (item, u32::from_be_bytes(node.atom.kind)))
    }

    /// The numbers of the keys of `meta` that nothing refers to any more.
    fn gone_keys(&self, meta: usize, chosen: &Chosen) -> BTreeSet<u32> {
        let mut gone: BTreeSet<u32> = chosen.keys.get(&meta).into_iter().flatten().copied().collect();
        let count = self.labels.keys.get(&meta).map_or(0, |keys| keys.entries.len());
        let mut kept = BTreeSet::new();
        for (item, number) in self.items_of(meta).filter(|(_, number)| (1..=count).contains(&(*number as usize))) {
            if chosen.drops_item(self, item) {
                gone.insert(number)
            } else {
                kept.insert(number)
            };
        }
        gone.difference(&kept).copied().collect()
    }

    fn drop_in_blocks(&self, removal: &Removal<'_>, layout: Layout, changes: &mut Vec<Change>) -> Result<()> {
        for block in &self.labels.blocks {
            let first = removal.sites.partition_point(|site| *site < block.sites.start);
            let behind = removal.sites.partition_point(|site| *site < block.sites.end);
            let own = removal.sites.get(first..behind).unwrap_or_default().iter();
            let own: Vec<usize> = own.map(|site| site - block.sites.start).collect();
            let layout = match block.node {
                Some(_) => self.layout_at(block.offset(0), layout),
                None => Layout::Preserve,
            };
            if let Some(node) = block.node.filter(|_| layout == Layout::Compact && block.empties(&own)) {
                changes.extend(self.drop_box(node, layout));
                continue;
            }
            let edits = block.edits(&own, removal.needles, layout)?;
            changes.extend(edits.into_iter().map(|edit| Change { within: block.node, edit }));
        }
        Ok(())
    }

    /// New data of pictures, where the boxes around can follow.
    fn replace_members(&self, removal: &Removal<'_>, layout: Layout, changes: &mut Vec<Change>, planned: &mut Planned) {
        let cuts =
            changes.iter().map(|change| &change.edit).filter(|edit| matches!(edit.with, Replacement::Fill { .. }));
        let mut gone: Vec<_> = cuts.map(|edit| (edit.range.start, edit.range.end)).collect();
        gone.sort_unstable();
        for (index, bytes) in removal.members {
            let Some((member, data)) = self.labels.members.get(*index) else { continue };
            let range = member.offset..member.offset + member.len;
            let before = gone.partition_point(|(start, _)| *start <= range.start);
            if before.checked_sub(1).and_then(|last| gone.get(last)).is_some_and(|(_, end)| *end >= range.end) {
                continue;
            }
            let new = bytes.len() as u64;
            let is_picture = self.tree.kind(*data) == *b"data";
            let fits = new == member.len || (is_picture && new + HEADER as u64 <= member.len);
            if fits || self.layout_at(range.start, layout) == Layout::Compact {
                let edit = Edit::replace(range, bytes.clone());
                changes.push(Change { within: Some(*data), edit });
            } else {
                let reason = "it takes another length, which cannot be filled";
                planned.left_members.push((*index, Barrier::new(ErrorKind::Unsupported, reason)));
            }
        }
    }

    /// Whether filler may stand among the children of a box; in a list of items it may where the list is long.
    fn admits_filler(&self, parent: Option<usize>) -> bool {
        let Some(node) = parent.and_then(|parent| self.tree.nodes.get(parent)) else { return true };
        match &node.atom.kind {
            b"moov" | b"trak" | b"mdia" | b"moof" | b"traf" | b"udta" | b"meta" => true,
            b"ilst" => node.atom.len() > MOVABLE,
            _ => false,
        }
    }

    /// The edits that make `changes` without moving anything outside the boxes that they are in: what is freed becomes
    /// filler behind the innermost box that may have some as its neighbour.
    fn fit(&self, changes: Vec<Change>) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        let mut hosts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
        for change in changes {
            match change.within.and_then(|within| self.host(within)) {
                Some(host) => hosts.entry(host).or_default().push(change),
                None => edits.push(change.edit),
            }
        }
        for (host, changes) in hosts {
            if changes.iter().all(|change| change.edit.keeps_length()) {
                edits.extend(changes.into_iter().map(|change| change.edit));
                continue;
            }
            let Some(atom) = self.tree.atom(host) else { continue };
            let mut all = self.sizes(&changes, Some(host));
            all.extend(changes.into_iter().map(|change| change.edit));
            let start = atom.start as u64;
            for edit in &mut all {
                edit.range = edit.range.start - start..edit.range.end - start;
            }
            let old = self.input.get(atom.range()).unwrap_or_default();
            let mut new = apply(old, &all)?;
            let freed = old.len().saturating_sub(new.len());
            if freed > 0 {
                new.extend(filler(freed));
            }
            edits.extend(rewrite(atom.start, old, &new));
        }
        Ok(edits)
    }

    /// The innermost box around `node`, or itself, that may have filler behind it.
    fn host(&self, node: usize) -> Option<usize> {
        self.tree.lineage(node).find(|node| self.admits_filler(self.tree.parent(*node)))
    }

    /// The edits of the lengths of all boxes around `changes`, up to `last`.
    fn sizes(&self, changes: &[Change], last: Option<usize>) -> Vec<Edit> {
        let mut growths: BTreeMap<usize, i64> = BTreeMap::new();
        for change in changes {
            let grown = growth(std::slice::from_ref(&change.edit));
            if grown == 0 {
                continue;
            }
            for node in change.within.into_iter().flat_map(|within| self.tree.lineage(within)) {
                *growths.entry(node).or_default() += grown;
                if Some(node) == last {
                    break;
                }
            }
        }
        let sizes = growths.into_iter().filter(|(_, growth)| *growth != 0);
        sizes.filter_map(|(node, growth)| self.tree.atom(node)?.resized(growth)).collect()
    }

    /// Zeros over every removed key and value in what no reader looks at.
    fn stale(&self, removal: &Removal<'_>, planned: &[Edit]) -> Vec<Edit> {
        if removal.needles.is_empty() {
            return Vec::new();
        }
        let mut taken: Vec<_> = planned.iter().map(|edit| edit.range.clone()).collect();
        taken.sort_by_key(|range| range.start);
        let is_free = |edit: &Edit| {
            let next = taken.partition_point(|taken| taken.end <= edit.range.start);
            taken.get(next).is_none_or(|taken| taken.start >= edit.range.end)
        };
        let bytes = |range: &Range<usize>| self.input.get(range.clone()).unwrap_or_default();
        let slack = self.slack();
        let stale = slack.iter().flat_map(|range| blank(range.start, bytes(range), removal.needles));
        stale.filter(is_free).collect()
    }
}

/// The chosen sites by what holds them.
#[derive(Debug, Default)]
struct Chosen {
    whole: BTreeSet<usize>,
    /// Items, with the `data` boxes that go.
    values: BTreeMap<usize, Vec<usize>>,
    /// Boxes, with the sites of the parts that go.
    parts: BTreeMap<usize, Vec<usize>>,
    /// `meta` boxes, with the numbers of keys that have no item.
    keys: BTreeMap<usize, Vec<u32>>,
    /// Boxes, with the texts in them that go.
    texts: BTreeMap<usize, Vec<Range<usize>>>,
    fields: Vec<Range<usize>>,
}

impl Chosen {
    fn sort(movie: &Movie<'_>, sites: &[usize]) -> Self {
        let mut chosen = Self::default();
        for &site in sites {
            match movie.labels.owners.get(site) {
                Some(Owner::Whole(node)) => drop(chosen.whole.insert(*node)),
                Some(Owner::Value { item, data }) => chosen.values.entry(*item).or_default().push(*data),
                Some(Owner::Part { node, .. }) => chosen.parts.entry(*node).or_default().push(site),
                Some(Owner::Key { meta, number }) => chosen.keys.entry(*meta).or_default().push(*number),
                Some(Owner::Text { node, range }) => chosen.texts.entry(*node).or_default().push(range.clone()),
                Some(Owner::Field(range)) => chosen.fields.push(range.clone()),
                Some(Owner::Block) | None => {}
            }
        }
        chosen
    }

    /// Whether an item goes with all its values.
    fn drops_item(&self, movie: &Movie<'_>, item: usize) -> bool {
        let count = || movie.tree.children(item).filter(|(_, node)| node.atom.kind == *b"data").count();
        self.whole.contains(&item) || self.values.get(&item).is_some_and(|values| values.len() == count())
    }
}
