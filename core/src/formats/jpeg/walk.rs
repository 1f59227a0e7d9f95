//! The markers of one image, from SOI to EOI, without decoding the data between them.

use std::ops::Range;

use memchr::memchr;

use crate::error::{Error, Result};
use crate::limits::Limits;

pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
pub(super) const APP0: u8 = 0xE0;
pub(super) const APP1: u8 = 0xE1;
pub(super) const APP2: u8 = 0xE2;
pub(super) const APP3: u8 = 0xE3;
pub(super) const APP11: u8 = 0xEB;
pub(super) const APP13: u8 = 0xED;
pub(super) const APP14: u8 = 0xEE;
pub(super) const APP15: u8 = 0xEF;
pub(super) const COM: u8 = 0xFE;

/// Bytes of a marker.
const MARKER: usize = 2;

/// A marker segment: marker, two bytes of length, payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) marker: u8,
    /// From the `FF` of the marker to the end of the payload.
    pub(super) range: Range<usize>,
    pub(super) payload: Range<usize>,
}

/// One image.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    /// From SOI to behind EOI, or to the end of the input where EOI is missing.
    pub(super) range: Range<usize>,
    pub(super) segments: Vec<Segment>,
    /// Entropy-coded data, and what follows a marker that cannot be read behind some.
    pub(super) coded: Vec<Range<usize>>,
    /// Bytes between segments that belong to none: readers skip them.
    pub(super) stray: Vec<Range<usize>>,
}

/// Whether an image may begin with these bytes.
pub(super) fn is_start(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, SOI, 0xFF])
}

/// Walks the image whose SOI is at byte `start` of `input`.
///
/// # Errors
/// Malformed when there is no image data: then readers do not open it.
pub(super) fn walk(input: &[u8], start: usize, limits: &Limits) -> Result<Image> {
    walk_around(input, start, limits, &[])
}

/// The same, where `known` entropy-coded data, in order, are not looked at again: each with the marker that ends it.
pub(super) fn walk_around(input: &[u8], start: usize, limits: &Limits, known: &[Range<u64>]) -> Result<Image> {
    let mut image = Image::default();
    let mut position = start + 2;
    if !input.get(start..).is_some_and(|bytes| bytes.starts_with(&[0xFF, SOI])) {
        return Err(Error::malformed(start as u64, "no start of image"));
    }
    let end = loop {
        let Some(Mark { code, at }) = next_mark(input, position) else {
            image.cannot_follow(input.len(), position)?;
            break input.len();
        };
        // Fill bytes before a marker cannot hold anything; other bytes can.
        if input.get(position..at).is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0xFF)) {
            image.stray.push(position..at);
            limits.check_items(image.stray.len(), "gaps between JPEG segments")?;
        }
        match code {
            EOI => break at + 2,
            0x01 | 0xD0..=SOI => position = at + 2,
            _ => {
                let Some(payload) = payload(input, at + 2) else {
                    image.cannot_follow(input.len(), at)?;
                    break input.len();
                };
                position = payload.end;
                image.segments.push(Segment { marker: code, range: at..payload.end, payload });
                limits.check_items(image.segments.len(), "JPEG segments")?;
            }
        }
        if code == SOS {
            let known = known.get(known.partition_point(|range| range.start < position as u64)..);
            let known = known.and_then(|known| known.first()).filter(|range| range.start == position as u64);
            let end = known.map_or_else(|| coded_end(input, position), |range| range.end as usize - MARKER);
            image.coded.push(position..end);
            position = end;
        }
    };
    if image.coded.is_empty() {
        return Err(Error::malformed(start as u64, "no image data"));
    }
    image.range = start..end;
    Ok(image)
}

impl Image {
    /// The entropy-coded data, each with the marker that ends it.
    pub(super) fn ended(&self) -> impl Iterator<Item = Range<u64>> {
        let scans = self.segments.iter().filter(|segment| segment.marker == SOS).map(|segment| segment.range.end);
        let coded = |start| self.coded.get(self.coded.partition_point(|coded| coded.start < start));
        let is_ended = |coded: &&Range<usize>| coded.end + MARKER <= self.range.end;
        scans.filter_map(coded).filter(is_ended).map(|coded| coded.start as u64..(coded.end + MARKER) as u64)
    }

