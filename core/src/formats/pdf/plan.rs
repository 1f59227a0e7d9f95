//! The edits that take labels out.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::crypt::Cipher;
use super::document::{Coded, Document, Home};
use super::filters::Coding;
use super::info::Indirect;
use super::lexer::is_space;
use super::packets::PacketHome;
use super::residue::slack;
use super::walk::Role;
use super::{PdfSurvey, Source, compact};
use crate::error::{ErrorKind, Result};
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Barrier, Planned, Removal};

/// Edits by the text they count in.
type Edits = BTreeMap<Home, Vec<Edit>>;

pub(super) fn plan(survey: &PdfSurvey<'_>, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
    if layout == Layout::Compact && compact::applies(survey) {
        let Planned { plan, left, left_members, .. } = plan_as(survey, removal, Layout::Compact)?;
        if let Some(followers) = compact::follow(&survey.document, plan.edits()) {
            let edits = plan.edits().iter().cloned().chain(followers).collect();
            return Ok(Planned { plan: Plan::new(edits, plan.input_len())?, left, left_members, ..Planned::default() });
        }
    }
    plan_as(survey, removal, Layout::Preserve)
}

/// The edits themselves, without what offsets need to follow them.
fn plan_as(survey: &PdfSurvey<'_>, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
    let document = &survey.document;
    let mut edits = Edits::new();
    take_entries(survey, removal, layout, &mut edits);
    let mut file = Vec::new();
    let mut chosen = vec![Vec::new(); survey.packets.len()];
    for &site in removal.sites {
        if let Some(Source::Packet(packet, within)) = survey.sources.get(site)
            && let Some(chosen) = chosen.get_mut(*packet)
        {
            chosen.push(*within);
        }
    }
    for (packet, mut chosen) in survey.packets.iter().zip(chosen) {
        chosen.sort_unstable();
        let found = packet.edits(document, &chosen, removal, layout);
        if found.is_empty() {
            continue;
        }
        if layout == Layout::Compact
            && let Some(shorter) = shorten(document, packet, &found)?
        {
            file.extend(shorter);
            continue;
        }
        let found =
            if layout == Layout::Preserve { found } else { packet.edits(document, &chosen, removal, Layout::Preserve) };
        edits.entry(packet.home).or_default().extend(found);
    }
    file.extend(edits.remove(&Home::File).unwrap_or_default());
    let mut left = Vec::new();
    for (home, edits) in edits {
        let Home::Coded(index) = home else { continue };
        let Some(coded) = document.coded.get(index) else { continue };
        match remake(document, coded, edits)? {
            Some(remade) => file.push(remade),
            None => left.extend(sites_in(survey, removal, home)),
        }
    }
    let (inside, left_members) = super::files::edits(survey, removal);
    file.extend(inside);
    file.extend(stale(survey, removal, &file));
    left.sort_by_key(|&(site, _)| site);
    let input_len = document.input.len() as u64;
    Ok(Planned { plan: Plan::new(file, input_len)?, left, left_members, ..Planned::default() })
}

/// The edits that make the stream of a packet shorter; nothing where its length cannot follow.
fn shorten(document: &Document<'_>, packet: &PacketHome, edits: &[Edit]) -> Result<Option<Vec<Edit>>> {
    let mut edits = edits.to_vec();
    let length = match packet.home {
        Home::File => {
            let taken = |edit: &Edit| (edit.range.end - edit.range.start).saturating_sub(edit.with.len()) as usize;
            packet.length().checked_sub(edits.iter().map(taken).sum())
        }
        Home::Coded(index) => {
            let Some(coded) = document.coded.get(index) else { return Ok(None) };
            let plain = Plan::new(edits, coded.plain.len() as u64)?.apply(&coded.plain)?;
            let data = coded.coding.encode(&plain);
            let length = data.len();
            edits = vec![Edit::replace(coded.data.start as u64..coded.data.end as u64, data)];
            (length <= coded.data.len()).then_some(length)
        }
    };
    let length = length.and_then(|length| compact::set_length(document, packet.object, length));
    Ok(length.map(|length| {
        edits.push(length);
        edits
    }))
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

/// Takes out the chosen entries of information dictionaries, and empties objects that hold their values and that
/// nothing else names.
fn take_entries(survey: &PdfSurvey<'_>, removal: &Removal<'_>, layout: Layout, edits: &mut Edits) {
    let mut indirect: HashMap<u32, (&Indirect, usize)> = HashMap::new();
    for &site in removal.sites {
        let Some(Source::Info(entry)) = survey.sources.get(site) else { continue };
        let edit = if layout == Layout::Compact {
            let range = compact::with_space(survey.document.text(entry.home), &entry.range);
            Edit::delete(range.start as u64..range.end as u64)
        } else {
            blank(&entry.range)
        };
        edits.entry(entry.home).or_default().push(edit);
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

pub(super) fn blank(range: &Range<usize>) -> Edit {
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
fn remake(document: &Document<'_>, coded: &Coded, edits: Vec<Edit>) -> Result<Option<Edit>> {
    let plain = Plan::new(edits, coded.plain.len() as u64)?.apply(&coded.plain)?;
    let Some(object) = document.walk.objects.get(coded.object) else { return Ok(None) };
    let is_metadata = object.role == Role::Metadata;
    let Ok(cipher) = document.crypt.stream_cipher(object.id, is_metadata, coded.coding.exempt) else { return Ok(None) };
    let old = document.input.get(coded.data.clone()).unwrap_or_default();
    // Where no filler fits, white space at the end of the text changes how the code falls.
    let mut plain = plain;
    for _ in 0..24 {
        if let Some(data) = recode(coded.coding, cipher.as_ref(), &plain, old) {
            return Ok(Some(Edit::replace(coded.data.start as u64..coded.data.end as u64, data)));
        }
        if !coded.coding.flate {
            break;
        }
        plain.push(b' ');
    }
    Ok(None)
}

/// Codes `plain` in the length of `old`, as it was coded and encrypted.
pub(super) fn recode(coding: Coding, cipher: Option<&Cipher>, plain: &[u8], old: &[u8]) -> Option<Vec<u8>> {
    match cipher {
        None => coding.encode_exact(plain, old.len()),
        Some(cipher) => {
            cipher.plain_lengths(old.len()).find_map(|length| cipher.encrypt(&coding.encode_exact(plain, length)?, old))
        }
    }
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
