//! From the archive to the parts that may hold labels.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::containers::xml::{Event, Scanner, Text};
use crate::containers::zip::Archive;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Guard, Scope};

use super::hidden;
use super::parts::{self, Parsed};
use super::signatures::Signatures;

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

/// A part that may hold labels.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) entry: usize,
    /// As the directory spells it.
    pub(super) name: String,
    pub(super) parsed: Parsed,
    /// The decoded data, unless it is too large to be kept.
    kept: Option<Cow<'a, [u8]>>,
}

/// Parts up to this length are kept decoded between survey, plan and scan.
const KEPT: usize = 4 << 20;

impl<'a> Part<'a> {
    /// The decoded data.
    pub(super) fn bytes<'p>(&'p self, archive: &Archive<'a>, limits: &Limits) -> Result<Cow<'p, [u8]>> {
        match &self.kept {
            Some(kept) => Ok(Cow::Borrowed(kept)),
            None => archive.read(self.entry, limits),
        }
    }
}

/// An opened package.
#[derive(Debug)]
pub(super) struct Package<'a> {
    pub(super) archive: Archive<'a>,
    /// In file order.
    pub(super) parts: Vec<Part<'a>>,
    pub(super) guards: Vec<Guard>,
}

/// A relationship of the package as a whole.
#[derive(Debug)]
struct Relationship {
    id: String,
    kind: String,
    target: String,
}

impl<'a> Package<'a> {
    pub(super) fn open(input: &'a [u8], limits: &Limits) -> Result<Self> {
        let archive = Archive::parse(input, limits)?;
        let mut package = Self { archive, parts: Vec::new(), guards: Vec::new() };
        let mut relationships = package.relationships(limits)?;
        relationships.sort_by(|one, other| one.target.cmp(&other.target));
        let mut members = package.members(&relationships, limits)?;
        let signatures = package.signatures(&members, limits)?;
        members.retain(|(_, role)| *role != Role::Signature);
        let position = |entry: usize| package.archive.entries().get(entry).map_or(0, |entry| entry.header);
        members.sort_by_key(|(entry, _)| position(*entry));
        for (entry, role) in members {
            package.add(entry, role, &signatures, &relationships, limits)?;
        }
        Ok(package)
    }

    /// The relationships of the package. A careless or broken part yields none: usual names and content types remain.
    fn relationships(&self, limits: &Limits) -> Result<Vec<Relationship>> {
        let mut relationships = Vec::new();
        self.each_element("_rels/.rels", limits, &mut |element| {
            let value = |name: &str| element.value("", name).unwrap_or_default();
            if element.name.local == "Relationship" && !value("TargetMode").eq_ignore_ascii_case("external") {
                let kind = value("Type").into_owned();
                relationships.push(Relationship {
                    id: value("Id").into_owned(),
                    kind,
                    target: normal(&value("Target")),
                });
            }
        })?;
        Ok(relationships)
    }

    /// The members that may hold labels or say that parts are signed.
    fn members(&self, relationships: &[Relationship], limits: &Limits) -> Result<Vec<(usize, Role)>> {
        let mut by_name: HashMap<String, Role> = HashMap::new();
        let mut by_extension: HashMap<String, Role> = HashMap::new();
        for relationship in relationships {
            if let Some(role) = role_of_relationship(&relationship.kind) {
                by_name.insert(relationship.target.clone(), role);
            }
        }
        let mut folders: Vec<String> = Vec::new();
        self.each_element("[content_types].xml", limits, &mut |element| {
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
        for index in 0..self.archive.entries().len() {
            let name = self.archive.name(index);
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
        &self,
        name: &str,
        limits: &Limits,
        visit: &mut dyn FnMut(&crate::containers::xml::Element<'_>),
    ) -> Result<()> {
        for index in 0..self.archive.entries().len() {
            if !self.archive.name(index).eq_ignore_ascii_case(name.as_bytes()) {
                continue;
            }
            let scanned = self.archive.read(index, limits).and_then(|bytes| {
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

    /// What the signatures of the package list. One that cannot be read may list anything: it guards the whole file.
    fn signatures(&mut self, members: &[(usize, Role)], limits: &Limits) -> Result<Signatures> {
        let mut signatures = Signatures::default();
        for (entry, _) in members.iter().filter(|(_, role)| *role == Role::Signature) {
            let read = self.archive.read(*entry, limits).and_then(|bytes| signatures.add(&bytes, limits));
            match read {
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                Err(error) => {
                    let reason = format!("a signature that cannot be read: {}", error.reason());
                    let barrier = Barrier::new(ErrorKind::Signed, reason);
                    self.guards.push(Guard { barrier, scope: Scope::File, offset: self.offset(*entry) });
                }
                Ok(()) => {}
            }
        }
        Ok(signatures)
    }

    /// Reads one part and takes in its labels.
    fn add(
        &mut self,
        entry: usize,
        role: Role,
        signatures: &Signatures,
        relationships: &[Relationship],
        limits: &Limits,
    ) -> Result<()> {
        let offset = self.offset(entry);
        let read = self.archive.read(entry, limits).and_then(|bytes| {
            let parsed = parts::parse(role, &bytes, limits).map_err(|error| error.rebased(offset))?;
            Ok((bytes, parsed))
        });
        let (bytes, mut parsed) = match read {
            Ok(read) => read,
            // Custom XML may be of any size: one item too large must not close the package.
            Err(error) if error.kind() == ErrorKind::LimitExceeded && role != Role::CustomXml => return Err(error),
            Err(error) => {
                self.guards.push(hidden(&error, offset));
                return Ok(());
            }
        };
        if parsed.sites.is_empty() && parsed.metadata.is_none() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(self.archive.name(entry)).into_owned();
        let is_stored = matches!(bytes, Cow::Borrowed(_));
        let barrier = self.archive.obstacle(entry, Some(&bytes)).filter(|_| !parsed.sites.is_empty()).or_else(|| {
            let part = normal(&name);
            let first = relationships.partition_point(|it| it.target < part);
            let own = relationships.get(first..).unwrap_or_default().iter().take_while(|it| it.target == part);
            let listed = signatures.covers(&part, own.map(|it| (&*it.id, &*it.kind)));
            listed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the package lists this part"))
        });
        for (site, cut) in parsed.sites.iter_mut().zip(&parsed.ranges) {
            name.clone_into(&mut site.place);
            site.offset = offset + if is_stored { cut.start as u64 } else { 0 };
            site.barrier = site.barrier.take().or_else(|| barrier.clone());
        }
        let kept = (bytes.len() <= KEPT || is_stored).then_some(bytes);
        self.parts.push(Part { entry, name, parsed, kept });
        Ok(())
    }

    fn offset(&self, entry: usize) -> u64 {
        self.archive.entries().get(entry).map_or(0, |entry| entry.data().start)
    }
}

/// A part name or package-level target in one spelling: lower case, percent escapes decoded, no leading slash, no
/// dots, query or fragment.
pub(super) fn normal(name: &str) -> String {
    let name = name.split(['?', '#']).next().unwrap_or_default();
    let mut segments: Vec<&str> = Vec::new();
    for segment in name.split(['/', '\\']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    let joined = segments.join("/").to_ascii_lowercase();
    if joined.contains('%') { unescaped(&joined) } else { joined }
}

fn unescaped(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.first_chunk::<2>().and_then(|pair| std::str::from_utf8(pair).ok());
        let code = digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).to_ascii_lowercase()
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
