//! Files stripped through the engine, which verifies every result. What other readers say of them is asked in the tests
//! over real files.

use super::{Markdown, Yaml};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Kind, Site};

fn sites(format: &dyn Format, text: &str) -> Vec<Site> {
    format.survey(text.as_bytes(), &Limits::default()).unwrap().findings().sites.clone()
}

fn values(format: &dyn Format, text: &str) -> Vec<(String, String)> {
    let told = |site: Site| (site.address, site.value.unwrap_or_else(|| "–".into()));
    sites(format, text).into_iter().map(told).collect()
}

fn refusal(text: &str) -> (ErrorKind, Option<u64>) {
    let limits = Limits::default();
    match Yaml.survey(text.as_bytes(), &limits) {
        Ok(survey) => panic!("{text}: {:?}", survey.findings()),
        Err(error) => (error.kind(), error.offset()),
    }
}

fn strip(name: &str, text: &str, label: &str, layout: Layout) -> (Report, String) {
    let engine = Engine::builder().layout(layout).proof(Proof::Full).label(label).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(text.as_bytes().to_vec()).with_name(name)).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), String::from_utf8(output).unwrap())
}

/// Strips in both layouts. Returns the results, of the same length and compact.
fn stripped(name: &str, text: &str, label: &str) -> [String; 2] {
    [Layout::Preserve, Layout::Compact].map(|layout| {
        let (report, output) = strip(name, text, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{text}: {:?} {:?}", report.reason, report.left);
        assert_eq!(output.len() == text.len(), layout == Layout::Preserve);
        assert_eq!(strip(name, &output, label, layout).0.outcome, Outcome::Clean);
        output
    })
}

#[test]
fn entries_go_with_all_of_their_lines() {
    let text = "# head\na: 1\nid: |\n  text\n\n   more\n  # text too\nb:\n- x\n-   y: 1\n    z: 2\n'i\"d': \"a: # b\n\n no end\"\nc: [a,\nb]\n";
    let told = values(&Yaml, text);
    let want =
        [("yaml:a", "1"), ("yaml:id", "text\n\n more\n# text too"), ("yaml:b", "–"), ("yaml:i\"d", "a: # b\nno end")];
    assert_eq!(told[..4], want.map(|(address, value)| (address.to_owned(), value.to_owned())));
    let [same, compact] = stripped("a.yml", text, "id");
    assert_eq!(compact, text.replace("id: |\n  text\n\n   more\n  # text too\n", ""));
    assert!(same.starts_with("# head\na: 1\n     \n      \n\n       \n            \nb:\n"), "{same:?}");
    let [_, compact] = stripped("a.yml", text, "b");
    assert_eq!(compact, text.replace("b:\n- x\n-   y: 1\n    z: 2\n", ""));
    let [_, compact] = stripped("a.yml", text, "i\"d");
    assert_eq!(compact, text.replace("'i\"d': \"a: # b\n\n no end\"\n", ""));
    assert_eq!(stripped("a.yaml", "a: 1\r\nid: 2\r\n", "id"), ["a: 1\r\n     \r\n", "a: 1\r\n"]);
    assert_eq!(stripped("a.yaml", "a: 1\nid: 2", "id"), ["a: 1\n     ", "a: 1\n"]);
}

#[test]
fn comments_at_the_margin_stand_within_an_entry() {
    let text = "list:\n# about a\n\n- a\n# about b\n- b\nmap:\n  x: 1\n# about y\n  y: 2\n# about id\nid: 1\n# last\n";
    let keys: Vec<_> = sites(&Yaml, text).into_iter().map(|site| site.key).collect();
    assert_eq!(keys, ["list", "map", "id"]);
    assert_eq!(stripped("a.yaml", text, "map")[1], text.replace("map:\n  x: 1\n# about y\n  y: 2\n", ""));
    assert_eq!(stripped("a.yaml", text, "id")[1], text.replace("id: 1\n", ""));
}

#[test]
fn long_keys_stand_behind_a_question_mark() {
    let text = "a: 1\n? id # c\n:  - 2\n   - 3\n? 'b c'\n: x\n";
    assert_eq!(values(&Yaml, text)[2].0, "yaml:b c");
    assert_eq!(stripped("a.yaml", text, "id")[1], "a: 1\n? 'b c'\n: x\n");
    assert_eq!(stripped("a.yaml", text, "b c")[1], "a: 1\n? id # c\n:  - 2\n   - 3\n");
}

#[test]
fn the_last_entry_leaves_an_empty_mapping() {
    assert_eq!(stripped("a.yaml", "id: long\n", "id"), ["{}      \n", "{}\n"]);
    assert_eq!(
        stripped("a.yaml", "--- # c\n id: |\n  x\n...\n---\nb: 1\n", "id"),
        ["--- # c\n {}   \n   \n...\n---\nb: 1\n", "--- # c\n {}\n...\n---\nb: 1\n"]
    );
    assert_eq!(stripped("a.yaml", "id: 1\nid: 2\n", "id"), ["{}   \n     \n", "{}\n"]);
}

#[test]
fn block_scalars_do_not_take_in_what_is_blanked() {
    let text = "a: |+\n  text\n\nid: 8888\n\nb: 1\n";
    assert_eq!(stripped("a.yaml", text, "id"), ["a: |+\n  text\n\n#       \n\nb: 1\n", "a: |+\n  text\n\nb: 1\n"]);
    let nested = "a:\n  - k: >-\n      text\nid: 8888\n  # about id\nb: 1\n";
    assert_eq!(stripped("a.yaml", nested, "id")[1], "a:\n  - k: >-\n      text\nb: 1\n");
    assert_eq!(stripped("a.yaml", nested, "id")[0], "a:\n  - k: >-\n      text\n#       \n#           \nb: 1\n");
    assert_eq!(stripped("a.yaml", "a: |\nid: 8\nb: 1\n", "id")[0], "a: |\n#    \nb: 1\n");
}

#[test]
fn flow_mappings_are_cut_by_commas() {
    let text = "# c\n{a: 1, \"id\": [x, {id: 2}], 'b': it's, # c\n  'id' : x}\n";
    let told = values(&Yaml, text);
    assert_eq!(
        told.iter().map(|(address, _)| &**address).collect::<Vec<_>>(),
        ["yaml:a", "yaml:id", "yaml:b", "yaml:id"]
    );
    assert_eq!(stripped("a.yaml", text, "id")[1], "# c\n{a: 1, 'b': it's}\n");
    assert_eq!(stripped("a.yaml", "{id: 1,}\n", "id"), ["{      }\n", "{}\n"]);
    assert_eq!(stripped("a.yaml", "{id, b}\n", "id")[1], "{b}\n");
}

#[test]
fn what_refers_to_an_anchor_keeps_it() {
    let text = "base: &b\n  x: 1\nother: &o {y: 2}\nuser:\n  <<: *b\nid: *o2\n";
    let told = sites(&Yaml, text);
    let barriers: Vec<_> = told.iter().map(|site| site.barrier.as_ref().map(|barrier| barrier.kind)).collect();
    assert_eq!(barriers, [Some(ErrorKind::Conflict), None, None, None]);
    assert_eq!(strip("a.yaml", text, "base", Layout::Preserve).0.outcome, Outcome::Refused);
    stripped("a.yaml", text, "other");
}

#[test]
fn front_matter_describes_the_text() {
    let text = "---\ntitle: T\nid: 8888\ntags:\n  - one # c\n  - \"two words\"\nkeywords: [a, 'b c',d]\nmsip:\n  x: y\n---\nid: 8888\n---\n";
    let told = sites(&Markdown, text);
    let kinds: Vec<_> = told.iter().map(|site| (&*site.address, site.kind, site.value.as_deref())).collect();
    let words = |address, words: &[&'static str]| {
        words.iter().map(|word| (address, Kind::Standard, Some(*word))).collect::<Vec<_>>()
    };
    let want = [
        vec![("frontmatter:title", Kind::Standard, Some("T")), ("frontmatter:id", Kind::Custom, Some("8888"))],
        words("frontmatter:tags", &["one", "two words"]),
        words("frontmatter:keywords", &["a", "b c", "d"]),
        vec![("frontmatter:msip", Kind::Custom, None)],
    ]
    .concat();
    assert_eq!(kinds, want);
    assert_eq!(stripped("a.md", text, "id")[1], text.replacen("id: 8888\n", "", 1));
    assert_eq!(stripped("a.md", text, "frontmatter:tags=one")[1], text.replace("  - one # c\n", ""));
    assert_eq!(
        stripped("a.md", text, "frontmatter:tags")[1],
        text.replace("tags:\n  - one # c\n  - \"two words\"\n", "")
    );
    assert_eq!(stripped("a.md", text, "frontmatter:keywords=a")[1], text.replace("a, 'b c'", "'b c'"));
    assert_eq!(stripped("a.md", text, "frontmatter:keywords=d")[0], text.replace("',d]", "'  ]"));
    for without in ["# Title\n", "---\nid: 1\n", "\n---\nid: 1\n---\n", "--- x\nid: 1\n---\n", ""] {
        assert_eq!(sites(&Markdown, without), []);
    }
    let commented = "---\nid: 8888\n# id: 8888\n---\n";
    assert_eq!(
        strip("a.md", commented, "id", Layout::Preserve).0.outcome,
        Outcome::Partial,
        "a copy in the description"
    );
}

#[test]
fn data_goes_by_its_name_only() {
    let compose = "version: '3'\nservices:\n  web:\n    image: x\nclassification: secret\n";
    let custom = |text| {
        let custom = sites(&Yaml, text).into_iter().filter(|site| site.kind == Kind::Custom);
        custom.map(|site| site.key).collect::<Vec<_>>()
    };
    assert_eq!(custom(compose), ["classification"]);
    assert_eq!(custom("a: 1\nb: [x, y]\nc:\n- x\n"), ["a", "b", "c"], "a list of keys and values");
    assert_eq!(custom("- a: 1\n- b\n"), [""; 0]);
    stripped("a.yaml", compose, "version");
    for marked in ["AIGC: x\n", "a:\n  AIGC: {Label: 1}\n"] {
        assert_eq!(sites(&Yaml, marked)[0].barrier.as_ref().unwrap().kind, ErrorKind::Protected);
    }
}

#[test]
fn what_is_not_known_is_refused_where_it_stands() {
    for (text, at) in [
        ("a: 1\n? [b]\n: c\n", 7),
        ("a: 1\n? b\nc: 1\n", 9),
        ("&a b: c\n", 0),
        ("a: 1\n*a : c\n", 5),
        ("--- text\n", 4),
        ("a: b\rc: d\n", 4),
        ("a: b\u{2028}c\n", 4),
    ] {
        assert_eq!(refusal(text), (ErrorKind::Unsupported, Some(at)), "{text:?}");
    }
    for (text, at) in [
        ("a: \"b\n", 3),
        ("a: [b\n", 6),
        ("a: b: c\n", 4),
        ("a: 1\n b: 2\n", 7),
        ("a: 1\n\tb\n", 6),
        ("  a: 1\nb: 2\n", 7),
        ("a: |\n   x\n  y\n", 10),
        ("a: 'b' c\n", 7),
        ("a: 1\nb\n", 5),
        ("{a: 1} x\n", 7),
        ("a: [b\n---\n", 6),
        ("a: @b\n", 3),
    ] {
        assert_eq!(refusal(text), (ErrorKind::Malformed, Some(at)), "{text:?}");
    }
    assert_eq!(refusal("\u{feff}a: 1\n*b : 1\n").1, Some(8));
    assert_eq!(refusal(&format!("a: {}", "[".repeat(300))).0, ErrorKind::LimitExceeded);
}
