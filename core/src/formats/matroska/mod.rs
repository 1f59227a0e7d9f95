//! Matroska and `WebM` (RFC 9559, the Matroska tag specification, RFC 8794 for EBML).
//!
//! Labels live in `Tags`: each `SimpleTag` has a name and a value, belongs to the file or to a track, a chapter or an
//! attachment, and may hold tags that say more of it. Further: strings of `Info` (title, file names, programs), names
//! of tracks, strings of chapters and editions, names and descriptions of attached files, which are files of their own,
//! and the comment headers of Xiph codecs in the private data of their tracks (`CodecPrivate`). A file may have several
//! segments, each with all of these, before, between and behind its clusters.
//!
//! Clusters are passed over by the sizes in their heads; blocks are not looked at. Only in clusters of unknown size, as
//! live streams have them, every block is passed over by its own size. So every element of a segment is found, listed
//! in the `SeekHead` or not, and a file of gigabytes costs a page per cluster, besides its metadata. Elements inside
//! clusters of known size are content.
//!
//! With [`Layout::Preserve`] what goes becomes `Void`; strings that must be there become empty (NULs). A `Tag`, `Tags`
//! or `SeekHead` without any children that it needs goes as well, and what points to it. With [`Layout::Compact`] it is
//! cut; sizes, the `SeekHead`, the `Cues` and positions of clusters follow; where they cannot, the plan is that of
//! `Preserve`. Either way the checksums (`CRC-32`) of all edited elements follow; one over a whole segment goes.
//!
//! Never removed: `AIGC`. Signed, and refused: a file with a signature of EBML or an attached C2PA manifest. An element
//! that cannot be read may hide labels. What stays: clusters, attached files unless asked for, other private data.

mod codec;
mod ids;
mod plan;
mod scan;
mod tree;
mod walk;

use std::borrow::Cow;

use super::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Member, Planned, Removal, Scope, Survey};

use tree::Tree;
use walk::{Damage, Walk};

/// The format.
#[derive(Debug)]
pub(super) struct Matroska;

impl Format for Matroska {
    fn name(&self) -> &'static str {
        "matroska"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["mkv", "mka", "mks", "mk3d", "webm", "weba"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        walk::is_start(input)
    }

    fn strides(&self) -> bool {
        true
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no header of a Matroska document"));
        }
        Ok(Box::new(Surveyed::new(input, limits)?))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    walk: Walk,
    tree: Tree<'a>,
    /// What entries of `SeekHead`s point to, with their indices, in order.
    targets: Vec<(usize, usize)>,
}

impl<'a> Surveyed<'a> {
    fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let mut walk = walk::walk(input, limits)?;
        let mut tree = Tree::new(input, std::mem::take(&mut walk.masters), limits);
        for part in &walk.parts {
            match tree.read(part, &walk.segments) {
                Err(error) if error.kind() == ErrorKind::LimitExceeded => return Err(error),
                Err(error) => walk.damage.push(Damage {
                    range: part.element.range(),
                    reason: error.reason(),
                    hides: !walk::is_bare(part.element.id),
                }),
                Ok(()) => {}
            }
        }
        walk.damage.sort_by_key(|damage| damage.range.start);
        for Damage { range, reason, .. } in walk.damage.iter().filter(|damage| damage.hides) {
            let barrier = Barrier::new(ErrorKind::Unsupported, format!("a part cannot be read: {reason}"));
            tree.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: range.start as u64 });
        }
        tree.findings.guards.sort_by_key(|guard| guard.offset);
        tree.claimed.sort_by_key(|range| range.start);
        let mut targets: Vec<_> = tree.seeks.iter().enumerate().map(|(index, seek)| (seek.target, index)).collect();
        targets.sort_unstable();
        Ok(Self { input, limits, walk, tree, targets })
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.tree.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.planned(removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let member = |file: &tree::Attached| Member {
            place: file.name.clone(),
            offset: file.data.data.start as u64,
            len: file.data.data.len() as u64,
            barrier: None,
        };
        self.tree.files.iter().map(member).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let bytes = self.file(index)?;
        Ok(bytes.get(..len).unwrap_or(bytes).to_vec())
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.file(index).map(Cow::Borrowed)
    }
}

impl Surveyed<'_> {
    fn file(&self, index: usize) -> Result<&[u8]> {
        let file = self.tree.files.get(index).and_then(|file| self.input.get(file.data.data.clone()));
        file.ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }
}

#[cfg(test)]
mod tests;
