//! The events of a document.

mod event;
mod tag;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use memchr::{memchr, memmem};

pub use self::event::{Attribute, Content, Element, End, Event, Name};
use super::{Entities, Text, XML, decode, is_space, reference};
use crate::error::{Error, Result};
use crate::limits::Limits;

#[derive(Debug)]
struct Open<'t> {
    qualified: &'t str,
    start: usize,
    /// Declarations in scope before this element.
    declarations: usize,
}

/// Reads a document event by event. The ranges of the events join without a gap.
///
/// ```
/// use unlabel_core::Limits;
/// use unlabel_core::containers::xml::{Event, Scanner, Text};
/// let text = Text::decode(br#"<p:a xmlns:p="urn:x" id="7">&lt;</p:a>"#, &Limits::default()).unwrap();
/// let limits = Limits::default();
/// let mut scanner = Scanner::new(&text, &limits);
/// let Some(Event::Start(element)) = scanner.next().unwrap() else { unreachable!() };
/// assert!(element.name.is("urn:x", "a"));
/// assert_eq!(element.value("", "id").unwrap(), "7");
/// assert_eq!(scanner.content(&element).unwrap().text, "<");
/// assert!(scanner.next().unwrap().is_none());
/// ```
#[derive(Debug)]
pub struct Scanner<'t> {
    source: &'t Text<'t>,
    text: &'t str,
    limits: &'t Limits,
    position: usize,
    open: Vec<Open<'t>>,
    declarations: Vec<(&'t str, Cow<'t, str>)>,
    /// The end of an empty-element tag, still to be reported.
    pending_end: Option<End<'t>>,
    has_root: bool,
    items: usize,
    /// What the document type declares, if it is asked for.
    entities: Option<Arc<Entities>>,
    /// Bytes of text that entities stood for.
    expanded: u64,
}

impl<'t> Scanner<'t> {
    /// A scanner over a whole part.
    pub fn new(source: &'t Text<'t>, limits: &'t Limits) -> Self {
        Self::starting_at(source, 0, limits)
    }

    /// A scanner that begins at `position`, where prolog or markup must stand.
    pub fn starting_at(source: &'t Text<'t>, position: usize, limits: &'t Limits) -> Self {
        Self {
            source,
            text: source.as_str(),
            limits,
            position,
            open: Vec::new(),
            declarations: vec![("xml", Cow::Borrowed(XML))],
            pending_end: None,
            has_root: false,
            items: 0,
            entities: None,
            expanded: 0,
        }
    }

    /// The same, knowing the entities that the document type declares as plain text. References to others are text.
    pub(crate) fn resolving(mut self) -> Self {
        self.entities = Some(Arc::default());
        self
    }

    /// The same, with these namespaces in force.
    pub(crate) fn declaring(mut self, namespaces: Vec<(&'t str, Cow<'t, str>)>) -> Self {
        self.declarations.extend(namespaces);
        self
    }

    /// A scanner of the element at `position` alone, with the namespaces and entities that are in force here.
    pub(crate) fn of_element(&self, position: usize) -> Self {
        let declarations = self.declarations.clone();
        let entities = self.entities.clone();
        Self { declarations, entities, ..Self::starting_at(self.source, position, self.limits) }
    }

    /// What the document type declares, as far as it was asked for.
    pub(crate) fn entities(&self) -> Option<&Entities> {
        self.entities.as_deref()
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The position after the last event.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The namespace that `prefix` is bound to here.
    pub fn namespace(&self, prefix: &str) -> Option<&Cow<'t, str>> {
        self.declarations.iter().rev().find(|(declared, _)| *declared == prefix).map(|(_, uri)| uri)
    }

