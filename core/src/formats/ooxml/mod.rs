//! Office Open XML and other packages by the Open Packaging Conventions (ECMA-376 parts 1, 2 and 4; [MS-OFFCRYPTO]
//! 2.6 for sensitivity labels): docx, xlsx, pptx, vsdx and their templates and macro variants, thmx, and xps, dwfx,
//! pbix as far as they carry properties.
//!
//! Labels live in the custom properties part, in `LabelInfo.xml`, in Word's document variables, in PowerPoint's tag
//! parts and in `SharePoint` properties of custom XML parts; core and application properties are fields of the
//! format. A `SharePoint` property goes with its definition in the content type schema, where it is named too. Parts
//! are found through relationships and content types, and by their usual names where a package is careless; part names
//! compare without regard to ASCII case.
//!
//! A label is cut out of the text of its part, byte for byte, and the part is coded again; freed bytes become the
//! growth hint of the conventions (extra field 0xA220) or empty DEFLATE blocks, in stored members spaces. Nothing else
//! of the package changes: no relationship, no content type, no numbering of the properties that stay.
//!
//! Refused: labels in parts that a signature lists; parts with a document type declaration; encrypted packages, which
//! are recognised. What stays behind: cached results of `DOCPROPERTY` fields, content controls bound to properties,
//! headers drawn by content marking, metadata inside embedded files and pictures, Visio shape data, Excel's worksheet
//! custom properties, and the property sets of an encrypted package.

mod encrypted;
mod package;
mod parts;
mod properties;
mod signatures;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use crate::containers::zip::{self, Change, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Survey};

use package::{Package, Part};

/// Packages by the Open Packaging Conventions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ooxml;

/// Directory records that are looked at to recognise a package.
const SNIFFED_NAMES: usize = 4096;

impl Format for Ooxml {
    fn name(&self) -> &'static str {
        "ooxml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xltx", "xltm", "xlsb", "xlam", "pptx", "pptm", "ppsx",
            "ppsm", "potx", "potm", "ppam", "sldx", "sldm", "vsdx", "vsdm", "vssx", "vssm", "vstx", "vstm", "thmx",
            "glox", "xps", "oxps", "dwfx", "pbix", "pbit",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        if encrypted::is_compound_file(input) {
            return encrypted::holds_package(input);
        }
        if !input.starts_with(b"PK\x03\x04") {
            return false;
        }
        let is = |name: &[u8], wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        let names = zip::names(input, SNIFFED_NAMES);
        names.iter().any(|name| is(name, b"[Content_Types].xml")) && names.iter().any(|name| is(name, b"_rels/.rels"))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if encrypted::is_compound_file(input) {
            return encrypted::survey(input);
        }
        Ok(Box::new(PackageSurvey::new(input, limits)?))
    }
}

/// A surveyed package.
#[derive(Debug)]
struct PackageSurvey<'a> {
    input_len: u64,
    limits: &'a Limits,
    package: Package<'a>,
    findings: Findings,
    /// For each site, its part and its place in it.
    sites: Vec<(usize, usize)>,
}

