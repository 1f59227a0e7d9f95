//! Chunks (Microsoft and IBM, Multimedia Programming Interface 1.0; EA IFF 85; EBU Tech 3306 and ITU-R BS.2088 for
//! sizes of 64 bits): identifier, length, data, a byte of padding after data of odd length.
//!
//! One reader for RIFF, its big-endian twin RIFX, RF64, BW64, and IFF. It reads headers only. Files in use lack
//! padding, have forms of a wrong length, and end before their last chunk does: each is read as readers do.

use std::ops::Range;

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::plan::Edit;

/// Bytes before the data of a chunk.
pub(crate) const HEADER: usize = 8;

/// The length of what is longer than 32 bits can say, or was not known when the header was written.
const UNKNOWN: u32 = u32::MAX;

/// The order of bytes in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// RIFF, RF64, BW64.
    Little,
    /// RIFX and IFF.
    Big,
}

impl Order {
    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    pub(crate) fn bytes(self, number: u32) -> [u8; 4] {
        if self == Self::Big { number.to_be_bytes() } else { number.to_le_bytes() }
    }
}

/// One chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) id: [u8; 4],
    pub(crate) data: Range<usize>,
    /// Behind the padding, if there is any.
    pub(crate) end: usize,
    /// Whether the file ends before the chunk does.
    pub(crate) is_cut: bool,
}

impl Chunk {
    /// First byte: of the identifier.
    pub(crate) fn start(&self) -> usize {
        self.data.start - HEADER
    }

    /// From the identifier to the padding.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start()..self.end
    }

    /// The identifier as text.
    pub(crate) fn name(&self) -> String {
        self.id.iter().copied().map(char::from).collect::<String>().trim_end().to_owned()
    }

    /// The type of a list.
    pub(crate) fn list(&self, input: &[u8]) -> Option<[u8; 4]> {
        let kind = input.get(self.data.clone())?.first_chunk().copied();
        kind.filter(|_| &self.id == b"LIST")
    }

    /// The edits that make it filler of the same length.
    pub(crate) fn blank(&self) -> Vec<Edit> {
        let (start, data) = (self.start() as u64, self.data.start as u64..self.data.end as u64);
        let mut edits = vec![Edit::replace(start..start + 4, FILLER.to_vec())];
        if !data.is_empty() {
            edits.push(Edit::fill(data, 0));
        }
        edits
    }

    /// The edit that cuts it out.
    pub(crate) fn cut(&self) -> Edit {
        Edit::delete(self.start() as u64..self.end as u64)
    }

    /// The edits of length and padding that follow when the data grow by `growth` bytes.
    pub(crate) fn resize(&self, growth: i64, order: Order) -> Vec<Edit> {
        if growth == 0 {
            return Vec::new();
        }
        let length = (self.data.len() as u64).saturating_add_signed(growth);
        let field = self.data.start as u64 - 4..self.data.start as u64;
        let mut edits = vec![Edit::replace(field, order.bytes(u32::try_from(length).unwrap_or_default()).to_vec())];
        let padding = self.data.end as u64..self.end as u64;
        if padding.end - padding.start != length % 2 {
            edits.push(Edit::replace(padding, vec![0; (length % 2) as usize]));
        }
        edits
    }
}

/// The identifier of filler.
pub(crate) const FILLER: [u8; 4] = *b"JUNK";

/// A whole filler chunk of `total` bytes, which are at least [`HEADER`].
pub(crate) fn filler(total: usize, order: Order) -> Vec<u8> {
    let length = u32::try_from(total.saturating_sub(HEADER)).unwrap_or_default();
    let mut chunk = [FILLER, order.bytes(length)].concat();
    chunk.resize(total, 0);
    chunk
}

/// The outermost chunk of a file: what it holds are chunks.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) order: Order,
    /// Where the length stands, if it says one that counts: of 4 or 8 bytes.
    length: Option<Range<usize>>,
    pub(crate) chunks: Vec<Chunk>,
    /// Where the form ends by its length, or its last chunk if that is later.
    pub(crate) end: usize,
    /// Whether the last chunk begins in the form, and ends behind it: then no length around it can follow an edit.
    is_overrun: bool,
}

/// The lengths that RF64 and BW64 keep in a chunk of their own.
#[derive(Debug, Default)]
struct Lengths {
    /// Where that of the form stands.
    form: Option<Range<usize>>,
    by_id: Vec<([u8; 4], u64)>,
}

