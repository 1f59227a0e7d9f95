//! The reverse of an edit, on the disk: what a patch that was cut off is undone from, and what an undo directory keeps.
//!
//! All numbers are little endian.
//!
//! | bytes | |
//! |---|---|
//! | 8 | `UNLBUNDO` |
//! | 4 | version, 2 |
//! | 4 | 1 where the digests of the file are there, else 0 |
//! | 8, 8 | length of the file before and after |
//! | 8, 4 | modification time before: seconds since 1970, signed, and nanoseconds |
//! | 8, 8 | device and inode; 0 where the system has none |
//! | 32, 32 | SHA-256 of the file before and after, where they are there |
//! | 4, n | length and bytes of the file's name; of its path, in an undo directory |
//! | 8 | number of edits, and for each: |
//! | 8, 8, 8 | – where it begins in the file before, length before, length after |
//! | 1, 1 | – 1 when one byte is repeated, and that byte |
//! | n, n | – the bytes after, unless repeated; the bytes before |
//! | 8 | number of extended attributes, and for each: |
//! | 4, n | – length and bytes of its name |
//! | 8, n | – length and bytes of its value before; 2⁶⁴-1 when it was not there |
//! | 8, n | – length and bytes of its value after; 2⁶⁴-1 when it is not there |
//! | 32 | SHA-256 of all that is above |
//!
//! A journal whose end or digest is wrong was never complete, so that nothing was edited yet.

mod read;
mod spare;

use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};
use unlabel_core::{Edit, Payload, Replacement};

pub(super) use self::read::{Attribute, Journal, Reverse};
pub(super) use self::spare::Spares;

use super::labels::AttributeChange;
use super::{at, attributes, fault};
use crate::error::{Error, ErrorKind, Result};

const MAGIC: &[u8; 8] = b"UNLBUNDO";
const VERSION: u32 = 2;
const DIGEST: usize = 32;

/// Stands for the length of a value that is not there.
const ABSENT: u64 = u64::MAX;

/// What stands between the name of a file and the letters that tell its journal from others.
const MARK: &str = ".unlabel-undo-";

/// Letters of the file's name in that of its journal; with the letters behind [`MARK`] the name stays short.
const NAME_LETTERS: usize = 50;

/// Hexadecimal digits behind [`MARK`].
const HASH_LETTERS: usize = 16;

/// The journal of the file at `target`: beside it, under a name that follows from that of the file.
pub(super) fn path_for(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default();
    target.with_file_name(format!(".{}{MARK}{}", shown(name), hash_of(name)))
}

/// A name for a journal beside `path` that belongs to no file: whoever finds it there, empty, may remove it.
fn path_for_none(path: &Path) -> PathBuf {
    use std::hash::BuildHasher;
    // Each state has keys of its own.
    let random = std::hash::RandomState::new().hash_one(0);
    path.with_file_name(format!(".spare{MARK}{random:0HASH_LETTERS$x}"))
}

/// The beginning of a name, for people.
pub(super) fn shown(name: &OsStr) -> String {
    name.to_string_lossy().chars().take(NAME_LETTERS).collect()
}

/// Letters that tell a name, or path, from others.
pub(super) fn hash_of(name: &OsStr) -> String {
    let digest = Sha256::digest(name.as_encoded_bytes());
    let hash = digest.iter().take(HASH_LETTERS / 2).fold(0_u64, |hash, byte| hash << 8 | u64::from(*byte));
    format!("{hash:0HASH_LETTERS$x}")
}

/// Whether these are such letters.
pub(super) fn is_hash(letters: &str) -> bool {
    letters.len() == HASH_LETTERS && letters.bytes().all(|it| it.is_ascii_hexdigit())
}

/// Whether `path` has a name that only journals have.
pub(super) fn is_journal(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let hash = name.strip_prefix('.').and_then(|name| Some(name.rsplit_once(MARK)?.1));
    hash.is_some_and(is_hash)
}

/// SHA-256 of a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digests {
    pub(super) before: [u8; DIGEST],
    pub(super) after: [u8; DIGEST],
}

/// A journal to be written.
pub(super) struct Draft<'d> {
    /// What the file is called.
    pub(super) name: &'d OsStr,
    /// The file as it is.
    pub(super) original: &'d File,
    /// What it is to become.
    pub(super) payload: &'d Payload,
    /// What is to change beside its bytes.
    pub(super) changes: &'d [AttributeChange],
    /// What the file is before and after, where it is worth reading all of it.
    pub(super) digests: Option<Digests>,
}

