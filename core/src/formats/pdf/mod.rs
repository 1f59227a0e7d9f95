//! PDF (ISO 32000-2).
//!
//! **Labels** live in the document information dictionary of every revision, in dictionaries that were one once and
//! that nothing names any more, and in the XMP packets of the catalog and of any other object, whether these stand in
//! the file, in an object stream or compressed.
//!
//! **An edit** overwrites entries by spaces, so no offset changes; a compressed stream is made again at its old length.
//! The compact layout cuts them out and moves the cross-reference table, where there is nothing but classic tables.
//! Nothing is ever appended: an incremental update would leave the old value in the file.
//!
//! **Encryption:** names are in clear, so entries of the information dictionary go without a password; values, object
//! streams and packets are read with the empty user password. What it does not open is reported as hidden.
//!
//! **Refused:** every edit of a file with a signature in force.
//!
//! **Inside:** attachments, and JPEG and JPEG 2000 pictures, are files of their own. New data takes their place at its
//! length, raw, compressed and encrypted.
//!
//! **What stays:** marked content, piece information, form fields, outlines: all of it content. A packet that is not well-formed XML is reported as hidden, and searched.

mod compact;
mod crypt;
mod document;
#[cfg(test)]
mod file_tests;
mod files;
mod filters;
mod info;
mod lexer;
mod packets;
mod plan;
mod residue;
#[cfg(test)]
mod tests;
mod text;
mod value;
mod walk;
mod xref;

use std::borrow::Cow;
use std::ops::Range;

use super::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Scope, Site, Survey};
use document::Document;
use files::File;
use info::{Info, InfoEntry};
use packets::PacketHome;

/// PDF, of every version.
#[derive(Debug)]
pub(super) struct Pdf;

impl Format for Pdf {
    fn name(&self) -> &'static str {
        "pdf"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["pdf"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let head = input.get(..1024.min(input.len())).unwrap_or_default();
        memchr::memmem::find(head, b"%PDF-").is_some()
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(PdfSurvey::read(input, limits)?))
    }
}

/// Where a site is, for the plan.
#[derive(Debug)]
enum Source {
    Info(InfoEntry),
    /// Packet and site in it, by index.
    Packet(usize, usize),
}

#[derive(Debug)]
struct PdfSurvey<'a> {
    document: Document<'a>,
    infos: Vec<Info>,
    packets: Vec<PacketHome>,
    files: Vec<File>,
    /// One for each site of the findings.
    sources: Vec<Source>,
    findings: Findings,
}

impl<'a> PdfSurvey<'a> {
    fn read(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let mut document = Document::read(input, limits)?;
        let mut found = info::find(&mut document);
        let mut guards = Vec::new();
        let mut sites = Vec::new();
        for (index, info) in found.infos.iter().enumerate() {
            for (site, entry) in info::sites(&document, index, info)? {
                let position = (site.offset, entry.home, entry.range.start);
                sites.push((position, site, Source::Info(entry)));
            }
        }
        let packets = packets::find(&mut document, &found.metadata, &mut guards);
        for (index, packet) in packets.iter().enumerate() {
            for (within, (position, site)) in packet.sites().enumerate() {
                sites.push((position, site, Source::Packet(index, within)));
            }
        }
        let files = files::find(&document, std::mem::take(&mut found.attachments));
        limits.check_items(files.len(), "files inside")?;
        sites.sort_by_key(|&(position, ..)| position);
        limits.check_items(sites.len(), "labels")?;
        for &(object, reason) in &found.unreadable {
            guards.push(unreadable(&document, object, "an object stream", reason));
        }
        guards.extend(signature(&document, found.byte_range_within));
        guards.sort_by_key(|guard| guard.offset);
        let (sites, sources): (Vec<Site>, Vec<Source>) =
            sites.into_iter().map(|(_, site, source)| (site, source)).unzip();
        Ok(Self {
            document,
            infos: found.infos,
            packets,
            files,
            sources,
            findings: Findings { sites, guards, ..Findings::default() },
        })
    }
}

impl PdfSurvey<'_> {
    fn file(&self, index: usize) -> Result<&File> {
        self.files.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }
}

impl Survey for PdfSurvey<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        plan::plan(self, removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        residue::scan(self, scan);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.files.iter().map(File::member).collect()
    }

    /// What changes its length would move everything behind it.
    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member_extent(&self, index: usize) -> Option<Range<u64>> {
        self.files.get(index)?.extent(&self.document)
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        self.file(index)?.head(&self.document, len)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.file(index)?.data(&self.document)
    }
}

/// A guard over what a stream hides.
fn unreadable(document: &Document<'_>, object: usize, what: &str, reason: &str) -> Guard {
    let object = document.walk.objects.get(object);
    let place = object.map(|object| document::place_of(object.id)).unwrap_or_default();
    let kind = if document.crypt.is_locked() { ErrorKind::Encrypted } else { ErrorKind::Unsupported };
    Guard {
        barrier: Barrier::new(kind, format!("{what} ({place}) cannot be read: {reason}")),
        scope: Scope::Hidden,
        offset: object.map_or(0, |object| object.range.start as u64),
    }
}

/// The guard of a signature that is in force: its dictionary is current and something refers to it.
fn signature(document: &Document<'_>, within: Option<usize>) -> Option<Guard> {
    let mentions = document.walk.byte_ranges.iter().filter_map(|&start| {
        let index = document.walk.objects.partition_point(|object| object.range.start < start);
        let object = document.walk.objects.get(index).filter(|_| document.is_current(index))?;
        let is_signature = document.dict(object)?.get(document.input, b"ByteRange").is_some();
        Some((start, is_signature.then_some(object.id.number)))
    });
    let mentions: Vec<(usize, Option<u32>)> = mentions.collect();
    let counts = document.count_references(&mentions.iter().filter_map(|(_, number)| *number).collect());
    let in_force = |number: &Option<u32>| number.is_none_or(|number| counts.contains_key(&number));
    let signed = mentions.iter().find(|(_, number)| in_force(number)).map(|(start, _)| *start);
    let offset = signed.or(within)? as u64;
    let barrier = Barrier::new(ErrorKind::Signed, "a digital signature covers the file");
    Some(Guard { barrier, scope: Scope::File, offset })
}
