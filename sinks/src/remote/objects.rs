//! A store as a sink, and as a place to read objects from.

use std::fmt;
use std::io;
use std::sync::Arc;

use unlabel_core::{Payload, Source};

use super::upload::{self, Piece};
use super::{Condition, Object, ObjectReader, Page, Part, Retry, Store, Stored, Transfer};
use crate::commit::{is_same, read_whole};
use crate::error::{Error, ErrorKind, Result};
use crate::{BoxFuture, PutOptions, Receipt, Sink, name};

/// The objects of a store under a prefix, or one exact object.
///
/// Needs a running tokio runtime. When the future of [`Sink::put`] is dropped half way, a task on that runtime removes
/// the parts that were sent.
#[derive(Clone)]
pub struct Objects {
    store: Arc<dyn Store>,
    place: Place,
    transfer: Transfer,
}

#[derive(Clone, Debug)]
enum Place {
    /// Names are put behind it as they are.
    Prefix(String),
    Exact(String),
}

impl Objects {
    /// Objects whose keys are `prefix` followed by their names.
    pub fn under(store: Arc<dyn Store>, prefix: impl Into<String>, transfer: Transfer) -> Self {
        Self { store, place: Place::Prefix(prefix.into()), transfer }
    }

    /// The one object `key`, whatever its name.
    pub fn exactly(store: Arc<dyn Store>, key: impl Into<String>, transfer: Transfer) -> Self {
        Self { store, place: Place::Exact(key.into()), transfer }
    }

    /// The store itself.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// One object of the same store.
    #[must_use]
    pub fn object(&self, key: &str) -> Self {
        Self { place: Place::Exact(key.to_owned()), ..self.clone() }
    }

    /// Whether this is one exact object.
    pub fn is_exact(&self) -> bool {
        matches!(self.place, Place::Exact(_))
    }

    /// The same place, with its key as a prefix.
    #[must_use]
    pub fn as_prefix(&self) -> Self {
        let (Place::Prefix(key) | Place::Exact(key)) = &self.place;
        Self { place: Place::Prefix(key.clone()), ..self.clone() }
    }

    /// The key of the object `name`.
    ///
    /// # Errors
    /// [`ErrorKind::Name`] for a name that would leave the prefix.
    pub fn key(&self, name: &str) -> Result<String> {
        match &self.place {
            Place::Exact(key) => Ok(key.clone()),
            Place::Prefix(prefix) => name::check(name).map(|()| format!("{prefix}{name}")),
        }
    }

    /// What is known of the object `key` without its bytes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] when it is not there, and what its store answers.
    pub async fn head(&self, key: &str) -> Result<Object> {
        Retry::new(&self.transfer).run(|| self.store.head(key)).await
    }

