//! A row of the report, and the columns that rows make.

use pyo3::prelude::*;
use pyo3::types::PyList;
use unlabel_core::{Outcome, Report};
use unlabel_sinks::{Committed, Prepared};

use crate::failure::Failure;
use crate::output::Delivered;

/// What became of one file.
///
/// But for `committed`, `elapsed` and the name of the worker, it depends on the bytes of the input, the labels and the
/// version alone, so that rows of a repeated task are equal.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) path: String,
    pub(crate) output: Option<String>,
    pub(crate) report: Report,
    pub(crate) output_digest: Option<String>,
    pub(crate) committed: Option<Committed>,
    pub(crate) elapsed_us: i64,
}

impl Row {
    pub(crate) fn new(path: String, report: Report) -> Self {
        Self { path, output: None, report, output_digest: None, committed: None, elapsed_us: 0 }
    }

    /// Says where a result is, and answers what is still to be committed.
    pub(crate) fn take(&mut self, delivered: Delivered) -> Option<Box<Prepared>> {
        match delivered {
            Delivered::Done(committed, at) => (self.output, self.committed) = (Some(at), Some(committed)),
            Delivered::Waiting(write, at) => {
                self.output = Some(at);
                return Some(write);
            }
            Delivered::Untouched => {}
        }
        None
    }

    /// The row of a file whose result is not where it should be.
    pub(crate) fn undeliver(&mut self, failure: &Failure) {
        let outcome = if matches!(failure.kind, "linked" | "resized") { Outcome::Refused } else { Outcome::Failed };
        self.report.set_undelivered();
        self.report.outcome = outcome;
        self.report = self.report.clone().because(failure.kind, &failure.reason);
        (self.output, self.output_digest, self.committed) = (None, None, None);
    }
}

/// The columns, in the order of the schema.
pub(crate) fn columns<'py>(py: Python<'py>, rows: &[Row], worker: &str) -> PyResult<Vec<Bound<'py, PyList>>> {
    fn texts<'py, 'r>(
        py: Python<'py>,
        rows: &'r [Row],
        of: impl Fn(&'r Row) -> Option<&'r str>,
    ) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, rows.iter().map(of))
    }
    let numbers = |of: fn(&Row) -> i64| PyList::new(py, rows.iter().map(of));
    Ok(vec![
        texts(py, rows, |row| Some(&row.path))?,
        texts(py, rows, |row| row.output.as_deref())?,
        texts(py, rows, |row| Some(row.report.outcome.name()))?,
        texts(py, rows, |row| row.report.format)?,
        numbers(|row| row.report.bytes_in.cast_signed())?,
        numbers(|row| row.report.bytes_out.cast_signed())?,
        numbers(|row| row.report.removed.cast_signed())?,
        numbers(|row| row.report.labels_missing.cast_signed())?,
        texts(py, rows, |row| row.report.plan_digest.as_deref())?,
        texts(py, rows, |row| row.output_digest.as_deref())?,
        texts(py, rows, |row| row.committed.map(Committed::name))?,
        texts(py, rows, |row| row.report.error_code)?,
        texts(py, rows, |row| row.report.reason.as_deref())?,
        numbers(|row| row.elapsed_us)?,
        PyList::new(py, rows.iter().map(|_| worker))?,
    ])
}
