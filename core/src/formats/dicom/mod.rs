//! DICOM files (PS3.10, PS3.5): elements of text, in every transfer syntax but deflated ones.
//!
//! Labels are elements of private groups, whose tags somebody chose; elements of text of the standard are its fields, by
//! their name where they describe, else by their tag. Elements in items of sequences are among them.
//!
//! Preserve: spaces in place of the text, which make an element empty. Compact: a private element that stands in no
//! sequence, in a group without a length, is cut out; elsewhere as preserve. What identifies, and dates and times, which
//! may not be blank, stays. Refused: everything in a file with digital signatures; elements whose type is not written in
//! the file (implicit types, `UN`), which may be anything; labels of a TIFF that the preamble makes of the same file.

mod dataset;
mod names;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::regions::Regions;
use crate::containers::tiff::Tiff;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Survey};

use dataset::{Dataset, Element};

/// The preamble, of which anything may be made.
const PREAMBLE: usize = 128;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dicom;

impl Format for Dicom {
    fn name(&self) -> &'static str {
        "dicom"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["dcm", "dicom"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.get(PREAMBLE..).is_some_and(|rest| rest.starts_with(b"DICM"))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::unsupported("a data set without a file around it"));
        }
        let Dataset { elements, payload, mut findings, end, .. } = Dataset::read(input, PREAMBLE + 4, limits)?;
        // The preamble may make the file one of another format as well (PS3.10, 7.1).
        if Tiff::parse_file(input, limits).is_ok_and(|tiff| !tiff.sites().is_empty()) {
            let barrier = Barrier::new(ErrorKind::Conflict, "the file is a TIFF too, with labels of its own");
            findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: 0 });
        }
        let mut regions = Regions::default();
        regions.slack("preamble", 0..PREAMBLE);
        let claims: Vec<Range<usize>> = elements.iter().map(|element| element.value.clone()).collect();
        let mut position = PREAMBLE + 4;
        for range in payload.iter().chain([&(end..end)]) {
            let first = claims.partition_point(|claim| claim.start < position);
            let inside = claims.iter().skip(first).take_while(|claim| claim.end <= range.start).cloned().collect();
            regions.metadata("data set", position..range.start.max(position), inside);
            regions.content("pixel data", range.clone());
            position = range.end.max(position);
        }
        regions.slack("behind the data set", end..input.len());
        Ok(Box::new(Surveyed { input, elements, findings, regions }))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    /// The elements that are sites, in order.
    elements: Vec<Element>,
    findings: Findings,
    regions: Regions,
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = self.regions.stale(self.input, removal.needles);
        let goes = self.elements.iter().enumerate().filter(|(index, _)| removal.takes(*index));
        edits.extend(goes.map(|(_, element)| match layout {
            Layout::Compact if element.is_loose => Edit::delete(element.range.start as u64..element.range.end as u64),
            _ => Edit::fill(element.value.start as u64..element.value.end as u64, b' '),
        }));
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
