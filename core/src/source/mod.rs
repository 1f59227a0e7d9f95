//! Input bytes: owned when the file is small, a read-only map when it is large, read by ranges when it is far away.

mod remote;

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use memmap2::{Mmap, MmapMut, MmapOptions};

use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::Site;

pub use remote::ReadAt;
use remote::Sparse;

/// Files of at least this many bytes are mapped, smaller ones are read.
///
/// Reading wins for small files because a map pays for a page fault per touched page and for the unmapping, and pays
/// again when threads share the address space. Measured by `benches/source.rs`.
pub const MAP_FROM: u64 = 512 << 10;

/// Of a map this long, what a format does not look at is worth not being read ahead.
#[cfg(unix)]
const STRIDES_FROM: usize = 64 << 20;

/// Most bytes that one [`Source::read`] of a local file answers.
pub const PIECE: usize = 128 << 10;

/// Most bytes that one read of a remote object asks for.
const REMOTE_PIECE: u64 = 8 << 20;

/// The bytes of one input, with the file they come from. Cloning is cheap.
///
/// A mapped file must not be truncated by others while a `Source` of it lives: the operating system ends a process
/// that touches a page which is gone. Do not open files that an untrusted party can write to at the same time; read
/// them with [`Source::read_from`] instead.
#[derive(Clone, Debug)]
pub struct Source {
    inner: Arc<Inner>,
    name: Option<Arc<str>>,
    attached: Arc<[Site]>,
}

#[derive(Debug)]
struct Inner {
    data: Data,
    file: Option<OpenFile>,
    /// Where the bytes came from, if not from a local file.
    origin: Option<Arc<dyn ReadAt>>,
}

#[derive(Debug)]
struct OpenFile {
    /// None for a temporary file that has no name.
    path: Option<PathBuf>,
    file: File,
    identity: Identity,
}

#[derive(Debug)]
enum Data {
    Owned(Bytes),
    Mapped(Mmap),
    /// Not here: read from the origin by ranges.
    Remote(u64),
    /// A view of a remote object in which only some pages are filled. Never leaves this crate.
    Sparse(Sparse),
}

/// What a file was when it was opened: tells whether it still is, without holding the file or its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    path: PathBuf,
    identity: Identity,
}

impl Snapshot {
    /// The path it was opened at.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fails when the file at the path is no longer the one that was read: another size, inode, or time of modification or
    /// change.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`], or [`ErrorKind::Io`] when the file is gone.
    pub fn verify(&self) -> Result<()> {
        self.compare(std::fs::metadata(&self.path))
    }

    /// The same of a file that is open.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_file(&self, file: &File) -> Result<()> {
        self.compare(file.metadata())
    }

    fn compare(&self, now: io::Result<Metadata>) -> Result<()> {
        let now = now.map_err(|error| Error::io("cannot read its attributes", error).for_path(&self.path))?;
        if Identity::of(&now) != self.identity {
            let error = Error::new(ErrorKind::Changed, "the file changed while it was being treated");
            return Err(error.for_path(&self.path));
        }
        Ok(())
    }
}

/// What tells that a file is still the one that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    len: u64,
    modified: Option<SystemTime>,
    #[cfg(unix)]
    inode: (u64, u64),
    /// When anything about it changed: a patch in place sets the modification time back, and cannot set this.
    #[cfg(unix)]
    changed: (i64, i64),
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: {
                use std::os::unix::fs::MetadataExt;
                (metadata.dev(), metadata.ino())
            },
            #[cfg(unix)]
            changed: {
                use std::os::unix::fs::MetadataExt;
                (metadata.ctime(), metadata.ctime_nsec())
            },
        }
    }
}

impl Source {
    fn new(data: Data, file: Option<OpenFile>) -> Self {
        Self { inner: Arc::new(Inner { data, file, origin: None }), name: None, attached: Arc::default() }
    }

