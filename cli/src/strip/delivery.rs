//! One cleaned file on its way to its destinations: near ones at once, those across a network together.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unlabel_core::{Cleaned, Error, ErrorKind, Outcome, Payload, Report, Snapshot};
use unlabel_sinks::remote::ObjectReader;
use unlabel_sinks::{Committed, File, Prepared, PutOptions, Receipt, Sink, Stdout};

use super::destination::Target;
use crate::args::{IfExists, Strip, Sync};
use crate::exit::UsageError;
use crate::input::put_options;
use crate::remote::{Item, Remote};
use crate::report::{Delivered, FileReport};

/// A file that was treated, and what is to be done with the result.
pub(super) struct Delivery {
    item: Item,
    reader: Option<Arc<ObjectReader>>,
    report: Report,
    payload: Option<Payload>,
    /// The source as it was, where it is to be removed.
    original: Option<Snapshot>,
    options: PutOptions,
    dry_run: bool,
    in_place: File,
    sync: Sync,
    delete_source: bool,
    if_exists: IfExists,
    digest: Option<String>,
}

/// What happened at each destination.
pub(super) type Sent = Vec<(PathBuf, unlabel_sinks::Result<Receipt>)>;

/// A result at a place of this machine.
pub(super) enum Placed {
    Done(unlabel_sinks::Result<Receipt>),
    /// Ready, and to be committed with others.
    Waiting(Prepared),
}

/// A destination across a network.
pub(super) struct Far {
    sink: Arc<dyn Sink>,
    name: String,
    options: PutOptions,
}

impl Delivery {
    /// # Errors
    /// As [`put_options`].
    pub(super) fn new(
        item: Item,
        reader: Option<Arc<ObjectReader>>,
        cleaned: Cleaned,
        options: &Strip,
        in_place: &File,
    ) -> unlabel_core::Result<Self> {
        let put = put_options(&cleaned, reader.as_deref())?.create_only(options.if_exists != IfExists::Overwrite);
        let cleaned = if options.has_rows() { cleaned.digest_plan() } else { cleaned };
        let (report, payload) = cleaned.into_parts();
        let digest = payload.as_ref().filter(|_| options.digest).map(Payload::digest).transpose()?;
        let source = payload.as_ref().filter(|_| options.delete_source).map(Payload::source);
        Ok(Self {
            item,
            reader,
            report,
            original: source.and_then(unlabel_core::Source::snapshot),
            payload,
            options: put,
            dry_run: options.dry_run,
            in_place: in_place.clone(),
            sync: options.sync,
            delete_source: options.delete_source,
            if_exists: options.if_exists,
            digest,
        })
    }

    fn is_clean(&self) -> bool {
        self.report.outcome == Outcome::Clean
    }

    /// Delivers to a place of this machine, or looks, in a dry run, whether it could be begun. None where the
    /// destination is across a network, or there is nothing to deliver. What `may_wait` is made ready only, where files
    /// are synced together.
    pub(super) fn near(&self, target: &Target, may_wait: bool) -> Option<(PathBuf, Placed)> {
        let payload = self.payload.as_ref()?;
        let (file, output) = match (target, &self.item) {
            (Target::InPlace, Item::Path(path)) => {
                (self.in_place.clone(), if self.is_clean() { PathBuf::new() } else { path.clone() })
            }
            (Target::File(path), _) => (File::at(path), path.clone()),
            (Target::Stdout, _) if self.dry_run => return None,
            (Target::Stdout, _) => {
                // A remote source is read by ranges: on this thread, which may block.
                return Some(("-".into(), Placed::Done(put(&Stdout::new(), payload, &self.options))));
            }
            (Target::Sink { .. } | Target::InPlace, _) => return None,
        };
        if self.dry_run {
            let checked = file.check("", payload, &self.options);
            return Some((PathBuf::new(), Placed::Done(checked.map(|()| Receipt::new("", 0)))));
        }
        if self.sync != Sync::Batch || !may_wait {
            return Some((output, Placed::Done(put(&file.synced(self.sync != Sync::None), payload, &self.options))));
        }
        let placed = match file.prepare("", payload, &self.options) {
            Ok(prepared) if prepared.is_pending() => Placed::Waiting(prepared.waiting()),
            Ok(prepared) => Placed::Done(prepared.commit(false)),
            Err(error) => Placed::Done(Err(error)),
        };
        Some((output, placed))
    }

