//! `unlabel list`.

use insta::assert_snapshot;

use crate::environment::{Environment, png};

fn fixture() -> Environment {
    let environment = Environment::new();
    environment.write("a.png", png(&[("id", "8888"), ("owner", "Ann"), ("Title", "A picture")]));
    environment.write("tree/b.png", png(&[("id", "1")]));
    environment.write("tree/deep/c.png", png(&[]));
    environment.write("tree/notes.txt", "no labels in here");
    environment
}

#[test]
fn a_table_per_file() {
    let environment = fixture();
    assert_snapshot!(environment.run("list a.png").ended(0));
    assert_snapshot!(environment.run("list --all-kinds a.png").ended(0));
}

#[test]
fn a_tree_in_its_order_and_what_cannot_be_listed() {
    let environment = fixture();
    assert_snapshot!(environment.run("list tree a.png missing.png").ended(1));
    assert_snapshot!(environment.run("list --json tree a.png missing.png").ended(1));
    assert_eq!(environment.run("list -q tree").ended(1).out().lines().last(), Some("  no labels (png)"));
}

#[test]
fn standard_input() {
    let run = fixture().feed("list --json -", &png(&[("id", "8888")])).ended(0);
    assert_eq!(run.file()["path"], "-");
    assert_eq!(run.file()["labels"][0]["value"], "8888");
}

#[test]
fn nothing_is_changed() {
    let environment = fixture();
    let before = environment.files();
    environment.run("list --all-kinds tree a.png").ended(1);
    assert_eq!(environment.files(), before);
}

#[test]
fn what_could_act_on_a_terminal_is_spelled_out() {
    let environment = Environment::new();
    environment.write("e\u{1b}[2J\n.png", png(&[("id", "a\u{1b}]0;x\u{7}\nb")]));
    let run = environment.run("list .").ended(0);
    assert!(!run.stdout.contains(&0x1b) && !run.stdout.contains(&0x07), "{run}");
    assert!(run.out().contains(r"e\u{1b}[2J\n.png"), "{run}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let environment = Environment::new();
    for number in 0..200 {
        environment.write(format!("{number}.png"), png(&[("id", &"x".repeat(500))]));
    }
    let mut child = environment
        .command(["list", "--json", "."])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = crate::environment::Run::from(child.wait_with_output().unwrap()).ended(0);
    assert_eq!(run.err(), "");
}
