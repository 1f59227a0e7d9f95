//! Header, extended header and footer of a tag.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};

/// Length of the header, and of the footer.
pub(super) const HEADER: usize = 10;

const UNSYNCHRONISED: u8 = 0x80;
const EXTENDED: u8 = 0x40;
/// Of version 2.2, where this is the same bit.
const COMPRESSED: u8 = 0x40;
const FOOTER: u8 = 0x10;

/// What the first ten bytes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 2, 3 or 4; others are of the future.
    pub(super) version: u8,
    flags: u8,
    /// Bytes between header and footer.
    pub(super) size: usize,
}

impl Header {
    /// Reads the header at the start of `bytes`, or a footer.
    pub(super) fn read(bytes: &[u8], signature: [u8; 3]) -> Option<Self> {
        let [id @ .., version, revision, flags, a, b, c, d] = *bytes.first_chunk::<HEADER>()?;
        let is_header = id == signature && version < 0xFF && revision < 0xFF && version >= 2;
        let size = syncsafe(&[a, b, c, d])?;
        is_header.then_some(Self { version, flags, size })
    }

    /// Length of the whole tag.
    pub(super) fn total(self) -> usize {
        HEADER + self.size + if self.has_footer() { HEADER } else { 0 }
    }

    pub(super) fn has_footer(self) -> bool {
        self.version >= 4 && self.flags & FOOTER != 0
    }

    pub(super) fn is_unsynchronised(self) -> bool {
        self.flags & UNSYNCHRONISED != 0
    }

    pub(super) fn has_extension(self) -> bool {
        self.version >= 3 && self.flags & EXTENDED != 0
    }

    /// Whether the tag is coded in a way that was never specified.
    pub(super) fn is_compressed(self) -> bool {
        self.version == 2 && self.flags & COMPRESSED != 0
    }

    /// The bytes of flags and size, with this size, for a header or a footer.
    pub(super) fn with_size(self, size: usize, has_footer: bool) -> [u8; 5] {
        let flags = if has_footer { self.flags } else { self.flags & !FOOTER };
        let [a, b, c, d] = to_syncsafe(size);
        [flags, a, b, c, d]
    }
}

/// The number in four bytes of seven bits each.
pub(super) fn syncsafe(bytes: &[u8]) -> Option<usize> {
    let add = |number: usize, byte: &u8| (byte & 0x80 == 0).then_some(number << 7 | usize::from(*byte));
    bytes.iter().try_fold(0, add)
}

/// The other way round.
pub(super) fn to_syncsafe(number: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (number >> shift & 0x7F) as u8)
}

/// An extended header, by ranges of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extended {
    pub(super) range: Range<usize>,
    /// The checksum of the frames: four bytes in version 2.3, five of seven bits in 2.4.
    pub(super) sum: Option<Range<usize>>,
    /// How much padding there is, in version 2.3.
    pub(super) padding: Option<Range<usize>>,
}

impl Extended {
    /// Reads the extended header at the start of `body`.
    pub(super) fn read(header: Header, body: &[u8]) -> Result<Self> {
        if !header.has_extension() || begins_with_frame(body) {
            // Some programs set the flag and write none.
            return Ok(Self::default());
        }
        let mut cursor = Cursor::within(body, HEADER as u64);
        if header.version == 3 {
            let size = cursor.u32_be()? as usize;
            let [high, _] = cursor.array::<2>()?;
            let start = cursor.position();
            cursor.skip(4)?;
            let has_sum = high & 0x80 != 0 && size >= 10;
            let sum = has_sum.then_some(start + 4..start + 8);
            cursor.seek(0)?;
            cursor.skip(size.saturating_add(4))?;
            return Ok(Self { range: 0..size + 4, sum, padding: Some(start..start + 4) });
        }
        let size = cursor.array::<4>()?;
        let size = syncsafe(&size).filter(|size| *size >= 6);
        let size = size.ok_or_else(|| Error::malformed(HEADER as u64, "an extended header has no size"))?;
        cursor.seek(size)?;
        Ok(Self { range: 0..size, sum: sum_of_v4(body.get(..size).unwrap_or_default()), padding: None })
    }

    /// The header with its sum and padding written anew.
    pub(super) fn rewritten(&self, body: &[u8], sum: u32, padding: usize) -> Vec<u8> {
        let mut bytes = body.get(self.range.clone()).unwrap_or_default().to_vec();
        if let Some(target) = self.sum.clone().and_then(|range| bytes.get_mut(range)) {
            let digits = [28, 21, 14, 7, 0].map(|shift| (sum >> shift & 0x7F) as u8);
            let coded: &[u8] = if target.len() == 5 { &digits } else { &sum.to_be_bytes() };
            target.copy_from_slice(coded);
        }
        if let Some(target) = self.padding.clone().and_then(|range| bytes.get_mut(range)) {
            target.copy_from_slice(&(padding as u32).to_be_bytes());
        }
        bytes
    }
}

/// Where the checksum stands in an extended header of version 2.4: a length stands before the data of every flag.
fn sum_of_v4(extended: &[u8]) -> Option<Range<usize>> {
    let flags = *extended.get(5)?;
    let mut position = 6;
    for flag in [0x40, 0x20] {
        if flags & flag == 0 {
            continue;
        }
        let length = usize::from(*extended.get(position)?);
        if flag == 0x20 {
            return (length == 5 && position + 6 <= extended.len()).then_some(position + 1..position + 6);
        }
        position += 1 + length;
    }
    None
}

fn begins_with_frame(body: &[u8]) -> bool {
    body.first_chunk::<4>()
        .is_some_and(|id| id.iter().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit()))
}
