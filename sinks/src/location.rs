//! Places by URL, as a command line names them.
//!
//! | URL | place | credentials |
//! |---|---|---|
//! | `-` | standard input or output | |
//! | `FILE`, `DIR/`, `file:///…` | files | |
//! | `s3://BUCKET/KEY` | S3 | `AWS_ACCESS_KEY_ID`…, profile, web identity, role |
//! | `swift://CONTAINER/KEY` | Swift | `ST_AUTH`, `ST_USER`, `ST_KEY`, or `OS_AUTH_URL`…, or `OS_STORAGE_URL` and `OS_AUTH_TOKEN` |
//! | `oss://BUCKET/KEY` | OSS | `OSS_ACCESS_KEY_ID`, `OSS_ACCESS_KEY_SECRET`, `OSS_SESSION_TOKEN` |
//! | `cos://BUCKET/KEY` | COS | `COS_SECRET_ID`, `COS_SECRET_KEY`, `COS_SESSION_TOKEN` |
//! | `http://…`, `https://…` | HTTP | `UNLABEL_HTTP_BEARER` |
//!
//! A key that is empty or ends in `/` is a prefix. Settings that are no secrets may follow as a query: `region`,
//! `endpoint`, and of S3 `profile`, `storage-class`, `sse`, `kms-key`, `path-style`. Secrets have no place in a URL: it
//! ends in shell histories, process lists and reports.

use std::collections::BTreeMap;
use std::path::PathBuf;

use url::Url;

use crate::config::{
    BucketConfig, HttpUploadConfig, Keys, S3Config, StoreConfig, SwiftConfig, SwiftLogin, SwiftPlace, UploadForm,
};
use crate::error::{Error, ErrorKind, Result};
use crate::{Secret, StoredObject};

/// A place by URL.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// `-`.
    Stream,
    /// A path of this machine.
    Path(PathBuf),
    /// An object, or the objects under a prefix where the key is empty or ends in `/`.
    Store(Box<StoredObject>),
    /// A URL.
    Http(HttpUploadConfig),
}

/// What the environment says: a function, so that it can be another one in tests and servers.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Location {
    /// Whether the text is a URL with a scheme of this module, and not a path.
    pub fn is_url(text: &str) -> bool {
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        scheme.is_some_and(|scheme| SCHEMES.contains(&scheme.as_str()))
    }

    /// Reads a place. What is no URL of a known scheme is a path.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] in words that name what is missing: the bucket, the region, a variable of the environment.
    pub fn parse(text: &str, environment: Environment<'_>) -> Result<Self> {
        if text == "-" {
            return Ok(Self::Stream);
        }
        if !Self::is_url(text) {
            return Ok(Self::Path(text.into()));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => http(text, environment),
            "file" => Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::Path)
                .ok_or_else(|| wrong(format!("`{text}` is no file URL: file:///PATH"))),
            kind => store(kind, rest, environment).map(|object| Self::Store(Box::new(object))),
        }
    }
}

const SCHEMES: &[&str] = &["s3", "swift", "oss", "cos", "http", "https", "file"];

#[cold]
fn wrong(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, reason.into())
}

