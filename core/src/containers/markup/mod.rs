//! A file that is one text with markup, as a survey: XML, SVG, HTML, flat documents.
//!
//! Whoever reads the file hands over its labels, the XMP packets and old copies it met, and the files that stand in it
//! in base64. Freed bytes become spaces; line ends before an element stay. The compact layout cuts an element out
//! together with the line that it stood alone on.

mod data;

use std::borrow::Cow;
use std::ops::Range;

use encoding_rs::Encoding as Charset;

pub(crate) use self::data::{Embedded, uris};
use super::Carrier;
use super::xml::{Encoding, Labels};
use super::xmp::Packet;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Site, Survey};

/// What a reader finds in a text.
#[derive(Debug)]
pub(crate) struct Parts {
    /// The labels; those of packets hold a place in its lists.
    pub(crate) labels: Labels,
    /// XMP packets, each with the sites it has among the labels.
    pub(crate) packets: Vec<(Packet, Range<usize>)>,
    /// Comments that hold metadata that was taken out of use.
    pub(crate) stale: Vec<Range<usize>>,
    /// Sites in running text, where a space would show.
    pub(crate) inline: Vec<Range<usize>>,
    /// Files that stand in the text.
    pub(crate) embedded: Vec<Embedded>,
    /// What stands over the whole file.
    pub(crate) guards: Vec<Guard>,
}

impl Parts {
    /// Labels alone.
    pub(crate) fn new(labels: Labels) -> Self {
        let (packets, stale, inline) = (Vec::new(), Vec::new(), Vec::new());
        Self { labels, packets, stale, inline, embedded: Vec::new(), guards: Vec::new() }
    }
}

/// Takes in a packet: its sites go to the end of the labels.
pub(crate) fn adopt(packets: &mut Vec<(Packet, Range<usize>)>, labels: &mut Labels, packet: Packet) {
    let first = labels.sites.len();
    for site in packet.sites() {
        let at = site.offset as usize;
        labels.ranges.push(at..at);
        labels.sites.push(site.clone());
    }
    labels.claims.extend(packet.claimed());
    packets.push((packet, first..labels.sites.len()));
}

/// A surveyed file.
#[derive(Debug)]
pub(crate) struct Markup<'a> {
    input: Cow<'a, [u8]>,
    parts: Parts,
    findings: Findings,
    limits: &'a Limits,
    /// How the charset was guessed, and what came of it.
    guess: Option<(Guess, &'static Charset)>,
}

/// Guesses the charset of a text that does not name it.
pub(crate) type Guess = fn(&[u8]) -> &'static Charset;

impl<'a> Markup<'a> {
    /// The file `input` with its parts; `place` is where its labels are, for people.
    pub(crate) fn new(input: Cow<'a, [u8]>, mut parts: Parts, place: &str, limits: &'a Limits) -> Self {
        let mut sites = std::mem::take(&mut parts.labels.sites);
        for (site, range) in sites.iter_mut().zip(&parts.labels.ranges) {
            site.offset = range.start as u64;
            if site.place.is_empty() {
                place.clone_into(&mut site.place);
            }
        }
        let guards = std::mem::take(&mut parts.guards);
        let follows = std::mem::take(&mut parts.labels.follows);
        Self { input, parts, findings: Findings { sites, guards, follows }, limits, guess: None }
    }

    /// The same, of a text whose charset was guessed.
    pub(crate) fn guessed(mut self, guess: Guess, charset: &'static Charset) -> Self {
        self.guess = Some((guess, charset));
        self
    }

    /// Whether labels that stay would be read in another charset after this plan.
    fn changes_charset(&self, plan: &Plan, removal: &Removal<'_>) -> Result<bool> {
        let Some((guess, charset)) = self.guess.filter(|_| !plan.is_identity()) else { return Ok(false) };
        let is_plain = |site: &Site| site.address.is_ascii() && site.value.as_ref().is_none_or(|it| it.is_ascii());
        let mut sites = self.findings.sites.iter().enumerate();
        let is_safe = sites.all(|(index, site)| removal.takes(index) || is_plain(site));
        Ok(!is_safe && guess(&plan.apply(&self.input)?) != charset)
    }

    /// The text as it was read.
    pub(crate) fn input(&self) -> &[u8] {
        &self.input
    }

