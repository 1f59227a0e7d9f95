//! OSS and COS, against stores that have the vendors' own clients compute every signature again.

mod faults;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;
use unlabel_core::{Edit, ReadAt};
use unlabel_sinks::remote::{Objects, Store, Transfer};
use unlabel_sinks::{Attributes, BucketConfig, ErrorKind, Keys, PutOptions, Sink};

use crate::faults::Remote;
use crate::places::Place;
use crate::proxy::Proxy;
use crate::services::{Oracle, authority, services};
use crate::{create, noise, of_bytes, of_file, put, put_with, runtime};

/// A prefix of its own in the bucket of a store.
pub(crate) struct InBucket {
    prefix: String,
    sink: Objects,
    make: Make,
    oracle: &'static Oracle,
}

type Make = fn(BucketConfig, &Transfer) -> unlabel_sinks::Result<Arc<dyn Store>>;

impl InBucket {
    #[cfg(feature = "oss")]
    pub(crate) fn oss() -> Self {
        Self::new(&services().oss, |config, transfer| Ok(Arc::new(unlabel_sinks::Oss::new(config, transfer)?)))
    }

    #[cfg(feature = "cos")]
    pub(crate) fn cos() -> Self {
        Self::new(&services().cos, |config, transfer| Ok(Arc::new(unlabel_sinks::Cos::new(config, transfer)?)))
    }

    fn new(oracle: &'static Oracle, make: Make) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("{}-{}/", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let store = make(config(oracle), &transfer()).unwrap();
        Self { sink: Objects::under(store, &prefix, transfer()), prefix, make, oracle }
    }

    /// The key of an object.
    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// The place, as it is reached by a proxy.
    fn by(&self, proxy: &Proxy, transfer: Transfer) -> Objects {
        let endpoint = proxy.url(&self.oracle.endpoint_url).parse().unwrap();
        let config = BucketConfig { endpoint_url: Some(endpoint), ..config(self.oracle) };
        Objects::under((self.make)(config, &transfer).unwrap(), &self.prefix, transfer)
    }

    /// What the store itself says of what is under the prefix.
    fn state(&self) -> State {
        let mut state: State = serde_json::from_slice(&get(&self.oracle.state_url)).unwrap();
        state.objects.retain(|object| object.key.starts_with(&self.prefix));
        state.uploads.retain(|upload| upload.key.starts_with(&self.prefix));
        state
    }
}

/// Behind a proxy.
pub(crate) const REMOTES: &[crate::faults::Make] = &[
    #[cfg(feature = "oss")]
    |transfer| remote("oss", InBucket::oss(), transfer),
    #[cfg(feature = "cos")]
    |transfer| remote("cos", InBucket::cos(), transfer),
];

fn remote(name: &'static str, mut place: InBucket, transfer: Transfer) -> Remote {
    let proxy = Proxy::to(&place.oracle.endpoint_url);
    place.sink = place.by(&proxy, transfer);
    Remote { name, proxy, place: Box::new(place), has_parts: true, has_checksum: true }
}

/// A place in each.
fn each() -> Vec<InBucket> {
    Vec::from([
        #[cfg(feature = "oss")]
        InBucket::oss(),
        #[cfg(feature = "cos")]
        InBucket::cos(),
    ])
}

fn config(oracle: &Oracle) -> BucketConfig {
    BucketConfig {
        bucket: oracle.bucket.clone(),
        region: oracle.region.clone(),
        endpoint_url: Some(oracle.endpoint_url.parse().unwrap()),
        keys: Keys::new(oracle.access_key.as_str(), oracle.secret_key.as_str()),
    }
}

/// Parts as short as COS takes them.
fn transfer() -> Transfer {
    let mut transfer = Transfer::default();
    (transfer.multipart_from, transfer.part_size) = (4 << 20, 1 << 20);
    transfer
}

#[derive(Deserialize)]
struct State {
    objects: Vec<Stored>,
    uploads: Vec<Unfinished>,
}

#[derive(Deserialize)]
struct Stored {
    key: String,
    headers: BTreeMap<String, String>,
    metadata: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
    file: PathBuf,
}

#[derive(Deserialize)]
struct Unfinished {
    key: String,
}

/// The body of a plain GET.
fn get(url: &str) -> Vec<u8> {
    let authority = authority(url);
    let path = url.split_once(authority).unwrap().1;
    let mut connection = TcpStream::connect(authority).unwrap();
    write!(connection, "GET {path} HTTP/1.0\r\nHost: {authority}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).unwrap();
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    answer.split_off(body)
}

impl Place for InBucket {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let key = self.key(name);
        let state = self.state();
        state.objects.iter().find(|object| object.key == key).map(|object| std::fs::read(&object.file).unwrap())
    }

    fn visible(&self) -> Vec<String> {
        let State { objects, uploads } = self.state();
        let objects = objects.into_iter().map(|object| object.key);
        let uploads = uploads.into_iter().map(|upload| format!("unfinished: {}", upload.key));
        let mut visible: Vec<_> = objects.chain(uploads).collect();
        visible.sort();
        visible
    }
}

