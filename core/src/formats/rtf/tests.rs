//! Documents built by hand, stripped through the engine, which verifies every result.

use crate::engine::{Engine, list};
use crate::formats::Format;
use crate::inside::Inside;
use crate::inside::tests::picture;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Kind, Site};

use super::Rtf;

fn sites(bytes: &[u8]) -> Vec<Site> {
    list(&Source::from_bytes(bytes.to_vec()), &Limits::default()).unwrap().findings.sites
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let builder = Engine::builder().label(label).layout(layout).proof(Proof::Full).inside(Inside::Strip);
    let cleaned = builder.build().unwrap().strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// Strips in both layouts: gone, a second time nothing. The preserved result without the line ends that fill it is the
/// compact one, which is returned.
fn stripped(text: &str, label: &str) -> String {
    let [preserved, compact] = [Layout::Preserve, Layout::Compact].map(|layout| {
        let (report, output) = strip(text.as_bytes(), label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{layout:?}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len() == text.len(), layout == Layout::Preserve);
        assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        String::from_utf8(output).unwrap()
    });
    assert_eq!(preserved.replace('\n', ""), compact.replace('\n', ""));
    compact
}

const PROPERTIES: &str = r"{\*\userprops {\propname id}\proptype30{\staticval 8888}{\propname id2}\proptype3{\staticval 12}{\linkval mark}{\propname \u20013?\'e4}\proptype30{\staticval \'84a\'93 \{b\}}{\propname ContentTypeId}\proptype30{\staticval 0x01}}";

fn document(description: &str) -> String {
    format!(r"{{\rtf1\ansi\ansicpg1252{{\fonttbl{{\f0 Arial;}}}}{description}\uc1\pard Text \'e4 with 8888\par}}")
}

#[test]
fn custom_properties_go_with_their_type_value_and_link() {
    let text = document(PROPERTIES);
    assert!(Rtf.sniff(text.as_bytes()));
    let found = sites(text.as_bytes());
    let seen: Vec<_> = found.iter().map(|site| (site.key.as_str(), site.value.as_deref().unwrap())).collect();
    assert_eq!(seen, [("id", "8888"), ("id2", "12"), ("中ä", "„a“ {b}"), ("ContentTypeId", "0x01")]);
    assert_eq!(found[3].kind, Kind::Bookkeeping);
    assert_eq!(found[0].address, "custom:id");
    assert_eq!(stripped(&text, "ID"), text.replace(r"{\propname id}\proptype30{\staticval 8888}", ""));
    assert_eq!(stripped(&text, "id2=12"), text.replace(r"{\propname id2}\proptype3{\staticval 12}{\linkval mark}", ""));
    assert!(!stripped(&text, "中ä").contains("20013"));
    assert_eq!(stripped(&document(r"{\*\userprops{\propname id}\proptype30{\staticval 8888}}"), "id"), document(""));
}

#[test]
fn variables_and_the_information_group_have_labels() {
    let variables = r"{\*\docvar {id}{8888}}{\*\docvar {other}{x}}";
    let info = r"{\info{\title T}{\upr{\author ?}{\*\ud{\author \u20013?}}}{\creatim\yr2012\mo10\dy4\hr13\min2}{\*\company C}{\nofpages1}\version2 {\*\unknown 8888}}";
    let generator = r"{\*\generator Riched20;}";
    let text = document(&format!("{generator}{info}{variables}"));
    let seen: Vec<_> =
        sites(text.as_bytes()).into_iter().map(|site| format!("{}={}", site.address, site.value.unwrap())).collect();
    let wanted = "rtf:generator=Riched20|info:title=T|info:author=?|info:author=中|info:creatim=2012-10-04T13:02:00|info:company=C|\
        info:nofpages=1|info:version=2|docvar:id=8888|docvar:other=x";
    assert_eq!(seen.join("|"), wanted);
    assert_eq!(stripped(&text, "info:title"), text.replace(r"{\title T}", ""));
    assert_eq!(stripped(&text, "docvar:other"), text.replace(r"{\*\docvar {other}{x}}", ""));
    let (report, _) = strip(text.as_bytes(), "id", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Stripped, "a short value alone is no trace");
}

#[test]
fn a_copy_behind_the_document_goes_too() {
    let text = document(r"{\*\docvar {LongerKey}{LongerValue}}") + " old LongerValue\0";
    assert!(!stripped(&text, "LongerKey").contains("Longer"));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A picture of one pixel with a label.
fn png() -> Vec<u8> {
    picture(&[("LabelKey", "LabelValue")])
}

#[test]
fn pictures_and_objects_are_files_inside() {
    let digits = hex(&png());
    let (first, second) = digits.split_at(60);
    let text = document(&format!("{{\\pict{{\\*\\picprop}}\\pngblip\\picw1 {first}\r\n{second}\r\n}}"));
    let found = sites(text.as_bytes());
    assert_eq!(found[0].address, "png:LabelKey");
    assert!(found[0].place.starts_with("picture 1.png"));
    let (report, output) = strip(text.as_bytes(), "LabelKey", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.left);
    assert_eq!(output.len(), text.len());
    let (report, output) = strip(text.as_bytes(), "LabelKey", Layout::Compact);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.left);
    assert!(output.len() < text.len());

    let name = |text: &[u8]| [&(text.len() as u32).to_le_bytes()[..], text].concat();
    let object =
        [&[1, 5, 0, 0, 2, 0, 0, 0][..], &name(b"Class\0"), &name(b""), &name(b""), &name(&png()), b"\x01\x05"].concat();
    let text = document(&format!("{{\\object{{\\*\\objdata {}}}}}", hex(&object)));
    assert_eq!(sites(text.as_bytes())[0].place, "object 1 › tEXt");
    let (report, output) = strip(text.as_bytes(), "LabelKey", Layout::Preserve);
    assert_eq!((report.outcome, output.len()), (Outcome::Stripped, text.len()));
    let (report, _) = strip(text.as_bytes(), "LabelKey", Layout::Compact);
    assert_eq!(report.outcome, Outcome::Refused, "the head of the object says how long it is");

    let plain: Vec<u8> =
        [br"{\rtf1{\pict\pngblip\bin".as_slice(), format!("{} ", png().len()).as_bytes(), &png(), b"}}"].concat();
    let (report, output) = strip(&plain, "LabelKey", Layout::Preserve);
    assert_eq!((report.outcome, output.len()), (Outcome::Stripped, plain.len()));
}

#[test]
fn groups_that_do_not_end_are_refused() {
    for text in [r"{\rtf1{\info{\title T}", r"{\rtf1{\*\userprops{\propname a}"] {
        assert!(Rtf.survey(text.as_bytes(), &Limits::default()).is_err(), "{text}");
    }
    let deep = [b"{\\rtf1".as_slice(), &b"{\\info{\\upr".repeat(50_000), b"}"].concat();
    assert!(Rtf.survey(&deep, &Limits::default()).is_err());
    assert!(!Rtf.sniff(b"{\\rt1}"));
}
