//! EPUB: packages judged like others; of package documents every element that held no removed label is the same, and
//! `epubcheck` has nothing to say of a stripped book that it does not say of the input.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::prelude::*;
use unlabel_core::{Layout, Outcome, Site};

use crate::family::{self, Judge};
use crate::oracle;
use crate::packages::{self, Readers};
use crate::strip::{self, What};
use crate::{corpus, malformed};

/// The readers of packages, and the elements of package documents.
struct Look {
    package: packages::Look,
    elements: Result<Vec<(String, String)>, String>,
}

struct Books;

impl Judge for Books {
    type Look = Look;

    fn look(path: &Path, bytes: &[u8]) -> Look {
        Look { package: Readers::look(path, bytes), elements: oracle::package_elements(path) }
    }

    fn has_tags(_: &str) -> bool {
        false
    }

    fn worse(input: &Look, output: &Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Readers::worse(&input.package, &output.package, removed);
        match (&input.elements, &output.elements) {
            (Ok(before), Ok(after)) => complaints.extend(difference(before, after, removed.len())),
            (Ok(_), Err(error)) => complaints.push(format!("a package document is no longer XML: {error}")),
            _ => {}
        }
        complaints
    }
}

/// What is wrong about the elements that are gone: more than were removed, or other than those of metadata.
fn difference(before: &[(String, String)], after: &[(String, String)], removed: usize) -> Option<String> {
    let mut rest = after.iter().peekable();
    let mut gone = Vec::new();
    for element in before {
        if rest.next_if_eq(&element).is_none() {
            gone.push(&element.0);
        }
    }
    if let Some(new) = rest.next() {
        return Some(format!("{} is new or changed", new.0));
    }
    let is_metadata = |path: &str| path.contains("metadata/") || path.contains("head/") || path.ends_with("option");
    let other = gone.iter().find(|path| !is_metadata(path)).map(|path| format!("{path} is gone"));
    other.or_else(|| (gone.len() > removed).then(|| format!("{} elements are gone for {removed} sites", gone.len())))
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Books>("epub", &[]);
}

#[test]
fn labels_written_by_another_program_leave_no_trace() {
    family::injected("epub", oracle::inject, |file| file.name.bytes().map(u32::from).sum::<u32>() % 3 == 0);
}

#[test]
fn damaged_books_are_no_worse_afterwards() {
    malformed::check::<Books>("malformed/epub");
}

/// Where Debian puts it, as a program that only some kernels run by themselves.
const EPUBCHECK: &str = "/usr/share/java/epubcheck.jar";

/// What `epubcheck` says of a book, without places.
fn verdict(path: &Path) -> BTreeSet<String> {
    let output = oracle::run("java", &["-jar", EPUBCHECK], path);
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    let says = text.lines().filter(|line| ["ERROR", "WARNING", "FATAL"].iter().any(|level| line.starts_with(level)));
    // `ERROR(RSC-005): /path/of.epub/inner.opf(4,12): the message`
    let plain = |line: &str| {
        let (code, rest) = line.split_once(": ").unwrap_or((line, ""));
        format!("{code}: {}", rest.split_once("): ").map_or(rest, |(_, message)| message))
    };
    let says: BTreeSet<String> = says.map(plain).collect();
    assert!(!says.is_empty() || text.contains("No errors"), "epubcheck did not run: {text}");
    says
}

/// A few of each kind: starting it takes longer than reading a book.
const CHECKED: [&str; 4] = ["testEPUB", "font_obfuscation.", "mol-tts_multi", "package_multiple"];

#[test]
fn epubcheck_says_of_a_stripped_book_what_it_said_before() {
    let checked = |name: &str| CHECKED.iter().any(|part| name.contains(part));
    let files: Vec<_> = corpus::files("epub").into_iter().filter(|file| checked(&file.name)).collect();
    let complaints: Vec<String> = files
        .par_iter()
        .filter_map(|file| {
            let input = file.read();
            let source = oracle::scratch("epub", &input);
            let labelled = oracle::inject(&source, "epub").expect("a label is written into the package document");
            let stripped = strip::strip(&file.name, &labelled, Layout::Preserve, What::Label(oracle::KEY)).unwrap();
            if stripped.report.outcome != Outcome::Stripped {
                return Some(format!("{}: {:?}", file.name, stripped.report));
            }
            let (before, after) = (verdict(&source), verdict(&oracle::scratch("epub", &stripped.output)));
            (before != after).then(|| format!("{}: {before:?} became {after:?}", file.name))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
