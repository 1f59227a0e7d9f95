//! Item lists (`ilst`): the tags of iTunes, freeform tags, and the keyed metadata of QuickTime.

use std::ops::Range;

use crate::containers::bmff::name;
use crate::containers::text::{decode, decode_as, decode_utf16, is_text};
use crate::cursor::Cursor;
use crate::survey::Kind;

/// One entry of a `keys` box. Items name it by its number, which counts from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Bytes of the payload of `keys`.
    pub(super) range: Range<usize>,
    pub(super) namespace: [u8; 4],
    pub(super) name: String,
}

/// The entries of a `keys` box; nothing when it is damaged.
pub(super) fn keys(data: &[u8]) -> Option<Vec<Key>> {
    let mut cursor = Cursor::new(data);
    cursor.skip(4).ok()?;
    let count = cursor.u32_be().ok()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let start = cursor.position();
        let length = (cursor.u32_be().ok()? as usize).checked_sub(8)?;
        let namespace = cursor.array().ok()?;
        let name = decode(cursor.take(length).ok()?);
        keys.push(Key { range: start..cursor.position(), namespace, name });
    }
    Some(keys)
}

impl Key {
    /// The carrier in addresses: the namespace, of which there is but one in practice.
    pub(super) fn carrier(&self) -> String {
        name(self.namespace)
    }

    /// Who chose the key.
    pub(super) fn kind(&self) -> Kind {
        match &*self.name {
            "encoder"
            | "major_brand"
            | "minor_version"
            | "compatible_brands"
            | "com.android.version"
            | "com.android.capture.fps"
            | "com.android.video.temporal_layers_count" => Kind::Bookkeeping,
            name if name.starts_with("com.apple.quicktime.") || name.starts_with("com.android.") => Kind::Standard,
            _ => Kind::Custom,
        }
    }
}

/// Who chose the name of a freeform tag. What players need of it is not for people.
pub(super) fn freeform_kind(mean: &str, name: &str) -> Kind {
    match name {
        _ if mean != "com.apple.iTunes" => Kind::Custom,
        "iTunNORM" | "iTunSMPB" | "iTunPGAP" | "Encoding Params" | "tool" | "cdec" => Kind::Bookkeeping,
        "iTunMOVI" | "iTunEXTC" => Kind::Standard,
        name if name.starts_with("iTunes_CDDB") => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}

/// Who chose an item that has a code.
pub(super) fn code_kind(kind: [u8; 4]) -> Kind {
    match &kind {
        b"\xa9too" | b"\xa9enc" | b"pgap" => Kind::Bookkeeping,
        _ => Kind::Standard,
    }
}

/// What people call an item that has a code.
pub(super) fn code_title(kind: [u8; 4]) -> Option<&'static str> {
    Some(match &kind {
        b"\xa9nam" => "title",
        b"\xa9ART" => "artist",
        b"aART" => "album artist",
        b"\xa9alb" => "album",
        b"\xa9cmt" => "comment",
        b"\xa9day" => "year",
        b"\xa9gen" | b"gnre" => "genre",
        b"\xa9wrt" => "composer",
        b"\xa9lyr" => "lyrics",
        b"\xa9grp" => "grouping",
        b"\xa9too" => "encoder",
        b"desc" => "description",
        b"ldes" => "long description",
        b"cprt" | b"\xa9cpy" => "copyright",
        b"keyw" => "keyword",
        b"catg" => "category",
        b"covr" => "cover art",
        b"trkn" => "track number",
        b"disk" => "disk number",
        b"tmpo" => "beats per minute",
        b"cpil" => "compilation",
        b"rtng" => "rating",
        b"stik" => "media type",
        b"pcst" => "podcast",
        b"purl" => "podcast url",
        b"egid" => "episode global unique id",
        b"apID" => "apple store account",
        b"tvsh" => "tv show",
        b"tven" => "tv episode id",
        b"tvsn" => "tv season",
        b"tves" => "tv episode",
        b"tvnn" => "tv network name",
        b"purd" => "purchase date",
        b"pgap" => "play gap",
        _ => return None,
    })
}

/// The well-known types of values that are pictures.
pub(super) fn picture(data: &[u8]) -> Option<&'static str> {
    let payload = data.get(8..)?;
    match data.get(..4)? {
        [_, 0, 0, 13] => Some("jpg"),
        [_, 0, 0, 14] => Some("png"),
        _ if payload.starts_with(b"\xff\xd8\xff") => Some("jpg"),
        _ if payload.starts_with(b"\x89PNG") => Some("png"),
        _ => None,
    }
}

