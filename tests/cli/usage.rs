//! What is wrong with a command line is said before anything is touched, with what to do instead.

use insta::assert_snapshot;

use crate::environment::{Environment, png};

/// Runs, and holds that it is a usage error that changed nothing; the first line of what it said.
#[track_caller]
fn wrong(arguments: &str) -> String {
    let environment = Environment::new();
    environment.write("a.png", png(&[("id", "8888")]));
    environment.write("tree/b.png", png(&[("id", "8888")]));
    environment.write("broken.json", "{");
    environment.write("empty.json", r#"{"": "x"}"#);
    let before = environment.files();
    let run = environment.run(arguments).ended(2);
    assert_eq!(environment.files(), before);
    assert_eq!(run.out(), "");
    assert!(run.err().contains("--help"), "{run}");
    run.err().lines().next().unwrap().to_owned()
}

#[test]
fn contradictions_say_what_to_add() {
    assert_snapshot!(wrong("strip -l id a.png"));
    assert_snapshot!(wrong("strip --in-place a.png"));
    assert_snapshot!(wrong("strip -l id --in-place --to x a.png"));
    assert_snapshot!(wrong("strip -l id --break-links --to x a.png"));
    assert_snapshot!(wrong("strip -l id --in-place -"));
    assert_snapshot!(wrong("strip -l id --to - a.png tree"));
    assert_snapshot!(wrong("strip -l id --to - tree"));
    assert_snapshot!(wrong("strip -l id --to a.png tree"));
    assert_snapshot!(wrong("strip -l id --to tree tree"));
    assert_snapshot!(wrong("strip -l id --to tree/ -"));
    assert_snapshot!(wrong("strip -l id --to x - -"));
    assert_snapshot!(wrong("list - -"));
    assert_snapshot!(wrong("strip --labels - --to - -"));
    assert_snapshot!(wrong("strip -l id --in-place"));
    assert_snapshot!(wrong("strip -l id --in-place -j 0 a.png"));
}

#[test]
fn wrong_labels_are_usage_errors() {
    assert_snapshot!(wrong("strip -l = --in-place a.png"));
    assert_snapshot!(wrong("strip -l =8888 --in-place a.png"));
    assert_snapshot!(wrong("strip -l @nobody --in-place a.png"));
    assert_snapshot!(wrong("strip -l /( --in-place a.png"));
    assert_snapshot!(wrong("strip --all --keep = --in-place a.png"));
    assert_snapshot!(wrong("strip --labels broken.json --in-place a.png"));
    assert_snapshot!(wrong("strip --labels empty.json --in-place a.png"));
    assert_snapshot!(wrong("strip --labels missing.json --in-place a.png"));
}

#[test]
fn places_that_cannot_be_are_said_before_anything_is_touched() {
    for (arguments, words) in [
        ("strip -l id --to s3:// a.png", "names no bucket"),
        ("strip -l id --to oss://b/x a.png", "needs a region"),
        ("strip -l id --to swift://c/x a.png", "ST_AUTH"),
        ("strip -l id --to s3://u:secret@b/x a.png", "no place in a URL"),
        ("strip -l id --to s3://b/one a.png tree", "add a `/`"),
        ("strip -l id --to s3://b/ -", "standard input has no name"),
        ("strip -l id --in-place https://127.0.0.1/a.png", "cannot be replaced in place"),
        ("strip -l id --send-back broken.json a.png", "broken.json"),
        ("strip -l id --to - --to - a.png", "named twice"),
        ("strip -l id --delete-source --in-place a.png", "cannot be used with"),
        ("strip -l id --delete-source --to x https://127.0.0.1/a.png", "cannot be removed"),
        ("list s3://", "names no bucket"),
    ] {
        let said = wrong(arguments);
        assert!(said.contains(words), "{arguments}: {said}");
    }
}

#[test]
fn without_a_command_there_is_help() {
    let run = Environment::new().run("").ended(2);
    assert!(run.err().contains("Usage: unlabel <COMMAND>"), "{run}");
}
