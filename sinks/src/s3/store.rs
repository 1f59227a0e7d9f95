//! The requests of S3.

use std::ops::Range;

use async_trait::async_trait;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, EncodingType, ServerSideEncryption};
use bytes::Bytes;
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};

use super::attributes::{self, described};
use super::fault::{fault, is_empty_success, on_condition};
use super::{S3, UNRESERVED};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Condition, Entry, Limits, Object, Page, Part, PartTag, Store, Stored, Upload};
use crate::{Attributes, ObjectRef};

/// What stays as it is in a copy source: the unreserved characters, and the slash between bucket and key.
const PLAIN: &AsciiSet = &UNRESERVED.remove(b'/');

/// Amazon takes 10,000 parts; some stores only 1,000, and parts grow so that fewer do.
const PARTS: u32 = 1_000;

impl S3 {
    /// Whether the entity tag of a plain object is its MD5. That of a directory bucket never is.
    fn has_md5_tags(&self, etag: Option<&str>) -> bool {
        let is_hex = |etag: &str| etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        !self.bucket().ends_with("--x-s3") && etag.is_some_and(is_hex)
    }

    /// Sets the tags of an object that was put together of parts, where the store forgot them meanwhile, as Ceph does.
    async fn restore_tags(&self, key: &str, attributes: &Attributes) -> Result<()> {
        if attributes.tags.is_empty() || !self.tags(key).await?.is_empty() {
            return Ok(());
        }
        let tags = attributes::tag_set(attributes);
        let tags = tags.map_err(|error| Error::new(ErrorKind::Rejected, error.to_string()))?;
        let request = self.client().await?.put_object_tagging().bucket(self.bucket()).key(key).tagging(tags);
        request.send().await.map(drop).map_err(fault)
    }

    async fn head_object(&self, bucket: &str, key: &str) -> Result<Object> {
        let answer = self.client().await?.head_object().bucket(bucket).key(key).send().await.map_err(fault)?;
        Ok(Object {
            len: answer.content_length().and_then(|len| u64::try_from(len).ok()).ok_or_else(|| unclear("no length"))?,
            etag: answer.e_tag().map(unquoted).ok_or_else(|| unclear("no entity tag"))?,
            crc64: None,
            attributes: attributes::read(&answer),
        })
    }
}

#[async_trait]
impl Store for S3 {
    fn limits(&self) -> Limits {
        Limits { put_max: 5 << 30, part_min: 5 << 20, part_max: 5 << 30, copy_max: 5 << 30, parts_max: PARTS }
    }

