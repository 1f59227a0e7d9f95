//! ZIP archives (PKWARE APPNOTE 6.3.10): the directory of members, their data, and edits of some members that leave
//! every other byte alone.
//!
//! The central directory is authoritative; each local header is compared with it, and a member on which they disagree
//! is readable but not editable. Prefix bytes, comments, data descriptors (with or without signature, 4 or 8 bytes
//! wide), ZIP64 and ranges that no member owns are treated; payload is not touched until a member is read.
//!
//! An edit of a member must be followed by its CRC-32 and sizes in the local header or data descriptor, in the central
//! directory and in their ZIP64 fields; when the length of a record changes, also by the offsets of every later member
//! and of the directory. [`Archive::edits`] does all of it.
//!
//! Refused: several disks, overlapping members, a directory that does not fit the file. Not editable: encrypted
//! members, methods other than *stored* and *deflated*. Old members in gaps are found and cleared on demand
//! ([`Archive::stale`]); member names, timestamps and standard extra fields are never changed.

mod directory;
mod edit;
mod slack;

use std::borrow::Cow;
use std::ops::Range;

pub use directory::names;
pub use edit::{Change, Request};
pub use slack::{Stale, StaleKind};

use crate::containers::deflate::{self, Wrapper};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::Barrier;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;
const AES: u16 = 99;

/// General purpose flag bits: encrypted, data descriptor, strong encryption, masked local headers.
const ENCRYPTED: u16 = 1;
const DESCRIPTOR: u16 = 1 << 3;
const STRONG_ENCRYPTION: u16 = 1 << 6;
const MASKED: u16 = 1 << 13;

/// Fixed lengths of a local header, a directory record and the end record.
const LOCAL_LEN: u64 = 30;
const RECORD_LEN: u64 = 46;
const END_LEN: u64 = 22;

/// Extra field ids: ZIP64 sizes, and the OPC growth hint.
const ZIP64: u16 = 0x0001;
const GROWTH_HINT: u16 = 0xa220;

/// One member of an archive, as the central directory and the local header describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// CRC-32 of the decoded data.
    pub crc: u32,
    /// Length of the decoded data in bytes.
    pub size: u64,
    /// Length of the coded data in bytes.
    pub compressed: u64,
    /// Byte of the input where the local header begins.
    pub header: u64,
    /// Compression method.
    method: u16,
    /// General purpose flags, of both headers together.
    flags: u16,
    /// Length of the local header with name and extra fields.
    header_len: u32,
    /// Length of the data descriptor: 0, 12, 16, 20 or 24.
    descriptor_len: u8,
    /// Byte of the input where the directory record begins.
    record: u64,
    name_len: u16,
    extra_len: u16,
    comment_len: u16,
    /// Why the member cannot be edited, though it can be read.
    flaw: Option<&'static str>,
}

impl Entry {
    /// The coded data in the input.
    pub fn data(&self) -> Range<u64> {
        let start = self.header + u64::from(self.header_len);
        start..start + self.compressed
    }

    /// Everything of the member before the directory: local header, data, data descriptor.
    pub fn range(&self) -> Range<u64> {
        self.header..self.data().end + u64::from(self.descriptor_len)
    }

    /// Whether the data stands in the file as it is.
    pub fn is_stored(&self) -> bool {
        self.method == STORED
    }

    /// Whether the data is encrypted, by any of the three ways ZIP has.
    pub fn is_encrypted(&self) -> bool {
        self.flags & (ENCRYPTED | STRONG_ENCRYPTION | MASKED) != 0 || self.method == AES
    }

    fn name_range(&self) -> Range<u64> {
        let start = self.record + RECORD_LEN;
        start..start + u64::from(self.name_len)
    }

    fn extra_range(&self) -> Range<u64> {
        let start = self.name_range().end;
        start..start + u64::from(self.extra_len)
    }

