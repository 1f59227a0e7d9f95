//! Documents, and the entries of the mappings at their top.

use std::ops::Range;

use super::flow::Flow;
use super::lexer::Lexer;
use crate::error::{Error, Result};
use crate::limits::Limits;

/// Entries that a mapping at the top may have.
const MOST_ENTRIES: usize = 1 << 18;

/// One entry of a block mapping at the top of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its key as it is written, with quotes.
    pub(crate) key: Range<usize>,
    /// From the first token of its value to the end of the last; empty for an empty value.
    pub(crate) value: Range<usize>,
    /// All of its lines, with their breaks, and with comments that are indented deeper than its key.
    pub(crate) lines: Range<usize>,
}

/// What a document is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// A block mapping.
    Block(Vec<Entry>),
    /// A flow mapping.
    Flow(Flow),
    /// A list, a text, or nothing.
    Other,
}

/// One document of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    pub(crate) range: Range<usize>,
    pub(crate) body: Body,
}

/// Reads every document in `range`, which begins with a line.
pub(crate) fn documents(text: &str, range: Range<usize>, limits: &Limits) -> Result<Vec<Document>> {
    let mut lexer = Lexer::new(text, range.clone(), limits);
    let mut documents = Vec::new();
    while lexer.at < range.end {
        let start = lexer.at;
        let body = lexer.document()?;
        documents.push(Document { range: start..lexer.at, body });
        limits.check_items(documents.len(), "documents")?;
    }
    Ok(documents)
}

