//! HDF5 (File Format Specification, version 3), which `netCDF` 4, MATLAB 7.3, Keras and `AnnData` files are: read only.
//!
//! Attributes of groups and data sets are listed, and none is removed: the values of texts stand in heaps of their own,
//! object headers carry checksums, and the library itself leaves the bytes of what it deletes behind. The refusal is
//! `unsupported`. Attributes and links in dense storage (fractal heaps) are not read: such a file may hide labels.

mod object;
mod reader;
#[cfg(test)]
mod tests;

use std::collections::HashSet;

use crate::containers::conventions::kind;
use crate::containers::regions::Regions;
use crate::containers::text;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Site, Survey};

use object::Object;
use reader::Reader;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hdf5;

impl Format for Hdf5 {
    fn name(&self) -> &'static str {
        "hdf5"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["h5", "hdf5", "hdf", "he5", "nc4", "h5ad", "keras", "loom"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        reader::superblock(input).is_some()
    }

    fn admits(&self, input: &[u8]) -> bool {
        self.sniff(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let (reader, root) = Reader::open(input)?;
        let mut walk = Walk { reader, limits, findings: Findings::default(), seen: HashSet::new(), is_dense: false };
        walk.objects(root)?;
        let mut findings = walk.findings;
        if walk.is_dense {
            let reason = "attributes or links in dense storage are not read";
            let barrier = Barrier::new(ErrorKind::Unsupported, reason);
            findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: 0 });
        }
        let mut regions = Regions::default();
        regions.content("file", 0..input.len());
        Ok(Box::new(Surveyed { input, findings, regions }))
    }
}

/// Goes from object to object.
struct Walk<'a> {
    reader: Reader<'a>,
    limits: &'a Limits,
    findings: Findings,
    seen: HashSet<u64>,
    is_dense: bool,
}

impl Walk<'_> {
    /// Every object that can be reached from the root.
    fn objects(&mut self, root: u64) -> Result<()> {
        let mut next = vec![(String::new(), root)];
        while let Some((path, address)) = next.pop() {
            if !self.seen.insert(address) {
                continue;
            }
            self.limits.check_items(self.seen.len() + self.findings.sites.len(), "objects and attributes")?;
            let object = Object::read(&self.reader, address, self.limits)?;
            self.is_dense |= object.is_dense;
            let has_authority = object.attributes.iter().any(|attribute| attribute.key == "naming_authority");
            for attribute in object.attributes {
                let key = attribute.key;
                let unsafe_here =
                    Barrier::new(ErrorKind::Unsupported, "attributes of HDF5 are listed, and not removed");
                self.findings.sites.push(Site {
                    address: format!("hdf5:{path}/{key}"),
                    kind: kind(&key, has_authority),
                    value: attribute.value.map(|value| text::value(value, self.limits)),
                    place: if path.is_empty() { "/".to_owned() } else { path.clone() },
                    offset: attribute.offset as u64,
                    barrier: Barrier::of_protected(&key).or(Some(unsafe_here)),
                    key,
                    ..Site::default()
                });
            }
            next.extend(object.links.into_iter().rev().map(|(name, address)| (format!("{path}/{name}"), address)));
        }
        Ok(())
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    findings: Findings,
    regions: Regions,
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        if removal.sites.is_empty() {
            return Ok(Plan::identity(self.input.len() as u64).into());
        }
        Err(Error::unsupported("attributes of HDF5 are listed, and not removed"))
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
