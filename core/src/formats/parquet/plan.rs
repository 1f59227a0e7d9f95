//! Writing a footer without chosen pairs.

use super::{Entry, Surveyed, TAIL};
use crate::containers::nested::{apply, rewrite};
use crate::containers::thrift::{STRUCT, list_header};
use crate::error::Result;
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Planned, Removal};

/// The plan for a removal.
pub(super) fn plan(file: &Surveyed<'_>, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
    let input = file.input;
    let footer = file.range.start as u64..file.range.end as u64;
    let edits = footer_edits(file, removal)?;
    let mut stale = file.regions.stale(input, removal.needles);
    // What lies behind the struct in the footer is edited with it, by bytes of the footer.
    let mut inside: Vec<Edit> = stale.extract_if(.., |edit| edit.range.start >= footer.start).collect();
    for edit in &mut inside {
        edit.range = edit.range.start - footer.start..edit.range.end - footer.start;
    }
    inside.extend(edits);
    let cut: u64 = inside.iter().map(|edit| edit.range.end - edit.range.start - edit.with.len()).sum();
    let zeros = input.get(file.data_end..file.range.start).unwrap_or_default();
    let zeros = zeros.iter().rev().take_while(|byte| **byte == 0).count() as u64;
    match layout {
        Layout::Preserve => {
            let old = input.get(file.range.clone()).unwrap_or_default();
            let mut new = vec![0; cut as usize];
            new.extend(apply(old, &inside)?);
            stale.extend(rewrite(file.range.start, old, &new));
        }
        Layout::Compact => {
            for edit in &mut inside {
                edit.range = edit.range.start + footer.start..edit.range.end + footer.start;
            }
            if cut > 0 {
                stale.retain(|edit| edit.range.end <= footer.start - zeros);
                inside.push(Edit::delete(footer.start - zeros..footer.start));
            }
            stale.extend(inside);
        }
    }
    if cut > 0 {
        let len = (footer.end - footer.start - cut) as u32;
        let end = input.len() as u64;
        stale.push(Edit::replace(end - TAIL as u64..end - TAIL as u64 + 4, len.to_le_bytes().to_vec()));
    }
    Ok(Plan::new(stale, input.len() as u64)?.into())
}

/// The edits of the footer, by its own bytes.
fn footer_edits(file: &Surveyed<'_>, removal: &Removal<'_>) -> Result<Vec<Edit>> {
    let bytes = file.input.get(file.range.clone()).unwrap_or_default();
    let mut edits = Vec::new();
    let mut gone = vec![0; file.footer.lists.len()];
    for Entry { list, pair, site, held } in &file.held {
        let Some(found) = file.footer.lists.get(*list).and_then(|list| list.items.get(*pair)) else { continue };
        if removal.takes(*site) {
            edits.push(Edit::delete(found.range.start as u64..found.range.end as u64));
            if let Some(gone) = gone.get_mut(*list) {
                *gone += 1;
            }
            continue;
        }
        let (Some(held), Some((_, text))) = (held, &found.value) else { continue };
        let own = site + 1..site + 1 + held.carrier().sites().len();
        let chosen: Vec<_> = own.filter(|own| removal.takes(*own)).map(|own| own - site - 1).collect();
        if !chosen.is_empty() {
            let value = bytes.get(text.clone()).unwrap_or_default();
            edits.extend(rewrite(text.start, value, &held.without(value, &chosen)?));
        }
    }
    for (list, gone) in file.footer.lists.iter().zip(gone).filter(|(_, gone)| *gone > 0) {
        let header = list_header(STRUCT, list.items.len() - gone);
        edits.push(Edit::replace(list.header.start as u64..list.header.end as u64, header));
    }
    Ok(edits)
}
