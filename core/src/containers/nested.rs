//! Carriers inside carriers: an XMP packet in a TIFF tag, IPTC records in a Photoshop resource.

use std::ops::Range;

use super::Carrier;
use crate::error::Result;
use crate::plan::{Edit, Layout, Replacement};
use crate::survey::Site;

/// A carrier that lies whole inside another block, and which of the block's sites are its own.
#[derive(Debug)]
pub(crate) struct Nested {
    carrier: Box<dyn Carrier>,
    at: usize,
    sites: Range<usize>,
}

impl Nested {
    /// Takes in `carrier`, whose first byte is byte `at` of the block; its sites go to the end of `sites`.
    pub(crate) fn adopt(carrier: Box<dyn Carrier>, at: usize, place: &str, sites: &mut Vec<Site>) -> Self {
        let first = sites.len();
        sites.extend(carrier.sites().iter().map(|site| {
            let mut site = site.clone();
            site.offset += at as u64;
            site.place = join_places(place, &site.place);
            site
        }));
        Self { carrier, at, sites: first..sites.len() }
    }

    /// Where the carrier begins in the block.
    pub(crate) fn start(&self) -> usize {
        self.at
    }

    /// The sites of the block that are this carrier's.
    pub(crate) fn sites(&self) -> Range<usize> {
        self.sites.clone()
    }

    /// The carrier's own indices of those of the block's `chosen` sites that are its own.
    fn own(&self, chosen: &[usize]) -> Vec<usize> {
        let own = chosen.iter().filter(|site| self.sites.contains(site));
        own.map(|site| site - self.sites.start).collect()
    }

    /// The edits that remove those of the block's `chosen` sites that lie here.
    pub(crate) fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        let own = self.own(chosen);
        if own.is_empty() {
            return Ok(Vec::new());
        }
        let mut edits = self.carrier.edits(&own, layout)?;
        for edit in &mut edits {
            edit.range = edit.range.start + self.at as u64..edit.range.end + self.at as u64;
        }
        Ok(edits)
    }

    /// The ranges of the block that the carrier claims.
    pub(crate) fn claimed(&self) -> impl Iterator<Item = Range<usize>> {
        self.carrier.claimed().into_iter().map(|range| range.start + self.at..range.end + self.at)
    }
}

/// `outer` and `inner`, whichever are there.
pub(crate) fn join_places(outer: &str, inner: &str) -> String {
    match (outer, inner) {
        ("", _) => inner.to_owned(),
        (_, "") => outer.to_owned(),
        _ => format!("{outer} {inner}"),
    }
}

/// The edit that turns `old`, which starts at byte `at`, into `new` of the same length, without the bytes at both
/// ends that stay as they are. Nothing when nothing changes.
pub(crate) fn rewrite(at: usize, old: &[u8], new: &[u8]) -> Option<Edit> {
    let same_start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let same_end = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let end = old.len().checked_sub(same_end).filter(|end| *end > same_start)?;
    let changed = new.get(same_start..end)?;
    let range = (at + same_start) as u64..(at + end) as u64;
    Some(if changed.iter().all(|byte| *byte == 0) {
        Edit::fill(range, 0)
    } else {
        Edit::replace(range, changed.to_vec())
    })
}

/// `bytes` after `edits`, which need not be sorted.
pub(crate) fn apply(bytes: &[u8], edits: &[Edit]) -> Result<Vec<u8>> {
    crate::plan::Plan::new(edits.to_vec(), bytes.len() as u64)?.apply(bytes)
}

/// How many bytes `edits` add to what they edit; negative when they cut.
pub(crate) fn growth(edits: &[Edit]) -> i64 {
    edits
        .iter()
        .map(|Edit { range, with }| {
            let new: u64 = match with {
                Replacement::Bytes(bytes) => bytes.len() as u64,
                Replacement::Fill { len, .. } => *len,
            };
            new.cast_signed() - (range.end - range.start).cast_signed()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rewrite_covers_only_what_differs() {
        assert_eq!(rewrite(10, b"abcd", b"abcd"), None);
        assert_eq!(rewrite(10, b"abcd", b"aXXd"), Some(Edit::replace(11..13, b"XX".to_vec())));
        assert_eq!(rewrite(10, b"abcd", b"abc\0"), Some(Edit::fill(13..14, 0)));
        assert_eq!(rewrite(0, b"aaaa", b"aaba"), Some(Edit::replace(2..3, b"b".to_vec())));
    }
}
