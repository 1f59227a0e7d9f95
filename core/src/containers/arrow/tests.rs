//! Hand-made buffers: what a reader of another make sees is checked where files are stripped.

use super::*;
use crate::error::ErrorKind;

const NAMES: Names = Names { table: "arrow", place: "" };

/// Writes tables front to back, each before what it points to.
#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn u32(&mut self, number: u32) -> usize {
        let at = self.0.len();
        self.0.extend(number.to_le_bytes());
        at
    }

    /// Lets the offset at `at` point here.
    fn point(&mut self, at: usize) {
        let distance = (self.0.len() - at) as u32;
        self.0[at..at + 4].copy_from_slice(&distance.to_le_bytes());
    }

    /// A table whose fields are four bytes each: where they lie.
    fn table<const N: usize>(&mut self, fields: [bool; N]) -> [usize; N] {
        let vtable = 4 + 2 * N;
        let present = fields.iter().filter(|is_there| **is_there).count();
        let start = self.0.len();
        self.0.extend((vtable as u16).to_le_bytes());
        self.0.extend((4 + 4 * present as u16).to_le_bytes());
        let mut offset = 4_u16;
        let mut places = [0; N];
        let table = (start + vtable).next_multiple_of(4);
        for (place, is_there) in places.iter_mut().zip(fields) {
            *place = table + usize::from(offset);
            self.0.extend(if is_there { offset } else { 0 }.to_le_bytes());
            offset += if is_there { 4 } else { 0 };
        }
        self.0.resize(table, 0);
        self.u32((table - start) as u32);
        self.0.resize(table + usize::from(offset), 0);
        places
    }

    /// Lets the offset at `at` point to a table made by `table`, whose own start is behind its vtable.
    fn point_table<const N: usize>(&mut self, at: usize, fields: [bool; N]) -> [usize; N] {
        let places = self.table(fields);
        let first = self.0.len() - 4 * fields.iter().filter(|is_there| **is_there).count() - 4;
        self.0[at..at + 4].copy_from_slice(&((first - at) as u32).to_le_bytes());
        places
    }

    fn text(&mut self, at: usize, text: &str) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.point(at);
        self.u32(text.len() as u32);
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    fn pairs(&mut self, at: usize, pairs: &[(&str, &str)]) {
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self.point(at);
        self.u32(pairs.len() as u32);
        let slots: Vec<_> = pairs.iter().map(|_| self.u32(0)).collect();
        for (slot, (key, value)) in slots.into_iter().zip(pairs) {
            let [first, second] = self.point_table(slot, [true, true]);
            self.text(first, key);
            self.text(second, value);
        }
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }
}

/// A message with a schema of no fields.
pub(crate) fn message(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = Writer::default();
    let root = writer.u32(0);
    let [_, kind, header] = writer.point_table(root, [false, true, true]);
    writer.0[kind] = 1;
    let [_, _, metadata] = writer.point_table(header, [false, false, true]);
    writer.pairs(metadata, pairs);
    writer.0
}

fn read(buffer: &[u8]) -> Result<Metadata> {
    Metadata::read(buffer, Root::Message, NAMES, &Limits::default())
}

fn labels(buffer: &[u8]) -> Vec<(String, Option<String>)> {
    read(buffer).unwrap().sites().iter().map(|site| (site.key.clone(), site.value.clone())).collect()
}

#[test]
fn pairs_leave_their_vector_wherever_they_stand() {
    let pairs = [("one", "first value"), ("two", ""), ("three", "third value"), ("one", "again")];
    let buffer = message(&pairs);
    assert_eq!(labels(&buffer).len(), 4);
    for chosen in [&[0][..], &[1], &[3], &[0, 3], &[0, 1, 2, 3]] {
        let edits = read(&buffer).unwrap().edits(chosen, Layout::Preserve).unwrap();
        let output = crate::containers::nested::apply(&buffer, &edits).unwrap();
        assert_eq!(output.len(), buffer.len());
        let kept = pairs.iter().enumerate().filter(|(index, _)| !chosen.contains(index));
        let kept: Vec<_> = kept.map(|(_, (key, value))| ((*key).to_owned(), Some((*value).to_owned()))).collect();
        assert_eq!(labels(&output), kept);
        for index in chosen.iter().filter(|index| **index != 1 && !chosen.contains(&3)) {
            let value = pairs[*index].1.as_bytes();
            assert!(!output.windows(value.len()).any(|window| window == value), "{chosen:?}");
        }
    }
}

