//! The linear walk: every object, table and trailer in the order of the file, whatever the cross-references say.
//!
//! Superseded generations and forgotten objects are found only this way. Stream data is jumped over by its length, so
//! that the pages of a large file stay untouched.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use memchr::memmem;

use super::lexer::{Lexer, Token, integer, is_space};
use super::value::{Dict, Entry, Reference, Value, ValueKind, is_name, name_bytes, value};
use super::xref::{Chain, Place, Trailer, skip_table};
use crate::error::Result;
use crate::limits::Limits;

/// What an object is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Content.
    Other,
    /// A stream of `/Type /Metadata`, or one that some `/Metadata` entry names.
    Metadata,
    /// A stream of `/Type /ObjStm`.
    ObjectStream,
    /// A stream of `/Type /XRef`.
    CrossReference,
    /// The parameters of a linearized file.
    Linearization,
    /// A dictionary of plain values such as document information consists of.
    PlainDict,
}

/// One object as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) id: Reference,
    pub(super) role: Role,
    /// From the object number to the end of `endobj`.
    pub(super) range: Range<usize>,
    /// Its value; of a stream, the dictionary.
    pub(super) body: Range<usize>,
    /// The data of a stream.
    pub(super) data: Option<Range<usize>>,
}

/// Everything that the walk met.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// In file order.
    pub(super) objects: Vec<Object>,
    pub(super) trailers: Vec<Trailer>,
    /// Ranges of tables, trailers, `startxref` and the marks of the file: structure without labels.
    pub(super) structure: Vec<Range<usize>>,
    /// Where objects begin that mention `/ByteRange`.
    pub(super) byte_ranges: Vec<usize>,
    /// Numbers of objects that some `/Metadata` entry names.
    pub(super) metadata: Vec<u32>,
}

/// What reading an object needs to know about the file around it.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) input: &'a [u8],
    /// Where the file begins to count its offsets.
    pub(super) base: usize,
    pub(super) chain: &'a Chain,
    pub(super) limits: &'a Limits,
    pub(super) finders: Finders,
    /// Where the last `endstream` of the file stands: without it, a file of unfinished streams would be searched to its
    /// end once for each.
    last_end: OnceCell<Option<usize>>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(input: &'a [u8], base: usize, chain: &'a Chain, limits: &'a Limits) -> Self {
        Self { input, base, chain, limits, finders: Finders::new(), last_end: OnceCell::new() }
    }

    /// Walks over the file.
    pub(super) fn walk(&self) -> Result<Walk> {
        let mut walk = Walk::default();
        let mut lexer = Lexer::at(self.input, self.base);
        loop {
            lexer.skip_space();
            let start = lexer.position;
            let Some((token, range)) = lexer.next() else { break };
            let known = match (token, lexer.text(&range)) {
                (Token::Integer(_), _) => {
                    lexer.position = start;
                    let object = self.object(&mut lexer);
                    let found = object.is_some();
                    if let Some(object) = object {
                        self.limits.check_items(walk.objects.len(), "objects")?;
                        walk.add(self, object);
                    }
                    found
                }
                (Token::Word, b"xref") => skip_table(&mut lexer, self.limits),
                (Token::Word, b"startxref") => lexer.integer().is_some(),
                (Token::Word, b"trailer") => match Dict::read(&mut lexer) {
                    Some(dict) => {
                        walk.trailers.push(Trailer { dict, is_stream: false });
                        true
                    }
                    None => false,
                },
                _ => false,
            };
            if !known {
                lexer.position = next_known(self.input, range.end, &self.finders);
            } else if token == Token::Word {
                walk.structure.push(start..lexer.position);
            }
        }
        Ok(walk)
    }

    /// Reads the object that begins at the lexer.
    pub(super) fn object(&self, lexer: &mut Lexer<'_>) -> Option<Object> {
        lexer.skip_space();
        let start = lexer.position;
        let (number, generation) = lexer.object_header()?;
        lexer.skip_space();
        let body_start = lexer.position;
        let mut summary = Summary::default();
        let mut data = None;
        let mut is_closed = true;
        let body = if let Some((closed, range)) = Dict::visit(lexer, |entry| summary.see(self.input, &entry)) {
            is_closed = closed;
            let resolve = |reference| self.length_at(reference);
            data = stream_data(lexer, summary.length.as_ref(), resolve, |start| self.has_end_after(start));
            range
        } else {
            value(lexer).map_or(body_start..body_start, |value| value.range)
        };
        lexer.word(b"endobj");
        let id = Reference { number, generation };
        Some(Object { id, role: summary.role(data.is_some(), is_closed), range: start..lexer.position, body, data })
    }

    /// The integer object that a stream's `/Length` names.
    fn length_at(&self, reference: Reference) -> Option<u64> {
        let Place::At(offset) = self.chain.place(self.input, self.limits, reference.number)? else { return None };
        let mut lexer = Lexer::at(self.input, self.base.checked_add(usize::try_from(offset).ok()?)?);
        (lexer.object_header()?.0 == reference.number).then(|| lexer.integer())?
    }

    fn has_end_after(&self, start: usize) -> bool {
        let last = self.last_end.get_or_init(|| memmem::rfind(self.input, b"endstream"));
        last.is_some_and(|last| last >= start)
    }
}

