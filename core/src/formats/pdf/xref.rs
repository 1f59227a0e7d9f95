//! The cross-reference chain (ISO 32000-2 §7.5.4-7.5.8): classic tables, streams, hybrids, `/Prev`.
//!
//! The chain says which object is the current one and where the lengths of streams stand. It is read leniently: where
//! it breaks, the linear walk over the objects carries on alone, as readers do when they rebuild it.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::filters::Coding;
use super::lexer::{Lexer, Token, integer, is_space};
use super::value::{Dict, Value, ValueKind, is_name, value};
use super::walk::stream_data;
use crate::error::Result;
use crate::limits::Limits;

/// Where an object stands, as a section says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Deleted.
    Free,
    /// At this offset, counted as the file counts.
    At(u64),
    /// In the object stream with this number.
    Within(u32),
}

/// A run of entries of a classic table.
#[derive(Clone, Debug)]
pub(super) struct Subsection {
    first: u64,
    /// Where each entry begins in the file.
    entries: Entries,
}

#[derive(Clone, Debug)]
enum Entries {
    /// Entries of the 20 bytes that the specification asks for.
    Regular { start: usize, count: u64 },
    /// Entries of any other spacing.
    Sloppy(Vec<usize>),
}

impl Entries {
    /// Bytes held in memory.
    fn memory(&self) -> u64 {
        match self {
            Self::Regular { .. } => 0,
            Self::Sloppy(starts) => (starts.len() * size_of::<usize>()) as u64,
        }
    }
}

impl Subsection {
    fn count(&self) -> u64 {
        match &self.entries {
            Entries::Regular { count, .. } => *count,
            Entries::Sloppy(starts) => starts.len() as u64,
        }
    }

    fn start_of(&self, row: u64) -> Option<usize> {
        match &self.entries {
            Entries::Regular { start, count } => {
                (row < *count).then(|| start.checked_add(usize::try_from(row).ok()?.checked_mul(20)?)).flatten()
            }
            Entries::Sloppy(starts) => starts.get(usize::try_from(row).ok()?).copied(),
        }
    }

    /// Where each entry begins in the file.
    pub(super) fn starts(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.count()).filter_map(|row| self.start_of(row))
    }
}

#[derive(Debug)]
enum Table {
    Classic(Vec<Subsection>),
    Stream { rows: Vec<u8>, widths: [usize; 3], index: Vec<(u64, u64)> },
}

/// One table or stream with its trailer.
#[derive(Debug)]
pub(super) struct Section {
    /// First byte in the file.
    pub(super) start: usize,
    table: Table,
    pub(super) trailer: Trailer,
}

/// What a trailer dictionary, or the dictionary of a cross-reference stream, says.
#[derive(Clone, Debug, Default)]
pub(super) struct Trailer {
    pub(super) dict: Dict,
    pub(super) is_stream: bool,
}

/// The chain from the newest section to the oldest.
#[derive(Debug, Default)]
pub(super) struct Chain {
    pub(super) sections: Vec<Section>,
    /// Whether every section that is pointed at could be read.
    pub(super) whole: bool,
    /// Where every object is, seen from the newest section; made when first asked for.
    places: OnceCell<HashMap<u32, Place>>,
}

/// How far from the end `startxref` is looked for.
const TAIL: usize = 64 << 10;

/// Sections that a chain may have: far more than documents are saved, few enough to be walked over often.
const MAX_SECTIONS: usize = 4096;

