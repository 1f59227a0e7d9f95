//! Documents built by hand, stripped through the engine, which verifies every result.

use crate::containers::zip::Archive;
use crate::containers::zip::tests::{Member, Writer};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Findings, Kind, Scope};

use super::Odf;

const NAMESPACES: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
    xmlns:meta=\"urn:oasis:names:tc:opendocument:xmlns:meta:1.0\" \
    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

fn meta(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><office:document-meta {NAMESPACES}><office:meta>{inside}</office:meta></office:document-meta>"
    )
}

fn content(declarations: &str, text: &str) -> String {
    format!(
        "<office:document-content {NAMESPACES}><office:body><office:text>{declarations}<text:p>{text}</text:p>\
         </office:text></office:body></office:document-content>"
    )
}

fn manifest(entries: &str) -> String {
    format!(
        "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">{entries}</manifest:manifest>"
    )
}

/// A document of these members, written as office programs do: the media type first and plain, data descriptors after
/// the others.
fn document(members: &[(&str, &str)]) -> Vec<u8> {
    let mut kind = Member::new("mimetype", b"application/vnd.oasis.opendocument.text");
    kind.stored = true;
    let described = members.iter().map(|(name, text)| {
        let mut member = Member::new(name, text.as_bytes());
        member.descriptor = 16;
        member
    });
    Writer { members: std::iter::once(kind).chain(described).collect(), ..Writer::default() }.write()
}

fn survey(bytes: &[u8]) -> Findings {
    assert!(Odf.sniff(bytes));
    Odf.survey(bytes, &Limits::default()).unwrap().findings().clone()
}

fn addresses(bytes: &[u8]) -> Vec<String> {
    survey(bytes).sites.into_iter().map(|site| site.address).collect()
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label(label).layout(layout).proof(Proof::Full).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// Strips in both layouts: gone, all other members the same, a second time nothing. Returns the addresses that stay.
fn stripped(bytes: &[u8], label: &str, edited: &[&str]) -> Vec<String> {
    let limits = Limits::default();
    let mut after = Vec::new();
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, output) = strip(bytes, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
        if bytes.starts_with(b"PK") {
            let (old, new) = (Archive::parse(bytes, &limits).unwrap(), Archive::parse(&output, &limits).unwrap());
            assert_eq!(bytes[..100], output[..100], "the media type stays as it is");
            for index in 0..old.entries().len() {
                let name = std::str::from_utf8(old.name(index)).unwrap();
                let is_same = old.read(index, &limits).unwrap() == new.read(index, &limits).unwrap();
                assert_eq!(is_same, !edited.contains(&name), "{name}");
            }
        }
        assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        after = addresses(&output);
    }
    after
}

const PROPERTIES: &str = "<meta:generator>Writer</meta:generator><dc:title>Plan</dc:title>\
    <meta:keyword>one</meta:keyword><meta:keyword>two</meta:keyword><meta:document-statistic meta:page-count=\"1\"/>\
    <meta:user-defined meta:name=\"id\">8888</meta:user-defined>\
    <meta:user-defined meta:name=\"id2\" meta:value-type=\"float\">12</meta:user-defined>\
    <meta:user-defined meta:name=\"urn:bails:NationalSecurity:Authorization\">a &amp; b</meta:user-defined>\
    <meta:user-defined meta:name=\"Info 1\"/>";

#[test]
fn user_defined_properties_of_every_type_go() {
    let bytes = document(&[("meta.xml", &meta(PROPERTIES)), ("content.xml", &content("", "8888 stays"))]);
    let sites = survey(&bytes).sites;
    let values: Vec<_> = sites.iter().map(|site| site.value.clone().unwrap()).collect();
    assert_eq!(values, ["Writer", "Plan", "one", "two", "8888", "12", "a & b", ""]);
    let kinds: Vec<_> = sites.iter().map(|site| site.kind).collect();
    assert_eq!(kinds[3..], [Kind::Standard, Kind::Custom, Kind::Custom, Kind::Custom, Kind::Bookkeeping]);

    let rest = stripped(&bytes, "id", &["meta.xml"]);
    assert_eq!(rest.len(), 7);
    assert!(!rest.contains(&"custom:id".to_owned()));
    assert_eq!(stripped(&bytes, "id2=12", &["meta.xml"]).len(), 7);
    assert_eq!(stripped(&bytes, "urn:bails:*", &["meta.xml"]).len(), 7);
    assert_eq!(stripped(&bytes, "meta:keyword", &["meta.xml"]).len(), 6);
    assert_eq!(strip(&bytes, "title", Layout::Preserve).0.outcome, Outcome::Clean, "a field is meant by its address");
}

