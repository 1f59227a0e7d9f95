//! Where results go, and which input goes where.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf, is_separator};
use std::sync::Arc;

use unlabel_core::batch::Walk;
use unlabel_core::{Error, ErrorKind, Job as Made, Result};
use unlabel_sinks::{File, Location, SendBack, Sink, StoredObject};

use super::names::{Taken, folded, is_job_name, job_name, name};
use crate::args::{IfExists, Strip};
use crate::exit::UsageError;
use crate::found::{self, Found};
use crate::input::{is_left_over, is_stream};
use crate::remote::{Item, Origin, Remote};
use crate::text;

/// Where the results of a run go: nowhere in a dry run, to one place, or to several.
#[derive(Debug)]
pub(crate) struct Destinations(Vec<Destination>);

#[derive(Debug)]
enum Destination {
    InPlace,
    Stdout,
    /// One input, to this file.
    File(PathBuf),
    Directory(Directory),
    /// Results by their names.
    Sink {
        sink: Arc<dyn Sink>,
        taken: Taken,
        has_job: bool,
    },
    /// Uploads by their names, to a server that cannot be asked what it has.
    Upload {
        sink: Arc<dyn Sink>,
        taken: Taken,
    },
    /// One input, to the one object that the sink is made for.
    Object(Arc<dyn Sink>),
}

/// A directory that takes results under their relative paths.
#[derive(Debug)]
struct Directory {
    /// As it was named.
    path: PathBuf,
    /// The same, absolute and without links, whether or not it exists yet.
    real: PathBuf,
    /// The input directories that results must not fall into.
    inputs: Vec<PathBuf>,
    taken: Taken,
    /// Whether it is bound to a job, by a file in it.
    has_job: bool,
}

/// Where a result of one file goes.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// Its own path, or its own key.
    InPlace,
    Stdout,
    File(PathBuf),
    Sink {
        sink: Arc<dyn Sink>,
        name: String,
    },
}

/// One file to treat.
#[derive(Debug)]
pub(crate) struct Job {
    pub(super) item: Item,
    /// Where its results go, or why it cannot be treated.
    pub(super) targets: Result<Vec<Target>>,
}

/// What the inputs of a run are, as far as destinations care.
pub(super) struct Inputs<'i> {
    pub(super) origins: &'i [Origin],
    has_stdin: bool,
    /// Whether results that are there count as done, so that they must be of the same job.
    has_job: bool,
}

impl Inputs<'_> {
    fn is_one(&self) -> bool {
        matches!(self.origins, [origin] if !origin.is_many())
    }

    /// The directories among them.
    fn directories(&self) -> impl Iterator<Item = &Path> {
        self.origins.iter().filter_map(|origin| match origin {
            Origin::Path(path) if origin.is_many() => Some(path.as_path()),
            _ => None,
        })
    }
}

impl Destinations {
    /// Reads the options.
    ///
    /// # Errors
    /// When they name no destination, or one that cannot take these inputs.
    pub(crate) fn new(options: &Strip, origins: &[Origin], remote: &Remote) -> Result<Self, UsageError> {
        let is_stdin = |origin: &Origin| matches!(origin, Origin::Path(path) if is_stream(path));
        let has_job = options.if_exists == IfExists::Skip;
        let inputs = Inputs { origins, has_stdin: origins.iter().any(is_stdin), has_job };
        let has_http = origins.iter().any(|origin| matches!(origin, Origin::Http(_)));
        if options.delete_source && (has_http || inputs.has_stdin) {
            let what = if has_http { "a file behind an http(s) URL" } else { "standard input" };
            return Err(UsageError::new(format!("{what} cannot be removed: leave out --delete-source")));
        }
        if options.in_place {
            return in_place(&inputs).map(|destination| Self(vec![destination]));
        }
        let mut all = Vec::new();
        for to in &options.to {
            all.push(Destination::named(to, &inputs, remote)?);
        }
        for file in &options.send_back {
            all.push(Destination::sent_back_as(file, &inputs, remote)?);
        }
        if all.iter().filter(|destination| matches!(destination, Destination::Stdout)).count() > 1 {
            return Err(UsageError::new("standard output is named twice"));
        }
        if all.is_empty() && !options.dry_run && inputs.has_stdin && inputs.is_one() {
            // A filter, as others are.
            return Ok(Self(vec![Destination::Stdout]));
        }
        if all.is_empty() && !options.dry_run {
            return Err(UsageError::new(
                "neither --to nor --in-place: add --to DEST to write results elsewhere, or --in-place to replace the \
                 files",
            ));
        }
        Ok(Self(all))
    }

