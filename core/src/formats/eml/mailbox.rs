//! From a file to the messages in it.

use std::collections::HashSet;
use std::ops::Range;

use memchr::memmem;

use crate::containers::mime::{is_field, lines};
use crate::error::{Error, Result};
use crate::limits::Limits;

/// The messages of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mailbox {
    /// Each from its header to its end.
    pub(super) messages: Vec<Range<usize>>,
    /// The lines before them, which name a sender and a time.
    pub(super) envelopes: Vec<Range<usize>>,
    /// Where the length of the only message is written, in digits and spaces.
    pub(super) count: Option<Range<usize>>,
    /// What follows the only message: a property list of Apple Mail.
    pub(super) trailer: Range<usize>,
}

const BOM: &[u8] = b"\xef\xbb\xbf";

/// What begins the line before a message.
pub(super) const ENVELOPE: &[u8] = b"From ";

impl Mailbox {
    /// Finds the messages of `input`.
    pub(super) fn of(input: &[u8], limits: &Limits) -> Result<Self> {
        let end = input.len();
        let start = if input.starts_with(BOM) { BOM.len() } else { 0 };
        let mut mailbox = Self { trailer: end..end, ..Self::default() };
        if let Some(count) = count(input) {
            let digits = input.get(count.clone()).unwrap_or_default().trim_ascii();
            let len: usize = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
            let first = count.end + 1;
            let last = first.checked_add(len).filter(|last| *last <= end);
            let last = last.ok_or_else(|| Error::malformed(0, "the file ends before its message does"))?;
            mailbox.messages.push(first..last);
            mailbox.count = Some(count);
            mailbox.trailer = last..end;
            return Ok(mailbox);
        }
        for line in envelopes(input, start) {
            mailbox.messages.last_mut().into_iter().for_each(|message| message.end = line.start);
            limits.check_items(mailbox.messages.len() + 1, "messages")?;
            mailbox.messages.push(line.end..end);
            mailbox.envelopes.push(line);
        }
        if mailbox.messages.is_empty() {
            mailbox.messages.push(start..end);
        }
        Ok(mailbox)
    }
}

/// The lines that begin messages; none unless the file begins with one.
fn envelopes(input: &[u8], start: usize) -> Vec<Range<usize>> {
    if envelope(input, start).is_none() {
        return Vec::new();
    }
    let starts = std::iter::once(start).chain(memmem::find_iter(input, b"\nFrom ").map(|at| at + 1));
    let is_behind_blank = |at: usize| {
        let before = input.get(..at).unwrap_or_default();
        at == start || before.ends_with(b"\n\n") || before.ends_with(b"\n\r\n")
    };
    starts.filter(|at| is_behind_blank(*at)).filter_map(|at| envelope(input, at)).collect()
}

/// The line at `at`, if it begins a message: it says a time, and a field or a blank line follows.
fn envelope(input: &[u8], at: usize) -> Option<Range<usize>> {
    let mut lines = lines(input, at..input.len());
    let line = lines.next()?;
    let text = input.get(line.clone())?;
    let has_time = text.windows(5).any(|five| {
        let [a, b, colon, c, d] = five else { return false };
        *colon == b':' && [a, b, c, d].into_iter().all(u8::is_ascii_digit)
    });
    let next = lines.next().and_then(|next| input.get(next)).unwrap_or_default();
    let begins = next.trim_ascii().is_empty() || next.starts_with(b">") || is_field(next);
    (text.starts_with(ENVELOPE) && !is_field(text) && has_time && begins).then_some(line)
}

/// Where Apple Mail writes the length of its message: alone on the first line.
fn count(input: &[u8]) -> Option<Range<usize>> {
    let head = input.get(..input.len().min(32))?;
    let end = head.iter().position(|byte| *byte == b'\n')?;
    let line = head.get(..end)?;
    let digits = line.trim_ascii_end();
    (!digits.is_empty() && digits.iter().all(u8::is_ascii_digit)).then_some(0..end)
}

/// Fields of which a message has some.
const TELLING: [&[u8]; 18] = [
    b"bcc",
    b"cc",
    b"content-transfer-encoding",
    b"content-type",
    b"date",
    b"delivered-to",
    b"dkim-signature",
    b"from",
    b"in-reply-to",
    b"message-id",
    b"mime-version",
    b"received",
    b"references",
    b"reply-to",
    b"return-path",
    b"sender",
    b"subject",
    b"to",
];

/// Bytes of a header that are looked at.
const SNIFFED: usize = 64 << 10;

/// Whether the bytes begin with a header of a message, or with what precedes one.
pub(super) fn is_mail(input: &[u8]) -> bool {
    let input = input.get(..input.len().min(SNIFFED)).unwrap_or_default();
    let mut start = if input.starts_with(BOM) { BOM.len() } else { 0 };
    if let Some(count) = count(input) {
        start = count.end + 1;
    } else if input.get(start..).unwrap_or_default().starts_with(ENVELOPE) {
        return envelope(input, start).is_some();
    }
    let mut seen = HashSet::new();
    let mut is_first = true;
    for line in lines(input, start..input.len()) {
        match input.get(line).unwrap_or_default() {
            b"\n" | b"\r\n" => return seen.len() >= 2,
            [b' ' | b'\t', ..] if !is_first => {}
            field if is_field(field) => {
                let name = field.split(|byte| *byte == b':').next().unwrap_or_default();
                let name = name.trim_ascii_end().to_ascii_lowercase();
                if TELLING.contains(&&*name) {
                    seen.insert(name);
                }
            }
            // Readers forgive a missing blank line, but then so few fields could be any text.
            _ => return false,
        }
        is_first = false;
    }
    seen.len() >= 2
}
