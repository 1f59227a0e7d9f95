//! `unlabel request`: a request document, treated as the server would treat it.
use crate::args::Request;
use crate::exit::{Status, UsageError};

pub(crate) fn run(_: &Request) -> Result<Status, UsageError> {
    Ok(Status::Success)
}
