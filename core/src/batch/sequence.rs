//! Results of parallel work, seen one at a time: as they come, or in the order in which the work was begun.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Hands results to one function, one at a time.
///
/// Ordered, it holds results that are ready too early, and lets no work begin that is more than a window ahead of the
/// oldest unfinished: so that memory is bounded however long that one takes. Whoever begins waits; whoever finishes
/// never does.
pub struct Sequence<T, F> {
    state: Mutex<State<T, F>>,
    moved: Condvar,
    window: u64,
}

struct State<T, F> {
    next: u64,
    /// Of work that was given up there is nothing to see.
    waiting: BTreeMap<u64, Option<T>>,
    see: F,
}

impl<T, F: FnMut(T)> Sequence<T, F> {
    /// Results go to `see` as they come.
    pub fn unordered(see: F) -> Arc<Self> {
        Self::ordered(0, see)
    }

    /// Results go to `see` by ascending position; at most `window` are begun and not seen. With 0 they go as they
    /// come.
    pub fn ordered(window: usize, see: F) -> Arc<Self> {
        let state = State { next: 0, waiting: BTreeMap::new(), see };
        Arc::new(Self { state: Mutex::new(state), moved: Condvar::new(), window: window as u64 })
    }

    /// Waits until work on the item at `position` may begin. Positions count from 0, without gaps.
    pub fn admit(self: &Arc<Self>, position: u64) -> Slot<T, F> {
        if self.window > 0 {
            let mut state = self.lock();
            while position >= state.next.saturating_add(self.window) {
                state = self.moved.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        self.slot(position)
    }

    /// As [`admit`](Self::admit), where that need not wait. Who holds results of others back can let them go before
    /// waiting.
    pub fn try_admit(self: &Arc<Self>, position: u64) -> Option<Slot<T, F>> {
        let is_near = self.window == 0 || position < self.lock().next.saturating_add(self.window);
        is_near.then(|| self.slot(position))
    }

    fn slot(self: &Arc<Self>, position: u64) -> Slot<T, F> {
        Slot { sequence: Arc::clone(self), position, is_filled: false }
    }

    fn fill(&self, position: u64, value: Option<T>) {
        let mut state = self.lock();
        let State { next, waiting, see } = &mut *state;
        if self.window == 0 {
            if let Some(value) = value {
                see(value);
            }
            return;
        }
        waiting.insert(position, value);
        while let Some(value) = waiting.remove(next) {
            *next += 1;
            if let Some(value) = value {
                see(value);
            }
        }
        drop(state);
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State<T, F>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T, F> fmt::Debug for Sequence<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sequence").field("window", &self.window).finish_non_exhaustive()
    }
}

/// The place of one result. Dropped without one, it is passed over.
#[derive(Debug)]
#[must_use = "a slot that is dropped gives its place up"]
pub struct Slot<T, F: FnMut(T)> {
    sequence: Arc<Sequence<T, F>>,
    position: u64,
    is_filled: bool,
}

impl<T, F: FnMut(T)> Slot<T, F> {
    /// Hands the result in.
    pub fn put(mut self, value: T) {
        self.is_filled = true;
        self.sequence.fill(self.position, Some(value));
    }
}

impl<T, F: FnMut(T)> Drop for Slot<T, F> {
    fn drop(&mut self) {
        if !self.is_filled {
            self.sequence.fill(self.position, None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordered_results_wait_for_their_turn_and_given_up_places_are_passed_over() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let see = {
            let seen = Arc::clone(&seen);
            move |value: u32| seen.lock().unwrap().push(value)
        };
        let sequence = Sequence::ordered(4, see);
        let [first, second, third, fourth] = [0, 1, 2, 3].map(|position| sequence.admit(position));
        fourth.put(3);
        second.put(1);
        assert!(seen.lock().unwrap().is_empty());
        first.put(0);
        assert_eq!(*seen.lock().unwrap(), [0, 1]);
        drop(third);
        assert_eq!(*seen.lock().unwrap(), [0, 1, 3]);
    }

    #[test]
    fn nothing_begins_far_ahead_of_the_oldest() {
        let sequence = Sequence::ordered(2, |_: u32| {});
        let first = sequence.try_admit(0).unwrap();
        sequence.try_admit(1).unwrap().put(1);
        assert!(sequence.try_admit(2).is_none());
        let (begun, is_begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let slot = sequence.admit(2);
                begun.send(()).unwrap();
                slot.put(2);
            });
            // Whenever it looks, the third may not have begun: the first is not done.
            assert!(is_begun.recv_timeout(std::time::Duration::from_millis(20)).is_err());
            first.put(0);
            is_begun.recv().unwrap();
        });
    }
}