    /// Gives up at `position`: damage after image data is data to readers; before it, they find nothing to open.
    fn cannot_follow(&mut self, length: usize, position: usize) -> Result<()> {
        if self.coded.is_empty() {
            return Err(Error::malformed(position as u64, "the segments end before any image data"));
        }
        self.coded.push(position..length);
        Ok(())
    }
}

struct Mark {
    code: u8,
    /// Where its `FF` is.
    at: usize,
}

/// The next marker at or after `position`.
fn next_mark(input: &[u8], position: usize) -> Option<Mark> {
    let mut position = position;
    loop {
        let at = position + memchr(0xFF, input.get(position..)?)?;
        match *input.get(at + 1)? {
            0xFF => position = at + 1,
            0x00 => position = at + 2,
            code => return Some(Mark { code, at }),
        }
    }
}

/// The payload of a segment whose length field is at `at`, if it is within the input.
fn payload(input: &[u8], at: usize) -> Option<Range<usize>> {
    let length = usize::from(u16::from_be_bytes(*input.get(at..)?.first_chunk()?));
    let end = at + length;
    (length >= 2 && end <= input.len()).then_some(at + 2..end)
}

/// Where entropy-coded data that begins at `position` ends: at a marker that can follow it.
fn coded_end(input: &[u8], position: usize) -> usize {
    let mut position = position;
    while let Some(rest) = input.get(position..) {
        let Some(ahead) = memchr(0xFF, rest) else { break };
        match rest.get(ahead + 1) {
            Some(0xFF) => position += ahead + 1,
            // Stuffing, restarts, and codes that no image uses: corrupt data, which readers run over.
            Some(0x00..=0xBF | 0xD0..=SOI | 0xF0..=0xFD) => position += ahead + 2,
            Some(_) => return position + ahead,
            None => break,
        }
    }
    input.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walked(bytes: &[u8]) -> Result<Image> {
        walk(bytes, 0, &Limits::default())
    }

    #[test]
    fn scans_fill_and_segments_between_scans_are_seen() {
        let bytes = [
            &b"\xff\xd8\xff\xe0\0\x04ab"[..],
            b"\xff\xff\xff\xfe\0\x05one",
            b"\xff\xda\0\x02\x12\xff\x00\xff\xd0\x34",
            b"\xff\xfe\0\x05two",
            b"\xff\xda\0\x02\x56\xff\xd9tail",
        ]
        .concat();
        let image = walked(&bytes).unwrap();
        let markers: Vec<u8> = image.segments.iter().map(|segment| segment.marker).collect();
        assert_eq!(markers, [APP0, COM, SOS, COM, SOS]);
        assert_eq!(image.coded.len(), 2);
        assert_eq!(image.range.end, bytes.len() - 4);
        assert!(image.stray.is_empty());
    }

    #[test]
    fn known_scans_are_not_looked_at_again() {
        let bytes = b"\xff\xd8\xff\xda\0\x02\x12\xff\x00\xff\xfe\0\x05two\xff\xda\0\x02\x56\xff\xd9tail";
        let image = walked(bytes).unwrap();
        let known: Vec<_> = image.ended().collect();
        assert_eq!(known, [6..11, 20..23]);
        let again = walk_around(bytes, 0, &Limits::default(), &known).unwrap();
        assert_eq!((&again.coded, &again.range), (&image.coded, &image.range));
        // That it is the known end which is taken shows where it is another one.
        let other = walk_around(bytes, 0, &Limits::default(), std::slice::from_ref(&(20..22))).unwrap();
        assert_eq!(other.coded, [6..9, 20..20]);
        assert_eq!(walked(b"\xff\xd8\xff\xda\0\x02\x01\x02").unwrap().ended().count(), 0);
    }

    #[test]
    fn stray_bytes_are_stepped_over() {
        let image = walked(b"\xff\xd8junk\xff\xfe\0\x03x\xff\xda\0\x02\x01\xff\xd9").unwrap();
        assert_eq!((image.stray.len(), image.segments.len()), (1, 2));
    }

    #[test]
    fn a_missing_end_is_the_end_of_the_input() {
        let image = walked(b"\xff\xd8\xff\xda\0\x02\x01\x02").unwrap();
        assert_eq!(image.range, 0..8);
    }

    #[test]
    fn nothing_to_open_is_malformed() {
        for bytes in [&b"\xff\xd8\xff\xe0\0\x09ab"[..], b"\xff\xd8\xff\xd9", b"\xff\xd8", b"\xff\xd8\xff\xe0\0\x01"] {
            assert!(walked(bytes).is_err());
        }
    }
}
