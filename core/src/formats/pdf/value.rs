//! Values and dictionaries as byte ranges over a text: the file itself or a decoded object stream.

use std::ops::Range;

use super::lexer::{Lexer, Token};

/// The class of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    /// An unsigned integer.
    Integer(u64),
    /// Another number.
    Number,
    /// A name.
    Name,
    /// A literal string.
    Literal,
    /// A hexadecimal string.
    Hex,
    /// `n g R`
    Reference(Reference),
    /// An array.
    Array,
    /// A dictionary.
    Dict,
    /// `true`, `false`, `null` or an unknown word.
    Word,
}

/// An object number and generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Reference {
    pub(super) number: u32,
    pub(super) generation: u32,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) kind: ValueKind,
    pub(super) range: Range<usize>,
}

impl Value {
    pub(super) fn reference(&self) -> Option<Reference> {
        if let ValueKind::Reference(reference) = self.kind { Some(reference) } else { None }
    }

    pub(super) fn integer(&self) -> Option<u64> {
        if let ValueKind::Integer(value) = self.kind { Some(value) } else { None }
    }
}

/// One dictionary entry: ranges of the name (slash included) and of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Range<usize>,
    pub(super) value: Value,
}

/// Reads one value; a container is skipped whole, whatever its depth, without recursion.
///
/// Nothing where a value cannot begin: at `>>`, `]`, `endobj`, `endstream`, `stream` or the end.
pub(super) fn value(lexer: &mut Lexer<'_>) -> Option<Value> {
    let mut ahead = lexer.clone();
    let (token, range) = ahead.next()?;
    let (kind, end) = match token {
        Token::Integer(first) => match reference(&ahead, first) {
            Some((reference, end)) => (ValueKind::Reference(reference), end),
            None => (ValueKind::Integer(first), range.end),
        },
        Token::Number => (ValueKind::Number, range.end),
        Token::Name => (ValueKind::Name, range.end),
        Token::Literal => (ValueKind::Literal, range.end),
        Token::Hex => (ValueKind::Hex, range.end),
        Token::DictOpen | Token::ArrayOpen => {
            skip_container(&mut ahead);
            (if token == Token::DictOpen { ValueKind::Dict } else { ValueKind::Array }, ahead.position)
        }
        Token::Word if !ends_object(ahead.text(&range)) => (ValueKind::Word, range.end),
        Token::DictClose | Token::ArrayClose | Token::Word | Token::Stray => return None,
    };
    lexer.position = end;
    Some(Value { kind, range: range.start..end })
}

fn ends_object(word: &[u8]) -> bool {
    matches!(word, b"endobj" | b"stream" | b"endstream" | b"obj" | b"xref" | b"trailer" | b"startxref")
}

/// `g R` after the object number.
fn reference(after_number: &Lexer<'_>, number: u64) -> Option<(Reference, usize)> {
    let mut ahead = after_number.clone();
    let generation = u32::try_from(ahead.integer()?).ok()?;
    let number = u32::try_from(number).ok()?;
    ahead.word(b"R").then_some((Reference { number, generation }, ahead.position))
}

