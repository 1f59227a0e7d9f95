//! Tokens of PDF syntax (ISO 32000-2 §7.2-7.3) as byte ranges: nothing is copied, nothing fails.
//!
//! A damaged token ends where readers end it; a damaged structure ends at the end of the bytes.

use std::ops::Range;

/// White space of PDF, NUL included.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | 0x0C | 0)
}

/// Bytes that end a name, number or keyword besides white space.
fn is_delimiter(byte: u8) -> bool {
    matches!(byte, b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'{' | b'}' | b'/' | b'%')
}

fn is_regular(byte: u8) -> bool {
    !is_space(byte) && !is_delimiter(byte)
}

/// The class of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// An unsigned integer that fits.
    Integer(u64),
    /// Any other number.
    Number,
    /// `/Name`, slash included in the range.
    Name,
    /// `(literal)`, parentheses included.
    Literal,
    /// `<hex>`, angle brackets included.
    Hex,
    /// `<<`
    DictOpen,
    /// `>>`
    DictClose,
    /// `[`
    ArrayOpen,
    /// `]`
    ArrayClose,
    /// Any other word: `obj`, `R`, `true`, `stream`.
    Word,
    /// A delimiter that belongs nowhere.
    Stray,
}

/// A reader of tokens.
#[derive(Clone, Debug)]
pub(super) struct Lexer<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn at(bytes: &'a [u8], position: usize) -> Self {
        Self { bytes, position: position.min(bytes.len()) }
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    /// The bytes of a token.
    pub(super) fn text(&self, range: &Range<usize>) -> &'a [u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    /// Moves to the next byte that is neither white space nor comment.
    pub(super) fn skip_space(&mut self) {
        loop {
            let rest = self.rest();
            match rest.iter().position(|&byte| !is_space(byte)) {
                Some(count) if rest.get(count) == Some(&b'%') => {
                    self.position += count;
                    let comment = self.rest();
                    self.position += memchr::memchr2(b'\n', b'\r', comment).unwrap_or(comment.len());
                }
                Some(count) => {
                    self.position += count;
                    return;
                }
                None => {
                    self.position = self.bytes.len();
                    return;
                }
            }
        }
    }

    /// The next token and its range, or nothing at the end.
    pub(super) fn next(&mut self) -> Option<(Token, Range<usize>)> {
        self.skip_space();
        let start = self.position;
        let rest = self.rest();
        let two = rest.get(..2).unwrap_or_default();
        let (token, length) = match *rest.first()? {
            b'/' => (Token::Name, 1 + run(rest.get(1..).unwrap_or_default())),
            b'(' => (Token::Literal, literal_length(rest)),
            b'<' if two == b"<<" => (Token::DictOpen, 2),
            b'<' => (Token::Hex, memchr::memchr(b'>', rest).map_or(rest.len(), |end| end + 1)),
            b'>' if two == b">>" => (Token::DictClose, 2),
            b'[' => (Token::ArrayOpen, 1),
            b']' => (Token::ArrayClose, 1),
            byte if is_delimiter(byte) => (Token::Stray, 1),
            byte => {
                let length = run(rest);
                let text = rest.get(..length).unwrap_or_default();
                let token = match byte {
                    b'0'..=b'9' => integer(text).map_or(Token::Number, Token::Integer),
                    b'+' | b'-' | b'.' => Token::Number,
                    _ => Token::Word,
                };
                (token, length)
            }
        };
        self.position = start + length;
        Some((token, start..start + length))
    }

    /// Reads the next token if it is this word.
    pub(super) fn word(&mut self, expected: &[u8]) -> bool {
        let mut ahead = self.clone();
        let matches = matches!(ahead.next(), Some((Token::Word, range)) if ahead.text(&range) == expected);
        if matches {
            self.position = ahead.position;
        }
        matches
    }

    /// Reads the next token if it is an unsigned integer.
    pub(super) fn integer(&mut self) -> Option<u64> {
        let mut ahead = self.clone();
        let (Token::Integer(value), _) = ahead.next()? else { return None };
        self.position = ahead.position;
        Some(value)
    }

    /// Reads `N G obj`.
    pub(super) fn object_header(&mut self) -> Option<(u32, u32)> {
        let mut ahead = self.clone();
        let number = u32::try_from(ahead.integer()?).ok()?;
        let generation = u32::try_from(ahead.integer()?).ok()?;
        // `obj` may touch what follows: `1 0 obj<<` is common, `1 0 obj12` and `1 0 objtrue` are seen.
        ahead.skip_space();
        if !ahead.rest().starts_with(b"obj") {
            return None;
        }
        self.position = ahead.position + 3;
        Some((number, generation))
    }
}

/// Length of the run of regular bytes.
fn run(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !is_regular(byte)).unwrap_or(bytes.len())
}

/// Length of a literal string, parentheses balanced and escapes skipped.
fn literal_length(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut position = 0;
    while let Some(found) = bytes.get(position..).and_then(|rest| memchr::memchr3(b'(', b')', b'\\', rest)) {
        position += found;
        match bytes.get(position) {
            Some(b'(') => depth += 1,
            Some(b')') => depth = depth.saturating_sub(1),
            _ => position += 1,
        }
        position += 1;
        if depth == 0 {
            return position.min(bytes.len());
        }
    }
    bytes.len()
}

/// A plain unsigned integer.
pub(super) fn integer(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &[u8]) -> Vec<(Token, &[u8])> {
        let mut lexer = Lexer::at(text, 0);
        std::iter::from_fn(|| lexer.next().map(|(token, range)| (token, text.get(range).unwrap()))).collect()
    }

    #[test]
    fn tokens_end_where_readers_end_them() {
        assert_eq!(
            tokens(b"<</A(b\\)(c))/D<41>%x>>\n[-1 2.5 07 null]>>"),
            [
                (Token::DictOpen, &b"<<"[..]),
                (Token::Name, b"/A"),
                (Token::Literal, b"(b\\)(c))"),
                (Token::Name, b"/D"),
                (Token::Hex, b"<41>"),
                (Token::ArrayOpen, b"["),
                (Token::Number, b"-1"),
                (Token::Number, b"2.5"),
                (Token::Integer(7), b"07"),
                (Token::Word, b"null"),
                (Token::ArrayClose, b"]"),
                (Token::DictClose, b">>"),
            ]
        );
        assert_eq!(tokens(b"(never closed \\"), [(Token::Literal, &b"(never closed \\"[..])]);
        assert_eq!(tokens(b"<41"), [(Token::Hex, &b"<41"[..])]);
    }

    #[test]
    fn object_headers_may_touch_their_body() {
        assert_eq!(Lexer::at(b" 12 0 obj<<>>", 0).object_header(), Some((12, 0)));
        assert_eq!(Lexer::at(b"12 0 R", 0).object_header(), None);
        assert_eq!(Lexer::at(b"99999999999 0 obj", 0).object_header(), None);
    }
}
