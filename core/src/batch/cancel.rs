//! The token that stops a batch: files in hand are finished, no more are begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Stops a batch from anywhere: another thread, a callback, a signal handler. Clones are the same token.
///
/// ```
/// use unlabel_core::batch::Cancel;
/// let cancel = Cancel::new();
/// let same = cancel.clone();
/// same.cancel();
/// assert!(cancel.is_cancelled());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A token that nobody has used yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins no more files. There is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for signal handlers, which may only set one.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}
