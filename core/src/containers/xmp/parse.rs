//! Reading a packet.

use std::mem::take;
use std::ops::Range;

use memchr::memmem;

use super::extension::Reader;
use super::namespaces::{AIGC, NOTE, PDFA_EXTENSION, PDFX, is_pdf_bookkeeping, is_rdf, is_taken, standard_prefix};
use super::{Declaration, Packet, Property};
use crate::containers::text::is_aigc;
use crate::containers::xml::{Attribute, Element, End, Event, Name, Scanner, Text, XML, is_blank};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, KeyCase, Kind, Site};

/// What joins the items of a list and the fields of a structure.
const JOINT: &str = "; ";

/// Parses `bytes`.
pub(super) fn packet(bytes: &[u8], limits: &Limits) -> Result<Packet> {
    let start = super::lead(bytes);
    let body = bytes.get(start..).unwrap_or_default();
    let read = |body| Text::decode(body, limits).and_then(|text| Walk::new(&text, start, limits).run());
    read(body).or_else(|error| {
        // What stands behind the root element need not be text.
        let valid = error.offset().and_then(|at| body.get(..at as usize)).filter(|valid| !valid.is_empty());
        let cut = valid.filter(|_| Text::decode(body, limits).is_err()).and_then(|valid| read(valid).ok());
        cut.ok_or_else(|| error.rebased(start as u64))
    })
}

/// Parses the element at `position` of `text`, in the namespaces of `outer`.
pub(super) fn element(text: &Text<'_>, position: usize, outer: &Scanner<'_>, limits: &Limits) -> Result<Packet> {
    let mut walk = Walk::new(text, 0, limits);
    walk.element(outer.of_element(position))?;
    Ok(walk.packet)
}

/// What an open element is to the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Around `rdf:RDF`.
    Wrapper,
    /// `rdf:RDF`.
    Rdf,
    /// Below `rdf:RDF`: a node whose children and attributes are properties.
    Node,
    /// A property.
    Property,
    /// Part of a property.
    Inside,
}

#[derive(Debug)]
struct Frame<'t> {
    role: Role,
    name: Name<'t>,
    has_elements: bool,
    /// Whether it is a list item of an extension schema.
    is_item: bool,
    /// Bindings in scope before this element.
    bindings: usize,
}

/// The property being read.
#[derive(Debug, Default)]
struct Current {
    /// Index of its site, unless it is structure.
    site: Option<usize>,
    /// Where its start tag ends.
    tag_end: usize,
    leaves: Vec<String>,
    /// Where the comments in it stand, which belong to no value.
    comments: Vec<Range<usize>>,
    extension: Option<Reader>,
    is_pointer: bool,
}

#[derive(Debug)]
struct Walk<'t> {
    text: &'t Text<'t>,
    limits: &'t Limits,
    /// Where the text begins in the packet.
    base: usize,
    packet: Packet,
    frames: Vec<Frame<'t>>,
    /// Prefixes in scope, each with its declaration if that is of an unknown namespace.
    bindings: Vec<(&'t str, Option<usize>)>,
    current: Current,
    /// Character data since the last tag.
    run: String,
    blank: Option<Range<usize>>,
}

impl<'t> Walk<'t> {
    fn new(text: &'t Text<'t>, base: usize, limits: &'t Limits) -> Self {
        let packet = Packet {
            encoding: text.encoding(),
            sites: Vec::new(),
            properties: Vec::new(),
            declarations: Vec::new(),
            schemas: Vec::new(),
            claimed: Vec::new(),
            loose: Vec::new(),
            padding: None,
            extended: None,
        };
        let (frames, bindings, run, blank) = (Vec::new(), Vec::new(), String::new(), None);
        Self { text, limits, base, packet, frames, bindings, current: Current::default(), run, blank }
    }

    fn run(mut self) -> Result<Packet> {
        let mut position = 0;
        if self.text.as_str().bytes().all(|byte| byte == 0 || byte.is_ascii_whitespace()) {
            return Ok(self.packet);
        }
        loop {
            position = self.root(position)?;
            let rest = self.text.slice(position..self.text.as_str().len());
            // Some readers stop here, others go on: a second tree of properties is read as well.
            let Some(next) = rest.find('<').filter(|_| memmem::find(rest.as_bytes(), b":RDF").is_some()) else {
                self.tail(position);
                return Ok(self.packet);
            };
            self.loose(position..position + next);
            position += next;
        }
    }

    /// Reads one root element and what stands before it; returns where it ends.
    fn root(&mut self, position: usize) -> Result<usize> {
        self.element(Scanner::starting_at(self.text, position, self.limits))
    }

