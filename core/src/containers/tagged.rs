//! The tags around the audio of a file: ID3v2 and APE before it, and behind it, in any order, ID3v1, APE, Lyrics3 and
//! ID3v2 with a footer. MP3 has nothing else, FLAC and others may have them too.
//!
//! What stands between tags, and is none, is slack. A tag that cannot be read is kept, and hides labels. Of ID3v1 and
//! Lyrics3, fields that repeat one of ID3v2 or APE go with it. With [`Layout::Compact`] a tag that becomes empty is cut.

use std::borrow::Cow;
use std::ops::Range;

use super::slack::blank;
use super::{Carrier, ape, id3, id3v1, lyrics3};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::scan::{Class, Scan};
use crate::survey::{Barrier, Findings, Guard, Member, Removal, Scope, Site};

/// Members that keep their data, with the reason.
pub(crate) type Left = Vec<(usize, Barrier)>;

/// Tags of one file that are read.
const MOST_TAGS: usize = 64;

/// How many zeros between tags are stepped over.
const ZEROS: usize = 64 << 10;

/// With how many zeros a tag may end: the footer of APE, with the upper bytes of its count, flags and what is reserved.
const OWN_ZEROS: usize = 15;

/// The tags around the audio.
#[derive(Debug)]
pub(crate) struct Tags<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    blocks: Vec<Block<'a>>,
    /// What is neither a tag nor audio.
    gaps: Vec<Range<usize>>,
    /// What is left between the tags.
    audio: Range<usize>,
    /// Pictures and other files.
    files: Vec<File>,
}

#[derive(Debug)]
struct Block<'a> {
    range: Range<usize>,
    held: Held<'a>,
    /// Its sites in the findings.
    sites: Range<usize>,
}

/// A picture or another file in a tag.
#[derive(Debug)]
struct File {
    /// The tag, and which of its files.
    block: usize,
    index: usize,
    /// Where it stands in the tag, if it stands there as it is, and the site of the tag that it belongs to.
    range: Option<(Range<usize>, usize)>,
    member: Member,
}

#[derive(Debug)]
enum Held<'a> {
    Id3(Box<id3::Tag<'a>>),
    Id3v1(id3v1::Tag<'a>),
    Ape(ape::Tag<'a>),
    Lyrics3(lyrics3::Tag<'a>),
    /// A tag that cannot be read.
    Opaque(Error),
}

impl Held<'_> {
    fn carrier(&self) -> Option<&dyn Carrier> {
        Some(match self {
            Self::Id3(tag) => &**tag,
            Self::Id3v1(tag) => tag,
            Self::Ape(tag) => tag,
            Self::Lyrics3(tag) => tag,
            Self::Opaque(_) => return None,
        })
    }

    fn empties(&self, chosen: &[usize]) -> bool {
        !chosen.is_empty()
            && match self {
                Self::Id3(tag) => tag.empties(chosen),
                Self::Id3v1(tag) => tag.empties(chosen),
                Self::Ape(tag) => tag.empties(chosen),
                Self::Lyrics3(tag) => tag.empties(chosen),
                Self::Opaque(_) => false,
            }
    }
}

/// A carrier that reads `bytes`, or says why it does not. Only limits are errors.
fn held<'a, T>(parsed: Result<T>, hold: impl Fn(T) -> Held<'a>) -> Result<Held<'a>> {
    match parsed {
        Ok(tag) => Ok(hold(tag)),
        Err(error) if error.kind() == ErrorKind::LimitExceeded => Err(error),
        Err(error) => Ok(Held::Opaque(error)),
    }
}

impl<'a> Tags<'a> {
    /// Finds the tags of `input`.
    ///
    /// # Errors
    /// Malformed where an ID3 tag at the start reaches past the end; [`ErrorKind::LimitExceeded`].
    pub(crate) fn find(input: &'a [u8], limits: &'a Limits) -> Result<Self> {
        let whole = 0..input.len();
        let mut tags = Self { input, limits, blocks: Vec::new(), gaps: Vec::new(), audio: whole, files: Vec::new() };
        tags.lead()?;
        tags.trail()?;
        tags.blocks.sort_by_key(|block| block.range.start);
        Ok(tags)
    }

