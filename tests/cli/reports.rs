//! What is said about files, to people and to programs.

use insta::assert_snapshot;
use serde_json::Value;

use crate::environment::{Environment, png};

/// One of each kind that needs no format's help.
fn mixed() -> Environment {
    let environment = Environment::new();
    environment.write("in/1.png", png(&[("id", "8888"), ("owner", "Ann")]));
    environment.write("in/2.png", png(&[("owner", "Ann")]));
    environment.write("in/3.png", png(&[("id", "9999")]));
    let mut cut = png(&[("id", "8888")]);
    cut.truncate(50);
    environment.write("in/4.png", cut);
    environment.write("in/5.txt", "not a format");
    environment
}

#[test]
fn people_get_a_line_per_file() {
    let environment = mixed();
    assert_snapshot!(environment.run("strip -l id=8888 --to out -j2 --ordered in missing.png").ended(1));
    assert_snapshot!(environment.run("strip -l id=8888 --to out -j2 --ordered --quiet in missing.png").ended(1));
    assert_snapshot!(environment.run("strip -l id --to out -j1 in/1.png").ended(0));
}

#[test]
fn programs_get_json_lines() {
    assert_snapshot!(mixed().run("strip -l id=8888 --to out -j2 --ordered --json in missing.png").ended(1));
}

#[test]
fn counts_add_up_and_every_line_is_whole() {
    let environment = Environment::new();
    for number in 0..300 {
        let texts: &[(&str, &str)] = if number % 3 == 0 { &[("owner", "Ann")] } else { &[("id", "8888")] };
        environment.write(format!("in/{number}.png"), png(texts));
        if number % 10 == 0 {
            environment.write(format!("in/{number}.txt"), "not a format");
            environment.write(format!("in/{number}.bad.png"), b"\x89PNG\r\n\x1a\n\xff\xff");
        }
    }
    let run = environment.run("strip -l id --in-place -j 8 --json in").ended(1);
    let lines = run.json();
    let (summary, files) = lines.split_last().unwrap();
    assert_eq!(files.len(), 360);
    assert_eq!(summary["files"], 360);
    let count = |outcome: &str| files.iter().filter(|line| line["outcome"] == outcome).count();
    let outcomes = ["clean", "stripped", "partial", "refused", "unsupported", "failed"];
    for outcome in outcomes {
        assert_eq!(summary[outcome], count(outcome), "{outcome}");
    }
    assert_eq!(outcomes.iter().map(|outcome| count(outcome)).sum::<usize>(), 360);
    assert_eq!((count("clean"), count("stripped"), count("unsupported"), count("failed")), (100, 200, 30, 30));
    for field in ["bytes_in", "bytes_written"] {
        let sum: u64 = files.iter().map(|line| line[field].as_u64().unwrap()).sum();
        assert_eq!(summary[field], sum, "{field}");
    }
}

#[test]
fn every_file_line_has_the_fields_of_the_contract() {
    let run = mixed().run("strip -l id --to out --ordered --json in").ended(1);
    for line in run.json().iter().filter(|line| line["type"] == "file") {
        for field in ["path", "outcome"] {
            assert!(line[field].is_string(), "{line}");
        }
        for field in ["bytes_in", "bytes_out", "bytes_written", "residue"] {
            assert!(line[field].is_u64(), "{line}");
        }
        assert!(line["format"].is_string() || line["outcome"] != "stripped", "{line}");
        assert!(line["labels"].is_array());
        let is_success = line["outcome"] == "stripped" || line["outcome"] == "clean";
        assert_eq!(line["reason"].is_string(), !is_success, "{line}");
        assert_eq!(line["output"].is_string(), is_success, "{line}");
        for label in line["labels"].as_array().unwrap() {
            assert!(label["key"].is_string() && label["status"].is_string() && label["sites"].is_array(), "{line}");
        }
        assert_eq!(line["residue"], 0);
    }
}

#[test]
fn exit_codes_follow_the_worst_file() {
    let environment = mixed();
    let code = |arguments: &str| environment.run(&format!("strip -l id --to out {arguments}")).code;
    assert_eq!(code("in/1.png in/2.png"), Some(0));
    assert_eq!(code("in/1.png in/4.png in/2.png"), Some(1));
    assert_eq!(code("in/5.txt"), Some(1));
    assert_eq!(code("missing.png"), Some(1));
    assert_eq!(code("in"), Some(1));
}

#[test]
fn a_missing_path_is_a_line_of_its_own() {
    let run = mixed().run("strip -l id --to out --json missing.png").ended(1);
    let line = run.file();
    assert_eq!((line["outcome"].as_str(), line["format"].as_str()), (Some("failed"), None));
    assert!(line["reason"].as_str().unwrap().starts_with("io: "), "{line}");
    assert_eq!(line["labels"], Value::Array(Vec::new()));
}

#[test]
fn an_empty_directory_is_a_success() {
    let environment = Environment::new();
    std::fs::create_dir(environment.path("in")).unwrap();
    let run = environment.run("strip -l id --in-place in").ended(0);
    assert!(run.out().starts_with("0 files"), "{run}");
}

#[test]
fn without_a_terminal_nothing_is_coloured_and_no_bar_is_drawn() {
    let environment = mixed();
    let run = environment.run("strip -l id --to out in");
    assert!(!run.stdout.contains(&0x1b) && !run.stderr.contains(&0x1b), "{run}");
    assert!(!run.stderr.contains(&b'\r'));
}
