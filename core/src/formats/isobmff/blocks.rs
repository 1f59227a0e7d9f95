//! Metadata blocks: XMP packets and Exif blocks, as a box or as an item, whose bytes may lie in several pieces.

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::tiff::Tiff;
use crate::containers::xmp::Packet;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Replacement};

/// One block.
#[derive(Debug)]
pub(super) struct Block<'a> {
    /// The box that it fills, and that may become shorter with it.
    pub(super) node: Option<usize>,
    /// Where it is, for people.
    pub(super) place: String,
    /// Where its bytes lie in the file, in the order in which they make up the block.
    pub(super) pieces: Vec<Range<usize>>,
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) held: Held,
    /// Its sites among those of the file.
    pub(super) sites: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Held {
    Xmp(Packet),
    Tiff(Tiff),
    /// A block that cannot be read.
    Unread,
}

/// The bytes in `pieces` of the file; nothing when one lies outside.
pub(super) fn join<'a>(input: &'a [u8], pieces: &[Range<usize>]) -> Option<Cow<'a, [u8]>> {
    if let [piece] = pieces {
        return input.get(piece.clone()).map(Cow::Borrowed);
    }
    let parts: Option<Vec<&[u8]>> = pieces.iter().map(|piece| input.get(piece.clone())).collect();
    parts.map(|parts| Cow::Owned(parts.concat()))
}

/// The pieces without the first `count` bytes of them all.
pub(super) fn behind(pieces: &[Range<usize>], mut count: usize) -> Vec<Range<usize>> {
    let mut rest = Vec::new();
    for piece in pieces {
        let skipped = count.min(piece.len());
        count -= skipped;
        rest.push(piece.start + skipped..piece.end);
    }
    rest.retain(|piece| !piece.is_empty());
    rest
}

/// What a parser made of a block; nothing where it could not make sense of it, unless that was for a limit.
fn readable(held: Result<Held>) -> Result<Held> {
    match held {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        held => Ok(held.unwrap_or(Held::Unread)),
    }
}

impl Held {
    pub(super) fn xmp(bytes: &[u8], limits: &Limits) -> Result<Self> {
        readable(Packet::parse(bytes, limits).map(Self::Xmp))
    }

    pub(super) fn tiff(bytes: &[u8], limits: &Limits) -> Result<Self> {
        readable(Tiff::parse(bytes, limits).map(Self::Tiff))
    }
}

impl Block<'_> {
    pub(super) fn carrier(&self) -> Option<&dyn Carrier> {
        match &self.held {
            Held::Xmp(packet) => Some(packet),
            Held::Tiff(tiff) => Some(tiff),
            Held::Unread => None,
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_blank(&self) -> bool {
        self.bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0)
    }

    /// Where byte `position` of the block lies in the file.
    pub(super) fn offset(&self, position: u64) -> u64 {
        let mut position = position as usize;
        for piece in &self.pieces {
            if position < piece.len() {
                return (piece.start + position) as u64;
            }
            position -= piece.len();
        }
        self.pieces.last().map_or(0, |piece| piece.end as u64)
    }

    /// What of the block is known, and what is an image.
    pub(super) fn claimed(&self) -> Vec<Range<usize>> {
        let mut claimed = self.carrier().map(Carrier::claimed).unwrap_or_default();
        claimed.extend(self.images().iter().cloned());
        claimed
    }

    /// The images in the block.
    pub(super) fn images(&self) -> &[Range<usize>] {
        if let Held::Tiff(tiff) = &self.held { tiff.payload() } else { &[] }
    }

    /// Whether nothing is left of a packet without the `chosen` sites.
    pub(super) fn empties(&self, chosen: &[usize]) -> bool {
        let is_whole = matches!(&self.held, Held::Xmp(packet) if packet.extended_guid().is_none());
        is_whole && !chosen.is_empty() && chosen.len() == self.sites.len()
    }

    /// The edits of the file that remove the `chosen` sites of the block and the stale copies in it.
    pub(super) fn edits(&self, chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Edit>> {
        let edits = match &self.held {
            Held::Xmp(packet) => packet.scrub(&self.bytes, chosen, needles, layout),
            Held::Tiff(tiff) => {
                let mut edits = if chosen.is_empty() { Vec::new() } else { tiff.edits(chosen, Layout::Preserve)? };
                let occur = |gap: &Range<usize>| self.bytes.get(gap.clone()).is_some_and(|gap| needles.occur_in(gap));
                let stale = tiff.gaps().into_iter().filter(occur);
                edits.extend(stale.map(|gap| Edit::fill(gap.start as u64..gap.end as u64, 0)));
                edits
            }
            Held::Unread => Vec::new(),
        };
        Ok(edits.iter().flat_map(|edit| self.place(edit)).collect())
    }

    /// An edit of the block as edits of the file. One that spans pieces keeps its length.
    fn place(&self, edit: &Edit) -> Vec<Edit> {
        if let [piece] = &self.pieces[..] {
            let base = piece.start as u64;
            return vec![Edit { range: edit.range.start + base..edit.range.end + base, with: edit.with.clone() }];
        }
        let mut placed = Vec::new();
        let mut start = 0;
        for piece in &self.pieces {
            let end = start + piece.len() as u64;
            let part = edit.range.start.max(start)..edit.range.end.min(end);
            if part.start < part.end {
                let base = piece.start as u64;
                let range = part.start - start + base..part.end - start + base;
                let from = part.start - edit.range.start;
                let with = match &edit.with {
                    Replacement::Bytes(bytes) => {
                        Replacement::Bytes(bytes.slice(from as usize..(part.end - edit.range.start) as usize))
                    }
                    Replacement::Fill { byte, .. } => Replacement::Fill { byte: *byte, len: part.end - part.start },
                };
                placed.push(Edit { range, with });
            }
            start = end;
        }
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_split_over_pieces() {
        let input = b"..abc..de..fgh";
        let pieces = vec![2..5, 7..9, 11..14];
        let bytes = join(input, &pieces).unwrap();
        assert_eq!(&*bytes, b"abcdefgh");
        let block = Block { node: None, place: String::new(), pieces, bytes, held: Held::Unread, sites: 0..0 };
        assert_eq!([0, 3, 7, 8].map(|at| block.offset(at)), [2, 7, 13, 14]);
        let placed = block.place(&Edit::replace(2..6, b"CDEF".to_vec()));
        let want = [(4..5, &b"C"[..]), (7..9, b"DE"), (11..12, b"F")];
        assert_eq!(placed, want.map(|(range, bytes)| Edit::replace(range, bytes.to_vec())));
        assert_eq!(block.place(&Edit::fill(3..4, b' ')), [Edit::fill(7..8, b' ')]);
        assert_eq!(behind(&block.pieces, 4), [8..9, 11..14]);
        assert_eq!(join(input, &[2..5, 7..99]), None);
    }
}
