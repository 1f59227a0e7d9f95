//! Labels in a header block: whole fields, the pairs inside `msip_labels`, the properties inside TITUS metadata.

use std::collections::BTreeMap;
use std::ops::Range;

use base64::Engine as _;
use memchr::memchr_iter;
use serde_json::Value;

use super::kinds;
use super::words::{LENIENT, decoded, unfolded};
use super::{Block, header::Field};
use crate::containers::{Carrier, text};
use crate::error::{Error, ErrorKind, Result};
use crate::limits::Limits;
use crate::plan::{Edit, Layout};
use crate::survey::{Barrier, KeyCase, Site};

/// The field in which Purview writes the labels of a message.
const MSIP: &str = "msip_labels";

/// How the field of TITUS begins; a number follows.
const TITUS: &str = "x-titus-metadata-";

/// A header block as a carrier of labels. Ranges and offsets are bytes of what it was read from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Header {
    sites: Vec<Site>,
    fields: Vec<Listed>,
}

/// A field, and which sites are in it.
#[derive(Clone, Debug)]
struct Listed {
    range: Range<usize>,
    sites: Range<usize>,
    inside: Inside,
}

/// How sites of one field are removed.
#[derive(Clone, Debug)]
enum Inside {
    /// All of them, with the field.
    Together(&'static str),
    /// One by one.
    Apart(Vec<Segment>),
}

/// One of several pairs of a field.
#[derive(Clone, Debug)]
struct Segment {
    /// Behind the semicolon before it, or the colon.
    start: usize,
    /// Where its text begins, behind white space.
    text: usize,
    /// Behind its own semicolon, or where the field ends.
    end: usize,
}

/// What is to be cut so that chosen sites go.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cuts {
    /// Ranges in order, disjoint.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Sites that cannot go alone.
    pub(crate) left: Vec<(usize, Barrier)>,
}

impl Header {
    /// The labels of a block of `bytes`. `over` says what forbids to edit the field with a lower-case name.
    pub(crate) fn read(
        bytes: &[u8],
        block: &Block,
        place: &str,
        over: impl Fn(&str) -> Option<Barrier>,
        limits: &Limits,
    ) -> Self {
        let mut header = Self::default();
        let mut copied = BTreeMap::new();
        for field in &block.fields {
            let name = field.name(bytes);
            let first = header.sites.len();
            let inside = match () {
                () if name == MSIP => header.read_msip(bytes, field),
                () if name.starts_with(TITUS) => header.read_titus(bytes, field, &mut copied),
                () => None,
            };
            let inside = inside.unwrap_or_else(|| {
                header.sites.push(whole(bytes, field, &name, limits));
                Inside::Together("")
            });
            for site in header.sites.iter_mut().skip(first) {
                place.clone_into(&mut site.place);
                site.case = KeyCase::Insensitive;
                let bare = site.key.get(..2).filter(|start| start.eq_ignore_ascii_case("x-")).map_or(0, str::len);
                let protected = site.key.get(bare..).and_then(Barrier::of_protected);
                site.barrier = site.barrier.take().or(protected).or_else(|| over(&name));
                site.value = site.value.take().map(|value| text::value(value, limits));
            }
            let sites = first..header.sites.len();
            header.fields.push(Listed { range: field.range.clone(), sites, inside });
        }
        header.name_copies(&copied);
        header
    }

    /// The plain copies that TITUS keeps of its properties answer to their names, and go with its field.
    fn name_copies(&mut self, copied: &BTreeMap<String, [String; 2]>) {
        for site in self.sites.iter_mut().filter(|site| site.address.starts_with("header:")) {
            if let Some(names) = copied.get(&site.key.to_ascii_lowercase()) {
                site.aliases.extend(names.iter().cloned());
            }
        }
    }

