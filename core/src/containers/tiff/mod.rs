//! TIFF structures (TIFF 6.0, Exif 3.0, BigTIFF): an Exif block, or a whole TIFF file.
//!
//! Labels are the tags that hold text or describe the document, in the main chain of directories and in the SubIFDs,
//! Exif, GPS and interoperability directories; XMP (tag 700), IPTC (33723) and Photoshop resources (34377) are carriers
//! within. Layout of the image, thumbnails and MakerNotes are not sites.
//!
//! Removal drops a directory entry: later entries move up, the zeroed room follows the directory, and the value is
//! zeroed except where another structure shares its bytes. Nothing else ever moves, with either layout, because
//! MakerNotes and image data are addressed absolutely. A directory that becomes empty is unlinked where it can be.
//!
//! Sloppy files are common, so what can be read is read: an entry whose value lies outside the block is a site without
//! value, a cut directory gives the entries it has, and what cannot be followed is left unclaimed. A directory that
//! overlaps another one, or image data, is not edited.

mod edit;
mod tags;

use std::ops::Range;

use super::nested::Nested;
use super::{Carrier, iptc, photoshop, text, xmp};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Kind, Site};
use tags::{Form, Role};

/// A parsed TIFF structure.
#[derive(Debug)]
pub struct Tiff {
    coding: Coding,
    length: usize,
    directories: Vec<Directory>,
    payload: Vec<Range<usize>>,
    sites: Vec<Site>,
    /// The directory and slot of each site; none for a site of a nested carrier.
    owners: Vec<Option<(usize, usize)>>,
    nested: Vec<Nested>,
    /// Ranges whose bytes are known: see [`Carrier::claimed`].
    claimed: Vec<Range<usize>>,
    has_maker_note: bool,
}

/// Byte order and sizes.
#[derive(Clone, Copy, Debug)]
struct Coding {
    big_endian: bool,
    big_tiff: bool,
}

#[derive(Debug)]
struct Directory {
    role: Role,
    /// Name for people: `IFD0`.
    name: String,
    link: Link,
    /// From its count to its next-directory pointer, as far as that is in the block.
    range: Range<usize>,
    /// The bytes of `range`.
    raw: Vec<u8>,
    slots: Vec<Option<Entry>>,
    /// The next directory, if the pointer is in the block.
    next: Option<u64>,
}

/// How a directory is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// From the header.
    Header,
    /// From the next-directory pointer of this directory.
    Next(usize),
    /// From this slot of this directory.
    Slot(usize, usize),
    /// From a list of pointers.
    List,
}

/// An entry whose format is known.
#[derive(Clone, Debug)]
struct Entry {
    tag: u16,
    format: u16,
    count: u64,
    /// The bytes of the value, if they are in the block.
    value: Option<Range<usize>>,
    /// Whether the value is in the entry itself.
    is_inline: bool,
}

/// A directory to be read.
struct Lead {
    at: u64,
    role: Role,
    name: String,
    link: Link,
    depth: usize,
}

