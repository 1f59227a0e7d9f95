//! Alibaba Cloud OSS, natively: signature version 4 (`OSS4-HMAC-SHA256`).
//!
//! Specification: "Include a V4 signature in the Authorization header", `UploadPart`, `UploadPartCopy` and
//! `CompleteMultipartUpload` of the OSS API reference. The hash of the content is not part of the signature
//! (`UNSIGNED-PAYLOAD`): `Content-MD5` is, and it covers the content.

use std::time::SystemTime;

use hmac::{Hmac, Mac};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::bucket::{Bucket, Unsigned, Vendor, encode, encode_path};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Limits, hex};
use crate::{Keys, Secret};

/// A bucket of Alibaba Cloud OSS.
///
/// The bucket is part of the host name (`bucket.oss-cn-hangzhou.aliyuncs.com`); the region is the one that requests are
/// signed for (`cn-hangzhou`). Temporary keys (STS) carry a session token.
///
/// ```
/// use unlabel_sinks::remote::{Store, Transfer};
/// use unlabel_sinks::{BucketConfig, Keys, Oss};
///
/// let config = BucketConfig {
///     bucket: "reports".into(),
///     region: "cn-hangzhou".into(),
///     endpoint_url: None,
///     keys: Keys::new("access-key-id", "secret"),
/// };
/// let oss = Oss::new(config, &Transfer::default())?;
/// assert_eq!(oss.location("2033/a b.pdf"), "https://reports.oss-cn-hangzhou.aliyuncs.com/2033/a%20b.pdf");
/// # Ok::<(), unlabel_sinks::Error>(())
/// ```
pub type Oss = Bucket<Alibaba>;

/// What is Alibaba's own.
#[derive(Clone, Copy, Debug)]
pub struct Alibaba;

const ALGORITHM: &str = "OSS4-HMAC-SHA256";
const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

impl Vendor for Alibaba {
    const NAME: &'static str = "OSS";
    const PREFIX: &'static str = "x-oss-";
    const LIMITS: Limits = Limits {
        put_max: 5 << 30,
        part_min: 100 << 10,
        part_max: 5 << 30,
        // What CopyObject takes; of UploadPartCopy no limit is documented.
        copy_max: 1 << 30,
        parts_max: 10_000,
    };

    fn region(written: &str) -> &str {
        // Endpoints and consoles write `oss-cn-hangzhou`; signatures do not.
        written.strip_prefix("oss-").unwrap_or(written)
    }

    fn host(region: &str) -> String {
        format!("oss-{region}.aliyuncs.com")
    }

    fn copy_source(_: &str, bucket: &str, key: &str) -> String {
        format!("/{bucket}/{key}")
    }

    fn sign(request: Unsigned<'_>, region: &str, keys: &Keys, now: SystemTime) -> Result<String> {
        let time = timestamp(now)?;
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| unfit());
        request.headers.insert(HeaderName::from_static("x-oss-date"), value(&time)?);
        request.headers.insert(HeaderName::from_static("x-oss-content-sha256"), HeaderValue::from_static(UNSIGNED));

        let day = &time[..8];
        let scope = format!("{day}/{region}/oss/aliyun_v4_request");
        let mut to_sign = format!("{ALGORITHM}\n{time}\n{scope}\n").into_bytes();
        to_sign.extend_from_slice(hex(&Sha256::digest(canonical(&request))).as_bytes());
        let signature = hex(&hmac(&key(&keys.secret_key, day, region)?, &to_sign)?);
        Ok(format!("{ALGORITHM} Credential={}/{scope},Signature={signature}", keys.access_key))
    }
}

#[cold]
fn unfit() -> Error {
    Error::new(ErrorKind::Config, "the request cannot be signed with these keys at this time")
}

/// `20231216T162057Z`.
fn timestamp(now: SystemTime) -> Result<String> {
    OffsetDateTime::from(now)
        .format(format_description!("[year][month][day]T[hour][minute][second]Z"))
        .map_err(|_| unfit())
}

