//! Large objects: segments, and the manifest that makes them one object (Static Large Objects).

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, RANGE};
use reqwest::{Body, Method, RequestBuilder, StatusCode};
use serde_json::json;

use super::object::{is_new, is_overtaken};
use super::{Swift, md5_hex, place, wire};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Condition, Part, PartTag, Store, Stored, Upload};
use crate::{Attributes, ObjectRef};

/// What is remembered of uploads.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    /// Numbers of segments that were sent and not answered for, by upload: they may still arrive.
    open: Mutex<HashMap<String, BTreeSet<u32>>>,
    /// The containers are there.
    is_ready: AtomicBool,
    /// The server was seen to copy a whole object where a range was asked for.
    copies_wholly: AtomicBool,
}

impl Uploads {
    pub(super) fn copies_ranges(&self) -> bool {
        !self.copies_wholly.load(Ordering::Relaxed)
    }

    fn open<T>(&self, change: impl FnOnce(&mut HashMap<String, BTreeSet<u32>>) -> T) -> T {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn sends(&self, upload: &Upload, number: u32) {
        self.open(|open| open.entry(upload.id.clone()).or_default().insert(number));
    }

    /// A server that failed may still have stored it.
    fn is_answered(&self, upload: &Upload, number: u32, status: StatusCode) {
        if status.is_server_error() {
            return;
        }
        self.open(|open| open.get_mut(&upload.id).is_some_and(|numbers| numbers.remove(&number)));
    }

    fn forget(&self, upload: &Upload) -> BTreeSet<u32> {
        self.open(|open| open.remove(&upload.id)).unwrap_or_default()
    }
}

/// Keys longer than this leave no room for what follows them in the name of a segment, of which servers take 1,024.
const LONGEST_KEY: usize = 900;

/// What the names of all segments of an object begin with.
pub(super) fn folder(key: &str) -> String {
    if key.len() > LONGEST_KEY { format!("{}/", md5_hex([key])) } else { format!("{key}/") }
}

fn segment(upload: &Upload, number: u32) -> String {
    format!("{}{}/{number:08}", folder(&upload.key), upload.id)
}

impl Swift {
    pub(super) fn segments(&self) -> String {
        format!("{}_segments", self.place.container)
    }

