//! The labels of one part: where they stand in its bytes, and what of it is structure.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::containers::xml::{Attribute, Element, Encoding, Event, Scanner, Text, is_blank};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::survey::{KeyCase, Kind, Site};

use super::package::Role;
use super::properties;

/// What a part holds. Ranges are raw bytes of the decoded part.
#[derive(Debug)]
pub(super) struct Parsed {
    /// The labels, in the order of the part. Taken over by the survey, which knows them by their place here.
    pub(super) sites: Vec<Site>,
    /// For each site, what goes with it.
    pub(super) ranges: Vec<Range<usize>>,
    /// Elements that must not stay empty, with the sites they hold: they go with the last of them.
    groups: Vec<(Range<usize>, Range<usize>)>,
    /// What belongs to sites and to the known structure.
    pub(super) claims: Vec<Range<usize>>,
    /// What of the part is metadata; none where all of it is content of the document.
    pub(super) metadata: Option<Range<usize>>,
    /// Whether the part is somebody else's and was not read: its structure is claimed when it is shown.
    pub(super) is_foreign: bool,
    /// How the part spells characters.
    pub(super) encoding: Encoding,
}

impl Parsed {
    fn new(encoding: Encoding) -> Self {
        Self {
            sites: Vec::new(),
            ranges: Vec::new(),
            groups: Vec::new(),
            claims: Vec::new(),
            metadata: None,
            is_foreign: false,
            encoding,
        }
    }

    /// The ranges to cut when the sites at these places go (ascending).
    pub(super) fn cuts(&self, chosen: &[usize]) -> Vec<Range<usize>> {
        let is_chosen = |place: usize| chosen.binary_search(&place).is_ok();
        let mut cuts = Vec::with_capacity(chosen.len());
        // Groups come in the order of the part, and so do the sites they hold.
        let mut position = 0;
        for (range, sites) in self.groups.iter().filter(|(_, sites)| sites.clone().all(is_chosen)) {
            cuts.push(range.clone());
            let before = chosen.partition_point(|place| *place < sites.start);
            cuts.extend(self.ranges_of(chosen.get(position..before).unwrap_or_default()));
            position = chosen.partition_point(|place| *place < sites.end);
        }
        cuts.extend(self.ranges_of(chosen.get(position..).unwrap_or_default()));
        cuts
    }

    fn ranges_of(&self, places: &[usize]) -> impl Iterator<Item = Range<usize>> {
        places.iter().filter_map(|place| self.ranges.get(*place).cloned())
    }
}

/// Reads a part by its role.
///
/// # Errors
/// Malformed XML, a document type declaration, or a limit, with the offset in the part.
pub(super) fn parse(role: Role, bytes: &[u8], limits: &Limits) -> Result<Parsed> {
    // Most settings and custom XML hold nothing of ours: looking for the one word that must be there costs little.
    let word: &[u8] = match role {
        Role::Settings => b"docVar",
        Role::CustomXml => b"documentManagement",
        _ => b"",
    };
    if !is_wide(bytes) && memmem::find(bytes, word).is_none() {
        let mut parsed = Parsed::new(Encoding::Utf8);
        if role == Role::CustomXml && !is_known_item(bytes) {
            parsed.metadata = Some(0..bytes.len());
            parsed.is_foreign = true;
        }
        return Ok(parsed);
    }
    let text = Text::decode(bytes, limits)?;
    let mut walk = Walk::new(&text, limits);
    match role {
        Role::Custom => walk.properties(Walk::property)?,
        Role::LabelInfo => walk.properties(Walk::sensitivity_label)?,
        Role::Core => walk.properties(|walk, element| walk.field("core", element))?,
        Role::App => walk.properties(|walk, element| walk.field("app", element))?,
        Role::Tags => walk.properties(Walk::tag)?,
        Role::Settings => walk.variables()?,
        Role::CustomXml => walk.columns()?,
        Role::Signature => {}
    }
    Ok(walk.parsed)
}

