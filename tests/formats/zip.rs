//! Archives, judged like other packages: every member in which no label was removed is the same.

use crate::family;
use crate::packages::Readers;

/// Members that nobody here can decompress or decrypt, and an archive that holds itself six times over: when labels
/// inside are to go too, such an archive is not called clean.
const RESERVED: [&str; 5] = ["zip2__aes_archive", "zip2__implode", "zip2__shrink", "zip2__xz", "tika__droste"];

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("zip", &RESERVED);
}

#[test]
fn damaged_files_are_not_made_worse() {
    family::damaged::<Readers>("zip");
}
