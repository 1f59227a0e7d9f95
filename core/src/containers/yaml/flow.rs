//! Flow collections: brackets and commas.

use std::ops::Range;

use super::lexer::Lexer;
use crate::error::Result;
use crate::limits::Limits;

/// One entry of a flow collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) range: Range<usize>,
    /// Its key, in a mapping.
    pub(crate) key: Option<Range<usize>>,
    pub(crate) value: Range<usize>,
}

/// A flow collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flow {
    /// What stands between the brackets.
    pub(crate) body: Range<usize>,
    pub(crate) items: Vec<Item>,
    pub(crate) is_map: bool,
    /// Whether no item is a collection, has a key where there should be none, or an anchor or tag.
    pub(crate) is_flat: bool,
}

impl Flow {
    /// The collection that begins at the start of `range`, if one does, and it is all there is.
    pub(crate) fn read(text: &str, range: Range<usize>, limits: &Limits) -> Option<Self> {
        let mut lexer = Lexer::new(text, range.clone(), limits);
        if !matches!(lexer.byte(0), Some(b'[' | b'{')) {
            return None;
        }
        let mut flow = Some(Self { is_flat: true, ..Self::default() });
        lexer.flow(&mut flow, 0).ok()?;
        flow.filter(|_| lexer.at == range.end)
    }
}

impl Lexer<'_> {
    /// Reads a flow collection; `into` takes its own items, not those of collections within.
    pub(super) fn flow(&mut self, into: &mut Option<Flow>, depth: usize) -> Result<()> {
        self.limits.check_depth(depth).map_err(|error| error.at(self.at as u64))?;
        let is_map = self.byte(0) == Some(b'{');
        let close = if is_map { b'}' } else { b']' };
        self.at += 1;
        let start = self.at;
        loop {
            self.skip_flow_space()?;
            if self.byte(0) == Some(close) {
                break;
            }
            let item = self.item(is_map, into, depth)?;
            if let Some(flow) = into {
                self.limits.check_items(flow.items.len(), "entries of a collection")?;
                flow.items.push(item);
            }
            self.skip_flow_space()?;
            match self.byte(0) {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => break,
                _ => return Err(self.malformed("a comma or the end of a collection is missing")),
            }
        }
        if let Some(flow) = into {
            flow.body = start..self.at;
            flow.is_map = is_map;
        }
        self.at += 1;
        Ok(())
    }

    fn item(&mut self, is_map: bool, into: &mut Option<Flow>, depth: usize) -> Result<Item> {
        let start = self.at;
        let is_explicit = self.byte(0) == Some(b'?') && self.is_space(1);
        if is_explicit {
            self.at += 1;
            self.skip_flow_space()?;
        }
        let mut unflat = is_explicit;
        let is_quoted = matches!(self.byte(0), Some(b'"' | b'\'' | b'[' | b'{'));
        let first = self.node(depth, &mut unflat)?;
        let end = self.at;
        self.skip_flow_space()?;
        let is_pair = self.byte(0) == Some(b':') && (is_quoted || self.ends_plain(1));
        let item = if is_pair {
            self.at += 1;
            let colon = self.at;
            self.skip_flow_space()?;
            let value = self.node(depth, &mut unflat)?;
            let value = if value.is_empty() { colon..colon } else { value };
            self.at = self.at.max(value.end);
            unflat |= !is_map;
            Item { range: start..value.end, key: Some(first), value }
        } else {
            if first.is_empty() && !is_explicit {
                return Err(self.malformed("an entry of a collection is missing"));
            }
            let value = if is_map { end..end } else { first.clone() };
            Item { range: start..end, key: is_map.then_some(first), value }
        };
        if let Some(flow) = into {
            flow.is_flat &= !unflat;
        }
        Ok(item)
    }

    /// Whether the byte at a distance ends a plain scalar behind a colon.
    fn ends_plain(&self, ahead: usize) -> bool {
        self.is_space(ahead) || self.byte(ahead).is_some_and(|byte| b",[]{}".contains(&byte))
    }

    /// Reads a node, which may be empty, and answers its range.
    fn node(&mut self, depth: usize, unflat: &mut bool) -> Result<Range<usize>> {
        let start = self.at;
        while matches!(self.byte(0), Some(b'&' | b'!' | b'*')) {
            *unflat = true;
            while !self.ends_plain(0) {
                self.at += 1;
            }
            let end = self.at;
            self.skip_flow_space()?;
            if self.byte(0).is_none_or(|byte| b",]}:".contains(&byte)) {
                self.at = end;
                return Ok(start..end);
            }
        }
        match self.byte(0) {
            Some(b'"' | b'\'') => self.quoted()?,
            Some(b'[' | b'{') => {
                *unflat = true;
                self.flow(&mut None, depth + 1)?;
            }
            Some(b',' | b']' | b'}') | None => {}
            Some(b':') if self.ends_plain(1) => {}
            Some(b'-' | b'?') if self.is_space(1) => return Err(self.malformed("a block entry in a flow collection")),
            Some(b'#' | b'|' | b'>' | b'@' | b'`' | b'%') => return Err(self.malformed("a sign that begins no value")),
            Some(_) => return self.flow_plain().map(|end| start..end),
        }
        Ok(start..self.at)
    }

    /// Reads a plain scalar, and answers where it ends.
    fn flow_plain(&mut self) -> Result<usize> {
        loop {
            while !(self.ends_plain(0) || (self.byte(0) == Some(b':') && self.ends_plain(1))) {
                self.at += 1;
            }
            let end = self.position();
            while self.byte(0).is_some() && self.is_space(0) {
                if self.byte(0) == Some(b'\n') {
                    self.next_line();
                } else {
                    self.at += 1;
                }
                if self.is_mark() {
                    return Err(self.malformed("a collection does not end in its document"));
                }
            }
            let is_end = self.at == end.at
                || self.ends_plain(0)
                || self.byte(0) == Some(b'#')
                || (self.byte(0) == Some(b':') && self.ends_plain(1));
            if is_end {
                self.go_to(end);
                return Ok(end.at);
            }
        }
    }
}
