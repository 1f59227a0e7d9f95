//! From the text of a document to its labels and the files in it.

use std::ops::Range;

use super::objects::Object;
use crate::containers::rtf::{Charset, Child, Scanner, Token, children, destination, group_end, text};
use crate::containers::{office, text as texts};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::{Barrier, KeyCase, Kind, Site};

/// Fields of `\info` that are text.
const TEXTS: [&str; 12] = [
    "author",
    "category",
    "comment",
    "company",
    "doccomm",
    "hlinkbase",
    "keywords",
    "manager",
    "operator",
    "subject",
    "title",
    "template",
];

/// Fields of `\info` that are times.
const TIMES: [&str; 4] = ["creatim", "revtim", "printim", "buptim"];

/// Fields of `\info` that are numbers.
const NUMBERS: [&str; 8] = ["edmins", "id", "nofchars", "nofcharsws", "nofpages", "nofwords", "vern", "version"];

/// How deep the two spellings of a field are nested.
const SPELLINGS: usize = 2;

/// What was found. Ranges are bytes of the input.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) sites: Vec<Site>,
    /// For each site, what goes with it.
    pub(super) cuts: Vec<Range<usize>>,
    /// Groups that go whole with the last of their sites.
    pub(super) groups: Vec<(Range<usize>, Range<usize>)>,
    /// Groups that describe the document.
    pub(super) metadata: Vec<Range<usize>>,
    pub(super) objects: Vec<Object>,
    /// Where the document ends.
    pub(super) end: usize,
}

/// Goes through the document that opens at `start`.
pub(super) fn walk(input: &[u8], start: usize, limits: &Limits) -> Result<Found> {
    let mut walk = Walk { input, limits, charset: Charset::default(), found: Found::default() };
    walk.document(start)?;
    Ok(walk.found)
}

struct Walk<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    charset: Charset,
    found: Found,
}

