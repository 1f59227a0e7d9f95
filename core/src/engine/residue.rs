//! What is searched for in the result, and which finds are traces of a label.

use std::cell::RefCell;
use std::rc::Rc;

use crate::needles::{Half, Needles};
use crate::report::Left;
use crate::scan::{Class, Hit, Proof};
use crate::survey::{Findings, Kind, Site};

/// The spellings to search for. Names that the format itself defines are no trace of a label, so a standard field is
/// searched by its value only.
pub(super) fn needles_for(findings: &Findings, sites: &[usize]) -> Rc<Needles> {
    let sites = || sites.iter().filter_map(|&index| findings.sites.get(index));
    let named = sites().map(|site| {
        let key = (site.kind != Kind::Standard).then_some(site.key.as_str());
        (site.address.as_str(), key, site.value.as_deref())
    });
    let aliases = sites().flat_map(|site| {
        let aliases = site.aliases.iter().map(|alias| (site.address.as_str(), Some(alias.as_str()), None));
        aliases.chain(site.raw_value.as_deref().map(|raw| (site.address.as_str(), None, Some(raw))))
    });
    LAST.with_borrow_mut(|last| match last {
        Some(last) if last.is_of(named.clone().chain(aliases.clone())) => Rc::clone(&last.needles),
        _ => Rc::clone(&last.insert(Last::new(named.chain(aliases).collect())).needles),
    })
}

thread_local! {
    /// The files of a batch mostly have the same label: to spell it out and to set up the search takes as long as to
    /// search a small file.
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// Address, key and value of a label.
type Named<'l> = (&'l str, Option<&'l str>, Option<&'l str>);

/// What was searched for last.
struct Last {
    labels: Vec<(String, Option<String>, Option<String>)>,
    needles: Rc<Needles>,
}

impl Last {
    /// Labels up to this many are remembered.
    const MOST: usize = 64;

    fn new(labels: Vec<Named<'_>>) -> Self {
        let needles = Rc::new(Needles::new(labels.iter().copied()));
        let is_few = labels.len() <= Self::MOST;
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let labels = labels.into_iter().filter(|_| is_few);
        let labels = labels.map(|(name, key, value)| (name.to_owned(), owned(key), owned(value))).collect();
        Self { labels, needles }
    }

    fn is_of<'l>(&self, mut labels: impl Iterator<Item = Named<'l>>) -> bool {
        let mut own = self.labels.iter();
        let is_next = |(name, key, value): &(String, Option<String>, Option<String>), other: Named<'_>| {
            (name.as_str(), key.as_deref(), value.as_deref()) == other
        };
        let are_same = labels.all(|label| own.next().is_some_and(|own| is_next(own, label)));
        !self.labels.is_empty() && are_same && own.next().is_none()
    }
}

/// Values of at least this many bytes are no word that other metadata has by chance, as `true`, `2010` or `Standard`
/// are.
const TELLING: usize = 12;

/// Whether a hit is a trace of the label.
///
/// What stands in the document itself never is. In bytes that no reader looks at, everything is: it is an old copy. In
/// other described places (a maker note, a part of another program) the same words may be another fact: for a standard
/// field, which was meant by its address, they are; for a custom label they are unless its key is there, or the value
/// is too long for a coincidence.
pub(super) fn is_residue(hit: &Hit, findings: &Findings) -> bool {
    let is_label = |site: &Site| {
        let is_telling = site.value.as_ref().is_some_and(|value| value.len() >= TELLING);
        site.kind != Kind::Standard && (hit.half == Half::Key || hit.is_paired || is_telling)
    };
    match hit.class {
        Class::Slack => true,
        Class::Metadata => findings.sites.iter().find(|site| site.address == hit.label).is_none_or(is_label),
        Class::Content => false,
    }
}

/// Values of at least this many bytes are told from words that any text has.
const SEEN: usize = 6;

/// Whether a hit that is no residue is worth a line of the report. Of the text of a document the structural proof sees
/// but a part; there keys are mostly words, and short values numbers.
pub(super) fn is_copy(hit: &Hit, findings: &Findings, proof: Proof) -> bool {
    let is_long =
        |site: &Site| site.address == hit.label && site.value.as_ref().is_some_and(|value| value.len() >= SEEN);
    hit.class != Class::Content
        || proof == Proof::Full
        || (hit.half == Half::Value && findings.sites.iter().any(is_long))
}

pub(super) fn copy_of(hit: &Hit, why: &str) -> Left {
    Left {
        what: hit.label.clone(),
        place: hit.place.clone(),
        offset: hit.offset,
        reason: format!("a copy of its {}, {why}", hit.half.name()),
    }
}
