//! One walk through a page.

use std::borrow::Cow;
use std::ops::Range;

use crate::containers::markup::{Embedded, Parts, adopt, uris};
use crate::containers::xml::{Labels, Scanner, Text};
use crate::containers::xmp::Packet;
use crate::error::{ErrorKind, Result};
use crate::formats::xml::{is_stale, property};
use crate::limits::Limits;
use crate::survey::{Barrier, Guard, KeyCase, Kind, Scope, Site};

use super::references::decode;
use super::tokens::{Tag, Token, Tokens, local};

/// Elements that stand in the head of a page.
const HEAD: [&str; 12] =
    ["html", "head", "title", "meta", "link", "base", "style", "script", "noscript", "template", "xml", "basefont"];

/// Names that the HTML standard, its registry, or a common vocabulary defines.
const FIELDS: [&str; 37] = [
    "application-name",
    "author",
    "bingbot",
    "color-scheme",
    "copyright",
    "date",
    "description",
    "distribution",
    "format-detection",
    "generator",
    "googlebot",
    "handheldfriendly",
    "keywords",
    "language",
    "mobileoptimized",
    "msnbot",
    "news_keywords",
    "next-head-count",
    "originator",
    "progid",
    "publisher",
    "rating",
    "referrer",
    "reply-to",
    "revised",
    "revisit",
    "revisit-after",
    "robots",
    "skype_toolbar",
    "slurp",
    "subject",
    "theme-color",
    "title",
    "url",
    "verify-v1",
    "viewport",
    "y_key",
];

/// Beginnings of such names.
const VOCABULARIES: [&str; 20] = [
    "al:",
    "apple-",
    "article:",
    "book:",
    "citation_",
    "csrf-",
    "dc.",
    "dc:",
    "dcterms.",
    "dcterms:",
    "fb:",
    "geo.",
    "google",
    "msapplication-",
    "og:",
    "product:",
    "profile:",
    "twitter:",
    "video:",
    "wt.",
];

/// What is found while a page is read.
struct Reader<'t> {
    text: &'t Text<'t>,
    limits: &'t Limits,
    parts: Parts,
    /// Whether the head of the page is over.
    in_body: bool,
    /// Whether a conditional comment is read: another comment cannot stand in it.
    in_comment: bool,
    /// Namespaces that tags have declared.
    namespaces: Vec<(&'t str, Cow<'t, str>)>,
    items: usize,
}

/// Reads a page.
///
/// # Errors
/// A limit that is met.
pub(super) fn read(input: &[u8], text: &Text<'_>, limits: &Limits) -> Result<Parts> {
    let parts = Parts::new(Labels::none(text.encoding()));
    let mut reader =
        Reader { text, limits, parts, in_body: false, in_comment: false, namespaces: Vec::new(), items: 0 };
    reader.range(0..text.as_str().len())?;
    let mut parts = reader.parts;
    parts.embedded = uris(text, input);
    parts.embedded.sort_by_key(Embedded::start);
    Ok(parts)
}

impl<'t> Reader<'t> {
    fn range(&mut self, range: Range<usize>) -> Result<()> {
        let mut tokens = Tokens::new(self.text.as_str(), range);
        while let Some(token) = tokens.next() {
            self.items += 1;
            self.limits.check_items(self.items, "HTML tokens")?;
            match token {
                Token::Start(tag) => self.start(&tag, &mut tokens)?,
                Token::Comment { inner } => self.comment(inner)?,
                Token::Text(range) => self.in_body |= is_shown(self.text.slice(range)),
                Token::End { name, .. } => self.in_body |= name.eq_ignore_ascii_case("head"),
            }
        }
        Ok(())
    }

