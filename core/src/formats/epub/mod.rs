//! EPUB 2 and 3 (OPF 2.0.1, OCF 2.0.1; EPUB 3.3, chapters 4 and 5; ISO/IEC 23736), and the books of iBooks.
//!
//! Labels are the `meta` elements of every package document that the container names: `<meta name=K content=V>` and
//! `<meta property=K>V</meta>`, those of `META-INF/metadata.xml`, of collections, and of the head of an NCX. `dc:`
//! elements and the vocabularies that EPUB reserves are fields of the format; what reading systems go by (`cover`,
//! `rendition:`, `media:`, `ibooks:`) is bookkeeping.
//!
//! A label is cut out of the text of its member, and the member is coded again, with empty DEFLATE blocks as filler.
//! What only says more of a removed element (`refines`) goes with it. `mimetype` is never touched.
//!
//! Refused: what EPUB requires (the identifier by which the book is known and its fonts are obfuscated, the first title
//! and language, the date of modification); labels in members that `META-INF/signatures.xml` lists. Encrypted members
//! are hidden, obfuscated fonts hide nothing. What stays behind: the vocabularies that a package declares
//! (`prefix`), the title in an NCX, rights and licences, and what a store adds beside the book.

mod document;
mod keys;
mod package;
#[cfg(test)]
mod tests;

use crate::containers::zip;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// EPUB publications.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epub;

/// Directory records that are looked at to recognise a book without a media type.
const SNIFFED_NAMES: usize = 4096;

impl Format for Epub {
    fn name(&self) -> &'static str {
        "epub"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["epub", "kepub", "ibooks"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        if !input.starts_with(b"PK\x03\x04") {
            return false;
        }
        if let Some(rest) = input.get(30..).and_then(|rest| rest.strip_prefix(b"mimetype")) {
            let kinds: [&[u8]; 2] = [b"application/epub+zip", b"application/x-ibooks+zip"];
            // Before it may stand an extra field, and it may be compressed, against the rules.
            if kinds.iter().any(|kind| rest.starts_with(kind)) {
                return true;
            }
        }
        let names = zip::names(input, SNIFFED_NAMES);
        names.contains(&&b"META-INF/container.xml"[..])
            && names.iter().any(|name| name.to_ascii_lowercase().ends_with(b".opf"))
    }

    fn admits(&self, input: &[u8]) -> bool {
        input.starts_with(b"PK")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(package::open(input, limits)?))
    }
}
