//! The table of extended attributes behind the Finder information.

use std::io::Cursor as Reader;
use std::ops::Range;

use plist::Value;

use super::{Target, refuse_overlaps};
use crate::containers::text;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::Edit;
use crate::survey::{Barrier, Kind, Site};

/// Bytes of the Finder information before the table.
const FINDER_LEN: usize = 34;

/// Bytes of the header of the table: magic, tag, three lengths, four reserved words with the flags and the count.
const HEADER_LEN: usize = 36;

/// Bytes of a record before its name: offset, length, flags, and the length of the name.
const RECORD_LEN: usize = 11;

/// The attribute in which the Finder keeps tags.
const TAGS: &str = "com.apple.metadata:_kMDItemUserTags";

/// One extended attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    name: String,
    /// Its record in the table, with the padding behind it.
    record: Range<usize>,
    data: Range<usize>,
    value: Option<String>,
    /// The strings of a list of tags.
    pub(super) items: Option<Vec<String>>,
}

impl Attribute {
    /// The label, or the one for an item.
    pub(super) fn site(&self, target: Target, limits: &Limits) -> Site {
        let short = self.name.strip_prefix("com.apple.metadata:").unwrap_or(&self.name);
        let value = match (target, &self.items) {
            // A tag ends in its colour.
            (Target::Item(_, item), Some(items)) => {
                items.get(item).map(|tag| tag.split('\n').next().unwrap_or_default().to_owned())
            }
            _ => self.value.clone(),
        };
        let kind = if self.name.starts_with("com.apple.metadata:") {
            Kind::Standard
        } else if self.name.starts_with("com.apple.") {
            Kind::Bookkeeping
        } else {
            Kind::Custom
        };
        Site {
            address: format!("xattr:{}", self.name),
            key: short.to_owned(),
            aliases: (short != self.name).then(|| self.name.clone()).into_iter().collect(),
            value: value.map(|value| text::value(value, limits)),
            kind,
            place: "extended attributes".into(),
            offset: self.record.start as u64,
            barrier: Barrier::of_protected(short),
            ..Site::default()
        }
    }

    /// Record and value.
    pub(super) fn ranges(&self) -> [Range<usize>; 2] {
        [self.record.clone(), self.data.clone()]
    }
}

/// The extended attributes.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Where the number of attributes stands.
    count_at: usize,
    records: Range<usize>,
    /// What holds the values.
    data: Range<usize>,
    /// The end of the room for more of them.
    end: usize,
    pub(super) attributes: Vec<Attribute>,
}

impl Table {
    /// Reads the table in the entry of the Finder information, if it has one.
    pub(super) fn read(input: &[u8], entry: Range<usize>, limits: &Limits) -> Result<Self> {
        let start = entry.start + FINDER_LEN;
        if input.get(start..entry.end).is_none_or(|bytes| !bytes.starts_with(b"ATTR")) {
            return Ok(Self::default());
        }
        let mut cursor = Cursor::new(input);
        cursor.seek(start + 8)?;
        let (total, data_start, data_len) =
            (cursor.u32_be()? as usize, cursor.u32_be()? as usize, cursor.u32_be()? as usize);
        cursor.skip(14)?;
        let count_at = cursor.position();
        let count = usize::from(cursor.u16_be()?);
        limits.check_items(count, "extended attributes")?;
        let data = data_start..data_start.saturating_add(data_len);
        let records = start + HEADER_LEN;
        if data.start < records || data.end > total || total > entry.end {
            return Err(Error::malformed(start as u64, "the table of attributes does not fit its entry"));
        }
        let mut table = Self { count_at, records: records..records, data, end: total, attributes: Vec::new() };
        for _ in 0..count {
            let attribute = table.record(input, limits)?;
            table.records.end = attribute.record.end;
            table.attributes.push(attribute);
        }
        refuse_overlaps(table.attributes.iter().map(|attribute| attribute.data.clone()).collect())?;
        Ok(table)
    }

