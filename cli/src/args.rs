//! The arguments. Help, man page and completions come from these definitions.

mod input;
mod list;
mod pipe;
mod repair;
mod serve;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub(crate) use self::input::Selection;
pub(crate) use self::list::{LIST_EXAMPLES, List};
pub(crate) use self::pipe::Pipe;
pub(crate) use self::repair::{RECOVER_EXAMPLES, Recover, UNDO_EXAMPLES, Undo};
pub(crate) use self::serve::{EXAMPLES as SERVE_EXAMPLES, Log, Serve};

/// How the command ends, for help and man page.
pub(crate) const EXIT_STATUS: &str = "\
0    every file is clean or stripped (list: could be read)
1    some file is not: partial, refused, unsupported or failed
2    the command line, a label or a label file is wrong; nothing was touched
130  interrupted (SIGINT), 143 ended (SIGTERM); the files in hand were finished";

/// How `pipe` ends.
pub(crate) const EXIT_STATUS_OF_PIPE: &str = "\
0    the requests ended, and each was answered, whatever the answer
1    answers could not be written
2    the command line is wrong
130  interrupted (SIGINT), 143 ended (SIGTERM); the requests in hand were answered";

/// Examples of `pipe`.
pub(crate) const PIPE_EXAMPLES: &str = r#"echo '{"id": 1, "path": "a.docx", "rules": ["@msip"], "to": "out/a.docx"}' | unlabel pipe
echo '{"id": 2, "path": "a.docx", "labels": {"id": "8888"}, "in_place": true}' | unlabel pipe
echo '{"id": 3, "path": "a.docx", "op": "list"}' | unlabel pipe"#;

/// Examples of `strip`.
pub(crate) const STRIP_EXAMPLES: &str = "\
unlabel strip -l id --to clean.docx report.docx       one label, to a new file
unlabel strip -l id=8888 --in-place report.docx       only where its value is 8888
unlabel strip -l @msip -l 'proj*' --to out documents  a family and a glob, a whole tree
unlabel strip --all --keep owner --in-place *.pdf     every custom label but one
unlabel strip -l exif:Artist --to - - <a.jpg >b.jpg   a field of the format, as a filter
unlabel strip -l id --to s3://clean/in/ documents     to a bucket; also swift:// oss:// cos:// https://
unlabel strip -l id --in-place s3://bucket/a.docx     an object of a store
unlabel strip -l id --in-place --write patch videos   only the few bytes that change are written
unlabel strip -l id --in-place --sync batch documents many small files, synced together
unlabel strip -l id --in-place --undo-dir ~/undo documents   what `unlabel undo` needs is kept
unlabel strip -l id --dry-run documents               what would go
unlabel strip -l id --to out --resume run.jsonl big   recorded; after a kill the same again goes on
find . -name '*.docx' -print0 | unlabel strip -l id --in-place --files0-from -
unlabel strip -l id - <a.jpg >b.jpg                   as a filter";

/// Examples of `request`.
pub(crate) const REQUEST_EXAMPLES: &str = "\
unlabel request metadata.json report.docx             as the document says
unlabel request -o clean.docx metadata.json a.docx    with sendBack `response`";

fn section(title: &str, body: &str) -> String {
    let indented: Vec<_> = body.lines().map(|line| format!("  {line}")).collect();
    format!("\x1b[1m\x1b[4m{title}:\x1b[0m\n{}", indented.join("\n"))
}

/// Takes chosen labels out of files, completely, and leaves every other byte alone.
#[derive(Debug, Parser)]
#[command(name = "unlabel", version, propagate_version = true, disable_help_subcommand = true)]
#[command(after_help = section("Examples", &format!("{LIST_EXAMPLES}\n{STRIP_EXAMPLES}")))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    Strip(Box<Strip>),
    Request(Request),
    Pipe(Pipe),
    Recover(Recover),
    Undo(Undo),
    Serve(Serve),
    #[command(hide = true)]
    Generate(Generate),
}

impl Command {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Strip(_) => "strip",
            Self::Request(_) => "request",
            Self::Pipe(_) => "pipe",
            Self::Recover(_) => "recover",
            Self::Undo(_) => "undo",
            Self::Serve(_) => "serve",
            Self::Generate(_) => "generate",
        }
    }
}

