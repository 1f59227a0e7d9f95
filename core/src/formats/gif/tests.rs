use proptest::prelude::*;

use super::*;
use crate::formats::xml::tests::{addresses, both, sites, strip};
use crate::report::Outcome;

const PACKET: &str = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
    <rdf:Description xmlns:v='urn:v' v:id='8888 and more' v:level='kept'/></rdf:RDF></x:xmpmeta>";

fn blocks(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = bytes.chunks(255).flat_map(|chunk| [&[chunk.len() as u8], chunk].concat()).collect();
    out.push(0);
    out
}

fn comment(text: &[u8]) -> Vec<u8> {
    [&[0x21, 0xFE], &blocks(text)[..]].concat()
}

fn application(name: &[u8; 11], data: &[u8]) -> Vec<u8> {
    [&[0x21, 0xFF, 11], &name[..], &blocks(data)].concat()
}

fn raw(packet: &str) -> Vec<u8> {
    let magic: Vec<u8> = [1].into_iter().chain((0..=255).rev()).chain([0]).collect();
    assert_eq!(magic.len(), MAGIC);
    [&[0x21, 0xFF, 11], &b"XMP DataXMP"[..], packet.as_bytes(), &magic].concat()
}

/// A picture of one pixel, with extensions before and behind it.
fn file(before: &[Vec<u8>], behind: &[Vec<u8>]) -> Vec<u8> {
    let head = b"GIF89a\x01\0\x01\0\x80\0\0\xff\xff\xff\0\0\0";
    let image = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    [&head[..], &before.concat(), image, &behind.concat(), b"\x3b"].concat()
}

#[test]
fn comments_become_spaces_or_go() {
    let bytes = file(&[comment(&[b'x'; 300])], &[comment(b"another")]);
    assert_eq!(addresses(&bytes, "gif"), ["gif:comment", "gif:comment"]);
    let [preserved, compact] = both(&bytes, "gif", &["gif:comment=another"]);
    assert_eq!(preserved, file(&[comment(&[b'x'; 300])], &[comment(b"       ")]));
    assert_eq!(compact, file(&[comment(&[b'x'; 300])], &[]));
    let [_, compact] = both(&bytes, "gif", &["gif:comment"]);
    assert_eq!(compact, file(&[], &[]));
}

#[test]
fn packets_lead_decoders_to_their_end() {
    let bytes = file(&[raw(PACKET)], &[]);
    assert_eq!(addresses(&bytes, "gif"), ["xmp:v:id", "xmp:v:level"]);
    for output in both(&bytes, "gif", &["id"]) {
        assert!(!output[30..output.len() - 300].contains(&0));
        assert!(output.ends_with(&bytes[bytes.len() - 16..]));
        assert_eq!(addresses(&output, "gif"), ["xmp:v:level"]);
    }
    let [_, compact] = both(&bytes, "gif", &["id", "level"]);
    assert_eq!(compact, file(&[], &[]));
}

