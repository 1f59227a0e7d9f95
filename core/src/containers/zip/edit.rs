//! Edits of an archive: new data for some members, stale ranges cleared, and everything that must follow.

use std::ops::Range;

use super::{Archive, Entry, GROWTH_HINT, LOCAL_LEN, Stale, StaleKind, ZIP64, extras};
use crate::containers::deflate::{Wrapper, deflate, deflate_exact, deflate_quick, deflate_quick_exact};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::{Edit, Layout};

/// Signature that opens the body of a growth hint, least bytes of one with its header, and the most an extra area
/// holds.
const HINT_SIGNATURE: [u8; 2] = [0x28, 0xa0];
const HINT_LEN: usize = 8;
const MOST_EXTRA: usize = u16::MAX as usize;

/// How many spaces are tried where a coded length cannot be met otherwise.
const NUDGES: usize = 24;

/// Patches closer than this many bytes become one edit: a directory whose offsets all move is one edit.
const JOINED: u64 = 256;

/// New data for one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Index of the member in [`Archive::entries`].
    pub entry: usize,
    /// Its decoded data from now on.
    pub data: Vec<u8>,
    /// A position of `data` where spaces may be inserted without changing what it says: the last resort to meet an
    /// exact length.
    pub spaces_at: Option<usize>,
}

/// What is to be changed in an archive, and how.
#[derive(Clone, Copy, Debug)]
pub struct Request<'r> {
    /// Members with new data, each at most once.
    pub changes: &'r [Change],
    /// Members that go, ascending, none of them changed; each must be free of an [`obstacle`](Archive::obstacle).
    pub removed: &'r [usize],
    /// Ranges to clear, as [`Archive::stale`] finds them.
    pub stale: &'r [Stale],
    /// Whether records keep their length.
    pub layout: Layout,
    /// Whether freed bytes become the OPC growth hint (extra field 0xA220): for OPC packages. Otherwise, and where
    /// the hint does not fit, they become empty blocks of the DEFLATE data.
    pub growth_hint: bool,
}

/// The new bytes of one member's record, from the CRC-32 of its local header to its end.
#[derive(Debug)]
struct Record {
    entry: usize,
    crc: u32,
    size: u64,
    compressed: u64,
    range: Range<u64>,
    bytes: Vec<u8>,
}

/// Bytes that overwrite others of the same length.
#[derive(Debug)]
struct Patch {
    at: u64,
    bytes: Vec<u8>,
}

/// Where the CRC-32 stands in a local header, and in a directory record.
const LOCAL_CRC: u64 = 14;
const RECORD_CRC: u64 = 16;

