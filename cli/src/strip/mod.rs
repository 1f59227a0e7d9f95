//! `unlabel strip`: from paths to engine to sinks, and a report on each file.

mod claims;
mod delivery;
mod destination;
mod group;
mod names;
mod record;
mod stale;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use unlabel_core::batch::{Sequence, Workers};
use unlabel_core::{Cleaned, Engine, Error, ErrorKind, Inside, Label, Limits, Outcome, Report, Source};

use unlabel_sinks::{File, UndoDirectory};

use self::claims::{Claim, Claims};
use self::delivery::{Delivery, Far, Placed, Sent, Uploads};
use self::destination::Target;
pub(crate) use self::destination::{Destinations, Job};
use self::group::{Group, Ready};
use self::record::Record;
use crate::args::Strip;
use crate::exit::{Status, UsageError};
use crate::found;
use crate::input;
use crate::interrupt::Stop;
use crate::progress::Progress;
use crate::remote::{Item, Origin, Remote};
use crate::report::{FileReport, Printer, Style};
use crate::text;

/// Files that may be begun and not yet reported, where reports come in order.
const WINDOW: usize = 1024;

/// Strips the files that the options name.
///
/// # Errors
/// When the options contradict each other, or a label is wrong: before any file is opened.
pub(crate) fn run(options: &Strip) -> Result<Status, UsageError> {
    input::check(&options.paths, &options.selection, &options.label_files)?;
    let labels = labels(options)?;
    let engine = engine(options, &labels)?;
    let remote = Remote::new(&options.network);
    let walk = options.selection.walk(options.ordered)?;
    let origins = found::origins(&options.paths, &options.selection, &remote)?;
    let destinations = Destinations::new(options, &origins, &remote)?;
    let in_place = in_place(options, undo_directory(options, &origins)?);
    destinations.bind(options, &engine.job(), &remote)?;
    let mut record = Record::open(options, &labels)?;
    let (finished, earlier) = record.as_mut().map(Record::take_finished).unwrap_or_default();
    let record_path = record.as_ref().and_then(Record::real_path);

    if let Some(age) = options.clean_stale {
        let mut places = destinations.writes_in(&origins);
        places.extend(options.undo_dir.clone().map(|path| (path, false)));
        stale::clean(&places, age);
    }

    let stop = Stop::on_signals();
    let style = Style { json: options.json, quiet: options.quiet, dry_run: options.dry_run };
    let mut printer = Printer::new(style, destinations.has_stdout());
    printer.resume(earlier);
    let output = Arc::new(Output {
        printer: Mutex::new(printer),
        record: Mutex::new(record),
        progress: Progress::new(input::is_batch(&origins), options.quiet, options.json),
        stop: stop.clone(),
    });
    let shared = Shared::new(&remote);
    let session = Session { engine: &engine, options, shared: &shared, in_place: &in_place };
    let sequence = {
        let output = Arc::clone(&output);
        Sequence::ordered(if options.ordered { WINDOW } else { 0 }, move |file: FileReport| output.print(&file))
    };
    let jobs = destinations.jobs(&origins, &walk, &remote, record_path.as_deref());
    let jobs = jobs.filter(|job| !finished.has(&job.item.shown()));
    Workers::new()
        .jobs(input::jobs(options.jobs, &origins))
        .cancel(stop.cancel())
        .for_each((0_u64..).zip(jobs), |(position, job)| {
            let slot = sequence.try_admit(position).unwrap_or_else(|| shared.wait(|| sequence.admit(position)));
            session.file(job, move |report| slot.put(report));
        })
        .map_err(|error| UsageError::new(error.to_string()))?;
    shared.finish()?;

    output.progress.finish();
    let mut printer = output.printer.lock().unwrap_or_else(PoisonError::into_inner);
    let is_recorded = output.end_record(&printer);
    let is_heard = printer.finish(stop.is_interrupted()).is_ok() && is_recorded;
    Ok(if let Some(status) = stop.status() {
        status
    } else if is_heard && printer.totals().is_success() {
        Status::Success
    } else {
        Status::SomeFailed
    })
}

/// What writes files in place, as the options say.
pub(crate) fn in_place(options: &Strip, undo: Option<UndoDirectory>) -> File {
    let file = File::in_place().break_links(options.break_links).writing(options.write.into()).reusing_journals(true);
    match undo {
        Some(directory) => file.undo_directory(directory),
        None => file,
    }
}

/// The directory that keeps what undoes the changes, made where it is missing; none in a dry run.
///
/// # Errors
/// When files are not changed in place, or not all of them are this machine's; when it cannot be made or is not private.
fn undo_directory(options: &Strip, origins: &[Origin]) -> Result<Option<UndoDirectory>, UsageError> {
    let Some(path) = &options.undo_dir else { return Ok(None) };
    if !options.in_place {
        return Err(UsageError::new("--undo-dir is of use where files are changed: add --in-place, or leave it out"));
    }
    if origins.iter().any(|origin| !matches!(origin, Origin::Path(_) | Origin::List(_))) {
        return Err(UsageError::new("--undo-dir keeps the way back for files of this machine only, not for objects"));
    }
    if options.dry_run {
        return Ok(None);
    }
    UndoDirectory::create(path).map(Some).map_err(|error| UsageError::new(format!("--undo-dir: {error}")))
}

