//! The regions of a file, for formats that know of every byte what it is.

use std::ops::Range;

use crate::needles::Needles;
use crate::plan::Edit;
use crate::scan::{Class, Scan};

/// Content is shown in pieces of this many bytes.
const PIECE: usize = 1 << 20;

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
            if *class != Class::Content {
                let inside = |claim: &Range<usize>| {
                    claim.start.saturating_sub(range.start)..claim.end.saturating_sub(range.start)
                };
                let claims: Vec<_> = claims.iter().map(inside).collect();
                scan.raw_region(*class, place, range.start as u64, bytes, &claims);
            } else if scan.wants_content() {
                let mut stream = scan.stream(*class, place, range.start as u64);
                bytes.chunks(PIECE).for_each(|piece| stream.push(piece));
            }
        }
    }

    /// The edits that put zeros in the place of what the needles find in slack.
    pub(crate) fn stale(&self, input: &[u8], needles: &Needles) -> Vec<Edit> {
        let slack = self.0.iter().filter(|region| region.class == Class::Slack);
        slack.flat_map(|region| stale_in(input, region.range.clone(), needles)).collect()
    }
}

/// The edits that put zeros in the place of what the needles find in `range`.
pub(crate) fn stale_in(input: &[u8], range: Range<usize>, needles: &Needles) -> Vec<Edit> {
    let bytes = input.get(range.clone()).unwrap_or_default();
    let mut found = needles.occurrences(bytes);
    found.sort_by_key(|found| found.range.start);
    let mut end = 0;
    let mut edits = Vec::new();
    for found in found {
        let start = found.range.start.max(end);
        end = end.max(found.range.end);
        if start < end {
            edits.push(Edit::fill((range.start + start) as u64..(range.start + end) as u64, 0));
        }
    }
    edits
}
