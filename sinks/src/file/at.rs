//! Reading and writing at offsets, and over two files or ranges piece by piece.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::fault;

/// Bytes that are looked at or written at a time.
pub(super) const PIECE: u64 = 128 << 10;

/// The pieces of a range, in order.
pub(super) fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let end = range.end;
    (range.start..end).step_by(PIECE as usize).map(move |start| start..end.min(start + PIECE))
}

#[cfg(unix)]
pub(super) fn read_exact(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(not(unix))]
pub(super) fn read_exact(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

/// Writes all of `bytes` at an offset: a step.
#[cfg(unix)]
pub(super) fn write_all(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    fault::step("write")?;
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
pub(super) fn write_all(mut file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom, Write};
    fault::step("write")?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}