    /// Where the audio is.
    pub(crate) fn audio(&self) -> Range<usize> {
        self.audio.clone()
    }

    /// Whether no tag stands before the audio.
    pub(crate) fn is_bare(&self) -> bool {
        self.audio.start == 0
    }

    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }

    fn push(&mut self, range: Range<usize>, held: Held<'a>) -> Result<()> {
        if self.blocks.len() == MOST_TAGS {
            return Err(Error::limit(format!("more than {MOST_TAGS} tags")));
        }
        self.blocks.push(Block { range, held, sites: 0..0 });
        Ok(())
    }

    fn lead(&mut self) -> Result<()> {
        let mut start = 0;
        loop {
            let rest = self.bytes(start..self.input.len());
            if let Some(length) = id3::Tag::len(rest) {
                let range = start..start + length;
                if range.end > self.input.len() {
                    return Err(Error::malformed(start as u64, "the ID3 tag reaches past the end of the file"));
                }
                let held = held(id3::Tag::parse(rest, self.limits), |tag| Held::Id3(Box::new(tag)))?;
                self.push(range.clone(), held)?;
                start = range.end;
            } else if let Some(length) = ape::Tag::len(rest) {
                let range = start..start + length;
                let held = held(ape::Tag::parse(self.bytes(range.clone()), self.limits), Held::Ape)?;
                self.push(range.clone(), held)?;
                start = range.end;
            } else {
                let zeros = rest.iter().take(ZEROS).take_while(|byte| **byte == 0).count();
                let behind = rest.get(zeros..).unwrap_or_default();
                if start == 0 || zeros == 0 || !behind.starts_with(b"ID3") || id3::Tag::len(behind).is_none() {
                    break;
                }
                self.gaps.push(start..start + zeros);
                start += zeros;
            }
        }
        self.audio.start = start;
        Ok(())
    }

    fn trail(&mut self) -> Result<()> {
        let mut end = self.input.len();
        let floor = self.audio.start;
        loop {
            let mut gap = 0;
            let mut found = self.tag_before(floor, end)?;
            if found.is_none() {
                let rest = self.bytes(floor..end);
                let zeros = rest.iter().rev().take(ZEROS).take_while(|byte| **byte == 0).count();
                for own in 0..=zeros.min(OWN_ZEROS) {
                    gap = zeros - own;
                    found = if gap == 0 { None } else { self.tag_before(floor, end - gap)? };
                    if found.is_some() {
                        break;
                    }
                }
            }
            let Some((start, held)) = found else { break };
            if gap > 0 {
                self.gaps.push(end - gap..end);
            }
            self.push(start..end - gap, held)?;
            end = start;
        }
        self.audio.end = end;
        Ok(())
    }

    /// The tag that ends at byte `end`, and where it begins, which is not before `floor`.
    fn tag_before(&self, floor: usize, end: usize) -> Result<Option<(usize, Held<'a>)>> {
        let limits = self.limits;
        let start = |start: Option<usize>| start.filter(|start| *start >= floor);
        if let Some(start) = start(id3v1::Tag::before(self.input, end)) {
            return Ok(Some((start, Held::Id3v1(id3v1::Tag::parse(self.bytes(start..end), limits)))));
        }
        if let Some(start) = start(ape::Tag::before(self.input, end).map(|range| range.start)) {
            return Ok(Some((start, held(ape::Tag::parse(self.bytes(start..end), limits), Held::Ape)?)));
        }
        if let Some(start) = start(lyrics3::Tag::before(self.input, end)) {
            return Ok(Some((start, held(lyrics3::Tag::parse(self.bytes(start..end), limits), Held::Lyrics3)?)));
        }
        if let Some(start) = start(id3::Tag::before(self.input, end)) {
            let parsed = id3::Tag::parse(self.bytes(start..end), limits).map(id3::Tag::appended);
            return Ok(Some((start, held(parsed, |tag| Held::Id3(Box::new(tag)))?)));
        }
        Ok(None)
    }

    /// Takes the sites of the tags before the audio into `findings`, with what guards them.
    pub(crate) fn adopt_leading(&mut self, findings: &mut Findings) {
        self.adopt(findings, |block, audio| block.start < audio.start);
    }

    /// As [`adopt_leading`](Self::adopt_leading) for those behind it; and says which fields repeat others.
    pub(crate) fn adopt_trailing(&mut self, findings: &mut Findings) {
        self.adopt(findings, |block, audio| block.start >= audio.start);
        self.files = self.find_files();
        findings.follows.extend(copies(&findings.sites));
    }

    fn adopt(&mut self, findings: &mut Findings, wants: impl Fn(&Range<usize>, &Range<usize>) -> bool) {
        for block in self.blocks.iter_mut().filter(|block| wants(&block.range, &self.audio)) {
            let base = block.range.start as u64;
            let first = findings.sites.len();
            if let Some(carrier) = block.held.carrier() {
                findings
                    .sites
                    .extend(carrier.sites().iter().map(|site| Site { offset: base + site.offset, ..site.clone() }));
            }
            block.sites = first..findings.sites.len();
            match &block.held {
                Held::Id3(tag) => findings
                    .guards
                    .extend(tag.guards().iter().map(|guard| Guard { offset: base + guard.offset, ..guard.clone() })),
                Held::Opaque(error) => {
                    let reason = format!("a tag that cannot be read: {}", error.reason());
                    let barrier = Barrier::new(ErrorKind::Unsupported, reason);
                    findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: base });
                }
                _ => {}
            }
        }
    }

    fn find_files(&self) -> Vec<File> {
        let mut files = Vec::new();
        for (block, Block { range, held, .. }) in self.blocks.iter().enumerate() {
            let base = range.start as u64;
            match held {
                Held::Id3(tag) => files.extend(tag.members().into_iter().enumerate().map(|(index, member)| {
                    let range = tag.member_range(index);
                    let member = Member { offset: base + member.offset, ..member };
                    File { block, index, range, member }
                })),
                Held::Ape(tag) => files.extend(tag.files().enumerate().map(|(index, (site, data, name))| {
                    let (place, len) = (name.to_owned(), data.len() as u64);
                    let member = Member { place, offset: base + data.start as u64, len, barrier: None };
                    File { block, index, range: Some((data, site)), member }
                })),
                _ => {}
            }
        }
        files
    }

    /// Pictures and other files in the tags.
    pub(crate) fn members(&self) -> impl Iterator<Item = Member> {
        self.files.iter().map(|file| file.member.clone())
    }

    /// How many there are.
    pub(crate) fn member_count(&self) -> usize {
        self.files.len()
    }

    /// The data of a member.
    pub(crate) fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let missing = || Error::unsupported(format!("there is no member {index}"));
        let file = self.files.get(index).ok_or_else(missing)?;
        let block = self.blocks.get(file.block).ok_or_else(missing)?;
        if let Held::Id3(tag) = &block.held {
            return tag.member(file.index);
        }
        let (data, _) = file.range.clone().ok_or_else(missing)?;
        Ok(Cow::Borrowed(self.bytes(block.range.start + data.start..block.range.start + data.end)))
    }

    /// The edits of the tags, and members that keep their data. Members are counted from `first`.
    pub(crate) fn edits(&self, removal: &Removal<'_>, first: usize, layout: Layout) -> Result<(Vec<Edit>, Left)> {
        let mut edits = Vec::new();
        let mut left = Vec::new();
        for (index, block) in self.blocks.iter().enumerate() {
            let chosen: Vec<usize> =
                block.sites.clone().filter(|site| removal.takes(*site)).map(|site| site - block.sites.start).collect();
            let mut members = Vec::new();
            for (member, data) in removal.members {
                let file = member.checked_sub(first).and_then(|own| self.files.get(own));
                let Some(file) = file.filter(|file| file.block == index) else { continue };
                match file.range.clone().filter(|(range, _)| range.len() == data.len()) {
                    Some((range, site)) if chosen.binary_search(&site).is_err() => members.push((range, &data[..])),
                    Some(_) => {}
                    None => left.push((*member, other_length())),
                }
            }
            let own = self.block_edits(index, block, &chosen, &members, removal, layout)?;
            let base = block.range.start as u64;
            let moved = |edit: Edit| Edit { range: base + edit.range.start..base + edit.range.end, ..edit };
            edits.extend(own.into_iter().map(moved));
        }
        // Zeros are stepped over between tags only, not at the start of a file or before the audio; and at the end of
        // the file they would complete what looks like the beginning of a tag in the audio.
        let leads = |range: &Range<usize>| range.end <= self.audio.start;
        let cut = |range: &Range<usize>| Edit::delete(range.start as u64..range.end as u64);
        let is_cut = |leading: bool| {
            let mut blocks = self.blocks.iter().map(|block| &block.range).filter(|range| leads(range) == leading);
            blocks.any(|range| edits.contains(&cut(range)))
        };
        let (is_lead_cut, is_trail_cut) = (is_cut(true), is_cut(false));
        for gap in &self.gaps {
            if if leads(gap) { is_lead_cut } else { is_trail_cut } {
                edits.push(cut(gap));
            } else {
                edits.extend(stale(self.input, gap, removal));
            }
        }
        Ok((edits, left))
    }

    fn block_edits(
        &self,
        index: usize,
        block: &Block<'_>,
        chosen: &[usize],
        members: &[(Range<usize>, &[u8])],
        removal: &Removal<'_>,
        layout: Layout,
    ) -> Result<Vec<Edit>> {
        let needles = removal.needles;
        let is_empty = block.held.empties(chosen);
        if is_empty && layout == Layout::Compact && !self.is_needed(index) {
            return Ok(vec![Edit::delete(0..block.range.len() as u64)]);
        }
        Ok(match &block.held {
            Held::Id3(tag) if is_empty && tag.is_appended() => vec![Edit::fill(0..block.range.len() as u64, 0)],
            Held::Id3(tag) => tag.scrub(chosen, members, needles, layout)?,
            Held::Id3v1(tag) => tag.scrub(chosen, needles),
            Held::Ape(tag) => tag.scrub(chosen, members, needles, layout),
            Held::Lyrics3(tag) => tag.edits(chosen, layout)?,
            Held::Opaque(_) => Vec::new(),
        })
    }

    /// Whether something is found by this tag: the file, where there is no audio, or Lyrics3, which readers look for before
    /// ID3v1.
    fn is_needed(&self, index: usize) -> bool {
        let held = |index: Option<usize>| index.and_then(|index| self.blocks.get(index)).map(|block| &block.held);
        let is_first_version = matches!(held(Some(index)), Some(Held::Id3v1(_)));
        let is_alone = self.audio.is_empty() && index == 0;
        is_alone || is_first_version && matches!(held(index.checked_sub(1)), Some(Held::Lyrics3(_)))
    }

    /// Shows tags and what stands between them.
    pub(crate) fn show(&self, scan: &mut Scan<'_>) {
        for Block { range, held, .. } in &self.blocks {
            let base = range.start as u64;
            let bytes = self.bytes(range.clone());
            match held {
                Held::Id3(tag) => tag.show(scan, "ID3v2", base),
                Held::Id3v1(tag) => {
                    for hidden in tag.hidden() {
                        let bytes = bytes.get(hidden.clone()).unwrap_or_default();
                        scan.raw_region(Class::Slack, "ID3v1", base + hidden.start as u64, bytes, &[]);
                    }
                }
                Held::Ape(tag) => {
                    let padding = tag.padding();
                    let mut claimed = tag.claimed();
                    claimed.push(padding.clone());
                    claimed.extend(tag.files().map(|(_, range, _)| range));
                    scan.raw_region(Class::Metadata, "APE", base, bytes, &claimed);
                    let stale = bytes.get(padding.clone()).unwrap_or_default();
                    scan.raw_region(Class::Slack, "APE", base + padding.start as u64, stale, &[]);
                    for (_, file, _) in tag.files().filter(|_| scan.wants_content()).collect::<Vec<_>>() {
                        let bytes = bytes.get(file.clone()).unwrap_or_default();
                        scan.raw_region(Class::Content, "APE", base + file.start as u64, bytes, &[]);
                    }
                }
                Held::Lyrics3(tag) => scan.raw_region(Class::Metadata, "Lyrics3", base, bytes, &tag.claimed()),
                Held::Opaque(_) => scan.raw_region(Class::Metadata, "a tag", base, bytes, &[]),
            }
        }
        for gap in &self.gaps {
            scan.raw_region(Class::Slack, "between tags", gap.start as u64, self.bytes(gap.clone()), &[]);
        }
    }
}

