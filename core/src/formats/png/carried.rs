//! Metadata blocks inside chunks: XMP, Exif, IPTC and Photoshop resources, as they are, compressed, or in hex.

use std::borrow::Cow;
use std::ops::Range;

use super::chunk::{Chunk, OVERHEAD, build, checksum, filler};
use super::text::{Profile, Text, XMP};
use crate::containers::Carrier;
use crate::containers::deflate::{Wrapper, deflate, deflate_exact};
use crate::containers::iptc::Records;
use crate::containers::nested::{apply, rewrite};
use crate::containers::photoshop::ImageResources;
use crate::containers::tiff::Tiff;
use crate::containers::xmp::Packet;
use crate::error::Result;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};

const EXIF_HEADER: &[u8] = b"Exif\0\0";
const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const PHOTOSHOP_HEADER: &[u8] = b"Photoshop 3.0\0";

/// White space that a text may get to reach its length.
const MAX_BLANKS: usize = 48;

/// A block and how it lies in its chunk.
#[derive(Debug)]
pub(super) struct Carried {
    held: Held,
    /// The bytes of the file that hold the block, up to the end of the chunk.
    field: Range<usize>,
    is_compressed: bool,
    profile: Option<Profile>,
    /// The field, decoded; nothing when it lies in the file as it is.
    decoded: Option<Vec<u8>>,
    /// Length of the header before the block, in decoded bytes.
    header: usize,
}

#[derive(Debug)]
enum Held {
    Xmp(Packet),
    Tiff(Tiff),
    Iptc(Records),
    Photoshop(ImageResources),
}

impl Held {
    fn carrier(&self) -> &dyn Carrier {
        match self {
            Self::Xmp(packet) => packet,
            Self::Tiff(tiff) => tiff,
            Self::Iptc(records) => records,
            Self::Photoshop(resources) => resources,
        }
    }
}

impl Carried {
    /// The Exif block that a chunk consists of.
    pub(super) fn exif(input: &[u8], field: &Range<usize>, limits: &Limits) -> Result<Self> {
        let bytes = input.get(field.clone()).unwrap_or_default();
        // Some writers copy the header of JPEG along.
        let header = if bytes.starts_with(EXIF_HEADER) { EXIF_HEADER.len() } else { 0 };
        let held = Held::Tiff(Tiff::parse(bytes.get(header..).unwrap_or_default(), limits)?);
        Ok(Self { held, field: field.clone(), is_compressed: false, profile: None, decoded: None, header })
    }

    /// The block that a text chunk holds, if its keyword says that it holds one.
    ///
    /// # Errors
    /// Whatever keeps the block from being read.
    pub(super) fn in_text(input: &[u8], text: &Text, limits: &Limits) -> Result<Option<Self>> {
        let whole = |held, decoded| Self {
            held,
            field: text.field.clone(),
            is_compressed: text.is_compressed,
            profile: None,
            decoded,
            header: 0,
        };
        if text.keyword == XMP {
            let bytes = text.bytes(input, limits)?;
            let held = Held::Xmp(Packet::parse(&bytes, limits)?);
            return Ok(Some(whole(held, text.is_compressed.then(|| bytes.into_owned()))));
        }
        if !matches!(text.profile(), Some("exif" | "APP1" | "iptc" | "8bim" | "xmp")) {
            return Ok(None);
        }
        let bytes = text.bytes(input, limits)?;
        let Some((profile, decoded)) = Profile::read(&bytes) else { return Ok(None) };
        let Some((header, held)) = sniff(&decoded, limits)? else { return Ok(None) };
        Ok(Some(Self { profile: Some(profile), header, ..whole(held, Some(decoded)) }))
    }

    /// The block.
    pub(super) fn carrier(&self) -> &dyn Carrier {
        self.held.carrier()
    }

    /// Where the first byte of the block stands in the file, if it stands there as it is.
    pub(super) fn base(&self) -> Option<usize> {
        self.decoded.is_none().then_some(self.field.start + self.header)
    }

    /// Where the field begins in the file.
    pub(super) fn start(&self) -> usize {
        self.field.start
    }

