//! Typed values as canonical text ([MS-OLEPS] 2.1 to 2.15).

use encoding_rs::Encoding;

use crate::cursor::Cursor;
use crate::error::Result;

/// Elements of a vector that are read as text.
const MOST_ELEMENTS: u32 = 4096;

/// How narrow text of a set is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Utf16,
    Known(&'static Encoding),
    /// A code page that nothing here decodes: only ASCII is sure.
    Unknown,
}

impl Page {
    /// The code page with this number.
    pub(crate) fn of(number: u16) -> Self {
        let name = match number {
            1200 => return Self::Utf16,
            65001 => "utf-8",
            874 => "windows-874",
            932 => "shift_jis",
            936 => "gbk",
            949 => "euc-kr",
            950 => "big5",
            1250..=1258 => return Self::label(&format!("windows-{number}")),
            10000 => "macintosh",
            10007 => "x-mac-cyrillic",
            // ASCII, and the default of the machine.
            0 | 20127 => "windows-1252",
            20866 => "koi8-r",
            21866 => "koi8-u",
            20932 | 51932 => "euc-jp",
            28591..=28606 => return Self::label(&format!("iso-8859-{}", number - 28590)),
            54936 => "gb18030",
            866 => "ibm866",
            _ => return Self::Unknown,
        };
        Self::label(name)
    }

    fn label(name: &str) -> Self {
        Encoding::for_label(name.as_bytes()).map_or(Self::Unknown, Self::Known)
    }