    fn bytes(&self, range: Range<usize>) -> &[u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn encoding(&self) -> Encoding {
        self.parts.labels.encoding
    }

    /// What of `cut` goes: the bytes of the element itself, and in the compact layout its line if it stood alone.
    fn trimmed(&self, cut: Range<usize>, layout: Layout) -> Range<usize> {
        let unit = self.encoding().unit();
        let blank = |at: usize| self.encoding().blank(self.bytes(at..at + unit));
        let mut start = cut.start;
        while start < cut.end && blank(start).is_some() {
            start += unit;
        }
        if layout == Layout::Preserve || start == cut.end {
            return start..cut.end;
        }
        let ends_line = cut.end == self.input.len() || matches!(blank(cut.end), Some(b'\n' | b'\r'));
        let mut line = start;
        while let Some(before) = line.checked_sub(unit) {
            match blank(before) {
                Some(b' ' | b'\t') => line = before,
                Some(end) if ends_line => {
                    let second = before.checked_sub(unit).filter(|at| end == b'\n' && blank(*at) == Some(b'\r'));
                    return second.unwrap_or(before)..cut.end;
                }
                _ => break,
            }
        }
        start..cut.end
    }

    /// The ranges that go with the chosen sites, and stale copies of them, sorted and joined.
    fn cuts(&self, removal: &Removal<'_>, layout: Layout) -> Vec<Range<usize>> {
        let cuts = self.parts.labels.cuts(removal.sites).into_iter().filter(|cut| !cut.is_empty());
        let mut cuts: Vec<_> = cuts.map(|cut| self.trimmed(cut, layout)).collect();
        for (packet, sites) in &self.parts.packets {
            let own: Vec<usize> =
                removal.sites.iter().filter(|site| sites.contains(site)).map(|it| it - sites.start).collect();
            let edits = packet.scrub(&self.input, &own, removal.needles, layout);
            cuts.extend(edits.iter().map(|edit| edit.range.start as usize..edit.range.end as usize));
        }
        for comment in &self.parts.stale {
            cuts.extend(self.stale(comment.clone(), removal.needles));
        }
        cuts.sort_by_key(|cut| (cut.start, cut.end));
        let mut joined: Vec<Range<usize>> = Vec::with_capacity(cuts.len());
        for cut in cuts {
            match joined.last_mut() {
                // Elements side by side stay apart: each has its own filler.
                Some(last) if cut.start < last.end => last.end = last.end.max(cut.end),
                _ => joined.push(cut),
            }
        }
        joined
    }

    /// The elements of a comment in which a removed key or value stands.
    fn stale(&self, comment: Range<usize>, needles: &Needles) -> Vec<Range<usize>> {
        let bytes = self.bytes(comment.clone());
        let around = |found: Range<usize>| {
            let before = bytes.get(..found.start).unwrap_or_default();
            let start = memchr::memrchr(b'<', before).unwrap_or(found.start);
            let after = bytes.get(found.end..).unwrap_or_default();
            let end = memchr::memchr(b'>', after).map_or(found.end, |at| found.end + at + self.encoding().unit());
            comment.start + start..comment.start + end.min(bytes.len())
        };
        needles.occurrences(bytes).into_iter().map(|found| around(found.range)).collect()
    }

    fn take_out(&self, cut: Range<usize>, layout: Layout) -> Edit {
        let bytes = cut.start as u64..cut.end as u64;
        let is_inline = self.parts.inline.binary_search_by_key(&cut.start, |range| range.start).is_ok();
        if layout == Layout::Preserve && is_inline {
            let unit = self.encoding().unit();
            let room = (cut.len() / unit).checked_sub("<!---->".len());
            let filler = room.and_then(|room| self.encoding().encode(&format!("<!--{}-->", " ".repeat(room))));
            if let Some(filler) = filler.filter(|filler| filler.len() == cut.len()) {
                return Edit::replace(bytes, filler);
            }
        }
        self.encoding().take_out(bytes, layout)
    }

    fn embedded(&self, index: usize) -> Result<&Embedded> {
        self.parts.embedded.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }
}

impl Survey for Markup<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let cuts = self.cuts(removal, layout);
        let mut edits: Vec<Edit> = cuts.iter().map(|cut| self.take_out(cut.clone(), layout)).collect();
        let mut left_members = Vec::new();
        for (index, data) in removal.members {
            let member = self.embedded(*index)?;
            let range = member.range();
            let next = cuts.partition_point(|cut| cut.end <= range.start);
            if cuts.get(next).is_some_and(|cut| cut.start < range.end) {
                // It goes with the label that it stands in.
                continue;
            }
            if let Some(text) = member.exchange(&self.input, data) {
                edits.push(Edit::replace(range.start as u64..range.end as u64, text));
            } else {
                let reason = "its text in the file cannot hold other data";
                left_members.push((*index, Barrier::new(ErrorKind::Unsupported, reason)));
            }
        }
        let plan = Plan::new(edits, self.input.len() as u64)?;
        if self.changes_charset(&plan, removal)? {
            let reason = "the charset is not declared, and would be guessed otherwise without these labels";
            let barrier = Barrier::new(ErrorKind::Unsupported, reason);
            let left = removal.sites.iter().map(|site| (*site, barrier.clone())).collect();
            let plan = Plan::new(Vec::new(), self.input.len() as u64)?;
            let left_members = removal.members.iter().map(|(index, _)| (*index, barrier.clone())).collect();
            return Ok(Planned { plan, left, left_members, ..Planned::default() });
        }
        Ok(Planned { plan, left_members, ..Planned::default() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let labels = &self.parts.labels;
        for (range, inside) in labels.regions(&labels.claims) {
            let offset = range.start as u64;
            scan.raw_region(Class::Metadata, "", offset, self.bytes(range), &inside);
        }
        for comment in &self.parts.stale {
            scan.raw_region(Class::Slack, "comment", comment.start as u64, self.bytes(comment.clone()), &[]);
        }
        if scan.wants_text(self.input.len() as u64) && labels.has_content(self.input.len()) {
            let mut described: Vec<_> = labels.metadata.iter().chain(&self.parts.stale).collect();
            described.sort_by_key(|range| range.start);
            scan.text_around(&self.input, described);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.parts.embedded.iter().map(Embedded::member).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        Ok(self.embedded(index)?.decode(&self.input, len))
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let member = self.embedded(index)?;
        self.limits.check_part(member.member().len)?;
        Ok(Cow::Owned(member.decode(&self.input, usize::MAX)))
    }
}
