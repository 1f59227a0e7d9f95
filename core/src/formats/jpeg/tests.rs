use md5::{Digest, Md5};
use proptest::prelude::*;

use super::block::{EXTENSION_HEADER, XMP_HEADER, hex};
use super::*;
use crate::needles::Needles;
use crate::scan::Proof;

fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&[0xFF, marker], &length[..], payload].concat()
}

fn image(segments: &[Vec<u8>]) -> Vec<u8> {
    [&b"\xff\xd8"[..], &segments.concat(), b"\xff\xda\0\x02coded\xff\x00data\xff\xd9"].concat()
}

fn packet(properties: &str) -> Vec<u8> {
    format!(
        "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
         <rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:v='http://vendor.example/' \
         xmlns:xmpNote='http://ns.adobe.com/xmp/note/'>{properties}</rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    .into_bytes()
}

fn xmp(properties: &str) -> Vec<u8> {
    segment(walk::APP1, &[XMP_HEADER, &packet(properties)].concat())
}

/// `bytes` as the parts of an extended packet, cut at `cuts`.
fn extension(bytes: &[u8], cuts: &[usize]) -> Vec<Vec<u8>> {
    let guid = hex(bytes, false);
    let ends = cuts.iter().copied().chain([bytes.len()]);
    let mut start = 0;
    ends.map(|end| {
        let prefix = [EXTENSION_HEADER, &guid, &(bytes.len() as u32).to_be_bytes(), &(start as u32).to_be_bytes()];
        let part = segment(walk::APP1, &[&prefix.concat(), &bytes[start..end]].concat());
        start = end;
        part
    })
    .collect()
}

fn photoshop(iptc: &[u8]) -> Vec<u8> {
    let resource = |number: u16, data: &[u8]| {
        let mut bytes =
            [b"8BIM", &number.to_be_bytes()[..], &[0, 0], &(data.len() as u32).to_be_bytes(), data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    [resource(0x0404, iptc), resource(0x0425, &Md5::digest(iptc))].concat()
}

fn listed(bytes: &[u8]) -> Vec<(String, Option<String>)> {
    let limits = Limits::default();
    let survey = Jpeg.survey(bytes, &limits).unwrap();
    survey.findings().sites.iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

fn addresses(bytes: &[u8]) -> Vec<String> {
    listed(bytes).into_iter().map(|(address, _)| address).collect()
}

/// `bytes` without the sites at `address`; checks what must hold of every strip.
fn strip(bytes: &[u8], address: &str, layout: Layout) -> Vec<u8> {
    let limits = Limits::default();
    let survey = Jpeg.survey(bytes, &limits).unwrap();
    let sites = &survey.findings().sites;
    let chosen: Vec<usize> = (0..sites.len()).filter(|site| sites[*site].address == address).collect();
    assert!(!chosen.is_empty(), "{address} is not there");
    let texts = chosen.iter().map(|site| (address, None, sites[*site].value.as_deref()));
    let needles = Needles::new(texts);
    let planned = survey.plan(&Removal::new(&chosen, &needles), layout).unwrap();
    let after = planned.plan.apply(bytes).unwrap();
    let kept: Vec<_> = listed(bytes).into_iter().filter(|(other, _)| other != address).collect();
    assert_eq!(listed(&after), kept);
    assert!(layout == Layout::Compact || after.len() == bytes.len());
    let mut scan = Scan::new(&needles, Proof::Structural);
    Jpeg.survey(&after, &limits).unwrap().scan(&mut scan).unwrap();
    assert_eq!(scan.into_hits(), []);
    after
}

#[test]
fn a_comment_becomes_zeros_or_goes() {
    let bytes = image(&[segment(walk::COM, b"a comment"), segment(walk::COM, b"a comment too")]);
    assert_eq!(addresses(&bytes), ["jpeg:comment", "jpeg:comment"]);
    let filled = strip(&bytes, "jpeg:comment", Layout::Preserve);
    assert_eq!(filled, image(&[segment(walk::APP15, &[0; 9]), segment(walk::APP15, &[0; 13])]));
    assert_eq!(strip(&bytes, "jpeg:comment", Layout::Compact), image(&[]));
}

#[test]
fn a_packet_shrinks_with_its_segment() {
    let property = "<v:label>top secret</v:label>";
    let bytes = image(&[xmp(&format!("<dc:source>s</dc:source>{property}")), segment(walk::COM, b"kept")]);
    strip(&bytes, "xmp:v:label", Layout::Preserve);
    let short = strip(&bytes, "xmp:v:label", Layout::Compact);
    assert!(short.len() <= bytes.len() - property.len());
}

#[test]
fn an_extended_packet_keeps_its_parts_joined() {
    let extended = packet("<dc:source>kept</dc:source><v:label>straddles the cut</v:label>");
    let inside = extended.windows(9).position(|window| window == b"straddles").unwrap() + 4;
    let guid = String::from_utf8(hex(&extended, false)).unwrap();
    let main = xmp(&format!("<xmpNote:HasExtendedXMP>{guid}</xmpNote:HasExtendedXMP>"));
    let mut parts = extension(&extended, &[inside]);
    parts.reverse();
    let bytes = image(&[vec![main], parts].concat());
    assert_eq!(addresses(&bytes), ["xmp:dc:source", "xmp:v:label"]);
    for layout in [Layout::Preserve, Layout::Compact] {
        let after = strip(&bytes, "xmp:v:label", layout);
        let limits = Limits::default();
        let survey = JpegSurvey::new(&after, &limits).unwrap();
        let Some(Body::Extension { guid: new, .. }) = survey.blocks.iter().map(|block| &block.body).nth(1) else {
            panic!("no extended packet")
        };
        assert!(new.is_digest);
        let new = String::from_utf8(new.text.to_vec()).unwrap();
        let count = |guid: &str| memmem::find_iter(&after, guid).count();
        assert_eq!((count(&guid), count(&new)), (0, 3));
    }
}

#[test]
fn records_over_two_segments_are_one_block() {
    let iptc =
        [&b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x0d"[..], b"a long text  ", b"\x1c\x02\x05\0\x05title"].concat();
    let resources = photoshop(&iptc);
    let header = b"Photoshop 3.0\0";
    for cut in [2, 14, 30, 36, resources.len() - 1] {
        let (one, two) = resources.split_at(cut);
        let parts = [one, two].map(|part| segment(walk::APP13, &[&header[..], part].concat()));
        let bytes = image(&parts);
        assert_eq!(addresses(&bytes), ["iptc:Keywords", "iptc:Caption-Abstract", "iptc:ObjectName"], "cut at {cut}");
        for layout in [Layout::Preserve, Layout::Compact] {
            strip(&bytes, "iptc:Caption-Abstract", layout);
            strip(&bytes, "iptc:ObjectName", layout);
        }
    }
}

#[test]
fn emptied_segments_go_when_compact() {
    let resources = [b"Photoshop 3.0\0", &photoshop(b"\x1c\x02\x19\0\x05alpha")[..]].concat();
    let tiff = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x3b\0\x02\0\0\0\x04abc\0\0\0\0\0";
    let exif = segment(walk::APP1, &[b"Exif\0\0", &tiff[..]].concat());
    let bytes = image(&[exif, segment(walk::APP13, &resources)]);
    let without = strip(&bytes, "iptc:Keywords", Layout::Compact);
    assert_eq!(strip(&without, "exif:Artist", Layout::Compact), image(&[]));
    strip(&bytes, "exif:Artist", Layout::Preserve);
}

#[test]
fn a_value_at_the_end_of_an_exif_block_is_cut() {
    let entry = |tag: u8, at: u8| [1, tag, 0, 2, 0, 0, 0, 8, 0, 0, 0, at];
    let tiff = [&b"MM\0\x2a\0\0\0\x08\0\x02"[..], &entry(0x0F, 38), &entry(0x3B, 46), &[0; 4], b"a maker\0artists\0"];
    let bytes = image(&[segment(walk::APP1, &[b"Exif\0\0", &tiff.concat()[..]].concat())]);
    assert_eq!(strip(&bytes, "exif:Artist", Layout::Compact).len(), bytes.len() - 8);
    assert_eq!(strip(&bytes, "exif:Make", Layout::Compact).len(), bytes.len());
}

#[test]
fn the_index_of_pictures_follows() {
    let second = image(&[segment(walk::COM, b"of the second")]);
    let build = |comment: &[u8], size: u32, offset: u32| {
        let mut index = b"MPF\0II\x2a\0\x08\0\0\0\x01\0\x02\xb0\x07\0\x20\0\0\0\x1a\0\0\0\0\0\0\0".to_vec();
        for (size, offset) in [(size, 0), (second.len() as u32, offset)] {
            index.extend([0; 4]);
            index.extend(size.to_le_bytes());
            index.extend(offset.to_le_bytes());
            index.extend([0; 4]);
        }
        let comments = [xmp(""), segment(walk::COM, comment)];
        image(&[comments[0].clone(), segment(walk::APP2, &index), comments[1].clone()])
    };
    let first = build(b"of the first", 0, 0);
    let base = memmem::find(&first, b"MPF\0").unwrap() + 4;
    let whole = |comment: &[u8]| {
        let size = build(comment, 0, 0).len();
        [build(comment, size as u32, (size - base) as u32), second.clone()].concat()
    };
    let bytes = whole(b"of the first");
    assert_eq!(addresses(&bytes).len(), 2);
    let limits = Limits::default();
    let survey = Jpeg.survey(&bytes, &limits).unwrap();
    let planned = survey.plan(&Removal::new(&[0], &Needles::new([])), Layout::Compact).unwrap();
    let after = planned.plan.apply(&bytes).unwrap();
    let want = build(b"", 0, 0).len() - 4;
    assert_eq!(after.len(), want + second.len());
    let after = JpegSurvey::new(&after, &limits).unwrap();
    assert_eq!(after.index.unwrap().others().collect::<Vec<_>>(), [want]);
    assert_eq!(after.images.len(), 2);
}

#[test]
fn copies_in_a_trailer_are_found_and_stop_the_shrinking() {
    let bytes = [image(&[segment(walk::COM, b"a comment")]), b"trailer with a comment".to_vec()].concat();
    let limits = Limits::default();
    let survey = Jpeg.survey(&bytes, &limits).unwrap();
    let needles = Needles::new([("jpeg:comment", None, Some("a comment"))]);
    let planned = survey.plan(&Removal::new(&[0], &needles), Layout::Compact).unwrap();
    let after = planned.plan.apply(&bytes).unwrap();
    assert_eq!(after.len(), bytes.len());
    let mut scan = Scan::new(&needles, Proof::Structural);
    Jpeg.survey(&after, &limits).unwrap().scan(&mut scan).unwrap();
    assert_eq!(scan.into_hits().len(), 1);
}

#[test]
fn records_in_trailers_are_found() {
    let iptc = b"\x1c\x02\x19\0\x07keyword\x1c\x02\x78\0\x04text";
    let foto = [&iptc[..], b"\0\x01", &(iptc.len() as u32 + 10).to_be_bytes(), b"\xa1\xb2\xc3\xd4"].concat();
    let first = image(&[segment(walk::COM, b"a comment")]);
    let start = first.len() as u32;
    let entry = [b"IPTC", &(iptc.len() as u32).to_be_bytes()[..], &(start + 24).to_be_bytes()].concat();
    let end = [b"AXS!", &start.to_be_bytes()[..], &[0; 4]].concat();
    let afcp = [b"AXS!\x01\0\0\x01\0\0\0\0", &entry[..], &iptc[..], &end].concat();
    for bytes in
        [[first.clone(), foto.clone()].concat(), [first.clone(), afcp.clone()].concat(), [first, afcp, foto].concat()]
    {
        for layout in [Layout::Preserve, Layout::Compact] {
            let after = strip(&bytes, "iptc:Keywords", layout);
            assert_eq!(after.len(), bytes.len());
            strip(&after, "iptc:Caption-Abstract", layout);
        }
    }
}

#[test]
fn stale_copies_where_nobody_looks_are_blanked() {
    let mut segments = vec![b"stray a comment".to_vec(), segment(walk::APP1, b"Exif\0\0no header: a comment")];
    segments.push(segment(walk::COM, b"a comment"));
    strip(&image(&segments), "jpeg:comment", Layout::Preserve);
}

#[test]
fn guards_stand_over_manifests_and_broken_packets() {
    let limits = Limits::default();
    let manifest = segment(APP11, b"JP\0\x01\0\0\0\x01\0\0\0\x40jumb\0\0\0\x20jumdc2pa\0");
    let survey_of = |segments: &[Vec<u8>]| JpegSurvey::new(&image(segments), &limits).unwrap().findings.guards;
    assert_eq!(survey_of(&[manifest])[0].barrier.kind, ErrorKind::Signed);
    let broken = segment(walk::APP1, &[XMP_HEADER, b"<x:xmpmeta><unclosed"].concat());
    assert_eq!(survey_of(&[broken])[0].scope, Scope::Hidden);
}

proptest! {
    #[test]
    fn any_damage_is_survived(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 0..8), compact: bool) {
        let extended = packet("<v:label>straddles the cut</v:label>");
        let mut segments = vec![xmp("<v:label>x</v:label>"), segment(walk::COM, b"comment")];
        segments.extend(extension(&extended, &[100, 200]));
        let iptc = photoshop(b"\x1c\x02\x19\0\x05alpha");
        segments.push(segment(walk::APP13, &[b"Photoshop 3.0\0", &iptc[..]].concat()));
        let mut bytes = [image(&segments), image(&[segment(walk::COM, b"second")])].concat();
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        let limits = Limits::default();
        if let Ok(survey) = Jpeg.survey(&bytes, &limits) {
            let sites = &survey.findings().sites;
            let all: Vec<usize> = (0..sites.len()).filter(|site| sites[*site].barrier.is_none()).collect();
            let layout = if compact { Layout::Compact } else { Layout::Preserve };
            let needles = Needles::new([("n", Some("alpha"), None)]);
            let planned = survey.plan(&Removal::new(&all, &needles), layout).unwrap();
            let after = planned.plan.apply(&bytes).unwrap();
            prop_assert!(compact || after.len() == bytes.len());
            survey.scan(&mut Scan::new(&needles, Proof::Full)).unwrap();
            prop_assert!(Jpeg.survey(&after, &limits).is_ok());
        }
    }
}
