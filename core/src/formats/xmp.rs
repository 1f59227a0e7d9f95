//! XMP in a file of its own, beside the file that it describes (ISO 16684-1; Adobe, XMP specification part 3, 3.1).
//!
//! The file is a packet: in its wrapper or without it, below `x:xmpmeta` or `rdf:RDF` alone. Labels, layouts and what
//! stays behind are those of packets; no length or checksum follows. Refused: a document type declaration.

use crate::containers::Carrier;
use crate::containers::xmp::Packet;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Findings, Planned, Removal, Survey};

use super::xml::root;

/// Sidecar files.
#[derive(Clone, Copy, Debug)]
pub(super) struct Xmp;

impl Format for Xmp {
    fn name(&self) -> &'static str {
        "xmp"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["xmp"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        root(input).is_some_and(|root| {
            matches!(root.local(), "xmpmeta" | "xapmeta") || (root.is_packet && root.local() == "RDF")
        })
    }

    fn admits(&self, input: &[u8]) -> bool {
        root(input).is_some() || input.trim_ascii().is_empty()
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        limits.check_part(input.len() as u64)?;
        let packet = Packet::parse(input, limits)?;
        let findings = Findings { sites: packet.sites().to_vec(), ..Findings::default() };
        Ok(Box::new(Sidecar { input, packet, findings }))
    }
}

#[derive(Debug)]
struct Sidecar<'a> {
    input: &'a [u8],
    packet: Packet,
    findings: Findings,
}

impl Survey for Sidecar<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let edits = self.packet.scrub(self.input, removal.sites, removal.needles, layout);
        Ok(Plan::new(edits, self.input.len() as u64)?.into())
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        scan.raw_region(Class::Metadata, "XMP", 0, self.input, &self.packet.claimed());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::engine::list;
    use crate::formats::xml::tests::{addresses, both};
    use crate::limits::Limits;
    use crate::source::Source;

    const RDF: &str = "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n <rdf:Description rdf:about=\"\" \
        xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:z=\"urn:z\" z:id=\"8888\">\n  <dc:format>x</dc:format>\n  \
        <z:project>falcon</z:project>\n </rdf:Description>\n</rdf:RDF>";

    #[test]
    fn sidecars_with_and_without_a_wrapper_are_stripped() {
        let wrapped = format!("<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">{RDF}</x:xmpmeta>");
        let packet =
            format!("<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?>\n{wrapped}\n   \n<?xpacket end='w'?>");
        let declared = format!("<?xml version='1.0' encoding='UTF-8'?>\n{wrapped}\n");
        for text in [wrapped, packet, declared] {
            assert_eq!(addresses(text.as_bytes(), "xmp"), ["xmp:z:id", "xmp:dc:format", "xmp:z:project"]);
            let [kept, _] = both(text.as_bytes(), "xmp", &["id", "project"]);
            assert_eq!(addresses(&kept, "xmp"), ["xmp:dc:format"]);
        }
    }

    #[test]
    fn bare_statements_are_a_sidecar_by_name() {
        let named = |name: &str| {
            let source = Source::from_bytes(RDF.as_bytes().to_vec()).with_name(name);
            list(&source, &Limits::default()).unwrap().format
        };
        assert_eq!(named("picture.xmp"), "xmp");
        assert_eq!(named("ontology.rdf"), "xml");
    }
}
