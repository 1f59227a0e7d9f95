//! HTML and XHTML, whole or in pieces.
//!
//! Labels are `meta` elements with a name or a property; Office's custom properties, in conditional comments or outside
//! of them; XMP and other RDF. Titles, names of the HTML standard and of common vocabularies, and `http-equiv` are fields.
//! Files in `data:` URIs are files inside.
//!
//! The text is read by the rules of the tokenizer of the HTML standard, so that broken pages are read like others, in the
//! charset that a byte order mark or a `meta` element names, else in UTF-8 or Windows-1252. In the head of a page freed
//! bytes become spaces, behind it a comment, because there a space may show.
//!
//! Refused: the declaration of the charset. Signed: pages with a C2PA manifest. What stays behind: scripts and data in
//! them (JSON-LD is searched, and what it repeats is reported), `data-` attributes, microdata, the text.

mod reader;
mod references;
#[cfg(test)]
mod tests;
mod tokens;

use std::borrow::Cow;

use encoding_rs::Encoding as Charset;

use self::tokens::{Token, Tokens};
use super::xml::root;
use crate::containers::markup::Markup;
use crate::containers::xml::Text;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Html;

/// How far into a page its charset is looked for. Browsers stop sooner, and then decode the page again.
const HEAD: usize = 16 << 10;

impl Format for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["html", "htm", "xhtml", "xht", "shtml", "shtm", "hta"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        root(input)
            .is_some_and(|root| root.local().eq_ignore_ascii_case("html") || root.doctype.as_deref() == Some("html"))
    }

    fn admits(&self, input: &[u8]) -> bool {
        let head = input.get(..input.len().min(HEAD)).unwrap_or_default();
        !head.contains(&0) || matches!(head, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..])
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let charset = charset(input);
        let text = Text::lenient(input, charset, limits)?;
        let parts = reader::read(input, &text, limits)?;
        Ok(Box::new(Markup::new(Cow::Borrowed(input), parts, "", limits).guessed(self::charset, charset)))
    }
}

/// The charset of a page without a byte order mark.
fn charset(input: &[u8]) -> &'static Charset {
    let head = input.get(..input.len().min(HEAD)).unwrap_or_default();
    let otherwise = || if std::str::from_utf8(input).is_ok() { encoding_rs::UTF_8 } else { encoding_rs::WINDOWS_1252 };
    let text = encoding_rs::WINDOWS_1252.decode_without_bom_handling(head).0;
    let found = declared(&text).and_then(|label| Charset::for_label(label.as_bytes()));
    match found {
        // What could be read so far is not UTF-16.
        Some(charset) if charset == encoding_rs::UTF_16LE || charset == encoding_rs::UTF_16BE => encoding_rs::UTF_8,
        Some(charset) => charset,
        None => otherwise(),
    }
}

/// The name of the charset that the head of a page declares.
fn declared(text: &str) -> Option<String> {
    let declaration = text.trim_start().strip_prefix("<?xml").and_then(|rest| rest.split("?>").next());
    if let Some(name) = declaration.and_then(|text| after_equals(text.get(text.find("encoding")? + 8..)?)) {
        return Some(name);
    }
    let mut tokens = Tokens::new(text, 0..text.len());
    while let Some(token) = tokens.next() {
        let Token::Start(tag) = token else { continue };
        if !tag.is("meta") {
            continue;
        }
        if let Some(name) = tag.raw("charset") {
            return Some(name.trim().to_owned());
        }
        let is_type = tag.raw("http-equiv").is_some_and(|it| it.trim().eq_ignore_ascii_case("content-type"));
        let content = tag.raw("content").filter(|_| is_type).map(str::to_ascii_lowercase);
        if let Some(name) = content.and_then(|text| after_equals(text.get(text.find("charset")? + 7..)?)) {
            return Some(name);
        }
    }
    None
}

/// The word behind an equals sign, with or without quotes.
fn after_equals(text: &str) -> Option<String> {
    let word = text.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
    let end = word.find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | ';' | ','));
    word.get(..end.unwrap_or(word.len())).map(str::to_owned)
}
