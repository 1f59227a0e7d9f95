//! Which names of comments are fields that players know.

use crate::survey::Kind;

/// Fields of the specification, and those that players and taggers agree on.
const STANDARD: &[&str] = &[
    "ALBUM",
    "ALBUM ARTIST",
    "ALBUMARTIST",
    "ALBUMARTISTSORT",
    "ALBUMSORT",
    "ARRANGER",
    "ARTIST",
    "ARTISTS",
    "ARTISTSORT",
    "AUTHOR",
    "BARCODE",
    "BPM",
    "CATALOGNUMBER",
    "COMMENT",
    "COMMENTS",
    "COMPILATION",
    "COMPOSER",
    "COMPOSERSORT",
    "CONDUCTOR",
    "CONTACT",
    "COPYRIGHT",
    "COVERART",
    "COVERARTDESCRIPTION",
    "COVERARTMIME",
    "DATE",
    "DESCRIPTION",
    "DISC",
    "DISCNUMBER",
    "DISCSUBTITLE",
    "DISCTOTAL",
    "ENSEMBLE",
    "GENRE",
    "GROUPING",
    "ISRC",
    "KEY",
    "LABEL",
    "LANGUAGE",
    "LICENSE",
    "LOCATION",
    "LYRICIST",
    "LYRICS",
    "METADATA_BLOCK_PICTURE",
    "MOOD",
    "OPUS",
    "ORGANIZATION",
    "ORIGINALDATE",
    "ORIGINALYEAR",
    "PART",
    "PARTNUMBER",
    "PERFORMER",
    "PRODUCER",
    "PUBLISHER",
    "RATING",
    "RELEASECOUNTRY",
    "REMIXER",
    "SOURCEMEDIA",
    "SUBTITLE",
    "SYNOPSIS",
    "TITLE",
    "TITLESORT",
    "TOTALDISCS",
    "TOTALTRACKS",
    "TRACK",
    "TRACKNUMBER",
    "TRACKTOTAL",
    "UNSYNCEDLYRICS",
    "URL",
    "VERSION",
    "WEBSITE",
    "YEAR",
];

/// What encoders and players keep: the layout of channels, loudness, loop points.
const BOOKKEEPING: &[&str] = &[
    "CDTOC",
    "ENCODED-BY",
    "ENCODEDBY",
    "ENCODER",
    "ENCODERSETTINGS",
    "ENCODER_OPTIONS",
    "ENCODING",
    "LOOPEND",
    "LOOPLENGTH",
    "LOOPSTART",
    "R128_ALBUM_GAIN",
    "R128_TRACK_GAIN",
    "WAVEFORMATEXTENSIBLE_CHANNEL_MASK",
];

/// Who chose the name.
pub(super) fn kind(name: &str) -> Kind {
    let upper = name.to_ascii_uppercase();
    if BOOKKEEPING.contains(&&*upper) || upper.starts_with("REPLAYGAIN_") {
        return Kind::Bookkeeping;
    }
    let is_chapter = || {
        let (number, rest) = upper.strip_prefix("CHAPTER")?.split_at_checked(3)?;
        let is_number = number.bytes().all(|digit| digit.is_ascii_digit());
        (is_number && matches!(rest, "" | "NAME" | "URL")).then_some(())
    };
    if STANDARD.contains(&&*upper) || is_chapter().is_some() {
        return Kind::Standard;
    }
    Kind::Custom
}
