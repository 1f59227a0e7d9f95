//! safetensors: a length, a header in JSON, the data of tensors.
//!
//! Labels are the members of `__metadata__`, a map from text to text. `format` is what loaders ask for; what trainers
//! and the model specification of Stability AI write is theirs.
//!
//! A member goes with exactly one comma. Preserve: spaces in its place, nothing else moves. Compact: the header becomes
//! shorter, in steps of eight bytes where it was aligned; the offsets of tensors count from its end. Bytes behind the last
//! tensor, and between tensors, stay and are searched.

mod keys;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::json::{Scanner, Shape, decoded};
use crate::containers::outline::{Collection, Outline, Slot, Style};
use crate::containers::regions::Regions;
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Findings, Planned, Removal, Site, Survey};

/// The length in front of the header.
const PREFIX: usize = 8;

/// The longest header that the library reads.
const MOST_HEADER: u64 = 100_000_000;

/// Where a header is aligned, data begins at a multiple of this.
const ALIGNMENT: usize = 8;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Safetensors;

impl Format for Safetensors {
    fn name(&self) -> &'static str {
        "safetensors"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["safetensors"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        header(input).is_some_and(|header| {
            header.starts_with(b"{") && header.iter().rev().find(|byte| **byte != b' ') == Some(&b'}')
        })
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let header = header(input).ok_or_else(|| Error::malformed(0, "the header does not fit in the file"))?;
        limits.check_part(header.len() as u64)?;
        let mut reader = Reader::new(header, limits)?;
        reader.read().map_err(|error| error.rebased(PREFIX as u64))?;
        Ok(Box::new(reader.finish(input, header.len())))
    }
}

fn header(input: &[u8]) -> Option<&[u8]> {
    let len = u64::from_le_bytes(*input.first_chunk()?);
    let end = usize::try_from(len).ok().filter(|_| len <= MOST_HEADER)?.checked_add(PREFIX)?;
    input.get(PREFIX..end)
}

/// Reads a header.
struct Reader<'h> {
    scanner: Scanner<'h>,
    limits: &'h Limits,
    outline: Outline,
    /// Where the data of tensors lies, by bytes behind the header.
    tensors: Vec<Range<u64>>,
    /// Where the text ends: spaces follow.
    text_end: usize,
}

impl<'h> Reader<'h> {
    fn new(header: &'h [u8], limits: &'h Limits) -> Result<Self> {
        let scanner = Scanner::new(header, limits).map_err(|error| error.rebased(PREFIX as u64))?;
        Ok(Self { scanner, limits, outline: Outline::default(), tensors: Vec::new(), text_end: 0 })
    }

    fn read(&mut self) -> Result<()> {
        let mut is_first = true;
        while let Some(key) = self.scanner.member(&mut is_first)? {
            let name = decoded(self.scanner.slice(key.clone()));
            if name == "__metadata__" && self.scanner.peek() == Some(b'{') {
                self.outline.claims.push(key);
                self.metadata()?;
                continue;
            }
            let start = self.scanner.position();
            let mut ahead = self.scanner.clone();
            self.scanner.value()?;
            // What a tensor is, is no label, whatever it is called.
            self.outline.claims.push(key.start..self.scanner.position());
            self.tensors.extend(extent(&mut ahead).filter(|_| start < self.scanner.position()));
            self.limits.check_items(self.tensors.len(), "tensors")?;
        }
        self.text_end = self.scanner.position();
        self.scanner.end()
    }

