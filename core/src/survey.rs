//! What a format found in a file, and what it can do about it.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::formats::Format;
use crate::needles::Needles;
use crate::plan::{Layout, Plan};
use crate::scan::Scan;

/// Who chose the key of a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A key that somebody chose: what people mean by a label.
    #[default]
    Custom,
    /// A field of the format itself (`dc:title`, PDF `Author`, EXIF `Artist`): matched by full address only.
    Standard,
    /// A key in a custom carrier that the writing program keeps for itself (`ContentTypeId`, `KSOProductBuildVer`):
    /// never removed by a glob, a family or "all".
    Bookkeeping,
}

impl Kind {
    /// The kind as one lower-case word, as reports print it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Custom => "custom",
            Self::Standard => "standard",
            Self::Bookkeeping => "bookkeeping",
        }
    }
}

/// How a carrier compares keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyCase {
    /// Code point by code point (XMP, PDF names, PNG keywords).
    #[default]
    Sensitive,
    /// Ignoring letter case (Office properties, IPTC names).
    Insensitive,
    /// Only letters, digits, `_`, `.` and `-` count: for carriers that escape the rest differently from writer to
    /// writer (`pdfx` property names).
    Loose,
}

/// One place in the file where a label is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The decoded key.
    pub key: String,
    /// Other names by which the same label is known: a `LabelInfo.xml` label also answers to its bare GUID.
    pub aliases: Vec<String>,
    /// The decoded value as canonical text; `None` when it is not text or cannot be read.
    pub value: Option<String>,
    /// The value as spelled in the file, where that differs from [`value`](Self::value).
    pub raw_value: Option<String>,
    /// The full address, `carrier:key` (`custom:id`, `exif:ImageDescription`, `xmp:dc:subject`, `info:Author`).
    /// Unique to the label within the file, not to the site: two revisions of a PDF hold one address twice.
    pub address: String,
    /// Who chose the key.
    pub kind: Kind,
    /// How the carrier compares keys.
    pub case: KeyCase,
    /// Where it is, for people: a part name, `object 12 0`, `APP1`.
    pub place: String,
    /// First byte of the site in the input; for a site inside compressed data, of the compressed data.
    pub offset: u64,
    /// Why this site cannot be removed, if so.
    pub barrier: Option<Barrier>,
}

/// Why a site, or a whole file, must not be edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// One of [`ErrorKind::Signed`], [`Encrypted`](ErrorKind::Encrypted), [`Protected`](ErrorKind::Protected),
    /// [`Conflict`](ErrorKind::Conflict) or [`Unsupported`](ErrorKind::Unsupported).
    /// Only `Signed` can be lifted, by an explicit choice of the user.
    pub kind: ErrorKind,
    /// Why, in plain words.
    pub reason: String,
}

impl Barrier {
    /// A barrier of `kind` with a reason in plain words.
    pub fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self { kind, reason: reason.into() }
    }

    /// The barrier over a label of this key, if law protects it.
    pub(crate) fn of_protected(key: &str) -> Option<Self> {
        let reason = "the mark of generated content is protected by law (GB 45438)";
        key.eq_ignore_ascii_case("AIGC").then(|| Self::new(ErrorKind::Protected, reason))
    }
}

impl fmt::Display for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.reason)
    }
}

/// What a [`Guard`] stands over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every edit of the file (a signature over the whole file, encryption of the whole package).
    File,
    /// Labels that cannot be seen: an unreadable part may hold any of them, so absence cannot be proved.
    Hidden,
    /// A file inside that was not looked into. It is told, and stands in nobody's way.
    Inside,
}

/// A condition of the file as a whole that stands in the way of an edit.
///
/// What covers single sites only is said by [`Site::barrier`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Why.
    pub barrier: Barrier,
    /// Over what.
    pub scope: Scope,
    /// Where in the input, in bytes.
    pub offset: u64,
}

/// All sites and guards of one file, in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Every place where a label is written, removable or not, of every [`Kind`].
    pub sites: Vec<Site>,
    /// Conditions of the file as a whole.
    pub guards: Vec<Guard>,
    /// Sites that only say more of another one, and mean nothing without it: `(site, that it speaks of)`, by index.
    /// They go with it, or it stays with them.
    pub follows: Vec<(usize, usize)>,
}

impl Findings {
    /// The same with the sites of labels that are kept beside the bytes, after those in the bytes.
    pub(crate) fn with_attached(&self, attached: &[Site]) -> Cow<'_, Self> {
        if attached.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut all = self.clone();
        all.sites.extend_from_slice(attached);
        Cow::Owned(all)
    }
}

/// A file that stands inside another: a picture in a document, a member of an archive, an attachment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Where it is, for people: the name of a part or of an attachment.
    pub place: String,
    /// First byte of its data in the input; where it is compressed, of the compressed data.
    pub offset: u64,
    /// Length of its decoded data in bytes, as the file around it says.
    pub len: u64,
    /// Why other bytes cannot take its place, if so.
    pub barrier: Option<Barrier>,
}

