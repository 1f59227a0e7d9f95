//! The metadata blocks of an image: segments, or the joined data of several, and the carrier inside.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use md5::{Digest, Md5};

use super::walk::{APP1, APP13, COM, Image, Segment};
use crate::containers::Carrier;
use crate::containers::iptc::Records;
use crate::containers::photoshop::ImageResources;
use crate::containers::tiff::Tiff;
use crate::containers::xmp::Packet;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;

pub(super) const EXIF_HEADER: &[u8] = b"Exif\0\0";
pub(super) const XMP_HEADER: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
pub(super) const EXTENSION_HEADER: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const PHOTOSHOP_HEADERS: [(&[u8], usize); 2] = [(b"Photoshop 3.0\0", 14), (b"Adobe_Photoshop2.5:", 27)];

/// Photoshop segments that are joined: every one costs another look at those before.
const MAX_JOINED: usize = 256;

/// Bytes of an extension segment's payload before its part of the packet: header, GUID, full length, offset.
pub(super) const EXTENSION_PREFIX: usize = 35 + 32 + 4 + 4;

/// One block.
#[derive(Debug)]
pub(super) struct Block<'a> {
    pub(super) body: Body,
    /// Where its bytes lie, in the order in which they make up the block.
    pub(super) pieces: Vec<Piece>,
    pub(super) bytes: Cow<'a, [u8]>,
    /// Which image it belongs to; none in a trailer.
    pub(super) image: Option<usize>,
    /// Its sites among those of the file.
    pub(super) sites: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Body {
    Exif(Tiff),
    Xmp(Packet),
    Extension {
        packet: Packet,
        guid: Guid,
    },
    Photoshop(ImageResources),
    Comment,
    /// IPTC records in a trailer, with its name.
    Records(Records, &'static str),
    /// A packet that could not be read.
    Unread,
    /// An Exif block without a TIFF header, which no reader can read.
    Junk,
}

/// The name that joins the parts of an extended packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guid {
    pub(super) text: [u8; 32],
    /// Whether it is the MD5 of the packet, as it should be.
    pub(super) is_digest: bool,
}

/// A part of a block.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) segment: Segment,
    pub(super) data: Range<usize>,
}

impl Block<'_> {
    /// The carrier, where the block is one.
    pub(super) fn carrier(&self) -> Option<&dyn Carrier> {
        match &self.body {
            Body::Exif(tiff) => Some(tiff),
            Body::Xmp(packet) | Body::Extension { packet, .. } => Some(packet),
            Body::Photoshop(resources) => Some(resources),
            Body::Records(records, _) => Some(records),
            Body::Comment | Body::Unread | Body::Junk => None,
        }
    }

    pub(super) fn is_packet(&self) -> bool {
        matches!(self.body, Body::Xmp(_) | Body::Extension { .. })
    }

    /// Its name for people.
    pub(super) fn place(&self) -> &'static str {
        match self.body {
            Body::Exif(_) | Body::Junk => "APP1 Exif",
            Body::Xmp(_) | Body::Unread => "APP1 XMP",
            Body::Extension { .. } => "APP1 extended XMP",
            Body::Photoshop(_) => "APP13 Photoshop",
            Body::Comment => "COM",
            Body::Records(_, trailer) => trailer,
        }
    }

    /// Where byte `position` of the block lies in the file.
    pub(super) fn offset(&self, position: u64) -> u64 {
        let mut position = position as usize;
        for Piece { data, .. } in &self.pieces {
            if position < data.len() {
                return (data.start + position) as u64;
            }
            position -= data.len();
        }
        self.pieces.last().map_or(0, |piece| piece.data.end as u64)
    }

    /// Payload inside the block, in bytes of the block: thumbnails.
    pub(super) fn payload(&self) -> &[Range<usize>] {
        match &self.body {
            Body::Exif(tiff) => tiff.payload(),
            Body::Photoshop(resources) => resources.payload(),
            _ => &[],
        }
    }
}