    fn location(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket())
    }

    fn object_ref(&self, key: &str, object: &Object) -> ObjectRef {
        ObjectRef {
            store: self.store_name(),
            bucket: self.bucket().to_owned(),
            key: key.to_owned(),
            etag: object.etag.clone(),
            len: object.len,
        }
    }

    fn can_copy(&self, from: &ObjectRef) -> bool {
        from.store == self.store_name()
    }

    async fn put(&self, key: &str, body: &Part, attributes: &Attributes, condition: &Condition) -> Result<Stored> {
        let (if_none_match, if_match) = conditions(condition);
        let request = self.client().await?.put_object().bucket(self.bucket()).key(key);
        let answer = described!(request, self, attributes)
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .content_length(length(body)?)
            .set_content_md5(body.md5_base64())
            .body(stream(body))
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(|error| on_condition(fault(error), condition))?;
        let etag = answer.e_tag().map(unquoted);
        let is_plain = matches!(answer.server_side_encryption(), None | Some(ServerSideEncryption::Aes256));
        Ok(Stored { is_md5: is_plain && self.has_md5_tags(etag.as_deref()), etag, crc64: None })
    }

    async fn begin(&self, key: &str, attributes: &Attributes) -> Result<Upload> {
        let request = self.client().await?.create_multipart_upload().bucket(self.bucket()).key(key);
        let answer = described!(request, self, attributes).send().await.map_err(fault)?;
        let id = answer.upload_id().ok_or_else(|| unclear("no upload was named"))?;
        Ok(Upload { key: key.to_owned(), id: id.to_owned() })
    }

    async fn put_part(&self, upload: &Upload, number: u32, body: &Part) -> Result<PartTag> {
        let request = self.client().await?.upload_part().bucket(self.bucket());
        let request = request.key(&upload.key).upload_id(&upload.id).part_number(part_number(number)?);
        let answer = request
            .content_length(length(body)?)
            .set_content_md5(body.md5_base64())
            .body(stream(body))
            .customize()
            .disable_payload_signing()
            .send()
            .await
            .map_err(fault)?;
        let etag = answer.e_tag().map(unquoted).ok_or_else(|| unclear("a part has no entity tag"))?;
        Ok(PartTag { number, etag, len: body.len(), key: None })
    }

    async fn copy_part(&self, upload: &Upload, number: u32, from: &ObjectRef, range: Range<u64>) -> Result<PartTag> {
        let source = format!("{}/{}", from.bucket, from.key);
        let request = self.client().await?.upload_part_copy().bucket(self.bucket());
        let request = request.key(&upload.key).upload_id(&upload.id).part_number(part_number(number)?);
        let answer = request
            .copy_source(utf8_percent_encode(&source, PLAIN).to_string())
            .copy_source_if_match(quoted(&from.etag))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)))
            .customize()
            // Some stores answer 411 to a request without a body that does not say so.
            .mutate_request(|request| {
                request.headers_mut().insert("content-length", "0");
            })
            .send()
            .await
            .map_err(|error| on_condition(fault(error), &Condition::Matches(String::new())))?;
        let etag = answer.copy_part_result().and_then(|part| part.e_tag()).map(unquoted);
        let etag = etag.ok_or_else(|| unclear("a copied part has no entity tag"))?;
        Ok(PartTag { number, etag, len: range.end - range.start, key: None })
    }

    async fn complete(
        &self,
        upload: &Upload,
        parts: &[PartTag],
        attributes: &Attributes,
        condition: &Condition,
    ) -> Result<Stored> {
        let mut completed = CompletedMultipartUpload::builder();
        for part in parts {
            let number = part_number(part.number)?;
            completed = completed.parts(CompletedPart::builder().part_number(number).e_tag(quoted(&part.etag)).build());
        }
        let (if_none_match, if_match) = conditions(condition);
        let request = self.client().await?.complete_multipart_upload().bucket(self.bucket());
        let request = request.key(&upload.key).upload_id(&upload.id);
        let answer = request
            .multipart_upload(completed.build())
            .set_if_none_match(if_none_match)
            .set_if_match(if_match)
            .send()
            .await
            .map_err(|error| on_condition(fault(error), condition))?;
        self.restore_tags(&upload.key, attributes).await?;
        Ok(Stored { etag: answer.e_tag().map(unquoted), is_md5: false, crc64: None })
    }

    async fn abort(&self, upload: &Upload) -> Result<()> {
        let request = self.client().await?.abort_multipart_upload().bucket(self.bucket());
        absent_is_done(request.key(&upload.key).upload_id(&upload.id).send().await.map_err(fault))
    }

    async fn head(&self, key: &str) -> Result<Object> {
        self.head_object(self.bucket(), key).await
    }

    async fn head_ref(&self, object: &ObjectRef) -> Result<Object> {
        self.head_object(&object.bucket, &object.key).await
    }

    /// The tags of an object; none where the store has no tags.
    async fn tags(&self, key: &str) -> Result<Vec<(String, String)>> {
        let request = self.client().await?.get_object_tagging().bucket(self.bucket()).key(key);
        let answer = request.send().await;
        // Ceph answers nothing at all where there are no tags.
        if answer.as_ref().is_err_and(is_empty_success) {
            return Ok(Vec::new());
        }
        match answer.map_err(fault) {
            Ok(answer) => {
                Ok(answer.tag_set().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect())
            }
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NotFound) => Ok(Vec::new()),
            Err(error) => Err(error.doing("cannot read the tags of the object (s3:GetObjectTagging)")),
        }
    }

    async fn read(&self, key: &str, range: Range<u64>, etag: &str) -> Result<Bytes> {
        let condition = Condition::Matches(etag.to_owned());
        let request = self.client().await?.get_object().bucket(self.bucket()).key(key).if_match(quoted(etag));
        let request = request.range(format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        let answer = request.send().await.map_err(|error| on_condition(fault(error), &condition))?;
        let len = range.end - range.start;
        if answer.content_length().and_then(|len| u64::try_from(len).ok()) != Some(len) {
            return Err(Error::new(ErrorKind::Unsupported, "the store does not answer ranges"));
        }
        let cut = |error: aws_sdk_s3::primitives::ByteStreamError| {
            Error::new(ErrorKind::Network, format!("the answer broke off: {error}"))
        };
        Ok(answer.body.collect().await.map_err(cut)?.into_bytes())
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page> {
        let answer = self
            .client()
            .await?
            .list_objects_v2()
            .bucket(self.bucket())
            .prefix(prefix)
            .set_continuation_token(after.map(str::to_owned))
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(fault)?;
        let is_encoded = answer.encoding_type().is_some();
        let entries = answer.contents().iter().filter_map(|object| {
            let key = object.key()?;
            let key = if is_encoded {
                percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
            } else {
                key.to_owned()
            };
            Some(Entry { key, len: u64::try_from(object.size().unwrap_or(0)).unwrap_or(0) })
        });
        Ok(Page {
            entries: entries.collect(),
            next: answer.next_continuation_token().filter(|_| answer.is_truncated() == Some(true)).map(str::to_owned),
        })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let request = self.client().await?.delete_object().bucket(self.bucket()).key(key);
        absent_is_done(request.send().await.map_err(fault))
    }
}

/// Removing what is not there is no failure; a bucket that is not there is.
fn absent_is_done<T>(answer: Result<T>) -> Result<()> {
    match answer {
        Err(error) if error.kind() == ErrorKind::NotFound && !error.to_string().contains("NoSuchBucket") => Ok(()),
        answer => answer.map(drop),
    }
}

fn stream(body: &Part) -> ByteStream {
    ByteStream::new(SdkBody::from_body_1_x(body.body()))
}

fn length(body: &Part) -> Result<i64> {
    i64::try_from(body.len()).map_err(|_| Error::new(ErrorKind::TooLarge, "longer than any store takes"))
}

fn part_number(number: u32) -> Result<i32> {
    i32::try_from(number).map_err(|_| Error::new(ErrorKind::TooLarge, "more parts than any store takes"))
}

fn conditions(condition: &Condition) -> (Option<String>, Option<String>) {
    match condition {
        Condition::None => (None, None),
        Condition::Absent => (Some("*".to_owned()), None),
        Condition::Matches(etag) => (None, Some(quoted(etag))),
    }
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

#[cold]
fn unclear(what: &str) -> Error {
    Error::new(ErrorKind::Rejected, format!("the answer of the store is not clear: {what}"))
}
