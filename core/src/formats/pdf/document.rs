//! The parsed file: its objects, the texts that dictionaries stand in, and what refers to what.

use std::cell::{Cell, OnceCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use memchr::memmem;

use super::crypt::Crypt;
use super::filters::Coding;
use super::lexer::{Lexer, integer};
use super::value::{Dict, Reference, Value, value};
use super::walk::{Object, Role, Surroundings, Walk};
use super::xref::{Chain, Place, Trailer};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Which text a range counts in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Home {
    /// The file.
    File,
    /// The decoded stream with this index in [`Document::coded`].
    Coded(usize),
}

/// A stream that is held decoded because labels stand in it.
#[derive(Debug)]
pub(super) struct Coded {
    /// Index of its object.
    pub(super) object: usize,
    /// Its data in the file.
    pub(super) data: Range<usize>,
    pub(super) coding: Coding,
    pub(super) plain: Vec<u8>,
}

/// An object of an object stream: number, and range in the decoded text.
#[derive(Clone, Debug)]
pub(super) struct Inner {
    pub(super) number: u32,
    pub(super) range: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) input: &'a [u8],
    pub(super) limits: &'a Limits,
    /// Where the file begins to count its offsets: the position of its header, after any prefix.
    pub(super) base: usize,
    pub(super) chain: Chain,
    pub(super) walk: Walk,
    pub(super) trailers: Vec<Trailer>,
    pub(super) crypt: Crypt,
    pub(super) coded: Vec<Coded>,
    /// The last object of each number; made when first asked for.
    last: OnceCell<HashMap<u32, usize>>,
    /// Bytes decoded so far, those that are held and those that are not.
    decoded: Cell<u64>,
}

impl<'a> Document<'a> {
    pub(super) fn read(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let head = input.get(..1024.min(input.len())).unwrap_or_default();
        let header = memmem::find(head, b"%PDF-").unwrap_or(0);
        let (base, chain) = read_chain(input, header, limits)?;
        let around = Surroundings::new(input, base, &chain, limits);
        let mut walk = around.walk()?;
        if walk.objects.is_empty() {
            return Err(Error::malformed(header as u64, "no object can be found"));
        }
        // Offsets count from the header or from the first byte of the file; the walk covers both.
        let mut trailers = walk.trailers.clone();
        trailers.extend(chain.sections.iter().map(|section| section.trailer.clone()));
        trailers.sort_by_key(|trailer| trailer.dict.range.start);
        trailers.dedup_by_key(|trailer| trailer.dict.range.start);
        limits.check_items(trailers.len(), "trailers")?;
        find_hidden(&around, &trailers, &mut walk);
        let (crypt, coded, last, decoded) = (Crypt::None, Vec::new(), OnceCell::new(), Cell::new(0));
        let mut document = Self { input, limits, base, chain, walk, trailers, crypt, coded, last, decoded };
        document.crypt = Crypt::of(&document);
        Ok(document)
    }

    /// The bytes of a text.
    pub(super) fn text(&self, home: Home) -> &[u8] {
        match home {
            Home::File => self.input,
            Home::Coded(index) => self.coded.get(index).map(|coded| &coded.plain[..]).unwrap_or_default(),
        }
    }

    /// The current object with this number, if it stands in the file by itself; the last one where the chain is silent.
    pub(super) fn object(&self, number: u32) -> Option<&Object> {
        self.object_index(number).and_then(|index| self.walk.objects.get(index))
    }

    fn object_index(&self, number: u32) -> Option<usize> {
        match self.chain.place(self.input, self.limits, number) {
            Some(Place::At(offset)) => {
                let start = self.base.checked_add(usize::try_from(offset).ok()?)?;
                self.walk.index_at(self.input, start, number).or_else(|| self.last_index(number))
            }
            Some(Place::Within(_)) => None,
            Some(Place::Free) | None => self.last_index(number),
        }
    }

    fn last_index(&self, number: u32) -> Option<usize> {
        let gather = || {
            let objects = self.walk.objects.iter().enumerate();
            objects.map(|(index, object)| (object.id.number, index)).collect()
        };
        self.last.get_or_init(gather).get(&number).copied()
    }

    /// Whether the object with this index is the one that readers see under its number.
    pub(super) fn is_current(&self, index: usize) -> bool {
        self.walk.objects.get(index).is_some_and(|object| self.object_index(object.id.number) == Some(index))
    }

    /// The dictionary of an object that stands in the file.
    pub(super) fn dict(&self, object: &Object) -> Option<Dict> {
        Dict::read(&mut Lexer::at(self.input, object.body.start))
    }

    /// Follows a reference once, within the file.
    pub(super) fn resolve(&self, found: &Value) -> Option<Value> {
        match found.reference() {
            Some(reference) => {
                let body = self.object(reference.number)?.body.clone();
                value(&mut Lexer::at(self.input.get(..body.end)?, body.start))
            }
            None => Some(found.clone()),
        }
    }

