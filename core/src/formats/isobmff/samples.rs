//! What of the media data no sample refers to.
//!
//! Ranges are those of whole chunks and runs. Where a table is not understood to the last entry, nothing is said: then
//! all media data is content.

use std::collections::HashMap;
use std::ops::Range;

use super::located;
use super::tree::{Node, Tree};
use crate::containers::bmff::Atom;
use crate::cursor::Cursor;
use crate::limits::Limits;

/// The bytes of media boxes that nothing refers to, in order; nothing when that cannot be told.
pub(super) fn gaps(input: &[u8], tree: &Tree, limits: &Limits) -> Option<Vec<Range<usize>>> {
    let media: Vec<Range<usize>> =
        tree.nodes.iter().filter(|node| is_media(node)).map(|node| node.atom.data.clone()).collect();
    let mut used = Used { ranges: Vec::new(), limits };
    let mut is_known = false;
    let kinds = tree.nodes.iter().map(|node| &node.atom.kind);
    if media.is_empty() || kinds.into_iter().any(|kind| matches!(kind, b"cmov" | b"saio" | b"mini")) {
        return None;
    }
    for (index, node) in tree.nodes.iter().enumerate() {
        match &node.atom.kind {
            b"meta" if tree.child(index, *b"iloc").is_some() => {
                for piece in located::places(input, tree, index, limits)?.into_values().flatten().flatten() {
                    used.add(piece.start as u64, piece.len() as u64)?;
                }
                is_known = true;
            }
            b"trak" => is_known |= track(input, tree, index, &mut used)?,
            b"moof" => {
                fragment(input, tree, index, &mut used)?;
                is_known = true;
            }
            _ => {}
        }
    }
    is_known.then(|| used.outside(&media))
}

/// Whether it holds samples or items: `idat` does for the `meta` box that it is in.
fn is_media(node: &Node) -> bool {
    match &node.atom.kind {
        b"mdat" => node.parent.is_none(),
        b"idat" => true,
        _ => false,
    }
}

/// The ranges that are in use.
struct Used<'l> {
    ranges: Vec<(u64, u64)>,
    limits: &'l Limits,
}

impl Used<'_> {
    /// Adds a range. One that follows the last one makes it longer.
    fn add(&mut self, start: u64, length: u64) -> Option<()> {
        let end = start.saturating_add(length);
        match self.ranges.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.ranges.push((start, end)),
        }
        (self.ranges.len() <= self.limits.items).then_some(())
    }

    /// What of `media`, which is sorted, is not in use.
    fn outside(mut self, media: &[Range<usize>]) -> Vec<Range<usize>> {
        self.ranges.sort_unstable();
        let mut gaps = Vec::new();
        let mut next = 0;
        for range in media {
            let (mut at, end) = (range.start as u64, range.end as u64);
            while let Some((start, stop)) = self.ranges.get(next).copied().filter(|_| at < end) {
                if start >= end {
                    break;
                }
                if start > at {
                    gaps.push(at as usize..start as usize);
                }
                at = at.max(stop);
                if stop > end {
                    break;
                }
                next += 1;
            }
            if at < end {
                gaps.push(at as usize..end as usize);
            }
        }
        gaps
    }
}

/// The chunks of a track. Whether it has any; nothing when its tables contradict each other.
fn track(input: &[u8], tree: &Tree, trak: usize, used: &mut Used<'_>) -> Option<bool> {
    let media = tree.child(trak, *b"mdia")?;
    let table = tree.child(tree.child(media, *b"minf")?, *b"stbl")?;
    let child = |kind| tree.child(table, kind).and_then(|node| tree.atom(node));
    let (offsets, width) = child(*b"stco").map(|atom| (atom, 4)).or_else(|| child(*b"co64").map(|atom| (atom, 8)))?;
    let mut offsets = entries(input, offsets)?;
    let chunks = offsets.u32_be().ok()?;
    if chunks == 0 {
        return Some(false);
    }
    let is_sound = tree
        .child(media, *b"hdlr")
        .and_then(|node| tree.atom(node))
        .is_none_or(|atom| atom.bytes(input).get(8..12) == Some(b"soun"));
    let sizes = child(*b"stsz").or_else(|| child(*b"stz2"))?;
    let mut sizes = Sizes::read(input, sizes)?;
    // The size of uncompressed sound counts something else than bytes with some writers.
    if is_sound && sizes.is_uniform() {
        return None;
    }
    let mut runs = entries(input, child(*b"stsc")?)?;
    let count = runs.u32_be().ok()?;
    let mut run = Run { left: count, per_chunk: 0, next: 0 };
    for chunk in 1..=chunks {
        let offset = if width == 4 { u64::from(offsets.u32_be().ok()?) } else { offsets.u64_be().ok()? };
        let samples = run.at(chunk, &mut runs)?;
        used.add(offset, sizes.take(samples)?)?;
    }
    (sizes.left == 0).then_some(true)
}

