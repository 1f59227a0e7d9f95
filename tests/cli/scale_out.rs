//! The examples of docs/scale-out.md: their form, and that each does what it says, share by share.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::environment::{Environment, Run, png};
use crate::remote::python;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

/// The command `unlabel` first among the programs.
pub(crate) fn path() -> std::ffi::OsString {
    let bin = Path::new(env!("CARGO_BIN_EXE_unlabel")).parent().unwrap().to_owned();
    let others = std::env::var_os("PATH").unwrap();
    std::env::join_paths(std::iter::once(bin).chain(std::env::split_paths(&others))).unwrap()
}

/// Files, their list and the labels, as the examples expect them.
fn data() -> Environment {
    let environment = Environment::new();
    for number in 0..100 {
        let label = if number % 3 == 0 { ("owner", "Ann") } else { ("id", "8888") };
        environment.write(format!("in/{}/{number}.png", number % 7), png(&[label]));
    }
    environment.write("labels.json", r#"{"id": "8888"}"#);
    fs::create_dir(environment.path("report")).unwrap();
    let find = Command::new("find").args(["in", "-type", "f", "-print0"]).current_dir(environment.path("")).output();
    environment.write("manifest0", find.unwrap().stdout);
    environment
}

/// The rows of all reports, one line each.
fn rows(environment: &Environment) -> Vec<Value> {
    let reports = fs::read_dir(environment.path("report")).unwrap();
    let texts = reports.map(|report| fs::read_to_string(report.unwrap().path()).unwrap());
    let lines = texts.flat_map(|text| text.lines().map(|it| serde_json::from_str(it).unwrap()).collect::<Vec<Value>>());
    lines.filter(|line| line["type"] == "file").collect()
}

fn succeeded(output: Output) -> Run {
    Run::from(output).ended(0)
}

#[track_caller]
fn is_complete(environment: &Environment) {
    let rows = rows(environment);
    let paths: BTreeSet<_> = rows.iter().map(|row| row["path"].as_str().unwrap()).collect();
    assert_eq!((rows.len(), paths.len()), (100, 100));
    assert!(rows.iter().all(|row| row["committed"] == "new"));
    assert!(paths.iter().all(|path| environment.path("out").join(path).is_file()));
}

#[test]
fn the_script_for_slurm_does_each_share() {
    let environment = data();
    let task = |index: &str| {
        let mut command = Command::new(docs().join("scale-out/slurm.sh"));
        command.envs([("SHARES", "8"), ("SLURM_ARRAY_TASK_ID", index), ("SLURM_CPUS_PER_TASK", "2")]);
        command.env("DATA", environment.path("")).env("PATH", path()).output().unwrap()
    };
    for index in 0..8 {
        succeeded(task(&index.to_string()));
    }
    is_complete(&environment);
    succeeded(task("3"));
    is_complete(&environment);
    assert_eq!(Run::from(task("8")).code, Some(2), "no such share");
}

#[test]
fn the_documents_for_kubernetes_and_aws_have_their_form_and_do_each_share() {
    let directory = docs().join("scale-out");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("tests/cli/forms.py");
    let checked = succeeded(Command::new(python()).arg(script).arg(directory).output().unwrap());
    let examples: Value = serde_json::from_slice(&checked.stdout).unwrap();
    for (name, example) in examples.as_object().unwrap() {
        let environment = data();
        let root = environment.path("").to_str().unwrap().to_owned();
        for share in 0..example["shares"].as_u64().unwrap() {
            let given = |word: &Value| {
                let mut word = word.as_str().unwrap().replace(example["data"].as_str().unwrap(), &root);
                for variable in example["variables"].as_array().unwrap() {
                    let value = if variable == "SHARE" { share.to_string() } else { "pod-x".to_owned() };
                    word = word.replace(&format!("$({})", variable.as_str().unwrap()), &value);
                }
                word
            };
            let words: Vec<_> = example["command"].as_array().unwrap().iter().map(given).collect();
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).current_dir(&root).env("PATH", path());
            command.envs([("AWS_BATCH_JOB_ARRAY_INDEX", share.to_string()), ("AWS_BATCH_JOB_ATTEMPT", "1".to_owned())]);
            let run = Run::from(command.output().unwrap());
            assert_eq!(run.code, Some(0), "{name}: {run}");
        }
        is_complete(&environment);
    }
}

/// The blocks of a page that a shell can run, in order.
pub(crate) fn shell_blocks(page: &str) -> Vec<String> {
    let text = fs::read_to_string(docs().join(page)).unwrap();
    let blocks = text.split("\n```sh\n").skip(1);
    blocks.map(|block| block.split("\n```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_lines_of_the_page_do_what_it_says() {
    let environment = data();
    let blocks = shell_blocks("scale-out.md");
    let root = environment.path("").to_str().unwrap().to_owned();
    let shell = |lines: &str| {
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", &lines.replace("/data", &root)]).env("PATH", path());
        succeeded(command.current_dir(&root).output().unwrap())
    };
    let one = blocks.iter().find(|block| block.contains("manifest0")).unwrap();
    shell(one);
    let done = rows(&environment).len();
    assert!((1..10).contains(&done), "a share of 64: {done}");
    environment.write("in/bad.png", b"\x89PNG\r\n\x1a\n\xff\xff");
    Run::from(
        environment
            .command(["strip", "-l", "x", "--to", "more", "--report", "report/more.jsonl", "in"])
            .output()
            .unwrap(),
    )
    .ended(1);
    let read: Vec<_> = blocks.iter().filter(|block| block.contains("jq")).map(|block| shell(block).out()).collect();
    let lines: Vec<_> = read[0].lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 101 + lines.iter().filter(|line| line.contains("stripped")).count(), "{lines:?}");
    assert!(lines.contains(&"in/bad.png\tfailed\tmalformed".to_owned()), "{lines:?}");
    assert_eq!(environment.read("failed0"), b"in/bad.png\0");
}
