//! Books built by hand, stripped through the engine, which verifies every result.

use crate::containers::zip::Archive;
use crate::containers::zip::tests::{Member, Writer};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::formats::{Format, detect};
use crate::inside::Inside;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Findings, Kind, Scope, Site};

use super::Epub;

const CONTAINER: &str = "<container xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><rootfiles>\
    <rootfile full-path=\"EPUB/book.opf\" media-type=\"application/oebps-package+xml\"/>\
    <rootfile full-path=\"other.xml\" media-type=\"application/oebps-package+xml\"/>\
    <rootfile full-path=\"book.pdf\" media-type=\"application/pdf\"/></rootfiles></container>";

const REQUIRED: &str = "<dc:identifier id=\"uid\">urn:uuid:1</dc:identifier><dc:title>Plan</dc:title>\
    <dc:language>en</dc:language><meta property=\"dcterms:modified\">2022-09-06T00:00:00Z</meta>";

fn opf(metadata: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?>\n<package xmlns=\"http://www.idpf.org/2007/opf\" version=\"3.0\" unique-identifier=\"uid\" \
         prefix=\"acme: http://acme.example/#\">\n  <metadata xmlns:dc=\"http://purl.org/dc/elements/1.1/\">\n    \
         {REQUIRED}{metadata}\n  </metadata>\n  <manifest><item id=\"c\" href=\"c.xhtml\" \
         media-type=\"application/xhtml+xml\"/></manifest>\n  <spine><itemref idref=\"c\"/></spine>\n</package>"
    )
}

/// A book of these members: the media type first and plain.
fn book(members: &[(&str, &str)]) -> Vec<u8> {
    let mut kind = Member::new("mimetype", b"application/epub+zip");
    kind.stored = true;
    let container = [("META-INF/container.xml", CONTAINER)];
    let others = container.iter().chain(members).map(|(name, text)| Member::new(name, text.as_bytes()));
    Writer { members: std::iter::once(kind).chain(others).collect(), ..Writer::default() }.write()
}

fn survey(bytes: &[u8]) -> Findings {
    assert_eq!(detect(bytes, None).unwrap().name(), "epub");
    Epub.survey(bytes, &Limits::default()).unwrap().findings().clone()
}

/// The sites besides what EPUB requires.
fn sites(bytes: &[u8]) -> Vec<Site> {
    let mut sites = survey(bytes).sites;
    sites.retain(|site| site.barrier.as_ref().is_none_or(|barrier| barrier.kind != ErrorKind::Conflict));
    sites
}

fn addresses(bytes: &[u8]) -> Vec<String> {
    sites(bytes).into_iter().map(|site| site.address).collect()
}

fn engine(labels: &[&str], layout: Layout, keep: &[&str]) -> Engine {
    let mut builder = Engine::builder().layout(layout).proof(Proof::Full).inside(Inside::Strip);
    for label in labels {
        builder = builder.label(*label);
    }
    for label in keep {
        builder = builder.keep(*label);
    }
    builder.build().unwrap()
}

fn run(engine: &Engine, bytes: &[u8]) -> (Report, Vec<u8>) {
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    run(&engine(&[label], layout, &[]), bytes)
}

/// Strips in both layouts: gone, all other members the same, a second time nothing. Returns the addresses that stay.
fn stripped(bytes: &[u8], label: &str, edited: &[&str]) -> Vec<String> {
    let limits = Limits::default();
    let mut after = Vec::new();
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, output) = strip(bytes, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len() == bytes.len(), layout == Layout::Preserve);
        let (old, new) = (Archive::parse(bytes, &limits).unwrap(), Archive::parse(&output, &limits).unwrap());
        assert_eq!(bytes[..58], output[..58], "the media type stays as it is");
        for index in 0..old.entries().len() {
            let name = std::str::from_utf8(old.name(index)).unwrap();
            let is_same = old.read(index, &limits).unwrap() == new.read(index, &limits).unwrap();
            assert_eq!(is_same, !edited.contains(&name), "{name}");
        }
        assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        after = addresses(&output);
    }
    after
}

