//! Frames: where they stand, how long they are, and how their content is coded.

use std::borrow::Cow;
use std::ops::Range;

use super::header::{syncsafe, to_syncsafe};
use super::unsync::{self, Plain};
use crate::containers::deflate::{Wrapper, deflate, inflate_windows};
use crate::error::{Error, Result};

/// Frames of one tag that are read; no player expects more than a few hundred.
const MOST_FRAMES: usize = 1 << 18;

/// A frame, by ranges of what it stands in: the body of a tag, or the content of a chapter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Three letters in version 2.2, else four.
    pub(super) id: String,
    pub(super) span: Range<usize>,
    /// What stands behind the header.
    pub(super) data: Range<usize>,
    pub(super) coding: Coding,
}

/// How the sizes of frames are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Sizes {
    /// As numbers.
    #[default]
    Plain,
    /// In seven bits of every byte.
    Syncsafe,
}

/// How the data of a frame is coded: what its flags say, in the order in which a reader undoes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coding {
    version: u8,
    sizes: Sizes,
    pub(super) is_unsynchronised: bool,
    pub(super) is_encrypted: bool,
    pub(super) is_compressed: bool,
    /// Bytes before the content that the flags ask for.
    extra: usize,
    /// Where among those the length of the content stands.
    length_at: Option<usize>,
    pub(super) group: Option<u8>,
}

impl Coding {
    /// Whether the content stands in the frame as it is.
    pub(super) fn is_plain(self) -> bool {
        !(self.is_unsynchronised || self.is_encrypted || self.is_compressed)
    }
}

impl Frame {
    /// Where the content begins that is not coded.
    pub(super) fn content_start(&self) -> usize {
        (self.data.start + self.coding.extra).min(self.data.end)
    }

    /// The content, decoded to at most `limit` bytes. `outer` is what the frame stands in.
    pub(super) fn content<'b>(&self, outer: &'b [u8], limit: u64) -> Result<Cow<'b, [u8]>> {
        let coding = self.coding;
        if coding.is_encrypted {
            return Err(Error::unsupported("the frame is encrypted"));
        }
        let data = outer.get(self.data.clone()).unwrap_or_default();
        let data = if coding.is_unsynchronised { Plain::decode(data).bytes } else { Cow::Borrowed(data) };
        let start = coding.extra.min(data.len());
        if !coding.is_compressed {
            return Ok(match data {
                Cow::Borrowed(data) => Cow::Borrowed(data.get(start..).unwrap_or_default()),
                Cow::Owned(mut data) => {
                    data.drain(..start);
                    Cow::Owned(data)
                }
            });
        }
        let mut content = Vec::new();
        let coded = data.get(start..).unwrap_or_default();
        inflate_windows(coded, Wrapper::Zlib, limit, &mut |window| {
            content.extend_from_slice(window);
            Ok(())
        })?;
        Ok(Cow::Owned(content))
    }

    /// The whole frame with other content, coded as before.
    pub(super) fn with_content(&self, outer: &[u8], content: &[u8]) -> Result<Vec<u8>> {
        let coding = self.coding;
        let header = outer.get(self.span.start..self.data.start).unwrap_or_default();
        let data = outer.get(self.data.clone()).unwrap_or_default();
        let mut new = data.get(..coding.extra).unwrap_or_default().to_vec();
        if let Some(target) = coding.length_at.and_then(|at| new.get_mut(at..at + 4)) {
            let length =
                if coding.version >= 4 { to_syncsafe(content.len()) } else { (content.len() as u32).to_be_bytes() };
            target.copy_from_slice(&length);
        }
        if coding.is_compressed {
            new.extend(deflate(content, Wrapper::Zlib));
        } else {
            new.extend_from_slice(content);
        }
        if coding.is_unsynchronised {
            new = unsync::encode(&new);
        }
        let mut frame = header.to_vec();
        let size =
            if coding.sizes == Sizes::Syncsafe { to_syncsafe(new.len()) } else { (new.len() as u32).to_be_bytes() };
        let (target, size) = if coding.version == 2 { (3..6, size.get(1..)) } else { (4..8, size.get(..)) };
        match frame.get_mut(target).zip(size) {
            Some((target, size)) if new.len() < 1 << 24 => target.copy_from_slice(size),
            _ => return Err(Error::unsupported("a frame cannot be written anew")),
        }
        frame.extend(new);
        Ok(frame)
    }
}