#[test]
fn a_packet_with_a_zero_is_opaque() {
    let bytes = file(&[raw(&PACKET.replace("kept", "ke\0pt"))], &[]);
    assert_eq!(addresses(&bytes, "gif"), ["gif:XMPDataXMP"]);
    assert_eq!(strip(&bytes, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn packets_in_blocks_are_read_too() {
    let long = PACKET.replace("kept", &"k".repeat(400)).replace("8888 and more", &"8".repeat(260));
    let bytes = file(&[application(b"XMP DataXMP", long.as_bytes())], &[]);
    let (report, after) = strip(&bytes, &["id"], Layout::Compact);
    assert_eq!((report.outcome, after.len()), (Outcome::Stripped, bytes.len()));
    assert_eq!(addresses(&after, "gif"), ["xmp:v:level"]);
}

#[test]
fn records_of_image_programs_are_carriers() {
    let records = b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x04text";
    let bytes = file(&[application(b"MGKIPTC0000", records)], &[]);
    assert_eq!(addresses(&bytes, "gif"), ["iptc:Keywords", "iptc:Caption-Abstract"]);
    let (report, after) = strip(&bytes, &["iptc:Keywords"], Layout::Preserve);
    assert_eq!((report.outcome, after.len()), (Outcome::Stripped, bytes.len()));
    assert_eq!(addresses(&after, "gif"), ["iptc:Caption-Abstract"]);
}

#[test]
fn extensions_of_other_programs_are_fields() {
    let bytes = file(&[application(b"NETSCAPE2.0", &[1, 0, 0]), application(b"someone 1.0", b"a text")], &[]);
    assert_eq!(addresses(&bytes, "gif"), ["gif:someone1.0"]);
    let [preserved, compact] = both(&bytes, "gif", &["gif:someone1.0"]);
    assert_eq!(memmem::find(&preserved, b"someone"), None);
    assert_eq!(compact, file(&[application(b"NETSCAPE2.0", &[1, 0, 0])], &[]));
}

#[test]
fn extensions_without_a_name_or_data_are_none() {
    let bytes = file(&[vec![0x21, 0xFF, 0], application(b"           ", b"  "), comment(b" ")], &[]);
    assert_eq!(addresses(&bytes, "gif"), Vec::<String>::new());
    let bytes = file(&[[&[0x21, 0xFF], &blocks(b"a text")[..]].concat()], &[]);
    both(&bytes, "gif", &["gif:application"]);
}

#[test]
fn marks_stay_and_signed_files_are_refused() {
    let mark = file(&[comment(b"{\"AIGC\":{\"Label\":\"1\"}}")], &[]);
    assert_eq!(strip(&mark, &["gif:comment"], Layout::Preserve).0.outcome, Outcome::Refused);
    let signed = file(&[application(b"C2PA_GIF\x01\0\0", b"jumb"), raw(PACKET)], &[]);
    assert_eq!(strip(&signed, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
    let broken = file(&[raw("<rdf:RDF broken")], &[]);
    assert_eq!(strip(&broken, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn what_is_behind_the_end_is_cleared() {
    let bytes = [file(&[raw(PACKET)], &[]), b"old id='8888 and more' text".to_vec()].concat();
    let [preserved, _] = both(&bytes, "gif", &["id"]);
    assert_eq!(memmem::find(&preserved, b"8888"), None);
    assert!(preserved.ends_with(b"' text"));
}

#[test]
fn files_without_an_end_are_read() {
    let bytes = file(&[], &[comment(b"a comment")]);
    let cut = &bytes[..bytes.len() - 1];
    assert_eq!(sites(cut, "gif").len(), 1);
    both(cut, "gif", &["gif:comment"]);
    assert!(Gif.survey(b"GIF89a\x01\0", &Limits::default()).is_err());
}

#[test]
fn what_is_cleared_behind_no_end_becomes_no_block() {
    let bytes = file(&[comment(b"a comment")], &[]);
    let whole = &bytes[..bytes.len() - 1];
    let cut_off = [b"\x21\xfe\xf0", &b"a comment"[..]].concat();
    for behind in [b"a comment".to_vec(), cut_off] {
        let bytes = [whole, &behind, &comment(b"hidden")].concat();
        assert_eq!(addresses(&bytes, "gif"), ["gif:comment"]);
        for output in both(&bytes, "gif", &["gif:comment"]) {
            let hidden = comment(b"hidden");
            assert!(output.ends_with(&[&[0; 8][..], &hidden].concat()));
            assert_eq!(addresses(&output, "gif"), [""; 0]);
            assert_eq!(output[output.len() - hidden.len() - behind.len()], walk::TRAILER);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_and_edited(tail in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..700) {
        let mut bytes = file(&[comment(b"a comment"), raw(PACKET)], &[application(b"someone 1.0", b"a text")]);
        let at = at.min(bytes.len());
        let end = (at + tail.len()).min(bytes.len());
        bytes.splice(at..end, tail);
        let limits = Limits::default();
        if let Ok(survey) = Gif.survey(&bytes, &limits) {
            let all: Vec<usize> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("id", Some("id"), Some("8888 and more"))]);
            for layout in [Layout::Preserve, Layout::Compact] {
                let planned = survey.plan(&Removal::new(&all, &needles), layout).unwrap();
                prop_assert!(layout == Layout::Compact || planned.plan.keeps_length());
            }
        }
    }
}

#[test]
fn a_packet_that_is_none_goes_block_by_block() {
    let bytes =
        file(&[raw("no packet, but a text that is as long as the first letter says, and some letters more")], &[]);
    assert_eq!(addresses(&bytes, "gif"), ["gif:XMPDataXMP"]);
    let [_, compact] = both(&bytes, "gif", &["gif:XMPDataXMP"]);
    assert_eq!(compact, file(&[], &[]));
}
