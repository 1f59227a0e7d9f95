//! Metadata blocks that a box holds whole.

use std::ops::Range;

use crate::containers::Carrier;
use crate::containers::iptc::Records;
use crate::containers::photoshop::ImageResources;
use crate::containers::tiff::Tiff;
use crate::containers::xmp::Packet;
use crate::error::Result;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};

/// A block.
#[derive(Debug)]
pub(super) enum Held {
    Xmp(Packet),
    Tiff(Tiff),
    Iptc(Records),
    Photoshop(ImageResources),
}

impl Held {
    pub(super) fn carrier(&self) -> &dyn Carrier {
        match self {
            Self::Xmp(packet) => packet,
            Self::Tiff(tiff) => tiff,
            Self::Iptc(records) => records,
            Self::Photoshop(resources) => resources,
        }
    }

    /// The images in the block.
    pub(super) fn payload(&self) -> &[Range<usize>] {
        match self {
            Self::Tiff(tiff) => tiff.payload(),
            Self::Photoshop(resources) => resources.payload(),
            Self::Xmp(_) | Self::Iptc(_) => &[],
        }
    }

    /// What of the block is known, and what is an image.
    pub(super) fn claimed(&self) -> Vec<Range<usize>> {
        let mut claimed = self.carrier().claimed();
        claimed.extend_from_slice(self.payload());
        claimed
    }

    /// The edits of `block` that remove the `chosen` sites and the stale copies in it.
    pub(super) fn edits(&self, block: &[u8], chosen: &[usize], needles: &Needles, layout: Layout) -> Result<Vec<Edit>> {
        if let Self::Xmp(packet) = self {
            return Ok(packet.scrub(block, chosen, needles, layout));
        }
        let mut edits = if chosen.is_empty() { Vec::new() } else { self.carrier().edits(chosen, layout)? };
        if let Self::Tiff(tiff) = self {
            let stale =
                tiff.gaps().into_iter().filter(|gap| block.get(gap.clone()).is_some_and(|gap| needles.occur_in(gap)));
            edits.extend(stale.map(|gap| Edit::fill(gap.start as u64..gap.end as u64, 0)));
        }
        Ok(edits)
    }

    /// Whether nothing is left in the block without the `chosen` sites.
    pub(super) fn empties(&self, chosen: &[usize]) -> bool {
        match self {
            Self::Xmp(packet) => chosen.len() == packet.sites().len(),
            Self::Tiff(tiff) => tiff.empties(chosen),
            Self::Iptc(records) => chosen.len() == records.sites().len(),
            Self::Photoshop(_) => false,
        }
    }
}
