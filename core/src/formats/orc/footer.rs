//! The footer (`Footer` of orc.proto), as far as labels and the places of stripes are in it.

use std::collections::HashMap;
use std::ops::Range;

use crate::containers::protobuf::{Field, Value, fields, read_varint, varint};
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::Edit;
use crate::survey::Removal;

/// A key and its value. Ranges count from the start of the footer.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) range: Range<usize>,
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
    /// The type that it is an attribute of, by its place in `types`; nothing for the file.
    pub(super) of: Option<usize>,
}

/// The type of a column, if it has attributes.
#[derive(Debug)]
struct Type {
    column: u64,
    /// The length in front of it, and what that counts.
    len: Range<usize>,
    body: Range<usize>,
}

/// A footer.
#[derive(Debug, Default)]
pub(super) struct Footer {
    /// In the order of the footer.
    pub(super) pairs: Vec<Pair>,
    types: Vec<Type>,
    /// Names of columns, by number.
    names: HashMap<u64, Range<usize>>,
    /// What belongs to the structure: types, statistics, the writer.
    pub(super) known: Vec<Range<usize>>,
    /// From the first statistics of a column to the last.
    pub(super) statistics: Range<usize>,
    /// Bytes of the file that stripes take.
    pub(super) stripes: Vec<Range<usize>>,
    pub(super) is_encrypted: bool,
}

/// Reads a footer, which lies at byte `base` of the file.
pub(super) fn read(bytes: &[u8], base: u64, limits: &Limits) -> Result<Footer> {
    let mut footer = Footer::default();
    let mut columns = 0;
    for field in fields(bytes, 0..bytes.len(), base) {
        let field = field?;
        if !matches!(field.value, Value::Bytes(_)) {
            continue;
        }
        match field.number {
            3 => {
                limits.check_items(footer.stripes.len() + 1, "stripes")?;
                footer.stripes.push(stripe(bytes, &field, base)?);
            }
            4 => {
                limits.check_items(columns + 1, "types")?;
                footer.read_type(bytes, &field, columns as u64, base, limits)?;
                columns += 1;
                footer.known.push(field.range);
            }
            5 => footer.push(bytes, &field, None, base, limits)?,
            7 => {
                let start = if footer.statistics.is_empty() { field.range.start } else { footer.statistics.start };
                footer.statistics = start..field.range.end;
                footer.known.push(field.range);
            }
            10 => footer.is_encrypted = true,
            12 => footer.known.push(field.range),
            _ => {}
        }
    }
    Ok(footer)
}

/// What of the file a stripe takes.
fn stripe(bytes: &[u8], stripe: &Field, base: u64) -> Result<Range<usize>> {
    let mut numbers = [0_u64; 5];
    for field in fields(bytes, stripe.bytes(), base) {
        let field = field?;
        if let Some(number) = usize::try_from(field.number).ok().and_then(|number| numbers.get_mut(number)) {
            *number = field.number();
        }
    }
    let [_, offset, index, data, footer] = numbers;
    let end = offset.saturating_add(index).saturating_add(data).saturating_add(footer);
    let place = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(place(offset)..place(end))
}

impl Footer {
    fn read_type(&mut self, bytes: &[u8], whole: &Field, column: u64, base: u64, limits: &Limits) -> Result<()> {
        let (mut subtypes, mut names) = (Vec::new(), Vec::new());
        let first = self.pairs.len();
        for field in fields(bytes, whole.bytes(), base) {
            let field = field?;
            match (field.number, &field.value) {
                (2, Value::Number(number)) => subtypes.push(*number),
                (2, Value::Bytes(packed)) => {
                    let packed = bytes.get(packed.clone()).unwrap_or_default();
                    let mut cursor = Cursor::within(packed, base);
                    while !cursor.is_empty() {
                        subtypes.push(read_varint(&mut cursor)?);
                    }
                }
                (3, Value::Bytes(name)) => names.push(name.clone()),
                (7, Value::Bytes(_)) => self.push(bytes, &field, Some(self.types.len()), base, limits)?,
                _ => {}
            }
        }
        self.names.extend(subtypes.into_iter().zip(names));
        if self.pairs.len() > first {
            let body = whole.bytes();
            // The number of the field takes one byte, or as many as a writer likes.
            let mut cursor = Cursor::new(bytes);
            cursor.seek(whole.range.start)?;
            read_varint(&mut cursor)?;
            self.types.push(Type { column, len: cursor.position()..body.start, body });
        }
        Ok(())
    }

    fn push(&mut self, bytes: &[u8], whole: &Field, of: Option<usize>, base: u64, limits: &Limits) -> Result<()> {
        limits.check_items(self.pairs.len() + 1, "pairs")?;
        let (mut key, mut value) = (0..0, 0..0);
        for field in fields(bytes, whole.bytes(), base) {
            let field = field?;
            match field.number {
                1 => key = field.bytes(),
                2 => value = field.bytes(),
                _ => {}
            }
        }
        self.pairs.push(Pair { range: whole.range.clone(), key, value, of });
        Ok(())
    }

    /// The number of the column that a pair speaks of, and where its name is, if it has one.
    pub(super) fn column(&self, pair: &Pair) -> Option<(u64, Option<Range<usize>>)> {
        let column = pair.of.and_then(|of| self.types.get(of))?.column;
        Some((column, self.names.get(&column).cloned()))
    }

    /// The edits that take the pairs of a removal out, by bytes of the footer. Pairs are sites, in the same order.
    pub(super) fn edits(&self, removal: &Removal<'_>) -> Vec<Edit> {
        let mut edits = Vec::new();
        let mut cut = vec![0; self.types.len()];
        for (_, pair) in self.pairs.iter().enumerate().filter(|(site, _)| removal.takes(*site)) {
            edits.push(Edit::delete(pair.range.start as u64..pair.range.end as u64));
            if let Some(cut) = pair.of.and_then(|of| cut.get_mut(of)) {
                *cut += pair.range.len();
            }
        }
        for (of, cut) in self.types.iter().zip(cut).filter(|(_, cut)| *cut > 0) {
            let len = varint((of.body.len() - cut) as u64);
            edits.push(Edit::replace(of.len.start as u64..of.len.end as u64, len));
        }
        edits
    }
}
