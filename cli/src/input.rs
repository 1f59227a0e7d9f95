//! From a path of the command line to a source.

use std::io;
use std::path::{Path, PathBuf};

use unlabel_core::{Cleaned, Error, ErrorKind, Limits, Payload, Result, Source};
use unlabel_sinks::remote::ObjectReader;
use unlabel_sinks::{File, FileLabels, PutOptions, is_job_file};

use crate::args::Selection;
use crate::exit::UsageError;
use crate::remote::{Item, Origin};

/// Whether the path means standard input or output.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Whether the path is a file of this program's own, as a killed process or a job leaves behind: no input.
pub(crate) fn is_left_over(path: &Path) -> bool {
    File::is_staged(path) || File::is_journal(path) || File::is_undo_record(path) || is_job_file(path)
}

/// Opens a file with the labels beside it, or reads standard input.
pub(crate) fn open(path: &Path, limits: &Limits) -> Result<Source> {
    if is_stream(path) {
        return Source::read_from(io::stdin().lock(), limits);
    }
    let source = Source::open(path)?;
    let labels = labels(&source).map_err(|error| Error::from(error).for_path(path))?;
    Ok(source.with_attached(labels.sites()))
}

/// Sets a file right whose patch was cut off, and says whether there was anything to do.
///
/// # Errors
/// As [`unlabel_sinks::recover`].
pub(crate) fn recover(path: &Path) -> Result<bool> {
    let is_unfinished = unlabel_sinks::is_unfinished(path).map_err(|error| Error::from(error).for_path(path))?;
    if is_unfinished {
        unlabel_sinks::recover(path).map_err(|error| Error::from(error).for_path(path))?;
    }
    Ok(is_unfinished)
}

/// Fails for a file that is neither the old one nor the new one, because a patch of it was cut off or is at work.
pub(crate) fn refuse_unfinished(item: &Item) -> Result<()> {
    let Item::Path(path) = item else { return Ok(()) };
    if is_stream(path) || !unlabel_sinks::is_unfinished(path).map_err(|error| Error::from(error).for_path(path))? {
        return Ok(());
    }
    let words = "a patch of it was cut off, or is at work: see `unlabel recover`";
    Err(Error::new(ErrorKind::Changed, words).for_path(path))
}

/// How to put a result: without the labels beside the bytes that go, and next to the object it was made from.
///
/// # Errors
/// When the attributes of a file cannot be read, or are no longer those that were listed.
pub(crate) fn put_options(cleaned: &Cleaned, reader: Option<&ObjectReader>) -> Result<PutOptions> {
    let mut put = PutOptions::default();
    if let Some(reader) = reader {
        put = reader.put_options(cleaned);
    } else if let Some(source) = cleaned.payload().map(Payload::source) {
        let labels = labels(source)?;
        if labels.sites() != source.attached() {
            return Err(Error::new(ErrorKind::Changed, "the file's attributes changed while it was being treated"));
        }
        put.file_attributes = labels.without(cleaned.detached());
    }
    Ok(put)
}

/// The labels beside the file that a source is.
fn labels(source: &Source) -> unlabel_sinks::Result<FileLabels> {
    source.file().map_or_else(|| Ok(FileLabels::default()), FileLabels::of)
}

/// Fails when standard input is wanted twice.
pub(crate) fn check(paths: &[PathBuf], selection: &Selection, label_files: &[PathBuf]) -> Result<(), UsageError> {
    let wanted = |paths: &[PathBuf]| paths.iter().filter(|path| is_stream(path)).count();
    let lists = selection.lists().filter(|(path, _)| is_stream(path)).count();
    match (wanted(paths) + lists, wanted(label_files)) {
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
        None => unlabel_core::batch::available(),
    }
}

/// What stands before the words why a file is left out for its length.
pub(crate) const TOO_LARGE: &str = "size";

/// Why a file is left out before it is opened, if it is longer than wanted.
pub(crate) fn too_large(item: &Item, max_size: Option<u64>) -> Option<String> {
    let (Item::Path(path), Some(_)) = (item, max_size) else { return None };
    if is_stream(path) {
        return None;
    }
    larger_than(std::fs::metadata(path).ok()?.len(), max_size)
}

/// Why a file of `len` bytes is left out, if that is more than wanted.
pub(crate) fn larger_than(len: u64, max_size: Option<u64>) -> Option<String> {
    let most = max_size.filter(|most| len > *most)?;
    Some(format!("{len} bytes are more than the {most} of --max-size"))
}
