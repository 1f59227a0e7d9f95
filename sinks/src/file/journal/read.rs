//! Reading a journal, which may have been cut off at any byte, or tell lies under a digest that is right.

#[cfg(unix)]
use std::ffi::OsStr;
use std::ffi::OsString;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use unlabel_core::{Edit, Plan, Source};

use super::{ABSENT, DIGEST, Digests, MAGIC, VERSION};
use crate::error::{Error, ErrorKind, Result};

/// A complete journal.
#[derive(Debug)]
pub(in crate::file) struct Journal {
    bytes: Bytes,
    pub(in crate::file) len_before: u64,
    len_after: u64,
    pub(in crate::file) modified: Option<SystemTime>,
    pub(in crate::file) identity: (u64, u64),
    pub(in crate::file) digests: Option<Digests>,
    /// What the file is called.
    pub(in crate::file) name: OsString,
    pub(in crate::file) edits: Vec<Reverse>,
    pub(in crate::file) attributes: Vec<Attribute>,
}

/// What one edit replaced, and by what.
#[derive(Debug)]
pub(in crate::file) struct Reverse {
    /// Where it begins in the file before.
    pub(in crate::file) start: u64,
    before: Range<usize>,
    after: After,
}

#[derive(Debug)]
enum After {
    Bytes(Range<usize>),
    Fill { byte: u8, len: u64 },
}

/// An extended attribute, before and after.
#[derive(Debug)]
pub(in crate::file) struct Attribute {
    pub(in crate::file) name: OsString,
    pub(in crate::file) before: Option<Vec<u8>>,
    pub(in crate::file) after: Option<Vec<u8>>,
}

impl Journal {
    /// Reads a journal. None for one that was never complete.
    ///
    /// # Errors
    /// [`ErrorKind::Journal`] when it is complete, and in a form that is not known here.
    pub(in crate::file) fn read(source: Source) -> Result<Option<Self>> {
        let bytes = Bytes::from_owner(source);
        let Some((content, seal)) = bytes.len().checked_sub(DIGEST).and_then(|len| bytes.split_at_checked(len)) else {
            return Ok(None);
        };
        if !content.starts_with(MAGIC) || Sha256::digest(content)[..] != *seal {
            return Ok(None);
        }
        let mut fields = Fields { bytes: content, at: MAGIC.len() };
        match fields.u32() {
            Some(VERSION) => Ok(Self::fields(&bytes, fields)),
            _ => Err(Error::new(ErrorKind::Journal, "the journal was written by another version of this program")),
        }
    }

    fn fields(bytes: &Bytes, mut fields: Fields<'_>) -> Option<Self> {
        let has_digests = fields.u32()? == 1;
        let (len_before, len_after) = (fields.u64()?, fields.u64()?);
        let modified = from_parts(fields.u64()?.cast_signed(), fields.u32()?);
        let identity = (fields.u64()?, fields.u64()?);
        let digests = if has_digests {
            Some(Digests {
                before: fields.take(DIGEST)?.try_into().ok()?,
                after: fields.take(DIGEST)?.try_into().ok()?,
            })
        } else {
            None
        };
        let name = os_string(fields.short()?);
        let mut edits = Vec::new();
        for _ in 0..fields.u64()? {
            edits.push(fields.reverse()?);
        }
        let mut attributes = Vec::new();
        for _ in 0..fields.u64()? {
            let name = os_string(fields.short()?);
            attributes.push(Attribute { name, before: fields.long()?.0, after: fields.long()?.0 });
        }
        let is_whole = fields.at == fields.bytes.len() && is_in_order(&edits, len_before);
        is_whole.then_some(())?;
        let bytes = bytes.clone();
        Some(Self { bytes, len_before, len_after, modified, identity, digests, name, edits, attributes })
    }

    /// The bytes that an edit replaced.
    pub(in crate::file) fn before(&self, edit: &Reverse) -> Bytes {
        self.bytes.slice(edit.before.clone())
    }

    /// Whether `bytes`, which stand `offset` bytes behind the beginning of the edit, are those of the file after.
    pub(in crate::file) fn is_after(&self, edit: &Reverse, offset: usize, bytes: &[u8]) -> bool {
        (0..bytes.len()).all(|at| bytes.get(at).copied() == self.byte_after(edit, offset + at))
    }

