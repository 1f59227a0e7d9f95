//! Pages built by hand, stripped through the engine, which verifies every result.

use crate::error::ErrorKind;
use crate::formats::xml::tests::{addresses, both, sites, strip};
use crate::formats::{Format, detect};
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

const PAGE: &str = "<!DOCTYPE html>\r\n<HTML xmlns:o=\"urn:schemas-microsoft-com:office:office\">\r\n<head>\r\n\
    <meta http-equiv=Content-Type content=\"text/html; charset=utf-8\">\r\n<META NAME=id CONTENT=8888>\r\n  \
    <meta name='author' content='some person'><meta property=\"acme:level\" content=\"top &amp; secret\"/>\r\n\
    <title>about &uuml;</title>\r\n<!--[if gte mso 9]><xml>\r\n <o:DocumentProperties>\r\n  <o:Author>some person</o:Author>\r\n \
    </o:DocumentProperties>\r\n <o:CustomDocumentProperties>\r\n  <o:My_x0020_Key dt:dt=\"string\">words &lt;of&gt; it</o:My_x0020_Key>\r\n \
    </o:CustomDocumentProperties>\r\n</xml><![endif]-->\r\n<script>var x = '<meta name=no content=no>';</script>\r\n\
    </head>\r\n<body><p>text<meta itemprop=\"grade one\" content=\"seven of nine\">more</p></body></html>\r\n";

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn every_place_of_a_label_is_found() {
    let found = sites(PAGE.as_bytes(), "html");
    let told: Vec<_> = found.iter().map(|it| (&*it.address, it.value.as_deref().unwrap(), it.kind)).collect();
    assert_eq!(
        told,
        [
            ("http-equiv:Content-Type", "text/html; charset=utf-8", Kind::Standard),
            ("meta:id", "8888", Kind::Custom),
            ("meta:author", "some person", Kind::Standard),
            ("meta:acme:level", "top & secret", Kind::Custom),
            ("html:title", "about \u{fc}", Kind::Standard),
            ("office:Author", "some person", Kind::Standard),
            ("custom:My Key", "words <of> it", Kind::Custom),
            ("meta:grade one", "seven of nine", Kind::Custom),
        ]
    );
    assert_eq!(found[3].raw_value.as_deref(), Some("top &amp; secret"));
}

#[test]
fn labels_go_from_every_place() {
    for label in ["id=8888", "acme:level", "my key", "grade one", "html:title", "meta:author", "office:Author"] {
        both(PAGE.as_bytes(), "html", &[label]);
    }
    let [kept, cut] = both(PAGE.as_bytes(), "html", &["id", "grade one", "my key"]);
    assert!(text(&kept).contains("text<!--") && text(&kept).contains("-->more"), "no space comes into the text");
    assert!(text(&cut).contains("<p>textmore</p>") && text(&cut).contains("utf-8\">\r\n  <meta name='author'"));
}

#[test]
fn the_charset_stays() {
    let (report, _) = strip(PAGE.as_bytes(), &["http-equiv:content-type"], Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Refused);
    assert!(report.reason.unwrap().starts_with(ErrorKind::Unsupported.name()));
}

#[test]
fn text_is_read_in_the_charset_of_the_page() {
    let page = |charset: &str, value: &[u8]| {
        [format!("<html><meta charset={charset}><meta name=level content='").as_bytes(), value, b"'>text"].concat()
    };
    for (charset, value, want) in [
        ("gb2312", &b"\xbe\xf8\xc3\xdc"[..], "\u{7edd}\u{5bc6}"),
        ("Shift_JIS", b"\x8b\x40\x96\xa7", "\u{6a5f}\u{5bc6}"),
        ("windows-1252", b"gr\xfcn", "gr\u{fc}n"),
        ("utf-8", "gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
        ("utf-16", "gr\u{fc}n".as_bytes(), "gr\u{fc}n"),
        ("none-such", b"gr\xfcn", "gr\u{fc}n"),
    ] {
        let bytes = page(charset, value);
        assert_eq!(sites(&bytes, "html")[0].value.as_deref(), Some(want), "{charset}");
        both(&bytes, "html", &[&format!("level={want}")]);
    }
    let broken = [&page("utf-8", "gr\u{fc}n".as_bytes())[..], b"\xff\xfe\xe4 text"].concat();
    assert_eq!(sites(&broken, "html")[0].value.as_deref(), Some("gr\u{fc}n"), "a stray byte spoils nothing else");
    both(&broken, "html", &["level"]);
    let wide: Vec<u8> = format!("\u{feff}{PAGE}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    both(&wide, "html", &["id", "grade one"]);
}

#[test]
fn broken_pages_are_read_like_others() {
    let page = b"<html><body <p>< <meta name=id name=other content=8888 content=no><title>not closed <meta name=a content=b></html";
    assert_eq!(addresses(page, "html"), ["meta:id"]);
    both(page, "html", &["id=8888"]);
}

#[test]
fn statements_in_a_page_are_labels() {
    let page =
        b"<html><head></head><body><svg xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><metadata><rdf:RDF>\
        <rdf:Description xmlns:z='urn:z' z:id='8888' z:b='c'/></rdf:RDF></metadata></svg></body></html>";
    assert_eq!(addresses(page, "html"), ["xmp:z:id", "xmp:z:b"]);
    both(page, "html", &["id"]);
}

#[test]
fn copies_in_comments_go_and_in_json_are_reported() {
    let page = b"<html><!-- <meta name=project content='falcon nine heavy'> --><meta name=project content='falcon nine heavy'></html>";
    let [kept, _] = both(page, "html", &["project"]);
    assert!(!text(&kept).contains("falcon"));
    let page = b"<html><meta name=project content='falcon nine heavy'><script type='application/ld+json'>{\"a\": \"falcon nine heavy\"}</script>";
    let (report, _) = strip(page, &["project"], Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Partial);
}

#[test]
fn text_is_no_page_without_evidence() {
    let name = |bytes: &[u8], extension| detect(bytes, extension).map(Format::name);
    assert_eq!(name(b"a <b>bold</b> text", None), None);
    assert_eq!(name(b"<p>a piece</p>", None), None);
    assert_eq!(name(b"<p>a piece</p>", Some("htm")), Some("html"));
    assert_eq!(name(b" \n<!-- a --><html lang=en>", None), Some("html"));
    assert_eq!(name(b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'a' 'b'><html/>", Some("xml")), Some("html"));
    assert_eq!(name(b"<?xml version='1.0'?><a/>", None), Some("xml"));
    assert_eq!(name(b"\x89PNG\r\n\x1a\n", Some("html")), Some("png"));
}

#[test]
fn what_stays_is_not_read_in_another_charset() {
    let page = |other: &str| {
        [&b"<html><meta name=id content='gr\xfcn'><meta name=other content='"[..], other.as_bytes(), b"'>"].concat()
    };
    let (report, after) = strip(&page("gr\u{fc}n"), &["id"], Layout::Preserve);
    assert_eq!((report.outcome, &after[..]), (Outcome::Refused, &b""[..]));
    assert!(report.reason.unwrap().contains("charset"));
    both(&page("plain"), "html", &["id"]);
}
