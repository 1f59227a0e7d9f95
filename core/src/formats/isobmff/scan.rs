//! What the residue scan is shown.

use std::collections::HashSet;
use std::ops::Range;

use super::Movie;
use super::samples;
use super::tree::Node;
use crate::containers::bmff::Atom;
use crate::scan::{Class, Scan};

/// Bytes of one stretch of filler, or of a gap, that are searched, from its start: what an editor of tags left there is
/// shorter.
const REACH: usize = 4 << 20;

/// Bytes of all of them that are searched. The full proof searches the others as content.
const TOTAL: usize = 12 << 20;

/// A box of unknown kind that is longer than this is media.
const DESCRIPTIVE: usize = 16 << 20;

/// Bytes of content that are searched at a time.
const PIECE: usize = 1 << 20;

/// Boxes that hold numbers only.
const NUMBERS: [[u8; 4]; 36] = [
    *b"ftyp", *b"styp", *b"mvhd", *b"tkhd", *b"mdhd", *b"vmhd", *b"smhd", *b"elst", *b"stts", *b"ctts", *b"stsz",
    *b"stz2", *b"stsc", *b"stco", *b"co64", *b"stss", *b"stsh", *b"stps", *b"sdtp", *b"sbgp", *b"sgpd", *b"cslg",
    *b"subs", *b"saiz", *b"saio", *b"senc", *b"mfhd", *b"tfhd", *b"tfdt", *b"trun", *b"tfra", *b"mfro", *b"sidx",
    *b"ssix", *b"trex", *b"edts",
];

impl Movie<'_> {
    /// The stretches of bytes that no reader looks at, as far as they are searched.
    pub(super) fn slack(&self) -> Vec<Range<usize>> {
        let filler = self.tree.nodes.iter().filter(|node| node.atom.is_free()).map(|node| node.atom.data.clone());
        let rests = self.tree.rests.iter().map(|(_, rest)| rest.clone());
        let gaps = samples::gaps(self.input, &self.tree, self.limits).unwrap_or_default();
        let mut ranges: Vec<_> = filler.chain(rests).chain([self.tree.trailer.clone()]).chain(gaps).collect();
        ranges.retain(|range| !range.is_empty());
        ranges.sort_by_key(|range| range.start);
        let mut left = TOTAL;
        for range in &mut ranges {
            range.end = range.end.min(range.start + left.min(REACH));
            left -= range.len();
        }
        ranges
    }

    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let mut claimed = self.labels.claimed.clone();
        claimed.extend(self.labels.payload.iter().cloned());
        claimed.extend(self.tree.nodes.iter().filter_map(|node| structure(&node.atom)));
        claimed.sort_by_key(|range| (range.start, range.end));
        let blocks: HashSet<usize> = self.labels.blocks.iter().filter_map(|block| block.node).collect();
        for (_, node) in self.tree.nodes.iter().enumerate().filter(|(index, _)| !blocks.contains(index)) {
            self.show_box(node, &claimed, scan);
        }
        self.show_blocks(scan);
        for range in self.slack() {
            let bytes = self.input.get(range.clone()).unwrap_or_default();
            scan.raw_region(Class::Slack, "unused bytes", range.start as u64, bytes, &[]);
        }
        if !scan.wants_content() {
            return;
        }
        let mut stream = scan.stream(Class::Content, "behind the end", self.tree.trailer.start as u64);
        let trailer = self.input.get(self.tree.trailer.clone()).unwrap_or_default();
        trailer.chunks(PIECE).for_each(|piece| stream.push(piece));
        for range in &self.labels.payload {
            let bytes = self.input.get(range.clone()).unwrap_or_default();
            scan.raw_region(Class::Content, "picture", range.start as u64, bytes, &[]);
        }
    }

    fn show_blocks(&self, scan: &mut Scan<'_>) {
        for block in &self.labels.blocks {
            let (place, offset, claimed) = (&*block.place, block.offset(0), block.claimed());
            match block.pieces.len() {
                1 => scan.raw_region(Class::Metadata, place, offset, &block.bytes, &claimed),
                _ => scan.region(Class::Metadata, place, offset, &block.bytes, &claimed),
            }
            if scan.wants_content() {
                for image in block.images() {
                    let bytes = block.bytes.get(image.clone()).unwrap_or_default();
                    scan.region(Class::Content, "thumbnail", block.offset(image.start as u64), bytes, &[]);
                }
            }
        }
        for range in self.labels.texts.iter().filter(|range| range.len() <= DESCRIPTIVE) {
            let bytes = self.input.get(range.clone()).unwrap_or_default();
            scan.raw_region(Class::Metadata, "an item", range.start as u64, bytes, &[]);
        }
    }

    fn show_box(&self, node: &Node, claimed: &[Range<usize>], scan: &mut Scan<'_>) {
        let atom = &node.atom;
        if !node.inner.is_empty() || NUMBERS.contains(&atom.kind) {
            return;
        }
        let is_top = node.parent.is_none();
        if matches!(&atom.kind, b"mdat" | b"imda" | b"idat") || atom.is_free() || (is_top && atom.len() > DESCRIPTIVE) {
            if scan.wants_content() {
                let mut stream = scan.stream(Class::Content, "media", atom.data.start as u64);
                atom.bytes(self.input).chunks(PIECE).for_each(|piece| stream.push(piece));
            }
            return;
        }
        let (start, end) = (atom.data.start, atom.data.end);
        let first = claimed.partition_point(|range| range.end <= start);
        let own = claimed.get(first..).unwrap_or_default().iter().take_while(|range| range.start < end);
        let own: Vec<_> = own.map(|range| range.start.max(start) - start..range.end.min(end) - start).collect();
        scan.raw_region(Class::Metadata, &atom.name(), start as u64, atom.bytes(self.input), &own);
    }
}

/// The codes in a box, which are words of the format.
fn structure(atom: &Atom) -> Option<Range<usize>> {
    let Range { start, end } = atom.data;
    let codes = match &atom.kind {
        b"hdlr" => start..start + 24,
        b"stsd" => start..start + 16,
        _ => return None,
    };
    Some(codes.start..codes.end.min(end))
}
