use proptest::prelude::*;

use super::*;
use crate::formats::xml::tests::{addresses, both, sites, strip};
use crate::report::Outcome;
use crate::survey::Kind;

fn chunk(id: &[u8], data: &[u8]) -> Vec<u8> {
    let mut bytes = [id, &(data.len() as u32).to_le_bytes(), data].concat();
    bytes.resize(bytes.len().next_multiple_of(2), 0);
    bytes
}

fn list(kind: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"LIST", &[kind, &chunks.concat()].concat())
}

fn riff(kind: &[u8], chunks: &[Vec<u8>]) -> Vec<u8> {
    chunk(b"RIFF", &[kind, &chunks.concat()].concat())
}

fn wave(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut all = vec![chunk(b"fmt ", &[1, 0, 1, 0, 0x40, 0x1F, 0, 0, 0x40, 0x1F, 0, 0, 1, 0, 8, 0])];
    all.extend_from_slice(chunks);
    riff(b"WAVE", &all)
}

fn sound() -> Vec<u8> {
    chunk(b"data", &[0x80; 21])
}

/// Identifiers and lengths of the chunks in the outermost one, which must fill it.
fn told(bytes: &[u8]) -> Vec<(String, usize)> {
    let form = Form::read(bytes, 0, &[], &Limits::default()).unwrap();
    assert_eq!(form.chunks.last().unwrap().end, bytes.len());
    assert_eq!(form.end, u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize + 8);
    form.chunks.iter().map(|chunk| (chunk.name(), chunk.data.len())).collect()
}

fn names(bytes: &[u8]) -> Vec<String> {
    told(bytes).into_iter().map(|(name, _)| name).collect()
}

fn packet(attributes: &str) -> Vec<u8> {
    format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <rdf:Description xmlns:v='urn:v' {attributes}/></rdf:RDF></x:xmpmeta>"
    )
    .into_bytes()
}

#[test]
fn items_of_a_list_close_up_and_filler_follows() {
    let info = list(b"INFO", &[chunk(b"INAM", b"a name\0"), chunk(b"IZZZ", b"hidden!"), chunk(b"ICMT", b"said\0")]);
    let bytes = wave(&[info, sound()]);
    assert_eq!(addresses(&bytes, "wav"), ["riff:INAM", "riff:IZZZ", "riff:ICMT"]);
    let [preserved, compact] = both(&bytes, "wav", &["IZZZ"]);
    assert_eq!(names(&preserved), ["fmt", "LIST", "JUNK", "data"]);
    assert_eq!(names(&compact), ["fmt", "LIST", "data"]);
    assert_eq!(bytes.len() - compact.len(), 16);
    assert!(preserved.ends_with(&sound()) && compact.ends_with(&sound()));
    let [preserved, compact] = both(&bytes, "wav", &["IZZZ", "riff:INAM", "riff:ICMT"]);
    assert_eq!(
        (names(&preserved), names(&compact)),
        (vec!["fmt".into(), "JUNK".into(), "data".into()], vec!["fmt".to_owned(), "data".into()])
    );
}

#[test]
fn unpadded_items_are_read_and_go_where_there_is_room() {
    let items = [&b"INAM\x05\0\0\0short"[..], b"IZZZ\x07\0\0\0hidden!", b"ICMT\x03\0\0\0abc"].concat();
    let bytes = wave(&[chunk(b"LIST", &[b"INFO", &items[..]].concat()), sound()]);
    assert_eq!(addresses(&bytes, "wav"), ["riff:INAM", "riff:IZZZ", "riff:ICMT"]);
    both(&bytes, "wav", &["IZZZ"]);
}

#[test]
fn chunks_of_fields_keep_the_others() {
    let mut bext = vec![0; 602];
    bext[..13].copy_from_slice(b"a description");
    bext[256..266].copy_from_slice(b"originator");
    bext.extend_from_slice(b"A=PCM,F=48000\r\n\0");
    let mut cart = vec![0; 2048];
    cart[..4].copy_from_slice(b"0101");
    cart[616..622].copy_from_slice(b"secret");
    let bytes = wave(&[chunk(b"bext", &bext), chunk(b"cart", &cart), sound()]);
    let expected = ["bext:Description", "bext:Originator", "bext:CodingHistory", "cart:UserDef"];
    assert_eq!(addresses(&bytes, "wav"), expected);
    let (report, after) = strip(&bytes, &["bext:Description", "cart:UserDef"], Layout::Preserve);
    assert_eq!((report.outcome, after.len()), (Outcome::Stripped, bytes.len()));
    assert_eq!(addresses(&after, "wav"), expected[1..3]);
    let [_, compact] = both(&bytes, "wav", &["bext:CodingHistory"]);
    assert_eq!(told(&compact)[1], ("bext".to_owned(), 602));
}

