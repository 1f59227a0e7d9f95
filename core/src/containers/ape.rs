//! APE tags (APEv2, and APEv1 of Monkey's Audio): maybe a header, items, a footer.
//!
//! An item is a label: `ape:KEY`, in any letter case. Removal moves later items up; with [`Layout::Preserve`] zeros
//! follow the last one, which readers pass over, for the footer says how many items there are. With [`Layout::Compact`]
//! they are cut, and the sizes in header and footer follow.
//!
//! Never removed: `AIGC`.

use std::ops::Range;

use super::nested::rewrite;
use super::{Carrier, text};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Kind, Site};

const SIGNATURE: &[u8] = b"APETAGEX";

/// Length of the header, and of the footer.
const FRAME: usize = 32;

/// Items of one tag that are read; no player expects more than a few hundred.
const MOST_ITEMS: u32 = 1 << 18;

/// Flag of the tag: this is its header.
const IS_HEADER: u32 = 1 << 29;

/// What header and footer say alike.
#[derive(Clone, Copy, Debug)]
struct Frame {
    version: u32,
    /// Bytes of items and footer.
    size: usize,
    count: u32,
    flags: u32,
}

impl Frame {
    fn at(bytes: &[u8], start: usize) -> Option<Self> {
        let mut cursor = Cursor::new(bytes.get(start..start.checked_add(FRAME)?)?);
        let is_signed = cursor.take(SIGNATURE.len()).ok()? == SIGNATURE;
        let version = cursor.u32_le().ok()?;
        let size = cursor.u32_le().ok()? as usize;
        let (count, flags) = (cursor.u32_le().ok()?, cursor.u32_le().ok()?);
        (is_signed && matches!(version, 1000..=2999)).then_some(Self { version, size, count, flags })
    }
}

/// One tag.
///
/// ```
/// use unlabel_core::containers::{Carrier, ape::Tag};
/// use unlabel_core::{Edit, Layout, Limits};
/// let item = b"\x01\0\0\0\0\0\0\0id\x007";
/// let footer = b"APETAGEX\xd0\x07\0\0\x2c\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// let file = [&b"audio"[..], item, footer].concat();
/// let range = Tag::before(&file, file.len()).unwrap();
/// let tag = Tag::parse(&file[range], &Limits::default()).unwrap();
/// assert_eq!(tag.sites()[0].address, "ape:id");
/// ```
#[derive(Debug)]
pub struct Tag<'a> {
    bytes: &'a [u8],
    /// Where headers and footers begin.
    frames: Vec<usize>,
    sites: Vec<Site>,
    /// The item of each site.
    items: Vec<Item>,
    /// Where items begin, and where there is room for them.
    room: Range<usize>,
    /// Where the last item ends.
    end: usize,
}

#[derive(Clone, Debug)]
struct Item {
    span: Range<usize>,
    value: Range<usize>,
    /// A file in the value.
    file: Option<Range<usize>>,
    /// How much of it is known.
    known: usize,
}

impl<'a> Tag<'a> {
    /// The tag whose footer ends at byte `end` of `bytes`.
    pub fn before(bytes: &[u8], end: usize) -> Option<Range<usize>> {
        let footer = Frame::at(bytes, end.checked_sub(FRAME)?)?;
        if footer.flags & IS_HEADER != 0 || footer.size < FRAME {
            return None;
        }
        let items = end.checked_sub(footer.size)?;
        // Whether there is a header the flag does not always say.
        let is_header = |start: &usize| bytes.get(*start..items).is_some_and(|header| header.starts_with(SIGNATURE));
        let header = items.checked_sub(FRAME).filter(is_header);
        Some(header.unwrap_or(items)..end)
    }

    /// The length of the tag whose header is at the start of `bytes`.
    pub fn len(bytes: &[u8]) -> Option<usize> {
        let header = Frame::at(bytes, 0)?;
        let total = header.size.checked_add(FRAME)?;
        (header.flags & IS_HEADER != 0 && total <= bytes.len()).then_some(total)
    }

