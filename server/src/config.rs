//! What the server is told: one TOML file, with secrets from files or the environment if need be.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use unlabel_sinks::{Egress, Secret, Transfer};

use crate::error::{Error, Result};

/// Bytes that a token has at least.
const SHORTEST_TOKEN: usize = 16;

/// The configuration of a server. Every field has a default; unknown fields are errors.
///
/// Times are in seconds, sizes in bytes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where connections are taken. Default `127.0.0.1:5443`.
    pub listen: SocketAddr,
    /// Where the server keeps uploads under way and what it generates. Default `unlabel-state`.
    pub state: PathBuf,
    /// Certificates.
    pub tls: Tls,
    /// Bounds on what callers can make the server do.
    pub limits: Limits,
    /// Who may make label calls.
    pub applications: Vec<Application>,
    /// Who may make the other calls.
    pub tokens: Vec<Token>,
    /// Where the batch calls find their files: a directory, or a URL of `s3`, `swift`, `oss` or `cos` whose keys come
    /// from the environment. Default: none, and no such calls.
    pub store: Option<String>,
    /// Which servers callers may have the server talk to.
    pub egress: EgressRules,
    /// Asynchronous calls.
    pub jobs: Jobs,
}

/// Certificates of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Tls {
    /// The certificate and what leads to its authority, as PEM. Default: a self-signed one, generated at the first start.
    pub certificate: Option<PathBuf>,
    /// Its private key, as PEM.
    pub key: Option<PathBuf>,
    /// The names that a generated certificate is for. Default `localhost`, `127.0.0.1` and `::1`.
    pub names: Vec<String>,
    /// Speak plain HTTP instead. Allowed on loopback, elsewhere only with `plain_http_anywhere`.
    pub plain_http: bool,
    /// Plain HTTP on an address that is not loopback: behind a proxy that speaks TLS.
    pub plain_http_anywhere: bool,
}

/// Bounds on what callers can make the server do.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Longest file that is taken. Default 2 GiB.
    pub file_bytes: u64,
    /// Disk that uploads under way may take. Default 20 GiB.
    pub disk_bytes: u64,
    /// Connections at a time. Default 1,024.
    pub connections: usize,
    /// How long the head of a request may take, and how long a connection may be idle. Default 30 s.
    pub head_seconds: u64,
    /// How long nothing may move. Default 60 s.
    pub stall_seconds: u64,
    /// Bytes per second that a body must make on average, once it took longer than `stall_seconds`. Default 4,096.
    pub slowest: u64,
    /// Files that are treated at a time. Default: the processors.
    pub work: usize,
    /// Requests that may wait for their turn; more are told 429. Default 1,024.
    pub waiting: usize,
    /// Decoded bytes of one file. Default 4 GiB.
    pub decoded_bytes: u64,
    /// Labels of one call. Default 1,000.
    pub labels: usize,
    /// How long requests in hand may take after the server was told to stop. Default 30 s.
    pub drain_seconds: u64,
}

/// A key, and the application whose it is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Application {
    /// What calls name as `app`.
    pub id: String,
    /// The public half.
    pub access_key: String,
    /// The secret half: as it is, `env:NAME` or `file:PATH`.
    #[serde(deserialize_with = "secret")]
    pub secret_key: Secret,
}

/// A token, and what it is for. Any token is for `/v1/labels`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Token {
    /// The token: as it is, `env:NAME` or `file:PATH`.
    #[serde(deserialize_with = "secret")]
    pub token: Secret,
    /// Projects whose resources it may change; `*` is every one. Default: none.
    #[serde(default)]
    pub projects: Vec<String>,
    /// Applications whose jobs it may see; `*` is every one. Default: none.
    #[serde(default)]
    pub applications: Vec<String>,
}

impl Token {
    pub(crate) fn is_for(&self, project: &str) -> bool {
        self.projects.iter().any(|it| it == "*" || it == project)
    }
}

