//! The blocks of a GIF file.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

pub(super) const EXTENSION: u8 = 0x21;
pub(super) const COMMENT: u8 = 0xFE;
pub(super) const APPLICATION: u8 = 0xFF;
const PLAIN_TEXT: u8 = 0x01;
const IMAGE: u8 = 0x2C;
pub(super) const TRAILER: u8 = 0x3B;

/// Identifier and authentication code of an application extension.
const IDENTIFIER: usize = 11;

/// An extension.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    pub(super) label: u8,
    /// From the introducer to the terminator.
    pub(super) range: Range<usize>,
    /// Who made it: identifier and code of an application extension.
    pub(super) application: Option<[u8; IDENTIFIER]>,
    /// Where the sub-blocks begin, behind the identifier.
    pub(super) data: usize,
}

/// What a file consists of.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Comments and application extensions.
    pub(super) extensions: Vec<Extension>,
    /// Pictures, text that is drawn over them, and what says how they are shown; joined where they follow each other.
    pub(super) pictures: Vec<Range<usize>>,
    /// Where the last block ends.
    pub(super) end: usize,
    /// Whether that is the trailer.
    pub(super) is_ended: bool,
}

/// Walks the blocks of `input`. A file without trailer ends with its last whole block.
pub(super) fn walk(input: &[u8], limits: &Limits) -> Result<Walk> {
    let mut cursor = Cursor::new(input);
    cursor.skip(10)?;
    let flags = cursor.u8()?;
    cursor.skip(2)?;
    skip_colours(&mut cursor, flags)?;
    let mut walk = Walk { end: cursor.position(), ..Walk::default() };
    while !cursor.is_empty() {
        let start = cursor.position();
        match cursor.u8()? {
            TRAILER => {
                walk.end = cursor.position();
                walk.is_ended = true;
                return Ok(walk);
            }
            EXTENSION => match extension(&mut cursor, start) {
                Ok(extension) if matches!(extension.label, COMMENT | APPLICATION) => walk.extensions.push(extension),
                Ok(extension) => picture(&mut walk, extension.range),
                Err(_) if !walk.pictures.is_empty() => break,
                Err(error) => return Err(error),
            },
            IMAGE => {
                if image(&mut cursor).is_err() {
                    // Pictures that end early are shown as far as they go.
                    picture(&mut walk, start..input.len());
                    walk.end = input.len();
                    return Ok(walk);
                }
                picture(&mut walk, start..cursor.position());
            }
            // Some writers leave zeros between blocks.
            0 => picture(&mut walk, start..cursor.position()),
            _ if !walk.pictures.is_empty() => break,
            _ => return Err(Error::malformed(start as u64, "not a block of a GIF file")),
        }
        walk.end = cursor.position();
        limits.check_items(walk.extensions.len() + walk.pictures.len(), "GIF blocks")?;
    }
    Ok(walk)
}

fn picture(walk: &mut Walk, range: Range<usize>) {
    match walk.pictures.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => walk.pictures.push(range),
    }
}

fn skip_colours(cursor: &mut Cursor<'_>, flags: u8) -> Result<()> {
    if flags & 0x80 != 0 {
        cursor.skip(3 << ((flags & 7) + 1))?;
    }
    Ok(())
}

fn extension(cursor: &mut Cursor<'_>, start: usize) -> Result<Extension> {
    let label = cursor.u8()?;
    let mut application = None;
    let mut data = cursor.position();
    if label == APPLICATION && cursor.starts_with(&[IDENTIFIER as u8]) {
        cursor.skip(1)?;
        application = Some(cursor.array()?);
        data = cursor.position();
    } else if label == PLAIN_TEXT && cursor.starts_with(&[12]) {
        cursor.skip(13)?;
    }
    skip_blocks(cursor)?;
    Ok(Extension { label, range: start..cursor.position(), application, data })
}

fn image(cursor: &mut Cursor<'_>) -> Result<()> {
    cursor.skip(8)?;
    let flags = cursor.u8()?;
    skip_colours(cursor, flags)?;
    cursor.skip(1)?;
    skip_blocks(cursor)
}

fn skip_blocks(cursor: &mut Cursor<'_>) -> Result<()> {
    loop {
        match cursor.u8()? {
            0 => return Ok(()),
            length => cursor.skip(usize::from(length))?,
        }
    }
}

/// The data of the sub-blocks at `position`, block by block, without their lengths.
pub(super) fn blocks(input: &[u8], mut position: usize, end: usize) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    while let Some(length) = input.get(..end).and_then(|input| input.get(position)).filter(|length| **length > 0) {
        let data = position + 1..(position + 1 + usize::from(*length)).min(end);
        position = data.end;
        blocks.push(data);
    }
    blocks
}
