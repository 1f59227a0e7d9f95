//! From configurations to sinks. A kind that this build leaves out is an error that says so.

use std::sync::Arc;

use crate::config::{StoreConfig, Transfer};
use crate::error::{Error, ErrorKind, Result};
use crate::{HttpUploadConfig, SendBack, Sink, Stdout, StoredObject};

#[cfg(feature = "remote")]
use crate::remote::{Objects, Store};

impl SendBack {
    /// The sink that is meant. For [`Response`](Self::Response) outside a server: standard output.
    ///
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] when this build has no such sink, [`ErrorKind::Config`] when a setting is wrong.
    pub fn into_sink(self, transfer: &Transfer) -> Result<Arc<dyn Sink>> {
        match self {
            Self::Response => Ok(Arc::new(Stdout::new())),
            Self::HttpUpload(config) => http_upload(config, transfer),
            Self::Store(object) => object.into_sink(transfer),
        }
    }
}

impl StoredObject {
    /// The sink of this object, or of the objects whose names follow at the place.
    ///
    /// # Errors
    /// As [`SendBack::into_sink`].
    pub fn into_sink(self, transfer: &Transfer) -> Result<Arc<dyn Sink>> {
        #[cfg(feature = "remote")]
        return Ok(Arc::new(self.objects(transfer)?));
        #[cfg(not(feature = "remote"))]
        {
            let _ = transfer;
            Err(missing(self.store.kind()))
        }
    }

    /// The store, at this object.
    ///
    /// # Errors
    /// As [`SendBack::into_sink`].
    #[cfg(feature = "remote")]
    pub fn objects(&self, transfer: &Transfer) -> Result<Objects> {
        // The URL of a container may have what keys begin with, and that of an object has the key.
        #[cfg(feature = "swift")]
        if let StoreConfig::Swift(config) = &self.store {
            let swift = crate::Swift::new(config.clone(), transfer)?;
            return Ok(match &self.key {
                Some(key) => {
                    let key = format!("{}{key}", swift.key());
                    Objects::exactly(Arc::new(swift), key, transfer.clone())
                }
                None => swift.into_sink("", transfer.clone()),
            });
        }
        let store = self.store.connect(transfer)?;
        let transfer = transfer.clone();
        Ok(match &self.key {
            Some(key) => Objects::exactly(store, key, transfer),
            None => Objects::under(store, "", transfer),
        })
    }
}

impl StoreConfig {
    /// The kind, as requests and URLs name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Swift(_) => "swift",
            Self::Oss(_) => "oss",
            Self::Cos(_) => "cos",
        }
    }

    /// The store that is meant. Nothing is connected yet.
    ///
    /// # Errors
    /// As [`SendBack::into_sink`].
    #[cfg(feature = "remote")]
    pub fn connect(&self, transfer: &Transfer) -> Result<Arc<dyn Store>> {
        match self {
            #[cfg(feature = "s3")]
            Self::S3(config) => Ok(Arc::new(crate::S3::new(config.clone(), transfer)?)),
            #[cfg(feature = "swift")]
            Self::Swift(config) => Ok(Arc::new(crate::Swift::new(config.clone(), transfer)?)),
            #[cfg(feature = "oss")]
            Self::Oss(config) => Ok(Arc::new(crate::Oss::new(config.clone(), transfer)?)),
            #[cfg(feature = "cos")]
            Self::Cos(config) => Ok(Arc::new(crate::Cos::new(config.clone(), transfer)?)),
            #[allow(unreachable_patterns, reason = "reached in builds that leave a sink out")]
            other => {
                let _ = transfer;
                Err(missing(other.kind()))
            }
        }
    }
}

/// The sink of an upload over HTTP.
///
/// # Errors
/// As [`SendBack::into_sink`].
pub(crate) fn http_upload(config: HttpUploadConfig, transfer: &Transfer) -> Result<Arc<dyn Sink>> {
    #[cfg(feature = "http")]
    return Ok(Arc::new(crate::HttpUpload::new(config, transfer.clone())?));
    #[cfg(not(feature = "http"))]
    {
        let _ = (config, transfer);
        Err(missing("httpUpload"))
    }
}

#[cold]
#[allow(dead_code, reason = "used in builds that leave a sink out")]
fn missing(kind: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("`{kind}` is not part of this build"))
}