    /// Reads the element that `scanner` comes to, and what stands before it; returns where it ends.
    fn element(&mut self, mut scanner: Scanner<'t>) -> Result<usize> {
        while let Some(event) = scanner.next()? {
            let blank = self.blank.take();
            match event {
                Event::Start(element) => self.start(&element, blank.unwrap_or_default()),
                Event::End(end) => {
                    self.end(&end);
                    if self.frames.is_empty() {
                        break;
                    }
                }
                Event::Text(range) => self.characters(range, &scanner),
                Event::CData(range) => self.run.push_str(&scanner.decoded(range)),
                Event::Comment(range) => {
                    if self.in_property() {
                        self.current.comments.push(self.raw(range.clone()));
                    }
                    // The markers stay: a comment within a value must not become part of it.
                    self.loose(range.start + "<!--".len()..range.end - "-->".len());
                }
                Event::Instruction(range) if self.is_known_instruction(&range) => self.claim(range),
                Event::Instruction(range) => self.loose(range),
                Event::Doctype(range) => {
                    return Err(Error::malformed(self.text.raw_offset(range.start) as u64, "a DOCTYPE in XMP"));
                }
            }
        }
        Ok(scanner.position())
    }

    /// What stands behind the root element.
    fn tail(&mut self, position: usize) {
        let rest = self.text.slice(position..self.text.as_str().len());
        let end = self.text.as_str().len();
        let trailer = memmem::find(rest.as_bytes(), b"<?xpacket end").and_then(|start| {
            let length = rest.get(start..)?.find("?>")? + 2;
            Some(position + start..position + start + length)
        });
        let Some(trailer) = trailer else { return self.loose(position..end) };
        if is_blank(self.text.slice(position..trailer.start)) {
            self.packet.padding = Some(self.raw(position..trailer.start));
        }
        self.loose(position..trailer.start);
        self.loose(trailer.end..end);
        self.claim(trailer);
    }

    fn raw(&self, range: Range<usize>) -> Range<usize> {
        let raw = self.text.raw(range);
        self.base + raw.start..self.base + raw.end
    }

    fn claim(&mut self, range: Range<usize>) {
        let range = self.raw(range);
        self.packet.claimed.push(range);
    }

    fn loose(&mut self, range: Range<usize>) {
        if range.start < range.end {
            let range = self.raw(range);
            self.packet.loose.push(range);
        }
    }

    fn in_property(&self) -> bool {
        self.frames.last().is_some_and(|frame| matches!(frame.role, Role::Property | Role::Inside))
    }

    fn is_known_instruction(&self, range: &Range<usize>) -> bool {
        let text = self.text.slice(range.clone());
        ["<?xpacket ", "<?xml ", "<?adobe-xap-filters "].iter().any(|known| text.starts_with(known))
    }

    fn characters(&mut self, range: Range<usize>, scanner: &Scanner<'t>) {
        if self.in_property() {
            self.run.push_str(&scanner.decoded(range));
        } else if is_blank(self.text.slice(range.clone())) {
            self.blank = Some(range);
        } else {
            self.loose(range);
        }
    }

    fn start(&mut self, element: &Element<'t>, blank: Range<usize>) {
        let role = match self.frames.last_mut() {
            None => Role::Wrapper,
            Some(frame) => {
                frame.has_elements = true;
                match frame.role {
                    Role::Wrapper => Role::Wrapper,
                    Role::Rdf => Role::Node,
                    Role::Node => Role::Property,
                    Role::Property | Role::Inside => Role::Inside,
                }
            }
        };
        let is_tree = is_rdf(&element.name.namespace) && element.name.local == "RDF";
        let role = if role == Role::Wrapper && is_tree { Role::Rdf } else { role };
        let bindings = self.bindings.len();
        self.bind(element);
        match role {
            Role::Wrapper | Role::Rdf => self.wrapper(element),
            Role::Node => self.node(element),
            Role::Property => self.open_property(element, blank),
            Role::Inside => {}
        }
        let is_item = self.fields(element, role);
        self.run.clear();
        self.frames.push(Frame { role, name: element.name.clone(), has_elements: false, is_item, bindings });
    }

    fn end(&mut self, end: &End<'t>) {
        let Some(frame) = self.frames.pop() else { return };
        self.bindings.truncate(frame.bindings);
        let text = take(&mut self.run);
        match frame.role {
            Role::Wrapper | Role::Rdf | Role::Node => self.claim(end.range.clone()),
            Role::Property | Role::Inside => {
                if let Some(reader) = &mut self.current.extension {
                    reader.field(&frame.name.namespace, frame.name.local, &text);
                    if frame.is_item {
                        let raw = self.text.raw(end.element.clone());
                        reader.close_item(self.base + raw.start..self.base + raw.end);
                    }
                }
                let is_leaf = !frame.has_elements && (frame.role == Role::Property || !is_blank(&text));
                if is_leaf {
                    self.current.leaves.push(text);
                }
                if frame.role == Role::Property {
                    self.close_property(&frame, end);
                }
            }
        }
    }

