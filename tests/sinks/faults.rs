//! What must hold when things go wrong on the way: real servers behind a proxy that fails on demand.
//!
//! After every failure the destination is as it was: nothing new is visible, no part is left, and an older object is
//! unchanged.

use std::time::{Duration, Instant};

use unlabel_core::{Edit, Payload};
use unlabel_sinks::remote::Transfer;
use unlabel_sinks::{Error, ErrorKind, PutOptions};

use crate::places::Place;
use crate::proxy::{Fault, Head, Proxy, Rule};
use crate::{noise, of_bytes, put, runtime};

/// A place across a network, reached through a proxy.
pub(crate) struct Remote {
    pub(crate) name: &'static str,
    /// Before the proxy, through which it is cleaned up.
    pub(crate) place: Box<dyn Place>,
    pub(crate) proxy: Proxy,
    /// Whether long objects go in parts.
    pub(crate) has_parts: bool,
    /// Whether a damaged byte is noticed.
    pub(crate) has_checksum: bool,
}

/// Makes a place whose requests go to the server by way of the proxy.
pub(crate) type Make = fn(Transfer) -> Remote;

fn makers() -> Vec<Make> {
    let mut makers: Vec<Make> = Vec::new();
    #[cfg(any(feature = "oss", feature = "cos"))]
    makers.extend(crate::buckets::REMOTES);
    #[cfg(feature = "http")]
    makers.extend(crate::http::REMOTES);
    #[cfg(feature = "swift")]
    makers.extend(crate::swift::REMOTES);
    #[cfg(all(feature = "s3", feature = "swift"))]
    makers.extend(crate::s3::REMOTES);
    makers
}

/// Gives up soon, and sends in parts what is longer than 6 MiB: of 5 MiB, the least that S3 takes.
fn impatient() -> Transfer {
    let mut transfer = Transfer::default();
    transfer.attempts = 3;
    transfer.first_wait = Duration::from_millis(20);
    transfer.stall_timeout = Duration::from_secs(5);
    (transfer.multipart_from, transfer.part_size) = (6 << 20, 5 << 20);
    transfer
}

/// Tries something on every place at once, each with an older object.
fn on_each(transfer: &Transfer, test: impl Fn(&Remote) + Sync) {
    let makers = makers();
    std::thread::scope(|scope| {
        let runs: Vec<_> = makers
            .iter()
            .map(|make| {
                let (transfer, test) = (transfer.clone(), &test);
                scope.spawn(move || {
                    let remote = make(transfer);
                    put(remote.place.sink(), "object", &of_bytes(b"the old object", vec![]).0).unwrap();
                    remote.place.read("object");
                    test(&remote);
                    remote.name
                })
            })
            .collect();
        let failed = runs.into_iter().filter_map(|run| run.join().err()).count();
        assert_eq!(failed, 0, "of {} places", makers.len());
    });
}

/// One that goes by one request everywhere, and one that goes in parts where there are parts.
fn payloads() -> [(Payload, Vec<u8>); 2] {
    [2 << 20, 17 << 20].map(|len| of_bytes(&noise(len), vec![Edit::delete(100..1_100)]))
}

/// Requests that carry bytes of the object.
fn carries_bytes(head: &Head) -> bool {
    head.header("content-length").and_then(|length| length.parse().ok()).is_some_and(|length: u64| length > 1 << 20)
}

/// Requests that change something. Not those that begin an upload of S3: where the answer is lost, nobody knows its name,
/// and it stays.
fn writes(head: &Head) -> bool {
    matches!(head.method(), "PUT" | "POST") && head.query("uploads").is_none()
}

/// Requests that make an object of its parts.
fn completes(head: &Head) -> bool {
    writes(head) && !carries_bytes(head)
}

