//! The edits that take labels out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::document::{Coded, Document, Home};
use super::info::Indirect;
use super::lexer::is_space;
use super::residue::slack;
use super::{PdfSurvey, Source};
use crate::error::{ErrorKind, Result};
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Barrier, Planned, Removal};

/// Edits by the text they count in.
type Edits = BTreeMap<Home, Vec<Edit>>;

pub(super) fn plan(survey: &PdfSurvey<'_>, removal: &Removal<'_>, _layout: Layout) -> Result<Planned> {
    let layout = Layout::Preserve;
    let document = &survey.document;
    let mut edits = Edits::new();
    blank_entries(survey, removal, &mut edits);
    for (index, packet) in survey.packets.iter().enumerate() {
        let chosen = removal.sites.iter().filter_map(|&site| match survey.sources.get(site) {
            Some(Source::Packet(packet, within)) if *packet == index => Some(*within),
            _ => None,
        });
        let chosen: Vec<usize> = chosen.collect();
        let found = packet.edits(document, &chosen, removal, layout);
        if !found.is_empty() {
            edits.entry(packet.home).or_default().extend(found);
        }
    }
    let mut file = edits.remove(&Home::File).unwrap_or_default();
    let mut left = Vec::new();
    for (home, edits) in edits {
        let Home::Coded(index) = home else { continue };
        let Some(coded) = document.coded.get(index) else { continue };
        match remake(document, coded, edits)? {
            Some(remade) => file.extend(remade),
            None => left.extend(sites_in(survey, removal, home)),
        }
    }
    file.extend(stale(survey, removal, &file));
    let input_len = document.input.len() as u64;
    Ok(Planned { plan: Plan::new(file, input_len)?, left })
}

/// The chosen sites of one home, as ones that stay.
fn sites_in(survey: &PdfSurvey<'_>, removal: &Removal<'_>, home: Home) -> Vec<(usize, Barrier)> {
    let stands_in = |&&site: &&usize| match survey.sources.get(site) {
        Some(Source::Info(entry)) => entry.home == home,
        Some(Source::Packet(packet, _)) => survey.packets.get(*packet).is_some_and(|packet| packet.home == home),
        None => false,
    };
    let barrier = || Barrier::new(ErrorKind::Unsupported, "its compressed stream cannot be made again at its length");
    removal.sites.iter().filter(stands_in).map(|&site| (site, barrier())).collect()
}

/// Blanks the chosen entries of information dictionaries, and values in objects of their own that nothing else names.
fn blank_entries(survey: &PdfSurvey<'_>, removal: &Removal<'_>, edits: &mut Edits) {
    let mut indirect: HashMap<u32, (&Indirect, usize)> = HashMap::new();
    for &site in removal.sites {
        let Some(Source::Info(entry)) = survey.sources.get(site) else { continue };
        edits.entry(entry.home).or_default().push(blank(&entry.range));
        if let Some(value) = &entry.indirect {
            indirect.entry(value.number).or_insert((value, 0)).1 += 1;
        }
    }
    let numbers: HashSet<u32> = indirect.keys().copied().collect();
    let counts = survey.document.count_references(&numbers);
    for (number, (value, removed)) in indirect {
        if counts.get(&number).is_none_or(|&count| count <= removed) {
            edits.entry(value.home).or_default().push(nothing(&value.body));
        }
    }
}

fn blank(range: &Range<usize>) -> Edit {
    Edit::fill(range.start as u64..range.end as u64, b' ')
}

/// Overwrites an object by one that holds nothing: readers complain about an object that is empty.
fn nothing(range: &Range<usize>) -> Edit {
    let length = range.len();
    let word: &[u8] = match length {
        4.. => b"null",
        2.. => b"[]",
        _ => b"0",
    };
    let mut bytes = word.to_vec();
    bytes.resize(length, b' ');
    Edit::replace(range.start as u64..range.end as u64, bytes)
}

/// The edit that puts the edited text of a coded stream in its place.
fn remake(document: &Document<'_>, coded: &Coded, edits: Vec<Edit>) -> Result<Option<Vec<Edit>>> {
    let plain = Plan::new(edits, coded.plain.len() as u64)?.apply(&coded.plain)?;
    let length = coded.data.len();
    let Some(object) = document.walk.objects.get(coded.object) else { return Ok(None) };
    let Ok(cipher) =
        document.crypt.stream_cipher(object.id, object.role == super::walk::Role::Metadata, coded.coding.exempt)
    else {
        return Ok(None);
    };
    let _ = cipher;
    // Where no filler fits, white space at the end of the text changes how the code falls.
    for spaces in 0..24 {
        let mut plain = plain.clone();
        plain.resize(plain.len() + spaces, b' ');
        if let Some(data) = coded.coding.encode_exact(&plain, length) {
            return Ok(Some(vec![Edit::replace(coded.data.start as u64..coded.data.end as u64, data)]));
        }
    }
    Ok(None)
}

/// Blanks what the needles find where no reader looks.
fn stale(survey: &PdfSurvey<'_>, removal: &Removal<'_>, planned: &[Edit]) -> Vec<Edit> {
    let input = survey.document.input;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for (region, claimed) in slack(survey) {
        let bytes = input.get(region.clone()).unwrap_or_default();
        for found in removal.needles.occurrences(bytes) {
            let range = region.start + found.range.start..region.start + found.range.end;
            let is_claimed = claimed.iter().any(|claim| claim.start <= range.start && range.end <= claim.end);
            let is_planned =
                planned.iter().any(|edit| edit.range.start < range.end as u64 && (range.start as u64) < edit.range.end);
            if is_claimed || is_planned {
                continue;
            }
            match ranges.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => ranges.push(range),
            }
        }
    }
    let spaces =
        |range: &Range<usize>| input.get(range.clone()).is_some_and(|bytes| !bytes.iter().all(|&byte| is_space(byte)));
    ranges.iter().filter(|range| spaces(range)).map(blank).collect()
}
