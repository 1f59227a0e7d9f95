//! Brotli streams (RFC 7932), held whole: metadata in boxes of JPEG XL.

use brotli::enc::{BrotliEncoderParams, StandardAlloc};
use brotli::{BrotliDecompressStream, BrotliResult, BrotliState};

use crate::error::{Error, Result};

/// What is decoded at a time.
const WINDOW: usize = 64 << 10;

/// A decoded stream, and how many bytes of the input it took.
#[derive(Debug)]
pub(crate) struct Expanded {
    pub(crate) bytes: Vec<u8>,
    pub(crate) consumed: usize,
}

/// Decodes the stream at the start of `coded`.
///
/// # Errors
/// Malformed; over the limit when it holds more than `most` bytes.
pub(crate) fn expand(coded: &[u8], most: u64) -> Result<Expanded> {
    let allocator = StandardAlloc::default;
    let mut state = BrotliState::new(allocator(), allocator(), allocator());
    let mut bytes = Vec::new();
    let mut window = vec![0; WINDOW];
    let (mut left, mut consumed, mut total) = (coded.len(), 0, 0);
    loop {
        let (mut room, mut written) = (window.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut consumed,
            coded,
            &mut room,
            &mut written,
            &mut window,
            &mut total,
            &mut state,
        );
        bytes.extend_from_slice(window.get(..written).unwrap_or_default());
        if bytes.len() as u64 > most {
            return Err(Error::limit(format!("a Brotli stream holds more than {most} bytes")));
        }
        match result {
            BrotliResult::ResultSuccess => return Ok(Expanded { bytes, consumed }),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => return Err(Error::malformed(coded.len() as u64, "a Brotli stream is cut")),
            BrotliResult::ResultFailure => return Err(Error::malformed(consumed as u64, "not a Brotli stream")),
        }
    }
}

/// `bytes` as a stream, as short as it gets.
pub(crate) fn compress(bytes: &[u8]) -> Result<Vec<u8>> {
    let parameters = BrotliEncoderParams { quality: 11, size_hint: bytes.len(), ..BrotliEncoderParams::default() };
    let mut coded = Vec::new();
    brotli::BrotliCompress(&mut &*bytes, &mut coded, &parameters)
        .map_err(|error| Error::io("compressing metadata", error))?;
    Ok(coded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn streams_are_read_to_their_end() {
        for len in [0, 1, 1000, 3 * WINDOW] {
            let bytes: Vec<u8> = (0..len).map(|index| ((index * index) >> 3) as u8).collect();
            let coded = compress(&bytes).unwrap();
            let expanded = expand(&[&coded[..], b"more"].concat(), 1 << 20).unwrap();
            assert_eq!((expanded.bytes, expanded.consumed), (bytes, coded.len()));
        }
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        let coded = compress(&vec![0; 8 << 20]).unwrap();
        assert_eq!(expand(&coded, 1 << 20).unwrap_err().kind(), ErrorKind::LimitExceeded);
        let cut = coded.get(..coded.len() - 1).unwrap();
        assert_eq!(expand(cut, 64 << 20).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(expand(&[0xFF; 40], 1 << 20).unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(expand(b"", 1 << 20).unwrap_err().kind(), ErrorKind::Malformed);
    }
}
