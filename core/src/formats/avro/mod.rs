//! Avro object container files (Apache Avro Specification, "Object Container Files").
//!
//! Labels are the entries of the file metadata, a map in front of the data. Those that begin with `avro.` are the format's;
//! without the schema or the codec nobody can read the file, so they stay.
//!
//! Nothing counts offsets, and nothing can stand for freed bytes: an entry is cut out in both layouts, and the data moves
//! up. What stays behind: attributes in the schema, which are part of its text.

#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::regions::Regions;
use crate::containers::text::{decode, is_aigc};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Kind, Planned, Removal, Site, Survey};

const MAGIC: &[u8] = b"Obj\x01";

/// What stands between the metadata and the data, and behind each block of that.
const SYNC: usize = 16;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avro;

impl Format for Avro {
    fn name(&self) -> &'static str {
        "avro"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["avro"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(MAGIC)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut reader = Reader { cursor: Cursor::new(input), limits, sites: Vec::new(), blocks: Vec::new() };
        reader.read()?;
        let end = reader.cursor.position();
        let claims = reader.blocks.iter().flat_map(|block| &block.entries).cloned().collect();
        let mut regions = Regions::default();
        regions.metadata("header", 0..end, claims);
        regions.content("data", end..input.len());
        let findings = Findings { sites: reader.sites, ..Findings::default() };
        Ok(Box::new(Surveyed { input, blocks: reader.blocks, findings, regions }))
    }
}

/// A block of the map.
#[derive(Debug)]
struct Block {
    /// Its count, and its length where it has one.
    head: Range<usize>,
    has_len: bool,
    first_site: usize,
    entries: Vec<Range<usize>>,
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    limits: &'a Limits,
    sites: Vec<Site>,
    blocks: Vec<Block>,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<()> {
        if self.cursor.take(MAGIC.len())? != MAGIC {
            return Err(Error::malformed(0, "no magic"));
        }
        loop {
            let start = self.cursor.position();
            let count = self.long()?;
            if count == 0 {
                break;
            }
            if count < 0 {
                self.long()?;
            }
            let head = start..self.cursor.position();
            let mut block = Block { head, has_len: count < 0, first_site: self.sites.len(), entries: Vec::new() };
            for _ in 0..count.unsigned_abs() {
                self.limits.check_items(self.sites.len() + 1, "entries")?;
                let start = self.cursor.position();
                let key = decode(self.bytes()?);
                let value = decode(self.bytes()?);
                block.entries.push(start..self.cursor.position());
                self.sites.push(self.site(key, value, start));
            }
            self.blocks.push(block);
        }
        self.cursor.skip(SYNC)
    }

    fn site(&self, key: String, mut value: String, start: usize) -> Site {
        let is_needed = key == "avro.schema" || key == "avro.codec";
        let needed = is_needed.then(|| Barrier::new(ErrorKind::Unsupported, "the file cannot be read without it"));
        let mark = if is_aigc(&value) { "AIGC" } else { &key };
        let barrier = needed.or_else(|| Barrier::of_protected(mark));
        value.truncate(value.floor_char_boundary(self.limits.value_bytes));
        Site {
            address: format!("avro:{key}"),
            kind: if key.starts_with("avro.") { Kind::Bookkeeping } else { Kind::Custom },
            value: Some(value),
            place: "header".into(),
            offset: start as u64,
            barrier,
            key,
            ..Site::default()
        }
    }

    fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.long()?;
        let len = usize::try_from(len).map_err(|_| self.cursor.malformed("a negative length"))?;
        self.cursor.take(len)
    }

    fn long(&mut self) -> Result<i64> {
        let mut bits = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.cursor.u8()?;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err(self.cursor.malformed("a number is too long"))
    }
}

/// A number as the format writes it.
fn long(number: i64) -> Vec<u8> {
    crate::containers::thrift::varint((number << 1 ^ number >> 63).cast_unsigned())
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    blocks: Vec<Block>,
    findings: Findings,
    regions: Regions,
}

impl Block {
    fn edits(&self, removal: &Removal<'_>) -> Vec<Edit> {
        let takes = |index: usize| removal.takes(self.first_site + index);
        let gone = (0..self.entries.len()).filter(|index| takes(*index)).count();
        if gone == 0 {
            return Vec::new();
        }
        let end = self.entries.last().map_or(self.head.end, |entry| entry.end);
        if gone == self.entries.len() {
            // A block of none would be the end of the map.
            return vec![Edit::delete(self.head.start as u64..end as u64)];
        }
        let left = (self.entries.len() - gone) as u64;
        let cut: usize =
            self.entries.iter().enumerate().filter(|(index, _)| takes(*index)).map(|(_, it)| it.len()).sum();
        let len = (end - self.head.end - cut) as u64;
        let head = if self.has_len {
            [long(-left.cast_signed()), long(len.cast_signed())].concat()
        } else {
            long(left.cast_signed())
        };
        let entries = self.entries.iter().enumerate().filter(|(index, _)| takes(*index));
        let cuts = entries.map(|(_, entry)| Edit::delete(entry.start as u64..entry.end as u64));
        cuts.chain([Edit::replace(self.head.start as u64..self.head.end as u64, head)]).collect()
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let edits = self.blocks.iter().flat_map(|block| block.edits(removal)).collect();
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        Ok(())
    }
}
