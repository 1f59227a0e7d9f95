//! Lyrics3 tags, which stand behind the audio of MP3 files, before an ID3v1 tag: version 1 is one text, version 2 fields
//! of three letters, a length in five digits, and text.
//!
//! Every field is a label (`lyrics3:INF`), but `IND`, which says what others there are. There is no padding: with
//! [`Layout::Preserve`] the tag moves to the end of its room, and zeros stand before it, behind the audio.

use std::ops::Range;

use super::nested::rewrite;
use super::{Carrier, text};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Kind, Site};

const BEGIN: &[u8] = b"LYRICSBEGIN";
const END_1: &[u8] = b"LYRICSEND";
const END_2: &[u8] = b"LYRICS200";

/// The longest tag of version 1.
const LONGEST_1: usize = 5100 + BEGIN.len() + END_1.len();

/// Digits of the size before the end of version 2.
const DIGITS: usize = 6;

/// One tag.
#[derive(Debug)]
pub struct Tag<'a> {
    bytes: &'a [u8],
    sites: Vec<Site>,
    /// The field of each site.
    spans: Vec<Range<usize>>,
    /// The data of the field that says what others there are.
    indications: Option<Range<usize>>,
}

impl<'a> Tag<'a> {
    /// Where the tag begins that ends at byte `end` of `bytes`.
    pub fn before(bytes: &[u8], end: usize) -> Option<usize> {
        let upto = bytes.get(..end)?;
        if upto.ends_with(END_2) {
            let digits = upto.get(end.checked_sub(END_2.len() + DIGITS)?..end - END_2.len())?;
            let start = (end - END_2.len() - DIGITS).checked_sub(number(digits)?)?;
            return upto.get(start..)?.starts_with(BEGIN).then_some(start);
        }
        let floor = end.saturating_sub(LONGEST_1);
        let is_first = upto.ends_with(END_1);
        is_first.then(|| memchr::memmem::rfind(upto.get(floor..)?, BEGIN)).flatten().map(|at| floor + at)
    }

    /// Reads the tag that `bytes` is.
    ///
    /// # Errors
    /// Malformed where a field reaches out of the tag.
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self> {
        let mut tag = Self { bytes, sites: Vec::new(), spans: Vec::new(), indications: None };
        if bytes.ends_with(END_1) {
            let end = bytes.len() - END_1.len();
            tag.push("lyrics", BEGIN.len()..end, BEGIN.len()..end, limits);
            return Ok(tag);
        }
        let end = bytes.len().saturating_sub(END_2.len() + DIGITS);
        let mut position = BEGIN.len();
        while position < end {
            let field = bytes.get(position..position + 8).filter(|_| position + 8 <= end);
            let length = field.and_then(|field| number(field.get(3..)?));
            let data = length.map(|length| position + 8..position + 8 + length).filter(|data| data.end <= end);
            let (Some(field), Some(data)) = (field, data) else {
                return Err(Error::malformed(position as u64, "a field reaches out of the Lyrics3 tag"));
            };
            let name: String = field.iter().take(3).copied().map(char::from).collect();
            let span = position..data.end;
            position = span.end;
            if name == "IND" {
                tag.indications = Some(data);
            } else {
                tag.push(&name, span, data, limits);
            }
        }
        Ok(tag)
    }

    fn push(&mut self, name: &str, span: Range<usize>, data: Range<usize>, limits: &Limits) {
        let value = text::value(text::decode(self.bytes.get(data).unwrap_or_default()), limits);
        self.sites.push(Site {
            key: name.to_owned(),
            address: format!("lyrics3:{name}"),
            kind: Kind::Standard,
            case: KeyCase::Insensitive,
            place: "Lyrics3".into(),
            offset: span.start as u64,
            barrier: text::is_aigc(&value).then(|| Barrier::of_protected("AIGC")).flatten(),
            value: Some(value),
            ..Site::default()
        });
        self.spans.push(span);
    }

    /// Whether nothing is left in the tag without the `chosen` sites.
    pub fn empties(&self, chosen: &[usize]) -> bool {
        chosen.len() == self.sites.len()
    }

