//! `unlabel serve`: the server, its log, and the signals that stop it.

use std::io::{self, IsTerminal};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use unlabel_server::{Config, Server};

use crate::args::{Log, Serve};
use crate::exit::{Status, UsageError};

/// Serves until a signal comes.
///
/// # Errors
/// When the configuration is wrong.
pub(crate) fn run(options: &Serve) -> Result<Status, UsageError> {
    let config = config(options)?;
    if options.check_config {
        println!("{} is right: {} applications", options.config.display(), config.applications.len());
        return Ok(Status::Success);
    }
    log(options.log);
    let failed = |error: &dyn std::fmt::Display| {
        eprintln!("error: {error}");
        Status::SomeFailed
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(failed(&format!("cannot start: {error}"))),
    };
    let served = runtime.block_on(serve(config));
    // What still works on a file is not waited for: its time is over.
    runtime.shutdown_background();
    match served {
        Ok(()) => Ok(Status::Success),
        Err(error) if error.is_config() => Err(UsageError::new(error.to_string())),
        Err(error) => Ok(failed(&error)),
    }
}

fn config(options: &Serve) -> Result<Config, UsageError> {
    let mut config = Config::read(&options.config).map_err(|error| UsageError::new(error.to_string()))?;
    if let Some(listen) = options.listen {
        config.listen = listen;
    }
    if let Some(state) = &options.state {
        config.state.clone_from(state);
    }
    config.check().map_err(|error| UsageError::new(error.to_string()))?;
    Ok(config)
}

/// The log goes to standard error, coloured where that is a terminal.
fn log(how: Log) {
    let filter = EnvFilter::try_from_env("UNLABEL_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match how {
        Log::Text => builder.with_ansi(io::stderr().is_terminal()).init(),
        Log::Json => builder.json().flatten_event(true).init(),
    }
}

async fn serve(config: Config) -> Result<(), unlabel_server::Error> {
    let server = Server::bind(config).await?;
    let scheme = if server.is_encrypted() { "https" } else { "http" };
    // Programs that start the server read the address from here.
    println!("listening on {scheme}://{}", server.address());
    server.run(stopped()).await
}

/// Ready when SIGTERM or SIGINT comes. A second one ends the process.
async fn stopped() {
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: requests in hand are finished first");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        std::process::exit(130);
    });
}
