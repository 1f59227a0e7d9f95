//! `--undo-dir` and `undo`: files are made what they were, byte for byte, whenever anything was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use crate::environment::{Environment, keys, large_png, png};

/// The ways to write in place.
const WAYS: [&str; 4] = ["", "--write patch", "--write patch --sync batch", "--layout compact --sync batch"];

type Files = BTreeMap<String, Vec<u8>>;

fn tree(environment: &Environment) -> Files {
    let labelled = [("id", "8888"), ("owner", "Ann")];
    environment.write("in/a.png", png(&labelled));
    environment.write("in/b.png", large_png(&labelled, 300_000));
    environment.write("in/sub/c.png", png(&labelled));
    environment.write("in/d.png", png(&[("owner", "Ann")]));
    let _ = xattr::set(environment.path("in/d.png"), "user.id", b"8888");
    files(environment)
}

/// What is below `in`, without what killed processes left.
fn files(environment: &Environment) -> Files {
    let is_own = |name: &str| name.starts_with("in/") && !name.contains("/.");
    environment.files().into_iter().filter(|(name, _)| is_own(name)).collect()
}

fn records(environment: &Environment) -> Vec<String> {
    let names = environment.names().into_iter();
    names.filter(|name| name.starts_with("kept/") && name.ends_with(".unlabel-undo")).collect()
}

/// Whether the attribute of the last file is there.
fn has_attribute(environment: &Environment) -> bool {
    xattr::get(environment.path("in/d.png"), "user.id").is_ok_and(|value| value.is_some())
}

#[test]
fn stripped_files_are_made_what_they_were() {
    for way in WAYS {
        let environment = Environment::new();
        let old = tree(&environment);
        let had_attribute = has_attribute(&environment);
        environment.run(&format!("strip -l id --in-place {way} --undo-dir kept in")).ended(0);
        assert_ne!(files(&environment), old);
        assert!(!has_attribute(&environment));
        let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(environment.path("kept")), 0o700);
        let names = records(&environment);
        assert_eq!(names.len(), 3 + usize::from(had_attribute), "{names:?}");
        assert!(names.iter().all(|name| mode(environment.path(name)) == 0o600));
        let run = environment.run("undo --undo-dir kept --json").ended(0);
        assert_eq!(run.json().last().unwrap()["restored"], names.len(), "{run}");
        assert_eq!((files(&environment), has_attribute(&environment)), (old, had_attribute), "{way}");
        assert_eq!(environment.names().len(), 4, "nothing is left");
    }
}

#[test]
fn what_it_says() {
    let environment = Environment::new();
    tree(&environment);
    environment.run("strip -l id --in-place --undo-dir kept in").ended(0);
    let directory = fs::canonicalize(environment.path("")).unwrap();
    let said = |run: crate::environment::Run| run.to_string().replace(&directory.display().to_string(), "[dir]");
    insta::assert_snapshot!(said(environment.run("undo --undo-dir kept in/a.png").ended(0)));
    environment.write("in/b.png", "something else");
    insta::assert_snapshot!(said(environment.run("undo --undo-dir kept in/b.png").ended(1)));
    insta::assert_snapshot!(said(environment.run("undo --undo-dir kept --json in/b.png").ended(1)));
    insta::assert_snapshot!(said(environment.run("undo --undo-dir kept in/a.png").ended(0)));
    environment.run("undo --undo-dir kept in/nothing.png").ended(1);
    insta::assert_snapshot!(environment.run("undo --help").ended(0));
}

#[test]
fn files_trees_and_records_can_be_chosen_and_records_kept() {
    let environment = Environment::new();
    let old = tree(&environment);
    let strip = "strip -l id --in-place --undo-dir in/sub/kept in";
    environment.run(strip).ended(0);
    let new = files(&environment);
    let is_old = |name: &str| files(&environment)[name] == old[name];
    environment.run("undo --undo-dir in/sub/kept in/sub").ended(0);
    assert!(is_old("in/sub/c.png") && !is_old("in/a.png") && !is_old("in/b.png"));
    let record = new.keys().find(|name| name.contains("/a.png.")).unwrap();
    environment.run(&format!("undo --keep {record}")).ended(0);
    assert!(is_old("in/a.png") && !is_old("in/b.png"));
    assert!(environment.path(record).exists());
    // A record of a file that is what it was, is done with.
    let run = environment.run("undo --json --undo-dir in/sub/kept").ended(0);
    assert_eq!(run.json().last().unwrap()["intact"], 1, "{run}");
    assert_eq!(files(&environment), old);
    // Records are no inputs.
    environment.run(strip).ended(0);
    let run = environment.run("list --json in").ended(0);
    assert_eq!(run.json().last().unwrap()["files"], 4, "{run}");
    environment.run("undo --undo-dir in/sub/kept").ended(0);
    environment.run("undo --undo-dir in/sub/kept").ended(0);
    assert_eq!(files(&environment), old);
}

