//! Workers: they take jobs, treat them, send the results, and tell the callers.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use unlabel_core::{ErrorKind, Source};
use unlabel_sinks::{Envelope, File, PutOptions, Request, SendBack};

use super::store::Store;
use super::{Job, State, millis, now, owner, remove};
use crate::answer::Answer;
use crate::app::App;
use crate::files::{self, Opened};
use crate::ucwi;

/// How long a worker sleeps that finds nothing to do: jobs of other processes are not announced.
const IDLE: Duration = Duration::from_millis(500);
/// Wait before the second attempt; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(5);
/// A job that was begun so often without an end ends its processes.
const LOST: u32 = 100;
/// How often ended jobs are looked for whose time is over.
const SWEEP: Duration = Duration::from_mins(1);

/// How a treatment ended.
enum Treated {
    /// With this answer, and a result that is kept under a name, of so many bytes.
    Ended(Envelope, Option<(String, u64)>),
    /// To be tried again: why.
    Again(Envelope),
}

/// Works until the server is told to stop.
pub(crate) async fn run(app: Arc<App>, number: usize) {
    let worker = format!("{}-{number}-{:08x}", std::process::id(), fastrand::u32(..));
    let (mut swept, mut looked) = (Instant::now(), Instant::now());
    loop {
        // What is announced from here on is heard.
        let mut news = Box::pin(app.jobs.news.notified());
        news.as_mut().enable();
        if app.is_draining() {
            return;
        }
        if number == 0 && swept.elapsed() > SWEEP {
            sweep(&app).await;
            swept = Instant::now();
        }
        if number == 0 && looked.elapsed() > super::ORPHAN {
            let app = Arc::clone(&app);
            let found = tokio::task::spawn_blocking(move || app.jobs.remove_orphans()).await;
            if let Ok(Err(error)) = found {
                tracing::error!(%error, "cannot look through the files of jobs");
            }
            looked = Instant::now();
        }
        let lease = now().saturating_add(millis(app.config.jobs.lease_seconds));
        let (store, name) = (Arc::clone(&app.jobs.store), worker.clone());
        match tokio::task::spawn_blocking(move || store.take(&name, now(), lease)).await {
            Ok(Ok(Some(job))) => {
                // Others may find more to do. Who is at work hears nothing.
                drop(news);
                app.jobs.news.notify_one();
                // What goes wrong with one job ends no worker: the lease runs out, and it is done again.
                let id = job.id;
                if AssertUnwindSafe(attend(&app, &worker, job)).catch_unwind().await.is_err() {
                    tracing::error!(job = id, "the server made a mistake with a job");
                }
            }
            Ok(Ok(None)) => {
                // The first one looks for jobs of other processes, and wakes the others when there are some.
                let patience = if number == 0 { IDLE } else { 20 * IDLE };
                let _ = tokio::time::timeout(patience, news).await;
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "cannot take a job");
                sleep(IDLE).await;
            }
            Err(_) => return,
        }
    }
}

/// Does what a job needs next, and keeps its lease meanwhile.
async fn attend(app: &Arc<App>, worker: &str, job: Job) {
    let third = Duration::from_secs(app.config.jobs.lease_seconds) / 3;
    let id = job.id;
    let mut work = pin!(step(app, worker, job));
    loop {
        tokio::select! {
            () = &mut work => return,
            () = sleep(third) => {
                let until = now().saturating_add(millis(app.config.jobs.lease_seconds));
                if !say(app, |store| store.renew(id, worker, until)) {
                    return;
                }
            }
        }
    }
}