/// Take labels out of files.
///
/// A label goes from every place where the file keeps it, and the result is searched for it before anything is
/// written. Give the labels, the files, and where the results go: --to or --in-place.
///
/// A KEY is a custom label's key in any carrier of the file (`id`), one field by the address that `unlabel list`
/// prints (`exif:ImageDescription`), a glob (`proj*`), a regular expression (`/^x-/`), or a product's family
/// (`@msip`, `@titus`, `@boldon-james`). A label that is not there is a success.
#[derive(Clone, Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", STRIP_EXAMPLES), section("Exit status", EXIT_STATUS)))]
#[command(after_help = "Use --help for examples, exit status and more on each option.")]
pub(crate) struct Strip {
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

    /// Remove this label; with =VALUE, only where the value is that
    ///
    /// May be given many times. An empty value is no value. A backslash takes the meaning from the sign after it:
    /// `a\=b` is a key with an equals sign, `\@x` a key that begins with an at sign.
    #[arg(short, long = "label", value_name = "KEY[=VALUE]", value_hint = ValueHint::Other, help_heading = "Labels")]
    pub(crate) labels: Vec<String>,

    /// Remove the labels that this JSON file names
    ///
    /// `{"id": "8888"}` or `[{"key": "id", "value": "8888"}]`; without a value, or with an empty one, the key
    /// decides. Keys are literal: no globs, no families. `-` reads standard input.
    #[arg(long = "labels", value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Labels")]
    pub(crate) label_files: Vec<PathBuf>,

    /// Remove every custom label
    #[arg(long, help_heading = "Labels")]
    pub(crate) all: bool,

    /// Keep this label, whatever else names it; written as for --label
    #[arg(long, value_name = "KEY[=VALUE]", value_hint = ValueHint::Other, help_heading = "Labels")]
    pub(crate) keep: Vec<String>,

    /// Go by keys alone, even where values are given
    #[arg(long, help_heading = "Labels")]
    pub(crate) ignore_value: bool,

    /// Write results here: a file, a directory, a URL, or `-` for standard output
    ///
    /// Files found in a directory keep their path below it. A clean file is copied as it is; one that is partial,
    /// refused, unsupported or failed is not. An existing file is replaced in one step
    /// (see --if-exists). URLs are
    /// `s3://BUCKET/KEY`, `swift://CONTAINER/KEY`, `oss://BUCKET/KEY`, `cos://BUCKET/KEY` (a KEY that is empty or ends
    /// in `/` is put before the names) and `https://…` (an upload; see --upload-form). May be given many times: each
    /// file is read once and delivered to each.
    #[arg(long, value_name = "DEST", value_hint = ValueHint::AnyPath, conflicts_with = "in_place", help_heading = "Output")]
    pub(crate) to: Vec<PathBuf>,

    /// Write results where this JSON file says, in the form of a request's `sendBack`
    ///
    /// `{"type": "s3", "s3Bucket": "…", …}`. The file may hold credentials: keep it private.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "in_place", help_heading = "Output")]
    pub(crate) send_back: Vec<PathBuf>,

    /// Remove each source after all its results have arrived
    #[arg(long, conflicts_with_all = ["in_place", "dry_run"], help_heading = "Output")]
    pub(crate) delete_source: bool,