    /// Makes sure that there are containers, and draws a name.
    pub(super) async fn begin_segments(&self, key: &str) -> Result<Upload> {
        if !self.uploads.is_ready.load(Ordering::Relaxed) {
            self.make_segments_container().await?;
            self.uploads.is_ready.store(true, Ordering::Relaxed);
        }
        let id = format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..));
        Ok(Upload { key: key.to_owned(), id })
    }

    /// The segments are stored by the same policy as the objects.
    async fn make_segments_container(&self) -> Result<()> {
        let head = |container| self.send(move || self.request(Method::HEAD, container, ""));
        let objects = wire::success(head(&self.place.container).await?).await;
        let policy = match objects {
            Ok(answer) => answer.headers().get("x-storage-policy").cloned(),
            // Who may write objects need not be allowed to look at the container.
            Err(error) if error.kind() == ErrorKind::Denied => None,
            Err(error) => return Err(self.explained(error)),
        };
        let segments = self.segments();
        match wire::success(head(&segments).await?).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() != ErrorKind::Denied => return Err(error),
            _ => return Ok(()),
        }
        let put = || {
            let request = self.request(Method::PUT, &segments, "")?.header(CONTENT_LENGTH, 0);
            Ok(match &policy {
                Some(policy) => request.header("x-storage-policy", policy),
                None => request,
            })
        };
        let made = wire::success(self.send(put).await?).await;
        made.map(drop).map_err(|error| error.doing(&format!("cannot make the container {segments:?}")))
    }

    fn put_at(&self, name: &str) -> Result<RequestBuilder> {
        Ok(self.request(Method::PUT, &self.segments(), name)?.header(CONTENT_TYPE, "application/octet-stream"))
    }

    pub(super) async fn put_segment(&self, upload: &Upload, number: u32, body: &Part) -> Result<PartTag> {
        let key = segment(upload, number);
        let put = || {
            let mut request = self.put_at(&key)?.header(CONTENT_LENGTH, body.len());
            if let Some(md5) = body.md5_hex() {
                request = request.header(ETAG, md5);
            }
            Ok(request.body(Body::wrap(body.body())))
        };
        self.uploads.sends(upload, number);
        let answer = self.send(put).await?;
        self.uploads.is_answered(upload, number, answer.status());
        let answer = wire::success(answer).await?;
        let etag = wire::etag(answer.headers()).or_else(|| body.md5_hex());
        match etag {
            Some(etag) if body.md5_hex().is_none_or(|md5| md5 == etag) => {
                Ok(PartTag { number, etag, len: body.len(), key: Some(key) })
            }
            _ => Err(Error::new(ErrorKind::Checksum, "the checksum of what is stored is another")),
        }
    }

    /// Copies a range. Swift copies it only from the version that is named; Ceph's gateway copies the whole object, of
    /// whatever version.
    pub(super) async fn copy_segment(
        &self,
        upload: &Upload,
        number: u32,
        from: &ObjectRef,
        range: Range<u64>,
    ) -> Result<PartTag> {
        let key = segment(upload, number);
        let source = format!("/{}/{}", place::encoded(&from.bucket), place::encoded(&from.key));
        let copy = || {
            let request = self.put_at(&key)?.header(CONTENT_LENGTH, 0).header("x-copy-from", &source);
            let request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
            // The labels of the original are not to be copied along.
            Ok(request.header(IF_MATCH, format!("\"{}\"", from.etag)).header("x-fresh-metadata", "true"))
        };
        self.uploads.sends(upload, number);
        let answer = self.send(copy).await?;
        self.uploads.is_answered(upload, number, answer.status());
        wire::success(answer).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::new(ErrorKind::Changed, "the object to copy from is not there any more"),
            _ => error,
        })?;
        let copied = self.look(&self.segments(), &key).await?.object;
        if copied.len == range.end - range.start {
            return Ok(PartTag { number, etag: copied.etag, len: copied.len, key: Some(key) });
        }
        self.uploads.copies_wholly.store(true, Ordering::Relaxed);
        Err(Error::new(ErrorKind::Unsupported, "the server does not copy ranges"))
    }

    /// Makes the segments one object.
    pub(super) async fn put_manifest(
        &self,
        upload: &Upload,
        parts: &[PartTag],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Stored> {
        let is_new = is_new(condition)?;
        let replaced = self.replaced(&upload.key, is_new).await;
        let container = self.segments();
        let manifest: Vec<_> = parts
            .iter()
            .map(|part| {
                let path = format!("/{container}/{}", segment(upload, part.number));
                json!({ "path": path, "etag": part.etag, "size_bytes": part.len })
            })
            .collect();
        let manifest = serde_json::Value::Array(manifest).to_string();
        let headers = wire::headers(attributes)?;
        let put = || {
            let request = self.write(&upload.key, &headers, is_new)?.query(&[("multipart-manifest", "put")]);
            Ok(request.body(manifest.clone()))
        };
        let answer = wire::success_of_new(self.send(put).await?, is_new).await;
        let answer = answer.map_err(|error| self.explained(error))?;
        if is_overtaken(&answer) {
            self.remove_upload(upload).await?;
            return Ok(Stored { etag: self.multipart_etag(parts), is_md5: false, crc64: None });
        }
        self.uploads.forget(upload);
        let stored = Stored { etag: wire::etag(answer.headers()), is_md5: false, crc64: None };
        self.remove_replaced(&upload.key, replaced, Some(&upload.id)).await;
        Ok(stored)
    }

    /// Removes all segments of an upload.
    ///
    /// A segment whose request was given up may be stored after it was not found: it is removed by name, which Swift
    /// remembers, and looked for again.
    pub(super) async fn remove_upload(&self, upload: &Upload) -> Result<()> {
        let container = self.segments();
        let open = self.uploads.forget(upload);
        let waits: &[u64] = if open.is_empty() { &[0] } else { &[0, 300, 1000] };
        let mut names: BTreeSet<String> = open.iter().map(|number| segment(upload, *number)).collect();
        for wait in waits {
            tokio::time::sleep(Duration::from_millis(*wait)).await;
            let removed = async {
                let listed = self.listed_whole(&container, &format!("{}{}/", folder(&upload.key), upload.id)).await?;
                names.extend(listed.into_iter().map(|listed| listed.name));
                self.delete_all(&container, &names).await
            };
            if let Err(error) = removed.await {
                // For the next attempt.
                self.uploads.open(|all| all.insert(upload.id.clone(), open));
                return Err(error);
            }
            names.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_segments_sort_by_number_and_are_not_too_long() {
        let upload = |key: String| Upload { key, id: "0".repeat(32) };
        let short = upload("a/b".into());
        assert_eq!(segment(&short, 7), format!("a/b/{}/00000007", "0".repeat(32)));
        assert!(segment(&short, 9) < segment(&short, 10));
        assert!(segment(&upload("k".repeat(1024)), 1000).len() < 1024);
        assert_ne!(folder(&"k".repeat(1000)), folder(&"k".repeat(1001)));
    }

    #[test]
    fn only_what_was_not_answered_for_is_open() {
        let (uploads, upload) = (Uploads::default(), Upload { key: "k".into(), id: "i".into() });
        uploads.sends(&upload, 1);
        uploads.sends(&upload, 2);
        uploads.sends(&upload, 3);
        uploads.is_answered(&upload, 1, StatusCode::CREATED);
        uploads.is_answered(&upload, 2, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(uploads.forget(&upload), BTreeSet::from([2, 3]));
        assert!(uploads.forget(&upload).is_empty());
    }
}
