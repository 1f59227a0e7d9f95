//! Edits of chunks, of the lengths around them, and of the flags that announce them.

use std::ops::Range;

use super::{AreaKind, Body, Flavour, Held, Part, Surveyed};
use crate::containers::Carrier;
use crate::containers::nested::{growth, rewrite};
use crate::containers::riff::{Form, HEADER, Order, filler};
use crate::containers::slack::{blank, is_foreign};
use crate::error::{ErrorKind, Result};
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::survey::{Barrier, Planned, Removal};

/// Flags of `VP8X`.
const FLAGS: [(&[u8; 4], u8); 2] = [(b"EXIF", 0x08), (b"XMP ", 0x04)];

/// What is to be done to one part.
#[derive(Clone, Copy)]
struct Change<'c> {
    /// Its own sites that go.
    chosen: &'c [usize],
    /// New data of files in it.
    members: &'c [(Range<usize>, &'c [u8])],
    needles: &'c Needles,
    layout: Layout,
}

impl Surveyed<'_> {
    pub(super) fn plan_removal(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = Vec::new();
        let mut grown = vec![0i64; self.forms.len()];
        let is_rigid = self.forms.iter().any(Form::is_rigid);
        let (mut gone, mut gone_ranges) = (Vec::new(), Vec::new());
        let (mut left, mut left_members) = (Vec::new(), Vec::new());
        for (number, part) in self.parts.iter().enumerate() {
            let first = removal.sites.partition_point(|site| *site < part.sites.start);
            let chosen = removal.sites.get(first..).unwrap_or_default().iter();
            let chosen: Vec<usize> =
                chosen.take_while(|site| **site < part.sites.end).map(|site| site - part.sites.start).collect();
            let layout = self.layout_at(part, layout, is_rigid);
            let members = self.new_files(number, &chosen, removal, &mut left_members);
            let change = Change { chosen: &chosen, members: &members, needles: removal.needles, layout };
            let Some((own, is_gone)) = self.part_edits(part, &change)? else {
                let barrier = Barrier::new(ErrorKind::Unsupported, "its list has no padding, and no room for filler");
                left.extend(chosen.iter().map(|site| (site + part.sites.start, barrier.clone())));
                continue;
            };
            if is_gone {
                gone.push(part.chunk.id);
                gone_ranges.push(part.chunk.range());
            }
            if let Some(grown) = part.form.and_then(|form| grown.get_mut(form)) {
                *grown += growth(&own);
            }
            edits.extend(own);
        }
        for (form, grown) in self.forms.iter().zip(grown) {
            edits.extend(form.resize(self.input, grown));
        }
        edits.extend(self.flag_edit(&gone));
        // What stands behind a tag in its chunk goes with the chunk.
        edits.extend(self.stale(removal.needles).into_iter().filter(|stale| {
            let next = gone_ranges.partition_point(|gone| gone.end as u64 <= stale.range.start);
            gone_ranges.get(next).is_none_or(|gone| stale.range.end <= gone.start as u64)
        }));
        Ok(Planned { left, left_members, ..Plan::new(edits, self.input.len() as u64)?.into() })
    }

    /// The layout in which a chunk may be edited: what stands in a list within, or before media that are addressed by
    /// offsets, keeps its length, and so does what is cut off, and all of a file in which nothing may move.
    fn layout_at(&self, part: &Part<'_>, layout: Layout, is_rigid: bool) -> Layout {
        let is_last = part.form.is_none_or(|form| form + 1 == self.forms.len());
        let moves_media = self.flavour == Flavour::Avi && (!is_last || part.chunk.start() < self.media_end);
        let is_inner = part.form.is_none() && self.forms.last().is_some_and(|form| part.chunk.start() < form.end);
        if is_rigid || moves_media || is_inner || part.chunk.is_cut { Layout::Preserve } else { layout }
    }

    /// The edits of one part, and whether its chunk is none of its kind any more. Nothing where there is no room.
    fn part_edits(&self, part: &Part<'_>, change: &Change<'_>) -> Result<Option<(Vec<Edit>, bool)>> {
        let Change { chosen, layout, .. } = *change;
        let chunk = &part.chunk;
        let whole = |is_cut: bool| if is_cut { vec![chunk.cut()] } else { chunk.blank() };
        let edits = match &part.body {
            Body::Block { held, at } => {
                if layout == Layout::Compact && !chosen.is_empty() && empties(held, chosen) {
                    return Ok(Some((whole(true), true)));
                }
                self.block_edits(part, held, *at, change)?
            }
            _ if chosen.is_empty() => return Ok(Some((Vec::new(), false))),
            Body::Label | Body::Opaque => return Ok(Some((whole(layout == Layout::Compact), true))),
            Body::List { items, is_counted } => {
                let taken: Vec<_> = chosen.iter().filter_map(|index| items.get(*index).cloned()).collect();
                if taken.len() == items.len() && self.is_all(part, items, *is_counted) {
                    return Ok(Some((whole(layout == Layout::Compact), true)));
                }
                return Ok(self.list_edits(part, &taken, *is_counted, layout).map(|edits| (edits, false)));
            }
            Body::Fields { ranges, has_tail } => {
                let fill = |index: &usize| {
                    let range = ranges.get(*index)?;
                    let range = range.start as u64..range.end as u64;
                    let is_tail = *has_tail && index + 1 == ranges.len();
                    let cuts = is_tail && layout == Layout::Compact;
                    Some(if cuts { Edit::delete(range) } else { Edit::fill(range, 0) })
                };
                chosen.iter().filter_map(fill).collect()
            }
        };
        let resize = chunk.resize(growth(&edits), self.order());
        Ok(Some((edits.into_iter().chain(resize).collect(), false)))
    }

    fn order(&self) -> Order {
        self.forms.first().map_or(Order::Little, |form| form.order)
    }

    /// The new data of files in a part, by where they stand; what must keep its length and does not is left.
    fn new_files<'r>(
        &self,
        number: usize,
        chosen: &[usize],
        removal: &'r Removal<'_>,
        left: &mut Vec<(usize, Barrier)>,
    ) -> Vec<(Range<usize>, &'r [u8])> {
        let mut members = Vec::new();
        for (index, data) in removal.members {
            let Some((part, file)) = self.files.get(*index).filter(|(part, _)| *part == number) else { continue };
            let Some(Body::Block { held: Held::Id3(tag), .. }) = self.parts.get(*part).map(|part| &part.body) else {
                continue;
            };
            match tag.member_range(*file) {
                // It goes with its frame.
                Some((_, site)) if chosen.binary_search(&site).is_ok() => {}
                Some((range, _)) if range.len() == data.len() => members.push((range, &data[..])),
                _ => left.push((*index, Barrier::new(ErrorKind::Unsupported, "a picture must keep its length"))),
            }
        }
        members
    }

    fn block_edits(&self, part: &Part<'_>, held: &Held<'_>, at: usize, change: &Change<'_>) -> Result<Vec<Edit>> {
        let Change { chosen, members, needles, layout } = *change;
        let bytes = self.bytes(at..part.chunk.data.end);
        let mut edits = match held {
            Held::Xmp(packet) => packet.scrub(bytes, chosen, needles, layout),
            Held::Tiff(tiff) => {
                let mut edits = tiff.edits(chosen, Layout::Preserve)?;
                for gap in tiff.gaps() {
                    edits.extend(blank(gap.start, bytes.get(gap.clone()).unwrap_or_default(), needles));
                }
                edits
            }
            Held::Xml(labels) => labels.edits(chosen, layout)?,
            Held::Id3(tag) => tag.scrub(chosen, members, needles, layout)?,
        };
        for edit in &mut edits {
            edit.range = edit.range.start + at as u64..edit.range.end + at as u64;
        }
        Ok(edits)
    }

    /// Whether a list holds nothing but these items.
    fn is_all(&self, part: &Part<'_>, items: &[Range<usize>], is_counted: bool) -> bool {
        let mut position = part.chunk.data.start + if is_counted { 2 } else { 4 };
        let is_blank = |range: Range<usize>| self.bytes(range).iter().all(|byte| *byte == 0);
        for item in items {
            if !is_blank(position..item.start) {
                return false;
            }
            position = item.end;
        }
        is_blank(position..part.chunk.data.end.max(position))
    }

    /// A list without some items. With preserve a chunk of filler follows it, if there is room for one.
    fn list_edits(
        &self,
        part: &Part<'_>,
        taken: &[Range<usize>],
        is_counted: bool,
        layout: Layout,
    ) -> Option<Vec<Edit>> {
        let chunk = &part.chunk;
        let order = self.order();
        let mut data = Vec::new();
        let mut position = chunk.data.start;
        for item in taken {
            data.extend_from_slice(self.bytes(position..item.start));
            position = item.end;
        }
        // The padding of the last item may be counted with the list or not.
        data.extend_from_slice(self.bytes(position..chunk.data.end.max(position)));
        if is_counted && let Some((count, _)) = data.split_first_chunk_mut::<2>() {
            let left = u16::from_be_bytes(*count).saturating_sub(u16::try_from(taken.len()).unwrap_or(u16::MAX));
            *count = left.to_be_bytes();
        }
        let length = u32::try_from(data.len()).unwrap_or_default();
        let mut list = [chunk.id, order.bytes(length)].concat();
        list.extend_from_slice(&data);
        list.resize(list.len().next_multiple_of(2), 0);
        let range = chunk.range();
        if layout == Layout::Compact {
            return Some(vec![Edit::replace(range.start as u64..range.end as u64, list)]);
        }
        let room = range.len().checked_sub(list.len()).filter(|room| *room >= HEADER || *room == 0)?;
        if room > 0 {
            list.extend(filler(room, order));
        }
        Some(rewrite(range.start, self.bytes(range), &list).into_iter().collect())
    }

    /// The flags of a WebP file without those of chunks that are gone.
    fn flag_edit(&self, gone: &[[u8; 4]]) -> Option<Edit> {
        let at = self.flags.as_ref()?.data.start;
        let flags = *self.input.get(at)?;
        let is_left = |id: &[u8; 4]| {
            let parts = self.parts.iter().filter(|part| part.chunk.id == *id).count();
            parts > gone.iter().filter(|other| *other == id).count()
        };
        let cleared = FLAGS.iter().filter(|(id, _)| gone.contains(id) && !is_left(id)).map(|(_, flag)| *flag);
        let new = cleared.fold(flags, |flags, flag| flags & !flag);
        (new != flags).then(|| Edit::replace(at as u64..at as u64 + 1, vec![new]))
    }

    /// Stale copies in filler and behind the end. There readers step over zeros to further chunks, and 0xFF in the place
    /// of a length makes a chunk that goes on to the end, so that another byte fills it.
    fn stale(&self, needles: &Needles) -> Vec<Edit> {
        let end = self.forms.last().map_or(0, |form| form.end);
        let slack = self.areas.iter().filter(|area| area.kind == AreaKind::Slack);
        let bytes = slack.map(|area| (area.range.start, self.bytes(area.range.clone())));
        let edits = bytes.filter(|(_, bytes)| !is_foreign(bytes)).flat_map(|(at, bytes)| blank(at, bytes, needles));
        edits.map(|edit| if edit.range.start < end as u64 { edit } else { Edit::fill(edit.range, 0xFE) }).collect()
    }
}

/// Whether nothing is left of a block without the `chosen` sites.
fn empties(held: &Held<'_>, chosen: &[usize]) -> bool {
    match held {
        Held::Xmp(packet) => chosen.len() == packet.sites().len(),
        Held::Tiff(tiff) => tiff.empties(chosen) && tiff.payload().is_empty(),
        Held::Xml(_) => false,
        Held::Id3(tag) => tag.empties(chosen),
    }
}
