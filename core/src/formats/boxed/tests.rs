use proptest::prelude::*;

use super::codestream::tests::{codestream, comment};
use super::*;
use crate::containers::brotli;
use crate::error::ErrorKind;
use crate::needles::Needles;
use crate::scan::{Class, Proof};
use crate::survey::{Kind, Scope, Site};

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn atom(kind: &[u8], data: &[u8]) -> Vec<u8> {
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, data].concat()
}

fn brob(kind: &[u8], data: &[u8]) -> Vec<u8> {
    atom(b"brob", &[kind, &brotli::compress(data).unwrap()].concat())
}

fn jxl(boxes: &[Vec<u8>]) -> Vec<u8> {
    [JXL_SIGNATURE, &atom(b"ftyp", b"jxl \0\0\0\0jxl "), &boxes.concat()].concat()
}

fn jp2(boxes: &[Vec<u8>]) -> Vec<u8> {
    [JP2_SIGNATURE, &atom(b"ftyp", b"jp2 \0\0\0\0jp2 "), &atom(b"jp2h", &atom(b"ihdr", &[0; 14])), &boxes.concat()]
        .concat()
}

fn xmp(text: &str) -> Vec<u8> {
    format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <rdf:Description xmlns:v='urn:v'>{text}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    .into_bytes()
}

/// A TIFF structure with one text.
fn tiff(artist: &[u8]) -> Vec<u8> {
    let entry = [&0x013Bu16.to_be_bytes()[..], &[0, 2, 0, 0, 0, 8, 0, 0, 0, 26]].concat();
    [&b"MM\0\x2a\0\0\0\x08\0\x01"[..], &entry, &[0; 4], artist].concat()
}

fn format(input: &[u8]) -> &'static dyn Format {
    if Jxl.sniff(input) { &Jxl } else { &Jp2 }
}

fn sites(input: &[u8]) -> Vec<Site> {
    let limits = Limits::default();
    format(input).survey(input, &limits).unwrap().findings().sites.clone()
}

fn labels(input: &[u8]) -> Vec<(String, Option<String>)> {
    sites(input).into_iter().map(|site| (site.address, site.value)).collect()
}

fn addresses(input: &[u8]) -> Vec<String> {
    sites(input).into_iter().map(|site| site.address).collect()
}

/// Removes the sites at these addresses, and checks that exactly they go and nothing of them is left.
fn strip(input: &[u8], gone: &[&str], layout: Layout) -> Vec<u8> {
    let limits = Limits::default();
    let survey = format(input).survey(input, &limits).unwrap();
    let all = &survey.findings().sites;
    let (chosen, kept): (Vec<_>, Vec<_>) = (0..all.len()).partition(|&site| gone.contains(&&*all[site].address));
    let needles = Needles::new(chosen.iter().map(|&site| {
        let site = &all[site];
        let key = (site.kind != Kind::Standard).then_some(&*site.key);
        (&*site.address, key, site.value.as_deref())
    }));
    let planned = survey.plan(&Removal::new(&chosen, &needles), layout).unwrap();
    assert_eq!(planned.left, []);
    let output = planned.plan.apply(input).unwrap();
    let kept: Vec<_> = kept.iter().map(|&site| (all[site].address.clone(), all[site].value.clone())).collect();
    assert_eq!(labels(&output), kept);
    let mut scan = Scan::new(&needles, Proof::Full);
    format(input).survey(&output, &limits).unwrap().scan(&mut scan).unwrap();
    let residue: Vec<_> = scan.into_hits().into_iter().filter(|hit| hit.class != Class::Content).collect();
    assert_eq!(residue, []);
    output
}

#[test]
fn packets_and_exif_of_jpeg_xl_are_edited_in_their_boxes() {
    let image = atom(b"jxlc", b"\xff\x0aimage");
    let packet = xmp("<v:id>8888-8888</v:id><v:x>1</v:x>");
    let input =
        jxl(&[atom(b"Exif", &[&[0; 4][..], &tiff(b"someone\0")].concat()), atom(b"xml ", &packet), image.clone()]);
    assert_eq!(addresses(&input), ["exif:Artist", "xmp:v:id", "xmp:v:x"]);
    let output = strip(&input, &["xmp:v:id", "exif:Artist"], Layout::Preserve);
    assert_eq!(output.len(), input.len());
    assert!(strip(&input, &["xmp:v:id"], Layout::Compact).len() < input.len());
    assert_eq!(strip(&input, &["exif:Artist", "xmp:v:id", "xmp:v:x"], Layout::Compact), jxl(&[image]));
}

