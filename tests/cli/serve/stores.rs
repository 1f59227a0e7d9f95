//! Every kind of store as source and destination of the label calls, at once and later.

use serde_json::json;

use super::Running;
use crate::remote::Bucket;
use crate::services::{authority, services};

#[test]
fn objects_of_every_kind_of_store_are_stripped() {
    let known = services();
    let (rgw, container) = (Bucket::new(&known.rgw.s3), Bucket::new(&known.swift.s3));
    let s3 = &known.rgw.s3;
    let vendor = |kind: &str, it: &crate::services::Oracle| {
        json!({"type": kind, "s3Bucket": it.bucket, "s3Region": it.region, "accessKey": it.access_key,
            "secretKey": it.secret_key, "endpointUrl": it.endpoint_url})
    };
    let stores = json!([
        {"type": "s3", "s3Bucket": rgw.name, "s3Region": s3.region, "accessKey": s3.access_key,
            "secretKey": s3.secret_key, "endpointUrl": s3.endpoint_url},
        {"type": "swift", "authUrl": known.swift.auth_url, "X-Auth-User": known.swift.user,
            "X-Auth-Key": known.swift.key, "container": container.name},
        vendor("oss", &known.oss),
        vendor("cos", &known.cos),
    ]);
    let places = [&s3.endpoint_url, &known.swift.auth_url, &known.oss.endpoint_url, &known.cos.endpoint_url];
    let allowed: Vec<_> = places.iter().map(|url| authority(url)).collect();
    let mut server = Running::start(&format!("tls.plain_http = true\negress.allow = {allowed:?}\n"));
    server.environment.write("stores.json", stores.to_string());
    server.call_by("serve_stores.py", "objects");
    let (_, log) = server.stop();
    for secret in [&s3.secret_key, &known.swift.key, &known.oss.secret_key] {
        assert!(!log.contains(secret.as_str()), "{log}");
    }
}