    fn from_origin(data: Data, file: Option<OpenFile>, origin: Arc<dyn ReadAt>) -> Self {
        Self { inner: Arc::new(Inner { data, file, origin: Some(origin) }), name: None, attached: Arc::default() }
    }

    /// Bytes that are read by ranges, as they are needed: an object in a store.
    ///
    /// A survey of a large object fetches the ranges that it looks at; where it looks at most of the object, or the
    /// system cannot tell what was looked at, the object is fetched whole. [`bytes`](Self::bytes) is empty: use
    /// [`read`](Self::read).
    pub fn remote(reader: Arc<dyn ReadAt>) -> Self {
        Self::from_origin(Data::Remote(reader.len()), None, reader)
    }

    /// The same source under a file name, whose extension helps where the content does not tell the format.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same source with labels that are kept beside its bytes: metadata and tags of an object in a store.
    ///
    /// They are listed and chosen with those in the bytes. Which of them go is said by
    /// [`Cleaned::detached`](crate::Cleaned::detached); who writes the result leaves them out.
    #[must_use]
    pub fn with_attached(mut self, sites: Vec<Site>) -> Self {
        self.attached = sites.into();
        self
    }

    /// The labels that are kept beside the bytes.
    pub fn attached(&self) -> &[Site] {
        &self.attached
    }

    /// The extension of its name or path, if it has one.
    pub fn extension(&self) -> Option<&str> {
        let path = self.name.as_deref().map(Path::new).or_else(|| self.path())?;
        path.extension()?.to_str()
    }

