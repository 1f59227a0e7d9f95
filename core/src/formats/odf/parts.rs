//! The labels of one XML member or flat document.

use std::ops::Range;

use crate::containers::office;
use crate::containers::xml::{Element, Event, Labels, Text, Walk};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::{KeyCase, Kind, Site};

/// Namespaces of statements by which a package describes its own make-up.
const PACKAGE_TERMS: &str = "http://docs.oasis-open.org/ns/office/";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";

/// Reads `meta.xml`, `content.xml` or `styles.xml`: the properties within `office:meta`, and the variables that a text
/// declares.
///
/// # Errors
/// Malformed XML, a document type declaration that declares anything, or a limit, with the offset in the part.
pub(super) fn document(text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    Ok(flat_document(text, limits)?.0)
}

/// Reads a flat document: its labels, and the raw bytes of what stands in it in base64.
///
/// # Errors
/// As [`document`].
pub(super) fn flat_document(text: &Text<'_>, limits: &Limits) -> Result<(Labels, Vec<Range<usize>>)> {
    let mut walk = Walk::new(text, limits).allowing_doctype();
    // The text of a document is long, and nothing is searched in it by names.
    walk.claims_names = false;
    let mut files = Vec::new();
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        match element.name.local {
            "meta" if walk.scanner.depth() == 2 => region(&mut walk, &element, property)?,
            "user-field-decls" => region(&mut walk, &element, variable)?,
            "binary-data" => files.push(text.raw(walk.scanner.content(&element)?.inner)),
            _ => {}
        }
    }
    Ok((walk.labels, files))
}

/// Reads the children of an element that describes the document.
fn region<'t>(
    walk: &mut Walk<'t>,
    element: &Element<'t>,
    take: fn(&mut Walk<'t>, &Element<'t>) -> Result<()>,
) -> Result<()> {
    let depth = walk.scanner.depth();
    walk.claims_names = true;
    walk.claim_tag(element);
    while walk.scanner.depth() >= depth {
        match walk.next()? {
            Some(Event::Start(child)) => take(walk, &child)?,
            Some(_) => {}
            None => break,
        }
    }
    walk.claims_names = false;
    let end = walk.scanner.position();
    walk.is_metadata(element.range.start..end);
    Ok(())
}

/// A child of `office:meta`: a user-defined property, or a field of the format (ODF 1.3 part 3, 4.3).
fn property<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    let blank = walk.before;
    let (range, value) = read(walk, element)?;
    let name = named(element, "name").filter(|_| element.name.local == "user-defined");
    let Some(key) = name else {
        if value.trim().is_empty() {
            walk.claim(range);
        } else {
            walk.push(field(element.name.local, value), blank, range);
        }
        return Ok(());
    };
    let site = Site {
        address: format!("custom:{key}"),
        kind: if is_placeholder(&key, &value) { Kind::Bookkeeping } else { office::kind(&key) },
        value: Some(value),
        key,
        case: KeyCase::Insensitive,
        ..Site::default()
    };
    walk.push(site, blank, range);
    Ok(())
}

fn field(name: &str, value: String) -> Site {
    Site {
        address: format!("meta:{name}"),
        key: name.to_owned(),
        value: Some(value),
        kind: Kind::Standard,
        case: KeyCase::Insensitive,
        ..Site::default()
    }
}

/// The four empty properties that old writers give every document.
fn is_placeholder(key: &str, value: &str) -> bool {
    value.is_empty() && key.strip_prefix("Info ").is_some_and(|number| number.parse::<u8>().is_ok())
}

/// A declared variable (ODF 1.3 part 3, 7.4.7).
fn variable<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    let blank = walk.before;
    let (range, _) = read(walk, element)?;
    let Some(key) = named(element, "name").filter(|_| element.name.local == "user-field-decl") else { return Ok(()) };
    let values = ["string-value", "value", "boolean-value", "date-value", "time-value"];
    let site = Site {
        address: format!("variable:{key}"),
        value: values.iter().find_map(|name| named(element, name)),
        key,
        ..Site::default()
    };
    walk.push(site, blank, range);
    Ok(())
}

/// Reads on to the end of `element`: its range, and the text in it, that of several elements joined.
fn read<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<(Range<usize>, String)> {
    let depth = walk.scanner.depth();
    let mut items: Vec<String> = vec![String::new()];
    while walk.scanner.depth() >= depth {
        match walk.scanner.next()? {
            Some(Event::Start(_)) => items.push(String::new()),
            Some(Event::Text(range) | Event::CData(range)) => {
                let text = walk.scanner.decoded(range);
                items.last_mut().into_iter().for_each(|item| item.push_str(&text));
            }
            Some(_) => {}
            None => break,
        }
    }
    if items.len() > 1 {
        items.retain(|item| !item.trim().is_empty());
    }
    Ok((element.range.start..walk.scanner.position(), items.join(", ")))
}

/// An attribute by its local name: the prefix is whatever the writer bound.
fn named(element: &Element<'_>, local: &str) -> Option<String> {
    let attribute = element.attributes.iter().find(|it| it.name.local == local && it.declares().is_none());
    attribute.map(|attribute| attribute.value().into_owned())
}

/// Reads RDF statements (ODF 1.3 part 2, 6): each goes with its property element. What says how the package is made up
/// is structure.
///
/// # Errors
/// As [`document`].
pub(super) fn statements(text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits);
    walk.all_is_metadata();
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        if walk.scanner.depth() != 3 {
            continue;
        }
        let blank = walk.before;
        let (range, value) = read(&mut walk, &element)?;
        let namespace = &*element.name.namespace;
        if namespace == RDF || namespace.starts_with(PACKAGE_TERMS) {
            walk.claim(range);
            continue;
        }
        let site = Site {
            aliases: vec![format!("{namespace}{}", element.name.local)],
            address: format!("rdf:{namespace}{}", element.name.local),
            key: element.name.local.to_owned(),
            value: Some(value)
                .filter(|value| !value.is_empty())
                .or_else(|| element.value(RDF, "resource").map(Into::into)),
            ..Site::default()
        };
        walk.push(site, blank, range);
    }
    Ok(walk.labels)
}
