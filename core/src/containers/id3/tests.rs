use super::*;
use crate::containers::nested::apply;
use crate::needles::Needles;
use header::to_syncsafe;

const BOTH: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// A frame of version 2.3 or 2.4, or of 2.2 when its name has three letters.
fn frame(version: u8, id: &str, flags: u8, data: &[u8]) -> Vec<u8> {
    let size = if version >= 4 { to_syncsafe(data.len()) } else { (data.len() as u32).to_be_bytes() };
    match version {
        2 => [id.as_bytes(), &size[1..], data].concat(),
        _ => [id.as_bytes(), &size, &[0, flags], data].concat(),
    }
}

fn tag(version: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let head = |signature: &[u8]| [signature, &[version, 0, flags], &to_syncsafe(body.len())].concat();
    let footer = if flags & 0x10 == 0 { Vec::new() } else { head(b"3DI") };
    [head(b"ID3"), body.to_vec(), footer].concat()
}

fn parse(bytes: &[u8]) -> Tag<'_> {
    Tag::parse(bytes, &Limits::default()).unwrap()
}

fn listed(bytes: &[u8]) -> Vec<(String, Option<String>)> {
    parse(bytes).sites().iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

fn pair(address: &str, value: &str) -> (String, Option<String>) {
    (address.to_owned(), Some(value.to_owned()))
}

/// The tag without the site at `index`, in both layouts, after the checks that hold for each.
fn without(bytes: &[u8], index: usize) -> [Vec<u8>; 2] {
    let parsed = parse(bytes);
    let mut kept = listed(bytes);
    kept.remove(index);
    BOTH.map(|layout| {
        let after = apply(bytes, &parsed.edits(&[index], layout).unwrap()).unwrap();
        assert_eq!(listed(&after), kept, "{layout:?}");
        let padding = parse(&after).padding();
        assert!(after[padding].iter().all(|byte| *byte == 0));
        match layout {
            Layout::Preserve => assert_eq!(after.len(), bytes.len()),
            Layout::Compact => assert!(after.len() < bytes.len()),
        }
        assert_eq!(Tag::len(&after), Some(after.len()));
        after
    })
}

#[test]
fn frames_of_every_version_go() {
    for version in [2, 3, 4] {
        let (title, own) = if version == 2 { ("TT2", "TXX") } else { ("TIT2", "TXXX") };
        let title = frame(version, title, 0, b"\0title");
        let own = frame(version, own, 0, b"\0id\x008888");
        let bytes = tag(version, 0, &[&title[..], &own, &title, &[0; 9]].concat());
        assert_eq!(listed(&bytes)[1], pair("id3:TXXX:id", "8888"));
        let [same, short] = without(&bytes, 1);
        assert_eq!(same[10..], [&title[..], &title, &vec![0; own.len() + 9]].concat());
        let padding: &[u8] = if version == 4 { &[0; 9] } else { &[] };
        assert_eq!(short, tag(version, 0, &[&title[..], &title, padding].concat()));
    }
}

#[test]
fn sizes_that_are_not_as_the_version_wants_them_are_read() {
    let long = [b"\0", &[b'a'; 300][..]].concat();
    let plain: Vec<u8> = [frame(3, "TIT2", 0, &long), frame(3, "TXXX", 0, b"\0id\x007"), vec![0; 20]].concat();
    assert_eq!(listed(&tag(4, 0, &plain))[1], pair("id3:TXXX:id", "7"));
    without(&tag(4, 0, &plain), 0);
    let seven: Vec<u8> = [frame(4, "TIT2", 0, &long), frame(4, "TXXX", 0, b"\0id\x007"), vec![0; 20]].concat();
    assert_eq!(listed(&tag(3, 0, &seven))[1], pair("id3:TXXX:id", "7"));
    without(&tag(3, 0, &seven), 1);
}

#[test]
fn unsynchronised_tags_stay_so() {
    let own = frame(3, "TXXX", 0, b"\x01\xff\xfei\0d\0\0\0\xff\xfe7\0");
    let title = frame(3, "TIT2", 0, b"\x01\xff\xfet\0");
    let picture = frame(3, "APIC", 0, b"\0image/png\0\x03\0\xff\xe0\xff\0\xff");
    let body = unsync::encode(&[&title[..], &own, &picture].concat());
    let bytes = tag(3, 0x80, &body);
    assert_eq!(listed(&bytes)[1], pair("id3:TXXX:id", "7"));
    assert!(parse(&bytes).members()[0].barrier.is_some());
    assert_eq!(&*parse(&bytes).member(0).unwrap(), b"\xff\xe0\xff\0\xff");
    for after in without(&bytes, 1) {
        assert_eq!(&*parse(&after).member(0).unwrap(), b"\xff\xe0\xff\0\xff");
        assert!(!after.windows(2).any(|pair| pair[0] == 0xFF && pair[1] >= 0xE0));
    }
    // Version 2.4 does it frame by frame, and counts what stands in the file.
    let coded = frame(4, "TXXX", 2, &unsync::encode(b"\x01\xff\xfei\0d\0\0\0\xff\xfe7\0"));
    let bytes = tag(4, 0x80, &[&coded[..], &frame(4, "TIT2", 0, b"\x03a")].concat());
    assert_eq!(listed(&bytes), [pair("id3:TXXX:id", "7"), pair("id3:TIT2", "a")]);
    without(&bytes, 0);
}

#[test]
fn sums_and_lengths_in_the_extended_header_follow() {
    let own = frame(3, "TXXX", 0, b"\0id\x007");
    let title = frame(3, "TIT2", 0, b"\0a");
    let frames = [&own[..], &title].concat();
    let sum = |bytes: &[u8]| crc32fast::hash(bytes).to_be_bytes();
    let extended = |padding: u32, frames: &[u8]| {
        [&10u32.to_be_bytes()[..], &[0x80, 0], &padding.to_be_bytes(), &sum(frames)].concat()
    };
    let bytes = tag(3, 0x40, &[&extended(5, &frames)[..], &frames, &[0; 5]].concat());
    let [same, short] = without(&bytes, 0);
    let padding = 5 + own.len();
    assert_eq!(same[10..24], extended(padding as u32, &title));
    assert_eq!(short[10..24], extended(0, &title));

    let digits = |bytes: &[u8]| {
        let sum = crc32fast::hash(bytes);
        [28, 21, 14, 7, 0].map(|shift| (sum >> shift & 0x7F) as u8)
    };
    let own = frame(4, "TXXX", 0, b"\0id\x007");
    let title = frame(4, "TIT2", 0, b"\0a");
    let extended = |covered: &[u8]| [&[0, 0, 0, 13, 1, 0x60, 0, 5][..], &digits(covered)].concat();
    let covered = [&own[..], &title, &[0; 5]].concat();
    let bytes = tag(4, 0x40, &[extended(&covered), covered].concat());
    let [same, short] = without(&bytes, 0);
    assert_eq!(same[10..23], extended(&[&title[..], &vec![0; padding]].concat()));
    assert_eq!(short[10..23], extended(&[&title[..], &[0; 5]].concat()));
}

#[test]
fn a_flag_without_an_extended_header_is_seen_through() {
    let bytes = tag(3, 0x40, &[frame(3, "TXXX", 0, b"\0id\x007"), frame(3, "TIT2", 0, b"\0a")].concat());
    assert_eq!(listed(&bytes).len(), 2);
    without(&bytes, 0);
}

#[test]
fn a_footer_leaves_room_for_padding_or_stays_at_the_end() {
    let own = frame(4, "TXXX", 0, b"\0id\x007");
    let title = frame(4, "TIT2", 0, b"\0a");
    let bytes = tag(4, 0x10, &[&own[..], &title].concat());
    let [same, short] = without(&bytes, 0);
    assert_eq!(same, tag(4, 0, &[&title[..], &vec![0; own.len() + 10]].concat()));
    assert_eq!(short, tag(4, 0x10, &title));
    assert_eq!(Tag::before(&bytes, bytes.len()), Some(0));
    let tag_at_end = parse(&bytes).appended();
    let after = apply(&bytes, &tag_at_end.edits(&[0], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(after, [vec![0; own.len()], tag(4, 0x10, &title)].concat());
    assert_eq!(Tag::before(&after, after.len()), Some(own.len()));
}

#[test]
fn coded_frames_are_read_and_chapters_written_anew() {
    use crate::containers::deflate::{Wrapper, deflate};
    let squeezed = |content: &[u8]| deflate(content, Wrapper::Zlib);
    let content = b"\0id\x00a compressed value";
    let data = [&(content.len() as u32).to_be_bytes()[..], &squeezed(content)].concat();
    let bytes = tag(3, 0, &[frame(3, "TXXX", 0x80, &data), frame(3, "TIT2", 0x20, b"\x07\0a")].concat());
    assert_eq!(listed(&bytes), [pair("id3:TXXX:id", "a compressed value"), pair("id3:TIT2", "a")]);
    without(&bytes, 0);

    let embedded = [frame(4, "TIT2", 0, b"\0part"), frame(4, "TXXX", 0, b"\0id\x007")].concat();
    let chapter = [&b"ch1\0"[..], &[0; 16], &embedded].concat();
    let contents = [&b"toc\0\x03\x02ch1\0ch2\0"[..], &frame(4, "TXXX", 0, b"\0other\x001")].concat();
    let bytes = tag(4, 0, &[frame(4, "CHAP", 0, &chapter), frame(4, "CTOC", 0, &contents)].concat());
    assert_eq!(listed(&bytes), [pair("id3:CHAP:TIT2", "part"), pair("id3:TXXX:id", "7"), pair("id3:TXXX:other", "1")]);
    for index in 0..3 {
        without(&bytes, index);
    }
}

#[test]
fn what_cannot_be_read_is_guarded() {
    let bytes = tag(3, 0, &frame(3, "TXXX", 0x40, b"\x01secret"));
    let parsed = parse(&bytes);
    assert_eq!(parsed.guards()[0].scope, Scope::Hidden);
    assert_eq!(parsed.guards()[0].barrier.kind, ErrorKind::Encrypted);
    let manifest = frame(3, "GEOB", 0, b"\0application/x-c2pa-manifest-store\0c2pa\0c2pa manifest store\0data");
    let bytes = tag(3, 0, &[manifest, frame(3, "TXXX", 0, b"\0AIGC\0{}")].concat());
    let parsed = parse(&bytes);
    assert_eq!((parsed.guards()[0].scope, parsed.guards()[0].barrier.kind), (Scope::File, ErrorKind::Signed));
    assert_eq!(parsed.sites()[1].barrier.as_ref().map(|barrier| barrier.kind), Some(ErrorKind::Protected));
    let signed = [frame(4, "SIGN", 0, b"\x09sig"), frame(4, "TXXX", 0x40, b"\x09\0id\x007")].concat();
    assert!(parse(&tag(4, 0, &signed)).sites()[0].barrier.is_some());
    for bytes in [
        &b"ID3\x05\0\0\0\0\0\0"[..],
        b"ID3\x02\0\x40\0\0\0\0",
        b"ID3\x03\0\0\0\0\0\x01",
        b"ID4",
        b"ID3\x03\0\0\x80\0\0\0",
    ] {
        assert!(Tag::parse(bytes, &Limits::default()).is_err());
    }
}

#[test]
fn a_packet_is_a_carrier_of_its_own() {
    let packet = br#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
        <rdf:Description xmlns:l="urn:l" l:id="7" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="x"/></rdf:RDF></x:xmpmeta>"#;
    for version in [3, 4] {
        let data = [b"XMP\0", &packet[..]].concat();
        let frames = [frame(version, "PRIV", 0, &data), frame(version, "TIT2", 0, b"\0a")].concat();
        let bytes = tag(version, 0, &frames);
        assert_eq!(listed(&bytes), [pair("xmp:l:id", "7"), pair("xmp:dc:format", "x"), pair("id3:TIT2", "a")]);
        let start = parse(&bytes).sites()[0].offset as usize;
        assert!(bytes[start..].trim_ascii_start().starts_with(b"l:id"));
        without(&bytes, 0);
        let parsed = parse(&bytes);
        let short = apply(&bytes, &parsed.edits(&[0, 1], Layout::Compact).unwrap()).unwrap();
        assert_eq!(short, tag(version, 0, &frame(version, "TIT2", 0, b"\0a")));
        assert!(parsed.empties(&[0, 1, 2]) && !parsed.empties(&[0, 1]));
    }
}

#[test]
fn stale_copies_in_the_padding_go_and_other_bytes_stay() {
    let own = frame(3, "TXXX", 0, b"\0id\0secret");
    let bytes = tag(3, 0, &[&own[..], &frame(3, "TIT2", 0, b"\0a"), b"\0\0secret\0other"].concat());
    let needles = Needles::new([("id", Some("id"), Some("secret"))]);
    for layout in BOTH {
        let after = apply(&bytes, &parse(&bytes).scrub(&[0], &[], &needles, layout).unwrap()).unwrap();
        assert!(!needles.occur_in(&after), "{layout:?}");
    }
    let other = Needles::new([("id", Some("absent"), Some("absent"))]);
    let after = apply(&bytes, &parse(&bytes).scrub(&[0], &[], &other, Layout::Preserve).unwrap()).unwrap();
    assert!(after.ends_with(b"\0\0secret\0other"));
    let after = apply(&bytes, &parse(&bytes).scrub(&[], &[], &needles, Layout::Compact).unwrap()).unwrap();
    assert_eq!(&after[..40], &bytes[..40]);
    assert!(after.ends_with(&[0; 14]));
}

#[test]
fn damage_behind_the_frames_stays() {
    let own = frame(3, "TXXX", 0, b"\0id\x007");
    let title = frame(3, "TIT2", 0, b"\0a");
    let bytes = tag(3, 0, &[&own[..], &title, b"oops, no frame"].concat());
    let parsed = parse(&bytes);
    let after = apply(&bytes, &parsed.edits(&[0], Layout::Preserve).unwrap()).unwrap();
    assert_eq!(after[10..], [&title[..], b"oops, no frame", &vec![0; own.len()]].concat());
    let short = apply(&bytes, &parsed.edits(&[0], Layout::Compact).unwrap()).unwrap();
    assert_eq!(short, tag(3, 0, &[&title[..], b"oops, no frame"].concat()));
}

#[test]
fn a_tag_that_counts_bytes_keeps_its_length() {
    let frames = [frame(4, "ASPI", 0, &[0; 12]), frame(4, "TXXX", 0, b"\0id\x007")].concat();
    let bytes = tag(4, 0, &frames);
    let after = apply(&bytes, &parse(&bytes).edits(&[0], Layout::Compact).unwrap()).unwrap();
    assert_eq!(after.len(), bytes.len());
    assert!(listed(&after).is_empty());
}

#[test]
fn damage_that_would_read_otherwise_is_refused() {
    // Behind a frame that reaches out, another one stands that a reader of the other form of sizes would see.
    let own = frame(3, "TXXX", 0, b"\0id\x007");
    let hidden = [&b"TIT2\0\0\x01\0\0\0"[..], &[b'a'; 128]].concat();
    let bytes = tag(3, 0, &[&own[..], &own, &hidden].concat());
    for layout in BOTH {
        match parse(&bytes).edits(&[0], layout) {
            Ok(edits) => {
                let after = apply(&bytes, &edits).unwrap();
                assert_eq!(listed(&after).len(), listed(&bytes).len() - 1);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Malformed),
        }
    }
}
