//! `OpenDocument`: packages judged like others; of flat documents every element that held no removed label is the same.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;
use crate::packages::{self, Readers};

/// The readers of packages, or of XML.
enum Look {
    Package(packages::Look),
    Flat(Result<Vec<(String, String)>, String>),
}

struct Either;

fn is_flat(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|extension| extension.starts_with('f'))
}

impl Judge for Either {
    type Look = Look;

    fn look(path: &Path, bytes: &[u8]) -> Look {
        if bytes.starts_with(b"PK") {
            Look::Package(Readers::look(path, bytes))
        } else {
            Look::Flat(oracle::elements(path))
        }
    }

    fn has_tags(name: &str) -> bool {
        !is_flat(name)
    }

    fn worse(input: &Look, output: &Look, removed: &[Site]) -> Vec<String> {
        match (input, output) {
            (Look::Package(input), Look::Package(output)) => Readers::worse(input, output, removed),
            (Look::Flat(Ok(before)), Look::Flat(Ok(after))) => missing(before, after),
            (Look::Flat(Ok(_)), Look::Flat(Err(error))) => vec![format!("it is no longer XML: {error}")],
            _ => Vec::new(),
        }
    }
}

/// What is gone besides properties and variables, and what is new.
fn missing(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
    let is_label = |path: &str| path.contains("}meta/") || path.ends_with("user-field-decl");
    let mut rest = after.iter();
    let mut complaints = Vec::new();
    for element in before {
        if rest.as_slice().first() == Some(element) {
            rest.next();
        } else if !is_label(&element.0) {
            complaints.push(format!("{} is gone or changed", element.0));
            break;
        }
    }
    complaints.extend(rest.next().filter(|_| complaints.is_empty()).map(|new| format!("{} is new", new.0)));
    complaints
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Either>("odf", &[]);
}
