//! The names of results: each belongs to one input.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use unlabel_core::{Error, ErrorKind, Result};
use unlabel_sinks::JOB_FILE;

use super::destination::Inputs;
use crate::remote::Origin;

/// Names that results have already, where inputs could share one: half the digest of each. The files of one directory
/// or list have names of their own, so that a long walk leaves nothing behind.
#[derive(Debug)]
pub(super) struct Taken(pub(super) Option<Mutex<HashSet<[u8; 16]>>>);

impl Taken {
    pub(super) fn of(inputs: &Inputs<'_>) -> Self {
        let has_own_names = match inputs.origins {
            [origin @ Origin::Path(_)] => origin.is_many(),
            [Origin::List(_)] => true,
            _ => false,
        };
        Self((!has_own_names || FOLDS_NAMES).then(Mutex::default))
    }

    pub(super) fn take(&self, name: &Path) -> bool {
        let Some(taken) = &self.0 else { return true };
        let digest: [u8; 32] = Sha256::digest(name.as_os_str().as_encoded_bytes()).into();
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        taken.lock().unwrap_or_else(PoisonError::into_inner).insert(half)
    }
}

/// Whether there may be one file for `A` and `a`.
const FOLDS_NAMES: bool = cfg!(any(windows, target_vendor = "apple"));

/// The path as the file system tells names apart: there may be one file for `A` and `a`.
pub(super) fn folded(path: &Path) -> PathBuf {
    if FOLDS_NAMES { path.to_string_lossy().to_lowercase().into() } else { path.to_owned() }
}

/// Whether a result would take the name of what binds its place to a job.
pub(super) fn is_job_name(relative: &Path) -> bool {
    folded(relative) == Path::new(JOB_FILE)
}

pub(super) fn job_name() -> Error {
    Error::new(ErrorKind::Usage, format!("its name {JOB_FILE} is that of the file that binds the results to a job"))
}

/// The relative path as the name of an object: its components with slashes between them.
pub(super) fn name(relative: &Path) -> Result<String> {
    let parts: Option<Vec<&str>> = relative.components().map(|part| part.as_os_str().to_str()).collect();
    parts
        .map(|parts| parts.join("/"))
        .ok_or_else(|| Error::new(ErrorKind::Usage, "its name is not UTF-8, as names of objects are"))
}
