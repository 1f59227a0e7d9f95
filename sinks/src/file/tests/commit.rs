//! Many writes that are committed together, what is synced, and in which order.

use std::fs;

use unlabel_core::{Edit, Payload, Plan, Source};

use super::{ENOSPC, Fixture};
use crate::PutOptions;
use crate::file::fault::{self, Fault};
use crate::file::{AttributeChange, File, Prepared, Recovery, Write, commit_all, recover};

/// Three files, one by each way of writing and one by each again, that are committed together.
struct Together(Vec<(Fixture, Write)>);

impl Together {
    fn new() -> Self {
        let modes = [Write::Patch, Write::Atomic, Write::Patch, Write::Atomic];
        Self(
            modes
                .into_iter()
                .zip([2_000, 2_000, 700_000, 700_000])
                .map(|(mode, len)| (Fixture::new(len), mode))
                .collect(),
        )
    }

    fn prepare(&self) -> Vec<Prepared> {
        let change = AttributeChange { name: "user.id".into(), value: None, creates: false };
        let options = PutOptions::default().file_attributes(vec![change]);
        let prepare = |(fixture, mode): &(Fixture, Write)| {
            File::in_place().writing(*mode).prepare("", &fixture.payload(), &options).unwrap().waiting()
        };
        self.0.iter().map(prepare).collect()
    }

    /// How many files are new; each is old or new, and there is nothing else.
    #[track_caller]
    fn new_files(&self) -> Vec<bool> {
        let is_new = |(fixture, _): &(Fixture, Write)| {
            assert_eq!(fixture.names(), ["a.bin"]);
            fixture.is_new()
        };
        self.0.iter().map(is_new).collect()
    }
}

#[test]
fn many_writes_are_committed_together() {
    let files = Together::new();
    let prepared = files.prepare();
    assert!(prepared.iter().all(Prepared::is_pending));
    assert!(
        files.0.iter().all(|(fixture, _)| fs::read(&fixture.path).unwrap() == fixture.old),
        "nothing is visible yet"
    );
    let receipts = commit_all(prepared);
    for (receipt, (fixture, _)) in receipts.iter().zip(&files.0) {
        assert_eq!(receipt.as_ref().unwrap().bytes, fixture.old.len() as u64);
    }
    assert_eq!(files.new_files(), [true; 4]);
    drop(files.prepare());
    assert_eq!(files.new_files(), [true; 4], "what is not committed leaves nothing");
}

/// Enough of them for threads.
#[test]
fn the_answers_of_a_large_group_are_in_the_order_of_the_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = |number: usize| directory.path().join(format!("{number}.bin"));
    let prepare = |number: usize| {
        fs::write(path(number), vec![b'x'; 100 + number]).unwrap();
        let source = Source::open(path(number)).unwrap();
        let plan = Plan::new(vec![Edit::fill(10..20, b' ')], source.len()).unwrap();
        let sink = File::in_place().writing(Write::Patch);
        sink.prepare("", &Payload::new(source, plan), &PutOptions::default()).unwrap().waiting()
    };
    let prepared: Vec<_> = (0..200).map(prepare).collect();
    // One of them is not what it was any more.
    fs::write(path(77), "other").unwrap();
    for (number, receipt) in commit_all(prepared).into_iter().enumerate() {
        let content = fs::read(path(number)).unwrap();
        match receipt {
            Ok(receipt) => assert_eq!((receipt.bytes, &content[9..21]), (100 + number as u64, &b"x          x"[..])),
            Err(error) => {
                assert_eq!((number, error.kind(), &content[..]), (77, crate::ErrorKind::Changed, &b"other"[..]));
            }
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 200, "no journal is left");
}

/// All journals and staged files are on the medium before any file changes, and all changes before any journal goes.
#[cfg(target_os = "linux")]
#[test]
fn a_group_is_synced_twice_and_in_order() {
    let files = Together::new();
    let (prepared, steps) = fault::logged(|| files.prepare());
    assert!(!steps.contains(&"write") && !steps.contains(&"rename") && !steps.contains(&"sync"), "{steps:?}");
    let (receipts, steps) = fault::logged(|| commit_all(prepared));
    assert!(receipts.iter().all(Result::is_ok));
    let places = |name: &str| {
        let places = steps.iter().enumerate().filter(|(_, step)| **step == name).map(|(at, _)| at);
        places.collect::<Vec<_>>()
    };
    let [first, second] = places("syncfs")[..] else { panic!("{steps:?}") };
    assert_eq!(first, 0);
    let changes = ["write", "rename", "attribute", "time"].map(places).concat();
    assert!(changes.len() >= 6 && changes.iter().all(|at| (first..second).contains(at)), "{steps:?}");
    let removed = places("remove");
    assert!(removed.len() == 2 && removed.iter().all(|at| *at > second), "{steps:?}");
    assert!(places("sync").is_empty(), "{steps:?}");
}

