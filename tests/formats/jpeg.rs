//! JPEG: the decoded pixels are the same, and the entropy-coded data too.

use std::path::Path;

use crate::family::{self, Case};
use crate::oracle;

fn worse(input: &Path, output: &Path) -> Option<String> {
    (oracle::pixels(input) != oracle::pixels(output)).then(|| "the pixels differ".into())
}

/// From the first start-of-scan marker to the end.
fn coded(bytes: &[u8]) -> &[u8] {
    memchr::memmem::find(bytes, &[0xFF, 0xDA]).and_then(|start| bytes.get(start..)).unwrap_or_default()
}

fn judge(case: &Case<'_>) -> Vec<String> {
    let mut complaints: Vec<String> = worse(case.input_path, case.output_path).into_iter().collect();
    let thumbnail = case.input.windows(2).filter(|pair| *pair == [0xFF, 0xD8]).count() > 1;
    if !thumbnail && coded(case.input) != coded(&case.stripped.output) {
        complaints.push("the coded image data differ".into());
    }
    complaints
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all("jpeg", judge);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged("jpeg", worse);
}
