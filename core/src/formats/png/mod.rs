//! PNG and APNG (PNG third edition; `CgBI` files of Apple as well).
//!
//! Labels live in `tEXt`, `zTXt` and `iTXt` (the keyword is the key), in XMP (`iTXt` with the keyword
//! `XML:com.adobe.xmp`), in `eXIf`, and in the hex profiles of ImageMagick (`Raw profile type …`: Exif, IPTC, Photoshop
//! resources, XMP), before or behind the image data and behind `IEND`.
//!
//! After an edit the CRC of its chunk follows; no chunk is addressed absolutely but by Apple's `iDOT`, which counts the
//! bytes up to an `IDAT`: between the two nothing is cut. With [`Layout::Preserve`] a chunk that goes becomes a zeroed
//! private chunk `paDd`, and a compressed chunk that becomes shorter is followed by one.
//!
//! Never removed: `AIGC`. Covered by a signature: everything, when there is a C2PA manifest (`caBX`). What stays:
//! the colour profile (`iCCP`) and chunks of unknown type, which are searched for residue.

mod carried;
mod chunk;
mod scan;
mod text;

use std::ops::Range;

use crate::containers::nested::join_places;
use crate::containers::slack::{blank, is_foreign};
use crate::containers::text::is_aigc;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Kind, Planned, Removal, Scope, Site, Survey};

use carried::Carried;
use chunk::{Chunk, FILLER, SIGNATURE, Walk};
use text::{Text, XMP};

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Png;

impl Format for Png {
    fn name(&self) -> &'static str {
        "png"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["png", "apng"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(SIGNATURE)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no PNG signature"));
        }
        let walk = chunk::walk(input, limits)?;
        let mut survey = Surveyed { input, limits, walk, parts: Vec::new(), findings: Findings::default() };
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
    /// The chunks that hold labels, in order.
    parts: Vec<Part>,
    findings: Findings,
}

/// A chunk that holds labels.
#[derive(Debug)]
struct Part {
    chunk: Chunk,
    sites: Range<usize>,
    body: Body,
}

#[derive(Debug)]
enum Body {
    /// A text chunk, or another that is one label as a whole.
    Label(Option<Text>),
    /// A block of labels.
    Block(Box<Carried>),
    /// A block that cannot be read: one site, whose bytes may hold anything.
    Opaque(Option<Text>),
}

