//! The parts of a message (RFC 2046): multiparts between their boundaries, messages inside messages, leaves.

use std::ops::Range;

use memchr::{memchr, memmem};

use super::seals::Seals;
use super::words::Structured;
use super::{Block, Coding, Header};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Site};

/// A header with what follows it: a message, or a part of one.
#[derive(Debug)]
pub(crate) struct Entity {
    /// The header as a carrier. Its sites are in [`Tree::sites`], from `first_site` on.
    pub(crate) header: Header,
    pub(crate) first_site: usize,
    /// The bytes of the header, with the blank line.
    pub(crate) block: Range<usize>,
    /// What follows, up to the line break before the next boundary.
    pub(crate) body: Range<usize>,
    /// Whether the body holds nothing that is read as parts.
    pub(crate) is_leaf: bool,
    /// `type/subtype`, lower case.
    pub(crate) media: String,
    /// The name of the file that it carries.
    pub(crate) name: Option<String>,
    pub(crate) coding: Coding,
    /// Where it is, for people: `part 1.2`. Empty for the message itself.
    pub(crate) place: String,
    /// Why its body must stay as it is.
    pub(crate) over_body: Option<Barrier>,
    /// Why its body cannot be looked into.
    pub(crate) closed: Option<Barrier>,
}

/// Messages in pieces.
#[derive(Debug)]
pub(crate) struct Tree<'a> {
    bytes: &'a [u8],
    limits: &'a Limits,
    /// Every header with its body, in the order of the bytes.
    pub(crate) entities: Vec<Entity>,
    /// The labels of all headers, in the order of the bytes.
    pub(crate) sites: Vec<Site>,
    /// What stands before the first part and behind the last, which no reader shows, and why it must stay.
    pub(crate) gaps: Vec<(Range<usize>, Option<Barrier>)>,
}

/// Where an entity stands.
#[derive(Clone, Debug)]
struct Spot {
    depth: usize,
    /// The numbers of the parts down to here.
    numbers: String,
    /// What precedes them, for people.
    prefix: String,
    is_message: bool,
    /// What it is when it does not say.
    default: &'static str,
    over: Option<Barrier>,
    closed: Option<Barrier>,
}

impl Spot {
    fn place(&self) -> String {
        match (&*self.prefix, &*self.numbers) {
            (prefix, "") => prefix.to_owned(),
            ("", numbers) => format!("part {numbers}"),
            (prefix, numbers) => format!("{prefix}, part {numbers}"),
        }
    }
}

impl<'a> Tree<'a> {
    /// Nothing yet.
    pub(crate) fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self { bytes, limits, entities: Vec::new(), sites: Vec::new(), gaps: Vec::new() }
    }

    /// Takes in the message at `range`; `place` is where it is, `over` why its body must stay.
    pub(crate) fn add_message(&mut self, range: Range<usize>, place: &str, over: Option<Barrier>) -> Result<()> {
        let spot = Spot {
            depth: 0,
            numbers: String::new(),
            prefix: place.to_owned(),
            is_message: true,
            default: "text/plain",
            over: None,
            closed: None,
        };
        self.add(range, spot, over)
    }

    fn add(&mut self, range: Range<usize>, spot: Spot, over_body: Option<Barrier>) -> Result<()> {
        self.limits.check_depth(spot.depth)?;
        // Parts and sites weigh more than other items.
        self.limits.check_items(self.entities.len().saturating_mul(8), "parts of a message")?;
        let block = Block::parse(self.bytes, range.clone(), self.limits)?;
        let seals = if spot.is_message { Seals::read(self.bytes, &block) } else { Seals::default() };
        let over = |name: &str| spot.over.clone().or_else(|| seals.over(name));
        let place = spot.place();
        let shown = if place.is_empty() { "header" } else { &place };
        let mut header = Header::read(self.bytes, &block, shown, over, self.limits);
        let first_site = self.sites.len();
        self.sites.append(&mut header.take_sites());
        self.limits.check_items(self.sites.len().saturating_mul(4), "header fields")?;

        let field = |name| block.find(self.bytes, name).map(|field| Structured::parse(field.body(self.bytes)));
        let kind = field("content-type")
            .filter(|kind| kind.value.contains('/'))
            .unwrap_or_else(|| Structured { value: spot.default.to_owned(), ..Structured::default() });
        let coding = Coding::named(&field("content-transfer-encoding").map(|it| it.value).unwrap_or_default());
        let disposition = field("content-disposition").unwrap_or_default();
        let name = disposition.get("filename").or(kind.get("name")).filter(|name| !name.is_empty());
        let body = block.range.end..range.end;
        let over_body = spot.over.clone().or(over_body).or_else(|| seals.over_body());
        let closed = spot.closed.clone().or_else(|| closed(&kind));
        let this = self.entities.len();
        self.entities.push(Entity {
            header,
            first_site,
            block: block.range,
            body: body.clone(),
            is_leaf: true,
            name: name.map(str::to_owned),
            coding: coding.clone(),
            place,
            over_body: over_body.clone(),
            closed: closed.clone(),
            media: kind.value.clone(),
        });
        if coding != Coding::Plain && !kind.value.starts_with("multipart/") {
            return Ok(());
        }
        let inside = Spot { over: over_body, closed, depth: spot.depth + 1, ..spot };
        let is_leaf = match &*kind.value {
            "message/rfc822" | "message/global" | "message/news" | "text/rfc822-headers" => {
                self.add_inner(body, inside)?;
                false
            }
            media if media.starts_with("multipart/") => self.add_parts(body, &kind, &inside)?,
            _ => true,
        };
        self.entities.get_mut(this).into_iter().for_each(|entity| entity.is_leaf = is_leaf);
        Ok(())
    }

    /// The message that is the body of another entity.
    fn add_inner(&mut self, body: Range<usize>, inside: Spot) -> Result<()> {
        let prefix = match &*inside.place() {
            "" => "inner message".to_owned(),
            place => format!("message in {place}"),
        };
        let spot = Spot { prefix, numbers: String::new(), is_message: true, default: "text/plain", ..inside };
        self.add(body, spot, None)
    }

    /// The parts of a multipart. Answers whether there are none, so that its body is read as text.
    fn add_parts(&mut self, body: Range<usize>, kind: &Structured, inside: &Spot) -> Result<bool> {
        let boundary = kind.get("boundary").map(str::trim_end).filter(|boundary| !boundary.is_empty());
        let Some(parts) = boundary.and_then(|boundary| split(self.bytes, body, boundary.as_bytes())) else {
            return Ok(true);
        };
        self.gaps.push((parts.preamble, inside.over.clone()));
        let is_signed = kind.value == "multipart/signed";
        let signed = || Barrier::new(ErrorKind::Signed, "a signed part holds it");
        let is_encrypted = kind.value == "multipart/encrypted";
        let encrypted = || Barrier::new(ErrorKind::Encrypted, "the part is encrypted");
        for (index, part) in parts.parts.into_iter().enumerate() {
            let numbers = match &*inside.numbers {
                "" => format!("{}", index + 1),
                before => format!("{before}.{}", index + 1),
            };
            let spot = Spot {
                numbers,
                is_message: false,
                default: if kind.value == "multipart/digest" { "message/rfc822" } else { "text/plain" },
                over: inside.over.clone().or_else(|| is_signed.then(signed)),
                closed: inside.closed.clone().or_else(|| is_encrypted.then(encrypted)),
                ..inside.clone()
            };
            self.add(part, spot, None)?;
        }
        self.gaps.push((parts.epilogue, inside.over.clone()));
        Ok(false)
    }
}

