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

pub use crate::config::Transfer;
#[cfg(feature = "http")]
pub(crate) use body::Body as PartBody;
#[cfg(any(feature = "oss", feature = "cos"))]
pub(crate) use body::hex;
pub use body::{Digest, Digests, Part};
#[cfg(feature = "client")]
pub(crate) use client::{Client, client, status_error};
pub use objects::Objects;
pub use reader::ObjectReader;
pub(crate) use retry::{Retry, retry_after};

pub use store::{Condition, Entry, Limits, Object, Page, PartTag, Store, Stored, Upload};
