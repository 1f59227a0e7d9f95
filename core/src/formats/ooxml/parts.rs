//! The labels of one part: where they stand in its bytes, and what of it is structure.

use std::borrow::Cow;

use memchr::memmem;

use crate::containers::office;
use crate::containers::xml::{Attribute, Element, Encoding, Event, Labels, Text, Walk};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::{KeyCase, Kind, Site};

use super::package::Role;
use super::properties;

/// Reads a custom XML part, as other files of Office carry it too.
///
/// # Errors
/// As [`parse`].
pub(in crate::formats) fn custom_xml(bytes: &[u8], limits: &Limits) -> Result<Labels> {
    parse(Role::CustomXml, bytes, limits)
}

/// Reads a part of a package in a single XML file, if its name or content type says that it may hold labels.
///
/// # Errors
/// As [`parse`].
pub(in crate::formats) fn single(name: &str, kind: &str, text: &Text<'_>, limits: &Limits) -> Result<Option<Labels>> {
    let Some(role) = super::package::role_of_part(name, kind) else { return Ok(None) };
    let bytes = text.as_str().as_bytes();
    let labels = match wanted(role) {
        word if memmem::find(bytes, word).is_some() => read(role, text, limits)?,
        _ if role == Role::CustomXml && !is_known_item(bytes) => {
            let mut walk = Walk::new(text, limits);
            walk.all_is_metadata();
            while walk.next()?.is_some() {}
            walk.labels
        }
        _ => return Ok(None),
    };
    Ok(Some(labels))
}

/// Reads a part by its role.
///
/// # Errors
/// Malformed XML, a document type declaration, or a limit, with the offset in the part.
pub(super) fn parse(role: Role, bytes: &[u8], limits: &Limits) -> Result<Labels> {
    if !is_wide(bytes) && memmem::find(bytes, wanted(role)).is_none() {
        let is_foreign = role == Role::CustomXml && !is_known_item(bytes);
        return Ok(if is_foreign { Labels::foreign(bytes.len()) } else { Labels::none(Encoding::Utf8) });
    }
    read(role, &Text::decode(bytes, limits)?, limits)
}

/// The word without which a part of this role holds nothing of ours. Most settings and custom XML do not, and looking
/// for it costs little.
fn wanted(role: Role) -> &'static [u8] {
    match role {
        Role::Settings => b"docVar",
        Role::CustomXml => b"documentManagement",
        _ => b"",
    }
}

fn read(role: Role, text: &Text<'_>, limits: &Limits) -> Result<Labels> {
    let mut walk = Walk::new(text, limits);
    match role {
        Role::Custom => walk.children(property)?,
        Role::LabelInfo => walk.children(sensitivity_label)?,
        Role::Core => walk.children(|walk, element| field(walk, "core", element))?,
        Role::App => walk.children(|walk, element| field(walk, "app", element))?,
        Role::Tags => walk.children(tag)?,
        Role::Settings => variables(&mut walk)?,
        Role::CustomXml => columns(&mut walk)?,
        Role::Signature => {}
    }
    Ok(walk.labels)
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

/// A custom property (ECMA-376 part 1, 22.3).
fn property<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    let Some(key) = element.value("", "name").filter(|_| element.name.local == "property") else { return Ok(()) };
    let blank = walk.before;
    let value = properties::read(&mut walk.scanner)?;
    let range = element.range.start..walk.scanner.position();
    let site = Site {
        address: format!("custom:{key}"),
        kind: office::kind(&key),
        key: key.into_owned(),
        value: value.canonical,
        raw_value: value.raw,
        case: KeyCase::Insensitive,
        ..Site::default()
    };
    walk.push(site, blank, range);
    Ok(())
}

/// A sensitivity label ([MS-OFFCRYPTO] 2.6.4). Its attributes are required, so it goes as a whole.
fn sensitivity_label<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    let Some(id) = element.value("", "id").filter(|_| element.name.local == "label") else { return Ok(()) };
    let blank = walk.before;
    let content = walk.scanner.content(element)?;
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
    walk.push(site, blank, content.range);
    Ok(())
}

/// A core or application property; an empty one is structure.
fn field<'t>(walk: &mut Walk<'t>, carrier: &str, element: &Element<'t>) -> Result<()> {
    let blank = walk.before;
    let value = properties::read_items(&mut walk.scanner)?;
    let range = element.range.start..walk.scanner.position();
    let joined = value.join(", ");
    if joined.trim().is_empty() {
        walk.claim(range);
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
    walk.push(site, blank, range);
    Ok(())
}

