//! One cleaned file on its way to its destinations: near ones at once, those across a network together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unlabel_core::{Cleaned, Error, ErrorKind, Outcome, Payload, Report, Snapshot};
use unlabel_sinks::remote::ObjectReader;
use unlabel_sinks::{Committed, File, Prepared, PutOptions, Receipt, Sink, Stdout, commit, find};

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
pub(super) type Sent = Vec<(PathBuf, Answer)>;

/// What a destination answers.
pub(super) type Answer = unlabel_sinks::Result<(Receipt, Committed)>;

/// A result at a place of this machine.
pub(super) enum Placed {
    Done(Answer),
    /// Ready, and to be committed with others.
    Waiting(Prepared),
}

/// A destination across a network.
pub(super) struct Far {
    sink: Arc<dyn Sink>,
    name: String,
    options: PutOptions,
    if_exists: unlabel_sinks::IfExists,
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
                let put = put(&Stdout::new(), payload, &self.options, IfExists::Overwrite);
                return Some(("-".into(), Placed::Done(put)));
            }
            (Target::Sink { .. } | Target::InPlace, _) => return None,
        };
        if self.dry_run {
            let checked = file.check("", payload, &self.options).map(|()| Receipt::new("", 0));
            return Some((PathBuf::new(), Placed::Done(self.settle(path_of(target), checked))));
        }
        if self.sync != Sync::Batch || !may_wait {
            let if_exists = if matches!(target, Target::InPlace) { IfExists::Overwrite } else { self.if_exists };
            let file = file.synced(self.sync != Sync::None);
            return Some((output, Placed::Done(put(&file, payload, &self.options, if_exists))));
        }
        let placed = match file.prepare("", payload, &self.options) {
            Ok(prepared) if prepared.is_pending() => Placed::Waiting(prepared.waiting()),
            Ok(prepared) => Placed::Done(self.settle(&output, prepared.commit(false))),
            Err(error) => Placed::Done(self.settle(&output, Err(error))),
        };
        Some((output, placed))
    }

    /// What is to be said of a file that was written to `to`: where it exists, and that is no matter, it is looked at.
    pub(super) fn settle(&self, to: &Path, result: unlabel_sinks::Result<Receipt>) -> Answer {
        match (result, &self.payload) {
            (Err(error), Some(payload))
                if error.kind() == unlabel_sinks::ErrorKind::Exists && self.if_exists == IfExists::Skip =>
            {
                futures_executor::block_on(find(&File::at(to), "", payload, &self.options))
            }
            (result, _) => result.map(|receipt| (receipt, Committed::New)),
        }
    }

    /// Lets go of what is not needed any more once every result is ready.
    pub(super) fn release(&mut self) {
        if self.if_exists != IfExists::Skip {
            self.payload = None;
            self.reader = None;
        }
    }

    /// Whether the source is still open, to compare the result with what is there.
    pub(super) fn holds_source(&self) -> bool {
        self.payload.is_some()
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
            (Target::Sink { sink, name }, ..) => Some(Far { sink, name, options, if_exists: self.if_exists.into() }),
            (Target::InPlace, Item::Object { objects, key }, Some(reader)) if !self.is_clean() => {
                let options = options.create_only(false).if_match(reader.object().etag.clone());
                let if_exists = unlabel_sinks::IfExists::Overwrite;
                Some(Far { sink: Arc::new(objects.object(key)), name: String::new(), options, if_exists })
            }
            _ => None,
        }
    }

    /// The report on the file, corrected where a result did not arrive.
    pub(super) fn report(mut self, sent: Sent) -> FileReport {
        if let Some((to, error)) = sent.iter().find_map(|(to, result)| Some((to, result.as_ref().err()?))) {
            let to = if sent.len() > 1 { format!("{}: ", crate::text::path(to)) } else { String::new() };
            undelivered(&mut self.report, error, &to);
        }
        let mut file = FileReport::new(self.item.shown(), self.report);
        let done = || sent.iter().filter_map(|(to, result)| Some((to, result.as_ref().ok()?)));
        file.bytes_written = done().map(|(_, (receipt, _))| receipt.bytes_written).sum();
        let mut placed = done().filter(|(to, _)| !to.as_os_str().is_empty()).peekable();
        file.output = placed.peek().map(|(to, _)| (*to).clone());
        let is_new = placed.any(|(_, (_, committed))| *committed == Committed::New);
        let committed = if is_new { Committed::New } else { Committed::Existing };
        file.committed = file.output.as_ref().map(|_| committed);
        file.digest = self.digest.filter(|_| file.output.is_some());
        let is_told =
            sent.len() > 1 || sent.iter().any(|(_, result)| !matches!(result, Ok((Receipt { etag: None, .. }, _))));
        if is_told && !self.dry_run {
            let told = |(to, result): (_, Answer)| Delivered::new(to, result.map(|(receipt, _)| receipt));
            file.deliveries = sent.into_iter().map(told).collect();
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
fn put(sink: &dyn Sink, payload: &Payload, options: &PutOptions, if_exists: IfExists) -> Answer {
    futures_executor::block_on(commit(sink, "", payload, options, if_exists.into()))
}

/// The file that a target of this machine is; none in place.
fn path_of(target: &Target) -> &Path {
    match target {
        Target::File(path) => path,
        _ => Path::new(""),
    }
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
                let to = match &result {
                    Ok((receipt, Committed::New)) => PathBuf::from(&receipt.location),
                    _ => to,
                };
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
        let place = PathBuf::from(self.sink.to_string());
        if self.name.is_empty() { place } else { place.join(&self.name) }
    }

    async fn put(self, payload: Option<Payload>) -> Answer {
        match payload {
            Some(payload) => commit(&*self.sink, &self.name, &payload, &self.options, self.if_exists).await,
            None => Err(unlabel_sinks::Error::new(unlabel_sinks::ErrorKind::Io, "there is nothing to send")),
        }
    }
}
