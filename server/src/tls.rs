//! Certificates: the owner's, or one that is made at the first start.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Config;
use crate::error::{Error, Result};

/// What speaks TLS for the server: 1.2 and 1.3, for HTTP/1.1.
pub(crate) fn acceptor(config: &Config) -> Result<TlsAcceptor> {
    let (certificate, key) = match (&config.tls.certificate, &config.tls.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        _ => generated(&config.state, &config.tls.names)?,
    };
    let wrong = |path: &Path, error: &dyn std::fmt::Display| Error::config(format!("{}: {error}", path.display()));
    let chain: Vec<_> = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect)
        .map_err(|error| wrong(&certificate, &error))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key, &error))?;
    let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&certificate, &error))?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(&certificate, &error))?;
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(tls)))
}

/// A self-signed certificate in the state directory, made when it is not there.
fn generated(state: &Path, names: &[String]) -> Result<(std::path::PathBuf, std::path::PathBuf)> {
    let (certificate, key) = (state.join("certificate.pem"), state.join("certificate.key"));
    let _turn = turn(state)?;
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let made =
        rcgen::generate_simple_self_signed(names).map_err(|error| Error::config(format!("`tls.names`: {error}")))?;
    write_private(&key, made.signing_key.serialize_pem().as_bytes())?;
    write_private(&certificate, made.cert.pem().as_bytes())?;
    tracing::info!(certificate = %certificate.display(), "made a self-signed certificate");
    Ok((certificate, key))
}

/// Held while something is made in the state directory that other processes may be making too.
pub(crate) fn turn(state: &Path) -> Result<fs::File> {
    let path = state.join("lock");
    let locked = fs::File::create(&path).and_then(|file| file.lock().map(|()| file));
    locked.map_err(|error| Error::io(format!("cannot lock {}", path.display()), error))
}

/// Writes a file that only this user may read, all of it or none.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::io(format!("cannot write {}", path.display()), error);
    let directory = path.parent().unwrap_or(Path::new("."));
    // Temporary files are for their owner only.
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
