//! The codestream of JPEG 2000 (ITU-T T.800, annex A): its comments, in the main header and in those of tile-parts.
//! Tile-parts are passed over by their lengths.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

const SOC: u16 = 0xFF4F;
const COM: u16 = 0xFF64;
const SOT: u16 = 0xFF90;
const SOD: u16 = 0xFF93;
const EOC: u16 = 0xFFD9;

/// A comment. All ranges are bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Comment {
    /// From the marker on.
    pub(super) segment: Range<usize>,
    pub(super) data: Range<usize>,
    pub(super) is_text: bool,
    /// Whether it stands in the main header, of which nothing tells the length.
    pub(super) is_in_main: bool,
}

/// What is known of a codestream.
#[derive(Debug, Default)]
pub(super) struct Codestream {
    pub(super) comments: Vec<Comment>,
    /// Where it ends, if it says so.
    pub(super) end: Option<usize>,
}

/// Whether `bytes` begin a codestream.
pub(super) fn is_start(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0xFF, 0x4F, 0xFF, 0x51])
}

/// Reads the headers of the codestream in `range`, as far as they can be read.
///
/// # Errors
/// Over the limit of items.
pub(super) fn read(input: &[u8], range: Range<usize>, limits: &Limits) -> Result<Codestream> {
    let mut found = Codestream::default();
    let mut cursor = Cursor::new(input.get(..range.end).unwrap_or_default());
    // Where the tile-part ends whose header is read.
    let mut tile: Option<usize> = None;
    let mut count = 0;
    if cursor.seek(range.start).is_err() {
        return Ok(found);
    }
    loop {
        count += 1;
        limits.check_items(count, "markers")?;
        let start = cursor.position();
        let Ok(marker) = cursor.u16_be() else { return Ok(found) };
        match marker {
            EOC => {
                found.end = Some(cursor.position());
                return Ok(found);
            }
            SOD => {
                let next = tile.take().filter(|end| *end > start);
                if next.is_none_or(|end| cursor.seek(end).is_err()) {
                    return Ok(found);
                }
                continue;
            }
            SOC | 0xFF30..=0xFF3F => continue,
            0xFF01..=0xFFFE => {}
            _ => return Ok(found),
        }
        let Ok(length) = cursor.u16_be() else { return Ok(found) };
        let data = cursor.position();
        let Some(end) = usize::from(length).checked_sub(2).map(|length| data + length) else { return Ok(found) };
        match marker {
            SOT => {
                let length = cursor.skip(2).and_then(|()| cursor.u32_be()).unwrap_or(0);
                // Nought says: to the end of the codestream.
                tile = (length > 0).then(|| start.saturating_add(length as usize));
            }
            COM if end <= range.end && end >= data + 2 => {
                let kind = cursor.u16_be()?;
                let is_in_main = tile.is_none() && !found.comments.iter().any(|comment| !comment.is_in_main);
                let data = data + 2..end;
                found.comments.push(Comment { segment: start..end, data, is_text: kind == 1, is_in_main });
            }
            _ => {}
        }
        if cursor.seek(end).is_err() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn comment(text: &str) -> Vec<u8> {
        [&[0xFF, 0x64][..], &(text.len() as u16 + 4).to_be_bytes(), &[0, 1], text.as_bytes()].concat()
    }

    /// A codestream with a comment in its header, and one in that of its second tile-part.
    pub(crate) fn codestream(first: &[u8], second: &[u8]) -> Vec<u8> {
        let tile = |header: &[u8]| {
            let body = [header, &[0xFF, 0x93], b"packets"].concat();
            [&[0xFF, 0x90, 0, 10, 0, 0][..], &(body.len() as u32 + 12).to_be_bytes(), &[0, 1], &body].concat()
        };
        let size = [&[0xFF, 0x51, 0, 6][..], &[0; 4]].concat();
        [&[0xFF, 0x4F][..], &size, first, &tile(b""), &tile(second), &[0xFF, 0xD9]].concat()
    }

    #[test]
    fn comments_of_every_header_are_found() {
        let input = [codestream(&comment("one"), &comment("two")), b"trailer".to_vec()].concat();
        let found = read(&input, 0..input.len(), &Limits::default()).unwrap();
        let texts: Vec<_> = found.comments.iter().map(|it| (&input[it.data.clone()], it.is_in_main)).collect();
        assert_eq!(texts, [(&b"one"[..], true), (b"two", false)]);
        assert_eq!(found.end, Some(input.len() - 7));
        for end in 0..input.len() {
            read(&input, 0..end, &Limits::default()).unwrap();
        }
    }
}
