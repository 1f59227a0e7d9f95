//! XMP packets (ISO 16684-1).
//!
//! Labels are the children and the attributes of every node element (`rdf:Description` or a typed node) below
//! `rdf:RDF`: one top-level property is one site, whatever its structure. Properties of known namespaces are standard
//! fields; those of `pdfx` and of unknown namespaces are custom.
//!
//! An edit overwrites an element or attribute by spaces in the encoding of the packet, or cuts it out. With the last
//! property of an unknown namespace goes its declaration, which names the vendor, and with a custom property the entry
//! of the PDF/A extension schema that names it.
//!
//! What stays: the node elements, the declarations of known namespaces, the toolkit's name (`x:xmptk`). Not a label:
//! `xmpNote:HasExtendedXMP`, which is structure. Never removed: `AIGC`.

mod extension;
mod namespaces;
mod parse;

pub(crate) use self::namespaces::{is_pdf_bookkeeping, is_rdf};
use std::collections::HashSet;
use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::xml::{Encoding, Scanner, Text};
use crate::error::Result;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::Site;

use extension::Schema;

/// A parsed packet. Holds no bytes: sites, ranges and what depends on what.
///
/// ```
/// use unlabel_core::containers::{Carrier, xmp::Packet};
/// use unlabel_core::{Edit, Layout, Limits};
/// let packet = br#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
///   <rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="x" dc:source="y"/></rdf:RDF>"#;
/// let parsed = Packet::parse(packet, &Limits::default()).unwrap();
/// let addresses: Vec<_> = parsed.sites().iter().map(|site| site.address.as_str()).collect();
/// assert_eq!(addresses, ["xmp:dc:format", "xmp:dc:source"]);
/// assert_eq!(parsed.edits(&[0], Layout::Preserve).unwrap(), [Edit::fill(128..142, b' ')]);
/// ```
#[derive(Debug)]
pub struct Packet {
    encoding: Encoding,
    sites: Vec<Site>,
    /// One for each site.
    properties: Vec<Property>,
    declarations: Vec<Declaration>,
    schemas: Vec<Schema>,
    claimed: Vec<Range<usize>>,
    loose: Vec<Range<usize>>,
    padding: Option<Range<usize>>,
    extended: Option<Range<usize>>,
}

/// Where a site stands. All ranges are bytes of the packet.
#[derive(Debug)]
struct Property {
    /// What goes when the property goes.
    range: Range<usize>,
    /// White space before an element, which goes with it in the compact layout.
    indent: Range<usize>,
    namespace: String,
    local: String,
}

/// A declaration of an unknown namespace.
#[derive(Debug)]
struct Declaration {
    range: Range<usize>,
    /// Where names in that namespace stand.
    uses: Vec<usize>,
}

impl Packet {
    /// Parses a packet: with or without its wrapper, in UTF-8, UTF-16 or UTF-32, with anything blank before it and
    /// anything at all behind its root element.
    ///
    /// # Errors
    /// Malformed with the offset where the packet is not well-formed XML; a `DOCTYPE` is refused.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        parse::packet(bytes, limits)
    }

    /// Parses the element at `position` of a document, with the namespaces that are in force where `outer` stands. All
    /// ranges are raw bytes of the document.
    pub(crate) fn within(text: &Text<'_>, position: usize, outer: &Scanner<'_>, limits: &Limits) -> Result<Self> {
        parse::element(text, position, outer, limits)
    }

    /// Where the GUID stands that `xmpNote:HasExtendedXMP` names: it has to follow an edit of the extension.
    pub fn extended_guid(&self) -> Option<Range<usize>> {
        self.extended.clone()
    }

    /// As [`Carrier::edits`], and blanks what no reader looks at and a needle occurs in: comments, text between
    /// elements, padding. `bytes` is the packet that was parsed.
    pub fn scrub(&self, bytes: &[u8], chosen: &[usize], needles: &Needles, layout: Layout) -> Vec<Edit> {
        let occurs = |range: &&Range<usize>| bytes.get((*range).clone()).is_some_and(|bytes| needles.occur_in(bytes));
        let stale = self.loose.iter().filter(occurs).cloned().collect();
        self.take_out(chosen, stale, layout)
    }

    fn take_out(&self, chosen: &[usize], stale: Vec<Range<usize>>, layout: Layout) -> Vec<Edit> {
        let mut ranges = stale;
        ranges.extend(self.removed(chosen, layout));
        if layout == Layout::Compact && !ranges.is_empty() {
            ranges.extend(self.padding.clone());
        }
        let bytes = |range: Range<usize>| range.start as u64..range.end as u64;
        joined(ranges).into_iter().map(|range| self.encoding.take_out(bytes(range), layout)).collect()
    }

    /// The ranges that go with the chosen properties, sorted and joined.
    fn removed(&self, chosen: &[usize], layout: Layout) -> Vec<Range<usize>> {
        let taken = || chosen.iter().filter_map(|&index| self.properties.get(index));
        let mut ranges: Vec<_> = taken()
            .map(|property| match layout {
                Layout::Preserve => property.range.clone(),
                Layout::Compact => property.indent.start..property.range.end,
            })
            .collect();
        let gone = self.names_gone(chosen);
        let goes = |namespace: &str, name: &str| gone.contains(&(namespace, name));
        ranges.extend(self.schemas.iter().flat_map(|schema| schema.without(goes)));
        let mut ranges = joined(ranges);
        let covered = |at: usize| {
            let index = ranges.partition_point(|range| range.end <= at);
            ranges.get(index).is_some_and(|range| range.start <= at)
        };
        let unused: Vec<_> = self
            .declarations
            .iter()
            .filter(|declaration| !declaration.uses.is_empty() && declaration.uses.iter().all(|&at| covered(at)))
            .map(|declaration| declaration.range.clone())
            .collect();
        ranges.extend(unused);
        ranges
    }

    /// Namespace and name of the chosen properties that no property keeps.
    fn names_gone(&self, chosen: &[usize]) -> HashSet<(&str, &str)> {
        let names = |index: usize| {
            let property = self.properties.get(index)?;
            let key = &self.sites.get(index)?.key;
            Some([(&*property.namespace, &*property.local), (&*property.namespace, &**key)])
        };
        let mut gone: HashSet<_> = chosen.iter().filter_map(|&index| names(index)).flatten().collect();
        let kept = (0..self.properties.len()).filter(|index| chosen.binary_search(index).is_err());
        for name in kept.filter_map(names).flatten() {
            gone.remove(&name);
        }
        gone
    }
}

impl Carrier for Packet {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        Ok(self.take_out(chosen, Vec::new(), layout))
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.claimed.clone()
    }
}

/// The ranges sorted, with those that touch or overlap made one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.retain(|range| range.start < range.end);
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Where the text of a packet begins behind blanks and NULs: at a byte order mark, or at the first markup.
fn lead(bytes: &[u8]) -> usize {
    let marks: [&[u8]; 4] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return 0;
    }
    let Some(at) = bytes.iter().position(|byte| !matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n')) else { return 0 };
    // In UTF-16 and UTF-32 with the high byte first, zeros before the `<` belong to it.
    match bytes.get(at + 1) {
        Some(0) if at % 4 == 3 && bytes.get(at - 3..at) == Some(&[0; 3]) && bytes.get(at + 2) == Some(&0) => at - 3,
        Some(0) if at % 2 == 1 && bytes.get(at - 1) == Some(&0) => at - 1,
        _ => at,
    }
}

#[cfg(test)]
mod tests;
