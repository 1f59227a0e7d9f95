//! Edits over the input bytes, and the whole of them: a plan.

use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// How the result relates to the offsets of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Same length; every byte that is not part of an edit keeps its offset.
    ///
    /// A format falls back to a length-changing edit only where the freed bytes cannot be filled; then
    /// [`Plan::keeps_length`] is false.
    #[default]
    Preserve,
    /// The smallest output that the format allows without touching payload.
    Compact,
}

/// What takes the place of an edited range.
#[derive(Clone, PartialEq, Eq)]
pub enum Replacement {
    /// These bytes.
    Bytes(Bytes),
    /// One byte, repeated: filler costs no memory however long it is.
    Fill {
        /// The repeated byte.
        byte: u8,
        /// How many bytes.
        len: u64,
    },
}

impl Replacement {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Fill { len, .. } => *len,
        }
    }

    /// Whether the range is cut without anything in its place.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl std::fmt::Debug for Replacement {
    /// Prints lengths only: replacement bytes are content of the user's file.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} B)", bytes.len()),
            Self::Fill { byte, len } => write!(f, "Fill({byte:#04x} × {len})"),
        }
    }
}

/// One range of the input and what takes its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the input, half open. Empty for an insertion.
    pub range: Range<u64>,
    /// The bytes that take their place.
    pub with: Replacement,
}

impl Edit {
    /// Replaces `range` with `bytes`.
    pub fn replace(range: Range<u64>, bytes: impl Into<Bytes>) -> Self {
        Self { range, with: Replacement::Bytes(bytes.into()) }
    }

    /// Overwrites `range` with `byte`, keeping its length.
    pub fn fill(range: Range<u64>, byte: u8) -> Self {
        let len = range.end.saturating_sub(range.start);
        Self { range, with: Replacement::Fill { byte, len } }
    }

    /// Cuts `range` out.
    pub fn delete(range: Range<u64>) -> Self {
        Self { range, with: Replacement::Fill { byte: 0, len: 0 } }
    }

    /// Whether the replacement is as long as the range.
    pub fn keeps_length(&self) -> bool {
        self.range.end - self.range.start == self.with.len()
    }
}

/// Sorted, disjoint edits over an input of known length. An empty plan means the file is clean already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    edits: Vec<Edit>,
    input_len: u64,
    output_len: u64,
}

/// A run of the output: kept from the input, or new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment<'p> {
    /// This range of the input.
    Kept(Range<u64>),
    /// A replacement.
    New(&'p Replacement),
}

impl Segment<'_> {
    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Kept(range) => range.end - range.start,
            Self::New(with) => with.len(),
        }
    }

    /// Whether there are no bytes; a plan yields no such segment.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn digest_fill(digest: &mut Sha256, byte: u8, len: u64) {
    let piece = [byte; 1024];
    let mut left = len;
    while left > 0 {
        let now = left.min(piece.len() as u64);
        digest.update(piece.get(..now as usize).unwrap_or(&piece));
        left -= now;
    }
}

/// As lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

impl Plan {
    /// A plan of `edits` over `input_len` bytes. Edits are sorted here, empty ones are dropped, and cuts that touch become
    /// one, so that the way back has one insertion in their place.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when two edits overlap or touch the same insertion point, or one is reversed or out
    /// of bounds: a defect of the format that planned them.
    pub fn new(mut edits: Vec<Edit>, input_len: u64) -> Result<Self> {
        edits.retain(|edit| !(edit.range.start == edit.range.end && edit.with.is_empty()));
        edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
        edits.dedup_by(|next, last| {
            let both_cut = next.with.is_empty() && last.with.is_empty();
            let touches = both_cut && last.range.end == next.range.start && next.range.start <= next.range.end;
            if touches {
                last.range.end = next.range.end;
            }
            touches
        });
        let mut end = 0;
        let mut output_len = input_len;
        let mut previous_inserts_at = None;
        for Edit { range, with } in &edits {
            let inserts_at = (range.start == range.end).then_some(range.start);
            let collides = range.start < end || (inserts_at.is_some() && inserts_at == previous_inserts_at);
            if collides || range.start > range.end || range.end > input_len {
                return Err(Error::new(ErrorKind::Conflict, "planned edits overlap or leave the file").at(range.start));
            }
            end = range.end;
            previous_inserts_at = inserts_at;
            output_len = (output_len - (range.end - range.start))
                .checked_add(with.len())
                .ok_or_else(|| Error::limit("the result would be longer than 2^64 bytes"))?;
        }
        Ok(Self { edits, input_len, output_len })
    }

