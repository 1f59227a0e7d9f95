//! EPUB: packages judged like others; of package documents every element that held no removed label is the same, and
//! `epubcheck` has nothing to say of a stripped book that it does not say of the input.

use std::collections::BTreeSet;
use std::path::Path;

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

/// Where Debian puts it.
const EPUBCHECK: &str = "/usr/share/java/epubcheck.jar";

/// What `epubcheck` says of each book, without places. One run for all: starting it takes longest.
fn verdicts(books: &[&Path]) -> Vec<BTreeSet<String>> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracles/Books.java");
    let mut arguments = vec!["-cp".to_owned(), EPUBCHECK.to_owned(), program.display().to_string()];
    arguments.extend(books.iter().map(|book| book.display().to_string()));
    let (last, arguments) = arguments.split_last().expect("there are books");
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let output = String::from_utf8_lossy(&oracle::run("java", &arguments, Path::new(last)).stdout).into_owned();
    let mut verdicts = Vec::new();
    for line in output.lines() {
        if line.starts_with("book ") {
            verdicts.push(BTreeSet::new());
        } else if ["ERROR(", "WARNING(", "FATAL("].iter().any(|level| line.starts_with(level)) {
            // `ERROR(RSC-005): /path/of.epub/inner.opf(4,12): the message`
            let (code, rest) = line.split_once(": ").unwrap_or((line, ""));
            let message = rest.split_once("): ").map_or(rest, |(_, message)| message);
            verdicts.last_mut().expect("a book comes first").insert(format!("{code}: {message}"));
        }
    }
    assert_eq!(verdicts.len(), books.len(), "epubcheck did not run; scripts/test installs it: {output}");
    verdicts
}

/// A few of each kind.
const CHECKED: [&str; 5] = ["testEPUB", "font_obfuscation.", "mol-tts_multi", "package_multiple", "icb_units"];

#[test]
fn epubcheck_says_of_a_stripped_book_what_it_said_before() {
    let mut books = Vec::new();
    for file in corpus::files("epub").iter().filter(|file| CHECKED.iter().any(|part| file.name.contains(part))) {
        let input = oracle::scratch("epub", &file.read());
        let labelled = oracle::inject(&input, "epub").expect("a label is written into the package document");
        for (layout, what) in [(Layout::Preserve, What::Label(oracle::KEY)), (Layout::Compact, What::Custom)] {
            let stripped = strip::strip(&file.name, &labelled, layout, what).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{}: {:?}", file.name, stripped.report);
            books.push((file.name.clone(), oracle::scratch("epub", &stripped.output)));
        }
        books.push((file.name.clone(), input));
    }
    let paths: Vec<&Path> = books.iter().map(|(_, path)| path as &Path).collect();
    let verdicts = verdicts(&paths);
    for (book, verdict) in books.chunks(3).zip(verdicts.chunks(3)) {
        let name = &book[0].0;
        assert_eq!(verdict[0], verdict[2], "{name}");
        assert_eq!(verdict[1], verdict[2], "{name}");
    }
    let is_telling = verdicts.iter().any(|verdict| !verdict.is_empty());
    assert!(
        is_telling || std::env::var_os("UNLABEL_ONLY").is_some(),
        "it found fault with nothing, not even a bad book"
    );
}
