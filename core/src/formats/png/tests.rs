use proptest::prelude::*;

use super::chunk::{build, filler};
use super::*;
use crate::containers::deflate::{Wrapper, deflate};
use crate::needles::Needles;
use crate::scan::{Class, Proof};

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn header() -> Vec<u8> {
    [SIGNATURE, &build(*b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])].concat()
}

fn image() -> Vec<u8> {
    [build(*b"IDAT", &deflate(&[0, 0], Wrapper::Zlib)), build(*b"IEND", b"")].concat()
}

fn file(before: &[Vec<u8>]) -> Vec<u8> {
    [header(), before.concat(), image()].concat()
}

fn xmp(text: &str) -> Vec<u8> {
    format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <rdf:Description xmlns:v='urn:v'>{text}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    .into_bytes()
}

fn text(keyword: &str, text: &str) -> Vec<u8> {
    build(*b"tEXt", format!("{keyword}\0{text}").as_bytes())
}

fn compressed(keyword: &str, text: &[u8]) -> Vec<u8> {
    build(*b"zTXt", &[keyword.as_bytes(), b"\0\0", &deflate(text, Wrapper::Zlib)].concat())
}

fn international(text: &[u8], compressed: bool) -> Vec<u8> {
    let text = if compressed { deflate(text, Wrapper::Zlib) } else { text.to_vec() };
    build(*b"iTXt", &[XMP.as_bytes(), &[0, u8::from(compressed), 0, 0, 0], &text].concat())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |digit: u8| char::from_digit(u32::from(digit), 16).unwrap();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn labels(input: &[u8]) -> Vec<(String, Option<String>)> {
    let limits = Limits::default();
    let survey = Png.survey(input, &limits).unwrap();
    survey.findings().sites.iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

fn addresses(input: &[u8]) -> Vec<String> {
    labels(input).into_iter().map(|(address, _)| address).collect()
}

/// Removes the sites at these addresses, and checks that exactly they go and nothing of them is left.
fn strip(input: &[u8], gone: &[&str], layout: Layout) -> Vec<u8> {
    let limits = Limits::default();
    let survey = Png.survey(input, &limits).unwrap();
    let all = &survey.findings().sites;
    let (chosen, kept): (Vec<_>, Vec<_>) = (0..all.len()).partition(|&site| gone.contains(&&*all[site].address));
    let sites = || chosen.iter().map(|&site| &all[site]);
    let needles = Needles::new(sites().map(|site| {
        let key = (site.kind == Kind::Custom).then_some(&*site.key);
        (&*site.address, key, site.value.as_deref())
    }));
    let planned = survey.plan(&Removal::new(&chosen, &needles), layout).unwrap();
    assert_eq!(planned.left, []);
    assert!(layout == Layout::Compact || planned.plan.keeps_length());
    let output = planned.plan.apply(input).unwrap();

    let want: Vec<_> = kept.iter().map(|&site| (all[site].address.clone(), all[site].value.clone())).collect();
    assert_eq!(labels(&output), want);
    let mut scan = Scan::new(&needles, Proof::Full);
    Png.survey(&output, &limits).unwrap().scan(&mut scan).unwrap();
    let residue: Vec<_> = scan.into_hits().into_iter().filter(|hit| hit.class != Class::Content).collect();
    assert_eq!(residue, []);
    for chunk in chunk::walk(&output, &limits).unwrap().chunks {
        let sum = chunk::checksum(chunk.kind, &output[chunk.data.clone()]);
        assert_eq!(output[chunk.data.end..chunk.data.end + 4], sum.to_be_bytes());
    }
    output
}

#[test]
fn text_chunks_are_labels() {
    let input = file(&[text("id", "8888"), text("Title", "T"), compressed("date:create", b"2020"), text("AIGC", "{}")]);
    let limits = Limits::default();
    let survey = Png.survey(&input, &limits).unwrap();
    let found: Vec<_> = survey
        .findings()
        .sites
        .iter()
        .map(|site| (&*site.address, site.value.as_deref().unwrap(), site.kind, site.barrier.is_some()))
        .collect();
    let want = [
        ("png:id", "8888", Kind::Custom, false),
        ("png:Title", "T", Kind::Standard, false),
        ("png:date:create", "2020", Kind::Bookkeeping, false),
        ("png:AIGC", "{}", Kind::Custom, true),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_chunk_becomes_filler_or_is_cut() {
    let input = file(&[text("id", "8888"), text("Title", "T")]);
    let want = file(&[filler(text("id", "8888").len()), text("Title", "T")]);
    assert_eq!(strip(&input, &["png:id"], Layout::Preserve), want);
    assert_eq!(strip(&input, &["png:id"], Layout::Compact), file(&[text("Title", "T")]));
}

#[test]
fn packets_are_edited_in_every_coding() {
    let packet = xmp("<v:id>8888-8888</v:id><v:x>1</v:x>");
    let profile = |bytes: &[u8]| {
        let hex = hex(bytes);
        format!("\nxmp\n{:8}\n{hex}\n", bytes.len()).into_bytes()
    };
    for chunk in [
        international(&packet, false),
        international(&packet, true),
        text(XMP, std::str::from_utf8(&packet).unwrap()),
        compressed(XMP, &packet),
        compressed("Raw profile type xmp", &profile(&packet)),
        text("Raw profile type xmp", std::str::from_utf8(&profile(&packet)).unwrap()),
    ] {
        let input = file(&[chunk]);
        assert_eq!(addresses(&input), ["xmp:v:id", "xmp:v:x"]);
        let kept = strip(&input, &["xmp:v:id"], Layout::Preserve);
        assert_eq!(kept.len(), input.len());
        assert!(strip(&input, &["xmp:v:id"], Layout::Compact).len() < input.len());
        assert_eq!(strip(&input, &["xmp:v:id", "xmp:v:x"], Layout::Compact), file(&[]));
    }
}

#[test]
fn compressed_packets_keep_their_length_however_little_is_removed() {
    for length in 0..60_usize {
        let value: String = (0..length).map(|index| char::from(b'a' + (index * 7 % 26) as u8)).collect();
        let input = file(&[international(&xmp(&format!("<v:id>{value}</v:id><v:z>1</v:z>")), true)]);
        strip(&input, &["xmp:v:id"], Layout::Preserve);
        strip(&input, &["xmp:v:z"], Layout::Preserve);
    }
}

#[test]
fn exif_is_a_block() {
    // One entry: ImageDescription "hidden!".
    let tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x0e\0\x02\0\0\0\x08\0\0\0\x1a\0\0\0\0hidden!\0";
    let hex = hex(&[&b"Exif\0\0"[..], tiff].concat()).to_uppercase();
    let profile = format!("\nexif\n{:8}\n{}\n{}\n", 40, &hex[..72], &hex[72..]);
    for chunk in [build(*b"eXIf", tiff), compressed("Raw profile type exif", profile.as_bytes())] {
        let input = file(&[chunk]);
        assert_eq!(labels(&input), [("exif:ImageDescription".to_owned(), Some("hidden!".to_owned()))]);
        for layout in LAYOUTS {
            strip(&input, &["exif:ImageDescription"], layout);
        }
    }
}

#[test]
fn unreadable_packets_are_one_standard_field() {
    let input = file(&[international(b"<?xpacket begin=''?> @@@@", false), build(*b"eXIf", b"junk")]);
    assert_eq!(addresses(&input), ["png:XML:com.adobe.xmp", "png:eXIf"]);
    let limits = Limits::default();
    assert_eq!(Png.survey(&input, &limits).unwrap().findings().guards, []);
    for layout in LAYOUTS {
        strip(&input, &["png:XML:com.adobe.xmp", "png:eXIf"], layout);
    }
    let broken = file(&[international(b"<rdf:RDF><v:id>8888</v:id>", false)]);
    assert_eq!(Png.survey(&broken, &limits).unwrap().findings().guards[0].scope, Scope::Hidden);
}

#[test]
fn a_manifest_signs_the_file() {
    let input = file(&[build(*b"caBX", b"jumb"), text("id", "8888")]);
    let limits = Limits::default();
    let guard = Png.survey(&input, &limits).unwrap().findings().guards[0].clone();
    assert_eq!((guard.barrier.kind, guard.scope, guard.offset), (ErrorKind::Signed, Scope::File, 33));
}

#[test]
fn what_stands_behind_the_image_is_cleaned_too() {
    let trailer = [b"junk id: 8888-8888 junk".to_vec(), text("id", "8888-8888"), b"\0\0".to_vec()].concat();
    let input = [file(&[text("id", "8888-8888"), text("x", "1")]), trailer].concat();
    assert_eq!(addresses(&input), ["png:id", "png:x", "png:id"]);
    for layout in LAYOUTS {
        let output = strip(&input, &["png:id"], layout);
        assert!(output.windows(5).any(|window| window == b" junk"));
    }
}

#[test]
fn an_archive_behind_the_image_is_left_alone() {
    let input = [file(&[text("id", "8888-8888")]), b"PK\x03\x04 8888-8888".to_vec()].concat();
    let limits = Limits::default();
    let survey = Png.survey(&input, &limits).unwrap();
    let needles = Needles::new([("id", Some("id"), Some("8888-8888"))]);
    let planned = survey.plan(&Removal::new(&[0], &needles), Layout::Preserve).unwrap();
    assert!(planned.plan.apply(&input).unwrap().ends_with(b"PK\x03\x04 8888-8888"));
    let mut scan = Scan::new(&needles, Proof::Structural);
    survey.scan(&mut scan).unwrap();
    assert_eq!(scan.into_hits()[0].class, Class::Slack);
}

#[test]
fn old_filler_is_searched() {
    let stale = build(FILLER, b"old 8888-8888");
    let input = file(&[stale.clone(), text("id", "8888-8888")]);
    let output = strip(&input, &["png:id"], Layout::Preserve);
    assert_eq!(output, file(&[filler(stale.len()), filler(text("id", "8888-8888").len())]));
}

#[test]
fn nothing_moves_behind_a_pointer_to_image_data() {
    let pointer = build(*b"iDOT", &[0; 28]);
    let input = file(&[text("a", "1"), pointer.clone(), text("b", "2")]);
    let want = file(&[pointer, filler(text("b", "2").len())]);
    assert_eq!(strip(&input, &["png:a", "png:b"], Layout::Compact), want);
}

#[test]
fn wrong_checksums_stay_unless_their_chunk_is_edited() {
    let mut wrong = text("id", "8888");
    let mut other = text("x", "1");
    for chunk in [&mut wrong, &mut other] {
        *chunk.last_mut().unwrap() ^= 1;
    }
    let input = [header(), wrong, other.clone(), image()].concat();
    let limits = Limits::default();
    let survey = Png.survey(&input, &limits).unwrap();
    let plan = survey.plan(&Removal::new(&[0], &Needles::default()), Layout::Preserve).unwrap().plan;
    assert_eq!(plan.apply(&input).unwrap(), [header(), filler(text("id", "8888").len()), other, image()].concat());
}

#[test]
fn bombs_are_not_inflated() {
    let bomb = compressed("bomb", &vec![b'x'; 8 << 20]);
    let limits = Limits { part_bytes: 1 << 20, ..Limits::default() };
    let input = file(&[bomb]);
    let survey = Png.survey(&input, &limits).unwrap();
    assert_eq!(survey.findings().sites[0].value.as_ref().unwrap().len(), limits.value_bytes);
    let packet = file(&[compressed(XMP, &vec![b' '; 8 << 20])]);
    assert_eq!(Png.survey(&packet, &limits).err().unwrap().kind(), ErrorKind::LimitExceeded);
}

fn any_chunk() -> impl Strategy<Value = Vec<u8>> {
    let keys = "[a-e]{4}";
    prop_oneof![
        (keys, "[f-k]{4,9}").prop_map(|(key, value)| text(&key, &value)),
        (keys, "[f-k]{4,9}").prop_map(|(key, value)| compressed(&key, value.as_bytes())),
        ("[l-p]{4}", "[q-v]{4,40}", any::<bool>()).prop_map(|(key, value, compressed)| {
            international(&xmp(&format!("<v:{key}>{value}</v:{key}><v:z>1</v:z>")), compressed)
        }),
        Just(filler(20)),
        Just(build(*b"pHYs", &[0; 9])),
    ]
}

proptest! {
    #[test]
    fn exactly_the_chosen_sites_go(
        before in proptest::collection::vec(any_chunk(), 0..5),
        behind in proptest::collection::vec(any_chunk(), 0..3),
        choice in proptest::collection::vec(any::<bool>(), 32),
        compact in any::<bool>(),
    ) {
        let input = [file(&before), behind.concat()].concat();
        let all = addresses(&input);
        let gone: Vec<_> = all.iter().enumerate().filter(|(index, _)| choice[*index]).map(|(_, address)| &**address).collect();
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let output = strip(&input, &gone, layout);
        prop_assert_eq!(strip(&output, &gone, layout), output);
    }

    #[test]
    fn damage_does_not_panic(
        chunks in proptest::collection::vec(any_chunk(), 0..5),
        at in any::<proptest::sample::Index>(),
        byte: u8,
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut input = file(&chunks);
        let at = at.index(input.len());
        input[at] = byte;
        input.truncate(cut.index(input.len()) + 1);
        let limits = Limits::default();
        if let Ok(survey) = Png.survey(&input, &limits) {
            let all: Vec<_> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("id", Some("aaaa"), Some("ffff"))]);
            for layout in LAYOUTS {
                survey.plan(&Removal::new(&all, &needles), layout).unwrap();
            }
            survey.scan(&mut Scan::new(&needles, Proof::Full)).unwrap();
        }
    }
}
