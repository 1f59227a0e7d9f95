//! JSON Lines. Other programs rely on these names: add fields, never rename or remove one.
//!
//! Per file `{"type":"file",…}`, last `{"type":"summary",…}`. A path that is not UTF-8 is given with replacement
//! characters in `path`, and exactly, in Base64, in `path_bytes`; the same for `output`.

use std::io;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;
use unlabel_core::{Outcome, Report};
use unlabel_sinks::Committed;

use super::{Delivered, FileReport, Totals, milliseconds};

/// A path as text, and as bytes where the text is not exact.
#[derive(Debug)]
pub(crate) struct PathField {
    pub(crate) text: String,
    pub(crate) bytes: Option<String>,
}

impl PathField {
    pub(crate) fn new(path: &Path) -> Self {
        let bytes = path.to_str().is_none().then(|| BASE64_STANDARD.encode(path.as_os_str().as_encoded_bytes()));
        Self { text: path.to_string_lossy().into_owned(), bytes }
    }
}

#[derive(Serialize)]
struct FileLine<'r> {
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'r serde_json::Value>,
    path: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    path_bytes: Option<&'r str>,
    #[serde(flatten)]
    report: &'r Report,
    bytes_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_bytes: Option<&'r str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deliveries: Vec<DeliveryField<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_digest: Option<&'r str>,
    elapsed_us: u64,
    #[serde(skip_serializing_if = "is_false")]
    dry_run: bool,
}

#[derive(Serialize)]
struct DeliveryField<'r> {
    to: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    bytes_written: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'r str>,
    attempts: u32,
}

impl<'r> DeliveryField<'r> {
    fn new(Delivered { to, result }: &'r Delivered) -> Self {
        let to = PathField::new(to).text;
        match result {
            Ok(receipt) => Self {
                to,
                ok: true,
                error: None,
                bytes_written: receipt.bytes_written,
                etag: receipt.etag.as_deref(),
                attempts: receipt.attempts,
            },
            Err(error) => Self {
                to,
                ok: false,
                error: Some(format!("{}: {error}", error.kind().name())),
                bytes_written: 0,
                etag: None,
                attempts: 0,
            },
        }
    }
}

#[derive(Serialize)]
struct SummaryLine {
    r#type: &'static str,
    files: usize,
    clean: usize,
    stripped: usize,
    partial: usize,
    refused: usize,
    unsupported: usize,
    failed: usize,
    skipped: usize,
    bytes_in: u64,
    bytes_written: u64,
    elapsed_ms: u64,
    #[serde(skip_serializing_if = "is_zero")]
    resumed: usize,
    #[serde(skip_serializing_if = "is_false")]
    interrupted: bool,
    #[serde(skip_serializing_if = "is_false")]
    dry_run: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_false(value: &bool) -> bool {
    !value
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// The value as one line.
pub(crate) fn line(value: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    Ok(line)
}

/// The report on a file; with the `id` of the request for it, if it was one.
pub(crate) fn file(file: &FileReport, dry_run: bool, id: Option<&serde_json::Value>) -> io::Result<String> {
    let path = PathField::new(&file.path);
    let output = file.output.as_deref().map(PathField::new);
    line(&FileLine {
        r#type: "file",
        id,
        path: &path.text,
        path_bytes: path.bytes.as_deref(),
        report: &file.report,
        bytes_written: file.bytes_written,
        output: output.as_ref().map(|output| output.text.as_str()),
        output_bytes: output.as_ref().and_then(|output| output.bytes.as_deref()),
        deliveries: file.deliveries.iter().map(DeliveryField::new).collect(),
        committed: file.committed.map(Committed::name),
        output_digest: file.digest.as_deref(),
        elapsed_us: u64::try_from(file.elapsed.as_micros()).unwrap_or(u64::MAX),
        dry_run,
    })
}

pub(super) fn summary(totals: &Totals, elapsed: Duration, interrupted: bool, dry_run: bool) -> io::Result<String> {
    line(&SummaryLine {
        r#type: "summary",
        files: totals.files,
        clean: totals.of(Outcome::Clean),
        stripped: totals.of(Outcome::Stripped),
        partial: totals.of(Outcome::Partial),
        refused: totals.of(Outcome::Refused),
        unsupported: totals.of(Outcome::Unsupported),
        failed: totals.of(Outcome::Failed),
        skipped: totals.of(Outcome::Skipped),
        bytes_in: totals.bytes_in,
        bytes_written: totals.bytes_written,
        elapsed_ms: milliseconds(elapsed),
        resumed: totals.resumed,
        interrupted,
        dry_run,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_the_contract_are_there() {
        let report = unlabel_core::Report::new(Outcome::Refused, 7).because("signed", "all of it");
        let report = FileReport { output: Some("b".into()), ..FileReport::new("a\n.docx".into(), report) };
        let line = file(&report, false, None).unwrap();
        assert_eq!(
            line,
            concat!(
                r#"{"type":"file","path":"a\n.docx","format":null,"outcome":"refused","reason":"signed: all of it","#,
                r#""error_code":"signed","labels":[],"removed":0,"labels_missing":0,"plan_digest":null,"bytes_in":7,"#,
                r#""bytes_out":7,"proof":"structural","residue":0,"bytes_written":0,"output":"b","elapsed_us":0}"#,
                "\n"
            )
        );
    }

    #[test]
    fn counts_add_up() {
        let mut totals = Totals::default();
        let outcomes = [Outcome::Clean, Outcome::Stripped, Outcome::Failed, Outcome::Clean];
        for outcome in outcomes {
            let report = unlabel_core::Report::new(outcome, 10);
            totals.add(&FileReport { bytes_written: 3, ..FileReport::new("x".into(), report) });
        }
        assert!(!totals.is_success());
        let line = summary(&totals, Duration::from_millis(5), true, false).unwrap();
        assert_eq!(
            line,
            concat!(
                r#"{"type":"summary","files":4,"clean":2,"stripped":1,"partial":0,"refused":0,"unsupported":0,"#,
                r#""failed":1,"skipped":0,"bytes_in":40,"bytes_written":12,"elapsed_ms":5,"interrupted":true}"#,
                "\n"
            )
        );
    }
}
