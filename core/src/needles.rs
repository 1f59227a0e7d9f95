//! Every spelling under which a removed key or value could still stand in the bytes.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::{AhoCorasick, AhoCorasickKind, Span, packed};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use memchr::memmem;

/// Texts shorter than this many bytes occur by chance; they count only as a pair, key before value.
const ALONE: usize = 4;

/// How far after a short key its value may begin, in bytes, to count as a pair.
const PAIR_REACH: usize = 64;

/// Regions of at least this many bytes are searched by one automaton instead of needle by needle.
const AUTOMATON_FROM: usize = 32 << 10;

/// The code pages in which old documents spell text, without those that a later one repeats.
const CODE_PAGES: [&encoding_rs::Encoding; 7] = [
    encoding_rs::WINDOWS_1252,
    encoding_rs::GBK,
    encoding_rs::WINDOWS_1250,
    encoding_rs::WINDOWS_1251,
    encoding_rs::SHIFT_JIS,
    encoding_rs::BIG5,
    encoding_rs::EUC_KR,
];

/// So many searches of a short region for one needle are made before the automaton is built.
const SHORT_SEARCHES: usize = 8192;

/// Of more labels than this, as a mailbox may have, keys and values are searched as they are written only.
const MANY_LABELS: usize = 4096;

/// Which half of a label a needle spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Half {
    /// The key.
    Key,
    /// The value.
    Value,
}

impl Half {
    /// The half as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Value => "value",
        }
    }
}

/// One occurrence of a removed key or value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// Bytes of the searched slice.
    pub range: Range<usize>,
    /// Index of the label's name, for [`Needles::name`].
    pub label: usize,
    /// Which half of it.
    pub half: Half,
    /// Whether it is a value that stands closely behind the key of its label.
    pub is_paired: bool,
}

/// The spellings of a set of removed labels, as one automaton.
///
/// Covers UTF-8, UTF-16 in both byte orders, the code pages of old documents, XML entities, JSON `\u` escapes, PDF
/// `#xx` names, octal and hex strings, RTF `\'hh`, quoted-printable, hex text, and base64 at its three alignments.
#[derive(Debug, Default)]
pub struct Needles {
    patterns: Vec<Needle>,
    /// Finds whether there is anything at all: mostly there is not. None for more spellings than it can hold.
    scout: OnceLock<Option<packed::Searcher>>,
    /// Built when the first long region comes, or many short ones: building it costs more than searching a few.
    automaton: OnceLock<Option<AhoCorasick>>,
    /// Searches of a short region for one needle that were made so far.
    searches: AtomicUsize,
    names: Vec<String>,
    longest: usize,
}

#[derive(Clone, Debug)]
struct Needle {
    spelling: Vec<u8>,
    label: usize,
    half: Half,
    /// Bytes per character of the spelling: the step to look for a neighbouring letter.
    width: Width,
    short: bool,
}

