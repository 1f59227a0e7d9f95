//! Named properties ([MS-OXMSG] 2.2.3): which name a property number from 0x8000 on has.
//!
//! The list of names is indexed by those numbers, so that no entry may ever go. A name that is no longer used becomes
//! another one of the same length and the same hash bucket, which nothing asks for.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::containers::cfb::{CompoundFile, Extents};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::Edit;
use crate::survey::Barrier;

use super::storage::Streams;

/// The storage that maps names.
const STORAGE: &str = "__nameid_version1.0";
const GUIDS: &str = "__substg1.0_00020102";
const ENTRIES: &str = "__substg1.0_00030102";
const STRINGS: &str = "__substg1.0_00040102";

/// Into how many streams names are hashed.
const BUCKETS: u32 = 31;

/// The letters of which the last of an unused name is one: nobody types them.
const UNUSED: Range<u32> = 0xE000..0xE800;

/// Names of header fields, `{00020386-0000-0000-C000-000000000046}`.
const INTERNET_HEADERS: [u8; 16] = *b"\x86\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";

/// A property named by text.
#[derive(Clone, Debug)]
pub(super) struct Name {
    /// The number of the property.
    pub(super) id: u16,
    pub(super) text: String,
    /// Whether it names a field of a mail header.
    pub(super) is_header: bool,
    /// The name as bytes of the stream of names.
    pub(super) range: Range<usize>,
    /// Whether it shares bytes with another name.
    pub(super) barrier: Option<Barrier>,
    /// By which its namespace is told in the hash.
    space: u32,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) list: Vec<Name>,
    /// The stream of names.
    pub(super) strings: Vec<u8>,
    pub(super) extents: Extents,
    /// The hash streams, by their number.
    buckets: HashMap<u32, (Vec<u8>, Extents)>,
}

impl Names {
    /// Reads the mapping of the message.
    ///
    /// # Errors
    /// Malformed, when a name stands outside the stream of names.
    pub(super) fn read(file: &CompoundFile<'_>, streams: &Streams, limits: &Limits) -> Result<Self> {
        let Some(storage) = streams.find(0, STORAGE) else { return Ok(Self::default()) };
        let read = |name: &str| match streams.find(storage, name) {
            Some(id) => file.read(id, limits).map(|bytes| (bytes.into_owned(), Some(id))),
            None => Ok((Vec::new(), None)),
        };
        let (guids, _) = read(GUIDS)?;
        let (entries, _) = read(ENTRIES)?;
        let (strings, id) = read(STRINGS)?;
        let mut names = Self { strings, ..Self::default() };
        if let Some(id) = id {
            names.extents = file.extents(id)?;
        }
        for (index, entry) in entries.chunks_exact(8).take(0x8000).enumerate() {
            let (at, flags) = (u32_at(entry, 0), u32_at(entry, 4));
            if flags & 1 == 1 {
                let name = names.name(index as u16, at as usize, flags & 0xFFFF, &guids);
                names
                    .list
                    .push(name.ok_or_else(|| Error::malformed(u64::from(at), "a name leaves the list of names"))?);
            }
        }
        names.note_overlaps();
        for bucket in 0x1000..0x1000 + BUCKETS {
            let (bytes, id) = read(&format!("__substg1.0_{bucket:04X}0102"))?;
            if let Some(id) = id {
                names.buckets.insert(bucket, (bytes, file.extents(id)?));
            }
        }
        Ok(names)
    }

    fn name(&self, index: u16, at: usize, flags: u32, guids: &[u8]) -> Option<Name> {
        let len = u32_at(self.strings.get(at..at.checked_add(4)?)?, 0) as usize;
        let range = at + 4..(at + 4).checked_add(len)?;
        let units = self.strings.get(range.clone())?.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let text = String::from_utf16_lossy(&units.collect::<Vec<_>>());
        let guid = (flags as usize >> 1).checked_sub(3).and_then(|place| guids.get(16 * place..16 * place + 16));
        let is_header = guid == Some(&INTERNET_HEADERS[..]);
        Some(Name { id: 0x8000 + index, text, is_header, range, barrier: None, space: flags })
    }

