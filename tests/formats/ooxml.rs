//! OOXML: the package is whole, every member that holds no removed label is the same, the libraries open it.

use crate::corpus::File;
use crate::packages::Readers;
use crate::{family, oracle};

/// Files that are not stripped, and rightly so: one has a part with a document type declaration, the others repeat the
/// value of a property in a custom XML part of another program.
const RESERVED: &[&str] = &[
    "CorePropertiesHasEntities",
    "conditional_formatting_cell_is",
    "conditional_formatting_with_formula_on_second_sheet",
];

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
