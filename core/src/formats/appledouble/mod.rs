//! `AppleDouble` (RFC 1740, and the extended attributes that macOS adds, `vfs_xattr.c` of its kernel): what a Mac keeps
//! beside a file, in `._NAME` on foreign disks and in `__MACOSX/._NAME` of archives.
//!
//! Labels are the extended attributes behind the Finder information, and the comment. The tags of the Finder are items of
//! one attribute, a binary property list, and go one by one.
//!
//! An attribute leaves the table, whose later records move up; its value and the end of the table become zeros. No other
//! value moves, so both layouts are the same. What stays behind: colours and flags in the Finder information, the
//! resource fork.

mod attributes;
#[cfg(test)]
mod tests;

use std::ops::Range;

use self::attributes::{Attribute, Table};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Kind, Planned, Removal, Site, Survey};

const MAGIC: &[u8] = b"\x00\x05\x16\x07\x00\x02\x00\x00";

/// Entries that are treated here: a comment, and the Finder information with what stands behind it.
const COMMENT: u32 = 4;
const FINDER: u32 = 9;

/// `AppleDouble` files.
#[derive(Clone, Copy, Debug)]
pub(super) struct AppleDouble;

impl Format for AppleDouble {
    fn name(&self) -> &'static str {
        "appledouble"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &[]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(MAGIC)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(File::open(input, limits)?))
    }
}

/// What a site takes away.
#[derive(Clone, Copy, Debug)]
enum Target {
    /// The comment that is this entry.
    Comment(usize),
    /// An attribute as a whole.
    Attribute(usize),
    /// One item of an attribute that is a list.
    Item(usize, usize),
}

#[derive(Debug)]
struct Entry {
    id: u32,
    /// Where its descriptor stands.
    descriptor: usize,
    range: Range<usize>,
}

#[derive(Debug)]
struct File<'a> {
    input: &'a [u8],
    /// The entries but the Finder information.
    entries: Vec<Entry>,
    table: Table,
    /// The end of headers and Finder information.
    described: usize,
    findings: Findings,
    targets: Vec<Target>,
}

impl<'a> File<'a> {
    fn open(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let mut cursor = Cursor::new(input);
        cursor.skip(24)?;
        let count = usize::from(cursor.u16_be()?);
        let mut file = Self {
            input,
            entries: Vec::new(),
            table: Table::default(),
            described: 26 + 12 * count,
            findings: Findings::default(),
            targets: Vec::new(),
        };
        let headers = 0..file.described;
        let mut ranges = vec![headers];
        for _ in 0..count {
            let descriptor = cursor.position();
            let (id, start, len) = (cursor.u32_be()?, cursor.u32_be()? as usize, cursor.u32_be()? as usize);
            let range = start..start.saturating_add(len);
            if input.get(range.clone()).is_none() {
                return Err(Error::malformed(descriptor as u64, "an entry reaches past the end"));
            }
            ranges.push(range.clone());
            if id == FINDER {
                file.described = file.described.max(range.end);
                file.table = Table::read(input, range, limits)?;
                continue;
            }
            if id == COMMENT && len > 0 {
                file.comment(range.clone(), limits);
            }
            file.entries.push(Entry { id, descriptor, range });
        }
        refuse_overlaps(ranges)?;
        for (index, attribute) in file.table.attributes.iter().enumerate() {
            let targets: Vec<Target> = match &attribute.items {
                Some(items) => (0..items.len()).map(|item| Target::Item(index, item)).collect(),
                None => vec![Target::Attribute(index)],
            };
            for target in targets {
                file.findings.sites.push(attribute.site(target, limits));
                file.targets.push(target);
            }
        }
        Ok(file)
    }

