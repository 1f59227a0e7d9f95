//! Undoing patches that were cut off.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{self, Attribute, Journal, Reverse};
use super::patch::{keep_time, open_locked, read_journal};
use super::stage::sync_directory;
use super::{at, attributes, fault};
use crate::error::{Error, ErrorKind, Result};

/// The permissions of everybody but the owner.
#[cfg(unix)]
const OTHERS: u32 = 0o077;

/// What [`recover`] found, and made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// There is no journal: nothing was cut off.
    Intact,
    /// The patch was begun, and is undone: the file is what it was before.
    Restored,
    /// Every edit had been written: the file is the new one.
    Completed,
    /// The journal belongs to no patch that was begun, or to a file that is not there any more.
    Dropped,
}

impl Recovery {
    /// One lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Restored => "restored",
            Self::Completed => "completed",
            Self::Dropped => "dropped",
        }
    }
}

/// Sets the file at `path` right if a patch of it was cut off, and removes the journal.
///
/// Bytes are written only where every byte in question is the old one or the new one. `path` may be a symbolic link,
/// or the journal itself, whose file is looked for beside it.
///
/// # Errors
/// [`ErrorKind::Busy`] while the patch is at work; [`ErrorKind::Changed`] when the file was edited since;
/// [`ErrorKind::Journal`] when the journal was not written by somebody who may write the file;
/// [`ErrorKind::Io`] and [`ErrorKind::Attributes`] when the system refuses. The journal then stays.
pub fn recover(path: impl AsRef<Path>) -> Result<Recovery> {
    let path = path.as_ref();
    if journal::is_journal(path) {
        return match file_of(path)? {
            Some(target) => recover(target),
            None => drop_orphan(path),
        };
    }
    let target = followed(path).map_err(|error| Error::io("cannot resolve its path", error))?;
    if !is_there(&journal::path_for(&target))? {
        return Ok(Recovery::Intact);
    }
    recover_locked(&target, &open_locked(&target)?)
}

/// Whether a patch of the file at `path` was cut off, or is at work. Changes nothing.
///
/// # Errors
/// [`ErrorKind::Io`] when that cannot be told.
pub fn is_unfinished(path: impl AsRef<Path>) -> Result<bool> {
    let path = path.as_ref();
    // Where a link leads nowhere, reading it says what is wrong.
    let target = followed(path).unwrap_or_else(|_| path.to_owned());
    is_there(&journal::path_for(&target))
}

/// The path of the file itself: what is written beside it stands in its own directory, not in that of a link to it.
///
/// Links above it are the system's to follow: to resolve all of a path takes a call for each of its names.
pub(super) fn followed(path: &Path) -> io::Result<PathBuf> {
    if fs::symlink_metadata(path)?.is_symlink() { fs::canonicalize(path) } else { Ok(path.to_owned()) }
}

fn is_there(path: &Path) -> Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(Error::io(format!("cannot look at {}", path.display()), error)),
    }
}

