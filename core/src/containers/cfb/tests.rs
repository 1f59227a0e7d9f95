//! Compound files built by hand, and what is read of them.

use std::collections::BTreeMap;

use super::*;
use crate::needles::Needles;
use crate::plan::{Edit, Plan};

/// A directory entry while a file is built.
struct Node {
    name: String,
    kind: u8,
    data: Vec<u8>,
    children: Vec<usize>,
}

/// A compound file with these streams; storages come with their paths. Sectors are `1 << shift` bytes long.
pub(crate) fn compound(streams: &[(&str, &[u8])], shift: u32) -> Vec<u8> {
    let nodes = nodes(streams);
    let sector = 1usize << shift;
    let mut mini_stream: Vec<u8> = Vec::new();
    let mut mini_fat: Vec<u32> = Vec::new();
    let mut chains: Vec<Vec<u8>> = Vec::new();
    let mut starts: BTreeMap<usize, (bool, usize)> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.kind == 2 && !node.data.is_empty()) {
        if node.data.len() < CUTOFF as usize {
            starts.insert(index, (true, mini_fat.len()));
            let count = node.data.len().div_ceil(64);
            let at = mini_fat.len();
            mini_fat.extend((1..count).map(|next| (at + next) as u32));
            mini_fat.push(0xFFFF_FFFE);
            mini_stream.extend_from_slice(&node.data);
            mini_stream.resize(mini_fat.len() * 64, 0);
        } else {
            starts.insert(index, (false, chains.len()));
            chains.push(node.data.clone());
        }
    }
    let mini_len = mini_stream.len();
    let table = |list: &[u32]| list.iter().flat_map(|next| next.to_le_bytes()).collect::<Vec<u8>>();
    // The directory, the two parts of short streams, and a free sector come behind the long streams.
    chains.push(vec![0; nodes.len() * 128]);
    chains.push(table(&mini_fat));
    chains.push(mini_stream);
    let first = 1;
    let mut fat = vec![0xFFFF_FFFDu32];
    let mut begins = Vec::new();
    let mut body: Vec<u8> = Vec::new();
    for chain in &chains {
        let count = chain.len().div_ceil(sector);
        begins.push(if count == 0 { 0xFFFF_FFFE } else { fat.len() as u32 });
        let at = fat.len();
        fat.extend((1..count).map(|next| (at + next) as u32));
        fat.extend((count > 0).then_some(0xFFFF_FFFE));
        body.extend_from_slice(chain);
        body.resize((fat.len() - first) * sector, 0);
    }
    fat.push(0xFFFF_FFFF);
    body.resize((fat.len() - first) * sector, 0);
    assert!(fat.len() <= sector / 4, "one allocation sector is enough for a test");
    fat.resize(sector / 4, 0xFFFF_FFFF);
    let [.., directory, mini_table, mini] = begins[..] else { unreachable!() };
    let place = |index: usize| match starts.get(&index) {
        Some((true, start)) => *start as u32,
        Some((false, chain)) => begins[*chain],
        None => 0xFFFF_FFFE,
    };
    let entries: Vec<u8> = (0..nodes.len())
        .flat_map(|index| {
            let (start, len) = if index == 0 { (mini, mini_len) } else { (place(index), nodes[index].data.len()) };
            entry(&nodes, index, start, len as u64)
        })
        .collect();
    let at = (directory as usize - first) * sector;
    body[at..at + entries.len()].copy_from_slice(&entries);
    let mut file = MAGIC.to_vec();
    file.resize(24, 0);
    for field in [0x3E, if shift == 12 { 4 } else { 3 }, 0xFFFE, shift as u16, 6, 0, 0, 0] {
        file.extend_from_slice(&field.to_le_bytes());
    }
    file.extend(
        [0, 1, directory, 0, CUTOFF, mini_table, 1, 0xFFFF_FFFE, 0, 0].iter().flat_map(|it: &u32| it.to_le_bytes()),
    );
    file.resize(512, 0xFF);
    file.resize(sector, 0);
    file.extend(table(&fat));
    file.extend(body);
    file
}

