//! Files whose results are ready, and are made visible and durable together: `--sync batch`.
//!
//! A group is committed when it is full: by number, since each file stays open, or by bytes, which are on the disk twice
//! until then. It is committed early, too, where a thread is about to wait for one of its files: for the report on it, or
//! to treat the same file again. No thread waits for a file that nobody commits.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use unlabel_sinks::{commit_all, group_size};

use super::claims::Claim;
use super::delivery::{Delivery, Placed, Sent};
use crate::report::FileReport;

/// Bytes that results of a group may have: a larger file is committed as soon as it is ready.
const BYTES: u64 = 64 << 20;

/// What hears of a file.
pub(super) type Done = Box<dyn FnOnce(FileReport) + Send>;

/// A file whose results are ready.
pub(super) struct Ready {
    pub(super) delivery: Box<Delivery>,
    pub(super) placed: Vec<(PathBuf, Placed)>,
    /// Keeps others off the file.
    pub(super) claim: Option<Claim>,
    pub(super) done: Done,
}

/// The files that wait for each other.
pub(super) struct Group {
    state: Mutex<State>,
    /// Writes of a full group.
    most: usize,
}

#[derive(Default)]
struct State {
    files: Vec<Ready>,
    writes: usize,
    bytes: u64,
    /// Threads that wait, or are about to.
    waiting: usize,
}

impl Default for Group {
    fn default() -> Self {
        Self { state: Mutex::default(), most: group_size() }
    }
}

impl Group {
    /// Adds a file, and answers the files that are to be committed now.
    pub(super) fn add(&self, file: Ready) -> Vec<Ready> {
        let mut state = self.lock();
        for (_, placed) in &file.placed {
            if let Placed::Waiting(prepared) = placed {
                state.writes += if file.delivery.holds_source() { 2 } else { 1 };
                state.bytes = state.bytes.saturating_add(prepared.bytes_waiting());
            }
        }
        state.files.push(file);
        let is_full = state.writes >= self.most || state.bytes >= BYTES;
        if is_full || state.waiting > 0 { state.take() } else { Vec::new() }
    }

    /// The files that wait.
    pub(super) fn take(&self) -> Vec<Ready> {
        self.lock().take()
    }

    /// Calls `wait` after `commit` has had the files. Until `wait` returns, every file that is added is to be committed at
    /// once.
    pub(super) fn wait<T>(&self, commit: impl FnOnce(Vec<Ready>), wait: impl FnOnce() -> T) -> T {
        let files = {
            let mut state = self.lock();
            state.waiting += 1;
            state.take()
        };
        commit(files);
        let result = wait();
        self.lock().waiting -= 1;
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self) -> Vec<Ready> {
        (self.writes, self.bytes) = (0, 0);
        std::mem::take(&mut self.files)
    }
}

/// Makes the results of files visible and durable, and lets go of the files.
pub(super) fn commit(files: Vec<Ready>) -> impl Iterator<Item = (Box<Delivery>, Sent, Done)> {
    let mut writes = Vec::new();
    let mut open = Vec::new();
    for Ready { delivery, placed, claim, done } in files {
        let results = placed.into_iter().map(|(to, placed)| match placed {
            Placed::Done(result) => (to, Some(result)),
            Placed::Waiting(prepared) => {
                writes.push(prepared);
                (to, None)
            }
        });
        open.push((delivery, results.collect::<Vec<_>>(), claim, done));
    }
    let mut committed = commit_all(writes).into_iter();
    open.into_iter().map(move |(delivery, results, claim, done)| {
        drop(claim);
        let mut settled = |to: &Path| committed.next().map(|result| delivery.settle(to, result));
        let sent = results.into_iter().filter_map(|(to, result)| {
            let result = result.or_else(|| settled(&to))?;
            Some((to, result))
        });
        let sent = sent.collect();
        (delivery, sent, done)
    })
}
