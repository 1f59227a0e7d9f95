//! What does it cost to plan the removal of one label, once the file is surveyed?
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use unlabel_benches::{KEY, VALUE, samples};
use unlabel_core::{Layout, Limits, Needles, Removal, detect};

fn plan(c: &mut Criterion) {
    let limits = Limits::default();
    let needles = Needles::new([(KEY, Some(KEY), Some(VALUE))]);
    for (name, layout) in [("plan preserve", Layout::Preserve), ("plan compact", Layout::Compact)] {
        let mut group = c.benchmark_group(name);
        for sample in samples() {
            let input = sample.bytes.as_slice();
            let Some(survey) = detect(input, None).and_then(|format| format.survey(input, &limits).ok()) else {
                continue;
            };
            let sites = survey.findings().sites.iter().enumerate();
            let chosen: Vec<usize> = sites.filter(|(_, site)| site.key == KEY).map(|(index, _)| index).collect();
            group.throughput(Throughput::Bytes(input.len() as u64));
            group.bench_function(sample.name, |b| {
                b.iter(|| survey.plan(&Removal::new(black_box(&chosen), &needles), layout));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, plan);
criterion_main!(benches);
