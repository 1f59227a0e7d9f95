//! The label calls: `/skg/v1/dlp/label/custom/{sync|async}`.
//!
//! What the vendor's documentation leaves open is our choice: see `docs/server.md`.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any, get};
use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};
use unlabel_core::{Kind, Listing, Payload, Report, Source};
use unlabel_sinks::{Envelope, PutOptions, SendBack};

use crate::answer::{Answer, Answered};
use crate::app::App;
use crate::auth;
use crate::config::Application;
use crate::files::{ATTRIBUTE, Opened, ascii, check_egress, deliver, open};
use crate::form::{Form, Upload};
use crate::jobs::Job;
use crate::spool::Content;

/// Longest `queryID`, in bytes.
const QUERY_ID: usize = 256;
/// Longest report in a header; a longer one is cut down to its outcome.
const REPORT: usize = 4096;
/// The report on a file that is the body of the answer.
const RESULT: HeaderName = HeaderName::from_static("x-label-result");
const QUERY: HeaderName = HeaderName::from_static("x-query-id");
/// Says what a request means that had to travel as POST.
const OVERRIDE: &str = "x-http-method-override";

/// The path of asynchronous calls; that of a job follows it.
pub(crate) const ASYNC: &str = "/skg/v1/dlp/label/custom/async";

pub(crate) fn routes() -> Router<Arc<App>> {
    let calls: MethodRouter<Arc<App>> = any(call);
    let submits: MethodRouter<Arc<App>> = any(submitting);
    Router::new()
        .route("/skg/v1/dlp/label/custom/sync", calls)
        .route(ASYNC, submits)
        .route(&format!("{ASYNC}/{{query}}"), get(state))
        .route(&format!("{ASYNC}/{{query}}/content"), get(content))
}

async fn call(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = match method(&request) {
        Method::DELETE => strip(&app, request).await,
        Method::GET => list(&app, request).await.map(Answer::into_response),
        _ => {
            crate::form::discard(&app, request.into_body()).await;
            Err(not_allowed())
        }
    };
    answer.unwrap_or_else(Answer::into_response)
}

async fn submitting(State(app): State<Arc<App>>, request: Request) -> Response {
    let answer = match method(&request) {
        Method::DELETE => submit(&app, request).await,
        Method::GET => list(&app, request).await,
        _ => {
            crate::form::discard(&app, request.into_body()).await;
            Err(not_allowed())
        }
    };
    answer.unwrap_or_else(|answer| answer).into_response()
}

/// What is meant: proxies may drop the bodies of DELETE and GET, so that these may come as POST.
fn method(request: &Request) -> Method {
    let meant = request.headers().get(OVERRIDE).and_then(|value| Method::from_bytes(value.as_bytes()).ok());
    match (request.method(), meant) {
        (&Method::POST, Some(meant)) => meant,
        (method, _) => method.clone(),
    }
}

fn not_allowed() -> Answer {
    Answer::new(405, "DELETE removes labels and GET lists them; adding labels is not what this server does").allowing()
}

/// What a call came with.
struct Call {
    application: Application,
    query_id: Option<String>,
    request: Option<unlabel_sinks::Request>,
    metadata: String,
    upload: Option<Upload>,
}

/// What a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    List,
    Strip,
    Submit,
}

/// `app` and `queryID`, which every call may have.
#[derive(serde::Deserialize)]
struct Names {
    app: Option<Value>,
    #[serde(rename = "queryID")]
    query_id: Option<Value>,
}

