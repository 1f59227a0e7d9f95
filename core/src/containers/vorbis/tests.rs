use proptest::prelude::*;

use super::*;
use crate::containers::nested::apply;

fn block(vendor: &str, comments: &[&str], tail: &[u8]) -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let list: Vec<u8> = comments.iter().flat_map(|comment| field(comment)).collect();
    [field(vendor), (comments.len() as u32).to_le_bytes().to_vec(), list, tail.to_vec()].concat()
}

fn listed(bytes: &[u8]) -> Vec<(String, String)> {
    let comments = Comments::parse(bytes, Tail::Framing, &Limits::default()).unwrap();
    let label = |site: &Site| (site.key.clone(), site.value.clone().unwrap_or_default());
    comments.sites().iter().map(label).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[test]
fn comments_are_sites() {
    let bytes = block("v", &["TITLE=a=b", "id=7", "lonely", "AIGC={}", "Encoder=x", "CHAPTER001NAME=n"], b"\x01");
    let comments = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
    let kinds: Vec<_> = comments.sites().iter().map(|site| (site.key.as_str(), site.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("vendor", Kind::Bookkeeping),
            ("TITLE", Kind::Standard),
            ("id", Kind::Custom),
            ("lonely", Kind::Custom),
            ("AIGC", Kind::Custom),
            ("Encoder", Kind::Bookkeeping),
            ("CHAPTER001NAME", Kind::Standard),
        ]
    );
    assert_eq!(comments.sites()[1].value.as_deref(), Some("a=b"));
    assert!(comments.sites()[4].barrier.is_some());
    assert_eq!(comments.sites()[2].offset, 4 + 1 + 4 + 4 + 9);
}

#[test]
fn the_framing_bit_follows_the_list() {
    let bytes = block("v", &["a=1", "b=2", "c=3"], b"\x01\0\0");
    let comments = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
    let same = apply(&bytes, &comments.edits(&[2], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(same, [&block("v", &["a=1", "c=3"], b"\x01\0\0")[..], &[0; 7]].concat());
    let short = apply(&bytes, &comments.edits(&[2], Layout::Compact).unwrap()).unwrap();
    assert_eq!(short, block("v", &["a=1", "c=3"], b"\x01"));
}

#[test]
fn what_opus_wants_kept_moves_and_its_padding_stays() {
    let limits = Limits::default();
    let bytes = block("v", &["a=1", "b=2"], b"\x03kept");
    let comments = Comments::parse(&*bytes, Tail::Marked, &limits).unwrap();
    let same = apply(&bytes, &comments.edits(&[1], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(same, [&block("v", &["b=2"], b"\x03kept")[..], &[0; 7]].concat());
    let bytes = block("v", &["a=1", "b=2"], b"\0junk");
    let comments = Comments::parse(&*bytes, Tail::Marked, &limits).unwrap();
    let same = apply(&bytes, &comments.edits(&[2], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(same, [&block("v", &["a=1"], &[0; 7])[..], b"\0junk"].concat());
}

#[test]
fn the_vendor_string_becomes_empty() {
    let bytes = block("vendor", &["a=1"], b"\x01");
    let comments = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
    let same = apply(&bytes, &comments.edits(&[0, 1], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(same, [&block("", &[], b"\x01")[..], &[0; 13]].concat());
    let short = apply(&bytes, &comments.edits(&[0, 1], Layout::Compact).unwrap()).unwrap();
    assert_eq!(short, block("", &[], b"\x01"));
    assert_eq!(comments.without(&[0]), block("", &["a=1"], b"\x01"));
}

#[test]
fn stale_copies_in_the_padding_go() {
    let bytes = block("v", &["id=secret", "b=2"], b"\x01\0\0secret\0");
    let comments = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
    let needles = Needles::new([("id", Some("id"), Some("secret"))]);
    for layout in [Layout::Preserve, Layout::Compact] {
        let after = apply(&bytes, &comments.scrub(&[1], &needles, layout)).unwrap();
        assert_eq!(listed(&after), [pair("vendor", "v"), pair("b", "2")]);
        assert!(!needles.occur_in(&after));
    }
}

#[test]
fn a_list_that_is_cut_off_is_malformed() {
    let bytes = block("v", &["a=1", "b=2"], b"");
    for end in 0..bytes.len() {
        assert!(Comments::parse(&bytes[..end], Tail::Padding, &Limits::default()).is_err(), "{end}");
    }
    assert!(Comments::parse(&b"\0\0\0\0\xff\xff\xff\xff"[..], Tail::Padding, &Limits::default()).is_err());
}

#[test]
fn a_picture_is_told_by_its_description() {
    use base64::Engine as _;
    let picture = [&[0, 0, 0, 3, 0, 0, 0, 1][..], b"x", &[0, 0, 0, 2], b"hi", &[0; 16], &[0, 0, 0, 1], b"p"].concat();
    let coded = base64::engine::general_purpose::STANDARD.encode(&picture);
    let bytes = block("v", &[&format!("metadata_block_picture={coded}")], b"\x01");
    let comments = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
    assert_eq!(comments.sites()[1].value.as_deref(), Some("hi"));
    assert_eq!(&bytes[comments.pictures()[0].value.clone()], coded.as_bytes());
}

proptest! {
    #[test]
    fn any_removal_leaves_the_others(
        comments in prop::collection::vec("[a-z]{1,4}=[ -~]{0,9}", 0..6),
        tail in prop_oneof![Just(vec![1u8]), Just(vec![]), Just(vec![1, 0, 0, 9])],
        gone in any::<u8>(),
    ) {
        let comments: Vec<&str> = comments.iter().map(String::as_str).collect();
        let bytes = block("vendor", &comments, &tail);
        let parsed = Comments::parse(&*bytes, Tail::Framing, &Limits::default()).unwrap();
        let chosen: Vec<usize> = (1..=comments.len()).filter(|index| gone >> index & 1 == 1).collect();
        let mut kept = listed(&bytes);
        let mut index = 0;
        kept.retain(|_| { index += 1; !chosen.contains(&(index - 1)) });
        for layout in [Layout::Preserve, Layout::Compact] {
            let after = apply(&bytes, &parsed.edits(&chosen, layout).unwrap()).unwrap();
            prop_assert_eq!(listed(&after), kept.clone());
            prop_assert_eq!(after.len() == bytes.len() || layout == Layout::Compact, true);
        }
    }
}
