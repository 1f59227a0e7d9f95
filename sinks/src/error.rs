//! The error type of the sinks.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::time::Duration;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an object was not stored, as a class a program can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The operating system refused to read or write.
    Io,
    /// The reader of a stream went away.
    BrokenPipe,
    /// The name is empty, absolute, or points out of the place that the sink was made for.
    Name,
    /// There is an object of that name, and it was not to be replaced.
    Exists,
    /// The destination is the source itself.
    SameFile,
    /// The file has other names (hard links), under which the label would survive.
    Linked,
    /// The source changed since it was read.
    Changed,
    /// The result has another length than the file that it was to be patched into.
    Resized,
    /// Another process has the file in hand.
    Busy,
    /// A patch of the file was cut off, and its journal cannot be used.
    Journal,
    /// An attribute of the original (owner, mode, extended attribute) cannot be given to its replacement.
    Attributes,
    /// The sink is not one that this build or this place can serve.
    Unsupported,
    /// The server is not there, or the connection to it broke.
    Network,
    /// The server did not answer, or nothing moved, for too long.
    Timeout,
    /// The server is there and cannot serve now: overloaded, throttling, or failing inside.
    Unavailable,
    /// The server does not know the credentials, or does not let them do this.
    Denied,
    /// The bucket, the container or the object is not there.
    NotFound,
    /// The object is longer than the place takes.
    TooLarge,
    /// What the server has is not what was sent.
    Checksum,
    /// The server refused the request, and would refuse it again.
    Rejected,
    /// A setting of the sink is missing or wrong.
    Config,
}

impl ErrorKind {
    /// The kind as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::BrokenPipe => "broken_pipe",
            Self::Name => "name",
            Self::Exists => "exists",
            Self::SameFile => "same_file",
            Self::Linked => "linked",
            Self::Changed => "changed",
            Self::Resized => "resized",
            Self::Busy => "busy",
            Self::Journal => "journal",
            Self::Attributes => "attributes",
            Self::Unsupported => "unsupported",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Denied => "denied",
            Self::NotFound => "not_found",
            Self::TooLarge => "too_large",
            Self::Checksum => "checksum",
            Self::Rejected => "rejected",
            Self::Config => "config",
        }
    }
}

/// An error of a sink: its kind, what is wrong in plain words, and the cause below it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    reason: Cow<'static, str>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

impl Error {
    /// An error of `kind` with a reason in plain words, lower case, without a full stop.
    #[cold]
    pub fn new(kind: ErrorKind, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, reason: reason.into(), source: None, retry_after: None }
    }

    /// A failed operation of the operating system; `doing` says what was attempted.
    #[cold]
    pub fn io(doing: impl Into<Cow<'static, str>>, source: impl Into<io::Error>) -> Self {
        let source = source.into();
        let kind = match source.kind() {
            io::ErrorKind::BrokenPipe => ErrorKind::BrokenPipe,
            io::ErrorKind::AlreadyExists => ErrorKind::Exists,
            io::ErrorKind::Unsupported => ErrorKind::Unsupported,
            _ => ErrorKind::Io,
        };
        Self { kind, reason: doing.into(), source: Some(source.into()), retry_after: None }
    }

    /// The same error, as one of `kind`.
    #[must_use]
    pub fn of_kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The same error, with the wait that the server asked for.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// How long the server asked to wait before the next attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The same error, with `words` before its reason: what was attempted.
    #[must_use]
    pub fn doing(mut self, words: &str) -> Self {
        self.reason = format!("{words}: {}", self.reason).into();
        self
    }

    /// The same error, of a read of what was there before: what is gone by now has changed.
    #[cfg(feature = "remote")]
    pub(crate) fn of_read(self) -> Self {
        if self.kind == ErrorKind::NotFound { self.of_kind(ErrorKind::Changed) } else { self }
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed when it is made again after a while.
    ///
    /// A full disk, a missing bucket or a wrong key is not mended by waiting; a broken connection, an overloaded server
    /// or a byte that was damaged on its way is.
    pub fn is_retryable(&self) -> bool {
        if let ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Checksum = self.kind {
            return true;
        }
        let Some(cause) = self.source.as_deref().and_then(|source| source.downcast_ref::<io::Error>()) else {
            return false;
        };
        matches!(
            cause.kind(),
            io::ErrorKind::Interrupted
                | io::ErrorKind::TimedOut
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::ResourceBusy
                | io::ErrorKind::StaleNetworkFileHandle
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<unlabel_core::Error> for Error {
    /// An error of the payload: the source changed, or reading or writing failed while it was copied.
    fn from(error: unlabel_core::Error) -> Self {
        let cause = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
        let kind = match (error.kind(), cause.map(io::Error::kind)) {
            (unlabel_core::ErrorKind::Changed, _) => ErrorKind::Changed,
            (_, Some(io::ErrorKind::BrokenPipe)) => ErrorKind::BrokenPipe,
            _ => ErrorKind::Io,
        };
        Self { kind, reason: error.reason().into(), source: None, retry_after: None }
    }
}

impl From<Error> for unlabel_core::Error {
    /// An error of a source across a network, in the words of the core.
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Changed => unlabel_core::ErrorKind::Changed,
            _ => unlabel_core::ErrorKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_waiting_can_mend_is_retryable() {
        let failed = |kind: io::ErrorKind| Error::io("cannot write", kind);
        assert!(failed(io::ErrorKind::TimedOut).is_retryable());
        assert!(failed(io::ErrorKind::ResourceBusy).is_retryable());
        assert!(!failed(io::ErrorKind::StorageFull).is_retryable());
        assert!(!failed(io::ErrorKind::PermissionDenied).is_retryable());
        assert!(!Error::new(ErrorKind::Exists, "is there").is_retryable());
    }

    #[test]
    fn the_cause_decides_the_kind_and_is_printed() {
        let error = Error::io("cannot create `x`", io::ErrorKind::AlreadyExists);
        assert_eq!(error.kind(), ErrorKind::Exists);
        assert!(error.to_string().starts_with("cannot create `x`: "), "{error}");
        let pipe = unlabel_core::Error::io("cannot write", io::ErrorKind::BrokenPipe.into());
        assert_eq!(Error::from(pipe).kind(), ErrorKind::BrokenPipe);
        let changed = unlabel_core::Error::new(unlabel_core::ErrorKind::Changed, "the file changed");
        assert_eq!(Error::from(changed).kind(), ErrorKind::Changed);
    }
}
