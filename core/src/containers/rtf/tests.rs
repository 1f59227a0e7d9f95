//! Tokens and text.

use proptest::prelude::*;

use super::*;

fn spelled(rtf: &str) -> String {
    let mut charset = Charset::default();
    charset.heed("ansicpg", Some(936));
    text(rtf.as_bytes(), 0..rtf.len(), charset)
}

#[test]
fn text_is_read_in_every_spelling() {
    assert_eq!(spelled(r"a \{b\} \\ c\~d"), "a {b} \\ c\u{a0}d");
    assert_eq!(spelled(r"\'d6\'d0\'ce\'c4"), "中文", "two bytes of a code page are one character");
    assert_eq!(spelled(r"\u20013?\u25991 ?!"), "中文!");
    assert_eq!(spelled(r"\uc2\u20013\'d6\'d0{\uc0\u25991}x\uc0 y"), "中文xy");
    assert_eq!(spelled(r"\u-10179?\u-8704?"), "😀");
    assert_eq!(spelled("a\r\nb\\\nc\\par d"), "ab\nc\nd");
    assert_eq!(spelled(r"{\upr{plain}{\*\ud{\u20013?}}} {\*\unknown no}"), "中 ");
    assert_eq!(spelled(r"a\bin3 {}\b"), "ab");
}

#[test]
fn groups_end_where_they_should() {
    let rtf = br"{\rtf1{\*\a{\b \}\{}\bin2 }}}x}";
    assert_eq!(group_end(rtf, 0).unwrap(), rtf.len());
    assert_eq!(group_end(rtf, 6).unwrap(), rtf.len() - 2);
    assert!(group_end(&rtf[..20], 0).is_err());
    let group = destination(rtf, 6);
    assert!((group.name, group.is_ignorable) == ("a", true));
}

proptest! {
    #[test]
    fn tokens_cover_the_bytes(text in "([{}]|\\\\bin[0-9]|\\\\u-?[0-9]{1,6}|\\\\'[0-9a-f]{0,2}|[a-zü \r\n]|\\\\[^a-z]|\\\\){0,60}") {
        let bytes = text.as_bytes();
        let mut scanner = Scanner::new(bytes, 0..bytes.len());
        let mut position = 0;
        while let Some((_, range)) = scanner.next() {
            prop_assert_eq!(range.start, position);
            position = range.end;
        }
        prop_assert_eq!(position, bytes.len());
        super::text(bytes, 0..bytes.len(), Charset::default());
    }
}
