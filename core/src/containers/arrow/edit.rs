//! Taking pairs out of their vectors.

use std::ops::Range;

use super::{Metadata, Pairs};
use crate::containers::flatbuffer::follow;
use crate::containers::nested::{apply, rewrite};
use crate::error::Result;
use crate::plan::{Edit, Layout};

/// The edits that take the `chosen` sites out, all in one: the buffer keeps its length.
pub(super) fn edits(metadata: &Metadata, chosen: &[usize]) -> Result<Vec<Edit>> {
    let takes = |site: usize| chosen.binary_search(&site).is_ok();
    let mut inner = Vec::new();
    for pair in metadata.vectors.iter().flat_map(|vector| &vector.pairs).filter(|pair| !takes(pair.site)) {
        if let Some(nested) = &pair.inner {
            inner.extend(nested.edits(chosen, Layout::Preserve)?);
        }
    }
    let mut new = apply(&metadata.buffer, &inner)?;
    let kept = Kept::of(metadata, &takes);
    for Pairs { vector, pairs } in metadata.vectors.iter().filter(|vector| vector.pairs.iter().any(|it| takes(it.site)))
    {
        let mut count = 0;
        for (item, pair) in pairs.iter().enumerate() {
            if takes(pair.site) {
                for freed in pair.texts.iter().map(whole).chain([pair.table.clone()]) {
                    kept.clear(&mut new, freed);
                }
                continue;
            }
            let target = follow(&metadata.buffer, vector.start + 4 * item)?;
            let slot = vector.start + 4 * count;
            put(&mut new, slot, (target - slot) as u32);
            count += 1;
        }
        (count..pairs.len()).for_each(|item| put(&mut new, vector.start + 4 * item, 0));
        put(&mut new, vector.start - 4, count as u32);
    }
    Ok(rewrite(0, &metadata.buffer, &new).into_iter().collect())
}

/// A text with its length and the zero behind it.
pub(super) fn whole(text: &Range<usize>) -> Range<usize> {
    text.start - 4..text.end
}

fn put(buffer: &mut [u8], at: usize, number: u32) {
    if let Some(target) = buffer.get_mut(at..at + 4) {
        target.copy_from_slice(&number.to_le_bytes());
    }
}

/// The ranges that what stays uses, sorted, each with the furthest end up to it.
struct Kept(Vec<Range<usize>>);

impl Kept {
    fn of(metadata: &Metadata, takes: &dyn Fn(usize) -> bool) -> Self {
        let pairs = metadata.vectors.iter().flat_map(|vector| &vector.pairs).filter(|pair| !takes(pair.site));
        let own = pairs.flat_map(|pair| pair.texts.iter().map(whole).chain([pair.table.clone()]));
        let mut kept: Vec<_> =
            own.chain(metadata.names.iter().map(whole)).chain(metadata.used.iter().cloned()).collect();
        kept.sort_unstable_by_key(|range| range.start);
        let mut merged: Vec<Range<usize>> = Vec::new();
        for range in kept {
            match merged.last_mut() {
                Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        Self(merged)
    }

    /// Puts zeros in the place of what of `range` nothing uses.
    fn clear(&self, buffer: &mut [u8], range: Range<usize>) {
        let first = self.0.partition_point(|kept| kept.end <= range.start);
        let mut position = range.start;
        for kept in self.0.iter().skip(first).take_while(|kept| kept.start < range.end) {
            buffer.get_mut(position..kept.start.max(position)).unwrap_or_default().fill(0);
            position = position.max(kept.end);
        }
        buffer.get_mut(position..range.end.max(position)).unwrap_or_default().fill(0);
    }
}
