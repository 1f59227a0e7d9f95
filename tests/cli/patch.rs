//! `--in-place --write patch` and `recover`: killed at every step, files are the old ones or the new ones.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::environment::{Environment, Run, keys, large_png, png};

const STRIP: &str = "strip -l id --in-place --write patch -j 1";

/// What `strip` makes of these bytes.
fn cleaned(bytes: &[u8]) -> Vec<u8> {
    let environment = Environment::new();
    environment.write("a.png", bytes);
    environment.run("strip -l id --to b.png a.png").ended(0);
    environment.read("b.png")
}

/// Three files that are patched, one that is clean, and one that no format treats.
fn tree() -> BTreeMap<String, Vec<u8>> {
    let labelled = [("id", "8888"), ("owner", "Ann"), ("id", "9999")];
    BTreeMap::from([
        ("a.png".to_owned(), png(&labelled)),
        ("b.png".to_owned(), large_png(&labelled, 700_000)),
        ("c.png".to_owned(), png(&[("owner", "Ann")])),
        ("d.txt".to_owned(), b"id=8888".to_vec()),
        ("e.png".to_owned(), png(&labelled[..1])),
    ])
}

fn write(environment: &Environment, files: &BTreeMap<String, Vec<u8>>) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    for (name, bytes) in files {
        let path = environment.write(name, bytes);
        fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }
}

/// Runs the command with a fault at one of its steps; answers whether it got that far.
fn run_with(environment: &Environment, arguments: &str, fault: &str) -> (bool, Run) {
    let output = environment.command(arguments.split_whitespace()).env("UNLABEL_FAULT", fault).output().unwrap();
    (output.status.signal() == Some(9), Run::from(output))
}

/// Every file is the old one or the new one, with the old time, and there is nothing else.
#[track_caller]
fn check(environment: &Environment, old: &BTreeMap<String, Vec<u8>>, new: &BTreeMap<String, Vec<u8>>, when: &str) {
    let found = environment.files();
    assert_eq!(found.keys().collect::<Vec<_>>(), old.keys().collect::<Vec<_>>(), "{when}");
    for (name, bytes) in &found {
        assert!(*bytes == old[name] || *bytes == new[name], "{when}: {name} is torn");
        assert_eq!(fs::metadata(environment.path(name)).unwrap().mtime(), 1_234_567_890, "{when}: {name}");
    }
}

/// The process is ended by SIGKILL at each step of its writing, and then of its recovery.
#[test]
fn a_kill_at_every_step_leaves_old_or_new_files() {
    let old = tree();
    let new: BTreeMap<_, _> = old
        .iter()
        .map(|(name, bytes)| (name.clone(), if name == "d.txt" { bytes.clone() } else { cleaned(bytes) }))
        .collect();
    let mut restored = 0;
    let mut completed = 0;
    let mut steps = 0;
    for step in 0.. {
        let environment = Environment::new();
        write(&environment, &old);
        let (is_killed, run) = run_with(&environment, &format!("{STRIP} ."), &format!("{step}:kill"));
        if !is_killed {
            assert_eq!(environment.files(), new);
            run.ended(1);
            break;
        }
        steps += 1;
        // By a recovery of its own, by one that is killed too, or by the next run.
        match step % 3 {
            0 => {
                let run = environment.run("recover --json .").ended(0);
                let summary = run.json().pop().unwrap();
                restored += summary["restored"].as_u64().unwrap();
                completed += summary["completed"].as_u64().unwrap();
                check(&environment, &old, &new, &format!("step {step}"));
                environment.run("recover .").ended(0);
            }
            1 => {
                for step in 0.. {
                    if !run_with(&environment, "recover .", &format!("{step}:kill")).0 {
                        break;
                    }
                }
                check(&environment, &old, &new, &format!("step {step}"));
            }
            _ => {}
        }
        environment.run(&format!("{STRIP} .")).ended(1);
        // What waited to be used for further files.
        environment.run("recover .").ended(0);
        assert_eq!(environment.files(), new, "step {step}, and again");
        check(&environment, &new, &new, &format!("step {step}, and again"));
    }
    assert!(steps >= 20, "only {steps} steps: is this a build without debug assertions?");
    assert!(restored > 0 && completed > 0, "{restored} restored, {completed} completed");
}

