//! What all calls share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unlabel_core::{Engine, Label, Source};
use unlabel_sinks::Transfer;

use crate::answer::{Answer, Answered};
use crate::auth::Replay;
use crate::config::Config;
use crate::error::Result;
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::spool::{Spool, create_private};
use crate::store::Store;

/// So many times more files of other servers are treated at a time than files of this one: most of them wait.
const REMOTE: usize = 16;

/// What all calls share: one for each process.
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) transfer: Transfer,
    pub(crate) spool: Spool,
    pub(crate) replay: Replay,
    pub(crate) metrics: Metrics,
    pub(crate) jobs: Arc<Jobs>,
    /// What the batch calls work on.
    pub(crate) store: Option<Store>,
    draining: AtomicBool,
    work: Arc<Semaphore>,
    /// For work that waits for other servers more than it computes.
    remote_work: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl App {
    pub(crate) fn new(config: Config) -> Result<Self> {
        create_private(&config.state).map_err(|error| {
            crate::Error::io(format!("cannot create the directory {}", config.state.display()), error)
        })?;
        Ok(Self {
            transfer: config.transfer()?,
            spool: Spool::open(&config.state, config.limits.disk_bytes)?,
            replay: Replay::default(),
            metrics: Metrics::new(),
            jobs: Arc::new(Jobs::open(&config)?),
            store: Store::of(&config)?,
            draining: AtomicBool::new(false),
            work: Arc::new(Semaphore::new(config.limits.work)),
            remote_work: Arc::new(Semaphore::new(REMOTE * config.limits.work)),
            waiting: AtomicUsize::new(0),
            config,
        })
    }

    /// From here on no work is taken that could go elsewhere.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.jobs.wake();
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Waits for a turn. Where too many wait already, the caller is sent away.
    async fn turn(&self, of: &Arc<Semaphore>) -> Answered<OwnedSemaphorePermit> {
        let gone = |_| Answer::later(503, "the server is shutting down", 5);
        if let Ok(permit) = Arc::clone(of).try_acquire_owned() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.config.limits.waiting {
            return Err(Answer::later(429, "too many requests are waiting", 1));
        }
        Arc::clone(of).acquire_owned().await.map_err(gone)
    }

    /// Does blocking work on `source` on a thread of its own, when it is its turn. It goes on where the caller goes away.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        source: Source,
        work: impl FnOnce(Source) -> T + Send + 'static,
    ) -> Answered<T> {
        let of = if source.is_remote() { &self.remote_work } else { &self.work };
        let permit = self.turn(of).await?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work(source);
            drop(permit);
            done
        });
        done.await.map_err(|error| Answer::broken("finish the work", &error))
    }

    /// An engine that removes `labels`.
    pub(crate) fn engine(&self, labels: Vec<Label>) -> Answered<Engine> {
        let most = self.config.limits.labels;
        if labels.len() > most {
            return Err(Answer::wrong(format!("`labels`: more than {most}")));
        }
        let engine = Engine::builder().labels(labels).limits(self.config.core_limits()).build();
        engine.map_err(|error| Answer::wrong(format!("`labels`: {}", error.reason())))
    }
}

/// Counts one that waits, also one that goes away while it does.
struct Waiting<'a>(&'a AtomicUsize);
impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
