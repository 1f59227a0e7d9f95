//! Finding files: below directories, and by lists.

use std::path::{Component, Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::Shard;
use super::globs::Globs;
use crate::error::{Error, ErrorKind, Result};

/// One file of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where the file is.
    pub path: PathBuf,
    /// Its path below the directory that was named; its file name when it was named itself; and of a listed file its
    /// path as it was listed, without a leading `/` or `./`.
    pub relative: PathBuf,
    /// Whether the file itself was named, rather than found in a directory.
    pub is_named: bool,
}

/// What becomes of symbolic links that a walk meets inside a directory. One that was named is always followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Links {
    /// They are left out.
    Skip,
    /// Links to files are followed, links to directories are not: no file is found outside what was named twice over.
    #[default]
    Files,
    /// Links to directories are followed too; a loop is an error in its place.
    All,
}

/// Finds the files at and below paths, one after the other.
///
/// Without further choice that is every file, hidden ones too: a label that is passed over in silence is still there.
///
/// ```
/// use unlabel_core::batch::Walk;
/// let walk = Walk::new().include("*.toml")?.sorted(true);
/// let manifest = walk.files([env!("CARGO_MANIFEST_DIR").into()]).next().unwrap()?;
/// assert_eq!(manifest.relative.to_str(), Some("Cargo.toml"));
/// # Ok::<(), unlabel_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Walk {
    hidden: bool,
    links: Links,
    one_file_system: bool,
    sorted: bool,
    globs: Globs,
    shard: Option<Shard>,
}

impl Default for Walk {
    fn default() -> Self {
        Self {
            hidden: true,
            links: Links::default(),
            one_file_system: false,
            sorted: false,
            globs: Globs::default(),
            shard: None,
        }
    }
}

impl Walk {
    /// Every file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether hidden files, and what is in hidden directories, are found: names that begin with a dot; on Windows
    /// also what has the attribute. What was named is taken in any case. Default true.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// What becomes of symbolic links. Default [`Links::Files`].
    #[must_use]
    pub fn links(mut self, links: Links) -> Self {
        self.links = links;
        self
    }

    /// Whether the walk stays on the file system of the directory that was named. Default false.
    #[must_use]
    pub fn one_file_system(mut self, one_file_system: bool) -> Self {
        self.one_file_system = one_file_system;
        self
    }

    /// Whether each directory is read whole and its names sorted, rather than taken in the order in which the system
    /// gives them. Memory then grows with the largest directory. Default false.
    #[must_use]
    pub fn sorted(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    /// Takes only what this glob, or another one given so, matches; without any, everything.
    ///
    /// A glob with a `/` in it is matched against the whole relative path ([`Entry::relative`]), with or without a `/`
    /// at its begin; one without against the last name. `*` and `?` stop at `/`, `**` does not; `[a-z]`, `{a,b}` and a
    /// backslash work as usual. A glob that matches a directory stands for everything below it. Upper and lower case
    /// differ, but on Windows. Files that were named are chosen among like those that are found.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when the glob is wrong.
    pub fn include(mut self, glob: &str) -> Result<Self> {
        self.globs.include(glob)?;
        Ok(self)
    }

    /// Leaves out what this glob matches, also where [`include`](Self::include) takes it; written as there.
    ///
    /// # Errors
    /// As there.
    pub fn exclude(mut self, glob: &str) -> Result<Self> {
        self.globs.exclude(glob)?;
        Ok(self)
    }

    /// Takes only one share. Default: all. What cannot be read belongs to a share by its own path.
    #[must_use]
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = Some(shard);
        self
    }

    /// Whether globs and share take a file with this relative path: for files that are found in another way.
    pub fn takes(&self, relative: &Path) -> bool {
        self.globs.take(relative) && self.is_in_shard(relative)
    }