    fn metadata(&mut self) -> Result<()> {
        let start = self.scanner.position();
        let mut slots = Vec::new();
        let mut is_first = true;
        while let Some(key) = self.scanner.member(&mut is_first)? {
            let first = self.outline.sites.len();
            let name = decoded(self.scanner.slice(key.clone()));
            let value = self.scanner.position();
            let shape = self.scanner.value()?;
            let end = self.scanner.position();
            let spelled = self.scanner.slice(value..end);
            let (value, raw_value) = match shape {
                Shape::Text => (decoded(spelled), spelled.get(1..spelled.len().saturating_sub(1)).map(str::to_owned)),
                _ => (spelled.to_owned(), None),
            };
            let site = Site {
                address: format!("safetensors:{name}"),
                kind: keys::kind(&name),
                key: name,
                value: Some(value),
                raw_value,
                place: "__metadata__".into(),
                ..Site::default()
            };
            self.outline.push(site, key.start..end, self.limits);
            slots.push(Slot { range: key.start..end, sites: first..first + 1, stays: false });
            self.limits.check_items(slots.len(), "metadata entries")?;
        }
        let body = start + 1..self.scanner.position().saturating_sub(1);
        self.outline.collections.push(Collection { style: Style::Flow, body, slots });
        Ok(())
    }

    fn finish(mut self, input: &[u8], header_len: usize) -> Surveyed<'_> {
        let text_end = self.text_end;
        let mut sites = std::mem::take(&mut self.outline.sites);
        for site in &mut sites {
            site.offset += PREFIX as u64;
        }
        let data = PREFIX + header_len;
        let inside = |claim: &Range<usize>| claim.start + PREFIX..claim.end + PREFIX;
        let mut regions = Regions::default();
        regions.metadata("header", PREFIX..data, self.outline.claims.iter().map(inside).collect());
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).saturating_add(data).min(input.len());
        let used: Vec<_> = self.tensors.iter().map(|tensor| at(tensor.start)..at(tensor.end)).collect();
        regions.gaps("between and behind the tensors", data..input.len(), used);
        regions.content("tensors", data..input.len());
        let findings = Findings { sites, ..Findings::default() };
        Surveyed { input, header_len, text_end, outline: self.outline, findings, regions }
    }
}

/// Where the data of the tensor lies that comes next.
fn extent(scanner: &mut Scanner<'_>) -> Option<Range<u64>> {
    if scanner.peek() != Some(b'{') {
        return None;
    }
    let mut is_first = true;
    while let Some(key) = scanner.member(&mut is_first).ok()? {
        let start = scanner.position();
        scanner.value().ok()?;
        if scanner.slice(key) == "\"data_offsets\"" {
            let list = scanner.slice(start..scanner.position());
            let (from, to) = list.strip_prefix('[')?.strip_suffix(']')?.split_once(',')?;
            let (from, to) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
            return (from <= to).then_some(from..to);
        }
    }
    None
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    header_len: usize,
    /// Where the JSON text ends in the header: spaces follow.
    text_end: usize,
    outline: Outline,
    findings: Findings,
    regions: Regions,
}

impl Surveyed<'_> {
    /// The edits that make the header as short as it can be when `cut` bytes of it go.
    fn shorten(&self, cut: usize) -> Vec<Edit> {
        let text_len = self.text_end.saturating_sub(cut);
        let is_aligned = self.header_len.is_multiple_of(ALIGNMENT);
        let len = if is_aligned { text_len.next_multiple_of(ALIGNMENT) } else { text_len };
        let padding = (PREFIX + self.text_end) as u64..(PREFIX + self.header_len) as u64;
        vec![
            Edit::replace(0..PREFIX as u64, (len as u64).to_le_bytes().to_vec()),
            Edit::replace(padding, vec![b' '; len - text_len]),
        ]
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let header = self.input.get(PREFIX..PREFIX + self.header_len).unwrap_or_default();
        let mut edits = self.outline.edits(header, removal.sites, layout);
        let cut: u64 = edits.iter().map(|edit| edit.range.end - edit.range.start - edit.with.len()).sum();
        for edit in &mut edits {
            edit.range = edit.range.start + PREFIX as u64..edit.range.end + PREFIX as u64;
        }
        if layout == Layout::Compact && cut > 0 {
            edits.extend(self.shorten(cut as usize));
        }
        edits.extend(self.regions.stale(self.input, removal.needles));
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
