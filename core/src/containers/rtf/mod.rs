//! Rich Text Format as bytes (RTF 1.9.1): groups, control words, and the text that they spell.
//!
//! Only positions are kept; nothing is written anew.

mod scan;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use scan::{Child, Scanner, Token, children, destination, group_end};
pub(crate) use text::{Charset, text};
