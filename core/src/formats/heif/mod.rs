//! HEIF (ISO/IEC 23008-12): HEIC and AVIF, single images, collections and sequences.
//!
//! Files of boxes like [MP4](super::isobmff), with the same labels in the same boxes. Besides, labels live in items: an
//! Exif block, and XMP (`mime` of type `application/rdf+xml`), in `mdat` or `idat`, in one or several extents; and in
//! the texts that describe an image (`udes`, `altt`).
//!
//! Items keep their length and place with either layout, as does everything in these files: entries of Exif are zeroed,
//! properties of XMP become spaces. Hidden, and so in the way of a proof: metadata that is compressed, that lies in
//! another file or item, or in a minimized image (`mini`). The video of a moving picture (`mpvd`) is a file inside.

use super::{Format, isobmff};
use crate::error::Result;
use crate::limits::Limits;
use crate::survey::Survey;

/// The formats of images that are made of boxes.
#[derive(Debug)]
pub(super) struct Heif;

/// Brands that say that a file is an image, or several.
const BRANDS: [&[u8; 4]; 14] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"mif3", b"msf1",
    b"avif", b"avis",
];

impl Format for Heif {
    fn name(&self) -> &'static str {
        "heif"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["heic", "heif", "heics", "heifs", "hif", "avif", "avifs", "avci", "avcs"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let Some((size, rest)) = input.split_first_chunk() else { return false };
        let Some(brands) = rest.strip_prefix(b"ftyp") else { return false };
        let size = u32::from_be_bytes(*size) as usize;
        let brands = brands.get(..size.saturating_sub(8).min(256)).unwrap_or(brands);
        // The second is the minor version.
        let mut brands = brands.chunks_exact(4).enumerate().filter(|(index, _)| *index != 1);
        let is_image = |brand: &[u8]| BRANDS.iter().any(|known| brand == *known);
        match brands.next() {
            Some((_, b"isom" | b"mp41" | b"mp42" | b"qt  " | b"crx ")) | None => false,
            Some((_, major)) => is_image(major) || brands.any(|(_, brand)| is_image(brand)),
        }
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        isobmff::survey(input, limits)
    }
}

#[cfg(test)]
mod tests;
