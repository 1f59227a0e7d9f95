//! Journals that are done with and wait for the next file: to rename a file costs half of what it costs to create one
//! and to remove it, and file systems that put off giving a removed file's inode to a new one (ext4 without a journal of
//! its own) look at all removed ones each time.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// More than this many are removed: at most as many are in use as there are threads.
const MOST: usize = 16;

/// Empty journals, under names that no file has, which go when this is dropped. A killed process leaves them behind, and
/// recovery removes them; it may do so too while they are in use.
#[derive(Debug, Default)]
pub(in crate::file) struct Spares(Mutex<Vec<(PathBuf, File)>>);

impl Spares {
    /// Takes the journal at `path` from beside its file.
    ///
    /// # Errors
    /// When it is still there.
    pub(in crate::file) fn keep(&self, path: &Path, mut journal: File) -> io::Result<()> {
        let spare = super::path_for_none(path);
        if self.lock().len() >= MOST {
            return Err(io::ErrorKind::Unsupported.into());
        }
        rename(path, &spare)?;
        // Whoever reads a journal of another file's edits under a new name must see that it is not complete.
        match journal.set_len(0).and_then(|()| journal.rewind()) {
            Ok(()) => self.lock().push((spare, journal)),
            Err(_) => drop(fs::remove_file(spare)),
        }
        Ok(())
    }

    /// An empty journal at `path`, where there was none, if there is one to spare.
    pub(in crate::file) fn take(&self, path: &Path) -> Option<File> {
        let (spare, journal) = self.lock().pop()?;
        if rename(&spare, path).is_ok() {
            return Some(journal);
        }
        // On another file system, for one.
        let _ = fs::remove_file(spare);
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(PathBuf, File)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        for (spare, _) in self.lock().drain(..) {
            let _ = fs::remove_file(spare);
        }
    }
}

/// Gives a file another name, which must be free.
#[cfg(target_os = "linux")]
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

/// Elsewhere there is no such call, and each file has a journal of its own.
#[cfg(not(target_os = "linux"))]
fn rename(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
