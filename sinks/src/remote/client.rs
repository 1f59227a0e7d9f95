//! The HTTP client of the sinks that have no client library of their own, and what its answers mean.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use super::{Transfer, retry_after};
use crate::Egress;
use crate::error::{Error, ErrorKind, Result};

/// Most bytes of an error answer that are read.
const ERROR_BODY: usize = 16 << 10;

/// An HTTP client that goes only where the policy lets it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    inner: reqwest::Client,
    egress: Option<Egress>,
}

impl Client {
    /// A request of `url`, if that may be reached.
    pub(crate) fn request(&self, method: Method, url: Url) -> Result<RequestBuilder> {
        if let Some(egress) = &self.egress {
            egress.check(&url)?;
        }
        Ok(self.inner.request(method, url))
    }
}

#[cfg(test)]
impl From<reqwest::Client> for Client {
    fn from(inner: reqwest::Client) -> Self {
        Self { inner, egress: None }
    }
}

/// A client with rustls, the certificates of the system and those of [`Transfer::ca_file`], and no redirects: a signed
/// or authorised request must not be sent to another place.
pub(crate) fn client(transfer: &Transfer) -> Result<Client> {
    let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Config, format!("cannot set up TLS: {error}"));
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("unlabel/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(transfer.connect_timeout)
        .pool_idle_timeout(Duration::from_secs(30));
    if let Some(path) = &transfer.ca_file {
        let pem = std::fs::read(path).map_err(|error| {
            Error::io(format!("cannot read the certificates in {}", path.display()), error).of_kind(ErrorKind::Config)
        })?;
        builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(|error| failed(&error))?);
    }
    if let Some(egress) = &transfer.egress {
        // A proxy would look names up itself.
        builder = builder.no_proxy().dns_resolver(std::sync::Arc::new(egress.clone()));
    }
    let inner = builder.build().map_err(|error| failed(&error))?;
    Ok(Client { inner, egress: transfer.egress.clone() })
}

impl From<reqwest::Error> for Error {
    /// A request that got no whole answer. The URL is left out: it may hold what should not be printed.
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if let Some(own) = own_error(&error) {
            return own;
        }
        let kind = match () {
            () if error.is_timeout() => ErrorKind::Timeout,
            () if error.is_builder() => ErrorKind::Config,
            () if error.is_redirect() => ErrorKind::Rejected,
            () => ErrorKind::Network,
        };
        // The outermost words are "error sending request"; the cause is what tells.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        Self::new(kind, cause.to_string())
    }
}

/// The error of the request's own body, where that is why the request failed.
fn own_error(error: &reqwest::Error) -> Option<Error> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(error) = cause {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(Error::new(own.kind(), own.to_string()));
        }
        cause = error.source();
    }
    None
}

/// What an answer that is no success means, by its status alone (RFC 9110 §15; 429 by RFC 6585).
fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 | 403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        412 => ErrorKind::Changed,
        413 => ErrorKind::TooLarge,
        409 | 425 | 429 | 500 | 502..=504 | 507 | 509 => ErrorKind::Unavailable,
        405 | 501 => ErrorKind::Unsupported,
        _ => ErrorKind::Rejected,
    }
}

/// The error of an answer that is no success, and the first of its body for words that tell more.
pub(crate) async fn status_error(mut answer: Response) -> (Error, Vec<u8>) {
    let status = answer.status();
    let wait = answer.headers().get("retry-after").and_then(|value| retry_after(value.to_str().ok()?));
    let mut body = Vec::new();
    while body.len() < ERROR_BODY
        && let Ok(Some(chunk)) = answer.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(ERROR_BODY);
    let words = status.canonical_reason().unwrap_or("no reason");
    (Error::new(kind_of(status), format!("the server answered {}: {words}", status.as_u16())).after(wait), body)
}
