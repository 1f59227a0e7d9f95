//! The text of a field: unfolding, encoded words (RFC 2047), parameters (RFC 2045 with RFC 2231).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use encoding_rs::{Encoding, UTF_8};

use crate::containers::text;

/// Parameters that one field is seen to have, and pieces of one value.
const MOST_PARAMETERS: usize = 256;

/// The longest encoded word. A standard one has 75 letters, which few programs keep to.
const LONGEST_WORD: usize = 8 << 10;

/// Base64 as mail programs write it: padded or not, and with bits to spare.
pub(super) const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text of a field without its folds. White space that folded lines begin with belongs to the text.
pub(crate) fn unfolded(body: &[u8]) -> String {
    let joined: Vec<u8> = body.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    text::decode(joined.trim_ascii())
}

/// `text` with its encoded words decoded.
pub(crate) fn decoded(text: &str) -> String {
    if !text.contains("=?") {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    // What adjacent words of one character set encode is one text, even where a character is cut in two.
    let mut pending: Option<(&'static Encoding, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(start) = rest.find("=?") {
        let (before, from) = rest.split_at(start);
        let Some((encoding, bytes, after)) = word(from) else {
            flush(&mut pending, &mut out);
            out.push_str(before);
            out.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        let continues = pending.is_some() && before.chars().all(char::is_whitespace);
        match &mut pending {
            Some((other, gathered)) if continues && *other == encoding => gathered.extend(bytes),
            _ => {
                flush(&mut pending, &mut out);
                if !continues {
                    out.push_str(before);
                }
                pending = Some((encoding, bytes));
            }
        }
        rest = after;
    }
    flush(&mut pending, &mut out);
    out.push_str(rest);
    out
}

fn flush(pending: &mut Option<(&'static Encoding, Vec<u8>)>, out: &mut String) {
    if let Some((encoding, bytes)) = pending.take() {
        out.push_str(&text::decode_as(&bytes, encoding));
    }
}

/// The encoded word that `text` begins with: character set, bytes, and what follows it.
fn word(all: &str) -> Option<(&'static Encoding, Vec<u8>, &str)> {
    let text = all.get(..all.floor_char_boundary(LONGEST_WORD)).unwrap_or(all);
    let inside = text.strip_prefix("=?")?;
    let (charset, inside) = inside.split_once('?')?;
    let (coding, inside) = inside.split_once('?')?;
    let (coded, after) = inside.split_once("?=")?;
    let charset = charset.split('*').next()?;
    let encoding = Encoding::for_label(charset.as_bytes())?;
    let bytes = match coding {
        "B" | "b" => LENIENT.decode(coded.trim()).ok()?,
        "Q" | "q" => q_bytes(coded.as_bytes(), b'='),
        _ => return None,
    };
    Some((encoding, bytes, all.get(text.len() - after.len()..)?))
}

/// Bytes of Q-coded (`=XX`, `_`) or percent-coded text.
fn q_bytes(coded: &[u8], mark: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(coded.len());
    let mut rest = coded;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (*byte, tail) {
            (byte, [high, low, after @ ..]) if byte == mark => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    out.push(high << 4 | low);
                    rest = after;
                }
                _ => out.push(byte),
            },
            (b'_', _) if mark == b'=' => out.push(b' '),
            (byte, _) => out.push(byte),
        }
    }
    out
}

/// The value of a hexadecimal digit.
pub(super) fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

/// A structured field: what stands before the first semicolon, in lower case, and parameters by their lower-case names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Structured {
    pub(crate) value: String,
    pub(crate) parameters: BTreeMap<String, String>,
}

impl Structured {
    /// Reads the body of a field.
    pub(crate) fn parse(body: &[u8]) -> Self {
        let text = unfolded(body);
        let mut items = items(&text).into_iter();
        let value = items.next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut pieces: BTreeMap<String, Vec<(usize, bool, String)>> = BTreeMap::new();
        for item in items.take(MOST_PARAMETERS) {
            let Some((name, value)) = item.split_once('=') else { continue };
            let name = name.trim().to_ascii_lowercase();
            let is_extended = name.ends_with('*');
            let mut parts = name.trim_end_matches('*').splitn(2, '*');
            let (name, index) = (parts.next().unwrap_or_default(), parts.next());
            let index = index.and_then(|index| index.parse().ok()).unwrap_or(0);
            pieces.entry(name.to_owned()).or_default().push((index, is_extended, unquoted(value.trim())));
        }
        let parameters = pieces.into_iter().map(|(name, pieces)| (name, joined(pieces))).collect();
        Self { value, parameters }
    }

    /// The value of a parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }
}

/// `text` cut at its semicolons, without comments. What is quoted stays together.
fn items(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let (mut is_quoted, mut depth) = (false, 0usize);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if is_quoted => {
                items.last_mut().into_iter().for_each(|item| item.push(letter));
                letters.next().into_iter().zip(items.last_mut()).for_each(|(next, item)| item.push(next));
                continue;
            }
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted && depth > 0 => {
                depth -= 1;
                continue;
            }
            ';' if !is_quoted && depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            items.last_mut().into_iter().for_each(|item| item.push(letter));
        }
    }
    items
}

fn unquoted(value: &str) -> String {
    let Some(inside) = value.strip_prefix('"') else { return value.to_owned() };
    let mut out = String::with_capacity(inside.len());
    let mut letters = inside.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => out.extend(letters.next()),
            '"' => break,
            _ => out.push(letter),
        }
    }
    out
}

/// One value from its pieces: number, whether it is percent-coded, text.
fn joined(mut pieces: Vec<(usize, bool, String)>) -> String {
    pieces.sort_by_key(|(index, ..)| *index);
    let is_extended = pieces.iter().any(|(_, is_extended, _)| *is_extended);
    if !is_extended {
        let plain: String = pieces.into_iter().map(|(.., text)| text).collect();
        // Not allowed, and what most programs write.
        return decoded(&plain);
    }
    let mut encoding = UTF_8;
    let mut bytes = Vec::new();
    for (place, (_, is_extended, text)) in pieces.iter().enumerate() {
        let mut text = text.as_str();
        if place == 0 && *is_extended {
            let mut parts = text.splitn(3, '\'');
            if let (Some(charset), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                encoding = Encoding::for_label(charset.as_bytes()).unwrap_or(UTF_8);
                text = rest;
            }
        }
        bytes.extend(if *is_extended { q_bytes(text.as_bytes(), b'%') } else { text.as_bytes().to_vec() });
    }
    text::decode_as(&bytes, encoding)
}
