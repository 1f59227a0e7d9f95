//! From the bytes to the list of members: end record, ZIP64 end record, central directory, local headers
//! (APPNOTE 4.3.7 to 4.3.16).

use std::ops::Range;

use memchr::memmem;

use super::{Archive, DESCRIPTOR, END_LEN, End, Entry, LOCAL_LEN, RECORD_LEN, ZIP64, extras};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

pub(super) const LOCAL: &[u8] = b"PK\x03\x04";
const RECORD: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END64: &[u8] = b"PK\x06\x06";
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LEN: u64 = 20;

/// The end record with the longest comment.
const LONGEST_END: usize = END_LEN as usize + u16::MAX as usize;

/// What the end records say.
struct Located {
    end: End,
    directory: Range<u64>,
    prefix: u64,
    count: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory of an archive and the local header of every member.
    ///
    /// # Errors
    /// [`Malformed`](crate::ErrorKind::Malformed) when there is no directory, it does not fit the file, or members
    /// overlap; [`LimitExceeded`](crate::ErrorKind::LimitExceeded) over [`Limits::items`] members.
    pub fn parse(input: &'a [u8], limits: &Limits) -> Result<Self> {
        let Located { end, directory, prefix, count } = locate(input)?;
        if count > limits.items as u64 {
            return Err(Error::limit(format!("more than {} ZIP members", limits.items)).at(end.record));
        }
        let mut archive = Self { input, entries: Vec::new(), by_position: Vec::new(), prefix, directory, end };
        archive.read_directory(count, limits)?;
        archive.order_members()?;
        Ok(archive)
    }

    fn read_directory(&mut self, count: u64, limits: &Limits) -> Result<()> {
        let bytes = self.bytes(self.directory.clone());
        let mut cursor = Cursor::within(bytes, self.directory.start);
        // Each record takes 46 bytes at least, so a false count reserves no more than the file is long.
        self.entries.reserve_exact(count.min(bytes.len() as u64 / RECORD_LEN) as usize);
        while cursor.starts_with(RECORD) {
            let entry = self.read_record(&mut cursor)?;
            self.entries.push(entry);
            limits.check_items(self.entries.len(), "ZIP members")?;
        }
        // Writers without ZIP64 let the count wrap around.
        let found = self.entries.len() as u64;
        if found != count && !(self.end.zip64.is_none() && found & 0xffff == count) {
            return Err(cursor.malformed(format!("the ZIP directory has {found} members, not {count}")));
        }
        Ok(())
    }

    fn read_record(&self, cursor: &mut Cursor<'a>) -> Result<Entry> {
        let record = cursor.offset();
        cursor.skip(8)?;
        let flags = cursor.u16_le()?;
        let method = cursor.u16_le()?;
        cursor.skip(4)?;
        let crc = cursor.u32_le()?;
        let mut compressed = u64::from(cursor.u32_le()?);
        let mut size = u64::from(cursor.u32_le()?);
        let name_len = cursor.u16_le()?;
        let extra_len = cursor.u16_le()?;
        let comment_len = cursor.u16_le()?;
        let disk = cursor.u16_le()?;
        cursor.skip(6)?;
        let mut header = u64::from(cursor.u32_le()?);
        cursor.skip(usize::from(name_len))?;
        let extra = cursor.take(usize::from(extra_len))?;
        cursor.skip(usize::from(comment_len))?;

        if let Some(zip64) = extras(extra).find(|field| field.id == ZIP64) {
            let mut wide = Cursor::new(extra.get(zip64.body).unwrap_or_default());
            for field in [&mut size, &mut compressed, &mut header] {
                if *field == u64::from(u32::MAX) {
                    *field = wide.u64_le().map_err(|_| Error::malformed(record, "a ZIP64 extra field is too short"))?;
                }
            }
        }
        if disk != 0 && disk != u16::MAX {
            return Err(Error::unsupported("a ZIP archive on several disks").at(record));
        }
        let Some(header) = header.checked_add(self.prefix) else {
            return Err(Error::malformed(record, "a ZIP member lies outside the file"));
        };
        let mut entry = Entry {
            crc,
            size,
            compressed,
            header,
            method,
            flags,
            header_len: 0,
            descriptor_len: 0,
            record,
            name_len,
            extra_len,
            comment_len,
            flaw: None,
        };
        self.read_local(&mut entry)?;
        Ok(entry)
    }

