//! ID3v2 tags (ID3v2.2, 2.3 and 2.4): a header, maybe an extended header, frames, and padding or a footer.
//!
//! A frame is a label: of those in which somebody chooses a key (`TXXX`, `WXXX`, `COMM`, `USLT`, `PRIV`, `GEOB`, `UFID`)
//! the address is `id3:TXXX:key`, of the others `id3:TIT2`; frames of version 2.2 go by their later names. The frames
//! inside chapters are labels too, and an XMP packet in `PRIV` is a carrier of its own. Frames that say how to read the
//! file (`SEEK`, `ASPI`, `MLLT`, `ENCR` …) are structure.
//!
//! Removal moves later frames up; with [`Layout::Preserve`] zeros follow, which are the padding of this format. A tag
//! with a footer has no padding: it loses its footer or, where it is found from its end, moves to the end of its room.
//! With [`Layout::Compact`] padding goes, and the size in the header follows; a tag whose `ASPI` counts the bytes of the
//! file keeps its length. The checksum and the length of padding in the extended header follow, and unsynchronisation is
//! kept as it was written.
//!
//! Never removed: `AIGC`. A guard stands over the file when there is a C2PA manifest (`GEOB`), over hidden labels when a
//! frame with a key is encrypted or cannot be inflated. Signed frames (`SIGN`) have a barrier.

mod edit;
mod fields;
mod frame;
mod header;
mod names;
mod show;
mod unsync;

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::nested::join_places;
use super::{Carrier, text, xmp};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Guard, KeyCase, Kind, Member, Scope, Site};

use edit::Cut;
use fields::Field;
use frame::{Frame, Walk, walk};
use header::{Extended, HEADER, Header};
use unsync::Plain;

/// Where the packet begins in a frame that holds one: behind the owner.
const PACKET: usize = 4;

/// How deep frames stand in chapters that are read.
const DEPTH: usize = 4;

/// One tag.
///
/// ```
/// use unlabel_core::containers::{Carrier, id3::Tag};
/// use unlabel_core::{Edit, Layout, Limits};
/// let bytes = b"ID3\x03\0\0\0\0\0\x18TXXX\0\0\0\x07\0\0\0id\x00888\0\0\0\0\0\0\0";
/// let tag = Tag::parse(&bytes[..], &Limits::default()).unwrap();
/// assert_eq!(tag.sites()[0].address, "id3:TXXX:id");
/// assert_eq!(tag.edits(&[0], Layout::Preserve).unwrap(), [Edit::fill(10..27, 0)]);
/// ```
#[derive(Debug)]
pub struct Tag<'a> {
    bytes: &'a [u8],
    header: Header,
    body: Plain<'a>,
    extended: Extended,
    parts: Vec<Part>,
    /// Where the last frame ends in the body.
    end: usize,
    /// Where padding begins in the body: behind the last frame, or behind damage.
    padding: usize,
    sites: Vec<Site>,
    guards: Vec<Guard>,
    files: Vec<Attached>,
    claimed: Vec<Range<usize>>,
    is_appended: bool,
    counts_bytes: bool,
    /// Whether the frames read in one way only.
    is_certain: bool,
    limit: u64,
}

/// A frame and what it holds.
#[derive(Debug)]
struct Part {
    frame: Frame,
    sites: Range<usize>,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    /// One label.
    Label,
    /// An XMP packet.
    Packet(Box<xmp::Packet>),
    /// More frames, in its content.
    Frames(Vec<Part>),
    /// Nothing that is a label.
    Structure,
}

/// A file in a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attached {
    site: usize,
    name: String,
    /// The frame, in what it stands in: the body, for only those at the top are looked into.
    frame: Frame,
    /// The file, in the content of the frame.
    data: Range<usize>,
    /// Where it stands in the tag, if it stands there as it is.
    plain: Option<Range<usize>>,
}

impl<'a> Tag<'a> {
    /// The length of the tag at the start of `bytes`, which may end before that, if there is one.
    pub fn len(bytes: &[u8]) -> Option<usize> {
        Header::read(bytes, *b"ID3").map(Header::total)
    }

    /// Where the tag begins whose footer ends at byte `end` of `bytes`, if there is one.
    pub fn before(bytes: &[u8], end: usize) -> Option<usize> {
        let footer = Header::read(bytes.get(end.checked_sub(HEADER)?..end)?, *b"3DI")?;
        let start = end.checked_sub(footer.total())?;
        let header = Header::read(bytes.get(start..end)?, *b"ID3")?;
        (header.has_footer() && header.size == footer.size).then_some(start)
    }