/// Why a member keeps its data.
pub(crate) fn other_length() -> Barrier {
    Barrier::new(ErrorKind::Unsupported, "its new data has another length, or its frame is coded")
}

/// The edits that blank what the needles find in a range that no reader looks at.
pub(crate) fn stale(input: &[u8], range: &Range<usize>, removal: &Removal<'_>) -> Vec<Edit> {
    blank(range.start, input.get(range.clone()).unwrap_or_default(), removal.needles)
}

/// Fields of ID3v1 and Lyrics3, and what they repeat.
const COPIES: &[(&str, &[&str])] = &[
    ("id3v1:Title", &["id3:TIT2", "ape:Title"]),
    ("id3v1:Artist", &["id3:TPE1", "ape:Artist"]),
    ("id3v1:Album", &["id3:TALB", "ape:Album"]),
    ("id3v1:Year", &["id3:TYER", "id3:TDRC", "ape:Year"]),
    ("id3v1:Comment", &["id3:COMM", "ape:Comment"]),
    ("id3v1:Track", &["id3:TRCK", "ape:Track"]),
    ("lyrics3:ETT", &["id3:TIT2", "ape:Title"]),
    ("lyrics3:EAR", &["id3:TPE1", "ape:Artist"]),
    ("lyrics3:EAL", &["id3:TALB", "ape:Album"]),
    ("lyrics3:INF", &["id3:COMM", "ape:Comment"]),
];

