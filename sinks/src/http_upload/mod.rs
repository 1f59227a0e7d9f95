//! Uploads over HTTP (RFC 9110): a form (RFC 7578) or the bare bytes.
//!
//! - **Success** is an answer of 2xx. What an unknown server makes of the bytes is its own affair: nothing is read back,
//!   and no checksum is compared. Over TLS the bytes arrive as they were sent, or not at all.
//! - **All or nothing** is as good as the server: a request that ends early lacks bytes that its `Content-Length`
//!   promised, and servers drop it.
//! - **Redirects** are followed where they ask for the same request again (307, 308) on the same scheme, host and port;
//!   others are errors that say where they lead. Credentials and bytes go nowhere else.
//! - **Repeated** after a broken connection, a server that cannot serve now, or too many requests. When the answer was
//!   lost the server may get the same file twice.
//! - **Conditions.** With [`UploadForm::Put`](crate::UploadForm::Put), `create_only` looks beforehand, and sends
//!   `If-None-Match: *`, which a server may ignore: of two writers at the same moment the later one may win. A form has
//!   no object that could exist: there it only sends the header.

mod form;

use std::fmt;

use reqwest::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH,
    LOCATION, TRANSFER_ENCODING,
};
use reqwest::{Body, Method, Response, StatusCode};
use unlabel_core::Payload;
use url::Url;

use self::form::Form;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::{Client, Part, Retry, Transfer, client, status_error};
use crate::{BoxFuture, HttpUploadConfig, PutOptions, Receipt, Sink, UploadForm, name};

/// A server that takes uploads.
///
/// Needs a running tokio runtime.
pub struct HttpUpload {
    client: Client,
    url: Url,
    form: UploadForm,
    headers: HeaderMap,
    metadata: Option<String>,
    transfer: Transfer,
}

/// Redirects from one place to the next on the same server.
const REDIRECTS: u32 = 5;

impl HttpUpload {
    /// The server of `config`. Makes no request yet.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a URL that is not http or https, headers that cannot be sent or that are not to be
    /// set, metadata that is not JSON, and certificates that cannot be read.
    pub fn new(config: HttpUploadConfig, transfer: Transfer) -> Result<Self> {
        let wrong = |reason: String| Error::new(ErrorKind::Config, reason);
        if !matches!(config.url.scheme(), "http" | "https") || config.url.host().is_none() {
            return Err(wrong("the URL of an upload is not http or https".to_owned()));
        }
        if let Some(metadata) = &config.metadata
            && let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(metadata)
        {
            return Err(wrong(format!("the metadata is not JSON: {error}")));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &config.headers {
            let header = HeaderName::from_bytes(name.as_bytes()).ok().zip(secret(value.reveal()));
            let (header, value) = header.ok_or_else(|| wrong(format!("the header {name:?} cannot be sent")))?;
            if header == CONTENT_LENGTH || header == TRANSFER_ENCODING {
                return Err(wrong(format!("the header {name:?} is set by what is sent")));
            }
            headers.append(header, value);
        }
        if let Some(bearer) = &config.bearer {
            let value = secret(&format!("Bearer {}", bearer.reveal()));
            headers.insert(AUTHORIZATION, value.ok_or_else(|| wrong("the bearer token cannot be sent".to_owned()))?);
        }
        let HttpUploadConfig { url, form, metadata, .. } = config;
        Ok(Self { client: client(&transfer)?, url, form, headers, metadata, transfer })
    }

    /// Where an object of this name goes.
    fn target(&self, name: &str) -> Result<Url> {
        let mut url = self.url.clone();
        if self.form != UploadForm::Multipart && url.path().ends_with('/') {
            name::check(name)?;
            let path = format!("{}{}", url.path(), form::encoded_path(name));
            url.set_path(&path);
        }
        Ok(url)
    }

    async fn deliver(&self, name: &str, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
        let target = self.target(name)?;
        payload.source().verify_unchanged()?;
        let retry = Retry::new(&self.transfer);
        if options.create_only && self.form == UploadForm::Put {
            self.is_absent(&retry, &target).await?;
        }
        let part = Part::whole(payload);
        let form = (self.form == UploadForm::Multipart).then(|| Form::new(name, self.metadata.as_deref()));
        let headers = self.headers_of(options, form.as_ref())?;
        let answer = retry.run_sending(&part, || self.send(&target, &headers, &part, form.as_ref())).await;
        let answer = answer.map_err(|error| match error.kind() {
            ErrorKind::Changed if options.create_only => exists(retry.attempts()),
            _ => error,
        })?;
        let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        Ok(Receipt {
            etag: etag.map(|etag| etag.trim_matches('"').to_owned()),
            attempts: retry.attempts(),
            ..Receipt::new(shown(&target), payload.len())
        })
    }

    /// Asks whether there is an object. A server that does not answer such questions is not asked.
    async fn is_absent(&self, retry: &Retry<'_>, target: &Url) -> Result<()> {
        let head = || async {
            let answer =
                self.client.request(Method::HEAD, target.clone())?.headers(self.headers.clone()).send().await?;
            match answer.status().as_u16() {
                200..=299 => Err(exists(1)),
                404 | 405 | 410 | 501 => Ok(()),
                _ => Err(status_error(answer).await.0),
            }
        };
        retry.run(head).await
    }

    fn headers_of(&self, options: &PutOptions, form: Option<&Form>) -> Result<HeaderMap> {
        let mut headers = self.headers.clone();
        let kind = match form {
            Some(form) => form.content_type(),
            None => options.attributes.content_type.as_deref().unwrap_or("application/octet-stream").to_owned(),
        };
        if form.is_some() || !headers.contains_key(CONTENT_TYPE) {
            let reason = || Error::new(ErrorKind::Attributes, "the media type cannot be sent");
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(&kind).map_err(|_| reason())?);
        }
        if let Some(etag) = &options.if_match {
            let reason = || Error::new(ErrorKind::Changed, "the entity tag cannot be sent");
            headers.insert(IF_MATCH, HeaderValue::from_str(&format!("\"{etag}\"")).map_err(|_| reason())?);
        } else if options.create_only {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        Ok(headers)
    }

    /// Sends the file, and once more where the same server says it belongs.
    async fn send(&self, target: &Url, headers: &HeaderMap, part: &Part, form: Option<&Form>) -> Result<Response> {
        let method = if self.form == UploadForm::Put { Method::PUT } else { Method::POST };
        let mut url = target.clone();
        for _ in 0..=REDIRECTS {
            let request = self.client.request(method.clone(), url.clone())?.headers(headers.clone());
            let request = match form {
                Some(form) => request.header(CONTENT_LENGTH, form.len(part)).body(Body::wrap(form.body(part))),
                None => request.header(CONTENT_LENGTH, part.len()).body(Body::wrap(part.body())),
            };
            let answer = request.send().await?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            if !answer.status().is_redirection() {
                return Err(status_error(answer).await.0);
            }
            url = redirected(&url, &answer)?;
        }
        Err(Error::new(
            ErrorKind::Rejected,
            format!("more than {REDIRECTS} redirects, the last one to {}", shown(&url)),
        ))
    }
}

/// A value that is kept out of logs: any header may be what the server lets us in by.
fn secret(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cold]
fn exists(attempts: u32) -> Error {
    let reason = if attempts > 1 {
        "there is an object of that name, which may be this one: an earlier answer was lost"
    } else {
        "there is an object of that name"
    };
    Error::new(ErrorKind::Exists, reason)
}

/// Where a redirect leads, if it asks for the same request on the same server.
fn redirected(from: &Url, answer: &Response) -> Result<Url> {
    let status = answer.status();
    let refused =
        |reason: String| Error::new(ErrorKind::Rejected, format!("the server answered {}: {reason}", status.as_u16()));
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let Some(to) = location.and_then(|location| from.join(location).ok()) else {
        return Err(refused("a redirect to nowhere".to_owned()));
    };
    if !matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return Err(refused(format!("it redirects to {}, with another request", shown(&to))));
    }
    if to.origin() != from.origin() {
        return Err(refused(format!("it redirects to {}, which is another server", shown(&to))));
    }
    // What lets us in stays.
    let mut to = to;
    let _ = to.set_username(from.username());
    let _ = to.set_password(from.password());
    Ok(to)
}