    fn comment_range(&self) -> Range<u64> {
        let start = self.extra_range().end;
        start..start + u64::from(self.comment_len)
    }

    /// The end of the directory record.
    fn record_end(&self) -> u64 {
        self.comment_range().end
    }

    fn local_extra_range(&self) -> Range<u64> {
        self.header + LOCAL_LEN + u64::from(self.name_len)..self.data().start
    }
}

/// The records behind the central directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct End {
    /// Where the ZIP64 end record lies, if there is one, and where its locator lies.
    zip64: Option<(Range<u64>, u64)>,
    /// Where the end record lies.
    record: u64,
    /// The archive comment.
    comment: Range<u64>,
}

/// A parsed archive: where everything is, nothing decoded.
///
/// ```
/// use unlabel_core::Limits;
/// use unlabel_core::containers::zip::Archive;
/// let empty = [&b"PK\x05\x06"[..], &[0; 18]].concat();
/// assert!(Archive::parse(&empty, &Limits::default()).unwrap().entries().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Archive<'a> {
    input: &'a [u8],
    /// In directory order.
    entries: Vec<Entry>,
    /// Indices of `entries` by position in the file.
    by_position: Vec<u32>,
    /// Bytes before the archive proper, which its offsets do not count.
    prefix: u64,
    directory: Range<u64>,
    end: End,
}