/// The place is as it was, at once or in a moment.
fn assert_unharmed(remote: &Remote, before: &[String], old: Option<&[u8]>) {
    let began = Instant::now();
    while remote.place.visible() != before {
        let visible = remote.place.visible();
        assert!(began.elapsed() < Duration::from_secs(15), "{}: {visible:?} is visible", remote.name);
        std::thread::sleep(Duration::from_millis(100));
    }
    if remote.place.has_objects() {
        assert_eq!(remote.place.read("object").as_deref(), old, "{}: the old object is another", remote.name);
    }
}

/// Sends what cannot arrive.
fn fails(remote: &Remote, payload: &Payload) -> Error {
    let (before, old) = (remote.place.visible(), remote.place.read("object"));
    let error = put(remote.place.sink(), "object", payload).map(drop).unwrap_err();
    remote.proxy.clear();
    remote.proxy.revive();
    assert_unharmed(remote, &before, old.as_deref());
    error
}

/// Sends what arrives in the end.
fn succeeds(remote: &Remote, payload: &Payload, expected: &[u8]) -> unlabel_sinks::Receipt {
    let receipt = put(remote.place.sink(), "object", payload)
        .unwrap_or_else(|error| panic!("{}: {error} ({:?})", remote.name, error.kind()));
    remote.proxy.clear();
    assert!(remote.place.read("object").as_deref() == Some(expected), "{}: something else arrived", remote.name);
    if remote.place.has_objects() {
        assert_eq!(remote.place.visible().len(), 1, "{}: {:?}", remote.name, remote.place.visible());
    }
    receipt
}

#[test]
fn a_connection_that_breaks_once_is_made_again() {
    on_each(&impatient(), |remote| {
        for (payload, expected) in payloads() {
            remote.proxy.add(Rule::new(Fault::Disconnect { after: 300_000 }).when(carries_bytes).times(1));
            assert_eq!(succeeds(remote, &payload, &expected).attempts, 2, "{}", remote.name);
        }
    });
}

#[test]
fn a_connection_that_always_breaks_is_given_up() {
    on_each(&impatient(), |remote| {
        for (payload, _) in payloads() {
            remote.proxy.add(Rule::new(Fault::Disconnect { after: 300_000 }).when(carries_bytes));
            let error = fails(remote, &payload);
            assert_eq!(error.kind(), ErrorKind::Network, "{}: {error}", remote.name);
        }
    });
}

#[test]
fn a_server_that_dies_leaves_nothing_behind() {
    on_each(&impatient(), |remote| {
        for (payload, _) in payloads() {
            remote.proxy.add(Rule::new(Fault::Kill { after: 700_000 }).when(carries_bytes).times(1));
            let error = fails(remote, &payload);
            assert_eq!(error.kind(), ErrorKind::Network, "{}: {error}", remote.name);
        }
    });
}

#[test]
fn a_busy_server_is_waited_for_as_it_asks() {
    on_each(&impatient(), |remote| {
        for ((payload, expected), status) in payloads().into_iter().zip([503, 429]) {
            remote.proxy.add(Rule::new(Fault::Answer { status, retry_after: Some(1) }).when(carries_bytes).times(1));
            let began = Instant::now();
            assert_eq!(succeeds(remote, &payload, &expected).attempts, 2, "{}: {status}", remote.name);
            assert!(began.elapsed() >= Duration::from_secs(1), "{}: {:?}", remote.name, began.elapsed());
        }
    });
}

#[test]
fn a_server_that_always_fails_is_given_up() {
    on_each(&impatient(), |remote| {
        for ((payload, _), status) in payloads().into_iter().zip([500, 503]) {
            remote.proxy.add(Rule::new(Fault::Answer { status, retry_after: None }).when(carries_bytes));
            let error = fails(remote, &payload);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{}: {error}", remote.name);
        }
    });
}

