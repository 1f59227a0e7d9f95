//! A surveyed message.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::headers::{HeaderText, MSIP};
use super::kinds;
use super::names::{Names, is_given_up};
use super::storage::{self, BINARY, NARROW, Object, RECORD, Record, STRING, Streams};
use crate::containers::cfb::{CompoundFile, Held, HeldFiles};
use crate::containers::nested::rewrite;
use crate::containers::text;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, KeyCase, Member, Planned, Removal, Scope, Site, Survey};

/// Properties of an attachment ([MS-OXPROPS]): its data, and its names, the long one first.
const ATTACHED: u16 = 0x3701;
const FILE_NAMES: [u16; 3] = [0x3707, 0x3704, 0x3001];

/// The header with which the message was sent.
const TRANSPORT_HEADERS: u16 = 0x007D;

/// A message, its objects and their named properties.
#[derive(Debug)]
pub(super) struct Message<'a> {
    file: CompoundFile<'a>,
    limits: &'a Limits,
    streams: Streams,
    objects: Vec<Object>,
    names: Names,
    findings: Findings,
    uses: Vec<Use>,
    texts: Vec<HeaderText>,
    files: HeldFiles,
}

/// A property of an object, or a name that no object uses.
#[derive(Debug)]
struct Use {
    name: usize,
    /// The object and the record in it.
    record: Option<(usize, usize)>,
    /// Its sites: one, or those of the header fields that its value is.
    sites: Range<usize>,
}

impl<'a> Message<'a> {
    pub(super) fn open(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let file = CompoundFile::parse(input, limits)?;
        let streams = Streams::of(&file);
        let names = Names::read(&file, &streams, limits)?;
        let (mut objects, mut guards) = (Vec::new(), Vec::new());
        for object in storage::objects(&file, &streams, limits) {
            match object {
                Ok(object) => objects.push(object),
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                Err(error) => {
                    let barrier = Barrier::new(ErrorKind::Unsupported, error.reason());
                    guards.push(Guard { barrier, scope: Scope::Hidden, offset: error.offset().unwrap_or_default() });
                }
            }
        }
        let findings = Findings { guards, ..Findings::default() };
        let mut message = Self {
            file,
            limits,
            streams,
            objects,
            names,
            findings,
            uses: Vec::new(),
            texts: Vec::new(),
            files: HeldFiles::default(),
        };
        message.list()?;
        message.list_headers()?;
        message.list_files();
        Ok(message)
    }

    fn list(&mut self) -> Result<()> {
        let numbers: HashMap<u16, usize> =
            self.names.list.iter().enumerate().map(|(index, name)| (name.id, index)).collect();
        let mut unused: BTreeSet<usize> = (0..self.names.list.len()).collect();
        let mut found = Vec::new();
        for (index, object) in self.objects.iter().enumerate() {
            let mut seen = HashSet::new();
            for (place, record) in object.records.iter().enumerate() {
                let Some(name) = numbers.get(&record.id).copied() else { continue };
                unused.remove(&name);
                found.push((name, Some((index, place)), !seen.insert((record.id, record.kind))));
            }
        }
        found.extend(unused.into_iter().map(|name| (name, None, false)));
        for (name, record, is_twice) in found {
            let first = self.findings.sites.len();
            if let Some(site) = self.site(name, record, is_twice) {
                let pairs = if site.barrier.is_none() { self.pairs(name, record, first)? } else { Vec::new() };
                let sites = if pairs.is_empty() { vec![site] } else { pairs };
                self.findings.sites.extend(sites);
                self.uses.push(Use { name, record, sites: first..self.findings.sites.len() });
            }
        }
        Ok(())
    }

    /// The labels that one property holds in pairs.
    fn pairs(&mut self, name: usize, record: Option<(usize, usize)>, first: usize) -> Result<Vec<Site>> {
        let is_msip = self.names.list.get(name).is_some_and(|name| name.text.eq_ignore_ascii_case(MSIP));
        let record = record.filter(|_| is_msip).and_then(|(object, record)| {
            let object = self.objects.get(object)?;
            let record = object.records.get(record).filter(|record| matches!(record.kind, STRING | NARROW))?;
            Some((record.kind, self.streams.value(object.storage, record.id, record.kind)?))
        });
        let Some((kind, stream)) = record else { return Ok(Vec::new()) };
        let (text, sites) = match HeaderText::read(&self.file, stream, kind, Some(MSIP), first, self.limits) {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
            // Its value is nothing to choose from then.
            Err(_) => return Ok(Vec::new()),
        };
        // A value of several lines could hold other fields.
        if sites.iter().any(|site| !site.aliases.iter().any(|alias| alias == MSIP)) {
            return Ok(Vec::new());
        }
        self.texts.push(text);
        Ok(sites)
    }

