//! The labels of one XML member of a book.

use std::collections::HashMap;

use serde_json::Value;

use crate::containers::xml::{Content, Element, Event, Labels, Text, Walk};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, KeyCase, Kind, Site};

use super::keys::Prefixes;

/// A package document, as far as it is read.
struct Document<'t> {
    walk: Walk<'t>,
    prefixes: Prefixes,
    /// The id of the identifier by which the book is known.
    unique: Option<String>,
    /// Whether it is of EPUB 3, which requires the date of modification.
    is_third: bool,
    /// Whether fonts are obfuscated by an identifier.
    is_obfuscated: bool,
    /// The required fields that were met.
    met: Vec<&'static str>,
    /// The elements with an id that are sites.
    ids: HashMap<String, usize>,
    /// Sites that say more of the element with an id.
    refining: Vec<(usize, String)>,
}

/// Reads a package document or `META-INF/metadata.xml`; `is_obfuscated` says whether members are encrypted by an
/// identifier of the book.
///
/// # Errors
/// Malformed XML, a document type declaration that declares anything, or a limit, with the offset in the part.
pub(super) fn package(text: &Text<'_>, is_obfuscated: bool, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits).allowing_doctype();
    // The manifest and the order of reading are no metadata.
    walk.claims_names = false;
    let mut document = Document {
        walk,
        prefixes: Prefixes::default(),
        unique: None,
        is_third: true,
        is_obfuscated,
        met: Vec::new(),
        ids: HashMap::new(),
        refining: Vec::new(),
    };
    while let Some(event) = document.walk.next()? {
        let Event::Start(element) = event else { continue };
        let depth = document.walk.scanner.depth();
        if depth == 1 {
            document.prefixes = element.value("", "prefix").map(|it| Prefixes::read(&it)).unwrap_or_default();
            document.unique = element.value("", "unique-identifier").map(|it| it.trim().to_owned());
            document.is_third = element.value("", "version").is_none_or(|version| version.trim().starts_with('3'));
        }
        if element.name.local == "metadata" {
            // What a collection says of itself is required of nobody.
            let is_main = depth <= 2;
            document.region(&element, is_main)?;
        }
    }
    document.resolve();
    Ok(document.walk.labels)
}

