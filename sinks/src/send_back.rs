//! The wire form in which a request names where cleaned bytes go, and where the file to clean is.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use url::Url;

use crate::Secret;
use crate::config::{
    BucketConfig, HttpUploadConfig, Keys, S3Config, StoreConfig, SwiftConfig, SwiftLogin, SwiftPlace, UploadForm,
};

/// Where a request wants the cleaned bytes: an object whose `type` names the kind of sink and whose other fields
/// configure it.
///
/// | `type` | where | fields |
/// |---|---|---|
/// | `response` | back to the caller | none |
/// | `httpUpload` | to a server | `url`; ours: `mode` (`multipart`, `post`, `put`), `headers`, `bearer` |
/// | `s3` | to a bucket of S3 | `s3Bucket`, `s3Region`, `accessKey` and `secretKey` (without them: the environment, a profile, the role of the machine), `endpointUrl`; ours: `s3Key`, `sessionToken`, `storageClass`, `serverSideEncryption`, `kmsKeyId` |
/// | `swift` | to a container of Swift | `X-Auth-Token`, or `authUrl`, `X-Auth-User` and `X-Auth-Key`, or both; `objectUrl` or `containerUrl`; ours: see below |
/// | `oss`, `cos` | to a bucket of OSS or COS | as `s3`, with `s3Region` and the keys needed |
///
/// For Keystone v3, ours: `authUrl` ending in `/v3` with `project`, `X-Auth-User` and `X-Auth-Key` (the password),
/// `userDomain`, `projectDomain`; or with `applicationCredentialId` and `applicationCredentialSecret`; `authRegion`
/// chooses among the endpoints of the catalogue.
///
/// Without `s3Key`, an object gets the name of the file. `sendBackType` is read as `type`, as older clients write it. A
/// field that is missing, wrong, or that the kind does not have is an error that names it; a kind that this build has no
/// sink for is one when the sink is made. A local file is no kind: a request must not choose paths on the machine that
/// serves it.
///
/// ```
/// use unlabel_sinks::SendBack;
/// let text = r#"{"type": "s3", "s3Bucket": "clean", "s3Region": "eu-west-1"}"#;
/// let send_back: SendBack = serde_json::from_str(text).unwrap();
/// assert!(matches!(send_back, SendBack::Store(_)));
/// let error = serde_json::from_str::<SendBack>(r#"{"type": "pigeon"}"#).unwrap_err();
/// assert!(error.to_string().contains("unknown sendBack type `pigeon`"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendBack {
    /// Back to the caller: the body of the response, or standard output.
    Response,
    /// An upload over HTTP.
    HttpUpload(HttpUploadConfig),
    /// An object of a store.
    Store(Box<StoredObject>),
}

/// An object of a store, or the place of objects that are named otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The store.
    pub store: StoreConfig,
    /// The key, if the request names one. A Swift `objectUrl` has it in the URL instead.
    pub key: Option<String>,
}

/// Every kind that the interface names.
const KINDS: &[&str] = &["response", "httpUpload", "s3", "swift", "oss", "cos"];

impl<'de> Deserialize<'de> for SendBack {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut fields = Fields { owner: "sendBack".to_owned(), map: BTreeMap::deserialize(deserializer)? };
        let kind = fields.need(&["type", "sendBackType"]).map_err(D::Error::custom)?;
        fields.owner = format!("sendBack type `{kind}`");
        Self::of_kind(&kind, fields).map_err(D::Error::custom)
    }
}

impl SendBack {
    fn of_kind(kind: &str, mut fields: Fields) -> Result<Self, String> {
        let send_back = match kind {
            "response" => Self::Response,
            "httpUpload" => Self::HttpUpload(http_upload(&mut fields)?),
            "s3" | "swift" | "oss" | "cos" => Self::Store(Box::new(stored_object(kind, &mut fields)?)),
            kind => return Err(format!("unknown sendBack type `{kind}`: one of {}", KINDS.join(", "))),
        };
        fields.finish().map(|()| send_back)
    }
}

impl SendBack {
    /// The URLs that the request names, each with its field, for those who check where they are sent.
    pub fn urls(&self) -> Vec<(&'static str, &Url)> {
        match self {
            Self::Response => Vec::new(),
            Self::HttpUpload(config) => vec![("url", &config.url)],
            Self::Store(object) => object.urls(),
        }
    }
}