    /// Reads the tag that `bytes` is.
    ///
    /// # Errors
    /// Malformed where an item reaches out of the tag; [`LimitExceeded`](crate::ErrorKind::LimitExceeded).
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        limits.check_part(bytes.len() as u64)?;
        let header = Frame::at(bytes, 0).filter(|frame| frame.flags & IS_HEADER != 0);
        let footer_at = bytes.len().checked_sub(FRAME).filter(|start| *start > 0 || header.is_none());
        let footer = footer_at.and_then(|start| Frame::at(bytes, start)).filter(|frame| frame.flags & IS_HEADER == 0);
        let frame = footer.or(header).ok_or_else(|| Error::malformed(0, "no APE tag"))?;
        let start = if bytes.starts_with(SIGNATURE) && bytes.len() > FRAME { FRAME } else { 0 };
        let end = footer_at.filter(|_| footer.is_some()).unwrap_or(bytes.len());
        let room = start..end.max(start);
        let mut frames = Vec::new();
        frames.extend((start > 0).then_some(0));
        frames.extend(footer_at.filter(|_| footer.is_some()));
        if frame.count > MOST_ITEMS {
            return Err(Error::limit(format!("more than {MOST_ITEMS} APE items")));
        }
        let mut tag = Self { bytes, frames, sites: Vec::new(), items: Vec::new(), end: room.start, room };
        let mut cursor = Cursor::new(bytes.get(..tag.room.end).unwrap_or_default());
        cursor.seek(tag.room.start)?;
        for _ in 0..frame.count {
            tag.item(&mut cursor, frame.version, limits)?;
        }
        Ok(tag)
    }

    fn item(&mut self, cursor: &mut Cursor<'_>, version: u32, limits: &Limits) -> Result<()> {
        let start = cursor.position();
        let (length, flags) = (cursor.u32_le()? as usize, cursor.u32_le()?);
        let end = memchr::memchr(0, cursor.rest()).ok_or_else(|| cursor.malformed("a key without an end"))?;
        let key = text::value(text::decode(cursor.take(end)?), limits);
        cursor.skip(1)?;
        let from = cursor.position();
        let value = cursor.take(length)?;
        let is_binary = version >= 2000 && flags >> 1 & 3 == 1;
        let span = start..cursor.position();
        self.end = span.end;
        let mut item = Item { value: from..span.end, span, file: None, known: length };
        let text = if is_binary {
            item.known = 0;
            picture(&mut item, &key, value, limits)
        } else {
            Some(text::decode(value.strip_suffix(&[0]).unwrap_or(value)))
        };
        let values: Option<Vec<&str>> = text.as_deref().map(|text| text.split('\0').collect());
        let raw_value = text.clone().filter(|_| values.as_ref().is_some_and(|values| values.len() > 1));
        let value = values.map(|values| text::value(values.join(" / "), limits));
        let mark = value.as_deref().is_some_and(text::is_aigc).then_some("AIGC");
        self.sites.push(Site {
            address: format!("ape:{key}"),
            kind: kind(&key),
            case: KeyCase::Insensitive,
            place: "APE".into(),
            offset: item.span.start as u64,
            barrier: Barrier::of_protected(mark.unwrap_or(&key)),
            raw_value: raw_value.map(|value| text::value(value, limits)),
            value,
            key,
            ..Site::default()
        });
        self.items.push(item);
        Ok(())
    }

    /// Whether nothing is left in the tag without the `chosen` sites.
    pub fn empties(&self, chosen: &[usize]) -> bool {
        chosen.len() == self.sites.len()
    }

    /// What stands between the last item and the footer.
    pub fn padding(&self) -> Range<usize> {
        self.end..self.room.end
    }

    /// Pictures, with the site that each belongs to, and its name.
    pub(crate) fn files(&self) -> impl Iterator<Item = (usize, Range<usize>, &str)> {
        self.items.iter().enumerate().filter_map(|(site, item)| {
            let name = self.sites.get(site).and_then(|site| site.value.as_deref()).unwrap_or_default();
            Some((site, item.file.clone()?, name))
        })
    }

    /// As [`Carrier::edits`], with other bytes for files of no chosen site, as many as before; blanks the padding when a needle occurs in
    /// it.
    pub(crate) fn scrub(
        &self,
        chosen: &[usize],
        files: &[(Range<usize>, &[u8])],
        needles: &Needles,
        layout: Layout,
    ) -> Vec<Edit> {
        let is_stale = self.bytes.get(self.padding()).is_some_and(|bytes| needles.occur_in(bytes));
        self.take_out(chosen, files, is_stale, layout)
    }

    fn take_out(&self, chosen: &[usize], files: &[(Range<usize>, &[u8])], is_stale: bool, layout: Layout) -> Vec<Edit> {
        let spans = || chosen.iter().filter_map(|site| self.items.get(*site)).map(|item| item.span.clone());
        let number =
            |at: usize, number: usize| Edit::replace(at as u64..at as u64 + 4, (number as u32).to_le_bytes().to_vec());
        let count = self.items.len() - spans().count();
        let padding = self.padding();
        let mut edits: Vec<Edit> = Vec::new();
        if !chosen.is_empty() {
            edits.extend(self.frames.iter().map(|frame| number(frame + 16, count)));
        }
        if layout == Layout::Compact && !chosen.is_empty() {
            let gone = spans().map(|span| span.len()).sum::<usize>() + padding.len();
            let footer = if self.frames.contains(&self.room.end) { FRAME } else { 0 };
            let size = self.room.len() - gone + footer;
            edits.extend(self.frames.iter().map(|frame| number(frame + 12, size)));
            edits.extend(spans().map(|span| Edit::delete(span.start as u64..span.end as u64)));
            edits.push(Edit::delete(padding.start as u64..padding.end as u64));
            let files = files.iter().filter(|(range, data)| range.len() == data.len());
            edits.extend(files.map(|(range, data)| Edit::replace(range.start as u64..range.end as u64, data.to_vec())));
            return edits;
        }
        let mut items = self.bytes.get(self.room.start..self.end).unwrap_or_default().to_vec();
        for (range, data) in files.iter().filter(|(range, data)| range.len() == data.len()) {
            let target =
                range.start.checked_sub(self.room.start).and_then(|start| items.get_mut(start..start + data.len()));
            if let Some(target) = target {
                target.copy_from_slice(data);
            }
        }
        let mut kept = Vec::with_capacity(items.len());
        let mut position = 0;
        for span in spans() {
            kept.extend_from_slice(items.get(position..span.start - self.room.start).unwrap_or_default());
            position = span.end - self.room.start;
        }
        kept.extend_from_slice(items.get(position..).unwrap_or_default());
        kept.resize(items.len(), 0);
        let old = self.bytes.get(self.room.start..self.end).unwrap_or_default();
        edits.extend(rewrite(self.room.start, old, &kept));
        edits.extend(is_stale.then(|| Edit::fill(padding.start as u64..padding.end as u64, 0)));
        edits
    }
}