/// Changed by two runs, and once more by a third after that was undone.
#[test]
fn all_changes_of_a_file_are_undone() {
    let environment = Environment::new();
    let old = tree(&environment);
    for way in ["-l id", "-l owner --layout compact"] {
        environment.run(&format!("strip {way} --in-place --undo-dir kept in")).ended(0);
    }
    let now = files(&environment);
    environment.run("undo --undo-dir kept in/a.png").ended(0);
    assert_eq!(files(&environment)["in/a.png"], old["in/a.png"]);
    assert_eq!(files(&environment)["in/b.png"], now["in/b.png"]);
    environment.run("strip -l id --in-place --undo-dir kept in").ended(0);
    environment.run("undo --undo-dir kept").ended(0);
    assert_eq!(files(&environment), old);
    assert_eq!(records(&environment), Vec::<String>::new());
}

#[test]
fn a_directory_of_use_to_nobody_is_refused() {
    let environment = Environment::new();
    let old = tree(&environment);
    for (arguments, words) in [
        ("strip -l id --to out --undo-dir kept in", "--in-place"),
        ("strip -l id --dry-run --undo-dir kept in", "--in-place"),
        ("strip -l id --in-place --undo-dir kept s3://bucket/in/", "files of this machine only"),
        ("strip -l id --in-place --undo-dir in/a.png in", "not a directory"),
        ("strip -l id --in-place --undo-dir in in", "not private"),
        ("undo --undo-dir kept", "--undo-dir"),
        ("undo in/a.png", "--undo-dir"),
        ("undo", "--undo-dir"),
    ] {
        let run = environment.run(arguments).ended(2);
        assert!(run.err().contains(words), "{arguments}: {run}");
        assert_eq!(environment.files(), old);
    }
    environment.run("strip -l id --in-place --dry-run --undo-dir kept in").ended(0);
    assert_eq!(environment.files(), old, "not even the directory is made");
}

#[test]
fn files_that_changed_since_stay_and_so_do_their_records() {
    let environment = Environment::new();
    let old = tree(&environment);
    environment.run("strip -l id --in-place --undo-dir kept in").ended(0);
    environment.write("in/a.png", png(&[("id", "7777")]));
    fs::rename(environment.path("in/sub/c.png"), environment.path("in/sub/moved.png")).unwrap();
    let run = environment.run("undo --json --undo-dir kept").ended(1);
    assert_eq!(run.json().last().unwrap()["failed"], 2, "{run}");
    assert_eq!(records(&environment).len(), 2);
    assert_eq!(environment.read("in/b.png"), old["in/b.png"]);
    assert_eq!(keys(&environment, "in/a.png"), ["id"]);
    fs::rename(environment.path("in/sub/moved.png"), environment.path("in/sub/c.png")).unwrap();
    environment.run("undo --undo-dir kept").ended(1);
    assert_eq!(environment.read("in/sub/c.png"), old["in/sub/c.png"]);
}

/// Killed at each step of stripping: what was changed can be undone, and what was not is found to be intact.
#[test]
fn a_kill_at_every_step_of_stripping_leaves_the_way_back() {
    for way in WAYS {
        for step in 0.. {
            let environment = Environment::new();
            let old = tree(&environment);
            let had_attribute = has_attribute(&environment);
            let arguments = format!("strip -l id --in-place {way} -j1 --undo-dir kept in");
            let mut command = environment.command(arguments.split_whitespace());
            let output = command.env("UNLABEL_FAULT", format!("{step}:kill")).output().unwrap();
            let is_killed = output.status.signal() == Some(9);
            environment.run("recover in").ended(0);
            if environment.path("kept").exists() {
                environment.run("undo --undo-dir kept").ended(0);
            }
            assert_eq!((files(&environment), has_attribute(&environment)), (old, had_attribute), "{way}, step {step}");
            assert_eq!(records(&environment), Vec::<String>::new(), "{way}, step {step}");
            if !is_killed {
                assert!(step > 20, "only {step} steps");
                break;
            }
        }
    }
}

