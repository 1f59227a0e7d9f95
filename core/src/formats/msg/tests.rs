//! Messages built by hand, through the engine.

use super::Msg;
use crate::containers::cfb::CompoundFile;
use crate::containers::cfb::tests::compound;
use crate::formats::Format;
use crate::{Engine, Findings, Inside, Kind, Limits, Outcome, Proof, Report, Source};

const HEADERS: [u8; 16] = *b"\x86\x03\x02\0\0\0\0\0\xc0\0\0\0\0\0\0\x46";

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn crc(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(u32::MAX);
    hasher.update(bytes);
    !hasher.finalize()
}

fn record(id: u16, kind: u16, value: u32) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &id.to_le_bytes(), &6u32.to_le_bytes(), &value.to_le_bytes(), &[0; 4]].concat()
}

/// A message with these names in the space of mail headers, each with a value of text; the first name has one in an
/// attachment too.
fn message(labels: &[(&str, &str)], more: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut entries, mut strings) = (Vec::new(), Vec::new());
    let mut buckets: std::collections::BTreeMap<u32, Vec<u8>> = std::collections::BTreeMap::new();
    let mut list = vec![0u8; 32];
    list.extend(record(0x0037, 0x001F, 16));
    let mut streams: Vec<(String, Vec<u8>)> = Vec::new();
    for (index, (name, value)) in labels.iter().enumerate() {
        let (index, name, value) = (index as u32, utf16(name), utf16(value));
        let flags = 3u32 << 1 | 1;
        entries.extend([strings.len() as u32, index << 16 | flags].iter().flat_map(|it| it.to_le_bytes()));
        strings.extend((name.len() as u32).to_le_bytes());
        strings.extend(&name);
        strings.resize(strings.len().next_multiple_of(4), 0);
        let bucket = buckets.entry(0x1000 + (crc(&name) ^ flags) % 31).or_default();
        bucket.extend([crc(&name), index << 16 | flags].iter().flat_map(|it| it.to_le_bytes()));
        let id = 0x8000 + index as u16;
        list.extend(record(id, 0x001F, value.len() as u32 + 2));
        streams.push((format!("__substg1.0_{id:04X}001F"), value));
    }
    let map = "__nameid_version1.0/__substg1.0_";
    streams.push((format!("{map}00020102"), HEADERS.to_vec()));
    streams.push((format!("{map}00030102"), entries));
    streams.push((format!("{map}00040102"), strings));
    streams.extend(buckets.into_iter().map(|(number, bytes)| (format!("{map}{number:04X}0102"), bytes)));
    streams.push(("__properties_version1.0".into(), list));
    streams.push(("__substg1.0_0037001F".into(), utf16("a subject")));
    let attachment = [&[0; 8][..], &record(0x8000, 0x0003, 8888), &record(0x3701, 0x0102, 9)].concat();
    streams.push(("__attach_version1.0_#00000000/__properties_version1.0".into(), attachment));
    let all: Vec<(&str, &[u8])> =
        streams.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).chain(more.iter().copied()).collect();
    compound(&all, 12)
}

fn survey(bytes: &[u8]) -> Findings {
    assert!(Msg.sniff(bytes));
    Msg.survey(bytes, &Limits::default()).unwrap().findings().clone()
}

fn told(bytes: &[u8]) -> Vec<(String, Option<String>)> {
    survey(bytes).sites.into_iter().map(|site| (site.address, site.value)).collect()
}

fn strip(bytes: &[u8], label: &str) -> (Report, Vec<u8>) {
    let engine = Engine::builder().label(label).proof(Proof::Full).inside(Inside::Strip).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(bytes.to_vec())).unwrap();
    let mut output = Vec::new();
    if let Some(payload) = cleaned.payload() {
        payload.write_to(&mut output).unwrap();
    }
    (cleaned.report().clone(), output)
}

/// Strips and checks that every name that stays is found by its hash, and every stream of another property is the same.
fn stripped(bytes: &[u8], label: &str) -> Vec<u8> {
    let (report, output) = strip(bytes, label);
    assert_eq!(report.outcome, Outcome::Stripped, "{:?} {:?}", report.reason, report.left);
    assert_eq!(output.len(), bytes.len());
    assert_eq!(strip(&output, label).0.outcome, Outcome::Clean);
    let limits = Limits::default();
    let file = CompoundFile::parse(&output, &limits).unwrap();
    let read = |path: &str| {
        let id = file.streams().find(|(id, _)| file.path(*id) == path).map(|(id, _)| id);
        id.map(|id| file.read(id, &limits).unwrap().into_owned()).unwrap_or_default()
    };
    let strings = read("__nameid_version1.0/__substg1.0_00040102");
    for entry in read("__nameid_version1.0/__substg1.0_00030102").chunks_exact(8) {
        let at = u32::from_le_bytes(entry[..4].try_into().unwrap()) as usize;
        let len = u32::from_le_bytes(strings[at..at + 4].try_into().unwrap()) as usize;
        let crc = crc(&strings[at + 4..at + 4 + len]);
        let flags = u32::from(u16::from_le_bytes(entry[4..6].try_into().unwrap()));
        let bucket = read(&format!("__nameid_version1.0/__substg1.0_{:04X}0102", 0x1000 + (crc ^ flags) % 31));
        let wanted = [&crc.to_le_bytes()[..], &entry[4..8]].concat();
        assert!(bucket.chunks_exact(8).any(|hash| hash == wanted), "a name is not where its hash says");
    }
    assert_eq!(read("__substg1.0_0037001F"), utf16("a subject"));
    output
}

