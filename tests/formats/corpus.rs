//! The real files: where they are, and what independent readers found in them.
//!
//! The corpus is a directory with `MANIFEST.tsv` (one file per line, family first), `LABELS.jsonl` (the keys that
//! independent readers found) and one folder per family. It is looked for in `$UNLABEL_CORPUS`, then as
//! `shared/corpus` in the folders above the workspace. `$UNLABEL_ONLY` narrows a run to the files whose name contains it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

/// One real file.
#[derive(Clone, Debug)]
pub(crate) struct File {
    /// The folder of the manifest (`ooxml_word`, `malformed/pdf`).
    pub(crate) family: String,
    /// Path below the corpus root, as the manifest and the label list spell it.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// The keys that independent readers found, `carrier:key`.
    pub(crate) keys: Vec<String>,
}

impl File {
    /// The bytes.
    pub(crate) fn read(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    /// The extension, lower case, for copies that readers are to open.
    pub(crate) fn extension(&self) -> String {
        self.path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
    }
}

/// The root, which must be there: a missing corpus fails every test that wants it.
fn root() -> PathBuf {
    let above = || {
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        folders.map(|folder| folder.join("shared/corpus")).find(|folder| folder.is_dir())
    };
    let root = std::env::var_os("UNLABEL_CORPUS").map(PathBuf::from).or_else(above).unwrap_or_default();
    assert!(
        root.join("MANIFEST.tsv").is_file(),
        "no corpus at '{}': set UNLABEL_CORPUS to a directory with MANIFEST.tsv and LABELS.jsonl",
        root.display(),
    );
    root
}

fn load() -> Vec<File> {
    let root = root();
    let mut labels = labels(&root);
    let only = std::env::var("UNLABEL_ONLY").unwrap_or_default();
    let manifest = fs::read_to_string(root.join("MANIFEST.tsv")).expect("MANIFEST.tsv is readable");
    manifest
        .lines()
        .skip(1)
        .filter_map(|line| {
            let (family, rest) = line.split_once('\t')?;
            let name = rest.split('\t').next()?;
            let keys = labels.remove(name).unwrap_or_default();
            Some(File { family: family.to_owned(), name: name.to_owned(), path: root.join(name), keys })
        })
        .filter(|file| file.name.contains(&only))
        .collect()
}

fn labels(root: &Path) -> HashMap<String, Vec<String>> {
    let text = fs::read_to_string(root.join("LABELS.jsonl")).expect("LABELS.jsonl is readable");
    text.lines()
        .map(|line| {
            let entry: Value = serde_json::from_str(line).expect("LABELS.jsonl holds one object per line");
            let keys = entry["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
            let keys = keys.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            (entry["file"].as_str().expect("an entry names its file").to_owned(), keys)
        })
        .collect()
}

/// Every file whose family begins with `prefix` (`ooxml`, `pdf`, `malformed`). Never empty.
pub(crate) fn files(prefix: &str) -> Vec<File> {
    static FILES: OnceLock<Vec<File>> = OnceLock::new();
    let files: Vec<File> =
        FILES.get_or_init(load).iter().filter(|file| file.family.starts_with(prefix)).cloned().collect();
    assert!(
        !files.is_empty() || std::env::var_os("UNLABEL_ONLY").is_some(),
        "the corpus at {} has no family {prefix}",
        root().display()
    );
    files
}
