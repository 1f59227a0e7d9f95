//! Where a sink is and how it is entered: plain data, whether or not this build has the sink.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::{Egress, Secret};

/// A pair of keys, with the token of a temporary pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The public half: `accessKey`, `SecretId`.
    pub access_key: String,
    /// The secret half.
    pub secret_key: Secret,
    /// The session token of temporary keys (STS).
    pub session_token: Option<Secret>,
}

impl Keys {
    /// A pair of lasting keys.
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<Secret>) -> Self {
        Self { access_key: access_key.into(), secret_key: secret_key.into(), session_token: None }
    }
}

/// A bucket of S3, or of a store that speaks like it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// The region; default: that of the environment or profile, else `us-east-1`.
    pub region: Option<String>,
    /// The endpoint of another store than Amazon's; default: that of the environment or profile, else Amazon's.
    pub endpoint_url: Option<Url>,
    /// Whether the bucket is part of the path rather than of the host; default: when an endpoint is given.
    pub path_style: Option<bool>,
    /// Static keys; default: environment, profile, web identity, container or instance role, in this order.
    pub keys: Option<Keys>,
    /// The profile of the shared configuration files; default: that of the environment.
    pub profile: Option<String>,
    /// The storage class of new objects; default: the bucket's.
    pub storage_class: Option<String>,
    /// Server-side encryption of new objects, `AES256` or `aws:kms`; default: the bucket's.
    pub encryption: Option<String>,
    /// The KMS key of `aws:kms`; default: the account's.
    pub kms_key: Option<String>,
}

/// A bucket of OSS or COS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketConfig {
    /// The bucket; of COS with the account behind it (`name-1250000000`).
    pub bucket: String,
    /// The region (`cn-hangzhou`, `ap-guangzhou`).
    pub region: String,
    /// Another endpoint than the vendor's public one of the region. The bucket becomes part of its host name, unless
    /// the host is an IP address or `localhost`: then of the path.
    pub endpoint_url: Option<Url>,
    /// The keys.
    pub keys: Keys,
}

/// A container of Swift, or one exact object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwiftConfig {
    /// Where objects go.
    pub place: SwiftPlace,
    /// A token to use as it is, as long as it is valid.
    pub token: Option<Secret>,
    /// How to get a token, where none is given or when it is no longer valid.
    pub login: Option<SwiftLogin>,
}

/// A place in Swift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwiftPlace {
    /// The URL of one object.
    Object(Url),
    /// The URL of a container.
    Container(Url),
    /// A container of the account that the login leads to.
    Named(String),
}

/// How to get a token of Swift.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SwiftLogin {
    /// The first version of the authentication protocol: `X-Auth-User` and `X-Auth-Key`.
    V1 {
        /// `…/auth/v1.0`.
        auth_url: Url,
        /// The user, often `account:user`.
        user: String,
        /// The key.
        key: Secret,
    },
    /// Keystone v3 with user and password.
    Password {
        /// `…/v3`.
        auth_url: Url,
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
        /// The user's domain; default `Default`.
        user_domain: Option<String>,
        /// The project.
        project: String,
        /// The project's domain; default `Default`.
        project_domain: Option<String>,
        /// The region of the catalogue; default: any.
        region: Option<String>,
    },
    /// Keystone v3 with an application credential.
    ApplicationCredential {
        /// `…/v3`.
        auth_url: Url,
        /// The credential's identifier.
        id: String,
        /// Its secret.
        secret: Secret,
        /// The region of the catalogue; default: any.
        region: Option<String>,
    },
}

impl SwiftLogin {
    /// Where the login is.
    pub fn auth_url(&self) -> &Url {
        match self {
            Self::V1 { auth_url, .. }
            | Self::Password { auth_url, .. }
            | Self::ApplicationCredential { auth_url, .. } => auth_url,
        }
    }
}

/// A server that takes uploads over HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUploadConfig {
    /// Where to. With [`UploadForm::Put`] and [`UploadForm::Post`], a path that ends in `/` gets the name of the file.
    pub url: Url,
    /// How the file is sent.
    pub form: UploadForm,
    /// Headers of every request.
    pub headers: BTreeMap<String, Secret>,
    /// A bearer token.
    pub bearer: Option<Secret>,
    /// The `metadata` field of a multipart form, as JSON.
    pub metadata: Option<String>,
}

/// How a file is sent over HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UploadForm {
    /// `POST` of a multipart form with the fields `metadata` and `request`, the file.
    #[default]
    Multipart,
    /// `POST` of the bare bytes.
    Post,
    /// `PUT` of the bare bytes.
    Put,
}

/// A place in an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreConfig {
    /// A bucket of S3.
    S3(S3Config),
    /// A container of Swift.
    Swift(SwiftConfig),
    /// A bucket of OSS.
    Oss(BucketConfig),
    /// A bucket of COS.
    Cos(BucketConfig),
}

/// How objects travel: waiting, repeating, cutting. The defaults suit stores in a data centre and across the internet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// How long to wait for a connection. Default 10 s.
    pub connect_timeout: Duration,
    /// How long a request may go on without a byte moving. Default 60 s.
    pub stall_timeout: Duration,
    /// How often a request is made at most, the first time included. Default 5.
    pub attempts: u32,
    /// The wait before the second attempt; doubled for each further one, shortened by chance by up to half. A longer
    /// `Retry-After` of the server is honoured, up to [`longest_wait`](Self::longest_wait). Default 200 ms.
    pub first_wait: Duration,
    /// The longest wait between two attempts. Default 20 s.
    pub longest_wait: Duration,
    /// Objects of more bytes are sent in parts, where the store takes parts. Default 16 MiB.
    pub multipart_from: u64,
    /// Length of a part in bytes; more where the object would have too many parts, less or more where the store's
    /// limits say so. Default 8 MiB.
    pub part_size: u64,
    /// Parts of one object in flight at a time. Default 4.
    pub parts_in_flight: usize,
    /// A file of certificates (PEM) to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
    /// Which servers may be reached; default: all. For those who send where others tell them to.
    pub egress: Option<Egress>,
}

impl Default for Transfer {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_mins(1),
            attempts: 5,
            first_wait: Duration::from_millis(200),
            longest_wait: Duration::from_secs(20),
            multipart_from: 16 << 20,
            part_size: 8 << 20,
            parts_in_flight: 4,
            ca_file: None,
            egress: None,
        }
    }
}
