//! PSD and PSB (Adobe Photoshop File Formats Specification).
//!
//! Labels are those of the image resources: IPTC records, Exif, XMP, and the fields that are a resource each.
//!
//! Nothing in the file is addressed from its start, so with [`Layout::Compact`] resources shrink or go, and the length
//! of their block follows. With [`Layout::Preserve`] a resource that goes becomes a zeroed one of a plug-in.
//!
//! What stays: layers with their names, texts and smart objects, which are content.

use std::ops::Range;

use crate::containers::nested::growth;
use crate::containers::photoshop::ImageResources;
use crate::containers::slack::show_content;
use crate::containers::{Carrier, nested::join_places};
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Planned, Removal, Scope, Site, Survey};

/// Bytes of the header.
const HEADER: usize = 26;

/// The format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Psd;

impl Format for Psd {
    fn name(&self) -> &'static str {
        "psd"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["psd", "psb", "pdd", "psdt"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        input.starts_with(b"8BPS\0\x01") || input.starts_with(b"8BPS\0\x02")
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.sniff(input) {
            return Err(Error::malformed(0, "no Photoshop signature"));
        }
        let mut cursor = Cursor::new(input);
        cursor.skip(HEADER)?;
        let colours = cursor.u32_be()?;
        cursor.skip(colours as usize)?;
        let length = cursor.u32_be()?;
        let start = cursor.position();
        let block = cursor.take(length as usize)?;
        let resources = ImageResources::parse(block, limits)?;
        let moved = resources.sites().iter().map(|site| Site {
            offset: site.offset + start as u64,
            place: join_places("image resources", &site.place),
            ..site.clone()
        });
        let mut findings = Findings { sites: moved.collect(), ..Findings::default() };
        findings.guards.extend(resources.unread().map(|at| Guard {
            barrier: Barrier::new(ErrorKind::Unsupported, "the XMP packet is not well-formed"),
            scope: Scope::Hidden,
            offset: (start + at) as u64,
        }));
        Ok(Box::new(Surveyed { input, block: start..cursor.position(), resources, findings }))
    }
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    /// The image resources, without their length.
    block: Range<usize>,
    resources: ImageResources,
    findings: Findings,
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let start = self.block.start as u64;
        let mut edits = self.resources.edits(removal.sites, layout)?;
        for edit in &mut edits {
            edit.range = edit.range.start + start..edit.range.end + start;
        }
        let growth = growth(&edits);
        if growth != 0 {
            let length = (self.block.len() as u64).saturating_add_signed(growth);
            let length = u32::try_from(length).unwrap_or_default().to_be_bytes();
            edits.push(Edit::replace(start - 4..start, length.to_vec()));
        }
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let mut claims = self.resources.claimed();
        claims.extend_from_slice(self.resources.payload());
        let block = self.input.get(self.block.clone()).unwrap_or_default();
        scan.raw_region(Class::Metadata, "image resources", self.block.start as u64, block, &claims);
        for range in self.resources.payload() {
            let at = (self.block.start + range.start) as u64;
            show_content(scan, "thumbnail", at, block.get(range.clone()).unwrap_or_default());
        }
        for (place, range) in [("colours", HEADER..self.block.start), ("layers", self.block.end..self.input.len())] {
            show_content(scan, place, range.start as u64, self.input.get(range).unwrap_or_default());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::formats::xml::tests::{addresses, both, strip};
    use crate::report::Outcome;

    const PACKET: &[u8] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF \
        xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description xmlns:v='urn:v' v:id='8888 and more' \
        v:level='kept'/></rdf:RDF></x:xmpmeta>";

    fn resource(number: u16, data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u32).to_be_bytes();
        let mut bytes = [b"8BIM", &number.to_be_bytes()[..], &[0, 0], &length, data].concat();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    }

    fn file(version: u8, resources: &[Vec<u8>]) -> Vec<u8> {
        let head = [&b"8BPS\0"[..], &[version], &[0; 20]].concat();
        let resources = resources.concat();
        let layers = b"layers and pixels";
        [&head[..], &[0, 0, 0, 2, 7, 7], &(resources.len() as u32).to_be_bytes(), &resources, layers].concat()
    }

    #[test]
    fn labels_of_resources_go_and_layers_stay() {
        let records = b"\x1c\x02\x19\0\x05alpha\x1c\x02\x78\0\x04text";
        for version in [1, 2] {
            let bytes = file(version, &[resource(0x0404, records), resource(0x0424, PACKET), resource(0x040B, b"url")]);
            let expected = ["iptc:Keywords", "iptc:Caption-Abstract", "xmp:v:id", "xmp:v:level", "photoshop:URL"];
            assert_eq!(addresses(&bytes, "psd"), expected);
            for label in ["id", "iptc:Keywords", "photoshop:URL"] {
                for output in both(&bytes, "psd", &[label]) {
                    assert!(output.ends_with(b"layers and pixels"));
                }
            }
        }
    }

    #[test]
    fn packets_that_cannot_be_read_hide_labels() {
        let bytes = file(1, &[resource(0x0424, b"<rdf:RDF broken")]);
        assert_eq!(strip(&bytes, &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
    }

    #[test]
    fn files_that_end_early_are_malformed() {
        let bytes = file(1, &[resource(0x0424, PACKET)]);
        assert!(Psd.survey(&bytes[..60], &Limits::default()).is_err());
        assert!(Psd.survey(b"8BPS\0\x01", &Limits::default()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_edited(tail in proptest::collection::vec(any::<u8>(), 0..60), at in 0usize..400) {
            let mut bytes = file(1, &[resource(0x040B, b"url"), resource(0x0424, PACKET)]);
            let at = at.min(bytes.len());
            let end = (at + tail.len()).min(bytes.len());
            bytes.splice(at..end, tail);
            let limits = Limits::default();
            if let Ok(survey) = Psd.survey(&bytes, &limits) {
                let all: Vec<usize> = (0..survey.findings().sites.len()).collect();
                let needles = crate::needles::Needles::default();
                for layout in [Layout::Preserve, Layout::Compact] {
                    let planned = survey.plan(&Removal::new(&all, &needles), layout).unwrap();
                    prop_assert!(layout == Layout::Compact || planned.plan.keeps_length());
                }
            }
        }
    }
}
