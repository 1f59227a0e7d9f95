//! How the command ends.

use std::fmt;
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use crate::args::{Args, Command};

/// The exit status, as the manual states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Every file is clean or stripped, or could be listed.
    Success,
    /// Some file was not.
    SomeFailed,
    /// The command line, a label or a label file is wrong; nothing was touched.
    Usage,
    /// Stopped by the signal of this number; files in hand were finished.
    Interrupted(u8),
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        match status {
            Status::Success => Self::SUCCESS,
            Status::SomeFailed => Self::from(1),
            Status::Usage => Self::from(2),
            Status::Interrupted(signal) => Self::from(128_u8.saturating_add(signal)),
        }
    }
}

/// A command that cannot begin, with words that say what to do.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl UsageError {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }

    /// Prints the words as errors of the command line are printed.
    pub(crate) fn report(&self, command: &Command) -> Status {
        let mut root = Args::command();
        root.build();
        let command = root.find_subcommand_mut(command.name());
        // Nothing can be done when even that cannot be printed.
        let _ = match command {
            Some(command) => command.error(ErrorKind::ValueValidation, &self.0).print(),
            None => root.error(ErrorKind::ValueValidation, &self.0).print(),
        };
        Status::Usage
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
