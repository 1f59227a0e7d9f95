//! What stands in the elements that describe the media: tags, fields, attached files, private data of codecs.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::codec::Private;
use super::ids::{
    ATTACHED_FILE, ATTACHMENTS, CHAPTER_DISPLAY, CHAPTERS, CODEC_ID, CODEC_PRIVATE, CONTENT_ENCODING,
    CONTENT_ENCODING_SCOPE, CONTENT_ENCODINGS, CUES, EDITION_DISPLAY, FILE_DATA, FILE_MEDIA_TYPE, FILE_NAME, Field,
    Form, INFO, SEEK, SEEK_HEAD, SEEK_POSITION, SIGNATURE_SLOT, SIMPLE_TAG, TAG, TAG_BINARY, TAG_LANGUAGE,
    TAG_LANGUAGE_BCP47, TAG_NAME, TAG_STRING, TAGS, TARGETS, TRACK_ENTRY, TRACK_NUMBER, TRACK_UID, TRACKS, Way,
    field_of, is_master, is_term, kind_of, name,
};
use super::walk::{Part, Segment};
use crate::containers::ebml::{CRC_32, Children, Element, HEADER, Masters, VOID, string, unsigned};
use crate::containers::nested::join_places;
use crate::containers::propset::instant;
use crate::containers::text;
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Findings, Guard, KeyCase, Scope, Site};

/// Stands for the file as the master around what is in no segment.
pub(super) const NO_MASTER: usize = usize::MAX;

/// Seconds from 1970 to 2001.
const EPOCH: i64 = 978_307_200;

/// Bytes of the names around a tag, and of its place, that every tag repeats.
const LONGEST_PATH: usize = 256;

/// What becomes of the file when a site goes.
#[derive(Debug)]
pub(super) enum Unit {
    /// An element goes.
    Drop { range: Range<usize>, master: usize },
    /// An element becomes empty.
    Empty { element: Element, master: usize },
    /// Private data of a codec is edited: its index, and the index of the site in it.
    Private(usize, usize),
}

/// An entry of the directory of a segment.
#[derive(Debug)]
pub(super) struct Seek {
    pub(super) range: Range<usize>,
    pub(super) master: usize,
    pub(super) value: Element,
    /// The master of `value`.
    pub(super) entry: usize,
    /// First byte of what it points to.
    pub(super) target: usize,
    pub(super) segment: usize,
}

/// An attached file.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) name: String,
    pub(super) data: Element,
    pub(super) master: usize,
}

/// What was read of the parts of a file.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    input: &'a [u8],
    limits: &'a Limits,
    pub(super) masters: Masters,
    pub(super) findings: Findings,
    /// What becomes of the file when a site goes, for each site.
    pub(super) units: Vec<Unit>,
    /// How many children keep a master alive that cannot be without any.
    pub(super) alive: HashMap<usize, usize>,
    /// Filler, with the master around it.
    pub(super) voids: Vec<(Element, usize)>,
    pub(super) seeks: Vec<Seek>,
    pub(super) files: Vec<Attached>,
    pub(super) privates: Vec<Private<'a>>,
    /// The ranges of sites, and of strings of the format itself.
    pub(super) claimed: Vec<Range<usize>>,
    /// The index of the clusters, by master.
    pub(super) cues: Vec<usize>,
    /// Masters that go with the one string in them.
    lone: HashSet<usize>,
    /// Number of every track by its UID.
    tracks: HashMap<u64, u64>,
}

/// Lengths of the lists of a [`Tree`], to go back to.
#[derive(Clone, Copy)]
struct Mark([usize; 8]);

impl<'a> Tree<'a> {
    pub(super) fn new(input: &'a [u8], masters: Masters, limits: &'a Limits) -> Self {
        Self {
            input,
            limits,
            masters,
            findings: Findings::default(),
            units: Vec::new(),
            alive: HashMap::new(),
            voids: Vec::new(),
            seeks: Vec::new(),
            files: Vec::new(),
            privates: Vec::new(),
            claimed: Vec::new(),
            cues: Vec::new(),
            lone: HashSet::new(),
            tracks: HashMap::new(),
        }
    }

