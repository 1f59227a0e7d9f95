use proptest::prelude::*;

use super::*;
use crate::containers::nested::apply;

/// An entry to be built: tag, format, count, and the value's bytes, or where they are.
struct Tag(u16, u16, u32, Vec<u8>);

/// A directory at byte `at`, values behind it, in `coding`'s byte order.
fn directory(coding: Coding, at: usize, tags: &[Tag], next: u32) -> Vec<u8> {
    let mut bytes = coding.bytes(tags.len() as u64, 2);
    let mut values_at = at + 2 + tags.len() * 12 + 4;
    let mut values = Vec::new();
    for Tag(tag, format, count, value) in tags {
        bytes.extend(coding.bytes(u64::from(*tag), 2));
        bytes.extend(coding.bytes(u64::from(*format), 2));
        bytes.extend(coding.bytes(u64::from(*count), 4));
        if value.len() <= 4 {
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(2) + (4 - value.len()) / 2 * 2, 0);
        } else {
            bytes.extend(coding.bytes(values_at as u64, 4));
            values.extend(value);
            values_at += value.len();
        }
    }
    bytes.extend(coding.bytes(u64::from(next), 4));
    [bytes, values].concat()
}

fn text(tag: u16, value: &str) -> Tag {
    let bytes = [value.as_bytes(), b"\0"].concat();
    Tag(tag, 2, bytes.len() as u32, bytes)
}

fn long(coding: Coding, tag: u16, value: u32) -> Tag {
    Tag(tag, 4, 1, coding.bytes(u64::from(value), 4))
}

fn coding(big_endian: bool) -> Coding {
    Coding { big_endian, big_tiff: false }
}

fn head(coding: Coding) -> Vec<u8> {
    let mut bytes = if coding.big_endian { b"MM".to_vec() } else { b"II".to_vec() };
    bytes.extend(coding.bytes(42, 2));
    bytes.extend(coding.bytes(8, 4));
    bytes
}

/// IFD0 with Make, Artist and an Exif IFD; that with only a UserComment; IFD1 with only a Software.
fn block(big_endian: bool) -> Vec<u8> {
    let coding = coding(big_endian);
    let tags = |exif, next| {
        directory(
            coding,
            8,
            &[text(0x010F, "maker"), text(0x013B, "an artist"), long(coding, tags::EXIF_IFD, exif)],
            next,
        )
    };
    let exif_at = 8 + tags(0, 0).len() as u32;
    let comment = [b"UNICODE\0".to_vec(), if big_endian { b"\0h\0i".to_vec() } else { b"h\0i\0".to_vec() }].concat();
    let exif = directory(coding, exif_at as usize, &[Tag(tags::USER_COMMENT, 7, 12, comment)], 0);
    let next_at = exif_at + exif.len() as u32;
    let next = directory(coding, next_at as usize, &[text(0x0131, "program")], 0);
    [head(coding), tags(exif_at, next_at), exif, next].concat()
}

fn parse(bytes: &[u8]) -> Tiff {
    Tiff::parse(bytes, &Limits::default()).unwrap()
}

