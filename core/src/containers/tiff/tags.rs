//! The tags that describe a document, by the names that metadata tools print.

/// Which list of tags a directory uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// IFD0 and those chained to it, and SubIFDs.
    Image,
    /// The Exif IFD.
    Exif,
    /// The GPS IFD.
    Gps,
    /// The interoperability IFD: two fields that describe the Exif version.
    Interop,
}

/// How the value of a descriptive tag is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Bytes of text, whatever the format field says.
    Text,
    /// UTF-16, little-endian whatever the byte order of the block.
    Utf16,
    /// Eight bytes that name a character set, then text.
    Comment,
    /// Integers.
    Number,
    /// Not text: rationals, digests.
    Opaque,
    /// Text that other fields refer to by position: not a site.
    Structure,
}

pub(super) const EXIF_IFD: u16 = 0x8769;
pub(super) const GPS_IFD: u16 = 0x8825;
pub(super) const INTEROP_IFD: u16 = 0xA005;
/// The first tag of TIFF itself.
pub(super) const FIRST_COMMON: u16 = 0x00FE;
pub(super) const IMAGE_DESCRIPTION: u16 = 0x010E;
pub(super) const NEW_SUBFILE_TYPE: u16 = 0x00FE;
pub(super) const JPEG_FROM_RAW: u16 = 0x002E;
pub(super) const SUB_IFDS: u16 = 0x014A;
pub(super) const GLOBAL_PARAMETERS_IFD: u16 = 0x0190;
pub(super) const STRIP_OFFSETS: u16 = 0x0111;
pub(super) const STRIP_BYTE_COUNTS: u16 = 0x0117;
pub(super) const TILE_OFFSETS: u16 = 0x0144;
pub(super) const TILE_BYTE_COUNTS: u16 = 0x0145;
pub(super) const THUMBNAIL_OFFSET: u16 = 0x0201;
pub(super) const THUMBNAIL_LENGTH: u16 = 0x0202;
pub(super) const XMP: u16 = 0x02BC;
pub(super) const IPTC: u16 = 0x83BB;
pub(super) const PHOTOSHOP: u16 = 0x8649;
pub(super) const MAKER_NOTE: u16 = 0x927C;
pub(super) const USER_COMMENT: u16 = 0x9286;
pub(super) const GDAL_METADATA: u16 = 0xA480;
pub(super) const C2PA: u16 = 0xCD41;
/// Marks files of Hamamatsu, which keep the high halves of their offsets in tables behind the directories.
pub(super) const NDPI: u16 = 0xFF8C;

/// Values that are data of their own: layers, colour profiles, a raw file.
pub(super) const CONTENT: [u16; 5] = [0x8773, 0x935C, 0xC68C, 0xC68F, 0xC691];

/// Private structures that may refer to any byte of the file, like a MakerNote: of `MetaMorph`, Zeiss, Leaf, Kodak, and
/// what a DNG takes over from other raw files.
pub(super) const FREE_REFERENCES: [u16; 10] =
    [MAKER_NOTE, 0x8290, 0x835C, 0x835D, 0x835E, 0x835F, 0x8606, 0x866C, 0xC634, 0xFE00];

/// The pointer from this tag of a directory, if it is one: the role of what it points at, and its name.
pub(super) fn pointer(role: Role, tag: u16) -> Option<(Role, &'static str)> {
    match (role, tag) {
        (Role::Image, EXIF_IFD) => Some((Role::Exif, "ExifIFD")),
        (Role::Image | Role::Exif, GPS_IFD) => Some((Role::Gps, "GPS")),
        (Role::Image | Role::Exif, INTEROP_IFD) => Some((Role::Interop, "InteropIFD")),
        (Role::Image, SUB_IFDS) => Some((Role::Image, "SubIFD")),
        (Role::Image, GLOBAL_PARAMETERS_IFD) => Some((Role::Image, "GlobParamIFD")),
        _ => None,
    }
}

/// Name and form of a known descriptive tag.
pub(super) fn describe(role: Role, tag: u16) -> Option<(&'static str, Form)> {
    let table = match role {
        Role::Image | Role::Exif => MAIN,
        Role::Gps => GPS,
        Role::Interop => INTEROP,
    };
    table.iter().find(|row| row.0 == tag).map(|row| (row.1, row.2))
}

use Form::{Comment, Number, Opaque, Structure, Text, Utf16};

