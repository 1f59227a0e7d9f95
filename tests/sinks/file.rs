//! What the file sink keeps, follows and refuses. Unix: links, modes and extended attributes.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use unlabel_core::{Edit, Payload};
use unlabel_sinks::{ErrorKind, File, PutOptions};

use crate::places::files_below;
use crate::{create, noise, of_bytes, of_file, put};

struct Fixture {
    directory: TempDir,
    path: PathBuf,
}

impl Fixture {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("a.bin");
        Self { directory, path }
    }

    /// A labelled file with attributes of its own, and its cleaned payload.
    fn labelled(&self, len: usize) -> (Payload, Vec<u8>) {
        fs::write(&self.path, noise(len)).unwrap();
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o640)).unwrap();
        let file = fs::File::options().write(true).open(&self.path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789)).unwrap();
        let source = unlabel_core::Source::open(&self.path).unwrap();
        crate::planned(source, vec![Edit::fill(5..9, b' '), Edit::delete(len as u64 - 3..len as u64)])
    }

    fn names(&self) -> Vec<String> {
        files_below(self.directory.path())
    }
}

/// Sets a user attribute, unless the file system of the temporary directory has none.
fn set_attribute(path: &Path) -> bool {
    let before = fs::metadata(path).unwrap().modified().unwrap();
    let is_set = xattr::set(path, "user.note", b"kept").is_ok();
    fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
    is_set
}

#[test]
fn in_place_keeps_mode_time_attributes_and_owner() {
    for len in [2_000, 1 << 20] {
        let fixture = Fixture::new();
        fixture.labelled(len);
        let has_attribute = set_attribute(&fixture.path);
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&fixture.path, Some(1234), Some(4321)).unwrap();
        }
        let before = fs::metadata(&fixture.path).unwrap();
        let source = unlabel_core::Source::open(&fixture.path).unwrap();
        let (payload, expected) = crate::planned(source, vec![Edit::delete(0..7)]);
        let receipt = put(&File::in_place(), "", &payload).unwrap();
        let after = fs::metadata(&fixture.path).unwrap();
        assert_eq!(fs::read(&fixture.path).unwrap(), expected);
        assert_eq!(receipt.bytes, expected.len() as u64);
        assert_ne!(after.ino(), before.ino(), "it is a new file");
        assert_eq!(after.mode(), before.mode());
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
        if has_attribute {
            assert_eq!(xattr::get(&fixture.path, "user.note").unwrap().unwrap(), b"kept");
        }
        assert_eq!(fixture.names(), ["a.bin"]);
    }
}

#[test]
fn in_place_keeps_the_acl() {
    let fixture = Fixture::new();
    fixture.labelled(2_000);
    // Version 2; user::rw-, user:1234:r--, group::r--, mask::r--, other::---
    let mut acl = vec![2, 0, 0, 0];
    for (tag, permissions, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend(tag.to_le_bytes().into_iter().chain(permissions.to_le_bytes()).chain(id.to_le_bytes()));
    }
    if xattr::set(&fixture.path, "system.posix_acl_access", &acl).is_err() {
        return;
    }
    // A change of attributes is a change of the file: it is read after that.
    let source = unlabel_core::Source::open(&fixture.path).unwrap();
    let (payload, _) = crate::planned(source, vec![Edit::delete(0..7)]);
    put(&File::in_place(), "", &payload).unwrap();
    assert_eq!(xattr::get(&fixture.path, "system.posix_acl_access").unwrap().unwrap(), acl);
    assert_eq!(fs::metadata(&fixture.path).unwrap().mode() & 0o777, 0o640);
}

#[test]
fn in_place_of_nothing_touches_nothing() {
    let fixture = Fixture::new();
    let (payload, bytes) = of_file(&fixture.path, &noise(600_000), vec![]);
    let before = fs::metadata(&fixture.path).unwrap();
    let receipt = put(&File::in_place(), "", &payload).unwrap();
    let after = fs::metadata(&fixture.path).unwrap();
    assert_eq!((receipt.bytes, receipt.bytes_written), (bytes.len() as u64, 0));
    let times = |of: &fs::Metadata| (of.ino(), of.mtime(), of.mtime_nsec(), of.ctime(), of.ctime_nsec());
    assert_eq!(times(&after), times(&before));
}

#[test]
fn in_place_follows_a_link_to_the_real_file() {
    let fixture = Fixture::new();
    let (_, _) = fixture.labelled(2_000);
    let link = fixture.directory.path().join("link");
    symlink("a.bin", &link).unwrap();
    let source = unlabel_core::Source::open(&link).unwrap();
    let (payload, expected) = crate::planned(source, vec![Edit::delete(0..7)]);
    put(&File::in_place(), "", &payload).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_link(&link).unwrap(), Path::new("a.bin"));
    assert_eq!(fs::read(&fixture.path).unwrap(), expected);
    assert!(fs::symlink_metadata(&fixture.path).unwrap().is_file());
}