    /// Completes `entry` from its local header, and compares the two.
    fn read_local(&self, entry: &mut Entry) -> Result<()> {
        let outside = || Error::malformed(entry.record, "a ZIP member lies outside the file");
        let before = self.input.get(..self.directory.start as usize).unwrap_or_default();
        let local = before.get(entry.header as usize..).ok_or_else(outside)?;
        let mut cursor = Cursor::within(local, entry.header);
        if !cursor.starts_with(LOCAL) {
            return Err(cursor.malformed("no local header where the ZIP directory says"));
        }
        cursor.skip(6)?;
        let flags = cursor.u16_le()?;
        let method = cursor.u16_le()?;
        cursor.skip(4)?;
        let crc = cursor.u32_le()?;
        let compressed = cursor.u32_le()?;
        let size = cursor.u32_le()?;
        let name_len = cursor.u16_le()?;
        let extra_len = cursor.u16_le()?;
        let name = cursor.take(usize::from(name_len))?;
        cursor.skip(usize::from(extra_len))?;
        if cursor.remaining() as u64 >= entry.compressed {
            entry.header_len = LOCAL_LEN as u32 + u32::from(name_len) + u32::from(extra_len);
        } else {
            return Err(Error::malformed(entry.header, "the data of a ZIP member leaves its place"));
        }

        let described = (flags | entry.flags) & DESCRIPTOR != 0;
        entry.flaw = if method != entry.method || (flags ^ entry.flags) & !DESCRIPTOR & 0x2041 != 0 {
            Some("local header and directory disagree on how a ZIP member is coded")
        } else if name != self.bytes(entry.name_range()) {
            Some("local header and directory disagree on the name of a ZIP member")
        } else {
            let agrees = |local: u32, directory: u64| {
                u64::from(local) == directory || local == u32::MAX || (local == 0 && described)
            };
            let all = agrees(crc, u64::from(entry.crc)) && agrees(compressed, entry.compressed);
            (!(all && agrees(size, entry.size))).then_some("local header and directory disagree on a ZIP member")
        };
        entry.flags |= flags;
        if described {
            let after = self.input.get(entry.data().end as usize..self.directory.start as usize).unwrap_or_default();
            entry.descriptor_len = descriptor_len(after, entry);
            let is_bare = entry.descriptor_len == 0 && size == 0 && entry.size != 0;
            if is_bare && entry.flaw.is_none() {
                entry.flaw = Some("the data descriptor of a ZIP member does not match the directory");
            }
        }
        Ok(())
    }

    /// Puts the members in file order and refuses those that share bytes.
    fn order_members(&mut self) -> Result<()> {
        self.by_position = (0..self.entries.len() as u32).collect();
        let entries = &self.entries;
        let range = |index: &u32| entries.get(*index as usize).map_or(0..0, Entry::range);
        self.by_position.sort_by_key(|index| range(index).start);
        let mut end = 0;
        for index in &self.by_position {
            let Range { start, end: next } = range(index);
            if start < end {
                return Err(Error::malformed(start, "ZIP members overlap"));
            }
            end = next;
        }
        Ok(())
    }
}

/// How long the data descriptor at the start of `after` is: with or without signature, sizes of 4 or 8 bytes.
fn descriptor_len(after: &[u8], entry: &Entry) -> u8 {
    let fits = |signed: bool, wide: bool| -> Result<bool> {
        let mut cursor = Cursor::new(after);
        let signed = !signed || cursor.take(4)? == b"PK\x07\x08";
        let crc = cursor.u32_le()?;
        let mut size = || if wide { cursor.u64_le() } else { cursor.u32_le().map(u64::from) };
        // A size that does not fit is written modulo 2^32.
        let same = |found: u64, want: u64| found == want || (!wide && found == want & u64::from(u32::MAX));
        Ok(signed && crc == entry.crc && same(size()?, entry.compressed) && same(size()?, entry.size))
    };
    let forms = [(true, false, 16), (true, true, 24), (false, false, 12), (false, true, 20)];
    let fitting = || forms.into_iter().filter(|(signed, wide, _)| fits(*signed, *wide).unwrap_or(false));
    // Where small sizes fit two forms, the next record tells them apart.
    let meets_next =
        |len: u8| after.get(usize::from(len)..).is_some_and(|next| next.is_empty() || next.starts_with(b"PK"));
    let form = fitting().find(|(.., len)| meets_next(*len)).or_else(|| fitting().next());
    form.map_or(0, |(.., len)| len)
}

/// The names of up to `most` members, by the directory alone; nothing when there is none. For telling formats apart.
pub fn names(input: &[u8], most: usize) -> Vec<&[u8]> {
    let Ok(Located { directory, .. }) = locate(input) else { return Vec::new() };
    let bytes = input.get(directory.start as usize..directory.end as usize).unwrap_or_default();
    let mut cursor = Cursor::new(bytes);
    let mut next = || -> Option<&[u8]> {
        if !cursor.starts_with(RECORD) {
            return None;
        }
        cursor.skip(28).ok()?;
        let [name, extra, comment] = [cursor.u16_le().ok()?, cursor.u16_le().ok()?, cursor.u16_le().ok()?];
        cursor.skip(12).ok()?;
        let name = cursor.take(usize::from(name)).ok()?;
        cursor.skip(usize::from(extra) + usize::from(comment)).ok()?;
        Some(name)
    };
    std::iter::from_fn(&mut next).take(most).collect()
}

