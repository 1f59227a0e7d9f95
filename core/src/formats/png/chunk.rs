//! The chunks of a PNG file.

use std::ops::Range;

use crc32fast::Hasher;
use memchr::memmem;

use crate::containers::slack::is_foreign;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::Edit;

pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The type that freed chunks get: private, ancillary, safe to copy.
pub(super) const FILLER: [u8; 4] = *b"paDd";

/// Length, type and CRC.
pub(super) const OVERHEAD: usize = 12;

/// How far behind the image chunks are looked for.
const TRAILER_REACH: usize = 16 << 20;

/// One chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) kind: [u8; 4],
    pub(super) data: Range<usize>,
}

impl Chunk {
    /// First byte: of the length.
    pub(super) fn start(&self) -> usize {
        self.data.start - 8
    }

    /// From the length to the CRC.
    pub(super) fn range(&self) -> Range<usize> {
        self.start()..self.data.end + 4
    }

    /// The type as text.
    pub(super) fn name(&self) -> String {
        self.kind.iter().copied().map(char::from).collect()
    }

    /// The edits that make it filler of the same length.
    pub(super) fn blank(&self) -> Vec<Edit> {
        let sum = checksum_of_zeros(FILLER, self.data.len());
        let mut edits = vec![
            Edit::replace((self.data.start - 4) as u64..self.data.start as u64, FILLER.to_vec()),
            self.checksum_edit(sum),
        ];
        if !self.data.is_empty() {
            edits.push(Edit::fill(self.data.start as u64..self.data.end as u64, 0));
        }
        edits
    }

    /// The edit that writes the CRC.
    pub(super) fn checksum_edit(&self, sum: u32) -> Edit {
        Edit::replace(self.data.end as u64..self.data.end as u64 + 4, sum.to_be_bytes().to_vec())
    }

    /// The edit that cuts it out.
    pub(super) fn cut(&self) -> Edit {
        let range = self.range();
        Edit::delete(range.start as u64..range.end as u64)
    }
}

/// The CRC of a chunk.
pub(super) fn checksum(kind: [u8; 4], data: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&kind);
    hasher.update(data);
    hasher.finalize()
}

fn checksum_of_zeros(kind: [u8; 4], mut count: usize) -> u32 {
    let zeros = [0; 4096];
    let mut hasher = Hasher::new();
    hasher.update(&kind);
    while count > 0 {
        let step = count.min(zeros.len());
        hasher.update(zeros.get(..step).unwrap_or_default());
        count -= step;
    }
    hasher.finalize()
}

/// A whole chunk.
pub(super) fn build(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut chunk = Vec::with_capacity(data.len() + OVERHEAD);
    chunk.extend_from_slice(&(data.len() as u32).to_be_bytes());
    chunk.extend_from_slice(&kind);
    chunk.extend_from_slice(data);
    chunk.extend_from_slice(&checksum(kind, data).to_be_bytes());
    chunk
}

/// A filler chunk of `total` bytes, which are at least [`OVERHEAD`].
pub(super) fn filler(total: usize) -> Vec<u8> {
    build(FILLER, &vec![0; total.saturating_sub(OVERHEAD)])
}

/// What a file consists of.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// All chunks that are not image data, in order.
    pub(super) chunks: Vec<Chunk>,
    /// Runs of chunks that are image data.
    pub(super) image: Vec<Range<usize>>,
    /// Where the last chunk ends: the rest of the file is a trailer.
    pub(super) end: usize,
    /// Chunks found in the trailer by type and right CRC.
    pub(super) trailing: Vec<Chunk>,
}

/// Walks the chunks of `input`, touching their headers only.
///
/// A file without `IEND` is read up to its end, as readers do; one that ends within a chunk is malformed.
pub(super) fn walk(input: &[u8], limits: &Limits) -> Result<Walk> {
    let mut cursor = Cursor::new(input);
    cursor.skip(SIGNATURE.len())?;
    let mut walk = Walk::default();
    while !cursor.is_empty() {
        let start = cursor.position();
        let length = cursor.u32_be()?;
        let kind: [u8; 4] = cursor.array()?;
        if !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(crate::Error::malformed(start as u64 + 4, "not a chunk type"));
        }
        let data = cursor.position()..cursor.position().saturating_add(length as usize);
        if kind == *b"IEND" {
            // Readers stop here, and do not miss the CRC of the last chunk.
            let end = data.end.saturating_add(4).min(input.len());
            walk.chunks.push(Chunk { kind, data });
            walk.end = end;
            walk.trailing = trailing(input, end);
            return Ok(walk);
        }
        cursor.skip(length as usize).and_then(|()| cursor.skip(4)).map_err(|_| {
            crate::Error::malformed(start as u64, format!("the file ends within a chunk of {length} bytes"))
        })?;
        match walk.image.last_mut().filter(|run| run.end == start) {
            Some(run) if is_image(kind) => run.end = cursor.position(),
            _ if is_image(kind) => walk.image.push(start..cursor.position()),
            _ => walk.chunks.push(Chunk { kind, data }),
        }
        limits.check_items(walk.chunks.len() + walk.image.len(), "PNG chunks")?;
    }
    walk.end = input.len();
    Ok(walk)
}

