//! What goes over the wire, against a server that answers as it is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;

use unlabel_core::{Payload, Plan, Source};

use super::*;
use crate::cos::Tencent;
use crate::oss::Alibaba;
use crate::remote::{Condition, Digest, Objects, Part, PartTag, Store, Upload};
use crate::{Attributes, ObjectRef, PutOptions, Sink};

/// One request as it came: its head, and its body.
type Heard = (String, Vec<u8>);

/// Answers one request after another, each on a connection of its own. An empty answer is a broken connection.
fn server(answers: Vec<String>) -> (SocketAddr, mpsc::Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let (connection, _) = listener.accept().unwrap();
            sender.send(serve(connection, &answer)).unwrap();
        }
    });
    (address, receiver)
}

fn serve(mut connection: TcpStream, answer: &str) -> Heard {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let (mut head, mut len) = (String::new(), 0);
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        let line = String::from_utf8(line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            len = value.trim().parse().unwrap();
        }
        if line == "\r\n" || line.is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body).unwrap();
    connection.write_all(answer.as_bytes()).unwrap();
    (head, body)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len}\r\n{headers}\r\n{body}")
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(future)
}

fn bucket<V: Vendor>(endpoint: &str) -> Bucket<V> {
    let config = BucketConfig {
        bucket: "tests".into(),
        region: "cn-hangzhou".into(),
        endpoint_url: Some(endpoint.parse().unwrap()),
        keys: Keys::new("AKEXAMPLE", "SKEXAMPLE"),
    };
    Bucket::new(config, &Transfer::default()).unwrap()
}

fn upload() -> Upload {
    Upload { key: "k".into(), id: "7".into() }
}

/// The error of one request that is answered so.
fn error_of<V: Vendor, T: fmt::Debug>(answer: String, request: impl AsyncFnOnce(&Bucket<V>) -> Result<T>) -> Error {
    let (address, _received) = server(vec![answer]);
    let bucket = bucket::<V>(&format!("http://{address}"));
    run(request(&bucket)).unwrap_err()
}

#[test]
fn a_bucket_is_asked_by_its_host() {
    let (address, received) = server(vec![answer("200 OK", "ETag: \"25F9\"\r\nx-oss-hash-crc64ecma: 7\r\n", "")]);
    let mut bucket: Bucket<Alibaba> = bucket(&format!("http://store.example.test:{}", address.port()));
    let host = format!("tests.store.example.test:{}", address.port());
    bucket.client =
        reqwest::Client::builder().resolve("tests.store.example.test", address).no_proxy().build().unwrap().into();

    let payload = Payload::new(Source::from_bytes("123456789"), Plan::identity(9));
    let part = Part::whole(&payload);
    let stored = run(async {
        part.digest(&[Digest::Md5, Digest::Crc64]).await.unwrap();
        bucket.put("a b/%41?.txt", &part, &Attributes::default(), &Condition::Absent).await.unwrap()
    });
    assert_eq!((stored.etag.as_deref(), stored.crc64), (Some("25F9"), Some(7)));

    let (head, body) = received.recv().unwrap();
    assert_eq!(body, b"123456789");
    assert!(head.starts_with("PUT /a%20b/%2541%3F.txt HTTP/1.1\r\n"), "{head}");
    let head = head.to_ascii_lowercase();
    for line in [
        format!("host: {host}"),
        "content-length: 9".into(),
        "content-md5: jfnnldi7rtif9rgfg2jncw==".into(),
        "x-oss-forbid-overwrite: true".into(),
        "x-oss-content-sha256: unsigned-payload".into(),
    ] {
        assert_eq!(head.matches(&format!("{line}\r\n")).count(), 1, "{line} in {head}");
    }
    assert_eq!(head.matches("content-length:").count(), 1);
    assert!(!head.contains("transfer-encoding"), "{head}");
}