    fn start(&mut self, tag: &Tag<'t>, tokens: &mut Tokens<'t>) -> Result<()> {
        self.items += tag.attributes().len();
        for attribute in tag.attributes() {
            if let Some(prefix) = attribute.name.strip_prefix("xmlns:").filter(|_| self.namespaces.len() < 256) {
                self.namespaces.push((prefix, decode(attribute.value, true)));
            }
        }
        let is_head = HEAD.iter().any(|name| tag.is(name)) || tag.name.contains(':');
        let name = tag.local().to_ascii_lowercase();
        match &*name {
            "meta" if tag.is("meta") => self.meta(tag),
            "title" if !tokens.is_foreign() && tag.is("title") => self.title(tag, tokens),
            "script" => self.script(tag, tokens),
            "link" if tag.raw("rel").is_some_and(|it| it.trim().eq_ignore_ascii_case("c2pa-manifest")) => {
                self.seal(tag);
            }
            "documentproperties" => self.properties(tag, tokens, false)?,
            "customdocumentproperties" => self.properties(tag, tokens, true)?,
            "rdf" | "xmpmeta" if tag.name.contains(':') && !tag.is_closed => self.packet(tag, tokens),
            _ => {}
        }
        self.in_body |= !is_head;
        Ok(())
    }

    /// A conditional comment is read by Office; any other is not, though it may hold what was taken out of use.
    fn comment(&mut self, inner: Range<usize>) -> Result<()> {
        let text = self.text.slice(inner.clone());
        let is_read = text.trim_start().starts_with("[if") && !self.in_comment;
        if is_read {
            let in_body = self.in_body;
            self.in_comment = true;
            self.range(inner)?;
            (self.in_comment, self.in_body) = (false, in_body);
        } else if is_stale(text) || text.contains("<META") {
            self.parts.stale.push(self.text.raw(inner));
        }
        Ok(())
    }

    fn claim(&mut self, range: Range<usize>) {
        self.parts.labels.claims.push(self.text.raw(range));
    }

    fn is_metadata(&mut self, range: Range<usize>) {
        self.parts.labels.metadata.push(self.text.raw(range));
    }

    fn push(&mut self, mut site: Site, range: Range<usize>) {
        site.barrier = site.barrier.or_else(|| Barrier::of_protected(&site.key));
        for value in [&mut site.value, &mut site.raw_value].into_iter().flatten() {
            value.truncate(value.floor_char_boundary(self.limits.value_bytes));
        }
        let raw = self.text.raw(range);
        if self.in_body && !self.in_comment {
            self.parts.inline.push(raw.clone());
        }
        self.parts.labels.claims.push(raw.clone());
        self.parts.labels.sites.push(site);
        self.parts.labels.ranges.push(raw);
    }

    fn meta(&mut self, tag: &Tag<'t>) {
        let named = ["name", "property", "itemprop", "http-equiv"].map(|name| {
            let key = decode(tag.raw(name)?, true).trim().to_owned();
            (!key.is_empty()).then_some((name, key))
        });
        let mut named = named.into_iter().flatten();
        let Some((attribute, key)) = named.next() else { return };
        let is_field = attribute == "http-equiv";
        let raw = tag.raw("content").or_else(|| tag.raw("value"));
        let value = raw.map(|raw| decode(raw, true).into_owned());
        let barrier = (is_field && key.eq_ignore_ascii_case("content-type"))
            .then(|| Barrier::new(ErrorKind::Unsupported, "it says in which charset the page is written"));
        let site = Site {
            address: if is_field { format!("http-equiv:{key}") } else { format!("meta:{key}") },
            kind: if is_field || is_known(&key) { Kind::Standard } else { Kind::Custom },
            aliases: named.map(|(_, key)| key).collect(),
            raw_value: raw.filter(|raw| Some(*raw) != value.as_deref()).map(str::to_owned),
            value,
            key,
            case: KeyCase::Insensitive,
            barrier,
            ..Site::default()
        };
        self.push(site, tag.range.clone());
        self.is_metadata(tag.range.clone());
    }

