//! The text that a part of a document spells: code pages, Unicode and what stands in for it.

use std::ops::Range;

use encoding_rs::Encoding;

use super::scan::{Scanner, Token, destination, group_end};
use crate::containers::text::decode_as;

/// How text is spelled where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Charset {
    /// Of bytes that are no ASCII.
    pub(crate) encoding: &'static Encoding,
    /// How many characters follow each `\u` for readers that do not know it.
    pub(crate) skipped: usize,
}

impl Default for Charset {
    fn default() -> Self {
        Self { encoding: encoding_rs::WINDOWS_1252, skipped: 1 }
    }
}

impl Charset {
    /// What a control word says of the character set.
    pub(crate) fn heed(&mut self, word: &str, number: Option<i32>) {
        match (word, number) {
            ("ansicpg", Some(page)) => self.encoding = code_page(page).unwrap_or(self.encoding),
            ("mac", _) => self.encoding = encoding_rs::MACINTOSH,
            ("uc", Some(skipped)) => self.skipped = usize::try_from(skipped).unwrap_or(0).min(64),
            _ => {}
        }
    }
}

/// The encoding of a Windows code page.
fn code_page(page: i32) -> Option<&'static Encoding> {
    let label = match page {
        874 => "windows-874",
        866 => "ibm866",
        932 => "shift_jis",
        936 => "gbk",
        949 | 1361 => "euc-kr",
        950 => "big5",
        10000 => "macintosh",
        20866 => "koi8-r",
        54936 => "gb18030",
        65001 => "utf-8",
        1250..=1258 => return Encoding::for_label(format!("windows-{page}").as_bytes()),
        _ => return None,
    };
    Encoding::for_label(label.as_bytes())
}

/// The text that the groups and controls of `range` spell.
pub(crate) fn text(bytes: &[u8], range: Range<usize>, charset: Charset) -> String {
    let mut writer = Writer { out: String::new(), pending: Vec::new(), units: Vec::new(), charset };
    writer.read(bytes, range);
    writer.flush();
    writer.out
}

struct Writer {
    out: String,
    /// Bytes of the code page, which may make up characters only together.
    pending: Vec<u8>,
    /// The same for UTF-16.
    units: Vec<u16>,
    charset: Charset,
}

impl Writer {
    fn read(&mut self, bytes: &[u8], range: Range<usize>) {
        let mut scanner = Scanner::new(bytes, range);
        let mut saved = Vec::new();
        let mut skip = 0usize;
        // The first of two groups that say the same, once in Unicode.
        let mut is_doubled = false;
        while let Some((token, range)) = scanner.next() {
            match token {
                Token::Open => {
                    let group = destination(bytes, range.start);
                    let is_unknown = group.is_ignorable && group.name != "ud";
                    skip = 0;
                    if is_unknown || std::mem::take(&mut is_doubled) {
                        let Ok(end) = group_end(bytes, range.start) else { break };
                        scanner.seek(end);
                        continue;
                    }
                    saved.push(self.charset.skipped);
                }
                Token::Close => {
                    skip = 0;
                    self.charset.skipped = saved.pop().unwrap_or(self.charset.skipped);
                }
                Token::Text => {
                    let plain = bytes.get(range).unwrap_or_default().iter().filter(|byte| !b"\r\n\0".contains(byte));
                    for byte in plain {
                        if skip > 0 {
                            skip -= 1;
                        } else {
                            self.byte(*byte);
                        }
                    }
                }
                Token::Word { name, number } if scanner.name(&name) == "u" => {
                    self.flush_bytes();
                    self.units.extend(number.map(|unit| unit.cast_unsigned() as u16));
                    skip = self.charset.skipped;
                }
                _ if skip > 0 => skip -= 1,
                Token::Byte(byte) => self.byte(byte),
                Token::Symbol(symbol) => self.symbol(symbol),
                Token::Word { name, number } => {
                    let name = scanner.name(&name);
                    is_doubled |= name == "upr";
                    self.charset.heed(name, number);
                    self.word(name);
                }
                Token::Binary(_) => {}
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        self.flush_units();
        self.pending.push(byte);
    }

    fn letter(&mut self, letter: char) {
        self.flush();
        self.out.push(letter);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\\' | b'{' | b'}' => self.byte(symbol),
            b'~' => self.letter('\u{a0}'),
            b'_' => self.letter('\u{2011}'),
            b'\n' | b'\r' => self.letter('\n'),
            b'\t' => self.letter('\t'),
            _ => {}
        }
    }

    fn word(&mut self, word: &str) {
        self.letter(match word {
            "par" | "line" | "sect" | "page" => '\n',
            "tab" => '\t',
            "emdash" => '\u{2014}',
            "endash" => '\u{2013}',
            "bullet" => '\u{2022}',
            "lquote" => '\u{2018}',
            "rquote" => '\u{2019}',
            "ldblquote" => '\u{201c}',
            "rdblquote" => '\u{201d}',
            "emspace" => '\u{2003}',
            "enspace" => '\u{2002}',
            _ => return,
        });
    }

    fn flush(&mut self) {
        self.flush_bytes();
        self.flush_units();
    }

    fn flush_bytes(&mut self) {
        if !self.pending.is_empty() {
            self.out.push_str(&decode_as(&self.pending, self.charset.encoding));
            self.pending.clear();
        }
    }

    fn flush_units(&mut self) {
        if !self.units.is_empty() {
            self.out.push_str(&String::from_utf16_lossy(&self.units));
            self.units.clear();
        }
    }
}
