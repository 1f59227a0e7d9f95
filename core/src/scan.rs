//! The residue scan: searching what a removal must not have left behind.

use std::collections::HashMap;
use std::ops::Range;

use serde::Serialize;

use crate::error::Result;
use crate::inside::join_inside;
use crate::needles::{Half, Needles};

/// How much of the result is searched before anything is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Everything that is not payload: metadata, edited regions, gaps, padding, trailers; and for copies to report, texts
    /// up to 1 MiB. Costs as much as these are long, however long the file.
    #[default]
    Structural,
    /// Every byte and every decoded stream as well.
    Full,
}

impl Proof {
    /// The proof as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Structural => "structural",
            Self::Full => "full",
        }
    }
}

/// What the bytes of a region are to the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Bytes that hold labels or describe the document. What no site claims here must not name a removed custom label.
    Metadata,
    /// Bytes that no reader looks at: gaps, padding, free space, superseded revisions, trailers.
    Slack,
    /// The document itself: text, pixels, embedded files. A removed value found here is a visible copy, which is
    /// reported and never edited.
    Content,
}

/// A removed key or value that is still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What kind of region it is in.
    pub class: Class,
    /// The region, for people.
    pub place: String,
    /// Byte of the result: of the occurrence, or of the compressed data that holds it.
    pub offset: u64,
    /// Name of the label, as given to the needles.
    pub label: String,
    /// Which half of it.
    pub half: Half,
    /// Whether it is a value that stands closely behind the key of its label.
    pub is_paired: bool,
}

/// A running scan. A [`Survey`](crate::Survey) shows its regions to it; hits gather here.
#[derive(Debug)]
pub struct Scan<'s> {
    needles: &'s Needles,
    proof: Proof,
    hits: Vec<Hit>,
    /// How many of a kind there are: words of the text must not crowd out what is left in the metadata.
    alike: HashMap<Likeness, u8>,
}

/// Content is searched in pieces of this many bytes.
const PIECE: usize = 1 << 20;

/// Texts up to this many bytes cost little to search.
const SHORT_TEXT: u64 = 1 << 20;

/// Hits kept of one kind: one is enough to fail, the rest is for the report.
const MOST_ALIKE: u8 = 8;

/// What makes hits alike: class, label, half, and whether it stands behind its key.
type Likeness = (Class, usize, Half, bool);

impl<'s> Scan<'s> {
    /// A scan for `needles`.
    pub fn new(needles: &'s Needles, proof: Proof) -> Self {
        Self { needles, proof, hits: Vec::new(), alike: HashMap::new() }
    }

    /// Whether content is to be shown too; without it, payload need not be read or decoded.
    pub fn wants_content(&self) -> bool {
        self.proof == Proof::Full
    }

    /// Whether `len` bytes of a text that people read are to be shown as content, where copies of a label may be
    /// printed: short ones always, so that the report can name the copies that stay.
    pub fn wants_text(&self, len: u64) -> bool {
        self.wants_content() || len <= SHORT_TEXT
    }

    /// Searches one region.
    ///
    /// `offset` is where its first byte lies in the file (for decoded bytes: where the coded data lies). `claimed` are
    /// the ranges of `bytes` that belong to labels still on the file or to the known structure of the region
    /// (element names, keywords of the format): what stands there is not residue. Ranges may come in any order.
    pub fn region(&mut self, class: Class, place: &str, offset: u64, bytes: &[u8], claimed: &[Range<usize>]) {
        self.search(class, place, bytes, 0, claimed, |_| offset);
    }

    /// As [`region`](Self::region) for bytes that stand in the file as they are: hits name their own byte.
    pub fn raw_region(&mut self, class: Class, place: &str, offset: u64, bytes: &[u8], claimed: &[Range<usize>]) {
        self.search(class, place, bytes, 0, claimed, |position| offset + position as u64);
    }

    /// Searches a region that is decoded piece by piece and never held whole.
    pub fn stream<'w>(&'w mut self, class: Class, place: &'w str, offset: u64) -> Stream<'w, 's> {
        Stream { scan: self, class, place, offset, window: Vec::new() }
    }

    /// Searches as content what stands in a text between the ranges `described`, which are in order.
    pub(crate) fn text_around<'r>(&mut self, text: &[u8], described: impl IntoIterator<Item = &'r Range<usize>>) {
        let mut position = 0;
        let end = text.len()..text.len();
        for range in described.into_iter().cloned().chain([end]) {
            let between = text.get(position..range.start).unwrap_or_default();
            let mut stream = self.stream(Class::Content, "text", position as u64);
            between.chunks(PIECE).for_each(|piece| stream.push(piece));
            position = range.end.max(position);
        }
    }

    /// Searches a file that stands inside, whose regions `show` shows. Hits name `place` before their own, and
    /// `offset` as the byte of the result.
    pub(crate) fn inside(
        &mut self,
        place: &str,
        offset: u64,
        show: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let outside = self.hits.len();
        show(self)?;
        for hit in self.hits.iter_mut().skip(outside) {
            hit.place = join_inside(place, &hit.place);
            hit.offset = offset;
        }
        Ok(())
    }

    /// What was found.
    pub fn into_hits(self) -> Vec<Hit> {
        self.hits
    }

    fn search(
        &mut self,
        class: Class,
        place: &str,
        bytes: &[u8],
        skip: usize,
        claimed: &[Range<usize>],
        locate: impl Fn(usize) -> u64,
    ) {
        let occurrences = self.needles.occurrences(bytes);
        if occurrences.is_empty() {
            return;
        }
        let claims = Claims::new(claimed);
        for found in occurrences {
            if claims.cover(&found.range) || found.range.end <= skip {
                continue;
            }
            let count = self.alike.entry((class, found.label, found.half, found.is_paired)).or_default();
            if *count == MOST_ALIKE {
                continue;
            }
            *count += 1;
            self.hits.push(Hit {
                class,
                place: place.to_owned(),
                offset: locate(found.range.start),
                label: self.needles.name(found.label).to_owned(),
                half: found.half,
                is_paired: found.is_paired,
            });
        }
    }
}

