//! The tokens of HTML (HTML, 13.2.5), by their ranges.
//!
//! No text is refused: what is no token is text. Character references are left as they are written.

use std::ops::Range;

use memchr::{memchr, memmem};

/// An attribute of a start tag.
#[derive(Clone, Debug)]
pub(super) struct Attribute<'t> {
    pub(super) name: &'t str,
    /// As spelled, without quotes.
    pub(super) value: &'t str,
}

/// A start tag.
#[derive(Clone, Debug)]
pub(super) struct Tag<'t> {
    pub(super) name: &'t str,
    pub(super) range: Range<usize>,
    attributes: Vec<Attribute<'t>>,
    pub(super) is_closed: bool,
}

impl<'t> Tag<'t> {
    /// All attributes; of those with one name, readers know the first only.
    pub(super) fn attributes(&self) -> &[Attribute<'t>] {
        &self.attributes
    }

    /// The value of the attribute of this name, as spelled.
    pub(super) fn raw(&self, name: &str) -> Option<&'t str> {
        self.attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name)).map(|it| it.value)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The name behind its prefix.
    pub(super) fn local(&self) -> &'t str {
        local(self.name)
    }
}

/// A name behind its prefix.
pub(super) fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or_default()
}

/// One piece of a text.
#[derive(Clone, Debug)]
pub(super) enum Token<'t> {
    Start(Tag<'t>),
    End {
        name: &'t str,
        range: Range<usize>,
    },
    /// A comment, with what stands between its markers.
    Comment {
        inner: Range<usize>,
    },
    /// Characters, or a declaration.
    Text(Range<usize>),
}

/// Elements whose text holds no tags but their own end.
const RAW: [&str; 8] = ["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"];

/// Reads a range of a text.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    text: &'t str,
    pub(super) position: usize,
    end: usize,
    /// The element whose raw text comes next.
    raw: Option<&'t str>,
    /// How many `svg` and `math` elements are open: in them no text is raw.
    foreign: usize,
}

impl<'t> Tokens<'t> {
    /// The tokens of `range`.
    pub(super) fn new(text: &'t str, range: Range<usize>) -> Self {
        Self { text, position: range.start, end: range.end, raw: None, foreign: 0 }
    }

