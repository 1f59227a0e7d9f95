//! Tags: names, attributes, and the namespaces in scope.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use memchr::{memchr, memchr2};

use super::{Attribute, Element, End, Name, Open, Scanner};
use crate::containers::xml::is_space;
use crate::error::{Error, Result};

/// Namespace declarations in scope at once: more are not written by any program, and make look-up slow.
const MAX_DECLARATIONS: usize = 1024;

/// Attributes up to this number are compared pair by pair.
const FEW_ATTRIBUTES: usize = 16;

impl<'t> Scanner<'t> {
    pub(super) fn end_tag(&mut self, rest: &str) -> Result<End<'t>> {
        let unclosed = || self.malformed(self.position, "an end tag is not closed");
        let length = memchr(b'>', rest.as_bytes()).ok_or_else(unclosed)?;
        let qualified = rest.get(2..length).unwrap_or_default().trim_end();
        let Some(open) = self.open.last().filter(|open| open.qualified == qualified) else {
            return Err(self.malformed(self.position, "an end tag does not match its start tag"));
        };
        let (start, qualified) = (open.start, open.qualified);
        let range = self.advance(length + 1);
        self.close();
        Ok(End { qualified, element: start..range.end, range })
    }

    pub(super) fn close(&mut self) {
        if let Some(open) = self.open.pop() {
            self.declarations.truncate(open.declarations);
        }
    }

    pub(super) fn start_tag(&mut self) -> Result<Element<'t>> {
        let start = self.position;
        if self.open.is_empty() && self.has_root {
            return Err(self.malformed(start, "a second root element"));
        }
        let name_range = self.name(start + 1)?;
        let mut attributes = Vec::new();
        let mut at = name_range.end;
        let self_closing = loop {
            let gap = at;
            at += self.spaces(at);
            let tail = self.text.get(at..).unwrap_or_default();
            if tail.starts_with('>') {
                at += 1;
                break false;
            }
            if tail.starts_with("/>") {
                at += 2;
                break true;
            }
            if at == gap {
                return Err(self.malformed(at, "a start tag is not closed"));
            }
            let attribute = self.attribute(gap, at)?;
            at = attribute.range.end;
            attributes.push(attribute);
            self.items += 1;
            self.limits.check_items(self.items, "XML nodes")?;
        };
        self.position = at;
        let qualified = self.text.get(name_range.clone()).unwrap_or_default();
        self.check_unique(&attributes)?;
        self.open(qualified, start, &attributes)?;
        for attribute in &mut attributes {
            attribute.name = self.resolve(attribute.name.qualified, true);
        }
        if self_closing {
            self.pending_end = Some(End { qualified, range: at..at, element: start..at });
        }
        let name = self.resolve(qualified, false);
        Ok(Element { name, range: start..at, name_range, attributes, self_closing })
    }

    fn open(&mut self, qualified: &'t str, start: usize, attributes: &[Attribute<'t>]) -> Result<()> {
        self.has_root = true;
        self.open.push(Open { qualified, start, declarations: self.declarations.len() });
        self.limits.check_depth(self.open.len()).map_err(|error| error.at(self.source.raw_offset(start) as u64))?;
        for attribute in attributes {
            if let Some(prefix) = attribute.declares() {
                self.declarations.push((prefix, attribute.value()));
            }
        }
        if self.declarations.len() > MAX_DECLARATIONS {
            return Err(Error::limit("too many XML namespaces").at(self.source.raw_offset(start) as u64));
        }
        Ok(())
    }

    fn check_unique(&self, attributes: &[Attribute<'t>]) -> Result<()> {
        let names = || attributes.iter().map(|attribute| attribute.name.qualified);
        let twice = if attributes.len() <= FEW_ATTRIBUTES {
            names().enumerate().any(|(index, name)| names().take(index).any(|earlier| earlier == name))
        } else {
            let mut seen = HashSet::with_capacity(attributes.len());
            names().any(|name| !seen.insert(name))
        };
        match attributes.first() {
            Some(first) if twice => Err(self.malformed(first.range.start, "an attribute occurs twice in one tag")),
            _ => Ok(()),
        }
    }

    /// The attribute whose name begins at `at`, after white space from `gap`.
    fn attribute(&mut self, gap: usize, at: usize) -> Result<Attribute<'t>> {
        let name_range = self.name(at)?;
        let equals = name_range.end + self.spaces(name_range.end);
        if self.text.as_bytes().get(equals) != Some(&b'=') {
            return Err(self.malformed(at, "an attribute without a value"));
        }
        let open = equals + 1 + self.spaces(equals + 1);
        let quote = match self.text.as_bytes().get(open) {
            Some(quote @ (b'"' | b'\'')) => *quote,
            _ => return Err(self.malformed(at, "an attribute value without quotes")),
        };
        let tail = self.text.as_bytes().get(open + 1..).unwrap_or_default();
        let length = match memchr2(quote, b'<', tail) {
            Some(length) if tail.get(length) == Some(&quote) => length,
            _ => return Err(self.malformed(open, "an attribute value is not closed")),
        };
        let value_range = open + 1..open + 1 + length;
        let raw = self.text.get(value_range.clone()).unwrap_or_default();
        self.check_references(raw, value_range.start)?;
        let name = split_name(self.text.get(name_range.clone()).unwrap_or_default());
        Ok(Attribute {
            name,
            name_range,
            range: gap..value_range.end + 1,
            value_range,
            raw,
            entities: self.entities.clone(),
        })
    }

    /// The name at `at`.
    fn name(&self, at: usize) -> Result<Range<usize>> {
        let tail = self.text.as_bytes().get(at..).unwrap_or_default();
        let length = tail
            .iter()
            .position(|byte| is_space(*byte) || matches!(byte, b'=' | b'>' | b'/' | b'<' | b'"' | b'\'' | b'&'))
            .unwrap_or(tail.len());
        match tail.first() {
            Some(first) if length > 0 && !first.is_ascii_digit() && !matches!(first, b'-' | b'.' | b'!' | b'?') => {
                Ok(at..at + length)
            }
            _ => Err(self.malformed(at, "a name is wanted")),
        }
    }

    fn spaces(&self, at: usize) -> usize {
        let tail = self.text.as_bytes().get(at..).unwrap_or_default();
        tail.iter().position(|byte| !is_space(*byte)).unwrap_or(tail.len())
    }

    fn resolve(&self, qualified: &'t str, is_attribute: bool) -> Name<'t> {
        let name = split_name(qualified);
        if is_attribute && name.prefix.is_empty() {
            return name;
        }
        let namespace = self.namespace(name.prefix).cloned().unwrap_or_default();
        Name { namespace, ..name }
    }
}

fn split_name(qualified: &str) -> Name<'_> {
    let (prefix, local) = qualified.split_once(':').unwrap_or(("", qualified));
    Name { qualified, prefix, local, namespace: Cow::Borrowed("") }
}
