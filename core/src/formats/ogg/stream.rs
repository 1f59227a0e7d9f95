//! Streams of pages, and the header packets in them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use super::is_comment_block;
use super::page::{MAGIC, Page};
use crate::containers::vorbis::Tail;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Files up to this length are read page by page to their end.
const SMALL: usize = 32 << 20;

/// How far before the end of a large file its last page is looked for: no page is longer.
const TAIL: usize = 128 << 10;

/// A file with more streams than this is read to its end.
const MOST_OPEN: usize = 64;

/// Codecs by the beginning of their first packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Vorbis,
    Opus,
    Speex,
    Flac,
    Theora,
    Kate,
    Vp8,
    Skeleton,
    Unknown,
}

const CODECS: &[(&[u8], Codec)] = &[
    (b"\x01vorbis", Codec::Vorbis),
    (b"OpusHead", Codec::Opus),
    (b"Speex   ", Codec::Speex),
    (b"CELT    ", Codec::Speex),
    (b"\x7fFLAC", Codec::Flac),
    (b"\x80theora", Codec::Theora),
    (b"\x80kate\0\0\0", Codec::Kate),
    (b"OVP80\x01", Codec::Vp8),
    (b"fishead\0", Codec::Skeleton),
];

impl Codec {
    fn of(packet: &[u8]) -> Self {
        CODECS.iter().find(|(magic, _)| packet.starts_with(magic)).map_or(Self::Unknown, |(_, codec)| *codec)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Vorbis => "Vorbis",
            Self::Opus => "Opus",
            Self::Speex => "Speex",
            Self::Flac => "FLAC",
            Self::Theora => "Theora",
            Self::Kate => "Kate",
            Self::Vp8 => "VP8",
            Self::Skeleton => "Skeleton",
            Self::Unknown => "unknown",
        }
    }

    /// Whether no header follows packet `number`, which is `packet`.
    fn ends_with(self, number: usize, packet: &[u8]) -> bool {
        match self {
            Self::Flac => number > 0 && packet.first().is_none_or(|kind| kind & 0x80 != 0),
            Self::Skeleton => false,
            _ => number == 1,
        }
    }
}

/// A piece of a packet: the page, by index, and where it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) page: usize,
    /// Its lacing values, by index in the page.
    pub(super) segments: Range<usize>,
    pub(super) data: Range<usize>,
}

/// A header packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Which stream of the file, from 1.
    stream: usize,
    pub(super) codec: Codec,
    /// Which packet of its stream, from 0.
    pub(super) number: usize,
    pub(super) pieces: Vec<Piece>,
}

impl Packet {
    /// The packet as a whole.
    pub(super) fn bytes<'a>(&self, input: &'a [u8]) -> Cow<'a, [u8]> {
        if let [piece] = &*self.pieces {
            return Cow::Borrowed(input.get(piece.data.clone()).unwrap_or_default());
        }
        let pieces = self.pieces.iter().filter_map(|piece| input.get(piece.data.clone()));
        Cow::Owned(pieces.flatten().copied().collect())
    }

    /// First byte in the file.
    pub(super) fn start(&self) -> u64 {
        self.pieces.first().map_or(0, |piece| piece.data.start as u64)
    }

    /// Where the byte at `position` stands in the file.
    pub(super) fn position(&self, mut position: usize) -> u64 {
        for piece in &self.pieces {
            if position < piece.data.len() {
                return (piece.data.start + position) as u64;
            }
            position -= piece.data.len();
        }
        self.start()
    }

    pub(super) fn place(&self) -> String {
        format!("{} stream {}", self.codec.name(), self.stream)
    }

    /// Where the comments begin in the packet, if it holds them, and what stands behind them.
    pub(super) fn comments(&self, bytes: &[u8]) -> Option<(usize, Tail)> {
        let behind = |magic: &[u8], tail| bytes.starts_with(magic).then_some((magic.len(), tail));
        match self.codec {
            Codec::Flac => (self.number > 0 && is_comment_block(bytes)).then_some((4, Tail::Padding)),
            _ if self.number != 1 => None,
            Codec::Vorbis | Codec::Unknown => behind(b"\x03vorbis", Tail::Framing),
            Codec::Opus => behind(b"OpusTags", Tail::Marked),
            Codec::Speex => Some((0, Tail::Padding)),
            Codec::Theora => behind(b"\x81theora", Tail::Padding),
            // A reserved byte follows the magic.
            Codec::Kate => behind(b"\x81kate\0\0\0", Tail::Padding).map(|(length, tail)| (length + 1, tail)),
            Codec::Vp8 => behind(b"OVP80\x02\x20", Tail::Padding),
            Codec::Skeleton => None,
        }
    }
}

/// What was found in a file.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Pages that hold pieces of header packets.
    pub(super) pages: Vec<Page>,
    pub(super) packets: Vec<Packet>,
    /// What is no page.
    pub(super) gaps: Vec<Range<usize>>,
    /// Runs of other pages.
    pub(super) content: Vec<Range<usize>>,
    /// Whether a stream may count bytes of the file.
    pub(super) has_index: bool,
}

/// A stream that is being read.
#[derive(Debug)]
struct Stream {
    index: usize,
    codec: Codec,
    /// Packets that are complete.
    count: usize,
    pieces: Vec<Piece>,
    /// Bytes of the packet so far.
    length: u64,
    is_done: bool,
}