    /// Notes the declarations of a tag, and which of them its names use.
    fn bind(&mut self, element: &Element<'t>) {
        for attribute in &element.attributes {
            let Some(prefix) = attribute.declares() else { continue };
            let declaration = is_telling(&attribute.value()).then(|| {
                let range = self.raw(attribute.range.clone());
                self.packet.declarations.push(Declaration { range, uses: Vec::new() });
                self.packet.declarations.len() - 1
            });
            self.bindings.push((prefix, declaration));
        }
        let attributes = element.attributes.iter().filter(|attribute| !attribute.name.prefix.is_empty());
        let names = attributes.map(|attribute| (attribute.name.prefix, attribute.name_range.start));
        for (prefix, at) in std::iter::once((element.name.prefix, element.name_range.start)).chain(names) {
            let bound = self.bindings.iter().rev().find(|(declared, _)| *declared == prefix);
            let Some(declaration) = bound.and_then(|(_, declaration)| *declaration) else { continue };
            let at = self.base + self.text.raw_offset(at);
            if let Some(declaration) = self.packet.declarations.get_mut(declaration) {
                declaration.uses.push(at);
            }
        }
    }

    /// Claims what is known of a tag around the nodes.
    fn wrapper(&mut self, element: &Element<'t>) {
        self.claim(element.range.start..element.name_range.end);
        for attribute in &element.attributes {
            let toolkit = matches!(attribute.name.local, "xmptk" | "xaptk");
            if attribute.declares().is_some() || toolkit || is_syntax(&attribute.name) {
                self.claim(attribute.range.clone());
            }
        }
    }

    /// Takes up the attributes of a node as properties.
    fn node(&mut self, element: &Element<'t>) {
        self.claim(element.range.clone());
        for attribute in &element.attributes {
            if attribute.declares().is_some() || is_syntax(&attribute.name) {
                continue;
            }
            if attribute.name.is(NOTE, "HasExtendedXMP") {
                self.packet.extended = Some(self.raw(attribute.value_range.clone()));
                continue;
            }
            let start = attribute.range.start;
            let site = self.site(&attribute.name, attribute.range.clone(), start..start);
            self.set_value(site, attribute.value().into_owned(), attribute.raw());
        }
    }

    fn open_property(&mut self, element: &Element<'t>, blank: Range<usize>) {
        let is_pointer = element.name.is(NOTE, "HasExtendedXMP");
        self.current = Current { is_pointer, tag_end: element.range.end, ..Current::default() };
        if !self.current.is_pointer && !is_syntax(&element.name) {
            // The end is known when the element is closed.
            let indent =
                if blank.end == element.range.start { blank } else { element.range.start..element.range.start };
            self.current.site = Some(self.site(&element.name, element.range.clone(), indent));
        }
        if element.name.is(PDFA_EXTENSION, "schemas") {
            self.current.extension = Some(Reader::default());
        }
    }

