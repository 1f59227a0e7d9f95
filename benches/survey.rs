//! What does it cost to find every label of a file?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unlabel_benches::samples;
use unlabel_core::{Limits, detect};

fn survey(c: &mut Criterion) {
    let mut group = c.benchmark_group("survey");
    let limits = Limits::default();
    for sample in samples() {
        group.throughput(Throughput::Bytes(sample.bytes.len() as u64));
        group.bench_function(sample.name, |b| {
            b.iter(|| {
                let input = black_box(sample.bytes.as_slice());
                let survey = detect(input, None).and_then(|format| format.survey(input, &limits).ok());
                survey.map(|survey| survey.findings().sites.len())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, survey);
criterion_main!(benches);
