//! Finding the labels in the tree.

mod images;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::blocks::{Block, Held};
use super::items::{self, Key};
use super::located;
use super::text::{self, Text};
use super::tree::{Node, Tree};
use crate::containers::Carrier;
use crate::containers::bmff::{Atom, uuid_name};
use crate::containers::nested::join_places;
use crate::containers::text::{decode, is_aigc, value as cut_value};
use crate::error::{ErrorKind, Result};
use crate::limits::Limits;
use crate::survey::{Barrier, Findings, Guard, Kind, Member, Scope, Site};

/// The extended type of boxes that hold an XMP packet (XMP specification part 3, 1.2.7).
pub(super) const XMP: [u8; 16] = *b"\xbe\x7a\xcf\xcb\x97\xa9\x42\xe8\x9c\x71\x99\x94\x91\xe3\xaf\xac";

/// The extended type of C2PA manifests.
const C2PA: [u8; 16] = *b"\xd8\xfe\xc3\xd6\x1b\x0e\x48\x3c\x92\x97\x58\x28\x87\x7e\xc4\x81";

/// What holds a label, and so what goes with it. All ranges are bytes of the file.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    /// A box.
    Whole(usize),
    /// One value of an item in a list; the last one takes the item along.
    Value { item: usize, data: usize },
    /// An entry of `keys`, by its number, that no item uses.
    Key { meta: usize, number: u32 },
    /// A part of a box; the last one takes the box along.
    Part { node: usize, range: Range<usize> },
    /// A text in a box that keeps its length.
    Text { node: usize, range: Range<usize> },
    /// A field that stays, empty.
    Field(Range<usize>),
    /// A site of a metadata block.
    Block,
}

/// Everything found.
#[derive(Debug, Default)]
pub(super) struct Labels<'a> {
    pub(super) findings: Findings,
    /// One for each site.
    pub(super) owners: Vec<Owner>,
    pub(super) blocks: Vec<Block<'a>>,
    /// The keys that the items of a `meta` box refer to, by that box.
    pub(super) keys: HashMap<usize, Keys>,
    /// How many parts each box has that is removed by parts.
    pub(super) parts: HashMap<usize, usize>,
    /// Bytes that belong to labels and their structure.
    pub(super) claimed: Vec<Range<usize>>,
    /// Pictures, with the `data` box of each.
    pub(super) members: Vec<(Member, usize)>,
    /// Payload that is not text: pictures.
    pub(super) payload: Vec<Range<usize>>,
    /// Items of unknown kind that may be text.
    pub(super) texts: Vec<Range<usize>>,
}

/// A `keys` box.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) node: usize,
    pub(super) entries: Vec<Key>,
}

/// Looks through the tree.
pub(super) fn find<'a>(input: &'a [u8], tree: &Tree, limits: &Limits) -> Result<Labels<'a>> {
    let mut finder = Finder { input, tree, limits, labels: Labels::default(), foreign: Vec::new(), joined: 0 };
    for index in 0..tree.nodes.len() {
        finder.look_at(index)?;
    }
    finder.bar_shared();
    Ok(finder.labels)
}

struct Finder<'a, 't> {
    input: &'a [u8],
    tree: &'t Tree,
    limits: &'t Limits,
    labels: Labels<'a>,
    /// Where items lie that are no metadata.
    foreign: Vec<Range<usize>>,
    /// Bytes of items that were put together.
    joined: u64,
}

