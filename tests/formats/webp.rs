//! WebP: the pixels of every frame are the same, and `webpmux` has no new complaint.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = (bool, Result<String, String>);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        (oracle::accepts("webpmux", &["-info"], path), oracle::pixels(path))
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.0 && !output.0 {
            complaints.push("webpmux refuses the output".into());
        }
        if input.1 != output.1 {
            complaints.push("the pixels differ".into());
        }
        complaints
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("webp", &[]);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("webp", oracle::inject_xmp, |_| true);
}
