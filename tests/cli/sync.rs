//! `--sync`: what is synced, in which order, and that nothing is reported before it is there to stay.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::environment::{Environment, Run, keys, png};

/// The three ways to write to this machine.
const WAYS: [&str; 3] = ["--in-place", "--in-place --write patch", "--to out"];

/// `count` files with a label, in two directories.
fn labelled(environment: &Environment, count: usize) {
    for number in 0..count {
        environment.write(format!("in/{}/{number:04}.png", number % 2), png(&[("id", "8888"), ("owner", "Ann")]));
    }
}

/// The files that a run changes, by the names of the inputs.
fn results(environment: &Environment, way: &str) -> BTreeMap<String, Vec<u8>> {
    let root = if way == "--to out" { "out/" } else { "in/" };
    let files = environment.files().into_iter();
    files.filter_map(|(name, bytes)| Some((name.strip_prefix(root)?.to_owned(), bytes))).collect()
}

/// Runs the command, and answers the steps that it passed.
fn steps(environment: &Environment, arguments: &str) -> (Run, Vec<String>) {
    let log = environment.path("steps");
    let mut command = environment.command(arguments.split_whitespace());
    let run = Run::from(command.env("UNLABEL_FAULT", format!("log:{}", log.display())).output().unwrap());
    let steps = fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect();
    let _ = fs::remove_file(log);
    (run, steps)
}

fn count(steps: &[String], name: &str) -> usize {
    steps.iter().filter(|step| *step == name).count()
}

/// The paths that a record has as stripped.
fn recorded(environment: &Environment, record: &str) -> Vec<String> {
    let text = String::from_utf8(fs::read(environment.path(record)).unwrap_or_default()).unwrap();
    // The last line may be torn.
    let lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let stripped = lines.filter(|line| line["outcome"] == "stripped");
    stripped.map(|line| line["path"].as_str().unwrap().strip_prefix("in/").unwrap().to_owned()).collect()
}

fn is_clean(bytes: &[u8]) -> bool {
    !bytes.windows(4).any(|window| window == b"8888")
}

#[cfg(target_os = "linux")]
#[test]
fn files_of_a_group_share_two_syncs() {
    const FILES: usize = 12;
    for way in WAYS {
        let strip = |sync: &str| {
            let environment = Environment::new();
            labelled(&environment, FILES);
            let (run, steps) = steps(&environment, &format!("strip -l id {way} --sync {sync} -j2 --json in"));
            assert_eq!(run.ended(0).json().last().unwrap()["stripped"], FILES);
            (results(&environment, way), steps)
        };
        let (none, steps) = strip("none");
        assert_eq!(count(&steps, "sync") + count(&steps, "syncfs"), 0, "{way}: {steps:?}");
        let (file, steps) = strip("file");
        assert!(count(&steps, "sync") >= 2 * FILES && count(&steps, "syncfs") == 0, "{way}: {steps:?}");
        let (batch, steps) = strip("batch");
        assert_eq!((count(&steps, "sync"), count(&steps, "syncfs")), (0, 2), "{way}: {steps:?}");
        let at = |name: &str| steps.iter().position(|step| step == name);
        let changed = if way.contains("patch") { "write" } else { "rename" };
        let last_change = steps.iter().rposition(|step| step == changed);
        assert!(at("syncfs") < at(changed), "{way}: {steps:?}");
        assert!(steps.iter().rposition(|step| step == "syncfs") > last_change, "{way}: {steps:?}");
        assert_eq!(none.len(), FILES);
        assert!(none.values().all(|bytes| is_clean(bytes)) && none == file && file == batch);
    }
}

/// Killed at each step: what is recorded is done, and the rest is old or new after recovery. Then the run goes on.
#[test]
fn a_kill_at_every_step_of_a_group_loses_nothing_that_was_recorded() {
    for way in WAYS {
        let arguments = format!("strip -l id {way} --sync batch -j1 --resume run.jsonl in");
        for step in 0.. {
            let environment = Environment::new();
            labelled(&environment, 5);
            let old = results(&environment, "");
            let mut command = environment.command(arguments.split_whitespace());
            let output = command.env("UNLABEL_FAULT", format!("{step}:kill")).output().unwrap();
            let is_killed = output.status.signal() == Some(9);
            assert!(is_killed || output.status.success());
            environment.run("recover in").ended(0);
            let now = results(&environment, way);
            for path in recorded(&environment, "run.jsonl") {
                assert!(is_clean(&now[&path]), "{way}, step {step}: {path} was reported, and is not stripped");
            }
            let visible = now.iter().filter(|(name, _)| !name.contains("/."));
            for (name, bytes) in visible {
                assert!(*bytes == old[name] || is_clean(bytes), "{way}, step {step}: {name} is torn");
            }
            environment.run(&arguments).ended(0);
            let done = results(&environment, way);
            let done: Vec<_> = done.iter().filter(|(name, _)| !name.contains("/.")).collect();
            assert!(done.len() == 5 && done.iter().all(|(_, bytes)| is_clean(bytes)), "{way}, step {step}");
            if !is_killed {
                assert!(step > 15, "only {step} steps");
                break;
            }
        }
    }
}

