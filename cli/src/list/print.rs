//! Listings, printed: a table per file, or a line of JSON.

use std::fmt::Write;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use unlabel_core::{Error, ListedLabel, Listing};

use crate::report::{PathField, json_line, milliseconds, reason_after};
use crate::text::{self, Colour, Paint, columns, count, cut, escape};

/// Columns of a key or value in the table; JSON has them whole.
const CELL_WIDTH: usize = 60;

/// Counts over all files.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) files: usize,
    pub(super) labels: usize,
    pub(super) skipped: usize,
    pub(super) unsupported: usize,
    pub(super) failed: usize,
}

/// The listing of a file as a table.
pub(super) fn table(path: &Path, listing: &Listing, labels: &[ListedLabel<'_>], paint: Paint) -> String {
    let mut out = format!("{}\n", paint.paint(Colour::Bold, &text::path(path)));
    for guard in listing.guards() {
        let _ = writeln!(out, "  {}", paint.paint(Colour::Yellow, &escape(&guard)));
    }
    if labels.is_empty() {
        let _ = writeln!(out, "  no labels ({})", listing.format);
        return out;
    }
    let mut rows = vec![["KEY", "VALUE", "FORMAT", "SITES"].map(String::from).to_vec()];
    for label in labels {
        let value = label.value.map_or_else(|| "(not text)".into(), escape);
        let mut cells = [cut(&escape(label.key), CELL_WIDTH), cut(&value, CELL_WIDTH), listing.format.to_owned()];
        for site in sites(label) {
            // A label's other sites stand below its first, in the last column.
            rows.push(cells.iter_mut().map(std::mem::take).chain([site]).collect());
        }
    }
    out.push_str(&columns(&rows, "  "));
    out
}

/// The sites as `address at place`, with what bars their removal; those that read alike are counted.
fn sites(label: &ListedLabel<'_>) -> Vec<String> {
    let mut sites: Vec<(String, usize)> = Vec::new();
    for site in &label.sites {
        let barrier = site.barrier.as_ref().map_or_else(String::new, |barrier| format!(" [{barrier}]"));
        let words = escape(&format!("{} at {}{barrier}", site.address, site.place));
        match sites.iter_mut().find(|(known, _)| *known == words) {
            Some((_, times)) => *times += 1,
            None => sites.push((words, 1)),
        }
    }
    sites.into_iter().map(|(words, times)| if times > 1 { format!("{words} ({times} times)") } else { words }).collect()
}

/// What went wrong with a file, as a line for people.
pub(super) fn trouble(path: &Path, outcome: &str, error: &Error) -> String {
    let reason = unlabel_core::Report::of_error(error, 0).reason.unwrap_or_default();
    format!("{outcome}  {}: {}\n", text::path(path), reason_after(outcome, &reason))
}

/// That a file was left out, as a line for people.
pub(super) fn skipped(path: &Path, reason: &str) -> String {
    format!("skipped  {}: {}\n", text::path(path), escape(reason))
}

/// The counts for people; nothing when there was one file.
pub(super) fn summary(totals: &Totals) -> String {
    if totals.files == 1 {
        return String::new();
    }
    let mut out = format!("{}, {}", count(totals.files, "file"), count(totals.labels, "label"));
    for (number, outcome) in
        [(totals.skipped, "skipped"), (totals.unsupported, "unsupported"), (totals.failed, "failed")]
    {
        if number > 0 {
            let _ = write!(out, ", {number} {outcome}");
        }
    }
    out.push('\n');
    out
}

#[derive(Serialize)]
struct FileLine<'r> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r Value>,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<String>,
    format: Option<&'static str>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    labels: &'r [ListedLabel<'r>],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guards: Vec<String>,
}

#[derive(Serialize)]
struct SummaryLine {
    r#type: &'static str,
    files: usize,
    listed: usize,
    skipped: usize,
    unsupported: usize,
    failed: usize,
    labels: usize,
    elapsed_ms: u64,
}

/// The listing of a file as a line of JSON; with the `id` of the request for it, if it was one.
pub(super) fn json(
    path: &Path,
    listing: &Listing,
    labels: &[ListedLabel<'_>],
    id: Option<&Value>,
) -> io::Result<String> {
    let PathField { text: path, bytes: path_bytes } = PathField::new(path);
    json_line(&FileLine {
        r#type: "file",
        id,
        path,
        path_bytes,
        format: Some(listing.format),
        outcome: "listed",
        reason: None,
        labels,
        guards: listing.guards(),
    })
}

/// What went wrong with a file, as a line of JSON.
pub(super) fn json_trouble(
    path: &Path,
    outcome: &'static str,
    error: &Error,
    id: Option<&Value>,
) -> io::Result<String> {
    let report = unlabel_core::Report::of_error(error, 0);
    json_unlisted(path, outcome, report.format, report.reason, id)
}

/// A file of which nothing is listed, as a line of JSON.
pub(super) fn json_unlisted(
    path: &Path,
    outcome: &'static str,
    format: Option<&'static str>,
    reason: Option<String>,
    id: Option<&Value>,
) -> io::Result<String> {
    let PathField { text: path, bytes: path_bytes } = PathField::new(path);
    json_line(&FileLine {
        r#type: "file",
        id,
        path,
        path_bytes,
        format,
        outcome,
        reason,
        labels: &[],
        guards: Vec::new(),
    })
}

/// The counts as a line of JSON.
pub(super) fn json_summary(totals: &Totals, elapsed: Duration) -> io::Result<String> {
    json_line(&SummaryLine {
        r#type: "summary",
        files: totals.files,
        listed: totals.files - totals.skipped - totals.unsupported - totals.failed,
        skipped: totals.skipped,
        unsupported: totals.unsupported,
        failed: totals.failed,
        labels: totals.labels,
        elapsed_ms: milliseconds(elapsed),
    })
}

#[cfg(test)]
mod tests {
    use unlabel_core::{Findings, Kind, Site};

    use super::*;

    fn site(address: &str, value: &str, place: &str, kind: Kind) -> Site {
        let key = address.split_once(':').unwrap().1.to_owned();
        Site { key, address: address.into(), value: Some(value.into()), place: place.into(), kind, ..Site::default() }
    }

    fn listing() -> Listing {
        let sites = vec![
            site("info:id", "8888", "object 5 0", Kind::Custom),
            site("info:Author", "Ann", "object 5 0", Kind::Standard),
            site("info:id", "8888", "object 5 0", Kind::Custom),
            site("pdfx:id", "8888", "object 6 0", Kind::Custom),
            site("info:id", "\x1b[2J", "object 9 0", Kind::Custom),
        ];
        Listing { format: "pdf", findings: Findings { sites, ..Findings::default() } }
    }

    #[test]
    fn sites_of_one_label_share_a_row_and_controls_are_spelled_out() {
        let listing = listing();
        let paint = Paint::off();
        let table = table(Path::new("a.pdf"), &listing, &listing.labels(|kind| kind == Kind::Custom), paint);
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(
            rows,
            [
                "a.pdf",
                "  KEY  VALUE      FORMAT  SITES",
                "  id   8888       pdf     info:id at object 5 0 (2 times)",
                "                          pdfx:id at object 6 0",
                "  id   \\u{1b}[2J  pdf     info:id at object 9 0",
            ]
        );
        assert_eq!(listing.labels(|_| true).len(), 3);
    }

    #[test]
    fn json_has_every_site() {
        let listing = listing();
        let line = json(Path::new("a.pdf"), &listing, &listing.labels(|_| true), None).unwrap();
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let first = &value["labels"][0];
        assert_eq!(first["sites"].as_array().unwrap().len(), 3);
        assert_eq!(first["sites"][2], serde_json::json!({"address": "pdfx:id", "place": "object 6 0", "offset": 0}));
        assert_eq!(value["labels"][1]["kind"], "standard");
    }
}
