//! Runs that schedulers start: shares of one list, exit codes, names that are unusual.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::environment::{Environment, Run, png};
use crate::scale_out::path;

/// Names that lists, shells and reports trip over.
const NAMES: &[&[u8]] =
    &[b"plain.png", b"two\nlines.png", b"-l.png", b"--all", b"a b'\"$(x).png", b"not \xff utf-8.png", b"_job.png"];

/// The files of a report by their exact paths.
fn rows(text: &str) -> BTreeMap<Vec<u8>, Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut rows = BTreeMap::new();
    for line in lines.filter(|line| line["type"] == "file") {
        let exact = line["path_bytes"].as_str().map(|bytes| BASE64_STANDARD.decode(bytes).unwrap());
        let path = exact.unwrap_or_else(|| line["path"].as_str().unwrap().as_bytes().to_vec());
        assert_eq!(rows.insert(path, line), None, "a file is told twice");
    }
    rows
}

fn tree() -> Environment {
    let environment = Environment::new();
    for name in NAMES {
        environment.write(std::path::Path::new("in").join(OsStr::from_bytes(name)), png(&[("id", "8888")]));
    }
    for number in 0..60 {
        environment.write(format!("in/{}/{number}.png", number % 4), png(&[("id", "8888")]));
    }
    environment
}

#[test]
fn shares_are_disjoint_and_complete_and_their_reports_add_up() {
    let environment = tree();
    let list = Command::new("find").args(["in", "-type", "f", "-print0"]).current_dir(environment.path("")).output();
    environment.write("list0", list.unwrap().stdout);
    let mut all = BTreeMap::new();
    for index in 0..8 {
        let line = format!(
            "strip -l id --files0-from list0 --shard-index {index} --shard-count 8 --to out --if-exists skip \
             --resume report/{index}.jsonl"
        );
        fs::create_dir_all(environment.path("report")).unwrap();
        environment.run(&line).ended(0);
        let report = String::from_utf8(environment.read(format!("report/{index}.jsonl"))).unwrap();
        let found = rows(&report);
        let summary: Value = serde_json::from_str(report.lines().last().unwrap()).unwrap();
        assert_eq!((&summary["type"], &summary["files"]), (&"summary".into(), &found.len().into()));
        for (path, row) in found {
            assert_eq!((&row["outcome"], &row["committed"]), (&"stripped".into(), &"new".into()));
            assert_eq!(all.insert(path, row), None, "two shares have one file");
        }
    }
    assert_eq!(all.len(), 60 + NAMES.len());
    for path in all.keys() {
        assert!(environment.path("out").join(OsStr::from_bytes(path)).is_file());
    }
}

/// Runs a line of a shell, in which `unlabel` is the command.
fn shell(environment: &Environment, line: &str) -> Run {
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", line]).env("PATH", path()).current_dir(environment.path(""));
    Run::from(command.output().unwrap())
}

#[test]
fn xargs_tells_failed_files_from_calls_that_never_began() {
    let environment = tree();
    let run = shell(&environment, "find in -name '*.png' -print0 | xargs -0 -n20 unlabel strip -q -l id --to out --");
    run.ended(0);
    environment.write("in/bad.png", b"\x89PNG\r\n\x1a\n\xff\xff");
    // 1 to 125 of a call is 123 of xargs, which goes on with the others; 255 would end it.
    let line = "find in -name '*.png' -print0 | sort -z | xargs -0 -n1 unlabel strip -q -l id --to more/ --";
    shell(&environment, line).ended(123);
    assert_eq!(fs::read_dir(environment.path("more")).unwrap().count(), NAMES.len() - 1 + 60);
    shell(&environment, "echo in | xargs unlabel strip --no-such-option --to x").ended(123);
}

#[test]
fn names_come_and_go_as_they_are() {
    let environment = tree();
    let list = NAMES.iter().flat_map(|name| [b"in/", *name, b"\0"].concat()).collect::<Vec<_>>();
    let mut command = environment.command(["strip", "-l", "id", "--files0-from", "-", "--to", "out", "--json"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(&list).unwrap();
    let run = Run::from(child.wait_with_output().unwrap()).ended(0);
    let found = rows(&run.out());
    let wanted: BTreeSet<Vec<u8>> = NAMES.iter().map(|name| [b"in/", *name].concat()).collect();
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), wanted);
    for (path, row) in &found {
        let output = row["output_bytes"].as_str().map(|bytes| BASE64_STANDARD.decode(bytes).unwrap());
        let output = output.unwrap_or_else(|| row["output"].as_str().unwrap().as_bytes().to_vec());
        assert_eq!(output, [b"out/", path.as_slice()].concat());
        assert!(environment.path(OsStr::from_bytes(&output)).is_file());
    }
}
