//! From entries to labels.

use std::collections::HashMap;
use std::ops::Range;

use crate::containers::outline::{Collection, Outline, Slot, Style, is_word_list};
use crate::containers::yaml::{Body, Document, Entry, check_letters, documents, references, value_of, words_of};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::selector::is_product_key;
use crate::survey::{Barrier, Kind, Site};

/// A flat file with more entries than this is a table, and not a list of labels.
const MOST_LABELS: usize = 256;

/// Fields of a front matter that the programs which read it know, lower case.
const FIELDS: [&str; 40] = [
    "title",
    "subtitle",
    "author",
    "authors",
    "date",
    "lastmod",
    "updated",
    "created",
    "modified",
    "published",
    "draft",
    "description",
    "summary",
    "excerpt",
    "abstract",
    "keywords",
    "tags",
    "categories",
    "category",
    "topics",
    "layout",
    "permalink",
    "slug",
    "url",
    "aliases",
    "redirect_from",
    "weight",
    "order",
    "lang",
    "language",
    "toc",
    "output",
    "format",
    "jupyter",
    "jupytext",
    "engine",
    "execute",
    "params",
    "bibliography",
    "image",
];

/// Reads a file of YAML.
pub(super) fn stream(input: &[u8], limits: &Limits) -> Result<Outline> {
    if input.starts_with(b"\xff\xfe") || input.starts_with(b"\xfe\xff") || input.iter().take(4).any(|byte| *byte == 0) {
        return Err(Error::unsupported("YAML in UTF-16 or UTF-32"));
    }
    let start = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut reader = Reader::new(input, start..input.len(), "yaml", limits)?;
    let documents = documents(reader.text, start..input.len(), limits)?;
    let entries: usize =
        documents.iter().map(|document| reader.plain_entries(document).unwrap_or(MOST_LABELS + 1)).sum();
    reader.is_data = entries > MOST_LABELS;
    for document in documents {
        reader.document(document);
    }
    Ok(reader.outline)
}

/// Reads the front matter of a text, if it has one.
pub(super) fn front_matter(input: &[u8], limits: &Limits) -> Result<Outline> {
    let Some(range) = between_marks(input) else { return Ok(Outline::default()) };
    let mut reader = Reader::new(input, range.clone(), "frontmatter", limits)?;
    reader.outline.metadata.push(range.clone());
    for document in documents(reader.text, range, limits)? {
        reader.document(document);
    }
    Ok(reader.outline)
}

/// The lines between the first line, if that is a mark, and the mark that ends the front matter.
fn between_marks(input: &[u8]) -> Option<Range<usize>> {
    let start = if input.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut lines = input.get(start..)?.split_inclusive(|byte| *byte == b'\n');
    let first = lines.next()?;
    if first.trim_ascii_end() != b"---" {
        return None;
    }
    let from = start + first.len();
    let mut at = from;
    for line in lines {
        if matches!(line.trim_ascii_end(), b"---" | b"...") {
            return Some(from..at);
        }
        at += line.len();
    }
    None
}

