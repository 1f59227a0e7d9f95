//! Messages as a survey.

use std::borrow::Cow;
use std::ops::Range;

use super::mailbox::{ENVELOPE, Mailbox};
use crate::containers::Carrier;
use crate::containers::mime::{Block, Coding, Decoder, Entity, Tree, lines};
use crate::containers::nested::growth;
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::needles::Needles;
use crate::plan::{Edit, Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Member, Planned, Removal, Survey};

/// Coded text is decoded in pieces of about this many bytes.
const PIECE: usize = 1 << 20;

/// Headers of mailboxes are searched together until they are this long: one long search is cheaper than many short ones.
const GATHERED: usize = 256 << 10;

/// Surveyed messages.
#[derive(Debug)]
pub(super) struct Mail<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    mailbox: Mailbox,
    tree: Tree<'a>,
    findings: Findings,
    /// The entities that carry files.
    files: Vec<usize>,
}

impl<'a> Mail<'a> {
    /// Reads every message of `mailbox`.
    pub(super) fn open(input: &'a [u8], mailbox: Mailbox, limits: &'a Limits) -> Result<Self> {
        let mut tree = Tree::new(input, limits);
        let is_one = mailbox.messages.len() == 1;
        for (index, message) in mailbox.messages.iter().enumerate() {
            let place = if is_one { String::new() } else { format!("message {}", index + 1) };
            let over = if mailbox.envelopes.is_empty() { None } else { counted(input, message.clone(), limits)? };
            let first = tree.entities.len();
            tree.add_message(message.clone(), &place, over)?;
            if let Some(entity) = tree.entities.get(first) {
                check_text(input, entity)?;
            }
        }
        let sites = std::mem::take(&mut tree.sites);
        let files = (0..tree.entities.len()).filter(|index| tree.entities.get(*index).is_some_and(is_file)).collect();
        Ok(Self { input, limits, mailbox, tree, findings: Findings { sites, ..Findings::default() }, files })
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn file(&self, index: usize) -> Result<&Entity> {
        let entity = self.files.get(index).and_then(|entity| self.tree.entities.get(*entity));
        let entity = entity.ok_or_else(|| Error::unsupported(format!("there is no member {index}")))?;
        match &entity.closed {
            Some(barrier) => Err(Error::new(barrier.kind, barrier.reason.clone()).at(entity.body.start as u64)),
            None => Ok(entity),
        }
    }

    /// Hands the decoded body of an entity to `take`, piece by piece, until it says that it is enough.
    fn decode(&self, entity: &Entity, mut take: impl FnMut(&[u8]) -> bool) -> Result<()> {
        let mut decoder = Decoder::new(&entity.coding)?;
        let mut out = Vec::new();
        for piece in pieces(self.input, &entity.body) {
            out.clear();
            decoder.push(self.bytes(piece), &mut out);
            if !take(&out) {
                break;
            }
        }
        Ok(())
    }

    /// The edits that cut chosen sites out, and the sites that cannot go alone.
    fn cuts(&self, sites: &[usize]) -> (Vec<Edit>, Vec<(usize, Barrier)>) {
        let (mut edits, mut left) = (Vec::new(), Vec::new());
        let ends = self.tree.entities.iter().skip(1).map(|next| next.first_site).chain([usize::MAX]);
        for (entity, end) in self.tree.entities.iter().zip(ends) {
            let from = sites.partition_point(|site| *site < entity.first_site);
            let to = sites.partition_point(|site| *site < end);
            let own: Vec<usize> =
                sites.get(from..to).unwrap_or_default().iter().map(|site| site - entity.first_site).collect();
            if own.is_empty() {
                continue;
            }
            let cuts = entity.header.cuts(&own);
            // Without a blank line behind it a header that loses every field leaves the body to be taken for one.
            let runs_on = cuts.ranges.iter().map(ExactSizeIterator::len).sum::<usize>() == entity.block.len();
            if runs_on && !self.mailbox.envelopes.is_empty() && self.bytes(entity.body.clone()).starts_with(ENVELOPE) {
                let reason = "what follows the header would begin a message: no blank line is between them";
                let barrier = Barrier::new(ErrorKind::Unsupported, reason);
                left.extend(own.iter().map(|site| (site + entity.first_site, barrier.clone())));
                continue;
            }
            let has_returns = self.bytes(entity.block.clone()).ends_with(b"\r\n");
            let blank = if has_returns { "\r\n" } else { "\n" };
            let mut blank = (runs_on && !entity.body.is_empty()).then_some(blank);
            edits.extend(cuts.ranges.into_iter().map(|cut| {
                let with = blank.take().unwrap_or_default();
                Edit::replace(cut.start as u64..cut.end as u64, with)
            }));
            left.extend(cuts.left.into_iter().map(|(site, barrier)| (site + entity.first_site, barrier)));
        }
        (edits, left)
    }

    /// The edit that puts `data` in the place of a member.
    fn exchange(&self, index: usize, data: &[u8]) -> Result<Option<Edit>> {
        let entity = self.file(index)?;
        let old = self.bytes(entity.body.clone());
        let new = entity.coding.recode(old, data)?;
        let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let most = old.len().min(new.len()) - start;
        let end = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(old, new)| old == new).count();
        let changed = new.get(start..new.len() - end).unwrap_or_default().to_vec();
        let range = (entity.body.start + start) as u64..(entity.body.end - end) as u64;
        Ok((!changed.is_empty() || range.start < range.end).then(|| Edit::replace(range, changed)))
    }

