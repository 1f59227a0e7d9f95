//! ID3v1 tags: 128 bytes of fields at the end of a file, and the 227 bytes that enhanced tags (`TAG+`) put before them.
//!
//! A field that is not empty is a label (`id3v1:Title`). Removal blanks it: texts with zeros, the genre with 255. What
//! stands in a field behind its first zero byte no reader shows.

use std::ops::Range;

use super::{Carrier, text};
use crate::error::Result;
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Kind, Site};

/// Length of a tag.
const LENGTH: usize = 128;
/// Length of what an enhanced tag puts before it.
const ENHANCED: usize = 227;

/// The genre that is none.
const NO_GENRE: u8 = 255;

/// One tag, with its enhancement.
#[derive(Debug)]
pub struct Tag<'a> {
    bytes: &'a [u8],
    sites: Vec<Site>,
    /// The field of each site.
    fields: Vec<Field>,
    /// Bytes that no reader shows.
    hidden: Vec<Range<usize>>,
}

#[derive(Clone, Debug)]
struct Field {
    name: &'static str,
    range: Range<usize>,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Genre,
}

impl<'a> Tag<'a> {
    /// Where the tag begins that ends at byte `end` of `bytes`.
    pub fn before(bytes: &[u8], end: usize) -> Option<usize> {
        let start = end.checked_sub(LENGTH)?;
        // The footer of an APE tag has the same letters.
        let is_ape = start.checked_sub(3).and_then(|ape| bytes.get(ape..start + 5)).is_some_and(|it| it == b"APETAGEX");
        if is_ape || !bytes.get(start..end)?.starts_with(b"TAG") {
            return None;
        }
        let enhanced =
            start.checked_sub(ENHANCED).filter(|start| bytes.get(*start..).is_some_and(|it| it.starts_with(b"TAG+")));
        Some(enhanced.unwrap_or(start))
    }

    /// Reads the tag that `bytes` is.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Self {
        let mut tag = Self { bytes, sites: Vec::new(), fields: Vec::new(), hidden: Vec::new() };
        let start = bytes.len().saturating_sub(LENGTH);
        if start == ENHANCED {
            for (name, range) in [("Title", 4..64), ("Artist", 64..124), ("Album", 124..184)] {
                tag.text(name, range, "TAG+", limits);
            }
            tag.number("Speed", 184, Form::Number, "TAG+");
            for (name, range) in [("Genre", 185..215), ("StartTime", 215..221), ("EndTime", 221..227)] {
                tag.text(name, range, "TAG+", limits);
            }
        }
        let at = |range: Range<usize>| start + range.start..start + range.end;
        for (name, range) in [("Title", 3..33), ("Artist", 33..63), ("Album", 63..93), ("Year", 93..97)] {
            tag.text(name, at(range), "ID3v1", limits);
        }
        // Version 1.1 takes the track's number from the end of the comment.
        let track = bytes.get(start + 125..start + 127);
        let has_track = matches!(track, Some([0, number]) if *number != 0);
        tag.text("Comment", at(97..if has_track { 125 } else { 127 }), "ID3v1", limits);
        if has_track {
            tag.number("Track", start + 126, Form::Number, "ID3v1");
        }
        tag.number("Genre", start + 127, Form::Genre, "ID3v1");
        tag
    }

    fn text(&mut self, name: &'static str, range: Range<usize>, place: &str, limits: &Limits) {
        let field = self.bytes.get(range.clone()).unwrap_or_default();
        let end = memchr::memchr(0, field).unwrap_or(field.len());
        self.hidden.push(range.start + end..range.end);
        let value = text::value(text::decode(field.get(..end).unwrap_or_default().trim_ascii_end()), limits);
        if !value.is_empty() {
            self.push(Field { name, range, form: Form::Text }, value, place);
        }
    }

    fn number(&mut self, name: &'static str, at: usize, form: Form, place: &str) {
        let number = self.bytes.get(at).copied().unwrap_or_default();
        let is_none = if form == Form::Genre { number == NO_GENRE } else { number == 0 };
        if !is_none {
            self.push(Field { name, range: at..at + 1, form }, number.to_string(), place);
        }
    }

    fn push(&mut self, field: Field, value: String, place: &str) {
        self.sites.push(Site {
            key: field.name.to_owned(),
            address: format!("id3v1:{}", field.name),
            kind: Kind::Standard,
            case: KeyCase::Insensitive,
            place: place.to_owned(),
            offset: field.range.start as u64,
            barrier: text::is_aigc(&value).then(|| Barrier::of_protected("AIGC")).flatten(),
            value: Some(value),
            ..Site::default()
        });
        self.fields.push(field);
    }

    /// Whether nothing is left in the tag without the `chosen` sites.
    pub fn empties(&self, chosen: &[usize]) -> bool {
        chosen.len() == self.sites.len()
    }

    /// What stands in fields behind their text.
    pub fn hidden(&self) -> &[Range<usize>] {
        &self.hidden
    }

    /// As [`Carrier::edits`], and blanks what stands behind texts where a needle occurs in it.
    pub(crate) fn scrub(&self, chosen: &[usize], needles: &Needles) -> Vec<Edit> {
        let gone = || chosen.iter().filter_map(|site| self.fields.get(*site));
        let fill = |range: &Range<usize>, byte| Edit::fill(range.start as u64..range.end as u64, byte);
        let fields = gone().map(|field| fill(&field.range, if field.form == Form::Genre { NO_GENRE } else { 0 }));
        let stale = self.hidden.iter().filter(|range| {
            let is_gone = gone().any(|field| field.range.start <= range.start && range.end <= field.range.end);
            !is_gone && self.bytes.get((*range).clone()).is_some_and(|bytes| needles.occur_in(bytes))
        });
        fields.chain(stale.map(|range| fill(range, 0))).collect()
    }
}