    fn title(&mut self, tag: &Tag<'t>, tokens: &mut Tokens<'t>) {
        let Some(Token::Text(inner)) = tokens.next() else { return };
        let Some(Token::End { range: end, .. }) = tokens.next() else { return };
        let raw = self.text.slice(inner);
        let value = decode(raw, false);
        if value.trim().is_empty() {
            return;
        }
        let site = Site {
            key: "title".into(),
            address: "html:title".into(),
            raw_value: (raw.trim() != value.trim()).then(|| raw.trim().to_owned()),
            value: Some(value.trim().to_owned()),
            kind: Kind::Standard,
            ..Site::default()
        };
        self.push(site, tag.range.start..end.end);
        self.is_metadata(tag.range.start..end.end);
    }

    fn script(&mut self, tag: &Tag<'t>, tokens: &mut Tokens<'t>) {
        let kind = tag.raw("type").unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/c2pa") {
            self.seal(tag);
        }
        if kind.eq_ignore_ascii_case("application/ld+json")
            && let Some(Token::Text(range)) = tokens.next()
        {
            self.is_metadata(range);
        }
    }

    fn seal(&mut self, tag: &Tag<'t>) {
        let barrier = Barrier::new(ErrorKind::Signed, "a C2PA manifest covers the page");
        let offset = self.text.raw_offset(tag.range.start) as u64;
        self.parts.guards.push(Guard { barrier, scope: Scope::File, offset });
    }

    /// Properties of Office, up to the end of their list.
    fn properties(&mut self, list: &Tag<'t>, tokens: &mut Tokens<'t>, is_custom: bool) -> Result<()> {
        self.claim(list.range.clone());
        let mut open: Option<Tag<'t>> = None;
        let mut reached = list.range.end;
        while let Some(token) = tokens.next() {
            self.items += 1;
            self.limits.check_items(self.items, "HTML tokens")?;
            match token {
                Token::End { name, range } if name.eq_ignore_ascii_case(list.name) => {
                    self.claim(range.clone());
                    reached = range.end;
                    break;
                }
                Token::Start(tag) if open.is_none() => {
                    if tag.is_closed {
                        self.property(&tag, tag.range.end, tag.range.end, is_custom);
                    } else {
                        open = Some(tag);
                    }
                }
                Token::End { name, range } => {
                    if let Some(tag) = open.take_if(|tag| tag.is(name)) {
                        self.property(&tag, range.start, range.end, is_custom);
                    }
                    reached = range.end;
                }
                _ => {}
            }
        }
        self.is_metadata(list.range.start..reached);
        Ok(())
    }

    fn property(&mut self, tag: &Tag<'t>, text_end: usize, end: usize, is_custom: bool) {
        let raw = self.text.slice(tag.range.end..text_end);
        let value = decode(raw, false);
        let range = tag.range.start..end;
        if value.trim().is_empty() && !is_custom {
            self.claim(range);
            return;
        }
        self.push(property(local(tag.name), value.into_owned(), raw, is_custom), range);
    }

    /// Statements: read as XML if they are that, else only searched.
    fn packet(&mut self, tag: &Tag<'t>, tokens: &mut Tokens<'t>) {
        let start = tag.range.start;
        let scanner = Scanner::new(self.text, self.limits).declaring(self.namespaces.clone());
        if let Ok(packet) = Packet::within(self.text, start, &scanner, self.limits) {
            adopt(&mut self.parts.packets, &mut self.parts.labels, packet);
        }
        while let Some(token) = tokens.next() {
            if matches!(token, Token::End { name, .. } if name.eq_ignore_ascii_case(tag.name)) {
                break;
            }
        }
        self.is_metadata(start..tokens.position);
    }
}

/// Whether text shows on the page.
fn is_shown(text: &str) -> bool {
    !text.trim().is_empty() && !text.starts_with("<!") && !text.starts_with("<?") && !text.starts_with("</")
}

/// Whether somebody else than the author of the page chose a name.
fn is_known(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    FIELDS.contains(&&*key) || VOCABULARIES.iter().any(|start| key.starts_with(start))
}
