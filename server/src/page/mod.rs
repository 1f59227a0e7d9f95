//! The page for a person: three files of this program, which need nothing from elsewhere.

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;

/// Scripts and styles of this server only; nothing may frame the page, and nothing else is fetched.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

pub(crate) fn routes() -> Router<Arc<App>> {
    let html = || async { file("text/html; charset=utf-8", include_str!("index.html")) };
    let css = || async { file("text/css; charset=utf-8", include_str!("page.css")) };
    let js = || async { file("text/javascript; charset=utf-8", include_str!("page.js")) };
    Router::new().route("/", get(html)).route("/page.css", get(css)).route("/page.js", get(js))
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let mut response = ([(header::CONTENT_TYPE, kind)], text).into_response();
    response.headers_mut().extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
