//! An object of a store as a source.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use unlabel_core::{Cleaned, ReadAt};

use super::{Object, Retry, Store, Transfer};
use crate::PutOptions;
use crate::error::{Error, ErrorKind, Result};

/// One version of an object, read by ranges from any thread that may block.
///
/// Every read names the version, so that an object that is replaced meanwhile is an error and never a mixture.
pub struct ObjectReader {
    store: Arc<dyn Store>,
    key: String,
    object: Object,
    transfer: Transfer,
    runtime: Handle,
}

impl ObjectReader {
    pub(super) fn new(store: Arc<dyn Store>, key: String, object: Object, transfer: Transfer) -> Self {
        Self { store, key, object, transfer, runtime: Handle::current() }
    }

    /// What is known of the object without its bytes.
    pub fn object(&self) -> &Object {
        &self.object
    }

    /// The object, for a store to copy from.
    pub fn object_ref(&self) -> crate::ObjectRef {
        self.store.object_ref(&self.key, &self.object)
    }

    /// How to put what was made of the object: with its attributes, but for the labels among them that go, and next to
    /// it, so that the store can copy what stays.
    pub fn put_options(&self, cleaned: &Cleaned) -> PutOptions {
        let attributes = self.object().attributes.without(cleaned.detached());
        PutOptions::default().attributes(attributes).copy_from(self.object_ref())
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let len = range.end - range.start;
        let bytes = Retry::new(&self.transfer)
            .run(|| async {
                let bytes = self.store.read(&self.key, range.clone(), &self.object.etag).await?;
                if bytes.len() as u64 == len {
                    return Ok(bytes);
                }
                let reason = format!("{} of {len} bytes came", bytes.len());
                Err(Error::new(ErrorKind::Network, reason))
            })
            .await;
        bytes.map_err(|error| error.doing("cannot read the object"))
    }
}

impl ReadAt for ObjectReader {
    fn len(&self) -> u64 {
        self.object.len
    }

    fn read_at(&self, range: Range<u64>) -> unlabel_core::Result<Bytes> {
        let at = range.start;
        self.runtime.block_on(self.read(range)).map_err(|error| unlabel_core::Error::from(error.of_read()).at(at))
    }
}

impl fmt::Debug for ObjectReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectReader").field("location", &self.store.location(&self.key)).finish_non_exhaustive()
    }
}
