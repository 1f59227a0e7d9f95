//! Bytes that Python holds, as a source.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PySlice};
use unlabel_core::{Error, ErrorKind, ReadAt, Source};

/// A source over `bytes`, without a copy, or over a `memoryview` of bytes that do not change, which is read by ranges as
/// they are needed: the limited interface of Python 3.10 leads to no pointer.
pub(crate) fn source(data: &Bound<'_, PyAny>, name: Option<&str>) -> PyResult<Source> {
    let source = if let Ok(bytes) = data.cast::<PyBytes>() {
        Source::from_bytes(Bytes::from_owner(PyBackedBytes::from(bytes.clone())))
    } else {
        let len = data.len()? as u64;
        Source::remote(Arc::new(View { view: data.clone().unbind(), len }))
    };
    Ok(match name {
        Some(name) => source.with_name(name),
        None => source,
    })
}

/// A `memoryview` of single bytes.
struct View {
    view: Py<PyAny>,
    len: u64,
}

impl ReadAt for View {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, range: Range<u64>) -> unlabel_core::Result<Bytes> {
        let read = |py: Python<'_>| {
            let slice = PySlice::new(py, range.start.cast_signed() as isize, range.end.cast_signed() as isize, 1);
            let bytes = self.view.bind(py).get_item(slice)?.call_method0("tobytes")?;
            Ok(Bytes::from_owner(bytes.extract::<PyBackedBytes>()?))
        };
        Python::attach(read).map_err(|error: PyErr| {
            Error::new(ErrorKind::Changed, format!("the buffer cannot be read any more: {error}")).at(range.start)
        })
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("len", &self.len).finish_non_exhaustive()
    }
}
