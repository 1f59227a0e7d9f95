//! The bytes of a stream as ranges of the file.

use std::borrow::Cow;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::plan::{Edit, Replacement};

/// Where the bytes of a stream lie, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extents(Vec<Range<u64>>);

impl Extents {
    /// Takes in the next bytes of the stream.
    pub(super) fn push(&mut self, range: Range<u64>) {
        match self.0.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if range.is_empty() => {}
            _ => self.0.push(range),
        }
    }

    /// Takes in the ranges, in order.
    pub(super) fn extend(&mut self, ranges: impl IntoIterator<Item = Range<u64>>) {
        ranges.into_iter().for_each(|range| self.push(range));
    }

    /// Length of the stream.
    pub(crate) fn len(&self) -> u64 {
        self.0.iter().map(|range| range.end - range.start).sum()
    }

    /// First byte in the file.
    pub(crate) fn start(&self) -> u64 {
        self.0.first().map_or(0, |range| range.start)
    }

    /// The ranges of the file.
    pub(crate) fn ranges(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Where in the file these bytes of the stream lie, with their place in the stream.
    pub(crate) fn pieces(&self, wanted: Range<u64>) -> impl Iterator<Item = (u64, Range<u64>)> {
        let mut position = 0;
        self.0.iter().filter_map(move |range| {
            let at = position;
            position += range.end - range.start;
            let (start, end) = (wanted.start.max(at), wanted.end.min(position));
            (start < end).then(|| (start, range.start + (start - at)..range.start + (end - at)))
        })
    }

    /// The part of the stream that lies in `wanted`.
    pub(crate) fn slice(&self, wanted: Range<u64>) -> Self {
        Self(self.pieces(wanted).map(|(_, range)| range).collect())
    }

    /// The bytes: those of the input where they lie in one piece.
    pub(crate) fn read<'a>(&self, input: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        if let [range] = &*self.0 {
            return piece(input, range).map(Cow::Borrowed);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.len()).unwrap_or_default().min(input.len()));
        for range in &self.0 {
            bytes.extend_from_slice(piece(input, range)?);
        }
        Ok(Cow::Owned(bytes))
    }

    /// The first bytes, up to `len` of them.
    pub(crate) fn head(&self, input: &[u8], len: u64) -> Option<Vec<u8>> {
        self.slice(0..len).read(input).ok().map(Cow::into_owned)
    }

    /// An edit of the stream that keeps its length, as edits of the file.
    pub(crate) fn spread(&self, edit: &Edit) -> Vec<Edit> {
        let spread = |(at, range): (u64, Range<u64>)| {
            let skip = (at - edit.range.start) as usize;
            match &edit.with {
                Replacement::Fill { byte, .. } => Edit::fill(range, *byte),
                Replacement::Bytes(bytes) => {
                    let len = (range.end - range.start) as usize;
                    Edit::replace(range, bytes.slice(skip.min(bytes.len())..(skip + len).min(bytes.len())))
                }
            }
        };
        self.pieces(edit.range.clone()).map(spread).collect()
    }
}

/// A range of the input.
pub(super) fn piece<'a>(input: &'a [u8], range: &Range<u64>) -> Result<&'a [u8]> {
    let bytes = input.get(range.start as usize..range.end as usize);
    bytes.ok_or_else(|| Error::malformed(range.start, "a stream leaves the file"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_of_a_stream_becomes_edits_of_its_pieces() {
        let mut extents = Extents::default();
        extents.extend([10..20, 20..30, 5..8]);
        assert_eq!(extents.ranges(), [10..30, 5..8], "neighbours are one piece");
        assert_eq!(extents.len(), 23);
        let edits = extents.spread(&Edit::replace(18..22, &b"abcd"[..]));
        assert_eq!(edits, [Edit::replace(28..30, &b"ab"[..]), Edit::replace(5..7, &b"cd"[..])]);
        assert_eq!(extents.spread(&Edit::fill(20..23, 0)), [Edit::fill(5..8, 0)]);
        let input: Vec<u8> = (0..40).collect();
        assert_eq!(&extents.read(&input).unwrap()[18..], [28, 29, 5, 6, 7]);
    }
}
