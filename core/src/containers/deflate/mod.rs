//! DEFLATE streams (RFC 1951), bare or in the zlib wrapper (RFC 1950): bounded inflation, and deflation to an exact
//! length.
//!
//! A stream is made longer without changing its data by *empty blocks* behind the last data block: an empty block of
//! fixed codes takes 10 bits, an empty stored block takes 3 bits, the rest of the byte, and 4 bytes. Both are what
//! every encoder emits on a flush, so every decoder skips them. The stream still ends with its last byte, so that a
//! reader that compares the end of the stream with the end of its container finds them equal.
//!
//! Inflation is bounded by the caller, never by what the stream claims. A wrong or missing Adler-32 is reported, not
//! refused: readers differ, and the data is there. A preset dictionary is refused.

mod blocks;
mod huffman;
mod memory;
mod quick;

use std::cell::Cell;
use std::rc::Rc;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use self::blocks::{Tail, end_of_data};
use crate::error::{Error, Result};

/// What stands around the DEFLATE data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrapper {
    /// Nothing: ZIP members.
    Raw,
    /// The two header bytes and the Adler-32 of RFC 1950: PDF, PNG.
    Zlib,
}

impl Wrapper {
    /// Bytes before and after the DEFLATE data.
    fn overhead(self) -> usize {
        match self {
            Self::Raw => 0,
            Self::Zlib => 6,
        }
    }
}

/// The decoded data of one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inflated {
    /// The decoded bytes.
    pub bytes: Vec<u8>,
    /// How many bytes of the input the stream takes, wrapper included.
    pub consumed: usize,
    /// Whether the Adler-32 of a zlib stream is there and right; always true for raw streams.
    pub intact: bool,
}

/// The piece in which streams are decoded when the whole need not be held.
const WINDOW: usize = 64 << 10;

/// The level of effort that [`deflate`] makes.
const EFFORT: u32 = 9;

thread_local! {
    /// Coders between two uses: to set one up costs more than to code a small part.
    static DECODER: Cell<Option<Decompress>> = const { Cell::new(None) };
    static ENCODER: Cell<Option<Compress>> = const { Cell::new(None) };
}

/// The largest buffer that is reserved before a byte is decoded.
const EAGER: usize = 256 << 10;

/// Decodes one stream at the start of `input`; what follows it is not read.
///
/// # Errors
/// [`LimitExceeded`](crate::ErrorKind::LimitExceeded) when it decodes to more than `limit_bytes`,
/// [`Malformed`](crate::ErrorKind::Malformed) with the offset in `input` when the data is broken or ends early.
///
/// ```
/// use unlabel_core::containers::deflate::{Wrapper, deflate, inflate};
/// let coded = deflate(b"label label label", Wrapper::Zlib);
/// let decoded = inflate(&coded, Wrapper::Zlib, 100).unwrap();
/// assert_eq!((&decoded.bytes[..], decoded.consumed), (&b"label label label"[..], coded.len()));
/// assert!(inflate(&coded, Wrapper::Zlib, 5).is_err());
/// ```
pub fn inflate(input: &[u8], wrapper: Wrapper, limit_bytes: u64) -> Result<Inflated> {
    inflate_shared(input, wrapper, limit_bytes).map(Rc::unwrap_or_clone)
}

/// The same, for those who only read it.
fn inflate_shared(input: &[u8], wrapper: Wrapper, limit_bytes: u64) -> Result<Rc<Inflated>> {
    if let Some(known) = memory::recall(input, wrapper, limit_bytes) {
        return Ok(known);
    }
    let decoded = with_decoder(|decoder| inflate_with(decoder, input, wrapper, limit_bytes)).map(Rc::new)?;
    memory::keep(input, wrapper, &decoded);
    Ok(decoded)
}

/// Runs `work` with a fresh decoder, one that an earlier call has set up if there is one.
fn with_decoder<T>(work: impl FnOnce(&mut Decompress) -> T) -> T {
    let mut decoder = match DECODER.take() {
        Some(mut decoder) => {
            decoder.reset(false);
            decoder
        }
        None => Decompress::new(false),
    };
    let result = work(&mut decoder);
    DECODER.set(Some(decoder));
    result
}

