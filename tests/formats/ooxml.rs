//! OOXML: the package is whole, every member that holds no removed label is the same, the libraries open it.

use std::path::Path;

use unlabel_core::Site;

use crate::corpus::File;
use crate::family::{self, Judge};
use crate::oracle;

/// Files that are not stripped, and rightly so: one has a part with a document type declaration, the others repeat the
/// value of a property in a custom XML part of another program.
const RESERVED: &[&str] = &[
    "CorePropertiesHasEntities",
    "conditional_formatting_cell_is",
    "conditional_formatting_with_formula_on_second_sheet",
];

struct Readers;

struct Look {
    unzip: bool,
    seven_zip: bool,
    content: Result<serde_json::Value, String>,
    members: Result<Vec<(String, String)>, String>,
}

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, _: &[u8]) -> Look {
        Look {
            unzip: oracle::accepts("unzip", &["-tqq"], path),
            seven_zip: oracle::accepts("7z", &["t"], path),
            content: oracle::open(path).map(|mut seen| seen["content"].take()),
            members: oracle::zip_members(path),
        }
    }

    fn worse(input: &Look, output: &Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.unzip && !output.unzip {
            complaints.push("unzip refuses it".into());
        }
        if input.seven_zip && !output.seven_zip {
            complaints.push("7z refuses it".into());
        }
        match (&input.content, &output.content) {
            (Ok(before), Ok(after)) if before != after => complaints.push("a library sees other content".into()),
            (Ok(_), Err(error)) => complaints.push(format!("a library refuses it: {error}")),
            _ => {}
        }
        let (Ok(before), Ok(after)) = (&input.members, &output.members) else { return complaints };
        if before.len() != after.len() {
            complaints.push(format!("{} members became {}", before.len(), after.len()));
        }
        let edited = |name: &str| removed.iter().any(|site| site.place.contains(name.trim_start_matches('/')));
        for ((name, old), (other, new)) in before.iter().zip(after) {
            if name != other {
                complaints.push(format!("member {name} became {other}"));
            } else if old != new && !edited(name) {
                complaints.push(format!("member {name} changed, and held no removed label"));
            }
        }
        complaints
    }
}

/// Injecting takes long: one file in four is enough.
fn one_in_four(file: &File) -> bool {
    file.name.bytes().map(usize::from).sum::<usize>().is_multiple_of(4)
}

#[test]
fn word_labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("ooxml_word", RESERVED);
}

#[test]
fn sheet_labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("ooxml_sheet", RESERVED);
}

#[test]
fn presentation_labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("ooxml_pres", RESERVED);
}

#[test]
fn labels_of_other_packages_go_and_nothing_else_does() {
    family::judge_all::<Readers>("ooxml_other", RESERVED);
}

#[test]
fn a_label_that_a_library_wrote_leaves_no_trace() {
    family::injected("ooxml", oracle::inject, one_in_four);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("ooxml");
}
