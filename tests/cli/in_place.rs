//! `--in-place`: what is kept, followed, refused and never touched.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::environment::{Environment, keys, png};

/// Everything about a file that a careless tool changes.
fn state(path: &Path) -> impl PartialEq + std::fmt::Debug + use<> {
    let metadata = fs::symlink_metadata(path).unwrap();
    let attributes: Vec<_> =
        xattr::list(path).map(|names| names.map(|name| xattr::get(path, &name).unwrap()).collect()).unwrap_or_default();
    (
        (metadata.ino(), metadata.mode(), metadata.uid(), metadata.gid(), metadata.nlink(), metadata.size()),
        (metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec()),
        attributes,
    )
}

#[test]
fn where_there_is_nothing_to_remove_nothing_is_touched() {
    let environment = Environment::new();
    let path = environment.write("a.png", png(&[("owner", "Ann")]));
    let _ = xattr::set(&path, "user.note", b"kept");
    let before = state(&path);
    let directory = state(&environment.path(""));
    std::thread::sleep(Duration::from_millis(20));
    let run = environment.run("strip -l id --in-place --json a.png").ended(0);
    assert_eq!(state(&path), before);
    assert_eq!(state(&environment.path("")), directory, "something was created beside it");
    assert_eq!(run.file()["outcome"], "clean");
    assert_eq!(run.file()["bytes_written"], 0);
    assert!(run.file()["output"].is_null());
}

#[test]
fn what_cannot_be_treated_is_not_touched() {
    let environment = Environment::new();
    let mut cut = png(&[("id", "8888")]);
    cut.truncate(50);
    let paths = [environment.write("cut.png", cut), environment.write("x.txt", "id=8888"), environment.write("e", "")];
    let before: Vec<_> = paths.iter().map(|path| state(path)).collect();
    environment.run("strip -l id --in-place cut.png x.txt e").ended(1);
    assert_eq!(paths.iter().map(|path| state(path)).collect::<Vec<_>>(), before);
    assert_eq!(environment.names().len(), 3);
}

#[test]
fn mode_time_and_attributes_are_kept() {
    let environment = Environment::new();
    let path = environment.write("a.png", png(&[("id", "8888")]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    xattr::set(&path, "user.note", b"kept").expect("the file system of the tests has extended attributes");
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 987_654_321);
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    environment.run("strip -l id --in-place a.png").ended(0);
    let after = fs::metadata(&path).unwrap();
    assert_eq!(after.permissions().mode() & 0o7777, 0o604);
    assert_eq!(after.modified().unwrap(), time);
    assert_eq!(xattr::get(&path, "user.note").unwrap().unwrap(), b"kept");
    assert_eq!(environment.names(), ["a.png"]);
    assert_eq!(keys(&environment, "a.png"), ["note"], "the attribute is all that is left");
}

#[test]
fn chosen_attributes_go_and_the_others_stay() {
    let environment = Environment::new();
    environment
        .write("request.json", r#"{"queryID": "1", "labels": {"id": "8888"}, "sendBack": {"type": "response"}}"#);
    for content in [png(&[]), png(&[("id", "8888")])] {
        let path = environment.write("a.png", content);
        xattr::set(&path, "user.id", b"8888").expect("the file system of the tests has extended attributes");
        xattr::set(&path, "user.note", b"kept").unwrap();
        environment.run("request request.json a.png -o asked.png").ended(0);
        environment.run("strip -l id --to copy.png a.png").ended(0);
        assert_eq!(xattr::get(&path, "user.id").unwrap().unwrap(), b"8888", "the source stays");
        environment.run("strip -l id --in-place --dry-run a.png").ended(0);
        assert_eq!(xattr::get(&path, "user.id").unwrap().unwrap(), b"8888", "a dry run changes nothing");
        environment.run("strip -l id --in-place a.png").ended(0);
        for name in ["a.png", "asked.png", "copy.png"] {
            assert_eq!(xattr::get(environment.path(name), "user.id").unwrap(), None, "{name}");
            assert_eq!(xattr::get(environment.path(name), "user.note").unwrap().unwrap(), b"kept", "{name}");
        }
    }
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let environment = Environment::new();
    environment.write("real/a.png", png(&[("id", "8888")]));
    symlink("real/a.png", environment.path("link.png")).unwrap();
    let run = environment.run("strip -l id --in-place --json link.png").ended(0);
    assert_eq!(fs::read_link(environment.path("link.png")).unwrap(), Path::new("real/a.png"));
    assert_eq!(keys(&environment, "real/a.png"), Vec::<String>::new());
    assert_eq!(run.file()["path"], "link.png");
    assert_eq!(environment.names(), ["link.png", "real/a.png"]);
}

#[test]
fn a_link_that_leads_nowhere_is_a_failure_with_a_name() {
    let environment = Environment::new();
    symlink("nowhere", environment.path("link.png")).unwrap();
    let run = environment.run("strip -l id --in-place --json .").ended(1);
    assert_eq!(run.file()["outcome"], "failed");
    assert_eq!(run.file()["path"], "./link.png");
}

#[test]
fn a_file_with_other_names_is_refused_unless_asked_for() {
    let environment = Environment::new();
    let bytes = png(&[("id", "8888")]);
    let path = environment.write("a.png", &bytes);
    let other = environment.path("other.png");
    fs::hard_link(&path, &other).unwrap();
    let before = state(&path);
    let run = environment.run("strip -l id --in-place --json a.png").ended(1);
    assert_eq!(run.file()["outcome"], "refused");
    let reason = run.file()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("2 names") && reason.contains("--break-links"), "{reason}");
    assert_eq!(run.file()["labels"][0]["status"], "refused");
    assert_eq!(state(&path), before);
    let run = environment.run("strip -l id --in-place --dry-run --json a.png").ended(1);
    assert_eq!(run.file()["outcome"], "refused", "a dry run says what would be");

    environment.run("strip -l id --in-place --break-links a.png").ended(0);
    assert_eq!(keys(&environment, "a.png"), Vec::<String>::new());
    assert_eq!(fs::read(&other).unwrap(), bytes, "as the option says");
    assert_eq!(environment.names(), ["a.png", "other.png"]);
}

#[test]
fn a_clean_file_with_other_names_is_clean() {
    let environment = Environment::new();
    let path = environment.write("a.png", png(&[]));
    fs::hard_link(&path, environment.path("other.png")).unwrap();
    environment.run("strip -l id --in-place .").ended(0);
}

#[test]
fn a_file_that_is_reached_twice_is_stripped_once() {
    for _ in 0..20 {
        let environment = Environment::new();
        environment.write("a.png", png(&[("id", "8888")]));
        for name in ["b.png", "c.png", "d.png"] {
            symlink("a.png", environment.path(name)).unwrap();
        }
        let run = environment.run("strip -l id --in-place --json -j 4 . a.png d.png").ended(0);
        let summary = run.json().pop().unwrap();
        assert_eq!((&summary["stripped"], &summary["clean"]), (&1.into(), &5.into()), "{run}");
        assert_eq!(keys(&environment, "a.png"), Vec::<String>::new());
    }
}

#[test]
fn a_tree_is_stripped_where_it_is() {
    let environment = Environment::new();
    for number in 0..50 {
        environment.write(format!("in/{}/{number}.png", number % 7), png(&[("id", "8888"), ("owner", "Ann")]));
    }
    let names = environment.names();
    environment.run("strip -l id --in-place in").ended(0);
    assert_eq!(environment.names(), names);
    assert!(environment.files().values().all(|bytes| !bytes.windows(4).any(|window| window == b"8888")));
}
