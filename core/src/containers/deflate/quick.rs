//! Coding short data at once: one block, whose matches are found by a small table.
//!
//! The encoder of the library clears tables of some hundred KiB before it looks at the first byte, which takes longer
//! than everything else that is done to a small file.

use super::huffman::Code;

/// The longest data that are coded here.
pub(super) const LONGEST: usize = 8 << 10;

/// Entries of the table by the first bytes of a match, as a power of two, and bytes that those are.
const TABLE_BITS: u32 = 11;
const SEED: usize = 4;

/// Earlier places that are tried for each match, and the length that is good enough.
const TRIES: usize = 24;
const LONG: usize = 64;
const LONGEST_MATCH: usize = 258;

/// No earlier place.
const NOWHERE: u16 = u16::MAX;

/// The least lengths and distances of each symbol, and how many extra bits follow (RFC 1951 3.2.5).
const LENGTHS: [(u16, u8); 29] = {
    let mut steps = steps(3, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0]);
    // The greatest has a symbol of its own.
    steps[28].0 = LONGEST_MATCH as u16;
    steps
};
const DISTANCES: [(u16, u8); 26] =
    steps(1, [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11]);

const fn steps<const COUNT: usize>(first: u16, extra: [u8; COUNT]) -> [(u16, u8); COUNT] {
    let mut steps = [(first, 0); COUNT];
    let (mut least, mut symbol) = (first, 0);
    while symbol < COUNT {
        steps[symbol] = (least, extra[symbol]);
        least += 1 << extra[symbol];
        symbol += 1;
    }
    steps
}

/// One block with `data`, as raw DEFLATE data, and the bit at which it ends. None where they are too long.
pub(super) fn block(data: &[u8], is_last: bool) -> Option<(Vec<u8>, usize)> {
    if data.len() > LONGEST {
        return None;
    }
    let tokens = tokens(data);
    let mut counts = Counts { symbols: [0; 286], distances: [0; 30] };
    for token in &tokens {
        counts.add(*token);
    }
    let own = (Code::of(&counts.symbols, 15), Code::of(&counts.distances, 15));
    let fixed = Code::fixed();
    let cost = |(symbols, distances): &(Code, Code)| symbols.cost(&counts.symbols) + distances.cost(&counts.distances);

    let mut bits = Bits { bytes: Vec::with_capacity(data.len() / 2 + 16), held: 0, count: 0 };
    bits.put(u32::from(is_last), 1);
    let described = Description::of(&own);
    let codes = if described.cost() + cost(&own) < cost(fixed) {
        bits.put(0b10, 2);
        described.write(&mut bits);
        &own
    } else {
        bits.put(0b01, 2);
        fixed
    };
    for token in &tokens {
        bits.put_token(*token, codes);
    }
    let end = bits.bytes.len() * 8 + bits.count as usize;
    Some((bits.finish(), end))
}

/// What a block is made of.
#[derive(Clone, Copy, Debug)]
enum Token {
    Literal(u8),
    /// Bytes from this far back.
    Match {
        len: u16,
        distance: u16,
    },
    End,
}

/// The data as matches with what stands before, and the rest.
fn tokens(data: &[u8]) -> Vec<Token> {
    let mut matches = Matches { data, heads: [NOWHERE; 1 << TABLE_BITS], before: vec![NOWHERE; data.len()] };
    let mut tokens = Vec::with_capacity(data.len() / 2);
    let mut at = 0;
    let mut next = matches.longest(0);
    while let Some(&byte) = data.get(at) {
        let found = next.take();
        next = matches.longest(at + 1);
        // A longer match that begins one byte later is worth a literal.
        if let Some((len, distance)) = found.filter(|(len, _)| next.is_none_or(|(later, _)| later <= *len)) {
            tokens.push(Token::Match { len: len as u16, distance: distance as u16 });
            for inside in at + 2..at + len {
                let _ = matches.note(inside);
            }
            at += len;
            next = matches.longest(at);
        } else {
            tokens.push(Token::Literal(byte));
            at += 1;
        }
    }
    tokens.push(Token::End);
    tokens
}

/// How often each symbol occurs.
struct Counts {
    symbols: [u32; 286],
    distances: [u32; 30],
}

impl Counts {
    fn add(&mut self, token: Token) {
        let (symbol, distance) = match token {
            Token::Literal(byte) => (usize::from(byte), None),
            Token::Match { len, distance } => (257 + step(&LENGTHS, len).0, Some(step(&DISTANCES, distance).0)),
            Token::End => (256, None),
        };
        if let Some(count) = self.symbols.get_mut(symbol) {
            *count += 1;
        }
        if let Some(count) = distance.and_then(|distance| self.distances.get_mut(distance)) {
            *count += 1;
        }
    }
}

/// How the codes of a block are described before it (RFC 1951 3.2.7).
struct Description {
    symbols: usize,
    distances: usize,
    /// Lengths and repetitions: a symbol, and its extra bits.
    runs: Vec<(u8, u32)>,
    code: Code,
}

/// The order in which the lengths of the code for lengths are given.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

