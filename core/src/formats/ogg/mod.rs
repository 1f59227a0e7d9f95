//! Ogg (RFC 3533) with Vorbis, Opus, Speex, FLAC, Theora, Kate, CELT, VP8 and the streams of OGM.
//!
//! Labels live in the comments of every stream, its second packet (see [`Comments`]), and in FLAC streams in the other
//! metadata blocks as well. Streams may be multiplexed, and follow each other (chained). Pictures in
//! `METADATA_BLOCK_PICTURE` are members.
//!
//! After an edit the checksum of every page follows that holds a piece of the packet. With [`Layout::Preserve`] the
//! packet keeps its length, with zeros behind the comments. With [`Layout::Compact`] it shrinks, but never to fewer
//! pages, for the numbers of all later pages would have to follow; where a Skeleton stream counts bytes of the file,
//! or something stands between pages, it keeps its length.
//!
//! Large files are read up to the last header packet, and all their pages only when the last page is of a stream that is
//! not known by then. Never removed: `AIGC`. Comments that cannot be read are kept, and hide labels. What stays: message
//! fields of Skeleton, which are searched for residue.

mod page;
mod plan;
mod stream;

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::picture::{Picture, decode_base64};
use crate::containers::vorbis::Comments;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::formats::flac::{VORBIS_COMMENT, block_site, picture_member, show_label};
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Scope, Site, Survey};

use page::MAGIC;
use stream::{Codec, Packet, Walk};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ogg;

impl Format for Ogg {
    fn name(&self) -> &'static str {
        "ogg"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["ogg", "oga", "ogv", "ogx", "ogm", "opus", "spx"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(MAGIC)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let walk = stream::walk(input, limits)?;
        let mut survey =
            Surveyed { input, limits, walk, parts: Vec::new(), files: Vec::new(), findings: Findings::default() };
        survey.find()?;
        Ok(Box::new(survey))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    walk: Walk,
    parts: Vec<Part>,
    files: Vec<File>,
    findings: Findings,
}

/// A header packet that holds labels.
#[derive(Debug)]
struct Part {
    /// Of the walk.
    packet: usize,
    sites: Range<usize>,
    /// Where its block begins in the packet.
    start: usize,
    holds: Holds,
}

#[derive(Debug)]
enum Holds {
    Comments(Box<Comments<'static>>),
    /// One label, a metadata block of FLAC.
    Block(Option<Picture>),
}

/// A picture.
#[derive(Debug)]
struct File {
    part: usize,
    /// The comment it is, as an index of the pictures of those; none where it is a block.
    comment: Option<usize>,
    member: Member,
}

impl Surveyed<'_> {
    fn find(&mut self) -> Result<()> {
        for index in 0..self.walk.packets.len() {
            let Some(packet) = self.walk.packets.get(index) else { break };
            let bytes = packet.bytes(self.input);
            let first = self.findings.sites.len();
            let Some((start, tail)) = packet.comments(&bytes) else {
                self.find_block(index, &bytes);
                continue;
            };
            let block = bytes.get(start..).unwrap_or_default().to_vec();
            let comments = match Comments::parse(block, tail, self.limits) {
                Ok(comments) => comments,
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error.at(packet.start())),
                Err(error) => {
                    let reason = format!("comments that cannot be read: {}", error.reason());
                    let barrier = Barrier::new(ErrorKind::Unsupported, reason);
                    self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: packet.start() });
                    continue;
                }
            };
            let place = packet.place();
            let moved = |site: &Site| {
                let offset = packet.position(start + site.offset as usize);
                Site { offset, place: place.clone(), ..site.clone() }
            };
            self.findings.sites.extend(comments.sites().iter().map(moved));
            self.find_pictures(&comments, packet.start());
            let sites = first..self.findings.sites.len();
            self.parts.push(Part { packet: index, sites, start, holds: Holds::Comments(Box::new(comments)) });
        }
        Ok(())
    }

    /// Takes up a metadata block of FLAC that is one label.
    fn find_block(&mut self, index: usize, bytes: &[u8]) {
        let Some(packet) =
            self.walk.packets.get(index).filter(|packet| packet.codec == Codec::Flac && packet.number > 0)
        else {
            return;
        };
        let Some((header, block)) = bytes.split_at_checked(4) else { return };
        let kind = header.first().copied().unwrap_or_default() & 0x7F;
        let Some((site, picture)) = block_site(kind, block, self.limits) else { return };
        // Packets are counted, so that none of them goes.
        let reason = "a metadata block of FLAC in Ogg cannot go alone";
        let barrier = site.barrier.clone().or_else(|| Some(Barrier::new(ErrorKind::Unsupported, reason)));
        let first = self.findings.sites.len();
        self.findings.sites.push(Site { offset: packet.position(4), place: packet.place(), barrier, ..site });
        if let Some(picture) = &picture {
            let member = Member { offset: packet.start(), ..picture_member(block, 0, picture) };
            self.files.push(File { part: self.parts.len(), comment: None, member });
        }
        self.parts.push(Part { packet: index, sites: first..first + 1, start: 4, holds: Holds::Block(picture) });
    }

    /// Takes up the pictures among comments.
    fn find_pictures(&mut self, comments: &Comments<'_>, offset: u64) {
        for (index, picture) in comments.pictures().iter().enumerate() {
            let Some((block, picture)) = decoded(comments.bytes().get(picture.value.clone())) else { continue };
            let member = Member { offset, ..picture_member(&block, 0, &picture) };
            self.files.push(File { part: self.parts.len(), comment: Some(index), member });
        }
    }

    fn packet(&self, part: &Part) -> Option<&Packet> {
        self.walk.packets.get(part.packet)
    }
}

