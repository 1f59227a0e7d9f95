//! One file in place at a time: the same file may be reached by several paths (links, overlapping inputs), and two
//! workers must not replace it under each other's hands.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use unlabel_core::{Limits, Result, Source};

use crate::input;

/// A file, whatever its name.
type Identity = (u64, u64);

/// The files that workers have in hand, and those that they are done with.
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: Mutex<Held>,
    released: Condvar,
}

#[derive(Debug, Default)]
struct Held {
    in_hand: HashSet<Identity>,
    done: HashSet<Identity>,
}

/// The right to replace a file; given back when dropped.
#[derive(Debug)]
pub(super) struct Claim<'c> {
    claims: &'c Claims,
    identity: Option<Identity>,
}

impl Claims {
    /// Waits until nobody else has the file of `source` in hand. A source that was opened before somebody else was
    /// done with the file is opened again, so that it shows the file as it is now.
    ///
    /// # Errors
    /// When it cannot be opened again.
    pub(super) fn claim(&self, path: &Path, source: Source) -> Result<(Source, Claim<'_>)> {
        let Some(identity) = identity(&source) else {
            return Ok((source, Claim { claims: self, identity: None }));
        };
        let mut held = self.lock();
        while held.in_hand.contains(&identity) {
            held = self.released.wait(held).unwrap_or_else(PoisonError::into_inner);
        }
        let is_stale = held.done.contains(&identity);
        held.in_hand.insert(identity);
        drop(held);
        let claim = Claim { claims: self, identity: Some(identity) };
        let source = if is_stale { input::open(path, &Limits::default())? } else { source };
        Ok((source, claim))
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let Some(identity) = self.identity else { return };
        let mut held = self.claims.lock();
        held.in_hand.remove(&identity);
        held.done.insert(identity);
        drop(held);
        self.claims.released.notify_all();
    }
}

#[cfg(unix)]
fn identity(source: &Source) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = source.file()?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Elsewhere there is no cheap identity; the check for changes before the file is replaced still holds.
#[cfg(not(unix))]
fn identity(_: &Source) -> Option<Identity> {
    None
}
