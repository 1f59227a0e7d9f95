//! Data files. There are none in the corpus: the libraries that own the formats write them when the tests run, and
//! read from the results the same tables, tensors and attributes, and all labels but the removed ones.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;
use unlabel_core::{Outcome, Site};

use crate::corpus::File;
use crate::family::{self, Judge};
use crate::leak;
use crate::oracle::{self, KEY, VALUE};
use crate::strip::{self, LAYOUTS, What};

struct Readers;

impl Judge for Readers {
    type Look = Result<Value, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::table(path)
    }

    fn has_tags(_: &str) -> bool {
        false
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let (input, output) = match (input, output) {
            (Ok(input), Ok(output)) => (input, output),
            (Ok(_), Err(error)) => return vec![format!("its library refuses the output: {error}")],
            (Err(_), _) => return Vec::new(),
        };
        let mut complaints = Vec::new();
        if removed.iter().any(|site| site.key == "ARROW:schema") {
            // Chosen by its address: types of Arrow become those of the columns.
            return complaints;
        }
        if input["content"] != output["content"] {
            complaints.push("the content differs".to_owned());
        }
        let labels = |look: &Value| look["labels"].as_array().unwrap().clone();
        let (before, after) = (labels(input), labels(output));
        complaints.extend(after.iter().filter(|label| !before.contains(label)).map(|label| format!("new: {label}")));
        for label in before.iter().filter(|label| !after.contains(label)) {
            let name = label[0].as_str().unwrap();
            let explained = |site: &Site| name == site.key || name.ends_with(&format!("/{}", site.key));
            if !removed.iter().any(explained) {
                complaints.push(format!("lost: {label}"));
            }
        }
        complaints
    }
}

/// Files of one kind, fresh from their libraries. They go with the folder.
fn files(kind: &str) -> (TempDir, Vec<File>) {
    let folder = tempfile::tempdir().unwrap();
    oracle::write_data(kind, folder.path()).unwrap();
    let mut files: Vec<File> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = format!("{kind}/{}", path.file_name().unwrap().to_string_lossy());
            File { family: kind.to_owned(), name, path, keys: Vec::new() }
        })
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    (folder, files)
}

