//! The client: region, endpoint, credentials, TLS.

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{Credentials, RequestChecksumCalculation, ResponseChecksumValidation};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::S3Config;
use crate::error::{Error, ErrorKind, Result};
use crate::remote::Transfer;

pub(super) async fn connect(config: &S3Config, transfer: &Transfer) -> Result<Client> {
    let shared = load(config, transfer)?.load().await;
    let region = shared.region().is_none().then(|| Region::from_static("us-east-1"));
    let has_endpoint = config.endpoint_url.is_some() || shared.endpoint_url().is_some();
    let mut builder = aws_sdk_s3::config::Builder::from(&shared)
        .force_path_style(config.path_style.unwrap_or(has_endpoint))
        // Repeating is done for all sinks in one place.
        .retry_config(RetryConfig::disabled())
        // Trailing checksums need `aws-chunked`, which many stores do not know; `Content-MD5` is given instead.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = region {
        builder = builder.region(region);
    }
    Ok(Client::from_conf(builder.build()))
}

fn load(config: &S3Config, transfer: &Transfer) -> Result<ConfigLoader> {
    if let (Some(egress), Some(url)) = (&transfer.egress, &config.endpoint_url) {
        egress.check(url)?;
    }
    let timeouts = TimeoutConfig::builder().connect_timeout(transfer.connect_timeout).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts);
    if let Some(region) = &config.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(endpoint) = &config.endpoint_url {
        loader = loader.endpoint_url(endpoint.as_str());
    }
    if let Some(profile) = &config.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(keys) = &config.keys {
        let token = keys.session_token.as_ref().map(|token| token.reveal().to_owned());
        let secret = keys.secret_key.reveal();
        loader = loader.credentials_provider(Credentials::new(&keys.access_key, secret, token, None, "unlabel"));
    }
    if transfer.ca_file.is_some() || transfer.egress.is_some() {
        loader = loader.http_client(http_client(transfer)?);
    }
    Ok(loader)
}

/// A client that trusts the certificates of [`Transfer::ca_file`] beside those of the system, and goes only where
/// [`Transfer::egress`] lets it.
fn http_client(transfer: &Transfer) -> Result<aws_sdk_s3::config::SharedHttpClient> {
    let mut store = TrustStore::empty().with_native_roots(true);
    let mut words = "cannot set up TLS".to_owned();
    if let Some(path) = &transfer.ca_file {
        words = format!("cannot use the certificates in {}", path.display());
        let pem = std::fs::read(path).map_err(|error| Error::io(words.clone(), error).of_kind(ErrorKind::Config))?;
        store = store.with_pem_certificate(pem);
    }
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(|error| Error::new(ErrorKind::Config, format!("{words}: {error}")))?;
    let builder = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let builder = builder.tls_context(context);
    Ok(match &transfer.egress {
        Some(egress) => builder.build_with_resolver(egress.clone()),
        None => builder.build_https(),
    })
}
