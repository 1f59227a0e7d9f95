//! Whole files, built by hand: what is found, what goes, what stays.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::Pdf;
use crate::containers::deflate::{Wrapper, deflate};
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Proof, Scan};
use crate::survey::{Removal, Scope, Site};

const PACKET: &str = "<?xpacket begin=\"\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?><x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\
    <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\
    <rdf:Description rdf:about=\"\" xmlns:pdfx=\"http://ns.adobe.com/pdfx/1.3/\">\
    <pdfx:matter>Geheim 4711</pdfx:matter><pdfx:keepme>kept value</pdfx:keepme>\
    </rdf:Description></rdf:RDF></x:xmpmeta>          <?xpacket end=\"w\"?>";

/// Writes objects, then a classic table and a trailer, as often as it is told to save.
#[derive(Default)]
pub(super) struct Writer {
    pub(super) bytes: Vec<u8>,
    offsets: Vec<(u32, usize)>,
    previous: Option<usize>,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { bytes: b"%PDF-1.7\n".to_vec(), ..Self::default() }
    }

    pub(super) fn object(&mut self, number: u32, body: &str) -> &mut Self {
        self.offsets.push((number, self.bytes.len()));
        self.bytes.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
        self
    }

    pub(super) fn stream(&mut self, number: u32, dict: &str, data: &[u8]) -> &mut Self {
        self.offsets.push((number, self.bytes.len()));
        let head = format!("{number} 0 obj\n<< {dict} /Length {} >>\nstream\n", data.len());
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(data);
        self.bytes.extend_from_slice(b"\nendstream\nendobj\n");
        self
    }

    pub(super) fn save(&mut self, trailer: &str) -> &mut Self {
        let start = self.bytes.len();
        let mut table = "xref\n0 1\n0000000000 65535 f \n".to_owned();
        for (number, offset) in self.offsets.drain(..) {
            write!(table, "{number} 1\n{offset:010} 00000 n \n").unwrap();
        }
        let previous = self.previous.map(|offset| format!("/Prev {offset}")).unwrap_or_default();
        write!(table, "trailer\n<< /Size 20 {trailer} {previous} >>\nstartxref\n{start}\n%%EOF\n").unwrap();
        self.bytes.extend_from_slice(table.as_bytes());
        self.previous = Some(start);
        self
    }

    pub(super) fn catalog(&mut self) -> &mut Self {
        self.object(1, "<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R >>")
            .object(2, "<< /Type /Pages /Kids [] /Count 0 >>")
    }
}

fn sites(bytes: &[u8]) -> Vec<Site> {
    Pdf.survey(bytes, &Limits::default()).unwrap().findings().sites.clone()
}

fn named(bytes: &[u8]) -> Vec<(String, String)> {
    sites(bytes).into_iter().map(|site| (site.address, site.value.unwrap_or_default())).collect()
}