#[test]
fn compressed_boxes_are_compressed_anew() {
    let image = atom(b"jxlc", b"\xff\x0aimage");
    for text in ["8888-8888", "8", &"a long one, and more of it; ".repeat(9)] {
        let packet = xmp(&format!("<v:id>{text}</v:id><v:x>1</v:x>"));
        let exif = [&[0, 0, 0, 0][..], &tiff(b"someone\0")].concat();
        let input = jxl(&[brob(b"Exif", &exif), brob(b"xml ", &packet), image.clone()]);
        assert_eq!(addresses(&input), ["exif:Artist", "xmp:v:id", "xmp:v:x"]);
        let output = strip(&input, &["xmp:v:id"], Layout::Preserve);
        assert!(output.len().abs_diff(input.len()) < 8, "{} {}", input.len(), output.len());
        strip(&output, &["exif:Artist"], Layout::Preserve);
        strip(&input, &["xmp:v:id", "exif:Artist"], Layout::Compact);
        assert_eq!(
            strip(&input, &["exif:Artist", "xmp:v:id", "xmp:v:x"], Layout::Compact),
            jxl(std::slice::from_ref(&image))
        );
    }
}

#[test]
fn a_file_from_which_a_jpeg_can_be_rebuilt_keeps_its_lengths() {
    let input = jxl(&[atom(b"jbrd", b"coded"), atom(b"xml ", &xmp("<v:id>8888</v:id>")), atom(b"jxlc", b"\xff\x0a")]);
    let limits = Limits::default();
    let survey = Jxl.survey(&input, &limits).unwrap();
    assert_eq!(survey.findings().guards[0].scope, Scope::Inside);
    let planned = survey.plan(&Removal::new(&[0], &Needles::default()), Layout::Compact).unwrap();
    assert!(planned.plan.keeps_length());
    assert_eq!(planned.notes.len(), 1);
}

#[test]
fn manifests_sign_and_damage_hides() {
    let manifest = atom(b"jumb", b"\0\0\0\x20jumdc2pa");
    for (input, scope) in [
        (jxl(std::slice::from_ref(&manifest)), Scope::File),
        (jxl(&[brob(b"jumb", &manifest[8..])]), Scope::File),
        (jp2(&[manifest]), Scope::File),
        (jp2(&[atom(b"chck", b"")]), Scope::File),
        (jxl(&[atom(b"brob", b"xml \xff\xff\xff")]), Scope::Hidden),
        (jxl(&[atom(b"xml ", b"<x:xmpmeta><rdf:RDF>")]), Scope::Hidden),
        (jxl(&[b"\0\0\0\xffxml <x".to_vec()]), Scope::Hidden),
    ] {
        let limits = Limits::default();
        let survey = format(&input).survey(&input, &limits).unwrap();
        assert_eq!(survey.findings().guards.iter().map(|guard| guard.scope).collect::<Vec<_>>(), [scope]);
        survey.scan(&mut Scan::new(&Needles::new([("a", Some("word"), None)]), Proof::Full)).unwrap();
    }
}

#[test]
fn bare_codestreams_of_jpeg_xl_are_clean() {
    assert_eq!(addresses(b"\xff\x0a some image"), [""; 0]);
}