    /// The pairs of `msip_labels`. Nothing when there are none.
    fn read_msip(&mut self, bytes: &[u8], field: &Field) -> Option<Inside> {
        let segments = segments(bytes, &field.body);
        let text_of = |segment: &Segment| {
            let text = unfolded(bytes.get(segment.text..segment.end).unwrap_or_default());
            text.trim_end_matches(';').trim().to_owned()
        };
        let plain: Vec<String> = segments.iter().map(text_of).collect();
        let is_coded = plain.iter().any(|text| text.contains("=?"));
        let coded = is_coded.then(|| decoded(&unfolded(field.body(bytes))));
        let pairs: Vec<&str> = match &coded {
            Some(text) => text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).collect(),
            None => plain.iter().map(String::as_str).collect(),
        };
        if pairs.is_empty() {
            return None;
        }
        for (place, pair) in pairs.iter().enumerate() {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let offset = if is_coded { field.body.start } else { segments.get(place)?.text };
            self.sites.push(Site {
                key: key.trim().to_owned(),
                aliases: vec![MSIP.to_owned()],
                value: Some(value.trim().to_owned()),
                address: format!("{MSIP}:{}", key.trim()),
                offset: offset as u64,
                ..Site::default()
            });
        }
        let together = "its pairs are encoded as one text: choose them all, or msip_labels";
        Some(if is_coded { Inside::Together(together) } else { Inside::Apart(segments) })
    }

    /// The properties that TITUS writes as JSON in base64. Nothing when it cannot be read.
    fn read_titus(
        &mut self,
        bytes: &[u8],
        field: &Field,
        copied: &mut BTreeMap<String, [String; 2]>,
    ) -> Option<Inside> {
        let coded: Vec<u8> = field.body(bytes).iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let json: Value = serde_json::from_slice(&LENIENT.decode(coded).ok()?).ok()?;
        let properties = json.get("Metadata")?.get("props")?.as_array().filter(|list| !list.is_empty())?;
        let spelled = text::decode(bytes.get(field.name.clone()).unwrap_or_default());
        let mut sites = Vec::with_capacity(properties.len());
        for property in properties {
            let name = property.get("n")?.as_str()?.to_owned();
            let values = property.get("vals").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let values: Vec<&str> = values.iter().filter_map(|value| value.get("value")?.as_str()).collect();
            let plain = format!("x-{name}");
            copied.insert(plain.to_ascii_lowercase(), [name.clone(), spelled.clone()]);
            sites.push(Site {
                address: format!("titus:{name}"),
                key: name,
                aliases: vec![plain, spelled.clone()],
                value: Some(values.join(", ")),
                offset: field.range.start as u64,
                ..Site::default()
            });
        }
        self.sites.extend(sites);
        Some(Inside::Together("a hash seals the properties of TITUS: choose them all, or the whole field"))
    }

    /// Its sites, for a survey that keeps them itself. Places in [`cuts`](Self::cuts) still count from the first.
    pub(crate) fn take_sites(&mut self) -> Vec<Site> {
        std::mem::take(&mut self.sites)
    }

    /// What is to be cut so that the sites with these indices (ascending) go.
    pub(crate) fn cuts(&self, chosen: &[usize]) -> Cuts {
        let mut cuts = Cuts::default();
        for field in &self.fields {
            let from = chosen.partition_point(|site| *site < field.sites.start);
            let to = chosen.partition_point(|site| *site < field.sites.end);
            let own = chosen.get(from..to).unwrap_or_default();
            match &field.inside {
                _ if own.is_empty() => {}
                _ if own.len() == field.sites.len() => cuts.ranges.push(field.range.clone()),
                Inside::Together(why) => {
                    let barrier = Barrier::new(ErrorKind::Unsupported, *why);
                    cuts.left.extend(own.iter().map(|site| (*site, barrier.clone())));
                }
                Inside::Apart(segments) => {
                    let is_chosen = |place: usize| own.binary_search(&(place + field.sites.start)).is_ok();
                    cuts.ranges.extend(apart(segments, is_chosen));
                }
            }
        }
        cuts
    }
}

impl Carrier for Header {
    fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Cuts in both layouts: a header has no filler.
    fn edits(&self, chosen: &[usize], _: Layout) -> Result<Vec<Edit>> {
        let cuts = self.cuts(chosen);
        match cuts.left.into_iter().next() {
            Some((_, barrier)) => Err(Error::new(barrier.kind, barrier.reason)),
            None => Ok(cuts.ranges.into_iter().map(|cut| Edit::delete(cut.start as u64..cut.end as u64)).collect()),
        }
    }

    fn claimed(&self) -> Vec<Range<usize>> {
        self.fields.iter().map(|field| field.range.clone()).collect()
    }
}

/// A field as one label.
fn whole(bytes: &[u8], field: &Field, name: &str, limits: &Limits) -> Site {
    let key = text::decode(bytes.get(field.name.clone()).unwrap_or_default());
    let raw = unfolded(field.body(bytes));
    let value = decoded(&raw);
    let needed = || Barrier::new(ErrorKind::Unsupported, "what follows the header cannot be read without it");
    Site {
        address: format!("header:{key}"),
        key,
        raw_value: (raw != value).then(|| text::value(raw, limits)),
        value: Some(value),
        kind: kinds::kind(name),
        offset: field.range.start as u64,
        barrier: kinds::is_structure(name).then(needed),
        ..Site::default()
    }
}

/// The parts of `body` between semicolons that are not blank.
fn segments(bytes: &[u8], body: &Range<usize>) -> Vec<Segment> {
    let text = bytes.get(body.clone()).unwrap_or_default();
    let ends = memchr_iter(b';', text).map(|at| at + 1).chain([text.len()]);
    let mut start = 0;
    let mut segments = Vec::new();
    for end in ends {
        let piece = text.get(start..end).unwrap_or_default();
        let blank = piece.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if blank < piece.len() && piece.get(blank..) != Some(b";") {
            let at = |position: usize| body.start + position;
            segments.push(Segment { start: at(start), text: at(start + blank), end: at(end) });
        }
        start = end;
    }
    segments
}

/// The cuts that take chosen segments out and leave the folds between the others as they are.
fn apart(segments: &[Segment], is_chosen: impl Fn(usize) -> bool) -> Vec<Range<usize>> {
    let mut cuts = Vec::new();
    let mut place = 0;
    while let Some(first) = segments.get(place) {
        let run = segments.iter().enumerate().skip(place).take_while(|(place, _)| is_chosen(*place)).count();
        let Some(last) = run.checked_sub(1).and_then(|run| segments.get(place + run)) else {
            place += 1;
            continue;
        };
        cuts.push(match segments.get(place + run) {
            // The last ones go with the white space before them.
            None => first.start..last.end,
            // The next one takes the place of the first, and its white space: the line stays as long as it may be.
            Some(next) if place == 0 || first.text - first.start > 1 => first.text..next.text,
            Some(next) => first.start..next.start,
        });
        place += run + 1;
    }
    cuts
}
