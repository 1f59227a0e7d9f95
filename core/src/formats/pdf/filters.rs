//! Stream filters (ISO 32000-2 §7.4): what is needed to read and to re-make object streams and XMP packets.
//!
//! `FlateDecode` with and without PNG predictors is read and re-made; a stream under any other filter is not opened.

use std::ops::Range;

use super::value::{Dict, ValueKind, is_name};
use crate::containers::deflate::{Wrapper, deflate, deflate_exact, inflate};
use crate::limits::Limits;

/// How the data of a stream is coded, encryption aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Coding {
    pub(super) flate: bool,
    /// Bytes per row and per pixel of a PNG predictor.
    rows: Option<(usize, usize)>,
    /// Whether a `Crypt` filter exempts the stream from the encryption of the document.
    pub(super) exempt: bool,
}

impl Coding {
    /// The coding that a stream dictionary names, or why it is not opened.
    pub(super) fn of(text: &[u8], dict: &Dict) -> Result<Self, &'static str> {
        let filters = items(text, dict, b"Filter").ok_or("its filter is an indirect object")?;
        Self::of_filters(text, dict, &filters)
    }

    /// The coding around a picture that is a file of its own, under the last filter; nothing for other streams.
    pub(super) fn of_picture(text: &[u8], dict: &Dict) -> Option<Result<Self, &'static str>> {
        let filters = items(text, dict, b"Filter")?;
        let (last, around) = filters.split_last()?;
        let names: [&[u8]; 3] = [b"DCTDecode", b"DCT", b"JPXDecode"];
        names.iter().any(|name| is_name(text, last, name)).then(|| Self::of_filters(text, dict, around))
    }

    fn of_filters(text: &[u8], dict: &Dict, filters: &[Range<usize>]) -> Result<Self, &'static str> {
        let mut coding = Self::default();
        if dict.get(text, b"F").is_some() {
            return Err("its data is in another file");
        }
        for (index, filter) in filters.iter().enumerate() {
            if is_name(text, filter, b"FlateDecode") || is_name(text, filter, b"Fl") {
                if std::mem::replace(&mut coding.flate, true) {
                    return Err("it is compressed twice");
                }
                let parameters = items(text, dict, b"DecodeParms").ok_or("its filter parameters are indirect")?;
                if let Some(range) = parameters.get(index) {
                    coding.rows = predictor(text, range)?;
                }
            } else if is_name(text, filter, b"Crypt") && index == 0 {
                // Named crypt filters other than Identity are as good as never used for metadata.
                let parameters = items(text, dict, b"DecodeParms").unwrap_or_default();
                let named = parameters.first().and_then(|range| parameter(text, range, b"Name"));
                coding.exempt = named.is_none_or(|(_, range)| is_name(text, &range, b"Identity"));
                if !coding.exempt {
                    return Err("it has a crypt filter of its own");
                }
            } else {
                return Err("its filter is neither Flate nor none");
            }
        }
        Ok(coding)
    }

    /// Whether the bytes of the file are the data.
    pub(super) fn is_plain(self) -> bool {
        !self.flate
    }

    /// Whether rows are predicted.
    pub(super) fn has_rows(self) -> bool {
        self.rows.is_some()
    }

    /// Decodes `data`.
    pub(super) fn decode(self, data: &[u8], limits: &Limits) -> Option<Vec<u8>> {
        if !self.flate {
            limits.check_part(data.len() as u64).ok()?;
            return Some(data.to_vec());
        }
        let bytes = inflate(data, Wrapper::Zlib, limits.part_bytes).ok()?.bytes;
        match self.rows {
            Some((row, pixel)) => unpredict(&bytes, row, pixel),
            None => Some(bytes),
        }
    }

    /// Codes `plain` in exactly `length` bytes.
    pub(super) fn encode_exact(self, plain: &[u8], length: usize) -> Option<Vec<u8>> {
        if !self.flate {
            return (plain.len() == length).then(|| plain.to_vec());
        }
        deflate_exact(&self.with_rows(plain), Wrapper::Zlib, length)
    }

    /// Codes `plain` as small as is worth the time.
    pub(super) fn encode(self, plain: &[u8]) -> Vec<u8> {
        if self.flate { deflate(&self.with_rows(plain), Wrapper::Zlib) } else { plain.to_vec() }
    }

    /// `plain` with the row marks that its predictor asks for: every row is predicted by nothing.
    fn with_rows(self, plain: &[u8]) -> std::borrow::Cow<'_, [u8]> {
        match self.rows {
            None => plain.into(),
            Some((row, _)) => plain.chunks(row).flat_map(|row| std::iter::once(0).chain(row.iter().copied())).collect(),
        }
    }
}

