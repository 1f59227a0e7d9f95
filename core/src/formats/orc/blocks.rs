//! The blocks of a compressed section: three bytes of length and a bit that says that the bytes stand as they are.

use std::borrow::Cow;
use std::io::Read;

use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::containers::brotli;
use crate::containers::deflate::{Wrapper, deflate, inflate};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The length of the header of a block.
const HEADER: usize = 3;

/// What a header can count.
const LONGEST: usize = (1 << 23) - 1;

/// The size of blocks where the file does not say one.
const USUAL: u64 = 256 << 10;

/// Blocks of one section. All but the last are full, so that few make many bytes.
const MOST: usize = 1 << 16;

/// How the sections of a file are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Codec {
    #[default]
    None,
    Zlib,
    Snappy,
    Lz4,
    Zstd,
    Brotli,
    /// LZO, and what is not known: only blocks that stand as they are can be read.
    Other,
}

impl Codec {
    pub(super) fn new(kind: u64) -> Self {
        match kind {
            0 => Self::None,
            1 => Self::Zlib,
            2 => Self::Snappy,
            4 => Self::Lz4,
            5 => Self::Zstd,
            6 => Self::Brotli,
            _ => Self::Other,
        }
    }
}

/// The codec of a file, and how many bytes a block holds at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coding {
    pub(super) codec: Codec,
    block: usize,
}

impl Coding {
    pub(super) fn new(codec: Codec, block: u64) -> Self {
        let block = if block == 0 { USUAL } else { block };
        Self { codec, block: usize::try_from(block).unwrap_or(LONGEST).min(LONGEST) }
    }

    /// The bytes of a section that lies at byte `base` of the file.
    ///
    /// # Errors
    /// Unsupported when a block is in a codec that is not read; malformed; over the limits.
    pub(super) fn decode<'a>(&self, coded: &'a [u8], base: u64, limits: &Limits) -> Result<Cow<'a, [u8]>> {
        if self.codec == Codec::None {
            limits.check_part(coded.len() as u64)?;
            return Ok(Cow::Borrowed(coded));
        }
        let mut bytes = Vec::new();
        let (mut rest, mut count) = (coded, 0);
        let mut window = Vec::new();
        while !rest.is_empty() {
            let at = base + (coded.len() - rest.len()) as u64;
            let damaged = || Error::malformed(at, "a block is damaged");
            let ([a, b, c], after) = rest.split_first_chunk::<HEADER>().ok_or_else(damaged)?;
            let header = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
            let (block, after) = after.split_at_checked(header >> 1).ok_or_else(damaged)?;
            if header & 1 == 1 {
                bytes.extend_from_slice(block);
            } else {
                self.expand(block, &mut window, &mut bytes).map_err(|error| error.at(at))?;
            }
            limits.check_part(bytes.len() as u64)?;
            count += 1;
            if count > MOST {
                return Err(Error::limit(format!("more than {MOST} blocks")));
            }
            rest = after;
        }
        Ok(Cow::Owned(bytes))
    }

    /// Decodes a block; `window` is room to do so, kept from block to block.
    fn expand(&self, block: &[u8], window: &mut Vec<u8>, bytes: &mut Vec<u8>) -> Result<()> {
        let damaged = || Error::malformed(0, "a block is damaged");
        match self.codec {
            Codec::Zlib => bytes.extend(inflate(block, Wrapper::Raw, self.block as u64)?.bytes),
            Codec::Brotli => bytes.extend(brotli::expand(block, self.block as u64)?.bytes),
            Codec::Zstd => {
                let decoder = ruzstd::decoding::StreamingDecoder::new_with_max_window_size(block, (LONGEST + 1) as u64);
                let decoder = decoder.map_err(|_| damaged())?;
                window.clear();
                decoder.take(self.block as u64 + 1).read_to_end(window).map_err(|_| damaged())?;
                if window.len() > self.block {
                    return Err(damaged());
                }
                bytes.extend_from_slice(window);
            }
            Codec::Snappy | Codec::Lz4 => {
                window.resize(self.block, 0);
                let len = if self.codec == Codec::Lz4 {
                    lz4_flex::block::decompress_into(block, window).map_err(|_| damaged())?
                } else {
                    snap::raw::Decoder::new().decompress(block, window).map_err(|_| damaged())?
                };
                bytes.extend_from_slice(window.get(..len).unwrap_or_default());
            }
            Codec::None | Codec::Other => return Err(Error::unsupported("the codec of the footer is not read")),
        }
        Ok(())
    }

    /// `bytes` as a section. A block that its codec would not shorten stands as it is.
    pub(super) fn encode(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        if self.codec == Codec::None {
            return Ok(bytes.to_vec());
        }
        let mut section = Vec::new();
        for block in bytes.chunks(self.block) {
            let coded = match self.codec {
                Codec::Zlib => Some(deflate(block, Wrapper::Raw)),
                Codec::Brotli => Some(brotli::compress(block)?),
                Codec::Zstd => Some(compress_to_vec(block, CompressionLevel::Fastest)),
                Codec::Lz4 => Some(lz4_flex::block::compress(block)),
                Codec::Snappy => snap::raw::Encoder::new().compress_vec(block).ok(),
                Codec::None | Codec::Other => None,
            };
            let coded = coded.filter(|coded| coded.len() < block.len());
            let header = coded.as_ref().map_or(block.len() << 1 | 1, |coded| coded.len() << 1);
            let [a, b, c, ..] = header.to_le_bytes();
            section.extend([a, b, c]);
            section.extend_from_slice(coded.as_deref().unwrap_or(block));
        }
        Ok(section)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn what_is_encoded_is_decoded() {
        let limits = Limits::default();
        let text: Vec<u8> = (0..600_u32).flat_map(|number| (number % 91).to_le_bytes()).collect();
        for kind in 0..7 {
            for block in [500, 1 << 18] {
                let coding = Coding::new(Codec::new(kind), block);
                for bytes in [&text[..], &text[..1], b""] {
                    let coded = coding.encode(bytes).unwrap();
                    assert_eq!(coding.decode(&coded, 0, &limits).unwrap(), bytes, "{coding:?}");
                }
            }
        }
    }

    #[test]
    fn blocks_that_stand_as_they_are_are_read_in_every_codec() {
        let limits = Limits::default();
        for kind in 1..9 {
            let coding = Coding::new(Codec::new(kind), 0);
            assert_eq!(coding.decode(b"\x07\0\0abc\x03\0\0d", 0, &limits).unwrap(), &b"abcd"[..]);
            for damaged in [&b"\x07\0"[..], b"\x07\0\0ab", b"\x06\0\0\xff\xff\xff"] {
                let kind = coding.decode(damaged, 0, &limits).unwrap_err().kind();
                let unread = coding.codec == Codec::Other && damaged[0] == 6;
                let want = if unread { ErrorKind::Unsupported } else { ErrorKind::Malformed };
                assert_eq!(kind, want, "{coding:?} {damaged:?}");
            }
        }
    }

    #[test]
    fn a_block_holds_no_more_than_the_file_says() {
        let limits = Limits::default();
        for kind in [1, 2, 4, 5, 6] {
            let coded = Coding::new(Codec::new(kind), 1000).encode(&[7; 1000]).unwrap();
            assert!(coded.len() < 100);
            assert!(Coding::new(Codec::new(kind), 999).decode(&coded, 0, &limits).is_err(), "{kind}");
        }
    }
}
