//! One property set: its list of properties, its dictionary, and the same without some of them ([MS-OLEPS] 2.16 to
//! 2.21).

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::names::Set;
use super::value::{self, Page};
use crate::containers::office;
use crate::containers::text;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, KeyCase, Kind, Site};

/// Numbers that have a meaning of their own.
const DICTIONARY: u32 = 0;
const CODE_PAGE: u32 = 1;
/// A property with this bit names the bookmark that the property without it is linked to.
const LINK: u32 = 0x0100_0000;
const LOCALE: u32 = 0x8000_0000;
const BEHAVIOUR: u32 = 0x8000_0003;

/// A property of the set, or a name without one.
#[derive(Debug)]
struct Property {
    id: u32,
    /// Its place in the list of the set.
    entry: Option<usize>,
    /// Bytes of the stream that are its value, with padding.
    value: Range<usize>,
    /// Whether the value runs into another one.
    overlaps: bool,
    /// Its entry of the dictionary, as bytes of the stream.
    name: Option<Range<usize>>,
}

/// A parsed set. Ranges are bytes of the stream.
#[derive(Debug)]
pub(super) struct Section {
    /// The set and what may follow it, up to the next set.
    pub(super) room: Range<usize>,
    /// Why some of its properties cannot be told.
    pub(super) hidden: Option<&'static str>,
    /// What the set says of its own length.
    declared: usize,
    /// Whether that cannot be.
    contradicts: bool,
    /// In the order of the list; then names without a property.
    properties: Vec<Property>,
    /// How many of them the list has.
    listed: usize,
    /// The value of property 0, and how it spells.
    dictionary: Range<usize>,
    page: Page,
    sites: Vec<(usize, Site)>,
}