/// The generic checks, and that the label that the library wrote leaves no trace.
fn check(kind: &str, what: What<'_>) {
    let (_folder, files) = files(kind);
    assert!(files.len() >= 5, "{files:?}");
    family::judge_these::<Readers>(kind, &files, &[]);
    let mut complaints = Vec::new();
    for file in &files {
        let input = file.read();
        for layout in LAYOUTS {
            let complain = |what: String| format!("{} {layout:?}: {what}", file.name);
            let stripped = match strip::strip(&file.name, &input, layout, what) {
                Ok(stripped) if stripped.report.outcome == Outcome::Stripped => stripped,
                Ok(stripped) => {
                    complaints.push(complain(format!("{:?} {:?}", stripped.report.outcome, stripped.report.reason)));
                    continue;
                }
                Err(error) => {
                    complaints.push(complain(error.to_string()));
                    continue;
                }
            };
            let look = oracle::table(&oracle::scratch(&file.extension(), &stripped.output));
            let seen = look.map_or_else(|error| error, |look| look.to_string());
            let regions = leak::regions(kind, &file.extension(), &stripped.output);
            for text in [KEY, VALUE] {
                if seen.contains(text) || !leak::find(&regions, text).is_empty() {
                    complaints.push(complain(format!("{text} is still there: {}", &seen[..seen.len().min(300)])));
                }
            }
        }
    }
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn netcdf() {
    check("netcdf", What::Label(KEY));
}

#[test]
fn avro() {
    check("avro", What::Label(KEY));
}

#[test]
fn dicom() {
    check("dicom", What::Custom);
}

#[test]
fn attributes_of_hdf5_are_listed_and_refused() {
    let (_folder, files) = files("hdf5");
    for file in &files {
        let input = file.read();
        let look = oracle::table(&file.path).unwrap();
        let sites = strip::sites(&file.name, &input).unwrap();
        let is_sure = strip::strip(&file.name, &input, LAYOUTS[0], What::Label("no such label")).unwrap();
        for label in look["labels"].as_array().unwrap() {
            let name = format!("hdf5:{}", label[0].as_str().unwrap());
            let listed = sites.iter().any(|site| site.address == name);
            // What is not read is told.
            assert!(listed || is_sure.report.outcome == Outcome::Refused, "{} {name}", file.name);
        }
        for site in sites.iter().filter(|site| site.key == KEY) {
            assert_eq!(site.value.as_deref(), Some(VALUE), "{} {}", file.name, site.address);
        }
        let stripped = strip::strip(&file.name, &input, LAYOUTS[0], What::Label(KEY)).unwrap();
        assert_eq!((stripped.report.outcome, stripped.output == input), (Outcome::Refused, true), "{}", file.name);
    }
    let listed = files.iter().filter(|file| {
        let sites = strip::sites(&file.name, &file.read()).unwrap();
        sites.iter().filter(|site| site.key == KEY).count() == 3
    });
    assert!(listed.count() >= 3);
}

#[test]
fn parquet() {
    check("parquet", What::Label(KEY));
}

#[test]
fn orc() {
    check("orc", What::Label(KEY));
}

#[test]
fn arrow() {
    check("arrow", What::Label(KEY));
}

#[test]
fn archives_of_numpy() {
    check("npz", What::Label("zip:comment"));
}

#[test]
fn safetensors() {
    check("safetensors", What::Label(KEY));
}

#[test]
fn gguf() {
    check("gguf", What::Label(KEY));
}

#[test]
fn parquet_that_is_sealed_is_refused() {
    let (_folder, files) = files("sealed");
    let reasons: Vec<String> = files
        .iter()
        .map(|file| {
            let input = file.read();
            let stripped = strip::strip(&file.name, &input, LAYOUTS[0], What::Label(KEY)).unwrap();
            assert_eq!((stripped.report.outcome, stripped.output == input), (Outcome::Refused, true), "{}", file.name);
            stripped.report.reason.unwrap()
        })
        .collect();
    assert_eq!(reasons, ["encrypted: the footer is encrypted", "signed: the footer is signed"]);
}

/// A file of more than four gigabytes, nearly all of them a hole.
fn with_hole(head: &[u8], name: &str) -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, head).unwrap();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(head.len() as u64 + HOLE).unwrap();
    (folder, path)
}

const HOLE: u64 = 4 << 30;

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

#[test]
fn of_a_large_file_only_the_head_is_read_and_written() {
    let header = format!(
        r#"{{"__metadata__":{{"format":"pt","{KEY}":"v"}},"a":{{"dtype":"U8","shape":[{HOLE}],"data_offsets":[0,{HOLE}]}}}}"#
    );
    let number = |number: u32| number.to_le_bytes();
    let pair = [text(KEY), number(8).to_vec(), text(&"words ".repeat(20))].concat();
    let tensor = [text("x"), number(1).to_vec(), (HOLE / 4).to_le_bytes().to_vec(), vec![0; 12]].concat();
    let counts = [1_u64.to_le_bytes(), 1_u64.to_le_bytes()].concat();
    let mut gguf = [&b"GGUF\x03\0\0\0"[..], &counts, &pair, &tensor].concat();
    gguf.resize(gguf.len().next_multiple_of(32), 0);
    for (head, name) in [(text(&header), "a.safetensors"), (gguf, "a.gguf")] {
        let (_folder, path) = with_hole(&head, name);
        let engine = unlabel_core::Engine::builder().label(KEY).build().unwrap();
        let started = std::time::Instant::now();
        let cleaned = engine.strip(unlabel_core::Source::open(&path).unwrap()).unwrap();
        assert_eq!(cleaned.report().outcome, Outcome::Stripped, "{name}: {:?}", cleaned.report().reason);
        assert!(started.elapsed() < std::time::Duration::from_secs(1), "{name} took {:?}", started.elapsed());
        let plan = cleaned.payload().unwrap().plan();
        assert!(plan.keeps_length() && plan.new_bytes() <= head.len() as u64, "{name}");
    }
}