fn http(text: &str, environment: Environment<'_>) -> Result<Location> {
    let url = Url::parse(text).map_err(|error| wrong(format!("no URL: {error}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("credentials have no place in a URL: give a bearer token by UNLABEL_HTTP_BEARER"));
    }
    Ok(Location::Http(HttpUploadConfig {
        url,
        form: UploadForm::default(),
        headers: BTreeMap::new(),
        bearer: environment("UNLABEL_HTTP_BEARER").map(Secret::from),
        metadata: None,
    }))
}

/// `BUCKET/KEY?settings`. The key is taken as it is written: nothing in it is decoded.
fn store(kind: &str, rest: &str, environment: Environment<'_>) -> Result<StoredObject> {
    let (place, query) = settings(rest);
    let (bucket, key) = place.split_once('/').unwrap_or((place, ""));
    if bucket.is_empty() {
        return Err(wrong(format!("`{kind}://` names no {}", if kind == "swift" { "container" } else { "bucket" })));
    }
    if bucket.contains('@') {
        return Err(wrong("credentials have no place in a URL"));
    }
    let mut settings = Settings { kind, query, environment };
    let store = match kind {
        "s3" => StoreConfig::S3(s3(bucket, &mut settings)?),
        "swift" => StoreConfig::Swift(swift(bucket, &mut settings)?),
        "oss" => StoreConfig::Oss(oss(bucket, &mut settings)?),
        _ => StoreConfig::Cos(cos(bucket, &mut settings)?),
    };
    settings.finish()?;
    Ok(StoredObject { store, key: (!key.is_empty()).then(|| key.to_owned()) })
}

/// Splits off a query. A `?` that no known setting follows is part of the key.
fn settings(rest: &str) -> (&str, BTreeMap<String, String>) {
    const KNOWN: &[&str] = &["region", "endpoint", "profile", "storage-class", "sse", "kms-key", "path-style"];
    let Some((place, query)) = rest.rsplit_once('?') else { return (rest, BTreeMap::new()) };
    let pairs: BTreeMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if pairs.is_empty() || !pairs.keys().all(|name| KNOWN.contains(&name.as_str())) {
        return (rest, BTreeMap::new());
    }
    (place, pairs)
}

/// The query of one URL, and the environment.
struct Settings<'s> {
    kind: &'s str,
    query: BTreeMap<String, String>,
    environment: Environment<'s>,
}

impl Settings<'_> {
    fn take(&mut self, name: &str) -> Option<String> {
        self.query.remove(name).filter(|value| !value.is_empty())
    }

    fn variable(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| (self.environment)(name)).filter(|value| !value.is_empty())
    }

    fn need_variable(&self, names: &[&str]) -> Result<String> {
        let name = names.first().copied().unwrap_or_default();
        self.variable(names).ok_or_else(|| wrong(format!("{}:// needs the variable {name}", self.kind)))
    }

    fn endpoint(&mut self, variables: &[&str]) -> Result<Option<Url>> {
        let Some(text) = self.take("endpoint").or_else(|| self.variable(variables)) else { return Ok(None) };
        let text = if text.contains("://") { text } else { format!("https://{text}") };
        let url = Url::parse(&text).map_err(|error| wrong(format!("the endpoint `{text}` is no URL: {error}")))?;
        match url.scheme() {
            "http" | "https" => Ok(Some(url)),
            _ => Err(wrong(format!("the endpoint `{text}` is not of http or https"))),
        }
    }

    fn finish(self) -> Result<()> {
        match self.query.keys().next() {
            None => Ok(()),
            Some(name) => Err(wrong(format!("{}:// has no setting `{name}`", self.kind))),
        }
    }
}

/// Credentials, region and endpoint that are not given here come from the environment and profile in the SDK's order.
fn s3(bucket: &str, settings: &mut Settings<'_>) -> Result<S3Config> {
    let path_style = match settings.take("path-style").as_deref() {
        None => None,
        Some("true" | "1") => Some(true),
        Some("false" | "0") => Some(false),
        Some(other) => return Err(wrong(format!("path-style is `{other}`: true or false"))),
    };
    Ok(S3Config {
        bucket: bucket.to_owned(),
        region: settings.take("region"),
        endpoint_url: settings.endpoint(&[])?,
        path_style,
        keys: None,
        profile: settings.take("profile"),
        storage_class: settings.take("storage-class"),
        encryption: settings.take("sse"),
        kms_key: settings.take("kms-key"),
    })
}

fn oss(bucket: &str, settings: &mut Settings<'_>) -> Result<BucketConfig> {
    let region = settings.take("region").or_else(|| settings.variable(&["OSS_REGION"]));
    Ok(BucketConfig {
        bucket: bucket.to_owned(),
        region: region.ok_or_else(|| wrong("oss:// needs a region: ?region=NAME or the variable OSS_REGION"))?,
        endpoint_url: settings.endpoint(&["OSS_ENDPOINT"])?,
        keys: Keys {
            access_key: settings.need_variable(&["OSS_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_ID"])?,
            secret_key: settings.need_variable(&["OSS_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"])?.into(),
            session_token: settings.variable(&["OSS_SESSION_TOKEN", "ALIBABA_CLOUD_SECURITY_TOKEN"]).map(Secret::from),
        },
    })
}