impl Section {
    pub(super) fn parse(bytes: &[u8], room: Range<usize>, format: [u8; 16], limits: &Limits) -> Result<Self> {
        let at = room.start as u64;
        let section =
            bytes.get(room.clone()).ok_or_else(|| Error::malformed(at, "a property set leaves its stream"))?;
        let mut cursor = Cursor::within(section, at);
        let declared = cursor.u32_le()? as usize;
        let count = cursor.u32_le()? as usize;
        if count > cursor.remaining() / 8 {
            return Err(Error::malformed(at + 4, "more properties than the set has room for"));
        }
        limits.check_items(count, "properties")?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push((cursor.u32_le()?, cursor.u32_le()? as usize));
        }
        // Values are read up to the declared end: what lies behind it is another after the set was packed.
        let furthest = list.iter().map(|(_, offset)| *offset).max().unwrap_or_default();
        let contradicts = declared > section.len() || furthest >= declared;
        let section = if contradicts { section } else { section.get(..declared).unwrap_or(section) };
        let mut parsed = Self {
            room,
            hidden: None,
            declared,
            contradicts,
            properties: Vec::with_capacity(count),
            listed: count,
            dictionary: 0..0,
            page: page(section, &list),
            sites: Vec::new(),
        };
        parsed.place(section, &list)?;
        let names = parsed.read_dictionary(section);
        parsed.list_sites(section, Set::of(format), &names, limits);
        Ok(parsed)
    }

    /// Finds where every value begins and ends.
    fn place(&mut self, section: &[u8], list: &[(u32, usize)]) -> Result<()> {
        let at = self.room.start;
        let list_end = 8 + 8 * list.len();
        let mut starts: Vec<usize> = list.iter().map(|(_, offset)| *offset).collect();
        starts.sort_unstable();
        let mut ends = Vec::with_capacity(list.len());
        for (entry, (id, offset)) in list.iter().enumerate() {
            let rest = section.get(*offset..).filter(|_| *offset >= list_end);
            let rest =
                rest.ok_or_else(|| Error::malformed((at + 8 + 8 * entry) as u64, "a property leaves its set"))?;
            let next = starts.get(starts.partition_point(|start| start <= offset)).copied().unwrap_or(section.len());
            let len = if *id == DICTIONARY { None } else { value::read(rest, self.page, false).len };
            // Values may begin anywhere, but end with padding; the last of a set may be without.
            let declared = self.declared.min(section.len());
            let padded = |len: usize| (offset + len).next_multiple_of(4).min(declared.max(offset + len));
            let is_last = next == section.len();
            let end = len.map_or(if is_last { declared.max(*offset) } else { next }, padded).min(next);
            let value = at + offset..at + end;
            ends.push((*offset, offset + len.unwrap_or_default(), entry));
            self.properties.push(Property { id: *id, entry: Some(entry), value, overlaps: false, name: None });
        }
        self.note_overlaps(ends);
        Ok(())
    }

    /// Notes which values run into others, by start, end and number of each.
    fn note_overlaps(&mut self, mut ends: Vec<(usize, usize, usize)>) {
        ends.sort_unstable();
        let mut last = (0, 0, usize::MAX);
        for (start, end, entry) in ends {
            if last.2 != usize::MAX && (start == last.0 || start < last.1) {
                for entry in [entry, last.2] {
                    self.properties.get_mut(entry).into_iter().for_each(|property| property.overlaps = true);
                }
            }
            last = if end >= last.1 { (start, end, entry) } else { (start, last.1, last.2) };
        }
    }

    /// Reads the dictionary: the name of every number, as far as it can be read.
    fn read_dictionary(&mut self, section: &[u8]) -> HashMap<u32, String> {
        let mut names = HashMap::new();
        let Some(dictionary) = self.properties.iter().position(|property| property.id == DICTIONARY) else {
            return names;
        };
        let Some(range) = self.properties.get(dictionary).map(|property| property.value.clone()) else { return names };
        let base = self.room.start;
        let bytes = section.get(range.start - base..range.end - base).unwrap_or_default();
        let mut cursor = Cursor::within(bytes, 0);
        let mut entries = Vec::new();
        let mut read = || -> Result<()> {
            for _ in 0..cursor.u32_le()? {
                let start = cursor.position();
                let id = cursor.u32_le()?;
                let len = cursor.u32_le()? as usize;
                let wide = self.page == Page::Utf16;
                let name = cursor.take(if wide { len.saturating_mul(2) } else { len })?;
                let name = self.page.decode(name).unwrap_or_else(|| text::decode(name));
                if wide {
                    cursor.skip(cursor.position().wrapping_neg().rem_euclid(4).min(cursor.remaining()))?;
                }
                entries.push((id, range.start + start..range.start + cursor.position(), name));
            }
            Ok(())
        };
        if read().is_err() {
            self.hidden = Some("the dictionary of a property set cannot be read to its end");
        }
        self.dictionary = range.start..range.start + cursor.position().next_multiple_of(4).min(range.len());
        if let Some(property) = self.properties.get_mut(dictionary) {
            property.value = self.dictionary.clone();
        }
        let numbers: HashMap<u32, usize> =
            self.properties.iter().enumerate().rev().map(|(index, property)| (property.id, index)).collect();
        for (id, range, name) in entries {
            let free = numbers.get(&id).and_then(|index| self.properties.get_mut(*index));
            if let Some(property) = free.filter(|property| property.name.is_none() && id > CODE_PAGE) {
                property.name = Some(range);
                names.insert(id, name);
            } else {
                // A name without a property, or a second one: it is a label that has no value.
                let property = Property { id, entry: None, value: 0..0, overlaps: false, name: Some(range) };
                self.properties.push(property);
                names.entry(id).or_insert(name);
            }
        }
        names
    }

    fn list_sites(&mut self, section: &[u8], set: Set, names: &HashMap<u32, String>, limits: &Limits) {
        let base = self.room.start;
        for (index, property) in self.properties.iter().enumerate() {
            let (id, link) = (property.id, property.id ^ LINK);
            let is_link = id & LINK != 0 && id < 0x8000_0000 && names.contains_key(&link);
            if matches!(id, DICTIONARY | CODE_PAGE | LOCALE | BEHAVIOUR) && property.entry.is_some() || is_link {
                continue;
            }
            let own = property.name.as_ref().and_then(|range| {
                let bytes = section.get(range.start - base + 8..range.end - base)?;
                Some(self.page.decode(bytes).unwrap_or_else(|| text::decode(bytes)))
            });
            let (key, kind) = match (own, set.field(id)) {
                (Some(name), _) if !name.is_empty() => {
                    let kind = office::kind(&name);
                    (name, kind)
                }
                (_, Some(field)) => (field.to_owned(), Kind::Standard),
                _ => continue,
            };
            let is_duration = set == Set::Summary && id == 10;
            let bytes = section.get(property.value.start.saturating_sub(base)..).unwrap_or_default();
            let value = match property.entry {
                Some(_) => value::read(bytes, self.page, is_duration),
                None => value::Value::default(),
            };
            let obstacle = if self.contradicts {
                Some(Barrier::new(ErrorKind::Conflict, "its property set has another length than it says"))
            } else if property.overlaps {
                Some(Barrier::new(ErrorKind::Conflict, "its value overlaps that of another property"))
            } else if value.is_elsewhere {
                Some(Barrier::new(ErrorKind::Unsupported, "its value stands in a stream of its own"))
            } else {
                None
            };
            let start =
                property.entry.map_or(property.name.as_ref().map_or(0, |name| name.start), |_| property.value.start);
            self.sites.push((
                index,
                Site {
                    address: format!("{}:{key}", set.carrier()),
                    barrier: Barrier::of_protected(&key).or(obstacle),
                    key,
                    kind,
                    value: value.text.map(|value| text::value(value, limits)),
                    case: KeyCase::Insensitive,
                    offset: start as u64,
                    ..Site::default()
                },
            ));
        }
    }

    pub(super) fn take_sites(&mut self) -> Vec<(usize, Site)> {
        std::mem::take(&mut self.sites)
    }

    /// The properties that go with these: their links.
    fn with_links(&self, chosen: &[usize]) -> Vec<usize> {
        let ids: HashSet<u32> = chosen.iter().filter_map(|index| Some(self.properties.get(*index)?.id)).collect();
        let goes = |(index, property): &(usize, &Property)| {
            let is_link = property.id & LINK != 0 && property.id < LOCALE && ids.contains(&(property.id ^ LINK));
            chosen.binary_search(index).is_ok() || (is_link && !property.overlaps)
        };
        self.properties.iter().enumerate().filter(goes).map(|(index, _)| index).collect()
    }

    /// Makes the set ready to lose the chosen properties: what is still to be cut out of the stream, in order, of which
    /// every length is a multiple of four.
    pub(super) fn remove(&self, bytes: &mut [u8], chosen: &[usize]) -> Vec<Range<usize>> {
        let chosen = self.with_links(chosen);
        let at = |index: &usize| self.properties.get(*index);
        let gone: Vec<&Property> = chosen.iter().filter_map(at).collect();
        let mut cuts: Vec<Range<usize>> = Vec::new();
        let list = self.room.start + 8;
        for property in &gone {
            if let Some(entry) = property.entry {
                cuts.push(list + 8 * entry..list + 8 * entry + 8);
                let value = &property.value;
                // What remains of an odd length stays as zeros, so that values behind it keep their alignment.
                let kept = value.len() % 4;
                bytes.get_mut(value.clone()).into_iter().for_each(|bytes| bytes.fill(0));
                cuts.push(value.start..value.end - kept);
            }
        }
        let mut names: Vec<Range<usize>> = gone.iter().filter_map(|property| property.name.clone()).collect();
        names.sort_by_key(|name| name.start);
        if !names.is_empty() {
            cuts.extend(self.pack_dictionary(bytes, &names));
        }
        cuts.retain(|cut| !cut.is_empty());
        cuts.sort_by_key(|cut| cut.start);
        self.correct(bytes, &cuts);
        cuts
    }

    /// Moves the names that stay to the front of the dictionary. What it then has at its end may be cut.
    fn pack_dictionary(&self, bytes: &mut [u8], names: &[Range<usize>]) -> Option<Range<usize>> {
        let Range { start, end } = self.dictionary.clone();
        let old = bytes.get(start..end)?;
        let count = u32::from_le_bytes(*old.first_chunk()?).saturating_sub(names.len() as u32);
        let mut kept: Vec<&Range<usize>> =
            self.properties.iter().filter_map(|property| property.name.as_ref()).collect();
        kept.retain(|name| names.binary_search_by_key(&name.start, |gone| gone.start).is_err());
        kept.sort_by_key(|name| name.start);
        let mut new = count.to_le_bytes().to_vec();
        for name in kept {
            new.extend_from_slice(bytes.get(name.clone())?);
        }
        let freed = (end - start).saturating_sub(new.len()) & !3;
        new.resize(end - start, 0);
        bytes.get_mut(start..end)?.copy_from_slice(&new);
        // Without a readable end nothing behind it may move.
        Some(if self.hidden.is_some() { start..start } else { end - freed..end })
    }

    /// Corrects what counts from the start of the set, for when the cuts are taken out.
    fn correct(&self, bytes: &mut [u8], cuts: &[Range<usize>]) {
        let start = self.room.start;
        // Bytes cut up to the end of each cut.
        let sums: Vec<usize> = cuts
            .iter()
            .scan(0, |sum, cut| {
                *sum += cut.len();
                Some(*sum)
            })
            .collect();
        let cut_before = |offset: usize| {
            let before = cuts.partition_point(|cut| cut.end <= start + offset);
            before.checked_sub(1).and_then(|last| sums.get(last)).copied().unwrap_or_default()
        };
        let mut put = |at: usize, value: usize| {
            if let Some(field) = bytes.get_mut(at..at + 4) {
                field.copy_from_slice(&(value as u32).to_le_bytes());
            }
        };
        let gone = cuts.iter().filter(|cut| cut.end <= start + 8 + 8 * self.listed).count();
        put(start, self.declared.saturating_sub(sums.last().copied().unwrap_or_default()));
        put(start + 4, self.listed - gone);
        for property in &self.properties {
            if let Some(entry) = property.entry {
                let offset = property.value.start - start;
                put(start + 8 + 8 * entry + 4, offset - cut_before(offset));
            }
        }
    }

    /// Where the set ends by its own account.
    pub(super) fn end(&self) -> usize {
        (self.room.start + self.declared).min(self.room.end)
    }

    /// The bytes of the stream that the set is made of.
    pub(super) fn used(&self) -> Vec<Range<usize>> {
        let list = self.room.start..self.room.start + 8 + 8 * self.listed;
        std::iter::once(list).chain(self.properties.iter().map(|property| property.value.clone())).collect()
    }

    /// What belongs to sites and to the known structure of the set.
    pub(super) fn claimed(&self) -> Vec<Range<usize>> {
        let names = self.properties.iter().filter_map(|property| property.name.clone());
        self.used().into_iter().filter(|range| *range != self.dictionary).chain(names).collect()
    }
}

/// The code page that the set declares.
fn page(section: &[u8], list: &[(u32, usize)]) -> Page {
    let declared = list.iter().find(|(id, _)| *id == CODE_PAGE).and_then(|(_, offset)| {
        let mut cursor = Cursor::new(section);
        cursor.seek(*offset).ok()?;
        cursor.u32_le().ok().filter(|kind| kind & 0xFFFF == 2)?;
        cursor.u16_le().ok()
    });
    Page::of(declared.unwrap_or(1252))
}
