//! Documents built by hand, stripped through the engine, which verifies every result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::engine::{Engine, list};
use crate::error::ErrorKind;
use crate::inside::Inside;
use crate::inside::tests::picture;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Kind, Site};

/// Strips `labels`, with the full proof and whatever stands inside.
pub(in crate::formats) fn strip(bytes: &[u8], labels: &[&str], layout: Layout) -> (Report, Vec<u8>) {
    let mut engine = Engine::builder().layout(layout).proof(Proof::Full).inside(Inside::Strip);
    for label in labels {
        engine = engine.label(*label);
    }
    let cleaned = engine.build().unwrap().strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

pub(in crate::formats) fn sites(bytes: &[u8], format: &str) -> Vec<Site> {
    let listing = list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap();
    assert_eq!(listing.format, format);
    listing.findings.sites
}

pub(in crate::formats) fn addresses(bytes: &[u8], format: &str) -> Vec<String> {
    sites(bytes, format).into_iter().map(|site| site.address).collect()
}

/// Strips `labels` in both layouts: the result must hold the other sites, keep its length where it should, and be
/// clean for a second strip. Returns both outputs.
pub(in crate::formats) fn both(bytes: &[u8], format: &str, labels: &[&str]) -> [Vec<u8>; 2] {
    [Layout::Preserve, Layout::Compact].map(|layout| {
        let (report, output) = strip(bytes, labels, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
        assert!(addresses(&output, format).len() < addresses(bytes, format).len());
        assert_eq!(strip(&output, labels, layout).0.outcome, Outcome::Clean);
        output
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

const WORD_2003: &str = "<?xml version=\"1.0\"?>\r\n<?mso-application progid=\"Word.Document\"?>\r\n\
    <w:wordDocument xmlns:w=\"http://schemas.microsoft.com/office/word/2003/wordml\" \
    xmlns:o=\"urn:schemas-microsoft-com:office:office\" xmlns:dt=\"uuid:C2F41010-65B3-11d1-A29F-00AA00C14882\">\r\n\
    <o:DocumentProperties><o:Title>a title</o:Title><o:Company/></o:DocumentProperties>\r\n\
    <o:CustomDocumentProperties>\r\n  <o:id dt:dt=\"string\">8888</o:id>\r\n\
    \x20 <o:My_x0020_Key dt:dt=\"string\">secret &amp; more</o:My_x0020_Key>\r\n</o:CustomDocumentProperties>\r\n\
    <w:docPr><w:docVars><w:docVar w:name=\"var one\" w:val=\"some words\"/></w:docVars></w:docPr>\r\n\
    <w:body><w:p>text</w:p></w:body></w:wordDocument>";

#[test]
fn properties_of_single_file_documents_go() {
    let bytes = WORD_2003.as_bytes();
    let found = sites(bytes, "xml");
    let told: Vec<_> = found.iter().map(|it| (&*it.address, it.value.as_deref(), it.kind)).collect();
    assert_eq!(
        told,
        [
            ("office:Title", Some("a title"), Kind::Standard),
            ("custom:id", Some("8888"), Kind::Custom),
            ("custom:My Key", Some("secret & more"), Kind::Custom),
            ("docvar:var one", Some("some words"), Kind::Custom),
        ]
    );
    let [kept, cut] = both(bytes, "xml", &["my key"]);
    assert!(text(&kept).contains(">8888</o:id>\r\n  ") && text(&kept).contains(" \r\n</o:Custom"));
    assert!(text(&cut).contains(">8888</o:id>\r\n</o:Custom"), "the line goes");
    both(bytes, "xml", &["id=8888"]);
    both(bytes, "xml", &["var one", "office:Title", "id"]);
}

#[test]
fn other_encodings_are_stripped_in_their_own_blanks() {
    let wide: Vec<u8> = format!("\u{feff}{WORD_2003}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let [kept, _] = both(&wide, "xml", &["my key"]);
    assert_eq!(addresses(&kept, "xml"), ["office:Title", "custom:id", "docvar:var one"]);
    let mut chinese = b"<?xml version='1.0' encoding='gb2312'?><a><metadata><p name='\xc3\xdc\xbc\xb6'>\xbe\xf8\xc3\xdc</p><p name='b'>c</p></metadata></a>".to_vec();
    assert_eq!(sites(&chinese, "xml")[0].value.as_deref(), Some("\u{7edd}\u{5bc6}"));
    chinese = both(&chinese, "xml", &["\u{5bc6}\u{7ea7}"])[0].clone();
    assert_eq!(addresses(&chinese, "xml"), ["metadata:b"]);
}

#[test]
fn parts_of_flat_packages_are_read_as_of_others() {
    let part = |name: &str, kind: &str, xml: &str| {
        format!("<pkg:part pkg:name=\"{name}\" pkg:contentType=\"{kind}\"><pkg:xmlData>{xml}</pkg:xmlData></pkg:part>")
    };
    let custom = part(
        "/docProps/custom.xml",
        "application/vnd.openxmlformats-officedocument.custom-properties+xml",
        "<Properties xmlns=\"x\" xmlns:vt=\"y\"><property pid=\"2\" name=\"id\"><vt:lpwstr>8888</vt:lpwstr></property>\
         <property pid=\"3\" name=\"other\"><vt:i4>7</vt:i4></property></Properties>",
    );
    let settings = part(
        "/word/settings.xml",
        "",
        "<w:settings xmlns:w=\"z\"><w:docVars><w:docVar w:name=\"one\" w:val=\"words of it\"/></w:docVars></w:settings>",
    );
    let picture =
        "<pkg:part pkg:name=\"/word/media/image1.bin\"><pkg:binaryData>AAAA\nBBBB</pkg:binaryData></pkg:part>";
    let package = |more: &str| {
        format!(
            "<?xml version=\"1.0\"?><pkg:package xmlns:pkg=\"http://schemas.microsoft.com/office/2006/xmlPackage\">{custom}{settings}{picture}{more}</pkg:package>"
        )
    };
    let bytes = package("").into_bytes();
    assert_eq!(addresses(&bytes, "xml"), ["custom:id", "custom:other", "docvar:one"]);
    assert_eq!(sites(&bytes, "xml")[0].place, "docProps/custom.xml");
    let [kept, _] = both(&bytes, "xml", &["id", "one"]);
    assert_eq!(addresses(&kept, "xml"), ["custom:other"]);
    assert!(!text(&kept).contains("docVars"), "an empty list goes with its last variable");
    let signed = package(&part(
        "/_xmlsignatures/sig1.xml",
        "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml",
        "<a/>",
    ));
    let (report, _) = strip(signed.as_bytes(), &["id"], Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.reason.unwrap().starts_with(ErrorKind::Signed.name()));
}

#[test]
fn statements_below_the_root_are_labels_and_a_file_of_them_is_none() {
    let rdf = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' \
        xmlns:z='urn:z'>\n <z:id>8888</z:id>\n <z:other>x</z:other></rdf:Description></rdf:RDF>";
    assert!(addresses(format!("<?xml version='1.0'?>{rdf}").as_bytes(), "xml").is_empty());
    let bytes = format!("<?xml version='1.0'?><a>{rdf}<b/></a>").into_bytes();
    let [kept, cut] = both(&bytes, "xml", &["id"]);
    assert_eq!(addresses(&kept, "xml"), ["xmp:z:other"]);
    assert!(text(&cut).contains("xmlns:z='urn:z'>\n <z:other>"));
}

#[test]
fn an_absent_label_changes_nothing_and_damage_is_refused() {
    let (report, output) = strip(WORD_2003.as_bytes(), &["nothing"], Layout::Preserve);
    assert_eq!((report.outcome, output == WORD_2003.as_bytes()), (Outcome::Clean, true));
    let engine = Engine::builder().label("a").build().unwrap();
    let error = engine.strip(Source::from_bytes(b"<?xml version='1.0'?><a><b></a>".to_vec())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
}

#[test]
fn entities_are_resolved_or_reported() {
    let document =
        |subset: &str, body: &str| format!("<?xml version='1.0'?><!DOCTYPE a [{subset}]><a>{body}</a>").into_bytes();
    let named = document("<!ENTITY k 'secret key'>", "<metadata><p name='&k;'>v</p><p name='b'>&k;</p></metadata>");
    assert_eq!(sites(&named, "xml")[0].key, "secret key");
    assert_eq!(sites(&named, "xml")[1].value.as_deref(), Some("secret key"));
    let (report, _) = strip(&named, &["secret key"], Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Partial, "the declaration still says it");
    let hidden = document("<!ENTITY m \"<metadata><p name='k'>v</p></metadata>\">", "&m;");
    assert_eq!(strip(&hidden, &["k"], Layout::Preserve).0.outcome, Outcome::Refused);
    let drawn = document("<!ENTITY m '<rect/>'>", "&m;<metadata><p name='key'>v</p></metadata>");
    both(&drawn, "xml", &["key"]);
    let bomb = "&a;".repeat(100_000);
    let bomb = document(&format!("<!ENTITY a '{}'>", "x".repeat(1000)), &bomb);
    let engine = Engine::builder().label("a").build().unwrap();
    assert_eq!(engine.strip(Source::from_bytes(bomb)).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn old_copies_in_comments_go_too() {
    let bytes = b"<?xml version='1.0'?><a><!-- was: <meta name='project' content='secret words'/> --><meta name='project' content='secret words'/></a>";
    let [kept, _] = both(bytes, "xml", &["project"]);
    assert!(!text(&kept).contains("secret") && text(&kept).contains("<!-- was: "));
}

#[test]
fn pictures_of_flat_documents_are_files_inside() {
    let picture = STANDARD.encode(picture(&[("inside", "a word")]));
    let (start, end) = picture.split_at(40);
    let word = WORD_2003.replace(
        "text</w:p>",
        &format!("<w:pict><w:binData w:name=\"wordml://0001.png\">\r\n{start}\r\n{end}</w:binData></w:pict></w:p>"),
    );
    let flat = format!(
        "<?xml version='1.0'?><office:document xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'>\
         <office:body><office:binary-data>\n  {start}\n  {end}\n</office:binary-data></office:body></office:document>"
    );
    for (bytes, place) in [(word, "0001.png"), (flat, "binary data 1")] {
        let (report, output) = strip(bytes.as_bytes(), &["inside"], Layout::Preserve);
        assert_eq!((report.outcome, output.len()), (Outcome::Stripped, bytes.len()), "{:?}", report.reason);
        let told = format!("{report:?}");
        assert!(told.contains(place), "{told}");
        assert_eq!(strip(&output, &["inside"], Layout::Preserve).0.outcome, Outcome::Clean);
    }
}
