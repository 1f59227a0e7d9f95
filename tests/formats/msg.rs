//! Outlook messages, judged by `extract-msg`, which must read every other property as before, and by `olefile`: every
//! stream that a removed property does not own is the same.

use std::path::Path;

use serde_json::Value;
use unlabel_core::{Kind, Site};

use crate::family::{self, Judge};
use crate::oracle;

/// Files that are not stripped, and rightly so.
const RESERVED: &[&str] = &[];

struct Readers;

/// What they see: streams and what they hold, and the message.
struct Look {
    compound: Result<Value, String>,
    message: Result<Value, String>,
}

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, _: &[u8]) -> Look {
        Look { compound: oracle::compound(path), message: oracle::outlook(path) }
    }

    fn worse(input: &Look, output: &Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        match (&input.compound, &output.compound) {
            (Ok(before), Ok(after)) => complaints.extend(streams(before, after, removed)),
            (Ok(_), Err(error)) => complaints.push(format!("olefile refuses it: {error}")),
            _ => {}
        }
        match (&input.message, &output.message) {
            (Ok(before), Ok(after)) => complaints.extend(properties(before, after, removed)),
            (Ok(_), Err(error)) => complaints.push(format!("extract-msg refuses it: {error}")),
            _ => {}
        }
        complaints
    }
}

/// Streams that an edit may change: the lists and names of properties, values of named properties (from 8000 on), and the
/// header that was received.
fn may_change(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    let is_map =
        name.starts_with("__nameid_version1.0/") && last != "__substg1.0_00030102" && last != "__substg1.0_00020102";
    let is_named =
        last.strip_prefix("__substg1.0_").is_some_and(|id| id.starts_with(['8', '9', 'A', 'B', 'C', 'D', 'E', 'F']));
    is_map || is_named || last == "__properties_version1.0" || last.starts_with("__substg1.0_007D")
}

/// Whether some of the sites stood in attachments, whose data changed with them.
fn in_attachments(removed: &[Site]) -> bool {
    removed.iter().any(|site| site.place.contains(" › "))
}

fn streams(before: &Value, after: &Value, removed: &[Site]) -> Vec<String> {
    let list = |seen: &Value| seen["streams"].as_array().cloned().unwrap_or_default();
    let (before, after) = (list(before), list(after));
    if before.len() != after.len() {
        return vec![format!("{} streams became {}", before.len(), after.len())];
    }
    let attached = |name: &str| in_attachments(removed) && name.ends_with("__substg1.0_37010102");
    let may_change = |name: &str| may_change(name) || attached(name);
    let changed = before
        .iter()
        .zip(&after)
        .filter(|(old, new)| old[0] != new[0] || (old != new && !may_change(old[0].as_str().unwrap_or_default())));
    changed.map(|(old, _)| format!("stream {} changed", old[0])).collect()
}

fn properties(before: &Value, after: &Value, removed: &[Site]) -> Vec<String> {
    let mut complaints = Vec::new();
    // Of the received header it takes the sender.
    let in_header = removed.iter().any(|site| site.address.starts_with("header:") && site.kind == Kind::Standard);
    if before["message"] != after["message"] && !in_header && !in_attachments(removed) {
        complaints.push("extract-msg sees another message".to_owned());
    }
    let (old, new) = (before["named"].as_object().cloned(), after["named"].as_object().cloned());
    let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
    let goes = |name: &str| {
        removed.iter().any(|site| site.key.eq_ignore_ascii_case(name) || site.aliases.iter().any(|it| it == name))
    };
    for (name, value) in old.iter().filter(|(name, _)| !goes(name)) {
        if new.get(name) != Some(value) {
            complaints.push(format!("extract-msg no longer sees {name} = {value}"));
        }
    }
    complaints
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("msg", RESERVED);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("msg");
}
