//! What a document is made of.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use crate::containers::xml::{Entities, decode};

/// A name with its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name<'t> {
    /// As written: `p:local` or `local`.
    pub qualified: &'t str,
    /// Before the colon; empty without one.
    pub prefix: &'t str,
    /// After the colon.
    pub local: &'t str,
    /// The namespace URI; empty for no namespace, and for a prefix that nothing declares.
    pub namespace: Cow<'t, str>,
}

impl Name<'_> {
    /// Whether this is `local` in `namespace`.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace == namespace
    }
}

/// One attribute of a start tag.
#[derive(Clone, Debug)]
pub struct Attribute<'t> {
    /// Its name. An attribute without a prefix has no namespace; `xmlns` declarations have that prefix or name.
    pub name: Name<'t>,
    /// Where the name stands.
    pub name_range: Range<usize>,
    /// Where the value stands, without its quotes.
    pub value_range: Range<usize>,
    /// From the white space before the name to the closing quote: what goes when the attribute goes.
    pub range: Range<usize>,
    pub(super) raw: &'t str,
    pub(super) entities: Option<Arc<Entities>>,
}

impl<'t> Attribute<'t> {
    /// The value as spelled.
    pub fn raw(&self) -> &'t str {
        self.raw
    }

    /// The decoded value.
    pub fn value(&self) -> Cow<'t, str> {
        decode(self.raw, true, self.entities.as_deref())
    }

    /// Whether this declares a namespace, and for which prefix (empty: the default one).
    pub fn declares(&self) -> Option<&'t str> {
        match (self.name.prefix, self.name.qualified) {
            ("xmlns", _) => Some(self.name.local),
            (_, "xmlns") => Some(""),
            _ => None,
        }
    }
}

/// A start tag, or an empty-element tag.
#[derive(Clone, Debug)]
pub struct Element<'t> {
    /// Its name.
    pub name: Name<'t>,
    /// The tag.
    pub range: Range<usize>,
    /// The name within the tag.
    pub name_range: Range<usize>,
    /// All attributes in order, namespace declarations included.
    pub attributes: Vec<Attribute<'t>>,
    /// Whether the tag closes itself. An [`Event::End`] follows all the same.
    pub self_closing: bool,
}

impl<'t> Element<'t> {
    /// The attribute `local` in `namespace` (empty for an attribute without a prefix).
    pub fn attribute(&self, namespace: &str, local: &str) -> Option<&Attribute<'t>> {
        self.attributes.iter().find(|attribute| attribute.name.is(namespace, local) && attribute.declares().is_none())
    }

    /// The decoded value of the attribute `local` in `namespace`.
    pub fn value(&self, namespace: &str, local: &str) -> Option<Cow<'t, str>> {
        self.attribute(namespace, local).map(Attribute::value)
    }
}

/// The end of an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End<'t> {
    /// The name as written in the start tag.
    pub qualified: &'t str,
    /// The end tag; empty after an empty-element tag.
    pub range: Range<usize>,
    /// From the start tag to here: the whole element.
    pub element: Range<usize>,
}

/// One piece of a document.
#[derive(Clone, Debug)]
pub enum Event<'t> {
    /// A start tag, or an empty-element tag.
    Start(Element<'t>),
    /// The end of an element.
    End(End<'t>),
    /// Character data between two pieces of markup.
    Text(Range<usize>),
    /// A CDATA section, its markers included.
    CData(Range<usize>),
    /// A comment, its markers included.
    Comment(Range<usize>),
    /// A processing instruction, its markers included; the XML declaration too.
    Instruction(Range<usize>),
    /// A document type declaration with its internal subset.
    Doctype(Range<usize>),
}

impl Event<'_> {
    /// The positions of the event.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Start(element) => element.range.clone(),
            Self::End(end) => end.range.clone(),
            Self::Text(range)
            | Self::CData(range)
            | Self::Comment(range)
            | Self::Instruction(range)
            | Self::Doctype(range) => range.clone(),
        }
    }
}

/// What an element holds, as [`Scanner::content`](super::Scanner::content) reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The whole element, from start tag to end tag.
    pub range: Range<usize>,
    /// What stands between its tags.
    pub inner: Range<usize>,
    /// The decoded character data of the element and of all elements within.
    pub text: String,
    /// Whether there are elements within.
    pub has_elements: bool,
}
