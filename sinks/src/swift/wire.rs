//! Headers and documents of Swift, to and from our own types.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Response, StatusCode};
use serde::Deserialize;

use super::md5_hex;
use crate::Attributes;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Object, status_error};

const META: &str = "x-object-meta-";

/// Ceph's gateway marks large objects by this, which nobody put there.
const CEPH_LARGE: &str = "static-large-object";

/// What a server takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Info {
    pub(super) max_file_size: u64,
    /// Most segments of a large object.
    pub(super) segments: u32,
    pub(super) min_segment_size: u64,
    /// Most objects of one request for deletion; 0 where there is no such request.
    pub(super) bulk_delete: usize,
}

impl Default for Info {
    /// What Swift takes as it comes.
    fn default() -> Self {
        Self { max_file_size: 5 << 30, segments: 1000, min_segment_size: 1, bulk_delete: 0 }
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct InfoDocument {
    swift: SwiftInfo,
    slo: SloInfo,
    bulk_delete: Option<BulkInfo>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SwiftInfo {
    max_file_size: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SloInfo {
    max_manifest_segments: Option<u32>,
    min_segment_size: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct BulkInfo {
    max_deletes_per_request: Option<usize>,
}

/// Reads what a server says of itself; None when the answer breaks off.
pub(super) async fn info(answer: Response) -> Option<Info> {
    let document = answer.bytes().await.ok()?;
    Some(parse_info(&document))
}

fn parse_info(document: &[u8]) -> Info {
    let InfoDocument { swift, slo, bulk_delete } = serde_json::from_slice(document).unwrap_or_default();
    let usual = Info::default();
    Info {
        max_file_size: swift.max_file_size.filter(|size| *size > 0).unwrap_or(usual.max_file_size),
        segments: slo.max_manifest_segments.filter(|count| *count > 0).unwrap_or(usual.segments),
        min_segment_size: slo.min_segment_size.unwrap_or(usual.min_segment_size),
        bulk_delete: bulk_delete.map_or(0, |bulk| bulk.max_deletes_per_request.unwrap_or(1000).min(1000)),
    }
}

/// An object as its headers describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Described {
    pub(super) object: Object,
    /// Whether it is a static large object.
    pub(super) is_large: bool,
}

pub(super) fn described(headers: &HeaderMap) -> Described {
    let text = |name: &str| headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let is_true = |name: &str| text(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_large = is_true("x-static-large-object") || is_true(&format!("{META}{CEPH_LARGE}"));
    let metadata = headers.iter().filter_map(|(name, value)| {
        let key = name.as_str().strip_prefix(META).filter(|key| *key != CEPH_LARGE)?;
        Some((key.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
    });
    let attributes = Attributes {
        content_type: text("content-type"),
        cache_control: text("cache-control"),
        content_disposition: text("content-disposition"),
        content_encoding: text("content-encoding"),
        content_language: text("content-language"),
        expires: text("expires"),
        metadata: metadata.collect(),
        tags: Vec::new(),
    };
    let len = text("content-length").and_then(|len| len.parse().ok()).unwrap_or(0);
    Described { object: Object { len, etag: etag(headers).unwrap_or_default(), crc64: None, attributes }, is_large }
}

/// The entity tag, without the quotes that large objects have.
pub(super) fn etag(headers: &HeaderMap) -> Option<String> {
    Some(headers.get("etag")?.to_str().ok()?.trim_matches('"').to_owned())
}

/// The entity tag of a large object: the MD5 of those of its segments, as text.
pub(super) fn large_etag<'a>(segments: impl Iterator<Item = &'a str>) -> String {
    md5_hex(segments)
}

/// The headers that store `attributes`.
pub(super) fn headers(attributes: &Attributes) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let wrong = |name: &str| Error::new(ErrorKind::Attributes, format!("the attribute {name:?} cannot be stored"));
    let plain = [
        ("content-type", &attributes.content_type),
        ("cache-control", &attributes.cache_control),
        ("content-disposition", &attributes.content_disposition),
        ("content-encoding", &attributes.content_encoding),
        ("content-language", &attributes.content_language),
        ("expires", &attributes.expires),
    ];
    for (name, value) in plain {
        if let Some(value) = value {
            headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong(name))?);
        }
    }
    for (key, value) in &attributes.metadata {
        let name = HeaderName::from_bytes(format!("{META}{key}").as_bytes()).map_err(|_| wrong(key))?;
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).map_err(|_| wrong(key))?);
    }
    Ok(headers)
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Listed {
    pub(super) name: String,
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) hash: String,
}

impl Listed {
    /// Ceph's gateway lists the manifest of a large object, under the MD5 of nothing.
    pub(super) fn is_bare_manifest(&self) -> bool {
        self.bytes > 0 && self.hash == "d41d8cd98f00b204e9800998ecf8427e"
    }
}

/// The answer, where it is a success.
pub(super) async fn success(answer: Response) -> Result<Response> {
    if answer.status().is_success() { Ok(answer) } else { Err(error(answer).await) }
}

/// What an answer means that is no success.
pub(super) async fn error(answer: Response) -> Error {
    let status = answer.status();
    let (error, body) = status_error(answer).await;
    let says = |words: &str| body.windows(words.len()).any(|window| window == words.as_bytes());
    match status.as_u16() {
        422 => error.of_kind(ErrorKind::Checksum),
        // A manifest whose segments are not what was sent.
        400 if says("Etag Mismatch") || says("Size Mismatch") => error.of_kind(ErrorKind::Checksum),
        // Swift's words for a client whose connection broke, and for too many requests.
        499 => error.of_kind(ErrorKind::Network),
        498 => error.of_kind(ErrorKind::Unavailable),
        _ => error,
    }
}

/// The same for a request under `If-None-Match: *`. That somebody else was faster may turn out at the end.
pub(super) async fn success_of_new(answer: Response, is_new: bool) -> Result<Response> {
    if is_new && matches!(answer.status(), StatusCode::PRECONDITION_FAILED | StatusCode::ACCEPTED) {
        return Err(Error::new(ErrorKind::Exists, "there is an object of that name"));
    }
    success(answer).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_say_what_they_take() {
        let swift = r#"{"swift": {"max_file_size": 10485760, "x": []}, "slo": {"max_manifest_segments": 500,
            "min_segment_size": 3}, "bulk_delete": {"max_deletes_per_request": 10000}}"#;
        let taken = Info { max_file_size: 10 << 20, segments: 500, min_segment_size: 3, bulk_delete: 1000 };
        assert_eq!(parse_info(swift.as_bytes()), taken);
        let ceph = r#"{"bulk_delete":{},"swift":{"max_file_size":5368709120},"slo":{"max_manifest_segments":1000}}"#;
        assert_eq!(parse_info(ceph.as_bytes()), Info { bulk_delete: 1000, ..Info::default() });
        assert_eq!(parse_info(b"<html>"), Info::default());
    }

    #[test]
    fn attributes_make_the_way_there_and_back() {
        let attributes = Attributes {
            content_type: Some("image/jpeg".into()),
            content_disposition: Some("attachment; filename=\"ü\"".into()),
            metadata: vec![("owner".into(), "Zoë".into()), ("k-2".into(), "v".into())],
            ..Attributes::default()
        };
        let mut headers = headers(&attributes).unwrap();
        headers.insert("content-length", HeaderValue::from_static("7"));
        headers.insert("etag", HeaderValue::from_static("\"abc\""));
        headers.insert("x-object-meta-static-large-object", HeaderValue::from_static("True"));
        let object = Object { len: 7, etag: "abc".into(), crc64: None, attributes };
        assert_eq!(described(&headers), Described { object, is_large: true });
    }

    #[test]
    fn an_attribute_that_is_no_header_is_named() {
        let attributes = Attributes { metadata: vec![("a b".into(), "c".into())], ..Attributes::default() };
        let error = headers(&attributes).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Attributes);
        assert!(error.to_string().contains("a b"));
    }

    #[test]
    fn a_large_object_is_tagged_by_its_segments() {
        // The MD5s of "" and "123456789", and the MD5 of the 64 digits, as both servers answered it.
        let tags = ["d41d8cd98f00b204e9800998ecf8427e", "25f9e794323b453885f5181f1b624d0b"];
        assert_eq!(large_etag(tags.into_iter()), md5_hex([tags.concat()]));
    }
}
