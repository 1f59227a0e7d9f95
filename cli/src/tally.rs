//! Lines and counts of the commands that set files right: `recover` and `undo`.

use std::io::{self, Write};
use std::path::Path;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::report::{PathField, json_line};
use crate::text::{self, count};

/// What the outcome is called where it did not succeed.
const FAILED: &str = "failed";

/// Prints a line per file and a summary.
pub(crate) struct Tally {
    json: bool,
    quiet: bool,
    files: usize,
    /// How many files have each outcome; failed is the last.
    outcomes: Vec<(&'static str, usize)>,
}

#[derive(serde::Serialize)]
struct FileLine<'l> {
    r#type: &'static str,
    path: &'l str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'l str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'l str>,
}

impl Tally {
    /// Of these outcomes.
    pub(crate) fn new(outcomes: &[&'static str], json: bool, quiet: bool) -> Self {
        let outcomes = outcomes.iter().chain(&[FAILED]).map(|name| (*name, 0)).collect();
        Self { json, quiet, files: 0, outcomes }
    }

    /// Whether no file failed.
    pub(crate) fn is_success(&self) -> bool {
        self.outcomes.last().is_none_or(|(_, number)| *number == 0)
    }

    /// Prints what became of a file: an outcome, or why there is none.
    ///
    /// # Errors
    /// When nobody reads it.
    pub(crate) fn file(&mut self, path: &Path, result: &Result<&'static str, String>) -> io::Result<()> {
        let outcome = result.as_ref().map_or(FAILED, |outcome| outcome);
        self.files += 1;
        for (_, number) in self.outcomes.iter_mut().filter(|(name, _)| *name == outcome) {
            *number += 1;
        }
        let reason = result.as_ref().err().map(String::as_str);
        if self.json {
            let path = PathField::new(path);
            let line =
                FileLine { r#type: "file", path: &path.text, path_bytes: path.bytes.as_deref(), outcome, reason };
            return io::stdout().write_all(json_line(&line)?.as_bytes());
        }
        let width = self.outcomes.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
        let line = format!("{outcome:width$}  {}", text::path(path));
        match reason {
            Some(reason) => io::stderr().write_all(format!("{line}: {}\n", text::escape(reason)).as_bytes()),
            None if self.quiet => Ok(()),
            None => io::stdout().write_all(format!("{line}\n").as_bytes()),
        }
    }

    /// Prints the summary.
    ///
    /// # Errors
    /// As [`file`](Self::file).
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut out = io::stdout();
        if self.json {
            out.write_all(json_line(self)?.as_bytes())?;
        } else if !self.quiet {
            let parts = self.outcomes.iter().filter(|(_, number)| *number > 0);
            let parts: Vec<_> = parts.map(|(word, number)| format!("{number} {word}")).collect();
            let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
            out.write_all(format!("{}{parts}\n", count(self.files, "file")).as_bytes())?;
        }
        out.flush()
    }
}

impl Serialize for Tally {
    /// The summary.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "summary")?;
        map.serialize_entry("files", &self.files)?;
        for (name, number) in &self.outcomes {
            map.serialize_entry(name, number)?;
        }
        map.end()
    }
}
