//! Parts that become empty, in packages built by hand.

use super::tests::{OFFICE, properties, relationships, types};
use crate::containers::zip::Archive;
use crate::containers::zip::tests::{Member, Writer};
use crate::engine::Engine;
use crate::inside::Inside;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];
const CUSTOM: &str = "docProps/custom.xml";

/// A package in which custom properties stand between other parts; `more` comes last.
fn package(custom: &str, more: &[(&str, &str)]) -> Writer {
    let relationships = relationships(&[
        (&format!("{OFFICE}/relationships/officeDocument"), "word/document.xml"),
        (&format!("{OFFICE}/relationships/custom-properties"), "/docProps/custom.xml"),
    ]);
    let types = types(&[("/docProps/custom.xml", "openxmlformats-officedocument.custom-properties"), ("/a.b", "x")]);
    let document = "<w:document xmlns:w='w'><w:body/></w:document>";
    let members: Vec<Member> = [
        ("[Content_Types].xml", &*types),
        ("_rels/.rels", &*relationships),
        (CUSTOM, custom),
        ("word/document.xml", document),
    ]
    .iter()
    .chain(more)
    .map(|(name, text)| Member::new(name, text.as_bytes()))
    .collect();
    Writer { members, ..Writer::default() }
}

fn strip(bytes: &[u8], labels: &[&str], layout: Layout) -> (Report, Vec<u8>) {
    let mut builder =
        Engine::builder().prune_empty(true).allow_signed(false).layout(layout).proof(Proof::Full).inside(Inside::Strip);
    for label in labels {
        builder = builder.label(*label);
    }
    let cleaned = builder.build().unwrap().strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

fn members(bytes: &[u8]) -> Vec<(String, String)> {
    let limits = Limits::default();
    let archive = Archive::parse(bytes, &limits).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (0..archive.entries().len())
        .map(|entry| (text(archive.name(entry)), text(&archive.read(entry, &limits).unwrap())))
        .collect()
}

fn names(bytes: &[u8]) -> Vec<String> {
    members(bytes).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_part_without_properties_goes_with_what_names_it() {
    for (zip64, descriptor) in [(false, 0), (false, 16), (true, 24)] {
        let mut writer = package(&properties(&[("id", "secret words")]), &[]);
        writer.zip64 = zip64;
        writer.members.iter_mut().for_each(|member| (member.zip64, member.descriptor) = (zip64, descriptor));
        let bytes = writer.write();
        for layout in LAYOUTS {
            let (report, output) = strip(&bytes, &["id"], layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(report.notes, [""; 0]);
            assert!(output.len() < bytes.len());
            let members = members(&output);
            assert_eq!(names(&output), ["[Content_Types].xml", "_rels/.rels", "word/document.xml"]);
            assert!(!members[0].1.contains("custom") && members[0].1.contains("/a.b"));
            assert!(!members[1].1.contains("custom") && members[1].1.contains("word/document.xml"));
            assert!(memchr::memmem::find(&output, b"docProps").is_none());
            assert_eq!(strip(&output, &["id"], layout).0.outcome, Outcome::Clean);
        }
    }
}

#[test]
fn a_part_with_anything_left_stays() {
    let two = package(&properties(&[("id", "secret words"), ("other", "x")]), &[]).write();
    let commented = properties(&[("id", "secret words")]).replace("</Properties>", "<!-- note --></Properties>");
    let commented = package(&commented, &[]).write();
    for layout in LAYOUTS {
        for bytes in [&two, &commented] {
            let (report, output) = strip(bytes, &["id"], layout);
            assert_eq!(report.outcome, Outcome::Stripped);
            assert_eq!(names(&output).len(), 4);
        }
        assert_eq!(names(&strip(&two, &["id", "other"], layout).1).len(), 3);
        let (report, output) = strip(&two, &["absent"], layout);
        assert_eq!((report.outcome, output == two), (Outcome::Clean, true));
    }
}

#[test]
fn an_empty_part_stays_where_something_else_speaks_of_it() {
    let custom = properties(&[("id", "secret words")]);
    let signature = "<Signature><SignedInfo/><Object><Manifest><Reference URI=\"/word/document.xml?ContentType=x\"/>\
        </Manifest></Object></Signature>";
    for (name, text) in [("_xmlsignatures/sig1.xml", signature), ("docProps/_rels/custom.xml.rels", "<a/>")] {
        let bytes = package(&custom, &[(name, text)]).write();
        for layout in LAYOUTS {
            let (report, output) = strip(&bytes, &["id"], layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
            assert_eq!(report.notes.len(), 1);
            assert!(report.notes[0].starts_with("docProps/custom.xml is empty and stays: "), "{:?}", report.notes);
            assert_eq!(names(&output), names(&bytes));
            assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
        }
    }
}

#[test]
fn a_comment_of_the_member_keeps_it() {
    let mut writer = package(&properties(&[("id", "secret words")]), &[]);
    writer.members[2].comment = "about it".into();
    let (report, output) = strip(&writer.write(), &["id"], Layout::Compact);
    assert_eq!((report.outcome, report.notes.len(), names(&output).len()), (Outcome::Stripped, 1, 4));
}

#[test]
fn packages_inside_are_pruned_too() {
    let inner = package(&properties(&[("id", "secret words")]), &[]).write();
    let writer = Writer { members: vec![Member::new("a.docx", &inner), Member::new("b", b"b")], ..Writer::default() };
    let (report, output) = strip(&writer.write(), &["id"], Layout::Compact);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
    let limits = Limits::default();
    let archive = Archive::parse(&output, &limits).unwrap();
    assert_eq!(names(&archive.read(0, &limits).unwrap()).len(), 3);
}