impl Call {
    /// Lets the caller in, and reads what was sent. Only a listing does without `metadata`.
    async fn read(app: &App, request: Request, aim: Aim) -> Answered<Self> {
        let (parts, body) = request.into_parts();
        let application = match auth::application(&app.config, &parts.headers, SystemTime::now()) {
            Ok(application) => application.clone(),
            Err(denied) => {
                crate::form::discard(app, body).await;
                return Err(denied.into());
            }
        };
        let (method, path, headers) = (parts.method.clone(), parts.uri.path().to_owned(), parts.headers.clone());
        let form = Form::read(app, Request::from_parts(parts, body)).await?;
        let metadata = form.metadata.as_deref();
        let lists = aim == Aim::List;
        let mut call = Self { application, query_id: None, request: None, metadata: String::new(), upload: form.file };
        match metadata {
            None if lists => {}
            None => return Err(Answer::wrong("the field `metadata` is missing")),
            Some(text) => call.name(text)?,
        }
        if let Some(text) = metadata.filter(|_| !lists) {
            let request = unlabel_sinks::Request::parse(text).map_err(|words| call.about(Answer::wrong(words)))?;
            call.require(request.app.is_some(), "`app` is missing")?;
            call.require(request.query_id.is_some(), "`queryID` is missing")?;
            let (object, callback) = (request.object.as_ref(), request.callback_url.as_deref());
            check_egress(app, &request.send_back, object, callback).map_err(|answer| call.about(answer))?;
            call.request = Some(request);
            text.clone_into(&mut call.metadata);
        }
        let text = |name: &str| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes);
        let len = call.upload.as_ref().map_or(0, |upload| upload.content.len());
        let parts = [
            text("authorization"),
            text("x-skg-timestamp"),
            method.as_str().as_bytes(),
            path.as_bytes(),
            metadata.unwrap_or_default().as_bytes(),
            &len.to_be_bytes(),
        ];
        // Listing twice does no harm, and a job of the same name is the same job.
        if aim == Aim::Strip && !app.replay.is_first(&parts, Instant::now()) {
            return Err(
                call.about(Answer::new(401, "this very request was made before: sign it anew, with the time as it is"))
            );
        }
        Ok(call)
    }

    /// Takes the names from the metadata, and looks whether they are the caller's.
    fn name(&mut self, text: &str) -> Answered<()> {
        let names: Names = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| Answer::wrong(format!("the metadata is not valid JSON: {error}")))?;
        let text = |value: Option<Value>| match value {
            Some(Value::String(text)) => Some(text),
            Some(Value::Number(number)) => Some(number.to_string()),
            _ => None,
        };
        self.query_id = text(names.query_id).filter(|it| !it.is_empty());
        if self.query_id.as_ref().is_some_and(|it| it.len() > QUERY_ID || it.chars().any(char::is_control)) {
            self.query_id = None;
            return Err(Answer::wrong(format!("`queryID` is longer than {QUERY_ID} bytes, or has control characters")));
        }
        match text(names.app) {
            Some(name) if name != self.application.id => {
                Err(self.about(Answer::new(401, "`app` is not the application of this access key")))
            }
            _ => Ok(()),
        }
    }

    fn require(&self, holds: bool, words: &str) -> Answered<()> {
        if holds { Ok(()) } else { Err(self.about(Answer::wrong(words))) }
    }

    fn about(&self, answer: Answer) -> Answer {
        match &self.query_id {
            Some(id) => answer.about(id),
            None => answer,
        }
    }
}

/// `DELETE …/sync`
async fn strip(app: &App, request: Request) -> Answered<Response> {
    let mut call = Call::read(app, request, Aim::Strip).await?;
    let (Some(request), Some(query_id)) = (call.request.take(), call.query_id.take()) else {
        return Err(Answer::wrong("`metadata` is incomplete"));
    };
    let done = treat(app, &request, call.upload.take(), &query_id).await;
    done.map_err(|answer| answer.about(&query_id))
}

async fn treat(
    app: &App,
    request: &unlabel_sinks::Request,
    upload: Option<Upload>,
    query_id: &str,
) -> Answered<Response> {
    let engine = app.engine(request.labels.clone())?;
    let content = upload.as_ref().map(|upload| upload.content.clone());
    let Opened { source, reader, name } = open(app, upload, request.object.as_ref()).await?;
    let cleaned = app.work(source, move |source| engine.strip(source)).await?.map_err(|error| {
        app.metrics.file(&Report::of_error(&error, 0));
        Answer::from(&error)
    })?;
    app.metrics.file(cleaned.report());
    let mut envelope = Envelope::of_report(cleaned.report()).with("queryID", query_id);
    let Some(payload) = cleaned.payload() else { return Ok(Answer::from(envelope).into_response()) };
    if request.send_back == SendBack::Response {
        return file(&envelope, query_id, &name, payload, content);
    }
    let options = reader.map_or_else(PutOptions::default, |reader| reader.put_options(&cleaned));
    match deliver(app, &request.send_back, &name, &cleaned, &options, || told(&envelope)).await {
        Ok(receipt) => {
            envelope = envelope.with("location", receipt.location).with("bytes", receipt.bytes);
            Ok(Answer::from(envelope).into_response())
        }
        Err(error) => {
            let failed = Envelope::of_delivery(&error.doing("`sendBack`"));
            Err(Envelope { data: envelope.data, ..failed }.into())
        }
    }
}

/// What the other side of an upload learns of it.
pub(crate) fn told(envelope: &Envelope) -> String {
    Value::Object(envelope.data.clone()).to_string()
}

/// The cleaned file as the answer.
fn file(
    envelope: &Envelope,
    query_id: &str,
    name: &str,
    payload: &Payload,
    content: Option<Content>,
) -> Answered<Response> {
    let mut response = crate::files::response(name, payload, content)?;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_bytes(query_id.as_bytes()) {
        headers.insert(QUERY, id);
    }
    headers.insert(RESULT, result(envelope));
    Ok(response)
}

