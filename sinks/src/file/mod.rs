//! The file sink: an exact path, a name below a directory, or the very file that was read.
//!
//! A file is written by staging: a new file beside the target, created exclusively and readable by its owner only,
//! receives the result (kept ranges are copied by the kernel), is given its attributes, is synced, and takes the
//! target's name in one step; then the directory is synced. Whatever happens before that step, the target is as it
//! was. A failure removes the staged file; a kill or a power cut may leave one behind, named
//! `.NAME.unlabel-RANDOM`, which is never mistaken for the target and can be deleted. With
//! [`PutOptions::create_only`] the file has no name before the target's on Linux (`O_TMPFILE`), where the file system can
//! do that, so that nothing is left behind; and that step fails where the name is taken meanwhile.
//!
//! In place, a file may be patched instead ([`Write::Patch`]): the few bytes that change are written into the file, behind
//! a journal beside it, `.NAME.unlabel-undo-HASH`. A kill or a power cut leaves the journal; the next write in place, or
//! [`recover`], makes the file the old one, or finds that it is the new one.
//!
//! An [`UndoDirectory`] keeps, where one is given, what undoes each change in place later: [`UndoRecord`].
//!
//! Symbolic links are followed to the real file and never replaced. What is not a regular file is refused. A target
//! that is the source under another name is refused: replacing a file is [`File::in_place`], where more is kept.
//!
//! | | in place | new destination |
//! |---|---|---|
//! | mode | kept | permission bits of the source |
//! | owner, group | kept, or nothing is written | those of the process |
//! | modification time | kept | that of the source |
//! | extended attributes | kept, ACLs included | `user.*` of the source, where the place can hold them |
//! | labels among them that are to go ([`FileLabels`]) | removed | left out |
//! | other hard links | refused, unless [`File::break_links`]; a patch is seen under every name | – |
//!
//! A new destination for bytes that never were a file (a pipe) gets the mode that the process gives to new files.

mod at;
mod attributes;
mod copy;
mod fault;
mod file_systems;
mod journal;
mod labels;
mod patch;
mod prepared;
mod recover;
mod stage;
mod stale;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod undo;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unlabel_core::{Payload, Source};

use self::journal::Spares;
pub use self::labels::{AttributeChange, FileLabels};
use self::patch::Patch;
use self::prepared::Work;
pub use self::prepared::{Prepared, commit_all, group_size};
pub use self::recover::{Recovery, is_unfinished, recover};
use self::stage::{Access, Staged};
use self::undo::Record;
pub use self::undo::{UndoDirectory, UndoRecord, Undone};
use crate::commit::{is_same, read_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::{BoxFuture, PutOptions, Receipt, Sink, name};

/// Writes to the local file system. The module's documentation says how, and what is kept.
#[derive(Clone, Debug)]
pub struct File {
    target: Target,
    write: Write,
    break_links: bool,
    synced: bool,
    undo: Option<UndoDirectory>,
    spares: Option<Arc<Spares>>,
}

/// How a file is given its new content in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Write {
    /// A new file is written beside it and takes its name in one step.
    #[default]
    Atomic,
    /// The few bytes that change are written into the file itself, behind a journal that [`recover`] undoes them from.
    ///
    /// Much less is written, and every name of the file (hard links) sees the change. Only for results that are as long
    /// as the file: others are [`ErrorKind::Resized`].
    Patch,
}

#[derive(Clone, Debug)]
enum Target {
    Exact(PathBuf),
    Directory(PathBuf),
    Source,
}