impl Form {
    /// Reads the form at `start`. `media` are the chunks whose length writers of streams leave open.
    ///
    /// # Errors
    /// Malformed where there is none; limits.
    pub(crate) fn read(input: &[u8], start: usize, media: &[[u8; 4]], limits: &Limits) -> Result<Self> {
        let mut cursor = Cursor::new(input);
        cursor.seek(start)?;
        let id: [u8; 4] = cursor.array()?;
        let order = match &id {
            b"RIFF" | b"RF64" | b"BW64" => Order::Little,
            b"RIFX" | b"FORM" => Order::Big,
            _ => return Err(Error::malformed(start as u64, "no chunk that holds chunks")),
        };
        let field = cursor.position();
        let length = order.u32(cursor.take(4)?, 0).unwrap_or_default();
        cursor.skip(4)?;
        let body = cursor.position();
        let lengths = if length == UNKNOWN { Lengths::read(input, body) } else { Lengths::default() };
        let (length, field) = match &lengths.form {
            Some(field) => (long(input, field.start).unwrap_or(u64::MAX), Some(field.clone())),
            None if matches!(length, 0 | UNKNOWN) => (u64::MAX, None),
            None => (u64::from(length), Some(field..field + 4)),
        };
        let end = body.saturating_add(usize::try_from(length.saturating_sub(4)).unwrap_or(usize::MAX)).min(input.len());
        let walk = Walk { input, order, media, lengths: &lengths };
        let chunks = walk.chunks(body..end, input.len(), limits)?;
        // Some writers do not count the padding of the last chunk.
        let is_overrun = chunks.last().is_some_and(|chunk| chunk.data.end > end);
        let end = end.max(chunks.last().map_or(0, |chunk| chunk.end));
        Ok(Self { order, length: field, chunks, end, is_overrun })
    }

    /// Whether nothing may move in it: no length would follow, or the padding lacks behind data of odd length, so that
    /// the next chunk is found by what it looks like and stands beside.
    pub(crate) fn is_rigid(&self) -> bool {
        let is_unpadded = |chunk: &Chunk| chunk.data.len() % 2 == 1 && chunk.end == chunk.data.end;
        self.is_overrun || self.chunks.iter().rev().skip(1).any(is_unpadded)
    }

    /// The edit of the length when the form grows by `growth` bytes.
    pub(crate) fn resize(&self, input: &[u8], growth: i64) -> Option<Edit> {
        let field = self.length.clone().filter(|_| growth != 0)?;
        let range = field.start as u64..field.end as u64;
        Some(if field.len() == 8 {
            let length = long(input, field.start)?.saturating_add_signed(growth);
            Edit::replace(range, length.to_le_bytes().to_vec())
        } else {
            let length = u64::from(self.order.u32(input, field.start)?).saturating_add_signed(growth);
            Edit::replace(range, self.order.bytes(u32::try_from(length).ok()?).to_vec())
        })
    }
}

impl Lengths {
    fn read(input: &[u8], body: usize) -> Self {
        let mut lengths = Self::default();
        if input.get(body..body + 4) != Some(b"ds64") || input.get(body + 8..body + 36).is_none() {
            return lengths;
        }
        let data = body + HEADER;
        lengths.form = Some(data..data + 8);
        lengths.by_id.extend(long(input, data + 8).map(|length| (*b"data", length)));
        let count = Order::Little.u32(input, data + 24).unwrap_or_default();
        for index in 0..(count as usize).min(1024) {
            let at = data + 28 + index * 12;
            let id = input.get(at..).and_then(|rest| rest.first_chunk()).copied();
            let Some((id, length)) = id.zip(long(input, at + 4)) else { break };
            lengths.by_id.push((id, length));
        }
        lengths
    }

    fn of(&self, id: [u8; 4]) -> Option<u64> {
        self.by_id.iter().find(|(other, _)| *other == id).map(|(_, length)| *length)
    }
}

fn long(input: &[u8], at: usize) -> Option<u64> {
    input.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The chunks of `range`, in a list or behind the end of a form.
///
/// # Errors
/// Limits.
pub(crate) fn chunks(input: &[u8], range: Range<usize>, order: Order, limits: &Limits) -> Result<Vec<Chunk>> {
    let end = range.end;
    Walk { input, order, media: &[], lengths: &Lengths::default() }.chunks(range, end, limits)
}

struct Walk<'w> {
    input: &'w [u8],
    order: Order,
    media: &'w [[u8; 4]],
    lengths: &'w Lengths,
}

