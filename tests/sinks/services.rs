//! The real servers that `scripts/services up` starts: where they are, and with what they are asked.
//!
//! A test that needs a server fails where there is none. Nothing is skipped.
#![allow(dead_code, reason = "the description of a server is whole, whatever the tests of today use of it")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde::Deserialize;

/// What `services.json` holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Services {
    /// Swift, with its S3 API.
    pub(crate) swift: Swift,
    /// The same, for objects of at most 10 MiB and with tokens that live four seconds.
    pub(crate) swift_small: Swift,
    /// Ceph's gateway: another S3 and another Swift server.
    pub(crate) rgw: Swift,
    pub(crate) keystone: Keystone,
    pub(crate) nginx: Nginx,
    pub(crate) receiver: Receiver,
    /// Alibaba's object store, as far as its own client checks it.
    pub(crate) oss: Oracle,
    /// Tencent's, likewise.
    pub(crate) cos: Oracle,
}

/// A server for both the Swift API with v1 authentication, and S3.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Swift {
    pub(crate) auth_url: String,
    pub(crate) user: String,
    pub(crate) key: String,
    /// A user who may do nothing but what a container's access list allows. Not with `rgw`.
    pub(crate) readonly_user: Option<String>,
    pub(crate) readonly_key: Option<String>,
    pub(crate) s3: S3,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct S3 {
    pub(crate) endpoint_url: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    pub(crate) region: String,
}

/// Keystone v3. The catalog leads to a proxy before the storage of `swift`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Keystone {
    /// Ends with `/v3`.
    pub(crate) auth_url: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) project: String,
    pub(crate) domain: String,
    pub(crate) domain_id: String,
    pub(crate) region: String,
    pub(crate) app_credential_id: String,
    pub(crate) app_credential_secret: String,
}

/// nginx. What each location does is written in `tests/services/conf/locations.conf`.
#[derive(Debug, Deserialize)]
pub(crate) struct Nginx {
    pub(crate) http: String,
    pub(crate) https: String,
    /// The authority that vouches for `https`, which nobody knows else.
    pub(crate) ca: PathBuf,
    /// Where a PUT arrives as a file.
    pub(crate) root: PathBuf,
    /// For `/basic/`.
    pub(crate) user: String,
    pub(crate) password: String,
    /// For `/bearer/`.
    pub(crate) bearer: String,
}

/// Takes forms and raw bodies. What each path does is written in `tests/services/servers/receiver.py`.
#[derive(Debug, Deserialize)]
pub(crate) struct Receiver {
    pub(crate) url: String,
    /// An upload to `/NAME` is `root/NAME/1` with `body` and `upload.json`; the next one is `root/NAME/2`.
    pub(crate) root: PathBuf,
    pub(crate) bearer: String,
}

/// An object store of ours that has a vendor's client compute every signature again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Oracle {
    /// Reached by this address, the first part of the path is the bucket.
    pub(crate) endpoint_url: String,
    /// With `Host: BUCKET.DOMAIN`, the path is the key alone.
    pub(crate) domain: String,
    /// With this host, too; it stands for `bucket`.
    pub(crate) custom_domain: String,
    pub(crate) bucket: String,
    pub(crate) region: String,
    pub(crate) access_key: String,
    pub(crate) secret_key: String,
    /// A temporary key, which is taken with `sts_token` only.
    pub(crate) sts_access_key: String,
    pub(crate) sts_secret_key: String,
    pub(crate) sts_token: String,
    /// Tells without a signature what is visible and which uploads are unfinished, as JSON.
    pub(crate) state_url: String,
}

/// The servers, or a panic that says how to start them.
pub(crate) fn services() -> &'static Services {
    static SERVICES: LazyLock<Services> = LazyLock::new(|| {
        let file = std::env::var_os("UNLABEL_SERVICES").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/services/services.json"),
            PathBuf::from,
        );
        let json = std::fs::read(&file).unwrap_or_else(|error| {
            panic!("this test needs real servers: run `scripts/services up` ({}: {error})", file.display())
        });
        serde_json::from_slice(&json).unwrap_or_else(|error| {
            panic!("{} is not of this version: run `scripts/services up` again ({error})", file.display())
        })
    });
    &SERVICES
}

/// Host and port of a URL.
pub(crate) fn authority(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(authority, _)| authority)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn every_server_takes_connections() {
        let it = services();
        let addresses = [
            &it.swift.auth_url,
            &it.swift.s3.endpoint_url,
            &it.swift_small.auth_url,
            &it.rgw.auth_url,
            &it.keystone.auth_url,
            &it.nginx.http,
            &it.nginx.https,
            &it.receiver.url,
            &it.oss.endpoint_url,
            &it.cos.endpoint_url,
        ];
        for url in addresses {
            TcpStream::connect(authority(url))
                .unwrap_or_else(|error| panic!("{url}: {error}; run `scripts/services up` again"));
        }
    }
}