/// Before the second sync nothing is reported: a power cut could take it back.
#[cfg(target_os = "linux")]
#[test]
fn nothing_is_recorded_before_it_is_durable() {
    for way in WAYS {
        let arguments = format!("strip -l id {way} --sync batch -j1 --report run.jsonl in");
        let strip = |fault: Option<usize>| {
            let environment = Environment::new();
            labelled(&environment, 5);
            let Some(at) = fault else { return (steps(&environment, &arguments).1, 5) };
            let mut command = environment.command(arguments.split_whitespace());
            command.env("UNLABEL_FAULT", format!("{at}:kill")).output().unwrap();
            (Vec::new(), recorded(&environment, "run.jsonl").len())
        };
        let (steps, _) = strip(None);
        let last = steps.iter().rposition(|step| step == "syncfs").unwrap();
        assert_eq!(strip(Some(last)).1, 0, "{way}");
        assert_eq!(strip(Some(steps.len())).1, 5, "{way}: not even killed");
    }
}

/// `kill -9` from outside, at whatever moment.
#[test]
fn a_kill_at_any_moment_of_many_groups_loses_nothing_that_was_recorded() {
    for round in 0..12_u64 {
        let environment = Environment::new();
        labelled(&environment, 200);
        let old = results(&environment, "");
        // Groups of eight files.
        let command = format!(
            "ulimit -n 16; exec \"$0\" strip -l id {} --sync batch -j2 --report run.jsonl in",
            WAYS[(round % 2) as usize]
        );
        let mut shell = Command::new("bash");
        shell.args(["-c", &command, env!("CARGO_BIN_EXE_unlabel")]).current_dir(environment.path(""));
        let mut child = shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + round * 5));
        child.kill().unwrap();
        child.wait().unwrap();
        environment.run("recover in").ended(0);
        let now = results(&environment, "--in-place");
        assert!(recorded(&environment, "run.jsonl").iter().all(|path| is_clean(&now[path])));
        let visible: Vec<_> = now.iter().filter(|(name, _)| !name.contains("/.")).collect();
        assert_eq!(visible.len(), 200);
        assert!(visible.iter().all(|(name, bytes)| **bytes == old[*name] || is_clean(bytes)));
    }
}

/// Each write that waits holds a file open.
#[cfg(target_os = "linux")]
#[test]
fn a_group_is_no_larger_than_the_limit_of_open_files() {
    let environment = Environment::new();
    labelled(&environment, 100);
    let log = environment.path("steps");
    let command = "ulimit -n 64; exec \"$0\" strip -l id --in-place --write patch --sync batch -j1 --json in";
    let mut shell = Command::new("bash");
    shell.args(["-c", command, env!("CARGO_BIN_EXE_unlabel")]).current_dir(environment.path(""));
    let run = Run::from(shell.env("UNLABEL_FAULT", format!("log:{}", log.display())).output().unwrap()).ended(0);
    assert_eq!(run.json().last().unwrap()["stripped"], 100);
    let steps: Vec<_> = fs::read_to_string(log).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(count(&steps, "syncfs"), 2 * 100_usize.div_ceil(32));
}

/// One file under several names, and one that is named twice, in one group: the second time it is clean.
#[test]
fn a_file_that_is_reached_twice_is_committed_before_it_is_treated_again() {
    for (way, jobs) in [("--in-place --write patch", 1), ("--in-place --write patch", 2), ("--in-place", 2)] {
        let environment = Environment::new();
        for number in 0..20 {
            environment.write(format!("in/{number}.png"), png(&[("id", "8888")]));
            std::os::unix::fs::symlink(format!("{number}.png"), environment.path(format!("in/{number}.link"))).unwrap();
            if way.contains("patch") {
                fs::hard_link(
                    environment.path(format!("in/{number}.png")),
                    environment.path(format!("in/{number}.hard")),
                )
                .unwrap();
            }
        }
        let run = environment.run(&format!("strip -l id {way} --sync batch -j{jobs} --json in in/3.png")).ended(0);
        let summary = run.json().pop().unwrap();
        assert_eq!(summary["stripped"], 20, "{way}: {summary}");
        assert_eq!(summary["files"], if way.contains("patch") { 61 } else { 41 });
        assert!(results(&environment, way).values().all(|bytes| is_clean(bytes)));
    }
}

