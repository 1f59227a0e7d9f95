//! TIFF: the pixels of every page are the same, and `tiffinfo` has no new complaint.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = (bool, Result<String, String>);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        (oracle::accepts("tiffinfo", &[], path), oracle::pixels(path))
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.0 && !output.0 {
            complaints.push("tiffinfo refuses the output".into());
        }
        if input.1 != output.1 {
            complaints.push("the pixels differ".into());
        }
        complaints
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    // One file is a header that points behind its own end.
    family::judge_all::<Readers>("tiff", &["pillow__seek_too_large"]);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("tiff", oracle::inject_xmp, |_| true);
}

#[test]
fn an_item_of_gdal_leaves_no_trace() {
    family::injected("tiff", inject_item, |_| true);
}

/// Has `exiftool` write a list of GDAL items with a label into a copy of `path`.
fn inject_item(path: &Path, _: &str) -> Result<Vec<u8>, String> {
    let value = oracle::VALUE.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let items = format!("<GDALMetadata>\n  <Item name=\"{}\">{value}</Item>\n</GDALMetadata>\n", oracle::KEY);
    oracle::exiftool_writes(&[&format!("-IFD0:GDALMetadata={items}")], path)
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("tiff");
}
