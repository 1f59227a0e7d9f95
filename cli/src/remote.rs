//! Places across a network: one runtime for all of them, started when the first is named.

use std::collections::VecDeque;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use unlabel_core::{Error, ErrorKind, Limits, Result, Source};
use unlabel_sinks::remote::{ObjectReader, Objects};
use unlabel_sinks::{HttpUploadConfig, Location, StoredObject, Transfer, UploadForm};

use crate::args::Network;
use crate::exit::UsageError;
use crate::found::List;

/// What the options say about the network, and the runtime that serves it.
pub(crate) struct Remote {
    transfer: Transfer,
    form: UploadForm,
    runtime: OnceLock<Runtime>,
}

impl Remote {
    pub(crate) fn new(options: &Network) -> Self {
        let mut transfer = Transfer::default();
        transfer.ca_file.clone_from(&options.ca_file);
        if let Some(attempts) = options.attempts {
            transfer.attempts = attempts;
        }
        if let Some(seconds) = options.timeout {
            transfer.stall_timeout = std::time::Duration::from_secs(seconds);
        }
        Self { transfer, form: options.upload_form.into(), runtime: OnceLock::new() }
    }

    pub(crate) fn transfer(&self) -> &Transfer {
        &self.transfer
    }

    /// The runtime: two threads that wait for the network. The work is done elsewhere.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn runtime(&self) -> Result<&Runtime, UsageError> {
        if let Some(runtime) = self.runtime.get() {
            return Ok(runtime);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| UsageError::new(format!("cannot start the network: {error}")))?;
        Ok(self.runtime.get_or_init(|| runtime))
    }

    /// Reads a place, with what the environment says.
    ///
    /// # Errors
    /// When something is missing or wrong.
    pub(crate) fn location(&self, path: &Path) -> Result<Location, UsageError> {
        let Some(text) = path.to_str() else { return Ok(Location::Path(path.to_owned())) };
        let location = Location::parse(text, &|name| std::env::var(name).ok());
        match location.map_err(|error| UsageError::new(error.to_string()))? {
            Location::Http(http) => Ok(Location::Http(HttpUploadConfig { form: self.form, ..http })),
            location => Ok(location),
        }
    }

    /// # Errors
    /// When this build has no such store, or a setting is wrong.
    pub(crate) fn objects(&self, place: &StoredObject) -> Result<Objects, UsageError> {
        self.runtime()?;
        place.objects(&self.transfer).map_err(|error| UsageError::new(error.to_string()))
    }

    /// The inputs at a URL.
    ///
    /// # Errors
    /// When the URL is not one of an input.
    pub(crate) fn origin(&self, path: &Path) -> Result<Origin, UsageError> {
        if crate::input::is_stream(path) {
            return Ok(Origin::Path(path.to_owned()));
        }
        match self.location(path)? {
            Location::Store(place) => {
                let objects = Arc::new(self.objects(&place)?);
                match place.key {
                    Some(key) if !key.ends_with('/') => Ok(Origin::Object { objects, key }),
                    prefix => Ok(Origin::Prefix { objects, prefix: prefix.unwrap_or_default() }),
                }
            }
            Location::Http(config) => Ok(Origin::Http(Box::new(config))),
            Location::Path(path) => Ok(Origin::Path(path)),
            _ => Err(UsageError::new(format!("{} is no input", crate::text::path(path)))),
        }
    }

    /// Opens an input. Blocks.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) fn open(&self, item: &Item, limits: &Limits) -> Result<Opened> {
        // Nobody waits for the network where only files are opened.
        let runtime = || self.runtime().map_err(|error| Error::new(ErrorKind::Io, error.to_string()));
        match item {
            Item::Object { objects, key } => {
                let (source, reader) = runtime()?.block_on(objects.open(key)).map_err(Error::from)?;
                let source = source.with_attached(reader.object().attributes.sites());
                Ok(Opened { source, reader: Some(reader) })
            }
            Item::Http(config) => {
                #[cfg(feature = "http")]
                {
                    let source = unlabel_sinks::open_http(config, &self.transfer, limits);
                    Ok(Opened { source: runtime()?.block_on(source).map_err(Error::from)?, reader: None })
                }
                #[cfg(not(feature = "http"))]
                {
                    let _ = (config, limits);
                    Err(Error::unsupported("http is not part of this build"))
                }
            }
            Item::Path(path) => Ok(Opened { source: crate::input::open(path, limits)?, reader: None }),
        }
    }
}

/// Inputs at one place.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Path(PathBuf),
    List(Arc<List>),
    Http(Box<HttpUploadConfig>),
    Object { objects: Arc<Objects>, key: String },
    Prefix { objects: Arc<Objects>, prefix: String },
}

impl Origin {
    /// Whether it can yield more than one file.
    pub(crate) fn is_many(&self) -> bool {
        match self {
            Self::Path(path) => !crate::input::is_stream(path) && path.is_dir(),
            Self::Prefix { .. } | Self::List(_) => true,
            _ => false,
        }
    }
}

/// One input.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Path(PathBuf),
    Http(Box<HttpUploadConfig>),
    Object { objects: Arc<Objects>, key: String },
}

impl Item {
    /// As reports print it. The query of a URL may hold a secret (a signature, a token) and is left out.
    pub(crate) fn shown(&self) -> PathBuf {
        match self {
            Self::Path(path) => path.clone(),
            Self::Http(config) => {
                let mut url = config.url.clone();
                url.set_query(None);
                url.set_fragment(None);
                PathBuf::from(url.as_str())
            }
            Self::Object { objects, key } => PathBuf::from(objects.store().location(key)),
        }
    }
}

/// An open input.
pub(crate) struct Opened {
    pub(crate) source: Source,
    /// The object that the source reads, where it is one.
    pub(crate) reader: Option<Arc<ObjectReader>>,
}

/// The objects under a prefix, page by page.
pub(crate) struct Walk<'r> {
    runtime: &'r Runtime,
    objects: Arc<Objects>,
    prefix: String,
    page: VecDeque<String>,
    next: Next,
}

/// Which page comes next.
enum Next {
    First,
    After(String),
    None,
}

impl<'r> Walk<'r> {
    pub(crate) fn new(runtime: &'r Runtime, objects: Arc<Objects>, prefix: String) -> Self {
        Self { runtime, objects, prefix, page: VecDeque::new(), next: Next::First }
    }
}

impl Iterator for Walk<'_> {
    /// A key, and what of it follows the prefix.
    type Item = Result<(String, String)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(key) = self.page.pop_front() {
                let name = key.get(self.prefix.len()..).unwrap_or(&key).to_owned();
                return Some(Ok((key, name)));
            }
            let after = match std::mem::replace(&mut self.next, Next::None) {
                Next::First => None,
                Next::After(token) => Some(token),
                Next::None => return None,
            };
            match self.runtime.block_on(self.objects.list(&self.prefix, after.as_deref())) {
                Ok(page) => {
                    self.next = page.next.map_or(Next::None, Next::After);
                    // A key that ends in a slash is the marker of a directory.
                    let keys = page.entries.into_iter().map(|entry| entry.key).filter(|key| !key.ends_with('/'));
                    self.page.extend(keys);
                }
                Err(error) => return Some(Err(error.doing("cannot list the objects").into())),
            }
        }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}
