//! The header: pairs, and what describes the tensors.

use std::fmt::Write as _;
use std::ops::Range;

use super::too_large;
use crate::containers::text::decode;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Bytes of the number of pairs.
pub(super) const PAIR_COUNT: Range<u64> = 16..24;

/// Where pairs begin.
pub(super) const FIRST_PAIR: usize = 24;

/// The key under which freed bytes stand as an array of zeros.
pub(super) const FILLER: &str = "padding";

/// Bytes of a filler pair beside its zeros: two lengths, two types, the key.
pub(super) const FILLER_HEAD: usize = 8 + FILLER.len() + 4 + 4 + 8;

/// The alignment where the file names none.
const ALIGNMENT: usize = 32;

/// Arrays of more items are not shown.
const SHOWN_ITEMS: u64 = 64;

const STRING: u32 = 8;
const ARRAY: u32 = 9;

/// The byte order of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    fn read_u32(self, cursor: &mut Cursor<'_>) -> Result<u32> {
        match self {
            Self::Little => cursor.u32_le(),
            Self::Big => cursor.u32_be(),
        }
    }

    fn read_u64(self, cursor: &mut Cursor<'_>) -> Result<u64> {
        match self {
            Self::Little => cursor.u64_le(),
            Self::Big => cursor.u64_be(),
        }
    }

    pub(super) fn u64(self, number: u64) -> [u8; 8] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    fn u32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    /// A pair of at most `room` bytes that holds zeros, which with the gap before the data is all of `room`.
    pub(super) fn filler(self, room: usize) -> Vec<u8> {
        let zeros = room.saturating_sub(FILLER_HEAD);
        let mut pair = self.u64(FILLER.len() as u64).to_vec();
        pair.extend_from_slice(FILLER.as_bytes());
        pair.extend_from_slice(&self.u32(ARRAY));
        pair.extend_from_slice(&self.u32(0));
        pair.extend_from_slice(&self.u64(zeros as u64));
        pair.resize(FILLER_HEAD + zeros, 0);
        pair
    }
}

/// One pair.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) key: String,
    /// The value as text, of arrays as a list in brackets.
    pub(super) value: Option<String>,
    pub(super) range: Range<usize>,
    /// Whether it is what a plan left in the place of others.
    pub(super) is_filler: bool,
}

/// A header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) order: Order,
    pub(super) pairs: Vec<Pair>,
    /// What describes the tensors.
    pub(super) tensors: Range<usize>,
    pub(super) alignment: usize,
    /// Where the header ends.
    pub(super) end: usize,
    /// Where the data begins.
    pub(super) data: usize,
    /// Where it ends, if the types of all tensors are known.
    pub(super) data_end: Option<usize>,
}

impl Header {
    pub(super) fn read(input: &[u8], limits: &Limits) -> Result<Self> {
        let mut cursor = Cursor::new(input);
        cursor.skip(4)?;
        let version = cursor.u32_le()?;
        let order = if version.trailing_zeros() >= 16 { Order::Big } else { Order::Little };
        match if order == Order::Big { version.swap_bytes() } else { version } {
            2 | 3 => {}
            other => return Err(Error::unsupported(format!("version {other} of GGUF")).at(4)),
        }
        let mut reader = Reader { cursor, order, limits };
        let tensor_count = reader.u64()?;
        let pair_count = reader.u64()?;
        let pairs = reader.pairs(pair_count)?;
        let alignment = match pairs.iter().find(|pair| pair.key == "general.alignment") {
            Some(pair) => {
                pair.value.as_deref().and_then(|text| text.parse().ok()).filter(|it: &usize| it.is_power_of_two())
            }
            None => Some(ALIGNMENT),
        };
        let alignment = alignment.filter(|alignment| *alignment <= 1 << 20);
        let alignment = alignment.ok_or_else(|| Error::malformed(0, "the alignment is no power of two"))?;
        let start = reader.cursor.position();
        let ends = reader.tensors(tensor_count)?;
        let end = reader.cursor.position();
        let data = end.next_multiple_of(alignment);
        let padded = |end: u64| usize::try_from(end).ok()?.checked_next_multiple_of(alignment)?.checked_add(data);
        Ok(Self { order, pairs, tensors: start..end, alignment, end, data, data_end: ends.and_then(padded) })
    }
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    order: Order,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    fn u32(&mut self) -> Result<u32> {
        self.order.read_u32(&mut self.cursor)
    }

    fn u64(&mut self) -> Result<u64> {
        self.order.read_u64(&mut self.cursor)
    }

