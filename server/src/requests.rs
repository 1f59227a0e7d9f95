//! What is done for every request: a name, a line in the log, counts, and an answer whatever happens.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::Instrument;

use crate::answer::Answer;
use crate::app::App;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest name that a caller may give to a request.
const LONGEST: usize = 128;

/// Names a request, logs and counts it. A panic is answered with 500.
pub(crate) async fn observe(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let id = request.headers().get(&REQUEST_ID).filter(|it| is_name(it)).cloned().unwrap_or_else(new_name);
    let route =
        request.extensions().get::<MatchedPath>().map_or_else(|| "none".to_owned(), |it| it.as_str().to_owned());
    let method = shown(request.method());
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), method, route);
    let open = Open::new(&app);
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    drop(open);
    let mut response = answered.unwrap_or_else(|_| Answer::new(500, "the server made a mistake").into_response());
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.metrics.request(&route, method, status, took);
    span.in_scope(|| tracing::info!(status, ms = took.as_secs_f64() * 1000.0, "answered"));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Counts a request in hand, also one whose caller goes away.
struct Open<'a>(&'a App);

impl<'a> Open<'a> {
    fn new(app: &'a App) -> Self {
        app.metrics.open.inc();
        Self(app)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.metrics.open.dec();
    }
}

pub(crate) async fn not_found() -> Answer {
    Answer::new(404, "there is nothing at this path")
}

/// Methods are counted by name; what callers make up is not.
fn shown(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS, Method::PATCH];
    let names = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
    known.iter().zip(names).find(|(it, _)| *it == method).map_or("other", |(_, name)| name)
}

fn is_name(value: &HeaderValue) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !value.is_empty() && value.len() <= LONGEST && value.as_bytes().iter().all(is_plain)
}

fn new_name() -> HeaderValue {
    HeaderValue::from_str(&format!("{:016x}", fastrand::u64(..))).unwrap_or_else(|_| HeaderValue::from_static("none"))
}