impl Archive<'_> {
    /// The edits that give members new data and clear stale ranges, with CRC-32, sizes and offsets brought along.
    ///
    /// With [`Layout::Preserve`] a record keeps its length where its freed bytes can be filled; one that cannot be
    /// filled changes its length, and the offsets behind it follow, so that the plan as a whole no longer keeps
    /// lengths.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict), [`Encrypted`](ErrorKind::Encrypted) or
    /// [`Unsupported`](ErrorKind::Unsupported) when a member has an [`obstacle`](Self::obstacle). The old data is
    /// not decoded again; whether it matches its CRC-32 is for the caller to ask before.
    pub fn edits(&self, request: &Request<'_>) -> Result<Vec<Edit>> {
        // In file order, so that what lies in one record is found without a look at all of them.
        let mut stale: Vec<&Stale> = request.stale.iter().collect();
        stale.sort_by_key(|stale| stale.range.start);
        let mut records = Vec::with_capacity(request.changes.len());
        for change in request.changes {
            records.push(self.record(change, request, &stale)?);
        }
        let removed = self.records(request.removed);
        let resized = |record: &Record| record.bytes.len() as u64 != record.range.end - record.range.start;
        let cuts = |stale: &Stale| request.layout == Layout::Compact && stale.kind == StaleKind::Gap;
        let moves = !removed.is_empty() || records.iter().any(resized) || stale.iter().any(|stale| cuts(stale));

        let mut edits: Vec<Edit> = removed.iter().cloned().map(Edit::delete).collect();
        let mut patches = Vec::new();
        let mut comment_len = self.end.comment.end - self.end.comment.start;
        let mut edited: Vec<_> = records.iter().map(|record| self.local_range(record.entry)).collect();
        edited.sort_by_key(|range| range.start);
        for stale in stale {
            let after = edited.partition_point(|range| range.start <= stale.range.start);
            let before = after.checked_sub(1).and_then(|index| edited.get(index));
            match stale.kind {
                _ if removed.iter().any(|gone| gone.start < stale.range.end && stale.range.start < gone.end) => {}
                // Zeroed in the new record.
                _ if before.is_some_and(|range| stale.range.start < range.end) => {}
                StaleKind::Gap if cuts(stale) => edits.push(Edit::delete(stale.range.clone())),
                StaleKind::Prefix | StaleKind::Gap => edits.push(Edit::fill(stale.range.clone(), 0)),
                StaleKind::Comment if request.layout == Layout::Compact && self.is_last(&stale.range) => {
                    comment_len -= stale.range.end - stale.range.start;
                    edits.push(Edit::delete(stale.range.clone()));
                }
                StaleKind::Extra | StaleKind::Comment => patches.push(Patch {
                    at: stale.range.start,
                    bytes: vec![blank(stale.kind); (stale.range.end - stale.range.start) as usize],
                }),
            }
        }
        patches.push(Patch { at: self.end.record + 20, bytes: (comment_len as u16).to_le_bytes().to_vec() });
        for record in &records {
            if let Some(entry) = self.entries.get(record.entry) {
                self.patch_record(entry, record, &mut patches)?;
            }
        }
        edits.extend(records.into_iter().map(|record| Edit::replace(record.range, record.bytes)));
        if moves {
            self.shift_offsets(&edits, request.removed, &mut patches)?;
        }
        if !removed.is_empty() {
            self.recount(request.removed, &mut patches);
        }
        edits.extend(self.joined(patches, &removed));
        Ok(edits)
    }

    /// The local records of members and their records in the directory.
    fn records(&self, members: &[usize]) -> Vec<Range<u64>> {
        let both = |entry: &Entry| [entry.range(), entry.record..entry.record_end()];
        members.iter().filter_map(|entry| self.entries.get(*entry)).flat_map(both).collect()
    }

    /// The new number of members and length of the directory.
    fn recount(&self, removed: &[usize], patches: &mut Vec<Patch>) {
        let count = (self.entries.len() - removed.len()) as u64;
        let gone = removed.iter().filter_map(|entry| self.entries.get(*entry));
        let gone: u64 = gone.map(|entry| entry.record_end() - entry.record).sum();
        let len = self.directory.end - self.directory.start - gone;
        let at = self.end.record;
        for (field, bytes) in [
            (8, (count as u16).to_le_bytes().to_vec()),
            (10, (count as u16).to_le_bytes().to_vec()),
            (12, (len as u32).to_le_bytes().to_vec()),
        ] {
            let old = self.bytes(at + field..at + field + bytes.len() as u64);
            // Saturated fields stand in the record of ZIP64.
            if self.end.zip64.is_none() || !old.iter().all(|&byte| byte == 0xff) {
                patches.push(Patch { at: at + field, bytes });
            }
        }
        if let Some((range, _)) = &self.end.zip64 {
            for (field, value) in [(24, count), (32, count), (40, len)] {
                patches.push(Patch { at: range.start + field, bytes: value.to_le_bytes().to_vec() });
            }
        }
    }

    /// Whether a range is of the archive comment, behind which nothing counts offsets.
    fn is_last(&self, range: &Range<u64>) -> bool {
        range.start >= self.end.comment.start
    }

    fn local_range(&self, entry: usize) -> Range<u64> {
        self.entries.get(entry).map_or(0..0, |entry| entry.header + LOCAL_CRC..entry.data().start)
    }

    /// The new record of a member.
    fn record(&self, change: &Change, request: &Request<'_>, stale: &[&Stale]) -> Result<Record> {
        if let Some(barrier) = self.obstacle(change.entry, None) {
            let at = self.entries.get(change.entry).map_or(0, |entry| entry.header);
            return Err(Error::new(barrier.kind, barrier.reason).at(at));
        }
        let (entry, _) = self.coded(change.entry)?;
        let mut fields = self.local_fields(entry, stale);
        let (coded, data) = self.coded_to_fit(entry, change, request, &mut fields);
        let new_len = coded.len() as u64;

        let crc = crc32fast::hash(&data);
        let size = data.len() as u64;
        let mut bytes = Vec::with_capacity((entry.range().end - entry.header) as usize);
        let head = self.bytes(entry.header..entry.header + LOCAL_LEN);
        bytes.extend_from_slice(head.get(LOCAL_CRC as usize..).unwrap_or_default());
        bytes.extend_from_slice(self.bytes(entry.name_range()));
        bytes.extend_from_slice(&fields);
        put(&mut bytes, 14, &(fields.len() as u16).to_le_bytes());
        let described = put_u32(&mut bytes, 0, entry.crc, crc);
        let wide = extras(&fields).find(|field| field.id == ZIP64);
        let wide_at = wide.map(|field| 16 + usize::from(entry.name_len) + field.body.start);
        put_size(&mut bytes, 8, wide_at, entry.size, size, entry.header)?;
        put_size(&mut bytes, 4, wide_at.map(|at| at + 8), entry.compressed, new_len, entry.header)?;
        if !described && entry.descriptor_len == 0 {
            return Err(
                Error::new(ErrorKind::Conflict, "a ZIP member has no CRC-32 to follow its data").at(entry.header)
            );
        }
        bytes.extend_from_slice(&coded);
        put_descriptor(entry, crc, new_len, size, &mut bytes);
        let range = entry.header + LOCAL_CRC..entry.range().end;
        Ok(Record { entry: change.entry, crc, size, compressed: new_len, range, bytes })
    }

    /// The extra fields of a local header, without growth hint, stale bodies zeroed.
    fn local_fields(&self, entry: &Entry, stale: &[&Stale]) -> Vec<u8> {
        let range = entry.local_extra_range();
        let mut bytes = self.bytes(range.clone()).to_vec();
        let first = stale.partition_point(|stale| stale.range.start < range.start);
        let inside = stale.get(first..).unwrap_or_default().iter().take_while(|stale| stale.range.end <= range.end);
        for stale in inside {
            let body = (stale.range.start - range.start) as usize..(stale.range.end - range.start) as usize;
            bytes.get_mut(body).unwrap_or_default().fill(0);
        }
        let hints: Vec<_> = extras(&bytes).filter(|field| field.id == GROWTH_HINT).collect();
        for hint in hints.into_iter().rev() {
            bytes.drain(hint.body.start - 4..hint.body.end);
        }
        bytes
    }

    /// Codes the new data of a member, so that local extra fields and coded data together take as much as before.
    /// `fields` gets the growth hint that takes up the rest. Returns the data too, which may have gained spaces.
    fn coded_to_fit(
        &self,
        entry: &Entry,
        change: &Change,
        request: &Request<'_>,
        fields: &mut Vec<u8>,
    ) -> (Vec<u8>, Vec<u8>) {
        let data = change.data.clone();
        let room = (entry.data().end - entry.local_extra_range().start) as usize - fields.len();
        let is_filled = request.layout == Layout::Preserve && !entry.is_stored();
        if let Some(quick) = is_filled.then(|| quick_to_fit(&data, room, request.growth_hint, fields)).flatten() {
            return (quick, data);
        }
        let coded = if entry.is_stored() { data.clone() } else { deflate(&data, Wrapper::Raw) };
        // Another program may have coded more tightly than we do at first.
        if request.layout == Layout::Compact && coded.len() <= room {
            return (coded, data);
        }
        if room == coded.len() {
            return (coded, data);
        }
        let spare = room.checked_sub(coded.len());
        if let Some(spare) = spare.filter(|spare| request.growth_hint && add_hint(fields, *spare)) {
            debug_assert!(spare >= HINT_LEN);
            return (coded, data);
        }
        if entry.is_stored() {
            return (coded, data);
        }
        // Where an old hint stood, part of the rest may stay a hint; elsewhere all of it becomes empty blocks.
        let hints = (0..MOST_EXTRA.min(room)).filter(|hint| *hint == 0 || (*hint >= HINT_LEN && room != 0));
        let had_hint = self.bytes(entry.local_extra_range()).len() != fields.len();
        let hints = hints.take(if had_hint && request.growth_hint { 4 } else { 1 });
        let spaces = if change.spaces_at.is_some() { NUDGES } else { 0 };
        for hint in hints {
            for count in 0..=spaces {
                let nudged = nudge(&data, change.spaces_at, count);
                if let Some(exact) = deflate_exact(&nudged, Wrapper::Raw, room - hint) {
                    if hint > 0 {
                        add_hint(fields, hint);
                    }
                    return (exact, nudged);
                }
            }
        }
        (coded, data)
    }

    /// The directory's CRC-32 and sizes of a changed member.
    fn patch_record(&self, entry: &Entry, new: &Record, patches: &mut Vec<Patch>) -> Result<()> {
        let at = entry.record + RECORD_CRC;
        let mut bytes = self.bytes(at..at + 12).to_vec();
        put(&mut bytes, 0, &new.crc.to_le_bytes());
        let saturated = |field: usize| bytes.get(field..field + 4) == Some(&[0xff; 4]);
        let (wide_compressed, wide_size) = (saturated(4), saturated(8));
        // The ZIP64 field holds only what is saturated, size before compressed size.
        let mut wide = self.wide_fields(entry);
        for (is_wide, field, value) in [(wide_size, 8, new.size), (wide_compressed, 4, new.compressed)] {
            match u32::try_from(value) {
                _ if is_wide => {
                    let at = wide.next().ok_or_else(|| Error::malformed(entry.record, "no ZIP64 extra field"))?;
                    patches.push(Patch { at, bytes: value.to_le_bytes().to_vec() });
                }
                Ok(value) if value != u32::MAX => put(&mut bytes, field, &value.to_le_bytes()),
                _ => return Err(Error::unsupported("a ZIP member grows past 4 GiB").at(entry.header)),
            }
        }
        patches.push(Patch { at, bytes });
        Ok(())
    }

    /// Where the values of a record's ZIP64 extra field stand, one after the other.
    fn wide_fields(&self, entry: &Entry) -> impl Iterator<Item = u64> + use<> {
        let range = entry.extra_range();
        let field = extras(self.bytes(range.clone())).find(|field| field.id == ZIP64);
        let body = field.map_or(0..0, |field| field.body);
        let start = range.start + body.start as u64;
        (0..body.len() as u64 / 8).map(move |index| start + index * 8)
    }

    /// The new offsets of members, directory and ZIP64 end record, after edits that change lengths.
    fn shift_offsets(&self, edits: &[Edit], removed: &[usize], patches: &mut Vec<Patch>) -> Result<()> {
        let shift = Shift::of(edits);
        for (index, entry) in self.entries.iter().enumerate() {
            let header = shift.apply(entry.header);
            if header == entry.header || removed.contains(&index) {
                continue;
            }
            let bytes = self.bytes(entry.record..entry.record + super::RECORD_LEN);
            let saturated = |field: usize| bytes.get(field..field + 4) == Some(&[0xff; 4]);
            let wide = saturated(42).then(|| {
                let before = usize::from(saturated(24)) + usize::from(saturated(20));
                self.wide_fields(entry).nth(before)
            });
            patches.push(offset_patch(entry.record + 42, wide.flatten(), header - self.prefix)?);
        }
        let directory = shift.apply(self.directory.start) - self.prefix;
        let narrow = self.end.record + 16;
        let is_wide = self.bytes(narrow..narrow + 4) == [0xff; 4];
        if !is_wide || self.end.zip64.is_none() {
            patches.push(offset_patch(narrow, None, directory)?);
        }
        if let Some((range, locator)) = &self.end.zip64 {
            patches.push(Patch { at: range.start + 48, bytes: directory.to_le_bytes().to_vec() });
            let moved = shift.apply(range.start) - self.prefix;
            patches.push(Patch { at: locator + 8, bytes: moved.to_le_bytes().to_vec() });
        }
        Ok(())
    }

    /// Patches as edits, close ones joined unless something between them is removed, those that change nothing left
    /// out.
    fn joined(&self, mut patches: Vec<Patch>, removed: &[Range<u64>]) -> Vec<Edit> {
        let parted = |from: u64, to: u64| removed.iter().any(|gone| from <= gone.start && gone.end <= to);
        patches.retain(|patch| self.bytes(patch.at..patch.at + patch.bytes.len() as u64) != patch.bytes);
        patches.sort_by_key(|patch| patch.at);
        let mut edits = Vec::new();
        let mut open: Option<Patch> = None;
        let close = |patch: Patch| Edit::replace(patch.at..patch.at + patch.bytes.len() as u64, patch.bytes);
        for patch in patches {
            match &mut open {
                Some(last)
                    if patch.at < last.at + last.bytes.len() as u64 + JOINED
                        && !parted(last.at + last.bytes.len() as u64, patch.at) =>
                {
                    let position = (patch.at - last.at) as usize;
                    let end = last.at + last.bytes.len() as u64;
                    last.bytes.extend_from_slice(self.bytes(end..patch.at.max(end)));
                    let kept = last.bytes.len().max(position + patch.bytes.len());
                    last.bytes.resize(kept, 0);
                    put(&mut last.bytes, position, &patch.bytes);
                }
                _ => edits.extend(open.replace(patch).map(close)),
            }
        }
        edits.extend(open.map(close));
        edits
    }
}

