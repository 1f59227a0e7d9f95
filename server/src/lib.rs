//! The label API over HTTPS: calls that strip labels from uploaded and stored files.
//!
//! [`Server::bind`] takes a [`Config`], [`Server::run`] serves until it is told to stop. `unlabel serve` is nothing more.
//! The calls are described in `docs/server.md`.
//!
//! ```no_run
//! # async fn serve() -> Result<(), unlabel_server::Error> {
//! use unlabel_server::{Config, Server};
//!
//! let server = Server::bind(Config::read("server.toml".as_ref())?).await?;
//! println!("listening on {}", server.address());
//! server.run(std::future::pending()).await
//! # }
//! ```
#![deny(unsafe_code)]

mod answer;
mod app;
mod auth;
mod batch;
mod config;
mod error;
mod files;
mod form;
mod health;
mod jobs;
mod listen;
mod metrics;
mod page;
mod requests;
mod spool;
mod store;
mod tls;
mod ucwi;
mod v1;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

pub use config::{Application, Config, EgressRules, Jobs, Limits, Tls, Token};
pub use error::{Error, Result};

use crate::app::App;

/// A server that has its address, its certificate and its state directory, and takes no connections yet.
pub struct Server {
    app: Arc<App>,
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
}

impl Server {
    /// Makes ready what `config` says: state, certificate, address.
    ///
    /// # Errors
    /// [`Error::is_config`] where the configuration is to be changed; else what the system refused.
    pub async fn bind(config: Config) -> Result<Self> {
        config.check()?;
        let app = Arc::new(App::new(config)?);
        let tls = if app.config.tls.plain_http { None } else { Some(tls::acceptor(&app.config)?) };
        let failed = |error| Error::io(format!("cannot listen on {}", app.config.listen), error);
        let listener = TcpListener::bind(app.config.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { app, listener, address, tls })
    }

    /// Where it listens: with the port that the system chose, where the configuration has port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it speaks TLS.
    pub fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// Serves until `stop` is ready; then no connections are taken any more, and requests in hand are finished, for as
    /// long as `limits.drain_seconds`.
    ///
    /// # Errors
    /// None that a running server has now.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<()> {
        let routes = routes(Arc::clone(&self.app));
        let app = Arc::clone(&self.app);
        let stop = async {
            stop.await;
            app.drain();
        };
        let workers: Vec<_> =
            (0..app.config.jobs.workers).map(|number| tokio::spawn(jobs::run(Arc::clone(&app), number))).collect();
        let stopped = listen::serve(self.listener, self.tls, routes, &self.app.config, stop).await;
        // Jobs in hand are finished too; those that take too long are done again at the next start.
        let patience = Duration::from_secs(self.app.config.limits.drain_seconds).saturating_sub(stopped.elapsed());
        let ended = async {
            for worker in workers {
                let _ = worker.await;
            }
        };
        if tokio::time::timeout(patience, ended).await.is_err() {
            tracing::warn!("jobs were still in hand when their time was over");
        }
        Ok(())
    }
}

fn routes(app: Arc<App>) -> Router {
    Router::new()
        .merge(ucwi::routes())
        .merge(batch::routes())
        .merge(v1::routes())
        .merge(page::routes())
        .merge(health::routes())
        .fallback(requests::not_found)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), requests::observe))
        .with_state(app)
}
