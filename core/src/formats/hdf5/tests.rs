//! A hand-made file; what `h5py` writes is listed in the tests over real files.

use super::Hdf5;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{sites, strip};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;

/// A superblock of version 2 and a root with one attribute of text.
fn file() -> Vec<u8> {
    let name = b"a_label\0";
    let datatype = [0x13, 0, 0, 0, 10, 0, 0, 0];
    let space = [2, 0, 0, 0];
    let attribute = [&[3, 0, 8, 0, 8, 0, 4, 0, 0][..], name, &datatype, &space, b"some words"].concat();
    let message = [&[0x0c, attribute.len() as u8, 0, 0][..], &attribute].concat();
    let root = [&b"OHDR\x02\0"[..], &[message.len() as u8], &message, &[0; 4]].concat();
    let mut file = b"\x89HDF\r\n\x1a\n\x02\x08\x08\0".to_vec();
    file.extend(0_u64.to_le_bytes());
    file.extend(u64::MAX.to_le_bytes());
    file.extend((48 + root.len() as u64).to_le_bytes());
    file.extend(48_u64.to_le_bytes());
    file.extend([0; 4]);
    file.extend(root);
    file
}

#[test]
fn attributes_are_listed_and_stay() {
    let input = file();
    let site = &sites(&input)[0];
    assert_eq!((&*site.address, site.value.as_deref()), ("hdf5:/a_label", Some("some words")));
    let (report, output) = strip(&input, "a_label", Layout::Preserve);
    assert_eq!((report.outcome, output == input), (Outcome::Refused, true));
    assert!(report.reason.unwrap().starts_with("unsupported"));
    assert_eq!(strip(&input, "other", Layout::Preserve).0.outcome, Outcome::Clean);
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| Hdf5.survey(input, &Limits::default()).err().map(|error| error.kind());
    let input = file();
    for at in 8..input.len() {
        if at < 48 {
            assert_eq!(kind(&input[..at]), Some(ErrorKind::Malformed), "{at}");
        }
        for byte in [0, 1, 0x11, 0xff] {
            let mut input = input.clone();
            input[at] = byte;
            let _ = kind(&input);
        }
    }
}
