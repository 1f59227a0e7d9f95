//! Photoshop image resources (Adobe Photoshop File Formats Specification, "Image Resource Blocks"): a list of
//! `8BIM`, number, name, length, data.
//!
//! Labels live in the IPTC records (0x0404), the Exif block (0x0422), the XMP packet (0x0424), and a few resources
//! that are one text each. After an edit of the IPTC records their MD5 (0x0425) follows, if it was right before.
//!
//! With [`Layout::Preserve`], a resource that is removed becomes a zeroed plug-in resource. With [`Layout::Compact`] it
//! is cut, empty IPTC records go with their digest, and the parent's length must follow. Thumbnails are
//! payload. Bytes that are not resources are kept, unclaimed.

use std::ops::Range;

use md5::{Digest, Md5};

use super::nested::{Nested, apply, growth, rewrite};
use super::{Carrier, iptc, text, tiff, xmp};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Kind, Site};

const IPTC: u16 = 0x0404;
const EXIF: u16 = 0x0422;
const XMP: u16 = 0x0424;
const IPTC_DIGEST: u16 = 0x0425;
const VERSION_INFO: u16 = 0x0421;
const BGR_THUMBNAIL: u16 = 0x0409;
const THUMBNAIL: u16 = 0x040C;
/// Bytes of a thumbnail resource before its JPEG or raw pixels.
const THUMBNAIL_HEADER: usize = 28;
/// The last of the numbers 4000 to 4999, which belong to plug-ins; readers keep what they do not know.
const FILLER: u16 = 4999;

/// The resources of one block.
#[derive(Debug)]
pub struct ImageResources {
    resources: Vec<Resource>,
    sites: Vec<Site>,
    /// The resource of each site.
    owners: Vec<usize>,
    /// Carriers, with the index of their resource.
    nested: Vec<(usize, Nested)>,
    records: Option<IptcBlock>,
    claimed: Vec<Range<usize>>,
    payload: Vec<Range<usize>>,
    /// Packets that cannot be read.
    unread: Vec<usize>,
    is_cut: bool,
}

#[derive(Debug)]
struct Resource {
    number: u16,
    /// With signature and padding.
    range: Range<usize>,
    data: Range<usize>,
}

/// The first IPTC resource, and its digest if that is right.
#[derive(Debug)]
struct IptcBlock {
    resource: usize,
    bytes: Vec<u8>,
    digest: Option<Range<usize>>,
    digest_resource: Option<usize>,
}

