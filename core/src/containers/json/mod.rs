//! JSON (RFC 8259) by byte offsets. Strict: comments, trailing commas and `NaN` are malformed.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::limits::Limits;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A string.
    Text,
    /// A number, `true`, `false` or `null`.
    Plain,
    /// An array; whether it holds strings and plain values only.
    List { is_flat: bool },
    /// An object; whether it is empty.
    Map { is_empty: bool },
}

impl Shape {
    /// Whether it is one value, or a list of such.
    pub(crate) fn is_flat(self) -> bool {
        match self {
            Self::Text | Self::Plain => true,
            Self::List { is_flat } => is_flat,
            Self::Map { .. } => false,
        }
    }
}

/// Reads a text from its start to its end.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    limits: &'a Limits,
}

impl<'a> Scanner<'a> {
    /// A scanner of `input`, which must be UTF-8; a byte order mark may stand first.
    pub(crate) fn new(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        if input.starts_with(b"\xff\xfe") || input.starts_with(b"\xfe\xff") || input.iter().take(4).any(|it| *it == 0) {
            return Err(Error::unsupported("JSON in UTF-16 or UTF-32"));
        }
        let text = std::str::from_utf8(input)
            .map_err(|error| Error::malformed(error.valid_up_to() as u64, "the text is not valid UTF-8"))?;
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        Ok(Self { text, at, depth: 0, limits })
    }

    /// The offset of what comes next.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// The bytes of a range of the text.
    pub(crate) fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    /// The first byte of what comes next, behind white space.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| b" \t\r\n".contains(byte)).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    /// Fails unless the text ends here.
    pub(crate) fn end(&mut self) -> Result<()> {
        if self.peek().is_some() { Err(self.malformed("something follows the value")) } else { Ok(()) }
    }

    /// The key of the next member of an object, behind its colon; nothing at the end of the object. `is_first` is set
    /// before the first call, which reads the brace too.
    pub(crate) fn member(&mut self, is_first: &mut bool) -> Result<Option<Range<usize>>> {
        if !self.entry(is_first, b'{', b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.malformed("a key is missing"));
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.malformed("a colon is missing"));
        }
        self.at += 1;
        self.peek();
        Ok(Some(key))
    }

    /// Whether another item of an array follows; used as [`member`](Self::member).
    pub(crate) fn item(&mut self, is_first: &mut bool) -> Result<bool> {
        self.entry(is_first, b'[', b']')
    }

    fn entry(&mut self, is_first: &mut bool, open: u8, close: u8) -> Result<bool> {
        let next = self.peek();
        if std::mem::take(is_first) {
            if next != Some(open) {
                return Err(self.malformed("a collection is missing"));
            }
            self.at += 1;
            self.depth += 1;
            self.limits.check_depth(self.depth).map_err(|error| error.at(self.at as u64))?;
            if self.peek() != Some(close) {
                return Ok(true);
            }
        } else if next == Some(b',') {
            self.at += 1;
            self.peek();
            return Ok(true);
        } else if next != Some(close) {
            return Err(self.malformed("a comma or the end of a collection is missing"));
        }
        self.at += 1;
        self.depth -= 1;
        Ok(false)
    }

    /// Reads one value, whatever it is.
    pub(crate) fn value(&mut self) -> Result<Shape> {
        let mut is_first = true;
        match self.peek() {
            Some(b'"') => self.string().map(|_| Shape::Text),
            Some(b'{') => {
                let mut is_empty = true;
                while self.member(&mut is_first)?.is_some() {
                    is_empty = false;
                    self.value()?;
                }
                Ok(Shape::Map { is_empty })
            }
            Some(b'[') => {
                let mut is_flat = true;
                while self.item(&mut is_first)? {
                    is_flat &= matches!(self.value()?, Shape::Text | Shape::Plain);
                }
                Ok(Shape::List { is_flat })
            }
            _ => self.plain().map(|()| Shape::Plain),
        }
    }

    /// Reads a string, and answers its range with the quotes.
    fn string(&mut self) -> Result<Range<usize>> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            let rest = bytes.get(self.at..).unwrap_or_default();
            let Some(special) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | ..b' ')) else {
                self.at = bytes.len();
                return Err(self.malformed("a string does not end"));
            };
            self.at += special;
            match rest.get(special..).unwrap_or_default() {
                [b'"', ..] => {
                    self.at += 1;
                    return Ok(start..self.at);
                }
                [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => self.at += 2,
                [b'\\', b'u', digits @ ..] if digits.len() >= 4 && digits.iter().take(4).all(u8::is_ascii_hexdigit) => {
                    self.at += 6;
                }
                [b'\\', ..] => return Err(self.malformed("an unknown escape in a string")),
                _ => return Err(self.malformed("a control character in a string")),
            }
        }
    }

    fn plain(&mut self) -> Result<()> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let len = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count();
        let word = rest.get(..len).unwrap_or_default();
        if !(matches!(word, b"true" | b"false" | b"null") || is_number(word)) {
            return Err(self.malformed("not a value"));
        }
        self.at += len;
        Ok(())
    }

    fn malformed(&self, reason: &'static str) -> Error {
        Error::malformed(self.at as u64, reason)
    }
}

