//! Hand-made files through the engine, which verifies every result.

use super::Orc;
use super::blocks::{Codec, Coding};
use crate::containers::protobuf::varint;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{addresses, sites, strip, stripped};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

/// A field with bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2][..], &varint(bytes.len() as u64), bytes].concat()
}

fn number(number: u8, value: u64) -> Vec<u8> {
    [vec![number << 3], varint(value)].concat()
}

fn pair(of: u8, (key, value): &(&str, &str)) -> Vec<u8> {
    field(of, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
}

/// The footer of a file with one column and one stripe of eight bytes.
fn footer(own: &[(&str, &str)], column: &[(&str, &str)], extra: &[u8]) -> Vec<u8> {
    let attributes: Vec<u8> = column.iter().flat_map(|one| pair(7, one)).collect();
    let root = [number(1, 12), field(2, &[1]), field(3, b"a_label")].concat();
    let pairs: Vec<u8> = own.iter().flat_map(|one| pair(5, one)).collect();
    let stripe = [number(1, 3), number(2, 0), number(3, 5), number(4, 3)].concat();
    let body = [number(1, 3), number(2, 11), field(3, &stripe), field(4, &root)].concat();
    let statistics = field(7, b"\x22\x09\x0a\x07a_label");
    [body, field(4, &[number(1, 3), attributes].concat()), pairs, number(6, 1), statistics, extra.to_vec()].concat()
}

/// A file with this footer, in its coding; `gap` stands between its stripe and the statistics.
fn wrap(kind: u64, gap: &[u8], footer: &[u8]) -> Vec<u8> {
    let coding = Coding::new(Codec::new(kind), 1024);
    let statistics = coding.encode(b"\x0a\x02\x0a\x00").unwrap();
    let footer = coding.encode(footer).unwrap();
    let lens = [number(1, footer.len() as u64), number(2, kind), number(3, 1024), field(4, &[0, 12])].concat();
    let magic = [&[0x82, 0xf4, 0x03][..], b"\x03ORC"].concat();
    let postscript = [lens, number(5, statistics.len() as u64), number(6, 6), magic].concat();
    let len = [postscript.len() as u8];
    [&b"ORC8 bytes."[..], gap, &statistics, &footer, &postscript, &len].concat()
}

fn file(kind: u64, own: &[(&str, &str)], column: &[(&str, &str)]) -> Vec<u8> {
    wrap(kind, b"", &footer(own, column, b""))
}

const LABEL: (&str, &str) = ("a_label", "some words");

#[test]
fn pairs_of_the_file_and_of_columns_go() {
    let own = [LABEL, ("other", "x"), ("hive.acid.stats", "1,0,0")];
    for kind in 0..6 {
        let input = file(kind, &own, &[LABEL, ("iceberg.id", "1"), ("b", "y")]);
        assert_eq!(addresses(&input, Kind::Custom), ["column:a_label", "column:b", "orc:a_label", "orc:other"]);
        assert_eq!(addresses(&input, Kind::Bookkeeping), ["column:iceberg.id", "orc:hive.acid.stats"]);
        assert_eq!(sites(&input)[0].place, "column a_label");
        let [preserved, compact] = stripped(&input, "a_label");
        let want = footer(&own[1..], &[("iceberg.id", "1"), ("b", "y")], b"");
        assert_eq!(compact, wrap(kind, b"", &want), "{kind}");
        assert_eq!(preserved, wrap(kind, &vec![0; input.len() - compact.len()], &want), "{kind}");
        // The zeros before the statistics are used again, or go.
        let want = footer(&own[2..], &[("iceberg.id", "1"), ("b", "y")], b"");
        let [again, compact] = stripped(&preserved, "other");
        assert_eq!(compact, wrap(kind, b"", &want));
        assert_eq!(again, wrap(kind, &vec![0; input.len() - compact.len()], &want));
        assert_eq!(strip(&input, "no such label", Layout::Preserve).1, input);
    }
}

#[test]
fn lengths_that_take_fewer_bytes_are_followed() {
    let words = "words ".repeat(4000);
    for kind in 0..6 {
        let long = [("a_label", words.as_str()), ("other", "x")];
        let input = file(kind, &long, &long);
        let [preserved, compact] = stripped(&input, "a_label");
        let want = footer(&long[1..], &long[1..], b"");
        assert_eq!(compact, wrap(kind, b"", &want), "{kind}");
        assert_eq!(preserved, wrap(kind, &vec![0; input.len() - compact.len()], &want), "{kind}");
    }
}

#[test]
fn copies_between_stripes_and_footer_go() {
    let input = wrap(0, b"a_label = some words!", &footer(&[LABEL], &[], b""));
    let [preserved, compact] = stripped(&input, "a_label");
    for output in [preserved, compact] {
        assert_eq!(output[11..32], *b"\0\0\0\0\0\0\0 = \0\0\0\0\0\0\0\0\0\0!");
    }
}

#[test]
fn what_is_sealed_or_foreign_is_left_alone() {
    let refused = |input: &[u8]| {
        let (report, output) = strip(input, "a_label", Layout::Preserve);
        assert_eq!((report.outcome, &output[..]), (Outcome::Refused, input));
        report.reason.unwrap()
    };
    let sealed = footer(&[LABEL], &[], &field(10, b""));
    assert!(refused(&wrap(0, b"", &sealed)).starts_with("encrypted"));
    // A block that does not stand as it is, in LZO.
    let mut unread = file(3, &[LABEL], &[]);
    let at = unread.windows(4).position(|bytes| bytes == [0x08, 3, 0x10, 11]).unwrap() - 3;
    unread[at] &= !1;
    assert!(refused(&unread).starts_with("unsupported"));
    assert!(refused(&file(1, &[("a_label", "{\"AIGC\":{}}")], &[])).starts_with("protected"));
    let mut dwrf = file(0, &[LABEL], &[]);
    let at = dwrf.len() - 1 - usize::from(dwrf[dwrf.len() - 1]);
    let version = at + dwrf[at..].windows(4).position(|bytes| bytes == [0x22, 2, 0, 12]).unwrap();
    dwrf[version..version + 4].copy_from_slice(&[0x20, 1, 0x30, 7]);
    let kind = |input: &[u8]| Orc.survey(input, &Limits::default()).err().map(|error| error.kind());
    assert_eq!(kind(&dwrf), Some(ErrorKind::Unsupported));
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| Orc.survey(input, &Limits::default()).err().map(|error| error.kind());
    for input in [&b""[..], b"ORC", b"ORCORC\x03", b"ORC\x08\x7f\x82\xf4\x03\x03ORC\x09", b"ORC\xff"] {
        assert_eq!(kind(input), Some(ErrorKind::Malformed), "{input:?}");
    }
    assert!(!Orc.sniff(b"ORC is a file format"));
    for codec in [0, 1, 2, 4, 5] {
        let input = file(codec, &[LABEL], &[("a", "b")]);
        for at in 11..input.len() {
            for byte in [0, 0x19, 0x7f, 0xff] {
                let mut input = input.clone();
                input[at] = byte;
                let _ = kind(&input);
            }
        }
    }
}