    /// The tag without the `chosen` sites.
    fn without(&self, chosen: &[usize]) -> Vec<u8> {
        if self.empties(chosen) {
            return Vec::new();
        }
        let mut bytes = self.bytes.to_vec();
        let has_lyrics = |site: &Site| site.key == "LYR";
        let loses_lyrics = chosen.iter().filter_map(|site| self.sites.get(*site)).any(has_lyrics);
        if let Some(flags) = self.indications.clone().filter(|_| loses_lyrics).and_then(|range| bytes.get_mut(range)) {
            // Lyrics, and time stamps in them.
            flags.iter_mut().take(2).for_each(|flag| *flag = b'0');
        }
        let mut kept = Vec::with_capacity(bytes.len());
        let mut position = 0;
        for span in chosen.iter().filter_map(|site| self.spans.get(*site)) {
            kept.extend_from_slice(bytes.get(position..span.start).unwrap_or_default());
            position = span.end;
        }
        let end = bytes.len() - END_2.len() - DIGITS;
        kept.extend_from_slice(bytes.get(position..end).unwrap_or_default());
        let size = kept.len();
        kept.extend_from_slice(format!("{size:06}").as_bytes());
        kept.extend_from_slice(END_2);
        kept
    }
}

impl Carrier for Tag<'_> {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let kept = self.without(chosen);
        if layout == Layout::Compact {
            return Ok(vec![Edit::replace(0..self.bytes.len() as u64, kept)]);
        }
        let moved = [vec![0; self.bytes.len().saturating_sub(kept.len())], kept].concat();
        Ok(rewrite(0, self.bytes, &moved).into_iter().collect())
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        let end = self.bytes.len().saturating_sub(END_2.len() + DIGITS);
        let known = [0..BEGIN.len(), end..self.bytes.len()];
        known.into_iter().chain(self.spans.iter().cloned()).collect()
    }
}

/// A number in decimal digits.
fn number(digits: &[u8]) -> Option<usize> {
    let add = |number: usize, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + usize::from(digit - b'0'));
    digits.iter().try_fold(0, add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containers::nested::apply;

    fn tag(fields: &[(&str, &str)]) -> Vec<u8> {
        let fields: Vec<String> = fields.iter().map(|(name, data)| format!("{name}{:05}{data}", data.len())).collect();
        let body = format!("LYRICSBEGIN{}", fields.concat());
        format!("{body}{:06}LYRICS200", body.len()).into_bytes()
    }

    #[test]
    fn fields_go_and_the_tag_keeps_its_end() {
        let bytes = tag(&[("IND", "110"), ("LYR", "[00:01]la"), ("INF", "secret")]);
        let file = [b"audio", &bytes[..]].concat();
        assert_eq!(Tag::before(&file, file.len()), Some(5));
        let parsed = Tag::parse(&bytes, &Limits::default()).unwrap();
        let addresses: Vec<_> = parsed.sites().iter().map(|site| site.address.as_str()).collect();
        assert_eq!(addresses, ["lyrics3:LYR", "lyrics3:INF"]);
        let kept = tag(&[("IND", "000"), ("INF", "secret")]);
        let same = apply(&bytes, &parsed.edits(&[0], Layout::Preserve).unwrap()).unwrap();
        assert_eq!(same, [vec![0; bytes.len() - kept.len()], kept.clone()].concat());
        assert_eq!(apply(&bytes, &parsed.edits(&[0], Layout::Compact).unwrap()).unwrap(), kept);
        assert!(apply(&bytes, &parsed.edits(&[0, 1], Layout::Compact).unwrap()).unwrap().is_empty());
    }

    #[test]
    fn version_one_is_a_text() {
        let bytes = b"LYRICSBEGINla la\r\nLYRICSEND";
        assert_eq!(Tag::before(bytes, bytes.len()), Some(0));
        let parsed = Tag::parse(bytes, &Limits::default()).unwrap();
        assert_eq!(parsed.sites()[0].value.as_deref(), Some("la la\r\n"));
        let same = apply(bytes, &parsed.edits(&[0], Layout::Preserve).unwrap()).unwrap();
        assert_eq!(same, [0; 27]);
    }

    #[test]
    fn damage_is_told() {
        assert_eq!(Tag::before(b"LYRICSBEGIN000099LYRICS200", 26), None);
        assert_eq!(Tag::before(b"LYRICS200", 9), None);
        let bytes = b"LYRICSBEGININF99999x000020LYRICS200";
        assert!(Tag::parse(bytes, &Limits::default()).is_err());
    }
}
