//! The elements of a data set.

use std::collections::HashSet;
use std::ops::Range;

use super::names::name;
use crate::containers::text::{self, decode};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Findings, Guard, Kind, Scope, Site};

/// The length of what ends by a delimiter.
const UNDEFINED: u32 = u32::MAX;

const ITEM: u32 = 0xfffe_e000;
const ITEM_END: u32 = 0xfffe_e00d;
const SEQUENCE_END: u32 = 0xfffe_e0dd;
const TRANSFER_SYNTAX: u32 = 0x0002_0010;
const PIXELS: [u32; 3] = [0x7fe0_0008, 0x7fe0_0009, 0x7fe0_0010];
const SIGNATURES: u32 = 0xfffa_fffa;
const ENCRYPTED: u32 = 0x0400_0500;

/// How elements are spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Syntax {
    is_implicit: bool,
    is_big: bool,
}

const EXPLICIT: Syntax = Syntax { is_implicit: false, is_big: false };

/// An element that is a site.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) range: Range<usize>,
    pub(super) value: Range<usize>,
    /// Whether it can be cut out without anything else to follow.
    pub(super) is_loose: bool,
}

/// The head of an element.
struct Head {
    tag: u32,
    kind: [u8; 2],
    len: u32,
}

/// What was found.
#[derive(Debug)]
pub(super) struct Dataset<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    pub(super) elements: Vec<Element>,
    pub(super) findings: Findings,
    /// Pixel data.
    pub(super) payload: Vec<Range<usize>>,
    pub(super) end: usize,
    /// Groups that say how long they are.
    counted: HashSet<u32>,
    items: usize,
}

impl<'a> Dataset<'a> {
    pub(super) fn read(input: &'a [u8], start: usize, limits: &'a Limits) -> Result<Self> {
        let mut own = Self {
            input,
            limits,
            elements: Vec::new(),
            findings: Findings::default(),
            payload: Vec::new(),
            end: start,
            counted: HashSet::new(),
            items: 0,
        };
        let mut cursor = Cursor::within(input, 0);
        cursor.seek(start)?;
        let mut syntax = EXPLICIT;
        let mut is_header = true;
        let mut named = Vec::new();
        while cursor.remaining() >= 8 {
            // The elements of the file itself come first, and spelled alike in every file.
            if is_header && cursor.rest().get(..2) != Some(&[2, 0]) {
                is_header = false;
                syntax = of_name(&named)?;
            }
            let start = cursor.position();
            let head = head(&mut cursor, syntax)?;
            let value = own.element(&mut cursor, &head, start, syntax, None, 0)?;
            if head.tag == TRANSFER_SYNTAX {
                named = input.get(value).unwrap_or_default().to_vec();
            }
        }
        own.end = cursor.position();
        Ok(own)
    }

    /// Reads the value of an element: where it lies.
    fn element(
        &mut self,
        cursor: &mut Cursor<'a>,
        head: &Head,
        start: usize,
        syntax: Syntax,
        above: Option<u32>,
        depth: usize,
    ) -> Result<Range<usize>> {
        self.items += 1;
        self.limits.check_items(self.items, "elements")?;
        self.limits.check_depth(depth)?;
        self.guard(head.tag, start);
        let first = cursor.position();
        if PIXELS.contains(&head.tag) {
            self.pixels(cursor, head.len, syntax)?;
            self.payload.push(first..cursor.position());
        } else if head.kind == *b"SQ" || head.len == UNDEFINED {
            // What is of unknown type and of no length is a sequence in the implicit spelling.
            let inner = if head.kind == *b"UN" { Syntax { is_implicit: true, is_big: false } } else { syntax };
            self.sequence(cursor, head, inner, depth)?;
        } else {
            cursor.skip(head.len as usize)?;
            self.site(head, start, first..cursor.position(), above);
        }
        Ok(first..cursor.position())
    }

    fn guard(&mut self, tag: u32, start: usize) {
        let (barrier, scope) = match tag {
            SIGNATURES => (Barrier::new(ErrorKind::Signed, "the data set has digital signatures"), Scope::File),
            ENCRYPTED => (Barrier::new(ErrorKind::Encrypted, "attributes are encrypted"), Scope::Hidden),
            _ => {
                if tag.trailing_zeros() >= 16 {
                    self.counted.insert(tag >> 16);
                }
                return;
            }
        };
        self.findings.guards.push(Guard { barrier, scope, offset: start as u64 });
    }

    fn pixels(&mut self, cursor: &mut Cursor<'a>, len: u32, syntax: Syntax) -> Result<()> {
        if len != UNDEFINED {
            return cursor.skip(len as usize);
        }
        loop {
            let tag = tag(cursor, syntax)?;
            let len = long(cursor, syntax)?;
            if tag == SEQUENCE_END {
                return Ok(());
            }
            self.items += 1;
            self.limits.check_items(self.items, "fragments")?;
            if tag != ITEM || len == UNDEFINED {
                return Err(cursor.malformed("pixel data is no list of fragments"));
            }
            cursor.skip(len as usize)?;
        }
    }

    fn sequence(&mut self, cursor: &mut Cursor<'a>, head: &Head, syntax: Syntax, depth: usize) -> Result<()> {
        let end = end(cursor, head.len)?;
        while end.is_none_or(|end| cursor.position() < end) {
            let tag = tag(cursor, syntax)?;
            let len = long(cursor, syntax)?;
            match tag {
                SEQUENCE_END if end.is_none() => return Ok(()),
                ITEM => self.item(cursor, head.tag, len, syntax, depth + 1)?,
                _ => return Err(cursor.malformed("a sequence holds something else than items")),
            }
        }
        Ok(())
    }

