//! Tencent Cloud COS, natively: the signature `q-sign-algorithm=sha1`.
//!
//! Specification: "Request Signature", "Upload Part", "Upload Part - Copy" and "Complete Multipart Upload" of the COS API
//! reference.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha1::{Digest, Sha1};

use crate::Keys;
use crate::bucket::{Bucket, Unsigned, Vendor, encode};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Limits, hex};

/// A bucket of Tencent Cloud COS.
///
/// The bucket's name ends with the account's number, and is part of the host name
/// (`name-1250000000.cos.ap-guangzhou.myqcloud.com`). Temporary keys carry a session token.
///
/// ```
/// use unlabel_sinks::remote::{Store, Transfer};
/// use unlabel_sinks::{BucketConfig, Cos, Keys};
///
/// let config = BucketConfig {
///     bucket: "reports-1250000000".into(),
///     region: "ap-guangzhou".into(),
///     endpoint_url: None,
///     keys: Keys::new("secret-id", "secret"),
/// };
/// let cos = Cos::new(config, &Transfer::default())?;
/// assert_eq!(cos.location("a.pdf"), "https://reports-1250000000.cos.ap-guangzhou.myqcloud.com/a.pdf");
/// # Ok::<(), unlabel_sinks::Error>(())
/// ```
pub type Cos = Bucket<Tencent>;

/// What is Tencent's own.
#[derive(Clone, Copy, Debug)]
pub struct Tencent;

/// How far the clock may be ahead of the store's, and how long a request may wait before it is looked at.
const BEFORE: Duration = Duration::from_mins(1);
const AFTER: Duration = Duration::from_hours(1);

impl Vendor for Tencent {
    const NAME: &'static str = "COS";
    const PREFIX: &'static str = "x-cos-";
    const LIMITS: Limits =
        Limits { put_max: 5 << 30, part_min: 1 << 20, part_max: 5 << 30, copy_max: 5 << 30, parts_max: 10_000 };

    fn host(region: &str) -> String {
        format!("cos.{region}.myqcloud.com")
    }

    fn copy_source(url: &str, _: &str, _: &str) -> String {
        url.to_owned()
    }

    fn sign(request: Unsigned<'_>, _: &str, keys: &Keys, now: SystemTime) -> Result<String> {
        let now = now.duration_since(UNIX_EPOCH).map_err(|_| unfit())?;
        let time = format!("{};{}", now.saturating_sub(BEFORE).as_secs(), (now + AFTER).as_secs());
        let host = request.host.to_owned();
        authorization(&request, &signed(request.headers, &host), &time, keys)
    }
}

#[cold]
fn unfit() -> Error {
    Error::new(ErrorKind::Config, "the request cannot be signed with these keys at this time")
}

fn authorization(request: &Unsigned<'_>, headers: &[(String, String)], time: &str, keys: &Keys) -> Result<String> {
    let mut query: Vec<_> =
        request.query.iter().map(|(name, value)| (encode(name).to_lowercase(), encode(value))).collect();
    query.sort_unstable();
    let canonical = format!(
        "{}\n{}\n{}\n{}\n",
        request.method.as_str().to_lowercase(),
        request.path,
        pairs(&query),
        pairs(headers)
    );
    let to_sign = format!("sha1\n{time}\n{}\n", hex(&Sha1::digest(canonical)));
    let key = hmac(keys.secret_key.reveal().as_bytes(), time.as_bytes())?;
    let signature = hmac(key.as_bytes(), to_sign.as_bytes())?;
    Ok(format!(
        "q-sign-algorithm=sha1&q-ak={}&q-sign-time={time}&q-key-time={time}&q-header-list={}&q-url-param-list={}\
         &q-signature={signature}",
        keys.access_key,
        names(headers),
        names(&query),
    ))
}

/// The headers that are signed, by name, encoded. All that have a meaning to the store, as its own clients do; a proxy
/// may rewrite others.
fn signed(headers: &HeaderMap, host: &str) -> Vec<(String, String)> {
    let mut signed = vec![("host".to_owned(), encode(host))];
    for (name, value) in headers {
        let is_signed = name.as_str().starts_with("x-cos-")
            || matches!(
                name.as_str(),
                "cache-control"
                    | "content-disposition"
                    | "content-encoding"
                    | "content-md5"
                    | "content-type"
                    | "expires"
                    | "if-match"
                    | "range"
            );
        if is_signed {
            signed.push((encode(name), encode(value.as_bytes())));
        }
    }
    signed.sort_unstable();
    signed
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn names(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";")
}

