//! The record of a run: a line for what was asked, then one for each outcome as it happens. A run that was killed is
//! continued from it.
//!
//! Lines are appended by one system call each, after the result of their file has arrived: a kill loses at most the
//! files in hand, whose line may be torn. What is torn is cut off when the run is continued.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf, absolute};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use unlabel_core::{Label, Outcome};

use crate::args::{Network, Selection, Strip};
use crate::exit::UsageError;
use crate::report::{Totals, json_line};
use crate::text;

/// The form of records; raised when an older program could misread them.
const VERSION: u32 = 1;

/// A path as 128 bits of its digest: what is kept of each finished file.
type Mark = [u8; 16];

/// A record that is being written.
pub(super) struct Record {
    path: PathBuf,
    file: File,
    finished: HashSet<Mark>,
    totals: Totals,
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    r#type: String,
    version: u32,
    unlabel: String,
    /// Digests of what was asked for, by what it is about.
    asked: BTreeMap<String, String>,
}

/// What of a line counts when a run is continued.
#[derive(Deserialize)]
struct Line {
    r#type: String,
    #[serde(default)]
    path: String,
    path_bytes: Option<String>,
    outcome: Option<String>,
    #[serde(default)]
    bytes_in: u64,
    #[serde(default)]
    bytes_written: u64,
}

impl Record {
    /// Opens what the options name; none where they name no record. `labels` are those of label files.
    ///
    /// # Errors
    /// When a new record exists already, one to be continued is of other options or none, or another process writes it.
    pub(super) fn open(options: &Strip, labels: &[Label]) -> Result<Option<Self>, UsageError> {
        let Some(path) = options.report.as_deref().or(options.resume.as_deref()) else { return Ok(None) };
        let mut open = OpenOptions::new();
        open.read(true).append(true);
        if options.resume.is_some() {
            open.create(true)
        } else {
            open.create_new(true)
        };
        let file = open.open(path).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => wrong(path, "exists: name another file, or go on with that run by --resume"),
            _ => wrong(path, error),
        })?;
        match file.try_lock() {
            // A file system without locks is no reason to write no record.
            Ok(()) | Err(TryLockError::Error(_)) => {}
            Err(TryLockError::WouldBlock) => return Err(wrong(path, "another run is writing it")),
        }
        let mut record = Self { path: path.to_owned(), file, finished: HashSet::new(), totals: Totals::default() };
        let asked = asked(options, labels).map_err(|error| wrong(path, error))?;
        if !record.read(&asked)? {
            let unlabel = env!("CARGO_PKG_VERSION").to_owned();
            let header = Header { r#type: "run".to_owned(), version: VERSION, unlabel, asked };
            let line = json_line(&header).map_err(|error| wrong(path, error))?;
            record.file.write_all(line.as_bytes()).map_err(|error| wrong(path, error))?;
        }
        Ok(Some(record))
    }

    /// Where it is, absolute and without links.
    pub(super) fn real_path(&self) -> Option<PathBuf> {
        std::fs::canonicalize(&self.path).ok()
    }

    /// Takes out what an earlier run finished: the marks of its files, and the counts.
    pub(super) fn take_finished(&mut self) -> (Finished, Totals) {
        (Finished(std::mem::take(&mut self.finished)), std::mem::take(&mut self.totals))
    }

    /// Appends a line.
    pub(super) fn append(&mut self, line: &str) -> io::Result<()> {
        self.file.write_all(line.as_bytes())
    }

    /// Reads what is there, cuts a torn line off, and answers whether there was anything.
    fn read(&mut self, asked: &BTreeMap<String, String>) -> Result<bool, UsageError> {
        let path = self.path.clone();
        let failed = |error: io::Error| wrong(&path, error);
        self.file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut reader = BufReader::new(&self.file);
        let (mut whole, mut number, mut line) = (0_u64, 0_u64, Vec::new());
        let mut lines = Vec::new();
        loop {
            line.clear();
            let len = reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            whole += len as u64;
            number += 1;
            if number == 1 {
                check(&path, &line, asked)?;
                continue;
            }
            let read: Line = serde_json::from_slice(&line)
                .map_err(|error| wrong(&path, format!("line {number} is none of a record: {error}")))?;
            lines.push(read);
            // In pieces, so that a long record is not held twice.
            if lines.len() == 1024 {
                count(&mut self.finished, &mut self.totals, lines.drain(..));
            }
        }
        count(&mut self.finished, &mut self.totals, lines.drain(..));
        if !line.is_empty() {
            self.file.set_len(whole).map_err(failed)?;
        }
        Ok(whole > 0)
    }
}

/// The files that need not be looked at again.
#[derive(Default)]
pub(super) struct Finished(HashSet<Mark>);

impl Finished {
    /// Whether the file is one of them.
    pub(super) fn has(&self, path: &Path) -> bool {
        !self.0.is_empty() && self.0.contains(&mark(path.as_os_str().as_encoded_bytes()))
    }
}

/// Counts finished files, each once. What failed is tried again, and counts then.
fn count(finished: &mut HashSet<Mark>, totals: &mut Totals, lines: impl Iterator<Item = Line>) {
    for line in lines.filter(|line| line.r#type == "file") {
        let outcome = line.outcome.as_deref().and_then(Outcome::from_name);
        let Some(outcome) = outcome.filter(|outcome| *outcome != Outcome::Failed) else { continue };
        let exact = line.path_bytes.and_then(|bytes| BASE64_STANDARD.decode(bytes).ok());
        if finished.insert(mark(exact.as_deref().unwrap_or(line.path.as_bytes()))) {
            totals.count(outcome, line.bytes_in, line.bytes_written);
        }
    }
}

