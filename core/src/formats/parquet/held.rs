//! Values that hold labels themselves.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use crate::containers::Carrier;
use crate::containers::arrow::{Metadata, Names, Root};
use crate::containers::nested::apply;
use crate::containers::pandas::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::Layout;

const NAMES: Names = Names { table: "parquet", place: "ARROW:schema" };

/// What a value holds.
#[derive(Debug)]
pub(super) enum Held {
    /// A message of Arrow in base64: its bytes, what is in the buffer, and where that begins.
    Arrow { block: Vec<u8>, metadata: Metadata, base: usize },
    /// The attributes of a data frame.
    Pandas(Attributes),
}

impl Held {
    pub(super) fn read(key: &str, value: &[u8], limits: &Limits) -> Option<Self> {
        if key != "ARROW:schema" {
            return Attributes::read(key, value, limits).map(Self::Pandas);
        }
        let padding = value.iter().rev().take_while(|byte| **byte == b'=').count();
        let block = STANDARD_NO_PAD.decode(value.get(..value.len() - padding)?).ok()?;
        let base = if block.starts_with(&[0xff; 4]) { 8 } else { 4 };
        let metadata = Metadata::read(block.get(base..)?, Root::Message, NAMES, limits).ok()?;
        Some(Self::Arrow { block, metadata, base })
    }

    pub(super) fn carrier(&self) -> &dyn Carrier {
        match self {
            Self::Arrow { metadata, .. } => metadata,
            Self::Pandas(attributes) => attributes,
        }
    }

    /// The value without the `chosen` sites of it, in the same length.
    pub(super) fn without(&self, value: &[u8], chosen: &[usize]) -> Result<Vec<u8>> {
        let mut edits = self.carrier().edits(chosen, Layout::Preserve)?;
        let Self::Arrow { block, base, .. } = self else { return apply(value, &edits) };
        for edit in &mut edits {
            edit.range = edit.range.start + *base as u64..edit.range.end + *base as u64;
        }
        let new = apply(block, &edits)?;
        let spell = if value.len().is_multiple_of(4) { STANDARD.encode(&new) } else { STANDARD_NO_PAD.encode(&new) };
        if spell.len() != value.len() {
            return Err(Error::new(ErrorKind::Unsupported, "base64 in an unusual form"));
        }
        Ok(spell.into_bytes())
    }
}
