//! The staged file: written beside its target, then given the target's name in one step.

use std::fs;
use std::io;
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
    file: Held,
}

#[derive(Debug)]
enum Held {
    Named(NamedTempFile),
    /// A file without any name: even a kill leaves nothing of it.
    Unnamed(fs::File),
}

impl Staged {
    /// Creates the file, exclusively, in the directory of `target`.
    pub(super) fn beside(target: &Path, access: Access) -> Result<Self> {
        fault::step("create").and_then(|()| Self::named(target, access)).map_err(|error| cannot_create(target, error))
    }

    /// The same for a target that must be free in the end. Where the file system can, the file has no name until then.
    pub(super) fn free_beside(target: &Path, access: Access) -> Result<Self> {
        fault::step("create")
            .and_then(|()| match unnamed(target, access) {
                Some(file) => Ok(Self { file: Held::Unnamed(file) }),
                None => Self::named(target, access),
            })
            .map_err(|error| cannot_create(target, error))
    }

    fn named(target: &Path, access: Access) -> io::Result<Self> {
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
        Ok(Self { file: Held::Named(builder.tempfile_in(directory_of(target))?) })
    }

    /// The staged file.
    pub(super) fn file(&self) -> &fs::File {
        match &self.file {
            Held::Named(file) => file.as_file(),
            Held::Unnamed(file) => file,
        }
    }

    /// Writes the result, and answers how many bytes that took.
    pub(super) fn fill(&mut self, payload: &Payload) -> Result<u64> {
        fault::step("fill").map_err(|error| Error::io("cannot write", error))?;
        let file = match &mut self.file {
            Held::Named(file) => file.as_file_mut(),
            Held::Unnamed(file) => file,
        };
        let written = copy::fill(file, payload)?;
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
        match self.file {
            Held::Named(file) => file.persist(target).map_err(|error| failed(error.error)).map(drop),
            // Only files for targets that must be free are made without a name.
            Held::Unnamed(_) => Err(failed(io::ErrorKind::Unsupported.into())),
        }
    }

    /// Takes the name of `target`, which must be free.
    pub(super) fn create(self, target: &Path) -> Result<fs::File> {
        let failed = |error| Error::io(format!("cannot create {}", target.display()), error);
        fault::step("rename").map_err(failed)?;
        match self.file {
            Held::Named(file) => file.persist_noclobber(target).map_err(|error| failed(error.error)),
            Held::Unnamed(file) => link(&file, target).map(|()| file).map_err(failed),
        }
    }
}

fn cannot_create(target: &Path, error: io::Error) -> Error {
    Error::io(format!("cannot create a file in {}", directory_of(target).display()), error)
}

/// A file without a name, in the directory of `target`; none where it could not be given one later.
#[cfg(target_os = "linux")]
fn unnamed(target: &Path, access: Access) -> Option<fs::File> {
    use rustix::fs::{Mode, OFlags};

    if !fault::has_unnamed() {
        return None;
    }
    let mode = if access == Access::Default { 0o666 } else { 0o600 };
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = fs::File::from(rustix::fs::open(directory_of(target), flags, Mode::from(mode)).ok()?);
    // The name is given through this place, which a container may not have.
    rustix::fs::stat(place(&file)).is_ok().then_some(file)
}

#[cfg(not(target_os = "linux"))]
fn unnamed(_: &Path, _: Access) -> Option<fs::File> {
    None
}

#[cfg(target_os = "linux")]
fn place(file: &fs::File) -> String {
    format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file))
}

/// Gives a file without a name that of `target`, which must be free.
#[cfg(target_os = "linux")]
fn link(file: &fs::File, target: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD};

    rustix::fs::linkat(CWD, place(file), CWD, target, AtFlags::SYMLINK_FOLLOW).map_err(io::Error::from)
}

#[cfg(not(target_os = "linux"))]
fn link(_: &fs::File, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
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
