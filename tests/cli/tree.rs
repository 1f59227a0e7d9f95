//! Results elsewhere: a file, a directory, a whole tree.

use std::fs;

use serde_json::json;

use crate::environment::{Environment, png};

fn tree() -> Environment {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    environment.write("in/sub/a.png", png(&[("id", "8888"), ("owner", "Ann")]));
    environment.write("in/sub/clean.png", png(&[("owner", "Ann")]));
    environment.write("in/sub/notes.txt", "not a format");
    environment
}

fn has_label(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == b"8888")
}

#[test]
fn a_tree_keeps_its_paths_and_its_originals() {
    let environment = tree();
    let before = environment.files();
    let run = environment.run("strip -l id --to out --json in").ended(1);
    let after = environment.files();
    for (name, bytes) in &before {
        assert_eq!(after[name], *bytes, "an original changed");
    }
    let made: Vec<_> = after.keys().filter(|name| name.starts_with("out/")).collect();
    assert_eq!(made, ["out/a.png", "out/sub/a.png", "out/sub/clean.png"]);
    assert_eq!(after["out/sub/clean.png"], before["in/sub/clean.png"]);
    assert!(made.iter().all(|name| !has_label(&after[*name])));
    let summary = run.json().pop().unwrap();
    assert_eq!((&summary["files"], &summary["stripped"]), (&json!(4), &json!(2)));
    assert_eq!((&summary["clean"], &summary["unsupported"]), (&json!(1), &json!(1)));
}

#[test]
fn a_second_run_replaces_the_results() {
    let environment = tree();
    environment.run("strip -l id --to out in").ended(1);
    let once = environment.files();
    environment.run("strip -l id --to out in").ended(1);
    assert_eq!(environment.files(), once);
}

#[test]
fn files_go_by_their_name_into_a_directory_and_one_file_to_a_file() {
    let environment = tree();
    environment.run("strip -l id --to out/ in/sub/a.png").ended(0);
    assert!(environment.path("out/a.png").is_file());
    environment.run("strip -l id --to out in/sub/clean.png").ended(0);
    assert!(environment.path("out/clean.png").is_file());
    environment.run("strip -l id --to new/name.png in/sub/a.png").ended(0);
    assert!(environment.path("new/name.png").is_file());
    environment.run("strip -l id --to many in/a.png in/sub/clean.png").ended(0);
    assert!(environment.path("many/clean.png").is_file());
}

#[test]
fn of_two_inputs_for_one_output_the_second_is_an_error() {
    for jobs in [1, 4] {
        let environment = tree();
        let run = environment.run(&format!("strip -l id -j {jobs} --to out --json in/a.png in/sub/a.png")).ended(1);
        let lines = run.json();
        let failed = lines.iter().find(|line| line["outcome"] == "failed").unwrap();
        assert_eq!(failed["path"], "in/sub/a.png");
        assert!(failed["reason"].as_str().unwrap().contains("another input"), "{run}");
        assert!(!environment.read("out/a.png").windows(5).any(|window| window == b"owner"), "the first one's result");
        assert_eq!(lines.last().unwrap()["files"], 2);
    }
}

#[test]
fn results_inside_the_input_are_not_inputs() {
    let environment = tree();
    for _ in 0..2 {
        let run = environment.run("strip -l id --to in/out --json in").ended(1);
        assert_eq!(run.json().last().unwrap()["files"], 4, "{run}");
    }
    assert!(!environment.path("in/out/out").exists());
}

#[test]
fn results_do_not_fall_into_another_input() {
    let environment = Environment::new();
    let original = png(&[("id", "8888")]);
    environment.write("in/x.png", &original);
    environment.write("in/in/x.png", png(&[("id", "7777")]));
    let run = environment.run("strip -l id --to . --json in").ended(1);
    assert_eq!(environment.read("in/x.png"), original, "{run}");
    assert!(!has_label(&environment.read("x.png")));
}

#[test]
fn the_input_itself_is_no_destination() {
    let environment = tree();
    let before = environment.files();
    for to in ["in/a.png", "in/sub/../a.png", "./in/a.png", "in/", "in"] {
        let run = environment.run(&format!("strip -l id --to {to} --json in/a.png")).ended(1);
        assert_eq!(run.file()["outcome"], "failed");
        assert!(run.file()["reason"].as_str().unwrap().starts_with("same_file: "), "{run}");
        assert_eq!(run.file()["labels"][0]["status"], "refused", "nothing was removed");
        assert_eq!(run.file()["bytes_written"], 0);
    }
    assert_eq!(environment.files(), before);
}

#[test]
fn an_old_result_stays_when_the_new_one_fails() {
    let environment = tree();
    environment.write("out/bad.png", "the old result");
    let mut cut = png(&[("id", "8888")]);
    cut.truncate(40);
    environment.write("in/bad.png", cut);
    environment.run("strip -l id --to out in/bad.png").ended(1);
    assert_eq!(environment.read("out/bad.png"), b"the old result");
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_would_go() {
    let environment = tree();
    let before = environment.files();
    for destination in ["", "--in-place", "--to out", "--to -"] {
        let path = if destination == "--to -" { "in/a.png" } else { "in" };
        let run = environment.run(&format!("strip -l id --dry-run --json {destination} {path}"));
        assert_eq!(environment.files(), before, "{destination}");
        assert!(!environment.path("out").exists());
        let lines = run.json();
        let line = lines.iter().find(|line| line["path"] == "in/a.png").unwrap();
        assert_eq!((&line["outcome"], &line["dry_run"]), (&json!("stripped"), &json!(true)));
        assert_eq!((&line["bytes_written"], &line["output"]), (&json!(0), &json!(null)));
        assert_eq!(line["labels"][0]["status"], "removed");
    }
    environment.run("strip -l id --dry-run --to in/a.png in/a.png").ended(1);
    let run = environment.run("strip -l id --dry-run in/a.png").ended(0);
    assert!(run.out().starts_with("would strip  in/a.png"), "{run}");
}

#[cfg(unix)]
#[test]
fn odd_names_survive_the_way() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let environment = Environment::new();
    let odd = OsStr::from_bytes(b"caf\xe9 \xff\n.png");
    environment.write(std::path::Path::new("in").join(odd), png(&[("id", "8888")]));
    environment.write("in/-l", png(&[("id", "8888")]));
    let run = environment.run("strip -l id --to out --json -j1 in").ended(0);
    let out: Vec<_> = fs::read_dir(environment.path("out")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(out.len(), 2);
    assert!(out.iter().any(|name| name == odd));
    let lines = run.json();
    let line = lines.iter().find(|line| line["path_bytes"].is_string()).unwrap();
    assert_eq!(line["path_bytes"], "aW4vY2Fm6SD/Ci5wbmc=");
    assert_eq!(line["output_bytes"], "b3V0L2NhZukg/woucG5n");
    assert_eq!(line["path"], "in/caf\u{fffd} \u{fffd}\n.png");
}
