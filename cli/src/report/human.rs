//! Reports for people: one line per file, with notes below it where there is more to say.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use unlabel_core::{LabelReport, Left, Outcome, Report, Status};

use super::{Delivered, FileReport, Totals, milliseconds};
use crate::text::{self, Colour, Paint, count, escape};

/// Columns of the outcome: the longest is `would strip`.
const WIDTH: usize = 11;

/// Removed labels that are named in a line; the rest is counted.
const NAMED: usize = 4;

/// Columns of a value in a note.
const VALUE_WIDTH: usize = 60;

pub(super) fn file(file: &FileReport, dry_run: bool, paint: Paint) -> String {
    let report = &file.report;
    let (word, colour) = word(report.outcome, dry_run);
    let mut out = paint.paint(colour, &format!("{word:WIDTH$}"));
    let _ = write!(out, "  {}", text::path(&file.path));
    if let Some(format) = report.format {
        let _ = write!(out, " ({format})");
    }
    let said = match report.outcome {
        Outcome::Stripped => Some(removed(file)),
        Outcome::Clean => file.output.as_deref().map(|output| format!("copied to {}", text::path(output))),
        outcome => report.reason.as_deref().map(|reason| reason_after(outcome.name(), reason)),
    };
    if let Some(said) = said {
        let _ = write!(out, ": {said}");
    }
    out.push('\n');
    notes(report, &mut out);
    deliveries(file, &mut out);
    out
}

/// The destinations beyond the one that the line names.
fn deliveries(file: &FileReport, out: &mut String) {
    if file.deliveries.len() < 2 {
        return;
    }
    for Delivered { to, result } in &file.deliveries {
        let said = match result {
            Ok(receipt) if receipt.attempts > 1 => format!("delivered, after {} attempts", receipt.attempts),
            Ok(_) => "delivered".to_owned(),
            Err(error) => format!("not delivered: {}", escape(&error.to_string())),
        };
        let _ = writeln!(out, "{:WIDTH$}  {}: {said}", "", text::path(to));
    }
}

fn word(outcome: Outcome, dry_run: bool) -> (&'static str, Colour) {
    match outcome {
        Outcome::Stripped if dry_run => ("would strip", Colour::Green),
        Outcome::Stripped => ("stripped", Colour::Green),
        Outcome::Clean | Outcome::Skipped => (outcome.name(), Colour::Green),
        Outcome::Partial | Outcome::Refused | Outcome::Unsupported => (outcome.name(), Colour::Yellow),
        Outcome::Failed => ("failed", Colour::Red),
    }
}

/// Which labels went, from how many sites, and where the result is.
fn removed(file: &FileReport) -> String {
    let gone: Vec<&LabelReport> = file.report.labels.iter().filter(|label| label.status == Status::Removed).collect();
    let sites: usize = gone.iter().map(|label| label.sites.len()).sum();
    let mut out: String = gone.iter().take(NAMED).map(|label| escape(&label.key)).collect::<Vec<_>>().join(", ");
    if gone.len() > NAMED {
        let _ = write!(out, " and {} more", gone.len() - NAMED);
    }
    let _ = write!(out, "; {}, residue {}", count(sites, "site"), file.report.residue);
    if let Some(output) = file.output.as_deref().filter(|output| *output != file.path) {
        let _ = write!(out, ", to {}", text::path(output));
    }
    out
}

/// The reason, without the outcome that the line begins with.
pub(crate) fn reason_after(outcome: &str, reason: &str) -> String {
    escape(reason.strip_prefix(outcome).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(reason))
}

fn notes(report: &Report, out: &mut String) {
    let mut note = |words: String| {
        let _ = writeln!(out, "{:WIDTH$}  {words}", "");
    };
    for label in report.labels.iter().filter(|label| label.status == Status::ValueMismatch) {
        let value = label.value.as_deref().map_or_else(|| "not text".into(), shown);
        note(format!("{} stays: its value is {value}", escape(&label.key)));
    }
    let place = |left: &Left| format!("{} at {}: {}", escape(&left.what), escape(&left.place), escape(&left.reason));
    for left in &report.left {
        note(format!("left: {}", place(left)));
    }
    for copy in &report.copies {
        note(format!("visible copy: {}", place(copy)));
    }
    for followed in &report.followed {
        note(format!("went too: {}", escape(followed)));
    }
    for other in &report.notes {
        note(escape(other));
    }
    if report.overrode_signature {
        note("a signature over it no longer holds, as --allow-signed allows".into());
    }
}

fn shown(value: &str) -> String {
    text::cut(&escape(value), VALUE_WIDTH)
}

/// What to write instead, for keys that only fields of the format have.
pub(super) fn hints(addresses: &BTreeSet<String>, paint: Paint) -> String {
    let mut out = String::new();
    for address in addresses {
        let hint = paint.paint(Colour::Bold, "hint");
        let address = escape(address);
        let _ = writeln!(
            out,
            "{hint}: a field of the format has that name, and a bare key means custom labels only; to remove it: \
             -l {address}"
        );
    }
    out
}

/// The counts; `stopped` is the file that was reported last before an interrupt.
pub(super) fn summary(totals: &Totals, elapsed: Duration, stopped: Option<&Path>) -> String {
    let outcomes = [
        Outcome::Stripped,
        Outcome::Clean,
        Outcome::Skipped,
        Outcome::Partial,
        Outcome::Refused,
        Outcome::Unsupported,
        Outcome::Failed,
    ];
    let counts: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| (totals.of(outcome), outcome.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    let counts = if counts.is_empty() { String::new() } else { format!(": {}", counts.join(", ")) };
    let resumed = if totals.resumed > 0 { format!(" ({} from the record)", totals.resumed) } else { String::new() };
    let stopped = match stopped {
        Some(last) if last.as_os_str().is_empty() => "; interrupted before the first file".to_owned(),
        Some(last) => format!("; interrupted, the last file was {}", text::path(last)),
        None => String::new(),
    };
    format!(
        "{}{resumed}{counts}; {} bytes written in {} ms{stopped}\n",
        count(totals.files, "file"),
        totals.bytes_written,
        milliseconds(elapsed),
    )
}