    /// The bytes of the block.
    pub(super) fn block<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        self.all(input).get(self.header..).unwrap_or_default()
    }

    /// What of the block is known, and what is an image.
    pub(super) fn claimed(&self) -> Vec<Range<usize>> {
        let mut claimed = self.carrier().claimed();
        match &self.held {
            Held::Tiff(tiff) => claimed.extend_from_slice(tiff.payload()),
            Held::Photoshop(resources) => claimed.extend_from_slice(resources.payload()),
            Held::Xmp(_) | Held::Iptc(_) => {}
        }
        claimed
    }

    /// The images in the block.
    pub(super) fn payload(&self) -> &[Range<usize>] {
        match &self.held {
            Held::Tiff(tiff) => tiff.payload(),
            Held::Photoshop(resources) => resources.payload(),
            Held::Xmp(_) | Held::Iptc(_) => &[],
        }
    }

    /// The edits of the file that remove the `chosen` sites of the block and the stale copies in it.
    pub(super) fn edits(
        &self,
        input: &[u8],
        chunk: &Chunk,
        chosen: &[usize],
        needles: &Needles,
        layout: Layout,
    ) -> Result<Vec<Edit>> {
        let edits = self.block_edits(input, chosen, needles, layout)?;
        if edits.is_empty() {
            return Ok(Vec::new());
        }
        if layout == Layout::Compact && self.empties(chosen) {
            return Ok(vec![chunk.cut()]);
        }
        let shift = |range: Range<u64>| range.start + self.header as u64..range.end + self.header as u64;
        let edits: Vec<_> = edits.into_iter().map(|edit| Edit { range: shift(edit.range), with: edit.with }).collect();
        let all = apply(self.all(input), &edits)?;
        let text = self.profile.as_ref().map_or(Cow::Borrowed(&all), |profile| Cow::Owned(profile.write(&all)));
        if !self.is_compressed {
            return Ok(self.replace(input, chunk, &text, layout));
        }
        let same_length = || exactly(&text, self.field.len());
        let coded = (layout == Layout::Preserve).then(same_length).flatten();
        let coded = coded.unwrap_or_else(|| deflate(&text, Wrapper::Zlib));
        Ok(self.replace(input, chunk, &coded, layout))
    }

    fn all<'a>(&'a self, input: &'a [u8]) -> &'a [u8] {
        self.decoded.as_deref().unwrap_or_else(|| input.get(self.field.clone()).unwrap_or_default())
    }

    /// The edits within the block.
    fn block_edits(&self, input: &[u8], chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Edit>> {
        let block = self.block(input);
        if let Held::Xmp(packet) = &self.held {
            return Ok(packet.scrub(block, chosen, needles, layout));
        }
        let mut edits = if chosen.is_empty() { Vec::new() } else { self.carrier().edits(chosen, layout)? };
        if let Held::Tiff(tiff) = &self.held {
            let stale =
                tiff.gaps().into_iter().filter(|gap| block.get(gap.clone()).is_some_and(|gap| needles.occur_in(gap)));
            edits.extend(stale.map(|gap| Edit::fill(gap.start as u64..gap.end as u64, 0)));
        }
        Ok(edits)
    }

    /// Whether nothing is left in the block without the `chosen` sites.
    fn empties(&self, chosen: &[usize]) -> bool {
        match &self.held {
            Held::Xmp(packet) => chosen.len() == packet.sites().len() && packet.extended_guid().is_none(),
            Held::Tiff(tiff) => tiff.empties(chosen),
            Held::Iptc(_) | Held::Photoshop(_) => false,
        }
    }

    /// The edits that put `field` in place of the field.
    fn replace(&self, input: &[u8], chunk: &Chunk, field: &[u8], layout: Layout) -> Vec<Edit> {
        let head = input.get(chunk.data.start..self.field.start).unwrap_or_default();
        let old = input.get(self.field.clone()).unwrap_or_default();
        let data = [head, field].concat();
        if field.len() == old.len() {
            let sum = chunk.checksum_edit(checksum(chunk.kind, &data));
            return rewrite(self.field.start, old, field).into_iter().chain([sum]).collect();
        }
        let mut new = build(chunk.kind, &data);
        let room = old.len().checked_sub(field.len()).filter(|room| *room >= OVERHEAD);
        if let Some(room) = room.filter(|_| layout == Layout::Preserve) {
            new.extend(filler(room));
        }
        let range = chunk.range();
        vec![Edit::replace(range.start as u64..range.end as u64, new)]
    }
}

/// `text` coded in exactly `len` bytes, with white space behind it where only that makes the length come out.
fn exactly(text: &[u8], len: usize) -> Option<Vec<u8>> {
    let padded = |count: usize| {
        // Spaces and newlines in no order that compresses well: each adds a little more than a bit.
        let blanks = (0..count).map(|index| if (0xb5c3_91e4_u32 >> (index % 32)) & 1 == 0 { b' ' } else { b'\n' });
        text.iter().copied().chain(blanks).collect::<Vec<_>>()
    };
    (0..=MAX_BLANKS).find_map(|count| deflate_exact(&padded(count), Wrapper::Zlib, len))
}

/// The block in a hex profile, and the length of the header before it.
fn sniff(bytes: &[u8], limits: &Limits) -> Result<Option<(usize, Held)>> {
    let after = |header: &[u8]| bytes.get(header.len()..).unwrap_or_default();
    Ok(Some(match bytes {
        _ if bytes.starts_with(EXIF_HEADER) => {
            (EXIF_HEADER.len(), Held::Tiff(Tiff::parse(after(EXIF_HEADER), limits)?))
        }
        _ if bytes.starts_with(XMP_HEADER) => (XMP_HEADER.len(), Held::Xmp(Packet::parse(after(XMP_HEADER), limits)?)),
        _ if bytes.starts_with(PHOTOSHOP_HEADER) => {
            (PHOTOSHOP_HEADER.len(), Held::Photoshop(ImageResources::parse(after(PHOTOSHOP_HEADER), limits)?))
        }
        [b'I', b'I', ..] | [b'M', b'M', ..] => (0, Held::Tiff(Tiff::parse(bytes, limits)?)),
        [b'8', b'B', b'I', b'M', ..] => (0, Held::Photoshop(ImageResources::parse(bytes, limits)?)),
        [0x1c, ..] => (0, Held::Iptc(Records::parse(bytes, limits)?)),
        [b'<' | 0xef, ..] => (0, Held::Xmp(Packet::parse(bytes, limits)?)),
        _ => return Ok(None),
    }))
}
