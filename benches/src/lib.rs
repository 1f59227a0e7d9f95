//! Seeded corpora for the benchmarks: the same bytes on every machine, of the size that a benchmark asks for.
//!
//! Every file carries the label [`KEY`] in each carrier its format has, between other labels that stay.

mod docx;
mod jpeg;
mod pdf;
mod png;

pub use docx::docx;
pub use jpeg::jpeg;
pub use pdf::{packed_pdf, pdf};
pub use png::png;

/// The key of the label in every generated file.
pub const KEY: &str = "id";

/// Its value.
pub const VALUE: &str = "8888-4711-0815";

/// One file of a benchmark.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Format and size, as the benchmark prints it.
    pub name: &'static str,
    /// A file name with the right extension.
    pub file: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// The files that the format benchmarks run on.
pub fn samples() -> Vec<Sample> {
    let sample = |name, file, bytes| Sample { name, file, bytes };
    vec![
        sample("docx 40 KiB", "small.docx", docx(40 << 10, 11)),
        sample("docx 5 MiB", "large.docx", docx(5 << 20, 11)),
        sample("pdf 100 KiB", "one.pdf", pdf(100 << 10, 7)),
        sample("jpeg 150 KiB", "small.jpg", jpeg(150 << 10, 5)),
        sample("jpeg 8 MiB", "large.jpg", jpeg(8 << 20, 5)),
        sample("png 100 KiB", "one.png", png(100 << 10, 3)),
    ]
}

/// Small files, by format name and extension, as seeds for fuzzing.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("ooxml.docx", docx(0, 11)),
        ("pdf.pdf", pdf(0, 7)),
        ("pdf.packed.pdf", packed_pdf(0, 7)),
        ("jpeg.jpg", jpeg(0, 5)),
        ("png.png", png(0, 3)),
    ]
}

/// A generator whose numbers depend on its seed alone (`SplitMix64`).
#[derive(Clone, Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Bytes without any pattern, as compressed data are.
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(count);
        bytes
    }

    /// Words, as text that compresses.
    fn words(&mut self, count: usize) -> String {
        const WORDS: [&str; 16] = [
            "the", "report", "of", "quarter", "and", "figures", "which", "board", "meeting", "on", "river", "bridge",
            "plan", "north", "a", "paper",
        ];
        let words: Vec<&str> =
            (0..count).filter_map(|_| WORDS.get((self.next() % WORDS.len() as u64) as usize).copied()).collect();
        words.join(" ")
    }
}

/// An XMP packet with the label, properties that stay, and the padding that writers leave.
fn xmp() -> String {
    format!(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n\
         <x:xmpmeta xmlns:x=\"adobe:ns:meta/\"><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n\
         <rdf:Description rdf:about=\"\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:pdfx=\"http://ns.adobe.com/pdfx/1.3/\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\">\n\
         <dc:title><rdf:Alt><rdf:li xml:lang=\"x-default\">A paper</rdf:li></rdf:Alt></dc:title>\n\
         <pdfx:{KEY}>{VALUE}</pdfx:{KEY}>\n<pdfx:Owner>north</pdfx:Owner>\n\
         <xmp:CreatorTool>benches</xmp:CreatorTool>\n\
         </rdf:Description></rdf:RDF></x:xmpmeta>\n{}<?xpacket end=\"w\"?>",
        format!("{}\n", " ".repeat(99)).repeat(20)
    )
}

#[cfg(test)]
mod tests {
    use unlabel_core::{Engine, Outcome, Source};

    use super::*;

    #[test]
    fn sizes_are_as_asked() {
        for (bytes, want) in [(docx(1 << 20, 11), 1 << 20), (pdf(1 << 20, 7), 1 << 20), (jpeg(1 << 20, 5), 1 << 20)] {
            assert!(bytes.len().abs_diff(want) < want / 20, "{} for {want}", bytes.len());
        }
        assert!(png(1 << 20, 3).len().abs_diff(1 << 20) < 1 << 16);
    }

    #[test]
    fn every_sample_has_its_label() {
        let engine = Engine::builder().label(KEY).build().unwrap();
        for (name, bytes) in seeds() {
            let cleaned = engine.strip(Source::from_bytes(bytes).with_name(name)).unwrap();
            assert_eq!(cleaned.report().outcome, Outcome::Stripped, "{name}: {:?}", cleaned.report());
        }
    }
}
