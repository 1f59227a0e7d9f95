//! Mail, judged by Python's `email` and `mailbox`: every other field and every body stays as it was.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge, is_inside};
use crate::oracle;

/// What Python sees.
struct Python;

/// Fields and bodies of every part, in order.
struct Look {
    fields: Vec<(String, String)>,
    bodies: Vec<String>,
}

impl Judge for Python {
    type Look = Result<Look, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        let seen = oracle::mail(path)?;
        let fields = serde_json::from_value(seen["fields"].clone()).unwrap();
        let bodies = serde_json::from_value(seen["bodies"].clone()).unwrap();
        Ok(Look { fields, bodies })
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let (input, output) = match (input, output) {
            (Ok(input), Ok(output)) => (input, output),
            (Ok(_), Err(error)) => return vec![format!("email refuses it: {error}")],
            _ => return Vec::new(),
        };
        let mut complaints = Vec::new();
        let mut gone: Vec<&Site> = removed.iter().filter(|site| !is_inside(site)).collect();
        let mut left = output.fields.iter().peekable();
        for (name, value) in &input.fields {
            if left.peek().is_some_and(|(other, same)| (other, same) == (name, value)) {
                left.next();
                continue;
            }
            let lower = name.to_ascii_lowercase();
            let names = |site: &&Site| {
                site.key.eq_ignore_ascii_case(name) || site.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
            };
            match gone.iter().position(names) {
                Some(at) => drop(gone.remove(at)),
                None => complaints.push(format!("the field {name}: {value} is gone")),
            }
            if lower == "msip_labels" && left.peek().is_some_and(|(other, _)| other == name) {
                left.next();
            }
        }
        complaints.extend(left.map(|(name, value)| format!("the field {name}: {value} is new")));
        if input.bodies != output.bodies && !removed.iter().any(is_inside) {
            complaints.push("a body changed".into());
        }
        complaints
    }
}

/// Files that are not stripped, and rightly so: text without a header, or without the blank line behind it; a part that
/// is signed; an attachment that says it is a picture, and is none; an archive with encrypted members.
const RESERVED: &[&str] =
    &["cpython__msg_19", "cpython__msg_35", "cpython__msg_45", "cpython__msg_22", "testRFC822_encrypted_zip"];

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Python>("eml", RESERVED);
}
