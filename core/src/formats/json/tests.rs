//! Documents stripped through the engine, which verifies every result; `serde_json` says what they hold.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Json, Notebook};
use crate::engine::Engine;
use crate::error::ErrorKind;
use crate::formats::{Format, detect};
use crate::inside::Inside;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::{Findings, Kind};

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn survey(format: &dyn Format, text: &str) -> Findings {
    format.survey(text.as_bytes(), &Limits::default()).unwrap().findings().clone()
}

fn addresses(format: &dyn Format, text: &str, kind: Kind) -> Vec<String> {
    survey(format, text).sites.into_iter().filter(|site| site.kind == kind).map(|site| site.address).collect()
}

fn strip(text: &str, label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let mut engine = Engine::builder().layout(layout).proof(Proof::Full).inside(Inside::Strip);
    engine = if label == "*" { engine.all(true) } else { engine.label(label) };
    let name = if text.contains("nbformat") { "a.ipynb" } else { "a.json" };
    let source = Source::from_bytes(text.as_bytes().to_vec()).with_name(name);
    let cleaned = engine.build().unwrap().strip(source).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// What another reader sees in the result, which is the same for both layouts.
fn stripped(text: &str, label: &str) -> Value {
    let values = LAYOUTS.map(|layout| {
        let (report, output) = strip(text, label, layout);
        assert_eq!(report.outcome, Outcome::Stripped, "{text}: {:?} {:?}", report.reason, report.left);
        let output = String::from_utf8(output).unwrap();
        match layout {
            Layout::Preserve => {
                assert_eq!(output.len(), text.len());
                let lines = |text: &str| text.matches('\n').count();
                assert_eq!(lines(&output), lines(text), "lines keep their numbers");
            }
            Layout::Compact => assert!(output.len() < text.len()),
        }
        assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        serde_json::from_str::<Value>(output.trim_start_matches('\u{feff}')).unwrap()
    });
    assert_eq!(values[0], values[1]);
    values[0].clone()
}

#[test]
fn members_go_with_one_comma_wherever_they_stand() {
    let text = "\u{feff}{\"id\": 1, \"a\":\t[1, 2],\r\n  \"id\" : \"x\",\"b\": null , \"\\u0069d\": true }\n";
    assert_eq!(stripped(text, "id"), json!({"a": [1, 2], "b": null}));
    assert_eq!(stripped(text, "id=x"), json!({"id": true, "a": [1, 2], "b": null}));
    assert_eq!(stripped("{\"id\":7}", "id"), json!({}));
    assert_eq!(stripped("{\"id\":7,\"id\":8}", "id"), json!({}));
    assert_eq!(stripped("{\"a\":1,\"id\":7}", "id"), json!({"a": 1}));
    assert_eq!(stripped("{\"id\":7,\"a\":1}", "id=7"), json!({"a": 1}));
    let (_, compact) = strip("{\n  \"a\": 1,\n  \"id\": 7,\n  \"b\": 2\n}\n", "id", Layout::Compact);
    assert_eq!(compact, b"{\n  \"a\": 1,\n  \"b\": 2\n}\n");
    assert_eq!(strip("[{\"id\": 1}]", "id", Layout::Preserve).0.outcome, Outcome::Clean, "it is data");
}

#[test]
fn metadata_is_read_at_any_depth() {
    let text = r#"{"metadata": {"id": "8888", "msip": {"id": "secret words", "owner": {"id": 1, "x": 2}}, "e": {}},
        "data": {"id": "8888"}}"#;
    let custom = addresses(&Json, text, Kind::Custom);
    let inner = ["metadata:msip/id", "metadata:msip/owner/id", "metadata:msip/owner/x", "metadata:e"];
    assert_eq!(custom, ["metadata:id"].into_iter().chain(inner).collect::<Vec<_>>());
    let rest = stripped(text, "id");
    assert_eq!(rest, json!({"metadata": {"msip": {"owner": {"x": 2}}, "e": {}}, "data": {"id": "8888"}}));
    let rest = stripped(text, "msip");
    assert_eq!(rest, json!({"metadata": {"id": "8888", "e": {}}, "data": {"id": "8888"}}), "a name means all in it");
    assert_eq!(stripped(text, "*"), json!({"metadata": {}, "data": {"id": "8888"}}));
    assert_eq!(stripped(text, "data")["metadata"]["id"], "8888", "data goes by its name");
}

#[test]
fn words_of_lists_are_labels_of_their_own() {
    let text = r#"{"metadata": {"keywords": ["one", "two words", "thr\u00e9e"], "tags": [], "x": ["one"]}}"#;
    let sites = survey(&Json, text).sites;
    let values: Vec<_> = sites.iter().map(|site| (&*site.address, site.value.as_deref().unwrap())).collect();
    let words = ["one", "two words", "thrée"].map(|word| ("metadata:keywords", word));
    assert_eq!(values, [&words[..], &[("metadata:tags", "[]"), ("metadata:x", "[\"one\"]")]].concat());
    assert_eq!(stripped(text, "keywords=one")["metadata"]["keywords"], json!(["two words", "thrée"]));
    assert_eq!(stripped(text, "keywords=thrée")["metadata"]["keywords"], json!(["one", "two words"]));
    assert_eq!(stripped(text, "keywords"), json!({"metadata": {"tags": [], "x": ["one"]}}));
}