impl Carrier for Tag<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        Ok(self.take_out(chosen, &[], false, layout))
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        let frames = self.frames.iter().map(|frame| *frame..frame + FRAME);
        frames.chain(self.items.iter().map(|item| item.span.start..item.value.start + item.known)).collect()
    }
}

/// A picture: the name of its file, and the file. Says the name.
fn picture(item: &mut Item, key: &str, value: &[u8], limits: &Limits) -> Option<String> {
    if !key.to_ascii_lowercase().starts_with("cover art") {
        return None;
    }
    let end = memchr::memchr(0, value.get(..value.len().min(1024))?)?;
    item.known = end + 1;
    item.file = Some(item.value.start + end + 1..item.value.end);
    Some(text::value(text::decode(value.get(..end)?), limits))
}

/// Keys of the specification, and those that players agree on.
const STANDARD: &[&str] = &[
    "abstract",
    "album",
    "album artist",
    "albumartist",
    "arranger",
    "artist",
    "artists",
    "barcode",
    "bibliography",
    "bpm",
    "catalog",
    "catalognumber",
    "comment",
    "compilation",
    "composer",
    "conductor",
    "copyright",
    "debut album",
    "description",
    "disc",
    "discnumber",
    "dummy",
    "ean/upc",
    "encoded by",
    "file",
    "genre",
    "grouping",
    "index",
    "introplay",
    "isbn",
    "isrc",
    "label",
    "labelcode",
    "language",
    "lc",
    "lyricist",
    "lyrics",
    "media",
    "mixartist",
    "mood",
    "originalyear",
    "performer",
    "producer",
    "publicationright",
    "publisher",
    "rating",
    "record date",
    "record location",
    "related",
    "subtitle",
    "title",
    "track",
    "tracknumber",
    "writer",
    "year",
];

