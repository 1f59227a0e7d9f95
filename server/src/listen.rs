//! Connections: how many, how long they may be silent, and how they end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;

use crate::config::Config;

/// Longest head of a request.
const HEAD: usize = 64 << 10;

/// Serves `routes` to whoever connects, until `stop` is ready; then requests in hand are finished. Answers when that was.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Router,
    config: &Config,
    stop: impl Future<Output = ()>,
) -> Instant {
    let connections = Arc::new(Semaphore::new(config.limits.connections));
    let (graceful, builder) = (GracefulShutdown::new(), builder(config));
    let mut stop = pin!(stop);
    loop {
        // Who comes when all places are taken waits in the system's queue.
        let accepted = async {
            let place = Arc::clone(&connections).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            biased;
            () = &mut stop => break,
            accepted = accepted => accepted,
        };
        match (place, accepted) {
            (Ok(place), Ok((stream, peer))) => {
                let routes = routes.clone();
                let connection = Connection { builder: builder.clone(), routes, watcher: graceful.watcher(), place };
                tokio::spawn(connection.run(stream, peer, tls.clone(), config.stall()));
            }
            (_, Err(error)) => {
                // Out of file descriptors, most likely: connections that end make room.
                tracing::warn!(%error, "cannot take a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            (Err(_), _) => break,
        }
    }
    drop(listener);
    let stopped = Instant::now();
    let patience = Duration::from_secs(config.limits.drain_seconds);
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in hand when their time was over");
    }
    stopped
}

/// HTTP/1.1 alone: who says nothing is sent away by the time limit of the head, before the first request and after each.
fn builder(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    let head = Duration::from_secs(config.limits.head_seconds);
    builder.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(HEAD);
    builder
}

struct Connection {
    builder: http1::Builder,
    routes: Router,
    watcher: Watcher,
    place: OwnedSemaphorePermit,
}

impl Connection {
    async fn run(self, stream: TcpStream, peer: SocketAddr, tls: Option<TlsAcceptor>, stall: Duration) {
        let _ = stream.set_nodelay(true);
        // A reader that stops reading is given up; what is not written to is given up by the time limits of HTTP.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(stall));
        let stream = Box::pin(stream);
        let Some(tls) = tls else { return self.speak(stream, peer).await };
        match tokio::time::timeout(stall, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.speak(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS"),
            Err(_) => tracing::debug!(%peer, "no TLS in time"),
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: SocketAddr) {
        let Self { builder, routes, watcher, place } = self;
        let service = TowerToHyperService::new(routes);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "the connection broke");
        }
        drop(place);
    }
}