impl Description {
    fn of((symbols, distances): &(Code, Code)) -> Self {
        let (symbols, distances) = (symbols.lens(257), distances.lens(1));
        let lens = [&symbols[..], &distances].concat();
        let mut runs = Vec::new();
        for run in lens.chunk_by(|one, other| one == other) {
            let len = run.first().copied().unwrap_or_default();
            let mut left = run.len();
            if len != 0 {
                runs.push((len, 0));
                left -= 1;
            }
            while left > 0 {
                let (symbol, least, most) = match len {
                    0 if left > 10 => (18, 11, 138),
                    0 => (17, 3, 10),
                    _ => (16, 3, 6),
                };
                let some = left.min(most);
                if some < least {
                    runs.extend(std::iter::repeat_n((len, 0), some));
                } else {
                    runs.push((symbol, (some - least) as u32));
                }
                left -= some;
            }
        }
        let mut counts = [0; 19];
        for (symbol, _) in &runs {
            counts.get_mut(usize::from(*symbol)).into_iter().for_each(|count| *count += 1);
        }
        Self { symbols: symbols.len(), distances: distances.len(), runs, code: Code::of(&counts, 7) }
    }

    /// How many lengths of the code for lengths are given.
    fn given(&self) -> usize {
        ORDER.iter().rposition(|symbol| self.code.get(*symbol).1 > 0).map_or(4, |last| (last + 1).max(4))
    }

    /// The extra bits of a run.
    fn extra(symbol: u8) -> u32 {
        match symbol {
            16 => 2,
            17 => 3,
            18 => 7,
            _ => 0,
        }
    }

    /// Its length in bits.
    fn cost(&self) -> u32 {
        let run = |(symbol, _): &(u8, u32)| u32::from(self.code.get(usize::from(*symbol)).1) + Self::extra(*symbol);
        14 + 3 * self.given() as u32 + self.runs.iter().map(run).sum::<u32>()
    }

    fn write(&self, bits: &mut Bits) {
        bits.put(self.symbols as u32 - 257, 5);
        bits.put(self.distances as u32 - 1, 5);
        bits.put(self.given() as u32 - 4, 4);
        for symbol in ORDER.iter().take(self.given()) {
            bits.put(u32::from(self.code.get(*symbol).1), 3);
        }
        for (symbol, extra) in &self.runs {
            bits.put_code(self.code.get(usize::from(*symbol)));
            bits.put(*extra, Self::extra(*symbol));
        }
    }
}

/// Where the data have been seen before.
struct Matches<'d> {
    data: &'d [u8],
    /// The last place of each hash, and for each place the one before it.
    heads: [u16; 1 << TABLE_BITS],
    before: Vec<u16>,
}

impl Matches<'_> {
    fn hash(&self, at: usize) -> Option<usize> {
        let seed: [u8; SEED] = *self.data.get(at..)?.first_chunk()?;
        Some((u32::from_le_bytes(seed).wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize)
    }

    /// Takes in the place `at`; returns the last one that begins like it.
    fn note(&mut self, at: usize) -> Option<usize> {
        let hash = self.hash(at)?;
        let last = std::mem::replace(self.heads.get_mut(hash)?, at as u16);
        *self.before.get_mut(at)? = last;
        (last != NOWHERE).then_some(usize::from(last))
    }

    /// Length and distance of the longest match at `at`, which is taken in.
    fn longest(&mut self, at: usize) -> Option<(usize, usize)> {
        let mut place = self.note(at);
        let here = self.data.get(at..)?;
        let here = here.get(..here.len().min(LONGEST_MATCH))?;
        let mut best = None;
        let mut best_len = SEED - 1;
        for _ in 0..TRIES {
            let Some(earlier) = place else { break };
            let there = self.data.get(earlier..)?;
            let len = here.iter().zip(there).take_while(|(one, other)| one == other).count();
            if len > best_len {
                best_len = len;
                best = Some((len, at - earlier));
            }
            if best_len >= LONG {
                break;
            }
            place = self.before.get(earlier).copied().filter(|place| *place != NOWHERE).map(usize::from);
        }
        best
    }
}

/// Bits in the order of RFC 1951 3.1.1.
struct Bits {
    bytes: Vec<u8>,
    held: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.held |= u64::from(value) << self.count;
        self.count += count;
        while self.count >= 8 {
            self.bytes.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// A code, whose first bit is its highest.
    fn put_code(&mut self, (code, count): (u16, u8)) {
        self.put(u32::from(code.reverse_bits() >> ((16 - count) % 16)), u32::from(count));
    }

    fn put_token(&mut self, token: Token, (symbols, distances): &(Code, Code)) {
        match token {
            Token::Literal(byte) => self.put_code(symbols.get(usize::from(byte))),
            Token::Match { len, distance } => {
                let (step_of_len, extra, count) = step(&LENGTHS, len);
                self.put_code(symbols.get(257 + step_of_len));
                self.put(extra, count);
                let (step_of_distance, extra, count) = step(&DISTANCES, distance);
                self.put_code(distances.get(step_of_distance));
                self.put(extra, count);
            }
            Token::End => self.put_code(symbols.get(256)),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(0, (8 - self.count) % 8);
        self.bytes
    }
}

/// The step of a table of bases on which `value` is, its extra bits, and how many those are.
fn step(bases: &[(u16, u8)], value: u16) -> (usize, u32, u32) {
    let index = bases.partition_point(|(base, _)| *base <= value).saturating_sub(1);
    let (base, count) = bases.get(index).copied().unwrap_or_default();
    (index, u32::from(value - base), u32::from(count))
}