impl File {
    /// Writes to exactly this path, whatever the name of the object. Missing parent directories are created.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self::of(Target::Exact(path.into()))
    }

    /// Writes to the object's name below `root`. Missing directories are created.
    pub fn in_directory(root: impl Into<PathBuf>) -> Self {
        Self::of(Target::Directory(root.into()))
    }

    /// Whether `path` is named as only staged files are: what a killed process left behind. A walk leaves them out.
    ///
    /// ```
    /// # use std::path::Path;
    /// use unlabel_sinks::File;
    /// assert!(File::is_staged(Path::new("a/.report.docx.unlabel-a1B2c3D4")));
    /// assert!(!File::is_staged(Path::new("a/.report.unlabel-notes.docx")));
    /// ```
    pub fn is_staged(path: &Path) -> bool {
        stage::is_staged(path)
    }

    /// Removes the file at `path` if it is a staged file that a killed process left behind, and answers whether it was:
    /// named exactly as staged files are, regular, owned by the user of this process, and for `age` without any change.
    /// Choose an age that no write takes: a younger one may still be at work.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be looked at or removed.
    pub fn remove_stale(path: &Path, age: std::time::Duration) -> Result<bool> {
        stale::remove(path, age)
    }

    /// Whether `path` is named as only journals of patches are: see [`recover`]. A walk leaves them out, too; they must
    /// not be deleted.
    ///
    /// ```
    /// # use std::path::Path;
    /// use unlabel_sinks::File;
    /// assert!(File::is_journal(Path::new("a/.report.docx.unlabel-undo-0123456789abcdef")));
    /// assert!(!File::is_journal(Path::new("a/.report.docx.unlabel-a1B2c3D4")));
    /// ```
    pub fn is_journal(path: &Path) -> bool {
        journal::is_journal(path)
    }

    /// Replaces the file that the payload was read from. A payload that changes nothing touches nothing.
    pub fn in_place() -> Self {
        Self::of(Target::Source)
    }

    fn of(target: Target) -> Self {
        Self { target, write: Write::Atomic, break_links: false, synced: true, undo: None, spares: None }
    }

    /// How a file is given its new content in place. Default: [`Write::Atomic`]. Other targets are always written so.
    #[must_use]
    pub fn writing(mut self, write: Write) -> Self {
        self.write = write;
        self
    }

    /// Keeps in `directory`, for each file that is changed in place, what undoes that. Default: nothing is kept.
    ///
    /// Each changed file is read once more as it was and as it is to be, for their digests.
    #[must_use]
    pub fn undo_directory(mut self, directory: UndoDirectory) -> Self {
        self.undo = Some(directory);
        self
    }

    /// Whether journals of patches that are done are kept for the next files, empty and under names that belong to no
    /// file, rather than one created and removed for each. For many files; up to 16 are kept. They go with the last clone
    /// of this sink; those that a killed process leaves behind, [`recover`] removes. Default false. Only Linux has what
    /// it takes.
    #[must_use]
    pub fn reusing_journals(mut self, reusing: bool) -> Self {
        self.spares = reusing.then(Arc::default);
        self
    }

    /// Whether `path` is named as only the records of an [`UndoDirectory`] are. A walk leaves them out.
    ///
    /// ```
    /// # use std::path::Path;
    /// use unlabel_sinks::File;
    /// assert!(File::is_undo_record(Path::new("kept/report.docx.0123456789abcdef.0.unlabel-undo")));
    /// assert!(!File::is_undo_record(Path::new("notes.unlabel-undo")));
    /// ```
    pub fn is_undo_record(path: &Path) -> bool {
        undo::is_record(path)
    }

    /// Whether a file with several names (hard links) is replaced in place under the one name that was given.
    ///
    /// The other names then keep the old content with its labels, which is why this is off by default and such a
    /// file is [`ErrorKind::Linked`].
    #[must_use]
    pub fn break_links(mut self, break_links: bool) -> Self {
        self.break_links = break_links;
        self
    }

    /// Whether file and directory are synced to the medium before the write counts as done. Default true; without
    /// it a power cut may leave an empty file, or one that is patched in part.
    #[must_use]
    pub fn synced(mut self, synced: bool) -> Self {
        self.synced = synced;
        self
    }

    /// What [`Sink::put`] does, without a future: blocks until done.
    ///
    /// # Errors
    /// As [`Sink::put`].
    pub fn write(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        self.prepare(name, payload, options)?.commit(self.synced)
    }

    /// The first half of [`write`](Self::write): all but what makes the result visible.
    ///
    /// A payload that changes nothing of the file it was read from is done with here.
    ///
    /// # Errors
    /// As [`Sink::put`].
    pub fn prepare(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<Prepared> {
        match &self.target {
            Target::Source => self.replace(payload, options),
            Target::Exact(path) => create(path, payload, options),
            Target::Directory(root) => {
                name::check(name)?;
                create(&root.join(name), payload, options)
            }
        }
    }

    /// Looks whether [`write`](Self::write) would be refused before it begins, and writes nothing: for dry runs.
    ///
    /// # Errors
    /// What `write` would say of the name, of links, of the source as destination, and of what is in the way. It may
    /// still fail for other reasons, such as a full disk.
    pub fn check(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<()> {
        match &self.target {
            Target::Source => self.replaceable(payload).map(drop),
            Target::Exact(path) => free(path, payload, options).map(drop),
            Target::Directory(root) => {
                name::check(name)?;
                free(&root.join(name), payload, options).map(drop)
            }
        }
    }

    /// Where the object of this name is; none where each input has its own place.
    fn path(&self, name: &str) -> Result<Option<PathBuf>> {
        match &self.target {
            Target::Exact(path) => Ok(Some(path.clone())),
            Target::Directory(root) => {
                name::check(name)?;
                Ok(Some(root.join(name)))
            }
            Target::Source => Ok(None),
        }
    }

    fn replace(&self, payload: &Payload, options: &PutOptions) -> Result<Prepared> {
        let source = payload.source();
        let (target, original) = self.replaceable(payload)?;
        if payload.is_identity() {
            // The content stays where it is, also where labels beside it go.
            let receipt = receipt(&target, payload, 0);
            if options.file_attributes.is_empty() {
                return Ok(Prepared { work: Work::None, receipt, record: None });
            }
            source.verify_unchanged()?;
            let record = self.record(&target, original, payload, options)?;
            let file = original.try_clone().map_err(|error| Error::io("cannot hold the file open", error))?;
            let changes = options.file_attributes.clone();
            let work = Work::Attributes { file, target, changes, original: source.snapshot() };
            return Ok(Prepared { work, receipt, record });
        }
        if self.write == Write::Patch {
            let patch = Patch::prepare(&target, payload, &options.file_attributes, self.spares.as_ref())?;
            let record = self.record(&target, original, payload, options)?;
            let receipt = receipt(&target, payload, payload.plan().new_bytes());
            return Ok(Prepared { work: Work::Patch(Box::new(patch)), receipt, record });
        }
        patch::refuse_unfinished(&target, recover(&target)?)?;
        let record = self.record(&target, original, payload, options)?;
        let mut staged = Staged::beside(&target, Access::Private)?;
        let written = staged.fill(payload)?;
        attributes::keep(original, staged.file())?;
        attributes::change(staged.file(), &options.file_attributes)?;
        let receipt = receipt(&target, payload, written);
        let (original, new_directories) = (source.snapshot(), Vec::new());
        let work = Work::Staged { staged, target, create_only: false, original, new_directories };
        Ok(Prepared { work, receipt, record })
    }

    /// Writes down what undoes the change, where that is wanted.
    fn record(
        &self,
        target: &Path,
        original: &fs::File,
        payload: &Payload,
        options: &PutOptions,
    ) -> Result<Option<Record>> {
        let write = |directory: &UndoDirectory| directory.record(target, original, payload, &options.file_attributes);
        self.undo.as_ref().map(write).transpose()
    }

    /// The real path of the file to replace, and the open file.
    fn replaceable<'p>(&self, payload: &'p Payload) -> Result<(PathBuf, &'p fs::File)> {
        let source = payload.source();
        let (Some(path), Some(original)) = (source.path(), source.file()) else {
            return Err(Error::new(ErrorKind::Unsupported, "the input is not a file that could be replaced"));
        };
        let target = fs::canonicalize(path).map_err(|error| Error::io("cannot resolve its path", error))?;
        match self.write {
            _ if payload.is_identity() => {}
            Write::Patch => patch::refuse_other_lengths(payload)?,
            Write::Atomic if self.break_links => {}
            Write::Atomic => attributes::refuse_links(original)?,
        }
        Ok((target, original))
    }
}

