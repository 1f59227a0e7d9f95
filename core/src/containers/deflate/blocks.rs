//! Empty blocks behind the data of a stream: how many of which kind, and how they are written.

/// The bit behind the last data block of a stream that was flushed partially (an empty block of fixed codes) and
/// then finished (another one, marked final): a pattern of 20 bits whose last set bits are the `11` that begin the
/// final block.
pub(super) fn end_of_data(stream: &[u8]) -> Option<usize> {
    let bit = |index: usize| stream.get(index / 8).is_some_and(|byte| byte >> (index % 8) & 1 == 1);
    let last = stream.iter().rposition(|byte| *byte != 0)?;
    let last_set = last * 8 + 7 - stream.get(last)?.leading_zeros() as usize;
    let end = last_set.checked_sub(11)?;
    let pattern = (end..end + 12).map(bit).eq([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1].map(|bit| bit == 1));
    let closes = (last_set + 9).div_ceil(8) == stream.len();
    (pattern && closes).then_some(end)
}

/// Bits of an empty block of fixed codes: three of header, seven of end of block.
const FIXED: usize = 10;

/// The empty blocks behind the data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    fixed_before: usize,
    stored: usize,
    fixed_after: usize,
    /// Whether the final block is a stored one, not one of fixed codes.
    final_stored: bool,
}

impl Tail {
    /// The blocks that stretch a stream whose data ends at bit `end` to exactly `len` bytes.
    pub(super) fn reaching(end: usize, len: usize) -> Option<Self> {
        let goal = len.checked_mul(8)?;
        for fixed in 0..16 {
            for fixed_before in 0..=fixed {
                for final_stored in [false, true] {
                    let one = Self { fixed_before, stored: 0, fixed_after: fixed - fixed_before, final_stored };
                    if one.end(end) == goal {
                        return Some(one);
                    }
                    // The first stored block ends on a byte, so each further one takes five bytes.
                    let least = Self { stored: 1, ..one };
                    let short = goal.checked_sub(least.end(end));
                    if let Some(short) = short.filter(|short| short.is_multiple_of(40)) {
                        return Some(Self { stored: 1 + short / 40, ..least });
                    }
                }
            }
        }
        None
    }

    /// The bit at which the stream ends, on a byte.
    fn end(self, data_end: usize) -> usize {
        let mut at = data_end + FIXED * self.fixed_before;
        if self.stored > 0 {
            at = (at + 3).next_multiple_of(8) + 32 + 40 * (self.stored - 1);
        }
        at += FIXED * self.fixed_after;
        if self.final_stored { (at + 3).next_multiple_of(8) + 32 } else { (at + FIXED).next_multiple_of(8) }
    }

    /// Cuts `output` at bit `end` behind byte `start` and writes the blocks there.
    pub(super) fn write(self, output: &mut Vec<u8>, start: usize, end: usize) {
        output.truncate(start + end.div_ceil(8));
        if let Some(last) = output.last_mut().filter(|_| !end.is_multiple_of(8)) {
            *last &= (1 << (end % 8)) - 1;
        }
        let mut bits = Bits { output, used: end % 8 };
        for _ in 0..self.fixed_before {
            bits.push(0b010, FIXED);
        }
        for _ in 0..self.stored {
            bits.stored(0);
        }
        for _ in 0..self.fixed_after {
            bits.push(0b010, FIXED);
        }
        if self.final_stored {
            bits.stored(1);
        } else {
            bits.push(0b011, FIXED);
        }
    }
}

/// Writes bits, lowest first.
struct Bits<'o> {
    output: &'o mut Vec<u8>,
    /// Bits taken in the last byte; 0 when it is full.
    used: usize,
}

impl Bits<'_> {
    fn push(&mut self, bits: u32, count: usize) {
        for index in 0..count {
            if self.used == 0 {
                self.output.push(0);
            }
            if let Some(last) = self.output.last_mut() {
                *last |= ((bits >> index & 1) as u8) << self.used;
            }
            self.used = (self.used + 1) % 8;
        }
    }

    /// An empty stored block: header, fill to the byte, length 0 and its complement.
    fn stored(&mut self, is_final: u32) {
        self.push(is_final, 3);
        self.used = 0;
        self.output.extend_from_slice(&[0, 0, 0xff, 0xff]);
    }
}
