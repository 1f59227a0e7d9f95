//! Office documents before OOXML, and other compound files ([MS-CFB]): Word, Excel, PowerPoint, Visio, Project,
//! Publisher, installer packages, and whatever else keeps property sets.
//!
//! Labels are the properties that users name: the user-defined set of `\x05DocumentSummaryInformation`, and named
//! properties of other sets. The fields of both summary sets are the format's own. Every storage may have such
//! streams; documents inside (`ObjectPool`, `MBD…`) are listed with their path. Custom XML of Office stands in
//! `MsoDataStore`, and holds labels as in OOXML.
//!
//! A property set is packed again without what goes; streams keep their length and their sectors, so that no table
//! changes. In custom XML freed bytes become spaces. Free sectors, the ends of last sectors, unused directory entries
//! and what follows the last sector are blanked where a stale copy stands in them. Both layouts are the same.
//!
//! Refused: signed files (`_signatures`, `_xmlsignatures`, `\x05DigitalSignature`), since these signatures cover all
//! streams; files that hide labels by encryption (encrypted document properties, encrypted Word text, rights
//! management). What stays behind: document variables of Word, tags of PowerPoint, and the text itself.

mod embedded;
mod guards;
mod survey;
#[cfg(test)]
mod tests;

use crate::containers::cfb;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Compound files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ole;

impl Format for Ole {
    fn name(&self) -> &'static str {
        "ole"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "doc", "dot", "wiz", "wps", "xls", "xlt", "xla", "xlm", "ppt", "pps", "pot", "ppa", "vsd", "vss", "vst",
            "mpp", "mpt", "mpx", "pub", "msi", "msp", "mst", "et", "ett", "dps", "dpt", "wpt", "sldprt", "sldasm",
            "slddrw", "fpx", "mix",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        cfb::is_compound_file(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(survey::Document::open(input, limits)?))
    }
}
