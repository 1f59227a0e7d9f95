//! Document information dictionaries (ISO 32000-2 §14.3.3): of every revision, and forgotten ones.

use std::collections::HashSet;
use std::ops::Range;

use super::document::{Coded, Document, Home, Inner, Masked, place_of};
use super::lexer::Lexer;
use super::text::{name_text, text_string};
use super::value::{Dict, Entry, Reference, Value, ValueKind, name_bytes, string_bytes, value};
use super::walk::{Role, Summary, is_structural_dict};
use super::xref::Place;
use crate::containers::xmp::is_pdf_bookkeeping;
use crate::error::{Error, ErrorKind, Result};
use crate::survey::{Barrier, Kind, Site};

/// One information dictionary: where it stands.
#[derive(Clone, Debug)]
pub(super) struct Info {
    pub(super) home: Home,
    pub(super) range: Range<usize>,
    /// The object that holds it; for an object in a stream, its own number.
    id: Reference,
    /// First byte in the file.
    pub(super) offset: usize,
    /// Whether no trailer names it: then only its texts are taken for labels.
    is_orphan: bool,
}

/// One entry of an information dictionary, as the plan needs it.
#[derive(Clone, Debug)]
pub(super) struct InfoEntry {
    /// Index of its dictionary.
    pub(super) info: usize,
    pub(super) home: Home,
    /// The name and the value, white space between them included.
    pub(super) range: Range<usize>,
    /// The object that holds the value, if not the entry itself.
    pub(super) indirect: Option<Indirect>,
}

/// A value that stands in an object of its own.
#[derive(Clone, Debug)]
pub(super) struct Indirect {
    pub(super) number: u32,
    pub(super) home: Home,
    pub(super) body: Range<usize>,
    id: Reference,
}

/// Finds every information dictionary, and opens the object streams that hold some.
pub(super) fn find(document: &mut Document<'_>) -> Found {
    let named = document.named_by_trailers(b"Info");
    let mut found = Found::default();
    let mut candidates = Vec::new();
    for trailer in &document.trailers {
        if let Some(value) = trailer.dict.get(document.input, b"Info").filter(|value| value.kind == ValueKind::Dict) {
            let id = Reference { number: 0, generation: 0 };
            let range = value.range.clone();
            found.infos.push(Info { home: Home::File, offset: range.start, range, id, is_orphan: false });
        }
    }
    for (index, object) in document.walk.objects.iter().enumerate() {
        let is_orphan = !named.contains(&object.id.number);
        let (range, offset) = (object.body.clone(), object.range.start);
        let info = Info { home: Home::File, range, id: object.id, offset, is_orphan };
        if object.data.is_some() {
            continue;
        }
        if !is_orphan {
            let is_dict = document.input.get(object.body.clone()).is_some_and(|body| body.starts_with(b"<<"));
            let is_part = |current| is_structural_dict(document.input, object.body.start, current);
            if is_dict && !is_part(document.is_current(index)) {
                found.infos.push(info);
            }
        } else if object.role == Role::PlainDict {
            candidates.push((None, info));
        }
    }
    let streams: Vec<usize> = (0..document.walk.objects.len())
        .filter(|&index| document.walk.objects.get(index).is_some_and(|object| object.role == Role::ObjectStream))
        .collect();
    for index in streams {
        match document.open_stream(index) {
            Ok(coded) => find_within(document, coded, &named, &mut found, &mut candidates),
            Err(reason) => found.unreadable.push((index, reason)),
        }
    }
    keep_orphans(document, candidates, &mut found);
    open_values(document, &found.infos);
    found.infos.sort_by_key(|info| (info.offset, info.range.start));
    found
}

/// What the search for information dictionaries met.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) infos: Vec<Info>,
    /// Object streams that cannot be read: object index, and why.
    pub(super) unreadable: Vec<(usize, &'static str)>,
    /// Objects that `/Metadata` entries inside object streams name.
    pub(super) metadata: Vec<u32>,
    /// What file specifications inside object streams name.
    pub(super) attachments: super::files::Names,
    /// Whether an object stream mentions `/ByteRange`.
    pub(super) byte_range_within: Option<usize>,
}

/// A dictionary that looks like document information, and the object stream that it stands in.
type Candidate = (Option<usize>, Info);

