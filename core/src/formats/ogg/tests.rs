use super::page::{HEADER, Page, seal};
use super::*;
use crate::formats::trial::stripped_by;
use crate::needles::Needles;

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn page(serial: u32, number: u32, flags: u8, lacing: &[u8], body: &[u8]) -> Vec<u8> {
    let numbers = [serial, number, 0].map(u32::to_le_bytes).concat();
    let mut page = [&b"OggS\0"[..], &[flags], &[0; 8], &numbers, &[lacing.len() as u8], lacing, body].concat();
    seal(&mut page);
    page
}

/// Pages of a stream: every packet of `own` begins a page, the others go on where the one before ends.
fn stream(serial: u32, packets: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let (mut pages, mut lacing, mut body) = (Vec::new(), Vec::new(), Vec::new());
    let mut number = 0;
    let mut continued = 0;
    let mut flush = |lacing: &mut Vec<u8>, body: &mut Vec<u8>, goes_on: bool, last: bool| {
        let flags = continued | if number == 0 { 2 } else { 0 } | if last { 4 } else { 0 };
        pages.extend(page(serial, number, flags, lacing, body));
        continued = u8::from(goes_on);
        number += 1;
        lacing.clear();
        body.clear();
    };
    for (packet, own) in packets {
        if *own && !lacing.is_empty() {
            flush(&mut lacing, &mut body, false, false);
        }
        let mut rest = &packet[..];
        loop {
            if lacing.len() == 255 {
                flush(&mut lacing, &mut body, true, false);
            }
            let length = rest.len().min(255);
            lacing.push(length as u8);
            body.extend_from_slice(&rest[..length]);
            rest = &rest[length..];
            if length < 255 {
                break;
            }
        }
    }
    flush(&mut lacing, &mut body, false, true);
    pages
}

fn comments(magic: &str, list: &[&str], tail: &[u8]) -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u32).to_le_bytes(), text.as_bytes()].concat();
    let fields: Vec<Vec<u8>> = list.iter().map(|text| field(text)).collect();
    [magic.as_bytes(), &field("vendor"), &(list.len() as u32).to_le_bytes(), &fields.concat(), tail].concat()
}

/// A Vorbis stream: identification, comments and set-up on one page or more, audio.
fn vorbis(serial: u32, list: &[&str], padding: usize) -> Vec<u8> {
    let tail = [&[1][..], &vec![0; padding]].concat();
    stream(
        serial,
        &[
            (b"\x01vorbis identification".to_vec(), true),
            (comments("\x03vorbis", list, &tail), true),
            (b"\x05vorbis set-up".repeat(40), false),
            (b"audio".repeat(90), true),
        ],
    )
}

fn sites(input: &[u8]) -> Vec<(String, Option<String>)> {
    let limits = Limits::default();
    let survey = Ogg.survey(input, &limits).unwrap();
    survey.findings().sites.iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

/// The pages, after a look at their checksums.
fn pages(input: &[u8]) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut position = 0;
    while position < input.len() {
        let page = Page::at(input, position).unwrap();
        let mut sealed = input[page.range()].to_vec();
        seal(&mut sealed);
        assert_eq!(sealed, input[page.range()]);
        position = page.body.end;
        pages.push(page);
    }
    pages
}

#[test]
fn a_comment_leaves_zeros_or_a_shorter_page() {
    let input = vorbis(7, &["id=8888", "TITLE=a"], 0);
    assert_eq!(stripped_by(&input, "id", Layout::Preserve), vorbis(7, &["TITLE=a"], 11));
    assert_eq!(stripped_by(&input, "id", Layout::Compact), vorbis(7, &["TITLE=a"], 0));
}

#[test]
fn a_long_packet_keeps_its_pages() {
    let long = format!("long={}", "x".repeat(200_000));
    let input = vorbis(7, &[&long, "id=8888", "TITLE=a"], 0);
    let count = pages(&input).len();
    assert!(count > 5);
    for layout in LAYOUTS {
        for label in ["id", "long"] {
            let after = stripped_by(&input, label, layout);
            assert_eq!(pages(&after).len(), count, "{label} {layout:?}");
            assert_eq!(after.len() == input.len(), layout == Layout::Preserve);
            assert_eq!(sites(&after).len(), 3);
            assert!(after.ends_with(&b"audio".repeat(90)));
        }
    }
    assert!(stripped_by(&input, "long", Layout::Compact).len() < 4000);
}

