use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;
use crate::plan::Plan;
use crate::survey::{KeyCase, Kind};

const HEAD: &str = concat!(
    "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\" x:xmptk=\"Toolkit\">\n",
    " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
);
const TAIL: &str = " </rdf:RDF>\n</x:xmpmeta>\n          \n<?xpacket end=\"w\"?>";

fn packet(nodes: &str) -> String {
    format!("{HEAD}{nodes}{TAIL}")
}

fn described(properties: &str) -> String {
    packet(&format!(
        concat!(
            "  <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"",
            " xmlns:pdfx=\"http://ns.adobe.com/pdfx/1.3/\" xmlns:v=\"urn:vendor\">{}</rdf:Description>\n"
        ),
        properties
    ))
}

fn parse(bytes: &[u8]) -> Packet {
    Packet::parse(bytes, &Limits::default()).unwrap()
}

fn labels(packet: &Packet) -> Vec<(String, String)> {
    let value = |site: &Site| site.value.clone().unwrap_or_else(|| "-".to_owned());
    packet.sites().iter().map(|site| (site.address.clone(), value(site))).collect()
}

fn strip(bytes: &[u8], chosen: &[usize], layout: Layout) -> Vec<u8> {
    let edits = parse(bytes).edits(chosen, layout).unwrap();
    Plan::new(edits, bytes.len() as u64).unwrap().apply(bytes).unwrap()
}

fn strip_text(text: &str, chosen: &[usize], layout: Layout) -> String {
    String::from_utf8(strip(text.as_bytes(), chosen, layout)).unwrap()
}

#[test]
fn properties_of_every_form_are_sites() {
    let text = packet(concat!(
        "<rdf:Description xmlns:q='http://purl.org/dc/elements/1.1/' xmlns:v='urn:v' q:format='a&amp;b' v:id=\"8\">\n",
        "<q:subject><rdf:Bag><rdf:li>one</rdf:li><rdf:li>two</rdf:li></rdf:Bag></q:subject>",
        "<v:link rdf:resource='urn:x'/><v:flat v:a='1' v:b='2'/><v:none/>",
        "<v:deep rdf:parseType='Resource'><v:x>1</v:x><v:y><rdf:Seq><rdf:li>2</rdf:li></rdf:Seq></v:y></v:deep>",
        "<v:text><![CDATA[<x>]]> &gt;</v:text>",
        "</rdf:Description><v:Typed xmlns:v='urn:w'><v:id>9</v:id></v:Typed>",
    ));
    let want = [
        ("xmp:dc:format", "a&b"),
        ("xmp:v:id", "8"),
        ("xmp:dc:subject", "one; two"),
        ("xmp:v:link", "urn:x"),
        ("xmp:v:flat", "1; 2"),
        ("xmp:v:none", ""),
        ("xmp:v:deep", "1; 2"),
        ("xmp:v:text", "<x> >"),
        ("xmp:v:id", "9"),
    ];
    let parsed = parse(text.as_bytes());
    assert_eq!(labels(&parsed), want.map(|(address, value)| (address.to_owned(), value.to_owned())));
    let sites = parsed.sites();
    assert_eq!(sites[0].raw_value.as_deref(), Some("a&amp;b"));
    assert_eq!((sites[0].kind, sites[1].kind, &*sites[1].key), (Kind::Standard, Kind::Custom, "id"));
    assert_eq!(text.as_bytes()[sites[1].offset as usize], b' ');
}

#[test]
fn a_prefix_does_not_make_a_namespace() {
    let text =
        packet("<rdf:Description xmlns:dc='urn:not-dc' xmlns='urn:d' dc:title='1'><id>2</id><zz:k/></rdf:Description>");
    let addresses: Vec<_> = parse(text.as_bytes()).sites().iter().map(|site| site.address.clone()).collect();
    assert_eq!(addresses, ["xmp:{urn:not-dc}:title", "xmp:{urn:d}:id", "xmp:zz:k"]);
}

