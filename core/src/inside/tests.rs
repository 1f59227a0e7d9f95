//! A picture in a document in a document, built by hand.

use super::*;
use crate::containers::zip::Archive;
use crate::containers::zip::tests::{Member as Stored, Writer, archive};
use crate::engine::{Engine, list};
use crate::needles::Needles;
use crate::report::{Outcome, Report, Status};
use crate::scan::Proof;
use crate::source::Source;

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let covered = [&kind[..], data].concat();
    [&(data.len() as u32).to_be_bytes()[..], &covered, &crc32fast::hash(&covered).to_be_bytes()].concat()
}

/// A picture of one pixel with a text of each of these keys.
pub(crate) fn picture(labels: &[(&str, &str)]) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(chunk(*b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]));
    for (key, value) in labels {
        png.extend(chunk(*b"tEXt", format!("{key}\0{value}").as_bytes()));
    }
    png.extend(chunk(*b"IDAT", b"\x78\x9c\x63\x60\x00\x00\x00\x02\x00\x01"));
    png.extend(chunk(*b"IEND", b""));
    png
}

const TYPES: &[u8] = b"<Types/>";
const PROPERTIES: &str = "<Properties><property name=\"id\"><lpwstr>outer</lpwstr></property></Properties>";

fn document(custom: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut members: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", TYPES),
        ("_rels/.rels", b"<Relationships/>"),
        ("docProps/custom.xml", custom.as_bytes()),
    ];
    members.extend_from_slice(files);
    archive(&members)
}

fn strip(bytes: &[u8], inside: Inside, layout: Layout, limits: Limits) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label("id").inside(inside).layout(layout).proof(Proof::Full);
    let engine = engine.allow_partial(true).limits(limits).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

fn member(bytes: &[u8], name: &str) -> Vec<u8> {
    let limits = Limits::default();
    let archive = Archive::parse(bytes, &limits).unwrap();
    let index = (0..archive.entries().len()).find(|index| archive.name(*index) == name.as_bytes()).unwrap();
    archive.read(index, &limits).unwrap().into_owned()
}

fn places(bytes: &[u8]) -> Vec<String> {
    let listing = list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap();
    listing.findings.sites.into_iter().map(|site| site.place).collect()
}

#[test]
fn labels_inside_are_told_and_keep_a_file_from_being_stripped() {
    let picture = picture(&[("id", "inner")]);
    let bytes = document(PROPERTIES, &[("word/media/image1.png", &picture), ("word/document.xml", b"<w/>")]);
    assert_eq!(places(&bytes), ["docProps/custom.xml", "word/media/image1.png › tEXt"]);
    let (report, output) = strip(&bytes, Inside::Report, Layout::Preserve, Limits::default());
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.left.len(), 1);
    assert_eq!(report.left[0].place, "word/media/image1.png › tEXt");
    assert!(report.left[0].reason.starts_with("nested: "));
    assert_eq!(member(&output, "word/media/image1.png"), picture, "what was not asked for is as it was");

    let alone = document("<Properties/>", &[("a.png", &picture)]);
    assert_eq!(strip(&alone, Inside::Report, Layout::Preserve, Limits::default()).0.outcome, Outcome::Refused);
}

#[test]
fn labels_inside_go_at_every_depth_when_asked_for() {
    let inner = document(PROPERTIES, &[("ppt/media/a.png", &picture(&[("id", "one"), ("note", "stays")]))]);
    let bytes = document(PROPERTIES, &[("word/embeddings/b.pptx", &inner), ("c.png", &picture(&[("note", "id")]))]);
    for layout in LAYOUTS {
        let (report, output) = strip(&bytes, Inside::Strip, layout, Limits::default());
        assert_eq!(report.outcome, Outcome::Stripped, "{:?} {:?}", report.reason, report.left);
        assert_eq!(report.labels[0].status, Status::Removed);
        assert_eq!(report.labels[0].sites.len(), 3);
        assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
        assert_eq!(places(&output), ["word/embeddings/b.pptx › ppt/media/a.png › tEXt", "c.png › tEXt"]);
        assert_eq!(member(&output, "c.png"), member(&bytes, "c.png"));
        assert_eq!(strip(&output, Inside::Strip, layout, Limits::default()).0.outcome, Outcome::Clean);
    }
}