/// Removes every site whose key is one of `keys`, and checks that the others stay and that nothing is left behind.
fn strip(bytes: &[u8], keys: &[&str], layout: Layout) -> Vec<u8> {
    let limits = Limits::default();
    let survey = Pdf.survey(bytes, &limits).unwrap();
    let all = &survey.findings().sites;
    let chosen: Vec<usize> = (0..all.len()).filter(|&index| keys.contains(&all[index].key.as_str())).collect();
    let taken = || chosen.iter().map(|&index| &all[index]);
    let needles = Needles::new(taken().map(|site| ("", Some(site.key.as_str()), site.value.as_deref())));
    let planned = survey.plan(&Removal::new(&chosen, &needles), layout).unwrap();
    assert_eq!(planned.left, []);
    if layout == Layout::Preserve {
        assert!(planned.plan.keeps_length());
    }
    let result = planned.plan.apply(bytes).unwrap();
    let kept: Vec<&Site> = all.iter().filter(|site| !keys.contains(&site.key.as_str())).collect();
    let after = Pdf.survey(&result, &limits).unwrap();
    let same = |one: &&Site, other: &Site| one.address == other.address && one.value == other.value;
    assert!(
        kept.len() == after.findings().sites.len() && kept.iter().zip(&after.findings().sites).all(|(a, b)| same(a, b))
    );
    let mut scan = Scan::new(&needles, Proof::Full);
    after.scan(&mut scan).unwrap();
    let hits: Vec<_> = scan.into_hits().into_iter().filter(|hit| hit.class != Class::Content).collect();
    assert!(hits.is_empty(), "{hits:?}");
    let again = after.plan(&Removal::new(&[], &needles), layout).unwrap();
    assert!(again.plan.is_identity());
    drop(after);
    result
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

#[test]
fn values_are_read_in_every_spelling() {
    let info =
        "<< /Title (A \\(b\\) \\351) /Long#20Key#21 <FEFF4E2D0041> /Trapped /False /n 12 /list [(x) (y)] /far 9 0 R >>";
    let mut writer = Writer::new();
    writer.catalog().object(3, info).object(9, "(elsewhere)").save("/Root 1 0 R /Info 3 0 R");
    let expected = [
        ("info:Title", "A (b) \u{e9}"),
        ("info:Long Key!", "\u{4e2d}A"),
        ("info:Trapped", "False"),
        ("info:n", "12"),
        ("info:list", "x, y"),
        ("info:far", "elsewhere"),
    ];
    let found = named(&writer.bytes);
    let found: Vec<(&str, &str)> = found.iter().map(|(address, value)| (&**address, &**value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_revision_and_every_orphan_loses_the_label() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) /keepme (kept value) >>");
    writer.object(8, "<< /matter (Geheim 4711) /Producer (old) >>");
    writer.save("/Root 1 0 R /Info 3 0 R");
    writer.bytes.extend_from_slice(b"% a note: matter Geheim 4711\n");
    writer.object(3, "<< /matter (Geheim 4711) /keepme (kept value) >>").save("/Root 1 0 R /Info 3 0 R");
    writer.stream(5, "/Type /Metadata /Subtype /XML", PACKET.as_bytes()).save("/Root 1 0 R /Info 3 0 R");
    assert_eq!(sites(&writer.bytes).iter().filter(|site| site.key == "matter").count(), 4);
    for layout in [Layout::Preserve, Layout::Compact] {
        let result = strip(&writer.bytes, &["matter"], layout);
        assert!(!holds(&result, "Geheim") && !holds(&result, "matter") && holds(&result, "kept value"));
        assert_eq!(result.len() < writer.bytes.len(), layout == Layout::Compact);
    }
}

/// Found by fuzzing: the string swallowed the end of the file, so `startxref` did not follow.
#[test]
fn an_object_that_does_not_end_is_not_made_compact() {
    let mut writer = Writer::new();
    writer.object(1, "<< /Type /Catalog /Metadata 3 0 R >>").object(2, "<< /Font << /F1 5 0 R( >> >>");
    writer.stream(3, "/Type /Metadata /Subtype /XML", PACKET.as_bytes());
    writer.object(4, "<< /Title (A paper) /matter (Geheim 4711) >>").save("/Root 1 0 R /Info 4 0 R");
    for layout in [Layout::Preserve, Layout::Compact] {
        let result = strip(&writer.bytes, &["matter"], layout);
        assert_eq!(result.len(), writer.bytes.len(), "{layout:?}");
    }
}

#[test]
fn the_compact_layout_moves_every_offset() {
    let mut writer = Writer::new();
    writer.object(3, "<< /matter (Geheim 4711)\n/keepme (kept value) >>").catalog();
    writer.stream(5, "/Type /Metadata /Subtype /XML", PACKET.as_bytes()).save("/Root 1 0 R /Info 3 0 R");
    writer.object(7, "(later)").save("/Root 1 0 R /Info 3 0 R");
    let limits = Limits::default();
    let result = strip(&writer.bytes, &["matter"], Layout::Compact);
    let document = super::document::Document::read(&result, &limits).unwrap();
    assert!(document.chain.whole);
    assert_eq!(document.chain.sections.len(), 2);
    for number in [1, 2, 3, 5, 7] {
        let Some(super::xref::Place::At(offset)) = document.chain.place(&result, &limits, number) else { panic!() };
        assert!(result[offset as usize..].starts_with(format!("{number} 0 obj").as_bytes()));
    }
    let packet = document.object(5).unwrap().data.clone().unwrap();
    assert!(result[packet].ends_with(b"<?xpacket end=\"w\"?>"));
}

#[test]
fn object_streams_and_packed_packets_keep_their_length() {
    let first = "<< /matter (Geheim 4711) /keepme (kept value) /far 11 0 R >>";
    let text = format!("3 0 11 {}\n{first} (Geheim 4711 far away)", first.len() + 1);
    let start = text.find('\n').unwrap() + 1;
    let mut writer = Writer::new();
    writer.catalog();
    writer.stream(
        10,
        &format!("/Type /ObjStm /N 2 /First {start} /Filter /FlateDecode"),
        &deflate(text.as_bytes(), Wrapper::Zlib),
    );
    writer.stream(5, "/Type /Metadata /Subtype /XML /Filter /FlateDecode", &deflate(PACKET.as_bytes(), Wrapper::Zlib));
    // Object 3 is in stream 10, 11 too: one row each, of widths 1 2 1.
    let at =
        |number: u32| writer.offsets.iter().find(|(other, _)| *other == number).map_or(0, |(_, offset)| *offset as u16);
    let row = |kind: u8, value: u16, index: u8| [&[kind][..], &value.to_be_bytes(), &[index]].concat();
    let rows = [row(1, at(1), 0), row(1, at(2), 0), row(2, 10, 0), row(1, at(5), 0), row(1, at(10), 0), row(2, 10, 1)];
    let offset = writer.bytes.len();
    let dict = "/Type /XRef /Size 20 /W [1 2 1] /Index [1 3 5 1 10 2] /Root 1 0 R /Info 3 0 R";
    writer.stream(12, dict, &rows.concat());
    writer.bytes.extend_from_slice(format!("startxref\n{offset}\n%%EOF").as_bytes());
    assert_eq!(
        named(&writer.bytes).iter().map(|(address, _)| &**address).collect::<Vec<_>>(),
        ["info:matter", "info:keepme", "info:far", "xmp:pdfx:matter", "xmp:pdfx:keepme"]
    );
    for layout in [Layout::Preserve, Layout::Compact] {
        let result = strip(&writer.bytes, &["matter", "far"], layout);
        let limits = Limits::default();
        let document = super::document::Document::read(&result, &limits).unwrap();
        let stream = document.object(10).map(|object| object.range.start).unwrap();
        let index = document.walk.objects.iter().position(|object| object.range.start == stream).unwrap();
        let plain = document.open_stream(index).unwrap().plain;
        assert!(!holds(&plain, "Geheim") && holds(&plain, "kept value") && holds(&plain, "null"));
    }
}

#[test]
fn a_value_that_something_else_names_stays() {
    let mut writer = Writer::new();
    writer
        .catalog()
        .object(3, "<< /matter 9 0 R /other 8 0 R >>")
        .object(9, "(Geheim 4711)")
        .object(8, "(kept by nobody)");
    writer.object(4, "[9 0 R]").save("/Root 1 0 R /Info 3 0 R");
    let result = strip(&writer.bytes, &["matter", "other"], Layout::Preserve);
    assert!(holds(&result, "9 0 obj\n(Geheim 4711)") && holds(&result, "8 0 obj\nnull"));
}

#[test]
fn what_looks_like_a_reference_in_a_text_keeps_nothing() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (see 8 0 R) /list [9 0 R] >>").object(8, "<< /old (words, 10 0 R) >>");
    writer.object(9, "<< /older (words) >>").object(10, "<< /oldest (/ByteRange /Metadata 2 0 R) >>");
    writer.save("/Root 1 0 R /Info 3 0 R");
    let found: Vec<_> = sites(&writer.bytes).into_iter().map(|site| site.key).collect();
    assert_eq!(found, ["matter", "list", "old", "older", "oldest"]);
    let result = strip(&writer.bytes, &["matter", "list", "old"], Layout::Preserve);
    assert_eq!(sites(&result).len(), 2);
}

#[test]
fn structure_under_the_number_of_an_old_information_dictionary_is_not_touched() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) >>").save("/Root 1 0 R /Info 3 0 R");
    writer.object(3, "<< /Type /Page /Parent 2 0 R /Title (Geheim 4711) >>").save("/Root 1 0 R");
    assert_eq!(named(&writer.bytes), [("info:matter".to_owned(), "Geheim 4711".to_owned())]);
}