/// The value in a `data` box as text; nothing when it is not text or a number.
pub(super) fn value(item: [u8; 4], data: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(data);
    let form = cursor.u32_be().ok()? & 0x00ff_ffff;
    cursor.skip(4).ok()?;
    let bytes = cursor.rest();
    match form {
        1 | 4 => Some(decode(bytes)),
        2 | 5 => Some(decode_utf16(bytes, true)),
        3 => Some(decode_as(bytes, encoding_rs::SHIFT_JIS)),
        21 | 65..=67 | 74 => signed(bytes),
        22 | 75..=78 => unsigned(bytes),
        23 => Some(f32::from_be_bytes(bytes.try_into().ok()?).to_string()),
        24 => Some(f64::from_be_bytes(bytes.try_into().ok()?).to_string()),
        0 => implicit(item, bytes),
        _ => None,
    }
}

/// A value whose form follows from the item.
fn implicit(item: [u8; 4], bytes: &[u8]) -> Option<String> {
    let pair = |bytes: &[u8]| {
        let [_, _, high, low, total_high, total_low, ..] = *bytes else { return None };
        let (number, total) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([total_high, total_low]));
        Some(if total == 0 { number.to_string() } else { format!("{number} of {total}") })
    };
    match &item {
        b"trkn" | b"disk" => pair(bytes),
        b"gnre" | b"tmpo" | b"cpil" | b"pgap" | b"stik" | b"rtng" | b"pcst" | b"hdvd" => unsigned(bytes),
        b"covr" => None,
        _ if bytes.is_empty() || !is_text(bytes) => None,
        _ => Some(std::str::from_utf8(bytes).ok()?.to_owned()),
    }
}

fn unsigned(bytes: &[u8]) -> Option<String> {
    if bytes.is_empty() || bytes.len() > 8 {
        return None;
    }
    Some(bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte)).to_string())
}

fn signed(bytes: &[u8]) -> Option<String> {
    let number = match *bytes {
        [byte] => i64::from(byte.cast_signed()),
        [a, b] => i64::from(i16::from_be_bytes([a, b])),
        [a, b, c] => i64::from(i32::from_be_bytes([a, b, c, 0]) >> 8),
        [a, b, c, d] => i64::from(i32::from_be_bytes([a, b, c, d])),
        _ => i64::from_be_bytes(bytes.try_into().ok()?),
    };
    Some(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_by_their_type() {
        let read = |item: &[u8; 4], data: &[u8]| value(*item, data);
        assert_eq!(read(b"\xa9nam", b"\0\0\0\x01\0\0\0\0T\xc3\xbc").unwrap(), "T\u{fc}");
        assert_eq!(read(b"\xa9nam", b"\0\0\0\x02\0\0\0\0\0T\0i").unwrap(), "Ti");
        assert_eq!(read(b"tmpo", b"\0\0\0\x15\0\0\0\0\xff\xff").unwrap(), "-1");
        assert_eq!(read(b"abcd", b"\0\0\0\x16\0\0\0\0\x01\x00").unwrap(), "256");
        assert_eq!(read(b"trkn", b"\0\0\0\0\0\0\0\0\0\0\0\x03\0\x09\0\0").unwrap(), "3 of 9");
        assert_eq!(read(b"gnre", b"\0\0\0\0\0\0\0\0\0\x12").unwrap(), "18");
        assert_eq!(read(b"xxxx", b"\0\0\0\0\0\0\0\0text").unwrap(), "text");
        assert_eq!(read(b"xxxx", b"\0\0\0\0\0\0\0\0\x01\x02"), None);
        assert_eq!(read(b"covr", b"\0\0\0\x0d\0\0\0\0\xff\xd8"), None);
        assert_eq!(read(b"\xa9nam", b"\0\0\0\x01"), None);
    }

    #[test]
    fn keys_have_a_namespace() {
        let data = b"\0\0\0\0\0\0\0\x02\0\0\0\x0amdtaid\0\0\0\x08udta";
        let found = keys(data).unwrap();
        assert_eq!((found[0].carrier(), &*found[0].name, found[0].range.clone()), ("mdta".into(), "id", 8..18));
        assert_eq!((found[1].carrier(), &*found[1].name), ("udta".into(), ""));
        for damaged in [&data[..20], b"\0\0\0\0\0\0\0\x01\0\0\0\x07mdta", b""] {
            assert_eq!(keys(damaged), None);
        }
    }

    #[test]
    fn what_players_need_is_bookkeeping() {
        assert_eq!(freeform_kind("com.apple.iTunes", "iTunSMPB"), Kind::Bookkeeping);
        assert_eq!(freeform_kind("com.example", "iTunSMPB"), Kind::Custom);
        assert_eq!(freeform_kind("com.apple.iTunes", "LABEL"), Kind::Custom);
    }
}
