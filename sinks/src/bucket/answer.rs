//! What answers mean, and how they are read within bounds.

use http::HeaderMap;
use reqwest::Response;

use super::xml;
use crate::error::{Error, ErrorKind, Result};

/// The longest document that is read: a thousand keys of 1023 bytes, each byte three characters, and what is around.
const DOCUMENT: usize = 8 << 20;

/// Most characters of a store's message that are repeated.
const MESSAGE: usize = 300;

/// An answer that is no success.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The code that the store gave, if any.
    pub(super) code: String,
    pub(super) error: Error,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        refusal.error
    }
}

/// What the body of such an answer adds to its status.
pub(super) fn refusal(by_status: Error, body: &[u8]) -> Refusal {
    let Some(failure) = std::str::from_utf8(body).ok().and_then(|body| xml::failure(body.trim_start())) else {
        return Refusal { code: String::new(), error: by_status };
    };
    let kind = kind_of_code(&failure.code).unwrap_or(by_status.kind());
    let words = format!("{by_status} ({})", told(&failure));
    Refusal { error: Error::new(kind, words).after(by_status.retry_after()), code: failure.code }
}

/// Code and message as words on one line.
fn told(failure: &xml::Failure) -> String {
    let message: String = failure.message.chars().filter(|letter| !letter.is_control()).take(MESSAGE).collect();
    let code: String = failure.code.chars().filter(|letter| !letter.is_control()).take(MESSAGE).collect();
    if message.is_empty() { code } else { format!("{code}: {message}") }
}

/// The kinds of the codes that both vendors document, where the status alone would say less.
fn kind_of_code(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "NoSuchBucket" | "NoSuchKey" | "NoSuchUpload" | "NoSuchVersion" => ErrorKind::NotFound,
        "AccessDenied"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "InvalidSecurityToken"
        | "SecurityTokenExpired"
        | "SecurityTokenNotSupported"
        | "ExpiredToken"
        | "InvalidToken"
        | "RequestTimeTooSkewed"
        | "RequestIsExpired"
        | "UserDisable" => ErrorKind::Denied,
        "FileAlreadyExists" | "ObjectAlreadyExists" | "FileImmutable" => ErrorKind::Exists,
        "PreconditionFailed" => ErrorKind::Changed,
        // Archived: 403, but no matter of rights.
        "InvalidObjectState" => ErrorKind::Rejected,
        "SlowDown"
        | "ServiceBusy"
        | "ServiceUnavailable"
        | "InternalError"
        | "RequestTimeout"
        | "TooManyRequests"
        | "QpsLimitExceeded"
        | "UploadTrafficRateLimitExceeded"
        | "DownloadTrafficRateLimitExceeded"
        | "OperationAborted"
        | "PartNotReady" => ErrorKind::Unavailable,
        "EntityTooLarge" => ErrorKind::TooLarge,
        "BadDigest" | "InvalidDigest" => ErrorKind::Checksum,
        "IncompleteBody" | "EntitySizeNotMatch" => ErrorKind::Network,
        "NotImplemented" | "MethodNotAllowed" => ErrorKind::Unsupported,
        _ => return None,
    })
}

/// The XML of an answer whose element is `root`. A store that has begun to answer with success may still end with an
/// error (COS does when parts are put together).
pub(super) async fn document(answer: Response, root: &str) -> Result<String> {
    let unfit = || Error::new(ErrorKind::Network, "the answer of the store is not what it should be");
    let document = String::from_utf8(bounded(answer, DOCUMENT).await?).map_err(|_| unfit())?;
    let document = document.trim_start();
    match xml::root(document).as_deref() {
        Some(found) if found == root => Ok(document.to_owned()),
        Some("Error") => {
            let late = Error::new(ErrorKind::Rejected, "the store began to answer, and then refused");
            Err(refusal(late, document.as_bytes()).into())
        }
        _ => Err(unfit()),
    }
}

/// The bytes of an answer, if they are no more than `most`.
pub(super) async fn bounded(mut answer: Response, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(answer.content_length().unwrap_or(0).min(most as u64) as usize);
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > most {
            return Err(Error::new(ErrorKind::Rejected, format!("the answer has more than {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// An entity tag without its quotes.
pub(super) fn etag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get("etag")?.to_str().ok()?.trim_matches('"');
    (!tag.is_empty()).then(|| tag.to_owned())
}

/// A header that is a number.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn refused(code: &str, message: &str) -> Error {
        let body =
            format!("<Error><Code>{code}</Code><Message>{message}</Message><StringToSign>PUT x</StringToSign></Error>");
        let by_status = Error::new(ErrorKind::Rejected, "the server answered 400: Bad Request");
        refusal(by_status.after(Some(Duration::from_secs(3))), body.as_bytes()).into()
    }

    #[test]
    fn codes_decide_the_kind_and_are_told() {
        for (code, kind, retryable) in [
            ("NoSuchBucket", ErrorKind::NotFound, false),
            ("SignatureDoesNotMatch", ErrorKind::Denied, false),
            ("FileAlreadyExists", ErrorKind::Exists, false),
            ("PreconditionFailed", ErrorKind::Changed, false),
            ("SlowDown", ErrorKind::Unavailable, true),
            ("InvalidDigest", ErrorKind::Checksum, true),
            ("EntityTooLarge", ErrorKind::TooLarge, false),
            ("IncompleteBody", ErrorKind::Network, true),
            ("Whatever", ErrorKind::Rejected, false),
        ] {
            let error = refused(code, "in plain words");
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{code}");
            assert_eq!(error.to_string(), format!("the server answered 400: Bad Request ({code}: in plain words)"));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(3)));
        }
    }

    #[test]
    fn messages_stay_on_one_line_and_short() {
        let error = refused("SlowDown", &format!("a\nb{}", "x".repeat(9_000)));
        assert!(error.to_string().len() < 400 && !error.to_string().contains('\n'), "{error}");
        let error = refusal(Error::new(ErrorKind::Unavailable, "502"), b"<html>Bad Gateway").error;
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Unavailable, "502"));
    }
}
