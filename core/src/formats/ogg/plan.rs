//! Editing header packets, and the pages they lie on.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;

use super::page::{self, HEADER, LONGEST, MAGIC, Page};
use super::stream::{Packet, Piece};
use super::{Holds, Part, Surveyed, decoded};
use crate::containers::nested::{apply, rewrite};
use crate::containers::tagged::{Left, other_length, stale};
use crate::containers::vorbis::Comments;
use crate::error::Result;
use crate::plan::{Edit, Layout, Plan, Replacement};
use crate::survey::Removal;

/// Pages that change, by their index, with their new bytes.
type Pages = BTreeMap<usize, Vec<u8>>;

/// The edits of the file, and members that keep their data.
pub(super) fn edits(survey: &Surveyed<'_>, removal: &Removal<'_>, layout: Layout) -> Result<(Vec<Edit>, Left)> {
    let mut left = Vec::new();
    let mut pages = Pages::new();
    for (index, part) in survey.parts.iter().enumerate() {
        let Some(packet) = survey.packet(part) else { continue };
        let old = packet.bytes(survey.input);
        let layout = if layout == Layout::Compact && may_shrink(survey, index) { layout } else { Layout::Preserve };
        let new = packet_after(survey, index, part, removal, layout, &mut left)?;
        if new[..] == old[..] {
            continue;
        }
        if new.len() == old.len() {
            overwrite(survey, packet, &new, &mut pages);
        } else {
            repage(survey, packet, new, &mut pages);
        }
    }
    let mut edits = Vec::new();
    for (index, mut bytes) in pages {
        let Some(range) = survey.walk.pages.get(index).map(Page::range) else { continue };
        page::seal(&mut bytes);
        let old = survey.input.get(range.clone()).unwrap_or_default();
        if bytes.len() == old.len() {
            edits.extend(rewrite(range.start, old, &bytes));
        } else {
            edits.push(Edit::replace(range.start as u64..range.end as u64, bytes));
        }
    }
    // What looks like a page stays: readers know the page before by it, and it might become one.
    let gaps = survey.walk.gaps.iter().map(|gap| {
        let bytes = survey.input.get(gap.clone()).unwrap_or_default();
        let start = if bytes.starts_with(MAGIC) { MAGIC.len() } else { 0 };
        gap.start + start..memmem::find(bytes, b"OggS\0").map_or(gap.end, |at| gap.start + at.max(start))
    });
    edits.extend(gaps.flat_map(|gap| stale(survey.input, &gap, removal)));
    Ok((edits, left))
}

/// Whether a plan makes a page of what is none: of one that is damaged and reaches over bytes that change. Where lengths
/// change nothing but the end of the file is no page.
pub(super) fn makes_a_page(survey: &Surveyed<'_>, plan: &Plan) -> bool {
    let starts = survey.walk.gaps.iter().flat_map(|gap| {
        let bytes = survey.input.get(gap.clone()).unwrap_or_default();
        memmem::find_iter(bytes, MAGIC).map(|at| gap.start + at)
    });
    starts.filter(|_| plan.keeps_length()).any(|start| {
        let window = start..(start + LONGEST).min(survey.input.len());
        let changes = plan.touches(&(window.start as u64..window.end as u64));
        changes && Page::at(&after(survey.input, plan, window), 0).is_some()
    })
}

/// A window of the file as a plan makes it that keeps every length.
fn after(input: &[u8], plan: &Plan, window: Range<usize>) -> Vec<u8> {
    let mut bytes = input.get(window.clone()).unwrap_or_default().to_vec();
    for Edit { range, with } in plan.edits() {
        let range = range.start as usize..range.end as usize;
        for position in range.start.max(window.start)..range.end.min(window.end) {
            let byte = match with {
                Replacement::Bytes(bytes) => bytes.get(position - range.start).copied(),
                Replacement::Fill { byte, .. } => Some(*byte),
            };
            if let Some((target, byte)) = bytes.get_mut(position - window.start).zip(byte) {
                *target = byte;
            }
        }
    }
    bytes
}

/// Whether the packet of this part may become shorter: when nothing counts the bytes of the file, no damage is between
/// pages that might read otherwise elsewhere, no other packet that changes stands on its pages, and a block of FLAC has
/// but one.
fn may_shrink(survey: &Surveyed<'_>, index: usize) -> bool {
    let pages = |part: &Part| {
        let pieces = survey.packet(part).map(|packet| &*packet.pieces).unwrap_or_default();
        pieces.first().zip(pieces.last()).map(|(first, last)| (first.page, last.page))
    };
    let Some((part, (first, last))) = survey.parts.get(index).and_then(|part| Some((part, pages(part)?))) else {
        return false;
    };
    let near = [index.checked_sub(1), index.checked_add(1)].into_iter().flatten();
    let shares = near.filter_map(|near| pages(survey.parts.get(near)?)).any(|(from, to)| from <= last && first <= to);
    let is_sound = survey.walk.gaps.iter().all(|gap| gap.end == survey.input.len());
    !survey.walk.has_index && is_sound && !shares && (part.start != 4 || first == last)
}