#[test]
fn without_syncing_nothing_is_synced_and_with_it_everything() {
    for (mode, syncs) in [(Write::Patch, 3), (Write::Atomic, 2)] {
        for is_synced in [false, true] {
            let fixture = Fixture::new(2_000);
            let prepared = File::in_place().writing(mode).prepare("", &fixture.payload(), &PutOptions::default());
            let (_, steps) = fault::logged(|| prepared.unwrap().commit(is_synced).unwrap());
            let found = steps.iter().filter(|step| step.starts_with("sync")).count();
            assert_eq!(found, if is_synced { syncs } else { 0 }, "{mode:?}: {steps:?}");
        }
    }
    // New directories have names, too.
    let fixture = Fixture::new(2_000);
    let sink = File::at(fixture.directory.path().join("new/deep/b.bin"));
    let (_, steps) = fault::logged(|| sink.write("", &fixture.payload(), &PutOptions::default()).unwrap());
    assert_eq!(steps.iter().filter(|step| **step == "sync").count(), 4, "{steps:?}");
}

/// Labels beside a file whose content stays.
#[test]
fn attributes_alone_are_committed_and_synced() {
    let fixture = Fixture::new(2_000);
    let source = Source::open(&fixture.path).unwrap();
    let payload = Payload::new(source, Plan::identity(2_000));
    let change = AttributeChange { name: "user.id".into(), value: None, creates: false };
    let options = PutOptions::default().file_attributes(vec![change]);
    let prepared = File::in_place().prepare("", &payload, &options).unwrap();
    assert!(prepared.is_pending());
    assert!(xattr::get(&fixture.path, "user.id").unwrap().is_some(), "nothing is visible yet");
    let (_, steps) = fault::logged(|| prepared.commit(true).unwrap());
    assert_eq!(steps, ["attribute", "sync"]);
    assert!(xattr::get(&fixture.path, "user.id").unwrap().is_none());
    assert_eq!(fs::read(&fixture.path).unwrap(), fixture.old);
}

#[test]
fn one_write_that_fails_does_not_keep_the_others() {
    for at in 0.. {
        let files = Together::new();
        let prepared = files.prepare();
        let fault = Fault { at, errno: Some(ENOSPC), lasts: false };
        let (results, passed) = fault::with(fault, || commit_all(prepared));
        if passed <= at {
            assert!(at >= 10, "only {at} steps were tried");
            break;
        }
        assert!(results.iter().filter(|result| result.is_err()).count() <= 1, "step {at}: {results:?}");
        for (result, (fixture, _)) in results.iter().zip(&files.0) {
            let leaves_journal = |error: &crate::Error| error.to_string().contains("journal cannot be removed");
            if result.as_ref().is_err_and(leaves_journal) {
                assert_eq!(recover(&fixture.path).unwrap(), Recovery::Completed);
            }
        }
        for ((result, (_, mode)), is_new) in results.iter().zip(&files.0).zip(files.new_files()) {
            let Err(error) = result else {
                assert!(is_new, "step {at}");
                continue;
            };
            let in_place = error.to_string().contains("in place") || error.to_string().contains("directory");
            assert_eq!(is_new, in_place, "step {at}, {mode:?}: {error}");
        }
    }
}

/// Where the disk fails for good, what was reported as done is done, and the rest is old after recovery.
#[test]
fn a_disk_that_fails_for_good_fails_the_rest_of_them() {
    for at in 0.. {
        let files = Together::new();
        let prepared = files.prepare();
        let (results, passed) = fault::with(Fault { at, errno: Some(5), lasts: true }, || commit_all(prepared));
        if passed <= at {
            break;
        }
        for (fixture, _) in &files.0 {
            recover(&fixture.path).unwrap();
        }
        for (result, is_new) in results.iter().zip(files.new_files()) {
            assert!(is_new || result.is_err(), "step {at}: reported as done, and lost");
        }
    }
}
