//! What goes wrong, and with which requests.

use std::time::Duration;

use super::http::Head;

/// What the proxy does to a request or to its answer. Offsets and lengths count bytes of the body, without the framing
/// of chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Reads the request and answers it without asking the server.
    Answer { status: u16, retry_after: Option<u32> },
    /// Answers as soon as the head is there, and closes.
    AnswerEarly { status: u16 },
    /// The server dies after so many bytes of the request, or before its answer where there are fewer: every connection
    /// ends, and new ones are refused until [`super::Proxy::revive`]. After none, the server hears nothing.
    Kill { after: u64 },
    /// This connection ends likewise.
    Disconnect { after: u64 },
    /// The server does what it is asked, but the connection ends before its answer.
    LoseAnswer,
    /// The connection ends after so many bytes of the answer.
    TruncateAnswer { after: u64 },
    /// A byte of the request is another when it arrives.
    FlipByte { at: u64 },
    /// A byte of the answer is another when it arrives.
    FlipAnswerByte { at: u64 },
    /// Nothing is read any more, and nothing answered.
    Stall,
    /// The answer comes that much later.
    Delay(Duration),
    /// Both directions, each.
    Throttle { bytes_per_second: u64 },
}

type Predicate = Box<dyn Fn(&Head) -> bool + Send + Sync>;

/// A fault, the requests it is for, and how often it strikes.
pub(crate) struct Rule {
    pub(super) fault: Fault,
    applies: Predicate,
    skip: usize,
    times: usize,
}

impl Rule {
    /// For every request.
    pub(crate) fn new(fault: Fault) -> Self {
        Self { fault, applies: Box::new(|_| true), skip: 0, times: usize::MAX }
    }

    /// Only for requests of this kind.
    pub(crate) fn when(self, applies: impl Fn(&Head) -> bool + Send + Sync + 'static) -> Self {
        Self { applies: Box::new(applies), ..self }
    }

    /// Only for the first `times` of these.
    pub(crate) fn times(self, times: usize) -> Self {
        Self { times, ..self }
    }

    /// Leaves the first `skip` of these alone.
    pub(crate) fn after(self, skip: usize) -> Self {
        Self { skip, ..self }
    }

    /// The fault, if it strikes this request.
    pub(super) fn strike(&mut self, head: &Head) -> Option<Fault> {
        if self.times == 0 || !(self.applies)(head) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.times = self.times.saturating_sub(1);
        Some(self.fault.clone())
    }
}
