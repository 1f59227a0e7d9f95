//! Drawings in gzip (svgz).

use std::borrow::Cow;

use crate::containers::gzip::Gzip;
use crate::containers::markup::Markup;
use crate::error::Result;
use crate::formats::xml::{Flavour, read};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Findings, Member, Planned, Removal, Survey};

/// A surveyed drawing, and the gzip around it.
#[derive(Debug)]
pub(super) struct Squeezed<'a> {
    input: &'a [u8],
    gzip: Gzip,
    inner: Markup<'a>,
    /// The fields of the gzip headers, then the labels of the drawing.
    findings: Findings,
}

impl<'a> Squeezed<'a> {
    pub(super) fn open(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let (gzip, decoded) = Gzip::open(input, limits)?;
        let parts = read(&decoded, Flavour::Svg, limits)?;
        let inner = Markup::new(Cow::Owned(decoded), parts, "", limits);
        let own = gzip.sites().len();
        let found = inner.findings();
        let mut findings = Findings { sites: gzip.sites().to_vec(), ..found.clone() };
        findings.sites.extend(found.sites.iter().cloned().map(|mut site| {
            site.offset = gzip.data_offset();
            site
        }));
        for guard in &mut findings.guards {
            guard.offset = gzip.data_offset();
        }
        for (site, target) in &mut findings.follows {
            (*site, *target) = (*site + own, *target + own);
        }
        Ok(Self { input, gzip, inner, findings })
    }
}

impl Survey for Squeezed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let own = self.gzip.sites().len();
        let (fields, labels) = removal.sites.split_at(removal.sites.partition_point(|site| *site < own));
        let labels: Vec<usize> = labels.iter().map(|site| site - own).collect();
        let inner = Removal { sites: &labels, ..*removal };
        let mut planned = self.inner.plan(&inner, layout)?;
        let mut ways = vec![std::mem::take(&mut planned.plan)];
        if layout == Layout::Preserve {
            // Where blanks cannot be coded as tightly as what they replace, nothing in their place may.
            ways.push(self.inner.plan(&inner, Layout::Compact)?.plan);
        }
        let plan = self.gzip.plan(self.input, self.inner.input(), fields, &ways, removal.needles, layout)?;
        Ok(Planned { plan, ..planned })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.gzip.scan(self.input, scan);
        scan.inside("compressed text", self.gzip.data_offset(), |scan| self.inner.scan(scan))
    }

    fn members(&self) -> Vec<Member> {
        let offset = self.gzip.data_offset();
        self.inner.members().into_iter().map(|member| Member { offset, ..member }).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        self.inner.member_head(index, len)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.inner.member(index)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use flate2::read::MultiGzDecoder;
    use flate2::{Compression, GzBuilder};

    use crate::formats::detect;
    use crate::formats::xml::tests::{addresses, both, sites, strip};
    use crate::plan::Layout;
    use crate::report::Outcome;

    const DRAWING: &str = "<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\">\n <metadata>\n  <id>8888</id>\n  \
        <project>falcon nine</project>\n </metadata>\n <rect width=\"10\" height=\"20\"/><rect width=\"11\" height=\"21\"/>\n</svg>\n";

    fn squeeze(builder: GzBuilder, text: &str) -> Vec<u8> {
        let mut writer = builder.write(Vec::new(), Compression::best());
        writer.write_all(text.as_bytes()).unwrap();
        writer.finish().unwrap()
    }

    fn unsqueeze(bytes: &[u8]) -> String {
        let mut text = String::new();
        MultiGzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn labels_go_and_the_length_stays() {
        let bytes = squeeze(GzBuilder::new().filename("plan.svg").comment("of a person").extra("abc"), DRAWING);
        assert_eq!(addresses(&bytes, "svg"), ["gzip:name", "gzip:comment", "metadata:id", "metadata:project"]);
        for label in ["id", "project", "gzip:name", "gzip:comment"] {
            for output in both(&bytes, "svg", &[label]) {
                assert_eq!(unsqueeze(&output).contains("falcon"), label != "project");
            }
        }
        let [kept, cut] = both(&bytes, "svg", &["id", "project", "gzip:*"]);
        assert_eq!((addresses(&kept, "svg").len(), addresses(&cut, "svg").len()), (0, 0));
        assert!(cut.len() < kept.len() && unsqueeze(&cut).contains("<metadata>\n </metadata>"));
    }

    #[test]
    fn members_are_edited_one_by_one() {
        let (first, second) = DRAWING.split_at(DRAWING.find("  <project").unwrap());
        let second = squeeze(GzBuilder::new(), second);
        let mut bytes = squeeze(GzBuilder::new(), first);
        let end = bytes.len();
        bytes.extend_from_slice(&second);
        bytes.extend_from_slice(&[0; 20]);
        let [kept, _] = both(&bytes, "svg", &["id"]);
        assert!(unsqueeze(&kept[..bytes.len() - 20]).contains("falcon"));
        assert!(kept.ends_with(&[0; 20]));
        let [kept, _] = both(&bytes, "svg", &["project"]);
        assert!(kept[..end] == bytes[..end] || kept[end..] == bytes[end..], "one of them is as it was");
    }

    #[test]
    fn old_copies_behind_the_data_are_blanked() {
        let mut bytes = squeeze(GzBuilder::new(), DRAWING);
        bytes.extend_from_slice(b"<project>falcon nine</project>");
        let [kept, _] = both(&bytes, "svg", &["project"]);
        assert!(kept.ends_with(&[0; 30]));
    }

    #[test]
    fn damage_is_refused() {
        let bytes = squeeze(GzBuilder::new(), DRAWING);
        let named = |bytes: &[u8]| detect(bytes, None).map(crate::formats::Format::name);
        assert_eq!(named(&bytes), Some("svg"));
        assert_eq!(named(&squeeze(GzBuilder::new(), "some text")), None);
        let limits = crate::limits::Limits::default();
        let format = detect(&bytes, None).unwrap();
        for end in [bytes.len() - 1, bytes.len() - 9, 40] {
            assert!(format.survey(&bytes[..end], &limits).is_err());
        }
        let mut wrong = bytes.clone();
        let sum = bytes.len() - 8;
        wrong[sum] ^= 1;
        assert!(format.survey(&wrong, &limits).is_err());
        assert_eq!(strip(&bytes, &["absent"], Layout::Compact).0.outcome, Outcome::Clean);
        assert_eq!(sites(&bytes, "svg").len(), 2);
    }
}