struct Reader<'a> {
    text: &'a str,
    carrier: &'static str,
    /// Whether the file holds data, of which names alone tell labels.
    is_data: bool,
    outline: Outline,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn new(input: &'a [u8], range: Range<usize>, carrier: &'static str, limits: &'a Limits) -> Result<Self> {
        let until = input.get(..range.end).unwrap_or_default();
        let text = std::str::from_utf8(until)
            .map_err(|error| Error::malformed(error.valid_up_to() as u64, "the text is not valid UTF-8"))?;
        check_letters(text.get(range.clone()).unwrap_or_default(), range.start)?;
        Ok(Self { text, carrier, is_data: false, outline: Outline::default(), limits })
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// How many entries a document has, if all of them are plain.
    fn plain_entries(&self, document: &Document) -> Option<usize> {
        match &document.body {
            Body::Other => Some(0),
            Body::Flow(flow) => flow.is_flat.then_some(flow.items.len()),
            Body::Block(entries) => {
                let is_plain = |entry: &Entry| {
                    value_of(self.text, entry.value.clone()).is_some()
                        || words_of(self.text, entry, self.limits).is_some()
                };
                entries.iter().all(is_plain).then_some(entries.len())
            }
        }
    }

    fn document(&mut self, document: Document) {
        match document.body {
            Body::Block(entries) => {
                let barriers = self.anchors(entries.iter().map(|entry| entry.lines.clone()));
                let mut slots = Vec::new();
                for (index, entry) in entries.into_iter().enumerate() {
                    let first = self.outline.sites.len();
                    self.entry(&entry, barriers.get(&index));
                    slots.push(Slot { range: entry.lines, sites: first..self.outline.sites.len(), stays: false });
                }
                self.outline.collections.push(Collection { style: Style::Lines, body: document.range, slots });
            }
            Body::Flow(flow) => {
                let barriers = self.anchors(flow.items.iter().map(|item| item.range.clone()));
                let mut slots = Vec::new();
                for (index, item) in flow.items.into_iter().enumerate() {
                    let first = self.outline.sites.len();
                    let key = item.key.unwrap_or(item.range.start..item.range.start);
                    let entry = Entry { key, value: item.value, lines: item.range.clone() };
                    let site = self.site(&entry, entry.value.clone(), barriers.get(&index));
                    self.outline.push(site, item.range.clone(), self.limits);
                    slots.push(Slot { range: item.range, sites: first..self.outline.sites.len(), stays: false });
                }
                self.outline.collections.push(Collection { style: Style::Flow, body: flow.body, slots });
            }
            Body::Other => {}
        }
    }

    /// The entries that another one refers to, with the reason why they stay.
    fn anchors(&self, entries: impl Iterator<Item = Range<usize>> + Clone) -> HashMap<usize, Barrier> {
        let mut users: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, range) in entries.clone().enumerate() {
            references(self.text, range, b'*').for_each(|name| users.entry(name).or_default().push(index));
        }
        let mut barriers = HashMap::new();
        for (index, range) in entries.enumerate() {
            let used = references(self.text, range, b'&')
                .find(|name| users.get(name).is_some_and(|users| users.iter().any(|user| *user != index)));
            if let Some(name) = used {
                let reason = format!("another entry refers to its anchor {name}");
                barriers.insert(index, Barrier::new(ErrorKind::Conflict, reason));
            }
        }
        barriers
    }

    fn entry(&mut self, entry: &Entry, barrier: Option<&Barrier>) {
        let key = value_of(self.text, entry.key.clone()).unwrap_or_default();
        let words = if is_word_list(&key) { words_of(self.text, entry, self.limits) } else { None };
        let Some((style, body, words)) = words.filter(|(.., words)| !words.is_empty() && barrier.is_none()) else {
            let site = self.site(entry, entry.value.clone(), barrier);
            self.outline.push(site, entry.lines.clone(), self.limits);
            return;
        };
        self.outline.claims.push(entry.key.clone());
        let mut slots = Vec::new();
        for word in words {
            let first = self.outline.sites.len();
            let site = self.site(entry, word.value, None);
            self.outline.push(site, word.range.clone(), self.limits);
            slots.push(Slot { range: word.range, sites: first..first + 1, stays: false });
        }
        self.outline.collections.push(Collection { style, body, slots });
    }

    fn site(&self, entry: &Entry, value: Range<usize>, barrier: Option<&Barrier>) -> Site {
        let key = value_of(self.text, entry.key.clone()).unwrap_or_default();
        let spelled = self.slice(value.clone());
        let holds_mark = self.slice(entry.lines.clone()).contains("AIGC");
        Site {
            value: value_of(self.text, value),
            raw_value: Some(spelled.to_owned()),
            address: format!("{}:{key}", self.carrier),
            kind: self.kind(&key),
            place: if self.carrier == "frontmatter" { "front matter" } else { "top level" }.to_owned(),
            barrier: if holds_mark { Barrier::of_protected("AIGC") } else { barrier.cloned() },
            key,
            ..Site::default()
        }
    }

    fn kind(&self, key: &str) -> Kind {
        if key == "<<" || key.starts_with(['$', '@']) {
            return Kind::Bookkeeping;
        }
        match self.carrier {
            "frontmatter" if FIELDS.iter().any(|field| key.eq_ignore_ascii_case(field)) => Kind::Standard,
            "frontmatter" => Kind::Custom,
            _ if self.is_data && !is_product_key(key) => Kind::Bookkeeping,
            _ => Kind::Custom,
        }
    }
}