impl ImageResources {
    /// Finds the resources of `bytes`, which begin with the first signature.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`]; what does not read as a resource is left unclaimed.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        Self::parse_within(bytes, limits, 0)
    }

    /// As [`parse`](Self::parse), for a block `depth` carriers deep.
    pub(crate) fn parse_within(bytes: &[u8], limits: &Limits, depth: usize) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        let (resources, is_cut) = walk(bytes, limits)?;
        let mut block = Self {
            resources: Vec::new(),
            sites: Vec::new(),
            owners: Vec::new(),
            nested: Vec::new(),
            records: None,
            claimed: Vec::new(),
            payload: Vec::new(),
            unread: Vec::new(),
            is_cut,
        };
        for (index, resource) in resources.iter().enumerate() {
            block.add(bytes, index, resource, limits, depth)?;
        }
        block.records = iptc_block(bytes, &resources);
        block.resources = resources;
        Ok(block)
    }

    /// Whether the last resource reaches past the end: the block goes on in another segment.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Where XMP packets begin that say something and cannot be read.
    pub(crate) fn unread(&self) -> impl Iterator<Item = usize> {
        self.unread.iter().copied()
    }

    /// The ranges of thumbnails.
    pub fn payload(&self) -> &[Range<usize>] {
        &self.payload
    }

    fn add(&mut self, bytes: &[u8], index: usize, resource: &Resource, limits: &Limits, depth: usize) -> Result<()> {
        let Resource { number, range, data } = resource;
        let content = bytes.get(data.clone()).unwrap_or_default();
        let place = format!("8BIM 0x{number:04x}");
        self.claimed.push(range.start..range.start + 6);
        if let Some(carrier) = embedded(*number, content, limits, depth)? {
            let nested = Nested::adopt(carrier, data.start, &place, &mut self.sites);
            self.owners.resize(self.sites.len(), index);
            self.claimed.extend(nested.claimed());
            self.nested.push((index, nested));
            return Ok(());
        }
        match *number {
            XMP if content.iter().any(|byte| !byte.is_ascii_whitespace() && *byte != 0) => self.unread.push(data.start),
            IPTC_DIGEST => self.claimed.push(data.clone()),
            THUMBNAIL | BGR_THUMBNAIL => {
                let start = data.end.min(data.start + THUMBNAIL_HEADER);
                self.claimed.push(data.start..start);
                self.payload.push(start..data.end);
            }
            VERSION_INFO => {
                self.add_versions(index, data, content, &place, limits);
            }
            _ => {
                if let Some((key, value)) = field(*number, content, limits) {
                    self.claimed.push(data.clone());
                    self.push_site(index, key, Some(value), data.start, &place);
                }
            }
        }
        Ok(())
    }

    /// The names of the writing and the reading program. They share a resource with flags, so neither goes alone.
    fn add_versions(&mut self, index: usize, data: &Range<usize>, content: &[u8], place: &str, limits: &Limits) {
        let mut position = 5;
        for key in ["WriterName", "ReaderName"] {
            let Some((value, end)) = unicode_string(content, position, limits) else { return };
            let start = data.start + position;
            self.claimed.push(start..data.start + end);
            let barrier = Barrier::new(ErrorKind::Unsupported, "part of the version resource");
            self.push_site(index, key, Some(value), start, place);
            if let Some(site) = self.sites.last_mut() {
                site.kind = Kind::Bookkeeping;
                site.barrier = Some(barrier);
            }
            position = end;
        }
    }

    fn push_site(&mut self, index: usize, key: &str, value: Option<String>, start: usize, place: &str) {
        self.sites.push(Site {
            key: key.to_owned(),
            value,
            address: format!("photoshop:{key}"),
            kind: Kind::Standard,
            place: place.to_owned(),
            offset: start as u64,
            ..Site::default()
        });
        self.owners.push(index);
    }

    /// The edit that removes one resource.
    fn drop_resource(&self, index: usize, layout: Layout) -> Option<Edit> {
        let Resource { range, .. } = self.resources.get(index)?;
        if layout == Layout::Compact {
            return Some(Edit::delete(range.start as u64..range.end as u64));
        }
        let length = u32::try_from(range.len().checked_sub(12)?).ok()?;
        let mut filler = FILLER.to_be_bytes().to_vec();
        filler.extend_from_slice(&[0, 0]);
        filler.extend_from_slice(&length.to_be_bytes());
        filler.resize(range.len() - 4, 0);
        Some(Edit::replace(range.start as u64 + 4..range.end as u64, filler))
    }

    /// How a carrier is edited. An Exif block addresses its bytes absolutely, and keeps its length.
    fn inner_layout(&self, index: usize, layout: Layout) -> Layout {
        let is_exif = self.resources.get(index).is_some_and(|resource| resource.number == EXIF);
        if is_exif { Layout::Preserve } else { layout }
    }

    /// Bytes of data in a resource after `changes` of its data.
    fn length_after(&self, index: usize, changes: &[Edit]) -> Option<u64> {
        (self.resources.get(index)?.data.len() as u64).checked_add_signed(growth(changes))
    }

    /// The edits of length and padding that follow from `changes` of a resource's data.
    fn length_edits(&self, index: usize, changes: &[Edit]) -> Vec<Edit> {
        let Some((Resource { range, data, .. }, length)) =
            self.resources.get(index).zip(self.length_after(index, changes))
        else {
            return Vec::new();
        };
        let mut edits = Vec::new();
        if length != data.len() as u64 {
            let field = data.start as u64 - 4..data.start as u64;
            edits.push(Edit::replace(field, u32::try_from(length).unwrap_or_default().to_be_bytes().to_vec()));
        }
        let padding = data.end as u64..range.end as u64;
        if length % 2 != padding.end - padding.start {
            edits.push(Edit::replace(padding, vec![0; (length % 2) as usize]));
        }
        edits
    }
}

impl Carrier for ImageResources {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        let mut gone: Vec<usize> = chosen
            .iter()
            .filter(|site| !self.nested.iter().any(|(_, nested)| nested.sites().contains(site)))
            .filter_map(|site| self.owners.get(*site).copied())
            .collect();
        gone.dedup();
        for (index, nested) in &self.nested {
            let mut changes = nested.edits(chosen, self.inner_layout(*index, layout))?;
            if changes.is_empty() {
                continue;
            }
            let records = self.records.as_ref().filter(|records| records.resource == *index);
            if self.length_after(*index, &changes) == Some(0) {
                gone.push(*index);
                gone.extend(records.and_then(|records| records.digest_resource));
                continue;
            }
            if let Some(records) = records {
                edits.extend(self.digest_edit(records, &changes)?);
            }
            changes.extend(self.length_edits(*index, &changes));
            edits.extend(changes);
        }
        edits.extend(gone.into_iter().filter_map(|index| self.drop_resource(index, layout)));
        Ok(edits)
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.claimed.clone()
    }
}

