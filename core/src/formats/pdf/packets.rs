//! XMP packets (ISO 32000-2 §14.3.2): of the catalog and of every other object, current or not.

use std::ops::Range;

use super::PdfSurvey;
use super::document::{Document, Home, place_of};
use super::filters::Coding;
use super::lexer::is_space;
use super::walk::Role;
use crate::containers::Carrier;
use crate::containers::xmp::Packet;
use crate::error::Result;
use crate::plan::{Edit, Layout};
use crate::scan::{Class, Scan};
use crate::survey::{Guard, Removal, Site};

/// A packet and where it stands.
#[derive(Debug)]
pub(super) struct PacketHome {
    pub(super) home: Home,
    /// Index of its object.
    pub(super) object: usize,
    /// Its bytes in that home.
    range: Range<usize>,
    /// Nothing where the bytes are not well-formed: these are searched, but hold no site.
    packet: Option<Packet>,
    place: String,
    /// First byte of its stream in the file.
    offset: usize,
}

impl PacketHome {
    /// Length in bytes.
    pub(super) fn length(&self) -> usize {
        self.range.len()
    }

    /// Sites, each with its position in the file.
    pub(super) fn sites(&self) -> impl Iterator<Item = ((u64, Home, usize), Site)> + '_ {
        self.packet.iter().flat_map(Carrier::sites).enumerate().map(|(index, site)| {
            let mut site = site.clone();
            site.place.clone_from(&self.place);
            site.offset = match self.home {
                Home::File => site.offset.saturating_add(self.offset as u64),
                Home::Coded(_) => self.offset as u64,
            };
            ((site.offset, self.home, index), site)
        })
    }

    /// The edits, in bytes of its home, that take out the sites with these indices and what is stale.
    pub(super) fn edits(
        &self,
        document: &Document<'_>,
        chosen: &[usize],
        removal: &Removal<'_>,
        layout: Layout,
    ) -> Vec<Edit> {
        let Some(packet) = &self.packet else { return Vec::new() };
        let bytes = document.text(self.home).get(self.range.clone()).unwrap_or_default();
        let edits = packet.scrub(bytes, chosen, removal.needles, layout);
        let base = self.range.start as u64;
        edits
            .into_iter()
            .map(|Edit { range, with }| Edit { range: range.start + base..range.end + base, with })
            .collect()
    }
}

/// Finds and parses every packet; what cannot be read becomes a guard.
pub(super) fn find(document: &mut Document<'_>, named: &[u32], guards: &mut Vec<Guard>) -> Vec<PacketHome> {
    let mut named: Vec<u32> = named.iter().chain(&document.walk.metadata).copied().collect();
    named.sort_unstable();
    let is_packet = |object: &super::walk::Object| {
        let is_named = || object.role == Role::Other && named.binary_search(&object.id.number).is_ok();
        object.data.is_some() && (object.role == Role::Metadata || is_named())
    };
    let objects = document.walk.objects.iter().enumerate().filter(|(_, object)| is_packet(object));
    let indices: Vec<usize> = objects.map(|(index, _)| index).collect();
    let mut packets = Vec::new();
    for index in indices {
        if let Some(object) = document.walk.objects.get_mut(index) {
            object.role = Role::Metadata;
        }
        match open(document, index) {
            Ok(packet) => {
                if packet.packet.is_none() && !is_blank(document, &packet) {
                    guards.push(super::unreadable(document, index, "an XMP packet", "it is not well-formed XML"));
                }
                packets.push(packet);
            }
            Err(reason) => guards.push(super::unreadable(document, index, "an XMP packet", reason)),
        }
    }
    packets
}

fn is_blank(document: &Document<'_>, packet: &PacketHome) -> bool {
    document.text(packet.home).get(packet.range.clone()).is_none_or(|bytes| bytes.iter().all(|&byte| is_space(byte)))
}

fn open(document: &mut Document<'_>, index: usize) -> Result<PacketHome, &'static str> {
    let missing = "it is not a stream";
    let object = document.walk.objects.get(index).ok_or(missing)?;
    let data = object.data.clone().ok_or(missing)?;
    let (place, offset) = (place_of(object.id), data.start);
    let coding = Coding::of(document.input, &document.dict(object).ok_or(missing)?)?;
    let in_clear = document.crypt.stream_cipher(object.id, true, coding.exempt)?.is_none();
    let (home, range) = if coding.is_plain() && in_clear {
        (Home::File, data)
    } else {
        let coded = document.open_stream(index)?;
        let range = 0..coded.plain.len();
        (Home::Coded(document.hold(coded)?), range)
    };
    let bytes = document.text(home).get(range.clone()).unwrap_or_default();
    let packet = Packet::parse(bytes, document.limits).ok();
    Ok(PacketHome { home, object: index, range, packet, place, offset })
}

/// Shows every packet to the residue scan. One that is not well-formed counts as content: the guard over it says
/// already that labels may be hidden there, and what a search finds in it is reported as a copy.
pub(super) fn scan(survey: &PdfSurvey<'_>, scan: &mut Scan<'_>) {
    for packet in &survey.packets {
        let bytes = survey.document.text(packet.home).get(packet.range.clone()).unwrap_or_default();
        let class = if packet.packet.is_some() { Class::Metadata } else { Class::Content };
        let claimed = packet.packet.as_ref().map(Carrier::claimed).unwrap_or_default();
        match packet.home {
            Home::File => scan.raw_region(class, &packet.place, packet.offset as u64, bytes, &claimed),
            Home::Coded(_) => scan.region(class, &packet.place, packet.offset as u64, bytes, &claimed),
        }
    }
}
