//! Changes that are undone later, from an undo directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use unlabel_core::{Edit, Payload, Plan, Source};

use super::{ENOSPC, Fixture, LENGTHS};
use crate::file::fault::{self, Fault};
use crate::file::{AttributeChange, File, UndoDirectory, UndoRecord, Undone, Write, commit_all, recover};
use crate::{ErrorKind, PutOptions};

/// An undo directory in a place of its own.
struct Kept {
    place: TempDir,
    directory: UndoDirectory,
}

impl Kept {
    fn new() -> Self {
        let place = TempDir::new().unwrap();
        let directory = UndoDirectory::create(place.path().join("deep/undo")).unwrap();
        Self { place, directory }
    }

    fn path(&self) -> PathBuf {
        self.place.path().join("deep/undo")
    }

    fn records(&self) -> Vec<PathBuf> {
        self.directory.records().unwrap().map(Result::unwrap).collect()
    }

    fn one(&self) -> UndoRecord {
        let records = self.records();
        assert_eq!(records.len(), 1, "{records:?}");
        UndoRecord::open(&records[0]).unwrap()
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.path()).unwrap().next().is_none()
    }
}

fn options() -> PutOptions {
    let change = AttributeChange { name: "user.id".into(), value: None, creates: false };
    PutOptions::default().file_attributes(vec![change])
}

/// The ways of writing, and whether the result is shorter and longer in places.
const WAYS: [(Write, bool); 3] = [(Write::Patch, false), (Write::Atomic, false), (Write::Atomic, true)];

fn fixture(len: usize, is_moved: bool) -> Fixture {
    let mut fixture = Fixture::new(len);
    if is_moved {
        fixture.edits.extend([Edit::delete(8..17), Edit::replace(19..19, &b"more"[..])]);
        fixture.new = Plan::new(fixture.edits.clone(), len as u64).unwrap().apply(&fixture.old).unwrap();
    }
    fixture
}

#[test]
fn what_was_changed_is_undone_byte_for_byte() {
    for (mode, is_moved) in WAYS {
        for len in LENGTHS {
            let (fixture, kept) = (fixture(len, is_moved), Kept::new());
            let sink = File::in_place().writing(mode).undo_directory(kept.directory.clone());
            sink.write("", &fixture.payload(), &options()).unwrap();
            assert!(fixture.is_new());
            let mode_of = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
            let record = kept.one();
            assert_eq!((mode_of(&kept.path()), mode_of(record.path())), (0o700, 0o600));
            assert_eq!(record.target(), fs::canonicalize(&fixture.path).unwrap());
            assert_eq!(kept.directory.records_of(&fixture.path), [record.path()]);

            assert_eq!(record.undo().unwrap(), Undone::Restored);
            assert!(!fixture.is_new());
            assert_eq!(kept.one().undo().unwrap(), Undone::Intact, "a second time there is nothing to do");
            kept.one().remove().unwrap();
            assert!(kept.is_empty() && !fixture.is_new());
            assert_eq!(fixture.names(), ["a.bin"]);
        }
    }
}

#[test]
fn cuts_that_touch_are_undone() {
    let (mut fixture, kept) = (Fixture::new(LENGTHS[0].max(64)), Kept::new());
    fixture.edits =
        vec![Edit::delete(3..9), Edit::delete(9..11), Edit::replace(11..11, &b"new"[..]), Edit::delete(11..20)];
    let len = fixture.old.len() as u64;
    fixture.new = Plan::new(fixture.edits.clone(), len).unwrap().apply(&fixture.old).unwrap();
    let sink = File::in_place().undo_directory(kept.directory.clone());
    sink.write("", &fixture.payload(), &options()).unwrap();
    assert!(fixture.is_new());
    assert_eq!(kept.one().undo().unwrap(), Undone::Restored);
    assert!(!fixture.is_new());
}

