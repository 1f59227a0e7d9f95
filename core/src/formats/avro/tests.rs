//! Hand-made files through the engine, which verifies every result.

use super::{Avro, long};
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{LAYOUTS, addresses, strip};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

/// A file with these blocks of entries, counted the other way where that is said.
fn file(blocks: &[(bool, &[(&str, &str)])]) -> Vec<u8> {
    let mut file = b"Obj\x01".to_vec();
    let text = |text: &str| [long((text.len() as u64).cast_signed()), text.as_bytes().to_vec()].concat();
    for (has_len, entries) in blocks.iter().filter(|(_, entries)| !entries.is_empty()) {
        let body: Vec<u8> = entries.iter().flat_map(|(key, value)| [text(key), text(value)].concat()).collect();
        let count = (entries.len() as u64).cast_signed();
        if *has_len {
            file.extend([long(-count), long((body.len() as u64).cast_signed())].concat());
        } else {
            file.extend(long(count));
        }
        file.extend(body);
    }
    file.push(0);
    file.extend(b"sixteen bytes...data a_label");
    file
}

const SCHEMA: (&str, &str) = ("avro.schema", "{\"type\": \"long\"}");

#[test]
fn entries_go_with_their_block_when_it_empties() {
    let label = ("a_label", "some words");
    for has_len in [false, true] {
        let input = file(&[(has_len, &[label, SCHEMA, label]), (has_len, &[label])]);
        assert_eq!(addresses(&input, Kind::Custom), ["avro:a_label"; 3]);
        for layout in LAYOUTS {
            let (report, output) = strip(&input, "a_label", layout);
            assert_eq!(report.outcome, Outcome::Stripped);
            assert_eq!(output, file(&[(has_len, &[SCHEMA])]));
            assert_eq!(strip(&output, "a_label", layout).0.outcome, Outcome::Clean);
        }
    }
}

#[test]
fn what_readers_need_stays() {
    let input = file(&[(false, &[SCHEMA, ("AIGC", "x")])]);
    for label in ["avro:avro.schema", "AIGC"] {
        assert_eq!(strip(&input, label, Layout::Compact).0.outcome, Outcome::Refused);
    }
    let kind = |input: &[u8]| Avro.survey(input, &Limits::default()).err().map(|error| error.kind());
    for len in 0..input.len() - 12 {
        assert_eq!(kind(&input[..len]), Some(ErrorKind::Malformed), "{len}");
    }
    assert_eq!(kind(b"Obj\x01\x02\x01"), Some(ErrorKind::Malformed));
    assert_eq!(kind(&[&b"Obj\x01"[..], &[0xff; 20]].concat()), Some(ErrorKind::Malformed));
}
