//! Encrypted packages: a compound file whose directory names a stream `EncryptedPackage` ([MS-OFFCRYPTO] 2.3.4,
//! [MS-CFB] 2.6). They are recognised, and nothing in them is listed.

use memchr::memmem;

use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Layout;
use crate::plan::Plan;
use crate::scan::Scan;
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Survey};

/// `EncryptedPackage` as a directory entry spells it.
const STREAM: &[u8] = b"E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0\0\0";

/// Directory sectors that are looked at: the entries of an encrypted package fit three small ones.
const SECTORS: usize = 64;

/// Whether the bytes are a compound file.
pub(super) fn is_compound_file(input: &[u8]) -> bool {
    input.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

/// Whether the directory of a compound file names an encrypted package.
pub(super) fn holds_package(input: &[u8]) -> bool {
    let mut found = false;
    let _ = each_directory_sector(input, &mut |sector| found |= memmem::find(sector, STREAM).is_some());
    found
}

/// Follows the directory chain through the allocation sectors that the header lists itself.
fn each_directory_sector(input: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<()> {
    let mut header = Cursor::new(input);
    header.seek(30)?;
    let shift = u32::from(header.u16_le()?.min(20));
    let length = 1_usize << shift;
    header.seek(48)?;
    let mut sector = header.u32_le()?;
    let at = |sector: u32| (u64::from(sector) + 1) << shift;
    for _ in 0..SECTORS {
        let start = usize::try_from(at(sector)).unwrap_or(usize::MAX);
        let Some(bytes) = input.get(start..start.saturating_add(length).min(input.len())) else { break };
        visit(bytes);
        let per_sector = (length / 4) as u32;
        let list = sector / per_sector;
        if list >= 109 {
            break;
        }
        header.seek(76 + 4 * list as usize)?;
        let table = at(header.u32_le()?) + u64::from(sector % per_sector) * 4;
        let mut entry = Cursor::new(input);
        entry.seek(usize::try_from(table).unwrap_or(usize::MAX))?;
        sector = entry.u32_le()?;
    }
    Ok(())
}

/// The survey of an encrypted package; an error for any other compound file.
pub(super) fn survey(input: &[u8]) -> Result<Box<dyn Survey>> {
    if !holds_package(input) {
        return Err(Error::unsupported("a compound file, not a package"));
    }
    let barrier = Barrier::new(ErrorKind::Encrypted, "the package is encrypted");
    let guards = vec![Guard { barrier, scope: Scope::File, offset: 0 }];
    Ok(Box::new(Encrypted { findings: Findings { sites: Vec::new(), guards }, input_len: input.len() as u64 }))
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
