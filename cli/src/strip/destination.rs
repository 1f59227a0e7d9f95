//! Where results go, and which input goes where.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf, is_separator};

use unlabel_core::batch::{self, Entry};
use unlabel_core::{Error, ErrorKind, Result};
use unlabel_sinks::File;

use crate::args::Strip;
use crate::exit::UsageError;
use crate::input::is_stream;
use crate::text;

/// Where the results of a run go.
#[derive(Debug)]
pub(super) enum Destination {
    /// A dry run.
    Nowhere,
    InPlace,
    Stdout,
    /// One input, to this file.
    File(PathBuf),
    Directory(Directory),
}

/// A directory that takes results under their relative paths.
#[derive(Debug)]
pub(super) struct Directory {
    /// As it was named.
    path: PathBuf,
    /// The same, absolute and without links, whether or not it exists yet.
    real: PathBuf,
    /// The input directories that results must not fall into.
    inputs: Vec<PathBuf>,
}

/// Where the result of one file goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Nowhere,
    InPlace,
    Stdout,
    File(PathBuf),
}

/// One file to treat.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) path: PathBuf,
    /// Where its result goes, or why it cannot be treated.
    pub(super) target: Result<Target>,
}

impl Destination {
    /// Reads the options.
    ///
    /// # Errors
    /// When they name no destination, or one that cannot take these inputs.
    pub(super) fn new(options: &Strip) -> Result<Self, UsageError> {
        let has_stdin = options.paths.iter().any(|path| is_stream(path));
        match &options.to {
            _ if options.in_place && has_stdin => {
                Err(UsageError::new("standard input cannot be replaced in place: use --to FILE or --to -"))
            }
            _ if options.in_place => Ok(Self::InPlace),
            None if options.dry_run => Ok(Self::Nowhere),
            None => Err(UsageError::new(
                "neither --to nor --in-place: add --to DEST to write results elsewhere, or --in-place to replace the \
                 files",
            )),
            Some(to) if is_stream(to) => Self::stdout(&options.paths),
            Some(to) if to.as_os_str().is_empty() => Err(UsageError::new("--to is empty: name a file or directory")),
            Some(to) => Self::path(to, &options.paths, has_stdin),
        }
    }

    fn stdout(paths: &[PathBuf]) -> Result<Self, UsageError> {
        match paths {
            [path] if is_stream(path) || !path.is_dir() => Ok(Self::Stdout),
            _ => Err(UsageError::new("--to - takes the result of one file: name one, or give --to a directory")),
        }
    }

    fn path(to: &Path, paths: &[PathBuf], has_stdin: bool) -> Result<Self, UsageError> {
        let is_one_file = matches!(paths, [path] if is_stream(path) || !path.is_dir());
        let is_directory = to.is_dir() || to.to_string_lossy().ends_with(is_separator);
        if is_one_file && !is_directory {
            return Ok(Self::File(to.to_owned()));
        }
        if has_stdin {
            return Err(UsageError::new("standard input has no name to be stored under: give --to a file"));
        }
        if !is_directory && to.exists() {
            let to = text::path(to);
            return Err(UsageError::new(format!(
                "--to {to} is a file, and there may be many results: name a directory"
            )));
        }
        let failed = |error| UsageError::new(format!("--to {}: {error}", text::path(to)));
        let real = real(to).map_err(failed)?;
        let roots = paths.iter().filter(|path| path.is_dir()).map(fs::canonicalize);
        let roots = roots.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        if roots.contains(&real) {
            return Err(UsageError::new(format!(
                "--to {} is an input itself: use --in-place, or another directory",
                text::path(to)
            )));
        }
        // Of an input that the destination lies in, the destination is left out; no other may take results.
        let inputs = roots.into_iter().filter(|root| !real.starts_with(root)).collect();
        Ok(Self::Directory(Directory { path: to.to_owned(), real, inputs }))
    }

    /// Whether data goes to standard output.
    pub(super) fn is_stdout(&self) -> bool {
        matches!(self, Self::Stdout)
    }