    fn item(&mut self, cursor: &mut Cursor<'a>, above: u32, len: u32, syntax: Syntax, depth: usize) -> Result<()> {
        self.items += 1;
        self.limits.check_items(self.items, "items")?;
        let end = end(cursor, len)?;
        while end.is_none_or(|end| cursor.position() < end) {
            let start = cursor.position();
            if end.is_none() && tag(&mut cursor.clone(), syntax)? == ITEM_END {
                return cursor.skip(8);
            }
            let head = head(cursor, syntax)?;
            self.element(cursor, &head, start, syntax, Some(above), depth)?;
        }
        Ok(())
    }

    fn site(&mut self, head: &Head, start: usize, value: Range<usize>, above: Option<u32>) {
        let bytes = self.input.get(value.clone()).unwrap_or_default();
        let bytes = bytes.trim_ascii_end();
        let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
        let is_blank = bytes.iter().all(|byte| matches!(byte, b' ' | 0));
        // What reads as text of a type that is not written is told, but may be anything.
        let is_untyped = head.kind == *b"UN" && text::is_text(bytes);
        if !(is_text(head.kind) || is_untyped) || is_blank {
            return;
        }
        let (group, element) = (head.tag >> 16, head.tag & 0xffff);
        let is_private = group % 2 == 1;
        let fixed = is_fixed(head.kind).then_some("a value of this type may not be blank");
        let fixed = fixed.or(is_untyped.then_some("its type is not written in the file"));
        // Which elements follow, and how they are spelled, these say.
        let of_pixels = group == 0x28 && element != 0x4000;
        let needed =
            (group == 2 || of_pixels || head.tag == 0x0008_0005 || (is_private && (0x10..0x100).contains(&element)))
                .then_some("other elements, or the pixels, are read by it");
        let kind = match () {
            () if needed.is_some() || matches!(group, 0 | 0x28) || head.kind == *b"UI" => Kind::Bookkeeping,
            () if is_private => Kind::Custom,
            () => Kind::Standard,
        };
        let key = name(head.tag);
        let text = text::value(decode(bytes), self.limits);
        self.findings.sites.push(Site {
            address: format!("dicom:{key}"),
            value: Some(text),
            kind,
            place: above.map_or_else(|| "data set".to_owned(), |above| format!("sequence {}", name(above))),
            offset: start as u64,
            barrier: needed.or(fixed).map(|reason| Barrier::new(ErrorKind::Unsupported, reason)),
            key,
            ..Site::default()
        });
        let is_loose = above.is_none() && is_private && !self.counted.contains(&group);
        self.elements.push(Element { range: start..value.end, value, is_loose });
    }
}

/// Where something of this length ends, if it has one.
fn end(cursor: &Cursor<'_>, len: u32) -> Result<Option<usize>> {
    if len == UNDEFINED {
        return Ok(None);
    }
    if len as usize > cursor.remaining() {
        return Err(cursor.malformed("a sequence is longer than the file"));
    }
    Ok(Some(cursor.position() + len as usize))
}

/// The syntax of this identifier.
fn of_name(name: &[u8]) -> Result<Syntax> {
    match name.trim_ascii_end().strip_suffix(b"\0").unwrap_or(name) {
        b"1.2.840.10008.1.2" => Ok(Syntax { is_implicit: true, is_big: false }),
        b"1.2.840.10008.1.2.2" => Ok(Syntax { is_implicit: false, is_big: true }),
        b"1.2.840.10008.1.2.1.99" | b"1.2.840.10008.1.2.4.95" | b"1.2.840.10008.1.2.4.205" => {
            Err(Error::unsupported("a deflated data set"))
        }
        _ => Ok(EXPLICIT),
    }
}

fn head(cursor: &mut Cursor<'_>, syntax: Syntax) -> Result<Head> {
    let tag = tag(cursor, syntax)?;
    if syntax.is_implicit {
        return Ok(Head { tag, kind: *b"UN", len: long(cursor, syntax)? });
    }
    let kind: [u8; 2] = cursor.array()?;
    if !kind.iter().all(u8::is_ascii_uppercase) {
        return Err(cursor.malformed("an element without a type"));
    }
    let len = if is_long(kind) {
        cursor.skip(2)?;
        long(cursor, syntax)?
    } else {
        u32::from(short(cursor, syntax)?)
    };
    Ok(Head { tag, kind, len })
}

fn tag(cursor: &mut Cursor<'_>, syntax: Syntax) -> Result<u32> {
    let group = short(cursor, syntax)?;
    Ok(u32::from(group) << 16 | u32::from(short(cursor, syntax)?))
}

fn short(cursor: &mut Cursor<'_>, syntax: Syntax) -> Result<u16> {
    if syntax.is_big { cursor.u16_be() } else { cursor.u16_le() }
}

fn long(cursor: &mut Cursor<'_>, syntax: Syntax) -> Result<u32> {
    if syntax.is_big { cursor.u32_be() } else { cursor.u32_le() }
}

/// Types whose length takes four bytes.
fn is_long(kind: [u8; 2]) -> bool {
    [b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"].contains(&&kind)
}

/// Types of text.
fn is_text(kind: [u8; 2]) -> bool {
    let plain = [b"AE", b"CS", b"DS", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"];
    plain.contains(&&kind) || is_fixed(kind)
}

/// Types of text that has a form which spaces break.
fn is_fixed(kind: [u8; 2]) -> bool {
    [b"AS", b"DA", b"DT", b"TM", b"UI", b"UR"].contains(&&kind)
}
