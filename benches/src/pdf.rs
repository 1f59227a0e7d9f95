//! PDF files.

use std::fmt::Write as _;

use crate::jpeg::picture;
use crate::png::zlib;
use crate::{KEY, Random, VALUE, xmp};

/// A PDF of about `len` bytes: one page of text, a JPEG picture, an Info dictionary and an XMP packet.
pub fn pdf(len: usize, seed: u64) -> Vec<u8> {
    let objects = objects(len, seed);
    let mut file = Writer::default();
    for (index, object) in objects.iter().enumerate() {
        file.object(index + 1, object);
    }
    let start = file.bytes.len();
    let count = objects.len() + 1;
    let mut table = String::from("0000000000 65535 f \n");
    for offset in &file.offsets {
        let _ = writeln!(table, "{offset:010} 00000 n ");
    }
    let trailer = format!("trailer\n<< /Size {count} /Root 1 0 R /Info 8 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file.bytes.extend(format!("xref\n0 {count}\n{table}{trailer}").as_bytes());
    file.bytes
}

/// The same with dictionaries in an object stream, and a cross-reference stream.
pub fn packed_pdf(len: usize, seed: u64) -> Vec<u8> {
    let objects = objects(len, seed);
    let mut file = Writer::default();
    // Streams stand by themselves; the others go into object 9, in order.
    let (mut index, mut packed) = (String::new(), Vec::new());
    let mut entries = vec![(0_u8, 0, 0)];
    for (position, object) in objects.iter().enumerate() {
        if object.ends_with(b"endstream") {
            entries.push((1, file.bytes.len() as u32, 0));
            file.object(position + 1, object);
        } else {
            entries.push((2, 9, (index.split_whitespace().count() / 2) as u8));
            let _ = write!(index, "{} {} ", position + 1, packed.len());
            packed.extend_from_slice(object);
            packed.push(b' ');
        }
    }
    let (count, first) = (index.split_whitespace().count() / 2, index.len());
    let data = zlib(&[index.as_bytes(), &packed].concat());
    entries.push((1, file.bytes.len() as u32, 0));
    file.object(9, &stream(&format!("/Type /ObjStm /N {count} /First {first} /Filter /FlateDecode"), &data));
    let start = file.bytes.len();
    entries.push((1, start as u32, 0));
    let row = |(kind, field, index): &(u8, u32, u8)| [&[*kind][..], &field.to_be_bytes(), &[*index]].concat();
    let table: Vec<u8> = entries.iter().flat_map(row).collect();
    let dictionary = "/Type /XRef /Size 11 /W [1 4 1] /Root 1 0 R /Info 8 0 R /Filter /FlateDecode";
    file.object(10, &stream(dictionary, &zlib(&table)));
    file.bytes.extend(format!("startxref\n{start}\n%%EOF\n").as_bytes());
    file.bytes
}

/// The objects of the document, from number 1.
fn objects(len: usize, seed: u64) -> [Vec<u8>; 8] {
    let mut random = Random(seed);
    let text = format!("BT /F1 12 Tf 72 720 Td ({}) Tj ET", random.words(200));
    let metadata = xmp();
    let image = picture(len.saturating_sub(metadata.len() + 2000), &mut random, &[]);
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
                /Resources << /Font << /F1 5 0 R >> /XObject << /Im1 6 0 R >> >> >>";
    [
        b"<< /Type /Catalog /Pages 2 0 R /Metadata 7 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        page.as_bytes().to_vec(),
        stream("/Filter /FlateDecode", &zlib(text.as_bytes())),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        stream(
            &format!(
                "/Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /DeviceGray /BitsPerComponent 8 \
                 /Filter /DCTDecode",
                image.width, image.height
            ),
            &image.bytes,
        ),
        stream("/Type /Metadata /Subtype /XML", metadata.as_bytes()),
        format!("<< /Title (A paper) /{KEY} ({VALUE}) /Owner (north) /Producer (benches) >>").into_bytes(),
    ]
}

struct Writer {
    bytes: Vec<u8>,
    /// Where the objects begin.
    offsets: Vec<usize>,
}

impl Default for Writer {
    fn default() -> Self {
        Self { bytes: b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec(), offsets: Vec::new() }
    }
}

impl Writer {
    fn object(&mut self, number: usize, object: &[u8]) {
        self.offsets.push(self.bytes.len());
        self.bytes.extend(format!("{number} 0 obj\n").as_bytes());
        self.bytes.extend(object);
        self.bytes.extend(b"\nendobj\n");
    }
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {dictionary} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}
