//! Going from box to box.

use std::ops::Range;

use super::{Atom, HEADER, Size};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The boxes of a range, and what is behind the last one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) atoms: Vec<Atom>,
    /// Bytes that are no box: a terminator, padding, a trailer, or damage.
    pub(crate) rest: Range<usize>,
    /// Whether the last box of the range says that it is longer than the range. It is cut at its end.
    pub(crate) is_cut: bool,
}

/// Walks the boxes in `range`, touching their headers only, up to the first bytes that are none.
///
/// # Errors
/// Over the limit of items.
pub(crate) fn walk(input: &[u8], range: Range<usize>, limits: &Limits) -> Result<Walk> {
    let mut walk = Walk { atoms: Vec::new(), rest: range.clone(), is_cut: false };
    while let Some(atom) = read(input, walk.rest.start..range.end) {
        // Within a box a size of zero ends a list; only what stands at the end of a file has no size.
        if atom.size == Size::ToEnd || atom.data.end > range.end {
            break;
        }
        walk.rest.start = atom.data.end;
        walk.atoms.push(atom);
        limits.check_items(walk.atoms.len(), "boxes")?;
    }
    Ok(walk)
}

/// Walks the boxes of a file. The last one may reach to its end without saying so; one of media may be cut.
///
/// # Errors
/// Malformed where a file ends within a box of known kind, and over the limit of items.
pub(crate) fn walk_file(input: &[u8], limits: &Limits) -> Result<Walk> {
    let mut walk = Walk { atoms: Vec::new(), rest: 0..input.len(), is_cut: false };
    while let Some(mut atom) = read(input, walk.rest.clone()) {
        if atom.data.end > input.len() {
            if !matches!(&atom.kind, b"mdat" | b"free" | b"skip" | b"wide") {
                if atom.kind.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b' ') {
                    let reason = format!("the file ends within a box {} of {} bytes", atom.name(), atom.len());
                    return Err(Error::malformed(atom.start as u64, reason));
                }
                break;
            }
            atom.data.end = input.len();
            walk.is_cut = true;
        }
        walk.rest.start = atom.data.end;
        walk.atoms.push(atom);
        limits.check_items(walk.atoms.len(), "boxes")?;
    }
    Ok(walk)
}

/// The box at the start of `range`, wherever it ends; nothing when there is no header, or a length that is less than
/// that of the header.
pub(crate) fn read(input: &[u8], range: Range<usize>) -> Option<Atom> {
    let mut cursor = Cursor::new(input.get(range.clone())?);
    let length = cursor.u32_be().ok()?;
    let kind: [u8; 4] = cursor.array().ok()?;
    let (length, size) = match length {
        0 if kind == [0; 4] => return None,
        0 => (range.len(), Size::ToEnd),
        1 => (usize::try_from(cursor.u64_be().ok()?).ok()?, Size::Long),
        length => (length as usize, Size::Short),
    };
    let uuid = if kind == *b"uuid" { Some(cursor.array().ok()?) } else { None };
    let data = range.start + cursor.position()..range.start.checked_add(length)?;
    (length >= cursor.position().max(HEADER)).then_some(Atom { kind, start: range.start, data, uuid, size })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn kinds(walk: &Walk) -> Vec<String> {
        walk.atoms.iter().map(Atom::name).collect()
    }

    #[test]
    fn all_three_sizes_are_read() {
        let input = b"\0\0\0\x09ftypx\0\0\0\x01free\0\0\0\0\0\0\0\x11y\0\0\0\0mdatzz";
        let walk = walk_file(input, &Limits::default()).unwrap();
        assert_eq!(kinds(&walk), ["ftyp", "free", "mdat"]);
        let data: Vec<_> = walk.atoms.iter().map(|atom| atom.data.clone()).collect();
        assert_eq!(data, [8..9, 25..26, 34..36]);
        assert_eq!(walk.rest, 36..36);
    }

    #[test]
    fn a_list_ends_at_zero() {
        let input = b"\0\0\0\x08name\0\0\0\0";
        let found = walk(input, 0..12, &Limits::default()).unwrap();
        assert_eq!((kinds(&found), found.rest), (vec!["name".to_owned()], 8..12));
        let input = b"\0\0\0\x08name\0\0\0\0abcd";
        let found = walk(input, 0..16, &Limits::default()).unwrap();
        assert_eq!(found.rest, 8..16);
    }

    #[test]
    fn a_file_may_end_within_media_only() {
        let cut = |kind: &[u8]| {
            let input = [b"\0\0\0\x08ftyp\0\0\0\xff", kind, b"abc"].concat();
            walk_file(&input, &Limits::default())
        };
        let walk = cut(b"mdat").unwrap();
        assert_eq!((walk.is_cut, walk.atoms.last().unwrap().data.clone()), (true, 16..19));
        assert_eq!(cut(b"moov").unwrap_err().kind(), ErrorKind::Malformed);
        assert_eq!(cut(b"\x01\x02\x03\x04").unwrap().rest, 8..19);
    }

    #[test]
    fn short_headers_and_wrapping_lengths_are_no_boxes() {
        for input in [&b"\0\0\0"[..], b"\0\0\0\x07free", b"\0\0\0\x01free\0\0\0\0\0\0\0\x0f", b"\0\0\0\x10uuid12345678"]
        {
            assert_eq!(walk_file(input, &Limits::default()).unwrap().atoms, []);
        }
        let input = b"\0\0\0\x01free\xff\xff\xff\xff\xff\xff\xff\xff";
        assert!(walk_file(input, &Limits::default()).is_ok());
    }
}
