//! Header fields that a message holds as text: the header it was received with, and `msip_labels`, whose pairs are
//! labels each.

use std::ops::Range;

use super::storage::STRING;
use crate::containers::Carrier;
use crate::containers::cfb::{CompoundFile, Extents};
use crate::containers::mime::{Block, Header};
use crate::containers::nested::rewrite;
use crate::error::Result;
use crate::limits::Limits;
use crate::plan::Edit;
use crate::survey::{Barrier, Site};

/// The property whose value is read as a header field of this name.
pub(super) const MSIP: &str = "msip_labels";

/// Text of header fields in a stream.
#[derive(Debug)]
pub(super) struct HeaderText {
    pub(super) stream: usize,
    pub(super) place: String,
    extents: Extents,
    bytes: Vec<u8>,
    is_wide: bool,
    /// Whether what follows the text is no part of its last field.
    is_ended: bool,
    header: Header,
    /// For each byte of the text that was parsed, where it stands in the stream; and where that ends.
    places: Vec<usize>,
    /// Its sites in the findings of the message.
    pub(super) sites: Range<usize>,
}

impl HeaderText {
    /// Reads a stream of text of this type. `name` is that of the field whose body it is, if it is only that. The
    /// sites begin with number `first` and are returned with it.
    pub(super) fn read(
        file: &CompoundFile<'_>,
        stream: usize,
        kind: u16,
        name: Option<&str>,
        first: usize,
        limits: &Limits,
    ) -> Result<(Self, Vec<Site>)> {
        let bytes = file.read(stream, limits)?.into_owned();
        let extents = file.extents(stream)?;
        let is_wide = kind == STRING;
        let prefix = name.map_or_else(String::new, |name| format!("{name}: "));
        let (text, places) = parsed(&bytes, is_wide, &prefix);
        let block = Block::parse(&text, 0..text.len(), limits)?;
        let parsed = text.get(..block.range.end).unwrap_or_default();
        let is_ended = name.is_some() || parsed.ends_with(b"\n\n") || parsed.ends_with(b"\n\r\n");
        let place = file.path(stream);
        let mut header = Header::read(&text, &block, &place, |_| None::<Barrier>, limits);
        let mut sites = header.take_sites();
        for site in &mut sites {
            let at = places.get(site.offset as usize).copied().unwrap_or_default() as u64;
            site.offset = extents.pieces(at..u64::MAX).next().map_or(extents.start(), |(_, range)| range.start);
        }
        let sites_at = first..first + sites.len();
        Ok((Self { stream, place, extents, bytes, is_wide, is_ended, header, places, sites: sites_at }, sites))
    }

    /// The edits that cut these of its own sites (ascending) out of the text, which spaces then follow; and what is left.
    pub(super) fn edits(&self, chosen: &[usize]) -> (Vec<Edit>, Vec<(usize, Barrier)>) {
        let cuts = self.header.cuts(chosen);
        let place = |at: usize| self.places.get(at).copied().unwrap_or(self.bytes.len());
        let mut new = Vec::with_capacity(self.bytes.len());
        let mut position = 0;
        for cut in cuts.ranges.iter().map(|cut| place(cut.start)..place(cut.end)) {
            new.extend_from_slice(self.bytes.get(position..cut.start).unwrap_or_default());
            position = cut.end;
        }
        new.extend_from_slice(self.bytes.get(position..).unwrap_or_default());
        let filler = self.filler(&new);
        new.extend(filler);
        let edits = rewrite(0, &self.bytes, &new).iter().flat_map(|edit| self.extents.spread(edit)).collect();
        (edits, cuts.left)
    }

    /// What makes `text` as long as before: spaces that are no part of the last field, if there is room to end it.
    fn filler(&self, text: &[u8]) -> Vec<u8> {
        let unit = if self.is_wide { 2 } else { 1 };
        let spell = |text: &str| -> Vec<u8> {
            if self.is_wide { text.encode_utf16().flat_map(u16::to_le_bytes).collect() } else { text.as_bytes().into() }
        };
        let count = (self.bytes.len() - text.len()) / unit;
        let end = match () {
            () if self.is_ended => "",
            () if text.ends_with(&spell("\n")) => "\r\n",
            () => "\r\n\r\n",
        };
        let end = if count >= end.len() { end } else { "" };
        let mut filler = spell(end);
        filler.extend(spell(" ").repeat(count - end.len()));
        filler.resize(self.bytes.len() - text.len(), 0);
        filler
    }

    /// What belongs to sites, as ranges of the stream.
    pub(super) fn claimed(&self) -> Vec<Range<usize>> {
        let place = |at: usize| self.places.get(at).copied().unwrap_or(self.bytes.len());
        self.header.claimed().into_iter().map(|range| place(range.start)..place(range.end)).collect()
    }

    /// The stream.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// First byte in the file.
    pub(super) fn start(&self) -> u64 {
        self.extents.start()
    }
}

/// The text of a stream behind `prefix`, as bytes of which every ASCII character is one, and where each stands.
fn parsed(bytes: &[u8], is_wide: bool, prefix: &str) -> (Vec<u8>, Vec<usize>) {
    let mut text = prefix.as_bytes().to_vec();
    let mut places = vec![0; text.len()];
    if !is_wide {
        text.extend_from_slice(bytes);
        places.extend(0..=bytes.len());
        return (text, places);
    }
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let mut at = 0;
    for letter in char::decode_utf16(units) {
        let letter = letter.unwrap_or(char::REPLACEMENT_CHARACTER);
        let spelled = text.len();
        text.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        places.resize(places.len() + text.len() - spelled, at);
        at += 2 * letter.len_utf16();
    }
    places.push(at.min(bytes.len()));
    (text, places)
}
