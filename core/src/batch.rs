//! Many files: walking directories and working on several files at a time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{ParallelBridge, ParallelIterator};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, ErrorKind, Result};

/// One file of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the file is.
    pub path: PathBuf,
    /// Its path below the directory that was named, or its file name when it was named itself.
    pub relative: PathBuf,
    /// Whether the file itself was named, rather than found in a directory.
    pub is_named: bool,
}

/// Lists the files at and below `paths`, one after the other, as they are found.
///
/// Directories are walked in name order. A symbolic link that was named is followed; inside a directory, links to
/// files are followed and links to directories are not, so that no file is found outside what was named twice over.
/// `skip` leaves out whole subtrees. What cannot be read is an error in its place; the walk goes on.
pub fn entries<'p>(
    paths: impl IntoIterator<Item = PathBuf, IntoIter: Send> + 'p,
    skip: impl Fn(&Path) -> bool + Clone + Send + 'p,
) -> impl Iterator<Item = Result<Entry>> + Send + 'p {
    paths.into_iter().flat_map(move |root| -> Box<dyn Iterator<Item = Result<Entry>> + Send + 'p> {
        if !root.is_dir() {
            let relative = root.file_name().map_or_else(|| root.clone(), PathBuf::from);
            return Box::new(std::iter::once(Ok(Entry { path: root, relative, is_named: true })));
        }
        let skip = skip.clone();
        let walk = WalkDir::new(&root)
            .follow_root_links(true)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(move |entry| !skip(entry.path()));
        Box::new(walk.filter_map(move |entry| match entry {
            Ok(entry) => is_file(&entry).then(|| Ok(below(&root, entry))),
            Err(error) => Some(Err(walk_error(error))),
        }))
    })
}

fn is_file(entry: &DirEntry) -> bool {
    let kind = entry.file_type();
    // A link that leads nowhere is worth a word; reading it gives the error.
    kind.is_file() || (kind.is_symlink() && !entry.path().is_dir())
}

fn below(root: &Path, entry: DirEntry) -> Entry {
    let path = entry.into_path();
    let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
    Entry { path, relative, is_named: false }
}

fn walk_error(error: walkdir::Error) -> Error {
    let path = error.path().map(Path::to_owned);
    let error = match error.into_io_error() {
        Some(source) => Error::io("cannot read the directory", source),
        None => Error::new(ErrorKind::Io, "a loop of symbolic links"),
    };
    match path {
        Some(path) => error.for_path(&path),
        None => error,
    }
}

/// Calls `work` on every item, on `jobs` threads, until the items end or `stop` is set; items in hand are finished.
///
/// Memory does not grow with the number of items. With `jobs` 0, as many threads run as the process may use.
///
/// # Errors
/// [`ErrorKind::Io`] when the threads cannot be started.
pub fn for_each<T: Send>(
    items: impl Iterator<Item = T> + Send,
    jobs: usize,
    stop: &AtomicBool,
    work: impl Fn(T) + Send + Sync,
) -> Result<()> {
    let items = items.take_while(|_| !stop.load(Ordering::Relaxed));
    if jobs == 1 {
        items.for_each(work);
        return Ok(());
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .map_err(|error| Error::io("cannot start threads", std::io::Error::other(error)))?;
    pool.install(|| items.par_bridge().for_each(work));
    Ok(())
}
