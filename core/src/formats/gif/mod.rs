//! GIF (`CompuServe`, `GIF89a`; Adobe, XMP specification part 3, 1.1.2).
//!
//! Labels live in comment extensions and in application extensions: XMP, which stands there as it is, with a trailer
//! that leads decoders out of it; IPTC records and Photoshop resources of `ImageMagick`, in sub-blocks; and extensions of
//! other programs, each one field.
//!
//! GIF has no filler. With [`Layout::Preserve`] XMP, comments, and extensions of other programs with their names become
//! spaces; what consists of spaces is no label. No byte of a packet is ever zero, which decoders would
//! take for its end. With [`Layout::Compact`] extensions are cut, and packets shrink.
//!
//! Refused: files with a C2PA manifest (`C2PA_GIF`). Not labels: what says how an animation is shown (`NETSCAPE2.0`,
//! `ANIMEXTS1.0`), colour profiles, text that is drawn (`Plain Text`).

mod walk;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use crate::containers::nested::{apply, growth, join_places, rewrite};
use crate::containers::slack::{blank, is_foreign, show_content};
use crate::containers::text::{self, is_aigc};
use crate::containers::{Carrier, iptc, photoshop, xmp};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Kind, Planned, Removal, Scope, Site, Survey};

use walk::{COMMENT, Extension, TRAILER, Walk};

/// Bytes behind a packet that lead decoders to the end of the extension.
const MAGIC: usize = 258;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gif;

impl Format for Gif {
    fn name(&self) -> &'static str {
        "gif"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["gif"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(b"GIF87a") || input.starts_with(b"GIF89a")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no GIF signature"));
        }
        let walk = walk::walk(input, limits)?;
        let mut survey = Surveyed { input, limits, parts: Vec::new(), findings: Findings::default(), walk };
        for extension in survey.walk.extensions.clone() {
            survey.extension(extension)?;
        }
        Ok(Box::new(survey))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    walk: Walk,
    parts: Vec<Part<'a>>,
    findings: Findings,
}

/// An extension that may hold labels.
#[derive(Debug)]
struct Part<'a> {
    extension: Extension,
    place: String,
    sites: Range<usize>,
    /// What it holds, out of its sub-blocks.
    bytes: Cow<'a, [u8]>,
    /// Where those bytes stand in the file.
    pieces: Vec<Range<usize>>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// One label as a whole.
    Label,
    /// Bytes that may hold anything.
    Opaque,
    /// What says how the picture is shown: no label, and known.
    Structure,
    /// A colour profile.
    Content,
    Xmp(xmp::Packet),
    Iptc(iptc::Records),
    Photoshop(photoshop::ImageResources),
}

