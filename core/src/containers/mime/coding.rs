//! Transfer codings (RFC 2045, 6): decoding, and putting other data into the same lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::words::digit;
use crate::error::{Error, Result};

/// How the body of a part is coded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    /// Not at all: 7bit, 8bit, binary.
    #[default]
    Plain,
    Base64,
    QuotedPrintable,
    /// In a way that is not known here.
    Unknown(String),
}

impl Coding {
    /// By the text of `Content-Transfer-Encoding`.
    pub(crate) fn named(name: &str) -> Self {
        // A comment may follow, or what some programs think is one.
        let name = name.split([';', '(', ' ']).next().unwrap_or_default().to_ascii_lowercase();
        match &*name {
            "" | "7bit" | "8bit" | "binary" | "7-bit" | "8-bit" => Self::Plain,
            "base64" => Self::Base64,
            "quoted-printable" => Self::QuotedPrintable,
            _ => Self::Unknown(name),
        }
    }

    /// The length of decoded data, roughly and not too small.
    pub(crate) fn decoded_len(&self, coded: usize) -> usize {
        if *self == Self::Base64 { coded / 4 * 3 + 3 } else { coded }
    }

    /// `data` as text that takes the place of `coded`: in its lines as far as they reach.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an unknown coding.
    pub(crate) fn recode(&self, coded: &[u8], data: &[u8]) -> Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(data.to_vec()),
            Self::Base64 => Ok(base64_lines(coded, data)),
            Self::QuotedPrintable => Ok(quoted_lines(coded, data)),
            Self::Unknown(name) => Err(unknown(name)),
        }
    }
}

fn unknown(name: &str) -> Error {
    Error::unsupported(format!("the transfer coding {name}"))
}

/// Decodes coded text that comes in pieces, each of whole lines.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    coding: Coding,
    /// Bits of base64 that do not fill a byte yet, and how many.
    bits: u32,
    count: u32,
    is_ended: bool,
}

impl Decoder {
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for an unknown coding.
    pub(crate) fn new(coding: &Coding) -> Result<Self> {
        match coding {
            Coding::Unknown(name) => Err(unknown(name)),
            known => Ok(Self { coding: known.clone(), bits: 0, count: 0, is_ended: false }),
        }
    }

    /// Decodes the next piece to the end of `out`.
    pub(crate) fn push(&mut self, coded: &[u8], out: &mut Vec<u8>) {
        match self.coding {
            Coding::Base64 => self.push_base64(coded, out),
            Coding::QuotedPrintable => quoted_bytes(coded, |byte, _| out.push(byte)),
            _ => out.extend_from_slice(coded),
        }
    }

    fn push_base64(&mut self, coded: &[u8], out: &mut Vec<u8>) {
        out.reserve(coded.len() / 4 * 3);
        for byte in coded {
            let Some(six) = sextet(*byte) else {
                self.is_ended |= *byte == b'=';
                continue;
            };
            if self.is_ended {
                // What follows the padding is no data, unless somebody joined two texts: then a new quad begins.
                (self.bits, self.count, self.is_ended) = (0, 0, false);
            }
            self.bits = self.bits << 6 | u32::from(six);
            self.count += 6;
            if self.count >= 8 {
                self.count -= 8;
                out.push((self.bits >> self.count) as u8);
                self.bits &= (1 << self.count) - 1;
            }
        }
    }
}

/// The value of a digit of base64.
fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// `data` in base64, its digits where those of `coded` were. What is longer goes on in lines like the first, what is
/// shorter ends where it ends.
fn base64_lines(coded: &[u8], data: &[u8]) -> Vec<u8> {
    let digits = STANDARD.encode(data).into_bytes();
    let is_digit = |byte: u8| sextet(byte).is_some() || byte == b'=';
    let mut out = Vec::with_capacity(coded.len());
    let mut next = digits.iter();
    for byte in coded {
        if !is_digit(*byte) {
            out.push(*byte);
            continue;
        }
        let Some(digit) = next.next() else { break };
        out.push(*digit);
    }
    let tail = line_end(coded);
    let rest = next.as_slice();
    if rest.is_empty() {
        out.truncate(out.trim_ascii_end().len());
    } else {
        let line = coded.iter().take_while(|byte| is_digit(**byte)).count();
        let line = if line == 0 || line == coded.len() { 76 } else { line };
        out.truncate(out.trim_ascii_end().len());
        let mut column = out.iter().rev().take_while(|byte| is_digit(**byte)).count();
        for digit in rest {
            if column >= line {
                out.extend_from_slice(if tail.is_empty() { b"\r\n" } else { tail });
                column = 0;
            }
            out.push(*digit);
            column += 1;
        }
    }
    // What stood behind the last digit stays.
    let last = coded.iter().rposition(|byte| is_digit(*byte)).map_or(0, |last| last + 1);
    out.extend_from_slice(coded.get(last..).unwrap_or_default());
    out
}

/// How the first line of `text` ends.
fn line_end(text: &[u8]) -> &[u8] {
    match memchr::memchr(b'\n', text) {
        Some(at) if at > 0 && text.get(at - 1) == Some(&b'\r') => b"\r\n",
        Some(_) => b"\n",
        None => b"",
    }
}

