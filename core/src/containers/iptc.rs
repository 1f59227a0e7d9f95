//! IPTC-IIM datasets (Information Interchange Model 4.2, chapter 3): marker `1C`, record, dataset, length, data.
//!
//! Every dataset with content is a site; versions, character set and the numbers that describe an embedded object are
//! structure. Removal moves later datasets up. With [`Layout::Preserve`] the freed bytes become zeros after the last
//! dataset, the padding that readers know; with [`Layout::Compact`] the block shrinks, and the parent's lengths must
//! follow. A digest of the block kept elsewhere (Photoshop resource 0x0425) must follow in both.
//!
//! Data of opposite byte order in 32-bit units, which some TIFF writers leave, is read and edited as it is.
//! Bytes between datasets are kept, unclaimed.

use std::ops::Range;

use encoding_rs::WINDOWS_1252;

use super::nested::rewrite;
use super::{Carrier, text};
use crate::Kind;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Site};

const MARKER: u8 = 0x1C;

/// The datasets of one IPTC block.
#[derive(Debug)]
pub struct Records {
    /// The block, in its proper byte order.
    bytes: Vec<u8>,
    swapped: bool,
    sites: Vec<Site>,
    /// The whole dataset of each site.
    spans: Vec<Range<usize>>,
    claimed: Vec<Range<usize>>,
    /// Where the last dataset ends; what follows is padding or damage.
    end: usize,
}

/// What the data of a dataset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Binary,
    /// Describes the block or an embedded object: not a site.
    Structure,
}

#[derive(Debug)]
struct Dataset {
    record: u8,
    number: u8,
    span: Range<usize>,
    data: Range<usize>,
}

impl Records {
    /// Finds the datasets of `bytes`.
    ///
    /// Never fails because of what the bytes say: what does not read as a dataset is left unclaimed.
    ///
    /// # Errors
    /// [`ErrorKind::LimitExceeded`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        let swapped = bytes.len().is_multiple_of(4)
            && bytes.first().is_some_and(|first| *first != MARKER)
            && bytes.get(3) == Some(&MARKER);
        let bytes = if swapped { swap(bytes) } else { bytes.to_vec() };
        let datasets = walk(&bytes, limits)?;
        let end = datasets.last().map_or(0, |dataset| dataset.span.end);
        let mut records = Self { bytes, swapped, sites: Vec::new(), spans: Vec::new(), claimed: Vec::new(), end };
        let utf8 = datasets.iter().any(|set| {
            (set.record, set.number) == (1, 90) && records.bytes.get(set.data.clone()) == Some(b"\x1b%G".as_slice())
        });
        for dataset in datasets {
            records.add(dataset, utf8, limits);
        }
        Ok(records)
    }

    fn add(&mut self, dataset: Dataset, utf8: bool, limits: &Limits) {
        let Dataset { record, number, span, data } = dataset;
        let content = self.bytes.get(data.clone()).unwrap_or_default();
        let known = NAMES.iter().find(|row| (row.0, row.1) == (record, number));
        let form = known.map_or(if matches!(record, 3 | 7..=9) { Form::Structure } else { Form::Text }, |row| row.3);
        if form == Form::Structure {
            self.claimed.push(span);
            return;
        }
        let value = match form {
            Form::Number if content.len() <= 8 => {
                Some(content.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)).to_string())
            }
            Form::Text if text::is_text(content.trim_ascii_end()) || content.ends_with(b"\0") => {
                let decoded = if utf8 || std::str::from_utf8(content).is_ok() {
                    text::decode(content)
                } else {
                    WINDOWS_1252.decode_without_bom_handling(content).0.into_owned()
                };
                Some(text::value(decoded, limits))
            }
            _ => None,
        };
        self.claimed.push(if value.is_some() { span.clone() } else { span.start..data.start });
        let key = known.map_or_else(|| format!("{record}:{number}"), |row| row.2.to_owned());
        let barrier = value
            .as_deref()
            .filter(|value| text::is_aigc(value))
            .map(|_| Barrier::new(ErrorKind::Protected, "a content label (AIGC) that law protects"));
        self.sites.push(Site {
            address: format!("iptc:{key}"),
            key,
            value,
            kind: Kind::Standard,
            case: KeyCase::Insensitive,
            place: format!("IPTC {record}:{number}"),
            offset: span.start as u64,
            barrier,
            ..Site::default()
        });
        self.spans.push(span);
    }

    /// The block without the `chosen` sites; padded, at its old length. Then zeros follow the last dataset; what stands
    /// behind it keeps its place, so that they do not complete a dataset which the end of the block cuts off.
    fn closed_up(&self, chosen: &[usize], is_padded: bool) -> Option<Vec<u8>> {
        let mut block = Vec::with_capacity(self.bytes.len());
        let mut position = 0;
        for span in chosen.iter().filter_map(|site| self.spans.get(*site)) {
            block.extend_from_slice(self.bytes.get(position..span.start)?);
            position = span.end;
        }
        block.extend_from_slice(self.bytes.get(position..self.end)?);
        if is_padded {
            block.resize(self.end, 0);
        }
        block.extend_from_slice(self.bytes.get(self.end..)?);
        Some(block)
    }

    /// Whether `after` holds exactly the datasets that are not `chosen`. In a damaged block a piece of a dataset can
    /// read otherwise once its neighbours are gone.
    fn is_kept_in(&self, after: &[u8], chosen: &[usize]) -> bool {
        let Ok(after) = Self::parse(after, &Limits::default()) else { return false };
        let kept = self.sites.iter().enumerate().filter(|(site, _)| chosen.binary_search(site).is_err());
        let label = |site: &Site| (site.address.clone(), site.value.clone());
        kept.map(|(_, site)| label(site)).eq(after.sites.iter().map(label))
    }
}

