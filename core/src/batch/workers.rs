//! Threads that take items from one iterator.

use std::num::NonZero;

use rayon::iter::{ParallelBridge, ParallelIterator};

use super::{Cancel, Sequence};
use crate::error::{Error, Result};

/// How many processors the process may use: its affinity and, on Linux, the quota of its control group (container)
/// count. At least 1.
pub fn available() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Works on several items at a time, and hands the results to one function, one at a time.
///
/// Items are taken from the iterator when a thread is free, so that neither they nor results pile up.
///
/// ```
/// use unlabel_core::batch::Workers;
/// let mut squares = Vec::new();
/// Workers::new().jobs(2).ordered(8).run(1..=4, |number| number * number, |square| squares.push(square))?;
/// assert_eq!(squares, [1, 4, 9, 16]);
/// # Ok::<(), unlabel_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Workers {
    jobs: usize,
    window: usize,
    cancel: Cancel,
}

impl Workers {
    /// As many threads as [`available`] says, results as they come.
    pub fn new() -> Self {
        Self::default()
    }

    /// Works on this many items at a time. Default, and with 0: as many as [`available`] says.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Hands results over in the order of the items. At most `window` items are begun and not handed over: more wait.
    /// Default, and with 0: results go as they come.
    #[must_use]
    pub fn ordered(mut self, window: usize) -> Self {
        self.window = window;
        self
    }

    /// Stops when this token says so.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Threads that a run has.
    pub fn count(&self) -> usize {
        if self.jobs == 0 { available() } else { self.jobs }
    }

    /// Calls `work` on every item, on the threads, and `see` on every result, until the items end or the token is
    /// used; items in hand are finished.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the threads cannot be started.
    pub fn run<I: Send, T: Send>(
        &self,
        items: impl Iterator<Item = I> + Send,
        work: impl Fn(I) -> T + Send + Sync,
        see: impl FnMut(T) + Send,
    ) -> Result<()> {
        let sequence = Sequence::ordered(self.window, see);
        self.for_each((0_u64..).zip(items), |(position, item)| {
            let slot = sequence.admit(position);
            slot.put(work(item));
        })
    }

    /// Calls `work` on every item, on the threads. What becomes of the results is up to `work`.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn for_each<I: Send>(
        &self,
        items: impl Iterator<Item = I> + Send,
        work: impl Fn(I) + Send + Sync,
    ) -> Result<()> {
        let items = items.take_while(|_| !self.cancel.is_cancelled());
        if self.count() == 1 {
            items.for_each(work);
            return Ok(());
        }
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(self.count())
            .build()
            .map_err(|error| Error::io("cannot start threads", std::io::Error::other(error)))?;
        pool.install(|| items.par_bridge().for_each(work));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn results_come_in_order_whoever_is_first() {
        for jobs in [1, 2, 7] {
            let mut seen = Vec::new();
            let work = |number: u64| {
                if number.is_multiple_of(5) {
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                number
            };
            Workers::new().jobs(jobs).ordered(3).run(0..200, work, |number| seen.push(number)).unwrap();
            assert_eq!(seen, (0..200).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_token_ends_it_and_items_are_not_taken_ahead() {
        for jobs in [1, 3] {
            let cancel = Cancel::new();
            let taken = AtomicUsize::new(0);
            let endless = std::iter::repeat_with(|| taken.fetch_add(1, Ordering::Relaxed));
            let mut seen = 0;
            let see = |()| {
                seen += 1;
                if seen == 10 {
                    cancel.cancel();
                }
            };
            Workers::new().jobs(jobs).cancel(cancel.clone()).run(endless, |_| (), see).unwrap();
            assert!(seen >= 10 && seen < 10 + 2 * jobs, "{seen}");
            assert!(taken.into_inner() <= seen + jobs);
        }
    }

    #[test]
    fn a_panic_in_one_item_blocks_nobody() {
        let run = || Workers::new().jobs(3).ordered(2).run(0..50, |number| assert_ne!(number, 7), |()| {});
        assert!(std::panic::catch_unwind(run).is_err());
    }
}
