//! Where results go, and by which name.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use futures_executor::block_on;
use unlabel_core::{Outcome, Payload};
use unlabel_sinks::{
    Committed, ErrorKind, File, HttpUpload, HttpUploadConfig, IfExists, JOB_FILE, Location, Prepared, PutOptions, Sink,
    StoredObject, UploadForm, Write, bind, commit,
};

use crate::failure::{Failure, Result};
use crate::network::{Settings, runtime};
use crate::place::{Place, store_of, without_query};

/// Where results go.
#[derive(Debug)]
pub(crate) enum Output {
    /// Each file is replaced by its result.
    InPlace(Write),
    /// One result, to exactly this file.
    File(PathBuf),
    /// Results by their names.
    Directory(PathBuf),
    /// Across a network: by their names where the URL ends in a slash, and exactly there where it does not.
    Far { sink: Arc<dyn Sink>, url: String },
}

/// How results are made visible and lasting.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Delivery {
    pub(crate) if_exists: IfExists,
    pub(crate) sync: Sync,
}

/// When local files are brought to the medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    None,
    File,
    /// Many files together.
    Batch,
}

/// A result on its way.
pub(crate) enum Delivered {
    /// It is there, at this place.
    Done(Committed, String),
    /// It is ready, and to be committed with others.
    Waiting(Box<Prepared>, String),
    /// There was nothing to do.
    Untouched,
}

/// A result and what it was made from.
pub(crate) struct Parcel<'p> {
    pub(crate) place: &'p Place,
    pub(crate) payload: &'p Payload,
    pub(crate) outcome: Outcome,
    pub(crate) options: PutOptions,
    pub(crate) version: Option<&'p str>,
}

impl Output {
    /// The output that a path or URL names: exactly it, or what is below it.
    pub(crate) fn new(text: &Path, is_exact: bool, settings: &Settings) -> Result<Self> {
        let Some(url) = text.to_str().filter(|text| Location::is_url(text)) else {
            return Ok(Self::local(text.to_owned(), is_exact));
        };
        match settings.location(url)? {
            Location::Path(path) => Ok(Self::local(path, is_exact)),
            Location::Store(object) => Self::store(url, *object, is_exact, settings),
            Location::Http(config) => Self::http(config, is_exact, settings),
            _ => Err(Failure::usage("this is no place for results")),
        }
    }

    fn local(path: PathBuf, is_exact: bool) -> Self {
        if is_exact { Self::File(path) } else { Self::Directory(path) }
    }

    fn store(url: &str, mut object: StoredObject, is_exact: bool, settings: &Settings) -> Result<Self> {
        let mut key = object.key.take().unwrap_or_default();
        let is_prefix = key.is_empty() || key.ends_with('/');
        if is_exact && is_prefix {
            return Err(Failure::usage("the URL names no object: its key is empty or ends in a slash"));
        }
        if !is_exact && !is_prefix {
            key.push('/');
        }
        // As it was named, not as the store calls itself: that may depend on whether somebody has entered it yet.
        let url = format!("{}/{key}", store_of(url));
        object.key = (!key.is_empty()).then_some(key);
        let _guard = runtime()?.enter();
        let objects = object.objects(&settings.transfer())?;
        Ok(Self::Far { sink: Arc::new(if is_exact { objects } else { objects.as_prefix() }), url })
    }

    fn http(config: HttpUploadConfig, is_exact: bool, settings: &Settings) -> Result<Self> {
        let mut config = HttpUploadConfig { form: UploadForm::Put, ..config };
        if !is_exact && !config.url.path().ends_with('/') {
            config.url.set_path(&format!("{}/", config.url.path()));
        }
        let url = without_query(&config.url);
        let _guard = runtime()?.enter();
        Ok(Self::Far { sink: Arc::new(HttpUpload::new(config, settings.transfer())?), url })
    }

    /// Binds the place to the job that an engine does, where results are only compared: those of another job would be taken
    /// for ours, or ours for theirs.
    pub(crate) fn bind(&self, engine: &unlabel_core::Engine) -> Result<()> {
        let job = engine.job();
        let bound = match self {
            Self::Directory(root) => block_on(bind(&File::in_directory(root), &job)),
            Self::Far { sink, url } if url.ends_with('/') => runtime()?.block_on(bind(sink.as_ref(), &job)),
            _ => return Ok(()),
        };
        bound.map_err(|error| match error.kind() {
            ErrorKind::Exists => Failure::new("job", format!("the output cannot be used: {error}")),
            _ => error.into(),
        })
    }

    /// Brings a result where it goes by this name, or makes that ready.
    pub(crate) fn deliver(&self, parcel: &Parcel<'_>, name: &Path, delivery: Delivery) -> Result<Delivered> {
        match self {
            Self::InPlace(write) => in_place(parcel, *write, delivery),
            Self::File(path) => near(&File::at(path), path, parcel, delivery),
            Self::Directory(root) => {
                // A name that is no text can be no worse than its components, which have been looked at.
                let path = root.join(name);
                near(&File::at(&path), &path, parcel, delivery)
            }
            Self::Far { sink, url } => {
                let name = text(name)?;
                let location = if url.ends_with('/') { format!("{url}{name}") } else { url.clone() };
                far(sink.as_ref(), name, parcel, delivery, location)
            }
        }
    }
}

