//! Compound files built by hand, through the engine.

use super::Ole;
use crate::containers::cfb::CompoundFile;
use crate::containers::cfb::tests::compound;
use crate::containers::propset::tests::{SUMMARY, USER, dictionary, integer, section, stream, text};
use crate::formats::Format;
use crate::{Engine, Findings, Inside, Kind, Layout, Limits, Outcome, Proof, Report, Source};

const DOCUMENT: &str = "\u{5}DocumentSummaryInformation";

fn summary() -> Vec<u8> {
    stream(&[(SUMMARY, section(1252, &[(2, text("A title")), (4, text("An author"))]))])
}

fn labels(values: [&str; 2]) -> Vec<u8> {
    let names = dictionary(1252, &[(2, "id"), (3, "Owner"), (4, "_PID_HLINKS")]);
    let user = section(1252, &[(0, names), (2, text(values[0])), (3, text(values[1])), (4, integer(1))]);
    stream(&[(USER, user)])
}

fn sample(more: &[(&str, &[u8])]) -> Vec<u8> {
    let body = b"text that nobody touches ".repeat(300);
    let (summary, labels) = (summary(), labels(["8888", "Somebody"]));
    let mut streams: Vec<(&str, &[u8])> =
        vec![("WordDocument", &body), ("\u{5}SummaryInformation", &summary), (DOCUMENT, &labels)];
    streams.extend(more);
    compound(&streams, 9)
}

fn survey(bytes: &[u8]) -> Findings {
    assert!(Ole.sniff(bytes));
    Ole.survey(bytes, &Limits::default()).unwrap().findings().clone()
}

fn addresses(bytes: &[u8]) -> Vec<String> {
    survey(bytes).sites.into_iter().map(|site| site.address).collect()
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let engine =
        Engine::builder().label(label).layout(layout).proof(Proof::Full).inside(Inside::Strip).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// Strips in both layouts: gone, every stream but these the same, a second time nothing.
fn stripped(bytes: &[u8], label: &str, edited: &[&str]) -> Vec<u8> {
    let limits = Limits::default();
    let mut last = Vec::new();
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, output) = strip(bytes, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len(), bytes.len());
        let (old, new) = (CompoundFile::parse(bytes, &limits).unwrap(), CompoundFile::parse(&output, &limits).unwrap());
        for (id, _) in old.streams() {
            let path = old.path(id);
            let is_same = old.read(id, &limits).unwrap() == new.read(id, &limits).unwrap();
            assert_eq!(is_same, !edited.contains(&&*path), "{path}");
        }
        assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        last = output;
    }
    last
}

#[test]
fn properties_go_one_by_one() {
    let file = sample(&[]);
    let all = ["summary:Title", "summary:Author", "custom:id", "custom:Owner", "custom:_PID_HLINKS"];
    assert_eq!(addresses(&file), all);
    assert_eq!(survey(&file).sites[4].kind, Kind::Bookkeeping);
    let after = stripped(&file, "ID", &["\\u{5}DocumentSummaryInformation"]);
    assert_eq!(addresses(&after), [all[0], all[1], all[3], all[4]]);
    let after = stripped(&file, "summary:Author", &["\\u{5}SummaryInformation"]);
    assert_eq!(addresses(&after), [all[0], all[2], all[3], all[4]]);
    let (report, output) = strip(&file, "Nothing", Layout::Preserve);
    assert_eq!((report.outcome, output), (Outcome::Clean, file));
}

#[test]
fn documents_inside_have_their_own() {
    let inner = labels(["7", "Somebody else"]);
    let path = format!("ObjectPool/_12/{DOCUMENT}");
    let file = sample(&[(&path, &inner)]);
    let places: Vec<String> = survey(&file).sites.into_iter().map(|site| site.place).collect();
    assert!(places.contains(&"ObjectPool/_12/\\u{5}DocumentSummaryInformation".to_owned()), "{places:?}");
    let edited = ["\\u{5}DocumentSummaryInformation", "ObjectPool/_12/\\u{5}DocumentSummaryInformation"];
    let after = stripped(&file, "owner", &edited);
    assert!(addresses(&after).iter().all(|address| address != "custom:Owner"));
}

#[test]
fn stale_copies_are_blanked_with_the_label() {
    let mut file = sample(&[]);
    file.extend_from_slice(b"an old set: Owner Somebody");
    let after = stripped(&file, "Owner", &["\\u{5}DocumentSummaryInformation"]);
    assert!(memchr::memmem::find(&after, b"Somebody").is_none());
}

#[test]
fn custom_xml_of_office_is_read() {
    let item = b"<p:properties xmlns:p=\"http://schemas.microsoft.com/office/2006/metadata/properties\">\
        <documentManagement><Level>secret</Level><Other>x</Other></documentManagement></p:properties>";
    let file = sample(&[("MsoDataStore/AB==/Item", item), ("MsoDataStore/AB==/Properties", b"<x/>")]);
    assert!(addresses(&file).contains(&"customxml:Level".to_owned()));
    let after = stripped(&file, "Level", &["MsoDataStore/AB==/Item"]);
    assert!(memchr::memmem::find(&after, b"secret").is_none());
}

#[test]
fn files_inside_are_looked_into() {
    let inner = sample(&[]);
    let file = sample(&[("MBD01/Package", &inner)]);
    let inside = Engine::builder().label("Owner").build().unwrap().strip(Source::from_bytes(file.clone())).unwrap();
    assert_eq!(inside.report().outcome, Outcome::Partial, "what stands inside is told");
    let after = stripped(&file, "Owner", &["\\u{5}DocumentSummaryInformation", "MBD01/Package"]);
    assert!(memchr::memmem::find(&after, b"Somebody").is_none());
}

#[test]
fn signed_and_encrypted_files_are_refused() {
    for name in ["_signatures", "_xmlsignatures/1", "\u{5}DigitalSignature"] {
        let (report, _) = strip(&sample(&[(name, b"signature")]), "Owner", Layout::Preserve);
        assert_eq!(report.outcome, Outcome::Refused, "{name}");
        assert!(report.reason.unwrap().starts_with("signed"));
    }
    let (report, _) = strip(&sample(&[("encryption", b"summary")]), "Owner", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Partial, "what is not encrypted goes");
    let (report, _) = strip(&sample(&[("encryption", b"summary")]), "Nothing", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Refused, "what is encrypted may hold it");
    let mut head = vec![0xEC, 0xA5];
    head.resize(5000, 0);
    head[11] = 1;
    let file = compound(&[("WordDocument", &head), (DOCUMENT, &labels(["1", "Somebody"]))], 9);
    assert_eq!(strip(&file, "Nothing", Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn broken_sets_hide_their_labels() {
    let mut broken = labels(["1", "Somebody"]);
    broken[52..56].copy_from_slice(&[0xFF; 4]);
    let file = sample(&[(&format!("Sub/{DOCUMENT}"), &broken)]);
    let guards = survey(&file).guards;
    assert!(guards.iter().any(|guard| guard.barrier.reason.contains("Sub/")), "{guards:?}");
    assert!(Ole.survey(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &Limits::default()).is_err());
    assert!(Ole.survey(b"\x09\x04 a sheet of Excel 4", &Limits::default()).is_err());
}