/// The request as it is signed. Header values are bytes, and need not be UTF-8.
fn canonical(request: &Unsigned<'_>) -> Vec<u8> {
    let resource = encode_path(&format!("/{}/{}", request.bucket, request.key));
    let mut query: Vec<_> = request.query.iter().map(|(name, value)| (encode(name), encode(value))).collect();
    query.sort_unstable();
    let pair = |(name, value): &(String, String)| {
        if value.is_empty() { name.clone() } else { format!("{name}={value}") }
    };
    let query = query.iter().map(pair).collect::<Vec<_>>().join("&");
    let mut canonical = format!("{}\n{resource}\n{query}\n", request.method).into_bytes();
    for (name, value) in signed(request.headers) {
        canonical.extend_from_slice(name.as_bytes());
        canonical.push(b':');
        canonical.extend_from_slice(value.trim_ascii());
        canonical.push(b'\n');
    }
    // No header beyond those that are always signed.
    canonical.extend_from_slice(b"\n\n");
    canonical.extend_from_slice(UNSIGNED.as_bytes());
    canonical
}

/// The headers that are always signed, by name.
fn signed(headers: &HeaderMap) -> Vec<(&str, &[u8])> {
    let mut signed: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .filter(|(name, _)| matches!(*name, "content-type" | "content-md5") || name.starts_with("x-oss-"))
        .collect();
    signed.sort_by_key(|(name, _)| *name);
    signed
}

/// The key of a day and a region.
fn key(secret: &Secret, day: &str, region: &str) -> Result<Vec<u8>> {
    let first = zeroize::Zeroizing::new(format!("aliyun_v4{}", secret.reveal()));
    [day, region, "oss", "aliyun_v4_request"]
        .iter()
        .try_fold(first.as_bytes().to_vec(), |key, step| hmac(&key, step.as_bytes()))
}

