//! Labels in XML: where they stand in the bytes of a part, and what of it is structure.
//!
//! [`Walk`] goes through a part once; the format that knows its elements pushes the labels. [`Labels`] is what comes
//! of it, a [`Carrier`] like any other block.

use std::ops::Range;

use super::{Element, Encoding, Event, Scanner, Text, is_blank};
use crate::containers::Carrier;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, Site};

/// What a part holds. Ranges are raw bytes of the decoded part.
#[derive(Debug)]
pub(crate) struct Labels {
    /// The labels, in the order of the part.
    pub(crate) sites: Vec<Site>,
    /// For each site, what goes with it.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Elements that must not stay empty, with the sites they hold: they go with the last of them.
    pub(crate) groups: Vec<(Range<usize>, Range<usize>)>,
    /// What belongs to sites and to the known structure.
    pub(crate) claims: Vec<Range<usize>>,
    /// What of the part is metadata; none where all of it is content of the document.
    pub(crate) metadata: Option<Range<usize>>,
    /// Whether the part is somebody else's and was not read: its structure is claimed when it is shown.
    pub(crate) is_foreign: bool,
    /// How the part spells characters.
    pub(crate) encoding: Encoding,
}

impl Labels {
    /// A part without labels.
    pub(crate) fn none(encoding: Encoding) -> Self {
        Self {
            sites: Vec::new(),
            ranges: Vec::new(),
            groups: Vec::new(),
            claims: Vec::new(),
            metadata: None,
            is_foreign: false,
            encoding,
        }
    }

    /// A part of `len` bytes that describes the document in somebody else's terms.
    pub(crate) fn foreign(len: usize) -> Self {
        Self { metadata: Some(0..len), is_foreign: true, ..Self::none(Encoding::Utf8) }
    }

    /// The ranges to cut when the sites at these places go (ascending).
    fn cuts(&self, chosen: &[usize]) -> Vec<Range<usize>> {
        let is_chosen = |place: usize| chosen.binary_search(&place).is_ok();
        let mut cuts = Vec::with_capacity(chosen.len());
        // Groups come in the order of the part, and so do the sites they hold.
        let mut position = 0;
        for (range, sites) in self.groups.iter().filter(|(_, sites)| sites.clone().all(is_chosen)) {
            cuts.push(range.clone());
            let before = chosen.partition_point(|place| *place < sites.start);
            cuts.extend(self.ranges_of(chosen.get(position..before).unwrap_or_default()));
            position = chosen.partition_point(|place| *place < sites.end);
        }
        cuts.extend(self.ranges_of(chosen.get(position..).unwrap_or_default()));
        cuts
    }

    fn ranges_of(&self, places: &[usize]) -> impl Iterator<Item = Range<usize>> {
        places.iter().filter_map(|place| self.ranges.get(*place).cloned())
    }
}

impl Carrier for Labels {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>> {
        let take_out = |cut: Range<usize>| self.encoding.take_out(cut.start as u64..cut.end as u64, layout);
        Ok(self.cuts(chosen).into_iter().map(take_out).collect())
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.claims.clone()
    }
}

/// The known structure of a part of somebody else's: its names, and nothing where it cannot be read.
pub(crate) fn structure(bytes: &[u8], limits: &Limits) -> Vec<Range<usize>> {
    let Ok(text) = Text::decode(bytes, limits) else { return Vec::new() };
    let mut walk = Walk::new(&text, limits);
    while let Ok(Some(_)) = walk.next() {}
    walk.labels.claims
}

/// A scan of one part.
pub(crate) struct Walk<'t> {
    pub(crate) text: &'t Text<'t>,
    /// What reads it.
    pub(crate) scanner: Scanner<'t>,
    limits: &'t Limits,
    /// Where the blank text begins that ends the last event.
    blank: Option<usize>,
    /// The same before the last start tag.
    pub(crate) before: Option<usize>,
    /// What was found so far.
    pub(crate) labels: Labels,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(text: &'t Text<'t>, limits: &'t Limits) -> Self {
        let labels = Labels::none(text.encoding());
        Self { text, scanner: Scanner::new(text, limits), limits, blank: None, before: None, labels }
    }

    /// The next event, its structure claimed.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'t>>> {
        let event = self.scanner.next()?;
        match &event {
            Some(Event::Doctype(range)) => {
                let offset = self.text.raw_offset(range.start) as u64;
                return Err(Error::unsupported("a part with a document type declaration").at(offset));
            }
            Some(Event::Start(element)) => self.claim_tag(element),
            Some(Event::End(end)) => self.claim(end.range.clone()),
            Some(Event::Instruction(range)) if range.start == 0 => self.claim(range.clone()),
            _ => {}
        }
        self.before = self.blank.take();
        if let Some(Event::Text(range)) = &event
            && is_blank(self.text.slice(range.clone()))
        {
            self.blank = Some(range.start);
        }
        Ok(event)
    }

    pub(crate) fn claim(&mut self, range: Range<usize>) {
        self.labels.claims.push(self.text.raw(range));
    }

    /// Element and attribute names are structure, and so are namespaces and what `xsi` and `mc` attributes say.
    pub(crate) fn claim_tag(&mut self, element: &Element<'t>) {
        self.claim(element.name_range.clone());
        for attribute in &element.attributes {
            self.claim(attribute.name_range.clone());
            if attribute.declares().is_some() || matches!(attribute.name.prefix, "xsi" | "mc") {
                self.claim(attribute.value_range.clone());
            }
        }
    }

    /// Takes in a site that goes with the element at `range`, and with the blank text before it.
    pub(crate) fn push(&mut self, mut site: Site, blank: Option<usize>, range: Range<usize>) {
        site.barrier = site.barrier.or_else(|| Barrier::of_protected(&site.key));
        site.value = site.value.map(|value| self.shortened(value));
        site.raw_value = site.raw_value.map(|value| self.shortened(value));
        self.claim(range.clone());
        self.labels.sites.push(site);
        self.labels.ranges.push(self.text.raw(blank.unwrap_or(range.start)..range.end));
    }

    fn shortened(&self, mut value: String) -> String {
        value.truncate(value.floor_char_boundary(self.limits.value_bytes));
        value
    }

    /// Shows every child of the root element to `take`, which reads it to its end.
    pub(crate) fn children(&mut self, take: impl Fn(&mut Self, &Element<'t>) -> Result<()>) -> Result<()> {
        self.labels.metadata = Some(0..self.text.raw_offset(self.text.as_str().len()));
        while let Some(event) = self.next()? {
            if let Event::Start(element) = event
                && self.scanner.depth() == 2
            {
                take(self, &element)?;
            }
        }
        Ok(())
    }
}
