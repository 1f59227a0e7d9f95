//! From a path of the command line to a source.

use std::io;
use std::path::{Path, PathBuf};

use unlabel_core::{Limits, Result, Source};

use crate::exit::UsageError;
use crate::remote::Origin;

/// Whether the path means standard input or output.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a file, or reads standard input.
pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Source> {
    if is_stream(path) { Source::read_from(io::stdin().lock(), limits) } else { Source::open(path) }
}

/// Fails when standard input is wanted twice.
pub(crate) fn check(paths: &[PathBuf], label_files: &[PathBuf]) -> Result<(), UsageError> {
    let wanted = |paths: &[PathBuf]| paths.iter().filter(|path| is_stream(path)).count();
    match (wanted(paths), wanted(label_files)) {
        (0, 0 | 1) | (1, 0) => Ok(()),
        (1.., 1..) => Err(UsageError::new(
            "`-` is given as an input and as a label file: standard input can be read once; put the labels in a file",
        )),
        _ => Err(UsageError::new("`-` is given twice: standard input can be read once")),
    }
}

/// Whether the inputs can yield more than one file.
pub(crate) fn is_batch(origins: &[Origin]) -> bool {
    origins.len() > 1 || origins.iter().any(Origin::is_many)
}

/// How many files to work on at a time.
pub(crate) fn jobs(wanted: Option<u16>, origins: &[Origin]) -> usize {
    if !is_batch(origins) {
        return 1;
    }
    match wanted {
        Some(jobs) => usize::from(jobs),
        None => std::thread::available_parallelism().map_or(1, usize::from),
    }
}
