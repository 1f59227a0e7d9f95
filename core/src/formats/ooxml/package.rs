//! From the archive to the parts that may hold labels.

use std::collections::HashMap;

use crate::containers::package::{Need, Package, Signatures, normal};
use crate::containers::xml::{Event, Scanner, Text};
use crate::containers::zip::Archive;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::Barrier;

use super::parts;

/// What a part is to the package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// Custom properties.
    Custom,
    /// Sensitivity labels.
    LabelInfo,
    /// Core properties.
    Core,
    /// Application properties.
    App,
    /// Settings of a Word document.
    Settings,
    /// Tags of a PowerPoint object.
    Tags,
    /// A custom XML part.
    CustomXml,
    /// An XML signature.
    Signature,
}

/// A relationship of the package as a whole.
#[derive(Debug)]
struct Relationship {
    id: String,
    kind: String,
    target: String,
}

/// Reads every member that may hold labels.
pub(super) fn open<'a>(input: &'a [u8], limits: &'a Limits) -> Result<Package<'a>> {
    let mut package = Package::open(input, true, limits)?;
    let mut relationships = relationships(package.archive(), limits)?;
    relationships.sort_by(|one, other| one.target.cmp(&other.target));
    let mut members = members(package.archive(), &relationships, limits)?;
    let listing = members.extract_if(.., |(_, role)| *role == Role::Signature).map(|(entry, _)| entry);
    let signatures = Signatures::read(&mut package, listing, limits)?;
    members.sort_by_key(|(entry, _)| package.offset(*entry));
    let prunable = members.iter().filter(|(_, role)| matches!(role, Role::Custom | Role::LabelInfo));
    let is_signed = "a signature may list the relationship that names it";
    package.may_prune(prunable.map(|(entry, _)| *entry), (!signatures.is_empty()).then_some(is_signed));
    for (entry, role) in members {
        let part = normal(&String::from_utf8_lossy(package.archive().name(entry)));
        // Custom XML may be of any size: one item too large must not close the package.
        let need = if role == Role::CustomXml { Need::Optional } else { Need::Essential };
        let is_signed = || {
            let first = relationships.partition_point(|it| it.target < part);
            let own = relationships.get(first..).unwrap_or_default().iter().take_while(|it| it.target == part);
            let listed = signatures.covers(&part, own.map(|it| (&*it.id, &*it.kind)));
            listed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the package lists this part"))
        };
        package.add(entry, need, |bytes| parts::parse(role, bytes, limits), is_signed)?;
    }
    let is_signed = |name: &str| {
        let listed = signatures.covers(&normal(name), std::iter::empty());
        listed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the package lists this part"))
    };
    package.finish(is_file, is_signed);
    package.reads(is_text);
    Ok(package)
}

/// The relationships of the package. A careless or broken part yields none: usual names and content types remain.
fn relationships(archive: &Archive<'_>, limits: &Limits) -> Result<Vec<Relationship>> {
    let mut relationships = Vec::new();
    each_element(archive, "_rels/.rels", limits, &mut |element| {
        let value = |name: &str| element.value("", name).unwrap_or_default();
        if element.name.local == "Relationship" && !value("TargetMode").eq_ignore_ascii_case("external") {
            let kind = value("Type").into_owned();
            relationships.push(Relationship { id: value("Id").into_owned(), kind, target: normal(&value("Target")) });
        }
    })?;
    Ok(relationships)
}

