//! Packages built by hand, stripped through the engine, which verifies every result.

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::containers::cfb::tests::compound;
use crate::containers::zip::Archive;
use crate::containers::zip::tests::{Member, Writer, archive};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::label::Label;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Findings, Kind, Scope};

use super::Ooxml;

pub(super) const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006";
const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

pub(super) fn properties(list: &[(&str, &str)]) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\r\n<Properties \
         xmlns=\"{OFFICE}/custom-properties\" xmlns:vt=\"{OFFICE}/docPropsVTypes\">"
    );
    for (index, (key, value)) in list.iter().enumerate() {
        let _ = write!(
            text,
            "<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" pid=\"{}\" name=\"{key}\">\
             <vt:lpwstr>{value}</vt:lpwstr></property>",
            index + 2
        );
    }
    text + "</Properties>"
}

pub(super) fn relationships(list: &[(&str, &str)]) -> String {
    let mut text =
        String::from("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">");
    for (index, (kind, target)) in list.iter().enumerate() {
        let _ = write!(text, "<Relationship Id=\"rId{}\" Type=\"{kind}\" Target=\"{target}\"/>", index + 1);
    }
    text + "</Relationships>"
}

pub(super) fn types(overrides: &[(&str, &str)]) -> String {
    let mut text = String::from(
        "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>",
    );
    for (part, kind) in overrides {
        let _ = write!(text, "<Override PartName=\"{part}\" ContentType=\"application/vnd.{kind}+xml\"/>");
    }
    text + "</Types>"
}

/// A package with usual relationships and these parts.
fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let custom = format!("{OFFICE}/relationships/custom-properties");
    let relationships = relationships(&[(&custom, "docProps/custom.xml")]);
    let types = types(&[]);
    let mut members: Vec<(&str, &[u8])> =
        vec![("[Content_Types].xml", types.as_bytes()), ("_rels/.rels", relationships.as_bytes())];
    members.extend(parts.iter().map(|(name, text)| (*name, text.as_bytes())));
    members.push(("word/document.xml", b"<w:document xmlns:w='w'><w:body/></w:document>"));
    archive(&members)
}

fn survey(bytes: &[u8]) -> Findings {
    let limits = Limits::default();
    let survey = Ooxml.survey(bytes, &limits).unwrap();
    survey.findings().clone()
}

