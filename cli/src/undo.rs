//! `unlabel undo`: makes files what they were, from the reverse patches that `strip --undo-dir` kept.

use std::path::{Path, PathBuf};

use unlabel_sinks::{File, Result, UndoDirectory, UndoRecord, Undone};

use crate::args::Undo;
use crate::exit::{Status, UsageError};
use crate::interrupt::Stop;
use crate::tally::Tally;
use crate::text;

/// The outcome of a file of which nothing was kept, or not any more.
const UNRECORDED: &str = "unrecorded";

/// Every outcome, in the order of the summary.
const OUTCOMES: [&str; 3] = ["restored", "intact", UNRECORDED];

/// What is to be undone.
enum Wanted {
    /// A record, where its file is below this directory, if below any.
    Record(Result<PathBuf>, Option<PathBuf>),
    /// A file that was named, and has no record.
    Unrecorded(PathBuf),
}

/// A file, and its outcome or why there is none.
type Line = (PathBuf, std::result::Result<&'static str, String>);

/// Undoes what the options name.
///
/// # Errors
/// When the undo directory is missing, or cannot be trusted.
pub(crate) fn run(options: &Undo) -> std::result::Result<Status, UsageError> {
    let failed = |error: unlabel_sinks::Error| UsageError::new(format!("--undo-dir: {error}"));
    let directory = options.directory.as_ref().map(UndoDirectory::open).transpose().map_err(failed)?;
    if directory.is_none() && options.paths.is_empty() {
        return Err(UsageError::new("nothing to undo: add --undo-dir DIR, the directory that `strip` was given"));
    }
    let wanted = wanted(options, directory.as_ref())?;

    let stop = Stop::on_signals();
    let mut tally = Tally::new(&OUTCOMES, options.json, options.quiet);
    for wanted in wanted.take_while(|_| !stop.is_interrupted()) {
        let undone = match wanted {
            Wanted::Record(record, below) => undo(record, below.as_deref(), options.keep),
            Wanted::Unrecorded(path) => {
                let found = path.symlink_metadata().map(|_| UNRECORDED);
                Some((path, found.map_err(|error| error.to_string())))
            }
        };
        let Some((path, result)) = undone else { continue };
        if tally.file(&path, &result).is_err() {
            break;
        }
    }
    let is_heard = tally.finish().is_ok();
    Ok(if let Some(status) = stop.status() {
        status
    } else if is_heard && tally.is_success() {
        Status::Success
    } else {
        Status::SomeFailed
    })
}

/// The records of the files that are named, or all.
fn wanted(
    options: &Undo,
    directory: Option<&UndoDirectory>,
) -> std::result::Result<Box<dyn Iterator<Item = Wanted>>, UsageError> {
    let all = |directory: &UndoDirectory, below: Option<PathBuf>| {
        let records = directory.records().map_err(|error| UsageError::new(format!("--undo-dir: {error}")))?;
        Ok(records.map(move |record| Wanted::Record(record, below.clone())))
    };
    let mut wanted: Box<dyn Iterator<Item = Wanted>> = Box::new(std::iter::empty());
    if let Some(directory) = directory.filter(|_| options.paths.is_empty()) {
        wanted = Box::new(all(directory, None)?);
    }
    for path in &options.paths {
        wanted = match directory {
            _ if File::is_undo_record(path) => Box::new(wanted.chain([Wanted::Record(Ok(path.clone()), None)])),
            Some(directory) if path.is_dir() => {
                let below = std::fs::canonicalize(path).unwrap_or_else(|_| path.clone());
                Box::new(wanted.chain(all(directory, Some(below))?))
            }
            Some(directory) => {
                let records = directory.records_of(path).into_iter();
                let mut records: Vec<_> = records.map(|record| Wanted::Record(Ok(record), None)).collect();
                if records.is_empty() {
                    records.push(Wanted::Unrecorded(path.clone()));
                }
                Box::new(wanted.chain(records))
            }
            None => {
                let words = format!("{} is no reverse patch: add --undo-dir, where they are", text::path(path));
                return Err(UsageError::new(words));
            }
        };
    }
    Ok(wanted)
}

/// Undoes one change, and says of which file; none where that is not wanted, or was done meanwhile.
fn undo(record: Result<PathBuf>, below: Option<&Path>, keep: bool) -> Option<Line> {
    let path = match record {
        Ok(path) => path,
        Err(error) => return Some((PathBuf::new(), Err(error.to_string()))),
    };
    let record = match UndoRecord::open(&path) {
        Ok(record) => record,
        Err(_) if path.symlink_metadata().is_err() => return None,
        Err(error) => return Some((path, Err(error.to_string()))),
    };
    let target = record.target().to_owned();
    if below.is_some_and(|below| !target.starts_with(below)) {
        return None;
    }
    let undone = record.undo().and_then(|undone| if keep { Ok(undone) } else { record.remove().map(|()| undone) });
    Some((target, undone.map(Undone::name).map_err(|error| error.to_string())))
}