    /// The next event, or nothing at the end of a well-formed document.
    #[expect(clippy::should_implement_trait, reason = "an iterator of results would go on after an error")]
    pub fn next(&mut self) -> Result<Option<Event<'t>>> {
        if let Some(end) = self.pending_end.take() {
            self.close();
            return Ok(Some(Event::End(end)));
        }
        self.items += 1;
        self.limits.check_items(self.items, "XML nodes")?;
        let rest = self.rest();
        let Some(first) = rest.bytes().next() else { return self.finish().map(|()| None) };
        let event = if first != b'<' {
            Event::Text(self.character_data(rest)?)
        } else if rest.starts_with("</") {
            Event::End(self.end_tag(rest)?)
        } else if rest.starts_with("<!--") {
            Event::Comment(self.delimited(rest, 4, "-->", "a comment is not closed")?)
        } else if rest.starts_with("<?") {
            Event::Instruction(self.delimited(rest, 2, "?>", "a processing instruction is not closed")?)
        } else if rest.starts_with("<![CDATA[") {
            if self.open.is_empty() {
                return Err(self.malformed(self.position, "character data outside of the root element"));
            }
            Event::CData(self.delimited(rest, 9, "]]>", "a CDATA section is not closed")?)
        } else if rest.starts_with("<!") {
            let range = self.doctype(rest)?;
            if self.entities.is_some() {
                self.entities = Some(Arc::new(Entities::parse(self.source.slice(range.clone()))));
            }
            Event::Doctype(range)
        } else {
            Event::Start(self.start_tag()?)
        };
        Ok(Some(event))
    }

    /// Reads on to the end of `element`, whose start tag was the last event.
    pub fn content(&mut self, element: &Element<'t>) -> Result<Content> {
        let depth = self.depth();
        let mut content = Content::default();
        while let Some(event) = self.next()? {
            match event {
                Event::End(end) if self.depth() < depth => {
                    content.range = end.element;
                    content.inner = element.range.end..end.range.start;
                    break;
                }
                Event::Start(_) => content.has_elements = true,
                Event::Text(range) | Event::CData(range) => content.text.push_str(&self.decoded(range)),
                _ => {}
            }
        }
        Ok(content)
    }

    /// The decoded character data of an [`Event::Text`] or [`Event::CData`].
    pub fn decoded(&self, range: Range<usize>) -> Cow<'t, str> {
        let raw = self.text.get(range).unwrap_or_default();
        match raw.strip_prefix("<![CDATA[").and_then(|raw| raw.strip_suffix("]]>")) {
            Some(literal) => Cow::Borrowed(literal),
            None => decode(raw, false, self.entities.as_deref()),
        }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    #[cold]
    fn malformed(&self, position: usize, reason: impl Into<Cow<'static, str>>) -> Error {
        Error::malformed(self.source.raw_offset(position.min(self.text.len())) as u64, reason)
    }

    fn finish(&self) -> Result<()> {
        match self.open.last() {
            Some(open) => Err(self.malformed(open.start, "an element is not closed")),
            None if !self.has_root => Err(self.malformed(self.position, "no XML element")),
            None => Ok(()),
        }
    }

    /// Moves on by `length` and gives the range passed.
    fn advance(&mut self, length: usize) -> Range<usize> {
        let start = self.position;
        self.position += length;
        start..self.position
    }

    fn delimited(&mut self, rest: &str, skip: usize, end: &str, reason: &'static str) -> Result<Range<usize>> {
        let inside = rest.as_bytes().get(skip..).unwrap_or_default();
        let Some(length) = memmem::find(inside, end.as_bytes()) else {
            return Err(self.malformed(self.position, reason));
        };
        Ok(self.advance(skip + length + end.len()))
    }

    fn character_data(&mut self, rest: &str) -> Result<Range<usize>> {
        let length = memchr(b'<', rest.as_bytes()).unwrap_or(rest.len());
        let run = rest.get(..length).unwrap_or_default();
        if self.open.is_empty() && !run.bytes().all(is_space) && run.trim_start_matches('\u{feff}').trim() != "" {
            return Err(self.malformed(self.position, "character data outside of the root element"));
        }
        self.check_references(run, self.position)?;
        Ok(self.advance(length))
    }

    fn check_references(&mut self, run: &str, position: usize) -> Result<()> {
        for at in memchr::memchr_iter(b'&', run.as_bytes()) {
            let rest = run.get(at..).unwrap_or_default();
            if reference(rest).is_some() {
                continue;
            }
            let Some(entities) = self.entities.as_ref().filter(|entities| entities.admits(rest)) else {
                return Err(self.malformed(position + at, "a reference to an unknown entity"));
            };
            self.expanded += entities.resolve(rest).map_or(0, |(text, _)| text.len() as u64);
            self.limits.check_part(self.expanded)?;
        }
        Ok(())
    }

    /// A document type declaration: quoted text, comments and the internal subset may hold `>`.
    fn doctype(&mut self, rest: &str) -> Result<Range<usize>> {
        let bytes = rest.as_bytes();
        let unclosed = || self.malformed(self.position, "a document type declaration is not closed");
        if !bytes.get(..9).is_some_and(|head| head.eq_ignore_ascii_case(b"<!DOCTYPE")) {
            return Err(self.malformed(self.position, "unknown markup"));
        }
        let (mut at, mut in_subset) = (9, false);
        loop {
            let tail = bytes.get(at..).ok_or_else(unclosed)?;
            let step = match tail.first().ok_or_else(unclosed)? {
                b'>' if !in_subset => return Ok(self.advance(at + 1)),
                quote @ (b'"' | b'\'') => {
                    memchr(*quote, tail.get(1..).unwrap_or_default()).ok_or_else(unclosed)?.saturating_add(2)
                }
                b'<' if tail.starts_with(b"<!--") => memmem::find(tail, b"-->").ok_or_else(unclosed)? + 3,
                b'<' if tail.starts_with(b"<?") => memmem::find(tail, b"?>").ok_or_else(unclosed)? + 2,
                bracket => {
                    in_subset = (in_subset || *bracket == b'[') && *bracket != b']';
                    1
                }
            };
            at += step;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;

    fn events(bytes: &[u8]) -> Result<Vec<(Range<usize>, String)>> {
        let limits = Limits::default();
        let text = Text::decode(bytes, &limits)?;
        let mut scanner = Scanner::new(&text, &limits);
        let mut events = Vec::new();
        while let Some(event) = scanner.next()? {
            let said = match &event {
                Event::Start(element) => format!("<{{{}}}{}", element.name.namespace, element.name.local),
                Event::End(end) => format!("/{} {:?}", end.qualified, end.element),
                Event::Text(range) | Event::CData(range) => scanner.decoded(range.clone()).into_owned(),
                other => format!("{other:?}"),
            };
            events.push((event.range(), said));
        }
        Ok(events)
    }

    fn said(text: &str) -> Vec<String> {
        events(text.as_bytes()).unwrap().into_iter().map(|(_, said)| said).collect()
    }

    #[test]
    fn namespaces_follow_their_scope() {
        let text = r#"<a xmlns="u:1" xmlns:p="u:2"><p:b/><b xmlns="" xmlns:p="u:3"><p:c/></b><p:d/></a>"#;
        let names: Vec<_> = said(text).into_iter().filter(|said| said.starts_with('<')).collect();
        assert_eq!(names, ["<{u:1}a", "<{u:2}b", "<{}b", "<{u:3}c", "<{u:2}d"]);
    }

    #[test]
    fn attributes_know_their_ranges() {
        let limits = Limits::default();
        let text = Text::decode(b"<a  x = \"1&#x41;\"\n\ty='&apos;'/>", &limits).unwrap();
        let mut scanner = Scanner::new(&text, &limits);
        let Some(Event::Start(element)) = scanner.next().unwrap() else { panic!("no start") };
        let ranges: Vec<_> = element.attributes.iter().map(|attribute| text.slice(attribute.range.clone())).collect();
        assert_eq!(ranges, ["  x = \"1&#x41;\"", "\n\ty='&apos;'"]);
        assert_eq!(element.value("", "x").unwrap(), "1A");
        assert_eq!(element.value("", "y").unwrap(), "'");
        assert!(element.self_closing);
    }

    #[test]
    fn text_is_decoded() {
        assert_eq!(said("<a>x&amp;\r\n&#x4e2d;<![CDATA[<&]]></a>")[1..3], ["x&\n\u{4e2d}", "<&"]);
    }

    #[test]
    fn a_document_type_is_one_event() {
        let text = "<!DOCTYPE a [<!ENTITY b \">]\"><!-- ' ]> --><?p ]>?>] ><a/>";
        let found = events(text.as_bytes()).unwrap();
        assert_eq!(found[0].0, 0..text.len() - 4);
    }

    #[test]
    fn damage_names_its_byte() {
        for (text, offset) in [
            ("", 0),
            ("<a>", 0),
            ("<a><b></a>", 6),
            ("<a>&nope;</a>", 3),
            ("<a x=1/>", 3),
            ("<a x='<'/>", 5),
            ("<a x='1' x='2'/>", 2),
            ("<a/><b/>", 4),
            ("<a/>x", 4),
            ("<a x='1'y='2'/>", 8),
            ("<a><!-- </a>", 3),
            ("<a", 2),
            ("< a/>", 1),
            ("<!ELEMENT a>", 0),
        ] {
            let error = events(text.as_bytes()).unwrap_err();
            assert_eq!((error.kind(), error.offset()), (ErrorKind::Malformed, Some(offset)), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let error = events("<a>".repeat(300).as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }

    #[test]
    fn content_is_read_to_the_end_of_its_element() {
        let limits = Limits::default();
        let text = Text::decode(b"<r><a>1<b>2<a>3</a></b><!--x-->4</a><a/></r>", &limits).unwrap();
        let mut scanner = Scanner::new(&text, &limits);
        scanner.next().unwrap();
        let mut contents = Vec::new();
        while let Some(event) = scanner.next().unwrap() {
            if let Event::Start(element) = event {
                let content = scanner.content(&element).unwrap();
                contents.push((text.slice(content.range).to_owned(), content.text, content.has_elements));
            }
        }
        let want = [("<a>1<b>2<a>3</a></b><!--x-->4</a>", "1234", true), ("<a/>", "", false)];
        assert_eq!(contents, want.map(|(range, text, nested)| (range.to_owned(), text.to_owned(), nested)));
    }

    /// Well-formed documents.
    fn document() -> impl Strategy<Value = String> {
        let text = prop_oneof!["[a-z \n\u{4e2d}\u{1f600}]{0,8}", Just("&amp;&#65;".to_owned()), "<!--[a-z>]{0,5}-->"];
        let attributes = proptest::option::of(" (p:)?[a-z]{1,3}[ \n]?=[ ]?(\"[a-z']{0,4}\"|'[a-z\"]{0,4}')");
        let leaf = (text, attributes.clone()).prop_map(|(text, attribute)| {
            let attribute = attribute.unwrap_or_default();
            if text.is_empty() { format!("<e{attribute}/>") } else { format!("<e{attribute}>{text}</e >") }
        });
        let tree = leaf.prop_recursive(4, 24, 4, move |inner| {
            (proptest::collection::vec(inner, 0..4), attributes.clone(), "[a-z]{0,3}").prop_map(
                |(inner, attribute, text)| {
                    format!("<p:n{}>{text}{}{text}</p:n>", attribute.unwrap_or_default(), inner.concat())
                },
            )
        });
        tree.prop_map(|tree| format!("<?xml version='1.0'?>\n<r xmlns:p='u'>{tree}</r>\n"))
    }

    proptest! {
        #[test]
        fn events_join_without_a_gap(document in document(), wide in any::<bool>()) {
            let bytes: Vec<u8> = if wide {
                std::iter::once(0xfeff).chain(document.encode_utf16()).flat_map(u16::to_be_bytes).collect()
            } else {
                document.bytes().collect()
            };
            let mut end = 0;
            for (range, _) in events(&bytes).unwrap() {
                prop_assert_eq!(range.start, end);
                end = range.end;
            }
            prop_assert_eq!(end, document.len());
        }

        #[test]
        fn no_text_panics(text in "[<>/!?\\[\\]a:=\"'& ;#x-]{0,40}") {
            let _ = events(text.as_bytes());
        }

        #[test]
        fn cut_documents_do_not_panic(document in document(), cut in any::<proptest::sample::Index>()) {
            let cut = cut.index(document.len());
            let _ = events(&document.as_bytes()[..cut]);
        }
    }
}
