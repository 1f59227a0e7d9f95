//! What only S3 has.

use std::time::Duration;

use reqwest::Method;
use unlabel_core::{Edit, Payload, Plan};
use unlabel_sinks::remote::Transfer;
use unlabel_sinks::{Attributes, ErrorKind, Keys, PutOptions, S3Config};

use super::{Bucket, config, objects, server};
use crate::places::Place;
use crate::proxy::{Fault, Head, Proxy, Rule};
use crate::swift::{Container, Server};
use crate::{noise, of_bytes, put, put_with, wait};

/// A fresh bucket, with parts of the least length, so that little is enough to have several.
fn in_parts(which: Server) -> Bucket {
    let mut transfer = Transfer::default();
    (transfer.multipart_from, transfer.part_size) = (6 << 20, 5 << 20);
    let container = Container::new(which);
    let sink = objects(config(&container.name, server(which)), transfer);
    Bucket { container, sink }
}

#[test]
fn what_is_stored_beside_the_bytes_arrives_with_one_request_and_with_many() {
    let attributes = Attributes {
        content_type: Some("image/png".into()),
        cache_control: Some("max-age=7".into()),
        content_disposition: Some("attachment".into()),
        content_language: Some("de".into()),
        expires: Some("Thu, 01 Jan 2032 00:00:00 GMT".into()),
        metadata: vec![("id".into(), "8888".into()), ("owner".into(), "=?UTF-8?B?w7xiZXI=?=".into())],
        ..Attributes::default()
    };
    for which in [Server::Swift, Server::Ceph] {
        let mut attributes = attributes.clone();
        if which == Server::Ceph {
            attributes.tags = vec![("a b".into(), "c+d".into()), ("team".into(), "x/y".into())];
        }
        let place = in_parts(which);
        for len in [1_000, 17 << 20] {
            let (payload, _) = of_bytes(&noise(len), vec![]);
            let options = PutOptions::default().attributes(attributes.clone());
            put_with(&place.sink, "object", &payload, &options).unwrap();
            let (_, reader) = wait(place.sink.open("object")).unwrap();
            let mut there = reader.object().attributes.clone();
            there.tags.sort();
            assert_eq!(there, attributes, "{which:?}, {len} bytes");
        }
    }
}

#[test]
fn tags_that_the_store_forgets_are_kept_through_lost_answers_and_busy_moments() {
    let completes = |head: &Head| head.method() == "POST" && head.query("uploadId").is_some();
    let tags = |head: &Head| head.method() == "PUT" && head.query("tagging").is_some();
    for rule in [
        Rule::new(Fault::LoseAnswer).when(completes),
        Rule::new(Fault::Answer { status: 503, retry_after: None }).when(tags),
    ] {
        let container = Container::new(Server::Ceph);
        let proxy = Proxy::to(&server(Server::Ceph).endpoint_url);
        let mut transfer = Transfer::default();
        (transfer.multipart_from, transfer.part_size) = (6 << 20, 5 << 20);
        transfer.first_wait = Duration::from_millis(20);
        let direct = config(&container.name, server(Server::Ceph));
        let endpoint = proxy.url(&server(Server::Ceph).endpoint_url);
        let sink = objects(S3Config { endpoint_url: Some(endpoint.parse().unwrap()), ..direct }, transfer);
        proxy.add(rule.times(1));
        let attributes = Attributes { tags: vec![("team".into(), "x/y".into())], ..Attributes::default() };
        let options = PutOptions::default().attributes(attributes.clone());
        let receipt = put_with(&sink, "object", &of_bytes(&noise(17 << 20), vec![]).0, &options).unwrap();
        assert_eq!(receipt.attempts, 2);
        let (_, reader) = wait(sink.open("object")).unwrap();
        assert_eq!(reader.object().attributes.tags, attributes.tags);
    }
}

#[test]
fn kept_ranges_are_copied_and_a_version_that_is_gone_is_not_replaced() {
    for which in [Server::Swift, Server::Ceph] {
        let place = in_parts(which);
        let bytes = noise(32 << 20);
        put(&place.sink, "object", &of_bytes(&bytes, vec![]).0).unwrap();
        let (source, reader) = wait(place.sink.open("object")).unwrap();
        let plan = Plan::new(vec![Edit::fill(20_000_000..20_000_100, 0), Edit::delete(0..10)], source.len()).unwrap();
        let expected = plan.apply(&bytes).unwrap();
        let payload = Payload::new(source, plan);
        let options = PutOptions::default().copy_from(reader.object_ref()).if_match(reader.object().etag.clone());
        let receipt = put_with(&place.sink, "object", &payload, &options).unwrap();
        assert!(receipt.bytes_written <= 12 << 20, "{which:?}: {} bytes were sent", receipt.bytes_written);
        assert!(place.read("object").unwrap() == expected, "{which:?}: something else is there");
        // Swift keeps the parts of what was replaced, unseen.
        let visible = place.visible();
        assert!(which == Server::Swift || visible == ["object"], "{visible:?}");

        // The same again is of a version that is gone: nothing is read of it, and nothing is replaced.
        let error = put_with(&place.sink, "object", &payload, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{which:?}: {error}");
        let error = put(&place.sink, "other", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{which:?}: {error}");
        assert_eq!(place.visible(), visible);
    }
}

#[test]
fn long_listings_come_in_pages_and_what_is_gone_may_go_again() {
    for which in [Server::Swift, Server::Ceph] {
        let place = in_parts(which);
        let names: Vec<String> = (0..12).map(|number| format!("a b/{number:02}+ü&<")).collect();
        for name in &names {
            put(&place.sink, name, &of_bytes(name.as_bytes(), vec![]).0).unwrap();
        }
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = wait(place.sink.list("", after.as_deref())).unwrap();
            listed.extend(page.entries.into_iter().map(|entry| entry.key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, names, "{which:?}");
        for key in listed.iter().chain(&listed) {
            wait(place.sink.delete(key)).unwrap();
        }
        assert!(place.visible().is_empty());
        assert_eq!(wait(place.sink.head("object")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn wrong_keys_are_refused_and_not_printed() {
    for which in [Server::Swift, Server::Ceph] {
        let bucket = Bucket::new(which);
        let right = config(&bucket.container.name, server(which));
        let known = server(which).access_key.as_str();
        for keys in [Keys::new(known, "wr0ng-s3cret"), Keys::new("nobody", "wr0ng-s3cret")] {
            let sink = objects(S3Config { keys: Some(keys), ..right.clone() }, Transfer::default());
            for len in [1, 17 << 20] {
                let error = put(&sink, "object", &of_bytes(&noise(len), vec![]).0).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Denied, "{which:?}: {error}");
                assert!(!format!("{error} {error:?} {sink} {sink:?}").contains("s3cret"));
            }
        }
        assert!(bucket.visible().is_empty());
    }
}

#[test]
fn a_bucket_that_is_not_there_is_not_made() {
    for which in [Server::Swift, Server::Ceph] {
        let name = format!("test-{:016x}", fastrand::u64(..));
        let sink = objects(config(&name, server(which)), Transfer::default());
        for len in [1, 17 << 20] {
            let error = put(&sink, "object", &of_bytes(&noise(len), vec![]).0).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{which:?}: {error}");
        }
        let mut container = Container::new(which);
        container.name = name;
        assert!(container.ask(&Method::HEAD, "", |request| request).is_none());
    }
}
