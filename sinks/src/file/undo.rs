//! The way back: reverse patches that are kept in a private directory, and files that are made what they were.
//!
//! A record is a sealed [journal](super::journal) with the path of its file and the digests of the whole file before and
//! after. It is on the medium before the file changes, so that a kill leaves one record too many at most: that of a file
//! which is the old one still.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use unlabel_core::{Payload, Plan, Source};

use super::journal::{Digests, Draft, Journal, hash_of, is_hash, shown};
use super::labels::AttributeChange;
use super::stage::{Access, Staged, sync_directory};
use super::{File, Write, attributes, create_directories, fault};
use crate::PutOptions;
use crate::error::{Error, ErrorKind, Result};

/// What the names of records end with.
const EXTENSION: &str = "unlabel-undo";

/// The permissions of everybody but the owner.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// A directory that keeps a reverse patch for every file that is changed in place: the bytes that were removed, where they
/// stood, the attributes, the path, and digests of the file before and after. Only its owner may read it.
///
/// It holds the labels that were removed: who keeps it keeps them.
#[derive(Clone, Debug)]
pub struct UndoDirectory {
    path: PathBuf,
}

/// What [`UndoRecord::undo`] found, and made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Undone {
    /// The file is what it was before.
    Restored,
    /// It was that already.
    Intact,
}

impl Undone {
    /// One lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Intact => "intact",
        }
    }
}

impl UndoDirectory {
    /// The directory at `path`, which is created, for its owner only, where it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when it is not a directory, is another user's, or others may use it; [`ErrorKind::Io`].
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error| Error::io(format!("cannot create the directory {}", path.display()), error);
        if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
            return Self::open(path);
        }
        // Those above are as the process makes directories.
        let mut missing = create_directories(path)?;
        match create_private(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
            _ => missing.push(path.to_owned()),
        }
        missing.iter().try_for_each(|directory| sync_directory(directory))?;
        Self::open(path)
    }

    /// The directory at `path`, which must be there.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error| Error::io(format!("cannot look at the directory {}", path.display()), error);
        let real = fs::canonicalize(path).map_err(failed)?;
        let metadata = fs::metadata(&real).map_err(failed)?;
        if !metadata.is_dir() {
            return Err(Error::new(ErrorKind::Config, format!("{} is not a directory", path.display())));
        }
        if !is_private(&metadata) {
            let words = format!("{} is not private: it must be this user's, and its mode 0700", path.display());
            return Err(Error::new(ErrorKind::Config, words));
        }
        Ok(Self { path: real })
    }

    /// The records in it: of a file that was changed several times the last change first. Files come in no order.
    ///
    /// Memory does not grow with their number, but with that of files that were changed several times.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the directory cannot be read; the items too.
    pub fn records(&self) -> Result<impl Iterator<Item = Result<PathBuf>> + use<>> {
        let mut again = std::collections::HashSet::new();
        for name in self.names()? {
            let name = name?;
            if name.number > 0 {
                again.insert(name.stem);
            }
        }
        let directory = self.clone();
        let mut seen = std::collections::HashSet::new();
        let all = self.names()?.flat_map(move |name| {
            let name = match name {
                Ok(name) => name,
                Err(error) => return vec![Err(error)],
            };
            match again.contains(&name.stem) {
                false => vec![Ok(directory.path.join(name.to_string()))],
                true if seen.insert(name.stem.clone()) => directory.of_stem(&name.stem).into_iter().map(Ok).collect(),
                true => Vec::new(),
            }
        });
        Ok(all)
    }

    /// The records of the file at `path`, the last change first. The file need not be there.
    pub fn records_of(&self, path: impl AsRef<Path>) -> Vec<PathBuf> {
        let path = path.as_ref();
        let real = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        self.of_stem(&stem_of(real.as_deref().unwrap_or(path)))
    }

    fn of_stem(&self, stem: &str) -> Vec<PathBuf> {
        let path = |number| self.path.join(Name { stem: stem.to_owned(), number }.to_string());
        let mut found = Vec::new();
        // Numbers have no gaps: each change takes the next one, and the last is undone first.
        for number in 0.. {
            let path = path(number);
            if fs::symlink_metadata(&path).is_err() {
                break;
            }
            found.push(path);
        }
        found.reverse();
        found
    }

    fn names(&self) -> Result<impl Iterator<Item = Result<Name>> + use<>> {
        let words = format!("cannot read the directory {}", self.path.display());
        let entries = fs::read_dir(&self.path).map_err(|error| Error::io(words.clone(), error))?;
        Ok(entries.filter_map(move |entry| match entry {
            Ok(entry) => Name::parse(Path::new(&entry.file_name())).map(Ok),
            Err(error) => Some(Err(Error::io(words.clone(), error))),
        }))
    }

    /// Writes the record of a change that is about to be made.
    pub(super) fn record(
        &self,
        target: &Path,
        original: &fs::File,
        payload: &Payload,
        changes: &[AttributeChange],
    ) -> Result<Record> {
        // It tells files of one name apart, whichever way they were reached.
        let target = &fs::canonicalize(target).map_err(|error| Error::io("cannot resolve its path", error))?;
        let source = payload.source();
        let before = digest_of(&Payload::new(source.clone(), Plan::identity(source.len())))?;
        let after = if payload.is_identity() { before } else { digest_of(payload)? };
        let digests = Some(Digests { before, after });
        let staged = Staged::beside(&self.path.join(target.file_name().unwrap_or_default()), Access::Private)?;
        Draft { name: target.as_os_str(), original, payload, changes, digests }.write(staged.file())?;
        // Complete, it takes the next free number.
        let mut name = Name { stem: stem_of(target), number: 0 };
        loop {
            let path = self.path.join(name.to_string());
            if fs::symlink_metadata(&path).is_err() {
                let file = Some(staged.create(&path)?);
                return Ok(Record { path, file, is_kept: false });
            }
            name.number += 1;
        }
    }
}

