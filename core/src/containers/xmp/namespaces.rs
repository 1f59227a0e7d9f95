//! The namespaces that have a usual prefix.

/// RDF syntax.
pub(super) const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// XMP properties of PDF files whose keys somebody chose.
pub(super) const PDFX: &str = "http://ns.adobe.com/pdfx/1.3/";
/// Labels of generated content (GB 45438), protected by law.
pub(super) const AIGC: &str = "http://www.tc260.org.cn/ns/AIGC/1.0/";
/// Where a packet points to its extension.
pub(super) const NOTE: &str = "http://ns.adobe.com/xmp/note/";
/// Descriptions of schemas in PDF/A.
pub(super) const PDFA_EXTENSION: &str = "http://www.aiim.org/pdfa/ns/extension/";
pub(super) const PDFA_SCHEMA: &str = "http://www.aiim.org/pdfa/ns/schema#";
pub(super) const PDFA_PROPERTY: &str = "http://www.aiim.org/pdfa/ns/property#";

/// Namespaces whose keys are defined by a standard or by the program that writes them, by URI.
const STANDARD: &[(&str, &str)] = &[
    ("adobe:ns:meta/", "x"),
    ("http://cipa.jp/exif/1.0/", "exifEX"),
    ("http://creativecommons.org/ns#", "cc"),
    ("http://darktable.sf.net/", "darktable"),
    ("http://developer.sonyericsson.com/cell/1.0/", "cell"),
    ("http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/", "Iptc4xmpCore"),
    ("http://iptc.org/std/Iptc4xmpExt/2008-02-29/", "Iptc4xmpExt"),
    ("http://ns.acdsee.com/iptc/1.0/", "acdsee"),
    ("http://ns.adobe.com/DICOM/", "DICOM"),
    ("http://ns.adobe.com/album/1.0/", "album"),
    ("http://ns.adobe.com/bwf/bext/1.0/", "bext"),
    ("http://ns.adobe.com/camera-raw-defaults/1.0/", "crd"),
    ("http://ns.adobe.com/camera-raw-saved-settings/1.0/", "crss"),
    ("http://ns.adobe.com/camera-raw-settings/1.0/", "crs"),
    ("http://ns.adobe.com/creatorAtom/1.0/", "creatorAtom"),
    ("http://ns.adobe.com/exif/1.0/", "exif"),
    ("http://ns.adobe.com/exif/1.0/aux/", "aux"),
    ("http://ns.adobe.com/hdr-gain-map/1.0/", "hdrgm"),
    ("http://ns.adobe.com/hdr-metadata/1.0/", "hdr_metadata"),
    ("http://ns.adobe.com/illustrator/1.0/", "illustrator"),
    ("http://ns.adobe.com/lightroom/1.0/", "lr"),
    ("http://ns.adobe.com/pdf/1.3/", "pdf"),
    ("http://ns.adobe.com/photoshop/1.0/", "photoshop"),
    ("http://ns.adobe.com/photoshop/1.0/panorama-profile", "panorama"),
    ("http://ns.adobe.com/riff/info/", "riffinfo"),
    ("http://ns.adobe.com/swf/1.0/", "swf"),
    ("http://ns.adobe.com/tiff/1.0/", "tiff"),
    ("http://ns.adobe.com/xap/1.0/", "xmp"),
    ("http://ns.adobe.com/xap/1.0/bj/", "xmpBJ"),
    ("http://ns.adobe.com/xap/1.0/g/", "xmpG"),
    ("http://ns.adobe.com/xap/1.0/g/img/", "xmpGImg"),
    ("http://ns.adobe.com/xap/1.0/mm/", "xmpMM"),
    ("http://ns.adobe.com/xap/1.0/rights/", "xmpRights"),
    ("http://ns.adobe.com/xap/1.0/t/", "xmpT"),
    ("http://ns.adobe.com/xap/1.0/t/pg/", "xmpTPg"),
    ("http://ns.adobe.com/xmp/1.0/DynamicMedia/", "xmpDM"),
    ("http://ns.adobe.com/xmp/Identifier/qual/1.0/", "xmpidq"),
    ("http://ns.apple.com/HDRGainMap/1.0/", "HDRGainMap"),
    ("http://ns.apple.com/faceinfo/1.0/", "apple-fi"),
    ("http://ns.apple.com/pixeldatainfo/1.0/", "apdi"),
    ("http://ns.google.com/photos/1.0/audio/", "GAudio"),
    ("http://ns.google.com/photos/1.0/camera/", "GCamera"),
    ("http://ns.google.com/photos/1.0/container/", "Container"),
    ("http://ns.google.com/photos/1.0/creations/", "GCreations"),
    ("http://ns.google.com/photos/1.0/depthmap/", "GDepth"),
    ("http://ns.google.com/photos/1.0/focus/", "GFocus"),
    ("http://ns.google.com/photos/1.0/image/", "GImage"),
    ("http://ns.google.com/photos/1.0/panorama/", "GPano"),
    ("http://ns.google.com/photos/dd/1.0/device/", "Device"),
    ("http://ns.google.com/videos/1.0/spherical/", "GSpherical"),
    ("http://ns.iview-multimedia.com/mediapro/1.0/", "mediapro"),
    ("http://ns.microsoft.com/photo/1.0", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.0/", "MicrosoftPhoto"),
    ("http://ns.microsoft.com/photo/1.2/", "MP"),
    ("http://ns.nikon.com/nine/1.0/", "nine"),
    ("http://ns.nikon.com/sdc/1.0/", "sdc"),
    ("http://ns.useplus.org/ldf/xmp/1.0/", "plus"),
    ("http://prismstandard.org/namespaces/basic/1.2/", "prism"),
    ("http://prismstandard.org/namespaces/basic/2.0/", "prism"),
    ("http://prismstandard.org/namespaces/basic/2.1/", "prism"),
    ("http://prismstandard.org/namespaces/basic/3.0/", "prism"),
    ("http://purl.org/dc/elements/1.1/", "dc"),
    ("http://purl.org/dc/terms/", "dcterms"),
    ("http://rs.tdwg.org/dwc/index.htm", "dwc"),
    ("http://www.aiim.org/pdfa/ns/extension/", "pdfaExtension"),
    ("http://www.aiim.org/pdfa/ns/id/", "pdfaid"),
    ("http://www.aiim.org/pdfe/ns/id/", "pdfe"),
    ("http://www.aiim.org/pdfua/ns/id/", "pdfuaid"),
    ("http://www.digikam.org/ns/1.0/", "digiKam"),
    ("http://www.dji.com/drone-dji/1.0/", "drone-dji"),
    ("http://www.metadataworkinggroup.com/schemas/collections/", "mwg-coll"),
    ("http://www.metadataworkinggroup.com/schemas/keywords/", "mwg-kw"),
    ("http://www.metadataworkinggroup.com/schemas/regions/", "mwg-rs"),
    ("http://www.npes.org/pdfx/ns/id/", "pdfxid"),
    ("http://www.npes.org/pdfvt/ns/id/", "pdfvtid"),
    ("http://xmp.gettyimages.com/gift/1.0/", "getty"),
];

/// The usual prefix of a namespace whose keys are standard fields.
pub(super) fn standard_prefix(uri: &str) -> Option<&'static str> {
    STANDARD.iter().find(|(known, _)| *known == uri).map(|(_, prefix)| *prefix)
}

/// Whether `prefix` means a known namespace, whatever a file binds it to.
pub(super) fn is_taken(prefix: &str) -> bool {
    matches!(prefix, "pdfx" | "TC260") || STANDARD.iter().any(|(_, known)| *known == prefix)
}

/// Whether `uri` is RDF syntax, in the final spelling or the one of the drafts.
pub(crate) fn is_rdf(uri: &str) -> bool {
    uri == RDF || (uri.starts_with("http://www.w3.org/") && uri.contains("rdf-syntax"))
}

/// Whether PDF writers note this key for themselves: conformance marks that validators ask for, and what TeX and
/// `PDFMaker` leave. It stands in the information dictionary, and `pdfx` mirrors it.
pub(crate) fn is_pdf_bookkeeping(key: &str) -> bool {
    matches!(
        key,
        "GTS_PDFXVersion"
            | "GTS_PDFXConformance"
            | "GTS_PDFA1Version"
            | "ISO_PDFEVersion"
            | "PTEX.Fullbanner"
            | "SourceModified"
    )
}