fn mark(path: &[u8]) -> Mark {
    let digest: [u8; 32] = Sha256::digest(path).into();
    let mut mark = Mark::default();
    mark.copy_from_slice(&digest[..16]);
    mark
}

/// Fails when the first line is of a run that was asked for other things.
fn check(path: &Path, line: &[u8], asked: &BTreeMap<String, String>) -> Result<(), UsageError> {
    let header: Header = serde_json::from_slice(line)
        .ok()
        .filter(|header: &Header| header.r#type == "run")
        .ok_or_else(|| wrong(path, "it is not the record of a run"))?;
    if header.version != VERSION {
        return Err(wrong(path, format!("its form is that of version {}", header.unlabel)));
    }
    let changed: Vec<_> = asked.iter().filter(|(name, digest)| header.asked.get(*name) != Some(digest)).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = changed.into_iter().map(|(name, _)| name.as_str()).collect();
    Err(wrong(path, format!("that run was asked for something else: {} differ", names.join(" and "))))
}

fn wrong(path: &Path, words: impl std::fmt::Display) -> UsageError {
    UsageError::new(format!("the record {}: {words}", text::path(path)))
}

/// Digests of everything that decides over outcomes. How fast, how often and to whom it is told is left out.
fn asked(options: &Strip, labels: &[Label]) -> io::Result<BTreeMap<String, String>> {
    let Strip { labels: rules, all, keep, ignore_value, selection, .. } = options;
    let places = |paths: &[PathBuf]| paths.iter().map(|path| place(path)).collect::<io::Result<Vec<_>>>();
    let send_back = options.send_back.iter().map(std::fs::read).collect::<io::Result<Vec<_>>>()?;
    let rest = Strip {
        paths: Vec::new(),
        selection: Selection::default(),
        labels: Vec::new(),
        label_files: Vec::new(),
        keep: Vec::new(),
        to: Vec::new(),
        send_back: Vec::new(),
        clean_stale: None,
        json: false,
        quiet: false,
        ordered: false,
        report: None,
        resume: None,
        jobs: None,
        network: Network::default(),
        ..options.clone()
    };
    let parts = [
        ("labels", format!("{:?}", (rules, labels, all, keep, ignore_value))),
        // As they are spelled too: so are the paths of the record.
        ("inputs", format!("{:?}", (&options.paths, places(&options.paths)?, selection))),
        ("destinations", format!("{:?}", (places(&options.to)?, send_back))),
        ("options", format!("{rest:?}")),
    ];
    Ok(parts.into_iter().map(|(name, words)| (name.to_owned(), digest(&words))).collect())
}

fn digest(words: &str) -> String {
    BASE64_STANDARD.encode(Sha256::digest(words))
}

/// A place, independent of where the command runs.
fn place(path: &Path) -> io::Result<PathBuf> {
    let is_url = path.to_str().is_some_and(|text| text.contains("://"));
    if is_url || crate::input::is_stream(path) { Ok(path.to_owned()) } else { absolute(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> (HashSet<Mark>, Totals) {
        let (mut finished, mut totals) = (HashSet::new(), Totals::default());
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        count(&mut finished, &mut totals, lines);
        (finished, totals)
    }

    #[test]
    fn what_failed_is_tried_again_and_everything_counts_once() {
        let (finished, totals) = lines(concat!(
            r#"{"type":"file","path":"a","outcome":"failed","bytes_in":1}"#,
            "\n",
            r#"{"type":"file","path":"b","outcome":"stripped","bytes_in":2,"bytes_written":3}"#,
            "\n",
            r#"{"type":"summary","files":2}"#,
            "\n",
            r#"{"type":"file","path":"a","outcome":"refused","bytes_in":1}"#,
            "\n",
            r#"{"type":"file","path":"b","outcome":"clean","bytes_in":2}"#,
        ));
        let finished = Finished(finished);
        assert!(finished.has(Path::new("a")) && finished.has(Path::new("b")) && !finished.has(Path::new("c")));
        assert_eq!((totals.files, totals.bytes_in, totals.bytes_written), (2, 3, 3));
        assert_eq!((totals.of(Outcome::Refused), totals.of(Outcome::Failed)), (1, 0));
    }

    #[test]
    fn what_is_asked_for_is_told_apart_and_how_it_is_told_is_not() {
        let options = Strip { labels: vec!["id".into()], paths: vec!["in".into()], ..Strip::default() };
        let first = asked(&options, &[]).unwrap();
        let told = Strip { json: true, jobs: Some(3), ordered: true, ..options.clone() };
        assert_eq!(asked(&told, &[]).unwrap(), first);
        let differs = |options: &Strip, labels: &[Label]| {
            let second = asked(options, labels).unwrap();
            first
                .iter()
                .filter(|(name, digest)| second.get(*name) != Some(digest))
                .map(|(name, _)| name.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(differs(&options, &[Label::new("x")]), ["labels"]);
        assert_eq!(differs(&Strip { prune_empty: true, ..options.clone() }, &[]), ["options"]);
        assert_eq!(differs(&Strip { to: vec!["out".into()], ..options.clone() }, &[]), ["destinations"]);
        assert_eq!(differs(&Strip { paths: vec!["other".into()], ..options }, &[]), ["inputs"]);
    }
}
