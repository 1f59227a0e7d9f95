//! SVG (1.1, 2), plain or in gzip (svgz).
//!
//! Labels are XMP and other RDF, wherever they stand; the entries of `metadata` elements in any vocabulary; `data-`
//! attributes and attributes of other namespaces on the root element. Its `title` and `desc` are fields of the format.
//! Files in `data:` URIs are files inside.
//!
//! A `data-` attribute of the root describes the file, and nothing draws it; one that a style sheet or a script asks for
//! goes by its address only. Those of other elements belong to the drawing, as their titles do, which viewers show.
//!
//! Freed bytes become spaces. Entities of the internal subset, as Illustrator writes them, are resolved. Signed: files with
//! an XML signature or a C2PA manifest. What stays behind: comments; the private data of Illustrator and other programs.

mod squeezed;

use std::borrow::Cow;

use self::squeezed::Squeezed;
use super::xml::{Flavour, read, root};
use crate::containers::gzip;
use crate::containers::markup::Markup;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Drawings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Svg;

/// How much of a text in gzip is decoded to find its root element.
const HEAD: usize = 16 << 10;

fn is_drawing(input: &[u8]) -> bool {
    root(input)
        .is_some_and(|root| root.local() == "svg" || (root.name.is_empty() && root.doctype.as_deref() == Some("svg")))
}

impl Format for Svg {
    fn name(&self) -> &'static str {
        "svg"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["svg", "svgz"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        is_drawing(input) || is_drawing(&gzip::head(input, HEAD))
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if input.starts_with(&gzip::MAGIC) {
            return Ok(Box::new(Squeezed::open(input, limits)?));
        }
        let parts = read(input, Flavour::Svg, limits)?;
        Ok(Box::new(Markup::new(Cow::Borrowed(input), parts, "", limits)))
    }
}

#[cfg(test)]
mod tests {
    use crate::formats::xml::tests::{addresses, both, sites, strip};
    use crate::plan::Layout;
    use crate::report::Outcome;
    use crate::survey::Kind;

    const DRAWING: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"\n   \
        xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\"\n   xmlns:cc=\"http://creativecommons.org/ns#\"\n   \
        xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n   xmlns:acme=\"urn:acme\"\n   \
        xmlns:sodipodi=\"http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd\"\n   sodipodi:docname=\"plan.svg\"\n   \
        acme:level=\"secret level\"\n   data-project=\"falcon nine\" data-name=\"Layer 1\">\n  <title>drawing of it</title>\n  \
        <metadata\n     id=\"metadata1\">\n    <rdf:RDF>\n      <cc:Work rdf:about=\"\">\n        \
        <dc:title>about it</dc:title>\n        <acme:owner>some person</acme:owner>\n      </cc:Work>\n    </rdf:RDF>\n    \
        <acme:label level=\"top level\"/><acme:id>8888</acme:id>\n  </metadata>\n  \
        <g><title>shown</title><rect width=\"1\" height=\"1\"/></g>\n</svg>\n";

    #[test]
    fn every_place_of_a_label_is_found() {
        let found = sites(DRAWING.as_bytes(), "svg");
        let told: Vec<_> = found.iter().map(|it| (&*it.address, it.value.as_deref().unwrap(), it.kind)).collect();
        assert_eq!(
            told,
            [
                ("sodipodi:docname", "plan.svg", Kind::Standard),
                ("acme:level", "secret level", Kind::Custom),
                ("data:project", "falcon nine", Kind::Custom),
                ("data:name", "Layer 1", Kind::Bookkeeping),
                ("svg:title", "drawing of it", Kind::Standard),
                ("xmp:dc:title", "about it", Kind::Standard),
                ("xmp:acme:owner", "some person", Kind::Custom),
                ("metadata:level", "top level", Kind::Custom),
                ("metadata:id", "8888", Kind::Custom),
            ]
        );
    }

    #[test]
    fn labels_go_from_every_place() {
        for label in ["level", "project", "owner", "id=8888", "svg:title", "xmp:dc:title", "sodipodi:docname"] {
            both(DRAWING.as_bytes(), "svg", &[label]);
        }
        let [_, cut] = both(DRAWING.as_bytes(), "svg", &["level", "project", "owner", "id"]);
        let cut = String::from_utf8(cut).unwrap();
        assert!(cut.contains("</dc:title>\n      </cc:Work>"), "{cut}");
        assert!(cut.contains("docname=\"plan.svg\"\n") && cut.contains("<title>shown</title>"));
    }

    #[test]
    fn attributes_that_a_style_sheet_asks_for_go_by_address_only() {
        let drawing =
            b"<svg xmlns='http://www.w3.org/2000/svg' data-theme='dark'><style>[data-theme=dark]{}</style></svg>";
        assert_eq!(sites(drawing, "svg")[0].kind, Kind::Standard);
    }

    #[test]
    fn entities_of_illustrator_are_resolved() {
        let drawing = b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'svg11.dtd' [\n\t\
            <!ENTITY ns_svg \"http://www.w3.org/2000/svg\">\n\t<!ENTITY ns_custom \"urn:acme\">]>\n\
            <svg xmlns=\"&ns_svg;\" xmlns:a=\"&ns_custom;\"><metadata><a:key>some value</a:key><sfw/></metadata></svg>";
        assert_eq!(addresses(drawing, "svg"), ["metadata:key"]);
        both(drawing, "svg", &["key"]);
    }

    #[test]
    fn text_in_metadata_is_one_field() {
        let drawing =
            b"<svg xmlns='http://www.w3.org/2000/svg'><metadata>\nCreated by a program, by a person\n</metadata></svg>";
        assert_eq!(addresses(drawing, "svg"), ["svg:metadata"]);
        both(drawing, "svg", &["svg:metadata"]);
    }

    #[test]
    fn pictures_in_the_text_are_files_inside() {
        let inner = "<svg xmlns='http://www.w3.org/2000/svg'><metadata><id>8888 and more</id></metadata></svg>";
        let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, inner);
        let (first, second) = coded.split_at(40);
        for between in ["", "\n", "&#10;"] {
            let drawing = format!(
                "<svg xmlns='http://www.w3.org/2000/svg'><image href='data:image/svg+xml;base64,{first}{between}{second}'/></svg>"
            );
            let [kept, _] = both(drawing.as_bytes(), "svg", &["id"]);
            assert!(String::from_utf8(kept).unwrap().contains(between));
        }
    }

    #[test]
    fn signed_drawings_are_refused() {
        for seal in [
            "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'/>",
            "<c:manifest xmlns:c='http://c2pa.org/manifest'>AA</c:manifest>",
        ] {
            let drawing =
                format!("<svg xmlns='http://www.w3.org/2000/svg'><metadata><id>8888</id>{seal}</metadata></svg>");
            assert_eq!(strip(drawing.as_bytes(), &["id"], Layout::Preserve).0.outcome, Outcome::Refused);
        }
        let marked = "<svg xmlns='http://www.w3.org/2000/svg'><metadata><AIGC>{}</AIGC></metadata></svg>";
        assert_eq!(strip(marked.as_bytes(), &["AIGC"], Layout::Preserve).0.outcome, Outcome::Refused);
    }
}