impl Draft<'_> {
    /// Writes the journal, reading what is to be replaced from the file itself.
    ///
    /// Memory does not grow with the edits.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`] when the bytes to be replaced are not those that the plan was made for.
    pub(super) fn write(&self, journal: &File) -> Result<()> {
        let metadata =
            self.original.metadata().map_err(|error| Error::io("cannot read the file's attributes", error))?;
        let room = 1024 + 2 * self.payload.plan().new_bytes().min(at::PIECE / 2);
        let mut out = Sealed { out: BufWriter::with_capacity(room as usize, Steps(journal)), digest: Sha256::new() };
        self.head(&mut out, &metadata).map_err(cannot_write)?;
        self.edits(&mut out)?;
        self.attributes(&mut out)?;
        out.finish().map_err(cannot_write)
    }

    fn head(&self, out: &mut impl Write, metadata: &Metadata) -> io::Result<()> {
        let plan = self.payload.plan();
        let (seconds, nanoseconds) = metadata.modified().map_or((0, 0), to_parts);
        let (device, inode) = identity(metadata);
        out.write_all(MAGIC)?;
        out.write_all(&VERSION.to_le_bytes())?;
        out.write_all(&u32::from(self.digests.is_some()).to_le_bytes())?;
        out.write_all(&plan.input_len().to_le_bytes())?;
        out.write_all(&plan.output_len().to_le_bytes())?;
        out.write_all(&seconds.to_le_bytes())?;
        out.write_all(&nanoseconds.to_le_bytes())?;
        out.write_all(&device.to_le_bytes())?;
        out.write_all(&inode.to_le_bytes())?;
        if let Some(Digests { before, after }) = &self.digests {
            out.write_all(before)?;
            out.write_all(after)?;
        }
        short(out, self.name.as_encoded_bytes())?;
        out.write_all(&(plan.edits().len() as u64).to_le_bytes())
    }

    fn edits(&self, out: &mut impl Write) -> Result<()> {
        let source = self.payload.source();
        let mut digest = Sha256::new();
        let mut buffer = Vec::new();
        for Edit { range, with } in self.payload.plan().edits() {
            let (is_fill, byte, bytes) = match with {
                Replacement::Bytes(bytes) => (0, 0, &**bytes),
                Replacement::Fill { byte, .. } => (1, *byte, &[][..]),
            };
            let mut head = || -> io::Result<()> {
                for number in [range.start, range.end - range.start, with.len()] {
                    out.write_all(&number.to_le_bytes())?;
                }
                out.write_all(&[is_fill, byte])?;
                out.write_all(bytes)
            };
            head().map_err(cannot_write)?;
            for piece in at::pieces(range.clone()) {
                buffer.resize((piece.end - piece.start) as usize, 0);
                at::read_exact(self.original, &mut buffer, piece.start).map_err(cannot_read)?;
                if self.payload.edited_digest().is_some() {
                    digest.update(&buffer);
                } else if !source.is_mapped() && source.read(piece)?[..] != buffer[..] {
                    return Err(changed());
                }
                out.write_all(&buffer).map_err(cannot_write)?;
            }
        }
        match self.payload.edited_digest() {
            Some(wanted) if wanted != <[u8; DIGEST]>::from(digest.finalize()) => Err(changed()),
            _ => Ok(()),
        }
    }

    fn attributes(&self, out: &mut impl Write) -> Result<()> {
        let mut changes = Vec::new();
        for AttributeChange { name, value, creates } in self.changes {
            let before = attributes::value(self.original, name)?;
            // What is gone already, or never was, is not changed.
            if before.is_some() || *creates {
                changes.push((name, before, value));
            }
        }
        let mut write = || -> io::Result<()> {
            out.write_all(&(changes.len() as u64).to_le_bytes())?;
            for (name, before, after) in &changes {
                short(out, name.as_encoded_bytes())?;
                long(out, before.as_deref())?;
                long(out, after.as_deref())?;
            }
            Ok(())
        };
        write().map_err(cannot_write)
    }
}

fn short(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&(bytes.len() as u32).to_le_bytes())?;
    out.write_all(bytes)
}

fn long(out: &mut impl Write, bytes: Option<&[u8]>) -> io::Result<()> {
    out.write_all(&bytes.map_or(ABSENT, |bytes| bytes.len() as u64).to_le_bytes())?;
    out.write_all(bytes.unwrap_or_default())
}

fn changed() -> Error {
    Error::new(ErrorKind::Changed, "the file changed while it was being treated")
}

fn cannot_write(error: io::Error) -> Error {
    Error::io("cannot write the journal", error)
}

fn cannot_read(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => changed(),
        _ => Error::io("cannot read", error),
    }
}

/// A file each write to which is a step.
struct Steps<'f>(&'f File);

impl Write for Steps<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fault::step("journal")?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes that end with their digest.
struct Sealed<W: Write> {
    out: BufWriter<W>,
    digest: Sha256,
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.digest.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl<W: Write> Sealed<W> {
    fn finish(mut self) -> io::Result<()> {
        self.out.write_all(&self.digest.finalize())?;
        self.out.flush()
    }
}

/// Device and inode; zeros where the system has none.
pub(super) fn identity(metadata: &Metadata) -> (u64, u64) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        (metadata.dev(), metadata.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        (0, 0)
    }
}

fn to_parts(time: SystemTime) -> (i64, u32) {
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => (after.as_secs().cast_signed(), after.subsec_nanos()),
        Err(before) => match (before.duration().as_secs().cast_signed(), before.duration().subsec_nanos()) {
            (seconds, 0) => (-seconds, 0),
            (seconds, nanoseconds) => (-seconds - 1, 1_000_000_000 - nanoseconds),
        },
    }
}