    /// Reads one part of the file; nothing of it is kept when it cannot be read whole.
    pub(super) fn read(&mut self, part: &Part, segments: &[Segment]) -> Result<()> {
        let segment = part.segment.and_then(|segment| segments.get(segment));
        let outer = segment.map_or(NO_MASTER, |segment| segment.master);
        let element = &part.element;
        let mark = self.mark();
        let read = match element.id {
            VOID => {
                self.voids.push((element.clone(), outer));
                return Ok(());
            }
            SIGNATURE_SLOT => {
                let barrier = Barrier::new(ErrorKind::Signed, "a signature of the container covers elements");
                self.findings.guards.push(Guard { barrier, scope: Scope::File, offset: element.start as u64 });
                return Ok(());
            }
            HEADER | SEEK_HEAD | INFO | TRACKS | ATTACHMENTS | CHAPTERS | TAGS | CUES => {
                let parent = (outer != NO_MASTER).then_some(outer);
                let master = self.masters.add(element.clone(), parent);
                if element.id == CUES {
                    self.cues.push(master);
                }
                if element.id == HEADER {
                    self.claimed.push(element.range());
                }
                let context =
                    Context { segment: part.segment.unwrap_or(0), start: segment.map_or(0, |it| it.data.start) };
                self.children(master, element, context, 1)
            }
            _ => return Ok(()),
        };
        if read.is_err() {
            self.back_to(mark);
        }
        read
    }

    fn mark(&self) -> Mark {
        Mark([
            self.findings.sites.len(),
            self.findings.guards.len(),
            self.findings.follows.len(),
            self.voids.len(),
            self.seeks.len(),
            self.files.len(),
            self.privates.len(),
            self.claimed.len(),
        ])
    }

    fn back_to(&mut self, Mark([sites, guards, follows, voids, seeks, files, privates, claimed]): Mark) {
        self.findings.sites.truncate(sites);
        self.units.truncate(sites);
        self.findings.guards.truncate(guards);
        self.findings.follows.truncate(follows);
        self.voids.truncate(voids);
        self.seeks.truncate(seeks);
        self.files.truncate(files);
        self.privates.truncate(privates);
        self.claimed.truncate(claimed);
    }

    fn children(&mut self, master: usize, element: &Element, context: Context, depth: usize) -> Result<()> {
        self.limits.check_depth(depth)?;
        let targets = if element.id == TAG { self.targets(element) } else { String::new() };
        for child in Children::new(self.input, element.data.clone()) {
            let child = child?;
            self.limits.check_items(self.masters.len() + self.voids.len() + self.units.len(), "EBML elements")?;
            match child.id {
                VOID => self.voids.push((child, master)),
                CRC_32 => self.masters.set_crc(master, child),
                SIMPLE_TAG if element.id == TAG => {
                    *self.alive.entry(master).or_default() += 1;
                    self.tag(&child, master, Outer { site: None, name: "", place: &targets }, depth + 1)?;
                }
                id if is_master(element.id, id) => {
                    *self.alive.entry(master).or_default() += usize::from(matches!(id, TAG | SEEK));
                    let inner = self.masters.add(child.clone(), Some(master));
                    match id {
                        SEEK => self.seek(&child, inner, master, context),
                        TRACK_ENTRY => self.track(&child),
                        ATTACHED_FILE => self.attached(&child, inner),
                        CHAPTER_DISPLAY | EDITION_DISPLAY => self.note_lone(&child, inner),
                        _ => {}
                    }
                    self.children(inner, &child, context, depth + 1)?;
                    if id == TRACK_ENTRY {
                        self.private(&child, inner)?;
                    }
                }
                id => match field_of(element.id, id) {
                    Some(field) => self.field(field, child, master),
                    None if is_term(element.id, id) => self.claimed.push(child.range()),
                    None => {}
                },
            }
        }
        Ok(())
    }

    /// The first child of `element` with this ID.
    fn child(&self, element: &Element, id: u32) -> Option<Element> {
        Children::new(self.input, element.data.clone()).map_while(Result::ok).find(|child| child.id == id)
    }

    fn string(&self, element: &Element) -> String {
        text::value(text::decode(self.input.get(string(self.input, element)).unwrap_or_default()), self.limits)
    }

    fn seek(&mut self, element: &Element, entry: usize, master: usize, context: Context) {
        let Some(value) = self.child(element, SEEK_POSITION) else { return };
        let Some(position) = unsigned(self.input, &value) else { return };
        let target = context.start.saturating_add(usize::try_from(position).unwrap_or(usize::MAX));
        self.seeks.push(Seek { range: element.range(), master, value, entry, target, segment: context.segment });
    }

    fn track(&mut self, element: &Element) {
        let number = |id| self.child(element, id).and_then(|child| unsigned(self.input, &child));
        if let (Some(uid), Some(number)) = (number(TRACK_UID), number(TRACK_NUMBER)) {
            self.tracks.insert(uid, number);
        }
    }

