//! Commits that may be repeated: what makes retries, races and late workers harmless.

use unlabel_core::{Payload, Plan, Source};

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
            find(sink, name, payload, &options).await
        }
        done => done.map(|receipt| (receipt, Committed::New)),
    }
}

/// What [`commit`] with [`IfExists::Skip`] answers where there is an object of that name. Writes nothing.
///
/// # Errors
/// As [`commit`].
pub async fn find(
    sink: &dyn Sink,
    name: &str,
    payload: &Payload,
    options: &PutOptions,
) -> Result<(Receipt, Committed)> {
    if !sink.holds(name, payload, options).await? {
        return Err(Error::new(ErrorKind::Exists, "there is another result of that name"));
    }
    Ok((Receipt { bytes_written: 0, ..Receipt::new(name, payload.len()) }, Committed::Existing))
}

/// All of a small object. Blocks.
pub(crate) fn read_whole(there: Source, most: u64) -> Result<Vec<u8>> {
    if there.len() > most {
        return Err(Error::new(ErrorKind::TooLarge, format!("what is there is longer than {most} bytes")));
    }
    let len = there.len();
    let mut whole = Vec::new();
    Payload::new(there, Plan::identity(len)).write_to(&mut whole)?;
    Ok(whole)
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