fn find_within(
    document: &mut Document<'_>,
    coded: Coded,
    named: &HashSet<u32>,
    found: &mut Found,
    candidates: &mut Vec<Candidate>,
) {
    let finders = super::walk::Finders::new();
    found.metadata.extend(super::walk::metadata_references(&coded.plain, &finders));
    found.attachments.read(&coded.plain, Some);
    if memchr::memmem::find(&coded.plain, b"/ByteRange").is_some() {
        found.byte_range_within.get_or_insert(coded.data.start);
    }
    let home = Home::Coded(document.coded.len());
    let stream = document.walk.objects.get(coded.object).map(|object| object.id.number);
    let mut infos = Vec::new();
    for Inner { number, range } in document.inner_objects(&coded) {
        let mut lexer = Lexer::at(coded.plain.get(..range.end).unwrap_or_default(), range.start);
        lexer.skip_space();
        if !coded.plain.get(lexer.position..range.end).is_some_and(|text| text.starts_with(b"<<")) {
            continue;
        }
        let is_named = named.contains(&number);
        let mut summary = Summary::default();
        let text = lexer.bytes;
        let Some((closed, range)) = Dict::visit(&mut lexer, |entry| summary.see(text, &entry)) else { continue };
        let id = Reference { number, generation: 0 };
        let info = Info { home, range, id, offset: coded.data.start, is_orphan: !is_named };
        let is_current = || match document.chain.place(document.input, document.limits, number) {
            Some(Place::Within(at)) => Some(at) == stream,
            _ => false,
        };
        if is_named && !summary.is_structural(is_current()) {
            infos.push(info);
        } else if !is_named && closed && summary.is_plain() {
            candidates.push((Some(coded.object), info));
        }
    }
    if infos.is_empty() {
        return;
    }
    let index = coded.object;
    match document.hold(coded) {
        Ok(_) => found.infos.append(&mut infos),
        Err(reason) => found.unreadable.push((index, reason)),
    }
}

/// Of the dictionaries that look like document information, those that nothing refers to.
fn keep_orphans(document: &mut Document<'_>, candidates: Vec<Candidate>, found: &mut Found) {
    let numbers: HashSet<u32> = candidates.iter().map(|(_, info)| info.id.number).collect();
    let counts = document.count_references_outside(&numbers, &values(document, &candidates, &found.infos));
    for (stream, mut info) in candidates {
        if counts.contains_key(&info.id.number) {
            continue;
        }
        if let Some(stream) = stream {
            match document.hold_open(stream) {
                Ok(coded) => info.home = Home::Coded(coded),
                Err(reason) => {
                    found.unreadable.push((stream, reason));
                    continue;
                }
            }
        }
        found.infos.push(info);
    }
}

/// Where labels stand that may go: what looks like a reference in their values must not keep an object, which would
/// become a label without them. Values that are one themselves are not among them, for these go with what they name.
fn values(document: &Document<'_>, candidates: &[Candidate], infos: &[Info]) -> Masked {
    let mut ranges: Vec<_> = candidates.iter().map(|(stream, info)| (*stream, info.range.clone())).collect();
    for info in infos {
        let stream = match info.home {
            Home::File => None,
            Home::Coded(index) => document.coded.get(index).map(|coded| coded.object),
        };
        Dict::visit(&mut Lexer::at(document.text(info.home), info.range.start), |entry| {
            if entry.value.reference().is_none() {
                ranges.push((stream, entry.value.range));
            }
        });
    }
    Masked::new(ranges.into_iter())
}

/// Opens the object streams that hold values of information dictionaries.
fn open_values(document: &mut Document<'_>, infos: &[Info]) {
    let mut streams = HashSet::new();
    for info in infos {
        let mut lexer = Lexer::at(document.text(info.home), info.range.start);
        Dict::visit(&mut lexer, |entry| {
            let within = entry.value.reference().and_then(|reference| document.containing_stream(reference.number));
            streams.extend(within);
        });
    }
    let mut streams: Vec<usize> = streams.into_iter().collect();
    streams.sort_unstable();
    for stream in streams {
        // One that cannot be read is reported already.
        let _ = document.hold_open(stream);
    }
}

/// The sites of one information dictionary.
pub(super) fn sites(document: &Document<'_>, index: usize, info: &Info) -> Result<Vec<(Site, InfoEntry)>> {
    let text = document.text(info.home);
    let Some(dict) = Dict::read(&mut Lexer::at(text, info.range.start)) else { return Ok(Vec::new()) };
    if !dict.closed && dict.range.end >= text.len() {
        return Err(Error::malformed(info.offset as u64, "the document information is cut off"));
    }
    document.limits.check_items(dict.entries.len(), "entries of document information")?;
    Ok(dict.entries.iter().filter_map(|entry| site(document, index, info, entry)).collect())
}

