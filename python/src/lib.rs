//! The native half of the Python package `unlabel`.
//!
//! It knows text, bytes, lists and dictionaries only; the package in `python/unlabel` makes a pleasant interface of it.
//! All work is done detached from the interpreter, so that other threads of Python go on.

mod buffer;
mod engine;
mod failure;
mod input;
mod job;
mod network;
mod output;
mod place;
mod row;

/// What `unlabel/__init__.py` stands on. Nothing here is shared between calls without a lock or is ever changed, so that
/// threads need no global lock of the interpreter.
#[pyo3::pymodule(gil_used = false)]
mod _unlabel {
    #[pymodule_export]
    use crate::engine::{Edit, Engine, list_labels};
    #[pymodule_export]
    use crate::job::Job;
    #[pymodule_export]
    #[allow(non_upper_case_globals, reason = "the name that Python knows")]
    const __version__: &str = env!("CARGO_PKG_VERSION");
}
