//! Hand-made streams and files through the engine, which verifies every result.

use super::Arrow;
use crate::containers::arrow::tests::message;
use crate::error::ErrorKind;
use crate::formats::trial::{addresses, stripped};
use crate::formats::{Format, detect};
use crate::limits::Limits;
use crate::survey::Kind;

fn framed(mut buffer: Vec<u8>) -> Vec<u8> {
    buffer.resize(buffer.len().next_multiple_of(8), 0);
    [&[0xff; 4][..], &(buffer.len() as u32).to_le_bytes(), &buffer].concat()
}

const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

#[test]
fn labels_of_a_stream_go_and_its_trailer_is_searched() {
    let input =
        [&framed(message(&[("a_label", "some words"), ("other", "x")]))[..], &END, b"a_label: some words."].concat();
    assert_eq!(addresses(&input, Kind::Custom), ["arrow:a_label", "arrow:other"]);
    let [output, compact] = stripped(&input, "a_label");
    assert_eq!(output, compact);
    assert!(output.ends_with(b"\0\0\0\0\0\0\0: \0\0\0\0\0\0\0\0\0\0."));
    assert_eq!(addresses(&output, Kind::Custom), ["arrow:other"]);
}

#[test]
fn a_schema_without_columns_may_lose_its_last_label() {
    let output = &stripped(&framed(message(&[("a_label", "some words")])), "a_label")[0];
    assert_eq!(addresses(output, Kind::Custom), [""; 0]);
}

#[test]
fn keys_of_programs_are_told_apart() {
    let pairs =
        [("ARROW:extension:name", "x"), ("pandas", "{}"), ("pandas_label", "x"), ("geo", "{}"), ("region", "y")];
    let input = framed(message(&pairs));
    assert_eq!(addresses(&input, Kind::Custom), ["arrow:pandas_label", "arrow:region"]);
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| Arrow.survey(input, &Limits::default()).err().map(|error| error.kind());
    let stream = framed(message(&[("a", "b")]));
    for len in 0..stream.len() {
        assert_eq!(kind(&stream[..len]), Some(ErrorKind::Malformed), "{len}");
    }
    assert_eq!(kind(b"FEA1\0\0\0\0"), Some(ErrorKind::Unsupported));
    assert_eq!(kind(b"ARROW1\0\0\xff\xff\xff\xffARROW1"), Some(ErrorKind::Malformed));
    assert!(detect(&[0xff; 100], None).is_none());
    assert_eq!(detect(&stream, None).map(Format::name), Some("arrow"));
}
