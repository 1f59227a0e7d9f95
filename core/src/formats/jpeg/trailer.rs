//! What follows the first image: further images, videos, and the trailers of cameras and programs, some of which hold
//! IPTC records again.

use std::ops::Range;

use memchr::memmem;

use super::walk::{self, Image};
use crate::limits::Limits;

/// Starts of images in unknown bytes that turn out to be none, after which the search ends: every try may read on to
/// the end of the file.
const MAX_FALSE_STARTS: usize = 16;

/// Images that are looked for in unknown bytes; the rest is searched as it is.
const MAX_IMAGES: usize = 256;

/// The bytes after the first image.
#[derive(Debug, Default)]
pub(super) struct Trailer {
    /// Images that readers of multi-picture files find: listed in the index, or one right after the other.
    pub(super) images: Vec<Image>,
    /// Images inside other bytes.
    pub(super) inner: Vec<Image>,
    /// IPTC records that programs append to files, with the name of the trailer.
    pub(super) records: Vec<(&'static str, Range<usize>)>,
    /// Samples of videos.
    pub(super) samples: Vec<Range<usize>>,
    /// Everything else.
    pub(super) slack: Vec<Range<usize>>,
    /// Whether some of it may be addressed from the start of the file.
    pub(super) is_absolute: bool,
}

impl Trailer {
    /// Takes the bytes from `start` on apart; `listed` are the images that an index names.
    pub(super) fn parse(input: &[u8], start: usize, listed: &[usize], limits: &Limits) -> Self {
        let mut trailer = Self::default();
        let mut listed: Vec<usize> = listed.iter().copied().filter(|at| *at >= start && *at < input.len()).collect();
        listed.sort_unstable();
        listed.dedup();
        let mut position = start;
        for at in listed {
            if at < position {
                continue;
            }
            if let Ok(image) = walk::walk(input, at, limits) {
                trailer.take_apart(input, position..at, limits);
                position = image.range.end;
                trailer.images.push(image);
            }
        }
        let end = trailer.read_appended(input, position);
        trailer.take_apart(input, position..end, limits);
        trailer
    }

    /// Reads the trailers that are found from the end of the file. Returns where they begin; none begins before
    /// `start`.
    fn read_appended(&mut self, input: &[u8], start: usize) -> usize {
        let mut end = input.len();
        while let Some(appended) = appended_before(input, end).filter(|appended| appended.range.start >= start) {
            let Appended { range, parts } = appended;
            let mut position = range.start;
            for (name, part) in parts {
                self.add_slack(input, position..part.start);
                position = part.end;
                self.records.push((name, part));
            }
            self.add_slack(input, position..range.end);
            end = range.start;
        }
        end
    }

    /// Takes apart bytes that no index speaks of.
    fn take_apart(&mut self, input: &[u8], range: Range<usize>, limits: &Limits) {
        let mut position = range.start;
        let mut slack = range.start;
        let mut false_starts = 0;
        while let Some(ahead) = next_start(input, position, range.end) {
            if self.images.len() + self.inner.len() >= MAX_IMAGES {
                break;
            }
            let at = position + ahead;
            if let Some(end) = self.video(input, at, range.end) {
                self.add_slack(input, slack..at);
                (position, slack) = (end, end);
                continue;
            }
            match walk::walk(input.get(..range.end).unwrap_or_default(), at, limits) {
                Ok(image) if walk::is_start(input.get(at..).unwrap_or_default()) => {
                    let is_next = input.get(slack..at).is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
                    self.add_slack(input, slack..at);
                    (position, slack) = (image.range.end, image.range.end);
                    if is_next { &mut self.images } else { &mut self.inner }.push(image);
                }
                _ => {
                    position = at + 1;
                    false_starts += 1;
                    if false_starts > MAX_FALSE_STARTS {
                        break;
                    }
                }
            }
        }
        self.add_slack(input, slack..range.end);
    }

    fn add_slack(&mut self, input: &[u8], range: Range<usize>) {
        let bytes = input.get(range.clone()).unwrap_or_default();
        if bytes.iter().any(|byte| *byte != 0) {
            // The trailer of Samsung cameras is addressed from its own end.
            self.is_absolute |= !bytes.ends_with(b"SEFT");
            self.slack.push(range);
        }
    }