    fn record(&self, input: &[u8], limits: &Limits) -> Result<Attribute> {
        let start = self.records.end;
        let malformed = |reason| Error::malformed(start as u64, reason);
        let mut cursor = Cursor::new(input);
        cursor.seek(start)?;
        let (offset, len) = (cursor.u32_be()? as usize, cursor.u32_be()? as usize);
        cursor.skip(2)?;
        let name_len = usize::from(cursor.u8()?);
        let name = cursor.take(name_len)?;
        let end = start + (RECORD_LEN + name_len).next_multiple_of(4);
        let data = offset..offset.saturating_add(len);
        if end > self.data.start || data.start < self.data.start || data.end > self.data.end {
            return Err(malformed("an attribute reaches out of the table"));
        }
        let name = name.strip_suffix(b"\0").unwrap_or(name);
        let name = std::str::from_utf8(name).map_err(|_| malformed("the name of an attribute is no text"))?.to_owned();
        let bytes = input.get(data.clone()).unwrap_or_default();
        limits.check_part(bytes.len() as u64)?;
        let parsed = bytes.starts_with(b"bplist00").then(|| Value::from_reader(Reader::new(bytes)).ok()).flatten();
        let strings = parsed.as_ref().and_then(strings);
        let items = strings.clone().filter(|items| name == TAGS && !items.is_empty());
        let value = match (strings, parsed) {
            (Some(strings), _) => Some(strings.join(", ")),
            (None, Some(_)) => None,
            (None, None) => plain(bytes),
        };
        Ok(Attribute { name, record: start..end, data, value, items })
    }

    /// The bytes for values that no attribute owns.
    pub(super) fn gaps(&self) -> Vec<Range<usize>> {
        let mut owned: Vec<&Range<usize>> = self.attributes.iter().map(|attribute| &attribute.data).collect();
        owned.sort_by_key(|range| range.start);
        let mut gaps = Vec::new();
        let mut end = self.records.end;
        for range in owned {
            gaps.push(end..range.start);
            end = end.max(range.end);
        }
        gaps.push(end..self.end);
        gaps.retain(|gap| gap.start < gap.end);
        gaps
    }

    /// Adds the edits for these attributes, of which all goes, or these items. Answers those that would grow.
    pub(super) fn edits(
        &self,
        input: &[u8],
        changed: &[(usize, Vec<usize>)],
        edits: &mut Vec<Edit>,
    ) -> Result<Vec<usize>> {
        let mut records = input.get(self.records.clone()).unwrap_or_default().to_vec();
        let mut long = Vec::new();
        let mut gone = Vec::new();
        for (index, items) in changed {
            let Some(attribute) = self.attributes.get(*index) else { continue };
            let all = attribute.items.as_deref().unwrap_or_default();
            let data = attribute.data.start as u64..attribute.data.end as u64;
            if items.len() == all.len() || items.is_empty() {
                edits.push(Edit::fill(data, 0));
                gone.push(attribute);
                continue;
            }
            let kept = all.iter().enumerate().filter(|(item, _)| !items.contains(item)).map(|(_, text)| text);
            let mut new = list(kept)?;
            if new.len() > attribute.data.len() {
                long.push(*index);
                continue;
            }
            let len_at = attribute.record.start - self.records.start + 4;
            if let Some(field) = records.get_mut(len_at..len_at + 4) {
                field.copy_from_slice(&(new.len() as u32).to_be_bytes());
            }
            new.resize(attribute.data.len(), 0);
            edits.push(Edit::replace(data, new));
        }
        for attribute in gone.iter().rev() {
            let record = attribute.record.start - self.records.start..attribute.record.end - self.records.start;
            records.drain(record);
        }
        if !gone.is_empty() {
            let count = (self.attributes.len() - gone.len()) as u16;
            edits.push(Edit::replace(self.count_at as u64..self.count_at as u64 + 2, count.to_be_bytes().to_vec()));
        }
        records.resize(self.records.len(), 0);
        if input.get(self.records.clone()) != Some(&records) {
            edits.push(Edit::replace(self.records.start as u64..self.records.end as u64, records));
        }
        Ok(long)
    }
}

/// The strings of a property list that is a string, or a list of nothing else.
fn strings(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_string().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn plain(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes.strip_suffix(b"\0").unwrap_or(bytes)).ok()?;
    (!text.contains('\0')).then(|| text.to_owned())
}

/// A list of strings as a binary property list.
fn list<'s>(items: impl Iterator<Item = &'s String>) -> Result<Vec<u8>> {
    let value = Value::Array(items.cloned().map(Value::String).collect());
    let mut bytes = Vec::new();
    value.to_writer_binary(&mut bytes).map_err(|error| Error::unsupported(error.to_string()))?;
    Ok(bytes)
}
