//! A file behind a URL as a source: by ranges where the server answers them (RFC 9110 §14), whole where it does not.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, ETAG, HeaderMap, IF_MATCH, LAST_MODIFIED, RANGE};
use reqwest::{Method, Response, StatusCode, Url};
use tokio::runtime::Handle;
use unlabel_core::{Limits, ReadAt, Source};

use crate::config::{HttpUploadConfig, Transfer};
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Client, Retry, client, status_error};

/// What the first request asks for.
const FIRST: u64 = 64 << 10;

/// Opens the file at a URL. The source blocks: use it on a thread that may.
///
/// Headers and bearer token of `config` are sent along; redirects are not followed. Needs a running tokio runtime.
///
/// # Errors
/// What the server answers, as [`ErrorKind`].
pub async fn open_http(config: &HttpUploadConfig, transfer: &Transfer, limits: &Limits) -> Result<Source> {
    let mut file = HttpFile {
        client: client(transfer)?,
        url: config.url.clone(),
        headers: headers(config)?,
        transfer: transfer.clone(),
        runtime: Handle::current(),
        len: 0,
        version: None,
    };
    let name = config.url.path_segments().and_then(|mut segments| segments.next_back()).unwrap_or_default().to_owned();
    let answer = file.request(0..FIRST).await?;
    if answer.status() == StatusCode::PARTIAL_CONTENT
        && let (Some(range), version @ Some(_)) = (content_range(&answer), version(&answer))
    {
        file.len = range.1;
        file.version = version;
        return Ok(Source::remote(Arc::new(file)).with_name(&name));
    }
    // The server answers no ranges, or does not tell versions apart: take the file as it is now.
    let answer = if answer.status() == StatusCode::OK { answer } else { file.whole().await? };
    Ok(Source::from_bytes(file.collect(answer, limits.stream_bytes).await?).with_name(&name))
}

struct HttpFile {
    client: Client,
    url: Url,
    headers: HeaderMap,
    transfer: Transfer,
    runtime: Handle,
    len: u64,
    /// A strong entity tag, or the time of the last change.
    version: Option<String>,
}

fn headers(config: &HttpUploadConfig) -> Result<HeaderMap> {
    let wrong = |name: &str| Error::new(ErrorKind::Config, format!("the header `{name}` cannot be sent"));
    let mut headers = HeaderMap::new();
    for (name, value) in &config.headers {
        let header = name.parse::<reqwest::header::HeaderName>().map_err(|_| wrong(name))?;
        let mut value: reqwest::header::HeaderValue = value.reveal().parse().map_err(|_| wrong(name))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    if let Some(bearer) = &config.bearer {
        let value = format!("Bearer {}", bearer.reveal());
        let mut value: reqwest::header::HeaderValue = value.parse().map_err(|_| wrong("Authorization"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

/// Start of the range and length of the whole.
fn content_range(answer: &Response) -> Option<(u64, u64)> {
    let value = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, len) = value.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, len.parse().ok()?))
}

fn version(answer: &Response) -> Option<String> {
    let text = |name| Some(answer.headers().get(name)?.to_str().ok()?.to_owned());
    text(ETAG).filter(|etag| !etag.starts_with("W/")).or_else(|| text(LAST_MODIFIED))
}

impl HttpFile {
    async fn send(&self, range: Option<&Range<u64>>) -> Result<Response> {
        let mut request = self.client.request(Method::GET, self.url.clone())?.headers(self.headers.clone());
        if let Some(range) = range {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end.saturating_sub(1)));
        }
        if let Some(version) = self.version.as_ref().filter(|version| version.starts_with('"')) {
            request = request.header(IF_MATCH, version);
        }
        let answer = request.send().await?;
        match answer.status() {
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
            // An empty file has no range.
            StatusCode::RANGE_NOT_SATISFIABLE if self.version.is_none() => Ok(answer),
            status if status.is_redirection() => Err(Error::new(
                ErrorKind::Rejected,
                format!("the server answered {}: a redirect, which is not followed", status.as_u16()),
            )),
            _ => Err(status_error(answer).await.0),
        }
    }

    async fn request(&self, range: Range<u64>) -> Result<Response> {
        Retry::new(&self.transfer).run(|| self.send(Some(&range))).await
    }

    async fn whole(&self) -> Result<Response> {
        Retry::new(&self.transfer).run(|| self.send(None)).await
    }

    async fn collect(&self, mut answer: Response, limit: u64) -> Result<Bytes> {
        let expected = answer.content_length();
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > limit {
                return Err(Error::new(ErrorKind::TooLarge, format!("more than {limit} bytes, and no ranges")));
            }
        }
        match expected {
            Some(len) if len != bytes.len() as u64 => Err(Error::new(ErrorKind::Network, "the answer broke off")),
            _ => Ok(bytes.into()),
        }
    }

    async fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let len = range.end - range.start;
        if len == 0 {
            return Ok(Bytes::new());
        }
        let read = || async {
            let answer = self.send(Some(&range)).await?;
            if version(&answer) != self.version || content_range(&answer) != Some((range.start, self.len)) {
                return Err(Error::new(ErrorKind::Changed, "the file changed since it was opened"));
            }
            let bytes = self.collect(answer, len).await?;
            if bytes.len() as u64 == len {
                Ok(bytes)
            } else {
                Err(Error::new(ErrorKind::Network, "the answer broke off"))
            }
        };
        Retry::new(&self.transfer).run(read).await
    }
}

impl ReadAt for HttpFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, range: Range<u64>) -> unlabel_core::Result<Bytes> {
        let at = range.start;
        self.runtime.block_on(self.read(range)).map_err(|error| unlabel_core::Error::from(error.of_read()).at(at))
    }
}

impl fmt::Debug for HttpFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFile").field("host", &self.url.host_str()).field("len", &self.len).finish_non_exhaustive()
    }
}
