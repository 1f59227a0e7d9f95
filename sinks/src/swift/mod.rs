//! Swift of `OpenStack`, and Ceph's gateway where it speaks like it (`OpenStack` Object Storage API v1).
//!
//! - **Entry.** A token as it is given; the first authentication protocol (`X-Auth-User`, `X-Auth-Key`); Keystone v3 with
//!   a password or an application credential. A token is shared by all requests. When the server answers 401 it is
//!   renewed, once for all requests that wait, and goes to no host but that of the account.
//! - **Checks.** Objects and segments carry their MD5 in `ETag`; the server refuses them with 422 when it counts another.
//! - **Long objects** are static large objects: segments in `<container>_segments` under `<key>/<random>/<number>`, and a
//!   manifest that makes them visible at once. Segments that are copied on the server are objects of their own: the
//!   result does not refer to the original.
//! - **Leftovers.** Segments of what was not finished are removed. When an object is replaced, the segments that this
//!   sink wrote for the old one are removed afterwards, unless the container keeps versions. A process that is killed
//!   half way leaves segments, and nothing visible.
//! - **Conditions.** Swift honours `If-None-Match: *` when it begins to take an object, and does not look again when it
//!   has it; Ceph 16 ignores it; neither knows `If-Match` for writing. So an object that comes while another one is
//!   sent is replaced by it, also with `create_only`.
//! - **Not here:** dynamic large objects are read and not written; object expiry is not carried over; keys with a
//!   component `.` or `..` cannot be addressed.

mod delete;
mod login;
mod object;
mod place;
mod segments;
mod wire;

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use md5::{Digest as _, Md5};
use reqwest::header::HeaderValue;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::sync::Mutex;

use self::place::Place;
use self::segments::Uploads;
use self::wire::Info;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{
    Client, Condition, Limits, Object, Objects, Page, Part, PartTag, Store, Stored, Transfer, Upload, client,
};
use crate::{Attributes, ObjectRef, Secret, SwiftConfig, SwiftLogin};

/// A container of Swift.
///
/// Needs a running tokio runtime.
pub struct Swift {
    client: Client,
    place: Place,
    login: Option<SwiftLogin>,
    session: Mutex<Option<Session>>,
    /// The account that the login led to.
    account: OnceLock<String>,
    info: OnceLock<Info>,
    uploads: Uploads,
}

/// What requests are made with.
#[derive(Clone)]
struct Session {
    token: Option<HeaderValue>,
    /// Counts logins, so that a token is renewed once for all who saw it refused.
    serial: u64,
}

impl Swift {
    /// The container or object of `config`. Makes no request yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a place that is none, for a container whose account nothing leads to, and for
    /// certificates that cannot be read.
    pub fn new(config: SwiftConfig, transfer: &Transfer) -> Result<Self> {
        let place = Place::new(&config.place)?;
        if place.account.is_none() && config.login.is_none() {
            let reason = "a container without its URL needs a login, which tells the account";
            return Err(Error::new(ErrorKind::Config, reason));
        }
        let token = config.token.as_ref().map(sensitive).transpose()?;
        let is_entered = place.account.is_some() && (token.is_some() || config.login.is_none());
        let session = is_entered.then_some(Session { token, serial: 0 });
        Ok(Self {
            client: client(transfer)?,
            place,
            login: config.login,
            session: Mutex::new(session),
            account: OnceLock::new(),
            info: OnceLock::new(),
            uploads: Uploads::default(),
        })
    }

    /// The sink: the one object that was named, else the objects of the container under `prefix`.
    pub fn into_sink(self, prefix: &str, transfer: Transfer) -> Objects {
        let (key, is_exact) = (self.place.key.clone(), self.place.is_exact);
        let store = Arc::new(self);
        if is_exact { Objects::exactly(store, key, transfer) } else { Objects::under(store, key + prefix, transfer) }
    }

    /// The key of the one object that was named, or what the keys below the URL of the container begin with.
    pub fn key(&self) -> &str {
        &self.place.key
    }

    /// The key that is meant: where one object was named, the empty key is that object.
    fn meant<'k>(&'k self, key: &'k str) -> Result<&'k str> {
        match key {
            "" if self.place.is_exact => Ok(&self.place.key),
            // Its URL would be that of the container.
            "" => Err(Error::new(ErrorKind::Name, "the key is empty")),
            key => Ok(key),
        }
    }

    /// The URL of the account, as soon as it is known.
    fn account(&self) -> Option<&str> {
        self.place.account.as_deref().or_else(|| self.account.get().map(String::as_str))
    }

    fn info(&self) -> Info {
        self.info.get().copied().unwrap_or_default()
    }

    /// The session; another one than that of the number `refused`.
    async fn session(&self, refused: Option<u64>) -> Result<Session> {
        // One at a time logs in; the others find what it got.
        let mut current = self.session.lock().await;
        if let Some(session) = &*current
            && refused != Some(session.serial)
        {
            return Ok(session.clone());
        }
        let Some(login) = &self.login else {
            return Err(Error::new(ErrorKind::Denied, "the token is not valid, and there is no login to get another"));
        };
        let ticket = login::log_in(&self.client, login).await?;
        let serial = current.as_ref().map_or(1, |session| session.serial + 1);
        let session = Session { token: Some(sensitive(&ticket.token)?), serial };
        let _ = self.account.set(ticket.account);
        *current = Some(session.clone());
        Ok(session)
    }

