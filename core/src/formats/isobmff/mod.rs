//! ISO base media files (ISO/IEC 14496-12) and their ancestor, QuickTime: MP4, M4A, M4V, MOV, 3GP, fragmented or not.
//!
//! Labels live in user data (`udta`) and metadata (`meta`) of the file, the movie, a track or a fragment:
//! - item lists (`ilst`) of iTunes, with freeform tags (`----`), and of QuickTime, whose items are numbers of `keys`;
//! - texts of QuickTime (`©xxx`, in one or several languages), fields of 3GPP (TS 26.244, clause 8), attributes of
//!   Windows (`Xtra`), and boxes of cameras' own;
//! - XMP in `udta/XMP_` or in a `uuid` box.
//!
//! With [`Layout::Preserve`](crate::Layout) what goes becomes a `free` box, in its place or behind the list that it was
//! in, so that no offset changes. With [`Layout::Compact`](crate::Layout) it is cut out, and the lengths of the boxes
//! around it and all offsets follow: chunk offsets, base offsets of fragments, random access. Within and behind what is
//! counted otherwise (fragments, what a segment index refers to) filler is used in that layout as well, and everywhere
//! in files with auxiliary sample offsets, items, or boxes of Canon.
//!
//! C2PA manifests (`uuid`) sign the whole file. A compressed movie header (`cmov`) hides its labels. Searched as they
//! are: other boxes of the movie header, filler, and media data that no sample refers to. What stays: timed metadata in
//! tracks of its own (`mebx`, `gpmd`, subtitles), which is media, and dates of creation.

mod blocks;
mod compact;
mod items;
mod labels;
mod located;
mod plan;
mod samples;
mod scan;
mod text;
mod tree;

use std::borrow::Cow;

use super::Format;
use crate::containers::bmff::HEADER;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Findings, Member, Planned, Removal, Survey};
use labels::Labels;
use tree::Tree;

/// The ISO base media file format.
#[derive(Debug)]
pub(super) struct IsoBmff;

/// Types of boxes with which files begin that do not say what they are.
const FIRST: [&[u8; 4]; 8] = [b"ftyp", b"styp", b"moov", b"mdat", b"wide", b"pnot", b"free", b"skip"];

impl Format for IsoBmff {
    fn name(&self) -> &'static str {
        "isobmff"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["mp4", "m4a", "m4v", "m4b", "m4p", "m4r", "mov", "qt", "3gp", "3g2", "3gpp", "f4v", "f4a", "cr3", "ismv"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let Some((size, rest)) = input.split_first_chunk() else { return false };
        let size = u32::from_be_bytes(*size) as usize;
        let fits = size >= HEADER && size <= input.len();
        match FIRST.iter().position(|first| rest.starts_with(*first)) {
            Some(0..2) => (HEADER..1 << 16).contains(&size),
            // Media may be cut, or longer than 32 bits can say.
            Some(_) => fits || size < 2 || (size < 1 << 29 && rest.starts_with(b"mdat")),
            None => false,
        }
    }

    fn strides(&self) -> bool {
        true
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        survey(input, limits)
    }
}

/// Surveys a file of this family, whatever it holds.
pub(super) fn survey<'a>(input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
    Ok(Box::new(Movie::new(input, limits)?))
}

/// A surveyed file.
#[derive(Debug)]
struct Movie<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    tree: Tree,
    labels: Labels<'a>,
}

impl<'a> Movie<'a> {
    fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let tree = Tree::read(input, limits)?;
        if tree.nodes.is_empty() {
            return Err(Error::malformed(0, "no box at the start of the file"));
        }
        let labels = labels::find(input, &tree, limits)?;
        Ok(Self { input, limits, tree, labels })
    }
}

impl Survey for Movie<'_> {
    fn findings(&self) -> &Findings {
        &self.labels.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.plan_removal(removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.labels.members.iter().map(|(member, _)| member.clone()).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let bytes = self.member_bytes(index)?;
        Ok(bytes.get(..len).unwrap_or(bytes).to_vec())
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let bytes = self.member_bytes(index)?;
        self.limits.check_part(bytes.len() as u64)?;
        Ok(Cow::Borrowed(bytes))
    }
}

impl Movie<'_> {
    fn member_bytes(&self, index: usize) -> Result<&[u8]> {
        let member = self.labels.members.get(index).map(|(member, _)| member);
        let range = member.map(|member| member.offset as usize..(member.offset + member.len) as usize);
        let bytes = range.and_then(|range| self.input.get(range));
        bytes.ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }
}

#[cfg(test)]
pub(super) mod tests;
