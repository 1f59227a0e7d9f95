//! The lines of docs/pipe.md: `unlabel` among find, xargs, GNU parallel and jq.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::environment::{Environment, Run, keys, png};
use crate::scale_out::{path, shell_blocks};

/// How many files there are, and how many of them have the label.
const FILES: usize = 450;
const LABELLED: usize = 300;

fn files_below(path: &Path) -> usize {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

fn lines(environment: &Environment, name: &str) -> Vec<String> {
    String::from_utf8(environment.read(name)).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_lines_of_the_page_do_what_it_says() {
    let environment = Environment::new();
    environment.write("in/a.png", png(&[("id", "8888")]));
    for number in 1..FILES {
        let label = if number % 3 == 0 { ("owner", "Ann") } else { ("id", "8888") };
        environment.write(format!("in/{}/{number} b.png", number % 9), png(&[label]));
    }
    let labelled = 1 + (1..FILES).filter(|number| number % 3 != 0).count();
    assert_eq!(labelled, LABELLED + 1);
    let block = shell_blocks("pipe.md").into_iter().find(|block| block.contains("parallel")).unwrap();
    let stages: Vec<_> = block.split("\n\n").collect();
    assert_eq!(stages.len(), 8);
    for stage in &stages {
        let mut command = Command::new("bash");
        command.args(["-eu", "-c", stage]).current_dir(environment.path("")).env("PATH", path());
        // GNU parallel asks to be cited, once for each home.
        let run = Run::from(command.env("HOME", environment.path("")).output().unwrap()).ended(0);
        assert!(!run.err().contains("error") && !run.err().contains("panic"), "{stage}: {run}");
    }
    assert_eq!(keys(&environment, "clean.png"), [""; 0]);
    for all in ["found", "many", "pieces"] {
        assert_eq!(files_below(&environment.path(all)), FILES, "{all}");
    }
    assert_eq!(keys(&environment, "pieces/in/1/1 b.png"), [""; 0]);
    assert_eq!(lines(&environment, "labelled").len(), labelled);
    let became = lines(&environment, "became");
    assert!(became.len() == labelled && became.iter().all(|line| line.starts_with("stripped\tin/")), "{became:?}");
    assert_eq!(files_below(&environment.path("kept")), labelled);
    assert_eq!(lines(&environment, "trouble"), [""; 0]);
    assert_eq!(lines(&environment, "first").len(), 1);
}
