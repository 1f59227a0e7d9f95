//! Where files are read: paths of this machine, objects of a store, files behind URLs.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use unlabel_core::{Cleaned, Limits, Payload, Source};
use unlabel_sinks::remote::{ObjectReader, Objects};
use unlabel_sinks::{FileLabels, HttpUploadConfig, Location, PutOptions, StoreConfig, StoredObject};

use crate::failure::{Failure, Result};
use crate::network::{Settings, runtime};

/// Places as they are named, and the stores among them, each entered once.
#[derive(Debug, Default)]
pub(crate) struct Places {
    settings: Settings,
    stores: Mutex<Vec<(StoreConfig, Arc<Objects>)>>,
}

/// One input.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Path(PathBuf),
    Object { objects: Arc<Objects>, store: String, key: String },
    Http(Box<HttpUploadConfig>),
}

/// An open input.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) source: Source,
    reader: Option<Arc<ObjectReader>>,
}

impl Places {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, stores: Mutex::default() }
    }

    /// The place that a path or URL names.
    pub(crate) fn find(&self, path: &Path) -> Result<Place> {
        let Some(text) = path.to_str().filter(|text| Location::is_url(text)) else {
            return Ok(Place::Path(path.to_owned()));
        };
        match self.settings.location(text)? {
            Location::Path(path) => Ok(Place::Path(path)),
            Location::Http(config) => Ok(Place::Http(Box::new(config))),
            Location::Store(object) => {
                let StoredObject { store, key } = *object;
                let objects = self.objects(store)?;
                Ok(Place::Object { objects, store: store_of(text), key: key.unwrap_or_default() })
            }
            _ => Err(Failure::usage("this is no place of files")),
        }
    }

    /// The objects of a whole store.
    fn objects(&self, store: StoreConfig) -> Result<Arc<Objects>> {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, objects)) = stores.iter().find(|(known, _)| *known == store) {
            return Ok(Arc::clone(objects));
        }
        let _guard = runtime()?.enter();
        let objects = Arc::new(StoredObject { store: store.clone(), key: None }.objects(&self.settings.transfer())?);
        stores.push((store, Arc::clone(&objects)));
        Ok(objects)
    }

    /// Opens an input, with the labels that are kept beside its bytes. Blocks.
    pub(crate) fn open(&self, place: &Place) -> Result<Opened> {
        match place {
            Place::Path(path) => {
                let source = Source::open(path)?;
                let labels = labels(&source).map_err(|error| Failure::from(error).for_path(path))?;
                Ok(Opened { source: source.with_attached(labels.sites()), reader: None })
            }
            Place::Object { objects, key, .. } => {
                let (source, reader) = runtime()?.block_on(objects.open(key))?;
                let source = source.with_attached(reader.object().attributes.sites());
                Ok(Opened { source, reader: Some(reader) })
            }
            Place::Http(config) => {
                let transfer = self.settings.transfer();
                let limits = Limits::default();
                let source = runtime()?.block_on(unlabel_sinks::open_http(config, &transfer, &limits))?;
                Ok(Opened { source, reader: None })
            }
        }
    }
}

impl Opened {
    /// The version that was read, where a store tells versions apart.
    pub(crate) fn version(&self) -> Option<&str> {
        self.reader.as_ref().map(|reader| reader.object().etag.as_str())
    }

    /// How to put a result: without the labels beside the bytes that go, and next to the object it was made from.
    pub(crate) fn put_options(&self, cleaned: &Cleaned) -> Result<PutOptions> {
        if let Some(reader) = &self.reader {
            return Ok(reader.put_options(cleaned));
        }
        let Some(source) = cleaned.payload().map(Payload::source) else { return Ok(PutOptions::default()) };
        let labels = labels(source)?;
        if labels.sites() != source.attached() {
            return Err(Failure::new("changed", "the file's attributes changed while it was being treated"));
        }
        Ok(PutOptions::default().file_attributes(labels.without(cleaned.detached())))
    }
}

/// A path or URL as reports and errors print it: as text, and without what may be a secret.
pub(crate) fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    let Some((scheme, rest)) = text.split_once("://").filter(|_| Location::is_url(&text)) else {
        return text.into_owned();
    };
    let rest = if scheme.to_ascii_lowercase().starts_with("http") {
        rest.split(['?', '#']).next().unwrap_or_default()
    } else {
        rest
    };
    let (host, key) = rest.split_once('/').unwrap_or((rest, ""));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}/{key}"),
        None => format!("{scheme}://{rest}"),
    }
}

/// A URL without its query and fragment, which may hold a secret: a signature, a token.
pub(crate) fn without_query(url: &url::Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// The labels beside the file that a source is.
fn labels(source: &Source) -> unlabel_sinks::Result<FileLabels> {
    source.file().map_or_else(|| Ok(FileLabels::default()), FileLabels::of)
}

/// The store that a URL names, without key and settings: `s3://BUCKET`.
pub(crate) fn store_of(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    format!("{}://{}", scheme.to_ascii_lowercase(), rest.split(['/', '?']).next().unwrap_or_default())
}
