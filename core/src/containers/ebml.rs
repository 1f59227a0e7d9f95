//! EBML (RFC 8794): elements by byte ranges, and what follows when they change: the sizes of the elements around them
//! and the checksums (`CRC-32`) over these.
//!
//! An element is an ID, a size and data; a master holds elements. What goes becomes `Void`, which may stand anywhere
//! and needs two bytes at least, as every element has.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crc32fast::Hasher;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::plan::{Edit, Replacement};

/// The header of a document.
pub(crate) const HEADER: u32 = 0x1A45_DFA3;
/// Filler.
pub(crate) const VOID: u32 = 0xEC;
/// The checksum over the rest of its master, little-endian.
pub(crate) const CRC_32: u32 = 0xBF;

/// The longest size field that is read or written.
pub(crate) const LONGEST_SIZE: usize = 8;

/// One element. All ranges are bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) id: u32,
    /// First byte: of the ID.
    pub(crate) start: usize,
    /// As long as the size says; empty where the size is unknown. It may reach past the end of the file.
    pub(crate) data: Range<usize>,
    /// Length of the size field.
    pub(crate) size_len: usize,
    /// Whether it ends where an element begins that cannot be inside it.
    pub(crate) is_unknown: bool,
}

impl Element {
    /// Reads the head of the element at `at`, within `input` up to `end`.
    pub(crate) fn read(input: &[u8], at: usize, end: usize) -> Result<Self> {
        let mut cursor = Cursor::new(input.get(..end.min(input.len())).unwrap_or_default());
        cursor.seek(at)?;
        let first = cursor.u8()?;
        let id_len = first.leading_zeros() as usize + 1;
        if id_len > 4 {
            return Err(Error::malformed(at as u64, "not the ID of an element"));
        }
        let mut id = u32::from(first);
        for byte in cursor.take(id_len - 1)? {
            id = id << 8 | u32::from(*byte);
        }
        let first = cursor.u8()?;
        let size_len = first.leading_zeros() as usize + 1;
        if size_len > LONGEST_SIZE {
            return Err(Error::malformed(at as u64, "not the size of an element"));
        }
        let mut size = u64::from(first);
        for byte in cursor.take(size_len - 1)? {
            size = size << 8 | u64::from(*byte);
        }
        let bits = (1 << (7 * size_len)) - 1;
        let is_unknown = size & bits == bits;
        let data = cursor.position();
        let len = if is_unknown { 0 } else { usize::try_from(size & bits).unwrap_or(usize::MAX) };
        Ok(Self { id, start: at, data: data..data.saturating_add(len), size_len, is_unknown })
    }

    /// From the ID to the end of the data.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start..self.data.end
    }

    /// Where the size stands.
    pub(crate) fn size_field(&self) -> Range<usize> {
        self.data.start - self.size_len..self.data.start
    }

    /// The edit that makes `data` the data, which may have another length.
    pub(crate) fn with_data(&self, data: &[u8]) -> Result<Edit> {
        let mut bytes = size_field(data.len() as u64, self.size_len)?;
        bytes.extend_from_slice(data);
        Ok(Edit::replace(self.size_field().start as u64..self.data.end as u64, bytes))
    }
}

/// The elements in `range`, which end where it does.
pub(crate) struct Children<'a> {
    input: &'a [u8],
    position: usize,
    end: usize,
}

impl<'a> Children<'a> {
    pub(crate) fn new(input: &'a [u8], range: Range<usize>) -> Self {
        Self { input, position: range.start, end: range.end }
    }
}

impl Iterator for Children<'_> {
    type Item = Result<Element>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.input.get(self.position..self.end).unwrap_or_default();
        if rest.is_empty() || rest.iter().all(|byte| *byte == 0) {
            // Some writers fill up with zeros, which readers pass over.
            return None;
        }
        let read = Element::read(self.input, self.position, self.end).and_then(|element| {
            if element.is_unknown || element.data.end > self.end {
                return Err(Error::malformed(element.start as u64, "an element reaches past the one around it"));
            }
            Ok(element)
        });
        self.position = read.as_ref().map_or(self.end, |element| element.data.end);
        Some(read)
    }
}

