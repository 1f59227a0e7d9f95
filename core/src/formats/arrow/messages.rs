//! The messages of a stream, and the footer of a file.

use std::ops::Range;

use crate::containers::arrow::{Metadata, Names, Root};
use crate::containers::regions::Regions;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// What a file begins and ends with.
pub(super) const MAGIC: &[u8] = b"ARROW1";

/// What stands before the length of a message, but in streams of before version 0.15.
const CONTINUATION: u32 = u32::MAX;

/// Where the first message of a file begins.
const FIRST: usize = 8;

const NAMES: Names = Names { table: "arrow", place: "" };

/// What was found.
#[derive(Debug)]
pub(super) struct Walk {
    /// Where buffers lie that hold labels or names, with what they hold.
    pub(super) found: Vec<(usize, Metadata)>,
    /// Everything else.
    pub(super) regions: Regions,
    /// Whether there is a message at all.
    has_messages: bool,
}

/// Whether `input` begins with a message that holds a schema.
pub(super) fn begins_stream(input: &[u8]) -> bool {
    let mut cursor = Cursor::new(input);
    let (Ok(CONTINUATION), Ok(len), Ok(root)) = (cursor.u32_le(), cursor.u32_le(), cursor.u32_le()) else {
        return false;
    };
    len.is_multiple_of(8) && len as usize <= input.len() && root >= 4 && root < len && root.is_multiple_of(4)
}

/// Walks the messages of `input`, touching their headers only.
pub(super) fn walk(input: &[u8], limits: &Limits) -> Result<Walk> {
    let mut walk = Walk { found: Vec::new(), regions: Regions::default(), has_messages: false };
    if !input.starts_with(MAGIC) {
        let end = walk.stream(input, 0..input.len(), limits)?;
        if !walk.has_messages {
            return Err(Error::malformed(0, "no message"));
        }
        walk.regions.slack("behind the stream", end..input.len());
        return Ok(walk);
    }
    let footer = footer(input).ok_or_else(|| Error::malformed(input.len() as u64, "no footer"))?;
    let end = walk.stream(input, FIRST..footer.start, limits)?;
    walk.regions.slack("before the footer", end..footer.start);
    walk.read(input, footer, Root::Footer, limits)?;
    Ok(walk)
}

/// Where the footer lies.
fn footer(input: &[u8]) -> Option<Range<usize>> {
    let (rest, len) = input.strip_suffix(MAGIC)?.split_last_chunk()?;
    let start = rest.len().checked_sub(u32::from_le_bytes(*len) as usize)?;
    (start >= FIRST).then_some(start..rest.len())
}

impl Walk {
    /// The messages in `range`; where they end.
    fn stream(&mut self, input: &[u8], range: Range<usize>, limits: &Limits) -> Result<usize> {
        let mut position = range.start;
        let mut count = 0;
        while position + 4 <= range.end {
            count += 1;
            limits.check_items(count, "messages")?;
            let mut cursor = Cursor::within(input.get(position..range.end).unwrap_or_default(), position as u64);
            let mut len = cursor.u32_le()?;
            if len == CONTINUATION {
                len = cursor.u32_le()?;
            }
            let start = position + cursor.position();
            if len == 0 {
                return Ok(start);
            }
            cursor.skip(len as usize)?;
            let buffer = start..start + len as usize;
            self.has_messages = true;
            let body = self.read(input, buffer.clone(), Root::Message, limits)?;
            let end = usize::try_from(body).ok().and_then(|body| body.checked_add(buffer.end));
            position =
                end.filter(|end| *end <= range.end).ok_or_else(|| cursor.malformed("a body ends behind the file"))?;
            self.regions.content("columns", buffer.end..position);
        }
        Ok(position)
    }

    /// Reads a buffer; the length of the body behind it.
    fn read(&mut self, input: &[u8], range: Range<usize>, root: Root, limits: &Limits) -> Result<u64> {
        let bytes = input.get(range.clone()).unwrap_or_default();
        let read = Metadata::read(bytes, root, NAMES, limits);
        let metadata = read.map_err(|error| error.rebased(range.start as u64))?;
        let body = metadata.body_len;
        if metadata.is_plain() {
            self.regions.metadata("message", range, Vec::new());
        } else {
            self.found.push((range.start, metadata));
        }
        Ok(body)
    }
}
