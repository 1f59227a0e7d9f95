//! XML 1.0 with Namespaces 1.0, as a pull scanner over byte offsets.
//!
//! [`Text`] decodes a part (UTF-8 without a copy; UTF-16, UTF-32 and single-byte encodings transcoded) and leads
//! every position back to the raw bytes. [`Scanner`] yields events whose ranges join without a gap, so that an edit
//! is a range of the part and nothing is ever re-serialized.
//!
//! A `DOCTYPE` is reported for the caller to refuse, and a reference to an entity that XML does not predefine is an
//! error, unless the caller asks for entities to be resolved. Encodings with shift states are unsupported.

mod entities;
mod labels;
mod scanner;
mod text;

pub(crate) use entities::Entities;
pub(crate) use labels::{Labels, Walk, structure};
pub use scanner::{Attribute, Content, Element, End, Event, Name, Scanner};
pub use text::{Encoding, Text};

use std::borrow::Cow;

/// The namespace that the prefix `xml` is bound to.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Whether `text` consists of XML white space only.
pub fn is_blank(text: &str) -> bool {
    // Padding is long: a few bytes at a time are compared at once.
    text.as_bytes().chunks(32).all(|some| some.iter().fold(true, |so_far, byte| so_far & is_space(*byte)))
}

/// Whether XML counts `byte` as white space.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// One reference at the start of `text` (which begins with `&`): its character and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    // The longest legal reference that is not zero-padded is `&#1114111;`; padded ones are cut at 32.
    let end = text.bytes().take(32).position(|byte| byte == b';')?;
    let letter = match text.get(1..end)? {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        number => {
            let digits = number.strip_prefix('#')?;
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
                None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse(),
                _ => return None,
            };
            char::from_u32(code.ok()?)?
        }
    };
    Some((letter, end + 1))
}

/// Decodes references and normalizes line ends (and, in attributes, white space) of a checked piece of markup. What
/// refers to an entity without a known text stays as it is.
pub(crate) fn decode<'r>(raw: &'r str, in_attribute: bool, entities: Option<&Entities>) -> Cow<'r, str> {
    let special = |byte: &u8| *byte == b'&' || *byte == b'\r' || (in_attribute && matches!(byte, b'\n' | b'\t'));
    if !raw.as_bytes().iter().any(special) {
        return Cow::Borrowed(raw);
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(letter) = rest.chars().next() {
        let mut used = letter.len_utf8();
        match letter {
            '&' => {
                if let Some((decoded, length)) = reference(rest) {
                    out.push(decoded);
                    used = length;
                } else if let Some((text, length)) = entities.and_then(|entities| entities.resolve(rest)) {
                    out.push_str(text);
                    used = length;
                } else {
                    out.push('&');
                }
            }
            '\r' | '\n' | '\t' => {
                if rest.starts_with("\r\n") {
                    used = 2;
                }
                out.push(match letter {
                    _ if in_attribute => ' ',
                    '\r' => '\n',
                    other => other,
                });
            }
            other => out.push(other),
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    Cow::Owned(out)
}
