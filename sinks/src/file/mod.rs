//! The file sink: an exact path, a name below a directory, or the very file that was read.
//!
//! A file is written by staging: a new file beside the target, created exclusively and readable by its owner only,
//! receives the result (kept ranges are copied by the kernel), is given its attributes, is synced, and takes the
//! target's name in one step; then the directory is synced. Whatever happens before that step, the target is as it
//! was. A failure removes the staged file; a kill or a power cut may leave one behind, named
//! `.NAME.unlabel-RANDOM`, which is never mistaken for the target and can be deleted.
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
//! | other hard links | refused, unless [`File::break_links`] | – |
//!
//! A new destination for bytes that never were a file (a pipe) gets the mode that the process gives to new files.

mod attributes;
mod copy;
mod labels;
mod stage;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use unlabel_core::Payload;

pub use self::labels::{AttributeChange, FileLabels};
use self::stage::{Access, Staged};
use crate::error::{Error, ErrorKind, Result};
use crate::{BoxFuture, PutOptions, Receipt, Sink, name};

/// Writes to the local file system. The module's documentation says how, and what is kept.
#[derive(Clone, Debug)]
pub struct File {
    target: Target,
    break_links: bool,
    synced: bool,
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

    /// Replaces the file that the payload was read from. A payload that changes nothing touches nothing.
    pub fn in_place() -> Self {
        Self::of(Target::Source)
    }

    fn of(target: Target) -> Self {
        Self { target, break_links: false, synced: true }
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
    /// it a power cut may leave an empty file.
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
        match &self.target {
            Target::Source => self.replace(payload, options),
            Target::Exact(path) => self.create(path, payload, options),
            Target::Directory(root) => {
                name::check(name)?;
                self.create(&root.join(name), payload, options)
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

    fn replace(&self, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        let source = payload.source();
        let (target, original) = self.replaceable(payload)?;
        if payload.is_identity() {
            // The content stays where it is, also where labels beside it go.
            if !options.file_attributes.is_empty() {
                source.verify_unchanged()?;
                attributes::change(original, &options.file_attributes)?;
            }
            return Ok(receipt(&target, payload, 0));
        }
        let mut staged = Staged::beside(&target, Access::Private)?;
        let written = staged.fill(payload)?;
        attributes::keep(original, staged.file())?;
        attributes::change(staged.file(), &options.file_attributes)?;
        staged.finish(self.synced)?;
        source.verify_unchanged()?;
        staged.replace(&target, self.synced)?;
        Ok(receipt(&target, payload, written))
    }

    /// The real path of the file to replace, and the open file.
    fn replaceable<'p>(&self, payload: &'p Payload) -> Result<(PathBuf, &'p fs::File)> {
        let source = payload.source();
        let (Some(path), Some(original)) = (source.path(), source.file()) else {
            return Err(Error::new(ErrorKind::Unsupported, "the input is not a file that could be replaced"));
        };
        let target = fs::canonicalize(path).map_err(|error| Error::io("cannot resolve its path", error))?;
        if !payload.is_identity() && !self.break_links {
            attributes::refuse_links(original)?;
        }
        Ok((target, original))
    }

    fn create(&self, path: &Path, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        let source = payload.source();
        let target = free(path, payload, options)?;
        if let Some(parent) = target.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent)
                .map_err(|error| Error::io(format!("cannot create the directory {}", parent.display()), error))?;
        }
        let access = if source.file().is_some() { Access::Private } else { Access::Default };
        let mut staged = Staged::beside(&target, access)?;
        let written = staged.fill(payload)?;
        if let Some(original) = source.file() {
            attributes::carry(original, staged.file())?;
            attributes::change(staged.file(), &options.file_attributes)?;
        }
        staged.finish(self.synced)?;
        source.verify_unchanged()?;
        if options.create_only {
            staged.create(&target, self.synced)?;
        } else {
            staged.replace(&target, self.synced)?;
        }
        Ok(receipt(&target, payload, written))
    }
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