impl Tiff {
    /// Reads the directories of a block that another format embeds, which begins with the TIFF header.
    ///
    /// The main image of such a block is elsewhere, so strips and tiles that IFD0 names are ignored: they are leftovers
    /// of a conversion.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] when there is no TIFF header, [`ErrorKind::LimitExceeded`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        Self::parse_within(bytes, limits, 0)
    }

    /// Reads the directories of a TIFF file.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_file(bytes: &[u8], limits: &Limits) -> Result<Self> {
        Self::read(bytes, limits, 0, true)
    }

    /// As [`parse`](Self::parse), for a block `depth` carriers deep.
    pub(crate) fn parse_within(bytes: &[u8], limits: &Limits, depth: usize) -> Result<Self> {
        Self::read(bytes, limits, depth, false)
    }

    fn read(bytes: &[u8], limits: &Limits, depth: usize, is_file: bool) -> Result<Self> {
        let (coding, first) = header(bytes)?;
        let mut tiff = Self {
            coding,
            length: bytes.len(),
            directories: Vec::new(),
            payload: Vec::new(),
            sites: Vec::new(),
            owners: Vec::new(),
            nested: Vec::new(),
            claimed: Vec::new(),
            has_maker_note: false,
        };
        tiff.claimed.push(0..coding.header_len());
        tiff.read_directories(bytes, first, limits)?;
        tiff.payload = tiff.find_payload(bytes, is_file);
        for directory in 0..tiff.directories.len() {
            tiff.add_sites(bytes, directory, limits, depth)?;
        }
        tiff.bar_overlapping();
        Ok(tiff)
    }

    /// The ranges of image data: strips, tiles, thumbnails.
    pub fn payload(&self) -> &[Range<usize>] {
        &self.payload
    }

    /// The bytes that no structure refers to, in order: what an editor left behind. Empty where a MakerNote, which may
    /// refer to any byte, makes that unknowable.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        if self.has_maker_note {
            return Vec::new();
        }
        let mut gaps = Vec::new();
        let mut position = 0;
        for extent in edit::union(self.extents(|_, _| true)) {
            if extent.start > position {
                gaps.push(position..extent.start);
            }
            position = extent.end;
        }
        if position < self.length {
            gaps.push(position..self.length);
        }
        gaps
    }

    fn read_directories(&mut self, bytes: &[u8], first: u64, limits: &Limits) -> Result<()> {
        let first = Lead { at: first, role: Role::Image, name: "IFD0".to_owned(), link: Link::Header, depth: 0 };
        let mut leads = std::collections::VecDeque::from([first]);
        let mut seen = std::collections::HashSet::new();
        let (mut pages, mut entries) = (1, 0);
        while let Some(lead) = leads.pop_front() {
            limits.check_depth(lead.depth)?;
            if lead.at == 0 || !seen.insert(lead.at) {
                continue;
            }
            let (link, depth, index) = (lead.link, lead.depth, self.directories.len());
            let Some(directory) = self.coding.directory(bytes, lead) else { continue };
            limits.check_items(index + 1, "IFDs")?;
            entries += directory.slots.len();
            limits.check_items(entries, "IFD entries")?;
            for (slot, entry) in directory.slots.iter().enumerate() {
                let Some((entry, (role, name))) =
                    entry.as_ref().and_then(|entry| Some((entry, tags::pointer(directory.role, entry.tag)?)))
                else {
                    continue;
                };
                let targets = self.coding.integers(bytes, entry).take(1024).collect::<Vec<_>>();
                let link = if targets.len() == 1 { Link::Slot(index, slot) } else { Link::List };
                for (number, at) in targets.into_iter().enumerate() {
                    let name = if number == 0 { name.to_owned() } else { format!("{name}{number}") };
                    leads.push_back(Lead { at, role, name, link, depth: depth + 1 });
                }
            }
            if matches!(link, Link::Header | Link::Next(_)) {
                let name = format!("IFD{pages}");
                pages += 1;
                let at = directory.next.unwrap_or(0);
                leads.push_back(Lead { at, role: Role::Image, name, link: Link::Next(index), depth: 0 });
            }
            self.directories.push(directory);
        }
        Ok(())
    }

    fn find_payload(&self, bytes: &[u8], is_file: bool) -> Vec<Range<usize>> {
        const PAIRS: [(u16, u16); 3] = [
            (tags::STRIP_OFFSETS, tags::STRIP_BYTE_COUNTS),
            (tags::TILE_OFFSETS, tags::TILE_BYTE_COUNTS),
            (tags::THUMBNAIL_OFFSET, tags::THUMBNAIL_LENGTH),
        ];
        let is_structure = |range: &Range<usize>| {
            let overlaps = |other: &Range<usize>| range.start < other.end && other.start < range.end;
            self.directories.iter().any(|directory| overlaps(&directory.range))
        };
        let mut payload = Vec::new();
        for (index, directory) in self.directories.iter().enumerate() {
            let pairs = if is_file || index > 0 { &PAIRS[..] } else { &PAIRS[2..] };
            for &(offsets, lengths) in pairs {
                let (Some(offsets), Some(lengths)) = (directory.entry(offsets), directory.entry(lengths)) else {
                    continue;
                };
                let pairs = self.coding.integers(bytes, offsets).zip(self.coding.integers(bytes, lengths));
                payload.extend(pairs.filter_map(|(offset, length)| {
                    let start = usize::try_from(offset).ok().filter(|start| *start < bytes.len())?;
                    let end = start.saturating_add(usize::try_from(length).ok()?).min(bytes.len());
                    Some(start..end).filter(|range| !range.is_empty() && (is_file || !is_structure(range)))
                }));
            }
        }
        payload
    }

    fn add_sites(&mut self, bytes: &[u8], directory: usize, limits: &Limits, depth: usize) -> Result<()> {
        let Some(Directory { role, name, range, slots, .. }) = self.directories.get(directory) else { return Ok(()) };
        let (role, name, slots) = (*role, name.clone(), slots.clone());
        self.claimed.push(range.clone());
        for (slot, entry) in slots.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let value = entry.value.clone().and_then(|range| bytes.get(range)).unwrap_or_default();
            if entry.tag == tags::MAKER_NOTE {
                self.has_maker_note = true;
                self.claimed.extend(entry.value.as_ref().map(|range| range.start..range.start + maker_header(value)));
            }
            if let Some(carrier) = embedded(entry, value, limits, depth)? {
                let at = entry.value.as_ref().map_or(0, |range| range.start);
                let nested = Nested::adopt(carrier, at, &name, &mut self.sites);
                self.owners.resize(self.sites.len(), None);
                self.claimed.extend(nested.claimed());
                self.nested.push(nested);
                continue;
            }
            let Some((key, form)) = identify(role, entry) else {
                if is_numeric(entry.format) && entry.tag != tags::MAKER_NOTE {
                    self.claimed.extend(entry.value.clone());
                }
                continue;
            };
            let text = self.coding.text(value, entry, form, limits);
            if text.is_some() || form == Form::Opaque {
                self.claimed.extend(entry.value.clone());
            }
            let barrier = text
                .as_deref()
                .filter(|text| text::is_aigc(text))
                .map(|_| Barrier::new(ErrorKind::Protected, "a content label (AIGC) that law protects"));
            self.sites.push(Site {
                address: format!("exif:{key}"),
                key,
                value: text,
                kind: Kind::Standard,
                place: name.clone(),
                offset: entry
                    .value
                    .as_ref()
                    .map_or(range_start(&self.directories, directory), |range| range.start as u64),
                barrier,
                ..Site::default()
            });
            self.owners.push(Some((directory, slot)));
        }
        Ok(())
    }
}

