//! JPEG files.

use crate::{Random, xmp};

/// A JPEG of about `len` bytes with EXIF, XMP, IPTC and a comment. The coded data are noise, which nobody decodes.
pub fn jpeg(len: usize) -> Vec<u8> {
    let mut file = vec![0xFF, 0xD8];
    segment(&mut file, 0xE0, b"JFIF\0\x01\x01\0\0\x48\0\x48\0\0");
    segment(&mut file, 0xE1, &[b"Exif\0\0".as_slice(), &exif()].concat());
    segment(&mut file, 0xE1, &[b"http://ns.adobe.com/xap/1.0/\0".as_slice(), xmp().as_bytes()].concat());
    segment(&mut file, 0xED, &photoshop());
    segment(&mut file, 0xFE, b"A paper about a bridge");
    segment(&mut file, 0xDB, &[[0].as_slice(), &[1; 64]].concat());
    segment(&mut file, 0xC0, &[8, 4, 0, 4, 0, 1, 1, 0x11, 0]);
    for class in [0x00, 0x10] {
        let mut table = vec![class, 1];
        table.extend([0; 15]);
        table.push(0);
        segment(&mut file, 0xC4, &table);
    }
    segment(&mut file, 0xDA, &[1, 1, 0, 0, 63, 0]);
    let coded = len.saturating_sub(file.len() + 2).max(64);
    file.extend(Random(5).bytes(coded).into_iter().map(|byte| if byte == 0xFF { 0xFE } else { byte }));
    file.extend([0xFF, 0xD9]);
    file
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
