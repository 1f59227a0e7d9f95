//! Mail: single messages (RFC 5322), mailboxes of messages (RFC 4155), messages of Apple Mail, and web archives (RFC 2557).
//!
//! Labels are header fields: of the message, of its parts, and of messages inside it. The pairs of `msip_labels` and the
//! properties in TITUS metadata are labels of their own. Attachments and HTML bodies are files inside.
//!
//! A header has no filler, so both layouts cut fields out, and a plan of either changes the length. The text of an
//! attachment is exchanged in its own coding, line by line; with data of the same length it keeps its length. The count
//! at the head of a message of Apple Mail follows.
//!
//! Refused: fields that a DKIM or ARC signature lists, everything behind the header that such a signature covers, what
//! stands in signed parts; fields without which the body cannot be read; one TITUS property without the others. What
//! stays behind: text bodies, the line before a message in a mailbox, text attachments in old codings (uuencode).

mod mailbox;
mod survey;
#[cfg(test)]
mod tests;

use self::mailbox::Mailbox;
use self::survey::Mail;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Messages and mailboxes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eml;

impl Format for Eml {
    fn name(&self) -> &'static str {
        "eml"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["eml", "emlx", "mbox", "mbx", "mht", "mhtml", "mim", "mime", "nws"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        mailbox::is_mail(input)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(Mail::open(input, Mailbox::of(input, limits)?, limits)?))
    }
}