/// The items of an entry that may be one item or an array of them; `None` when it is indirect.
fn items(text: &[u8], dict: &Dict, key: &[u8]) -> Option<Vec<Range<usize>>> {
    let Some(value) = dict.get(text, key) else { return Some(Vec::new()) };
    match value.kind {
        ValueKind::Reference(_) => None,
        ValueKind::Array => {
            let inside = value.range.start + 1;
            let mut lexer = super::lexer::Lexer::at(text.get(..value.range.end)?, inside);
            let mut ranges = Vec::new();
            while let Some(item) = super::value::value(&mut lexer) {
                if item.reference().is_some() {
                    return None;
                }
                ranges.push(item.range);
            }
            Some(ranges)
        }
        _ => Some(vec![value.range.clone()]),
    }
}

/// The value under `key` of the parameter dictionary at `range`.
fn parameter(text: &[u8], range: &Range<usize>, key: &[u8]) -> Option<(ValueKind, Range<usize>)> {
    let dict = Dict::read(&mut super::lexer::Lexer::at(text, range.start))?;
    dict.get(text, key).map(|value| (value.kind, value.range.clone()))
}

/// Row and pixel size of a PNG predictor, or nothing without one.
fn predictor(text: &[u8], range: &Range<usize>) -> Result<Option<(usize, usize)>, &'static str> {
    let number = |key: &[u8], otherwise: usize| match parameter(text, range, key) {
        Some((ValueKind::Integer(value), _)) => usize::try_from(value).ok().filter(|value| *value <= 1 << 20),
        Some(_) => None,
        None => Some(otherwise),
    };
    match number(b"Predictor", 1) {
        Some(0 | 1) => return Ok(None),
        Some(10..) => {}
        _ => return Err("its predictor is not one of PNG"),
    }
    let sizes = || {
        let bits = number(b"Colors", 1)?.checked_mul(number(b"BitsPerComponent", 8)?)?;
        let row = bits.checked_mul(number(b"Columns", 1)?)?.div_ceil(8);
        (row > 0).then_some((row, bits.div_ceil(8).max(1)))
    };
    sizes().map(Some).ok_or("its predictor makes no sense")
}

/// Undoes the PNG predictor of each row.
fn unpredict(bytes: &[u8], row: usize, pixel: usize) -> Option<Vec<u8>> {
    let mut plain: Vec<u8> = Vec::with_capacity(bytes.len());
    for coded in bytes.chunks(row + 1) {
        let (&method, coded) = coded.split_first()?;
        let start = plain.len();
        for (column, &byte) in coded.iter().enumerate() {
            let back = |distance: usize| distance.checked_sub(1).and_then(|_| plain.get(start + column - distance));
            let left = if column >= pixel { back(pixel).copied().unwrap_or(0) } else { 0 };
            let up = start.checked_sub(row).and_then(|above| plain.get(above + column)).copied().unwrap_or(0);
            let corner = match start.checked_sub(row) {
                Some(above) if column >= pixel => plain.get(above + column - pixel).copied().unwrap_or(0),
                _ => 0,
            };
            let predicted = match method {
                0 => 0,
                1 => left,
                2 => up,
                3 => u16::midpoint(u16::from(left), u16::from(up)) as u8,
                4 => paeth(left, up, corner),
                _ => return None,
            };
            plain.push(byte.wrapping_add(predicted));
        }
    }
    Some(plain)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let [a, b, c] = [left, up, corner].map(i16::from);
    let estimate = a + b - c;
    let [to_left, to_up, to_corner] = [a, b, c].map(|value| (estimate - value).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::pdf::lexer::Lexer;

    fn coding(dict: &str) -> Result<Coding, &'static str> {
        Coding::of(dict.as_bytes(), &Dict::read(&mut Lexer::at(dict.as_bytes(), 0)).unwrap())
    }

    #[test]
    fn codings_are_told_apart() {
        assert!(coding("<<>>").unwrap().is_plain());
        assert!(coding("<</Filter[/FlateDecode]/DecodeParms[null]>>").unwrap().flate);
        assert!(coding("<</Filter[/Crypt/FlateDecode]>>").unwrap().exempt);
        assert!(coding("<</Filter/LZWDecode>>").is_err());
        assert!(coding("<</Filter 3 0 R>>").is_err());
    }

    #[test]
    fn predicted_rows_are_read_and_made_again() {
        let coding = coding("<</Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>>>").unwrap();
        let rows = [2, 1, 2, 3, 4, 2, 1, 1, 1, 1, 1, 5, 1, 1, 1];
        let plain = coding.decode(&deflate(&rows, Wrapper::Zlib), &Limits::default()).unwrap();
        assert_eq!(plain, [1, 2, 3, 4, 2, 3, 4, 5, 5, 6, 7, 8]);
        let coded = coding.encode_exact(&plain, 64).unwrap();
        assert_eq!((coded.len(), coding.decode(&coded, &Limits::default()).unwrap()), (64, plain));
    }
}