impl<'a> Finder<'a, '_> {
    fn look_at(&mut self, index: usize) -> Result<()> {
        let Some(Node { atom, parent, .. }) = self.tree.nodes.get(index) else { return Ok(()) };
        let parent_kind = parent.map(|parent| self.tree.kind(parent));
        match (&parent_kind.unwrap_or_default(), &atom.kind) {
            (_, b"uuid") => self.extended(index, atom)?,
            (_, b"meta") => {
                self.declare(index);
                self.items(index)?;
            }
            (b"ipco", b"udes") => self.described(index, atom, &["", "name", "description", "tags"]),
            (b"ipco", b"altt") => self.described(index, atom, &["text", ""]),
            (_, b"mini") if parent.is_none() && located::describes(self.input, atom) => {
                self.guard(ErrorKind::Unsupported, "metadata of a minimized image is not read", Scope::Hidden, atom);
            }
            (_, b"mpvd") if parent.is_none() => self.motion(index, atom),
            (b"udta", b"XMP_") => self.packet(index, atom)?,
            (b"udta", b"Xtra") if !atom.data.is_empty() => self.attributes(index, atom),
            (b"udta", _) if !atom.is_free() && !atom.data.is_empty() => self.user_data(index, atom),
            (b"meta", b"xml " | b"bxml" | b"ID32") => self.whole(index, atom, "meta"),
            (b"mdia", b"hdlr") => self.handler(index, atom),
            (b"ilst", kind) if !matches!(kind, b"free" | b"skip") => self.item(index, atom),
            (b"moov", b"cmov") => {
                self.guard(ErrorKind::Unsupported, "the movie header is compressed", Scope::Hidden, atom);
            }
            _ => {}
        }
        self.limits.check_items(self.labels.owners.len(), "labels")
    }

    fn guard(&mut self, kind: ErrorKind, reason: &str, scope: Scope, atom: &Atom) {
        let barrier = Barrier::new(kind, reason);
        self.labels.findings.guards.push(Guard { barrier, scope, offset: atom.start as u64 });
    }

    /// Adds a site. What law protects is told by its key or its value.
    fn add(&mut self, mut site: Site, owner: Owner) {
        site.value = site.value.map(|value| cut_value(value, self.limits));
        let by_value = || {
            let reason = "a content label (AIGC) that law protects";
            let is_mark = site.value.as_deref().is_some_and(is_aigc);
            is_mark.then(|| Barrier::new(ErrorKind::Protected, reason))
        };
        if let Owner::Part { node, .. } = owner {
            *self.labels.parts.entry(node).or_default() += 1;
        }
        site.barrier = Barrier::of_protected(&site.key).or_else(by_value);
        self.labels.findings.sites.push(site);
        self.labels.owners.push(owner);
    }

    fn site(&self, node: usize, address: String, key: String, kind: Kind) -> Site {
        let place = self.tree.path(self.tree.parent(node));
        let offset = self.tree.atom(node).map_or(0, |atom| atom.start as u64);
        Site { key, address, kind, place, offset, ..Site::default() }
    }

    fn extended(&mut self, index: usize, atom: &Atom) -> Result<()> {
        match atom.uuid {
            Some(XMP) => self.packet(index, atom)?,
            Some(C2PA) => self.guard(ErrorKind::Signed, "a C2PA manifest signs the file", Scope::File, atom),
            Some(uuid) if self.tree.parent(index).is_some_and(|parent| self.tree.kind(parent) == *b"udta") => {
                let key = uuid_name(uuid);
                let site = self.site(index, format!("udta:{key}"), key, Kind::Standard);
                self.add(site, Owner::Whole(index));
            }
            _ => {}
        }
        Ok(())
    }

    fn packet(&mut self, index: usize, atom: &Atom) -> Result<()> {
        let bytes = atom.bytes(self.input);
        self.limits.check_part(bytes.len() as u64)?;
        let held = Held::xmp(bytes, self.limits)?;
        let place = self.tree.path(self.tree.parent(index));
        self.add_block(Block {
            node: Some(index),
            place,
            pieces: vec![atom.data.clone()],
            bytes: Cow::Borrowed(bytes),
            held,
            sites: 0..0,
        });
        Ok(())
    }

    fn add_block(&mut self, mut block: Block<'a>) {
        let first = self.labels.owners.len();
        for site in block.carrier().into_iter().flat_map(Carrier::sites) {
            let place = join_places(&block.place, &site.place);
            self.labels.findings.sites.push(Site { place, offset: block.offset(site.offset), ..site.clone() });
            self.labels.owners.push(Owner::Block);
        }
        block.sites = first..self.labels.owners.len();
        if matches!(block.held, Held::Unread) && !block.is_blank() {
            let reason = format!("the metadata in {} is not well-formed", block.place);
            let barrier = Barrier::new(ErrorKind::Unsupported, reason);
            self.labels.findings.guards.push(Guard { barrier, scope: Scope::Hidden, offset: block.offset(0) });
        }
        self.labels.blocks.push(block);
    }

    fn attributes(&mut self, index: usize, atom: &Atom) {
        let Some(entries) = text::attributes(atom.bytes(self.input)) else {
            return self.whole(index, atom, "udta");
        };
        for entry in entries {
            let range = entry.range.start + atom.data.start..entry.range.end + atom.data.start;
            let kind = if entry.name.starts_with("WM/") { Kind::Standard } else { Kind::Custom };
            let mut site = self.site(index, format!("xtra:{}", entry.name), entry.name, kind);
            site.offset = range.start as u64;
            if entry.value.is_some() {
                self.labels.claimed.push(range.clone());
            }
            site.value = entry.value;
            self.add(site, Owner::Part { node: index, range });
        }
    }

    /// A box in user data: texts, a field, or something of one program's own.
    fn user_data(&mut self, index: usize, atom: &Atom) {
        let data = atom.bytes(self.input);
        if let Some(texts) = (atom.kind[0] == 0xa9).then(|| text::international(data)).flatten() {
            for Text { range, value, language } in texts {
                let mut site = self.site(index, format!("udta:{}", atom.name()), atom.name(), kind_of(atom.kind));
                let range = range.start + atom.data.start..range.end + atom.data.start;
                site.offset = range.start as u64;
                site.value = Some(value);
                site.place = join_places(&site.place, &language.unwrap_or_default());
                site.aliases.extend(items::code_title(atom.kind).map(str::to_owned));
                self.labels.claimed.push(range.clone());
                self.add(site, Owner::Part { node: index, range });
            }
            return self.labels.claimed.push(atom.start..atom.data.start);
        }
        self.whole(index, atom, "udta");
    }

    /// A box that is one label.
    fn whole(&mut self, index: usize, atom: &Atom, carrier: &str) {
        let data = atom.bytes(self.input);
        let head = data.get(..self.limits.value_bytes.saturating_add(16)).unwrap_or(data);
        let (value, language) = match text::asset(atom.kind, head) {
            Some((value, language)) => (Some(value), language),
            None => (text::plain(head), None),
        };
        let name = atom.name().trim_end().to_owned();
        let mut site = self.site(index, format!("{carrier}:{name}"), name, kind_of(atom.kind));
        site.place = join_places(&site.place, &language.unwrap_or_default());
        if value.is_some() {
            self.labels.claimed.push(atom.range());
        }
        site.value = value;
        self.add(site, Owner::Whole(index));
    }

    /// The name that a track's handler gives itself.
    fn handler(&mut self, index: usize, atom: &Atom) {
        let at = atom.data.start + 24;
        let field = at.min(atom.data.end)..atom.data.end;
        let bytes = self.input.get(field.clone()).unwrap_or_default();
        let counted = bytes.split_first().filter(|(count, rest)| usize::from(**count) == rest.len());
        let name = counted.map_or(bytes, |(_, rest)| rest);
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        if name.is_empty() {
            return;
        }
        let mut site = self.site(index, "hdlr:name".to_owned(), "name".to_owned(), Kind::Bookkeeping);
        site.value = Some(decode(name));
        self.labels.claimed.push(field.clone());
        self.add(site, Owner::Field(field));
    }

    /// The keys of a `meta` box, wherever they stand in it. One that no item uses is a label without a value.
    fn declare(&mut self, meta: usize) {
        let Some(index) = self.tree.child(meta, *b"keys") else { return };
        let Some(atom) = self.tree.atom(index) else { return };
        let Some(entries) = items::keys(atom.bytes(self.input)) else { return };
        let used = self.used(meta);
        for (position, key) in entries.iter().enumerate() {
            let number = position as u32 + 1;
            let range = key.range.start + atom.data.start..key.range.end + atom.data.start;
            self.labels.claimed.push(range.clone());
            if !used.contains(&number) {
                let address = format!("{}:{}", key.carrier(), key.name);
                let mut site = self.site(index, address, key.name.clone(), key.kind());
                site.offset = range.start as u64;
                self.add(site, Owner::Key { meta, number });
            }
        }
        self.labels.keys.insert(meta, Keys { node: index, entries });
    }

    /// The numbers of keys that an item refers to.
    fn used(&self, meta: usize) -> HashSet<u32> {
        let lists = self.tree.children(meta).filter(|(_, node)| node.atom.kind == *b"ilst");
        let items = lists.flat_map(|(list, _)| self.tree.children(list));
        items.map(|(_, item)| u32::from_be_bytes(item.atom.kind)).collect()
    }

    fn item(&mut self, index: usize, atom: &Atom) {
        let meta = self.tree.parent(index).and_then(|list| self.tree.parent(list));
        let number = u32::from_be_bytes(atom.kind);
        let keys = meta.and_then(|meta| self.labels.keys.get(&meta));
        let key = keys.and_then(|keys| keys.entries.get((number as usize).checked_sub(1)?)).cloned();
        let text_of = |kind| {
            let child = self.tree.child(index, kind).and_then(|child| self.tree.atom(child));
            child.and_then(|child| child.bytes(self.input).get(4..)).map(decode).unwrap_or_default()
        };
        let mut site = match key {
            Some(key) => self.site(index, format!("{}:{}", key.carrier(), key.name), key.name.clone(), key.kind()),
            None if atom.kind == *b"----" => {
                let (mean, name) = (text_of(*b"mean"), text_of(*b"name"));
                let kind = items::freeform_kind(&mean, &name);
                let site = self.site(index, format!("ilst:----:{mean}:{name}"), name.clone(), kind);
                Site { aliases: vec![format!("{mean}:{name}")], ..site }
            }
            None => {
                let site = self.site(index, format!("ilst:{}", atom.name()), atom.name(), items::code_kind(atom.kind));
                Site { aliases: items::code_title(atom.kind).map(str::to_owned).into_iter().collect(), ..site }
            }
        };
        site.aliases.retain(|alias| *alias != site.key);
        let values: Vec<_> = self.tree.children(index).filter(|(_, node)| node.atom.kind == *b"data").collect();
        if values.is_empty() {
            site.value = text::plain(atom.bytes(self.input)).filter(|value| value.len() <= self.limits.value_bytes);
            self.labels.claimed.push(atom.range());
            return self.add(site, Owner::Whole(index));
        }
        self.labels.claimed.push(atom.start..values.first().map_or(atom.data.end, |(_, node)| node.atom.start));
        for (data, node) in values {
            let bytes = node.atom.bytes(self.input);
            let value = items::value(atom.kind, bytes);
            let picture = items::picture(bytes);
            match (&value, picture) {
                (_, Some(extension)) => self.picture(data, &node.atom, &site, extension),
                (Some(_), _) => self.labels.claimed.push(node.atom.range()),
                (None, None) => self.labels.claimed.push(node.atom.start..node.atom.data.start),
            }
            let offset = node.atom.start as u64;
            let value = value.filter(|_| picture.is_none());
            self.add(Site { value, offset, ..site.clone() }, Owner::Value { item: index, data });
        }
    }

    fn picture(&mut self, data: usize, atom: &Atom, site: &Site, extension: &str) {
        let payload = (atom.data.start + 8).min(atom.data.end)..atom.data.end;
        let number = self.labels.members.len() + 1;
        let place = format!("{} {} {number}.{extension}", site.place, site.key);
        let (offset, len) = (payload.start as u64, payload.len() as u64);
        self.labels.members.push((Member { place, offset, len, barrier: None }, data));
        self.labels.claimed.push(atom.start..payload.start);
        self.labels.payload.push(payload);
    }
}

/// Who chose a box of user data. What players take their behaviour from is not for people.
fn kind_of(kind: [u8; 4]) -> Kind {
    match &kind {
        b"\xa9swr" | b"\xa9too" | b"\xa9enc" | b"tsel" | b"kind" | b"ludt" | b"hnti" | b"hinf" | b"chpl" | b"SelO"
        | b"LOOP" | b"AllF" | b"WLOC" | b"ptv " => Kind::Bookkeeping,
        _ => Kind::Standard,
    }
}
