//! `OpenDocument`, judged by `unzip`, 7-Zip and a comparison of members; `exiftool` judges every family.

use crate::family;
use crate::packages::Readers;

/// Files that are not stripped, and rightly so.
const RESERVED: &[&str] = &[];

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("odf", RESERVED);
}
