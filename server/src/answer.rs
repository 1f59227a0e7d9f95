//! Answers: the envelope as a response, and errors as envelopes.

use std::io::ErrorKind;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use unlabel_sinks::Envelope;

use crate::auth::Denied;

/// What a call ends with: an answer, or the one that says why not.
pub(crate) type Answered<T> = Result<T, Answer>;

/// An envelope with its status, and when to come again.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) envelope: Box<Envelope>,
    retry_after: Option<u64>,
    allow: Option<&'static str>,
}

impl Answer {
    pub(crate) fn new(code: u16, message: impl Into<String>) -> Self {
        Envelope::new(code, message).into()
    }

    /// 400: what is wrong names the field.
    pub(crate) fn wrong(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 500, with the cause in the log and not in the answer.
    pub(crate) fn broken(doing: &str, cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "cannot {doing}");
        Self::new(500, format!("the server cannot {doing}"))
    }

    /// The same where the disk refused: 503 when it is full, which somebody may change.
    pub(crate) fn refused_by_disk(doing: &str, cause: &std::io::Error) -> Self {
        let answer = Self::broken(doing, cause);
        match cause.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::later(503, "the server's disk is full", 60),
            _ => answer,
        }
    }

    /// 429 or 503: not now.
    pub(crate) fn later(code: u16, message: impl Into<String>, seconds: u64) -> Self {
        Self { retry_after: Some(seconds), ..Self::new(code, message) }
    }

    /// The same with the methods of the label calls.
    #[must_use]
    pub(crate) fn allowing(mut self) -> Self {
        self.allow = Some("DELETE, GET");
        self
    }

    /// The same with the query ID in `data`.
    #[must_use]
    pub(crate) fn about(mut self, query_id: &str) -> Self {
        self.envelope.data.insert("queryID".to_owned(), query_id.into());
        self
    }
}

impl From<Envelope> for Answer {
    fn from(envelope: Envelope) -> Self {
        Self { envelope: Box::new(envelope), retry_after: None, allow: None }
    }
}

impl From<Denied> for Answer {
    fn from(Denied(words): Denied) -> Self {
        Self::new(401, words)
    }
}

impl From<&unlabel_core::Error> for Answer {
    fn from(error: &unlabel_core::Error) -> Self {
        Self::new(Envelope::of_error(error).code, told(error))
    }
}

/// An error in words without its path, which is one of this server.
fn told(error: &unlabel_core::Error) -> String {
    let format = error.format().map_or_else(String::new, |format| format!("{format}: "));
    let at = error.offset().map_or_else(String::new, |offset| format!(" (at byte {offset})"));
    format!("{format}{}{at}", error.reason())
}

impl From<&unlabel_sinks::Error> for Answer {
    fn from(error: &unlabel_sinks::Error) -> Self {
        Envelope::of_delivery(error).into()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.envelope.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.envelope.to_json())).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(methods) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("SKG, Bearer"));
        }
        response
    }
}