impl Chain {
    /// Reads the chain of `input`, whose offsets count from `base`.
    pub(super) fn read(input: &[u8], base: usize, limits: &Limits) -> Result<Self> {
        let mut chain = Self::default();
        let tail = input.len().saturating_sub(TAIL);
        let Some(found) = memchr::memmem::rfind(input.get(tail..).unwrap_or_default(), b"startxref") else {
            return Ok(chain);
        };
        let mut lexer = Lexer::at(input, tail + found + b"startxref".len());
        let Some(newest) = lexer.integer() else { return Ok(chain) };
        chain.whole = true;

        let mut waiting = vec![newest];
        let mut seen = HashSet::new();
        let mut decoded = 0;
        while let Some(offset) = waiting.pop() {
            if !seen.insert(offset) {
                continue;
            }
            let section = usize::try_from(offset)
                .ok()
                .filter(|_| seen.len() <= MAX_SECTIONS)
                .and_then(|offset| Section::read(input, base.checked_add(offset)?, limits));
            let Some(section) = section else {
                chain.whole = false;
                continue;
            };
            if chain.sections.iter().any(|known| known.start == section.start) {
                continue;
            }
            decoded += section.decoded_bytes();
            limits.check_part(decoded)?;
            let offset_of = |key| section.trailer.dict.get(input, key).and_then(Value::integer);
            // The hybrid stream is read before the older sections, as its entries are newer: last in, first out.
            waiting.extend(offset_of(b"Prev"));
            waiting.extend(offset_of(b"XRefStm"));
            chain.sections.push(section);
        }
        Ok(chain)
    }

    /// Where the object with this number is, seen from the newest section.
    pub(super) fn place(&self, input: &[u8], limits: &Limits, number: u32) -> Option<Place> {
        let gather = || {
            let mut places = HashMap::new();
            for section in &self.sections {
                section.entries(input, |number, place| {
                    if places.len() < limits.items {
                        places.entry(number).or_insert(place);
                    }
                });
            }
            places
        };
        self.places.get_or_init(gather).get(&number).copied()
    }
}

impl Section {
    fn read(input: &[u8], start: usize, limits: &Limits) -> Option<Self> {
        let mut lexer = Lexer::at(input, start);
        lexer.skip_space();
        let start = lexer.position;
        if lexer.word(b"xref") {
            let subsections = subsections(&mut lexer, limits)?;
            lexer.word(b"trailer").then_some(())?;
            let dict = Dict::read(&mut lexer)?;
            return Some(Self {
                start,
                table: Table::Classic(subsections),
                trailer: Trailer { dict, is_stream: false },
            });
        }
        lexer.object_header()?;
        let dict = Dict::read(&mut lexer)?;
        if !is_name(input, &dict.get(input, b"Type")?.range, b"XRef") {
            return None;
        }
        let data = stream_data(&mut lexer, dict.get(input, b"Length"), |_| None, |_| true)?;
        let rows = Coding::of(input, &dict).ok()?.decode(input.get(data)?, limits)?;
        let mut widths = [0; 3];
        for (width, value) in widths.iter_mut().zip(array(input, dict.get(input, b"W")?.range.clone())) {
            *width = usize::try_from(value).ok().filter(|width| *width <= 8)?;
        }
        let index = match dict.get(input, b"Index") {
            Some(value) => {
                let numbers = array(input, value.range.clone());
                numbers.as_chunks::<2>().0.iter().map(|&[first, count]| (first, count)).collect()
            }
            None => vec![(0, dict.get(input, b"Size").and_then(Value::integer).unwrap_or(u64::MAX))],
        };
        Some(Self { start, table: Table::Stream { rows, widths, index }, trailer: Trailer { dict, is_stream: true } })
    }

    /// Shows every entry to `see`.
    fn entries(&self, input: &[u8], mut see: impl FnMut(u32, Place)) {
        match &self.table {
            Table::Classic(subsections) => {
                for subsection in subsections {
                    for (number, start) in (subsection.first..).zip(subsection.starts()) {
                        let mut lexer = Lexer::at(input, start);
                        let (Some(offset), Some(_)) = (lexer.integer(), lexer.integer()) else { break };
                        let Ok(number) = u32::try_from(number) else { break };
                        see(number, if lexer.word(b"n") { Place::At(offset) } else { Place::Free });
                    }
                }
            }
            Table::Stream { rows, widths, index } => {
                let width: usize = widths.iter().sum();
                let mut rows = rows.chunks_exact(width.max(1));
                for &(first, count) in index {
                    for (number, row) in (first..first.saturating_add(count)).zip(rows.by_ref()) {
                        if let (Ok(number), Some(place)) = (u32::try_from(number), stream_entry(row, *widths)) {
                            see(number, place);
                        }
                    }
                }
            }
        }
    }