/// An unsigned integer, which takes up to eight bytes.
pub(crate) fn unsigned(input: &[u8], element: &Element) -> Option<u64> {
    let bytes = input.get(element.data.clone())?;
    (bytes.len() <= 8).then(|| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// The bytes of a string, which ends at the first NUL.
pub(crate) fn string(input: &[u8], element: &Element) -> Range<usize> {
    let bytes = input.get(element.data.clone()).unwrap_or_default();
    let len = memchr::memchr(0, bytes).unwrap_or(bytes.len());
    element.data.start..element.data.start + len
}

/// `size` as a field of `len` bytes.
pub(crate) fn size_field(size: u64, len: usize) -> Result<Vec<u8>> {
    if !(1..=LONGEST_SIZE).contains(&len) || size > most(len) {
        return Err(Error::unsupported("a size does not fit into its field"));
    }
    let field = size | 1 << (7 * len);
    Ok(field.to_be_bytes().get(8 - len..).unwrap_or_default().to_vec())
}

/// The greatest size that `len` bytes can say; one more means unknown.
fn most(len: usize) -> u64 {
    (1 << (7 * len)) - 2
}

/// The edits that make filler of `range`, which is two bytes long at least: elements whose size fields have up to
/// `longest` bytes.
pub(crate) fn voids(range: Range<usize>, longest: usize) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let total = range.end - start;
        let longest = longest.clamp(1, LONGEST_SIZE);
        // The shortest field that says it; where none does, a part, of which the rest is two bytes or more.
        let len = (1..=longest).find(|len| total > *len && (total - 1 - len) as u64 <= most(*len));
        let (len, size) = match len {
            Some(len) => (len, total - 1 - len),
            None => (longest, (most(longest) - 1) as usize),
        };
        let Ok(field) = size_field(size as u64, len) else { break };
        let data = start + 1 + len..start + 1 + len + size;
        edits.push(Edit::replace(start as u64..data.start as u64, [vec![VOID as u8], field].concat()));
        if size > 0 {
            edits.push(Edit::fill(data.start as u64..data.end as u64, 0));
        }
        start = data.end;
    }
    edits
}

/// A master whose children were read.
#[derive(Clone, Debug)]
pub(crate) struct Master {
    pub(crate) element: Element,
    pub(crate) parent: Option<usize>,
    /// Its checksum.
    pub(crate) crc: Option<Element>,
}

/// An edit among the children of a master.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) master: usize,
    pub(crate) edit: Edit,
}

/// The masters of a file; each stands behind the one around it.
#[derive(Debug, Default)]
pub(crate) struct Masters(Vec<Master>);

impl Masters {
    /// Takes in a master, and tells its index.
    pub(crate) fn add(&mut self, element: Element, parent: Option<usize>) -> usize {
        self.0.push(Master { element, parent, crc: None });
        self.0.len() - 1
    }

    pub(crate) fn get(&self, index: usize) -> Option<&Master> {
        self.0.get(index)
    }

