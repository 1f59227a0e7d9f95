//! Telling callers that their job has ended.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use unlabel_sinks::Egress;
use url::Url;

use crate::auth;
use crate::config::{Application, Config};
use crate::error::{Error, Result};

/// How long a caller may take to answer a callback: meanwhile a worker waits.
const PATIENCE: Duration = Duration::from_secs(15);

/// The client for callbacks: it goes where the policy lets it, and follows nothing.
pub(super) struct Callback {
    client: Client,
    egress: Egress,
}

impl Callback {
    pub(super) fn new(config: &Config) -> Result<Self> {
        let transfer = config.transfer()?;
        let egress = transfer.egress.unwrap_or_default();
        let wrong = |error: &dyn std::fmt::Display| Error::config(format!("`egress.ca_file`: {error}"));
        let mut builder = Client::builder()
            .user_agent(concat!("unlabel/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(egress.clone()))
            .connect_timeout(transfer.connect_timeout)
            .timeout(transfer.stall_timeout.min(PATIENCE));
        if let Some(path) = &transfer.ca_file {
            let pem = std::fs::read(path).map_err(|error| wrong(&error))?;
            builder = builder.tls_certs_merge(Certificate::from_pem_bundle(&pem).map_err(|error| wrong(&error))?);
        }
        Ok(Self { client: builder.build().map_err(|error| wrong(&error))?, egress })
    }

    /// Posts `answer` to `url`, signed with the application's key. Any status from 200 to 299 is success.
    pub(super) async fn post(
        &self,
        url: &str,
        application: &Application,
        answer: &str,
    ) -> std::result::Result<(), String> {
        let url = Url::parse(url).map_err(|error| error.to_string())?;
        self.egress.check(&url).map_err(|error| error.to_string())?;
        let mut request = self.client.post(url).header(CONTENT_TYPE, "application/json").body(answer.to_owned());
        for (name, value) in auth::headers(application, SystemTime::now()) {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| deepest(&error.without_url()))?;
        let status = answer.status();
        if status.is_success() { Ok(()) } else { Err(format!("the server answered {}", status.as_u16())) }
    }
}

fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