async fn step(app: &Arc<App>, worker: &str, job: Job) {
    let request = app.jobs.seal.reveal(&job.request, &owner(&job.app, &job.query));
    let request =
        request.ok_or("its key is another one now").and_then(|text| Request::parse(&text).map_err(|_| "it is damaged"));
    let request = match request {
        Ok(request) => request,
        Err(words) => {
            // Another process may know the key.
            tracing::error!(job = job.id, words, "the request of a job cannot be read");
            let due = now().saturating_add(millis(60));
            say(app, |store| store.put_off(job.id, worker, due));
            return;
        }
    };
    if job.state == State::Telling {
        return tell(app, worker, &job, &request).await;
    }
    let treated = match job.lost {
        lost if lost > LOST => Treated::Ended(Envelope::new(500, "the server failed at it again and again"), None),
        _ => treat(app, &job, &request).await,
    };
    match treated {
        Treated::Ended(envelope, result) => {
            end(app, worker, &job, request.callback_url.as_deref(), envelope, result.as_ref());
        }
        Treated::Again(envelope) => {
            let due = now().saturating_add(wait(job.tries));
            let began = job.began.unwrap_or(job.created);
            // That this server has too much to do is not the job's fault.
            let is_ours = envelope.code == 429;
            if !is_ours && due > began.saturating_add(millis(app.config.jobs.deliver_seconds)) {
                return end(app, worker, &job, request.callback_url.as_deref(), envelope, None);
            }
            tracing::info!(job = job.id, reason = envelope.message, "to be tried again");
            say(app, |store| store.put_off(job.id, worker, due));
        }
    }
}

/// Milliseconds until the next attempt.
fn wait(tries: u32) -> i64 {
    let wait = FIRST_WAIT.saturating_mul(1 << tries.saturating_sub(1).min(10)).min(LONGEST_WAIT);
    i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)
}

async fn treat(app: &Arc<App>, job: &Job, request: &Request) -> Treated {
    let ended = |envelope| Treated::Ended(envelope, None);
    let engine = match app.engine(request.labels.clone()) {
        Ok(engine) => engine,
        Err(answer) => return ended(*answer.envelope),
    };
    let opened = match (&job.file, &request.object) {
        (Some(file), _) => {
            let name = job.name.clone().unwrap_or_default();
            let source = Source::open(app.jobs.path(file)).map(|source| source.with_name(&name));
            source.map(|source| Opened { source, reader: None, name }).map_err(|error| match error.kind() {
                // Out of file descriptors, or of memory: not for long.
                ErrorKind::Io => Envelope::new(503, error.reason()),
                _ => *Answer::from(&error).envelope,
            })
        }
        (None, object) => files::open(app, None, object.as_ref()).await.map_err(|answer| *answer.envelope),
    };
    let Opened { source, reader, name } = match opened {
        Ok(opened) => opened,
        // A store that is not there now may be later.
        Err(envelope) if matches!(envelope.code, 429 | 503) => return Treated::Again(envelope),
        Err(envelope) => return ended(envelope),
    };
    let cleaned = match app.work(source, move |source| engine.strip(source)).await {
        Ok(Ok(cleaned)) => cleaned,
        // Another server did not give all of the object, or somebody changed it: it is read anew.
        Ok(Err(error)) if matches!(error.kind(), ErrorKind::Io | ErrorKind::Changed) => {
            return Treated::Again(*Answer::from(&error).envelope);
        }
        Ok(Err(error)) => return ended(*Answer::from(&error).envelope),
        Err(answer) => return Treated::Again(*answer.envelope),
    };
    app.metrics.file(cleaned.report());
    let envelope = Envelope::of_report(cleaned.report()).with("queryID", job.query.as_str());
    let Some(payload) = cleaned.payload() else { return ended(envelope) };
    if request.send_back == SendBack::Response {
        // It waits for the disk.
        match tokio::task::block_in_place(|| app.jobs.store.totals()) {
            Ok((_, used)) if used.saturating_add(payload.len()) <= app.config.limits.disk_bytes => {}
            _ => return Treated::Again(Envelope::new(503, "the disk that jobs may take is used up")),
        }
        // The same name each time, so that a second attempt leaves one file.
        let result = format!("{}.out", job.id);
        let path = app.jobs.path(&result);
        let payload = payload.clone();
        let len = payload.len();
        let from = payload.source().clone();
        let put = move |_| File::at(path).write("", &payload, &PutOptions::default());
        let written = app.work(from, put).await;
        return match written {
            Ok(Ok(_)) => Treated::Ended(envelope.with("bytes", len), Some((result, len))),
            Ok(Err(error)) => Treated::Again(Envelope::of_delivery(&error)),
            Err(answer) => Treated::Again(*answer.envelope),
        };
    }
    let options = reader.map_or_else(PutOptions::default, |reader| reader.put_options(&cleaned));
    match files::deliver(app, &request.send_back, &name, &cleaned, &options, || ucwi::told(&envelope)).await {
        Ok(receipt) => ended(envelope.with("location", receipt.location).with("bytes", receipt.bytes)),
        Err(error) => {
            let is_retryable = error.is_retryable() || error.kind() == unlabel_sinks::ErrorKind::Changed;
            let failed = Envelope { data: envelope.data, ..Envelope::of_delivery(&error.doing("`sendBack`")) };
            if is_retryable { Treated::Again(failed) } else { ended(failed) }
        }
    }
}

