//! The cleaned bytes: source and plan, seen as segments, chunks or one slice.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::plan::{Plan, Replacement, Segment, hexadecimal};
use crate::source::{PIECE, Source, View, map_own_file};

/// A result longer than this that changes lengths is staged in a temporary file rather than in memory.
const IN_MEMORY: u64 = 32 << 20;

/// The cleaned bytes of one file: its source and the plan over it.
///
/// Cheap to clone, and yields the same bytes each time, so that a sink can replay it. Kept ranges are never copied
/// into a buffer of the file's size.
#[derive(Clone, Debug)]
pub struct Payload {
    source: Source,
    plan: Arc<Plan>,
    edited: Option<[u8; 32]>,
}

impl Payload {
    /// The result of `plan` on `source`.
    pub fn new(source: Source, plan: Plan) -> Self {
        // What is in memory cannot change any more; a map shows the file as it is by then.
        let edited = (source.is_mapped() && plan.keeps_length()).then(|| digest_of_edited(source.bytes(), &plan));
        Self { source, plan: Arc::new(plan), edited }
    }

    /// SHA-256 of the bytes that the edits replace, one after the other, as they were when the plan was made. Only of a
    /// plan that keeps the length, over a mapped file: who writes into that file compares them. Other sources keep
    /// their bytes.
    pub fn edited_digest(&self) -> Option<[u8; 32]> {
        self.edited
    }

    /// The edits, for who needs them longer than the bytes of the source.
    pub fn shared_plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
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

    /// The result in order; see [`pieces`](Self::pieces).
    pub fn chunks(&self) -> impl Iterator<Item = Result<Bytes>> + Send + '_ {
        self.pieces(0..self.len())
    }

    /// The bytes `range` of the result, in order, in pieces: windows over what is in memory, without a copy; small
    /// buffers read at their offsets where the source is a large file; and of a remote source, ranges that are
    /// fetched as they are asked for.
    ///
    /// Each item fails as [`Source::read`] does; what follows a failed piece is of no use.
    pub fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = Result<Bytes>> + Send + '_ {
        let mut end = 0;
        self.plan
            .segments()
            .map(move |segment| {
                let start = end;
                end += segment.len();
                let clipped = range.start.clamp(start, end) - start..range.end.clamp(start, end) - start;
                Run::new(&segment, clipped)
            })
            .flat_map(move |mut run| std::iter::from_fn(move || run.next(&self.source)))
    }

    /// SHA-256 of the result, in hexadecimal digits. Reads all of it.
    ///
    /// # Errors
    /// As [`Source::read`].
    pub fn digest(&self) -> Result<String> {
        let mut digest = Sha256::new();
        for chunk in self.chunks() {
            digest.update(&chunk?);
        }
        Ok(hexadecimal(&digest.finalize()))
    }

    /// Writes the result to `out`.
    ///
    /// Kept ranges of a mapped file are read through a small buffer, so that memory does not grow with the file.
    ///
    /// # Errors
    /// As [`Source::read`]; [`ErrorKind::Io`](crate::ErrorKind::Io) when writing fails.
    pub fn write_to(&self, out: &mut dyn Write) -> Result<()> {
        for chunk in self.chunks() {
            out.write_all(&chunk?).map_err(|error| Error::io("cannot write", error))?;
        }
        Ok(())
    }

    /// The same payload over `origin`, where its source is but a view of that.
    pub(crate) fn without_view(self, origin: Source) -> Self {
        if self.source.is_view() { Self { source: origin, ..self } } else { self }
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
        self.source.want_whole()?;
        if self.len() <= IN_MEMORY || self.source.file().is_none() {
            return Ok(View::Owned(self.plan.apply(self.source.bytes())?));
        }
        let failed = |error| Error::io("cannot stage the result in a temporary file", error);
        let mut file = tempfile::tempfile().map_err(failed)?;
        self.write_to(&mut file)?;
        map_own_file(&file, self.len())
    }
}

fn digest_of_edited(input: &[u8], plan: &Plan) -> [u8; 32] {
    let mut digest = Sha256::new();
    for edit in plan.edits() {
        digest.update(input.get(edit.range.start as usize..edit.range.end as usize).unwrap_or_default());
    }
    digest.finalize().into()
}

/// What is still to come of one segment.
enum Run {
    Kept(Range<u64>),
    Bytes(Bytes),
    Fill { piece: Bytes, left: u64 },
}

impl Run {
    /// The bytes `clipped` of `segment`.
    fn new(segment: &Segment<'_>, clipped: Range<u64>) -> Self {
        match segment {
            Segment::Kept(range) => Self::Kept(range.start + clipped.start..range.start + clipped.end),
            Segment::New(Replacement::Bytes(bytes)) => {
                Self::Bytes(bytes.slice(clipped.start as usize..clipped.end as usize))
            }
            Segment::New(Replacement::Fill { byte, .. }) => {
                let left = clipped.end - clipped.start;
                Self::Fill { piece: Bytes::from(vec![*byte; left.min(PIECE as u64) as usize]), left }
            }
        }
    }

    fn next(&mut self, source: &Source) -> Option<Result<Bytes>> {
        match self {
            Self::Kept(range) if range.start >= range.end => None,
            Self::Kept(range) => {
                let piece = source.read(range.clone());
                // After a failure nothing follows.
                range.start = piece.as_ref().map_or(range.end, |piece| range.start + piece.len() as u64);
                Some(piece)
            }
            Self::Bytes(bytes) => (!bytes.is_empty()).then(|| Ok(std::mem::take(bytes))),
            Self::Fill { left: 0, .. } => None,
            Self::Fill { piece, left } => {
                let len = (*left).min(piece.len() as u64);
                *left -= len;
                Some(Ok(piece.slice(..len as usize)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Edit;
    use crate::source::MAP_FROM;

    fn joined(payload: &Payload) -> Vec<u8> {
        payload.chunks().flat_map(|chunk| chunk.unwrap().to_vec()).collect()
    }

    fn check(source: &Source, edits: Vec<Edit>) {
        let plan = Plan::new(edits, source.len()).unwrap();
        let want = plan.apply(source.bytes()).unwrap();
        let payload = Payload::new(source.clone(), plan);
        assert_eq!(payload.len(), want.len() as u64);
        assert_eq!(joined(&payload), want);
        assert_eq!(joined(&payload), want, "a second reading");
        let len = payload.len();
        for range in [0..0, 0..len.min(1), len / 3..len / 2, len / 2..len, len..len] {
            let pieces: Vec<u8> = payload.pieces(range.clone()).flat_map(|piece| piece.unwrap().to_vec()).collect();
            assert_eq!(pieces, want[range.start as usize..range.end as usize], "{range:?}");
        }
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
