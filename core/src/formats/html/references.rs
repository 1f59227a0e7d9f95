//! Character references (HTML, 13.2.5.72 to 13.2.5.80). The table of names comes from a library: it has 2231 lines.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

use entities::ENTITIES;

/// Longer names do not exist.
const LONGEST_NAME: usize = 33;

fn names() -> &'static HashMap<&'static str, &'static str> {
    static NAMES: OnceLock<HashMap<&'static str, &'static str>> = OnceLock::new();
    NAMES.get_or_init(|| ENTITIES.iter().map(|entity| (entity.entity, entity.characters)).collect())
}

/// `raw` with its references decoded.
pub(super) fn decode(raw: &str, in_attribute: bool) -> Cow<'_, str> {
    if !raw.contains('&') {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let (text, used) = numeric(reference)
            .or_else(|| named(reference, in_attribute).map(|(text, used)| (Cow::Borrowed(text), used)))
            .unwrap_or((Cow::Borrowed("&"), 1));
        out.push_str(&text);
        rest = reference.get(used..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn numeric(text: &str) -> Option<(Cow<'static, str>, usize)> {
    let body = text.strip_prefix("&#")?;
    let (digits, radix) = match body.strip_prefix(['x', 'X']) {
        Some(hex) => (hex, 16),
        None => (body, 10),
    };
    let count = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    let number = digits.get(..count).filter(|digits| !digits.is_empty())?;
    let used = text.len() - digits.len() + count;
    let used = used + usize::from(text.as_bytes().get(used) == Some(&b';'));
    // What does not fit, and what is no character, is the replacement character.
    let code = u32::from_str_radix(number, radix).unwrap_or(u32::MAX);
    let letter = match code {
        0x80..=0x9f => {
            let byte = [code.to_le_bytes()[0]];
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0.chars().next()
        }
        0 => None,
        other => char::from_u32(other),
    };
    Some((Cow::Owned(letter.unwrap_or(char::REPLACEMENT_CHARACTER).to_string()), used))
}

fn named(text: &str, in_attribute: bool) -> Option<(&'static str, usize)> {
    let letters = text.bytes().skip(1).take(LONGEST_NAME).take_while(u8::is_ascii_alphanumeric).count();
    let is_closed = text.as_bytes().get(letters + 1) == Some(&b';');
    if is_closed && let Some(found) = text.get(..letters + 2).and_then(|name| names().get(name)) {
        return Some((found, letters + 2));
    }
    // Some may stand without their semicolon: the longest that fits.
    let (end, found) = (2..=letters + 1).rev().find_map(|end| Some((end, names().get(text.get(..end)?)?)))?;
    let next = text.as_bytes().get(end);
    let is_word = in_attribute && next.is_some_and(|byte| *byte == b'=' || byte.is_ascii_alphanumeric());
    (!is_word).then_some((*found, end))
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn references_are_read_as_browsers_do() {
        for (raw, text) in [
            ("a &amp; b", "a & b"),
            ("&uuml;&#252;&#xFC;&#xfc", "\u{fc}\u{fc}\u{fc}\u{fc}"),
            ("&#150;&#0;&#x110000;", "\u{2013}\u{fffd}\u{fffd}"),
            ("&copy 2020 &notin; &noti", "\u{a9} 2020 \u{2209} \u{ac}i"),
            ("&nope; &; &# & x", "&nope; &; &# & x"),
        ] {
            assert_eq!(decode(raw, false), text);
        }
        assert_eq!(decode("?a=1&copy=2&amp", true), "?a=1&copy=2&");
    }
}