    /// What becomes of a result where its destination has one already
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "WHAT",
        conflicts_with = "in_place",
        help_heading = "Output"
    )]
    pub(crate) if_exists: IfExists,

    /// Replace each file by its result, in one step; a clean file is not touched
    ///
    /// Mode, owner, times and extended attributes are kept. Symbolic links are followed to the real file. A file
    /// with other names (hard links) is refused, because they would keep the label. An object of a store is replaced
    /// only if it did not change meanwhile; what is stored beside it travels along.
    #[arg(long, help_heading = "Output")]
    pub(crate) in_place: bool,

    /// With --in-place: replace a file that has other names (hard links); they keep the old content and its labels
    #[arg(long, requires = "in_place", conflicts_with = "to", help_heading = "Output")]
    pub(crate) break_links: bool,

    /// With --in-place: how a file is given its new content
    #[arg(long, value_enum, default_value_t, value_name = "HOW", conflicts_with_all = ["to", "send_back"], help_heading = "Output")]
    pub(crate) write: Write,

    /// When files that are written count as done
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub(crate) sync: Sync,

    /// With --in-place: keep in this directory what `unlabel undo` makes each changed file what it was from
    ///
    /// A reverse patch per file, on the medium (see --sync) before the file changes; the directory is made where it is
    /// missing, and is for its owner only. It holds the labels that were removed: delete it when it is needed no more.
    /// Only for files of this machine. Each changed file is read twice more, for digests of the whole of it.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Output")]
    pub(crate) undo_dir: Option<PathBuf>,

    /// Say what would be removed, and write nothing
    #[arg(long, help_heading = "Output")]
    pub(crate) dry_run: bool,

    /// What becomes of the freed bytes
    #[arg(long, value_enum, default_value_t, help_heading = "Output")]
    pub(crate) layout: Layout,

    /// Take out whole parts of office documents that become empty, with what names them
    ///
    /// Custom properties and sensitivity labels are parts. Such a result is shorter, whatever the layout. A part that
    /// must stay is named in the report.
    #[arg(long, help_heading = "Output")]
    pub(crate) prune_empty: bool,

    /// How much of a result is searched for what was removed
    #[arg(long, value_enum, default_value_t, help_heading = "Safety")]
    pub(crate) proof: Proof,

    /// Edit signed files too; their signature will no longer hold
    #[arg(long, help_heading = "Safety")]
    pub(crate) allow_signed: bool,

    /// Remove labels from files inside files too: pictures in documents, members of archives, attachments
    ///
    /// Without it they are found and reported, and a file whose chosen labels stand inside is partial or refused.
    #[arg(short, long, help_heading = "Labels")]
    pub(crate) recursive: bool,

    /// Write results in which some of the labels had to stay
    #[arg(long, help_heading = "Safety")]
    pub(crate) allow_partial: bool,

    /// Before anything else, remove staged files that killed runs left behind [AGE by default: 1d]
    ///
    /// In directories that are edited in place or written to, and beside files that are: files named
    /// `.NAME.unlabel-RANDOM` that belong to the user and did not change for AGE (a number with s, m, h or d). Other
    /// runs may be at work on younger ones.
    #[arg(
        long,
        value_name = "AGE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1d",
        value_parser = input::age,
        conflicts_with = "dry_run",
        help_heading = "Safety"
    )]
    pub(crate) clean_stale: Option<Duration>,

    /// Print JSON Lines: one object per file, a summary last
    #[arg(long, help_heading = "Report")]
    pub(crate) json: bool,

    /// Say the SHA-256 digest of each result in the report, as `output_digest`; each is read once more for it
    #[arg(long, help_heading = "Report")]
    pub(crate) digest: bool,

    /// Record every outcome in this file as it happens, as JSON Lines
    ///
    /// The first line says what was asked for, the last is the summary. The file must not exist yet.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "resume", help_heading = "Report")]
    pub(crate) report: Option<PathBuf>,

    /// Go on with the run that this record is of, and record the rest in it
    ///
    /// Files that it has as anything but failed are not looked at again, and count in the summary. A record that does
    /// not exist yet is begun. Labels, options, inputs and destinations must be those of the first run.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Report")]
    pub(crate) resume: Option<PathBuf>,

    /// Report in the order of the inputs, and within directories of the names
    ///
    /// Without it files are reported as they are done.
    #[arg(long, help_heading = "Report")]
    pub(crate) ordered: bool,

    /// Print only what is not clean or stripped
    #[arg(short, long, help_heading = "Report")]
    pub(crate) quiet: bool,

    /// Work on this many files at a time [default: the processors that the process may use]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024), help_heading = "Input")]
    pub(crate) jobs: Option<u16>,

    #[command(flatten)]
    pub(crate) network: Network,
}

impl Strip {
    /// Whether what is told of a file is a row for programs.
    pub(crate) fn has_rows(&self) -> bool {
        self.json || self.report.is_some() || self.resume.is_some()
    }
}

