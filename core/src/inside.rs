//! Files inside files: a survey that reaches into the members of another.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::formats::{Format, detect, has_extension};
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Look, Member, Planned, Removal, Scope, Site, Survey};

/// What is done about the labels of files that stand inside another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Inside {
    /// They are found and reported, and stay: a file whose chosen labels stand inside only partly is never *stripped*.
    #[default]
    Report,
    /// They are removed like any other.
    Strip,
}

/// How a file is surveyed with what stands inside it.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) inside: Inside,
    /// Decoded bytes of members that may still be looked at, in all.
    budget: &'a Cell<u64>,
    depth: usize,
    before: Option<Before<'a>>,
}

/// What was found before a plan that keeps the length was applied: of members that no edit touches it is true still.
#[derive(Clone, Copy)]
pub(crate) struct Before<'a> {
    pub(crate) survey: &'a dyn Survey,
    pub(crate) plan: &'a Plan,
}

impl<'a> Before<'a> {
    /// What was found in the member `index`, if `now` is where it stood then, as it was.
    fn look(self, index: usize, now: &Range<u64>) -> Option<Look<'a>> {
        let is_same = self.survey.member_extent(index).as_ref() == Some(now) && !self.plan.touches(now);
        if is_same { self.survey.found_in(index) } else { None }
    }

    /// The media that no edit touches.
    fn media(self) -> Vec<Range<u64>> {
        self.survey.media().into_iter().filter(|range| !self.plan.touches(range)).collect()
    }
}

/// Bytes of a member by which its format is told before it is decoded whole.
const HEAD: usize = 4096;

/// Beginnings of containers whose format only the whole tells: ZIP and compound files.
const CONTAINERS: [&[u8]; 2] = [b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"];

/// Beginnings of fonts, whose usual extension `otf` is one of `OpenDocument` too. They hold no labels.
const FONTS: [&[u8]; 6] = [b"OTTO", b"\0\x01\0\0", b"true", b"ttcf", b"wOFF", b"wOF2"];

impl<'a> Reach<'a> {
    /// Down to the limits, with `budget` decoded bytes to look at.
    pub(crate) fn new(limits: &'a Limits, inside: Inside, budget: &'a Cell<u64>) -> Self {
        Self { limits, inside, budget, depth: 0, before: None }
    }

    /// The same, after `before`.
    pub(crate) fn after(self, before: Before<'a>) -> Self {
        Self { before: before.plan.keeps_length().then_some(before), ..self }
    }

    /// What a survey may decode of members.
    pub(crate) fn budget(limits: &Limits, inside: Inside) -> Cell<u64> {
        Cell::new(match inside {
            Inside::Strip => limits.total_bytes,
            Inside::Report => limits.inside_bytes,
        })
    }

    /// Surveys `input` and what stands inside it.
    pub(crate) fn survey<'i>(&self, format: &dyn Format, input: &'i [u8]) -> Result<Box<dyn Survey + 'i>>
    where
        'a: 'i,
    {
        let outer = match self.before {
            Some(before) => format.survey_around(input, self.limits, &before.media())?,
            None => format.survey(input, self.limits)?,
        };
        let members = outer.members();
        if members.is_empty() {
            return Ok(outer);
        }
        let (inner, looks) = (Vec::new(), Vec::with_capacity(members.len()));
        let mut deep = Deep { findings: outer.findings().clone(), outer, members, inner, looks, reach: *self };
        deep.look()?;
        Ok(Box::new(deep))
    }

    fn deeper(&self) -> Self {
        Self { depth: self.depth + 1, before: None, ..*self }
    }

    /// What stands in the way of looking into a member of `len` bytes.
    fn obstacle(&self, len: u64) -> Option<&'static str> {
        if self.depth >= self.limits.inside_depth {
            return Some("it stands too deep inside other files");
        }
        (len > self.budget.get()).then_some("the files inside are larger than the limit")
    }

    fn spend(&self, len: u64) {
        self.budget.set(self.budget.get().saturating_sub(len));
    }
}

/// A surveyed file together with the surveyed files inside it.
struct Deep<'a> {
    outer: Box<dyn Survey + 'a>,
    members: Vec<Member>,
    /// Those members in which something was found.
    inner: Vec<Inner>,
    /// What each member gave.
    looks: Vec<Looked>,
    /// The sites and guards of the file around, then those of the members in order.
    findings: Findings,
    reach: Reach<'a>,
}

/// What a member added to the findings.
struct Looked {
    format: Option<&'static dyn Format>,
    sites: Range<usize>,
    guards: Range<usize>,
    follows: Range<usize>,
    spent: u64,
}

/// A member of a known format. It is decoded again when it is edited or searched: only findings are kept.
struct Inner {
    member: usize,
    format: &'static dyn Format,
    /// Its sites in the findings of the whole.
    sites: Range<usize>,
}

