//! The sets that documents have, and the names of their fields ([MS-OSHARED] 2.3.3.2.1 and 2.3.3.2.2).

/// Which set a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Summary,
    DocumentSummary,
    /// Properties that users name.
    User,
    /// Any other; a dictionary may name its properties too.
    Other,
}

/// `{F29F85E0-4FF9-1068-AB91-08002B27B3D9}`
const SUMMARY: [u8; 16] = *b"\xe0\x85\x9f\xf2\xf9\x4f\x68\x10\xab\x91\x08\x00\x2b\x27\xb3\xd9";
/// `{D5CDD502-2E9C-101B-9397-08002B2CF9AE}`
const DOCUMENT_SUMMARY: [u8; 16] = *b"\x02\xd5\xcd\xd5\x9c\x2e\x1b\x10\x93\x97\x08\x00\x2b\x2c\xf9\xae";
/// `{D5CDD505-2E9C-101B-9397-08002B2CF9AE}`
const USER: [u8; 16] = *b"\x05\xd5\xcd\xd5\x9c\x2e\x1b\x10\x93\x97\x08\x00\x2b\x2c\xf9\xae";

impl Set {
    pub(super) fn of(format: [u8; 16]) -> Self {
        match format {
            SUMMARY => Self::Summary,
            DOCUMENT_SUMMARY => Self::DocumentSummary,
            USER => Self::User,
            _ => Self::Other,
        }
    }

    /// The carrier in addresses.
    pub(super) fn carrier(self) -> &'static str {
        match self {
            Self::Summary => "summary",
            Self::DocumentSummary => "docsummary",
            Self::User => "custom",
            Self::Other => "property",
        }
    }

    /// The name of a field of the format.
    pub(super) fn field(self, id: u32) -> Option<&'static str> {
        let index = usize::try_from(id).ok()?.checked_sub(2)?;
        match self {
            Self::Summary => SUMMARY_FIELDS.get(index).copied(),
            Self::DocumentSummary => DOCUMENT_FIELDS.get(index).copied(),
            Self::User | Self::Other => None,
        }
    }
}

/// From property 2 on.
const SUMMARY_FIELDS: [&str; 18] = [
    "Title",
    "Subject",
    "Author",
    "Keywords",
    "Comments",
    "Template",
    "LastAuthor",
    "RevisionNumber",
    "EditTime",
    "LastPrinted",
    "CreateTime",
    "LastSaveTime",
    "PageCount",
    "WordCount",
    "CharCount",
    "Thumbnail",
    "ApplicationName",
    "DocSecurity",
];

/// From property 2 on.
const DOCUMENT_FIELDS: [&str; 28] = [
    "Category",
    "PresentationFormat",
    "ByteCount",
    "LineCount",
    "ParagraphCount",
    "SlideCount",
    "NoteCount",
    "HiddenSlideCount",
    "MultimediaClipCount",
    "ScaleCrop",
    "HeadingPairs",
    "TitlesOfParts",
    "Manager",
    "Company",
    "LinksDirty",
    "CharCountWithSpaces",
    "Property18",
    "SharedDocument",
    "LinkBase",
    "Hyperlinks",
    "HyperlinksChanged",
    "Version",
    "DigitalSignature",
    "Property25",
    "ContentType",
    "ContentStatus",
    "Language",
    "DocVersion",
];
