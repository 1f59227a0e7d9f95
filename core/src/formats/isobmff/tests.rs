//! Hand-built files through the engine, in both layouts.

use proptest::prelude::*;

use super::IsoBmff;
use crate::engine::list;
use crate::formats::Format;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::Layout;
use crate::scan::{Proof, Scan};
use crate::source::Source;
use crate::survey::{Removal, Scope};
use crate::{Engine, Outcome};

pub(crate) const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// A box.
pub(crate) fn atom(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, &data].concat()
}

/// A box with version and flags.
pub(crate) fn full(kind: &[u8], version: u8, flags: u32, parts: &[&[u8]]) -> Vec<u8> {
    let head = (u32::from(version) << 24 | flags).to_be_bytes();
    atom(kind, &[&[&head[..]], parts].concat())
}

fn handler(kind: &[u8]) -> Vec<u8> {
    full(b"hdlr", 0, 0, &[&[0; 4], kind, &[0; 12], b"\0"])
}

fn data(value: &str) -> Vec<u8> {
    atom(b"data", &[b"\0\0\0\x01\0\0\0\0", value.as_bytes()])
}

fn freeform(name: &str, values: &[&str]) -> Vec<u8> {
    let mean = full(b"mean", 0, 0, &[b"com.apple.iTunes"]);
    let name = full(b"name", 0, 0, &[name.as_bytes()]);
    let values: Vec<Vec<u8>> = values.iter().map(|value| data(value)).collect();
    atom(b"----", &[&mean, &name, &values.concat()])
}

/// User data with the item list of iTunes.
fn itunes(items: &[Vec<u8>]) -> Vec<u8> {
    let list = atom(b"ilst", &[&items.concat()]);
    atom(b"udta", &[&full(b"meta", 0, 0, &[&handler(b"mdir"), &list])])
}

/// The keyed metadata of QuickTime: keys, and items by their numbers.
fn keyed(keys: &[&str], items: &[(u32, &str)]) -> Vec<u8> {
    let entries: Vec<u8> = keys.iter().flat_map(|key| atom(b"mdta", &[key.as_bytes()])).collect();
    let keys = full(b"keys", 0, 0, &[&(keys.len() as u32).to_be_bytes(), &entries]);
    let items: Vec<u8> =
        items.iter().flat_map(|(number, value)| atom(&number.to_be_bytes(), &[&data(value)])).collect();
    atom(b"meta", &[&handler(b"mdta"), &keys, &atom(b"ilst", &[&items])])
}

/// A track of two chunks of two samples each, three bytes a sample.
fn track(offsets: [u32; 2], is_wide: bool) -> Vec<u8> {
    let offsets: Vec<u8> = if is_wide {
        offsets.iter().flat_map(|offset| u64::from(*offset).to_be_bytes()).collect()
    } else {
        offsets.iter().flat_map(|offset| offset.to_be_bytes()).collect()
    };
    let sizes: Vec<u8> = [4u32, 3, 3, 3, 3].iter().flat_map(|size| size.to_be_bytes()).collect();
    let table = atom(
        b"stbl",
        &[
            &full(b"stsc", 0, 0, &[b"\0\0\0\x01\0\0\0\x01\0\0\0\x02\0\0\0\x01"]),
            &full(b"stsz", 0, 0, &[b"\0\0\0\0", &sizes]),
            &full(if is_wide { b"co64" } else { b"stco" }, 0, 0, &[b"\0\0\0\x02", &offsets]),
        ],
    );
    atom(b"trak", &[&atom(b"mdia", &[&handler(b"vide"), &atom(b"minf", &[&table])])])
}

/// The media of that track: two chunks, with a gap of so many bytes between them.
const MEDIA: &[u8] = b"chunk1GAP.GAP.chunk2";