const MAIN: &[(u16, &str, Form)] = &[
    (0x000B, "ProcessingSoftware", Text),
    (0x010D, "DocumentName", Text),
    (IMAGE_DESCRIPTION, "ImageDescription", Text),
    (0x010F, "Make", Text),
    (0x0110, "Model", Text),
    (0x011D, "PageName", Text),
    (0x0131, "Software", Text),
    (0x0132, "ModifyDate", Text),
    (0x013B, "Artist", Text),
    (0x013C, "HostComputer", Text),
    (0x014D, "InkNames", Structure),
    (0x0151, "TargetPrinter", Text),
    (0x1000, "RelatedImageFileFormat", Structure),
    (0x4746, "Rating", Number),
    (0x4747, "XP_DIP_XML", Utf16),
    (0x4749, "RatingPercent", Number),
    (0x8298, "Copyright", Text),
    (0x83BB, "IPTC-NAA", Structure),
    (0x8546, "SEMInfo", Text),
    (0x87B1, "GeoTiffAsciiParams", Structure),
    (0x8824, "SpectralSensitivity", Text),
    (0x9000, "ExifVersion", Structure),
    (0x9003, "DateTimeOriginal", Text),
    (0x9004, "CreateDate", Text),
    (0x9009, "GooglePlusUploadCode", Text),
    (0x9010, "OffsetTime", Text),
    (0x9011, "OffsetTimeOriginal", Text),
    (0x9012, "OffsetTimeDigitized", Text),
    (0x9211, "ImageNumber", Number),
    (0x9212, "SecurityClassification", Text),
    (0x9213, "ImageHistory", Text),
    (USER_COMMENT, "UserComment", Comment),
    (0x9290, "SubSecTime", Text),
    (0x9291, "SubSecTimeOriginal", Text),
    (0x9292, "SubSecTimeDigitized", Text),
    (0x9C9B, "XPTitle", Utf16),
    (0x9C9C, "XPComment", Utf16),
    (0x9C9D, "XPAuthor", Utf16),
    (0x9C9E, "XPKeywords", Utf16),
    (0x9C9F, "XPSubject", Utf16),
    (0xA000, "FlashpixVersion", Structure),
    (0xA004, "RelatedSoundFile", Text),
    (0xA420, "ImageUniqueID", Text),
    (0xA430, "OwnerName", Text),
    (0xA431, "SerialNumber", Text),
    (0xA433, "LensMake", Text),
    (0xA434, "LensModel", Text),
    (0xA435, "LensSerialNumber", Text),
    (0xA436, "ImageTitle", Text),
    (0xA437, "Photographer", Text),
    (0xA438, "ImageEditor", Text),
    (0xA439, "CameraFirmware", Text),
    (0xA43A, "RAWDevelopingSoftware", Text),
    (0xA43B, "ImageEditingSoftware", Text),
    (0xA43C, "MetadataEditingSoftware", Text),
    (GDAL_METADATA, "GDALMetadata", Text),
    (0xA481, "GDALNoData", Structure),
    (0xC614, "UniqueCameraModel", Text),
    (0xC615, "LocalizedCameraModel", Text),
    (0xC62F, "CameraSerialNumber", Text),
    (0xC65D, "RawDataUniqueID", Opaque),
    (0xC68B, "OriginalRawFileName", Text),
    (0xC6D2, "PanasonicTitle", Text),
    (0xC6D3, "PanasonicTitle2", Text),
    (0xC6F3, "CameraCalibrationSig", Structure),
    (0xC6F4, "ProfileCalibrationSig", Structure),
    (0xC6F6, "AsShotProfileName", Text),
    (0xC6F8, "ProfileName", Text),
    (0xC6FE, "ProfileCopyright", Text),
    (0xC716, "PreviewApplicationName", Text),
    (0xC717, "PreviewApplicationVersion", Text),
    (0xC718, "PreviewSettingsName", Text),
    (0xC71B, "PreviewDateTime", Text),
    (0xC789, "ReelName", Text),
    (0xC7A1, "CameraLabel", Text),
    (0xC7EE, "EnhanceParams", Text),
    (0xFDE8, "OwnerName", Text),
    (0xFDE9, "SerialNumber", Text),
    (0xFDEA, "Lens", Text),
    (0xFE4C, "RawFile", Text),
    (0xFE4D, "Converter", Text),
    (0xFE4E, "WhiteBalance", Text),
    (0xFE51, "Exposure", Text),
    (0xFE52, "Shadows", Text),
    (0xFE53, "Brightness", Text),
    (0xFE54, "Contrast", Text),
    (0xFE55, "Saturation", Text),
    (0xFE56, "Sharpness", Text),
    (0xFE57, "Smoothness", Text),
    (0xFE58, "MoireFilter", Text),
];

const GPS: &[(u16, &str, Form)] = &[
    (0x0000, "GPSVersionID", Structure),
    (0x0001, "GPSLatitudeRef", Text),
    (0x0002, "GPSLatitude", Opaque),
    (0x0003, "GPSLongitudeRef", Text),
    (0x0004, "GPSLongitude", Opaque),
    (0x0005, "GPSAltitudeRef", Number),
    (0x0006, "GPSAltitude", Opaque),
    (0x0007, "GPSTimeStamp", Opaque),
    (0x0008, "GPSSatellites", Text),
    (0x0009, "GPSStatus", Text),
    (0x000A, "GPSMeasureMode", Text),
    (0x000B, "GPSDOP", Opaque),
    (0x000C, "GPSSpeedRef", Text),
    (0x000D, "GPSSpeed", Opaque),
    (0x000E, "GPSTrackRef", Text),
    (0x000F, "GPSTrack", Opaque),
    (0x0010, "GPSImgDirectionRef", Text),
    (0x0011, "GPSImgDirection", Opaque),
    (0x0012, "GPSMapDatum", Text),
    (0x0013, "GPSDestLatitudeRef", Text),
    (0x0014, "GPSDestLatitude", Opaque),
    (0x0015, "GPSDestLongitudeRef", Text),
    (0x0016, "GPSDestLongitude", Opaque),
    (0x0017, "GPSDestBearingRef", Text),
    (0x0018, "GPSDestBearing", Opaque),
    (0x0019, "GPSDestDistanceRef", Text),
    (0x001A, "GPSDestDistance", Opaque),
    (0x001B, "GPSProcessingMethod", Comment),
    (0x001C, "GPSAreaInformation", Comment),
    (0x001D, "GPSDateStamp", Text),
    (0x001E, "GPSDifferential", Number),
    (0x001F, "GPSHPositioningError", Opaque),
];

const INTEROP: &[(u16, &str, Form)] = &[
    (0x0001, "InteropIndex", Structure),
    (0x0002, "InteropVersion", Structure),
    (0x1000, "RelatedImageFileFormat", Structure),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_and_without_doubles() {
        for table in [MAIN, GPS, INTEROP] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
