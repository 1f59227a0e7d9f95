//! A writer of archives in every form the parser knows, and the properties of parsing and editing.

use proptest::prelude::*;

use super::*;
use crate::needles::Needles;
use crate::plan::{Layout, Plan};
use crate::scan::{Proof, Scan};

/// How a member is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) data: Vec<u8>,
    pub(crate) stored: bool,
    /// Length of the data descriptor: 0, 12, 16, 20 or 24.
    pub(crate) descriptor: u8,
    /// Sizes and offset in ZIP64 fields.
    pub(crate) zip64: bool,
    /// More extra fields of the local header.
    pub(crate) local_extra: Vec<u8>,
    pub(crate) comment: String,
    /// Bytes of nobody before the local header.
    pub(crate) gap: Vec<u8>,
}

impl Member {
    pub(crate) fn new(name: &str, data: &[u8]) -> Self {
        Self { name: name.to_owned(), data: data.to_vec(), ..Self::default() }
    }
}

/// How an archive is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    pub(crate) members: Vec<Member>,
    pub(crate) prefix: Vec<u8>,
    /// Whether offsets count the prefix.
    pub(crate) counts_prefix: bool,
    pub(crate) zip64: bool,
    pub(crate) gap_before_directory: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    pub(crate) trailer: Vec<u8>,
}

pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let members = members.iter().map(|(name, data)| Member::new(name, data)).collect();
    Writer { members, ..Writer::default() }.write()
}

