//! Buckets of real S3 servers as places of the contract, looked at by the SDK and not by our code.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::types::EncodingType;
use percent_encoding::percent_decode_str;
use unlabel_core::{Edit, Plan};
use unlabel_sinks::remote::{Objects, Transfer};
use unlabel_sinks::{Attributes, ErrorKind, Keys, PutOptions, S3, S3Config, Sink};

use crate::places::Place;
use crate::services::{self, services};
use crate::{noise, of_bytes, put, put_with, wait};

/// A fresh bucket of one server.
struct InBucket {
    client: Client,
    name: String,
    sink: Objects,
    is_atomic: bool,
}

/// Both servers: their name, where they are, and whether creation is atomic there.
fn servers() -> [(&'static str, &'static services::S3, bool); 2] {
    [("s3 of Swift", &services().swift.s3, false), ("s3 of Ceph", &services().rgw.s3, false)]
}

fn config(server: &services::S3, bucket: &str) -> S3Config {
    S3Config {
        bucket: bucket.to_owned(),
        region: Some(server.region.clone()),
        endpoint_url: Some(server.endpoint_url.parse().unwrap()),
        keys: Some(Keys::new(server.access_key.as_str(), server.secret_key.as_str())),
        ..S3Config::default()
    }
}

impl InBucket {
    fn new(server: &services::S3, is_atomic: bool, transfer: Transfer) -> Self {
        let credentials = Credentials::new(&server.access_key, &server.secret_key, None, None, "tests");
        let sdk = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(server.region.clone()))
            .endpoint_url(&server.endpoint_url)
            .force_path_style(true)
            .credentials_provider(credentials);
        let client = Client::from_conf(sdk.build());
        let name = format!("test-{:016x}", fastrand::u64(..));
        wait(async { client.create_bucket().bucket(&name).send().await }).unwrap();
        let store = S3::new(config(server, &name), &transfer).unwrap();
        Self { client, sink: Objects::under(std::sync::Arc::new(store), "under/", transfer), name, is_atomic }
    }

    fn key(name: &str) -> String {
        format!("under/{name}")
    }
}

impl Place for InBucket {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        wait(async {
            let answer = self.client.get_object().bucket(&self.name).key(Self::key(name)).send().await.ok()?;
            Some(answer.body.collect().await.unwrap().to_vec())
        })
    }

    fn visible(&self) -> Vec<String> {
        wait(async {
            let list = self.client.list_objects_v2().bucket(&self.name).encoding_type(EncodingType::Url);
            let objects = list.send().await.unwrap();
            let decoded = |key: &str| percent_decode_str(&key.replace('+', " ")).decode_utf8().unwrap().into_owned();
            let mut visible: Vec<String> =
                objects.contents().iter().map(|object| decoded(object.key().unwrap())).collect();
            let uploads = self.client.list_multipart_uploads().bucket(&self.name).send().await.unwrap();
            visible.extend(uploads.uploads().iter().map(|upload| format!("an upload: {}", upload.key().unwrap())));
            visible
        })
    }

    /// Both servers look before they write: of two at the same moment both may pass.
    fn is_atomic_create(&self) -> bool {
        self.is_atomic
    }
}

pub(crate) fn places() -> Vec<Box<dyn Place>> {
    let place =
        |(_, server, is_atomic)| -> Box<dyn Place> { Box::new(InBucket::new(server, is_atomic, Transfer::default())) };
    servers().into_iter().map(place).collect()
}