#[test]
fn named_properties_go_from_every_object() {
    let labels =
        [("x-label", "Top secret"), ("x-other", "stays"), ("content-class", "urn:x"), ("Keywords", "one, two")];
    let file = message(&labels, &[]);
    let all = told(&file);
    assert_eq!(all.len(), 5, "{all:?}");
    assert_eq!(all[4], ("named:x-label".to_owned(), Some("8888".to_owned())), "an attachment has it too");
    let kinds: Vec<Kind> = survey(&file).sites.iter().map(|site| site.kind).collect();
    assert_eq!(kinds[..4], [Kind::Custom, Kind::Custom, Kind::Bookkeeping, Kind::Standard]);
    let after = stripped(&file, "X-Label");
    assert_eq!(told(&after), all[1..4]);
    let after = stripped(&after, "x-other");
    assert_eq!(told(&after), all[2..4]);
    let (report, output) = strip(&file, "x-label2");
    assert_eq!((report.outcome, output), (Outcome::Clean, file));
}

#[test]
fn a_name_in_use_stays() {
    let file = message(&[("x-label", "Top secret")], &[]);
    let after = stripped(&file, "x-label=8888");
    assert_eq!(told(&after), [("named:x-label".to_owned(), Some("Top secret".to_owned()))]);
    assert!(told(&stripped(&after, "x-label")).is_empty());
}

#[test]
fn names_without_a_property_go_too() {
    let file = message(&[("x-label", "Top secret"), ("lonely name", "")], &[]);
    let limits = Limits::default();
    let parsed = CompoundFile::parse(&file, &limits).unwrap();
    let list = parsed.streams().find(|(_, entry)| entry.name == "__properties_version1.0").unwrap().0;
    let shorter = parsed.shorten(list, 32 + 2 * 16).unwrap();
    let file = crate::plan::Plan::new(shorter, file.len() as u64).unwrap().apply(&file).unwrap();
    assert_eq!(told(&file)[2], ("named:lonely name".to_owned(), None));
    assert_eq!(told(&stripped(&file, "lonely name")).len(), 2);
}

#[test]
fn short_and_long_values_go() {
    let long = "secret ".repeat(2000);
    let file = message(&[("i", "7"), ("long one", &long)], &[]);
    let after = stripped(&stripped(&file, "long one"), "i");
    assert!(told(&after).is_empty());
    assert!(memchr::memmem::find(&after, &utf16("secret secret")).is_none());
}

#[test]
fn attachments_are_looked_into() {
    let inner = message(&[("inner label", "Top secret")], &[]);
    let path = "__attach_version1.0_#00000000/__substg1.0_37010102";
    let name = utf16("inner.msg");
    let file =
        message(&[("x-label", "1")], &[(path, &inner), ("__attach_version1.0_#00000000/__substg1.0_3707001F", &name)]);
    let after = strip(&file, "inner label");
    assert_eq!(after.0.outcome, Outcome::Stripped, "{:?}", after.0.reason);
    assert_eq!(told(&after.1), told(&file));
}

#[test]
fn the_received_header_loses_its_field_too() {
    let header = "Received: from x\r\nX-Label: Top secret\r\nTo: y\r\n\r\n";
    for (kind, bytes) in [("001F", utf16(header)), ("001E", header.as_bytes().to_vec())] {
        let file = message(&[("x-label", "Top secret")], &[(&format!("__substg1.0_007D{kind}"), &bytes)]);
        assert_eq!(told(&file)[3].0, "header:X-Label");
        let after = stripped(&file, "x-label=Top secret");
        let left: Vec<String> = told(&after).into_iter().map(|(address, _)| address).collect();
        assert_eq!(left, ["named:x-label", "header:Received", "header:To"]);
    }
}

#[test]
fn pairs_of_one_property_go_one_by_one() {
    let pairs = "MSIP_Label_1_Name=Top secret; MSIP_Label_1_Id=77; MSIP_Label_1_Set=true";
    let header = utf16(&format!("msip_labels: {pairs}\r\n"));
    let file = message(&[("msip_labels", pairs)], &[("__substg1.0_007D001F", &header)]);
    let addresses = |file: &[u8]| told(file).into_iter().map(|(address, _)| address).collect::<Vec<_>>();
    let [name, id, set] = ["Name", "Id", "Set"].map(|it| format!("msip_labels:MSIP_Label_1_{it}"));
    let rest = "named:msip_labels".to_owned();
    // The attachment has a number under the same name.
    let all = [&name, &id, &set, &rest, &name, &id, &set].map(Clone::clone);
    assert_eq!(addresses(&file), all);
    let after = stripped(&file, "MSIP_Label_1_Id");
    assert_eq!(addresses(&after), [&name, &set, &rest, &name, &set].map(Clone::clone));
    let after = stripped(&after, "MSIP_Label_1_Set");
    assert_eq!(addresses(&after), [&name, &rest, &name].map(Clone::clone));
    let after = stripped(&after, "MSIP_Label_1_Name");
    assert_eq!(addresses(&after), [rest]);
    assert!(told(&stripped(&after, "msip_labels")).is_empty());
}

#[test]
fn broken_messages_are_errors_or_guards() {
    let file = message(&[("x-label", "Top secret")], &[("__recip_version1.0_#00000000/__properties_version1.0", b"1")]);
    assert_eq!(survey(&file).guards.len(), 1);
    let mut outside = file.clone();
    let name = memchr::memmem::find(&file, &utf16("x-label")).unwrap();
    outside[name - 4..name].copy_from_slice(&[0xFF; 4]);
    assert!(Msg.survey(&outside, &Limits::default()).is_err());
}
