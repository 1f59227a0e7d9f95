//! Files that are far away are treated as if they were here.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use unlabel_core::{Cleaned, Engine, Layout, Limits, Proof, ReadAt, Result, Source, list};

use crate::corpus;

/// A file in memory that is read as if it were far away.
#[derive(Debug)]
struct Far {
    bytes: Bytes,
    read: AtomicU64,
}

impl ReadAt for Far {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, range: Range<u64>) -> Result<Bytes> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        Ok(self.bytes.slice(range.start as usize..range.end as usize))
    }
}

/// Everything that a caller can see of a result.
fn shown(result: Result<Cleaned>) -> (String, Option<Vec<u8>>) {
    match result {
        Ok(cleaned) => {
            let payload = cleaned.payload().map(|payload| {
                let mut bytes = Vec::new();
                payload.write_to(&mut bytes).unwrap();
                bytes
            });
            (format!("{:?}", cleaned.report()), payload)
        }
        Err(error) => (format!("{error:?}"), None),
    }
}

/// Lists and strips every file of the treated families twice, and compares.
#[test]
fn a_far_file_is_treated_as_a_near_one() {
    // A page at a time: most files of the corpus are shorter than what is fetched at once by default.
    let mut limits = Limits::default();
    limits.fetch_block = 4096;
    let mut shallow = limits.clone();
    shallow.inside_depth = 0;
    let (mut in_part, mut in_all) = (0, 0);
    for file in ["jpeg", "png", "ooxml", "pdf", "malformed"].iter().flat_map(|family| corpus::files(family)) {
        let bytes = Bytes::from(file.read());
        let far = Arc::new(Far { bytes: bytes.clone(), read: AtomicU64::new(0) });
        let name = format!("a.{}", file.extension());
        let near = || Source::from_bytes(bytes.clone()).with_name(&name);
        let remote = || Source::remote(Arc::<Far>::clone(&far)).with_name(&name);
        // Files inside are read whole where a package compresses them; how much else is read is what counts here.
        let listed = |source| format!("{:?}", list(&source, &shallow).map(|listing| listing.findings));
        assert_eq!(listed(remote()), listed(near()), "{}", file.path.display());
        let read = far.read.load(Ordering::Relaxed);
        if read < far.len() {
            in_part += 1;
        } else {
            in_all += 1;
        }

        for layout in [Layout::Preserve, Layout::Compact] {
            let builder = Engine::builder().all(true).label("*:*").layout(layout).proof(Proof::Structural);
            let engine = builder.allow_partial(true).limits(limits.clone()).build().unwrap();
            let (there, here) = (shown(engine.strip(remote())), shown(engine.strip(near())));
            assert!(there == here, "{} {layout:?}: {} is not {}", file.path.display(), there.0, here.0);
        }
    }
    println!("{in_part} files read in part, {in_all} whole");
    if cfg!(target_os = "linux") {
        assert!(in_part > 50, "only {in_part} files were read in part, {in_all} whole");
    }
}