/// The labels of the label files.
fn labels(options: &Strip) -> Result<Vec<Label>, UsageError> {
    let files = options.label_files.iter().map(|file| labels_of(file)).collect::<Result<Vec<_>, _>>()?;
    Ok(files.into_iter().flatten().collect())
}

/// The engine that the options describe, with these labels too.
///
/// # Errors
/// When no label is named, or one is wrong.
pub(crate) fn engine(options: &Strip, labels: &[Label]) -> Result<Engine, UsageError> {
    if options.labels.is_empty() && labels.is_empty() && !options.all {
        return Err(UsageError::new("no label named: add -l KEY, --labels FILE or --all"));
    }
    let mut builder = Engine::builder()
        .labels(labels.iter().cloned())
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
    for rule in &options.keep {
        builder = builder.keep(rule);
    }
    builder.build().map_err(|error| UsageError::new(error.to_string()))
}

/// What decides over the [`engine`] that options and labels make.
pub(crate) fn engine_key(options: &Strip, labels: &[Label]) -> String {
    let Strip { labels: rules, all, keep, ignore_value, layout, proof, .. } = options;
    let Strip { allow_signed, allow_partial, prune_empty, recursive, .. } = options;
    format!(
        "{:?}",
        (labels, rules, all, keep, ignore_value, layout, proof, (allow_signed, allow_partial, prune_empty, recursive))
    )
}

/// The labels of a file in either wire form.
fn labels_of(path: &Path) -> Result<Vec<Label>, UsageError> {
    let failed = |error: &dyn std::fmt::Display| UsageError::new(format!("--labels {}: {error}", text::path(path)));
    let source = input::open(path, &Limits::default()).map_err(|error| failed(&error.reason()))?;
    let words = std::str::from_utf8(source.bytes()).map_err(|error| failed(&error))?;
    Label::parse_json(words).map_err(|error| failed(&error))
}

/// Where reports go, whichever thread has one.
struct Output {
    printer: Mutex<Printer>,
    record: Mutex<Option<Record>>,
    progress: Progress,
    stop: Stop,
}

impl Output {
    fn print(&self, file: &FileReport) {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.record(|| printer.line(file)) {
            // What is not recorded would be done twice: begin no more files.
            self.stop.stop();
        }
        if self.progress.suspend(|| printer.file(file)).is_err() {
            // Nobody reads the report: begin no more files that nobody would hear of.
            self.stop.stop();
        }
        self.progress.advance(&text::path(&file.path));
    }

    /// Ends the record with the summary, and says whether all of it was written.
    fn end_record(&self, printer: &Printer) -> bool {
        self.record(|| printer.summary_line(self.stop.is_interrupted())) && !self.stop.is_broken()
    }

    /// Appends a line to the record, if there is one, and says whether that went well.
    fn record(&self, line: impl FnOnce() -> io::Result<String>) -> bool {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = record.as_mut() else { return true };
        let Err(error) = line().and_then(|line| open.append(&line)) else { return true };
        eprintln!("error: cannot write the record: {error}");
        // A second half of a line would make the first one wrong.
        *record = None;
        self.stop.set_broken();
        false
    }
}

/// What the files of all runs of a process share.
pub(crate) struct Shared<'r> {
    limits: Limits,
    claims: Claims,
    remote: &'r Remote,
    uploads: Uploads,
    group: Group,
}

impl<'r> Shared<'r> {
    pub(crate) fn new(remote: &'r Remote) -> Self {
        let (limits, claims, uploads) = (Limits::default(), Claims::default(), Uploads::default());
        Self { limits, claims, remote, uploads, group: Group::default() }
    }

    /// Commits the last group, and waits for the last upload.
    ///
    /// # Errors
    /// When the network could not be started.
    pub(crate) fn finish(&self) -> Result<(), UsageError> {
        self.commit(self.group.take());
        self.uploads.finish(self.remote)
    }

    /// Does what may wait for other files, which must not wait for their group meanwhile.
    fn wait<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.group.wait(|files| self.commit(files), wait)
    }

    /// Waits until nobody else has the file in hand.
    fn claim(&self, path: &Path) -> Claim {
        self.claims.try_claim(path).unwrap_or_else(|| self.wait(|| self.claims.claim(path)))
    }

    /// Makes files visible and durable, and reports on them.
    fn commit(&self, files: Vec<Ready>) {
        for (delivery, sent, done) in group::commit(files) {
            self.complete(delivery, sent, Vec::new(), done);
        }
    }

    /// Reports on a file, when the last of its results has arrived.
    fn complete(
        &self,
        delivery: Box<Delivery>,
        sent: Sent,
        far: Vec<Far>,
        done: impl FnOnce(FileReport) + Send + 'static,
    ) {
        if far.is_empty() && !delivery.deletes_source() {
            return done(delivery.report(sent));
        }
        self.uploads.begin(self.remote, delivery, sent, far, done);
    }
}

