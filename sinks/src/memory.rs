//! A sink that keeps objects in memory: for embedders and tests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use unlabel_core::{Payload, Source};

use crate::commit::{is_same, read_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::{BoxFuture, PutOptions, Receipt, Sink, name};

/// Keeps objects in memory, by name. Cloning is cheap and shares the objects.
#[derive(Clone, Default)]
pub struct Memory {
    objects: Arc<Mutex<BTreeMap<String, Bytes>>>,
}

impl Memory {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// The object stored under `name`.
    pub fn get(&self, name: &str) -> Option<Bytes> {
        self.objects().get(name).cloned()
    }

    /// The names of all objects, sorted.
    pub fn names(&self) -> Vec<String> {
        self.objects().keys().cloned().collect()
    }

    fn objects(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Bytes>> {
        // The map is changed by single insertions, so it is whole even after a panic elsewhere.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        name::check(name)?;
        let mut object = BytesMut::with_capacity(payload.len() as usize);
        for chunk in payload.chunks() {
            object.extend_from_slice(&chunk?);
        }
        payload.source().verify_unchanged()?;
        let mut objects = self.objects();
        if options.create_only && objects.contains_key(name) {
            return Err(Error::new(ErrorKind::Exists, format!("there is an object named {name:?}")));
        }
        objects.insert(name.to_owned(), object.freeze());
        Ok(Receipt::new(format!("memory:{name}"), payload.len()))
    }
}

impl Sink for Memory {
    fn put<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<Receipt>> {
        Box::pin(async move { self.store(name, payload, options) })
    }

    fn holds<'a>(&'a self, name: &'a str, payload: &'a Payload, _: &'a PutOptions) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let there = self.get(name).map(Source::from_bytes);
            there.map_or(Ok(false), |there| is_same(&there, payload))
        })
    }

    fn read<'a>(&'a self, name: &'a str, most: u64) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async move { self.get(name).map(|it| read_whole(Source::from_bytes(it), most)).transpose() })
    }
}

impl fmt::Debug for Memory {
    /// Prints names and lengths, not content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.objects().iter().map(|(name, object)| (name, object.len()))).finish()
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}
