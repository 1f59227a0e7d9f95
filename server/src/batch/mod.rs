//! The batch-delete calls of three Huawei services, on the files of the configured store: tags of a DIS stream, tags of an
//! IMS image, samples of a `ModelArts` dataset.
//!
//! What is a stream, an image or a dataset there is a file here: `docs/server.md` has the layout. Errors are told in the
//! words of each service; where its documentation has no code, there is none.

mod samples;
mod tags;

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::answer::Answer;
use crate::app::App;
use crate::auth::{self, Denied};
use crate::store::{Store, is_component};

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v2/{project}/stream/{stream}/tags/action", post(tags::of_stream))
        .route("/v1/{project}/cloudimages/{image}/tags/delete", delete(tags::of_image))
        .route("/v2/{project}/datasets/{dataset}/data-annotations/samples/delete", post(samples::delete))
}

/// The services whose calls these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Dis,
    Ims,
    ModelArts,
}

/// Why a call failed.
#[derive(Debug)]
enum Fault {
    /// No token, or one that is not known.
    Token(&'static str),
    /// The project is not the token's.
    Project,
    /// The body is empty.
    Empty,
    /// The body is longer than this.
    Long(u64),
    /// The body is not what it should be.
    Syntax(String),
    Action(String),
    /// A key or a value of a tag.
    Tag(String),
    /// More tags than there can be.
    Count(usize),
    /// The stream, the image or the dataset is not there.
    Missing,
    /// The file cannot be treated, or not now.
    Other(Answer),
}

impl From<Answer> for Fault {
    fn from(answer: Answer) -> Self {
        if answer.envelope.code == 404 { Self::Missing } else { Self::Other(answer) }
    }
}

impl From<unlabel_sinks::Error> for Fault {
    fn from(error: unlabel_sinks::Error) -> Self {
        match error.kind() {
            unlabel_sinks::ErrorKind::NotFound | unlabel_sinks::ErrorKind::Name => Self::Missing,
            _ => Self::Other(Answer::from(&error)),
        }
    }
}

impl Fault {
    /// Status and code, as the service's documentation has them.
    fn code(&self, service: Service) -> (u16, Option<&'static str>) {
        use Service::{Dis, Ims, ModelArts};
        let other = match self {
            Self::Other(answer) => answer.envelope.code,
            _ => 0,
        };
        match (service, self) {
            (Dis, Self::Token(_)) => (401, Some("DIS.4100")),
            (Dis, Self::Project) => (403, Some("DIS.4116")),
            (Dis, Self::Empty) => (400, Some("DIS.4202")),
            (Dis, Self::Syntax(_) | Self::Tag(_) | Self::Long(_)) => (400, Some("DIS.4200")),
            (Dis, Self::Action(_)) => (400, Some("DIS.4605")),
            (Dis, Self::Count(_)) => (400, Some("DIS.4601")),
            (Dis, Self::Missing) => (400, Some("DIS.4301")),
            (Dis, Self::Other(_)) if other == 415 => (400, Some("DIS.4602")),
            (Dis, Self::Other(_)) if other == 429 => (429, Some("DIS.4305")),
            (Dis, Self::Other(_)) if other < 500 => (400, Some("DIS.4300")),
            (Dis, Self::Other(_)) => (other, Some("DIS.5000")),
            (Ims, Self::Token(_)) => (401, None),
            (Ims, Self::Project) => (403, Some("IMG.0161")),
            (Ims, Self::Empty) => (400, Some("IMG.0007")),
            (Ims, Self::Syntax(_) | Self::Action(_) | Self::Long(_)) => (400, Some("IMG.0001")),
            (Ims, Self::Tag(_)) => (400, Some("IMG.0115")),
            (Ims, Self::Count(_)) => (400, Some("IMG.0116")),
            (Ims, Self::Missing) => (404, Some("IMG.0027")),
            (Ims, Self::Other(_)) if matches!(other, 413 | 415 | 422) => (400, Some("IMG.0115")),
            (ModelArts, Self::Token(_)) => (401, Some("ModelArts.4713")),
            (ModelArts, Self::Project) => (403, None),
            (ModelArts, Self::Long(_)) => (413, Some("ModelArts.4104")),
            (ModelArts, Self::Missing) => (400, Some("ModelArts.4352")),
            (ModelArts, Self::Other(_)) if other == 429 => (429, Some("ModelArts.4206")),
            (ModelArts, Self::Other(_)) if other == 422 => (400, Some("ModelArts.4651")),
            (Ims | ModelArts, Self::Other(_)) => (other, None),
            (ModelArts, _) => (400, Some("ModelArts.4200")),
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Token(words) => (*words).to_owned(),
            Self::Project => "the token is not one of this project".to_owned(),
            Self::Empty => "the body is empty".to_owned(),
            Self::Long(most) => format!("the body is longer than {most} bytes"),
            Self::Syntax(words) | Self::Action(words) | Self::Tag(words) => words.clone(),
            Self::Count(most) => format!("more than {most} tags"),
            Self::Missing => "there is no such resource".to_owned(),
            Self::Other(answer) => answer.envelope.message.clone(),
        }
    }

    /// The answer in the service's words.
    fn told(&self, service: Service) -> Response {
        let ((status, code), message) = (self.code(service), self.message());
        let mut fields = json!({});
        let names = match service {
            Service::Dis => ("errorCode", "message"),
            Service::Ims => ("code", "message"),
            Service::ModelArts => ("error_code", "error_msg"),
        };
        if let Some(code) = code {
            fields[names.0] = code.into();
        }
        fields[names.1] = message.into();
        let body = if service == Service::Ims { json!({ "error": fields }) } else { fields };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        if matches!(status.as_u16(), 429 | 503) {
            response.headers_mut().insert(header::RETRY_AFTER, 1.into());
        }
        response
    }
}

/// A call that was let in: the store, the key of its resource, and the body.
struct Call<'a, B> {
    store: &'a Store,
    key: String,
    body: B,
}

impl<'a, B: DeserializeOwned> Call<'a, B> {
    /// Lets the caller in and reads a body of at most `most` bytes. The resource is `project/kind/id`.
    async fn read(app: &'a App, [project, kind, id]: [&str; 3], request: Request, most: u64) -> Result<Self, Fault> {
        let (parts, body) = request.into_parts();
        let let_in = auth::token_of(&app.config, &parts.headers)
            .map_err(|Denied(words)| Fault::Token(words))
            .and_then(|token| if token.is_for(project) { Ok(()) } else { Err(Fault::Project) });
        if let Err(fault) = let_in {
            crate::form::discard(app, body).await;
            return Err(fault);
        }
        let bytes = crate::form::bytes(app, body, most).await.map_err(|answer| match answer.envelope.code {
            413 => Fault::Long(most),
            _ => Fault::Other(answer),
        })?;
        if bytes.trim_ascii().is_empty() {
            return Err(Fault::Empty);
        }
        let body = serde_json::from_slice(&bytes).map_err(|error| Fault::Syntax(format!("the body: {error}")))?;
        if !is_component(project) || !is_component(id) {
            return Err(Fault::Missing);
        }
        let store = app.store.as_ref().ok_or_else(|| Fault::from(Answer::new(503, "this server has no store")))?;
        Ok(Self { store, key: format!("{project}/{kind}/{id}"), body })
    }
}

/// What a call ends with, in the words of its service.
fn answer<T: IntoResponse>(service: Service, done: Result<T, Fault>) -> Response {
    done.map_or_else(|fault| fault.told(service), IntoResponse::into_response)
}
