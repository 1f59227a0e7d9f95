//! Seeded corpora for the benchmarks.