#[test]
fn a_condition_that_the_store_does_not_know_makes_no_request() {
    let bucket = bucket::<Alibaba>("http://127.0.0.1:1");
    let condition = Condition::Matches("x".into());
    let part = Part::whole(&Payload::new(Source::from_bytes("x"), Plan::identity(1)));
    let error = run(bucket.put("k", &part, &Attributes::default(), &condition)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

/// COS begins to answer while it still puts the parts together.
#[test]
fn an_error_after_a_good_beginning_is_an_error() {
    let late = "\n \n<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>later</Message></Error>";
    let complete = async |bucket: &Bucket<Tencent>| {
        let parts = [PartTag { number: 1, etag: "A".into(), len: 1, key: None }];
        bucket.complete(&upload(), &parts, &Attributes::default(), &Condition::None).await
    };
    let error = error_of(answer("200 OK", "", late), complete);
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().ends_with("(InternalError: later)"), "{error}");
    for cut in ["", " \n ", "<CompleteMultipart", "<html/>"] {
        let error = error_of(answer("200 OK", "", cut), complete);
        assert_eq!(error.kind(), ErrorKind::Network, "{cut:?}: {error}");
    }
}

#[test]
fn refusals_are_what_they_mean_where_they_come() {
    let refused = |status: &str, code: &str| {
        answer(status, "Retry-After: 7\r\n", &format!("<Error><Code>{code}</Code><Message>m</Message></Error>"))
    };
    let part = Part::whole(&Payload::new(Source::from_bytes("x"), Plan::identity(1)));
    let put = async |bucket: &Bucket<Tencent>| bucket.put("k", &part, &Attributes::default(), &Condition::Absent).await;
    assert_eq!(error_of(refused("409 Conflict", "FileAlreadyExists"), put).kind(), ErrorKind::Exists);
    assert_eq!(error_of(refused("412 Precondition Failed", "PreconditionFailed"), put).kind(), ErrorKind::Exists);
    let busy = error_of(refused("503 Service Unavailable", "SlowDown"), put);
    assert_eq!((busy.kind(), busy.retry_after()), (ErrorKind::Unavailable, Some(std::time::Duration::from_secs(7))));

    let from = ObjectRef { store: String::new(), bucket: "tests".into(), key: "k".into(), etag: "A".into(), len: 9 };
    let copy = async |bucket: &Bucket<Tencent>| bucket.copy_part(&upload(), 1, &from, 0..9).await;
    assert_eq!(error_of(refused("404 Not Found", "NoSuchKey"), copy).kind(), ErrorKind::Changed);
    assert_eq!(error_of(refused("404 Not Found", "NoSuchUpload"), copy).kind(), ErrorKind::NotFound);
    assert_eq!(error_of(refused("412 Precondition Failed", "PreconditionFailed"), copy).kind(), ErrorKind::Changed);
}

#[test]
fn what_is_gone_is_removed_but_not_from_a_bucket_that_is_not_there() {
    let missing = |code: &str| answer("404 Not Found", "", &format!("<Error><Code>{code}</Code></Error>"));
    for (code, is_done) in [("NoSuchKey", true), ("NoSuchUpload", true), ("NoSuchBucket", false)] {
        let (address, _received) = server(vec![missing(code), missing(code)]);
        let bucket = bucket::<Alibaba>(&format!("http://{address}"));
        assert_eq!(run(bucket.delete("k")).is_ok(), is_done, "{code}");
        assert_eq!(run(bucket.abort(&upload())).is_ok(), is_done, "{code}");
    }
}

#[test]
fn only_the_asked_range_of_the_asked_version_is_taken() {
    let read = async |bucket: &Bucket<Alibaba>| bucket.read("k", 2..5, "A").await;
    let answered = |status: &str, range: &str, etag: &str, body: &str| {
        answer(status, &format!("ETag: \"{etag}\"\r\n{range}"), body)
    };
    let range = "Content-Range: bytes 2-4/9\r\n";
    let (address, received) = server(vec![answered("206 Partial Content", range, "A", "345")]);
    assert_eq!(run(read(&bucket(&format!("http://{address}")))).unwrap(), "345");
    let (head, _) = received.recv().unwrap();
    assert!(head.contains("range: bytes=2-4\r\n") && head.contains("if-match: \"A\"\r\n"), "{head}");

    for (answer, kind) in [
        (answered("206 Partial Content", range, "B", "345"), ErrorKind::Changed),
        (answered("200 OK", "", "A", "123456789"), ErrorKind::Rejected),
        (answered("206 Partial Content", "Content-Range: bytes 0-2/9\r\n", "A", "123"), ErrorKind::Rejected),
        (answered("206 Partial Content", range, "A", "3456789"), ErrorKind::Rejected),
        (answer("412 Precondition Failed", "", ""), ErrorKind::Changed),
        (answer("304 Not Modified", "", ""), ErrorKind::Rejected),
    ] {
        let error = error_of(answer.clone(), read);
        assert_eq!(error.kind(), kind, "{answer}: {error}");
    }
}

#[test]
fn a_part_that_arrived_as_another_is_sent_again() {
    let payload = Payload::new(Source::from_bytes("123456789"), Plan::identity(9));
    let error = error_of(
        answer("200 OK", "ETag: \"A\"\r\nx-oss-hash-crc64ecma: 1\r\n", ""),
        async |bucket: &Bucket<Alibaba>| {
            let part = Part::whole(&payload);
            part.digest(&[Digest::Md5, Digest::Crc64]).await?;
            bucket.put_part(&upload(), 1, &part).await
        },
    );
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Checksum, true));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = answer("307 Temporary Redirect", "Location: http://127.0.0.1:1/elsewhere\r\n", "");
    let error = error_of(elsewhere, async |bucket: &Bucket<Alibaba>| bucket.head("k").await);
    assert_eq!(error.kind(), ErrorKind::Rejected, "{error}");
}

