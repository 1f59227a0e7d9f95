//! What a written file has from the original besides its content.

pub(super) use system::{carry, change, is_same_file, keep, refuse_links, set, user, value};

#[cfg(unix)]
mod system {
    use std::ffi::{OsStr, OsString};
    use std::fs::{File, FileTimes, Metadata, Permissions};
    use std::io;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    use std::path::Path;

    use xattr::FileExt;

    use super::super::fault;
    use super::super::labels::AttributeChange;
    use crate::error::{Error, ErrorKind, Result};

    /// Attributes that bind the old content, or that the system makes by itself.
    const NOT_COPIED: &[&str] = &["security.ima", "security.evm"];

    /// Fails when `original` has more names than one.
    pub(in crate::file) fn refuse_links(original: &File) -> Result<()> {
        match of(original)?.nlink() {
            0 | 1 => Ok(()),
            names => Err(Error::new(
                ErrorKind::Linked,
                format!(
                    "the file has {names} names (hard links), and the others would keep the label: break the links, \
                     or write to another destination"
                ),
            )),
        }
    }

    /// Whether `target` is the file that is open as `original`.
    pub(in crate::file) fn is_same_file(target: &Path, original: &File, _: Option<&Path>) -> bool {
        let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
        match (std::fs::metadata(target), original.metadata()) {
            (Ok(target), Ok(original)) => identity(target) == identity(original),
            _ => false,
        }
    }

    /// Gives `staged` everything that `original` has: owner, mode, extended attributes, times.
    pub(in crate::file) fn keep(original: &File, staged: &File) -> Result<()> {
        let wanted = of(original)?;
        let given = of(staged)?;
        let (uid, gid) = (wanted.uid(), wanted.gid());
        if (uid, gid) != (given.uid(), given.gid()) {
            fchown(staged, Some(uid), Some(gid))
                .map_err(|error| lost(format!("cannot keep the owner ({uid}:{gid})"), error))?;
        }
        // After the owner, whose change clears set-id bits; before the ACL, which refines it.
        set_mode(staged, wanted.mode() & 0o7777)?;
        copy_attributes(original, staged)?;
        let times = FileTimes::new();
        let times = wanted.accessed().map_or(times, |accessed| times.set_accessed(accessed));
        set_times(staged, times, &wanted)
    }

    /// Gives `staged`, a new file, what it has from `original`: permissions, `user.*` attributes, modification time.
    pub(in crate::file) fn carry(original: &File, staged: &File) -> Result<()> {
        let wanted = of(original)?;
        set_mode(staged, wanted.mode() & 0o777)?;
        for name in names(original)?.iter().filter(|name| is_user(name)) {
            match copy_attribute(original, staged, name) {
                Ok(()) => {}
                // The destination has no place for them, which is what every copy there finds.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => break,
                Err(error) => return Err(lost(format!("cannot copy the attribute {}", name.display()), error)),
            }
        }
        set_times(staged, FileTimes::new(), &wanted)
    }

    /// The attributes in the user's name space, with their values.
    pub(in crate::file) fn user(file: &File) -> Result<Vec<(OsString, Vec<u8>)>> {
        let mut found = Vec::new();
        for name in names(file)?.into_iter().filter(|name| is_user(name)) {
            let value = file
                .get_xattr(&name)
                .map_err(|error| lost(format!("cannot read the attribute {}", name.display()), error))?;
            // One that is gone by now is none.
            found.extend(value.map(|value| (name, value)));
        }
        Ok(found)
    }