fn nodes(streams: &[(&str, &[u8])]) -> Vec<Node> {
    let mut nodes = vec![Node { name: "Root Entry".into(), kind: 5, data: Vec::new(), children: Vec::new() }];
    for (path, data) in streams {
        let mut parent = 0;
        let names: Vec<&str> = path.split('/').collect();
        for (depth, name) in names.iter().enumerate() {
            let known = nodes[parent].children.iter().copied().find(|child| nodes[*child].name == *name);
            parent = known.unwrap_or_else(|| {
                let is_stream = depth + 1 == names.len();
                let data = if is_stream { data.to_vec() } else { Vec::new() };
                let kind = if is_stream { 2 } else { 1 };
                nodes.push(Node { name: (*name).into(), kind, data, children: Vec::new() });
                let child = nodes.len() - 1;
                nodes[parent].children.push(child);
                child
            });
        }
    }
    nodes
}

fn entry(nodes: &[Node], index: usize, start: u32, len: u64) -> Vec<u8> {
    let node = &nodes[index];
    let nobody = 0xFFFF_FFFFu32;
    // Brothers are a list: each is the right one of the one before.
    let right = nodes.iter().find_map(|parent| {
        let at = parent.children.iter().position(|child| *child == index)?;
        parent.children.get(at + 1).map(|next| *next as u32)
    });
    let mut entry: Vec<u8> = node.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let name_len = entry.len() as u16 + 2;
    entry.resize(64, 0);
    entry.extend(name_len.to_le_bytes());
    entry.extend([node.kind, 1]);
    let child = node.children.first().map_or(nobody, |child| *child as u32);
    for link in [nobody, right.unwrap_or(nobody), child] {
        entry.extend(link.to_le_bytes());
    }
    entry.resize(116, 0);
    entry.extend(start.to_le_bytes());
    entry.extend(len.to_le_bytes());
    entry
}

#[test]
fn streams_are_read_wherever_they_stand() {
    let (short, long) = (vec![7u8; 100], (0..10_000u32).map(|it| it as u8).collect::<Vec<u8>>());
    for shift in [9, 12] {
        let file = compound(&[("short", &short), ("A/B/long", &long), ("empty", b"")], shift);
        let limits = Limits::default();
        let parsed = CompoundFile::parse(&file, &limits).unwrap();
        let ids: BTreeMap<String, usize> = parsed.streams().map(|(id, _)| (parsed.path(id), id)).collect();
        assert_eq!(parsed.read(ids["short"], &limits).unwrap(), short);
        assert_eq!(parsed.read(ids["A/B/long"], &limits).unwrap(), long);
        assert!(parsed.read(ids["empty"], &limits).unwrap().is_empty());
        assert_eq!(root_names(&file).len(), 3);
        let extents = parsed.extents(ids["short"]).unwrap();
        let edit = extents.spread(&Edit::fill(10..20, 1));
        let edited = Plan::new(edit, file.len() as u64).unwrap().apply(&file).unwrap();
        let again = CompoundFile::parse(&edited, &limits).unwrap();
        let edited = again.read(ids["short"], &limits).unwrap();
        assert_eq!(edited[..], [&short[..10], &[1; 10], &short[20..]].concat());
    }
}

#[test]
fn stale_copies_in_free_space_are_blanked() {
    let mut file = compound(&[("short", &[7u8; 100]), ("long", &[8u8; 5000])], 9);
    let len = file.len();
    // The last sector is free; behind it stands what no table knows; the short stream ends within its sector.
    file[len - 100..len - 93].copy_from_slice(b"oldname");
    file.extend_from_slice(b"s\0e\0c\0r\0e\0t\0 behind");
    let seven = memchr::memmem::rfind(&file, &[7u8; 36]).unwrap() + 36;
    file[seven + 4..seven + 10].copy_from_slice(b"secret");
    let needles = Needles::new([("label", Some("oldname"), Some("secret"))]);
    let parsed = CompoundFile::parse(&file, &Limits::default()).unwrap();
    let edits = parsed.stale(&needles);
    assert_eq!(edits.len(), 2, "the neighbours at the end are one: {edits:?}");
    let cleaned = Plan::new(edits, file.len() as u64).unwrap().apply(&file).unwrap();
    assert!(!needles.occur_in(&cleaned));
    let after = CompoundFile::parse(&cleaned, &Limits::default()).unwrap();
    for (id, _) in parsed.streams() {
        assert_eq!(parsed.read(id, &Limits::default()).unwrap(), after.read(id, &Limits::default()).unwrap());
    }
    let nothing = Needles::new([("label", Some("nowhere"), None)]);
    assert_eq!(parsed.stale(&nothing), []);
}

