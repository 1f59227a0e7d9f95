//! Comments of the archive and of its members (APPNOTE 4.3.12, 4.3.16), which products use for labels: Boldon James
//! writes a structured label (`<sisl …><element uid="…" value="…"/></sisl>`) into that of the archive.

use std::ops::Range;

use memchr::memmem;

use crate::containers::text;
use crate::containers::xml::{Event, Labels, Text, Walk};
use crate::containers::zip::{Archive, Stale, StaleKind};
use crate::containers::{Carrier, zip};
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::{Class, Scan};
use crate::survey::{KeyCase, Kind, Site};

/// A comment and what is a label in it.
#[derive(Debug)]
pub(super) struct Comment {
    range: Range<u64>,
    /// Its sites in the findings of the package.
    pub(super) sites: Range<usize>,
    /// The structured label, and where in the comment it begins; without one the comment is a field as a whole.
    structured: Option<(usize, Labels)>,
}

/// Reads every comment; its sites go to the end of `sites`.
pub(super) fn read(archive: &Archive<'_>, limits: &Limits, sites: &mut Vec<Site>) -> Vec<Comment> {
    let mut comments = Vec::new();
    for (entry, range) in archive.comments() {
        let bytes = archive.bytes(range.clone());
        let first = sites.len();
        let place = match entry {
            Some(entry) => format!("comment of {}", String::from_utf8_lossy(archive.name(entry))),
            None => "comment".to_owned(),
        };
        let mut structured = structured(bytes, limits);
        if let Some((at, labels)) = &mut structured {
            let offset = range.start + *at as u64;
            let found = std::mem::take(&mut labels.sites).into_iter().zip(&labels.ranges);
            sites.extend(found.map(|(site, cut)| Site {
                place: place.clone(),
                offset: offset + cut.start as u64,
                ..site
            }));
        } else if bytes.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0) {
            sites.push(whole(bytes, entry, range.start, place, limits));
        }
        comments.push(Comment { range, sites: first..sites.len(), structured });
    }
    comments
}

/// A comment as one field of the format.
fn whole(bytes: &[u8], entry: Option<usize>, offset: u64, place: String, limits: &Limits) -> Site {
    let key = if entry.is_some() { "member-comment" } else { "comment" };
    Site {
        key: key.to_owned(),
        value: Some(text::value(text::decode(bytes), limits)),
        address: format!("zip:{key}"),
        kind: Kind::Standard,
        place,
        offset,
        ..Site::default()
    }
}

/// The structured label in a comment, if it can be read.
fn structured(bytes: &[u8], limits: &Limits) -> Option<(usize, Labels)> {
    let start = memmem::find(bytes, b"<sisl")?;
    let end = b"</sisl>";
    let len = memmem::find(bytes.get(start..)?, end)? + end.len();
    let text = Text::decode(bytes.get(start..start + len)?, limits).ok()?;
    let labels = elements(&text, limits).ok()?;
    (!labels.sites.is_empty()).then_some((start, labels))
}

/// The elements of a structured label: each is a site, and the label goes with the last of them.
fn elements(text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits);
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        let Some(uid) = element.value("", "uid").filter(|_| element.name.local == "element") else { continue };
        let blank = walk.before;
        let content = walk.scanner.content(&element)?;
        let site = Site {
            aliases: vec!["bjDocumentLabelXML".to_owned()],
            address: format!("sisl:{uid}"),
            key: uid.into_owned(),
            value: element.value("", "value").map(Into::into),
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        walk.push(site, blank, content.range);
    }
    let whole = 0..text.raw_offset(text.as_str().len());
    walk.labels.groups.push((whole, 0..walk.labels.sites.len()));
    Ok(walk.labels)
}

impl Comment {
    /// The ranges of the input to clear when the `chosen` sites of the package go (ascending).
    pub(super) fn stale(&self, chosen: &[usize]) -> Result<Vec<zip::Stale>> {
        let own: Vec<usize> =
            chosen.iter().filter(|site| self.sites.contains(site)).map(|site| site - self.sites.start).collect();
        let stale = |range: Range<u64>| Stale { range, kind: StaleKind::Comment };
        match &self.structured {
            _ if own.is_empty() => Ok(Vec::new()),
            None => Ok(vec![stale(self.range.clone())]),
            Some((at, labels)) => {
                let base = self.range.start + *at as u64;
                let edits = labels.edits(&own, Layout::Compact)?;
                Ok(edits.into_iter().map(|edit| stale(edit.range.start + base..edit.range.end + base)).collect())
            }
        }
    }

    pub(super) fn show(&self, archive: &Archive<'_>, scan: &mut Scan<'_>) {
        let (at, labels) = self.structured.as_ref().map_or((0, None), |(at, labels)| (*at, Some(labels)));
        let claims = labels.map(Carrier::claimed).unwrap_or_default();
        let claims: Vec<Range<usize>> = claims.into_iter().map(|claim| claim.start + at..claim.end + at).collect();
        let bytes = archive.bytes(self.range.clone());
        scan.raw_region(Class::Metadata, "ZIP comment", self.range.start, bytes, &claims);
    }
}
