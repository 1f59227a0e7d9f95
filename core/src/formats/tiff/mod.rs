//! TIFF, BigTIFF, DNG, and the raw files of cameras that are TIFF structures (TIFF 6.0, BigTIFF, DNG 1.7, Exif 3.0).
//!
//! Labels are those of [the carrier](crate::containers::tiff): text fields of every directory, XMP, IPTC, Photoshop
//! resources, the items of GDAL. Thumbnails and previews that are JPEG files are files inside; they keep their length.
//!
//! Nothing ever moves, with either layout: strips, tiles and private structures are addressed from the start of the
//! file. With [`Layout::Compact`] a file that ends with removed values becomes shorter. What an editor left behind
//! (old directories, old values) is slack, unless a private structure may refer to it: then it is metadata, and what is
//! longer than a private structure would be is content.
//!
//! Refused: files with a C2PA manifest (tag 52545), and NDPI files, whose offsets have halves in tables of their own.

mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::nested::rewrite;
use crate::containers::slack::blank;
use crate::containers::tiff::{self, shorten};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Member, Planned, Removal, Survey};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiff;

/// Beginnings of a file: TIFF and BigTIFF of both byte orders, Panasonic, and Olympus.
const MAGIC: [&[u8]; 8] =
    [b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0", b"IIU\0", b"IIRO", b"IIRS", b"MMOR"];

impl Format for Tiff {
    fn name(&self) -> &'static str {
        "tiff"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[
            "tif", "tiff", "btf", "tf2", "tf8", "gtiff", "dng", "gpr", "cr2", "nef", "nrw", "arw", "sr2", "srf", "srw",
            "orf", "pef", "rw2", "rwl", "erf", "dcr", "kdc", "3fr", "fff", "iiq", "mef", "mos", "svs", "scn", "lsm",
            "stk",
        ]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        MAGIC.iter().any(|magic| input.starts_with(magic))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let tiff = tiff::Tiff::parse_file(input, limits)?;
        if tiff.described().is_empty() {
            return Err(Error::malformed(4, "there is no directory where the header points"));
        }
        let findings = Findings { sites: tiff.sites().to_vec(), guards: tiff.guards().to_vec(), ..Findings::default() };
        let previews = tiff.previews(input);
        Ok(Box::new(Surveyed { input, limits, tiff, findings, previews }))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    tiff: tiff::Tiff,
    findings: Findings,
    previews: Vec<Range<usize>>,
}

impl<'a> Surveyed<'a> {
    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn own_edits(&self, removal: &Removal<'_>, layout: Layout) -> Result<Vec<Edit>> {
        let mut edits = self.tiff.edits(removal.sites, layout)?;
        for gap in self.tiff.gaps() {
            edits.extend(blank(gap.start, self.bytes(gap.clone()), removal.needles));
        }
        if layout == Layout::Compact && !removal.sites.is_empty() {
            shorten(&mut edits, self.tiff.end_without(removal.sites), self.input.len());
        }
        Ok(edits)
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = self.own_edits(removal, layout)?;
        let mut left_members = Vec::new();
        for (index, data) in removal.members {
            let Some(range) = self.previews.get(*index) else { continue };
            if data.len() == range.len() {
                edits.extend(rewrite(range.start, self.bytes(range.clone()), data));
            } else {
                left_members.push((*index, Barrier::new(ErrorKind::Unsupported, "a preview must keep its length")));
            }
        }
        Ok(Planned { left_members, ..Plan::new(edits, self.input.len() as u64)?.into() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let member = |(index, range): (usize, &Range<usize>)| Member {
            place: format!("preview {}", index + 1),
            offset: range.start as u64,
            len: range.len() as u64,
            barrier: None,
        };
        self.previews.iter().enumerate().map(member).collect()
    }

    fn member_layout(&self, _layout: Layout) -> Layout {
        Layout::Preserve
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let range = self.previews.get(index).cloned().unwrap_or_default();
        let bytes = self.bytes(range);
        Ok(bytes.get(..len).unwrap_or(bytes).to_vec())
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let range = self.previews.get(index).cloned().unwrap_or_default();
        self.limits.check_part(range.len() as u64)?;
        Ok(Cow::Borrowed(self.bytes(range)))
    }
}