    fn note_overlaps(&mut self) {
        let mut order: Vec<usize> = (0..self.list.len()).collect();
        order.sort_by_key(|index| self.list.get(*index).map_or(0, |name| name.range.start));
        let mut last: Option<(usize, usize)> = None;
        for index in order {
            let Some(range) = self.list.get(index).map(|name| name.range.clone()) else { continue };
            if let Some((other, end)) = last
                && range.start < end
            {
                let barrier = Barrier::new(ErrorKind::Conflict, "its name shares bytes with another name");
                for index in [index, other] {
                    self.list.get_mut(index).into_iter().for_each(|name| name.barrier = Some(barrier.clone()));
                }
            }
            if last.is_none_or(|(_, end)| range.end > end) {
                last = Some((index, range.end));
            }
        }
    }

    /// The edits of the file that give these names (by their place in the list) up, for each that has a substitute.
    pub(super) fn give_up(&self, chosen: &[usize]) -> HashMap<usize, Vec<Edit>> {
        let mut taken: HashSet<String> = self.list.iter().map(|name| name.text.clone()).collect();
        let mut given_up = |index: &usize| Some((*index, self.substitute(self.list.get(*index)?, &mut taken)?));
        chosen.iter().filter_map(&mut given_up).collect()
    }

    fn substitute(&self, name: &Name, taken: &mut HashSet<String>) -> Option<Vec<Edit>> {
        // Half a letter too much cannot be written again.
        let old = crc(self.strings.get(name.range.clone()).filter(|name| name.len().is_multiple_of(2))?);
        let filler = "_".repeat((name.range.len() / 2).checked_sub(1)?);
        let bucket = |crc: u32| 0x1000 + (crc ^ name.space) % BUCKETS;
        let (new, bytes) = UNUSED.filter_map(char::from_u32).find_map(|last| {
            let text = format!("{filler}{last}");
            let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            (bucket(crc(&bytes)) == bucket(old) && !taken.contains(&text)).then_some((text, bytes))
        })?;
        taken.insert(new);
        let crc = crc(&bytes);
        let mut edits = self.extents.spread(&Edit::replace(name.range.start as u64..name.range.end as u64, bytes));
        // Some writers fill the hash streams otherwise, or not at all: what is there is kept in step.
        if let Some((hashes, extents)) = self.buckets.get(&bucket(old)) {
            let number = u32::from(name.id - 0x8000) << 16 | name.space;
            for (place, _) in hashes.chunks_exact(8).enumerate().filter(|(_, it)| u32_at(it, 4) == number) {
                let at = 8 * place as u64;
                edits.extend(extents.spread(&Edit::replace(at..at + 4, crc.to_le_bytes().to_vec())));
            }
        }
        Some(edits)
    }
}

/// Whether a name was given up.
pub(super) fn is_given_up(name: &str) -> bool {
    let mut letters = name.chars().rev();
    letters.next().is_some_and(|last| UNUSED.contains(&u32::from(last))) && letters.all(|letter| letter == '_')
}

/// The hash of a name: CRC-32 that begins with zero and is not inverted ([MS-OXRTFCP] 2.1.3.2).
fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    !hasher.finalize()
}

/// Four bytes of a record as a number.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_odd_length_has_no_substitute() {
        let strings = "id_of".encode_utf16().flat_map(u16::to_le_bytes).chain([7]).collect();
        let mut names = Names { strings, ..Names::default() };
        for (len, count) in [(10, 1), (11, 0)] {
            let name =
                Name { id: 0x8000, text: "id_of".into(), is_header: false, range: 0..len, barrier: None, space: 0 };
            names.list = vec![name];
            assert_eq!(names.give_up(&[0]).len(), count, "{len}");
        }
    }

    #[test]
    fn names_hash_as_mapi_hashes_them() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        // Keyword of a real message: its entry stands in stream 0x1004 with namespace 2.
        let bytes = utf16("Keywords");
        let mut slow = 0u32;
        for byte in &bytes {
            slow ^= u32::from(*byte);
            for _ in 0..8 {
                slow = if slow & 1 == 1 { slow >> 1 ^ 0xEDB8_8320 } else { slow >> 1 };
            }
        }
        assert_eq!(crc(&bytes), slow);
        assert!(is_given_up("__\u{E123}") && is_given_up("\u{E000}"));
        assert!(!is_given_up("__a") && !is_given_up("a\u{E000}") && !is_given_up(""));
    }
}