impl Surveyed<'_> {
    fn find(&mut self) -> Result<()> {
        let chunks: Vec<_> = self.walk.chunks.iter().chain(&self.walk.trailing).cloned().collect();
        for chunk in chunks {
            let first = self.findings.sites.len();
            let body = match &chunk.kind {
                b"tEXt" | b"zTXt" | b"iTXt" => self.text(&chunk)?,
                b"eXIf" => self.exif(&chunk)?,
                b"tIME" => self.time(&chunk),
                kind if kind.eq_ignore_ascii_case(b"AIGC") => self.mark(&chunk),
                b"caBX" => {
                    let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest covers the file");
                    self.findings.guards.push(Guard { barrier, scope: Scope::File, offset: chunk.start() as u64 });
                    continue;
                }
                _ => continue,
            };
            let sites = first..self.findings.sites.len();
            self.parts.push(Part { chunk, sites, body });
        }
        Ok(())
    }

    fn text(&mut self, chunk: &Chunk) -> Result<Body> {
        let text = Text::read(self.input, chunk.kind, &chunk.data);
        let block = match Carried::in_text(self.input, &text, self.limits) {
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error.at(chunk.start() as u64)),
            Err(error) => {
                self.guard_hidden(chunk, &text, &error);
                None
            }
            Ok(block) => block,
        };
        if let Some(block) = block {
            return Ok(self.block(chunk, block));
        }
        let is_opaque = text.keyword == XMP || text.profile().is_some();
        let value = if is_opaque { None } else { text.value(self.input, self.limits) };
        self.site(chunk, &text.keyword, text.kind(), value);
        Ok(if is_opaque { Body::Opaque(Some(text)) } else { Body::Label(Some(text)) })
    }

    /// An unreadable packet hides labels only if it has any.
    fn guard_hidden(&mut self, chunk: &Chunk, text: &Text, error: &Error) {
        let has_labels = match text.bytes(self.input, self.limits) {
            Ok(bytes) if text.keyword == XMP => memchr::memmem::find(&bytes, b"RDF").is_some(),
            Ok(_) => false,
            Err(_) => true,
        };
        if has_labels {
            let barrier = Barrier::new(ErrorKind::Unsupported, format!("{}: {}", text.keyword, error.reason()));
            self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: chunk.start() as u64 });
        }
    }

    fn exif(&mut self, chunk: &Chunk) -> Result<Body> {
        match Carried::exif(self.input, &chunk.data, self.limits) {
            Ok(block) => Ok(self.block(chunk, block)),
            Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error.at(chunk.start() as u64)),
            Err(_) => {
                self.site(chunk, "eXIf", Kind::Standard, None);
                Ok(Body::Opaque(None))
            }
        }
    }

    fn time(&mut self, chunk: &Chunk) -> Body {
        let value = match self.input.get(chunk.data.clone()) {
            Some([high, low, month, day, hour, minute, second]) => {
                let year = u16::from_be_bytes([*high, *low]);
                Some(format!("{year:04}:{month:02}:{day:02} {hour:02}:{minute:02}:{second:02}"))
            }
            _ => None,
        };
        self.site(chunk, "ModifyDate", Kind::Standard, value);
        Body::Label(None)
    }

    fn mark(&mut self, chunk: &Chunk) -> Body {
        let bytes = self.input.get(chunk.data.clone()).unwrap_or_default();
        let value = std::str::from_utf8(bytes).ok().map(|value| {
            let end = value.floor_char_boundary(self.limits.value_bytes);
            value.get(..end).unwrap_or_default().to_owned()
        });
        self.site(chunk, "AIGC", Kind::Custom, value);
        Body::Label(None)
    }

    /// Takes up a chunk that is one label.
    fn site(&mut self, chunk: &Chunk, key: &str, kind: Kind, value: Option<String>) {
        let is_protected = key == "AIGC" || value.as_deref().is_some_and(is_aigc);
        self.findings.sites.push(Site {
            key: key.to_owned(),
            value,
            address: format!("png:{key}"),
            kind,
            place: self.place(chunk),
            offset: chunk.start() as u64,
            barrier: is_protected
                .then(|| Barrier::new(ErrorKind::Protected, "a label of generated content, which law protects")),
            ..Site::default()
        });
    }

    /// Takes up the sites of a block.
    fn block(&mut self, chunk: &Chunk, block: Carried) -> Body {
        let place = self.place(chunk);
        self.findings.sites.extend(block.carrier().sites().iter().map(|site| {
            let offset = block.base().map_or(chunk.start() as u64, |base| base as u64 + site.offset);
            Site { offset, place: join_places(&place, &site.place), ..site.clone() }
        }));
        Body::Block(Box::new(block))
    }

    fn place(&self, chunk: &Chunk) -> String {
        let behind = if chunk.start() >= self.walk.end { " behind the image" } else { "" };
        chunk.name() + behind
    }

    /// The layout in which a chunk may be edited: nothing moves between an `iDOT` and the `IDAT` it points to.
    fn layout_at(&self, chunk: &Chunk, layout: Layout) -> Layout {
        let pointer = self.walk.chunks.iter().find(|chunk| chunk.kind == *b"iDOT").map(Chunk::start);
        let end = self.walk.image.last().map_or(0, |run| run.end);
        match pointer {
            Some(pointer) if pointer < chunk.start() && chunk.start() < end => Layout::Preserve,
            _ => layout,
        }
    }

    /// Stale copies in filler and in the trailer.
    fn stale(&self, removal: &Removal<'_>) -> Vec<Edit> {
        let holds = |range: Range<usize>| self.input.get(range).is_some_and(|bytes| removal.needles.occur_in(bytes));
        let filler = self.walk.chunks.iter().filter(|chunk| chunk.kind == FILLER && holds(chunk.data.clone()));
        let mut edits: Vec<_> = filler.flat_map(Chunk::blank).collect();
        let trailer = self.input.get(self.walk.end..).unwrap_or_default();
        if trailer.is_empty() || is_foreign(trailer) {
            return edits;
        }
        for range in self.loose() {
            edits.extend(blank(range.start, self.input.get(range.clone()).unwrap_or_default(), removal.needles));
        }
        edits
    }

    /// The ranges of the trailer that are not chunks with labels.
    fn loose(&self) -> Vec<Range<usize>> {
        let mut loose = Vec::new();
        let mut position = self.walk.end;
        for chunk in &self.walk.trailing {
            loose.push(position..chunk.start());
            position = chunk.range().end;
        }
        loose.push(position..self.input.len());
        loose.retain(|range| !range.is_empty());
        loose
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = self.stale(removal);
        for Part { chunk, sites, body } in &self.parts {
            let chosen: Vec<_> =
                sites.clone().filter(|&site| removal.takes(site)).map(|site| site - sites.start).collect();
            let layout = self.layout_at(chunk, layout);
            match body {
                Body::Block(block) => edits.extend(block.edits(self.input, chunk, &chosen, removal.needles, layout)?),
                Body::Label(_) | Body::Opaque(_) if chosen.is_empty() => {}
                Body::Label(_) | Body::Opaque(_) => match layout {
                    Layout::Preserve => edits.extend(chunk.blank()),
                    Layout::Compact => edits.push(chunk.cut()),
                },
            }
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        scan::show(self, scan);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