impl Carrier for Records {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        let shrinks = layout == Layout::Compact && !self.swapped;
        let Some(block) = self.closed_up(chosen, !shrinks).filter(|_| !chosen.is_empty()) else {
            return Ok(Vec::new());
        };
        let (old, new) = if self.swapped { (swap(&self.bytes), swap(&block)) } else { (self.bytes.clone(), block) };
        if !self.is_kept_in(&new, chosen) {
            return Err(Error::new(
                ErrorKind::Malformed,
                "a damaged IPTC block would read otherwise without the label",
            ));
        }
        if shrinks {
            let spans = chosen.iter().filter_map(|site| self.spans.get(*site));
            return Ok(spans.map(|span| Edit::delete(span.start as u64..span.end as u64)).collect());
        }
        Ok(rewrite(0, &old, &new).into_iter().collect())
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        // In swapped data, ranges are wrong by up to three bytes, and text does not read as text: nothing to claim.
        if self.swapped { Vec::new() } else { self.claimed.clone() }
    }
}

/// The datasets, in order. Other bytes between them are stepped over.
fn walk(bytes: &[u8], limits: &Limits) -> Result<Vec<Dataset>> {
    let mut datasets = Vec::new();
    let mut position = 0;
    while let Some(ahead) = bytes.get(position..).and_then(|rest| memchr::memchr(MARKER, rest)) {
        let start = position + ahead;
        match dataset_at(bytes, start) {
            Some(dataset) => {
                position = dataset.span.end;
                datasets.push(dataset);
                limits.check_items(datasets.len(), "IPTC datasets")?;
            }
            None => position = start + 1,
        }
    }
    Ok(datasets)
}

fn dataset_at(bytes: &[u8], start: usize) -> Option<Dataset> {
    let [_, record, number, high, low] = *bytes.get(start..)?.first_chunk::<5>()?;
    if !matches!(record, 1..=9 | 240) {
        return None;
    }
    let short = usize::from(u16::from_be_bytes([high, low]));
    let (length, header) = if short & 0x8000 == 0 {
        (short, 5)
    } else {
        let count = short & 0x7FFF;
        if count > 8 {
            return None;
        }
        let digits = bytes.get(start + 5..start + 5 + count)?;
        let length =
            digits.iter().try_fold(0usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))?;
        (length, 5 + count)
    };
    let data = start + header;
    let end = data.checked_add(length).filter(|end| *end <= bytes.len())?;
    Some(Dataset { record, number, span: start..end, data: data..end })
}

/// `bytes` with every group of four reversed.
fn swap(bytes: &[u8]) -> Vec<u8> {
    bytes.chunks(4).flat_map(|unit| unit.iter().rev().copied()).collect()
}

use Form::{Binary, Number, Structure, Text};

