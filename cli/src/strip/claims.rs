//! One file in place at a time: the same file may be reached by several paths (links, overlapping inputs), and two
//! workers must not replace it under each other's hands.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A file, whatever its name.
type Identity = (u64, u64);

/// The files that workers have in hand, or that wait for others to be committed with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    in_hand: Mutex<HashSet<Identity>>,
    released: Condvar,
}

/// The right to replace a file; given back when dropped.
#[derive(Debug)]
pub(super) struct Claim {
    claims: Claims,
    identity: Option<Identity>,
}

impl Claims {
    /// Waits until nobody else has the file at `path` in hand. What is opened afterwards is the file as others left it.
    pub(super) fn claim(&self, path: &Path) -> Claim {
        let mut in_hand = self.lock();
        loop {
            // Looked at anew after each wait: whoever had the file may have put another one in its place.
            let identity = identity(path);
            match identity {
                Some(identity) if !in_hand.insert(identity) => {
                    in_hand = self.0.released.wait(in_hand).unwrap_or_else(PoisonError::into_inner);
                }
                _ => return Claim { claims: self.clone(), identity },
            }
        }
    }

    /// The same, where nobody else has it.
    pub(super) fn try_claim(&self, path: &Path) -> Option<Claim> {
        let identity = identity(path);
        let is_free = identity.is_none_or(|identity| self.lock().insert(identity));
        is_free.then(|| Claim { claims: self.clone(), identity })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<Identity>> {
        self.0.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let Some(identity) = self.identity else { return };
        self.claims.lock().remove(&identity);
        self.claims.0.released.notify_all();
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Elsewhere there is no cheap identity; the check for changes before the file is replaced still holds.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}