#[test]
fn a_full_disk_at_every_step_leaves_old_files_and_no_journal() {
    let old = BTreeMap::from([("a.png".to_owned(), png(&[("id", "8888")]))]);
    let new = BTreeMap::from([("a.png".to_owned(), cleaned(&old["a.png"]))]);
    let mut failed = 0;
    for step in 0.. {
        let environment = Environment::new();
        write(&environment, &old);
        let (_, run) = run_with(&environment, &format!("{STRIP} --json a.png"), &format!("{step}:28"));
        if run.code == Some(0) {
            assert_eq!(environment.files(), new);
            break;
        }
        let run = run.ended(1);
        assert_eq!(run.file()["outcome"], "failed", "{run}");
        failed += 1;
        let reason = run.file()["reason"].as_str().unwrap().to_owned();
        if reason.contains("journal cannot be removed") {
            environment.run("recover a.png").ended(0);
            assert_eq!(environment.files(), new);
        } else {
            assert_eq!(environment.files(), old, "step {step}: {reason}");
        }
    }
    assert!(failed >= 8, "only {failed} steps");
}

#[test]
fn a_patch_keeps_inode_links_mode_and_time() {
    let environment = Environment::new();
    let bytes = png(&[("id", "8888")]);
    let path = environment.write("a.png", &bytes);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    let _ = xattr::set(&path, "user.id", b"8888");
    fs::hard_link(&path, environment.path("other.png")).unwrap();
    std::os::unix::fs::symlink("a.png", environment.path("link.png")).unwrap();
    let before = fs::metadata(&path).unwrap();
    let run = environment.run(&format!("{STRIP} --json link.png")).ended(0);
    assert_eq!(run.file()["outcome"], "stripped");
    let after = fs::metadata(&path).unwrap();
    assert_eq!((before.ino(), before.mode(), before.nlink()), (after.ino(), after.mode(), after.nlink()));
    assert_eq!((before.mtime(), before.mtime_nsec()), (after.mtime(), after.mtime_nsec()));
    assert_eq!(environment.read("other.png"), cleaned(&bytes));
    assert_eq!(keys(&environment, "other.png"), Vec::<String>::new());
    assert!(run.file()["bytes_written"].as_u64().unwrap() < bytes.len() as u64);
    assert_eq!(environment.names(), ["a.png", "link.png", "other.png"]);
}

