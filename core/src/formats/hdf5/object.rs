//! Object headers: attributes, and the links of groups.

use super::reader::{Reader, number, until_zero};
use crate::containers::text::decode;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;

const LINK_INFO: u16 = 0x02;
const LINK: u16 = 0x06;
const ATTRIBUTE: u16 = 0x0c;
const CONTINUATION: u16 = 0x10;
const SYMBOL_TABLE: u16 = 0x11;
const ATTRIBUTE_INFO: u16 = 0x15;

/// An attribute.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) key: String,
    pub(super) value: Option<String>,
    pub(super) offset: usize,
}

/// What an object header says.
#[derive(Debug, Default)]
pub(super) struct Object {
    pub(super) attributes: Vec<Attribute>,
    pub(super) links: Vec<(String, u64)>,
    /// Whether more stands where it is not read.
    pub(super) is_dense: bool,
}

/// A reader of one object.
struct Parts<'r, 'a> {
    reader: &'r Reader<'a>,
    limits: &'r Limits,
    object: Object,
    /// Blocks of messages to come: address and length.
    blocks: Vec<(u64, u64)>,
    count: usize,
}

impl Object {
    pub(super) fn read(reader: &Reader<'_>, address: u64, limits: &Limits) -> Result<Self> {
        let mut parts = Parts { reader, limits, object: Self::default(), blocks: Vec::new(), count: 0 };
        let mut cursor = reader.cursor(address)?;
        if cursor.starts_with(b"OHDR") {
            parts.new_header(&mut cursor, address)?;
        } else {
            parts.old_header(&mut cursor, address)?;
        }
        Ok(parts.object)
    }
}

impl Parts<'_, '_> {
    fn old_header(&mut self, cursor: &mut Cursor<'_>, address: u64) -> Result<()> {
        if cursor.u8()? != 1 {
            return Err(cursor.malformed("no object header"));
        }
        cursor.skip(7)?;
        let len = cursor.u32_le()?;
        self.blocks.push((address + 16, u64::from(len)));
        while let Some((address, len)) = self.blocks.pop() {
            let mut block = self.reader.within(address, len)?;
            while block.remaining() >= 8 {
                let kind = block.u16_le()?;
                let len = usize::from(block.u16_le()?);
                let flags = block.u8()?;
                block.skip(3)?;
                self.message(kind, flags, &mut block, len)?;
            }
        }
        Ok(())
    }

    fn new_header(&mut self, cursor: &mut Cursor<'_>, address: u64) -> Result<()> {
        let start = cursor.offset();
        cursor.skip(5)?;
        let flags = cursor.u8()?;
        cursor.skip(if flags & 0x20 == 0 { 0 } else { 16 } + if flags & 0x10 == 0 { 0 } else { 4 })?;
        let len = number(cursor, 1 << (flags & 3))?;
        let first = address + (cursor.offset() - start);
        let order = if flags & 4 == 0 { 0 } else { 2 };
        self.new_block(first, len, order)?;
        while let Some((address, len)) = self.blocks.pop() {
            // A signature before the messages, a checksum behind them.
            self.new_block(address.saturating_add(4), len.saturating_sub(8), order)?;
        }
        Ok(())
    }

    fn new_block(&mut self, address: u64, len: u64, order: usize) -> Result<()> {
        let mut block = self.reader.within(address, len)?;
        while block.remaining() >= 4 + order {
            let kind = u16::from(block.u8()?);
            let len = usize::from(block.u16_le()?);
            let flags = block.u8()?;
            block.skip(order)?;
            self.message(kind, flags, &mut block, len)?;
        }
        Ok(())
    }

    fn message(&mut self, kind: u16, flags: u8, block: &mut Cursor<'_>, len: usize) -> Result<()> {
        self.count += 1;
        self.limits.check_items(self.count, "messages")?;
        let offset = block.offset();
        let bytes = block.take(len)?;
        let mut cursor = Cursor::within(bytes, offset);
        let is_shared = flags & 2 != 0;
        match kind {
            ATTRIBUTE if is_shared => self.object.is_dense = true,
            ATTRIBUTE => {
                let attribute = self.attribute(&mut cursor, offset as usize)?;
                self.object.attributes.push(attribute);
            }
            LINK => self.link(&mut cursor)?,
            CONTINUATION => {
                let address = self.reader.address(&mut cursor)?;
                self.blocks.push((address, self.reader.length(&mut cursor)?));
            }
            SYMBOL_TABLE => {
                let tree = self.reader.address(&mut cursor)?;
                let heap = self.reader.address(&mut cursor)?;
                self.symbols(tree, heap, 0)?;
            }
            LINK_INFO | ATTRIBUTE_INFO => {
                cursor.skip(1)?;
                let order = if kind == LINK_INFO { 8 } else { 2 };
                let has_order = cursor.u8()? & 1 != 0;
                cursor.skip(if has_order { order } else { 0 })?;
                let heap = self.reader.address(&mut cursor)?;
                self.object.is_dense |= !self.reader.is_undefined(heap);
            }
            _ => {}
        }
        Ok(())
    }

