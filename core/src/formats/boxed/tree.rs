//! The boxes of a file and what they hold.

use std::ops::Range;

use memchr::memmem;

use super::codestream;
use super::held::Held;
use crate::containers::bmff::{self, Atom, Size};
use crate::containers::brotli;
use crate::containers::iptc::Records;
use crate::containers::nested::join_places;
use crate::containers::photoshop::ImageResources;
use crate::containers::text;
use crate::containers::tiff::Tiff;
use crate::containers::xmp::Packet;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Findings, Guard, Kind, Scope, Site};

/// Extended types of `uuid` boxes: of XMP, of Exif (exiftool, Photoshop), of IPTC (exiftool, Photoshop), of Photoshop
/// resources, of `GeoJP2`, of C2PA.
const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";
const EXIF: [&[u8; 16]; 2] = [b"JpgTiffExif->JP2", b"\x05\x37\xcd\xab\x9d\x0c\x44\x31\xa7\x2a\xfa\x56\x1f\x2a\x11\x3e"];
const IPTC: [&[u8; 16]; 2] = [
    b"\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38",
    b"\x09\xa1\x4e\x97\xc0\xb4\x42\xe0\xbe\xbf\x36\xdf\x6f\x0c\xe3\x6f",
];
const PHOTOSHOP: [u8; 16] = *b"\x2c\x4c\x01\x00\x85\x04\x40\xb9\xa0\x3e\x56\x21\x48\xd6\xdf\xeb";
const GEO: [u8; 16] = *b"\xb1\x4b\xf8\xbd\x08\x3d\x4b\x43\xa5\xae\x8c\xd7\xd5\xa6\xce\x03";
const C2PA: [u8; 16] = *b"\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81";

const EXIF_HEADER: &[u8] = b"Exif\0\0";

/// Boxes that hold boxes.
const OUTER: [&[u8; 4]; 6] = [b"asoc", b"jp2h", b"jpch", b"jplh", b"uinf", b"comp"];

/// Boxes that say where others are, or stand in files that do.
const OFFSETS: [&[u8; 4]; 10] =
    [b"ftbl", b"flst", b"cidx", b"fidx", b"iptr", b"mdat", b"moov", b"moof", b"dtbl", b"cref"];

/// One box, and the one around it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) atom: Atom,
    pub(super) parent: Option<usize>,
}

/// A place with labels.
#[derive(Debug)]
pub(super) struct Part {
    /// The box; none in a bare codestream.
    pub(super) node: Option<usize>,
    pub(super) sites: Range<usize>,
    pub(super) body: Body,
}

#[derive(Debug)]
pub(super) enum Body {
    /// A block that begins at this byte of the file.
    Block { held: Held, start: usize },
    /// A block in a compressed box: the decoded box, and where in it the block begins.
    Coded { held: Held, decoded: Vec<u8>, header: usize },
    /// A text, which becomes spaces or goes.
    Text { text: Range<usize> },
    /// The text of a segment, which becomes spaces; in the compact layout the segment goes, if it may.
    Comment { data: Range<usize>, segment: Option<Range<usize>> },
    /// The box goes.
    Whole,
}

/// What was read of a file.
#[derive(Debug)]
pub(super) struct Tree {
    /// The name of the carrier of what is the format's own.
    carrier: &'static str,
    pub(super) nodes: Vec<Node>,
    pub(super) parts: Vec<Part>,
    pub(super) findings: Findings,
    /// A codestream that is not in a box.
    pub(super) bare: Option<Range<usize>>,
    /// Bytes that are in no box, in order.
    pub(super) loose: Vec<Range<usize>>,
    /// Decoded boxes without labels, by node.
    pub(super) decoded: Vec<(usize, Vec<u8>)>,
    /// What stands behind the streams of compressed boxes, by node.
    pub(super) behind: Vec<(usize, Range<usize>)>,
    /// Decoded bytes that may still be held.
    budget: u64,
    pub(super) has_offsets: bool,
    pub(super) rebuilds: bool,
}

impl Tree {
    /// A file that is a codestream.
    pub(super) fn bare(range: Range<usize>) -> Self {
        Self { bare: Some(range), ..Self::empty("jp2") }
    }

    fn empty(carrier: &'static str) -> Self {
        Self {
            carrier,
            nodes: Vec::new(),
            parts: Vec::new(),
            findings: Findings::default(),
            bare: None,
            loose: Vec::new(),
            decoded: Vec::new(),
            behind: Vec::new(),
            budget: 0,
            has_offsets: false,
            rebuilds: false,
        }
    }