fn cos(bucket: &str, settings: &mut Settings<'_>) -> Result<BucketConfig> {
    let region = settings.take("region").or_else(|| settings.variable(&["COS_REGION"]));
    Ok(BucketConfig {
        bucket: bucket.to_owned(),
        region: region.ok_or_else(|| wrong("cos:// needs a region: ?region=NAME or the variable COS_REGION"))?,
        endpoint_url: settings.endpoint(&["COS_ENDPOINT"])?,
        keys: Keys {
            access_key: settings.need_variable(&["COS_SECRET_ID", "TENCENTCLOUD_SECRET_ID"])?,
            secret_key: settings.need_variable(&["COS_SECRET_KEY", "TENCENTCLOUD_SECRET_KEY"])?.into(),
            session_token: settings.variable(&["COS_SESSION_TOKEN", "TENCENTCLOUD_SESSION_TOKEN"]).map(Secret::from),
        },
    })
}

/// The variables are those of the `swift` and `openstack` commands.
fn swift(container: &str, settings: &mut Settings<'_>) -> Result<SwiftConfig> {
    let region = settings.take("region").or_else(|| settings.variable(&["OS_REGION_NAME"]));
    let url = |name: &str, text: String| {
        Url::parse(&text).map_err(|error| wrong(format!("the variable {name} is no URL: {error}")))
    };
    let token = settings.variable(&["OS_AUTH_TOKEN"]).map(Secret::from);
    let login = if let Some(auth) = settings.variable(&["ST_AUTH"]) {
        Some(SwiftLogin::V1 {
            auth_url: url("ST_AUTH", auth)?,
            user: settings.need_variable(&["ST_USER"])?,
            key: settings.need_variable(&["ST_KEY"])?.into(),
        })
    } else if let Some(auth) = settings.variable(&["OS_AUTH_URL"]) {
        let auth_url = url("OS_AUTH_URL", auth)?;
        Some(match settings.variable(&["OS_APPLICATION_CREDENTIAL_ID"]) {
            Some(id) => SwiftLogin::ApplicationCredential {
                auth_url,
                id,
                secret: settings.need_variable(&["OS_APPLICATION_CREDENTIAL_SECRET"])?.into(),
                region,
            },
            None => SwiftLogin::Password {
                auth_url,
                user: settings.need_variable(&["OS_USERNAME"])?,
                password: settings.need_variable(&["OS_PASSWORD"])?.into(),
                user_domain: settings.variable(&["OS_USER_DOMAIN_NAME"]),
                project: settings.need_variable(&["OS_PROJECT_NAME"])?,
                project_domain: settings.variable(&["OS_PROJECT_DOMAIN_NAME"]),
                region,
            },
        })
    } else {
        None
    };
    let place = match settings.variable(&["OS_STORAGE_URL"]) {
        Some(storage) => {
            let mut storage = url("OS_STORAGE_URL", storage)?;
            if let Ok(mut segments) = storage.path_segments_mut() {
                segments.pop_if_empty().push(container);
            }
            SwiftPlace::Container(storage)
        }
        None => SwiftPlace::Named(container.to_owned()),
    };
    let is_named = matches!(place, SwiftPlace::Named(_));
    if login.is_none() && (token.is_none() || is_named) {
        return Err(wrong(
            "swift:// needs ST_AUTH, ST_USER and ST_KEY, or OS_AUTH_URL and its companions, or OS_STORAGE_URL and \
             OS_AUTH_TOKEN",
        ));
    }
    Ok(SwiftConfig { place, token, login })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Location> {
        let find =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Location::parse(text, &find)
    }

    fn stored(text: &str, variables: &[(&str, &str)]) -> StoredObject {
        match parse(text, variables) {
            Ok(Location::Store(object)) => *object,
            other => panic!("{text}: {other:?}"),
        }
    }

    const OSS: &[(&str, &str)] =
        &[("OSS_ACCESS_KEY_ID", "a"), ("OSS_ACCESS_KEY_SECRET", "hush"), ("OSS_REGION", "cn-hangzhou")];

    #[test]
    fn paths_and_urls_are_told_apart() {
        assert_eq!(parse("-", &[]).unwrap(), Location::Stream);
        for path in ["a.docx", "/a/b", "a:b", "C:/x", "weird://x"] {
            assert_eq!(parse(path, &[]).unwrap(), Location::Path(path.into()));
        }
        assert_eq!(parse("file:///a/b%20c", &[]).unwrap(), Location::Path("/a/b c".into()));
        assert!(
            matches!(parse("https://x.test/up?a=b", &[]).unwrap(), Location::Http(http) if http.url.query() == Some("a=b"))
        );
    }

    #[test]
    fn keys_are_taken_as_written() {
        for (text, key) in [
            ("s3://b", None),
            ("s3://b/", None),
            ("s3://b/in/", Some("in/")),
            ("s3://b/a b/%2e?x=1#y", Some("a b/%2e?x=1#y")),
            ("s3://b/k?region=eu-west-1", Some("k")),
        ] {
            assert_eq!(stored(text, &[]).key.as_deref(), key, "{text}");
        }
        let StoreConfig::S3(s3) =
            stored("s3://b/k?region=eu-west-1&endpoint=http://127.0.0.1:9000&storage-class=STANDARD_IA", &[]).store
        else {
            panic!("no bucket");
        };
        assert_eq!(s3.region.as_deref(), Some("eu-west-1"));
        assert_eq!(s3.endpoint_url.unwrap().port(), Some(9000));
        assert_eq!(s3.storage_class.as_deref(), Some("STANDARD_IA"));
    }

    #[test]
    fn credentials_come_from_the_environment() {
        let StoreConfig::Oss(oss) = stored("oss://b/k", OSS).store else { panic!("no bucket") };
        assert_eq!(oss.keys, Keys::new("a", "hush"));
        let v1 = [("ST_AUTH", "http://x/auth/v1.0"), ("ST_USER", "u"), ("ST_KEY", "hush")];
        let StoreConfig::Swift(swift) = stored("swift://c/k", &v1).store else { panic!("no container") };
        assert_eq!(swift.place, SwiftPlace::Named("c".into()));
        let token = [("OS_STORAGE_URL", "http://x/v1/AUTH_a"), ("OS_AUTH_TOKEN", "hush")];
        let StoreConfig::Swift(swift) = stored("swift://c d/k", &token).store else { panic!("no container") };
        assert_eq!(swift.place, SwiftPlace::Container("http://x/v1/AUTH_a/c%20d".parse().unwrap()));
    }

    #[test]
    fn what_is_missing_is_named_and_no_secret_is() {
        for (text, variables, words) in [
            ("s3://", &[][..], "names no bucket"),
            ("swift:///k", &[], "names no container"),
            ("s3://a:hush@b/k", &[], "credentials have no place in a URL"),
            ("https://u:hush@x/", &[], "credentials have no place in a URL"),
            ("oss://b/k", &[], "needs a region"),
            ("oss://b/k?region=r", &[], "OSS_ACCESS_KEY_ID"),
            ("cos://b/k?region=r", &[("COS_SECRET_ID", "a")], "COS_SECRET_KEY"),
            (
                "cos://b/k?region=r&profile=p",
                &[("COS_SECRET_ID", "a"), ("COS_SECRET_KEY", "hush")],
                "no setting `profile`",
            ),
            ("swift://c/k", &[], "ST_AUTH"),
            ("swift://c/k", &[("ST_AUTH", "http://x"), ("ST_USER", "u")], "ST_KEY"),
            ("s3://b/k?endpoint=ftp://x", &[], "not of http or https"),
        ] {
            let error = parse(text, variables).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(words), "{text}: {error}");
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
