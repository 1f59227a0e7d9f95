//! Apache Arrow IPC: streams and files, which Feather version 2 is (Columnar Format, "Serialization and IPC").
//!
//! Labels are the key-value pairs of the schema, of its fields, of each message and of the footer; a file holds the
//! schema twice, in its first message and in its footer. What pyarrow and pandas keep for themselves is bookkeeping, but
//! the attributes of a data frame in it are labels.
//!
//! Both layouts are the same: pairs leave their vector in place, their bytes become zeros, nothing moves. Of the data
//! of a large file only the headers of its messages are read. Feather version 1 is refused. Bytes between the last
//! message and the footer, and behind a stream, stay and are searched.

mod messages;
#[cfg(test)]
mod tests;

use crate::containers::Carrier;
use crate::containers::arrow::Metadata;
use crate::containers::regions::Regions;
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Findings, Planned, Removal, Site, Survey};

use messages::{MAGIC, Walk};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrow;

impl Format for Arrow {
    fn name(&self) -> &'static str {
        "arrow"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["arrow", "arrows", "ipc", "feather", "ftr"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(MAGIC) || input.starts_with(b"FEA1") || messages::begins_stream(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if input.starts_with(b"FEA1") {
            return Err(Error::unsupported("Feather version 1"));
        }
        let walk = messages::walk(input, limits)?;
        let mut findings = Findings::default();
        let mut blocks = Vec::new();
        let Walk { found, mut regions, .. } = walk;
        for (at, metadata) in found {
            let first = findings.sites.len();
            let own = metadata.sites().iter();
            findings.sites.extend(own.map(|site| Site { offset: site.offset + at as u64, ..site.clone() }));
            findings.follows.extend(metadata.follows().map(|(site, of)| (first + site, first + of)));
            let claims = metadata.claimed().into_iter().map(|claim| claim.start + at..claim.end + at).collect();
            regions.metadata("message", at..at + metadata.len(), claims);
            blocks.push(Block { at, first, metadata });
        }
        Ok(Box::new(Surveyed { input, blocks, findings, regions }))
    }
}

/// A buffer of the file that holds labels.
#[derive(Debug)]
struct Block {
    at: usize,
    /// The first of its sites.
    first: usize,
    metadata: Metadata,
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    blocks: Vec<Block>,
    findings: Findings,
    regions: Regions,
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = self.regions.stale(self.input, removal.needles);
        for Block { at, first, metadata } in &self.blocks {
            let sites = *first..first + metadata.sites().len();
            let chosen: Vec<_> = sites.filter(|site| removal.takes(*site)).map(|site| site - first).collect();
            if chosen.is_empty() {
                continue;
            }
            for mut edit in metadata.edits(&chosen, layout)? {
                edit.range = edit.range.start + *at as u64..edit.range.end + *at as u64;
                edits.push(edit);
            }
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
