//! What a failed request of the SDK means.

use std::error::Error as StdError;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::error::{Error, ErrorKind};
use crate::remote::{Condition, retry_after};

/// The error of a request. Its words are the store's code and message, or the cause of the failure; never a header.
#[expect(clippy::needless_pass_by_value, reason = "for use as `map_err(fault)`")]
pub(super) fn fault<E>(error: SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(own) = own_error(&error) {
        return own;
    }
    if let Some(answer) = error.raw_response() {
        let wait = answer.headers().get("retry-after").and_then(retry_after);
        let status = answer.status().as_u16();
        let code = error.code().unwrap_or_default();
        let words = match (code, error.message().unwrap_or_default()) {
            ("", _) => format!("the store answered {status}"),
            (code, "") => format!("the store answered {status}: {code}"),
            (code, message) => format!("the store answered {status}: {code}: {message}"),
        };
        return Error::new(kind_of(code, status), words).after(wait);
    }
    if says(&error, "credentials") {
        let words = "no credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile";
        return Error::new(ErrorKind::Denied, format!("{words} ({})", deepest(&error)));
    }
    let kind = match &error {
        SdkError::TimeoutError(_) => ErrorKind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::Timeout,
        SdkError::ConstructionFailure(_) => ErrorKind::Config,
        _ => ErrorKind::Network,
    };
    Error::new(kind, deepest(&error).to_string())
}

/// Whether the store answered with success and without a word, where the SDK expects some.
pub(super) fn is_empty_success<E>(error: &SdkError<E, HttpResponse>) -> bool {
    error.raw_response().is_some_and(|answer| {
        let is_empty = answer.headers().get("content-length").is_some_and(|length| length == "0");
        answer.status().is_success() && is_empty
    })
}

/// What a code of S3 means, or, where there is none, the status.
fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        "NoSuchBucket" | "NoSuchKey" | "NoSuchUpload" | "NotFound" => ErrorKind::NotFound,
        "AccessDenied"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "ExpiredToken"
        | "InvalidToken"
        | "AccountProblem"
        | "AuthorizationHeaderMalformed"
        | "RequestTimeTooSkewed" => ErrorKind::Denied,
        "PreconditionFailed" => ErrorKind::Changed,
        "SlowDown"
        | "RequestTimeout"
        | "InternalError"
        | "ServiceUnavailable"
        | "Throttling"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "RequestTimeoutException" => ErrorKind::Unavailable,
        "BadDigest" | "InvalidDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" => {
            ErrorKind::Checksum
        }
        "IncompleteBody" => ErrorKind::Network,
        "EntityTooLarge" => ErrorKind::TooLarge,
        "NotImplemented" | "MethodNotAllowed" => ErrorKind::Unsupported,
        _ => match status {
            401 | 403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            408 | 409 | 425 | 429 | 500 | 502..=504 => ErrorKind::Unavailable,
            412 => ErrorKind::Changed,
            413 => ErrorKind::TooLarge,
            405 | 501 => ErrorKind::Unsupported,
            200..=299 => ErrorKind::Network,
            _ => ErrorKind::Rejected,
        },
    }
}

/// The same error, where an unmet condition means that there is an object.
pub(super) fn on_condition(error: Error, condition: &Condition) -> Error {
    match (error.kind(), condition) {
        (ErrorKind::Changed, Condition::Absent) => error.of_kind(ErrorKind::Exists),
        // A version that is gone altogether is another version.
        (ErrorKind::NotFound, Condition::Matches(_)) if error.to_string().contains("NoSuchKey") => {
            error.of_kind(ErrorKind::Changed)
        }
        _ => error,
    }
}

fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn StdError + 'static)| StdError::source(*error))
}

/// The error of the request's own body, where that is why the request failed.
fn own_error(error: &(dyn StdError + 'static)) -> Option<Error> {
    let own = causes(error).find_map(|cause| cause.downcast_ref::<Error>())?;
    Some(Error::new(own.kind(), own.to_string()))
}

fn says(error: &(dyn StdError + 'static), word: &str) -> bool {
    causes(error).any(|cause| cause.to_string().contains(word))
}

fn deepest<'e>(error: &'e (dyn StdError + 'static)) -> &'e (dyn StdError + 'static) {
    causes(error).last().unwrap_or(error)
}