fn range_start(directories: &[Directory], index: usize) -> u64 {
    directories.get(index).map_or(0, |directory| directory.range.start as u64)
}

impl Carrier for Tiff {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], _layout: Layout) -> Result<Vec<Edit>> {
        self.removal(chosen)
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.claimed.clone()
    }
}

/// Byte order, sizes and the offset of the first directory.
fn header(bytes: &[u8]) -> Result<(Coding, u64)> {
    let mut cursor = Cursor::new(bytes);
    let big_endian = match cursor.array::<2>()? {
        [b'I', b'I'] => false,
        [b'M', b'M'] => true,
        _ => return Err(Error::malformed(0, "not a TIFF header")),
    };
    let mut coding = Coding { big_endian, big_tiff: false };
    let magic = u16::try_from(coding.integer(cursor.take(2)?)).unwrap_or_default();
    match magic {
        // 0x55 and the letters belong to raw files of Panasonic and Olympus, which are TIFF otherwise.
        42 | 0x55 | 0x4F52 | 0x5352 => {}
        43 => {
            coding.big_tiff = true;
            cursor.skip(4)?;
        }
        _ => return Err(Error::malformed(2, "not a TIFF header")),
    }
    let first = coding.integer(cursor.take(if coding.big_tiff { 8 } else { 4 })?);
    Ok((coding, first))
}