/// A file with the movie before or behind the media.
fn movie(labels: &[u8], is_first: bool, is_wide: bool) -> Vec<u8> {
    let kind = atom(b"ftyp", &[b"isom\0\0\0\0isom"]);
    let build = |start: u32| atom(b"moov", &[&track([start, start + 14], is_wide), labels]);
    let length = build(0).len();
    let media = atom(b"mdat", &[MEDIA]);
    let start = kind.len() + 8 + if is_first { length } else { 0 };
    let movie = build(start as u32);
    if is_first { [kind, movie, media].concat() } else { [kind, media, movie].concat() }
}

/// The bytes that the tables of the movie refer to.
fn samples(file: &[u8]) -> Vec<&[u8]> {
    let read = |at: usize, width: usize| {
        let bytes = file.get(at..at + width).unwrap();
        bytes.iter().fold(0usize, |number, byte| number << 8 | usize::from(*byte))
    };
    let mut found = Vec::new();
    for (kind, width) in [(&b"stco"[..], 4), (b"co64", 8)] {
        if let Some(at) = memchr::memmem::find(file, kind) {
            let offsets = (0..2).map(|index| read(at + 12 + index * width, width));
            found.extend(offsets.map(|offset| file.get(offset..offset + 6).unwrap()));
        }
    }
    found
}

fn addresses(input: &[u8]) -> Vec<String> {
    let listing = list(&Source::from_bytes(input.to_vec()), &Limits::default()).unwrap();
    listing.findings.sites.into_iter().map(|site| site.address).collect()
}

fn values(input: &[u8]) -> Vec<(String, Option<String>)> {
    let listing = list(&Source::from_bytes(input.to_vec()), &Limits::default()).unwrap();
    listing.findings.sites.into_iter().map(|site| (site.address, site.value)).collect()
}

/// The file without `labels`. A second strip must find nothing.
pub(crate) fn strip(input: &[u8], labels: &[&str], layout: Layout) -> Vec<u8> {
    let engine = labels.iter().fold(Engine::builder().layout(layout).proof(Proof::Full), |it, label| it.label(*label));
    let engine = engine.build().unwrap();
    let once = |bytes: &[u8]| {
        let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
        let mut output = Vec::new();
        let report = cleaned.report().clone();
        cleaned.payload().unwrap_or_else(|| panic!("{report:?}")).write_to(&mut output).unwrap();
        (report.outcome, output)
    };
    let (outcome, output) = once(input);
    assert_eq!(outcome, Outcome::Stripped, "{layout:?} {labels:?}");
    assert_eq!(once(&output), (Outcome::Clean, output.clone()), "{layout:?} {labels:?}: a second strip");
    if layout == Layout::Preserve {
        assert_eq!(output.len(), input.len(), "{labels:?}");
    }
    for layout in LAYOUTS {
        let engine = Engine::builder().label("no such label").layout(layout).build().unwrap();
        let cleaned = engine.strip(Source::from_bytes(input.to_vec())).unwrap();
        assert!(cleaned.payload().is_none_or(crate::Payload::is_identity), "an absent label");
    }
    output
}

/// Strips in both layouts, with the movie on either side of the media, and checks that the samples stay.
fn both(build: impl Fn(bool, bool) -> Vec<u8>, gone: &[&str], kept: &[&str]) {
    for (is_first, is_wide) in [(true, false), (true, true), (false, false)] {
        let input = build(is_first, is_wide);
        for layout in LAYOUTS {
            let output = strip(&input, gone, layout);
            assert_eq!(addresses(&output), kept, "{layout:?}");
            assert_eq!(samples(&output), [b"chunk1", b"chunk2"], "{layout:?} {is_first}");
            if layout == Layout::Compact {
                assert!(output.len() < input.len());
            }
        }
    }
}

