//! The metadata blocks of a FLAC file.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

pub(super) const MAGIC: &[u8] = b"fLaC";

const STREAMINFO: u8 = 0;
pub(super) const PADDING: u8 = 1;
pub(in crate::formats) const APPLICATION: u8 = 2;
pub(in crate::formats) const VORBIS_COMMENT: u8 = 4;
pub(in crate::formats) const CUESHEET: u8 = 5;
pub(in crate::formats) const PICTURE: u8 = 6;
/// Looks like the start of a frame.
const FORBIDDEN: u8 = 127;

/// Length of a block's header.
pub(super) const HEADER: usize = 4;

/// The longest data of a block.
pub(super) const LONGEST: usize = (1 << 24) - 1;

/// The bit that says that no block follows.
pub(super) const LAST: u8 = 0x80;

/// One block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) kind: u8,
    pub(super) is_last: bool,
    pub(super) data: Range<usize>,
}

impl Block {
    /// From the header to the end of the data.
    pub(super) fn range(&self) -> Range<usize> {
        self.data.start - HEADER..self.data.end
    }
}

/// The header of a block.
pub(super) fn header(kind: u8, is_last: bool, length: usize) -> [u8; HEADER] {
    let [_, high, middle, low] = (length as u32).to_be_bytes();
    [kind | if is_last { LAST } else { 0 }, high, middle, low]
}

/// The blocks of the file that begins at the start of `audio`, and where its frames begin (RFC 9639, section 8).
pub(super) fn walk(input: &[u8], audio: &Range<usize>, limits: &Limits) -> Result<(Vec<Block>, usize)> {
    let mut cursor = Cursor::new(input.get(..audio.end).unwrap_or_default());
    cursor.seek(audio.start)?;
    if cursor.take(MAGIC.len())? != MAGIC {
        return Err(crate::error::Error::malformed(audio.start as u64, "no FLAC signature"));
    }
    let mut blocks = Vec::<Block>::new();
    // Some writers forget to say which block is the last.
    while !cursor.is_empty() && !cursor.starts_with(&[LAST | FORBIDDEN]) {
        let [first, high, middle, low] = cursor.array()?;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        let start = cursor.position();
        if first & !LAST == FORBIDDEN {
            return Err(cursor.malformed("a metadata block of a forbidden type"));
        }
        if blocks.is_empty() && first & !LAST != STREAMINFO {
            return Err(cursor.malformed("no STREAMINFO before the other metadata blocks"));
        }
        cursor.skip(length)?;
        let is_last = first & LAST != 0;
        blocks.push(Block { kind: first & !LAST, is_last, data: start..cursor.position() });
        limits.check_items(blocks.len(), "metadata blocks")?;
        if is_last {
            break;
        }
    }
    Ok((blocks, cursor.position()))
}
