//! Files that stand inside: attachments (ISO 32000-2 §7.11.4) and pictures that are files of their own (§7.4.8, §7.4.9).
//!
//! An attachment is a stream of `/Type /EmbeddedFile`, or one that some `/EF` entry names: those of the name tree, of
//! `/AF` and of annotations all do. New data takes the place of the old at its coded length; what the stream says of its
//! data (`/Size`, `/CheckSum`) follows, and goes where it does not fit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use md5::{Digest, Md5};
use memchr::memmem;

use super::PdfSurvey;
use super::document::{Document, place_of};
use super::filters::Coding;
use super::lexer::{Lexer, is_space};
use super::plan::{blank, recode};
use super::text::text_string;
use super::value::{Dict, Value, ValueKind, string_bytes, value};
use super::walk::Role;
use crate::containers::deflate::{Wrapper, inflate_windows};
use crate::error::{Error, ErrorKind, Result};
use crate::plan::Edit;
use crate::survey::{Barrier, Member, Removal};

/// A stream that is a file.
#[derive(Debug)]
pub(super) struct File {
    /// Index of its object.
    object: usize,
    data: Range<usize>,
    /// How it is coded, or why it is not opened.
    coding: Result<Coding, &'static str>,
    is_attachment: bool,
    name: String,
    /// Length of its data, as the stream says.
    len: u64,
}

/// Names of attachments by the numbers of their streams.
#[derive(Debug, Default)]
pub(super) struct Names {
    by_number: HashMap<u32, Option<Vec<u8>>>,
    /// Objects that hold an `/EF` dictionary, each with the name that stands beside the reference.
    indirect: Vec<(u32, Option<Vec<u8>>)>,
}

/// How far from an `/EF` entry the name of the file is looked for.
const NEAR: usize = 2048;

impl Names {
    /// Takes in the file specifications that stand in `text`, whose strings `open` decrypts.
    pub(super) fn read(&mut self, text: &[u8], open: impl Fn(Vec<u8>) -> Option<Vec<u8>>) {
        for at in memmem::find_iter(text, b"/EF") {
            let mut lexer = Lexer::at(text, at + b"/EF".len());
            if text.get(lexer.position).is_none_or(|&byte| !(is_space(byte) || byte == b'<')) {
                continue;
            }
            let Some(files) = value(&mut lexer) else { continue };
            let name = name_near(text, at).and_then(&open);
            match files.kind {
                ValueKind::Dict => self.add(text, files.range.start, name.as_ref()),
                ValueKind::Reference(reference) => self.indirect.push((reference.number, name)),
                _ => {}
            }
        }
    }

    fn add(&mut self, text: &[u8], start: usize, name: Option<&Vec<u8>>) {
        let entries = Dict::read(&mut Lexer::at(text, start)).map(|dict| dict.entries).unwrap_or_default();
        for reference in entries.iter().filter_map(|entry| entry.value.reference()) {
            self.by_number.entry(reference.number).or_insert_with(|| name.cloned());
        }
    }
}

/// The string under `/UF` or else `/F` that stands nearest to byte `at`.
fn name_near(text: &[u8], at: usize) -> Option<Vec<u8>> {
    let window = at.saturating_sub(NEAR)..at.saturating_add(NEAR).min(text.len());
    let near = text.get(window.clone())?;
    [&b"/UF"[..], b"/F"].into_iter().find_map(|key| {
        let strings = memmem::find_iter(near, key).filter_map(|found| {
            let start = window.start + found;
            let mut lexer = Lexer::at(text, start + key.len());
            let is_end = text.get(lexer.position).is_some_and(|&byte| is_space(byte) || matches!(byte, b'(' | b'<'));
            let string = is_end.then(|| value(&mut lexer)).flatten()?;
            let is_string = matches!(string.kind, ValueKind::Literal | ValueKind::Hex);
            is_string.then_some((start.abs_diff(at), string.range))
        });
        let (_, range) = strings.min_by_key(|(distance, _)| *distance)?;
        text.get(range).map(string_bytes)
    })
}

