//! General entities of an internal subset (XML 1.0, 4.2 to 4.5).
//!
//! Only entities whose replacement is plain text are resolved. What holds markup, refers to others, or stands in
//! another file is left as it is written.

use super::{decode, is_space, reference};

/// Longer replacement texts are not expanded: a document that repeats one would cost more than it is long.
const LONGEST: usize = 1024;

/// What a document type declares.
#[derive(Debug, Default)]
pub(crate) struct Entities {
    /// Name and text of those with plain text.
    plain: Vec<(String, String)>,
    /// Name and literal of those with anything else that stands in this file.
    marked: Vec<(String, String)>,
    /// Whether other files may declare more.
    is_open: bool,
}

impl Entities {
    /// Reads a document type declaration.
    pub(super) fn parse(doctype: &str) -> Self {
        let (head, subset) = doctype.split_once('[').unwrap_or((doctype, ""));
        let is_external = head.contains(" SYSTEM") || head.contains(" PUBLIC") || !head.is_ascii();
        let mut entities = Self { is_open: is_external || head.contains(['\'', '"']), ..Self::default() };
        let mut rest = subset;
        while let Some(first) = rest.chars().next() {
            let end = match first {
                '<' if rest.starts_with("<!--") => rest.find("-->").map(|end| end + 3),
                '<' if rest.starts_with("<?") => rest.find("?>").map(|end| end + 2),
                '<' => declaration_end(rest),
                ']' => None,
                other => Some(other.len_utf8()),
            };
            entities.is_open |= first == '%';
            let Some(end) = end else { break };
            if let Some(body) = rest.get(..end).and_then(|markup| markup.strip_prefix("<!ENTITY")) {
                entities.declare(body);
            }
            rest = rest.get(end..).unwrap_or_default();
        }
        entities
    }

    /// Takes in what stands between `<!ENTITY` and the end of the declaration.
    fn declare(&mut self, body: &str) {
        let body = body.trim_start_matches([' ', '\t', '\r', '\n']);
        let Some(end) = body.bytes().position(is_space) else { return };
        let (name, rest) = body.split_at(end);
        let rest = rest.trim_start();
        if name == "%" || self.plain.iter().chain(&self.marked).any(|(known, _)| known == name) {
            return;
        }
        let Some(quote) = rest.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            // It stands in another file.
            self.marked.push((name.to_owned(), String::new()));
            return;
        };
        let Some(literal) = rest.get(1..).and_then(|rest| rest.split(quote).next()) else { return };
        let text = decode(literal, false, None);
        if text.contains(['<', '&', '%']) || text.len() > LONGEST {
            self.marked.push((name.to_owned(), literal.to_owned()));
        } else {
            self.plain.push((name.to_owned(), text.into_owned()));
        }
    }

    /// The text of the reference that `text` begins with, and the length of the reference.
    pub(super) fn resolve(&self, text: &str) -> Option<(&str, usize)> {
        let name = name(text)?;
        let (_, value) = self.plain.iter().find(|(known, _)| known == name)?;
        Some((value, name.len() + 2))
    }

    /// Whether the reference that `text` begins with may be one, known or not.
    pub(super) fn admits(&self, text: &str) -> bool {
        name(text)
            .is_some_and(|name| self.is_open || self.plain.iter().chain(&self.marked).any(|(known, _)| known == name))
    }

    /// Whether an entity that is not resolved says one of these words.
    pub(crate) fn conceals(&self, words: &[&str]) -> bool {
        // One that refers to others may be put together from them.
        let says = |literal: &str| literal.contains('%') || words.iter().any(|word| literal.contains(word));
        self.marked.iter().any(|(_, literal)| says(literal) || has_references(literal))
    }
}

/// Whether `literal` refers to anything but characters that are no markup.
fn has_references(literal: &str) -> bool {
    literal.match_indices('&').any(|(at, _)| {
        let letter = literal.get(at..).and_then(reference).map(|(letter, _)| letter);
        !letter.is_some_and(|letter| !matches!(letter, '<' | '&'))
    })
}

/// The name in the reference that `text` begins with.
fn name(text: &str) -> Option<&str> {
    let body = text.strip_prefix('&')?;
    let end = body
        .bytes()
        .take(256)
        .position(|byte| !(byte.is_ascii_alphanumeric() || b"._-:".contains(&byte) || byte >= 0x80))?;
    let name = body.get(..end).filter(|name| !name.is_empty())?;
    body.get(end..)?.starts_with(';').then_some(name)
}

/// Where the declaration that `text` begins with ends: quoted text may hold `>`.
fn declaration_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_resolved_and_nothing_else() {
        let entities = Entities::parse(
            "<!DOCTYPE svg [<!-- <!ENTITY no 'x'> --><!ENTITY  ns \"http://a/\"><!ENTITY ns 'second'>\
             <!ENTITY gt2 '&#62;>'><!ENTITY m '<a/>'><!ENTITY r '&ns;'><!ENTITY e SYSTEM 'f'>]>",
        );
        assert_eq!(entities.resolve("&ns;/x"), Some(("http://a/", 4)));
        assert_eq!(entities.resolve("&gt2;"), Some((">>", 5)));
        for reference in ["&no;", "&m;", "&r;", "&e;", "&ns", "&"] {
            assert_eq!(entities.resolve(reference), None, "{reference}");
        }
        assert!(entities.admits("&m;") && entities.admits("&e;") && !entities.admits("&nope;"));
        assert!(entities.conceals(&["never"]), "one refers to another");
        assert!(!Entities::parse("<!DOCTYPE a [<!ENTITY m '<rect/>'>]>").conceals(&["metadata"]));
        assert!(Entities::parse("<!DOCTYPE html PUBLIC 'x' 'y'>").admits("&nbsp;"));
    }
}