/// Whether `word` is a number (RFC 8259, section 6).
fn is_number(word: &[u8]) -> bool {
    let digits = |word: &[u8]| word.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let word = word.strip_prefix(b"-").unwrap_or(word);
    let whole = digits(word);
    if whole == 0 || (whole > 1 && word.starts_with(b"0")) {
        return false;
    }
    let mut rest = word.get(whole..).unwrap_or_default();
    if let Some(fraction) = rest.strip_prefix(b".") {
        let len = digits(fraction);
        if len == 0 {
            return false;
        }
        rest = fraction.get(len..).unwrap_or_default();
    }
    match rest {
        [] => true,
        [b'e' | b'E', exponent @ ..] => {
            let exponent = exponent.strip_prefix(b"+").or_else(|| exponent.strip_prefix(b"-")).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent) == exponent.len()
        }
        _ => false,
    }
}

/// The text that a string between quotes spells. Halves of characters become U+FFFD.
pub(crate) fn decoded(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(quoted);
    if !inner.contains('\\') {
        return inner.to_owned();
    }
    let mut units = Vec::with_capacity(inner.len());
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        let letter = match letter {
            '\\' => match letters.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let digits = letters.as_str().get(..4).unwrap_or_default();
                    units.push(u16::from_str_radix(digits, 16).unwrap_or(0xfffd));
                    letters = letters.as_str().get(4..).unwrap_or_default().chars();
                    continue;
                }
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        units.extend_from_slice(letter.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &[u8]) -> Result<Shape> {
        let limits = Limits::default();
        let mut scanner = Scanner::new(text, &limits)?;
        let shape = scanner.value()?;
        scanner.end()?;
        Ok(shape)
    }

    #[test]
    fn what_other_dialects_allow_is_malformed() {
        for text in [
            "",
            " ",
            "{",
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "{a:1}",
            "{'a':1}",
            "NaN",
            "[Infinity]",
            "-",
            "01",
            "1.",
            ".5",
            "1e",
            "+1",
            "0x1",
            "tru",
            "\"a",
            "\"\\x\"",
            "\"\\u12g4\"",
            "\"a\nb\"",
            "// c\n1",
            "1 /* c */",
            "1 2",
            "[}",
            "{\"a\" 1}",
            "{\"a\":}",
            "]",
            "[1",
            "\u{a0}1",
        ] {
            assert_eq!(read(text.as_bytes()).unwrap_err().kind(), crate::ErrorKind::Malformed, "{text}");
        }
        assert_eq!(read(b"\xff\xfe{\0}\0").unwrap_err().kind(), crate::ErrorKind::Unsupported);
        assert_eq!(read(b"{\0}\0").unwrap_err().kind(), crate::ErrorKind::Unsupported);
        assert_eq!(read(b"[\"\xff\"]").unwrap_err().offset(), Some(2));
        let deep = "[".repeat(300);
        assert_eq!(read(deep.as_bytes()).unwrap_err().kind(), crate::ErrorKind::LimitExceeded);
        assert_eq!(read(b"\xef\xbb\xbf[1, \"a\"]").unwrap(), Shape::List { is_flat: true });
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(decoded(r#""a\u0062\n\/\\\"""#), "ab\n/\\\"");
        assert_eq!(decoded(r#""\ud83d\ude00 \ud800x""#), "\u{1f600} \u{fffd}x");
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|pairs| serde_json::Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_reads_what_another_reader_reads(value in any_json()) {
            prop_assert!(read(serde_json::to_string(&value).unwrap().as_bytes()).is_ok());
            prop_assert!(read(serde_json::to_string_pretty(&value).unwrap().as_bytes()).is_ok());
        }

        #[test]
        fn it_refuses_what_another_reader_refuses(text in "[\\[\\]{},:\"a01.e\\-tnu\\\\ ]{0,12}") {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            // A number that is too large for it, or half a character, is still the grammar's.
            if other.is_ok() || other.as_ref().is_err_and(|error| error.to_string().contains("expected")) {
                prop_assert_eq!(read(text.as_bytes()).is_ok(), other.is_ok(), "{:?}", other);
            }
        }

        #[test]
        fn strings_are_decoded_as_another_reader_does(text: String) {
            prop_assert_eq!(decoded(&serde_json::to_string(&text).unwrap()), text);
        }
    }
}
