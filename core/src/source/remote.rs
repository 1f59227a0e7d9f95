//! Objects that are far away: which ranges of them a survey looks at, and fetching those.
//!
//! Formats see one slice. Of a remote object that slice is anonymous memory of the object's length, filled where bytes
//! were fetched and all zeros elsewhere. After a round of work the kernel is asked which pages were touched: pages that
//! were touched and not filled are fetched, and the round is done again, until a round touches nothing unknown. So no
//! result rests on a byte that was not fetched, and no format needs to know.
//!
//! Where the kernel cannot tell (other systems than Linux), or where a round looks at much of the object, the object is
//! fetched whole.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use memmap2::{Mmap, MmapMut, MmapOptions};

use super::{Access, Data, Identity, OpenFile, REMOTE_PIECE, Source, View, map};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;

/// Bytes that can be read by ranges: an object in a store.
///
/// Every read answers bytes of the same version of the object, or fails.
pub trait ReadAt: Debug + Send + Sync {
    /// Length of the object in bytes.
    fn len(&self) -> u64;

    /// Whether the object has no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads exactly the bytes of `range`. May block.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] when the object is not the one that was opened, [`ErrorKind::Io`] otherwise.
    fn read_at(&self, range: Range<u64>) -> Result<Bytes>;
}

/// Objects of up to this many blocks are fetched whole at once: a second request would cost more than the bytes.
const WHOLE_BLOCKS: u64 = 16;

/// Blocks of the end that are fetched before the first round, because packages and PDF keep their directory there.
const TAIL_BLOCKS: u64 = 2;

/// The largest unit of fetching. The first rounds fetch [`Limits::fetch_block`]; later ones double it, so that chains of
/// small steps end.
const LARGEST_BLOCK: u64 = REMOTE_PIECE;

/// The smallest unit of fetching: no system of today has larger pages.
const LEAST_BLOCK: u64 = 4 << 10;

/// Rounds with the small unit.
const SMALL_ROUNDS: u32 = 12;

/// Rounds before the object is fetched whole.
const ROUNDS: u32 = 40;

/// Wholly fetched objects up to this length are kept in memory, longer ones in a temporary file.
const IN_MEMORY: u64 = 32 << 20;

impl Source {
    /// Does `work` on bytes that are here: on this source itself, or on views of a remote one until a view held all
    /// that the work looked at.
    ///
    /// # Errors
    /// Those of the work; those of fetching.
    pub(crate) fn settle<T>(&self, limits: &Limits, work: impl Fn(Self) -> Result<T>) -> Result<T> {
        let (Data::Remote(len), Some(origin)) = (&self.inner.data, &self.inner.origin) else {
            return work(self.clone());
        };
        let named = |mut source: Self| {
            source.name.clone_from(&self.name);
            source.attached = Arc::clone(&self.attached);
            source
        };
        let mut object = Object { origin, len: *len, known: BTreeMap::new() };
        // Whole pages: what is fetched of one must not be less than what the kernel can tell of it.
        let block = limits.fetch_block.clamp(LEAST_BLOCK, LARGEST_BLOCK).next_power_of_two();
        if *len > block * WHOLE_BLOCKS {
            object.fetch(0..block)?;
            object.fetch((len - block * TAIL_BLOCKS) / block * block..*len)?;
            for round in 0..ROUNDS {
                let Some(sparse) = Sparse::new(&object)? else { break };
                let view = named(Self::from_origin(Data::Sparse(sparse), None, Arc::clone(origin)));
                let result = work(view.clone());
                let missing = view.missing()?;
                if missing.is_empty() {
                    return result;
                }
                drop((result, view));
                let block = (block << round.saturating_sub(SMALL_ROUNDS).min(16)).min(LARGEST_BLOCK);
                if !object.fetch_all(&missing, block)? {
                    break;
                }
            }
        }
        work(named(object.whole()?))
    }

    /// Ranges that were looked at and are not known, of a view.
    fn missing(&self) -> Result<Vec<Range<u64>>> {
        match &self.inner.data {
            Data::Sparse(sparse) => sparse.missing(),
            _ => Ok(Vec::new()),
        }
    }
}

/// A remote object and what is known of it.
struct Object<'o> {
    origin: &'o Arc<dyn ReadAt>,
    len: u64,
    /// Fetched ranges by their start; they neither overlap nor touch blocks that are not whole, but for the end.
    known: BTreeMap<u64, Bytes>,
}