    fn decoded_bytes(&self) -> u64 {
        match &self.table {
            Table::Classic(subsections) => subsections.iter().map(|subsection| subsection.entries.memory()).sum(),
            Table::Stream { rows, .. } => rows.len() as u64,
        }
    }

    /// The subsections of a classic table.
    pub(super) fn subsections(&self) -> &[Subsection] {
        match &self.table {
            Table::Classic(subsections) => subsections,
            Table::Stream { .. } => &[],
        }
    }
}

fn stream_entry(row: &[u8], widths: [usize; 3]) -> Option<Place> {
    let mut rest = row;
    let mut field = |width: usize| {
        let (head, tail) = rest.split_at_checked(width)?;
        rest = tail;
        Some(head.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte)))
    };
    let kind = field(widths[0])?;
    let second = field(widths[1])?;
    match if widths[0] == 0 { 1 } else { kind } {
        0 => Some(Place::Free),
        1 => Some(Place::At(second)),
        2 => u32::try_from(second).ok().map(Place::Within),
        _ => None,
    }
}

/// Moves past a table whose `xref` has been read.
pub(super) fn skip_table(lexer: &mut Lexer<'_>, limits: &Limits) -> bool {
    subsections(lexer, limits).is_some()
}

/// Reads the subsections of a table up to `trailer`.
fn subsections(lexer: &mut Lexer<'_>, limits: &Limits) -> Option<Vec<Subsection>> {
    let mut subsections = Vec::new();
    while let Some(first) = lexer.integer() {
        let count = lexer.integer()?;
        u32::try_from(first).ok()?;
        limits.check_items(subsections.len(), "cross-reference subsections").ok()?;
        lexer.skip_space();
        let start = lexer.position;
        let entries = if let Some(end) = regular_end(lexer.bytes, start, count) {
            lexer.position = end;
            Entries::Regular { start, count }
        } else {
            let mut starts = Vec::new();
            for _ in 0..count {
                lexer.skip_space();
                let entry = lexer.position;
                let mut ahead = lexer.clone();
                if ahead.integer().is_none() || ahead.integer().is_none() || !(ahead.word(b"n") || ahead.word(b"f")) {
                    // Fewer entries than declared: seen in the wild, readers go on.
                    break;
                }
                lexer.position = ahead.position;
                starts.push(entry);
                limits.check_items(starts.len(), "cross-reference entries").ok()?;
            }
            Entries::Sloppy(starts)
        };
        subsections.push(Subsection { first, entries });
    }
    Some(subsections)
}

/// The end of `count` entries of exactly 20 bytes, if that is what stands at `start`: the first, the last and the
/// word after them are looked at.
fn regular_end(bytes: &[u8], start: usize, count: u64) -> Option<usize> {
    let count = usize::try_from(count).ok()?;
    let end = start.checked_add(count.checked_mul(20)?)?;
    let is_entry = |at: usize| -> Option<bool> {
        let entry = bytes.get(at..at.checked_add(20)?)?;
        let (offset, rest) = entry.split_at_checked(10)?;
        let generation = rest.get(1..6)?;
        Some(
            integer(offset).is_some()
                && integer(generation).is_some()
                && matches!(rest.get(7)?, b'n' | b'f')
                && rest.get(8..)?.iter().all(|&byte| is_space(byte)),
        )
    };
    let regular = count == 0 || (is_entry(start)? && is_entry(end.checked_sub(20)?)?);
    let mut lexer = Lexer::at(bytes, end);
    (regular && !matches!(lexer.next(), Some((Token::Word, range)) if lexer.text(&range).len() == 1)).then_some(end)
}

/// The unsigned integers of an array.
pub(super) fn array(text: &[u8], range: Range<usize>) -> Vec<u64> {
    let mut lexer = Lexer::at(text.get(..range.end).unwrap_or_default(), range.start.saturating_add(1));
    let mut numbers = Vec::new();
    while let Some(value) = value(&mut lexer) {
        if let ValueKind::Integer(number) = value.kind {
            numbers.push(number);
        }
    }
    numbers
}
