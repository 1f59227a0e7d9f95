//! What a `metadata` element says in terms of its own: elements, their text, their attributes.

use crate::containers::xml::{Attribute, Element, Event};
use crate::error::Result;
use crate::survey::{Kind, Site};

use super::reader::{Flavour, Reader, is_packet};

/// Attributes that name what an element is about, and those that say it.
const NAMES: [&str; 3] = ["name", "key", "property"];
const VALUES: [&str; 3] = ["content", "value", "val"];

/// Namespaces of what drawing programs keep for themselves.
const PROGRAMS: [&str; 5] = [
    "http://ns.adobe.com/",
    "http://www.inkscape.org/",
    "http://sodipodi.sourceforge.net/",
    "http://www.bohemiancoding.com/",
    "http://www.serif.com/",
];

/// Whether a namespace belongs to a program.
pub(super) fn is_program(namespace: &str) -> bool {
    PROGRAMS.iter().any(|known| namespace.starts_with(known))
}

/// The decoded value of the first of these attributes that is there.
pub(super) fn first<'t>(element: &Element<'t>, names: &[&str]) -> Option<(String, &'t str)> {
    let found = names.iter().find_map(|name| element.attribute("", name))?;
    Some((found.value().into_owned(), found.raw()))
}

impl<'t> Reader<'t> {
    /// Reads a `metadata` element to its end: every entry is a label.
    pub(super) fn metadata(&mut self, element: &Element<'t>) -> Result<()> {
        let start = self.walk.labels.sites.len();
        let packets = self.packets.len();
        self.walk.claims_names = true;
        self.walk.claim_tag(element);
        let body = self.entries(element)?;
        self.walk.claims_names = false;
        let end = self.walk.scanner.position();
        if !body.text.trim().is_empty() && self.packets.len() == packets {
            // Text of its own: then it is one label, whatever stands between.
            self.walk.labels.sites.truncate(start);
            self.walk.labels.ranges.truncate(start);
            let value = body.text.trim().to_owned();
            let site = Site {
                key: "metadata".into(),
                address: format!("{}:metadata", self.flavour.carrier()),
                value: Some(value),
                kind: Kind::Standard,
                ..Site::default()
            };
            self.walk.push(site, None, element.range.end..body.end);
        }
        self.walk.is_metadata(element.range.start..end);
        Ok(())
    }

    /// Reads the children of `element` to its end.
    fn entries(&mut self, element: &Element<'t>) -> Result<Body> {
        let depth = self.walk.scanner.depth();
        let mut body = Body { end: element.range.end, ..Body::default() };
        loop {
            match self.walk.next()? {
                Some(Event::Start(child)) => {
                    body.has_elements = true;
                    self.entry(&child)?;
                }
                Some(Event::Text(range) | Event::CData(range)) => body.text.push_str(&self.walk.scanner.decoded(range)),
                Some(Event::End(end)) if self.walk.scanner.depth() < depth => {
                    body.end = end.range.start;
                    return Ok(body);
                }
                Some(_) => {}
                None => return Ok(body),
            }
        }
    }

    /// Reads one element within metadata to its end.
    fn entry(&mut self, element: &Element<'t>) -> Result<()> {
        if self.guard(element) {
            self.skip()?;
            return Ok(());
        }
        if is_packet(element) {
            self.packet(element)?;
            return Ok(());
        }
        if let Some((key, _)) = first(element, &NAMES) {
            let content = self.walk.scanner.content(element)?;
            let inner = self.walk.text.slice(content.inner.clone());
            let (value, raw) = first(element, &VALUES).unwrap_or((content.text.trim().to_owned(), inner.trim()));
            self.push(element, key, value, raw, true, content.range);
            return Ok(());
        }
        let (sites, packets) = (self.walk.labels.sites.len(), self.packets.len());
        let body = self.entries(element)?;
        let text = body.text.trim();
        if !text.is_empty() && self.packets.len() == packets {
            self.walk.labels.sites.truncate(sites);
            self.walk.labels.ranges.truncate(sites);
            let raw = self.walk.text.slice(element.range.end..body.end).trim();
            let range = element.range.start..self.walk.scanner.position();
            self.push(element, element.name.local.to_owned(), text.to_owned(), raw, false, range);
        } else {
            element.attributes.iter().for_each(|attribute| self.attribute(element, attribute));
        }
        Ok(())
    }

    /// An attribute that says something itself.
    fn attribute(&mut self, element: &Element<'t>, attribute: &Attribute<'t>) {
        let is_syntax = attribute.declares().is_some() || matches!(attribute.name.prefix, "xml" | "xsi" | "rdf" | "mc");
        let value = attribute.value();
        if is_syntax || value.trim().is_empty() {
            return;
        }
        let key = attribute.name.local.to_owned();
        self.push(element, key, value.into_owned(), attribute.raw(), false, attribute.range.clone());
    }

    fn push(
        &mut self,
        element: &Element<'t>,
        key: String,
        value: String,
        raw: &str,
        is_named: bool,
        range: std::ops::Range<usize>,
    ) {
        let kind = match self.flavour {
            _ if is_program(&element.name.namespace) => Kind::Bookkeeping,
            Flavour::Svg => Kind::Custom,
            Flavour::Xml if is_named => Kind::Custom,
            // Elements of a vocabulary that uses the word are its own fields.
            Flavour::Xml => Kind::Standard,
        };
        let site = Site {
            address: format!("metadata:{key}"),
            raw_value: (raw != value).then(|| raw.to_owned()),
            value: Some(value),
            key,
            kind,
            ..Site::default()
        };
        self.walk.push(site, None, range);
    }
}

/// What an element held.
#[derive(Debug, Default)]
struct Body {
    /// Its own text, without that of elements within.
    text: String,
    has_elements: bool,
    /// Where its end tag begins.
    end: usize,
}
