//! FLAC (RFC 9639): `fLaC`, metadata blocks, frames; ID3v2 before it, ID3v1 and others behind it.
//!
//! Labels live in `VORBIS_COMMENT` (see [`Comments`]), in the description of a `PICTURE`, in `CUESHEET` and in
//! `APPLICATION` blocks, which are one label each, and in the tags around. Pictures are members.
//!
//! With [`Layout::Preserve`] a block that goes becomes `PADDING`; one that becomes shorter is followed by `PADDING`,
//! which takes in what stands behind it. With [`Layout::Compact`] both are cut, padding too. The flag of the last block
//! follows. Nothing counts bytes from the start of the file: the seek table counts from the first frame.
//!
//! Never removed: `AIGC`. A block of comments that cannot be read is kept, and hides labels. What stays: `APPLICATION`
//! blocks of other chunks of a WAV or AIFF file, which are searched for residue.

mod block;
mod plan;

use std::borrow::Cow;

use crate::containers::Carrier;
use crate::containers::picture::Picture;
use crate::containers::tagged::Tags;
use crate::containers::text;
use crate::containers::vorbis::{Comments, Tail};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::formats::mp3::behind_tags;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Kind, Member, Planned, Removal, Scope, Site, Survey};

pub(super) use block::{APPLICATION, CUESHEET, PICTURE, VORBIS_COMMENT};
use block::{Block, MAGIC};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flac;

impl Format for Flac {
    fn name(&self) -> &'static str {
        "flac"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["flac", "fla"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.get(behind_tags(input)..).is_some_and(|audio| audio.starts_with(MAGIC))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut tags = Tags::find(input, limits)?;
        let mut findings = Findings::default();
        tags.adopt_leading(&mut findings);
        let (blocks, frames) = block::walk(input, &tags.audio(), limits)?;
        let mut survey = Surveyed { input, limits, tags, parts: Vec::new(), pictures: Vec::new(), frames, findings };
        for block in blocks {
            let first = survey.findings.sites.len();
            let holds = survey.hold(&block)?;
            survey.pictures.extend(matches!(holds, Holds::Picture(_)).then_some(survey.parts.len()));
            survey.parts.push(Part { block, sites: first..survey.findings.sites.len(), holds });
        }
        let Surveyed { tags, findings, .. } = &mut survey;
        tags.adopt_trailing(findings);
        Ok(Box::new(survey))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    tags: Tags<'a>,
    parts: Vec<Part<'a>>,
    /// Which of them are pictures.
    pictures: Vec<usize>,
    /// Where the frames begin.
    frames: usize,
    findings: Findings,
}

/// A block and what it holds.
#[derive(Debug)]
struct Part<'a> {
    block: Block,
    sites: std::ops::Range<usize>,
    holds: Holds<'a>,
}

#[derive(Debug)]
enum Holds<'a> {
    Comments(Box<Comments<'a>>),
    Picture(Picture),
    /// One label.
    Label,
    Padding,
    /// What is neither.
    Other,
}

impl<'a> Surveyed<'a> {
    fn bytes(&self, block: &Block) -> &'a [u8] {
        self.input.get(block.data.clone()).unwrap_or_default()
    }

    fn hold(&mut self, block: &Block) -> Result<Holds<'a>> {
        let bytes = self.bytes(block);
        let base = block.data.start as u64;
        match block.kind {
            block::PADDING => Ok(Holds::Padding),
            VORBIS_COMMENT => {
                let comments = match Comments::parse(bytes, Tail::Padding, self.limits) {
                    Ok(comments) => comments,
                    Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error.at(base)),
                    Err(error) => {
                        let reason = format!("comments that cannot be read: {}", error.reason());
                        let barrier = Barrier::new(ErrorKind::Unsupported, reason);
                        self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: base });
                        return Ok(Holds::Other);
                    }
                };
                let place =
                    |site: &Site| Site { offset: base + site.offset, place: "VORBIS_COMMENT".into(), ..site.clone() };
                self.findings.sites.extend(comments.sites().iter().map(place));
                Ok(Holds::Comments(Box::new(comments)))
            }
            _ => {
                let Some((site, picture)) = block_site(block.kind, bytes, self.limits) else { return Ok(Holds::Other) };
                self.findings.sites.push(Site { offset: base, ..site });
                Ok(picture.map_or(Holds::Label, Holds::Picture))
            }
        }
    }

    /// The picture that a part is, with its block.
    fn picture(&self, part: usize) -> Option<(&Block, &Picture)> {
        let part = self.parts.get(part)?;
        if let Holds::Picture(picture) = &part.holds { Some((&part.block, picture)) } else { None }
    }

    /// The pictures, with their blocks.
    fn pictures(&self) -> impl Iterator<Item = (&Block, &Picture)> {
        self.pictures.iter().filter_map(|part| self.picture(*part))
    }
}

