//! From the book to the members that may hold labels.

use std::collections::{HashMap, HashSet};

use crate::containers::package::{Need, Package, Signatures, normal};
use crate::containers::xml::{Event, Labels, Scanner, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Scope};

use super::document;

/// What a member is to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A package document, or the metadata of several.
    Package,
    /// A table of contents of EPUB 2.
    Contents,
    DisplayOptions,
}

/// What the members in `META-INF` say of others.
#[derive(Debug, Default)]
struct Container {
    /// The package documents.
    rootfiles: HashSet<String>,
    /// The encrypted members, each with whether it is a font that is only obfuscated.
    encrypted: HashMap<String, bool>,
}

/// Ways of obfuscating a font, which need no key but the identifier of the book.
const OBFUSCATION: [&str; 2] = ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// Reads every member that may hold labels.
pub(super) fn open<'a>(input: &'a [u8], limits: &'a Limits) -> Result<Package<'a>> {
    let mut package = Package::open(input, false, limits)?;
    let container = Container::read(&mut package, limits);
    let listing = package.roles(|name| name.eq_ignore_ascii_case("META-INF/signatures.xml").then_some(()));
    let signatures = Signatures::read(&mut package, listing.into_iter().map(|(entry, ())| entry), limits)?;
    let signed = |name: &str| {
        let is_listed = signatures.covers(&normal(name), std::iter::empty());
        is_listed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the book lists this member"))
    };
    let encrypted = |name: &str| container.encrypted.contains_key(&normal(name));
    for (entry, role) in package.roles(|name| container.role_of(name)) {
        let name = String::from_utf8_lossy(package.archive().name(entry)).into_owned();
        if encrypted(&name) {
            let reason = format!("{name} is encrypted");
            package.guard(entry, Barrier::new(ErrorKind::Encrypted, reason), Scope::Hidden);
            continue;
        }
        let need = if role == Role::Package { Need::Essential } else { Need::Optional };
        package.add(entry, need, |bytes| container.parse(role, bytes, limits), || signed(&name))?;
    }
    let sealed = |name: &str| {
        let hides = encrypted(name).then(|| Barrier::new(ErrorKind::Encrypted, "it is encrypted"));
        hides.or_else(|| signed(name))
    };
    package.finish(|name| container.is_file(name), sealed);
    Ok(package)
}

impl Container {
    /// Reads what names members. What cannot be read may hide a package document, or that a member is encrypted.
    fn read(package: &mut Package<'_>, limits: &Limits) -> Self {
        let mut container = Self::default();
        let role = |name: &str| match &*name.to_ascii_lowercase() {
            "meta-inf/container.xml" => Some(Self::root as fn(&mut Self, &[u8], &Limits) -> Result<()>),
            "meta-inf/encryption.xml" => Some(Self::encryption as _),
            _ => None,
        };
        for (entry, take) in package.roles(role) {
            let read = package.archive().read(entry, limits);
            if let Err(error) = read.and_then(|bytes| take(&mut container, &bytes, limits)) {
                let name = String::from_utf8_lossy(package.archive().name(entry)).into_owned();
                let reason = format!("{name} cannot be read: {}", error.reason());
                package.guard(entry, Barrier::new(ErrorKind::Unsupported, reason), Scope::Hidden);
            }
        }
        container
    }

    /// Takes in `container.xml` (EPUB 3.3, 4.2.6.3.1).
    fn root(&mut self, bytes: &[u8], limits: &Limits) -> Result<()> {
        let text = Text::decode(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        while let Some(event) = scanner.next()? {
            let Event::Start(element) = event else { continue };
            if element.name.local == "rootfile" {
                let kind = element.value("", "media-type");
                let is_package = kind.is_none_or(|kind| kind.trim() == "application/oebps-package+xml");
                let path = element.value("", "full-path").filter(|_| is_package);
                self.rootfiles.extend(path.map(|path| normal(&path)));
            }
        }
        Ok(())
    }

    /// Takes in `encryption.xml` (EPUB 3.3, 4.2.6.3.2).
    fn encryption(&mut self, bytes: &[u8], limits: &Limits) -> Result<()> {
        let text = Text::decode(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        let mut is_obfuscated = false;
        let mut depth = 0;
        while let Some(event) = scanner.next()? {
            let element = match event {
                Event::Start(element) => element,
                Event::Doctype(_) => return Err(Error::unsupported("a document type declaration")),
                _ => continue,
            };
            match element.name.local {
                "EncryptedData" => {
                    is_obfuscated = false;
                    depth = scanner.depth();
                }
                // A key may be encrypted too, in an element of its own.
                "EncryptionMethod" if scanner.depth() == depth + 1 => {
                    let algorithm = element.value("", "Algorithm").unwrap_or_default();
                    is_obfuscated = OBFUSCATION.contains(&algorithm.trim());
                }
                "CipherReference" => {
                    let name = element.value("", "URI").map(|uri| normal(uri.trim()));
                    self.encrypted.extend(name.map(|name| (name, is_obfuscated)));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn role_of(&self, name: &str) -> Option<Role> {
        let lower = name.to_ascii_lowercase();
        let ends = |extension: &str| lower.rsplit_once('.').is_some_and(|(_, found)| found == extension);
        match &*lower {
            "meta-inf/metadata.xml" => Some(Role::Package),
            "meta-inf/com.apple.ibooks.display-options.xml" | "meta-inf/com.kobobooks.display-options.xml" => {
                Some(Role::DisplayOptions)
            }
            _ if lower.starts_with("meta-inf/") => None,
            // A package document that the container does not name is one all the same.
            _ if ends("opf") || self.rootfiles.contains(&normal(name)) => Some(Role::Package),
            _ => ends("ncx").then_some(Role::Contents),
        }
    }

    fn parse(&self, role: Role, bytes: &[u8], limits: &Limits) -> Result<Labels> {
        let text = Text::decode(bytes, limits)?;
        match role {
            Role::Package => document::package(&text, !self.encrypted.is_empty(), limits),
            Role::Contents => document::contents(&text, limits),
            Role::DisplayOptions => document::display_options(&text, limits),
        }
    }

    /// Whether a member is a file of its own. Obfuscated fonts hold no labels.
    fn is_file(&self, name: &str) -> bool {
        let is_font = self.encrypted.get(&normal(name)) == Some(&true);
        let is_own = name == "mimetype" || name.to_ascii_lowercase().starts_with("meta-inf/");
        !(is_own || is_font || self.role_of(name).is_some() || name.ends_with('/'))
    }
}