impl Needle {
    /// Whether it counts by itself: all do but keys that are too short to count without their value.
    fn is_telling(&self) -> bool {
        !(self.short && self.half == Half::Key)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One,
    Utf16Le,
    Utf16Be,
    /// Coded text, whose neighbours say nothing.
    Coded,
}

impl Width {
    /// An occurrence without the zero byte at its edge, which in the other byte order belongs to the neighbour.
    fn letters(self, range: Range<usize>) -> Range<usize> {
        match self {
            Self::Utf16Le => range.start..range.end - 1,
            Self::Utf16Be => range.start + 1..range.end,
            Self::One | Self::Coded => range,
        }
    }
}

impl Needles {
    /// Needles for `labels`: name, key and value of each. The name is for reports, and labels of one name are one; key
    /// or value may be absent because it is not text of the file (the key of a numbered EXIF tag, the value of a binary
    /// property).
    pub fn new<'l>(labels: impl IntoIterator<Item = (&'l str, Option<&'l str>, Option<&'l str>)>) -> Self {
        let labels: Vec<_> = labels.into_iter().collect();
        let mut spellings = Spellings { is_plain: labels.len() > MANY_LABELS, ..Spellings::default() };
        let mut names = Vec::new();
        let mut indices: HashMap<&str, usize> = HashMap::new();
        for (name, key, value) in labels {
            let index = *indices.entry(name).or_insert_with(|| {
                names.push(name.to_owned());
                names.len() - 1
            });
            let halves = [(Half::Key, key), (Half::Value, value)];
            for (half, text) in halves {
                if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
                    spellings.add_text(index, half, text);
                }
            }
        }
        spellings.build(names)
    }

    /// The name of the label with this index.
    pub fn name(&self, label: usize) -> &str {
        self.names.get(label).map_or("", String::as_str)
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Length of the longest needle in bytes, with the room that its neighbours and a pair take: the overlap that
    /// windows over one stream need.
    pub fn overlap(&self) -> usize {
        if self.is_empty() { 0 } else { self.longest + PAIR_REACH + self.longest + 2 }
    }

    /// Whether a key or value occurs in `bytes`.
    pub fn occur_in(&self, bytes: &[u8]) -> bool {
        !self.occurrences(bytes).is_empty()
    }

    /// Every occurrence in `bytes`, in order. A key counts only where it is not part of a longer word (`id` is not in
    /// `id2`); halves shorter than four bytes count only as key and value close together.
    pub fn occurrences(&self, bytes: &[u8]) -> Vec<Occurrence> {
        let mut found = Vec::new();
        let mut keys: HashMap<usize, usize> = HashMap::new();
        for (range, needle) in self.spellings_in(bytes) {
            if !stands_alone(bytes, &range, needle.width) {
                continue;
            }
            let follows_key =
                keys.get(&needle.label).is_some_and(|&end| end <= range.start && range.start - end <= PAIR_REACH);
            let counts = !needle.short || (needle.half == Half::Value && follows_key);
            if needle.half == Half::Key {
                keys.insert(needle.label, range.end);
            }
            if counts {
                let is_paired = needle.half == Half::Value && follows_key;
                let range = needle.width.letters(range);
                found.push(Occurrence { range, label: needle.label, half: needle.half, is_paired });
            }
        }
        found
    }

    /// Every spelling in `bytes` with its range, in order of their starts.
    fn spellings_in(&self, bytes: &[u8]) -> Vec<(Range<usize>, &Needle)> {
        if bytes.iter().all(|byte| *byte == 0) {
            // Most of what nobody owns.
            return Vec::new();
        }
        let scout = self.scout.get_or_init(|| self.scout()).as_ref();
        if scout.is_some_and(|scout| scout.find(bytes).is_none()) {
            return Vec::new();
        }
        let count = self.patterns.len();
        let is_short =
            bytes.len() < AUTOMATON_FROM && self.searches.fetch_add(count, Ordering::Relaxed) + count < SHORT_SEARCHES;
        let mut hits = if is_short {
            scout.map_or_else(|| self.each_in(bytes, |_| true), |scout| self.scouted_in(bytes, scout))
        } else {
            let automaton = self.automaton.get_or_init(|| {
                let spellings = self.patterns.iter().map(|needle| &needle.spelling);
                // The builder refuses only more pattern bytes than memory could hold; then each is searched by itself.
                AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(spellings).ok()
            });
            match automaton {
                Some(automaton) => automaton
                    .find_overlapping_iter(bytes)
                    .filter_map(|hit| Some((hit.range(), self.patterns.get(hit.pattern().as_usize())?)))
                    .collect(),
                None => self.each_in(bytes, |_| true),
            }
        };
        hits.sort_by_key(|(range, _)| (range.start, range.end));
        hits
    }

    /// A search for all but keys that are too short to count without their value.
    fn scout(&self) -> Option<packed::Searcher> {
        let telling = self.patterns.iter().filter(|needle| needle.is_telling());
        packed::Searcher::new(telling.map(|needle| &needle.spelling))
    }

    /// Every spelling in `bytes`: where the scout finds one, all are compared; those that it does not know are searched.
    fn scouted_in(&self, bytes: &[u8], scout: &packed::Searcher) -> Vec<(Range<usize>, &Needle)> {
        let mut hits = self.each_in(bytes, |needle| !needle.is_telling());
        let mut from = 0;
        while let Some(hit) = scout.find_in(bytes, Span { start: from, end: bytes.len() }) {
            let at = hit.start();
            let rest = bytes.get(at..).unwrap_or_default();
            let here = self.patterns.iter().filter(|needle| needle.is_telling() && rest.starts_with(&needle.spelling));
            hits.extend(here.map(|needle| (at..at + needle.spelling.len(), needle)));
            from = at + 1;
        }
        hits
    }

    /// Every wanted spelling in `bytes`, searched one after the other.
    fn each_in(&self, bytes: &[u8], wanted: impl Fn(&Needle) -> bool) -> Vec<(Range<usize>, &Needle)> {
        let in_bytes = |needle: &'_ Needle| memmem::find_iter(bytes, &needle.spelling).collect::<Vec<_>>();
        self.patterns
            .iter()
            .filter(|needle| wanted(needle))
            .flat_map(|needle| in_bytes(needle).into_iter().map(move |at| (at..at + needle.spelling.len(), needle)))
            .collect()
    }
}

