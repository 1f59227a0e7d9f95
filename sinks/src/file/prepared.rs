//! A write in its two halves: prepared, when nothing is visible yet, and committed, alone or with many others.

use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;

use unlabel_core::Snapshot;

use super::file_systems::FileSystems;
use super::labels::AttributeChange;
use super::patch::Patch;
use super::stage::{Staged, sync_directory};
use super::undo::{Kept, Record};
use super::{attributes, fault};
use crate::Receipt;
use crate::error::{Error, Result};

/// How many writes wait for each other at most, where the system lets a process open enough files.
const GROUP: usize = 1024;

/// Threads that remove the journals of a group. To remove a file that has come to the medium may mean to wait for the file
/// system's own log: one after the other that takes ten times as long.
const REMOVERS: usize = 8;

/// Journals from which on that is worth the threads.
const MANY: usize = 64;

/// A write that is ready and not visible yet. Dropping it leaves everything as it was.
#[derive(Debug)]
pub struct Prepared {
    pub(super) work: Work,
    pub(super) receipt: Receipt,
    /// What undoes it later, where that is wanted.
    pub(super) record: Option<Record>,
}

#[derive(Debug)]
pub(super) enum Work {
    /// What there was to do is done.
    None,
    /// A file beside the target.
    Staged {
        staged: Staged,
        target: PathBuf,
        create_only: bool,
        original: Option<Snapshot>,
        /// Directories whose names are new, too.
        new_directories: Vec<PathBuf>,
    },
    /// A journal beside the file.
    Patch(Box<Patch>),
    /// Labels beside a file whose content stays.
    Attributes { file: fs::File, target: PathBuf, changes: Vec<AttributeChange>, original: Option<Snapshot> },
}

impl Work {
    /// Makes it visible. An error comes with the file that a patch was of.
    fn apply(self) -> std::result::Result<Done, (Error, Option<PathBuf>)> {
        let failed = |error| (error, None);
        match self {
            Self::None => Ok(Done::None),
            Self::Staged { staged, target, create_only, original, .. } => {
                original.map_or(Ok(()), |original| original.verify()).map_err(|error| failed(error.into()))?;
                let renamed = if create_only { staged.create(&target).map(drop) } else { staged.replace(&target) };
                renamed.map(|()| Done::Renamed(target)).map_err(failed)
            }
            Self::Patch(mut patch) => match patch.apply() {
                Ok(()) => Ok(Done::Patched(patch)),
                Err(error) => Err((error, Some(patch.target().to_owned()))),
            },
            Self::Attributes { file, changes, original, .. } => {
                original.map_or(Ok(()), |original| original.verify()).map_err(|error| failed(error.into()))?;
                attributes::change(&file, &changes).map(|()| Done::Changed(file)).map_err(failed)
            }
        }
    }
}

impl Prepared {
    /// Makes the write visible, and brings it to the medium where `synced`.
    ///
    /// # Errors
    /// As [`Sink::put`](crate::Sink::put).
    pub fn commit(mut self, synced: bool) -> Result<Receipt> {
        if synced {
            self.persist()?;
        }
        let mut applied = self.apply()?;
        if synced {
            applied.persist()?;
        }
        applied.finish()
    }

    /// Closes what need not be open until the write is committed, so that many can wait.
    #[must_use]
    pub fn waiting(mut self) -> Self {
        if let Work::Patch(patch) = &mut self.work {
            patch.release();
        }
        self.record.iter_mut().for_each(Record::release);
        self
    }

    /// Whether there is anything left to do.
    pub fn is_pending(&self) -> bool {
        !matches!(self.work, Work::None)
    }

    /// Bytes that it takes until it is committed, on the disk or, for a patch, in memory.
    pub fn bytes_waiting(&self) -> u64 {
        if self.is_pending() { self.receipt.bytes_written } else { 0 }
    }

    /// The file systems that it writes to.
    fn note_file_systems(&self, found: &mut FileSystems) {
        if let Some(record) = &self.record {
            found.add_directory_of(record.path());
        }
        match &self.work {
            Work::None => {}
            Work::Staged { target, .. } | Work::Attributes { target, .. } => found.add_directory_of(target),
            // A file may be mounted alone, so that its journal is on another file system.
            Work::Patch(patch) => {
                found.add_directory_of(patch.target());
                found.add(patch.file());
            }
        }
    }

