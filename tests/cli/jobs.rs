//! A directory of results belongs to one job: to the labels and settings that made them.

use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::environment::{Environment, Run, png};

fn tree() -> Environment {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888"), ("owner", "Ann")]));
    environment.write("in/b.png", png(&[("owner", "Ann")]));
    environment
}

#[test]
fn results_of_other_labels_or_settings_are_refused() {
    let environment = tree();
    environment.run("strip -l id -l tag=1 --to out --if-exists skip in").ended(0);
    let bound: Value = serde_json::from_slice(&environment.read("out/_job.json")).unwrap();
    assert_eq!((&bound["type"], bound["labels"].as_str().unwrap().len()), (&"unlabel job".into(), 64));
    let files = environment.files();
    for (options, differs) in [
        ("-l owner", "labels differ"),
        ("-l id -l tag=1 --keep owner", "labels differ"),
        ("-l id -l tag=1 --layout compact", "options differ"),
        ("-l id --recursive", "labels and options differ"),
    ] {
        for more in ["", "--dry-run", "--report new.jsonl"] {
            let run = environment.run(&format!("strip {options} --to out --if-exists skip {more} in")).ended(2);
            assert!(run.err().contains(differs), "{run}");
        }
    }
    assert!(environment.files() == files, "nothing was touched");
    // How fast, which files, and in which order labels are named, is no matter.
    environment.run("strip -l tag=1 -l id --to out/ --if-exists skip -j1 --sync none in/a.png").ended(0);
    // Who replaces what is there takes nothing for its own result.
    environment.run("strip -l owner --to out in").ended(0);
    environment.run("strip -l owner --to out --if-exists error in").ended(1);
}

#[test]
fn the_version_counts() {
    let environment = tree();
    environment.run("strip -l id --to out --if-exists skip in").ended(0);
    let mut bound: Value = serde_json::from_slice(&environment.read("out/_job.json")).unwrap();
    bound["version"] = "0.0.1".into();
    environment.write("out/_job.json", bound.to_string());
    let run = environment.run("strip -l id --to out --if-exists skip in").ended(2);
    assert!(run.err().contains("version differ (it is of version 0.0.1)"), "{run}");
}

#[test]
fn first_runs_that_race_bind_it_once() {
    for _ in 0..10 {
        let environment = tree();
        let start = |label: &str| {
            let arguments = ["strip", "-l", label, "--to", "out", "--if-exists", "skip", "in"];
            environment.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let runs = [start("id"), start("id"), start("id")];
        for child in runs {
            Run::from(child.wait_with_output().unwrap()).ended(0);
        }
        let codes = [start("owner"), start("tag")].map(|child| child.wait_with_output().unwrap().status.code());
        assert_eq!(codes, [Some(2), Some(2)]);
        assert!(environment.names().iter().all(|name| !name.contains("/.")), "{:?}", environment.names());
    }
}

#[test]
fn a_dry_run_binds_nothing() {
    let environment = tree();
    environment.run("strip -l id --to out --if-exists skip --dry-run in").ended(0);
    assert!(!environment.path("out").exists());
}

#[test]
fn the_file_of_a_job_is_no_input_and_no_output() {
    let environment = tree();
    environment.run("strip -l id --to out --if-exists skip in").ended(0);
    for line in ["list --json out", "strip -l owner --to more --json out", "strip -l id --in-place --json out"] {
        assert_eq!(environment.run(line).ended(0).json().last().unwrap()["files"], 2, "{line}");
    }
    assert!(!environment.path("more/_job.json").exists());
    // Somebody's own file of that name is an input like others, and its result has no place where a job has its own.
    environment.write("in/_job.json", r#"{"id": "8888"}"#);
    environment.write("in/sub/_job.json", r#"{"id": "8888"}"#);
    let run = environment.run("strip -l id --to out --if-exists skip --json in").ended(1);
    let lines = run.json();
    let line = |path: &str| lines.iter().find(|line| line["path"] == path).unwrap().clone();
    assert_eq!(
        (&line("in/_job.json")["outcome"], &line("in/_job.json")["error_code"]),
        (&"failed".into(), &"usage".into())
    );
    assert_eq!(line("in/sub/_job.json")["outcome"], "stripped");
    assert_eq!(environment.run("strip -l id --to free --json in").ended(0).json().last().unwrap()["files"], 4);
    assert!(environment.path("free/_job.json").exists());
}

#[test]
fn a_place_that_holds_something_else_of_that_name_is_refused() {
    for content in ["", "{}", "[1]", &"x".repeat(5000), r#"{"type":"unlabel job"}"#] {
        let environment = tree();
        environment.write("out/_job.json", content);
        let run = environment.run("strip -l id --to out --if-exists skip in").ended(2);
        assert!(run.err().contains("out: "), "{run}");
        assert_eq!(fs::read_dir(environment.path("out")).unwrap().count(), 1);
    }
}

#[test]
fn an_upload_cannot_look() {
    let environment = tree();
    let run = environment.run("strip -l id --to http://127.0.0.1:9/x/ --if-exists skip in").ended(2);
    assert!(run.err().contains("cannot look at what is there"), "{run}");
}
