//! A document as a survey.

use std::borrow::Cow;
use std::ops::Range;

use super::objects::Object;
use super::walk::{Found, walk};
use crate::containers::rtf::{Scanner, Token};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Member, Planned, Removal, Survey};

/// A surveyed document.
#[derive(Debug)]
pub(super) struct Document<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    findings: Findings,
    found: Found,
}

impl<'a> Document<'a> {
    /// Reads the document that opens at `start`.
    pub(super) fn open(input: &'a [u8], start: usize, limits: &'a Limits) -> Result<Self> {
        let mut found = walk(input, start, limits)?;
        let sites = std::mem::take(&mut found.sites);
        Ok(Self { input, limits, findings: Findings { sites, ..Findings::default() }, found })
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn object(&self, index: usize) -> Result<&Object> {
        self.found.objects.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }

    /// What goes when the sites with these indices (ascending) go.
    fn cuts(&self, chosen: &[usize]) -> Vec<Range<usize>> {
        let is_chosen = |site: usize| chosen.binary_search(&site).is_ok();
        let whole: Vec<_> = self.found.groups.iter().filter(|(_, sites)| sites.clone().all(is_chosen)).collect();
        let in_whole = |site: usize| {
            let group = whole.partition_point(|(_, sites)| sites.end <= site);
            whole.get(group).is_some_and(|(_, sites)| sites.contains(&site))
        };
        let alone = chosen.iter().filter(|site| !in_whole(**site)).filter_map(|site| self.found.cuts.get(*site));
        whole.iter().map(|(range, _)| range).chain(alone).cloned().collect()
    }

    fn take_out(&self, cut: &Range<usize>, layout: Layout) -> Edit {
        let range = cut.start as u64..cut.end as u64;
        // What follows must not go on with the control word before the cut.
        let joins = self.input.get(cut.end).is_some_and(|next| !b"{}\\\r\n".contains(next));
        match layout {
            Layout::Preserve => Edit::fill(range, b'\n'),
            Layout::Compact if joins => Edit::replace(range, &b"\n"[..]),
            Layout::Compact => Edit::delete(range),
        }
    }

    /// Control words and braces of a group, which are no trace of a label.
    fn structure(&self, range: &Range<usize>) -> Vec<Range<usize>> {
        let mut scanner = Scanner::new(self.input, range.clone());
        let mut claims = Vec::new();
        while let Some((token, at)) = scanner.next() {
            if let Token::Word { name, .. } = token {
                claims.push(name.start - 1 - range.start..at.end - range.start);
            }
        }
        claims
    }
}

impl Survey for Document<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits: Vec<Edit> = self.cuts(removal.sites).iter().map(|cut| self.take_out(cut, layout)).collect();
        let mut left_members = Vec::new();
        for (index, data) in removal.members {
            if let Some(new) = self.object(*index)?.exchange(self.input, data) {
                edits.extend(new);
            } else {
                let reason = "the object says how long it is, and is not moved";
                left_members.push((*index, Barrier::new(ErrorKind::Unsupported, reason)));
            }
        }
        let behind = self.found.end;
        let mut position = behind;
        for found in removal.needles.occurrences(self.bytes(behind..self.input.len())) {
            let range = (behind + found.range.start).max(position)..behind + found.range.end;
            if range.start < range.end {
                position = range.end;
                edits.push(Edit::fill(range.start as u64..range.end as u64, b'\n'));
            }
        }
        Ok(Planned { plan: Plan::new(edits, self.input.len() as u64)?, left_members, ..Planned::default() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        for region in &self.found.metadata {
            let mut claims = self.structure(region);
            let first = self.found.cuts.partition_point(|cut| cut.start < region.start);
            let inside = self.found.cuts.iter().skip(first).take_while(|cut| cut.end <= region.end);
            claims.extend(inside.map(|cut| cut.start - region.start..cut.end - region.start));
            let bytes = self.bytes(region.clone());
            scan.raw_region(Class::Metadata, "description of the document", region.start as u64, bytes, &claims);
        }
        for object in &self.found.objects {
            let class = if object.is_description() { Class::Metadata } else { Class::Content };
            if class == Class::Metadata || scan.wants_content() {
                self.limits.check_part(object.file_len() as u64)?;
                let data = object.file(self.input, usize::MAX);
                scan.region(class, &object.place, object.offset() as u64, &data, &[]);
            }
        }
        let end = self.found.end;
        scan.raw_region(Class::Slack, "behind the document", end as u64, self.bytes(end..self.input.len()), &[]);
        if scan.wants_text(self.input.len() as u64) {
            scan.text_around(self.bytes(0..end), &self.found.metadata);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let member = |object: &Object| Member {
            place: object.place.clone(),
            offset: object.offset() as u64,
            len: object.file_len() as u64,
            barrier: None,
        };
        self.found.objects.iter().map(member).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        Ok(self.object(index)?.file(self.input, len))
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let object = self.object(index)?;
        self.limits.check_part(object.file_len() as u64)?;
        Ok(Cow::Owned(object.file(self.input, usize::MAX)))
    }
}