    /// Lets go of what is not needed any more once every result is ready.
    pub(super) fn release(&mut self) {
        self.payload = None;
        self.reader = None;
    }

    /// Whether there is something left to do when all results have arrived.
    pub(super) fn deletes_source(&self) -> bool {
        self.delete_source
    }

    /// The destination across a network that `target` is; none in a dry run, or where there is nothing to deliver.
    pub(super) fn far(&self, target: Target) -> Option<Far> {
        if self.dry_run || self.payload.is_none() {
            return None;
        }
        let options = self.options.clone();
        match (target, &self.item, &self.reader) {
            (Target::Sink { sink, name }, ..) => Some(Far { sink, name, options }),
            (Target::InPlace, Item::Object { objects, key }, Some(reader)) if !self.is_clean() => {
                let options = options.create_only(false).if_match(reader.object().etag.clone());
                Some(Far { sink: Arc::new(objects.object(key)), name: String::new(), options })
            }
            _ => None,
        }
    }

    /// The report on the file, corrected where a result did not arrive.
    pub(super) fn report(mut self, sent: Sent) -> FileReport {
        let failed: Vec<_> = sent.iter().filter_map(|(to, result)| Some((to, result.as_ref().err()?))).collect();
        let is_there = |error: &unlabel_sinks::Error| {
            self.if_exists == IfExists::Skip && error.kind() == unlabel_sinks::ErrorKind::Exists
        };
        let is_skipped = !failed.is_empty() && failed.len() == sent.len();
        if let Some((_, error)) = failed.first().filter(|_| is_skipped && failed.iter().all(|(_, it)| is_there(it))) {
            undelivered(&mut self.report, error, "");
            self.report.outcome = Outcome::Skipped;
        } else if let Some((to, error)) = failed.iter().find(|(_, error)| !is_there(error)) {
            let to = if sent.len() > 1 { format!("{}: ", crate::text::path(to)) } else { String::new() };
            undelivered(&mut self.report, error, &to);
        }
        let mut file = FileReport::new(self.item.shown(), self.report);
        file.bytes_written = sent.iter().filter_map(|(_, result)| Some(result.as_ref().ok()?.bytes_written)).sum();
        let is_there =
            |(to, result): &&(PathBuf, unlabel_sinks::Result<Receipt>)| result.is_ok() && !to.as_os_str().is_empty();
        file.output = sent.iter().find(is_there).map(|(to, _)| to.clone());
        file.committed = file.output.as_ref().map(|_| Committed::New);
        file.digest = self.digest.filter(|_| file.output.is_some());
        let is_told =
            sent.len() > 1 || sent.iter().any(|(_, result)| !matches!(result, Ok(Receipt { etag: None, .. })));
        if is_told && !self.dry_run {
            file.deliveries = sent.into_iter().map(|(to, result)| Delivered::new(to, result)).collect();
        }
        file
    }

    /// Removes the source, if that is wanted and everything arrived.
    async fn remove_source(&mut self, sent: &Sent) {
        let is_delivered = !sent.is_empty() && sent.iter().all(|(_, result)| result.is_ok());
        if !(self.delete_source && is_delivered) {
            return;
        }
        let removed = match &self.item {
            Item::Path(path) => remove_file(path, self.original.as_ref()),
            Item::Object { objects, key } => objects.delete(key).await.map_err(|error| error.to_string()),
            Item::Http(_) => Err("a file behind a URL cannot be removed".to_owned()),
        };
        if let Err(error) = removed {
            self.report.outcome = Outcome::Failed;
            self.report.reason = Some(format!("the source was delivered and not removed: {error}"));
            self.report.error_code = Some("io");
        }
    }
}

/// Removes a file that is still the one that was read.
fn remove_file(path: &std::path::Path, original: Option<&Snapshot>) -> Result<(), String> {
    if let Some(original) = original {
        original.verify().map_err(|error| error.to_string())?;
    }
    std::fs::remove_file(path).map_err(|error| error.to_string())
}

