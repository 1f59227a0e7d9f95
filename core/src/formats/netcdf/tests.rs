//! Hand-made files through the engine, which verifies every result.

use super::NetCdf;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{addresses, sites, stripped};
use crate::limits::Limits;
use crate::survey::Kind;

/// Writes numbers as a version has them.
struct Writer(u8, Vec<u8>);

impl Writer {
    fn count(&mut self, number: u64) {
        let skip = if self.0 == 5 { 0 } else { 4 };
        self.1.extend(&number.to_be_bytes()[skip..]);
    }

    fn list(&mut self, tag: u32, count: u64) {
        self.1.extend(if count == 0 { 0 } else { tag }.to_be_bytes());
        self.count(count);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len() as u64);
        self.1.extend(bytes);
        self.1.resize(self.1.len().next_multiple_of(4), 0);
    }

    fn attributes(&mut self, pairs: &[(&str, &str)]) {
        self.list(12, pairs.len() as u64);
        for (key, value) in pairs {
            self.bytes(key.as_bytes());
            self.1.extend(2_u32.to_be_bytes());
            self.bytes(value.as_bytes());
        }
    }
}

/// A file with one variable of two numbers; `gap` zeros stand before its data.
fn file(version: u8, own: &[(&str, &str)], variable: &[(&str, &str)], gap: usize) -> Vec<u8> {
    let mut writer = Writer(version, vec![b'C', b'D', b'F', version]);
    writer.count(0);
    writer.list(10, 1);
    writer.bytes(b"a_label");
    writer.count(2);
    writer.attributes(own);
    writer.list(11, 1);
    writer.bytes(b"temperature");
    writer.count(1);
    writer.count(0);
    writer.attributes(variable);
    writer.1.extend(4_u32.to_be_bytes());
    writer.count(8);
    let width = if version == 1 { 4 } else { 8 };
    let begin = (writer.1.len() + width + gap) as u64;
    writer.1.extend(&begin.to_be_bytes()[8 - width..]);
    writer.1.resize(writer.1.len() + gap, 0);
    writer.1.extend(b"12345678");
    writer.1
}

#[test]
fn attributes_go_and_data_is_found() {
    let own = [("title", "T"), ("a_label", "some words"), ("Conventions", "CF-1.8")];
    let variable = [("units", "K"), ("a_label", "more")];
    for version in [1, 2, 5] {
        let input = file(version, &own, &variable, 8);
        assert_eq!(addresses(&input, Kind::Custom), ["netcdf:a_label", "variable:temperature/a_label"]);
        assert_eq!(addresses(&input, Kind::Standard), ["netcdf:title"]);
        let [preserved, compact] = stripped(&input, "a_label");
        let without = [own[0], own[2]];
        assert_eq!(compact, file(version, &without, &variable[..1], 8), "{version}");
        assert_eq!(preserved, file(version, &without, &variable[..1], 8 + input.len() - compact.len()), "{version}");
        let [_, none] = stripped(&file(version, &own[1..2], &variable[1..], 0), "a_label");
        assert_eq!(none, file(version, &[], &[], 0), "{version}");
    }
}

#[test]
fn copies_around_the_data_go() {
    let mut input = file(1, &[("a_label", "some words")], &[], 12);
    let at = input.len() - 20;
    input[at..at + 10].copy_from_slice(b"some words");
    input.extend(b"a_label");
    let [preserved, _] = stripped(&input, "a_label");
    assert!(preserved.ends_with(b"\0\0\0\0\0\0\0\0\0\0\0\x0012345678\0\0\0\0\0\0\0"));
}

#[test]
fn values_are_shown_as_text() {
    let mut writer = Writer(5, b"CDF\x05".to_vec());
    writer.count(0);
    writer.list(10, 0);
    writer.list(12, 5);
    let values: [(u32, u64, &[u8]); 5] = [
        (1, 2, &[0xff, 1, 0, 0]),
        (3, 1, &[0xff, 0xfe, 0, 0]),
        (6, 1, &1.5_f64.to_be_bytes()),
        (10, 1, &(-7_i64).to_be_bytes()),
        (2, 4, b"ab\0\0"),
    ];
    for (kind, count, bytes) in values {
        writer.bytes(b"key");
        writer.1.extend(kind.to_be_bytes());
        writer.count(count);
        writer.1.extend(bytes);
    }
    writer.list(11, 0);
    let values: Vec<_> = sites(&writer.1).into_iter().filter_map(|site| site.value).collect();
    assert_eq!(values, ["-1, 1", "-2", "1.5", "-7", "ab"]);
    stripped(&writer.1, "key");
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| NetCdf.survey(input, &Limits::default()).err().map(|error| error.kind());
    let input = file(2, &[("a_label", "v")], &[("b", "c")], 0);
    for len in 4..input.len() - 8 {
        assert_eq!(kind(&input[..len]), Some(ErrorKind::Malformed), "{len}");
    }
    for at in 4..input.len() {
        let mut input = input.clone();
        input[at] ^= 0xff;
        let _ = kind(&input);
    }
}
