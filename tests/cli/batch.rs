//! Many files: which are taken, in which order they are reported, what is skipped.

use std::collections::BTreeSet;
use std::fs;

use serde_json::{Value, json};

use crate::environment::{Environment, Run, png};

fn tree() -> Environment {
    let environment = Environment::new();
    for name in ["a.png", "b.png", ".hidden.png", "sub/a.png", "sub/.git/c.png", "sub/deep/d.png"] {
        environment.write(format!("in/{name}"), png(&[("id", "8888")]));
    }
    environment
}

/// The paths of the report, without the summary.
fn paths(run: &Run) -> Vec<String> {
    run.json().iter().filter_map(|line| line["path"].as_str()).map(str::to_owned).collect()
}

fn sorted(run: &Run) -> Vec<String> {
    let mut paths = paths(run);
    paths.sort();
    paths
}

#[test]
fn lists_name_files_and_directories_and_keep_their_paths() {
    let environment = tree();
    environment.write("list", "in/a.png\n./in/sub/deep\r\n\nin/missing.png\n");
    let run = environment.run("strip -l id --to out --json --ordered --files-from list").ended(1);
    assert_eq!(paths(&run), ["in/a.png", "./in/sub/deep/d.png", "in/missing.png"]);
    let made: Vec<_> = environment.names().into_iter().filter(|name| name.starts_with("out/")).collect();
    assert_eq!(made, ["out/in/a.png", "out/in/sub/deep/d.png"]);

    let run = environment.feed("list --json --files-from -", b"in/b.png\nin/a.png").ended(0);
    assert_eq!(paths(&run), ["in/b.png", "in/a.png"]);
    let run = environment.feed("strip -l id --in-place --json --files0-from - in/b.png", b"in/a.png\0").ended(0);
    assert_eq!(sorted(&run), ["in/a.png", "in/b.png"]);
}

#[cfg(unix)]
#[test]
fn nul_lists_take_any_name() {
    let environment = Environment::new();
    environment.write("a\nb.png", png(&[("id", "8888")]));
    environment.write("-", png(&[("id", "8888")]));
    let run = environment.feed("strip -l id --in-place --json --files0-from -", b"a\nb.png\0-\0").ended(0);
    assert_eq!(sorted(&run), ["./-", "a\nb.png"]);
    assert_eq!(run.json().last().unwrap()["stripped"], 2);
}

#[test]
fn lists_are_of_paths_of_one_kind_on_this_machine() {
    let environment = tree();
    let absolute = environment.path("in/b.png");
    let list = format!("in/a.png\n{}\ns3://bucket/key\n", absolute.display());
    let run = environment.feed("strip -l id --to out --json --ordered --files-from -", list.as_bytes()).ended(1);
    let lines = run.json();
    assert_eq!(lines[0]["outcome"], "stripped");
    assert!(lines[1]["reason"].as_str().unwrap().contains("absolute and relative"), "{run}");
    assert!(lines[2]["reason"].as_str().unwrap().contains("on the command line"), "{run}");
    environment.run("strip -l id --to out --files-from nothing").ended(2);
    environment.feed("strip -l id --to out --files-from - -", b"").ended(2);
}

#[test]
fn globs_hidden_files_and_sizes_choose() {
    let environment = tree();
    let list = |options: &str| sorted(&environment.run(&format!("list --json {options} in")).ended(0));
    assert_eq!(list("").len(), 6);
    assert_eq!(list("--skip-hidden"), ["in/a.png", "in/b.png", "in/sub/a.png", "in/sub/deep/d.png"]);
    assert_eq!(list("--include a.png"), ["in/a.png", "in/sub/a.png"]);
    assert_eq!(list("--include a.png --exclude sub/"), ["in/a.png"]);
    assert_eq!(list("--include sub/*/*.png --exclude .*"), ["in/sub/deep/d.png"]);
    environment.run("list --include a[ in").ended(2);

    environment.write("in/large.png", png(&[("id", "8888"), ("more", &"x".repeat(5000))]));
    for (command, done) in [("list", "listed"), ("strip -l id --dry-run", "stripped")] {
        let run = environment.run(&format!("{command} --json --max-size 4K in in/large.png")).ended(0);
        let lines = run.json();
        let skipped: Vec<_> = lines.iter().filter(|line| line["outcome"] == "skipped").collect();
        assert_eq!(skipped.len(), 2, "{run}");
        assert!(skipped[0]["reason"].as_str().unwrap().starts_with("size: "));
        let summary = lines.last().unwrap();
        assert_eq!((&summary["files"], &summary["skipped"], &summary[done]), (&json!(8), &json!(2), &json!(6)));
    }
    let run = environment.feed("strip -l id --json --max-size 10 -", &png(&[])).ended(0);
    assert_eq!(run.file()["outcome"], "skipped");
}

