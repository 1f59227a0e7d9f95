//! Taking out parts that have become empty, with what names them: their relationship and their content type.

use std::collections::HashSet;
use std::ops::Range;

use super::{Package, normal};
use crate::containers::xml::{Element, Encoding, Event, Scanner, Text, is_blank};
use crate::containers::zip::Change;
use crate::error::{Error, Result};
use crate::plan::{Layout, Plan};

/// Where the package names its parts, and the element that names one, with its attribute.
const RELATIONSHIPS: (&str, &str, &str) = ("_rels/.rels", "Relationship", "Target");
const TYPES: (&str, &str, &str) = ("[Content_Types].xml", "Override", "PartName");

/// Which parts may go, and why they must not, if so.
#[derive(Debug, Default)]
pub(super) struct Prunable {
    pub(super) entries: HashSet<usize>,
    pub(super) obstacle: Option<&'static str>,
}

/// What becomes of parts that are empty.
#[derive(Debug, Default)]
pub(super) struct Pruned {
    /// The members that go.
    pub(super) members: Vec<usize>,
    /// Why others stay, for people.
    pub(super) notes: Vec<String>,
}

impl Package<'_> {
    /// Parts that may go when nothing is left in them, unless there is an `obstacle`.
    pub(crate) fn may_prune(&mut self, entries: impl IntoIterator<Item = usize>, obstacle: Option<&'static str>) {
        self.prunable.entries.extend(entries);
        self.prunable.obstacle = obstacle;
    }

    /// Takes the changes of parts that become empty out of `changes`, and puts in those of what names them.
    pub(super) fn prune(&self, changes: &mut Vec<Change>) -> Pruned {
        let mut pruned = Pruned::default();
        let is_candidate = |change: &Change| {
            self.prunable.entries.contains(&change.entry) && is_empty(&change.data, self.limits).unwrap_or(false)
        };
        for entry in changes.iter().filter(|change| is_candidate(change)).map(|change| change.entry) {
            match self.prunable.obstacle.or_else(|| self.held(entry)) {
                None => pruned.members.push(entry),
                Some(reason) => pruned.notes.push(self.note(entry, reason)),
            }
        }
        if pruned.members.is_empty() {
            return pruned;
        }
        let names: HashSet<String> = pruned.members.iter().map(|entry| self.normal_name(*entry)).collect();
        match [RELATIONSHIPS, TYPES].map(|place| self.without(place, &names)) {
            [Ok(relationships), Ok(types)] => {
                changes.retain(|change| !pruned.members.contains(&change.entry));
                changes.extend(relationships.into_iter().chain(types));
            }
            [Err(error), _] | [_, Err(error)] => {
                let stay = std::mem::take(&mut pruned.members).into_iter();
                pruned.notes.extend(stay.map(|entry| self.note(entry, &error.reason())));
            }
        }
        pruned
    }

    fn note(&self, entry: usize, reason: &str) -> String {
        let name = String::from_utf8_lossy(self.archive.name(entry));
        format!("{name} is empty and stays: {reason}")
    }

    fn normal_name(&self, entry: usize) -> String {
        normal(&String::from_utf8_lossy(self.archive.name(entry)))
    }

    /// What keeps a part that is empty.
    fn held(&self, entry: usize) -> Option<&'static str> {
        let name = self.normal_name(entry);
        let (folder, file) = name.rsplit_once('/').unwrap_or(("", &name));
        let own = normal(&format!("{folder}/_rels/{file}.rels"));
        let mut others = (0..self.archive.entries().len()).filter(|other| *other != entry);
        let is_named = |other: usize| self.normal_name(other);
        if self.archive.obstacle(entry, None).is_some() {
            return Some("its member cannot be edited");
        }
        if self.archive.comments().iter().any(|(of, _)| *of == Some(entry)) {
            return Some("its member has a comment");
        }
        others.any(|other| [&name, &own].contains(&&is_named(other))).then_some("it stands twice, or names other parts")
    }

    /// The change of the one member at `place` that takes out the elements that name these parts; nothing if none does.
    fn without(&self, place: (&str, &str, &str), names: &HashSet<String>) -> Result<Option<Change>> {
        let (member, element, attribute) = place;
        let mut entries = (0..self.archive.entries().len())
            .filter(|entry| self.archive.name(*entry).eq_ignore_ascii_case(member.as_bytes()));
        let (Some(entry), None) = (entries.next(), entries.next()) else {
            return Err(Error::unsupported(format!("there is no {member}, or several")));
        };
        let bytes = self.archive.read(entry, self.limits)?;
        if let Some(barrier) = self.archive.obstacle(entry, Some(&bytes)) {
            return Err(Error::new(barrier.kind, barrier.reason));
        }
        let text = Text::decode(&bytes, self.limits)?;
        let names_one = |it: &Element<'_>| {
            it.name.local == element && it.value("", attribute).is_some_and(|name| names.contains(&normal(&name)))
        };
        let mut scanner = Scanner::new(&text, self.limits);
        let mut cuts: Vec<Range<usize>> = Vec::new();
        while let Some(event) = scanner.next()? {
            match event {
                Event::Start(it) if names_one(&it) => cuts.push(text.raw(scanner.content(&it)?.range)),
                Event::Doctype(_) => return Err(Error::unsupported("a document type declaration")),
                _ => {}
            }
        }
        if cuts.is_empty() {
            return Ok(None);
        }
        let encoding = text.encoding();
        let edits = cuts.into_iter().map(|cut| encoding.take_out(cut.start as u64..cut.end as u64, Layout::Compact));
        let data = Plan::new(edits.collect(), bytes.len() as u64)?.apply(&bytes)?;
        let spaces_at = is_narrow(encoding).then_some(data.len());
        Ok(Some(Change { entry, data, spaces_at }))
    }
}

/// Whether white space behind the root element takes one byte a letter.
pub(super) fn is_narrow(encoding: Encoding) -> bool {
    encoding.encode(" ").is_some_and(|space| space.len() == 1)
}

/// Whether a part is nothing but its root element.
fn is_empty(bytes: &[u8], limits: &crate::limits::Limits) -> Result<bool> {
    let text = Text::decode(bytes, limits)?;
    let mut scanner = Scanner::new(&text, limits);
    let mut elements = 0;
    while let Some(event) = scanner.next()? {
        match event {
            Event::Start(_) => elements += 1,
            Event::Text(range) if !is_blank(text.slice(range.clone())) => return Ok(false),
            Event::CData(_) | Event::Comment(_) | Event::Doctype(_) => return Ok(false),
            _ => {}
        }
    }
    Ok(elements == 1)
}
