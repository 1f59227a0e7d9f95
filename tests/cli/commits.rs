//! Results that are only ever created: whoever does a file again finds the very result there and tells the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use sha2::Digest;

use crate::environment::{Environment, Run, png};

/// The columns of the table that depend on file, labels and version alone.
const COLUMNS: &[&str] = &[
    "path",
    "output",
    "outcome",
    "format",
    "bytes_in",
    "bytes_out",
    "removed",
    "labels_missing",
    "plan_digest",
    "output_digest",
    "error_code",
    "reason",
];

/// The row of each file, and what was committed.
fn rows(run: &Run) -> BTreeMap<String, (Vec<Value>, Value)> {
    let files = run.json().into_iter().filter(|line| line["type"] == "file");
    let row = |line: Value| {
        assert!(line["elapsed_us"].is_u64());
        let columns = COLUMNS.iter().map(|column| line[column].clone()).collect();
        (line["path"].as_str().unwrap().to_owned(), (columns, line["committed"].clone()))
    };
    files.map(row).collect()
}

fn columns(rows: &BTreeMap<String, (Vec<Value>, Value)>) -> Vec<&Vec<Value>> {
    rows.values().map(|(columns, _)| columns).collect()
}

/// Files that are stripped, that are clean, and one that nothing treats.
fn tree(files: usize) -> Environment {
    let environment = Environment::new();
    for number in 0..files {
        let value = "8".repeat(1 + number % 7);
        let texts: &[(&str, &str)] = if number % 5 == 0 { &[("owner", "Ann")] } else { &[("id", &value)] };
        environment.write(format!("in/{}/{number}.png", number % 3), png(texts));
    }
    environment.write("in/no.txt", "not a format");
    environment
}

/// What lies in `out` that is no result.
fn strays(environment: &Environment) -> Vec<String> {
    let is_stray = |name: &String| name.starts_with("out/") && name.contains("/.");
    environment.names().into_iter().filter(is_stray).collect()
}

