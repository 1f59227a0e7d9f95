use proptest::prelude::*;

use super::ids::*;
use super::*;
use crate::containers::ebml::{CRC_32, Children, Element, HEADER, VOID};
use crate::needles::Needles;
use crate::scan::{Class, Proof};
use crate::survey::{Kind, Site};

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

/// An element whose size takes `size_len` bytes.
fn sized(id: u32, size_len: usize, data: &[u8]) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [id, crate::containers::ebml::size_field(data.len() as u64, size_len).unwrap(), data.to_vec()].concat()
}

fn el(id: u32, data: &[u8]) -> Vec<u8> {
    sized(id, if data.len() < 127 { 1 } else { 8 }, data)
}

fn master(id: u32, children: &[Vec<u8>]) -> Vec<u8> {
    el(id, &children.concat())
}

/// A master with its checksum.
fn summed(id: u32, children: &[Vec<u8>]) -> Vec<u8> {
    let data = children.concat();
    master(id, &[el(CRC_32, &crc32fast::hash(&data).to_le_bytes()), data])
}

fn tag(name: &str, value: &str) -> Vec<u8> {
    master(SIMPLE_TAG, &[el(TAG_NAME, name.as_bytes()), el(TAG_LANGUAGE, b"und"), el(TAG_STRING, value.as_bytes())])
}

fn tags(children: &[Vec<u8>]) -> Vec<u8> {
    master(TAGS, &[master(TAG, &[&[master(TARGETS, &[])][..], children].concat())])
}

fn header() -> Vec<u8> {
    master(HEADER, &[el(0x4282, b"matroska")])
}

fn cluster(fill: u8) -> Vec<u8> {
    master(CLUSTER, &[el(TIMESTAMP, &[fill]), el(0xA3, &[fill; 40])])
}

fn info(title: &str) -> Vec<u8> {
    master(INFO, &[el(0x7BA9, title.as_bytes()), el(0x4D80, b"muxer"), el(0x5741, b"writer")])
}

fn segment(children: &[Vec<u8>]) -> Vec<u8> {
    sized(SEGMENT, 8, &children.concat())
}

fn file(children: &[Vec<u8>]) -> Vec<u8> {
    [header(), segment(children)].concat()
}

/// A segment whose first child is a `SeekHead` that lists all others, and whose index lists the clusters.
fn indexed(children: &[Vec<u8>]) -> Vec<u8> {
    let seek = |id: u32, position: usize| {
        let position = (position as u32).to_be_bytes();
        master(SEEK, &[el(0x53AB, &id.to_be_bytes()), el(SEEK_POSITION, &position)])
    };
    let point = |position: usize| {
        let position = (position as u32).to_be_bytes();
        let track = [el(0xF7, &[1]), el(CUE_CLUSTER_POSITION, &position), el(0xF0, &[3])];
        master(CUE_POINT, &[el(0xB3, &[0]), master(CUE_TRACK_POSITIONS, &track)])
    };
    let ids: Vec<u32> = children.iter().map(|child| Element::read(child, 0, child.len()).unwrap().id).collect();
    let clusters = ids.iter().filter(|id| **id == CLUSTER).count();
    let others: Vec<usize> = (0..ids.len()).filter(|child| ids[*child] != CLUSTER).collect();
    let index_len = summed(CUES, &vec![point(0); clusters]).len();
    let head_len = summed(SEEK_HEAD, &vec![seek(TAGS, 0); others.len() + 1]).len();
    let start = |child: usize| head_len + index_len + children[..child].iter().map(Vec::len).sum::<usize>();
    let seeks: Vec<_> = others.iter().map(|child| seek(ids[*child], start(*child))).collect();
    let seeks = [seeks, vec![seek(CUES, head_len)]].concat();
    let points: Vec<_> =
        (0..ids.len()).filter(|child| ids[*child] == CLUSTER).map(|child| point(start(child))).collect();
    file(&[summed(SEEK_HEAD, &seeks), summed(CUES, &points), children.concat()])
}

fn sites(input: &[u8]) -> Vec<Site> {
    let limits = Limits::default();
    Matroska.survey(input, &limits).unwrap().findings().sites.clone()
}

