//! The `PICTURE` block of FLAC (RFC 9639, section 8.8), which other formats take over, mostly in base64: type of the
//! picture, media type, description, size, the file.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::text;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

/// A picture, by ranges of its block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// What it shows: 3 is the front cover.
    pub(crate) role: u32,
    pub(crate) media_type: Range<usize>,
    pub(crate) description: Range<usize>,
    /// The file.
    pub(crate) data: Range<usize>,
}

impl Picture {
    /// Reads the block.
    pub(crate) fn parse(block: &[u8]) -> Result<Self> {
        let mut cursor = Cursor::new(block);
        let role = cursor.u32_be()?;
        let media_type = field(&mut cursor)?;
        let description = field(&mut cursor)?;
        // Width, height, depth, number of colours.
        cursor.skip(16)?;
        let data = field(&mut cursor)?;
        Ok(Self { role, media_type, description, data })
    }

    /// The description as text.
    pub(crate) fn text(&self, block: &[u8], limits: &Limits) -> String {
        text::value(text::decode(block.get(self.description.clone()).unwrap_or_default()), limits)
    }
}

/// The range of as many bytes as the number before them says.
fn field(cursor: &mut Cursor<'_>) -> Result<Range<usize>> {
    let length = cursor.u32_be()?;
    let start = cursor.position();
    cursor.skip(length as usize)?;
    Ok(start..cursor.position())
}

/// A block in base64, with or without padding.
pub(crate) fn decode_base64(coded: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(coded).or_else(|_| STANDARD_NO_PAD.decode(coded)).ok()
}

/// How much of a block is decoded to read what stands before its file.
const HEAD: usize = 1 << 16;

/// The description of a picture in base64.
pub(crate) fn described_in_base64(coded: &[u8], limits: &Limits) -> Option<String> {
    let head = coded.get(..coded.len().min(HEAD))?;
    let block = decode_base64(head.get(..head.len() & !3).filter(|_| coded.len() > HEAD).unwrap_or(head))?;
    let mut cursor = Cursor::new(&block);
    cursor.skip(4).ok()?;
    field(&mut cursor).ok()?;
    let description = field(&mut cursor).ok()?;
    Some(text::value(text::decode(block.get(description)?), limits))
}
