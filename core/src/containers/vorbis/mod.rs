//! Vorbis comments (Vorbis I, section 5): vendor string, number of comments, and as many `NAME=value`, each after its
//! length. Ogg streams, FLAC blocks and Matroska's private data of codecs hold them, behind a signature of their own.
//!
//! Every comment is a site, and so is the vendor string, which goes by its address only: it becomes empty. Removal moves
//! later comments up, with what stands behind the list (the framing bit of Vorbis, what Opus wants kept). With
//! [`Layout::Preserve`] zeros follow that, which decoders take for padding; with [`Layout::Compact`] the block shrinks,
//! padding goes as well, and the parent's lengths must follow.
//!
//! Never removed: `AIGC`. A list that ends within a comment is malformed.

mod names;

use std::borrow::Cow;
use std::ops::Range;

use super::nested::rewrite;
use super::{Carrier, text};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Kind, Site};

/// What stands behind the list of comments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// A byte whose lowest bit is set, then padding (Vorbis).
    Framing,
    /// Padding; but when the lowest bit of its first byte is set, data that is to be kept (Opus, RFC 7845 section 5.2).
    Marked,
    /// Padding (FLAC, Speex, Theora).
    Padding,
}

/// The comments of one block, which begins with the length of the vendor string.
///
/// ```
/// use unlabel_core::containers::{Carrier, vorbis::{Comments, Tail}};
/// use unlabel_core::{Edit, Layout, Limits};
/// let block = b"\x01\0\0\0v\x02\0\0\0\x05\0\0\0key=a\x07\0\0\0title=b\x01";
/// let comments = Comments::parse(&block[..], Tail::Framing, &Limits::default()).unwrap();
/// let addresses: Vec<_> = comments.sites().iter().map(|site| site.address.as_str()).collect();
/// assert_eq!(addresses, ["vorbis:vendor", "vorbis:key", "vorbis:title"]);
/// let edits = comments.edits(&[1], Layout::Compact).unwrap();
/// assert_eq!(edits, [Edit::replace(5..9, vec![1, 0, 0, 0]), Edit::delete(9..18)]);
/// ```
#[derive(Debug)]
pub struct Comments<'a> {
    bytes: Cow<'a, [u8]>,
    sites: Vec<Site>,
    /// The bytes of each site, from its length on.
    spans: Vec<Range<usize>>,
    /// Whether the first of them is the vendor string: an empty one is no site.
    has_vendor: bool,
    tail: Tail,
    /// The number of comments.
    count: Range<usize>,
    /// Where the last comment ends.
    end: usize,
    /// Where padding begins.
    padding: usize,
    pictures: Vec<Picture>,
}

/// A comment whose value is a picture in base64.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The site that it belongs to.
    pub site: usize,
    /// The value.
    pub value: Range<usize>,
}

/// Comments of one block that are read; no player expects more than a few hundred.
const MOST_COMMENTS: u32 = 1 << 18;

/// Comments that are a picture as a `PICTURE` block of FLAC, in base64.
const PICTURE: &str = "METADATA_BLOCK_PICTURE";

impl<'a> Comments<'a> {
    /// Reads the comments of `bytes`, which go to the end of their packet or block.
    ///
    /// # Errors
    /// Malformed, with the offset, where the list reaches past the end; [`LimitExceeded`](crate::ErrorKind).
    pub fn parse(bytes: impl Into<Cow<'a, [u8]>>, tail: Tail, limits: &Limits) -> Result<Self> {
        let bytes = bytes.into();
        limits.check_part(bytes.len() as u64)?;
        let mut cursor = Cursor::new(&bytes);
        let vendor = field(&mut cursor)?;
        let start = cursor.position();
        let total = cursor.u32_le()?;
        let count = start..cursor.position();
        if total > MOST_COMMENTS {
            return Err(Error::limit(format!("more than {MOST_COMMENTS} comments")));
        }
        let has_vendor = vendor.len() > 4;
        let (mut sites, mut spans) = (Vec::new(), Vec::new());
        if has_vendor {
            sites.push(vendor_site(bytes.get(vendor.start + 4..vendor.end).unwrap_or_default(), limits));
            spans.push(vendor);
        }
        let mut pictures = Vec::new();
        for _ in 0..total {
            let span = field(&mut cursor)?;
            let comment = bytes.get(span.start + 4..span.end).unwrap_or_default();
            let (site, value) = comment_site(comment, &span, limits);
            if site.key.eq_ignore_ascii_case(PICTURE) {
                pictures.push(Picture { site: sites.len(), value: span.start + 4 + value..span.end });
            }
            sites.push(site);
            spans.push(span);
        }
        let end = cursor.position();
        let behind = cursor.rest();
        let padding = match (tail, behind.first()) {
            (Tail::Framing, Some(_)) => end + 1,
            (Tail::Marked, Some(first)) if first & 1 == 1 => bytes.len(),
            _ => end,
        };
        Ok(Self { bytes, sites, spans, has_vendor, tail, count, end, padding, pictures })
    }

    /// The block.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What stands behind the list.
    pub fn tail(&self) -> Tail {
        self.tail
    }

    /// Where the list ends: the rest is what [`Tail`] says.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Where the padding begins that goes to the end of the block.
    pub fn padding(&self) -> Range<usize> {
        self.padding..self.bytes.len()
    }

