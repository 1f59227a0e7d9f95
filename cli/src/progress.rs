//! The progress bar: on the terminal that standard error is, when there is something to wait for.

use std::io::{IsTerminal, stderr, stdout};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A count of finished files, drawn or not.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// Drawn for a batch, when standard error is a terminal, unless the report is JSON on a terminal too.
    pub(crate) fn new(is_batch: bool, quiet: bool, json: bool) -> Self {
        let is_drawn = is_batch && !quiet && stderr().is_terminal() && !(json && stdout().is_terminal());
        if !is_drawn {
            return Self { bar: ProgressBar::hidden() };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{spinner} {pos} files  {elapsed}  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }

    /// One file more, named in the bar.
    pub(crate) fn advance(&self, name: &str) {
        if !self.bar.is_hidden() {
            self.bar.set_message(name.to_owned());
        }
        self.bar.inc(1);
    }

    /// Does `print` with the bar out of the way.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
