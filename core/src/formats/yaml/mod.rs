//! YAML documents (1.1 and 1.2), and the front matter of Markdown.
//!
//! Labels are the entries of the mapping at the top of each document. The items of lists of words (`tags`, `keywords`)
//! are labels of their own. A file of nothing but plain values is a list of labels; one with structure holds data, and
//! its entries go only by their name. All of a front matter describes the text behind it.
//!
//! An entry goes with all of its lines, which become blank; where a block scalar before them would take blank lines for
//! its own they become comments. The last entry leaves an empty mapping (`{}`). The compact layout cuts lines out.
//!
//! Refused: entries whose anchor another one uses; files with keys that are no plain or quoted text, with line breaks
//! that the versions of YAML read differently, or in other encodings than UTF-8. What stays behind: comments outside of
//! the entries (those in a front matter are searched), entries deeper in the data, the text behind a front matter.

mod labels;
#[cfg(test)]
mod tests;

use crate::containers::outline::OutlineFile;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// YAML files, told by their name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Yaml;

impl Format for Yaml {
    fn name(&self) -> &'static str {
        "yaml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["yaml", "yml"]
    }

    fn sniff(&self, _: &[u8]) -> bool {
        false
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(OutlineFile::new(input, labels::stream(input, limits)?, limits)))
    }
}

/// Markdown and its relatives, told by their name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Markdown;

impl Format for Markdown {
    fn name(&self) -> &'static str {
        "markdown"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["md", "markdown", "mdown", "mkd", "mkdn", "mdx", "qmd", "rmd"]
    }

    fn sniff(&self, _: &[u8]) -> bool {
        false
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(OutlineFile::new(input, labels::front_matter(input, limits)?, limits)))
    }
}
