//! Removes staged files of killed runs where results are written.

use std::path::{Path, PathBuf};
use std::time::Duration;

use unlabel_core::batch::Walk;
use unlabel_sinks::File;

use crate::text;

/// Cleans directories; of those that say so, everything below too. What cannot be cleaned is said and left.
pub(super) fn clean(directories: &[(PathBuf, bool)], age: Duration) {
    let walk = Walk::new();
    let mut removed = 0;
    let mut remove = |path: &Path| match File::remove_stale(path, age) {
        Ok(is_removed) => removed += usize::from(is_removed),
        Err(error) => eprintln!("warning: {error}"),
    };
    for (directory, is_deep) in directories {
        if *is_deep && directory.exists() {
            // A directory that cannot be read will be an error of the run itself.
            walk.files([directory.clone()]).filter_map(Result::ok).for_each(|entry| remove(&entry.path));
        } else if let Ok(entries) = std::fs::read_dir(directory) {
            entries.filter_map(Result::ok).for_each(|entry| remove(&entry.path()));
        }
    }
    if removed > 0 {
        eprintln!("removed {} that killed runs left behind", text::count(removed, "staged file"));
    }
}
