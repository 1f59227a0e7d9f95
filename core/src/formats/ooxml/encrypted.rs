//! Encrypted packages: a compound file with a stream `EncryptedPackage` in its root ([MS-OFFCRYPTO] 2.3.4). They are
//! recognised, and nothing in them is listed.

use crate::containers::cfb;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Layout;
use crate::plan::Plan;
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Survey};

/// Whether the directory of a compound file names an encrypted package.
pub(super) fn holds_package(input: &[u8]) -> bool {
    cfb::root_names(input).iter().any(|name| name.eq_ignore_ascii_case("EncryptedPackage"))
}

/// The survey of an encrypted package; an error for any other compound file.
pub(super) fn survey(input: &[u8]) -> Result<Box<dyn Survey>> {
    if !holds_package(input) {
        return Err(Error::unsupported("a compound file, not a package"));
    }
    let barrier = Barrier::new(ErrorKind::Encrypted, "the package is encrypted");
    let guards = vec![Guard { barrier, scope: Scope::File, offset: 0 }];
    Ok(Box::new(Encrypted { findings: Findings { guards, ..Findings::default() }, input_len: input.len() as u64 }))
}

/// Nothing but the guard.
#[derive(Debug)]
struct Encrypted {
    findings: Findings,
    input_len: u64,
}

impl Survey for Encrypted {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, _: &Removal<'_>, _: Layout) -> Result<Planned> {
        Ok(Plan::identity(self.input_len).into())
    }

    fn scan(&self, _: &mut Scan<'_>) -> Result<()> {
        Ok(())
    }
}
