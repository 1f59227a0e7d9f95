//! Interruptions, kills and full disks: every visible file is the old one or the new one.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::environment::{Environment, Run, large_png, png};

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// A run that waits for a pipe: `first.png` is done, `pipe` is in hand, `last.png` is not begun.
fn waiting(environment: &Environment) -> Child {
    waiting_with(environment, &[])
}

fn waiting_with(environment: &Environment, options: &[&str]) -> Child {
    environment.write("first.png", png(&[("id", "8888")]));
    environment.write("last.png", png(&[("id", "8888")]));
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, environment.path("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    environment
        .command(["strip", "-l", "id", "--to", "out", "--json", "-j1"].iter().chain(options))
        .args(["first.png", "pipe", "last.png"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn an_interrupt_finishes_what_is_in_hand_and_begins_no_more() {
    let environment = Environment::new();
    let mut child = waiting(&environment);
    // The report on the first file says that the second is in hand.
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    stdout.read_line(&mut said).unwrap();
    let mut pipe = fs::File::options().write(true).open(environment.path("pipe")).unwrap();
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(50));
    pipe.write_all(&png(&[("id", "8888")])).unwrap();
    drop(pipe);
    for line in stdout.lines() {
        said += &line.unwrap();
        said.push('\n');
    }
    let mut run = Run::from(child.wait_with_output().unwrap()).ended(130);
    run.stdout = said.into_bytes();
    let lines = run.json();
    let paths: Vec<_> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, ["first.png", "pipe"]);
    let summary = lines.last().unwrap();
    assert_eq!((&summary["stripped"], &summary["interrupted"]), (&2.into(), &true.into()));
    assert!(!environment.path("out/last.png").exists());
    assert!(environment.path("out/pipe").is_file());
}

#[test]
fn an_order_to_end_leaves_a_usable_report() {
    for (sent, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let environment = Environment::new();
        let mut child = waiting_with(&environment, &["--resume", "report.jsonl"]);
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let mut pipe = fs::File::options().write(true).open(environment.path("pipe")).unwrap();
        signal(&child, sent);
        std::thread::sleep(Duration::from_millis(50));
        pipe.write_all(&png(&[("id", "8888")])).unwrap();
        drop(pipe);
        child.wait_with_output().map(Run::from).unwrap().ended(code);
        let report = String::from_utf8(environment.read("report.jsonl")).unwrap();
        let lines: Vec<serde_json::Value> = report.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["run", "file", "file", "summary"]);
        assert_eq!((&lines[3]["interrupted"], &lines[3]["stripped"]), (&true.into(), &2.into()));
        // The next run does what is left, and the summary counts all.
        fs::remove_file(environment.path("pipe")).unwrap();
        environment.write("pipe", "");
        let arguments = "strip -l id --to out --json -j1 --resume report.jsonl first.png pipe last.png";
        let run = environment.run(arguments).ended(0);
        assert_eq!(run.file()["path"], "last.png");
        assert_eq!((&run.json()[1]["files"], &run.json()[1]["resumed"]), (&3.into(), &2.into()));
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let environment = Environment::new();
    let mut child = waiting(&environment);
    let mut said = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
    let pipe = fs::File::options().write(true).open(environment.path("pipe")).unwrap();
    signal(&child, Signal::INT);
    std::thread::sleep(Duration::from_millis(50));
    signal(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    drop(pipe);
    assert!(!environment.path("out/pipe").exists());
}

/// Runs the command below a shell that lets no file grow past 1 MiB.
fn limited(environment: &Environment, before: &str, arguments: &str) -> Run {
    let command = format!("{before} ulimit -f 1024; exec \"$0\" {arguments}");
    let mut shell = Command::new("bash");
    shell.args(["-c", &command, env!("CARGO_BIN_EXE_unlabel")]).current_dir(environment.path(""));
    Run::from(shell.output().unwrap())
}

#[test]
fn a_kill_half_way_through_writing_leaves_the_old_file() {
    for len in [300 << 10, 4 << 20] {
        let environment = Environment::new();
        let bytes = large_png(&[("id", "8888")], len);
        environment.write("a.png", &bytes);
        // The kernel kills the process with SIGXFSZ when the staged file passes the limit.
        let run = limited(&environment, "ulimit -c 0;", "strip -l id --in-place a.png");
        let is_over = len > 1 << 20;
        assert_eq!(run.code.is_none(), is_over, "{run}");
        if is_over {
            assert!(environment.read("a.png") == bytes, "a torn file");
            // What the killed run left behind is no input of the next one.
            assert_eq!(environment.names().len(), 2);
            assert_eq!(environment.run("list --json .").ended(0).file()["path"], "./a.png");
            assert_eq!(environment.run("strip -l id --json --in-place .").ended(0).file()["outcome"], "stripped");
        }
    }
}

#[test]
fn a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else() {
    let environment = Environment::new();
    let bytes = large_png(&[("id", "8888")], 4 << 20);
    environment.write("a.png", &bytes);
    environment.write("out/a.png", "the old result");
    for destination in ["--in-place", "--to out/a.png", "--to new/a.png"] {
        let arguments = format!("strip -l id --json {destination} a.png");
        let run = limited(&environment, "trap '' XFSZ;", &arguments).ended(1);
        assert_eq!(run.file()["outcome"], "failed", "{run}");
        assert_eq!(run.file()["labels"][0]["status"], "refused");
        assert_eq!(run.file()["bytes_written"], 0);
        assert!(environment.read("a.png") == bytes, "{destination}: a torn file");
    }
    assert_eq!(environment.read("out/a.png"), b"the old result");
    assert_eq!(environment.names(), ["a.png", "out/a.png"]);
}

#[test]
fn a_kill_at_any_moment_leaves_whole_files() {
    let labelled = large_png(&[("id", "8888")], 700 << 10);
    let environment = Environment::new();
    environment.write("a.png", &labelled);
    environment.run("strip -l id --to cleaned.png a.png").ended(0);
    let cleaned = environment.read("cleaned.png");
    for round in 0..12_u64 {
        let environment = Environment::new();
        for number in 0..40 {
            environment.write(format!("{number}.png"), &labelled);
        }
        let mut child = environment
            .command(["strip", "-l", "id", "--in-place", "-j2", "."])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(2 + round * 3));
        child.kill().unwrap();
        child.wait().unwrap();
        for (name, bytes) in environment.files() {
            let is_staged = name.starts_with('.') && name.contains(".unlabel-");
            assert!(is_staged || bytes == labelled || bytes == cleaned, "{name} is torn");
        }
        assert_eq!(environment.names().iter().filter(|name| !name.starts_with('.')).count(), 40);
    }
}

#[test]
fn stale_files_go_when_asked_for_and_old_enough() {
    let environment = Environment::new();
    let labelled = png(&[("id", "8888")]);
    let stale = ["in/.a.png.unlabel-a1B2c3D4", "in/sub/.b.png.unlabel-a1B2c3D4"];
    let others = ["in/.a.png.unlabel-notes", "in/a.png", "elsewhere/.c.png.unlabel-a1B2c3D4"];
    for name in stale.iter().chain(&others) {
        environment.write(name, &labelled);
    }
    let left = || stale.iter().filter(|name| environment.path(name).exists()).count();
    environment.run("strip -l id --in-place in").ended(0);
    environment.run("strip -l id --in-place --clean-stale in").ended(0);
    environment.run("strip -l id --in-place --clean-stale=1h in").ended(0);
    assert_eq!(left(), 2, "they may be at work");
    environment.run("strip -l id --to out --clean-stale=0s in").ended(0);
    assert_eq!(left(), 2, "nothing is written there");
    // Beside a file that was named, not below.
    let run = environment.run("strip -l id --in-place --clean-stale=0s in/a.png").ended(0);
    assert_eq!(left(), 1, "{run}");
    let run = environment.run("strip -l id --in-place --clean-stale=0s in").ended(0);
    assert_eq!(left(), 0, "{run}");
    assert!(run.err().contains("removed 1 staged file"), "{run}");
    assert!(others.iter().all(|name| environment.path(name).exists()));
}
