//! The compact layout: bytes are cut out, and every offset in the file follows.
//!
//! Done where all offsets stand in clear: classic tables only, not linearized, not encrypted, not signed. Offsets keep
//! their width, so that moving them moves nothing else.

use std::ops::Range;

use memchr::memmem;

use super::PdfSurvey;
use super::document::Document;
use super::lexer::{Lexer, Token, integer, is_space};
use super::value::ValueKind;
use super::walk::Role;
use super::xref::Section;
use crate::plan::Edit;

/// Whether the file is of the plain kind whose offsets can all be moved.
pub(super) fn applies(survey: &PdfSurvey<'_>) -> bool {
    let document = &survey.document;
    let is_plain = |role| !matches!(role, Role::ObjectStream | Role::CrossReference | Role::Linearization);
    document.chain.whole
        && matches!(document.crypt, super::crypt::Crypt::None)
        && survey.findings.guards.is_empty()
        && document.walk.objects.iter().all(|object| is_plain(object.role))
        && document.trailers.iter().all(|trailer| trailer.dict.get(document.input, b"XRefStm").is_none())
}

/// The range of an entry with the white space behind it, where that keeps what stands around it apart.
pub(super) fn with_space(text: &[u8], range: &Range<usize>) -> Range<usize> {
    let rest = text.get(range.end..).unwrap_or_default();
    let spaces = rest.iter().take_while(|&&byte| is_space(byte)).count();
    let end = if matches!(rest.get(spaces), Some(b'/' | b'>')) { range.end + spaces } else { range.end };
    range.start..end
}

/// The edit that gives the stream with this object index another length. Nothing where its length is not written in
/// one place that belongs to it alone.
pub(super) fn set_length(document: &Document<'_>, index: usize, length: usize) -> Option<Edit> {
    let object = document.walk.objects.get(index)?;
    let data = object.data.as_ref()?;
    let dict = document.dict(object)?;
    let lengths: Vec<_> =
        dict.entries.iter().filter(|entry| document.input.get(entry.key.clone()) == Some(b"/Length")).collect();
    let [entry] = lengths.as_slice() else { return None };
    let range = match entry.value.kind {
        ValueKind::Integer(_) => entry.value.range.clone(),
        ValueKind::Reference(reference) => {
            let uses = document.count_references(&[reference.number].into());
            let holder = document.object(reference.number)?;
            (uses.get(&reference.number) == Some(&1)).then(|| holder.body.clone())?
        }
        _ => return None,
    };
    let declared = integer(document.input.get(range.clone())?)?;
    (declared == data.len() as u64).then(|| number(&range, length as u64))?
}

/// The edit that writes another number in the place of one; nothing if it is longer.
pub(super) fn number(range: &Range<usize>, value: u64) -> Option<Edit> {
    let mut digits = value.to_string().into_bytes();
    if digits.len() > range.len() {
        return None;
    }
    digits.resize(range.len(), b' ');
    Some(Edit::replace(range.start as u64..range.end as u64, digits))
}

/// The edits that make every offset of the file follow `edits`; nothing where one of them cannot.
pub(super) fn follow(document: &Document<'_>, edits: &[Edit]) -> Option<Vec<Edit>> {
    let shifts = Shifts::of(edits);
    let base = document.base as u64;
    let moved = |offset: u64| shifts.apply(offset.checked_add(base)?)?.checked_sub(base);
    if !saw_every_offset(document) {
        return None;
    }
    let mut followers = Vec::new();
    let mut follow = |range: Range<usize>| -> Option<()> {
        let offset = integer(document.input.get(range.clone())?)?;
        let target = moved(offset)?;
        if target != offset {
            followers.push(number(&range, target)?);
        }
        Some(())
    };
    for trailer in &document.trailers {
        if let Some(value) = trailer.dict.get(document.input, b"Prev") {
            follow(value.range.clone())?;
        }
    }
    for range in &document.walk.structure {
        let mut lexer = Lexer::at(document.input, range.start);
        if lexer.word(b"startxref") {
            let (Token::Integer(_), number) = lexer.next()? else { return None };
            follow(number)?;
        }
    }
    for section in &document.chain.sections {
        for subsection in section.subsections() {
            follow_table(document, subsection.starts(), &moved, &mut followers)?;
        }
    }
    Some(followers)
}

/// Whether the walk met the last `startxref` and every table that readers follow. An object that does not end, as with
/// an open string, swallows what stands behind it; the tables are read all the same, and their offsets would stay.
fn saw_every_offset(document: &Document<'_>) -> bool {
    let structure = &document.walk.structure;
    let has_seen = |offset: usize| structure.iter().any(|range| range.contains(&offset));
    let last = memmem::rfind(document.input, b"startxref");
    let mut subsections = document.chain.sections.iter().flat_map(Section::subsections);
    last.is_some_and(has_seen) && subsections.all(|subsection| subsection.starts().take(1).all(has_seen))
}

/// Adds the edit over the entries that begin at `starts`: one for all of them, if any moves.
fn follow_table(
    document: &Document<'_>,
    starts: impl Iterator<Item = usize>,
    moved: &impl Fn(u64) -> Option<u64>,
    followers: &mut Vec<Edit>,
) -> Option<()> {
    let mut table: Option<(usize, Vec<u8>)> = None;
    for start in starts {
        let digits = start..start.checked_add(10)?;
        let mut lexer = Lexer::at(document.input, start);
        let (Token::Integer(offset), range) = lexer.next()? else { return None };
        lexer.integer()?;
        if !lexer.word(b"n") || offset == 0 {
            continue;
        }
        let target = moved(offset)?;
        if target == offset {
            continue;
        }
        if range != digits {
            return None;
        }
        let (first, bytes) = table.get_or_insert((start, Vec::new()));
        // What stands between this entry and the one before is kept.
        bytes.extend_from_slice(document.input.get(*first + bytes.len()..start)?);
        bytes.extend_from_slice(format!("{target:010}").as_bytes());
    }
    if let Some((first, bytes)) = table {
        followers.push(Edit::replace(first as u64..(first + bytes.len()) as u64, bytes));
    }
    Some(())
}

/// Where bytes of the input end up.
struct Shifts {
    /// End of an edit in the input, and how many bytes all edits up to it take away.
    steps: Vec<(u64, u64)>,
}

impl Shifts {
    fn of(edits: &[Edit]) -> Self {
        let mut sorted: Vec<&Edit> = edits.iter().filter(|edit| !edit.keeps_length()).collect();
        sorted.sort_by_key(|edit| edit.range.end);
        let mut taken = 0_u64;
        let steps = sorted.into_iter().map(|edit| {
            taken = taken.saturating_add((edit.range.end - edit.range.start).saturating_sub(edit.with.len()));
            (edit.range.end, taken)
        });
        Self { steps: steps.collect() }
    }

    fn apply(&self, offset: u64) -> Option<u64> {
        let before = self.steps.partition_point(|&(end, _)| end <= offset);
        let taken = before.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |&(_, taken)| taken);
        offset.checked_sub(taken)
    }
}