/// Finds the end records and the directory: the last that reaches the end of the file and has members; failing that,
/// one with other bytes behind it, or one without members (which fits anywhere, inside a comment too).
fn locate(input: &[u8]) -> Result<Located> {
    let tail_start = input.len().saturating_sub(2 * LONGEST_END);
    let tail = input.get(tail_start..).unwrap_or_default();
    let mut first_error = None;
    let mut second_best: Option<Located> = None;
    for found in memmem::rfind_iter(tail, END) {
        let record = (tail_start + found) as u64;
        match end_at(input, record) {
            Ok(located) if located.end.comment.end == input.len() as u64 && located.count > 0 => return Ok(located),
            Ok(located) if second_best.as_ref().is_none_or(|best| best.count == 0 && located.count > 0) => {
                second_best = Some(located);
            }
            Ok(_) => {}
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    second_best
        .ok_or_else(|| first_error.unwrap_or_else(|| Error::malformed(input.len() as u64, "no end of a ZIP directory")))
}

/// Reads the end record at `record` and checks that a directory lies where it says.
fn end_at(input: &[u8], record: u64) -> Result<Located> {
    let mut cursor = Cursor::new(input);
    cursor.seek(record as usize)?;
    cursor.skip(4)?;
    let disks = [cursor.u16_le()?, cursor.u16_le()?];
    cursor.skip(2)?;
    let mut count = u64::from(cursor.u16_le()?);
    let mut size = u64::from(cursor.u32_le()?);
    let mut declared = u64::from(cursor.u32_le()?);
    let comment_len = cursor.u16_le()?;
    let comment_start = cursor.offset();
    cursor.skip(usize::from(comment_len))?;
    if disks.iter().any(|disk| *disk != 0 && *disk != u16::MAX) {
        return Err(Error::unsupported("a ZIP archive on several disks").at(record));
    }

    // The name of the last member may end in what looks like a locator.
    let is_whole = count < u64::from(u16::MAX) && size > 0 && declared.checked_add(size) == Some(record);
    let is_narrow = is_whole && directory_before(input, record, declared, size).is_some();
    let wide = if is_narrow { None } else { zip64_end(input, record)? };
    if let Some(wide) = &wide {
        for (narrow, wide, full) in [
            (&mut count, wide.count, u64::from(u16::MAX)),
            (&mut size, wide.size, u64::from(u32::MAX)),
            (&mut declared, wide.declared, u64::from(u32::MAX)),
        ] {
            if *narrow != full && *narrow != wide {
                return Err(Error::malformed(record, "the two end records of a ZIP archive disagree"));
            }
            *narrow = wide;
        }
    }
    let zip64 = wide.map(|wide| (wide.range, record - LOCATOR_LEN));
    let anchor = zip64.as_ref().map_or(record, |(range, _)| range.start);
    let (directory, prefix) = directory_before(input, anchor, declared, size)
        .ok_or_else(|| Error::malformed(record, "the ZIP directory is not where the end record says"))?;
    let end = End { zip64, record, comment: comment_start..comment_start + u64::from(comment_len) };
    Ok(Located { end, directory, prefix, count })
}

/// The directory that ends at `anchor` (the usual case, with or without a prefix), else the one at the declared
/// offset with a gap behind it.
fn directory_before(input: &[u8], anchor: u64, declared: u64, size: u64) -> Option<(Range<u64>, u64)> {
    let holds = |start: u64| {
        let bytes = input.get(start as usize..start.checked_add(size)? as usize)?;
        (size == 0 || bytes.starts_with(RECORD)).then_some(start..start + size)
    };
    let adjacent = anchor.checked_sub(size).and_then(|start| Some((holds(start)?, start.checked_sub(declared)?)));
    adjacent.or_else(|| {
        let directory = holds(declared)?;
        (directory.end <= anchor).then_some((directory, 0))
    })
}

struct End64 {
    range: Range<u64>,
    count: u64,
    size: u64,
    declared: u64,
}

/// The ZIP64 end record, if a locator stands before the end record.
fn zip64_end(input: &[u8], record: u64) -> Result<Option<End64>> {
    let Some(locator) = record.checked_sub(LOCATOR_LEN) else { return Ok(None) };
    let mut cursor = Cursor::new(input);
    cursor.seek(locator as usize)?;
    if !cursor.starts_with(LOCATOR) {
        return Ok(None);
    }
    cursor.skip(8)?;
    let declared_at = cursor.u64_le()?;
    // Its declared place does not count a prefix; as a rule it stands right before the locator.
    let usual = locator.checked_sub(56);
    let is_there = |start: &u64| {
        let bytes = usize::try_from(*start).ok().and_then(|start| input.get(start..locator as usize));
        bytes.is_some_and(|bytes| bytes.starts_with(END64))
    };
    let Some(start) = usual.filter(is_there).or(Some(declared_at).filter(is_there)) else {
        return Err(Error::malformed(locator, "no ZIP64 end record where its locator says"));
    };
    cursor.seek(start as usize + 4)?;
    let len = cursor.u64_le()?;
    cursor.skip(12)?;
    cursor.skip(8)?;
    let count = cursor.u64_le()?;
    let size = cursor.u64_le()?;
    let declared = cursor.u64_le()?;
    let end = start.saturating_add(12).saturating_add(len);
    if len < 44 || end > locator {
        return Err(Error::malformed(start, "the ZIP64 end record does not fit"));
    }
    Ok(Some(End64 { range: start..end, count, size, declared }))
}