#[test]
fn elements_of_every_package_document_go() {
    let both = "<meta property=\"acme:level\">8888</meta>\n    <meta name=\"id\" content=\"a &amp; b\"/>\
        <dc:subject>secret</dc:subject><meta name=\"cover\" content=\"c\"/>";
    let old = "<package version=\"2.0\"><metadata><dc-metadata xmlns:dc=\"http://purl.org/dc/elements/1.0/\"><dc:Title>x\
        </dc:Title><dc:Creator>y</dc:Creator></dc-metadata><x-metadata><meta name=\"id\" content=\"a &amp; b\"/></x-metadata>\
        </metadata></package>";
    let several =
        "<metadata xmlns=\"http://www.idpf.org/2013/metadata\"><meta property=\"id\">a &amp; b</meta></metadata>";
    let members = [
        ("EPUB/book.opf", &*opf(both)),
        ("other.xml", old),
        ("META-INF/metadata.xml", several),
        ("c.xhtml", "<html/>"),
    ];
    let bytes = book(&members);
    let expected =
        ["opf:acme:level", "opf:id", "dc:subject", "opf:cover", "dc:creator", "opf:id", "opf:id"].map(str::to_owned);
    assert_eq!(addresses(&bytes), expected);
    let kinds: Vec<Kind> = sites(&bytes).iter().map(|site| site.kind).collect();
    assert_eq!(kinds[..4], [Kind::Custom, Kind::Custom, Kind::Standard, Kind::Bookkeeping]);
    assert_eq!(sites(&bytes)[1].value.as_deref(), Some("a & b"));

    let rest = stripped(&bytes, "id=a & b", &["EPUB/book.opf", "other.xml", "META-INF/metadata.xml"]);
    assert_eq!(rest, ["opf:acme:level", "dc:subject", "opf:cover", "dc:creator"]);
    assert_eq!(stripped(&bytes, "acme:level", &["EPUB/book.opf"]).len(), 6);
    assert_eq!(stripped(&bytes, "dc:creator", &["other.xml"]).len(), 6);
    assert_eq!(strip(&bytes, "subject", Layout::Preserve).0.outcome, Outcome::Clean, "a field is meant by its address");
}

#[test]
fn all_labels_leave_what_readers_go_by() {
    let metadata = "<meta property=\"rendition:layout\">pre-paginated</meta><meta name=\"cover\" content=\"c\"/>\
        <meta property=\"id\">secret</meta><link rel=\"acme:policy\" href=\"http://acme.example\"/>\
        <meta property=\"role\">aut</meta>";
    let bytes = book(&[("EPUB/book.opf", &opf(metadata))]);
    let all = Engine::builder().all(true).build().unwrap();
    let (report, output) = run(&all, &bytes);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
    assert_eq!(addresses(&output), ["opf:rendition:layout", "opf:cover", "opf:role"]);
}

#[test]
fn what_epub_requires_stays() {
    let bytes = book(&[("EPUB/book.opf", &opf("<dc:title>Second</dc:title><dc:identifier>2</dc:identifier>"))]);
    assert_eq!(addresses(&bytes), ["dc:title", "dc:identifier"]);
    for label in ["dc:language", "opf:dcterms:modified"] {
        let (report, output) = strip(&bytes, label, Layout::Preserve);
        assert_eq!((report.outcome, output.len()), (Outcome::Refused, 0), "{label}");
    }
    let (report, _) = strip(&bytes, "dc:title", Layout::Preserve);
    assert_eq!((report.outcome, report.left.len()), (Outcome::Partial, 1));
    let (report, output) = strip(&bytes, "dc:title=Second", Layout::Compact);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
    assert_eq!(addresses(&output), ["dc:identifier"]);
}

