//! Files that a compound file holds in its streams.

use std::borrow::Cow;

use super::extents::Extents;
use crate::containers::nested::rewrite;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
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

/// All of them, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct HeldFiles(Vec<Held>);

impl HeldFiles {
    pub(crate) fn push(&mut self, held: Held) {
        self.0.push(held);
    }

    pub(crate) fn members(&self) -> Vec<Member> {
        self.0.iter().map(|held| held.member.clone()).collect()
    }

    fn get(&self, index: usize) -> Result<&Held> {
        self.0.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }

    /// The first bytes of a file, up to `len` of them.
    pub(crate) fn head(&self, index: usize, input: &[u8], len: usize) -> Result<Vec<u8>> {
        Ok(self.get(index)?.extents.head(input, len as u64).unwrap_or_default())
    }

    /// The bytes of a file.
    pub(crate) fn read<'i>(&self, index: usize, input: &'i [u8], limits: &Limits) -> Result<Cow<'i, [u8]>> {
        let extents = &self.get(index)?.extents;
        limits.check_part(extents.len())?;
        extents.read(input)
    }

    /// The edits that put new data in place of the files of a removal. Those that would get another length are left.
    pub(crate) fn replace(&self, removal: &Removal<'_>, input: &[u8], planned: &mut Planned) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        for (index, data) in removal.members {
            let held = self.get(*index)?;
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
}
