//! PNG: `pngcheck` finds nothing new, the pixels of every frame are the same.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = (bool, Result<String, String>);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        (oracle::accepts("pngcheck", &["-q"], path), oracle::pixels(path))
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.0 && !output.0 {
            complaints.push("pngcheck refuses the output".into());
        }
        if input.1 != output.1 {
            complaints.push("the pixels differ".into());
        }
        complaints
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("png", &[]);
}

#[test]
fn a_label_that_a_library_wrote_leaves_no_trace() {
    family::injected("png", oracle::inject, |_| true);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("png", oracle::inject_xmp, |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("png");
}
