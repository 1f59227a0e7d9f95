//! Amazon S3, and stores that speak like it.
//!
//! Every request is one of `aws-sdk-s3`, with the SDK's own retries and trailing checksums off: older stores refuse
//! `aws-chunked` bodies, and repeating is done in one place for all sinks. Integrity rests on `Content-MD5`, which every
//! store checks and the signature covers; the body itself is not signed (`UNSIGNED-PAYLOAD`), so that it is read once for
//! the digest and once for the connection and never held in memory.

mod attributes;
mod client;
mod fault;
mod store;

use std::fmt;

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use tokio::sync::OnceCell;

use crate::S3Config;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Store, Transfer};

/// What stays as it is in a query (RFC 3986 §2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A bucket of S3.
///
/// The credentials are looked up at the first request.
pub struct S3 {
    config: S3Config,
    transfer: Transfer,
    client: OnceCell<Client>,
}

impl S3 {
    /// The bucket that `config` names.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when no bucket is named.
    pub fn new(config: S3Config, transfer: &Transfer) -> Result<Self> {
        if config.bucket.is_empty() {
            return Err(Error::new(ErrorKind::Config, "no bucket is named"));
        }
        Ok(Self { config, transfer: transfer.clone(), client: OnceCell::new() })
    }

    async fn client(&self) -> Result<&Client> {
        self.client.get_or_try_init(|| client::connect(&self.config, &self.transfer)).await
    }

    fn bucket(&self) -> &str {
        &self.config.bucket
    }

    /// Tells stores apart: objects are copied within one only.
    fn store_name(&self) -> String {
        self.config.endpoint_url.as_ref().map_or_else(|| "aws".to_owned(), ToString::to_string)
    }

    fn storage_class(&self) -> Option<StorageClass> {
        self.config.storage_class.as_deref().map(StorageClass::from)
    }

    fn encryption(&self) -> Option<ServerSideEncryption> {
        self.config.encryption.as_deref().map(ServerSideEncryption::from)
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").field("config", &self.config).finish_non_exhaustive()
    }
}

impl fmt::Display for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location(""))
    }
}
