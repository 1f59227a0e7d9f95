//! `netCDF` classic (File Format Specifications, "The `NetCDF` Classic Format"): CDF-1, 64-bit offsets (CDF-2), 64-bit data
//! (CDF-5). Version 4 is HDF5.
//!
//! Labels are the attributes of the file and of its variables. Those of the CF and ACDD conventions are fields of the
//! format; what programs need to read a variable (`_FillValue`, `units`, `coordinates`) is bookkeeping.
//!
//! Preserve: the header moves up over what was freed, and zeros stand between it and the data, which variables find by
//! absolute offsets. Compact: the data moves up too, and every offset follows. Bytes behind the last variable stay and are
//! searched.

mod header;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::nested::{apply, rewrite};
use crate::containers::regions::Regions;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Findings, Planned, Removal, Survey};

use header::Header;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct NetCdf;

impl Format for NetCdf {
    fn name(&self) -> &'static str {
        "netcdf"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["nc", "nc3", "cdf", "netcdf", "mnc"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        matches!(input, [b'C', b'D', b'F', 1 | 2 | 5, ..])
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut header = Header::read(input, limits)?;
        let findings = Findings { sites: std::mem::take(&mut header.sites), ..Findings::default() };
        let data = header.data.min(input.len());
        let mut regions = Regions::default();
        regions.metadata("header", 0..header.end, header.claims());
        regions.slack("before the data", header.end..data);
        let end = header.data_end.map_or(input.len(), |end| end.clamp(data, input.len()));
        regions.content("variables", data..end);
        regions.slack("behind the data", end..input.len());
        Ok(Box::new(Surveyed { input, header, findings, regions }))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    header: Header,
    findings: Findings,
    regions: Regions,
}

impl Surveyed<'_> {
    /// The edits of the header that take attributes out, and how many bytes that frees.
    fn cuts(&self, removal: &Removal<'_>) -> (Vec<Edit>, u64) {
        let mut edits = Vec::new();
        let mut cut = 0;
        for list in &self.header.lists {
            let gone: Vec<&Range<usize>> = list
                .attributes
                .iter()
                .enumerate()
                .filter(|(index, _)| removal.takes(list.first_site + index))
                .map(|(_, range)| range)
                .collect();
            if gone.is_empty() {
                continue;
            }
            cut += gone.iter().map(|range| range.len() as u64).sum::<u64>();
            edits.extend(gone.iter().map(|range| Edit::delete(range.start as u64..range.end as u64)));
            edits.push(list.shrink(self.header.wide, gone.len()));
        }
        (edits, cut)
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let (cuts, cut) = self.cuts(removal);
        let mut edits = self.regions.stale(self.input, removal.needles);
        match layout {
            Layout::Preserve => {
                let old = self.input.get(..self.header.end).unwrap_or_default();
                let mut new = apply(old, &cuts)?;
                new.resize(old.len(), 0);
                edits.extend(rewrite(0, old, &new));
            }
            Layout::Compact => {
                edits.extend(cuts);
                if cut > 0 {
                    edits.extend(self.header.begins.iter().map(|begin| begin.moved(cut)));
                }
            }
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