    /// The files at and below `roots`, as they are found. What cannot be read is an error in its place; the walk goes
    /// on.
    pub fn files<'w>(
        &'w self,
        roots: impl IntoIterator<Item = PathBuf, IntoIter: Send> + 'w,
    ) -> impl Iterator<Item = Result<Entry>> + Send + 'w {
        self.files_but(roots, |_| false)
    }

    /// As [`files`](Self::files), without what `skip` names inside directories: files, and directories with all below.
    pub fn files_but<'w>(
        &'w self,
        roots: impl IntoIterator<Item = PathBuf, IntoIter: Send> + 'w,
        skip: impl Fn(&Path) -> bool + Clone + Send + 'w,
    ) -> impl Iterator<Item = Result<Entry>> + Send + 'w {
        roots.into_iter().flat_map(move |root| {
            let is_directory = root.is_dir();
            let name = if is_directory { None } else { root.file_name().map(PathBuf::from) };
            self.at(root, name.unwrap_or_default(), is_directory, skip.clone())
        })
    }

    /// As [`files_but`](Self::files_but), of a list: relative paths begin with the path as it was listed.
    pub fn listed_but<'w>(
        &'w self,
        list: impl Iterator<Item = Result<PathBuf>> + Send + 'w,
        skip: impl Fn(&Path) -> bool + Clone + Send + 'w,
    ) -> impl Iterator<Item = Result<Entry>> + Send + 'w {
        list.flat_map(move |path| -> Box<dyn Iterator<Item = Result<Entry>> + Send + 'w> {
            match path {
                Ok(path) => {
                    let is_directory = path.is_dir();
                    let name = as_listed(&path);
                    self.at(path, name, is_directory, skip.clone())
                }
                Err(error) => Box::new(std::iter::once(Err(error))),
            }
        })
    }

    /// What is at and below `root`, under relative paths that begin with `name`.
    fn at<'w>(
        &'w self,
        root: PathBuf,
        name: PathBuf,
        is_directory: bool,
        skip: impl Fn(&Path) -> bool + Send + 'w,
    ) -> Box<dyn Iterator<Item = Result<Entry>> + Send + 'w> {
        if !is_directory {
            let relative = if name.as_os_str().is_empty() { root.clone() } else { name };
            let entry = self.takes(&relative).then_some(Ok(Entry { path: root, relative, is_named: true }));
            return Box::new(entry.into_iter());
        }
        let walk = WalkDir::new(&root)
            .follow_root_links(true)
            .follow_links(self.links == Links::All)
            .same_file_system(self.one_file_system);
        let walk = if self.sorted { walk.sort_by_file_name() } else { walk };
        let prefix = (root, name);
        let names = prefix.clone();
        let is_left_out = move |entry: &DirEntry| {
            (!self.hidden && is_hidden(entry))
                || (entry.file_type().is_dir() && self.globs.prune(&below(&prefix, entry.path())))
                || skip(entry.path())
        };
        let walk = walk.into_iter().filter_entry(move |entry| entry.depth() == 0 || !is_left_out(entry));
        Box::new(walk.filter_map(move |entry| match entry {
            Ok(entry) => {
                let entry = self.is_file(&entry).then(|| Entry {
                    relative: below(&names, entry.path()),
                    path: entry.into_path(),
                    is_named: false,
                })?;
                self.takes(&entry.relative).then_some(Ok(entry))
            }
            Err(error) => {
                let is_ours = error.path().is_none_or(|path| self.is_in_shard(&below(&names, path)));
                is_ours.then(|| Err(walk_error(error)))
            }
        }))
    }

    fn is_in_shard(&self, relative: &Path) -> bool {
        self.shard.is_none_or(|shard| shard.takes(relative))
    }

    fn is_file(&self, entry: &DirEntry) -> bool {
        let kind = entry.file_type();
        if entry.path_is_symlink() && self.links == Links::Skip {
            return false;
        }
        // A link that leads nowhere is worth a word; reading it gives the error.
        kind.is_file() || (kind.is_symlink() && !entry.path().is_dir())
    }
}

/// The path below a root, behind the name that the root has.
fn below((root, name): &(PathBuf, PathBuf), path: &Path) -> PathBuf {
    name.join(path.strip_prefix(root).unwrap_or(path))
}

/// The path as it was listed, without what makes it absolute and what says nothing.
fn as_listed(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir)).collect()
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".") || has_hidden_attribute(entry)
}