/// Key and form of an entry, if it is a label.
fn identify(role: Role, entry: &Entry) -> Option<(String, Form)> {
    match tags::describe(role, entry.tag) {
        Some((_, Form::Structure)) => None,
        Some((name, form)) => Some((name.to_owned(), form)),
        None if matches!(entry.format, 2 | 129) => Some((format!("0x{:04x}", entry.tag), Form::Text)),
        None => None,
    }
}

/// The carrier in the value of `entry`, if its tag holds one that can be read.
fn embedded(entry: &Entry, value: &[u8], limits: &Limits, depth: usize) -> Result<Option<Box<dyn Carrier>>> {
    let carrier: Result<Box<dyn Carrier>> = match entry.tag {
        _ if entry.is_inline || value.is_empty() || depth > 2 => return Ok(None),
        tags::XMP => xmp::Packet::parse(value, limits).map(|packet| Box::new(packet) as _),
        tags::IPTC => iptc::Records::parse(value, limits).map(|records| Box::new(records) as _),
        tags::PHOTOSHOP => {
            photoshop::ImageResources::parse_within(value, limits, depth + 1).map(|resources| Box::new(resources) as _)
        }
        _ => return Ok(None),
    };
    match carrier {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        carrier => Ok(carrier.ok()),
    }
}

/// Length of the maker's name at the start of a MakerNote, which says how to read it.
fn maker_header(value: &[u8]) -> usize {
    value.iter().take(12).take_while(|byte| byte.is_ascii_graphic() || **byte == b' ').count()
}

/// Bytes per item of a format, if it is one.
fn item_len(format: u16) -> Option<u64> {
    match format {
        1 | 2 | 6 | 7 | 129 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16..=18 => Some(8),
        _ => None,
    }
}

fn is_numeric(format: u16) -> bool {
    !matches!(format, 1 | 2 | 6 | 7 | 129)
}

impl Directory {
    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.slots.iter().flatten().find(|entry| entry.tag == tag)
    }
}

impl Coding {
    fn header_len(self) -> usize {
        if self.big_tiff { 16 } else { 8 }
    }

    fn count_len(self) -> usize {
        if self.big_tiff { 8 } else { 2 }
    }

    fn slot_len(self) -> usize {
        if self.big_tiff { 20 } else { 12 }
    }

    /// Length of a pointer, and of a value that fits its entry.
    fn pointer_len(self) -> usize {
        if self.big_tiff { 8 } else { 4 }
    }

    /// An unsigned integer of up to eight bytes.
    fn integer(self, bytes: &[u8]) -> u64 {
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    /// `number` in `len` bytes.
    fn bytes(self, number: u64, len: usize) -> Vec<u8> {
        let big = number.to_be_bytes();
        let mut bytes = big.get(8usize.saturating_sub(len)..).unwrap_or_default().to_vec();
        if !self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// The items of an integer value.
    fn integers<'b>(self, bytes: &'b [u8], entry: &Entry) -> impl Iterator<Item = u64> + 'b {
        let is_integer = matches!(entry.format, 1 | 3 | 4 | 6 | 8 | 9 | 13 | 16..=18);
        let value = entry.value.clone().filter(|_| is_integer).and_then(|range| bytes.get(range)).unwrap_or_default();
        let item = item_len(entry.format).unwrap_or(1) as usize;
        value.chunks_exact(item).map(move |item| self.integer(item))
    }

