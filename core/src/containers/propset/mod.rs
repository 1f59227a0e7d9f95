//! Property sets ([MS-OLEPS]; [MS-OSHARED] 2.3.3.2 for those of documents): streams of numbered, typed values.
//!
//! The user-defined set names its properties in a dictionary, property 0; those are labels that somebody chose. The
//! fields of the two summary sets are the format's own. A property goes with its dictionary entry and with its link to
//! a bookmark (the same number with `0x01000000`). Its set is packed again without it, the numbers of the others stay,
//! and zeros follow the last set: the stream keeps its length.

mod names;
mod section;
#[cfg(test)]
pub(crate) mod tests;
mod value;

use std::ops::Range;

use super::Carrier;
use super::nested::rewrite;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::Site;

use section::Section;
pub(crate) use value::{Page, instant};

/// A parsed stream of property sets.
#[derive(Debug)]
pub(crate) struct PropertySets {
    bytes: Vec<u8>,
    sections: Vec<Section>,
    sites: Vec<Site>,
    /// For each site, its section and its property in it.
    places: Vec<(usize, usize)>,
}

/// Length of the header before the list of sections.
const HEADER: usize = 28;

/// Sections that a stream may have: the specification knows of two at most.
const MOST_SECTIONS: u32 = 64;

/// Whether the bytes begin like a stream of property sets.
pub(crate) fn is_property_set(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFE, 0xFF]) && matches!(bytes.get(2..4), Some([0 | 1, 0])) && bytes.len() >= HEADER + 20
}

impl PropertySets {
    /// Reads the stream.
    ///
    /// # Errors
    /// Malformed, with the offset in the stream, when a section cannot be told from its neighbours.
    pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        let mut cursor = Cursor::new(bytes);
        if !is_property_set(bytes) {
            return Err(Error::malformed(0, "not a property set"));
        }
        cursor.seek(24)?;
        let count = cursor.u32_le()?;
        if count > MOST_SECTIONS {
            return Err(Error::malformed(24, "more property sets than a stream has"));
        }
        let mut starts = Vec::new();
        for _ in 0..count {
            let format: [u8; 16] = cursor.array()?;
            starts.push((cursor.u32_le()? as usize, format));
        }
        let mut sections = Vec::new();
        for (start, format) in &starts {
            let next = starts.iter().map(|(other, _)| *other).filter(|other| other > start).min();
            let room = *start..next.unwrap_or(bytes.len()).min(bytes.len());
            if *start < cursor.position() || sections.iter().any(|other: &Section| other.room.start == *start) {
                return Err(Error::malformed(24, "property sets overlap"));
            }
            sections.push(Section::parse(bytes, room, *format, limits)?);
        }
        let mut all = Self { bytes: bytes.to_vec(), sections, sites: Vec::new(), places: Vec::new() };
        all.list();
        Ok(all)
    }

    fn list(&mut self) {
        for (index, section) in self.sections.iter_mut().enumerate() {
            for (property, site) in section.take_sites() {
                self.sites.push(site);
                self.places.push((index, property));
            }
        }
    }

    /// The stream without these sites (ascending), as long as before, and without stale copies in what is no part of
    /// a set.
    pub(crate) fn without(&self, chosen: &[usize], needles: &Needles, limits: &Limits) -> Result<Vec<u8>> {
        let mut bytes = self.bytes.clone();
        let mut cuts = Vec::new();
        for (index, section) in self.sections.iter().enumerate() {
            let own = chosen.iter().filter_map(|site| self.places.get(*site));
            let own: Vec<usize> = own.filter(|(of, _)| *of == index).map(|(_, property)| *property).collect();
            if !own.is_empty() {
                cuts.extend(section.remove(&mut bytes, &own));
            }
        }
        self.cut(&mut bytes, cuts);
        let after = Self::parse(&bytes, limits)?;
        for gap in after.gaps() {
            let stale = bytes.get(gap.clone()).map(|bytes| super::cfb::blank_out(bytes, needles, |_| 0..bytes.len()));
            if stale.is_some_and(|stale| !stale.is_empty()) {
                bytes.get_mut(gap).into_iter().for_each(|bytes| bytes.fill(0));
            }
        }
        Ok(bytes)
    }

    /// Takes the cuts out of the stream: the sets move together, since readers look for one where the other ends, and
    /// zeros follow the last.
    fn cut(&self, bytes: &mut [u8], mut cuts: Vec<Range<usize>>) {
        cuts.sort_by_key(|cut| cut.start);
        for (index, section) in self.sections.iter().enumerate() {
            let before: usize =
                cuts.iter().filter(|cut| cut.end <= section.room.start).map(ExactSizeIterator::len).sum();
            let at = HEADER + 20 * index + 16;
            if let Some(field) = bytes.get_mut(at..at + 4) {
                field.copy_from_slice(&((section.room.start - before) as u32).to_le_bytes());
            }
        }
        let used = self.sections.iter().flat_map(Section::used).map(|used| used.end);
        let end = used.chain(self.sections.iter().map(Section::end)).max().unwrap_or_default();
        let mut position = cuts.first().map_or(end, |cut| cut.start);
        let mut to = position;
        for cut in cuts.into_iter().chain(std::iter::once(end..end)) {
            bytes.copy_within(position..cut.start, to);
            to += cut.start - position;
            position = cut.end;
        }
        bytes.get_mut(to..end).into_iter().for_each(|rest| rest.fill(0));
    }

    /// The edit of the stream that makes it [`without`](Self::without) these sites, if anything changes.
    pub(crate) fn edit(&self, chosen: &[usize], needles: &Needles, limits: &Limits) -> Result<Option<Edit>> {
        Ok(rewrite(0, &self.bytes, &self.without(chosen, needles, limits)?))
    }

    /// The bytes of the stream that belong to no set, value or name.
    pub(crate) fn gaps(&self) -> Vec<Range<usize>> {
        let lists = std::iter::once(0..HEADER + 20 * self.sections.len());
        let mut used: Vec<Range<usize>> = lists.chain(self.sections.iter().flat_map(Section::used)).collect();
        used.sort_by_key(|range| range.start);
        let mut gaps = Vec::new();
        let mut position = 0;
        for range in used.into_iter().chain(std::iter::once(self.bytes.len()..self.bytes.len())) {
            if position < range.start {
                gaps.push(position..range.start);
            }
            position = position.max(range.end);
        }
        gaps
    }

    /// The stream.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Why some properties of the stream cannot be told, if so.
    pub(crate) fn hidden(&self) -> Option<&'static str> {
        self.sections.iter().find_map(|section| section.hidden)
    }
}

impl Carrier for PropertySets {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], _: Layout) -> Result<Vec<Edit>> {
        Ok(self.edit(chosen, &Needles::default(), &Limits::default())?.into_iter().collect())
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        let lists = std::iter::once(0..HEADER + 20 * self.sections.len());
        lists.chain(self.sections.iter().flat_map(Section::claimed)).collect()
    }
}
