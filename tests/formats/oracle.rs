//! Readers that are not ours. A missing one is a failure that says what to run, never a skipped check.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempPath;

/// `bytes` as a file with this extension, for readers that want a path. Gone when dropped.
pub(crate) fn scratch(extension: &str, bytes: &[u8]) -> TempPath {
    let mut file = tempfile::Builder::new().prefix("unlabel-").suffix(&format!(".{extension}")).tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.into_temp_path()
}

/// Seconds that a reader may take: one that never ends must not keep the tests from ending.
const PATIENCE: u64 = 120;

/// Runs a reader to its end.
pub(crate) fn run(program: &str, arguments: &[&str], path: &Path) -> Output {
    let mut command = Command::new("timeout");
    let command = command.args(["--kill-after=5", &PATIENCE.to_string(), program]).args(arguments).arg(path);
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| missing("timeout", &error));
    if output.status.code() == Some(127) {
        missing(program, &"there is none");
    }
    output
}

fn missing(program: &str, error: &dyn std::fmt::Display) -> ! {
    panic!("cannot run {program}: {error}; scripts/test installs what the tests need")
}

/// A reader that is kept running and asked many times.
struct Server {
    _child: Child,
    requests: ChildStdin,
    /// The lines that it prints, which a thread of their own reads.
    answers: Receiver<String>,
}

impl Server {
    fn start(command: &mut Command) -> Self {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| missing(&program, &error));
        let requests = child.stdin.take().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, answers) = mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { _child: child, requests, answers }
    }

    /// Sends `request` and reads lines up to the one that `last` recognises.
    fn ask(&mut self, request: &str, last: impl Fn(&str) -> bool) -> String {
        self.requests.write_all(request.as_bytes()).unwrap();
        self.requests.flush().unwrap();
        let mut answer = String::new();
        loop {
            let line = self.answers.recv_timeout(Duration::from_secs(PATIENCE));
            let line = line.unwrap_or_else(|error| {
                panic!("a reader gave no answer ({error}) to {request}; scripts/test installs what the tests need")
            });
            answer += &line;
            answer.push('\n');
            if last(&line) {
                return answer;
            }
        }
    }
}

/// Servers that are not in use. Every thread that asks takes one, or starts one.
struct Pool {
    idle: Mutex<Vec<Server>>,
    start: fn() -> Server,
}

impl Pool {
    fn ask(&self, request: &str, last: impl Fn(&str) -> bool) -> String {
        let mut server = self.idle.lock().unwrap().pop().unwrap_or_else(self.start);
        let answer = server.ask(request, last);
        self.idle.lock().unwrap().push(server);
        answer
    }
}

static EXIFTOOL: Pool = Pool {
    idle: Mutex::new(Vec::new()),
    // It takes the end of its input for a pause, and would outlive the tests; so it is told.
    start: || {
        let fed = "{ cat; echo -stay_open; echo False; } | exec exiftool -stay_open True -@ -";
        Server::start(Command::new("sh").args(["-c", fed]))
    },
};

static JUDGE: Pool = Pool {
    idle: Mutex::new(Vec::new()),
    start: || {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let python = std::env::var_os("UNLABEL_ORACLES")
            .map_or_else(|| workspace.join("target/oracles"), PathBuf::from)
            .join("bin/python");
        Server::start(Command::new(python).arg(workspace.join("tests/oracles/judge.py")))
    },
};

/// What `exiftool` prints of a file: group and tag, and every value under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags(pub(crate) BTreeMap<String, Vec<String>>);

/// Groups that describe the file on disk, its container or the program, not the metadata in it.
const NOT_METADATA: [&str; 8] = [
    "System:",
    "ZIP:",
    "Composite:",
    "ExifTool:ExifToolVersion",
    "SourceFile",
    // Of anything that it takes for text.
    "File:LineCount",
    "File:WordCount",
    "File:Newlines",
];

