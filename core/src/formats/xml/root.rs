//! What the first bytes of a file say of its root element.

use crate::containers::xml::{Text, is_blank};
use crate::limits::Limits;

/// How far into a file its root element is looked for: comments and declarations stand before it.
const HEAD: usize = 16 << 10;

/// The root element of a text with markup, as far as it can be told without parsing.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::formats) struct Root {
    /// The name as written.
    pub(in crate::formats) name: String,
    /// The start tag, maybe cut.
    pub(in crate::formats) tag: String,
    /// The name in the document type declaration, lower case.
    pub(in crate::formats) doctype: Option<String>,
    /// Whether an XML declaration begins the file.
    pub(in crate::formats) is_declared: bool,
    /// Whether an XMP packet begins the file.
    pub(in crate::formats) is_packet: bool,
}

impl Root {
    /// The name without its prefix.
    pub(in crate::formats) fn local(&self) -> &str {
        self.name.rsplit(':').next().unwrap_or_default()
    }
}

/// The root element of `input`, which may be cut and in any encoding.
pub(in crate::formats) fn root(input: &[u8]) -> Option<Root> {
    let head = input.get(..input.len().min(HEAD))?;
    let begins = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // Most files are told from text by their first letters, before they are decoded as such.
    let mut letters = begins.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0);
    let is_marked = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let opens = |next: &u8| next.is_ascii_alphabetic() || matches!(next, b'!' | b'?' | b'_' | 0x80..);
    if !(is_marked || letters.next() == Some(&b'<') && letters.next().is_some_and(opens)) {
        return None;
    }
    // A character that is cut in two at the end is a stray one here.
    let even = head.get(..head.len() & !3)?;
    let text = Text::lenient(even, encoding_rs::UTF_8, &Limits::default()).ok()?;
    of_text(text.as_str())
}

fn of_text(text: &str) -> Option<Root> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    let mut root = Root {
        name: String::new(),
        tag: String::new(),
        doctype: None,
        is_declared: rest.starts_with("<?xml"),
        is_packet: rest.starts_with("<?xpacket begin"),
    };
    loop {
        rest = rest.trim_start();
        let body = rest.strip_prefix('<')?;
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.get(comment.find("-->")? + 3..)?;
        } else if body.starts_with('?') {
            rest = rest.get(rest.find("?>")? + 2..)?;
        } else if body.starts_with('!') {
            let declared = body.get(1..8).filter(|word| word.eq_ignore_ascii_case("doctype"));
            declared?;
            let after = body.get(8..)?.trim_start();
            let name = after.split(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '[')).next()?;
            root.doctype.get_or_insert_with(|| name.to_ascii_lowercase());
            let Some(after) = doctype_end(rest) else { return Some(root) };
            rest = after;
        } else {
            let end =
                body.find(|letter: char| letter.is_whitespace() || matches!(letter, '>' | '/')).unwrap_or(body.len());
            let name = body.get(..end)?;
            let is_name = name.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_');
            if !is_name || !name.chars().all(|letter| letter.is_alphanumeric() || "_-.:".contains(letter)) {
                return root.doctype.is_some().then_some(root);
            }
            name.clone_into(&mut root.name);
            body.split('>').next().unwrap_or_default().clone_into(&mut root.tag);
            return Some(root);
        }
        if is_blank(rest) {
            return root.doctype.is_some().then_some(root);
        }
    }
}

/// What follows the document type declaration that `text` begins with.
fn doctype_end(text: &str) -> Option<&str> {
    let end = text.find('>')?;
    match text.find('[').filter(|open| *open < end) {
        None => text.get(end + 1..),
        Some(open) => {
            let close =
                open + text.get(open..)?.find("]>").or_else(|| text.get(open..)?.find("]\n>").map(|at| at + 1))?;
            text.get(close + 2..)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &[u8]) -> Option<String> {
        root(text).map(|root| root.name)
    }

    #[test]
    fn a_root_is_found_behind_what_may_precede_it() {
        let svg = "<?xml version='1.0'?>\n<!-- <a> --><!DOCTYPE svg [<!ENTITY a '>'>]>\n<?b c?><s:svg x='1'>";
        let found = root(svg.as_bytes()).unwrap();
        assert_eq!((&*found.name, found.local(), found.doctype.as_deref()), ("s:svg", "svg", Some("svg")));
        assert!(found.is_declared);
        let wide: Vec<u8> = "\u{feff}<a>".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(name(&wide).as_deref(), Some("a"));
        assert_eq!(name(b"<!doctype html>\n").as_deref(), Some(""));
    }

    #[test]
    fn text_has_no_root() {
        for text in ["", "a < b", "<< b", "< a>", "<1>", "\n\n", "From: <a@b>", "<a@b.c", "<%@ page %>"] {
            assert_eq!(name(text.as_bytes()), None, "{text}");
        }
    }
}