/// A block that is one label: its site, and the picture that it may be.
pub(super) fn block_site(kind: u8, bytes: &[u8], limits: &Limits) -> Option<(Site, Option<Picture>)> {
    let (key, name, value, of, picture) = match kind {
        PICTURE => {
            let picture = Picture::parse(bytes).ok();
            let value = picture.as_ref().map(|picture| picture.text(bytes, limits));
            ("PICTURE".to_owned(), "PICTURE", value, Kind::Standard, picture)
        }
        CUESHEET => {
            let catalog = bytes.get(..128).unwrap_or_default();
            let value = text::value(text::decode(catalog), limits);
            ("CUESHEET".to_owned(), "CUESHEET", Some(value), Kind::Standard, None)
        }
        APPLICATION => {
            let id: String = bytes.iter().take(4).copied().map(char::from).collect();
            let data = bytes.get(4..).unwrap_or_default();
            let is_text = data.len() <= limits.value_bytes && text::is_text(data);
            let value = is_text.then(|| text::decode(data));
            // Chunks of the file that was coded, for when it is decoded again.
            let is_foreign = matches!(&*id, "riff" | "aiff" | "w64 ");
            (id, "APPLICATION", value, if is_foreign { Kind::Bookkeeping } else { Kind::Standard }, None)
        }
        _ => return None,
    };
    let address = if key == name { format!("flac:{name}") } else { format!("flac:{name}:{key}") };
    let mark = value.as_deref().is_some_and(text::is_aigc).then_some("AIGC");
    let barrier = Barrier::of_protected(mark.unwrap_or(&key));
    Some((Site { key, value, address, kind: of, place: name.into(), barrier, ..Site::default() }, picture))
}

/// Shows a block that is one label: what of it says nothing, and its picture.
pub(super) fn show_label(scan: &mut Scan<'_>, bytes: &[u8], base: u64, picture: Option<&Picture>, site: Option<&Site>) {
    let Some(picture) = picture else {
        if site.is_some_and(|site| site.address != "flac:CUESHEET" && site.value.is_some()) {
            return;
        }
        // A catalogue number, an application: then data.
        let known = if bytes.len() < 128 || site.is_some_and(|site| site.address != "flac:CUESHEET") { 4 } else { 128 };
        let known = std::slice::from_ref(&(0..known)).to_vec();
        scan.raw_region(Class::Metadata, "a metadata block", base, bytes, &known);
        return;
    };
    let claimed = [picture.description.clone(), picture.data.clone()];
    scan.raw_region(Class::Metadata, "PICTURE", base, bytes, &claimed);
    if scan.wants_content() {
        let data = bytes.get(picture.data.clone()).unwrap_or_default();
        scan.raw_region(Class::Content, "PICTURE", base + picture.data.start as u64, data, &[]);
    }
}

/// A picture as a member.
pub(super) fn picture_member(bytes: &[u8], base: u64, picture: &Picture) -> Member {
    let media_type = bytes.get(picture.media_type.clone()).unwrap_or_default().to_ascii_lowercase();
    let extension = match &*media_type {
        b"image/jpeg" | b"image/jpg" => ".jpg",
        b"image/png" => ".png",
        _ => "",
    };
    let place = format!("picture{extension}");
    Member { place, offset: base + picture.data.start as u64, len: picture.data.len() as u64, barrier: None }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let (mut edits, mut left) = self.tags.edits(removal, 0, layout)?;
        edits.extend(plan::edits(self, removal, layout, &mut left));
        left.sort_by_key(|(member, _)| *member);
        let plan = Plan::new(edits, self.input.len() as u64)?;
        Ok(Planned { left_members: left, ..plan.into() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.tags.show(scan);
        for Part { block, sites, holds } in &self.parts {
            let (bytes, base) = (self.bytes(block), block.data.start as u64);
            match holds {
                Holds::Comments(comments) => {
                    scan.raw_region(Class::Metadata, "VORBIS_COMMENT", base, bytes, &comments.claimed());
                }
                Holds::Padding => scan.raw_region(Class::Slack, "PADDING", base, bytes, &[]),
                Holds::Picture(picture) => show_label(scan, bytes, base, Some(picture), None),
                Holds::Label => show_label(scan, bytes, base, None, self.findings.sites.get(sites.start)),
                Holds::Other => scan.raw_region(Class::Metadata, "a metadata block", base, bytes, &[]),
            }
        }
        if scan.wants_content() {
            let mut stream = scan.stream(Class::Content, "audio", self.frames as u64);
            let frames = self.input.get(self.frames..self.tags.audio().end).unwrap_or_default();
            frames.chunks(1 << 20).for_each(|piece| stream.push(piece));
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let pictures = self.pictures();
        let pictures = pictures.map(|(block, it)| picture_member(self.bytes(block), block.data.start as u64, it));
        self.tags.members().chain(pictures).collect()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let Some(own) = index.checked_sub(self.tags.member_count()) else { return self.tags.member(index) };
        let picture = self.pictures.get(own).and_then(|part| self.picture(*part));
        let data = picture.and_then(|(block, picture)| self.bytes(block).get(picture.data.clone()));
        data.map(Cow::Borrowed).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }
}

#[cfg(test)]
mod tests;
