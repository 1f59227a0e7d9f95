use proptest::prelude::*;

use super::*;
use crate::formats::xml::tests::{addresses, both, sites, strip};
use crate::report::Outcome;
use crate::survey::Kind;

/// One entry: tag, format, count, and the bytes of the value.
type Field<'f> = (u16, u16, u32, &'f [u8]);

/// A little-endian file of one page: header, strip, values, directory; `gap` stands before the directory.
fn file(fields: &[Field<'_>], gap: &[u8]) -> Vec<u8> {
    let mut bytes = b"II*\0\0\0\0\0".to_vec();
    bytes.extend([0x80; 16]);
    let mut entries = vec![(0x0111, 4, 1, 8u32), (0x0117, 4, 1, 16)];
    for (tag, format, count, value) in fields {
        let at = bytes.len() as u32;
        if value.len() <= 4 {
            let mut inline = value.to_vec();
            inline.resize(4, 0);
            entries.push((*tag, *format, *count, u32::from_le_bytes(inline.try_into().unwrap())));
        } else {
            entries.push((*tag, *format, *count, at));
            bytes.extend_from_slice(value);
            bytes.resize(bytes.len().next_multiple_of(2), 0);
        }
    }
    bytes.extend_from_slice(gap);
    let directory = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&directory.to_le_bytes());
    entries.sort_unstable();
    bytes.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    for (tag, format, count, value) in entries {
        bytes.extend_from_slice(&tag.to_le_bytes());
        bytes.extend_from_slice(&format.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&value.to_le_bytes());
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes
}

fn text(tag: u16, value: &[u8]) -> Field<'_> {
    (tag, 2, value.len() as u32, value)
}

fn bytes_of(tag: u16, value: &[u8]) -> Field<'_> {
    (tag, 1, value.len() as u32, value)
}

const GDAL: &[u8] = b"<GDALMetadata>\n  <Item name=\"id\">8888 and more</Item>\n  <Item name=\"other\">kept</Item>\n\
    </GDALMetadata>\n\0";
const XMP: &[u8] =
    b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
    <rdf:Description xmlns:v='urn:v' v:id='8888 and more' v:level='kept'/></rdf:RDF></x:xmpmeta>";

