//! Where cleaned files go.
//!
//! A [`Sink`] takes the cleaned bytes of one file, a [`Payload`], and makes **all of it visible or none of it**: a
//! reader at the destination sees what was there before, or the whole result, never a part. It answers with a
//! [`Receipt`].
//!
//! Here are the sinks that need no network: [`File`], [`Stdout`] and [`Memory`]. [`SendBack`] is the form in which a
//! request over the wire names a sink.
//!
//! # What every sink promises
//!
//! - **All or nothing.** When [`Sink::put`] fails, or its future is dropped half way, or the process is killed, the
//!   destination is as it was. The one exception is a stream ([`Stdout`]), which has no way to take bytes back: its
//!   documentation says so.
//! - **Nothing is read twice unless asked.** A payload yields the same bytes each time, so a sink that retries
//!   replays it from the start; a sink never assumes that a half-sent object can be continued with other bytes.
//! - **A changed source is not delivered.** A sink that reads kept ranges from the source file itself checks, before
//!   it makes anything visible, that the file is still the one that was surveyed.
//! - **Names are data.** A name given to [`Sink::put`] is `/`-separated and relative. It cannot leave the place that
//!   the sink was made for: empty, `.` and `..` components and absolute names are [`ErrorKind::Name`].
//! - **Overwriting is a choice.** By default an object of that name is replaced; with [`PutOptions::create_only`] it
//!   is [`ErrorKind::Exists`] and stays as it is.
//! - **Errors say whether trying again can help**: [`Error::is_retryable`].
//! - **No secrets in print.** `Debug` and `Display` of a sink name the place and never a credential.
//!
//! # No runtime
//!
//! The trait is asynchronous and knows no runtime. The sinks of this crate that do blocking I/O do it inside the
//! future, which is ready when first polled: drive it with any executor, on a thread that may block.
//!
//! ```
//! use unlabel_core::{Edit, Payload, Plan, Source};
//! use unlabel_sinks::{Memory, PutOptions, Sink};
//!
//! let source = Source::from_bytes("id=8888;rest");
//! let payload = Payload::new(source, Plan::new(vec![Edit::delete(0..8)], 12)?);
//! let sink = Memory::new();
//! let receipt = futures_executor::block_on(sink.put("a.txt", &payload, &PutOptions::default()))?;
//! assert_eq!(receipt.bytes, 4);
//! assert_eq!(sink.get("a.txt").unwrap(), "rest");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![deny(unsafe_code)]

#[cfg(any(feature = "oss", feature = "cos"))]
mod bucket;
mod commit;
mod config;
mod connect;
#[cfg(feature = "cos")]
mod cos;
mod egress;
mod error;
mod file;
#[cfg(feature = "http")]
mod http_source;
#[cfg(feature = "http")]
mod http_upload;
mod job;
mod location;
mod memory;
mod name;
mod object;
#[cfg(feature = "oss")]
mod oss;
#[cfg(feature = "remote")]
pub mod remote;
mod request;
#[cfg(feature = "s3")]
mod s3;
mod secret;
mod send_back;
mod stdout;
#[cfg(feature = "swift")]
mod swift;

use std::fmt::{Debug, Display};
use std::pin::Pin;

pub use commit::{Committed, IfExists, commit, find};
pub use config::{
    BucketConfig, HttpUploadConfig, Keys, S3Config, StoreConfig, SwiftConfig, SwiftLogin, SwiftPlace, Transfer,
    UploadForm,
};
#[cfg(feature = "cos")]
pub use cos::Cos;
pub use egress::Egress;
pub use error::{Error, ErrorKind, Result};
pub use file::{
    AttributeChange, File, FileLabels, Prepared, Recovery, UndoDirectory, UndoRecord, Undone, Write, commit_all,
    group_size, is_unfinished, recover,
};
#[cfg(feature = "http")]
pub use http_source::open_http;
#[cfg(feature = "http")]
pub use http_upload::HttpUpload;
pub use job::{JOB_FILE, bind, check, is_job, is_job_file};
pub use location::{Environment, Location};
pub use memory::Memory;
pub use object::{Attributes, ObjectRef};
#[cfg(feature = "oss")]
pub use oss::Oss;
pub use request::{Envelope, Request};
#[cfg(feature = "s3")]
pub use s3::S3;
pub use secret::Secret;
pub use send_back::{SendBack, StoredObject};
pub use stdout::Stdout;
#[cfg(feature = "swift")]
pub use swift::Swift;
use unlabel_core::Payload;

