//! PNG files.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;

use crate::{KEY, Random, VALUE, xmp};

/// A PNG of about `len` bytes with text chunks and an XMP packet; the pixels are noise.
pub fn png(len: usize, seed: u64) -> Vec<u8> {
    let text = xmp();
    let mut texts = Vec::new();
    chunk(&mut texts, *b"tEXt", b"Author\0bench");
    chunk(&mut texts, *b"tEXt", format!("{KEY}\0{VALUE}").as_bytes());
    chunk(&mut texts, *b"zTXt", &[b"Owner\0\0".as_slice(), &zlib(b"north")].concat());
    chunk(&mut texts, *b"iTXt", &[b"XML:com.adobe.xmp\0\0\0\0\0".as_slice(), text.as_bytes()].concat());
    picture(len.saturating_sub(text.len()), &mut Random(seed), &texts)
}

/// A PNG of about `len` bytes and of `texts`, which are chunks.
pub(crate) fn picture(len: usize, random: &mut Random, texts: &[u8]) -> Vec<u8> {
    let width = 256_u32;
    let height = (len / (width as usize + 1)).max(1) as u32;
    let pixels: Vec<u8> =
        (0..height).flat_map(|_| std::iter::once(0).chain(random.bytes(width as usize)).collect::<Vec<u8>>()).collect();

    let mut header = [width.to_be_bytes(), height.to_be_bytes()].concat();
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    file.extend(texts);
    for part in zlib(&pixels).chunks(32 << 10) {
        chunk(&mut file, *b"IDAT", part);
    }
    chunk(&mut file, *b"IEND", b"");
    file
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&kind);
    checksum.update(data);
    file.extend((data.len() as u32).to_be_bytes());
    file.extend(kind);
    file.extend(data);
    file.extend(checksum.finalize().to_be_bytes());
}

pub(crate) fn zlib(data: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(data);
    encoder.finish().unwrap_or_default()
}
