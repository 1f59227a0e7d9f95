//! Apache ORC (ORC Specification v1, "File Tail"; orc.proto): stripes of columns, then statistics of stripes, a footer and
//! a postscript in Protocol Buffers.
//!
//! Labels are the user metadata of the footer and the attributes of types, in which pyarrow keeps the metadata of fields
//! and Iceberg its numbers of columns. The footer is compressed in blocks as the rest of the file is.
//!
//! Nothing before the statistics of stripes is written. All that follows is found from the end of the file, by lengths in
//! the postscript. Preserve: statistics and footer move towards the end by what was freed, and zeros stand before them.
//! Compact: those zeros go. The footer is coded anew; where ours is the longer one and the space freed does not do, the
//! file grows at its end.
//!
//! Refused: encrypted files; files of DWRF, which look alike. A footer in a codec that is not read (LZO) hides its labels.
//! What stays behind: statistics, names of columns, and earlier footers that a flushing writer left between stripes, where
//! those are compressed. Gaps between stripes are cleared of copies otherwise.

mod blocks;
mod footer;
mod plan;
mod tail;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::arrow;
use crate::containers::regions::Regions;
use crate::containers::text::{decode, is_aigc, value};
use crate::error::{ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Kind, Planned, Removal, Scope, Site, Survey};

use footer::{Footer, Pair};
use tail::Tail;

const MAGIC: &[u8] = b"ORC";

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orc;

impl Format for Orc {
    fn name(&self) -> &'static str {
        "orc"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["orc"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        // Three letters may begin anything; the postscript ends in them too, before its length.
        input.starts_with(MAGIC) && input.split_last().is_some_and(|(_, rest)| rest.ends_with(MAGIC))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let tail = Tail::read(input)?;
        let coded = input.get(tail.footer.clone()).unwrap_or_default();
        let mut survey = Surveyed {
            input,
            limits,
            bytes: Cow::Borrowed(&[]),
            footer: Footer::default(),
            data_end: tail.statistics.start,
            findings: Findings::default(),
            regions: Regions::default(),
            tail,
        };
        let base = survey.tail.footer.start as u64;
        match survey.tail.coding.decode(coded, base, limits) {
            Ok(bytes) => survey.bytes = bytes,
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                survey.guard(
                    ErrorKind::Unsupported,
                    "the footer is compressed in a way that is not read",
                    Scope::Hidden,
                );
                survey.regions.content("data", MAGIC.len()..survey.tail.postscript.start);
                return Ok(Box::new(survey));
            }
            Err(error) => return Err(error),
        }
        survey.footer = footer::read(&survey.bytes, base, limits)?;
        if survey.footer.is_encrypted {
            survey.guard(ErrorKind::Encrypted, "columns are encrypted", Scope::File);
        }
        survey.findings.sites = survey.footer.pairs.iter().map(|pair| survey.site(pair)).collect();
        survey.chart();
        Ok(Box::new(survey))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    tail: Tail,
    /// The footer, decoded.
    bytes: Cow<'a, [u8]>,
    footer: Footer,
    /// Where the stripes end.
    data_end: usize,
    findings: Findings,
    regions: Regions,
}

impl Surveyed<'_> {
    fn guard(&mut self, kind: ErrorKind, reason: &str, scope: Scope) {
        let offset = self.tail.footer.start as u64;
        self.findings.guards.push(Guard { barrier: Barrier::new(kind, reason), scope, offset });
    }

    fn site(&self, pair: &Pair) -> Site {
        let text = |range: &Range<usize>| decode(self.bytes.get(range.clone()).unwrap_or_default());
        let (key, text_of_value) = (text(&pair.key), text(&pair.value));
        let column = self.footer.column(pair);
        let carrier = if column.is_some() { "column" } else { "orc" };
        let place = match column {
            None => "footer".to_owned(),
            Some((_, Some(name))) => format!("column {}", text(&name)),
            Some((number, None)) => format!("column {number}"),
        };
        Site {
            address: format!("{carrier}:{key}"),
            kind: kind(&key),
            barrier: Barrier::of_protected(if is_aigc(&text_of_value) { "AIGC" } else { &key }),
            value: Some(value(text_of_value, self.limits)),
            place,
            offset: self.tail.footer.start as u64,
            key,
            ..Site::default()
        }
    }

    /// The regions of the file but for the footer.
    fn chart(&mut self) {
        let data = MAGIC.len()..self.tail.statistics.start;
        let stripes = self.footer.stripes.iter().map(|stripe| stripe.start..stripe.end.min(data.end));
        let used: Vec<_> = stripes.filter(|stripe| !stripe.is_empty()).collect();
        self.data_end = used.iter().map(|used| used.end).max().unwrap_or(data.start);
        self.regions.content("stripes", data.clone());
        self.regions.gaps("between the stripes", data, used);
        self.regions.metadata("postscript", self.tail.postscript.clone(), Vec::new());
    }
}

/// Who chose a key: as in other tables, but for those of transactions of Hive.
fn kind(key: &str) -> Kind {
    if key.starts_with("hive.") { Kind::Bookkeeping } else { arrow::kind(key) }
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
        let offset = self.tail.footer.start as u64;
        let Footer { pairs, known, statistics, .. } = &self.footer;
        let claims: Vec<_> = pairs.iter().map(|pair| &pair.range).chain(known).cloned().collect();
        scan.region(Class::Metadata, "footer", offset, &self.bytes, &claims);
        if scan.wants_content() {
            let within = self.bytes.get(statistics.clone()).unwrap_or_default();
            scan.region(Class::Content, "statistics", offset, within, &[]);
            let Tail { statistics, coding, .. } = &self.tail;
            let coded = self.input.get(statistics.clone()).unwrap_or_default();
            // Statistics that cannot be decoded cannot be searched; they hold no labels.
            if let Ok(decoded) = coding.decode(coded, statistics.start as u64, self.limits) {
                scan.region(Class::Content, "statistics of stripes", statistics.start as u64, &decoded, &[]);
            }
        }
        Ok(())
    }
}
