//! The metadata of Apache Arrow: the tables `Schema`, `Message` and `Footer` in `FlatBuffers` (Schema.fbs, Message.fbs,
//! File.fbs), with the key-value pairs of schema, fields, messages and footer.
//!
//! A pair leaves its vector: the count becomes smaller, later offsets move up and reach further, and the pair's own table
//! and texts become zeros where nothing that stays uses them. The buffer keeps its length.

mod edit;
#[cfg(test)]
pub(crate) mod tests;
mod walk;

use std::ops::Range;

use super::Carrier;
use super::flatbuffer::{Table, Vector};
use super::nested::Nested;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Kind, Site};

/// What a buffer holds at its root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// A message of a stream.
    Message,
    /// The footer of a file.
    Footer,
}

/// Where a message says its labels are, which formats call by different names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    /// The first half of the addresses of labels of the whole table.
    pub(crate) table: &'static str,
    /// What stands before every place.
    pub(crate) place: &'static str,
}

/// One pair of a vector of metadata.
#[derive(Debug)]
struct Pair {
    /// Its index among the sites.
    site: usize,
    table: Range<usize>,
    texts: Vec<Range<usize>>,
    /// Labels inside its value.
    inner: Option<Nested>,
}

/// A vector of metadata.
#[derive(Debug)]
struct Pairs {
    vector: Vector,
    pairs: Vec<Pair>,
}

/// The labels of one buffer.
#[derive(Debug)]
pub(crate) struct Metadata {
    buffer: Vec<u8>,
    sites: Vec<Site>,
    vectors: Vec<Pairs>,
    /// Texts that belong to the structure: names of fields.
    names: Vec<Range<usize>>,
    /// Whatever else is in use.
    used: Vec<Range<usize>>,
    /// The length of the body of a message.
    pub(crate) body_len: u64,
}

impl Metadata {
    /// Reads the buffer that `bytes` begin with.
    pub(crate) fn read(bytes: &[u8], root: Root, names: Names, limits: &Limits) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        let mut walk = walk::Walk::new(bytes, names, limits);
        let body_len = walk.root(Table::root(bytes)?, root)?;
        Ok(walk.finish(body_len))
    }

    /// Bars what cannot be edited without changing something else: pairs of a vector, and a pair with labels in its
    /// value, whose bytes are in use a second time.
    fn bar_what_overlaps(&mut self) {
        let pairs = || self.vectors.iter().flat_map(|vector| &vector.pairs);
        let tables = pairs().map(|pair| pair.table.clone());
        let texts = pairs().flat_map(|pair| &pair.texts).chain(&self.names).map(edit::whole);
        let mut ranges: Vec<_> = self.used.iter().cloned().chain(tables).chain(texts).collect();
        ranges.sort_unstable_by_key(|range| range.start);
        let ends: Vec<usize> = ranges
            .iter()
            .scan(0, |end, range| {
                *end = range.end.max(*end);
                Some(*end)
            })
            .collect();
        let is_shared = |range: Range<usize>| {
            let first = ranges.partition_point(|other| other.start < range.start);
            let before = first.checked_sub(1).and_then(|last| ends.get(last));
            before.is_some_and(|end| *end > range.start)
                || ranges.get(first + 1).is_some_and(|next| next.start < range.end)
        };
        let mut barred = Vec::new();
        for Pairs { vector, pairs } in &self.vectors {
            if is_shared(vector.start - 4..vector.start + 4 * vector.count) {
                barred.extend(pairs.iter().map(|pair| pair.site));
            }
            for pair in pairs {
                if let (Some(inner), Some(value)) = (&pair.inner, pair.texts.last())
                    && is_shared(edit::whole(value))
                {
                    barred.extend(inner.sites().chain([pair.site]));
                }
            }
        }
        for site in barred {
            if let Some(site) = self.sites.get_mut(site) {
                let shared =
                    || Barrier::new(ErrorKind::Unsupported, "something else in the metadata lies in its bytes");
                site.barrier.get_or_insert_with(shared);
            }
        }
    }

    /// Length of the buffer.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Sites that stand in the value of another, with that.
    pub(crate) fn follows(&self) -> impl Iterator<Item = (usize, usize)> {
        let pairs = self.vectors.iter().flat_map(|vector| &vector.pairs);
        pairs.flat_map(|pair| pair.inner.iter().flat_map(Nested::sites).map(|site| (site, pair.site)))
    }

    /// Whether it holds labels or names at all, so that it must be shown.
    pub(crate) fn is_plain(&self) -> bool {
        self.sites.is_empty() && self.names.is_empty()
    }
}

impl Carrier for Metadata {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], _: Layout) -> Result<Vec<Edit>> {
        edit::edits(self, chosen)
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        let texts = self.vectors.iter().flat_map(|vector| &vector.pairs).flat_map(|pair| &pair.texts);
        texts.chain(&self.names).cloned().collect()
    }
}

/// Programs that keep keys for themselves in the metadata of tables, by the beginnings of those.
const PROGRAMS: [&str; 20] = [
    "ARROW:",
    "PARQUET:",
    "PANDAS_ATTRS",
    "pandas",
    "geo",
    "huggingface",
    "iceberg.",
    "org.apache.",
    "parquet.",
    "spark.",
    "writer.",
    "presto",
    "trino",
    "delta.",
    "polars",
    "_pl_",
    "lance",
    "r",
    "hoodie",
    "avro.schema",
];

/// Who chose a key in the metadata of a table or field.
pub(crate) fn kind(key: &str) -> Kind {
    let is_whole = |name: &str| ["pandas", "PANDAS_ATTRS", "geo", "huggingface", "r", "avro.schema"].contains(&name);
    let of = |name: &&'static str| if is_whole(name) { key == *name } else { key.starts_with(*name) };
    if PROGRAMS.iter().any(of) { Kind::Bookkeeping } else { Kind::Custom }
}

/// Whether values of this key hold labels of their own, and change with them.
pub(crate) fn holds_labels(key: &str) -> bool {
    ["ARROW:schema", "pandas", "PANDAS_ATTRS"].contains(&key)
}