/// Asks `exiftool` for every tag of `path`, unknown and duplicate ones too.
pub(crate) fn exiftool(path: &Path) -> Tags {
    let request = format!("-json\n-G1:4\n-a\n-u\n-ee\n-struct\n{}\n-execute\n", path.display());
    let answer = EXIFTOOL.ask(&request, |line| line.trim_end() == "{ready}");
    let answer = answer.trim_end().strip_suffix("{ready}").unwrap_or_default();
    let mut tags = Tags::default();
    // A file that exiftool cannot read at all prints nothing.
    let Ok(Value::Array(files)) = serde_json::from_str(answer) else { return tags };
    for (key, value) in files.first().and_then(Value::as_object).into_iter().flatten() {
        if NOT_METADATA.iter().any(|group| key.starts_with(group)) {
            continue;
        }
        // `XMP-dc:Copy1:Title` is the second `XMP-dc:Title`.
        let parts: Vec<&str> = key.split(':').filter(|part| !is_copy(part)).collect();
        let tag = without_language(&parts.join(":")).to_owned();
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        tags.0.entry(tag).or_default().push(value);
    }
    tags
}

fn is_copy(part: &str) -> bool {
    part.strip_prefix("Copy").is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// A tag without the language behind it (`Title-de`): whether `exiftool` names it depends on the files it read before.
fn without_language(tag: &str) -> &str {
    let is_language = |code: &str| (2..=3).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_lowercase());
    let name = tag.rsplit(':').next().unwrap_or(tag);
    match name.rsplit_once('-') {
        Some((_, code)) if is_language(code) => tag.get(..tag.len() - code.len() - 1).unwrap_or(tag),
        _ => tag,
    }
}

/// How the tags of a file changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagDiff {
    /// Tags and values that are no longer there.
    pub(crate) removed: Vec<(String, String)>,
    /// Tags and values that were not there before.
    pub(crate) added: Vec<(String, String)>,
}

impl Tags {
    /// What is gone in `after`, and what is new there.
    pub(crate) fn diff(&self, after: &Self) -> TagDiff {
        let minus = |left: &Self, right: &Self| {
            let mut rest = Vec::new();
            for (tag, values) in &left.0 {
                let mut others = right.0.get(tag).cloned().unwrap_or_default();
                for value in values {
                    match others.iter().position(|other| other == value) {
                        Some(index) => drop(others.swap_remove(index)),
                        None => rest.push((tag.clone(), value.clone())),
                    }
                }
            }
            rest
        };
        TagDiff { removed: minus(self, after), added: minus(after, self) }
    }
}

/// What a library of that file type says of it: what it sees, or why it refuses.
pub(crate) fn open(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "open", "path": path})).map(|mut answer| answer["seen"].take())
}

/// What the library of a data format sees in a file: a hash of the content, and the labels.
pub(crate) fn table(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "table", "path": path})).map(|mut answer| answer["seen"].take())
}

/// Has the libraries of a kind of data write files with a label into a folder.
pub(crate) fn write_data(kind: &str, folder: &Path) -> Result<(), String> {
    judge(&json!({"do": "data", "kind": kind, "to": folder, "key": KEY, "value": VALUE})).map(drop)
}

/// The entries at the top of a text, with their values, as Python's readers of JSON and YAML see them.
pub(crate) fn entries(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "entries", "path": path})).map(|mut answer| answer["entries"].take())
}

/// The streams, property sets and named properties of a compound file, as `olefile` reads them.
pub(crate) fn compound(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "compound", "path": path})).map(|mut answer| answer["seen"].take())
}

/// The key under which other programs write labels: it occurs nowhere by chance.
pub(crate) const KEY: &str = "ZqLabelKey";

/// The value that they write, with characters that every carrier has to escape.
pub(crate) const VALUE: &str = "Zq&Value<7> \u{4e2d}\u{6587}";