    /// The directory at the end of `lead`, unless what is there cannot be one.
    fn directory(self, bytes: &[u8], lead: Lead) -> Option<Directory> {
        let start = usize::try_from(lead.at).ok()?;
        let slots_at = start.checked_add(self.count_len())?;
        let count = self.integer(bytes.get(start..slots_at)?);
        let available = (bytes.len() - slots_at) / self.slot_len();
        let present = usize::try_from(count).unwrap_or(usize::MAX).min(available);
        let slots_end = slots_at + present * self.slot_len();
        let slots: Vec<_> = bytes
            .get(slots_at..slots_end)?
            .chunks_exact(self.slot_len())
            .enumerate()
            .map(|(index, slot)| self.entry(bytes, slots_at + index * self.slot_len(), slot))
            .collect();
        // A first entry of no known format means that this is not a directory: readers stop there as well.
        if slots.first().is_some_and(Option::is_none) || (present == 0 && count > 0) {
            return None;
        }
        let next = bytes.get(slots_end..slots_end + self.pointer_len()).filter(|_| present as u64 == count);
        let end = slots_end + next.map_or(0, <[u8]>::len);
        Some(Directory {
            role: lead.role,
            name: lead.name,
            link: lead.link,
            range: start..end,
            raw: bytes.get(start..end)?.to_vec(),
            slots,
            next: next.map(|next| self.integer(next)),
        })
    }

    fn entry(self, bytes: &[u8], at: usize, slot: &[u8]) -> Option<Entry> {
        let format = self.integer(slot.get(2..4)?) as u16;
        let pointer_len = self.pointer_len();
        let count = self.integer(slot.get(4..4 + pointer_len)?);
        let length = item_len(format)?.checked_mul(count);
        let is_inline = length.is_some_and(|length| length <= pointer_len as u64);
        let start = if is_inline {
            Some(at + 4 + pointer_len)
        } else {
            usize::try_from(self.integer(slot.get(4 + pointer_len..)?)).ok()
        };
        let value = start.zip(length).and_then(|(start, length)| {
            let end = start.checked_add(usize::try_from(length).ok()?).filter(|end| *end <= bytes.len())?;
            Some(start..end)
        });
        Some(Entry { tag: self.integer(slot.get(..2)?) as u16, format, count, value, is_inline })
    }

    /// The value of a site as text.
    fn text(self, value: &[u8], entry: &Entry, form: Form, limits: &Limits) -> Option<String> {
        entry.value.as_ref()?;
        // Every coding here takes at most four bytes for a byte of text that is kept.
        let value = value.get(..limits.value_bytes.saturating_mul(4).saturating_add(16)).unwrap_or(value);
        match form {
            Form::Text => Some(text::value(text::decode(value), limits)),
            Form::Utf16 => Some(text::value(text::decode_utf16(value, false), limits)),
            Form::Comment => Some(self.comment(value, limits)),
            Form::Number if entry.count == 1 && value.len() <= 8 => Some(self.integer(value).to_string()),
            Form::Number | Form::Opaque | Form::Structure => None,
        }
    }

    /// Text behind an identifier of its character set (Exif 3.0, 4.6.6.6).
    fn comment(self, value: &[u8], limits: &Limits) -> String {
        let Some((charset, comment)) = value.split_first_chunk::<8>() else {
            return text::value(text::decode(value), limits);
        };
        let decoded = match charset {
            b"UNICODE\0" => text::decode_utf16(comment, text::looks_big_endian(comment, self.big_endian)),
            b"JIS\0\0\0\0\0" => text::decode_as(comment, encoding_rs::ISO_2022_JP),
            b"ASCII\0\0\0" | [0, 0, 0, 0, 0, 0, 0, 0] => text::decode(comment),
            // Writers that do not know of the identifier begin with the text.
            _ => text::decode(value),
        };
        text::value(decoded, limits).trim_end_matches(['\0', ' ']).to_owned()
    }
}

#[cfg(test)]
mod tests;