#[test]
fn every_stream_of_chained_and_multiplexed_files_loses_the_label() {
    let opus = |list: &[&str]| {
        let head = b"OpusHead identification".to_vec();
        stream(9, &[(head, true), (comments("OpusTags", list, b""), true), (b"audio".repeat(9), true)])
    };
    let theora = |list: &[&str]| {
        let head = b"\x80theora identification".to_vec();
        // The magic begins with a byte that is not text.
        let list = [b"\x81", &comments("theora", list, b"")[..]].concat();
        stream(5, &[(head, true), (list, true), (b"\x82theora set-up".to_vec(), false), (b"video".repeat(9), true)])
    };
    let split = |bytes: Vec<u8>| {
        let pages: Vec<_> = pages(&bytes).iter().map(|page| bytes[page.range()].to_vec()).collect();
        pages
    };
    let file = |list: &[&str]| {
        let (first, second) = (split(vorbis(7, list, 0)), split(theora(list)));
        let mixed = [&first[0], &second[0], &second[1], &first[1], &second[2], &first[2]];
        [mixed.map(Vec::clone).concat(), opus(list), vorbis(7, list, 0)].concat()
    };
    let input = file(&["ID=8888", "a=b"]);
    assert_eq!(sites(&input).len(), 12);
    assert_eq!(stripped_by(&input, "id", Layout::Compact), file(&["a=b"]));
    assert_eq!(stripped_by(&input, "id", Layout::Preserve).len(), input.len());
}

#[test]
fn blocks_of_flac_know_their_length() {
    let block = |kind: u8, data: &[u8]| [&[kind], &(data.len() as u32).to_be_bytes()[1..], data].concat();
    let head = b"\x7fFLAC\x01\0\0\x02fLaC identification".to_vec();
    let file = |list: &[&str]| {
        let picture = [&[0, 0, 0, 3][..], &[0; 4], &[0, 0, 0, 1], b"p", &[0; 16], &[0, 0, 0, 4], b"data"].concat();
        let packets = [
            (head.clone(), true),
            (block(4, &comments("", list, b"")), true),
            (block(0x86, &picture), true),
            (b"\xff\xf8audio".to_vec(), true),
        ];
        stream(3, &packets)
    };
    let input = file(&["id=8888", "a=b"]);
    let addresses: Vec<_> = sites(&input).into_iter().map(|(address, _)| address).collect();
    assert_eq!(addresses, ["vorbis:vendor", "vorbis:id", "vorbis:a", "flac:PICTURE"]);
    assert_eq!(stripped_by(&input, "id", Layout::Compact), file(&["a=b"]));
    let same = stripped_by(&input, "id", Layout::Preserve);
    assert_eq!(same.len(), input.len());
    let limits = Limits::default();
    let survey = Ogg.survey(&input, &limits).unwrap();
    assert_eq!(&*survey.member(0).unwrap(), b"data");
    let needles = Needles::new([]);
    let members = [(0, b"DATA".to_vec())];
    let removal = Removal { members: &members, ..Removal::new(&[], &needles) };
    let after = survey.plan(&removal, Layout::Preserve).unwrap().plan.apply(&input).unwrap();
    assert!(after.windows(4).any(|window| window == b"DATA"));
    pages(&after);
}

#[test]
fn pictures_in_base64_are_members() {
    use base64::Engine as _;
    let picture = |data: &str| {
        let block =
            [&[0, 0, 0, 3][..], &[0, 0, 0, 1], b"x", &[0; 4], &[0; 16], &[0, 0, 0, 4], data.as_bytes()].concat();
        format!("METADATA_BLOCK_PICTURE={}", base64::engine::general_purpose::STANDARD.encode(block))
    };
    let file = |data: &str, own: &[&str]| vorbis(7, &[&[&*picture(data)], own].concat(), 0);
    let input = file("data", &["id=8888"]);
    let limits = Limits::default();
    let survey = Ogg.survey(&input, &limits).unwrap();
    assert_eq!(&*survey.member(0).unwrap(), b"data");
    let needles = Needles::new([]);
    let members = [(0, b"DATA".to_vec())];
    let removal = Removal { members: &members, ..Removal::new(&[2], &needles) };
    let after = survey.plan(&removal, Layout::Compact).unwrap().plan.apply(&input).unwrap();
    assert_eq!(after, file("DATA", &[]));
}

