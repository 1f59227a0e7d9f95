//! `unlabel list`: the labels that files carry.

mod print;

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use unlabel_core::batch::Workers;
use unlabel_core::{ErrorKind, Kind, Limits, ListedLabel, Listing, Result};

use self::print::Totals;
use crate::args::List;
use crate::exit::{Status, UsageError};
use crate::found::{self, Found};
use crate::input;
use crate::interrupt::Stop;
use crate::remote::{Item, Remote};
use crate::text::Paint;

/// Listings that may be ready before the oldest unfinished one.
const WINDOW: usize = 256;

/// Lists the files that the options name, in their order, whoever is done first.
///
/// # Errors
/// When standard input is named twice, or an option is wrong.
pub(crate) fn run(options: &List) -> Result<Status, UsageError> {
    input::check(&options.paths, &options.selection, &[])?;
    let remote = Remote::new(&options.network);
    let walk = options.selection.walk(true)?;
    let origins = found::origins(&options.paths, &options.selection, &remote)?;
    let stop = Stop::on_signals();
    let mut printer = Printer::new();
    let paint = Paint::on(&io::stdout());
    let work = |Found { item, relative }: Found| {
        let listing = relative.and_then(|_| list(&item, &remote, options.selection.max_size));
        Printed::new(&item.shown(), listing, options, paint)
    };
    let see = |printed: io::Result<Printed>| {
        if printed.and_then(|printed| printer.print(printed)).is_err() {
            stop.stop();
        }
    };
    let files = origins.iter().flat_map(|origin| found::files(origin, &walk, &remote, input::is_left_over));
    Workers::new()
        .jobs(input::jobs(None, &origins))
        .ordered(WINDOW)
        .cancel(stop.cancel())
        .run(files, work, see)
        .map_err(|error| UsageError::new(error.to_string()))?;

    let _ = printer.finish(options);
    let totals = &printer.totals;
    // A reader that went away has seen what it wanted.
    let status = if totals.unsupported + totals.failed > 0 { Status::SomeFailed } else { Status::Success };
    Ok(stop.status().unwrap_or(status))
}

/// The listing of one file for programs, as the answer to the request `id`.
///
/// # Errors
/// Never, but the serialiser has one.
pub(crate) fn line(item: &Item, remote: &Remote, all_kinds: bool, id: &serde_json::Value) -> io::Result<String> {
    match list(item, remote, None) {
        Ok(Listed::Labels(listing)) => print::json(&item.shown(), &listing, &labels(&listing, all_kinds), Some(id)),
        Ok(Listed::Skipped(reason)) => print::json_unlisted(&item.shown(), "skipped", None, Some(reason), Some(id)),
        Err(error) => print::json_trouble(&item.shown(), outcome(&error), &error, Some(id)),
    }
}

fn labels(listing: &Listing, all_kinds: bool) -> Vec<ListedLabel<'_>> {
    listing.labels(|kind| all_kinds || kind == Kind::Custom)
}

fn outcome(error: &unlabel_core::Error) -> &'static str {
    if error.kind() == ErrorKind::Unsupported { "unsupported" } else { "failed" }
}

/// What of a file is listed: nothing where it is larger than wanted.
enum Listed {
    Labels(Listing),
    Skipped(String),
}

fn list(item: &Item, remote: &Remote, max_size: Option<u64>) -> Result<Listed> {
    let limits = Limits::default();
    let skipped = |words: String| Listed::Skipped(format!("{}: {words}", input::TOO_LARGE));
    if let Some(words) = input::too_large(item, max_size) {
        return Ok(skipped(words));
    }
    let opened = remote.open(item, &limits)?;
    input::refuse_unfinished(item)?;
    if let Some(words) = input::larger_than(opened.source.len(), max_size) {
        return Ok(skipped(words));
    }
    unlabel_core::list(&opened.source, &limits).map(Listed::Labels)
}

/// One file's listing, ready to be written.
struct Printed {
    out: String,
    err: String,
    totals: Totals,
}

impl Printed {
    fn new(path: &Path, listing: Result<Listed>, options: &List, paint: Paint) -> io::Result<Self> {
        let mut totals = Totals { files: 1, ..Totals::default() };
        let (mut out, mut err) = (String::new(), String::new());
        match listing {
            Ok(Listed::Skipped(reason)) => {
                totals.skipped = 1;
                if options.json {
                    out = print::json_unlisted(path, "skipped", None, Some(reason), None)?;
                } else {
                    err = print::skipped(path, &reason);
                }
            }
            Ok(Listed::Labels(listing)) => {
                let labels = labels(&listing, options.all_kinds);
                totals.labels = labels.len();
                out = if options.json {
                    print::json(path, &listing, &labels, None)?
                } else {
                    print::table(path, &listing, &labels, paint)
                };
            }
            Err(error) => {
                let outcome = outcome(&error);
                let count = if outcome == "unsupported" { &mut totals.unsupported } else { &mut totals.failed };
                *count = 1;
                if options.json {
                    out = print::json_trouble(path, outcome, &error, None)?;
                } else {
                    err = print::trouble(path, outcome, &error);
                }
            }
        }
        Ok(Self { out, err, totals })
    }
}

/// Writes listings, and counts.
struct Printer {
    totals: Totals,
    started: Instant,
}

impl Printer {
    fn new() -> Self {
        Self { totals: Totals::default(), started: Instant::now() }
    }

    fn print(&mut self, Printed { out, err, totals }: Printed) -> io::Result<()> {
        self.totals.files += totals.files;
        self.totals.labels += totals.labels;
        self.totals.skipped += totals.skipped;
        self.totals.unsupported += totals.unsupported;
        self.totals.failed += totals.failed;
        io::stdout().write_all(out.as_bytes())?;
        io::stderr().write_all(err.as_bytes())
    }

    fn finish(&mut self, options: &List) -> io::Result<()> {
        let mut out = io::stdout();
        if options.json {
            out.write_all(print::json_summary(&self.totals, self.started.elapsed())?.as_bytes())?;
        } else if !options.quiet {
            out.write_all(print::summary(&self.totals).as_bytes())?;
        }
        out.flush()
    }
}
