//! What does it cost to read the cleaned bytes out, once they are planned?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;
use std::io::sink;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unlabel_benches::{KEY, samples};
use unlabel_core::{Engine, Layout, Source};

fn payload(c: &mut Criterion) {
    for (name, layout) in [("payload preserve", Layout::Preserve), ("payload compact", Layout::Compact)] {
        let Ok(engine) = Engine::builder().label(KEY).layout(layout).build() else { return };
        let mut group = c.benchmark_group(name);
        for sample in samples() {
            let source = Source::from_bytes(sample.bytes).with_name(sample.file);
            let Some(payload) = engine.strip(source).ok().and_then(|cleaned| cleaned.payload().cloned()) else {
                continue;
            };
            group.throughput(Throughput::Bytes(payload.len()));
            group.bench_function(format!("{} chunks", sample.name), |b| {
                b.iter(|| payload.chunks().map(|chunk| black_box(chunk).map_or(0, |chunk| chunk.len())).sum::<usize>());
            });
            group.bench_function(format!("{} write", sample.name), |b| {
                b.iter(|| payload.write_to(&mut black_box(sink())));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, payload);
criterion_main!(benches);