/// A boxed future, as object-safe asynchronous methods return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A place that takes cleaned files. The crate's documentation says what every implementation promises.
pub trait Sink: Debug + Display + Send + Sync {
    /// Stores `payload` under `name`, all of it or none of it.
    ///
    /// `name` is relative to the place that the sink was made for. A sink made for one exact object ignores it.
    ///
    /// # Errors
    /// See [`ErrorKind`]. After an error the destination is as it was.
    fn put<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<Receipt>>;

    /// Whether the object that `payload` would be stored as is there and is the same, byte for byte; of a file also,
    /// whether the labels beside it are gone that `options` names.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where the sink has no way to look, as by default; and what reading it ends with.
    fn holds<'a>(
        &'a self,
        _name: &'a str,
        _payload: &'a Payload,
        _options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Err(cannot_look()) })
    }

    /// The object of this name, if there is one: for small ones.
    ///
    /// # Errors
    /// As [`holds`](Self::holds); [`ErrorKind::TooLarge`] when it is longer than `most` bytes.
    fn read<'a>(&'a self, _name: &'a str, _most: u64) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async { Err(cannot_look()) })
    }
}

fn cannot_look() -> Error {
    Error::new(ErrorKind::Unsupported, "what is there cannot be looked at")
}

/// How an object is stored. The default replaces an object of the same name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PutOptions {
    /// Fail with [`ErrorKind::Exists`] when there is an object of that name. Default false.
    pub create_only: bool,
    /// Fail with [`ErrorKind::Changed`] when the object of that name is not the version with this entity tag. Default:
    /// do not look. Stores know versions; files, streams and memory ignore this.
    pub if_match: Option<String>,
    /// What a store keeps beside the bytes: media type, user metadata, tags. Default: the store's own.
    pub attributes: Attributes,
    /// The object that the payload's source is a version of. A store that has it copies the kept ranges itself, so
    /// that they need not travel. Default: none.
    pub copy_from: Option<ObjectRef>,
    /// Extended attributes that change with a file: labels beside it that go. Other sinks carry no attributes, and
    /// ignore this. Default: none.
    pub file_attributes: Vec<AttributeChange>,
}

impl PutOptions {
    /// Sets [`create_only`](Self::create_only).
    #[must_use]
    pub fn create_only(mut self, create_only: bool) -> Self {
        self.create_only = create_only;
        self
    }

    /// Sets [`if_match`](Self::if_match).
    #[must_use]
    pub fn if_match(mut self, etag: impl Into<String>) -> Self {
        self.if_match = Some(etag.into());
        self
    }

    /// Sets [`attributes`](Self::attributes).
    #[must_use]
    pub fn attributes(mut self, attributes: Attributes) -> Self {
        self.attributes = attributes;
        self
    }

    /// Sets [`file_attributes`](Self::file_attributes).
    #[must_use]
    pub fn file_attributes(mut self, changes: Vec<AttributeChange>) -> Self {
        self.file_attributes = changes;
        self
    }

    /// Sets [`copy_from`](Self::copy_from).
    #[must_use]
    pub fn copy_from(mut self, object: ObjectRef) -> Self {
        self.copy_from = Some(object);
        self
    }
}

/// Proof of delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// Where the object is now, for people: a path or a URL, without credentials.
    pub location: String,
    /// Length of the object in bytes.
    pub bytes: u64,
    /// Bytes that were written or sent to make it so; less than [`bytes`](Self::bytes) where the place shares or
    /// copies what it has, and 0 where it held the very bytes already.
    pub bytes_written: u64,
    /// The version tag that the place gave to the object, if it gives any.
    pub etag: Option<String>,
    /// How often the delivery was tried; 1 when the first attempt succeeded.
    pub attempts: u32,
}

impl Receipt {
    /// A receipt for an object of `bytes` bytes at `location`, all of them written, at the first attempt.
    pub fn new(location: impl Into<String>, bytes: u64) -> Self {
        Self { location: location.into(), bytes, bytes_written: bytes, etag: None, attempts: 1 }
    }
}

/// The examples of the documentation, which are compiled by the tests.
#[cfg(doctest)]
#[doc = include_str!("../../docs/library.md")]
struct Library;