#[test]
fn data_is_not_taken_for_labels() {
    let package = r#"{"name": "n", "version": "1", "scripts": {"a": "b"}, "$schema": "s", "classification": "secret"}"#;
    assert_eq!(addresses(&Json, package, Kind::Custom), ["json:classification"]);
    assert_eq!(stripped(package, "*").as_object().unwrap().len(), 4);
    assert!(stripped(package, "version").get("version").is_none(), "by its name it goes");
    let list = r#"{"name": "n", "@context": "c", "ids": [1, 2]}"#;
    assert_eq!(addresses(&Json, list, Kind::Custom), ["json:name", "json:ids"], "a list of keys and values");
    let manifest =
        r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "labels": {"team": "t"}}, "spec": {}}"#;
    assert_eq!(addresses(&Json, manifest, Kind::Custom), ["metadata:labels/team"]);
}

#[test]
fn protected_marks_stay() {
    for text in [
        r#"{"AIGC": "x"}"#,
        r#"{"metadata": {"AIGC": {"Label": "1", "Producer": "p"}}}"#,
        r#"{"metadata": {"Comment": "{\"AIGC\": {\"Label\": 1}}"}}"#,
    ] {
        let sites = survey(&Json, text).sites;
        assert!(!sites.is_empty());
        assert!(sites.iter().all(|site| site.barrier.as_ref().unwrap().kind == ErrorKind::Protected), "{text}");
        assert_eq!(strip(text, "*", Layout::Preserve).0.outcome, Outcome::Refused);
    }
}

const NOTEBOOK: &str = r#"{
 "cells": [
  {"cell_type": "markdown", "id": "abcd", "metadata": {}, "source": ["secret words"]},
  {
   "cell_type": "code", "execution_count": 1, "id": "ef01",
   "metadata": {"classification": "secret words", "collapsed": true, "tags": ["one", "two"], "deep": {"id": 1}},
   "outputs": [{"output_type": "display_data", "metadata": {"k": 2, "id": 3}, "data": {"text/plain": ["x"]}}],
   "source": []
  }
 ],
 "metadata": {"kernelspec": {"name": "python3", "display_name": "P"}, "id": "8888", "title": "t"},
 "nbformat": 4,
 "nbformat_minor": 5
}
"#;

#[test]
fn notebooks_lose_labels_and_keep_what_they_need() {
    assert_eq!(detect(NOTEBOOK.as_bytes(), None).unwrap().name(), "ipynb");
    let custom = ["cell[1]:classification", "cell[1]:deep/id", "cell[1].output[0]:k", "notebook:id"];
    assert_eq!(addresses(&Notebook, NOTEBOOK, Kind::Custom), custom);
    assert_eq!(addresses(&Notebook, NOTEBOOK, Kind::Standard), ["cell[1]:tags", "cell[1]:tags", "notebook:title"]);
    let mut want: Value = serde_json::from_str(NOTEBOOK).unwrap();
    want["metadata"].as_object_mut().unwrap().shift_remove("id");
    want["cells"][1]["outputs"][0]["metadata"] = json!({"k": 2});
    want["cells"][1]["metadata"].as_object_mut().unwrap().shift_remove("deep");
    assert_eq!(stripped(NOTEBOOK, "id"), want);
    want["cells"][1]["metadata"].as_object_mut().unwrap().shift_remove("classification");
    want["cells"][1]["outputs"][0]["metadata"] = json!({"id": 3});
    assert_eq!(stripped(NOTEBOOK, "*"), want);
    assert_eq!(stripped(NOTEBOOK, "cell[1]:tags=one")["cells"][1]["metadata"]["tags"], json!(["two"]));
    let old = NOTEBOOK.replace("\"cells\": [", "\"worksheets\": [{\"cells\": [").replacen(
        " ],\n \"metadata\"",
        " ]}],\n \"metadata\"",
        1,
    );
    assert_eq!(addresses(&Notebook, &old, Kind::Custom), custom, "format 3 has its cells in sheets");
}

fn any_member() -> impl Strategy<Value = (String, Value)> {
    let value = prop_oneof![
        Just(json!(8888)),
        Just(json!("a \"value\", {} é")),
        Just(json!({"k": [1, {"id": 2}]})),
        Just(json!([])),
        Just(json!(["x", "y"])),
        any::<String>().prop_map(Value::from),
    ];
    (prop_oneof![Just("id".to_owned()), Just("tags".to_owned()), "[a-c]", any::<String>()], value)
}

fn written(members: &[(String, Value)], gaps: &[String]) -> String {
    let mut gaps = gaps.iter().cycle();
    let mut gap = || gaps.next().map_or("", String::as_str);
    let pairs = members
        .iter()
        .map(|(key, value)| [gap(), &json!(key).to_string(), gap(), ":", gap(), &value.to_string(), gap()].concat());
    format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
}

proptest! {
    #[test]
    fn what_is_left_is_the_rest(
        members in prop::collection::vec(any_member(), 1..6),
        gaps in prop::collection::vec("[ \n\r\t]{0,3}", 1..5),
        label in prop_oneof![Just("id"), Just("tags"), Just("a")],
        in_metadata: bool,
    ) {
        let object = written(&members, &gaps);
        let text = if in_metadata { format!("{{\"metadata\": {object}, \"x\": {{}}}}") } else { object };
        for layout in LAYOUTS {
            let (report, output) = strip(&text, label, layout);
            let mut want: Value = serde_json::from_str(&text).unwrap();
            let inside = if in_metadata { &mut want["metadata"] } else { &mut want };
            inside.as_object_mut().unwrap().shift_remove(label);
            prop_assert!(matches!(report.outcome, Outcome::Stripped | Outcome::Clean | Outcome::Partial), "{:?}", report);
            if report.outcome != Outcome::Partial {
                let got: Value = serde_json::from_slice(&output).unwrap();
                prop_assert_eq!(got, want);
            }
        }
    }
}
