//! Taking frames out of a tag.

use std::ops::Range;

use super::header::{HEADER, Header};
use super::unsync::{self, Plain};
use super::{Holds, PACKET, Part, Tag};
use crate::containers::Carrier;
use crate::containers::nested::{apply, rewrite};
use crate::error::{Error, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout};
use crate::survey::Site;

/// What goes, and what is known of it.
pub(super) struct Cut<'c> {
    pub(super) chosen: &'c [usize],
    /// Ranges of the tag that get other bytes, as many; of no chosen site.
    pub(super) members: &'c [(Range<usize>, &'c [u8])],
    pub(super) needles: Option<&'c Needles>,
    pub(super) layout: Layout,
}

/// The edits that make the cut.
pub(super) fn take_out(tag: &Tag<'_>, cut: &Cut<'_>) -> Result<Vec<Edit>> {
    let edits = planned(tag, cut)?;
    if !tag.is_certain && !edits.is_empty() && !is_kept_by(tag, cut.chosen, &edits)? {
        return Err(Error::malformed(0, "a damaged ID3 tag would read otherwise without the label"));
    }
    Ok(edits)
}

/// Whether the tag holds exactly the sites that are not `chosen` after `edits`. How the sizes of damaged frames are
/// meant may look otherwise once their neighbours are gone.
fn is_kept_by(tag: &Tag<'_>, chosen: &[usize], edits: &[Edit]) -> Result<bool> {
    let after = apply(tag.bytes, edits)?;
    let start = if tag.is_appended { after.iter().position(|byte| *byte != 0).unwrap_or(0) } else { 0 };
    let limits = Limits::default();
    let Ok(after) = Tag::parse(after.get(start..).unwrap_or_default(), &limits) else { return Ok(false) };
    let told = |site: &Site| (site.address.clone(), site.value.as_ref().map(String::len));
    let kept = tag.sites.iter().enumerate().filter(|(site, _)| chosen.binary_search(site).is_err());
    Ok(kept.map(|(_, site)| told(site)).eq(after.sites.iter().map(told)))
}

fn planned(tag: &Tag<'_>, cut: &Cut<'_>) -> Result<Vec<Edit>> {
    let padding = tag.bytes.get(tag.padding()).unwrap_or_default();
    let is_stale = cut.needles.is_some_and(|needles| needles.occur_in(padding));
    let frames = frame_edits(tag, cut)?;
    if frames.is_empty() {
        return Ok(if is_stale { blank_padding(tag) } else { Vec::new() });
    }
    if cut.layout == Layout::Compact && !tag.counts_bytes && !cut.chosen.is_empty() {
        return compact(tag, frames);
    }
    preserve(tag, &frames, is_stale)
}

/// The edits of the frames alone, in the tag.
fn frame_edits(tag: &Tag<'_>, cut: &Cut<'_>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    for edit in changes(tag, &tag.parts, &tag.body.bytes, cut)? {
        let range = tag.position(edit.range.start as usize) as u64..tag.position(edit.range.end as usize) as u64;
        let with = match &edit.with {
            crate::plan::Replacement::Bytes(bytes) if tag.is_whole() => unsync::encode(bytes).into(),
            crate::plan::Replacement::Bytes(bytes) => bytes.clone(),
            crate::plan::Replacement::Fill { .. } => bytes::Bytes::new(),
        };
        edits.push(Edit::replace(range, with));
    }
    for (range, data) in cut.members.iter().filter(|(range, data)| range.len() == data.len()) {
        edits.push(Edit::replace(range.start as u64..range.end as u64, data.to_vec()));
    }
    edits.sort_by_key(|edit| edit.range.start);
    Ok(edits)
}