impl<'a> PackageSurvey<'a> {
    fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let mut package = Package::open(input, limits)?;
        let mut findings = Findings::default();
        let mut sites = Vec::new();
        for (index, part) in package.parts.iter_mut().enumerate() {
            let labels = std::mem::take(&mut part.parsed.sites);
            sites.extend((0..labels.len()).map(|place| (index, place)));
            findings.sites.extend(labels);
        }
        findings.guards = std::mem::take(&mut package.guards);
        Ok(Self { input_len: input.len() as u64, limits, package, findings, sites })
    }

    /// The new text of every part that loses a site.
    fn changes(&self, removal: &Removal<'_>, layout: Layout) -> Result<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); self.package.parts.len()];
        for (part, place) in removal.sites.iter().filter_map(|site| self.sites.get(*site)) {
            chosen.get_mut(*part).into_iter().for_each(|list| list.push(*place));
        }
        for (part, chosen) in self.package.parts.iter().zip(chosen).filter(|(_, chosen)| !chosen.is_empty()) {
            let is_stored = self.package.archive.entries().get(part.entry).is_some_and(zip::Entry::is_stored);
            let keeps_length = is_stored && layout == Layout::Preserve;
            let part_layout = if keeps_length { Layout::Preserve } else { Layout::Compact };
            let cuts = part.parsed.cuts(&chosen);
            let edits = cuts
                .into_iter()
                .map(|cut| part.parsed.encoding.take_out(cut.start as u64..cut.end as u64, part_layout));
            let bytes = part.bytes(&self.package.archive, self.limits)?;
            let data = Plan::new(edits.collect(), bytes.len() as u64)?.apply(&bytes)?;
            // White space may follow the root element.
            let spaces_at =
                part.parsed.encoding.encode(" ").is_some_and(|space| space.len() == 1).then_some(data.len());
            changes.push(Change { entry: part.entry, data, spaces_at });
        }
        Ok(changes)
    }

    fn show_part(&self, part: &Part<'_>, scan: &mut Scan<'_>) -> Result<()> {
        let bytes = part.bytes(&self.package.archive, self.limits)?;
        let offset = self.data_offset(part.entry);
        let structure = part.parsed.is_foreign.then(|| parts::structure(&bytes, self.limits));
        let claims = structure.as_ref().unwrap_or(&part.parsed.claims);
        if let Some(range) = &part.parsed.metadata {
            let inside: Vec<Range<usize>> = claims
                .iter()
                .filter(|claim| claim.start >= range.start && claim.end <= range.end)
                .map(|claim| claim.start - range.start..claim.end - range.start)
                .collect();
            scan.region(Class::Metadata, &part.name, offset, bytes.get(range.clone()).unwrap_or_default(), &inside);
        }
        if scan.wants_content() && part.parsed.metadata.as_ref().is_none_or(|range| range.len() < bytes.len()) {
            scan.region(Class::Content, &part.name, offset, &bytes, claims);
        }
        Ok(())
    }

    /// Shows every member that is not one of the parsed parts, and all names.
    fn show_content(&self, scan: &mut Scan<'_>) -> Result<()> {
        let archive = &self.package.archive;
        let mut budget = self.limits.total_bytes;
        let parsed: HashSet<usize> = self.package.parts.iter().map(|part| part.entry).collect();
        for index in 0..archive.entries().len() {
            let name = archive.name(index);
            let offset = self.data_offset(index);
            scan.region(Class::Content, "name of a member", offset, name, &[]);
            if parsed.contains(&index) {
                continue;
            }
            let place = String::from_utf8_lossy(name);
            let mut stream = scan.stream(Class::Content, &place, offset);
            let mut decoded = 0;
            let shown = archive.windows(index, budget, &mut |piece| {
                stream.push(piece);
                decoded += piece.len() as u64;
                Ok(())
            });
            budget = budget.saturating_sub(decoded);
            match shown {
                Err(error) if budget == 0 => return Err(error),
                // What no reader can decode is searched as it stands.
                Err(_) => archive.coded_bytes(index).chunks(1 << 20).for_each(|piece| stream.push(piece)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    fn data_offset(&self, entry: usize) -> u64 {
        self.package.archive.entries().get(entry).map_or(0, |entry| entry.data().start)
    }
}

impl Survey for PackageSurvey<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let changes = self.changes(removal, layout)?;
        let mut stale = self.package.archive.stale(removal.needles, self.limits)?;
        // A structured label in the archive comment is another product's, and not a stale copy.
        let comment = self.package.archive.comment_range();
        let is_structured = memchr::memmem::find(self.package.archive.comment(), b"<sisl").is_some();
        stale.retain(|stale| !(is_structured && stale.range == comment));
        let request = Request { changes: &changes, stale: &stale, layout, growth_hint: true };
        let edits: Vec<Edit> = self.package.archive.edits(&request)?;
        Ok(Plan::new(edits, self.input_len)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for part in &self.package.parts {
            self.show_part(part, scan)?;
        }
        self.package.archive.scan_slack(scan, self.limits)?;
        if scan.wants_content() {
            self.show_content(scan)?;
        }
        Ok(())
    }
}

/// A guard over labels that cannot be seen, for the reason of `error`.
fn hidden(error: &Error, offset: u64) -> Guard {
    let kind = match error.kind() {
        kind @ (ErrorKind::Encrypted | ErrorKind::Conflict) => kind,
        _ => ErrorKind::Unsupported,
    };
    Guard { barrier: Barrier::new(kind, error.reason()), scope: Scope::Hidden, offset }
}
