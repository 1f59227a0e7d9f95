//! Options that choose among the inputs.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueHint;
use unlabel_core::batch::{Links, Shard, Walk};

use crate::exit::UsageError;

/// Which files of the inputs are treated.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(next_help_heading = "Input")]
pub(crate) struct Selection {
    /// Read paths from this file too, one per line; `-` is standard input
    ///
    /// The list is read as the work goes on, so that it may be endless. Results go below a directory under the path as
    /// it is listed, without a leading `/`. Directories in it are walked. Names with a line end need --files0-from.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files_from: Vec<PathBuf>,

    /// The same with a NUL byte after each path, as `find -print0` writes them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) files0_from: Vec<PathBuf>,

    /// Take only files that this glob matches
    ///
    /// A glob with a `/` is matched against the path below what was named, another one against the last name. `*` stops
    /// at `/`, `**` does not. A glob that matches a directory stands for all below it. May be given many times.
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,

    /// Leave out files that this glob matches, also where --include takes them
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,

    /// Skip files of more than SIZE bytes, and say so; K, M, G and T are powers of 1024
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,

    /// Do not look for files that are hidden, or in hidden directories
    ///
    /// Without it they are treated like all others: a label that is passed over in silence is still there.
    #[arg(long)]
    pub(crate) skip_hidden: bool,

    /// Follow symbolic links to directories too
    ///
    /// Links that are named are followed in any case, and so are links to files.
    #[arg(long, conflicts_with = "skip_links")]
    pub(crate) follow_links: bool,

    /// Leave out symbolic links inside directories
    #[arg(long)]
    pub(crate) skip_links: bool,

    /// Stay on the file system of each directory that is named
    #[arg(long)]
    pub(crate) one_file_system: bool,

    /// Take only share N of the input, counted from 0
    ///
    /// The path below what was named decides, by a fixed hash: the shares are the same on every machine, have no file in
    /// common, and together are the whole.
    #[arg(long, value_name = "N", requires = "shard_count")]
    pub(crate) shard_index: Option<u64>,

    /// Cut the input into this many shares
    #[arg(long, value_name = "N", requires = "shard_index")]
    pub(crate) shard_count: Option<u64>,
}

impl Selection {
    /// The walk that takes these files; `sorted` by name within each directory.
    ///
    /// # Errors
    /// When a glob or the share is wrong.
    pub(crate) fn walk(&self, sorted: bool) -> Result<Walk, UsageError> {
        let links = match (self.follow_links, self.skip_links) {
            (true, _) => Links::All,
            (_, true) => Links::Skip,
            _ => Links::Files,
        };
        let mut walk =
            Walk::new().sorted(sorted).hidden(!self.skip_hidden).links(links).one_file_system(self.one_file_system);
        let wrong = |error: unlabel_core::Error| UsageError::new(error.to_string());
        for glob in &self.include {
            walk = walk.include(glob).map_err(wrong)?;
        }
        for glob in &self.exclude {
            walk = walk.exclude(glob).map_err(wrong)?;
        }
        if let (Some(index), Some(count)) = (self.shard_index, self.shard_count) {
            walk = walk.shard(Shard::new(index, count).map_err(wrong)?);
        }
        Ok(walk)
    }

    /// The lists of paths, and whether NUL bytes end them.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (&PathBuf, bool)> {
        let lines = self.files_from.iter().map(|file| (file, false));
        lines.chain(self.files0_from.iter().map(|file| (file, true)))
    }
}

/// Reads `1048576`, `1024K`, `1M`, `1MiB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = unit.to_ascii_lowercase();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("not a size: a number of bytes, or one with K, M, G or T".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "not a size: it begins with no number".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "too large".to_owned())
}

/// Reads `90s`, `30m`, `12h`, `1d`.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 60 * 60,
        Some('d') => 24 * 60 * 60,
        _ => return Err("not an age: a number with s, m, h or d".to_owned()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| "not an age: it begins with no number".to_owned())?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(|| "too long".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("2k"), Ok(2048));
        assert_eq!(size("1MiB"), Ok(1 << 20));
        assert_eq!(size("3GB"), Ok(3 << 30));
        for wrong in ["", "K", "1x", "-1", "99999999999T"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn ages_have_a_unit() {
        assert_eq!(age("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(age("1d"), Ok(Duration::from_hours(24)));
        for wrong in ["", "1", "d", "-1d", "1w", "1é", "99999999999999999999d"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
