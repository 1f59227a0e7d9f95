//! The top of a file: documents, segments, and what stands directly in them. Clusters are passed over by their sizes.

use std::hint::black_box;
use std::ops::Range;

use super::ids::{
    CLUSTER, CUE_CLUSTER_POSITION, CUE_POINT, CUE_TRACK_POSITIONS, CUES, POSITION, PREV_SIZE, SEEK, SEEK_HEAD,
    SEEK_POSITION, SEGMENT, SILENT_TRACKS, TIMESTAMP, is_top,
};
use crate::containers::ebml::{CRC_32, Children, Element, HEADER, LONGEST_SIZE, Masters, VOID, unsigned};
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::limits::Limits;

const MAX_SIZE_LENGTH: u32 = 0x42F3;
const DOC_TYPE: u32 = 0x4282;

/// Elements that a cluster may have before its first block.
const HEAD_OF_CLUSTER: usize = 5;

/// Zeros at the end of a segment, up to so many, are room that a writer left.
const MOST_ROOM: usize = 64 << 10;

/// Of so many clusters the places are looked up in an index before they are visited.
const MOST_HINTS: usize = 1 << 16;

/// What a file consists of.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The segments so far.
    pub(super) masters: Masters,
    pub(super) segments: Vec<Segment>,
    /// Everything but clusters, in order.
    pub(super) parts: Vec<Part>,
    /// Runs of clusters.
    pub(super) media: Vec<Range<usize>>,
    /// Where clusters say where they are.
    pub(super) positions: Vec<Position>,
    /// Behind the last document.
    pub(super) end: usize,
    /// Stretches that cannot be read.
    pub(super) damage: Vec<Damage>,
    /// The longest size field that the document allows.
    pub(super) longest: usize,
}

/// A stretch that cannot be read.
#[derive(Debug)]
pub(super) struct Damage {
    pub(super) range: Range<usize>,
    pub(super) reason: String,
    /// Whether labels may stand there.
    pub(super) hides: bool,
}

/// Whether an element of this kind holds no labels: indices, filler.
pub(super) fn is_bare(id: u32) -> bool {
    matches!(id, CUES | SEEK_HEAD | VOID)
}

/// A segment; positions in it count from the first byte of its data.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) master: usize,
    pub(super) data: Range<usize>,
    /// A checksum over all of it.
    pub(super) crc: Option<Element>,
}

/// An element that is no cluster.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) element: Element,
    /// The segment it is in.
    pub(super) segment: Option<usize>,
}

/// The `Position` of a cluster.
#[derive(Debug)]
pub(super) struct Position {
    pub(super) value: Range<usize>,
    pub(super) cluster: usize,
    pub(super) segment: usize,
    /// Whether a checksum of the cluster covers it.
    pub(super) is_summed: bool,
}

/// What the header of a document says: its type, and the longest size field.
pub(super) fn document(input: &[u8], at: usize) -> Result<(Element, String, usize)> {
    let header = Element::read(input, at, input.len())?;
    if header.id != HEADER || header.is_unknown || header.data.end > input.len() {
        return Err(Error::malformed(at as u64, "no EBML header"));
    }
    let (mut kind, mut longest) = ("matroska".to_owned(), LONGEST_SIZE);
    for child in Children::new(input, header.data.clone()) {
        let child = child?;
        match child.id {
            DOC_TYPE => {
                let text = input.get(crate::containers::ebml::string(input, &child)).unwrap_or_default();
                kind = String::from_utf8_lossy(text).into_owned();
            }
            MAX_SIZE_LENGTH => longest = unsigned(input, &child).map_or(longest, |len| len.clamp(1, 8) as usize),
            _ => {}
        }
    }
    Ok((header, kind, longest))
}

/// Walks `input`, touching the heads of clusters only.
pub(super) fn walk(input: &[u8], limits: &Limits) -> Result<Walk> {
    let mut walk = Walk { longest: LONGEST_SIZE, ..Walk::default() };
    let mut at = 0;
    while at < input.len() {
        let Ok(element) = Element::read(input, at, input.len()) else { break };
        match element.id {
            HEADER => {
                let Ok((element, _, longest)) = document(input, at) else { break };
                walk.longest = walk.longest.min(longest);
                at = element.data.end;
                walk.parts.push(Part { element, segment: None });
            }
            SEGMENT => at = walk.segment(input, element, limits)?,
            VOID | CRC_32 if !element.is_unknown && element.data.end <= input.len() => {
                at = element.data.end;
                walk.parts.push(Part { element, segment: None });
            }
            _ => break,
        }
        walk.check(limits)?;
    }
    if walk.segments.is_empty() {
        return Err(Error::malformed(at as u64, "no Segment"));
    }
    walk.end = at;
    Ok(walk)
}

impl Walk {
    fn check(&self, limits: &Limits) -> Result<()> {
        limits.check_items(self.parts.len() + self.media.len() + self.positions.len(), "EBML elements")
    }