/// Parts of the least length, so that little is enough to have several.
fn in_parts() -> Transfer {
    let mut transfer = Transfer::default();
    (transfer.multipart_from, transfer.part_size) = (6 << 20, 5 << 20);
    transfer
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
    for (server_name, server, is_atomic) in servers() {
        let mut attributes = attributes.clone();
        if server_name == "s3 of Ceph" {
            attributes.tags = vec![("a b".into(), "c+d".into()), ("team".into(), "x/y".into())];
        }
        let place = InBucket::new(server, is_atomic, in_parts());
        for len in [1_000, 17 << 20] {
            let (payload, _) = of_bytes(&noise(len), vec![]);
            let options = PutOptions::default().attributes(attributes.clone());
            put_with(&place.sink, "object", &payload, &options).unwrap();
            let (_, reader) = wait(place.sink.open("under/object")).unwrap();
            let mut there = reader.object().attributes.clone();
            there.tags.sort();
            assert_eq!(there, attributes, "{server_name}, {len} bytes");
        }
    }
}

#[test]
fn kept_ranges_are_copied_and_a_version_that_is_gone_is_not_replaced() {
    for (server_name, server, is_atomic) in servers() {
        let place = InBucket::new(server, is_atomic, in_parts());
        let bytes = noise(32 << 20);
        put(&place.sink, "object", &of_bytes(&bytes, vec![]).0).unwrap();
        let (source, reader) = wait(place.sink.open("under/object")).unwrap();
        let plan = Plan::new(vec![Edit::fill(20_000_000..20_000_100, 0), Edit::delete(0..10)], source.len()).unwrap();
        let expected = plan.apply(&bytes).unwrap();
        let payload = unlabel_core::Payload::new(source, plan);
        let options = PutOptions::default().copy_from(reader.object_ref()).if_match(reader.object().etag.clone());
        let receipt = put_with(&place.sink, "object", &payload, &options).unwrap();
        assert!(receipt.bytes_written <= 12 << 20, "{server_name}: {} bytes were sent", receipt.bytes_written);
        assert!(place.read("object").unwrap() == expected, "{server_name}: something else is there");

        // The same again is of a version that is gone: nothing is read of it, and nothing is replaced.
        let error = put_with(&place.sink, "object", &payload, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{server_name}: {error}");
        let error = put(&place.sink, "other", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{server_name}: {error}");
        assert_eq!(place.visible(), ["under/object"]);
    }
}

#[test]
fn long_listings_come_in_pages_and_what_is_gone_may_go_again() {
    for (server_name, server, is_atomic) in servers() {
        let place = InBucket::new(server, is_atomic, in_parts());
        let names: Vec<String> = (0..12).map(|number| format!("a b/{number:02}+ü&<")).collect();
        for name in &names {
            put(&place.sink, name, &of_bytes(name.as_bytes(), vec![]).0).unwrap();
        }
        let mut listed = Vec::new();
        let mut after = None;
        loop {
            let page = wait(place.sink.list("under/", after.as_deref())).unwrap();
            listed.extend(page.entries.into_iter().map(|entry| entry.key));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, names.iter().map(|name| InBucket::key(name)).collect::<Vec<_>>(), "{server_name}");
        for key in listed.iter().chain(&listed) {
            wait(place.sink.delete(key)).unwrap();
        }
        assert!(place.visible().is_empty());
        assert_eq!(wait(place.sink.head("under/object")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

#[test]
fn wrong_credentials_and_buckets_are_told_and_no_secret_is() {
    for (server_name, server, _) in servers() {
        let (payload, _) = of_bytes(b"x", vec![]);
        let mut wrong = config(server, "no-such-bucket-of-ours");
        let sink = |config: &S3Config| {
            let store = S3::new(config.clone(), &Transfer::default()).unwrap();
            Objects::under(std::sync::Arc::new(store), "", Transfer::default())
        };
        let error = put(&sink(&wrong), "object", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{server_name}: {error}");
        wrong.keys = Some(Keys::new(server.access_key.as_str(), "never-to-be-printed"));
        let error = put(&sink(&wrong), "object", &payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{server_name}: {error}");
        for shown in [error.to_string(), format!("{error:?}"), format!("{:?}", sink(&wrong))] {
            assert!(!shown.contains("never-to-be-printed"), "{shown}");
        }
    }
}
