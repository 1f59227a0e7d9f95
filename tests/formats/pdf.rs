//! PDF: `qpdf --check` finds nothing new, the pages render the same, pikepdf sees the same content.

use std::path::Path;

use crate::family::{self, Case};
use crate::oracle;

fn worse(input: &Path, output: &Path) -> Option<String> {
    let (before, after) = (oracle::qpdf_check(input), oracle::qpdf_check(output));
    if after > before {
        return Some(format!("qpdf --check answers {after}, before {before}"));
    }
    (oracle::pdf_pages(input) != oracle::pdf_pages(output)).then(|| "the pages render differently".into())
}

fn judge(case: &Case<'_>) -> Vec<String> {
    let mut complaints: Vec<String> = worse(case.input_path, case.output_path).into_iter().collect();
    match (oracle::open(case.input_path), oracle::open(case.output_path)) {
        (Ok(before), Ok(after)) if before["content"] != after["content"] => {
            complaints.push("pikepdf sees other page content".into());
        }
        (Ok(_), Err(error)) => complaints.push(format!("pikepdf refuses it: {error}")),
        _ => {}
    }
    complaints
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all("pdf", judge);
}

#[test]
fn a_label_that_another_program_wrote_leaves_no_trace() {
    family::injected("pdf", |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged("pdf", worse);
}
