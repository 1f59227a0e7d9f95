//! Packages: ZIP archives of which some members describe the document in XML, and others are files of their own.
//!
//! The format says which members hold labels and reads them; this survey cuts chosen ones out of the text of their
//! part, has the part coded again, and shows everything to the residue scan.

mod comments;
mod names;
mod prune;
mod signatures;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

pub(crate) use names::normal;
pub(crate) use signatures::Signatures;

use self::comments::Comment;
use self::prune::{Prunable, Pruned, is_narrow};
use super::Carrier;
use super::xml::{self, Labels};
use super::zip::{Archive, Change, Entry, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Scope, Survey};

/// A member that may hold labels.
#[derive(Debug)]
struct Part<'a> {
    entry: usize,
    /// As the directory spells it.
    name: String,
    labels: Labels,
    /// The decoded data, unless it is too large to be kept.
    kept: Option<Cow<'a, [u8]>>,
}

/// Parts up to this length are kept decoded between survey, plan and scan.
const KEPT: usize = 4 << 20;

impl<'a> Part<'a> {
    /// The decoded data.
    fn bytes<'p>(&'p self, archive: &Archive<'a>, limits: &Limits) -> Result<Cow<'p, [u8]>> {
        match &self.kept {
            Some(kept) => Ok(Cow::Borrowed(kept)),
            None => archive.read(self.entry, limits),
        }
    }
}

/// What a format knows of a member before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A member that is over a limit closes the package.
    Essential,
    /// A member that is over a limit may hold labels that cannot be seen.
    Optional,
}

/// An opened package, filled with [`add`](Self::add) in the order of the file.
#[derive(Debug)]
pub(crate) struct Package<'a> {
    archive: Archive<'a>,
    input_len: u64,
    limits: &'a Limits,
    /// Whether freed bytes become the growth hint of the Open Packaging Conventions.
    growth_hint: bool,
    parts: Vec<Part<'a>>,
    findings: Findings,
    /// For each site, its part and its place in it.
    sites: Vec<(usize, usize)>,
    comments: Vec<Comment>,
    /// The members that are files of their own.
    files: Vec<usize>,
    /// Why such members must not be edited.
    seals: HashMap<usize, Barrier>,
    prunable: Prunable,
    /// The members that people read, and in which fields may print a label.
    texts: HashSet<usize>,
}

impl<'a> Package<'a> {
    /// The package in `input`, with nothing read yet.
    pub(crate) fn open(input: &'a [u8], growth_hint: bool, limits: &'a Limits) -> Result<Self> {
        Ok(Self {
            archive: Archive::parse(input, limits)?,
            input_len: input.len() as u64,
            limits,
            growth_hint,
            parts: Vec::new(),
            findings: Findings::default(),
            sites: Vec::new(),
            comments: Vec::new(),
            files: Vec::new(),
            seals: HashMap::new(),
            prunable: Prunable::default(),
            texts: HashSet::new(),
        })
    }