fn inflate_with(decoder: &mut Decompress, input: &[u8], wrapper: Wrapper, limit_bytes: u64) -> Result<Inflated> {
    let limit = usize::try_from(limit_bytes).unwrap_or(usize::MAX);
    let body = body_of(input, wrapper)?;
    // A caller who knows the length passes it as the limit, and then one allocation serves.
    let guess = if limit <= EAGER { limit } else { body.len().saturating_mul(4).min(limit) };
    let mut bytes = Vec::with_capacity(guess.max(64));
    loop {
        let position = decoder.total_in() as usize;
        if bytes.len() == bytes.capacity() {
            bytes.reserve(bytes.len().max(64).min(limit.saturating_sub(bytes.len()).saturating_add(1)));
        }
        let before = bytes.len();
        let status = decoder
            // A stream that ends in this call need not be remembered for another one.
            .decompress_vec(body.get(position..).unwrap_or_default(), &mut bytes, FlushDecompress::Finish)
            .map_err(|_| broken(decoder, wrapper))?;
        if bytes.len() > limit {
            return Err(over(limit_bytes));
        }
        if status == Status::StreamEnd {
            break;
        }
        if decoder.total_in() as usize == position && bytes.len() == before && bytes.len() < bytes.capacity() {
            return Err(truncated(decoder, wrapper));
        }
    }
    let end = decoder.total_in() as usize;
    let sum = (wrapper == Wrapper::Zlib).then(|| simd_adler32::adler32(&&bytes[..]));
    let (consumed, intact) = close(input, wrapper, end, sum);
    Ok(Inflated { bytes, consumed, intact })
}