impl StoredObject {
    /// As [`SendBack::urls`].
    pub fn urls(&self) -> Vec<(&'static str, &Url)> {
        match &self.store {
            StoreConfig::S3(config) => config.endpoint_url.iter().map(|url| ("endpointUrl", url)).collect(),
            StoreConfig::Oss(config) | StoreConfig::Cos(config) => {
                config.endpoint_url.iter().map(|url| ("endpointUrl", url)).collect()
            }
            StoreConfig::Swift(config) => {
                let place = match &config.place {
                    SwiftPlace::Object(url) => Some(("objectUrl", url)),
                    SwiftPlace::Container(url) => Some(("containerUrl", url)),
                    SwiftPlace::Named(_) => None,
                };
                let login = config.login.as_ref().map(|login| ("authUrl", login.auth_url()));
                place.into_iter().chain(login).collect()
            }
        }
    }

    /// Whether the store is entered with what this process finds in its environment, rather than with what the request
    /// says.
    pub fn is_ambient(&self) -> bool {
        matches!(&self.store, StoreConfig::S3(config) if config.keys.is_none())
    }

    /// Reads `objectInfo`: the object that a request wants treated, in the store that `uploadtype` names.
    ///
    /// The fields are those of [`SendBack`], and the key is needed: `s3Key`, or `key`, or `object`; of Swift, `objectUrl`.
    /// The names of the vendor's interface are not published for this dictionary: they are our choice.
    ///
    /// # Errors
    /// Words that name the field that is missing, wrong or unknown.
    pub fn from_object_info(uploadtype: &str, info: &serde_json::Map<String, Value>) -> Result<Self, String> {
        let map = info.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let mut fields = Fields { owner: "objectInfo".to_owned(), map };
        if !matches!(uploadtype, "s3" | "swift" | "oss" | "cos") {
            return Err(format!("unknown uploadtype `{uploadtype}`: one of file, s3, swift, oss, cos"));
        }
        let object = stored_object(uploadtype, &mut fields)?;
        let has_key = match &object.store {
            StoreConfig::Swift(swift) => matches!(swift.place, SwiftPlace::Object(_)),
            _ => object.key.is_some(),
        };
        if !has_key {
            let field = if uploadtype == "swift" { "objectUrl" } else { "s3Key" };
            return Err(format!("objectInfo needs `{field}`"));
        }
        fields.finish().map(|()| object)
    }
}

fn http_upload(fields: &mut Fields) -> Result<HttpUploadConfig, String> {
    let form = match fields.text(&["mode"])?.as_deref() {
        None | Some("multipart") => UploadForm::Multipart,
        Some("post") => UploadForm::Post,
        Some("put") => UploadForm::Put,
        Some(other) => return Err(format!("`mode` is `{other}`: one of multipart, post, put")),
    };
    let headers = match fields.map.remove("headers") {
        None | Some(Value::Null) => BTreeMap::new(),
        Some(Value::Object(headers)) => headers
            .into_iter()
            .map(|(name, value)| match value {
                Value::String(value) => Ok((name, Secret::from(value))),
                _ => Err(format!("the header `{name}` must be text")),
            })
            .collect::<Result<_, _>>()?,
        Some(_) => return Err("`headers` must be an object of texts".to_owned()),
    };
    Ok(HttpUploadConfig {
        url: fields.need_url("url")?,
        form,
        headers,
        bearer: fields.secret(&["bearer"])?,
        metadata: None,
    })
}

fn stored_object(kind: &str, fields: &mut Fields) -> Result<StoredObject, String> {
    let store = match kind {
        "swift" => StoreConfig::Swift(swift(fields)?),
        "s3" => StoreConfig::S3(s3(fields)?),
        "oss" => StoreConfig::Oss(bucket(fields)?),
        _ => StoreConfig::Cos(bucket(fields)?),
    };
    Ok(StoredObject { store, key: fields.text(&["s3Key", "key", "object"])? })
}

fn s3(fields: &mut Fields) -> Result<S3Config, String> {
    Ok(S3Config {
        bucket: fields.need(&["s3Bucket", "bucket"])?,
        region: fields.text(&["s3Region", "region"])?,
        endpoint_url: fields.url("endpointUrl")?,
        keys: keys(fields)?,
        storage_class: fields.text(&["storageClass"])?,
        encryption: fields.text(&["serverSideEncryption"])?,
        kms_key: fields.text(&["kmsKeyId"])?,
        path_style: None,
        profile: None,
    })
}

fn bucket(fields: &mut Fields) -> Result<BucketConfig, String> {
    Ok(BucketConfig {
        bucket: fields.need(&["s3Bucket", "bucket"])?,
        region: fields.need(&["s3Region", "region"])?,
        endpoint_url: fields.url("endpointUrl")?,
        keys: keys(fields)?.ok_or_else(|| fields.needs("accessKey"))?,
    })
}