#[test]
fn what_is_too_deep_or_too_large_cannot_be_proved_clean() {
    let mut bytes = document(PROPERTIES, &[]);
    for _ in 0..3 {
        bytes = document("<Properties/>", &[("a.docx", &bytes)]);
    }
    let outcome = |limits| strip(&bytes, Inside::Strip, Layout::Preserve, limits).0;
    assert_eq!(outcome(Limits::default()).outcome, Outcome::Stripped);
    let shallow = outcome(Limits { inside_depth: 2, ..Limits::default() });
    assert_eq!(shallow.outcome, Outcome::Refused);
    assert_eq!(
        shallow.reason.unwrap(),
        "unsupported: a.docx: a.docx: a.docx cannot be looked into: it stands too deep inside other files"
    );
    let small = outcome(Limits { total_bytes: 600, ..Limits::default() });
    assert_eq!(small.outcome, Outcome::Refused, "{:?}", small.reason);
    // Merely reported, what was not looked into stands in nobody's way.
    let told = strip(&bytes, Inside::Report, Layout::Preserve, Limits { inside_bytes: 1, ..Limits::default() }).0;
    assert_eq!(told.outcome, Outcome::Clean);
}

#[test]
fn a_broken_or_encrypted_file_inside_is_noticed() {
    let truncated = &document(PROPERTIES, &[])[..200];
    let bytes = document(PROPERTIES, &[("a.docx", truncated)]);
    assert_eq!(strip(&bytes, Inside::Report, Layout::Preserve, Limits::default()).0.outcome, Outcome::Stripped);
    let (report, _) = strip(&bytes, Inside::Strip, Layout::Preserve, Limits::default());
    assert_eq!(report.outcome, Outcome::Partial);
    assert!(report.reason.unwrap().contains("a.docx cannot be looked into"));
}

#[test]
fn a_stored_member_is_patched_where_it_stands() {
    let inner = picture(&[("id", "inner")]);
    let mut file = Stored::new("a.png", &inner);
    file.stored = true;
    let members = vec![
        Stored::new("[Content_Types].xml", TYPES),
        Stored::new("_rels/.rels", b"<Relationships/>"),
        file,
        Stored::new("word/document.xml", b"<w/>"),
    ];
    let bytes = Writer { members, ..Writer::default() }.write();
    let (report, output) = strip(&bytes, Inside::Strip, Layout::Preserve, Limits::default());
    assert_eq!(report.outcome, Outcome::Stripped);
    assert_eq!(output.len(), bytes.len());
    assert!(memchr::memmem::find(&output, b"inner").is_none());
}

#[test]
fn what_no_edit_touches_is_known_from_before() {
    let long = "8888-4711-0815-2342-1776-1789-1848-1918-1945-1989";
    let pictures = [picture(&[("id", long), ("note", "stays")]), picture(&[("note", "stays too")])];
    let custom = PROPERTIES.replace("outer", long);
    let bytes = document(&custom, &[("a.png", &pictures[0]), ("b.png", &pictures[1])]);
    let (limits, format) = (Limits::default(), detect(&bytes, Some("docx")).unwrap());
    let budget = Reach::budget(&limits, Inside::Strip);
    let reach = Reach::new(&limits, Inside::Strip, &budget);
    let survey = reach.survey(format, &bytes).unwrap();
    let sites = survey.findings().sites.iter().enumerate();
    let chosen: Vec<usize> = sites.filter(|(_, site)| site.key == "id").map(|(index, _)| index).collect();
    let needles = Needles::new([("id", Some("id"), Some(long))]);
    let plan = survey.plan(&Removal::new(&chosen, &needles), Layout::Preserve).unwrap().plan;
    assert_eq!((plan.keeps_length(), chosen.len()), (true, 2));

    let before = Before { survey: &*survey, plan: &plan };
    let is_known = |index| before.look(index, &survey.member_extent(index).unwrap()).is_some();
    assert_eq!([is_known(0), is_known(1)], [false, true]);
    let result = plan.apply(&bytes).unwrap();
    let (afresh, again) =
        (reach.survey(format, &result).unwrap(), reach.after(before).survey(format, &result).unwrap());
    assert_eq!(afresh.findings(), again.findings());
    assert_eq!(again.findings().sites.len(), survey.findings().sites.len() - 2);
}