#[test]
fn in_place_refuses_a_file_with_other_names() {
    let fixture = Fixture::new();
    fs::write(&fixture.path, noise(2_000)).unwrap();
    let other = fixture.directory.path().join("other");
    fs::hard_link(&fixture.path, &other).unwrap();
    let (payload, expected) = of_file(&fixture.path, &noise(2_000), vec![Edit::delete(0..7)]);
    let error = put(&File::in_place(), "", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Linked);
    assert!(error.to_string().contains("2 names"), "{error}");
    assert_eq!(fs::read(&fixture.path).unwrap(), noise(2_000));

    put(&File::in_place().break_links(true), "", &payload).unwrap();
    assert_eq!(fs::read(&fixture.path).unwrap(), expected);
    assert_eq!(fs::read(&other).unwrap(), noise(2_000));
    assert_eq!(fixture.names(), ["a.bin", "other"]);
}

#[test]
fn a_check_says_what_a_write_would_and_writes_nothing() {
    let fixture = Fixture::new();
    let (payload, _) = fixture.labelled(2_000);
    let directory = fixture.directory.path();
    let options = PutOptions::default();
    let refused = |sink: &File, name: &str| sink.check(name, &payload, &options).map_err(|error| error.kind());
    assert_eq!(refused(&File::in_place(), ""), Ok(()));
    assert_eq!(refused(&File::at(directory.join("new/b.bin")), ""), Ok(()));
    assert_eq!(refused(&File::at(directory), ""), Err(ErrorKind::Unsupported));
    assert_eq!(refused(&File::in_directory(directory), "../b.bin"), Err(ErrorKind::Name));
    assert_eq!(refused(&File::in_directory(directory), "a.bin"), Err(ErrorKind::SameFile));
    fs::hard_link(&fixture.path, directory.join("other")).unwrap();
    assert_eq!(refused(&File::in_place(), ""), Err(ErrorKind::Linked));
    assert_eq!(fixture.names(), ["a.bin", "other"]);
}

#[test]
fn in_place_of_a_clean_file_with_other_names_succeeds() {
    let fixture = Fixture::new();
    let (payload, _) = of_file(&fixture.path, &noise(2_000), vec![]);
    fs::hard_link(&fixture.path, fixture.directory.path().join("other")).unwrap();
    assert_eq!(put(&File::in_place(), "", &payload).unwrap().bytes_written, 0);
}

#[test]
fn in_place_needs_a_file() {
    let (payload, _) = of_bytes(b"x", vec![]);
    assert_eq!(put(&File::in_place(), "", &payload).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_new_destination_has_the_permissions_the_time_and_the_user_attributes() {
    for len in [2_000, 1 << 20] {
        let fixture = Fixture::new();
        fixture.labelled(len);
        let has_attribute = set_attribute(&fixture.path);
        fs::set_permissions(&fixture.path, fs::Permissions::from_mode(0o4750)).unwrap();
        let (payload, expected) =
            crate::planned(unlabel_core::Source::open(&fixture.path).unwrap(), vec![Edit::delete(0..7)]);
        let target = fixture.directory.path().join("new/b.bin");
        put(&File::at(&target), "", &payload).unwrap();
        let (before, after) = (fs::metadata(&fixture.path).unwrap(), fs::metadata(&target).unwrap());
        assert_eq!(fs::read(&target).unwrap(), expected);
        assert_eq!(after.mode() & 0o7777, 0o750, "permissions, and no set-id bits");
        assert_eq!((after.mtime(), after.mtime_nsec()), (before.mtime(), before.mtime_nsec()));
        if has_attribute {
            assert_eq!(xattr::get(&target, "user.note").unwrap().unwrap(), b"kept");
        }
    }
}

/// Between file systems the kernel may refuse to copy, and reads and writes take over.
#[test]
fn a_destination_on_another_file_system_gets_every_byte() {
    let Ok(elsewhere) = TempDir::new_in("/dev/shm") else { return };
    let fixture = Fixture::new();
    let (payload, expected) = fixture.labelled(3 << 20);
    let target = elsewhere.path().join("b.bin");
    put(&File::at(&target), "", &payload).unwrap();
    assert!(fs::read(&target).unwrap() == expected);
}

#[test]
fn bytes_from_nowhere_get_the_mode_of_new_files() {
    let fixture = Fixture::new();
    let (payload, _) = of_bytes(b"x", vec![]);
    put(&File::at(&fixture.path), "", &payload).unwrap();
    let ordinary = fixture.directory.path().join("ordinary");
    fs::write(&ordinary, "").unwrap();
    assert_eq!(fs::metadata(&fixture.path).unwrap().mode(), fs::metadata(&ordinary).unwrap().mode());
}

#[test]
fn a_destination_that_is_a_link_is_followed() {
    let fixture = Fixture::new();
    fs::write(&fixture.path, "old").unwrap();
    let link = fixture.directory.path().join("link");
    symlink(&fixture.path, &link).unwrap();
    let (payload, expected) = of_bytes(b"new", vec![]);
    put(&File::at(&link), "", &payload).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&fixture.path).unwrap(), expected);
    assert_eq!(create(&File::at(&link), "", &payload).unwrap_err().kind(), ErrorKind::Exists);
}

