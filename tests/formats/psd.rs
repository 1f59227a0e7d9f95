//! PSD: the pixels of every layer are the same.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

struct Readers;

impl Judge for Readers {
    type Look = Result<String, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::pixels(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        (input != output).then(|| "the pixels differ".to_owned()).into_iter().collect()
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_files::<Readers>("other/misc", |file| file.extension() == "psd", &[]);
}