    /// The files at and below `paths`, each with its target.
    pub(super) fn jobs<'d>(&'d self, paths: &'d [PathBuf]) -> impl Iterator<Item = Job> + Send + 'd {
        let mut taken = HashSet::new();
        paths
            .iter()
            .flat_map(move |path| -> Box<dyn Iterator<Item = Result<Entry>> + Send> {
                if is_stream(path) {
                    // Even where a file has that name.
                    let entry = Entry { path: path.clone(), relative: path.clone(), is_named: true };
                    return Box::new(std::iter::once(Ok(entry)));
                }
                Box::new(batch::entries([path.clone()], move |path: &Path| {
                    File::is_staged(path) || self.is_output(path)
                }))
            })
            .map(move |entry| match entry {
                Ok(entry) => self.job(entry, &mut taken),
                Err(error) => {
                    let path = error.path().unwrap_or(Path::new("")).to_owned();
                    Job { path, target: Err(error) }
                }
            })
    }

    /// Whether the path is where results go: not an input, even inside one.
    fn is_output(&self, path: &Path) -> bool {
        let Self::Directory(directory) = self else { return false };
        path.file_name() == directory.real.file_name()
            && fs::canonicalize(path).is_ok_and(|path| path == directory.real)
    }

    fn job(&self, entry: Entry, taken: &mut HashSet<PathBuf>) -> Job {
        let target = match self {
            Self::Nowhere => Ok(Target::Nowhere),
            Self::InPlace => Ok(Target::InPlace),
            Self::Stdout => Ok(Target::Stdout),
            Self::File(path) => Ok(Target::File(path.clone())),
            Self::Directory(directory) => directory.target(&entry.relative, taken),
        };
        Job { path: entry.path, target }
    }
}

impl Directory {
    fn target(&self, relative: &Path, taken: &mut HashSet<PathBuf>) -> Result<Target> {
        let output = self.path.join(relative);
        let refuse = |why: &str| Err(Error::new(ErrorKind::Usage, format!("its output {} {why}", text::path(&output))));
        if self.inputs.iter().any(|input| self.real.join(relative).starts_with(input)) {
            return refuse("lies in an input directory: choose another destination");
        }
        if !taken.insert(folded(relative)) {
            return refuse("is that of another input: strip them to different destinations");
        }
        Ok(Target::File(output))
    }
}

/// The path as the file system tells names apart: there may be one file for `A` and `a`.
fn folded(path: &Path) -> PathBuf {
    if cfg!(any(windows, target_vendor = "apple")) {
        path.to_string_lossy().to_lowercase().into()
    } else {
        path.to_owned()
    }
}

/// The absolute path without links; what does not exist yet is taken as it is.
fn real(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut existing = path.as_path();
    loop {
        match fs::canonicalize(existing) {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |real, name| real.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(name), Some(parent)) = (existing.file_name(), existing.parent()) else { return Ok(path) };
        missing.push(name);
        existing = parent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_exist_yet_has_a_real_path_too() {
        let root = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(root.path()).unwrap();
        assert_eq!(real(&root.path().join("a/b")).unwrap(), base.join("a/b"));
        fs::create_dir(root.path().join("a")).unwrap();
        assert_eq!(real(&root.path().join("a/./b")).unwrap(), base.join("a/b"));
    }

    #[test]
    fn no_two_inputs_share_an_output() {
        let directory = Directory { path: "out".into(), real: "/w/out".into(), inputs: vec!["/w/out/in".into()] };
        let mut taken = HashSet::new();
        let mut target = |relative: &str| directory.target(Path::new(relative), &mut taken);
        assert_eq!(target("a/x").unwrap(), Target::File("out/a/x".into()));
        assert_eq!(target("b/x").unwrap(), Target::File("out/b/x".into()));
        assert!(target("a/x").unwrap_err().reason().contains("another input"));
        assert!(target("in/x").unwrap_err().reason().contains("input directory"));
    }
}