fn addresses(bytes: &[u8]) -> Vec<String> {
    survey(bytes).sites.into_iter().map(|site| site.address).collect()
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label(label).layout(layout).proof(Proof::Full).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec()).with_name("file.docx")).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// Strips in both layouts and checks that the label is gone, all other members are the same, and a second strip finds
/// nothing. Returns the sites that stay.
fn stripped(bytes: &[u8], label: &str, edited: &[&str]) -> Vec<String> {
    let mut after = Vec::new();
    for layout in LAYOUTS {
        let (report, output) = strip(bytes, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(report.residue, 0);
        match layout {
            Layout::Preserve => assert_eq!(output.len(), bytes.len()),
            Layout::Compact => assert!(output.len() < bytes.len()),
        }
        let limits = Limits::default();
        let (old, new) = (Archive::parse(bytes, &limits).unwrap(), Archive::parse(&output, &limits).unwrap());
        for index in 0..old.entries().len() {
            assert_eq!(old.name(index), new.name(index));
            let name = std::str::from_utf8(old.name(index)).unwrap();
            let same = old.read(index, &limits).unwrap() == new.read(index, &limits).unwrap();
            assert_eq!(same, !edited.contains(&name), "{name}");
        }
        let (again, _) = strip(&output, label, layout);
        assert_eq!(again.outcome, Outcome::Clean);
        after = addresses(&output);
    }
    after
}

#[test]
fn a_property_goes_and_the_others_stay() {
    let text = properties(&[("id", "8888"), ("id2", "8888"), ("Title", "Secret &amp; more"), ("Company", "C")]);
    let app = format!(
        "<Properties xmlns=\"{OFFICE}/extended-properties\"><Company>ACME</Company><Manager/><Template>Normal</Template></Properties>"
    );
    let core = "<cp:coreProperties xmlns:cp=\"c\" xmlns:dc=\"d\"><dc:title>Title of it</dc:title><dc:subject/></cp:coreProperties>";
    let bytes = package(&[("docProps/custom.xml", &text), ("docProps/app.xml", &app), ("docProps/core.xml", core)]);
    let findings = survey(&bytes);
    let values: Vec<_> = findings.sites.iter().map(|site| site.value.clone().unwrap()).collect();
    assert_eq!(values, ["8888", "8888", "Secret & more", "C", "ACME", "Normal", "Title of it"]);
    assert_eq!(findings.sites[4].kind, Kind::Standard);
    assert_eq!(findings.sites[4].address, "app:Company");

    let rest = ["custom:id2", "custom:Title", "custom:Company", "app:Company", "app:Template", "core:title"];
    assert_eq!(stripped(&bytes, "id", &["docProps/custom.xml"]), rest);
    // Keys that are also names of elements, here or in other parts, are no residue.
    assert_eq!(stripped(&bytes, "title", &["docProps/custom.xml"]).len(), 6);
    assert_eq!(stripped(&bytes, "Company", &["docProps/custom.xml"]).len(), 6);
    assert_eq!(stripped(&bytes, "app:company", &["docProps/app.xml"]).len(), 6);
    assert_eq!(stripped(&bytes, "custom:*", &["docProps/custom.xml"]), &rest[3..]);
}

#[test]
fn a_value_that_does_not_match_keeps_the_label() {
    let bytes = package(&[("docProps/custom.xml", &properties(&[("id", "8888")]))]);
    let (report, output) = strip(&bytes, "id=1", Layout::Preserve);
    assert_eq!((report.outcome, output), (Outcome::Clean, bytes.clone()));
    assert_eq!(stripped(&bytes, "id=8888", &["docProps/custom.xml"]), [""; 0]);
}

#[test]
fn parts_are_found_however_they_are_named() {
    let text = properties(&[("id", "8888")]);
    let strict = "http://purl.oclc.org/ooxml/officeDocument/relationships/customProperties";
    let usual = format!("{OFFICE}/relationships/custom-properties");
    let kind = "openxmlformats-officedocument.custom-properties";
    for (rels, types, part) in [
        (relationships(&[(strict, "/Meta/P%20x.xml")]), types(&[]), "meta/p x.xml"),
        (relationships(&[(&usual, "./docs/../other.XML")]), types(&[]), "other.xml"),
        (relationships(&[]), types(&[("/custom2.xml", kind)]), "custom2.xml"),
        ("not xml".to_owned(), "<!DOCTYPE a><a/>".to_owned(), "docProps/Custom.xml"),
    ] {
        let bytes = archive(&[
            ("[content_types].xml", types.as_bytes()),
            ("_rels/.rels", rels.as_bytes()),
            (part, text.as_bytes()),
        ]);
        assert!(Ooxml.sniff(&bytes));
        assert_eq!(addresses(&bytes), ["custom:id"], "{part}");
        assert_eq!(stripped(&bytes, "ID", &[part]), [""; 0]);
    }
    let bytes = archive(&[("docProps/custom.xml", text.as_bytes()), ("docprops/CUSTOM.xml", text.as_bytes())]);
    assert_eq!(addresses(&bytes), ["custom:id", "custom:id"]);
    stripped(&bytes, "id", &["docProps/custom.xml", "docprops/CUSTOM.xml"]);
}

#[test]
fn every_form_of_member_can_be_edited() {
    let text = properties(&[("id", "8888"), ("other", "kept")]);
    let utf16: Vec<u8> = std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for data in [text.as_bytes(), &utf16] {
        for (stored, descriptor, zip64) in
            [(false, 0, false), (true, 0, false), (false, 16, false), (true, 24, true), (false, 24, true)]
        {
            let custom = Member { stored, descriptor, zip64, ..Member::new("docProps/custom.xml", data) };
            let members = vec![custom, Member::new("word/document.xml", b"<w/>")];
            let bytes = Writer { members, zip64, ..Writer::default() }.write();
            assert_eq!(stripped(&bytes, "id", &["docProps/custom.xml"]), ["custom:other"]);
        }
    }
}

#[test]
fn sensitivity_labels_answer_to_their_names() {
    let label = |guid: &str| {
        format!("<clbl:label id=\"{{{guid}}}\" enabled=\"1\" method=\"Standard\" siteId=\"{{s}}\" removed=\"0\"/>")
    };
    let text = format!(
        "<clbl:labelList xmlns:clbl=\"http://schemas.microsoft.com/office/2020/mipLabelMetadata\">{}{}</clbl:labelList>",
        label("2096f6a2-d2f7-48be-b329-b73aaa526e5d"),
        label("aaaaf6a2-d2f7-48be-b329-b73aaa526e5d"),
    );
    let custom = properties(&[("MSIP_Label_2096f6a2-d2f7-48be-b329-b73aaa526e5d_Name", "Secret"), ("x", "y")]);
    let bytes = package(&[("docMetadata/LabelInfo.xml", &text), ("docProps/custom.xml", &custom)]);
    let one = "docMetadata/LabelInfo.xml";
    for name in ["2096f6a2-d2f7-48be-b329-b73aaa526e5d", "MSIP_Label_2096F6A2-d2f7-48be-b329-b73aaa526e5d_Enabled"] {
        assert_eq!(stripped(&bytes, name, &[one]).len(), 3);
    }
    assert_eq!(stripped(&bytes, "MSIP_Label_2096*", &[one, "docProps/custom.xml"]).len(), 2);
    assert_eq!(stripped(&bytes, "@msip", &[one, "docProps/custom.xml"]), ["custom:x"]);
    let (_, output) = strip(&bytes, "@msip", Layout::Compact);
    let archive = Archive::parse(&output, &Limits::default()).unwrap();
    let left = archive.read(2, &Limits::default()).unwrap();
    assert!(left.ends_with(b"mipLabelMetadata\"></clbl:labelList>"));
}

#[test]
fn document_variables_take_their_list_with_them() {
    let settings = |variables: &str| {
        format!(
            "<w:settings xmlns:w='http://schemas.openxmlformats.org/wordprocessingml/2006/main'><w:zoom/>\n  {variables}\n  <w:end/></w:settings>"
        )
    };
    let list = "<w:docVars>\n<w:docVar w:name='id' w:val='8888'/><w:docVar w:name='b' w:val='x'/>\n</w:docVars>";
    let bytes = package(&[("word/settings.xml", &settings(list))]);
    assert_eq!(stripped(&bytes, "id", &["word/settings.xml"]), ["docvar:b"]);
    let (_, output) = strip(&bytes, "docvar:*", Layout::Preserve);
    let archive = Archive::parse(&output, &Limits::default()).unwrap();
    let left = archive.read(2, &Limits::default()).unwrap();
    assert!(left.ends_with(b"<w:zoom/>\n  <w:end/></w:settings>"), "{}", String::from_utf8_lossy(&left));
    assert_eq!(addresses(&package(&[("word/settings.xml", &settings(""))])), [""; 0]);
}

#[test]
fn tags_and_columns_are_labels_too() {
    let tags = "<p:tagLst xmlns:p='http://schemas.openxmlformats.org/presentationml/2006/main'><p:tag name='ID' val='8888'/></p:tagLst>";
    let item = "<p:properties xmlns:p='http://schemas.microsoft.com/office/2006/metadata/properties'><documentManagement>\
                <Client xmlns='u'>Contoso</Client><Empty xmlns='u'/></documentManagement></p:properties>";
    let schema = "<ct:contentTypeSchema xmlns:ct='http://schemas.microsoft.com/office/2006/metadata/contentType' xmlns:ma='m' xmlns:xsd='x'>\
                  <xsd:schema><xsd:element name='properties'><xsd:element name='documentManagement'><xsd:all>\
                  <xsd:element ref='ns2:Client'/><xsd:element ref='ns2:Empty'/></xsd:all></xsd:element></xsd:element>\
                  <xsd:element name='Client' ma:internalName='Client'><xsd:simpleType/></xsd:element></xsd:schema></ct:contentTypeSchema>";
    let bytes = package(&[("ppt/tags/tag1.xml", tags), ("customXml/item1.xml", item), ("customXml/item2.xml", schema)]);
    let sites = survey(&bytes).sites;
    let valued: Vec<_> = sites.iter().filter(|site| site.value.is_some()).map(|site| &*site.address).collect();
    assert_eq!(valued, ["tag:ID", "customxml:Client"]);
    assert_eq!(sites.len(), 6);
    stripped(&bytes, "id", &["ppt/tags/tag1.xml"]);
    let rest = stripped(&bytes, "Client", &["customXml/item1.xml", "customXml/item2.xml"]);
    assert_eq!(rest, ["tag:ID", "customxml:Empty", "customxml:Empty"]);
}

#[test]
fn a_copy_of_the_value_in_another_program_s_part_is_residue() {
    let custom = properties(&[("Client", "Contoso Limited")]);
    let item = "<other><Client>no</Client><name>Contoso Limited</name></other>";
    let bytes = package(&[("docProps/custom.xml", &custom), ("customXml/item1.xml", item)]);
    let (report, output) = strip(&bytes, "Client", Layout::Preserve);
    assert_eq!((report.outcome, report.residue), (Outcome::Partial, 1));
    assert!(output.is_empty());
}

fn signed(reference: &str) -> Vec<u8> {
    let signature = format!(
        "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><SignedInfo><Reference URI='#idPackageObject'/></SignedInfo>\
         <Object><Manifest>{reference}</Manifest></Object></Signature>"
    );
    let custom = properties(&[("id", "8888")]);
    let tags = "<p:tagLst xmlns:p='p'><p:tag name='T' val='x'/></p:tagLst>";
    package(&[("_xmlsignatures/sig1.xml", &signature), ("docProps/custom.xml", &custom), ("ppt/tags/tag1.xml", tags)])
}

#[test]
fn a_signature_holds_the_parts_it_lists() {
    let part = "<Reference URI='/docProps/custom.xml?ContentType=application/vnd.openxmlformats-officedocument.custom-properties+xml'/>";
    let by_id = "<Reference URI='/_rels/.rels?ContentType=x'><Transforms><Transform><RelationshipReference SourceId='rId1'/></Transform></Transforms></Reference>";
    for reference in [part, by_id] {
        let bytes = signed(reference);
        let sites = survey(&bytes).sites;
        assert_eq!(sites[0].barrier.as_ref().unwrap().kind, ErrorKind::Signed);
        assert_eq!(sites[1].barrier, None);
        assert_eq!(strip(&bytes, "id", Layout::Preserve).0.outcome, Outcome::Refused);
        stripped(&bytes, "T", &["ppt/tags/tag1.xml"]);
    }
    let other = by_id.replace("rId1", "rId9");
    stripped(&signed(&other), "id", &["docProps/custom.xml"]);
    let broken = survey(&signed("<Reference"));
    assert_eq!((broken.guards[0].scope, broken.guards[0].barrier.kind), (Scope::File, ErrorKind::Signed));
}

#[test]
fn what_cannot_be_read_may_hide_labels() {
    let item = "<p:tagLst xmlns:p='p'><p:tag name='T' val='x'/></p:tagLst>";
    for custom in ["<!DOCTYPE a [<!ENTITY b 'c'>]><Properties>&b;</Properties>", "<Properties><property name='id'"] {
        let bytes = package(&[("docProps/custom.xml", custom), ("ppt/tags/tag1.xml", item)]);
        let findings = survey(&bytes);
        assert_eq!(findings.guards[0].scope, Scope::Hidden);
        assert_eq!(findings.sites[0].address, "tag:T");
        assert_eq!(strip(&bytes, "id", Layout::Preserve).0.outcome, Outcome::Refused);
    }
    let limits = Limits { part_bytes: 1000, ..Limits::default() };
    let bomb = package(&[("docProps/custom.xml", &properties(&[("id", &"8".repeat(10_000))]))]);
    assert_eq!(Ooxml.survey(&bomb, &limits).err().unwrap().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_wrong_crc_holds_the_part() {
    let mut bytes = package(&[("docProps/custom.xml", &properties(&[("id", "8888")]))]);
    let name = memchr::memmem::rfind(&bytes, b"docProps/custom.xml").unwrap();
    bytes[name - 46 + 16] ^= 1;
    assert_eq!(survey(&bytes).sites[0].barrier.as_ref().unwrap().kind, ErrorKind::Conflict);
}

#[test]
fn generated_content_marks_stay() {
    let bytes = package(&[("docProps/custom.xml", &properties(&[("AIGC", "{&quot;Label&quot;:&quot;1&quot;}")]))]);
    let (report, _) = strip(&bytes, "AIGC", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.reason.unwrap().starts_with("protected"));
}

#[test]
fn old_members_in_gaps_are_cleared() {
    let text = properties(&[("id-number", "Secret 8888")]);
    let mut old = archive(&[("docProps/custom.xml", text.as_bytes())]);
    let end = memchr::memmem::find(&old, b"PK\x01\x02").unwrap();
    old.truncate(end);
    let other = Member { gap: old, ..Member::new("word/document.xml", b"<w/>") };
    let members = vec![Member::new("docProps/custom.xml", text.as_bytes()), other];
    let bytes = Writer { members, ..Writer::default() }.write();
    assert_eq!(stripped(&bytes, "id-number", &["docProps/custom.xml"]), [""; 0]);
}

#[test]
fn encrypted_packages_are_recognised() {
    let bytes = compound(&[("Package", b"text")], 9);
    assert!(!Ooxml.sniff(&bytes));
    assert_eq!(Ooxml.survey(&bytes, &Limits::default()).err().unwrap().kind(), ErrorKind::Unsupported);
    let bytes = compound(&[("EncryptionInfo", b"how"), ("EncryptedPackage", b"text")], 9);
    assert!(Ooxml.sniff(&bytes));
    let findings = survey(&bytes);
    assert_eq!((findings.guards[0].scope, findings.guards[0].barrier.kind), (Scope::File, ErrorKind::Encrypted));
    assert_eq!(strip(&bytes, "id", Layout::Preserve).0.outcome, Outcome::Refused);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_choice_of_properties_goes(
        list in proptest::collection::vec(("[a-zA-Z][a-zA-Z0-9_]{3,12}", "[a-zA-Z0-9 \u{e9}\u{4e2d}]{0,30}"), 1..12),
        pick in proptest::collection::vec(any::<bool>(), 12),
        form in 0..4_usize,
        compact: bool,
    ) {
        let list: Vec<(String, String)> =
            list.into_iter().enumerate().map(|(index, (key, value))| (format!("{key}_{index}"), value)).collect();
        let pairs: Vec<(&str, &str)> = list.iter().map(|(key, value)| (&**key, &**value)).collect();
        let custom = Member {
            stored: form == 1,
            descriptor: if form == 2 { 16 } else { 0 },
            zip64: form == 3,
            ..Member::new("docProps/custom.xml", properties(&pairs).as_bytes())
        };
        let members = vec![custom, Member::new("word/document.xml", b"<w/>")];
        let bytes = Writer { members, ..Writer::default() }.write();
        let chosen = || pairs.iter().zip(&pick).filter(|(_, pick)| **pick);
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let builder = Engine::builder().labels(chosen().map(|((key, _), _)| Label::new(*key)));
        prop_assume!(chosen().next().is_some());
        let engine = builder.layout(layout).proof(Proof::Full).build().unwrap();
        let cleaned = engine.strip(Source::from_bytes(bytes.clone()).with_name("a.docx")).unwrap();
        prop_assert_eq!(cleaned.report().outcome, Outcome::Stripped);
        let mut output = Vec::new();
        cleaned.payload().unwrap().write_to(&mut output).unwrap();
        prop_assert!(compact || output.len() == bytes.len());
        let kept: Vec<String> = pairs.iter().zip(&pick).filter(|(_, pick)| !**pick).map(|((key, _), _)| format!("custom:{key}")).collect();
        prop_assert_eq!(addresses(&output), kept);
    }

    #[test]
    fn damaged_packages_do_not_panic(damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..6)) {
        let mut bytes = package(&[("docProps/custom.xml", &properties(&[("id", "8888")]))]);
        let len = bytes.len();
        for (at, byte) in damage {
            bytes[usize::from(at) % len] = byte;
        }
        let engine = Engine::builder().label("id").build().unwrap();
        if let Err(error) = engine.strip(Source::from_bytes(bytes).with_name("a.docx")) {
            prop_assert!(error.kind() != ErrorKind::Unverified, "{}", error);
        }
    }
}

#[test]
fn copies_that_people_read_are_reported_and_stay() {
    let header = "<w:hdr xmlns:w='w'><w:t>Strictly internal</w:t></w:hdr>";
    let bytes = package(&[
        ("docProps/custom.xml", &properties(&[("Marking", "Strictly internal"), ("Draft", "true")])),
        ("word/header1.xml", header),
        ("word/footer1.xml", "<w:ftr xmlns:w='w'><w:t>true Marking</w:t></w:ftr>"),
    ]);
    let cleaned = |proof| {
        let engine = Engine::builder().all(true).proof(proof).build().unwrap();
        engine.strip(Source::from_bytes(bytes.clone())).unwrap().report().clone()
    };
    let report = cleaned(Proof::Structural);
    assert_eq!(report.outcome, Outcome::Stripped);
    let copies: Vec<(&str, &str)> = report.copies.iter().map(|copy| (&*copy.what, &*copy.place)).collect();
    assert_eq!(copies, [("custom:Marking", "word/header1.xml")], "short values and keys are words of any text");
    assert_eq!(cleaned(Proof::Full).copies.len(), 3);
}