impl Drop for InBucket {
    fn drop(&mut self) {
        runtime().block_on(async {
            if let Ok(page) = self.sink.list(&self.prefix, None).await {
                for entry in page.entries {
                    let _ = self.sink.delete(&entry.key).await;
                }
            }
        });
    }
}

#[test]
fn long_objects_arrive_in_parts_with_all_that_belongs_to_them() {
    let attributes = Attributes {
        content_type: Some("application/pdf".into()),
        cache_control: Some("no-cache".into()),
        content_disposition: Some("attachment; filename=\"ü.pdf\"".into()),
        content_encoding: Some("identity".into()),
        content_language: Some("de".into()),
        expires: Some("Thu, 01 Dec 2033 16:00:00 GMT".into()),
        metadata: vec![("owner".into(), "Jürgen 日本".into()), ("part".into(), "a=b&c".into())],
        tags: vec![("a b".into(), "1+1=2".into()), ("ü".into(), String::new())],
    };
    let directory = tempfile::tempdir().unwrap();
    for place in each() {
        for (name, len) in [("short", 70_000), ("long +%2f", 40 << 20)] {
            let edits = vec![Edit::delete(5..9), Edit::fill(60_000..70_000, 0)];
            let (payload, expected) = of_file(&directory.path().join("source"), &noise(len), edits);
            let options = PutOptions::default().attributes(attributes.clone());
            let receipt = put_with(place.sink(), name, &payload, &options).unwrap();
            assert_eq!((receipt.bytes_written, receipt.attempts), (expected.len() as u64, 1));
            assert!(place.read(name).unwrap() == expected, "{}: {name} is another", place.sink());

            let state = place.state();
            assert_eq!(state.uploads.len(), 0);
            let stored = state.objects.iter().find(|object| object.key == place.key(name)).unwrap();
            assert_eq!(stored.headers["content-type"], "application/pdf");
            assert_eq!(stored.headers["content-disposition"], "attachment; filename=\"ü.pdf\"");
            assert_eq!(stored.headers["expires"], "Thu, 01 Dec 2033 16:00:00 GMT");
            assert_eq!(stored.metadata["owner"], "Jürgen 日本");
            assert_eq!(stored.tags, BTreeMap::from_iter(attributes.tags.clone()));

            let store = place.sink.store();
            let object = runtime().block_on(store.head(&place.key(name))).unwrap();
            assert_eq!((object.len, Some(object.etag)), (expected.len() as u64, receipt.etag));
            let mut back = object.attributes;
            back.tags = runtime().block_on(store.tags(&place.key(name))).unwrap();
            back.metadata.sort();
            back.tags.sort();
            assert_eq!(back, attributes);
        }
    }
}

#[test]
fn kept_ranges_are_copied_by_the_store() {
    for place in each() {
        let original = noise(24 << 20);
        let (payload, _) = of_bytes(&original, vec![]);
        put(place.sink(), "a b+ü", &payload).unwrap();
        let key = place.key("a b+ü");
        let (source, reader) = runtime().block_on(place.sink.open(&key)).unwrap();
        let edits = vec![Edit::delete(100..164), Edit::replace(20_000_000..20_000_004, "abc")];
        let (_, expected) = of_bytes(&original, edits.clone());
        let plan = unlabel_core::Plan::new(edits, original.len() as u64).unwrap();
        let payload = unlabel_core::Payload::new(source, plan);
        let options = PutOptions::default().copy_from(reader.object_ref()).if_match(reader.object().etag.as_str());
        // Onto itself, as a label is taken off in place.
        let receipt = put_with(place.sink(), "a b+ü", &payload, &options).unwrap();
        assert!(receipt.bytes_written <= 3 << 20, "{}: {} bytes were sent", place.sink(), receipt.bytes_written);
        assert!(place.read("a b+ü").unwrap() == expected, "{}", place.sink());

        // What was copied from is another version now.
        let error = put_with(place.sink(), "other", &payload, &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{}: {error}", place.sink());
        let elsewhere = PutOptions::default().copy_from(reader.object_ref());
        let error = put_with(place.sink(), "other", &payload, &elsewhere).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed, "{}: {error}", place.sink());
        assert_eq!(place.visible(), [key]);
    }
}