    /// Reads the boxes of a file.
    pub(super) fn boxes(input: &[u8], carrier: &'static str, limits: &Limits) -> Result<Self> {
        let mut tree = Self { budget: limits.part_bytes, ..Self::empty(carrier) };
        tree.level(input, 0..input.len(), None, limits)?;
        Ok(tree)
    }

    fn level(&mut self, input: &[u8], range: Range<usize>, parent: Option<usize>, limits: &Limits) -> Result<()> {
        let depth = std::iter::successors(parent, |node| self.nodes.get(*node)?.parent).count();
        limits.check_depth(depth)?;
        let mut at = range.start;
        while let Some(mut atom) = bmff::read(input, at..range.end) {
            let is_image = matches!(&atom.kind, b"jp2c" | b"jxlc" | b"jxlp" | b"mdat");
            if atom.data.end > range.end && parent.is_none() && is_image {
                // Of a file that was cut off the image is left as far as it goes.
                atom.data.end = range.end;
                atom.size = Size::ToEnd;
            }
            if atom.data.end > range.end {
                let reason = format!("the file ends within a box {}", atom.name());
                self.guard(ErrorKind::Unsupported, reason, Scope::Hidden, at);
                break;
            }
            at = atom.data.end;
            let node = self.nodes.len();
            limits.check_items(node, "boxes")?;
            self.nodes.push(Node { atom: atom.clone(), parent });
            if OUTER.contains(&&atom.kind) {
                self.level(input, atom.data, Some(node), limits)?;
            } else {
                self.leaf(input, node, &atom, limits)?;
            }
        }
        if at < range.end {
            self.loose.push(at..range.end);
        }
        Ok(())
    }

    fn guard(&mut self, kind: ErrorKind, reason: impl Into<String>, scope: Scope, at: usize) {
        self.findings.guards.push(Guard { barrier: Barrier::new(kind, reason), scope, offset: at as u64 });
    }

    fn leaf(&mut self, input: &[u8], node: usize, atom: &Atom, limits: &Limits) -> Result<()> {
        self.has_offsets |= OFFSETS.contains(&&atom.kind);
        let bytes = atom.bytes(input);
        let is_jxl = self.carrier == "jxl";
        match &atom.kind {
            b"xml " | b"jp2i" => self.xml(node, atom, bytes, limits),
            b"Exif" if is_jxl => match exif(bytes) {
                Some(content) => self.block(node, atom, bytes, content, limits),
                None => Ok(()),
            },
            b"brob" if is_jxl => self.compressed(node, atom, bytes, limits),
            b"jumb" if memmem::find(bytes.get(..512).unwrap_or(bytes), b"c2pa").is_some() => {
                self.guard(ErrorKind::Signed, "a C2PA manifest signs the file", Scope::File, atom.start);
                Ok(())
            }
            b"chck" => {
                self.guard(ErrorKind::Signed, "a signature covers the file", Scope::File, atom.start);
                Ok(())
            }
            b"jbrd" if is_jxl => {
                self.rebuilds = true;
                let reason = "what the JPEG had besides (jbrd) is not looked into";
                self.guard(ErrorKind::Unsupported, reason, Scope::Inside, atom.start);
                Ok(())
            }
            b"lbl " => {
                // What programs go by.
                let is_known = bytes.starts_with(b"gml.");
                let kind = if is_known { Kind::Bookkeeping } else { Kind::Standard };
                self.text(input, node, "label", kind, atom.data.clone(), limits);
                Ok(())
            }
            b"url " => {
                let text = bytes.get(4..).unwrap_or_default();
                let len = memchr::memchr(0, text).unwrap_or(text.len());
                let start = (atom.data.start + 4).min(atom.data.end);
                self.text(input, node, "url", Kind::Standard, start..start + len, limits);
                Ok(())
            }
            b"jp2c" => self.codestream(input, atom.data.clone(), Some(node), limits),
            b"uuid" => self.extended(node, atom, bytes, limits),
            _ => Ok(()),
        }
    }