    /// The numbers of the objects that any trailer names under `key`.
    pub(super) fn named_by_trailers(&self, key: &[u8]) -> HashSet<u32> {
        let references = self.trailers.iter().filter_map(|trailer| trailer.dict.get(self.input, key)?.reference());
        references.map(|reference| reference.number).collect()
    }

    /// Decodes the object stream with this object index.
    pub(super) fn open_stream(&self, index: usize) -> Result<Coded, &'static str> {
        let missing = "it is not a stream";
        if self.decoded.get() > self.limits.total_bytes {
            return Err("the streams of the file decode to more than the limit");
        }
        let object = self.walk.objects.get(index).ok_or(missing)?;
        let data = object.data.clone().ok_or(missing)?;
        let dict = self.dict(object).ok_or(missing)?;
        let coding = Coding::of(self.input, &dict)?;
        let raw = self.input.get(data.clone()).ok_or(missing)?;
        let is_metadata = object.role == Role::Metadata;
        let plain = match self.crypt.stream_cipher(object.id, is_metadata, coding.exempt)? {
            Some(cipher) => coding.decode(&cipher.decrypt(raw).ok_or("it cannot be decrypted")?, self.limits),
            None => coding.decode(raw, self.limits),
        };
        let plain = plain.ok_or("it cannot be decompressed")?;
        self.decoded.set(self.decoded.get().saturating_add(plain.len() as u64));
        Ok(Coded { object: index, data, coding, plain })
    }

    /// Keeps a decoded stream; answers its index.
    pub(super) fn hold(&mut self, coded: Coded) -> Result<usize, &'static str> {
        let held: usize = self.coded.iter().map(|coded| coded.plain.len()).sum();
        self.limits.check_part((held + coded.plain.len()) as u64).map_err(|_| "there is too much of it to be held")?;
        self.coded.push(coded);
        Ok(self.coded.len() - 1)
    }

    /// Decodes and keeps the stream with this object index, unless it is kept already.
    pub(super) fn hold_open(&mut self, index: usize) -> Result<usize, &'static str> {
        match self.coded.iter().position(|coded| coded.object == index) {
            Some(held) => Ok(held),
            None => self.hold(self.open_stream(index)?),
        }
    }

    /// The index of the object stream that holds the current object with this number.
    pub(super) fn containing_stream(&self, number: u32) -> Option<usize> {
        let Place::Within(stream) = self.chain.place(self.input, self.limits, number)? else { return None };
        self.object_index(stream)
    }

    /// The objects of a decoded object stream.
    pub(super) fn inner_objects(&self, coded: &Coded) -> Vec<Inner> {
        let header = || {
            let dict = self.dict(self.walk.objects.get(coded.object)?)?;
            let number = |key: &[u8]| self.resolve(dict.get(self.input, key)?)?.integer();
            Some((number(b"N")?, usize::try_from(number(b"First")?).ok()?))
        };
        let Some((count, first)) = header() else { return Vec::new() };
        let mut lexer = Lexer::at(coded.plain.get(..first).unwrap_or(&coded.plain), 0);
        let mut starts = Vec::new();
        for _ in 0..count {
            let (Some(number), Some(offset)) = (lexer.integer(), lexer.integer()) else { break };
            let start = usize::try_from(offset).ok().and_then(|offset| first.checked_add(offset));
            if let (Ok(number), Some(start)) = (u32::try_from(number), start) {
                starts.push((start, number));
            }
        }
        starts.sort_unstable();
        let ends = starts.iter().skip(1).map(|&(start, _)| start).chain([coded.plain.len()]);
        let inner = starts.iter().zip(ends).map(|(&(start, number), end)| Inner { number, range: start..end });
        inner.filter(|inner| inner.range.start <= inner.range.end && inner.range.end <= coded.plain.len()).collect()
    }

    /// How often each of `numbers` is referred to, over all objects, decoded object streams and trailers.
    pub(super) fn count_references(&self, numbers: &HashSet<u32>) -> HashMap<u32, usize> {
        self.count_references_outside(numbers, &Masked::default())
    }

    /// The same without what stands in masked ranges.
    pub(super) fn count_references_outside(&self, numbers: &HashSet<u32>, masked: &Masked) -> HashMap<u32, usize> {
        let mut counts = HashMap::new();
        if numbers.is_empty() {
            return counts;
        }
        let mut count = |stream: Option<usize>, text: &[u8], range: Range<usize>| {
            let found = references(text.get(range.clone()).unwrap_or_default());
            for (at, number) in found.filter(|(_, number)| numbers.contains(number)) {
                if !masked.covers(stream, range.start + at) {
                    *counts.entry(number).or_insert(0) += 1;
                }
            }
        };
        for (index, object) in self.walk.objects.iter().enumerate() {
            count(None, self.input, object.body.clone());
            if object.role == Role::ObjectStream {
                match self.coded.iter().find(|coded| coded.object == index) {
                    Some(coded) => count(Some(index), &coded.plain, 0..coded.plain.len()),
                    None => {
                        if let Ok(coded) = self.open_stream(index) {
                            count(Some(index), &coded.plain, 0..coded.plain.len());
                        }
                    }
                }
            }
        }
        for trailer in self.trailers.iter().filter(|trailer| !trailer.is_stream) {
            count(None, self.input, trailer.dict.range.clone());
        }
        counts
    }
}

