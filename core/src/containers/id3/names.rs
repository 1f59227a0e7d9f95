//! Names of frames: those of version 2.2 as they are called later, and who chose what in them.

use crate::survey::Kind;

/// Frames of version 2.2 and their successors.
const SHORT: &[(&str, &str)] = &[
    ("BUF", "RBUF"),
    ("CNT", "PCNT"),
    ("COM", "COMM"),
    ("CRA", "AENC"),
    ("ETC", "ETCO"),
    ("EQU", "EQUA"),
    ("GEO", "GEOB"),
    ("GP1", "GRP1"),
    ("IPL", "IPLS"),
    ("LNK", "LINK"),
    ("MCI", "MCDI"),
    ("MLL", "MLLT"),
    ("MVI", "MVIN"),
    ("MVN", "MVNM"),
    ("PCS", "PCST"),
    ("PIC", "APIC"),
    ("POP", "POPM"),
    ("REV", "RVRB"),
    ("RVA", "RVAD"),
    ("SLT", "SYLT"),
    ("STC", "SYTC"),
    ("TAL", "TALB"),
    ("TBP", "TBPM"),
    ("TCM", "TCOM"),
    ("TCO", "TCON"),
    ("TCP", "TCMP"),
    ("TCR", "TCOP"),
    ("TCT", "TCAT"),
    ("TDA", "TDAT"),
    ("TDR", "TDRL"),
    ("TDS", "TDES"),
    ("TDY", "TDLY"),
    ("TEN", "TENC"),
    ("TFT", "TFLT"),
    ("TID", "TGID"),
    ("TIM", "TIME"),
    ("TKE", "TKEY"),
    ("TKW", "TKWD"),
    ("TLA", "TLAN"),
    ("TLE", "TLEN"),
    ("TMT", "TMED"),
    ("TOA", "TOPE"),
    ("TOF", "TOFN"),
    ("TOL", "TOLY"),
    ("TOR", "TORY"),
    ("TOT", "TOAL"),
    ("TP1", "TPE1"),
    ("TP2", "TPE2"),
    ("TP3", "TPE3"),
    ("TP4", "TPE4"),
    ("TPA", "TPOS"),
    ("TPB", "TPUB"),
    ("TRC", "TSRC"),
    ("TRD", "TRDA"),
    ("TRK", "TRCK"),
    ("TS2", "TSO2"),
    ("TSA", "TSOA"),
    ("TSC", "TSOC"),
    ("TSI", "TSIZ"),
    ("TSP", "TSOP"),
    ("TSS", "TSSE"),
    ("TST", "TSOT"),
    ("TT1", "TIT1"),
    ("TT2", "TIT2"),
    ("TT3", "TIT3"),
    ("TXT", "TEXT"),
    ("TXX", "TXXX"),
    ("TYE", "TYER"),
    ("UFI", "UFID"),
    ("ULT", "USLT"),
    ("WAF", "WOAF"),
    ("WAR", "WOAR"),
    ("WAS", "WOAS"),
    ("WCM", "WCOM"),
    ("WCP", "WCOP"),
    ("WFD", "WFED"),
    ("WPB", "WPUB"),
    ("WXX", "WXXX"),
];

/// The name of a frame in later versions; its own where it has no successor.
pub(super) fn long(id: &str) -> &str {
    SHORT.iter().find(|(short, _)| *short == id).map_or(id, |(_, long)| long)
}

/// Frames that say how to read the others, or where bytes of the file stand. They are no labels.
const STRUCTURE: &[&str] = &["AENC", "ASPI", "ENCR", "GRID", "MLLT", "POSS", "RBUF", "SEEK", "SIGN"];

/// Whether a frame is structure.
pub(super) fn is_structure(name: &str) -> bool {
    STRUCTURE.contains(&name)
}

/// Whether somebody chooses a key in frames of this name.
pub(super) fn has_key(name: &str) -> bool {
    matches!(name, "TXXX" | "WXXX" | "COMM" | "USLT" | "PRIV" | "GEOB" | "UFID")
}

/// Keys that programs keep for themselves: loudness, gaps, what a converter found in the file before.
const PROGRAMS: &[&str] = &[
    "averagelevel",
    "com.apple.streaming.transportstreamtimestamp",
    "compatible_brands",
    "encoder",
    "major_brand",
    "minor_version",
    "peakvalue",
    "vendor_id",
];

/// Who chose the key of a frame of this name; an empty one nobody.
pub(super) fn kind(name: &str, key: &str) -> Kind {
    let key = key.to_ascii_lowercase();
    let begins = |start: &str| key.starts_with(start);
    match name {
        "TSSE" => Kind::Bookkeeping,
        _ if !has_key(name) || key.is_empty() => Kind::Standard,
        // What other programs than the one that wrote version 1 call its comment.
        "COMM" if begins("id3v1 comment") || key == "c0" => Kind::Standard,
        "COMM" if begins("itun") => Kind::Bookkeeping,
        _ if begins("replaygain_") || begins("mp3gain_") || PROGRAMS.contains(&&*key) => Kind::Bookkeeping,
        _ => Kind::Custom,
    }
}
