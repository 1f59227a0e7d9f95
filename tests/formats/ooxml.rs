//! OOXML: the package is whole, every member that holds no removed label is the same, the libraries open it.

use std::path::Path;

use crate::corpus::File;
use crate::family::{self, Case};
use crate::oracle;

fn worse(input: &Path, output: &Path) -> Option<String> {
    for (program, arguments) in [("unzip", ["-tq"]), ("7z", ["t"])] {
        if oracle::accepts(program, &arguments, input) && !oracle::accepts(program, &arguments, output) {
            return Some(format!("{program} refuses the output"));
        }
    }
    match (oracle::open(input), oracle::open(output)) {
        (Ok(_), Err(error)) => Some(format!("a library refuses it: {error}")),
        (Ok(before), Ok(after)) if before["content"] != after["content"] => Some("a library sees other content".into()),
        _ => None,
    }
}

fn judge(case: &Case<'_>) -> Vec<String> {
    let mut complaints: Vec<String> = worse(case.input_path, case.output_path).into_iter().collect();
    let (Ok(before), Ok(after)) = (oracle::zip_members(case.input_path), oracle::zip_members(case.output_path)) else {
        return complaints;
    };
    let edited =
        |name: &str| case.stripped.removed.iter().any(|site| site.place.contains(name.trim_start_matches('/')));
    if before.len() != after.len() {
        complaints.push(format!("{} members became {}", before.len(), after.len()));
    }
    for ((name, old), (other, new)) in before.iter().zip(&after) {
        if name != other {
            complaints.push(format!("member {name} became {other}"));
        } else if old != new && !edited(name) {
            complaints.push(format!("member {name} changed, and held no removed label"));
        }
    }
    complaints
}

/// Files that the injector knows how to write: one in four is enough.
fn writable(file: &File) -> bool {
    file.name.bytes().map(usize::from).sum::<usize>() % 4 == 0
}

#[test]
fn word_labels_go_and_nothing_else_does() {
    family::judge_all("ooxml_word", judge);
}

#[test]
fn sheet_labels_go_and_nothing_else_does() {
    family::judge_all("ooxml_sheet", judge);
}

#[test]
fn presentation_labels_go_and_nothing_else_does() {
    family::judge_all("ooxml_pres", judge);
}

#[test]
fn labels_of_other_packages_go_and_nothing_else_does() {
    family::judge_all("ooxml_other", judge);
}

#[test]
fn a_label_that_another_program_wrote_leaves_no_trace() {
    family::injected("ooxml", writable);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged("ooxml", worse);
}