impl<'a> Archive<'a> {
    /// The members, in directory order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The name of a member as it is spelled in the directory; empty when there is no such member.
    pub fn name(&self, index: usize) -> &'a [u8] {
        self.entries.get(index).map(|entry| self.bytes(entry.name_range())).unwrap_or_default()
    }

    /// The archive comment.
    pub fn comment(&self) -> &'a [u8] {
        self.bytes(self.end.comment.clone())
    }

    /// Where comments lie that are not empty, each with the member it is on: those of members in directory order, that
    /// of the archive last.
    pub fn comments(&self) -> Vec<(Option<usize>, Range<u64>)> {
        let of_members = self.entries.iter().enumerate().map(|(index, entry)| (Some(index), entry.comment_range()));
        let all = of_members.chain([(None, self.end.comment.clone())]);
        all.filter(|(_, range)| !range.is_empty()).collect()
    }

    /// Whether something stands before the directory that signs the archive as a whole (Android's APK Signature
    /// Scheme 2 and later).
    pub fn has_signing_block(&self) -> bool {
        let magic = b"APK Sig Block 42";
        let start = self.directory.start.saturating_sub(magic.len() as u64);
        self.bytes(start..self.directory.start) == magic
    }

    /// Why a member cannot be edited, if so; `decoded` is its data, as far as it has been [read](Self::read).
    pub fn obstacle(&self, index: usize, decoded: Option<&[u8]>) -> Option<Barrier> {
        let entry = self.entries.get(index)?;
        if entry.is_encrypted() {
            return Some(Barrier::new(ErrorKind::Encrypted, "the ZIP member is encrypted"));
        }
        if !matches!(entry.method, STORED | DEFLATED) {
            let reason = format!("the ZIP member is compressed by method {}", entry.method);
            return Some(Barrier::new(ErrorKind::Unsupported, reason));
        }
        let wrong_crc = decoded.is_some_and(|decoded| crc32fast::hash(decoded) != entry.crc);
        let flaw = entry.flaw.or(wrong_crc.then_some("the CRC-32 of the ZIP member does not match its data"));
        flaw.map(|flaw| Barrier::new(ErrorKind::Conflict, flaw))
    }

    /// The decoded data of a member, held whole. Stored data is borrowed from the input.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) over [`Limits::part_bytes`], [`Encrypted`](ErrorKind::Encrypted) or
    /// [`Unsupported`](ErrorKind::Unsupported) where it cannot be decoded, [`Malformed`](ErrorKind::Malformed) when
    /// the data is broken or not as long as the directory says. The CRC-32 is compared by
    /// [`obstacle`](Self::obstacle).
    pub fn read(&self, index: usize, limits: &Limits) -> Result<Cow<'a, [u8]>> {
        let (entry, coded) = self.coded(index)?;
        limits.check_part(entry.size).map_err(|error| error.at(entry.header))?;
        if entry.is_stored() {
            return Ok(Cow::Borrowed(coded));
        }
        let start = entry.data().start;
        let decoded = deflate::inflate(coded, Wrapper::Raw, entry.size).map_err(|error| error.rebased(start))?;
        if decoded.bytes.len() as u64 != entry.size {
            return Err(Error::malformed(start, "a ZIP member is not as long as the directory says"));
        }
        Ok(Cow::Owned(decoded.bytes))
    }

    /// Shows the decoded data of a member piece by piece; holds one piece only.
    ///
    /// # Errors
    /// As [`read`](Self::read), with `limit_bytes` in place of the part limit, and whatever `window` returns.
    pub fn windows(&self, index: usize, limit_bytes: u64, window: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let (entry, coded) = self.coded(index)?;
        if entry.is_stored() {
            return coded.chunks(1 << 20).try_for_each(window);
        }
        let limit = limit_bytes.min(entry.size);
        let inflated = deflate::inflate_windows(coded, Wrapper::Raw, limit, window);
        inflated.map(drop).map_err(|error| error.rebased(entry.data().start))
    }

    /// The first decoded bytes of a member, at most `len`; damage behind them does not matter.
    ///
    /// # Errors
    /// As [`read`](Self::read), when not even one byte can be decoded.
    pub fn head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let (entry, coded) = self.coded(index)?;
        if entry.is_stored() {
            return Ok(coded.get(..len).unwrap_or(coded).to_vec());
        }
        deflate::inflate_head(coded, Wrapper::Raw, len).map_err(|error| error.rebased(entry.data().start))
    }

    /// The data of a member as it stands in the file; nothing when there is no such member.
    pub fn coded_bytes(&self, index: usize) -> &'a [u8] {
        self.entries.get(index).map(|entry| self.bytes(entry.data())).unwrap_or_default()
    }

    /// A member and its coded data, if it can be decoded.
    fn coded(&self, index: usize) -> Result<(&Entry, &'a [u8])> {
        let Some(entry) = self.entries.get(index) else {
            return Err(Error::malformed(self.directory.start, "no such ZIP member"));
        };
        if entry.is_encrypted() {
            return Err(Error::new(ErrorKind::Encrypted, "the ZIP member is encrypted").at(entry.header));
        }
        match entry.method {
            STORED if entry.size != entry.compressed => {
                Err(Error::malformed(entry.header, "a stored ZIP member has two sizes"))
            }
            STORED | DEFLATED => Ok((entry, self.bytes(entry.data()))),
            method => {
                Err(Error::unsupported(format!("a ZIP member is compressed by method {method}")).at(entry.header))
            }
        }
    }

    /// Bytes of the input; nothing when the range leaves it, which parsing has ruled out.
    pub(crate) fn bytes(&self, range: Range<u64>) -> &'a [u8] {
        self.input.get(range.start as usize..range.end as usize).unwrap_or_default()
    }
}

/// One extra field: its id, and the range of its body in the slice it was found in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Extra {
    id: u16,
    body: Range<usize>,
}

/// The extra fields of a header. Stops where what follows is not one; the rest is `None`'s to tell.
fn extras(bytes: &[u8]) -> impl Iterator<Item = Extra> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let [id_low, id_high, len_low, len_high] = *bytes.get(position..)?.first_chunk()?;
        let start = position + 4;
        let body = start..start + usize::from(u16::from_le_bytes([len_low, len_high]));
        bytes.get(body.clone())?;
        position = body.end;
        Some(Extra { id: u16::from_le_bytes([id_low, id_high]), body })
    })
}

#[cfg(test)]
pub(crate) mod tests;
