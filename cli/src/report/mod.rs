//! Reports: for people, and as JSON Lines for programs.

mod human;
mod json;

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use unlabel_core::{Outcome, Report};
use unlabel_sinks::{Committed, Receipt};

use crate::text::Paint;

pub(crate) use human::reason_after;
pub(crate) use json::{PathField, file as json_file, line as json_line};

/// What became of one file, and what was written for it.
#[derive(Debug)]
pub(crate) struct FileReport {
    /// The input as it was named or found.
    pub(crate) path: PathBuf,
    /// What the core says of it, corrected where delivery failed.
    pub(crate) report: Report,
    /// Bytes that were written or copied to deliver the result.
    pub(crate) bytes_written: u64,
    /// Where the result is, if there is one; the first place where there are several.
    pub(crate) output: Option<PathBuf>,
    /// What happened at each destination, where that is more than one, or more than writing a file.
    pub(crate) deliveries: Vec<Delivered>,
    /// Whether the result was made now, if there is one.
    pub(crate) committed: Option<Committed>,
    /// The digest of the result, where it was asked for.
    pub(crate) digest: Option<String>,
    /// From when the file was begun to when all was done.
    pub(crate) elapsed: Duration,
}

impl FileReport {
    /// The report on a file that is delivered nowhere.
    pub(crate) fn new(path: PathBuf, report: Report) -> Self {
        Self {
            path,
            report,
            bytes_written: 0,
            output: None,
            deliveries: Vec::new(),
            committed: None,
            digest: None,
            elapsed: Duration::ZERO,
        }
    }
}

/// What happened at one destination.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) to: PathBuf,
    pub(crate) result: unlabel_sinks::Result<Receipt>,
}

impl Delivered {
    pub(crate) fn new(to: PathBuf, result: unlabel_sinks::Result<Receipt>) -> Self {
        Self { to, result }
    }
}

/// Counts over all files; they add up to `files`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: usize,
    outcomes: [usize; Outcome::COUNT],
    pub(crate) bytes_in: u64,
    pub(crate) bytes_written: u64,
    /// How many of the files an earlier run finished.
    pub(crate) resumed: usize,
}

impl Totals {
    fn add(&mut self, file: &FileReport) {
        self.count(file.report.outcome, file.report.bytes_in, file.bytes_written);
    }

    /// Counts a file.
    pub(crate) fn count(&mut self, outcome: Outcome, bytes_in: u64, bytes_written: u64) {
        self.files += 1;
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count += 1;
        }
        self.bytes_in = self.bytes_in.saturating_add(bytes_in);
        self.bytes_written = self.bytes_written.saturating_add(bytes_written);
    }

    pub(crate) fn of(&self, outcome: Outcome) -> usize {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }

    /// Whether nothing that was asked for is left anywhere.
    pub(crate) fn is_success(&self) -> bool {
        Outcome::ALL.into_iter().filter(|outcome| outcome.is_success()).map(|outcome| self.of(outcome)).sum::<usize>()
            == self.files
    }
}

/// How a report is printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) dry_run: bool,
}

/// Prints one report per file and a summary.
///
/// Each report is written by one call, so that lines of files that are worked on at the same time never mix.
pub(crate) struct Printer {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    paint_out: Paint,
    paint_err: Paint,
    style: Style,
    totals: Totals,
    /// The file that was reported last.
    last: Option<PathBuf>,
    hints: BTreeSet<String>,
    started: Instant,
}

impl Printer {
    /// Data goes to standard output and words of trouble to standard error; all to the latter when the former takes
    /// the file itself.
    pub(crate) fn new(style: Style, is_filter: bool) -> Self {
        let (out, paint_out): (Box<dyn Write + Send>, _) = if is_filter {
            (Box::new(io::stderr()), Paint::on(&io::stderr()))
        } else {
            (Box::new(io::stdout()), Paint::on(&io::stdout()))
        };
        Self {
            out,
            err: Box::new(io::stderr()),
            paint_out,
            paint_err: Paint::on(&io::stderr()),
            style,
            totals: Totals::default(),
            last: None,
            hints: BTreeSet::new(),
            started: Instant::now(),
        }
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Counts what an earlier run finished too.
    pub(crate) fn resume(&mut self, mut totals: Totals) {
        totals.resumed = totals.files;
        self.totals = totals;
    }

    /// The report on a file as a line of JSON.
    ///
    /// # Errors
    /// Never, but the serialiser has one.
    pub(crate) fn line(&self, file: &FileReport) -> io::Result<String> {
        json::file(file, self.style.dry_run, None)
    }

    /// The summary as a line of JSON.
    ///
    /// # Errors
    /// As [`line`](Self::line).
    pub(crate) fn summary_line(&self, interrupted: bool) -> io::Result<String> {
        json::summary(&self.totals, self.started.elapsed(), interrupted, self.style.dry_run)
    }

    /// Prints what became of a file.
    ///
    /// # Errors
    /// When the report cannot be written, most often because its reader is gone.
    pub(crate) fn file(&mut self, file: &FileReport) -> io::Result<()> {
        self.totals.add(file);
        self.last = Some(file.path.clone());
        self.hints.extend(file.report.hints.iter().cloned());
        if self.style.json {
            return self.out.write_all(json::file(file, self.style.dry_run, None)?.as_bytes());
        }
        let is_success = file.report.outcome.is_success();
        if is_success && !self.style.quiet {
            self.out.write_all(human::file(file, self.style.dry_run, self.paint_out).as_bytes())
        } else if is_success {
            Ok(())
        } else {
            self.err.write_all(human::file(file, self.style.dry_run, self.paint_err).as_bytes())
        }
    }

    /// Prints the summary and the hints.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub(crate) fn finish(&mut self, interrupted: bool) -> io::Result<()> {
        let elapsed = self.started.elapsed();
        if !self.style.quiet {
            let hints = human::hints(&self.hints, self.paint_err);
            self.err.write_all(hints.as_bytes())?;
        }
        let summary = if self.style.json {
            self.summary_line(interrupted)?
        } else if self.style.quiet {
            return Ok(());
        } else {
            let stopped = interrupted.then(|| self.last.as_deref().unwrap_or(Path::new("")));
            human::summary(&self.totals, elapsed, stopped)
        };
        self.out.write_all(summary.as_bytes())?;
        self.out.flush()
    }
}

/// Milliseconds, for a summary.
pub(crate) fn milliseconds(elapsed: Duration) -> u64 {
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