#[test]
fn what_is_not_a_regular_file_is_refused() {
    let fixture = Fixture::new();
    let (payload, _) = of_bytes(b"new", vec![]);
    let refused = |path: &Path| {
        let error = put(&File::at(path), "", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}: {error}", path.display());
    };
    let dangling = fixture.directory.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    refused(&dangling);
    refused(fixture.directory.path());
    refused(Path::new("/dev/null"));
    assert!(!fs::symlink_metadata("/dev/null").unwrap().is_file());
    let pipe = fixture.directory.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    refused(&pipe);
    assert_eq!(fixture.names(), ["dangling", "pipe"]);
}

#[test]
fn the_source_is_no_destination_by_any_name() {
    let fixture = Fixture::new();
    let (payload, _) = fixture.labelled(2_000);
    let before = fs::read(&fixture.path).unwrap();
    let directory = fixture.directory.path();
    symlink("a.bin", directory.join("link")).unwrap();
    fs::hard_link(&fixture.path, directory.join("other")).unwrap();
    fs::create_dir(directory.join("sub")).unwrap();
    for name in ["a.bin", "link", "other", "sub/../a.bin"] {
        let error = put(&File::at(directory.join(name)), "", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SameFile, "{name}: {error}");
    }
    assert_eq!(fs::read(&fixture.path).unwrap(), before);
}

#[test]
fn a_parent_that_is_a_file_is_an_error_and_nothing_is_left() {
    let fixture = Fixture::new();
    fs::write(&fixture.path, "a file").unwrap();
    let (payload, _) = of_bytes(b"new", vec![]);
    let error = put(&File::in_directory(fixture.directory.path()), "a.bin/b.bin", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(fs::read(&fixture.path).unwrap(), b"a file");
    assert_eq!(fixture.names(), ["a.bin"]);
}

#[test]
fn the_longest_name_and_a_name_that_is_no_text_can_be_staged() {
    let fixture = Fixture::new();
    let (payload, expected) = of_bytes(b"new", vec![]);
    for name in [OsStr::new(&"ü".repeat(127)), OsStr::from_bytes(b"caf\xe9\xff.docx")] {
        let target = fixture.directory.path().join(name);
        put(&File::at(&target), "", &payload).unwrap();
        assert_eq!(fs::read(&target).unwrap(), expected);
    }
    assert_eq!(fixture.names().len(), 2);
}

#[test]
fn a_relative_path_without_a_directory_is_written_here() {
    let error = put(&File::at(".."), "", &of_bytes(b"x", vec![]).0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Name);
    let name = format!("unlabel-sinks-test-{}.bin", std::process::id());
    put(&File::at(&name), "", &of_bytes(b"x", vec![]).0).unwrap();
    assert_eq!(fs::read(&name).unwrap(), b"x");
    fs::remove_file(&name).unwrap();
}

#[test]
fn a_source_that_is_replaced_meanwhile_is_not_overwritten() {
    let fixture = Fixture::new();
    let (payload, _) = fixture.labelled(2_000);
    let newer = fixture.directory.path().join("newer");
    fs::write(&newer, noise(2_000)).unwrap();
    fs::File::options()
        .write(true)
        .open(&newer)
        .unwrap()
        .set_modified(fs::metadata(&fixture.path).unwrap().modified().unwrap())
        .unwrap();
    fs::rename(&newer, &fixture.path).unwrap();
    let error = put(&File::in_place(), "", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed, "{error}");
    assert_eq!(fs::read(&fixture.path).unwrap(), noise(2_000));
    assert_eq!(fixture.names(), ["a.bin"]);
}

#[test]
fn a_source_that_is_cut_short_meanwhile_is_not_delivered() {
    let fixture = Fixture::new();
    let (payload, _) = fixture.labelled(2_000);
    fs::write(&fixture.path, noise(10)).unwrap();
    let target = fixture.directory.path().join("b.bin");
    assert_eq!(put(&File::at(&target), "", &payload).unwrap_err().kind(), ErrorKind::Changed);
    assert_eq!(fixture.names(), ["a.bin"]);
}
