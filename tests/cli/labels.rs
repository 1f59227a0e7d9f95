//! Which labels go: on the command line and from files.

use serde_json::json;

use crate::environment::{Environment, keys, png};

fn fixture() -> Environment {
    let environment = Environment::new();
    environment.write("a.png", png(&[("id", "8888"), ("project", "x"), ("owner", "Ann"), ("Author", "Ann")]));
    environment
}

/// What is left after a strip in place with these options.
#[track_caller]
fn left(options: &str) -> Vec<String> {
    let environment = fixture();
    environment.run(&format!("strip {options} --in-place a.png")).ended(0);
    keys(&environment, "a.png")
}

#[test]
fn keys_values_globs_expressions_and_all() {
    assert_eq!(left("-l id"), ["project", "owner"]);
    assert_eq!(left("-l id -l owner=Ann"), ["project"]);
    assert_eq!(left("-l id=9"), ["id", "project", "owner"]);
    assert_eq!(left("-l id=9 --ignore-value"), ["project", "owner"]);
    assert_eq!(left("-l *o*"), ["id"]);
    assert_eq!(left("-l /^[io]/"), ["project"]);
    assert_eq!(left("--all"), Vec::<String>::new());
    assert_eq!(left("--all --keep owner"), ["owner"]);
}

#[test]
fn files_in_both_wire_forms() {
    let forms = [
        r#"{"id": "8888", "project": ""}"#,
        r#"[{"key": "id", "value": "8888"}, {"key": "project"}]"#,
        "\u{feff}{\"id\": 8888, \"project\": null}",
    ];
    for form in forms {
        let environment = fixture();
        environment.write("labels.json", form);
        environment.run("strip --labels labels.json --in-place a.png").ended(0);
        assert_eq!(keys(&environment, "a.png"), ["owner"]);
        let environment = fixture();
        environment.feed("strip --labels - --in-place a.png", form.as_bytes()).ended(0);
        assert_eq!(keys(&environment, "a.png"), ["owner"]);
    }
}

#[test]
fn keys_of_a_file_are_literal() {
    let environment = fixture();
    let run = environment.feed("strip --labels - --json --in-place a.png", br#"{"*": "", "@msip": ""}"#).ended(0);
    assert_eq!(run.file()["outcome"], "clean");
}

#[test]
fn every_label_has_a_status() {
    let environment = fixture();
    let run = environment.run("strip -l id -l nothing -l owner=Bob --json --in-place a.png").ended(0);
    let status: Vec<_> = run.file()["labels"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(status, [json!("removed"), json!("absent"), json!("value_mismatch")]);
    assert!(keys(&environment, "a.png").contains(&"owner".to_owned()));
}

#[test]
fn a_key_that_only_a_field_of_the_format_has_is_hinted_at() {
    let environment = fixture();
    let run = environment.run("strip -l Author --in-place a.png").ended(0);
    let address =
        run.err().lines().find(|line| line.starts_with("hint")).unwrap().rsplit(' ').next().unwrap().to_owned();
    assert!(address.ends_with(":Author"), "{run}");
    let run = environment.run(&format!("strip -l {address} --json --in-place a.png")).ended(0);
    assert_eq!(run.file()["outcome"], "stripped", "{run}");
    assert!(!environment.read("a.png").windows(6).any(|window| window == b"Author"));
}

#[test]
fn stripping_twice_is_stripping_once() {
    for layout in ["preserve", "compact"] {
        let environment = fixture();
        environment.run(&format!("strip -l id --layout {layout} --proof full --in-place a.png")).ended(0);
        let once = environment.read("a.png");
        let run = environment.run(&format!("strip -l id --layout {layout} --json --in-place a.png")).ended(0);
        assert_eq!(run.file()["outcome"], "clean");
        assert_eq!(environment.read("a.png"), once);
    }
}

/// A package of stored members.
fn package(members: &[(&str, &str)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in members {
        let size = u32::try_from(data.len()).unwrap().to_le_bytes();
        let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5a];
        fields.extend(crc32fast::hash(data.as_bytes()).to_le_bytes());
        fields.extend([size, size].concat());
        fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        fields.extend([0, 0]);
        directory.extend([&b"PK\x01\x02\x14\0"[..], &fields, &[0; 10]].concat());
        directory.extend(u32::try_from(out.len()).unwrap().to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend([&b"PK\x03\x04"[..], &fields, name.as_bytes(), data.as_bytes()].concat());
    }
    let start = u32::try_from(out.len()).unwrap().to_le_bytes();
    let count = u16::try_from(members.len()).unwrap().to_le_bytes();
    let len = u32::try_from(directory.len()).unwrap().to_le_bytes();
    [&out[..], &directory, b"PK\x05\x06\0\0\0\0", &count, &count, &len, &start, &[0, 0]].concat()
}

#[test]
fn parts_that_become_empty_go_on_demand() {
    let custom = "<Properties><property name=\"id\"><lpwstr>8888</lpwstr></property></Properties>";
    let rels = "<Relationships><Relationship Id=\"r1\" Type=\"x/custom-properties\" Target=\"docProps/custom.xml\"/>\
        </Relationships>";
    let members = [
        ("[Content_Types].xml", "<Types><Override PartName=\"/docProps/custom.xml\" ContentType=\"x\"/></Types>"),
        ("_rels/.rels", rels),
        ("docProps/custom.xml", custom),
        ("word/document.xml", "<document/>"),
    ];
    let environment = Environment::new();
    for (options, stays) in [("", true), ("--prune-empty", false)] {
        environment.write("a.docx", package(&members));
        environment.run(&format!("strip -l id {options} --in-place a.docx")).ended(0);
        let bytes = environment.read("a.docx");
        assert_eq!(String::from_utf8_lossy(&bytes).contains("docProps/custom.xml"), stays, "{options}");
        assert_eq!(keys(&environment, "a.docx"), Vec::<String>::new());
    }
}