#[test]
fn documents_in_chunks_are_edited_in_place() {
    let ixml = b"<?xml version=\"1.0\"?><BWFXML><PROJECT>one</PROJECT><USER><id>8888 and more</id></USER></BWFXML>\0";
    let bytes = wave(&[chunk(b"iXML", ixml), chunk(b"_PMX", &packet("v:id='8888 and more' v:k='kept'")), sound()]);
    assert_eq!(addresses(&bytes, "wav"), ["ixml:PROJECT", "ixml:USER/id", "xmp:v:id", "xmp:v:k"]);
    let [preserved, compact] = both(&bytes, "wav", &["id"]);
    assert_eq!((names(&preserved), names(&compact)), (names(&bytes), names(&bytes)));
}

#[test]
fn text_chunks_become_filler_or_go() {
    let bytes = wave(&[chunk(b"DISP", b"\x01\0\0\0a title\0"), chunk(b"IDIT", b"a date"), sound()]);
    assert_eq!(addresses(&bytes, "wav"), ["riff:DISP", "riff:IDIT"]);
    let [preserved, compact] = both(&bytes, "wav", &["riff:DISP"]);
    assert_eq!((names(&preserved)[1].as_str(), names(&compact)[1].as_str()), ("JUNK", "IDIT"));
}

#[test]
fn long_files_count_in_their_own_chunk() {
    let mut bytes = wave(&[chunk(b"LIST", b"INFOIZZZ\x07\0\0\0hidden!\0"), sound()]);
    let total = bytes.len() as u64 + 36 - 8;
    let ds64 = [&total.to_le_bytes()[..], &21u64.to_le_bytes(), &[0; 12]].concat();
    bytes.splice(12..12, chunk(b"ds64", &ds64));
    bytes[..8].copy_from_slice(b"RF64\xff\xff\xff\xff");
    let data = memchr::memmem::find(&bytes, b"data").unwrap();
    bytes[data + 4..data + 8].fill(0xFF);
    let [preserved, compact] = both(&bytes, "wav", &["IZZZ"]);
    assert_eq!(preserved[20..28], total.to_le_bytes());
    assert_eq!(compact[20..28], (total - 28).to_le_bytes());
    assert!(compact.ends_with(&[0x80, 0]));
}

#[test]
fn labels_behind_the_end_are_found_and_rubbish_is_cleared() {
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden!")]);
    let bytes = [wave(&[sound()]), info.clone()].concat();
    assert_eq!(sites(&bytes, "wav")[0].place, "behind the end LIST INFO");
    both(&bytes, "wav", &["IZZZ"]);
    let rubbish = [wave(&[info, sound()]), b"?? IZZZ and then hidden! ??".to_vec()].concat();
    let (report, after) = strip(&rubbish, &["IZZZ"], Layout::Preserve);
    assert_eq!((report.outcome, after.len()), (Outcome::Stripped, rubbish.len()));
    assert_eq!(memchr::memmem::find(&after, b"hidden!"), None);
}

#[test]
fn rubbish_that_is_cleared_uncovers_nothing() {
    let info = list(b"INFO", &[chunk(b"IZZZ", b"a hidden label")]);
    let bytes = [wave(&[info.clone(), sound()]), b"a hidden label  ".to_vec(), info].concat();
    assert_eq!(addresses(&bytes, "wav"), ["riff:IZZZ"]);
    let (report, after) = strip(&bytes, &["IZZZ"], Layout::Preserve);
    assert_eq!((report.outcome, addresses(&after, "wav").len()), (Outcome::Stripped, 0));
    // A copy in the place of a length that no file is long enough for.
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden words")]);
    let bytes = [wave(&[info, sound()]), b"IARThidden words".to_vec()].concat();
    let (report, after) = strip(&bytes, &["IZZZ"], Layout::Preserve);
    assert_eq!((report.outcome, addresses(&after, "wav").len()), (Outcome::Stripped, 0));
}