#[test]
fn boxes_of_jpeg_2000_are_listed_and_edited() {
    let uuid = |kind: &[u8; 16], data: &[u8]| atom(b"uuid", &[kind, data].concat());
    let association = |label: &[u8]| atom(b"asoc", &[atom(b"lbl ", label), atom(b"xml ", b"<gml>8888</gml>")].concat());
    let packet = xmp("<v:id>8888-8888</v:id><v:x>1</v:x>");
    let image = atom(b"jp2c", &codestream(&comment("by me"), &comment("or you")));
    let input = jp2(&[
        uuid(b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac", &packet),
        uuid(b"JpgTiffExif->JP2", &[b"Exif\0\0", &tiff(b"someone\0")[..]].concat()),
        uuid(b"\x33\xc7\xa4\xd2\xb8\x1d\x47\x23\xa0\xba\xf1\xa3\xe0\x97\xad\x38", b"\x1c\x02\x19\0\x04word"),
        atom(b"uinf", &[atom(b"ulst", &[0; 18]), atom(b"url ", b"\0\0\0\0http://example.com\0")].concat()),
        association(b"a label"),
        association(b"gml.data"),
        image,
        b"trailer".to_vec(),
    ]);
    let found: Vec<_> = sites(&input).into_iter().map(|site| (site.address, site.kind)).collect();
    let want = [
        ("xmp:v:id", Kind::Custom),
        ("xmp:v:x", Kind::Custom),
        ("exif:Artist", Kind::Standard),
        ("iptc:Keywords", Kind::Standard),
        ("jp2:url", Kind::Standard),
        ("jp2:label", Kind::Standard),
        ("jp2:xml", Kind::Standard),
        ("jp2:label", Kind::Bookkeeping),
        ("jp2:xml", Kind::Standard),
        ("jp2:comment", Kind::Standard),
        ("jp2:comment", Kind::Standard),
    ];
    assert_eq!(found, want.map(|(address, kind)| (address.to_owned(), kind)));
    for gone in [&["xmp:v:id"][..], &["exif:Artist", "iptc:Keywords"], &["jp2:url"], &["jp2:label"], &["jp2:xml"]] {
        assert_eq!(strip(&input, gone, Layout::Preserve).len(), input.len());
        let output = strip(&input, gone, Layout::Compact);
        assert!(output.ends_with(b"trailer"));
        assert_eq!(strip(&output, gone, Layout::Compact), output);
    }
    let output = strip(&input, &["jp2:comment"], Layout::Compact);
    assert_eq!(output.len(), input.len() - comment("by me").len());
    strip(&input, &["jp2:comment"], Layout::Preserve);
    let everything: Vec<&str> = want.iter().map(|(address, _)| *address).collect();
    strip(&input, &everything, Layout::Compact);
    strip(&input, &everything, Layout::Preserve);
}

#[test]
fn nothing_moves_where_offsets_are_told() {
    let table = atom(b"ftbl", &atom(b"flst", &[0; 16]));
    let input = jp2(&[table, atom(b"xml ", &xmp("<v:id>8888</v:id>")), atom(b"mdat", b"image")]);
    assert_eq!(strip(&input, &["xmp:v:id"], Layout::Compact).len(), input.len());
}

#[test]
fn raw_codestreams_and_open_boxes_are_read() {
    let raw = codestream(&comment("by me"), b"");
    let open = [jp2(&[]), b"\0\0\0\0jp2c".to_vec(), raw.clone()].concat();
    for input in [raw.clone(), [raw, b"more".to_vec()].concat(), open] {
        assert_eq!(addresses(&input), ["jp2:comment"]);
        assert_eq!(strip(&input, &["jp2:comment"], Layout::Compact).len(), input.len() - comment("by me").len());
        assert_eq!(strip(&input, &["jp2:comment"], Layout::Preserve).len(), input.len());
    }
}

#[test]
fn old_filler_is_cleared() {
    let stale = atom(b"free", b"old 8888-8888");
    let input = jxl(&[stale.clone(), atom(b"xml ", &xmp("<v:id>8888-8888</v:id>")), stale]);
    let output = strip(&input, &["xmp:v:id"], Layout::Preserve);
    assert!(memchr::memmem::find(&output, b"8888").is_none());
}

#[test]
fn bombs_are_not_inflated() {
    let limits = Limits { part_bytes: 1 << 20, ..Limits::default() };
    let input = jxl(&[brob(b"xml ", &vec![b' '; 700 << 10]), brob(b"abcd", &vec![b' '; 700 << 10])]);
    assert_eq!(Jxl.survey(&input, &limits).err().unwrap().kind(), ErrorKind::LimitExceeded);
}

fn any_box() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        ("[a-e]{4}", "[f-k]{8,40}", any::<bool>()).prop_map(|(key, value, is_coded)| {
            let packet = xmp(&format!("<v:{key}>{value}</v:{key}><v:z>1</v:z>"));
            if is_coded { brob(b"xml ", &packet) } else { atom(b"xml ", &packet) }
        }),
        (0..40usize).prop_map(|len| atom(b"free", &vec![0; len])),
        Just(atom(b"jxlc", b"\xff\x0aimage")),
        Just(brob(b"Exif", &[&[0; 4][..], &tiff(b"someone\0")].concat())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exactly_the_chosen_sites_go(
        boxes in proptest::collection::vec(any_box(), 0..4),
        choice in proptest::collection::vec(any::<bool>(), 16),
        compact in any::<bool>(),
    ) {
        let input = jxl(&boxes);
        let all = addresses(&input);
        let gone: Vec<_> =
            all.iter().enumerate().filter(|(index, _)| choice[*index % 16]).map(|(_, address)| &**address).collect();
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let output = strip(&input, &gone, layout);
        prop_assert_eq!(strip(&output, &gone, layout), output);
    }

    #[test]
    fn damage_does_not_panic(
        boxes in proptest::collection::vec(any_box(), 0..4),
        at in any::<proptest::sample::Index>(),
        byte: u8,
        cut in any::<proptest::sample::Index>(),
        is_jxl: bool,
    ) {
        let mut input = if is_jxl { jxl(&boxes) } else { jp2(&[boxes.concat(), atom(b"jp2c", &codestream(&comment("c"), b""))]) };
        let at = at.index(input.len());
        input[at] = byte;
        input.truncate(cut.index(input.len()) + 1);
        let limits = Limits::default();
        if let Ok(survey) = format(&input).survey(&input, &limits) {
            let all: Vec<_> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("id", Some("aaaa"), Some("ffff"))]);
            for layout in LAYOUTS {
                survey.plan(&Removal::new(&all, &needles), layout).unwrap();
            }
            survey.scan(&mut Scan::new(&needles, Proof::Full)).unwrap();
        }
    }
}