/// The block of IPTC records at `range` in a trailer.
pub(super) fn records<'a>(
    input: &'a [u8],
    trailer: &'static str,
    range: &Range<usize>,
    limits: &Limits,
) -> Result<Block<'a>> {
    let segment = Segment { marker: 0, range: range.clone(), payload: range.clone() };
    let pieces = vec![Piece { segment, data: range.clone() }];
    let bytes = join(input, &pieces);
    let body = Body::Records(Records::parse(&bytes, limits)?, trailer);
    Ok(Block { body, bytes, pieces, image: None, sites: 0..0 })
}

/// The blocks of `image`, in file order.
pub(super) fn blocks<'a>(input: &'a [u8], image: &Image, index: usize, limits: &Limits) -> Result<Vec<Block<'a>>> {
    let mut blocks = Vec::new();
    let mut taken = 0;
    for (number, segment) in image.segments.iter().enumerate() {
        let payload = input.get(segment.payload.clone()).unwrap_or_default();
        if number < taken {
            continue;
        }
        let following = image.segments.get(number..).unwrap_or_default();
        let found = match segment.marker {
            APP1 if payload.starts_with(b"Exif\0") => exif(input, following, limits)?,
            APP1 => xmp_start(payload).map(|start| xmp(input, segment, start, limits)).transpose()?,
            APP13 => photoshop(input, following, limits)?,
            COM => Some((Body::Comment, vec![Piece::of(segment, 0)])),
            _ => None,
        };
        if let Some((body, pieces)) = found {
            taken = number + pieces.len();
            blocks.push(Block { body, bytes: join(input, &pieces), pieces, image: Some(index), sites: 0..0 });
        }
    }
    for (body, pieces) in extensions(input, image, limits)? {
        blocks.push(Block { body, bytes: join(input, &pieces), pieces, image: Some(index), sites: 0..0 });
    }
    blocks.sort_by_key(|block| block.pieces.iter().map(|piece| piece.data.start).min());
    Ok(blocks)
}

type Found = (Body, Vec<Piece>);

impl Piece {
    /// The payload of `segment` from byte `start` on.
    fn of(segment: &Segment, start: usize) -> Self {
        Self { data: segment.payload.start + start..segment.payload.end, segment: segment.clone() }
    }
}

fn join<'a>(input: &'a [u8], pieces: &[Piece]) -> Cow<'a, [u8]> {
    let mut slices = pieces.iter().map(|piece| input.get(piece.data.clone()).unwrap_or_default());
    match pieces {
        [_] => Cow::Borrowed(slices.next().unwrap_or_default()),
        _ => Cow::Owned(slices.flatten().copied().collect()),
    }
}

/// What a parser found; nothing where it could not make sense of the bytes, unless that was for a limit.
fn readable<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        result => Ok(result.ok()),
    }
}

/// The Exif block at the first of `segments`. A block longer than a segment goes on in the next ones, whose data then
/// do not begin with a TIFF header.
fn exif(input: &[u8], segments: &[Segment], limits: &Limits) -> Result<Option<Found>> {
    let part = |segment: &&Segment| {
        segment.marker == APP1 && input.get(segment.payload.clone()).is_some_and(|bytes| bytes.starts_with(EXIF_HEADER))
    };
    let is_continued = |segment: &&Segment| {
        let data = input.get(segment.payload.start + EXIF_HEADER.len()..segment.payload.end).unwrap_or_default();
        !data.starts_with(b"MM\0\x2a") && !data.starts_with(b"II\x2a\0")
    };
    let Some((first, more)) = segments.split_first() else { return Ok(None) };
    // Some writers leave out the second NUL of the header.
    let payload = input.get(first.payload.clone()).unwrap_or_default();
    let header = if payload.starts_with(EXIF_HEADER) { EXIF_HEADER.len() } else { EXIF_HEADER.len() - 1 };
    let mut pieces = vec![Piece::of(first, header)];
    let more = more.iter().take_while(|segment| part(segment) && is_continued(segment));
    pieces.extend(more.map(|segment| Piece::of(segment, EXIF_HEADER.len())));
    let tiff = readable(Tiff::parse(&join(input, &pieces), limits))?;
    Ok(Some((tiff.map_or(Body::Junk, Body::Exif), pieces)))
}

