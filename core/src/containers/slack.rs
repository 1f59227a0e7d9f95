//! What is beside the metadata of a file: bytes that no reader looks at, which may be cleared or must be left alone, and
//! the content itself.

use memchr::memmem;

use crate::needles::Needles;
use crate::plan::Edit;
use crate::scan::{Class, Scan};

/// Content is shown in pieces of this many bytes.
const PIECE: usize = 1 << 20;

/// Stretches longer than this may be pixels or samples that their header does not count: of streams, of files over
/// 4 GiB, of stacks of pictures. There short words occur by chance.
const LONG: usize = 4 << 20;

/// Bytes of a word that does not occur by chance.
const SURE: usize = 8;

/// Zeros over every removed key and value in `bytes`, which lie at `start` and which no reader looks at. In long
/// stretches those that may have come about by chance stay, and hold the write up.
pub(crate) fn blank(start: usize, bytes: &[u8], needles: &Needles) -> Vec<Edit> {
    let shortest = if bytes.len() > LONG { SURE } else { 0 };
    let mut found: Vec<_> = needles.occurrences(bytes).into_iter().map(|found| found.range).collect();
    found.retain(|range| range.len() >= shortest);
    found.sort_by_key(|range| (range.start, range.end));
    let mut edits: Vec<Edit> = Vec::new();
    for range in found {
        let range = (start + range.start) as u64..(start + range.end) as u64;
        match edits.last_mut() {
            Some(last) if range.start <= last.range.end => {
                *last = Edit::fill(last.range.start..last.range.end.max(range.end), 0);
            }
            _ => edits.push(Edit::fill(range, 0)),
        }
    }
    edits
}

/// Whether the bytes behind the end of a file are a file of their own, or the end of one, whose checksums do not bear
/// edits.
pub(crate) fn is_foreign(trailer: &[u8]) -> bool {
    let heads: [&[u8]; 9] =
        [b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b", b"%PDF", b"RIFF", b"\xff\xd8\xff", b"GIF8"];
    let tail = trailer.get(trailer.len().saturating_sub(66_000)..).unwrap_or_default();
    heads.iter().any(|head| trailer.starts_with(head))
        || trailer.get(4..8) == Some(b"ftyp")
        || memmem::find(tail, b"PK\x05\x06").is_some()
}

/// Shows content, which may be long, to a scan that wants it.
pub(crate) fn show_content(scan: &mut Scan<'_>, place: &str, offset: u64, bytes: &[u8]) {
    if !scan.wants_content() {
        return;
    }
    if bytes.len() <= PIECE {
        return scan.raw_region(Class::Content, place, offset, bytes, &[]);
    }
    let mut stream = scan.stream(Class::Content, place, offset);
    for piece in bytes.chunks(PIECE) {
        stream.push(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_blanked_once_however_they_overlap() {
        let needles = Needles::new([("label", Some("secret"), None), ("label", Some("secrets"), None)]);
        let bytes = b"a secrets, secret";
        let plan = crate::plan::Plan::new(blank(0, bytes, &needles), bytes.len() as u64).unwrap();
        assert_eq!(plan.apply(bytes).unwrap(), b"a \0\0\0\0\0\0\0, \0\0\0\0\0\0");
    }

    #[test]
    fn what_may_be_pixels_keeps_short_words() {
        let needles = Needles::new([("label", Some("8888"), Some("some secret"))]);
        let mut bytes = vec![0; LONG + 1];
        bytes[10..14].copy_from_slice(b"8888");
        bytes[100..111].copy_from_slice(b"some secret");
        assert_eq!(blank(0, &bytes, &needles), [Edit::fill(100..111, 0)]);
    }

    #[test]
    fn archives_behind_a_picture_are_told_from_rubbish() {
        assert!(is_foreign(b"PK\x03\x04 and more"));
        assert!(is_foreign(b"some bytes and PK\x05\x06"));
        assert!(!is_foreign(b"some bytes"));
    }
}