    pub(super) fn is_foreign(&self) -> bool {
        self.foreign > 0
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..self.end).unwrap_or_default()
    }

    fn advance(&mut self, length: usize) -> Range<usize> {
        let start = self.position;
        self.position = (start + length).min(self.end);
        start..self.position
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Option<Token<'t>> {
        let rest = self.rest();
        if rest.is_empty() {
            return None;
        }
        if let Some(name) = self.raw.take() {
            let length = raw_text(rest, name);
            if length > 0 {
                return Some(Token::Text(self.advance(length)));
            }
        }
        let markup = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        if markup > 0 {
            return Some(Token::Text(self.advance(markup)));
        }
        let second = rest.as_bytes().get(1).copied().unwrap_or_default();
        let token = match second {
            b'!' if rest.starts_with("<!--") => self.comment(rest),
            b'!' if self.foreign > 0 && rest.starts_with("<![CDATA[") => {
                Token::Text(self.advance(memmem::find(rest.as_bytes(), b"]]>").map_or(rest.len(), |at| at + 3)))
            }
            b'/' if rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => self.end_tag(),
            b'!' | b'?' | b'/' => Token::Text(self.advance(up_to_close(rest))),
            letter if letter.is_ascii_alphabetic() => self.start_tag(),
            _ => Token::Text(self.advance(1)),
        };
        Some(token)
    }

    fn comment(&mut self, rest: &'t str) -> Token<'t> {
        let body = rest.get(4..).unwrap_or_default();
        let (inner, length) = if body.starts_with('>') {
            (0, 5)
        } else if body.starts_with("->") {
            (0, 6)
        } else {
            let plain = memmem::find(body.as_bytes(), b"-->").map(|at| (at, at + 7));
            let banged = memmem::find(body.as_bytes(), b"--!>").map(|at| (at, at + 8));
            // One that is not closed reaches to the end.
            plain.into_iter().chain(banged).min().unwrap_or((body.len(), rest.len()))
        };
        let range = self.advance(length);
        Token::Comment { inner: range.start + 4..(range.start + 4 + inner).min(range.end) }
    }

    fn end_tag(&mut self) -> Token<'t> {
        let start = self.position;
        match self.tag(start + 2) {
            Some(tag) => {
                if self.foreign > 0 && (tag.is("svg") || tag.is("math")) {
                    self.foreign -= 1;
                }
                Token::End { name: tag.name, range: tag.range }
            }
            None => Token::Text(self.advance(usize::MAX - start)),
        }
    }

    fn start_tag(&mut self) -> Token<'t> {
        let start = self.position;
        let Some(tag) = self.tag(start + 1) else { return Token::Text(self.advance(usize::MAX - start)) };
        if self.foreign == 0 && RAW.iter().any(|raw| tag.is(raw)) {
            self.raw = Some(tag.name);
        }
        if self.foreign == 0 && tag.is("plaintext") {
            self.raw = Some("");
        }
        if !tag.is_closed && (tag.is("svg") || tag.is("math")) {
            self.foreign += 1;
        }
        Token::Start(tag)
    }

    /// The tag whose name begins at `name`; nothing when the text ends in it.
    fn tag(&mut self, name: usize) -> Option<Tag<'t>> {
        let start = self.position;
        let bytes = self.text.as_bytes().get(..self.end)?;
        let run = |from: usize, stops: &dyn Fn(u8) -> bool| {
            let tail = bytes.get(from..).unwrap_or_default();
            from + tail.iter().position(|byte| stops(*byte)).unwrap_or(tail.len())
        };
        let name_end = run(name, &|byte| is_space(byte) || matches!(byte, b'/' | b'>'));
        let mut tag =
            Tag { name: self.text.get(name..name_end)?, range: start..start, attributes: Vec::new(), is_closed: false };
        let mut at = name_end;
        loop {
            at = run(at, &|byte| !is_space(byte) && byte != b'/');
            if *bytes.get(at)? == b'>' {
                tag.is_closed = bytes.get(at - 1) == Some(&b'/');
                break;
            }
            // An equals sign at the start belongs to the name.
            let end = run(at + 1, &|byte| is_space(byte) || matches!(byte, b'/' | b'>' | b'='));
            let equals = run(end, &|byte| !is_space(byte));
            let mut attribute = Attribute { name: self.text.get(at..end)?, value: "" };
            at = end;
            if *bytes.get(equals)? == b'=' {
                let open = run(equals + 1, &|byte| !is_space(byte));
                let first = *bytes.get(open)?;
                let (value, next) = if matches!(first, b'"' | b'\'') {
                    let length = memchr(first, bytes.get(open + 1..)?)?;
                    (open + 1..open + 1 + length, open + length + 2)
                } else {
                    let close = run(open, &|byte| is_space(byte) || byte == b'>');
                    (open..close, close)
                };
                attribute.value = self.text.get(value)?;
                at = next;
            }
            tag.attributes.push(attribute);
        }
        tag.range = self.advance(at + 1 - start);
        Some(tag)
    }
}

/// HTML's white space.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\x0c' | b'\r')
}

/// Up to the end of a declaration or a comment that is none.
fn up_to_close(rest: &str) -> usize {
    memchr(b'>', rest.as_bytes()).map_or(rest.len(), |at| at + 1)
}

