//! Editing the metadata blocks of a FLAC file.

use std::ops::Range;

use super::block::{self, Block, HEADER, LAST, LONGEST};
use super::{Holds, Part, Surveyed};
use crate::containers::nested::rewrite;
use crate::containers::tagged::other_length;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Removal};

/// What becomes of a block.
enum Fate {
    Stays,
    Goes,
    /// Its data becomes this.
    Shrinks(Vec<u8>),
}

/// The edits of the blocks. Members whose data cannot be replaced go to `left`.
pub(super) fn edits(
    survey: &Surveyed<'_>,
    removal: &Removal<'_>,
    layout: Layout,
    left: &mut Vec<(usize, Barrier)>,
) -> Vec<Edit> {
    let fates: Vec<Fate> = survey.parts.iter().map(|part| fate(part, removal)).collect();
    let mut edits = pictures(survey, removal, &fates, left);
    let changes = fates.iter().any(|fate| !matches!(fate, Fate::Stays));
    if layout == Layout::Compact && changes {
        edits.extend(compact(survey, &fates));
        return edits;
    }
    let mut merged = None;
    for (index, (part, fate)) in survey.parts.iter().zip(&fates).enumerate() {
        let Part { block, holds, .. } = part;
        let data = block.data.start as u64..block.data.end as u64;
        match fate {
            Fate::Goes => {
                let kind = block::PADDING | if block.is_last { LAST } else { 0 };
                let start = block.range().start as u64;
                edits.push(Edit::replace(start..start + 1, vec![kind]));
                edits.push(Edit::fill(data, 0));
            }
            Fate::Shrinks(new) => {
                let next = survey.parts.get(index + 1).map(|part| &part.block);
                let next = next.filter(|next| next.kind == block::PADDING);
                let range = shrink(survey, block, new, next, &mut edits);
                merged = next.filter(|next| range.end == next.data.end).map(|next| next.data.start);
            }
            Fate::Stays if matches!(holds, Holds::Padding) && merged != Some(block.data.start) => {
                let bytes = survey.bytes(block);
                if removal.needles.occur_in(bytes) {
                    edits.push(Edit::fill(data, 0));
                }
            }
            Fate::Stays => {}
        }
    }
    edits
}

fn fate(part: &Part<'_>, removal: &Removal<'_>) -> Fate {
    let chosen: Vec<usize> =
        part.sites.clone().filter(|site| removal.takes(*site)).map(|site| site - part.sites.start).collect();
    match &part.holds {
        Holds::Comments(comments) => {
            let is_stale = comments.bytes().get(comments.padding()).is_some_and(|it| removal.needles.occur_in(it));
            if chosen.is_empty() && !is_stale { Fate::Stays } else { Fate::Shrinks(comments.without(&chosen)) }
        }
        _ if chosen.is_empty() => Fate::Stays,
        _ => Fate::Goes,
    }
}

/// Gives a block shorter data and makes the rest padding, together with a block of padding behind it. Says how far.
fn shrink(
    survey: &Surveyed<'_>,
    block: &Block,
    new: &[u8],
    next: Option<&Block>,
    edits: &mut Vec<Edit>,
) -> Range<usize> {
    let start = block.range().start;
    let next = next.filter(|next| next.data.end - block.data.start - new.len() <= LONGEST);
    let end = next.map_or(block.data.end, |next| next.data.end);
    let is_last = next.map_or(block.is_last, |next| next.is_last);
    let free = end - block.data.start - new.len();
    let mut bytes;
    if free >= HEADER {
        bytes = block::header(block.kind, false, new.len()).to_vec();
        bytes.extend_from_slice(new);
        bytes.extend(block::header(block::PADDING, is_last, free - HEADER));
        // Zeros that may be long, and mostly are zeros already.
        let from = (start + bytes.len()) as u64;
        let rest = survey.input.get(from as usize..end).unwrap_or_default();
        if rest.iter().any(|byte| *byte != 0) {
            edits.push(Edit::fill(from..end as u64, 0));
        }
    } else {
        // No room for a header: readers pass over zeros behind the comments.
        bytes = block::header(block.kind, block.is_last, block.data.len()).to_vec();
        bytes.extend_from_slice(new);
        bytes.resize(end - start, 0);
    }
    let old = survey.input.get(start..start + bytes.len()).unwrap_or_default();
    edits.extend(rewrite(start, old, &bytes));
    start..end
}

/// The blocks that stay, one behind the other, without padding.
fn compact(survey: &Surveyed<'_>, fates: &[Fate]) -> Vec<Edit> {
    let mut edits = Vec::new();
    let parts = || survey.parts.iter().zip(fates);
    let goes = |part: &Part<'_>, fate: &Fate| matches!(fate, Fate::Goes) || matches!(part.holds, Holds::Padding);
    let last = parts().filter(|(part, fate)| !goes(part, fate)).map(|(part, _)| part.block.data.start).next_back();
    for (part, fate) in parts() {
        let block = &part.block;
        let range = block.range().start as u64..block.range().end as u64;
        if goes(part, fate) {
            edits.push(Edit::delete(range));
            continue;
        }
        let is_last = last == Some(block.data.start);
        let shorter = if let Fate::Shrinks(new) = fate { Some(new) } else { None };
        let length = shorter.map_or(block.data.len(), Vec::len);
        let header = block::header(block.kind, is_last, length);
        let old = survey.input.get(block.range().start..block.data.start).unwrap_or_default();
        edits.extend(rewrite(block.range().start, old, &header));
        if let Some(new) = shorter {
            edits.push(Edit::replace(block.data.start as u64..range.end, new.clone()));
        }
    }
    edits
}

/// The edits that replace the data of pictures that stay.
fn pictures(
    survey: &Surveyed<'_>,
    removal: &Removal<'_>,
    fates: &[Fate],
    left: &mut Vec<(usize, Barrier)>,
) -> Vec<Edit> {
    let first = survey.tags.member_count();
    let mut edits = Vec::new();
    for (member, data) in removal.members {
        let part = member.checked_sub(first).and_then(|own| survey.pictures.get(own));
        let Some((part, (block, picture))) = part.and_then(|part| Some((part, survey.picture(*part)?))) else {
            continue;
        };
        let stays = matches!(fates.get(*part), Some(Fate::Stays));
        let range = block.data.start + picture.data.start..block.data.start + picture.data.end;
        if range.len() != data.len() {
            left.push((*member, other_length()));
        } else if stays {
            edits.push(Edit::replace(range.start as u64..range.end as u64, data.clone()));
        }
    }
    edits
}