/// Finds every file; `names` holds what object streams say of attachments.
pub(super) fn find(document: &Document<'_>, mut names: Names) -> Vec<File> {
    for object in &document.walk.objects {
        let body = document.input.get(object.body.clone()).unwrap_or_default();
        names.read(body, |bytes| match document.crypt.string_cipher(object.id) {
            Ok(Some(cipher)) => cipher.decrypt(&bytes),
            Ok(None) => Some(bytes),
            Err(_) => None,
        });
    }
    for (number, name) in std::mem::take(&mut names.indirect) {
        if let Some(object) = document.object(number) {
            names.add(document.input, object.body.start, name.as_ref());
        }
    }
    let mut files: Vec<File> = Vec::new();
    for (index, object) in document.walk.objects.iter().enumerate() {
        let Some(data) = object.data.clone().filter(|data| object.role == Role::Other && !data.is_empty()) else {
            continue;
        };
        let spoken_of = names.by_number.get(&object.id.number);
        let body = document.input.get(object.body.clone()).unwrap_or_default();
        let says = |word: &[u8]| memmem::find(body, word).is_some();
        if spoken_of.is_none() && !says(b"/EmbeddedFile") && !says(b"DCT") && !says(b"JPX") {
            continue;
        }
        let Some(dict) = document.dict(object) else { continue };
        let is_typed = dict
            .get(document.input, b"Type")
            .is_some_and(|kind| super::value::is_name(document.input, &kind.range, b"EmbeddedFile"));
        let picture = Coding::of_picture(document.input, &dict);
        let is_attachment = picture.is_none() && (spoken_of.is_some() || is_typed);
        let coding = match picture {
            Some(coding) => coding,
            None if is_attachment => Coding::of(document.input, &dict),
            None => continue,
        };
        let name = spoken_of.and_then(|name| name.as_deref()).map(text_string).filter(|name| !name.trim().is_empty());
        let name = name.unwrap_or_else(|| place_of(object.id));
        let said = params(document, &dict).and_then(|params| number(document, params.get(document.input, b"Size")?));
        let len = said.unwrap_or(0).max(data.len() as u64);
        files.push(File { object: index, data, coding, is_attachment, name, len });
        if document.crypt.is_locked() {
            // One says it for all.
            break;
        }
    }
    files
}

fn number(document: &Document<'_>, value: &Value) -> Option<u64> {
    document.resolve(value)?.integer()
}

/// The parameters of an embedded file, where they stand in the file.
fn params(document: &Document<'_>, dict: &Dict) -> Option<Dict> {
    let value = document.resolve(dict.get(document.input, b"Params")?)?;
    Dict::read(&mut Lexer::at(document.input, value.range.start))
}

impl File {
    pub(super) fn member(&self) -> Member {
        Member { place: self.name.clone(), offset: self.data.start as u64, len: self.len, barrier: None }
    }

    /// Its object up to the end of the data: what says how they are coded stands before them.
    pub(super) fn extent(&self, document: &Document<'_>) -> Option<Range<u64>> {
        let object = document.walk.objects.get(self.object)?;
        Some(object.range.start.min(self.data.start) as u64..self.data.end as u64)
    }

    fn error(&self, kind: ErrorKind, reason: &'static str) -> Error {
        Error::new(kind, reason).at(self.data.start as u64)
    }

