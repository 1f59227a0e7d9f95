//! Our own calls, for those who are not porting a client: `/v1/labels:list`, `/v1/labels:strip`, `/v1/jobs`, and the
//! description of all calls, `/v1/openapi.json`.

use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use unlabel_core::{Cleaned, Engine, EngineBuilder, Label, Layout, Outcome, Proof, Report};
use unlabel_sinks::{Envelope, PutOptions, SendBack, StoredObject};

use crate::answer::{Answer, Answered};
use crate::app::App;
use crate::auth::{self, Denied};
use crate::config::Config;
use crate::files::{self, Opened};
use crate::form::{Form, Upload};
use crate::jobs::Job;

/// Longest document without a file.
const DOCUMENT: u64 = 1 << 20;
/// Longest report in a header; a longer one is cut down to its outcome.
const REPORT: usize = 4096;
/// The report on a file that is the body of the answer.
const RESULT: HeaderName = HeaderName::from_static("x-label-report");
/// Jobs of an answer, and the most that can be asked for.
const JOBS: u32 = 50;
const MOST_JOBS: u32 = 500;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/labels:list", post(list))
        .route("/v1/labels:strip", post(strip))
        .route("/v1/jobs", get(jobs))
        .route("/v1/openapi.json", get(openapi))
}

/// Why a call failed: RFC 9457, with the report on the file where there is one.
struct Problem(Answer, Option<Value>);

impl From<Answer> for Problem {
    fn from(answer: Answer) -> Self {
        Self(answer, None)
    }
}

impl From<unlabel_core::Error> for Problem {
    fn from(error: unlabel_core::Error) -> Self {
        let report = serde_json::to_value(Report::of_error(&error, 0)).ok();
        Self(Answer::from(&error), report)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self(answer, report) = self;
        let (code, detail) = (answer.envelope.code, answer.envelope.message.clone());
        let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut problem =
            json!({ "title": status.canonical_reason().unwrap_or("Error"), "status": code, "detail": detail });
        if let Some(report) = report {
            problem["report"] = report;
        }
        // Its status and its other headers are those of the answer.
        let mut response = answer.into_response();
        let json = Json(problem).into_response();
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        *response.body_mut() = json.into_body();
        response
    }
}

/// Whose jobs a caller may see.
enum Caller<'c> {
    Application(&'c str),
    Token(&'c [String]),
}

/// A token of the configuration, or the signature of an application.
fn caller<'c>(config: &'c Config, headers: &HeaderMap) -> Result<Caller<'c>, Denied> {
    let is_signed = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().get(..4).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"SKG ")));
    if is_signed {
        return auth::application(config, headers, SystemTime::now()).map(|it| Caller::Application(&it.id));
    }
    auth::token_of(config, headers).map(|token| Caller::Token(&token.applications))
}

/// The document of a call. A field that is not known is an error: it could be a misspelt safety.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a field of the document")]
struct Document {
    labels: Option<Value>,
    rules: Vec<String>,
    all: bool,
    keep: Vec<String>,
    ignore_value: bool,
    dry_run: bool,
    prune_empty: bool,
    allow_signed: bool,
    allow_partial: bool,
    layout: LayoutName,
    proof: ProofName,
    #[serde(rename = "sendBack")]
    send_back: SendBack,
    uploadtype: Option<String>,
    #[serde(rename = "objectInfo")]
    object_info: Option<Map<String, Value>>,
}

