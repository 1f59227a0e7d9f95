//! The arguments of the commands that set files right: `recover` and `undo`.

use std::path::PathBuf;

use clap::ValueHint;

use super::section;

/// How `recover` ends.
const RECOVER_STATUS: &str = "\
0    every file is whole
1    some file is not: it was edited since, is in another process's hands, or cannot be written
2    the command line is wrong; nothing was touched
130  interrupted (SIGINT), 143 ended (SIGTERM)";

/// Examples of `recover`.
pub(crate) const RECOVER_EXAMPLES: &str = "\
unlabel recover documents                             a whole tree, after a power cut
unlabel recover --json report.docx                    one file, for programs";

/// How `undo` ends.
const UNDO_STATUS: &str = "\
0    every file is what it was
1    some file is not: it changed since, or cannot be written
2    the command line or the undo directory is wrong; nothing was touched
130  interrupted (SIGINT), 143 ended (SIGTERM)";

/// Examples of `undo`.
pub(crate) const UNDO_EXAMPLES: &str = "\
unlabel undo --undo-dir ~/undo                        everything that is kept there
unlabel undo --undo-dir ~/undo documents/a.docx       one file
unlabel undo --undo-dir ~/undo --keep documents       a tree; the reverse patches stay";

/// Set files right whose patch was cut off by a kill or a power cut.
///
/// `strip --in-place --write patch` keeps the old bytes in a journal beside the file, `.NAME.unlabel-undo-…`, while it
/// writes. Where one is left, the file is made what it was before, unless all of it was written; then the journal goes.
/// A later run in place does the same by itself. Nothing is written where a file was edited since.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", RECOVER_EXAMPLES), section("Exit status", RECOVER_STATUS)))]
#[command(after_help = "Use --help for examples and exit status.")]
pub(crate) struct Recover {
    /// Files, and directories that are searched for journals
    #[arg(required = true, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// Print JSON Lines: one object per file, a summary last
    #[arg(long)]
    pub(crate) json: bool,

    /// Print only what could not be recovered
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// Make files what they were before `strip --in-place --undo-dir`.
///
/// A file is made what it was byte for byte, with its extended attributes and so with its labels, and its reverse patch is
/// removed. A file that changed since is left as it is. After a kill the same command goes on.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", UNDO_EXAMPLES), section("Exit status", UNDO_STATUS)))]
#[command(after_help = "Use --help for examples and exit status.")]
pub(crate) struct Undo {
    /// Files, and directories with all changed files below them [default: everything that is kept]
    ///
    /// Reverse patches themselves may be named as well; they need no --undo-dir.
    #[arg(value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) paths: Vec<PathBuf>,

    /// The directory that `strip` was given
    #[arg(long = "undo-dir", value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,

    /// Keep the reverse patches
    #[arg(long)]
    pub(crate) keep: bool,

    /// Print JSON Lines: one object per file, a summary last
    #[arg(long)]
    pub(crate) json: bool,

    /// Print only what could not be undone
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