/// Both keys, or neither.
fn keys(fields: &mut Fields) -> Result<Option<Keys>, String> {
    let access_key = fields.text(&["accessKey"])?;
    let secret_key = fields.secret(&["secretKey"])?;
    let session_token = fields.secret(&["sessionToken", "securityToken"])?;
    match (access_key, secret_key) {
        (Some(access_key), Some(secret_key)) => Ok(Some(Keys { access_key, secret_key, session_token })),
        (Some(_), None) => Err(fields.needs("secretKey")),
        (None, Some(_)) => Err(fields.needs("accessKey")),
        (None, None) if session_token.is_some() => Err(fields.needs("accessKey")),
        (None, None) => Ok(None),
    }
}

fn swift(fields: &mut Fields) -> Result<SwiftConfig, String> {
    let place = match (fields.url("objectUrl")?, fields.url("containerUrl")?) {
        (Some(url), None) => SwiftPlace::Object(url),
        (None, Some(url)) => SwiftPlace::Container(url),
        (Some(_), Some(_)) => return Err(format!("{} has both `objectUrl` and `containerUrl`", fields.owner)),
        (None, None) => return Err(fields.needs("objectUrl` or `containerUrl")),
    };
    let token = fields.secret(&["X-Auth-Token"])?;
    let login = swift_login(fields)?;
    if token.is_none() && login.is_none() {
        return Err(fields.needs("X-Auth-Token` or `authUrl"));
    }
    Ok(SwiftConfig { place, token, login })
}

fn swift_login(fields: &mut Fields) -> Result<Option<SwiftLogin>, String> {
    let Some(auth_url) = fields.url("authUrl")? else { return Ok(None) };
    let region = fields.text(&["authRegion"])?;
    if let Some(id) = fields.text(&["applicationCredentialId"])? {
        let secret = fields.need(&["applicationCredentialSecret"])?.into();
        return Ok(Some(SwiftLogin::ApplicationCredential { auth_url, id, secret, region }));
    }
    let user = fields.need(&["X-Auth-User"])?;
    let key = fields.need(&["X-Auth-Key"])?.into();
    let Some(project) = fields.text(&["project"])? else {
        return Ok(Some(SwiftLogin::V1 { auth_url, user, key }));
    };
    Ok(Some(SwiftLogin::Password {
        auth_url,
        user,
        password: key,
        user_domain: fields.text(&["userDomain"])?,
        project,
        project_domain: fields.text(&["projectDomain"])?,
        region,
    }))
}

/// The fields of one dictionary, taken out one by one.
struct Fields {
    /// What they belong to, for messages.
    owner: String,
    map: BTreeMap<String, Value>,
}

impl Fields {
    fn needs(&self, field: &str) -> String {
        format!("{} needs `{field}`", self.owner)
    }

    /// The text under the first of `names`, which mean the same; an empty one is none.
    fn text(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        let mut found = None;
        for name in names {
            match self.map.remove(*name) {
                None | Some(Value::Null) => {}
                Some(Value::String(_)) if found.is_some() => {
                    return Err(format!("{} has both `{}` and `{name}`", self.owner, names.join("`, `")));
                }
                Some(Value::String(text)) => found = Some(text),
                Some(_) => return Err(format!("`{name}` of {} must be text", self.owner)),
            }
        }
        Ok(found.filter(|text| !text.is_empty()))
    }

    fn need(&mut self, names: &[&str]) -> Result<String, String> {
        let text = self.text(names)?;
        text.ok_or_else(|| self.needs(names.first().copied().unwrap_or_default()))
    }

    fn secret(&mut self, names: &[&str]) -> Result<Option<Secret>, String> {
        Ok(self.text(names)?.map(Secret::from))
    }

    fn url(&mut self, name: &str) -> Result<Option<Url>, String> {
        let Some(text) = self.text(&[name])? else { return Ok(None) };
        let url = Url::parse(&text).map_err(|error| format!("`{name}` of {} is no URL: {error}", self.owner))?;
        match url.scheme() {
            "http" | "https" => Ok(Some(url)),
            other => Err(format!("`{name}` of {} has the scheme `{other}`: http or https", self.owner)),
        }
    }

    fn need_url(&mut self, name: &str) -> Result<Url, String> {
        self.url(name)?.ok_or_else(|| self.needs(name))
    }

