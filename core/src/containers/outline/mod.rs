//! A text whose labels are entries of mappings and items of lists (JSON, YAML), as a survey.
//!
//! A format tells which [`Collection`]s hold labels and where their entries lie; this takes chosen entries out together
//! with exactly one comma, or with their lines. Freed bytes become spaces, and line breaks stay, so that every other
//! line keeps its number.

mod edit;
mod file;

use std::ops::Range;

pub(crate) use file::OutlineFile;

use super::text::is_aigc;
use crate::limits::Limits;
use crate::survey::{Barrier, Site};

/// How the entries of a collection are parted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// By commas, between brackets: JSON, and the flow collections of YAML.
    Flow,
    /// By lines; without its last entry it becomes an empty flow mapping.
    Lines,
}

/// One entry of a collection.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    /// Its bytes: from key to value, or all of its lines with their breaks.
    pub(crate) range: Range<usize>,
    /// The sites in it. It goes when all of them go.
    pub(crate) sites: Range<usize>,
    /// Whether it stays also when they all go.
    pub(crate) stays: bool,
}

/// A mapping or list of which entries may go.
#[derive(Clone, Debug)]
pub(crate) struct Collection {
    pub(crate) style: Style,
    /// What stands between the brackets; of lines, all of them.
    pub(crate) body: Range<usize>,
    /// Its entries, in order.
    pub(crate) slots: Vec<Slot>,
}

/// What a text holds. Ranges are bytes of the input.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    /// The labels, in the order of the text.
    pub(crate) sites: Vec<Site>,
    pub(crate) collections: Vec<Collection>,
    /// What belongs to sites and to the known structure.
    pub(crate) claims: Vec<Range<usize>>,
    /// What describes the document, in order; the rest is content.
    pub(crate) metadata: Vec<Range<usize>>,
    /// Pictures in the text, as base64.
    pub(crate) pictures: Vec<Picture>,
}

/// A file that stands in the text as base64.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) place: String,
    /// The base64 text, without quotes.
    pub(crate) range: Range<usize>,
}

impl Outline {
    /// Takes in a site that lies at `range`.
    pub(crate) fn push(&mut self, mut site: Site, range: Range<usize>, limits: &Limits) {
        let says_so = site.value.as_deref().is_some_and(is_aigc);
        site.barrier = site.barrier.or_else(|| Barrier::of_protected(if says_so { "AIGC" } else { &site.key }));
        for value in [&mut site.value, &mut site.raw_value].into_iter().flatten() {
            value.truncate(value.floor_char_boundary(limits.value_bytes));
        }
        if site.raw_value == site.value {
            site.raw_value = None;
        }
        site.offset = range.start as u64;
        self.claims.push(range);
        self.sites.push(site);
    }
}

/// Names of lists of words, lower case. Their items are labels of their own.
const WORD_LISTS: [&str; 7] = ["tags", "tag", "keywords", "categories", "labels", "subjects", "topics"];

/// Whether the items of a list with this key are labels of their own.
pub(crate) fn is_word_list(key: &str) -> bool {
    WORD_LISTS.iter().any(|name| key.eq_ignore_ascii_case(name))
}
