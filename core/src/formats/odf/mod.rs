//! `OpenDocument` (ISO/IEC 26300; OASIS ODF 1.3): text, spreadsheets, presentations, drawings, databases and their
//! templates, as packages and as flat XML, and the formats of `OpenOffice.org` 1 before them.
//!
//! Labels are the user-defined properties of `meta.xml`, of the document and of the documents inside it; the variables
//! that a text declares (`user-field-decl`); and RDF statements about the document. Keywords, titles and the other
//! fields of `meta.xml` are the format's own.
//!
//! A label is cut out of the text of its member, and the member is coded again; freed bytes become empty DEFLATE
//! blocks, or spaces in flat and stored XML. Nothing else changes: `mimetype` stays first and plain, the manifest holds no checksums
//! of what is not encrypted.
//!
//! Refused: labels in members that a signature of the document or of its macros lists; encrypted documents. What stays
//! behind: fields in the text that show a variable, with its name; program settings; what master pages and page footers
//! say.

mod package;
mod parts;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use memchr::memmem;

use crate::containers::markup::{Embedded, Markup, Parts};
use crate::containers::xml::Text;
use crate::containers::zip;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// `OpenDocument` files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odf;

/// Where a flat document declares what it is.
const HEAD: usize = 4096;

/// Directory records that are looked at to recognise a package without a media type.
const SNIFFED_NAMES: usize = 4096;

impl Format for Odf {
    fn name(&self) -> &'static str {
        "odf"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "odt", "ott", "odm", "oth", "ods", "ots", "odp", "otp", "odg", "otg", "odc", "otc", "odf", "otf", "odi",
            "oti", "odb", "fodt", "fods", "fodp", "fodg", "sxw", "stw", "sxc", "stc", "sxi", "sti", "sxd", "std",
            "sxm", "sxg",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        is_flat(input) || is_package(input)
    }

    fn admits(&self, input: &[u8]) -> bool {
        input.starts_with(b"PK") || input.trim_ascii_start().starts_with(b"<")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if input.starts_with(b"PK") {
            return Ok(Box::new(package::open(input, limits)?));
        }
        let text = Text::decode(input, limits)?;
        let (labels, files) = parts::flat_document(&text, limits)?;
        let mut parts = Parts::new(labels);
        if text.encoding().unit() == 1 {
            let named = |(index, range)| Embedded::new(format!("binary data {}", index + 1), input, range, None);
            parts.embedded = files.into_iter().enumerate().map(named).collect();
        }
        Ok(Box::new(Markup::new(Cow::Borrowed(input), parts, "", limits)))
    }
}

/// Whether the bytes begin a flat document.
fn is_flat(input: &[u8]) -> bool {
    let head = input.get(..input.len().min(HEAD)).unwrap_or_default();
    let start = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    start.starts_with(b"<")
        && memmem::find(head, b"<office:document").is_some()
        && memmem::find(head, b"urn:oasis:names:tc:opendocument:xmlns:office:1.0").is_some()
}

/// Whether the bytes are a package: by the media type that stands first, else by the names of members.
fn is_package(input: &[u8]) -> bool {
    if !input.starts_with(b"PK\x03\x04") {
        return false;
    }
    let head = input.get(30..input.len().min(HEAD)).unwrap_or_default();
    if let Some(rest) = head.strip_prefix(b"mimetype") {
        let kinds: [&[u8]; 2] = [b"application/vnd.oasis.opendocument.", b"application/vnd.sun.xml."];
        return kinds.iter().any(|kind| rest.starts_with(kind));
    }
    let names = zip::names(input, SNIFFED_NAMES);
    let has = |wanted: &[u8]| names.contains(&wanted);
    has(b"META-INF/manifest.xml") && has(b"content.xml") && (has(b"meta.xml") || has(b"styles.xml"))
}
