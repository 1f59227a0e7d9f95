//! What every sink promises, tried on every sink; and what the file sink keeps.
#![allow(clippy::unwrap_used, clippy::panic, reason = "in a test a panic is the answer")]

#[cfg(any(feature = "oss", feature = "cos"))]
mod buckets;
mod contract;
#[cfg(feature = "client")]
mod faults;
#[cfg(unix)]
mod file;
#[cfg(feature = "http")]
mod http;
mod places;
mod proxy;
#[cfg(all(feature = "s3", feature = "swift"))]
mod s3;
mod services;
#[cfg(feature = "swift")]
mod swift;

use std::path::Path;
use std::sync::LazyLock;

use tokio::runtime::Runtime;
use unlabel_core::{Edit, Payload, Plan, Source};
use unlabel_sinks::{PutOptions, Receipt, Result, Sink};

/// Where the sinks across a network run. The others do not mind.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    &RUNTIME
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

fn put(sink: &dyn Sink, name: &str, payload: &Payload) -> Result<Receipt> {
    put_with(sink, name, payload, &PutOptions::default())
}

fn create(sink: &dyn Sink, name: &str, payload: &Payload) -> Result<Receipt> {
    put_with(sink, name, payload, &PutOptions::default().create_only(true))
}

fn put_with(sink: &dyn Sink, name: &str, payload: &Payload, options: &PutOptions) -> Result<Receipt> {
    wait(sink.put(name, payload, options))
}

/// Bytes without a pattern that a wrong offset would keep.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_be_bytes()[0]
        })
        .collect()
}

/// The payload of `edits` on a file at `path` that holds `bytes`, and the result as the plan alone gives it.
fn of_file(path: &Path, bytes: &[u8], edits: Vec<Edit>) -> (Payload, Vec<u8>) {
    std::fs::write(path, bytes).unwrap();
    planned(Source::open(path).unwrap(), edits)
}

fn of_bytes(bytes: &[u8], edits: Vec<Edit>) -> (Payload, Vec<u8>) {
    planned(Source::from_bytes(bytes.to_vec()), edits)
}

fn planned(source: Source, edits: Vec<Edit>) -> (Payload, Vec<u8>) {
    let plan = Plan::new(edits, source.len()).unwrap();
    let result = plan.apply(source.bytes()).unwrap();
    (Payload::new(source, plan), result)
}
