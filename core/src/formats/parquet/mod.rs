//! Apache Parquet (parquet.thrift): pages of columns, then a footer in the compact protocol of Thrift.
//!
//! Labels are the key-value pairs of the footer, of the file and of column chunks. pyarrow repeats those of the table and
//! of its fields in `ARROW:schema`, a message of Arrow in base64, and pandas the attributes of a data frame in `pandas`
//! and `PANDAS_ATTRS`, there and in the message again: all of them are sites.
//!
//! Nothing before the footer is written. Preserve: the footer moves towards the end of the file by what was freed, and
//! zeros stand before it; it is found by its length, which stands behind it, and nothing points to it. Compact: zeros
//! before the footer, and what was freed, go. Within `ARROW:schema` and JSON freed bytes are filled in place.
//!
//! Refused: encrypted footers (`PARE`); signed ones, which encrypted columns bring. What stays behind: statistics and
//! names of columns, the schemas of Spark, Iceberg and others, which are searched. Gaps between pages are cleared of
//! copies: old writers repeat the metadata of a column behind its pages.

mod footer;
mod held;
mod plan;
#[cfg(test)]
mod tests;

use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::arrow::{self, holds_labels};
use crate::containers::regions::Regions;
use crate::containers::text::{decode, is_aigc};
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Site, Survey};

use footer::{Footer, Pair};
use held::Held;

const MAGIC: &[u8] = b"PAR1";
const ENCRYPTED: &[u8] = b"PARE";

/// The length of the footer and the magic behind it.
const TAIL: usize = 8;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parquet;

impl Format for Parquet {
    fn name(&self) -> &'static str {
        "parquet"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["parquet", "parq", "pqt", "geoparquet"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(MAGIC) || input.starts_with(ENCRYPTED)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if input.starts_with(ENCRYPTED) && input.ends_with(ENCRYPTED) {
            return Ok(Box::new(sealed(input)));
        }
        let range = tail(input).ok_or_else(|| Error::malformed(input.len() as u64, "no footer"))?;
        let bytes = input.get(range.clone()).unwrap_or_default();
        limits.check_part(bytes.len() as u64)?;
        let footer = footer::read(bytes, range.start as u64, limits)?;
        let mut survey = Surveyed {
            input,
            range,
            held: Vec::new(),
            data_end: 0,
            findings: Findings::default(),
            regions: Regions::default(),
            footer,
        };
        survey.find(bytes, limits);
        survey.chart(bytes);
        Ok(Box::new(survey))
    }
}

/// Where the footer lies.
fn tail(input: &[u8]) -> Option<Range<usize>> {
    let (rest, len) = input.strip_suffix(MAGIC)?.split_last_chunk()?;
    let start = rest.len().checked_sub(u32::from_le_bytes(*len) as usize)?;
    (start >= MAGIC.len()).then_some(start..rest.len())
}

/// A file whose footer is encrypted.
fn sealed(input: &[u8]) -> Surveyed<'_> {
    let barrier = Barrier::new(ErrorKind::Encrypted, "the footer is encrypted");
    let guard = Guard { barrier, scope: Scope::File, offset: 0 };
    let mut regions = Regions::default();
    regions.content("encrypted data", 0..input.len());
    Surveyed {
        input,
        range: input.len()..input.len(),
        footer: Footer::default(),
        held: Vec::new(),
        data_end: input.len(),
        findings: Findings { guards: vec![guard], ..Findings::default() },
        regions,
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    /// The footer.
    range: Range<usize>,
    footer: Footer,
    /// The pairs of all lists, in order, with what stands in their values.
    held: Vec<Entry>,
    /// Where the data ends, as far as anything points to it.
    data_end: usize,
    findings: Findings,
    regions: Regions,
}

/// A pair as sites.
#[derive(Debug)]
struct Entry {
    /// Which pair of which list.
    list: usize,
    pair: usize,
    site: usize,
    /// Labels in its value, whose sites follow.
    held: Option<Held>,
}

