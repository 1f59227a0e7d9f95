//! The requests of the dialect.

use std::ops::Range;

use async_trait::async_trait;
use base64::Engine;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, IF_MATCH, RANGE};
use http::{HeaderMap, Method, StatusCode};
use md5::{Digest as _, Md5};
use reqwest::{Body, Response};

use super::answer::{Refusal, bounded, document, etag, number};
use super::{Bucket, Draft, Vendor, attributes, own, xml};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Condition, Digest, Limits, Object, Page, Part, PartTag, Store, Stored, Upload};
use crate::{Attributes, ObjectRef};

impl<V: Vendor> Bucket<V> {
    /// A request for one upload.
    fn of_upload<'d>(&'d self, method: Method, upload: &'d Upload) -> Draft<'d> {
        let mut draft = self.draft(method, &upload.key);
        draft.query.push(("uploadId", upload.id.clone()));
        draft
    }

    async fn remove(&self, draft: Draft<'_>) -> Result<()> {
        match self.exchange(draft, None).await? {
            Ok(_) => Ok(()),
            // Where the bucket itself is missing, something else is wrong than that the object is gone.
            Err(Refusal { code, error }) if error.kind() == ErrorKind::NotFound && code != "NoSuchBucket" => Ok(()),
            Err(refusal) => Err(refusal.error),
        }
    }

    async fn look(&self, bucket: &str, key: &str) -> Result<Object> {
        let draft = Draft { bucket, ..self.draft(Method::HEAD, key) };
        let answer = self.send(draft, None).await?;
        let headers = answer.headers();
        let told = |what: &str| Error::new(ErrorKind::Network, format!("the store did not tell the {what}"));
        Ok(Object {
            len: number(headers, "content-length").ok_or_else(|| told("length"))?,
            etag: etag(headers).ok_or_else(|| told("entity tag"))?,
            crc64: crc64::<V>(&answer),
            attributes: attributes::read::<V>(headers),
        })
    }
}

#[async_trait]
impl<V: Vendor> Store for Bucket<V> {
    fn limits(&self) -> Limits {
        V::LIMITS
    }

