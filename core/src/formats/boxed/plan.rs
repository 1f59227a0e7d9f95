//! What becomes of the file.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use super::Surveyed;
use super::held::Held;
use super::tree::{Body, Part};
use crate::containers::bmff::{Atom, HEADER, filler};
use crate::containers::brotli;
use crate::containers::nested::{apply, growth, rewrite};
use crate::error::Result;
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Planned, Removal};

/// Spaces that a packet may get so that its compressed form takes the room that there is.
const MOST_SPACES: usize = 24;

/// Edits, and how many bytes each box gets by them.
#[derive(Default)]
struct Edits {
    all: Vec<Edit>,
    growth: BTreeMap<usize, i64>,
    /// Boxes that are replaced with their headers.
    whole: HashSet<usize>,
}

impl Edits {
    /// Takes in edits within a box.
    fn within(&mut self, node: Option<usize>, edits: Vec<Edit>) {
        if let Some(node) = node {
            *self.growth.entry(node).or_default() += growth(&edits);
        }
        self.all.extend(edits);
    }
}

impl Surveyed<'_> {
    pub(super) fn planned(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = Edits::default();
        let mut notes = Vec::new();
        let is_fixed = self.tree.has_offsets || self.tree.rebuilds;
        let layout = if is_fixed { Layout::Preserve } else { layout };
        for part in &self.tree.parts {
            let sites = part.sites.clone();
            let chosen: Vec<_> =
                sites.filter(|&site| removal.takes(site)).map(|site| site - part.sites.start).collect();
            self.part(part, &chosen, removal, layout, &mut edits)?;
        }
        self.stale(removal, &mut edits);
        self.lengths(&mut edits);
        if self.tree.rebuilds && !edits.all.is_empty() {
            notes.push("a JPEG that is rebuilt from the file lacks the labels too".to_owned());
        }
        Ok(Planned { plan: Plan::new(edits.all, self.input.len() as u64)?, notes, ..Planned::default() })
    }

    fn part(
        &self,
        part: &Part,
        chosen: &[usize],
        removal: &Removal<'_>,
        layout: Layout,
        edits: &mut Edits,
    ) -> Result<()> {
        let node = part.node;
        let atom = node.and_then(|node| self.tree.nodes.get(node)).map(|node| &node.atom);
        match &part.body {
            Body::Block { held, start } => {
                let end = atom.map_or(self.input.len(), |atom| atom.data.end);
                let block = self.input.get(*start..end).unwrap_or_default();
                let inner = held.edits(block, chosen, removal.needles, layout)?;
                match (node, atom) {
                    (Some(node), Some(atom)) if goes(held, chosen, layout) => self.cut(node, atom, edits),
                    _ => {
                        let moved = |range: Range<u64>| range.start + *start as u64..range.end + *start as u64;
                        let inner = inner.into_iter().map(|it| Edit { range: moved(it.range), with: it.with });
                        edits.within(node, inner.collect());
                    }
                }
            }
            Body::Coded { held, decoded, header } => {
                let block = decoded.get(*header..).unwrap_or_default();
                let inner = held.edits(block, chosen, removal.needles, layout)?;
                let (Some(node), Some(atom), false) = (node, atom, inner.is_empty()) else { return Ok(()) };
                if goes(held, chosen, layout) {
                    self.cut(node, atom, edits);
                    return Ok(());
                }
                let mut new = decoded.get(..*header).unwrap_or_default().to_vec();
                new.extend(apply(block, &inner)?);
                self.recode(node, atom, held, new, layout, edits)?;
            }
            _ if chosen.is_empty() => {}
            Body::Text { text } => {
                let range = text.start as u64..text.end as u64;
                let edit = if layout == Layout::Preserve { Edit::fill(range, b' ') } else { Edit::delete(range) };
                edits.within(node, vec![edit]);
            }
            Body::Comment { data, segment } => {
                let edit = match segment {
                    Some(segment) if layout == Layout::Compact => {
                        Edit::delete(segment.start as u64..segment.end as u64)
                    }
                    _ => Edit::fill(data.start as u64..data.end as u64, b' '),
                };
                edits.within(node, vec![edit]);
            }
            Body::Whole => match (node, atom) {
                (Some(node), Some(atom)) if layout == Layout::Compact => self.cut(node, atom, edits),
                (_, Some(atom)) => edits.all.extend(atom.blank()),
                _ => {}
            },
        }
        Ok(())
    }

    /// Cuts a box out.
    fn cut(&self, node: usize, atom: &Atom, edits: &mut Edits) {
        edits.whole.insert(node);
        let parent = self.tree.nodes.get(node).and_then(|node| node.parent);
        edits.within(parent, vec![atom.cut()]);
    }

    /// Puts a compressed box with `new` data in place of the old one.
    fn recode(
        &self,
        node: usize,
        atom: &Atom,
        held: &Held,
        mut new: Vec<u8>,
        layout: Layout,
        edits: &mut Edits,
    ) -> Result<()> {
        let kind = atom.bytes(self.input).get(..4).unwrap_or_default();
        let room = atom.data.len().saturating_sub(4);
        let mut coded = brotli::compress(&new)?;
        // A packet may end in spaces, so that it fills the room or leaves enough for a box of filler.
        let fits = |coded: &[u8]| room.checked_sub(coded.len()).is_some_and(|freed| freed == 0 || freed >= HEADER);
        let may_grow = layout == Layout::Preserve && matches!(held, Held::Xmp(_)) && !self.tree.rebuilds;
        for index in 0..MOST_SPACES {
            if !may_grow || fits(&coded) || coded.len() > room {
                break;
            }
            new.push(if 0x005a_6b35 >> index & 1 == 1 { b'\n' } else { b' ' });
            coded = brotli::compress(&new)?;
        }
        let data = [kind, &coded].concat();
        if coded.len() == room {
            edits.within(Some(node), rewrite(atom.data.start, atom.bytes(self.input), &data).into_iter().collect());
            return Ok(());
        }
        let mut bytes = ((data.len() + HEADER) as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(b"brob");
        bytes.extend_from_slice(&data);
        let freed = atom.len().checked_sub(bytes.len()).filter(|freed| *freed >= HEADER);
        if let Some(freed) = freed.filter(|_| layout == Layout::Preserve) {
            bytes.extend(filler(freed));
        }
        edits.whole.insert(node);
        let parent = self.tree.nodes.get(node).and_then(|node| node.parent);
        edits.within(parent, vec![Edit::replace(atom.span(), bytes)]);
        Ok(())
    }

    /// Clears old filler that says something of what goes.
    fn stale(&self, removal: &Removal<'_>, edits: &mut Edits) {
        let behind = self.tree.behind.iter().filter(|(node, _)| !edits.whole.contains(node));
        let behind = behind.map(|(_, range)| range.clone());
        let free = self.tree.nodes.iter().filter(|node| node.atom.is_free()).map(|node| node.atom.data.clone());
        let stale = free.chain(behind).filter(|range| {
            let bytes = self.input.get(range.clone()).unwrap_or_default();
            super::scan::pieces(bytes, removal.needles).any(|piece| removal.needles.occur_in(piece))
        });
        let stale: Vec<_> = stale.map(|range| Edit::fill(range.start as u64..range.end as u64, 0)).collect();
        edits.all.extend(stale);
    }

    /// Makes the lengths of boxes follow.
    fn lengths(&self, edits: &mut Edits) {
        while let Some((index, grown)) = edits.growth.pop_last() {
            let Some(node) = self.tree.nodes.get(index).filter(|_| grown != 0) else { continue };
            if !edits.whole.contains(&index) {
                edits.all.extend(node.atom.resized(grown));
            }
            if let Some(parent) = node.parent {
                *edits.growth.entry(parent).or_default() += grown;
            }
        }
    }
}

/// Whether the box of a block goes with the last of its sites.
fn goes(held: &Held, chosen: &[usize], layout: Layout) -> bool {
    layout == Layout::Compact && !chosen.is_empty() && held.empties(chosen)
}
