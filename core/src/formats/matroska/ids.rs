//! The elements that matter here (RFC 9559), and which of them are fields.

use crate::survey::Kind;

pub(super) const SEGMENT: u32 = 0x1853_8067;
pub(super) const SEEK_HEAD: u32 = 0x114D_9B74;
pub(super) const SEEK: u32 = 0x4DBB;
pub(super) const SEEK_POSITION: u32 = 0x53AC;
pub(super) const INFO: u32 = 0x1549_A966;
pub(super) const CLUSTER: u32 = 0x1F43_B675;
pub(super) const TIMESTAMP: u32 = 0xE7;
pub(super) const SILENT_TRACKS: u32 = 0x5854;
pub(super) const POSITION: u32 = 0xA7;
pub(super) const PREV_SIZE: u32 = 0xAB;
pub(super) const TRACKS: u32 = 0x1654_AE6B;
pub(super) const TRACK_ENTRY: u32 = 0xAE;
pub(super) const TRACK_NUMBER: u32 = 0xD7;
pub(super) const TRACK_UID: u32 = 0x73C5;
pub(super) const CODEC_ID: u32 = 0x86;
pub(super) const CODEC_PRIVATE: u32 = 0x63A2;
pub(super) const BLOCK_ADDITION_MAPPING: u32 = 0x41E4;
pub(super) const CONTENT_ENCODINGS: u32 = 0x6D80;
pub(super) const CONTENT_ENCODING: u32 = 0x6240;
pub(super) const CONTENT_ENCODING_SCOPE: u32 = 0x5032;
pub(super) const CUES: u32 = 0x1C53_BB6B;
pub(super) const CUE_POINT: u32 = 0xBB;
pub(super) const CUE_TRACK_POSITIONS: u32 = 0xB7;
pub(super) const CUE_CLUSTER_POSITION: u32 = 0xF1;
pub(super) const CUE_CODEC_STATE: u32 = 0xEA;
pub(super) const CUE_REFERENCE: u32 = 0xDB;
pub(super) const CUE_REF_CLUSTER: u32 = 0x97;
pub(super) const CUE_REF_CODEC_STATE: u32 = 0xEB;
pub(super) const ATTACHMENTS: u32 = 0x1941_A469;
pub(super) const ATTACHED_FILE: u32 = 0x61A7;
pub(super) const FILE_NAME: u32 = 0x466E;
pub(super) const FILE_MEDIA_TYPE: u32 = 0x4660;
pub(super) const FILE_DATA: u32 = 0x465C;
pub(super) const CHAPTERS: u32 = 0x1043_A770;
pub(super) const EDITION_ENTRY: u32 = 0x45B9;
pub(super) const EDITION_DISPLAY: u32 = 0x4520;
pub(super) const CHAPTER_ATOM: u32 = 0xB6;
pub(super) const CHAPTER_DISPLAY: u32 = 0x80;
pub(super) const TAGS: u32 = 0x1254_C367;
pub(super) const TAG: u32 = 0x7373;
pub(super) const TARGETS: u32 = 0x63C0;
pub(super) const TARGET_TYPE: u32 = 0x63CA;
pub(super) const SIMPLE_TAG: u32 = 0x67C8;
pub(super) const TAG_NAME: u32 = 0x45A3;
pub(super) const TAG_LANGUAGE: u32 = 0x447A;
pub(super) const TAG_LANGUAGE_BCP47: u32 = 0x447B;
pub(super) const TAG_STRING: u32 = 0x4487;
pub(super) const TAG_BINARY: u32 = 0x4485;
/// A signature over elements, which no program is known to write.
pub(super) const SIGNATURE_SLOT: u32 = 0x1B53_8667;

/// What stands directly in a segment, so that a cluster of unknown size ends there.
pub(super) fn is_top(id: u32) -> bool {
    let top = [SEEK_HEAD, INFO, TRACKS, CLUSTER, CUES, ATTACHMENTS, CHAPTERS, TAGS, SEGMENT];
    top.contains(&id) || id == crate::containers::ebml::HEADER
}

/// The masters whose children are read, within each other.
pub(super) fn is_master(outer: u32, id: u32) -> bool {
    matches!(
        (outer, id),
        (SEEK_HEAD, SEEK)
            | (TRACKS, TRACK_ENTRY)
            | (TRACK_ENTRY, BLOCK_ADDITION_MAPPING)
            | (ATTACHMENTS, ATTACHED_FILE)
            | (CHAPTERS, EDITION_ENTRY)
            | (EDITION_ENTRY, EDITION_DISPLAY)
            | (EDITION_ENTRY | CHAPTER_ATOM, CHAPTER_ATOM)
            | (CHAPTER_ATOM, CHAPTER_DISPLAY)
            | (TAGS, TAG)
            | (TAG | SIMPLE_TAG, SIMPLE_TAG)
    )
}