/// Sites that are looked at: no real file has more.
const MOST_COPIES: usize = 64;

/// The shortest value that may be the beginning of a longer one: fields of ID3v1 have this many bytes.
const CUT_SHORT: usize = 28;

/// Sites that repeat another, as pairs of both.
fn copies(sites: &[Site]) -> Vec<(usize, usize)> {
    let repeats = |copy: &Site, of: &Site, names: &[&str]| {
        let (Some(short), Some(long)) = (copy.value.as_deref(), of.value.as_deref()) else { return false };
        let is_cut = short.len() >= CUT_SHORT || matches!(&*copy.key, "Year" | "Track");
        let is_named = names.iter().any(|name| {
            // Comments of any description are copied.
            of.address.eq_ignore_ascii_case(name) || (*name == "id3:COMM" && of.address.starts_with("id3:COMM:"))
        });
        is_named && (short == long || (is_cut && long.starts_with(short)))
    };
    let named = |(index, site): (usize, &Site)| {
        let (_, names) = COPIES.iter().find(|(name, _)| *name == site.address)?;
        Some((index, *names))
    };
    let original = |(index, names): (usize, &[&str])| {
        let copy = sites.get(index)?;
        Some((index, sites.iter().position(|of| repeats(copy, of, names))?))
    };
    sites.iter().enumerate().filter_map(named).take(MOST_COPIES).filter_map(original).collect()
}