/// Sends 250 KiB in two parts, to a store that answers their completion and what follows as told, and says what it received
/// after the parts.
fn in_parts(answers: Vec<String>) -> (Result<crate::Receipt>, Vec<String>) {
    let begun = "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>";
    let part = answer("200 OK", "ETag: \"A\"\r\n", "");
    let mut all = vec![answer("200 OK", "", begun), part.clone(), part];
    all.extend(answers);
    let (address, received) = server(all);
    let mut transfer = Transfer { first_wait: std::time::Duration::ZERO, parts_in_flight: 1, ..Transfer::default() };
    (transfer.multipart_from, transfer.part_size) = (1, 100 << 10);
    let store = std::sync::Arc::new(bucket::<Alibaba>(&format!("http://{address}")));
    let sink = Objects::under(store, "", transfer);
    let payload = Payload::new(Source::from_bytes(LONG), Plan::identity(LONG.len() as u64));
    let receipt = run(sink.put("k", &payload, &PutOptions::default()));
    let line = |(head, _): Heard| head.lines().next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
    (receipt, received.iter().skip(3).map(line).collect())
}

const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>B</ETag></CompleteMultipartUploadResult>";

const LONG: &[u8] = &[7; 250 << 10];

/// What the store says of an object of that length.
fn head(crc64: u64) -> String {
    let len = LONG.len();
    format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len}\r\nETag: \"B\"\r\nx-oss-hash-crc64ecma: {crc64}\r\n\r\n"
    )
}

fn is_gone() -> String {
    answer("404 Not Found", "", "<Error><Code>NoSuchUpload</Code></Error>")
}

/// The store put the parts together, but its answer was lost, and the second attempt finds no upload.
#[test]
fn an_object_whose_completion_was_not_heard_of_is_known_by_its_checksum() {
    let ours = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, LONG);
    let complete = "POST /tests/k?uploadId=7";
    let (receipt, received) = in_parts(vec![String::new(), is_gone(), head(ours)]);
    assert_eq!(receipt.unwrap().etag.as_deref(), Some("B"));
    assert_eq!(received, [complete, complete, "HEAD /tests/k"]);

    // Somebody else's object of the same length.
    let gone = answer("404 Not Found", "", "");
    let (receipt, received) = in_parts(vec![String::new(), is_gone(), head(ours ^ 1), gone]);
    assert_eq!(receipt.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(received, [complete, complete, "HEAD /tests/k", "DELETE /tests/k?uploadId=7"]);
}

#[test]
fn an_object_of_parts_that_is_another_is_withdrawn() {
    let done = |etag: &str| answer("200 OK", "", &COMPLETED.replace(">B<", &format!(">{etag}<")));
    let removed = answer("204 No Content", "", "");
    let (receipt, received) = in_parts(vec![done("B"), head(1), removed.clone(), removed]);
    assert_eq!(receipt.unwrap_err().kind(), ErrorKind::Checksum);
    assert_eq!(received[1..], ["HEAD /tests/k", "DELETE /tests/k", "DELETE /tests/k?uploadId=7"]);

    // The completion says that all is well: nothing is left to ask.
    let ours = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Xz, LONG);
    let whole = answer("200 OK", &format!("x-oss-hash-crc64ecma: {ours}\r\n"), COMPLETED);
    let (receipt, received) = in_parts(vec![whole]);
    assert_eq!((receipt.unwrap().etag.as_deref(), received.len()), (Some("B"), 1));

    // What somebody else has put there meanwhile stays, even where ours was another.
    let (receipt, received) =
        in_parts(vec![answer("200 OK", "x-oss-hash-crc64ecma: 3\r\n", &COMPLETED.replace(">B", ">A")), head(3)]);
    assert_eq!(receipt.unwrap().etag.as_deref(), Some("A"));
    assert_eq!(received[1..], ["HEAD /tests/k"]);
    let (receipt, received) = in_parts(vec![done("A"), head(1)]);
    assert_eq!(receipt.unwrap().etag.as_deref(), Some("A"));
    assert_eq!(received[1..], ["HEAD /tests/k"]);
}