/// Has `exiftool` write an XMP property of an unknown namespace into a copy of `path`.
pub(crate) fn inject_xmp(path: &Path, _: &str) -> Result<Vec<u8>, String> {
    exiftool_writes(&[&format!("-XMP-zq:{KEY}={VALUE}")], path)
}

/// Has `exiftool` write what the arguments say into a copy of `path`.
pub(crate) fn exiftool_writes(arguments: &[&str], path: &Path) -> Result<Vec<u8>, String> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracles/exiftool.config");
    let config = config.to_string_lossy();
    let all = [&["-config", &*config, "-q", "-q", "-m"], arguments, &["-o", "-"]].concat();
    let output = run("exiftool", &all, path);
    if output.status.success() && !output.stdout.is_empty() {
        return Ok(output.stdout);
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Has a library of that file type write a label into a copy of `path`.
pub(crate) fn inject(path: &Path, extension: &str) -> Result<Vec<u8>, String> {
    let to = scratch(extension, &[]);
    let to: &Path = &to;
    judge(&json!({"do": "inject", "path": path, "to": to, "key": KEY, "value": VALUE}))?;
    Ok(std::fs::read(to).unwrap())
}

/// All decoded streams of a PDF, joined.
pub(crate) fn pdf_streams(path: &Path) -> Result<Vec<u8>, String> {
    judge(&json!({"do": "streams", "path": path})).map(|answer| written(&answer))
}

/// Has `pikepdf` attach `files` to a PDF and put a picture on its first page, and maybe encrypt it.
pub(crate) fn attach(path: &Path, files: &[&Path], picture: &Path, security: &str) -> Result<Vec<u8>, String> {
    let to = scratch("pdf", &[]);
    let to: &Path = &to;
    let request =
        json!({"do": "attach", "path": path, "files": files, "picture": picture, "security": security, "to": to});
    judge(&request)?;
    Ok(std::fs::read(to).unwrap())
}

/// A file in a PDF as `pikepdf` finds it: name, data in hex, and what the document says of its size and checksum.
pub(crate) type Attachment = (String, String, Option<usize>, Option<String>);

/// The attachments of a PDF, and its JPEG pictures.
pub(crate) fn attachments(path: &Path) -> Result<Vec<Attachment>, String> {
    let answer = judge(&json!({"do": "attachments", "path": path}))?;
    Ok(serde_json::from_value(answer["files"].clone()).unwrap())
}

/// A message as `extract-msg` reads it.
pub(crate) fn outlook(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "outlook", "path": path})).map(|mut answer| answer["seen"].take())
}

/// A compound file with zeros in place of the document itself.
pub(crate) fn blanked(path: &Path) -> Result<Vec<u8>, String> {
    judge(&json!({"do": "blanked", "path": path})).map(|answer| written(&answer))
}

/// The file that an answer names, which goes.
fn written(answer: &Value) -> Vec<u8> {
    let to = PathBuf::from(answer["to"].as_str().unwrap());
    let streams = std::fs::read(&to).unwrap();
    std::fs::remove_file(to).unwrap();
    streams
}

/// Path and content hash of every element of an XML file, in document order.
pub(crate) fn elements(path: &Path) -> Result<Vec<(String, String)>, String> {
    let answer = judge(&json!({"do": "elements", "path": path}))?;
    Ok(serde_json::from_value(answer["elements"].clone()).unwrap())
}

/// The same of every member of an EPUB that describes it.
pub(crate) fn package_elements(path: &Path) -> Result<Vec<(String, String)>, String> {
    let answer = judge(&json!({"do": "book", "path": path}))?;
    Ok(serde_json::from_value(answer["elements"].clone()).unwrap())
}

/// The same of an HTML page, as html5lib builds it.
pub(crate) fn page(path: &Path) -> Result<Vec<(String, String)>, String> {
    let answer = judge(&json!({"do": "page", "path": path}))?;
    Ok(serde_json::from_value(answer["elements"].clone()).unwrap())
}