#[test]
fn freeform_tags_go() {
    let items = [freeform("id", &["8888"]), atom(b"\xa9nam", &[&data("Title")]), freeform("keepme", &["kept"])];
    let build = |first, wide| movie(&itunes(&items), first, wide);
    assert_eq!(
        addresses(&build(true, false)),
        ["ilst:----:com.apple.iTunes:id", "ilst:\u{a9}nam", "ilst:----:com.apple.iTunes:keepme"]
    );
    both(build, &["id"], &["ilst:\u{a9}nam", "ilst:----:com.apple.iTunes:keepme"]);
    both(build, &["ilst:\u{a9}nam", "keepme"], &["ilst:----:com.apple.iTunes:id"]);
    both(build, &["id", "keepme", "ilst:\u{a9}nam"], &[]);
}

#[test]
fn one_value_of_several_goes() {
    let build = |first, wide| movie(&itunes(&[freeform("list", &["alpha", "beta", "gamma"])]), first, wide);
    for layout in LAYOUTS {
        let engine = Engine::builder().labels([crate::Label::with_value("list", "beta")]).layout(layout).build();
        let cleaned = engine.unwrap().strip(Source::from_bytes(build(true, false))).unwrap();
        assert_eq!(cleaned.report().outcome, Outcome::Stripped);
        let mut output = Vec::new();
        cleaned.payload().unwrap().write_to(&mut output).unwrap();
        let left: Vec<_> = values(&output).into_iter().filter_map(|(_, value)| value).collect();
        assert_eq!(left, ["alpha", "gamma"]);
        assert_eq!(samples(&output), [b"chunk1", b"chunk2"]);
    }
    both(build, &["list"], &[]);
}

#[test]
fn keys_go_with_their_items_and_the_others_are_renumbered() {
    let keys = ["project", "unused", "id", "keepme"];
    let items = [(3, "8888"), (4, "kept"), (1, "falcon"), (3, "9999")];
    let build = |first, wide| movie(&keyed(&keys, &items), first, wide);
    let all = ["mdta:unused", "mdta:id", "mdta:keepme", "mdta:project", "mdta:id"];
    assert_eq!(addresses(&build(true, false)), all);
    both(build, &["id"], &["mdta:unused", "mdta:keepme", "mdta:project"]);
    both(build, &["unused"], &["mdta:id", "mdta:keepme", "mdta:project", "mdta:id"]);
    both(build, &["project", "unused", "keepme"], &["mdta:id", "mdta:id"]);
    both(build, &["mdta:*"], &[]);
    let output = strip(&build(true, false), &["id", "unused"], Layout::Preserve);
    let kept = [("mdta:keepme".to_owned(), Some("kept".to_owned())), ("mdta:project".into(), Some("falcon".into()))];
    assert_eq!(values(&output), kept);
}

#[test]
fn texts_in_user_data_go_by_language() {
    let texts = atom(b"\xa9des", &[b"\0\x05\x15\xc7Hello\0\x01\x10\xb5X\0\x06\x19\x59Quatre"]);
    let labels = atom(b"udta", &[&texts, &full(b"titl", 0, 0, &[b"\x15\xc7A title\0"]), b"\0\0\0\0"]);
    let build = |first, wide| movie(&labels, first, wide);
    let text = "udta:\u{a9}des";
    assert_eq!(addresses(&build(true, false)), [text, text, text, "udta:titl"]);
    both(build, &[text], &["udta:titl"]);
    both(build, &["udta:titl"], &[text, text, text]);
    for (value, left) in [("X", ["Hello", "Quatre"]), ("Hello", ["X", "Quatre"])] {
        for layout in LAYOUTS {
            let engine = Engine::builder().labels([crate::Label::with_value(text, value)]).layout(layout).build();
            let cleaned = engine.unwrap().strip(Source::from_bytes(build(true, false))).unwrap();
            let mut output = Vec::new();
            cleaned.payload().unwrap().write_to(&mut output).unwrap();
            let values: Vec<_> = values(&output).into_iter().filter_map(|(_, value)| value).take(2).collect();
            assert_eq!(values, left, "{layout:?}");
            assert_eq!(samples(&output), [b"chunk1", b"chunk2"]);
        }
    }
}