    /// Notes the checksum of a master.
    pub(crate) fn set_crc(&mut self, index: usize, crc: Element) {
        if let Some(master) = self.0.get_mut(index).filter(|_| crc.data.len() == 4) {
            master.crc = Some(crc);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The edits of `changes`, which are disjoint, and those that follow from them: sizes and checksums of the masters
    /// around them, innermost first.
    ///
    /// # Errors
    /// Unsupported when a size does not fit into its field any more.
    pub(crate) fn follow(&self, input: &[u8], changes: Vec<Change>) -> Result<Vec<Edit>> {
        let mut growth: HashMap<usize, i64> = HashMap::new();
        let mut touched: BTreeSet<usize> = BTreeSet::new();
        let mut edits: BTreeMap<u64, Edit> = BTreeMap::new();
        for Change { master, edit } in changes {
            *growth.entry(master).or_default() += grows(&edit);
            touched.insert(master);
            edits.insert(edit.range.start, edit);
        }
        while let Some(index) = touched.pop_last() {
            let Some(master) = self.0.get(index) else { continue };
            let grown = growth.get(&index).copied().unwrap_or(0);
            if grown != 0 && !master.element.is_unknown {
                let size = (master.element.data.len() as u64).saturating_add_signed(grown);
                let field = master.element.size_field();
                let edit =
                    Edit::replace(field.start as u64..field.end as u64, size_field(size, master.element.size_len)?);
                edits.insert(edit.range.start, edit);
            }
            if let Some(crc) = &master.crc {
                let sum = checksum(input, &master.element, crc, &edits);
                let range = crc.data.start as u64..crc.data.end as u64;
                edits.insert(range.start, Edit::replace(range, sum.to_le_bytes().to_vec()));
            }
            if let Some(parent) = master.parent {
                *growth.entry(parent).or_default() += grown;
                touched.insert(parent);
            }
        }
        Ok(edits.into_values().collect())
    }
}

/// How many bytes an edit adds; negative when it cuts.
pub(crate) fn grows(edit: &Edit) -> i64 {
    edit.with.len().cast_signed() - (edit.range.end - edit.range.start).cast_signed()
}

/// The checksum over the data of `master` after `edits`, without the element `crc`.
fn checksum(input: &[u8], master: &Element, crc: &Element, edits: &BTreeMap<u64, Edit>) -> u32 {
    let mut hasher = Hasher::new();
    for range in [master.data.start..crc.start, crc.data.end..master.data.end] {
        let mut position = range.start;
        for (_, edit) in edits.range(range.start as u64..range.end as u64) {
            hasher.update(input.get(position..edit.range.start as usize).unwrap_or_default());
            match &edit.with {
                Replacement::Bytes(bytes) => hasher.update(bytes),
                Replacement::Fill { byte, len } => repeat(&mut hasher, *byte, *len),
            }
            position = edit.range.end as usize;
        }
        hasher.update(input.get(position..range.end).unwrap_or_default());
    }
    hasher.finalize()
}

fn repeat(hasher: &mut Hasher, byte: u8, mut count: u64) {
    let block = [byte; 4096];
    while count > 0 {
        let step = count.min(block.len() as u64);
        hasher.update(block.get(..step as usize).unwrap_or_default());
        count -= step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::plan::Plan;

    fn read(bytes: &[u8]) -> Element {
        Element::read(bytes, 0, bytes.len()).unwrap()
    }

    #[test]
    fn heads_of_every_length_are_read() {
        let element = read(&[0x42, 0x86, 0x81, 1]);
        assert_eq!((element.id, element.data.clone(), element.size_len), (0x4286, 3..4, 1));
        let element = read(&[0xEC, 0x01, 0, 0, 0, 0, 0, 0, 2]);
        assert_eq!((element.id, element.data.clone(), element.size_field()), (VOID, 9..11, 1..9));
        assert!(read(&[0x1F, 0x43, 0xB6, 0x75, 0xFF]).is_unknown);
        assert!(read(&[0x1F, 0x43, 0xB6, 0x75, 0x7F, 0xFF]).is_unknown);
        assert_eq!(read(&[0x1F, 0x43, 0xB6, 0x75, 0x40, 0x7F]).data.len(), 0x7F);
        for bytes in [&[0x08, 0, 0, 0, 0, 0x80][..], &[0xEC, 0], &[0xEC], &[0x42]] {
            assert_eq!(Element::read(bytes, 0, bytes.len()).unwrap_err().kind(), ErrorKind::Malformed);
        }
    }

    #[test]
    fn sizes_keep_clear_of_the_unknown_one() {
        assert_eq!(size_field(126, 1).unwrap(), [0xFE]);
        assert_eq!(size_field(0, 8).unwrap(), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(size_field(127, 2).unwrap(), [0x40, 0x7F]);
        assert!(size_field(127, 1).is_err());
        assert!(size_field(0, 9).is_err());
    }

    #[test]
    fn filler_of_every_length_reads_back_as_void() {
        for longest in [1, 2, 8] {
            for total in (2..300).chain([16_384, 16_385, 16_386, 16_387, 16_388, 40_000]) {
                let input = vec![7; total];
                let plan = Plan::new(voids(0..total, longest), total as u64).unwrap();
                assert!(plan.keeps_length());
                let output = plan.apply(&input).unwrap();
                let elements: Vec<_> = Children::new(&output, 0..total).map(Result::unwrap).collect();
                assert!(elements.iter().all(|element| element.id == VOID && element.size_len <= longest));
                assert_eq!(elements.last().unwrap().data.end, total, "{total}");
                let data: Vec<_> = elements.iter().flat_map(|element| &output[element.data.clone()]).collect();
                assert!(data.iter().all(|byte| **byte == 0));
                assert!(longest == 1 || elements.len() == 1 || total > 16_000);
            }
        }
    }

    #[test]
    fn sizes_and_checksums_follow_up_to_the_root() {
        // A master with a checksum, in one with another: `A1 [BF] 42 [BF] …`.
        let inner = [&[0xBF, 0x84, 0, 0, 0, 0][..], &[0xEC, 0x82, 5, 6], &[0xEC, 0x81, 9]].concat();
        let outer = [&[0xBF, 0x84, 0, 0, 0, 0][..], &[0xA2, 0x80 | inner.len() as u8], &inner].concat();
        let input = [&[0xA1, 0x80 | outer.len() as u8][..], &outer].concat();
        let mut masters = Masters::default();
        let outer = read(&input);
        let mut children = Children::new(&input, outer.data.clone());
        let (crc, inner) = (children.next().unwrap().unwrap(), children.next().unwrap().unwrap());
        let mut grandchildren = Children::new(&input, inner.data.clone());
        let (inner_crc, gone) = (grandchildren.next().unwrap().unwrap(), grandchildren.next().unwrap().unwrap());
        let outer = masters.add(outer, None);
        masters.set_crc(outer, crc);
        let inner = masters.add(inner, Some(outer));
        masters.set_crc(inner, inner_crc);
        let edit = Edit::delete(gone.start as u64..gone.data.end as u64);
        let edits = masters.follow(&input, vec![Change { master: inner, edit }]).unwrap();
        let output = Plan::new(edits, input.len() as u64).unwrap().apply(&input).unwrap();
        assert_eq!(output.len(), input.len() - 4);
        assert_eq!(output[1], 0x80 | (output.len() - 2) as u8);
        let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_le_bytes();
        assert_eq!(output[12..16], sum(&output[16..]));
        assert_eq!(output[4..8], sum(&output[8..]));
    }
}