    /// One page of the objects whose keys begin with `prefix`; see [`Store::list`].
    ///
    /// # Errors
    /// What the store answers.
    pub async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        Retry::new(&self.transfer).run(|| self.store.list(prefix, after)).await
    }

    /// Removes the object `key`, if it is there.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn delete(&self, key: &str) -> Result<()> {
        Retry::new(&self.transfer).run(|| self.store.delete(key)).await
    }

    /// The object `key` as a source that is read by ranges. The source blocks: use it on a thread that may.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    pub async fn open(&self, key: &str) -> Result<(Source, Arc<ObjectReader>)> {
        let mut object = self.head(key).await?;
        object.attributes.tags = Retry::new(&self.transfer).run(|| self.store.tags(key)).await?;
        let reader = ObjectReader::new(Arc::clone(&self.store), key.to_owned(), object, self.transfer.clone());
        let reader = Arc::new(reader);
        let source = Source::remote(Arc::<ObjectReader>::clone(&reader)).with_name(key);
        Ok((source, reader))
    }

    /// The object of this name, if there is one.
    async fn open_there(&self, name: &str) -> Result<Option<Source>> {
        match self.open(&self.key(name)?).await {
            Ok((there, _)) => Ok(Some(there)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn deliver(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        let key = self.key(name)?;
        payload.source().verify_unchanged()?;
        let retry = Retry::new(&self.transfer);
        retry.run(|| self.store.prepare()).await?;
        let condition = match &options.if_match {
            Some(etag) => Condition::Matches(etag.clone()),
            None if options.create_only => Condition::Absent,
            None => Condition::None,
        };
        self.meets(&retry, &key, &condition).await?;
        let delivery =
            Delivery { store: &self.store, key: &key, payload, options, condition, transfer: &self.transfer, retry };
        let (stored, bytes_written) = delivery.send().await?;
        Ok(Receipt {
            bytes_written,
            etag: stored.etag,
            attempts: delivery.retry.attempts(),
            ..Receipt::new(self.store.location(&key), payload.len())
        })
    }

    /// Looks whether the condition holds now. The store looks again, where it can, when the object is made visible.
    async fn meets(&self, retry: &Retry<'_>, key: &str, condition: &Condition) -> Result<()> {
        if *condition == Condition::None {
            return Ok(());
        }
        meets(condition, retry.run(|| self.store.head(key)).await)
    }
}

fn meets(condition: &Condition, there: Result<Object>) -> Result<()> {
    match (condition, there) {
        (Condition::None, _) => Ok(()),
        (Condition::Absent, Ok(_)) => Err(exists()),
        (Condition::Matches(etag), Ok(object)) if object.etag == *etag => Ok(()),
        (Condition::Matches(_), Ok(_)) => Err(changed()),
        (Condition::Absent, Err(error)) if error.kind() == ErrorKind::NotFound => Ok(()),
        (Condition::Matches(_), Err(error)) if error.kind() == ErrorKind::NotFound => Err(changed()),
        (_, Err(error)) => Err(error),
    }
}

#[cold]
fn exists() -> Error {
    Error::new(ErrorKind::Exists, "there is an object of that name")
}

#[cold]
fn changed() -> Error {
    Error::new(ErrorKind::Changed, "the object changed since it was read")
}

/// One object on its way.
pub(super) struct Delivery<'d> {
    pub(super) store: &'d Arc<dyn Store>,
    pub(super) key: &'d str,
    pub(super) payload: &'d Payload,
    pub(super) options: &'d PutOptions,
    pub(super) condition: Condition,
    pub(super) transfer: &'d Transfer,
    pub(super) retry: Retry<'d>,
}

impl Delivery<'_> {
    /// Sends the object by the cheapest way, and answers with what is stored and how many bytes were sent.
    async fn send(&self) -> Result<(Stored, u64)> {
        let limits = self.store.limits();
        let len = self.payload.len();
        let is_long = len > self.transfer.multipart_from.min(limits.put_max);
        if !is_long {
            return Ok((self.put().await?, len));
        }
        let origin = self.options.copy_from.as_ref().filter(|from| self.store.can_copy(from));
        if let Some(origin) = origin
            && let Some(pieces) = upload::with_copies(self.payload, &limits, self.transfer)
        {
            match upload::run(self, &pieces, Some(origin)).await {
                // This store does not copy ranges, or not rightly: send them.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Checksum | ErrorKind::Denied) => {}
                done => return Ok((done?, pieces.iter().map(Piece::sent).sum())),
            }
        }
        let pieces = upload::sent_whole(len, &limits, self.transfer)?;
        Ok((upload::run(self, &pieces, None).await?, len))
    }

    /// Sends the object by one request.
    async fn put(&self) -> Result<Stored> {
        let part = Part::whole(self.payload);
        part.digest(self.store.digests()).await?;
        let attributes = &self.options.attributes;
        let stored = self
            .conditionally(|condition| {
                let part = part.clone();
                async move {
                    self.retry.run_sending(&part, || self.store.put(self.key, &part, attributes, condition)).await
                }
            })
            .await;
        let digests = part.digests();
        let stored = match stored {
            Ok(stored) => stored,
            Err(error) => {
                let is_ours = |object: &Object| {
                    object.crc64.is_some() && object.crc64 == digests.crc64
                        || part.md5_hex().as_ref() == Some(&object.etag)
                };
                return self.reconcile(error, is_ours).await;
            }
        };
        let is_damaged = stored.is_md5 && stored.etag != part.md5_hex()
            || matches!((stored.crc64, digests.crc64), (Some(there), Some(sent)) if there != sent);
        if is_damaged {
            return Err(self.withdraw("the checksum of what is stored is another").await);
        }
        if stored.is_md5 || stored.crc64.is_some() {
            return Ok(stored);
        }
        self.check_length(stored).await
    }

    /// Makes a request under the condition, or, where the store does not know it, looks once more and makes it without.
    pub(super) async fn conditionally<'c, T, F>(&'c self, request: impl Fn(&'c Condition) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        match request(&self.condition).await {
            // Not known, or, as some stores compare entity tags, held to be unmet although it is met.
            Err(error) if self.is_doubtful(&error) => {
                meets(&self.condition, self.head().await)?;
                request(&Condition::None).await
            }
            answer => answer,
        }
    }

    fn is_doubtful(&self, error: &Error) -> bool {
        match self.condition {
            Condition::None => false,
            Condition::Absent => error.kind() == ErrorKind::Unsupported,
            Condition::Matches(_) => matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Changed),
        }
    }

    pub(super) async fn head(&self) -> Result<Object> {
        self.retry.run(|| self.store.head(self.key)).await
    }

    /// After an answer that was lost, or an object that stands where ours should: looks whether it is ours.
    pub(super) async fn reconcile(&self, error: Error, is_ours: impl Fn(&Object) -> bool) -> Result<Stored> {
        let is_repeated = self.retry.attempts() > 1;
        let is_open = match error.kind() {
            ErrorKind::Network | ErrorKind::Timeout | ErrorKind::Unavailable => true,
            ErrorKind::Exists | ErrorKind::Changed | ErrorKind::NotFound => is_repeated,
            _ => false,
        };
        if is_open
            && let Ok(Ok(object)) = tokio::time::timeout(self.transfer.stall_timeout, self.store.head(self.key)).await
            && object.len == self.payload.len()
            && is_ours(&object)
        {
            return Ok(Stored { etag: Some(object.etag), is_md5: false, crc64: object.crc64 });
        }
        Err(error)
    }

    /// Checks the length of what is stored, and learns what else is known of it. An object with another entity tag is one
    /// that somebody put there since; it is not ours to judge.
    pub(super) async fn check_length(&self, stored: Stored) -> Result<Stored> {
        let object = self.head().await?;
        if stored.etag.as_ref().is_some_and(|etag| *etag != object.etag) {
            return Ok(Stored { crc64: None, ..stored });
        }
        if object.len == self.payload.len() {
            return Ok(Stored { etag: Some(object.etag), is_md5: false, crc64: stored.crc64.or(object.crc64) });
        }
        Err(self.withdraw(&format!("{} bytes are stored of {}", object.len, self.payload.len())).await)
    }

    /// Removes an object that is not what was sent.
    pub(super) async fn withdraw(&self, reason: &str) -> Error {
        let error = Error::new(ErrorKind::Checksum, reason.to_owned());
        match self.retry.run(|| self.store.delete(self.key)).await {
            Ok(()) => error,
            Err(delete) => error.doing(&format!("it could not be removed again ({delete})")),
        }
    }
}

impl Sink for Objects {
    fn put<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<Receipt>> {
        Box::pin(self.deliver(name, payload, options))
    }

    fn holds<'a>(&'a self, name: &'a str, payload: &'a Payload, _: &'a PutOptions) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let Some(there) = self.open_there(name).await?.filter(|there| there.len() == payload.len()) else {
                return Ok(false);
            };
            let payload = payload.clone();
            reading(move || is_same(&there, &payload)).await
        })
    }

    fn read<'a>(&'a self, name: &'a str, most: u64) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        Box::pin(async move {
            let Some(there) = self.open_there(name).await? else { return Ok(None) };
            reading(move || read_whole(there, most)).await.map(Some)
        })
    }
}

/// Objects are read on threads that may block.
async fn reading<T: Send + 'static>(read: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| Error::io("cannot read the object", io::Error::other(error)))?
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("store", &self.store).field("place", &self.place).finish_non_exhaustive()
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Place::Prefix(key) | Place::Exact(key)) = &self.place;
        f.write_str(&self.store.location(key))
    }
}