/// The envelope in a header: JSON in ASCII. Where there are many labels, without them.
fn result(envelope: &Envelope) -> HeaderValue {
    let whole = ascii(&envelope.to_json());
    let text = if whole.len() <= REPORT {
        whole
    } else {
        let data = envelope.data.iter().filter(|(name, _)| *name != "labels");
        let data: Map<String, Value> = data.map(|(name, value)| (name.clone(), value.clone())).collect();
        ascii(&Envelope { data, ..envelope.clone() }.to_json())
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("{}"))
}

/// `DELETE …/async`
async fn submit(app: &App, request: Request) -> Answered<Answer> {
    let mut call = Call::read(app, request, Aim::Submit).await?;
    let (Some(request), Some(query_id)) = (call.request.take(), call.query_id.take()) else {
        return Err(Answer::wrong("`metadata` is incomplete"));
    };
    let done = async {
        match (&request.object, &call.upload) {
            (Some(_), Some(_)) => {
                return Err(Answer::wrong("`uploadtype` names a store, and there is a file in the body too"));
            }
            (None, None) => return Err(Answer::wrong("there is no file in the body: a part with a file name")),
            _ => {}
        }
        // What is wrong with the labels is said at once.
        app.engine(request.labels.clone())?;
        let job =
            app.jobs.accept(&app.config, &call.application.id, &query_id, &call.metadata, call.upload.take()).await?;
        let path = format!("{ASYNC}/{}", encoded(&query_id));
        let envelope = Envelope::new(202, "accepted").with("state", job.state.name()).with("status", path);
        Ok(Answer::from(envelope).about(&query_id))
    };
    let done: Answered<Answer> = done.await;
    done.map_err(|answer| answer.about(&query_id))
}

/// A query ID in a path.
pub(crate) fn encoded(query_id: &str) -> String {
    utf8_percent_encode(query_id, ATTRIBUTE).to_string()
}

/// The job of a caller.
async fn job(app: &App, query: &str, headers: &HeaderMap) -> Answered<Job> {
    let application = auth::application(&app.config, headers, SystemTime::now())?;
    let found = app.jobs.find(&application.id, query).await?;
    found.ok_or_else(|| Answer::new(404, "there is no such job of this application").about(query))
}

/// `GET …/async/{queryID}`
async fn state(State(app): State<Arc<App>>, Path(query): Path<String>, headers: HeaderMap) -> Answered<Answer> {
    let job = job(&app, &query, &headers).await?;
    Ok(crate::jobs::state(&job).into())
}

/// `GET …/async/{queryID}/content`
async fn content(State(app): State<Arc<App>>, Path(query): Path<String>, headers: HeaderMap) -> Answered<Response> {
    let job = job(&app, &query, &headers).await?;
    let path = app.jobs.result(&job).ok_or_else(|| Answer::new(404, "the job has no result here").about(&query))?;
    let source = Source::open(&path).map_err(|error| Answer::broken("read the result", &error))?;
    let payload = Payload::new(source.clone(), unlabel_core::Plan::identity(source.len()));
    let name = job.name.as_deref().unwrap_or("file");
    let answer = job.answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let data = answer.and_then(|answer: Value| answer["data"].as_object().cloned()).unwrap_or_default();
    file(&Envelope { data, ..Envelope::new(200, "OK") }, &query, name, &payload, None)
}

/// `GET …`: `data` has the labels.
async fn list(app: &App, request: Request) -> Answered<Answer> {
    let mut call = Call::read(app, request, Aim::List).await?;
    let done = async {
        let Opened { source, .. } = open(app, call.upload.take(), None).await?;
        let limits = app.config.core_limits();
        let listing = app.work(source, move |source| unlabel_core::list(&source, &limits)).await?;
        let listing = listing.map_err(|error| Answer::from(&error))?;
        Ok(Answer::from(Envelope { data: labels(&listing), ..Envelope::new(200, "OK") }))
    };
    let done: Answered<Answer> = done.await;
    done.map_err(|answer| call.about(answer))
}

/// The custom labels of a file. A key with several values has them in an array, one whose value is no text has null.
fn labels(listing: &Listing) -> Map<String, Value> {
    let mut labels = Map::new();
    for site in listing.findings.sites.iter().filter(|site| site.kind == Kind::Custom) {
        let value = Value::from(site.value.clone());
        match labels.get_mut(&site.key) {
            None => drop(labels.insert(site.key.clone(), value)),
            Some(Value::Array(values)) if !values.contains(&value) => values.push(value),
            Some(Value::Array(_)) => {}
            Some(one) if *one != value => *one = Value::Array(vec![one.take(), value]),
            Some(_) => {}
        }
    }
    labels
}
