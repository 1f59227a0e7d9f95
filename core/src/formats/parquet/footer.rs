//! The footer (`FileMetaData` of parquet.thrift), as far as labels and the places of data are in it.

use std::ops::Range;

use crate::containers::thrift::{BINARY, Field, I32, I64, LIST, Reader, STRUCT};
use crate::error::Result;
use crate::limits::Limits;

/// What readers may add to the end of a chunk of files of old writers, which do not count the header of a dictionary.
const UNCOUNTED: usize = 100;

/// One pair of a list. Ranges count from the start of the footer.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) range: Range<usize>,
    pub(super) key: Range<usize>,
    /// The value with its length, and without.
    pub(super) value: Option<(Range<usize>, Range<usize>)>,
}

/// A list of pairs.
#[derive(Debug)]
pub(super) struct Pairs {
    pub(super) header: Range<usize>,
    pub(super) items: Vec<Pair>,
    /// The column that they speak of, in dots; nothing for the file.
    pub(super) column: Option<String>,
}

/// A footer.
#[derive(Debug, Default)]
pub(super) struct Footer {
    pub(super) lists: Vec<Pairs>,
    pub(super) schema: Range<usize>,
    pub(super) row_groups: Range<usize>,
    pub(super) created_by: Range<usize>,
    /// Whether the footer is signed.
    pub(super) is_signed: bool,
    /// Bytes of the file that are in use.
    pub(super) used: Vec<Range<usize>>,
    /// Where the struct ends.
    pub(super) end: usize,
}