    fn extended(&mut self, node: usize, atom: &Atom, bytes: &[u8], limits: &Limits) -> Result<()> {
        match atom.uuid {
            Some(XMP) => self.block(node, atom, bytes, (0, Content::Xmp), limits),
            Some(uuid) if EXIF.contains(&&uuid) => {
                let header = if bytes.starts_with(EXIF_HEADER) { EXIF_HEADER.len() } else { 0 };
                self.block(node, atom, bytes, (header, Content::Tiff), limits)
            }
            Some(uuid) if IPTC.contains(&&uuid) => self.block(node, atom, bytes, (0, Content::Iptc), limits),
            Some(PHOTOSHOP) => self.block(node, atom, bytes, (0, Content::Photoshop), limits),
            // A picture of one pixel that holds the coordinates; broken ones are met, and hold nothing else.
            Some(GEO) if Tiff::parse(bytes, limits).is_ok() => {
                self.block(node, atom, bytes, (0, Content::Tiff), limits)
            }
            Some(C2PA) => {
                self.guard(ErrorKind::Signed, "a C2PA manifest signs the file", Scope::File, atom.start);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// XMP, or another document, which is a field as a whole.
    fn xml(&mut self, node: usize, atom: &Atom, bytes: &[u8], limits: &Limits) -> Result<()> {
        limits.check_part(bytes.len() as u64)?;
        if is_xmp(bytes) {
            return self.block(node, atom, bytes, (0, Content::Xmp), limits);
        }
        if !bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0) {
            let head = bytes.get(..limits.value_bytes).unwrap_or(bytes);
            let value = text::value(String::from_utf8_lossy(head).into_owned(), limits);
            let name = atom.name();
            self.site(name.trim_end(), Kind::Standard, value, atom, Some(node), Body::Whole);
        }
        Ok(())
    }

    fn text(&mut self, input: &[u8], node: usize, key: &str, kind: Kind, range: Range<usize>, limits: &Limits) {
        let value = text::value(text::decode(input.get(range.clone()).unwrap_or_default()), limits);
        let Some(atom) = self.nodes.get(node).map(|node| node.atom.clone()) else { return };
        if !value.trim().is_empty() {
            self.site(key, kind, value, &atom, Some(node), Body::Text { text: range });
        }
    }

    /// Takes up the comments of a codestream.
    pub(super) fn codestream(
        &mut self,
        input: &[u8],
        range: Range<usize>,
        node: Option<usize>,
        limits: &Limits,
    ) -> Result<()> {
        let found = codestream::read(input, range.clone(), limits)?;
        if let Some(end) = found.end.filter(|_| node.is_none()) {
            self.bare = Some(0..end);
            self.loose.push(end..range.end);
        }
        for comment in found.comments {
            let bytes = input.get(comment.data.clone()).unwrap_or_default();
            let bytes = bytes.get(..limits.value_bytes).unwrap_or(bytes);
            let is_text = comment.is_text || text::is_text(bytes);
            let value = is_text.then(|| text::value(text::decode(bytes), limits));
            let is_blank = bytes.iter().all(|byte| matches!(byte, b' ' | 0));
            if is_blank {
                continue;
            }
            let segment = comment.is_in_main.then_some(comment.segment.clone());
            let first = self.findings.sites.len();
            self.findings.sites.push(Site {
                key: "comment".into(),
                barrier: value
                    .as_deref()
                    .filter(|value| text::is_aigc(value))
                    .and_then(|_| Barrier::of_protected("AIGC")),
                value,
                address: "jp2:comment".into(),
                kind: Kind::Standard,
                place: "codestream".into(),
                offset: comment.segment.start as u64,
                ..Site::default()
            });
            self.parts.push(Part {
                node,
                sites: first..first + 1,
                body: Body::Comment { data: comment.data, segment },
            });
        }
        Ok(())
    }

    fn site(&mut self, key: &str, kind: Kind, value: String, atom: &Atom, node: Option<usize>, body: Body) {
        let first = self.findings.sites.len();
        self.findings.sites.push(Site {
            key: key.to_owned(),
            barrier: text::is_aigc(&value).then(|| Barrier::of_protected("AIGC")).flatten(),
            value: Some(value),
            address: format!("{}:{key}", self.carrier),
            kind,
            place: atom.name().trim_end().to_owned(),
            offset: atom.start as u64,
            ..Site::default()
        });
        self.parts.push(Part { node, sites: first..first + 1, body });
    }

    /// Takes up the block in a box: what it is, and where in `bytes` it begins.
    fn block(
        &mut self,
        node: usize,
        atom: &Atom,
        bytes: &[u8],
        (header, content): (usize, Content),
        limits: &Limits,
    ) -> Result<()> {
        let block = bytes.get(header..).unwrap_or_default();
        if let Some(held) = self.held(atom, block, content, limits)? {
            let start = atom.data.start + header;
            let sites = self.add(atom, &held, Some(start));
            self.parts.push(Part { node: Some(node), sites, body: Body::Block { held, start } });
        }
        Ok(())
    }

    /// Reads a block; nothing where it cannot be read.
    fn held(&mut self, atom: &Atom, block: &[u8], content: Content, limits: &Limits) -> Result<Option<Held>> {
        limits.check_part(block.len() as u64)?;
        let held = match content {
            Content::Xmp => Packet::parse(block, limits).map(Held::Xmp),
            Content::Tiff => Tiff::parse(block, limits).map(Held::Tiff),
            Content::Iptc => Records::parse(block, limits).map(Held::Iptc),
            Content::Photoshop => ImageResources::parse(block, limits).map(Held::Photoshop),
        };
        match held {
            Ok(held) => Ok(Some(held)),
            Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error.at(atom.start as u64)),
            Err(error) => {
                // Others are searched as they are; a packet may spell its labels otherwise.
                if matches!(content, Content::Xmp) && memmem::find(block, b"RDF").is_some() {
                    let reason = format!("the packet in {} cannot be read: {}", atom.name(), error.reason());
                    self.guard(ErrorKind::Unsupported, reason, Scope::Hidden, atom.start);
                }
                Ok(None)
            }
        }
    }

    /// Takes up the sites of a block, which begins at `start` if it stands in the file as it is.
    fn add(&mut self, atom: &Atom, held: &Held, start: Option<usize>) -> Range<usize> {
        let first = self.findings.sites.len();
        let name = atom.name();
        let place = name.trim_end();
        self.findings.sites.extend(held.carrier().sites().iter().map(|site| {
            let offset = start.map_or(atom.start as u64, |start| start as u64 + site.offset);
            Site { offset, place: join_places(place, &site.place), ..site.clone() }
        }));
        first..self.findings.sites.len()
    }

    /// Takes up a compressed box.
    fn compressed(&mut self, node: usize, atom: &Atom, bytes: &[u8], limits: &Limits) -> Result<()> {
        let Some((kind, coded)) = bytes.split_first_chunk::<4>() else { return Ok(()) };
        let expanded = match brotli::expand(coded, self.budget) {
            Ok(expanded) => expanded,
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error.at(atom.start as u64)),
            Err(error) => {
                let reason = format!("a compressed box cannot be read: {}", error.reason());
                self.guard(ErrorKind::Unsupported, reason, Scope::Hidden, atom.start);
                return Ok(());
            }
        };
        self.budget -= expanded.bytes.len() as u64;
        self.behind.push((node, atom.data.start + 4 + expanded.consumed..atom.data.end));
        let decoded = expanded.bytes;
        let content = match kind {
            b"xml " if is_xmp(&decoded) => Some((0, Content::Xmp)),
            b"Exif" => exif(&decoded),
            _ => None,
        };
        if *kind == *b"jumb" && memmem::find(&decoded, b"c2pa").is_some() {
            self.guard(ErrorKind::Signed, "a C2PA manifest signs the file", Scope::File, atom.start);
        }
        let held = match content {
            Some((header, content)) => {
                let block = decoded.get(header..).unwrap_or_default();
                self.held(atom, block, content, limits)?.map(|held| (held, header))
            }
            None => None,
        };
        match held {
            Some((held, header)) => {
                let sites = self.add(atom, &held, None);
                self.parts.push(Part { node: Some(node), sites, body: Body::Coded { held, decoded, header } });
            }
            None if kind == b"xml " => {
                let start = decoded.get(..limits.value_bytes).unwrap_or(&decoded);
                let value = text::value(String::from_utf8_lossy(start).into_owned(), limits);
                self.site("xml", Kind::Standard, value, atom, Some(node), Body::Whole);
            }
            None => self.decoded.push((node, decoded)),
        }
        Ok(())
    }
}

/// What a block is.
#[derive(Clone, Copy, Debug)]
enum Content {
    Xmp,
    Tiff,
    Iptc,
    Photoshop,
}

/// Where the block begins in an `Exif` box, which says so in its first bytes.
fn exif(bytes: &[u8]) -> Option<(usize, Content)> {
    let offset = u32::from_be_bytes(*bytes.first_chunk()?) as usize;
    Some((offset.checked_add(4).filter(|start| *start < bytes.len())?, Content::Tiff))
}

fn is_xmp(bytes: &[u8]) -> bool {
    let head = bytes.get(..4096).unwrap_or(bytes);
    let has = |word: &[u8]| memmem::find(head, word).is_some();
    // Wide letters spell it with zeros between.
    has(b"xmpmeta") || has(b"rdf:RDF") || has(b"xpacket") || has(b"x\0p\0a\0c") || has(b"\0x\0p\0a\0c")
}