    /// The comments that are pictures.
    pub fn pictures(&self) -> &[Picture] {
        &self.pictures
    }

    /// As [`Carrier::edits`], and blanks the padding when a needle occurs in it.
    pub fn scrub(&self, chosen: &[usize], needles: &Needles, layout: Layout) -> Vec<Edit> {
        let is_stale = self.bytes.get(self.padding()).is_some_and(|padding| needles.occur_in(padding));
        self.take_out(chosen, is_stale, layout)
    }

    /// The vendor string, the number and the comments without the `chosen` ones, and what must stand behind them.
    pub fn without(&self, chosen: &[usize]) -> Vec<u8> {
        let mut block = Vec::with_capacity(self.bytes.len());
        let mut position = 0;
        let keep = |range: Range<usize>, block: &mut Vec<u8>| {
            block.extend_from_slice(self.bytes.get(range).unwrap_or_default());
        };
        for (site, span) in chosen.iter().filter_map(|site| Some((*site, self.spans.get(*site)?))) {
            keep(position..span.start, &mut block);
            position = span.end;
            if self.is_vendor(site) {
                block.extend_from_slice(&[0; 4]);
            }
        }
        keep(position..self.padding, &mut block);
        let vendor_end = if chosen.first().is_some_and(|site| self.is_vendor(*site)) { 4 } else { self.count.start };
        if let Some(count) = block.get_mut(vendor_end..vendor_end + 4) {
            count.copy_from_slice(&self.count_after(chosen).to_le_bytes());
        }
        block
    }

    fn count_after(&self, chosen: &[usize]) -> u32 {
        let gone = chosen.iter().filter(|site| **site < self.sites.len() && !self.is_vendor(**site)).count();
        (self.total() - gone) as u32
    }

    /// How many comments there are.
    fn total(&self) -> usize {
        self.sites.len() - usize::from(self.has_vendor)
    }

    fn is_vendor(&self, site: usize) -> bool {
        self.has_vendor && site == 0
    }

    fn take_out(&self, chosen: &[usize], is_stale: bool, layout: Layout) -> Vec<Edit> {
        let range = |range: Range<usize>| range.start as u64..range.end as u64;
        let padding = range(self.padding());
        if chosen.is_empty() {
            return if is_stale { vec![Edit::fill(padding, 0)] } else { Vec::new() };
        }
        if layout == Layout::Preserve {
            let mut block = self.without(chosen);
            block.resize(self.padding, 0);
            let stale = is_stale.then(|| Edit::fill(padding, 0));
            let known = self.bytes.get(..self.padding).unwrap_or_default();
            return rewrite(0, known, &block).into_iter().chain(stale).collect();
        }
        let mut edits = Vec::with_capacity(chosen.len() + 2);
        let count = self.count_after(chosen);
        if count as usize != self.total() {
            edits.push(Edit::replace(range(self.count.clone()), count.to_le_bytes().to_vec()));
        }
        for (site, span) in chosen.iter().filter_map(|site| Some((site, self.spans.get(*site)?))) {
            let range = range(span.clone());
            edits.push(if self.is_vendor(*site) { Edit::replace(range, vec![0; 4]) } else { Edit::delete(range) });
        }
        if !padding.is_empty() {
            edits.push(Edit::delete(padding));
        }
        edits
    }
}

impl Carrier for Comments<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        Ok(self.take_out(chosen, false, layout))
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.spans.iter().cloned().chain([0..4, self.count.clone()]).collect()
    }
}

/// The range of a length and as many bytes.
fn field(cursor: &mut Cursor<'_>) -> Result<Range<usize>> {
    let start = cursor.position();
    let length = cursor.u32_le()?;
    cursor.skip(length as usize)?;
    Ok(start..cursor.position())
}

fn vendor_site(vendor: &[u8], limits: &Limits) -> Site {
    Site {
        key: "vendor".into(),
        value: Some(text::value(text::decode(vendor), limits)),
        address: "vorbis:vendor".into(),
        kind: Kind::Bookkeeping,
        case: KeyCase::Insensitive,
        ..Site::default()
    }
}

/// The site of a comment, and where its value begins in it. One without an equals sign is a name alone.
fn comment_site(comment: &[u8], span: &Range<usize>, limits: &Limits) -> (Site, usize) {
    let equals = memchr::memchr(b'=', comment);
    let name = comment.get(..equals.unwrap_or(comment.len())).unwrap_or_default();
    let start = equals.map_or(comment.len(), |equals| equals + 1);
    let value = comment.get(start..).unwrap_or_default();
    let key = text::value(text::decode(name), limits);
    let value = if key.eq_ignore_ascii_case(PICTURE) {
        super::picture::described_in_base64(value, limits)
    } else {
        Some(text::value(text::decode(value), limits))
    };
    let mark = value.as_deref().is_some_and(text::is_aigc).then_some("AIGC");
    let site = Site {
        value,
        address: format!("vorbis:{key}"),
        kind: names::kind(&key),
        case: KeyCase::Insensitive,
        offset: span.start as u64,
        barrier: Barrier::of_protected(mark.unwrap_or(&key)),
        key,
        ..Site::default()
    };
    (site, start)
}

#[cfg(test)]
mod tests;