#[test]
fn a_file_that_changed_since_is_left_alone() {
    for (mode, is_moved) in WAYS {
        let (fixture, kept) = (fixture(2_000, is_moved), Kept::new());
        let sink = File::in_place().writing(mode).undo_directory(kept.directory.clone());
        sink.write("", &fixture.payload(), &options()).unwrap();
        // Outside of what was edited, too.
        for at in [4, 12, fixture.new.len() - 100] {
            let mut edited = fixture.new.clone();
            edited[at] ^= 1;
            fs::write(&fixture.path, &edited).unwrap();
            assert_eq!(kept.one().undo().unwrap_err().kind(), ErrorKind::Changed);
            assert_eq!(fs::read(&fixture.path).unwrap(), edited);
        }
        fs::write(&fixture.path, &fixture.new).unwrap();
        xattr::set(&fixture.path, "user.id", b"other").unwrap();
        assert_eq!(kept.one().undo().unwrap_err().kind(), ErrorKind::Changed);
        assert_eq!(fs::read(&fixture.path).unwrap(), fixture.new);
        fs::remove_file(&fixture.path).unwrap();
        kept.one().undo().unwrap_err();
        assert_eq!(kept.records().len(), 1, "the record stays");
    }
}

#[test]
fn several_changes_of_one_file_are_undone_from_the_last_to_the_first() {
    let (fixture, kept) = (Fixture::new(2_000), Kept::new());
    let sink = File::in_place().undo_directory(kept.directory.clone());
    let mut states = vec![fixture.old.clone()];
    for cut in [5_u64, 6, 7] {
        let source = Source::open(&fixture.path).unwrap();
        let plan = Plan::new(vec![Edit::delete(cut..2 * cut)], source.len()).unwrap();
        sink.write("", &Payload::new(source, plan), &PutOptions::default()).unwrap();
        states.push(fs::read(&fixture.path).unwrap());
    }
    let other = Fixture::new(2_000);
    sink.write("", &other.payload(), &options()).unwrap();
    let records = kept.records();
    assert_eq!(records.len(), 4);
    for record in records.iter().map(|record| UndoRecord::open(record).unwrap()) {
        let is_one_of_many = record.target() == fs::canonicalize(&fixture.path).unwrap();
        assert_eq!(record.undo().unwrap(), Undone::Restored);
        if is_one_of_many {
            states.pop();
            assert_eq!(&fs::read(&fixture.path).unwrap(), states.last().unwrap());
        }
        record.remove().unwrap();
    }
    assert_eq!(fs::read(&fixture.path).unwrap(), fixture.old);
    assert!(!other.is_new() && kept.is_empty());
}