fn create(path: &Path, payload: &Payload, options: &PutOptions) -> Result<Prepared> {
    let source = payload.source();
    let target = free(path, payload, options)?;
    let new_directories = create_directories(&target)?;
    let access = if source.file().is_some() { Access::Private } else { Access::Default };
    let mut staged =
        if options.create_only { Staged::free_beside(&target, access) } else { Staged::beside(&target, access) }?;
    let written = staged.fill(payload)?;
    if let Some(original) = source.file() {
        attributes::carry(original, staged.file())?;
        attributes::change(staged.file(), &options.file_attributes)?;
    }
    let receipt = receipt(&target, payload, written);
    let (create_only, original) = (options.create_only, source.snapshot());
    let work = Work::Staged { staged, target, create_only, original, new_directories };
    Ok(Prepared { work, receipt, record: None })
}

/// Creates the directories that `target` is in, and answers those that were not there.
fn create_directories(target: &Path) -> Result<Vec<PathBuf>> {
    let directory = stage::directory_of(target);
    if directory.is_dir() {
        return Ok(Vec::new());
    }
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.is_dir();
    let missing = directory.ancestors().take_while(is_missing).map(Path::to_owned).collect();
    fs::create_dir_all(directory)
        .map_err(|error| Error::io(format!("cannot create the directory {}", directory.display()), error))?;
    Ok(missing)
}