#[test]
fn texts_that_others_use_stay() {
    let mut buffer = message(&[("one", "shared value"), ("two", "own value")]);
    // The value of the second is made the text of the first.
    let find = |buffer: &[u8], text: &[u8]| buffer.windows(text.len()).position(|window| window == text).unwrap();
    let (shared, own) = (find(&buffer, b"shared value") - 4, find(&buffer, b"own value") - 4);
    let slot = (0..buffer.len() - 4)
        .step_by(4)
        .find(|at| *at < own && u32::from_le_bytes(*buffer[*at..].first_chunk().unwrap()) as usize + at == own);
    let slot = slot.unwrap();
    assert!(slot > shared, "an offset cannot point back, so the other way round");
    let first = (0..shared)
        .step_by(4)
        .find(|at| u32::from_le_bytes(*buffer[*at..].first_chunk().unwrap()) as usize + at == shared);
    let first = first.unwrap();
    buffer[first..first + 4].copy_from_slice(&((own - first) as u32).to_le_bytes());
    assert_eq!(labels(&buffer)[0].1.as_deref(), Some("own value"));
    let edits = read(&buffer).unwrap().edits(&[0], Layout::Preserve).unwrap();
    let output = crate::containers::nested::apply(&buffer, &edits).unwrap();
    assert_eq!(labels(&output), [("two".to_owned(), Some("own value".to_owned()))]);
}

fn barred(buffer: &[u8]) -> Vec<String> {
    let sites = read(buffer).unwrap().sites().to_vec();
    sites.into_iter().filter(|site| site.barrier.is_some()).map(|site| site.address).collect()
}

#[test]
fn pairs_whose_vector_lies_in_a_text_are_barred() {
    let mut writer = Writer::default();
    let root = writer.u32(0);
    let [_, kind, header, _, own] = writer.point_table(root, [false, true, true, false, true]);
    writer.0[kind] = 1;
    let [_, _, metadata] = writer.point_table(header, [false, false, true]);
    writer.pairs(metadata, &[("one", "first value")]);
    writer.pairs(own, &[("two", "second value")]);
    let mut buffer = writer.0;
    assert_eq!(barred(&buffer), [""; 0]);
    // The first value is made to reach over the count of the second vector.
    let first = buffer.windows(11).position(|window| window == b"first value").unwrap();
    buffer[first - 4] = 16;
    assert_eq!(barred(&buffer), ["message:two"]);
}

#[test]
fn attributes_of_pandas_that_cannot_go_bar_their_pair() {
    let json = r#"{"columns": [], "attributes": {"id": "8888"}}"#;
    let mut buffer = message(&[("pandas", json), ("pandas", json)]);
    assert_eq!(barred(&buffer), [""; 0]);
    let texts: Vec<_> = (4..buffer.len()).filter(|at| buffer[*at..].starts_with(b"{\"col")).map(|at| at - 4).collect();
    let points_to = |at: &usize, text| u32::from_le_bytes(*buffer[*at..].first_chunk().unwrap()) as usize + at == text;
    let slot = (0..texts[0]).step_by(4).find(|at| points_to(at, texts[0])).unwrap();
    buffer[slot..slot + 4].copy_from_slice(&((texts[1] - slot) as u32).to_le_bytes());
    assert_eq!(barred(&buffer), ["arrow:pandas", "pandas:id", "arrow:pandas", "pandas:id"]);
    let json = r#"{"columns": [], "attributes": {"id": "8888", "AIGC": "1"}}"#;
    assert_eq!(barred(&message(&[("pandas", json)])), ["arrow:pandas", "pandas:AIGC"]);
}

#[test]
fn attributes_of_pandas_are_labels_in_a_label() {
    let json = r#"{"columns": [], "attributes": {"id": "8888", "x": 1}}"#;
    let buffer = message(&[("pandas", json)]);
    let metadata = read(&buffer).unwrap();
    let addresses: Vec<_> = metadata.sites().iter().map(|site| &*site.address).collect();
    assert_eq!(addresses, ["arrow:pandas", "pandas:id", "pandas:x"]);
    assert_eq!(metadata.follows().collect::<Vec<_>>(), [(1, 0), (2, 0)]);
    let output = crate::containers::nested::apply(&buffer, &metadata.edits(&[1], Layout::Compact).unwrap()).unwrap();
    assert_eq!(read(&output).unwrap().sites().len(), 2);
}

#[test]
fn hostile_buffers_are_refused() {
    let buffer = message(&[("one", "value")]);
    for len in 0..buffer.len() {
        let _ = read(&buffer[..len]);
    }
    for at in 0..buffer.len() {
        for byte in [0, 1, 0x7f, 0xff] {
            let mut buffer = buffer.clone();
            buffer[at] = byte;
            if let Ok(metadata) = read(&buffer) {
                let all: Vec<_> = (0..metadata.sites().len()).collect();
                let _ = metadata.edits(&all, Layout::Preserve);
            }
        }
    }
    assert_eq!(read(&[0xff; 64]).unwrap_err().kind(), ErrorKind::Malformed);
    // A vector whose items are all one table, again and again.
    let mut buffer = message(&[("one", "value"); 2]);
    let len = buffer.len();
    buffer.extend([0; 4000]);
    assert_eq!(labels(&buffer).len(), 2);
    assert!(len < 4000);
}