impl ImageResources {
    /// The new MD5 of IPTC records after `changes`, if the old one was right.
    fn digest_edit(&self, records: &IptcBlock, changes: &[Edit]) -> Result<Option<Edit>> {
        let (Some(digest), Some(resource)) = (&records.digest, self.resources.get(records.resource)) else {
            return Ok(None);
        };
        let data = &resource.data;
        let inner: Vec<Edit> = changes
            .iter()
            .map(|edit| Edit {
                range: edit.range.start - data.start as u64..edit.range.end - data.start as u64,
                with: edit.with.clone(),
            })
            .collect();
        let old = Md5::digest(&records.bytes);
        let new = Md5::digest(apply(&records.bytes, &inner)?);
        Ok(rewrite(digest.start, &old, &new))
    }
}

/// The resources, and whether the last one reaches past the end.
fn walk(bytes: &[u8], limits: &Limits) -> Result<(Vec<Resource>, bool)> {
    let mut resources = Vec::new();
    let mut position = 0;
    while let Some(rest) = bytes.get(position..).filter(|rest| !rest.is_empty()) {
        if !is_signature(rest) {
            // A block may also be cut within a signature.
            let is_cut = rest.len() < 4 && b"8BIM".starts_with(rest);
            return Ok((resources, is_cut));
        }
        let Some(mut resource) = resource_at(bytes, position) else { return Ok((resources, true)) };
        let next = resource.range.end;
        // Some writers do not pad odd data.
        let padding = resource.data.end..next;
        let unpadded = !padding.is_empty()
            && bytes.get(padding.start..).is_some_and(is_signature)
            && !bytes.get(padding.end..).is_some_and(is_signature);
        if unpadded || next > bytes.len() {
            resource.range.end = resource.data.end;
        }
        position = resource.range.end;
        resources.push(resource);
        limits.check_items(resources.len(), "Photoshop resources")?;
    }
    Ok((resources, false))
}

fn is_signature(bytes: &[u8]) -> bool {
    bytes
        .first_chunk()
        .is_some_and(|signature: &[u8; 4]| matches!(signature, b"8BIM" | b"MeSa" | b"AgHg" | b"PHUT" | b"DCSR"))
}

fn resource_at(bytes: &[u8], start: usize) -> Option<Resource> {
    let number = u16::from_be_bytes(*bytes.get(start + 4..)?.first_chunk()?);
    let name = usize::from(*bytes.get(start + 6)?);
    let length_at = start + 6 + (1 + name).next_multiple_of(2);
    let length = u32::from_be_bytes(*bytes.get(length_at..)?.first_chunk()?) as usize;
    let data = length_at + 4..(length_at + 4).checked_add(length)?;
    bytes.get(data.clone())?;
    let number = if bytes.get(start..)?.starts_with(b"8BIM") { number } else { 0 };
    Some(Resource { number, range: start..data.end + (length & 1), data })
}

fn embedded(number: u16, content: &[u8], limits: &Limits, depth: usize) -> Result<Option<Box<dyn Carrier>>> {
    let carrier: Result<Box<dyn Carrier>> = match number {
        _ if depth > 2 => return Ok(None),
        IPTC => iptc::Records::parse(content, limits).map(|records| Box::new(records) as _),
        EXIF => tiff::Tiff::parse_within(content, limits, depth + 1).map(|tiff| Box::new(tiff) as _),
        XMP => xmp::Packet::parse(content, limits).map(|packet| Box::new(packet) as _),
        _ => return Ok(None),
    };
    match carrier {
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        carrier => Ok(carrier.ok()),
    }
}

/// Where the digest of IPTC records stands that are kept beside `bytes`, and not in them: in a tag of TIFF.
pub(crate) fn digest_of_others(bytes: &[u8], limits: &Limits) -> Option<Range<usize>> {
    let (resources, _) = walk(bytes, limits).ok()?;
    if resources.iter().any(|resource| resource.number == IPTC) {
        return None;
    }
    let digest = resources.iter().find(|resource| resource.number == IPTC_DIGEST)?;
    Some(digest.data.clone()).filter(|data| data.len() == 16)
}

/// The first IPTC resource, with its digest if that is the MD5 of the data.
fn iptc_block(bytes: &[u8], resources: &[Resource]) -> Option<IptcBlock> {
    let resource = resources.iter().position(|resource| resource.number == IPTC)?;
    let content = bytes.get(resources.get(resource)?.data.clone())?;
    let digest_resource = resources.iter().position(|resource| resource.number == IPTC_DIGEST);
    let digest = digest_resource.and_then(|index| resources.get(index)).map(|resource| resource.data.clone());
    let digest = digest.filter(|range| bytes.get(range.clone()) == Some(Md5::digest(content).as_slice()));
    Some(IptcBlock { resource, bytes: content.to_vec(), digest, digest_resource })
}

