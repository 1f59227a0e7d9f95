//! gzip (RFC 1952): one or more members, each a header, DEFLATE data, and the CRC-32 and length of what it decodes to.
//!
//! Labels are the name and the comment in headers, fields of the format. An edited member keeps its length: the data is
//! coded in as many bytes as before, or what it takes less becomes an extra field, which every reader skips; the fields of
//! a header become one too. Where the data cannot be coded as tightly as it was, the member grows. Checksum, length and
//! the CRC-16 of a header follow.
//!
//! Refused: members whose checksum or length is wrong, which readers refuse too. What stays behind: the time in a header,
//! and extra fields. Bytes behind the last member are blanked where an old copy stands in them.

use std::ops::Range;

use super::deflate::{self, Wrapper, deflate, deflate_exact, inflate};
use super::nested::rewrite;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Kind, Site};

/// The first bytes of a member.
pub(crate) const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

const HEADER_CRC: u8 = 2;
const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;

/// The header of a member. Ranges are bytes of the file.
#[derive(Clone, Debug, Default)]
struct Header {
    range: Range<usize>,
    flags: u8,
    /// The extra field without its length.
    extra: Range<usize>,
    /// With the zero that ends it, as the comment.
    name: Range<usize>,
    comment: Range<usize>,
}

#[derive(Clone, Debug)]
struct Member {
    header: Header,
    data: Range<usize>,
    /// What it decodes to, in the data of all members.
    decoded: Range<usize>,
    end: usize,
}

/// A parsed file.
#[derive(Debug)]
pub(crate) struct Gzip {
    members: Vec<Member>,
    /// What follows the last member.
    tail: Range<usize>,
    sites: Vec<Site>,
    /// For each site its member, and whether it is the comment.
    fields: Vec<(usize, bool)>,
}

impl Gzip {
    /// Parses and decodes `input`.
    ///
    /// # Errors
    /// Malformed with the offset, and [`LimitExceeded`](crate::ErrorKind::LimitExceeded) when it decodes to more than
    /// the limit.
    pub(crate) fn open(input: &[u8], limits: &Limits) -> Result<(Self, Vec<u8>)> {
        let mut gzip = Self { members: Vec::new(), tail: 0..0, sites: Vec::new(), fields: Vec::new() };
        let mut decoded = Vec::new();
        let mut position = 0;
        while input.get(position..).is_some_and(|rest| rest.starts_with(&MAGIC)) || position == 0 {
            let header = header(input, position)?;
            let rest = input.get(header.range.end..).unwrap_or_default();
            let room = limits.part_bytes.saturating_sub(decoded.len() as u64);
            let base = header.range.end as u64;
            let part = inflate(rest, Wrapper::Raw, room).map_err(|error| error.rebased(base))?;
            let data = header.range.end..header.range.end + part.consumed;
            let mut trailer = Cursor::within(input.get(data.end..).unwrap_or_default(), data.end as u64);
            let (sum, len) = (trailer.u32_le()?, trailer.u32_le()?);
            if sum != crc32fast::hash(&part.bytes) || len != part.bytes.len() as u32 {
                return Err(Error::malformed(data.end as u64, "the checksum of compressed data is wrong"));
            }
            let start = decoded.len();
            decoded.extend_from_slice(&part.bytes);
            position = data.end + 8;
            gzip.describe(input, &header);
            gzip.members.push(Member { header, data, decoded: start..decoded.len(), end: position });
            limits.check_items(gzip.members.len(), "gzip members")?;
        }
        gzip.tail = position..input.len();
        Ok((gzip, decoded))
    }

    /// Lists the fields of a header.
    fn describe(&mut self, input: &[u8], header: &Header) {
        for (range, name) in [(&header.name, "name"), (&header.comment, "comment")] {
            let text = input.get(range.clone()).unwrap_or_default();
            let Some(text) = text.strip_suffix(&[0]).filter(|text| !text.is_empty()) else { continue };
            self.fields.push((self.members.len(), name == "comment"));
            self.sites.push(Site {
                key: name.to_owned(),
                address: format!("gzip:{name}"),
                value: Some(encoding_rs::mem::decode_latin1(text).into_owned()),
                kind: Kind::Standard,
                place: "gzip header".to_owned(),
                offset: range.start as u64,
                ..Site::default()
            });
        }
    }