#[test]
fn a_signature_in_force_guards_the_file_and_an_empty_field_does_not() {
    let signed = |field: &str| {
        let mut writer = Writer::new();
        writer.catalog().object(3, "<< /matter (x) >>").object(6, field);
        writer.object(7, "<< /Type /Sig /ByteRange [0 1 2 3] /Contents <00> >>").save("/Root 1 0 R /Info 3 0 R");
        let limits = Limits::default();
        let guards = Pdf.survey(&writer.bytes, &limits).unwrap().findings().guards.clone();
        guards.iter().any(|guard| guard.scope == Scope::File && guard.barrier.kind == ErrorKind::Signed)
    };
    assert!(signed("<< /FT /Sig /V 7 0 R >>"));
    assert!(!signed("<< /FT /Sig >>"));
}

#[test]
fn the_mark_of_generated_content_is_protected() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /AIGC ({\"Label\":\"1\"}) >>").save("/Root 1 0 R /Info 3 0 R");
    let barrier = sites(&writer.bytes)[0].barrier.clone().unwrap();
    assert_eq!(barrier.kind, ErrorKind::Protected);
}

#[test]
fn unreadable_parts_are_told_and_damage_is_refused() {
    let mut writer = Writer::new();
    writer.catalog().stream(10, "/Type /ObjStm /N 1 /First 4 /Filter /LZWDecode", b"x");
    writer.stream(5, "/Type /Metadata /Subtype /XML", b"<not closed").save("/Root 1 0 R");
    let limits = Limits::default();
    let survey = Pdf.survey(&writer.bytes, &limits).unwrap();
    let guards = &survey.findings().guards;
    assert!(guards.len() == 2 && guards.iter().all(|guard| guard.scope == Scope::Hidden));

    for (bytes, offset) in [(&b"%PDF-1.4\nnothing here"[..], 0), (b"xx%PDF-1.4\n", 2)] {
        let error = Pdf.survey(bytes, &limits).err().unwrap();
        assert_eq!((error.kind(), error.offset()), (ErrorKind::Malformed, Some(offset)));
    }
    let cut = b"%PDF-1.4\n3 0 obj\n<< /matter (Geh";
    let trailer = b"%PDF-1.4\ntrailer << /Info 3 0 R >>\n3 0 obj\n<< /matter (Geh";
    assert!(Pdf.survey(cut, &limits).is_ok());
    assert_eq!(Pdf.survey(trailer, &limits).err().unwrap().kind(), ErrorKind::Malformed);
}

