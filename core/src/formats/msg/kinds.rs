//! Who chose the name of a property.

use super::names::Name;
use crate::containers::{mime, office};
use crate::survey::Kind;

/// Beginnings of names that mail programs and servers keep for themselves and that are no header fields, lower case.
const OWN: [&str; 6] = [
    "acceptlanguage",
    "conversationindextrackingex",
    "http://schemas.microsoft.com/",
    "internet charset body",
    "sts_",
    "urn:schemas",
];

/// Who chose the name.
pub(super) fn kind(name: &Name) -> Kind {
    let lower = name.text.to_lowercase();
    if lower == "keywords" {
        return Kind::Standard;
    }
    if OWN.iter().any(|own| lower.starts_with(own)) {
        return Kind::Bookkeeping;
    }
    if name.is_header || lower.starts_with("x-") {
        // What mail itself defines is kept by the program here.
        return match mime::kind(&lower) {
            Kind::Standard => Kind::Bookkeeping,
            kind => kind,
        };
    }
    office::kind(&name.text)
}
