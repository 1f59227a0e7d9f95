//! Outlook messages ([MS-OXMSG]) in compound files: messages, contacts, appointments, templates.
//!
//! Labels are the properties named by text: those that users, add-ins and mail headers brought along (`msip_labels`
//! arrives as such a property). The message maps names to numbers for all of its objects; recipients, attachments and
//! messages inside have properties too. Categories (`Keywords`) are a field of the format.
//!
//! A property goes with its record, from which the list of the object becomes shorter, and with its value, whose
//! streams become empty. The map of names is an array that numbers lead into: no entry of it goes. A name that no
//! object uses any more becomes another of the same length in the same hash bucket. Streams that become shorter give
//! their sectors back. Both layouts are the same.
//!
//! The header that the message was received with is kept as text; its fields are labels as they are in mail, and so are
//! the pairs of `msip_labels`. They are cut out of the text, and spaces follow it.
//!
//! What stays behind: empty streams where values stood; properties known by number only; the body.

mod headers;
mod kinds;
mod names;
mod storage;
mod survey;
#[cfg(test)]
mod tests;

use crate::containers::cfb;
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::survey::Survey;

/// Messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Msg;

impl Format for Msg {
    fn name(&self) -> &'static str {
        "msg"
    }

    fn extensions(&self) -> &'static [&'static str] {
        &["msg", "oft"]
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let is_list = |name: &String| name.eq_ignore_ascii_case(storage::PROPERTIES);
        cfb::is_compound_file(input) && cfb::root_names(input).iter().any(is_list)
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        Ok(Box::new(survey::Message::open(input, limits)?))
    }
}
