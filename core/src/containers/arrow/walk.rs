//! Walking the tables of a buffer.

use std::ops::Range;

use super::{Metadata, Names, Pair, Pairs, Root, holds_labels, kind};
use crate::containers::Carrier;
use crate::containers::flatbuffer::{Table, Vector};
use crate::containers::nested::{Nested, join_places};
use crate::containers::pandas::Attributes;
use crate::containers::text::{decode, is_aigc};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Site};

/// The header of a message that is a schema.
const SCHEMA: u8 = 1;

/// The type of times, which name a time zone.
const TIMESTAMP: u8 = 10;

/// The type of unions, which number their members.
const UNION: u8 = 14;

pub(super) struct Walk<'b> {
    buffer: &'b [u8],
    labels: Names,
    limits: &'b Limits,
    sites: Vec<Site>,
    vectors: Vec<Pairs>,
    names: Vec<Range<usize>>,
    used: Vec<Range<usize>>,
    /// Tables that may still be visited: as many as could stand in the buffer.
    left: usize,
}

impl<'b> Walk<'b> {
    pub(super) fn new(buffer: &'b [u8], labels: Names, limits: &'b Limits) -> Self {
        let left = buffer.len() / 4;
        Self { buffer, labels, limits, sites: vec![], vectors: vec![], names: vec![], used: vec![], left }
    }

    pub(super) fn finish(self, body_len: u64) -> Metadata {
        let Self { buffer, sites, vectors, names, used, .. } = self;
        let mut metadata = Metadata { buffer: buffer.to_vec(), sites, vectors, names, used, body_len };
        metadata.bar_what_overlaps();
        metadata
    }

    pub(super) fn root(&mut self, table: Table<'b>, root: Root) -> Result<u64> {
        self.visit(&table)?;
        match root {
            Root::Message => {
                if table.byte(1)? == Some(SCHEMA)
                    && let Some(schema) = table.table(2)?
                {
                    self.schema(schema)?;
                }
                self.pairs(&table, 4, "message", "message")?;
                Ok(u64::try_from(table.long(3)?).unwrap_or(u64::MAX))
            }
            Root::Footer => {
                if let Some(schema) = table.table(1)? {
                    self.schema(schema)?;
                }
                for number in [2, 3] {
                    self.vector(&table, number, 24)?;
                }
                self.pairs(&table, 4, "footer", "footer")?;
                Ok(0)
            }
        }
    }

    fn schema(&mut self, schema: Table<'b>) -> Result<()> {
        self.visit(&schema)?;
        self.fields(&schema, 1, "", 0)?;
        self.vector(&schema, 3, 8)?;
        self.pairs(&schema, 2, self.labels.table, "schema")
    }

    fn fields(&mut self, table: &Table<'b>, number: usize, above: &str, depth: usize) -> Result<()> {
        self.limits.check_depth(depth)?;
        let Some(fields) = self.vector(table, number, 4)? else { return Ok(()) };
        for field in fields.tables(self.buffer) {
            let field = field?;
            self.visit(&field)?;
            let mut path = String::new();
            if let Some(name) = field.text(0)? {
                path = decode(self.bytes(&name));
                self.names.push(name);
            }
            if !above.is_empty() {
                path = format!("{above}.{path}");
            }
            self.describe(&field)?;
            self.fields(&field, 5, &path, depth + 1)?;
            self.pairs(&field, 6, "field", &format!("field {path}"))?;
        }
        Ok(())
    }

    /// The type and the dictionary of a field.
    fn describe(&mut self, field: &Table<'b>) -> Result<()> {
        let kind = field.byte(2)?.unwrap_or(0);
        if let Some(table) = field.table(3)? {
            self.visit(&table)?;
            match kind {
                TIMESTAMP => self.names.extend(table.text(1)?),
                UNION => drop(self.vector(&table, 1, 4)?),
                _ => {}
            }
        }
        if let Some(dictionary) = field.table(4)? {
            self.visit(&dictionary)?;
            if let Some(index) = dictionary.table(1)? {
                self.visit(&index)?;
            }
        }
        Ok(())
    }

    fn pairs(&mut self, table: &Table<'b>, number: usize, carrier: &str, place: &str) -> Result<()> {
        let Some(vector) = self.vector(table, number, 4)? else { return Ok(()) };
        let mut pairs = Vec::new();
        for pair in vector.tables(self.buffer) {
            let pair = pair?;
            self.left = self.left.checked_sub(1).ok_or_else(shared)?;
            self.used.push(pair.vtable());
            let (key, value) = (pair.text(0)?, pair.text(1)?);
            pairs.push(self.pair(carrier, place, pair.range(), key, value));
        }
        self.vectors.push(Pairs { vector, pairs });
        Ok(())
    }

    fn pair(
        &mut self,
        carrier: &str,
        place: &str,
        table: Range<usize>,
        key: Option<Range<usize>>,
        value: Option<Range<usize>>,
    ) -> Pair {
        let text =
            |range: &Option<Range<usize>>| range.as_ref().map(|range| decode(self.bytes(range))).unwrap_or_default();
        let (name, mut shown) = (text(&key), text(&value));
        let bytes = value.as_ref().map(|range| self.bytes(range)).unwrap_or_default();
        let inner = Attributes::read(&name, bytes, self.limits);
        // What holds a label that must stay, stays.
        let held = inner.iter().flat_map(Carrier::sites).find_map(|site| site.barrier.clone());
        let barrier = Barrier::of_protected(if is_aigc(&shown) { "AIGC" } else { &name }).or(held);
        shown.truncate(shown.floor_char_boundary(self.limits.value_bytes));
        let site = self.sites.len();
        let place = join_places(self.labels.place, place);
        self.sites.push(Site {
            address: format!("{carrier}:{name}"),
            kind: kind(&name),
            barrier,
            value: (!holds_labels(&name)).then_some(shown),
            place: place.clone(),
            offset: table.start as u64,
            key: name,
            ..Site::default()
        });
        let inner = inner
            .zip(value.clone())
            .map(|(carrier, at)| Nested::adopt(Box::new(carrier), at.start, &place, &mut self.sites));
        Pair { site, table, texts: [key, value].into_iter().flatten().collect(), inner }
    }

    fn vector(&mut self, table: &Table<'b>, number: usize, width: usize) -> Result<Option<Vector>> {
        let vector = table.vector(number, width)?;
        self.used.extend(vector.map(|vector| vector.start - 4..vector.start + vector.count * width));
        Ok(vector)
    }

    fn visit(&mut self, table: &Table<'_>) -> Result<()> {
        self.left = self.left.checked_sub(1).ok_or_else(shared)?;
        self.used.extend([table.range(), table.vtable()]);
        Ok(())
    }

    fn bytes(&self, range: &Range<usize>) -> &'b [u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }
}

fn shared() -> Error {
    Error::malformed(0, "more tables than the buffer has room for")
}