impl Object<'_> {
    /// The most that is fetched by ranges. Beyond it the whole object is the better deal.
    fn budget(&self) -> u64 {
        (self.len / 2).clamp(1 << 20, 20 << 20)
    }

    fn fetched(&self) -> u64 {
        self.known.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// Fetches what of these ranges is unknown, rounded to blocks; ranges with less than a block between them come in
    /// one request. Answers false when that would be too much.
    fn fetch_all(&mut self, ranges: &[Range<u64>], block: u64) -> Result<bool> {
        let rounded = |range: &Range<u64>| range.start / block * block..range.end.next_multiple_of(block).min(self.len);
        let mut merged: Vec<Range<u64>> = Vec::new();
        for range in ranges.iter().map(rounded) {
            match merged.last_mut() {
                Some(last) if range.start <= last.end + block => last.end = last.end.max(range.end),
                _ => merged.push(range),
            }
        }
        let wanted: u64 = merged.iter().map(|range| range.end - range.start).sum();
        if self.fetched() + wanted > self.budget() {
            return Ok(false);
        }
        for range in merged {
            self.fetch(range)?;
        }
        Ok(true)
    }

    /// Fetches what of `range` is unknown.
    fn fetch(&mut self, range: Range<u64>) -> Result<()> {
        let mut at = range.start;
        while at < range.end {
            let before = self.known.range(..=at).next_back().map(|(start, bytes)| start + bytes.len() as u64);
            if let Some(end) = before.filter(|end| *end > at) {
                at = end;
                continue;
            }
            let next = self.known.range(at..).next().map_or(range.end, |(start, _)| (*start).min(range.end));
            let end = next.min(at + REMOTE_PIECE);
            self.known.insert(at, self.read(at..end)?);
            at = end;
        }
        Ok(())
    }

    fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let bytes = self.origin.read_at(range.clone())?;
        if bytes.len() as u64 != range.end - range.start {
            return Err(Error::new(ErrorKind::Changed, "the object is shorter than it was").at(range.start));
        }
        Ok(bytes)
    }

    /// The whole object: in memory, or in a temporary file without a name.
    fn whole(self) -> Result<Source> {
        let origin = Arc::clone(self.origin);
        if self.len <= IN_MEMORY {
            let mut bytes = Vec::with_capacity(self.len as usize);
            self.pieces(|piece| {
                bytes.extend_from_slice(&piece);
                Ok(())
            })?;
            return Ok(Source::from_origin(Data::Owned(bytes.into()), None, origin));
        }
        let failed = |error| Error::io("cannot store the object in a temporary file", error);
        let mut file = tempfile::tempfile().map_err(failed)?;
        self.pieces(|piece| file.write_all(&piece).map_err(failed))?;
        let identity = Identity::of(&file.metadata().map_err(failed)?);
        let View::ReadOnly(map) = map(&file, self.len, Access::ReadOnly)? else {
            return Err(failed(std::io::ErrorKind::Unsupported.into()));
        };
        Ok(Source::from_origin(Data::Mapped(map), Some(OpenFile { path: None, file, identity }), origin))
    }

    fn pieces(&self, mut take: impl FnMut(Bytes) -> Result<()>) -> Result<()> {
        let mut at = 0;
        while at < self.len {
            let known = self.known.range(..=at).next_back().filter(|(start, bytes)| **start + bytes.len() as u64 > at);
            let piece = if let Some((start, bytes)) = known {
                bytes.slice((at - start) as usize..)
            } else {
                let next = self.known.range(at..).next().map_or(self.len, |(start, _)| *start);
                self.read(at..next.min(at + REMOTE_PIECE))?
            };
            at += piece.len() as u64;
            take(piece)?;
        }
        Ok(())
    }
}

/// Memory of an object's length, filled where it is known.
#[derive(Debug)]
pub(super) struct Sparse {
    map: Mmap,
    known: Arc<BTreeMap<u64, Bytes>>,
    /// What copies of this view were asked for and did not know.
    missed: Arc<Mutex<Vec<Range<u64>>>>,
}

