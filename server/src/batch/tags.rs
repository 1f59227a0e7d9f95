//! Tags of streams and images are the labels of a file.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use unlabel_core::{Engine, Label, Outcome};
use unlabel_sinks::Envelope;

use super::{Call, Fault, Service, answer};
use crate::app::App;
use crate::store::Store;

/// Longest body.
const BODY: u64 = 1 << 20;
/// Tags that a stream or an image can have.
const TAGS: usize = 10;
/// Characters of a key and of a value. These are the limits of deletion; those of creation are narrower, and labels that
/// others wrote must go too.
const KEY: usize = 127;
const VALUE: usize = 255;
/// How often a file is begun anew that somebody changes meanwhile.
const ATTEMPTS: usize = 5;

#[derive(Deserialize)]
pub(super) struct Body {
    action: Option<String>,
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    /// Where there is one, only a tag with this value goes.
    value: Option<String>,
}

/// `POST /v2/{project_id}/stream/{stream_id}/tags/action`
pub(super) async fn of_stream(
    State(app): State<Arc<App>>,
    Path((project, stream)): Path<(String, String)>,
    request: Request,
) -> Response {
    let done = async {
        let call: Call<'_, Body> = Call::read(&app, [&project, "streams", &stream], request, BODY).await?;
        match call.body.action.as_deref() {
            Some("delete") => delete(&app, call).await,
            Some(other) => Err(Fault::Action(format!("`action` is `{other}`: only `delete` is served"))),
            None => Err(Fault::Syntax("`action` is missing".to_owned())),
        }
    };
    answer(Service::Dis, done.await)
}

/// `DELETE /v1/{project_id}/cloudimages/{image_id}/tags/delete`
pub(super) async fn of_image(
    State(app): State<Arc<App>>,
    Path((project, image)): Path<(String, String)>,
    request: Request,
) -> Response {
    let done = async {
        let call: Call<'_, Body> = Call::read(&app, [&project, "images", &image], request, BODY).await?;
        delete(&app, call).await
    };
    answer(Service::Ims, done.await)
}

async fn delete(app: &App, call: Call<'_, Body>) -> Result<StatusCode, Fault> {
    let engine = Arc::new(app.engine(labels(call.body.tags)?)?);
    for _ in 0..ATTEMPTS {
        match strip(app, call.store, &call.key, &engine).await {
            Err(Attempt::Changed) => {}
            Err(Attempt::Failed(fault)) => return Err(fault),
            Ok(()) => return Ok(StatusCode::NO_CONTENT),
        }
    }
    Err(Fault::Other(crate::answer::Answer::later(503, "the file is being changed", 1)))
}

fn labels(tags: Vec<Tag>) -> Result<Vec<Label>, Fault> {
    if tags.is_empty() {
        return Err(Fault::Syntax("`tags` is empty".to_owned()));
    }
    if tags.len() > TAGS {
        return Err(Fault::Count(TAGS));
    }
    let label = |(number, Tag { key, value }): (usize, Tag)| {
        let wrong = |words: String| Err(Fault::Tag(format!("`tags`, number {}: {words}", number + 1)));
        let value = value.unwrap_or_default();
        match (key.chars().count(), value.chars().count()) {
            (0, _) => wrong("the key is empty".to_owned()),
            (len, _) if len > KEY => wrong(format!("the key is longer than {KEY} characters")),
            (_, len) if len > VALUE => wrong(format!("the value is longer than {VALUE} characters")),
            _ => Ok(Label::with_value(key, value)),
        }
    };
    tags.into_iter().enumerate().map(label).collect()
}

enum Attempt {
    /// Somebody else wrote the file meanwhile.
    Changed,
    Failed(Fault),
}

impl<T: Into<Fault>> From<T> for Attempt {
    fn from(fault: T) -> Self {
        Self::Failed(fault.into())
    }
}

/// Strips a file of the store in its place. A label that is not there has been deleted already.
async fn strip(app: &App, store: &Store, key: &str, engine: &Arc<Engine>) -> Result<(), Attempt> {
    let stored = store.open(key).await?;
    let (engine, source) = (Arc::clone(engine), stored.source.clone());
    let cleaned = app
        .work(source, move |source| engine.strip(source))
        .await?
        .map_err(|error| crate::answer::Answer::from(&error))?;
    let report = cleaned.report();
    app.metrics.file(report);
    match (report.outcome, cleaned.payload()) {
        (Outcome::Clean, _) => Ok(()),
        (Outcome::Stripped, Some(payload)) => {
            let replaced = store.replace(key, &stored, payload, cleaned.detached()).await;
            replaced.map_err(|error| match error.kind() {
                unlabel_sinks::ErrorKind::Changed => Attempt::Changed,
                _ => error.into(),
            })
        }
        _ => Err(crate::answer::Answer::from(Envelope::of_report(report)).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Label>, Fault> {
        labels(serde_json::from_str::<Body>(text).unwrap().tags)
    }

    #[test]
    fn tags_are_labels() {
        let read = read(r#"{"tags":[{"key":"id","value":"8888"},{"key":"note","value":""},{"key":"k","value":null}]}"#);
        assert_eq!(read.unwrap(), [Label::with_value("id", "8888"), Label::new("note"), Label::new("k")]);
    }

    #[test]
    fn what_cannot_be_a_tag_is_said() {
        let tag = |key: usize, value: usize| {
            format!(r#"{{"tags":[{{"key":"{}","value":"{}"}}]}}"#, "é".repeat(key), "é".repeat(value))
        };
        assert!(read(&tag(127, 255)).is_ok());
        assert!(matches!(read(&tag(128, 0)), Err(Fault::Tag(_))));
        assert!(matches!(read(&tag(1, 256)), Err(Fault::Tag(_))));
        assert!(matches!(read(&tag(0, 1)), Err(Fault::Tag(words)) if words.contains("number 1")));
        assert!(matches!(read(r#"{"tags":[]}"#), Err(Fault::Syntax(_))));
        let many = [r#"{"key":"a"}"#; 11].join(",");
        assert!(matches!(read(&format!(r#"{{"tags":[{many}]}}"#)), Err(Fault::Count(10))));
    }
}
