//! The private data of codecs (`CodecPrivate`): the headers of Vorbis and Theora, of which the second holds comments,
//! laced as Xiph does (RFC 9559, section 12.3), and the metadata blocks of FLAC.

use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::ebml::{Change, Element};
use crate::containers::nested::rewrite;
use crate::containers::vorbis::{Comments, Tail};
use crate::cursor::Cursor;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::Layout;
use crate::scan::{Class, Scan};
use crate::survey::Site;

/// The types of the blocks of FLAC that matter, and the flag of the last one.
const VORBIS_COMMENT: u8 = 4;
const PADDING: u8 = 1;
const LAST: u8 = 0x80;

/// The head of a block of FLAC.
const BLOCK_HEAD: usize = 4;

/// The private data of the codec of a track.
#[derive(Debug)]
pub(super) struct Private<'a> {
    input: &'a [u8],
    element: Element,
    master: usize,
    held: Held<'a>,
    hidden: Option<&'static str>,
    /// Whether the codec is one that may have comments.
    has_comments: bool,
}

#[derive(Debug)]
enum Held<'a> {
    Nothing,
    /// Laced packets; the comments stand in the second.
    Laced {
        comments: Comments<'a>,
        packets: Vec<Range<usize>>,
        at: usize,
    },
    /// A block of FLAC, from its head on.
    Block {
        comments: Comments<'a>,
        head: usize,
    },
}

impl<'a> Private<'a> {
    /// Reads the data of a codec; `is_coded` says that it is compressed or encrypted.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`].
    pub(super) fn read(
        input: &'a [u8],
        element: Element,
        master: usize,
        codec: &str,
        is_coded: bool,
        limits: &Limits,
    ) -> Result<Self> {
        let bytes = input.get(element.data.clone()).unwrap_or_default();
        let has_comments = matches!(codec, "A_VORBIS" | "V_THEORA" | "A_FLAC" | "A_OPUS" | "A_SPEEX");
        let read = match codec {
            _ if is_coded => Ok(Held::Nothing),
            "A_VORBIS" => laced(bytes, b"\x03vorbis", Tail::Framing, limits),
            "V_THEORA" => laced(bytes, b"\x81theora", Tail::Padding, limits),
            "A_FLAC" => block(bytes, limits),
            _ => Ok(Held::Nothing),
        };
        let (held, hidden) = match read {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
            Err(_) => (Held::Nothing, Some("cannot be read")),
            Ok(held) => (held, (is_coded && has_comments).then_some("is compressed")),
        };
        Ok(Self { input, element, master, held, hidden, has_comments })
    }

    /// Why comments cannot be seen, if so.
    pub(super) fn hidden(&self) -> Option<&'static str> {
        self.hidden
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.element.data.clone()
    }

    /// Where the comments begin in the file.
    pub(super) fn base(&self) -> usize {
        self.element.data.start
            + match &self.held {
                Held::Nothing => 0,
                Held::Laced { at, .. } => *at,
                Held::Block { head, .. } => head + BLOCK_HEAD,
            }
    }

    fn comments(&self) -> Option<&Comments<'a>> {
        match &self.held {
            Held::Nothing => None,
            Held::Laced { comments, .. } | Held::Block { comments, .. } => Some(comments),
        }
    }

    /// The comments with their indices, without an empty vendor string.
    pub(super) fn sites(&self) -> impl Iterator<Item = (usize, &Site)> {
        let sites = self.comments().map_or(&[][..], |comments| comments.sites());
        let is_label = |(own, site): &(usize, &Site)| *own > 0 || site.value.as_deref() != Some("");
        sites.iter().enumerate().filter(is_label)
    }

    /// The edits that remove the `chosen` comments, and stale copies of them behind the list.
    pub(super) fn changes(&self, chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Change>> {
        let Some(comments) = self.comments() else { return Ok(Vec::new()) };
        if comments.scrub(chosen, needles, Layout::Preserve).is_empty() {
            return Ok(Vec::new());
        }
        let old = self.input.get(self.range()).unwrap_or_default();
        let kept = comments.without(chosen);
        let layout = if chosen.is_empty() { Layout::Preserve } else { layout };
        let new = match &self.held {
            Held::Nothing => return Ok(Vec::new()),
            Held::Laced { packets, at, .. } => relaced(old, packets, *at, kept, comments.bytes().len(), layout),
            Held::Block { head, .. } => reblocked(old, *head, kept, comments.bytes().len(), layout),
        };
        let edit = if new.len() == old.len() {
            rewrite(self.element.data.start, old, &new)
        } else {
            Some(self.element.with_data(&new)?)
        };
        Ok(edit.map(|edit| Change { master: self.master, edit }).into_iter().collect())
    }

    pub(super) fn show(&self, scan: &mut Scan<'_>) {
        let bytes = self.input.get(self.range()).unwrap_or_default();
        let start = self.element.data.start;
        let Some(comments) = self.comments() else {
            let class = if self.has_comments { Class::Metadata } else { Class::Content };
            if class == Class::Metadata || scan.wants_text(bytes.len() as u64) {
                scan.raw_region(class, "CodecPrivate", start as u64, bytes, &[]);
            }
            return;
        };
        let own = self.base() - start;
        // Of packets the others are numbers; of the blocks of FLAC they may be anything.
        let shown = match &self.held {
            Held::Laced { .. } => own..own + comments.bytes().len(),
            _ => 0..bytes.len(),
        };
        let moved = |claim: Range<usize>| claim.start + own - shown.start..claim.end + own - shown.start;
        let claimed: Vec<_> = comments.claimed().into_iter().map(moved).collect();
        let shown_bytes = bytes.get(shown.clone()).unwrap_or_default();
        scan.raw_region(Class::Metadata, "CodecPrivate", (start + shown.start) as u64, shown_bytes, &claimed);
    }
}