/// A packet without the chosen sites, with other data for its pictures.
fn packet_after(
    survey: &Surveyed<'_>,
    index: usize,
    part: &Part,
    removal: &Removal<'_>,
    layout: Layout,
    left: &mut Left,
) -> Result<Vec<u8>> {
    let mut bytes = survey.packet(part).map(|packet| packet.bytes(survey.input)).unwrap_or_default().into_owned();
    let start = part.start;
    let own =
        survey.files.partition_point(|file| file.part < index)..survey.files.partition_point(|file| file.part <= index);
    let first = removal.members.partition_point(|(member, _)| *member < own.start);
    let members = removal.members.get(first..).unwrap_or_default();
    for (member, data) in members.iter().take_while(|(member, _)| *member < own.end) {
        let Some(file) = survey.files.get(*member) else { continue };
        let replaced = match &part.holds {
            Holds::Comments(comments) => {
                let comment = file.comment.and_then(|comment| comments.pictures().get(comment));
                comment.and_then(|comment| recoded(&mut bytes, start, comment.value.clone(), data))
            }
            Holds::Block(picture) => picture.as_ref().and_then(|picture| {
                let target = bytes.get_mut(start + picture.data.start..start + picture.data.end)?;
                (target.len() == data.len()).then(|| target.copy_from_slice(data))
            }),
        };
        if replaced.is_none() {
            left.push((*member, other_length()));
        }
    }
    let Holds::Comments(comments) = &part.holds else { return Ok(bytes) };
    let chosen: Vec<usize> =
        part.sites.clone().filter(|site| removal.takes(*site)).map(|site| site - part.sites.start).collect();
    let edits = comments.scrub(&chosen, removal.needles, layout);
    if edits.is_empty() {
        return Ok(bytes);
    }
    // The comments as they are now, with what their edits would move.
    let block = bytes.split_off(start);
    let comments = Comments::parse(block, comments.tail(), survey.limits)?;
    let mut block = apply(comments.bytes(), &comments.scrub(&chosen, removal.needles, layout))?;
    if start == 4 && layout == Layout::Compact {
        // The header of a FLAC block says its length.
        let [_, length @ ..] = (block.len() as u32).to_be_bytes();
        bytes.splice(1..4, length);
    }
    bytes.append(&mut block);
    Ok(bytes)
}

/// Puts other data into a picture in base64, if it is as long.
fn recoded(packet: &mut [u8], start: usize, value: Range<usize>, data: &[u8]) -> Option<()> {
    let target = packet.get_mut(start + value.start..start + value.end)?;
    let (mut block, picture) = decoded(Some(target))?;
    let old = block.get_mut(picture.data)?;
    if old.len() != data.len() {
        return None;
    }
    old.copy_from_slice(data);
    let coded = if target.len().is_multiple_of(4) { STANDARD.encode(&block) } else { STANDARD_NO_PAD.encode(&block) };
    (coded.len() == target.len()).then(|| target.copy_from_slice(coded.as_bytes()))
}

/// The bytes of a page as they are to be so far.
fn page_bytes<'p>(survey: &Surveyed<'_>, pages: &'p mut Pages, index: usize) -> Option<(&'p mut Vec<u8>, usize)> {
    let page = survey.walk.pages.get(index)?;
    let bytes = pages.entry(index).or_insert_with(|| survey.input.get(page.range()).unwrap_or_default().to_vec());
    Some((bytes, page.start))
}

/// Puts a packet of the same length in the place of another.
fn overwrite(survey: &Surveyed<'_>, packet: &Packet, new: &[u8], pages: &mut Pages) {
    let mut position = 0;
    for piece in &packet.pieces {
        let from = position;
        position += piece.data.len();
        let Some(bytes) = new.get(from..position) else { return };
        if survey.input.get(piece.data.clone()) == Some(bytes) {
            continue;
        }
        let Some((page, start)) = page_bytes(survey, pages, piece.page) else { return };
        if let Some(target) = page.get_mut(piece.data.start - start..piece.data.end - start) {
            target.copy_from_slice(bytes);
        }
    }
}

/// Puts a shorter packet in the place of another, on as many pages: each but the last gets at least one segment, and
/// none gets more than it had.
fn repage(survey: &Surveyed<'_>, packet: &Packet, mut new: Vec<u8>, pages: &mut Pages) {
    let Some((last, before)) = packet.pieces.split_last() else { return };
    new.resize(new.len().max(before.len() * 255), 0);
    let mut full = new.len() / 255;
    let mut position = 0;
    for (index, piece) in before.iter().enumerate() {
        let others = before.len() - index - 1;
        let count = piece.segments.len().min(full.saturating_sub(others));
        let end = position + count * 255;
        replace_piece(survey, piece, &vec![255; count], new.get(position..end).unwrap_or_default(), pages);
        position = end;
        full -= count;
    }
    let mut lacing = vec![255; full];
    lacing.push((new.len() % 255) as u8);
    replace_piece(survey, last, &lacing, new.get(position..).unwrap_or_default(), pages);
}

/// Gives a page another piece of a packet, with its lacing values.
fn replace_piece(survey: &Surveyed<'_>, piece: &Piece, lacing: &[u8], data: &[u8], pages: &mut Pages) {
    let Some((page, start)) = page_bytes(survey, pages, piece.page) else { return };
    let table = survey.walk.pages.get(piece.page).map_or(0..0, |page| page.lacing.clone());
    let body = piece.data.start - start..piece.data.end - start;
    page.splice(body, data.iter().copied());
    page.splice(HEADER + piece.segments.start..HEADER + piece.segments.end, lacing.iter().copied());
    let count = table.len() - piece.segments.len() + lacing.len();
    if let Some(target) = page.get_mut(HEADER - 1) {
        *target = count as u8;
    }
}
