//! A file that is one XML text, as a survey.

use super::Labels;
use crate::containers::Carrier;
use crate::error::Result;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Findings, Guard, Planned, Removal, Survey};

/// Content is searched in pieces of this many bytes.
const PIECE: usize = 1 << 20;

/// A surveyed file.
#[derive(Debug)]
pub(crate) struct XmlFile<'a> {
    input: &'a [u8],
    labels: Labels,
    findings: Findings,
}

impl<'a> XmlFile<'a> {
    /// The file `input`, in which these labels were found; `place` is where its sites are, for people.
    pub(crate) fn new(input: &'a [u8], mut labels: Labels, guards: Vec<Guard>, place: &str) -> Self {
        let mut sites = std::mem::take(&mut labels.sites);
        for (site, range) in sites.iter_mut().zip(&labels.ranges) {
            site.offset = range.start as u64;
            if site.place.is_empty() {
                place.clone_into(&mut site.place);
            }
        }
        let follows = std::mem::take(&mut labels.follows);
        Self { input, labels, findings: Findings { sites, guards, follows } }
    }
}

impl Survey for XmlFile<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let edits = self.labels.edits(removal.sites, layout)?;
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for (range, inside) in self.labels.regions(&self.labels.claims) {
            let offset = range.start as u64;
            scan.raw_region(Class::Metadata, "", offset, self.input.get(range).unwrap_or_default(), &inside);
        }
        if scan.wants_content() && self.labels.has_content(self.input.len()) {
            let mut position = 0;
            let mut gaps: Vec<_> = self.labels.metadata.iter().collect();
            gaps.sort_by_key(|range| range.start);
            let end = self.input.len()..self.input.len();
            for range in gaps.into_iter().chain([&end]) {
                let content = self.input.get(position..range.start).unwrap_or_default();
                let mut stream = scan.stream(Class::Content, "text", position as u64);
                content.chunks(PIECE).for_each(|piece| stream.push(piece));
                position = range.end.max(position);
            }
        }
        Ok(())
    }
}