    /// Where one `sendBack` says.
    ///
    /// # Errors
    /// When it cannot take these inputs.
    pub(crate) fn sent_back(send_back: SendBack, origins: &[Origin], remote: &Remote) -> Result<Self, UsageError> {
        let inputs = Inputs { origins, has_stdin: false, has_job: false };
        Ok(Self(vec![Destination::sent_back(send_back, &inputs, remote, "sendBack")?]))
    }

    /// Binds the places that are to keep results of this job only; in a dry run, looks whether they are another's.
    ///
    /// # Errors
    /// When one has results of another job, or cannot be written to.
    pub(super) fn bind(&self, options: &Strip, made: &Made, remote: &Remote) -> Result<(), UsageError> {
        for destination in &self.0 {
            let (sink, bound): (Arc<dyn Sink>, _) = match destination {
                Destination::Directory(directory) if directory.has_job => {
                    (Arc::new(File::in_directory(&directory.path)), text::path(&directory.path))
                }
                Destination::Sink { sink, has_job: true, .. } => (Arc::clone(sink), text::escape(&sink.to_string())),
                _ => continue,
            };
            let binding = async {
                if options.dry_run {
                    unlabel_sinks::check(&*sink, made).await
                } else {
                    unlabel_sinks::bind(&*sink, made).await
                }
            };
            let done = match destination {
                Destination::Sink { .. } => remote.runtime()?.block_on(binding),
                _ => futures_executor::block_on(binding),
            };
            done.map_err(|error| UsageError::new(format!("--if-exists skip: {bound}: {error}")))?;
        }
        Ok(())
    }

    /// Whether data goes to standard output.
    pub(super) fn has_stdout(&self) -> bool {
        self.0.iter().any(|destination| matches!(destination, Destination::Stdout))
    }

    /// The files at and below the origins, each with its targets. `record` is no input, wherever it is.
    pub(crate) fn jobs<'d>(
        &'d self,
        origins: &'d [Origin],
        walk: &'d Walk,
        remote: &'d Remote,
        record: Option<&'d Path>,
    ) -> impl Iterator<Item = Job> + Send + 'd {
        let is_own = move |path: &Path| {
            let same =
                |own: &Path| path.file_name() == own.file_name() && fs::canonicalize(path).is_ok_and(|it| it == own);
            record.is_some_and(same)
        };
        let skip = move |path: &Path| is_left_over(path) || self.is_output(path) || is_own(path);
        origins.iter().flat_map(move |origin| {
            let mut first = None;
            found::files(origin, walk, remote, skip).map(move |found| match (origin, &found.item) {
                (Origin::List(_), Item::Path(path)) if self.has_directory() && is_mixed(path, &mut first) => {
                    let words = "the list has absolute and relative paths, whose results could have the same names";
                    Job { item: found.item, targets: Err(Error::new(ErrorKind::Usage, words)) }
                }
                _ => self.job(found),
            })
        })
    }

    /// The directories that results are written in, and whether below them too; of lists nothing is known.
    pub(super) fn writes_in(&self, origins: &[Origin]) -> Vec<(PathBuf, bool)> {
        let beside = |path: &Path| {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            parent.unwrap_or(Path::new(".")).to_owned()
        };
        let mut all: Vec<(PathBuf, bool)> = Vec::new();
        for destination in &self.0 {
            match destination {
                Destination::InPlace => all.extend(origins.iter().filter_map(|origin| match origin {
                    Origin::Path(path) if origin.is_many() => Some((path.clone(), true)),
                    Origin::Path(path) => Some((beside(path), false)),
                    _ => None,
                })),
                Destination::File(path) => all.push((beside(path), false)),
                Destination::Directory(directory) => all.push((directory.real.clone(), true)),
                Destination::Stdout
                | Destination::Sink { .. }
                | Destination::Upload { .. }
                | Destination::Object(_) => {}
            }
        }
        all.sort();
        all.dedup();
        all
    }

    /// Whether results are told apart by their relative paths alone.
    fn has_directory(&self) -> bool {
        let has = |destination: &Destination| {
            matches!(destination, Destination::Directory(_) | Destination::Sink { .. } | Destination::Upload { .. })
        };
        self.0.iter().any(has)
    }

    /// Whether the path is where results go: not an input, even inside one.
    fn is_output(&self, path: &Path) -> bool {
        self.0.iter().any(|destination| match destination {
            Destination::Directory(directory) => {
                path.file_name() == directory.real.file_name()
                    && fs::canonicalize(path).is_ok_and(|path| path == directory.real)
            }
            _ => false,
        })
    }

    fn job(&self, Found { item, relative }: Found) -> Job {
        let all = |relative: PathBuf| self.0.iter().map(|destination| destination.target(&relative)).collect();
        Job { item, targets: relative.and_then(all) }
    }
}

