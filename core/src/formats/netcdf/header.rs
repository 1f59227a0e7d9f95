//! The header: dimensions, attributes, variables.

use std::ops::Range;

use crate::containers::conventions::kind;
use crate::containers::text::{self, decode, is_aigc};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::Edit;
use crate::survey::{Barrier, Site};

const DIMENSIONS: u32 = 10;
const VARIABLES: u32 = 11;
const ATTRIBUTES: u32 = 12;

/// Numbers of an attribute that are shown.
const SHOWN: usize = 64;

/// A list of attributes.
#[derive(Debug)]
pub(super) struct List {
    /// Its tag and count.
    head: Range<usize>,
    pub(super) first_site: usize,
    pub(super) attributes: Vec<Range<usize>>,
}

impl List {
    /// The edit of the head that makes the list shorter; an empty one has no tag.
    pub(super) fn shrink(&self, wide: bool, by: usize) -> Edit {
        let count = self.attributes.len() - by;
        let tag = if count == 0 { 0 } else { ATTRIBUTES };
        let mut head = tag.to_be_bytes().to_vec();
        if wide {
            head.extend((count as u64).to_be_bytes());
        } else {
            head.extend((count as u32).to_be_bytes());
        }
        Edit::replace(self.head.start as u64..self.head.end as u64, head)
    }
}

/// Where a variable says its data begins.
#[derive(Debug)]
pub(super) struct Begin {
    field: Range<usize>,
    value: u64,
}

impl Begin {
    /// The edit after which the data begins so much earlier.
    pub(super) fn moved(&self, by: u64) -> Edit {
        let value = self.value.saturating_sub(by).to_be_bytes();
        let bytes = value.get(8 - self.field.len()..).unwrap_or_default();
        Edit::replace(self.field.start as u64..self.field.end as u64, bytes.to_vec())
    }
}

/// A header.
#[derive(Debug)]
pub(super) struct Header {
    /// Whether counts take eight bytes.
    pub(super) wide: bool,
    pub(super) sites: Vec<Site>,
    pub(super) lists: Vec<List>,
    pub(super) begins: Vec<Begin>,
    names: Vec<Range<usize>>,
    pub(super) end: usize,
    /// Where the data begins.
    pub(super) data: usize,
    /// Where it ends, if that can be told.
    pub(super) data_end: Option<usize>,
}

impl Header {
    pub(super) fn read(input: &[u8], limits: &Limits) -> Result<Self> {
        let mut cursor = Cursor::new(input);
        cursor.skip(3)?;
        let version = cursor.u8()?;
        let reader = Reader {
            cursor,
            version,
            limits,
            dimensions: Vec::new(),
            record_len: 0,
            single: None,
            header: Self {
                wide: version == 5,
                sites: Vec::new(),
                lists: Vec::new(),
                begins: Vec::new(),
                names: Vec::new(),
                end: 0,
                data: 0,
                data_end: Some(0),
            },
        };
        reader.read()
    }

    /// What belongs to attributes and to names.
    pub(super) fn claims(&self) -> Vec<Range<usize>> {
        let attributes = self.lists.iter().flat_map(|list| &list.attributes);
        attributes.chain(&self.names).cloned().collect()
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    version: u8,
    limits: &'a Limits,
    /// Lengths of dimensions; 0 is that of records.
    dimensions: Vec<u64>,
    /// Bytes of a record, padded.
    record_len: u64,
    /// Bytes of one record of the only variable of records, which is not padded.
    single: Option<u64>,
    header: Header,
}

impl Reader<'_> {
    fn read(mut self) -> Result<Header> {
        let records = self.count()?;
        let is_streamed = records == if self.header.wide { u64::MAX } else { u64::from(u32::MAX) };
        for _ in 0..self.list(DIMENSIONS)? {
            self.name()?;
            let len = self.count()?;
            self.dimensions.push(len);
            self.limits.check_items(self.dimensions.len(), "dimensions")?;
        }
        self.attributes(None)?;
        let mut first_record = None;
        let mut variables = 0;
        let count = self.list(VARIABLES)?;
        for _ in 0..count {
            variables += 1;
            self.limits.check_items(variables, "variables")?;
            self.variable(&mut first_record)?;
        }
        self.header.end = self.cursor.position();
        let begin = self.header.begins.iter().map(|begin| begin.value).min();
        let begin = begin.map_or(self.header.end, |begin| usize::try_from(begin).unwrap_or(usize::MAX));
        if begin < self.header.end {
            return Err(Error::malformed(self.header.end as u64, "data begins inside the header"));
        }
        self.header.data = begin;
        if let Some(first) = first_record {
            let len = records.checked_mul(self.single.unwrap_or(self.record_len)).filter(|_| !is_streamed);
            let end = len.and_then(|len| usize::try_from(len.checked_add(first)?).ok());
            self.header.data_end = self.header.data_end.and_then(|other| Some(other.max(end?)));
        }
        Ok(self.header)
    }