#[test]
fn doing_it_again_tells_the_same_rows() {
    for sync in ["none", "file", "batch"] {
        let environment = tree(20);
        let line = format!("strip -l id --digest --to out --if-exists skip --sync {sync} --json in");
        let first = rows(&environment.run(&line).ended(1));
        let files = environment.files();
        let second = rows(&environment.run(&line).ended(1));
        assert_eq!(columns(&first), columns(&second), "{sync}");
        let committed = |rows: &BTreeMap<String, (Vec<Value>, Value)>| -> BTreeSet<String> {
            rows.values().map(|(_, committed)| committed.to_string()).collect()
        };
        assert_eq!(committed(&first), BTreeSet::from(["\"new\"".to_owned(), "null".to_owned()]));
        assert_eq!(committed(&second), BTreeSet::from(["\"existing\"".to_owned(), "null".to_owned()]));
        assert!(environment.files() == files, "nothing is written again");
        let digest = &first["in/0/0.png"].0[9];
        assert_eq!(digest.as_str().unwrap(), hexadecimal(&environment.read("out/0/0.png")));
        let looked = environment.run(&format!("{line} --dry-run")).ended(1);
        assert!(looked.json().iter().all(|line| line["outcome"] != "failed"), "{looked}");
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::new();
    sha2::Sha256::digest(bytes).iter().for_each(|byte| write!(text, "{byte:02x}").unwrap());
    text
}

#[test]
fn another_result_stays_and_fails_the_file() {
    for sync in ["file", "batch"] {
        let environment = tree(4);
        environment.write("out/1/1.png", png(&[("id", "99")]));
        std::os::unix::fs::symlink("../../in/2/2.png", {
            fs::create_dir_all(environment.path("out/0")).unwrap();
            environment.path("out/0/0.png")
        })
        .unwrap();
        let there = environment.read("out/1/1.png");
        let run = environment.run(&format!("strip -l id --to out --if-exists skip --sync {sync} --json in")).ended(1);
        let rows = rows(&run);
        for path in ["in/1/1.png", "in/0/0.png"] {
            let (row, committed) = &rows[path];
            assert_eq!((&row[2], &row[10], committed), (&json!("failed"), &json!("exists"), &Value::Null), "{run}");
            assert_eq!((&row[6], row[11].as_str().unwrap().starts_with("exists: ")), (&json!(0), true), "{run}");
        }
        assert_eq!(rows["in/2/2.png"].1, "new");
        assert_eq!(environment.read("out/1/1.png"), there);
        let dry = environment.run("strip -l id --to out --if-exists skip --dry-run --json in").ended(1);
        assert_eq!(dry.json().iter().filter(|line| line["error_code"] == "exists").count(), 2);
    }
}

#[test]
fn a_label_left_beside_the_result_is_another_result() {
    let environment = Environment::new();
    let path = environment.write("a.png", png(&[("id", "1")]));
    xattr::set(&path, "user.secret", b"1").unwrap();
    let line = "strip -l id -l xattr:user.secret --to out/ --if-exists skip --json a.png";
    environment.run(line).ended(0);
    let result = environment.path("out/a.png");
    assert_eq!(xattr::get(&result, "user.secret").unwrap(), None);
    assert_eq!(environment.run(line).ended(0).file()["committed"], "existing");
    xattr::set(&result, "user.secret", b"1").unwrap();
    assert_eq!(environment.run(line).ended(1).file()["error_code"], "exists");
}

#[test]
fn two_that_race_commit_each_file_once() {
    for sync in ["none", "file", "batch"] {
        let environment = tree(150);
        let line = format!("strip -l id --to out --if-exists skip --sync {sync} --json -j2 in");
        let start = || {
            let mut command = environment.command(line.split_whitespace());
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let runs = [start(), start()].map(|child| Run::from(child.wait_with_output().unwrap()).ended(1));
        let [one, other] = runs.each_ref().map(rows);
        assert_eq!(columns(&one), columns(&other), "{sync}");
        for (path, (row, committed)) in &one {
            let both = [committed, &other[path].1].map(|it| it.as_str().unwrap_or("none"));
            let wanted = if row[2] == "unsupported" { vec!["none", "none"] } else { vec!["existing", "new"] };
            let mut both = both.to_vec();
            both.sort_unstable();
            assert_eq!(both, wanted, "{sync}: {path}");
        }
        assert_eq!(strays(&environment), [""; 0]);
        let again = environment.run(&line).ended(1);
        assert_eq!(columns(&rows(&again)), columns(&one), "{again}");
    }
}

#[test]
fn where_files_always_have_a_name_it_is_the_same() {
    let environment = tree(60);
    let line = "strip -l id --to out --if-exists skip --json -j2 in";
    let start = |fault: &str| {
        let mut command = environment.command(line.split_whitespace());
        command.env("UNLABEL_FAULT", fault).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let runs = [start("0:named"), start("0:named"), start("")];
    let runs = runs.map(|child| rows(&Run::from(child.wait_with_output().unwrap()).ended(1)));
    for (path, (row, _)) in &runs[0] {
        let made = runs.iter().filter(|rows| rows[path].1 == "new").count();
        assert_eq!(made, usize::from(row[2] != "unsupported"), "{path}");
        assert!(runs.iter().all(|rows| rows[path].0 == *row), "{path}");
    }
    assert_eq!(strays(&environment), [""; 0]);
}

/// The steps on the disk that a run makes, as names.
fn steps(environment: &Environment, line: &str) -> Vec<String> {
    let log = environment.path("steps");
    let mut command = environment.command(line.split_whitespace());
    command.env("UNLABEL_FAULT", format!("log:{}", log.display())).output().unwrap();
    let steps = fs::read_to_string(&log).unwrap_or_default().lines().map(str::to_owned).collect();
    let _ = fs::remove_file(log);
    steps
}

/// Waits until the process is frozen.
fn wait_until_stopped(child: &Child) {
    let began = Instant::now();
    let is_stopped = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    };
    while !is_stopped() {
        assert!(began.elapsed() < Duration::from_mins(1), "it does not stop");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_worker_that_was_frozen_cannot_replace_what_others_made() {
    for sync in ["none", "file", "batch"] {
        let environment = Environment::new();
        environment.write("in/a.png", png(&[("id", "8888")]));
        let line = format!("strip -l id --to out --if-exists skip --sync {sync} --json in");
        let last = steps(&environment, &line).iter().rposition(|step| step == "rename").unwrap();
        fs::remove_dir_all(environment.path("out")).unwrap();

        let mut command = environment.command(line.split_whitespace());
        command.env("UNLABEL_FAULT", format!("{last}:stop")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let frozen = command.spawn().unwrap();
        wait_until_stopped(&frozen);
        assert!(!environment.path("out/a.png").exists(), "it is held before the commit");
        let other = environment.run(&line).ended(0);
        let made = fs::metadata(environment.path("out/a.png")).unwrap();
        kill_process(Pid::from_child(&frozen), Signal::CONT).unwrap();
        let late = Run::from(frozen.wait_with_output().unwrap()).ended(0);

        assert_eq!((&other.file()["committed"], &late.file()["committed"]), (&json!("new"), &json!("existing")));
        assert_eq!(columns(&rows(&other)), columns(&rows(&late)), "{sync}");
        let there = fs::metadata(environment.path("out/a.png")).unwrap();
        assert_eq!((there.ino(), there.mtime_nsec()), (made.ino(), made.mtime_nsec()));
        assert_eq!(strays(&environment), [""; 0]);
    }
}

#[test]
fn a_frozen_worker_whose_result_is_another_by_then_fails() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    let line = "strip -l id --to out --if-exists skip --sync batch --json in";
    let last = steps(&environment, line).iter().rposition(|step| step == "rename").unwrap();
    fs::remove_file(environment.path("out/a.png")).unwrap();
    // The directory is bound already, which takes fewer steps.
    let bound = steps(&environment, line).iter().rposition(|step| step == "rename").unwrap();
    assert!(bound <= last);
    fs::remove_file(environment.path("out/a.png")).unwrap();
    let mut command = environment.command(line.split_whitespace());
    command.env("UNLABEL_FAULT", format!("{bound}:stop")).stdout(Stdio::piped()).stderr(Stdio::piped());
    let frozen = command.spawn().unwrap();
    wait_until_stopped(&frozen);
    environment.write("out/a.png", "of another");
    kill_process(Pid::from_child(&frozen), Signal::CONT).unwrap();
    let late = Run::from(frozen.wait_with_output().unwrap()).ended(1);
    assert_eq!(late.file()["error_code"], "exists", "{late}");
    assert_eq!(environment.read("out/a.png"), b"of another");
}

#[test]
fn a_kill_at_any_step_leaves_nothing_but_results() {
    for sync in ["file", "batch"] {
        let clean = tree(4);
        let line = format!("strip -l id --to out --if-exists skip --sync {sync} --json -j1 in");
        let all = steps(&clean, &line).len();
        let wanted: Vec<_> = clean.files().into_iter().filter(|(name, _)| name.starts_with("out/")).collect();
        assert!(all >= 12, "{all}");
        for step in 0..all {
            let environment = tree(4);
            let mut command = environment.command(line.split_whitespace());
            let killed = command.env("UNLABEL_FAULT", format!("{step}:kill")).output().unwrap();
            assert_eq!(killed.status.code(), None, "step {step}");
            assert_eq!(strays(&environment), [""; 0], "step {step}");
            let again = environment.run(&line).ended(1);
            let is_done = |line: &Value| line["outcome"] == "clean" || line["outcome"] == "stripped";
            assert_eq!(again.json().iter().filter(|line| is_done(line)).count(), 4, "step {step}: {again}");
            let found: Vec<_> = environment.files().into_iter().filter(|(name, _)| name.starts_with("out/")).collect();
            assert!(found == wanted, "step {step}");
        }
    }
}