/// The members that may hold labels or say that parts are signed.
fn members(archive: &Archive<'_>, relationships: &[Relationship], limits: &Limits) -> Result<Vec<(usize, Role)>> {
    let mut by_name: HashMap<String, Role> = HashMap::new();
    let mut by_extension: HashMap<String, Role> = HashMap::new();
    for relationship in relationships {
        if let Some(role) = role_of_relationship(&relationship.kind) {
            by_name.insert(relationship.target.clone(), role);
        }
    }
    let mut folders: Vec<String> = Vec::new();
    each_element(archive, "[content_types].xml", limits, &mut |element| {
        let value = |name: &str| element.value("", name).unwrap_or_default();
        let kind = value("ContentType");
        if kind.ends_with("officedocument.customXmlProperties+xml") {
            // The item itself is plain XML; it lies beside its properties.
            let name = normal(&value("PartName"));
            folders.extend(name.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
        }
        match (role_of_content_type(&kind), element.name.local) {
            (Some(role), "Override") => drop(by_name.entry(normal(&value("PartName"))).or_insert(role)),
            (Some(role), "Default") => drop(by_extension.insert(value("Extension").to_ascii_lowercase(), role)),
            _ => {}
        }
    })?;
    folders.sort_unstable();
    folders.dedup();
    let mut members = Vec::new();
    for index in 0..archive.entries().len() {
        let name = archive.name(index);
        let Ok(name) = std::str::from_utf8(name) else { continue };
        let name = normal(name);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let by_default = || by_extension.get(extension).copied();
        let role = by_name.get(&name).copied().or_else(|| role_of_name(&name, &folders)).or_else(by_default);
        members.extend(role.map(|role| (index, role)));
    }
    Ok(members)
}

/// Shows every element of the members called `name` (lower case) to `visit`.
fn each_element(
    archive: &Archive<'_>,
    name: &str,
    limits: &Limits,
    visit: &mut dyn FnMut(&crate::containers::xml::Element<'_>),
) -> Result<()> {
    for index in 0..archive.entries().len() {
        if !archive.name(index).eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        let scanned = archive.read(index, limits).and_then(|bytes| {
            let text = Text::decode(&bytes, limits)?;
            let mut scanner = Scanner::new(&text, limits);
            while let Some(event) = scanner.next()? {
                match event {
                    Event::Start(element) => visit(&element),
                    Event::Doctype(_) => return Err(Error::unsupported("a document type declaration")),
                    _ => {}
                }
            }
            Ok(())
        });
        match scanned {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Whether a member is a file of its own, and not one of the package's: those are XML, and keep to these extensions.
fn is_file(name: &str) -> bool {
    let own = ["xml", "rels", "vml", "psmdcp", "fpage", "fdoc", "fdseq", "frag", "dict"];
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    !own.iter().any(|it| extension.eq_ignore_ascii_case(it))
}

/// Whether a member is the text of a document, or what is printed on every page.
fn is_text(name: &str) -> bool {
    let name = normal(name);
    let Some((folder, file)) = name.rsplit_once('/') else { return false };
    match folder {
        "word" => ["document", "header", "footer", "footnotes", "endnotes"].iter().any(|it| file.starts_with(it)),
        "ppt/slidemasters" | "ppt/slidelayouts" | "ppt/handoutmasters" | "ppt/notesmasters" => true,
        _ => false,
    }
}

/// By the last segment of a relationship type: transitional, strict and vendor types differ before it only.
fn role_of_relationship(kind: &str) -> Option<Role> {
    let last = kind.rsplit('/').next()?;
    let roles = [
        ("custom-properties", Role::Custom),
        ("customProperties", Role::Custom),
        ("extended-properties", Role::App),
        ("extendedProperties", Role::App),
        ("core-properties", Role::Core),
        ("coreProperties", Role::Core),
        ("classificationlabels", Role::LabelInfo),
    ];
    roles.into_iter().find(|(name, _)| last.eq_ignore_ascii_case(name)).map(|(_, role)| role)
}

/// What a part with this name and content type is.
pub(super) fn role_of_part(name: &str, kind: &str) -> Option<Role> {
    role_of_content_type(kind).or_else(|| role_of_name(&normal(name), &[]))
}

fn role_of_content_type(kind: &str) -> Option<Role> {
    let roles = [
        ("officedocument.custom-properties+xml", Role::Custom),
        ("officedocument.extended-properties+xml", Role::App),
        ("package.core-properties+xml", Role::Core),
        ("wordprocessingml.settings+xml", Role::Settings),
        ("presentationml.tags+xml", Role::Tags),
        ("digital-signature-xmlsignature+xml", Role::Signature),
    ];
    roles.into_iter().find(|(ending, _)| kind.ends_with(ending)).map(|(_, role)| role)
}

/// By the usual names, for packages whose relationships or content types are careless.
fn role_of_name(name: &str, item_folders: &[String]) -> Option<Role> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    let stem = file.strip_suffix(".xml")?;
    match (folder, stem) {
        ("docprops", "custom") => Some(Role::Custom),
        ("docprops", "app") => Some(Role::App),
        ("docprops", "core") => Some(Role::Core),
        ("docmetadata", "labelinfo") => Some(Role::LabelInfo),
        ("word" | "word/glossary", "settings") => Some(Role::Settings),
        ("ppt/tags", _) => Some(Role::Tags),
        ("_xmlsignatures", _) => Some(Role::Signature),
        _ if stem.starts_with("itemprops") => None,
        _ if folder.rsplit('/').next() == Some("customxml") => Some(Role::CustomXml),
        _ if item_folders.binary_search_by(|known| (**known).cmp(folder)).is_ok() => Some(Role::CustomXml),
        _ => None,
    }
}