#[test]
fn preserve_overwrites_and_compact_cuts() {
    let text = described("\n   <dc:source>s</dc:source>\n   <dc:format>f</dc:format>\n  ");
    let kept = strip_text(&text, &[0], Layout::Preserve);
    assert_eq!(kept, text.replace("<dc:source>s</dc:source>", "                        "));
    let cut = strip_text(&text, &[0], Layout::Compact);
    assert_eq!(cut, text.replace("\n   <dc:source>s</dc:source>", "").replace("\n          \n", ""));
    assert!(parse(text.as_bytes()).edits(&[], Layout::Compact).unwrap().is_empty());
}

#[test]
fn an_attribute_goes_with_the_space_before_it() {
    let text = packet("<rdf:Description xmlns:v='urn:v'\n v:a='1' v:b='2'/>");
    assert!(strip_text(&text, &[0], Layout::Preserve).contains("xmlns:v='urn:v'          v:b='2'/>"));
    assert!(strip_text(&text, &[0], Layout::Compact).contains("xmlns:v='urn:v' v:b='2'/>"));
}

#[test]
fn the_declaration_of_a_vendor_goes_with_its_last_property() {
    let text = described("<v:a>1</v:a><v:b>2</v:b><pdfx:c>3</pdfx:c><dc:format>4</dc:format>");
    for layout in [Layout::Preserve, Layout::Compact] {
        assert!(strip_text(&text, &[0], layout).contains("urn:vendor"));
        let bare = strip_text(&text, &[0, 1, 2, 3], layout);
        assert!(!bare.contains("vendor") && bare.contains("xmlns:dc=") && bare.contains("xmlns:pdfx="), "{bare}");
        assert_eq!(parse(bare.as_bytes()).sites(), []);
    }
}

#[test]
fn escaped_pdfx_names_are_decoded() {
    let text = described("<pdfx:My\u{2182}0020Label>x</pdfx:My\u{2182}0020Label>");
    let parsed = parse(text.as_bytes());
    let site = &parsed.sites()[0];
    assert_eq!((&*site.address, &*site.key, site.case), ("xmp:pdfx:My Label", "My Label", KeyCase::Loose));
}

#[test]
fn what_pdf_writers_note_for_themselves_is_bookkeeping() {
    let text = described("<pdfx:SourceModified>D:2020</pdfx:SourceModified><v:SourceModified>x</v:SourceModified>");
    let kinds: Vec<_> = parse(text.as_bytes()).sites().iter().map(|site| site.kind).collect();
    assert_eq!(kinds, [Kind::Bookkeeping, Kind::Custom]);
}

fn schemas(names: &[&str]) -> String {
    let entry = |name: &&str| {
        format!("<rdf:li rdf:parseType='Resource'><pdfaProperty:name>{name}</pdfaProperty:name></rdf:li>")
    };
    let entries: String = names.iter().map(entry).collect();
    format!(
        concat!(
            "<pdfaExtension:schemas xmlns:pdfaExtension='http://www.aiim.org/pdfa/ns/extension/'",
            " xmlns:pdfaSchema='http://www.aiim.org/pdfa/ns/schema#'",
            " xmlns:pdfaProperty='http://www.aiim.org/pdfa/ns/property#'><rdf:Bag><rdf:li rdf:parseType='Resource'>",
            "<pdfaSchema:namespaceURI>http://ns.adobe.com/pdfx/1.3/</pdfaSchema:namespaceURI>",
            "<pdfaSchema:property><rdf:Seq>{}</rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas>"
        ),
        entries
    )
}

#[test]
fn the_description_of_a_property_goes_with_it() {
    let text = described(&format!("{}<pdfx:KeyA>1</pdfx:KeyA><pdfx:KeyB>2</pdfx:KeyB>", schemas(&["KeyA", "KeyB"])));
    let before = labels(&parse(text.as_bytes()));
    for layout in [Layout::Preserve, Layout::Compact] {
        let one = strip_text(&text, &[1], layout);
        assert!(!one.contains("KeyA") && one.contains("<pdfaProperty:name>KeyB"));
        assert_eq!(labels(&parse(one.as_bytes())), [before[0].clone(), before[2].clone()]);
        let both = strip_text(&text, &[1, 2], layout);
        assert!(!both.contains("Key") && !both.contains("namespaceURI"));
        assert_eq!(labels(&parse(both.as_bytes())), before[..1]);
        assert_eq!(parse(strip_text(&text, &[0, 1, 2], layout).as_bytes()).sites(), []);
    }
}

