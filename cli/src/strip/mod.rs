//! `unlabel strip`: from paths to engine to sinks, and a report on each file.

mod claims;
mod delivery;
mod destination;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use unlabel_core::{Cleaned, Engine, Error, ErrorKind, Inside, Label, Limits, Report, Source, batch};

use self::claims::Claims;
use self::delivery::{Delivery, Sent, Uploads};
use self::destination::{Destinations, Job, Target};
use crate::args::Strip;
use crate::exit::{Status, UsageError};
use crate::input;
use crate::interrupt::Stop;
use crate::progress::Progress;
use crate::remote::{Item, Opened, Remote};
use crate::report::{FileReport, Printer, Style};
use crate::text;

/// Strips the files that the options name.
///
/// # Errors
/// When the options contradict each other, or a label is wrong: before any file is opened.
pub(crate) fn run(options: &Strip) -> Result<Status, UsageError> {
    input::check(&options.paths, &options.label_files)?;
    let engine = engine(options)?;
    let remote = Remote::new(&options.network);
    let origins = options.paths.iter().map(|path| remote.origin(path)).collect::<Result<Vec<_>, _>>()?;
    let destinations = Destinations::new(options, &origins, &remote)?;

    let stop = Stop::on_signals();
    let style = Style { json: options.json, quiet: options.quiet, dry_run: options.dry_run };
    let output = Arc::new(Output {
        printer: Mutex::new(Printer::new(style, destinations.has_stdout())),
        progress: Progress::new(input::is_batch(&origins), options.quiet, options.json),
        stop: stop.clone(),
    });
    let session = Session {
        engine,
        limits: Limits::default(),
        options,
        claims: Claims::default(),
        remote: &remote,
        uploads: Uploads::default(),
        output: Arc::clone(&output),
    };
    let jobs = input::jobs(options.jobs, &origins);
    batch::for_each(destinations.jobs(&origins, &remote), jobs, stop.flag(), |job| session.file(job))
        .map_err(|error| UsageError::new(error.to_string()))?;
    session.uploads.finish(&remote)?;

    output.progress.finish();
    let mut printer = output.printer.lock().unwrap_or_else(PoisonError::into_inner);
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
        .allow_partial(options.allow_partial)
        .prune_empty(options.prune_empty)
        .inside(if options.recursive { Inside::Strip } else { Inside::Report });
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

/// Where reports go, whichever thread has one.
struct Output {
    printer: Mutex<Printer>,
    progress: Progress,
    stop: Stop,
}

impl Output {
    fn print(&self, file: &FileReport) {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.progress.suspend(|| printer.file(file)).is_err() {
            // Nobody reads the report: begin no more files that nobody would hear of.
            self.stop.stop();
        }
        self.progress.advance(&text::path(&file.path));
    }
}

/// What all files of a run share.
struct Session<'o> {
    engine: Engine,
    limits: Limits,
    options: &'o Strip,
    claims: Claims,
    remote: &'o Remote,
    uploads: Uploads,
    output: Arc<Output>,
}

impl Session<'_> {
    /// Treats one file. Whatever happens with it is reported, now or when the last of its results has arrived.
    fn file(&self, job: Job) {
        let path = job.item.shown();
        if let Err(error) = self.treat(job) {
            self.output.print(&FileReport::new(path, Report::of_error(&error, 0)));
        }
    }

    fn treat(&self, Job { item, targets }: Job) -> unlabel_core::Result<()> {
        let targets = targets?;
        let opened = self.remote.open(&item, &self.limits)?;
        let is_replaced = !self.options.dry_run && targets.iter().any(|target| matches!(target, Target::InPlace));
        let (opened, _claim) = match &item {
            Item::Path(path) if is_replaced => {
                let (source, claim) = self.claims.claim(path, opened.source)?;
                (Opened { source, reader: None }, Some(claim))
            }
            _ => (opened, None),
        };
        let cleaned = match self.strip(opened.source.clone()) {
            Ok(cleaned) => cleaned,
            Err(error) => {
                let report = Report::of_error(&error, opened.source.len());
                self.output.print(&FileReport::new(item.shown(), report));
                return Ok(());
            }
        };
        let delivery = Delivery::new(item, opened.reader, cleaned, self.options)?;
        let mut sent = Sent::default();
        let mut far = Vec::new();
        for target in targets {
            match delivery.near(&target) {
                Some(done) => sent.push(done),
                None => far.extend(delivery.far(target)),
            }
        }
        if far.is_empty() && !self.options.delete_source {
            self.output.print(&delivery.report(sent));
            return Ok(());
        }
        let output = Arc::clone(&self.output);
        self.uploads.begin(self.remote, delivery, sent, far, move |report| output.print(&report))
    }

    /// Runs the engine. A panic in it is a defect of one format: it fails the file, not the batch.
    fn strip(&self, source: Source) -> unlabel_core::Result<Cleaned> {
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.strip(source)));
        result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unverified, "a defect of this program")))
    }
}
