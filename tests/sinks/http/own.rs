//! What only uploads over HTTP have: forms, headers, redirects, TLS.

use std::time::{Duration, Instant};

use serde_json::json;
use unlabel_core::Edit;
use unlabel_sinks::remote::Transfer;
use unlabel_sinks::{ErrorKind, HttpUpload, HttpUploadConfig, Secret, UploadForm};

use super::{Received, config, trusting, unique, upload};
use crate::services::services;
use crate::{create, noise, of_bytes, put};

fn sink(config: HttpUploadConfig) -> HttpUpload {
    HttpUpload::new(config, Transfer::default()).unwrap()
}

#[test]
fn a_form_arrives_as_a_form() {
    let received = Received::new();
    let (payload, expected) = of_bytes(&noise(3 << 20), vec![Edit::delete(7..77)]);
    let mut config = config(&format!("{}?queryID=7", received.url("")), UploadForm::Multipart);
    config.headers.insert("X-Query-ID".into(), "7".into());
    put(&sink(config.clone()), "Übersicht \"1\".docx", &payload).unwrap();
    config.metadata = Some(r#"{"app": "a", "labels": {"id": "8888"}}"#.into());
    let receipt = put(&sink(config), "b.docx", &payload).unwrap();
    assert_eq!(receipt.location, received.url(""));

    let [first, second] = [received.upload(1), received.upload(2)];
    assert!(received.body(1) == expected && received.body(2) == expected);
    assert_eq!(first["method"], "POST");
    assert_eq!(first["query"], "queryID=7");
    assert_eq!(first["fields"]["metadata"], json!(["{\"filename\":\"Übersicht \\\"1\\\".docx\"}"]));
    assert_eq!(second["fields"]["metadata"], json!([r#"{"app": "a", "labels": {"id": "8888"}}"#]));
    assert_eq!(second["files"][0]["field"], "request");
    assert_eq!(second["files"][0]["filename"], "b.docx");
    assert_eq!(first["files"][0]["filename"], "Übersicht \"1\".docx");
    let header = |name: &str| {
        let headers = first["headers"].as_array().unwrap();
        let found = headers.iter().find(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
        found.map(|header| header[1].as_str().unwrap().to_owned())
    };
    assert_eq!(header("x-query-id").as_deref(), Some("7"));
    assert!(header("content-length").unwrap().parse::<usize>().unwrap() > expected.len());
    assert_eq!(header("transfer-encoding"), None);
}

#[test]
fn bare_bytes_arrive_by_either_method() {
    for (form, method) in [(UploadForm::Post, "POST"), (UploadForm::Put, "PUT")] {
        let received = Received::new();
        let (payload, expected) = of_bytes(b"id=8888;rest", vec![Edit::delete(0..8)]);
        put(&upload(&received.url(""), form), "ignored.bin", &payload).unwrap();
        assert_eq!((received.upload(1)["method"].as_str(), received.body(1)), (Some(method), expected));
    }
}

#[test]
fn who_has_the_word_may_enter_and_nobody_else() {
    let received = Received::new();
    let (payload, expected) = of_bytes(b"x", vec![]);
    let with = |bearer: &str| {
        let bearer = Some(Secret::from(bearer));
        sink(HttpUploadConfig { bearer, ..config(&received.url("bearer/"), UploadForm::Multipart) })
    };
    let error = put(&with("wr0ng-s3cret"), "a", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert_eq!(received.count(), 0);
    put(&with(&services().receiver.bearer), "a", &payload).unwrap();
    assert_eq!(received.body(1), expected);

    let nginx = &services().nginx;
    let (address, name) = (nginx.http.strip_prefix("http://").unwrap(), unique());
    let with = |user: &str, word: &str| {
        upload(&format!("http://{user}:{word}@{address}/basic/{name}?key=s3cret"), UploadForm::Put)
    };
    let wrong = with(&nginx.user, "wr0ng-s3cret");
    let error = put(&wrong, "a", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(!format!("{error} {error:?} {wrong} {wrong:?}").contains("s3cret"));
    let receipt = put(&with(&nginx.user, &nginx.password), "a", &payload).unwrap();
    assert_eq!(receipt.location, format!("{}/basic/{name}", nginx.http));
    assert_eq!(std::fs::read(nginx.root.join(&name)).unwrap(), expected);
    std::fs::remove_file(nginx.root.join(&name)).unwrap();
}

#[test]
fn redirects_are_followed_on_the_same_server_only() {
    let nginx = &services().nginx;
    let (payload, expected) = of_bytes(&noise(2 << 20), vec![]);
    for (way, leads) in [
        ("same", None),
        ("permanent", None),
        ("host", Some("localhost")),
        ("port", Some("127.0.0.1")),
        ("scheme", Some("https://127.0.0.1")),
        ("loop", Some("more than 5 redirects")),
        ("found", Some("with another request")),
    ] {
        let name = unique();
        let sink = upload(&format!("{}/redirect/{way}/{name}?key=s3cret", nginx.http), UploadForm::Put);
        let (answer, file) = (put(&sink, "a", &payload), nginx.root.join(&name));
        match leads {
            None => {
                assert_eq!(answer.unwrap().attempts, 1);
                assert!(std::fs::read(&file).unwrap() == expected, "{way}");
                std::fs::remove_file(&file).unwrap();
            }
            Some(words) => {
                let error = answer.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Rejected, "{way}: {error}");
                let text = error.to_string();
                assert!(text.contains(words) && !text.contains("s3cret"), "{way}: {text}");
                assert!(!file.exists() && !nginx.root.join("other-port").join(&name).exists(), "{way}");
            }
        }
    }
}

#[test]
fn a_server_nobody_vouches_for_is_not_trusted() {
    let nginx = &services().nginx;
    let (payload, _) = of_bytes(b"x", vec![]);
    let name = unique();
    let mut transfer = Transfer::default();
    transfer.attempts = 1;
    let config = config(&format!("{}/{name}", nginx.https), UploadForm::Put);
    let sink = HttpUpload::new(config.clone(), transfer).unwrap();
    let error = put(&sink, "a", &payload).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(error.to_string().to_lowercase().contains("certificate"), "{error}");
    let missing = HttpUpload::new(config, trusting(std::path::Path::new("/none.pem"))).unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::Config);
    assert!(!nginx.root.join(&name).exists());
}

#[test]
fn answers_have_their_kinds() {
    let nginx = &services().nginx;
    let (payload, _) = of_bytes(&noise(5000), vec![]);
    for (path, kind) in [
        ("status/400", ErrorKind::Rejected),
        ("status/403", ErrorKind::Denied),
        ("status/404", ErrorKind::NotFound),
        ("small/x", ErrorKind::TooLarge),
    ] {
        for form in [UploadForm::Put, UploadForm::Post] {
            let error = put(&upload(&format!("{}/{path}", nginx.http), form), "a", &payload).unwrap_err();
            assert_eq!(error.kind(), kind, "{path}: {error}");
        }
    }
}

#[test]
fn a_server_that_asks_to_wait_is_waited_for() {
    for form in [UploadForm::Multipart, UploadForm::Post, UploadForm::Put] {
        for status in [429, 503, 500] {
            let received = Received::new();
            let (payload, expected) = of_bytes(&noise(700_000), vec![]);
            let began = Instant::now();
            let receipt = put(&upload(&received.url(&format!("flaky/2/{status}/")), form), "a", &payload).unwrap();
            assert_eq!(receipt.attempts, 3);
            assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
            assert!(received.count() == 1 && received.body(1) == expected);
        }
    }
}

#[test]
fn what_is_there_is_not_created() {
    let nginx = &services().nginx;
    let name = unique();
    let (first, bytes) = of_bytes(b"first", vec![]);
    let (second, _) = of_bytes(b"second", vec![]);
    let sink = upload(&format!("{}/{name}", nginx.http), UploadForm::Put);
    create(&sink, "a", &first).unwrap();
    assert_eq!(create(&sink, "a", &second).unwrap_err().kind(), ErrorKind::Exists);
    assert_eq!(std::fs::read(nginx.root.join(&name)).unwrap(), bytes);
    std::fs::remove_file(nginx.root.join(&name)).unwrap();
}