    /// The data as it is coded, and how.
    fn coded<'d>(&self, document: &Document<'d>) -> Result<(Cow<'d, [u8]>, Coding)> {
        let unsupported = |reason| self.error(ErrorKind::Unsupported, reason);
        let object = document.walk.objects.get(self.object).ok_or_else(|| unsupported("it is not a stream"))?;
        let coding = self.coding.map_err(unsupported)?;
        let raw = document.input.get(self.data.clone()).unwrap_or_default();
        let cipher = document.crypt.file_cipher(object.id, self.is_attachment, coding.exempt);
        let Some(cipher) = cipher.map_err(|reason| self.error(ErrorKind::Encrypted, reason))? else {
            return Ok((raw.into(), coding));
        };
        document.limits.check_part(raw.len() as u64)?;
        let clear = cipher.decrypt(raw).ok_or_else(|| unsupported("it cannot be decrypted"))?;
        Ok((clear.into(), coding))
    }

    /// The decoded data.
    pub(super) fn data<'d>(&self, document: &Document<'d>) -> Result<Cow<'d, [u8]>> {
        let (coded, coding) = self.coded(document)?;
        if coding.is_plain() {
            return Ok(coded);
        }
        let plain = coding.decode(&coded, document.limits);
        plain.map(Cow::Owned).ok_or_else(|| self.error(ErrorKind::Unsupported, "it cannot be decompressed"))
    }

    /// The first bytes of the data.
    pub(super) fn head(&self, document: &Document<'_>, len: usize) -> Result<Vec<u8>> {
        let (coded, coding) = self.coded(document)?;
        if !coding.is_plain() && coding.has_rows() {
            return Ok(self.data(document)?.iter().take(len).copied().collect());
        }
        if coding.is_plain() {
            return Ok(coded.iter().take(len).copied().collect());
        }
        let mut head = Vec::new();
        let shown = inflate_windows(&coded, Wrapper::Zlib, u64::MAX, &mut |piece| {
            head.extend(piece.iter().take(len - head.len()));
            if head.len() < len { Ok(()) } else { Err(Error::limit("enough is known")) }
        });
        if head.is_empty() { shown.map(|_| head) } else { Ok(head) }
    }

    /// The edits that put `new` in the place of the data; nothing where it does not fit.
    fn edits(&self, document: &Document<'_>, new: &[u8]) -> Option<Vec<Edit>> {
        let object = document.walk.objects.get(self.object)?;
        let coding = self.coding.ok()?;
        let cipher = document.crypt.file_cipher(object.id, self.is_attachment, coding.exempt).ok()?;
        let old = document.input.get(self.data.clone())?;
        let mut edits = Vec::new();
        if coding.is_plain() && cipher.is_none() {
            if old.len() != new.len() {
                return None;
            }
            edits.extend(difference(self.data.start, old, new));
        } else {
            let coded = recode(coding, cipher.as_ref(), new, old)?;
            edits.push(Edit::replace(self.data.start as u64..self.data.end as u64, coded));
        }
        if self.is_attachment {
            edits.extend(self.description(document, new)?);
        }
        Some(edits)
    }

    /// The edits that have the stream tell the truth of its new data.
    fn description(&self, document: &Document<'_>, new: &[u8]) -> Option<Vec<Edit>> {
        let input = document.input;
        let object = document.walk.objects.get(self.object)?;
        let dict = document.dict(object)?;
        let mut edits = Vec::new();
        edits.extend(lengths(document, &dict, b"DL", new.len()));
        let Some(entry) = dict.get(input, b"Params") else { return Some(edits) };
        let id = match entry.reference() {
            // Parameters of two files, or in an object stream, cannot follow one of them.
            Some(reference) => {
                let uses = document.count_references(&[reference.number].into());
                let holder = document.object(reference.number).filter(|_| uses.get(&reference.number) == Some(&1))?;
                holder.id
            }
            None => object.id,
        };
        let params = params(document, &dict)?;
        edits.extend(lengths(document, &params, b"Size", new.len()));
        for entry in params.entries.iter().filter(|entry| super::value::is_name(input, &entry.key, b"CheckSum")) {
            let range = entry.value.range.clone();
            let sum = Md5::digest(new).to_vec();
            let sum = match document.crypt.string_cipher(id) {
                Ok(None) => Some(sum),
                Ok(Some(cipher)) => cipher.encrypt(&sum, &string_bytes(input.get(range.clone())?)),
                Err(_) => None,
            };
            let is_string = matches!(entry.value.kind, ValueKind::Literal | ValueKind::Hex);
            let token = sum.filter(|_| is_string).and_then(|sum| string_token(&sum, range.len()));
            edits.push(match token {
                Some(token) => Edit::replace(range.start as u64..range.end as u64, token),
                // Better none than a wrong one: it is optional.
                None => blank(&(entry.key.start..range.end)),
            });
        }
        Some(edits)
    }
}