impl Carrier for Tag<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], _: Layout) -> Result<Vec<Edit>> {
        Ok(self.scrub(chosen, &Needles::default()))
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.fields.iter().map(|field| field.range.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::nested::apply;

    fn tag(fields: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = [&b"TAG"[..], &[0; 124], &[NO_GENRE]].concat();
        for (at, data) in fields {
            bytes[*at..at + data.len()].copy_from_slice(data);
        }
        bytes
    }

    #[test]
    fn fields_are_blanked() {
        let bytes = tag(&[(3, b"title"), (33, b"artist   "), (97, b"comment\0stale"), (126, &[7]), (127, &[17])]);
        let parsed = Tag::parse(&bytes, &Limits::default());
        let listed: Vec<_> = parsed.sites().iter().map(|site| (&*site.key, site.value.as_deref().unwrap())).collect();
        assert_eq!(
            listed,
            [("Title", "title"), ("Artist", "artist"), ("Comment", "comment"), ("Track", "7"), ("Genre", "17")]
        );
        let after = apply(&bytes, &parsed.edits(&[0, 2, 3, 4], Layout::Preserve).unwrap()).unwrap();
        assert_eq!(after, tag(&[(33, b"artist   ")]));
        let needles = Needles::new([("id", None, Some("stale"))]);
        let after = apply(&bytes, &parsed.scrub(&[0], &needles)).unwrap();
        assert!(!needles.occur_in(&after));
        assert_eq!(Tag::parse(&after, &Limits::default()).sites().len(), 4);
    }

    #[test]
    fn enhanced_tags_say_the_same_once_more() {
        let mut bytes = [&b"TAG+"[..], &[0; 223]].concat();
        bytes[4..9].copy_from_slice(b"title");
        bytes[185..189].copy_from_slice(b"Rock");
        bytes.extend(tag(&[(3, b"title")]));
        let file = [b"audio", &bytes[..]].concat();
        assert_eq!(Tag::before(&file, file.len()), Some(5));
        let parsed = Tag::parse(&bytes, &Limits::default());
        let addresses: Vec<_> = parsed.sites().iter().map(|site| site.address.as_str()).collect();
        assert_eq!(addresses, ["id3v1:Title", "id3v1:Genre", "id3v1:Title"]);
        assert!(parsed.empties(&[0, 1, 2]));
    }

    #[test]
    fn the_footer_of_an_ape_tag_is_none() {
        let bytes = [&b"APETAGEX"[..], &[0; 123]].concat();
        assert_eq!(Tag::before(&bytes, bytes.len()), None);
        assert_eq!(Tag::before(b"TAG", 3), None);
    }
}