    /// Fails for a field that nobody took: a misspelt one must not be passed over.
    fn finish(self) -> Result<(), String> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(field) => Err(format!("{} has no field `{field}`", self.owner)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SendBack, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    fn stored(text: &str) -> StoredObject {
        match parse(text) {
            Ok(SendBack::Store(object)) => *object,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn the_dictionaries_of_the_interface_are_read() {
        assert_eq!(parse(r#"{"type":"response"}"#), Ok(SendBack::Response));
        assert_eq!(parse(r#"{"sendBackType":"response"}"#), Ok(SendBack::Response));
        let Ok(SendBack::HttpUpload(upload)) = parse(r#"{"type":"httpUpload","url":"http://172.11.11.6/callback"}"#)
        else {
            panic!("no upload");
        };
        assert_eq!((upload.url.path(), upload.form), ("/callback", UploadForm::Multipart));

        let text = r#"{"type":"s3","s3Bucket":"b","s3Region":"us-east-1","accessKey":"a","secretKey":"very-secret",
            "endpointUrl":"http://172.22.148.117:9000"}"#;
        let StoreConfig::S3(s3) = stored(text).store else { panic!("no bucket") };
        assert_eq!(s3.keys, Some(Keys::new("a", "very-secret")));
        assert!(!format!("{s3:?}").contains("very-secret"));
        let role = stored(r#"{"type":"s3","s3Bucket":"b","s3Region":"us-east-1"}"#);
        assert!(matches!(role.store, StoreConfig::S3(S3Config { keys: None, .. })));

        let text = r#"{"type":"swift","authUrl":"http://x/auth/v1.0","X-Auth-User":"u","X-Auth-Key":"k",
            "X-Auth-Token":"t","containerUrl":"http://x/v1/A/c"}"#;
        let StoreConfig::Swift(swift) = stored(text).store else { panic!("no container") };
        assert_eq!(swift.token, Some("t".into()));
        assert!(matches!(swift.login, Some(SwiftLogin::V1 { .. })));
        for kind in ["oss", "cos"] {
            let text = format!(
                r#"{{"type":"{kind}","s3Bucket":"b","s3Region":"r","accessKey":"a","secretKey":"s","s3Key":"k/l"}}"#
            );
            assert_eq!(stored(&text).key.as_deref(), Some("k/l"), "{kind}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is() {
        let says = |text: &str, words: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("hush"), "{error}");
        };
        says(r#"{"type":"file","path":"/etc/passwd"}"#, "unknown sendBack type `file`");
        says(r#"{"url":"http://x"}"#, "sendBack needs `type`");
        says(r#"{"type":7}"#, "`type` of sendBack must be text");
        says(r#"{"type":"s3"}"#, "sendBack type `s3` needs `s3Bucket`");
        says(r#"{"type":"s3","s3Bucket":"b","accessKey":"a"}"#, "needs `secretKey`");
        says(r#"{"type":"s3","s3Bucket":"b","secretKey":"hush"}"#, "needs `accessKey`");
        says(r#"{"type":"s3","s3Bucket":"b","acessKey":"a"}"#, "has no field `acessKey`");
        says(r#"{"type":"s3","s3Bucket":"b","endpointUrl":"ftp://x"}"#, "scheme `ftp`");
        says(r#"{"type":"s3","s3Bucket":"b","endpointUrl":"://"}"#, "`endpointUrl` of sendBack type `s3` is no URL");
        says(r#"{"type":"oss","s3Bucket":"b","s3Region":"r"}"#, "needs `accessKey`");
        says(r#"{"type":"httpUpload"}"#, "needs `url`");
        says(r#"{"type":"httpUpload","url":"http://x","mode":"mail"}"#, "`mode` is `mail`");
        says(r#"{"type":"swift","X-Auth-Token":"hush"}"#, "needs `objectUrl` or `containerUrl`");
        says(r#"{"type":"swift","containerUrl":"http://x/v1/A/c"}"#, "needs `X-Auth-Token` or `authUrl`");
        says(r#"{"type":"swift","containerUrl":"http://x","objectUrl":"http://x","X-Auth-Token":"hush"}"#, "both");
        says(r#"{"type":"response","s3Bucket":"b"}"#, "has no field `s3Bucket`");
    }

    #[test]
    fn object_info_needs_a_key() {
        let read = |kind: &str, text: &str| StoredObject::from_object_info(kind, &serde_json::from_str(text).unwrap());
        let object = read("s3", r#"{"s3Bucket":"b","s3Key":"a/b.docx"}"#).unwrap();
        assert_eq!(object.key.as_deref(), Some("a/b.docx"));
        assert!(read("swift", r#"{"objectUrl":"http://x/v1/A/c/o","X-Auth-Token":"t"}"#).is_ok());
        for (kind, text, words) in [
            ("s3", r#"{"s3Bucket":"b"}"#, "objectInfo needs `s3Key`"),
            ("swift", r#"{"containerUrl":"http://x/v1/A/c","X-Auth-Token":"t"}"#, "objectInfo needs `objectUrl`"),
            ("file", "{}", "unknown uploadtype `file`"),
            ("s3", r#"{"s3Bucket":"b","s3Key":"k","colour":"red"}"#, "objectInfo has no field `colour`"),
        ] {
            assert!(read(kind, text).unwrap_err().contains(words), "{text}");
        }
    }
}