#[test]
fn attributes_of_windows_go() {
    let entry = |name: &str, value: &str| {
        let value: Vec<u8> = value.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let size = (value.len() as u32 + 6).to_be_bytes();
        let rest = [&(name.len() as u32).to_be_bytes()[..], name.as_bytes(), b"\0\0\0\x01", &size, b"\0\x08", &value];
        let rest = rest.concat();
        [&(rest.len() as u32 + 4).to_be_bytes()[..], &rest].concat()
    };
    let labels = atom(b"udta", &[&atom(b"Xtra", &[&entry("WM/Category", "music"), &entry("id", "8888")])]);
    let build = |first, wide| movie(&labels, first, wide);
    both(build, &["id"], &["xtra:WM/Category"]);
    both(build, &["xtra:WM/Category", "id"], &[]);
}

const PACKET: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
    xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:z='urn:z' z:id='8888' \
    z:keepme='kept'/></rdf:RDF></x:xmpmeta>";

#[test]
fn packets_are_edited_wherever_they_are() {
    let uuid = || atom(b"uuid", &[&super::labels::XMP, PACKET.as_bytes()]);
    let in_movie = |first, wide| movie(&atom(b"udta", &[&atom(b"XMP_", &[PACKET.as_bytes()])]), first, wide);
    both(in_movie, &["id"], &["xmp:z:keepme"]);
    both(in_movie, &["id", "keepme"], &[]);
    both(|first, wide| movie(&uuid(), first, wide), &["id"], &["xmp:z:keepme"]);
    both(|first, wide| [movie(&[], first, wide), uuid()].concat(), &["id", "keepme"], &[]);
}

#[test]
fn old_copies_are_found_in_filler_and_between_chunks() {
    let labels = itunes(&[freeform("secret-key", &["secret-value"])]);
    let mut input = movie(&labels, true, false);
    input.extend(atom(b"free", &[b"..secret-value..secret-key.."]));
    input.extend(b"\0\0\0\x02secret-value");
    let gap = memchr::memmem::find(&input, b"GAP.GAP.").unwrap();
    input.splice(gap..gap + 8, *b"sec.rets");
    for layout in LAYOUTS {
        let output = strip(&input, &["secret-key"], layout);
        assert!(memchr::memmem::find(&output, b"secret-").is_none(), "{layout:?}");
        assert!(memchr::memmem::find(&output, b"sec.rets").is_some(), "{layout:?}");
        assert_eq!(samples(&output), [b"chunk1", b"chunk2"]);
    }
    let labels = itunes(&[freeform("k", &["sec.rets"])]);
    let mut input = movie(&labels, true, false);
    let gap = memchr::memmem::find(&input, b"GAP.GAP.").unwrap();
    input.splice(gap..gap + 8, *b"sec.rets");
    for layout in LAYOUTS {
        let output = strip(&input, &["k"], layout);
        assert!(memchr::memmem::find(&output, b"sec.rets").is_none(), "{layout:?}");
    }
}

#[test]
fn signed_and_compressed_files_are_refused() {
    let labels = itunes(&[freeform("id", &["8888"])]);
    let refused = |input: Vec<u8>| {
        let engine = Engine::builder().label("id").build().unwrap();
        let cleaned = engine.strip(Source::from_bytes(input)).unwrap();
        (cleaned.report().outcome, cleaned.payload().is_none())
    };
    let manifest = b"\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81";
    let signed = [movie(&labels, true, false), atom(b"uuid", &[manifest, b"manifest"])].concat();
    assert_eq!(refused(signed), (Outcome::Refused, true));
    let squeezed = [atom(b"ftyp", &[b"qt  \0\0\0\0"]), atom(b"moov", &[&atom(b"cmov", &[b"..."])])].concat();
    assert_eq!(refused(squeezed), (Outcome::Refused, true));
    let mark = movie(&itunes(&[freeform("AIGC", &["{\"Label\":\"1\"}"]), freeform("id", &["1"])]), true, false);
    let engine = Engine::builder().label("AIGC").build().unwrap();
    assert_eq!(engine.strip(Source::from_bytes(mark.clone())).unwrap().report().outcome, Outcome::Refused);
    assert_eq!(addresses(&strip(&mark, &["id"], Layout::Preserve)), ["ilst:----:com.apple.iTunes:AIGC"]);
}

