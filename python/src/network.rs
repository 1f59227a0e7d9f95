//! The one runtime of a process, and what the options and the environment say about stores.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};
use unlabel_sinks::{Keys, Location, StoreConfig, Transfer};

use crate::failure::{Failure, Result};

/// The runtime of this process, made when the first store is named.
///
/// A child that was forked has none of the threads of its parent: it gets a runtime of its own, and that of the parent is
/// never touched again. That is also why no runtime is ever dropped.
pub(crate) fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: Mutex<Option<(u32, &'static Runtime)>> = Mutex::new(None);
    let mut known = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((owner, runtime)) = *known
        && owner == process
    {
        return Ok(runtime);
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new("io", format!("cannot start the network: {error}")))?;
    let runtime: &'static Runtime = Box::leak(Box::new(runtime));
    *known = Some((process, runtime));
    Ok(runtime)
}

/// What callers say about stores, before what the environment says: the same names, in any case.
#[derive(Clone, Default)]
pub(crate) struct Settings(HashMap<String, String>);

impl Settings {
    pub(crate) fn new(options: HashMap<String, String>) -> Self {
        Self(options.into_iter().map(|(name, value)| (name.to_ascii_uppercase(), value)).collect())
    }

    fn own(&self, names: &[&str]) -> Option<&String> {
        names.iter().find_map(|name| self.0.get(*name)).filter(|value| !value.is_empty())
    }

    /// Reads a place. What is no URL of a known scheme is a path.
    pub(crate) fn location(&self, text: &str) -> Result<Location> {
        let variable = |name: &str| self.0.get(name).cloned().or_else(|| std::env::var(name).ok());
        let mut location = Location::parse(text, &variable)?;
        // The client of S3 reads the environment itself: what is said here has to be handed to it.
        if let Location::Store(object) = &mut location
            && let StoreConfig::S3(config) = &mut object.store
        {
            if let Some(access) = self.own(&["AWS_ACCESS_KEY_ID"]) {
                let secret = self.own(&["AWS_SECRET_ACCESS_KEY"]);
                let secret = secret.ok_or_else(|| Failure::new("config", "AWS_SECRET_ACCESS_KEY is missing"))?;
                let mut keys = Keys::new(access.as_str(), secret.as_str());
                keys.session_token = self.own(&["AWS_SESSION_TOKEN"]).map(|token| token.as_str().into());
                config.keys = Some(keys);
            }
            let region = self.own(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
            config.region = config.region.take().or_else(|| region.cloned());
            config.profile = config.profile.take().or_else(|| self.own(&["AWS_PROFILE"]).cloned());
            if let Some(text) = self.own(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
                && config.endpoint_url.is_none()
            {
                let url = text.parse().map_err(|_| Failure::new("config", "AWS_ENDPOINT_URL is no URL"))?;
                config.endpoint_url = Some(url);
            }
        }
        Ok(location)
    }

    /// How objects travel.
    pub(crate) fn transfer(&self) -> Transfer {
        let mut transfer = Transfer::default();
        transfer.ca_file = self.own(&["UNLABEL_CA_FILE"]).map(Into::into);
        transfer
    }
}

impl fmt::Debug for Settings {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