    fn attached(&mut self, element: &Element, master: usize) {
        let name = self.child(element, FILE_NAME).map(|name| self.string(&name));
        let media = self.child(element, FILE_MEDIA_TYPE).map(|media| self.string(&media)).unwrap_or_default();
        if media.contains("c2pa") {
            let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest signs the file");
            self.findings.guards.push(Guard { barrier, scope: Scope::File, offset: element.start as u64 });
        }
        let number = self.files.len() + 1;
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| format!("attachment {number}"));
        if let Some(data) = self.child(element, FILE_DATA) {
            self.files.push(Attached { name, data, master });
        }
    }

    /// Takes up what the private data of the codec of a track holds.
    fn private(&mut self, track: &Element, master: usize) -> Result<()> {
        let Some(data) = self.child(track, CODEC_PRIVATE) else { return Ok(()) };
        let codec = self.child(track, CODEC_ID).map(|codec| self.string(&codec)).unwrap_or_default();
        let is_coded = self.child(track, CONTENT_ENCODINGS).is_some_and(|encodings| self.covers_private(&encodings));
        let number = self.child(track, TRACK_NUMBER).and_then(|number| unsigned(self.input, &number)).unwrap_or(0);
        let private = Private::read(self.input, data, master, &codec, is_coded, self.limits)?;
        if let Some(reason) = private.hidden() {
            let barrier = Barrier::new(ErrorKind::Unsupported, format!("CodecPrivate of track {number} {reason}"));
            self.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: private.range().start as u64 });
        }
        let index = self.privates.len();
        let base = private.base() as u64;
        let place = format!("CodecPrivate of track {number}");
        for (own, site) in private.sites() {
            let site = Site { offset: base + site.offset, place: join_places(&place, &site.place), ..site.clone() };
            self.findings.sites.push(site);
            self.units.push(Unit::Private(index, own));
        }
        self.privates.push(private);
        Ok(())
    }

    /// Whether the private data of a codec is compressed or encrypted.
    fn covers_private(&self, encodings: &Element) -> bool {
        let each = Children::new(self.input, encodings.data.clone()).flatten();
        each.filter(|encoding| encoding.id == CONTENT_ENCODING).any(|encoding| {
            let scope = self.child(&encoding, CONTENT_ENCODING_SCOPE);
            scope.and_then(|scope| unsigned(self.input, &scope)).is_some_and(|scope| scope & 2 != 0)
        })
    }

    /// What the tags of a `Tag` are about, for people.
    fn targets(&self, tag: &Element) -> String {
        let mut place = "Tags".to_owned();
        let Some(targets) = self.child(tag, TARGETS) else { return place };
        for target in Children::new(self.input, targets.data).map_while(Result::ok) {
            let uid = unsigned(self.input, &target).filter(|uid| *uid != 0);
            let what = match (target.id, uid) {
                (0x63C5, Some(uid)) => match self.tracks.get(&uid) {
                    Some(number) => format!("track {number}"),
                    None => "a track".to_owned(),
                },
                (0x63C9, Some(_)) => "an edition".to_owned(),
                (0x63C4, Some(_)) => "a chapter".to_owned(),
                (0x63C6, Some(_)) => "an attachment".to_owned(),
                _ => continue,
            };
            place = format!("{place}, {what}");
            if place.len() > LONGEST_PATH {
                break;
            }
        }
        place
    }

    fn tag(&mut self, element: &Element, master: usize, outer: Outer<'_>, depth: usize) -> Result<()> {
        self.limits.check_depth(depth)?;
        let own = self.masters.add(element.clone(), Some(master));
        let (mut name, mut value, mut language) = (None, None, None);
        for child in Children::new(self.input, element.data.clone()) {
            let child = child?;
            match child.id {
                VOID => self.voids.push((child, own)),
                CRC_32 => self.masters.set_crc(own, child),
                TAG_NAME if name.is_none() => name = Some(child),
                TAG_STRING | TAG_BINARY if value.is_none() => value = Some(child),
                TAG_LANGUAGE | TAG_LANGUAGE_BCP47 => language = Some(self.string(&child)),
                _ => {}
            }
            self.limits.check_items(self.masters.len() + self.voids.len(), "EBML elements")?;
        }
        let site = self.findings.sites.len();
        self.tag_site(element, master, outer, [name.as_ref(), value.as_ref()], language.as_deref());
        let key = name.map(|name| self.string(&name)).unwrap_or_default();
        let mut path = if outer.name.is_empty() { key } else { format!("{}/{key}", outer.name) };
        path.truncate(path.floor_char_boundary(LONGEST_PATH));
        if let Some(outer) = outer.site {
            self.findings.follows.push((site, outer));
        }
        for child in Children::new(self.input, element.data.clone()).flatten().filter(|child| child.id == SIMPLE_TAG) {
            self.tag(&child, own, Outer { site: Some(site), name: &path, place: outer.place }, depth + 1)?;
        }
        Ok(())
    }

    /// Takes up a tag: its name and its value stand in two of its children.
    fn tag_site(
        &mut self,
        element: &Element,
        master: usize,
        outer: Outer<'_>,
        [name, value]: [Option<&Element>; 2],
        language: Option<&str>,
    ) {
        let key = name.map(|name| self.string(name)).unwrap_or_default();
        let bytes = value.map(|value| self.input.get(value.data.clone()).unwrap_or_default()).unwrap_or_default();
        let is_string = value.is_some_and(|value| value.id == TAG_STRING);
        let is_readable = is_string || (bytes.len() <= self.limits.value_bytes && text::is_text(bytes));
        let text = value.filter(|_| is_readable).map(|value| self.string(value));
        let is_generated = text.as_deref().is_some_and(text::is_aigc);
        let barrier = Barrier::of_protected(if is_generated { "AIGC" } else { &key });
        let address = if outer.name.is_empty() { format!("mkv:{key}") } else { format!("mkv:{}/{key}", outer.name) };
        let place = match language.filter(|language| *language != "und" && language.len() <= LONGEST_PATH) {
            Some(language) => format!("{}, language {language}", outer.place),
            None => outer.place.to_owned(),
        };
        // What stands behind the end of a string is no part of it.
        for child in [name, value].into_iter().flatten() {
            let end = if child.id == TAG_BINARY { child.data.end } else { string(self.input, child).end };
            self.claimed.push(child.start..end);
        }
        self.findings.sites.push(Site {
            kind: kind_of(&key),
            key,
            value: text,
            address,
            case: KeyCase::Insensitive,
            place,
            offset: element.start as u64,
            barrier,
            ..Site::default()
        });
        self.units.push(Unit::Drop { range: element.range(), master });
    }

    fn field(&mut self, field: &Field, element: Element, master: usize) {
        let value = match field.form {
            Form::Text => self.string(&element),
            Form::Date => {
                let nanoseconds = unsigned(self.input, &element).filter(|_| element.data.len() == 8);
                let Some(nanoseconds) = nanoseconds else { return };
                instant(EPOCH + nanoseconds.cast_signed().div_euclid(1_000_000_000))
            }
        };
        if value.is_empty() {
            return;
        }
        let end = if field.form == Form::Text { string(self.input, &element).end } else { element.data.end };
        self.claimed.push(element.start..end);
        let outer = self.masters.get(master);
        let top = outer.and_then(|outer| {
            let around = std::iter::successors(Some(outer), |it| self.masters.get(it.parent?));
            around.map(|it| it.element.id).find(|id| name(*id) != "unknown element")
        });
        self.findings.sites.push(Site {
            key: field.address.split(':').nth(1).unwrap_or_default().to_owned(),
            barrier: text::is_aigc(&value).then(|| Barrier::of_protected("AIGC")).flatten(),
            value: Some(value),
            address: field.address.to_owned(),
            kind: field.kind,
            place: top.map_or("", name).to_owned(),
            offset: element.start as u64,
            ..Site::default()
        });
        let around = outer.and_then(|outer| Some((outer.element.range(), outer.parent?)));
        self.units.push(match (field.way, around) {
            (Way::Empty, _) => Unit::Empty { element, master },
            (Way::DropOuter, Some((range, parent))) if self.lone.contains(&master) => {
                Unit::Drop { range, master: parent }
            }
            _ => Unit::Drop { range: element.range(), master },
        });
    }

    /// Notes a master that means nothing without the one string in it.
    fn note_lone(&mut self, element: &Element, master: usize) {
        let children = Children::new(self.input, element.data.clone()).flatten();
        let strings = children
            .filter(|child| field_of(element.id, child.id).is_some_and(|_| !string(self.input, child).is_empty()));
        if strings.take(2).count() == 1 {
            self.lone.insert(master);
        }
    }
}

/// The segment that is read, and from where its positions count.
#[derive(Clone, Copy)]
struct Context {
    segment: usize,
    start: usize,
}

/// What stands around a tag: the site of the tag that it says more of, the names on the way, the place.
#[derive(Clone, Copy)]
struct Outer<'o> {
    site: Option<usize>,
    name: &'o str,
    place: &'o str,
}