/// Treat a file as a request document says.
///
/// The document is the `metadata` of a label request, in JSON: `labels` to remove, `sendBack`, `queryID`, and
/// `uploadtype` with `objectInfo` where the file is an object of a store. Prints the envelope of the answer:
/// `{"result", "data": {"queryID", "labels", …}, "responseCode", "message"}`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{}\n\n{}", section("Examples", REQUEST_EXAMPLES), section("Exit status", EXIT_STATUS)))]
pub(crate) struct Request {
    /// The document; `-` is standard input
    #[arg(value_name = "METADATA", value_hint = ValueHint::FilePath)]
    pub(crate) metadata: PathBuf,

    /// The file; none where the document names an object
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,

    /// With `sendBack` of type `response`: write the result here, and the envelope to standard output
    ///
    /// Without it the result goes to standard output, and the envelope to standard error.
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) network: Network,
}

/// How to go about the network.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// Trust the certificates in this file (PEM) too
    #[arg(long = "ca", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca_file: Option<PathBuf>,

    /// Make a request at most this often [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) attempts: Option<u32>,

    /// Give a request up when no byte moved for this long [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: Option<u64>,

    /// How to send a file to an http(s) URL
    #[arg(long, value_enum, default_value_t)]
    pub(crate) upload_form: Form,
}

/// How a file is sent over HTTP.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Form {
    /// POST of a form with the fields `metadata` and `request`
    #[default]
    Multipart,
    /// POST of the bare bytes
    Post,
    /// PUT of the bare bytes; a URL that ends in `/` gets the name of the file
    Put,
}

impl From<Form> for unlabel_sinks::UploadForm {
    fn from(form: Form) -> Self {
        match form {
            Form::Multipart => Self::Multipart,
            Form::Post => Self::Post,
            Form::Put => Self::Put,
        }
    }
}

/// What becomes of a result where its destination has one already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum IfExists {
    /// The file fails, and what is there stays
    Error,
    /// What is there stays: the file is done where that is its very result, and fails where it is another one.
    /// Results of other labels or settings are refused (see _job.json in the manual)
    Skip,
    /// The result takes its place, in one step
    #[default]
    Overwrite,
}

impl From<IfExists> for unlabel_sinks::IfExists {
    fn from(choice: IfExists) -> Self {
        match choice {
            IfExists::Error => Self::Error,
            IfExists::Skip => Self::Skip,
            IfExists::Overwrite => Self::Overwrite,
        }
    }
}

/// What becomes of the freed bytes.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Layout {
    /// Filler of the format: same length, every other byte keeps its place
    #[default]
    Preserve,
    /// They go: the smallest result
    Compact,
}

impl From<Layout> for unlabel_core::Layout {
    fn from(layout: Layout) -> Self {
        match layout {
            Layout::Preserve => Self::Preserve,
            Layout::Compact => Self::Compact,
        }
    }
}

/// How a file is given its new content in place.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Write {
    /// A new file beside it takes its name in one step
    #[default]
    Atomic,
    /// The bytes that change are written into the file, behind a journal that `unlabel recover` undoes them from; all
    /// its names (hard links) see the change. A result of another length is refused
    Patch,
}

impl From<Write> for unlabel_sinks::Write {
    fn from(write: Write) -> Self {
        match write {
            Write::Atomic => Self::Atomic,
            Write::Patch => Self::Patch,
        }
    }
}

/// When a file that is written counts as done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sync {
    /// When the system has it: a kill tears nothing, a power cut may
    None,
    /// When it and its directory are on the medium
    #[default]
    File,
    /// The same, for up to 1,024 files at a time: much faster for many small files. They are reported when all of them
    /// are on the medium
    Batch,
}

/// How much of a result is searched.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Proof {
    /// Everything but the document itself: metadata, gaps, padding, trailers; and short texts, for copies to report
    #[default]
    Structural,
    /// Every byte and every decoded stream as well
    Full,
}

impl From<Proof> for unlabel_core::Proof {
    fn from(proof: Proof) -> Self {
        match proof {
            Proof::Structural => Self::Structural,
            Proof::Full => Self::Full,
        }
    }
}

/// Print the man page or a completion script, for packagers.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    #[command(subcommand)]
    pub(crate) what: Generated,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Generated {
    /// The man page, unlabel(1)
    Man,
    /// A completion script
    Completions {
        /// For this shell
        shell: Shell,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_hold_together() {
        Args::command().debug_assert();
    }
}
