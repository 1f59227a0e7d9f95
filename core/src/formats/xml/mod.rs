//! XML that is no format of its own here: whatever begins with an XML declaration, single-file Office documents
//! (`WordprocessingML` and `SpreadsheetML` of Office 2003, flat OPC packages), and documents with RDF or XMP in them.
//!
//! Labels are Office's custom properties (`o:CustomDocumentProperties`, the parts of a flat package), document variables,
//! XMP and other RDF below the root element, `meta` elements with a name and a content, and what a `metadata` element
//! below the root says. A file whose root is `rdf:RDF` consists of statements, which are its content.
//!
//! Freed bytes become spaces. Entities of the internal subset are resolved where they are plain text. Signed: a file with
//! an XML signature, or with a C2PA manifest. Hidden: labels that may come out of an entity that holds markup. What stays
//! behind: comments, processing instructions, what the document says itself.

mod metadata;
mod office;
mod reader;
mod root;
#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;

pub(super) use self::office::property;
pub(super) use self::reader::{Flavour, is_stale, read};
pub(super) use self::root::root;
use crate::containers::markup::Markup;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// XML files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Xml;

impl Format for Xml {
    fn name(&self) -> &'static str {
        "xml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "xml", "xsl", "xslt", "xsd", "rdf", "owl", "rss", "atom", "kml", "gml", "gpx", "dita", "ditamap",
            "docbook", "dbk", "tei", "mml", "wsdl", "resx", "nuspec", "plist",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        root(input).is_some_and(|root| root.is_declared || root.tag.contains("xmlns"))
    }

    fn is_general(&self) -> bool {
        true
    }

    fn admits(&self, input: &[u8]) -> bool {
        root(input).is_some()
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let parts = read(input, Flavour::Xml, limits)?;
        Ok(Box::new(Markup::new(Cow::Borrowed(input), parts, "", limits)))
    }
}
