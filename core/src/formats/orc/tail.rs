//! The end of a file: where its sections lie (`PostScript` of orc.proto).

use std::ops::Range;

use super::MAGIC;
use super::blocks::{Codec, Coding};
use crate::containers::protobuf::{Field, Value, fields, varint};
use crate::error::{Error, Result};

/// Where the sections lie, in order, and how they are compressed.
#[derive(Debug)]
pub(super) struct Tail {
    /// Statistics of stripes: encrypted ones, then all.
    pub(super) statistics: Range<usize>,
    pub(super) footer: Range<usize>,
    pub(super) postscript: Range<usize>,
    pub(super) coding: Coding,
    /// The field that counts the footer.
    len: Range<usize>,
}

impl Tail {
    pub(super) fn read(input: &[u8]) -> Result<Self> {
        let cut = || Error::malformed(input.len() as u64, "no postscript");
        let (len, rest) = input.split_last().ok_or_else(cut)?;
        let start = rest.len().checked_sub(usize::from(*len)).filter(|start| *start >= MAGIC.len());
        let start = start.ok_or_else(cut)?;
        let mut read: [Option<Field>; 6] = Default::default();
        for field in fields(input, start..rest.len(), 0) {
            let field = field?;
            // Files of DWRF begin and end alike, and keep copies of stripes that are found by where the footer begins.
            if field.number == 4 && matches!(field.value, Value::Number(_)) {
                return Err(Error::unsupported("a file of DWRF").at(start as u64));
            }
            let slot = match field.number {
                number @ 1..=3 => number as usize,
                5 => 4,
                7 => 5,
                _ => continue,
            };
            if let Some(slot) = read.get_mut(slot) {
                *slot = Some(field);
            }
        }
        let [_, footer_len, codec, block, metadata, encrypted] = read;
        let number = |field: Option<Field>| field.map_or(0, |field| field.number());
        let counted = footer_len.as_ref().map_or(0..0, |field| field.range.clone());
        let mut end = start;
        let mut section = |len: u64| {
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            let start = end.checked_sub(len).filter(|start| *start >= MAGIC.len());
            let start = start.ok_or_else(|| Error::malformed(end as u64, "a section is longer than the file"))?;
            let section = start..end;
            end = start;
            Ok::<_, Error>(section)
        };
        let footer = section(number(footer_len))?;
        let statistics = section(number(metadata).saturating_add(number(encrypted)))?;
        if footer.is_empty() {
            return Err(Error::malformed(start as u64, "no footer"));
        }
        let coding = Coding::new(Codec::new(number(codec)), number(block));
        Ok(Self { statistics, footer, postscript: start..rest.len(), coding, len: counted })
    }

    /// The postscript, with its length, for a footer of `len` bytes.
    pub(super) fn postscript(&self, input: &[u8], len: usize) -> Result<Vec<u8>> {
        let part = |range: Range<usize>| input.get(range).unwrap_or_default();
        let (before, after) = (self.postscript.start..self.len.start, self.len.end..self.postscript.end);
        let mut new = [part(before), &[1 << 3], &varint(len as u64), part(after)].concat();
        let own = u8::try_from(new.len()).map_err(|_| Error::unsupported("the postscript would be too long"))?;
        new.push(own);
        Ok(new)
    }
}