    /// Opens the file at `path`. A small file is read whole; a large one is mapped, and only touched pages are loaded.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be opened or read or is a directory; [`ErrorKind::Changed`] when it grows or
    /// shrinks while being read; [`ErrorKind::LimitExceeded`] for a pipe or device that yields more than
    /// [`Limits::stream_bytes`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        Self::open_file(path).map_err(|error| error.for_path(path))
    }

    fn open_file(path: &Path) -> Result<Self> {
        let mut file = File::open(path).map_err(|error| Error::io("cannot open", error))?;
        let metadata = file.metadata().map_err(|error| Error::io("cannot read its attributes", error))?;
        if metadata.is_dir() {
            return Err(Error::io("cannot read", io::ErrorKind::IsADirectory.into()));
        }
        if !metadata.is_file() {
            return Self::read_from(file, &Limits::default());
        }
        let identity = Identity::of(&metadata);
        let data = if identity.len < MAP_FROM {
            Data::Owned(read_whole(&mut file, identity.len)?)
        } else {
            match map(&file, identity.len, Access::ReadOnly) {
                Ok(View::ReadOnly(map)) => Data::Mapped(map),
                // A file system without maps: read instead.
                _ => Data::Owned(read_whole(&mut file, identity.len)?),
            }
        };
        Ok(Self::new(data, Some(OpenFile { path: Some(path.to_owned()), file, identity })))
    }

    /// Bytes that are in memory already.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self::new(Data::Owned(bytes.into()), None)
    }

    /// Reads `reader` to its end, into memory.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when reading fails; [`ErrorKind::LimitExceeded`] past [`Limits::stream_bytes`].
    pub fn read_from(reader: impl Read, limits: &Limits) -> Result<Self> {
        let mut bytes = Vec::new();
        reader
            .take(limits.stream_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| Error::io("cannot read", error))?;
        if bytes.len() as u64 > limits.stream_bytes {
            return Err(Error::limit(format!("a stream of more than {} bytes", limits.stream_bytes)));
        }
        Ok(Self::from_bytes(bytes))
    }

    /// The whole input as one slice. Empty for a [remote](Self::remote) source.
    pub fn bytes(&self) -> &[u8] {
        match &self.inner.data {
            Data::Owned(bytes) => bytes,
            Data::Mapped(map) => map,
            Data::Remote(_) => &[],
            Data::Sparse(sparse) => sparse.bytes(),
        }
    }

    /// The bytes of `range`, at most [`PIECE`] of them unless they are in memory already: then all, without a copy.
    ///
    /// A mapped file is read at its offset rather than through the map, so that memory does not grow with the file,
    /// and so that a file that is cut off meanwhile is an error.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be read, [`ErrorKind::Changed`] when the range is not there (any more).
    pub fn read(&self, range: Range<u64>) -> Result<Bytes> {
        let gone = || Error::new(ErrorKind::Changed, "the range is not there (any more)").at(range.start);
        if range.start > range.end || range.end > self.len() {
            return Err(gone());
        }
        let piece = range.start..range.end.min(range.start + PIECE as u64);
        match (&self.inner.data, &self.inner.file, &self.inner.origin) {
            (Data::Owned(bytes), ..) => Ok(bytes.slice(range.start as usize..range.end as usize)),
            (Data::Mapped(_), Some(open), _) => read_at(&open.file, piece),
            (Data::Remote(_), _, Some(origin)) => {
                // Far away every call is dear: ask for more at a time.
                let piece = range.start..range.end.min(range.start + REMOTE_PIECE);
                let bytes = origin.read_at(piece.clone())?;
                if bytes.len() as u64 == piece.end - piece.start { Ok(bytes) } else { Err(gone()) }
            }
            _ => Err(gone()),
        }
    }

    /// Whether the bytes are read by ranges from far away.
    pub fn is_remote(&self) -> bool {
        matches!(self.inner.data, Data::Remote(_))
    }

    /// Whether this is a view of a remote source that holds only some of its bytes.
    pub(crate) fn is_view(&self) -> bool {
        matches!(self.inner.data, Data::Sparse(_))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match &self.inner.data {
            Data::Remote(len) => *len,
            _ => self.bytes().len() as u64,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The path it was opened at, if it was.
    pub fn path(&self) -> Option<&Path> {
        self.inner.file.as_ref()?.path.as_deref()
    }

    /// The open file, if it was opened: for copies that the kernel makes.
    pub fn file(&self) -> Option<&File> {
        self.inner.file.as_ref().map(|open| &open.file)
    }

    /// Whether the bytes are a map of the file rather than a copy in memory.
    pub fn is_mapped(&self) -> bool {
        matches!(self.inner.data, Data::Mapped(_))
    }

    /// Fails when the file at the source's path is no longer the one that was read: another size, inode, or time of
    /// modification or change. Always succeeds for bytes that never were a file here; of a remote object every read makes sure.
    ///
    /// # Errors
    /// [`ErrorKind::Changed`], or [`ErrorKind::Io`] when the file is gone.
    pub fn verify_unchanged(&self) -> Result<()> {
        self.snapshot().map_or(Ok(()), |snapshot| snapshot.verify())
    }

    /// What the file was when it was opened. None for bytes that never were a file with a name here.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let OpenFile { path: Some(path), identity, .. } = self.inner.file.as_ref()? else { return None };
        Some(Snapshot { path: path.clone(), identity: identity.clone() })
    }

    /// Asks the system not to read ahead where a large map is touched: only few places far apart are.
    pub(crate) fn expect_strides(&self) {
        #[cfg(unix)]
        if let Data::Mapped(map) = &self.inner.data {
            advise_strides(map.len(), |advice| map.advise(advice));
        }
    }

    /// A private copy to patch: of a mapped file a copy-on-write map, which shares every page that stays untouched.
    pub(crate) fn private_view(&self) -> Result<View> {
        match (&self.inner.data, &self.inner.file) {
            (Data::Mapped(data), Some(open)) => map(&open.file, data.len() as u64, Access::Private),
            (Data::Sparse(sparse), _) => Ok(View::Sparse(sparse.copy()?)),
            _ => Ok(View::Owned(self.bytes().to_vec())),
        }
    }

    /// Whether a view with other lengths can be made of it: of a sparse one every byte would be copied, so all of
    /// them are asked for instead.
    pub(crate) fn want_whole(&self) -> Result<()> {
        match &self.inner.data {
            Data::Sparse(sparse) => sparse.want_whole(),
            _ => Ok(()),
        }
    }
}

