//! PDF/A extension schemas (ISO 19005-2, 6.6.2.3.3): the description of custom properties, which names their keys.

use std::ops::Range;

use super::namespaces::{PDFA_PROPERTY, PDFA_SCHEMA};

/// One described schema. Ranges are bytes of the packet.
#[derive(Debug, Default)]
pub(super) struct Schema {
    /// The list item that describes the schema.
    range: Range<usize>,
    namespace: String,
    entries: Vec<Entry>,
}

/// One described property.
#[derive(Debug)]
struct Entry {
    /// The list item that describes the property.
    range: Range<usize>,
    name: String,
}

impl Schema {
    /// What goes with the properties that `goes` names: their entries, or the schema when it has no other.
    pub(super) fn without(&self, goes: impl Fn(&str, &str) -> bool) -> Vec<Range<usize>> {
        let gone = || self.entries.iter().filter(|entry| goes(&self.namespace, &entry.name));
        match gone().count() {
            0 => Vec::new(),
            count if count == self.entries.len() => vec![self.range.clone()],
            _ => gone().map(|entry| entry.range.clone()).collect(),
        }
    }
}

/// Gathers schemas while the property `pdfaExtension:schemas` is read: its leaves and the ends of its list items.
#[derive(Debug, Default)]
pub(super) struct Reader {
    schemas: Vec<Schema>,
    /// The list items that are open.
    items: Vec<Item>,
}

#[derive(Debug, Default)]
struct Item {
    namespace: Option<String>,
    name: Option<String>,
    entries: Vec<Entry>,
}

impl Reader {
    /// A list item begins.
    pub(super) fn open_item(&mut self) {
        self.items.push(Item::default());
    }

    /// A field of the innermost item: an element without elements, or an attribute.
    pub(super) fn field(&mut self, namespace: &str, local: &str, value: &str) {
        let Some(item) = self.items.last_mut() else { return };
        match (namespace, local) {
            (PDFA_SCHEMA, "namespaceURI") => item.namespace = Some(value.trim().to_owned()),
            (PDFA_PROPERTY, "name") => item.name = Some(value.trim().to_owned()),
            _ => {}
        }
    }

    /// The innermost list item ends; it stands at `range` of the packet.
    pub(super) fn close_item(&mut self, range: Range<usize>) {
        let Some(item) = self.items.pop() else { return };
        if let Some(namespace) = item.namespace {
            self.schemas.push(Schema { range, namespace, entries: item.entries });
        } else if let Some(outer) = self.items.last_mut() {
            outer.entries.extend(item.entries);
            outer.entries.extend(item.name.map(|name| Entry { range, name }));
        }
    }

    /// The schemas read.
    pub(super) fn into_schemas(self) -> Vec<Schema> {
        self.schemas
    }
}
