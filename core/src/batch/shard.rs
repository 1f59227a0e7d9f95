//! A share of the input that anybody can compute.
//!
//! A file belongs to shard `hash mod count`, where `hash` is the first eight bytes, big end first, of the SHA-256 digest
//! of its relative path: its components with `/` between them, without a leading `/` or `./`, as the bytes that the
//! system has (UTF-8 on Windows). For four shards:
//!
//! ```sh
//! python3 -c 'import hashlib,sys; print(int(hashlib.sha256(sys.argv[1].encode()).hexdigest()[:16], 16) % 4)' sub/a.docx
//! ```
//!
//! That will not change.

use std::path::{Component, Path};

use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};

/// One of several shares of an input: together they are the whole, and no two have a file in common.
///
/// The share of a file depends on its relative path alone: not on the machine, the order, or the other files. The
/// module's source says how it is computed.
///
/// ```
/// use std::path::Path;
/// use unlabel_core::batch::Shard;
/// assert_eq!(Shard::hash(Path::new("sub/a.docx")), 0x82b9_9c54_f1fe_56fc);
/// assert!(Shard::new(0, 1)?.takes(Path::new("sub/a.docx")));
/// assert!(Shard::new(4, 4).is_err());
/// # Ok::<(), unlabel_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    count: u64,
}

impl Shard {
    /// Share number `index`, from 0, of `count`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when `index` is not below `count`.
    pub fn new(index: u64, count: u64) -> Result<Self> {
        if index >= count {
            let words = format!("shard {index} of {count}: shards are counted from 0, so the index is below the count");
            return Err(Error::new(ErrorKind::Usage, words));
        }
        Ok(Self { index, count })
    }

    /// Whether the file with this relative path is in the share.
    pub fn takes(self, relative: &Path) -> bool {
        Self::hash(relative) % self.count == self.index
    }

    /// The hash that decides.
    pub fn hash(relative: &Path) -> u64 {
        let mut digest = Sha256::new();
        let mut is_first = true;
        for part in relative.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir)) {
            if !is_first {
                digest.update(b"/");
            }
            digest.update(part.as_os_str().as_encoded_bytes());
            is_first = false;
        }
        let digest: [u8; 32] = digest.finalize().into();
        digest.iter().take(8).fold(0, |hash, byte| hash << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_file_is_in_exactly_one_share(path in "[a-z/.é ]{1,40}", count in 1_u64..40) {
            let takes = |index| Shard::new(index, count).unwrap().takes(Path::new(&path));
            prop_assert_eq!((0..count).filter(|&index| takes(index)).count(), 1);
        }
    }

    #[test]
    fn the_hash_is_that_of_the_manual() {
        // printf %s 'sub/é.docx' | sha256sum
        assert_eq!(Shard::hash(Path::new("sub/é.docx")), 0xa1a4_b989_c5da_0e40);
        assert_eq!(Shard::hash(Path::new("./sub//é.docx")), Shard::hash(Path::new("sub/é.docx")));
    }
}
