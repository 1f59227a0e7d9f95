//! An independent search for what a strip left behind: the bytes as they are, and everything that decodes.
//!
//! It shares no code with the product: it does not know which part of a file is what, it inflates whatever inflates,
//! and asks other programs to decode the rest.

use std::io::Read;

use flate2::read::{DeflateDecoder, ZlibDecoder};

use crate::oracle;

/// Decoded bytes kept of one stream: more would only be a bomb.
const MOST: u64 = 32 << 20;

/// A stretch of bytes to search, and where it came from.
#[derive(Debug)]
pub(crate) struct Region {
    /// For messages: `raw`, a member's name, `zlib stream at 17`.
    pub(crate) place: String,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
}

/// Everything that `bytes` hold, raw and decoded.
pub(crate) fn regions(family: &str, extension: &str, bytes: &[u8]) -> Vec<Region> {
    let compound = ["ole", "msg"].contains(&family) && bytes.starts_with(b"\xd0\xcf\x11\xe0");
    let whole = if compound {
        // What stands in the document itself too cannot be told from a leak otherwise.
        oracle::blanked(&oracle::scratch(extension, bytes)).unwrap_or_else(|_| bytes.to_vec())
    } else {
        bytes.to_vec()
    };
    let mut regions = vec![Region { place: "raw".into(), bytes: whole }];
    if bytes.starts_with(b"PK") {
        regions.extend(zip_members(bytes));
    }
    if family.contains("pdf") || family.contains("png") {
        regions.extend(zlib_streams(bytes));
    }
    if family.contains("pdf") {
        let path = oracle::scratch(extension, bytes);
        if let Ok(streams) = oracle::pdf_streams(&path) {
            regions.push(Region { place: "objects as pikepdf decodes them".into(), bytes: streams });
        }
    }
    if family.contains("png") {
        let hex: Vec<Region> = regions.iter().filter_map(|region| raw_profile(&region.bytes)).collect();
        regions.extend(hex);
    }
    regions
}

/// Every local file header found by its signature, listed in the directory or not, inflated.
fn zip_members(bytes: &[u8]) -> Vec<Region> {
    let mut found = Vec::new();
    for start in positions(bytes, b"PK\x03\x04") {
        let u16_at = |offset: usize| Some(u16::from_le_bytes(bytes.get(start + offset..)?.first_chunk().copied()?));
        let header = (|| Some((u16_at(8)?, usize::from(u16_at(26)?), usize::from(u16_at(28)?))))();
        let Some((method, name_len, extra_len)) = header else { continue };
        let Some(name) = bytes.get(start + 30..start + 30 + name_len) else { continue };
        let data = bytes.get(start + 30 + name_len + extra_len..).unwrap_or_default();
        if method == 8 {
            let mut decoded = Vec::new();
            // A broken stream still shows what it decodes to up to the break.
            let _ = DeflateDecoder::new(data).take(MOST).read_to_end(&mut decoded);
            found.push(Region { place: String::from_utf8_lossy(name).into_owned(), bytes: decoded });
        }
    }
    found
}

/// Whatever inflates as zlib, wherever it begins.
fn zlib_streams(bytes: &[u8]) -> Vec<Region> {
    let mut found = Vec::new();
    for start in 0..bytes.len().saturating_sub(8) {
        let (cmf, flags) = (bytes[start], bytes[start + 1]);
        if cmf != 0x78 && cmf != 0x48 && cmf != 0x58 && cmf != 0x68
            || (u16::from(cmf) << 8 | u16::from(flags)) % 31 != 0
        {
            continue;
        }
        let mut decoded = Vec::new();
        let _ = ZlibDecoder::new(&bytes[start..]).take(MOST).read_to_end(&mut decoded);
        if decoded.len() >= 8 {
            found.push(Region { place: format!("zlib stream at {start}"), bytes: decoded });
        }
    }
    found
}

/// The hex text of an ImageMagick raw profile, as bytes.
fn raw_profile(bytes: &[u8]) -> Option<Region> {
    let text = bytes.strip_prefix(b"\n")?;
    let mut lines = text.splitn(3, |&b| b == b'\n');
    let (_kind, _length, hex) = (lines.next()?, lines.next()?, lines.next()?);
    let digits: Vec<u8> = hex.iter().filter_map(|&b| char::from(b).to_digit(16).map(|digit| digit as u8)).collect();
    let bytes = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    Some(Region { place: "raw profile".into(), bytes })
}

/// How often `text` stands in `bytes`, in UTF-8, UTF-16 of both byte orders, and as XML writes it.
pub(crate) fn count(bytes: &[u8], text: &str) -> usize {
    if text.is_empty() {
        return 0;
    }
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let mut spellings = vec![
        text.as_bytes().to_vec(),
        text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    ];
    if escaped != text {
        spellings.push(escaped.into_bytes());
    }
    spellings.iter().map(|spelling| positions(bytes, spelling).count()).sum()
}

/// Every place in `regions` that holds `text`, for a text that occurs nowhere by chance.
pub(crate) fn find(regions: &[Region], text: &str) -> Vec<String> {
    regions.iter().filter(|region| count(&region.bytes, text) > 0).map(|region| region.place.clone()).collect()
}

fn positions<'b>(bytes: &'b [u8], needle: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    memchr::memmem::find_iter(bytes, needle)
}
