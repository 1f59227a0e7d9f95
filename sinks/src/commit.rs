//! Commits that may be repeated: what makes retries, races and late workers harmless.

use unlabel_core::{Payload, Source};

use crate::error::{Error, ErrorKind, Result};
use crate::{PutOptions, Receipt, Sink};

/// What to do where there is an object of that name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum IfExists {
    /// [`ErrorKind::Exists`].
    #[default]
    Error,
    /// Succeed where it is the very result, [`ErrorKind::Exists`] where it is another one.
    Skip,
    /// Replace it.
    Overwrite,
}

/// Whether an object was made now, or was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Committed {
    /// It was made now.
    New,
    /// It was there already, byte for byte.
    Existing,
}

impl Committed {
    /// `new` or `existing`, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Existing => "existing",
        }
    }
}

/// Stores `payload` under `name` in a way that may be repeated.
///
/// But for [`IfExists::Overwrite`] an object is only ever created: of two workers that bring the same result one creates
/// it, and with [`IfExists::Skip`] the other finds it and succeeds as well. A worker that was frozen and goes on cannot
/// replace what others made. The answer of a repeated call differs in [`Committed`] alone.
///
/// # Errors
/// As [`Sink::put`]; with [`IfExists::Skip`] [`ErrorKind::Exists`] where the object is another one than this result, and
/// [`ErrorKind::Unsupported`] where the sink cannot look.
pub async fn commit(
    sink: &dyn Sink,
    name: &str,
    payload: &Payload,
    options: &PutOptions,
    if_exists: IfExists,
) -> Result<(Receipt, Committed)> {
    let options = options.clone().create_only(if_exists != IfExists::Overwrite);
    match sink.put(name, payload, &options).await {
        Err(error) if error.kind() == ErrorKind::Exists && if_exists == IfExists::Skip => {
            if !sink.holds(name, payload).await? {
                return Err(Error::new(ErrorKind::Exists, "there is another result of that name"));
            }
            let receipt = Receipt { bytes_written: 0, ..Receipt::new(name, payload.len()) };
            Ok((receipt, Committed::Existing))
        }
        done => done.map(|receipt| (receipt, Committed::New)),
    }
}

/// Whether `there` is what `payload` yields, byte for byte. Reads both by pieces, to the first difference. Blocks.
pub(crate) fn is_same(there: &Source, payload: &Payload) -> Result<bool> {
    if there.len() != payload.len() {
        return Ok(false);
    }
    let mut at = 0;
    for chunk in payload.chunks() {
        let chunk = chunk?;
        let end = at + chunk.len() as u64;
        if there.read(at..end)? != chunk {
            return Ok(false);
        }
        at = end;
    }
    payload.source().verify_unchanged()?;
    Ok(true)
}