/// Key and value of a resource that is one field.
fn field(number: u16, content: &[u8], limits: &Limits) -> Option<(&'static str, String)> {
    let value = |bytes| text::value(text::decode(bytes), limits);
    match number {
        0x03F0 => {
            let length = usize::from(*content.first()?);
            Some(("PStringCaption", value(content.get(1..1 + length)?)))
        }
        0x040A => Some(("CopyrightFlag", content.first()?.to_string())),
        0x040B => Some(("URL", value(content))),
        0x041B => Some(("WorkflowURL", unicode_string(content, 0, limits)?.0)),
        _ => None,
    }
}

/// A string of 16-bit units behind their 32-bit count, at `start` of `content`, and where it ends.
fn unicode_string(content: &[u8], start: usize, limits: &Limits) -> Option<(String, usize)> {
    let count = u32::from_be_bytes(*content.get(start..)?.first_chunk()?) as usize;
    let end = count.checked_mul(2)?.checked_add(start + 4)?;
    Some((text::value(text::decode_utf16(content.get(start + 4..end)?, true), limits), end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resource(number: u16, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        let mut bytes = [b"8BIM", &number.to_be_bytes()[..], &[0, 0], &length, data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn block() -> Vec<u8> {
        let iptc = b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x04text".to_vec();
        [
            resource(0x03ED, &[0; 16]),
            resource(IPTC, &iptc),
            resource(0x040B, b"https://example.invalid"),
            resource(IPTC_DIGEST, &Md5::digest(&iptc)),
        ]
        .concat()
    }

    fn parse(bytes: &[u8]) -> ImageResources {
        ImageResources::parse(bytes, &Limits::default()).unwrap()
    }

    fn addresses(bytes: &[u8]) -> Vec<String> {
        parse(bytes).sites().iter().map(|site| site.address.clone()).collect()
    }

    fn after(bytes: &[u8], chosen: &[usize], layout: Layout) -> Vec<u8> {
        apply(bytes, &parse(bytes).edits(chosen, layout).unwrap()).unwrap()
    }

    fn digest_is_right(bytes: &[u8]) -> bool {
        parse(bytes).records.is_some_and(|records| records.digest.is_some())
    }

    #[test]
    fn records_and_fields_are_sites() {
        assert_eq!(addresses(&block()), ["iptc:Keywords", "iptc:Caption-Abstract", "photoshop:URL"]);
        assert!(digest_is_right(&block()));
    }

    #[test]
    fn the_digest_follows_the_records() {
        for layout in [Layout::Preserve, Layout::Compact] {
            let bytes = after(&block(), &[0], layout);
            assert_eq!(addresses(&bytes), ["iptc:Caption-Abstract", "photoshop:URL"]);
            assert!(digest_is_right(&bytes));
            assert_eq!(bytes.len() == block().len(), layout == Layout::Preserve);
        }
    }

    #[test]
    fn a_wrong_digest_is_left_wrong() {
        let mut bytes = block();
        *bytes.last_mut().unwrap() ^= 1;
        let tail = bytes[bytes.len() - 16..].to_vec();
        assert!(after(&bytes, &[0], Layout::Preserve).ends_with(&tail));
    }

    #[test]
    fn emptied_records_go_with_their_digest_when_compact() {
        let bytes = after(&block(), &[0, 1], Layout::Compact);
        assert_eq!(bytes, [resource(0x03ED, &[0; 16]), resource(0x040B, b"https://example.invalid")].concat());
        let bytes = after(&block(), &[0, 1], Layout::Preserve);
        assert_eq!(bytes.len(), block().len());
        assert!(digest_is_right(&bytes));
    }

    #[test]
    fn a_field_becomes_filler_or_goes() {
        let bytes = after(&block(), &[2], Layout::Preserve);
        assert_eq!((bytes.len(), addresses(&bytes).len()), (block().len(), 2));
        assert!(digest_is_right(&bytes), "resources after the filler are found");
        assert_eq!(after(&block(), &[2], Layout::Compact).len(), block().len() - resource(0x040B, &[0; 23]).len());
    }

    #[test]
    fn unpadded_and_cut_blocks_are_read() {
        let mut unpadded = resource(0x040B, b"odd");
        unpadded.pop();
        unpadded.extend(resource(0x040A, &[1]));
        assert_eq!(addresses(&unpadded), ["photoshop:URL", "photoshop:CopyrightFlag"]);
        let block = block();
        assert!(!parse(&block).is_cut());
        assert!(parse(&block[..block.len() - 3]).is_cut());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_edited(tail in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..100) {
            let mut bytes = block();
            let at = at.min(bytes.len());
            let end = (at + tail.len()).min(bytes.len());
            bytes.splice(at..end, tail);
            let all: Vec<usize> = (0..parse(&bytes).sites().len()).collect();
            prop_assert_eq!(after(&bytes, &all, Layout::Preserve).len(), bytes.len());
            after(&bytes, &all, Layout::Compact);
        }
    }
}