impl Writer {
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let base = if self.counts_prefix { 0 } else { self.prefix.len() };
        let mut directory = Vec::new();
        for member in &self.members {
            out.extend(&member.gap);
            let header = (out.len() - base) as u64;
            let coded = if member.stored { member.data.clone() } else { deflate::deflate(&member.data, Wrapper::Raw) };
            let crc = crc32fast::hash(&member.data);
            let sizes = [coded.len() as u64, member.data.len() as u64];
            let later = member.descriptor > 0;
            let method = if member.stored { 0_u16 } else { 8 };
            let flags = if later { 8_u16 } else { 0 };

            let mut wide = Vec::new();
            if member.zip64 {
                wide.extend([1, 0, 16, 0]);
                let written = if later { [0, 0] } else { [sizes[1], sizes[0]] };
                for size in written {
                    wide.extend(size.to_le_bytes());
                }
            }
            out.extend(b"PK\x03\x04\x2d\0");
            out.extend(flags.to_le_bytes());
            out.extend(method.to_le_bytes());
            out.extend([0, 0, 0x21, 0x5a]);
            out.extend(if later { 0 } else { crc }.to_le_bytes());
            for size in sizes {
                let narrow = if member.zip64 {
                    u32::MAX
                } else if later {
                    0
                } else {
                    size as u32
                };
                out.extend(narrow.to_le_bytes());
            }
            out.extend((member.name.len() as u16).to_le_bytes());
            out.extend(((wide.len() + member.local_extra.len()) as u16).to_le_bytes());
            out.extend(member.name.as_bytes());
            out.extend(&wide);
            out.extend(&member.local_extra);
            out.extend(&coded);
            if matches!(member.descriptor, 16 | 24) {
                out.extend(b"PK\x07\x08");
            }
            if later {
                out.extend(crc.to_le_bytes());
                for size in sizes {
                    let len = if member.descriptor >= 20 { 8 } else { 4 };
                    out.extend(&size.to_le_bytes()[..len]);
                }
            }

            directory.extend(b"PK\x01\x02\x2d\0\x2d\0");
            directory.extend(flags.to_le_bytes());
            directory.extend(method.to_le_bytes());
            directory.extend([0, 0, 0x21, 0x5a]);
            directory.extend(crc.to_le_bytes());
            for size in sizes {
                directory.extend(if member.zip64 { u32::MAX } else { size as u32 }.to_le_bytes());
            }
            directory.extend((member.name.len() as u16).to_le_bytes());
            directory.extend(if member.zip64 { 28_u16 } else { 0 }.to_le_bytes());
            directory.extend((member.comment.len() as u16).to_le_bytes());
            directory.extend([0; 8]);
            directory.extend(if member.zip64 { u32::MAX } else { header as u32 }.to_le_bytes());
            directory.extend(member.name.as_bytes());
            if member.zip64 {
                directory.extend([1, 0, 24, 0]);
                for value in [sizes[1], sizes[0], header] {
                    directory.extend(value.to_le_bytes());
                }
            }
            directory.extend(member.comment.as_bytes());
        }
        out.extend(&self.gap_before_directory);
        let start = (out.len() - base) as u64;
        let count = self.members.len();
        out.extend(&directory);
        if self.zip64 {
            let end64 = (out.len() - base) as u64;
            out.extend(b"PK\x06\x06");
            out.extend(44_u64.to_le_bytes());
            out.extend([0x2d, 0, 0x2d, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for value in [count as u64, count as u64, directory.len() as u64, start] {
                out.extend(value.to_le_bytes());
            }
            out.extend(b"PK\x06\x07\0\0\0\0");
            out.extend(end64.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        out.extend(b"PK\x05\x06\0\0\0\0");
        let count = if self.zip64 { u16::MAX } else { count as u16 };
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(if self.zip64 { u32::MAX } else { directory.len() as u32 }.to_le_bytes());
        out.extend(if self.zip64 { u32::MAX } else { start as u32 }.to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(&self.comment);
        out.extend(&self.trailer);
        out
    }
}

fn text(len: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>().prop_map(|byte| b'a' + byte % 16), len)
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let form = (any::<bool>(), 0..5_usize, any::<bool>(), any::<bool>());
    let bytes = (text(1..600), proptest::option::of(text(1..30)), "[a-z]{0,5}");
    let one = (form, bytes).prop_map(|((stored, descriptor, zip64, hint), (data, gap, comment))| Member {
        data,
        stored,
        descriptor: [0, 12, 16, 20, 24][descriptor],
        zip64,
        local_extra: if hint { [&[0x20, 0xa2, 12, 0, 0x28, 0xa0, 8, 0][..], &[0; 8]].concat() } else { Vec::new() },
        comment,
        gap: gap.unwrap_or_default(),
        ..Member::default()
    });
    proptest::collection::vec(one, 1..6).prop_map(|mut members| {
        for (index, member) in members.iter_mut().enumerate() {
            member.name = format!("part{index}.xml");
        }
        members
    })
}

fn writers() -> impl Strategy<Value = Writer> {
    let parts = (members(), text(0..20), any::<bool>(), any::<bool>(), text(0..20), text(0..20), text(0..20));
    parts.prop_map(|(members, prefix, counts_prefix, zip64, gap_before_directory, comment, trailer)| Writer {
        members,
        prefix,
        counts_prefix,
        zip64,
        gap_before_directory,
        comment,
        trailer,
    })
}

fn limits() -> Limits {
    Limits::default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_form_is_read(writer in writers()) {
        let bytes = writer.write();
        let archive = Archive::parse(&bytes, &limits()).unwrap();
        prop_assert_eq!(archive.comment(), &writer.comment[..]);
        prop_assert_eq!(archive.entries().len(), writer.members.len());
        for (index, member) in writer.members.iter().enumerate() {
            prop_assert_eq!(archive.name(index), member.name.as_bytes());
            prop_assert_eq!(&archive.read(index, &limits()).unwrap()[..], &member.data[..]);
            prop_assert_eq!(archive.obstacle(index, Some(&member.data)), None);
        }
        let gaps: u64 = archive.gaps().iter().map(|gap| gap.end - gap.start).sum();
        let written: usize = writer.members.iter().map(|member| member.gap.len()).sum();
        let around = writer.prefix.len() + writer.gap_before_directory.len() + writer.trailer.len();
        prop_assert_eq!(gaps as usize, written + around);
    }

    #[test]
    fn edits_change_their_members_and_nothing_else(
        writer in writers(),
        picks in proptest::collection::vec((any::<bool>(), 0..64_usize), 6),
        compact: bool,
        growth_hint: bool,
    ) {
        let bytes = writer.write();
        let archive = Archive::parse(&bytes, &limits()).unwrap();
        let changes: Vec<_> = picks.iter().take(writer.members.len()).enumerate().filter(|(_, pick)| pick.0)
            .map(|(entry, (_, cut))| {
                let data = &writer.members[entry].data;
                Change { entry, data: data[(*cut).min(data.len() - 1)..].to_vec(), spaces_at: Some(0) }
            })
            .collect();
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let request = Request { changes: &changes, removed: &[], stale: &[], layout, growth_hint };
        let plan = Plan::new(archive.edits(&request).unwrap(), bytes.len() as u64).unwrap();
        let output = plan.apply(&bytes).unwrap();
        prop_assert_eq!(plan.keeps_length(), plan.edits().iter().all(crate::plan::Edit::keeps_length));
        let result = Archive::parse(&output, &limits()).unwrap();
        prop_assert_eq!(result.comment(), archive.comment());
        prop_assert_eq!(result.prefix, archive.prefix);
        for (index, member) in writer.members.iter().enumerate() {
            let read = result.read(index, &limits()).unwrap();
            prop_assert_eq!(result.obstacle(index, Some(&read)), None);
            prop_assert_eq!(crc32fast::hash(&read), result.entries()[index].crc);
            if let Some(change) = changes.iter().find(|change| change.entry == index) {
                let spaces = read.len() - change.data.len();
                prop_assert!(spaces <= 24 && read[..spaces].iter().all(|byte| *byte == b' '));
                prop_assert_eq!(&read[spaces..], &change.data[..]);
            } else {
                let kept = |archive: &Archive<'_>| archive.bytes(archive.entries()[index].range()).to_vec();
                prop_assert_eq!(kept(&result), kept(&archive));
                prop_assert_eq!(&read[..], &member.data[..]);
            }
        }
        let gaps = |archive: &Archive<'_>| archive.gaps().into_iter().map(|gap| archive.bytes(gap).to_vec()).collect::<Vec<_>>();
        prop_assert_eq!(gaps(&result), gaps(&archive));
    }

    #[test]
    fn damaged_archives_do_not_panic(writer in writers(), damage in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
        let mut bytes = writer.write();
        let len = bytes.len();
        for (at, byte) in damage {
            bytes[usize::from(at) % len] = byte;
        }
        if let Ok(archive) = Archive::parse(&bytes, &limits()) {
            let changes: Vec<_> = (0..archive.entries().len())
                .map(|entry| Change { entry, data: b"<a/>".to_vec(), spaces_at: None })
                .collect();
            for change in &changes {
                let request = Request { changes: std::slice::from_ref(change), removed: &[], stale: &[], layout: Layout::Preserve, growth_hint: true };
                if let Ok(edits) = archive.edits(&request) {
                    Plan::new(edits, len as u64).unwrap();
                }
            }
            let needles = Needles::new([("custom:abcd", Some("abcd"), None)]);
            let _ = archive.stale(&needles, &limits());
        }
    }
}

fn one_change(bytes: &[u8], data: &[u8], layout: Layout, growth_hint: bool) -> (Vec<u8>, bool) {
    let archive = Archive::parse(bytes, &limits()).unwrap();
    let changes = [Change { entry: 0, data: data.to_vec(), spaces_at: None }];
    let request = Request { changes: &changes, removed: &[], stale: &[], layout, growth_hint };
    let plan = Plan::new(archive.edits(&request).unwrap(), bytes.len() as u64).unwrap();
    (plan.apply(bytes).unwrap(), plan.keeps_length())
}

#[test]
fn freed_bytes_become_a_growth_hint_that_a_later_edit_takes_back() {
    let long: Vec<u8> = (0..2000_u32).flat_map(|index| (index * 7919).to_string().into_bytes()).collect();
    let bytes = archive(&[("custom.xml", &long), ("other.xml", b"other")]);
    let (shorter, keeps) = one_change(&bytes, &long[..300], Layout::Preserve, true);
    assert!(keeps && shorter.len() == bytes.len());
    let hint = memchr::memmem::find(&shorter, &[0x20, 0xa2]).unwrap();
    assert_eq!(hint, 30 + "custom.xml".len());
    let (again, keeps) = one_change(&shorter, &long, Layout::Preserve, true);
    assert!(keeps);
    assert_eq!(again, bytes, "the hint is gone, and all is as it was");
    let (compact, _) = one_change(&shorter, &long[..300], Layout::Compact, true);
    assert!(compact.len() < bytes.len() - 100);
}

#[test]
fn the_growth_hint_stands_before_bytes_that_are_no_field() {
    let long: Vec<u8> = (0..2000_u32).flat_map(|index| (index * 7919).to_string().into_bytes()).collect();
    for junk in [&b"\0"[..], &b"\x0a\0\xff\xff"[..]] {
        let members = vec![Member { local_extra: junk.to_vec(), ..Member::new("custom.xml", &long) }];
        let bytes = Writer { members, ..Writer::default() }.write();
        let (output, keeps) = one_change(&bytes, &long[..300], Layout::Preserve, true);
        assert!(keeps);
        let name_end = 30 + "custom.xml".len();
        assert_eq!(output[name_end..name_end + 2], [0x20, 0xa2]);
        let end = name_end + usize::from(u16::from_le_bytes([output[28], output[29]]));
        assert!(output[..end].ends_with(junk));
        let (again, _) = one_change(&output, &long, Layout::Preserve, true);
        assert_eq!(again, bytes);
    }
}

#[test]
fn a_member_that_grows_moves_the_rest() {
    let bytes = archive(&[("custom.xml", b"a"), ("other.xml", b"other")]);
    let long: Vec<u8> = (0..2000_u32).flat_map(|index| (index * 7919).to_string().into_bytes()).collect();
    let (output, keeps) = one_change(&bytes, &long, Layout::Preserve, true);
    assert!(!keeps);
    let result = Archive::parse(&output, &limits()).unwrap();
    assert_eq!(&result.read(0, &limits()).unwrap()[..], &long[..]);
    assert_eq!(&result.read(1, &limits()).unwrap()[..], b"other");
}

fn with_stale_bytes() -> Writer {
    let mut old = archive(&[("old.xml", &b"<property name='Secret label'/>".repeat(3))]);
    old.truncate(old.len() - 22);
    let gap_holder = Member { gap: old, ..Member::new("b.xml", b"b") };
    let clean_gap = Member { gap: b"harmless".to_vec(), ..Member::new("c.xml", b"c") };
    let noted = Member { comment: "Secret label".to_owned(), ..Member::new("d.xml", b"d") };
    let extra = [&[0xfe, 0xca, 12, 0][..], b"Secret label"].concat();
    let tagged = Member { local_extra: extra, ..Member::new("a.xml", b"a") };
    Writer {
        members: vec![tagged, gap_holder, clean_gap, noted],
        comment: b"Secret label".to_vec(),
        ..Writer::default()
    }
}

#[test]
fn stale_copies_are_found_and_cleared() {
    let bytes = with_stale_bytes().write();
    assert!(memchr::memmem::find(&bytes, b"Secret label").is_some());
    let needles = Needles::new([("custom:Secret label", Some("Secret label"), None)]);
    let archive = Archive::parse(&bytes, &limits()).unwrap();
    let mut stale = archive.stale(&needles, &limits()).unwrap();
    let kinds: Vec<_> = stale.iter().map(|stale| stale.kind).collect();
    assert_eq!(kinds, [StaleKind::Gap, StaleKind::Extra]);
    // Comments are labels of their own, which the caller knows.
    let comments = archive.comments();
    assert_eq!(comments.len(), 2);
    stale.extend(comments.into_iter().map(|(_, range)| Stale { range, kind: StaleKind::Comment }));
    let changes = [Change { entry: 0, data: b"A".to_vec(), spaces_at: None }];
    for layout in [Layout::Preserve, Layout::Compact] {
        for changes in [&changes[..], &[]] {
            let request = Request { changes, removed: &[], stale: &stale, layout, growth_hint: true };
            let plan = Plan::new(archive.edits(&request).unwrap(), bytes.len() as u64).unwrap();
            let output = plan.apply(&bytes).unwrap();
            assert_eq!(output.len() < bytes.len(), layout == Layout::Compact);
            let result = Archive::parse(&output, &limits()).unwrap();
            assert_eq!(result.stale(&needles, &limits()).unwrap(), []);
            let mut scan = Scan::new(&needles, Proof::Full);
            result.scan_slack(&mut scan, &limits()).unwrap();
            assert_eq!(scan.into_hits(), []);
            assert_eq!(&result.read(1, &limits()).unwrap()[..], b"b");
            assert!(memchr::memmem::find(&output, b"harmless").is_some());
            assert!(memchr::memmem::find(&output, b"Secret label").is_none());
        }
    }
}

#[test]
fn of_what_stands_before_an_archive_only_the_data_of_old_members_is_cleared() {
    let mut prefix = b"#!/bin/program\n".to_vec();
    let mut old = archive(&[("old.xml", &b"<property name='Secret label'/>".repeat(3))]);
    old.truncate(old.len() - 22);
    prefix.extend(&old);
    prefix.extend(archive(&[("other.xml", b"harmless")]));
    let bytes = Writer { members: vec![Member::new("a", b"a")], prefix, ..Writer::default() }.write();
    let needles = Needles::new([("custom:Secret label", Some("Secret label"), None)]);
    let archive = Archive::parse(&bytes, &limits()).unwrap();
    let stale = archive.stale(&needles, &limits()).unwrap();
    let data = 15 + LOCAL_LEN + 7;
    assert_eq!(stale.len(), 1);
    assert_eq!((stale[0].range.start, stale[0].kind), (data, StaleKind::Prefix));
    let request = Request { changes: &[], removed: &[], stale: &stale, layout: Layout::Compact, growth_hint: false };
    let plan = Plan::new(archive.edits(&request).unwrap(), bytes.len() as u64).unwrap();
    let output = plan.apply(&bytes).unwrap();
    assert_eq!(output[..data as usize], bytes[..data as usize]);
    let result = Archive::parse(&output, &limits()).unwrap();
    let mut scan = Scan::new(&needles, Proof::Full);
    result.scan_slack(&mut scan, &limits()).unwrap();
    assert_eq!(scan.into_hits(), []);
}

#[test]
fn what_cannot_be_edited_says_why() {
    let mut bytes = archive(&[("a.xml", b"abc")]);
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    bytes[6] |= 1;
    let encrypted = Archive::parse(&bytes, &limits()).unwrap();
    assert_eq!(encrypted.obstacle(0, None).unwrap().kind, ErrorKind::Encrypted);
    assert_eq!(encrypted.read(0, &limits()).unwrap_err().kind(), ErrorKind::Encrypted);

    let mut bytes = archive(&[("a.xml", b"abc")]);
    bytes[30] = b'b';
    let renamed = Archive::parse(&bytes, &limits()).unwrap();
    assert_eq!(renamed.obstacle(0, None).unwrap().kind, ErrorKind::Conflict);
    assert_eq!(&renamed.read(0, &limits()).unwrap()[..], b"abc");
}

#[test]
fn refused_archives() {
    let kind = |bytes: &[u8]| Archive::parse(bytes, &limits()).unwrap_err().kind();
    assert_eq!(kind(b""), ErrorKind::Malformed);
    assert_eq!(kind(b"PK\x05\x06"), ErrorKind::Malformed);
    let bytes = archive(&[("a.xml", b"abc"), ("b.xml", b"abc")]);
    let directory = memchr::memmem::find(&bytes, b"PK\x01\x02").unwrap();
    let mut shared = bytes.clone();
    let second = directory + 46 + 5;
    shared[second + 42] = 0;
    assert_eq!(kind(&shared), ErrorKind::Malformed);
    assert_eq!(kind(&bytes[..bytes.len() - 1]), ErrorKind::Malformed);
    let few = Limits { items: 1, ..Limits::default() };
    assert_eq!(Archive::parse(&bytes, &few).unwrap_err().kind(), ErrorKind::LimitExceeded);
    let small = Limits { part_bytes: 2, ..Limits::default() };
    let archive = Archive::parse(&bytes, &small).unwrap();
    assert_eq!(archive.read(0, &small).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_name_that_ends_like_a_locator_is_a_name() {
    let name = format!("PK\x06\x07{}", "\0".repeat(16));
    let bytes = archive(&[("a", b"text"), (&name, b"more text")]);
    let parsed = Archive::parse(&bytes, &limits()).unwrap();
    assert_eq!((parsed.entries().len(), parsed.name(1)), (2, name.as_bytes()));
}

#[test]
fn an_end_record_inside_the_comment_is_not_taken_for_the_end() {
    let members = vec![Member::new("a.xml", b"abc")];
    let comment = [&b"PK\x05\x06"[..], &[0; 16], &[9, 0], b"no ending"].concat();
    let bytes = Writer { members, comment: comment.clone(), ..Writer::default() }.write();
    let parsed = Archive::parse(&bytes, &limits()).unwrap();
    assert_eq!((parsed.entries().len(), parsed.comment()), (1, &comment[..]));
}
