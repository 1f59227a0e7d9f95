//! `unlabel strip`: from paths to engine to sink, and a report on each file.

mod claims;
mod destination;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use unlabel_core::{
    Engine, Error, ErrorKind, Label, Limits, Outcome, Payload, Report, Source, Status as LabelStatus, batch,
};
use unlabel_sinks::{File, PutOptions, Receipt, Sink, Stdout};

use self::claims::Claims;
use self::destination::{Destination, Job, Target};
use crate::args::Strip;
use crate::exit::{Status, UsageError};
use crate::input;
use crate::interrupt::Stop;
use crate::progress::Progress;
use crate::report::{FileReport, Printer, Style};
use crate::text;

/// Strips the files that the options name.
///
/// # Errors
/// When the options contradict each other, or a label is wrong: before any file is opened.
pub(crate) fn run(options: &Strip) -> Result<Status, UsageError> {
    input::check(&options.paths, &options.label_files)?;
    let destination = Destination::new(options)?;
    let session = Session { engine: engine(options)?, limits: Limits::default(), options, claims: Claims::default() };

    let stop = Stop::on_signals();
    let style = Style { json: options.json, quiet: options.quiet, dry_run: options.dry_run };
    let printer = Mutex::new(Printer::new(style, destination.is_stdout()));
    let progress = Progress::new(input::is_batch(&options.paths), options.quiet, options.json);
    let print = |file: &FileReport| {
        let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.suspend(|| printer.file(file)).is_err() {
            // Nobody reads the report: begin no more files that nobody would hear of.
            stop.stop();
        }
        progress.advance(&text::path(&file.path));
    };
    let jobs = input::jobs(options.jobs, &options.paths);
    batch::for_each(destination.jobs(&options.paths), jobs, stop.flag(), |job| print(&session.file(job)))
        .map_err(|error| UsageError::new(error.to_string()))?;

    progress.finish();
    let mut printer = printer.into_inner().unwrap_or_else(PoisonError::into_inner);
    let is_heard = printer.finish(stop.is_interrupted()).is_ok();
    Ok(if stop.is_interrupted() {
        Status::Interrupted
    } else if is_heard && printer.totals().is_success() {
        Status::Success
    } else {
        Status::SomeFailed
    })
}

fn engine(options: &Strip) -> Result<Engine, UsageError> {
    if options.labels.is_empty() && options.label_files.is_empty() && !options.all {
        return Err(UsageError::new("no label named: add -l KEY, --labels FILE or --all"));
    }
    let mut builder = Engine::builder()
        .all(options.all)
        .ignore_value(options.ignore_value)
        .layout(options.layout.into())
        .proof(options.proof.into())
        .allow_signed(options.allow_signed)
        .allow_partial(options.allow_partial);
    for rule in &options.labels {
        builder = builder.label(rule);
    }
    for file in &options.label_files {
        builder = builder.labels(labels(file)?);
    }
    for rule in &options.keep {
        builder = builder.keep(rule);
    }
    builder.build().map_err(|error| UsageError::new(error.to_string()))
}

/// The labels of a file in either wire form.
fn labels(path: &Path) -> Result<Vec<Label>, UsageError> {
    let failed = |error: &dyn std::fmt::Display| UsageError::new(format!("--labels {}: {error}", text::path(path)));
    let source = input::open(path, &Limits::default()).map_err(|error| failed(&error.reason()))?;
    let words = std::str::from_utf8(source.bytes()).map_err(|error| failed(&error))?;
    Label::parse_json(words).map_err(|error| failed(&error))
}

/// What all files of a run share.
struct Session<'o> {
    engine: Engine,
    limits: Limits,
    options: &'o Strip,
    claims: Claims,
}

impl Session<'_> {
    /// Treats one file. Whatever happens with it is in the report.
    fn file(&self, job: Job) -> FileReport {
        let Job { path, target } = job;
        let failed = |report| FileReport { path: path.clone(), report, bytes_written: 0, output: None };
        let target = match target {
            Ok(target) => target,
            Err(error) => return failed(Report::of_error(&error, 0)),
        };
        let source = match input::open(&path, &self.limits) {
            Ok(source) => source,
            Err(error) => return failed(Report::of_error(&error, 0)),
        };
        let (source, _claim) = match target {
            Target::InPlace if !self.options.dry_run => match self.claims.claim(&path, source) {
                Ok((source, claim)) => (source, Some(claim)),
                Err(error) => return failed(Report::of_error(&error, 0)),
            },
            _ => (source, None),
        };
        let (mut report, payload) = self.strip(source);
        let Some(payload) = payload else { return failed(report) };
        match self.deliver(&target, &payload) {
            Ok(receipt) => {
                let output = target.output(&path, report.outcome == Outcome::Clean).filter(|_| !self.options.dry_run);
                FileReport { bytes_written: receipt.bytes_written, output, report, path }
            }
            Err(error) => {
                undelivered(&mut report, &error);
                failed(report)
            }
        }
    }

    /// Runs the engine. A panic in it is a defect of one format: it fails the file, not the batch.
    fn strip(&self, source: Source) -> (Report, Option<Payload>) {
        let bytes_in = source.len();
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.strip(source)));
        let result = result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unverified, "a defect of this program")));
        match result {
            Ok(cleaned) => cleaned.into_parts(),
            Err(error) => (Report::of_error(&error, bytes_in), None),
        }
    }

    /// Writes the result; in a dry run only looks whether it could be begun.
    fn deliver(&self, target: &Target, payload: &Payload) -> unlabel_sinks::Result<Receipt> {
        let options = PutOptions::default();
        let file = match target {
            Target::InPlace => File::in_place().break_links(self.options.break_links),
            Target::File(path) => File::at(path),
            Target::Stdout if !self.options.dry_run => return put(&Stdout::new(), payload, &options),
            Target::Stdout | Target::Nowhere => return Ok(nothing_written()),
        };
        if self.options.dry_run {
            return file.check("", payload, &options).map(|()| nothing_written());
        }
        put(&file, payload, &options)
    }
}

/// The sinks of the command know where they write: they need no name.
fn put(sink: &dyn Sink, payload: &Payload, options: &PutOptions) -> unlabel_sinks::Result<Receipt> {
    futures_executor::block_on(sink.put("", payload, options))
}

fn nothing_written() -> Receipt {
    Receipt::new("", 0)
}

/// Corrects the report of a result that is not where it should be: nothing was removed for anybody to see.
fn undelivered(report: &mut Report, error: &unlabel_sinks::Error) {
    let is_policy = error.kind() == unlabel_sinks::ErrorKind::Linked;
    report.outcome = if is_policy { Outcome::Refused } else { Outcome::Failed };
    let advice = if is_policy { " (--break-links, or --to)" } else { "" };
    report.reason = Some(format!("{}: {error}{advice}", error.kind().name()));
    report.bytes_out = report.bytes_in;
    for label in report.labels.iter_mut().filter(|label| label.status == LabelStatus::Removed) {
        label.status = LabelStatus::Refused;
    }
}

/// Where a delivered result is.
impl Target {
    fn output(&self, path: &Path, is_clean: bool) -> Option<PathBuf> {
        match self {
            // Not written: it is where it was.
            Self::InPlace if is_clean => None,
            Self::InPlace => Some(path.to_owned()),
            Self::Stdout => Some("-".into()),
            Self::File(output) => Some(output.clone()),
            Self::Nowhere => None,
        }
    }
}