impl Walk {
    /// The index of object `number` whose header begins at `start`, or after white space there.
    pub(super) fn index_at(&self, input: &[u8], start: usize, number: u32) -> Option<usize> {
        let index = self.objects.partition_point(|object| object.range.start < start);
        let object = self.objects.get(index).filter(|object| object.id.number == number)?;
        input.get(start..object.range.start)?.iter().all(|&byte| is_space(byte)).then_some(index)
    }

    pub(super) fn add(&mut self, around: &Surroundings<'_>, object: Object) {
        let (input, finders) = (around.input, &around.finders);
        let body = input.get(object.body.clone()).unwrap_or_default();
        // In plain values neither of them is what it looks like.
        if object.role != Role::PlainDict {
            if finders.byte_range.find(body).is_some() {
                self.byte_ranges.push(object.range.start);
            }
            self.metadata.extend(metadata_references(body, finders));
        }
        if object.role == Role::CrossReference
            && let Some(dict) = Dict::read(&mut Lexer::at(input, object.body.start))
        {
            self.trailers.push(Trailer { dict, is_stream: true });
        }
        self.objects.push(object);
    }
}

/// The objects that `/Metadata` entries of `text` name.
pub(super) fn metadata_references(text: &[u8], finders: &Finders) -> Vec<u32> {
    let after = b"/Metadata".len();
    finders
        .metadata
        .find_iter(text)
        .filter_map(|found| Some(value(&mut Lexer::at(text, found + after))?.reference()?.number))
        .collect()
}

/// Searchers that are built once.
#[derive(Debug)]
pub(super) struct Finders {
    byte_range: memmem::Finder<'static>,
    metadata: memmem::Finder<'static>,
    object: memmem::Finder<'static>,
    trailer: memmem::Finder<'static>,
}

impl Finders {
    pub(super) fn new() -> Self {
        Self {
            byte_range: memmem::Finder::new("/ByteRange"),
            metadata: memmem::Finder::new("/Metadata"),
            object: memmem::Finder::new("obj"),
            trailer: memmem::Finder::new("trailer"),
        }
    }
}

/// What the walk notes of a dictionary while it passes over it.
#[derive(Debug, Default)]
pub(super) struct Summary {
    length: Option<Value>,
    kind: Kind,
    /// Whether a key is one of structure.
    structural_key: bool,
    /// Whether a value is not plain.
    nested: bool,
    strings: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    None,
    Info,
    Metadata,
    ObjectStream,
    CrossReference,
    Linearization,
    Other,
}

impl Summary {
    pub(super) fn see(&mut self, text: &[u8], entry: &Entry) {
        let raw = text.get(entry.key.start + 1..entry.key.end).unwrap_or_default();
        let key = if raw.contains(&b'#') { name_bytes(raw).into() } else { Cow::Borrowed(raw) };
        match key.as_ref() {
            b"Length" => self.length = Some(entry.value.clone()),
            b"Linearized" => self.kind = Kind::Linearization,
            b"Type" => {
                let named = |name| is_name(text, &entry.value.range, name);
                self.kind = match () {
                    () if named(b"Metadata") => Kind::Metadata,
                    () if named(b"ObjStm") => Kind::ObjectStream,
                    () if named(b"XRef") => Kind::CrossReference,
                    () if named(b"Info") || named(b"DocInfo") || entry.value.kind != ValueKind::Name => Kind::Info,
                    () => Kind::Other,
                };
            }
            _ => {}
        }
        self.structural_key |= is_structural(&key);
        match entry.value.kind {
            ValueKind::Literal | ValueKind::Hex => self.strings += 1,
            ValueKind::Array | ValueKind::Dict | ValueKind::Reference(_) => self.nested = true,
            _ => {}
        }
    }

    /// Whether the dictionary is a part of the document, by its keys. One that the newest trailer names is taken for
    /// document information unless it says that it is something else and refers to other objects.
    pub(super) fn is_structural(&self, is_current: bool) -> bool {
        let is_other = !matches!(self.kind, Kind::None | Kind::Info);
        if is_current { is_other && self.nested } else { is_other || self.structural_key }
    }

    /// Whether the dictionary consists of plain values, text among them, such as document information does.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.kind, Kind::None | Kind::Info) && !self.structural_key && !self.nested && self.strings > 0
    }

    fn role(&self, is_stream: bool, is_closed: bool) -> Role {
        match self.kind {
            Kind::Metadata if is_stream => Role::Metadata,
            Kind::ObjectStream if is_stream => Role::ObjectStream,
            Kind::CrossReference if is_stream => Role::CrossReference,
            Kind::Linearization => Role::Linearization,
            _ if !is_stream && is_closed && self.is_plain() => Role::PlainDict,
            _ => Role::Other,
        }
    }
}