impl<'t> Document<'t> {
    /// Reads an element that describes the book. Old documents sort its children into two elements.
    fn region(&mut self, element: &Element<'t>, is_main: bool) -> Result<()> {
        let depth = self.walk.scanner.depth();
        self.walk.claims_names = true;
        self.walk.claim_tag(element);
        while self.walk.scanner.depth() >= depth {
            match self.walk.next()? {
                Some(Event::Start(child)) if !matches!(child.name.local, "dc-metadata" | "x-metadata") => {
                    self.field(&child, is_main)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        self.walk.claims_names = false;
        let end = self.walk.scanner.position();
        self.walk.is_metadata(element.range.start..end);
        Ok(())
    }

    /// Reads one element that says something of the book.
    fn field(&mut self, element: &Element<'t>, is_main: bool) -> Result<()> {
        let blank = self.walk.before;
        let content = self.walk.scanner.content(element)?;
        let Some(mut site) = self.site(element, &content) else { return Ok(()) };
        let id = element.value("", "id").map(|id| id.trim().to_owned());
        if is_main {
            site.barrier = self.required(&site, id.as_deref(), element);
        }
        let index = self.walk.labels.sites.len();
        if let Some(target) = element.value("", "refines").and_then(|it| it.trim().strip_prefix('#').map(str::to_owned))
        {
            self.refining.push((index, target));
        }
        if let Some(id) = id {
            self.ids.entry(id).or_insert(index);
        }
        self.walk.push(site, blank, content.range);
        Ok(())
    }

    fn site(&self, element: &Element<'t>, content: &Content) -> Option<Site> {
        let name = &element.name;
        let text = || Some(content.text.trim().to_owned());
        if name.namespace.contains("purl.org/dc/elements/") || name.namespace.contains("purl.org/metadata/dublin_core")
        {
            let key = name.local.to_ascii_lowercase();
            return Some(Site {
                address: format!("dc:{key}"),
                key,
                value: text(),
                kind: Kind::Standard,
                case: KeyCase::Insensitive,
                ..Site::default()
            });
        }
        match name.local {
            "meta" => {
                let attribute = |name: &str| element.value("", name).map(|it| it.trim().to_owned());
                let property = attribute("property").filter(|property| !property.is_empty());
                let value = if property.is_some() { text() } else { attribute("content").or_else(text) };
                let value = value.filter(|value| !value.is_empty()).or_else(|| attribute("content"));
                let case = if property.is_some() { KeyCase::Sensitive } else { KeyCase::Insensitive };
                let key = property.or_else(|| attribute("name"))?;
                let mut site = self.meta(key, value.unwrap_or_default());
                site.case = case;
                Some(site)
            }
            "link" => {
                let relation = element.value("", "rel")?.trim().to_owned();
                Some(Site {
                    address: format!("link:{relation}"),
                    kind: self.prefixes.kind_of_link(&relation),
                    value: element.value("", "href").map(Into::into),
                    key: relation,
                    ..Site::default()
                })
            }
            _ => {
                let is_terms = name.namespace == "http://purl.org/dc/terms/";
                let qualified = if is_terms { format!("dcterms:{}", name.local) } else { name.qualified.to_owned() };
                let kind = self.prefixes.kind(&qualified);
                let aliases = if name.prefix.is_empty() { Vec::new() } else { vec![name.local.to_owned()] };
                let address = format!("opf:{qualified}");
                Some(Site { key: qualified, aliases, value: text(), address, kind, ..Site::default() })
            }
        }
    }

    /// A `meta` element. Calibre keeps the columns that its users invent in such ones, as JSON.
    fn meta(&self, key: String, value: String) -> Site {
        let kind = self.prefixes.kind(&key);
        let mut site = Site { address: format!("opf:{key}"), kind, ..Site::default() };
        if kind == Kind::Custom
            && let Some((_, column)) = key.split_once("user_metadata")
        {
            let parsed: Option<Value> = serde_json::from_str(&value).ok();
            let object = parsed.as_ref().and_then(Value::as_object);
            let columns = object.filter(|_| column.is_empty()).filter(|columns| columns.len() == 1);
            let only = columns.and_then(|columns| columns.iter().next());
            let column = only.map_or(column.trim_start_matches(':'), |(name, _)| name);
            if !column.is_empty() {
                site.aliases = vec![column.to_owned(), column.trim_start_matches('#').to_owned()];
            }
            let said =
                only.map_or(parsed.as_ref(), |(_, column)| Some(column)).and_then(|column| column.get("#value#"));
            if let Some(Value::String(said)) = said {
                site.value = Some(said.clone());
                site.raw_value = Some(value.clone());
            }
        }
        Site { value: site.value.or(Some(value)), key, ..site }
    }

    /// Why the field must stay, if EPUB requires it.
    fn required(&mut self, site: &Site, id: Option<&str>, element: &Element<'t>) -> Option<Barrier> {
        let conflict = |reason: &str| Some(Barrier::new(ErrorKind::Conflict, reason));
        let is_whole = element.value("", "refines").is_none();
        match &*site.address {
            "dc:identifier" if self.is_obfuscated => conflict("members of the book are encrypted by its identifier"),
            "dc:identifier" if self.unique.is_none() && self.is_first("dc:identifier") => {
                conflict("the book is known by it")
            }
            "dc:identifier" if self.unique.is_some() && self.unique.as_deref() == id => {
                conflict("the book is known by it")
            }
            "dc:title" if self.is_first("dc:title") => conflict("EPUB requires a title"),
            "dc:language" if self.is_first("dc:language") => conflict("EPUB requires a language"),
            "opf:dcterms:modified" if self.is_third && is_whole && self.is_first("opf:dcterms:modified") => {
                conflict("EPUB requires the date of modification")
            }
            _ => None,
        }
    }

    fn is_first(&mut self, field: &'static str) -> bool {
        let is_first = !self.met.contains(&field);
        self.met.push(field);
        is_first
    }

    /// Says which sites go with which.
    fn resolve(&mut self) {
        let pairs = self.refining.iter().filter_map(|(site, id)| Some((*site, *self.ids.get(id)?)));
        self.walk.labels.follows = pairs.filter(|(site, target)| site != target).collect();
    }
}

/// Reads the head of an NCX (ANSI/NISO Z39.86, 8): what it says of the book besides its title.
///
/// # Errors
/// As [`package`].
pub(super) fn contents(text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits).allowing_doctype();
    let prefixes = Prefixes::default();
    walk.claims_names = false;
    while let Some(event) = walk.next()? {
        match event {
            Event::Start(element) if element.name.local == "head" && walk.scanner.depth() == 2 => {
                walk.claims_names = true;
                walk.claim_tag(&element);
            }
            Event::Start(element) if element.name.local == "meta" && walk.claims_names => {
                let blank = walk.before;
                let content = walk.scanner.content(&element)?;
                let Some(key) = element.value("", "name").map(|it| it.trim().to_owned()) else { continue };
                let is_identifier = key.eq_ignore_ascii_case("dtb:uid");
                let known = || Barrier::new(ErrorKind::Conflict, "it must be that of the package document");
                let site = Site {
                    address: format!("ncx:{key}"),
                    kind: prefixes.kind(&key),
                    value: element.value("", "content").map(Into::into),
                    case: KeyCase::Insensitive,
                    barrier: is_identifier.then(known),
                    key,
                    ..Site::default()
                };
                walk.push(site, blank, content.range);
            }
            Event::End(end) if end.qualified.rsplit(':').next() == Some("head") && walk.claims_names => {
                walk.claims_names = false;
                walk.is_metadata(end.element);
            }
            _ => {}
        }
    }
    Ok(walk.labels)
}

/// Reads the display options of iBooks.
///
/// # Errors
/// As [`package`].
pub(super) fn display_options(text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits).allowing_doctype();
    walk.all_is_metadata();
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        let Some(key) = element.value("", "name").filter(|_| element.name.local == "option") else { continue };
        let blank = walk.before;
        let content = walk.scanner.content(&element)?;
        let site = Site {
            address: format!("ibooks:{key}"),
            key: key.into_owned(),
            value: Some(content.text.trim().to_owned()),
            kind: Kind::Bookkeeping,
            ..Site::default()
        };
        walk.push(site, blank, content.range);
    }
    Ok(walk.labels)
}
