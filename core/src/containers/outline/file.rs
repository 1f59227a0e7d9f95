//! The survey.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Outline, Picture};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Member, Planned, Removal, Survey};

/// A surveyed text.
#[derive(Debug)]
pub(crate) struct OutlineFile<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    outline: Outline,
    findings: Findings,
}

impl<'a> OutlineFile<'a> {
    /// The file `input`, of which this is known.
    pub(crate) fn new(input: &'a [u8], mut outline: Outline, limits: &'a Limits) -> Self {
        let sites = std::mem::take(&mut outline.sites);
        outline.claims.sort_unstable_by_key(|claim| claim.start);
        Self { input, limits, outline, findings: Findings { sites, ..Findings::default() } }
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn picture(&self, index: usize) -> Result<&Picture> {
        self.outline.pictures.get(index).ok_or_else(|| Error::unsupported(format!("there is no member {index}")))
    }

    /// Puts new data in the place of a picture, if it has the same length.
    fn exchange(&self, index: usize, data: &[u8]) -> Result<Result<Edit, Barrier>> {
        let picture = self.picture(index)?;
        let mut letters = STANDARD.encode(data).into_bytes().into_iter();
        // Line breaks stand where they stood.
        let old = self.bytes(picture.range.clone());
        let mut new = Vec::with_capacity(old.len());
        for (at, byte) in old.iter().enumerate() {
            match byte {
                b'\\' => new.push(b'\\'),
                b'n' if at.checked_sub(1).and_then(|before| old.get(before)) == Some(&b'\\') => new.push(b'n'),
                _ => new.extend(letters.next()),
            }
        }
        if new.len() != old.len() || letters.next().is_some() {
            return Ok(Err(Barrier::new(ErrorKind::Unsupported, "new data of a picture must be as long as the old")));
        }
        Ok(Ok(Edit::replace(picture.range.start as u64..picture.range.end as u64, new)))
    }
}

/// Base64 text without the line breaks that JSON spells `\n`; nothing where other letters are escaped.
fn letters(text: &[u8]) -> Option<Vec<u8>> {
    let mut text = text.iter();
    let mut letters = Vec::with_capacity(text.len());
    while let Some(byte) = text.next() {
        match byte {
            b'\\' if text.next() == Some(&b'n') => {}
            b'\\' => return None,
            other => letters.push(*other),
        }
    }
    Some(letters)
}

impl Survey for OutlineFile<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let mut edits = self.outline.edits(self.input, removal.sites, layout);
        let mut left_members = Vec::new();
        for (index, data) in removal.members {
            match self.exchange(*index, data)? {
                Ok(edit) => edits.push(edit),
                Err(barrier) => left_members.push((*index, barrier)),
            }
        }
        Ok(Planned { plan: Plan::new(edits, self.input.len() as u64)?, left_members, ..Planned::default() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        let claims = &self.outline.claims;
        for region in &self.outline.metadata {
            let first = claims.partition_point(|claim| claim.start < region.start);
            let inside = claims.iter().skip(first).take_while(|claim| claim.start < region.end);
            let inside: Vec<_> =
                inside.map(|claim| claim.start - region.start..claim.end.min(region.end) - region.start).collect();
            scan.raw_region(Class::Metadata, "", region.start as u64, self.bytes(region.clone()), &inside);
        }
        if scan.wants_content() {
            scan.text_around(self.input, &self.outline.metadata);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let member = |picture: &Picture| Member {
            place: picture.place.clone(),
            offset: picture.range.start as u64,
            len: picture.range.len() as u64 / 4 * 3,
            barrier: None,
        };
        self.outline.pictures.iter().map(member).collect()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let picture = self.picture(index)?;
        let head = picture.range.start..picture.range.end.min(picture.range.start + 2 * len);
        let text = letters(self.bytes(head)).unwrap_or_default();
        let whole = text.len() / 4 * 4;
        let mut bytes = STANDARD.decode(text.get(..whole).unwrap_or_default()).unwrap_or_default();
        bytes.truncate(len);
        Ok(bytes)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let picture = self.picture(index)?;
        self.limits.check_part(picture.range.len() as u64)?;
        let text = letters(self.bytes(picture.range.clone()));
        let bytes = text.and_then(|text| STANDARD.decode(text).ok());
        let bytes = bytes.ok_or_else(|| Error::malformed(picture.range.start as u64, "broken base64"))?;
        Ok(Cow::Owned(bytes))
    }
}