#[test]
fn an_answer_that_is_lost_does_not_lose_the_object() {
    on_each(&impatient(), |remote| {
        for (payload, expected) in payloads() {
            for fault in [Fault::LoseAnswer, Fault::TruncateAnswer { after: 7 }] {
                for which in [writes, completes] {
                    remote.proxy.add(Rule::new(fault.clone()).when(which).times(1));
                    succeeds(remote, &payload, &expected);
                }
            }
        }
    });
}

#[test]
fn a_damaged_byte_is_never_visible() {
    on_each(&impatient(), |remote| {
        if !remote.has_checksum {
            return;
        }
        for (payload, expected) in payloads() {
            let flip = || Rule::new(Fault::FlipByte { at: 5_000 }).when(carries_bytes);
            remote.proxy.add(flip().times(1));
            assert_eq!(succeeds(remote, &payload, &expected).attempts, 2, "{}", remote.name);
            remote.proxy.add(flip());
            let error = fails(remote, &payload);
            assert_eq!(error.kind(), ErrorKind::Checksum, "{}: {error}", remote.name);
        }
    });
}

#[test]
fn a_silent_server_is_given_up() {
    let mut transfer = impatient();
    (transfer.attempts, transfer.stall_timeout) = (2, Duration::from_millis(1500));
    on_each(&transfer, |remote| {
        for (payload, _) in payloads() {
            remote.proxy.add(Rule::new(Fault::Stall).when(carries_bytes));
            let began = Instant::now();
            let error = fails(remote, &payload);
            assert_eq!(error.kind(), ErrorKind::Timeout, "{}: {error}", remote.name);
            assert!(began.elapsed() < Duration::from_secs(20), "{}: {:?}", remote.name, began.elapsed());
        }
    });
}

/// A connection holds a few MiB that count as sent: a server must take as much within the patience.
#[test]
fn a_slow_server_that_moves_is_not_given_up() {
    let mut transfer = impatient();
    (transfer.attempts, transfer.multipart_from) = (1, 64 << 20);
    transfer.stall_timeout = Duration::from_secs(8);
    on_each(&transfer, |remote| {
        let (payload, expected) = of_bytes(&noise(13 << 20), vec![Edit::delete(100..1_100)]);
        remote.proxy.add(Rule::new(Fault::Throttle { bytes_per_second: 5 << 18 }).when(carries_bytes));
        let began = Instant::now();
        assert_eq!(succeeds(remote, &payload, &expected).attempts, 1);
        assert!(began.elapsed() > transfer.stall_timeout, "{}: {:?}", remote.name, began.elapsed());
    });
}

/// A connection holds a few MiB, which arrive also when nobody waits any more: what is short is gone before it can be
/// taken back. So the one object is long, and the other one has parts.
#[test]
fn a_delivery_that_is_dropped_half_way_leaves_nothing() {
    let mut at_once = impatient();
    at_once.multipart_from = 64 << 20;
    let payload = of_bytes(&noise(32 << 20), vec![]).0;
    on_each(&at_once, |remote| drop_half_way(remote, &payload));
    on_each(&impatient(), |remote| {
        if remote.has_parts {
            drop_half_way(remote, &payload);
        }
    });
}

fn drop_half_way(remote: &Remote, payload: &Payload) {
    let (before, old) = (remote.place.visible(), remote.place.read("object"));
    remote.proxy.add(Rule::new(Fault::Throttle { bytes_per_second: 1 << 20 }).when(carries_bytes));
    let start = remote.proxy.counts().from_client;
    runtime().block_on(async {
        let options = PutOptions::default();
        let delivery = remote.place.sink().put("object", payload, &options);
        let moved = async {
            while remote.proxy.counts().from_client < start + 1_500_000 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            _ = delivery => panic!("{}: it was not slow", remote.name),
            () = moved => {}
        }
    });
    assert_unharmed(remote, &before, old.as_deref());
    remote.proxy.clear();
    // Nor later.
    std::thread::sleep(Duration::from_secs(3));
    assert_unharmed(remote, &before, old.as_deref());
}