impl Default for Document {
    fn default() -> Self {
        Self {
            labels: None,
            rules: Vec::new(),
            all: false,
            keep: Vec::new(),
            ignore_value: false,
            dry_run: false,
            prune_empty: false,
            allow_signed: false,
            allow_partial: false,
            layout: LayoutName::default(),
            proof: ProofName::default(),
            send_back: SendBack::Response,
            uploadtype: None,
            object_info: None,
        }
    }
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum LayoutName {
    #[default]
    Preserve,
    Compact,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ProofName {
    #[default]
    Structural,
    Full,
}

impl Document {
    fn object(&self) -> Result<Option<StoredObject>, String> {
        match (self.uploadtype.as_deref(), &self.object_info) {
            (None | Some("file"), None) => Ok(None),
            (None | Some("file"), Some(_)) => Err("`objectInfo` needs `uploadtype`: s3, swift, oss or cos".to_owned()),
            (Some(kind), Some(info)) => StoredObject::from_object_info(kind, info).map(Some),
            (Some(kind), None) => Err(format!("`uploadtype` is `{kind}`, and `objectInfo` is missing")),
        }
    }

    fn engine(&self, app: &App) -> Answered<Engine> {
        let labels = self.labels.as_ref().map(|labels| Label::parse_json(&labels.to_string())).transpose();
        let wrong = |error: unlabel_core::Error| Answer::wrong(format!("`labels`: {}", error.reason()));
        let labels = labels.map_err(wrong)?.unwrap_or_default();
        let most = app.config.limits.labels;
        if labels.len() + self.rules.len() + self.keep.len() > most {
            return Err(Answer::wrong(format!("`labels`, `rules` and `keep`: more than {most}")));
        }
        let layout = match self.layout {
            LayoutName::Preserve => Layout::Preserve,
            LayoutName::Compact => Layout::Compact,
        };
        let proof = match self.proof {
            ProofName::Structural => Proof::Structural,
            ProofName::Full => Proof::Full,
        };
        let builder = Engine::builder()
            .labels(labels)
            .all(self.all)
            .ignore_value(self.ignore_value)
            .prune_empty(self.prune_empty)
            .allow_signed(self.allow_signed)
            .allow_partial(self.allow_partial)
            .layout(layout)
            .proof(proof)
            .limits(app.config.core_limits());
        let builder = self.rules.iter().fold(builder, EngineBuilder::label);
        let builder = self.keep.iter().fold(builder, EngineBuilder::keep);
        builder.build().map_err(|error| Answer::wrong(format!("what to remove: {}", error.reason())))
    }
}

/// A call that was let in.
struct Call {
    document: Document,
    object: Option<StoredObject>,
    upload: Option<Upload>,
}

impl Call {
    /// Lets the caller in, and reads what was sent: a form, or a document that names an object.
    async fn read(app: &App, request: Request) -> Result<Self, Problem> {
        if let Err(denied) = caller(&app.config, request.headers()) {
            crate::form::discard(app, request.into_body()).await;
            return Err(Answer::from(denied).into());
        }
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = kind.is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/json"));
        let (text, upload) = if is_json {
            let bytes = crate::form::bytes(app, request.into_body(), DOCUMENT).await?;
            (Some(String::from_utf8(bytes).map_err(|_| Answer::wrong("the body is not UTF-8"))?), None)
        } else {
            let form = Form::read(app, request).await?;
            (form.metadata, form.file)
        };
        let document: Document = match &text {
            None => Document::default(),
            Some(text) => {
                serde_json::from_str(text).map_err(|error| Answer::wrong(format!("the document: {error}")))?
            }
        };
        let object = document.object().map_err(Answer::wrong)?;
        files::check_egress(app, &document.send_back, object.as_ref(), None)?;
        Ok(Self { document, object, upload })
    }
}

#[derive(Serialize)]
struct Named<'n> {
    name: &'n str,
    #[serde(flatten)]
    listing: &'n unlabel_core::Listing,
}

/// `POST /v1/labels:list`: what `unlabel list --json --all-kinds` says of the file.
async fn list(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let call = Call::read(&app, request).await?;
    let Opened { source, name, .. } = files::open(&app, call.upload, call.object.as_ref()).await?;
    let limits = app.config.core_limits();
    let listing = app.work(source, move |source| unlabel_core::list(&source, &limits)).await??;
    Ok(Json(Named { name: &name, listing: &listing }).into_response())
}

/// `POST /v1/labels:strip`: the cleaned file, or, where it goes elsewhere, the report.
async fn strip(State(app): State<Arc<App>>, request: Request) -> Result<Response, Problem> {
    let wants_form = request.headers().get(header::ACCEPT).is_some_and(|value| {
        String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase().contains("multipart/form-data")
    });
    let Call { document, object, upload } = Call::read(&app, request).await?;
    let engine = document.engine(&app)?;
    let content = upload.as_ref().map(|upload| upload.content.clone());
    let Opened { source, reader, name } = files::open(&app, upload, object.as_ref()).await?;
    let cleaned = app.work(source, move |source| engine.strip(source).map(Cleaned::digest_plan)).await??;
    let report = cleaned.report();
    app.metrics.file(report);
    let told = serde_json::to_value(report).map_err(|error| Answer::broken("tell the report", &error))?;
    let Some(payload) = cleaned.payload().filter(|_| report.outcome.is_success() || report.outcome == Outcome::Partial)
    else {
        return Err(Problem(Envelope::of_report(report).into(), Some(told)));
    };
    if document.dry_run {
        return Ok(Json(told).into_response());
    }
    if document.send_back == SendBack::Response {
        if wants_form {
            return Ok(files::form(&told, &name, payload, content)?);
        }
        let mut response = files::response(&name, payload, content)?;
        let whole = files::ascii(&told);
        let text = if whole.len() <= REPORT { whole } else { json!({ "outcome": report.outcome }).to_string() };
        response.headers_mut().extend(HeaderValue::from_str(&text).ok().map(|text| (RESULT, text)));
        return Ok(response);
    }
    let options = reader.map_or_else(PutOptions::default, |reader| reader.put_options(&cleaned));
    let delivered = files::deliver(&app, &document.send_back, &name, &cleaned, &options, || told.to_string()).await;
    let receipt = delivered.map_err(|error| Problem(Answer::from(&error.doing("`sendBack`")), Some(told.clone())))?;
    let mut told = told;
    told["location"] = receipt.location.into();
    told["bytes_written"] = receipt.bytes_written.into();
    Ok(Json(told).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: Option<u32>,
    before: Option<i64>,
}

/// `GET /v1/jobs`: the newest first, of the applications that the caller may see.
async fn jobs(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    page: Result<Query<Page>, axum::extract::rejection::QueryRejection>,
) -> Result<Response, Problem> {
    let caller = caller(&app.config, &headers).map_err(Answer::from)?;
    let Query(page) = page.map_err(|error| Answer::wrong(error.body_text()))?;
    let limit = page.limit.unwrap_or(JOBS);
    if !(1..=MOST_JOBS).contains(&limit) {
        return Err(Answer::wrong(format!("`limit` is not from 1 to {MOST_JOBS}")).into());
    }
    let applications = match caller {
        Caller::Application(id) => Some(vec![id.to_owned()]),
        Caller::Token(names) if names.iter().any(|name| name == "*") => None,
        Caller::Token(names) => Some(names.to_vec()),
    };
    let found = app.jobs.page(applications, page.before.unwrap_or(i64::MAX), limit).await?;
    let next = (found.len() == limit as usize).then(|| found.last().map(|job| job.id)).flatten();
    let jobs: Vec<_> = found.iter().map(about).collect();
    Ok(Json(json!({ "jobs": jobs, "next": next })).into_response())
}

fn about(job: &Job) -> Value {
    let answer: Option<Value> = job.answer.as_deref().and_then(|text| serde_json::from_str(text).ok());
    json!({
        "id": job.id,
        "app": job.app,
        "queryID": job.query,
        "name": job.name,
        "state": job.state.name(),
        "created": job.created,
        "ended": job.ended,
        "attempts": job.tries,
        "answer": answer,
    })
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], include_str!("openapi.json")).into_response()
}
