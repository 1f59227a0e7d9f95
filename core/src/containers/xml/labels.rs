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

/// Regions of metadata that one part is seen to have.
const MOST_REGIONS: usize = 64;

/// A region of a part, and the claims in it.
pub(crate) type Region = (Range<usize>, Vec<Range<usize>>);

/// What a part holds. Ranges are raw bytes of the decoded part.
#[derive(Debug)]
pub(crate) struct Labels {
    /// The labels, in the order of the part.
    pub(crate) sites: Vec<Site>,
    /// For each site, what goes with it.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Elements that must not stay empty, with the sites they hold: they go with the last of them.
    pub(crate) groups: Vec<(Range<usize>, Range<usize>)>,
    /// Sites that only say more of another and go with it: `(site, that it speaks of)`.
    pub(crate) follows: Vec<(usize, usize)>,
    /// What belongs to sites and to the known structure.
    pub(crate) claims: Vec<Range<usize>>,
    /// What of the part is metadata, in order; the rest is content of the document.
    pub(crate) metadata: Vec<Range<usize>>,
    /// Whether the part is somebody else's and was not read: its structure is claimed when it is shown.
    pub(crate) is_foreign: bool,
    /// How the part spells characters.
    pub(crate) encoding: Encoding,
}

impl Labels {
    /// The metadata of the part, each region with the claims in it, counted from its start.
    pub(crate) fn regions<'l>(&'l self, claims: &'l [Range<usize>]) -> impl Iterator<Item = Region> + 'l {
        self.metadata.iter().map(|region| {
            let inside = claims.iter().filter(|claim| claim.start >= region.start && claim.end <= region.end);
            let moved = inside.map(|claim| claim.start - region.start..claim.end - region.start);
            (region.clone(), moved.collect())
        })
    }

    /// Whether some of `len` bytes are content.
    pub(crate) fn has_content(&self, len: usize) -> bool {
        self.metadata.iter().map(ExactSizeIterator::len).sum::<usize>() < len
    }

    /// A part without labels.
    pub(crate) fn none(encoding: Encoding) -> Self {
        Self {
            sites: Vec::new(),
            ranges: Vec::new(),
            groups: Vec::new(),
            follows: Vec::new(),
            claims: Vec::new(),
            metadata: Vec::new(),
            is_foreign: false,
            encoding,
        }
    }

    /// A part of `len` bytes that describes the document in somebody else's terms.
    pub(crate) fn foreign(len: usize) -> Self {
        Self { metadata: std::iter::once(0..len).collect(), is_foreign: true, ..Self::none(Encoding::Utf8) }
    }

    /// The ranges to cut when the sites at these places go (ascending).
    pub(crate) fn cuts(&self, chosen: &[usize]) -> Vec<Range<usize>> {
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
    /// Whether a document type declaration may stand there, as long as it declares nothing itself.
    allows_doctype: bool,
    /// Whether one may declare entities.
    resolves: bool,
    /// Whether names are claimed as structure; not worth it outside of metadata.
    pub(crate) claims_names: bool,
    /// What was found so far.
    pub(crate) labels: Labels,
}

impl<'t> Walk<'t> {
    pub(crate) fn new(text: &'t Text<'t>, limits: &'t Limits) -> Self {
        let labels = Labels::none(text.encoding());
        let scanner = Scanner::new(text, limits);
        Self {
            text,
            scanner,
            limits,
            blank: None,
            before: None,
            allows_doctype: false,
            resolves: false,
            claims_names: true,
            labels,
        }
    }

    /// The same for formats whose files may begin with a document type declaration. One that declares anything in
    /// the file itself is refused all the same.
    pub(crate) fn allowing_doctype(mut self) -> Self {
        self.allows_doctype = true;
        self
    }

    /// The same for formats whose documents may declare entities, which are resolved where they are plain text.
    pub(crate) fn resolving(mut self) -> Self {
        self.scanner = self.scanner.resolving();
        self.resolves = true;
        self
    }

    /// The next event, its structure claimed.
    pub(crate) fn next(&mut self) -> Result<Option<Event<'t>>> {
        let event = self.scanner.next()?;
        match &event {
            Some(Event::Doctype(range)) if self.allows_doctype && !self.text.slice(range.clone()).contains('[') => {
                self.claim(range.clone());
            }
            Some(Event::Doctype(range)) if self.resolves => self.is_metadata(range.clone()),
            Some(Event::Doctype(range)) => {
                let offset = self.text.raw_offset(range.start) as u64;
                return Err(Error::unsupported("a part with a document type declaration").at(offset));
            }
            Some(Event::Start(element)) if self.claims_names => self.claim_tag(element),
            Some(Event::End(end)) if self.claims_names => self.claim(end.range.clone()),
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

    /// The part describes the document, all of it.
    pub(crate) fn all_is_metadata(&mut self) {
        let end = self.text.raw_offset(self.text.as_str().len());
        self.labels.metadata = std::iter::once(0..end).collect();
    }

    /// The element at `range`, from its start tag to its end, describes the document.
    pub(crate) fn is_metadata(&mut self, range: Range<usize>) {
        let range = self.text.raw(range);
        let is_full = self.labels.metadata.len() >= MOST_REGIONS;
        match self.labels.metadata.last_mut() {
            // What lies between is taken in with very many of them.
            Some(last) if is_full => last.end = range.end,
            _ => self.labels.metadata.push(range),
        }
    }

    /// Shows every child of the root element to `take`, which reads it to its end.
    pub(crate) fn children(&mut self, take: impl Fn(&mut Self, &Element<'t>) -> Result<()>) -> Result<()> {
        self.all_is_metadata();
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