    /// The headers that messages were received with.
    fn list_headers(&mut self) -> Result<()> {
        for object in &self.objects {
            for kind in [STRING, NARROW] {
                let Some(stream) = self.streams.value(object.storage, TRANSPORT_HEADERS, kind) else { continue };
                let first = self.findings.sites.len();
                match HeaderText::read(&self.file, stream, kind, None, first, self.limits) {
                    Ok((text, sites)) => {
                        self.texts.push(text);
                        self.findings.sites.extend(sites);
                    }
                    Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                    Err(error) => {
                        let barrier = Barrier::new(ErrorKind::Unsupported, error.reason());
                        let offset = error.offset().unwrap_or_default();
                        self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset });
                    }
                }
            }
        }
        Ok(())
    }

    fn site(&self, name: usize, record: Option<(usize, usize)>, is_twice: bool) -> Option<Site> {
        let name = self.names.list.get(name)?;
        if name.text.is_empty() || (record.is_none() && is_given_up(&name.text)) {
            return None;
        }
        let twice = || Barrier::new(ErrorKind::Conflict, "the object has this property twice");
        let at = name.range.start as u64;
        let mut site = Site {
            address: format!("named:{}", name.text),
            key: name.text.clone(),
            kind: kinds::kind(name),
            case: KeyCase::Insensitive,
            barrier: Barrier::of_protected(&name.text)
                .or_else(|| name.barrier.clone())
                .or_else(|| is_twice.then(twice)),
            place: "__nameid_version1.0".to_owned(),
            offset: self.names.extents.pieces(at..u64::MAX).next().map_or(0, |(_, range)| range.start),
            ..Site::default()
        };
        if let Some((object, record)) = record {
            let object = self.objects.get(object)?;
            let record = object.records.get(record)?;
            let value = storage::text(&self.file, &self.streams, object, record, self.limits);
            site.value = value.map(|value| text::value(value, self.limits));
            site.place = self.file.path(object.stream);
            let extents = self.file.extents(object.stream).ok()?;
            site.offset = extents.pieces(record.at as u64..u64::MAX).next()?.1.start;
        }
        Some(site)
    }

    /// Attachments whose data stand in one stream.
    fn list_files(&mut self) {
        for object in &self.objects {
            let Some(id) = self.streams.value(object.storage, ATTACHED, BINARY) else { continue };
            let Ok(extents) = self.file.extents(id) else { continue };
            if extents.len() == 0 {
                continue;
            }
            let mut names = FILE_NAMES.iter().filter_map(|name| object.property(*name, &[STRING, NARROW]));
            let name = names.find_map(|it| storage::text(&self.file, &self.streams, object, it, self.limits));
            let place = match name.filter(|name| !name.is_empty()) {
                Some(name) => format!("{}/{name}", self.file.path(object.storage)),
                None => self.file.path(id),
            };
            self.files.push(Held::new(place, extents));
        }
    }

    /// The edits that take a value out of an object.
    fn empty_value(&self, object: &Object, record: &Record) -> Option<Vec<Edit>> {
        let streams = self.streams.values(object.storage, record.id, record.kind);
        let edits: Option<Vec<Vec<Edit>>> = streams.into_iter().map(|id| self.file.shorten(id, 0)).collect();
        Some(edits?.concat())
    }

    /// The edits that take records out of an object's list, whose other records move up.
    fn drop_records(&self, object: &Object, gone: &HashSet<usize>) -> Option<Vec<Edit>> {
        let mut new = object.properties.clone();
        let last = object.records.last().map_or(new.len(), |record| record.at + RECORD);
        let mut to = object.records.first().map_or(last, |record| record.at);
        for record in object.records.iter().enumerate().filter(|(index, _)| !gone.contains(index)).map(|(_, it)| it) {
            new.copy_within(record.at..record.at + RECORD, to);
            to += RECORD;
        }
        // What follows the last whole record stays behind it.
        new.copy_within(last.., to);
        new.truncate(new.len() - (last - to));
        let old = object.properties.get(..new.len())?;
        let extents = self.file.extents(object.stream).ok()?;
        let mut edits: Vec<Edit> = rewrite(0, old, &new).iter().flat_map(|edit| extents.spread(edit)).collect();
        edits.extend(self.file.shorten(object.stream, new.len() as u64)?);
        Some(edits)
    }

    fn show_content(&self, scan: &mut Scan<'_>) {
        let shown: HashSet<usize> = self.texts.iter().map(|text| text.stream).chain(self.values()).collect();
        for (id, _) in self.file.streams().filter(|(id, _)| !shown.contains(id)) {
            self.file.show_stream(id, scan);
        }
    }

    /// The object and the record of a use.
    fn record(&self, used: &Use) -> Option<(&Object, &Record)> {
        let (object, record) = used.record?;
        let object = self.objects.get(object)?;
        Some((object, object.records.get(record)?))
    }

    /// The streams that hold values of named properties.
    fn values(&self) -> impl Iterator<Item = usize> {
        let records = self.uses.iter().filter_map(|used| self.record(used));
        records.flat_map(|(object, record)| self.streams.values(object.storage, record.id, record.kind))
    }

    /// The edits for these sites, and those that cannot go together with the others.
    fn work(&self, chosen: &BTreeSet<usize>) -> Work {
        let mut work = Work::default();
        let goes = |used: &Use| used.sites.clone().all(|site| chosen.contains(&site));
        // A name is given up with the last of its uses.
        let mut names: BTreeSet<usize> = self.uses.iter().map(|used| used.name).collect();
        for used in self.uses.iter().filter(|used| !goes(used)) {
            names.remove(&used.name);
        }
        let given_up = self.names.give_up(&names.iter().copied().collect::<Vec<_>>());
        let mut gone: BTreeMap<usize, HashSet<usize>> = BTreeMap::new();
        let mut parts = Vec::new();
        for used in self.uses.iter().filter(|used| goes(used)) {
            let values = match self.record(used) {
                Some((object, record)) => self.empty_value(object, record),
                None => Some(Vec::new()),
            };
            let has_name = !names.contains(&used.name) || given_up.contains_key(&used.name);
            match values.filter(|_| has_name) {
                Some(edits) => work.edits.extend(edits),
                None => work.leave(used, "its name or value cannot be taken out"),
            }
            if let Some((object, record)) = used.record {
                gone.entry(object).or_default().insert(record);
                parts.push((object, used));
            }
        }
        for (index, gone) in &gone {
            if let Some(edits) = self.objects.get(*index).and_then(|object| self.drop_records(object, gone)) {
                work.edits.extend(edits);
                continue;
            }
            let reason = "the list of properties would have to move to other sectors";
            parts.iter().filter(|(object, _)| object == index).for_each(|(_, used)| work.leave(used, reason));
        }
        work.edits.extend(given_up.into_values().flatten());
        let whole: HashSet<usize> = self.uses.iter().filter(|used| goes(used)).map(|used| used.sites.start).collect();
        for text in self.texts.iter().filter(|text| !whole.contains(&text.sites.start)) {
            let own: Vec<usize> = chosen.range(text.sites.clone()).map(|site| site - text.sites.start).collect();
            if !own.is_empty() {
                let (edits, left) = text.edits(&own);
                work.edits.extend(edits);
                work.left.extend(left.into_iter().map(|(site, barrier)| (site + text.sites.start, barrier)));
            }
        }
        work
    }
}

