//! Files in a document: pictures, embedded objects, custom XML parts, as hexadecimal digits or as they are.

use std::ops::Range;

use crate::containers::rtf::{Child, children};
use crate::cursor::Cursor;
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::Edit;

/// Data of a file inside, and where its text stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// For people, with an extension where the kind is known.
    pub(super) place: String,
    /// Where the digits are, among line ends and spaces; of binary data the only range.
    text: Vec<Range<usize>>,
    is_binary: bool,
    /// The bytes of the decoded data that are the file; an object has a head before it.
    file: Range<usize>,
    /// Whether the head says how long the file is.
    is_counted: bool,
    /// Whether it describes the document.
    is_description: bool,
}

/// Bytes of the head of an object that are looked at.
const HEAD: usize = 4096;

/// An embedded object, rather than a linked one ([MS-OLEDS] 2.2.4).
const EMBEDDED: u32 = 2;

impl Object {
    /// Reads what the content of a group holds. Nothing for kinds of pictures that have no labels.
    pub(super) fn read(
        input: &[u8],
        group: &str,
        content: Range<usize>,
        number: usize,
        limits: &Limits,
    ) -> Result<Option<Self>> {
        let mut object = Self {
            place: format!("object {number}"),
            text: Vec::new(),
            is_binary: false,
            file: 0..0,
            is_counted: group != "pict",
            is_description: group == "datastore",
        };
        let mut extension = None;
        for child in children(input, content, limits)? {
            match child {
                Child::Word { name: "pngblip", .. } => extension = Some("png"),
                Child::Word { name: "jpegblip", .. } => extension = Some("jpg"),
                Child::Text(range) if !object.is_binary => object.text.push(range),
                Child::Binary(range) => (object.text, object.is_binary) = (vec![range], true),
                _ => {}
            }
        }
        match (group, extension) {
            ("pict", None) => return Ok(None),
            ("pict", Some(extension)) => object.place = format!("picture {number}.{extension}"),
            ("datastore", _) => "custom XML parts".clone_into(&mut object.place),
            _ => {}
        }
        object.file = match group {
            "pict" => 0..object.len(input),
            _ => match embedded(&object.decode(input, HEAD)) {
                Some(file) if file.end <= object.len(input) => file,
                _ => return Ok(None),
            },
        };
        Ok((!object.file.is_empty()).then_some(object))
    }

    /// Whether it describes the document, rather than being part of it.
    pub(super) fn is_description(&self) -> bool {
        self.is_description
    }

    /// The length of the file.
    pub(super) fn file_len(&self) -> usize {
        self.file.len()
    }

    /// Where its text begins.
    pub(super) fn offset(&self) -> usize {
        self.text.first().map_or(0, |range| range.start)
    }

    /// The length of all decoded data.
    fn len(&self, input: &[u8]) -> usize {
        let bytes = self.text.iter().filter_map(|range| input.get(range.clone()));
        if self.is_binary {
            return bytes.map(<[u8]>::len).sum();
        }
        bytes.map(|text| text.iter().filter(|byte| byte.is_ascii_hexdigit()).count()).sum::<usize>() / 2
    }

    /// The decoded data, up to `most` bytes.
    fn decode(&self, input: &[u8], most: usize) -> Vec<u8> {
        let bytes = self.text.iter().filter_map(|range| input.get(range.clone())).flatten().copied();
        if self.is_binary {
            return bytes.take(most).collect();
        }
        let mut digits = bytes.filter_map(|byte| char::from(byte).to_digit(16).map(|digit| digit as u8));
        let mut out = Vec::new();
        while out.len() < most {
            let (Some(high), Some(low)) = (digits.next(), digits.next()) else { break };
            out.push(high << 4 | low);
        }
        out
    }

    /// The first bytes of the file, up to `most` of them.
    pub(super) fn file(&self, input: &[u8], most: usize) -> Vec<u8> {
        let end = self.file.start.saturating_add(most).min(self.file.end);
        let mut data = self.decode(input, end);
        data.drain(..self.file.start.min(data.len()));
        data
    }

    /// The edits that put `data` in the place of the file; nothing where it must have the length of the old.
    pub(super) fn exchange(&self, input: &[u8], data: &[u8]) -> Option<Vec<Edit>> {
        if (self.is_counted || self.is_binary) && data.len() != self.file.len() {
            return None;
        }
        let mut edits = Vec::new();
        let mut place = 0usize;
        for (index, range) in self.text.iter().enumerate() {
            let old = input.get(range.clone())?;
            let mut new = Vec::with_capacity(old.len());
            for byte in old {
                if !self.is_binary && !byte.is_ascii_hexdigit() {
                    new.push(*byte);
                    continue;
                }
                let at = if self.is_binary { place } else { place / 2 };
                match at.checked_sub(self.file.start).filter(|_| at < self.file.end) {
                    None => new.push(*byte),
                    Some(at) => new.extend(data.get(at).map(|byte| self.spell(*byte, place, old))),
                }
                place += 1;
            }
            if index + 1 == self.text.len() {
                let rest = data.get(self.file.len()..).unwrap_or_default();
                let digits = rest.iter().flat_map(|byte| [self.spell(*byte, 0, old), self.spell(*byte, 1, old)]);
                new.extend(digits);
            }
            if new != old {
                edits.push(Edit::replace(range.start as u64..range.end as u64, new));
            }
        }
        Some(edits)
    }

    /// A digit of `byte`, at an even place the first, in the letters of `like`; of binary data the byte itself.
    fn spell(&self, byte: u8, place: usize, like: &[u8]) -> u8 {
        if self.is_binary {
            return byte;
        }
        let half = if place.is_multiple_of(2) { byte >> 4 } else { byte & 15 };
        let is_upper = like.iter().find(|digit| digit.is_ascii_alphabetic()).is_some_and(u8::is_ascii_uppercase);
        let digits = if is_upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" };
        digits.get(usize::from(half)).copied().unwrap_or(b'0')
    }
}

/// Where the file stands in an embedded object.
fn embedded(head: &[u8]) -> Option<Range<usize>> {
    let mut cursor = Cursor::new(head);
    let _version = cursor.u32_le().ok()?;
    let format = cursor.u32_le().ok()?;
    if format != EMBEDDED {
        return None;
    }
    let class = named(&mut cursor)?;
    let _topic = named(&mut cursor)?;
    let _item = named(&mut cursor)?;
    let len = cursor.u32_le().ok()?;
    let start = cursor.position();
    let all = start..start.checked_add(len as usize)?;
    if class == b"Package\0" {
        packaged(&mut cursor).filter(|file| file.end <= all.end).or(Some(all))
    } else {
        Some(all)
    }
}

/// Bytes behind their number.
fn named<'h>(cursor: &mut Cursor<'h>) -> Option<&'h [u8]> {
    let len = cursor.u32_le().ok()?;
    cursor.take(len as usize).ok()
}

/// Where the file stands in a package: behind its label, its path, and the path of a temporary copy.
fn packaged(cursor: &mut Cursor<'_>) -> Option<Range<usize>> {
    let _signature = cursor.u16_le().ok()?;
    for _ in 0..2 {
        let len = cursor.rest().iter().position(|byte| *byte == 0)?;
        cursor.skip(len + 1).ok()?;
    }
    let _kind = cursor.u32_le().ok()?;
    let _path = named(cursor)?;
    let len = cursor.u32_le().ok()?;
    let start = cursor.position();
    Some(start..start.checked_add(len as usize)?)
}