    /// Text up to its terminating NUL; nothing where the code page is not known well enough.
    pub(crate) fn decode(self, bytes: &[u8]) -> Option<String> {
        if self == Self::Utf16 {
            return Some(utf16(bytes));
        }
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let bytes = bytes.get(..end).unwrap_or_default();
        match self {
            Self::Known(encoding) => Some(encoding.decode_without_bom_handling(bytes).0.into_owned()),
            _ => bytes.is_ascii().then(|| String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

impl Page {
    /// A value of this type that stands by itself, as text.
    pub(crate) fn typed(self, kind: u16, bytes: &[u8]) -> Option<String> {
        scalar(&mut Cursor::new(bytes), u32::from(kind), self, false).ok().flatten()
    }
}

/// UTF-16 text up to its terminating NUL.
pub(super) fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    String::from_utf16_lossy(&units.take_while(|unit| *unit != 0).collect::<Vec<_>>())
}

/// A value: its text if it has one, and how many bytes it takes if that is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) text: Option<String>,
    pub(super) len: Option<usize>,
    /// Whether the value stands in a stream or storage of its own.
    pub(super) is_elsewhere: bool,
}

const VECTOR: u32 = 0x1000;
const ARRAY: u32 = 0x2000;
const VARIANT: u32 = 0x0C;

/// Reads the typed value at the start of `bytes`, which may go on behind it. `is_duration` reads a time as seconds.
pub(super) fn read(bytes: &[u8], page: Page, is_duration: bool) -> Value {
    let mut cursor = Cursor::new(bytes);
    let Ok(kind) = cursor.u32_le().map(|kind| kind & 0xFFFF) else { return Value::default() };
    if kind & ARRAY != 0 {
        return Value::default();
    }
    if kind & VECTOR != 0 {
        let text = vector(&mut cursor, kind & !VECTOR, page);
        let len = text.as_ref().ok().map(|_| cursor.position());
        return Value { text: text.ok(), len, is_elsewhere: false };
    }
    let is_elsewhere = matches!(kind, 0x42..=0x45 | 0x49);
    match scalar(&mut cursor, kind, page, is_duration) {
        Ok(text) => Value { text: text.filter(|_| !is_elsewhere), len: Some(cursor.position()), is_elsewhere },
        Err(_) => Value { text: None, len: None, is_elsewhere },
    }
}

/// The elements of a vector, joined. Those without a text count as empty.
fn vector(cursor: &mut Cursor<'_>, kind: u32, page: Page) -> Result<String> {
    let count = cursor.u32_le()?;
    if count > MOST_ELEMENTS {
        return Err(cursor.malformed("a vector of more elements than are read"));
    }
    let mut items = Vec::new();
    for _ in 0..count {
        let kind = if kind == VARIANT { cursor.u32_le()? } else { kind };
        // Strings of the vectors that Office writes are not aligned; wide ones are.
        items.push(scalar(cursor, kind, page, false)?.unwrap_or_default());
        if kind == 0x1F {
            align(cursor);
        }
    }
    Ok(items.join(", "))
}

fn align(cursor: &mut Cursor<'_>) {
    let _ = cursor.skip(cursor.position().wrapping_neg() % 4);
}

fn scalar(cursor: &mut Cursor<'_>, kind: u32, page: Page, is_duration: bool) -> Result<Option<String>> {
    Ok(Some(match kind {
        0 | 1 => String::new(),
        0x02 => cursor.u16_le()?.cast_signed().to_string(),
        0x03 | 0x16 => cursor.u32_le()?.cast_signed().to_string(),
        0x04 => f32::from_bits(cursor.u32_le()?).to_string(),
        0x05 => f64::from_bits(cursor.u64_le()?).to_string(),
        0x06 => currency(cursor.u64_le()?.cast_signed()),
        0x07 => date(f64::from_bits(cursor.u64_le()?)),
        0x08 | 0x1E | 0x42..=0x45 => return narrow(cursor, page),
        0x49 => {
            cursor.skip(16)?;
            return narrow(cursor, page);
        }
        0x0A => format!("0x{:08X}", cursor.u32_le()?),
        0x0B => (cursor.u16_le()? != 0).to_string(),
        0x0E => decimal(cursor)?,
        0x10 => cursor.u8()?.cast_signed().to_string(),
        0x11 => cursor.u8()?.to_string(),
        0x12 => cursor.u16_le()?.to_string(),
        0x13 | 0x17 => cursor.u32_le()?.to_string(),
        0x14 => cursor.u64_le()?.cast_signed().to_string(),
        0x15 => cursor.u64_le()?.to_string(),
        0x1F => {
            let units = cursor.u32_le()? as usize;
            utf16(cursor.take(units.saturating_mul(2))?)
        }
        0x40 if is_duration => (cursor.u64_le()? / 10_000_000).to_string(),
        0x40 => file_time(cursor.u64_le()?),
        0x41 | 0x46 | 0x47 => {
            let len = cursor.u32_le()? as usize;
            cursor.skip(len)?;
            return Ok(None);
        }
        0x48 => guid(cursor.array()?),
        _ => return Err(cursor.malformed("a value of an unknown type")),
    }))
}

/// Text in the code page of the set; in UTF-16 its length counts bytes too.
fn narrow(cursor: &mut Cursor<'_>, page: Page) -> Result<Option<String>> {
    let len = cursor.u32_le()? as usize;
    Ok(page.decode(cursor.take(len)?))
}

fn currency(units: i64) -> String {
    let sign = if units < 0 { "-" } else { "" };
    let text = format!("{sign}{}.{:04}", units.unsigned_abs() / 10_000, units.unsigned_abs() % 10_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn decimal(cursor: &mut Cursor<'_>) -> Result<String> {
    cursor.skip(2)?;
    let (scale, sign) = (usize::from(cursor.u8()?), cursor.u8()?);
    let high = u128::from(cursor.u32_le()?);
    let digits = (high << 64 | u128::from(cursor.u64_le()?)).to_string();
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let point = if part.is_empty() { "" } else { "." };
    Ok(format!("{}{whole}{point}{part}", if sign == 0 { "" } else { "-" }))
}

/// Seconds from 1601 to 1970.
const EPOCH: i64 = 11_644_473_600;

fn file_time(ticks: u64) -> String {
    let seconds = (ticks / 10_000_000).cast_signed() - EPOCH;
    instant(seconds)
}

/// Days since the last but one day of 1899.
fn date(days: f64) -> String {
    if !days.is_finite() || days.abs() > 4e6 {
        return days.to_string();
    }
    // The fraction counts forwards on either side of the epoch.
    let seconds = days.trunc() * 86_400.0 + days.fract().abs() * 86_400.0;
    instant(seconds.round() as i64 - 2_209_161_600)
}

/// A time as ISO 8601 writes it.
pub(crate) fn instant(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Years that begin in March, in eras of 400 years: leap days come last.
    let shifted = days + 719_468;
    let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3_600, rest / 60 % 60, rest % 60)
}

/// A GUID as people write it.
pub(crate) fn guid(bytes: [u8; 16]) -> String {
    let mut cursor = Cursor::new(&bytes);
    let (first, second, third) = (cursor.u32_le(), cursor.u16_le(), cursor.u16_le());
    let (fourth, rest) = (cursor.u16_be(), [cursor.u16_be(), cursor.u16_be(), cursor.u16_be()]);
    let [high, middle, low] = rest.map(Result::unwrap_or_default);
    let (second, third, fourth) = (second.unwrap_or_default(), third.unwrap_or_default(), fourth.unwrap_or_default());
    let first = first.unwrap_or_default();
    format!("{{{first:08X}-{second:04X}-{third:04X}-{fourth:04X}-{high:04X}{middle:04X}{low:04X}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(kind: u32, bytes: &[u8]) -> Option<String> {
        let all = [&kind.to_le_bytes()[..], bytes].concat();
        let value = read(&all, Page::of(1252), false);
        assert!(value.len.is_none_or(|len| len <= all.len()));
        value.text
    }

    #[test]
    fn types_have_one_canonical_text() {
        assert_eq!(text(0x02, &[0xFF, 0xFF, 0, 0]).as_deref(), Some("-1"));
        assert_eq!(text(0x03, &7u32.to_le_bytes()).as_deref(), Some("7"));
        assert_eq!(text(0x05, &1.5f64.to_le_bytes()).as_deref(), Some("1.5"));
        assert_eq!(text(0x05, &3f64.to_le_bytes()).as_deref(), Some("3"));
        assert_eq!(text(0x06, &(-12_500i64).to_le_bytes()).as_deref(), Some("-1.25"));
        assert_eq!(text(0x0B, &[0xFF, 0xFF, 0, 0]).as_deref(), Some("true"));
        assert_eq!(text(0x1E, b"\x05\0\0\0gr\xfcn\0\0\0\0").as_deref(), Some("grün"));
        assert_eq!(text(0x1E, b"\x08\0\0\0ab\0junk\0").as_deref(), Some("ab"), "text ends at its first NUL");
        assert_eq!(text(0x1F, b"\x02\0\0\0a\0\0\0").as_deref(), Some("a"));
        assert_eq!(text(0x40, &125_911_584_000_000_000u64.to_le_bytes()).as_deref(), Some("2000-01-01T00:00:00Z"));
        assert_eq!(text(0x07, &36_585.5f64.to_le_bytes()).as_deref(), Some("2000-02-29T12:00:00Z"));
        assert_eq!(text(0x41, b"\x02\0\0\0ab").as_deref(), None);
        assert_eq!(text(0x41, b"\xff\xff\xff\x7fab"), None);
        assert_eq!(text(0x0E, b"\0\0\x02\x80\0\0\0\0\x05\0\0\0\0\0\0\0").as_deref(), Some("-0.05"));
        assert_eq!(text(0x101E, b"\x02\0\0\0\x02\0\0\0a\0\x02\0\0\0b\0").as_deref(), Some("a, b"));
        assert_eq!(text(0x100C, b"\x01\0\0\0\x03\0\0\0\x07\0\0\0").as_deref(), Some("7"));
        let class: Vec<u8> = (0..16).collect();
        assert_eq!(text(0x48, &class).as_deref(), Some("{03020100-0504-0706-0809-0A0B0C0D0E0F}"));
        assert_eq!(text(0x7777, b"\0\0\0\0"), None);
    }

    #[test]
    fn code_pages_are_known_or_not() {
        assert_eq!(Page::of(936).decode(b"\xd6\xd0\xce\xc4").as_deref(), Some("中文"));
        assert_eq!(Page::of(1251).decode(b"\xcf\xf0\0").as_deref(), Some("Пр"));
        assert_eq!(Page::of(65001).decode("ü\0".as_bytes()).as_deref(), Some("ü"));
        assert_eq!(Page::of(1200).decode(b"a\0\0\0").as_deref(), Some("a"));
        assert_eq!(Page::of(437).decode(b"abc\0").as_deref(), Some("abc"));
        assert_eq!(Page::of(437).decode(b"\x81"), None);
    }
}