impl Walk<'_> {
    fn document(&mut self, start: usize) -> Result<()> {
        let mut scanner = Scanner::new(self.input, start..self.input.len());
        let mut skipped = Vec::new();
        self.found.end = self.input.len();
        while let Some((token, range)) = scanner.next() {
            match token {
                Token::Open => {
                    if let Some(end) = self.group(range.start)? {
                        scanner.seek(end);
                        continue;
                    }
                    self.limits.check_items(skipped.len() + 1, "open groups")?;
                    skipped.push(self.charset.skipped);
                }
                Token::Close => {
                    self.charset.skipped = skipped.pop().unwrap_or(1);
                    if skipped.is_empty() {
                        self.found.end = range.end;
                        break;
                    }
                }
                Token::Word { name, number } => self.charset.heed(scanner.name(&name), number),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the group that opens at `open`, if it is of interest, and answers where it ends.
    fn group(&mut self, open: usize) -> Result<Option<usize>> {
        let group = destination(self.input, open);
        let is_of_interest = matches!(
            group.name,
            "userprops" | "docvar" | "info" | "generator" | "datastore" | "objdata" | "pict" | "xmlnstbl"
        );
        if !is_of_interest {
            return Ok(None);
        }
        let range = open..group_end(self.input, open)?;
        let content = group.content..range.end - 1;
        let outside = self.charset;
        match group.name {
            "pict" | "objdata" | "datastore" => {
                let number = self.found.objects.len() + 1;
                self.limits.check_items(number, "objects")?;
                let object = Object::read(self.input, group.name, content, number, self.limits)?;
                self.found.objects.extend(object);
            }
            "generator" => {
                let value = self.text(content);
                let value = value.trim().trim_end_matches(';').to_owned();
                self.push("rtf", "generator", value, Kind::Standard, range.clone());
            }
            "info" => self.info(content, 0)?,
            "docvar" => self.variable(content, &range)?,
            "userprops" => self.properties(content, &range)?,
            _ => {}
        }
        self.charset = outside;
        if !matches!(group.name, "pict" | "objdata" | "datastore") {
            self.found.metadata.push(range.clone());
        }
        Ok(Some(range.end))
    }

    fn text(&self, range: Range<usize>) -> String {
        text(self.input, range, self.charset)
    }

    fn push(&mut self, carrier: &str, key: &str, value: String, kind: Kind, cut: Range<usize>) {
        self.found.sites.push(Site {
            key: key.to_owned(),
            value: Some(texts::value(value, self.limits)),
            address: format!("{carrier}:{key}"),
            kind,
            case: KeyCase::Insensitive,
            place: carrier_place(carrier).to_owned(),
            offset: cut.start as u64,
            barrier: Barrier::of_protected(key),
            ..Site::default()
        });
        self.found.cuts.push(cut);
    }

    /// `{\title …}`, `{\creatim\yr…}`, `{\nofpages1}` or the number without a group.
    fn info(&mut self, content: Range<usize>, depth: usize) -> Result<()> {
        for child in children(self.input, content, self.limits)? {
            match child {
                Child::Group { range, destination: group } => {
                    let inside = group.content..range.end - 1;
                    let name = group.name;
                    match group.number {
                        _ if TEXTS.contains(&name) => {
                            let value = self.text(inside);
                            self.push("info", name, value, Kind::Standard, range);
                        }
                        _ if TIMES.contains(&name) => {
                            let value = self.time(inside)?;
                            self.push("info", name, value, Kind::Standard, range);
                        }
                        Some(number) if NUMBERS.contains(&name) => {
                            self.push("info", name, number.to_string(), Kind::Standard, range);
                        }
                        // Fields in two spellings.
                        _ if matches!(name, "upr" | "ud") && depth < SPELLINGS => self.info(inside, depth + 1)?,
                        _ => {}
                    }
                }
                Child::Word { range, name, number: Some(number) } if NUMBERS.contains(&name) => {
                    self.push("info", name, number.to_string(), Kind::Standard, range);
                }
                Child::Word { name, number, .. } => self.charset.heed(name, number),
                _ => {}
            }
        }
        Ok(())
    }

    /// `\yr2012\mo10\dy4\hr13\min2\sec39`
    fn time(&self, content: Range<usize>) -> Result<String> {
        let children = children(self.input, content, self.limits)?;
        let number = |wanted: &str| {
            let of = |child: &Child<'_>| match child {
                Child::Word { name, number, .. } if *name == wanted => *number,
                _ => None,
            };
            children.iter().find_map(of).unwrap_or(0)
        };
        let [year, month, day] = ["yr", "mo", "dy"].map(number);
        let [hour, minute, second] = ["hr", "min", "sec"].map(number);
        Ok(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
    }

    /// `{\*\docvar {K}{V}}`
    fn variable(&mut self, content: Range<usize>, range: &Range<usize>) -> Result<()> {
        let mut texts = Vec::new();
        for child in children(self.input, content, self.limits)? {
            if let Child::Group { range, .. } = child {
                texts.push(self.text(range));
            }
        }
        let mut texts = texts.into_iter();
        if let Some(key) = texts.next() {
            let kind = office::kind(&key);
            self.push("docvar", &key, texts.next().unwrap_or_default(), kind, range.clone());
        }
        Ok(())
    }

    /// `{\*\userprops {\propname K}\proptype30{\staticval V}{\linkval B}…}`
    fn properties(&mut self, content: Range<usize>, range: &Range<usize>) -> Result<()> {
        let first = self.found.sites.len();
        let mut current: Option<Property> = None;
        for child in children(self.input, content, self.limits)? {
            match child {
                Child::Group { range, destination: group } => {
                    let inside = group.content..range.end - 1;
                    if group.name == "propname" {
                        self.finish(current.take());
                        let key = self.text(inside);
                        current = Some(Property { key, value: String::new(), range });
                    } else if let Some(property) = &mut current {
                        property.range.end = range.end;
                        if group.name == "staticval" {
                            property.value = text(self.input, inside, self.charset);
                        }
                    }
                }
                Child::Word { range, name, number } => {
                    self.charset.heed(name, number);
                    if let Some(property) = &mut current {
                        property.range.end = range.end;
                    }
                }
                _ => {}
            }
        }
        self.finish(current);
        let sites = first..self.found.sites.len();
        if !sites.is_empty() {
            self.found.groups.push((range.clone(), sites));
        }
        Ok(())
    }

    fn finish(&mut self, property: Option<Property>) {
        if let Some(Property { key, value, range }) = property {
            let kind = office::kind(&key);
            self.push("custom", &key, value, kind, range);
        }
    }
}

/// A property as far as it was read.
struct Property {
    key: String,
    value: String,
    range: Range<usize>,
}

fn carrier_place(carrier: &str) -> &'static str {
    match carrier {
        "custom" => "custom properties",
        "docvar" => "document variables",
        "info" => "information group",
        _ => "head of the document",
    }
}