impl Stream {
    /// A packet that breaks off.
    fn torn(&mut self) -> Option<Packet> {
        let pieces = std::mem::take(&mut self.pieces);
        let packet = Packet { stream: self.index, codec: self.codec, number: self.count, pieces };
        (!packet.pieces.is_empty()).then_some(packet)
    }
}

/// Reads the pages of `input`.
pub(super) fn walk(input: &[u8], limits: &Limits) -> Result<Walk> {
    if !input.starts_with(MAGIC) {
        return Err(Error::malformed(0, "no page of Ogg"));
    }
    let mut reader = Reader { input, limits, walk: Walk::default(), streams: HashMap::new(), count: 0 };
    let is_whole = input.len() <= SMALL;
    let mut position = 0;
    let mut last_of_all = None;
    while position < input.len() {
        let Some(page) = Page::at(input, position) else {
            position = reader.skip(position);
            continue;
        };
        let end = page.body.end;
        let had_data = !page.is_first;
        reader.page(page)?;
        position = end;
        if !is_whole && had_data && reader.is_done() {
            let serial = *last_of_all.get_or_insert_with(|| last_serial(input));
            if serial.is_none_or(|serial| reader.streams.contains_key(&serial)) {
                reader.walk.content.push(position..input.len());
                break;
            }
        }
    }
    reader.finish();
    if reader.walk.packets.is_empty() {
        return Err(Error::malformed(0, "no stream of Ogg"));
    }
    Ok(reader.walk)
}

/// The serial number of the last page.
fn last_serial(input: &[u8]) -> Option<u32> {
    let start = input.len().saturating_sub(TAIL);
    let tail = input.get(start..)?;
    let mut starts = memchr::memmem::rfind_iter(tail, MAGIC);
    starts.find_map(|at| Page::at(input, start + at)).map(|page| page.serial)
}

struct Reader<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    walk: Walk,
    /// The newest stream of each serial number.
    streams: HashMap<u32, Stream>,
    count: usize,
}

impl Reader<'_> {
    /// Steps over what is no page, to the next.
    fn skip(&mut self, position: usize) -> usize {
        let rest = self.input.get(position + 1..).unwrap_or_default();
        let mut starts = memchr::memmem::find_iter(rest, MAGIC).map(|at| position + 1 + at);
        let next = starts.find(|start| Page::at(self.input, *start).is_some()).unwrap_or(self.input.len());
        self.walk.gaps.push(position..next);
        next
    }

    /// Takes up packets that the end of the file breaks off.
    fn finish(&mut self) {
        let mut torn: Vec<_> = self.streams.values_mut().filter_map(Stream::torn).collect();
        torn.sort_by_key(Packet::start);
        self.walk.packets.extend(torn);
    }

    fn is_done(&self) -> bool {
        self.streams.len() <= MOST_OPEN
            && self.streams.values().all(|stream| stream.is_done || stream.codec == Codec::Skeleton)
    }

    fn page(&mut self, page: Page) -> Result<()> {
        if page.is_first {
            self.count += 1;
            self.limits.check_items(self.count, "streams")?;
            let stream = Stream {
                index: self.count,
                codec: Codec::Unknown,
                count: 0,
                pieces: Vec::new(),
                length: 0,
                is_done: false,
            };
            self.streams.insert(page.serial, stream);
        }
        let range = page.range();
        let Some(stream) = self.streams.get_mut(&page.serial).filter(|stream| !stream.is_done) else {
            self.content(range);
            return Ok(());
        };
        let index = self.walk.pages.len();
        self.limits.check_items(index, "pages")?;
        if page.is_continued == stream.pieces.is_empty() {
            // A page is lost: what follows is no packet that can be read.
            stream.is_done = true;
            let torn = stream.torn();
            self.walk.packets.extend(torn);
            self.content(range);
            return Ok(());
        }
        let lacing = self.input.get(page.lacing.clone()).unwrap_or_default();
        let (mut start, mut first) = (page.body.start, 0);
        let mut end = start;
        for (segment, length) in lacing.iter().enumerate() {
            end += usize::from(*length);
            let is_end = *length < 255;
            if !is_end && segment + 1 < lacing.len() {
                continue;
            }
            stream.pieces.push(Piece { page: index, segments: first..segment + 1, data: start..end });
            stream.length += (end - start) as u64;
            self.limits.check_part(stream.length).map_err(|error| error.at(page.start as u64))?;
            (start, first) = (end, segment + 1);
            if !is_end {
                continue;
            }
            let pieces = std::mem::take(&mut stream.pieces);
            stream.length = 0;
            let mut packet = Packet { stream: stream.index, codec: stream.codec, number: stream.count, pieces };
            let bytes = packet.bytes(self.input);
            if stream.count == 0 {
                stream.codec = Codec::of(&bytes);
                packet.codec = stream.codec;
                self.walk.has_index |= stream.codec == Codec::Skeleton;
            }
            stream.is_done = stream.codec.ends_with(stream.count, &bytes);
            stream.count += 1;
            self.walk.packets.push(packet);
            self.limits.check_items(self.walk.packets.len(), "packets")?;
            if stream.is_done {
                break;
            }
        }
        stream.is_done |= page.is_last;
        if end < page.body.end {
            self.content(end..page.body.end);
        }
        self.walk.pages.push(page);
        Ok(())
    }

    /// Notes a run of bytes that hold no headers.
    fn content(&mut self, range: Range<usize>) {
        match self.walk.content.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.walk.content.push(range),
        }
    }
}