#[test]
fn a_copy_behind_a_tag_goes_with_its_chunk() {
    let tag = tag(b"TXXX\0\0\0\x0d\0\0\0IZZZ\0hidden!");
    let bytes = wave(&[sound(), chunk(b"id3 ", &[tag, b"and hidden! again".to_vec()].concat())]);
    for output in both(&bytes, "wav", &["IZZZ"]) {
        assert!(!output.windows(7).any(|window| window == b"hidden!"));
    }
}

#[test]
fn a_form_that_is_shorter_than_its_chunks_keeps_its_length() {
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden!"), chunk(b"ICMT", b"said")]);
    let mut bytes = wave(&[sound(), info]);
    let length = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) - 20;
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, after) = strip(&bytes, &["IZZZ"], layout);
        assert_eq!((report.outcome, after.len()), (Outcome::Stripped, bytes.len()));
    }
    let behind = [wave(&[sound()]), chunk(b"id3 ", &tag(b"TXXX\0\0\0\x0d\0\0\0IZZZ\0hidden!"))].concat();
    assert_eq!(addresses(&behind, "wav"), ["id3:TXXX:IZZZ"]);
}

#[test]
fn names_of_cue_points_are_content() {
    let adtl = list(b"adtl", &[chunk(b"labl", b"\x01\0\0\0hidden and more\0")]);
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden and more")]);
    let bytes = wave(&[info, adtl.clone(), sound()]);
    let (report, after) = strip(&bytes, &["IZZZ"], Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Stripped);
    assert!(after.windows(adtl.len()).any(|window| window == adtl));
}