    fn string(&mut self) -> Result<&'a [u8]> {
        let offset = self.cursor.offset();
        let len = usize::try_from(self.u64()?).map_err(|_| too_large(offset))?;
        self.cursor.take(len)
    }

    fn pairs(&mut self, count: u64) -> Result<Vec<Pair>> {
        let mut pairs = Vec::new();
        for _ in 0..count {
            self.limits.check_items(pairs.len() + 1, "pairs")?;
            let start = self.cursor.position();
            let key = decode(self.string()?);
            let kind = self.u32()?;
            let value_start = self.cursor.position();
            let value = self.value(kind, 0)?;
            let end = self.cursor.position();
            self.cursor.seek(value_start)?;
            // The type and the count of an array stand before its items.
            let is_filler = key == FILLER && kind == ARRAY && self.u32()? == 0 && {
                self.u64()?;
                self.cursor.rest().iter().take(end - self.cursor.position()).all(|byte| *byte == 0)
            };
            self.cursor.seek(end)?;
            pairs.push(Pair { key, value, range: start..end, is_filler });
        }
        Ok(pairs)
    }

    /// The value of this type that comes next, as text.
    fn value(&mut self, kind: u32, depth: usize) -> Result<Option<String>> {
        let offset = self.cursor.offset();
        match kind {
            STRING => Ok(Some(decode(self.string()?))),
            ARRAY => {
                self.limits.check_depth(depth)?;
                let kind = self.u32()?;
                let count = self.u64()?;
                self.array(kind, count, depth + 1)
            }
            _ => {
                let width = width(kind).ok_or_else(|| Error::malformed(offset, "a value of unknown type"))?;
                let bytes = self.cursor.take(width)?;
                Ok(Some(number(kind, bytes, self.order)))
            }
        }
    }

    fn array(&mut self, kind: u32, count: u64, depth: usize) -> Result<Option<String>> {
        if count > SHOWN_ITEMS
            && let Some(width) = width(kind)
        {
            let offset = self.cursor.offset();
            let len = count.checked_mul(width as u64).and_then(|len| usize::try_from(len).ok());
            self.cursor.skip(len.ok_or_else(|| too_large(offset))?)?;
            return Ok(None);
        }
        let mut text = String::from("[");
        for index in 0..count {
            if kind == STRING && count > SHOWN_ITEMS {
                self.string()?;
                continue;
            }
            let item = self.value(kind, depth)?.unwrap_or_default();
            if text.len() <= self.limits.value_bytes {
                let _ = write!(text, "{}{item}", if index == 0 { "" } else { ", " });
            }
        }
        text.push(']');
        Ok((count <= SHOWN_ITEMS).then_some(text))
    }

    /// Where the data of the last tensor ends, counted from the first.
    fn tensors(&mut self, count: u64) -> Result<Option<u64>> {
        let mut last = Some(0);
        for index in 0..count {
            self.limits.check_items(index as usize + 1, "tensors")?;
            self.string()?;
            let dimensions = self.u32()?;
            let mut items = Some(1_u64);
            for _ in 0..dimensions {
                let len = self.u64()?;
                items = items.and_then(|items| items.checked_mul(len));
            }
            let kind = self.u32()?;
            let offset = self.u64()?;
            let len = block(kind).and_then(|(per, bytes)| items?.div_ceil(per).checked_mul(bytes));
            let end = len.and_then(|len| len.checked_add(offset));
            last = last.and_then(|last: u64| Some(last.max(end?)));
        }
        Ok(last)
    }
}

/// Bytes of a value of a type with a fixed length.
fn width(kind: u32) -> Option<usize> {
    match kind {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn number(kind: u32, bytes: &[u8], order: Order) -> String {
    let mut wide = [0; 8];
    for (target, byte) in wide.iter_mut().zip(bytes) {
        *target = *byte;
    }
    if order == Order::Big {
        for (target, byte) in wide.iter_mut().zip(bytes.iter().rev()) {
            *target = *byte;
        }
    }
    let bits = u64::from_le_bytes(wide);
    match kind {
        1 => (bits as u8).cast_signed().to_string(),
        3 => (bits as u16).cast_signed().to_string(),
        5 => (bits as u32).cast_signed().to_string(),
        6 => f32::from_bits(bits as u32).to_string(),
        7 => (bits != 0).to_string(),
        11 => bits.cast_signed().to_string(),
        12 => f64::from_bits(bits).to_string(),
        _ => bits.to_string(),
    }
}

/// Numbers in a block of a tensor of this type, and bytes of the block.
fn block(kind: u32) -> Option<(u64, u64)> {
    Some(match kind {
        0 | 26 => (1, 4),
        1 | 25 | 30 => (1, 2),
        24 => (1, 1),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        10 => (256, 84),
        11 | 21 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 | 35 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        39 => (32, 17),
        40 => (64, 36),
        41 => (128, 18),
        _ => return None,
    })
}