    /// Reads the tag at the start of `bytes`; what follows it is not looked at.
    ///
    /// # Errors
    /// Malformed where there is no tag, where it reaches past the end, or its extended header does; unsupported for
    /// versions that nobody has specified; [`ErrorKind::LimitExceeded`].
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let header = Header::read(bytes, *b"ID3").ok_or_else(|| Error::malformed(0, "no ID3 header"))?;
        if header.version > 4 || header.is_compressed() {
            return Err(Error::unsupported(format!("an ID3 tag of unknown form (version 2.{})", header.version)));
        }
        let total = header.total();
        let bytes = bytes.get(..total).ok_or_else(|| Error::malformed(0, "the ID3 tag reaches past the end"))?;
        limits.check_part(total as u64)?;
        let raw = bytes.get(HEADER..HEADER + header.size).unwrap_or_default();
        let is_whole = header.is_unsynchronised() && header.version < 4;
        let body = if is_whole { Plain::decode(raw) } else { Plain::new(raw) };
        let extended = Extended::read(header, &body.bytes)?;
        let Walk { frames, end, damage, is_certain, .. } =
            walk(&body.bytes, extended.range.end, header.version, header.is_unsynchronised())?;
        let mut found = Found {
            header,
            limits,
            budget: Cell::new(limits.part_bytes),
            sites: Vec::new(),
            guards: Vec::new(),
            files: Vec::new(),
            claimed: Vec::new(),
            signed: signed_groups(&frames, &body.bytes),
        };
        let counts_bytes = frames.iter().any(|frame| frame.id == "ASPI");
        let position = |at: usize| HEADER + body.coded(at);
        let parts = found.parts(frames, &body.bytes, "", 0, &|at| Some(position(at)));
        let mut claimed = std::mem::take(&mut found.claimed);
        claimed.push(0..position(extended.range.end));
        let Found { sites, guards, files, .. } = found;
        let limit = limits.part_bytes;
        let tag = Self {
            bytes,
            header,
            body,
            extended,
            parts,
            end,
            padding: damage,
            sites,
            guards,
            files,
            claimed,
            is_appended: false,
            counts_bytes,
            is_certain,
            limit,
        };
        Ok(tag)
    }

    /// The same tag, found by its footer: it has to keep one, and its end where it is.
    #[must_use]
    pub fn appended(mut self) -> Self {
        self.is_appended = self.header.has_footer();
        self
    }

    /// Whether the tag was found by its footer.
    pub fn is_appended(&self) -> bool {
        self.is_appended
    }

    /// The tag, without what follows it.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What stands in the way of edits of the file around the tag. Offsets count from the start of the tag.
    pub fn guards(&self) -> &[Guard] {
        &self.guards
    }

    /// Whether nothing is left in the tag without the `chosen` sites.
    pub fn empties(&self, chosen: &[usize]) -> bool {
        let is_label = |part: &Part| matches!(part.holds, Holds::Label | Holds::Packet(_));
        chosen.len() == self.sites.len() && self.parts.iter().all(is_label) && self.padding == self.end
    }

    /// The padding, in the tag.
    pub fn padding(&self) -> Range<usize> {
        self.position(self.padding)..HEADER + self.header.size
    }

    /// The pictures and other files in the tag. Offsets count from its start.
    pub fn members(&self) -> Vec<Member> {
        let member = |file: &Attached| {
            let reason = "its frame is coded";
            let barrier = file.plain.is_none().then(|| Barrier::new(ErrorKind::Unsupported, reason));
            let offset = self.sites.get(file.site).map_or(0, |site| site.offset);
            Member { place: file.name.clone(), offset, len: file.data.len() as u64, barrier }
        };
        self.files.iter().map(member).collect()
    }

    /// The data of a member.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where its frame cannot be decoded.
    pub fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let file = self.files.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))?;
        Ok(match file.frame.content(&self.body.bytes, self.limit)? {
            Cow::Borrowed(content) => Cow::Borrowed(content.get(file.data.clone()).unwrap_or_default()),
            Cow::Owned(content) => Cow::Owned(content.get(file.data.clone()).unwrap_or_default().to_vec()),
        })
    }

    /// Where the data of a member stands in the tag, if it stands there as it is, and the site that it belongs to.
    pub fn member_range(&self, index: usize) -> Option<(Range<usize>, usize)> {
        let file = self.files.get(index)?;
        Some((file.plain.clone()?, file.site))
    }

    /// As [`Carrier::edits`], with other bytes for ranges of the tag that are members of no chosen site, as many as before;
    /// blanks what no reader looks at and a needle occurs in.
    ///
    /// # Errors
    /// As [`Carrier::edits`].
    pub fn scrub(
        &self,
        chosen: &[usize],
        members: &[(Range<usize>, &[u8])],
        needles: &Needles,
        layout: Layout,
    ) -> Result<Vec<Edit>> {
        edit::take_out(self, &Cut { chosen, members, needles: Some(needles), layout })
    }

    /// Where a byte of the body stands in the tag.
    fn position(&self, at: usize) -> usize {
        HEADER + self.body.coded(at)
    }
}

