//! Attachments and pictures in files built by hand, stripped through the engine, which verifies every result.

use md5::{Digest, Md5};

use super::tests::Writer;
use crate::containers::deflate::{Wrapper, deflate};
use crate::engine::{Engine, list};
use crate::error::ErrorKind;
use crate::inside::Inside;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;

/// A document with one label.
fn inner() -> Vec<u8> {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) /keepme (kept value) >>").save("/Root 1 0 R /Info 3 0 R");
    writer.bytes
}

/// A JPEG whose comment is all that it says.
fn picture() -> Vec<u8> {
    let packet = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
        <rdf:Description xmlns:v='http://vendor.example/'><v:matter>Geheim 4711</v:matter></rdf:Description></rdf:RDF>\
        </x:xmpmeta>";
    let payload = [b"http://ns.adobe.com/xap/1.0/\0", packet.as_bytes()].concat();
    let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
    [&b"\xff\xd8\xff\xe1"[..], &length, &payload, b"\xff\xda\0\x02coded\xff\x00data\xff\xd9"].concat()
}

fn checksum(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A document with this attachment, coded so, and a picture under two filters.
fn document(attached: &[u8], is_packed: bool) -> Vec<u8> {
    let params = format!("/Params << /Size {} /CheckSum <{}> >>", attached.len(), checksum(attached));
    let filter = if is_packed { "/Filter /FlateDecode" } else { "" };
    let data = if is_packed { deflate(attached, Wrapper::Zlib) } else { attached.to_vec() };
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /Producer (x) >>");
    writer.object(7, "<< /Type /Filespec /F (a.bin) /UF (inner.pdf) /EF << /F 8 0 R >> >>");
    writer.stream(8, &format!("{params} {filter}"), &data);
    writer.stream(9, "/Type /XObject /Subtype /Image /Filter /DCTDecode", &picture());
    let packed = deflate(&picture(), Wrapper::Zlib);
    writer.stream(10, "/Subtype /Image /Filter [/FlateDecode /DCTDecode]", &packed);
    writer.save("/Root 1 0 R /Info 3 0 R");
    writer.bytes
}

fn strip(bytes: &[u8], inside: Inside, layout: Layout) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label("matter").inside(inside).layout(layout).proof(Proof::Full).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

fn places(bytes: &[u8]) -> Vec<String> {
    let listing = list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap();
    let matter = listing.findings.sites.into_iter().filter(|site| site.key == "matter");
    matter.map(|site| site.place.split(" › ").next().unwrap().to_owned()).collect()
}

fn holds(bytes: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(bytes, text).is_some()
}

/// The data of every stream of `bytes`, decompressed if it is compressed.
fn files(bytes: &[u8]) -> Vec<Vec<u8>> {
    let limits = Limits::default();
    let document = super::document::Document::read(bytes, &limits).unwrap();
    super::files::find(&document, super::files::Names::default())
        .iter()
        .map(|file| file.data(&document).unwrap().into_owned())
        .collect()
}

#[test]
fn labels_in_attachments_and_pictures_are_reported_and_go_on_demand() {
    for is_packed in [false, true] {
        let bytes = document(&inner(), is_packed);
        assert_eq!(places(&bytes), ["inner.pdf", "object 9 0", "object 10 0"]);
        let (report, _) = strip(&bytes, Inside::Report, Layout::Preserve);
        assert_eq!((report.outcome, report.left.len()), (Outcome::Refused, 3));
        assert!(report.reason.unwrap().starts_with(ErrorKind::Nested.name()));
        for layout in [Layout::Preserve, Layout::Compact] {
            let (report, output) = strip(&bytes, Inside::Strip, layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(output.len(), bytes.len());
            assert_eq!(places(&output), [""; 0]);
            let files = files(&output);
            assert!(files.iter().all(|file| !holds(file, b"Geheim")) && holds(&files[0], b"kept value"));
            assert_eq!(strip(&output, Inside::Strip, layout).0.outcome, Outcome::Clean);
            assert!(holds(&output, format!("/Size {}", files[0].len()).as_bytes()));
            let object = &output[memchr::memmem::find(&output, b"/CheckSum ").unwrap() + 10..];
            let token = object.split(|byte| *byte == b'>').next().unwrap();
            assert_eq!(super::value::string_bytes(token.trim_ascii_end()), Md5::digest(&files[0]).to_vec());
        }
    }
}

#[test]
fn what_the_file_says_of_an_attachment_is_true_or_gone() {
    // A literal of sixteen plain characters has no room for one that needs a backslash.
    let attached = inner();
    let plain = String::from_utf8_lossy(&document(&attached, false)).into_owned();
    assert!(plain.contains("/CheckSum <"));
    let bytes = document(&attached, true);
    let at = memchr::memmem::find(&bytes, b"/CheckSum <").unwrap();
    let mut short = bytes.clone();
    short[at..at + 44].copy_from_slice(format!("{:<44}", "/CheckSum (short)").as_bytes());
    let (report, output) = strip(&short, Inside::Strip, Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
    assert!(!holds(&output, b"/CheckSum"));
}

#[test]
fn parameters_that_cannot_follow_hold_the_attachment() {
    let attached = inner();
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) >>").object(6, "<< /Size 1 /CheckSum (x) >>");
    writer.stream(8, "/Type /EmbeddedFile /Params 6 0 R", &attached);
    writer.stream(9, "/Type /EmbeddedFile /Params 6 0 R", &attached);
    writer.save("/Root 1 0 R /Info 3 0 R");
    let (report, _) = strip(&writer.bytes, Inside::Strip, Layout::Preserve);
    assert_eq!((report.outcome, report.left.len()), (Outcome::Partial, 2), "{:?}", report.left);
}

#[test]
fn an_attachment_that_cannot_be_opened_is_told() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) >>");
    writer.object(7, "<< /F (x.pdf) /EF << /F 8 0 R >> >>");
    writer.stream(8, "/Filter /LZWDecode", b"\x80\x0b").save("/Root 1 0 R /Info 3 0 R");
    let (report, _) = strip(&writer.bytes, Inside::Strip, Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Partial);
    assert!(report.reason.unwrap().contains("x.pdf cannot be looked into"));
    assert_eq!(strip(&writer.bytes, Inside::Report, Layout::Preserve).0.outcome, Outcome::Stripped);
}

#[test]
fn a_signature_holds_what_stands_inside_too() {
    let mut writer = Writer::new();
    writer.catalog().stream(8, "/Type /EmbeddedFile", &inner()).object(6, "<< /FT /Sig /V 7 0 R >>");
    writer.object(7, "<< /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >>").save("/Root 1 0 R");
    let (report, _) = strip(&writer.bytes, Inside::Strip, Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.reason.unwrap().starts_with(ErrorKind::Signed.name()));
}
