//! A directory to work in, the command, and files made by hand.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A fresh directory, in which the command runs.
pub(crate) struct Environment {
    directory: TempDir,
}

impl Environment {
    pub(crate) fn new() -> Self {
        Self { directory: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file, and the directories on the way.
    pub(crate) fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn read(&self, name: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The command with arguments, ready to run.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unlabel"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_remove("NO_COLOR")
            .env_remove("COLUMNS")
            .stdin(Stdio::null());
        command
    }

    /// Runs the command; the arguments are words between spaces.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        Run::from(self.command(arguments.split_whitespace()).output().unwrap())
    }

    /// Runs the command with `input` on standard input.
    pub(crate) fn feed(&self, arguments: &str, input: &[u8]) -> Run {
        let mut command = self.command(arguments.split_whitespace());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_owned();
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().unwrap();
        // The command may rightly end before it has read everything.
        let _ = writer.join().unwrap();
        Run::from(output)
    }

    /// Every file below the directory, hidden ones included, with its content.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        let mut open = vec![self.directory.path().to_owned()];
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
                let path = entry.path();
                if entry.file_type().unwrap().is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(self.directory.path()).unwrap().to_string_lossy().into_owned();
                    found.insert(name, fs::read(&path).unwrap_or_default());
                }
            }
        }
        found
    }

    /// The names of [`files`](Self::files).
    pub(crate) fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }
}

/// How the command ended and what it said.
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self { code: output.status.code(), stdout: output.stdout, stderr: output.stderr }
    }
}

impl Run {
    pub(crate) fn out(&self) -> String {
        String::from_utf8(self.stdout.clone()).unwrap()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8(self.stderr.clone()).unwrap()
    }

    /// Fails unless the command ended with this code.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The lines of a JSON report, the summary last.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let text = if self.stdout.is_empty() || self.stdout.starts_with(b"\x89") { self.err() } else { self.out() };
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
        assert_eq!(lines.last().unwrap()["type"], "summary");
        lines
    }

    /// The one file line of a JSON report.
    #[track_caller]
    pub(crate) fn file(&self) -> serde_json::Value {
        let lines = self.json();
        assert_eq!(lines.len(), 2, "{self}");
        lines[0].clone()
    }
}

impl fmt::Display for Run {
    /// The form of the snapshots: times are masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |bytes: &[u8]| mask_times(&String::from_utf8_lossy(bytes));
        let code = self.code.map_or_else(|| "signal".to_owned(), |code| code.to_string());
        write!(f, "exit: {code}\n--- stdout\n{}--- stderr\n{}", words(&self.stdout), words(&self.stderr))
    }
}

/// Replaces the digits of `in 12 ms`, `"elapsed_ms":12` and `"elapsed_us":12`.
fn mask_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(start) = ["written in ", "\"elapsed_ms\":", "\"elapsed_us\":"]
        .iter()
        .filter_map(|mark| Some(rest.find(mark)? + mark.len()))
        .min()
    {
        out.push_str(&rest[..start]);
        out.push_str("[n]");
        rest = rest[start..].trim_start_matches(|letter: char| letter.is_ascii_digit());
    }
    out + rest
}

/// A PNG of one pixel with these texts, in order.
pub(crate) fn png(texts: &[(&str, &str)]) -> Vec<u8> {
    png_of(texts, &[0x78, 0x01, 0x01, 0x02, 0x00, 0xfd, 0xff, 0x00, 0x7f, 0x00, 0x81, 0x00, 0x80])
}

/// A PNG whose image data is as long as wanted; only its chunks are right.
#[cfg(unix)]
pub(crate) fn large_png(texts: &[(&str, &str)], len: usize) -> Vec<u8> {
    png_of(texts, &vec![0x55; len])
}

fn png_of(texts: &[(&str, &str)], image: &[u8]) -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut out, *b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]);
    for (key, value) in texts {
        chunk(&mut out, *b"tEXt", &[key.as_bytes(), value.as_bytes()].join(&0));
    }
    chunk(&mut out, *b"IDAT", image);
    chunk(&mut out, *b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    out.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    out.extend(crc32fast::hash(&out[start..]).to_be_bytes());
}

/// The labels that the command finds in a file.
#[track_caller]
pub(crate) fn keys(environment: &Environment, name: &str) -> Vec<String> {
    let run = Run::from(environment.command(["list", "--json", name]).output().unwrap()).ended(0);
    let labels = run.file()["labels"].as_array().unwrap().clone();
    labels.iter().map(|label| label["key"].as_str().unwrap().to_owned()).collect()
}
