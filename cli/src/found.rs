//! From the inputs of the command line to single files, one after the other, as they are found.

use std::fmt;
use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use unlabel_core::batch::{self, PathList};
use unlabel_core::{Error, ErrorKind, Result};

use crate::args::Selection;
use crate::exit::UsageError;
use crate::input::is_stream;
use crate::remote::{self, Item, Origin, Remote};
use crate::text;

/// A file, or why it cannot be reached.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) item: Item,
    /// Its path below what was named.
    pub(crate) relative: Result<PathBuf>,
}

type Files<'i> = Box<dyn Iterator<Item = Found> + Send + 'i>;

/// The inputs that the options name: places first, then lists.
///
/// # Errors
/// When one is no place of inputs, or a list cannot be opened.
pub(crate) fn origins(paths: &[PathBuf], selection: &Selection, remote: &Remote) -> Result<Vec<Origin>, UsageError> {
    let mut origins = paths.iter().map(|path| remote.origin(path)).collect::<Result<Vec<_>, _>>()?;
    for (file, is_nul) in selection.lists() {
        origins.push(Origin::List(Arc::new(List::open(file, is_nul)?)));
    }
    Ok(origins)
}

/// The files of one input that `walk` takes, without what `skip` names inside directories.
pub(crate) fn files<'i>(
    origin: &'i Origin,
    walk: &'i batch::Walk,
    remote: &'i Remote,
    skip: impl Fn(&Path) -> bool + Clone + Send + 'i,
) -> Files<'i> {
    match origin {
        // Even where a file has that name.
        Origin::Path(path) if is_stream(path) => one(Item::Path(path.clone()), path.clone()),
        Origin::Path(path) => Box::new(walk.files_but([path.clone()], skip).map(|entry| Found::of(entry, path))),
        Origin::List(list) => Box::new(walk.listed_but(list.paths(), skip).map(|entry| Found::of(entry, &list.path))),
        Origin::Http(config) => {
            let name = config.url.path_segments().and_then(|mut segments| segments.next_back());
            let name = name.filter(|name| !name.is_empty()).unwrap_or("download");
            chosen(walk, Item::Http(config.clone()), PathBuf::from(name))
        }
        Origin::Object { objects, key } => {
            let name = key.rsplit('/').next().unwrap_or(key).into();
            chosen(walk, Item::Object { objects: Arc::clone(objects), key: key.clone() }, name)
        }
        Origin::Prefix { objects, prefix } => {
            let item = |key| Item::Object { objects: Arc::clone(objects), key };
            let runtime = match remote.runtime() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let relative = Err(Error::new(ErrorKind::Io, error.to_string()));
                    return Box::new(std::iter::once(Found { item: item(prefix.clone()), relative }));
                }
            };
            let keys = remote::Walk::new(runtime, Arc::clone(objects), prefix.clone());
            Box::new(keys.filter_map(move |found| match found {
                Ok((key, name)) => {
                    let relative = PathBuf::from(name);
                    walk.takes(&relative).then(|| Found { item: item(key), relative: Ok(relative) })
                }
                Err(error) => Some(Found { item: item(prefix.clone()), relative: Err(error) }),
            }))
        }
    }
}

fn one<'i>(item: Item, relative: PathBuf) -> Files<'i> {
    Box::new(std::iter::once(Found { item, relative: Ok(relative) }))
}

fn chosen<'i>(walk: &batch::Walk, item: Item, relative: PathBuf) -> Files<'i> {
    if walk.takes(&relative) { one(item, relative) } else { Box::new(std::iter::empty()) }
}

impl Found {
    /// What a walk found; of an error that names no path, the input that it comes from is named.
    fn of(entry: Result<batch::Entry>, origin: &Path) -> Self {
        match entry {
            Ok(entry) => Self { item: Item::Path(entry.path), relative: Ok(entry.relative) },
            Err(error) => Self { item: Item::Path(error.path().unwrap_or(origin).to_owned()), relative: Err(error) },
        }
    }
}

/// A list of paths, open.
pub(crate) struct List {
    path: PathBuf,
    is_nul: bool,
    /// Taken by whoever reads it: a pipe can be read once.
    reader: Mutex<Option<Box<dyn BufRead + Send>>>,
}

impl List {
    fn open(path: &Path, is_nul: bool) -> Result<Self, UsageError> {
        let reader: Box<dyn BufRead + Send> = if is_stream(path) {
            Box::new(BufReader::new(io::stdin()))
        } else {
            let failed = |error| UsageError::new(format!("the list of files {}: {error}", text::path(path)));
            Box::new(BufReader::new(fs::File::open(path).map_err(failed)?))
        };
        Ok(Self { path: path.to_owned(), is_nul, reader: Mutex::new(Some(reader)) })
    }

    fn paths(&self) -> impl Iterator<Item = Result<PathBuf>> + Send + use<> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        let reader = reader.unwrap_or_else(|| Box::new(io::empty()));
        let list = if self.is_nul { PathList::nul(reader) } else { PathList::lines(reader) };
        list.map(|path| path.and_then(local))
    }
}

/// A listed path is one of this machine.
fn local(path: PathBuf) -> Result<PathBuf> {
    if is_stream(&path) {
        return Ok(PathBuf::from("./-"));
    }
    let is_url = path.to_str().is_some_and(|text| {
        ["s3://", "swift://", "oss://", "cos://", "http://", "https://"].iter().any(|scheme| text.starts_with(scheme))
    });
    if is_url {
        let words = "lists hold paths of this machine: name a URL on the command line";
        return Err(Error::new(ErrorKind::Usage, words).for_path(&path));
    }
    Ok(path)
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").field("path", &self.path).field("is_nul", &self.is_nul).finish_non_exhaustive()
    }
}
