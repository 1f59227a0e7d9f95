//! From members of an object to labels.

use std::ops::Range;

use crate::containers::json::{Scanner, Shape, decoded};
use crate::containers::outline::{Collection, Outline, Slot, Style, is_word_list};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::selector::is_product_key;
use crate::survey::{Barrier, Kind, Site};

/// Members that an object at the top may have.
const MOST_MEMBERS: usize = 1 << 20;

/// A flat object with more members than this is a table, and not a list of labels.
const MOST_LABELS: usize = 256;

/// Values of collections that are longer than this are not kept for reports.
const SHOWN: usize = 1024;

/// Where members stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carrier<'c> {
    /// The first half of their addresses.
    pub(super) name: &'c str,
    /// The place, for people.
    pub(super) place: &'c str,
    /// Who chose a key.
    pub(super) kind: fn(&str) -> Kind,
}

/// The members above a value, and what they make of it.
#[derive(Clone, Debug, Default)]
struct Path {
    keys: Vec<String>,
    kind: Kind,
}

/// A reader of a document.
pub(super) struct Reader<'a> {
    pub(super) scanner: Scanner<'a>,
    pub(super) outline: Outline,
    limits: &'a Limits,
}

/// Reads a document that is no notebook.
pub(super) fn document(input: &[u8], limits: &Limits) -> Result<Outline> {
    let mut reader = Reader::new(input, limits)?;
    if reader.scanner.peek() == Some(b'{') {
        reader.top()?;
    } else {
        reader.scanner.value()?;
    }
    reader.scanner.end()?;
    Ok(reader.outline)
}

