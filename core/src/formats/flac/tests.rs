use proptest::prelude::*;

use super::block::{HEADER, PADDING, header};
use super::*;
use crate::engine::Engine;
use crate::formats::trial::stripped_by;
use crate::needles::Needles;
use crate::report::Outcome;
use crate::source::Source;

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn comments(list: &[&str]) -> (u8, Vec<u8>) {
    let field = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let list: Vec<Vec<u8>> = list.iter().map(|text| field(text)).collect();
    (VORBIS_COMMENT, [field("a vendor"), (list.len() as u32).to_le_bytes().to_vec(), list.concat()].concat())
}

fn picture(description: &str, data: &str) -> (u8, Vec<u8>) {
    let field = |text: &str| [&(text.len() as u32).to_be_bytes(), text.as_bytes()].concat();
    (PICTURE, [&[0, 0, 0, 3][..], &field("image/png"), &field(description), &[0; 16], &field(data)].concat())
}

fn padding(length: usize) -> (u8, Vec<u8>) {
    (PADDING, vec![0; length])
}

fn file(blocks: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let all = [&[(0, vec![7; 34])], blocks].concat();
    let block = |(index, (kind, data)): (usize, &(u8, Vec<u8>))| {
        [&header(*kind, index + 1 == all.len(), data.len())[..], data].concat()
    };
    let blocks: Vec<u8> = all.iter().enumerate().flat_map(block).collect();
    [MAGIC, &blocks, b"\xff\xf8frames of audio"].concat()
}

