//! Files built by hand, as the kernel of macOS writes them.

use plist::Value;

use crate::engine::{Engine, list};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::{Outcome, Report};
use crate::scan::Proof;
use crate::source::Source;
use crate::survey::Kind;

const FORK: &[u8] = b"the resource fork";

/// A file with Finder information, these attributes and a resource fork.
fn beside(attributes: &[(&str, &[u8])]) -> Vec<u8> {
    let table_start = 84;
    let records: usize = attributes.iter().map(|(name, _)| (12 + name.len()).next_multiple_of(4)).sum();
    let data_start = table_start + 36 + records;
    let data_len: usize = attributes.iter().map(|(_, value)| value.len()).sum();
    let room = 64;
    let end = data_start + data_len + room;
    let mut out = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        \x00\x02".to_vec();
    for (id, start, len) in [(9_u32, 50_usize, end - 50), (2, end, FORK.len())] {
        out.extend(id.to_be_bytes());
        out.extend((start as u32).to_be_bytes());
        out.extend((len as u32).to_be_bytes());
    }
    out.extend([0; 34]);
    out.extend(b"ATTR\0\0\0\0");
    for number in [end, data_start, data_len] {
        out.extend((number as u32).to_be_bytes());
    }
    out.extend([0; 14]);
    out.extend((attributes.len() as u16).to_be_bytes());
    let mut offset = data_start;
    for (name, value) in attributes {
        let start = out.len();
        out.extend((offset as u32).to_be_bytes());
        out.extend((value.len() as u32).to_be_bytes());
        out.extend([0, 0, name.len() as u8 + 1]);
        out.extend(name.as_bytes());
        out.push(0);
        out.resize(start + (out.len() - start).next_multiple_of(4), 0);
        offset += value.len();
    }
    out.extend(attributes.iter().flat_map(|(_, value)| *value));
    out.resize(end, 0);
    out.extend(FORK);
    out
}

fn bplist(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.to_writer_binary(&mut bytes).unwrap();
    bytes
}

fn tags(words: &[&str]) -> Vec<u8> {
    bplist(&Value::Array(words.iter().map(|word| Value::String((*word).to_owned())).collect()))
}

fn example() -> Vec<u8> {
    let tags = tags(&["Strictly secret\n6", "Blue\n4", "Zürich"]);
    let comment = bplist(&Value::String("handed over".into()));
    beside(&[
        ("com.apple.quarantine", b"0081;5f;Safari;"),
        ("Classification", b"Confidential matter"),
        ("com.apple.metadata:_kMDItemUserTags", &tags),
        ("com.apple.metadata:kMDItemFinderComment", &comment),
        ("AIGC", b"{}"),
    ])
}

fn sites(bytes: &[u8]) -> Vec<(String, Option<String>, Kind)> {
    let listing = list(&Source::from_bytes(bytes.to_vec()).with_name("._a.jpg"), &Limits::default()).unwrap();
    assert_eq!(listing.format, "appledouble");
    listing.findings.sites.into_iter().map(|site| (site.key, site.value, site.kind)).collect()
}

fn strip(bytes: &[u8], label: &str, layout: Layout) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label(label).layout(layout).proof(Proof::Full).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

#[test]
fn attributes_and_tags_are_found() {
    let found = sites(&example());
    let told: Vec<(&str, Option<&str>, Kind)> =
        found.iter().map(|(key, value, kind)| (&**key, value.as_deref(), *kind)).collect();
    assert_eq!(
        told,
        [
            ("com.apple.quarantine", Some("0081;5f;Safari;"), Kind::Bookkeeping),
            ("Classification", Some("Confidential matter"), Kind::Custom),
            ("_kMDItemUserTags", Some("Strictly secret"), Kind::Standard),
            ("_kMDItemUserTags", Some("Blue"), Kind::Standard),
            ("_kMDItemUserTags", Some("Zürich"), Kind::Standard),
            ("kMDItemFinderComment", Some("handed over"), Kind::Standard),
            ("AIGC", Some("{}"), Kind::Custom),
        ]
    );
}

#[test]
fn chosen_ones_go_and_the_others_stay() {
    let bytes = example();
    let before = sites(&bytes);
    let all_tags = "xattr:com.apple.metadata:_kMDItemUserTags";
    for layout in [Layout::Preserve, Layout::Compact] {
        for (label, gone) in [
            ("Classification", &[1][..]),
            ("xattr:com.apple.metadata:_kMDItemUserTags=Strictly secret", &[2]),
            ("xattr:com.apple.metadata:_kMDItemUserTags=Zürich", &[4]),
            (all_tags, &[2, 3, 4]),
            ("xattr:com.apple.metadata:kMDItemFinderComment", &[5]),
        ] {
            let (report, output) = strip(&bytes, label, layout);
            assert_eq!(report.outcome, Outcome::Stripped, "{label}: {:?}", report.reason);
            let kept: Vec<_> = before
                .iter()
                .enumerate()
                .filter(|(index, _)| !gone.contains(index))
                .map(|(_, site)| site.clone())
                .collect();
            assert_eq!(sites(&output), kept, "{label}");
            assert_eq!(output.len(), bytes.len());
            assert!(output.ends_with(FORK));
            for index in gone {
                let value = before[*index].1.as_deref().unwrap();
                assert!(memchr::memmem::find(&output, value.as_bytes()).is_none(), "{label}");
            }
            assert_eq!(strip(&output, label, layout).0.outcome, Outcome::Clean);
        }
    }
    assert_eq!(strip(&bytes, "AIGC", Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn an_old_copy_between_the_values_goes_too() {
    let mut bytes = example();
    let end = bytes.len() - FORK.len();
    bytes[end - 40..end - 21].copy_from_slice(b"Confidential matter");
    // The old copy stands behind what the table says is in use, and is described by nothing.
    let (report, output) = strip(&bytes, "Classification", Layout::Preserve);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?}", report.reason);
    assert!(memchr::memmem::find(&output, b"Confidential").is_none());
}

#[test]
fn damaged_tables_are_refused() {
    let bytes = example();
    for cut in [20, 60, 100, 130, 200, bytes.len() - 1] {
        let _ = list(&Source::from_bytes(bytes[..cut].to_vec()), &Limits::default());
    }
    // An entry that reaches into the headers.
    let mut overlapping = bytes.clone();
    overlapping[42..46].copy_from_slice(&30_u32.to_be_bytes());
    assert!(list(&Source::from_bytes(overlapping), &Limits::default()).is_err());
    // A value outside the table, and two that overlap.
    for (at, offset) in [(84 + 36, 0xffff_u32), (84 + 36 + 32, 0x154)] {
        let mut bytes = bytes.clone();
        bytes[at..at + 4].copy_from_slice(&offset.to_be_bytes());
        assert!(list(&Source::from_bytes(bytes), &Limits::default()).is_err());
    }
}