#[test]
fn a_description_stays_with_a_second_copy_of_its_property() {
    let text = described(&format!("{}<pdfx:Key>1</pdfx:Key><pdfx:Key>2</pdfx:Key>", schemas(&["Key"])));
    assert!(strip_text(&text, &[1], Layout::Preserve).contains("<pdfaProperty:name>Key"));
}

#[test]
fn generated_content_marks_are_protected() {
    let text = described(concat!(
        "<t:Label xmlns:t='http://www.tc260.org.cn/ns/AIGC/1.0/'>1</t:Label><v:AIGC>2</v:AIGC>",
        "<v:note>{\"AIGC\":{\"Label\":\"1\"}}</v:note><v:free>3</v:free>"
    ));
    let parsed = parse(text.as_bytes());
    let barred: Vec<_> = parsed.sites().iter().map(|site| site.barrier.as_ref().map(|barrier| barrier.kind)).collect();
    let protected = Some(ErrorKind::Protected);
    assert_eq!(barred, [protected, protected, protected, None]);
    assert_eq!(parsed.sites()[0].address, "xmp:TC260:Label");
}

#[test]
fn the_pointer_to_an_extension_is_structure() {
    for form in ["<n:HasExtendedXMP>GUID</n:HasExtendedXMP>", ""] {
        let attribute = if form.is_empty() { "n:HasExtendedXMP='GUID'" } else { "" };
        let text = packet(&format!(
            "<rdf:Description xmlns:n='http://ns.adobe.com/xmp/note/' {attribute}>{form}</rdf:Description>"
        ));
        let parsed = parse(text.as_bytes());
        assert_eq!(parsed.sites(), []);
        assert_eq!(&text[parsed.extended_guid().unwrap()], "GUID");
    }
}

#[test]
fn stale_copies_in_comments_and_padding_are_blanked() {
    let text = described("<v:id>88888</v:id><dc:format><!-- id 88888 -->x</dc:format>")
        .replace("          \n<?xpacket end", "<!-- 88888 --> \n<?xpacket end");
    let parsed = parse(text.as_bytes());
    let needles = Needles::new([("id", None, Some("88888"))]);
    for layout in [Layout::Preserve, Layout::Compact] {
        let edits = parsed.scrub(text.as_bytes(), &[0], &needles, layout);
        let result = Plan::new(edits, text.len() as u64).unwrap().apply(text.as_bytes()).unwrap();
        assert!(!needles.occur_in(&result), "{}", String::from_utf8_lossy(&result));
        assert_eq!(labels(&parse(&result)), [("xmp:dc:format".to_owned(), "x".to_owned())]);
    }
}

#[test]
fn what_is_not_claimed_is_loose() {
    let text = described("<v:id>8</v:id><!-- said -->").replace("x:xmptk=\"Toolkit\"", "x:other=\"stray\"");
    let mut bytes = text.clone().into_bytes();
    for range in parse(text.as_bytes()).claimed() {
        bytes[range].fill(b'.');
    }
    let left = String::from_utf8(bytes).unwrap();
    let left: Vec<_> = left.split(['.', '\n', ' ']).filter(|left| !left.is_empty()).collect();
    assert_eq!(left, ["x:other=\"stray\">", ">", "<!--", "said", "-->"]);
}

#[test]
fn wrappers_and_surroundings_vary() {
    let tree = "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>\
                <rdf:Description xmlns:v='urn:v' v:id='8'/></rdf:RDF>";
    let forms = [
        tree.to_owned(),
        format!("\0\0 \n{tree}"),
        format!("\u{feff}<?xml version='1.0'?>{tree}\n\n\0\0\0"),
        format!("<x:xapmeta xmlns:x='adobe:ns:meta/'>{tree}</x:xapmeta><?xpacket end='r'?>junk"),
        format!("{tree}<?xpacket end='w'?>"),
    ];
    for form in forms {
        assert_eq!(labels(&parse(form.as_bytes())), [("xmp:v:id".to_owned(), "8".to_owned())], "{form}");
        assert_eq!(parse(&strip(form.as_bytes(), &[0], Layout::Preserve)).sites(), []);
    }
    let two = format!("{tree} {tree}");
    assert_eq!(parse(two.as_bytes()).sites().len(), 2);
    let binary = [tree.as_bytes(), b"\x01\xff\xfe"].concat();
    assert_eq!(parse(&binary).sites().len(), 1);
    assert_eq!(parse(b" \n\0").sites(), []);
}