/// A table behind its version and flags.
fn entries<'a>(input: &'a [u8], atom: &Atom) -> Option<Cursor<'a>> {
    let mut cursor = Cursor::new(atom.bytes(input));
    cursor.skip(4).ok()?;
    Some(cursor)
}

/// The run of chunks with the same number of samples.
struct Run {
    /// Entries not yet read.
    left: u32,
    per_chunk: u32,
    /// The first chunk of the next run; zero before the first.
    next: u32,
}

impl Run {
    /// How many samples the chunk has. Asked for every chunk in order.
    fn at(&mut self, chunk: u32, table: &mut Cursor<'_>) -> Option<u32> {
        if self.next == 0 {
            self.next = table.u32_be().ok()?;
            if self.next != 1 {
                return None;
            }
        }
        while chunk == self.next {
            self.left = self.left.checked_sub(1)?;
            self.per_chunk = table.u32_be().ok()?;
            table.skip(4).ok()?;
            let first = if self.left == 0 { u32::MAX } else { table.u32_be().ok()? };
            if first <= chunk {
                return None;
            }
            self.next = first;
        }
        Some(self.per_chunk)
    }
}

/// The sizes of samples, one after the other.
struct Sizes<'a> {
    cursor: Cursor<'a>,
    /// The size of all; zero when each has its own.
    uniform: u32,
    /// Bits of a size.
    bits: u8,
    left: u32,
    /// The lower half of a byte, whose upper half was taken.
    half: Option<u8>,
}

impl<'a> Sizes<'a> {
    fn read(input: &'a [u8], atom: &Atom) -> Option<Self> {
        let mut cursor = entries(input, atom)?;
        let field = cursor.u32_be().ok()?;
        let left = cursor.u32_be().ok()?;
        let (uniform, bits) = if atom.kind == *b"stsz" { (field, 32) } else { (0, u8::try_from(field).ok()?) };
        let needed = if uniform == 0 { (u64::from(left) * u64::from(bits)).div_ceil(8) } else { 0 };
        let fits = matches!(bits, 4 | 8 | 16 | 32) && needed <= cursor.remaining() as u64;
        fits.then_some(Self { cursor, uniform, bits, left, half: None })
    }

    fn is_uniform(&self) -> bool {
        self.uniform != 0
    }

    /// The size of the next `count` samples together.
    fn take(&mut self, count: u32) -> Option<u64> {
        self.left = self.left.checked_sub(count)?;
        if self.uniform != 0 {
            return Some(u64::from(self.uniform) * u64::from(count));
        }
        (0..count).try_fold(0u64, |sum, _| Some(sum + u64::from(self.next()?)))
    }

    fn next(&mut self) -> Option<u32> {
        match self.bits {
            4 => {
                if let Some(half) = self.half.take() {
                    return Some(u32::from(half));
                }
                let byte = self.cursor.u8().ok()?;
                self.half = Some(byte & 15);
                Some(u32::from(byte >> 4))
            }
            8 => self.cursor.u8().ok().map(u32::from),
            16 => self.cursor.u16_be().ok().map(u32::from),
            _ => self.cursor.u32_be().ok(),
        }
    }
}

/// The runs of a fragment.
fn fragment(input: &[u8], tree: &Tree, moof: usize, used: &mut Used<'_>) -> Option<()> {
    let start = tree.atom(moof)?.start as u64;
    let mut end = start;
    let defaults = defaults(input, tree);
    for (traf, node) in tree.children(moof) {
        if node.atom.kind != *b"traf" {
            continue;
        }
        let header = Header::read(input, tree.atom(tree.child(traf, *b"tfhd")?)?, &defaults)?;
        let base = header.base.unwrap_or(if header.is_relative { start } else { end });
        let mut at = base;
        for (_, node) in tree.children(traf).filter(|(_, node)| node.atom.kind == *b"trun") {
            let (offset, length) = run(input, &node.atom, header.size)?;
            if let Some(offset) = offset {
                at = base.checked_add_signed(i64::from(offset))?;
            }
            used.add(at, length)?;
            at = at.checked_add(length)?;
        }
        end = at;
    }
    Some(())
}