/// The record is on the medium before anything of the file changes.
#[test]
fn records_are_synced_first() {
    for (mode, is_moved) in WAYS {
        let (fixture, kept) = (fixture(2_000, is_moved), Kept::new());
        let sink = File::in_place().writing(mode).undo_directory(kept.directory.clone());
        let (prepared, steps) = fault::logged(|| sink.prepare("", &fixture.payload(), &options()).unwrap());
        assert!(!steps.contains(&"write") && !steps.contains(&"sync"), "{steps:?}");
        let (_, steps) = fault::logged(|| prepared.commit(true).unwrap());
        let changes = |step: &&str| ["write", "rename", "attribute"].contains(step);
        let first = steps.iter().position(changes).unwrap();
        // Record and its directory; staged file, or journal and its directory.
        let wanted = if mode == Write::Patch { 4 } else { 3 };
        assert_eq!(steps[..first].iter().filter(|step| **step == "sync").count(), wanted, "{steps:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn records_of_a_group_come_to_the_medium_with_it() {
    let (fixture, kept) = (Fixture::new(2_000), Kept::new());
    let sink = File::in_place().undo_directory(kept.directory.clone());
    let prepared = sink.prepare("", &fixture.payload(), &options()).unwrap().waiting();
    let (receipts, steps) = fault::logged(|| commit_all(vec![prepared]));
    assert!(receipts[0].is_ok() && steps.first() == Some(&"syncfs") && !steps.contains(&"sync"), "{steps:?}");
    assert_eq!(kept.one().undo().unwrap(), Undone::Restored);
}

#[test]
fn a_change_that_fails_leaves_no_record_unless_it_may_be_needed() {
    for (mode, is_moved) in WAYS {
        for lasts in [false, true] {
            for at in 0.. {
                let (fixture, kept) = (fixture(2_000, is_moved), Kept::new());
                let sink = File::in_place().writing(mode).undo_directory(kept.directory.clone());
                let write = || sink.write("", &fixture.payload(), &options());
                let (result, passed) = fault::with(Fault { at, errno: Some(ENOSPC), lasts }, write);
                if passed <= at {
                    assert!(at >= 8 && result.is_ok(), "only {at} steps");
                    break;
                }
                result.unwrap_err();
                recover(&fixture.path).unwrap();
                if fixture.is_new() {
                    assert_eq!(kept.one().undo().unwrap(), Undone::Restored, "{mode:?}, step {at}");
                } else {
                    let left = kept.records();
                    assert!(left.len() <= 1);
                    for record in left {
                        assert_eq!(UndoRecord::open(record).unwrap().undo().unwrap(), Undone::Intact);
                    }
                }
                assert!(!fixture.is_new());
            }
        }
    }
}

/// Undoing may be cut off, and begun again.
#[test]
fn an_undo_that_fails_can_be_repeated() {
    for (mode, is_moved) in WAYS {
        for has_names in [false, !is_moved] {
            for at in 0.. {
                let (fixture, kept) = (fixture(2_000, is_moved), Kept::new());
                let sink = File::in_place().writing(mode).undo_directory(kept.directory.clone());
                sink.write("", &fixture.payload(), &options()).unwrap();
                let other = fixture.directory.path().join("other");
                if has_names {
                    fs::hard_link(&fixture.path, &other).unwrap();
                }
                let record = kept.one();
                let undo = || record.undo();
                let (result, passed) = fault::with(Fault { at, errno: Some(5), lasts: true }, undo);
                if passed <= at {
                    assert_eq!(result.unwrap(), Undone::Restored);
                    break;
                }
                result.unwrap_err();
                kept.one().undo().unwrap();
                assert!(!fixture.is_new(), "{mode:?}, step {at}");
                if has_names {
                    assert_eq!(fs::metadata(&other).unwrap().nlink(), 2, "every name sees it");
                    fs::remove_file(&other).unwrap();
                }
                assert_eq!(fixture.names(), ["a.bin"]);
            }
        }
    }
}

#[test]
fn labels_beside_a_file_are_undone_alone() {
    let (fixture, kept) = (Fixture::new(2_000), Kept::new());
    let payload = Payload::new(Source::open(&fixture.path).unwrap(), Plan::identity(2_000));
    File::in_place().undo_directory(kept.directory.clone()).write("", &payload, &options()).unwrap();
    assert!(xattr::get(&fixture.path, "user.id").unwrap().is_none());
    assert_eq!(kept.one().undo().unwrap(), Undone::Restored);
    assert!(!fixture.is_new());
}

#[test]
fn what_is_not_private_is_not_believed() {
    let (fixture, kept) = (Fixture::new(2_000), Kept::new());
    File::in_place().undo_directory(kept.directory.clone()).write("", &fixture.payload(), &options()).unwrap();
    let path = kept.records().remove(0);
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&path, 0o644);
    assert_eq!(UndoRecord::open(&path).unwrap_err().kind(), ErrorKind::Journal);
    set(&path, 0o600);
    let whole = fs::read(&path).unwrap();
    for len in (0..whole.len()).step_by(7) {
        fs::write(&path, &whole[..len]).unwrap();
        assert_eq!(UndoRecord::open(&path).unwrap_err().kind(), ErrorKind::Journal);
        let mut damaged = whole.clone();
        damaged[len] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert_eq!(UndoRecord::open(&path).unwrap_err().kind(), ErrorKind::Journal);
    }
    set(&kept.path(), 0o755);
    assert_eq!(UndoDirectory::open(kept.path()).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(UndoDirectory::create(kept.path()).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(UndoDirectory::create(&fixture.path).unwrap_err().kind(), ErrorKind::Config);
}