/// A removal while it is planned.
#[derive(Default)]
struct Work {
    edits: Vec<Edit>,
    left: Vec<(usize, Barrier)>,
}

impl Work {
    fn leave(&mut self, used: &Use, reason: &'static str) {
        self.left.extend(used.sites.clone().map(|site| (site, Barrier::new(ErrorKind::Unsupported, reason))));
    }
}

impl Survey for Message<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let mut planned = Planned::default();
        let mut chosen: BTreeSet<usize> = removal.sites.iter().copied().collect();
        // What cannot go is left, and the rest planned again: whether a name goes hangs on all of its uses.
        let mut edits = loop {
            let work = self.work(&chosen);
            if work.left.is_empty() {
                break work.edits;
            }
            for (site, _) in &work.left {
                chosen.remove(site);
            }
            planned.left.extend(work.left);
        };
        planned.left.sort_by_key(|(site, _)| *site);
        planned.left.dedup_by_key(|(site, _)| *site);
        edits.extend(self.files.replace(removal, self.file.input(), &mut planned)?);
        edits.extend(self.file.stale(removal.needles));
        planned.plan = Plan::new(edits, self.file.input().len() as u64)?;
        Ok(planned)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let claims: Vec<_> = self.names.list.iter().map(|name| name.range.clone()).collect();
        let offset = self.names.extents.start();
        scan.region(Class::Metadata, "names of properties", offset, &self.names.strings, &claims);
        for text in &self.texts {
            scan.region(Class::Metadata, &text.place, text.start(), text.bytes(), &text.claimed());
        }
        self.file.scan_slack(scan);
        if scan.wants_content() {
            self.show_content(scan);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.files.members()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        self.files.head(index, self.file.input(), len)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.files.read(index, self.file.input(), self.limits)
    }
}