/// Moves past the closing bracket of a container whose opening one has been read; before a word that ends the object
/// when it is never closed.
fn skip_container(lexer: &mut Lexer<'_>) {
    let mut depth = 1_usize;
    loop {
        let before = lexer.position;
        let Some((token, range)) = lexer.next() else { return };
        match token {
            Token::DictOpen | Token::ArrayOpen => depth += 1,
            Token::DictClose | Token::ArrayClose => depth -= 1,
            Token::Word if ends_object(lexer.text(&range)) => {
                lexer.position = before;
                return;
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

/// A dictionary: its range, its entries in order, and whether its end was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Dict {
    pub(super) range: Range<usize>,
    pub(super) entries: Vec<Entry>,
    pub(super) closed: bool,
}

impl Dict {
    /// Reads the dictionary that begins at the lexer, which is left after it.
    pub(super) fn read(lexer: &mut Lexer<'_>) -> Option<Self> {
        let mut dict = Self::default();
        let (closed, range) = Self::visit(lexer, |entry| dict.entries.push(entry))?;
        (dict.closed, dict.range) = (closed, range);
        Some(dict)
    }

    /// As [`read`](Self::read), showing each entry to `see`; answers whether the dictionary is closed, and its range.
    pub(super) fn visit(lexer: &mut Lexer<'_>, mut see: impl FnMut(Entry)) -> Option<(bool, Range<usize>)> {
        let mut ahead = lexer.clone();
        let (Token::DictOpen, open) = ahead.next()? else { return None };
        let closed = loop {
            let before = ahead.position;
            let Some((token, key)) = ahead.next() else { break false };
            match token {
                Token::DictClose => break true,
                Token::Name => {
                    if let Some(value) = value(&mut ahead) {
                        see(Entry { key, value });
                    }
                }
                Token::Word if ends_object(ahead.text(&key)) => {
                    ahead.position = before;
                    break false;
                }
                // What is neither name nor end is skipped, as readers do.
                Token::DictOpen | Token::ArrayOpen => skip_container(&mut ahead),
                _ => {}
            }
        };
        lexer.position = ahead.position;
        Some((closed, open.start..ahead.position))
    }

    /// The last value under a key: what readers take when a key is written twice.
    pub(super) fn get(&self, text: &[u8], key: &[u8]) -> Option<&Value> {
        self.entries.iter().rev().find(|entry| is_name(text, &entry.key, key)).map(|entry| &entry.value)
    }
}

/// Whether the name at `range` of `text` is `expected`, decoded.
pub(super) fn is_name(text: &[u8], range: &Range<usize>, expected: &[u8]) -> bool {
    let Some(name) = text.get(range.clone()).and_then(|name| name.strip_prefix(b"/")) else { return false };
    name == expected || (name.contains(&b'#') && name_bytes(name) == expected)
}

/// The bytes of a name without its slash, `#xx` resolved. A `#` without two digits stands for itself.
pub(super) fn name_bytes(name: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let coded = (byte == b'#').then(|| Some((hex_digit(*after.first()?)?, hex_digit(*after.get(1)?)?))).flatten();
        if let Some((high, low)) = coded {
            decoded.push(high << 4 | low);
            rest = after.get(2..).unwrap_or_default();
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    decoded
}

/// The bytes of a literal or hexadecimal string token, its delimiters included.
pub(super) fn string_bytes(token: &[u8]) -> Vec<u8> {
    match token.split_first() {
        Some((b'<', rest)) => hex_bytes(rest.strip_suffix(b">").unwrap_or(rest)),
        Some((b'(', rest)) => literal_bytes(rest.strip_suffix(b")").unwrap_or(rest)),
        _ => token.to_vec(),
    }
}

fn hex_bytes(text: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = text.iter().filter_map(|&byte| hex_digit(byte)).collect();
    digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit) << (4 * (2 - pair.len())))
        .collect()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

fn literal_bytes(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            // An end of line in a string reads as one line feed, however it is written.
            b'\r' => {
                bytes.next_if_eq(&b'\n');
                decoded.push(b'\n');
            }
            b'\\' => match bytes.next() {
                Some(b'n') => decoded.push(b'\n'),
                Some(b'r') => decoded.push(b'\r'),
                Some(b't') => decoded.push(b'\t'),
                Some(b'b') => decoded.push(8),
                Some(b'f') => decoded.push(0x0C),
                Some(b'\r') => {
                    bytes.next_if_eq(&b'\n');
                }
                Some(b'\n') | None => {}
                Some(digit @ b'0'..=b'7') => {
                    let mut code = u32::from(digit - b'0');
                    for _ in 0..2 {
                        let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                        code = code * 8 + u32::from(digit - b'0');
                    }
                    decoded.push((code & 0xFF) as u8);
                }
                Some(other) => decoded.push(other),
            },
            _ => decoded.push(byte),
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dictionaries_yield_their_entries_and_the_last_of_a_key_wins() {
        let text = b"<</A 1/B 2 0 R/C[<<>>]/A(x)/D<</A 9>>>>";
        let dict = Dict::read(&mut Lexer::at(text, 0)).unwrap();
        assert!(dict.closed);
        assert_eq!(dict.entries.len(), 5);
        assert_eq!(dict.get(text, b"A").unwrap().kind, ValueKind::Literal);
        assert_eq!(dict.get(text, b"B").unwrap().reference(), Some(Reference { number: 2, generation: 0 }));
    }

    #[test]
    fn an_unclosed_dictionary_ends_before_the_end_of_the_object() {
        let text = b"<</A (x) endobj";
        let mut lexer = Lexer::at(text, 0);
        let dict = Dict::read(&mut lexer).unwrap();
        assert!(!dict.closed);
        assert_eq!(dict.entries.len(), 1);
        assert!(lexer.word(b"endobj"));
    }

    #[test]
    fn strings_and_names_are_decoded() {
        assert_eq!(string_bytes(b"(a\\(\\101\\53\\\r\nb\r\nc\\q)"), b"a(A+b\ncq");
        assert_eq!(string_bytes(b"<4 1 4>"), b"A@");
        assert_eq!(name_bytes(b"A#20B#zz#"), b"A B#zz#");
    }

    #[test]
    fn deep_nesting_is_skipped_without_recursion() {
        let text = b"[".repeat(1_000_000);
        assert_eq!(value(&mut Lexer::at(&text, 0)).unwrap().kind, ValueKind::Array);
    }
}
