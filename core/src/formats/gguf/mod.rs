//! GGUF (the file format of ggml), versions 2 and 3, in both byte orders.
//!
//! Labels are key-value pairs of the header. `general.` keys are fields of the format; what a loader needs
//! (`general.architecture`, the keys of the architecture, `tokenizer.`) is bookkeeping, and `general.alignment` stays:
//! without it the data would be looked for elsewhere.
//!
//! The data of tensors begins at the next multiple of the alignment behind the header, and has no filler. Preserve: where
//! less than one alignment is freed, the gap before the data grows; else an array of zeros under the key `padding` takes
//! the freed bytes, so that a file of many gigabytes changes in its head only. With an alignment below 32 that may not fit;
//! then the data moves up as with compact. Compact: nothing takes them, and the data
//! moves up; offsets count from its start.
//!
//! Version 1 is refused. What stays behind: texts in arrays of the tokenizer, names of tensors.

mod header;
mod keys;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::nested::rewrite;
use crate::containers::regions::Regions;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Planned, Removal, Site, Survey};

use header::Header;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gguf;

impl Format for Gguf {
    fn name(&self) -> &'static str {
        "gguf"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["gguf"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(b"GGUF")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let header = Header::read(input, limits)?;
        let findings = Findings { sites: sites(&header, limits), ..Findings::default() };
        let regions = regions(&header, input);
        Ok(Box::new(Surveyed { input, header, findings, regions }))
    }
}

/// The pairs that are labels, in order: all but filler.
fn sites(header: &Header, limits: &Limits) -> Vec<Site> {
    let architecture = header.pairs.iter().find(|pair| pair.key == "general.architecture");
    let architecture = architecture.and_then(|pair| pair.value.as_deref()).unwrap_or_default();
    let labels = header.pairs.iter().filter(|pair| !pair.is_filler);
    labels
        .map(|pair| {
            let (mut value, mark) = (pair.value.clone(), pair.value.as_deref());
            let says_so = mark.is_some_and(crate::containers::text::is_aigc);
            let places_data = Barrier::new(ErrorKind::Unsupported, "it says where the data of tensors begins");
            let barrier = (pair.key == "general.alignment").then_some(places_data);
            if let Some(value) = &mut value {
                value.truncate(value.floor_char_boundary(limits.value_bytes));
            }
            Site {
                address: format!("gguf:{}", pair.key),
                kind: keys::kind(&pair.key, architecture),
                barrier: barrier.or_else(|| Barrier::of_protected(if says_so { "AIGC" } else { &pair.key })),
                key: pair.key.clone(),
                value,
                place: "header".into(),
                offset: pair.range.start as u64,
                ..Site::default()
            }
        })
        .collect()
}

fn regions(header: &Header, input: &[u8]) -> Regions {
    let mut regions = Regions::default();
    // Pairs are sites or filler, and what describes tensors is structure.
    let labels = header.pairs.iter().filter(|pair| !pair.is_filler).map(|pair| pair.range.clone());
    let claims: Vec<Range<usize>> = labels.chain([header.tensors.clone()]).collect();
    regions.metadata("header", 0..header.end, claims);
    regions.slack("before the tensors", header.end..header.data.min(input.len()));
    let end = header.data_end.unwrap_or(input.len()).clamp(header.data.min(input.len()), input.len());
    regions.content("tensors", header.data.min(input.len())..end);
    regions.slack("behind the tensors", end..input.len());
    regions
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
    /// The header without the pairs that `goes` names by the number of their site, and without filler: the pairs, then
    /// what describes the tensors.
    fn kept(&self, removal: &Removal<'_>) -> (u64, Vec<u8>) {
        let mut site = 0;
        let mut count = 0;
        let mut bytes = Vec::new();
        for pair in &self.header.pairs {
            if pair.is_filler {
                continue;
            }
            if !removal.takes(site) {
                count += 1;
                bytes.extend_from_slice(self.input.get(pair.range.clone()).unwrap_or_default());
            }
            site += 1;
        }
        (count, bytes)
    }

    fn cut(&self, removal: &Removal<'_>, layout: Layout) -> Vec<Edit> {
        let order = self.header.order;
        let tensors = self.input.get(self.header.tensors.clone()).unwrap_or_default();
        let (mut count, mut pairs) = self.kept(removal);
        let first = header::FIRST_PAIR;
        let end = |pairs: &[u8]| first + pairs.len() + tensors.len();
        let data = self.header.data.min(self.input.len());
        let mut target = end(&pairs).next_multiple_of(self.header.alignment).min(data);
        let room = data.saturating_sub(end(&pairs));
        if layout == Layout::Preserve && target < data && room >= header::FILLER_HEAD {
            count += 1;
            pairs.extend(order.filler(room));
            target = data;
        }
        if layout == Layout::Preserve && data == self.input.len() {
            // No tensor has data that could move.
            target = data;
        }
        let mut new = [&pairs, tensors].concat();
        new.resize(target.max(first + new.len()) - first, 0);
        let old = self.input.get(first..data).unwrap_or_default();
        let mut edits = vec![Edit::replace(header::PAIR_COUNT, order.u64(count).to_vec())];
        if new.len() == old.len() {
            edits.extend(rewrite(first, old, &new));
        } else {
            edits.push(Edit::replace(first as u64..data as u64, new));
        }
        edits
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let data = self.header.data.min(self.input.len()) as u64;
        let mut edits = self.regions.stale(self.input, removal.needles);
        if !removal.sites.is_empty() {
            edits.retain(|edit| edit.range.start >= data);
            edits.extend(self.cut(removal, layout));
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}

fn too_large(offset: u64) -> Error {
    Error::malformed(offset, "a count is larger than the file")
}