/// The name of a record: that of its file, for people; letters that tell its path from others; and a number.
struct Name {
    stem: String,
    number: u64,
}

impl Name {
    fn parse(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
        let (stem, number) = name.rsplit_once('.')?;
        let (_, hash) = stem.rsplit_once('.')?;
        let number = Some(number).filter(|it| it.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
        is_hash(hash).then(|| Self { stem: stem.to_owned(), number })
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{EXTENSION}", self.stem, self.number)
    }
}

fn stem_of(target: &Path) -> String {
    format!("{}.{}", shown(target.file_name().unwrap_or_default()), hash_of(target.as_os_str()))
}

/// Whether `path` has a name that only records have.
pub(super) fn is_record(path: &Path) -> bool {
    Name::parse(path).is_some()
}

/// Creates a directory for its owner only.
#[cfg(unix)]
fn create_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

/// Whether nobody else may use it.
#[cfg(unix)]
fn is_private(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & OTHERS == 0
}

/// Elsewhere a directory is as private as the one it is in.
#[cfg(not(unix))]
fn is_private(_: &fs::Metadata) -> bool {
    true
}

fn digest_of(payload: &Payload) -> Result<[u8; 32]> {
    let mut digest = Sha256::new();
    for piece in payload.chunks() {
        digest.update(&piece?);
    }
    Ok(digest.finalize().into())
}

/// A record that was written for a change that is not made yet. It goes when it is dropped.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    file: Option<fs::File>,
    is_kept: bool,
}

impl Record {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Closes what need not be open until the change is made.
    pub(super) fn release(&mut self) {
        self.file = None;
    }

    /// Brings it to the medium.
    pub(super) fn persist(&self) -> Result<()> {
        let failed = |error| Error::io("cannot sync the record that would undo the change", error);
        fault::step("sync").map_err(failed)?;
        let reopened = || fs::File::options().write(true).open(&self.path);
        self.file.as_ref().map_or_else(|| reopened()?.sync_all(), fs::File::sync_all).map_err(failed)?;
        sync_directory(&self.path)
    }