#[cfg(windows)]
fn has_hidden_attribute(entry: &DirEntry) -> bool {
    use std::os::windows::fs::MetadataExt;
    const FILE_ATTRIBUTE_HIDDEN: u32 = 2;
    entry.metadata().is_ok_and(|metadata| metadata.file_attributes() & FILE_ATTRIBUTE_HIDDEN != 0)
}

#[cfg(not(windows))]
fn has_hidden_attribute(_: &DirEntry) -> bool {
    false
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    fn tree() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.docx", "b.pdf", ".hidden", "sub/a.docx", "sub/.git/config", "sub/deep/c.docx"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    fn found(walk: &Walk, folder: &tempfile::TempDir) -> Vec<String> {
        let files = walk.files([folder.path().to_owned()]).map(|entry| entry.unwrap().relative);
        let mut names: Vec<_> = files.map(|path| path.to_string_lossy().replace('\\', "/")).collect();
        names.sort();
        names
    }

    #[test]
    fn everything_is_found_unless_left_out() {
        let folder = tree();
        let all = [".hidden", "a.docx", "b.pdf", "sub/.git/config", "sub/a.docx", "sub/deep/c.docx"];
        assert_eq!(found(&Walk::new(), &folder), all);
        let visible = ["a.docx", "b.pdf", "sub/a.docx", "sub/deep/c.docx"];
        assert_eq!(found(&Walk::new().hidden(false), &folder), visible);
        let walk = Walk::new().include("*.docx").unwrap().exclude("deep").unwrap();
        assert_eq!(found(&walk, &folder), ["a.docx", "sub/a.docx"]);
        let walk = Walk::new().sorted(true).one_file_system(true);
        let sorted: Vec<_> = walk.files([folder.path().to_owned()]).map(|entry| entry.unwrap().relative).collect();
        assert_eq!(sorted, all.map(PathBuf::from));
    }

    #[test]
    fn what_was_named_is_found_though_hidden_and_chosen_among_by_globs() {
        let folder = tree();
        let named = |walk: &Walk| walk.files([folder.path().join(".hidden")]).count();
        assert_eq!(named(&Walk::new().hidden(false)), 1);
        assert_eq!(named(&Walk::new().exclude(".*").unwrap()), 0);
    }

    #[test]
    fn shares_are_disjoint_and_together_the_whole() {
        let folder = tree();
        let mut together = Vec::new();
        for index in 0..3 {
            together.extend(found(&Walk::new().shard(Shard::new(index, 3).unwrap()), &folder));
        }
        together.sort();
        assert_eq!(together, found(&Walk::new(), &folder));
    }

    #[test]
    fn listed_files_keep_their_path_and_listed_directories_are_walked() {
        let folder = tree();
        let root = folder.path().to_owned();
        let list = [Ok(root.join("./sub/../a.docx")), Ok(root.join("sub/deep")), Err(Error::limit("x"))];
        let walk = Walk::new();
        let entries: Vec<_> = walk.listed_but(list.into_iter(), |_| false).collect();
        let below = as_listed(&root);
        assert_eq!(entries[0].as_ref().unwrap().relative, below.join("sub/../a.docx"));
        assert_eq!(entries[1].as_ref().unwrap().relative, below.join("sub/deep/c.docx"));
        assert!(entries[2].is_err());
        assert!(below.is_relative() && entries.len() == 3);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_as_chosen() {
        let folder = tree();
        std::os::unix::fs::symlink("a.docx", folder.path().join("file-link")).unwrap();
        std::os::unix::fs::symlink("sub/deep", folder.path().join("tree-link")).unwrap();
        let names = |links| -> BTreeSet<String> { found(&Walk::new().links(links), &folder).into_iter().collect() };
        let [skipped, files, all] = [Links::Skip, Links::Files, Links::All].map(names);
        assert_eq!(files.difference(&skipped).collect::<Vec<_>>(), ["file-link"]);
        assert_eq!(all.difference(&files).collect::<Vec<_>>(), ["tree-link/c.docx"]);
        assert_eq!(skipped.len(), 6);
    }
}
