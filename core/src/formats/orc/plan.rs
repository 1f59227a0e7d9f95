//! Writing a footer without chosen pairs, and what counts it.

use super::Surveyed;
use crate::containers::nested::{apply, rewrite};
use crate::error::Result;
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Planned, Removal};

/// The plan for a removal.
pub(super) fn plan(file: &Surveyed<'_>, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
    let input = file.input;
    let mut edits = file.regions.stale(input, removal.needles);
    let cuts = file.footer.edits(removal);
    if cuts.is_empty() {
        return Ok(Plan::new(edits, input.len() as u64)?.into());
    }
    let tail = &file.tail;
    let footer = tail.coding.encode(&apply(&file.bytes, &cuts)?)?;
    let mut end = tail.postscript(input, footer.len())?;
    end.splice(0..0, footer);
    // Zeros stand before the sections where one was shortened before.
    let start = tail.statistics.start;
    let gap = input.get(file.data_end..start).unwrap_or_default();
    let start = start - gap.iter().rev().take_while(|byte| **byte == 0).count();
    edits.retain(|edit| edit.range.end <= start as u64);
    let old = input.get(start..).unwrap_or_default();
    let statistics = input.get(tail.statistics.clone()).unwrap_or_default();
    let free = old.len().checked_sub(statistics.len() + end.len());
    if let (Layout::Preserve, Some(free)) = (layout, free) {
        let new = [&vec![0; free][..], statistics, &end].concat();
        edits.extend(rewrite(start, old, &new));
    } else {
        // Preserve comes here where another coder made shorter what ours cannot: the file becomes longer at its end.
        let zeros = start as u64..tail.statistics.start as u64;
        edits.extend((!zeros.is_empty()).then(|| Edit::delete(zeros)));
        edits.push(Edit::replace(tail.footer.start as u64..input.len() as u64, end));
    }
    Ok(Plan::new(edits, input.len() as u64)?.into())
}