fn addresses(input: &[u8]) -> Vec<String> {
    sites(input).into_iter().map(|site| site.address).collect()
}

/// Removes the sites at these addresses, and checks that exactly they go and nothing of them is left.
fn strip(input: &[u8], gone: &[&str], layout: Layout) -> Vec<u8> {
    let limits = Limits::default();
    let survey = Matroska.survey(input, &limits).unwrap();
    let all = &survey.findings().sites;
    let mut chosen: Vec<usize> = (0..all.len()).filter(|site| gone.contains(&&*all[*site].address)).collect();
    for (site, target) in &survey.findings().follows {
        if chosen.contains(target) && !chosen.contains(site) {
            chosen.push(*site);
        }
    }
    chosen.sort_unstable();
    let needles = Needles::new(chosen.iter().map(|&site| {
        let site = &all[site];
        let key = (site.kind != Kind::Standard).then_some(&*site.key);
        (&*site.address, key, site.value.as_deref())
    }));
    let planned = survey.plan(&Removal::new(&chosen, &needles), layout).unwrap();
    assert_eq!(planned.left, []);
    assert!(layout == Layout::Compact || planned.plan.keeps_length());
    let output = planned.plan.apply(input).unwrap();
    let told = |site: &Site| (site.address.clone(), site.value.clone());
    let kept: Vec<_> = (0..all.len()).filter(|site| !chosen.contains(site)).map(|site| told(&all[site])).collect();
    assert_eq!(sites(&output).iter().map(told).collect::<Vec<_>>(), kept);
    let mut scan = Scan::new(&needles, Proof::Full);
    Matroska.survey(&output, &limits).unwrap().scan(&mut scan).unwrap();
    let residue: Vec<_> = scan.into_hits().into_iter().filter(|hit| hit.class != Class::Content).collect();
    assert_eq!(residue, []);
    check(&output);
    output
}

/// Checks every checksum, and that everything which says a position says the right one.
fn check(input: &[u8]) {
    let mut heads = Vec::new();
    let mut work = vec![(0..input.len(), 0)];
    let mut told = Vec::new();
    while let Some((range, base)) = work.pop() {
        for child in Children::new(input, range.clone()) {
            // Streams of unknown size have no tables.
            let Ok(child) = child else { break };
            heads.push(child.start);
            let number = || input[child.data.clone()].iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
            match child.id {
                SEGMENT => work.push((child.data.clone(), child.data.start)),
                SEEK_HEAD | SEEK | CUES | CUE_POINT | CUE_TRACK_POSITIONS | INFO | TAGS | TAG | SIMPLE_TAG => {
                    work.push((child.data.clone(), base));
                }
                CRC_32 => {
                    assert_eq!(child.start, range.start);
                    let sum = crc32fast::hash(&input[child.data.end..range.end]).to_le_bytes();
                    assert_eq!(input[child.data.clone()], sum);
                }
                SEEK_POSITION | CUE_CLUSTER_POSITION => told.push(base + number()),
                _ => {}
            }
        }
    }
    for position in told {
        assert!(heads.contains(&position), "{position} is not where an element begins");
    }
}