    /// The value of one attribute; none where it, or a place for it, is not there.
    pub(in crate::file) fn value(file: &File, name: &OsStr) -> Result<Option<Vec<u8>>> {
        match file.get_xattr(name) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
            read => read.map_err(|error| lost(format!("cannot read the attribute {}", name.display()), error)),
        }
    }

    /// Sets one attribute, or removes it.
    pub(in crate::file) fn set(file: &File, name: &OsStr, value: Option<&[u8]>) -> Result<()> {
        let changed = fault::step("attribute").and_then(|()| match value {
            Some(value) => file.set_xattr(name, value),
            None => file.remove_xattr(name),
        });
        changed.map_err(|error| lost(format!("cannot set the attribute {}", name.display()), error))
    }

    /// Changes attributes of `file`, all of them or none: after a failure those before are set back.
    pub(in crate::file) fn change(file: &File, changes: &[AttributeChange]) -> Result<()> {
        let mut done = Vec::new();
        for AttributeChange { name, value, creates } in changes {
            let old = match file.get_xattr(name) {
                Ok(old @ Some(_)) => old,
                Ok(None) if *creates => None,
                // Gone already, or never carried to a place that has no attributes.
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::Unsupported && !creates => continue,
                Err(error) => return Err(undone(file, done, name, error)),
            };
            let outcome = fault::step("attribute").and_then(|()| match value {
                Some(value) => file.set_xattr(name, value),
                None => file.remove_xattr(name),
            });
            match outcome {
                Ok(()) => done.push((name, old)),
                Err(error) => return Err(undone(file, done, name, error)),
            }
        }
        Ok(())
    }

    /// Sets back what was `done`, as far as that is possible, since the attribute `name` cannot be changed.
    fn undone(file: &File, done: Vec<(&OsString, Option<Vec<u8>>)>, name: &OsStr, error: io::Error) -> Error {
        for (name, old) in done {
            let _ = match old {
                Some(old) => file.set_xattr(name, &old),
                None => file.remove_xattr(name),
            };
        }
        lost(format!("cannot change the attribute {}", name.display()), error)
    }

    fn copy_attributes(original: &File, staged: &File) -> Result<()> {
        let wanted = names(original)?;
        for name in &wanted {
            let is_needed = is_user(name) || is_acl(name);
            match copy_attribute(original, staged, name) {
                Err(error) if is_needed => {
                    return Err(lost(format!("cannot keep the attribute {}", name.display()), error));
                }
                // Contexts and capabilities that only the system may set: the new file has those of its place.
                _ => {}
            }
        }
        // A directory may give new files an ACL that the original never had.
        for name in names(staged)?.iter().filter(|name| is_acl(name) && !wanted.contains(name)) {
            staged
                .remove_xattr(name)
                .map_err(|error| lost(format!("cannot remove the attribute {}", name.display()), error))?;
        }
        Ok(())
    }

    fn copy_attribute(original: &File, staged: &File, name: &OsStr) -> io::Result<()> {
        if NOT_COPIED.iter().any(|not_copied| name == *not_copied) {
            return Ok(());
        }
        match original.get_xattr(name)? {
            Some(value) => staged.set_xattr(name, &value),
            None => Ok(()),
        }
    }

    /// The names of all extended attributes; none where the file system has none.
    fn names(file: &File) -> Result<Vec<OsString>> {
        match file.list_xattr() {
            Ok(names) => Ok(names.collect()),
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Vec::new()),
            Err(error) => Err(lost("cannot list the extended attributes", error)),
        }
    }

    /// On Linux by prefix; elsewhere all attributes are the user's.
    fn is_user(name: &OsStr) -> bool {
        !cfg!(target_os = "linux") || name.as_encoded_bytes().starts_with(b"user.")
    }

    fn is_acl(name: &OsStr) -> bool {
        name.as_encoded_bytes().starts_with(b"system.posix_acl_")
    }

    fn set_mode(staged: &File, mode: u32) -> Result<()> {
        staged.set_permissions(Permissions::from_mode(mode)).map_err(|error| lost("cannot keep the mode", error))
    }

    fn set_times(staged: &File, times: FileTimes, wanted: &Metadata) -> Result<()> {
        let times = wanted.modified().map_or(times, |modified| times.set_modified(modified));
        staged.set_times(times).map_err(|error| lost("cannot keep the modification time", error))
    }

    fn of(file: &File) -> Result<Metadata> {
        file.metadata().map_err(|error| Error::io("cannot read the file's attributes", error))
    }

    fn lost(doing: impl Into<std::borrow::Cow<'static, str>>, error: io::Error) -> Error {
        Error::io(doing, error).of_kind(ErrorKind::Attributes)
    }
}

/// Systems without owners, modes and links as Unix has them: the times are kept, the rest is what the place gives.
#[cfg(not(unix))]
mod system {
    use std::ffi::{OsStr, OsString};
    use std::fs::{File, FileTimes};
    use std::path::Path;

    use super::super::labels::AttributeChange;
    use crate::error::{Error, ErrorKind, Result};

    pub(in crate::file) fn user(_: &File) -> Result<Vec<(OsString, Vec<u8>)>> {
        Ok(Vec::new())
    }

    pub(in crate::file) fn change(_: &File, _: &[AttributeChange]) -> Result<()> {
        Ok(())
    }

    pub(in crate::file) fn value(_: &File, _: &OsStr) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    pub(in crate::file) fn set(_: &File, _: &OsStr, _: Option<&[u8]>) -> Result<()> {
        Ok(())
    }

    pub(in crate::file) fn refuse_links(_: &File) -> Result<()> {
        Ok(())
    }

    pub(in crate::file) fn is_same_file(target: &Path, _: &File, source: Option<&Path>) -> bool {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        source.and_then(real).is_some_and(|source| real(target) == Some(source))
    }

    pub(in crate::file) fn keep(original: &File, staged: &File) -> Result<()> {
        carry(original, staged)
    }

    pub(in crate::file) fn carry(original: &File, staged: &File) -> Result<()> {
        let times = original
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|modified| FileTimes::new().set_modified(modified));
        times
            .and_then(|times| staged.set_times(times))
            .map_err(|error| Error::io("cannot keep the modification time", error).of_kind(ErrorKind::Attributes))
    }
}