/// The picture that librsvg draws, or nothing if it refuses the file.
pub(crate) fn drawing(path: &Path) -> Option<u64> {
    let output = run("rsvg-convert", &["-w", "160"], path);
    output.status.success().then(|| hash(&output.stdout))
}

/// Name and content hash of every member of a ZIP, in directory order.
pub(crate) fn zip_members(path: &Path) -> Result<Vec<(String, String)>, String> {
    let answer = judge(&json!({"do": "members", "path": path}))?;
    Ok(serde_json::from_value(answer["members"].clone()).unwrap())
}

/// Fields and bodies of every message and part, as Python's `email` reads them.
pub(crate) fn mail(path: &Path) -> Result<Value, String> {
    judge(&json!({"do": "mail", "path": path}))
}

fn judge(request: &Value) -> Result<Value, String> {
    let answer: Value = serde_json::from_str(&JUDGE.ask(&format!("{request}\n"), |_| true)).unwrap();
    if answer["ok"] == true { Ok(answer) } else { Err(answer["error"].as_str().unwrap_or("no reason").to_owned()) }
}

/// How bad `qpdf --check` finds a file: 0 nothing, 3 warnings, 2 errors turned into 4 so that worse is greater.
pub(crate) fn qpdf_check(path: &Path) -> i32 {
    match run("qpdf", &["--check"], path).status.code() {
        Some(2) | None => 4,
        Some(code) => code,
    }
}

/// One hash per rendered page, or nothing if the renderer refuses the file.
pub(crate) fn pdf_pages(path: &Path) -> Option<Vec<u64>> {
    let output = run("pdftoppm", &["-r", "24", "-l", "5", "-q"], path);
    output.status.success().then(|| output.stdout.split_inclusive(|&b| b == b'\n').map(hash).collect())
}

/// The decoded pixels of an image, all frames, as `ImageMagick` signs them; its complaint otherwise.
pub(crate) fn pixels(path: &Path) -> Result<String, String> {
    let output = run("identify", &["-quiet", "-format", "%#\n"], path);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err("ImageMagick refuses it".into()) }
}

/// Hashes of the packets of every stream of a sound or video, as `ffmpeg` reads them; nothing if it refuses the file.
pub(crate) fn streams(path: &Path) -> Option<String> {
    let path = path.to_string_lossy();
    let arguments = ["-v", "quiet", "-i", &path, "-map", "0", "-c", "copy", "-f", "streamhash", "-hash", "md5"];
    let output = run("ffmpeg", &arguments, Path::new("-"));
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Hashes of every stream, decoded or as it is, without pictures that stand in tags.
pub(crate) fn sound(path: &Path, decodes: bool) -> Option<String> {
    let path = path.to_string_lossy();
    let copy: &[&str] = if decodes { &[] } else { &["-c", "copy"] };
    let input = ["-v", "quiet", "-i", &path, "-map", "0:a?", "-map", "0:V?"];
    let output = run("ffmpeg", &[&input[..], copy, &["-f", "streamhash", "-hash", "md5"]].concat(), Path::new("-"));
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a reader that answers with its exit code accepts the file.
pub(crate) fn accepts(program: &str, arguments: &[&str], path: &Path) -> bool {
    run(program, arguments, path).status.success()
}

fn hash(bytes: &[u8]) -> u64 {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::collections::hash_map::DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Starts every program that the tests ask, so that a bare machine fails in a second and not in the middle.
pub(crate) fn all_present() {
    for (program, argument) in [
        ("exiftool", "-ver"),
        ("qpdf", "--version"),
        ("pdftoppm", "-v"),
        ("pngcheck", "-h"),
        ("identify", "-version"),
        ("unzip", "-v"),
        ("7z", "i"),
        ("rsvg-convert", "--version"),
        ("ffmpeg", "-version"),
        ("mkvmerge", "--version"),
    ] {
        let started = Command::new(program).arg(argument).stdin(Stdio::null()).output();
        started.unwrap_or_else(|error| missing(program, &error));
    }
}
