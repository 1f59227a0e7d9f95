//! Requests on whole objects.

use std::ops::Range;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, IF_NONE_MATCH, RANGE};
use reqwest::{Body, Method, Response, StatusCode};

use super::Swift;
use super::wire::{self, Described, Listed};
use crate::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Condition, Entry, Page, Part, Stored};

/// Objects of one page of a listing; servers give no more than 10,000.
const PAGE: &str = "1000";

impl Swift {
    /// What is known of an object. Where there are replicas, the newest one is asked for.
    pub(super) async fn look(&self, container: &str, key: &str) -> Result<Described> {
        let head = || Ok(self.request(Method::HEAD, container, key)?.header("x-newest", "true"));
        let answer = wire::success(self.send(head).await?).await?;
        Ok(wire::described(answer.headers()))
    }

    pub(super) async fn put_object(
        &self,
        key: &str,
        body: &Part,
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Stored> {
        let is_new = is_new(condition)?;
        let replaced = self.replaced(key, is_new).await;
        let headers = wire::headers(attributes)?;
        let put = || {
            let mut request = self.write(key, &headers, is_new)?.header(CONTENT_LENGTH, body.len());
            if let Some(md5) = body.md5_hex() {
                request = request.header(ETAG, md5);
            }
            Ok(request.body(Body::wrap(body.body())))
        };
        let answer = wire::success_of_new(self.send(put).await?, is_new).await;
        let answer = answer.map_err(|error| self.explained(error))?;
        // The server has compared the checksum.
        let etag = if is_overtaken(&answer) { None } else { wire::etag(answer.headers()) };
        self.remove_replaced(key, replaced, None).await;
        Ok(Stored { etag: etag.or_else(|| body.md5_hex()), is_md5: true, crc64: None })
    }

    /// A request that makes an object visible.
    pub(super) fn write(&self, key: &str, headers: &HeaderMap, is_new: bool) -> Result<reqwest::RequestBuilder> {
        let request = self.request(Method::PUT, &self.place.container, key)?.headers(headers.clone());
        Ok(if is_new { request.header(IF_NONE_MATCH, "*") } else { request })
    }

    /// The only thing that can be missing where an object is written is the container.
    pub(super) fn explained(&self, error: Error) -> Error {
        if error.kind() == ErrorKind::NotFound {
            return Error::new(ErrorKind::NotFound, format!("there is no container {:?}", self.place.container));
        }
        error
    }

    /// Whether the server holds another version is seen by the entity tag of the answer itself: Ceph's gateway compares
    /// `If-Match` of a large object with a tag that it tells nobody.
    pub(super) async fn read_range(&self, key: &str, range: Range<u64>, etag: &str) -> Result<Bytes> {
        let changed = || Error::new(ErrorKind::Changed, "the object changed since it was read");
        let bytes = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        let get = || Ok(self.request(Method::GET, &self.place.container, key)?.header(RANGE, &bytes));
        let answer = self.send(get).await?;
        if answer.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Err(changed());
        }
        let answer = wire::success(answer).await?;
        if wire::etag(answer.headers()).as_deref() != Some(etag) {
            return Err(changed());
        }
        let text = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let begins = match answer.status() {
            StatusCode::PARTIAL_CONTENT => {
                text(CONTENT_RANGE).is_some_and(|value| value.starts_with(&format!("bytes {}-", range.start)))
            }
            _ => range.start == 0,
        };
        if !begins || text(CONTENT_LENGTH) != Some(&(range.end - range.start).to_string()) {
            return Err(Error::new(ErrorKind::Unsupported, "the server does not answer with the range asked for"));
        }
        Ok(answer.bytes().await?)
    }

    pub(super) async fn list_page(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        let listed = self.listed(&self.place.container, prefix, after).await.map_err(|error| self.explained(error))?;
        let next = listed.last().map(|last| last.name.clone());
        let entries = listed.into_iter().map(async |listed| {
            let is_manifest = listed.is_bare_manifest();
            let len = if is_manifest {
                self.look(&self.place.container, &listed.name).await?.object.len
            } else {
                listed.bytes
            };
            Ok::<_, Error>(Entry { key: listed.name, len })
        });
        Ok(Page { entries: stream::iter(entries).buffered(8).try_collect().await?, next })
    }

    /// One page of a container; an empty one is behind the last.
    pub(super) async fn listed(&self, container: &str, prefix: &str, after: Option<&str>) -> Result<Vec<Listed>> {
        let query = [("format", "json"), ("limit", PAGE), ("prefix", prefix), ("marker", after.unwrap_or_default())];
        let get = || Ok(self.request(Method::GET, container, "")?.query(&query));
        let answer = wire::success(self.send(get).await?).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            return Ok(Vec::new());
        }
        let page = answer.bytes().await?;
        serde_json::from_slice(&page)
            .map_err(|error| Error::new(ErrorKind::Network, format!("the listing cannot be read: {error}")))
    }

    /// Everything in a container under a prefix.
    pub(super) async fn listed_whole(&self, container: &str, prefix: &str) -> Result<Vec<Listed>> {
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let after = all.last().map(|last| last.name.clone());
            let page = self.listed(container, prefix, after.as_deref()).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }
}

/// Whether the server has an object that somebody began to send later, so that this one was replaced at once. The rest
/// of such an answer describes the other object.
pub(super) fn is_overtaken(answer: &Response) -> bool {
    answer.status() == StatusCode::ACCEPTED
}

/// Whether nothing may be there. Swift does not look at `If-Match` when it writes.
pub(super) fn is_new(condition: &Condition) -> Result<bool> {
    match condition {
        Condition::None => Ok(false),
        Condition::Absent => Ok(true),
        Condition::Matches(_) => Err(Error::new(ErrorKind::Unsupported, "Swift writes under no such condition")),
    }
}