/// A member without the chosen sites.
struct Stripped {
    data: Vec<u8>,
    /// Sites of the whole that stay, with the reason.
    left: Vec<(usize, Barrier)>,
    notes: Vec<String>,
}

impl Deep<'_> {
    /// Takes in what stands inside the members.
    fn look(&mut self) -> Result<()> {
        let members = std::mem::take(&mut self.members);
        for (index, member) in members.iter().enumerate() {
            let Findings { sites, guards, follows } = &self.findings;
            let (sites, guards, follows) = (sites.len(), guards.len(), follows.len());
            let budget = self.reach.budget.get();
            let known = self.outer.member_extent(index).and_then(|now| self.reach.before?.look(index, &now));
            match known.filter(|look| look.place == member.place) {
                Some(look) => self.take_over(index, look),
                None => match self.look_into(index, member) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::LimitExceeded && self.reach.inside == Inside::Strip => {
                        self.members = members;
                        return Err(error);
                    }
                    Err(error) => self.overlook(member, &error),
                },
            }
            self.looks.push(Looked {
                format: self.inner.last().filter(|inner| inner.member == index).map(|inner| inner.format),
                sites: sites..self.findings.sites.len(),
                guards: guards..self.findings.guards.len(),
                follows: follows..self.findings.follows.len(),
                spent: budget - self.reach.budget.get(),
            });
        }
        self.members = members;
        Ok(())
    }

    /// Takes in what is known of a member.
    fn take_over(&mut self, index: usize, look: Look<'_>) {
        self.reach.spend(look.spent);
        let first = self.findings.sites.len();
        self.findings.sites.extend_from_slice(look.sites);
        self.findings.guards.extend_from_slice(look.guards);
        let moved = |site: usize| site - look.first_site + first;
        self.findings.follows.extend(look.follows.iter().map(|(site, target)| (moved(*site), moved(*target))));
        if let Some(format) = look.format {
            self.inner.push(Inner { member: index, format, sites: first..self.findings.sites.len() });
        }
    }

    fn look_into(&mut self, index: usize, member: &Member) -> Result<()> {
        let extension = extension_of(&member.place);
        let head = self.outer.member_head(index, HEAD)?;
        if FONTS.iter().any(|magic| head.starts_with(magic)) || !may_be_known(&head, extension) {
            return Ok(());
        }
        if let Some(obstacle) = self.reach.obstacle(member.len) {
            return Err(Error::unsupported(obstacle).at(member.offset));
        }
        self.reach.spend(member.len);
        let bytes = self.outer.member(index)?;
        let Some(format) = detect(&bytes, extension) else { return Ok(()) };
        let reach = self.reach.deeper();
        let survey = match reach.survey(format, &bytes) {
            Ok(survey) => survey,
            // Only its name says that it is of a known format.
            Err(_) if detect(&bytes, None).is_none() => return Ok(()),
            Err(error) => return Err(Error::new(error.kind(), error.reason().clone())),
        };
        let found = survey.findings();
        let over_file = found.guards.iter().find(|guard| guard.scope == Scope::File).map(|guard| &guard.barrier);
        let barrier = member.barrier.as_ref().or(over_file);
        let first = self.findings.sites.len();
        self.findings.sites.extend(found.sites.iter().map(|site| self.reach.moved(site, member, barrier)));
        self.findings.follows.extend(found.follows.iter().map(|(site, target)| (first + site, first + target)));
        for guard in found.guards.iter().filter(|guard| hides(guard)) {
            let scope = if self.reach.inside == Inside::Strip { guard.scope.of_whole() } else { Scope::Inside };
            let reason = format!("{}: {}", member.place, guard.barrier.reason);
            let barrier = Barrier::new(guard.barrier.kind, reason);
            self.findings.guards.push(Guard { barrier, scope, offset: member.offset });
        }
        let sites = first..self.findings.sites.len();
        self.inner.push(Inner { member: index, format, sites });
        Ok(())
    }

    /// Notes that a member was not looked into. When labels inside are to be removed it may hide some.
    fn overlook(&mut self, member: &Member, error: &Error) {
        let kind = match error.kind() {
            kind @ (ErrorKind::Encrypted | ErrorKind::Conflict) => kind,
            _ => ErrorKind::Unsupported,
        };
        let barrier = Barrier::new(kind, format!("{} cannot be looked into: {}", member.place, error.reason()));
        let scope = if self.reach.inside == Inside::Strip { Scope::Hidden } else { Scope::Inside };
        self.findings.guards.push(Guard { barrier, scope, offset: member.offset });
    }

    fn place(&self, inner: &Inner) -> (&str, u64) {
        self.members.get(inner.member).map_or(("", 0), |member| (&*member.place, member.offset))
    }

    /// The new data of the member that `inner` is, without the chosen sites, and those of them that stay.
    fn strip(&self, inner: &Inner, removal: &Removal<'_>, layout: Layout) -> Result<Stripped> {
        let own: Vec<usize> = removal.sites.iter().filter(|site| inner.sites.contains(site)).copied().collect();
        let sites: Vec<usize> = own.iter().map(|site| site - inner.sites.start).collect();
        let bytes = self.outer.member(inner.member)?;
        let survey = self.reach.deeper().survey(inner.format, &bytes)?;
        let removal = Removal { sites: &sites, members: &[], ..*removal };
        let planned = survey.plan(&removal, layout)?;
        let left = planned.left.into_iter().map(|(site, barrier)| (site + inner.sites.start, barrier)).collect();
        let (place, _) = self.place(inner);
        let notes = planned.notes.iter().map(|note| join_inside(place, note)).collect();
        Ok(Stripped { data: planned.plan.apply(&bytes)?, left, notes })
    }
}

