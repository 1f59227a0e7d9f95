//! Boxes (ISO/IEC 14496-12, 4.2): what MP4, QuickTime, HEIF, JPEG 2000 and JPEG XL files consist of.
//!
//! A box is called an atom here, as QuickTime calls it, because `Box` means something else in Rust. Only headers are
//! read: the payload of a box is a range.

mod walk;

use std::ops::Range;

use crate::plan::Edit;

pub(crate) use walk::{Walk, read, walk, walk_file};

/// The type of boxes that say nothing.
pub(crate) const FREE: [u8; 4] = *b"free";

/// Length of a header without a 64-bit size: the least that a box can have.
pub(crate) const HEADER: usize = 8;

/// How a box tells its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// In 32 bits.
    Short,
    /// In 64 bits behind the type.
    Long,
    /// Not at all: it reaches to the end of what it is in.
    ToEnd,
}

/// One box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    /// The four-character code.
    pub(crate) kind: [u8; 4],
    /// First byte, of the length.
    pub(crate) start: usize,
    /// What is in it; for `uuid`, without the extended type.
    pub(crate) data: Range<usize>,
    /// The extended type of a `uuid` box.
    pub(crate) uuid: Option<[u8; 16]>,
    pub(crate) size: Size,
}

impl Atom {
    /// From the first byte of the header to the last of the payload.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.data.end
    }

    /// The same, as edits want it.
    pub(crate) fn span(&self) -> Range<u64> {
        self.start as u64..self.data.end as u64
    }

    /// Length of the header and the payload.
    pub(crate) fn len(&self) -> usize {
        self.data.end - self.start
    }

    /// The type as text: the letters of QuickTime beyond ASCII are those of Latin-1.
    pub(crate) fn name(&self) -> String {
        name(self.kind)
    }

    /// Whether it is filler.
    pub(crate) fn is_free(&self) -> bool {
        matches!(&self.kind, b"free" | b"skip" | b"wide")
    }

    /// The bytes of the payload.
    pub(crate) fn bytes<'a>(&self, input: &'a [u8]) -> &'a [u8] {
        input.get(self.data.clone()).unwrap_or_default()
    }

    /// The edits that make it filler of the same length.
    pub(crate) fn blank(&self) -> Vec<Edit> {
        let kind = self.start as u64 + 4;
        let head = match self.size {
            Size::Long => HEADER + 8,
            Size::Short | Size::ToEnd => HEADER,
        };
        let mut edits = vec![Edit::replace(kind..kind + 4, FREE.to_vec())];
        if self.len() > head {
            edits.push(Edit::fill((self.start + head) as u64..self.data.end as u64, 0));
        }
        edits
    }

    /// The edit that cuts it out.
    pub(crate) fn cut(&self) -> Edit {
        Edit::delete(self.span())
    }

    /// The edit that writes the length after the payload has grown by so many bytes; nothing where no length is told.
    pub(crate) fn resized(&self, growth: i64) -> Option<Edit> {
        let length = (self.len() as u64).saturating_add_signed(growth);
        match self.size {
            Size::ToEnd => None,
            Size::Short => {
                let at = self.start as u64;
                Some(Edit::replace(at..at + 4, u32::try_from(length).ok()?.to_be_bytes().to_vec()))
            }
            Size::Long => {
                let at = self.start as u64 + HEADER as u64;
                Some(Edit::replace(at..at + 8, length.to_be_bytes().to_vec()))
            }
        }
    }
}

/// A four-character code as text.
pub(crate) fn name(kind: [u8; 4]) -> String {
    if kind.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return format!("{:08x}", u32::from_be_bytes(kind));
    }
    kind.iter().copied().map(char::from).collect()
}

/// An extended type as text.
pub(crate) fn uuid_name(uuid: [u8; 16]) -> String {
    let digits = format!("{:032x}", u128::from_be_bytes(uuid));
    let group = |range: Range<usize>| digits.get(range).unwrap_or_default();
    [group(0..8), group(8..12), group(12..16), group(16..20), group(20..32)].join("-")
}

/// A filler box of `total` bytes, which are at least [`HEADER`] and at most 4 GiB.
pub(crate) fn filler(total: usize) -> Vec<u8> {
    let mut bytes = u32::try_from(total).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    bytes.extend_from_slice(&FREE);
    bytes.resize(total.max(HEADER), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn atom(start: usize, data: Range<usize>, size: Size) -> Atom {
        Atom { kind: *b"udta", start, data, uuid: None, size }
    }

    #[test]
    fn a_box_becomes_filler_of_its_length() {
        for (head, atom) in [
            (&b"\0\0\0\x0cudta"[..], atom(0, 8..12, Size::Short)),
            (b"\0\0\0\x01udta\0\0\0\0\0\0\0\x14", atom(0, 16..20, Size::Long)),
            (b"\0\0\0\0udta", atom(0, 8..12, Size::ToEnd)),
        ] {
            let input = [head, b"text"].concat();
            let output = Plan::new(atom.blank(), input.len() as u64).unwrap().apply(&input).unwrap();
            assert_eq!(output.len(), input.len());
            assert_eq!(output.get(4..8), Some(&b"free"[..]));
            assert_eq!(output.get(head.len()..), Some(&b"\0\0\0\0"[..]));
            assert_eq!(output.get(8..head.len()), input.get(8..head.len()), "a 64-bit size stays");
        }
    }

    #[test]
    fn lengths_follow_in_their_own_field() {
        assert_eq!(atom(4, 12..20, Size::Short).resized(-3).unwrap(), Edit::replace(4..8, vec![0, 0, 0, 13]));
        let long = atom(0, 16..20, Size::Long).resized(1).unwrap();
        assert_eq!(long, Edit::replace(8..16, vec![0, 0, 0, 0, 0, 0, 0, 21]));
        assert_eq!(atom(0, 8..20, Size::ToEnd).resized(1), None);
    }

    #[test]
    fn types_are_told_as_text() {
        assert_eq!(name(*b"\xa9nam"), "\u{a9}nam");
        assert_eq!(name([0, 0, 0, 1]), "00000001");
        let xmp = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
        assert_eq!(uuid_name(xmp), "be7acfcb-97a9-42e8-9c71-999491e3afac");
    }
}