    /// Whether each of `bytes`, which stand `offset` bytes behind the beginning of the edit, is that of the file before
    /// or that of the file after.
    pub(in crate::file) fn is_either(&self, edit: &Reverse, offset: usize, bytes: &[u8]) -> bool {
        let before = self.bytes.get(edit.before.clone()).unwrap_or_default();
        bytes.iter().enumerate().all(|(at, byte)| {
            before.get(offset + at) == Some(byte) || self.byte_after(edit, offset + at) == Some(*byte)
        })
    }

    /// The plan that makes the file before of the file after. Its bytes stay in the journal.
    ///
    /// # Errors
    /// When the edits contradict each other, as those that were written here do not.
    pub(in crate::file) fn inverse(&self) -> Result<Plan> {
        let wrong = || Error::new(ErrorKind::Journal, "the journal contradicts itself");
        let mut edits = Vec::with_capacity(self.edits.len());
        // How far everything behind the edits so far has moved.
        let mut moved = 0_i128;
        for edit in &self.edits {
            let start = u64::try_from(i128::from(edit.start) + moved).map_err(|_| wrong())?;
            let end = start.checked_add(edit.len_after()).ok_or_else(wrong)?;
            edits.push(Edit::replace(start..end, self.before(edit)));
            moved += i128::from(edit.len_after()) - edit.before.len() as i128;
        }
        let plan = Plan::new(edits, self.len_after)?;
        if plan.output_len() == self.len_before { Ok(plan) } else { Err(wrong()) }
    }

    fn byte_after(&self, edit: &Reverse, offset: usize) -> Option<u8> {
        match &edit.after {
            After::Bytes(range) => self.bytes.get(range.clone())?.get(offset).copied(),
            After::Fill { byte, len } => ((offset as u64) < *len).then_some(*byte),
        }
    }
}

impl Reverse {
    fn len_after(&self) -> u64 {
        match &self.after {
            After::Bytes(range) => range.len() as u64,
            After::Fill { len, .. } => *len,
        }
    }

    /// Whether it kept the length.
    pub(in crate::file) fn keeps_length(&self) -> bool {
        self.len_after() == self.before.len() as u64
    }
}

fn is_in_order(edits: &[Reverse], len: u64) -> bool {
    let mut end = 0;
    edits.iter().all(|edit| {
        let start = edit.start;
        let follows = start >= end;
        end = start.saturating_add(edit.before.len() as u64);
        follows && end <= len
    })
}

/// The value of an attribute, if that is there.
struct Value(Option<Vec<u8>>);

/// The fields of a journal, one after the other.
struct Fields<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Fields<'b> {
    fn range(&mut self, len: u64) -> Option<Range<usize>> {
        let end = self.at.checked_add(usize::try_from(len).ok()?)?;
        let range = self.at..end;
        self.bytes.get(range.clone())?;
        self.at = end;
        Some(range)
    }

    fn take(&mut self, len: usize) -> Option<&'b [u8]> {
        let range = self.range(len as u64)?;
        self.bytes.get(range)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }

    fn short(&mut self) -> Option<&'b [u8]> {
        let len = self.u32()?;
        self.take(len as usize)
    }

    fn long(&mut self) -> Option<Value> {
        match self.u64()? {
            ABSENT => Some(Value(None)),
            len => self.take(usize::try_from(len).ok()?).map(|bytes| Value(Some(bytes.to_vec()))),
        }
    }

    fn reverse(&mut self) -> Option<Reverse> {
        let (start, len_before, len_after) = (self.u64()?, self.u64()?, self.u64()?);
        let after = match *self.take(2)? {
            [0, _] => After::Bytes(self.range(len_after)?),
            [1, byte] => After::Fill { byte, len: len_after },
            _ => return None,
        };
        Some(Reverse { start, before: self.range(len_before)?, after })
    }
}

/// Bytes of a name as the system writes them.
#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    let name: &OsStr = std::os::unix::ffi::OsStrExt::from_bytes(bytes);
    name.to_owned()
}

#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

fn from_parts(seconds: i64, nanoseconds: u32) -> Option<SystemTime> {
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(whole)?
    } else {
        SystemTime::UNIX_EPOCH.checked_add(whole)?
    };
    time.checked_add(Duration::from_nanos(u64::from(nanoseconds)))
}