/// Frames that follow each other.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) frames: Vec<Frame>,
    /// Where the last one ends.
    pub(super) end: usize,
    /// Where bytes end that are neither frames nor padding: damage. The end of the last frame where there are none.
    pub(super) damage: usize,
    is_clean: bool,
    /// Whether they read to the end as the version wants them.
    pub(super) is_certain: bool,
}

/// Walks the frames in `bytes` from `start` on. Sizes are tried as the version wants them, then as iTunes (plain
/// numbers in 2.4) and others (seven bits in 2.3) wrote them: what reads to the end is right.
pub(super) fn walk(bytes: &[u8], start: usize, version: u8, unsynchronised: bool) -> Result<Walk> {
    let (usual, other) = if version >= 4 { (Sizes::Syncsafe, Sizes::Plain) } else { (Sizes::Plain, Sizes::Syncsafe) };
    let usual = walk_as(bytes, start, version, usual, unsynchronised)?;
    if usual.is_clean || version == 2 {
        return Ok(Walk { is_certain: usual.is_clean, ..usual });
    }
    let other = walk_as(bytes, start, version, other, unsynchronised)?;
    let is_better = other.is_clean || (version >= 4 && other.frames.len() > usual.frames.len());
    Ok(if is_better { other } else { usual })
}

fn walk_as(bytes: &[u8], start: usize, version: u8, sizes: Sizes, unsynchronised: bool) -> Result<Walk> {
    let mut walk = Walk { end: start, damage: start, ..Walk::default() };
    while let Some(frame) = frame_at(bytes, walk.end, version, sizes, unsynchronised) {
        walk.end = frame.span.end;
        walk.frames.push(frame);
        if walk.frames.len() > MOST_FRAMES {
            return Err(Error::limit(format!("more than {MOST_FRAMES} frames")));
        }
    }
    let rest = bytes.get(walk.end..).unwrap_or_default();
    walk.is_clean = rest.iter().all(|byte| *byte == 0);
    walk.damage = if rest.first().is_none_or(|first| *first == 0) { walk.end } else { bytes.len() };
    Ok(walk)
}

fn frame_at(bytes: &[u8], start: usize, version: u8, sizes: Sizes, unsynchronised: bool) -> Option<Frame> {
    let rest = bytes.get(start..)?;
    let (header, id, size, flags) = if version == 2 {
        let [id @ .., a, b, c] = rest.first_chunk::<6>()?;
        (6, &id[..], u32::from_be_bytes([0, *a, *b, *c]) as usize, [0; 2])
    } else {
        let [id @ .., a, b, c, d, status, format] = rest.first_chunk::<10>()?;
        let size = [*a, *b, *c, *d];
        let size = if sizes == Sizes::Syncsafe { syncsafe(&size)? } else { u32::from_be_bytes(size) as usize };
        (10, &id[..], size, [*status, *format])
    };
    // iTunes wrote the three letters of version 2.2 in later versions too.
    let id = match id {
        [letters @ .., 0 | b' '] if letters.len() == 3 => letters,
        letters => letters,
    };
    if !id.iter().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit()) {
        return None;
    }
    let data = start + header..(start + header).checked_add(size).filter(|end| *end <= bytes.len())?;
    let coding = coding(version, sizes, flags, unsynchronised, bytes.get(data.clone())?);
    Some(Frame { id: id.iter().copied().map(char::from).collect(), span: start..data.end, data, coding })
}

fn coding(version: u8, sizes: Sizes, flags: [u8; 2], unsynchronised: bool, data: &[u8]) -> Coding {
    let [_, format] = flags;
    let mut coding = Coding { version, sizes, ..Coding::default() };
    let mut add = |count: usize| {
        coding.extra += count;
        coding.extra - count
    };
    if version == 3 {
        let is_compressed = format & 0x80 != 0;
        let is_encrypted = format & 0x40 != 0;
        let length_at = is_compressed.then(|| add(4));
        is_encrypted.then(|| add(1));
        let group = (format & 0x20 != 0).then(|| add(1)).and_then(|at| data.get(at).copied());
        return Coding { is_encrypted, is_compressed, length_at, group, ..coding };
    }
    if version >= 4 {
        let group = (format & 0x40 != 0).then(|| add(1)).and_then(|at| data.get(at).copied());
        let is_compressed = format & 0x08 != 0;
        let is_encrypted = format & 0x04 != 0;
        is_encrypted.then(|| add(1));
        let length_at = (format & 0x01 != 0).then(|| add(4));
        let is_unsynchronised = unsynchronised || format & 0x02 != 0;
        return Coding { is_unsynchronised, is_encrypted, is_compressed, length_at, group, ..coding };
    }
    coding
}
