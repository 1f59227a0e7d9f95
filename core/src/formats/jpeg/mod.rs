//! JPEG (ITU-T T.81, JFIF, Exif 3.0, XMP part 3, CIPA DC-007 for files of several images).
//!
//! Labels live in APP1 (Exif; XMP, which may go on in extension segments), APP13 (Photoshop resources with IPTC
//! records) and COM, before the image data or between scans, of the first image and of those that follow it, and in the
//! IPTC records of AFCP and `FotoStation` trailers. Data that a writer spread over several segments is joined.
//!
//! With [`Layout::Preserve`](crate::Layout) every edit is inside its block, and a comment becomes an APP15 segment of
//! zeros. With [`Layout::Compact`](crate::Layout) packets, records and comments of the first image shrink, segment
//! lengths and the multi-picture index follow, and emptied segments go; a file with a trailer that may be addressed
//! from its start is treated as with `Preserve`. Exif blocks, thumbnails, entropy-coded data and the other images
//! never move within themselves. After an edit of an extended packet its MD5, which joins the segments, follows.
//!
//! C2PA manifests (APP11) sign the whole file. Never edited, and searched as they are: other APP segments, MakerNotes,
//! thumbnails' own segments, trailers. An ICC profile, like image data, is content.

mod block;
mod mpf;
mod plan;
mod scan;
mod trailer;
mod walk;

use std::ops::Range;

use memchr::memmem;

use super::Format;
use crate::containers::nested::join_places;
use crate::containers::text;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Kind, Planned, Removal, Scope, Site, Survey};

use block::{Block, Body};
use trailer::Trailer;
use walk::{APP11, Image};

/// The JPEG format.
#[derive(Debug)]
pub(super) struct Jpeg;

impl Format for Jpeg {
    fn name(&self) -> &'static str {
        "jpeg"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["jpg", "jpeg", "jpe", "jfif", "jif", "jfi", "mpo"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        walk::is_start(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(JpegSurvey::new(input, limits)?))
    }

    fn survey_around<'a>(
        &self,
        input: &'a [u8],
        limits: &'a Limits,
        media: &[Range<u64>],
    ) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(JpegSurvey::around(input, limits, media)?))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct JpegSurvey<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    findings: Findings,
    /// The first image, and those that follow.
    images: Vec<Image>,
    blocks: Vec<Block<'a>>,
    trailer: Trailer,
    index: Option<mpf::Index>,
    /// Whether bytes may be cut without breaking what counts them.
    can_shrink: bool,
}

impl<'a> JpegSurvey<'a> {
    fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        Self::around(input, limits, &[])
    }

    /// The same, where these data of the first image are known.
    fn around(input: &'a [u8], limits: &'a Limits, known: &[Range<u64>]) -> Result<Self> {
        let first = walk::walk_around(input, 0, limits, known)?;
        let (index, is_readable) = match mpf::Index::find(input, &first) {
            Ok(index) => (index, true),
            Err(()) => (None, false),
        };
        let listed: Vec<usize> = index.iter().flat_map(mpf::Index::others).collect();
        let mut trailer = Trailer::parse(input, first.range.end, &listed, limits);
        let mut images = vec![first];
        images.append(&mut trailer.images);
        images.sort_by_key(|image| image.range.start);
        let mut survey = Self {
            input,
            limits,
            findings: Findings::default(),
            can_shrink: is_readable && !trailer.is_absolute,
            blocks: Vec::new(),
            images,
            trailer,
            index,
        };
        for image in 0..survey.images.len() {
            survey.add_image(image)?;
        }
        let mut records = std::mem::take(&mut survey.trailer.records);
        records.sort_by_key(|(_, range)| range.start);
        for (trailer, range) in records {
            survey.add_block(block::records(input, trailer, &range, limits)?);
        }
        Ok(survey)
    }

    fn add_image(&mut self, number: usize) -> Result<()> {
        let Some(image) = self.images.get(number) else { return Ok(()) };
        for segment in &image.segments {
            let payload = self.input.get(segment.payload.clone()).unwrap_or_default();
            if segment.marker == APP11 && is_manifest(payload) {
                self.findings.guards.push(Guard {
                    barrier: Barrier::new(ErrorKind::Signed, "a C2PA manifest signs the file"),
                    scope: Scope::File,
                    offset: segment.range.start as u64,
                });
            }
        }
        for block in block::blocks(self.input, image, number, self.limits)? {
            self.add_block(block);
        }
        Ok(())
    }

    fn add_block(&mut self, mut block: Block<'a>) {
        let first = self.findings.sites.len();
        let place = match block.image {
            None | Some(0) => block.place().to_owned(),
            Some(number) => format!("image {}, {}", number + 1, block.place()),
        };
        self.findings.sites.extend(sites(&block, &place, self.limits));
        block.sites = first..self.findings.sites.len();
        let is_blank = |bytes: &[u8]| bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0);
        if matches!(block.body, Body::Unread) && !is_blank(&block.bytes) {
            self.findings.guards.push(Guard {
                barrier: Barrier::new(ErrorKind::Unsupported, "the XMP packet is not well-formed"),
                scope: Scope::Hidden,
                offset: block.offset(0),
            });
        }
        self.blocks.push(block);
    }
}

/// The sites of `block`, as sites of the file.
fn sites(block: &Block<'_>, place: &str, limits: &Limits) -> Vec<Site> {
    if matches!(block.body, Body::Comment) {
        let value = text::value(text::decode(&block.bytes), limits);
        let barrier = text::is_aigc(&value)
            .then(|| Barrier::new(ErrorKind::Protected, "a content label (AIGC) that law protects"));
        return vec![Site {
            key: "comment".to_owned(),
            value: Some(value),
            address: "jpeg:comment".to_owned(),
            kind: Kind::Standard,
            place: place.to_owned(),
            offset: block.offset(0),
            barrier,
            ..Site::default()
        }];
    }
    let own = block.carrier().map_or(&[][..], |carrier| carrier.sites());
    // A packet names itself.
    let place = if block.is_packet() { place.trim_end_matches(" XMP") } else { place };
    let moved = own.iter().map(|site| Site {
        place: join_places(place, &site.place),
        offset: block.offset(site.offset),
        ..site.clone()
    });
    moved.collect()
}

/// Whether an APP11 payload is part of a C2PA manifest store: JUMBF boxes labelled `c2pa`.
fn is_manifest(payload: &[u8]) -> bool {
    let head = payload.get(..256).unwrap_or(payload);
    head.starts_with(b"JP") && memmem::find(head, b"jumb").is_some() && memmem::find(head, b"c2pa").is_some()
}

impl Survey for JpegSurvey<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.plan_removal(removal, layout).map(Planned::from)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }

    fn media(&self) -> Vec<Range<u64>> {
        self.images.first().map_or_else(Vec::new, |image| image.ended().collect())
    }
}

#[cfg(test)]
mod tests;