impl<'a> Reader<'a> {
    pub(super) fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        Ok(Self { scanner: Scanner::new(input, limits)?, outline: Outline::default(), limits })
    }

    /// The object at the top.
    fn top(&mut self) -> Result<()> {
        let start = self.scanner.position();
        let mut slots = Vec::new();
        let (mut is_first, mut is_flat) = (true, true);
        let mut manifest = 0;
        let mut described = 0..0;
        while let Some(key) = self.scanner.member(&mut is_first)? {
            let name = decoded(self.scanner.slice(key.clone()));
            manifest += usize::from(matches!(&*name, "apiVersion" | "kind"));
            let first = self.outline.sites.len();
            let stays = name == "metadata" && self.scanner.peek() == Some(b'{');
            if stays {
                self.outline.claims.push(key.clone());
                self.describe(&Carrier { name: "metadata", place: "metadata", kind: own_kind })?;
                described = first..self.outline.sites.len();
            } else {
                let carrier = Carrier { name: "json", place: "top level", kind: own_kind };
                is_flat &= self.entry(&carrier, name, &key)?.is_flat();
            }
            slots.push(self.slot(key.start, first, stays));
            if slots.len() > MOST_MEMBERS {
                return Err(Error::limit(format!("more than {MOST_MEMBERS} members at the top")).at(key.start as u64));
            }
        }
        let is_list_of_labels = is_flat && slots.len() <= MOST_LABELS;
        self.collect(start, slots);
        let is_described = |index: usize| described.contains(&index);
        for (index, site) in self.outline.sites.iter_mut().enumerate() {
            let is_data = if is_described(index) {
                // A manifest of Kubernetes: the other fields of its metadata name the thing itself.
                manifest == 2 && !["labels", "annotations"].iter().any(|own| site.aliases.iter().any(|it| it == own))
            } else {
                !is_list_of_labels && !is_product_key(&site.key)
            };
            if is_data && site.kind == Kind::Custom {
                site.kind = Kind::Bookkeeping;
            }
        }
        Ok(())
    }

    /// The object that comes next describes something.
    pub(super) fn describe(&mut self, carrier: &Carrier<'_>) -> Result<()> {
        let start = self.scanner.position();
        self.members(carrier, &Path::default())?;
        self.outline.metadata.push(start..self.scanner.position());
        Ok(())
    }

    fn members(&mut self, carrier: &Carrier<'_>, path: &Path) -> Result<()> {
        let start = self.scanner.position();
        let mut slots = Vec::new();
        let mut is_first = true;
        while let Some(key) = self.scanner.member(&mut is_first)? {
            let name = decoded(self.scanner.slice(key.clone()));
            let kind = if path.keys.is_empty() { (carrier.kind)(&name) } else { path.kind };
            let first = self.outline.sites.len();
            let mut inner = Path { keys: path.keys.clone(), kind };
            inner.keys.push(name);
            if kind == Kind::Custom && self.scanner.peek() == Some(b'{') && !self.is_empty()? {
                self.outline.claims.push(key.clone());
                self.members(carrier, &inner)?;
            } else {
                self.leaf(carrier, &inner, &key)?;
            }
            slots.push(self.slot(key.start, first, false));
        }
        self.collect(start, slots);
        Ok(())
    }

    /// One member of an object, whatever it holds.
    pub(super) fn entry(&mut self, carrier: &Carrier<'_>, name: String, key: &Range<usize>) -> Result<Shape> {
        let kind = (carrier.kind)(&name);
        self.leaf(carrier, &Path { keys: vec![name], kind }, key)
    }

    fn leaf(&mut self, carrier: &Carrier<'_>, path: &Path, key: &Range<usize>) -> Result<Shape> {
        let start = self.scanner.position();
        let mut ahead = self.scanner.clone();
        let shape = ahead.value()?;
        let end = ahead.position();
        let name = path.keys.last().map_or("", String::as_str);
        let is_words = is_word_list(name) && shape == Shape::List { is_flat: true } && !self.is_empty()?;
        if is_words {
            self.outline.claims.push(key.clone());
            self.words(carrier, path)?;
            return Ok(shape);
        }
        self.scanner = ahead;
        let site = self.site(carrier, path, shape, start..end);
        self.outline.push(site, key.start..end, self.limits);
        Ok(shape)
    }

    /// The items of a list, each a label.
    fn words(&mut self, carrier: &Carrier<'_>, path: &Path) -> Result<()> {
        let start = self.scanner.position();
        let mut slots = Vec::new();
        let mut is_first = true;
        while self.scanner.item(&mut is_first)? {
            self.scanner.peek();
            let start = self.scanner.position();
            let first = self.outline.sites.len();
            let shape = self.scanner.value()?;
            let end = self.scanner.position();
            let site = self.site(carrier, path, shape, start..end);
            self.outline.push(site, start..end, self.limits);
            slots.push(self.slot(start, first, false));
        }
        self.collect(start, slots);
        Ok(())
    }

    fn site(&self, carrier: &Carrier<'_>, path: &Path, shape: Shape, value: Range<usize>) -> Site {
        let spelled = self.scanner.slice(value);
        let (key, above) = path.keys.split_last().map_or(("", &[][..]), |(key, above)| (key.as_str(), above));
        let (value, raw_value) = match shape {
            Shape::Text => {
                let inner = spelled.get(1..spelled.len().saturating_sub(1)).unwrap_or_default();
                (Some(decoded(spelled)), Some(inner.to_owned()))
            }
            Shape::Plain => (Some(spelled.to_owned()), None),
            _ => ((spelled.len() <= SHOWN).then(|| spelled.to_owned()), None),
        };
        Site {
            key: key.to_owned(),
            aliases: above.to_vec(),
            value,
            raw_value,
            address: format!("{}:{}", carrier.name, path.keys.join("/")),
            kind: path.kind,
            place: carrier.place.to_owned(),
            barrier: above.iter().find_map(|key| Barrier::of_protected(key)),
            ..Site::default()
        }
    }

    /// Whether the collection that comes next is empty.
    fn is_empty(&self) -> Result<bool> {
        let mut ahead = self.scanner.clone();
        let mut is_first = true;
        Ok(match ahead.peek() {
            Some(b'{') => ahead.member(&mut is_first)?.is_none(),
            _ => !ahead.item(&mut is_first)?,
        })
    }

    pub(super) fn slot(&self, start: usize, first: usize, stays: bool) -> Slot {
        Slot { range: start..self.scanner.position(), sites: first..self.outline.sites.len(), stays }
    }

    /// Takes in the collection that opened at `start` and ends here.
    pub(super) fn collect(&mut self, start: usize, slots: Vec<Slot>) {
        if slots.iter().any(|slot| !slot.sites.is_empty()) {
            let body = start + 1..self.scanner.position().saturating_sub(1);
            self.outline.collections.push(Collection { style: Style::Flow, body, slots });
        }
    }
}

/// Who chose the key of a member: words that say what a document is are its program's.
pub(super) fn own_kind(key: &str) -> Kind {
    if key.starts_with(['$', '@']) { Kind::Bookkeeping } else { Kind::Custom }
}