    fn digests(&self) -> &'static [Digest] {
        &[Digest::Md5, Digest::Crc64]
    }

    fn location(&self, key: &str) -> String {
        self.address.location(&self.name, key)
    }

    fn object_ref(&self, key: &str, object: &Object) -> ObjectRef {
        ObjectRef {
            store: self.store_name(),
            bucket: self.name.clone(),
            key: key.to_owned(),
            etag: object.etag.clone(),
            len: object.len,
        }
    }

    fn can_copy(&self, from: &ObjectRef) -> bool {
        from.store == self.store_name()
    }

    /// Neither vendor says how such a tag is made.
    fn multipart_etag(&self, _: &[PartTag]) -> Option<String> {
        None
    }

    async fn put(&self, key: &str, part: &Part, attributes: &Attributes, condition: &Condition) -> Result<Stored> {
        let mut draft = self.draft(Method::PUT, key);
        attributes::write::<V>(attributes, &mut draft.headers)?;
        condition_of::<V>(condition, &mut draft.headers)?;
        digest_of(part, &mut draft.headers)?;
        let answer = self.send(draft, Some(body_of(part))).await.map_err(|error| unmet(error, condition))?;
        // An entity tag is the MD5 only of what is not encrypted; the CRC is of the content always.
        Ok(Stored { etag: etag(answer.headers()), is_md5: false, crc64: crc64::<V>(&answer) })
    }

    async fn begin(&self, key: &str, attributes: &Attributes) -> Result<Upload> {
        let mut draft = self.draft(Method::POST, key);
        draft.query.push(("uploads", String::new()));
        attributes::write::<V>(attributes, &mut draft.headers)?;
        let document = self.ask(draft, None, "InitiateMultipartUploadResult").await?;
        Ok(Upload { key: key.to_owned(), id: xml::upload_id(&document)? })
    }

    async fn put_part(&self, upload: &Upload, number: u32, part: &Part) -> Result<PartTag> {
        let mut draft = self.of_upload(Method::PUT, upload);
        draft.query.push(("partNumber", number.to_string()));
        digest_of(part, &mut draft.headers)?;
        let answer = self.send(draft, Some(body_of(part))).await?;
        if matches!((crc64::<V>(&answer), part.digests().crc64), (Some(there), Some(sent)) if there != sent) {
            return Err(Error::new(ErrorKind::Checksum, format!("the checksum of part {number} is another")));
        }
        let etag = etag(answer.headers()).ok_or_else(|| untagged(number))?;
        Ok(PartTag { number, etag, len: part.len(), key: None })
    }

    async fn copy_part(&self, upload: &Upload, number: u32, from: &ObjectRef, range: Range<u64>) -> Result<PartTag> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Err(Error::new(ErrorKind::Unsupported, "there is nothing to copy"));
        };
        let mut draft = self.of_upload(Method::PUT, upload);
        draft.query.push(("partNumber", number.to_string()));
        let url = self.address.location(&from.bucket, &from.key);
        let url = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let source = V::copy_source(url, &from.bucket, &super::encode_path(&from.key));
        for (name, value) in [
            ("copy-source", source),
            ("copy-source-range", format!("bytes={}-{last}", range.start)),
            ("copy-source-if-match", format!("\"{}\"", from.etag)),
        ] {
            draft.headers.insert(own::<V>(name)?, plain(&value)?);
        }
        let answer = match self.exchange(draft, None).await? {
            Ok(answer) => answer,
            // The original is what has no such key.
            Err(Refusal { code, error }) if code == "NoSuchKey" => return Err(error.of_kind(ErrorKind::Changed)),
            Err(refusal) => return Err(refusal.error),
        };
        let etag = xml::copied_etag(&document(answer, "CopyPartResult").await?)?;
        if etag.is_empty() {
            return Err(untagged(number));
        }
        Ok(PartTag { number, etag, len: range.end - range.start, key: None })
    }

    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartTag],
        _: &Attributes,
        condition: &Condition,
    ) -> Result<Stored> {
        let mut draft = self.of_upload(Method::POST, upload);
        condition_of::<V>(condition, &mut draft.headers)?;
        draft.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
        let parts = xml::completion(parts);
        let md5 = base64::prelude::BASE64_STANDARD.encode(Md5::digest(&parts));
        draft.headers.insert(HeaderName::from_static("content-md5"), plain(&md5)?);
        let len = parts.len() as u64;
        let answer = self.send(draft, Some((Body::from(parts), len))).await.map_err(|error| unmet(error, condition))?;
        let crc64 = crc64::<V>(&answer);
        let document =
            document(answer, "CompleteMultipartUploadResult").await.map_err(|error| unmet(error, condition))?;
        Ok(Stored { etag: xml::completed_etag(&document)?, is_md5: false, crc64 })
    }

    async fn abort(&self, upload: &Upload) -> Result<()> {
        self.remove(self.of_upload(Method::DELETE, upload)).await
    }

    async fn head(&self, key: &str) -> Result<Object> {
        self.look(&self.name, key).await
    }

    async fn head_ref(&self, object: &ObjectRef) -> Result<Object> {
        self.look(&object.bucket, &object.key).await
    }

    /// Asks for the tags only where there are some: it takes a right of its own.
    async fn tags(&self, key: &str) -> Result<Vec<(String, String)>> {
        let answer = self.send(self.draft(Method::HEAD, key), None).await?;
        if number(answer.headers(), &format!("{}tagging-count", V::PREFIX)).unwrap_or(0) == 0 {
            return Ok(Vec::new());
        }
        let mut draft = self.draft(Method::GET, key);
        draft.query.push(("tagging", String::new()));
        let document = self.ask(draft, None, "Tagging").await.map_err(|error| error.doing("cannot read the tags"))?;
        xml::tags(&document)
    }

    async fn read(&self, key: &str, range: Range<u64>, version: &str) -> Result<Bytes> {
        let Some(last) = range.end.checked_sub(1).filter(|last| *last >= range.start) else {
            return Ok(Bytes::new());
        };
        let mut draft = self.draft(Method::GET, key);
        draft.headers.insert(RANGE, plain(&format!("bytes={}-{last}", range.start))?);
        draft.headers.insert(IF_MATCH, plain(&format!("\"{version}\""))?);
        let answer = self.send(draft, None).await?;
        if etag(answer.headers()).is_some_and(|now| now != version) {
            return Err(Error::new(ErrorKind::Changed, "the object changed since it was read"));
        }
        let begins = format!("bytes {}-{last}/", range.start);
        let is_range =
            answer.headers().get("content-range").is_some_and(|is| is.as_bytes().starts_with(begins.as_bytes()));
        if !is_range && (answer.status() != StatusCode::OK || range.start > 0) {
            return Err(Error::new(ErrorKind::Rejected, "the store answered another range than was asked for"));
        }
        let len = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        bounded(answer, len).await.map(Bytes::from)
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        let mut draft = self.draft(Method::GET, "");
        draft.query.push(("encoding-type", "url".into()));
        draft.query.push(("max-keys", "1000".into()));
        if !prefix.is_empty() {
            draft.query.push(("prefix", prefix.to_owned()));
        }
        if let Some(after) = after {
            draft.query.push(("marker", after.to_owned()));
        }
        xml::page(&self.ask(draft, None, "ListBucketResult").await?)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.remove(self.draft(Method::DELETE, key)).await
    }
}

/// `Content-MD5`, so that the store itself refuses what was damaged on its way.
fn digest_of(part: &Part, headers: &mut HeaderMap) -> Result<()> {
    if let Some(md5) = part.md5_base64() {
        headers.insert(HeaderName::from_static("content-md5"), plain(&md5)?);
    }
    Ok(())
}

fn body_of(part: &Part) -> (Body, u64) {
    (Body::wrap(part.body()), part.len())
}

/// The condition as a header, where there is one for it: neither vendor looks at `If-Match` when it writes.
fn condition_of<V: Vendor>(condition: &Condition, headers: &mut HeaderMap) -> Result<()> {
    match condition {
        Condition::None => {}
        Condition::Absent => {
            headers.insert(own::<V>("forbid-overwrite")?, HeaderValue::from_static("true"));
        }
        Condition::Matches(_) => {
            return Err(Error::new(ErrorKind::Unsupported, "the store cannot replace one version only"));
        }
    }
    Ok(())
}

/// A refusal as what it means under the condition.
fn unmet(error: Error, condition: &Condition) -> Error {
    match (condition, error.kind()) {
        (Condition::Absent, ErrorKind::Changed) => error.of_kind(ErrorKind::Exists),
        _ => error,
    }
}

fn crc64<V: Vendor>(answer: &Response) -> Option<u64> {
    number(answer.headers(), &format!("{}hash-crc64ecma", V::PREFIX))
}

fn plain(value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value)
        .map_err(|_| Error::new(ErrorKind::Rejected, format!("{value:?} cannot be the value of a header")))
}

#[cold]
fn untagged(number: u32) -> Error {
    Error::new(ErrorKind::Network, format!("the store gave part {number} no entity tag"))
}
