//! What is left when requests to OSS and COS go wrong: the whole object, or nothing, and no unfinished upload.

use std::time::{Duration, Instant};

use super::*;
use crate::proxy::{Fault, Head, Rule};

/// On both stores at once, since most of it is waiting.
fn on_each(test: impl Fn(InBucket) + Sync) {
    std::thread::scope(|scope| {
        for place in each() {
            scope.spawn(|| test(place));
        }
    });
}

/// A short time to wait for everything.
fn quick() -> Transfer {
    let mut transfer = transfer();
    transfer.first_wait = Duration::from_millis(5);
    (transfer.stall_timeout, transfer.attempts) = (Duration::from_secs(1), 3);
    transfer
}

fn is_put(head: &Head) -> bool {
    head.method() == "PUT"
}

fn is_completion(head: &Head) -> bool {
    head.method() == "POST" && head.query("uploadId").is_some()
}

fn is_copy(head: &Head) -> bool {
    head.header("x-oss-copy-source").or(head.header("x-cos-copy-source")).is_some()
}

/// Each of these once is not the end.
fn passing() -> Vec<Fault> {
    vec![
        Fault::Answer { status: 500, retry_after: None },
        Fault::Answer { status: 503, retry_after: None },
        Fault::AnswerEarly { status: 503 },
        Fault::Disconnect { after: 0 },
        Fault::Disconnect { after: 50 },
        Fault::LoseAnswer,
        Fault::FlipByte { at: 70 },
        Fault::Stall,
    ]
}

#[test]
fn what_goes_wrong_once_is_mended() {
    let (short, short_bytes) = of_bytes(&noise(300_000), vec![]);
    let (long, long_bytes) = of_bytes(&noise(6 << 20), vec![]);
    let strikes = [
        (&short, &short_bytes, is_put as fn(&Head) -> bool),
        (&long, &long_bytes, is_put),
        (&long, &long_bytes, is_completion),
    ];
    on_each(|place| {
        for (payload, bytes, applies) in strikes {
            for fault in passing() {
                let proxy = Proxy::to(&place.oracle.endpoint_url);
                proxy.add(Rule::new(fault.clone()).when(applies).times(1));
                // A lost answer must not look like somebody else's object.
                let receipt = create(&place.by(&proxy, quick()), "object", payload);
                let receipt = receipt.unwrap_or_else(|error| panic!("{}: {fault:?}: {error}", place.sink()));
                assert_eq!(receipt.attempts, 2, "{fault:?}");
                assert!(place.read("object").unwrap() == *bytes, "{}: {fault:?}: another object", place.sink());
                assert_eq!(place.visible(), [place.key("object")], "{fault:?}");
                runtime().block_on(place.sink.delete(&place.key("object"))).unwrap();
            }
        }
    });
}

#[test]
fn what_goes_wrong_for_good_leaves_nothing() {
    let (payload, _) = of_bytes(&noise(6 << 20), vec![]);
    on_each(|place| {
        for (fault, applies, kind) in [
            (Fault::Answer { status: 503, retry_after: None }, is_put as fn(&Head) -> bool, ErrorKind::Unavailable),
            (Fault::Answer { status: 403, retry_after: None }, is_put, ErrorKind::Denied),
            (Fault::Disconnect { after: 100_000 }, is_put, ErrorKind::Network),
            (Fault::FlipByte { at: 1_000 }, is_put, ErrorKind::Checksum),
            (Fault::Stall, is_put, ErrorKind::Timeout),
            (Fault::Answer { status: 503, retry_after: None }, is_completion, ErrorKind::Unavailable),
        ] {
            let proxy = Proxy::to(&place.oracle.endpoint_url);
            proxy.add(Rule::new(fault.clone()).when(applies));
            let sink = place.by(&proxy, quick());
            let error = put(&sink, "object", &payload).unwrap_err();
            assert_eq!(error.kind(), kind, "{}: {fault:?}: {error}", place.sink());
            assert_eq!(place.visible(), Vec::<String>::new(), "{}: {fault:?}", place.sink());
        }
    });
}

#[test]
fn copies_that_fail_are_made_again_or_sent() {
    let original = noise(12 << 20);
    let edits = vec![Edit::delete(100..164)];
    let (_, expected) = of_bytes(&original, edits.clone());
    for place in each() {
        put(place.sink(), "original", &of_bytes(&original, vec![]).0).unwrap();
        for (fault, times, is_sent) in [
            (Fault::LoseAnswer, 1, false),
            (Fault::TruncateAnswer { after: 30 }, 1, false),
            (Fault::Answer { status: 503, retry_after: None }, 1, false),
            (Fault::Answer { status: 501, retry_after: None }, usize::MAX, true),
            (Fault::Answer { status: 403, retry_after: None }, usize::MAX, true),
        ] {
            let proxy = Proxy::to(&place.oracle.endpoint_url);
            proxy.add(Rule::new(fault.clone()).when(is_copy).times(times));
            let sink = place.by(&proxy, quick());
            let (source, reader) = runtime().block_on(sink.open(&place.key("original"))).unwrap();
            let plan = unlabel_core::Plan::new(edits.clone(), original.len() as u64).unwrap();
            let payload = unlabel_core::Payload::new(source, plan);
            let options = PutOptions::default().copy_from(reader.object_ref());
            let receipt = put_with(&sink, "copy", &payload, &options).unwrap();
            assert!(place.read("copy").unwrap() == expected, "{fault:?}");
            assert_eq!(receipt.bytes_written == expected.len() as u64, is_sent, "{fault:?}");
            assert!(is_sent || proxy.counts().total() < 4 << 20, "{fault:?}: {:?}", proxy.counts());
            assert_eq!(place.visible(), [place.key("copy"), place.key("original")], "{fault:?}");
        }
    }
}

#[test]
fn a_delivery_that_is_given_up_is_cleaned_up() {
    let (payload, _) = of_bytes(&noise(6 << 20), vec![]);
    for place in each() {
        let proxy = Proxy::to(&place.oracle.endpoint_url);
        proxy.add(Rule::new(Fault::Stall).when(is_put).after(2));
        let (sink, options) = (place.by(&proxy, quick()), PutOptions::default());
        runtime().block_on(async {
            let delivery = sink.put("object", &payload, &options);
            tokio::time::timeout(Duration::from_millis(500), delivery).await.unwrap_err();
        });
        let begin = Instant::now();
        while !place.visible().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", place.visible());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}