/// Claimed ranges by their starts, each with the furthest end of those up to it: one look-up per hit, however many
/// claims a hostile file makes.
struct Claims(Vec<(usize, usize)>);

impl Claims {
    fn new(claimed: &[Range<usize>]) -> Self {
        let mut claims: Vec<(usize, usize)> = claimed.iter().map(|range| (range.start, range.end)).collect();
        claims.sort_unstable();
        let mut furthest = 0;
        for (_, end) in &mut claims {
            furthest = furthest.max(*end);
            *end = furthest;
        }
        Self(claims)
    }

    /// Whether one claim holds all of `range`.
    fn cover(&self, range: &Range<usize>) -> bool {
        let behind = self.0.partition_point(|(start, _)| *start <= range.start);
        behind.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|(_, end)| *end >= range.end)
    }
}

/// A region that arrives in pieces.
#[derive(Debug)]
pub struct Stream<'w, 's> {
    scan: &'w mut Scan<'s>,
    class: Class,
    place: &'w str,
    offset: u64,
    window: Vec<u8>,
}

impl Stream<'_, '_> {
    /// Searches the next piece, together with the end of the one before.
    pub fn push(&mut self, piece: &[u8]) {
        let overlap = self.scan.needles.overlap();
        if self.window.is_empty() {
            // Mostly the only one: nothing is copied but its end.
            let offset = self.offset;
            self.scan.search(self.class, self.place, piece, 0, &[], |_| offset);
            self.window.extend_from_slice(piece.get(piece.len().saturating_sub(overlap)..).unwrap_or_default());
            return;
        }
        let seen = self.window.len();
        self.window.extend_from_slice(piece);
        let offset = self.offset;
        self.scan.search(self.class, self.place, &self.window, seen, &[], |_| offset);
        let keep = self.window.len().saturating_sub(overlap);
        self.window.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(bytes: &[u8], claimed: &[Range<usize>]) -> Vec<u64> {
        let needles = Needles::new([("label", Some("secret"), None)]);
        let mut scan = Scan::new(&needles, Proof::Structural);
        scan.raw_region(Class::Metadata, "a region", 100, bytes, claimed);
        scan.into_hits().iter().map(|hit| hit.offset).collect()
    }

    #[test]
    fn claimed_occurrences_are_no_hits() {
        let bytes = b"secret, secret, secret";
        assert_eq!(hits(bytes, &[]), [100, 108, 116]);
        assert_eq!(hits(bytes, &[8..14, 1..3]), [100, 116]);
        assert_eq!(hits(bytes, &[9..22, 0..5, 7..9]), [100, 108], "a claim over part of a word is none");
        assert_eq!(hits(bytes, &[0..22, 3..4, 9..10]), [0; 0], "a long claim reaches over short ones");
    }

    #[test]
    fn many_copies_in_the_text_do_not_hide_what_is_left_behind_it() {
        let needles = Needles::new([("label", Some("secret"), None)]);
        let mut scan = Scan::new(&needles, Proof::Full);
        scan.raw_region(Class::Content, "text", 0, &b"secret ".repeat(1000), &[]);
        scan.raw_region(Class::Slack, "a gap", 0, b"secret", &[]);
        assert!(scan.into_hits().iter().any(|hit| hit.class == Class::Slack));
    }

    #[test]
    fn a_word_across_two_pieces_is_found_once() {
        let needles = Needles::new([("label", Some("secret"), None)]);
        let mut scan = Scan::new(&needles, Proof::Full);
        let mut stream = scan.stream(Class::Content, "a stream", 7);
        for piece in [&b"a sec"[..], b"ret and ", b"more, and more"] {
            stream.push(piece);
        }
        let hits = scan.into_hits();
        assert_eq!(hits.len(), 1);
        assert_eq!((hits[0].offset, hits[0].place.as_str()), (7, "a stream"));
    }
}