impl Walk<'_> {
    /// The chunks that begin in `range`; none goes on behind `limit`. Ends where there is no chunk any more.
    fn chunks(&self, range: Range<usize>, limit: usize, limits: &Limits) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::new();
        let mut position = range.start;
        while position < range.end {
            // Zeros between chunks: padding of writers that align more than they should.
            if self.input.get(position..position + HEADER) == Some(&[0; HEADER]) {
                position += HEADER;
                continue;
            }
            let Some(chunk) = self.chunk(position, limit) else { break };
            position = chunk.end;
            chunks.push(chunk);
            limits.check_items(chunks.len(), "chunks")?;
        }
        Ok(chunks)
    }

    fn chunk(&self, start: usize, limit: usize) -> Option<Chunk> {
        let id: [u8; 4] = *self.input.get(start..limit)?.first_chunk()?;
        let declared = self.order.u32(self.input.get(..limit)?, start + 4)?;
        let data = start + HEADER;
        let length = match declared {
            UNKNOWN => self.lengths.of(id).unwrap_or(u64::from(UNKNOWN)),
            length => u64::from(length),
        };
        // What a writer of a stream did not know goes on to the end.
        let is_open = declared == 0 && self.media.contains(&id) && data < limit && !self.is_chunk(data, limit);
        let end = match usize::try_from(length).ok().and_then(|length| data.checked_add(length)) {
            Some(end) if end <= limit && !is_open => end,
            _ if is_name(id) => {
                let is_cut = !is_open && declared != UNKNOWN;
                return Some(Chunk { id, data: data..limit, end: limit, is_cut });
            }
            _ => return None,
        };
        let is_padded = length % 2 == 1 && end < limit && (!self.is_chunk(end, limit) || self.is_chunk(end + 1, limit));
        Some(Chunk { id, data: data..end, end: end + usize::from(is_padded), is_cut: false })
    }

    /// Whether a whole chunk with a printable name begins at `start`.
    fn is_chunk(&self, start: usize, limit: usize) -> bool {
        let header = || {
            let id: [u8; 4] = *self.input.get(start..limit)?.first_chunk()?;
            let length = self.order.u32(self.input.get(..limit)?, start + 4)? as usize;
            Some(is_name(id) && length <= limit.checked_sub(start + HEADER)?)
        };
        header().unwrap_or(false)
    }
}

fn is_name(id: [u8; 4]) -> bool {
    id.iter().all(|byte| (b' '..=b'~').contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(id: &[u8], data: &[u8]) -> Vec<u8> {
        let mut bytes = [id, &(data.len() as u32).to_le_bytes(), data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn form(chunks: &[Vec<u8>]) -> Vec<u8> {
        chunk(b"RIFF", &[&b"WAVE"[..], &chunks.concat()].concat())
    }

    fn read(input: &[u8]) -> Form {
        Form::read(input, 0, &[*b"data"], &Limits::default()).unwrap()
    }

    fn told(input: &[u8]) -> Vec<(String, usize)> {
        read(input).chunks.iter().map(|chunk| (chunk.name(), chunk.data.len())).collect()
    }

    #[test]
    fn chunks_follow_each_other_with_and_without_padding() {
        let odd = chunk(b"odd ", b"abc");
        let expected = [("odd".to_owned(), 3), ("fmt".to_owned(), 4)];
        assert_eq!(told(&form(&[odd.clone(), chunk(b"fmt ", &[1; 4])])), expected);
        assert_eq!(told(&form(&[odd[..odd.len() - 1].to_vec(), chunk(b"fmt ", &[1; 4])])), expected);
    }

    #[test]
    fn streams_of_unknown_length_end_with_the_file() {
        for length in [0, u32::MAX] {
            let mut input = form(&[chunk(b"data", &[0x80; 30])]);
            input[4..8].copy_from_slice(&length.to_le_bytes());
            input[16..20].copy_from_slice(&length.to_le_bytes());
            assert_eq!(told(&input), [("data".to_owned(), 30)], "{length}");
            assert_eq!(read(&input).resize(&input, -2), None);
        }
        let empty = form(&[chunk(b"data", b""), chunk(b"fmt ", &[1; 4])]);
        assert_eq!(told(&empty), [("data".to_owned(), 0), ("fmt".to_owned(), 4)]);
    }

    #[test]
    fn chunks_that_are_cut_off_say_so() {
        let input = form(&[chunk(b"fmt ", &[1; 20])]);
        let cut = read(&input[..input.len() - 3]);
        assert_eq!((cut.chunks[0].is_cut, cut.chunks[0].data.len()), (true, 17));
    }

    #[test]
    fn long_files_keep_their_lengths_aside() {
        let mut lengths = Vec::new();
        lengths.extend_from_slice(&86u64.to_le_bytes());
        lengths.extend_from_slice(&6u64.to_le_bytes());
        lengths.extend_from_slice(&[0; 8]);
        lengths.extend_from_slice(&1u32.to_le_bytes());
        lengths.extend_from_slice(b"big ");
        lengths.extend_from_slice(&2u64.to_le_bytes());
        let mut input = form(&[chunk(b"ds64", &lengths), chunk(b"data", &[7; 6]), chunk(b"big ", &[7; 2])]);
        input[..8].copy_from_slice(b"RF64\xff\xff\xff\xff");
        for id in [b"data", b"big "] {
            let at = memchr::memmem::rfind(&input, id).unwrap() + 4;
            input[at..at + 4].fill(0xFF);
        }
        assert_eq!(told(&input), [("ds64".to_owned(), 40), ("data".to_owned(), 6), ("big".to_owned(), 2)]);
        let edit = read(&input).resize(&input, -4).unwrap();
        assert_eq!(edit, Edit::replace(20..28, 82u64.to_le_bytes().to_vec()));
    }
}
