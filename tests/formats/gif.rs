//! GIF: the pixels of every frame are the same, and `gifsicle` has no new complaint.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = (usize, Result<String, String>);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        // It says what it finds odd line by line.
        let complaints = oracle::run("gifsicle", &["--info", "--output", "/dev/null"], path).stderr;
        (complaints.split(|byte| *byte == b'\n').count(), oracle::pixels(path))
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if output.0 > input.0 {
            complaints.push("gifsicle complains of the output".into());
        }
        if input.1 != output.1 {
            complaints.push("the pixels differ".into());
        }
        complaints
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("gif", &[]);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("gif", oracle::inject_xmp, |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("gif");
}
