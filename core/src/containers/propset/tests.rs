//! Property sets built by hand, and what is left of them.

use super::*;

pub(crate) const SUMMARY: [u8; 16] = *b"\xe0\x85\x9f\xf2\xf9\x4f\x68\x10\xab\x91\x08\x00\x2b\x27\xb3\xd9";
pub(crate) const USER: [u8; 16] = *b"\x05\xd5\xcd\xd5\x9c\x2e\x1b\x10\x93\x97\x08\x00\x2b\x2c\xf9\xae";

/// A typed value with its padding.
pub(crate) fn text(value: &str) -> Vec<u8> {
    let mut bytes = 0x1Eu32.to_le_bytes().to_vec();
    bytes.extend((value.len() as u32 + 1).to_le_bytes());
    bytes.extend(value.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

pub(crate) fn integer(value: u32) -> Vec<u8> {
    [3u32.to_le_bytes(), value.to_le_bytes()].concat()
}

/// A dictionary in the given code page.
pub(crate) fn dictionary(page: u16, names: &[(u32, &str)]) -> Vec<u8> {
    let mut bytes = (names.len() as u32).to_le_bytes().to_vec();
    for (id, name) in names {
        bytes.extend(id.to_le_bytes());
        if page == 1200 {
            let units: Vec<u8> = format!("{name}\0").encode_utf16().flat_map(u16::to_le_bytes).collect();
            bytes.extend((units.len() as u32 / 2).to_le_bytes());
            bytes.extend(units);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        } else {
            bytes.extend((name.len() as u32 + 1).to_le_bytes());
            bytes.extend(name.as_bytes());
            bytes.push(0);
        }
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A section of these properties, the code page first.
pub(crate) fn section(page: u16, properties: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let page = [2u32.to_le_bytes(), u32::from(page).to_le_bytes()].concat();
    let all: Vec<(u32, Vec<u8>)> = std::iter::once((1, page)).chain(properties.iter().cloned()).collect();
    let mut list = Vec::new();
    let mut values = Vec::new();
    for (id, value) in &all {
        list.extend(id.to_le_bytes());
        list.extend((8 + 8 * all.len() as u32 + values.len() as u32).to_le_bytes());
        values.extend(value);
    }
    let len = 8 + list.len() + values.len();
    [&(len as u32).to_le_bytes()[..], &(all.len() as u32).to_le_bytes(), &list, &values].concat()
}

pub(crate) fn stream(sections: &[([u8; 16], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\xfe\xff\0\0\x06\0\x02\0".to_vec();
    bytes.resize(24, 0);
    bytes.extend((sections.len() as u32).to_le_bytes());
    let mut at = 28 + 20 * sections.len();
    for (format, section) in sections {
        bytes.extend(format);
        bytes.extend((at as u32).to_le_bytes());
        at += section.len();
    }
    bytes.extend(sections.iter().flat_map(|(_, section)| section.clone()));
    bytes
}

fn parse(bytes: &[u8]) -> PropertySets {
    PropertySets::parse(bytes, &Limits::default()).unwrap()
}

fn told(sets: &PropertySets) -> Vec<(String, Option<String>)> {
    sets.sites().iter().map(|site| (site.address.clone(), site.value.clone())).collect()
}

/// The stream with properties of both kinds, and a link of the first to a bookmark.
fn sample(page: u16) -> Vec<u8> {
    let names = dictionary(page, &[(2, "id"), (3, "Owner"), (4, "Last")]);
    let user = section(
        page,
        &[
            (0, names),
            (2, integer(8888)),
            (0x0100_0002, text("Bookmark")),
            (3, text("Somebody")),
            (4, text("the last")),
        ],
    );
    stream(&[(SUMMARY, section(1252, &[(2, text("A title")), (4, text("An author"))])), (USER, user)])
}

#[test]
fn every_subset_goes_and_the_rest_stays() {
    let limits = Limits::default();
    for page in [1252, 1200, 65001] {
        let mut bytes = sample(page);
        if page == 1200 {
            // Narrow text of this page is wide.
            bytes = stream(&[(
                USER,
                section(
                    1200,
                    &[
                        (0, dictionary(1200, &[(2, "id"), (3, "Owner"), (4, "Last")])),
                        (2, integer(1)),
                        (3, integer(2)),
                        (4, integer(3)),
                    ],
                ),
            )]);
        }
        bytes.extend([0; 37]);
        let sets = parse(&bytes);
        let all = told(&sets);
        assert!(sets.hidden().is_none());
        for mask in 0..1u32 << all.len() {
            let chosen: Vec<usize> = (0..all.len()).filter(|site| mask >> site & 1 == 1).collect();
            let left: Vec<_> =
                (0..all.len()).filter(|site| mask >> site & 1 == 0).map(|site| all[site].clone()).collect();
            let after = sets.without(&chosen, &Needles::default(), &limits).unwrap();
            assert_eq!(after.len(), bytes.len());
            assert_eq!(told(&parse(&after)), left, "{page} {mask:b}");
            let gone = chosen.iter().map(|site| &sets.sites()[*site]).filter(|site| site.key.len() > 3);
            for site in gone {
                let needles = Needles::new([("gone", Some(site.key.as_str()), site.value.as_deref())]);
                assert!(!needles.occur_in(&after), "{} is left", site.address);
            }
            let has_link = memchr::memmem::find(&after, b"Bookmark").is_some();
            assert_eq!(has_link, page != 1200 && left.iter().any(|(address, _)| address == "custom:id"));
        }
    }
}

#[test]
fn sets_move_together() {
    let bytes = sample(1252);
    let sets = parse(&bytes);
    let title = sets.sites().iter().position(|site| site.address == "summary:Title").unwrap();
    let after = sets.without(&[title], &Needles::default(), &Limits::default()).unwrap();
    let at = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    // Its entry in the list, and its value with padding.
    let (old, new, freed) = (at(&bytes, 64), at(&after, 64), 8 + 16);
    assert_eq!(new + freed, old);
    assert_eq!(at(&after, 44) + at(&after, at(&after, 44)), new, "one set begins where the other ends");
    assert_eq!(after[new..after.len() - freed], bytes[old..]);
    assert!(after[after.len() - freed..].iter().all(|byte| *byte == 0));
}

#[test]
fn values_need_not_be_aligned() {
    // As Word writes them: the one before the last ends where its text does.
    let mut set = section(1252, &[(2, text("plans")), (4, integer(7))]);
    let last: [u8; 4] = set[28..32].try_into().unwrap();
    set[28..32].copy_from_slice(&(u32::from_le_bytes(last) - 2).to_le_bytes());
    let value = set.len() - 10;
    set.copy_within(value + 2.., value);
    set.truncate(value + 8);
    let len = set.len() as u32;
    set[..4].copy_from_slice(&len.to_le_bytes());
    let bytes = stream(&[(SUMMARY, set)]);
    let sets = parse(&bytes);
    assert_eq!(sets.sites().len(), 2);
    assert_eq!(sets.sites()[1].value.as_deref(), Some("7"));
    let after = sets.without(&[1], &Needles::default(), &Limits::default()).unwrap();
    let start = u32::from_le_bytes(after[44..48].try_into().unwrap()) as usize;
    let declared = u32::from_le_bytes(after[start..start + 4].try_into().unwrap()) as usize;
    let end = memchr::memmem::find(&after, b"plans").unwrap() + 6;
    assert!(start + declared >= end, "the set still holds all of its values");
    assert_eq!(told(&parse(&after)), [("summary:Title".to_owned(), Some("plans".to_owned()))]);
}

#[test]
fn odd_sets_are_read_as_far_as_they_can_be() {
    // A name without a property is a label without a value; one without its end hides the others.
    let names = dictionary(1252, &[(2, "here"), (9, "nowhere")]);
    let bytes = stream(&[(USER, section(1252, &[(0, names.clone()), (2, integer(1))]))]);
    let sets = parse(&bytes);
    assert_eq!(told(&sets), [("custom:here".to_owned(), Some("1".to_owned())), ("custom:nowhere".to_owned(), None)]);
    let after = sets.without(&[1], &Needles::default(), &Limits::default()).unwrap();
    assert_eq!(told(&parse(&after)), [("custom:here".to_owned(), Some("1".to_owned()))]);
    let mut cut = names;
    cut[0] = 200;
    let bytes = stream(&[(USER, section(1252, &[(0, cut), (2, integer(1))]))]);
    assert!(parse(&bytes).hidden().is_some());
    // Two properties with one value cannot go one by one.
    let mut shared =
        section(1252, &[(0, dictionary(1252, &[(2, "one"), (3, "two")])), (2, integer(1)), (3, integer(2))]);
    let first: [u8; 4] = shared[28..32].try_into().unwrap();
    shared[36..40].copy_from_slice(&first);
    let sets = parse(&stream(&[(USER, shared)]));
    assert!(sets.sites().iter().all(|site| site.barrier.is_some()));
}

#[test]
fn stale_copies_behind_the_sets_go() {
    let mut bytes = sample(1252);
    bytes.extend_from_slice(b"....Somebody....");
    let sets = parse(&bytes);
    let owner = sets.sites().iter().position(|site| site.key == "Owner").unwrap();
    let needles = Needles::new([("owner", Some("Owner"), Some("Somebody"))]);
    let after = sets.without(&[owner], &needles, &Limits::default()).unwrap();
    assert!(!needles.occur_in(&after));
    let nothing = Needles::new([("owner", Some("Nobody"), None)]);
    assert!(sets.edit(&[], &nothing, &Limits::default()).unwrap().is_none());
}

proptest::proptest! {
    #[test]
    fn damaged_sets_never_lose_what_was_to_stay(
        at in 0usize..400,
        bytes in proptest::collection::vec(0u8.., 1..6),
        mask in 0u32..64,
    ) {
        let mut damaged = sample(1252);
        let at = at % damaged.len();
        let end = (at + bytes.len()).min(damaged.len());
        damaged[at..end].copy_from_slice(&bytes[..end - at]);
        let limits = Limits::default();
        if let Ok(sets) = PropertySets::parse(&damaged, &limits) {
            let sites = sets.sites();
            let goes = |site: &usize| mask >> site & 1 == 1 && sites[*site].barrier.is_none();
            let chosen: Vec<usize> = (0..sites.len()).filter(goes).collect();
            let left: Vec<_> = (0..sites.len()).filter(|site| !chosen.contains(site)).map(|it| told(&sets)[it].clone()).collect();
            let after = sets.without(&chosen, &Needles::default(), &limits).unwrap();
            assert_eq!(told(&parse(&after)), left);
        }
    }
}