#[test]
fn marks_stay_and_signed_files_are_refused() {
    let mark = wave(&[chunk(b"AIGC", b"{\"Label\":\"1\"}"), sound()]);
    assert_eq!(strip(&mark, &["AIGC"], Layout::Preserve).0.outcome, Outcome::Refused);
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden!")]);
    let signed = wave(&[info, sound(), chunk(b"C2PA", b"jumb")]);
    assert_eq!(strip(&signed, &["IZZZ"], Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn a_list_that_is_cut_off_stays() {
    let bytes = wave(&[sound(), list(b"INFO", &[chunk(b"IZZZ", b"hidden and more")])]);
    let cut = &bytes[..bytes.len() - 4];
    assert_eq!(strip(cut, &["IZZZ"], Layout::Preserve).0.outcome, Outcome::Refused);
}

fn webp(chunks: &[Vec<u8>], flags: u8) -> Vec<u8> {
    let mut all = vec![chunk(b"VP8X", &[flags, 0, 0, 0, 0, 0, 0, 0, 0, 0]), chunk(b"VP8 ", b"picture")];
    all.extend_from_slice(chunks);
    riff(b"WEBP", &all)
}

const EXIF: &[u8] = b"II*\0\x08\0\0\0\x01\0\x31\x01\x02\0\x08\0\0\0\x1a\0\0\0\0\0\0\0program\0";

#[test]
fn flags_of_webp_follow_the_chunks() {
    let packet = packet("v:id='8888 and more'");
    let bytes = webp(&[chunk(b"EXIF", EXIF), chunk(b"XMP ", &packet)], 0x1C);
    assert_eq!(addresses(&bytes, "webp"), ["exif:Software", "xmp:v:id"]);
    let [preserved, compact] = both(&bytes, "webp", &["id"]);
    assert_eq!((preserved[20], compact[20]), (0x1C, 0x18));
    assert_eq!(names(&compact), ["VP8X", "VP8", "EXIF"]);
    let [_, compact] = both(&bytes, "webp", &["exif:Software", "id"]);
    assert_eq!((compact[20], names(&compact).len()), (0x10, 2));
}

#[test]
fn packets_of_webp_shrink() {
    let bytes = webp(&[chunk(b"XMP ", &packet("v:id='8888 and more' v:k='kept'"))], 0x04);
    let [_, compact] = both(&bytes, "webp", &["id"]);
    assert_eq!((names(&compact).len(), compact[20]), (3, 0x04));
}

#[test]
fn unreadable_blocks_of_webp_go_as_a_whole() {
    let bytes = webp(&[chunk(b"EXIF", b"rubbish")], 0x08);
    let found = sites(&bytes, "webp");
    assert_eq!((&*found[0].address, found[0].kind), ("webp:EXIF", Kind::Standard));
    let [preserved, compact] = both(&bytes, "webp", &["webp:EXIF"]);
    assert_eq!((preserved[20], compact[20]), (0, 0));
    let hidden = webp(&[chunk(b"XMP ", b"<rdf:RDF broken"), chunk(b"EXIF", EXIF)], 0x0C);
    assert_eq!(strip(&hidden, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
}

fn movie(info: Vec<u8>, tail: &[Vec<u8>]) -> Vec<u8> {
    let strl = list(b"strl", &[chunk(b"strh", &[0; 56]), chunk(b"strn", b"stream name\0")]);
    let hdrl = list(b"hdrl", &[chunk(b"avih", &[0; 56]), strl, chunk(b"IDIT", b"a date\n\0")]);
    let movi = list(b"movi", &[chunk(b"00dc", &[0x80; 30])]);
    let mut all = vec![hdrl, info, movi, chunk(b"idx1", &[0; 16])];
    all.extend_from_slice(tail);
    riff(b"AVI ", &all)
}

#[test]
fn nothing_moves_before_the_media_of_a_movie() {
    let info = list(b"INFO", &[chunk(b"ISFT", b"program\0"), chunk(b"IZZZ", b"hidden!")]);
    let bytes = movie(info.clone(), &[]);
    assert_eq!(addresses(&bytes, "avi"), ["riff:strn", "riff:IDIT", "riff:ISFT", "riff:IZZZ"]);
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, after) = strip(&bytes, &["IZZZ", "riff:strn", "riff:IDIT"], layout);
        assert_eq!((report.outcome, after.len()), (Outcome::Stripped, bytes.len()));
        assert_eq!(names(&after), ["LIST", "LIST", "JUNK", "LIST", "idx1"]);
        assert_eq!(addresses(&after, "avi"), ["riff:ISFT"]);
    }
    let behind = movie(chunk(b"JUNK", &[0; 10]), &[info]);
    let [_, compact] = both(&behind, "avi", &["IZZZ"]);
    assert_eq!(behind.len() - compact.len(), 16);
}

#[test]
fn movies_of_several_forms_are_read_to_the_end() {
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden!")]);
    let second = riff(b"AVIX", &[list(b"movi", &[chunk(b"00dc", &[0x80; 9])]), info]);
    let bytes = [movie(chunk(b"JUNK", &[0; 10]), &[]), second].concat();
    let [preserved, _] = both(&bytes, "avi", &["IZZZ"]);
    assert_eq!(preserved.len(), bytes.len());
}

fn aiff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"AIFF".to_vec();
    for (id, data) in chunks {
        body.extend_from_slice(&id[..]);
        body.extend_from_slice(&(data.len() as u32).to_be_bytes());
        body.extend_from_slice(data);
        body.resize(body.len().next_multiple_of(2), 0);
    }
    [&b"FORM"[..], &(body.len() as u32).to_be_bytes(), &body].concat()
}

#[test]
fn chunks_of_aiff_are_big_endian() {
    let comments = b"\0\x02\0\0\0\0\0\0\0\x07hidden!\0\0\0\0\0\0\0\0\x04kept";
    let packet = [&b"XMP "[..], &packet("v:id='8888 and more'")].concat();
    let bytes = aiff(&[
        (b"COMM", &[0; 18]),
        (b"NAME", b"a name"),
        (b"(c) ", b"somebody's"),
        (b"COMT", comments),
        (b"APPL", &packet),
        (b"SSND", &[7; 13]),
    ]);
    let expected = ["aiff:NAME", "aiff:(c)", "aiff:COMT", "aiff:COMT", "xmp:v:id"];
    assert_eq!(addresses(&bytes, "aiff"), expected);
    let [preserved, compact] = both(&bytes, "aiff", &["aiff:COMT=hidden!"]);
    let kept = |bytes: &[u8]| sites(bytes, "aiff")[2].value.clone();
    assert_eq!((kept(&preserved), kept(&compact)), (Some("kept".into()), Some("kept".into())));
    for label in ["aiff:NAME", "aiff:COMT", "id"] {
        both(&bytes, "aiff", &[label]);
    }
}

#[test]
fn nothing_moves_where_padding_lacks() {
    // The chunk of odd length lacks its padding, and the last one is cut off: what moves beside it is not found again.
    let whole = aiff(&[(b"AUTH", b"hidden"), (b"COMT", b"\0\0\0"), (b"NAME", b"a name"), (b"(c) ", b"kept")]);
    let padding = memchr::memmem::find(&whole, b"NAME").unwrap() - 1;
    let bytes = [&whole[..padding], &whole[padding + 1..whole.len() - 1]].concat();
    assert_eq!(addresses(&bytes, "aiff"), ["aiff:AUTH", "aiff:NAME", "aiff:(c)"]);
    let (report, output) = strip(&bytes, &["aiff:AUTH", "aiff:NAME"], Layout::Compact);
    assert_eq!((report.outcome, output.len()), (Outcome::Stripped, bytes.len()));
    assert_eq!(sites(&output, "aiff")[0].value.as_deref(), Some("kep"));
}

fn tag(frames: &[u8]) -> Vec<u8> {
    let size = frames.len() as u8 + 10;
    [&b"ID3\x03\0\0\0\0\0"[..], &[size], frames, &[0; 10]].concat()
}

#[test]
fn tags_go_with_the_lists_that_repeat_them() {
    let frames = [&b"TXXX\0\0\0\x0d\0\0\0IZZZ\0hidden!"[..], b"TIT2\0\0\0\x06\0\0\0title"].concat();
    let info = list(b"INFO", &[chunk(b"IZZZ", b"hidden!")]);
    let bytes = wave(&[info, sound(), chunk(b"id3 ", &tag(&frames))]);
    assert_eq!(addresses(&bytes, "wav"), ["riff:IZZZ", "id3:TXXX:IZZZ", "id3:TIT2"]);
    let [preserved, compact] = both(&bytes, "wav", &["IZZZ"]);
    assert_eq!(names(&preserved), ["fmt", "JUNK", "data", "id3"]);
    assert_eq!(names(&compact), ["fmt", "data", "id3"]);
    let [_, compact] = both(&bytes, "wav", &["IZZZ", "id3:TIT2"]);
    assert_eq!(names(&compact), ["fmt", "data"]);
    let apple = aiff(&[(b"SSND", &[7; 13]), (b"ID3 ", &tag(&frames))]);
    both(&apple, "aiff", &["IZZZ"]);
    let broken = wave(&[chunk(b"id3 ", &tag(&frames)[..30])]);
    assert_eq!(strip(&broken, &["IZZZ"], Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn pictures_in_tags_are_files_inside() {
    let picture = b"\xff\xd8\xff\xfe\0\x10hidden comment\xff\xda\0\x02coded\xff\xd9";
    let content = [&b"\0image/jpeg\0\x03\0"[..], picture].concat();
    let frame = [&b"APIC\0\0\0"[..], &[content.len() as u8, 0, 0], &content].concat();
    let bytes = wave(&[chunk(b"id3 ", &tag(&frame)), sound()]);
    let found = sites(&bytes, "wav");
    assert!(found.iter().any(|site| site.address == "jpeg:comment"), "{found:?}");
    let [preserved, _] = [Layout::Preserve, Layout::Compact].map(|layout| strip(&bytes, &["jpeg:comment"], layout).1);
    assert_eq!(preserved.len(), bytes.len());
    assert_eq!(memchr::memmem::find(&preserved, b"hidden"), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_edited(
        which in 0usize..4,
        tail in proptest::collection::vec(any::<u8>(), 0..60),
        at in 0usize..600,
    ) {
        let info = list(b"INFO", &[chunk(b"INAM", b"a name"), chunk(b"IZZZ", b"hidden!")]);
        let (flavour, mut bytes) = match which {
            0 => (Flavour::Wave, wave(&[info, chunk(b"bext", &[b'x'; 640]), sound()])),
            1 => (Flavour::Avi, movie(info, &[])),
            2 => (Flavour::Webp, webp(&[chunk(b"EXIF", EXIF), chunk(b"XMP ", &packet("v:id='8888'"))], 0x0C)),
            _ => (Flavour::Aiff, aiff(&[(b"NAME", b"a name"), (b"COMT", b"\0\x01\0\0\0\0\0\0\0\x02ab"), (b"SSND", b"abc")])),
        };
        let at = at.min(bytes.len());
        let end = (at + tail.len()).min(bytes.len());
        bytes.splice(at..end, tail);
        let limits = Limits::default();
        if let Ok(survey) = flavour.survey(&bytes, &limits) {
            let all: Vec<usize> = (0..survey.findings().sites.len()).collect();
            let needles = crate::needles::Needles::new([("id", Some("id"), Some("hidden!"))]);
            for layout in [Layout::Preserve, Layout::Compact] {
                let planned = survey.plan(&Removal::new(&all, &needles), layout).unwrap();
                prop_assert!(layout == Layout::Compact || planned.plan.keeps_length());
            }
        }
    }
}
