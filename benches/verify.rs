//! What does a whole strip cost, and how much of it is the proof?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unlabel_benches::{KEY, samples};
use unlabel_core::{Engine, Proof, Source};

fn verify(c: &mut Criterion) {
    for proof in [Proof::Structural, Proof::Full] {
        let Ok(engine) = Engine::builder().label(KEY).proof(proof).build() else { return };
        let mut group = c.benchmark_group(format!("strip, {} proof", proof.name()));
        for sample in samples() {
            let source = Source::from_bytes(sample.bytes.clone()).with_name(sample.file);
            group.throughput(Throughput::Bytes(source.len()));
            group.bench_function(sample.name, |b| b.iter(|| engine.strip(black_box(source.clone()))));
        }
        group.finish();
    }
}

criterion_group!(benches, verify);
criterion_main!(benches);
