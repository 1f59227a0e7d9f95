//! Hand-made footers through the engine, which verifies every result.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Parquet;
use crate::containers::arrow::tests::message;
use crate::containers::thrift::{STRUCT, list_header, varint};
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{addresses, sites, strip, stripped};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

fn text(text: &str) -> Vec<u8> {
    [varint(text.len() as u64), text.as_bytes().to_vec()].concat()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut list = list_header(STRUCT, pairs.len());
    for (key, value) in pairs {
        list.extend([&[0x18][..], &text(key), &[0x18], &text(value), &[0]].concat());
    }
    list
}

/// A column chunk of 8 bytes at byte 4, with these pairs.
fn chunk(own: &[(&str, &str)]) -> Vec<u8> {
    let path = [&[0x39, 0x18][..], &text("a_label")].concat();
    let places = [&[0x46, 16, 0x19][..], &pairs(own), &[0x16, 8, 0]].concat();
    [&[0x3c][..], &path, &places, &[0]].concat()
}

/// A file with one column chunk; `data` stands between it and the footer.
fn file(own: &[(&str, &str)], column: &[(&str, &str)], data: &[u8], extra: &[u8]) -> Vec<u8> {
    let schema = [&[0x15, 2, 0x19, 0x1c, 0x48][..], &text("a_label"), &[0]].concat();
    let groups = [&[0x29, 0x1c, 0x19, 0x1c][..], &chunk(column), &[0]].concat();
    let footer = [&schema[..], &groups, &[0x19], &pairs(own), &[0x18], &text("writer 1"), extra, &[0]].concat();
    let len = (footer.len() as u32).to_le_bytes();
    [&b"PAR1"[..], b"8 bytes.", data, &footer, &len, b"PAR1"].concat()
}

#[test]
fn pairs_of_the_file_and_of_columns_go() {
    let own = [("a_label", "some words"), ("other", "x"), ("org.apache.spark.version", "3")];
    let input = file(&own, &[("a_label", "of a column"), ("b", "y")], b"", &[]);
    assert_eq!(addresses(&input, Kind::Custom), ["column:a_label", "column:b", "parquet:a_label", "parquet:other"]);
    assert_eq!(addresses(&input, Kind::Bookkeeping), ["parquet:org.apache.spark.version"]);
    assert_eq!(sites(&input)[0].place, "column a_label");
    let [preserved, compact] = stripped(&input, "a_label");
    assert_eq!(compact, file(&own[1..], &[("b", "y")], b"", &[]));
    assert_eq!(preserved, file(&own[1..], &[("b", "y")], &vec![0; input.len() - compact.len()], &[]));
    assert_eq!(stripped(&preserved, "other")[1], file(&own[2..], &[("b", "y")], b"", &[]));
    let many: Vec<_> = (0..20).map(|_| ("many", "v")).chain(own).collect();
    assert_eq!(stripped(&file(&many, &[], b"", &[]), "many")[1], file(&own, &[], b"", &[]));
}

#[test]
fn the_copy_in_base64_goes_as_well() {
    let mut buffer = message(&[("a_label", "some words"), ("other", "x")]);
    buffer.resize(buffer.len().next_multiple_of(8), 0);
    let block = [&[0xff; 4][..], &(buffer.len() as u32).to_le_bytes(), &buffer].concat();
    for schema in [&block[..], &block[4..]] {
        let schema = STANDARD.encode(schema);
        let input = file(&[("a_label", "some words"), ("ARROW:schema", &schema), ("other", "x")], &[], b"", &[]);
        for output in stripped(&input, "a_label") {
            let left: Vec<_> = sites(&output).into_iter().map(|site| (site.address, site.place)).collect();
            let at = |address: &str, place: &str| (address.to_owned(), place.to_owned());
            let want = [
                at("parquet:ARROW:schema", "footer"),
                at("parquet:other", "ARROW:schema schema"),
                at("parquet:other", "footer"),
            ];
            assert_eq!(left, want);
        }
        let output = &stripped(&input, "parquet:ARROW:schema")[1];
        assert_eq!(addresses(output, Kind::Custom), ["parquet:a_label", "parquet:other"]);
    }
}

#[test]
fn copies_behind_pages_and_behind_the_footer_go() {
    let input = file(&[("a_label", "some words")], &[], b"a_label = some words!", b"");
    let output = &stripped(&input, "a_label")[0];
    assert_eq!(output[12..33], *b"\0\0\0\0\0\0\0 = \0\0\0\0\0\0\0\0\0\0!");
    let mut tail = file(&[("a_label", "some words")], &[], b"", b"");
    let at = tail.len() - 8;
    let len = u32::from_le_bytes(*tail[at..].first_chunk().unwrap()) + 10;
    tail.splice(at..at + 4, [b"some words".to_vec(), len.to_le_bytes().to_vec()].concat());
    stripped(&tail, "a_label");
}

#[test]
fn sealed_footers_are_left_alone() {
    let refused = |input: &[u8]| {
        let (report, output) = strip(input, "a_label", Layout::Preserve);
        assert_eq!((report.outcome, &output[..]), (Outcome::Refused, input));
        report.reason.unwrap()
    };
    assert!(refused(b"PARE some bytes PARE").starts_with("encrypted"));
    assert!(refused(&file(&[("a_label", "v")], &[], b"", &[0x2c, 0x1c, 0, 0])).starts_with("signed"));
    assert!(refused(&file(&[("AIGC", "{}"), ("a_label", "{\"AIGC\":{}}")], &[], b"", &[])).starts_with("protected"));
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| Parquet.survey(input, &Limits::default()).err().map(|error| error.kind());
    for input in [&b"PAR1"[..], b"PAR1PAR1", b"PAR1\xff\0\0\0PAR1", b"PAR1\0\0\0\0PAR1", b"PAR1\x19\x01\0\0\0PAR1"] {
        assert_eq!(kind(input), Some(ErrorKind::Malformed), "{input:?}");
    }
    let input = file(&[("a_label", "some words")], &[("a", "b")], b"", &[]);
    for at in 12..input.len() {
        for byte in [0, 0x19, 0xf9, 0xff] {
            let mut input = input.clone();
            input[at] = byte;
            let _ = kind(&input);
        }
    }
}

#[test]
fn a_schema_of_arrow_that_holds_a_protected_label_stays() {
    let message = message(&[("AIGC", "{}"), ("a_label", "some words")]);
    let block = [&[0xff; 4][..], &(message.len() as u32).to_le_bytes(), &message].concat();
    let input = file(&[("ARROW:schema", &STANDARD.encode(block)), ("b", "y")], &[], b"", &[]);
    let sites = sites(&input);
    let barred: Vec<_> = sites.iter().filter(|site| site.barrier.is_some()).map(|site| &*site.address).collect();
    assert_eq!(barred, ["parquet:ARROW:schema", "parquet:AIGC"]);
    stripped(&input, "a_label");
}
