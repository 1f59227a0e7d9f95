//! Writing into the file itself: a few positioned writes behind a journal that can undo them.
//!
//! In this order: the file is opened for writing and locked; it must be the one that was surveyed (size, modification
//! time, inode), and hold the bytes that the plan was made for; the journal is written beside it, created exclusively
//! and readable by its owner only, and synced with its directory; the edits are written; the modification time is set
//! back; the file is synced; the journal is removed. A step that fails is undone at once. After a kill or a power cut
//! the journal is there, and the next run in place, or [`recover`](super::recover), undoes what was begun.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use unlabel_core::{Edit, Payload, Plan, Replacement, Snapshot};

use super::journal::{self, Draft, Journal, Spares};
use super::labels::AttributeChange;
use super::recover::{self, Recovery};
use super::stage::sync_directory;
use super::{at, attributes, fault};
use crate::error::{Error, ErrorKind, Result};

/// A patch whose journal is written. Dropping it before [`apply`](Self::apply) takes the journal away again.
#[derive(Debug)]
pub(super) struct Patch {
    target: PathBuf,
    file: fs::File,
    plan: Arc<Plan>,
    changes: Vec<AttributeChange>,
    modified: Option<SystemTime>,
    original: Option<Snapshot>,
    journal: Written,
}

/// A journal on the disk, which goes when it is dropped.
#[derive(Debug)]
struct Written {
    path: PathBuf,
    file: Option<fs::File>,
    is_needed: bool,
    spares: Option<Arc<Spares>>,
}