/// Whether the occurrence is not the middle of a longer word.
fn stands_alone(bytes: &[u8], range: &Range<usize>, width: Width) -> bool {
    let letter = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let wide = |unit: Option<&[u8]>, little: bool| {
        unit.is_some_and(|unit| match unit {
            [low, 0] if little => letter(Some(low)),
            [0, low] if !little => letter(Some(low)),
            _ => false,
        })
    };
    let before = |count: usize| range.start.checked_sub(count).and_then(|start| bytes.get(start..range.start));
    let after = bytes.get(range.end..range.end + 2);
    match width {
        Width::One => !letter(before(1).and_then(<[u8]>::first)) && !letter(bytes.get(range.end)),
        Width::Utf16Le => !wide(before(2), true) && !wide(after, true),
        Width::Utf16Be => !wide(before(2), false) && !wide(after, false),
        Width::Coded => true,
    }
}

#[derive(Default)]
struct Spellings {
    needles: Vec<Needle>,
    longest: usize,
    seen: HashSet<Vec<u8>>,
    /// Whether nothing but the text itself is added.
    is_plain: bool,
}

impl Spellings {
    fn add_text(&mut self, label: usize, half: Half, text: &str) {
        let short = text.len() < ALONE;
        if self.is_plain {
            self.add(label, half, short, text.as_bytes().to_vec(), Width::One);
            return;
        }
        let utf16: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let mut add = |bytes: Vec<u8>, width| self.add(label, half, short, bytes, width);

        add(text.as_bytes().to_vec(), Width::One);
        add(little.clone(), Width::Utf16Le);
        add(big.clone(), Width::Utf16Be);
        for encoding in CODE_PAGES {
            let (bytes, _, lossy) = encoding.encode(text);
            if !lossy {
                add(bytes.into_owned(), Width::One);
            }
        }
        for escaped in [xml(text), json(text), rtf(text, &utf16), percent(text, '='), pdf_name(text), pdf_octal(text)] {
            add(escaped.into_bytes(), Width::One);
        }
        if short {
            return;
        }
        for plain in [text.as_bytes(), &big] {
            let lower = hex(plain);
            add(lower.to_ascii_uppercase().into_bytes(), Width::Coded);
            add(lower.into_bytes(), Width::Coded);
        }
        for plain in [text.as_bytes(), &little] {
            for coded in base64_cores(plain) {
                add(coded, Width::Coded);
            }
        }
    }

    fn add(&mut self, label: usize, half: Half, short: bool, bytes: Vec<u8>, width: Width) {
        let mut tagged = bytes.clone();
        tagged.extend_from_slice(&label.to_le_bytes());
        tagged.push(half as u8);
        if !bytes.is_empty() && self.seen.insert(tagged) {
            self.longest = self.longest.max(bytes.len());
            self.needles.push(Needle { spelling: bytes, label, half, width, short });
        }
    }

    fn build(self, names: Vec<String>) -> Needles {
        Needles { patterns: self.needles, names, longest: self.longest, ..Needles::default() }
    }
}

fn xml(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            _ => out.push(letter),
        }
    }
    out
}

fn json(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            ' '..='~' => out.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out
}

fn rtf(text: &str, utf16: &[u16]) -> String {
    let ascii = text.is_ascii();
    utf16.iter().fold(String::new(), |mut out, &unit| {
        match u8::try_from(unit) {
            Ok(byte @ (b'\\' | b'{' | b'}')) => out.extend(['\\', char::from(byte)]),
            Ok(byte) if ascii || byte.is_ascii() => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\u{}?", unit.cast_signed());
            }
        }
        out
    })
}

fn percent(text: &str, mark: char) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_graphic() && char::from(byte) != mark || byte == b' ' {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "{mark}{byte:02X}");
        }
        out
    })
}

fn pdf_name(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"_-.:+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "#{byte:02X}");
        }
        out
    })
}