#[cfg(unix)]
#[test]
fn links_are_followed_as_chosen() {
    let environment = tree();
    std::os::unix::fs::symlink("../in/a.png", environment.path("in/link.png")).unwrap();
    std::os::unix::fs::symlink("deep", environment.path("in/sub/shallow")).unwrap();
    std::os::unix::fs::symlink("..", environment.path("in/sub/loop")).unwrap();
    let count =
        |options: &str, code| environment.run(&format!("list --json {options} in")).ended(code).json().len() - 1;
    assert_eq!(count("", 0), 7);
    assert_eq!(count("--skip-links", 0), 6);
    // The loop is an error in its place.
    assert_eq!(count("--follow-links", 1), 9);
}

#[test]
fn shards_are_disjoint_and_together_the_whole() {
    let environment = Environment::new();
    for number in 0..60 {
        environment.write(format!("in/{}/{number}.png", number % 7), png(&[("id", "8888")]));
    }
    let list: Vec<_> = (0..60).map(|number| format!("in/{}/{number}.png", number % 7)).collect();
    environment.write("list", list.join("\n"));
    for input in ["in", "--files-from list"] {
        let all: BTreeSet<_> = paths(&environment.run(&format!("list --json {input}"))).into_iter().collect();
        let mut together = Vec::new();
        for index in 0..4 {
            let run = environment.run(&format!("list --json --shard-index {index} --shard-count 4 {input}")).ended(0);
            assert!((5..30).contains(&paths(&run).len()), "{run}");
            together.extend(paths(&run));
        }
        assert_eq!(together.len(), 60);
        assert_eq!(together.into_iter().collect::<BTreeSet<_>>(), all);
    }
    environment.run("list --shard-index 4 --shard-count 4 in").ended(2);
    environment.run("list --shard-index 0 in").ended(2);
}

#[test]
fn what_is_there_already_stays_or_goes_as_chosen() {
    let environment = tree();
    environment.write("out/a.png", "the old result");
    let outcomes = |choice: &str, code| {
        let run = environment.run(&format!("strip -l id --to out --json {choice} in/a.png in/b.png")).ended(code);
        let lines = run.json();
        let outcome = |path| lines.iter().find(|line| line["path"] == path).unwrap()["outcome"].clone();
        (outcome("in/a.png"), outcome("in/b.png"))
    };
    assert_eq!(outcomes("--if-exists error --dry-run", 1).0, "failed");
    assert_eq!(outcomes("--if-exists error", 1), (json!("failed"), json!("stripped")));
    assert_eq!(environment.read("out/a.png"), b"the old result");
    assert_eq!(outcomes("--if-exists skip", 1), (json!("failed"), json!("stripped")));
    assert_eq!(environment.read("out/a.png"), b"the old result");
    assert_eq!(outcomes("", 0), (json!("stripped"), json!("stripped")));
    assert_eq!(environment.read("out/a.png"), environment.read("out/b.png"));
    environment.run("strip -l id --in-place --if-exists skip in/a.png").ended(2);
}

#[test]
fn a_source_is_removed_where_its_very_result_was_there() {
    let environment = tree();
    environment.write("out/a.png", "the old result");
    environment.run("strip -l id --to out --if-exists skip in/b.png").ended(0);
    environment.run("strip -l id --to out --if-exists skip --delete-source in/a.png in/b.png").ended(1);
    assert!(environment.path("in/a.png").exists(), "what is there is another result");
    assert!(!environment.path("in/b.png").exists(), "it is the very result");
    // The place that the source itself is in holds no result of it.
    environment.write("one/a.png", png(&[]));
    environment.run("strip -l id --to one --if-exists skip --delete-source one/a.png").ended(1);
    assert!(environment.path("one/a.png").exists());
}

#[test]
fn ordered_reports_follow_the_names() {
    let environment = Environment::new();
    for number in 0..200 {
        environment.write(format!("in/{number:03}.png"), png(&[("id", &"x".repeat(1 + (number * 37) % 400))]));
    }
    let run = environment.run("strip -l id --to out --ordered --json -j4 in").ended(0);
    assert!(paths(&run).is_sorted());
    assert_eq!(run.json().last().unwrap()["stripped"], 200);
}

#[test]
fn a_file_that_is_reached_twice_is_stripped_once() {
    let environment = tree();
    fs::create_dir(environment.path("none")).unwrap();
    for _ in 0..5 {
        let environment = tree();
        let run = environment.run("strip -l id --in-place --json -j4 in in in/a.png in/sub").ended(0);
        let summary = run.json().pop().unwrap();
        assert_eq!((&summary["stripped"], &summary["clean"]), (&json!(6), &json!(10)), "{run}");
    }
    let run = environment.run("strip -l id --in-place --json none").ended(0);
    assert_eq!(run.json(), [run.json()[0].clone()] as [Value; 1]);
}