fn receipt(target: &Path, payload: &Payload, written: u64) -> Receipt {
    Receipt { bytes_written: written, ..Receipt::new(target.display().to_string(), payload.len()) }
}

/// The real path to write to, which is not that of the source.
fn free(path: &Path, payload: &Payload, options: &PutOptions) -> Result<PathBuf> {
    let target = resolve(path, options)?;
    refuse_source(&target, payload)?;
    Ok(target)
}

/// The real path to write to: links are followed, and only a regular file may be there.
fn resolve(path: &Path, options: &PutOptions) -> Result<PathBuf> {
    let refuse = |kind, why: &str| Err(Error::new(kind, format!("{} {why}", path.display())));
    if path.file_name().is_none() {
        return refuse(ErrorKind::Name, "does not name a file");
    }
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path.to_owned()),
        Err(error) => return Err(Error::io(format!("cannot look at {}", path.display()), error)),
    };
    if options.create_only {
        return refuse(ErrorKind::Exists, "exists");
    }
    let real = fs::canonicalize(path);
    match real.and_then(|real| Ok((fs::metadata(&real)?, real))) {
        Ok((metadata, real)) if metadata.is_file() => Ok(real),
        Ok((metadata, _)) if metadata.is_dir() => refuse(ErrorKind::Unsupported, "is a directory"),
        Ok(_) => refuse(ErrorKind::Unsupported, "is not a regular file"),
        Err(_) if found.is_symlink() => refuse(ErrorKind::Unsupported, "is a symbolic link that leads nowhere"),
        Err(error) => Err(Error::io(format!("cannot look at {}", path.display()), error)),
    }
}

/// Whether `file` still has beside it what was to go.
fn has_labels(file: &fs::File, changes: &[AttributeChange]) -> Result<bool> {
    for AttributeChange { name, value, .. } in changes {
        if attributes::value(file, name)?.is_some_and(|there| Some(&there) != value.as_ref()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Opens the regular file that is at `path`, if one is.
fn open_there(path: &Path) -> Result<Option<Source>> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(Some(Source::open(path)?)),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("cannot look at the destination", error)),
    }
}

fn refuse_source(target: &Path, payload: &Payload) -> Result<()> {
    let Some(original) = payload.source().file() else { return Ok(()) };
    if attributes::is_same_file(target, original, payload.source().path()) {
        return Err(Error::new(
            ErrorKind::SameFile,
            format!("{} is the input itself: choose another destination, or edit in place", target.display()),
        ));
    }
    Ok(())
}

impl Sink for File {
    fn put<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<Receipt>> {
        Box::pin(async move { self.write(name, payload, options) })
    }

    fn holds<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(path) = self.path(name)? else { return Ok(payload.is_identity()) };
            // The input itself is nobody's result, whatever is in it.
            refuse_source(&path, payload)?;
            let Some(there) = open_there(&path)? else { return Ok(false) };
            let has_labels = there.file().map_or(Ok(false), |file| has_labels(file, &options.file_attributes))?;
            Ok(!has_labels && is_same(&there, payload)?)
        })
    }

    fn read<'a>(&'a self, name: &'a str, most: u64) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async move {
            let there = self.path(name)?.map(|path| open_there(&path)).transpose()?.flatten();
            there.map(|there| read_whole(there, most)).transpose()
        })
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.target {
            Target::Exact(path) => write!(f, "{}", path.display()),
            Target::Directory(root) => write!(f, "{}/", root.display()),
            Target::Source => f.write_str("in place"),
        }
    }
}