/// The name of what stands in a segment, for people.
pub(super) fn name(id: u32) -> &'static str {
    match id {
        SEEK_HEAD => "SeekHead",
        INFO => "Info",
        TRACKS => "Tracks",
        CUES => "Cues",
        ATTACHMENTS => "Attachments",
        CHAPTERS => "Chapters",
        TAGS => "Tags",
        crate::containers::ebml::HEADER => "EBML header",
        crate::containers::ebml::VOID => "Void",
        _ => "unknown element",
    }
}

/// What becomes of a field that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It goes.
    Drop,
    /// It must be there, and becomes empty.
    Empty,
    /// It must be there in the element around it, which goes.
    DropOuter,
}

/// How a field is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// Nanoseconds since the beginning of 2001.
    Date,
}

/// A field: the master it stands in, its ID, its address.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) master: u32,
    pub(super) id: u32,
    pub(super) address: &'static str,
    pub(super) kind: Kind,
    pub(super) way: Way,
    pub(super) form: Form,
}

const fn field(master: u32, id: u32, address: &'static str, kind: Kind, way: Way) -> Field {
    Field { master, id, address, kind, way, form: Form::Text }
}

const FIELDS: [Field; 17] = [
    field(INFO, 0x7BA9, "info:Title", Kind::Standard, Way::Drop),
    field(INFO, 0x7384, "info:SegmentFilename", Kind::Standard, Way::Drop),
    field(INFO, 0x3C_83AB, "info:PrevFilename", Kind::Bookkeeping, Way::Drop),
    field(INFO, 0x3E_83BB, "info:NextFilename", Kind::Bookkeeping, Way::Drop),
    Field { form: Form::Date, ..field(INFO, 0x4461, "info:DateUTC", Kind::Standard, Way::Drop) },
    field(INFO, 0x4D80, "info:MuxingApp", Kind::Bookkeeping, Way::Empty),
    field(INFO, 0x5741, "info:WritingApp", Kind::Bookkeeping, Way::Empty),
    field(TRACK_ENTRY, 0x536E, "track:Name", Kind::Standard, Way::Drop),
    field(TRACK_ENTRY, 0x25_8688, "track:CodecName", Kind::Bookkeeping, Way::Drop),
    field(TRACK_ENTRY, 0x3A_9697, "track:CodecSettings", Kind::Bookkeeping, Way::Drop),
    field(TRACK_ENTRY, 0x3B_4040, "track:CodecInfoURL", Kind::Bookkeeping, Way::Drop),
    field(TRACK_ENTRY, 0x26_B240, "track:CodecDownloadURL", Kind::Bookkeeping, Way::Drop),
    field(BLOCK_ADDITION_MAPPING, 0x41A4, "track:BlockAddIDName", Kind::Standard, Way::Drop),
    field(ATTACHED_FILE, FILE_NAME, "attachment:FileName", Kind::Standard, Way::Empty),
    field(ATTACHED_FILE, 0x467E, "attachment:FileDescription", Kind::Standard, Way::Drop),
    field(CHAPTER_DISPLAY, 0x85, "chapter:String", Kind::Standard, Way::DropOuter),
    field(EDITION_DISPLAY, 0x4521, "edition:String", Kind::Standard, Way::DropOuter),
];

/// The field that `id` is in a master.
pub(super) fn field_of(master: u32, id: u32) -> Option<&'static Field> {
    FIELDS.iter().find(|field| (field.master, field.id) == (master, id))
}

/// Strings of the format itself: codecs, languages, media types, levels.
pub(super) fn is_term(master: u32, id: u32) -> bool {
    matches!(
        (master, id),
        (TRACK_ENTRY, CODEC_ID | 0x22_B59C | 0x22_B59D)
            | (ATTACHED_FILE, FILE_MEDIA_TYPE)
            | (CHAPTER_DISPLAY, 0x437C..=0x437E)
            | (EDITION_DISPLAY, 0x45E4)
            | (TARGETS, TARGET_TYPE)
            | (SIMPLE_TAG, TAG_LANGUAGE | TAG_LANGUAGE_BCP47)
    )
}

