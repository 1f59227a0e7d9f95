//! JSON documents (RFC 8259), and Jupyter notebooks (nbformat 3 and 4).
//!
//! Labels are the members of the object at the top and of its `metadata` member; in a notebook the metadata of the
//! notebook, of its cells and of their outputs, at any depth. Items of lists of words (`tags`, `keywords`) are labels of
//! their own. Pictures in notebooks are files inside.
//!
//! What programs need to read a document is never taken for a label. An object of nothing but plain values is a list
//! of labels; one with structure holds data, and its members go only by their name.
//!
//! A member goes with exactly one comma: spaces in its place, or nothing in the compact layout. Refused: comments,
//! trailing commas, `NaN` and whatever else RFC 8259 does not allow, and encodings other than UTF-8. What stays behind:
//! members deeper in the data, the text of cells and of outputs.

mod labels;
mod notebook;
#[cfg(test)]
mod tests;

use memchr::memmem;

use crate::containers::outline::OutlineFile;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// JSON documents, told by their name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Json;

impl Format for Json {
    fn name(&self) -> &'static str {
        "json"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["json", "geojson", "jsonld", "webmanifest"]
    }

    fn sniff(&self, _: &[u8]) -> bool {
        false
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(OutlineFile::new(input, labels::document(input, limits)?, limits)))
    }
}

/// Notebooks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Notebook;

/// Bytes at either end of a notebook by which it is told.
const ENDS: usize = 4096;

impl Format for Notebook {
    fn name(&self) -> &'static str {
        "ipynb"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["ipynb"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let head = input.get(..input.len().min(ENDS)).unwrap_or_default();
        let tail = input.get(input.len().saturating_sub(ENDS)..).unwrap_or_default();
        let has = |name: &[u8]| [head, tail].into_iter().any(|end| memmem::find(end, name).is_some());
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
        text.starts_with(b"{") && has(b"\"nbformat\"") && (has(b"\"cells\"") || has(b"\"worksheets\""))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(OutlineFile::new(input, notebook::document(input, limits)?, limits)))
    }
}
