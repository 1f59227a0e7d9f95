//! JPEG files.

use crate::{Random, xmp};

/// A grey JPEG of about `len` bytes with EXIF, XMP, IPTC and a comment; its pixels are noise.
pub fn jpeg(len: usize, seed: u64) -> Vec<u8> {
    let mut texts = Vec::new();
    segment(&mut texts, 0xE1, &[b"Exif\0\0".as_slice(), &exif()].concat());
    segment(&mut texts, 0xE1, &[b"http://ns.adobe.com/xap/1.0/\0".as_slice(), xmp().as_bytes()].concat());
    segment(&mut texts, 0xED, &photoshop());
    segment(&mut texts, 0xFE, b"A paper about a bridge");
    picture(len.saturating_sub(texts.len()), &mut Random(seed), &texts).bytes
}

/// A JPEG and its size in pixels.
pub(crate) struct Picture {
    pub(crate) bytes: Vec<u8>,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// A grey JPEG of about `len` bytes and of `texts`, which are segments.
pub(crate) fn picture(len: usize, random: &mut Random, texts: &[u8]) -> Picture {
    let blocks = (len * 8 / BLOCK_BITS).max(1);
    let columns = blocks.isqrt();
    let rows = blocks / columns;
    let (width, height) = (columns * 8, rows * 8);
    let [high, wide] = [height, width].map(|side| (side as u16).to_be_bytes());

    let mut bytes = vec![0xFF, 0xD8];
    segment(&mut bytes, 0xE0, b"JFIF\0\x01\x01\0\0\x48\0\x48\0\0");
    bytes.extend(texts);
    segment(&mut bytes, 0xDB, &[[0].as_slice(), &[16; 64]].concat());
    segment(&mut bytes, 0xC0, &[&[8][..], &high, &wide, &[1, 1, 0x11, 0]].concat());
    // Lengths and symbols of the codes: `0` for an equal mean, and `0` for a coefficient of four bits.
    segment(&mut bytes, 0xC4, &[[0x00, 1].as_slice(), &[0; 15], &[0]].concat());
    segment(&mut bytes, 0xC4, &[[0x10, 1].as_slice(), &[0; 15], &[4]].concat());
    segment(&mut bytes, 0xDA, &[1, 1, 0, 0, 63, 0]);
    scan(&mut bytes, columns * rows, random);
    bytes.extend([0xFF, 0xD9]);
    Picture { bytes, width, height }
}

/// One bit for the mean, and five for each coefficient.
const BLOCK_BITS: usize = 1 + 63 * 5;

/// The coded blocks. No byte of them is 0xFF, as no five bits are all ones.
fn scan(file: &mut Vec<u8>, blocks: usize, random: &mut Random) {
    let (mut bits, mut count) = (0_u64, 0);
    let mut put = |value: u64, len: u32| {
        bits = bits << len | value;
        count += len;
        while count >= 8 {
            count -= 8;
            file.push((bits >> count) as u8);
        }
    };
    for _ in 0..blocks {
        put(0, 1);
        for _ in 0..7 {
            let noise = random.next();
            // Nine coefficients, each `0` and four bits of noise.
            for place in 0..9 {
                put(noise >> (place * 5) & 0xF, 5);
            }
        }
    }
    // What is left of the last byte is ones.
    put(0x7F, 7);
}

fn segment(file: &mut Vec<u8>, marker: u8, data: &[u8]) {
    file.extend([0xFF, marker]);
    file.extend((data.len() as u16 + 2).to_be_bytes());
    file.extend(data);
}

/// A TIFF structure: an image description, an artist, and a user comment in the EXIF directory.
fn exif() -> Vec<u8> {
    let description = "A paper\0";
    let artist = "bench\0";
    let comment = "ASCII\0\0\0from the north";
    let first = 8;
    let second = first + 2 + 3 * 12 + 4;
    let values = second + 2 + 12 + 4;
    let entry = |tag: u16, kind: u16, count: usize, value: usize| {
        let mut entry = tag.to_le_bytes().to_vec();
        entry.extend(kind.to_le_bytes());
        entry.extend((count as u32).to_le_bytes());
        entry.extend((value as u32).to_le_bytes());
        entry
    };
    let mut block = b"II*\0\x08\0\0\0".to_vec();
    block.extend(3_u16.to_le_bytes());
    block.extend(entry(0x010E, 2, description.len(), values));
    block.extend(entry(0x013B, 2, artist.len(), values + description.len()));
    block.extend(entry(0x8769, 4, 1, second));
    block.extend([0; 4]);
    block.extend(1_u16.to_le_bytes());
    block.extend(entry(0x9286, 7, comment.len(), values + description.len() + artist.len()));
    block.extend([0; 4]);
    block.extend([description.as_bytes(), artist.as_bytes(), comment.as_bytes()].concat());
    block
}

/// A Photoshop block with an IPTC record set: a title and two keywords.
fn photoshop() -> Vec<u8> {
    let mut records = Vec::new();
    for (number, text) in [(5, "A paper"), (25, "river"), (25, "north")] {
        records.extend([0x1C, 2, number]);
        records.extend((text.len() as u16).to_be_bytes());
        records.extend(text.as_bytes());
    }
    let mut block = b"Photoshop 3.0\08BIM\x04\x04\0\0".to_vec();
    block.extend((records.len() as u32).to_be_bytes());
    block.extend(&records);
    if records.len() % 2 == 1 {
        block.push(0);
    }
    block
}
