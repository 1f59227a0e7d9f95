//! PDF: `qpdf --check` finds nothing new, the pages render the same, pikepdf sees the same content.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

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