    /// Copies of removed labels between parts become spaces.
    fn stale(&self, needles: &Needles) -> Vec<Edit> {
        let mut edits: Vec<Edit> = Vec::new();
        for (gap, over) in self.tree.gaps.iter().filter(|(gap, _)| !gap.is_empty()) {
            if over.is_some() {
                continue;
            }
            for found in needles.occurrences(self.bytes(gap.clone())) {
                let range = (gap.start + found.range.start) as u64..(gap.start + found.range.end) as u64;
                match edits.last_mut() {
                    Some(last) if range.start <= last.range.end => {
                        *last = Edit::fill(last.range.start..range.end.max(last.range.end), b' ');
                    }
                    _ => edits.push(Edit::fill(range, b' ')),
                }
            }
        }
        edits
    }

    /// The edit that makes the count before the message right when `edits` change its length.
    fn recount(&self, edits: &[Edit]) -> Option<Edit> {
        let count = self.mailbox.count.clone()?;
        let grown = growth(edits);
        let message = self.mailbox.messages.first().filter(|_| grown != 0)?;
        let len = (message.len() as u64).checked_add_signed(grown)?;
        let text = format!("{len:<width$}", width = count.len());
        Some(Edit::replace(count.start as u64..count.end as u64, text.into_bytes()))
    }

    fn show_headers(&self, scan: &mut Scan<'_>) {
        let is_many = self.mailbox.messages.len() > 1;
        let mut gathered = Gathered::default();
        for entity in &self.tree.entities {
            let block = &entity.block;
            let inside = |claim: Range<usize>| claim.start - block.start..claim.end - block.start;
            let claims: Vec<_> = entity.header.claimed().into_iter().map(inside).collect();
            let place = if entity.place.is_empty() { "header" } else { &entity.place };
            let bytes = self.bytes(block.clone());
            if is_many {
                gathered.add(scan, place, block.start as u64, bytes, &claims);
            } else {
                scan.raw_region(Class::Metadata, place, block.start as u64, bytes, &claims);
            }
        }
        gathered.show(scan);
    }

    fn show_bodies(&self, scan: &mut Scan<'_>) {
        for line in &self.mailbox.envelopes {
            scan.raw_region(Class::Content, "line before a message", line.start as u64, self.bytes(line.clone()), &[]);
        }
        for entity in self.tree.entities.iter().filter(|entity| entity.is_leaf) {
            let place = if entity.place.is_empty() { "body" } else { &entity.place };
            let mut stream = scan.stream(Class::Content, place, entity.body.start as u64);
            let shown = self.decode(entity, |piece| {
                stream.push(piece);
                true
            });
            if shown.is_err() {
                self.bytes(entity.body.clone()).chunks(PIECE).for_each(|piece| stream.push(piece));
            }
        }
    }
}

