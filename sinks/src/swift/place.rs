//! Where a container is: its account, its name, and what of a URL lies behind it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::SwiftPlace;
use crate::error::{Error, ErrorKind, Result};

/// What stands for itself in a path (RFC 3986 §2.3); all else is percent-encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A container, and what was named of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The URL of the account without a slash at its end; None for that of the login.
    pub(super) account: Option<String>,
    pub(super) container: String,
    /// The key of the one object that was named, or what keys begin with.
    pub(super) key: String,
    /// Whether one object was named.
    pub(super) is_exact: bool,
}

impl Place {
    pub(super) fn new(place: &SwiftPlace) -> Result<Self> {
        match place {
            SwiftPlace::Named(container) if container.is_empty() || container.contains('/') => {
                Err(Error::new(ErrorKind::Config, "the name of the container is empty or contains a slash"))
            }
            SwiftPlace::Named(container) => {
                Ok(Self { account: None, container: container.clone(), key: String::new(), is_exact: false })
            }
            SwiftPlace::Container(url) => Self::parse(url, false),
            SwiftPlace::Object(url) => Self::parse(url, true),
        }
    }

    fn parse(url: &Url, is_exact: bool) -> Result<Self> {
        let what = if is_exact { "objectUrl" } else { "containerUrl" };
        let wrong = |why: &str| Error::new(ErrorKind::Config, format!("the {what} {why}"));
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong("is not an http or https URL"));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("has more than scheme, host and path"));
        }
        let path: Vec<&str> = url.path().strip_prefix('/').unwrap_or_default().split('/').collect();
        let at = container_at(&path, is_exact);
        let decoded = |part: &str| match percent_decode_str(part).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(wrong("is not UTF-8")),
        };
        let container = path.get(at).map_or(Ok(String::new()), |part| decoded(part))?;
        let mut key = path
            .get(at + 1..)
            .unwrap_or_default()
            .iter()
            .map(|part| decoded(part))
            .collect::<Result<Vec<_>>>()?
            .join("/");
        if container.is_empty() || container.contains('/') {
            return Err(wrong("names no container"));
        }
        if is_exact && key.is_empty() {
            return Err(wrong("names no object"));
        }
        if !is_exact && !key.is_empty() && !key.ends_with('/') {
            key.push('/');
        }
        let account = std::iter::once(url[..url::Position::BeforePath].to_owned())
            .chain(path[..at].iter().map(|part| (*part).to_owned()))
            .collect::<Vec<_>>()
            .join("/");
        Ok(Self { account: Some(account), container, key, is_exact })
    }
}

/// Which part of a path is the container.
///
/// Behind the version come account, container and object. Ceph's gateway leaves the account out: its paths have
/// `swift` before the version, and behind it no account, which would begin with `AUTH_`. Where a proxy hides the
/// version, the first part is the container of an object, and the last one a container itself.
fn container_at(path: &[&str], is_exact: bool) -> usize {
    let filled = path.iter().rposition(|part| !part.is_empty()).map_or(0, |last| last + 1);
    let Some(version) = path.iter().position(|part| matches!(*part, "v1" | "v1.0")) else {
        return if is_exact { 0 } else { filled.saturating_sub(1) };
    };
    let is_gateway = version > 0 && path[version - 1] == "swift";
    let has_account = path.get(version + 1).is_some_and(|part| part.starts_with("AUTH_"));
    let behind = filled.saturating_sub(version + 1);
    let least = if is_exact { 3 } else { 2 };
    if !has_account && (is_gateway || behind < least) { version + 1 } else { version + 2 }
}

/// The URL of an object, or of a container where the key is empty.
pub(super) fn url(account: &str, container: &str, key: &str) -> Result<Url> {
    // What follows RFC 3986 takes `.` and `..` out of a path, encoded or not: such an object cannot be addressed.
    if key.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(Error::new(ErrorKind::Name, format!("the key {key:?} has a component `.` or `..`")));
    }
    let mut text = format!("{account}/{}", utf8_percent_encode(container, PATH));
    if !key.is_empty() {
        text.push('/');
        text.push_str(&encoded(key));
    }
    Url::parse(&text).map_err(|error| Error::new(ErrorKind::Config, format!("the account has no usable URL: {error}")))
}

