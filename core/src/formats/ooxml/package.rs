//! From the archive to the parts that may hold labels.

use crate::containers::package::{Need, Package, Signatures, normal};
use crate::containers::zip::Archive;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::Barrier;

use super::directory::Directory;
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

/// Reads every member that may hold labels.
pub(super) fn open<'a>(input: &'a [u8], limits: &'a Limits) -> Result<Package<'a>> {
    let mut package = Package::open(input, true, limits)?;
    let directory = Directory::read(package.archive(), limits)?;
    let mut members = members(package.archive(), &directory);
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
            let own = directory.relationships_to(&part).map(|it| (&*it.id, &*it.kind));
            let listed = signatures.covers(&part, own);
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

/// The members that may hold labels or say that parts are signed.
fn members(archive: &Archive<'_>, directory: &Directory) -> Vec<(usize, Role)> {
    let role = |index| directory.role(&normal(std::str::from_utf8(archive.name(index)).ok()?));
    (0..archive.entries().len()).filter_map(|index| Some((index, role(index)?))).collect()
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
pub(super) fn role_of_relationship(kind: &str) -> Option<Role> {
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

pub(super) fn role_of_content_type(kind: &str) -> Option<Role> {
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
pub(super) fn role_of_name(name: &str, item_folders: &[String]) -> Option<Role> {
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