impl Reach<'_> {
    /// A site of a member as one of the file around it.
    fn moved(&self, site: &Site, member: &Member, over: Option<&Barrier>) -> Site {
        let nested = || Barrier::new(ErrorKind::Nested, "it stands in a file inside; ask for those too to remove it");
        let mut site = site.clone();
        site.place = join_inside(&member.place, &site.place);
        site.offset = member.offset;
        site.barrier = site.barrier.take().or_else(|| over.cloned());
        if self.inside == Inside::Report {
            site.barrier = site.barrier.take().or_else(|| Some(nested()));
        }
        site
    }
}

impl Survey for Deep<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let own = self.outer.findings().sites.len();
        let outside = removal.sites.get(..removal.sites.partition_point(|site| *site < own)).unwrap_or_default();
        let mut members = Vec::new();
        let (mut left, mut notes) = (Vec::new(), Vec::new());
        for inner in &self.inner {
            if removal.sites.iter().any(|site| inner.sites.contains(site)) {
                let mut stripped = self.strip(inner, removal, self.outer.member_layout(layout))?;
                members.push((inner.member, stripped.data));
                left.append(&mut stripped.left);
                notes.append(&mut stripped.notes);
            }
        }
        let outer = Removal { sites: outside, members: &members, ..*removal };
        let mut planned = self.outer.plan(&outer, layout)?;
        planned.left.extend(left);
        planned.notes.extend(notes);
        for (member, barrier) in std::mem::take(&mut planned.left_members) {
            let inner = self.inner.iter().filter(|inner| inner.member == member);
            let stays = inner.flat_map(|inner| inner.sites.clone()).filter(|site| removal.takes(*site));
            planned.left.extend(stays.map(|site| (site, barrier.clone())));
        }
        planned.left.sort_by_key(|(site, _)| *site);
        planned.left.dedup_by_key(|(site, _)| *site);
        Ok(planned)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.outer.scan(scan)?;
        if self.reach.inside == Inside::Report {
            return Ok(());
        }
        for inner in &self.inner {
            let bytes = self.outer.member(inner.member)?;
            let (place, offset) = self.place(inner);
            let survey = self.reach.deeper().survey(inner.format, &bytes)?;
            scan.inside(place, offset, |scan| survey.scan(scan))?;
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.members.clone()
    }

    fn member_layout(&self, layout: Layout) -> Layout {
        self.outer.member_layout(layout)
    }

    fn member_extent(&self, index: usize) -> Option<Range<u64>> {
        self.outer.member_extent(index)
    }

    fn media(&self) -> Vec<Range<u64>> {
        self.outer.media()
    }

    fn found_in(&self, index: usize) -> Option<Look<'_>> {
        let Looked { format, sites, guards, follows, spent } = self.looks.get(index)?;
        Some(Look {
            place: &self.members.get(index)?.place,
            format: *format,
            sites: self.findings.sites.get(sites.clone())?,
            guards: self.findings.guards.get(guards.clone())?,
            follows: self.findings.follows.get(follows.clone())?,
            first_site: sites.start,
            spent: *spent,
        })
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.outer.member(index)
    }
}

/// Whether what the guard says keeps labels from being seen.
fn hides(guard: &Guard) -> bool {
    guard.scope != Scope::File || guard.barrier.kind == ErrorKind::Encrypted
}

impl Scope {
    /// What a guard of a member is to the file around it: other members may still be edited.
    fn of_whole(self) -> Self {
        match self {
            Self::File => Self::Hidden,
            other => other,
        }
    }
}

fn extension_of(place: &str) -> Option<&str> {
    Path::new(place).extension()?.to_str()
}

/// Whether a file that begins like this, or has this extension, may be of a known format.
fn may_be_known(head: &[u8], extension: Option<&str>) -> bool {
    CONTAINERS.iter().any(|magic| head.starts_with(magic))
        || extension.is_some_and(|extension| has_extension(&extension.to_ascii_lowercase()))
        || detect(head, None).is_some()
}

/// A place inside a member, outermost first.
pub(crate) fn join_inside(outer: &str, inner: &str) -> String {
    if inner.is_empty() { outer.to_owned() } else { format!("{outer} › {inner}") }
}

#[cfg(test)]
pub(crate) mod tests;