impl Surveyed<'_> {
    fn extension(&mut self, extension: Extension) -> Result<()> {
        let name = extension.application.map_or_else(
            || if extension.label == COMMENT { "comment" } else { "application" }.to_owned(),
            |name| name.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect(),
        );
        if name.starts_with("C2PA_GIF") {
            let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest signs the file");
            let offset = extension.range.start as u64;
            self.findings.guards.push(Guard { barrier, scope: Scope::File, offset });
            return Ok(());
        }
        let end = extension.range.end - 1;
        let raw = extension.data..end.saturating_sub(MAGIC - 1).max(extension.data);
        // A zero ends the extension for decoders that come upon it, which depends on every byte before it.
        let has_zero = || self.input.get(raw.clone()).is_some_and(|raw| raw.contains(&0));
        let is_raw = name == "XMPDataXMP" && self.ends_in_magic(&extension) && !has_zero();
        let pieces = if is_raw { vec![raw] } else { walk::blocks(self.input, extension.data, end) };
        self.limits.check_part(extension.range.len() as u64)?;
        let bytes = match pieces.as_slice() {
            [piece] => Cow::Borrowed(self.input.get(piece.clone()).unwrap_or_default()),
            pieces => {
                Cow::Owned(pieces.iter().flat_map(|p| self.input.get(p.clone()).unwrap_or_default()).copied().collect())
            }
        };
        let body = self.body(&extension, &name, &bytes)?;
        let first = self.findings.sites.len();
        let offset = |at: u64| {
            let mut at = at as usize;
            for piece in &pieces {
                if at < piece.len() {
                    return (piece.start + at) as u64;
                }
                at -= piece.len();
            }
            extension.range.start as u64
        };
        let carried = match &body {
            Body::Label => vec![label(&extension, &name, Some(text::value(text::decode(&bytes), self.limits)))],
            Body::Opaque => vec![label(&extension, &name, None)],
            Body::Structure | Body::Content => Vec::new(),
            Body::Xmp(packet) => packet.sites().to_vec(),
            Body::Iptc(records) => records.sites().to_vec(),
            Body::Photoshop(resources) => resources.sites().to_vec(),
        };
        let is_whole = matches!(body, Body::Label | Body::Opaque);
        let place = if matches!(body, Body::Xmp(_)) { String::new() } else { name };
        self.findings.sites.extend(carried.into_iter().map(|site| Site {
            offset: if is_whole { site.offset } else { offset(site.offset) },
            place: join_places(&place, &site.place),
            ..site
        }));
        let sites = first..self.findings.sites.len();
        let place = if matches!(body, Body::Xmp(_)) { "XMP".to_owned() } else { place };
        self.parts.push(Part { extension, place, sites, bytes, pieces, body });
        Ok(())
    }

    /// Whether the extension ends with the bytes that lead decoders out of a packet.
    fn ends_in_magic(&self, extension: &Extension) -> bool {
        let start = extension.range.end.checked_sub(MAGIC).filter(|start| *start >= extension.data);
        let magic = start.and_then(|start| self.input.get(start..extension.range.end));
        magic.is_some_and(|magic| {
            magic.first() == Some(&1)
                && magic.get(1..256).is_some_and(|steps| steps.iter().zip((1..=255).rev()).all(|(a, b)| *a == b))
                && magic.get(256..) == Some(&[0, 0])
        })
    }

    fn body(&mut self, extension: &Extension, name: &str, bytes: &[u8]) -> Result<Body> {
        let is_blank = bytes.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0);
        let carrier = match name {
            // What an extension that was removed is made of.
            _ if is_blank && (extension.application.is_none() || name.is_empty()) => return Ok(Body::Structure),
            _ if extension.label == COMMENT => return Ok(Body::Label),
            "NETSCAPE2.0" | "ANIMEXTS1.0" => return Ok(Body::Structure),
            "ICCRGBG1012" => return Ok(Body::Content),
            "XMPDataXMP" => xmp::Packet::parse(bytes, self.limits).map(Body::Xmp),
            "MGKIPTC0000" => iptc::Records::parse(bytes, self.limits).map(Body::Iptc),
            "MGK8BIM0000" => photoshop::ImageResources::parse(bytes, self.limits).map(Body::Photoshop),
            _ if text::is_text(bytes) && !is_blank => return Ok(Body::Label),
            _ => return Ok(Body::Opaque),
        };
        match carrier {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error.at(extension.range.start as u64)),
            Err(_) => {
                if memmem::find(bytes, b"RDF").is_some() {
                    let barrier = Barrier::new(ErrorKind::Unsupported, "the XMP packet is not well-formed");
                    let offset = extension.range.start as u64;
                    self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset });
                }
                Ok(Body::Opaque)
            }
            Ok(body) => Ok(body),
        }
    }

    /// The edits that blank what follows the last block. Without a trailer before it that is no block, but zeros would be,
    /// and what comes behind them: the first byte becomes a trailer.
    fn blanked(&self, behind: &[u8], needles: &Needles) -> Vec<Edit> {
        let mut edits = blank(self.walk.end, behind, needles);
        let end = self.walk.end as u64;
        if let Some(first) = edits.first_mut().filter(|_| !self.walk.is_ended) {
            *first = Edit::fill(first.range.start.max(end + 1)..first.range.end, 0);
            edits.insert(0, Edit::fill(end..end + 1, TRAILER));
        }
        edits
    }

    fn part_edits(&self, part: &Part<'_>, chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Edit>> {
        let count = part.sites.len();
        let is_raw = part.pieces.len() == 1;
        // In sub-blocks no byte is cut: their lengths would have to follow.
        let inner = if is_raw && matches!(part.body, Body::Xmp(_)) { layout } else { Layout::Preserve };
        let all_goes = !chosen.is_empty() && chosen.len() == count;
        let edits = match &part.body {
            Body::Structure | Body::Content => return Ok(Vec::new()),
            Body::Label | Body::Opaque if chosen.is_empty() => return Ok(Vec::new()),
            _ if all_goes && layout == Layout::Compact => {
                let range = &part.extension.range;
                return Ok(vec![Edit::delete(range.start as u64..range.end as u64)]);
            }
            Body::Label | Body::Opaque => return Ok(spaces(self.input, part)),
            Body::Xmp(packet) => packet.scrub(&part.bytes, chosen, needles, inner),
            Body::Iptc(records) => records.edits(chosen, inner)?,
            Body::Photoshop(resources) => resources.edits(chosen, inner)?,
        };
        match part.pieces.as_slice() {
            [piece] if inner == Layout::Compact || growth(&edits) == 0 => {
                let at = piece.start as u64;
                Ok(edits
                    .into_iter()
                    .map(|e| Edit { range: e.range.start + at..e.range.end + at, with: e.with })
                    .collect())
            }
            pieces => {
                let after = apply(&part.bytes, &edits)?;
                let mut rest = &after[..];
                let mut placed = Vec::new();
                for piece in pieces {
                    let (new, behind) = rest.split_at_checked(piece.len()).unwrap_or((rest, &[]));
                    placed.extend(rewrite(piece.start, self.input.get(piece.clone()).unwrap_or_default(), new));
                    rest = behind;
                }
                Ok(placed)
            }
        }
    }
}