/// Names of tags that the format defines (Matroska tag specification).
const OFFICIAL: &[&str] = &[
    "ORIGINAL",
    "SAMPLE",
    "COUNTRY",
    "TOTAL_PARTS",
    "PART_NUMBER",
    "PART_OFFSET",
    "TITLE",
    "SUBTITLE",
    "URL",
    "SORT_WITH",
    "INSTRUMENTS",
    "EMAIL",
    "ADDRESS",
    "FAX",
    "PHONE",
    "ARTIST",
    "LEAD_PERFORMER",
    "ACCOMPANIMENT",
    "COMPOSER",
    "ARRANGER",
    "LYRICS",
    "LYRICIST",
    "CONDUCTOR",
    "DIRECTOR",
    "ASSISTANT_DIRECTOR",
    "DIRECTOR_OF_PHOTOGRAPHY",
    "SOUND_ENGINEER",
    "ART_DIRECTOR",
    "PRODUCTION_DESIGNER",
    "CHOREGRAPHER",
    "CHOREOGRAPHER",
    "COSTUME_DESIGNER",
    "ACTOR",
    "CHARACTER",
    "WRITTEN_BY",
    "SCREENPLAY_BY",
    "EDITED_BY",
    "PRODUCER",
    "COPRODUCER",
    "EXECUTIVE_PRODUCER",
    "DISTRIBUTED_BY",
    "MASTERED_BY",
    "ENCODED_BY",
    "MIXED_BY",
    "REMIXED_BY",
    "PRODUCTION_STUDIO",
    "THANKS_TO",
    "PUBLISHER",
    "LABEL",
    "LABEL_CODE",
    "GENRE",
    "MOOD",
    "ORIGINAL_MEDIA_TYPE",
    "CONTENT_TYPE",
    "SUBJECT",
    "DESCRIPTION",
    "KEYWORDS",
    "SUMMARY",
    "SYNOPSIS",
    "INITIAL_KEY",
    "PERIOD",
    "LAW_RATING",
    "DATE_RELEASED",
    "DATE_RECORDED",
    "DATE_ENCODED",
    "DATE_TAGGED",
    "DATE_DIGITIZED",
    "DATE_WRITTEN",
    "DATE_PURCHASED",
    "RECORDING_LOCATION",
    "COMPOSITION_LOCATION",
    "COMPOSER_NATIONALITY",
    "COMMENT",
    "PLAY_COUNTER",
    "RATING",
    "BPM",
    "MEASURE",
    "TUNING",
    "REPLAYGAIN_GAIN",
    "REPLAYGAIN_PEAK",
    "ISRC",
    "MCDI",
    "ISBN",
    "BARCODE",
    "CATALOG_NUMBER",
    "LCCN",
    "IMDB",
    "TMDB",
    "TVDB",
    "TVDB2",
    "TVDB_EPISODE",
    "PURCHASE_ITEM",
    "PURCHASE_INFO",
    "PURCHASE_OWNER",
    "PURCHASE_PRICE",
    "PURCHASE_CURRENCY",
    "COPYRIGHT",
    "PRODUCTION_COPYRIGHT",
    "LICENSE",
    "TERMS_OF_USE",
    // Those that ffmpeg makes of the fields of other formats.
    "ALBUM",
    "ALBUM_ARTIST",
    "DATE",
    "LANGUAGE",
    "TRACK",
    "DISC",
    "PERFORMER",
    "CREATION_TIME",
];

/// Names of tags that programs keep for themselves: about the encoder, the statistics of tracks, the file before.
const OF_PROGRAMS: &[&str] = &[
    "ENCODER",
    "ENCODER_SETTINGS",
    "DURATION",
    "FPS",
    "BPS",
    "NUMBER_OF_FRAMES",
    "NUMBER_OF_BYTES",
    "HANDLER_NAME",
    "VENDOR_ID",
    "MAJOR_BRAND",
    "MINOR_VERSION",
    "COMPATIBLE_BRANDS",
    "SOURCE_ID",
    "TIMECODE",
    "ALPHA_MODE",
    "STEREO_MODE",
    "FILENAME",
    "MIMETYPE",
];

/// Who chose the name of a tag.
pub(super) fn kind_of(name: &str) -> Kind {
    // Language and track, as `BPS-eng`, as older programs wrote them.
    let bare = name.split_once('-').map_or(name, |(bare, _)| bare);
    let is_in = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(bare));
    if is_in(OF_PROGRAMS) || name.get(..12).is_some_and(|start| start.eq_ignore_ascii_case("_STATISTICS_")) {
        Kind::Bookkeeping
    } else if is_in(OFFICIAL) || name.is_empty() {
        Kind::Standard
    } else {
        Kind::Custom
    }
}
