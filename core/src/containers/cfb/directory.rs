//! The directory: storages and streams as a tree of trees ([MS-CFB] 2.6).

use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

use super::header::Header;

/// Length of an entry in bytes.
const ENTRY: u64 = 128;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryKind {
    /// Nothing: it may be used for a new one.
    Unused,
    /// A folder.
    Storage,
    /// Bytes.
    Stream,
    /// The outermost storage, whose stream holds all short ones.
    Root,
}

/// An entry of the directory.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// Its name; the first character may be a control character.
    pub(crate) name: String,
    pub(crate) kind: EntryKind,
    /// The class of a storage.
    pub(crate) class: [u8; 16],
    /// Length of the stream.
    pub(crate) len: u64,
    /// The storage it stands in; none for the root, and for what the tree does not reach.
    pub(crate) parent: Option<usize>,
    /// First byte of the entry in the file.
    pub(crate) offset: u64,
    /// Why the bytes of the stream cannot be told, if so.
    pub(crate) fault: Option<&'static str>,
    pub(super) start: u32,
    siblings: [u32; 2],
    child: u32,
}

impl Entry {
    fn read(cursor: &mut Cursor<'_>, header: &Header) -> Result<Self> {
        let offset = cursor.offset();
        let name = cursor.take(64)?;
        let name_len = usize::from(cursor.u16_le()?);
        let kind = match cursor.u8()? {
            1 => EntryKind::Storage,
            2 => EntryKind::Stream,
            5 => EntryKind::Root,
            _ => EntryKind::Unused,
        };
        cursor.skip(1)?;
        let siblings = [cursor.u32_le()?, cursor.u32_le()?];
        let child = cursor.u32_le()?;
        let class = cursor.array()?;
        cursor.skip(20)?;
        let start = cursor.u32_le()?;
        let len = if header.is_wide { cursor.u64_le()? } else { u64::from(cursor.u32_le()?) };
        if !header.is_wide {
            cursor.skip(4)?;
        }
        let name = name.get(..name_len.clamp(2, 64) - 2).unwrap_or_default();
        let units = name.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let name = String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>());
        Ok(Self { name, kind, class, len, parent: None, offset, fault: None, start, siblings, child })
    }
}

/// Reads the entries of these sectors, as far as they lie in the file, and links them.
pub(super) fn read(input: &[u8], header: &Header, sectors: &[u32], limits: &Limits) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for range in sectors.iter().filter_map(|sector| header.range(*sector)) {
        let mut cursor = Cursor::new(input);
        cursor.seek(range.start as usize)?;
        while range.end - cursor.offset() >= ENTRY {
            entries.push(Entry::read(&mut cursor, header)?);
        }
        limits.check_items(entries.len(), "directory entries")?;
    }
    link(&mut entries, limits)?;
    Ok(entries)
}

/// Finds the storage of every entry that the tree reaches. Links that lead nowhere or back are ignored, as readers do.
fn link(entries: &mut [Entry], limits: &Limits) -> Result<()> {
    let mut open: Vec<(u32, usize, usize)> = Vec::new();
    match entries.first() {
        Some(root) => open.push((root.child, 0, 1)),
        None => return Ok(()),
    }
    while let Some((id, parent, depth)) = open.pop() {
        let index = id as usize;
        let Some(entry) = entries.get_mut(index).filter(|entry| entry.parent.is_none() && index != 0) else { continue };
        if !matches!(entry.kind, EntryKind::Storage | EntryKind::Stream) {
            continue;
        }
        limits.check_depth(depth)?;
        entry.parent = Some(parent);
        open.extend(entry.siblings.map(|sibling| (sibling, parent, depth)));
        if entry.kind == EntryKind::Storage {
            open.push((entry.child, index, depth + 1));
        }
    }
    Ok(())
}
