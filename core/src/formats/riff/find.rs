//! Finding the labels of a file of chunks.

use std::ops::Range;

use memchr::memmem;

use super::{Area, AreaKind, Body, Flavour, Held, Part, Surveyed, fields, info, ixml};
use crate::containers::nested::join_places;
use crate::containers::riff::{Chunk, FILLER, Form, chunks};
use crate::containers::text::{self, is_aigc};
use crate::containers::{id3, tiff, xmp};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Findings, Guard, Kind, Scope, Site};

/// Unknown chunks that are longer than this are media of somebody's own.
const LONGEST_UNKNOWN: usize = 16 << 20;

const EXIF_HEADER: &[u8] = b"Exif\0\0";

/// Surveys a file.
pub(super) fn survey<'a>(input: &'a [u8], flavour: Flavour, limits: &'a Limits) -> Result<Surveyed<'a>> {
    let mut surveyed = Surveyed {
        input,
        flavour,
        forms: Vec::new(),
        parts: Vec::new(),
        files: Vec::new(),
        areas: Vec::new(),
        flags: None,
        media_end: 0,
        findings: Findings::default(),
    };
    let media: &[[u8; 4]] = match flavour {
        Flavour::Webp => &[],
        Flavour::Wave => &[*b"data"],
        Flavour::Avi => &[*b"LIST"],
        Flavour::Aiff => &[*b"SSND"],
    };
    let mut end = 0;
    while surveyed.forms.is_empty() || (flavour == Flavour::Avi && is_next(input, end)) {
        let form = Form::read(input, end, media, limits)?;
        end = form.end;
        limits.check_items(surveyed.forms.len() + 1, "RIFF forms")?;
        let (number, held) = (surveyed.forms.len(), form.chunks.clone());
        surveyed.forms.push(form);
        let mut finder = Finder { surveyed: &mut surveyed, limits };
        for chunk in held {
            finder.chunk(&chunk, Some(number), 0, "")?;
        }
    }
    Finder { surveyed: &mut surveyed, limits }.behind(end)?;
    Ok(surveyed)
}

/// Whether a further form of an AVI file begins at `at`.
fn is_next(input: &[u8], at: usize) -> bool {
    input.get(at..at + 4) == Some(b"RIFF") && input.get(at + 8..at + 12) == Some(b"AVIX")
}

struct Finder<'f, 'a> {
    surveyed: &'f mut Surveyed<'a>,
    limits: &'a Limits,
}