/// What all files of a run share.
#[derive(Clone, Copy)]
pub(crate) struct Session<'o> {
    pub(crate) engine: &'o Engine,
    pub(crate) options: &'o Strip,
    pub(crate) shared: &'o Shared<'o>,
    /// Writes files of this machine in place, where that is wanted.
    pub(crate) in_place: &'o File,
}

/// How far a file came.
enum Step {
    Done(Box<FileReport>),
    /// Some of its results may be to be sent.
    Delivered(Box<Delivery>, Sent, Vec<Far>),
    /// Its results are to be committed with those of others.
    Ready(Box<Delivery>, Vec<(PathBuf, Placed)>, Option<Claim>),
}

impl Session<'_> {
    /// Treats one file. Whatever happens with it is reported to `done`, now or when the last of its results has
    /// arrived.
    pub(crate) fn file(&self, job: Job, done: impl FnOnce(FileReport) + Send + 'static) {
        let path = job.item.shown();
        let began = Instant::now();
        let done = move |mut file: FileReport| {
            file.elapsed = began.elapsed();
            done(file);
        };
        match self.treat(job) {
            Ok(Step::Done(report)) => done(*report),
            Ok(Step::Delivered(delivery, sent, far)) => self.shared.complete(delivery, sent, far, done),
            Ok(Step::Ready(delivery, placed, claim)) => {
                let file = Ready { delivery, placed, claim, done: Box::new(done) };
                self.shared.commit(self.shared.group.add(file));
            }
            Err(error) => done(FileReport::new(path, Report::of_error(&error, 0))),
        }
    }

    fn treat(&self, Job { item, targets }: Job) -> unlabel_core::Result<Step> {
        let targets = targets?;
        if let Some(words) = input::too_large(&item, self.options.selection.max_size) {
            return Ok(skipped(&item, 0, input::TOO_LARGE, &words));
        }
        let is_replaced = !self.options.dry_run && targets.iter().any(|target| matches!(target, Target::InPlace));
        let claim = match &item {
            Item::Path(path) if is_replaced => {
                let claim = self.shared.claim(path);
                input::recover(path)?;
                Some(claim)
            }
            _ => None,
        };
        let opened = self.shared.remote.open(&item, &self.shared.limits)?;
        if !is_replaced {
            input::refuse_unfinished(&item)?;
        }
        let len = opened.source.len();
        if is_job_object(&item, &opened.source) {
            return Ok(skipped(&item, len, "job", "it says which job the results beside it belong to"));
        }
        if let Some(words) = input::larger_than(len, self.options.selection.max_size) {
            return Ok(skipped(&item, len, input::TOO_LARGE, &words));
        }
        let cleaned = match self.strip(opened.source) {
            Ok(cleaned) => cleaned,
            Err(error) => {
                return Ok(Step::Done(Box::new(FileReport::new(item.shown(), Report::of_error(&error, len)))));
            }
        };
        let delivery = Delivery::new(item, opened.reader, cleaned, self.options, self.in_place)?;
        Ok(deliver(delivery, targets, claim))
    }

    /// Runs the engine. A panic in it is a defect of one format: it fails the file, not the batch.
    fn strip(&self, source: Source) -> unlabel_core::Result<Cleaned> {
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.strip(source)));
        result.unwrap_or_else(|_| Err(Error::new(ErrorKind::Unverified, "a defect of this program")))
    }
}

/// Delivers to the places of this machine, or makes that ready.
fn deliver(mut delivery: Delivery, targets: Vec<Target>, claim: Option<Claim>) -> Step {
    // Uploads need the source, and take much longer than a sync.
    let may_wait = !targets.iter().any(|target| matches!(target, Target::Sink { .. }));
    let (mut placed, mut far) = (Vec::new(), Vec::new());
    for target in targets {
        match delivery.near(&target, may_wait) {
            Some(result) => placed.push(result),
            None => far.extend(delivery.far(target)),
        }
    }
    if placed.iter().any(|(_, placed)| matches!(placed, Placed::Waiting(_))) {
        delivery.release();
        return Step::Ready(Box::new(delivery), placed, claim);
    }
    let done = |(to, placed)| match placed {
        Placed::Done(result) => Some((to, result)),
        Placed::Waiting(_) => None,
    };
    Step::Delivered(Box::new(delivery), placed.into_iter().filter_map(done).collect(), far)
}

/// Whether an object is what binds a prefix to a job: no input. Walks leave out files of that kind.
fn is_job_object(item: &Item, source: &Source) -> bool {
    let Item::Object { key, .. } = item else { return false };
    key.rsplit('/').next() == Some(unlabel_sinks::JOB_FILE)
        && source.read(0..source.len()).is_ok_and(|content| unlabel_sinks::is_job(&content))
}

fn skipped(item: &Item, len: u64, code: &'static str, words: &str) -> Step {
    let report = Report::new(Outcome::Skipped, len).because(code, words);
    Step::Done(Box::new(FileReport::new(item.shown(), report)))
}