/// A URL without what may be secret in it.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

impl Sink for HttpUpload {
    fn put<'a>(
        &'a self,
        name: &'a str,
        payload: &'a Payload,
        options: &'a PutOptions,
    ) -> BoxFuture<'a, Result<Receipt>> {
        Box::pin(self.deliver(name, payload, options))
    }
}

impl fmt::Debug for HttpUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpUpload").field("url", &shown(&self.url)).field("form", &self.form).finish_non_exhaustive()
    }
}

impl fmt::Display for HttpUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(&self.url))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn upload(url: &str, form: UploadForm) -> Result<HttpUpload> {
        HttpUpload::new(config(url, form), Transfer::default())
    }

    fn config(url: &str, form: UploadForm) -> HttpUploadConfig {
        HttpUploadConfig { url: url.parse().unwrap(), form, headers: BTreeMap::new(), bearer: None, metadata: None }
    }

    #[test]
    fn the_name_goes_behind_a_slash() {
        let target = |url, form| String::from(upload(url, form).unwrap().target("a b/ü?.docx").unwrap());
        assert_eq!(target("http://h/in/", UploadForm::Put), "http://h/in/a%20b/%C3%BC%3F.docx");
        assert_eq!(target("http://h/in/?k=v", UploadForm::Post), "http://h/in/a%20b/%C3%BC%3F.docx?k=v");
        assert_eq!(target("http://h/in", UploadForm::Put), "http://h/in");
        assert_eq!(target("http://h/in/", UploadForm::Multipart), "http://h/in/");
        let error = upload("http://h/in/", UploadForm::Put).unwrap().target("../x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Name);
    }

    #[test]
    fn what_cannot_be_sent_is_refused_without_its_value() {
        let mut wrong = vec![config("ftp://h/", UploadForm::Put), config("http://h/", UploadForm::Multipart)];
        wrong[1].metadata = Some("{".into());
        for (name, value) in [("a b", "x"), ("x-key", "s3cret\n"), ("Content-Length", "1")] {
            let headers = BTreeMap::from([(name.to_owned(), value.into())]);
            wrong.push(HttpUploadConfig { headers, ..config("http://h/", UploadForm::Post) });
        }
        wrong.push(HttpUploadConfig { bearer: Some("s3cret\r\n".into()), ..config("http://h/", UploadForm::Post) });
        for config in wrong {
            let error = HttpUpload::new(config, Transfer::default()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn it_prints_no_secrets() {
        let mut config = config("http://user:s3cret@h/in/?key=s3cret", UploadForm::Put);
        config.bearer = Some("s3cret".into());
        config.headers.insert("x-key".into(), "s3cret".into());
        let sink = HttpUpload::new(config, Transfer::default()).unwrap();
        assert_eq!(sink.to_string(), "http://h/in/");
        assert!(!format!("{sink:?}").contains("s3cret"));
    }
}