/// A tag of a PowerPoint object (ECMA-376 part 1, 19.3.3).
fn tag<'t>(walk: &mut Walk<'t>, element: &Element<'t>) -> Result<()> {
    if element.name.local == "tag" {
        let [key, value] = ["name", "val"].map(|name| element.value("", name));
        empty_element(walk, "tag", element, key, value)?;
    }
    Ok(())
}

/// A label whose key and value are attributes.
fn empty_element<'t>(
    walk: &mut Walk<'t>,
    carrier: &str,
    element: &Element<'t>,
    key: Option<Cow<'t, str>>,
    value: Option<Cow<'t, str>>,
) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    let blank = walk.before;
    let content = walk.scanner.content(element)?;
    let site = Site {
        address: format!("{carrier}:{key}"),
        key: key.into_owned(),
        value: value.map(Cow::into_owned),
        case: KeyCase::Insensitive,
        ..Site::default()
    };
    walk.push(site, blank, content.range);
    Ok(())
}

/// The document variables of Word's settings (ECMA-376 part 1, 17.15.1.31 and 17.15.1.32).
fn variables(walk: &mut Walk<'_>) -> Result<()> {
    while let Some(event) = walk.next()? {
        let Event::Start(element) = event else { continue };
        if element.name.local != "docVars" {
            continue;
        }
        let blank = walk.before;
        let depth = walk.scanner.depth();
        let first = walk.labels.sites.len();
        while walk.scanner.depth() >= depth {
            match walk.next()? {
                Some(Event::Start(variable)) if variable.name.local == "docVar" => {
                    let value = |name: &str| {
                        let attribute = variable.attributes.iter().find(|it| it.name.local == name);
                        attribute.map(Attribute::value)
                    };
                    empty_element(walk, "docvar", &variable, value("name"), value("val"))?;
                }
                Some(_) => {}
                None => return Ok(()),
            }
        }
        let end = walk.scanner.position();
        let sites = first..walk.labels.sites.len();
        if !sites.is_empty() {
            let whole = walk.text.raw(blank.unwrap_or(element.range.start)..end);
            walk.labels.groups.push((whole, sites));
        }
        walk.is_metadata(element.range.start..end);
    }
    Ok(())
}

/// `SharePoint`'s columns: their values are the children of `documentManagement`, their definitions stand in a
/// content type schema. All of them are optional to the schema, so each may go.
fn columns(walk: &mut Walk<'_>) -> Result<()> {
    let mut is_schema = false;
    // Depth of the `documentManagement` element, or of the element that defines it.
    let mut management = usize::MAX;
    while let Some(event) = walk.next()? {
        let depth = walk.scanner.depth();
        let Event::Start(element) = event else {
            management = if depth < management { usize::MAX } else { management };
            continue;
        };
        let name = element.value("", "name");
        if depth == 1 {
            is_schema = element.name.local == "contentTypeSchema";
            if !is_schema {
                walk.all_is_metadata();
            }
        } else if is_schema && name.as_deref() == Some("documentManagement") {
            management = depth;
        } else if is_schema {
            let is_column = element.attributes.iter().any(|it| it.name.local == "internalName");
            let reference = element.value("", "ref").filter(|_| depth > management);
            let reference = reference.as_deref().and_then(|name| name.rsplit(':').next());
            if let Some(key) = reference.or(name.as_deref().filter(|_| is_column)) {
                column(walk, &element, key, true)?;
            }
        } else if depth == 2 && element.name.local == "documentManagement" {
            management = depth;
        } else if depth == management.saturating_add(1) {
            column(walk, &element, element.name.local, false)?;
        }
    }
    Ok(())
}

/// The value of a column, or its definition, which has none.
fn column<'t>(walk: &mut Walk<'t>, element: &Element<'t>, key: &str, is_definition: bool) -> Result<()> {
    let blank = walk.before;
    let items = properties::read_items(&mut walk.scanner)?;
    let site = Site {
        address: format!("customxml:{key}"),
        kind: office::kind(key),
        key: key.to_owned(),
        value: (!is_definition && !items.is_empty()).then(|| items.join(", ")),
        case: KeyCase::Insensitive,
        ..Site::default()
    };
    walk.push(site, blank, element.range.start..walk.scanner.position());
    Ok(())
}
