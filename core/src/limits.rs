//! Bounds on what one file may cost.

use crate::error::{Error, Result};

/// Bounds on depth, counts and memory while one file is treated.
///
/// Every bound is checked before the allocation or the descent it guards.
/// The defaults treat every ordinary file and keep a hostile one under about 1 GiB.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Nesting of structures (XML elements, PDF objects, IFDs, boxes). Default 256.
    pub depth: usize,
    /// Structures of one kind in one file (ZIP entries, PDF objects, chunks). Default 4,000,000.
    pub items: usize,
    /// Decoded bytes of one metadata part that must be held in memory. Default 64 MiB.
    pub part_bytes: u64,
    /// Decoded bytes of all parts of one file together, streamed ones included. Default 16 GiB.
    pub total_bytes: u64,
    /// How deep files inside files are looked into. Default 4.
    pub inside_depth: usize,
    /// Decoded bytes of files inside that are looked into merely to report their labels. Default 256 MiB. Where they
    /// are to be removed, [`total_bytes`](Self::total_bytes) holds.
    pub inside_bytes: u64,
    /// Bytes of one label's value that a survey keeps for reports. Longer values are cut. Default 64 KiB.
    pub value_bytes: usize,
    /// Bytes of an input that cannot be mapped (a pipe) and is held in memory. Default 1 GiB.
    pub stream_bytes: u64,
    /// Bytes that are fetched of a remote object at a time where a survey looks: from 4 KiB to 8 MiB, a power of two.
    /// Objects of up to sixteen times as much are fetched whole. Default 64 KiB.
    pub fetch_block: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 256,
            items: 4_000_000,
            part_bytes: 64 << 20,
            total_bytes: 16 << 30,
            inside_depth: 4,
            inside_bytes: 256 << 20,
            value_bytes: 64 << 10,
            stream_bytes: 1 << 30,
            fetch_block: 64 << 10,
        }
    }
}

impl Limits {
    /// Fails when a structure is nested deeper than [`depth`](Self::depth).
    pub fn check_depth(&self, depth: usize) -> Result<()> {
        if depth > self.depth {
            return Err(Error::limit(format!("nested deeper than {} levels", self.depth)));
        }
        Ok(())
    }

    /// Fails when there are more than [`items`](Self::items) of `what`.
    pub fn check_items(&self, count: usize, what: &'static str) -> Result<()> {
        if count > self.items {
            return Err(Error::limit(format!("more than {} {what}", self.items)));
        }
        Ok(())
    }

    /// Fails when a part of `bytes` decoded bytes is over [`part_bytes`](Self::part_bytes).
    pub fn check_part(&self, bytes: u64) -> Result<()> {
        if bytes > self.part_bytes {
            return Err(Error::limit(format!("a metadata part is larger than {} bytes", self.part_bytes)));
        }
        Ok(())
    }
}
