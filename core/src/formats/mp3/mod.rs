//! Streams of frames that have no place for labels of their own: MPEG audio (MP1, MP2, MP3), AAC in ADTS, and the formats
//! that use APE tags (`WavPack`, Musepack, Monkey's Audio, TTA, `OptimFROG`, TAK).
//!
//! Labels live in the tags around the audio: ID3v2, APE, Lyrics3, ID3v1. See [`Tags`]. Nothing in MPEG audio and AAC
//! counts bytes from the start of the file, so that tags may be cut. Of the others it is not known of all; there a tag
//! before the audio keeps its length.
//!
//! Frames are not walked: the first is searched behind the tags, and the last in the end of the audio. What stands before
//! and behind them is slack. Never removed: `AIGC`. Signed: everything, when there is a C2PA manifest. What stays: tags
//! in the middle of the audio, where files were joined, and what the coder of the audio says of itself.

mod sync;

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::tagged::{Tags, stale};
use crate::error::Result;
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::{Layout, Plan};
use crate::scan::{Class, Scan};
use crate::survey::{Findings, Member, Planned, Removal, Survey};

use sync::Stream;

/// One of the formats.
#[derive(Clone, Copy, Debug)]
pub(super) struct Audio {
    name: &'static str,
    extensions: &'static [&'static str],
    kind: Kind,
}

/// How the audio is recognised.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// By frames that follow each other.
    Frames(Stream),
    /// By the bytes that it begins with.
    Magic(&'static [&'static [u8]]),
}

pub(super) const MP3: Audio =
    Audio { name: "mp3", extensions: &["mp3", "mp2", "mp1", "mpa", "m2a"], kind: Kind::Frames(Stream::Mpeg) };
pub(super) const AAC: Audio = Audio { name: "aac", extensions: &["aac", "adts"], kind: Kind::Frames(Stream::Adts) };
pub(super) const APE: Audio = Audio {
    name: "ape",
    extensions: &["ape", "mac", "wv", "mpc", "mp+", "mpp", "tta", "ofr", "ofs", "tak"],
    kind: Kind::Magic(&[b"MAC ", b"wvpk", b"MPCK", b"MP+", b"TTA1", b"TTA2", b"OFR ", b"tBaK"]),
};

/// How far behind the tags the first frame is searched, and before the end the last.
const REACH: usize = 64 << 10;

impl Format for Audio {
    fn name(&self) -> &'static str {
        self.name
    }

    fn extensions(&self) -> &'static [&'static str] {
        self.extensions
    }

    fn sniff(&self, input: &[u8]) -> bool {
        let start = behind_tags(input);
        let audio = input.get(start..).unwrap_or_default();
        match self.kind {
            // A tag alone is a file that has lost its audio.
            Kind::Frames(Stream::Mpeg) => start > 0 || Stream::Mpeg.begins(audio),
            Kind::Frames(stream) => stream.begins(audio),
            Kind::Magic(magic) => magic.iter().any(|magic| audio.starts_with(magic)),
        }
    }

    fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        let mut tags = Tags::find(input, limits)?;
        let mut findings = Findings::default();
        tags.adopt_leading(&mut findings);
        tags.adopt_trailing(&mut findings);
        let audio = tags.audio();
        let (stream, may_move) = match self.kind {
            Kind::Frames(stream) => (stream.extent(input, audio.clone(), REACH), true),
            Kind::Magic(_) => (audio.clone(), tags.is_bare()),
        };
        Ok(Box::new(Surveyed { input, tags, stream, may_move, findings }))
    }
}

/// Where the tags at the start of a file end.
pub(super) fn behind_tags(input: &[u8]) -> usize {
    use crate::containers::{ape, id3};
    let mut start = 0;
    while let Some(rest) = input.get(start..) {
        let Some(length) = id3::Tag::len(rest).or_else(|| ape::Tag::len(rest)) else { break };
        start += length;
    }
    start
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    tags: Tags<'a>,
    /// From the first frame to the last.
    stream: Range<usize>,
    /// Whether the audio may come to stand elsewhere.
    may_move: bool,
    findings: Findings,
}

impl Surveyed<'_> {
    /// What stands between the tags and the frames.
    fn junk(&self) -> [Range<usize>; 2] {
        let audio = self.tags.audio();
        [audio.start..self.stream.start, self.stream.end..audio.end]
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        let layout = if self.may_move { layout } else { Layout::Preserve };
        let (mut edits, left) = self.tags.edits(removal, 0, layout)?;
        edits.extend(self.junk().iter().flat_map(|junk| stale(self.input, junk, removal)));
        let plan = Plan::new(edits, self.input.len() as u64)?;
        Ok(Planned { left_members: left, ..plan.into() })
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.tags.show(scan);
        for junk in self.junk() {
            let bytes = self.input.get(junk.clone()).unwrap_or_default();
            scan.raw_region(Class::Slack, "beside the audio", junk.start as u64, bytes, &[]);
        }
        if scan.wants_content() {
            let mut stream = scan.stream(Class::Content, "audio", self.stream.start as u64);
            self.input
                .get(self.stream.clone())
                .unwrap_or_default()
                .chunks(1 << 20)
                .for_each(|piece| stream.push(piece));
        }
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        self.tags.members().collect()
    }

    fn member_layout(&self, _: Layout) -> Layout {
        Layout::Preserve
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        self.tags.member(index)
    }
}

#[cfg(test)]
mod tests;
