//! A surveyed compound file.

use std::borrow::Cow;
use std::ops::Range;

use super::embedded;
use super::guards;
use crate::containers::Carrier;
use crate::containers::cfb::{CompoundFile, Entry, EntryKind, Extents, HeldFiles};
use crate::containers::propset::{PropertySets, is_property_set};
use crate::containers::xml::{self, Labels};
use crate::error::{ErrorKind, Result};
use crate::formats::ooxml;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Scope, Survey};

/// A compound file, and the streams of it that may hold labels.
#[derive(Debug)]
pub(super) struct Document<'a> {
    file: CompoundFile<'a>,
    limits: &'a Limits,
    parts: Vec<Part<'a>>,
    findings: Findings,
    /// For each site, its part and its place in it.
    sites: Vec<(usize, usize)>,
    files: HeldFiles,
}

/// A stream that may hold labels.
#[derive(Debug)]
struct Part<'a> {
    stream: usize,
    place: String,
    extents: Extents,
    content: Content<'a>,
}

#[derive(Debug)]
enum Content<'a> {
    Properties(PropertySets),
    Xml(Labels, Cow<'a, [u8]>),
}

impl<'a> Document<'a> {
    /// Reads the directory, and every stream that may hold labels.
    pub(super) fn open(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let file = CompoundFile::parse(input, limits)?;
        let findings = Findings { guards: guards::find(&file), ..Findings::default() };
        let mut document =
            Self { file, limits, parts: Vec::new(), findings, sites: Vec::new(), files: HeldFiles::default() };
        let streams: Vec<usize> = document.file.streams().map(|(id, _)| id).collect();
        for id in streams {
            match document.read(id) {
                Ok(Some(content)) => document.add(id, content)?,
                Ok(None) => embedded::find(&document.file, id).into_iter().for_each(|held| document.files.push(held)),
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                Err(error) => document.hidden(id, &error.reason()),
            }
        }
        Ok(document)
    }

    /// What the stream holds if it may hold labels.
    fn read(&self, id: usize) -> Result<Option<Content<'a>>> {
        let Some(entry) = self.file.entry(id).filter(|entry| entry.len > 0) else { return Ok(None) };
        if entry.name.starts_with('\u{5}') {
            // Other programs keep other things under such names.
            let head = self.file.extents(id)?.head(self.file.input(), 64).unwrap_or_default();
            if !is_property_set(&head) {
                return Ok(None);
            }
            let bytes = self.file.read(id, self.limits)?;
            return Ok(Some(Content::Properties(PropertySets::parse(&bytes, self.limits)?)));
        }
        if self.is_custom_xml(entry) {
            let bytes = self.file.read(id, self.limits)?;
            return Ok(Some(Content::Xml(ooxml::custom_xml(&bytes, self.limits)?, bytes)));
        }
        Ok(None)
    }

    /// Whether the stream is an item of Office's custom XML ([MS-OSHARED] 2.3.6).
    fn is_custom_xml(&self, entry: &Entry) -> bool {
        let storage = || self.file.entry(self.file.entry(entry.parent?)?.parent?);
        entry.name.eq_ignore_ascii_case("Item")
            && storage().is_some_and(|store| store.kind == EntryKind::Storage && store.name == "MsoDataStore")
    }

    fn add(&mut self, id: usize, mut content: Content<'a>) -> Result<()> {
        let extents = self.file.extents(id)?;
        let place = self.file.path(id);
        if let Content::Properties(sets) = &content
            && let Some(reason) = sets.hidden()
        {
            self.hidden(id, reason);
        }
        let part = self.parts.len();
        let mut sites = match &mut content {
            Content::Properties(sets) => sets.sites().to_vec(),
            Content::Xml(labels, _) => {
                for (site, range) in labels.sites.iter_mut().zip(&labels.ranges) {
                    site.offset = range.start as u64;
                }
                labels.sites.clone()
            }
        };
        for (index, site) in sites.iter_mut().enumerate() {
            place.clone_into(&mut site.place);
            let piece = extents.pieces(site.offset..site.offset + 1).next();
            site.barrier = site.barrier.take().or_else(|| guards::over_field(&self.file, &site.address));
            site.offset = piece.map_or(extents.start(), |(_, range)| range.start);
            self.sites.push((part, index));
        }
        self.findings.sites.append(&mut sites);
        self.parts.push(Part { stream: id, place, extents, content });
        Ok(())
    }

    /// Notes that labels of a stream cannot be seen.
    fn hidden(&mut self, id: usize, reason: &str) {
        let offset = self.file.entry(id).map_or(0, |entry| entry.offset);
        let barrier = Barrier::new(ErrorKind::Unsupported, format!("{}: {reason}", self.file.path(id)));
        self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset });
    }

    fn show_content(&self, scan: &mut Scan<'_>) {
        for (id, entry) in self.file.streams() {
            scan.region(Class::Content, "name of a stream", entry.offset, entry.name.as_bytes(), &[]);
            if self.parts.iter().any(|part| part.stream == id) {
                continue;
            }
            self.file.show_stream(id, scan);
        }
    }
}

impl Part<'_> {
    /// The edits of the file that take the chosen sites out of the stream, and stale copies out of its gaps.
    fn edits(&self, chosen: &[usize], needles: &Needles, limits: &Limits) -> Result<Vec<Edit>> {
        let edits = match &self.content {
            Content::Properties(sets) if chosen.is_empty() && needles.is_empty() => Vec::new(),
            Content::Properties(sets) => sets.edit(chosen, needles, limits)?.into_iter().collect(),
            Content::Xml(labels, _) => labels.edits(chosen, Layout::Preserve)?,
        };
        Ok(edits.iter().flat_map(|edit| self.extents.spread(edit)).collect())
    }

    fn scan(&self, scan: &mut Scan<'_>, limits: &Limits) {
        let offset = self.extents.start();
        match &self.content {
            Content::Properties(sets) => {
                let gaps = sets.gaps();
                let claims: Vec<Range<usize>> = sets.claimed().into_iter().chain(gaps.iter().cloned()).collect();
                scan.region(Class::Metadata, &self.place, offset, sets.bytes(), &claims);
                for gap in gaps {
                    scan.region(Class::Slack, &self.place, offset, sets.bytes().get(gap).unwrap_or_default(), &[]);
                }
            }
            Content::Xml(labels, bytes) => {
                let structure = labels.is_foreign.then(|| xml::structure(bytes, limits));
                for (range, inside) in labels.regions(structure.as_ref().unwrap_or(&labels.claims)) {
                    let bytes = bytes.get(range).unwrap_or_default();
                    scan.region(Class::Metadata, &self.place, offset, bytes, &inside);
                }
            }
        }
    }
}

impl Survey for Document<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); self.parts.len()];
        for (part, place) in removal.sites.iter().filter_map(|site| self.sites.get(*site)) {
            chosen.get_mut(*part).into_iter().for_each(|list| list.push(*place));
        }
        let mut planned = Planned::default();
        let mut edits = self.files.replace(removal, self.file.input(), &mut planned)?;
        for (part, chosen) in self.parts.iter().zip(chosen) {
            edits.extend(part.edits(&chosen, removal.needles, self.limits)?);
        }
        edits.extend(self.file.stale(removal.needles));
        planned.plan = Plan::new(edits, self.file.input().len() as u64)?;
        Ok(planned)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for part in &self.parts {
            part.scan(scan, self.limits);
        }
        self.file.scan_slack(scan);
        if scan.wants_content() {
            self.show_content(scan);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.files.members()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        self.files.head(index, self.file.input(), len)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.files.read(index, self.file.input(), self.limits)
    }
}