    /// Reads a segment and tells where it ends.
    fn segment(&mut self, input: &[u8], element: Element, limits: &Limits) -> Result<usize> {
        let end = if element.is_unknown { input.len() } else { element.data.end.min(input.len()) };
        let start = element.data.start;
        let is_unknown = element.is_unknown;
        let master = self.masters.add(element, None);
        let segment = self.segments.len();
        self.segments.push(Segment { master, data: start..end, crc: None });
        let mut at = start;
        let mut clusters = 0;
        while at < end {
            let child = match Element::read(input, at, end) {
                Ok(child) if is_unknown && matches!(child.id, HEADER | SEGMENT) => break,
                Ok(child) if child.id == CLUSTER => child,
                Ok(child) if !child.is_unknown && child.data.end <= end && !matches!(child.id, HEADER | SEGMENT) => {
                    at = child.data.end;
                    self.part(child, segment);
                    self.check(limits)?;
                    continue;
                }
                other => {
                    let (reason, hides) = match other {
                        // What a broken-off index says is lost, and nothing is behind it.
                        Ok(child) => {
                            let reason = "an element reaches past the end of its segment, or is not one of it";
                            (reason.to_owned(), !is_bare(child.id))
                        }
                        Err(error) => (error.reason(), true),
                    };
                    self.damaged(input, Damage { range: at..end, reason, hides });
                    at = end;
                    break;
                }
            };
            if clusters == 0 {
                self.touch_indexed(input, segment);
            }
            clusters += 1;
            limits.check_items(clusters, "clusters")?;
            let cluster_end = self.cluster(input, &child, segment, end, limits)?;
            match self.media.last_mut().filter(|run| run.end == at) {
                Some(run) => run.end = cluster_end,
                None => self.media.push(at..cluster_end),
            }
            at = cluster_end;
            self.check(limits)?;
        }
        if let Some(segment) = self.segments.get_mut(segment) {
            segment.data.end = at;
        }
        Ok(at)
    }

    fn part(&mut self, element: Element, segment: usize) {
        if let Some(segment) = self.segments.get_mut(segment).filter(|_| element.id == CRC_32) {
            segment.crc = Some(element.clone());
        }
        self.parts.push(Part { element, segment: Some(segment) });
    }

    /// Notes what cannot be read, unless it is nothing but zeros: room that a writer left.
    fn damaged(&mut self, input: &[u8], damage: Damage) {
        let bytes = input.get(damage.range.clone()).unwrap_or_default();
        if bytes.len() > MOST_ROOM || bytes.iter().any(|byte| *byte != 0) {
            self.damage.push(damage);
        }
    }

    /// Reads what stands before the blocks of a cluster, and tells where it ends.
    fn cluster(
        &mut self,
        input: &[u8],
        cluster: &Element,
        segment: usize,
        end: usize,
        limits: &Limits,
    ) -> Result<usize> {
        let known = (!cluster.is_unknown).then(|| cluster.data.end.min(end));
        let mut is_summed = false;
        let mut is_head = true;
        let mut at = cluster.data.start;
        let mut count = 0;
        while at < known.unwrap_or(end) && (known.is_none() || (is_head && count < HEAD_OF_CLUSTER)) {
            let Ok(child) = Element::read(input, at, known.unwrap_or(end)) else {
                // A file that was cut off ends anywhere; else what follows is found to be damaged.
                let is_cut = known.is_none() && end - at < 12;
                return Ok(known.unwrap_or(if is_cut { end } else { at }));
            };
            if known.is_none() && (is_top(child.id) || child.is_unknown) {
                return Ok(at);
            }
            match child.id {
                POSITION if is_head => {
                    let value = child.data.clone();
                    self.positions.push(Position { value, cluster: cluster.start, segment, is_summed });
                }
                CRC_32 => is_summed = true,
                VOID if known.is_none() && child.data.end <= end => self.part(child.clone(), segment),
                TIMESTAMP | SILENT_TRACKS | PREV_SIZE | POSITION | VOID => {}
                _ => is_head = false,
            }
            count += 1;
            limits.check_items(count, "blocks in a cluster of unknown size")?;
            at = child.data.end.min(end);
        }
        Ok(known.unwrap_or(at))
    }

    /// Looks at the heads of all clusters that the index lists, and of everything else that is listed.
    ///
    /// The walk finds them all by itself, each only after the one before. Where bytes are far away it is well that they
    /// are asked for at once; where they are here, this costs nothing that the walk would not.
    fn touch_indexed(&self, input: &[u8], segment: usize) {
        let Some(Segment { data, .. }) = self.segments.get(segment) else { return };
        let at = |position: u64| data.start.saturating_add(usize::try_from(position).unwrap_or(usize::MAX));
        let touch = |position: u64| Element::read(input, at(position), data.end).ok();
        let mut index = None;
        for part in self.parts.iter().filter(|part| part.segment == Some(segment)) {
            for position in positions(input, &part.element, SEEK_HEAD, SEEK, SEEK_POSITION) {
                index = index.or(touch(position).filter(|listed| listed.id == CUES && listed.data.end <= data.end));
            }
        }
        let points = index.map(|index| Children::new(input, index.data)).into_iter().flatten().flatten();
        for point in points.filter(|point| point.id == CUE_POINT).take(MOST_HINTS) {
            for cluster in positions(input, &point, CUE_POINT, CUE_TRACK_POSITIONS, CUE_CLUSTER_POSITION) {
                black_box(touch(cluster).is_some());
            }
        }
    }
}

/// The numbers `leaf` in the masters `inner` of `element`, if that is an `outer`.
fn positions<'i>(
    input: &'i [u8],
    element: &Element,
    outer: u32,
    inner: u32,
    leaf: u32,
) -> impl Iterator<Item = u64> + 'i {
    let range = if element.id == outer { element.data.clone() } else { 0..0 };
    let masters = Children::new(input, range).flatten().filter(move |master| master.id == inner);
    let leaves = masters.flat_map(|master| Children::new(input, master.data).flatten());
    leaves.filter(move |child| child.id == leaf).filter_map(|child| unsigned(input, &child))
}

/// Whether `input` begins with the header of a Matroska document.
pub(super) fn is_start(input: &[u8]) -> bool {
    let mut cursor = Cursor::new(input);
    cursor.u32_be().is_ok_and(|id| id == HEADER)
        && document(input, 0).is_ok_and(|(_, kind, _)| matches!(&*kind, "matroska" | "webm"))
}