/// Why a part of this kind cannot be looked into.
fn closed(kind: &Structured) -> Option<Barrier> {
    match &*kind.value {
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Some(match kind.get("smime-type") {
            Some("signed-data" | "certs-only") => {
                Barrier::new(ErrorKind::Unsupported, "S/MIME wraps its signed content")
            }
            _ => Barrier::new(ErrorKind::Encrypted, "the part is encrypted (S/MIME)"),
        }),
        "application/ms-tnef" | "application/vnd.ms-tnef" => {
            Some(Barrier::new(ErrorKind::Unsupported, "properties of Outlook (TNEF) are not read"))
        }
        _ => None,
    }
}

/// A multipart body in pieces.
struct Pieces {
    preamble: Range<usize>,
    parts: Vec<Range<usize>>,
    epilogue: Range<usize>,
}

/// Cuts `body` at its delimiter lines. Nothing when there is none.
fn split(bytes: &[u8], body: Range<usize>, boundary: &[u8]) -> Option<Pieces> {
    let text = bytes.get(body.clone())?;
    let delimiter = [b"--", boundary].concat();
    let mut parts = Pieces { preamble: body.start..body.end, parts: Vec::new(), epilogue: body.end..body.end };
    let mut open: Option<usize> = None;
    for at in memmem::find_iter(text, &delimiter) {
        if at > 0 && text.get(at - 1) != Some(&b'\n') {
            continue;
        }
        let rest = text.get(at + delimiter.len()..).unwrap_or_default();
        let closing = rest.strip_prefix(b"--");
        let Some(after) = blank_line(closing.unwrap_or(rest)) else { continue };
        let end = body.start + text.get(..at).map_or(0, |before| super::header::without_ending(before).len());
        match open {
            Some(start) => parts.parts.push(start..end.max(start)),
            None => parts.preamble.end = body.start + at,
        }
        let next = body.end - after;
        open = Some(next);
        if closing.is_some() {
            parts.epilogue.start = next;
            return Some(parts);
        }
    }
    parts.parts.push(open?..body.end);
    Some(parts)
}

/// How much follows the line that `rest` begins with, if that line is blank.
fn blank_line(rest: &[u8]) -> Option<usize> {
    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match rest.get(blank..)? {
        [] => Some(0),
        [b'\n', after @ ..] | [b'\r', b'\n', after @ ..] => Some(after.len()),
        _ => None,
    }
}

/// The lines of `within`, each with what ends it.
pub(crate) fn lines(bytes: &[u8], within: Range<usize>) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut start = within.start;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..within.end).filter(|rest| !rest.is_empty())?;
        let line = start..start + memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        start = line.end;
        Some(line)
    })
}
