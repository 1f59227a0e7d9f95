//! Showing a file to the residue scan.

use std::ops::Range;

use super::Surveyed;
use super::ids::name;
use crate::needles::Needles;
use crate::scan::{Class, Scan};

/// What is shown at once.
const PIECE: usize = 1 << 20;

/// `bytes` in pieces that overlap by what a needle takes.
pub(super) fn pieces<'b>(bytes: &'b [u8], needles: &Needles) -> impl Iterator<Item = &'b [u8]> {
    let overlap = needles.overlap();
    (0..bytes.len()).step_by(PIECE).filter_map(move |start| {
        let end = bytes.len().min(start + PIECE + overlap);
        bytes.get(start..end)
    })
}

impl Surveyed<'_> {
    /// Shows every region.
    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let mut apart = self.apart();
        apart.sort_by_key(|range| range.start);
        for part in &self.walk.parts {
            let range = part.element.range();
            let first = apart.partition_point(|range| range.end <= part.element.start);
            let mut position = range.start;
            for hole in apart.get(first..).unwrap_or_default().iter().take_while(|hole| hole.start < range.end) {
                self.show_metadata(scan, name(part.element.id), position..hole.start);
                position = hole.end;
            }
            self.show_metadata(scan, name(part.element.id), position..range.end);
        }
        for (void, _) in &self.tree.voids {
            self.show_plain(scan, Class::Slack, "Void", void.data.clone());
        }
        for private in &self.tree.privates {
            private.show(scan);
        }
        for damage in &self.walk.damage {
            self.show_plain(scan, Class::Metadata, "a part that cannot be read", damage.range.clone());
        }
        self.show_plain(scan, Class::Slack, "behind the document", self.walk.end..self.input.len());
        if scan.wants_content() {
            for file in &self.tree.files {
                self.show_plain(scan, Class::Content, &file.name, file.data.data.clone());
            }
            for run in &self.walk.media {
                self.show_plain(scan, Class::Content, "clusters", run.clone());
            }
        }
    }

    /// What of the parts is shown by itself.
    fn apart(&self) -> Vec<Range<usize>> {
        let voids = self.tree.voids.iter().map(|(void, _)| void.range());
        let files = self.tree.files.iter().map(|file| file.data.data.clone());
        let privates = self.tree.privates.iter().map(super::codec::Private::range);
        let damage = self.walk.damage.iter().map(|damage| damage.range.clone());
        voids.chain(files).chain(privates).chain(damage).collect()
    }

    /// Shows a stretch of metadata, piece by piece, with what is claimed of it.
    fn show_metadata(&self, scan: &mut Scan<'_>, place: &str, range: Range<usize>) {
        let claimed = &self.tree.claimed;
        let bytes = self.input.get(range.clone()).unwrap_or_default();
        let first = claimed.partition_point(|claim| claim.end <= range.start);
        let claims = claimed.get(first..).unwrap_or_default().iter().take_while(|claim| claim.start < range.end);
        let claims: Vec<_> =
            claims.map(|claim| claim.start.max(range.start) - range.start..claim.end - range.start).collect();
        scan.raw_region(Class::Metadata, place, range.start as u64, bytes, &claims);
    }

    fn show_plain(&self, scan: &mut Scan<'_>, class: Class, place: &str, range: Range<usize>) {
        let bytes = self.input.get(range.clone()).unwrap_or_default();
        if bytes.len() <= PIECE {
            return scan.raw_region(class, place, range.start as u64, bytes, &[]);
        }
        let mut stream = scan.stream(class, place, range.start as u64);
        bytes.chunks(PIECE).for_each(|piece| stream.push(piece));
    }
}