/// What was found in a [`Member`].
#[derive(Clone, Copy, Debug)]
pub struct Look<'s> {
    /// Its name for people.
    pub place: &'s str,
    /// Its format, if that is known.
    pub format: Option<&'static dyn Format>,
    /// Its sites and guards, as those of the file around.
    pub sites: &'s [Site],
    /// See [`sites`](Self::sites).
    pub guards: &'s [Guard],
    /// As in [`Findings::follows`], counted from `first_site`.
    pub follows: &'s [(usize, usize)],
    /// The index of the first of its sites among those of the whole.
    pub first_site: usize,
    /// How many decoded bytes were looked at.
    pub spent: u64,
}

/// What is to be removed from a surveyed file.
#[derive(Debug)]
pub struct Removal<'r> {
    /// Indices into [`Findings::sites`], ascending; every one without a barrier that still stands.
    pub sites: &'r [usize],
    /// New data of members, by their index in [`Survey::members`], ascending.
    pub members: &'r [(usize, Vec<u8>)],
    /// Whether parts that become empty go too, where a format can do without them.
    pub prunes: bool,
    /// Every spelling of the removed keys and values, for stale copies in slack.
    pub needles: &'r Needles,
}

impl<'r> Removal<'r> {
    /// The removal of these sites, which leaves every member as it is.
    pub fn new(sites: &'r [usize], needles: &'r Needles) -> Self {
        Self { sites, members: &[], prunes: false, needles }
    }

    /// Whether the site with this index goes.
    pub fn takes(&self, site: usize) -> bool {
        self.sites.binary_search(&site).is_ok()
    }
}

/// A plan, and the sites it had to leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The edits.
    pub plan: Plan,
    /// Sites of the removal that this plan does not remove, with the reason.
    pub left: Vec<(usize, Barrier)>,
    /// Members of the removal that keep their data, with the reason.
    pub left_members: Vec<(usize, Barrier)>,
    /// What people should know of the result besides: parts that are empty and stay.
    pub notes: Vec<String>,
}

impl From<Plan> for Planned {
    fn from(plan: Plan) -> Self {
        Self { plan, left: Vec::new(), left_members: Vec::new(), notes: Vec::new() }
    }
}

/// One surveyed file: knows its sites, plans their removal, and shows its bytes to the residue scan.
///
/// Produced by [`Format::survey`](crate::Format::survey); borrows the input.
pub trait Survey {
    /// The sites and guards.
    fn findings(&self) -> &Findings;

    /// Plans the removal of `removal.sites`: every one of them, and every stale copy that the needles find in gaps,
    /// padding and superseded revisions. What is not removed is named in [`Planned::left`].
    fn plan(&self, removal: &Removal<'_>, layout: Layout) -> Result<Planned>;

    /// Shows every region of the file to `scan`, decoded, with the ranges that its sites claim.
    ///
    /// Metadata and slack always; content only when [`Scan::wants_content`] says so.
    fn scan(&self, scan: &mut Scan<'_>) -> Result<()>;

    /// The files that stand inside, in file order, whose labels are their own. Those that are parts of the format
    /// itself are not among them. Default: none.
    fn members(&self) -> Vec<Member> {
        Vec::new()
    }

    /// How the data of members must be edited when the file is edited by `layout`. Default: the same.
    fn member_layout(&self, layout: Layout) -> Layout {
        layout
    }

    /// The first bytes of a member, up to `len` of them, by which its format may be told.
    ///
    /// # Errors
    /// As [`member`](Self::member).
    fn member_head(&self, index: usize, len: usize) -> Result<Vec<u8>> {
        let mut bytes = self.member(index)?.into_owned();
        bytes.truncate(len);
        Ok(bytes)
    }

    /// Where all of a member stands in the input, if that is one range: where no edit touches it, it stays what it was.
    /// Default: not known.
    fn member_extent(&self, index: usize) -> Option<Range<u64>> {
        let _ = index;
        None
    }

    /// Media whose end only a look at all of them tells, each with the bytes behind that end it, in file order: where no
    /// edit touches them, they end where they did. Default: none.
    fn media(&self) -> Vec<Range<u64>> {
        Vec::new()
    }

    /// What was found in a member, if it was looked into.
    fn found_in(&self, index: usize) -> Option<Look<'_>> {
        let _ = index;
        None
    }

    /// The decoded data of a member.
    ///
    /// # Errors
    /// [`LimitExceeded`](ErrorKind::LimitExceeded) over [`Limits::part_bytes`](crate::Limits::part_bytes), and what
    /// stands in the way of decoding it.
    fn member(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        Err(Error::unsupported(format!("there is no member {index}")))
    }
}
