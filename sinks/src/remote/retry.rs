//! When to try again, and how long to wait before it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use super::{Part, Transfer};
use crate::error::{Error, ErrorKind, Result};

/// Repeats the requests of one delivery and counts how often it had to.
#[derive(Debug)]
pub(crate) struct Retry<'t> {
    transfer: &'t Transfer,
    repeated: AtomicU32,
}

impl<'t> Retry<'t> {
    pub(crate) fn new(transfer: &'t Transfer) -> Self {
        Self { transfer, repeated: AtomicU32::new(0) }
    }

    /// How often the delivery was tried: 1 when nothing had to be repeated.
    pub(crate) fn attempts(&self) -> u32 {
        self.repeated.load(Ordering::Relaxed) + 1
    }

    /// Makes a request until it succeeds, fails for good, or was made often enough. A request without an answer in time
    /// counts as failed.
    pub(crate) async fn run<T, F>(&self, request: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.repeat(Patience { limit: self.transfer.stall_timeout, moving: None }, request).await
    }

    /// The same for a request that carries `part`: the time begins anew whenever bytes of it move.
    pub(crate) async fn run_sending<T, F>(&self, part: &Part, request: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let moving = || part.sent();
        self.repeat(Patience { limit: self.transfer.stall_timeout, moving: Some(&moving) }, request).await
    }

    /// The same for work that a store may take its time for: to copy, or to put a long object together.
    pub(crate) async fn run_slow<T, F>(&self, request: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.repeat(Patience { limit: self.transfer.stall_timeout * 5, moving: None }, request).await
    }

    async fn repeat<T, F>(&self, patience: Patience<'_>, mut request: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut attempt = 1;
        loop {
            let error = match patience.wait(request()).await {
                Ok(done) => return Ok(done),
                Err(error) if attempt < self.transfer.attempts && error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            tokio::time::sleep(self.pause(attempt, error.retry_after())).await;
            attempt += 1;
            self.repeated.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The wait after `attempt` attempts: doubled each time, shortened by chance so that many clients do not come back
    /// at once, and never shorter than the server asks for.
    fn pause(&self, attempt: u32, asked: Option<Duration>) -> Duration {
        let longest = self.transfer.longest_wait;
        let doubled = self.transfer.first_wait.saturating_mul(1 << (attempt - 1).min(16)).min(longest);
        doubled.mul_f64(0.5 + fastrand::f64() / 2.0).max(asked.unwrap_or_default().min(longest))
    }
}

/// How long to wait for an answer.
#[derive(Clone, Copy)]
struct Patience<'p> {
    /// The longest time without a sign of life.
    limit: Duration,
    /// Counts bytes that move; a change is a sign of life.
    moving: Option<&'p (dyn Fn() -> u64 + Sync)>,
}

impl Patience<'_> {
    async fn wait<T>(self, request: impl Future<Output = Result<T>>) -> Result<T> {
        let moved = || self.moving.map_or(0, |moving| moving());
        let mut request = std::pin::pin!(request);
        let mut seen = moved();
        loop {
            if let Ok(answer) = tokio::time::timeout(self.limit, &mut request).await {
                return answer;
            }
            let now = moved();
            if now == seen {
                let seconds = self.limit.as_secs_f32();
                return Err(Error::new(ErrorKind::Timeout, format!("no answer, and no byte moved, for {seconds} s")));
            }
            seen = now;
        }
    }
}

/// The wait that a server asks for by `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
pub(crate) fn retry_after(value: &str) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => httpdate::parse_http_date(value.trim()).ok()?.duration_since(SystemTime::now()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
    }

    fn quick() -> Transfer {
        Transfer {
            attempts: 4,
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(30),
            ..Transfer::default()
        }
    }

    #[test]
    fn what_can_be_mended_by_waiting_is_tried_again() {
        let (transfer, calls) = (quick(), AtomicU64::new(0));
        let retry = Retry::new(&transfer);
        let answer = run(retry.run(async || match calls.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Err(Error::new(ErrorKind::Unavailable, "busy")),
            _ => Ok(7),
        }));
        assert_eq!((answer.unwrap(), retry.attempts()), (7, 3));
    }

    #[test]
    fn what_cannot_is_not_and_all_ends() {
        for (kind, made) in [(ErrorKind::Denied, 1), (ErrorKind::Unavailable, 4)] {
            let (transfer, calls) = (quick(), AtomicU64::new(0));
            let retry = Retry::new(&transfer);
            let answer: Result<()> = run(retry.run(async || {
                calls.fetch_add(1, Ordering::Relaxed);
                Err(Error::new(kind, "no"))
            }));
            assert_eq!(answer.unwrap_err().kind(), kind);
            assert_eq!(calls.load(Ordering::Relaxed), made);
        }
    }

    #[test]
    fn a_silent_server_is_given_up_and_a_slow_one_is_not() {
        let transfer = Transfer { attempts: 1, ..quick() };
        let limit = Duration::from_millis(20);
        let silent = Patience { limit, moving: None };
        let answer: Result<()> = run(Retry::new(&transfer).repeat(silent, std::future::pending));
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::Timeout);

        let moved = AtomicU64::new(0);
        let moving = || moved.fetch_add(1, Ordering::Relaxed);
        let slow = Patience { limit, moving: Some(&moving) };
        let answer = run(Retry::new(&transfer).repeat(slow, async || {
            tokio::time::sleep(limit * 5).await;
            Ok(())
        }));
        answer.unwrap();
    }

    #[test]
    fn the_server_may_ask_for_a_longer_wait_within_reason() {
        let transfer = Transfer { longest_wait: Duration::from_secs(20), ..quick() };
        let retry = Retry::new(&transfer);
        assert!(retry.pause(1, None) <= Duration::from_millis(1));
        assert_eq!(retry.pause(1, Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(retry.pause(1, Some(Duration::from_hours(1))), Duration::from_secs(20));
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(100));
        assert!(retry_after(&date).unwrap() > Duration::from_secs(90));
        assert_eq!(retry_after("soon"), None);
    }
}
