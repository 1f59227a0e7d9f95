//! The command as a filter: data on standard output, words on standard error.

use insta::assert_snapshot;

use crate::environment::{Environment, png};

#[test]
fn data_goes_out_and_words_go_to_standard_error() {
    let environment = Environment::new();
    let input = png(&[("id", "8888"), ("owner", "Ann")]);
    environment.write("a.png", &input);
    environment.run("strip -l id --to expected.png a.png").ended(0);
    let expected = environment.read("expected.png");
    assert_ne!(expected, input);

    let run = environment.feed("strip -l id --to - -", &input).ended(0);
    assert_eq!(run.stdout, expected);
    assert!(run.err().starts_with("stripped"), "{run}");

    let run = environment.run("strip -l id --to - a.png").ended(0);
    assert_eq!(run.stdout, expected);

    let run = environment.feed("strip -l id -", &input).ended(0);
    assert_eq!(run.stdout, expected, "where else should it go");

    let run = environment.feed("strip -l id --to - --json -", &input).ended(0);
    assert_eq!(run.stdout, expected);
    assert_eq!((run.file()["path"].clone(), run.file()["output"].clone()), ("-".into(), "-".into()));

    let run = environment.feed("strip -l id --to - --quiet -", &input).ended(0);
    assert_eq!((run.stdout, run.stderr), (expected, Vec::new()));
    assert_eq!(environment.names(), ["a.png", "expected.png"]);
}

#[test]
fn documents_and_pictures_pass_like_files() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let environment = Environment::new();
    let mut passed = 0;
    for entry in std::fs::read_dir(examples).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !["docx", "jpg", "pdf", "png"].iter().any(|extension| name.ends_with(extension)) {
            continue;
        }
        let input = std::fs::read(&path).unwrap();
        environment.write(&name, &input);
        environment.run(&format!("strip -l id --to out/{name} {name}")).ended(0);
        let run = environment.feed("strip -l id -", &input).ended(0);
        assert!(run.stdout == environment.read(format!("out/{name}")) && run.stdout != input, "{name}");
        passed += 1;
    }
    assert!(passed >= 2);
}

#[test]
fn a_clean_file_passes_through() {
    let input = png(&[("owner", "Ann")]);
    let run = Environment::new().feed("strip -l id --to - -", &input).ended(0);
    assert_eq!(run.stdout, input);
}

#[test]
fn what_is_not_cleaned_is_not_passed_through() {
    let environment = Environment::new();
    let mut cut = png(&[("id", "8888")]);
    cut.truncate(50);
    for input in [&b"no format knows this"[..], b"", &cut] {
        let run = environment.feed("strip -l id --to - -", input).ended(1);
        assert_eq!(run.stdout, b"", "{run}");
    }
    assert_snapshot!(environment.feed("strip -l id --to - -", b"no format knows this"));
}

#[test]
fn standard_input_to_a_file() {
    let environment = Environment::new();
    environment.feed("strip -l id --to new/a.png -", &png(&[("id", "8888")])).ended(0);
    assert_eq!(environment.names(), ["new/a.png"]);
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_ends_it_without_a_panic() {
    let environment = Environment::new();
    // More than a pipe takes while nobody reads.
    environment.write("a.png", crate::environment::large_png(&[("id", "8888")], 1 << 20));
    let mut child = environment
        .command(["strip", "-l", "id", "--to", "-", "a.png"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let run = crate::environment::Run::from(child.wait_with_output().unwrap()).ended(1);
    assert!(!run.err().contains("panicked"), "{run}");
}
