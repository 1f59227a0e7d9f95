//! Which relative paths are wanted.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::error::{Error, ErrorKind, Result};

/// Globs that take files in, and globs that leave files out.
#[derive(Clone, Debug, Default)]
pub(super) struct Globs {
    include: Set,
    exclude: Set,
}

/// Globs of one kind; the compiled set is made anew with each, because their number is that of options.
#[derive(Clone, Debug, Default)]
struct Set {
    patterns: Vec<String>,
    compiled: GlobSet,
}

impl Globs {
    pub(super) fn include(&mut self, glob: &str) -> Result<()> {
        self.include.add(glob)
    }

    pub(super) fn exclude(&mut self, glob: &str) -> Result<()> {
        self.exclude.add(glob)
    }

    /// Whether the file is wanted.
    pub(super) fn take(&self, relative: &Path) -> bool {
        (self.include.patterns.is_empty() || self.include.reach(relative)) && !self.exclude.reach(relative)
    }

    /// Whether everything at and below the directory is left out, so that it need not be read.
    pub(super) fn prune(&self, relative: &Path) -> bool {
        self.exclude.compiled.is_match(relative)
    }
}

impl Set {
    fn add(&mut self, glob: &str) -> Result<()> {
        let wrong =
            |error: &globset::Error| Error::new(ErrorKind::Usage, format!("the glob `{glob}`: {}", error.kind()));
        let trimmed = glob.strip_suffix('/').unwrap_or(glob);
        if trimmed.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "a glob is empty"));
        }
        let pattern = match trimmed.strip_prefix('/') {
            Some(anchored) => anchored.to_owned(),
            None if trimmed.contains('/') => trimmed.to_owned(),
            None => format!("**/{trimmed}"),
        };
        self.patterns.push(pattern);
        let mut set = GlobSetBuilder::new();
        for pattern in &self.patterns {
            let glob = GlobBuilder::new(pattern).literal_separator(true).case_insensitive(cfg!(windows)).build();
            set.add(glob.map_err(|error| wrong(&error))?);
        }
        self.compiled = set.build().map_err(|error| wrong(&error))?;
        Ok(())
    }

    /// Whether a glob matches the path or a directory above it.
    fn reach(&self, relative: &Path) -> bool {
        let mut above = relative.ancestors().filter(|path| !path.as_os_str().is_empty());
        !self.patterns.is_empty() && above.any(|path| self.compiled.is_match(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(include: &[&str], exclude: &[&str], path: &str) -> bool {
        let mut globs = Globs::default();
        for glob in include {
            globs.include(glob).unwrap();
        }
        for glob in exclude {
            globs.exclude(glob).unwrap();
        }
        globs.take(Path::new(path))
    }

    #[test]
    fn a_glob_without_a_slash_is_of_a_name_and_one_with_is_of_the_path() {
        assert!(taken(&["*.docx"], &[], "a/b/c.docx"));
        assert!(!taken(&["*.docx"], &[], "a/b/c.pdf"));
        assert!(taken(&["a/*.docx"], &[], "a/c.docx"));
        assert!(!taken(&["a/*.docx"], &[], "a/b/c.docx"), "a star does not cross a slash");
        assert!(!taken(&["a/*.docx"], &[], "x/a/c.docx"), "the whole path is meant");
        assert!(taken(&["a/**/*.docx"], &[], "a/b/b/c.docx"));
        assert!(taken(&["/c.docx"], &[], "c.docx"));
        assert!(!taken(&["/c.docx"], &[], "a/c.docx"));
        assert!(taken(&["*.{docx,pdf}"], &[], "c.pdf"));
    }

    #[test]
    fn a_directory_stands_for_everything_below_it_and_exclusion_wins() {
        assert!(taken(&["a"], &[], "a/b/c.docx"));
        for exclude in ["b", "b/", "a/b", "**/b/**"] {
            assert!(!taken(&[], &[exclude], "a/b/c.docx"), "{exclude}");
            assert!(taken(&[], &[exclude], "a/c.docx"), "{exclude}");
        }
        assert!(!taken(&["*.docx"], &["draft*"], "a/draft.docx"));
    }

    #[test]
    fn a_wrong_glob_is_named() {
        let error = Globs::default().include("a[").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.reason().contains("`a[`"), "{error}");
        assert!(Globs::default().exclude("/").is_err());
    }
}