    /// The video at `at`, if there is one: its boxes up to the first that is not one. Returns where it ends.
    fn video(&mut self, input: &[u8], at: usize, end: usize) -> Option<usize> {
        if input.get(at + 4..at + 8) != Some(b"ftyp") {
            return None;
        }
        let mut position = at;
        while let Some((kind, length)) = box_at(input, position).filter(|(_, length)| *length <= end - position) {
            let whole = position..position + length;
            if &kind == b"mdat" {
                self.samples.push(whole.clone());
            } else {
                self.slack.push(whole.clone());
            }
            position = whole.end;
        }
        (position > at).then_some(position)
    }
}

/// A trailer that says at its end where it begins.
struct Appended {
    range: Range<usize>,
    /// IPTC records in it, in order.
    parts: Vec<(&'static str, Range<usize>)>,
}

/// The trailer that ends at `end`, if it is one with IPTC records.
fn appended_before(input: &[u8], end: usize) -> Option<Appended> {
    foto_station(input, end).or_else(|| afcp(input, end))
}

/// A `FotoStation` record: data, then number, length of it all, and signature.
fn foto_station(input: &[u8], end: usize) -> Option<Appended> {
    let footer: &[u8; 10] = input.get(end.checked_sub(10)?..end)?.first_chunk()?;
    let [high, low, length @ .., 0xA1, 0xB2, 0xC3, 0xD4] = footer else { return None };
    let start = end.checked_sub(u32::from_be_bytes(*length) as usize)?;
    let data = start..end - 10;
    let is_iptc = (*high, *low) == (0, 1) && !data.is_empty();
    (start < end - 9).then(|| Appended {
        range: start..end,
        parts: is_iptc.then_some(("FotoStation trailer", data)).into_iter().collect(),
    })
}

/// An AXS File Concatenation Protocol trailer: header, directory, data, and an end that points at the header.
fn afcp(input: &[u8], end: usize) -> Option<Appended> {
    let footer: &[u8; 12] = input.get(end.checked_sub(12)?..end)?.first_chunk()?;
    let signature = footer.first_chunk::<4>()?;
    let big_endian = match signature {
        b"AXS!" => true,
        b"AXS*" => false,
        _ => return None,
    };
    let integer = |at: usize| {
        let bytes = *input.get(at..)?.first_chunk()?;
        Some(if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) } as usize)
    };
    let start = integer(end - 8).filter(|start| *start < end - 12)?;
    if !input.get(start..)?.starts_with(signature) {
        return None;
    }
    let count: [u8; 2] = *input.get(start + 6..)?.first_chunk()?;
    let count = if big_endian { u16::from_be_bytes(count) } else { u16::from_le_bytes(count) };
    let mut parts = Vec::new();
    for entry in 0..usize::from(count) {
        let at = start + 12 + entry * 12;
        let (length, data) = (integer(at + 4)?, integer(at + 8)?);
        if input.get(at..at + 4)? == b"IPTC" && data > start && data.checked_add(length)? < end {
            parts.push(("AFCP trailer", data..data + length));
        }
    }
    parts.sort_by_key(|(_, part)| part.start);
    let is_disjoint = parts.windows(2).all(|pair| matches!(pair, [one, two] if one.1.end <= two.1.start));
    is_disjoint.then_some(Appended { range: start..end, parts })
}

/// How far it is from `position` to what may be the start of an image or of a video.
fn next_start(input: &[u8], position: usize, end: usize) -> Option<usize> {
    let rest = input.get(position..end)?;
    let image = memmem::find(rest, &[0xFF, walk::SOI, 0xFF]);
    let video = memmem::find(rest, b"ftyp").and_then(|at| at.checked_sub(4));
    image.into_iter().chain(video).min()
}

/// Kind and length of the ISO media box at `at`.
fn box_at(input: &[u8], at: usize) -> Option<([u8; 4], usize)> {
    let rest = input.get(at..)?;
    let length = u32::from_be_bytes(*rest.first_chunk()?);
    let kind: [u8; 4] = *rest.get(4..)?.first_chunk()?;
    if !kind.iter().all(|letter| letter.is_ascii_graphic() || *letter == b' ' || *letter == 0xA9) {
        return None;
    }
    let length = match length {
        0 => rest.len(),
        1 => usize::try_from(u64::from_be_bytes(*rest.get(8..)?.first_chunk()?)).ok()?,
        length => length as usize,
    };
    (length >= 8).then_some((kind, length))
}