/// The file beside a journal that it belongs to.
fn file_of(journal: &Path) -> Result<Option<PathBuf>> {
    let directory = super::stage::directory_of(journal);
    let failed = |error| Error::io(format!("cannot read the directory {}", directory.display()), error);
    for entry in fs::read_dir(directory).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let path = journal.with_file_name(&name);
        if Some(name.as_os_str()) != journal.file_name() && journal::path_for(&path) == journal {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// A journal without its file: one that was never complete is of no use.
fn drop_orphan(journal: &Path) -> Result<Recovery> {
    match read_journal(journal)? {
        None => remove(journal).map(|()| Recovery::Dropped),
        Some(_) => Err(Error::new(ErrorKind::Journal, "the file that it belongs to is not beside it (any more)")),
    }
}

/// Does the work of [`recover`] on a file that is open for writing and locked.
pub(super) fn recover_locked(target: &Path, file: &fs::File) -> Result<Recovery> {
    settle(target, file, Aim::Either)
}

/// Makes a file what it was before its patch, also where all of that was written.
pub(super) fn roll_back(target: &Path, file: &fs::File) -> Result<Recovery> {
    settle(target, file, Aim::Old)
}

/// What a file is to be afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// The new one if it is that already, else the old one.
    Either,
    Old,
}

fn settle(target: &Path, file: &fs::File, aim: Aim) -> Result<Recovery> {
    let path = journal::path_for(target);
    if !is_there(&path)? {
        return Ok(Recovery::Intact);
    }
    let failed = |error| Error::io("cannot read the file's attributes", error);
    let metadata = file.metadata().map_err(failed)?;
    refuse_foreign(&path, &metadata)?;
    let recovery = match read_journal(&path)? {
        None => Recovery::Dropped,
        Some(journal) => match restore(&journal, file, &metadata, aim) {
            // Another file has taken the name: whatever was cut off is gone with the old one.
            Err(error) if error.kind() == ErrorKind::Changed && journal.identity != journal::identity(&metadata) => {
                Recovery::Dropped
            }
            result => result?,
        },
    };
    remove(&path)?;
    Ok(recovery)
}

fn remove(journal: &Path) -> Result<()> {
    let removed = fault::step("remove").and_then(|()| fs::remove_file(journal));
    removed.map_err(|error| Error::io(format!("cannot remove the journal {}", journal.display()), error))?;
    sync_directory(journal)
}

/// Only who may write the file may say what is written to it.
#[cfg(unix)]
fn refuse_foreign(journal: &Path, target: &fs::Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = fs::symlink_metadata(journal)
        .map_err(|error| Error::io(format!("cannot look at {}", journal.display()), error))?;
    let owners = [target.uid(), rustix::process::geteuid().as_raw(), 0];
    if found.is_file() && owners.contains(&found.uid()) && found.mode() & OTHERS == 0 {
        return Ok(());
    }
    let words = format!("{} is not a journal that can be trusted: remove it", journal.display());
    Err(Error::new(ErrorKind::Journal, words))
}

#[cfg(not(unix))]
fn refuse_foreign(_: &Path, _: &fs::Metadata) -> Result<()> {
    Ok(())
}

/// Writes what the file was before, unless it may be the new one, and is that already.
fn restore(journal: &Journal, file: &fs::File, metadata: &fs::Metadata, aim: Aim) -> Result<Recovery> {
    let can_be = journal.len_before == metadata.len() && journal.edits.iter().all(Reverse::keeps_length);
    if !can_be {
        return Err(changed());
    }
    let current: Vec<_> =
        journal.attributes.iter().map(|it| attributes::value(file, &it.name)).collect::<Result<_>>()?;
    let attributes = || journal.attributes.iter().zip(&current);
    if !attributes().all(|(it, now)| *now == it.before || *now == it.after) {
        return Err(changed());
    }
    let mut is_complete = aim == Aim::Either && attributes().all(|(it, now)| *now == it.after);
    for_pieces(journal, file, |edit, offset, now| {
        is_complete = is_complete && journal.is_after(edit, offset, now);
        if journal.is_either(edit, offset, now) { Ok(()) } else { Err(changed()) }
    })?;
    if !is_complete {
        undo(journal, file)?;
        for Attribute { name, before, .. } in attributes().filter(|(it, now)| **now != it.before).map(|(it, _)| it) {
            attributes::set(file, name, before.as_deref())?;
        }
    }
    keep_time(file, journal.modified)?;
    let synced = fault::step("sync").and_then(|()| file.sync_all());
    synced.map_err(|error| Error::io("cannot sync the file", error))?;
    Ok(if is_complete { Recovery::Completed } else { Recovery::Restored })
}

/// Writes the old bytes where they are not there, so that nothing else is touched: holes stay holes.
fn undo(journal: &Journal, file: &fs::File) -> Result<()> {
    for_pieces(journal, file, |edit, offset, now| {
        let before = journal.before(edit);
        let before = before.get(offset..offset + now.len()).unwrap_or_default();
        if before == now {
            return Ok(());
        }
        at::write_all(file, before, edit.start + offset as u64).map_err(|error| Error::io("cannot write", error))
    })
}

/// Calls `work` with every edit, piece by piece: how far the piece is from the edit's beginning, and its bytes now.
fn for_pieces(
    journal: &Journal,
    file: &fs::File,
    mut work: impl FnMut(&Reverse, usize, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut buffer = Vec::new();
    for edit in &journal.edits {
        for piece in at::pieces(edit.start..edit.start + journal.before(edit).len() as u64) {
            buffer.resize((piece.end - piece.start) as usize, 0);
            at::read_exact(file, &mut buffer, piece.start).map_err(|error| Error::io("cannot read", error))?;
            work(edit, (piece.start - edit.start) as usize, &buffer)?;
        }
    }
    Ok(())
}

fn changed() -> Error {
    Error::new(
        ErrorKind::Changed,
        "a patch of the file was cut off, and it was edited since: what is right cannot be told; its journal is kept",
    )
}