/// Whether the path is absolute where the first one was relative, or the other way round.
fn is_mixed(path: &Path, first: &mut Option<bool>) -> bool {
    *first.get_or_insert(path.is_absolute()) != path.is_absolute()
}

fn in_place(inputs: &Inputs<'_>) -> Result<Destination, UsageError> {
    if inputs.has_stdin {
        return Err(UsageError::new("standard input cannot be replaced in place: use --to FILE or --to -"));
    }
    if inputs.origins.iter().any(|origin| matches!(origin, Origin::Http(_))) {
        return Err(UsageError::new("an http(s) URL cannot be replaced in place: use --to"));
    }
    Ok(Destination::InPlace)
}

impl Destination {
    fn named(to: &Path, inputs: &Inputs<'_>, remote: &Remote) -> Result<Self, UsageError> {
        if is_stream(to) {
            return Self::stdout(inputs);
        }
        if to.as_os_str().is_empty() {
            return Err(UsageError::new("--to is empty: name a file or directory"));
        }
        match remote.location(to)? {
            Location::Path(path) => Self::path(&path, inputs),
            Location::Http(config) => Self::sink(SendBack::HttpUpload(config), inputs, remote),
            Location::Store(place) => Self::store(&place, inputs, remote, &format!("--to {}", text::path(to))),
            _ => Self::stdout(inputs),
        }
    }

    fn sent_back_as(file: &Path, inputs: &Inputs<'_>, remote: &Remote) -> Result<Self, UsageError> {
        let shown = format!("--send-back {}", text::path(file));
        let failed = |error: &dyn std::fmt::Display| UsageError::new(format!("{shown}: {error}"));
        let words = fs::read_to_string(file).map_err(|error| failed(&error))?;
        Self::sent_back(serde_json::from_str(&words).map_err(|error| failed(&error))?, inputs, remote, &shown)
    }

    fn sent_back(send_back: SendBack, inputs: &Inputs<'_>, remote: &Remote, shown: &str) -> Result<Self, UsageError> {
        match send_back {
            SendBack::Response => Self::stdout(inputs),
            SendBack::Store(place) => Self::store(&place, inputs, remote, shown),
            other => Self::sink(other, inputs, remote),
        }
    }

    fn stdout(inputs: &Inputs<'_>) -> Result<Self, UsageError> {
        if inputs.is_one() {
            return Ok(Self::Stdout);
        }
        Err(UsageError::new("--to - takes the result of one file: name one, or give --to a directory"))
    }

    fn store(place: &StoredObject, inputs: &Inputs<'_>, remote: &Remote, shown: &str) -> Result<Self, UsageError> {
        let prefix = place.key.clone().unwrap_or_default();
        let objects = remote.objects(place)?;
        if objects.is_exact() && !prefix.ends_with('/') {
            if inputs.is_one() {
                return Ok(Self::Object(Arc::new(objects)));
            }
            return Err(UsageError::new(format!(
                "{shown} is one object, and there may be many results: add a `/` to put them under it"
            )));
        }
        if inputs.has_stdin {
            return Err(UsageError::new("standard input has no name to be stored under: name an object"));
        }
        let (taken, has_job) = (Taken::of(inputs), inputs.has_job);
        Ok(Self::Sink { sink: Arc::new(objects.as_prefix()), taken, has_job })
    }

    fn sink(send_back: SendBack, inputs: &Inputs<'_>, remote: &Remote) -> Result<Self, UsageError> {
        remote.runtime()?;
        let sink = send_back.into_sink(remote.transfer()).map_err(|error| UsageError::new(error.to_string()))?;
        if inputs.has_stdin && !inputs.is_one() {
            return Err(UsageError::new("standard input has no name to be sent under: send it alone"));
        }
        if inputs.has_job {
            let words = "an upload cannot look at what is there, as --if-exists skip does: choose error or overwrite";
            return Err(UsageError::new(words));
        }
        Ok(Self::Upload { sink, taken: Taken::of(inputs) })
    }

