//! From configurations to sinks. A kind that this build leaves out is an error that says so.

use std::sync::Arc;

use crate::config::{StoreConfig, Transfer};
use crate::error::Result;
use crate::{SendBack, Sink, Stdout, StoredObject};

#[cfg(feature = "remote")]
use crate::remote::{Objects, Store};

/// What is made `of` some variables, or, in a build without its feature, an error that says so.
macro_rules! if_built {
    ($feature:literal, $kind:expr, $made:expr, of $($part:ident),+) => {{
        #[cfg(feature = $feature)]
        {
            Ok(Arc::new($made))
        }
        #[cfg(not(feature = $feature))]
        {
            let _ = ($(&$part),+);
            Err(crate::Error::new(crate::ErrorKind::Unsupported, format!("`{}` is not part of this build", $kind)))
        }
    }};
}

impl SendBack {
    /// The sink that is meant. For [`Response`](Self::Response) outside a server: standard output.
    ///
    /// Nothing is connected yet.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when this build has no such sink,
    /// [`Config`](crate::ErrorKind::Config) when a setting is wrong.
    pub fn into_sink(self, transfer: &Transfer) -> Result<Arc<dyn Sink>> {
        match self {
            Self::Response => Ok(Arc::new(Stdout::new())),
            Self::HttpUpload(config) => {
                if_built!("http", "httpUpload", crate::HttpUpload::new(config, transfer.clone())?, of config, transfer)
            }
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
        if_built!("remote", self.store.kind(), self.objects(transfer)?, of transfer)
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
            Self::S3(config) => {
                if_built!("s3", "s3", crate::S3::new(config.clone(), transfer)?, of config, transfer)
            }
            Self::Swift(config) => {
                if_built!("swift", "swift", crate::Swift::new(config.clone(), transfer)?, of config, transfer)
            }
            Self::Oss(config) => {
                if_built!("oss", "oss", crate::Oss::new(config.clone(), transfer)?, of config, transfer)
            }
            Self::Cos(config) => {
                if_built!("cos", "cos", crate::Cos::new(config.clone(), transfer)?, of config, transfer)
            }
        }
    }
}
