//! Why a server does not start, or stops.

use std::fmt;
use std::io;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the server as a whole: what is wrong in plain words, and the cause below it.
#[derive(Debug)]
pub struct Error {
    words: String,
    is_config: bool,
    source: Option<io::Error>,
}

impl Error {
    /// What the configuration says cannot be.
    pub(crate) fn config(words: impl Into<String>) -> Self {
        Self { words: words.into(), is_config: true, source: None }
    }

    /// The system, or the database, refused.
    pub(crate) fn io(words: impl Into<String>, source: impl Into<io::Error>) -> Self {
        Self { words: words.into(), is_config: false, source: Some(source.into()) }
    }

    /// The same, with `words` before it.
    pub(crate) fn doing(mut self, words: &str) -> Self {
        self.words = format!("{words}: {}", self.words);
        self
    }

    /// Whether the configuration is to be changed.
    pub fn is_config(&self) -> bool {
        self.is_config
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Some(source) => write!(f, "{}: {source}", self.words),
            None => f.write_str(&self.words),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as _)
    }
}
