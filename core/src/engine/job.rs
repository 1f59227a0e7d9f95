//! What a set of results belongs to: the labels and settings that made them.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Engine;
use crate::plan::hexadecimal;

/// What decides over results, as digests: two engines of one job make the same result of the same file.
///
/// The rules count, their order does not. Which files are taken, and where results go, is not part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Of what is removed, and what is kept.
    pub labels: String,
    /// Of the other settings and limits.
    pub options: String,
    /// The version of this crate.
    pub version: String,
}

impl Job {
    /// The parts in which another job differs, by their names.
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let parts = [
            ("labels", self.labels != other.labels),
            ("options", self.options != other.options),
            ("version", self.version != other.version),
        ];
        parts.into_iter().filter_map(|(name, differs)| differs.then_some(name)).collect()
    }
}

impl Engine {
    /// The job that results of this engine belong to.
    ///
    /// ```
    /// use unlabel_core::Engine;
    /// let job = Engine::builder().label("id").label("@msip").build()?.job();
    /// assert_eq!(job, Engine::builder().label("@msip").label("id").build()?.job());
    /// let other = Engine::builder().label("id").build()?.job();
    /// assert_eq!(job.differences(&other), ["labels"]);
    /// # Ok::<(), unlabel_core::Error>(())
    /// ```
    pub fn job(&self) -> Job {
        let Self { selector, layout, proof, allow_signed, allow_partial, inside, prune_empty, limits } = self;
        let options = (layout, proof, allow_signed, allow_partial, inside, prune_empty, limits);
        Job {
            labels: digest(&selector.canonical()),
            options: digest(&format!("{options:?}")),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn digest(words: &str) -> String {
    hexadecimal(&Sha256::digest(words))
}
