//! JSON, YAML and front matter, judged by Python's readers: what is left is the rest, whichever entry goes.
//!
//! The texts are written by hand, since hardly any file of the corpus is of these formats.

use serde_json::{Value, json};
use unlabel_core::{Kind, Outcome};

use crate::oracle;
use crate::strip::{self, LAYOUTS, What};

const TEXTS: &[(&str, &str)] = &[
    ("yaml", "a: 1\nb: |\n  text\n\n  more\n\nc: >+\n  folded\n   text\n\nd: 'x'\n\ne: last\n"),
    (
        "yaml",
        "a: |\nb: 1\nc:\n  - k: >-\n      text\n  # about k\nd: \"several\n  lines\\\n  here\"\ne: [x,\ny]\nf: {g: h, i: [j]}\n",
    ),
    (
        "yaml",
        "%YAML 1.1\n---\n# head\na:\n# margin\n- 1\n\n- 2\n'b c': x # note\n\"d\\u0065\":\n  text of\n  two lines\n...\n---\nf: 1\n--- # next\n- g\n",
    ),
    ("yaml", "{a: 1, \"b\": [x, {c: d}], 'e': it's, # note\n  f, g: {h: i},}\n"),
    ("yaml", "a: |2\n    x\n   y\nb: |\n\n   x\nc: 1\r\nd: 2\r\n? long key\n: - x\n  - y\ne: x\n"),
    ("yaml", "  a: 1\n  b:\n    - |\n      text\n  c: 3\n"),
    (
        "md",
        "---\ntitle: T\ntags:\n  - one\n  - two\nkeywords: [a, b]\nlist: |-\n  text\nid: 8888\n\nlast: x\n---\n# Text\n\n---\nid: 1\n",
    ),
    ("json", "{\"a\": 1, \"b\" : [1, {\"c\": 2}],\n\t\"d\\u0065\": \"x\",\r\n\"f\": {} }\n"),
    ("json", "{\"a\":1}"),
    (
        "ipynb",
        "{\"cells\": [], \"metadata\": {\"id\": 1, \"kernelspec\": {\"name\": \"n\", \"display_name\": \"d\"}}, \"nbformat\": 4, \"nbformat_minor\": 5}",
    ),
];

/// What a reader is to see when one entry is gone.
fn without(entries: &Value, key: &str) -> Value {
    let rest = entries.as_array().unwrap().iter().filter(|entry| entry[1] != key);
    Value::Array(rest.cloned().collect())
}

#[test]
fn what_is_left_is_the_rest() {
    let mut checked = 0;
    for (extension, text) in TEXTS {
        let name = format!("a.{extension}");
        let before = oracle::entries(&oracle::scratch(extension, text.as_bytes())).unwrap();
        for site in strip::sites(&name, text.as_bytes()).unwrap() {
            for layout in LAYOUTS {
                let stripped = strip::strip(&name, text.as_bytes(), layout, What::Label(&site.address)).unwrap();
                assert_eq!(stripped.report.outcome, Outcome::Stripped, "{text}: {}", site.address);
                let after = oracle::entries(&oracle::scratch(extension, &stripped.output));
                let after = after.unwrap_or_else(|error| panic!("{text}: {}: {error}", site.address));
                if *extension == "ipynb" {
                    assert_eq!(site.kind == Kind::Custom, site.key == "id");
                    assert_eq!(after[2], before[2], "the format stays");
                } else {
                    assert_eq!(after, without(&before, &site.key), "{text}: {} {layout:?}", site.address);
                }
                checked += 1;
            }
        }
    }
    assert!(checked > 50, "{checked}");
    assert_eq!(without(&json!([[0, "a", "1"]]), "a"), json!([]));
}
