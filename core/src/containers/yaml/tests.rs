use super::*;
use crate::limits::Limits;

#[test]
fn anchors_and_aliases_are_found() {
    let text = "a: &one [*two, &three x]\nb: x&y *four";
    let found = |sign| references(text, 0..text.len(), sign).collect::<Vec<_>>();
    assert_eq!(found(b'&'), ["one", "three"]);
    assert_eq!(found(b'*'), ["two", "four"]);
}

#[test]
fn letters_that_only_some_readers_take_are_refused() {
    for (text, offset) in [(" \u{16}: \u{c}", 1), ("a: b\rc: d", 4), ("a: \u{85}", 3), ("a: \u{7f}", 3)] {
        assert_eq!(check_letters(text, 10).unwrap_err().offset(), Some(10 + offset), "{text:?}");
    }
    check_letters("a:\tb\r\nc: \u{a0}\u{1f600}\n", 0).unwrap();
}

#[test]
fn a_collection_is_no_key() {
    for text in ["a: 1\n[b: 2]:: 3\n", "a: 1\n{b: 2}: 3\n", "a:\nb:\n[c:;d)::\n"] {
        assert!(documents(text, 0..text.len(), &Limits::default()).is_err(), "{text}");
    }
}

#[test]
fn scalars_say_what_they_mean() {
    for (node, value) in [
        ("plain text", "plain text"),
        ("plain\n  text\n\n  more", "plain text\nmore"),
        ("'it''s'", "it's"),
        ("\"a\\tb\\u4e2d\\x41\\\"\"", "a\tb中A\""),
        ("\"a \\\n  b\"", "a b"),
        ("|\n  a\n   b", "a\n b"),
        (">-\n  a\n  b", "a b"),
        ("!!str &x 7", "7"),
        ("", ""),
    ] {
        assert_eq!(value_of(node, 0..node.len()).as_deref(), Some(value), "{node}");
    }
    for node in ["[a]", "{a: b}", "*a", "- a", "a: b"] {
        assert_eq!(value_of(node, 0..node.len()), None);
    }
}

#[test]
fn documents_are_told_apart() {
    let text = "%YAML 1.2\n---\na: 1\n...\n# c\n---\n- b\n---\n---\n{c: 1}\n";
    let documents = documents(text, 0..text.len(), &Limits::default()).unwrap();
    let kinds: Vec<_> = documents
        .iter()
        .map(|document| match &document.body {
            Body::Block(entries) => entries.len(),
            Body::Flow(flow) => 10 + flow.items.len(),
            Body::Other => 0,
        })
        .collect();
    assert_eq!(kinds, [1, 0, 0, 11]);
}
