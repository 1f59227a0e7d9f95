//! Items of a `meta` box (ISO/IEC 14496-12, 8.11): what they are (`iinf`), and where their bytes lie (`iloc`).

use std::collections::HashMap;
use std::ops::Range;

use super::tree::Tree;
use crate::containers::bmff::{Atom, walk};
use crate::containers::text::decode;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) id: u32,
    pub(super) kind: [u8; 4],
    pub(super) content_type: String,
    /// How the bytes are coded; empty when they stand as they are.
    pub(super) coding: String,
}

/// Where the items of one `meta` box lie: by their number, the pieces in the file. Nothing for an item that lies in
/// another file, or in another item.
pub(super) type Places = HashMap<u32, Option<Vec<Range<usize>>>>;

/// The items of a `meta` box.
pub(super) fn items(input: &[u8], tree: &Tree, meta: usize, limits: &Limits) -> Result<Vec<Item>> {
    let Some(list) = tree.child(meta, *b"iinf").and_then(|node| tree.atom(node)) else { return Ok(Vec::new()) };
    let head = if list.bytes(input).first() == Some(&0) { 6 } else { 8 };
    let entries = walk(input, (list.data.start + head).min(list.data.end)..list.data.end, limits)?;
    let entries = entries.atoms.iter().filter(|entry| entry.kind == *b"infe");
    Ok(entries.filter_map(|entry| item(entry.bytes(input))).collect())
}

fn item(data: &[u8]) -> Option<Item> {
    let mut cursor = Cursor::new(data);
    let version = cursor.u8().ok()?;
    cursor.skip(3).ok()?;
    let id = if version == 3 { cursor.u32_be().ok()? } else { u32::from(cursor.u16_be().ok()?) };
    cursor.skip(2).ok()?;
    let kind = if version < 2 { *b"mime" } else { cursor.array().ok()? };
    let mut fields = cursor.rest().split(|byte| *byte == 0).skip(1);
    let mut field = || fields.next().map(decode).unwrap_or_default();
    let (content_type, coding) = if kind == *b"mime" { (field(), field()) } else { Default::default() };
    Some(Item { id, kind, content_type, coding })
}

/// Where the items of a `meta` box lie; nothing when its table is damaged.
pub(super) fn places(input: &[u8], tree: &Tree, meta: usize, limits: &Limits) -> Option<Places> {
    let table = tree.child(meta, *b"iloc").and_then(|node| tree.atom(node))?;
    let idat = tree.child(meta, *b"idat").and_then(|node| tree.atom(node));
    let mut cursor = Cursor::new(table.bytes(input));
    let version = cursor.u8().ok().filter(|version| *version <= 2)?;
    cursor.skip(3).ok()?;
    let widths = cursor.u16_be().ok()?;
    let [offset, length, base, index] = [12, 8, 4, 0].map(|shift| usize::from(widths >> shift & 15));
    let index = if version == 0 { 0 } else { index };
    if [offset, length, base, index].iter().any(|width| !matches!(width, 0 | 4 | 8)) {
        return None;
    }
    let wide = |cursor: &mut Cursor<'_>| match version {
        2 => cursor.u32_be().ok(),
        _ => cursor.u16_be().ok().map(u32::from),
    };
    let count = wide(&mut cursor)?;
    let mut places = Places::new();
    let mut total = 0;
    for _ in 0..count {
        let id = wide(&mut cursor)?;
        let construction = if version == 0 { 0 } else { cursor.u16_be().ok()? & 15 };
        let is_here = cursor.u16_be().ok()? == 0;
        let start = number(&mut cursor, base)?;
        let extents = cursor.u16_be().ok()?;
        if extents > 1 && offset + length == 0 {
            return None;
        }
        total += usize::from(extents);
        limits.check_items(total, "extents").ok()?;
        let whole = match construction {
            0 if is_here => Some(0..input.len()),
            1 => idat.map(|idat| idat.data.clone()),
            _ => None,
        };
        let mut pieces = whole.is_some().then(Vec::new);
        for _ in 0..extents {
            number(&mut cursor, index)?;
            let (at, length) = (number(&mut cursor, offset)?, number(&mut cursor, length)?);
            let piece = whole.as_ref().and_then(|whole| extent(whole, start.checked_add(at)?, length));
            pieces = pieces.zip(piece).map(|(mut pieces, piece)| {
                pieces.push(piece);
                pieces
            });
        }
        places.insert(id, pieces);
    }
    Some(places)
}