/// Killed at each step of undoing: every file is the new one or the old one, and the same command goes on.
#[test]
fn a_kill_at_every_step_of_undoing_can_be_gone_on_from() {
    for way in WAYS {
        for step in 0.. {
            let environment = Environment::new();
            let old = tree(&environment);
            // A file with another name can only be patched.
            fs::hard_link(environment.path("in/a.png"), environment.path("in/other.png")).unwrap();
            let old = if way.contains("patch") {
                files(&environment)
            } else {
                fs::remove_file(environment.path("in/other.png")).unwrap();
                old
            };
            let had_attribute = has_attribute(&environment);
            environment.run(&format!("strip -l id --in-place {way} --undo-dir kept in")).ended(0);
            let new = files(&environment);
            let mut command = environment.command(["undo", "--undo-dir", "kept"]);
            let output = command.env("UNLABEL_FAULT", format!("{step}:kill")).output().unwrap();
            let is_killed = output.status.signal() == Some(9);
            environment.run("recover in").ended(0);
            for (name, bytes) in files(&environment) {
                assert!(bytes == old[&name] || bytes == new[&name], "{way}, step {step}: {name} is torn");
            }
            environment.run("undo --undo-dir kept").ended(0);
            assert_eq!((files(&environment), has_attribute(&environment)), (old, had_attribute), "{way}, step {step}");
            assert_eq!(records(&environment), Vec::<String>::new(), "{way}, step {step}");
            if !is_killed {
                assert!(step > 10, "only {step} steps");
                break;
            }
        }
    }
}

/// Files of the corpus, at most so many of each family, and none that is long.
fn corpus(root: &Path) -> Vec<PathBuf> {
    const OF_EACH: usize = 16;
    const LONGEST: u64 = 2 << 20;
    let entries = |path: &Path| {
        let mut found: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    };
    let mut all = Vec::new();
    for family in entries(root).into_iter().filter(|path| path.is_dir() && !path.ends_with("malformed")) {
        let is_short = |path: &PathBuf| path.metadata().is_ok_and(|it| it.is_file() && it.len() <= LONGEST);
        let files: Vec<_> = entries(&family).into_iter().filter(is_short).collect();
        // From all over the family, which is in the order of names.
        let stride = files.len().div_ceil(OF_EACH).max(1);
        all.extend(files.into_iter().step_by(stride));
    }
    all
}

#[test]
fn files_of_every_family_are_undone() {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("shared/corpus"));
    let mut places = std::env::var_os("UNLABEL_CORPUS").map(PathBuf::from).into_iter().chain(folders);
    let root = places.find(|root| root.join("MANIFEST.tsv").is_file()).expect("set UNLABEL_CORPUS to the corpus");
    let files_of_corpus = corpus(&root);
    for way in ["", "--write patch", "--layout compact", "--layout compact --prune-empty --sync batch"] {
        let environment = Environment::new();
        for (number, path) in files_of_corpus.iter().enumerate() {
            let name = path.file_name().unwrap().to_string_lossy();
            environment.write(format!("in/{number:03}-{name}"), fs::read(path).unwrap());
        }
        let old = files(&environment);
        let arguments =
            "strip --all -l exif:* -l xmp:* -l info:* --allow-partial --allow-signed --recursive --in-place";
        let run = environment.run(&format!("{arguments} {way} --undo-dir kept --json in"));
        let lines = run.json();
        let changed: BTreeSet<_> = lines
            .iter()
            .filter(|line| line["output"].is_string())
            .map(|line| line["format"].as_str().unwrap_or_default().to_owned())
            .collect();
        assert!(changed.len() >= 12, "{way}: {changed:?}");
        assert_ne!(files(&environment), old);
        assert!(records(&environment).len() >= 40, "{way}: {}", records(&environment).len());
        environment.run("undo --undo-dir kept").ended(0);
        let now = files(&environment);
        let differing: Vec<_> =
            old.iter().filter(|(name, bytes)| now.get(*name) != Some(bytes)).map(|it| it.0).collect();
        assert_eq!(differing, Vec::<&String>::new(), "{way}");
        assert_eq!(now.len(), old.len());
        assert_eq!(records(&environment), Vec::<String>::new());
    }
}