    /// Takes up the attributes of a property, or of an element in one, as values. Returns whether the element is a
    /// list item of an extension schema.
    fn fields(&mut self, element: &Element<'t>, role: Role) -> bool {
        if !matches!(role, Role::Property | Role::Inside) {
            return false;
        }
        let is_item = self.current.extension.is_some() && is_rdf(&element.name.namespace) && element.name.local == "li";
        if let Some(reader) = self.current.extension.as_mut().filter(|_| is_item) {
            reader.open_item();
        }
        let says = |attribute: &&Attribute<'t>| {
            let name = &attribute.name;
            attribute.declares().is_none() && (!is_syntax(name) || matches!(name.local, "resource" | "value"))
        };
        for attribute in element.attributes.iter().filter(says) {
            let value = attribute.value();
            if let Some(reader) = &mut self.current.extension {
                reader.field(&attribute.name.namespace, attribute.name.local, &value);
            }
            self.current.leaves.push(value.into_owned());
        }
        is_item
    }

    fn close_property(&mut self, frame: &Frame<'t>, end: &End<'t>) {
        let current = take(&mut self.current);
        let range = self.raw(end.element.clone());
        let mut start = range.start;
        for comment in current.comments {
            self.packet.claimed.push(start..comment.start);
            start = comment.end;
        }
        self.packet.claimed.push(start..range.end);
        let inner = current.tag_end..end.range.start;
        if current.is_pointer {
            self.packet.extended = Some(self.raw(inner));
            return;
        }
        let Some(site) = current.site else { return };
        if let Some(property) = self.packet.properties.get_mut(site) {
            property.range = range;
        }
        if let Some(reader) = current.extension {
            // Its text changes with the properties it describes.
            self.packet.schemas.extend(reader.into_schemas());
            return;
        }
        let mut leaves = current.leaves;
        if frame.has_elements || leaves.len() > 1 {
            leaves.retain(|leaf| !is_blank(leaf));
            let value = leaves.join(JOINT);
            self.set_value(site, value.clone(), &value);
        } else {
            let value = leaves.pop().unwrap_or_default();
            let raw = self.text.slice(inner);
            let raw = if raw.is_empty() { value.clone() } else { raw.to_owned() };
            self.set_value(site, value, &raw);
        }
    }

    /// Adds the site of a property and returns its index.
    fn site(&mut self, name: &Name<'t>, range: Range<usize>, indent: Range<usize>) -> usize {
        let range = self.raw(range);
        let indent = self.raw(indent);
        let key = if name.namespace == PDFX { unescape(name.local) } else { name.local.to_owned() };
        let prefix = address_prefix(name);
        let address = if prefix.is_empty() { format!("xmp:{key}") } else { format!("xmp:{prefix}:{key}") };
        let standard = standard_prefix(&name.namespace).is_some();
        let kind = match &*name.namespace {
            _ if standard => Kind::Standard,
            PDFX if is_pdf_bookkeeping(&key) => Kind::Bookkeeping,
            _ => Kind::Custom,
        };
        let protected = key == "AIGC" || name.namespace == AIGC;
        self.packet.sites.push(Site {
            aliases: if standard || prefix.is_empty() { Vec::new() } else { vec![format!("{prefix}:{key}")] },
            address,
            kind,
            case: if name.namespace == PDFX { KeyCase::Loose } else { KeyCase::Sensitive },
            place: "XMP".to_owned(),
            offset: range.start as u64,
            barrier: protected.then(protection),
            key,
            value: None,
            raw_value: None,
        });
        let (namespace, local) = (name.namespace.clone().into_owned(), name.local.to_owned());
        self.packet.properties.push(Property { range, indent, namespace, local });
        self.packet.sites.len() - 1
    }

    fn set_value(&mut self, site: usize, mut value: String, raw: &str) {
        let Some(site) = self.packet.sites.get_mut(site) else { return };
        if is_aigc(&value) && site.barrier.is_none() {
            site.barrier = Some(protection());
        }
        if raw != value {
            let mut raw = raw.to_owned();
            raw.truncate(raw.floor_char_boundary(self.limits.value_bytes));
            site.raw_value = Some(raw);
        }
        value.truncate(value.floor_char_boundary(self.limits.value_bytes));
        site.value = Some(value);
    }
}

fn protection() -> Barrier {
    Barrier::new(ErrorKind::Protected, "a label of generated content, which law protects")
}

/// Whether a name belongs to RDF or XML itself, not to a property.
fn is_syntax(name: &Name<'_>) -> bool {
    let bare = name.prefix.is_empty() && name.namespace.is_empty();
    is_rdf(&name.namespace)
        || name.namespace == XML
        || (bare && matches!(name.local, "about" | "ID" | "nodeID" | "aboutEach" | "parseType" | "resource" | "lang"))
}

/// Whether the declaration of a namespace says who made a label.
fn is_telling(uri: &str) -> bool {
    let known = ["http://ns.adobe.com/", "http://www.w3.org/", "http://www.aiim.org/", "http://purl.org/"];
    standard_prefix(uri).is_none() && uri != AIGC && !known.iter().any(|known| uri.starts_with(known))
}

/// The prefix of an address: the usual one of a known namespace, else that of the file.
fn address_prefix(name: &Name<'_>) -> String {
    match &*name.namespace {
        PDFX => "pdfx".to_owned(),
        AIGC => "TC260".to_owned(),
        uri => match standard_prefix(uri) {
            Some(prefix) => prefix.to_owned(),
            // A prefix that would read as another namespace, or none at all.
            None if !uri.is_empty() && (name.prefix.is_empty() || is_taken(name.prefix)) => format!("{{{uri}}}"),
            None => name.prefix.to_owned(),
        },
    }
}

/// Undoes the escapes of `pdfx` names: U+2182 and four hexadecimal digits for a character that XML forbids there.
fn unescape(local: &str) -> String {
    let mut out = String::with_capacity(local.len());
    let mut rest = local;
    while let Some(letter) = rest.chars().next() {
        let after = rest.get(letter.len_utf8()..).unwrap_or_default();
        let code =
            after.get(..4).filter(|digits| letter == '\u{2182}' && digits.bytes().all(|d| d.is_ascii_hexdigit()));
        let escaped = code.and_then(|digits| u32::from_str_radix(digits, 16).ok()).and_then(char::from_u32);
        out.push(escaped.unwrap_or(letter));
        rest = if escaped.is_some() { after.get(4..).unwrap_or_default() } else { after };
    }
    out
}