    /// A plan that changes nothing.
    pub fn identity(input_len: u64) -> Self {
        Self { edits: Vec::new(), input_len, output_len: input_len }
    }

    /// The edits, sorted and disjoint.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Length of the input in bytes.
    pub fn input_len(&self) -> u64 {
        self.input_len
    }

    /// Length of the result in bytes.
    pub fn output_len(&self) -> u64 {
        self.output_len
    }

    /// Bytes of the result that do not come from the input.
    pub fn new_bytes(&self) -> u64 {
        self.edits.iter().map(|edit| edit.with.len()).sum()
    }

    /// Whether the result is the input.
    pub fn is_identity(&self) -> bool {
        self.edits.is_empty()
    }

    /// Whether every edit keeps its length, so that untouched bytes keep their offsets.
    pub fn keeps_length(&self) -> bool {
        self.edits.iter().all(Edit::keeps_length)
    }

    /// Whether an edit touches `range` of the input.
    pub fn touches(&self, range: &Range<u64>) -> bool {
        let first = self.edits.partition_point(|edit| edit.range.end <= range.start);
        self.edits.get(first).is_some_and(|edit| edit.range.start < range.end)
    }

    /// SHA-256 of the edits, in hexadecimal digits: the same for the same plan on every machine, and in every version that
    /// plans the same. What is digested: the length of the input; then of each edit, in order, where its range starts and
    /// ends, the length of what takes its place, and these bytes. Numbers are of 64 bits, the lowest byte first. The
    /// input is not read.
    ///
    /// ```
    /// use unlabel_core::{Edit, Plan};
    /// let plan = Plan::new(vec![Edit::replace(2..4, &b"  "[..])], 9)?;
    /// assert_eq!(plan.digest(), Plan::new(vec![Edit::fill(2..4, b' ')], 9)?.digest());
    /// # Ok::<(), unlabel_core::Error>(())
    /// ```
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        digest.update(self.input_len.to_le_bytes());
        for Edit { range, with } in &self.edits {
            for number in [range.start, range.end, with.len()] {
                digest.update(number.to_le_bytes());
            }
            match with {
                Replacement::Bytes(bytes) => digest.update(bytes),
                Replacement::Fill { byte, len } => digest_fill(&mut digest, *byte, *len),
            }
        }
        hexadecimal(&digest.finalize())
    }

    /// The runs of the result in order; together they are the whole result.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let mut position = 0;
        let tail = self.edits.last().map_or(0, |edit| edit.range.end)..self.input_len;
        self.edits
            .iter()
            .flat_map(move |edit| {
                let kept = position..edit.range.start;
                position = edit.range.end;
                [Segment::Kept(kept), Segment::New(&edit.with)]
            })
            .chain(std::iter::once(Segment::Kept(tail)))
            .filter(|segment| match segment {
                Segment::Kept(range) => range.start < range.end,
                Segment::New(with) => !with.is_empty(),
            })
    }

    /// The result as one buffer.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] when `input` is not as long as the plan says.
    pub fn apply(&self, input: &[u8]) -> Result<Vec<u8>> {
        if input.len() as u64 != self.input_len {
            return Err(Error::new(ErrorKind::Changed, "the input is not as long as when it was planned"));
        }
        let mut output = Vec::with_capacity(self.output_len as usize);
        for segment in self.segments() {
            match segment {
                Segment::Kept(range) => {
                    output.extend_from_slice(input.get(range.start as usize..range.end as usize).unwrap_or_default());
                }
                Segment::New(Replacement::Bytes(bytes)) => output.extend_from_slice(bytes),
                Segment::New(Replacement::Fill { byte, len }) => {
                    output.resize(output.len() + *len as usize, *byte);
                }
            }
        }
        Ok(output)
    }

    /// Applies a length-keeping plan to `view`, which holds the input.
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when the plan changes lengths, [`ErrorKind::Changed`] when `view` has another length.
    pub fn patch(&self, view: &mut [u8]) -> Result<()> {
        if view.len() as u64 != self.input_len {
            return Err(Error::new(ErrorKind::Changed, "the input is not as long as when it was planned"));
        }
        if !self.keeps_length() {
            return Err(Error::new(ErrorKind::Conflict, "the plan changes the length"));
        }
        for Edit { range, with } in &self.edits {
            let Some(target) = view.get_mut(range.start as usize..range.end as usize) else {
                continue;
            };
            match with {
                Replacement::Bytes(bytes) => target.copy_from_slice(bytes),
                Replacement::Fill { byte, .. } => target.fill(*byte),
            }
        }
        Ok(())
    }
}
