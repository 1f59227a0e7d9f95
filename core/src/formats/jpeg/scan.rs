//! What the residue scan is shown.

use std::collections::HashSet;
use std::ops::Range;

use super::JpegSurvey;
use super::block::{Block, Body};
use super::walk::{self, APP0, APP1, APP2, APP3, APP13, APP14, APP15, COM, Image, Segment};
use crate::containers::Carrier;
use crate::scan::{Class, Scan};

impl JpegSurvey<'_> {
    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        for block in &self.blocks {
            self.show_block(block, scan);
        }
        let pieces = self.blocks.iter().flat_map(|block| &block.pieces);
        let in_blocks: HashSet<usize> = pieces.map(|piece| piece.segment.range.start).collect();
        for image in &self.images {
            for segment in image.segments.iter().filter(|segment| !in_blocks.contains(&segment.range.start)) {
                show_segment(self.input, segment, scan);
            }
            for range in &image.stray {
                raw(scan, Class::Slack, "between segments", self.input, range);
            }
            show_coded(self.input, image, scan);
        }
        for image in &self.trailer.inner {
            show_foreign(self.input, image, "image in the trailer", scan);
        }
        for range in &self.trailer.slack {
            raw(scan, Class::Slack, "trailer", self.input, range);
        }
        if scan.wants_content() {
            for range in &self.trailer.samples {
                raw(scan, Class::Content, "video", self.input, range);
            }
        }
    }

    fn show_block(&self, block: &Block<'_>, scan: &mut Scan<'_>) {
        let mut claimed = block.carrier().map(Carrier::claimed).unwrap_or_default();
        if matches!(block.body, Body::Comment) {
            claimed.push(0..block.bytes.len());
        }
        // Thumbnails are images of their own: their segments are metadata, their pixels are not.
        claimed.extend(block.payload().iter().cloned());
        let class = if matches!(block.body, Body::Junk) { Class::Slack } else { Class::Metadata };
        match block.pieces.as_slice() {
            [piece] => scan.raw_region(class, block.place(), piece.data.start as u64, &block.bytes, &claimed),
            _ => scan.region(class, block.place(), block.offset(0), &block.bytes, &claimed),
        }
        for range in block.payload() {
            let bytes = block.bytes.get(range.clone()).unwrap_or_default();
            let offset = block.offset(range.start as u64);
            match walk::walk(bytes, 0, self.limits) {
                Ok(image) => show_thumbnail(bytes, &image, offset, scan),
                Err(_) if scan.wants_content() => scan.region(Class::Content, "thumbnail", offset, bytes, &[]),
                Err(_) => {}
            }
        }
    }
}

/// An image that is not surveyed: what its segments hold is shown as it is.
fn show_foreign(input: &[u8], image: &Image, place: &str, scan: &mut Scan<'_>) {
    for segment in image.segments.iter().filter(|segment| describes(input, segment)) {
        raw(scan, Class::Slack, place, input, &segment.payload);
    }
    for range in &image.stray {
        raw(scan, Class::Slack, place, input, range);
    }
    show_coded(input, image, scan);
}

fn show_thumbnail(bytes: &[u8], image: &Image, offset: u64, scan: &mut Scan<'_>) {
    let tail = image.range.end..bytes.len();
    let described = image.segments.iter().filter(|segment| describes(bytes, segment)).map(|segment| &segment.payload);
    for range in described.chain(&image.stray).chain([&tail]) {
        let part = bytes.get(range.clone()).unwrap_or_default();
        scan.region(Class::Metadata, "thumbnail", offset + range.start as u64, part, &[]);
    }
    if scan.wants_content() {
        for range in &image.coded {
            let part = bytes.get(range.clone()).unwrap_or_default();
            scan.region(Class::Content, "thumbnail", offset + range.start as u64, part, &[]);
        }
    }
}

fn show_segment(input: &[u8], segment: &Segment, scan: &mut Scan<'_>) {
    if describes(input, segment) {
        let place = format!("APP{}", segment.marker & 15);
        raw(scan, Class::Metadata, &place, input, &segment.payload);
    } else if scan.wants_content() {
        raw(scan, Class::Content, "image", input, &segment.payload);
    }
}

fn show_coded(input: &[u8], image: &Image, scan: &mut Scan<'_>) {
    if scan.wants_content() {
        for range in &image.coded {
            raw(scan, Class::Content, "image data", input, range);
        }
    }
}

/// Whether a segment may hold words about the image: a comment, or application data other than pictures, profiles
/// and what decoders read.
fn describes(input: &[u8], segment: &Segment) -> bool {
    let payload = input.get(segment.payload.clone()).unwrap_or_default();
    let begins = |heads: &[&[u8]]| heads.iter().any(|head| payload.starts_with(head));
    match segment.marker {
        APP0 => !begins(&[b"JFIF\0", b"JFXX\0"]),
        APP2 => !begins(&[b"ICC_PROFILE\0", b"MPF\0"]),
        APP1 => !begins(&[b"FLIR\0"]),
        APP14 => !begins(&[b"Adobe"]),
        COM | APP3..=APP13 | APP15 => true,
        _ => false,
    }
}

fn raw(scan: &mut Scan<'_>, class: Class, place: &str, input: &[u8], range: &Range<usize>) {
    let bytes = input.get(range.clone()).unwrap_or_default();
    scan.raw_region(class, place, range.start as u64, bytes, &[]);
}
