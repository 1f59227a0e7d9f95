//! What was decoded last: a result is surveyed as its source was, and mostly has the same streams. To compare and copy
//! one takes a tenth of the time that decoding it takes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Inflated, Wrapper};

/// Streams that are remembered: of a thread so many, of so many bytes in all, and each no longer than this.
const MOST: usize = 64;
const MOST_BYTES: usize = 256 << 10;
const LONGEST: usize = 128 << 10;

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory { streams: VecDeque::new(), bytes: 0 }) };
}

/// The streams that a thread decoded last, newest first.
struct Memory {
    streams: VecDeque<Stream>,
    bytes: usize,
}

struct Stream {
    coded: Vec<u8>,
    wrapper: Wrapper,
    decoded: Rc<Inflated>,
}

/// What `input` decodes to, if that was [kept](keep) not long ago.
pub(super) fn recall(input: &[u8], wrapper: Wrapper, limit_bytes: u64) -> Option<Rc<Inflated>> {
    MEMORY.with_borrow(|memory| {
        let known = memory.streams.iter().find(|known| known.wrapper == wrapper && known.coded == input)?;
        (known.decoded.bytes.len() as u64 <= limit_bytes).then(|| Rc::clone(&known.decoded))
    })
}

/// Remembers what `input` decodes to.
pub(super) fn keep(input: &[u8], wrapper: Wrapper, decoded: &Rc<Inflated>) {
    let len = input.len() + decoded.bytes.len();
    if len > LONGEST {
        return;
    }
    MEMORY.with_borrow_mut(|memory| {
        memory.bytes += len;
        memory.streams.push_front(Stream { coded: input.to_vec(), wrapper, decoded: Rc::clone(decoded) });
        while memory.bytes > MOST_BYTES || memory.streams.len() > MOST {
            let Some(oldest) = memory.streams.pop_back() else { break };
            memory.bytes -= oldest.coded.len() + oldest.decoded.bytes.len();
        }
    });
}