/// A picture in base64, as a block.
fn decoded(coded: Option<&[u8]>) -> Option<(Vec<u8>, Picture)> {
    let block = decode_base64(coded?)?;
    let picture = Picture::parse(&block).ok()?;
    Some((block, picture))
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let (edits, left) = plan::edits(self, removal, layout)?;
        let plan = Plan::new(edits, self.input.len() as u64)?;
        if plan::makes_a_page(self, &plan) {
            return Err(Error::unsupported("what is no page now would be one"));
        }
        Ok(Planned { left_members: left, ..plan.into() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let mut parts = self.parts.iter().peekable();
        for (index, packet) in self.walk.packets.iter().enumerate() {
            let part = parts.next_if(|part| part.packet == index);
            let bytes = packet.bytes(self.input);
            let (place, offset) = (packet.place(), packet.start());
            match part.map(|part| (part, &part.holds)) {
                Some((part, Holds::Comments(comments))) => {
                    let claims = comments.claimed().into_iter().map(|it| part.start + it.start..part.start + it.end);
                    let claims: Vec<_> = claims.chain(std::iter::once(0..part.start)).collect();
                    scan.region(Class::Metadata, &place, offset, &bytes, &claims);
                }
                Some((part, Holds::Block(picture))) => {
                    let block = bytes.get(part.start..).unwrap_or_default();
                    show_label(scan, block, offset, picture.as_ref(), self.findings.sites.get(part.sites.start));
                }
                None => scan.region(Class::Metadata, &place, offset, &bytes, &[]),
            }
        }
        for gap in &self.walk.gaps {
            let bytes = self.input.get(gap.clone()).unwrap_or_default();
            scan.raw_region(Class::Slack, "between pages", gap.start as u64, bytes, &[]);
        }
        if scan.wants_content() {
            for range in &self.walk.content {
                let mut stream = scan.stream(Class::Content, "pages", range.start as u64);
                self.input.get(range.clone()).unwrap_or_default().chunks(1 << 20).for_each(|piece| stream.push(piece));
            }
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.files.iter().map(|file| file.member.clone()).collect()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let missing = || Error::unsupported(format!("there is no member {index}"));
        let file = self.files.get(index).ok_or_else(missing)?;
        let part = self.parts.get(file.part).ok_or_else(missing)?;
        let data = match &part.holds {
            Holds::Comments(comments) => {
                let picture = file.comment.and_then(|comment| comments.pictures().get(comment));
                let coded = picture.and_then(|picture| comments.bytes().get(picture.value.clone()));
                decoded(coded).and_then(|(block, picture)| block.get(picture.data).map(<[u8]>::to_vec))
            }
            Holds::Block(picture) => {
                let bytes = self.packet(part).map(|packet| packet.bytes(self.input)).unwrap_or_default();
                let block = bytes.get(part.start..).unwrap_or_default();
                picture.as_ref().and_then(|picture| block.get(picture.data.clone()).map(<[u8]>::to_vec))
            }
        };
        data.map(Cow::Owned).ok_or_else(missing)
    }
}

/// Whether a packet is a block of comments, in FLAC.
fn is_comment_block(header: &[u8]) -> bool {
    header.first().is_some_and(|kind| kind & 0x7F == VORBIS_COMMENT)
}

#[cfg(test)]
mod tests;
