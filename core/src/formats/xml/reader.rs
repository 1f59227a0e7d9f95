//! One walk through a document, for XML and SVG.

use std::ops::Range;

use crate::containers::markup::{Embedded, Parts, adopt, uris};
use crate::containers::xml::{Element, Event, Text, Walk};
use crate::containers::xmp::{Packet, is_rdf};
use crate::error::{ErrorKind, Result};
use crate::formats::ooxml;
use crate::limits::Limits;
use crate::survey::{Barrier, Guard, Kind, Scope, Site};

use super::metadata::{first, is_program};
use super::office::{self, OFFICE, PACKAGE, WORD};

/// The namespace of SVG.
const SVG: &str = "http://www.w3.org/2000/svg";
/// XML signatures.
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";
/// Manifests of content credentials.
const C2PA: &str = "http://c2pa.org/manifest";
/// The wrapper of XMP.
const WRAPPER: &str = "adobe:ns:meta/";

/// Words without which markup in an entity holds no label.
const TELLING: [&str; 8] = ["metadata", "title", "desc", "meta", "RDF", "Properties", "docVar", "data-"];

/// Words of comments that hold metadata taken out of use.
const STALE: [&str; 5] = ["<meta", "<rdf:", "<dc:", "<cc:", "CustomDocumentProperties"];

/// What kind of document is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::formats) enum Flavour {
    Xml,
    Svg,
}

impl Flavour {
    pub(super) fn carrier(self) -> &'static str {
        match self {
            Self::Xml => "xml",
            Self::Svg => "svg",
        }
    }
}

/// The walk, and what it found beside labels.
pub(super) struct Reader<'t> {
    pub(super) walk: Walk<'t>,
    pub(super) flavour: Flavour,
    pub(super) packets: Vec<(Packet, Range<usize>)>,
    input: &'t [u8],
    limits: &'t Limits,
    guards: Vec<Guard>,
    embedded: Vec<Embedded>,
    stale: Vec<Range<usize>>,
    /// Name and content type of the part of a flat package that is open.
    part: (String, String),
}

/// Reads a document.
///
/// # Errors
/// Malformed XML, an encoding that cannot be read, or a limit, with the offset.
pub(in crate::formats) fn read(input: &[u8], flavour: Flavour, limits: &Limits) -> Result<Parts> {
    let text = Text::decode(input, limits)?;
    let mut walk = Walk::new(&text, limits).resolving();
    // The document itself is long, and nothing is searched in it by names.
    walk.claims_names = false;
    let mut reader = Reader {
        walk,
        flavour,
        packets: Vec::new(),
        input,
        limits,
        guards: Vec::new(),
        embedded: Vec::new(),
        stale: Vec::new(),
        part: Default::default(),
    };
    reader.run()?;
    let conceals = reader.walk.scanner.entities().is_some_and(|entities| entities.conceals(&TELLING));
    if conceals {
        reader.stand(ErrorKind::Unsupported, "an entity of the document type holds markup", Scope::Hidden, 0);
    }
    let mut embedded = reader.embedded;
    embedded.extend(uris(&text, input));
    embedded.sort_by_key(Embedded::start);
    Ok(Parts {
        labels: reader.walk.labels,
        packets: reader.packets,
        stale: reader.stale,
        inline: Vec::new(),
        embedded,
        guards: reader.guards,
    })
}

/// Whether a comment holds metadata that was taken out of use.
pub(in crate::formats) fn is_stale(comment: &str) -> bool {
    STALE.iter().any(|word| comment.contains(word))
}

/// Whether an element holds statements.
pub(super) fn is_packet(element: &Element<'_>) -> bool {
    let name = &element.name;
    (name.local == "RDF" && is_rdf(&name.namespace))
        || (name.namespace == WRAPPER && matches!(name.local, "xmpmeta" | "xapmeta"))
}