#[test]
fn what_is_no_page_is_searched() {
    let parts = vorbis(7, &["id=a secret"], 0);
    let first = pages(&parts)[0].body.end;
    let input = [&parts[..first], b"junk OggS a secret", &parts[first..], b"a secret trailer"].concat();
    for layout in LAYOUTS {
        let after = stripped_by(&input, "id", layout);
        assert!(!Needles::new([("id", None, Some("a secret"))]).occur_in(&after));
        assert!(after.ends_with(b" trailer"));
    }
}

#[test]
fn the_magic_behind_a_page_stays() {
    // No checksum is right, so that the first page counts as one by what follows it, which spells a label.
    let good = vorbis(7, &["id=OggS\x01", "TITLE=a"], 0);
    let first = pages(&good)[0].body.end;
    let mut input = [&good[..first], b"OggS\x01", &good[first..]].concat();
    input[22] ^= 1;
    let limits = Limits::default();
    let survey = Ogg.survey(&input, &limits).unwrap();
    let needles = Needles::new([("vorbis:id", Some("id"), Some("OggS\x01"))]);
    let chosen = survey.findings().sites.iter().position(|site| site.key == "id").unwrap();
    let plan = survey.plan(&Removal::new(&[chosen], &needles), Layout::Preserve).unwrap().plan;
    assert_eq!(sites(&plan.apply(&input).unwrap()).len(), sites(&input).len() - 1);
}

#[test]
fn an_index_of_bytes_keeps_the_length() {
    let skeleton = stream(1, &[(b"fishead\0".to_vec(), true), (b"index\0".to_vec(), true)]);
    let input = [skeleton, vorbis(7, &["id=8888"], 0)].concat();
    assert_eq!(stripped_by(&input, "id", Layout::Compact).len(), input.len());
}

#[test]
fn damage_is_told() {
    let limits = Limits::default();
    let input = vorbis(7, &["id=8888"], 0);
    for end in 0..input.len() {
        if let Ok(survey) = Ogg.survey(&input[..end], &limits) {
            assert!(survey.findings().sites.len() < 3);
        }
    }
    let broken = stream(7, &[(b"OpusHead".to_vec(), true), (b"OpusTags\xff\xff\xff\xff".to_vec(), true)]);
    let survey = Ogg.survey(&broken, &limits).unwrap();
    assert_eq!(survey.findings().guards[0].scope, Scope::Hidden);
    assert!(Ogg.survey(&[0; HEADER], &limits).is_err());
}

#[test]
fn a_damaged_page_does_not_swallow_the_next() {
    // A header whose lacing values reach into a page of comments, which an edit changes.
    let good = vorbis(7, &["id=8888", "TITLE=a"], 0);
    let damaged = [&b"OggS\0\0"[..], &[0; 20], &[200]].concat();
    let input = [damaged, good].concat();
    assert_eq!(sites(&input).len(), 3);
    for layout in LAYOUTS {
        assert_eq!(sites(&stripped_by(&input, "id", layout)).len(), 2);
    }
}

#[test]
fn a_damaged_page_that_would_become_sound_holds_the_edit_up() {
    // What reaches over the comments has the checksum of what they are to be.
    let good = vorbis(7, &["id=8888", "TITLE=a"], 0);
    let after = stripped_by(&good, "id", Layout::Preserve);
    let lacing: Vec<u8> = good.chunks(255).map(|piece| piece.len() as u8).collect();
    let sealed = page(8, 1, 0, &lacing, &after);
    let input = [&sealed[..sealed.len() - after.len()], &good, b"trailer"].concat();
    assert_eq!(sites(&input).len(), 3);
    let limits = Limits::default();
    let survey = Ogg.survey(&input, &limits).unwrap();
    for layout in LAYOUTS {
        let plan = |site| survey.plan(&Removal::new(&[site], &Needles::default()), layout);
        assert_eq!(plan(1).unwrap_err().kind(), ErrorKind::Unsupported);
        assert!(plan(2).is_ok());
    }
}
