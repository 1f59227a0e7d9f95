//! Edits of the file: of blocks, moved to where their bytes lie, and of what counts those bytes.

use std::ops::Range;

use bytes::Bytes;

use super::JpegSurvey;
use super::block::{Block, Body, EXTENSION_HEADER, Guid, Piece, hex};
use super::walk::{APP15, Segment};
use crate::containers::Carrier;
use crate::containers::nested::{apply, growth};
use crate::containers::slack::blank;
use crate::containers::tiff::{Tiff, shorten};
use crate::error::Result;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan, Replacement};
use crate::survey::Removal;

impl JpegSurvey<'_> {
    pub(super) fn plan_removal(&self, removal: &Removal<'_>, layout: Layout) -> Result<Plan> {
        let mut edits = Vec::new();
        for block in &self.blocks {
            let first = removal.sites.partition_point(|site| *site < block.sites.start);
            let chosen = removal.sites.get(first..).unwrap_or_default();
            let chosen: Vec<usize> = chosen
                .iter()
                .take_while(|site| **site < block.sites.end)
                .map(|site| site - block.sites.start)
                .collect();
            // The other images are counted by what points at them, in ways that not all are known.
            let layout = if self.can_shrink && block.image == Some(0) { layout } else { Layout::Preserve };
            edits.extend(self.block_edits(block, &chosen, removal.needles, layout)?);
        }
        for stray in self.images.iter().flat_map(|image| &image.stray) {
            let bytes = self.input.get(stray.clone()).unwrap_or_default();
            edits.extend(blank(stray.start, bytes, removal.needles));
        }
        if let Some(index) = &self.index {
            edits.extend(index.follow(&edits));
        }
        Plan::new(edits, self.input.len() as u64)
    }

    fn block_edits(&self, block: &Block<'_>, chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Edit>> {
        let bytes = &*block.bytes;
        let edits = match &block.body {
            Body::Comment if chosen.is_empty() => return Ok(Vec::new()),
            Body::Comment => {
                return Ok(block.pieces.iter().flat_map(|piece| drop_segment(&piece.segment, layout)).collect());
            }
            Body::Exif(tiff) => {
                if layout == Layout::Compact && !chosen.is_empty() && is_emptied(tiff, chosen) {
                    let segments = block.pieces.iter().map(|piece| cut(&piece.segment.range));
                    return Ok(segments.collect());
                }
                let mut edits = tiff.edits(chosen, Layout::Preserve)?;
                if layout == Layout::Compact && !chosen.is_empty() {
                    shorten(&mut edits, tiff.end_without(chosen), bytes.len());
                }
                for gap in tiff.gaps() {
                    edits.extend(blank(gap.start, bytes.get(gap.clone()).unwrap_or_default(), needles));
                }
                edits
            }
            Body::Xmp(packet) => packet.scrub(bytes, chosen, needles, layout),
            Body::Extension { packet, guid } => {
                let edits = packet.scrub(bytes, chosen, needles, layout);
                if edits.is_empty() {
                    return Ok(edits);
                }
                return self.extension_edits(block, guid, &edits);
            }
            Body::Photoshop(resources) => resources.edits(chosen, layout)?,
            Body::Records(records, _) => records.edits(chosen, Layout::Preserve)?,
            Body::Junk => blank(0, bytes, needles),
            Body::Unread => return Ok(Vec::new()),
        };
        let mut placed = Vec::new();
        for (piece, edits) in place(block, &edits) {
            placed.extend(segment_edits(piece, edits));
        }
        Ok(placed)
    }

    /// The edits of an extended packet, of the counts in its segments, and of its name wherever that stands.
    fn extension_edits(&self, block: &Block<'_>, guid: &Guid, edits: &[Edit]) -> Result<Vec<Edit>> {
        let after = apply(&block.bytes, edits)?;
        let full = u32::try_from(after.len()).unwrap_or_default();
        let is_lower = guid.text.iter().any(u8::is_ascii_lowercase);
        let name = Bytes::from(hex(&after, is_lower));
        let name = Some(name).filter(|_| guid.is_digest);
        let mut placed = Vec::new();
        let mut offset = 0u32;
        for (piece, edits) in place(block, edits) {
            let prefix = piece.segment.payload.start + EXTENSION_HEADER.len();
            let length = (piece.data.len() as u64).saturating_add_signed(growth(&edits));
            if length > 0 {
                placed.extend(name.clone().map(|name| Edit::replace(prefix as u64..prefix as u64 + 32, name)));
                if full as usize != block.bytes.len() {
                    let counts = [full.to_be_bytes(), offset.to_be_bytes()].concat();
                    placed.push(Edit::replace(prefix as u64 + 32..prefix as u64 + 40, counts));
                }
            }
            placed.extend(segment_edits(piece, edits));
            offset += u32::try_from(length).unwrap_or_default();
        }
        let main = self.blocks.iter().filter(|other| other.image == block.image);
        for (other, packet) in main.filter_map(|other| match &other.body {
            Body::Xmp(packet) => Some((other, packet)),
            _ => None,
        }) {
            let range = packet.extended_guid().filter(|range| other.bytes.get(range.clone()) == Some(&guid.text));
            if let Some((range, name)) = range.zip(name.clone()) {
                let start = other.offset(range.start as u64);
                placed.push(Edit::replace(start..start + 32, name));
            }
        }
        Ok(placed)
    }
}

