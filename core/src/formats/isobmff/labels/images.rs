//! What files of images hold besides: items, descriptions, and the video of a moving picture.

use std::collections::HashSet;
use std::ops::Range;

use super::super::blocks::{Block, Held, behind, join};
use super::super::located::{self, Item};
use super::{Finder, Owner};
use crate::containers::bmff::Atom;
use crate::containers::text::decode;
use crate::error::{ErrorKind, Result};
use crate::survey::{Barrier, Guard, Kind, Member, Scope};

/// Items are compared with so many before them, because some writers have several names for the same bytes.
const SHARED: usize = 64;

/// What a `meta` box of images says.
impl Finder<'_, '_> {
    /// The items that are metadata: XMP packets and Exif blocks.
    pub(super) fn items(&mut self, meta: usize) -> Result<()> {
        let items = located::items(self.input, self.tree, meta, self.limits)?;
        if items.is_empty() {
            return Ok(());
        }
        let Some(mut places) = located::places(self.input, self.tree, meta, self.limits) else {
            let Some(atom) = self.tree.atom(meta) else { return Ok(()) };
            self.guard(ErrorKind::Unsupported, "the table of items cannot be read", Scope::Hidden, atom);
            return Ok(());
        };
        for item in items {
            let place = places.remove(&item.id);
            match (&item.kind, &*item.content_type) {
                (b"Exif", _) | (b"mime", "application/rdf+xml") => self.item_block(meta, &item, place.flatten())?,
                (b"mime" | b"uri ", _) => self.labels.texts.extend(place.flatten().into_iter().flatten()),
                _ => self.foreign.extend(place.flatten().into_iter().flatten()),
            }
        }
        Ok(())
    }

    fn item_block(&mut self, meta: usize, item: &Item, pieces: Option<Vec<Range<usize>>>) -> Result<()> {
        let place = format!("{} item {}", self.tree.path(Some(meta)), item.id);
        let offset = self.tree.atom(meta).map_or(0, |atom| atom.start as u64);
        let mut hide = |reason: &str| {
            let barrier = Barrier::new(ErrorKind::Unsupported, format!("{place} {reason}"));
            self.labels.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset });
        };
        let Some(pieces) = pieces else {
            hide("lies where it cannot be read");
            return Ok(());
        };
        if !item.coding.is_empty() {
            hide("is compressed");
            return Ok(());
        }
        self.joined = pieces.iter().fold(self.joined, |sum, piece| sum.saturating_add(piece.len() as u64));
        self.limits.check_part(self.joined)?;
        let is_exif = item.kind == *b"Exif";
        let start = if is_exif { self.tiff_start(&pieces) } else { 0 };
        let pieces = behind(&pieces, start);
        let Some(bytes) = join(self.input, &pieces).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
        if self.labels.blocks.iter().rev().take(SHARED).any(|block| block.pieces == pieces) {
            return Ok(());
        }
        let held = if is_exif { Held::tiff(&bytes, self.limits)? } else { Held::xmp(&bytes, self.limits)? };
        self.add_block(Block { node: None, place, pieces, bytes, held, sites: 0..0 });
        Ok(())
    }

    /// Where the TIFF header stands in an Exif item, which says so; some writers count the header of JPEG, some do not.
    fn tiff_start(&self, pieces: &[Range<usize>]) -> usize {
        let Some(bytes) = join(self.input, pieces) else { return 0 };
        let told = bytes.first_chunk().map_or(0, |offset| u32::from_be_bytes(*offset) as usize);
        let is_tiff = |start: &usize| {
            bytes.get(*start..).is_some_and(|bytes| bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*"))
        };
        [told.saturating_add(4), 10, 4, 0].into_iter().find(is_tiff).unwrap_or(4)
    }

    /// Texts that describe an image, one behind the other; those without a name are languages.
    pub(super) fn described(&mut self, index: usize, atom: &Atom, names: &[&str]) {
        let mut at = atom.data.start + 4;
        for name in names {
            let rest = self.input.get(at..atom.data.end).unwrap_or_default();
            let Some(length) = memchr::memchr(0, rest) else { return };
            let range = at..at + length;
            at = range.end + 1;
            if name.is_empty() || range.is_empty() {
                continue;
            }
            let mut site = self.site(index, format!("{}:{name}", atom.name()), (*name).to_owned(), Kind::Standard);
            site.offset = range.start as u64;
            site.value = Some(decode(self.input.get(range.clone()).unwrap_or_default()));
            self.labels.claimed.push(range.clone());
            self.add(site, Owner::Text { node: index, range });
        }
    }

    /// The video of a moving picture.
    pub(super) fn motion(&mut self, index: usize, atom: &Atom) {
        let (offset, len) = (atom.data.start as u64, atom.data.len() as u64);
        let member = Member { place: "motion.mp4".to_owned(), offset, len, barrier: None };
        self.labels.members.push((member, index));
        self.labels.payload.push(atom.data.clone());
    }

    /// Bars the sites of items whose bytes are also those of something else: they cannot change alone.
    pub(super) fn bar_shared(&mut self) {
        let items = self.labels.blocks.iter().enumerate().filter(|(_, block)| block.node.is_none());
        let own = items.flat_map(|(index, block)| block.pieces.iter().map(move |piece| (piece.clone(), Some(index))));
        let boxes = self
            .tree
            .nodes
            .iter()
            .filter(|node| node.inner.is_empty() && !matches!(&node.atom.kind, b"mdat" | b"idat" | b"imda"));
        let boxes = boxes.map(|node| (node.atom.range(), None));
        let mut taken: Vec<_> = own.chain(boxes).chain(self.foreign.drain(..).map(|piece| (piece, None))).collect();
        if self.labels.blocks.is_empty() {
            return;
        }
        taken.sort_by_key(|(range, _)| (range.start, range.end));
        let mut barred = HashSet::new();
        let mut furthest: Option<(usize, Option<usize>)> = None;
        for (range, owner) in taken {
            if let Some((_, before)) = furthest.filter(|(end, _)| range.start < *end) {
                barred.extend([owner, before].into_iter().flatten());
            }
            if furthest.is_none_or(|(end, _)| range.end > end) {
                furthest = Some((range.end, owner));
            }
        }
        for block in barred {
            let Some(block) = self.labels.blocks.get(block) else { continue };
            for site in self.labels.findings.sites.get_mut(block.sites.clone()).into_iter().flatten() {
                let barrier = || Barrier::new(ErrorKind::Conflict, "its bytes are also those of something else");
                site.barrier.get_or_insert_with(barrier);
            }
        }
    }
}