/// What becomes of frames that stand in `outer`: those that go, and those that are written anew.
fn changes(tag: &Tag<'_>, parts: &[Part], outer: &[u8], cut: &Cut<'_>) -> Result<Vec<Edit>> {
    let mut edits = Vec::new();
    for part in parts {
        let from = cut.chosen.partition_point(|site| *site < part.sites.start);
        let to = cut.chosen.partition_point(|site| *site < part.sites.end);
        let own = cut.chosen.get(from..to).unwrap_or_default();
        let frame = &part.frame;
        let range = frame.span.start as u64..frame.span.end as u64;
        let inner = match &part.holds {
            Holds::Structure => continue,
            Holds::Label | Holds::Frames(_) if own.is_empty() => continue,
            Holds::Label => {
                edits.push(Edit::delete(range));
                continue;
            }
            Holds::Packet(_) if cut.layout == Layout::Compact && !own.is_empty() && own.len() == part.sites.len() => {
                edits.push(Edit::delete(range));
                continue;
            }
            Holds::Packet(packet) => {
                let content = frame.content(outer, tag.limit)?;
                let own: Vec<usize> = own.iter().map(|site| site - part.sites.start).collect();
                let bytes = content.get(PACKET..).unwrap_or_default();
                let edits = match cut.needles {
                    Some(needles) => packet.scrub(bytes, &own, needles, cut.layout),
                    None => packet.edits(&own, cut.layout)?,
                };
                let moved = |at: u64| at + PACKET as u64;
                edits
                    .into_iter()
                    .map(|edit| Edit { range: moved(edit.range.start)..moved(edit.range.end), ..edit })
                    .collect()
            }
            Holds::Frames(parts) => changes(tag, parts, &frame.content(outer, tag.limit)?, cut)?,
        };
        if !inner.is_empty() {
            let content = apply(&frame.content(outer, tag.limit)?, &inner)?;
            edits.push(Edit::replace(range, frame.with_content(outer, &content)?));
        }
    }
    Ok(edits)
}

/// The tag at its old length.
fn preserve(tag: &Tag<'_>, frames: &[Edit], is_stale: bool) -> Result<Vec<Edit>> {
    let start = tag.position(tag.extended.range.end);
    let padding = tag.padding();
    let moved: Vec<Edit> = frames
        .iter()
        .map(|edit| Edit { range: edit.range.start - start as u64..edit.range.end - start as u64, ..edit.clone() })
        .collect();
    let frames = apply(tag.bytes.get(start..padding.start).unwrap_or_default(), &moved)?;
    if tag.is_appended {
        return moved_to_the_end(tag, &frames);
    }
    // Without a footer there is room for padding.
    let end = tag.bytes.len();
    let has_footer = tag.header.has_footer();
    let mut bytes = tag.bytes.get(..HEADER).unwrap_or_default().to_vec();
    if has_footer {
        bytes.splice(5..HEADER, tag.header.with_size(end - HEADER, false));
    }
    let old = if is_stale || has_footer { &[] } else { tag.bytes.get(padding.clone()).unwrap_or_default() };
    let extended = tag.extended_raw(&frames, old, |extended, frames| (end - HEADER).saturating_sub(extended + frames));
    bytes.extend(extended);
    bytes.extend(frames);
    // What stands in the padding stays where it is.
    if bytes.len() <= padding.start && !old.is_empty() {
        bytes.resize(padding.start, 0);
        bytes.extend_from_slice(old);
    } else if old.iter().any(|byte| *byte != 0) {
        return Err(Error::unsupported("the ID3 tag has no room for what is left"));
    }
    if bytes.len() > end {
        return Err(Error::unsupported("the ID3 tag has no room for what is left"));
    }
    bytes.resize(end, 0);
    Ok(rewrite(0, tag.bytes, &bytes).into_iter().collect())
}

/// A tag that keeps footer and end; zeros stand before it.
fn moved_to_the_end(tag: &Tag<'_>, frames: &[u8]) -> Result<Vec<Edit>> {
    let extended = tag.extended_raw(frames, &[], |_, _| 0);
    let size = extended.len() + frames.len();
    let room = tag.bytes.len().checked_sub(2 * HEADER + size);
    let room = room.ok_or_else(|| Error::unsupported("the ID3 tag has no room for what is left"))?;
    let ends = |signature: &[u8; 3]| {
        let version = tag.bytes.get(3..5).unwrap_or_default();
        [&signature[..], version, &tag.header.with_size(size, true)].concat()
    };
    let bytes = [&vec![0; room], &ends(b"ID3"), &extended, frames, &ends(b"3DI")].concat();
    Ok(rewrite(0, tag.bytes, &bytes).into_iter().collect())
}

