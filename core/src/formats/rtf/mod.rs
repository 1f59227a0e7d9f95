//! Rich Text Format (RTF 1.9.1).
//!
//! Labels are the custom properties (`\*\userprops`), the document variables (`\*\docvar`) and, as fields of the format,
//! what `\info` and `\*\generator` say. Pictures (`\pict`), embedded objects (`\*\objdata`) and the custom XML parts of
//! Word (`\*\datastore`) are files inside.
//!
//! A property goes with its type, value and link. Freed bytes become line ends: a reader ignores them everywhere, while a
//! space may be text. Nothing counts bytes but `\bin`, which no edit touches. The data of a file inside stands in
//! hexadecimal digits, which are exchanged one by one where they stand.
//!
//! Refused: documents whose groups do not end; other lengths of data in objects, which say their length. What stays
//! behind: the text, with fields that show a property; the hash by which a picture is known (`\*\blipuid`).

mod objects;
mod survey;
#[cfg(test)]
mod tests;
mod walk;

use self::survey::Document;
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Rich text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rtf;

impl Format for Rtf {
    fn name(&self) -> &'static str {
        "rtf"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["rtf"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        start(input).is_some()
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let start = start(input).ok_or_else(|| Error::malformed(0, "the document does not begin with {\\rtf"))?;
        Ok(Box::new(Document::open(input, start, limits)?))
    }
}

/// Where the document opens.
fn start(input: &[u8]) -> Option<usize> {
    let head = input.get(..input.len().min(64)).unwrap_or_default();
    let rest = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    rest.starts_with(b"{\\rtf").then(|| head.len() - rest.len())
}