/// Every byte that quoted-printable text stands for, with the position where its spelling begins.
fn quoted_bytes(coded: &[u8], mut found: impl FnMut(u8, usize)) {
    let mut position = 0;
    while let Some(byte) = coded.get(position) {
        let rest = coded.get(position..).unwrap_or_default();
        let step = match rest {
            [b'=', high, low, ..] if digit(*high).is_some() && digit(*low).is_some() => {
                found(digit(*high).unwrap_or(0) << 4 | digit(*low).unwrap_or(0), position);
                3
            }
            [b'=', tail @ ..] if soft_break(tail).is_some() => 1 + soft_break(tail).unwrap_or(0),
            _ => {
                found(*byte, position);
                1
            }
        };
        position += step;
    }
}

/// The length of the white space and line end that `tail` begins with.
fn soft_break(tail: &[u8]) -> Option<usize> {
    let blank = tail.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match tail.get(blank..)? {
        [b'\r', b'\n', ..] => Some(blank + 2),
        [b'\n', ..] => Some(blank + 1),
        [] => Some(blank),
        _ => None,
    }
}

/// `data` as quoted-printable text: what it shares with the data of `coded` at both ends is spelled as there.
fn quoted_lines(coded: &[u8], data: &[u8]) -> Vec<u8> {
    let mut old = Vec::new();
    let mut starts = Vec::new();
    quoted_bytes(coded, |byte, at| {
        old.push(byte);
        starts.push(at);
    });
    let same_start = old.iter().zip(data).take_while(|(old, new)| old == new).count();
    let most = old.len().min(data.len()) - same_start;
    let same_end = old.iter().rev().zip(data.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
    let at = |index: usize| starts.get(index).copied().unwrap_or(coded.len());
    let from = at(same_start);
    let to = at(old.len() - same_end).max(from);
    let mut out = coded.get(..from).unwrap_or_default().to_vec();
    quote(data.get(same_start..data.len() - same_end).unwrap_or_default(), line_end(coded), &mut out);
    out.extend_from_slice(coded.get(to..).unwrap_or_default());
    out
}

/// Longest line of quoted-printable text, without the mark of a soft break.
const QUOTED_LINE: usize = 75;

/// Spells `data` at the end of `out`, in lines that end with `end`.
fn quote(data: &[u8], end: &[u8], out: &mut Vec<u8>) {
    let end = if end.is_empty() { b"\r\n" } else { end };
    let mut column = out.iter().rev().take_while(|byte| **byte != b'\n').count();
    let mut rest = data;
    while let [byte, tail @ ..] = rest {
        if let Some(after) = rest.strip_prefix(end) {
            out.extend_from_slice(end);
            (column, rest) = (0, after);
            continue;
        }
        let ends_line = tail.is_empty() || tail.starts_with(end);
        let is_plain = byte.is_ascii_graphic() && *byte != b'=' || matches!(byte, b' ' | b'\t') && !ends_line;
        let width = if is_plain { 1 } else { 3 };
        if column + width > QUOTED_LINE {
            out.push(b'=');
            out.extend_from_slice(end);
            column = 0;
        }
        if is_plain {
            out.push(*byte);
        } else {
            out.extend_from_slice(format!("={byte:02X}").as_bytes());
        }
        column += width;
        rest = tail;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(coding: &Coding, coded: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Decoder::new(coding).unwrap().push(coded, &mut out);
        out
    }

    #[test]
    fn base64_keeps_its_lines() {
        let coded = b"QUJD\r\nREVG\r\nRw==\r\n";
        assert_eq!(decoded(&Coding::Base64, coded), b"ABCDEFG");
        let recode = |data: &[u8]| String::from_utf8(Coding::Base64.recode(coded, data).unwrap()).unwrap();
        assert_eq!(recode(b"ABCDEFH"), "QUJD\r\nREVG\r\nSA==\r\n");
        assert_eq!(recode(b"ABCD"), "QUJD\r\nRA==\r\n");
        assert_eq!(recode(b""), "\r\n");
        assert_eq!(recode(b"ABCDEFGHIJ"), "QUJD\r\nREVG\r\nR0hJ\r\nSg==\r\n");
        assert_eq!(decoded(&Coding::Base64, b"QUJ\nD!R A=="), b"ABCD");
    }

    #[test]
    fn quoted_text_changes_only_where_the_data_does() {
        let coded = b"a =C3=BC =\r\nlabel=3D1 end=\r\n!\r\n";
        let data = "a ü label=1 end!\r\n".as_bytes();
        assert_eq!(decoded(&Coding::QuotedPrintable, coded), data);
        let new = "a ü           1 end!\r\n".as_bytes();
        let recoded = Coding::QuotedPrintable.recode(coded, new).unwrap();
        assert!(recoded.starts_with(b"a =C3=BC =\r\n") && recoded.ends_with(b"1 end=\r\n!\r\n"));
        assert_eq!(decoded(&Coding::QuotedPrintable, &recoded), new);
    }

    proptest! {
        #[test]
        fn what_is_recoded_decodes(coded in "([A-Za-z0-9+/=]{0,30}(\r\n|\n)){0,6}", data: Vec<u8>) {
            for coding in [Coding::Base64, Coding::QuotedPrintable] {
                let recoded = coding.recode(coded.as_bytes(), &data).unwrap();
                prop_assert_eq!(&decoded(&coding, &recoded), &data);
            }
        }
    }
}