fn site(document: &Document<'_>, index: usize, info: &Info, entry: &Entry) -> Option<(Site, InfoEntry)> {
    let text = document.text(info.home);
    let name = text.get(entry.key.start + 1..entry.key.end)?;
    let key = name_text(&name_bytes(name));
    if key.is_empty() || info.is_orphan && !matches!(entry.value.kind, ValueKind::Literal | ValueKind::Hex) {
        return None;
    }
    let indirect = entry.value.reference().and_then(|reference| follow(document, reference));
    let (value, raw) = match &indirect {
        Some(Indirect { home, body, id, .. }) => value_text(document, *home, body, *id),
        None => value_text(document, info.home, &entry.value.range, info.id),
    };
    let value = value.map(|value| cut(value, document.limits.value_bytes));
    let raw_value = raw.filter(|raw| value.as_ref() != Some(raw)).map(|raw| cut(raw, document.limits.value_bytes));
    let barrier = (key == "AIGC").then(|| Barrier::new(ErrorKind::Protected, "the AIGC mark is protected by law"));
    let offset = if info.home == Home::File { entry.key.start } else { info.offset };
    let site = Site {
        address: format!("info:{key}"),
        kind: kind(&key),
        value,
        raw_value,
        place: if info.id.number == 0 { "trailer".to_owned() } else { place_of(info.id) },
        offset: offset as u64,
        barrier,
        key,
        ..Site::default()
    };
    Some((site, InfoEntry { info: index, home: info.home, range: entry.key.start..entry.value.range.end, indirect }))
}

fn cut(mut text: String, limit: usize) -> String {
    if text.len() > limit {
        text.truncate(text.floor_char_boundary(limit));
    }
    text
}

fn kind(key: &str) -> Kind {
    match key {
        "Title" | "Author" | "Subject" | "Keywords" | "Creator" | "Producer" | "CreationDate" | "ModDate"
        | "Trapped" => Kind::Standard,
        _ if is_pdf_bookkeeping(key) => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}

/// Where the object stands that holds an indirect value.
fn follow(document: &Document<'_>, reference: Reference) -> Option<Indirect> {
    if let Some(object) = document.object(reference.number) {
        let (home, body, id) = (Home::File, object.body.clone(), object.id);
        return object.data.is_none().then_some(Indirect { number: reference.number, home, body, id });
    }
    let stream = document.containing_stream(reference.number)?;
    let (index, coded) = document.coded.iter().enumerate().find(|(_, coded)| coded.object == stream)?;
    let inner = document.inner_objects(coded).into_iter().find(|inner| inner.number == reference.number)?;
    let mut lexer = Lexer::at(coded.plain.get(..inner.range.end)?, inner.range.start);
    let body = value(&mut lexer)?.range;
    Some(Indirect { number: reference.number, home: Home::Coded(index), body, id: reference })
}

/// A value as canonical text, and as spelled.
fn value_text(
    document: &Document<'_>,
    home: Home,
    range: &Range<usize>,
    id: Reference,
) -> (Option<String>, Option<String>) {
    let text = document.text(home).get(..range.end).unwrap_or_default();
    let Some(found) = value(&mut Lexer::at(text, range.start)) else { return (None, None) };
    let spelled = text.get(found.range.clone()).unwrap_or_default();
    let raw = std::str::from_utf8(spelled).ok().map(str::to_owned);
    let canonical = match found.kind {
        ValueKind::Literal | ValueKind::Hex => {
            let mut bytes = string_bytes(spelled);
            if home == Home::File && id.number != 0 {
                match document.crypt.string_cipher(id) {
                    Ok(None) => {}
                    Ok(Some(cipher)) => match cipher.decrypt(&bytes) {
                        Some(plain) => bytes = plain,
                        None => return (None, None),
                    },
                    Err(_) => return (None, None),
                }
            }
            let decoded = text_string(&bytes);
            return (Some(decoded), None);
        }
        ValueKind::Name => return (Some(name_text(&name_bytes(spelled.get(1..).unwrap_or_default()))), raw),
        ValueKind::Array => array_text(document, home, &found, id),
        _ => raw.clone(),
    };
    (canonical, raw)
}

/// The items of an array of plain values, joined as people write lists.
fn array_text(document: &Document<'_>, home: Home, array: &Value, id: Reference) -> Option<String> {
    let text = document.text(home).get(..array.range.end)?;
    let mut lexer = Lexer::at(text, array.range.start + 1);
    let mut items = Vec::new();
    while let Some(item) = value(&mut lexer) {
        let plain = !matches!(item.kind, ValueKind::Array | ValueKind::Dict | ValueKind::Reference(_));
        items.push(plain.then(|| value_text(document, home, &item.range, id).0).flatten()?);
    }
    Some(items.join(", "))
}
