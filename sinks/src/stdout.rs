//! The `response` sink: the bytes go back to the caller on a stream, standard output unless told otherwise.
//!
//! A stream cannot take back what it has given. What holds instead: the payload was verified before the first byte is
//! written, an object is written without a pause by others (writers are serialised), the source is checked before the
//! first byte, and a failure is an error, so that the caller of the process sees a non-zero exit status. There is no
//! object to overwrite, so [`PutOptions::create_only`] changes nothing.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use unlabel_core::Payload;

use crate::error::{Error, Result};
use crate::{BoxFuture, PutOptions, Receipt, Sink};

/// Writes objects to standard output, or another stream, one after the other.
pub struct Stdout {
    out: Mutex<Box<dyn Write + Send>>,
    name: &'static str,
}

impl Stdout {
    /// The standard output of this process.
    pub fn new() -> Self {
        Self { out: Mutex::new(standard_output()), name: "standard output" }
    }

    /// Another stream: a socket, a buffer.
    pub fn to_writer(out: impl Write + Send + 'static) -> Self {
        Self { out: Mutex::new(Box::new(out)), name: "stream" }
    }

    fn write(&self, payload: &Payload) -> Result<Receipt> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        payload.source().verify_unchanged()?;
        payload.write_to(&mut **out)?;
        out.flush().map_err(|error| Error::io("cannot write", error))?;
        // A mapped source that changed meanwhile may have been sent half old, half new: say so.
        payload.source().verify_unchanged()?;
        Ok(Receipt::new(self.name, payload.len()))
    }
}

/// The unbuffered standard output: that of the standard library looks for line ends in every byte.
#[cfg(unix)]
fn standard_output() -> Box<dyn Write + Send> {
    use std::os::fd::AsFd;
    match std::io::stdout().as_fd().try_clone_to_owned() {
        Ok(descriptor) => Box::new(std::fs::File::from(descriptor)),
        Err(_) => Box::new(std::io::stdout()),
    }
}

#[cfg(not(unix))]
fn standard_output() -> Box<dyn Write + Send> {
    Box::new(std::io::stdout())
}

impl Default for Stdout {
    fn default() -> Self {
        Self::new()
    }
}

impl Sink for Stdout {
    fn put<'a>(&'a self, _: &'a str, payload: &'a Payload, _: &'a PutOptions) -> BoxFuture<'a, Result<Receipt>> {
        Box::pin(async move { self.write(payload) })
    }
}

impl fmt::Debug for Stdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stdout").field("stream", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Display for Stdout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
