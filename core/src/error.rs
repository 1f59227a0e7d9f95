//! The one error type of the crate.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as a class a program can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused to read or write.
    Io,
    /// The bytes break the rules of their format.
    Malformed,
    /// No format here treats these bytes, or this variant of them.
    Unsupported,
    /// The label sits inside encrypted data.
    Encrypted,
    /// A signature covers the bytes that would change.
    Signed,
    /// The label is protected by law or names provenance, and is never removed.
    Protected,
    /// The label belongs to a file that stands inside another, and those were not asked for.
    Nested,
    /// Two places of the file contradict each other, so no edit is safe.
    Conflict,
    /// Treating the file would take more depth, items or memory than [`Limits`](crate::Limits) allow.
    LimitExceeded,
    /// The file changed while it was being read.
    Changed,
    /// A selector, label file or option is wrong.
    Usage,
    /// The cleaned result did not pass verification: a defect of this crate.
    Unverified,
}

impl ErrorKind {
    /// The kind as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Malformed => "malformed",
            Self::Unsupported => "unsupported",
            Self::Encrypted => "encrypted",
            Self::Signed => "signed",
            Self::Protected => "protected",
            Self::Nested => "nested",
            Self::Conflict => "conflict",
            Self::LimitExceeded => "limit",
            Self::Changed => "changed",
            Self::Usage => "usage",
            Self::Unverified => "unverified",
        }
    }
}

/// An error: its kind, and where known the format, the byte offset and the path it happened at.
///
/// Offsets count bytes from the start of the input.
///
/// ```
/// use unlabel_core::{Engine, ErrorKind};
/// let error = Engine::builder().label("").build().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Usage);
/// ```
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    format: Option<&'static str>,
    offset: Option<u64>,
    path: Option<PathBuf>,
    reason: Cow<'static, str>,
    source: Option<std::io::Error>,
}

impl Error {
    /// An error of `kind` with a reason in plain words, lower case, without a full stop.
    #[cold]
    pub fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Inner { kind, format: None, offset: None, path: None, reason: reason.into(), source: None }))
    }

    /// Bytes that break their format, at `offset` of the input.
    #[cold]
    pub fn malformed(offset: u64, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Malformed, reason).at(offset)
    }

    /// A limit that was met; `reason` names it.
    #[cold]
    pub fn limit(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::LimitExceeded, reason)
    }

    /// A variant of a format that is not treated.
    #[cold]
    pub fn unsupported(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unsupported, reason)
    }

    /// A failed operation of the operating system; `doing` says what was attempted.
    #[cold]
    pub fn io(doing: impl Into<Cow<'static, str>>, source: std::io::Error) -> Self {
        let mut error = Self::new(ErrorKind::Io, doing);
        error.0.source = Some(source);
        error
    }

    /// The same error, at byte `offset` of the input, unless an offset is known already.
    #[must_use]
    pub fn at(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// The same error with every offset moved by `base`: for errors of a nested structure.
    #[must_use]
    pub fn rebased(mut self, base: u64) -> Self {
        self.0.offset = Some(self.0.offset.unwrap_or(0).saturating_add(base));
        self
    }

    /// The same error, in `format`, unless a format is known already.
    #[must_use]
    pub fn in_format(mut self, format: &'static str) -> Self {
        self.0.format.get_or_insert(format);
        self
    }

    /// The same error, for the file at `path`, unless a path is known already.
    #[must_use]
    pub fn for_path(mut self, path: &Path) -> Self {
        self.0.path.get_or_insert_with(|| path.to_owned());
        self
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the format being treated, where known.
    pub fn format(&self) -> Option<&'static str> {
        self.0.format
    }

    /// The byte offset in the input, where known.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The file the error belongs to, where known.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What is wrong, in plain words, without path, format and offset.
    pub fn reason(&self) -> String {
        match &self.0.source {
            Some(source) => format!("{}: {source}", self.0.reason),
            None => self.0.reason.to_string(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(format) = self.0.format {
            write!(f, "{format}: ")?;
        }
        write!(f, "{}", self.0.reason)?;
        if let Some(offset) = self.0.offset {
            write!(f, " (at byte {offset})")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, ": {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|source| source as _)
    }
}
