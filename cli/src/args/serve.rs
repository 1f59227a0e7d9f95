//! The arguments of `serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{ValueEnum, ValueHint};

use super::section;

/// How `serve` ends.
const STATUS: &str = "\
0    it was told to stop, and requests in hand were finished
1    the system refused: the address is taken, or the state directory cannot be written
2    the configuration is wrong; nothing was served";

/// Examples of `serve`.
pub(crate) const EXAMPLES: &str = "\
unlabel serve --config server.toml                    HTTPS, with a certificate made at the first start
unlabel serve --config server.toml --check-config     say what is wrong with it, and end
unlabel serve --config server.toml --listen 0.0.0.0:5443 --log json";

/// Serve the label API over HTTPS.
///
/// Callers sign their requests with the keys of the configuration, upload a file, and get it back without the labels that
/// they name, or have it sent to a store. SIGTERM and SIGINT stop the server when requests in hand are finished. The calls
/// and the configuration are described in docs/server.md.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", EXAMPLES), section("Exit status", STATUS)))]
#[command(after_help = "Use --help for examples and exit status.")]
pub(crate) struct Serve {
    /// The configuration, in TOML
    #[arg(long, value_name = "FILE", env = "UNLABEL_CONFIG", value_hint = ValueHint::FilePath)]
    pub(crate) config: PathBuf,

    /// Say whether the configuration is right, and end
    #[arg(long)]
    pub(crate) check_config: bool,

    /// Listen here, whatever the configuration says; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", env = "UNLABEL_LISTEN")]
    pub(crate) listen: Option<SocketAddr>,

    /// Keep what the server keeps here, whatever the configuration says
    #[arg(long, value_name = "DIRECTORY", env = "UNLABEL_STATE", value_hint = ValueHint::DirPath)]
    pub(crate) state: Option<PathBuf>,

    /// How the log is written, to standard error; the variable `UNLABEL_LOG` says how much of it: `info`, `warn`
    #[arg(long, value_enum, default_value_t = Log::Text)]
    pub(crate) log: Log,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Log {
    /// Lines for people
    Text,
    /// JSON Lines
    Json,
}