/// Ranges in which nothing is taken for a reference, sorted and disjoint: of the file, or of the object stream with an
/// object index.
#[derive(Debug, Default)]
pub(super) struct Masked(HashMap<Option<usize>, Vec<Range<usize>>>);

impl Masked {
    pub(super) fn new(ranges: impl Iterator<Item = (Option<usize>, Range<usize>)>) -> Self {
        let mut masked: HashMap<_, Vec<Range<usize>>> = HashMap::new();
        for (stream, range) in ranges {
            masked.entry(stream).or_default().push(range);
        }
        for ranges in masked.values_mut() {
            ranges.sort_unstable_by_key(|range| range.start);
            ranges.dedup_by(|next, last| {
                let overlaps = next.start < last.end;
                if overlaps {
                    last.end = last.end.max(next.end);
                }
                overlaps
            });
        }
        Self(masked)
    }

    fn covers(&self, stream: Option<usize>, at: usize) -> bool {
        let ranges = self.0.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let first = ranges.partition_point(|range| range.end <= at);
        ranges.get(first).is_some_and(|range| range.start <= at)
    }
}

/// The object numbers of every `n g R` in `text`, with where its `R` is. What looks like one inside a string counts too: a
/// reference too many only keeps an object.
fn references(text: &[u8]) -> impl Iterator<Item = (usize, u32)> + '_ {
    memchr::memchr_iter(b'R', text).filter_map(|at| {
        let mut words = text.get(at.saturating_sub(64)..at)?.rsplit(|&byte| super::lexer::is_space(byte));
        let mut words = words.by_ref().filter(|word| !word.is_empty());
        integer(words.next()?)?;
        let number = words.next()?;
        let digits = number.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        Some((at, u32::try_from(integer(number.get(number.len() - digits..)?)?).ok()?))
    })
}

/// Reads the chain as counted from the header, or from the first byte where only that works.
fn read_chain(input: &[u8], header: usize, limits: &Limits) -> Result<(usize, Chain)> {
    let chain = Chain::read(input, header, limits)?;
    if header > 0 && !chain.whole {
        let plain = Chain::read(input, 0, limits)?;
        if plain.whole {
            return Ok((0, plain));
        }
    }
    Ok((header, chain))
}

/// Adds objects that the cross-references know and the walk did not meet, because they stand inside what it took for
/// something else: of those, only what leads to labels.
fn find_hidden(around: &Surroundings<'_>, trailers: &[Trailer], walk: &mut Walk) {
    let keys: [&[u8]; 3] = [b"Info", b"Root", b"Encrypt"];
    let named = trailers.iter().flat_map(|trailer| {
        keys.iter().filter_map(|key| Some(trailer.dict.get(around.input, key)?.reference()?.number))
    });
    let mut hidden = Vec::new();
    let mut numbers: Vec<u32> = named.chain(walk.metadata.iter().copied()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for number in numbers {
        let place = around.chain.place(around.input, around.limits, number);
        let containing = match place {
            Some(Place::Within(stream)) => match around.chain.place(around.input, around.limits, stream) {
                Some(Place::At(offset)) => Some((stream, offset)),
                _ => None,
            },
            Some(Place::At(offset)) => Some((number, offset)),
            _ => None,
        };
        let Some((number, offset)) = containing else { continue };
        let Some(start) = usize::try_from(offset).ok().and_then(|offset| around.base.checked_add(offset)) else {
            continue;
        };
        if walk.index_at(around.input, start, number).is_some() {
            continue;
        }
        let found = around.object(&mut Lexer::at(around.input, start));
        if let Some(found) = found.filter(|object| object.id.number == number) {
            hidden.push(found);
        }
    }
    for object in hidden {
        walk.add(around, object);
    }
    walk.objects.sort_by_key(|object| object.range.start);
    walk.objects.dedup_by_key(|object| object.range.start);
}

/// The reference of an object in the file, as `object 12 0`.
pub(super) fn place_of(reference: Reference) -> String {
    format!("object {} {}", reference.number, reference.generation)
}
