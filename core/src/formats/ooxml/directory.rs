//! What a package says of its parts as a whole: the relationships of the package, and its content types.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::containers::package::normal;
use crate::containers::xml::{Element, Event, Scanner, Text};
use crate::containers::zip::Archive;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;

use super::package::{Role, role_of_content_type, role_of_name, role_of_relationship};

/// The parts that say it, in lower case.
const RELATIONSHIPS: &str = "_rels/.rels";
const CONTENT_TYPES: &str = "[content_types].xml";

/// A relationship of the package as a whole.
#[derive(Debug)]
pub(super) struct Relationship {
    pub(super) id: String,
    pub(super) kind: String,
    target: String,
}

/// The relationships, and which parts may hold labels.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// By target.
    relationships: Vec<Relationship>,
    by_name: HashMap<String, Role>,
    by_extension: HashMap<String, Role>,
    /// Those with custom XML items, in order.
    folders: Vec<String>,
}

/// The directory that a thread read last, with what it was read from.
struct Read {
    limits: Limits,
    relationships: Parts<'static>,
    content_types: Parts<'static>,
    directory: Rc<Directory>,
}

/// The data of some members.
type Parts<'a> = Vec<Cow<'a, [u8]>>;

/// What is remembered is no longer than this.
const LONGEST: usize = 256 << 10;

thread_local! {
    static LAST: RefCell<Option<Read>> = const { RefCell::new(None) };
}

impl Directory {
    /// Reads the directory of a package.
    ///
    /// A result is surveyed as its source was, and files of one program mostly say the same: where the parts are those
    /// of the last file, byte for byte, so is the directory.
    pub(super) fn read(archive: &Archive<'_>, limits: &Limits) -> Result<Rc<Self>> {
        let relationships = parts(archive, RELATIONSHIPS, limits)?;
        let content_types = parts(archive, CONTENT_TYPES, limits)?;
        let is_last = |last: &&Read| {
            last.limits == *limits && last.relationships == relationships && last.content_types == content_types
        };
        let last = LAST.with_borrow(|last| last.as_ref().filter(is_last).map(|last| Rc::clone(&last.directory)));
        if let Some(directory) = last {
            return Ok(directory);
        }
        let directory = Rc::new(Self::parse(&relationships, &content_types, limits)?);
        if relationships.iter().chain(&content_types).map(|part| part.len()).sum::<usize>() <= LONGEST {
            let owned = |parts: Parts<'_>| parts.into_iter().map(|part| Cow::Owned(part.into_owned())).collect();
            let (relationships, content_types) = (owned(relationships), owned(content_types));
            let read = Read { limits: limits.clone(), relationships, content_types, directory: Rc::clone(&directory) };
            LAST.set(Some(read));
        }
        Ok(directory)
    }

    /// A careless or broken part yields what stands before the damage: usual names and content types remain.
    fn parse(relationships: &[Cow<'_, [u8]>], content_types: &[Cow<'_, [u8]>], limits: &Limits) -> Result<Self> {
        let mut directory = Self::default();
        for bytes in relationships {
            each_element(bytes, limits, &mut |element| directory.add_relationship(element))?;
        }
        directory.relationships.sort_by(|one, other| one.target.cmp(&other.target));
        for bytes in content_types {
            each_element(bytes, limits, &mut |element| directory.add_content_type(element))?;
        }
        directory.folders.sort_unstable();
        directory.folders.dedup();
        Ok(directory)
    }

    fn add_relationship(&mut self, element: &Element<'_>) {
        let value = |name: &str| element.value("", name).unwrap_or_default();
        if element.name.local != "Relationship" || value("TargetMode").eq_ignore_ascii_case("external") {
            return;
        }
        let (kind, target) = (value("Type").into_owned(), normal(&value("Target")));
        if let Some(role) = role_of_relationship(&kind) {
            self.by_name.insert(target.clone(), role);
        }
        self.relationships.push(Relationship { id: value("Id").into_owned(), kind, target });
    }

    fn add_content_type(&mut self, element: &Element<'_>) {
        let value = |name: &str| element.value("", name).unwrap_or_default();
        let kind = value("ContentType");
        if kind.ends_with("officedocument.customXmlProperties+xml") {
            // The item itself is plain XML; it lies beside its properties.
            let name = normal(&value("PartName"));
            self.folders.extend(name.rsplit_once('/').map(|(folder, _)| folder.to_owned()));
        }
        match (role_of_content_type(&kind), element.name.local) {
            (Some(role), "Override") => drop(self.by_name.entry(normal(&value("PartName"))).or_insert(role)),
            (Some(role), "Default") => drop(self.by_extension.insert(value("Extension").to_ascii_lowercase(), role)),
            _ => {}
        }
    }

    /// What the part of this [normal] name is.
    pub(super) fn role(&self, name: &str) -> Option<Role> {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        let by_default = || self.by_extension.get(extension).copied();
        self.by_name.get(name).copied().or_else(|| role_of_name(name, &self.folders)).or_else(by_default)
    }

    /// The relationships to the part of this [normal] name.
    pub(super) fn relationships_to<'d>(&'d self, part: &'d str) -> impl Iterator<Item = &'d Relationship> {
        let first = self.relationships.partition_point(|it| it.target.as_str() < part);
        self.relationships.get(first..).unwrap_or_default().iter().take_while(move |it| it.target == part)
    }
}

/// The data of the members called `name` (lower case), as far as they can be read.
fn parts<'a>(archive: &Archive<'a>, name: &str, limits: &Limits) -> Result<Parts<'a>> {
    let mut parts = Vec::new();
    for index in 0..archive.entries().len() {
        if !archive.name(index).eq_ignore_ascii_case(name.as_bytes()) {
            continue;
        }
        match archive.read(index, limits) {
            Ok(bytes) => parts.push(bytes),
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
            Err(_) => {}
        }
    }
    Ok(parts)
}

/// Shows every element to `visit`, up to the first damage.
fn each_element(bytes: &[u8], limits: &Limits, visit: &mut dyn FnMut(&Element<'_>)) -> Result<()> {
    let mut scanned = || {
        let text = Text::decode(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        while let Some(event) = scanner.next()? {
            match event {
                Event::Start(element) => visit(&element),
                Event::Doctype(_) => return Err(Error::unsupported("a document type declaration")),
                _ => {}
            }
        }
        Ok(())
    };
    match scanned() {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        _ => Ok(()),
    }
}