#[test]
fn what_says_more_of_a_removed_element_goes_with_it() {
    let metadata = "<dc:creator id=\"c1\">A. Secret</dc:creator><meta refines=\"#c1\" property=\"role\" id=\"r\">aut</meta>\
        <meta refines=\"#r\" property=\"acme:of\">x1</meta><dc:creator id=\"c2\">Other</dc:creator>\
        <meta property=\"file-as\" refines=\"#c2\">Other, O.</meta><meta refines=\"c.xhtml\" property=\"acme:part\">y</meta>";
    let bytes = book(&[("EPUB/book.opf", &opf(metadata))]);
    for layout in [Layout::Preserve, Layout::Compact] {
        let (report, output) = strip(&bytes, "dc:creator=A. Secret", layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
        assert_eq!(report.followed, ["opf:role at EPUB/book.opf", "opf:acme:of at EPUB/book.opf"]);
        assert_eq!(addresses(&output), ["dc:creator", "opf:file-as", "opf:acme:part"]);
    }
    let (report, output) = strip(&bytes, "opf:role", Layout::Preserve);
    assert_eq!(report.followed, ["opf:acme:of at EPUB/book.opf"]);
    assert_eq!(addresses(&output).len(), 4);

    let keeping = engine(&["dc:creator"], Layout::Preserve, &["acme:of"]);
    let (report, _) = run(&keeping, &bytes);
    assert_eq!(report.outcome, Outcome::Partial);
    assert_eq!(report.left.len(), 1, "{:?}", report.left);
    assert!(report.left[0].reason.contains("says more of it"));
    assert_eq!(report.followed, ["opf:file-as at EPUB/book.opf"]);
    let loops =
        "<meta id=\"a\" refines=\"#b\" property=\"x\">1</meta><meta id=\"b\" refines=\"#a\" property=\"y\">2</meta>";
    let bytes = book(&[("EPUB/book.opf", &opf(loops))]);
    assert_eq!(stripped(&bytes, "x", &["EPUB/book.opf"]), [""; 0]);
}

#[test]
fn columns_of_calibre_answer_to_their_names() {
    let second = "<meta name=\"calibre:user_metadata:#level\" content=\"{&quot;#value#&quot;: &quot;secret&quot;, \
        &quot;name&quot;: &quot;Level&quot;}\"/><meta name=\"calibre:timestamp\" content=\"2020\"/>";
    let third = "<meta property=\"calibre:user_metadata\">{\"#level\": {\"#value#\": \"secret\"}}</meta>";
    for metadata in [second, third] {
        let bytes = book(&[("EPUB/book.opf", &opf(metadata))]);
        assert_eq!(sites(&bytes)[0].value.as_deref(), Some("secret"));
        assert_eq!(sites(&bytes)[0].kind, Kind::Custom);
        for label in ["level", "#level=secret"] {
            assert!(stripped(&bytes, label, &["EPUB/book.opf"]).len() < 2);
        }
    }
}

#[test]
fn an_ncx_and_display_options_are_read() {
    let ncx = "<?xml version=\"1.0\"?><!DOCTYPE ncx PUBLIC \"-//NISO//DTD ncx 2005-1//EN\" \
        \"http://www.daisy.org/z3986/2005/ncx-2005-1.dtd\"><ncx><head><meta name=\"dtb:uid\" content=\"urn:uuid:1\"/>\
        <meta name=\"dtb:depth\" content=\"1\"/><meta name=\"id\" content=\"secret\"/></head><docTitle><text>Plan</text>\
        </docTitle></ncx>";
    let options = "<display_options><platform name=\"*\"><option name=\"specified-fonts\">true</option></platform>\
        </display_options>";
    let name = "META-INF/com.apple.ibooks.display-options.xml";
    let bytes = book(&[("EPUB/book.opf", &opf("")), ("EPUB/toc.ncx", ncx), (name, options)]);
    assert_eq!(addresses(&bytes), ["ncx:dtb:depth", "ncx:id", "ibooks:specified-fonts"]);
    assert_eq!(stripped(&bytes, "id", &["EPUB/toc.ncx"]), ["ncx:dtb:depth", "ibooks:specified-fonts"]);
    assert_eq!(strip(&bytes, "ncx:dtb:uid", Layout::Preserve).0.outcome, Outcome::Refused);
}

fn encryption(entries: &[(&str, &str)]) -> String {
    let entry = |(path, algorithm): &(&str, &str)| {
        format!(
            "<enc:EncryptedData><enc:EncryptionMethod Algorithm=\"{algorithm}\"/><ds:KeyInfo><enc:EncryptedKey>\
             <enc:EncryptionMethod Algorithm=\"http://www.idpf.org/2008/embedding\"/></enc:EncryptedKey></ds:KeyInfo>\
             <enc:CipherData><enc:CipherReference URI=\"{path}\"/></enc:CipherData></enc:EncryptedData>"
        )
    };
    let entries: String = entries.iter().map(entry).collect();
    format!("<encryption xmlns:enc=\"http://www.w3.org/2001/04/xmlenc#\" xmlns:ds=\"urn:ds\">{entries}</encryption>")
}

#[test]
fn obfuscated_fonts_hold_every_identifier_and_encrypted_members_hide() {
    let metadata = "<dc:identifier>urn:uuid:2</dc:identifier><meta property=\"id\">secret</meta>";
    let fonts = encryption(&[("EPUB/f.otf", "http://www.idpf.org/2008/embedding")]);
    let opf = opf(metadata);
    let members = [("EPUB/book.opf", &*opf), ("META-INF/encryption.xml", &fonts), ("EPUB/f.otf", "\u{1}\u{2}font")];
    let bytes = book(&members);
    assert_eq!(addresses(&bytes), ["opf:id"]);
    assert_eq!(survey(&bytes).guards, []);
    assert_eq!(stripped(&bytes, "id", &["EPUB/book.opf"]), [""; 0]);
    assert_eq!(strip(&bytes, "dc:identifier", Layout::Preserve).0.outcome, Outcome::Refused);

    let aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc";
    let pictures = encryption(&[("EPUB/p.jpg", aes)]);
    let members =
        [("EPUB/book.opf", &*opf), ("META-INF/encryption.xml", &pictures), ("EPUB/p.jpg", "\u{1}\u{2}picture")];
    let (report, _) = strip(&book(&members), "id", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Partial, "a picture may hold it");
    assert!(report.reason.unwrap().contains("EPUB/p.jpg"));
    let reporting = Engine::builder().label("id").build().unwrap();
    assert_eq!(run(&reporting, &book(&members)).0.outcome, Outcome::Stripped);

    let package = encryption(&[("EPUB/book.opf", aes)]);
    let bytes = book(&[("EPUB/book.opf", &opf), ("META-INF/encryption.xml", &package)]);
    let guard = survey(&bytes).guards.remove(0);
    assert_eq!((guard.scope, guard.barrier.kind), (Scope::Hidden, ErrorKind::Encrypted));
    assert_eq!(strip(&bytes, "id", Layout::Preserve).0.outcome, Outcome::Refused);
    let broken = book(&[("EPUB/book.opf", &opf), ("META-INF/encryption.xml", "<broken")]);
    assert_eq!(strip(&broken, "id", Layout::Preserve).0.outcome, Outcome::Partial);
}

#[test]
fn signatures_hold_the_members_that_they_list() {
    let signature = "<signatures xmlns=\"urn:oasis:names:tc:opendocument:xmlns:container\"><Signature><SignedInfo>\
        <Reference URI=\"#Manifest1\"/></SignedInfo><Object><Manifest Id=\"Manifest1\"><Reference URI=\"EPUB/book.opf\"/>\
        </Manifest></Object></Signature></signatures>";
    let label = "<meta property=\"id\">secret</meta>";
    let several = format!("<metadata>{label}</metadata>");
    let members =
        [("EPUB/book.opf", &*opf(label)), ("META-INF/metadata.xml", &several), ("META-INF/signatures.xml", signature)];
    let barriers: Vec<_> = sites(&book(&members)).into_iter().map(|site| site.barrier.map(|it| it.kind)).collect();
    assert_eq!(barriers.iter().flatten().collect::<Vec<_>>(), [&ErrorKind::Signed]);
    assert_eq!(strip(&book(&members), "id", Layout::Preserve).0.outcome, Outcome::Partial);
    let empty = [("EPUB/book.opf", &*opf(label)), ("META-INF/signatures.xml", "<signatures/>")];
    assert_eq!(strip(&book(&empty), "id", Layout::Preserve).0.outcome, Outcome::Stripped);
}

#[test]
fn books_are_told_from_other_archives() {
    let zipped = |first: &str| {
        let names = [first, "META-INF/container.xml", "content.opf"];
        let text = opf("");
        Writer { members: names.map(|name| Member::new(name, text.as_bytes())).to_vec(), ..Writer::default() }.write()
    };
    assert_eq!(detect(&zipped("a"), None).unwrap().name(), "epub", "without a media type");
    let jar = Writer { members: vec![Member::new("META-INF/container.xml", b"x")], ..Writer::default() }.write();
    assert_eq!(detect(&jar, None).unwrap().name(), "zip");
}