/// Reads a footer that begins at byte `base` of the file.
pub(super) fn read(bytes: &[u8], base: u64, limits: &Limits) -> Result<Footer> {
    let mut footer = Footer::default();
    let mut reader = Reader::new(bytes, base, limits);
    let mut chunks = Vec::new();
    reader.fields(&mut |reader, field| {
        let start = reader.position();
        match field {
            Field { id: 2, kind: LIST } => {
                reader.skip(LIST)?;
                footer.schema = start..reader.position();
            }
            Field { id: 4, kind: LIST } => {
                row_groups(reader, bytes, &mut footer.lists, &mut chunks, limits)?;
                footer.row_groups = start..reader.position();
            }
            Field { id: 5, kind: LIST } => {
                let list = pairs(reader, None, limits)?;
                footer.lists.push(list);
            }
            Field { id: 6, kind: BINARY } => footer.created_by = reader.binary()?,
            Field { id: 8, .. } => {
                footer.is_signed = true;
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    footer.end = reader.position();
    let writer = bytes.get(footer.created_by.clone()).unwrap_or_default();
    let is_old = writer.is_empty()
        || [&b"parquet-mr"[..], b"parquet-mr version 1.0", b"parquet-mr version 1.1.", b"parquet-mr version 1.2."]
            .iter()
            .enumerate()
            .any(|(index, name)| if index == 0 { writer == *name } else { writer.starts_with(name) });
    let more = if is_old { UNCOUNTED } else { 0 };
    footer.used = chunks.iter().flat_map(|chunk| chunk.used(more)).collect();
    Ok(footer)
}

/// Where the parts of a column chunk lie.
#[derive(Debug, Default)]
struct Chunk {
    is_elsewhere: bool,
    len: i64,
    /// Data page, index page, dictionary page.
    pages: [Option<i64>; 3],
    /// Offset index, column index, Bloom filter: offsets and lengths.
    indexes: [(Option<i64>, Option<i64>); 3],
}

impl Chunk {
    fn used(&self, more: usize) -> impl Iterator<Item = Range<usize>> {
        let range = move |start: i64, len: i64, more: usize| {
            let start = usize::try_from(start).ok().filter(|start| *start > 0)?;
            Some(start..start.saturating_add(usize::try_from(len).ok()?).saturating_add(more))
        };
        let pages = self.pages.iter().flatten().filter(|page| **page > 0).min();
        let pages = pages.and_then(|start| range(*start, self.len, more));
        // Of a filter without a length the header tells it, which is not read: all that follows may be the filter.
        let open = i64::MAX;
        let indexes = self.indexes.iter().filter_map(move |(start, len)| range((*start)?, len.unwrap_or(open), 0));
        let used: Vec<_> = pages.into_iter().chain(indexes).filter(|_| !self.is_elsewhere).collect();
        used.into_iter()
    }
}

fn row_groups(
    reader: &mut Reader<'_>,
    bytes: &[u8],
    lists: &mut Vec<Pairs>,
    chunks: &mut Vec<Chunk>,
    limits: &Limits,
) -> Result<()> {
    let (kind, count) = reader.list()?;
    for _ in 0..count {
        if kind != STRUCT {
            return Err(reader.malformed("a row group is no struct"));
        }
        reader.fields(&mut |reader, field| {
            if !field.is(1, LIST) {
                return Ok(false);
            }
            let (kind, count) = reader.list()?;
            for _ in 0..count {
                if kind != STRUCT {
                    return Err(reader.malformed("a column chunk is no struct"));
                }
                limits.check_items(chunks.len() + 1, "column chunks")?;
                let chunk = chunk(reader, bytes, lists, limits)?;
                chunks.push(chunk);
            }
            Ok(true)
        })?;
    }
    Ok(())
}

fn chunk(reader: &mut Reader<'_>, bytes: &[u8], lists: &mut Vec<Pairs>, limits: &Limits) -> Result<Chunk> {
    let mut chunk = Chunk::default();
    reader.fields(&mut |reader, field| {
        match field {
            Field { id: 1, kind: BINARY } => {
                reader.binary()?;
                chunk.is_elsewhere = true;
            }
            Field { id: 3, kind: STRUCT } => column(reader, bytes, lists, &mut chunk, limits)?,
            Field { id: 4, kind: I64 } => chunk.indexes[0].0 = Some(reader.int()?),
            Field { id: 5, kind: I32 } => chunk.indexes[0].1 = Some(reader.int()?),
            Field { id: 6, kind: I64 } => chunk.indexes[1].0 = Some(reader.int()?),
            Field { id: 7, kind: I32 } => chunk.indexes[1].1 = Some(reader.int()?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(chunk)
}

fn column(
    reader: &mut Reader<'_>,
    bytes: &[u8],
    lists: &mut Vec<Pairs>,
    chunk: &mut Chunk,
    limits: &Limits,
) -> Result<()> {
    let mut path = Vec::new();
    reader.fields(&mut |reader, field| {
        match field {
            Field { id: 3, kind: LIST } => {
                let (kind, count) = reader.list()?;
                for _ in 0..count {
                    if kind != BINARY {
                        return Err(reader.malformed("a path is no list of texts"));
                    }
                    let name = bytes.get(reader.binary()?).unwrap_or_default();
                    path.push(String::from_utf8_lossy(name).into_owned());
                }
            }
            Field { id: 7, kind: I64 } => chunk.len = reader.int()?,
            Field { id: 8, kind: LIST } => {
                let list = pairs(reader, Some(path.join(".")), limits)?;
                lists.push(list);
            }
            Field { id: 9, kind: I64 } => chunk.pages[0] = Some(reader.int()?),
            Field { id: 10, kind: I64 } => chunk.pages[1] = Some(reader.int()?),
            Field { id: 11, kind: I64 } => chunk.pages[2] = Some(reader.int()?),
            Field { id: 14, kind: I64 } => chunk.indexes[2].0 = Some(reader.int()?),
            Field { id: 15, kind: I32 } => chunk.indexes[2].1 = Some(reader.int()?),
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn pairs(reader: &mut Reader<'_>, column: Option<String>, limits: &Limits) -> Result<Pairs> {
    let start = reader.position();
    let (kind, count) = reader.list()?;
    let header = start..reader.position();
    let mut list = Pairs { header, items: Vec::new(), column };
    for _ in 0..count {
        if kind != STRUCT {
            return Err(reader.malformed("a key with its value is no struct"));
        }
        limits.check_items(list.items.len() + 1, "pairs")?;
        let start = reader.position();
        let mut pair = Pair { range: start..start, key: start..start, value: None };
        reader.fields(&mut |reader, field| {
            let start = reader.position();
            match field {
                Field { id: 1, kind: BINARY } => pair.key = reader.binary()?,
                Field { id: 2, kind: BINARY } => {
                    let text = reader.binary()?;
                    pair.value = Some((start..text.end, text));
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        pair.range.end = reader.position();
        list.items.push(pair);
    }
    Ok(list)
}
