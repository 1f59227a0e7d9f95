//! The names of `INFO` lists: those that the format and common programs define, and those that somebody chose.

use crate::survey::Kind;

/// Registered names, and names that `AVI` and `WAV` editors, rippers and cameras agree on. Sorted.
const KNOWN: [&[u8; 4]; 103] = [
    b"AGES", b"CMNT", b"CODE", b"COMM", b"DIRC", b"DISP", b"DTIM", b"GENR", b"IARL", b"IART", b"IAS1", b"IAS2",
    b"IAS3", b"IAS4", b"IAS5", b"IAS6", b"IAS7", b"IAS8", b"IAS9", b"IBSU", b"ICAS", b"ICDS", b"ICMS", b"ICMT",
    b"ICNM", b"ICNT", b"ICOP", b"ICRD", b"ICRP", b"IDIM", b"IDIT", b"IDPI", b"IDST", b"IEDT", b"IENC", b"IENG",
    b"IFRM", b"IGNR", b"IKEY", b"ILGT", b"ILGU", b"ILIU", b"ILNG", b"ILYC", b"IMBI", b"IMBU", b"IMED", b"IMIT",
    b"IMIU", b"IMUS", b"INAM", b"IPDS", b"IPLT", b"IPRD", b"IPRO", b"IPRT", b"IRIP", b"IRTD", b"ISBJ", b"ISFT",
    b"ISGN", b"ISHP", b"ISMP", b"ISRC", b"ISRF", b"ISTD", b"ISTR", b"ITCH", b"ITOC", b"ITRK", b"IURL", b"IVER",
    b"IWEB", b"IWMU", b"IWRI", b"LANG", b"LINS", b"LOCA", b"PRT1", b"PRT2", b"RATE", b"STAR", b"STAT", b"TAPE",
    b"TCDO", b"TCOD", b"TITL", b"TLEN", b"TORG", b"TRCK", b"TURL", b"TVER", b"VMAJ", b"VMIN", b"YEAR", b"ecor",
    b"emdl", b"emnt", b"erel", b"etim", b"eucm", b"ever", b"itrk",
];

/// Who chose the name of an item.
pub(super) fn kind(id: [u8; 4]) -> Kind {
    if KNOWN.binary_search(&&id).is_ok() { Kind::Standard } else { Kind::Custom }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted() {
        assert!(KNOWN.is_sorted());
        assert_eq!((kind(*b"ICMT"), kind(*b"itrk"), kind(*b"IZZZ")), (Kind::Standard, Kind::Standard, Kind::Custom));
    }
}