/// Which servers callers may have the server talk to.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct EgressRules {
    /// Allowed besides public addresses, in the form of [`Egress::allow`].
    pub allow: Vec<String>,
    /// Whether calls for S3 without keys use those of this machine. Default false.
    pub ambient_keys: bool,
    /// A file of certificates, as PEM, to trust beside those of the system.
    pub ca_file: Option<PathBuf>,
}

/// Asynchronous calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Jobs {
    /// Jobs that this process has in hand; 0 leaves them to other processes. Most wait for other servers: how many files
    /// are treated at a time is `limits.work`. Default 32.
    pub workers: usize,
    /// How long a job is a worker's before another may take it; renewed while it is worked on. Default 60 s.
    pub lease_seconds: u64,
    /// How long a result is tried to be delivered. Default one hour.
    pub deliver_seconds: u64,
    /// How long a callback is tried. Default one day.
    pub callback_seconds: u64,
    /// How long ended jobs and their results are kept. Default one day.
    pub keep_seconds: u64,
    /// Jobs that may wait; more are told 429. Default 100,000.
    pub most: u64,
    /// The key that requests are encrypted with while they are kept: 32 bytes as 64 hexadecimal digits, `env:NAME` or
    /// `file:PATH`. Default: one that is made at the first start, in `state`.
    #[serde(deserialize_with = "optional_secret")]
    pub key: Option<Secret>,
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 5443)),
            state: "unlabel-state".into(),
            tls: Tls::default(),
            limits: Limits::default(),
            applications: Vec::new(),
            tokens: Vec::new(),
            store: None,
            egress: EgressRules::default(),
            jobs: Jobs::default(),
        }
    }
}

impl Default for Tls {
    fn default() -> Self {
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
        Self { certificate: None, key: None, names, plain_http: false, plain_http_anywhere: false }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 2 << 30,
            disk_bytes: 20 << 30,
            connections: 1024,
            head_seconds: 30,
            stall_seconds: 60,
            slowest: 4096,
            work: processors(),
            waiting: 1024,
            decoded_bytes: 4 << 30,
            labels: 1000,
            drain_seconds: 30,
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            workers: 32,
            lease_seconds: 60,
            deliver_seconds: 3600,
            callback_seconds: 24 * 3600,
            keep_seconds: 24 * 3600,
            most: 100_000,
            key: None,
        }
    }
}

