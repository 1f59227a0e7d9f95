//! For those who watch the server: whether it lives, whether it takes work, and its counts.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::app::App;

pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// Not ready while it shuts down, and while the disk that uploads may take is used up.
async fn ready(State(app): State<Arc<App>>) -> Response {
    let reason = match () {
        () if app.is_draining() => "shutting down\n",
        () if app.spool.is_full() => "the disk that uploads may take is used up\n",
        () => return "ready\n".into_response(),
    };
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let text = app.metrics.text(app.spool.used());
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