impl Sparse {
    /// None where the system cannot tell which pages are touched.
    fn new(object: &Object<'_>) -> Result<Option<Self>> {
        let known = Arc::new(object.known.clone());
        let map = filled(object.len, &known)?;
        let map = map.make_read_only().map_err(cannot_allocate)?;
        // Before anything is touched the filled pages are there, and only those: if not, the answer is worth nothing.
        let is_told = touched(&map).is_some_and(|pages| unknown(&pages, &known).is_empty());
        Ok(is_told.then(|| Self { map, known, missed: Arc::default() }))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// A copy to patch.
    pub(super) fn copy(&self) -> Result<SparseCopy> {
        let map = filled(self.map.len() as u64, &self.known)?;
        Ok(SparseCopy { map, known: Arc::clone(&self.known), missed: Arc::clone(&self.missed) })
    }

    pub(super) fn want_whole(&self) -> Result<()> {
        miss(&self.missed, std::iter::once(0..self.map.len() as u64));
        Err(Error::new(ErrorKind::Unverified, "the whole object is needed"))
    }

    fn missing(&self) -> Result<Vec<Range<u64>>> {
        let mut missing = self.missed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pages = touched(&self.map).ok_or_else(|| cannot_allocate(std::io::ErrorKind::Unsupported.into()))?;
        missing.extend(unknown(&pages, &self.known));
        missing.sort_by_key(|range| range.start);
        Ok(missing)
    }
}

/// A patched copy of a [`Sparse`] view. When it is dropped, its view hears what it did not know.
#[derive(Debug)]
pub(crate) struct SparseCopy {
    map: MmapMut,
    known: Arc<BTreeMap<u64, Bytes>>,
    missed: Arc<Mutex<Vec<Range<u64>>>>,
}

impl SparseCopy {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.map
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.map
    }
}

impl Drop for SparseCopy {
    fn drop(&mut self) {
        match touched(&self.map) {
            Some(pages) => miss(&self.missed, unknown(&pages, &self.known)),
            // Not told this time: nothing is known for sure.
            None => miss(&self.missed, std::iter::once(0..self.map.len() as u64)),
        }
    }
}

fn miss(missed: &Mutex<Vec<Range<u64>>>, ranges: impl IntoIterator<Item = Range<u64>>) {
    missed.lock().unwrap_or_else(PoisonError::into_inner).extend(ranges);
}

#[cold]
fn cannot_allocate(error: std::io::Error) -> Error {
    Error::io("cannot set up memory for a view of the object", error)
}