fn listed(bytes: &[u8]) -> Vec<(String, Option<String>)> {
    parse(bytes).sites().iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

fn without(bytes: &[u8], chosen: &[usize]) -> Vec<u8> {
    let after = apply(bytes, &parse(bytes).edits(chosen, Layout::Preserve).unwrap()).unwrap();
    assert_eq!(after.len(), bytes.len());
    after
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    list.iter().map(|(address, value)| ((*address).to_owned(), Some((*value).to_owned()))).collect()
}

#[test]
fn both_byte_orders_are_read() {
    let want = pairs(&[
        ("exif:Make", "maker"),
        ("exif:Artist", "an artist"),
        ("exif:UserComment", "hi"),
        ("exif:Software", "program"),
    ]);
    assert_eq!(listed(&block(false)), want);
    assert_eq!(listed(&block(true)), want);
}

#[test]
fn a_dropped_entry_leaves_zeros_and_the_rest() {
    for big_endian in [false, true] {
        let after = without(&block(big_endian), &[0]);
        assert_eq!(listed(&after).len(), 3);
        assert!(!holds(&after, "maker") && holds(&after, "an artist"));
        assert!(parse(&after).edits(&[], Layout::Preserve).unwrap().is_empty());
    }
}

#[test]
fn emptied_directories_are_unlinked() {
    let block = block(true);
    let after = without(&block, &[2]);
    assert_eq!(parse(&after).directories.len(), 2);
    assert!(parse(&after).directories[0].entry(tags::EXIF_IFD).is_none());
    let after = without(&block, &[3]);
    assert_eq!(parse(&after).directories.len(), 2);
    assert_eq!(parse(&after).directories[0].next, Some(0));
    assert!(parse(&block).empties(&[0, 1, 2, 3]));
    assert!(!parse(&block).empties(&[0, 1, 2]));
    assert_eq!(without(&block, &[0, 1, 2, 3])[8..], vec![0; block.len() - 8]);
}

#[test]
fn a_shared_value_stays_for_the_other_tag() {
    let coding = coding(false);
    let mut bytes =
        [head(coding), directory(coding, 8, &[text(0x010F, "shared"), text(0x0110, "dropped")], 0)].concat();
    let make_value_at = bytes[18..22].to_vec();
    bytes[30..34].copy_from_slice(&make_value_at);
    bytes[26..30].copy_from_slice(&[7, 0, 0, 0]);
    let after = without(&bytes, &[0]);
    assert_eq!(listed(&after), pairs(&[("exif:Model", "shared")]));
    assert!(!holds(&without(&bytes, &[0, 1]), "shared"));
}

#[test]
fn loops_and_damage_end() {
    let mut looped = block(false);
    let next = 8 + 2 + 3 * 12;
    looped[next..next + 4].copy_from_slice(&[8, 0, 0, 0]);
    assert_eq!(listed(&looped).len(), 3);
    let cut = &looped[..8 + 2 + 12 + 5];
    assert_eq!(listed(cut), [("exif:Make".to_owned(), None)]);
    assert_eq!(without(cut, &[0])[8..10], [2, 0]);
    assert!(Tiff::parse(b"II", &Limits::default()).is_err());
    assert!(Tiff::parse(b"\x89PNG\r\n\x1a\n", &Limits::default()).is_err());
}

#[test]
fn overlapping_directories_are_barred() {
    let coding = coding(false);
    let inner = directory(coding, 0, &[long(coding, 0x0100, 1)], 0);
    let mut bytes =
        [head(coding), directory(coding, 8, &[text(0x013B, "artist"), long(coding, tags::EXIF_IFD, 10)], 0), inner]
            .concat();
    let pointer = 8 + 2 + 12 + 8;
    bytes[pointer] = 8 + 2 + 12;
    bytes[22..24].copy_from_slice(&[1, 0]);
    let tiff = parse(&bytes);
    assert!(tiff.directories.len() == 1 || tiff.sites()[0].barrier.is_some());
}

#[test]
fn directories_that_hold_values_are_barred() {
    // A count far too high: the entries go on over the values, which would move with those behind a dropped one.
    let mut bytes = block(false);
    bytes[9] = 0x29;
    assert!(parse(&bytes).sites().iter().all(|site| site.barrier.is_some()));
}

#[test]
fn big_tiff_is_read_and_edited() {
    let mut bytes = b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    bytes.extend(2u64.to_le_bytes());
    for (tag, value) in [(0x010Fu16, b"abcdefgh"), (0x0110, b"12345678")] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(2u16.to_le_bytes());
        bytes.extend(8u64.to_le_bytes());
        bytes.extend(value);
    }
    bytes.extend(0u64.to_le_bytes());
    assert_eq!(listed(&bytes), pairs(&[("exif:Make", "abcdefgh"), ("exif:Model", "12345678")]));
    assert_eq!(listed(&without(&bytes, &[0])), pairs(&[("exif:Model", "12345678")]));
}

#[test]
fn a_content_label_is_protected() {
    let coding = coding(false);
    let json = "{\"AIGC\":{\"Label\":\"1\"}}";
    let comment = [b"ASCII\0\0\0", json.as_bytes()].concat();
    let tag = Tag(tags::USER_COMMENT, 7, comment.len() as u32, comment);
    let bytes = [head(coding), directory(coding, 8, &[tag], 0)].concat();
    assert_eq!(parse(&bytes).sites()[0].barrier.as_ref().unwrap().kind, ErrorKind::Protected);
}

#[test]
fn gaps_are_what_nothing_refers_to() {
    let mut bytes = block(false);
    let end = bytes.len();
    assert!(parse(&bytes).gaps().is_empty());
    bytes.extend_from_slice(b"left behind");
    assert_eq!(parse(&bytes).gaps().first(), Some(&(end..bytes.len())));
}

proptest! {
    #[test]
    fn any_damage_is_survived(big_endian: bool, changes in proptest::collection::vec((0usize..200, any::<u8>()), 0..12), pick in any::<u64>()) {
        let mut bytes = block(big_endian);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        if let Ok(tiff) = Tiff::parse(&bytes, &Limits::default()) {
            let free = (0..tiff.sites().len()).filter(|site| tiff.sites()[*site].barrier.is_none());
            let chosen: Vec<usize> = free.filter(|site| pick >> (site % 64) & 1 == 1).collect();
            let after = apply(&bytes, &tiff.edits(&chosen, Layout::Preserve).unwrap()).unwrap();
            prop_assert_eq!(after.len(), bytes.len());
        }
    }
}