/// Keys of dictionaries of plain values that are part of the document, not information about it: these say what an
/// unreferenced dictionary once was. The short capital ones of the specification (`/S`, `/CA`, `/JS`) are not listed.
fn is_structural(key: &[u8]) -> bool {
    matches!(key, [b'A'..=b'Z'] | [b'A'..=b'Z', b'A'..=b'Z' | b'0'..=b'9'])
        || matches!(
            key,
            b"Subtype"
                | b"Parent"
                | b"Kids"
                | b"First"
                | b"Last"
                | b"Next"
                | b"Prev"
                | b"Count"
                | b"Dest"
                | b"Rect"
                | b"Size"
                | b"CheckSum"
                | b"Filter"
                | b"Private"
                | b"LastModified"
                | b"Registry"
                | b"Ordering"
                | b"Supplement"
                | b"Contents"
                | b"Reason"
                | b"Location"
                | b"Linearized"
                | b"Alt"
                | b"Lang"
                | b"Nums"
                | b"Names"
                | b"Limits"
                | b"Length"
                | b"OutputCondition"
                | b"Info"
        )
}

/// Whether the dictionary that begins at `start` is a part of the document, by its keys.
pub(super) fn is_structural_dict(text: &[u8], start: usize, is_current: bool) -> bool {
    let mut summary = Summary::default();
    Dict::visit(&mut Lexer::at(text, start), |entry| summary.see(text, &entry));
    summary.is_structural(is_current)
}

/// Reads `stream … endstream` after a dictionary: by its length where `endstream` follows, else by looking for it.
pub(super) fn stream_data(
    lexer: &mut Lexer<'_>,
    length: Option<&Value>,
    resolve: impl FnOnce(Reference) -> Option<u64>,
    may_end_after: impl FnOnce(usize) -> bool,
) -> Option<Range<usize>> {
    if !lexer.word(b"stream") {
        return None;
    }
    let bytes = lexer.bytes;
    let rest = bytes.get(lexer.position..).unwrap_or_default();
    let blanks = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(0);
    let start = lexer.position
        + match rest.get(blanks..).unwrap_or_default() {
            [b'\r', b'\n', ..] => blanks + 2,
            [b'\n' | b'\r', ..] => blanks + 1,
            _ => 0,
        };
    let declared = length.and_then(|length| match length.kind {
        ValueKind::Integer(length) => Some(length),
        ValueKind::Reference(reference) => resolve(reference),
        _ => None,
    });
    let declared_end = declared.and_then(|length| start.checked_add(usize::try_from(length).ok()?));
    if let Some(end) = declared_end
        && let Some(after) = after_end_mark(bytes, end)
    {
        lexer.position = after;
        return Some(start..end);
    }
    let rest = bytes.get(start..).unwrap_or_default();
    let mark = may_end_after(start).then(|| memmem::find(rest, b"endstream")).flatten();
    let (end, after) = if let Some(mark) = mark {
        (start + mark, start + mark + b"endstream".len())
    } else {
        let end = memmem::find(rest, b"endobj").map_or(bytes.len(), |found| start + found);
        (end, end)
    };
    lexer.position = after;
    let data = bytes.get(start..end).unwrap_or_default();
    let trimmed = data.strip_suffix(b"\r\n").or(data.strip_suffix(b"\n")).or(data.strip_suffix(b"\r")).unwrap_or(data);
    Some(start..start + trimmed.len())
}

/// The position after `endstream`, if that is what stands at `end` after white space.
fn after_end_mark(bytes: &[u8], end: usize) -> Option<usize> {
    let rest = bytes.get(end..)?;
    let blanks = rest.iter().take(16).position(|&byte| !is_space(byte))?;
    rest.get(blanks..)?.starts_with(b"endstream").then_some(end + blanks + b"endstream".len())
}

/// The next position at or after `from` where an object header or a trailer begins; else the end.
fn next_known(input: &[u8], from: usize, finders: &Finders) -> usize {
    let rest = input.get(from..).unwrap_or_default();
    let header = finders.object.find_iter(rest).find_map(|found| header_before(rest, found)).unwrap_or(rest.len());
    let skipped = rest.get(..header).unwrap_or_default();
    from + finders.trailer.find(skipped).unwrap_or(header)
}

/// Where the object header begins whose `obj` stands at `keyword`.
fn header_before(bytes: &[u8], keyword: usize) -> Option<usize> {
    let back = |end: usize, keep: fn(u8) -> bool| -> Option<usize> {
        let head = bytes.get(end.saturating_sub(24)..end)?;
        let kept = head.iter().rev().take_while(|&&byte| keep(byte)).count();
        (kept > 0).then_some(end - kept)
    };
    let digits = |byte: u8| byte.is_ascii_digit();
    let generation = back(back(keyword, is_space).unwrap_or(keyword), digits)?;
    let number_end = back(generation, is_space)?;
    let number = back(number_end, digits)?;
    integer(bytes.get(number..number_end)?).map(|_| number)
}
