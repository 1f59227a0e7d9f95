//! Writing a result to a file, by the kernel where it can.
//!
//! Bytes that are in memory already are written from there. Of a mapped source the kept ranges never pass through
//! this process: the file system shares the extents (a reflink, where the plan keeps the length) or the kernel copies
//! them; a system that does neither is served by reads and writes.

use std::fs::File;
use std::io::{BufWriter, Write};

use unlabel_core::Payload;

use crate::error::{Error, Result};

/// Replacements between large kept ranges are gathered to writes of this size.
const BUFFER: usize = 128 << 10;

/// Writes the whole result to `staged`, an empty file, and answers how many bytes were written or copied; shared
/// extents do not count.
pub(super) fn fill(staged: &mut File, payload: &Payload) -> Result<u64> {
    #[cfg(target_os = "linux")]
    if let Some(source) = payload.source().file().filter(|_| payload.source().is_mapped()) {
        return kernel::fill(staged, source, payload);
    }
    let mut out = BufWriter::with_capacity(BUFFER, staged);
    payload.write_to(&mut out)?;
    out.flush().map_err(|error| Error::io("cannot write", error))?;
    Ok(payload.len())
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::fs::File;
    use std::io::{self, Write};
    use std::ops::Range;
    use std::os::unix::fs::FileExt;

    use rustix::fs::{copy_file_range, ioctl_ficlone};
    use unlabel_core::{Edit, Payload, Plan, Replacement, Segment};

    use super::BUFFER;
    use crate::error::{Error, ErrorKind, Result};

    /// Kept ranges shorter than this are read and written: a system call of its own would cost more.
    const COPY_FROM: u64 = 64 << 10;

    pub(super) fn fill(staged: &mut File, source: &File, payload: &Payload) -> Result<u64> {
        let plan = payload.plan();
        if plan.keeps_length() && ioctl_ficlone(&*staged, source).is_ok() {
            patch(staged, plan).map_err(cannot_write)?;
            return Ok(plan.new_bytes());
        }
        for segment in payload.segments() {
            match segment {
                Segment::Kept(range) => copy(staged, source, range)?,
                Segment::New(Replacement::Bytes(bytes)) => staged.write_all(bytes).map_err(cannot_write)?,
                Segment::New(Replacement::Fill { byte, len }) => {
                    for_pieces(*byte, *len, |piece, _| staged.write_all(piece)).map_err(cannot_write)?;
                }
            }
        }
        Ok(payload.len())
    }

    /// Makes the result of a length-keeping plan of `staged`, which holds the input.
    fn patch(staged: &File, plan: &Plan) -> io::Result<()> {
        for Edit { range, with } in plan.edits() {
            match with {
                Replacement::Bytes(bytes) => staged.write_all_at(bytes, range.start)?,
                Replacement::Fill { byte, len } => {
                    for_pieces(*byte, *len, |piece, done| staged.write_all_at(piece, range.start + done))?;
                }
            }
        }
        Ok(())
    }

    /// Hands `len` bytes of filler to `write` piece by piece, with the count of those before.
    fn for_pieces(byte: u8, len: u64, mut write: impl FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<()> {
        let piece = vec![byte; len.min(BUFFER as u64) as usize];
        let mut done = 0;
        while done < len {
            let count = (len - done).min(piece.len() as u64);
            write(piece.get(..count as usize).unwrap_or_default(), done)?;
            done += count;
        }
        Ok(())
    }

    /// Appends `range` of `source` to `staged`.
    fn copy(staged: &mut File, source: &File, range: Range<u64>) -> Result<()> {
        let Range { mut start, end } = range;
        while end - start >= COPY_FROM {
            // Asked for at most 1 GiB at a time, so that a signal is served soon.
            let count = (end - start).min(1 << 30) as usize;
            match copy_file_range(source, Some(&mut start), &*staged, None, count) {
                Ok(1..) | Err(rustix::io::Errno::INTR) => {}
                Err(errno @ (rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT | rustix::io::Errno::FBIG)) => {
                    return Err(cannot_write(errno.into()));
                }
                // Not between these file systems, or not in this kernel; reads and writes say what else is wrong.
                Ok(0) | Err(_) => break,
            }
        }
        copy_by_reading(staged, source, start..end)
    }

    fn copy_by_reading(staged: &mut File, source: &File, range: Range<u64>) -> Result<()> {
        let Range { mut start, end } = range;
        let mut buffer = vec![0; (end - start).min(BUFFER as u64) as usize];
        while start < end {
            let count = (end - start).min(buffer.len() as u64);
            let piece = buffer.get_mut(..count as usize).unwrap_or_default();
            source.read_exact_at(piece, start).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Error::new(ErrorKind::Changed, "the file shrank while it was copied"),
                _ => Error::io("cannot read", error),
            })?;
            staged.write_all(piece).map_err(cannot_write)?;
            start += count;
        }
        Ok(())
    }

    fn cannot_write(error: io::Error) -> Error {
        Error::io("cannot write", error)
    }
    #[cfg(test)]
    mod tests {
        use super::*;

        /// What follows a reflink, which the file system of the tests need not have.
        #[test]
        fn a_copy_is_patched_to_the_result() {
            let input: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
            let edits = vec![
                Edit::replace(0..3, "abc"),
                Edit::fill(100_000..700_000, b' '),
                Edit::replace(999_990..1_000_000, vec![7; 10]),
            ];
            let plan = Plan::new(edits, input.len() as u64).unwrap();
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), &input).unwrap();
            patch(file.as_file(), &plan).unwrap();
            assert!(std::fs::read(file.path()).unwrap() == plan.apply(&input).unwrap());
        }
    }
}