#[test]
fn wide_packets_are_edited_in_their_encoding() {
    let text = described("<v:id>8888</v:id><dc:format>x</dc:format>");
    let wide: [Vec<u8>; 3] = [
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        text.chars().flat_map(|letter| u32::from(letter).to_be_bytes()).collect(),
    ];
    for bytes in wide {
        let result = strip(&bytes, &[0], Layout::Preserve);
        assert_eq!(result.len(), bytes.len());
        assert_eq!(labels(&parse(&result)), [("xmp:dc:format".to_owned(), "x".to_owned())]);
        assert_eq!(parse(&result).claimed().len() + 1, parse(&bytes).claimed().len());
    }
}

#[test]
fn broken_packets_are_errors() {
    for (text, kind) in [
        ("<rdf:RDF>".to_owned(), ErrorKind::Malformed),
        ("no markup".to_owned(), ErrorKind::Malformed),
        (format!("<!DOCTYPE x>{}", packet("")), ErrorKind::Malformed),
        (packet(&"<a>".repeat(400)), ErrorKind::LimitExceeded),
    ] {
        assert_eq!(Packet::parse(text.as_bytes(), &Limits::default()).unwrap_err().kind(), kind);
    }
}

proptest! {
    #[test]
    fn exactly_the_chosen_sites_go(
        forms in proptest::collection::vec((0..5_usize, 0..3_usize, "[a-c]", "[a-z ]{0,6}"), 1..8),
        choice in proptest::collection::vec(any::<bool>(), 8),
        compact in any::<bool>(),
        wide in any::<bool>(),
    ) {
        let nodes = forms.into_iter().map(|(form, prefix, key, value)| {
            let name = format!("{}:{key}", ["dc", "v", "pdfx"][prefix]);
            let (attribute, element) = match form {
                0 => (format!("\n{name}='{value}'"), String::new()),
                1 => (String::new(), format!("<{name}>{value}</{name}>")),
                2 => (String::new(), format!(" <{name}><rdf:Bag><rdf:li>{value}</rdf:li></rdf:Bag></{name}>")),
                3 => (String::new(), format!("\n<{name} rdf:resource='{value}'/>\n")),
                _ => (String::new(), format!("<{name} {name}='{value}'/>")),
            };
            format!(
                "<rdf:Description xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:v='urn:v' \
                 xmlns:pdfx='http://ns.adobe.com/pdfx/1.3/'{attribute}>{element}</rdf:Description>"
            )
        });
        let nodes: Vec<_> = nodes.collect();
        let text = packet(&nodes.concat());
        let bytes: Vec<u8> = if wide {
            text.encode_utf16().flat_map(u16::to_le_bytes).collect()
        } else {
            text.into_bytes()
        };
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let before = labels(&parse(&bytes));
        let chosen: Vec<_> = (0..before.len()).filter(|&index| choice[index]).collect();
        let result = strip(&bytes, &chosen, layout);
        prop_assert!(compact || result.len() == bytes.len());
        let kept: Vec<_> = (0..before.len()).filter(|&index| !choice[index]).map(|index| before[index].clone()).collect();
        prop_assert_eq!(labels(&parse(&result)), kept);
    }

    #[test]
    fn no_bytes_panic(cut in any::<proptest::sample::Index>(), flip in any::<proptest::sample::Index>(), byte: u8) {
        let text = described(&format!("{}<v:a v:b='1'>x<!-- --></v:a>", schemas(&["a"])));
        let mut bytes = text.into_bytes();
        let at = flip.index(bytes.len());
        bytes[at] = byte;
        bytes.truncate(cut.index(bytes.len()) + 1);
        if let Ok(parsed) = Packet::parse(&bytes, &Limits::default()) {
            let all: Vec<_> = (0..parsed.sites().len()).collect();
            let edits = parsed.edits(&all, Layout::Preserve).unwrap();
            prop_assert!(Plan::new(edits, bytes.len() as u64).unwrap().keeps_length());
        }
    }
}
