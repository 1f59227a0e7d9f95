//! Hand-made files through the engine, which verifies every result.

use serde_json::Value;

use crate::error::ErrorKind;
use crate::formats::trial::{addresses, sites, strip, stripped};
use crate::formats::{Format, detect};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

use super::Safetensors;

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn parse(file: &[u8]) -> (Value, Vec<u8>) {
    let len = u64::from_le_bytes(*file.first_chunk().unwrap()) as usize;
    (serde_json::from_slice(&file[8..8 + len]).unwrap(), file[8 + len..].to_vec())
}

const HEADER: &str = r#"{"__metadata__":{"format":"pt","id":"8888","note":"a \"secret\" note","modelspec.title":"T","ss_x":"1"},"id":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}      "#;

#[test]
fn members_of_the_metadata_are_labels() {
    let input = file(HEADER, b"data");
    assert_eq!(addresses(&input, Kind::Custom), ["safetensors:id", "safetensors:note"]);
    assert_eq!(addresses(&input, Kind::Standard), ["safetensors:modelspec.title"]);
    assert_eq!(addresses(&input, Kind::Bookkeeping), ["safetensors:format", "safetensors:ss_x"]);
    assert_eq!(sites(&input)[2].value.as_deref(), Some("a \"secret\" note"));
    for (layout, output) in [Layout::Preserve, Layout::Compact].into_iter().zip(stripped(&input, "*")) {
        let (header, data) = parse(&output);
        assert_eq!(
            header["__metadata__"].as_object().unwrap().keys().collect::<Vec<_>>(),
            ["format", "modelspec.title", "ss_x"]
        );
        assert_eq!((header["id"]["shape"][0].as_u64(), &data[..]), (Some(4), &b"data"[..]), "{layout:?}");
    }
}

#[test]
fn an_aligned_header_stays_aligned() {
    let header = r#"{"__metadata__":{"format":"pt","a_label":"some value"}}"#;
    let aligned = file(&format!("{header:<64}"), b"");
    assert_eq!(stripped(&aligned, "a_label")[1].len(), 8 + 32);
    assert_eq!(stripped(&file(header, b""), "a_label")[1].len(), 8 + 32);
    assert_eq!(
        parse(&stripped(&file(r#"{"__metadata__":{"k1":"v"}}"#, b""), "k1")[1]).0["__metadata__"],
        serde_json::json!({})
    );
}

#[test]
fn copies_behind_the_tensors_go_and_the_rest_of_the_trailer_stays() {
    let input = file(
        r#"{"__metadata__":{"a_label":"some value"},"t":{"data_offsets":[2,4]}}"#,
        b"--TTand a_label: some value here",
    );
    let (_, data) = parse(&stripped(&input, "a_label")[0]);
    assert_eq!(data, b"--TTand \0\0\0\0\0\0\0: \0\0\0\0\0\0\0\0\0\0 here");
}

#[test]
fn what_is_damaged_is_refused_and_what_is_protected_stays() {
    let survey = |bytes: &[u8]| Safetensors.survey(bytes, &Limits::default()).err().map(|error| error.kind());
    assert_eq!(survey(b"\x09\0\0\0\0\0\0\0{}"), Some(ErrorKind::Malformed));
    assert_eq!(survey(&file("{\"__metadata__\":{\"a\":}}", b"")), Some(ErrorKind::Malformed));
    assert_eq!(survey(&file("[]", b"")), Some(ErrorKind::Malformed));
    assert!(detect(b"\xff\xff\xff\xff\xff\xff\xff\xff{}", None).is_none());
    let input = file(r#"{"__metadata__":{"AIGC":"{}"}}"#, b"");
    assert_eq!(strip(&input, "AIGC", Layout::Preserve).0.outcome, Outcome::Refused);
    let input = file(r#"{"t":{"data_offsets":[0,0]}}"#, b"");
    assert_eq!(strip(&input, "t", Layout::Compact), (strip(&input, "t", Layout::Preserve).0, input.clone()));
}