    fn path(to: &Path, inputs: &Inputs<'_>) -> Result<Self, UsageError> {
        // Looked at once: another run may make the directory meanwhile.
        let found = fs::metadata(to).ok();
        let is_there = |is_dir: bool| found.as_ref().is_some_and(|found| found.is_dir() == is_dir);
        let is_directory = is_there(true) || to.to_string_lossy().ends_with(is_separator);
        if inputs.is_one() && !is_directory {
            return Ok(Self::File(to.to_owned()));
        }
        if inputs.has_stdin {
            return Err(UsageError::new("standard input has no name to be stored under: give --to a file"));
        }
        if !is_directory && is_there(false) {
            let to = text::path(to);
            return Err(UsageError::new(format!(
                "--to {to} is a file, and there may be many results: name a directory"
            )));
        }
        let failed = |error| UsageError::new(format!("--to {}: {error}", text::path(to)));
        let real = real(to).map_err(failed)?;
        let roots = inputs.directories().map(fs::canonicalize);
        let roots = roots.collect::<io::Result<Vec<_>>>().map_err(failed)?;
        if roots.contains(&real) {
            return Err(UsageError::new(format!(
                "--to {} is an input itself: use --in-place, or another directory",
                text::path(to)
            )));
        }
        // Of an input that the destination lies in, the destination is left out; no other may take results.
        let barred = roots.into_iter().filter(|root| !real.starts_with(root)).collect();
        let (taken, has_job) = (Taken::of(inputs), inputs.has_job);
        Ok(Self::Directory(Directory { path: to.to_owned(), real, inputs: barred, taken, has_job }))
    }

    fn target(&self, relative: &Path) -> Result<Target> {
        match self {
            Self::InPlace => Ok(Target::InPlace),
            Self::Stdout => Ok(Target::Stdout),
            Self::File(path) => Ok(Target::File(path.clone())),
            Self::Directory(directory) => directory.target(relative),
            Self::Object(sink) => Ok(Target::Sink { sink: Arc::clone(sink), name: String::new() }),
            Self::Sink { has_job: true, .. } if is_job_name(relative) => Err(job_name()),
            Self::Sink { sink, taken, .. } | Self::Upload { sink, taken } => {
                let name = name(relative)?;
                if !taken.take(Path::new(&name)) {
                    let words = format!("its name {} is that of another input", text::escape(&name));
                    return Err(Error::new(ErrorKind::Usage, words));
                }
                Ok(Target::Sink { sink: Arc::clone(sink), name })
            }
        }
    }
}

impl Directory {
    fn target(&self, relative: &Path) -> Result<Target> {
        let output = self.path.join(relative);
        let refuse = |why: &str| Err(Error::new(ErrorKind::Usage, format!("its output {} {why}", text::path(&output))));
        // The names of objects are chosen by others.
        if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
            return refuse("would lie outside the destination");
        }
        if self.inputs.iter().any(|input| self.real.join(relative).starts_with(input)) {
            return refuse("lies in an input directory: choose another destination");
        }
        if self.has_job && is_job_name(relative) {
            return Err(job_name());
        }
        if !self.taken.take(&folded(relative)) {
            return refuse("is that of another input: strip them to different destinations");
        }
        Ok(Target::File(output))
    }
}

/// The absolute path without links; what does not exist yet is taken as it is.
fn real(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut missing = Vec::new();
    let mut existing = path.as_path();
    loop {
        match fs::canonicalize(existing) {
            Ok(real) => return Ok(missing.iter().rev().fold(real, |real, name| real.join(name))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (Some(name), Some(parent)) = (existing.file_name(), existing.parent()) else { return Ok(path) };
        missing.push(name);
        existing = parent;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_does_not_exist_yet_has_a_real_path_too() {
        let root = tempfile::tempdir().unwrap();
        let base = fs::canonicalize(root.path()).unwrap();
        assert_eq!(real(&root.path().join("a/b")).unwrap(), base.join("a/b"));
        fs::create_dir(root.path().join("a")).unwrap();
        assert_eq!(real(&root.path().join("a/./b")).unwrap(), base.join("a/b"));
    }

    #[test]
    fn no_two_inputs_share_an_output() {
        let directory = Directory {
            path: "out".into(),
            real: "/w/out".into(),
            inputs: vec!["/w/out/in".into()],
            taken: Taken(Some(Mutex::default())),
            has_job: false,
        };
        let target = |relative: &str| directory.target(Path::new(relative));
        assert!(matches!(target("a/x"), Ok(Target::File(path)) if path == Path::new("out/a/x")));
        assert!(matches!(target("b/x"), Ok(Target::File(path)) if path == Path::new("out/b/x")));
        assert!(target("a/x").unwrap_err().reason().contains("another input"));
        assert!(target("in/x").unwrap_err().reason().contains("input directory"));
        for outside in ["../x", "/etc/x", "a/../../x"] {
            assert!(target(outside).unwrap_err().reason().contains("outside the destination"), "{outside}");
        }
    }
}