impl Carrier for Tag<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        edit::take_out(self, &Cut { chosen, members: &[], needles: None, layout })
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.claimed.clone()
    }
}

/// The groups of frames that a signature covers.
fn signed_groups(frames: &[Frame], body: &[u8]) -> Vec<u8> {
    let signatures = frames.iter().filter(|frame| frame.id == "SIGN");
    signatures.filter_map(|frame| body.get(frame.content_start()).copied()).collect()
}

/// What is found while frames are read.
struct Found<'l> {
    header: Header,
    limits: &'l Limits,
    /// Bytes that may still be inflated.
    budget: Cell<u64>,
    sites: Vec<Site>,
    guards: Vec<Guard>,
    files: Vec<Attached>,
    /// Ranges of the tag.
    claimed: Vec<Range<usize>>,
    signed: Vec<u8>,
}

/// Where a byte of what frames stand in stands in the tag, if it does as it is.
type Locate<'l> = dyn Fn(usize) -> Option<usize> + 'l;

impl Found<'_> {
    fn parts(&mut self, frames: Vec<Frame>, outer: &[u8], chapter: &str, depth: usize, at: &Locate<'_>) -> Vec<Part> {
        let mut parts = Vec::with_capacity(frames.len());
        for frame in frames {
            let first = self.sites.len();
            let holds = self.part(&frame, outer, chapter, depth, at);
            parts.push(Part { frame, sites: first..self.sites.len(), holds });
        }
        parts
    }

    fn part(&mut self, frame: &Frame, outer: &[u8], chapter: &str, depth: usize, at: &Locate<'_>) -> Holds {
        let name = names::long(&frame.id);
        if let Some(range) = at(frame.span.start).zip(at(frame.data.start)) {
            self.claimed.push(range.0..range.1);
        }
        if names::is_structure(name) {
            return Holds::Structure;
        }
        let content = match frame.content(outer, self.budget.get()) {
            Ok(content) => content,
            Err(error) => {
                self.unread(frame, name, chapter, &error, at);
                return Holds::Label;
            }
        };
        if frame.coding.is_compressed {
            self.budget.set(self.budget.get().saturating_sub(content.len() as u64));
        }
        let start = frame.content_start();
        let is_plain =
            frame.coding.is_plain() || (!frame.coding.is_compressed && content.len() == frame.data.end - start);
        let inner = move |position: usize| if is_plain { at(start + position) } else { None };
        match name {
            "CHAP" | "CTOC" if depth < DEPTH => self.chapter(name, &content, depth, &inner),
            "PRIV" if content.starts_with(b"XMP\0") => self.packet(frame, &content, chapter, at, &inner),
            _ => {
                self.label(frame, name, &content, chapter, depth, at, &inner);
                Holds::Label
            }
        }
    }

    /// The frames in a chapter or a table of contents.
    fn chapter(&mut self, name: &str, content: &[u8], depth: usize, inner: &Locate<'_>) -> Holds {
        let start = fixed_of_chapter(name, content);
        if let Some((from, to)) = inner(0).zip(start.and_then(inner)) {
            self.claimed.push(from..to);
        }
        let walk = start.map(|start| walk(content, start, self.header.version, false));
        let Some(Ok(Walk { frames, end, damage, .. })) = walk else { return Holds::Structure };
        if end != damage {
            return Holds::Structure;
        }
        Holds::Frames(self.parts(frames, content, name, depth + 1, inner))
    }

    fn packet(&mut self, frame: &Frame, content: &[u8], chapter: &str, at: &Locate<'_>, inner: &Locate<'_>) -> Holds {
        let bytes = content.get(PACKET..).unwrap_or_default();
        let packet = match xmp::Packet::parse(bytes, self.limits) {
            Ok(packet) => packet,
            Err(error) => {
                if memchr::memmem::find(bytes, b"RDF").is_some() {
                    self.hide(ErrorKind::Unsupported, format!("XMP: {}", error.reason()), at(frame.span.start));
                }
                let field = Field {
                    key: "XMP".into(),
                    address: "id3:PRIV:XMP".into(),
                    kind: Kind::Standard,
                    ..Field::default()
                };
                self.push(frame, chapter, at, field);
                return Holds::Label;
            }
        };
        let place = self.place(frame, chapter, "");
        let whole = at(frame.span.start).unwrap_or_default();
        self.sites.extend(packet.sites().iter().map(|site| {
            let offset = inner(PACKET + site.offset as usize).unwrap_or(whole) as u64;
            Site { offset, place: join_places(&place, &site.place), ..site.clone() }
        }));
        let claims = packet.claimed().into_iter().map(|range| PACKET + range.start..PACKET + range.end);
        let claims =
            claims.chain(std::iter::once(0..PACKET)).filter_map(|range| Some(inner(range.start)?..inner(range.end)?));
        self.claimed.extend(claims);
        if inner(0).is_none() {
            self.claim_data(frame, at);
        }
        Holds::Packet(Box::new(packet))
    }

    /// Claims data that is shown decoded.
    fn claim_data(&mut self, frame: &Frame, at: &Locate<'_>) {
        self.claimed.extend(at(frame.data.start).zip(at(frame.data.end)).map(|(from, to)| from..to));
    }

    #[expect(clippy::too_many_arguments, reason = "a frame is told by what it stands in")]
    fn label(
        &mut self,
        frame: &Frame,
        name: &str,
        content: &[u8],
        chapter: &str,
        depth: usize,
        at: &Locate<'_>,
        inner: &Locate<'_>,
    ) {
        let mut field = fields::read(name, self.header.version, content, self.limits);
        if name == "GEOB" && field.media_type.to_ascii_lowercase().contains("c2pa") {
            let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest covers the file");
            let offset = at(frame.span.start).unwrap_or_default() as u64;
            self.guards.push(Guard { barrier, scope: Scope::File, offset });
        }
        match (inner(0), inner(field.known)) {
            (Some(from), Some(to)) => self.claimed.push(from..to),
            // What is coded is shown decoded.
            _ => self.claim_data(frame, at),
        }
        if let Some((data, name)) = field.file.take().filter(|(data, _)| depth == 0 && !data.is_empty()) {
            let plain = inner(data.start).zip(inner(data.end)).map(|(from, to)| from..to);
            let plain = plain.filter(|plain| plain.len() == data.len());
            self.files.push(Attached { site: self.sites.len(), name, frame: frame.clone(), data, plain });
        }
        self.push(frame, chapter, at, field);
    }

    /// Takes up a frame whose content cannot be read.
    fn unread(&mut self, frame: &Frame, name: &str, chapter: &str, error: &Error, at: &Locate<'_>) {
        if names::has_key(name) || matches!(name, "CHAP" | "CTOC") {
            let kind = if frame.coding.is_encrypted { ErrorKind::Encrypted } else { ErrorKind::Unsupported };
            self.hide(kind, format!("{name}: {}", error.reason()), at(frame.span.start));
        }
        let field =
            Field { key: name.into(), address: format!("id3:{name}"), kind: Kind::Standard, ..Field::default() };
        self.push(frame, chapter, at, field);
    }

    fn hide(&mut self, kind: ErrorKind, reason: String, offset: Option<usize>) {
        let offset = offset.unwrap_or_default() as u64;
        self.guards.push(Guard { barrier: Barrier::new(kind, reason), scope: Scope::Hidden, offset });
    }

    fn push(&mut self, frame: &Frame, chapter: &str, at: &Locate<'_>, field: Field) {
        let Field { key, mut address, kind, value, raw_value, place, .. } = field;
        if !chapter.is_empty() && kind != Kind::Custom {
            // The title of a chapter is not that of the whole.
            address = format!("id3:{chapter}:{}", address.strip_prefix("id3:").unwrap_or_default());
        }
        let mark = value.as_deref().is_some_and(text::is_aigc).then_some("AIGC");
        let is_signed = frame.coding.group.is_some_and(|group| self.signed.contains(&group));
        let signed = is_signed.then(|| Barrier::new(ErrorKind::Signed, "a signature of the ID3 tag covers the frame"));
        let barrier = Barrier::of_protected(mark.unwrap_or(&key)).or(signed);
        let offset = at(frame.span.start).unwrap_or_default() as u64;
        let place = self.place(frame, chapter, &place);
        let case = KeyCase::Insensitive;
        self.sites.push(Site {
            key,
            aliases: Vec::new(),
            value,
            raw_value,
            address,
            kind,
            case,
            place,
            offset,
            barrier,
        });
    }

    fn place(&self, frame: &Frame, chapter: &str, more: &str) -> String {
        let version = self.header.version;
        let parts = [chapter, &frame.id, more].into_iter().filter(|part| !part.is_empty());
        std::iter::once(format!("ID3v2.{version}")).chain(parts.map(str::to_owned)).collect::<Vec<_>>().join(" ")
    }
}

/// Where the frames begin in a chapter (`CHAP`: name and four numbers) or a table of contents (`CTOC`: name, flags, and
/// the names of its entries).
fn fixed_of_chapter(name: &str, content: &[u8]) -> Option<usize> {
    let mut position = memchr::memchr(0, content)? + 1;
    if name == "CHAP" {
        return (position + 16 <= content.len()).then_some(position + 16);
    }
    let count = *content.get(position + 1)?;
    position += 2;
    for _ in 0..count {
        position += memchr::memchr(0, content.get(position..)?)? + 1;
    }
    Some(position)
}

#[cfg(test)]
mod tests;
