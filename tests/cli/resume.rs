//! The record of a run, and runs that go on where another one was killed.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

use serde_json::Value;

use crate::environment::{Environment, large_png, png};

fn lines(environment: &Environment, name: &str) -> Vec<Value> {
    let text = String::from_utf8(environment.read(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// How often each path is in the record.
fn recorded(environment: &Environment, name: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for line in lines(environment, name).iter().filter(|line| line["type"] == "file") {
        *counts.entry(line["path"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

#[test]
fn a_record_has_what_was_asked_every_outcome_and_the_summary() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    environment.write("in/notes.bin", "no format");
    environment.run("strip -l id --in-place --report in/run.jsonl in").ended(1);
    let record = lines(&environment, "in/run.jsonl");
    let kinds: Vec<_> = record.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run", "file", "file", "summary"], "the record is no input");
    let run = environment.run("strip -l id --in-place --report in/run.jsonl in").ended(2);
    assert!(run.err().contains("--resume"), "{run}");
}

#[test]
fn finished_files_are_not_looked_at_again_and_failed_ones_are() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    environment.write("in/notes.bin", "no format");
    let mut cut = png(&[("id", "8888")]);
    cut.truncate(40);
    environment.write("in/bad.png", cut);
    let arguments = "strip -l id --to out --json --resume run.jsonl in";
    environment.run(arguments).ended(1);
    environment.write("in/bad.png", png(&[("id", "8888")]));
    environment.write("in/new.png", png(&[("id", "8888")]));
    fs::remove_file(environment.path("out/a.png")).unwrap();
    let run = environment.run(arguments).ended(1);
    let summary = run.json().pop().unwrap();
    assert_eq!(run.json().len(), 3, "{run}");
    for (field, count) in [("files", 4), ("stripped", 3), ("unsupported", 1), ("failed", 0), ("resumed", 2)] {
        assert_eq!(summary[field], count, "{field}: {run}");
    }
    assert!(!environment.path("out/a.png").exists());
    let run = environment.run(arguments).ended(1);
    assert_eq!(run.json().last().unwrap()["resumed"], 4);
}

#[test]
fn a_run_of_something_else_is_not_gone_on_with() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    environment.write("run.jsonl", "");
    environment.write("other.jsonl", "{\"type\":\"file\"}\n");
    environment.run("strip -l id --to out --resume run.jsonl in").ended(0);
    let before = environment.files();
    for (arguments, words) in [
        ("strip -l id -l owner --to out --resume run.jsonl in", "labels differ"),
        ("strip -l id --to out2 --resume run.jsonl in", "destinations differ"),
        ("strip -l id --to out --layout compact --resume run.jsonl in", "options differ"),
        ("strip -l id --to out --resume run.jsonl ./in", "inputs differ"),
        ("strip -l id --to out --exclude b --resume run.jsonl in", "inputs differ"),
        ("strip -l id --to out --resume other.jsonl in", "not the record of a run"),
        ("strip -l id --to out --resume in/a.png in", "not the record of a run"),
    ] {
        let run = environment.run(arguments).ended(2);
        assert!(run.err().contains(words), "{arguments}: {run}");
        assert_eq!(environment.files(), before, "{arguments}");
    }
    // How fast and to whom it is told makes no difference.
    environment.run("strip -l id --to out --resume run.jsonl --json --ordered -j3 in").ended(0);
}

#[test]
fn a_torn_last_line_is_cut_off_and_its_file_done_again() {
    let environment = Environment::new();
    for name in ["a", "b", "c"] {
        environment.write(format!("in/{name}.png"), png(&[("id", "8888")]));
    }
    let arguments = "strip -l id --to out --json --ordered --resume run.jsonl in";
    environment.run(arguments).ended(0);
    let whole = environment.read("run.jsonl");
    let lines_of: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let torn = [lines_of[0], lines_of[1], &lines_of[2][..20]].concat();
    environment.write("run.jsonl", torn);
    let run = environment.run(arguments).ended(0);
    let summary = run.json().pop().unwrap();
    assert_eq!((&summary["files"], &summary["resumed"]), (&3.into(), &1.into()));
    assert_eq!(recorded(&environment, "run.jsonl").into_values().collect::<Vec<_>>(), [1, 1, 1]);
    // Even what was asked may be torn.
    environment.write("run.jsonl", &whole[..10]);
    assert_eq!(environment.run(arguments).ended(0).json().len(), 4);
}

#[test]
fn two_runs_do_not_share_a_record() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    let open = fs::File::create(environment.path("run.jsonl")).unwrap();
    open.lock().unwrap();
    let run = environment.run("strip -l id --to out --resume run.jsonl in").ended(2);
    assert!(run.err().contains("another run"), "{run}");
}

#[cfg(unix)]
#[test]
fn killed_runs_go_on_until_every_file_is_done_once() {
    const FILES: usize = 400;
    for (destination, jobs) in [("--to out", 1_u64), ("--to out", 2), ("--in-place", 2)] {
        let environment = Environment::new();
        for number in 0..FILES {
            environment.write(format!("in/{}/{number}.png", number % 5), large_png(&[("id", "8888")], 20 << 10));
        }
        environment.write("in/notes.bin", "no format");
        let arguments = format!("strip -l id {destination} -j{jobs} --json --resume run.jsonl in");
        let mut kills = 0;
        // Killed when the record has some lines more, until it is no more killed in time.
        for stage in 1.. {
            let mut child = environment
                .command(arguments.split_whitespace())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let enough = |text: Vec<u8>| text.split(|byte| *byte == b'\n').count() > stage * 90;
            while child.try_wait().unwrap().is_none() {
                if fs::read(environment.path("run.jsonl")).is_ok_and(enough) {
                    child.kill().unwrap();
                    break;
                }
                std::thread::yield_now();
            }
            if child.wait().unwrap().code().is_some() {
                break;
            }
            kills += 1;
        }
        assert!(kills >= 2, "it was killed {kills} times only");
        let run = environment.run(&arguments).ended(1);
        let summary = run.json().pop().unwrap();
        assert_eq!(summary["files"], FILES + 1, "{summary}");
        assert_eq!(summary["resumed"], FILES + 1, "{summary}");
        let done = summary["stripped"].as_u64().unwrap() + summary["clean"].as_u64().unwrap();
        assert_eq!(done, FILES as u64);
        // In place, a file whose line was lost is clean when it is looked at again: at most those in hand.
        assert!(summary["clean"].as_u64().unwrap() <= kills * jobs, "{summary}");
        let counts = recorded(&environment, "run.jsonl");
        assert_eq!(counts.len(), FILES + 1);
        assert!(counts.values().all(|count| *count == 1), "finished files were done again");
        let prefix = if destination == "--in-place" { "in/" } else { "out/" };
        // Beside them lie staged files that the kills left.
        let results: Vec<_> = environment
            .files()
            .into_iter()
            .filter(|(name, _)| name.starts_with(prefix) && !name.contains("/.") && name != "in/notes.bin")
            .collect();
        assert_eq!(results.len(), FILES);
        assert!(results.iter().all(|(_, bytes)| !bytes.windows(4).any(|window| window == b"8888")));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_record_that_cannot_be_written_stops_the_run() {
    let environment = Environment::new();
    for number in 0..50 {
        environment.write(format!("in/{number}.png"), png(&[("id", "8888")]));
    }
    let command = "ulimit -f 3; trap '' XFSZ; exec \"$0\" strip -l id --dry-run -j1 --report run.jsonl in";
    let mut shell = std::process::Command::new("bash");
    shell.args(["-c", command, env!("CARGO_BIN_EXE_unlabel")]).current_dir(environment.path(""));
    let run = crate::environment::Run::from(shell.output().unwrap()).ended(1);
    assert!(run.err().contains("cannot write the record"), "{run}");
    assert!(run.out().lines().count() < 40, "{run}");
}
