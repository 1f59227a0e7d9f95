//! Tokens and groups.

use std::ops::Range;

use memchr::memchr3;

use crate::error::{Error, Result};
use crate::limits::Limits;

/// The longest control word, in letters.
const LONGEST_WORD: usize = 32;

/// What stands next in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// `{`
    Open,
    /// `}`
    Close,
    /// `\name` with its number. A space behind belongs to it.
    Word { name: Range<usize>, number: Option<i32> },
    /// `\` with one other character.
    Symbol(u8),
    /// `\'hh`
    Byte(u8),
    /// The data of `\bin`.
    Binary(Range<usize>),
    /// Anything else, with line ends that mean nothing.
    Text,
}

/// Reads tokens.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    end: usize,
    /// Length of binary data that follows.
    binary: Option<usize>,
}

impl<'a> Scanner<'a> {
    /// Over this range of `bytes`.
    pub(crate) fn new(bytes: &'a [u8], range: Range<usize>) -> Self {
        Self { bytes, position: range.start, end: range.end.min(bytes.len()), binary: None }
    }

    /// Goes on at `position`.
    pub(crate) fn seek(&mut self, position: usize) {
        (self.position, self.binary) = (position, None);
    }

    /// The name of a control word.
    pub(crate) fn name(&self, name: &Range<usize>) -> &'a str {
        self.bytes.get(name.clone()).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// The next token and its bytes.
    pub(crate) fn next(&mut self) -> Option<(Token, Range<usize>)> {
        let start = self.position;
        if let Some(len) = self.binary.take() {
            self.position = start.saturating_add(len).min(self.end);
            return Some((Token::Binary(start..self.position), start..self.position));
        }
        let rest = self.bytes.get(start..self.end)?;
        let (token, len) = match rest {
            [] => return None,
            [b'{', ..] => (Token::Open, 1),
            [b'}', ..] => (Token::Close, 1),
            [b'\\', tail @ ..] => self.control(start, tail),
            _ => (Token::Text, memchr3(b'{', b'}', b'\\', rest).unwrap_or(rest.len())),
        };
        self.position = start + len;
        Some((token, start..self.position))
    }

    /// The control that begins at `start`, whose text behind the backslash is `tail`, and its length.
    fn control(&mut self, start: usize, tail: &[u8]) -> (Token, usize) {
        let letters = tail.iter().take(LONGEST_WORD).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == 0 {
            return match tail {
                [b'\'', high, low, ..] => match (digit(*high), digit(*low)) {
                    (Some(high), Some(low)) => (Token::Byte(high << 4 | low), 4),
                    _ => (Token::Symbol(b'\''), 2),
                },
                [byte, ..] => (Token::Symbol(*byte), 2),
                [] => (Token::Text, 1),
            };
        }
        let behind = tail.get(letters..).unwrap_or_default();
        let sign = usize::from(behind.first() == Some(&b'-'));
        let digits = behind.iter().skip(sign).take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let number_len = if digits == 0 { 0 } else { sign + digits };
        let number = behind.get(..number_len).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let space = usize::from(behind.get(number_len) == Some(&b' '));
        let name = start + 1..start + 1 + letters;
        if tail.get(..letters) == Some(b"bin") {
            self.binary = number.and_then(|len: i32| usize::try_from(len).ok()).filter(|len| *len > 0);
        }
        (Token::Word { name, number }, 1 + letters + number_len + space)
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// What a group is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Destination<'a> {
    /// The control word that it begins with; empty when there is none.
    pub(crate) name: &'a str,
    pub(crate) number: Option<i32>,
    /// Whether readers that do not know it are to skip it.
    pub(crate) is_ignorable: bool,
    /// Where its content begins.
    pub(crate) content: usize,
}

/// What the group that opens at `open` is for.
pub(crate) fn destination(bytes: &[u8], open: usize) -> Destination<'_> {
    let mut scanner = Scanner::new(bytes, open + 1..bytes.len());
    let mut is_ignorable = false;
    let mut content = open + 1;
    while let Some((token, range)) = scanner.next() {
        match token {
            Token::Symbol(b'*') => (is_ignorable, content) = (true, range.end),
            Token::Text if bytes.get(range.clone()).is_some_and(|text| text.trim_ascii().is_empty()) => {}
            Token::Word { name, number } => {
                return Destination { name: scanner.name(&name), number, is_ignorable, content: range.end };
            }
            _ => break,
        }
    }
    Destination { name: "", number: None, is_ignorable, content }
}

/// Behind the end of the group that opens at `open`.
///
/// # Errors
/// [`Malformed`](crate::ErrorKind::Malformed) when it does not end.
pub(crate) fn group_end(bytes: &[u8], open: usize) -> Result<usize> {
    let mut scanner = Scanner::new(bytes, open..bytes.len());
    let mut depth = 0usize;
    while let Some((token, range)) = scanner.next() {
        match token {
            Token::Open => depth += 1,
            Token::Close if depth <= 1 => return Ok(range.end),
            Token::Close => depth -= 1,
            _ => {}
        }
    }
    Err(Error::malformed(open as u64, "a group does not end"))
}

/// What stands directly in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Child<'a> {
    Group { range: Range<usize>, destination: Destination<'a> },
    Word { range: Range<usize>, name: &'a str, number: Option<i32> },
    Binary(Range<usize>),
    Text(Range<usize>),
}

/// What stands directly in `content`, which begins behind the destination of a group and ends before its brace.
pub(crate) fn children<'a>(bytes: &'a [u8], content: Range<usize>, limits: &Limits) -> Result<Vec<Child<'a>>> {
    let mut children = Vec::new();
    let mut scanner = Scanner::new(bytes, content);
    while let Some((token, range)) = scanner.next() {
        limits.check_items(children.len() + 1, "parts of a group")?;
        children.push(match token {
            Token::Open => {
                let end = group_end(bytes, range.start)?;
                scanner.seek(end);
                Child::Group { range: range.start..end, destination: destination(bytes, range.start) }
            }
            Token::Word { name, number } => Child::Word { range, name: scanner.name(&name), number },
            Token::Binary(data) => Child::Binary(data),
            _ => Child::Text(range),
        });
    }
    Ok(children)
}