/// Record, dataset, name, form.
const NAMES: &[(u8, u8, &str, Form)] = &[
    (1, 0, "EnvelopeRecordVersion", Structure),
    (1, 5, "Destination", Text),
    (1, 20, "FileFormat", Number),
    (1, 22, "FileVersion", Number),
    (1, 30, "ServiceIdentifier", Text),
    (1, 40, "EnvelopeNumber", Text),
    (1, 50, "ProductID", Text),
    (1, 60, "EnvelopePriority", Text),
    (1, 70, "DateSent", Text),
    (1, 80, "TimeSent", Text),
    (1, 90, "CodedCharacterSet", Structure),
    (1, 100, "UniqueObjectName", Text),
    (1, 120, "ARMIdentifier", Number),
    (1, 122, "ARMVersion", Number),
    (2, 0, "ApplicationRecordVersion", Structure),
    (2, 3, "ObjectTypeReference", Text),
    (2, 4, "ObjectAttributeReference", Text),
    (2, 5, "ObjectName", Text),
    (2, 7, "EditStatus", Text),
    (2, 8, "EditorialUpdate", Text),
    (2, 10, "Urgency", Text),
    (2, 12, "SubjectReference", Text),
    (2, 15, "Category", Text),
    (2, 20, "SupplementalCategories", Text),
    (2, 22, "FixtureIdentifier", Text),
    (2, 25, "Keywords", Text),
    (2, 26, "ContentLocationCode", Text),
    (2, 27, "ContentLocationName", Text),
    (2, 30, "ReleaseDate", Text),
    (2, 35, "ReleaseTime", Text),
    (2, 37, "ExpirationDate", Text),
    (2, 38, "ExpirationTime", Text),
    (2, 40, "SpecialInstructions", Text),
    (2, 42, "ActionAdvised", Text),
    (2, 45, "ReferenceService", Text),
    (2, 47, "ReferenceDate", Text),
    (2, 50, "ReferenceNumber", Text),
    (2, 55, "DateCreated", Text),
    (2, 60, "TimeCreated", Text),
    (2, 62, "DigitalCreationDate", Text),
    (2, 63, "DigitalCreationTime", Text),
    (2, 65, "OriginatingProgram", Text),
    (2, 70, "ProgramVersion", Text),
    (2, 75, "ObjectCycle", Text),
    (2, 80, "By-line", Text),
    (2, 85, "By-lineTitle", Text),
    (2, 90, "City", Text),
    (2, 92, "Sub-location", Text),
    (2, 95, "Province-State", Text),
    (2, 100, "Country-PrimaryLocationCode", Text),
    (2, 101, "Country-PrimaryLocationName", Text),
    (2, 103, "OriginalTransmissionReference", Text),
    (2, 105, "Headline", Text),
    (2, 110, "Credit", Text),
    (2, 115, "Source", Text),
    (2, 116, "CopyrightNotice", Text),
    (2, 118, "Contact", Text),
    (2, 120, "Caption-Abstract", Text),
    (2, 121, "LocalCaption", Text),
    (2, 122, "Writer-Editor", Text),
    (2, 125, "RasterizedCaption", Binary),
    (2, 130, "ImageType", Text),
    (2, 131, "ImageOrientation", Text),
    (2, 135, "LanguageIdentifier", Text),
    (2, 150, "AudioType", Text),
    (2, 151, "AudioSamplingRate", Text),
    (2, 152, "AudioSamplingResolution", Text),
    (2, 153, "AudioDuration", Text),
    (2, 154, "AudioOutcue", Text),
    (2, 184, "JobID", Text),
    (2, 185, "MasterDocumentID", Text),
    (2, 186, "ShortDocumentID", Text),
    (2, 187, "UniqueDocumentID", Text),
    (2, 188, "OwnerID", Text),
    (2, 200, "ObjectPreviewFileFormat", Number),
    (2, 201, "ObjectPreviewFileVersion", Number),
    (2, 202, "ObjectPreviewData", Binary),
    (2, 221, "Prefs", Text),
    (2, 225, "ClassifyState", Text),
    (2, 228, "SimilarityIndex", Text),
    (2, 230, "DocumentNotes", Text),
    (2, 231, "DocumentHistory", Text),
    (2, 232, "ExifCameraInfo", Text),
    (2, 255, "CatalogSets", Text),
    (3, 10, "IPTCPictureNumber", Text),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::containers::nested::apply;

    fn dataset(record: u8, number: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [&[MARKER, record, number], &length[..], data].concat()
    }

    fn block() -> Vec<u8> {
        [
            dataset(1, 90, b"\x1b%G"),
            dataset(2, 0, &[0, 4]),
            dataset(2, 25, b"alpha"),
            dataset(2, 25, b"beta"),
            dataset(2, 120, "Größe".as_bytes()),
            dataset(2, 240, b"odd"),
        ]
        .concat()
    }

    fn listed(bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let records = Records::parse(bytes, &Limits::default()).unwrap();
        records.sites().iter().map(|site| (site.address.clone(), site.value.clone())).collect()
    }

    fn pair(address: &str, value: &str) -> (String, Option<String>) {
        (address.to_owned(), Some(value.to_owned()))
    }

    #[test]
    fn datasets_are_sites_and_structure_is_not() {
        assert_eq!(
            listed(&block()),
            [
                pair("iptc:Keywords", "alpha"),
                pair("iptc:Keywords", "beta"),
                pair("iptc:Caption-Abstract", "Größe"),
                pair("iptc:2:240", "odd")
            ]
        );
    }

    #[test]
    fn removal_keeps_the_length_or_shrinks() {
        let block = block();
        let records = Records::parse(&block, &Limits::default()).unwrap();
        let same = apply(&block, &records.edits(&[0, 2], Layout::Preserve).unwrap()).unwrap();
        assert_eq!(same.len(), block.len());
        assert_eq!(listed(&same), [pair("iptc:Keywords", "beta"), pair("iptc:2:240", "odd")]);
        let short = apply(&block, &records.edits(&[0, 2], Layout::Compact).unwrap()).unwrap();
        assert_eq!(short.len(), block.len() - 5 - 5 - 5 - 7);
        assert!(same.starts_with(&short));
        assert!(same[short.len()..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn swapped_blocks_are_edited_as_they_are() {
        let mut block = block();
        block.resize(block.len().next_multiple_of(4), 0);
        let stored = swap(&block);
        let records = Records::parse(&stored, &Limits::default()).unwrap();
        assert_eq!(records.sites().len(), 4);
        for layout in [Layout::Preserve, Layout::Compact] {
            let after = apply(&stored, &records.edits(&[1], layout).unwrap()).unwrap();
            assert_eq!(listed(&after).len(), 3);
            assert!(!after.windows(4).any(|window| window == b"ateb"));
        }
    }

    #[test]
    fn extended_lengths_and_damage_are_read_as_far_as_they_go() {
        let mut block = vec![MARKER, 2, 120, 0x80, 4, 0, 0, 0, 3, b'a', b'b', b'c'];
        block.extend_from_slice(b"junk");
        block.extend(dataset(2, 5, b"title"));
        block.extend_from_slice(&[MARKER, 2, 5, 0x7F, 0xFF, 1]);
        assert_eq!(listed(&block), [pair("iptc:Caption-Abstract", "abc"), pair("iptc:ObjectName", "title")]);
    }

    #[test]
    fn freed_bytes_do_not_complete_a_dataset_that_is_cut_off() {
        let mut block = dataset(2, 5, b"a title");
        block.extend(dataset(2, 80, b"a writer"));
        block.extend_from_slice(&[MARKER, 2, 25, 0, 6, b'c', b'u', b't']);
        let records = Records::parse(&block, &Limits::default()).unwrap();
        for layout in [Layout::Preserve, Layout::Compact] {
            let after = apply(&block, &records.edits(&[0], layout).unwrap()).unwrap();
            assert_eq!(listed(&after), [pair("iptc:By-line", "a writer")], "{layout:?}");
            assert!(after.ends_with(b"cut"));
        }
    }

    #[test]
    fn a_block_that_would_read_otherwise_is_left() {
        let mut block = dataset(2, 5, b"a title of some length");
        block.extend_from_slice(&[MARKER, 2, 25, 0, 30, b'c', b'u', b't']);
        block.extend(dataset(2, 80, b"a writer"));
        let records = Records::parse(&block, &Limits::default()).unwrap();
        let error = records.edits(&[0], Layout::Preserve).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_edited(bytes in proptest::collection::vec(prop_oneof![Just(MARKER), Just(2u8), Just(0u8), any::<u8>()], 0..200)) {
            let records = Records::parse(&bytes, &Limits::default()).unwrap();
            let all: Vec<usize> = (0..records.sites().len()).collect();
            for layout in [Layout::Preserve, Layout::Compact] {
                let Ok(edits) = records.edits(&all, layout) else { continue };
                let after = apply(&bytes, &edits).unwrap();
                prop_assert!(layout == Layout::Compact || after.len() == bytes.len());
                prop_assert!(listed(&after).is_empty());
            }
        }
    }
}