impl<'t> Reader<'t> {
    fn run(&mut self) -> Result<()> {
        while let Some(event) = self.walk.next()? {
            match event {
                Event::Start(element) => self.start(&element)?,
                Event::Comment(range) if is_stale(self.walk.text.slice(range.clone())) => {
                    let inner = self.walk.text.raw(range.start + "<!--".len()..range.end - "-->".len());
                    self.stale.push(inner);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn start(&mut self, element: &Element<'t>) -> Result<()> {
        let depth = self.walk.scanner.depth();
        let is_svg = self.flavour == Flavour::Svg;
        if self.guard(element) {
            return Ok(());
        }
        match (&*element.name.namespace, element.name.local) {
            // A file of statements: they are what it is for.
            (namespace, "RDF") if depth == 1 && is_rdf(namespace) => self.skip(),
            _ if is_packet(element) => {
                let range = self.packet(element)?;
                self.walk.is_metadata(range);
                Ok(())
            }
            (OFFICE, "DocumentProperties") => self.properties(element, false),
            (OFFICE, "CustomDocumentProperties") => self.properties(element, true),
            (WORD, "docVar") => self.variable(element),
            (PACKAGE, "part") => {
                let value = |name| element.value(PACKAGE, name).unwrap_or_default().into_owned();
                self.part = (value("name"), value("contentType"));
                Ok(())
            }
            (PACKAGE, "xmlData") => self.part_data(element),
            (PACKAGE, "binaryData") => {
                let name = self.part.0.clone();
                self.binary_data(element, &name)
            }
            (WORD, "binData") => {
                let name = element.value(WORD, "name").unwrap_or_default();
                self.binary_data(element, name.trim_start_matches("wordml:"))
            }
            (SVG | "", "svg") if is_svg && depth == 1 => {
                self.root(element);
                Ok(())
            }
            (SVG | "", "metadata") if is_svg => self.metadata(element),
            (SVG | "", "title" | "desc") if is_svg && depth == 2 => self.field(element),
            (_, "metadata") if !is_svg && depth == 2 => self.metadata(element),
            (_, "meta") if !is_svg => self.meta(element),
            _ => Ok(()),
        }
    }

    /// Reads the packet that `element` opens to its end.
    pub(super) fn packet(&mut self, element: &Element<'t>) -> Result<Range<usize>> {
        let start = element.range.start;
        let packet = Packet::within(self.walk.text, start, &self.walk.scanner, self.limits)?;
        adopt(&mut self.packets, &mut self.walk.labels, packet);
        self.skip()?;
        Ok(start..self.walk.scanner.position())
    }

    /// Notes a signature over the file. Returns whether `element` is one.
    pub(super) fn guard(&mut self, element: &Element<'t>) -> bool {
        let reason = match (&*element.name.namespace, element.name.local) {
            (SIGNATURE, "Signature") => "an XML signature stands in the file",
            (C2PA, "manifest") => "a C2PA manifest covers the file",
            _ => return false,
        };
        let at = self.walk.text.raw_offset(element.range.start) as u64;
        self.stand(ErrorKind::Signed, reason, Scope::File, at);
        true
    }

    fn stand(&mut self, kind: ErrorKind, reason: &str, scope: Scope, offset: u64) {
        let barrier = Barrier::new(kind, reason);
        if !self.guards.iter().any(|guard| guard.barrier == barrier) {
            self.guards.push(Guard { barrier, scope, offset });
        }
    }

    /// Reads on to the end of the element that was opened last.
    pub(super) fn skip(&mut self) -> Result<()> {
        let depth = self.walk.scanner.depth();
        while self.walk.scanner.depth() >= depth && self.walk.scanner.next()?.is_some() {}
        Ok(())
    }

    fn properties(&mut self, element: &Element<'t>, is_custom: bool) -> Result<()> {
        let depth = self.walk.scanner.depth();
        self.walk.claims_names = true;
        self.walk.claim_tag(element);
        while self.walk.scanner.depth() >= depth {
            match self.walk.next()? {
                Some(Event::Start(child)) => office::read(&mut self.walk, &child, is_custom)?,
                Some(_) => {}
                None => break,
            }
        }
        self.walk.claims_names = false;
        self.walk.is_metadata(element.range.start..self.walk.scanner.position());
        Ok(())
    }

    /// A document variable of Word.
    fn variable(&mut self, element: &Element<'t>) -> Result<()> {
        let content = self.walk.scanner.content(element)?;
        let Some(key) = element.value(WORD, "name") else { return Ok(()) };
        let value = element.attribute(WORD, "val");
        let site = Site {
            address: format!("docvar:{key}"),
            key: key.into_owned(),
            value: value.map(|value| value.value().into_owned()),
            raw_value: value.filter(|value| value.raw() != value.value()).map(|value| value.raw().to_owned()),
            ..Site::default()
        };
        self.walk.push(site, None, content.range.clone());
        self.walk.is_metadata(content.range);
        Ok(())
    }

    /// A part of a flat package: read as that of any other.
    fn part_data(&mut self, element: &Element<'t>) -> Result<()> {
        self.skip_checked()?;
        let (name, kind) = &self.part;
        if kind.contains("digital-signature") {
            self.stand(ErrorKind::Signed, "a signature of the package stands in the file", Scope::File, 0);
            return Ok(());
        }
        let end = self.walk.text.slice(element.range.end..self.walk.scanner.position()).rfind("</");
        let inner = element.range.end..element.range.end + end.unwrap_or(0);
        let part = self.walk.text.part(inner);
        let Some(found) = ooxml::single(name, kind, &part, self.limits)? else { return Ok(()) };
        let labels = &mut self.walk.labels;
        let shift = labels.sites.len();
        labels.groups.extend(found.groups.into_iter().map(|(range, it)| (range, it.start + shift..it.end + shift)));
        labels.follows.extend(found.follows.into_iter().map(|(site, target)| (site + shift, target + shift)));
        labels.sites.extend(found.sites.into_iter().map(|mut site| {
            name.trim_start_matches('/').clone_into(&mut site.place);
            site
        }));
        labels.ranges.extend(found.ranges);
        labels.claims.extend(found.claims);
        labels.metadata.extend(found.metadata);
        Ok(())
    }

    /// As [`skip`](Self::skip), noting signatures on the way.
    fn skip_checked(&mut self) -> Result<()> {
        let depth = self.walk.scanner.depth();
        while self.walk.scanner.depth() >= depth {
            match self.walk.scanner.next()? {
                Some(Event::Start(element)) => drop(self.guard(&element)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    /// A binary part of a flat package, or a picture of a flat document.
    fn binary_data(&mut self, element: &Element<'t>, name: &str) -> Result<()> {
        let content = self.walk.scanner.content(element)?;
        if self.walk.text.encoding().unit() == 1 && !content.has_elements {
            let range = self.walk.text.raw(content.inner);
            let name = name.trim_start_matches('/').to_owned();
            self.embedded.push(Embedded::new(name, self.input, range, None));
        }
        Ok(())
    }

    /// A field that describes the whole drawing.
    fn field(&mut self, element: &Element<'t>) -> Result<()> {
        let content = self.walk.scanner.content(element)?;
        let value = content.text.trim().to_owned();
        if !value.is_empty() {
            let raw = self.walk.text.slice(content.inner.clone()).trim();
            let site = Site {
                key: element.name.local.to_owned(),
                address: format!("svg:{}", element.name.local),
                raw_value: (raw != value).then(|| raw.to_owned()),
                value: Some(value),
                kind: Kind::Standard,
                ..Site::default()
            };
            self.walk.push(site, None, content.range.clone());
            self.walk.is_metadata(content.range);
        }
        Ok(())
    }

    /// Attributes of the root that say something of the file: those of other namespaces, and `data-` attributes.
    fn root(&mut self, element: &Element<'t>) {
        for attribute in &element.attributes {
            let name = &attribute.name;
            let data = name.qualified.strip_prefix("data-").filter(|key| !key.is_empty());
            let is_foreign = !name.namespace.is_empty()
                && attribute.declares().is_none()
                && !name.namespace.starts_with("http://www.w3.org/");
            let (key, address, kind) = match data {
                // Illustrator keeps the name of a layer there.
                Some(key) if key == "name" => (key, format!("data:{key}"), Kind::Bookkeeping),
                // What a style sheet or a script asks for is part of the drawing.
                Some(key) if self.is_used(name.qualified) => (key, format!("data:{key}"), Kind::Standard),
                Some(key) => (key, format!("data:{key}"), Kind::Custom),
                None if is_foreign => {
                    let kind = if is_program(&name.namespace) { Kind::Standard } else { Kind::Custom };
                    (name.local, name.qualified.to_owned(), kind)
                }
                None => continue,
            };
            let value = attribute.value().into_owned();
            let site = Site {
                aliases: data.map(|key| vec![format!("data-{key}")]).unwrap_or_default(),
                raw_value: (attribute.raw() != value).then(|| attribute.raw().to_owned()),
                value: Some(value),
                key: key.to_owned(),
                address,
                kind,
                ..Site::default()
            };
            self.walk.push(site, None, attribute.range.clone());
            self.walk.is_metadata(attribute.range.clone());
        }
    }

    /// Whether the text asks for an attribute of this name: in a selector, or in a script.
    fn is_used(&self, name: &str) -> bool {
        let text = self.walk.text.as_str();
        text.contains(&format!("[{name}")) || text.contains("dataset") || text.contains(&format!("\"{name}\""))
    }

    /// A name and a content in attributes, as XHTML has them and many vocabularies have taken over.
    fn meta(&mut self, element: &Element<'t>) -> Result<()> {
        let content = self.walk.scanner.content(element)?;
        let (Some((key, _)), Some((value, raw))) =
            (first(element, &["name", "property"]), first(element, &["content", "value"]))
        else {
            return Ok(());
        };
        let site = Site {
            address: format!("meta:{key}"),
            raw_value: (raw != value).then(|| raw.to_owned()),
            value: Some(value),
            key,
            ..Site::default()
        };
        self.walk.push(site, None, content.range.clone());
        self.walk.is_metadata(content.range);
        Ok(())
    }
}