/// A key as it stands in a path: slashes stay.
pub(super) fn encoded(key: &str) -> String {
    key.split('/').map(|part| utf8_percent_encode(part, PATH).to_string()).collect::<Vec<_>>().join("/")
}

/// Where the server says what it takes: beside the version.
pub(super) fn info_url(account: &str) -> Option<Url> {
    let url = Url::parse(account).ok()?;
    let parts: Vec<&str> = url.path_segments()?.collect();
    let version = parts.iter().position(|part| matches!(*part, "v1" | "v1.0")).unwrap_or(0);
    let mut info = url.clone();
    info.set_path(&parts[..version].iter().copied().chain(["info"]).collect::<Vec<_>>().join("/"));
    Some(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(url: &str) -> (String, String, String) {
        let place = Place::new(&SwiftPlace::Object(url.parse().unwrap())).unwrap();
        (place.account.unwrap(), place.container, place.key)
    }

    fn container(url: &str) -> (String, String, String) {
        let place = Place::new(&SwiftPlace::Container(url.parse().unwrap())).unwrap();
        (place.account.unwrap(), place.container, place.key)
    }

    fn parts(account: &str, container: &str, key: &str) -> (String, String, String) {
        (account.to_owned(), container.to_owned(), key.to_owned())
    }

    #[test]
    fn urls_are_taken_apart() {
        let swift = "https://h:8080/v1/AUTH_test";
        assert_eq!(object("https://h:8080/v1/AUTH_test/c/a/b%20c.docx"), parts(swift, "c", "a/b c.docx"));
        assert_eq!(object("https://h:8080/v1/acct/c/a"), parts("https://h:8080/v1/acct", "c", "a"));
        assert_eq!(container("https://h:8080/v1/AUTH_test/c"), parts(swift, "c", ""));
        assert_eq!(container("https://h:8080/v1/AUTH_test/c/in/it/"), parts(swift, "c", "in/it/"));
        assert_eq!(container("https://h:8080/v1/AUTH_test/c/in"), parts(swift, "c", "in/"));
        let ceph = "http://h/swift/v1";
        assert_eq!(object("http://h/swift/v1/c/a/b"), parts(ceph, "c", "a/b"));
        assert_eq!(container("http://h/swift/v1/c"), parts(ceph, "c", ""));
        assert_eq!(container("http://h/swift/v1/AUTH_x/c"), parts("http://h/swift/v1/AUTH_x", "c", ""));
        assert_eq!(object("http://h/c/a/b"), parts("http://h", "c", "a/b"));
        assert_eq!(container("http://h/store/c/"), parts("http://h/store", "c", ""));
    }

    #[test]
    fn urls_that_name_nothing_are_refused() {
        for text in
            ["http://h/", "http://h", "ftp://h/v1/a/c/o", "http://u:p@h/v1/a/c/o", "http://h/v1/a/c/o?temp_url_sig=1"]
        {
            for place in [SwiftPlace::Object(text.parse().unwrap()), SwiftPlace::Container(text.parse().unwrap())] {
                assert_eq!(Place::new(&place).unwrap_err().kind(), ErrorKind::Config, "{text}");
            }
        }
        assert!(Place::new(&SwiftPlace::Object("http://h/v1/AUTH_a/c/".parse().unwrap())).is_err());
        assert!(Place::new(&SwiftPlace::Container("http://h/v1/AUTH_a".parse().unwrap())).is_err());
        assert!(Place::new(&SwiftPlace::Named("a/b".into())).is_err());
    }

    #[test]
    fn keys_are_encoded_byte_by_byte() {
        let url = |key| url("http://h/v1/AUTH_a", "c c", key).map(String::from);
        assert_eq!(url("a b/ü?#%2e\n").unwrap(), "http://h/v1/AUTH_a/c%20c/a%20b/%C3%BC%3F%23%252e%0A");
        assert_eq!(url("").unwrap(), "http://h/v1/AUTH_a/c%20c");
        assert_eq!(url("a/../b").unwrap_err().kind(), ErrorKind::Name);
    }

    #[test]
    fn the_server_is_asked_beside_the_version() {
        assert_eq!(info_url("http://h/v1/AUTH_a").unwrap().as_str(), "http://h/info");
        assert_eq!(info_url("http://h:1/swift/v1").unwrap().as_str(), "http://h:1/swift/info");
        assert_eq!(info_url("http://h").unwrap().as_str(), "http://h/info");
    }
}