fn in_place(parcel: &Parcel<'_>, write: Write, delivery: Delivery) -> Result<Delivered> {
    if parcel.outcome == Outcome::Clean {
        return Ok(Delivered::Untouched);
    }
    let delivery = Delivery { if_exists: IfExists::Overwrite, ..delivery };
    match (parcel.place, parcel.version) {
        (Place::Path(path), _) => near(&File::in_place().writing(write), path, parcel, delivery),
        (Place::Object { objects, store, key }, Some(version)) => {
            let location = format!("{store}/{key}");
            let parcel = Parcel { options: parcel.options.clone().if_match(version), ..*parcel };
            far(&objects.object(key), "", &parcel, delivery, location)
        }
        _ => Err(Failure::usage("a file behind a URL cannot be replaced")),
    }
}

/// To a place of this machine.
fn near(file: &File, path: &Path, parcel: &Parcel<'_>, delivery: Delivery) -> Result<Delivered> {
    let location = path.to_string_lossy().into_owned();
    if delivery.sync == Sync::Batch {
        let options = parcel.options.clone().create_only(delivery.if_exists != IfExists::Overwrite);
        match file.prepare("", parcel.payload, &options) {
            Ok(prepared) if prepared.is_pending() => {
                return Ok(Delivered::Waiting(Box::new(prepared.waiting()), location));
            }
            Err(error) if error.kind() != ErrorKind::Exists || delivery.if_exists != IfExists::Skip => {
                return Err(error.into());
            }
            // Nothing to do, or something is there, which is looked at below.
            _ => {}
        }
    }
    let file = file.clone().synced(delivery.sync != Sync::None);
    let done = block_on(commit(&file, "", parcel.payload, &parcel.options, delivery.if_exists));
    Ok(Delivered::Done(done?.1, location))
}

/// To a place across a network.
fn far(sink: &dyn Sink, name: &str, parcel: &Parcel<'_>, delivery: Delivery, location: String) -> Result<Delivered> {
    let done = commit(sink, name, parcel.payload, &parcel.options, delivery.if_exists);
    Ok(Delivered::Done(runtime()?.block_on(done)?.1, location))
}

/// The name of the result of a file: its path below the root, or, without a root, its whole path without what makes it
/// absolute. It depends on nothing else, so that whoever does a file again arrives at the same place.
pub(crate) fn name(place: &Place, root: Option<&Place>) -> Result<PathBuf> {
    let name = match (place, root) {
        (Place::Path(path), None) => Some(path.strip_prefix("/").unwrap_or(path).to_owned()),
        (Place::Path(path), Some(Place::Path(root))) => below(path, root)?,
        (Place::Object { key, .. }, None) => Some(PathBuf::from(key)),
        (Place::Object { store, key, .. }, Some(Place::Object { store: root_store, key: root_key, .. })) => {
            let root_key = root_key.trim_end_matches('/');
            let rest = if root_key.is_empty() { Some(key.as_str()) } else { key.strip_prefix(root_key) };
            let is_below = |rest: &&str| store == root_store && (root_key.is_empty() || rest.starts_with('/'));
            rest.filter(is_below).map(|rest| PathBuf::from(rest.strip_prefix('/').unwrap_or(rest)))
        }
        (Place::Http(config), None) => Some(PathBuf::from(config.url.path().trim_start_matches('/'))),
        (Place::Http(config), Some(Place::Http(root))) => {
            let root = format!("{}/", without_query(&root.url).trim_end_matches('/'));
            without_query(&config.url).strip_prefix(&root).map(PathBuf::from)
        }
        _ => None,
    };
    match name {
        Some(name) => plain(&name),
        None => Err(Failure::new("name", "the file is not below the root")),
    }
}

/// The path below `root`, both made absolute by the working directory, links and `..` taken as they are written.
fn below(path: &Path, root: &Path) -> Result<Option<PathBuf>> {
    let absolute = |path| {
        std::path::absolute(path).map_err(|error| Failure::new("io", format!("cannot resolve the path: {error}")))
    };
    Ok(absolute(path)?.strip_prefix(absolute(root)?).ok().map(Path::to_owned))
}

/// The name without `.`, where it leads nowhere else.
fn plain(name: &Path) -> Result<PathBuf> {
    let parts = name.components().filter(|part| *part != Component::CurDir);
    let parts = parts.map(|part| match part {
        Component::Normal(part) => Ok(part),
        _ => Err(Failure::new("name", "a path with `..` has no place below the output")),
    });
    let name = parts.collect::<Result<Vec<&OsStr>>>()?.into_iter().collect::<PathBuf>();
    match name.to_str() {
        Some("") => Err(Failure::new("name", "the path names no file")),
        Some(JOB_FILE) => Err(Failure::new("name", "a result would have the name of what binds the output to its job")),
        _ => Ok(name),
    }
}

fn text(name: &Path) -> Result<&str> {
    name.to_str().ok_or_else(|| Failure::new("name", "the path is no text, and cannot be part of a URL"))
}