fn sites(input: &[u8]) -> Vec<(String, Option<String>)> {
    let limits = Limits::default();
    let survey = Flac.survey(input, &limits).unwrap();
    survey.findings().sites.iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

#[test]
fn a_comment_becomes_padding() {
    let input = file(&[comments(&["id=8888", "TITLE=a"]), picture("p", "data")]);
    let same = stripped_by(&input, "id", Layout::Preserve);
    assert_eq!(same, file(&[comments(&["TITLE=a"]), padding(7), picture("p", "data")]));
    assert_eq!(stripped_by(&input, "id", Layout::Compact), file(&[comments(&["TITLE=a"]), picture("p", "data")]));
}

#[test]
fn padding_behind_is_taken_in_and_its_flag_follows() {
    let input = file(&[comments(&["id=8888", "TITLE=a"]), padding(100)]);
    assert_eq!(stripped_by(&input, "id", Layout::Preserve), file(&[comments(&["TITLE=a"]), padding(111)]));
    assert_eq!(stripped_by(&input, "id", Layout::Compact), file(&[comments(&["TITLE=a"])]));
    let input = file(&[padding(9), comments(&["id=8888"])]);
    assert_eq!(stripped_by(&input, "id", Layout::Preserve), file(&[padding(9), comments(&[]), padding(7)]));
    // A vendor string may be too short for the header of a block.
    let short = (VORBIS_COMMENT, b"\x02\0\0\0ab\0\0\0\0".to_vec());
    let input = file(std::slice::from_ref(&short));
    let same = stripped_by(&input, "vorbis:vendor", Layout::Preserve);
    assert_eq!(same, file(&[(VORBIS_COMMENT, b"\0\0\0\0\0\0\0\0\0\0".to_vec())]));
    let input = file(&[short, padding(3)]);
    let same = stripped_by(&input, "vorbis:vendor", Layout::Preserve);
    assert_eq!(same, file(&[(VORBIS_COMMENT, vec![0; 8]), padding(5)]));
}

#[test]
fn whole_blocks_go() {
    let application = (APPLICATION, b"ATCHsome text".to_vec());
    let cuesheet = (CUESHEET, [&b"catalogue"[..], &[0; 300]].concat());
    let input = file(&[picture("front", "data"), application, cuesheet.clone()]);
    let addresses: Vec<_> = sites(&input).into_iter().map(|(address, _)| address).collect();
    assert_eq!(addresses, ["flac:PICTURE", "flac:APPLICATION:ATCH", "flac:CUESHEET"]);
    assert_eq!(sites(&input)[0].1.as_deref(), Some("front"));
    assert_eq!(sites(&input)[2].1.as_deref(), Some("catalogue"));
    let after = stripped_by(&input, "flac:APPLICATION:ATCH", Layout::Preserve);
    assert_eq!(after, file(&[picture("front", "data"), padding(13), cuesheet]));
    let after = stripped_by(&input, "flac:CUESHEET", Layout::Compact);
    assert_eq!(sites(&after).len(), 2);
}

#[test]
fn every_block_of_comments_and_every_tag_loses_the_label() {
    let id3 = b"ID3\x03\0\0\0\0\0\x11TXXX\0\0\0\x07\0\0\0id\x00888";
    let flac = file(&[comments(&["id=888", "a=b"]), padding(5), comments(&["ID=888"])]);
    let input = [&id3[..], &flac].concat();
    for layout in LAYOUTS {
        let after = stripped_by(&input, "id", layout);
        assert_eq!(sites(&after).iter().filter(|(address, _)| address.ends_with(":a")).count(), 1);
        assert_eq!(sites(&after).len(), 3);
    }
}

#[test]
fn zeros_between_tags_go_with_a_tag() {
    let tag = |key: &[u8], value: &[u8]| [b"ID3\x03\0\0\0\0\0\x11TXXX\0\0\0\x07\0\0\0", key, b"\0", value].concat();
    let flac = file(&[comments(&["a=b"])]);
    let input = [&tag(b"id", b"888"), &[0; 40][..], &tag(b"no", b"999"), &flac].concat();
    for (label, kept) in [("id", &tag(b"no", b"999")), ("no", &tag(b"id", b"888"))] {
        assert_eq!(stripped_by(&input, label, Layout::Compact), [&kept[..], &flac].concat());
        assert_eq!(stripped_by(&input, label, Layout::Preserve).len(), input.len());
    }
}

#[test]
fn stale_copies_in_padding_go() {
    let stale = (PADDING, b"\0\0secret\0\0".to_vec());
    let mut junk = comments(&["a=b"]);
    junk.1.extend_from_slice(b"\0secret");
    let input = file(&[comments(&["id=secret"]), picture("p", "x"), stale, junk]);
    for layout in LAYOUTS {
        let after = stripped_by(&input, "id", layout);
        assert!(!Needles::new([("id", None, Some("secret"))]).occur_in(&after));
    }
}

#[test]
fn pictures_are_members() {
    let input = file(&[picture("p", "picture"), comments(&["a=b"])]);
    let limits = Limits::default();
    let survey = Flac.survey(&input, &limits).unwrap();
    assert_eq!(&*survey.member(0).unwrap(), b"picture");
    let needles = Needles::new([]);
    let members = [(0, b"PICTURE".to_vec())];
    let removal = Removal { members: &members, ..Removal::new(&[], &needles) };
    let after = survey.plan(&removal, Layout::Preserve).unwrap().plan.apply(&input).unwrap();
    assert_eq!(after, file(&[picture("p", "PICTURE"), comments(&["a=b"])]));
}

#[test]
fn damage_is_told() {
    let limits = Limits::default();
    let input = file(&[comments(&["a=b"])]);
    for end in 5..4 + 2 * HEADER + 34 + 20 {
        assert!(Flac.survey(&input[..end], &limits).is_err() || end == 4 + HEADER + 34, "{end}");
    }
    let mut headless = input.clone();
    headless[4] = CUESHEET;
    assert!(Flac.survey(&headless, &limits).is_err(), "the first block is none of STREAMINFO");
    let broken = file(&[(VORBIS_COMMENT, b"\xff\xff\0\0".to_vec())]);
    let survey = Flac.survey(&broken, &limits).unwrap();
    assert_eq!(survey.findings().guards[0].scope, Scope::Hidden);
    // The flag of the last block is forgotten.
    let mut input = file(&[comments(&["id=7", "a=b"])]);
    input[4 + HEADER + 34] &= !0x80;
    for layout in LAYOUTS {
        assert_eq!(sites(&stripped_by(&input, "id", layout)).len(), 2);
    }
}

proptest! {
    #[test]
    fn any_removal_leaves_the_others(
        lists in prop::collection::vec(prop::collection::vec("[a-c]=[ -~]{0,6}", 0..4), 1..4),
        room in 0usize..9,
        compact in any::<bool>(),
    ) {
        let lists: Vec<Vec<&str>> = lists.iter().map(|list| list.iter().map(String::as_str).collect()).collect();
        let blocks: Vec<_> = lists.iter().flat_map(|list| [comments(list), padding(room)]).collect();
        let input = file(&blocks);
        if lists.iter().flatten().any(|comment| comment.starts_with("a=")) {
            let layout = if compact { Layout::Compact } else { Layout::Preserve };
            let engine = Engine::builder().label("a").layout(layout).build().unwrap();
            let cleaned = engine.strip(Source::from_bytes(input.clone())).unwrap();
            prop_assert_eq!(cleaned.report().outcome, Outcome::Stripped);
            let mut output = Vec::new();
            cleaned.payload().unwrap().write_to(&mut output).unwrap();
            prop_assert!(compact || output.len() == input.len());
            prop_assert!(output.ends_with(b"\xff\xf8frames of audio"));
        }
    }
}