/// Laced packets, of which the second begins with `signature` and holds comments.
fn laced<'a>(bytes: &'a [u8], signature: &[u8], tail: Tail, limits: &Limits) -> Result<Held<'a>> {
    let mut cursor = Cursor::new(bytes);
    let count = usize::from(cursor.u8()?);
    let mut lens = Vec::with_capacity(count);
    for _ in 0..count {
        let mut len = 0;
        loop {
            let byte = cursor.u8()?;
            len += usize::from(byte);
            if byte < 255 {
                break;
            }
        }
        lens.push(len);
    }
    let mut packets = Vec::with_capacity(count + 1);
    for len in lens {
        let start = cursor.position();
        cursor.skip(len)?;
        packets.push(start..cursor.position());
    }
    packets.push(cursor.position()..bytes.len());
    let packet = packets.get(1).cloned().unwrap_or_default();
    let packet_bytes = bytes.get(packet.clone()).unwrap_or_default();
    let Some(block) = packet_bytes.strip_prefix(signature) else {
        return Err(cursor.malformed("the second packet is no comment header"));
    };
    let comments = Comments::parse(block, tail, limits)?;
    Ok(Held::Laced { comments, at: packet.start + signature.len(), packets })
}

/// The metadata blocks of FLAC, if there is one with comments.
fn block<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Held<'a>> {
    let Some(blocks) = bytes.strip_prefix(b"fLaC") else { return Ok(Held::Nothing) };
    let mut cursor = Cursor::new(blocks);
    while !cursor.is_empty() {
        let head = bytes.len() - cursor.remaining();
        let [kind, len @ ..]: [u8; 4] = cursor.array()?;
        let len = len.iter().fold(0, |len, byte| len << 8 | usize::from(*byte));
        let data = cursor.take(len)?;
        if kind & !LAST == VORBIS_COMMENT {
            return Ok(Held::Block { comments: Comments::parse(data, Tail::Padding, limits)?, head });
        }
    }
    Ok(Held::Nothing)
}

/// The packets with the comments `kept`, which begin at `at` and took `len` bytes.
fn relaced(old: &[u8], packets: &[Range<usize>], at: usize, mut kept: Vec<u8>, len: usize, layout: Layout) -> Vec<u8> {
    if layout == Layout::Preserve {
        kept.resize(len, 0);
    }
    let part = |range: Range<usize>| old.get(range).unwrap_or_default();
    let mut new = part(0..1).to_vec();
    let is_comment = |packet: &Range<usize>| packet.end == at + len && packet.start < at;
    for packet in packets.iter().take(packets.len().saturating_sub(1)) {
        let mut rest = if is_comment(packet) { at - packet.start + kept.len() } else { packet.len() };
        while rest >= 255 {
            new.push(255);
            rest -= 255;
        }
        new.push(rest as u8);
    }
    for packet in packets {
        if is_comment(packet) {
            new.extend_from_slice(part(packet.start..at));
            new.extend_from_slice(&kept);
        } else {
            new.extend_from_slice(part(packet.clone()));
        }
    }
    new
}

/// The blocks with the comments `kept` in the block whose head is at `head`, and which took `len` bytes.
fn reblocked(old: &[u8], head: usize, mut kept: Vec<u8>, len: usize, layout: Layout) -> Vec<u8> {
    let kind = old.get(head).copied().unwrap_or_default();
    let freed = len.saturating_sub(kept.len());
    let is_padded = layout == Layout::Preserve && freed >= BLOCK_HEAD;
    if layout == Layout::Preserve && !is_padded {
        kept.resize(len, 0);
    }
    let block = |kind: u8, data: &[u8]| {
        let [_, len @ ..] = (data.len() as u32).to_be_bytes();
        [&[kind][..], &len, data].concat()
    };
    let mut new = old.get(..head).unwrap_or_default().to_vec();
    new.extend(block(if is_padded { kind & !LAST } else { kind }, &kept));
    if is_padded {
        new.extend(block(PADDING | kind & LAST, &vec![0; freed - BLOCK_HEAD]));
    }
    new.extend_from_slice(old.get(head + BLOCK_HEAD + len..).unwrap_or_default());
    new
}
