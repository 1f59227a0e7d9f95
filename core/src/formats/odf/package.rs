//! From the package to the members that may hold labels.

use std::collections::HashSet;

use memchr::memmem;

use crate::containers::package::{Need, Package, Signatures, normal};
use crate::containers::xml::{Encoding, Event, Labels, Scanner, Text};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Scope};

use super::parts;

/// What a member is to the document. Ordered as they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Meta,
    /// The text or the styles, which declare variables.
    Body,
    Statements,
    Signature,
    Manifest,
}

/// Reads every member that may hold labels.
pub(super) fn open<'a>(input: &'a [u8], limits: &'a Limits) -> Result<Package<'a>> {
    let mut package = Package::open(input, false, limits)?;
    let roles = package.roles(role_of);
    let encrypted = encrypted(&mut package, &roles, limits);
    let listing = roles.iter().filter(|(_, role)| *role == Role::Signature).map(|(entry, _)| *entry);
    let signatures = Signatures::read(&mut package, listing, limits)?;
    let covers = |name: &str| {
        let is_listed = signatures.covers(&normal(name), std::iter::empty());
        is_listed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the document lists this member"))
    };
    for (entry, role) in roles {
        let name = String::from_utf8_lossy(package.archive().name(entry)).into_owned();
        if encrypted.contains(&normal(&name)) {
            let reason = format!("{name} is encrypted");
            package.guard(entry, Barrier::new(ErrorKind::Encrypted, reason), Scope::Hidden);
            continue;
        }
        let need = if role == Role::Meta { Need::Essential } else { Need::Optional };
        let parse = |bytes: &[u8]| parse(role, bytes, limits);
        package.add(entry, need, parse, || covers(&name))?;
    }
    package.finish(|name| is_file(name) && !encrypted.contains(&normal(name)), covers);
    package.reads(|name| role_of(name) == Some(Role::Body));
    Ok(package)
}

fn parse(role: Role, bytes: &[u8], limits: &Limits) -> Result<Labels> {
    match role {
        Role::Meta => parts::document(&Text::decode(bytes, limits)?, limits),
        // Few texts declare variables, and the text is the bulk of the file.
        Role::Body if memmem::find(bytes, b"user-field-decl ").is_some() => {
            parts::document(&Text::decode(bytes, limits)?, limits)
        }
        Role::Statements => parts::statements(&Text::decode(bytes, limits)?, limits),
        _ => Ok(Labels::none(Encoding::Utf8)),
    }
}

fn role_of(name: &str) -> Option<Role> {
    let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
    if folder == "META-INF" {
        return match file {
            "manifest.xml" => Some(Role::Manifest),
            _ => file.contains("signatures").then_some(Role::Signature),
        };
    }
    match file {
        "meta.xml" => Some(Role::Meta),
        "content.xml" | "styles.xml" => Some(Role::Body),
        _ => extension(file).eq_ignore_ascii_case("rdf").then_some(Role::Statements),
    }
}

/// Whether a member is a file of its own, such as a picture.
fn is_file(name: &str) -> bool {
    let is_own = ["xml", "rdf", "dtd", "xlb", "xlc"].iter().any(|own| extension(name).eq_ignore_ascii_case(own));
    !(is_own || name == "mimetype" || name.starts_with("META-INF/"))
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}

/// The members that the manifest says are encrypted (ODF 1.3 part 2, 4.8). A package that is encrypted as a whole
/// hides everything.
fn encrypted(package: &mut Package<'_>, roles: &[(usize, Role)], limits: &Limits) -> HashSet<String> {
    let mut encrypted = HashSet::new();
    for (entry, _) in roles.iter().filter(|(_, role)| *role == Role::Manifest) {
        let read = package.archive().read(*entry, limits).and_then(|bytes| {
            let text = Text::decode(&bytes, limits)?;
            let mut scanner = Scanner::new(&text, limits);
            let mut path = String::new();
            while let Some(event) = scanner.next()? {
                let Event::Start(element) = event else { continue };
                match element.name.local {
                    "file-entry" => {
                        let attribute = element.attributes.iter().find(|it| it.name.local == "full-path");
                        path = attribute.map(|it| normal(&it.value())).unwrap_or_default();
                    }
                    "encryption-data" => drop(encrypted.insert(path.clone())),
                    _ => {}
                }
            }
            Ok(())
        });
        let barrier = match read {
            Ok(()) if !encrypted.contains("encrypted-package") => continue,
            Ok(()) => Barrier::new(ErrorKind::Encrypted, "the document is encrypted"),
            Err(error) => {
                Barrier::new(ErrorKind::Unsupported, format!("the manifest cannot be read: {}", error.reason()))
            }
        };
        package.guard(*entry, barrier, Scope::File);
    }
    encrypted
}
