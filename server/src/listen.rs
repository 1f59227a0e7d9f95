//! Connections: how many, how long they may be silent, and how they end.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
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
/// Streams of one HTTP/2 connection at a time.
const STREAMS: u32 = 32;

/// Serves `routes` to whoever connects, until `stop` is ready; then requests in hand are finished.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    routes: Router,
    config: &Config,
    stop: impl Future<Output = ()>,
) {
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
    let patience = Duration::from_secs(config.limits.drain_seconds);
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still in hand when their time was over");
    }
}

fn builder(config: &Config) -> auto::Builder<TokioExecutor> {
    let head = Duration::from_secs(config.limits.head_seconds);
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .keep_alive_interval(head)
        .keep_alive_timeout(head);
    builder
}

struct Connection {
    builder: auto::Builder<TokioExecutor>,
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
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%peer, %error, "the connection broke");
        }
        drop(place);
    }
}
