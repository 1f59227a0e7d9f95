//! Files that stand in a text in base64: `data:` URIs (RFC 2397), and binary parts of single-file packages.

use std::ops::Range;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use memchr::memmem;

use crate::containers::xml::Text;
use crate::survey::{Barrier, Member};

/// Files in one text that are looked at; more are not written by any program.
const MOST: usize = 4096;

/// How far before `;base64,` a URI may begin.
const REACH: usize = 128;

/// Reads digits with or without padding, and whatever the last of them says beyond the last byte.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A file in base64.
#[derive(Debug)]
pub(crate) struct Embedded {
    place: String,
    /// The raw bytes of its digits, with line ends between them.
    range: Range<usize>,
    digits: usize,
    barrier: Option<Barrier>,
}

impl Embedded {
    /// The digits at `range` of the raw bytes of a text, whose characters take one byte each.
    pub(crate) fn new(place: String, input: &[u8], range: Range<usize>, barrier: Option<Barrier>) -> Self {
        let digits = places(input.get(range.clone()).unwrap_or_default()).count();
        Self { place, range, digits, barrier }
    }

    /// Where its digits begin.
    pub(crate) fn start(&self) -> usize {
        self.range.start
    }

    pub(super) fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    pub(super) fn member(&self) -> Member {
        Member {
            place: self.place.clone(),
            offset: self.range.start as u64,
            len: (self.digits as u64).div_ceil(4) * 3,
            barrier: self.barrier.clone(),
        }
    }

    /// The first bytes of the file, up to `most` of them; none where the digits are no base64.
    pub(super) fn decode(&self, input: &[u8], most: usize) -> Vec<u8> {
        let text = input.get(self.range.clone()).unwrap_or_default();
        let quads = most.div_ceil(3).saturating_mul(4);
        let digits: Vec<u8> = places(text).filter_map(|at| text.get(at).copied()).take(quads).collect();
        let mut data = LENIENT.decode(digits).unwrap_or_default();
        data.truncate(most);
        data
    }

    /// The text with `data` in it: digit by digit where they stand; of another length, without line ends.
    pub(super) fn exchange(&self, input: &[u8], data: &[u8]) -> Option<Vec<u8>> {
        let text = input.get(self.range.clone())?;
        let is_padded = text.contains(&b'=');
        let mut digits = LENIENT.encode(data).into_bytes();
        if !is_padded {
            digits.truncate(digits.trim_ascii_end().len() - digits.iter().rev().take_while(|it| **it == b'=').count());
        }
        if digits.len() != self.digits {
            return Some(digits);
        }
        let mut out = text.to_vec();
        for (at, digit) in places(text).zip(digits) {
            *out.get_mut(at)? = digit;
        }
        Some(out)
    }
}

/// Where the digits of `text` stand, padding included: between white space, and character references to it.
fn places(text: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let byte = *text.get(at)?;
            let here = at;
            at += 1;
            if is_digit(byte) {
                return Some(here);
            }
            at = here + skipped(text.get(here..)?).max(1);
        }
    })
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The length of the white space that `text` begins with, however it is spelled.
fn skipped(text: &[u8]) -> usize {
    let references: [&[u8]; 7] = [b"&#10;", b"&#13;", b"&#9;", b"&#xA;", b"&#xa;", b"&#xD;", b"&#xd;"];
    match text.first() {
        Some(b' ' | b'\t' | b'\r' | b'\n') => 1,
        Some(b'&') => references.iter().find(|it| text.starts_with(it)).map_or(0, |it| it.len()),
        _ => 0,
    }
}

/// The `data:` URIs in base64 of a text.
pub(crate) fn uris(text: &Text<'_>, input: &[u8]) -> Vec<Embedded> {
    let mut found = Vec::new();
    if text.encoding().unit() != 1 {
        return found;
    }
    let mut end = 0;
    for at in memmem::find_iter(input, b";base64,") {
        let head = input.get(at.saturating_sub(REACH).max(end)..at).unwrap_or_default();
        let Some(scheme) = memmem::rfind(head, b"data:") else { continue };
        let media = String::from_utf8_lossy(head.get(scheme + 5..).unwrap_or_default());
        if !media.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>(".contains(&byte)) {
            continue;
        }
        let start = at + b";base64,".len();
        let mut last = start;
        while let Some(rest) = input.get(last..).filter(|rest| !rest.is_empty()) {
            let step = rest.iter().take_while(|byte| is_digit(**byte)).count();
            let step = if step == 0 { skipped(rest) } else { step };
            if step == 0 {
                break;
            }
            last += step;
        }
        end = last;
        let place = format!("data URI {} ({media})", found.len() + 1);
        found.push(Embedded::new(place, input, start..last, None));
        if found.len() >= MOST {
            break;
        }
    }
    found
}
