//! What the bytes of a block are: structure, image data, or nothing that anything refers to.

use std::ops::Range;

use super::directory::{Directory, Entry};
use super::value::is_numeric;
use super::{Tiff, edit, tags};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::Guard;

/// Gaps between strips or tiles that are shorter than this are alignment, or the lengths that cloud-optimised files
/// repeat around their tiles. Looking at them would touch every page of the image.
const ALIGNMENT: usize = 16;

/// Bytes of the beginning of a JPEG file.
const JPEG: [u8; 3] = [0xFF, 0xD8, 0xFF];

impl Tiff {
    /// The ranges of image data (strips, tiles, thumbnails) and of data of their own, such as colour profiles, sorted
    /// and joined.
    pub fn payload(&self) -> &[Range<usize>] {
        &self.payload
    }

    /// The bytes that no structure refers to, in order: what an editor left behind. Empty where a MakerNote, which may
    /// refer to any byte, makes that unknowable.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        if self.has_maker_note { Vec::new() } else { self.unreferenced() }
    }

    /// The bytes that no directory refers to, in order, whether or not a private structure may.
    pub fn unreferenced(&self) -> Vec<Range<usize>> {
        let mut gaps = Vec::new();
        let mut position = 0;
        for extent in edit::union(self.extents(|_, _| true)) {
            if extent.start > position {
                gaps.push(position..extent.start);
            }
            position = extent.end;
        }
        if position < self.length {
            gaps.push(position..self.length);
        }
        gaps.retain(|gap| gap.len() >= ALIGNMENT || !self.is_between_payload(gap));
        gaps
    }

    fn is_between_payload(&self, gap: &Range<usize>) -> bool {
        let next = self.payload.partition_point(|range| range.start < gap.end);
        let before = next.checked_sub(1).and_then(|before| self.payload.get(before));
        before.is_some_and(|range| range.end == gap.start)
            && self.payload.get(next).is_some_and(|range| range.start == gap.end)
    }

    /// The ranges that describe the image, in order: directories, and values that are not numbers.
    pub fn described(&self) -> Vec<Range<usize>> {
        let carriers = [tags::XMP, tags::IPTC, tags::PHOTOSHOP, tags::MAKER_NOTE];
        let holds_text = |entry: &&Entry| !is_numeric(entry.format) || carriers.contains(&entry.tag);
        let values = self.directories.iter().flat_map(|directory| directory.slots.iter().flatten());
        let values = values.filter(holds_text).filter_map(Entry::outside);
        let directories = self.directories.iter().map(|directory| directory.range.clone());
        let described = edit::union(directories.chain(values).collect());
        described.iter().flat_map(|range| edit::subtract(range, &self.payload)).collect()
    }

    /// What stands in the way of an edit, where the block is a file of its own.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// Pictures of the picture that are JPEG files of their own, in order and disjoint: thumbnails and previews.
    pub fn previews(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let mut previews: Vec<Range<usize>> =
            self.directories.iter().filter_map(|directory| self.preview(bytes, directory)).collect();
        let from_raw = self.directories.iter().filter_map(|directory| directory.entry(tags::JPEG_FROM_RAW));
        previews.extend(from_raw.filter_map(Entry::outside));
        previews.retain(|range| bytes.get(range.clone()).is_some_and(|bytes| bytes.starts_with(&JPEG)));
        previews.sort_by_key(|range| (range.start, range.end));
        let mut end = 0;
        previews.retain(|range| {
            let is_apart = range.start >= end;
            end = end.max(range.end);
            is_apart
        });
        previews
    }

    fn preview(&self, bytes: &[u8], directory: &Directory) -> Option<Range<usize>> {
        let is_reduced = directory
            .entry(tags::NEW_SUBFILE_TYPE)
            .is_some_and(|entry| self.coding.integers(bytes, entry).next().is_some_and(|kind| kind & 1 == 1));
        let (offsets, lengths) = match directory
            .entry(tags::THUMBNAIL_OFFSET)
            .zip(directory.entry(tags::THUMBNAIL_LENGTH))
        {
            // Together with strips they are the tables of an old way to compress them.
            Some(_) if directory.entry(tags::STRIP_OFFSETS).is_some() && !is_reduced => return None,
            Some(pair) => pair,
            None if is_reduced => directory.entry(tags::STRIP_OFFSETS).zip(directory.entry(tags::STRIP_BYTE_COUNTS))?,
            None => return None,
        };
        if offsets.count != 1 || lengths.count != 1 {
            return None;
        }
        let start = usize::try_from(self.coding.integers(bytes, offsets).next()?).ok()?;
        let length = usize::try_from(self.coding.integers(bytes, lengths).next()?).ok()?;
        let end = start.checked_add(length).filter(|end| *end <= bytes.len())?;
        // What also is structure cannot be edited as a file.
        let is_free = |other: &Range<usize>| other.end <= start || end <= other.start;
        self.directories.iter().all(|directory| is_free(&directory.range)).then_some(start..end)
    }

    pub(super) fn find_payload(&self, bytes: &[u8], limits: &Limits) -> Result<Vec<Range<usize>>> {
        const PAIRS: [(u16, u16); 3] = [
            (tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS),
            (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS),
            (tags::THUMBNAIL_OFFSET, tags::THUMBNAIL_LENGTH),
        ];
        let structure = edit::union(self.directories.iter().map(|directory| directory.range.clone()).collect());
        let is_structure = |range: &Range<usize>| {
            let next = structure.partition_point(|other| other.end <= range.start);
            structure.get(next).is_some_and(|other| other.start < range.end)
        };
        let starts: Vec<usize> =
            edit::union(self.extents(|_, _| true)).into_iter().map(|extent| extent.start).collect();
        let mut payload: Vec<Range<usize>> = Vec::new();
        let mut add = |range: Range<usize>| {
            match payload.last_mut() {
                // Strips mostly follow each other.
                Some(last) if last.end == range.start => last.end = range.end,
                _ => payload.push(range),
            }
            limits.check_items(payload.len(), "strips and tiles")
        };
        for (index, directory) in self.directories.iter().enumerate() {
            let pairs = if self.is_file || index > 0 { &PAIRS[..] } else { &PAIRS[2..] };
            for &(offsets, lengths) in pairs {
                let Some(offsets) = directory.entry(offsets) else { continue };
                let lengths = directory.entry(lengths);
                if lengths.is_none() && !self.is_file {
                    continue;
                }
                let lengths = lengths.into_iter().flat_map(|lengths| self.coding.integers(bytes, lengths));
                let lengths = lengths.map(Some).chain(std::iter::repeat(None));
                for (offset, length) in self.coding.integers(bytes, offsets).zip(lengths) {
                    let start = usize::try_from(offset).ok().filter(|start| *start < bytes.len());
                    let Some(start) = start else { continue };
                    // Old files leave the lengths out: the data end where something else begins.
                    let end = length.filter(|length| *length > 0 || !self.is_file).map_or_else(
                        || starts.get(starts.partition_point(|other| *other <= start)).copied().unwrap_or(bytes.len()),
                        |length| start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)),
                    );
                    let range = start..end.min(bytes.len());
                    if !range.is_empty() && (self.is_file || !is_structure(&range)) {
                        add(range)?;
                    }
                }
            }
            let values = directory.slots.iter().flatten().filter(|entry| tags::CONTENT.contains(&entry.tag));
            for range in values.filter(|_| self.is_file).filter_map(Entry::outside) {
                add(range)?;
            }
        }
        Ok(edit::union(payload))
    }
}
