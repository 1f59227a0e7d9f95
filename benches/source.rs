//! From which size on is a map cheaper than reading? Below [`MAP_FROM`] both ways read, so their times agree; from
//! there on `open` maps. Each way is measured touching head and tail only, as a survey does, and touching every page,
//! as a full proof does.
#![allow(missing_docs, reason = "criterion's macros make public items")]

use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use unlabel_core::{Limits, MAP_FROM, Source};

const PAGE: usize = 4096;

fn head_and_tail(bytes: &[u8]) -> u64 {
    let head = bytes.iter().take(2 * PAGE);
    let tail = bytes.iter().rev().take(2 * PAGE);
    head.chain(tail).map(|&byte| u64::from(byte)).sum()
}

fn every_page(bytes: &[u8]) -> u64 {
    bytes.iter().step_by(PAGE).map(|&byte| u64::from(byte)).sum()
}

fn opened(path: &Path, look: fn(&[u8]) -> u64) -> u64 {
    Source::open(path).map_or(0, |source| look(source.bytes()))
}

fn read(path: &Path, look: fn(&[u8]) -> u64) -> u64 {
    let source = File::open(path).ok().and_then(|file| Source::read_from(file, &Limits::default()).ok());
    source.map_or(0, |source| look(source.bytes()))
}

type Look = fn(&[u8]) -> u64;
type Way = fn(&Path, Look) -> u64;

fn source(c: &mut Criterion) {
    let ways: [(&str, Way); 2] = [("open", opened), ("read", read)];
    let looks: [(&str, Look); 2] = [("head and tail", head_and_tail), ("every page", every_page)];
    for (look_name, look) in looks {
        let mut group = c.benchmark_group(format!("source, {look_name}"));
        for size in [16 << 10, MAP_FROM / 2, MAP_FROM, 4 * MAP_FROM, 32 * MAP_FROM] {
            let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
            if file.write_all(&vec![7; size as usize]).is_err() {
                return;
            }
            group.throughput(Throughput::Bytes(size));
            for (way_name, way) in ways {
                let id = BenchmarkId::new(way_name, format!("{} KiB", size >> 10));
                group.bench_with_input(id, file.path(), |b, path| b.iter(|| way(black_box(path), look)));
            }
        }
        group.finish();
    }
}

criterion_group!(benches, source);
criterion_main!(benches);