/// Who chose the key.
fn kind(key: &str) -> Kind {
    let key = key.to_ascii_lowercase();
    let begins = |start: &&str| key.starts_with(start);
    if ["replaygain_", "mp3gain_", "cuesheet"].iter().any(begins)
        || matches!(&*key, "encoder" | "encoder settings" | "tool name" | "tool version")
    {
        return Kind::Bookkeeping;
    }
    if STANDARD.contains(&&*key) || key.starts_with("cover art") {
        return Kind::Standard;
    }
    Kind::Custom
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flag of a tag: it has a header.
    const HAS_HEADER: u32 = 1 << 31;
    use crate::containers::nested::apply;

    fn item(flags: u32, key: &str, value: &[u8]) -> Vec<u8> {
        [&(value.len() as u32).to_le_bytes(), &flags.to_le_bytes()[..], key.as_bytes(), b"\0", value].concat()
    }

    fn frame(size: usize, count: u32, flags: u32) -> Vec<u8> {
        let numbers = [2000, size as u32, count, flags, 0, 0].map(u32::to_le_bytes).concat();
        [SIGNATURE, &numbers].concat()
    }

    fn tag(count: u32, items: &[u8], has_header: bool) -> Vec<u8> {
        let size = items.len() + FRAME;
        let flags = if has_header { HAS_HEADER } else { 0 };
        let header = if has_header { frame(size, count, flags | IS_HEADER) } else { Vec::new() };
        [header, items.to_vec(), frame(size, count, flags)].concat()
    }

    fn listed(bytes: &[u8]) -> Vec<(String, Option<String>)> {
        let tag = Tag::parse(bytes, &Limits::default()).unwrap();
        tag.sites().iter().map(|site| (site.address.clone(), site.value.clone())).collect()
    }

    #[test]
    fn items_are_sites_and_go() {
        let items = [item(0, "Title", b"t"), item(0, "id", b"7\x008"), item(2, "Cover Art (Front)", b"a.png\0data")];
        for has_header in [false, true] {
            let bytes = tag(3, &items.concat(), has_header);
            let file = [b"audio", &bytes[..]].concat();
            assert_eq!(Tag::before(&file, file.len()), Some(5..file.len()));
            assert_eq!(Tag::len(&bytes), has_header.then_some(bytes.len()));
            let parsed = Tag::parse(&bytes, &Limits::default()).unwrap();
            let kinds: Vec<_> = parsed.sites().iter().map(|site| site.kind).collect();
            assert_eq!(kinds, [Kind::Standard, Kind::Custom, Kind::Standard]);
            assert_eq!(listed(&bytes)[1], ("ape:id".into(), Some("7 / 8".into())));
            assert_eq!(&bytes[parsed.files().next().unwrap().1], b"data");
            let kept = [&items[0][..], &items[2]].concat();
            let short = apply(&bytes, &parsed.edits(&[1], Layout::Compact).unwrap()).unwrap();
            assert_eq!(short, tag(2, &kept, has_header));
            let same = apply(&bytes, &parsed.edits(&[1], Layout::Preserve).unwrap()).unwrap();
            let padded = [&kept[..], &vec![0; items[1].len()]].concat();
            assert_eq!(same, tag(2, &padded, has_header));
            assert_eq!(listed(&same).len(), 2);
        }
    }

    #[test]
    fn stale_copies_go_and_what_reaches_out_is_malformed() {
        let bytes = tag(1, &[&item(0, "id", b"secret")[..], b"\0\0secret"].concat(), true);
        let parsed = Tag::parse(&bytes, &Limits::default()).unwrap();
        let needles = Needles::new([("id", Some("id"), Some("secret"))]);
        for layout in [Layout::Preserve, Layout::Compact] {
            let after = apply(&bytes, &parsed.scrub(&[0], &[], &needles, layout)).unwrap();
            assert!(!needles.occur_in(&after));
            assert!(listed(&after).is_empty());
        }
        let mut items = item(0, "id", b"7");
        items[0] = 200;
        assert!(Tag::parse(&tag(1, &items, false), &Limits::default()).is_err());
        assert!(Tag::parse(&tag(9, &item(0, "id", b"7"), false), &Limits::default()).is_err());
        assert!(Tag::parse(&tag(0, b"", false), &Limits::default()).unwrap().sites().is_empty());
    }
}