#[test]
fn broken_and_missing_tables_do_not_hide_labels() {
    let mut writer = Writer::new();
    writer.catalog().object(3, "<< /matter (Geheim 4711) >>").save("/Root 1 0 R /Info 3 0 R");
    let whole = writer.bytes.clone();
    let cut = memchr::memmem::find(&whole, b"startxref").unwrap();
    let prefixed = [b"GARBAGE\n", &whole[..]].concat();
    let shifted = String::from_utf8(whole.clone()).unwrap().replace("startxref\n", "startxref\n7");
    for bytes in [&whole[..cut], &prefixed, shifted.as_bytes()] {
        let result = strip(bytes, &["matter"], Layout::Preserve);
        assert!(!holds(&result, "Geheim"));
    }
}

#[test]
fn loops_and_false_lengths_end() {
    let looped = b"%PDF-1.4\n1 0 obj<</Length 1 0 R>>stream\nabc\nendstream endobj\nxref\n0 0\ntrailer<</Prev 61/Size 1>>startxref\n61\n%%EOF";
    assert!(Pdf.survey(looped, &Limits::default()).is_ok());
    let unending = [b"%PDF-1.4\n".to_vec(), b"1 0 obj<<>>stream\n".repeat(20_000)].concat();
    assert!(Pdf.survey(&unending, &Limits::default()).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever happens to a file: no panic, and a plan that applies.
    #[test]
    fn damage_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>()) {
        let mut writer = Writer::new();
        writer.catalog().object(3, "<< /matter (Geheim 4711) /keepme (kept value) >>");
        writer.stream(5, "/Type /Metadata /Subtype /XML", PACKET.as_bytes()).save("/Root 1 0 R /Info 3 0 R");
        writer.object(3, "<< /matter 7 0 R >>").object(7, "(Geheim 4711)").save("/Root 1 0 R /Info 3 0 R");
        let mut bytes = writer.bytes;
        for (index, byte) in edits {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(1 + cut.index(bytes.len() * 2).min(bytes.len() - 1));
        let limits = Limits::default();
        if let Ok(survey) = Pdf.survey(&bytes, &limits) {
            let chosen: Vec<usize> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("", Some("matter"), Some("Geheim 4711"))]);
            for layout in [Layout::Preserve, Layout::Compact] {
                if let Ok(planned) = survey.plan(&Removal::new(&chosen, &needles), layout) {
                    let plan: Plan = planned.plan;
                    prop_assert!(plan.apply(&bytes).is_ok());
                }
            }
            let mut scan = Scan::new(&needles, Proof::Full);
            survey.scan(&mut scan).unwrap();
        }
    }
}