#[test]
fn tags_and_fields_are_listed_with_their_kinds() {
    let nested = master(SIMPLE_TAG, &[el(TAG_NAME, b"ARTIST"), el(TAG_STRING, b"A"), tag("mood ring", "x")]);
    let input = file(&[
        info("T"),
        master(TRACKS, &[master(TRACK_ENTRY, &[el(TRACK_NUMBER, &[2]), el(TRACK_UID, &[9]), el(0x536E, b"N")])]),
        master(
            TAGS,
            &[
                master(TAG, &[tag("id", "8888"), nested, tag("ENCODER", "e"), tag("AIGC", "{}")]),
                master(TAG, &[master(TARGETS, &[el(0x63C5, &[9])]), tag("id", "7")]),
            ],
        ),
    ]);
    let found: Vec<_> = sites(&input)
        .into_iter()
        .map(|site| (site.address, site.value.unwrap(), site.kind, site.place, site.barrier.is_some()))
        .collect();
    let row = |address: &str, value: &str, kind, place: &str, barred| {
        (address.to_owned(), value.to_owned(), kind, place.to_owned(), barred)
    };
    let want = [
        row("info:Title", "T", Kind::Standard, "Info", false),
        row("info:MuxingApp", "muxer", Kind::Bookkeeping, "Info", false),
        row("info:WritingApp", "writer", Kind::Bookkeeping, "Info", false),
        row("track:Name", "N", Kind::Standard, "Tracks", false),
        row("mkv:id", "8888", Kind::Custom, "Tags", false),
        row("mkv:ARTIST", "A", Kind::Standard, "Tags", false),
        row("mkv:ARTIST/mood ring", "x", Kind::Custom, "Tags", false),
        row("mkv:ENCODER", "e", Kind::Bookkeeping, "Tags", false),
        row("mkv:AIGC", "{}", Kind::Custom, "Tags", true),
        row("mkv:id", "7", Kind::Custom, "Tags, track 2", false),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_tag_stays_with_a_tag_inside_it_that_stays() {
    let inner = master(SIMPLE_TAG, &[el(TAG_NAME, b"b"), tag("c", "3")]);
    let outer = master(SIMPLE_TAG, &[el(TAG_NAME, b"a"), inner, tag("d", "4")]);
    let input = file(&[tags(&[outer])]);
    assert_eq!(addresses(&input), ["mkv:a", "mkv:a/b", "mkv:a/b/c", "mkv:a/d"]);
    let limits = Limits::default();
    let survey = Matroska.survey(&input, &limits).unwrap();
    let planned = survey.plan(&Removal::new(&[0, 1, 3], &Needles::default()), Layout::Compact).unwrap();
    assert_eq!(planned.left.iter().map(|(site, _)| *site).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(addresses(&planned.plan.apply(&input).unwrap()), ["mkv:a", "mkv:a/b", "mkv:a/b/c"]);
}

#[test]
fn a_tag_becomes_filler_or_is_cut() {
    let input = file(&[tags(&[tag("id", "8888"), tag("x", "1")]), cluster(1)]);
    let void = el(VOID, &vec![0; tag("id", "8888").len() - 2]);
    assert_eq!(strip(&input, &["mkv:id"], Layout::Preserve), file(&[tags(&[void, tag("x", "1")]), cluster(1)]));
    assert_eq!(strip(&input, &["mkv:id"], Layout::Compact), file(&[tags(&[tag("x", "1")]), cluster(1)]));
}

#[test]
fn what_becomes_empty_goes_with_what_points_to_it() {
    let children = [info("T"), summed(TAGS, &[master(TAG, &[tag("id", "8888-8888")])]), cluster(1), cluster(2)];
    let input = indexed(&children);
    for layout in LAYOUTS {
        let output = strip(&input, &["mkv:id"], layout);
        for id in [TAGS, TAG] {
            assert!(memchr::memmem::find(&output, &id.to_be_bytes()[if id == TAG { 2 } else { 0 }..]).is_none());
        }
    }
    assert_eq!(strip(&input, &["mkv:id"], Layout::Compact), indexed(&[info("T"), cluster(1), cluster(2)]));
}

#[test]
fn a_directory_of_nothing_goes_too() {
    let input = {
        let position = master(SEEK, &[el(0x53AB, &TAGS.to_be_bytes()), el(SEEK_POSITION, &[19])]);
        file(&[master(SEEK_HEAD, &[position]), tags(&[tag("id", "8888")])])
    };
    check(&input);
    for layout in LAYOUTS {
        let output = strip(&input, &["mkv:id"], layout);
        assert!(memchr::memmem::find(&output, &SEEK_HEAD.to_be_bytes()).is_none());
    }
}

#[test]
fn sizes_positions_and_checksums_follow() {
    let numbered =
        |position: u8| master(CLUSTER, &[el(TIMESTAMP, &[0]), el(POSITION, &[position]), el(0xA3, b"frame")]);
    for title in ["T", &"long ".repeat(60)] {
        let mut children =
            [info(title), summed(TAGS, &[master(TAG, &[tag("id", "8888"), tag("x", "1")])]), numbered(0), cluster(2)];
        let first = indexed(&children);
        let at = memchr::memmem::find(&first, &CLUSTER.to_be_bytes()).unwrap() - header().len() - 12;
        let Ok(at) = u8::try_from(at) else { continue };
        children[2] = numbered(at);
        let input = indexed(&children);
        for layout in LAYOUTS {
            let output = strip(&input, &["mkv:id", "info:Title"], layout);
            let moved = memchr::memmem::find(&output, &CLUSTER.to_be_bytes()).unwrap() - header().len() - 12;
            assert!(output.windows(3).any(|bytes| bytes == [0xA7, 0x81, moved as u8]));
            assert_eq!(output.len() < input.len(), layout == Layout::Compact);
        }
    }
}

#[test]
fn strings_that_must_be_there_become_empty() {
    let input = file(&[info("T"), cluster(1)]);
    for layout in LAYOUTS {
        let output = strip(&input, &["info:MuxingApp"], layout);
        let data = if layout == Layout::Preserve { vec![0; 5] } else { Vec::new() };
        let want = master(INFO, &[el(0x7BA9, b"T"), el(0x4D80, &data), el(0x5741, b"writer")]);
        assert_eq!(output, file(&[want, cluster(1)]));
    }
}

#[test]
fn a_chapter_loses_its_display_whole() {
    let display = |text: &str| master(CHAPTER_DISPLAY, &[el(0x85, text.as_bytes()), el(0x437C, b"eng")]);
    let atom = |children: &[Vec<u8>]| master(CHAPTERS, &[master(EDITION_ENTRY, &[master(CHAPTER_ATOM, children)])]);
    let uid = el(0x73C4, &[1]);
    let input = file(&[atom(&[uid.clone(), display("Part")]), cluster(1)]);
    assert_eq!(addresses(&input), ["chapter:String"]);
    assert_eq!(strip(&input, &["chapter:String"], Layout::Compact), file(&[atom(&[uid]), cluster(1)]));
    strip(&input, &["chapter:String"], Layout::Preserve);
}

#[test]
fn live_streams_are_read_to_their_end() {
    let unknown = |id: u32, data: &[u8]| [&id.to_be_bytes()[..], &[0xFF], data].concat();
    let frames = [el(TIMESTAMP, &[1]), el(0xA3, &[5; 200]), el(VOID, b"old 8888-8888"), el(0xA3, &[6; 9])].concat();
    let late = tags(&[tag("id", "8888-8888"), tag("x", "1")]);
    let stream =
        [header(), unknown(SEGMENT, &[info("T"), unknown(CLUSTER, &frames), unknown(CLUSTER, &frames), late].concat())];
    // Two streams behind each other, as recorders write them.
    let input = [stream.concat(), stream.concat()].concat();
    assert_eq!(addresses(&input).iter().filter(|address| **address == "mkv:id").count(), 2);
    for layout in LAYOUTS {
        strip(&input, &["mkv:id"], layout);
        strip(&input, &["mkv:id", "mkv:x"], layout);
    }
    // One that breaks off within a block.
    let cut = &stream.concat()[..header().len() + 5 + info("T").len() + 50];
    assert_eq!(addresses(cut), ["info:Title", "info:MuxingApp", "info:WritingApp"]);
    strip(cut, &["info:Title"], Layout::Preserve);
}

#[test]
fn old_filler_is_cleared() {
    let stale = master(VOID, &[b"id 8888-8888".to_vec()]);
    let input =
        file(&[stale.clone(), summed(INFO, &[el(0x7BA9, b"T"), stale.clone()]), tags(&[tag("id", "8888-8888")])]);
    let output = strip(&input, &["mkv:id"], Layout::Preserve);
    assert!(memchr::memmem::find(&output, b"8888").is_none());
    assert_eq!(output.len(), input.len());
}

#[test]
fn a_checksum_over_a_segment_goes_with_the_first_edit() {
    let data = [tags(&[tag("id", "8888"), tag("x", "1")]), cluster(1)].concat();
    let input = file(&[el(CRC_32, &crc32fast::hash(&data).to_le_bytes()), data]);
    check(&input);
    for layout in LAYOUTS {
        strip(&input, &["mkv:id"], layout);
    }
}

#[test]
fn a_part_that_cannot_be_read_may_hide_labels() {
    let broken = el(TAGS, &[&[0x73, 0x73, 0x90][..], b"8888"].concat());
    for input in [
        file(&[tags(&[tag("id", "8888")]), broken, cluster(1)]),
        file(&[tags(&[tag("id", "8888")]), cluster(1), vec![0xFF; 30]]),
    ] {
        let limits = Limits::default();
        let survey = Matroska.survey(&input, &limits).unwrap();
        let findings = survey.findings();
        assert_eq!(findings.sites.len(), 1);
        assert_eq!((findings.guards.len(), findings.guards[0].scope), (1, Scope::Hidden));
    }
    // A file that was cut off within its index has no labels behind it.
    let input = file(&[tags(&[tag("id", "8888"), tag("x", "1")]), cluster(1), el(CUES, &[0xBB; 90])]);
    let cut = &input[..input.len() - 40];
    let limits = Limits::default();
    assert!(Matroska.survey(cut, &limits).unwrap().findings().guards.is_empty());
    for layout in LAYOUTS {
        assert_eq!(strip(cut, &["mkv:id"], layout).len(), cut.len());
    }
    // Room that a writer left is no damage.
    let input = file(&[tags(&[tag("id", "8888"), tag("x", "1")]), cluster(1), vec![0; 30]]);
    let limits = Limits::default();
    assert!(Matroska.survey(&input, &limits).unwrap().findings().guards.is_empty());
}

#[test]
fn an_attached_file_takes_less_room() {
    let attached = |size_len: usize, data: &[u8]| {
        master(ATTACHMENTS, &[summed(ATTACHED_FILE, &[el(FILE_NAME, b"a.txt"), sized(FILE_DATA, size_len, data)])])
    };
    for (size_len, len) in [(1, 100), (8, 100), (2, 99), (1, 42)] {
        let input = file(&[attached(size_len, &[b'x'; 100]), cluster(1)]);
        let limits = Limits::default();
        let survey = Matroska.survey(&input, &limits).unwrap();
        assert_eq!((survey.members().len(), &*survey.member(0).unwrap()), (1, &[b'x'; 100][..]));
        for layout in LAYOUTS {
            let members = [(0, vec![b'y'; len])];
            let needles = Needles::default();
            let removal = Removal { members: &members, ..Removal::new(&[], &needles) };
            let planned = survey.plan(&removal, layout).unwrap();
            let output = planned.plan.apply(&input).unwrap();
            check(&output);
            assert_eq!(&*Matroska.survey(&output, &limits).unwrap().member(0).unwrap(), &vec![b'y'; len]);
            assert_eq!(output.len() == input.len(), layout == Layout::Preserve || len == 100);
        }
        let members = [(0, vec![b'y'; 101])];
        let needles = Needles::default();
        let removal = Removal { members: &members, ..Removal::new(&[], &needles) };
        assert_eq!(survey.plan(&removal, Layout::Preserve).unwrap().left_members.len(), 1);
    }
}

fn comments(all: &[&str]) -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let fields: Vec<_> = all.iter().map(|text| field(text)).collect();
    [field("vendor"), (all.len() as u32).to_le_bytes().to_vec(), fields.concat()].concat()
}

fn track(codec: &str, private: &[u8]) -> Vec<u8> {
    master(TRACKS, &[summed(TRACK_ENTRY, &[el(CODEC_ID, codec.as_bytes()), el(CODEC_PRIVATE, private)])])
}

#[test]
fn comments_of_codecs_go_with_the_tags() {
    let long = format!("x={}", "y".repeat(700));
    let laced = |signature: &[u8], comments: &[u8], framing: &[u8]| {
        let packet = [signature, comments, framing].concat();
        let mut lens = vec![30];
        lens.extend(vec![255; packet.len() / 255]);
        lens.push((packet.len() % 255) as u8);
        [&[2][..], &lens, &[b'i'; 30], &packet, &[b's'; 400]].concat()
    };
    let vorbis = |all: &[&str]| laced(b"\x03vorbis", &comments(all), &[1]);
    let theora = |all: &[&str]| laced(b"\x81theora", &comments(all), &[]);
    let flac = |all: &[&str]| {
        let block = |kind: u8, data: &[u8]| [&[kind][..], &(data.len() as u32).to_be_bytes()[1..], data].concat();
        [b"fLaC".to_vec(), block(0, &[7; 34]), block(0x84, &comments(all))].concat()
    };
    for (codec, private) in
        [("A_VORBIS", &vorbis as &dyn Fn(&[&str]) -> Vec<u8>), ("V_THEORA", &theora), ("A_FLAC", &flac)]
    {
        let file = |all: &[&str]| file(&[track(codec, &private(all)), tags(&[tag("id", "8888"), tag("z", "1")])]);
        let input = file(&["a=1", "id=8888", &long]);
        assert_eq!(addresses(&input), ["vorbis:vendor", "vorbis:a", "vorbis:id", "vorbis:x", "mkv:id", "mkv:z"]);
        let gone = ["mkv:id", "vorbis:id", "vorbis:x", "mkv:z"];
        assert_eq!(strip(&input, &gone, Layout::Preserve).len(), input.len());
        let output = strip(&input, &gone, Layout::Compact);
        assert!(output.windows(10).any(|bytes| *bytes == private(&["a=1"])[..10]));
        strip(&input, &["vorbis:vendor"], Layout::Preserve);
        strip(&input, &["vorbis:vendor"], Layout::Compact);
    }
    let broken = file(&[track("A_VORBIS", b"\x02\x1e\x10"), cluster(1)]);
    let limits = Limits::default();
    let survey = Matroska.survey(&broken, &limits).unwrap();
    assert_eq!(survey.findings().guards[0].scope, Scope::Hidden);
}

#[test]
fn many_tags_of_long_names_cost_what_they_are_long() {
    let name = "n".repeat(60_000);
    let inner: Vec<_> = (0..2000).map(|_| tag("id", "8888-8888")).collect();
    let outer = master(SIMPLE_TAG, &[&[el(TAG_NAME, name.as_bytes())][..], &inner].concat());
    let input = file(&[tags(&[outer])]);
    assert!(sites(&input).iter().skip(1).all(|site| site.address.len() < 300));
}

fn any_child() -> impl Strategy<Value = Vec<u8>> {
    let keys = "[a-e]{4}";
    let values = "[f-k]{8,160}";
    let tags_of = proptest::collection::vec((keys, values), 1..4);
    prop_oneof![
        (tags_of, any::<bool>()).prop_map(|(all, is_summed)| {
            let all: Vec<_> = all.iter().map(|(key, value)| tag(key, value)).collect();
            let one = master(TAG, &all);
            if is_summed { summed(TAGS, &[one]) } else { master(TAGS, &[one, el(VOID, b"")]) }
        }),
        "[l-p]{4,9}".prop_map(|title| info(&title)),
        any::<u8>().prop_map(cluster),
        (0..200usize).prop_map(|len| el(VOID, &vec![0; len])),
    ]
}

proptest! {
    #[test]
    fn exactly_the_chosen_sites_go(
        children in proptest::collection::vec(any_child(), 1..7),
        choice in proptest::collection::vec(any::<bool>(), 32),
        compact in any::<bool>(),
    ) {
        let input = indexed(&children);
        check(&input);
        let all = addresses(&input);
        let gone: Vec<_> =
            all.iter().enumerate().filter(|(index, _)| choice[*index % 32]).map(|(_, address)| &**address).collect();
        let layout = if compact { Layout::Compact } else { Layout::Preserve };
        let output = strip(&input, &gone, layout);
        prop_assert_eq!(strip(&output, &gone, layout), output);
    }

    #[test]
    fn damage_does_not_panic(
        children in proptest::collection::vec(any_child(), 1..5),
        at in any::<proptest::sample::Index>(),
        byte: u8,
        cut in any::<proptest::sample::Index>(),
    ) {
        let mut input = indexed(&children);
        let at = at.index(input.len());
        input[at] = byte;
        input.truncate(cut.index(input.len()) + 1);
        let limits = Limits::default();
        if let Ok(survey) = Matroska.survey(&input, &limits) {
            let all: Vec<_> = (0..survey.findings().sites.len()).collect();
            let needles = Needles::new([("id", Some("aaaa"), Some("ffff"))]);
            for layout in LAYOUTS {
                survey.plan(&Removal::new(&all, &needles), layout).unwrap();
            }
            survey.scan(&mut Scan::new(&needles, Proof::Full)).unwrap();
        }
    }
}
