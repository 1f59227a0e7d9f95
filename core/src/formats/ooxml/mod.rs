//! Office Open XML and other packages by the Open Packaging Conventions (ECMA-376 parts 1, 2 and 4; [MS-OFFCRYPTO]
//! 2.6 for sensitivity labels): docx, xlsx, pptx, vsdx and their templates and macro variants, thmx, and xps, dwfx,
//! pbix as far as they carry properties.
//!
//! Labels live in the custom properties part, in `LabelInfo.xml`, in Word's document variables, in PowerPoint's tag
//! parts and in `SharePoint` properties of custom XML parts; core and application properties are fields of the
//! format. A `SharePoint` property goes with its definition in the content type schema, where it is named too. Parts
//! are found through relationships and content types, and by their usual names where a package is careless; part names
//! compare without regard to ASCII case.
//!
//! A label is cut out of the text of its part, byte for byte, and the part is coded again; freed bytes become the
//! growth hint of the conventions (extra field 0xA220) or empty DEFLATE blocks, in stored members spaces. Nothing else
//! of the package changes: no relationship, no content type, no numbering of the properties that stay.
//!
//! Refused: labels in parts that a signature lists; parts with a document type declaration; encrypted packages, which
//! are recognised. What stays behind: cached results of `DOCPROPERTY` fields, content controls bound to properties,
//! headers drawn by content marking, metadata inside embedded files and pictures, Visio shape data, Excel's worksheet
//! custom properties, and the property sets of an encrypted package.

mod directory;
mod encrypted;
mod package;
mod parts;
mod properties;
#[cfg(test)]
mod prune_tests;
#[cfg(test)]
mod tests;

pub(super) use parts::{custom_xml, single};

use crate::containers::{cfb, zip};
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Packages by the Open Packaging Conventions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ooxml;

/// Directory records that are looked at to recognise a package.
const SNIFFED_NAMES: usize = 4096;

impl Format for Ooxml {
    fn name(&self) -> &'static str {
        "ooxml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "docx", "docm", "dotx", "dotm", "xlsx", "xlsm", "xltx", "xltm", "xlsb", "xlam", "pptx", "pptm", "ppsx",
            "ppsm", "potx", "potm", "ppam", "sldx", "sldm", "vsdx", "vsdm", "vssx", "vssm", "vstx", "vstm", "thmx",
            "glox", "xps", "oxps", "dwfx", "pbix", "pbit",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        if cfb::is_compound_file(input) {
            return encrypted::holds_package(input);
        }
        if !input.starts_with(b"PK\x03\x04") {
            return false;
        }
        let is = |name: &[u8], wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
        let names = zip::names(input, SNIFFED_NAMES);
        names.iter().any(|name| is(name, b"[Content_Types].xml")) && names.iter().any(|name| is(name, b"_rels/.rels"))
    }

    fn admits(&self, input: &[u8]) -> bool {
        input.starts_with(b"PK")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if cfb::is_compound_file(input) {
            return encrypted::survey(input);
        }
        Ok(Box::new(package::open(input, limits)?))
    }
}