/// Keeps how a job ended, and lets go of its upload.
fn end(app: &App, worker: &str, job: &Job, callback: Option<&str>, envelope: Envelope, result: Option<&(String, u64)>) {
    let mut envelope = envelope.with("queryID", job.query.as_str());
    if result.is_some() {
        envelope = envelope.with("content", format!("{}/{}/content", ucwi::ASYNC, ucwi::encoded(&job.query)));
    }
    let state = if callback.is_some() { State::Telling } else { State::Done };
    let result = result.map(|(name, len)| (name.as_str(), *len));
    let answer = envelope.to_json().to_string();
    let is_kept = say(app, |store| store.end(job.id, worker, state, &answer, result, now()));
    if let (true, Some(file)) = (is_kept, &job.file) {
        remove(&app.jobs.path(file));
    }
    app.jobs.news.notify_one();
}

async fn tell(app: &App, worker: &str, job: &Job, request: &Request) {
    let application = app.config.applications.iter().find(|it| it.id == job.app);
    let told = match (&request.callback_url, application, &job.answer) {
        (Some(url), Some(application), Some(answer)) => app.jobs.callback.post(url, application, answer).await,
        // Another process may know it.
        _ => Err(format!("the application {} is not in the configuration", job.app)),
    };
    let Err(reason) = told else {
        say(app, |store| store.told(job.id, worker, State::Done, now()));
        return;
    };
    let due = now().saturating_add(wait(job.tries));
    let last = job.ended.unwrap_or(job.created).saturating_add(millis(app.config.jobs.callback_seconds));
    if due > last {
        tracing::warn!(job = job.id, reason, "the callback is given up");
        say(app, |store| store.told(job.id, worker, State::Untold, now()));
    } else {
        tracing::info!(job = job.id, reason, "the callback failed, and is tried again");
        say(app, |store| store.put_off(job.id, worker, due));
    }
}

/// Removes ended jobs whose time is over.
async fn sweep(app: &Arc<App>) {
    let app = Arc::clone(app);
    let swept = tokio::task::spawn_blocking(move || {
        let before = now().saturating_sub(millis(app.config.jobs.keep_seconds));
        match app.jobs.store.sweep(before) {
            Ok(results) => results.iter().for_each(|name| remove(&app.jobs.path(name))),
            Err(error) => tracing::error!(%error, "cannot remove ended jobs"),
        }
    });
    let _ = swept.await;
}

/// Has the store note something, and answers whether it was taken.
fn say(app: &App, note: impl FnOnce(&Store) -> super::store::Result<bool>) -> bool {
    // It waits for the disk.
    match tokio::task::block_in_place(|| note(&app.jobs.store)) {
        Ok(true) => true,
        Ok(false) => {
            tracing::warn!("another worker has the job");
            false
        }
        // The lease runs out, and the job is done again.
        Err(error) => {
            tracing::error!(%error, "cannot keep the state of a job");
            false
        }
    }
}

/// What a job says of itself.
pub(crate) fn state(job: &Job) -> Envelope {
    let answer: Option<Value> = job.answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let mut envelope = Envelope::new(200, "OK").with("queryID", job.query.as_str()).with("state", job.state.name());
    if let Some(answer) = answer {
        envelope = envelope.with("answer", answer);
    }
    envelope
}
