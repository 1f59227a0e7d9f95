//! Jobs: requests that were accepted, and are done whatever happens.
//!
//! A request is answered with 202 when it is on the medium with its file. Workers take jobs for the time of a lease, also
//! those of a process that is gone. A job ends once: its result is sent where it goes, which may happen twice when a
//! process is killed in between, and the caller is told at least once.

mod callback;
mod seal;
mod store;
mod worker;

use std::fs;
#[cfg(unix)]
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rusqlite::ErrorCode;
use tokio::sync::Notify;

pub(crate) use self::store::{Job, State};
pub(crate) use self::worker::{run, state};

use self::callback::Callback;
use self::seal::Seal;
use self::store::{Draft, Store};
use crate::answer::{Answer, Answered};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::form::Upload;
use crate::spool::create_private;

/// Files without a job are removed when they are so old: their process was killed between the two.
const ORPHAN: Duration = Duration::from_hours(1);

/// How long ago the file became what it is, whatever time its content carries.
fn age(found: &fs::Metadata) -> Option<Duration> {
    #[cfg(unix)]
    let since = UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(found.ctime()).ok()?))?;
    #[cfg(not(unix))]
    let since = found.modified().ok()?;
    since.elapsed().ok()
}

/// The jobs of a server.
pub(crate) struct Jobs {
    store: Arc<Store>,
    seal: Seal,
    callback: Callback,
    directory: PathBuf,
    news: Notify,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn millis(seconds: u64) -> i64 {
    i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX)
}

/// Whom the secrets of a job belong to.
fn owner(app: &str, query: &str) -> String {
    format!("{app}\0{query}")
}

impl Jobs {
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let directory = config.state.join("jobs");
        let failed = |error| Error::io(format!("cannot use the directory {}", directory.display()), error);
        create_private(&directory).map_err(failed)?;
        let path = config.state.join("jobs.sqlite");
        let store = Store::open(&path).map_err(|error| {
            Error::io(format!("cannot use the database {}", path.display()), std::io::Error::other(error))
        })?;
        let jobs = Self {
            store: Arc::new(store),
            seal: Seal::open(config.jobs.key.as_ref(), &config.state)?,
            callback: Callback::new(config)?,
            directory,
            news: Notify::new(),
        };
        let failed = |error| Error::io("cannot look through the files of jobs", error);
        jobs.remove_orphans().map_err(failed)?;
        Ok(jobs)
    }

    fn remove_orphans(&self) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.directory)?.flatten() {
            let age = entry.metadata().ok().and_then(|found| age(&found));
            let name = entry.file_name().to_string_lossy().into_owned();
            if age.is_some_and(|age| age > ORPHAN) && self.store.keeps(&name).is_ok_and(|is_kept| !is_kept) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Keeps a request. Where there is one of this name, that is the answer.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        config: &Config,
        app: &str,
        query: &str,
        metadata: &str,
        upload: Option<Upload>,
    ) -> Answered<Job> {
        let request = self.seal.close(metadata, &owner(app, query));
        let request = request.ok_or_else(|| Answer::new(500, "the server cannot encrypt the request"))?;
        let (jobs, app, query) = (Arc::clone(self), app.to_owned(), query.to_owned());
        let (most, disk) = (config.jobs.most, config.limits.disk_bytes);
        let kept = tokio::task::spawn_blocking(move || {
            let failed = |error: rusqlite::Error| match error.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => Answer::later(503, "the server's disk is full", 60),
                _ => Answer::broken("keep the job", &error),
            };
            if let Some(job) = jobs.store.find(&app, &query).map_err(failed)? {
                return Ok(job);
            }
            let bytes = upload.as_ref().map_or(0, |upload| upload.content.len()).saturating_add(request.len() as u64);
            let (waiting, used) = jobs.store.totals().map_err(failed)?;
            if waiting >= most {
                return Err(Answer::later(429, "too many jobs are waiting", 10));
            }
            if used.saturating_add(bytes) > disk {
                return Err(Answer::later(503, "the disk that jobs may take is used up", 60));
            }
            let file = format!("{:032x}.in", fastrand::u128(..));
            let path = jobs.path(&file);
            if let Some(upload) = &upload {
                upload.content.keep(&path).map_err(|error| {
                    remove(&path);
                    Answer::refused_by_disk("keep the upload", &error)
                })?;
            }
            // A worker may open the file as soon as the job is there: it has one name then, and does not change.
            let name = upload.map(|upload| upload.name);
            let name = name.as_deref();
            let draft = Draft {
                app: &app,
                query: &query,
                name,
                file: name.map(|_| file.as_str()),
                bytes,
                request: &request,
                now: now(),
            };
            // Another request of this name may have been quicker.
            let is_new = jobs.store.accept(&draft);
            if !is_new.as_ref().is_ok_and(|is_new| *is_new) {
                remove(&path);
            }
            is_new.map_err(failed)?;
            let job = jobs.store.find(&app, &query).map_err(failed)?;
            job.ok_or_else(|| Answer::new(500, "the job is gone"))
        });
        let job = kept.await.map_err(|error| Answer::broken("keep the job", &error))??;
        self.news.notify_one();
        Ok(job)
    }

    /// Has workers look around, which are to end.
    pub(crate) fn wake(&self) {
        self.news.notify_waiters();
    }

    /// The job of this name.
    pub(crate) async fn find(self: &Arc<Self>, app: &str, query: &str) -> Answered<Option<Job>> {
        let (jobs, app, query) = (Arc::clone(self), app.to_owned(), query.to_owned());
        let found = tokio::task::spawn_blocking(move || jobs.store.find(&app, &query)).await;
        let found = found.map_err(|error| Answer::broken("look for the job", &error))?;
        found.map_err(|error| Answer::broken("look for the job", &error))
    }

    /// Jobs with an ID below `before`, the newest first: of some applications, or of all.
    pub(crate) async fn page(
        self: &Arc<Self>,
        applications: Option<Vec<String>>,
        before: i64,
        limit: u32,
    ) -> Answered<Vec<Job>> {
        let jobs = Arc::clone(self);
        let page = move || jobs.store.page(applications.as_deref(), before, limit);
        let found = tokio::task::spawn_blocking(page).await;
        let found = found.map_err(|error| Answer::broken("look for jobs", &error))?;
        found.map_err(|error| Answer::broken("look for jobs", &error))
    }

    /// Where the result of a job is, if it is kept to be fetched.
    pub(crate) fn result(&self, job: &Job) -> Option<PathBuf> {
        job.result.as_deref().map(|name| self.path(name))
    }
}

fn remove(path: &Path) {
    // What cannot be removed now is an orphan later.
    let _ = fs::remove_file(path);
}
