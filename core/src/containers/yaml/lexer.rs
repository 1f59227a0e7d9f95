//! The tokens of block style, as far as they tell where a node ends.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::limits::Limits;

/// Reads lines. Positions are bytes of the text; columns are bytes of the line.
#[derive(Debug)]
pub(crate) struct Lexer<'a> {
    text: &'a [u8],
    pub(super) at: usize,
    end: usize,
    line: usize,
    /// Columns of the keys and dashes that are open, ascending.
    columns: Vec<usize>,
    /// Where the last content ends, without comments and the space before them.
    pub(super) content_end: usize,
    pub(super) limits: &'a Limits,
}

/// A place, and where its line begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    pub(super) at: usize,
    line: usize,
}

impl<'a> Lexer<'a> {
    /// A lexer of a range of `text` that begins with a line.
    pub(crate) fn new(text: &'a str, range: Range<usize>, limits: &'a Limits) -> Self {
        let (at, line, content_end) = (range.start, range.start, range.start);
        Self { text: text.as_bytes(), at, end: range.end, line, columns: Vec::new(), content_end, limits }
    }

    pub(super) fn position(&self) -> Position {
        Position { at: self.at, line: self.line }
    }

    pub(super) fn go_to(&mut self, position: Position) {
        (self.at, self.line) = (position.at, position.line);
    }

    /// Whether the line has not ended since.
    pub(super) fn is_on_line_of(&self, position: Position) -> bool {
        self.line == position.line
    }

