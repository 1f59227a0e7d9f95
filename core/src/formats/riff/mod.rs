//! Files made of chunks: WebP (RFC 9649), WAV with RF64 and BW64 (EBU Tech 3285, 3306, ITU-R BS.2088), AVI
//! (`OpenDML` 1.02), AIFF and AIFC (Apple, 1989 and 1991).
//!
//! Labels live in `LIST` chunks of type `INFO`, in text chunks, in the fields of `bext` and `cart`, in iXML, and in
//! packets, Exif blocks and ID3 tags that have a chunk of their own. Those behind the end of the outermost chunk count
//! too, since readers find them.
//!
//! With [`Layout::Preserve`] a chunk that goes becomes a `JUNK` chunk of zeros. A list closes up, and a `JUNK` chunk
//! follows it: within it some readers take filler for a label. With [`Layout::Compact`] chunks are cut, and the lengths
//! around them follow; in AVI only behind the media, which is addressed by offsets. The flags of WebP (`VP8X`) follow
//! the chunks that they announce.
//!
//! Refused: files with a C2PA manifest. Never removed: `AIGC`. What stays: names of cue points (`adtl`), which are
//! content; unknown chunks, which are searched.

mod fields;
mod find;
mod info;
mod ixml;
mod plan;
mod scan;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::nested::join_places;
use crate::containers::riff::{Chunk, Form};
use crate::containers::xml::Labels;
use crate::containers::{Carrier, id3, tiff, xmp};
use crate::error::{Error, Result};
use crate::formats::Format;
use crate::limits::Limits;
use crate::plan::Layout;
use crate::scan::Scan;
use crate::survey::{Findings, Member, Planned, Removal, Survey};

/// What a file of chunks is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flavour {
    Webp,
    Wave,
    Avi,
    Aiff,
}

impl Flavour {
    /// The types of the outermost chunk.
    fn kinds(self) -> &'static [&'static [u8; 4]] {
        match self {
            Self::Webp => &[b"WEBP"],
            Self::Wave => &[b"WAVE"],
            Self::Avi => &[b"AVI ", b"AVIX"],
            Self::Aiff => &[b"AIFF", b"AIFC"],
        }
    }

    /// Identifiers of the outermost chunk.
    fn forms(self) -> &'static [&'static [u8; 4]] {
        match self {
            Self::Wave => &[b"RIFF", b"RF64", b"BW64", b"RIFX"],
            Self::Aiff => &[b"FORM"],
            Self::Webp | Self::Avi => &[b"RIFF"],
        }
    }

    fn is(self, input: &[u8]) -> bool {
        let begins = |at: usize, ids: &[&[u8; 4]]| ids.iter().any(|id| input.get(at..at + 4) == Some(&id[..]));
        begins(0, self.forms()) && begins(8, self.kinds())
    }

    fn survey<'a>(self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
        if !self.is(input) {
            return Err(Error::malformed(0, "not the outermost chunk of such a file"));
        }
        Ok(Box::new(find::survey(input, self, limits)?))
    }
}

macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident, $name:literal, $extensions:expr, $flavour:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $format;

        impl Format for $format {
            fn name(&self) -> &'static str {
                $name
            }

            fn extensions(&self) -> &'static [&'static str] {
                &$extensions
            }

            fn sniff(&self, input: &[u8]) -> bool {
                Flavour::$flavour.is(input)
            }

            fn survey<'a>(&self, input: &'a [u8], limits: &'a Limits) -> Result<Box<dyn Survey + 'a>> {
                Flavour::$flavour.survey(input, limits)
            }
        }
    )+};
}

formats! {
    /// WebP.
    Webp, "webp", ["webp"], Webp;
    /// WAV.
    Wave, "wav", ["wav", "wave", "bwf", "rf64", "bw64", "amb"], Wave;
    /// AVI.
    Avi, "avi", ["avi", "divx"], Avi;
    /// AIFF and AIFC.
    Aiff, "aiff", ["aiff", "aif", "aifc", "afc"], Aiff;
}

/// A surveyed file.
#[derive(Debug)]
struct Surveyed<'a> {
    input: &'a [u8],
    flavour: Flavour,
    forms: Vec<Form>,
    /// The chunks that hold labels, in order.
    parts: Vec<Part<'a>>,
    /// Pictures and other files in tags: the part, and which of it.
    files: Vec<(usize, usize)>,
    /// What else there is.
    areas: Vec<Area>,
    /// The chunk of flags of a WebP file.
    flags: Option<Chunk>,
    /// Where the media end, behind which nothing is addressed.
    media_end: usize,
    findings: Findings,
}

/// A chunk that holds labels.
#[derive(Debug)]
struct Part<'a> {
    chunk: Chunk,
    /// The form that it is a direct child of.
    form: Option<usize>,
    sites: Range<usize>,
    body: Body<'a>,
}

#[derive(Debug)]
enum Body<'a> {
    /// It is one label as a whole.
    Label,
    /// One label as a whole, which cannot be read: its bytes may hold anything.
    Opaque,
    /// A list of labels, each with its own range of the file.
    List { items: Vec<Range<usize>>, is_counted: bool },
    /// Fields, each with its own range of the file; the last may be the end of the chunk.
    Fields { ranges: Vec<Range<usize>>, has_tail: bool },
    /// A block that begins at this byte of the file.
    Block { held: Held<'a>, at: usize },
}

#[derive(Debug)]
enum Held<'a> {
    Xmp(xmp::Packet),
    Tiff(Box<tiff::Tiff>),
    Xml(Labels),
    Id3(Box<id3::Tag<'a>>),
}

impl Held<'_> {
    fn carrier(&self) -> &dyn Carrier {
        match self {
            Self::Xmp(packet) => packet,
            Self::Tiff(tiff) => &**tiff,
            Self::Xml(labels) => labels,
            Self::Id3(tag) => &**tag,
        }
    }
}

/// A region without labels.
#[derive(Debug)]
struct Area {
    kind: AreaKind,
    place: String,
    range: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AreaKind {
    /// What nobody knows.
    Unknown,
    /// Filler, and what is behind the end.
    Slack,
    /// Pictures and sound.
    Media,
    /// Texts that are part of the content.
    Text,
}

impl<'a> Surveyed<'a> {
    fn bytes(&self, range: Range<usize>) -> &'a [u8] {
        self.input.get(range).unwrap_or_default()
    }
}

impl Survey for Surveyed<'_> {
    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned> {
        self.plan_removal(removal, layout)
    }

    fn scan(&self, scan: &mut Scan<'_>) -> Result<()> {
        self.show(scan);
        Ok(())
    }

    fn members(&self) -> Vec<Member> {
        let mut members = Vec::new();
        for part in &self.parts {
            let Body::Block { held: Held::Id3(tag), at } = &part.body else { continue };
            let name = part.chunk.name();
            members.extend(tag.members().into_iter().map(|member| Member {
                place: join_places(&name, &member.place),
                offset: *at as u64 + member.offset,
                ..member
            }));
        }
        members
    }

    fn member_layout(&self, _layout: Layout) -> Layout {
        Layout::Preserve
    }

    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        let Some((Body::Block { held: Held::Id3(tag), .. }, file)) =
            self.files.get(index).and_then(|(part, file)| Some((&self.parts.get(*part)?.body, *file)))
        else {
            return Err(Error::unsupported(format!("there is no member {index}")));
        };
        tag.member(file)
    }
}