/// The oldest file waits for its group, and all others for the report on it.
#[test]
fn ordered_reports_and_groups_do_not_wait_for_each_other() {
    for jobs in [1, 3] {
        let environment = Environment::new();
        environment.write("in/0000.png", png(&[("id", "8888")]));
        for number in 1..1500 {
            environment.write(format!("in/{number:04}.png"), png(&[]));
        }
        environment.write("in/9999.png", png(&[("id", "8888")]));
        let run =
            environment.run(&format!("strip -l id --in-place --sync batch --ordered -j{jobs} --json in")).ended(0);
        let lines = run.json();
        assert_eq!((&lines[0]["path"], &lines[0]["outcome"]), (&"in/0000.png".into(), &"stripped".into()));
        assert_eq!(lines.last().unwrap()["stripped"], 2);
        assert_eq!(lines.last().unwrap()["files"], 1501);
    }
}

#[test]
fn an_interrupt_commits_what_is_ready() {
    let environment = Environment::new();
    environment.write("first.png", png(&[("id", "8888")]));
    let mode = rustix::fs::Mode::from(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, environment.path("pipe"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    environment.write("last.png", png(&[("id", "8888")]));
    let arguments = ["strip", "-l", "id", "--to", "out", "--sync", "batch", "--json", "-j1", "first.png", "pipe"];
    let mut command = environment.command(arguments.iter().chain(&["last.png"]));
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Not by reading files: one of them is a pipe.
    let outputs = || {
        let found = fs::read_dir(environment.path("out")).into_iter().flatten();
        let mut names: Vec<_> = found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    let is_ready = || outputs().iter().any(|name| name.starts_with(".first.png.unlabel-"));
    let begun = Instant::now();
    while !is_ready() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never begins");
        std::thread::sleep(Duration::from_millis(5));
    }
    // It opens once the second file is in hand.
    let mut pipe = fs::File::options().write(true).open(environment.path("pipe")).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    std::io::Write::write_all(&mut pipe, &png(&[("id", "8888")])).unwrap();
    drop(pipe);
    let run = Run::from(child.wait_with_output().unwrap()).ended(130);
    let lines = run.json();
    let paths: Vec<_> = lines.iter().filter_map(|line| line["path"].as_str()).collect();
    assert_eq!(paths, ["first.png", "pipe"]);
    assert_eq!(outputs(), ["first.png", "pipe"]);
    assert_eq!(keys(&environment, "out/first.png"), Vec::<String>::new());
}

/// A source goes when its result is there to stay; results of one file may go to several places.
#[test]
fn sources_are_removed_after_their_group() {
    let environment = Environment::new();
    labelled(&environment, 6);
    environment.write("in/notes.bin", "no format");
    let run = environment.run("strip -l id --to a --to b --delete-source --sync batch --json in").ended(1);
    assert_eq!(run.json().last().unwrap()["stripped"], 6, "{run}");
    let names = environment.names();
    assert_eq!(names.iter().filter(|name| name.starts_with("in/")).collect::<Vec<_>>(), ["in/notes.bin"]);
    assert_eq!(names.iter().filter(|name| name.starts_with("a/") || name.starts_with("b/")).count(), 12);
    assert!(names.iter().all(|name| !name.contains("unlabel-")), "{names:?}");
}

/// One file of a group fails; the others do not.
#[test]
fn a_result_that_cannot_be_committed_is_reported_and_the_rest_is_written() {
    let environment = Environment::new();
    labelled(&environment, 4);
    environment.write("out/0/0002.png", "there already");
    let run = environment.run("strip -l id --to out --if-exists error --sync batch --json in").ended(1);
    let summary = run.json().pop().unwrap();
    assert_eq!((&summary["stripped"], &summary["failed"]), (&3.into(), &1.into()), "{run}");
    assert_eq!(environment.read("out/0/0002.png"), b"there already");
}