/// `both`, for a format in which only values at the end can be cut.
fn both_filled(bytes: &[u8], labels: &[&str]) -> Vec<u8> {
    let [preserved, compact] = [Layout::Preserve, Layout::Compact].map(|layout| {
        let (report, output) = strip(bytes, labels, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(strip(&output, labels, layout).0.outcome, Outcome::Clean);
        output
    });
    assert_eq!(preserved.len(), bytes.len());
    assert!(compact.len() <= bytes.len());
    preserved
}

#[test]
fn labels_of_every_carrier_of_a_file_go_together() {
    let bytes = file(
        &[text(0x010E, b"a description\0"), bytes_of(0x02BC, XMP), text(0xA480, GDAL), text(0xA481, b"-9999\0")],
        b"",
    );
    assert_eq!(
        addresses(&bytes, "tiff"),
        ["exif:ImageDescription", "xmp:v:id", "xmp:v:level", "gdal:id", "gdal:other"]
    );
    let after = both_filled(&bytes, &["id"]);
    assert_eq!(addresses(&after, "tiff"), ["exif:ImageDescription", "xmp:v:level", "gdal:other"]);
    assert!(memchr::memmem::find(&after, b"-9999").is_some());
    let after = both_filled(&bytes, &["exif:ImageDescription"]);
    assert_eq!(memchr::memmem::find(&after, b"a description"), None);
}

#[test]
fn a_file_that_ends_with_removed_values_becomes_shorter() {
    let mut bytes = file(&[text(0x010E, b"")], b"");
    // Moves the value of the description behind the directory.
    let entry = bytes.windows(2).position(|pair| pair == [0x0E, 0x01]).unwrap();
    let end = bytes.len() as u32;
    bytes[entry + 4..entry + 8].copy_from_slice(&14u32.to_le_bytes());
    bytes[entry + 8..entry + 12].copy_from_slice(&end.to_le_bytes());
    bytes.extend_from_slice(b"a description\0");
    let [_, compact] = both(&bytes, "tiff", &["exif:ImageDescription"]);
    assert_eq!(compact.len(), bytes.len() - 14);
}

#[test]
fn old_values_that_an_editor_left_are_cleared() {
    let bytes = file(&[bytes_of(0x02BC, XMP)], b"an old packet with id='8888 and more' in it ");
    let after = both_filled(&bytes, &["id"]);
    assert_eq!(memchr::memmem::find(&after, b"8888"), None);
    assert!(memchr::memmem::find(&after, b"an old packet with").is_some());
}

#[test]
fn bytes_that_a_private_structure_may_want_are_not_touched() {
    let note = (0x927C, 7, 8, &b"private!"[..]);
    let bytes = file(&[bytes_of(0x02BC, XMP), note], b"8888 and more, under an id");
    assert_eq!(strip(&bytes, &["xmp:v:id"], Layout::Preserve).0.outcome, Outcome::Partial);
    let other = file(&[bytes_of(0x02BC, XMP), note], b"nothing of it");
    both_filled(&other, &["xmp:v:id"]);
}

#[test]
fn pictures_of_a_stack_without_directories_are_not_touched() {
    let stack = file(&[bytes_of(0x02BC, XMP), text(0x010E, b"ImageJ=1.53\nimages=2\0")], b"8888 and more pixels, id");
    assert_eq!(strip(&stack, &["xmp:v:id"], Layout::Preserve).0.outcome, Outcome::Partial);
}

#[test]
fn shared_values_stay_for_those_who_share_them() {
    let mut bytes = file(&[text(0x010E, b"one value for two\0"), text(0x013B, b"one value for two\0")], b"");
    let entry = bytes.windows(4).rposition(|field| field == [0x0E, 0x01, 2, 0]).unwrap();
    let other = bytes.windows(4).rposition(|field| field == [0x3B, 0x01, 2, 0]).unwrap();
    let value = bytes[entry + 8..entry + 12].to_vec();
    bytes[other + 8..other + 12].copy_from_slice(&value);
    let gone = bytes.windows(9).rposition(|window| window == b"one value").unwrap();
    bytes[gone..gone + 18].fill(0);
    let (_, after) = strip(&bytes, &["exif:Artist"], Layout::Preserve);
    let kept = sites(&after, "tiff");
    assert_eq!((kept.len(), kept[0].value.as_deref()), (1, Some("one value for two")));
}

#[test]
fn the_digest_of_records_in_another_tag_follows() {
    use md5::Digest as _;
    let records = b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x04text\0";
    let digest = md5::Md5::digest(records);
    let resource = [&b"8BIM\x04\x25\0\0\0\0\0\x10"[..], &digest].concat();
    let bytes = file(&[(0x83BB, 7, records.len() as u32, records), (0x8649, 1, 28, &resource)], b"");
    let after = both_filled(&bytes, &["iptc:Keywords"]);
    assert_eq!(addresses(&after, "tiff"), ["iptc:Caption-Abstract"]);
    let new = md5::Md5::digest(b"\x1c\x02\x78\0\x04text\0\0\0\0\0\0\0\0\0\0\0");
    assert!(memchr::memmem::find(&after, &new).is_some());
}

#[test]
fn first_tags_of_panasonic_are_its_own() {
    let mut bytes = file(&[(0x000B, 3, 1, &[1, 0]), text(0x010E, b"a description\0")], b"");
    bytes[2] = 0x55;
    assert_eq!(addresses(&bytes, "tiff"), ["exif:ImageDescription"]);
}

#[test]
fn signed_and_split_files_are_refused() {
    for tag in [0xCD41, 0xFF8C] {
        let bytes = file(&[text(0xA480, GDAL), (tag, 1, 6, b"sealed")], b"");
        let (report, _) = strip(&bytes, &["id"], Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Refused, "{tag:#06x}");
    }
    let bytes = file(&[bytes_of(0x02BC, b"<x:xmpmeta broken")], b"");
    assert_eq!(strip(&bytes, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn marks_of_generated_content_stay() {
    let list = b"<GDALMetadata><Item name=\"AIGC\">{}</Item><Item name=\"id\">8888</Item></GDALMetadata>\0";
    let bytes = file(&[text(0xA480, list)], b"");
    assert_eq!(strip(&bytes, &["AIGC"], Layout::Preserve).0.outcome, Outcome::Refused);
    assert_eq!(addresses(&both_filled(&bytes, &["id"]), "tiff"), ["gdal:AIGC"]);
}

#[test]
fn previews_are_files_inside() {
    let picture = b"\xff\xd8\xff\xfe\0\x10hidden comment\xff\xda\0\x02coded\xff\xd9";
    let mut bytes = file(&[(0x00FE, 4, 1, &[1, 0, 0, 0]), (0x0201, 7, picture.len() as u32, picture)], b"");
    let entry = bytes.windows(4).rposition(|field| field == [0x01, 0x02, 7, 0]).unwrap();
    // The value becomes an offset and a length.
    bytes[entry + 2] = 4;
    bytes[entry + 4..entry + 8].copy_from_slice(&1u32.to_le_bytes());
    let length = [&0x0202u16.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &(picture.len() as u32).to_le_bytes()].concat();
    bytes.splice(entry + 12..entry + 12, length);
    let directory = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
    bytes[directory] += 1;
    let found = sites(&bytes, "tiff");
    assert_eq!(found.iter().map(|site| &*site.place).collect::<Vec<_>>(), ["preview 1 › COM"]);
    let after = both_filled(&bytes, &["jpeg:comment"]);
    assert_eq!(memchr::memmem::find(&after, b"hidden"), None);
}

#[test]
fn items_that_programs_compute_with_are_theirs() {
    let list = b"<GDALMetadata><Item name=\"STATISTICS_MEAN\" sample=\"0\">1</Item></GDALMetadata>\0";
    let bytes = file(&[text(0xA480, list)], b"");
    assert_eq!(sites(&bytes, "tiff")[0].kind, Kind::Bookkeeping);
}

#[test]
fn a_header_without_a_directory_is_malformed() {
    for bytes in [&b"II*\0\0\0\0\0"[..], b"II*\0\xff\0\0\0 and more", b"II*\0"] {
        assert!(Tiff.survey(bytes, &Limits::default()).is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_edited(tail in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..400) {
        let mut bytes = file(&[text(0x010E, b"a description\0"), bytes_of(0x02BC, XMP), text(0xA480, GDAL)], b"gap");
        let at = at.min(bytes.len());
        let end = (at + tail.len()).min(bytes.len());
        bytes.splice(at..end, tail);
        let limits = Limits::default();
        if let Ok(survey) = Tiff.survey(&bytes, &limits) {
            let all: Vec<usize> = (0..survey.findings().sites.len()).collect();
            let needles = crate::needles::Needles::new([("id", Some("id"), Some("8888 and more"))]);
            for layout in [Layout::Preserve, Layout::Compact] {
                let planned = survey.plan(&Removal::new(&all, &needles), layout).unwrap();
                prop_assert!(layout == Layout::Compact || planned.plan.keeps_length());
            }
        }
    }
}
