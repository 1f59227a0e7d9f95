//! The arguments of `pipe`.

use super::{EXIT_STATUS_OF_PIPE, Network, PIPE_EXAMPLES, section};

/// Answer requests, one JSON object per line.
///
/// Reads requests from standard input and answers each with one line on standard output, in the order in which they are
/// done, under the `id` of the request. Several are worked on at a time; while all hands are full, no more is read. A
/// request that is wrong gets an answer that says so, and ends nothing. At the end of the input the last answers are
/// given, and the command ends.
///
/// A request has `id` (any JSON value), `path` (a file or URL), labels: `labels` (`{"id": "8888"}`, literal), `rules`
/// (as --label of `strip`), `all`; and where the result goes: `to`, `sendBack` or `in_place`; or `"op": "list"`. The
/// other options of `strip` that concern one file are fields too, with `_` for `-`.
#[derive(Clone, Debug, clap::Args)]
#[command(after_long_help = format!(
    "{}\n\n{}",
    section("Examples", PIPE_EXAMPLES),
    section("Exit status", EXIT_STATUS_OF_PIPE)
))]
#[command(after_help = "Use --help for examples and exit status.")]
pub(crate) struct Pipe {
    /// Work on this many requests at a time [default: the processors that the process may use]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) network: Network,
}