/// The length of the raw text of the element `name` at the start of `rest`.
fn raw_text(rest: &str, name: &str) -> usize {
    if name.is_empty() {
        return rest.len();
    }
    let bytes = rest.as_bytes();
    let is_script = name.eq_ignore_ascii_case("script");
    // A script may hold a comment, and in it a script, whose end is not the end.
    let (mut in_comment, mut is_double) = (false, false);
    let mut at = 0;
    while let Some(step) = memchr::memchr2(b'<', b'-', bytes.get(at..).unwrap_or_default()) {
        at += step;
        let here = bytes.get(at..).unwrap_or_default();
        if begins_tag(here, b"</", name) {
            if !is_double {
                return at;
            }
            is_double = false;
        } else if is_script && here.starts_with(b"<!--") {
            in_comment = true;
            at += 1;
        } else if is_script && here.starts_with(b"-->") {
            (in_comment, is_double) = (false, false);
        } else if in_comment && begins_tag(here, b"<", name) {
            is_double = true;
        }
        at += 1;
    }
    rest.len()
}

fn begins_tag(here: &[u8], open: &[u8], name: &str) -> bool {
    let Some(tail) = here.strip_prefix(open) else { return false };
    let named = tail.get(..name.len()).is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()));
    named && tail.get(name.len()).is_some_and(|next| is_space(*next) || matches!(next, b'/' | b'>'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(text: &str) -> Vec<String> {
        let mut tokens = Tokens::new(text, 0..text.len());
        let mut said = Vec::new();
        while let Some(token) = tokens.next() {
            said.push(match token {
                Token::Start(tag) => {
                    let attributes = tag.attributes.iter().map(|it| format!(" {}={}", it.name, it.value));
                    format!("<{}{}>", tag.name, attributes.collect::<String>())
                }
                Token::End { name, .. } => format!("</{name}>"),
                Token::Comment { inner } => format!("<!--{}-->", &text[inner]),
                Token::Text(range) => text[range].to_owned(),
            });
        }
        said
    }

    #[test]
    fn attributes_are_read_in_every_spelling() {
        assert_eq!(said("<META name=a content='b c'x=\"d\"/e =f g h= >")[0], "<META name=a content=b c x=d e=f g= h=>");
        assert_eq!(said("<a href=x/>")[0], "<a href=x/>");
        assert_eq!(said("<a =b><a b=\"c>"), ["<a =b=>", "<a b=\"c>"], "a quote that is not closed is no tag");
    }

    #[test]
    fn what_is_no_markup_is_text() {
        assert_eq!(
            said("a < b <3 </ x><!doctype html><?php x ?>"),
            ["a ", "<", " b ", "<", "3 ", "</ x>", "<!doctype html>", "<?php x ?>"]
        );
    }

    #[test]
    fn comments_end_as_in_browsers() {
        assert_eq!(
            said("<!-->a<!--->b<!-- c --!>d<!-- e"),
            ["<!---->", "a", "<!---->", "b", "<!-- c -->", "d", "<!-- e-->"]
        );
    }

    #[test]
    fn raw_text_holds_no_tags() {
        assert_eq!(said("<title><meta></TITLE ><b>")[1..], ["<meta>", "</TITLE>", "<b>"]);
        assert_eq!(said("<script>'<meta></scripty>'</script>")[1], "'<meta></scripty>'");
        let nested = "<!-- <script> </script> <meta> --> <meta>";
        assert_eq!(said(&format!("<script>{nested}</script>"))[1], nested);
        assert_eq!(said("<svg><title><b></title></svg>").len(), 5, "in drawings it does");
        assert_eq!(said("<style></style>"), ["<style>", "</style>"]);
        assert_eq!(said("<plaintext></plaintext><meta>")[1..], ["</plaintext><meta>"]);
    }

    proptest! {
        #[test]
        fn tokens_join_without_a_gap(text in "(<[!/?]?|>|--|[a-z]{1,3}|script|title|svg|[=\"' /\u{4e2d}]|<!--|-->){0,40}") {
            let mut tokens = Tokens::new(&text, 0..text.len());
            let mut last = 0;
            while tokens.next().is_some() {
                prop_assert!(tokens.position > last);
                last = tokens.position;
            }
            prop_assert_eq!(last, text.len());
        }
    }
}
