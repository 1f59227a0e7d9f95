//! Who chose the key of a `meta` element.

use crate::survey::Kind;

/// What EPUB 3 itself defines without a prefix (EPUB 3.3, appendix D), and before it meta elements of its drafts.
const VOCABULARY: [&str; 20] = [
    "alternate-script",
    "authority",
    "belongs-to-collection",
    "collection-type",
    "display-seq",
    "dictionary-type",
    "file-as",
    "group-position",
    "identifier-type",
    "meta-auth",
    "pagebreaksource",
    "role",
    "source",
    "source-language",
    "source-of",
    "target-language",
    "term",
    "title-type",
    "event",
    "date",
];

/// What `link` elements say without a prefix.
const RELATIONS: [&str; 9] = [
    "acquire",
    "alternate",
    "marc21xml-record",
    "mods-record",
    "onix-record",
    "record",
    "voicing",
    "xml-signature",
    "xmp-record",
];

/// Keys by which reading systems and programs go, lower case: the cover, page layout of Kindle and Kobo, and what
/// editors note of themselves.
const BOOKKEEPING: [&str; 24] = [
    "book-type",
    "cover",
    "dateofconversion",
    "epub-creator",
    "fixed-layout",
    "fixed-layout-jp",
    "generator",
    "ke-border-color",
    "ke-border-width",
    "open-to-spread",
    "orientation-lock",
    "original-resolution",
    "output encoding",
    "output-encoding",
    "page-progression-direction",
    "primary-writing-mode",
    "region-mag",
    "regionmagnification",
    "sigil version",
    "specified-fonts",
    "viewport",
    "virtual panels",
    "zero-gutter",
    "zero-margin",
];

/// The prefixes that EPUB reserves, and others that mean the same in all books, with their vocabularies.
const PREFIXES: [(&str, &str); 18] = [
    ("a11y", "http://www.idpf.org/epub/vocab/package/a11y/#"),
    ("calibre", "https://calibre-ebook.com"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("dcterms", "http://purl.org/dc/terms/"),
    ("dtb", "http://www.daisy.org/z3986/2005/dtbook/"),
    ("duokan", "http://www.duokan.com/2012/epub"),
    ("ebpaj", "http://www.ebpaj.jp/"),
    ("fixed-layout-jp", "http://www.digital-comic.jp/"),
    ("ibooks", "http://vocabulary.itunes.apple.com/rdf/ibooks/vocabulary-extensions-1.0/"),
    ("marc", "http://id.loc.gov/vocabulary/"),
    ("media", "http://www.idpf.org/epub/vocab/overlays/#"),
    ("msv", "http://www.idpf.org/epub/vocab/structure/magazine/#"),
    ("onix", "http://www.editeur.org/ONIX/book/codelists/current.html#"),
    ("opf", "http://www.idpf.org/2007/opf"),
    ("prism", "http://www.prismstandard.org/specifications/3.0/PRISM_CV_Spec_3.0.htm#"),
    ("rendition", "http://www.idpf.org/vocab/rendition/#"),
    ("schema", "http://schema.org/"),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];

/// The prefixes that one package document declares, each with its vocabulary (EPUB 3.3, D.1.4).
#[derive(Clone, Debug, Default)]
pub(super) struct Prefixes(Vec<(String, String)>);

impl Prefixes {
    /// Most that are kept.
    const MOST: usize = 64;

    /// Reads the attribute `prefix`: pairs of a name with a colon, and an IRI.
    pub(super) fn read(attribute: &str) -> Self {
        let mut words = attribute.split_ascii_whitespace();
        let mut prefixes = Vec::new();
        while let (Some(name), true) = (words.next(), prefixes.len() < Self::MOST) {
            if let (Some(name), Some(vocabulary)) = (name.strip_suffix(':'), words.next()) {
                prefixes.push((name.to_owned(), vocabulary.to_owned()));
            }
        }
        Self(prefixes)
    }

    /// The well-known prefix that `prefix` stands for.
    fn known(&self, prefix: &str) -> Option<&'static str> {
        let declared = self.0.iter().find(|(name, _)| name == prefix);
        let is_same = |(name, vocabulary): &&(&str, &str)| match declared {
            Some((_, declared)) => declared == vocabulary || (*name == prefix && prefix == "calibre"),
            None => prefix.eq_ignore_ascii_case(name),
        };
        PREFIXES.iter().find(is_same).map(|(name, _)| *name)
    }

    /// Who chose a key of a `meta` element.
    pub(super) fn kind(&self, key: &str) -> Kind {
        let key = key.trim();
        let lower = key.to_ascii_lowercase();
        let Some((prefix, _)) = key.split_once(':') else {
            return match () {
                () if BOOKKEEPING.contains(&&*lower) => Kind::Bookkeeping,
                () if VOCABULARY.contains(&&*lower) => Kind::Standard,
                () => Kind::Custom,
            };
        };
        let local = lower.split_once(':').map_or("", |(_, local)| local);
        match self.known(prefix) {
            Some("dcterms") if local == "modified" => Kind::Bookkeeping,
            Some("calibre") if local.starts_with("user_metadata") => Kind::Custom,
            Some("calibre") if matches!(local, "series" | "series_index" | "rating") => Kind::Standard,
            Some("rendition" | "media" | "ibooks" | "dtb" | "calibre" | "duokan" | "ebpaj" | "fixed-layout-jp") => {
                Kind::Bookkeeping
            }
            Some(_) => Kind::Standard,
            None => Kind::Custom,
        }
    }

    /// Who chose the relation of a `link` element, which may be several.
    pub(super) fn kind_of_link(&self, relations: &str) -> Kind {
        let is_known = |relation: &str| match relation.split_once(':') {
            Some((prefix, _)) => self.known(prefix).is_some(),
            None => RELATIONS.contains(&relation),
        };
        if relations.split_ascii_whitespace().all(is_known) { Kind::Standard } else { Kind::Custom }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_reading_systems_are_told_from_labels() {
        let prefixes =
            Prefixes::read("acme: http://acme.example/# lay: http://www.idpf.org/vocab/rendition/# schema: urn:x");
        let cases = [
            ("cover", Kind::Bookkeeping),
            ("Sigil version", Kind::Bookkeeping),
            ("dcterms:modified", Kind::Bookkeeping),
            ("rendition:layout", Kind::Bookkeeping),
            ("lay:spread", Kind::Bookkeeping),
            ("media:duration", Kind::Bookkeeping),
            ("ibooks:specified-fonts", Kind::Bookkeeping),
            ("calibre:timestamp", Kind::Bookkeeping),
            ("calibre:series", Kind::Standard),
            ("dcterms:rights", Kind::Standard),
            ("role", Kind::Standard),
            ("a11y:certifiedBy", Kind::Standard),
            ("schema:version", Kind::Custom),
            ("calibre:user_metadata:#id", Kind::Custom),
            ("acme:level", Kind::Custom),
            ("MSIP_Label_1_Name", Kind::Custom),
            ("id", Kind::Custom),
        ];
        for (key, kind) in cases {
            assert_eq!(prefixes.kind(key), kind, "{key}");
        }
        assert_eq!(Prefixes::default().kind("schema:version"), Kind::Standard);
        assert_eq!(prefixes.kind_of_link("dcterms:rights record"), Kind::Standard);
        assert_eq!(prefixes.kind_of_link("acme:level"), Kind::Custom);
    }
}
