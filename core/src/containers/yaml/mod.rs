//! YAML (1.1 and 1.2) by byte offsets: where the entries of the mappings at the top of documents begin and end.
//!
//! Nothing is guessed: what lies deeper is read only as far as needed to tell where it ends, and what the two versions
//! read differently, or what this does not know, is refused.

mod document;
mod flow;
mod lexer;
mod scalar;

use std::ops::Range;

pub(crate) use document::{Body, Document, Entry, documents};
pub(crate) use scalar::{value_of, words_of};

use crate::error::{Error, Result};

/// Fails where `text` holds a letter that YAML does not allow (YAML 1.2, 5.1), or what only one version takes for the
/// end of a line.
pub(crate) fn check_letters(text: &str, base: usize) -> Result<()> {
    for (at, letter) in text.char_indices() {
        let offset = (base + at) as u64;
        let error = match letter {
            '\r' if text.as_bytes().get(at + 1) == Some(&b'\n') => continue,
            '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                Error::unsupported("a line break that the versions of YAML read differently").at(offset)
            }
            '\t' | '\n' => continue,
            '\0'..'\u{20}' | '\u{7f}'..'\u{a0}' | '\u{fffe}' | '\u{ffff}' => {
                Error::malformed(offset, "a letter that YAML does not allow")
            }
            _ => continue,
        };
        return Err(error);
    }
    Ok(())
}

/// The names of anchors or aliases (by their `sign`) in a range of the text. Finds some that are only text, and never
/// too few.
pub(crate) fn references(text: &str, range: Range<usize>, sign: u8) -> impl Iterator<Item = &str> {
    let part = text.get(range).unwrap_or_default();
    let bytes = part.as_bytes();
    memchr::memchr_iter(sign, bytes).filter_map(move |at| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        if before.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return None;
        }
        let name = part.get(at + 1..)?;
        let end = name.find(|letter: char| letter.is_whitespace() || ",[]{}".contains(letter)).unwrap_or(name.len());
        name.get(..end).filter(|name| !name.is_empty())
    })
}

#[cfg(test)]
mod tests;