/// Namespaces (of the first, the end that all versions share) of custom XML that `SharePoint` and Office keep for
/// themselves and that hold no labels: schemas of content types, form names, event receivers, cover page fields, the
/// information pane, bibliographies.
const KNOWN_ITEMS: [&[u8]; 8] = [
    b"/metadata/contentType\"",
    b"http://schemas.microsoft.com/office/2009/outspace/metadata",
    b"http://schemas.microsoft.com/office/word/2004/10/bibliography",
    b"http://schemas.microsoft.com/sharepoint/v3/contenttype/forms",
    b"http://schemas.microsoft.com/sharepoint/events",
    b"http://schemas.microsoft.com/office/2006/coverPageProps",
    b"http://schemas.microsoft.com/office/2006/customDocumentInformationPanel",
    b"http://schemas.openxmlformats.org/officeDocument/2006/bibliography",
];

/// How far into an item its root element is expected to declare its namespace.
const ROOT_REACH: usize = 1024;

fn is_known_item(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(ROOT_REACH)).unwrap_or_default();
    KNOWN_ITEMS.iter().any(|namespace| memmem::find(head, namespace).is_some())
}

/// Whether text may be UTF-16 or UTF-32: by a byte order mark, or a zero among the first two bytes.
fn is_wide(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff | 0xfe | 0, ..] | [_, 0, ..])
}

/// The known structure of a part of somebody else's: its names, and nothing where it cannot be read.
pub(super) fn structure(bytes: &[u8], limits: &Limits) -> Vec<Range<usize>> {
    let Ok(text) = Text::decode(bytes, limits) else { return Vec::new() };
    let mut walk = Walk::new(&text, limits);
    while let Ok(Some(_)) = walk.next() {}
    walk.parsed.claims
}

/// A scan of one part.
struct Walk<'t> {
    text: &'t Text<'t>,
    scanner: Scanner<'t>,
    limits: &'t Limits,
    /// Where the blank text begins that ends the last event.
    blank: Option<usize>,
    /// The same before the last start tag.
    before: Option<usize>,
    parsed: Parsed,
}

impl<'t> Walk<'t> {
    fn new(text: &'t Text<'t>, limits: &'t Limits) -> Self {
        let parsed = Parsed::new(text.encoding());
        Self { text, scanner: Scanner::new(text, limits), limits, blank: None, before: None, parsed }
    }