/// Decodes one stream at the start of `input` and shows the data to `window`, piece by piece; holds one piece only.
/// Returns how many bytes of `input` the stream takes, wrapper included.
///
/// # Errors
/// As [`inflate`], and whatever `window` returns.
pub fn inflate_windows(
    input: &[u8],
    wrapper: Wrapper,
    limit_bytes: u64,
    window: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<usize> {
    // One that is short is mostly decoded more than once.
    if limit_bytes <= WINDOW as u64
        && let Ok(decoded) = inflate_shared(input, wrapper, limit_bytes)
    {
        window(&decoded.bytes)?;
        return Ok(decoded.consumed);
    }
    with_decoder(|decoder| inflate_windows_with(decoder, input, wrapper, limit_bytes, window))
}

fn inflate_windows_with(
    decoder: &mut Decompress,
    input: &[u8],
    wrapper: Wrapper,
    limit_bytes: u64,
    window: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<usize> {
    let body = body_of(input, wrapper)?;
    let mut piece = Vec::with_capacity(WINDOW.min(usize::try_from(limit_bytes).unwrap_or(WINDOW)).max(64));
    loop {
        let position = decoder.total_in();
        piece.clear();
        let status = decoder
            .decompress_vec(body.get(position as usize..).unwrap_or_default(), &mut piece, FlushDecompress::None)
            .map_err(|_| broken(decoder, wrapper))?;
        if decoder.total_out() > limit_bytes {
            return Err(over(limit_bytes));
        }
        if !piece.is_empty() {
            window(&piece)?;
        }
        if status == Status::StreamEnd {
            break;
        }
        if decoder.total_in() == position && piece.is_empty() {
            return Err(truncated(decoder, wrapper));
        }
    }
    Ok(close(input, wrapper, decoder.total_in() as usize, None).0)
}

/// Decodes the first bytes of a stream, at most `len` of them.
///
/// # Errors
/// As [`inflate`], when not even one byte can be decoded.
pub fn inflate_head(input: &[u8], wrapper: Wrapper, len: usize) -> Result<Vec<u8>> {
    let body = body_of(input, wrapper)?;
    let mut head = Vec::with_capacity(len);
    with_decoder(|decoder| {
        // One call does it: there is all of the input, and room for all of the output.
        match decoder.decompress_vec(body, &mut head, FlushDecompress::None) {
            Ok(status) if status == Status::StreamEnd || !head.is_empty() || len == 0 => Ok(()),
            Ok(_) => Err(truncated(decoder, wrapper)),
            Err(_) if head.is_empty() => Err(broken(decoder, wrapper)),
            Err(_) => Ok(()),
        }
    })?;
    head.truncate(len);
    Ok(head)
}

/// Codes `data` as small as is worth the time.
pub fn deflate(data: &[u8], wrapper: Wrapper) -> Vec<u8> {
    let mut output = open(data.len() / 2 + 64, wrapper);
    compress(&mut output, data, EFFORT, &[FlushCompress::Finish]);
    seal(&mut output, data, wrapper);
    output
}

/// Codes short `data` in little time, less tightly than [`deflate`]. None for more than 8 KiB.
pub fn deflate_quick(data: &[u8]) -> Option<Vec<u8>> {
    let (coded, _) = quick::block(data, true)?;
    decodes_to(&coded, Wrapper::Raw, data).then_some(coded)
}

/// As [`deflate_exact`], in little time, where `data` are short and `len` leaves room enough.
pub fn deflate_quick_exact(data: &[u8], wrapper: Wrapper, len: usize) -> Option<Vec<u8>> {
    let body_len = len.checked_sub(wrapper.overhead())?;
    let (coded, end) = quick::block(data, false)?;
    let tail = Tail::reaching(end, body_len)?;
    let mut output = open(len, wrapper);
    let start = output.len();
    output.extend_from_slice(&coded);
    tail.write(&mut output, start, end);
    seal(&mut output, data, wrapper);
    (output.len() == len && decodes_to(&output, wrapper, data)).then_some(output)
}

/// Whether the decoder of the library takes all of `coded`, and reads `data` in it: for what was made here.
fn decodes_to(coded: &[u8], wrapper: Wrapper, data: &[u8]) -> bool {
    inflate(coded, wrapper, data.len() as u64)
        .is_ok_and(|decoded| decoded.bytes == data && decoded.consumed == coded.len())
}

/// Codes `data` in exactly `len` bytes, if that is possible.
///
/// Every length from 15 bytes above what [`deflate`] makes is reached, and most shorter ones: by other levels of
/// effort, and by empty blocks.
///
/// ```
/// use unlabel_core::containers::deflate::{Wrapper, deflate, deflate_exact, inflate};
/// let shortest = deflate(b"<Properties/>", Wrapper::Raw);
/// let padded = deflate_exact(b"<Properties/>", Wrapper::Raw, shortest.len() + 100).unwrap();
/// let decoded = inflate(&padded, Wrapper::Raw, 1000).unwrap();
/// assert_eq!((&decoded.bytes[..], decoded.consumed), (&b"<Properties/>"[..], padded.len()));
/// assert!(deflate_exact(b"<Properties/>", Wrapper::Raw, 3).is_none());
/// ```
pub fn deflate_exact(data: &[u8], wrapper: Wrapper, len: usize) -> Option<Vec<u8>> {
    let body_len = len.checked_sub(wrapper.overhead())?;
    if let Some(exact) = deflate_quick_exact(data, wrapper, len) {
        return Some(exact);
    }
    for level in [EFFORT, 6, 8, 7, 5, 4, 3, 2, 1] {
        let mut output = open(len, wrapper);
        compress(&mut output, data, level, &[FlushCompress::Finish]);
        if output.len() != len - wrapper.overhead() + open(0, wrapper).len() {
            output = open(len, wrapper);
            let start = output.len();
            compress(&mut output, data, level, &[FlushCompress::Partial, FlushCompress::Finish]);
            let Some(end) = end_of_data(output.get(start..)?) else { continue };
            let Some(tail) = Tail::reaching(end, body_len) else { continue };
            tail.write(&mut output, start, end);
            debug_assert_eq!(output.len(), start + body_len);
        }
        seal(&mut output, data, wrapper);
        // The end of the data was found by its bit pattern: let a decoder confirm it.
        if output.len() == len && decodes_to(&output, wrapper, data) {
            return Some(output);
        }
    }
    None
}

/// The DEFLATE data inside the wrapper, and whatever follows it.
fn body_of(input: &[u8], wrapper: Wrapper) -> Result<&[u8]> {
    if wrapper == Wrapper::Raw {
        return Ok(input);
    }
    let [method, flags, body @ ..] = input else {
        return Err(Error::malformed(input.len() as u64, "zlib data ends in its header"));
    };
    if method & 0x0f != 8 || method >> 4 > 7 || !(u16::from(*method) * 256 + u16::from(*flags)).is_multiple_of(31) {
        return Err(Error::malformed(0, "not a zlib header"));
    }
    if flags & 0x20 != 0 {
        return Err(Error::unsupported("zlib data with a preset dictionary"));
    }
    Ok(body)
}

/// Where the stream ends in `input`, and whether its checksum is `sum`.
fn close(input: &[u8], wrapper: Wrapper, body_end: usize, sum: Option<u32>) -> (usize, bool) {
    if wrapper == Wrapper::Raw {
        return (body_end, true);
    }
    let stored = input.get(body_end + 2..).and_then(<[u8]>::first_chunk);
    let consumed = if stored.is_some() { body_end + 6 } else { input.len() };
    (consumed, stored.map(|bytes| u32::from_be_bytes(*bytes)) == sum)
}

#[cold]
fn over(limit_bytes: u64) -> Error {
    Error::limit(format!("compressed data decodes to more than {limit_bytes} bytes"))
}

#[cold]
fn broken(decoder: &Decompress, wrapper: Wrapper) -> Error {
    Error::malformed(decoder.total_in() + header_len(wrapper), "compressed data is broken")
}

#[cold]
fn truncated(decoder: &Decompress, wrapper: Wrapper) -> Error {
    Error::malformed(decoder.total_in() + header_len(wrapper), "compressed data ends early")
}

fn header_len(wrapper: Wrapper) -> u64 {
    if wrapper == Wrapper::Zlib { 2 } else { 0 }
}

/// An output with the header of the wrapper: a 32 KiB window, and the flags that the default level has.
fn open(capacity: usize, wrapper: Wrapper) -> Vec<u8> {
    let mut output = Vec::with_capacity(capacity);
    if wrapper == Wrapper::Zlib {
        output.extend_from_slice(&[0x78, 0x9c]);
    }
    output
}

fn seal(output: &mut Vec<u8>, data: &[u8], wrapper: Wrapper) {
    if wrapper == Wrapper::Zlib {
        output.extend_from_slice(&simd_adler32::adler32(&data).to_be_bytes());
    }
}

/// Appends the DEFLATE data of `data`, flushed in the given ways one after the other.
fn compress(output: &mut Vec<u8>, data: &[u8], level: u32, flushes: &[FlushCompress]) {
    let mut encoder = match (level == EFFORT).then(|| ENCODER.take()).flatten() {
        Some(mut encoder) => {
            encoder.reset();
            encoder
        }
        None => Compress::new(Compression::new(level), false),
    };
    for &flush in flushes {
        loop {
            let rest = data.get(encoder.total_in() as usize..).unwrap_or_default();
            output.reserve(64 + rest.len() / 2);
            let room = output.capacity() - output.len();
            let before = encoder.total_out();
            // With room for output and a flush that was not given before, the encoder cannot fail.
            let status = encoder.compress_vec(rest, output, flush).unwrap_or(Status::StreamEnd);
            let filled = (encoder.total_out() - before) as usize == room;
            if status == Status::StreamEnd || (!filled && encoder.total_in() as usize == data.len()) {
                break;
            }
        }
    }
    if level == EFFORT {
        ENCODER.set(Some(encoder));
    }
}

#[cfg(test)]
mod tests;
