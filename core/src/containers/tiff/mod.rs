//! TIFF structures (TIFF 6.0, Exif 3.0, BigTIFF): an Exif block, or a whole TIFF file.
//!
//! Labels are the tags that hold text or describe the document, in the main chain of directories and in the SubIFDs,
//! Exif, GPS and interoperability directories; XMP (tag 700), IPTC (33723), Photoshop resources (34377) and the items of
//! GDAL (42112) are carriers within. Layout of the image, thumbnails and MakerNotes are not sites.
//!
//! Removal drops a directory entry: later entries move up, the zeroed room follows the directory, and the value is
//! zeroed except where another structure shares its bytes. Nothing else ever moves, with either layout, because
//! MakerNotes and image data are addressed absolutely. A directory that becomes empty is unlinked where it can be.
//!
//! Sloppy files are common, so what can be read is read: an entry whose value lies outside the block is a site without
//! value, a cut directory gives the entries it has, and what cannot be followed is left unclaimed. A directory that
//! overlaps another one, a value, or image data, is not edited.

mod directory;
mod edit;
mod gdal;
mod regions;
mod tags;
mod value;

use std::ops::Range;

use super::nested::Nested;
use super::{Carrier, iptc, photoshop, text, xmp};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Guard, Kind, Scope, Site};
pub(crate) use edit::shorten;

use directory::{Coding, Directory, Entry, Lead, Link, header};
use tags::{Form, Role};
use value::is_numeric;

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
    digests: Vec<Digest>,
    /// Ranges whose bytes are known: see [`Carrier::claimed`].
    claimed: Vec<Range<usize>>,
    /// Whether there is a MakerNote or another private structure, which may refer to any byte. So may the directories of
    /// raw files with a magic number of their own.
    has_maker_note: bool,
    /// Whether the maker of the camera numbers the first tags as it likes (Panasonic).
    has_own_tags: bool,
    /// What stands in the way of an edit, where the block is a file of its own.
    guards: Vec<Guard>,
    /// Whether the block is a file of its own.
    is_file: bool,
}

/// The MD5 of IPTC records in a tag, which Photoshop keeps among its resources in another.
#[derive(Debug)]
struct Digest {
    /// The records.
    start: usize,
    records: Vec<u8>,
    /// The digest, which is right.
    range: Range<usize>,
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
        let magic = coding.integer(bytes.get(2..4).unwrap_or_default());
        let mut tiff = Self {
            coding,
            length: bytes.len(),
            directories: Vec::new(),
            payload: Vec::new(),
            sites: Vec::new(),
            owners: Vec::new(),
            nested: Vec::new(),
            digests: Vec::new(),
            claimed: Vec::new(),
            has_maker_note: !matches!(magic, 42 | 43),
            has_own_tags: magic == 0x55,
            guards: Vec::new(),
            is_file,
        };
        tiff.claimed.push(0..coding.header_len());
        tiff.read_directories(bytes, first, limits)?;
        tiff.payload = tiff.find_payload(bytes, limits)?;
        for directory in 0..tiff.directories.len() {
            tiff.add_sites(bytes, directory, limits, depth)?;
        }
        tiff.digests = tiff.find_digests(bytes, limits);
        tiff.bar_overlapping();
        Ok(tiff)
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

    fn add_sites(&mut self, bytes: &[u8], directory: usize, limits: &Limits, depth: usize) -> Result<()> {
        let Some(Directory { role, name, range, slots, .. }) = self.directories.get(directory) else { return Ok(()) };
        let (role, name, slots) = (*role, name.clone(), slots.clone());
        self.claimed.push(range.clone());
        for (slot, entry) in slots.iter().enumerate() {
            let Some(entry) = entry else { continue };
            let value = entry.value.clone().and_then(|range| bytes.get(range)).unwrap_or_default();
            self.has_maker_note |= tags::FREE_REFERENCES.contains(&entry.tag);
            self.has_maker_note |= entry.tag == tags::IMAGE_DESCRIPTION && is_stack(value);
            if entry.tag == tags::MAKER_NOTE {
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
            self.guards.extend(guard(entry, value, range.start));
            let is_private = self.has_own_tags && role == Role::Image && entry.tag < tags::FIRST_COMMON;
            let Some((key, form)) = identify(role, entry).filter(|_| !is_private) else {
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
        tags::GDAL_METADATA => gdal::items(value, limits).map(|items| Box::new(items) as _),
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

/// What an entry of a directory at `start` says of the whole file.
fn guard(entry: &Entry, value: &[u8], start: usize) -> Option<Guard> {
    let is_blank = value.iter().all(|byte| byte.is_ascii_whitespace() || *byte == 0);
    let (kind, reason, scope) = match entry.tag {
        tags::C2PA => (ErrorKind::Signed, "a C2PA manifest signs the file", Scope::File),
        tags::NDPI => (ErrorKind::Unsupported, "NDPI keeps halves of its offsets behind the directories", Scope::File),
        // What could be read is no entry without a carrier.
        tags::XMP if !is_blank && !entry.is_inline => {
            (ErrorKind::Unsupported, "the XMP packet is not well-formed", Scope::Hidden)
        }
        _ => return None,
    };
    let offset = entry.value.as_ref().map_or(start, |value| value.start) as u64;
    Some(Guard { barrier: Barrier::new(kind, reason), scope, offset })
}

/// Whether a description is that of a stack of pictures, of which the first alone has a directory.
fn is_stack(description: &[u8]) -> bool {
    [&b"ImageJ="[..], b"{\"shape\""].iter().any(|begin| description.starts_with(begin))
}

/// Length of the maker's name at the start of a MakerNote, which says how to read it.
fn maker_header(value: &[u8]) -> usize {
    value.iter().take(12).take_while(|byte| byte.is_ascii_graphic() || **byte == b' ').count()
}

#[cfg(test)]
mod tests;
