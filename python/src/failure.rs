//! What went wrong, on its way to a row of a report or to an exception.

use std::io;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use unlabel_core::{Outcome, Report};

/// A result whose error is [`Failure`].
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// An error of the core or of a sink, in the words that both share.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The kind, as one word of reports.
    pub(crate) kind: &'static str,
    /// What is wrong, in plain words.
    pub(crate) reason: String,
    path: Option<PathBuf>,
    format: Option<&'static str>,
    offset: Option<u64>,
    errno: Option<i32>,
    is_retryable: bool,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into(), path: None, format: None, offset: None, errno: None, is_retryable: false }
    }

    /// A file that was treated and of which there is nothing to hand out.
    pub(crate) fn of_report(report: &Report) -> Self {
        let reason = report.reason.as_deref().unwrap_or_default();
        let code = report.error_code.filter(|_| report.outcome != Outcome::Partial);
        let kind = code.unwrap_or_else(|| report.outcome.name());
        let words = reason.strip_prefix(kind).and_then(|words| words.strip_prefix(": ")).unwrap_or(reason);
        Self { format: report.format, ..Self::new(kind, words) }
    }

    /// A wrong argument.
    #[cold]
    pub(crate) fn usage(reason: impl Into<String>) -> Self {
        Self::new("usage", reason)
    }

    /// The same, for the file at `path`, unless a path is known already.
    pub(crate) fn for_path(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_owned());
        self
    }
}

impl From<unlabel_core::Error> for Failure {
    fn from(error: unlabel_core::Error) -> Self {
        Self {
            path: error.path().map(Path::to_owned),
            format: error.format(),
            offset: error.offset(),
            errno: errno(&error),
            ..Self::new(error.kind().name(), error.reason())
        }
    }
}

impl From<unlabel_sinks::Error> for Failure {
    fn from(error: unlabel_sinks::Error) -> Self {
        let (errno, is_retryable) = (errno(&error), error.is_retryable());
        Self { errno, is_retryable, ..Self::new(error.kind().name(), error.to_string()) }
    }
}

fn errno(error: &dyn std::error::Error) -> Option<i32> {
    error.source()?.downcast_ref::<io::Error>()?.raw_os_error()
}

/// The exception. The classes are Python's, where one can be a `FileNotFoundError` too.
impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let Failure { kind, reason, path, format, offset, errno, is_retryable } = failure;
        Python::attach(|py| {
            // Not as a path of Python's, which would take one of the slashes of a URL.
            let path = path.map(PathBuf::into_os_string);
            let make = MAKE.get_or_try_init(py, || Ok(py.import("unlabel._errors")?.getattr("make")?.unbind()));
            let exception =
                make.and_then(|make| make.bind(py).call1((kind, reason, path, format, offset, errno, is_retryable)));
            exception.map_or_else(|error| error, PyErr::from_value)
        })
    }
}
