//! JPEG: the decoded pixels are the same, and the coded data too.

mod fields;

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = (Result<String, String>, Vec<u8>);

    fn look(path: &Path, bytes: &[u8]) -> Self::Look {
        (oracle::pixels(path), coded(bytes).to_vec())
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.0 != output.0 {
            complaints.push("the pixels differ".into());
        }
        if input.1 != output.1 {
            complaints.push("the coded image data differ".into());
        }
        complaints
    }
}

/// From the first start of a scan to the end of its image, stepping over the segments before it.
fn coded(bytes: &[u8]) -> &[u8] {
    let mut position = 2;
    while let Some(&[0xFF, marker]) = bytes.get(position..position + 2) {
        match (marker, bytes.get(position + 2..position + 4)) {
            (0xDA, _) => {
                let data = bytes.get(position..).unwrap_or_default();
                let end = memchr::memmem::find(data, &[0xFF, 0xD9]).unwrap_or(data.len());
                return data.get(..end).unwrap_or_default();
            }
            (0xFF, _) => position += 1,
            (_, Some(length)) => position += 2 + usize::from(u16::from_be_bytes([length[0], length[1]])),
            _ => break,
        }
    }
    &[]
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("jpeg", &[]);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("jpeg", oracle::inject_xmp, |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("jpeg");
}