fn hmac(key: &[u8], text: &[u8]) -> Result<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).map_err(|_| unfit())?;
    mac.update(text);
    Ok(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::Method;

    use super::*;

    /// The key of the tests that cover what a key may hold.
    const ODD: &str = "a b/%2e%2e/q?x=1#y/日本\n+.pdf";
    /// 2033-12-01, 16:00:00 UTC.
    const DAY: u64 = 2_017_065_600;

    struct Case<'c> {
        method: Method,
        bucket: &'c str,
        key: &'c str,
        query: &'c [(&'static str, &'c str)],
        headers: &'c [(&'static str, &'c str)],
        region: &'c str,
        keys: Keys,
        seconds: u64,
    }

    impl Case<'_> {
        fn authorization(self) -> String {
            let mut headers = HeaderMap::new();
            for (name, value) in self.headers {
                headers.insert(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            let query: Vec<_> = self.query.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            let request = Unsigned {
                method: &self.method,
                host: "not.signed",
                path: "/not/signed",
                bucket: self.bucket,
                key: self.key,
                query: &query,
                headers: &mut headers,
            };
            let now = UNIX_EPOCH + Duration::from_secs(self.seconds);
            Alibaba::sign(request, self.region, &self.keys, now).unwrap()
        }
    }

    /// The numbers of the unit test of the vendor's own signers (`SignerV4Test`, the same in its SDKs of version 2 for
    /// Kotlin, Java, C#, Go and Python).
    #[test]
    fn signatures_are_those_that_the_vendor_publishes() {
        let headers = [
            ("x-oss-head1", "value"),
            ("abc", "value"),
            ("zabc", "value"),
            ("xyz", "value"),
            ("content-type", "text/plain"),
        ];
        let query = [
            ("param1", "value1"),
            ("+param1", "value3"),
            ("|param1", "value4"),
            ("+param2", ""),
            ("|param2", ""),
            ("param2", ""),
        ];
        let case = |headers, seconds| Case {
            method: Method::PUT,
            bucket: "bucket",
            key: "1234+-/123/1.txt",
            query: &query,
            headers,
            region: "cn-hangzhou",
            keys: Keys::new("ak", "sk"),
            seconds,
        };
        assert_eq!(
            case(&headers, 1_702_743_657).authorization(),
            "OSS4-HMAC-SHA256 Credential=ak/20231216/cn-hangzhou/oss/aliyun_v4_request,\
             Signature=e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"
        );
        let with_token = [headers.as_slice(), &[("x-oss-security-token", "token")]].concat();
        assert_eq!(
            case(&with_token, 1_702_784_856).authorization(),
            "OSS4-HMAC-SHA256 Credential=ak/20231217/cn-hangzhou/oss/aliyun_v4_request,\
             Signature=b94a3f999cf85bcdc00d332fbd3734ba03e48382c36fa4d5af5df817395bd9ea"
        );
    }

    /// Computed with `oss2.auth.AuthV4` of the official Python SDK, oss2 2.19.1, from the same requests.
    #[test]
    fn signatures_of_our_requests_are_those_of_the_official_sdk() {
        let case = |method, key, query, headers| Case {
            method,
            bucket: "reports",
            key,
            query,
            headers,
            region: "eu-central-1",
            keys: Keys::new("AKEXAMPLE", "SKEXAMPLE"),
            seconds: DAY,
        };
        let begin = case(
            Method::POST,
            ODD,
            &[("uploads", "")],
            &[
                ("content-type", "application/pdf"),
                ("x-oss-meta-owner", "Jürgen"),
                ("x-oss-tagging", "a%20b=1"),
                ("cache-control", "no-cache"),
                ("x-oss-security-token", "tok+/="),
            ],
        );
        let part = case(
            Method::PUT,
            "k",
            &[("uploadId", "0004B9"), ("partNumber", "2")],
            &[("content-md5", "JfnnlDI7RTiF9RgfG2JNCw=="), ("content-length", "9")],
        );
        let list = case(
            Method::GET,
            "",
            &[("prefix", "a b/"), ("max-keys", "1000"), ("marker", "ü&"), ("encoding-type", "url")],
            &[],
        );
        for (case, signature) in [
            (begin, "d4d24bcb808e2bdfac68ec4e4e1b79d5e99179ff2360e5f5f53ff95bb14235c5"),
            (part, "eac31e54bba14909325987c0000963085d26d353779ca13d777cf63fbc956d1a"),
            (list, "f174b4adb0694882ff8630eced49917e0a2b8781b84d8faaa81da65c6f3b4a3f"),
        ] {
            let scope = "AKEXAMPLE/20331201/eu-central-1/oss/aliyun_v4_request";
            let expected = format!("OSS4-HMAC-SHA256 Credential={scope},Signature={signature}");
            assert_eq!(case.authorization(), expected);
        }
    }

    #[test]
    fn regions_may_be_written_as_in_endpoints() {
        assert_eq!(Alibaba::region("oss-cn-hangzhou"), "cn-hangzhou");
        assert_eq!(Alibaba::region("cn-hangzhou"), "cn-hangzhou");
    }

    #[test]
    fn a_bucket_prints_no_key() {
        let mut keys = Keys::new("LTAIEXAMPLE", "SKEXAMPLE");
        keys.session_token = Some("TOKENEXAMPLE".into());
        let config = crate::BucketConfig {
            bucket: "reports".into(),
            region: "oss-cn-hangzhou".into(),
            endpoint_url: None,
            keys,
        };
        let oss = Oss::new(config, &crate::remote::Transfer::default()).unwrap();
        let object = crate::remote::Object { etag: "x".into(), ..Default::default() };
        let from = crate::remote::Store::object_ref(&oss, "k", &object);
        assert_eq!(oss.to_string(), "https://reports.oss-cn-hangzhou.aliyuncs.com/");
        for printed in [format!("{oss:?}"), format!("{from:?}")] {
            assert!(printed.contains("reports") && !printed.contains("EXAMPLE"), "{printed}");
        }
    }
}