impl<'a> Finder<'_, 'a> {
    /// What stands behind the outermost chunk. Readers of sound go on reading there.
    fn behind(&mut self, end: usize) -> Result<()> {
        let input = self.surveyed.input;
        let mut position = end;
        if self.surveyed.flavour != Flavour::Webp {
            let order = self.surveyed.forms.first().map(|form| form.order);
            let behind = order.map(|order| chunks(input, end..input.len(), order, self.limits)).transpose()?;
            let is_whole = |chunk: &Chunk| !chunk.is_cut && chunk.id.iter().all(|byte| (b' '..=b'~').contains(byte));
            for chunk in behind.unwrap_or_default().into_iter().take_while(is_whole) {
                if chunk.start() > position {
                    self.area(AreaKind::Slack, "behind the end", position..chunk.start());
                }
                position = chunk.end;
                self.chunk(&chunk, None, 0, "behind the end")?;
            }
        }
        if position < input.len() {
            self.area(AreaKind::Slack, "behind the end", position..input.len());
        }
        Ok(())
    }

    fn area(&mut self, kind: AreaKind, place: &str, range: Range<usize>) {
        if kind == AreaKind::Media {
            self.surveyed.media_end = self.surveyed.media_end.max(range.end);
        }
        if !range.is_empty() {
            self.surveyed.areas.push(Area { kind, place: place.to_owned(), range });
        }
    }

    fn chunk(&mut self, chunk: &Chunk, form: Option<usize>, depth: usize, place: &str) -> Result<()> {
        let name = join_places(place, &chunk.name());
        match &chunk.id {
            b"C2PA" => {
                let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest signs the file");
                self.surveyed.findings.guards.push(Guard { barrier, scope: Scope::File, offset: chunk.start() as u64 });
                return Ok(());
            }
            id if id.eq_ignore_ascii_case(b"AIGC") => return self.label(chunk, form, "AIGC", 0, &name),
            id if id.eq_ignore_ascii_case(&FILLER) => {
                self.area(AreaKind::Slack, &name, chunk.data.clone());
                return Ok(());
            }
            b"PAD " | b"FLLR" | b"Fake" | b"FREE" | b"free" => {
                self.area(AreaKind::Slack, &name, chunk.data.clone());
                return Ok(());
            }
            b"id3 " | b"ID3 " | b"ID32" => return self.tag(chunk, form, &name),
            _ => {}
        }
        match self.surveyed.flavour {
            Flavour::Webp => self.picture(chunk, form, &name),
            Flavour::Aiff => self.apple(chunk, form, &name),
            Flavour::Wave | Flavour::Avi => self.riff(chunk, form, depth, &name),
        }
    }

    /// A chunk of WebP.
    fn picture(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        match &chunk.id {
            b"VP8X" => self.surveyed.flags = Some(chunk.clone()),
            b"ANIM" => {}
            b"VP8 " | b"VP8L" | b"ALPH" | b"ANMF" | b"ICCP" => self.area(AreaKind::Media, name, chunk.data.clone()),
            b"XMP " | b"XMP\0" => return self.packet(chunk, form, 0, name),
            b"EXIF" => return self.exif(chunk, form, name),
            _ => self.unknown(chunk, name),
        }
        Ok(())
    }

    /// A chunk of AIFF.
    fn apple(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let input = self.surveyed.input;
        match &chunk.id {
            b"NAME" | b"AUTH" | b"(c) " | b"ANNO" => {
                let key = chunk.name();
                return self.label(chunk, form, &key, 0, name);
            }
            b"COMT" => return self.comments(chunk, form, name),
            b"APPL" if input.get(chunk.data.clone()).is_some_and(|data| data.starts_with(b"XMP ")) => {
                return self.packet(chunk, form, 4, name);
            }
            b"APPL" => return self.label(chunk, form, "APPL", 4, name),
            b"FVER" | b"INST" | b"AESD" | b"CHAN" => {}
            b"COMM" | b"SSND" => self.area(AreaKind::Media, name, chunk.data.clone()),
            b"MARK" => self.area(AreaKind::Text, name, chunk.data.clone()),
            _ => self.unknown(chunk, name),
        }
        Ok(())
    }

    /// A chunk of WAV or AVI.
    fn riff(&mut self, chunk: &Chunk, form: Option<usize>, depth: usize, name: &str) -> Result<()> {
        match &chunk.id {
            b"LIST" => return self.list(chunk, form, depth, name),
            b"bext" | b"cart" => self.fields(chunk, form, name),
            b"iXML" => return self.ixml(chunk, form, name),
            b"axml" | b"aXML" => return self.axml(chunk, form, name),
            b"_PMX" | b"XMP " => return self.packet(chunk, form, 0, name),
            b"DISP" => return self.label(chunk, form, "DISP", 4, name),
            b"strn" | b"IDIT" | b"ISMP" | b"ISFT" | b"ICMT" | b"INAM" | b"IART" | b"ICRD" | b"ICOP" | b"afsp" => {
                let key = chunk.name();
                return self.label(chunk, form, &key, 0, name);
            }
            b"fmt " | b"fact" | b"PEAK" | b"cue " | b"smpl" | b"inst" | b"ds64" | b"idx1" | b"indx" | b"chna"
            | b"levl" | b"plst" | b"avih" | b"strh" | b"dmlh" | b"vprp" | b"acid" | b"MD5 " => {}
            b"data" | b"wavl" | b"strf" => self.area(AreaKind::Media, name, chunk.data.clone()),
            _ => self.unknown(chunk, name),
        }
        Ok(())
    }

    fn unknown(&mut self, chunk: &Chunk, name: &str) {
        let is_long = chunk.data.len() > LONGEST_UNKNOWN;
        self.area(if is_long { AreaKind::Media } else { AreaKind::Unknown }, name, chunk.data.clone());
    }

    fn list(&mut self, chunk: &Chunk, form: Option<usize>, depth: usize, name: &str) -> Result<()> {
        let input = self.surveyed.input;
        let Some(kind) = chunk.list(input) else {
            self.unknown(chunk, name);
            return Ok(());
        };
        let kind_name = String::from_utf8_lossy(&kind).trim_end().to_owned();
        let name = join_places(name, &kind_name);
        match &kind {
            b"INFO" | b"exif" => return self.items(chunk, form, &name),
            b"movi" | b"wavl" => self.area(AreaKind::Media, &name, chunk.data.clone()),
            b"adtl" => self.area(AreaKind::Text, &name, chunk.data.clone()),
            b"hdrl" | b"strl" | b"odml" if depth < 8 => {
                let order = self.order();
                for inner in chunks(input, chunk.data.start + 4..chunk.data.end, order, self.limits)? {
                    self.chunk(&inner, None, depth + 1, &name)?;
                }
            }
            _ => self.unknown(chunk, &name),
        }
        Ok(())
    }

    fn order(&self) -> crate::containers::riff::Order {
        self.surveyed.forms.first().map_or(crate::containers::riff::Order::Little, |form| form.order)
    }

    /// A list of text chunks, each of which is a label.
    fn items(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let input = self.surveyed.input;
        self.limits.check_part(chunk.data.len() as u64)?;
        let items = chunks(input, chunk.data.start + 4..chunk.data.end, self.order(), self.limits)?;
        let first = self.surveyed.findings.sites.len();
        let mut ranges = Vec::new();
        for item in items {
            if item.id.eq_ignore_ascii_case(&FILLER) {
                continue;
            }
            let bytes = input.get(item.data.clone()).unwrap_or_default();
            let key = item.name();
            let value = Some(text::value(text::decode(bytes), self.limits));
            self.site(&key, info::kind(item.id), value, name, item.start(), item.is_cut || chunk.is_cut);
            ranges.push(item.range());
        }
        self.part(chunk, form, first, Body::List { items: ranges, is_counted: false });
        Ok(())
    }

    /// The comments of AIFF: a count, then for each a time, a marker, a length and text.
    fn comments(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let input = self.surveyed.input;
        self.limits.check_part(chunk.data.len() as u64)?;
        let data = input.get(chunk.data.clone()).unwrap_or_default();
        let number =
            |at: usize| data.get(at..at + 2).map(|bytes| bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b)));
        let first = self.surveyed.findings.sites.len();
        let mut ranges = Vec::new();
        let mut position = 2;
        for _ in 0..number(0).unwrap_or_default() {
            let Some(length) = number(position + 6) else { break };
            let start = position + 8;
            let Some(bytes) = data.get(start..start + length) else { break };
            let end = (start + length.next_multiple_of(2)).min(data.len());
            let value = Some(text::value(text::decode(bytes), self.limits));
            let at = chunk.data.start + position;
            self.site("COMT", Kind::Standard, value, name, at, chunk.is_cut);
            ranges.push(at..chunk.data.start + end);
            position = end;
        }
        self.part(chunk, form, first, Body::List { items: ranges, is_counted: true });
        Ok(())
    }

    /// A chunk that is one label, whose text begins `skip` bytes into it.
    fn label(&mut self, chunk: &Chunk, form: Option<usize>, key: &str, skip: usize, name: &str) -> Result<()> {
        self.limits.check_part(chunk.data.len() as u64)?;
        let data = self.surveyed.input.get(chunk.data.clone()).unwrap_or_default();
        let said = data.get(skip..).unwrap_or_default();
        let trimmed = said.get(..said.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        let is_text = trimmed.is_some_and(text::is_text);
        let value = is_text.then(|| text::value(text::decode(said), self.limits));
        let first = self.surveyed.findings.sites.len();
        let kind = if key == "AIGC" { Kind::Custom } else { Kind::Standard };
        self.site(key, kind, value, name, chunk.start(), chunk.is_cut);
        self.part(chunk, form, first, if is_text { Body::Label } else { Body::Opaque });
        Ok(())
    }

    fn fields(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) {
        let input = self.surveyed.input;
        let first = self.surveyed.findings.sites.len();
        let values = fields::values(chunk.id, input.get(chunk.data.clone()).unwrap_or_default(), self.limits);
        let has_tail = values.last().is_some_and(|value| value.is_tail) && !chunk.is_cut;
        let mut ranges = Vec::new();
        for value in values {
            let at = chunk.data.start + value.range.start;
            let address = format!("{}:{}", chunk.name(), value.key);
            let barrier = barrier(value.key, Some(&value.text), false);
            self.surveyed.findings.sites.push(Site {
                key: value.key.to_owned(),
                value: Some(value.text),
                address,
                kind: Kind::Standard,
                place: name.to_owned(),
                offset: at as u64,
                barrier,
                ..Site::default()
            });
            ranges.push(at..chunk.data.start + value.range.end);
        }
        self.part(chunk, form, first, Body::Fields { ranges, has_tail });
    }

    fn ixml(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let data = self.surveyed.input.get(chunk.data.clone()).unwrap_or_default();
        match ixml::labels(data, self.limits) {
            Ok(labels) => self.block(chunk, form, Held::Xml(labels), chunk.data.start, name),
            Err(error) => self.unread(chunk, form, "iXML", Kind::Standard, name, error)?,
        }
        Ok(())
    }

    /// XML of broadcasters: a packet, or a document of which only the whole is a label. What places sound objects is
    /// needed by players.
    fn axml(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let data = self.surveyed.input.get(chunk.data.clone()).unwrap_or_default();
        if memmem::find(data, b"rdf:RDF").is_some() {
            return self.packet(chunk, form, 0, name);
        }
        let is_model = memmem::find(data, b"audioFormatExtended").is_some();
        let first = self.surveyed.findings.sites.len();
        let kind = if is_model { Kind::Bookkeeping } else { Kind::Standard };
        self.site("axml", kind, None, name, chunk.start(), chunk.is_cut);
        self.part(chunk, form, first, Body::Opaque);
        Ok(())
    }

    fn packet(&mut self, chunk: &Chunk, form: Option<usize>, skip: usize, name: &str) -> Result<()> {
        let at = chunk.data.start + skip;
        let data = self.surveyed.input.get(at..chunk.data.end).unwrap_or_default();
        match xmp::Packet::parse(data, self.limits) {
            Ok(packet) => self.block(chunk, form, Held::Xmp(packet), at, name.trim_end_matches(" XMP")),
            Err(error) => {
                if memmem::find(data, b"RDF").is_some() {
                    let barrier = Barrier::new(ErrorKind::Unsupported, "the XMP packet is not well-formed");
                    self.surveyed.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: at as u64 });
                }
                self.unread(chunk, form, "XMP", Kind::Standard, name, error)?;
            }
        }
        Ok(())
    }

    fn exif(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let data = self.surveyed.input.get(chunk.data.clone()).unwrap_or_default();
        // Some writers copy the header of JPEG along.
        let skip = if data.starts_with(EXIF_HEADER) { EXIF_HEADER.len() } else { 0 };
        match tiff::Tiff::parse(data.get(skip..).unwrap_or_default(), self.limits) {
            Ok(tiff) => self.block(chunk, form, Held::Tiff(Box::new(tiff)), chunk.data.start + skip, name),
            Err(error) => self.unread(chunk, form, "EXIF", Kind::Standard, name, error)?,
        }
        Ok(())
    }

    fn tag(&mut self, chunk: &Chunk, form: Option<usize>, name: &str) -> Result<()> {
        let data = self.surveyed.input.get(chunk.data.clone()).unwrap_or_default();
        let Some(length) = id3::Tag::len(data) else {
            self.unknown(chunk, name);
            return Ok(());
        };
        let tag = match id3::Tag::parse(data, self.limits) {
            Ok(tag) => tag,
            Err(error) => {
                let reason = format!("a tag that cannot be read: {}", error.reason());
                self.unread(chunk, form, "ID3", Kind::Standard, name, error)?;
                let barrier = Barrier::new(ErrorKind::Unsupported, reason);
                let offset = chunk.start() as u64;
                self.surveyed.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset });
                return Ok(());
            }
        };
        let start = chunk.data.start;
        let guards = tag.guards().iter();
        let moved = guards.map(|guard| Guard { offset: start as u64 + guard.offset, ..guard.clone() });
        self.surveyed.findings.guards.extend(moved.collect::<Vec<_>>());
        let part = self.surveyed.parts.len();
        self.surveyed.files.extend((0..tag.members().len()).map(|file| (part, file)));
        self.area(AreaKind::Slack, "behind a tag", start + length..chunk.data.end);
        self.block(chunk, form, Held::Id3(Box::new(tag)), start, name);
        Ok(())
    }

    /// A block that cannot be read, which goes or stays as a whole.
    fn unread(
        &mut self,
        chunk: &Chunk,
        form: Option<usize>,
        key: &str,
        kind: Kind,
        name: &str,
        error: Error,
    ) -> Result<()> {
        if error.kind() == ErrorKind::LimitExceeded {
            return Err(error.at(chunk.start() as u64));
        }
        let first = self.surveyed.findings.sites.len();
        self.site(key, kind, None, name, chunk.start(), chunk.is_cut);
        self.part(chunk, form, first, Body::Opaque);
        Ok(())
    }

    fn block(&mut self, chunk: &Chunk, form: Option<usize>, held: Held<'a>, at: usize, name: &str) {
        let first = self.surveyed.findings.sites.len();
        let sites = held.carrier().sites().iter().map(|site| Site {
            place: join_places(name, &site.place),
            offset: at as u64 + site.offset,
            barrier: site.barrier.clone().or_else(|| barrier("", None, chunk.is_cut)),
            ..site.clone()
        });
        self.surveyed.findings.sites.extend(sites.collect::<Vec<_>>());
        self.part(chunk, form, first, Body::Block { held, at });
    }

    fn part(&mut self, chunk: &Chunk, form: Option<usize>, first: usize, body: Body<'a>) {
        let sites = first..self.surveyed.findings.sites.len();
        self.surveyed.parts.push(Part { chunk: chunk.clone(), form, sites, body });
    }

    /// Takes up a label that has no carrier of its own.
    fn site(&mut self, key: &str, kind: Kind, value: Option<String>, name: &str, start: usize, is_cut: bool) {
        let prefix = match self.surveyed.flavour {
            Flavour::Webp => "webp",
            Flavour::Aiff => "aiff",
            Flavour::Wave | Flavour::Avi => "riff",
        };
        let barrier = barrier(key, value.as_deref(), is_cut);
        self.surveyed.findings.sites.push(Site {
            key: key.to_owned(),
            value,
            address: format!("{prefix}:{key}"),
            kind,
            place: name.to_owned(),
            offset: start as u64,
            barrier,
            ..Site::default()
        });
    }
}

/// Why a label of a chunk cannot go, if so.
fn barrier(key: &str, value: Option<&str>, is_cut: bool) -> Option<Barrier> {
    let is_marked = value.is_some_and(is_aigc);
    Barrier::of_protected(key)
        .or_else(|| is_marked.then(|| Barrier::new(ErrorKind::Protected, "a content label (AIGC) that law protects")))
        .or_else(|| is_cut.then(|| Barrier::new(ErrorKind::Unsupported, "its chunk is cut off")))
}