/// A sink of this machine is ready when first asked.
fn put(sink: &dyn Sink, payload: &Payload, options: &PutOptions) -> unlabel_sinks::Result<Receipt> {
    futures_executor::block_on(sink.put("", payload, options))
}

/// Corrects the report of a result that is not where it should be: nothing was removed for anybody to see.
fn undelivered(report: &mut Report, error: &unlabel_sinks::Error, to: &str) {
    let advice = match error.kind() {
        unlabel_sinks::ErrorKind::Linked => Some(" (--break-links, --write patch, or --to)"),
        unlabel_sinks::ErrorKind::Resized => Some(" (--write atomic)"),
        _ => None,
    };
    report.outcome = if advice.is_some() { Outcome::Refused } else { Outcome::Failed };
    let advice = advice.unwrap_or_default();
    report.reason = Some(format!("{}: {to}{error}{advice}", error.kind().name()));
    report.error_code = Some(error.kind().name());
    report.set_undelivered();
}

/// The uploads in flight. A file that finds no room waits, and with it the thread that read it, so that files are not
/// read faster than they leave.
pub(super) struct Uploads {
    room: Arc<Semaphore>,
}

/// Room for uploads: two units for each file, and one for each mebibyte of it that is held in memory.
const ROOM: u32 = 64;

impl Default for Uploads {
    fn default() -> Self {
        Self { room: Arc::new(Semaphore::new(ROOM as usize)) }
    }
}

impl Uploads {
    /// Sends a file to its destinations, all at once, and hands the report on when the last has answered.
    pub(super) fn begin(
        &self,
        remote: &Remote,
        mut delivery: Box<Delivery>,
        mut sent: Sent,
        far: Vec<Far>,
        done: impl FnOnce(FileReport) + Send + 'static,
    ) {
        let (runtime, room) = match self.room(remote, &delivery) {
            Ok(found) => found,
            Err(error) => {
                let path = delivery.item.shown();
                return done(FileReport::new(path, Report::of_error(&error, delivery.report.bytes_in)));
            }
        };
        runtime.spawn(async move {
            let sending: Vec<_> =
                far.into_iter().map(|far| (far.shown(), tokio::spawn(far.put(delivery.payload.clone())))).collect();
            for (to, task) in sending {
                let defect =
                    |_| Err(unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Io, "a defect of this program"));
                let result = task.await.unwrap_or_else(defect);
                let to = result.as_ref().map_or(to, |receipt| PathBuf::from(&receipt.location));
                sent.push((to, result));
            }
            delivery.remove_source(&sent).await;
            done(delivery.report(sent));
            drop(room);
        });
    }

    /// Waits for room for a file.
    fn room<'r>(
        &self,
        remote: &'r Remote,
        delivery: &Delivery,
    ) -> unlabel_core::Result<(&'r Runtime, OwnedSemaphorePermit)> {
        let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Io, error.to_string());
        let runtime = remote.runtime().map_err(|error| failed(&error))?;
        let room = Arc::clone(&self.room).acquire_many_owned(needed(delivery.payload.as_ref()));
        Ok((runtime, runtime.block_on(room).map_err(|error| failed(&error))?))
    }

    /// Waits for the last of them.
    pub(super) fn finish(&self, remote: &Remote) -> Result<(), UsageError> {
        if self.room.available_permits() == ROOM as usize {
            return Ok(());
        }
        let all = remote.runtime()?.block_on(self.room.acquire_many(ROOM));
        all.map(drop).map_err(|error| UsageError::new(error.to_string()))
    }
}

fn needed(payload: Option<&Payload>) -> u32 {
    let source = payload.map(Payload::source);
    let held = source.filter(|source| !source.is_mapped()).map_or(0, |source| source.len() >> 20);
    u32::try_from(held).unwrap_or(ROOM).saturating_add(2).min(ROOM)
}

impl Far {
    fn shown(&self) -> PathBuf {
        PathBuf::from(self.sink.to_string()).join(&self.name)
    }

    async fn put(self, payload: Option<Payload>) -> unlabel_sinks::Result<Receipt> {
        match payload {
            Some(payload) => self.sink.put(&self.name, &payload, &self.options).await,
            None => Err(unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Io, "there is nothing to send")),
        }
    }
}