impl Surveyed<'_> {
    fn find(&mut self, bytes: &[u8], limits: &Limits) {
        if self.footer.is_signed {
            let barrier = Barrier::new(ErrorKind::Signed, "the footer is signed");
            let offset = self.range.start as u64;
            self.findings.guards.push(Guard { barrier, scope: Scope::File, offset });
        }
        for (list, pairs) in self.footer.lists.iter().enumerate() {
            for (pair, found) in pairs.items.iter().enumerate() {
                let site = self.findings.sites.len();
                self.findings.sites.push(self.site(bytes, found, pairs.column.as_deref(), limits));
                let key = bytes.get(found.key.clone()).unwrap_or_default();
                let value = found.value.as_ref().and_then(|(_, text)| bytes.get(text.clone())).unwrap_or_default();
                let held = Held::read(&decode(key), value, limits);
                if let Some(held) = &held {
                    let offset = (self.range.start + found.range.start) as u64;
                    let own = held.carrier().sites().iter();
                    // What holds a label that must stay, stays.
                    if let (Some(holder), Some(barrier)) =
                        (self.findings.sites.get_mut(site), own.clone().find_map(|own| own.barrier.clone()))
                    {
                        holder.barrier.get_or_insert(barrier);
                    }
                    self.findings.follows.extend((site + 1..=site + own.len()).map(|own| (own, site)));
                    if let Held::Arrow { metadata, .. } = held {
                        let inner = metadata.follows().map(|(own, of)| (site + 1 + own, site + 1 + of));
                        self.findings.follows.extend(inner);
                    }
                    self.findings.sites.extend(own.map(|site| Site { offset, ..site.clone() }));
                }
                self.held.push(Entry { list, pair, site, held });
            }
        }
    }

    fn site(&self, bytes: &[u8], pair: &Pair, column: Option<&str>, limits: &Limits) -> Site {
        let text = |range: &Range<usize>| decode(bytes.get(range.clone()).unwrap_or_default());
        let key = text(&pair.key);
        let mut value = pair.value.as_ref().map(|(_, range)| text(range));
        let says_so = value.as_deref().is_some_and(is_aigc);
        if let Some(value) = &mut value {
            value.truncate(value.floor_char_boundary(limits.value_bytes));
        }
        let value = value.filter(|_| !holds_labels(&key));
        let carrier = if column.is_some() { "column" } else { "parquet" };
        Site {
            address: format!("{carrier}:{key}"),
            kind: arrow::kind(&key),
            barrier: Barrier::of_protected(if says_so { "AIGC" } else { &key }),
            place: column.map_or_else(|| "footer".to_owned(), |column| format!("column {column}")),
            offset: (self.range.start + pair.range.start) as u64,
            key,
            value,
            ..Site::default()
        }
    }

    /// The regions of the file.
    fn chart(&mut self, bytes: &[u8]) {
        let at = |range: &Range<usize>| self.range.start + range.start..self.range.start + range.end;
        let Footer { lists, schema, row_groups, created_by, used, end, .. } = &self.footer;
        let pairs = lists.iter().flat_map(|list| &list.items).map(|pair| &pair.range);
        let claims = pairs.chain([schema, row_groups, created_by]).map(at).collect();
        self.regions.metadata("footer", at(&(0..*end)), claims);
        self.regions.slack("behind the footer", at(&(*end..bytes.len())));
        self.regions.content("statistics", at(row_groups));
        self.regions.content("pages", MAGIC.len()..self.range.start);
        let used: Vec<_> = used.iter().map(|used| used.start..used.end.min(self.range.start)).collect();
        self.data_end = used.iter().map(|used| used.end).max().unwrap_or(0).max(MAGIC.len());
        self.regions.gaps("between the pages", MAGIC.len()..self.range.start, used);
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        plan::plan(self, removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.regions.show(self.input, scan);
        for entry in &self.held {
            let Some(Held::Arrow { block, metadata, base }) = &entry.held else { continue };
            let offset = self.findings.sites.get(entry.site).map_or(0, |site| site.offset);
            let claims: Vec<_> =
                metadata.claimed().into_iter().map(|claim| claim.start + base..claim.end + base).collect();
            scan.region(Class::Metadata, "ARROW:schema", offset, block, &claims);
        }
        Ok(())
    }
}
