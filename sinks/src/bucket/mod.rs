//! What OSS and COS share: the dialect of S3 that both speak natively.
//!
//! Requests, XML and headers are the same but for a prefix; how a request is signed and where a bucket is found differ,
//! and are a [`Vendor`]'s. Nothing here repeats a request or cleans up: [`Objects`](crate::remote::Objects) does.

mod address;
mod answer;
mod attributes;
mod store;
#[cfg(test)]
#[cfg(all(feature = "oss", feature = "cos"))]
mod tests;
mod xml;

use std::fmt;
use std::marker::PhantomData;
use std::time::SystemTime;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use reqwest::{Body, Response};

use self::address::Address;
pub(crate) use self::address::{encode, encode_path};
use self::answer::Refusal;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Client, Limits, Transfer, client, status_error};
use crate::{BucketConfig, Keys};

/// What one vendor does in a way of its own.
pub trait Vendor: Copy + fmt::Debug + Send + Sync + 'static {
    /// The name of the store.
    const NAME: &'static str;
    /// What its own headers begin with.
    const PREFIX: &'static str;
    /// What it takes.
    const LIMITS: Limits;

    /// The region as the vendor's protocol names it, of what people write.
    fn region(written: &str) -> &str {
        written
    }

    /// The public endpoint of a region, without the bucket.
    fn host(region: &str) -> String;

    /// The value of the header that names the source of a copy, by its URL without the scheme, or by its bucket and its
    /// encoded key.
    fn copy_source(url: &str, bucket: &str, key: &str) -> String;

    /// Adds the headers that a signature needs, and answers with the value of `Authorization`.
    fn sign(request: Unsigned<'_>, region: &str, keys: &Keys, now: SystemTime) -> Result<String>;
}

/// A request before its signature.
#[derive(Debug)]
pub struct Unsigned<'r> {
    /// The method.
    pub method: &'r Method,
    /// Host and port, as they are sent.
    pub host: &'r str,
    /// The path as it is sent, but not encoded.
    pub path: &'r str,
    /// The bucket.
    pub bucket: &'r str,
    /// The key; empty for the bucket itself.
    pub key: &'r str,
    /// The query, not encoded.
    pub query: &'r [(&'static str, String)],
    /// The headers so far.
    pub headers: &'r mut HeaderMap,
}

/// A bucket of OSS ([`Oss`](crate::Oss)) or COS ([`Cos`](crate::Cos)).
pub struct Bucket<V> {
    name: String,
    region: String,
    keys: Keys,
    address: Address,
    client: Client,
    vendor: PhantomData<V>,
}

/// A request that is to be signed and sent.
struct Draft<'d> {
    method: Method,
    bucket: &'d str,
    key: &'d str,
    query: Vec<(&'static str, String)>,
    headers: HeaderMap,
}

impl<V: Vendor> Bucket<V> {
    /// The bucket that `config` names. No request is made.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for an empty or impossible setting.
    pub fn new(config: BucketConfig, transfer: &Transfer) -> Result<Self> {
        let BucketConfig { bucket, region, endpoint_url, keys } = config;
        let region = V::region(region.trim()).to_owned();
        address::check_label("region", &region)?;
        address::check_label("bucket", &bucket)?;
        if keys.access_key.is_empty() || keys.secret_key.is_empty() {
            return Err(Error::new(ErrorKind::Config, format!("{} needs an access key and its secret", V::NAME)));
        }
        let address = Address::new(endpoint_url, &V::host(&region))?;
        Ok(Self { name: bucket, region, keys, address, client: client(transfer)?, vendor: PhantomData })
    }

    /// A request for an object of this bucket.
    fn draft<'d>(&'d self, method: Method, key: &'d str) -> Draft<'d> {
        Draft { method, bucket: &self.name, key, query: Vec::new(), headers: HeaderMap::new() }
    }

    /// Signs and sends a request; an answer that is no success is an error.
    async fn send(&self, draft: Draft<'_>, body: Option<(Body, u64)>) -> Result<Response> {
        Ok(self.exchange(draft, body).await??)
    }

    /// The same, with the code of a refusal.
    async fn exchange(&self, draft: Draft<'_>, body: Option<(Body, u64)>) -> Result<Result<Response, Refusal>> {
        let Draft { method, bucket, key, query, mut headers } = draft;
        let place = self.address.place(bucket, key, &query)?;
        let (body, len) = body.unwrap_or_else(|| (Body::from(""), 0));
        if let Some(token) = &self.keys.session_token {
            headers.insert(own::<V>("security-token")?, secret(token.reveal())?);
        }
        if method == Method::PUT || method == Method::POST {
            headers.insert(CONTENT_LENGTH, len.into());
        }
        let unsigned = Unsigned {
            method: &method,
            host: &place.host,
            path: &place.path,
            bucket,
            key,
            query: &query,
            headers: &mut headers,
        };
        let authorization = V::sign(unsigned, &self.region, &self.keys, SystemTime::now())?;
        headers.insert(AUTHORIZATION, secret(&authorization)?);
        let mut request = self.client.request(method.clone(), place.url)?.headers(headers);
        if method == Method::PUT || method == Method::POST {
            request = request.body(body);
        }
        let answer = request.send().await?;
        if matches!(answer.status(), StatusCode::OK | StatusCode::NO_CONTENT | StatusCode::PARTIAL_CONTENT) {
            return Ok(Ok(answer));
        }
        let (error, body) = status_error(answer).await;
        Ok(Err(answer::refusal(error, &body)))
    }

    /// Sends a request, and reads the XML that answers it.
    async fn ask(&self, draft: Draft<'_>, body: Option<(Body, u64)>, root: &str) -> Result<String> {
        let answer = self.send(draft, body).await?;
        answer::document(answer, root).await
    }

    /// Objects are copied within one endpoint only; the store itself knows who may read what.
    fn store_name(&self) -> String {
        format!("{} at {}", V::NAME, self.address)
    }
}

/// A header of the vendor's own.
fn own<V: Vendor>(name: &str) -> Result<HeaderName> {
    let unfit = |_| Error::new(ErrorKind::Rejected, format!("{name:?} cannot be part of a header's name"));
    HeaderName::try_from(format!("{}{name}", V::PREFIX)).map_err(unfit)
}

/// A header's value that logs of the client leave out.
fn secret(value: &str) -> Result<HeaderValue> {
    let unfit = |_| Error::new(ErrorKind::Config, "a key or token has characters that cannot be sent");
    let mut value = HeaderValue::from_str(value).map_err(unfit)?;
    value.set_sensitive(true);
    Ok(value)
}

impl<V: Vendor> fmt::Debug for Bucket<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(V::NAME)
            .field("bucket", &self.name)
            .field("region", &self.region)
            .field("endpoint", &self.address.to_string())
            .finish_non_exhaustive()
    }
}

impl<V: Vendor> fmt::Display for Bucket<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address.location(&self.name, ""))
    }
}
