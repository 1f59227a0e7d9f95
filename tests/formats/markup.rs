//! XML, SVG, HTML and sidecars: every element that held no removed label is the same, the drawing looks the same.

use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::malformed;
use crate::oracle;

/// What the readers see in a text.
struct Look {
    /// Path and content of every element, as a parser that is not ours has them.
    elements: Result<Vec<(String, String)>, String>,
    /// The picture that a drawing makes.
    picture: Option<u64>,
}

struct Readers;

impl Judge for Readers {
    type Look = Look;

    fn look(path: &Path, bytes: &[u8]) -> Look {
        let is_drawing = path.extension().is_some_and(|extension| extension.to_string_lossy().starts_with("svg"));
        Look { elements: elements(path, bytes), picture: is_drawing.then(|| oracle::drawing(path)).flatten() }
    }

    fn has_tags(name: &str) -> bool {
        name.contains(".xmp")
    }

    fn worse(input: &Look, output: &Look, _: &[Site]) -> Vec<String> {
        let mut complaints = match (&input.elements, &output.elements) {
            (Ok(before), Ok(after)) => missing(before, after),
            (Ok(_), Err(error)) => vec![format!("it cannot be read any more: {error}")],
            _ => Vec::new(),
        };
        if input.picture != output.picture {
            complaints.push("the drawing looks otherwise".to_owned());
        }
        complaints
    }
}

fn elements(path: &Path, bytes: &[u8]) -> Result<Vec<(String, String)>, String> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut text = Vec::new();
        MultiGzDecoder::new(bytes).read_to_end(&mut text).map_err(|error| error.to_string())?;
        return oracle::elements(&oracle::scratch("svg", &text));
    }
    let is_page = path.extension().is_some_and(|extension| extension.to_string_lossy().contains("htm"));
    if is_page { oracle::page(path) } else { oracle::elements(path) }
}

/// What is gone besides removed labels, and what is new. An element that holds labels changes with them.
fn missing(before: &[(String, String)], after: &[(String, String)]) -> Vec<String> {
    let is_label = |path: &str| {
        ["metadata", "Properties", "}RDF", "}title", "}desc", "}meta", "docVars", "}docVar"]
            .iter()
            .any(|part| path.contains(part))
    };
    let mut complaints = Vec::new();
    let mut rest = after.iter().peekable();
    for element in before {
        if rest.peek() == Some(&element) {
            rest.next();
        } else if before.last() == Some(element) && rest.len() == 1 {
            // The root, whose attributes may be labels.
            rest.next();
        } else if !is_label(&element.0) {
            complaints.push(format!("{} is gone or changed", element.0));
            break;
        } else if rest.peek().is_some_and(|other| other.0 == element.0) && !before.contains(rest.peek().unwrap()) {
            // What held the label is still there, without it.
            rest.next();
        }
    }
    complaints.extend(rest.next().filter(|_| complaints.is_empty()).map(|new| format!("{} is new", new.0)));
    complaints
}

#[test]
fn labels_of_drawings_go_and_nothing_else_does() {
    family::judge_all::<Readers>("svg", &[]);
}

#[test]
fn labels_of_sidecars_go_and_nothing_else_does() {
    family::judge_all::<Readers>("other/xmp", &[]);
}

#[test]
fn labels_of_xml_and_pages_go_and_nothing_else_does() {
    family::judge_all::<Readers>("xml_html", &[]);
}

#[test]
fn damaged_texts_do_not_get_worse() {
    malformed::check::<Readers>("malformed/xml_html");
}