    /// The members.
    pub(crate) fn archive(&self) -> &Archive<'a> {
        &self.archive
    }

    /// The first byte of the data of a member.
    pub(crate) fn offset(&self, entry: usize) -> u64 {
        self.archive.entries().get(entry).map_or(0, |entry| entry.data().start)
    }

    /// The members to which `role_of` gives a role by their name, in the order of the file.
    pub(crate) fn roles<R>(&self, role_of: impl Fn(&str) -> Option<R>) -> Vec<(usize, R)> {
        let role = |entry: usize| Some((entry, role_of(std::str::from_utf8(self.archive.name(entry)).ok()?)?));
        let mut roles: Vec<(usize, R)> = (0..self.archive.entries().len()).filter_map(role).collect();
        roles.sort_by_key(|(entry, _)| self.offset(*entry));
        roles
    }

    /// A guard over a member or over what it says of others.
    pub(crate) fn guard(&mut self, entry: usize, barrier: Barrier, scope: Scope) {
        let offset = self.offset(entry);
        self.findings.guards.push(Guard { barrier, scope, offset });
    }

    /// Takes the members whose names `is_text` accepts for text that people read.
    pub(crate) fn reads(&mut self, is_text: impl Fn(&str) -> bool) {
        self.texts = self.roles(|name| is_text(name).then_some(())).into_iter().map(|(entry, ())| entry).collect();
    }

    /// Whether the data of a member, `len` bytes, are shown as content.
    fn is_shown(&self, entry: usize, len: u64, scan: &Scan<'_>) -> bool {
        scan.wants_content() || (self.texts.contains(&entry) && scan.wants_text(len))
    }

    /// Takes in what stands in every archive, after the parts: comments, and the members that are files of their own:
    /// those whose names `is_file` accepts and that are no parts. `seal` says what forbids to edit one.
    pub(crate) fn finish(&mut self, is_file: impl Fn(&str) -> bool, seal: impl Fn(&str) -> Option<Barrier>) {
        self.comments = comments::read(&self.archive, self.limits, &mut self.findings.sites);
        let parts: HashSet<usize> = self.parts.iter().map(|part| part.entry).collect();
        let mut by_position: Vec<usize> = (0..self.archive.entries().len()).collect();
        by_position.sort_by_key(|entry| self.offset(*entry));
        for entry in by_position {
            let name = String::from_utf8_lossy(self.archive.name(entry));
            let is_empty = self.archive.entries().get(entry).is_none_or(|entry| entry.size == 0);
            if is_empty || parts.contains(&entry) || !is_file(&name) {
                continue;
            }
            let barrier = self.archive.obstacle(entry, None).or_else(|| seal(&name));
            self.seals.extend(barrier.map(|barrier| (entry, barrier)));
            self.files.push(entry);
        }
    }

    /// Reads a member by `parse` and takes in its labels; `over` is what forbids to edit it.
    ///
    /// A member that cannot be read is a guard over hidden labels.
    pub(crate) fn add(
        &mut self,
        entry: usize,
        need: Need,
        parse: impl FnOnce(&[u8]) -> Result<Labels>,
        over: impl FnOnce() -> Option<Barrier>,
    ) -> Result<()> {
        let offset = self.offset(entry);
        let read = self.archive.read(entry, self.limits).and_then(|bytes| {
            let labels = parse(&bytes).map_err(|error| error.rebased(offset))?;
            Ok((bytes, labels))
        });
        let (bytes, mut labels) = match read {
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::LimitExceeded && need == Need::Essential => return Err(error),
            Err(error) => {
                self.guard(entry, hidden(&error), Scope::Hidden);
                return Ok(());
            }
        };
        if labels.sites.is_empty() && labels.metadata.is_empty() {
            return Ok(());
        }
        let name = String::from_utf8_lossy(self.archive.name(entry)).into_owned();
        let is_stored = matches!(bytes, Cow::Borrowed(_));
        let barrier = self.archive.obstacle(entry, Some(&bytes)).filter(|_| !labels.sites.is_empty()).or_else(over);
        for (site, cut) in labels.sites.iter_mut().zip(&labels.ranges) {
            name.clone_into(&mut site.place);
            site.offset = offset + if is_stored { cut.start as u64 } else { 0 };
            site.barrier = site.barrier.take().or_else(|| barrier.clone());
        }
        let part = self.parts.len();
        let first = self.findings.sites.len();
        let follows = std::mem::take(&mut labels.follows).into_iter();
        self.findings.follows.extend(follows.map(|(site, target)| (first + site, first + target)));
        self.sites.extend((0..labels.sites.len()).map(|place| (part, place)));
        self.findings.sites.append(&mut labels.sites);
        let kept = (bytes.len() <= KEPT || is_stored).then_some(bytes);
        self.parts.push(Part { entry, name, labels, kept });
        Ok(())
    }

    fn file(&self, index: usize) -> Result<usize> {
        self.files.get(index).copied().ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }

    /// Refuses a member that the format says is encrypted.
    fn opened(&self, entry: usize) -> Result<()> {
        match self.seals.get(&entry).filter(|seal| seal.kind == ErrorKind::Encrypted) {
            Some(seal) => Err(Error::new(seal.kind, seal.reason.clone()).at(self.offset(entry))),
            None => Ok(()),
        }
    }

    /// The new text of every part that loses a site.
    fn changes(&self, removal: &Removal<'_>, layout: Layout) -> Result<Vec<Change>> {
        let mut changes: Vec<Change> = Vec::new();
        let mut chosen: Vec<Vec<usize>> = vec![Vec::new(); self.parts.len()];
        for (part, place) in removal.sites.iter().filter_map(|site| self.sites.get(*site)) {
            chosen.get_mut(*part).into_iter().for_each(|list| list.push(*place));
        }
        for (part, chosen) in self.parts.iter().zip(chosen).filter(|(_, chosen)| !chosen.is_empty()) {
            let is_stored = self.archive.entries().get(part.entry).is_some_and(Entry::is_stored);
            let keeps_length = is_stored && layout == Layout::Preserve;
            let part_layout = if keeps_length { Layout::Preserve } else { Layout::Compact };
            let bytes = part.bytes(&self.archive, self.limits)?;
            let data = Plan::new(part.labels.edits(&chosen, part_layout)?, bytes.len() as u64)?.apply(&bytes)?;
            // White space may follow the root element.
            let spaces_at = is_narrow(part.labels.encoding).then_some(data.len());
            changes.push(Change { entry: part.entry, data, spaces_at });
        }
        let files = removal.members.iter().filter_map(|(index, data)| Some((*self.files.get(*index)?, data)));
        changes.extend(files.map(|(entry, data)| Change { entry, data: data.clone(), spaces_at: None }));
        Ok(changes)
    }

    fn show_part(&self, part: &Part<'_>, scan: &mut Scan<'_>) -> Result<()> {
        let bytes = part.bytes(&self.archive, self.limits)?;
        let offset = self.offset(part.entry);
        let structure = part.labels.is_foreign.then(|| xml::structure(&bytes, self.limits));
        let claims = structure.as_ref().unwrap_or(&part.labels.claims);
        for (range, inside) in part.labels.regions(claims) {
            scan.region(Class::Metadata, &part.name, offset, bytes.get(range).unwrap_or_default(), &inside);
        }
        if self.is_shown(part.entry, bytes.len() as u64, scan) && part.labels.has_content(bytes.len()) {
            scan.region(Class::Content, &part.name, offset, &bytes, claims);
        }
        Ok(())
    }

    /// Shows every member that is not one of the parts, and all names; or only the texts.
    fn show_content(&self, scan: &mut Scan<'_>) -> Result<()> {
        let mut budget = self.limits.total_bytes;
        let parsed: HashSet<usize> = self.parts.iter().map(|part| part.entry).collect();
        for (index, entry) in self.archive.entries().iter().enumerate() {
            let name = self.archive.name(index);
            let offset = self.offset(index);
            if scan.wants_content() {
                scan.region(Class::Content, "name of a member", offset, name, &[]);
            }
            if parsed.contains(&index) || !self.is_shown(index, entry.size, scan) {
                continue;
            }
            let place = String::from_utf8_lossy(name);
            let mut stream = scan.stream(Class::Content, &place, offset);
            let mut decoded = 0;
            let shown = self.archive.windows(index, budget, &mut |piece| {
                stream.push(piece);
                decoded += piece.len() as u64;
                Ok(())
            });
            budget = budget.saturating_sub(decoded);
            match shown {
                Err(error) if budget == 0 => return Err(error),
                // What no reader can decode is searched as it stands.
                Err(_) => self.archive.coded_bytes(index).chunks(1 << 20).for_each(|piece| stream.push(piece)),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

impl Survey for Package<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut changes = self.changes(removal, layout)?;
        let Pruned { members: removed, notes } =
            if removal.prunes { self.prune(&mut changes) } else { Pruned::default() };
        let mut stale = self.archive.stale(removal.needles, self.limits)?;
        for comment in &self.comments {
            stale.extend(comment.stale(removal.sites)?);
        }
        let growth_hint = self.growth_hint;
        let request = Request { changes: &changes, removed: &removed, stale: &stale, layout, growth_hint };
        let plan = Plan::new(self.archive.edits(&request)?, self.input_len)?;
        Ok(Planned { notes, ..plan.into() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for part in &self.parts {
            self.show_part(part, scan)?;
        }
        self.comments.iter().for_each(|comment| comment.show(&self.archive, scan));
        self.archive.scan_slack(scan, self.limits)?;
        self.show_content(scan)
    }

    fn members(&self) -> Vec<Member> {
        let member = |entry: &usize| Member {
            place: String::from_utf8_lossy(self.archive.name(*entry)).into_owned(),
            offset: self.offset(*entry),
            len: self.archive.entries().get(*entry).map_or(0, |entry| entry.size),
            barrier: self.seals.get(entry).cloned(),
        };
        self.files.iter().map(member).collect()
    }

    fn member_extent(&self, index: usize) -> Option<Range<u64>> {
        self.archive.entries().get(*self.files.get(index)?).map(Entry::range)
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let entry = self.file(index)?;
        self.opened(entry)?;
        self.archive.head(entry, len)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let entry = self.file(index)?;
        self.opened(entry)?;
        let bytes = self.archive.read(entry, self.limits)?;
        match self.archive.obstacle(entry, Some(&bytes)) {
            Some(barrier) => Err(Error::new(barrier.kind, barrier.reason).at(self.offset(entry))),
            None => Ok(bytes),
        }
    }
}

/// Why labels of a member cannot be seen that could not be read because of `error`.
fn hidden(error: &Error) -> Barrier {
    let kind = match error.kind() {
        kind @ (ErrorKind::Encrypted | ErrorKind::Conflict) => kind,
        _ => ErrorKind::Unsupported,
    };
    Barrier::new(kind, error.reason())
}