#[test]
fn variables_and_documents_inside_the_document_have_labels_too() {
    let declared = "<text:user-field-decls><text:user-field-decl office:value-type=\"string\" \
        office:string-value=\"8888\" text:name=\"id\"/><text:user-field-decl text:name=\"other\" office:value=\"1\"/>\
        </text:user-field-decls>";
    let bytes = document(&[
        ("meta.xml", &meta(PROPERTIES)),
        ("content.xml", &content(declared, "text")),
        ("Object 1/meta.xml", &meta("<meta:user-defined meta:name=\"id\">8888</meta:user-defined>")),
    ]);
    assert_eq!(addresses(&bytes)[8..], ["variable:id".to_owned(), "variable:other".to_owned(), "custom:id".to_owned()]);
    let rest = stripped(&bytes, "id", &["meta.xml", "content.xml", "Object 1/meta.xml"]);
    assert_eq!(rest[7..], ["variable:other".to_owned()]);
}

#[test]
fn statements_about_the_document_are_labels_and_its_make_up_is_not() {
    let rdf = "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns:v=\"urn:vendor:\">\
        <rdf:Description rdf:about=\"\"><p:hasPart xmlns:p=\"http://docs.oasis-open.org/ns/office/1.2/meta/pkg#\" \
        rdf:resource=\"content.xml\"/><v:marking>secret words</v:marking></rdf:Description></rdf:RDF>";
    let bytes = document(&[("meta.xml", &meta("")), ("manifest.rdf", rdf)]);
    assert_eq!(addresses(&bytes), ["rdf:urn:vendor:marking"]);
    assert_eq!(stripped(&bytes, "marking", &["manifest.rdf"]), [""; 0]);
}

#[test]
fn flat_documents_are_blanked_in_place() {
    let declared = "<text:user-field-decls><text:user-field-decl text:name=\"id\" office:string-value=\"v\"/></text:user-field-decls>";
    let flat = format!(
        "<?xml version=\"1.0\"?>\n<office:document {NAMESPACES}><office:meta>{PROPERTIES}</office:meta><office:body>\
         <office:text>{declared}<text:p>8888</text:p></office:text></office:body></office:document>"
    );
    assert_eq!(addresses(flat.as_bytes()).len(), 9);
    let rest = stripped(flat.as_bytes(), "id", &[]);
    assert_eq!(rest.len(), 7);
    let (report, output) = strip(flat.as_bytes(), "id", Layout::Preserve);
    assert_eq!(report.copies.len(), 1, "the text shows the value: {:?}", report.copies);
    assert!(std::str::from_utf8(&output).unwrap().contains("<text:p>8888</text:p>"));
}

#[test]
fn old_documents_with_a_document_type_are_read() {
    let typed = "<?xml version=\"1.0\"?><!DOCTYPE office:document-meta PUBLIC \"-//OpenOffice.org//DTD OfficeDocument 1.0//EN\" \"office.dtd\">";
    let old = meta(PROPERTIES).replace("<?xml version=\"1.0\"?>", typed);
    let bytes = document(&[("meta.xml", &old), ("content.xml", "<a/>")]);
    assert_eq!(stripped(&bytes, "id", &["meta.xml"]).len(), 7);
    let declaring = old.replace("\"office.dtd\">", "\"office.dtd\" [<!ENTITY a \"b\">]>");
    let bytes = document(&[("meta.xml", &declaring), ("content.xml", "<a/>")]);
    assert_eq!(survey(&bytes).guards[0].scope, Scope::Hidden);
}

#[test]
fn signatures_hold_what_they_list_and_encryption_hides() {
    let signature = "<document-signatures><Signature><SignedInfo><Reference URI=\"content.xml\"/>\
        <Reference URI=\"Object%201/meta.xml\"/></SignedInfo></Signature></document-signatures>";
    let label = meta("<meta:user-defined meta:name=\"id\">8888</meta:user-defined>");
    let members =
        [("meta.xml", &*label), ("Object 1/meta.xml", &*label), ("META-INF/documentsignatures.xml", signature)];
    let sites = survey(&document(&members)).sites;
    assert_eq!(sites[0].barrier, None);
    assert_eq!(sites[1].barrier.as_ref().unwrap().kind, ErrorKind::Signed);
    assert_eq!(strip(&document(&members), "id", Layout::Preserve).0.outcome, Outcome::Partial);
    let unread = [("meta.xml", &*label), ("META-INF/macrosignatures.xml", "<broken")];
    assert_eq!(strip(&document(&unread), "id", Layout::Preserve).0.outcome, Outcome::Refused);
    let empty = [("meta.xml", &*label), ("META-INF/documentsignatures.xml", "<document-signatures/>")];
    assert_eq!(strip(&document(&empty), "id", Layout::Preserve).0.outcome, Outcome::Stripped);

    let entry = |path: &str| {
        manifest(&format!(
            "<manifest:file-entry manifest:full-path=\"{path}\"><manifest:encryption-data/></manifest:file-entry>"
        ))
    };
    for (path, scope) in [("meta.xml", Scope::Hidden), ("encrypted-package", Scope::File)] {
        let entry = entry(path);
        let bytes = document(&[("meta.xml", &label), ("encrypted-package", "x"), ("META-INF/manifest.xml", &entry)]);
        let guard = survey(&bytes).guards.remove(0);
        assert_eq!((guard.scope, guard.barrier.kind), (scope, ErrorKind::Encrypted));
        assert_eq!(strip(&bytes, "id", Layout::Preserve).0.outcome, Outcome::Refused);
    }
}
