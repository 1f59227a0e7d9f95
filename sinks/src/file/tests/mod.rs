//! Patches that are cut off, fail, or meet files that are not what they were.

mod commit;
mod undo;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use unlabel_core::{Edit, Payload, Plan, Source};

use super::fault::{self, Fault};
use super::{AttributeChange, File, Recovery, Write, journal, recover};
use crate::{ErrorKind, PutOptions};

const ENOSPC: i32 = 28;

/// A file in a directory of its own, and how it is to be patched.
struct Fixture {
    directory: TempDir,
    path: PathBuf,
    old: Vec<u8>,
    new: Vec<u8>,
    edits: Vec<Edit>,
}

impl Fixture {
    /// A file of `len` bytes with three edits, one of them a filler over more than one piece where there is room.
    fn new(len: usize) -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.bin");
        let old: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let end = len as u64;
        let edits = vec![
            Edit::replace(3..7, &b"WXYZ"[..]),
            Edit::fill(20..end / 2, b' '),
            Edit::replace(end - 5..end, &b"12345"[..]),
        ];
        let new = Plan::new(edits.clone(), end).unwrap().apply(&old).unwrap();
        let fixture = Self { directory, path, old, new, edits };
        fixture.reset();
        fixture
    }

    fn time() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789)
    }

    /// Writes the old file.
    fn reset(&self) {
        for name in self.names() {
            fs::remove_file(self.directory.path().join(name)).unwrap();
        }
        fs::write(&self.path, &self.old).unwrap();
        let _ = xattr::set(&self.path, "user.id", b"8888");
        let file = fs::File::options().write(true).open(&self.path).unwrap();
        file.set_modified(Self::time()).unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.directory.path()).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn payload(&self) -> Payload {
        let source = Source::open(&self.path).unwrap();
        let plan = Plan::new(self.edits.clone(), source.len()).unwrap();
        Payload::new(source, plan)
    }

    fn patch(&self) -> crate::Result<crate::Receipt> {
        self.patch_by(&patcher())
    }

    fn patch_by(&self, sink: &File) -> crate::Result<crate::Receipt> {
        let change = AttributeChange { name: "user.id".into(), value: None, creates: false };
        sink.write("", &self.payload(), &PutOptions::default().file_attributes(vec![change]))
    }

    fn spare(&self) -> Option<String> {
        self.names().into_iter().find(|name| name != "a.bin" && File::is_journal(Path::new(name)))
    }

    fn journal(&self) -> PathBuf {
        journal::path_for(&fs::canonicalize(&self.path).unwrap())
    }

    /// Whether the file is the new one; fails when it is neither, or has another time.
    #[track_caller]
    fn is_new(&self) -> bool {
        let now = fs::read(&self.path).unwrap();
        assert!(now == self.old || now == self.new, "the file is torn");
        let has_attribute = xattr::get(&self.path, "user.id").unwrap().is_some();
        assert_eq!(has_attribute, now == self.old, "attribute and content do not belong together");
        assert_eq!(fs::metadata(&self.path).unwrap().modified().unwrap(), Self::time());
        now == self.new
    }

    /// A complete journal, as it is when nothing is patched yet.
    fn complete_journal(&self) -> Vec<u8> {
        let prepared = patcher().prepare("", &self.payload(), &PutOptions::default()).unwrap();
        let bytes = fs::read(self.journal()).unwrap();
        drop(prepared);
        assert_eq!(self.names(), ["a.bin"], "what is not committed leaves nothing");
        bytes
    }

    fn plant(&self, journal: &[u8]) {
        fs::write(self.journal(), journal).unwrap();
        fs::set_permissions(self.journal(), fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn patcher() -> File {
    File::in_place().writing(Write::Patch)
}

/// Small enough to be in memory, and large enough to be mapped and to need several pieces.
const LENGTHS: [usize; 2] = [2_000, 700_000];

#[test]
fn a_patch_writes_the_result_and_leaves_no_journal() {
    for len in LENGTHS {
        let fixture = Fixture::new(len);
        let before = fs::metadata(&fixture.path).unwrap();
        let receipt = fixture.patch().unwrap();
        assert!(fixture.is_new());
        assert_eq!(fixture.names(), ["a.bin"]);
        assert_eq!(fs::metadata(&fixture.path).unwrap().ino(), before.ino(), "it is the same file");
        let written: u64 = fixture.edits.iter().map(|edit| edit.with.len()).sum();
        assert_eq!((receipt.bytes, receipt.bytes_written), (len as u64, written));
    }
}

#[test]
fn a_step_that_fails_leaves_the_old_file_and_no_journal() {
    for len in LENGTHS {
        let fixture = Fixture::new(len);
        let mut at = 0;
        loop {
            fixture.reset();
            let fault = Fault { at, errno: Some(ENOSPC), lasts: false };
            let (result, passed) = fault::with(fault, || fixture.patch());
            if passed <= at {
                assert!(result.is_ok() && fixture.is_new());
                break;
            }
            let error = result.unwrap_err();
            if error.to_string().contains("journal cannot be removed") {
                assert_eq!(recover(&fixture.path).unwrap(), Recovery::Completed);
                assert!(fixture.is_new());
            } else {
                assert!(!fixture.is_new(), "step {at}: {error}");
            }
            assert_eq!(fixture.names(), ["a.bin"], "step {at}: {error}");
            at += 1;
        }
        assert!(at >= 10, "only {at} steps were tried");
    }
}

/// The disk is gone from one step on: not even undoing succeeds. What is right again is recovered later.
#[test]
fn a_disk_that_fails_for_good_is_recovered_from_later() {
    for len in LENGTHS {
        let fixture = Fixture::new(len);
        let mut outcomes = Vec::new();
        for at in 0.. {
            fixture.reset();
            let (result, passed) = fault::with(Fault { at, errno: Some(5), lasts: true }, || fixture.patch());
            if passed <= at {
                break;
            }
            let error = result.unwrap_err();
            let has_journal = fixture.names().len() == 2;
            if has_journal && !error.to_string().contains("journal cannot be removed") {
                assert!(error.to_string().contains("unlabel recover"), "step {at}: {error}");
            }
            outcomes.push(recover(&fixture.path).unwrap());
            fixture.is_new();
            assert_eq!(fixture.names(), ["a.bin"], "step {at}");
        }
        assert!(outcomes.contains(&Recovery::Restored), "{outcomes:?}");
    }
}

/// Recovery itself may be cut off, and begun again.
#[test]
fn a_recovery_that_fails_can_be_repeated() {
    let fixture = Fixture::new(LENGTHS[1]);
    let journal = fixture.complete_journal();
    for at in 0.. {
        fixture.reset();
        let mut torn = fixture.new.clone();
        torn[1_000..200_000].copy_from_slice(&fixture.old[1_000..200_000]);
        fs::write(&fixture.path, torn).unwrap();
        fixture.plant(&journal);
        let (result, passed) = fault::with(Fault { at, errno: Some(5), lasts: true }, || recover(&fixture.path));
        if passed <= at {
            assert_eq!(result.unwrap(), Recovery::Restored);
            break;
        }
        result.unwrap_err();
        recover(&fixture.path).unwrap();
        assert!(!fixture.is_new());
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

#[test]
fn a_journal_that_is_cut_off_or_damaged_is_dropped() {
    let fixture = Fixture::new(2_000);
    let whole = fixture.complete_journal();
    let source = |bytes: &[u8]| Source::from_bytes(bytes.to_vec());
    assert!(journal::Journal::read(source(&whole)).unwrap().is_some());
    for len in 0..whole.len() {
        assert!(journal::Journal::read(source(&whole[..len])).unwrap().is_none(), "{len} bytes");
        let mut damaged = whole.clone();
        damaged[len] ^= 1;
        assert!(journal::Journal::read(source(&damaged)).unwrap().is_none(), "byte {len}");
    }
    for torn in [&whole[..0], &whole[..whole.len() - 1]] {
        fixture.plant(torn);
        assert_eq!(recover(&fixture.path).unwrap(), Recovery::Dropped);
        assert!(!fixture.is_new());
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

/// Lengths and counts that lie, under a digest that is right: no panic, no allocation of what is not there.
#[test]
fn fields_that_lie_are_no_journal() {
    use sha2::{Digest, Sha256};
    let fixture = Fixture::new(2_000);
    let whole = fixture.complete_journal();
    let content = whole.len() - 32;
    for at in 0..content {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            let digest = Sha256::digest(&bytes[..content]);
            bytes[content..].copy_from_slice(&digest);
            if let Ok(Some(journal)) = journal::Journal::read(Source::from_bytes(bytes)) {
                let ends = journal.edits.iter().map(|edit| edit.start + journal.before(edit).len() as u64);
                assert!(ends.max().unwrap_or(0) <= journal.len_before, "byte {at} as {value}");
            }
        }
    }
}

#[test]
fn every_mixture_of_old_and_new_is_undone() {
    let fixture = Fixture::new(2_000);
    let journal = fixture.complete_journal();
    for cut in (0..=2_000).step_by(23) {
        let backwards = cut % 2 == 1;
        let (first, second) = if backwards { (&fixture.old, &fixture.new) } else { (&fixture.new, &fixture.old) };
        let mixture = [&first[..cut], &second[cut..]].concat();
        fs::write(&fixture.path, &mixture).unwrap();
        fixture.plant(&journal);
        let wanted = if mixture == fixture.new { Recovery::Completed } else { Recovery::Restored };
        assert_eq!(recover(&fixture.path).unwrap(), wanted, "cut at {cut}");
        let content = if mixture == fixture.new { &fixture.new } else { &fixture.old };
        assert_eq!(&fs::read(&fixture.path).unwrap(), content);
        assert_eq!(fs::metadata(&fixture.path).unwrap().modified().unwrap(), Fixture::time());
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

#[test]
fn a_file_that_was_edited_since_is_left_alone() {
    let fixture = Fixture::new(2_000);
    for (at, len) in [(4, 2_000), (4, 1_999)] {
        fixture.reset();
        let journal = fixture.complete_journal();
        let mut edited = fixture.new[..len].to_vec();
        edited[at] = 0xee;
        fs::write(&fixture.path, &edited).unwrap();
        fixture.plant(&journal);
        assert_eq!(recover(&fixture.path).unwrap_err().kind(), ErrorKind::Changed);
        assert_eq!(fs::read(&fixture.path).unwrap(), edited);
        assert!(fixture.journal().exists(), "somebody has to look");
        if len == 2_000 {
            assert_eq!(fixture.patch().unwrap_err().kind(), ErrorKind::Changed, "nor is it patched");
        }

        // A file that took the name since is another one.
        let other = fixture.directory.path().join("other");
        fs::copy(&fixture.path, &other).unwrap();
        fs::rename(&other, &fixture.path).unwrap();
        assert_eq!(recover(&fixture.path).unwrap(), Recovery::Dropped);
        assert_eq!(fs::read(&fixture.path).unwrap(), edited);
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

#[test]
fn a_journal_of_a_stranger_is_not_believed() {
    let fixture = Fixture::new(2_000);
    let journal = fixture.complete_journal();
    let torn = [&fixture.new[..10], &fixture.old[10..]].concat();
    fs::write(&fixture.path, &torn).unwrap();
    fixture.plant(&journal);
    fs::set_permissions(fixture.journal(), fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(recover(&fixture.path).unwrap_err().kind(), ErrorKind::Journal);
    if rustix::process::geteuid().is_root() {
        fs::set_permissions(fixture.journal(), fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::chown(fixture.journal(), Some(1234), Some(1234)).unwrap();
        assert_eq!(recover(&fixture.path).unwrap_err().kind(), ErrorKind::Journal);
    }
    let elsewhere = fixture.directory.path().join("elsewhere");
    fs::rename(fixture.journal(), &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, fixture.journal()).unwrap();
    assert_eq!(recover(&fixture.path).unwrap_err().kind(), ErrorKind::Journal);
    assert_eq!(fs::read(&fixture.path).unwrap(), torn);
}

#[test]
fn the_next_write_in_place_recovers_first() {
    let fixture = Fixture::new(2_000);
    let journal = fixture.complete_journal();
    for mode in [Write::Patch, Write::Atomic] {
        fixture.reset();
        fs::write(&fixture.path, [&fixture.new[..10], &fixture.old[10..]].concat()).unwrap();
        fixture.plant(&journal);
        let payload = fixture.payload();
        let error = File::in_place().writing(mode).write("", &payload, &PutOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "the plan was made for half a patch: {error}");
        assert_eq!(fs::read(&fixture.path).unwrap(), fixture.old);
        assert_eq!(fixture.names(), ["a.bin"]);
        File::in_place().writing(mode).write("", &fixture.payload(), &PutOptions::default()).unwrap();
        assert_eq!(fs::read(&fixture.path).unwrap(), fixture.new);
    }
}

#[test]
fn a_patch_that_is_at_work_is_not_disturbed() {
    let fixture = Fixture::new(2_000);
    let prepared = patcher().prepare("", &fixture.payload(), &PutOptions::default()).unwrap();
    assert_eq!(recover(&fixture.path).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(recover(fixture.journal()).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(fixture.patch().unwrap_err().kind(), ErrorKind::Busy);
    prepared.commit(true).unwrap();
    assert_eq!(fs::read(&fixture.path).unwrap(), fixture.new);
    assert_eq!(recover(&fixture.path).unwrap(), Recovery::Intact);
}

#[test]
fn a_file_that_changed_since_it_was_planned_is_refused() {
    for len in LENGTHS {
        let fixture = Fixture::new(len);
        let payload = fixture.payload();
        let mut changed = fixture.old.clone();
        changed[5] = 0xee;
        // In place, so that the map of it shows the change, and with the old time.
        let file = fs::File::options().write(true).open(&fixture.path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &changed, 0).unwrap();
        file.set_modified(Fixture::time()).unwrap();
        let error = patcher().write("", &payload, &PutOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
        assert_eq!(fs::read(&fixture.path).unwrap(), changed);
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

/// What the times cannot tell, the bytes tell.
#[test]
fn bytes_that_are_not_those_of_the_plan_are_refused() {
    for len in LENGTHS {
        let fixture = Fixture::new(len);
        let payload = fixture.payload();
        let other = fixture.directory.path().join("other");
        let mut changed = fixture.old.clone();
        changed[5] = 0xee;
        fs::write(&other, &changed).unwrap();
        let draft = journal::Draft {
            name: "other".as_ref(),
            original: &fs::File::open(&other).unwrap(),
            payload: &payload,
            changes: &[],
            digests: None,
        };
        let error = draft.write(&tempfile::tempfile().unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    }
}

#[test]
fn another_length_is_refused_before_anything_is_written() {
    let mut fixture = Fixture::new(2_000);
    fixture.edits.push(Edit::delete(10..12));
    let before = fs::metadata(&fixture.path).unwrap();
    let error = fixture.patch().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Resized, "{error}");
    let payload = fixture.payload();
    assert_eq!(patcher().check("", &payload, &PutOptions::default()).unwrap_err().kind(), ErrorKind::Resized);
    let after = fs::metadata(&fixture.path).unwrap();
    assert_eq!((before.ctime(), before.ctime_nsec()), (after.ctime(), after.ctime_nsec()));
    assert_eq!(fixture.names(), ["a.bin"]);
}

#[test]
fn every_name_of_a_file_sees_its_patch() {
    let fixture = Fixture::new(2_000);
    let other = fixture.directory.path().join("other");
    fs::hard_link(&fixture.path, &other).unwrap();
    let link = fixture.directory.path().join("link");
    std::os::unix::fs::symlink("a.bin", &link).unwrap();
    let source = Source::open(&link).unwrap();
    let payload = Payload::new(source, Plan::new(fixture.edits.clone(), 2_000).unwrap());
    patcher().write("", &payload, &PutOptions::default()).unwrap();
    assert_eq!(fs::read(&other).unwrap(), fixture.new);
    assert_eq!(fs::read(&fixture.path).unwrap(), fixture.new);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&other).unwrap().nlink(), 2);
    assert_eq!(fixture.names(), ["a.bin", "link", "other"]);
}

#[test]
fn holes_stay_holes() {
    let fixture = Fixture::new(2_000);
    let file = fs::File::options().write(true).open(&fixture.path).unwrap();
    file.set_len(64 << 20).unwrap();
    let payload = fixture.payload_of(64 << 20);
    let before = fs::metadata(&fixture.path).unwrap().blocks();
    patcher().write("", &payload, &PutOptions::default()).unwrap();
    let after = fs::metadata(&fixture.path).unwrap();
    assert!(after.blocks() <= before + 16, "{} blocks of 512 bytes, {before} before", after.blocks());
    assert_eq!(after.len(), 64 << 20);
}

impl Fixture {
    fn payload_of(&self, len: u64) -> Payload {
        let source = Source::open(&self.path).unwrap();
        Payload::new(source, Plan::new(vec![Edit::fill(3..90, b' ')], len).unwrap())
    }
}

#[test]
fn the_name_of_a_journal_follows_from_that_of_the_file() {
    let long = "ü".repeat(127);
    for name in ["a", "report.docx", ".hidden", &long] {
        let path = journal::path_for(&Path::new("d").join(name));
        assert!(journal::is_journal(&path) && !File::is_staged(&path), "{}", path.display());
        assert!(path.file_name().unwrap().len() <= 255);
        assert_eq!(path.parent().unwrap(), Path::new("d"));
    }
    let [one, other] = ["1", "2"].map(|end| journal::path_for(Path::new(&format!("{}{end}", "x".repeat(60)))));
    assert_ne!(one, other);
}

#[test]
fn a_journal_is_used_again_and_goes_with_the_sink() {
    let (first, second) = (Fixture::new(300), Fixture::new(5000));
    let sink = patcher().reusing_journals(true);
    first.patch_by(&sink).unwrap();
    let inode =
        |fixture: &Fixture| fs::metadata(fixture.directory.path().join(fixture.spare().unwrap())).unwrap().ino();
    let (ino, spare) = (inode(&first), first.directory.path().join(first.spare().unwrap()));
    assert_eq!((first.is_new(), fs::metadata(&spare).unwrap().len()), (true, 0));
    second.patch_by(&sink).unwrap();
    assert_eq!((second.is_new(), first.spare(), inode(&second)), (true, None, ino));
    drop(sink);
    assert_eq!((first.names(), second.names()), (vec!["a.bin".to_owned()], vec!["a.bin".to_owned()]));
}

#[test]
fn a_journal_that_waits_may_be_removed_by_others() {
    let fixture = Fixture::new(300);
    let sink = patcher().reusing_journals(true);
    for _ in 0..2 {
        fixture.reset();
        fixture.patch_by(&sink).unwrap();
        assert!(fixture.is_new());
        let spare = fixture.directory.path().join(fixture.spare().unwrap());
        assert_eq!(recover(&spare).unwrap(), Recovery::Dropped);
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}
