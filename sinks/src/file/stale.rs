//! Staged files that killed processes left behind.

use std::fs::{self, Metadata};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::stage;
use crate::error::{Error, Result};

/// Removes the file at `path` if it is a staged one that nobody can be at work on: its name is exactly of that form, it is
/// a regular file, it belongs to the user of this process, and for `age` nothing of it changed. Answers whether it was
/// removed.
///
/// The time of the last change counts as well as that of the last writing, which a staged file takes over from the file it
/// is made of.
///
/// # Errors
/// When it cannot be looked at, or not be removed.
pub(super) fn remove(path: &Path, age: Duration) -> Result<bool> {
    if !stage::is_staged(path) {
        return Ok(false);
    }
    let failed = |doing, error| Error::io(format!("cannot {doing} {}", path.display()), error);
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        // Its owner was quicker.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed("look at", error)),
    };
    let is_old = changed(&metadata).is_some_and(|time| time.elapsed().is_ok_and(|passed| passed >= age));
    if !metadata.is_file() || !is_own(&metadata) || !is_old {
        return Ok(false);
    }
    fs::remove_file(path).map(|()| true).map_err(|error| failed("remove", error))
}

#[cfg(unix)]
fn is_own(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// Elsewhere the system does not say it cheaply; who may not remove the file will not.
#[cfg(not(unix))]
fn is_own(_: &Metadata) -> bool {
    true
}

/// When anything of the file changed last.
#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    use std::os::unix::fs::MetadataExt;
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    let changed = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    Some(changed.max(metadata.modified().ok()?))
}

#[cfg(not(unix))]
fn changed(metadata: &Metadata) -> Option<SystemTime> {
    Some(metadata.modified().ok()?.max(metadata.created().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_regular_files_of_exactly_that_name_go() {
        let folder = tempfile::tempdir().unwrap();
        let names =
            [".a.docx.unlabel-a1B2c3D4", ".a.docx.unlabel-a1B2c3D", "a.docx.unlabel-a1B2c3D4", ".b.unlabel-undo"];
        for name in names {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        let directory = folder.path().join(".c.unlabel-a1B2c3D4");
        fs::create_dir(&directory).unwrap();
        let [staged, ..] = names.map(|name| folder.path().join(name));
        assert!(!remove(&staged, Duration::from_mins(1)).unwrap(), "it is new");
        // However old it says it is: that time was taken over.
        let old = SystemTime::now() - Duration::from_secs(1 << 20);
        fs::File::options().write(true).open(&staged).unwrap().set_modified(old).unwrap();
        assert!(!remove(&staged, Duration::from_mins(1)).unwrap(), "it was changed just now");
        for name in &names[1..] {
            assert!(!remove(&folder.path().join(name), Duration::ZERO).unwrap(), "{name}");
        }
        assert!(!remove(&directory, Duration::ZERO).unwrap());
        assert!(!remove(&folder.path().join(".gone.unlabel-a1B2c3D4"), Duration::ZERO).unwrap());
        #[cfg(unix)]
        {
            let link = folder.path().join(".d.unlabel-a1B2c3D4");
            std::os::unix::fs::symlink(names[2], &link).unwrap();
            assert!(!remove(&link, Duration::ZERO).unwrap());
        }
        assert!(remove(&staged, Duration::ZERO).unwrap());
        assert!(!staged.exists());
    }
}
