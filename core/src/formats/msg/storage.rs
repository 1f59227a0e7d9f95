//! The objects of a message, each a storage: the message, its recipients and attachments, messages inside; and the
//! properties of each ([MS-OXMSG] 2.1, 2.2 and 2.4).

use std::collections::HashMap;

use crate::containers::cfb::{CompoundFile, EntryKind};
use crate::containers::propset::Page;
use crate::error::{Error, Result};
use crate::limits::Limits;

use super::names::u32_at;

/// The stream of an object's properties.
pub(super) const PROPERTIES: &str = "__properties_version1.0";

/// Length of a record.
pub(super) const RECORD: usize = 16;

/// Types of values ([MS-OXCDATA] 2.11.1).
pub(super) const STRING: u16 = 0x001F;
pub(super) const NARROW: u16 = 0x001E;
pub(super) const BINARY: u16 = 0x0102;
const GUID: u16 = 0x0048;
pub(super) const MANY: u16 = 0x1000;

/// Streams and storages by where they stand and their names, letter case aside.
#[derive(Debug)]
pub(super) struct Streams(HashMap<(usize, String), usize>);

impl Streams {
    pub(super) fn of(file: &CompoundFile<'_>) -> Self {
        let key = |id: usize| {
            let entry = file.entry(id)?;
            Some(((entry.parent?, entry.name.to_ascii_lowercase()), id))
        };
        Self(file.ids().filter_map(key).collect())
    }

    pub(super) fn find(&self, storage: usize, name: &str) -> Option<usize> {
        self.0.get(&(storage, name.to_ascii_lowercase())).copied()
    }

    /// The stream that holds the value of a property.
    pub(super) fn value(&self, storage: usize, id: u16, kind: u16) -> Option<usize> {
        self.find(storage, &value_name(id, kind))
    }

    /// All streams that hold parts of the value of a property.
    pub(super) fn values(&self, storage: usize, id: u16, kind: u16) -> Vec<usize> {
        let name = value_name(id, kind);
        let mut all: Vec<usize> = self.find(storage, &name).into_iter().collect();
        if kind & MANY != 0 {
            let item = |index: u32| self.find(storage, &format!("{name}-{index:08X}"));
            all.extend((0..).map_while(item));
        }
        all
    }
}

fn value_name(id: u16, kind: u16) -> String {
    format!("__substg1.0_{id:04X}{kind:04X}")
}

/// A property of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    pub(super) id: u16,
    pub(super) kind: u16,
    /// First byte in the stream of properties.
    pub(super) at: usize,
    /// What stands in the record: a short value, or the length of a longer one.
    pub(super) value: [u8; 8],
}

/// An object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) storage: usize,
    /// The stream of its properties.
    pub(super) stream: usize,
    pub(super) properties: Vec<u8>,
    pub(super) records: Vec<Record>,
    /// How narrow text is spelled.
    pub(super) page: Page,
}

impl Object {
    /// The value of the first property with this number and one of these types.
    pub(super) fn property(&self, id: u16, kinds: &[u16]) -> Option<&Record> {
        self.records.iter().find(|record| record.id == id && kinds.contains(&record.kind))
    }
}

/// The objects of a message, in directory order, outermost first.
pub(super) fn objects(file: &CompoundFile<'_>, streams: &Streams, limits: &Limits) -> Vec<Result<Object>> {
    let storages = std::iter::once(0).chain(file.ids().filter(|id| is_object(file, *id)));
    let found = storages.filter_map(|storage| Some((storage, streams.find(storage, PROPERTIES)?)));
    found.map(|(storage, stream)| object(file, storage, stream, limits)).collect()
}

/// Whether an entry is the storage of a recipient, an attachment, or a message inside.
fn is_object(file: &CompoundFile<'_>, id: usize) -> bool {
    file.entry(id).is_some_and(|entry| entry.kind == EntryKind::Storage)
}

fn object(file: &CompoundFile<'_>, storage: usize, stream: usize, limits: &Limits) -> Result<Object> {
    let name = file.entry(storage).map_or("", |entry| &entry.name);
    // The message says how many recipients and attachments it has.
    let header = match storage {
        0 => 32,
        _ if name.starts_with("__recip") || name.starts_with("__attach") => 8,
        _ => 24,
    };
    let properties = file.read(stream, limits)?.into_owned();
    if properties.len() < header {
        let offset = file.entry(stream).map_or(0, |entry| entry.offset);
        return Err(Error::malformed(offset, "a stream of properties is shorter than its header"));
    }
    let record = |(index, bytes): (usize, &[u8])| {
        let tag = u32_at(bytes, 0);
        let value = bytes.get(8..).and_then(|value| value.first_chunk()).copied().unwrap_or_default();
        Record { id: (tag >> 16) as u16, kind: tag as u16, at: header + RECORD * index, value }
    };
    let list = properties.get(header..).unwrap_or_default().chunks_exact(RECORD);
    let records: Vec<Record> = list.enumerate().map(record).collect();
    let pages = [0x3FFD, 0x3FDE];
    let page = pages.iter().find_map(|id| records.iter().find(|record| record.id == *id && record.kind == 3));
    let page = page.map_or(1252, |record| u32_at(&record.value, 0) as u16);
    Ok(Object { storage, stream, properties, records, page: Page::of(page) })
}

/// The value of a property as text, as far as it has one.
pub(super) fn text(
    file: &CompoundFile<'_>,
    streams: &Streams,
    object: &Object,
    record: &Record,
    limits: &Limits,
) -> Option<String> {
    let kind = record.kind & !MANY;
    if !matches!(kind, STRING | NARROW | BINARY | GUID) && record.kind & MANY == 0 {
        return object.page.typed(kind, &record.value);
    }
    let decode = |id: usize| {
        let bytes = file.read(id, limits).ok()?;
        match kind {
            STRING => Some(Page::Utf16).and_then(|page| page.decode(&bytes)),
            NARROW => object.page.decode(&bytes),
            GUID => object.page.typed(kind, &bytes),
            _ => None,
        }
    };
    let values = streams.values(object.storage, record.id, record.kind);
    let items = values.iter().skip(usize::from(record.kind & MANY != 0));
    let items: Option<Vec<String>> = items.map(|id| decode(*id)).collect();
    items.filter(|items| !items.is_empty()).map(|items| items.join(", "))
}