fn pdf_octal(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'(' | b')' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
        out
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The part of the base64 text of `plain` that does not depend on its neighbours, for each of the three alignments.
fn base64_cores(plain: &[u8]) -> Vec<Vec<u8>> {
    (0..3)
        .filter_map(|lead| {
            let mut padded = vec![0; lead];
            padded.extend_from_slice(plain);
            let whole = padded.len() / 3 * 3;
            let start = if lead == 0 { 0 } else { 4 };
            let coded = STANDARD_NO_PAD.encode(padded.get(..whole)?);
            let core = coded.as_bytes().get(start..)?;
            (core.len() >= 8).then(|| core.to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(key: &str, value: &str, bytes: &[u8]) -> usize {
        Needles::new([("label", Some(key), Some(value))]).occurrences(bytes).len()
    }

    #[test]
    fn a_key_is_not_found_inside_a_longer_word() {
        assert_eq!(hits("label", "", b"labels relabel label2 my_label"), 0);
        assert_eq!(hits("label", "", b"<label>"), 1);
        assert_eq!(hits("label", "", b"l\0a\0b\0e\0l\0s\0"), 0);
        assert_eq!(hits("label", "", b"l\0a\0b\0e\0l\0 \0"), 1);
    }

    #[test]
    fn short_halves_count_only_together() {
        assert_eq!(hits("id", "7", b"id and more, and 7 things far away from it"), 1);
        assert_eq!(hits("id", "7", b"7 things with id"), 0);
        assert_eq!(hits("id", "7", &[&b"id"[..], &[b' '; 100], b"7"].concat()), 0);
    }

    #[test]
    fn long_regions_are_searched_like_short_ones() {
        let text = b"a label here, label2 there, and a label";
        let long = [&vec![b' '; AUTOMATON_FROM][..], text].concat();
        assert_eq!(hits("label", "", text), 2);
        assert_eq!(hits("label", "", &long), 2);
    }

    #[test]
    fn the_scout_finds_what_a_search_for_each_finds() {
        let labels = [("a", Some("aab"), Some("aa")), ("b", Some("id"), Some("abcabd")), ("c", None, Some("cab"))];
        let needles = Needles::new(labels);
        let scout = needles.scout().unwrap();
        let words = ["aab", "id", "abcabd", "cab", "aa", "b", " ", "i\0d\0", "a\0a\0b\0"];
        for seed in 0..500_usize {
            let picked = (0..6).map(|place| words[(seed * 7 + place * (seed / 9 + 1)) % words.len()]);
            let text: String = picked.collect();
            let mut scouted = needles.scouted_in(text.as_bytes(), &scout);
            let mut each = needles.patterns.iter().fold(Vec::new(), |mut found, needle| {
                let starts = (0..text.len()).filter(|at| text.as_bytes()[*at..].starts_with(&needle.spelling));
                found.extend(starts.map(|at| (at..at + needle.spelling.len(), needle)));
                found
            });
            let key = |(range, needle): &(Range<usize>, &Needle)| (range.start, range.end, needle.label, needle.half);
            scouted.sort_by_key(key);
            each.sort_by_key(key);
            assert_eq!(
                scouted.iter().map(key).collect::<Vec<_>>(),
                each.iter().map(key).collect::<Vec<_>>(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn labels_of_one_name_are_searched_together() {
        let values: Vec<String> = (0..10_000).map(|number| format!("value {number}")).collect();
        for count in [10, values.len()] {
            let labels = values.iter().take(count).map(|value| ("label", Some("key"), Some(value.as_str())));
            let needles = Needles::new(labels);
            assert_eq!(needles.name(0), "label");
            let found = |text: &str| needles.occurrences(text.as_bytes()).len();
            for _ in 0..3 {
                assert_eq!(found("value 7, value 12345, value 8"), 2);
            }
            assert_eq!(found("key: value 3"), 1, "the key is too short to count");
        }
    }

    #[test]
    fn coded_spellings_are_found() {
        let value = "Geheim & \u{4e2d}";
        for spelled in ["Geheim &amp; \u{4e2d}", "Geheim & \\u4e2d", "Geheim #26"] {
            let found = hits("no such key", value, spelled.as_bytes());
            assert_eq!(found, usize::from(!spelled.contains('#')), "{spelled}");
        }
        for lead in ["", "a", "ab"] {
            let coded = STANDARD_NO_PAD.encode(format!("{lead}Confidential matter"));
            assert_eq!(hits("none", "Confidential matter", coded.as_bytes()), 1, "{lead}");
        }
    }
}
