//! Compound files, judged by `olefile`: every stream that held no removed label is the same, every set lost only what
//! was removed. `exiftool` judges every family.

use std::path::Path;

use serde_json::Value;
use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

/// Files that are not stripped, and rightly so: packages that are encrypted.
const RESERVED: &[&str] =
    &["encrypted_pptx", "extenxls_pwd123", "poi__protect", "tika__protected_upper_case", "protected_passtika"];

/// What `olefile` sees.
pub(crate) struct Readers;

impl Judge for Readers {
    type Look = Result<Value, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::compound(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let (before, after) = match (input, output) {
            (Ok(before), Ok(after)) => (before, after),
            (Ok(_), Err(error)) => return vec![format!("olefile refuses it: {error}")],
            _ => return Vec::new(),
        };
        let mut complaints = streams(before, after, removed);
        complaints.extend(properties(before, after, removed));
        complaints
    }
}

/// Whether the sites stand in this stream.
fn held(stream: &str, removed: &[Site]) -> bool {
    let names: Vec<String> = stream.split('/').map(|name| name.escape_debug().to_string()).collect();
    removed.iter().any(|site| site.place.starts_with(&names.join("/")))
}

fn streams(before: &Value, after: &Value, removed: &[Site]) -> Vec<String> {
    let list = |seen: &Value| seen["streams"].as_array().cloned().unwrap_or_default();
    let (before, after) = (list(before), list(after));
    if before.len() != after.len() {
        return vec![format!("{} streams became {}", before.len(), after.len())];
    }
    let mut complaints = Vec::new();
    for (old, new) in before.iter().zip(&after) {
        let name = old[0].as_str().unwrap_or_default();
        if (&old[0], &old[1]) != (&new[0], &new[1]) {
            complaints.push(format!("stream {name:?} has another name or length"));
        } else if old[2] != new[2] && !held(name, removed) {
            complaints.push(format!("stream {name:?} changed, and held no removed label"));
        }
    }
    complaints
}

fn properties(before: &Value, after: &Value, removed: &[Site]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (stream, old) in before["properties"].as_object().into_iter().flatten() {
        let new = &after["properties"][stream];
        let gone = old.as_object().into_iter().flatten().filter(|(number, value)| new[number.as_str()] != **value);
        let gone: Vec<_> = gone.collect();
        let is_less = new.as_object().map(serde_json::Map::len) == old.as_object().map(|old| old.len() - gone.len());
        let fields = removed.iter().filter(|site| held(stream, std::slice::from_ref(site))).count();
        // `olefile` shows the properties of the first set only.
        if !is_less || gone.len() > fields {
            complaints.push(format!("{stream:?}: properties {gone:?} changed, {fields} were removed"));
        }
    }
    complaints
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("ole", RESERVED);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("ole");
}