    /// The fields of headers.
    pub(crate) fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Where the compressed data begins.
    pub(crate) fn data_offset(&self) -> u64 {
        self.members.first().map_or(0, |member| member.data.start as u64)
    }

    /// The plan that removes the chosen fields (ascending) and makes the edits of `ways` in the decoded data: of the
    /// first way that fits where the file is to keep its length, else of the last.
    pub(crate) fn plan(
        &self,
        input: &[u8],
        decoded: &[u8],
        chosen: &[usize],
        ways: &[Plan],
        needles: &Needles,
        layout: Layout,
    ) -> Result<Plan> {
        let mut edits = Vec::new();
        for (index, member) in self.members.iter().enumerate() {
            let goes = |is_comment| chosen.iter().any(|site| self.fields.get(*site) == Some(&(index, is_comment)));
            let fields = [goes(false), goes(true)];
            let old = input.get(member.header.range.start..member.end).unwrap_or_default();
            let mut texts = Vec::with_capacity(ways.len());
            for way in ways {
                texts.push(part(way, decoded, &member.decoded)?);
            }
            let is_same = texts.iter().all(|text| Some(&**text) == decoded.get(member.decoded.clone()));
            if is_same && fields == [false; 2] {
                continue;
            }
            let new = member.write(input, fields, &texts, is_same, layout);
            if new.len() == old.len() {
                edits.extend(rewrite(member.header.range.start, old, &new));
            } else {
                edits.push(Edit::replace(member.header.range.start as u64..member.end as u64, new));
            }
        }
        if input.get(self.tail.clone()).is_some_and(|tail| needles.occur_in(tail)) {
            edits.push(Edit::fill(self.tail.start as u64..self.tail.end as u64, 0));
        }
        Plan::new(edits, input.len() as u64)
    }

    /// Shows headers and what follows the members.
    pub(crate) fn scan(&self, input: &[u8], scan: &mut Scan<'_>) {
        for Member { header, .. } in &self.members {
            let bytes = input.get(header.range.clone()).unwrap_or_default();
            let claims = [&header.name, &header.comment];
            let claims = claims.map(|field| field.start - header.range.start..field.end - header.range.start);
            scan.raw_region(Class::Metadata, "gzip header", header.range.start as u64, bytes, &claims);
        }
        let tail = input.get(self.tail.clone()).unwrap_or_default();
        scan.raw_region(Class::Slack, "behind the gzip data", self.tail.start as u64, tail, &[]);
    }
}

impl Member {
    /// The member without the chosen fields of its header, with the first of `texts` that fits into its length.
    fn write(&self, input: &[u8], goes: [bool; 2], texts: &[Vec<u8>], is_same: bool, layout: Layout) -> Vec<u8> {
        let coded = input.get(self.data.clone()).unwrap_or_default();
        let len = self.end - self.header.range.start;
        if layout == Layout::Preserve {
            for text in texts {
                let exact =
                    if is_same { Some(coded.to_vec()) } else { deflate_exact(text, Wrapper::Raw, self.data.len()) };
                let candidates = exact.into_iter().chain((!is_same).then(|| deflate(text, Wrapper::Raw)));
                for data in candidates {
                    let header =
                        len.checked_sub(data.len() + 8).and_then(|room| self.header.write(input, goes, Some(room)));
                    if let Some(header) = header {
                        return joined(header, &data, text);
                    }
                }
            }
        }
        let text = texts.last().map(Vec::as_slice).unwrap_or_default();
        let data = if is_same { coded.to_vec() } else { deflate(text, Wrapper::Raw) };
        let header = self.header.write(input, goes, None).unwrap_or_default();
        joined(header, &data, text)
    }
}

fn joined(mut header: Vec<u8>, data: &[u8], text: &[u8]) -> Vec<u8> {
    header.extend_from_slice(data);
    header.extend_from_slice(&crc32fast::hash(text).to_le_bytes());
    header.extend_from_slice(&(text.len() as u32).to_le_bytes());
    header
}