    /// Makes a request; again with a new token when the server refuses the old one.
    async fn send(&self, request: impl Fn() -> Result<RequestBuilder>) -> Result<Response> {
        let mut session = self.session(None).await?;
        let mut renewed = 0;
        loop {
            let mut request = request()?;
            if let Some(token) = &session.token {
                request = request.header("x-auth-token", token);
            }
            let answer = request.send().await?;
            if answer.status() != StatusCode::UNAUTHORIZED || renewed == RENEWALS || self.login.is_none() {
                return Ok(answer);
            }
            session = self.session(Some(session.serial)).await?;
            renewed += 1;
        }
    }

    /// A request on an object, or on a container where the key is empty. The account must be known.
    fn request(&self, method: Method, container: &str, key: &str) -> Result<RequestBuilder> {
        let account = self.account().ok_or_else(|| Error::new(ErrorKind::Config, "the account is not known"))?;
        self.client.request(method, place::url(account, container, key)?)
    }

    /// Learns where the account is, and what the server takes; without an answer the usual limits hold.
    async fn learn(&self) -> Result<()> {
        if self.account().is_none() {
            self.session(None).await?;
        }
        if self.info.get().is_none()
            && let Some(url) = self.account().and_then(place::info_url)
            && let Ok(answer) = self.client.request(Method::GET, url)?.timeout(INFO_PATIENCE).send().await
        {
            let info = if answer.status().is_success() { wire::info(answer).await } else { Some(Info::default()) };
            if let Some(info) = info {
                let _ = self.info.set(info);
            }
        }
        Ok(())
    }
}

/// A login may give a token out again that has a moment left to live: then the next one is new.
const RENEWALS: u32 = 2;

/// A server that does not tell its limits is not waited for.
const INFO_PATIENCE: Duration = Duration::from_secs(10);

/// A secret as a header that is kept out of logs.
fn sensitive(secret: &Secret) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_bytes(secret.reveal().as_bytes())
        .map_err(|_| Error::new(ErrorKind::Config, "a token or key has bytes that cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[async_trait]
impl Store for Swift {
    async fn prepare(&self) -> Result<()> {
        self.learn().await
    }

    fn limits(&self) -> Limits {
        let Info { max_file_size, segments, min_segment_size, .. } = self.info();
        Limits {
            put_max: max_file_size,
            part_min: min_segment_size,
            part_max: max_file_size,
            copy_max: max_file_size,
            parts_max: segments,
        }
    }

    fn location(&self, key: &str) -> String {
        let (container, key) = (&self.place.container, self.meant(key).unwrap_or_default());
        match self.account().map(|account| place::url(account, container, key)) {
            Some(Ok(url)) => url.into(),
            _ => format!("swift://{container}/{}", place::encoded(key)),
        }
    }

    fn object_ref(&self, key: &str, object: &Object) -> ObjectRef {
        ObjectRef {
            store: self.account().unwrap_or_default().to_owned(),
            bucket: self.place.container.clone(),
            key: self.meant(key).unwrap_or_default().to_owned(),
            etag: object.etag.clone(),
            len: object.len,
        }
    }

    fn can_copy(&self, from: &ObjectRef) -> bool {
        self.account() == Some(from.store.as_str()) && self.uploads.copies_ranges()
    }

    /// The MD5 of the segments' entity tags, as text.
    fn multipart_etag(&self, parts: &[PartTag]) -> Option<String> {
        Some(wire::large_etag(parts.iter().map(|part| part.etag.as_str())))
    }

    async fn put(&self, key: &str, body: &Part, attributes: &Attributes, condition: &Condition) -> Result<Stored> {
        self.put_object(self.meant(key)?, body, attributes, condition).await
    }

    async fn begin(&self, key: &str, _: &Attributes) -> Result<Upload> {
        self.begin_segments(self.meant(key)?).await
    }

    async fn put_part(&self, upload: &Upload, number: u32, body: &Part) -> Result<PartTag> {
        self.put_segment(upload, number, body).await
    }

    async fn copy_part(&self, upload: &Upload, number: u32, from: &ObjectRef, range: Range<u64>) -> Result<PartTag> {
        self.copy_segment(upload, number, from, range).await
    }

    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartTag],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Stored> {
        self.put_manifest(upload, parts, attributes, condition).await
    }

    async fn abort(&self, upload: &Upload) -> Result<()> {
        self.remove_upload(upload).await
    }

    async fn head(&self, key: &str) -> Result<Object> {
        Ok(self.look(&self.place.container, self.meant(key)?).await?.object)
    }

    async fn head_ref(&self, object: &ObjectRef) -> Result<Object> {
        Ok(self.look(&object.bucket, self.meant(&object.key)?).await?.object)
    }

    async fn read(&self, key: &str, range: Range<u64>, etag: &str) -> Result<Bytes> {
        self.read_range(self.meant(key)?, range, etag).await
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        self.list_page(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.delete_object(self.meant(key)?).await
    }
}

impl fmt::Debug for Swift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Swift").field("place", &self.place).field("login", &self.login).finish_non_exhaustive()
    }
}

impl fmt::Display for Swift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.location(&self.place.key))
    }
}

/// MD5 as 32 lower-case hexadecimal digits.
fn md5_hex(pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut md5 = Md5::new();
    for piece in pieces {
        md5.update(piece);
    }
    format!("{:032x}", u128::from_be_bytes(md5.finalize().into()))
}
