//! Header blocks: where fields begin and end (RFC 5322, 2.2 and 4.5).

use std::ops::Range;

use memchr::memchr;

use crate::error::Result;
use crate::limits::Limits;

/// One field, folded lines and all. Ranges are bytes of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// From the name to the line end, inclusive.
    pub(crate) range: Range<usize>,
    /// The name, without the white space that may stand before the colon.
    pub(crate) name: Range<usize>,
    /// From the colon, exclusive, to the last line end, exclusive.
    pub(crate) body: Range<usize>,
}

impl Field {
    /// The name in lower case.
    pub(crate) fn name(&self, bytes: &[u8]) -> String {
        let name = bytes.get(self.name.clone()).unwrap_or_default();
        name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect()
    }

    /// What stands behind the colon, as it is spelled.
    pub(crate) fn body<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        bytes.get(self.body.clone()).unwrap_or_default()
    }
}

/// A header block, up to and with the blank line that ends it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// All of it.
    pub(crate) range: Range<usize>,
    /// The fields in order.
    pub(crate) fields: Vec<Field>,
}

impl Block {
    /// The block that begins at the start of `within`.
    ///
    /// It ends with a blank line, or before a line that can be no field, as readers take it where the blank line is
    /// missing. Continuation lines with nothing before them belong to no field.
    pub(crate) fn parse(bytes: &[u8], within: Range<usize>, limits: &Limits) -> Result<Self> {
        let mut block = Self { range: within.start..within.start, fields: Vec::new() };
        for line in super::lines(bytes, within) {
            let text = bytes.get(line.clone()).unwrap_or_default();
            match text {
                b"\n" | b"\r\n" => {
                    block.range.end = line.end;
                    break;
                }
                [b' ' | b'\t', ..] => {
                    if let Some(field) = block.fields.last_mut() {
                        field.range.end = line.end;
                        field.body.end = line.start + without_ending(text).len();
                    }
                }
                _ => {
                    let Some((name, colon)) = name_of(text) else { break };
                    limits.check_items(block.fields.len() + 1, "header fields")?;
                    let body = line.start + colon + 1..line.start + without_ending(text).len();
                    let name = line.start..line.start + name;
                    block.fields.push(Field { range: line.clone(), name, body });
                }
            }
            block.range.end = line.end;
        }
        Ok(block)
    }

    /// The last field with this lower-case name.
    pub(crate) fn find(&self, bytes: &[u8], name: &str) -> Option<&Field> {
        self.fields.iter().rev().find(|field| field.name(bytes) == name)
    }
}

/// Whether a line begins a field.
pub(crate) fn is_field(line: &[u8]) -> bool {
    name_of(line).is_some()
}

/// The length of the name that `line` begins with, and where its colon is.
fn name_of(line: &[u8]) -> Option<(usize, usize)> {
    let colon = memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then_some((name.len(), colon))
}

/// A line without what ends it.
pub(super) fn without_ending(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}
