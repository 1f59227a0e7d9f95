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

use std::cell::Cell;

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
    with_decoder(|decoder| inflate_with(decoder, input, wrapper, limit_bytes))
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
            .decompress_vec(body.get(position..).unwrap_or_default(), &mut bytes, FlushDecompress::None)
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
    let body = body_of(input, wrapper)?;
    let mut decoder = Decompress::new(false);
    let mut piece = Vec::with_capacity(WINDOW);
    loop {
        let position = decoder.total_in();
        piece.clear();
        let status = decoder
            .decompress_vec(body.get(position as usize..).unwrap_or_default(), &mut piece, FlushDecompress::None)
            .map_err(|_| broken(&decoder, wrapper))?;
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
            return Err(truncated(&decoder, wrapper));
        }
    }
    Ok(close(input, wrapper, decoder.total_in() as usize, None).0)
}

/// Codes `data` as small as is worth the time.
pub fn deflate(data: &[u8], wrapper: Wrapper) -> Vec<u8> {
    let mut output = open(data.len() / 2 + 64, wrapper);
    compress(&mut output, data, EFFORT, &[FlushCompress::Finish]);
    seal(&mut output, data, wrapper);
    output
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
        let confirmed = inflate(&output, wrapper, data.len() as u64)
            .is_ok_and(|decoded| decoded.bytes == data && decoded.consumed == len && output.len() == len);
        if confirmed {
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
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn property(name: &str, value: &str) -> String {
        format!(
            "<property fmtid=\"{{D5CDD505-2E9C-101B-9397-08002B2CF9AE}}\" name=\"{name}\"><vt:lpwstr>{value}</vt:lpwstr></property>"
        )
    }

    fn bodies() -> impl Strategy<Value = Vec<u8>> {
        let properties = proptest::collection::vec(("[A-Za-z_]{1,20}", "[ -~]{0,40}"), 0..12)
            .prop_map(|list| list.iter().map(|(name, value)| property(name, value)).collect::<String>().into_bytes());
        let bytes = proptest::collection::vec(any::<u8>(), 0..400);
        let long = (any::<u8>(), 0..200_000_usize).prop_map(|(byte, len)| vec![byte; len]);
        prop_oneof![6 => properties, 1 => bytes, 1 => long]
    }

    /// Checks with a decoder that is told where the input ends, and one byte short of it.
    fn check(coded: &[u8], wrapper: Wrapper, data: &[u8], len: usize) {
        assert_eq!(coded.len(), len);
        let decoded = inflate(coded, wrapper, data.len() as u64).unwrap();
        assert!(decoded.bytes == data && decoded.intact);
        assert_eq!(decoded.consumed, len);
        let mut followed = coded.to_vec();
        followed.extend_from_slice(b"PK\x01\x02");
        assert_eq!(inflate(&followed, wrapper, data.len() as u64).unwrap().consumed, len);
        if wrapper == Wrapper::Raw {
            assert!(inflate(&coded[..len - 1], wrapper, data.len() as u64).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]

        #[test]
        fn every_gap_from_15_is_reached(data in bodies(), zlib: bool) {
            let wrapper = if zlib { Wrapper::Zlib } else { Wrapper::Raw };
            let shortest = deflate(&data, wrapper).len();
            for gap in 0..64 {
                match deflate_exact(&data, wrapper, shortest + gap) {
                    Some(coded) => check(&coded, wrapper, &data, shortest + gap),
                    None => prop_assert!((1..15).contains(&gap), "gap {gap} not reached"),
                }
            }
        }

        #[test]
        fn hostile_streams_do_not_panic(data in proptest::collection::vec(any::<u8>(), 0..300), zlib: bool) {
            let wrapper = if zlib { Wrapper::Zlib } else { Wrapper::Raw };
            let _ = inflate(&data, wrapper, 10_000);
            let _ = inflate_windows(&data, wrapper, 10_000, &mut |_| Ok(()));
        }
    }

    #[test]
    fn most_small_gaps_are_reached() {
        let data: Vec<u8> = (0..8).flat_map(|index| property(&format!("key{index}"), "Secret").into_bytes()).collect();
        let shortest = deflate(&data, Wrapper::Raw).len();
        let reached = (1..15).filter(|gap| deflate_exact(&data, Wrapper::Raw, shortest + gap).is_some()).count();
        assert!(reached >= 10, "only {reached} of 14");
    }

    #[test]
    fn large_gaps_are_reached() {
        let data = property("id", "8888").into_bytes();
        for wrapper in [Wrapper::Raw, Wrapper::Zlib] {
            let len = deflate(&data, wrapper).len() + 100_003;
            check(&deflate_exact(&data, wrapper, len).unwrap(), wrapper, &data, len);
        }
    }

    #[test]
    fn a_bomb_meets_the_limit() {
        let bomb = deflate(&vec![0; 10 << 20], Wrapper::Raw);
        let limit = 1 << 20;
        assert_eq!(inflate(&bomb, Wrapper::Raw, limit).unwrap_err().kind(), ErrorKind::LimitExceeded);
        let mut seen = 0;
        let error = inflate_windows(&bomb, Wrapper::Raw, limit, &mut |piece| {
            seen += piece.len();
            Ok(())
        });
        assert_eq!(error.unwrap_err().kind(), ErrorKind::LimitExceeded);
        assert!(seen <= 1 << 20);
        assert_eq!(inflate(&bomb, Wrapper::Raw, 10 << 20).unwrap().bytes.len(), 10 << 20);
    }

    #[test]
    fn windows_join_to_the_data() {
        let data: Vec<u8> = (0..300_000_u32).flat_map(|index| (index / 7).to_le_bytes()).collect();
        for wrapper in [Wrapper::Raw, Wrapper::Zlib] {
            let mut coded = deflate(&data, wrapper);
            let len = coded.len();
            coded.extend_from_slice(b"more");
            let mut joined = Vec::new();
            let consumed = inflate_windows(&coded, wrapper, data.len() as u64, &mut |piece| {
                joined.extend_from_slice(piece);
                Ok(())
            });
            assert_eq!(consumed.unwrap(), len);
            assert!(joined == data);
        }
    }

    #[test]
    fn broken_zlib_data_is_told_apart() {
        let coded = deflate(b"data", Wrapper::Zlib);
        let mut wrong_sum = coded.clone();
        *wrong_sum.last_mut().unwrap() ^= 1;
        let decoded = inflate(&wrong_sum, Wrapper::Zlib, 10).unwrap();
        assert!(!decoded.intact && decoded.bytes == b"data" && decoded.consumed == coded.len());
        let no_sum = inflate(&coded[..coded.len() - 3], Wrapper::Zlib, 10).unwrap();
        assert!(!no_sum.intact && no_sum.consumed == coded.len() - 3);
        assert_eq!(inflate(&coded[..5], Wrapper::Zlib, 10).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(inflate(b"\x78\x9d..", Wrapper::Zlib, 10).unwrap_err().offset(), Some(0));
        assert_eq!(inflate(b"x", Wrapper::Zlib, 10).unwrap_err().kind(), ErrorKind::Malformed);
    }
}