impl Config {
    /// Reads a configuration and checks it.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| Error::config(error.to_string().trim_end()))?;
        config.check()?;
        Ok(config)
    }

    /// Reads the file at `path`. Relative paths in it are from its directory.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and when it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let words = || format!("cannot read {}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(words(), error))?;
        let mut config = Self::parse(&text).map_err(|error| error.doing(&path.display().to_string()))?;
        let from = path.parent().unwrap_or(Path::new(""));
        let files = [&mut config.tls.certificate, &mut config.tls.key, &mut config.egress.ca_file];
        for file in files.into_iter().flatten().chain([&mut config.state]) {
            *file = from.join(&*file);
        }
        if let Some(store) = config.store.as_mut().filter(|store| !unlabel_sinks::Location::is_url(store)) {
            *store = from.join(&*store).to_string_lossy().into_owned();
        }
        Ok(config)
    }

    /// Checks what the types do not say.
    ///
    /// # Errors
    /// What contradicts what.
    pub fn check(&self) -> Result<()> {
        let Self { tls, limits, .. } = self;
        if tls.certificate.is_some() != tls.key.is_some() {
            return Err(Error::config("`tls.certificate` and `tls.key` go together"));
        }
        if tls.plain_http && !self.listen.ip().is_loopback() && !tls.plain_http_anywhere {
            let words = "is not a loopback address: keys and files would travel for all to read. \
                         Give it TLS, or say `tls.plain_http_anywhere = true` behind a proxy that has it";
            return Err(Error::config(format!("{} {words}", self.listen)));
        }
        let counts = [limits.connections, limits.work, limits.labels];
        let times =
            [limits.head_seconds, limits.stall_seconds, limits.file_bytes, limits.disk_bytes, self.jobs.lease_seconds];
        if counts.contains(&0) || times.contains(&0) {
            return Err(Error::config("a limit is 0, which leaves nothing to do"));
        }
        for (number, application) in self.applications.iter().enumerate() {
            let Application { id, access_key, secret_key } = application;
            if id.is_empty() || access_key.is_empty() || access_key.contains(':') || secret_key.is_empty() {
                return Err(Error::config(format!(
                    "`applications`, number {}: an empty field, or a colon",
                    number + 1
                )));
            }
            if self.applications.iter().take(number).any(|it| it.access_key == *access_key) {
                return Err(Error::config(format!("the access key `{access_key}` is there twice")));
            }
        }
        if self.tokens.iter().any(|it| it.token.reveal().len() < SHORTEST_TOKEN) {
            return Err(Error::config(format!("`tokens`: one is shorter than {SHORTEST_TOKEN} bytes")));
        }
        crate::store::Store::of(self)?;
        self.transfer().map(drop)
    }

    /// How the server talks to others.
    pub(crate) fn transfer(&self) -> Result<Transfer> {
        let egress = self.egress.allow.iter().try_fold(Egress::public(), |egress, rule| egress.allow(rule));
        let egress = egress.map_err(|error| Error::config(format!("`egress.allow`: {error}")))?;
        let mut transfer = Transfer::default();
        transfer.egress = Some(egress);
        transfer.ca_file.clone_from(&self.egress.ca_file);
        Ok(transfer)
    }

    /// How long nothing may move.
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.limits.stall_seconds)
    }

    /// Bounds on one file.
    pub(crate) fn core_limits(&self) -> unlabel_core::Limits {
        let mut limits = unlabel_core::Limits::default();
        limits.total_bytes = self.limits.decoded_bytes;
        limits.inside_bytes = limits.inside_bytes.min(self.limits.decoded_bytes);
        limits
    }
}

/// A secret as it stands, or where `env:` and `file:` point.
fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    if let Some(name) = text.strip_prefix("env:") {
        let value = std::env::var(name);
        return value
            .map(Secret::from)
            .map_err(|_| serde::de::Error::custom(format!("the variable {name} is not set")));
    }
    if let Some(path) = text.strip_prefix("file:") {
        let value = std::fs::read_to_string(path);
        let failed = |error| serde::de::Error::custom(format!("cannot read the secret in {path}: {error}"));
        return value.map(|text| Secret::from(text.trim_end())).map_err(failed);
    }
    Ok(text.into())
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said() {
        for (text, words) in [
            ("listen = 1", "listen"),
            ("lisen = '127.0.0.1:1'", "unknown field `lisen`"),
            ("[tls]\ncertificate = 'a'", "go together"),
            ("listen = '0.0.0.0:80'\n[tls]\nplain_http = true", "not a loopback address"),
            ("[[tokens]]\ntoken = 'short'", "shorter than 16 bytes"),
            ("store = 'https://example.com/'", "`store`: a directory"),
            ("[limits]\nwork = 0", "a limit is 0"),
            ("[egress]\nallow = ['a b']", "`egress.allow`"),
            ("[[applications]]\nid = 'a'\naccess_key = 'b:c'\nsecret_key = 'd'", "`applications`, number 1"),
            (
                "[[applications]]\nid = 'a'\naccess_key = 'b'\nsecret_key = 'env:UNLABEL_NOT_SET'",
                "UNLABEL_NOT_SET is not set",
            ),
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn nothing_is_needed() {
        let config = Config::parse("").unwrap();
        assert!(config.listen.ip().is_loopback() && !config.tls.plain_http);
        assert!(config.transfer().unwrap().egress.is_some());
    }

    #[test]
    fn secrets_are_not_printed() {
        let config = Config::parse("[[applications]]\nid = 'a'\naccess_key = 'b'\nsecret_key = 'hush'").unwrap();
        assert!(!format!("{config:?}").contains("hush"));
    }
}
