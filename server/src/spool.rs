//! Uploads under way, on disk and within a quota.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tempfile::{NamedTempFile, TempDir};
use unlabel_core::Source;

use crate::error::{Error, Result};

/// Uploads of up to so many bytes stay in memory: a file would cost more than all else that is done to them.
const IN_MEMORY: usize = 64 << 10;

/// The directory of one process, which goes with it, and the quota of all uploads.
#[derive(Debug)]
pub(crate) struct Spool {
    directory: TempDir,
    used: Arc<AtomicU64>,
    most: u64,
    /// Held for as long as the process lives: another one takes the directory for left over otherwise.
    _lock: File,
}

/// Room on the disk that was taken, until it is dropped.
#[derive(Debug)]
struct Room {
    used: Arc<AtomicU64>,
    most: u64,
    bytes: u64,
}

impl Room {
    fn grow(&mut self, bytes: u64) -> Result<(), Full> {
        self.bytes += bytes;
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.most { Err(Full::Quota) } else { Ok(()) }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

const LOCK: &str = "lock";

impl Spool {
    /// Makes a directory under `state`, and removes those of processes that are gone.
    pub(crate) fn open(state: &Path, most: u64) -> Result<Self> {
        let all = state.join("spool");
        let failed = |error| Error::io(format!("cannot use the directory {}", all.display()), error);
        create_private(&all).map_err(failed)?;
        // One process at a time looks which others live, and becomes one of them.
        let turn = File::create(all.join(LOCK)).map_err(failed)?;
        turn.lock().map_err(failed)?;
        for entry in fs::read_dir(&all).map_err(failed)?.flatten() {
            // Who holds the lock lives.
            let lock = File::open(entry.path().join(LOCK));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        let directory = tempfile::Builder::new().prefix("process-").tempdir_in(&all).map_err(failed)?;
        let lock = File::create(directory.path().join(LOCK)).map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(Self { directory, used: Arc::default(), most, _lock: lock })
    }

    /// Bytes on disk now.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether uploads that are not tiny are refused.
    pub(crate) fn is_full(&self) -> bool {
        self.used() >= self.most
    }

    pub(crate) fn draft(&self) -> Draft<'_> {
        Draft { spool: self, memory: Vec::new(), file: None, len: 0 }
    }
}

/// Creates a directory that only this user may enter, and what is missing above it.
pub(crate) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Why an upload cannot be kept.
#[derive(Debug)]
pub(crate) enum Full {
    /// The quota is used up.
    Quota,
    /// The disk refused.
    Disk(std::io::Error),
}

/// An upload that is arriving.
#[derive(Debug)]
pub(crate) struct Draft<'s> {
    spool: &'s Spool,
    memory: Vec<u8>,
    file: Option<(NamedTempFile, Room)>,
    len: u64,
}

impl Draft<'_> {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Adds what arrived.
    pub(crate) fn write(&mut self, chunk: &[u8]) -> Result<(), Full> {
        self.len += chunk.len() as u64;
        if self.file.is_none() && self.len <= IN_MEMORY as u64 {
            self.memory.extend_from_slice(chunk);
            return Ok(());
        }
        let (mut file, mut room) = match self.file.take() {
            Some(file) => file,
            None => self.begin_file()?,
        };
        room.grow(chunk.len() as u64)?;
        // A write to the page cache is short; the disk is waited for elsewhere.
        file.write_all(chunk).map_err(Full::Disk)?;
        self.file = Some((file, room));
        Ok(())
    }

    fn begin_file(&mut self) -> Result<(NamedTempFile, Room), Full> {
        let mut room = Room { used: Arc::clone(&self.spool.used), most: self.spool.most, bytes: 0 };
        room.grow(self.memory.len() as u64)?;
        let mut file = NamedTempFile::new_in(self.spool.directory.path()).map_err(Full::Disk)?;
        file.write_all(&std::mem::take(&mut self.memory)).map_err(Full::Disk)?;
        Ok((file, room))
    }

    /// The whole upload.
    pub(crate) fn finish(self) -> Content {
        match self.file {
            Some((file, room)) => Content::File(Arc::new(Spooled { file, room })),
            None => Content::Memory(self.memory.into()),
        }
    }
}

/// An upload that has arrived. Its file goes when the last clone is dropped.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    Memory(Bytes),
    File(Arc<Spooled>),
}

/// A file of the spool.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: NamedTempFile,
    room: Room,
}

impl Content {
    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(file) => file.room.bytes,
        }
    }

    /// The upload as a source. Nobody else can reach the file, so that it may be mapped.
    pub(crate) fn source(&self, name: &str) -> unlabel_core::Result<Source> {
        let source = match self {
            Self::Memory(bytes) => Source::from_bytes(bytes.clone()),
            // The path is nothing to the caller.
            Self::File(spooled) => Source::open(spooled.file.path()).map_err(|error| error.for_path(name.as_ref()))?,
        };
        Ok(source.with_name(name))
    }
}

impl Content {
    /// Makes it a file at `path`, which must not exist, on the medium when this returns. Blocks.
    pub(crate) fn keep(&self, path: &Path) -> std::io::Result<()> {
        let file = match self {
            Self::Memory(bytes) => {
                let mut file = File::create_new(path)?;
                file.write_all(bytes)?;
                file
            }
            Self::File(spooled) => {
                fs::hard_link(spooled.file.path(), path)?;
                File::open(path)?
            }
        };
        file.sync_all()?;
        path.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(draft: &mut Draft<'_>, bytes: &[u8]) -> Result<(), Full> {
        draft.write(bytes)
    }

    #[test]
    fn what_is_long_is_on_disk_and_gone_afterwards() {
        let state = tempfile::tempdir().unwrap();
        let spool = Spool::open(state.path(), 1 << 20).unwrap();
        let mut draft = spool.draft();
        for part in 0..3_u8 {
            write(&mut draft, &vec![part; 40_000]).unwrap();
        }
        let content = draft.finish();
        let source = content.source("a.bin").unwrap();
        assert_eq!((source.len(), source.bytes()[100_000], spool.used()), (120_000, 2, 120_000));
        drop((content, source));
        assert_eq!(spool.used(), 0);
        assert_eq!(fs::read_dir(spool.directory.path()).unwrap().count(), 1, "the lock");
    }

    #[test]
    fn the_quota_is_kept() {
        let state = tempfile::tempdir().unwrap();
        let spool = Spool::open(state.path(), 100_000).unwrap();
        let mut draft = spool.draft();
        write(&mut draft, &vec![0; 90_000]).unwrap();
        assert!(matches!(write(&mut draft, &vec![0; 90_000]), Err(Full::Quota)));
        drop(draft);
        assert_eq!(spool.used(), 0);
    }

    #[test]
    fn directories_of_the_dead_go() {
        let state = tempfile::tempdir().unwrap();
        let living = Spool::open(state.path(), 1).unwrap();
        let dead = state.path().join("spool/process-dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join(LOCK), "").unwrap();
        let _second = Spool::open(state.path(), 1).unwrap();
        assert!(!dead.exists() && living.directory.path().exists());
    }
}
