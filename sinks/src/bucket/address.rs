//! Where buckets and objects are found, and how keys become paths.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use url::{Host, Url};

use crate::error::{Error, ErrorKind, Result};

/// Everything but the unreserved characters of RFC 3986 §2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same, with slashes left as they are.
const IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Percent-encodes everything that is not unreserved.
pub(crate) fn encode(text: impl AsRef<[u8]>) -> String {
    percent_encode(text.as_ref(), RESERVED).to_string()
}

/// The same, with slashes left as they are.
pub(crate) fn encode_path(text: &str) -> String {
    utf8_percent_encode(text, IN_PATH).to_string()
}

/// An endpoint.
#[derive(Debug)]
pub(super) struct Address {
    scheme: String,
    /// Host and port, without the bucket.
    authority: String,
    /// Whether the bucket is part of the path rather than of the host.
    in_path: bool,
}

/// Where one request goes.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) url: Url,
    /// Host and port as the request names them.
    pub(super) host: String,
    /// The path, not encoded.
    pub(super) path: String,
}

impl Address {
    /// A given endpoint, or the public one.
    pub(super) fn new(given: Option<Url>, public: &str) -> Result<Self> {
        let Some(url) = given else {
            return Ok(Self { scheme: "https".into(), authority: public.into(), in_path: false });
        };
        let refuse = |why: &str| Err(Error::new(ErrorKind::Config, format!("the endpoint {why}")));
        if !matches!(url.scheme(), "http" | "https") {
            return refuse("is neither http nor https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("must not hold credentials");
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return refuse("must be a scheme, a host and maybe a port");
        }
        let in_path = match url.host() {
            Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => return refuse("has no host"),
        };
        Ok(Self { scheme: url.scheme().to_owned(), authority: url.authority().to_owned(), in_path })
    }

    /// Host and port of a bucket.
    fn host(&self, bucket: &str) -> String {
        if self.in_path { self.authority.clone() } else { format!("{bucket}.{}", self.authority) }
    }

    /// The URL of an object, or of a bucket where there is no key, for people.
    pub(super) fn location(&self, bucket: &str, key: &str) -> String {
        let bucket_part = if self.in_path { format!("/{bucket}") } else { String::new() };
        format!("{}://{}{bucket_part}/{}", self.scheme, self.host(bucket), encode_path(key))
    }

    /// Where a request for an object goes, or for a bucket where there is no key.
    pub(super) fn place(&self, bucket: &str, key: &str, query: &[(&'static str, String)]) -> Result<Place> {
        check_label("bucket", bucket)?;
        let location = self.location(bucket, key);
        let unfit = |_| Error::new(ErrorKind::Config, format!("{location} is no URL"));
        let mut url = Url::parse(&location).map_err(unfit)?;
        let path = if self.in_path { format!("/{bucket}/{key}") } else { format!("/{key}") };
        // A URL cannot say `.` and `..` as parts of a path; another object would be named than was meant.
        if url.path() != encode_path(&path) {
            return Err(Error::new(ErrorKind::Name, format!("the key {key:?} cannot be part of a URL")));
        }
        if !query.is_empty() {
            let pairs: Vec<_> = query.iter().map(|(name, value)| pair(name, value)).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        Ok(Place { host: url.authority().to_owned(), url, path })
    }
}

/// One pair of a query; a name without a value stands alone.
fn pair(name: &str, value: &str) -> String {
    if value.is_empty() { encode(name) } else { format!("{}={}", encode(name), encode(value)) }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

/// Checks what becomes part of a host's name.
pub(super) fn check_label(what: &str, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::new(ErrorKind::Config, format!("the {what} is missing")));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.bytes().all(fits) && !text.starts_with('.') && !text.ends_with('.') && !text.contains("..") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("{text:?} cannot be the name of a {what}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(endpoint: &str) -> Result<Address> {
        Address::new(Some(Url::parse(endpoint).unwrap()), "unused")
    }

    #[test]
    fn buckets_are_in_the_host_unless_that_is_a_number_or_local() {
        for (endpoint, expected) in [
            ("https://oss.example.com", "https://b.oss.example.com/k"),
            ("http://store.example.com:8080/", "http://b.store.example.com:8080/k"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000/b/k"),
            ("http://[::1]:9000", "http://[::1]:9000/b/k"),
            ("http://localhost:9000", "http://localhost:9000/b/k"),
        ] {
            let address = at(endpoint).unwrap();
            assert_eq!(address.location("b", "k"), expected);
            assert_eq!(address.place("b", "k", &[]).unwrap().url.as_str(), expected);
        }
        let public = Address::new(None, "oss-cn-hangzhou.aliyuncs.com").unwrap();
        assert_eq!(public.location("b", "k"), "https://b.oss-cn-hangzhou.aliyuncs.com/k");
    }

    #[test]
    fn endpoints_that_are_more_or_less_are_refused() {
        for endpoint in ["ftp://h", "http://u:p@h", "http://h/path", "http://h/?q", "http://h/#f"] {
            let error = at(endpoint).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{endpoint}");
            assert!(!error.to_string().contains("u:p"), "{error}");
        }
        for bucket in ["", "a/b", "evil.com/?", "a b", "..", ".a", "ü"] {
            assert_eq!(check_label("bucket", bucket).unwrap_err().kind(), ErrorKind::Config, "{bucket:?}");
        }
    }

    #[test]
    fn odd_keys_are_the_same_keys_in_a_url() {
        let address = at("http://127.0.0.1:1").unwrap();
        for (key, expected) in [
            ("a b", "/b/a%20b"),
            ("%2e%2e", "/b/%252e%252e"),
            ("q?x=1#y", "/b/q%3Fx%3D1%23y"),
            ("Ü/日", "/b/%C3%9C/%E6%97%A5"),
            ("a\nb", "/b/a%0Ab"),
            (".hidden/...", "/b/.hidden/..."),
            ("1+1", "/b/1%2B1"),
            ("it's \"one\"&two\\", "/b/it%27s%20%22one%22%26two%5C"),
            ("a//b", "/b/a//b"),
        ] {
            let place = address.place("b", key, &[("uploads", String::new()), ("marker", "a&b=c +".into())]).unwrap();
            assert_eq!(place.url.path(), expected);
            assert_eq!(place.path, format!("/b/{key}"));
            assert_eq!(place.url.query(), Some("uploads&marker=a%26b%3Dc%20%2B"));
            let decoded = percent_encoding::percent_decode_str(place.url.path()).decode_utf8().unwrap();
            assert_eq!(decoded, place.path);
        }
        for key in ["..", ".", "a/../b", "./a"] {
            assert_eq!(address.place("b", key, &[]).unwrap_err().kind(), ErrorKind::Name, "{key:?}");
        }
    }
}
