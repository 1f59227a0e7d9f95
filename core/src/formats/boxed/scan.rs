//! Showing a file to the residue scan.

use std::ops::Range;

use super::Surveyed;
use super::tree::Body;
use crate::needles::Needles;
use crate::scan::{Class, Scan};

/// What is shown at once.
const PIECE: usize = 1 << 20;

/// Boxes of numbers with a fixed meaning, and of marks of the format.
const NUMBERS: [&[u8; 4]; 18] = [
    b"JXL ", b"jP  ", b"ftyp", b"ihdr", b"bpcc", b"pclr", b"cmap", b"cdef", b"resc", b"resd", b"jxll", b"jxli",
    b"rreq", b"nlst", b"cgrp", b"opct", b"creg", b"copt",
];

/// Boxes of the image.
const IMAGE: [&[u8; 4]; 6] = [b"jp2c", b"jxlc", b"jxlp", b"mdat", b"colr", b"jbrd"];

/// `bytes` in pieces that overlap by what a needle takes.
pub(super) fn pieces<'b>(bytes: &'b [u8], needles: &Needles) -> impl Iterator<Item = &'b [u8]> {
    let overlap = needles.overlap();
    (0..bytes.len()).step_by(PIECE).filter_map(move |start| {
        let end = bytes.len().min(start + PIECE + overlap);
        bytes.get(start..end)
    })
}

impl Surveyed<'_> {
    /// Shows every region.
    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let mut parts = self.tree.parts.iter().peekable();
        for (index, node) in self.tree.nodes.iter().enumerate() {
            let atom = &node.atom;
            let name = atom.name();
            let mut has_part = false;
            while let Some(part) = parts.next_if(|part| part.node == Some(index)) {
                has_part |= !matches!(part.body, Body::Comment { .. });
                self.show_part(scan, &name, atom.data.clone(), &part.body);
            }
            let is_outer = self.tree.nodes.get(index + 1).is_some_and(|next| next.parent == Some(index));
            let kind = &&atom.kind;
            if has_part || is_outer || NUMBERS.contains(kind) || name == "brob" {
                continue;
            }
            let class = match &atom.kind {
                _ if atom.is_free() => Class::Slack,
                _ if IMAGE.contains(kind) => Class::Content,
                _ => Class::Metadata,
            };
            self.show_plain(scan, class, &name, atom.data.clone());
        }
        for (node, decoded) in &self.tree.decoded {
            let start = self.tree.nodes.get(*node).map_or(0, |node| node.atom.start);
            scan.region(Class::Metadata, "brob", start as u64, decoded, &[]);
        }
        for (_, range) in &self.tree.behind {
            self.show_plain(scan, Class::Slack, "behind a Brotli stream", range.clone());
        }
        for range in &self.tree.loose {
            self.show_plain(scan, Class::Slack, "between or behind boxes", range.clone());
        }
        if let Some(range) = &self.tree.bare {
            self.show_plain(scan, Class::Content, "codestream", range.clone());
        }
    }

    fn show_part(&self, scan: &mut Scan<'_>, name: &str, range: Range<usize>, body: &Body) {
        match body {
            Body::Block { held, start } => {
                self.show_plain(scan, Class::Metadata, name, range.start..*start);
                let block = self.input.get(*start..range.end).unwrap_or_default();
                scan.raw_region(Class::Metadata, name, *start as u64, block, &held.claimed());
                Self::show_images(scan, name, *start as u64, block, held.payload());
            }
            Body::Coded { held, decoded, header } => {
                let block = decoded.get(*header..).unwrap_or_default();
                let offset = range.start as u64;
                scan.region(Class::Metadata, name, offset, decoded.get(..*header).unwrap_or_default(), &[]);
                scan.region(Class::Metadata, name, offset, block, &held.claimed());
                Self::show_images(scan, name, offset, block, held.payload());
            }
            // One site as a whole.
            Body::Text { .. } | Body::Comment { .. } | Body::Whole => {}
        }
    }

    fn show_images(scan: &mut Scan<'_>, name: &str, offset: u64, block: &[u8], images: &[Range<usize>]) {
        for image in images.iter().filter(|_| scan.wants_content()).cloned().collect::<Vec<_>>() {
            scan.region(Class::Content, name, offset, block.get(image).unwrap_or_default(), &[]);
        }
    }

    fn show_plain(&self, scan: &mut Scan<'_>, class: Class, place: &str, range: Range<usize>) {
        let bytes = self.input.get(range.clone()).unwrap_or_default();
        if class == Class::Content && !scan.wants_content() {
            return;
        }
        if bytes.len() <= PIECE {
            return scan.raw_region(class, place, range.start as u64, bytes, &[]);
        }
        let mut stream = scan.stream(class, place, range.start as u64);
        bytes.chunks(PIECE).for_each(|piece| stream.push(piece));
    }
}
