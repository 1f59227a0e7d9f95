//! Showing a file to the residue scan.

use std::ops::Range;

use super::{AreaKind, Body, Held, Part, Surveyed};
use crate::containers::slack::show_content;
use crate::scan::{Class, Scan};

impl Surveyed<'_> {
    /// Shows every region.
    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        for part in &self.parts {
            self.show_part(part, scan);
        }
        for area in &self.areas {
            let (place, start, bytes) = (&*area.place, area.range.start as u64, self.bytes(area.range.clone()));
            match area.kind {
                AreaKind::Unknown => scan.raw_region(Class::Metadata, place, start, bytes, &[]),
                AreaKind::Slack => scan.raw_region(Class::Slack, place, start, bytes, &[]),
                AreaKind::Text if scan.wants_text(bytes.len() as u64) => {
                    scan.raw_region(Class::Content, place, start, bytes, &[]);
                }
                AreaKind::Text | AreaKind::Media => show_content(scan, place, start, bytes),
            }
        }
    }

    fn show_part(&self, part: &Part<'_>, scan: &mut Scan<'_>) {
        let name = part.chunk.name();
        let whole = part.chunk.data.start..part.chunk.end;
        let (start, claims) = match &part.body {
            Body::Label => return,
            Body::Opaque => (whole.start, Vec::new()),
            Body::List { items, .. } => (whole.start, moved(items, whole.start)),
            Body::Fields { ranges, .. } => (whole.start, moved(ranges, whole.start)),
            Body::Block { held: Held::Id3(tag), at } => return tag.show(scan, &name, *at as u64),
            Body::Block { held, at } => {
                let mut claims = held.carrier().claimed();
                if let Held::Tiff(tiff) = held {
                    claims.extend_from_slice(tiff.payload());
                    for range in tiff.payload() {
                        let range = range.start + at..range.end + at;
                        show_content(scan, &name, range.start as u64, self.bytes(range.clone()));
                    }
                }
                (*at, claims)
            }
        };
        scan.raw_region(Class::Metadata, &name, start as u64, self.bytes(start..whole.end), &claims);
    }
}

fn moved(ranges: &[Range<usize>], start: usize) -> Vec<Range<usize>> {
    ranges.iter().map(|range| range.start - start..range.end - start).collect()
}
