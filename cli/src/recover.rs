//! `unlabel recover`: sets files right whose patch was cut off.

use std::path::Path;

use unlabel_core::batch::{Entry, Walk};
use unlabel_sinks::{File, Recovery};

use crate::args::Recover;
use crate::exit::Status;
use crate::interrupt::Stop;
use crate::tally::Tally;

/// Every outcome, in the order of the summary.
const OUTCOMES: [Recovery; 4] = [Recovery::Restored, Recovery::Completed, Recovery::Dropped, Recovery::Intact];

/// Recovers what the options name: files, and all of a directory's files that have a journal.
pub(crate) fn run(options: &Recover) -> Status {
    let stop = Stop::on_signals();
    let mut tally = Tally::new(&OUTCOMES.map(Recovery::name), options.json, options.quiet);
    let walk = Walk::new().sorted(true);
    let found = walk.files(options.paths.iter().cloned()).filter(is_wanted);
    for file in found.take_while(|_| !stop.is_interrupted()) {
        let (path, result) = match file {
            Ok(entry) => {
                let result = unlabel_sinks::recover(&entry.path).map(Recovery::name);
                (entry.path, result.map_err(|error| error.to_string()))
            }
            Err(error) => (error.path().unwrap_or(Path::new("")).to_owned(), Err(error.reason())),
        };
        if tally.file(&path, &result).is_err() {
            break;
        }
    }
    let is_heard = tally.finish().is_ok();
    if let Some(status) = stop.status() {
        status
    } else if is_heard && tally.is_success() {
        Status::Success
    } else {
        Status::SomeFailed
    }
}

/// A file that was named, and a journal below a directory.
fn is_wanted(found: &unlabel_core::Result<Entry>) -> bool {
    found.as_ref().is_ok_and(|entry| entry.is_named || File::is_journal(&entry.path)) || found.is_err()
}