    /// The byte at a distance from here; nothing at the end.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        let at = self.at + ahead;
        if at < self.end { self.text.get(at).copied() } else { None }
    }

    pub(super) fn malformed(&self, reason: &'static str) -> Error {
        Error::malformed(self.at as u64, reason)
    }

    pub(super) fn column(&self) -> usize {
        self.at - self.line
    }

    /// Whether the byte at a distance ends a token: white space, a line break, the end.
    pub(super) fn is_space(&self, ahead: usize) -> bool {
        self.byte(ahead).is_none_or(|byte| b" \t\r\n".contains(&byte))
    }

    fn is_break(&self, ahead: usize) -> bool {
        self.byte(ahead).is_none_or(|byte| b"\r\n".contains(&byte))
    }

    pub(super) fn skip_spaces(&mut self) {
        while matches!(self.byte(0), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Goes behind the end of this line.
    pub(super) fn next_line(&mut self) {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        self.line = self.at;
    }

    /// Whether a mark between documents begins here, at the start of a line.
    pub(super) fn is_mark(&self) -> bool {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        self.at == self.line && (rest.starts_with(b"---") || rest.starts_with(b"...")) && self.is_space(3)
    }

    /// From the start of a line to its first letter: the column of it, or nothing for a blank line, which is passed.
    pub(super) fn indent(&mut self) -> Result<Option<usize>> {
        while self.byte(0) == Some(b' ') {
            self.at += 1;
        }
        let column = self.column();
        let start = self.at;
        self.skip_spaces();
        if self.is_break(0) {
            self.next_line();
            return Ok(None);
        }
        if self.at != start && self.byte(0) != Some(b'#') {
            return Err(self.malformed("a tab stands for indentation"));
        }
        Ok(Some(column))
    }

    /// Whether a comment begins here.
    pub(super) fn is_comment(&self) -> bool {
        let before = self.at.checked_sub(1).filter(|_| self.at > self.line).and_then(|before| self.text.get(before));
        self.byte(0) == Some(b'#') && before.is_none_or(|byte| b" \t".contains(byte))
    }

    /// Opens the mapping at the top, or any other collection there, anew.
    pub(super) fn open(&mut self, column: Option<usize>) {
        self.columns.clear();
        self.columns.extend(column);
    }

    /// Closes what lies deeper than a line that begins at `column`, which may itself belong to what is open there.
    pub(super) fn close_to(&mut self, column: usize, keep: usize) {
        while self.columns.len() > keep && self.columns.last().is_some_and(|open| *open >= column) {
            self.columns.pop();
        }
    }

    /// Reads the tokens of one line and what they begin, to the start of a later line. `is_value` says whether a key
    /// stands before on this line.
    pub(super) fn tokens(&mut self, is_value: bool) -> Result<()> {
        let mut is_keyed = is_value;
        loop {
            self.skip_spaces();
            if self.is_break(0) || self.is_comment() {
                self.next_line();
                return Ok(());
            }
            let start = self.at;
            match self.byte(0).unwrap_or_default() {
                b'&' | b'!' | b'*' => self.skip_word(),
                b'-' | b'?' | b':' if self.is_space(1) => {
                    self.push(start)?;
                    self.at += 1;
                    self.content_end = self.at;
                    is_keyed = false;
                }
                b'"' | b'\'' => {
                    let line = self.line;
                    self.quoted()?;
                    if self.ends_node(start, line, &mut is_keyed)? {
                        return Ok(());
                    }
                }
                b'[' | b'{' => {
                    let line = self.line;
                    self.flow(&mut None, 0)?;
                    if self.ends_node(start, line, &mut is_keyed)? {
                        return Ok(());
                    }
                }
                b'|' | b'>' => return self.block_scalar(),
                b'%' | b'@' | b'`' | b',' | b']' | b'}' | b'#' => {
                    return Err(self.malformed("a sign that begins no value"));
                }
                _ => {
                    if !self.plain_key() {
                        return self.plain();
                    }
                    self.key(start, &mut is_keyed)?;
                }
            }
        }
    }

    fn push(&mut self, start: usize) -> Result<()> {
        self.columns.push(start - self.line);
        self.limits.check_depth(self.columns.len()).map_err(|error| error.at(start as u64))
    }

    fn skip_word(&mut self) {
        while !self.is_space(0) {
            self.at += 1;
        }
        self.content_end = self.at;
    }

    /// A key began at `start`, and its colon is here.
    fn key(&mut self, start: usize, is_keyed: &mut bool) -> Result<()> {
        if std::mem::replace(is_keyed, true) {
            return Err(self.malformed("a mapping within the value of a line"));
        }
        self.push(start)?;
        self.at += 1;
        self.content_end = self.at;
        Ok(())
    }

    /// What follows a quoted or flow node that began at `start` in `line`: a colon, or the end of the line.
    fn ends_node(&mut self, start: usize, line: usize, is_keyed: &mut bool) -> Result<bool> {
        self.content_end = self.at;
        self.skip_spaces();
        if self.byte(0) == Some(b':') && self.is_space(1) && line == self.line {
            self.key(start, is_keyed)?;
            return Ok(false);
        }
        if !(self.is_break(0) || self.is_comment()) {
            return Err(self.malformed("something follows a value on its line"));
        }
        self.next_line();
        Ok(true)
    }

    /// Reads a quoted scalar.
    pub(super) fn quoted(&mut self) -> Result<()> {
        let start = self.at;
        let quote = self.byte(0);
        self.at += 1;
        loop {
            match self.byte(0) {
                None => return Err(Error::malformed(start as u64, "a quoted text does not end")),
                Some(b'\\') if quote == Some(b'"') && self.byte(1) != Some(b'\n') && self.byte(1) != Some(b'\r') => {
                    self.at += 2;
                }
                Some(b'\n') => {
                    self.at += 1;
                    self.line = self.at;
                    if self.is_mark() {
                        return Err(self.malformed("a quoted text does not end in its document"));
                    }
                }
                Some(b'\'') if quote == Some(b'\'') && self.byte(1) == Some(b'\'') => self.at += 2,
                byte if byte == quote => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => self.at += 1,
            }
        }
    }

    /// Whether a plain key begins here; then goes to its colon, and else stays.
    pub(super) fn plain_key(&mut self) -> bool {
        let start = self.at;
        while !self.is_break(0) {
            if self.byte(0) == Some(b':') && self.is_space(1) {
                return true;
            }
            if self.at > start && self.is_comment() {
                break;
            }
            self.at += 1;
        }
        self.at = start;
        false
    }

    /// Reads the rest of a line of a plain scalar. Answers whether a comment ends it.
    fn plain_line(&mut self) -> bool {
        while !self.is_break(0) && !self.is_comment() {
            if !self.is_space(0) {
                self.content_end = self.at + 1;
            }
            self.at += 1;
        }
        let is_commented = !self.is_break(0);
        self.next_line();
        is_commented
    }

    /// Reads a plain scalar with the lines that go on with it.
    fn plain(&mut self) -> Result<()> {
        let parent = self.columns.last().copied();
        if self.plain_line() {
            return Ok(());
        }
        loop {
            let line = self.position();
            while self.is_blank_line() {
                self.next_line();
            }
            let start = self.position();
            let is_more = self.at < self.end && !self.is_mark() && {
                let column = self.spaces();
                parent.is_none_or(|parent| column > parent) && self.byte(column) != Some(b'#')
            };
            if !is_more {
                self.go_to(line);
                return Ok(());
            }
            self.go_to(start);
            if self.indent()?.is_none() {
                continue;
            }
            if self.plain_key() {
                return Err(self.malformed("a key within a text of several lines"));
            }
            if self.plain_line() {
                return Ok(());
            }
        }
    }

    /// Whether nothing stands on this line but white space.
    fn is_blank_line(&self) -> bool {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| b" \t\r".contains(byte)).count();
        rest.get(blank) == Some(&b'\n')
    }

    /// How many spaces stand here.
    fn spaces(&self) -> usize {
        let rest = self.text.get(self.at..self.end).unwrap_or_default();
        rest.iter().take_while(|byte| **byte == b' ').count()
    }

    /// Reads a block scalar, which ends before the first line that is not indented as it is.
    fn block_scalar(&mut self) -> Result<()> {
        let parent = self.columns.last().copied();
        self.at += 1;
        let mut given = None;
        while let Some(sign @ (b'+' | b'-' | b'1'..=b'9')) = self.byte(0) {
            if sign.is_ascii_digit() {
                given = Some(usize::from(sign - b'0') + parent.unwrap_or_default());
            }
            self.at += 1;
        }
        self.content_end = self.at;
        self.skip_spaces();
        if !(self.is_break(0) || self.is_comment()) {
            return Err(self.malformed("something follows the sign of a block scalar"));
        }
        self.next_line();
        let mut widest = 0;
        let mut indent = given;
        while self.at < self.end {
            let rest = self.text.get(self.at..self.end).unwrap_or_default();
            let spaces = self.spaces();
            if matches!(rest.get(spaces), None | Some(b'\n' | b'\r')) {
                widest = widest.max(spaces);
                self.next_line();
                continue;
            }
            let is_inside = |indent: usize| spaces >= indent && parent.is_none_or(|parent| spaces > parent);
            if !is_inside(indent.unwrap_or(0)) || self.is_mark() {
                return self.behind_scalar(spaces, parent);
            }
            if indent.is_none() && widest > spaces {
                return Err(self.malformed("blank lines at the head of a block scalar are wider than its text"));
            }
            indent = indent.or(Some(spaces));
            let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
            self.content_end = self.at + line.trim_ascii_end().len();
            self.next_line();
        }
        Ok(())
    }

    /// What follows a block scalar is a comment, or belongs to what is above it.
    fn behind_scalar(&mut self, spaces: usize, parent: Option<usize>) -> Result<()> {
        let next = self.byte(spaces);
        if parent.is_some_and(|parent| spaces > parent) && next != Some(b'#') {
            return Err(self.malformed("a line that is indented less than its block scalar"));
        }
        Ok(())
    }

    /// White space, line breaks and comments between the tokens of a flow collection.
    pub(super) fn skip_flow_space(&mut self) -> Result<()> {
        loop {
            self.skip_spaces();
            match self.byte(0) {
                Some(b'\n' | b'\r') => self.next_line(),
                Some(b'#') if self.is_comment() => self.next_line(),
                _ => break,
            }
            if self.is_mark() {
                return Err(self.malformed("a collection does not end in its document"));
            }
        }
        Ok(())
    }
}

impl Lexer<'_> {
    pub(super) fn text_between(&self, start: usize, end: usize) -> &[u8] {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The end of lines that begin at `start` and reach to `end`, without blank ones at their end.
    pub(super) fn without_blank_lines(&self, start: usize, end: usize) -> usize {
        let lines = self.text_between(start, end);
        let content = lines.trim_ascii_end().len();
        let rest = lines.get(content..).unwrap_or_default();
        start + content + memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1)
    }
}