/// Where a packet begins in the payload of an APP1 segment, if it holds one.
fn xmp_start(payload: &[u8]) -> Option<usize> {
    if payload.starts_with(XMP_HEADER) {
        return Some(XMP_HEADER.len());
    }
    // Readers also take these, from writers that did not read the specification.
    let sloppy = payload.starts_with(b"http://ns.adobe.com/xap/") || payload.starts_with(b"XMP\0");
    let start = memchr::memchr(b'<', payload.get(..64).unwrap_or(payload))?;
    (sloppy || payload.starts_with(b"<?xpacket") || payload.starts_with(b"<x:xmpmeta")).then_some(start)
}

fn xmp(input: &[u8], segment: &Segment, start: usize, limits: &Limits) -> Result<Found> {
    let piece = Piece::of(segment, start);
    let bytes = input.get(piece.data.clone()).unwrap_or_default();
    let body = readable(Packet::parse(bytes, limits))?.map_or(Body::Unread, Body::Xmp);
    Ok((body, vec![piece]))
}

/// The resources at the first of `segments`, joined with the next ones as long as a resource is cut.
fn photoshop(input: &[u8], segments: &[Segment], limits: &Limits) -> Result<Option<Found>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut found = None;
    let following = segments.iter().take_while(|segment| segment.marker == APP13);
    for segment in following.take(MAX_JOINED) {
        let payload = input.get(segment.payload.clone()).unwrap_or_default();
        let header = PHOTOSHOP_HEADERS.iter().find(|(header, _)| payload.starts_with(header));
        let Some((_, header)) = header.filter(|(_, length)| *length <= payload.len()) else { break };
        pieces.push(Piece::of(segment, *header));
        let resources = ImageResources::parse(&join(input, &pieces), limits)?;
        let is_cut = resources.is_cut();
        found = Some(resources);
        if !is_cut {
            break;
        }
    }
    Ok(found.map(|resources| (Body::Photoshop(resources), pieces)))
}

/// The extended packets of `image` whose parts are complete.
fn extensions(input: &[u8], image: &Image, limits: &Limits) -> Result<Vec<Found>> {
    let mut groups: BTreeMap<_, Vec<(u32, Piece)>> = BTreeMap::new();
    for segment in image.segments.iter().filter(|segment| segment.marker == APP1) {
        let payload = input.get(segment.payload.clone()).unwrap_or_default();
        let Some((guid, full, offset)) = extension_prefix(payload) else { continue };
        groups.entry((guid, full)).or_default().push((offset, Piece::of(segment, EXTENSION_PREFIX)));
    }
    let mut found = Vec::new();
    for ((text, full), mut parts) in groups {
        parts.sort_by_key(|(offset, _)| *offset);
        let mut end = 0;
        let is_whole = parts.iter().all(|(offset, piece)| {
            let fits = *offset as usize == end;
            end += piece.data.len();
            fits
        });
        if !is_whole || end != full as usize {
            continue;
        }
        limits.check_part(u64::from(full))?;
        let pieces: Vec<Piece> = parts.into_iter().map(|(_, piece)| piece).collect();
        let bytes = join(input, &pieces);
        let is_digest = text.eq_ignore_ascii_case(&hex(&bytes, false));
        let packet = readable(Packet::parse(&bytes, limits))?;
        let body = packet.map_or(Body::Unread, |packet| Body::Extension { packet, guid: Guid { text, is_digest } });
        found.push((body, pieces));
    }
    Ok(found)
}

/// GUID, full length and offset of a part of an extended packet.
fn extension_prefix(payload: &[u8]) -> Option<([u8; 32], u32, u32)> {
    let prefix = payload.strip_prefix(EXTENSION_HEADER)?;
    let (guid, rest) = prefix.split_first_chunk::<32>()?;
    let (full, rest) = rest.split_first_chunk::<4>()?;
    let offset = rest.first_chunk::<4>()?;
    Some((*guid, u32::from_be_bytes(*full), u32::from_be_bytes(*offset)))
}

/// The MD5 of `bytes` in hexadecimal digits.
pub(super) fn hex(bytes: &[u8], lower_case: bool) -> Vec<u8> {
    let digits: &[u8; 16] = if lower_case { b"0123456789abcdef" } else { b"0123456789ABCDEF" };
    let digit = |nibble: u8| digits.get(usize::from(nibble)).copied().unwrap_or(b'0');
    Md5::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