fn hmac(key: &[u8], text: &[u8]) -> Result<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key).map_err(|_| unfit())?;
    mac.update(text);
    Ok(hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method};

    use super::*;

    /// 2033-12-01, 16:00:00 UTC.
    const DAY: u64 = 2_017_065_600;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
        pairs.iter().map(|(name, text)| (http::HeaderName::from_static(name), value(text))).collect()
    }

    /// The two examples of "Request Signature" in the vendor's API reference. Their keys are published there, and are
    /// nobody's.
    #[test]
    fn signatures_are_those_that_the_vendor_publishes() {
        let keys = Keys::new("AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q", "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz");
        let key = hmac(keys.secret_key.reveal().as_bytes(), b"1557989151;1557996351").unwrap();
        assert_eq!(key, "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f");

        let path = "/exampleobject(腾讯云)";
        let host = "examplebucket-1250000000.cos.ap-beijing.myqcloud.com";
        let encoded = |pairs: &[(&str, &str)]| -> Vec<_> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), encode(value))).collect()
        };
        let unsigned = |method, query| Unsigned {
            method,
            host,
            path,
            bucket: "",
            key: "",
            query,
            headers: Box::leak(Box::default()),
        };
        let put = encoded(&[
            ("content-length", "13"),
            ("content-md5", "mQ/fVh815F3k6TAUm8m0eg=="),
            ("content-type", "text/plain"),
            ("date", "Thu, 16 May 2019 06:45:51 GMT"),
            ("host", host),
            ("x-cos-acl", "private"),
            ("x-cos-grant-read", "uin=\"100000000011\""),
        ]);
        assert_eq!(
            authorization(&unsigned(&Method::PUT, &[]), &put, "1557989151;1557996351", &keys).unwrap(),
            "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989151;1557996351\
             &q-key-time=1557989151;1557996351\
             &q-header-list=content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read\
             &q-url-param-list=&q-signature=3b8851a11a569213c17ba8fa7dcf2abec6935172"
        );
        let get = encoded(&[("date", "Thu, 16 May 2019 06:55:53 GMT"), ("host", host)]);
        let query = [
            ("response-content-type", "application/octet-stream".to_owned()),
            ("response-cache-control", "max-age=600".to_owned()),
        ];
        assert_eq!(
            authorization(&unsigned(&Method::GET, &query), &get, "1557989753;1557996953", &keys).unwrap(),
            "q-sign-algorithm=sha1&q-ak=AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q&q-sign-time=1557989753;1557996953\
             &q-key-time=1557989753;1557996953&q-header-list=date;host\
             &q-url-param-list=response-cache-control;response-content-type\
             &q-signature=01681b8c9d798a678e43b685a9f1bba0f6c0e012"
        );
    }

    /// Computed with `qcloud_cos.cos_auth.CosS3Auth` of the official Python SDK, cos-python-sdk-v5 1.9.44, from the same
    /// requests.
    #[test]
    fn signatures_of_our_requests_are_those_of_the_official_sdk() {
        let host = "reports-1250000000.cos.ap-guangzhou.myqcloud.com";
        let source = format!("{host}/a%20b");
        let cases: [(Method, &str, &[_], &[_], &str, &str); 4] = [
            (
                Method::POST,
                "/a b/%2e%2e/q?x=1#y/日本\n+.pdf",
                &[("uploads", "")],
                &[
                    ("content-type", "application/pdf"),
                    ("x-cos-meta-owner", "Jürgen"),
                    ("x-cos-tagging", "a%20b=1"),
                    ("cache-control", "no-cache"),
                    ("content-language", "de"),
                    ("x-cos-security-token", "tok+/="),
                ],
                "cache-control;content-type;host;x-cos-meta-owner;x-cos-security-token;x-cos-tagging\
                 &q-url-param-list=uploads",
                "ba2867f0de57edcbb7efee101dd37f0370456db4",
            ),
            (
                Method::GET,
                "/",
                &[("prefix", "a b/"), ("max-keys", "1000"), ("marker", "ü&"), ("encoding-type", "url")],
                &[],
                "host&q-url-param-list=encoding-type;marker;max-keys;prefix",
                "ce7d06163233dc69ef373e9d11ec6ae85bfd00aa",
            ),
            (
                Method::PUT,
                "/k",
                &[("uploadId", "0004B9"), ("partNumber", "2")],
                &[
                    ("x-cos-copy-source", &source),
                    ("x-cos-copy-source-range", "bytes=0-9"),
                    ("x-cos-copy-source-if-match", "\"5b3c\""),
                ],
                "host;x-cos-copy-source;x-cos-copy-source-if-match;x-cos-copy-source-range\
                 &q-url-param-list=partnumber;uploadid",
                "3ba036f122d032419bfe5440f82b565ad1239efb",
            ),
            (
                Method::GET,
                "/k",
                &[],
                &[("range", "bytes=0-9"), ("if-match", "\"5b3c\"")],
                "host;if-match;range&q-url-param-list=",
                "89a87a45e2bd04ba830e5f77a900d2c90c913f9d",
            ),
        ];
        for (method, path, query, pairs, lists, signature) in cases {
            let query: Vec<_> = query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            let (keys, mut headers) = (Keys::new("AKEXAMPLE", "SKEXAMPLE"), headers(pairs));
            let request =
                Unsigned { method: &method, host, path, bucket: "", key: "", query: &query, headers: &mut headers };
            let signed = Tencent::sign(request, "", &keys, UNIX_EPOCH + Duration::from_secs(DAY)).unwrap();
            let time = "2017065540;2017069200";
            assert_eq!(
                signed,
                format!(
                    "q-sign-algorithm=sha1&q-ak=AKEXAMPLE&q-sign-time={time}&q-key-time={time}&q-header-list={lists}\
                     &q-signature={signature}"
                )
            );
        }
    }
}
