//! Mail as bytes: header blocks (RFC 5322, with what is obsolete and what is merely common), encoded words (RFC 2047),
//! parameters (RFC 2045, RFC 2231), the tree of parts (RFC 2046) and transfer codings.
//!
//! Every range points into the bytes as they stand. Nothing is ever put together again: an edit cuts whole fields, pairs
//! inside a field, or exchanges the coded text of one part.

mod coding;
mod fields;
mod header;
mod kinds;
mod seals;
mod tree;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use coding::{Coding, Decoder};
pub(crate) use fields::Header;
pub(crate) use header::{Block, is_field};
pub(crate) use kinds::kind;
pub(crate) use tree::{Entity, Tree, lines};
