//! Offsets that follow when bytes before them go.

use std::ops::Range;

use super::Movie;
use crate::containers::bmff::Atom;
use crate::containers::nested::growth;
use crate::cursor::Cursor;
use crate::plan::{Edit, Layout};

impl Movie<'_> {
    /// Whether everything in the file that counts bytes from its start is known here.
    pub(super) fn can_move(&self) -> bool {
        let is_canon = self.input.get(8..12) == Some(b"crx ");
        let counts = |kind: &[u8; 4]| matches!(kind, b"cmov" | b"saio" | b"iloc" | b"idat");
        !is_canon && !self.tree.is_cut && !self.tree.nodes.iter().any(|node| counts(&node.atom.kind))
    }

    /// What layout an edit at byte `at` may have: a fragment's runs are counted from the start of the fragment, and a
    /// segment index counts all that it refers to, so that nothing in the one or behind the other may move.
    pub(super) fn layout_at(&self, at: u64, layout: Layout) -> Layout {
        let top = self.tree.top_at(at).and_then(|node| self.tree.atom(node));
        let in_fragment = top.is_some_and(|atom| matches!(&atom.kind, b"moof" | b"mfra"));
        let is_indexed = self.tree.index.is_some_and(|index| index <= at);
        if in_fragment || is_indexed { Layout::Preserve } else { layout }
    }
}

/// The edits of every table of offsets, after `edits`.
pub(super) fn follow_offsets(movie: &Movie<'_>, edits: &[Edit]) -> Vec<Edit> {
    let shifts = Shifts::of(edits);
    let mut followed = Vec::new();
    for node in &movie.tree.nodes {
        let atom = &node.atom;
        let fields = match &atom.kind {
            b"stco" => table(movie.input, atom, 4),
            b"co64" => table(movie.input, atom, 8),
            b"tfhd" => base_offset(movie.input, atom),
            b"tfra" => random_access(movie.input, atom),
            _ => continue,
        };
        followed.extend(fields.into_iter().filter_map(|field| shifts.follow(movie.input, &field)));
    }
    followed
}

/// Offsets that stand one behind another at the same distance.
struct Fields {
    range: Range<usize>,
    width: usize,
    stride: usize,
}

/// The chunk offsets of a track.
fn table(input: &[u8], atom: &Atom, width: usize) -> Option<Fields> {
    let mut cursor = Cursor::new(atom.bytes(input));
    cursor.skip(4).ok()?;
    let count = (cursor.u32_be().ok()? as usize).min(cursor.remaining() / width);
    let start = atom.data.start + 8;
    Some(Fields { range: start..start + count * width, width, stride: width })
}

/// The base data offset of a track fragment.
fn base_offset(input: &[u8], atom: &Atom) -> Option<Fields> {
    let flags = Cursor::new(atom.bytes(input)).u32_be().ok()?;
    let start = atom.data.start + 8;
    (flags & 1 != 0 && start + 8 <= atom.data.end).then_some(Fields { range: start..start + 8, width: 8, stride: 8 })
}

/// Where the fragments of random access points begin.
fn random_access(input: &[u8], atom: &Atom) -> Option<Fields> {
    let mut cursor = Cursor::new(atom.bytes(input));
    let version = cursor.u8().ok()?;
    cursor.skip(7).ok()?;
    let lengths = cursor.u32_be().ok()?;
    let numbers: usize = [4, 2, 0].iter().map(|shift| (lengths >> shift & 3) as usize + 1).sum();
    let width = if version == 1 { 8 } else { 4 };
    let stride = 2 * width + numbers;
    let count = (cursor.u32_be().ok()? as usize).min(cursor.remaining() / stride);
    let start = atom.data.start + 16 + width;
    let end = if count == 0 { start } else { start + (count - 1) * stride + width };
    Some(Fields { range: start..end, width, stride })
}

/// How far bytes move: where each edit ends, and what all edits up to there add.
struct Shifts(Vec<(u64, i64)>);

impl Shifts {
    fn of(edits: &[Edit]) -> Self {
        let mut shifts: Vec<(u64, i64)> =
            edits.iter().map(|edit| (edit.range.end, growth(std::slice::from_ref(edit)))).collect();
        shifts.retain(|(_, growth)| *growth != 0);
        shifts.sort_unstable();
        let mut sum = 0;
        for (_, growth) in &mut shifts {
            sum += *growth;
            *growth = sum;
        }
        Self(shifts)
    }

    fn moved(&self, offset: u64) -> u64 {
        let before = self.0.partition_point(|(end, _)| *end <= offset);
        let growth = before.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, growth)| *growth);
        offset.saturating_add_signed(growth)
    }

    /// The edit of the fields whose target moves; those at both ends that stay are left out.
    fn follow(&self, input: &[u8], fields: &Fields) -> Option<Edit> {
        let old = input.get(fields.range.clone())?;
        let mut new = old.to_vec();
        let mut changed: Option<Range<usize>> = None;
        for at in (0..old.len()).step_by(fields.stride) {
            let field = new.get_mut(at..at + fields.width)?;
            let offset = field.iter().fold(0u64, |offset, byte| offset << 8 | u64::from(*byte));
            let moved = self.moved(offset);
            if moved != offset {
                let bytes = moved.to_be_bytes();
                field.copy_from_slice(bytes.get(8 - fields.width..)?);
                changed = Some(changed.map_or(at, |range| range.start)..at + fields.width);
            }
        }
        let changed = changed?;
        let at = fields.range.start as u64;
        let range = at + changed.start as u64..at + changed.end as u64;
        Some(Edit::replace(range, new.get(changed)?.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_move_by_what_was_cut_before_them() {
        let shifts = Shifts::of(&[Edit::delete(10..14), Edit::replace(2..4, vec![0; 2]), Edit::delete(20..21)]);
        let moved: Vec<u64> = [0, 10, 13, 14, 20, 21, 30].map(|offset| shifts.moved(offset)).to_vec();
        assert_eq!(moved, [0, 10, 13, 10, 16, 16, 25]);
    }

    #[test]
    fn only_fields_that_change_are_written() {
        let shifts = Shifts::of(&[Edit::delete(4..6)]);
        let input = [0, 0, 0, 2, 9, 9, 0, 0, 0, 8, 9, 9, 0, 0, 0, 3];
        let fields = Fields { range: 0..16, width: 4, stride: 6 };
        assert_eq!(shifts.follow(&input, &fields), Some(Edit::replace(6..10, vec![0, 0, 0, 6])));
    }
}