/// The edits that write the length of new data under `key`, or take the entry out where it does not fit.
fn lengths(document: &Document<'_>, dict: &Dict, key: &[u8], len: usize) -> Vec<Edit> {
    let entries = dict.entries.iter().filter(|entry| super::value::is_name(document.input, &entry.key, key));
    let follow = |entry: &super::value::Entry| match entry.value.integer() {
        Some(said) if said == len as u64 => None,
        Some(_) => super::compact::number(&entry.value.range, len as u64)
            .or_else(|| Some(blank(&(entry.key.start..entry.value.range.end)))),
        None => Some(blank(&(entry.key.start..entry.value.range.end))),
    };
    entries.filter_map(follow).collect()
}

/// The edit from `old`, which begins at byte `start`, to `new` of the same length: what differs, if anything does.
fn difference(start: usize, old: &[u8], new: &[u8]) -> Option<Edit> {
    let pairs = || old.iter().zip(new);
    let first = pairs().position(|(old, new)| old != new)?;
    let last = pairs().rposition(|(old, new)| old != new)? + 1;
    let with = new.get(first..last)?.to_vec();
    Some(Edit::replace((start + first) as u64..(start + last) as u64, with))
}

/// `bytes` as a string token of exactly `len` bytes, white space behind it.
fn string_token(bytes: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut literal = vec![b'('];
    for &byte in bytes {
        match byte {
            b'(' | b')' | b'\\' => literal.extend([b'\\', byte]),
            b'\r' => literal.extend(b"\\r"),
            _ => literal.push(byte),
        }
    }
    literal.push(b')');
    (literal.len() <= len).then(|| {
        literal.resize(len, b' ');
        literal
    })
}

/// The edits that put the new data of members in place, and the members that keep theirs.
pub(super) fn edits(survey: &PdfSurvey<'_>, removal: &Removal<'_>) -> (Vec<Edit>, Vec<(usize, Barrier)>) {
    let mut edits = Vec::new();
    let mut left = Vec::new();
    for (index, new) in removal.members {
        if let Some(found) = survey.files.get(*index).and_then(|file| file.edits(&survey.document, new)) {
            edits.extend(found);
        } else {
            let reason = "the file inside cannot be coded in the place of the old one";
            left.push((*index, Barrier::new(ErrorKind::Unsupported, reason)));
        }
    }
    (edits, left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_written_in_their_place() {
        assert_eq!(string_token(b"a(b", 8).unwrap(), b"(a\\(b)  ");
        assert_eq!(string_token(b"a\rb", 6).unwrap(), b"(a\\rb)");
        assert_eq!(string_token(b"abc", 4), None);
    }

    #[test]
    fn only_what_differs_is_edited() {
        let edit = difference(10, b"abcdef", b"abXdYf").unwrap();
        assert_eq!(edit.range, 12..15);
        assert_eq!(difference(0, b"a", b"a"), None);
    }

    #[test]
    fn names_stand_beside_the_files_that_they_name() {
        let text = b"<</Type/Filespec/F(a.txt)/EF<</F 7 0 R/UF 8 0 R>>>> <</UF<FEFF0062>/F(x)/EF 9 0 R>> /EFOpen";
        let mut names = Names::default();
        names.read(text, Some);
        assert_eq!(names.by_number.len(), 2);
        assert_eq!(names.indirect, [(9, Some(vec![0xFE, 0xFF, 0, b'b']))]);
    }
}
