//! Files inside compound files: what was inserted as a package, and the native data of other programs
//! ([MS-OLEDS] 2.3.6).

use std::ops::Range;

use crate::containers::cfb::{CompoundFile, Held};
use crate::containers::text;
use crate::cursor::Cursor;
use crate::error::Result;

/// Bytes of native data in which names stand before the file.
const HEAD: u64 = 4096;

/// Streams that are a file, whole.
const FILES: [&str; 4] = ["Package", "CONTENTS", "EmbeddedOdf", "StarObject"];

/// The file that the stream `id` is or holds.
pub(super) fn find(file: &CompoundFile<'_>, id: usize) -> Option<Held> {
    let entry = file.entry(id)?;
    let is_native = entry.name == "\u{1}Ole10Native";
    if !is_native && !FILES.contains(&&*entry.name) || entry.fault.is_some() {
        return None;
    }
    let whole = file.extents(id).ok()?;
    let (name, range) =
        if is_native { native(&whole.head(file.input(), HEAD)?, whole.len())? } else { (None, 0..whole.len()) };
    let extents = whole.slice(range);
    let place = name.map_or_else(|| file.path(id), |name| format!("{}/{name}", file.path(id)));
    (extents.len() > 0).then(|| Held::new(place, extents))
}

/// The name and the bytes of the file in native data of `len` bytes that begins with `head`: a package of the shell,
/// or what its program wrote.
fn native(head: &[u8], len: u64) -> Option<(Option<String>, Range<u64>)> {
    let declared = u64::from(u32::from_le_bytes(*head.first_chunk()?));
    let end = (4 + declared).min(len);
    let package = || -> Result<(Option<String>, Range<u64>)> {
        let mut cursor = Cursor::new(head);
        cursor.skip(6)?;
        let name = string(&mut cursor)?;
        string(&mut cursor)?;
        cursor.skip(4)?;
        let path = cursor.u32_le()? as usize;
        cursor.skip(path)?;
        let size = u64::from(cursor.u32_le()?);
        let start = cursor.offset();
        if start + size > len {
            return Err(cursor.malformed("not a package"));
        }
        // Only the last part of a path is the name.
        let name = name.rsplit(['\\', '/']).next().unwrap_or_default().to_owned();
        Ok((Some(name).filter(|name| !name.is_empty()), start..start + size))
    };
    package().ok().or((4 < end).then_some((None, 4..end)))
}

/// Text up to its NUL.
fn string(cursor: &mut Cursor<'_>) -> Result<String> {
    let len = cursor.rest().iter().position(|byte| *byte == 0);
    let bytes = cursor.take(len.ok_or_else(|| cursor.malformed("a name without an end"))?)?;
    cursor.skip(1)?;
    Ok(text::decode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_name_their_file() {
        let mut data = b"\x02\0report.docx\0C:\\x\\report.docx\0\0\0\x03\0\x04\0\0\0abc\0\x03\0\0\0PK!".to_vec();
        let mut whole = (data.len() as u32).to_le_bytes().to_vec();
        whole.append(&mut data);
        let len = whole.len() as u64;
        assert_eq!(native(&whole, len), Some((Some("report.docx".to_owned()), len - 3..len)));
        assert_eq!(native(b"\x03\0\0\0PK!", 7), Some((None, 4..7)));
        assert_eq!(native(b"\x03", 1), None);
    }
}
