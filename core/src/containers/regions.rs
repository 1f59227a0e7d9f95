//! The regions of a file, for formats that know of every byte what it is.

use std::ops::Range;

use super::slack::{blank, show_content};
use crate::needles::Needles;
use crate::plan::Edit;
use crate::scan::{Class, Scan};

/// One region.
#[derive(Debug)]
struct Region {
    class: Class,
    place: &'static str,
    range: Range<usize>,
    /// What belongs to sites and to the known structure, by bytes of the file.
    claims: Vec<Range<usize>>,
}

/// The regions of a file, in any order.
#[derive(Debug, Default)]
pub(crate) struct Regions(Vec<Region>);

impl Regions {
    /// Takes in a region in which everything is described metadata but for the `claims`.
    pub(crate) fn metadata(&mut self, place: &'static str, range: Range<usize>, claims: Vec<Range<usize>>) {
        self.0.push(Region { class: Class::Metadata, place, range, claims });
    }

    /// Takes in a region that no reader looks at, if it is not empty.
    pub(crate) fn slack(&mut self, place: &'static str, range: Range<usize>) {
        if !range.is_empty() {
            self.0.push(Region { class: Class::Slack, place, range, claims: Vec::new() });
        }
    }

    /// Takes in a region of the document itself, if it is not empty.
    pub(crate) fn content(&mut self, place: &'static str, range: Range<usize>) {
        if !range.is_empty() {
            self.0.push(Region { class: Class::Content, place, range, claims: Vec::new() });
        }
    }

    /// Takes in what of `whole` none of the `used` ranges covers, as slack.
    pub(crate) fn gaps(&mut self, place: &'static str, whole: Range<usize>, mut used: Vec<Range<usize>>) {
        used.sort_unstable_by_key(|range| range.start);
        let mut position = whole.start;
        for range in used {
            self.slack(place, position..range.start.clamp(position, whole.end.max(position)));
            position = position.max(range.end);
        }
        self.slack(place, position..whole.end.max(position));
    }

    /// Shows every region to `scan`; content in pieces, and only if it is wanted.
    pub(crate) fn show(&self, input: &[u8], scan: &mut Scan<'_>) {
        for Region { class, place, range, claims } in &self.0 {
            let bytes = input.get(range.clone()).unwrap_or_default();
            if *class == Class::Content {
                show_content(scan, place, range.start as u64, bytes);
                continue;
            }
            let inside =
                |claim: &Range<usize>| claim.start.saturating_sub(range.start)..claim.end.saturating_sub(range.start);
            let claims: Vec<_> = claims.iter().map(inside).collect();
            scan.raw_region(*class, place, range.start as u64, bytes, &claims);
        }
    }

    /// The edits that put zeros in the place of what the needles find in slack.
    pub(crate) fn stale(&self, input: &[u8], needles: &Needles) -> Vec<Edit> {
        let slack = self.0.iter().filter(|region| region.class == Class::Slack);
        let bytes = |range: &Range<usize>| input.get(range.clone()).unwrap_or_default();
        slack.flat_map(|region| blank(region.range.start, bytes(&region.range), needles)).collect()
    }
}