    /// Brings what was prepared to the medium.
    fn persist(&mut self) -> Result<()> {
        self.record.as_ref().map_or(Ok(()), Record::persist)?;
        match &self.work {
            Work::None | Work::Attributes { .. } => Ok(()),
            Work::Staged { staged, new_directories, .. } => {
                new_directories.iter().try_for_each(|directory| sync_directory(directory))?;
                staged.persist()
            }
            Work::Patch(patch) => patch.persist(),
        }
    }

    /// Makes it visible.
    fn apply(self) -> Result<Applied> {
        let Self { work, receipt, record } = self;
        // Kept from here on: whatever happens, the file may be the new one.
        let record = record.map(Record::keep);
        match work.apply() {
            Ok(work) => Ok(Applied { work, receipt }),
            Err((error, target)) => {
                // The file is the old one, unless half of a patch is still there.
                let is_old = target.is_none_or(|target| super::is_unfinished(target).is_ok_and(|it| !it));
                record.filter(|_| is_old).into_iter().for_each(Kept::discard);
                Err(error)
            }
        }
    }
}

/// How many prepared writes may wait for [`commit_all`] together: each holds a file open. 1,024, or half of the files that
/// this process may have open, where that is less.
pub fn group_size() -> usize {
    #[cfg(unix)]
    if let Some(most) = rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        return usize::try_from(most / 2).unwrap_or(GROUP).clamp(1, GROUP);
    }
    GROUP
}

/// Commits many writes with two syncs for all of them: what was prepared comes to the medium, becomes visible, and that
/// comes to the medium. So each file is at any moment the old one or the new one, and an answer means that it is there to
/// stay. The answers are in the order of the writes.
///
/// On Linux every file system that takes part is synced as a whole (`syncfs`), with what others wrote to it. Elsewhere,
/// and where that fails, files are synced one by one. Each prepared write holds a file open until then: see
/// [`group_size`]. No two of them may be of the same file.
pub fn commit_all(writes: Vec<Prepared>) -> Vec<Result<Receipt>> {
    let mut file_systems = FileSystems::default();
    for write in &writes {
        write.note_file_systems(&mut file_systems);
    }
    let is_synced = file_systems.sync();
    let applied = writes.into_iter().map(|mut write| {
        if !is_synced {
            write.persist()?;
        }
        write.apply()
    });
    let applied: Vec<Result<Applied>> = applied.collect();
    let is_synced = applied.iter().all(Result::is_err) || file_systems.sync();
    let finish = |write: Result<Applied>| {
        let mut write = write?;
        if !is_synced {
            write.persist()?;
        }
        write.finish()
    };
    let journals = applied.iter().flatten().filter(|write| matches!(write.work, Done::Patched(_))).count();
    if journals < MANY { applied.into_iter().map(finish).collect() } else { in_parallel(applied, finish) }
}

/// Calls `work` on all items, on several threads, and answers the results in the order of the items.
fn in_parallel<I: Send, T: Send>(items: Vec<I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    let queue = Mutex::new(items.into_iter().enumerate());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let share = || std::iter::from_fn(next).map(|(at, item)| (at, work(item))).collect::<Vec<_>>();
    let mut done = thread::scope(|scope| {
        // A thread that cannot be had leaves its share to the others.
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, share).ok();
        let others: Vec<_> = (1..REMOVERS).filter_map(spawn).collect();
        let mut done = share();
        for other in others {
            done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

/// A write that is visible.
struct Applied {
    work: Done,
    receipt: Receipt,
}

enum Done {
    None,
    Renamed(PathBuf),
    Patched(Box<Patch>),
    Changed(fs::File),
}

impl Applied {
    /// Brings it to the medium.
    fn persist(&mut self) -> Result<()> {
        match &self.work {
            Done::None => Ok(()),
            Done::Renamed(target) => sync_directory(target),
            Done::Patched(patch) => patch.persist_result(),
            Done::Changed(file) => fault::step("sync")
                .and_then(|()| file.sync_all())
                .map_err(|error| Error::io("cannot sync the attributes", error)),
        }
    }

    fn finish(self) -> Result<Receipt> {
        if let Done::Patched(patch) = self.work {
            patch.finish()?;
        }
        Ok(self.receipt)
    }
}
