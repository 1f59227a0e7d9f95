//! The cleaned bytes: source and plan, seen as segments, chunks or one slice.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::plan::{Plan, Replacement, Segment};
use crate::source::{Source, View, map_own_file};

/// A result longer than this that changes lengths is staged in a temporary file rather than in memory.
const IN_MEMORY: u64 = 32 << 20;

/// Size of the buffer through which kept ranges of a mapped file are written, and of the pieces of a long filler.
const PIECE: usize = 128 << 10;

/// The cleaned bytes of one file: its source and the plan over it.
///
/// Cheap to clone, and yields the same bytes each time, so that a sink can replay it. Kept ranges are never copied
/// into a buffer of the file's size.
#[derive(Clone, Debug)]
pub struct Payload {
    source: Source,
    plan: Arc<Plan>,
}

impl Payload {
    /// The result of `plan` on `source`.
    pub fn new(source: Source, plan: Plan) -> Self {
        Self { source, plan: Arc::new(plan) }
    }

    /// The input.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The edits.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Length of the result in bytes.
    pub fn len(&self) -> u64 {
        self.plan.output_len()
    }

    /// Whether the result has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the result is the input, byte for byte.
    pub fn is_identity(&self) -> bool {
        self.plan.is_identity()
    }

    /// The result in order, as ranges of the source and new bytes.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.plan.segments()
    }

    /// The result in order, as windows over the source and new bytes; nothing is copied. Long fillers come in pieces.
    pub fn chunks(&self) -> impl Iterator<Item = Bytes> + '_ {
        let whole = Bytes::from_owner(self.source.clone());
        self.plan.segments().flat_map(move |segment| match segment {
            Segment::Kept(Range { start, end }) => Chunks::One(Some(whole.slice(start as usize..end as usize))),
            Segment::New(Replacement::Bytes(bytes)) => Chunks::One(Some(bytes.clone())),
            Segment::New(Replacement::Fill { byte, len }) => {
                Chunks::Fill { piece: Bytes::from(vec![*byte; (*len).min(PIECE as u64) as usize]), left: *len }
            }
        })
    }

    /// Writes the result to `out`.
    ///
    /// Kept ranges of a mapped file are read through a small buffer, so that memory does not grow with the file.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when reading or writing fails.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<()> {
        let failed = |error| Error::io("cannot write", error);
        match self.source.file().filter(|_| self.source.is_mapped()) {
            Some(file) => {
                for segment in self.segments() {
                    match segment {
                        Segment::Kept(range) => copy_range(file, range, out)?,
                        Segment::New(with) => write_new(with, out).map_err(failed)?,
                    }
                }
            }
            None => {
                for chunk in self.chunks() {
                    out.write_all(&chunk).map_err(failed)?;
                }
            }
        }
        Ok(())
    }

    /// The result as one slice: the input itself, a private map or buffer with the edits applied, or, where lengths
    /// change in a large file, a map of a temporary file.
    pub(crate) fn view(&self) -> Result<View> {
        if self.is_identity() {
            return Ok(View::Unchanged(self.source.clone()));
        }
        if self.plan.keeps_length() {
            let mut view = self.source.private_view()?;
            if let Some(bytes) = view.as_mut() {
                self.plan.patch(bytes)?;
                return Ok(view);
            }
        }
        if self.len() <= IN_MEMORY || self.source.file().is_none() {
            return Ok(View::Owned(self.plan.apply(self.source.bytes())?));
        }
        let failed = |error| Error::io("cannot stage the result in a temporary file", error);
        let mut file = tempfile::tempfile().map_err(failed)?;
        self.write_to(&mut file)?;
        map_own_file(&file, self.len())
    }
}

/// The pieces of one segment.
enum Chunks {
    One(Option<Bytes>),
    Fill { piece: Bytes, left: u64 },
}

impl Iterator for Chunks {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        match self {
            Self::One(bytes) => bytes.take(),
            Self::Fill { left: 0, .. } => None,
            Self::Fill { piece, left } => {
                let len = (*left).min(piece.len() as u64);
                *left -= len;
                Some(piece.slice(..len as usize))
            }
        }
    }
}

fn write_new(with: &Replacement, out: &mut dyn Write) -> std::io::Result<()> {
    match with {
        Replacement::Bytes(bytes) => out.write_all(bytes),
        Replacement::Fill { byte, len } => {
            std::io::copy(&mut std::io::Read::take(std::io::repeat(*byte), *len), out).map(drop)
        }
    }
}

/// Copies `range` of `file` to `out` by reads at offsets.
fn copy_range(file: &std::fs::File, range: Range<u64>, out: &mut dyn Write) -> Result<()> {
    let mut buffer = vec![0; PIECE.min((range.end - range.start) as usize)];
    let mut at = range.start;
    while at < range.end {
        let want = buffer.len().min((range.end - at) as usize);
        let piece = buffer.get_mut(..want).unwrap_or_default();
        read_at(file, piece, at).map_err(|error| Error::io("cannot read", error).at(at))?;
        out.write_all(piece).map_err(|error| Error::io("cannot write", error))?;
        at += want as u64;
    }
    Ok(())
}

#[cfg(unix)]
fn read_at(file: &std::fs::File, buffer: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &std::fs::File, buffer: &mut [u8], at: u64) -> std::io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Edit;
    use crate::source::MAP_FROM;

    fn joined(payload: &Payload) -> Vec<u8> {
        payload.chunks().flat_map(|chunk| chunk.to_vec()).collect()
    }

    fn check(source: &Source, edits: Vec<Edit>) {
        let plan = Plan::new(edits, source.len()).unwrap();
        let want = plan.apply(source.bytes()).unwrap();
        let payload = Payload::new(source.clone(), plan);
        assert_eq!(payload.len(), want.len() as u64);
        assert_eq!(joined(&payload), want);
        assert_eq!(joined(&payload), want, "a second reading");
        let mut written = Vec::new();
        payload.write_to(&mut written).unwrap();
        assert_eq!(written, want);
        assert_eq!(&*payload.view().unwrap(), &want);
    }

    #[test]
    fn every_view_of_a_payload_is_the_same() {
        let large: Vec<u8> = (0..MAP_FROM + 4321).map(|at| (at % 251) as u8).collect();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&large).unwrap();
        let mapped = Source::open(file.path()).unwrap();
        assert!(mapped.is_mapped());
        for source in [mapped, Source::from_bytes(large.clone())] {
            let end = source.len();
            check(&source, vec![]);
            check(&source, vec![Edit::fill(5..400_000, 0x20), Edit::replace(400_000..400_003, &b"abc"[..])]);
            check(&source, vec![Edit::delete(0..10), Edit::replace(20..20, vec![7; 300_000]), Edit::delete(90..end)]);
        }
        assert_eq!(std::fs::read(file.path()).unwrap(), large, "the source stays as it was");
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"before").unwrap();
        let source = Source::open(file.path()).unwrap();
        source.verify_unchanged().unwrap();
        std::fs::write(file.path(), b"after it").unwrap();
        assert_eq!(source.verify_unchanged().unwrap_err().kind(), crate::ErrorKind::Changed);
    }
}