impl Lexer<'_> {
    /// Reads a document up to the mark behind it, which is passed.
    fn document(&mut self) -> Result<Body> {
        let mut body = Body::Other;
        let mut is_begun = false;
        let mut is_open = true;
        while self.byte(0).is_some() {
            if self.is_mark() {
                let begins = self.byte(0) == Some(b'-');
                if is_begun && begins {
                    // It belongs to the next document.
                    return Ok(body);
                }
                self.at += 3;
                if !begins {
                    self.rest_is_blank("something follows the mark at the end of a document")?;
                    return Ok(body);
                }
                is_begun = true;
                self.properties();
                if self.is_line_end() {
                    self.next_line();
                    continue;
                }
                if !matches!(self.byte(0), Some(b'[' | b'{')) {
                    return Err(Error::unsupported("a document that begins on the line of its mark").at(self.at as u64));
                }
            } else if !is_begun && self.byte(0) == Some(b'%') && self.column() == 0 {
                self.next_line();
                continue;
            } else if self.indent()?.is_none() {
                continue;
            }
            if self.is_comment() {
                self.next_line();
                continue;
            }
            if !is_open {
                return Err(self.malformed("something follows the value of a document"));
            }
            (is_begun, is_open) = (true, false);
            body = self.body()?;
        }
        Ok(body)
    }

    /// Tags and anchors of the node at the top.
    fn properties(&mut self) {
        self.skip_spaces();
        while matches!(self.byte(0), Some(b'&' | b'!')) {
            while !self.is_space(0) {
                self.at += 1;
            }
            self.skip_spaces();
        }
    }

    fn is_line_end(&self) -> bool {
        self.byte(0).is_none_or(|byte| b"\r\n".contains(&byte)) || self.is_comment()
    }

    fn rest_is_blank(&mut self, otherwise: &'static str) -> Result<()> {
        self.skip_spaces();
        if !self.is_line_end() {
            return Err(self.malformed(otherwise));
        }
        self.next_line();
        Ok(())
    }

    /// Reads the node at the top, whose first token is here.
    fn body(&mut self) -> Result<Body> {
        let column = self.column();
        match self.byte(0) {
            Some(b'{' | b'[') => {
                let start = self.position();
                let mut flow = Some(Flow { is_flat: true, ..Flow::default() });
                self.flow(&mut flow, 0)?;
                self.skip_spaces();
                if self.byte(0) == Some(b':') {
                    self.go_to(start);
                    return Err(Error::unsupported("a collection as a key").at(self.at as u64));
                }
                self.rest_is_blank("something follows a collection on its line")?;
                Ok(flow.filter(|flow| flow.is_map).map_or(Body::Other, Body::Flow))
            }
            Some(b'-') if self.is_dash() => self.list(column),
            _ if self.is_key()? => self.mapping(column),
            _ => {
                self.open(None);
                self.tokens(false)?;
                Ok(Body::Other)
            }
        }
    }

    /// Whether a key begins here.
    fn is_key(&mut self) -> Result<bool> {
        let start = self.position();
        let is_key = match self.byte(0) {
            Some(b'"' | b'\'') => {
                self.quoted()?;
                self.skip_spaces();
                self.byte(0) == Some(b':') && self.is_space(1)
            }
            Some(b'?') if self.is_space(1) => true,
            Some(b'-') if self.is_space(1) => false,
            Some(b'&' | b'*' | b'!' | b'[' | b'{') if self.plain_key() => {
                self.go_to(start);
                return Err(self.unknown_key());
            }
            Some(b'|' | b'>' | b'&' | b'*' | b'!' | b'%' | b'@' | b'`' | b',' | b']' | b'}' | b'#' | b':') => false,
            _ => self.plain_key(),
        };
        self.go_to(start);
        Ok(is_key)
    }

    fn unknown_key(&self) -> Error {
        Error::unsupported("a key with a tag, an anchor or a sign of its own").at(self.at as u64)
    }

    fn list(&mut self, column: usize) -> Result<Body> {
        self.open(None);
        loop {
            self.close_to(self.column(), 0);
            self.tokens(false)?;
            match self.next_content()? {
                Some(next) if next > column || (next == column && self.is_dash()) => {}
                Some(_) => return Err(self.malformed("something follows the list of a document")),
                None => return Ok(Body::Other),
            }
        }
    }

    /// The column of the next line with content, or nothing at the end of the document.
    fn next_content(&mut self) -> Result<Option<usize>> {
        while self.byte(0).is_some() && !self.is_mark() {
            let start = self.position();
            match self.indent()? {
                Some(_) if self.is_comment() => self.next_line(),
                Some(column) => return Ok(Some(column)),
                None => {}
            }
            if self.at == start.at {
                break;
            }
        }
        Ok(None)
    }

    fn mapping(&mut self, column: usize) -> Result<Body> {
        let mut entries = Vec::new();
        let mut next = Some(column);
        while let Some(at) = next {
            if at != column {
                return Err(self.malformed("a line that is indented otherwise than those above it"));
            }
            entries.push(self.entry(column)?);
            if entries.len() > MOST_ENTRIES {
                return Err(Error::limit(format!("more than {MOST_ENTRIES} entries at the top")).at(self.at as u64));
            }
            next = self.next_content()?;
        }
        Ok(Body::Block(entries))
    }

    fn entry(&mut self, column: usize) -> Result<Entry> {
        let first_line = self.at - self.column();
        let is_explicit = self.is_question();
        let key = if is_explicit { self.explicit_key(column)? } else { self.key_before_colon()? };
        self.at += 1;
        self.open(Some(column));
        self.content_end = self.at;
        let colon = self.at;
        self.skip_spaces();
        let mut value = (!self.is_line_end()).then_some(self.at);
        let is_list = value.is_none();
        self.tokens(!is_explicit)?;
        let mut end = self.at;
        loop {
            let line = self.position();
            if self.byte(0).is_none() || self.is_mark() {
                break;
            }
            let Some(at) = self.indent()? else { continue };
            if at > column && self.is_comment() {
                self.next_line();
                end = self.at;
                continue;
            }
            // A comment further left stands within the entry if more of that follows.
            self.go_to(line);
            let Some(at) = self.next_content()? else {
                self.go_to(line);
                break;
            };
            let is_item = is_list && at == column && self.is_dash();
            if at <= column && !is_item {
                self.go_to(line);
                break;
            }
            value = value.or(Some(self.at));
            self.close_to(at, 1);
            self.tokens(false)?;
            end = self.at;
        }
        let value = value.map_or(colon..colon, |start| start..self.content_end.max(start));
        Ok(Entry { key, value, lines: first_line..self.without_blank_lines(first_line, end) })
    }

    /// The key that begins here, and goes to its colon.
    fn key_before_colon(&mut self) -> Result<Range<usize>> {
        if !self.is_key()? {
            return Err(self.malformed("a key is missing"));
        }
        let start = self.position();
        match self.byte(0) {
            Some(b'"' | b'\'') => self.quoted()?,
            _ => drop(self.plain_key()),
        }
        let key = start.at..start.at + self.text_between(start.at, self.at).trim_ascii_end().len();
        if !self.is_on_line_of(start) {
            return Err(Error::malformed(start.at as u64, "a key of several lines"));
        }
        self.skip_spaces();
        Ok(key)
    }

    /// The key behind a question mark, as long keys are written, and goes to the colon on a line of its own.
    fn explicit_key(&mut self, column: usize) -> Result<Range<usize>> {
        let question = self.position();
        self.at += 1;
        self.skip_spaces();
        let start = self.at;
        match self.byte(0) {
            Some(b'"' | b'\'') => self.quoted()?,
            Some(byte) if !b"&*!|>[{%@`,]}#-?:\r\n".contains(&byte) && !self.plain_key() => self.skip_to_line_end(),
            _ => return Err(self.unknown_key()),
        }
        let key = start..start + self.text_between(start, self.at).trim_ascii_end().len();
        self.skip_spaces();
        if !self.is_line_end() || !self.is_on_line_of(question) {
            return Err(self.unknown_key());
        }
        self.next_line();
        let is_followed = self.next_content()? == Some(column) && self.byte(0) == Some(b':') && self.is_space(1);
        if is_followed { Ok(key) } else { Err(self.unknown_key()) }
    }

    fn is_question(&self) -> bool {
        self.byte(0) == Some(b'?') && self.is_space(1)
    }

    fn is_dash(&self) -> bool {
        self.byte(0) == Some(b'-') && self.is_space(1)
    }

    fn skip_to_line_end(&mut self) {
        while !self.is_line_end() {
            self.at += 1;
        }
    }
}