fn is_image(kind: [u8; 4]) -> bool {
    matches!(&kind, b"IDAT" | b"fdAT")
}

/// The image data chunks of a run.
pub(super) fn image_data<'a>(input: &'a [u8], run: &Range<usize>) -> impl Iterator<Item = (usize, &'a [u8])> {
    let mut cursor = Cursor::new(input.get(..run.end).unwrap_or_default());
    let mut next = cursor.seek(run.start).ok();
    std::iter::from_fn(move || {
        next?;
        let length = cursor.u32_be().ok()?;
        let kind: [u8; 4] = cursor.array().ok()?;
        let mut at = cursor.position();
        let mut data = cursor.take(length as usize).ok()?;
        next = cursor.skip(4).ok();
        if kind == *b"fdAT" {
            // A sequence number comes first.
            data = data.get(4..).unwrap_or_default();
            at += 4;
        }
        Some((at, data))
    })
}

/// Chunks that hold labels behind the end of the image: of a longer picture that was overwritten, or appended.
fn trailing(input: &[u8], end: usize) -> Vec<Chunk> {
    let rest = input.get(end..).unwrap_or_default();
    if rest.is_empty() || is_foreign(rest) {
        return Vec::new();
    }
    let near = rest.get(..rest.len().min(TRAILER_REACH)).unwrap_or_default();
    let mut found = Vec::new();
    for kind in [*b"tEXt", *b"zTXt", *b"iTXt", *b"eXIf"] {
        found.extend(memmem::find_iter(near, &kind).filter_map(|at| intact(input, end + at, kind)));
    }
    found.sort_by_key(|chunk| chunk.data.start);
    let mut position = end;
    found.retain(|chunk| {
        let is_apart = chunk.start() >= position;
        if is_apart {
            position = chunk.data.end + 4;
        }
        is_apart
    });
    found
}

/// The chunk whose type stands at `at`, if its CRC is right.
fn intact(input: &[u8], at: usize, kind: [u8; 4]) -> Option<Chunk> {
    let mut cursor = Cursor::new(input);
    cursor.seek(at.checked_sub(4)?).ok()?;
    let length = cursor.u32_be().ok()?;
    cursor.skip(4).ok()?;
    let data = cursor.position()..cursor.position() + length as usize;
    let bytes = cursor.take(length as usize).ok()?;
    (cursor.u32_be().ok()? == checksum(kind, bytes)).then_some(Chunk { kind, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let chunks: Vec<_> = chunks.iter().map(|(kind, data)| build(**kind, data)).collect();
        [SIGNATURE, &chunks.concat()].concat()
    }

    fn walked(input: &[u8]) -> Result<Walk> {
        walk(input, &Limits::default())
    }

    #[test]
    fn image_data_is_passed_over_in_runs() {
        let input = file(&[(b"IHDR", &[0; 13]), (b"IDAT", b"a"), (b"IDAT", b"bc"), (b"tEXt", b"k\0v"), (b"IEND", b"")]);
        let walk = walked(&input).unwrap();
        let kinds: Vec<_> = walk.chunks.iter().map(Chunk::name).collect();
        assert_eq!(
            (kinds, walk.image.len(), walk.end),
            (vec!["IHDR".into(), "tEXt".into(), "IEND".into()], 1, input.len())
        );
        let data: Vec<_> = image_data(&input, &walk.image[0]).map(|(_, data)| data).collect();
        assert_eq!(data, [&b"a"[..], b"bc"]);
    }

    #[test]
    fn a_file_may_lack_its_end_but_not_the_end_of_a_chunk() {
        let input = file(&[(b"IHDR", &[0; 13]), (b"IDAT", b"abc")]);
        assert!(walked(&input).is_ok());
        let cut = walked(&input[..input.len() - 1]).unwrap_err();
        assert_eq!(cut.offset(), Some(33));
        let ended = file(&[(b"IHDR", &[0; 13]), (b"IEND", b"")]);
        assert_eq!(walked(&ended[..ended.len() - 4]).unwrap().end, ended.len() - 4);
        assert_eq!(walked(&[SIGNATURE, &[0xff; 12]].concat()).unwrap_err().offset(), Some(12));
    }

    #[test]
    fn chunks_in_a_trailer_are_found_by_their_checksum() {
        let good = build(*b"tEXt", b"k\0v");
        let mut bad = good.clone();
        bad[9] ^= 1;
        let head = file(&[(b"IHDR", &[0; 13]), (b"IEND", b"")]);
        let input = [&head[..], b"junk", &good, &bad, b"tEXt"].concat();
        let walk = walked(&input).unwrap();
        assert_eq!(walk.trailing.len(), 1);
        assert_eq!(&input[walk.trailing[0].range()], good);
        assert_eq!(walked(&[&head[..], b"PK\x03\x04", &good].concat()).unwrap().trailing, []);
    }

    #[test]
    fn filler_has_a_right_checksum() {
        let input = file(&[(b"tEXt", &[7; 5000])]);
        let chunk = &walked(&input).unwrap().chunks[0];
        let plan = crate::Plan::new(chunk.blank(), input.len() as u64).unwrap();
        assert_eq!(plan.apply(&input).unwrap(), [SIGNATURE, &filler(5012)].concat());
    }
}