impl Drop for Written {
    fn drop(&mut self) {
        if !self.is_needed {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Patch {
    /// Opens and locks the file, makes sure that it is the one of the payload, and writes the journal.
    ///
    /// That is one of the `spares`, if there are any, and becomes one when it is done with.
    pub(super) fn prepare(
        target: &Path,
        payload: &Payload,
        changes: &[AttributeChange],
        spares: Option<&Arc<Spares>>,
    ) -> Result<Self> {
        refuse_other_lengths(payload)?;
        let file = open_locked(target)?;
        refuse_unfinished(target, recover::recover_locked(target, &file)?)?;
        let original = payload.source().snapshot();
        original.as_ref().map_or(Ok(()), |original| original.verify_file(&file))?;
        let modified = file.metadata().and_then(|metadata| metadata.modified()).ok();
        let journal = Written::create(journal::path_for(target), spares)?;
        let name = target.file_name().unwrap_or_default();
        if let Some(out) = &journal.file {
            Draft { name, original: &file, payload, changes, digests: None }.write(out)?;
        }
        let changes = changes.to_vec();
        let (target, plan) = (target.to_owned(), payload.shared_plan());
        Ok(Self { target, file, plan, changes, modified, original, journal })
    }

    /// Brings the journal to the medium.
    pub(super) fn persist(&self) -> Result<()> {
        let failed = |error| Error::io("cannot sync the journal", error);
        fault::step("sync").map_err(failed)?;
        let journal = self.journal.file.as_ref();
        let reopened = || fs::File::options().write(true).open(&self.journal.path);
        journal.map_or_else(|| reopened()?.sync_all(), fs::File::sync_all).map_err(failed)?;
        sync_directory(&self.target)
    }

    /// Writes the edits. What fails is undone.
    pub(super) fn apply(&mut self) -> Result<()> {
        // It may have waited for others, and not everybody asks for locks.
        self.original.as_ref().map_or(Ok(()), |original| original.verify_file(&self.file))?;
        self.journal.is_needed = true;
        let written = self.write().map_err(|error| Error::io("cannot write", error));
        let written = written.and_then(|()| attributes::change(&self.file, &self.changes));
        let written = written.and_then(|()| keep_time(&self.file, self.modified));
        written.map_err(|error| self.undone(error))
    }

    fn write(&self) -> io::Result<()> {
        for Edit { range, with } in self.plan.edits() {
            match with {
                Replacement::Bytes(bytes) => at::write_all(&self.file, bytes, range.start)?,
                Replacement::Fill { byte, len } => {
                    let filler = vec![*byte; (*len).min(at::PIECE) as usize];
                    for piece in at::pieces(range.clone()) {
                        let filler = filler.get(..(piece.end - piece.start) as usize).unwrap_or_default();
                        at::write_all(&self.file, filler, piece.start)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Where the file is.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// The file.
    pub(super) fn file(&self) -> &fs::File {
        &self.file
    }

    /// Closes what need not be open until the edits are written.
    pub(super) fn release(&mut self) {
        self.journal.file = None;
    }

    /// Brings the result to the medium.
    pub(super) fn persist_result(&self) -> Result<()> {
        let synced = fault::step("sync").and_then(|()| self.file.sync_all());
        synced.map_err(|error| self.undone(Error::io("cannot sync the result", error)))
    }

    /// Removes the journal. That needs no sync: a journal that comes back finds the file as it should be.
    pub(super) fn finish(mut self) -> Result<()> {
        fault::step("remove")
            .and_then(|()| self.journal.remove())
            .map_err(|error| Error::io("the result is in place, but its journal cannot be removed", error))
    }

    /// Sets the file back to what it was, after an error.
    fn undone(&self, error: Error) -> Error {
        match recover::roll_back(&self.target, &self.file) {
            Ok(_) => error,
            Err(second) => {
                let kind = error.kind();
                let words = format!("{error}; and it could not be undone yet, try `unlabel recover`: {second}");
                Error::new(kind, words)
            }
        }
    }
}

impl Written {
    fn create(path: PathBuf, spares: Option<&Arc<Spares>>) -> Result<Self> {
        let mut options = fs::File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = fault::step("create")
            .and_then(|()| spares.and_then(|spares| spares.take(&path)).map_or_else(|| options.open(&path), Ok))
            .map_err(|error| Error::io(format!("cannot create the journal {}", path.display()), error))?;
        Ok(Self { path, file: Some(file), is_needed: false, spares: spares.cloned() })
    }

    /// Takes it from beside the file.
    fn remove(&mut self) -> io::Result<()> {
        if let (Some(spares), Some(file)) = (&self.spares, self.file.take())
            && spares.keep(&self.path, file).is_ok()
        {
            return Ok(());
        }
        fs::remove_file(&self.path)
    }
}

/// Fails where the result is not as long as the file.
pub(super) fn refuse_other_lengths(payload: &Payload) -> Result<()> {
    if payload.plan().keeps_length() {
        return Ok(());
    }
    let words = "the result has another length, and a patch keeps the length: write it whole (atomic)";
    Err(Error::new(ErrorKind::Resized, words))
}

/// Fails where a file that was planned for turned out to be half of a patch, and is another one now.
pub(super) fn refuse_unfinished(target: &Path, recovery: Recovery) -> Result<()> {
    match recovery {
        Recovery::Intact | Recovery::Dropped | Recovery::Completed => Ok(()),
        Recovery::Restored => Err(Error::new(
            ErrorKind::Changed,
            format!("a patch of {} was cut off, and is undone now: treat the file again", target.display()),
        )),
    }
}

/// Opens a file for writing, and keeps other patches off it until it is closed.
pub(super) fn open_locked(target: &Path) -> Result<fs::File> {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(target)
        .map_err(|error| Error::io("cannot open the file for writing", error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Busy, "another process has the file in hand: try again when it is done"))
        }
        // A file system without locks.
        Err(fs::TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(fs::TryLockError::Error(error)) => Err(Error::io("cannot lock the file", error)),
    }
}

/// Sets the modification time back.
pub(super) fn keep_time(file: &fs::File, modified: Option<SystemTime>) -> Result<()> {
    let Some(modified) = modified else { return Ok(()) };
    fault::step("time")
        .and_then(|()| file.set_times(fs::FileTimes::new().set_modified(modified)))
        .map_err(|error| Error::io("cannot keep the modification time", error).of_kind(ErrorKind::Attributes))
}

/// The journal at `path`, if it is complete.
pub(super) fn read_journal(path: &Path) -> Result<Option<Journal>> {
    Journal::read(unlabel_core::Source::open(path)?)
}