/// An extension that is one field.
fn label(extension: &Extension, name: &str, value: Option<String>) -> Site {
    let is_marked = name.starts_with("AIGC") || value.as_deref().is_some_and(is_aigc);
    let barrier = is_marked.then(|| Barrier::new(ErrorKind::Protected, "a content label (AIGC) that law protects"));
    Site {
        key: name.to_owned(),
        value,
        address: format!("gif:{name}"),
        kind: Kind::Standard,
        offset: extension.range.start as u64,
        barrier,
        ..Site::default()
    }
}

/// An extension turned into one of spaces, its sub-blocks as long as they were.
fn spaces(input: &[u8], part: &Part<'_>) -> Vec<Edit> {
    let Extension { range, application, data, .. } = &part.extension;
    let mut edits = Vec::new();
    if application.is_some() {
        edits.push(Edit::fill(range.start as u64 + 3..*data as u64, b' '));
    }
    // The lengths of sub-blocks stay, also where what they hold was to be read across them.
    let blocks = walk::blocks(input, *data, range.end - 1);
    edits.extend(blocks.iter().map(|block| Edit::fill(block.start as u64..block.end as u64, b' ')));
    edits
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = Vec::new();
        for part in &self.parts {
            let first = removal.sites.partition_point(|site| *site < part.sites.start);
            let chosen = removal.sites.get(first..).unwrap_or_default().iter();
            let chosen: Vec<usize> =
                chosen.take_while(|site| **site < part.sites.end).map(|site| site - part.sites.start).collect();
            edits.extend(self.part_edits(part, &chosen, removal.needles, layout)?);
        }
        let trailer = self.input.get(self.walk.end..).unwrap_or_default();
        if !is_foreign(trailer) {
            edits.extend(self.blanked(trailer, removal.needles));
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for part in &self.parts {
            let (class, claims) = match &part.body {
                Body::Label => continue,
                Body::Content => {
                    show_content(scan, &part.place, part.extension.data as u64, &part.bytes);
                    continue;
                }
                Body::Structure if part.extension.application.is_none() || part.place.is_empty() => {
                    (Class::Slack, Vec::new())
                }
                Body::Opaque | Body::Structure => (Class::Metadata, Vec::new()),
                Body::Xmp(packet) => (Class::Metadata, packet.claimed()),
                Body::Iptc(records) => (Class::Metadata, records.claimed()),
                Body::Photoshop(resources) => {
                    let mut claims = resources.claimed();
                    claims.extend_from_slice(resources.payload());
                    (Class::Metadata, claims)
                }
            };
            match part.pieces.as_slice() {
                [piece] => scan.raw_region(class, &part.place, piece.start as u64, &part.bytes, &claims),
                _ => scan.region(class, &part.place, part.extension.range.start as u64, &part.bytes, &claims),
            }
        }
        for range in &self.walk.pictures {
            show_content(scan, "image data", range.start as u64, self.input.get(range.clone()).unwrap_or_default());
        }
        let trailer = self.input.get(self.walk.end..).unwrap_or_default();
        scan.raw_region(Class::Slack, "behind the image", self.walk.end as u64, trailer, &[]);
        Ok(())
    }
}