/// A piece of `whole`; a length of zero means all the rest.
fn extent(whole: &Range<usize>, at: u64, length: u64) -> Option<Range<usize>> {
    let start = whole.start.checked_add(usize::try_from(at).ok()?)?;
    let end = if length == 0 { whole.end } else { start.checked_add(usize::try_from(length).ok()?)? };
    (start <= end && end <= whole.end).then_some(start..end)
}

fn number(cursor: &mut Cursor<'_>, width: usize) -> Option<u64> {
    match width {
        0 => Some(0),
        4 => cursor.u32_be().ok().map(u64::from),
        _ => cursor.u64_be().ok(),
    }
}

/// Whether a minimized image box (HEIF, third edition) says that it holds Exif or XMP.
pub(super) fn describes(input: &[u8], mini: &Atom) -> bool {
    mini.bytes(input).get(1).is_some_and(|flags| flags & 0x60 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::isobmff::tests::{atom, full};

    fn tree(parts: &[&[u8]]) -> (Vec<u8>, Tree) {
        let input = full(b"meta", 0, 0, parts);
        let tree = Tree::read(&input, &Limits::default()).unwrap();
        (input, tree)
    }

    #[test]
    fn items_of_all_versions_are_read() {
        let entries = [
            full(b"infe", 2, 0, &[b"\0\x01\0\0Exif\0"]),
            full(b"infe", 3, 0, &[b"\0\0\0\x02\0\0mimename\0application/rdf+xml\0deflate\0"]),
            full(b"infe", 0, 0, &[b"\0\x03\0\0name\0text/plain\0\0"]),
        ];
        let (input, tree) = tree(&[&full(b"iinf", 0, 0, &[b"\0\x03", &entries.concat()])]);
        let found = items(&input, &tree, 0, &Limits::default()).unwrap();
        let told: Vec<_> = found.iter().map(|item| (item.id, item.kind, &*item.content_type, &*item.coding)).collect();
        let want =
            [(1, *b"Exif", "", ""), (2, *b"mime", "application/rdf+xml", "deflate"), (3, *b"mime", "text/plain", "")];
        assert_eq!(told, want);
    }

    #[test]
    fn places_of_all_versions_are_read() {
        let read = |table: Vec<u8>| {
            let (input, tree) = tree(&[&table, &atom(b"idat", &[b"0123456789"])]);
            let places = places(&input, &tree, 0, &Limits::default())?;
            let pieces = places.get(&7)?.clone()?;
            Some(pieces.into_iter().flat_map(|piece| input.get(piece).unwrap().to_vec()).collect::<Vec<u8>>())
        };
        let table = full(b"iloc", 0, 0, &[b"\x44\0\0\x01\0\x07\0\0\0\x01\0\0\0\x08\0\0\0\x04"]);
        assert_eq!(read(table).unwrap(), b"\0\0\0\0", "in the file");
        let table = full(
            b"iloc",
            1,
            0,
            &[b"\x44\x40\0\x01\0\x07\0\x01\0\0\0\0\0\x02\0\x02\0\0\0\x01\0\0\0\x02\0\0\0\x05\0\0\0\0"],
        );
        assert_eq!(read(table).unwrap(), b"34789", "in idat, two pieces, the last to the end");
        let table = full(b"iloc", 2, 0, &[b"\x44\0\0\0\0\x01\0\0\0\x07\0\x02\0\0\0\x01\0\0\0\x08\0\0\0\x04"]);
        assert_eq!(read(table), None, "in another item");
        let table = full(b"iloc", 0, 0, &[b"\x44\0\0\x01\0\x07\0\0\0\x01\0\0\0\x08\0\0\xff\x04"]);
        assert_eq!(read(table), None, "outside");
    }
}
