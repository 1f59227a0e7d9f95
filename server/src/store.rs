//! The configured store: the files that the batch calls work on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use unlabel_core::{Payload, Source};
use unlabel_sinks::remote::{ObjectReader, Objects};
use unlabel_sinks::{Error, ErrorKind, File, FileLabels, Location, PutOptions, Result, Sink, Transfer};

use crate::config::Config;

/// Longest part of a key that a caller may name.
const LONGEST: usize = 255;

/// A directory, or the objects under a prefix.
#[derive(Clone, Debug)]
pub(crate) enum Store {
    Directory(PathBuf),
    Objects(Objects),
}

/// A file of the store as it was opened.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) source: Source,
    labels: FileLabels,
    reader: Option<Arc<ObjectReader>>,
}

impl Store {
    /// The store that the configuration names, if it names one. Nothing is connected yet.
    pub(crate) fn of(config: &Config) -> crate::Result<Option<Self>> {
        let Some(place) = &config.store else { return Ok(None) };
        let wrong = |error: &dyn std::fmt::Display| crate::Error::config(format!("`store`: {error}"));
        let location = Location::parse(place, &|name| std::env::var(name).ok()).map_err(|error| wrong(&error))?;
        match location {
            Location::Path(path) => Ok(Some(Self::Directory(path))),
            Location::Store(mut object) => {
                // Whoever wrote the configuration may name any server.
                let mut transfer = Transfer::default();
                transfer.ca_file.clone_from(&config.egress.ca_file);
                let prefix =
                    object.key.take().map_or_else(String::new, |key| format!("{}/", key.trim_end_matches('/')));
                object.key = (!prefix.is_empty()).then_some(prefix);
                let objects = object.objects(&transfer).map_err(|error| wrong(&error))?;
                Ok(Some(Self::Objects(objects.as_prefix())))
            }
            _ => Err(wrong(&"a directory, or a URL of s3, swift, oss or cos")),
        }
    }

    /// Opens the file with this key.
    pub(crate) async fn open(&self, key: &str) -> Result<Stored> {
        let key = checked(key)?;
        match self {
            Self::Directory(root) => {
                let source = Source::open(inside(root, key)?)?;
                let labels = source.file().map_or_else(|| Ok(FileLabels::default()), FileLabels::of)?;
                let source = source.with_attached(labels.sites());
                Ok(Stored { source, labels, reader: None })
            }
            Self::Objects(objects) => {
                let (source, reader) = objects.open(&objects.key(key)?).await?;
                let source = source.with_attached(reader.object().attributes.sites());
                Ok(Stored { source, labels: FileLabels::default(), reader: Some(reader) })
            }
        }
    }

    /// Puts what was made of `stored` in its place, without those labels beside it. [`ErrorKind::Changed`] when somebody
    /// else was quicker.
    pub(crate) async fn replace(
        &self,
        key: &str,
        stored: &Stored,
        payload: &Payload,
        detached: &[usize],
    ) -> Result<()> {
        let (Self::Objects(objects), Some(reader)) = (self, &stored.reader) else {
            let options = PutOptions::default().file_attributes(stored.labels.without(detached));
            // Of two that have read the same file one waits, and then sees that it was changed.
            let write = || {
                let _turn = stored.source.file().map(Turn::take).transpose()?;
                File::in_place().write("", payload, &options)
            };
            return blocking(write).map(drop);
        };
        let object = reader.object();
        let options = PutOptions::default()
            .attributes(object.attributes.without(detached))
            .copy_from(reader.object_ref())
            .if_match(object.etag.clone());
        objects.put(checked(key)?, payload, &options).await.map(drop)
    }

    /// Removes the file with this key, if it is there.
    pub(crate) async fn delete(&self, key: &str) -> Result<()> {
        let key = checked(key)?;
        match self {
            Self::Directory(root) => match inside(root, key) {
                Ok(path) => {
                    blocking(|| std::fs::remove_file(path)).map_err(|error| Error::io("cannot remove the file", error))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            },
            Self::Objects(objects) => objects.delete(&objects.key(key)?).await,
        }
    }
}

/// A lock on a file as it was opened, for as long as it lives.
struct Turn<'f>(&'f std::fs::File);

impl<'f> Turn<'f> {
    fn take(file: &'f std::fs::File) -> Result<Self> {
        file.lock().map_err(|error| Error::io("cannot lock the file", error))?;
        Ok(Self(file))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

/// Does what waits for the disk without keeping others waiting.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    tokio::task::block_in_place(work)
}

/// Whether text may be one component of a key: a name without separators that leads nowhere else.
pub(crate) fn is_component(text: &str) -> bool {
    let is_plain = |char: char| !char.is_control() && !matches!(char, '/' | '\\');
    !text.is_empty() && text.len() <= LONGEST && !matches!(text, "." | "..") && text.chars().all(is_plain)
}

fn checked(key: &str) -> Result<&str> {
    let is_inside = key.split('/').all(is_component);
    is_inside.then_some(key).ok_or_else(|| Error::new(ErrorKind::Name, "the name leads out of the store"))
}

/// The path of a file below `root`, where links do not lead out of it.
fn inside(root: &Path, key: &str) -> Result<PathBuf> {
    let found = |path: &Path| {
        path.canonicalize().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::new(ErrorKind::NotFound, "no such file"),
            _ => Error::io("cannot look for the file", error),
        })
    };
    let (root, path) = (found(root)?, found(&root.join(key))?);
    match path.strip_prefix(&root) {
        Ok(_) if path.is_file() => Ok(path),
        Ok(_) => Err(Error::new(ErrorKind::NotFound, "no such file")),
        Err(_) => Err(Error::new(ErrorKind::Name, "a link leads out of the store")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_out_of_a_directory() {
        let outer = tempfile::tempdir().unwrap();
        let root = outer.path().join("store");
        std::fs::create_dir_all(root.join("p/a")).unwrap();
        std::fs::write(root.join("p/a/x"), "").unwrap();
        std::fs::write(outer.path().join("secret"), "").unwrap();
        std::os::unix::fs::symlink(outer.path(), root.join("p/out")).unwrap();
        assert!(inside(&root, "p/a/x").is_ok());
        assert_eq!(inside(&root, "p/a").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(inside(&root, "p/a/x/y").unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(inside(&root, "p/out/secret").unwrap_err().kind(), ErrorKind::Name);
        for key in ["", "/etc/passwd", "p/../../secret", "p//a", "p/./a", "p/a\\b", "p/\0", "p/"] {
            assert!(checked(key).is_err(), "{key}");
        }
    }
}
