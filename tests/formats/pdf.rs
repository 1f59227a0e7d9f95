//! PDF: `qpdf --check` finds nothing new, the pages render the same, pikepdf sees the same content.

use std::path::Path;

use md5::{Digest, Md5};
use unlabel_core::{Layout, Outcome, Site};

use crate::corpus::{self, File};
use crate::family::{self, Judge};
use crate::oracle::{self, Attachment};
use crate::strip::{self, LAYOUTS, What};

/// Files that are not stripped, and rightly so: five that want a password, and one that is signed.
const RESERVED: &[&str] = &[
    "enc-XI-R6_V5_U_attachment_encrypted-attachments",
    "enc-XI-R6_V5_U_view_O_master",
    "unfilterable-with-crypt",
    "testPassword4Spaces",
    "testUnicodePassword",
    "testPDF_XFA_govdocs1_258578",
];

struct Readers;

struct Look {
    check: i32,
    pages: Option<Vec<u64>>,
    content: Result<serde_json::Value, String>,
}

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, _: &[u8]) -> Look {
        let content = oracle::open(path).map(|mut seen| seen["content"].take());
        Look { check: oracle::qpdf_check(path), pages: oracle::pdf_pages(path), content }
    }

    fn worse(input: &Look, output: &Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if output.check > input.check {
            complaints.push(format!("qpdf --check answers {}, before {}", output.check, input.check));
        }
        if output.pages != input.pages {
            complaints.push("the pages render differently".into());
        }
        match (&input.content, &output.content) {
            (Ok(before), Ok(after)) if before != after => complaints.push("pikepdf sees other page content".into()),
            (Ok(_), Err(error)) => complaints.push(format!("pikepdf refuses it: {error}")),
            _ => {}
        }
        complaints
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("pdf", RESERVED);
}

#[test]
fn a_label_that_a_library_wrote_leaves_no_trace() {
    family::injected("pdf", oracle::inject, |_| true);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("pdf", oracle::inject_xmp, |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("pdf");
}

/// The first file of a family into which another program can write a label, with that label.
fn labelled(family: &str, extension: &str, writer: family::Writer) -> Vec<u8> {
    let mut files = corpus::files(family).into_iter().filter(|file| file.extension() == extension);
    files.find_map(|file: File| writer(&file.path, extension).ok()).expect("some file takes a label")
}

/// The files inside as they must be afterwards: each as a strip of it alone gives it.
fn stripped_alone(files: &[Attachment]) -> Vec<(String, String)> {
    let alone = files.iter().map(|(name, data, ..)| {
        let data: Vec<u8> = data.as_bytes().chunks(2).map(hex_byte).collect();
        let Ok(stripped) = strip::strip(name, &data, Layout::Preserve, What::Label(oracle::KEY)) else {
            return (name.clone(), hex(&data));
        };
        // The file may have had files inside of its own.
        assert!(stripped.report.outcome.is_success(), "{name}");
        (name.clone(), hex(&stripped.output))
    });
    alone.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn hex_byte(digits: &[u8]) -> u8 {
    u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap()
}

#[test]
fn labels_of_attachments_and_pictures_go_however_the_file_is_encrypted() {
    if std::env::var_os("UNLABEL_ONLY").is_some() {
        return;
    }
    let picture = oracle::scratch("jpg", &labelled("jpeg", "jpg", oracle::inject_xmp));
    let word = oracle::scratch("docx", &labelled("ooxml", "docx", oracle::inject));
    let nested = oracle::scratch("pdf", &labelled("pdf", "pdf", oracle::inject));
    let mut hosts = corpus::files("pdf").into_iter();
    for security in ["none", "rc4", "aes128", "aes256"] {
        let attached: [&Path; 3] = [&picture, &word, &nested];
        let host = hosts.find_map(|host| oracle::attach(&host.path, &attached, &picture, security).ok());
        let input = host.expect("some file takes attachments");
        let input_path = oracle::scratch("pdf", &input);
        let (before, check) = (oracle::attachments(&input_path).unwrap(), oracle::qpdf_check(&input_path));
        let alone = stripped_alone(&before);
        let changed = before.iter().zip(&alone).filter(|((_, old, ..), (_, new))| old != new).count();
        assert_eq!(changed, 4, "three attachments and a picture have the label");
        for layout in LAYOUTS {
            let stripped = strip::strip("a.pdf", &input, layout, What::Label(oracle::KEY)).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{security}: {:?}", stripped.report);
            assert_eq!(stripped.output.len(), input.len());
            let output = oracle::scratch("pdf", &stripped.output);
            assert!(oracle::qpdf_check(&output) <= check);
            let after = oracle::attachments(&output).unwrap();
            let told: Vec<_> = after.iter().map(|(name, data, ..)| (name.clone(), data.clone())).collect();
            assert!(told == alone, "{security} {layout:?}: a file inside is not what it should be");
            for (name, data, size, checksum) in after.iter().filter(|file| file.0 != "picture.jpg") {
                assert_eq!(*size, Some(data.len() / 2), "{name}");
                let bytes: Vec<u8> = data.as_bytes().chunks(2).map(hex_byte).collect();
                let sum = hex(&Md5::digest(&bytes));
                assert!(checksum.as_ref().is_none_or(|said| *said == sum), "{name}: {checksum:?} is not {sum}");
            }
        }
    }
}
