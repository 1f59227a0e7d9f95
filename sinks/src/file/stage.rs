//! The staged file: written beside its target, then given the target's name in one step.

use std::fs;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};
use unlabel_core::Payload;

use super::{copy, fault};
use crate::error::{Error, Result};

/// Who may read the staged file before it is given its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Its owner only.
    Private,
    /// Whom the process lets read new files; for results that will be given no other mode.
    Default,
}

/// Letters of the target's name in that of the staged file: whatever they are, it stays below the 255 bytes that
/// file systems allow.
const NAME_LETTERS: usize = 50;

/// What stands between the target's name and the random letters.
const MARK: &str = ".unlabel-";

/// Random letters of a staged file's name.
const RANDOM_LETTERS: usize = 8;

/// Whether `path` has a name that only staged files have: what a killed process left behind.
pub(super) fn is_staged(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let random = name.strip_prefix('.').and_then(|name| Some(name.rsplit_once(MARK)?.1));
    random.is_some_and(|random| random.len() == RANDOM_LETTERS && random.bytes().all(|it| it.is_ascii_alphanumeric()))
}

/// A file that is not visible under its target's name yet. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Staged {
    file: NamedTempFile,
}

impl Staged {
    /// Creates the file, exclusively, in the directory of `target`.
    pub(super) fn beside(target: &Path, access: Access) -> Result<Self> {
        let directory = directory_of(target);
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let prefix = format!(".{}{MARK}", name.chars().take(NAME_LETTERS).collect::<String>());
        let mut builder = Builder::new();
        builder.prefix(&prefix).rand_bytes(RANDOM_LETTERS);
        #[cfg(unix)]
        if access == Access::Default {
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        #[cfg(not(unix))]
        let _ = access;
        let file = fault::step("create")
            .and_then(|()| builder.tempfile_in(directory))
            .map_err(|error| Error::io(format!("cannot create a file in {}", directory.display()), error))?;
        Ok(Self { file })
    }

    /// The staged file.
    pub(super) fn file(&self) -> &fs::File {
        self.file.as_file()
    }

    /// Writes the result, and answers how many bytes that took.
    pub(super) fn fill(&mut self, payload: &Payload) -> Result<u64> {
        fault::step("fill").map_err(|error| Error::io("cannot write", error))?;
        let written = copy::fill(self.file.as_file_mut(), payload)?;
        let len = self.file().metadata().map_err(|error| Error::io("cannot check the result", error))?.len();
        if len != payload.len() {
            return Err(Error::new(crate::ErrorKind::Changed, "the file changed while it was being copied"));
        }
        Ok(written)
    }

    /// Brings the content to the medium.
    pub(super) fn persist(&self) -> Result<()> {
        fault::step("sync")
            .and_then(|()| self.file().sync_all())
            .map_err(|error| Error::io("cannot sync the result", error))
    }

    /// Takes the name of `target`, replacing what has it.
    pub(super) fn replace(self, target: &Path) -> Result<()> {
        let failed = |error| Error::io(format!("cannot replace {}", target.display()), error);
        fault::step("rename").map_err(failed)?;
        self.file.persist(target).map_err(|error| failed(error.error)).map(drop)
    }

    /// Takes the name of `target`, which must be free.
    pub(super) fn create(self, target: &Path) -> Result<fs::File> {
        let failed = |error| Error::io(format!("cannot create {}", target.display()), error);
        fault::step("rename").map_err(failed)?;
        self.file.persist_noclobber(target).map_err(|error| failed(error.error))
    }
}

/// The directory that `target` is in.
pub(super) fn directory_of(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Brings a new name in the directory of `target` to the medium, so that a power cut does not bring the old state back.
#[cfg(unix)]
pub(super) fn sync_directory(target: &Path) -> Result<()> {
    let opened = fault::step("sync").and_then(|()| fs::File::open(directory_of(target)));
    match opened.and_then(|directory| directory.sync_all()) {
        // Some file systems cannot sync a directory, and one may write to a directory that one cannot read. What was
        // written is complete and in place, so neither is a failure.
        Err(error)
            if !matches!(
                error.kind(),
                std::io::ErrorKind::InvalidInput
                    | std::io::ErrorKind::Unsupported
                    | std::io::ErrorKind::PermissionDenied
            ) =>
        {
            Err(Error::io("the directory cannot be synced", error))
        }
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub(super) fn sync_directory(_: &Path) -> Result<()> {
    Ok(())
}