    /// The next event, its structure claimed.
    fn next(&mut self) -> Result<Option<Event<'t>>> {
        let event = self.scanner.next()?;
        match &event {
            Some(Event::Doctype(range)) => {
                let offset = self.text.raw_offset(range.start) as u64;
                return Err(Error::unsupported("a part with a document type declaration").at(offset));
            }
            Some(Event::Start(element)) => self.claim_tag(element),
            Some(Event::End(end)) => self.claim(end.range.clone()),
            Some(Event::Instruction(range)) if range.start == 0 => self.claim(range.clone()),
            _ => {}
        }
        self.before = self.blank.take();
        if let Some(Event::Text(range)) = &event
            && is_blank(self.text.slice(range.clone()))
        {
            self.blank = Some(range.start);
        }
        Ok(event)
    }

    fn claim(&mut self, range: Range<usize>) {
        self.parsed.claims.push(self.text.raw(range));
    }

    /// Element and attribute names are structure, and so are namespaces and what `xsi` and `mc` attributes say.
    fn claim_tag(&mut self, element: &Element<'t>) {
        self.claim(element.name_range.clone());
        for attribute in &element.attributes {
            self.claim(attribute.name_range.clone());
            if attribute.declares().is_some() || matches!(attribute.name.prefix, "xsi" | "mc") {
                self.claim(attribute.value_range.clone());
            }
        }
    }

    /// Takes in a site that goes with the element at `range`, and with the blank text before it.
    fn push(&mut self, mut site: Site, blank: Option<usize>, range: Range<usize>) {
        if site.key.eq_ignore_ascii_case("AIGC") {
            site.barrier = Some(properties::protected());
        }
        site.value = site.value.map(|value| self.shortened(value));
        site.raw_value = site.raw_value.map(|value| self.shortened(value));
        self.claim(range.clone());
        self.parsed.sites.push(site);
        self.parsed.ranges.push(self.text.raw(blank.unwrap_or(range.start)..range.end));
    }

    fn shortened(&self, mut value: String) -> String {
        value.truncate(value.floor_char_boundary(self.limits.value_bytes));
        value
    }

    /// Shows every child of the root element to `take`, which reads it to its end.
    fn properties(&mut self, take: impl Fn(&mut Self, &Element<'t>) -> Result<()>) -> Result<()> {
        self.parsed.metadata = Some(0..self.text.raw_offset(self.text.as_str().len()));
        while let Some(event) = self.next()? {
            if let Event::Start(element) = event
                && self.scanner.depth() == 2
            {
                take(self, &element)?;
            }
        }
        Ok(())
    }

    /// A custom property (ECMA-376 part 1, 22.3).
    fn property(&mut self, element: &Element<'t>) -> Result<()> {
        let Some(key) = element.value("", "name").filter(|_| element.name.local == "property") else { return Ok(()) };
        let blank = self.before;
        let value = properties::read(&mut self.scanner)?;
        let range = element.range.start..self.scanner.position();
        let site = Site {
            address: format!("custom:{key}"),
            kind: properties::kind(&key),
            key: key.into_owned(),
            value: value.canonical,
            raw_value: value.raw,
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        self.push(site, blank, range);
        Ok(())
    }

    /// A sensitivity label ([MS-OFFCRYPTO] 2.6.4). Its attributes are required, so it goes as a whole.
    fn sensitivity_label(&mut self, element: &Element<'t>) -> Result<()> {
        let Some(id) = element.value("", "id").filter(|_| element.name.local == "label") else { return Ok(()) };
        let blank = self.before;
        let content = self.scanner.content(element)?;
        let bare = id.trim().trim_start_matches('{').trim_end_matches('}').to_owned();
        let key = format!("MSIP_Label_{bare}");
        let enabled = element.value("", "enabled");
        let canonical = enabled.as_deref().map(|value| if matches!(value, "1" | "true") { "true" } else { "false" });
        let raw_value = enabled.as_deref().filter(|raw| Some(*raw) != canonical).map(str::to_owned);
        let site = Site {
            aliases: vec![bare.clone(), format!("{{{bare}}}"), format!("{key}_Enabled")],
            address: format!("labelinfo:{bare}"),
            value: canonical.map(str::to_owned),
            raw_value,
            key,
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        self.push(site, blank, content.range);
        Ok(())
    }

    /// A core or application property; an empty one is structure.
    fn field(&mut self, carrier: &str, element: &Element<'t>) -> Result<()> {
        let blank = self.before;
        let value = properties::read_items(&mut self.scanner)?;
        let range = element.range.start..self.scanner.position();
        let joined = value.join(", ");
        if joined.trim().is_empty() {
            self.claim(range);
            return Ok(());
        }
        let key = element.name.local.to_owned();
        let site = Site {
            address: format!("{carrier}:{key}"),
            key,
            value: Some(joined),
            kind: Kind::Standard,
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        self.push(site, blank, range);
        Ok(())
    }

    /// A tag of a PowerPoint object (ECMA-376 part 1, 19.3.3).
    fn tag(&mut self, element: &Element<'t>) -> Result<()> {
        if element.name.local == "tag" {
            let [key, value] = ["name", "val"].map(|name| element.value("", name));
            self.empty_element("tag", element, key, value)?;
        }
        Ok(())
    }

    /// A label whose key and value are attributes.
    fn empty_element(
        &mut self,
        carrier: &str,
        element: &Element<'t>,
        key: Option<Cow<'t, str>>,
        value: Option<Cow<'t, str>>,
    ) -> Result<()> {
        let Some(key) = key else { return Ok(()) };
        let blank = self.before;
        let content = self.scanner.content(element)?;
        let site = Site {
            address: format!("{carrier}:{key}"),
            key: key.into_owned(),
            value: value.map(Cow::into_owned),
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        self.push(site, blank, content.range);
        Ok(())
    }

    /// The document variables of Word's settings (ECMA-376 part 1, 17.15.1.31 and 17.15.1.32).
    fn variables(&mut self) -> Result<()> {
        while let Some(event) = self.next()? {
            let Event::Start(element) = event else { continue };
            if element.name.local != "docVars" {
                continue;
            }
            let blank = self.before;
            let depth = self.scanner.depth();
            let first = self.parsed.sites.len();
            while self.scanner.depth() >= depth {
                match self.next()? {
                    Some(Event::Start(variable)) if variable.name.local == "docVar" => {
                        let value = |name: &str| {
                            let attribute = variable.attributes.iter().find(|it| it.name.local == name);
                            attribute.map(Attribute::value)
                        };
                        self.empty_element("docvar", &variable, value("name"), value("val"))?;
                    }
                    Some(_) => {}
                    None => return Ok(()),
                }
            }
            let end = self.scanner.position();
            let sites = first..self.parsed.sites.len();
            if !sites.is_empty() {
                let whole = self.text.raw(blank.unwrap_or(element.range.start)..end);
                self.parsed.groups.push((whole, sites));
            }
            let range = self.text.raw(element.range.start..end);
            let start = self.parsed.metadata.take().map_or(range.start, |metadata| metadata.start);
            self.parsed.metadata = Some(start..range.end);
        }
        Ok(())
    }

    /// `SharePoint`'s columns: their values are the children of `documentManagement`, their definitions stand in a
    /// content type schema. All of them are optional to the schema, so each may go.
    fn columns(&mut self) -> Result<()> {
        let mut is_schema = false;
        // Depth of the `documentManagement` element, or of the element that defines it.
        let mut management = usize::MAX;
        while let Some(event) = self.next()? {
            let depth = self.scanner.depth();
            let Event::Start(element) = event else {
                management = if depth < management { usize::MAX } else { management };
                continue;
            };
            let name = element.value("", "name");
            if depth == 1 {
                is_schema = element.name.local == "contentTypeSchema";
                self.parsed.metadata = (!is_schema).then(|| 0..self.text.raw_offset(self.text.as_str().len()));
            } else if is_schema && name.as_deref() == Some("documentManagement") {
                management = depth;
            } else if is_schema {
                let is_column = element.attributes.iter().any(|it| it.name.local == "internalName");
                let reference = element.value("", "ref").filter(|_| depth > management);
                let reference = reference.as_deref().and_then(|name| name.rsplit(':').next());
                if let Some(key) = reference.or(name.as_deref().filter(|_| is_column)) {
                    self.column(&element, key, true)?;
                }
            } else if depth == 2 && element.name.local == "documentManagement" {
                management = depth;
            } else if depth == management.saturating_add(1) {
                self.column(&element, element.name.local, false)?;
            }
        }
        Ok(())
    }

    /// The value of a column, or its definition, which has none.
    fn column(&mut self, element: &Element<'t>, key: &str, is_definition: bool) -> Result<()> {
        let blank = self.before;
        let items = properties::read_items(&mut self.scanner)?;
        let site = Site {
            address: format!("customxml:{key}"),
            kind: properties::kind(key),
            key: key.to_owned(),
            value: (!is_definition && !items.is_empty()).then(|| items.join(", ")),
            case: KeyCase::Insensitive,
            ..Site::default()
        };
        self.push(site, blank, element.range.start..self.scanner.position());
        Ok(())
    }
}
