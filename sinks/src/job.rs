//! A place for results that belongs to one job: what other labels or settings made is never mixed in.

use std::path::Path;

use serde::{Deserialize, Serialize};
use unlabel_core::{Job, Payload, Plan, Source};

use crate::error::{Error, ErrorKind, Result};
use crate::{PutOptions, Sink};

/// The object that says which job a directory, or what is under a prefix, belongs to.
pub const JOB_FILE: &str = "_job.json";

/// How long it may be: one that is longer is somebody else's.
const LONGEST: u64 = 4096;

/// What is in it.
#[derive(Serialize, Deserialize)]
struct Content {
    r#type: Mark,
    #[serde(flatten)]
    job: Job,
}

#[derive(Serialize, Deserialize)]
enum Mark {
    #[serde(rename = "unlabel job")]
    Job,
}

/// Binds the place of `sink` to `job`, unless it is bound already. Of several that begin at once, one writes
/// [`JOB_FILE`], and the others find it.
///
/// # Errors
/// As [`check`] and [`Sink::put`].
pub async fn bind(sink: &dyn Sink, job: &Job) -> Result<()> {
    let failed = |error: serde_json::Error| Error::new(ErrorKind::Io, error.to_string());
    let mut content = serde_json::to_vec(&Content { r#type: Mark::Job, job: job.clone() }).map_err(failed)?;
    content.push(b'\n');
    let plan = Plan::identity(content.len() as u64);
    let payload = Payload::new(Source::from_bytes(content), plan);
    match sink.put(JOB_FILE, &payload, &PutOptions::default().create_only(true)).await {
        Err(error) if error.kind() == ErrorKind::Exists => check(sink, job).await,
        done => done.map(drop),
    }
}

/// Looks whether the place of `sink` is bound to another job, and writes nothing.
///
/// # Errors
/// [`ErrorKind::Exists`], with what differs, when it is bound to another job, or [`JOB_FILE`] is something else;
/// [`ErrorKind::Unsupported`] where the sink has no way to look.
pub async fn check(sink: &dyn Sink, job: &Job) -> Result<()> {
    let another = |words: String| Err(Error::new(ErrorKind::Exists, words));
    let Some(content) = sink.read(JOB_FILE, LONGEST).await? else { return Ok(()) };
    let Ok(Content { job: bound, .. }) = serde_json::from_slice(&content) else {
        return another(format!("its {JOB_FILE} is not that of a job"));
    };
    let differences = job.differences(&bound);
    if differences.is_empty() {
        return Ok(());
    }
    let version = if bound.version == job.version { "" } else { &format!(" (it is of version {})", bound.version) };
    another(format!("it has results of another job: {} differ{version}", differences.join(" and ")))
}

/// Whether these bytes are what [`bind`] writes.
pub fn is_job(content: &[u8]) -> bool {
    serde_json::from_slice::<Content>(content).is_ok()
}

/// Whether the file at `path` is one that [`bind`] wrote: no input.
pub fn is_job_file(path: &Path) -> bool {
    let is_short = || std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= LONGEST);
    path.file_name().is_some_and(|name| name == JOB_FILE)
        && is_short()
        && std::fs::read(path).is_ok_and(|content| is_job(&content))
}