    fn variable(&mut self, first_record: &mut Option<u64>) -> Result<()> {
        let name = self.name()?;
        let rank = self.count()?;
        let (mut items, mut has_records) = (Some(1_u64), false);
        for index in 0..rank {
            let offset = self.cursor.offset();
            let dimension = usize::try_from(self.count()?).ok().and_then(|id| self.dimensions.get(id));
            let len = *dimension.ok_or_else(|| Error::malformed(offset, "a variable has an unknown dimension"))?;
            if len == 0 && index == 0 {
                has_records = true;
            } else {
                items = items.and_then(|items| items.checked_mul(len));
            }
        }
        self.attributes(Some(&name))?;
        let width = self.width()?;
        self.count()?;
        let start = self.cursor.position();
        let value = if self.version == 1 { u64::from(self.cursor.u32_be()?) } else { self.cursor.u64_be()? };
        self.header.begins.push(Begin { field: start..self.cursor.position(), value });
        let len = items.and_then(|items| items.checked_mul(width as u64));
        let padded = len.and_then(|len| len.checked_next_multiple_of(4));
        if has_records {
            self.single = if first_record.is_none() { len } else { None };
            *first_record = Some(first_record.map_or(value, |first| first.min(value)));
            self.record_len = self.record_len.saturating_add(padded.unwrap_or(u64::MAX));
        } else {
            let end = padded.and_then(|len| usize::try_from(len.checked_add(value)?).ok());
            self.header.data_end = self.header.data_end.and_then(|other| Some(other.max(end?)));
        }
        Ok(())
    }

    fn attributes(&mut self, variable: Option<&str>) -> Result<()> {
        let start = self.cursor.position();
        let count = self.list(ATTRIBUTES)?;
        let head = start..self.cursor.position();
        let mut list = List { head, first_site: self.header.sites.len(), attributes: Vec::new() };
        for _ in 0..count {
            self.limits.check_items(self.header.sites.len() + 1, "attributes")?;
            let start = self.cursor.position();
            let key = self.text()?;
            let value = self.value()?;
            list.attributes.push(start..self.cursor.position());
            let says_so = value.as_deref().is_some_and(is_aigc);
            self.header.sites.push(Site {
                address: variable.map_or_else(|| format!("netcdf:{key}"), |name| format!("variable:{name}/{key}")),
                barrier: Barrier::of_protected(if says_so { "AIGC" } else { &key }),
                place: variable.map_or_else(|| "file".to_owned(), |name| format!("variable {name}")),
                value: value.map(|value| text::value(value, self.limits)),
                offset: start as u64,
                key,
                ..Site::default()
            });
        }
        let own = self.header.sites.get_mut(list.first_site..).unwrap_or_default();
        let has_authority = own.iter().any(|site| site.key == "naming_authority");
        for site in own {
            site.kind = kind(&site.key, has_authority);
        }
        self.header.lists.push(list);
        Ok(())
    }

    /// The value of an attribute as text.
    fn value(&mut self) -> Result<Option<String>> {
        let offset = self.cursor.offset();
        let kind = self.cursor.u32_be()?;
        self.cursor.seek(self.cursor.position() - 4)?;
        let width = self.width()?;
        let count = usize::try_from(self.count()?).unwrap_or(usize::MAX);
        let len = count.checked_mul(width).ok_or_else(|| Error::malformed(offset, "an attribute is too long"))?;
        let bytes = self.cursor.take(len)?;
        self.pad(len)?;
        if kind == 2 {
            return Ok(Some(decode(bytes)));
        }
        if count > SHOWN {
            return Ok(None);
        }
        let numbers: Vec<_> = bytes.chunks_exact(width).map(|bytes| number(kind, bytes)).collect();
        Ok(Some(numbers.join(", ")))
    }

    /// Reads the head of a list: how many items it has.
    fn list(&mut self, tag: u32) -> Result<u64> {
        let offset = self.cursor.offset();
        let found = self.cursor.u32_be()?;
        let count = self.count()?;
        if found != tag && (found != 0 || count != 0) {
            return Err(Error::malformed(offset, "a list of another kind was to be here"));
        }
        Ok(count)
    }

    fn name(&mut self) -> Result<String> {
        let start = self.cursor.position();
        let name = self.text()?;
        self.header.names.push(start..self.cursor.position());
        Ok(name)
    }

    fn text(&mut self) -> Result<String> {
        let len = usize::try_from(self.count()?).unwrap_or(usize::MAX);
        let text = decode(self.cursor.take(len)?);
        self.pad(len)?;
        Ok(text)
    }

    fn pad(&mut self, len: usize) -> Result<()> {
        self.cursor.skip(len.next_multiple_of(4) - len)
    }

    fn count(&mut self) -> Result<u64> {
        if self.header.wide { self.cursor.u64_be() } else { Ok(u64::from(self.cursor.u32_be()?)) }
    }

    /// Reads a type: the bytes of a number of it.
    fn width(&mut self) -> Result<usize> {
        let offset = self.cursor.offset();
        match self.cursor.u32_be()? {
            1 | 2 | 7 => Ok(1),
            3 | 8 => Ok(2),
            4 | 5 | 9 => Ok(4),
            6 | 10 | 11 => Ok(8),
            _ => Err(Error::malformed(offset, "an unknown type")),
        }
    }
}

fn number(kind: u32, bytes: &[u8]) -> String {
    let bits = bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    match kind {
        1 => (bits as u8).cast_signed().to_string(),
        3 => (bits as u16).cast_signed().to_string(),
        4 => (bits as u32).cast_signed().to_string(),
        5 => f32::from_bits(bits as u32).to_string(),
        6 => f64::from_bits(bits).to_string(),
        10 => bits.cast_signed().to_string(),
        _ => bits.to_string(),
    }
}
