//! Showing a file to the residue scan.

use std::ops::Range;

use super::Surveyed;
use crate::containers::Carrier;
use crate::containers::slack::show_content;
use crate::scan::{Class, Scan};

/// Private structures are shorter than this; what no directory refers to and is longer is the picture itself, which
/// some raw files address in ways of their own.
const LONGEST_PRIVATE: usize = 4 << 20;

impl Surveyed<'_> {
    /// Shows every region.
    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let mut claims = self.tiff.claimed();
        claims.sort_by_key(|claim| (claim.start, claim.end));
        for region in self.tiff.described() {
            let first = claims.partition_point(|claim| claim.start < region.start);
            let inside: Vec<Range<usize>> = claims
                .get(first..)
                .unwrap_or_default()
                .iter()
                .take_while(|claim| claim.start < region.end)
                .map(|claim| claim.start - region.start..claim.end - region.start)
                .collect();
            scan.raw_region(Class::Metadata, "directory", region.start as u64, self.bytes(region.clone()), &inside);
        }
        let is_slack = !self.tiff.gaps().is_empty();
        for gap in self.tiff.unreferenced() {
            let place = "between structures";
            match gap.len() {
                _ if is_slack => scan.raw_region(Class::Slack, place, gap.start as u64, self.bytes(gap), &[]),
                0..=LONGEST_PRIVATE => {
                    scan.raw_region(Class::Metadata, place, gap.start as u64, self.bytes(gap), &[]);
                }
                _ => show_content(scan, place, gap.start as u64, self.bytes(gap.clone())),
            }
        }
        for range in self.tiff.payload() {
            show_content(scan, "image data", range.start as u64, self.bytes(range.clone()));
        }
    }
}
