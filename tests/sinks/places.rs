//! The places that the contract is tried on.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use unlabel_sinks::{File, Memory, Sink, Stdout};

/// A sink, and a way to see what a reader of its place sees.
pub(crate) trait Place: Send + Sync {
    fn sink(&self) -> &dyn Sink;

    /// What is visible under `name`; for a stream, what came since it was last read.
    fn read(&self, name: &str) -> Option<Vec<u8>>;

    /// Everything visible, hidden and temporary files included; none for a stream.
    fn visible(&self) -> Vec<String>;

    /// Whether the name tells objects apart.
    fn has_names(&self) -> bool {
        true
    }

    /// Whether an object stays where it was put.
    fn has_objects(&self) -> bool {
        true
    }

    /// Whether it is tried with 200 MiB: of several places that differ by their server only, one is.
    fn takes_long(&self) -> bool {
        true
    }

    /// Whether of two that create the same object at the same moment one fails.
    fn is_atomic_create(&self) -> bool {
        true
    }
}

/// One of each. A sink to come adds itself here.
pub(crate) fn places() -> Vec<Box<dyn Place>> {
    let places = [
        local_places(),
        #[cfg(feature = "oss")]
        vec![Box::new(crate::buckets::InBucket::oss())],
        #[cfg(feature = "cos")]
        vec![Box::new(crate::buckets::InBucket::cos())],
        #[cfg(feature = "http")]
        crate::http::places(),
        #[cfg(all(feature = "s3", feature = "swift"))]
        crate::s3::places(),
        #[cfg(feature = "swift")]
        crate::swift::places(),
    ];
    places.into_iter().flatten().collect()
}

/// Those that need no server.
pub(crate) fn local_places() -> Vec<Box<dyn Place>> {
    vec![Box::new(Directory::new()), Box::new(Exact::new()), Box::new(InMemory(Memory::new())), Box::new(Stream::new())]
}

struct Directory {
    root: TempDir,
    sink: File,
}

impl Directory {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let sink = File::in_directory(root.path().join("made/on the way"));
        Self { root, sink }
    }
}

impl Place for Directory {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.root.path().join("made/on the way").join(name)).ok()
    }

    fn visible(&self) -> Vec<String> {
        files_below(self.root.path())
    }
}

struct Exact {
    root: TempDir,
    path: PathBuf,
    sink: File,
}

impl Exact {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let path = root.path().join("new/exact.bin");
        Self { sink: File::at(&path), root, path }
    }
}

impl Place for Exact {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        std::fs::read(&self.path).ok()
    }

    fn visible(&self) -> Vec<String> {
        files_below(self.root.path())
    }

    fn has_names(&self) -> bool {
        false
    }
}

struct InMemory(Memory);

impl Place for InMemory {
    fn sink(&self) -> &dyn Sink {
        &self.0
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.0.get(name).map(Vec::from)
    }

    fn visible(&self) -> Vec<String> {
        self.0.names()
    }
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Stream {
    buffer: Buffer,
    sink: Stdout,
}

impl Stream {
    fn new() -> Self {
        let buffer = Buffer::default();
        Self { sink: Stdout::to_writer(buffer.clone()), buffer }
    }
}

impl Place for Stream {
    fn sink(&self) -> &dyn Sink {
        &self.sink
    }

    fn read(&self, _: &str) -> Option<Vec<u8>> {
        let bytes = std::mem::take(&mut *self.buffer.0.lock().unwrap());
        Some(bytes)
    }

    fn visible(&self) -> Vec<String> {
        Vec::new()
    }

    fn has_names(&self) -> bool {
        false
    }

    fn has_objects(&self) -> bool {
        false
    }
}

/// Every file below `root`, by relative path, sorted.
pub(crate) fn files_below(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}
