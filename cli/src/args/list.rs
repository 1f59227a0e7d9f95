//! The arguments of `list`.

use std::path::PathBuf;

use clap::ValueHint;

use super::{EXIT_STATUS, Network, Selection, section};

/// Examples of `list`.
pub(crate) const LIST_EXAMPLES: &str = "\
unlabel list report.docx                              the labels on it
unlabel list --all-kinds photo.jpg                    the format's own fields too, by address
unlabel list --json documents                         a whole tree, for programs
unlabel list s3://bucket/in/                          the objects under a prefix";

/// Show the labels that files carry.
///
/// Prints key, value, format and sites of every custom label: the labels that somebody put there. Nothing is
/// changed. Directories are walked; what no format treats is named and counted.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", LIST_EXAMPLES), section("Exit status", EXIT_STATUS)))]
#[command(after_help = "Use --help for examples and exit status.")]
pub(crate) struct List {
    /// Files, directories and URLs; `-` is standard input
    ///
    /// `s3://BUCKET/KEY`, `swift://CONTAINER/KEY`, `oss://BUCKET/KEY`, `cos://BUCKET/KEY` are objects, or, with a KEY
    /// that is empty or ends in `/`, all objects under it; `https://…` is a file. Credentials come from the
    /// environment and the profiles of the vendors' own tools, never from the URL.
    #[arg(
        required_unless_present_any = ["files_from", "files0_from"],
        value_name = "PATH",
        value_hint = ValueHint::AnyPath,
        help_heading = "Input"
    )]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) selection: Selection,

    /// Show the format's own fields (standard) and what programs keep for themselves (bookkeeping) too
    #[arg(long, help_heading = "Output")]
    pub(crate) all_kinds: bool,

    /// Print JSON Lines
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,

    /// Print no summary and no progress
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,

    #[command(flatten)]
    pub(crate) network: Network,
}