/// How much padding stays in the compact layout: in version 2.4 some readers want room for the header of a frame behind
/// the last one, where they try what form its size has.
fn kept_padding(tag: &Tag<'_>) -> usize {
    let padding = tag.bytes.get(tag.padding()).unwrap_or_default();
    let head = padding.get(..padding.len().min(HEADER)).unwrap_or_default();
    let is_kept = tag.header.version >= 4 && !tag.header.has_footer() && head.iter().all(|byte| *byte == 0);
    if is_kept { head.len() } else { 0 }
}

/// The shortest tag.
fn compact(tag: &Tag<'_>, frames: Vec<Edit>) -> Result<Vec<Edit>> {
    let start = tag.position(tag.extended.range.end);
    let padding = tag.padding();
    let moved = frames
        .iter()
        .map(|edit| Edit { range: edit.range.start - start as u64..edit.range.end - start as u64, ..edit.clone() });
    let after = apply(tag.bytes.get(start..padding.start).unwrap_or_default(), &moved.collect::<Vec<_>>())?;
    let rest = kept_padding(tag);
    let extended = tag.extended_raw(&after, &[], |_, _| rest);
    let size = extended.len() + after.len() + rest;
    let header: Header = tag.header;
    let mut edits = frames;
    let flags = header.with_size(size, header.has_footer());
    edits.push(Edit::replace(5..HEADER as u64, flags.to_vec()));
    if tag.bytes.get(HEADER..start) != Some(&extended[..]) {
        edits.push(Edit::replace(HEADER as u64..start as u64, extended));
    }
    edits.push(Edit::delete((padding.start + rest) as u64..padding.end as u64));
    if header.has_footer() {
        edits.push(Edit::replace(padding.end as u64 + 5..tag.bytes.len() as u64, flags.to_vec()));
    }
    Ok(edits)
}

/// Zeros in the padding, and the sums that follow.
fn blank_padding(tag: &Tag<'_>) -> Vec<Edit> {
    let start = tag.position(tag.extended.range.end);
    let padding = tag.padding();
    let frames = tag.bytes.get(start..padding.start).unwrap_or_default();
    let extended = tag.extended_raw(frames, &[], |_, _| padding.len());
    let sum = rewrite(HEADER, tag.bytes.get(HEADER..start).unwrap_or_default(), &extended);
    let blank = Edit::fill(padding.start as u64..padding.end as u64, 0);
    // A sum that no longer has the same length in unsynchronised bytes is left: nobody checks it.
    sum.into_iter().filter(Edit::keeps_length).chain([blank]).collect()
}

impl Tag<'_> {
    /// Whether all of the body is unsynchronised, rather than single frames.
    fn is_whole(&self) -> bool {
        self.header.is_unsynchronised() && self.header.version < 4
    }

    /// The extended header for these frames, which are coded as they stand in the tag, and what stands in the padding;
    /// `padding` says how long that is, from the lengths of the extended header and the frames.
    fn extended_raw(&self, frames: &[u8], old: &[u8], padding: impl Fn(usize, usize) -> usize) -> Vec<u8> {
        if self.extended.range.is_empty() {
            return Vec::new();
        }
        let padding = padding(self.position(self.extended.range.end) - HEADER, frames.len());
        let mut hasher = crc32fast::Hasher::new();
        if self.is_whole() {
            hasher.update(&Plain::decode(frames).bytes);
        } else {
            hasher.update(frames);
        }
        if self.header.version >= 4 {
            let zeros = vec![0; padding.saturating_sub(old.len())];
            hasher.update(&zeros);
            hasher.update(old);
        }
        let extended = self.extended.rewritten(&self.body.bytes, hasher.finalize(), padding);
        if self.is_whole() { unsync::encode(&extended) } else { extended }
    }
}
