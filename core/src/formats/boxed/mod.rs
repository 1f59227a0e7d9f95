//! Images whose metadata stand in boxes: JPEG XL (ISO/IEC 18181-2) and JPEG 2000 (ITU-T T.800 annex I, T.801 annex M).
//!
//! Labels live in `xml ` (XMP, or XML of its own), in `Exif` and `brob` of JPEG XL (the latter a box compressed with
//! Brotli), in `uuid` of JPEG 2000 (XMP, Exif, IPTC, Photoshop resources, `GeoJP2`), in labels of associations (`lbl `),
//! in addresses (`url ` in `uinf`), and in comments of a JPEG 2000 codestream, which may also be a file by itself. A
//! bare codestream of JPEG XL has none.
//!
//! With [`Layout::Preserve`](crate::Layout) blocks keep their length, texts become spaces, and a box that goes becomes
//! `free`. A compressed box is compressed anew, with a `free` box behind it where it becomes shorter; where that has no
//! room, the file changes by the few bytes, which nothing counts. With [`Layout::Compact`](crate::Layout) bytes are cut
//! and the lengths of boxes follow. Files with tables of offsets (fragments, indices, movies), and JPEG XL from which a
//! JPEG can be rebuilt (`jbrd`), are edited as with `Preserve`: the JPEG can be rebuilt only with blocks of the old
//! length.
//!
//! C2PA manifests and the signatures of JPX (`chck`) sign the file. What stays: the codestream, what `jbrd` keeps of
//! the JPEG (told, not looked into), boxes of unknown type, which are searched for residue. Motion JPEG 2000 is treated
//! as an ISO base media file.

mod codestream;
mod held;
mod plan;
mod scan;
mod tree;

use super::Format;
use super::isobmff::IsoBmff;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Findings, Planned, Removal, Survey};
use tree::Tree;

/// The box with which a file of JPEG XL begins, and the start of a bare codestream.
const JXL_SIGNATURE: &[u8] = b"\0\0\0\x0cJXL \r\n\x87\n";
const JXL_CODESTREAM: &[u8] = b"\xff\x0a";

/// The box with which a file of JPEG 2000 begins.
const JP2_SIGNATURE: &[u8] = b"\0\0\0\x0cjP  \r\n\x87\n";

/// The JPEG XL format.
#[derive(Debug)]
pub(super) struct Jxl;

impl Format for Jxl {
    fn name(&self) -> &'static str {
        "jxl"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["jxl"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(JXL_SIGNATURE) || input.starts_with(JXL_CODESTREAM)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no signature of JPEG XL"));
        }
        let tree = if input.starts_with(JXL_SIGNATURE) {
            Tree::boxes(input, "jxl", limits)?
        } else {
            Tree::bare(0..input.len())
        };
        Ok(Box::new(Surveyed { input, tree }))
    }
}

/// The JPEG 2000 formats.
#[derive(Debug)]
pub(super) struct Jp2;

impl Format for Jp2 {
    fn name(&self) -> &'static str {
        "jp2"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["jp2", "jpx", "jpf", "jpm", "mj2", "j2k", "j2c", "jpc", "jph", "jhc"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(JP2_SIGNATURE) || codestream::is_start(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no signature of JPEG 2000"));
        }
        if codestream::is_start(input) {
            let mut tree = Tree::bare(0..input.len());
            tree.codestream(input, 0..input.len(), None, limits)?;
            return Ok(Box::new(Surveyed { input, tree }));
        }
        if is_movie(input) {
            return IsoBmff.survey(input, limits);
        }
        let tree = Tree::boxes(input, "jp2", limits)?;
        Ok(Box::new(Surveyed { input, tree }))
    }
}

/// Whether the file is Motion JPEG 2000.
fn is_movie(input: &[u8]) -> bool {
    let brand = input.get(JP2_SIGNATURE.len() + 4..JP2_SIGNATURE.len() + 12).unwrap_or_default();
    matches!(brand, b"ftypmjp2" | b"ftypmj2s")
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    tree: Tree,
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.tree.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.planned(removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