/// How offsets move under edits that change lengths.
struct Shift {
    /// Ends of edits, with how much everything from there on moves.
    steps: Vec<(u64, i64)>,
}

impl Shift {
    fn of(edits: &[Edit]) -> Self {
        let mut changes: Vec<_> = edits
            .iter()
            .filter(|edit| !edit.keeps_length())
            .map(|edit| {
                (edit.range.end, edit.with.len().cast_signed() - (edit.range.end - edit.range.start).cast_signed())
            })
            .collect();
        changes.sort_unstable();
        let mut total = 0;
        for (_, delta) in &mut changes {
            total += *delta;
            *delta = total;
        }
        Self { steps: changes }
    }

    fn apply(&self, offset: u64) -> u64 {
        let passed = self.steps.partition_point(|(end, _)| *end <= offset);
        let delta = passed.checked_sub(1).and_then(|last| self.steps.get(last)).map_or(0, |(_, delta)| *delta);
        offset.saturating_add_signed(delta)
    }
}

/// The byte that takes the place of stale text.
fn blank(kind: StaleKind) -> u8 {
    if kind == StaleKind::Comment { b' ' } else { 0 }
}

/// Adds a growth hint of exactly `len` bytes, if one can be that long. It stands before whatever ends the area without
/// being a field, which some writers leave there and readers skip.
fn add_hint(fields: &mut Vec<u8>, len: usize) -> bool {
    if len < HINT_LEN || fields.len() + len > MOST_EXTRA {
        return false;
    }
    let at = extras(fields).last().map_or(0, |field| field.body.end);
    let mut hint = Vec::with_capacity(len);
    hint.extend_from_slice(&GROWTH_HINT.to_le_bytes());
    hint.extend_from_slice(&((len - 4) as u16).to_le_bytes());
    hint.extend_from_slice(&HINT_SIGNATURE);
    hint.extend_from_slice(&((len - HINT_LEN) as u16).to_le_bytes());
    hint.resize(len, 0);
    fields.splice(at..at, hint);
    true
}