    fn attribute(&mut self, cursor: &mut Cursor<'_>, offset: usize) -> Result<Attribute> {
        let version = cursor.u8()?;
        let flags = cursor.u8()?;
        let lens = [cursor.u16_le()?, cursor.u16_le()?, cursor.u16_le()?].map(usize::from);
        if version == 3 {
            cursor.skip(1)?;
        }
        let mut parts = [&[][..]; 3];
        for (part, len) in parts.iter_mut().zip(lens) {
            *part = cursor.take(len)?;
            if version == 1 {
                cursor.skip(len.next_multiple_of(8) - len)?;
            }
        }
        let [name, datatype, space] = parts;
        // Of a type that is kept elsewhere, the value cannot be told.
        let is_shared = version > 1 && flags & 1 != 0;
        let value = if is_shared { None } else { self.value(datatype, space, cursor.rest()) };
        Ok(Attribute { key: decode(until_zero(name)), value, offset })
    }

    /// The value as text, if it is a single text or whole number.
    fn value(&self, datatype: &[u8], space: &[u8], bytes: &[u8]) -> Option<String> {
        let is_single = is_single(space, self.reader.length_len);
        if !is_single {
            return None;
        }
        let width = u32::from_le_bytes(*datatype.get(4..)?.first_chunk()?) as usize;
        let bytes = bytes.get(..width)?;
        match datatype.first()? & 0x0f {
            0 if width <= 8 && datatype.get(1)? & 1 == 0 => {
                let bits = bytes.iter().rev().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
                let unused = 64 - 8 * width as u32;
                let is_signed = datatype.get(1)? & 8 != 0;
                Some(if is_signed && width > 0 {
                    ((bits << unused).cast_signed() >> unused).to_string()
                } else {
                    bits.to_string()
                })
            }
            3 => Some(decode(until_zero(bytes)).trim_end().to_owned()),
            9 if datatype.get(1)? & 0x0f == 1 => {
                let mut cursor = Cursor::new(bytes);
                let len = cursor.u32_le().ok()? as usize;
                let heap = self.reader.address(&mut cursor).ok()?;
                let object = self.reader.heap_object(heap, cursor.u32_le().ok()?)?;
                Some(decode(until_zero(object.get(..len)?)))
            }
            _ => None,
        }
    }

    fn link(&mut self, cursor: &mut Cursor<'_>) -> Result<()> {
        cursor.skip(1)?;
        let flags = cursor.u8()?;
        let kind = if flags & 8 == 0 { 0 } else { cursor.u8()? };
        cursor.skip(if flags & 4 == 0 { 0 } else { 8 } + usize::from(flags & 16 != 0))?;
        let len = number(cursor, 1 << (flags & 3))?;
        let name = decode(cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?);
        if kind == 0 {
            self.object.links.push((name, self.reader.address(cursor)?));
        }
        Ok(())
    }

    /// The links of an old group: a tree of tables of symbols, whose names stand in a heap.
    fn symbols(&mut self, tree: u64, heap: u64, depth: usize) -> Result<()> {
        self.limits.check_depth(depth)?;
        self.count += 1;
        self.limits.check_items(self.count, "nodes")?;
        let mut cursor = self.reader.cursor(tree)?;
        if cursor.starts_with(b"SNOD") {
            cursor.skip(6)?;
            for _ in 0..cursor.u16_le()? {
                let name = self.reader.address(&mut cursor)?;
                let address = self.reader.address(&mut cursor)?;
                cursor.skip(24)?;
                let name = self.heap_name(heap, name)?;
                self.object.links.push((name, address));
            }
            return Ok(());
        }
        if cursor.take(4)? != b"TREE" {
            return Err(cursor.malformed("no tree"));
        }
        cursor.skip(2)?;
        let count = cursor.u16_le()?;
        cursor.skip(2 * self.reader.offset_len)?;
        for _ in 0..count {
            cursor.skip(self.reader.length_len)?;
            let child = self.reader.address(&mut cursor)?;
            self.symbols(child, heap, depth + 1)?;
        }
        Ok(())
    }

    fn heap_name(&self, heap: u64, offset: u64) -> Result<String> {
        let mut cursor = self.reader.cursor(heap)?;
        if cursor.take(4)? != b"HEAP" {
            return Err(cursor.malformed("no heap"));
        }
        cursor.skip(4)?;
        cursor.skip(2 * self.reader.length_len)?;
        let data = self.reader.address(&mut cursor)?;
        let names = self.reader.cursor(data.saturating_add(offset))?;
        let names = names.rest().get(..names.remaining().min(LONGEST_NAME)).unwrap_or_default();
        Ok(decode(until_zero(names)))
    }
}

/// Names of links are not read any further.
const LONGEST_NAME: usize = 64 << 10;

/// Whether a dataspace is that of one item.
fn is_single(space: &[u8], length_len: usize) -> bool {
    let (Some(version), Some(rank)) = (space.first(), space.get(1)) else { return false };
    let first = if *version == 1 { 8 } else { 4 };
    let is_null = *version == 2 && space.get(3) == Some(&2);
    let sizes = space.get(first..first + usize::from(*rank) * length_len);
    let is_one = |size: &[u8]| size.first() == Some(&1) && size.iter().skip(1).all(|byte| *byte == 0);
    !is_null && sizes.is_some_and(|sizes| sizes.chunks(length_len).all(is_one))
}
