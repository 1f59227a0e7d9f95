//! What every sink across a network stands on.
//!
//! A [`Store`] speaks the language of one object store: single requests, each answered or failed. [`Objects`] makes a
//! [`Sink`](crate::Sink) of it: it decides between one request and many, repeats those that failed for a while, checks
//! what arrived, and cleans up what did not.

mod body;
#[cfg(feature = "client")]
mod client;
mod objects;
mod reader;
mod retry;
mod store;
mod upload;

use std::time::Duration;

#[cfg(any(feature = "oss", feature = "cos"))]
pub(crate) use body::hex;
pub use body::{Digest, Digests, Part};
#[cfg(feature = "client")]
#[allow(unused_imports, reason = "its users are being built")]
pub(crate) use client::{client, client_with, kind_of, status_error};
pub use objects::Objects;
pub use reader::ObjectReader;
pub(crate) use retry::{Retry, retry_after};
pub use store::{Condition, Entry, Limits, Object, Page, PartTag, Store, Stored, Upload};

/// How objects travel: waiting, repeating, cutting. The defaults suit stores in a data centre and across the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// How long to wait for a connection. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a request may go on without a byte moving. Default 60 s.
    pub stall_timeout: Duration,
    /// How often a request is made at most, the first time included. Default 5.
    pub attempts: u32,
    /// The wait before the second attempt; doubled for each further one, shortened by chance by up to half. A longer
    /// `Retry-After` of the server is honoured, up to [`longest_wait`](Self::longest_wait). Default 200 ms.
    pub first_wait: Duration,
    /// The longest wait between two attempts. Default 20 s.
    pub longest_wait: Duration,
    /// Objects of more bytes are sent in parts, where the store takes parts. Default 16 MiB.
    pub multipart_from: u64,
    /// Length of a part in bytes; more where the object would have too many parts, less or more where the store's
    /// limits say so. Default 8 MiB.
    pub part_size: u64,
    /// Parts of one object in flight at a time. Default 4.
    pub parts_in_flight: usize,
    /// A file of certificates (PEM) to trust beside those of the system.
    pub ca_file: Option<std::path::PathBuf>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_mins(1),
            attempts: 5,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            multipart_from: 16 << 20,
            part_size: 8 << 20,
            parts_in_flight: 4,
            ca_file: None,
        }
    }
}