#[test]
fn fragments_keep_their_offsets() {
    let labels = itunes(&[freeform("id", &["8888"]), freeform("keepme", &["kept"])]);
    let header = atom(b"moov", &[&full(b"trex", 0, 0, &[&[0; 20]]), &labels]);
    let start = 20 + header.len() as u64;
    let fragment = |base: u64| {
        let head = full(b"tfhd", 0, 1, &[b"\0\0\0\x01", &base.to_be_bytes()]);
        let run = full(b"trun", 0, 0x201, &[b"\0\0\0\x01\0\0\0\0\0\0\0\x06"]);
        atom(b"moof", &[&atom(b"traf", &[&head, &run]), &labels])
    };
    let size = fragment(0).len() as u64;
    let random =
        full(b"tfra", 1, 0, &[b"\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0", &start.to_be_bytes(), b"\x01\x01\x01"]);
    let input = [
        atom(b"ftyp", &[b"isom\0\0\0\0isom"]),
        header,
        fragment(start + size + 8),
        atom(b"mdat", &[b"chunk1"]),
        atom(b"mfra", &[&random]),
    ]
    .concat();
    for layout in LAYOUTS {
        let output = strip(&input, &["id"], layout);
        let kept = "ilst:----:com.apple.iTunes:keepme";
        assert_eq!(addresses(&output), [kept, kept]);
        let at = |kind: &[u8], skip: usize| {
            let at = memchr::memmem::find(&output, kind).unwrap() + skip;
            u64::from_be_bytes(*output.get(at..).unwrap().first_chunk().unwrap()) as usize
        };
        let base = at(b"tfhd", 12);
        assert_eq!(output.get(base..base + 6), Some(&b"chunk1"[..]), "{layout:?}");
        let fragment = at(b"tfra", 28);
        assert_eq!(output.get(fragment + 4..fragment + 8), Some(&b"moof"[..]), "{layout:?}");
    }
}

#[test]
fn all_sizes_of_boxes_are_followed() {
    let labels = itunes(&[freeform("id", &["8888"]), freeform("keepme", &["kept"])]);
    let movie = [track([28, 42], false), labels].concat();
    let head = [atom(b"ftyp", &[b"isom\0\0\0\0"]), [&28u32.to_be_bytes()[..], b"mdat"].concat()].concat();
    let head = [&head[..16], &28u32.to_be_bytes(), b"mdat"].concat();
    let media = [&head[..], b"....", MEDIA.get(..16).unwrap(), MEDIA.get(16..).unwrap()].concat();
    let open = [&media[..], b"\0\0\0\0moov", &movie].concat();
    let long = [&media[..], b"\0\0\0\x01moov", &(movie.len() as u64 + 16).to_be_bytes(), &movie].concat();
    for input in [open, long] {
        let input = [&input[..16], &32u32.to_be_bytes(), &input[20..]].concat();
        for layout in LAYOUTS {
            let output = strip(&input, &["id"], layout);
            assert_eq!(addresses(&output), ["ilst:----:com.apple.iTunes:keepme"]);
            assert_eq!(samples(&output), [b"chunk1", b"chunk2"]);
        }
    }
}