#[test]
fn streams_become_shorter() {
    let limits = Limits::default();
    let file = compound(&[("one", &[1u8; 700]), ("two", &[2u8; 9000]), ("three", &[3u8; 10])], 9);
    let parsed = CompoundFile::parse(&file, &limits).unwrap();
    let ids: Vec<usize> = parsed.streams().map(|(id, _)| id).collect();
    for (id, len) in [(0, 699), (0, 640), (0, 1), (0, 0), (1, 8999), (1, 4096), (1, 0), (2, 0), (0, 700)] {
        let edits = parsed.shorten(ids[id], len).unwrap();
        let after = Plan::new(edits, file.len() as u64).unwrap().apply(&file).unwrap();
        let again = CompoundFile::parse(&after, &limits).unwrap();
        for (other, stream) in ids.iter().enumerate() {
            let old = parsed.read(*stream, &limits).unwrap();
            let want = if other == id { &old[..len as usize] } else { &old };
            assert_eq!(again.read(*stream, &limits).unwrap(), want, "{id} {len}");
        }
        let run = vec![id as u8 + 1; 8];
        let left = memchr::memmem::find_iter(&after, &run).count();
        assert!(left <= len as usize / 8, "what was given up is blank");
    }
    assert!(parsed.shorten(ids[1], 100).is_none(), "it would have to move");
    assert!(parsed.shorten(ids[2], 100).is_none());
}

#[test]
fn broken_chains_are_faults_of_their_stream() {
    let file = compound(&[("one", &[1u8; 5000]), ("two", &[2u8; 5000])], 9);
    let limits = Limits::default();
    // Sector 1 is the first of the first stream, whose entry in the table is at 512 + 4.
    for (next, what) in [(1u32, "a circle"), (900, "outside"), (0xFFFF_FFFE, "short"), (12, "the other stream")] {
        let mut broken = file.clone();
        broken[516..520].copy_from_slice(&next.to_le_bytes());
        let parsed = CompoundFile::parse(&broken, &limits).unwrap();
        let ids: Vec<usize> = parsed.streams().map(|(id, _)| id).collect();
        assert_eq!(parsed.read(ids[0], &limits).unwrap_err().kind(), crate::ErrorKind::Malformed, "{what}");
        assert_eq!(parsed.read(ids[1], &limits).is_ok(), next != 12, "{what}");
    }
    let mut looping = file.clone();
    let directory = u32::from_le_bytes(file[48..52].try_into().unwrap());
    let at = 512 + 4 * directory as usize;
    looping[at..at + 4].copy_from_slice(&directory.to_le_bytes());
    assert!(CompoundFile::parse(&looping, &limits).is_err());
}

proptest::proptest! {
    #[test]
    fn damaged_tables_end_in_errors(at in 0usize..3000, bytes in proptest::collection::vec(0u8.., 1..8)) {
        let mut file = compound(&[("one", &[1u8; 5000]), ("A/two", &[2u8; 500]), ("A/three", &[3u8; 50])], 9);
        let end = (at + bytes.len()).min(file.len());
        file[at..end].copy_from_slice(&bytes[..end - at]);
        let limits = Limits::default();
        if let Ok(parsed) = CompoundFile::parse(&file, &limits) {
            for (id, entry) in parsed.streams() {
                if let Ok(read) = parsed.read(id, &limits) {
                    assert_eq!(read.len() as u64, entry.len);
                }
            }
            let slack = parsed.slack();
            assert!(slack.windows(2).all(|pair| pair[0].end < pair[1].start));
            assert!(slack.iter().all(|range| range.end <= file.len() as u64));
        }
        let _ = root_names(&file);
    }
}