impl Header {
    /// The header without name or comment, in `len` bytes if that is asked for and possible.
    fn write(&self, input: &[u8], goes: [bool; 2], len: Option<usize>) -> Option<Vec<u8>> {
        let bytes = |range: &Range<usize>| input.get(range.clone()).unwrap_or_default();
        let [name, comment] = [(&self.name, goes[0]), (&self.comment, goes[1])]
            .map(|(range, goes)| if goes { &[][..] } else { bytes(range) });
        let has_crc = self.flags & HEADER_CRC != 0;
        let was_there = self.flags & EXTRA != 0;
        let mut extra = bytes(&self.extra).to_vec();
        let bare = 10 + name.len() + comment.len() + usize::from(has_crc) * 2;
        let size = |extra: &[u8], has_extra: bool| bare + if has_extra { 2 + extra.len() } else { 0 };
        let mut has_extra = was_there;
        if let Some(len) = len.filter(|len| *len != size(&extra, was_there)) {
            let filler = len.checked_sub(size(&extra, true))?;
            extra.resize(extra.len() + filler, 0);
            has_extra = true;
        }
        let mut out = bytes(&(self.range.start..self.range.start + 10)).to_vec();
        let mut flags = self.flags & !(NAME | COMMENT | EXTRA);
        if has_extra {
            flags |= EXTRA;
            out.extend_from_slice(&u16::try_from(extra.len()).ok()?.to_le_bytes());
            out.extend_from_slice(&extra);
        }
        for (text, flag) in [(name, NAME), (comment, COMMENT)] {
            flags |= if text.is_empty() { 0 } else { flag };
            out.extend_from_slice(text);
        }
        *out.get_mut(3)? = flags;
        if has_crc {
            let sum = crc32fast::hash(&out) as u16;
            out.extend_from_slice(&sum.to_le_bytes());
        }
        Some(out)
    }
}

fn header(input: &[u8], start: usize) -> Result<Header> {
    let mut cursor = Cursor::new(input);
    cursor.seek(start)?;
    if !cursor.starts_with(&MAGIC) {
        return Err(cursor.malformed("no gzip header"));
    }
    let [_, _, _, flags, ..] = cursor.array::<10>()?;
    if flags & 0xe0 != 0 {
        return Err(Error::unsupported("a gzip header with unknown flags").at(start as u64));
    }
    let mut header = Header { flags, ..Header::default() };
    if flags & EXTRA != 0 {
        let len = usize::from(cursor.u16_le()?);
        header.extra = cursor.position()..cursor.position() + len;
        cursor.skip(len)?;
    }
    for (flag, field) in [(NAME, &mut header.name), (COMMENT, &mut header.comment)] {
        *field = cursor.position()..cursor.position();
        if flags & flag != 0 {
            let end = memchr::memchr(0, cursor.rest()).ok_or_else(|| cursor.malformed("a gzip header is not ended"))?;
            field.end += end + 1;
            cursor.skip(end + 1)?;
        }
    }
    if flags & HEADER_CRC != 0 {
        cursor.skip(2)?;
    }
    header.range = start..cursor.position();
    Ok(header)
}

/// The data of one member after the edits of `plan`. What takes the place of a range that reaches over several members
/// goes to the first of them.
fn part(plan: &Plan, decoded: &[u8], member: &Range<usize>) -> Result<Vec<u8>> {
    if plan.keeps_length() {
        return Ok(plan.apply(decoded)?.get(member.clone()).unwrap_or_default().to_vec());
    }
    let (start, end) = (member.start as u64, member.end as u64);
    let own = plan.edits().iter().filter(|edit| edit.range.start < end && edit.range.end > start);
    let own = own.map(|edit| Edit {
        range: edit.range.start.max(start) - start..edit.range.end.min(end) - start,
        with: if edit.range.start < start { Edit::delete(0..0).with } else { edit.with.clone() },
    });
    let own = Plan::new(own.collect(), end - start)?;
    own.apply(decoded.get(member.clone()).unwrap_or_default())
}

/// The first bytes that `input` decodes to, about `len` of them; none where it is no gzip.
pub(crate) fn head(input: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    if !input.starts_with(&MAGIC) {
        return bytes;
    }
    let Ok(header) = header(input, 0) else { return bytes };
    let rest = input.get(header.range.end..).unwrap_or_default();
    // The end of what is known, or of the data.
    let _ = deflate::inflate_windows(rest, Wrapper::Raw, u64::MAX, &mut |window| {
        bytes.extend_from_slice(window);
        if bytes.len() < len { Ok(()) } else { Err(Error::limit("enough is known")) }
    });
    bytes
}