#[test]
fn objects_are_read_by_ranges_of_one_version() {
    for place in each() {
        let (payload, bytes) = of_bytes(&noise(300_000), vec![]);
        put(place.sink(), "q?x=1#y", &payload).unwrap();
        let key = place.key("q?x=1#y");
        let (_, reader) = runtime().block_on(place.sink.open(&key)).unwrap();
        assert_eq!(reader.len(), 300_000);
        for range in [0..1, 299_999..300_000, 0..300_000, 5..5, 1000..200_000] {
            let read = reader.read_at(range.clone()).unwrap();
            assert_eq!(read, &bytes[range.start as usize..range.end as usize], "{range:?}");
        }
        let (other, _) = of_bytes(&noise(200_000), vec![]);
        put(place.sink(), "q?x=1#y", &other).unwrap();
        assert_eq!(reader.read_at(0..10).unwrap_err().kind(), unlabel_core::ErrorKind::Changed);
        runtime().block_on(place.sink.delete(&key)).unwrap();
        assert_eq!(reader.read_at(0..10).unwrap_err().kind(), unlabel_core::ErrorKind::Changed);
        runtime().block_on(place.sink.delete(&key)).unwrap();
        let error = runtime().block_on(place.sink.head(&key)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
}

#[test]
fn listings_name_the_keys_as_they_are() {
    let names = ["%2e%2e", "+", ".hidden", "a\nb", "a b", "q?x=1#y", "日本/🙂&<"];
    for place in each() {
        for name in names {
            let (payload, _) = of_bytes(name.as_bytes(), vec![]);
            create(place.sink(), name, &payload).unwrap();
        }
        let page = runtime().block_on(place.sink.list(&place.prefix, None)).unwrap();
        let listed: Vec<_> = page.entries.iter().map(|entry| (entry.key.clone(), entry.len)).collect();
        let expected: Vec<_> = names.iter().map(|name| (place.key(name), name.len() as u64)).collect();
        assert_eq!((listed.as_slice(), page.next), (expected.as_slice(), None));
        let page = runtime().block_on(place.sink.list(&place.prefix, Some(&place.key("a b")))).unwrap();
        assert_eq!(page.entries.len(), 2);
    }
}

#[test]
fn long_listings_come_in_pages() {
    for place in each() {
        let (payload, _) = of_bytes(b"x", vec![]);
        runtime().block_on(async {
            let options = PutOptions::default();
            for number in 0..1_005 {
                place.sink.put(&format!("{number:05} +"), &payload, &options).await.unwrap();
            }
            let first = place.sink.list(&place.prefix, None).await.unwrap();
            assert_eq!(first.entries.len(), 1_000);
            let second = place.sink.list(&place.prefix, first.next.as_deref()).await.unwrap();
            assert_eq!((second.entries.len(), second.next), (5, None));
            assert_eq!(second.entries[0].key, place.key("01000 +"));
            for entry in second.entries {
                place.sink.delete(&entry.key).await.unwrap();
            }
        });
    }
}

#[test]
fn keys_and_buckets_that_are_wrong_are_told_and_not_tried_again() {
    let (payload, _) = of_bytes(b"x", vec![]);
    let (long, _) = of_bytes(&noise(5 << 20), vec![]);
    for place in each() {
        let oracle = place.oracle;
        let temporary = |token: Option<&str>| {
            let mut keys = Keys::new(oracle.sts_access_key.as_str(), oracle.sts_secret_key.as_str());
            keys.session_token = token.map(Into::into);
            keys
        };
        let right = config(oracle);
        let cases = [
            (
                right.bucket.as_str(),
                Keys::new(oracle.access_key.as_str(), "wrong-secret"),
                ErrorKind::Denied,
                "SignatureDoesNotMatch",
            ),
            (right.bucket.as_str(), Keys::new("unknown", "wrong-secret"), ErrorKind::Denied, "InvalidAccessKeyId"),
            (right.bucket.as_str(), temporary(None), ErrorKind::Denied, "InvalidAccessKeyId"),
            (right.bucket.as_str(), temporary(Some("wrong-secret")), ErrorKind::Denied, "InvalidSecurityToken"),
            ("missing-1250000000", right.keys.clone(), ErrorKind::NotFound, "NoSuchBucket"),
        ];
        for (bucket, keys, kind, code) in cases {
            let store =
                (place.make)(BucketConfig { bucket: bucket.into(), keys, ..right.clone() }, &transfer()).unwrap();
            let sink = Objects::under(store, &place.prefix, transfer());
            for payload in [&payload, &long] {
                let error = put(&sink, "x", payload).unwrap_err();
                assert_eq!(error.kind(), kind, "{error}");
                assert!(!error.is_retryable() && error.to_string().contains(code), "{error}");
                assert!(!format!("{error} {error:?} {sink:?}").contains("wrong-secret"), "{error:?}");
            }
        }
        assert_eq!(place.visible(), Vec::<String>::new());
        let keys = temporary(Some(&oracle.sts_token));
        let store = (place.make)(BucketConfig { keys, ..right }, &transfer()).unwrap();
        put(&Objects::under(store, &place.prefix, transfer()), "x", &payload).unwrap();
        assert_eq!(place.visible(), [place.key("x")]);
    }
}

#[test]
fn a_version_is_replaced_only_by_who_knows_it() {
    let (payload, bytes) = of_bytes(b"second", vec![]);
    for place in each() {
        let first = put(place.sink(), "object", &of_bytes(b"first", vec![]).0).unwrap();
        let wrong = PutOptions::default().if_match("0123456789ABCDEF0123456789ABCDEF");
        let error = put_with(place.sink(), "object", &payload, &wrong).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed);
        assert_eq!(place.read("object").unwrap(), b"first");
        let right = PutOptions::default().if_match(first.etag.unwrap());
        put_with(place.sink(), "object", &payload, &right).unwrap();
        assert_eq!(place.read("object").unwrap(), bytes);
        let error = put_with(place.sink(), "object", &payload, &right).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Changed);
    }
}