    /// Lets it stay.
    pub(super) fn keep(mut self) -> Kept {
        self.is_kept = true;
        Kept(std::mem::take(&mut self.path))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A record that stays.
#[derive(Debug)]
pub(super) struct Kept(PathBuf);

impl Kept {
    /// Removes it after all: nothing was changed. One that cannot be removed is found to be of an intact file later.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(self.0);
    }
}

/// A record in an [`UndoDirectory`].
#[derive(Debug)]
pub struct UndoRecord {
    path: PathBuf,
    digests: Digests,
    journal: Journal,
}

impl UndoRecord {
    /// Reads the record at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Journal`] when it is damaged or was never complete, belongs to another user, or others may read it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let wrong = |words: &str| Error::new(ErrorKind::Journal, format!("{} {words}", path.display()));
        let metadata = fs::symlink_metadata(&path)
            .map_err(|error| Error::io(format!("cannot look at {}", path.display()), error))?;
        if !metadata.is_file() || !is_private(&metadata) {
            return Err(wrong("is not a record that can be trusted: it must be this user's, and its mode 0600"));
        }
        let journal = Journal::read(Source::open(&path)?)?.ok_or_else(|| wrong("is damaged, or was never complete"))?;
        let digests = journal.digests.ok_or_else(|| wrong("is no record of an undo directory"))?;
        Ok(Self { path, digests, journal })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file that was changed: its absolute path.
    pub fn target(&self) -> &Path {
        Path::new(&self.journal.name)
    }

    /// Makes the file what it was, byte for byte, with its extended attributes. Its modification time, which the change
    /// left alone, is left alone. The record stays: see [`remove`](Self::remove).
    ///
    /// The file is written as by [`File::in_place`], whole and in one step; one with several names is patched.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] when the file is not the very result that the record was made for: it is then left as it is.
    /// Otherwise as writing in place.
    pub fn undo(&self) -> Result<Undone> {
        let target = self.target();
        super::recover(target)?;
        let source = Source::open(target)?;
        let changes = self.attributes(source.file().ok_or_else(changed)?)?;
        let unchanged = Payload::new(source.clone(), Plan::identity(source.len()));
        let found = digest_of(&unchanged)?;
        let payload = if found == self.digests.before {
            unchanged
        } else if found == self.digests.after {
            Payload::new(source, self.journal.inverse()?)
        } else {
            return Err(changed());
        };
        if payload.is_identity() && changes.is_empty() {
            return Ok(Undone::Intact);
        }
        if digest_of(&payload)? != self.digests.before {
            return Err(Error::new(
                ErrorKind::Journal,
                "the record does not lead back to the file that it was made of",
            ));
        }
        let options = PutOptions::default().file_attributes(changes);
        File::in_place().writing(way(&payload)).write("", &payload, &options)?;
        Ok(Undone::Restored)
    }

    /// Removes the record. That needs no sync: one that comes back finds its file intact.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be removed.
    pub fn remove(self) -> Result<()> {
        let Self { path, journal, .. } = self;
        // Some systems remove no file that is mapped.
        drop(journal);
        let removed = fault::step("remove").and_then(|()| fs::remove_file(&path));
        removed.map_err(|error| Error::io(format!("cannot remove the record {}", path.display()), error))
    }

    /// The attributes that are not what they were.
    fn attributes(&self, file: &fs::File) -> Result<Vec<AttributeChange>> {
        let mut changes = Vec::new();
        for attribute in &self.journal.attributes {
            let now = attributes::value(file, &attribute.name)?;
            if now != attribute.before && now != attribute.after {
                return Err(changed());
            }
            if now != attribute.before {
                let (name, value) = (attribute.name.clone(), attribute.before.clone());
                changes.push(AttributeChange { name, value, creates: true });
            }
        }
        Ok(changes)
    }
}

/// A file with several names can only be written into: the others would keep what it is now.
fn way(payload: &Payload) -> Write {
    let has_names = payload.source().file().is_some_and(|file| attributes::refuse_links(file).is_err());
    if has_names && payload.plan().keeps_length() { Write::Patch } else { Write::Atomic }
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Changed,
        "the file changed since: it is not the result that could be undone, and is left as it is",
    )
}