/// Memory of `len` bytes with the known ranges filled. Untouched pages take no memory.
fn filled(len: u64, known: &BTreeMap<u64, Bytes>) -> Result<MmapMut> {
    let mut map = MmapOptions::new().len(len as usize).no_reserve_swap().map_anon().map_err(cannot_allocate)?;
    // A huge page would be touched whole when one byte of it is. A kernel without huge pages knows no such advice.
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::NoHugePage);
    for (start, bytes) in known {
        let start = *start as usize;
        if let Some(place) = map.get_mut(start..start + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
    Ok(map)
}

/// The parts of `pages` that are not known.
fn unknown(pages: &[Range<u64>], known: &BTreeMap<u64, Bytes>) -> Vec<Range<u64>> {
    let mut unknown = Vec::new();
    for page in pages {
        let mut at = page.start;
        let before = known.range(..=at).next_back();
        for (start, bytes) in before.into_iter().chain(known.range(at + 1..page.end)) {
            if *start > at {
                unknown.push(at..*start);
            }
            at = at.max(start + bytes.len() as u64);
        }
        if at < page.end {
            unknown.push(at..page.end);
        }
    }
    unknown
}

/// The touched ranges of anonymous memory, by pages, cut to its length; None where the system does not tell.
///
/// `/proc/self/pagemap` holds 64 bits for every page of the address space: bit 63 says that the page is present, bit 62
/// that it is swapped out. A page of anonymous memory that was never touched is neither.
#[cfg(target_os = "linux")]
fn touched(memory: &[u8]) -> Option<Vec<Range<u64>>> {
    use std::io::{Read, Seek, SeekFrom};

    const TOUCHED: u64 = 0b11 << 62;
    let page = rustix::param::page_size() as u64;
    let len = memory.len() as u64;
    let mut pagemap = std::fs::File::open("/proc/self/pagemap").ok()?;
    pagemap.seek(SeekFrom::Start(memory.as_ptr().addr() as u64 / page * 8)).ok()?;
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut entries = vec![0; (len.div_ceil(page) * 8).min(256 << 10) as usize];
    let mut at = 0;
    while at < len {
        let count = entries.len().min((len - at).div_ceil(page) as usize * 8);
        let entries = entries.get_mut(..count)?;
        pagemap.read_exact(entries).ok()?;
        for entry in entries.as_chunks::<8>().0 {
            if u64::from_ne_bytes(*entry) & TOUCHED != 0 {
                let end = (at + page).min(len);
                match ranges.last_mut() {
                    Some(last) if last.end == at => last.end = end,
                    _ => ranges.push(at..end),
                }
            }
            at += page;
        }
    }
    Some(ranges)
}

#[cfg(not(target_os = "linux"))]
fn touched(_: &[u8]) -> Option<Vec<Range<u64>>> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    /// An object in memory that counts what is read of it.
    #[derive(Debug, Default)]
    struct Counted {
        bytes: Bytes,
        read: AtomicU64,
    }

    impl ReadAt for Counted {
        fn len(&self) -> u64 {
            self.bytes.len() as u64
        }

        fn read_at(&self, range: Range<u64>) -> Result<Bytes> {
            self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
            Ok(self.bytes.slice(range.start as usize..range.end as usize))
        }
    }

    fn object(len: usize) -> (Source, Arc<Counted>) {
        let bytes: Bytes = (0..len).map(|at| (at / 7 % 251) as u8 + 1).collect::<Vec<_>>().into();
        let counted = Arc::new(Counted { bytes, read: AtomicU64::new(0) });
        (Source::remote(Arc::<Counted>::clone(&counted)), counted)
    }

    fn sum(bytes: &[u8]) -> u64 {
        bytes.iter().map(|byte| u64::from(*byte)).sum()
    }

    #[test]
    fn only_what_is_looked_at_is_fetched() {
        let (source, counted) = object(64 << 20);
        let places = [5, 10 << 20, (10 << 20) + 5000, 40 << 20, (64 << 20) - 1];
        let rounds = AtomicU64::new(0);
        let seen = source.settle(&Limits::default(), |view| {
            rounds.fetch_add(1, Ordering::Relaxed);
            assert_eq!(view.len(), 64 << 20);
            Ok(places.map(|at| view.bytes()[at]))
        });
        assert_eq!(seen.unwrap(), places.map(|at| counted.bytes[at]));
        if cfg!(target_os = "linux") {
            assert_eq!(rounds.load(Ordering::Relaxed), 2);
            assert!(counted.read.load(Ordering::Relaxed) < 1 << 20, "{counted:?}", counted = counted.read);
        }
    }

    #[test]
    fn a_chain_is_followed_to_its_end() {
        // Each place tells the next one, as boxes and chunks do.
        let mut bytes = vec![0; 30 << 20];
        let mut at = 0_usize;
        for step in 1..12_usize {
            let next = at + 2_000_000 + step * 1000;
            bytes[at..at + 8].copy_from_slice(&(next as u64).to_le_bytes());
            at = next;
        }
        bytes[at..at + 8].copy_from_slice(b"\xff\xff\xff\xff\xff\xff\xff\xff");
        let counted = Arc::new(Counted { bytes: bytes.into(), read: AtomicU64::new(0) });
        let source = Source::remote(Arc::<Counted>::clone(&counted));
        let end = source.settle(&Limits::default(), |view| {
            let mut at = 0;
            loop {
                let next: [u8; 8] = view.bytes()[at..at + 8].try_into().unwrap();
                match u64::from_le_bytes(next) {
                    u64::MAX => return Ok(at),
                    0 => return Err(Error::malformed(at as u64, "a hole")),
                    next => at = next as usize,
                }
            }
        });
        assert_eq!(end.unwrap(), at);
        if cfg!(target_os = "linux") {
            assert!(counted.read.load(Ordering::Relaxed) < 4 << 20);
        }
    }

    #[test]
    fn what_looks_at_everything_gets_everything() {
        for len in [0, 1, 70_000, (3 << 20) + 17, (40 << 20) + 1] {
            let (source, counted) = object(len);
            assert_eq!(source.settle(&Limits::default(), |view| Ok(sum(view.bytes()))).unwrap(), sum(&counted.bytes));
            assert!(counted.read.load(Ordering::Relaxed) <= counted.len() + (1 << 20));
        }
    }

    #[test]
    fn a_patched_copy_tells_what_it_did_not_know() {
        let (source, counted) = object(50 << 20);
        let patched = source.settle(&Limits::default(), |view| {
            let mut copy = view.private_view()?;
            copy.as_mut().unwrap()[30 << 20] = 0;
            Ok(sum(&copy[30 << 20..(30 << 20) + 10_000]))
        });
        let want = sum(&counted.bytes[30 << 20..(30 << 20) + 10_000]) - u64::from(counted.bytes[30 << 20]);
        assert_eq!(patched.unwrap(), want);
    }

    #[test]
    fn errors_of_the_store_come_through() {
        #[derive(Debug)]
        struct Changing;
        impl ReadAt for Changing {
            fn len(&self) -> u64 {
                10 << 20
            }
            fn read_at(&self, range: Range<u64>) -> Result<Bytes> {
                match range.start {
                    0 => Ok(vec![1; (range.end - range.start) as usize].into()),
                    _ => Err(Error::new(ErrorKind::Changed, "another etag")),
                }
            }
        }
        let source = Source::remote(Arc::new(Changing));
        assert_eq!(source.settle(&Limits::default(), |_| Ok(())).unwrap_err().kind(), ErrorKind::Changed);
        assert_eq!(source.bytes(), b"");
        assert_eq!(source.len(), 10 << 20);
    }
}
