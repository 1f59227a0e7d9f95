//! The boxes of a file that matter to labels, as a tree.

use std::collections::HashMap;
use std::ops::Range;

use crate::containers::bmff::{Atom, HEADER, Walk, walk, walk_file};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Boxes whose children are read. Everything else is a leaf.
const CONTAINERS: [[u8; 4]; 15] = [
    *b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"mvex", *b"moof", *b"traf", *b"mfra", *b"udta", *b"meta",
    *b"ilst", *b"meco", *b"iprp", *b"ipco",
];

/// Boxes without which a file cannot be played: damage in them is damage of the file.
const VITAL: [[u8; 4]; 8] = [*b"moov", *b"trak", *b"mdia", *b"minf", *b"stbl", *b"mvex", *b"moof", *b"traf"];

/// One box and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) atom: Atom,
    pub(super) parent: Option<usize>,
    /// How many boxes of its kind stand before it in the same box.
    pub(super) number: usize,
    /// Where its children stand; empty for a leaf.
    pub(super) inner: Range<usize>,
    /// The index behind its last descendant.
    pub(super) end: usize,
}

/// All boxes in file order, parents before their children.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// What stands behind the last child of a container, with that container.
    pub(super) rests: Vec<(usize, Range<usize>)>,
    /// What stands behind the last box of the file.
    pub(super) trailer: Range<usize>,
    /// The boxes that are not in another one.
    pub(super) top: Vec<usize>,
    /// Where the first segment index stands.
    pub(super) index: Option<u64>,
    /// Whether the file ends within its last box.
    pub(super) is_cut: bool,
}

impl Tree {
    pub(super) fn read(input: &[u8], limits: &Limits) -> Result<Self> {
        let Walk { atoms, rest, is_cut } = walk_file(input, limits)?;
        let mut tree = Self { trailer: rest, is_cut, ..Self::default() };
        let mut numbers = HashMap::new();
        for atom in atoms {
            let number = next(&mut numbers, &atom);
            if atom.kind == *b"sidx" {
                tree.index.get_or_insert(atom.start as u64);
            }
            tree.top.push(tree.nodes.len());
            tree.add(input, atom, (None, number), 0, limits)?;
        }
        Ok(tree)
    }

    /// Takes in `atom` and what is in it. `place` is its parent, and its number among boxes of its kind there.
    fn add(
        &mut self,
        input: &[u8],
        atom: Atom,
        place: (Option<usize>, usize),
        depth: usize,
        limits: &Limits,
    ) -> Result<()> {
        let (parent, number) = place;
        limits.check_depth(depth)?;
        let index = self.nodes.len();
        limits.check_items(index + 1, "boxes")?;
        let is_item = parent.is_some_and(|parent| self.kind(parent) == *b"ilst");
        let inner = if is_item || CONTAINERS.contains(&atom.kind) { inner(input, &atom) } else { 0..0 };
        let kind = atom.kind;
        self.nodes.push(Node { atom, parent, number, inner: inner.clone(), end: index + 1 });
        if !inner.is_empty() {
            let found = walk(input, inner, limits)?;
            if VITAL.contains(&kind) && found.rest.len() >= HEADER && !is_blank(input, &found.rest) {
                return Err(Error::malformed(found.rest.start as u64, "not a box, or longer than what it is in"));
            }
            let mut numbers = HashMap::new();
            for atom in found.atoms {
                let number = next(&mut numbers, &atom);
                self.add(input, atom, (Some(index), number), depth + 1, limits)?;
            }
            if !found.rest.is_empty() {
                self.rests.push((index, found.rest));
            }
        }
        let end = self.nodes.len();
        if let Some(node) = self.nodes.get_mut(index) {
            node.end = end;
        }
        Ok(())
    }

    pub(super) fn kind(&self, node: usize) -> [u8; 4] {
        self.nodes.get(node).map_or([0; 4], |node| node.atom.kind)
    }

    pub(super) fn atom(&self, node: usize) -> Option<&Atom> {
        self.nodes.get(node).map(|node| &node.atom)
    }

    pub(super) fn parent(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.parent
    }

    /// The box that is not in another one and holds byte `at` of the file.
    pub(super) fn top_at(&self, at: u64) -> Option<usize> {
        let start = |node: &usize| self.nodes.get(*node).map_or(0, |node| node.atom.start as u64);
        let behind = self.top.partition_point(|node| start(node) <= at);
        self.top.get(behind.checked_sub(1)?).copied()
    }

    pub(super) fn children(&self, parent: usize) -> impl Iterator<Item = (usize, &Node)> {
        self.siblings(parent + 1, self.nodes.get(parent).map_or(0, |node| node.end))
    }

    fn siblings(&self, first: usize, end: usize) -> impl Iterator<Item = (usize, &Node)> {
        let mut next = first;
        std::iter::from_fn(move || {
            let index = next;
            let node = self.nodes.get(index).filter(|_| index < end)?;
            next = node.end;
            Some((index, node))
        })
    }

    pub(super) fn child(&self, parent: usize, kind: [u8; 4]) -> Option<usize> {
        self.children(parent).find(|(_, node)| node.atom.kind == kind).map(|(index, _)| index)
    }

    /// The box and those that it is in, from the innermost.
    pub(super) fn lineage(&self, node: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(node), |node| self.parent(*node))
    }

    /// The types of the boxes that a box is in, outermost first, for people.
    pub(super) fn path(&self, node: Option<usize>) -> String {
        let mut names: Vec<String> =
            node.into_iter().flat_map(|node| self.lineage(node)).filter_map(|node| self.step(node)).collect();
        names.reverse();
        if names.is_empty() { "file".to_owned() } else { names.join("/") }
    }

    fn step(&self, node: usize) -> Option<String> {
        let Node { atom, number, .. } = self.nodes.get(node)?;
        Some(if atom.kind == *b"trak" { format!("trak {}", number + 1) } else { atom.name() })
    }
}

/// How many boxes of the kind of `atom` came before it.
fn next(numbers: &mut HashMap<[u8; 4], usize>, atom: &Atom) -> usize {
    let count = numbers.entry(atom.kind).or_insert(0);
    *count += 1;
    *count - 1
}

fn is_blank(input: &[u8], range: &Range<usize>) -> bool {
    input.get(range.clone()).unwrap_or_default().iter().all(|byte| *byte == 0)
}

/// Where the children of a container stand. `meta` is a full box in MPEG-4 and a plain one in QuickTime; what the
/// first child says tells them apart.
fn inner(input: &[u8], atom: &Atom) -> Range<usize> {
    let Range { start, end } = atom.data;
    if atom.kind != *b"meta" {
        return start..end;
    }
    let data = atom.bytes(input);
    let is_plain = data.get(4..8).is_some_and(|kind| kind.iter().all(u8::is_ascii_alphabetic));
    if is_plain { start..end } else { (start + 4).min(end)..end }
}
