//! What the XML signatures of a package list: parts by `Reference` (`XMLDSig`; ECMA-376 part 2, chapter 12; ODF 1.3 part 2,
//! chapter 5), relationships by `RelationshipReference` and `RelationshipsGroupReference` inside a reference to a
//! relationships part.

use std::collections::HashSet;

use crate::containers::xml::{Event, Scanner, Text};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Scope};

use super::{Package, normal};

/// The parts and relationships that some signature covers.
#[derive(Debug, Default)]
pub(crate) struct Signatures {
    parts: HashSet<String>,
    /// Ids and types of relationships of the package as a whole.
    relationships: HashSet<String>,
}

impl Signatures {
    /// What the signatures in these members list. One that cannot be read may list anything: it guards the whole file.
    pub(crate) fn read(
        package: &mut Package<'_>,
        entries: impl Iterator<Item = usize>,
        limits: &Limits,
    ) -> Result<Self> {
        let mut signatures = Self::default();
        for entry in entries {
            let read = package.archive().read(entry, limits).and_then(|bytes| signatures.add(&bytes, limits));
            match read {
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                Err(error) => {
                    let reason = format!("a signature that cannot be read: {}", error.reason());
                    package.guard(entry, Barrier::new(ErrorKind::Signed, reason), Scope::File);
                }
                Ok(()) => {}
            }
        }
        Ok(signatures)
    }

    /// Takes in one signature part.
    fn add(&mut self, bytes: &[u8], limits: &Limits) -> Result<()> {
        let text = Text::decode(bytes, limits)?;
        let mut scanner = Scanner::new(&text, limits);
        let mut listed = String::new();
        let mut is_signature = false;
        while let Some(event) = scanner.next()? {
            let element = match event {
                Event::Start(element) => element,
                Event::Doctype(_) => return Err(Error::unsupported("a signature with a document type declaration")),
                _ => continue,
            };
            // A list of signatures may be empty.
            is_signature |= matches!(element.name.local, "Signature" | "document-signatures" | "signatures");
            match element.name.local {
                "Reference" => {
                    let uri = element.value("", "URI").unwrap_or_default();
                    listed = if uri.starts_with('#') { String::new() } else { normal(&uri) };
                    if !listed.is_empty() && listed.strip_suffix(".rels").is_none() {
                        self.parts.insert(listed.clone());
                    }
                }
                "RelationshipReference" | "RelationshipsGroupReference" if listed == "_rels/.rels" => {
                    let named = element.value("", "SourceId").or_else(|| element.value("", "SourceType"));
                    self.relationships.extend(named.map(std::borrow::Cow::into_owned));
                }
                _ => {}
            }
        }
        if is_signature { Ok(()) } else { Err(Error::unsupported("a signature part without a signature")) }
    }

    /// Whether nothing is signed.
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.relationships.is_empty()
    }

    /// Whether a signature lists `part` or one of its relationships, given as pairs of id and type.
    pub(crate) fn covers<'r>(&self, part: &str, mut relationships: impl Iterator<Item = (&'r str, &'r str)>) -> bool {
        self.parts.contains(part)
            || relationships.any(|(id, kind)| self.relationships.contains(id) || self.relationships.contains(kind))
    }
}
