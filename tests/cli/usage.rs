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
fn without_a_command_there_is_help() {
    let run = Environment::new().run("").ended(2);
    assert!(run.err().contains("Usage: unlabel <COMMAND>"), "{run}");
}
