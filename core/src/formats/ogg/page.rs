//! Pages of Ogg (RFC 3533, section 6).

use std::ops::Range;

pub(super) const MAGIC: &[u8] = b"OggS";

/// Length of a page's header without its lacing values.
pub(super) const HEADER: usize = 27;

/// The length of the longest page, and of the magic behind it by which it may be told.
pub(super) const LONGEST: usize = HEADER + 255 + 255 * 255 + MAGIC.len();

/// Where the checksum stands in a page.
const CHECKSUM: Range<usize> = 22..26;

/// One page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) start: usize,
    pub(super) serial: u32,
    /// Whether a packet goes on here that began on an earlier page.
    pub(super) is_continued: bool,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) lacing: Range<usize>,
    pub(super) body: Range<usize>,
}

impl Page {
    /// The page at `start`, if a whole one is there: another follows it, or its checksum is right.
    pub(super) fn at(input: &[u8], start: usize) -> Option<Self> {
        let header = input.get(start..)?.first_chunk::<HEADER>()?;
        let [b'O', b'g', b'g', b'S', 0, flags, .., count] = *header else { return None };
        let serial = u32::from_le_bytes(*header.get(14..)?.first_chunk()?);
        let lacing = start + HEADER..start + HEADER + usize::from(count);
        let length: usize = input.get(lacing.clone())?.iter().copied().map(usize::from).sum();
        let body = lacing.end..lacing.end + length;
        let behind = input.get(body.end..)?;
        let is_whole = || is_sealed(input.get(start..body.end).unwrap_or_default());
        (behind.is_empty() || behind.starts_with(MAGIC) || is_whole()).then_some(Self {
            start,
            serial,
            is_continued: flags & 1 != 0,
            is_first: flags & 2 != 0,
            is_last: flags & 4 != 0,
            lacing,
            body,
        })
    }

    /// From the header to the end of the body.
    pub(super) fn range(&self) -> Range<usize> {
        self.start..self.body.end
    }
}

/// Writes the checksum of a page into it.
pub(super) fn seal(page: &mut [u8]) {
    if let Some(sum) = page.get_mut(CHECKSUM) {
        sum.fill(0);
    }
    let sum = checksum(page);
    if let Some(target) = page.get_mut(CHECKSUM) {
        target.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Whether the checksum of a page is right.
fn is_sealed(page: &[u8]) -> bool {
    let mut sealed = page.to_vec();
    seal(&mut sealed);
    sealed == page
}

/// The checksum of Ogg: the polynomial of Ethernet, with the highest bit first, from zero and not inverted.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, byte| {
        let index = (sum >> 24) as u8 ^ byte;
        sum << 8 ^ TABLE.get(usize::from(index)).copied().unwrap_or_default()
    })
}

const TABLE: [u32; 256] = table();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = (index as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 0x8000_0000 == 0 { sum << 1 } else { sum << 1 ^ 0x04C1_1DB7 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_ogg() {
        // The catalogue of checksums calls this CRC-32/CKSUM without its final inversion.
        assert_eq!(checksum(b"123456789"), 0x89A1_897F);
        assert_eq!(checksum(b""), 0);
    }
}
