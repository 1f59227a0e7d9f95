//! The edits that take entries out.

use std::cmp::Reverse;
use std::ops::Range;

use super::{Collection, Outline, Slot, Style};
use crate::plan::{Edit, Layout};

/// What freed bytes become where lengths are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filler {
    /// Spaces.
    Blank,
    /// Comments: text of blank lines may belong to a block scalar before them.
    Comment,
    /// An empty mapping, then spaces: the last entry of a mapping went.
    Nothing,
}

#[derive(Debug)]
struct Cut {
    range: Range<usize>,
    filler: Filler,
}

/// Chosen sites, ascending.
#[derive(Clone, Copy)]
struct Chosen<'c>(&'c [usize]);

impl Chosen<'_> {
    fn takes(self, slot: &Slot) -> bool {
        let below = |end: usize| self.0.partition_point(|site| *site < end);
        !slot.stays && !slot.sites.is_empty() && below(slot.sites.end) - below(slot.sites.start) == slot.sites.len()
    }
}

impl Outline {
    /// The edits that take the sites with these indices (ascending) out of `input`.
    pub(crate) fn edits(&self, input: &[u8], chosen: &[usize], layout: Layout) -> Vec<Edit> {
        let mut cuts = Vec::new();
        if !chosen.is_empty() {
            for collection in &self.collections {
                collection.cut(input, Chosen(chosen), &mut cuts);
            }
        }
        // What stands in an entry that goes as a whole goes with it.
        cuts.sort_by_key(|cut| (cut.range.start, Reverse(cut.range.end)));
        let mut end = 0;
        cuts.retain(|cut| {
            let is_outermost = cut.range.start >= end;
            end = end.max(cut.range.end);
            is_outermost
        });
        cuts.into_iter().map(|cut| cut.edit(input, layout)).collect()
    }
}

impl Collection {
    fn cut(&self, input: &[u8], chosen: Chosen<'_>, cuts: &mut Vec<Cut>) {
        let goes: Vec<bool> = self.slots.iter().map(|slot| chosen.takes(slot)).collect();
        if !goes.contains(&true) {
            return;
        }
        match self.style {
            Style::Flow => self.cut_flow(&goes, cuts),
            Style::Lines => self.cut_lines(input, &goes, cuts),
        }
    }

    /// An entry goes with the comma before it, or, where none before it stays, with the one behind it.
    fn cut_flow(&self, goes: &[bool], cuts: &mut Vec<Cut>) {
        if !goes.contains(&false) {
            cuts.push(Cut { range: self.body.clone(), filler: Filler::Blank });
            return;
        }
        let mut kept_before = None;
        let mut slots = self.slots.iter().zip(goes).peekable();
        while let Some((slot, goes)) = slots.next() {
            let next = slots.peek().map_or(slot.range.end, |(next, _)| next.range.start);
            if !goes {
                kept_before = Some(slot.range.end);
                continue;
            }
            let range = match &mut kept_before {
                Some(before) => std::mem::replace(before, slot.range.end)..slot.range.end,
                None => slot.range.start..next,
            };
            cuts.push(Cut { range, filler: Filler::Blank });
        }
    }

    fn cut_lines(&self, input: &[u8], goes: &[bool], cuts: &mut Vec<Cut>) {
        let mut is_emptied = !goes.contains(&false);
        let mut after_block = false;
        for (slot, goes) in self.slots.iter().zip(goes) {
            if !goes {
                // Any of these may begin a block scalar.
                after_block = bytes(input, &slot.range).iter().any(|byte| matches!(byte, b'|' | b'>'));
                continue;
            }
            let filler = match (std::mem::take(&mut is_emptied), after_block) {
                (true, _) => Filler::Nothing,
                (false, true) => Filler::Comment,
                (false, false) => Filler::Blank,
            };
            cuts.push(Cut { range: slot.range.clone(), filler });
        }
    }
}

impl Cut {
    fn edit(self, input: &[u8], layout: Layout) -> Edit {
        let old = bytes(input, &self.range);
        let edited = self.range.start as u64..self.range.end as u64;
        match (layout, self.filler) {
            (Layout::Preserve, filler) => Edit::replace(edited, blanked(old, filler)),
            (Layout::Compact, Filler::Blank) => Edit::delete(edited),
            (Layout::Compact, Filler::Comment) => {
                // Blank lines that follow would become lines of the block scalar before.
                let blank = blank_lines(input.get(self.range.end..).unwrap_or_default());
                Edit::delete(edited.start..edited.end + blank as u64)
            }
            (Layout::Compact, Filler::Nothing) => {
                let indent = old.len() - old.trim_ascii_start().len();
                let broken = old.len() - old.trim_ascii_end().len();
                let end = old.len() - broken;
                Edit::replace(edited.start + indent as u64..edited.start + end as u64, &b"{}"[..])
            }
        }
    }
}

/// `old` as filler of the same length and the same lines.
fn blanked(old: &[u8], filler: Filler) -> Vec<u8> {
    let mut new: Vec<u8> = old.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { *byte } else { b' ' }).collect();
    match filler {
        Filler::Blank => {}
        Filler::Nothing => {
            let indent = old.len() - old.trim_ascii_start().len();
            if let Some(target) = new.get_mut(indent..indent + 2) {
                target.copy_from_slice(b"{}");
            }
        }
        Filler::Comment => {
            let mut position = 0;
            for line in old.split_inclusive(|byte| *byte == b'\n') {
                if let Some(first) = new.get_mut(position).filter(|_| !line.trim_ascii().is_empty()) {
                    *first = b'#';
                }
                position += line.len();
            }
        }
    }
    new
}

/// Length of the blank lines that `text` begins with.
fn blank_lines(text: &[u8]) -> usize {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines.take_while(|line| line.trim_ascii().is_empty()).map(<[u8]>::len).sum()
}

fn bytes<'b>(input: &'b [u8], range: &Range<usize>) -> &'b [u8] {
    input.get(range.clone()).unwrap_or_default()
}
