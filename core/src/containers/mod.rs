//! The machinery that several formats stand on: each container is written once, knows byte ranges, and never
//! re-serializes what it does not edit.

pub mod ape;
pub(crate) mod arrow;
pub(crate) mod bmff;
pub(crate) mod brotli;
pub(crate) mod cfb;
pub(crate) mod conventions;
pub mod deflate;
pub(crate) mod ebml;
pub(crate) mod flatbuffer;
pub(crate) mod gzip;
pub mod id3;
pub mod id3v1;
pub mod iptc;
pub(crate) mod json;
pub mod lyrics3;
pub(crate) mod markup;
pub(crate) mod mime;
pub(crate) mod nested;
pub(crate) mod office;
pub(crate) mod outline;
pub(crate) mod package;
pub(crate) mod pandas;
pub mod photoshop;
pub(crate) mod picture;
pub(crate) mod propset;
pub(crate) mod protobuf;
pub(crate) mod regions;
pub(crate) mod riff;
pub(crate) mod rtf;
pub(crate) mod slack;
pub(crate) mod tagged;
pub(crate) mod text;
pub(crate) mod thrift;
pub mod tiff;
pub mod vorbis;
pub mod xml;
pub mod xmp;
pub(crate) mod yaml;
pub mod zip;

use std::fmt::Debug;
use std::ops::Range;

use crate::error::Result;
use crate::plan::{Edit, Layout};
use crate::survey::Site;

/// A metadata block that formats embed whole: an XMP packet, a TIFF structure, an IPTC record set.
///
/// All offsets, in sites, edits and claims, count from the first byte of the block; the format that embeds the block
/// moves them to where it lies.
pub trait Carrier: Debug {
    /// Every place in the block where a label is written, in block order.
    fn sites(&self) -> &[Site];

    /// The edits that remove the sites with these indices (ascending) from the block.
    ///
    /// With [`Layout::Preserve`] every edit keeps its length.
    fn edits(&self, chosen: &[usize], layout: Layout) -> Result<Vec<Edit>>;

    /// The ranges of the block that belong to its sites or to its known structure, for the residue scan.
    fn claimed(&self) -> Vec<Range<usize>>;
}