    fn comment(&mut self, range: Range<usize>, limits: &Limits) {
        let text = String::from_utf8_lossy(self.bytes(range.clone())).into_owned();
        self.findings.sites.push(Site {
            address: "appledouble:comment".into(),
            key: "comment".into(),
            value: Some(crate::containers::text::value(text, limits)),
            kind: Kind::Standard,
            place: "comment".into(),
            offset: range.start as u64,
            ..Site::default()
        });
        self.targets.push(Target::Comment(self.entries.len()));
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    /// The ranges of what neither the headers, an entry nor the Finder information holds.
    fn gaps(&self) -> Vec<Range<usize>> {
        let mut entries: Vec<&Range<usize>> = self.entries.iter().map(|entry| &entry.range).collect();
        entries.sort_by_key(|range| range.start);
        let mut gaps = Vec::new();
        let mut end = self.described;
        for range in entries {
            if range.start > end {
                gaps.push(end..range.start);
            }
            end = end.max(range.end);
        }
        gaps.push(end..self.input.len());
        gaps.retain(|gap| gap.start < gap.end);
        gaps
    }
}

/// Bytes of two owners cannot be edited for one.
fn refuse_overlaps(mut ranges: Vec<Range<usize>>) -> Result<()> {
    ranges.retain(|range| !range.is_empty());
    ranges.sort_by_key(|range| range.start);
    match ranges.windows(2).find(|pair| matches!(pair, [one, next] if next.start < one.end)) {
        Some(pair) => Err(Error::malformed(pair.last().map_or(0, |range| range.start) as u64, "entries overlap")),
        None => Ok(()),
    }
}

impl Survey for File<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let mut planned = Planned::default();
        let mut edits = Vec::new();
        let mut changed: Vec<(usize, Vec<usize>)> = Vec::new();
        for target in removal.sites.iter().filter_map(|site| self.targets.get(*site)).copied() {
            match target {
                Target::Comment(entry) => {
                    if let Some(Entry { descriptor, range, .. }) = self.entries.get(entry) {
                        edits.push(Edit::fill(range.start as u64..range.end as u64, 0));
                        edits.push(Edit::fill(*descriptor as u64 + 8..*descriptor as u64 + 12, 0));
                    }
                }
                Target::Attribute(index) => changed.push((index, Vec::new())),
                Target::Item(index, item) => match changed.last_mut().filter(|(last, _)| *last == index) {
                    Some((_, items)) => items.push(item),
                    None => changed.push((index, vec![item])),
                },
            }
        }
        let long = self.table.edits(self.input, &changed, &mut edits)?;
        for (site, target) in self.targets.iter().enumerate().filter(|(site, _)| removal.takes(*site)) {
            if let Target::Item(index, _) = target
                && long.contains(index)
            {
                let reason = "the list without it would be longer than its place";
                planned.left.push((site, Barrier::new(ErrorKind::Unsupported, reason)));
            }
        }
        for gap in self.gaps().into_iter().chain(self.table.gaps()) {
            if removal.needles.occur_in(self.bytes(gap.clone())) {
                edits.push(Edit::fill(gap.start as u64..gap.end as u64, 0));
            }
        }
        edits.sort_by_key(|edit| edit.range.start);
        planned.plan = Plan::new(edits, self.input.len() as u64)?;
        Ok(planned)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let claims: Vec<Range<usize>> = self.table.attributes.iter().flat_map(Attribute::ranges).collect();
        let place = "extended attributes";
        let described = self.described.min(self.input.len());
        scan.raw_region(Class::Metadata, place, 0, self.bytes(0..described), &claims);
        for Entry { id, range, .. } in &self.entries {
            let bytes = self.bytes(range.clone());
            let place = format!("entry {id}");
            if *id == COMMENT {
                let whole = 0..bytes.len();
                scan.raw_region(Class::Metadata, &place, range.start as u64, bytes, std::slice::from_ref(&whole));
            } else if scan.wants_content() {
                scan.raw_region(Class::Content, &place, range.start as u64, bytes, &[]);
            }
        }
        for gap in self.gaps() {
            scan.raw_region(Class::Slack, "between entries", gap.start as u64, self.bytes(gap.clone()), &[]);
        }
        Ok(())
    }
}