impl AsRef<[u8]> for Source {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

fn read_whole(file: &mut File, len: u64) -> Result<Bytes> {
    let mut bytes = vec![0; len as usize];
    // One call for all of it, where reading to the end would take some that grow.
    let ends = file.read_exact(&mut bytes).and_then(|()| file.read(&mut [0]));
    match ends {
        Ok(0) => Ok(bytes.into()),
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(Error::io("cannot read", error)),
        _ => Err(Error::new(ErrorKind::Changed, "the file changed while it was being read")),
    }
}

/// A contiguous result: patched in place, mapped, or the input itself.
#[derive(Debug)]
pub(crate) enum View {
    Owned(Vec<u8>),
    ReadOnly(Mmap),
    Private(MmapMut),
    Unchanged(Source),
    Sparse(remote::SparseCopy),
}

impl View {
    /// As [`Source::expect_strides`].
    pub(crate) fn expect_strides(&self) {
        match self {
            #[cfg(unix)]
            Self::Private(map) => advise_strides(map.len(), |advice| map.advise(advice)),
            Self::Unchanged(source) => source.expect_strides(),
            _ => {}
        }
    }

    pub(crate) fn as_mut(&mut self) -> Option<&mut [u8]> {
        match self {
            Self::Owned(bytes) => Some(bytes),
            Self::Private(map) => Some(map),
            Self::Sparse(copy) => Some(copy.bytes_mut()),
            Self::ReadOnly(_) | Self::Unchanged(_) => None,
        }
    }
}

impl Deref for View {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::ReadOnly(map) => map,
            Self::Private(map) => map,
            Self::Unchanged(source) => source.bytes(),
            Self::Sparse(copy) => copy.bytes(),
        }
    }
}

/// Gives the advice for a map of `len` bytes. Only speed depends on it, so that it does not matter whether it is taken.
#[cfg(unix)]
fn advise_strides(len: usize, advise: impl FnOnce(memmap2::Advice) -> io::Result<()>) {
    if len >= STRIDES_FROM {
        let _ = advise(memmap2::Advice::Random);
    }
}

/// Reads the bytes of `range` at their offset.
fn read_at(file: &File, range: Range<u64>) -> Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_exact_at(file, &mut bytes, range.start).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            Error::new(ErrorKind::Changed, "the file was cut off while it was being treated").at(range.start)
        }
        _ => Error::io("cannot read", error).at(range.start),
    })?;
    Ok(bytes.into())
}

#[cfg(unix)]
fn read_exact_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, at)
}

#[cfg(not(unix))]
fn read_exact_at(mut file: &File, buffer: &mut [u8], at: u64) -> io::Result<()> {
    use io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(buffer)
}

/// Maps a temporary file of this process, read only.
pub(crate) fn map_own_file(file: &File, len: u64) -> Result<View> {
    map(file, len, Access::ReadOnly)
}

#[derive(Clone, Copy, Debug)]
enum Access {
    ReadOnly,
    /// Copy-on-write: changes stay in this process.
    Private,
}

/// Maps the first `len` bytes of `file`: the only unsafe code of the workspace.
#[expect(unsafe_code, reason = "mapping a file cannot be proved sound: another process may truncate it")]
fn map(file: &File, len: u64, access: Access) -> Result<View> {
    let mut options = MmapOptions::new();
    options.len(len as usize);
    // SAFETY: The map is sound as long as nobody truncates or rewrites the file under it. For temporary files of this
    // process that holds. For a user's file it cannot be enforced: `Source` documents the duty not to map what an
    // untrusted party can write to, nothing here derives a reference's validity from the mapped content, and every
    // parser reads with bounds checks, so a concurrent write yields wrong bytes, not wrong memory.
    let view = unsafe {
        match access {
            Access::ReadOnly => options.map(file).map(View::ReadOnly),
            Access::Private => options.map_copy(file).map(View::Private),
        }
    };
    view.map_err(|error| Error::io("cannot map", error))
}
