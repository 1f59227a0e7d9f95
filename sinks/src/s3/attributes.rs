//! What is stored beside the bytes, in the types of the SDK.

use std::collections::HashMap;

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::{Tag, Tagging};
use percent_encoding::utf8_percent_encode;

use super::UNRESERVED;
use crate::Attributes;

/// A request that makes an object, with all that is stored beside the bytes. There are two such requests, and the SDK
/// gives them setters of the same names but no trait.
macro_rules! described {
    ($request:expr, $s3:expr, $attributes:expr) => {
        $request
            .set_content_type($attributes.content_type.clone())
            .set_cache_control($attributes.cache_control.clone())
            .set_content_disposition($attributes.content_disposition.clone())
            .set_content_encoding($attributes.content_encoding.clone())
            .set_content_language($attributes.content_language.clone())
            .set_expires($crate::s3::attributes::expires($attributes))
            .set_metadata($crate::s3::attributes::metadata($attributes))
            .set_tagging($crate::s3::attributes::tag_query($attributes))
            .set_storage_class($s3.storage_class())
            .set_server_side_encryption($s3.encryption())
            .set_ssekms_key_id($s3.config.kms_key.clone())
    };
}
pub(super) use described;

pub(super) fn metadata(attributes: &Attributes) -> Option<HashMap<String, String>> {
    (!attributes.metadata.is_empty()).then(|| attributes.metadata.iter().cloned().collect())
}

/// Tags as a query string. A space is `%20`: not every store reads a plus sign as one.
pub(super) fn tag_query(attributes: &Attributes) -> Option<String> {
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let pairs: Vec<String> =
        attributes.tags.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// Tags as a document.
pub(super) fn tag_set(attributes: &Attributes) -> Result<Tagging, BuildError> {
    let tag = |(key, value): &(String, String)| Tag::builder().key(key).value(value).build();
    let tags = attributes.tags.iter().map(tag).collect::<Result<_, _>>()?;
    Tagging::builder().set_tag_set(Some(tags)).build()
}

pub(super) fn expires(attributes: &Attributes) -> Option<DateTime> {
    DateTime::from_str(attributes.expires.as_deref()?, DateTimeFormat::HttpDate).ok()
}

/// Reads them of an answer, which has no tags.
pub(super) fn read(answer: &HeadObjectOutput) -> Attributes {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let mut metadata: Vec<(String, String)> =
        answer.metadata().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())).collect();
    metadata.sort();
    Attributes {
        content_type: own(answer.content_type()),
        cache_control: own(answer.cache_control()),
        content_disposition: own(answer.content_disposition()),
        content_encoding: own(answer.content_encoding()),
        content_language: own(answer.content_language()),
        expires: own(answer.expires_string()),
        metadata,
        tags: Vec::new(),
    }
}