impl Survey for Mail<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Cuts in both layouts: a header has no filler.
    fn plan(&self, removal: &Removal<'_>, _: Layout) -> Result<Planned> {
        let (mut edits, left) = self.cuts(removal.sites);
        for (index, data) in removal.members {
            edits.extend(self.exchange(*index, data)?);
        }
        edits.extend(self.stale(removal.needles));
        edits.extend(self.recount(&edits));
        Ok(Planned { plan: Plan::new(edits, self.input.len() as u64)?, left, ..Planned::default() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show_headers(scan);
        for (gap, _) in &self.tree.gaps {
            let bytes = self.bytes(gap.clone());
            if !bytes.trim_ascii().is_empty() {
                scan.raw_region(Class::Slack, "text beside the parts", gap.start as u64, bytes, &[]);
            }
        }
        let trailer = &self.mailbox.trailer;
        scan.raw_region(Class::Metadata, "notes of Apple Mail", trailer.start as u64, self.bytes(trailer.clone()), &[]);
        if scan.wants_content() {
            self.show_bodies(scan);
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let entities = self.files.iter().filter_map(|entity| self.tree.entities.get(*entity));
        let member = |entity: &Entity| Member {
            place: place_of(entity),
            offset: entity.body.start as u64,
            len: entity.coding.decoded_len(entity.body.len()) as u64,
            barrier: entity.over_body.clone(),
        };
        entities.map(member).collect()
    }

    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let entity = self.file(index)?;
        // Enough text for that many bytes, however it is coded.
        let end = entity.body.start.saturating_add(len.saturating_mul(4)).min(entity.body.end);
        let mut head = Vec::new();
        Decoder::new(&entity.coding)?.push(self.bytes(entity.body.start..end), &mut head);
        head.truncate(len);
        Ok(head)
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let entity = self.file(index)?;
        if entity.coding == Coding::Plain {
            return Ok(Cow::Borrowed(self.bytes(entity.body.clone())));
        }
        let most = self.limits.part_bytes;
        let mut data = Vec::new();
        self.decode(entity, |piece| {
            data.extend_from_slice(piece);
            data.len() as u64 <= most
        })?;
        self.limits.check_part(data.len() as u64)?;
        Ok(Cow::Owned(data))
    }
}

/// Regions that are searched as one.
#[derive(Default)]
struct Gathered {
    bytes: Vec<u8>,
    claims: Vec<Range<usize>>,
    first: Option<(String, u64)>,
}

impl Gathered {
    fn add(&mut self, scan: &mut Scan<'_>, place: &str, offset: u64, bytes: &[u8], claims: &[Range<usize>]) {
        self.first.get_or_insert_with(|| (place.to_owned(), offset));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.bytes.push(b'\n');
        self.claims.extend(claims.iter().map(|claim| claim.start + start..claim.end + start));
        if self.bytes.len() >= GATHERED {
            self.show(scan);
        }
    }

    fn show(&mut self, scan: &mut Scan<'_>) {
        if let Some((place, offset)) = self.first.take() {
            scan.region(Class::Metadata, &format!("{place} and later"), offset, &self.bytes, &self.claims);
        }
        self.bytes.clear();
        self.claims.clear();
    }
}

/// Whether a part carries a file, which may have labels of its own.
fn is_file(entity: &Entity) -> bool {
    let is_text = entity.media == "text/plain" && entity.name.is_none();
    entity.is_leaf && !entity.body.is_empty() && !is_text
}

fn place_of(entity: &Entity) -> String {
    let is_message = matches!(&*entity.media, "message/rfc822" | "message/global" | "message/news");
    let ending = if is_message { ".eml" } else { "" };
    match (&entity.name, &*entity.place) {
        (Some(name), "") => name.clone(),
        (Some(name), place) => format!("{place}, {name}"),
        (None, "") => "body".to_owned(),
        (None, place) => format!("{place}{ending}"),
    }
}

/// Why the body of a message in a mailbox must keep its length: the header says what it is.
fn counted(input: &[u8], message: Range<usize>, limits: &Limits) -> Result<Option<Barrier>> {
    let block = Block::parse(input, message, limits)?;
    let reason = "the header says how long the message is (Content-Length)";
    let is_counted = block.find(input, "content-length").is_some();
    Ok(is_counted.then(|| Barrier::new(ErrorKind::Unsupported, reason)))
}

/// Fails when binary data follows a header without a blank line: then this is no message.
fn check_text(input: &[u8], message: &Entity) -> Result<()> {
    let header = input.get(message.block.clone()).unwrap_or_default();
    let is_ended =
        [&b"\n\n"[..], b"\n\r\n"].iter().any(|end| header.ends_with(end)) || matches!(header, b"\n" | b"\r\n");
    let line = lines(input, message.body.clone()).next().and_then(|line| input.get(line)).unwrap_or_default();
    if !is_ended && line.iter().take(512).any(|byte| *byte == 0) {
        return Err(Error::malformed(message.block.end as u64, "binary data stands where a header is to be"));
    }
    Ok(())
}

/// Pieces of whole lines.
fn pieces<'i>(input: &'i [u8], body: &Range<usize>) -> impl Iterator<Item = Range<usize>> + 'i {
    let end = body.end;
    let mut start = body.start;
    std::iter::from_fn(move || {
        let to = start.saturating_add(PIECE).min(end);
        let last_line = lines(input, to..end).next().map_or(to, |line| line.end);
        let piece = start..last_line;
        start = last_line;
        (!piece.is_empty()).then_some(piece)
    })
}
