//! PDF files.

use std::fmt::Write as _;

use crate::png::zlib;
use crate::{KEY, Random, VALUE, xmp};

/// A PDF of about `len` bytes: one page of text, an image of noise, an Info dictionary and an XMP packet.
pub fn pdf(len: usize) -> Vec<u8> {
    let mut random = Random(7);
    let text = format!("BT /F1 12 Tf 72 720 Td ({}) Tj ET", random.words(200));
    let metadata = xmp();
    let image = random.bytes(len.saturating_sub(metadata.len() + 2000).max(64));
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R \
                /Resources << /Font << /F1 5 0 R >> /XObject << /Im1 6 0 R >> >> >>";
    let objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Metadata 7 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        page.as_bytes().to_vec(),
        stream("/Filter /FlateDecode", &zlib(text.as_bytes())),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        stream(
            &format!(
                "/Type /XObject /Subtype /Image /Width {} /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8",
                image.len()
            ),
            &image,
        ),
        stream("/Type /Metadata /Subtype /XML", metadata.as_bytes()),
        format!("<< /Title (A paper) /{KEY} ({VALUE}) /Owner (north) /Producer (benches) >>").into_bytes(),
    ];

    let mut file = b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (index, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        file.extend(format!("{} 0 obj\n", index + 1).as_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    let count = objects.len() + 1;
    let trailer = format!("trailer\n<< /Size {count} /Root 1 0 R /Info 8 0 R >>\nstartxref\n{start}\n%%EOF\n");
    file.extend(format!("xref\n0 {count}\n{table}{trailer}").as_bytes());
    file
}

fn stream(dictionary: &str, data: &[u8]) -> Vec<u8> {
    let mut object = format!("<< {dictionary} /Length {} >>\nstream\n", data.len()).into_bytes();
    object.extend(data);
    object.extend(b"\nendstream");
    object
}
