//! Hand-made files through the engine, which verifies every result.

use super::Dicom;
use crate::error::ErrorKind;
use crate::formats::trial::{addresses, strip, stripped};
use crate::formats::{Format, detect};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::{Kind, Scope};

const EXPLICIT: &str = "1.2.840.10008.1.2.1\0";

fn element(group: u16, number: u16, kind: &str, value: &[u8]) -> Vec<u8> {
    let len = (value.len() as u16).to_le_bytes();
    [&group.to_le_bytes()[..], &number.to_le_bytes(), kind.as_bytes(), &len, value].concat()
}

fn sequence(items: &[u8]) -> Vec<u8> {
    let item = [&[0xfe, 0xff, 0, 0xe0][..], &(items.len() as u32).to_le_bytes(), items].concat();
    let end = [0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0];
    [&[0x40, 0, 0, 0x02][..], b"SQ\0\0\xff\xff\xff\xff", &item, &end].concat()
}

fn file(syntax: &str, elements: &[Vec<u8>]) -> Vec<u8> {
    let meta = element(2, 0x10, "UI", syntax.as_bytes());
    [&[0; 128][..], b"DICM", &meta, &elements.concat()].concat()
}

fn elements() -> Vec<Vec<u8>> {
    vec![
        element(9, 0x10, "LO", b"MAKER "),
        element(9, 0x1001, "LO", b"a label "),
        element(0x10, 0x10, "PN", b"Doe^Jane"),
        element(0x10, 0x30, "DA", b"20000101"),
        sequence(&element(9, 0x1001, "LO", b"a label ")),
        [&[0xe0, 0x7f, 0x10, 0][..], b"OB\0\0\x04\0\0\0data"].concat(),
    ]
}

#[test]
fn text_of_private_elements_is_a_label() {
    let input = file(EXPLICIT, &elements());
    assert_eq!(addresses(&input, Kind::Custom), ["dicom:0009,1001"; 2]);
    assert_eq!(addresses(&input, Kind::Standard), ["dicom:PatientName", "dicom:0010,0030"]);
    let [preserved, compact] = stripped(&input, "0009,1001");
    let mut want = elements();
    want[4] = sequence(&element(9, 0x1001, "LO", b"        "));
    want[1] = element(9, 0x1001, "LO", b"        ");
    assert_eq!(preserved, file(EXPLICIT, &want));
    want.remove(1);
    assert_eq!(compact, file(EXPLICIT, &want));
    assert_eq!(strip(&input, "dicom:0010,0030", Layout::Preserve).0.outcome, Outcome::Refused);
    stripped(&input, "dicom:PatientName");
}

#[test]
fn groups_that_say_their_length_keep_it() {
    let count = element(9, 0, "UL", &[1, 0, 0, 0]);
    let [preserved, compact] = stripped(&file(EXPLICIT, &[count, elements()[1].clone()]), "0009,1001");
    assert_eq!(preserved, compact);
}

#[test]
fn signed_and_deflated_data_is_left_alone() {
    let signature = [&[0xfa, 0xff, 0xfa, 0xff][..], b"SQ\0\0\0\0\0\0"].concat();
    let report = strip(&file(EXPLICIT, &[elements()[1].clone(), signature]), "0009,1001", Layout::Preserve).0;
    assert_eq!((report.outcome, &report.reason.unwrap()[..6]), (Outcome::Refused, "signed"));
    let kind = |input: &[u8]| Dicom.survey(input, &Limits::default()).err().map(|error| error.kind());
    assert_eq!(kind(&file("1.2.840.10008.1.2.1.99", &elements())), Some(ErrorKind::Unsupported));
    assert_eq!(kind(b"no preamble"), Some(ErrorKind::Unsupported));
    let input = file(EXPLICIT, &elements());
    for at in 132..input.len() {
        let _ = kind(&input[..at]);
        let mut input = input.clone();
        input[at] = 0xff;
        let _ = kind(&input);
    }
}

#[test]
fn text_of_unwritten_types_is_told_and_stays() {
    let implicit = |group: u16, number: u16, value: &[u8]| {
        [&group.to_le_bytes()[..], &number.to_le_bytes(), &(value.len() as u32).to_le_bytes(), value].concat()
    };
    let elements = [implicit(9, 0x1001, b"some text "), implicit(0x20, 0x13, &[1, 0]), implicit(0x10, 0x10, b"A^B ")];
    let input = file("1.2.840.10008.1.2", &elements);
    assert_eq!(addresses(&input, Kind::Custom), ["dicom:0009,1001"]);
    assert_eq!(addresses(&input, Kind::Standard), ["dicom:PatientName"]);
    assert_eq!(strip(&input, "0009,1001", Layout::Preserve).0.outcome, Outcome::Refused);
    assert_eq!(strip(&input, "absent", Layout::Preserve).0.outcome, Outcome::Clean);
}

#[test]
fn a_tiff_in_the_same_file_is_noticed() {
    let directory = [1, 0, 0x0e, 1, 2, 0, 4, 0, 0, 0, b'a', b'b', b'c', 0, 0, 0, 0, 0];
    let pixels = [&[0xe0, 0x7f, 0x10, 0][..], b"OB\0\0\x12\0\0\0", &directory].concat();
    let mut input = file(EXPLICIT, &[elements()[1].clone(), pixels]);
    assert!(Dicom.survey(&input, &Limits::default()).unwrap().findings().guards.is_empty());
    let at = (input.len() - directory.len()) as u32;
    input[..4].copy_from_slice(b"II*\0");
    input[4..8].copy_from_slice(&at.to_le_bytes());
    assert_eq!(detect(&input, None).unwrap().name(), "dicom");
    let limits = Limits::default();
    let survey = Dicom.survey(&input, &limits).unwrap();
    assert_eq!(survey.findings().guards[0].scope, Scope::Hidden);
}
