//! PNG: `pngcheck` finds nothing new, the pixels of every frame are the same.

use std::path::Path;

use crate::family::{self, Case};
use crate::oracle;

fn worse(input: &Path, output: &Path) -> Option<String> {
    if oracle::accepts("pngcheck", &["-q"], input) && !oracle::accepts("pngcheck", &["-q"], output) {
        return Some("pngcheck refuses the output".into());
    }
    (oracle::pixels(input) != oracle::pixels(output)).then(|| "the pixels differ".into())
}

fn judge(case: &Case<'_>) -> Vec<String> {
    worse(case.input_path, case.output_path).into_iter().collect()
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all("png", judge);
}

#[test]
fn a_label_that_another_program_wrote_leaves_no_trace() {
    family::injected("png", |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged("png", worse);
}
