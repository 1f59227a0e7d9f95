//! Hand-made files through the engine, which verifies every result.

use super::Gguf;
use crate::error::ErrorKind;
use crate::formats::Format;
use crate::formats::trial::{addresses, sites, strip, stripped};
use crate::limits::Limits;
use crate::plan::Layout;
use crate::report::Outcome;
use crate::survey::Kind;

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn pair(key: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    [&text(key), &kind.to_le_bytes()[..], value].concat()
}

fn label(key: &str, value: &str) -> Vec<u8> {
    pair(key, 8, &text(value))
}

/// A file with these pairs and one tensor of four bytes.
fn file(pairs: &[Vec<u8>], alignment: usize) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend(1_u64.to_le_bytes());
    file.extend((pairs.len() as u64).to_le_bytes());
    file.extend(pairs.concat());
    file.extend(text("a_label"));
    file.extend(1_u32.to_le_bytes());
    file.extend(1_u64.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    file.extend(0_u64.to_le_bytes());
    file.resize(file.len().next_multiple_of(alignment), 0);
    file.extend(b"DATA");
    file.resize(file.len().next_multiple_of(alignment), 0);
    file
}

fn pairs(value: &str) -> Vec<Vec<u8>> {
    vec![
        label("general.architecture", "llama"),
        label("a_label", value),
        label("general.author", "somebody"),
        pair("llama.block_count", 4, &7_u32.to_le_bytes()),
        pair("mine.list", 9, &[&8_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &text("one"), &text("two")].concat()),
        pair("tokenizer.ggml.scores", 9, &[&6_u32.to_le_bytes()[..], &2_u64.to_le_bytes(), &[0; 8]].concat()),
        pair("mine.real", 6, &1.5_f32.to_le_bytes()),
        pair("mine.small", 1, &[0xff]),
    ]
}

#[test]
fn pairs_are_labels_of_three_kinds() {
    let input = file(&pairs("some words"), 32);
    assert_eq!(
        addresses(&input, Kind::Custom),
        ["gguf:a_label", "gguf:mine.list", "gguf:mine.real", "gguf:mine.small"]
    );
    assert_eq!(addresses(&input, Kind::Standard), ["gguf:general.author"]);
    let values: Vec<_> = sites(&input).into_iter().filter_map(|site| site.value).collect();
    assert_eq!(values, ["llama", "some words", "somebody", "7", "[one, two]", "[0, 0]", "1.5", "-1"]);
}

#[test]
fn data_stays_where_it_is_or_moves_up_by_whole_alignments() {
    for len in 0..100 {
        let value = "v".repeat(len);
        let input = file(&pairs(&value), 32);
        let mut kept = pairs(&value);
        kept.remove(1);
        let want = file(&kept, 32);
        let [preserved, compact] = stripped(&input, "a_label");
        assert_eq!(compact, want, "{len}");
        let end = preserved.len() - 32;
        assert_eq!(preserved[end..], input[end..], "{len}");
        // What the filler took goes with the next label.
        assert_eq!(stripped(&preserved, "mine.real")[1], stripped(&want, "mine.real")[1]);
        let [both, _] = stripped(&preserved, "mine.list");
        assert_eq!(
            both.windows(7).filter(|window| window == b"padding").count().min(2),
            usize::from(both != want.as_slice()).min(1)
        );
    }
}

#[test]
fn a_small_alignment_leaves_no_room_for_filler() {
    let alignment = pair("general.alignment", 4, &8_u32.to_le_bytes());
    let input = file(&[alignment.clone(), pair("a_label", 0, &[7])], 8);
    for layout in [Layout::Preserve, Layout::Compact] {
        assert_eq!(strip(&input, "a_label", layout).1, file(std::slice::from_ref(&alignment), 8));
    }
    assert_eq!(strip(&input, "gguf:general.alignment", Layout::Preserve).0.outcome, Outcome::Refused);
}

#[test]
fn the_other_byte_order_is_read_too() {
    let mut input = b"GGUF\0\0\0\x03".to_vec();
    input.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    input.extend([&[0, 0, 0, 0, 0, 0, 0, 7][..], b"a_label", &[0, 0, 0, 2, 0x12, 0x34]].concat());
    assert_eq!(sites(&input)[0].value.as_deref(), Some("4660"));
    let [preserved, compact] = stripped(&input, "a_label");
    assert_eq!((preserved[23], compact.len(), preserved.len()), (0, 32, input.len()));
}

#[test]
fn what_is_damaged_is_refused() {
    let kind = |input: &[u8]| Gguf.survey(input, &Limits::default()).err().map(|error| error.kind());
    assert_eq!(kind(b"GGUF\x01\0\0\0"), Some(ErrorKind::Unsupported));
    let input = file(&pairs("v"), 32);
    for len in 0..input.len() - 64 {
        assert_eq!(kind(&input[..len]), Some(ErrorKind::Malformed), "{len}");
    }
    for at in 8..input.len() - 40 {
        let mut input = input.clone();
        input[at..at + 8].fill(0xff);
        let _ = kind(&input);
    }
    let mut input = file(&[pair("k", 13, &[0; 8])], 32);
    assert_eq!(kind(&input), Some(ErrorKind::Malformed));
    input[16] = 0xff;
    input[23] = 0xff;
    assert_eq!(kind(&input), Some(ErrorKind::Malformed));
    let nested = [&9_u32.to_le_bytes()[..], &1_u64.to_le_bytes()].concat().repeat(400);
    assert_eq!(kind(&file(&[pair("k", 9, &nested)], 32)), Some(ErrorKind::LimitExceeded));
}
