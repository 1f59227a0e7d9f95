//! Stopping on a signal.
//!
//! `signal-hook` rather than `ctrlc`: a flag is all that is needed, and it takes no thread to set one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use unlabel_core::batch::Cancel;

use crate::exit::Status;

/// Set when no further file is to be begun.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    cancel: Cancel,
    by_signal: Arc<AtomicBool>,
    /// Which signal came, the last of them.
    signal: Arc<AtomicUsize>,
    is_broken: Arc<AtomicBool>,
}

impl Stop {
    /// A flag that SIGINT and SIGTERM set. A second signal ends the process at once: everything visible is whole
    /// even then.
    pub(crate) fn on_signals() -> Self {
        let stop = Self {
            cancel: Cancel::new(),
            by_signal: Arc::default(),
            signal: Arc::default(),
            is_broken: Arc::default(),
        };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag clear. Without handlers a signal ends the process.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&stop.by_signal));
            let number = usize::try_from(signal).unwrap_or_default();
            let _ = signal_hook::flag::register_usize(signal, Arc::clone(&stop.signal), number);
            let _ = signal_hook::flag::register(signal, Arc::clone(&stop.by_signal));
            let _ = signal_hook::flag::register(signal, stop.cancel.flag());
        }
        stop
    }

    /// The token to look at before each file.
    pub(crate) fn cancel(&self) -> Cancel {
        self.cancel.clone()
    }

    /// Stops for another reason than a signal: nobody reads the report any more.
    pub(crate) fn stop(&self) {
        self.cancel.cancel();
    }

    /// Stops because what must be written cannot be.
    pub(crate) fn set_broken(&self) {
        self.is_broken.store(true, Ordering::Relaxed);
        self.stop();
    }

    /// Whether [`set_broken`](Self::set_broken) was called.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken.load(Ordering::Relaxed)
    }

    /// How the command ends, where a signal stopped it.
    pub(crate) fn status(&self) -> Option<Status> {
        let signal = u8::try_from(self.signal.load(Ordering::Relaxed)).unwrap_or_default();
        self.is_interrupted().then_some(Status::Interrupted(signal))
    }

    /// Whether a signal came.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.by_signal.load(Ordering::Relaxed)
    }
}