#[test]
fn a_file_that_ends_within_its_media_keeps_its_length() {
    let mut input = movie(&itunes(&[freeform("id", &["8888"])]), true, false);
    input.truncate(input.len() - 3);
    for layout in LAYOUTS {
        assert_eq!(strip(&input, &["id"], layout).len(), input.len());
    }
}

fn any_labels() -> impl Strategy<Value = Vec<u8>> {
    let word = || "[a-z]{2,9}";
    let item = prop_oneof![
        (word(), proptest::collection::vec("[A-Z]{5,9}", 1..3))
            .prop_map(|(name, values)| { freeform(&name, &values.iter().map(String::as_str).collect::<Vec<_>>()) }),
        "[A-Z]{5,9}".prop_map(|value| atom(b"\xa9cmt", &[&data(&value)])),
    ];
    prop_oneof![
        proptest::collection::vec(item, 0..4).prop_map(|items| itunes(&items)),
        (proptest::collection::vec(word(), 1..4), proptest::collection::vec((0u32..5, "[A-Z]{5,9}"), 0..5)).prop_map(
            |(keys, items)| {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                keyed(&keys, &items.iter().map(|(number, value)| (*number, value.as_str())).collect::<Vec<_>>())
            }
        ),
        proptest::collection::vec("[A-Z]{0,9}", 1..4).prop_map(|texts| {
            let texts = texts
                .iter()
                .flat_map(|text| [&(text.len() as u16).to_be_bytes()[..], b"\x15\xc7", text.as_bytes()].concat());
            atom(b"udta", &[&atom(b"\xa9des", &[&texts.collect::<Vec<u8>>()])])
        }),
        Just(atom(b"free", &[b"filler"])),
    ]
}

proptest! {
    #[test]
    fn exactly_the_chosen_sites_go(
        labels in proptest::collection::vec(any_labels(), 0..4),
        choice in proptest::collection::vec(any::<bool>(), 64),
        is_first: bool,
        is_wide: bool,
    ) {
        let input = movie(&labels.concat(), is_first, is_wide);
        let limits = Limits::default();
        let survey = IsoBmff.survey(&input, &limits).unwrap();
        let sites = &survey.findings().sites;
        let chosen: Vec<usize> = (0..sites.len()).filter(|site| choice[site % choice.len()]).collect();
        let told = |site: &crate::Site| (site.address.clone(), site.value.clone());
        let kept: Vec<_> = sites.iter().enumerate().filter(|(site, _)| !chosen.contains(site)).map(|(_, site)| told(site)).collect();
        for layout in LAYOUTS {
            let nothing = Needles::default();
            let planned = survey.plan(&Removal::new(&chosen, &nothing), layout).unwrap();
            let output = planned.plan.apply(&input).unwrap();
            prop_assert!(layout == Layout::Compact || planned.plan.keeps_length());
            let after = IsoBmff.survey(&output, &limits).unwrap();
            prop_assert_eq!(after.findings().sites.iter().map(told).collect::<Vec<_>>(), kept.clone());
            prop_assert_eq!(samples(&output), [b"chunk1", b"chunk2"]);
        }
    }

    #[test]
    fn damage_does_not_panic(
        labels in proptest::collection::vec(any_labels(), 0..4),
        at in any::<proptest::sample::Index>(),
        byte: u8,
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut input = movie(&labels.concat(), true, false);
        let at = at.index(input.len());
        input[at] = byte;
        input.truncate(cut.index(input.len()) + 1);
        let limits = Limits::default();
        if let Ok(survey) = IsoBmff.survey(&input, &limits) {
            let all: Vec<_> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("id", Some("aaaa"), Some("ffff"))]);
            for layout in LAYOUTS {
                survey.plan(&Removal::new(&all, &needles), layout).unwrap();
            }
            survey.scan(&mut Scan::new(&needles, Proof::Full)).unwrap();
            prop_assert!(survey.findings().guards.iter().all(|guard| guard.scope != Scope::Inside));
        }
    }
}