/// Codes short data with what fills up `room`: where there is enough of it, nothing is gained by coding tightly.
fn quick_to_fit(data: &[u8], room: usize, growth_hint: bool, fields: &mut Vec<u8>) -> Option<Vec<u8>> {
    if !growth_hint {
        return deflate_quick_exact(data, Wrapper::Raw, room);
    }
    let quick = deflate_quick(data).filter(|quick| quick.len() <= room)?;
    (quick.len() == room || add_hint(fields, room - quick.len())).then_some(quick)
}

/// Appends the data descriptor of `entry` in the form it had.
fn put_descriptor(entry: &Entry, crc: u32, compressed: u64, size: u64, bytes: &mut Vec<u8>) {
    if matches!(entry.descriptor_len, 16 | 24) {
        bytes.extend_from_slice(b"PK\x07\x08");
    }
    if entry.descriptor_len == 0 {
        return;
    }
    bytes.extend_from_slice(&crc.to_le_bytes());
    for length in [compressed, size] {
        if matches!(entry.descriptor_len, 20 | 24) {
            bytes.extend_from_slice(&length.to_le_bytes());
        } else {
            // Modulo 2^32 where it does not fit, as it was read.
            bytes.extend_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

fn nudge(data: &[u8], at: Option<usize>, count: usize) -> Vec<u8> {
    let (before, after) = data.split_at_checked(at.unwrap_or(0)).unwrap_or((data, &[]));
    [before, &vec![b' '; count], after].concat()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(target) = bytes.get_mut(at..at + value.len()) {
        target.copy_from_slice(value);
    }
}

/// Writes `new` where `old` stands; false when something else does (a zero that a descriptor makes up for).
fn put_u32(bytes: &mut [u8], at: usize, old: u32, new: u32) -> bool {
    let is_there = bytes.get(at..at + 4) == Some(&old.to_le_bytes());
    if is_there {
        put(bytes, at, &new.to_le_bytes());
    }
    is_there
}

/// Writes a size of a local header where the old one stands: in its 4 bytes, or in 8 bytes of a ZIP64 field.
fn put_size(bytes: &mut [u8], at: usize, wide: Option<usize>, old: u64, new: u64, header: u64) -> Result<()> {
    let is_wide = bytes.get(at..at + 4) == Some(&[0xff; 4]);
    if let Some(wide) = wide.filter(|wide| is_wide && bytes.get(*wide..wide + 8) == Some(&old.to_le_bytes())) {
        put(bytes, wide, &new.to_le_bytes());
    } else if let Ok(old) = u32::try_from(old) {
        let new = u32::try_from(new).ok().filter(|new| *new != u32::MAX);
        let new = new.ok_or_else(|| Error::unsupported("a ZIP member grows past 4 GiB").at(header))?;
        put_u32(bytes, at, old, new);
    }
    Ok(())
}

/// A new offset, in its 4 bytes or in 8 bytes of a ZIP64 field.
fn offset_patch(at: u64, wide: Option<u64>, value: u64) -> Result<Patch> {
    if let Some(at) = wide {
        return Ok(Patch { at, bytes: value.to_le_bytes().to_vec() });
    }
    match u32::try_from(value) {
        Ok(value) if value != u32::MAX => Ok(Patch { at, bytes: value.to_le_bytes().to_vec() }),
        _ => Err(Error::unsupported("an offset of the ZIP archive grows past 4 GiB").at(at)),
    }
}
