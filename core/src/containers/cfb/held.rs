//! Files that a compound file holds in its streams.

use super::extents::Extents;
use crate::containers::nested::rewrite;
use crate::error::{ErrorKind, Result};
use crate::plan::Edit;
use crate::survey::{Barrier, Member, Planned, Removal};

/// A file that a stream is or holds.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) member: Member,
    /// Where its bytes lie.
    pub(crate) extents: Extents,
}

impl Held {
    pub(crate) fn new(place: String, extents: Extents) -> Self {
        let member = Member { place, offset: extents.start(), len: extents.len(), barrier: None };
        Self { member, extents }
    }
}

/// The edits that put new data in place of the files of a removal. Those that would get another length are left.
pub(crate) fn replace_held(
    files: &[Held],
    removal: &Removal<'_>,
    input: &[u8],
    planned: &mut Planned,
) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    for (index, data) in removal.members {
        let Some(held) = files.get(*index) else { continue };
        let old = held.extents.read(input)?;
        if old.len() == data.len() {
            edits.extend(rewrite(0, &old, data).iter().flat_map(|edit| held.extents.spread(edit)));
        } else {
            let reason = "without its labels it has another length, and its stream cannot change that";
            planned.left_members.push((*index, Barrier::new(ErrorKind::Unsupported, reason)));
        }
    }
    Ok(edits)
}
