//! What a caller gives to be read: bytes in memory, or where they are.

use std::path::{Path, PathBuf};

use pyo3::prelude::*;
use pyo3::types::PyString;
use unlabel_core::Source;

use crate::buffer;
use crate::failure::Result;
use crate::place::{Places, shown};

/// An input of a call on one file.
pub(crate) enum Input {
    Memory(Source),
    Path(PathBuf),
}

impl Input {
    /// `bytes` or a `memoryview` of them, or a path or URL.
    pub(crate) fn of(source: &Bound<'_, PyAny>, name: Option<&str>) -> PyResult<Self> {
        if source.is_instance_of::<PyString>() || source.hasattr("__fspath__")? {
            return source.extract().map(Self::Path);
        }
        buffer::source(source, name).map(Self::Memory)
    }

    /// Opens it. Blocks.
    pub(crate) fn open(self, places: &Places) -> Result<Source> {
        match self {
            Self::Memory(source) => Ok(source),
            Self::Path(path) => {
                let open = || places.open(&places.find(&path)?);
                open().map(|opened| opened.source).map_err(|failure| failure.for_path(Path::new(&shown(&path))))
            }
        }
    }
}