/// Whether nothing remains of a block without the `chosen` sites, and nothing refers to its bytes.
fn is_emptied(tiff: &Tiff, chosen: &[usize]) -> bool {
    tiff.empties(chosen) && tiff.payload().is_empty()
}

/// The edits of a block, each at the piece that holds it, in bytes of the file. One that spans pieces is split: what
/// replaces it goes to the first as far as it fits there, so edits that keep their length keep that of each piece.
fn place<'b>(block: &'b Block<'_>, edits: &[Edit]) -> Vec<(&'b Piece, Vec<Edit>)> {
    let mut placed = Vec::new();
    let mut start = 0;
    for piece in &block.pieces {
        let end = start + piece.data.len() as u64;
        let own = edits.iter().filter_map(|edit| part(edit, start..end));
        let shift = |range: Range<u64>| {
            let base = piece.data.start as u64;
            range.start - start + base..range.end - start + base
        };
        placed.push((piece, own.map(|edit| Edit { range: shift(edit.range), with: edit.with }).collect()));
        start = end;
    }
    placed
}

/// The part of `edit` that lies in `piece`.
fn part(edit: &Edit, piece: Range<u64>) -> Option<Edit> {
    let range = edit.range.start.max(piece.start)..edit.range.end.min(piece.end);
    // Between two pieces, what is inserted goes to the first.
    let at = edit.range.start;
    let inserts = edit.range.is_empty() && at <= piece.end && (at > piece.start || at == 0);
    if range.is_empty() && !inserts {
        return None;
    }
    let length = edit.with.len();
    let from = (range.start - edit.range.start).min(length);
    let to = if range.end == edit.range.end { length } else { (range.end - edit.range.start).min(length) };
    let with = match &edit.with {
        Replacement::Bytes(bytes) => Replacement::Bytes(bytes.slice(from as usize..to as usize)),
        Replacement::Fill { byte, .. } => Replacement::Fill { byte: *byte, len: to - from },
    };
    Some(Edit { range, with })
}

/// `edits` of the data of a segment, with the length of the segment; or the end of a segment without data.
fn segment_edits(piece: &Piece, mut edits: Vec<Edit>) -> Vec<Edit> {
    let growth = growth(&edits);
    if growth == 0 {
        return edits;
    }
    let Piece { segment, data } = piece;
    if (data.len() as u64).saturating_add_signed(growth) == 0 {
        return vec![cut(&segment.range)];
    }
    let length = (segment.payload.len() as u64 + 2).saturating_add_signed(growth);
    let field = segment.payload.start as u64 - 2..segment.payload.start as u64;
    edits.push(Edit::replace(field, u16::try_from(length).unwrap_or_default().to_be_bytes().to_vec()));
    edits
}

/// A segment that goes, or becomes one that says nothing: APP15, which belongs to no known program, filled with zeros.
fn drop_segment(segment: &Segment, layout: Layout) -> Vec<Edit> {
    if layout == Layout::Compact {
        return vec![cut(&segment.range)];
    }
    let marker = segment.range.start as u64 + 1;
    let payload = segment.payload.start as u64..segment.payload.end as u64;
    vec![Edit::replace(marker..marker + 1, vec![APP15]), Edit::fill(payload, 0)]
}

fn cut(range: &Range<usize>) -> Edit {
    Edit::delete(range.start as u64..range.end as u64)
}
