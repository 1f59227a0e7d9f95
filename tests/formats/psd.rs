//! PSD: the pixels of every layer are the same.

use crate::family::{self, Pixels};

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_files::<Pixels>("other/misc", |file| file.extension() == "psd", &[]);
}