#[test]
fn a_result_of_another_length_is_refused() {
    let environment = Environment::new();
    let bytes = png(&[("id", "8888")]);
    environment.write("a.png", &bytes);
    for how in ["--layout compact", "--layout compact --dry-run"] {
        let run = environment.run(&format!("{STRIP} {how} --json a.png")).ended(1);
        assert_eq!(run.file()["outcome"], "refused");
        let reason = run.file()["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains("resized") && reason.contains("--write atomic"), "{reason}");
        assert_eq!(environment.read("a.png"), bytes);
    }
    environment.run("strip -l id --write patch --to b.png a.png").ended(2);
}

/// A file that is half of a patch, and its journal.
fn unfinished(environment: &Environment) -> (PathBuf, Vec<u8>) {
    let old = png(&[("id", "8888"), ("owner", "Ann"), ("id", "9999")]);
    for step in 0.. {
        let path = environment.write("a.png", &old);
        assert!(run_with(environment, &format!("{STRIP} a.png"), &format!("{step}:kill")).0, "never torn");
        let now = fs::read(&path).unwrap();
        if now != old && now != cleaned(&old) {
            return (path, old);
        }
        environment.run("recover .").ended(0);
    }
    unreachable!()
}

#[test]
fn half_of_a_patch_is_no_input_before_it_is_recovered() {
    let environment = Environment::new();
    let (path, old) = unfinished(&environment);
    let torn = fs::read(&path).unwrap();
    for arguments in ["list a.png", "strip -l id --to b.png a.png", "strip -l id --in-place --dry-run a.png"] {
        let run = environment.run(arguments).ended(1);
        assert!(run.err().contains("unlabel recover"), "{run}");
        assert_eq!(fs::read(&path).unwrap(), torn);
    }
    assert_eq!(environment.names().len(), 2, "{:?}", environment.names());
    insta::assert_snapshot!(environment.run("recover .").ended(0));
    assert_eq!(fs::read(&path).unwrap(), old);
    insta::assert_snapshot!(environment.run("recover a.png").ended(0));
    insta::assert_snapshot!(environment.run("recover --json a.png nothing.png").ended(1));

    let (path, old) = unfinished(&environment);
    environment.run("strip -l id --in-place .").ended(0);
    assert_eq!(fs::read(&path).unwrap(), cleaned(&old), "also without --write patch");
    assert_eq!(environment.names(), ["a.png"]);
}

#[test]
fn a_file_that_was_edited_since_is_not_recovered() {
    let environment = Environment::new();
    let (path, _) = unfinished(&environment);
    let edited = b"something else".to_vec();
    fs::write(&path, &edited).unwrap();
    insta::assert_snapshot!(environment.run("recover a.png").ended(1));
    environment.run(&format!("{STRIP} a.png")).ended(1);
    assert_eq!(fs::read(&path).unwrap(), edited);
    assert_eq!(environment.names().len(), 2, "the journal stays");
}

#[test]
fn a_file_that_may_not_be_written_is_not() {
    let environment = Environment::new();
    let bytes = png(&[("id", "8888")]);
    let path = environment.write("a.png", &bytes);
    for flag in ["i", "a"] {
        let chattr = |change: String| Command::new("chattr").arg(change).arg(&path).output();
        if !chattr(format!("+{flag}")).is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: chattr +{flag} needs root and a file system that has it");
            continue;
        }
        let run = environment.run(&format!("{STRIP} --json a.png"));
        let names = environment.names();
        chattr(format!("-{flag}")).unwrap();
        assert_eq!(run.ended(1).file()["outcome"], "failed");
        assert_eq!((environment.read("a.png"), names), (bytes.clone(), vec!["a.png".to_owned()]));
    }
    if rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: root may write read-only files");
        return;
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    environment.run(&format!("{STRIP} a.png")).ended(1);
    assert_eq!((environment.read("a.png"), environment.names()), (bytes, vec!["a.png".to_owned()]));
}

/// A file system of its own, unmounted when dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf, options: &str) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(path));
        }
        eprintln!("SKIPPED: a file system of a test's own needs root");
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

/// No room for the journal, for one page of it, for two …
#[test]
fn a_disk_that_is_full_leaves_the_old_file() {
    let environment = Environment::new();
    let Some(mounted) = Mounted::new(environment.path("small"), "size=256k") else { return };
    let long = "8".repeat(40_000);
    let bytes = png(&[("id", &long)]);
    let path = mounted.0.join("a.png");
    let filler = mounted.0.join("filler");
    fs::write(&path, &bytes).unwrap();
    let mut failed = 0;
    for pages in 0..64 {
        // Fill the rest but for so many pages.
        let mut len = 256 << 10;
        while len > 0 && fs::write(&filler, vec![1; len]).is_err() {
            len -= 4096;
        }
        let Some(left) = len.checked_sub(pages * 4096) else { break };
        fs::write(&filler, vec![1; left]).unwrap();
        let run = environment.run(&format!("{STRIP} small/a.png"));
        let names = names(&mounted.0);
        assert_eq!(names, ["a.png", "filler"], "{run}");
        if run.code == Some(0) {
            break;
        }
        assert!(run.err().contains("No space left"), "{run}");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        failed += 1;
    }
    assert!(failed > 0, "the disk was never full");
    assert_eq!(fs::read(&path).unwrap(), cleaned(&bytes));
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