/// The sizes of samples that tracks give by default.
fn defaults(input: &[u8], tree: &Tree) -> HashMap<u32, u32> {
    let extends = tree.nodes.iter().filter(|node| node.atom.kind == *b"trex");
    let sizes = extends.filter_map(|node| {
        let mut cursor = entries(input, &node.atom)?;
        let track = cursor.u32_be().ok()?;
        cursor.skip(8).ok()?;
        Some((track, cursor.u32_be().ok()?))
    });
    sizes.collect()
}

/// What a track fragment says of all its runs.
struct Header {
    base: Option<u64>,
    is_relative: bool,
    size: u32,
}

impl Header {
    fn read(input: &[u8], atom: &Atom, defaults: &HashMap<u32, u32>) -> Option<Self> {
        let mut cursor = Cursor::new(atom.bytes(input));
        let flags = cursor.u32_be().ok()?;
        let track = cursor.u32_be().ok()?;
        let base = if flags & 1 != 0 { Some(cursor.u64_be().ok()?) } else { None };
        let skipped = [2, 8].iter().filter(|flag| flags & **flag != 0).count();
        cursor.skip(skipped * 4).ok()?;
        let size = if flags & 0x10 != 0 { cursor.u32_be().ok()? } else { defaults.get(&track).copied().unwrap_or(0) };
        Some(Self { base, is_relative: flags & 0x2_0000 != 0, size })
    }
}

/// Where the samples of a run begin, if it says so, and how long they are together.
fn run(input: &[u8], atom: &Atom, size: u32) -> Option<(Option<i32>, u64)> {
    let mut cursor = Cursor::new(atom.bytes(input));
    let flags = cursor.u32_be().ok()?;
    let count = cursor.u32_be().ok()?;
    let offset = if flags & 1 != 0 { Some(cursor.u32_be().ok()?.cast_signed()) } else { None };
    if flags & 4 != 0 {
        cursor.skip(4).ok()?;
    }
    if flags & 0x200 == 0 {
        return Some((offset, u64::from(size) * u64::from(count)));
    }
    let before = usize::from(flags & 0x100 != 0) * 4;
    let behind = (usize::from(flags & 0x400 != 0) + usize::from(flags & 0x800 != 0)) * 4;
    let mut length = 0;
    for _ in 0..count {
        cursor.skip(before).ok()?;
        length += u64::from(cursor.u32_be().ok()?);
        cursor.skip(behind).ok()?;
    }
    Some((offset, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outside(ranges: &[(u64, u64)], media: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let media: Vec<_> = media.iter().map(|(start, end)| *start..*end).collect();
        let gaps = Used { ranges: ranges.to_vec(), limits: &Limits::default() }.outside(&media);
        gaps.iter().map(|gap| (gap.start, gap.end)).collect()
    }

    #[test]
    fn gaps_are_what_is_left() {
        assert_eq!(outside(&[(10, 20), (25, 30)], &[(8, 40)]), [(8, 10), (20, 25), (30, 40)]);
        assert_eq!(outside(&[(0, 100)], &[(8, 40), (50, 60)]), []);
        assert_eq!(outside(&[(5, 12), (10, 11), (52, 70)], &[(8, 40), (50, 60)]), [(12, 40), (50, 52)]);
        assert_eq!(outside(&[(90, 95)], &[(8, 40)]), [(8, 40)]);
    }

    #[test]
    fn sizes_of_any_width_add_up() {
        let sum = |kind: &[u8; 4], table: &[u8], counts: &[u32]| {
            let atom = Atom {
                kind: *kind,
                start: 0,
                data: 0..table.len(),
                uuid: None,
                size: crate::containers::bmff::Size::Short,
            };
            let mut sizes = Sizes::read(table, &atom)?;
            counts.iter().map(|count| sizes.take(*count)).collect::<Option<Vec<_>>>()
        };
        let table = b"\0\0\0\0\0\0\0\x04\0\0\0\x03\x12\x30";
        assert_eq!(sum(b"stz2", table, &[1, 2]).unwrap(), [1, 5]);
        assert_eq!(sum(b"stsz", b"\0\0\0\0\0\0\0\x07\0\0\0\x03", &[3]).unwrap(), [21]);
        assert_eq!(sum(b"stsz", b"\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\x09", &[1]).unwrap(), [9]);
        assert_eq!(sum(b"stsz", b"\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x09", &[1]), None, "a table that is cut");
        assert_eq!(sum(b"stsz", b"\0\0\0\0\0\0\0\x07\0\0\0\x03", &[4]), None, "more samples than sizes");
    }
}
