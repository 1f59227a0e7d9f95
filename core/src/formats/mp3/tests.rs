use super::*;
use crate::containers::id3;
use crate::engine::Engine;
use crate::needles::Needles;
use crate::report::Outcome;
use crate::scan::Proof;
use crate::source::Source;

const LAYOUTS: [Layout; 2] = [Layout::Preserve, Layout::Compact];

fn audio() -> Vec<u8> {
    let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
    frame.resize(417, 0x55);
    frame.repeat(4)
}

fn frame(id: &str, data: &str) -> Vec<u8> {
    [id.as_bytes(), &(data.len() as u32).to_be_bytes(), &[0, 0], data.as_bytes()].concat()
}

fn id3(frames: &[Vec<u8>], padding: usize) -> Vec<u8> {
    let body = [frames.concat(), vec![0; padding]].concat();
    let size = [21, 14, 7, 0].map(|shift| (body.len() >> shift & 0x7F) as u8);
    [&b"ID3\x03\0\0"[..], &size, &body].concat()
}

fn ape(items: &[(&str, &str)]) -> Vec<u8> {
    let item = |(key, value): &(&str, &str)| {
        [&(value.len() as u32).to_le_bytes(), &[0; 4][..], key.as_bytes(), b"\0", value.as_bytes()].concat()
    };
    let body: Vec<u8> = items.iter().flat_map(item).collect();
    let numbers = [2000, body.len() as u32 + 32, items.len() as u32, 0, 0, 0].map(u32::to_le_bytes).concat();
    [&body, &b"APETAGEX"[..], &numbers].concat()
}

fn lyrics3(fields: &[(&str, &str)]) -> Vec<u8> {
    let fields: Vec<String> = fields.iter().map(|(name, data)| format!("{name}{:05}{data}", data.len())).collect();
    let body = format!("LYRICSBEGIN{}", fields.concat());
    format!("{body}{:06}LYRICS200", body.len()).into_bytes()
}

fn id3v1(title: &str) -> Vec<u8> {
    let mut tag = [&b"TAG"[..], &[0; 124], &[255]].concat();
    tag[3..3 + title.len()].copy_from_slice(title.as_bytes());
    tag
}

fn addresses(input: &[u8]) -> Vec<String> {
    let limits = Limits::default();
    let survey = MP3.survey(input, &limits).unwrap();
    survey.findings().sites.iter().map(|site| site.address.clone()).collect()
}

fn strip(input: &[u8], label: &str, layout: Layout) -> Vec<u8> {
    let engine = Engine::builder().label(label).layout(layout).proof(Proof::Full).build().unwrap();
    let source = |bytes: &[u8]| Source::from_bytes(bytes.to_vec()).with_name("a.mp3");
    let cleaned = engine.strip(source(input)).unwrap();
    assert_eq!(cleaned.report().outcome, Outcome::Stripped, "{:?}", cleaned.report());
    let mut output = Vec::new();
    cleaned.payload().unwrap().write_to(&mut output).unwrap();
    let again = engine.strip(source(&output)).unwrap();
    assert_eq!(again.report().outcome, Outcome::Clean);
    output
}

#[test]
fn a_label_goes_from_every_tag_at_once() {
    let title = frame("TIT2", "\0title");
    let file = |own: bool| {
        let id = frame("TXXX", "\0id\x008888");
        let frames = if own { vec![id, title.clone()] } else { vec![title.clone()] };
        let items = [("Title", "title"), ("ID", "8888")];
        [id3(&frames, 0), audio(), ape(&items[..if own { 2 } else { 1 }]), lyrics3(&[("INF", "x")]), id3v1("title")]
            .concat()
    };
    let input = file(true);
    assert_eq!(addresses(&input), ["id3:TXXX:id", "id3:TIT2", "ape:Title", "ape:ID", "lyrics3:INF", "id3v1:Title"]);
    assert_eq!(strip(&input, "id", Layout::Compact), file(false));
    let same = strip(&input, "id", Layout::Preserve);
    assert_eq!(same.len(), input.len());
    assert!(same.ends_with(&[lyrics3(&[("INF", "x")]), id3v1("title")].concat()));
}

#[test]
fn fields_that_repeat_one_of_a_later_version_go_with_it() {
    let long = "a title of more than thirty letters, cut";
    let input =
        [id3(&[frame("TIT2", &format!("\0{long}")), frame("TALB", "\0b")], 5), audio(), id3v1(&long[..30])].concat();
    let short = strip(&input, "id3:TIT2", Layout::Compact);
    assert_eq!(short, [id3(&[frame("TALB", "\0b")], 0), audio()].concat());
    let same = strip(&input, "id3:TIT2", Layout::Preserve);
    assert_eq!(same.len(), input.len());
    assert!(same.ends_with(&id3v1("")));
    // The other way round it does not go: the older tag may be all that somebody wants to be rid of.
    assert_eq!(addresses(&strip(&input, "id3v1:Title", Layout::Preserve)), ["id3:TIT2", "id3:TALB"]);
}

#[test]
fn a_tag_before_lyrics_is_kept_for_those_who_look_for_them() {
    let input = [audio(), lyrics3(&[("INF", "x")]), id3v1("title")].concat();
    let after = strip(&input, "id3v1:Title", Layout::Compact);
    assert_eq!(after, [audio(), lyrics3(&[("INF", "x")]), id3v1("")].concat());
    assert_eq!(strip(&input, "lyrics3:INF", Layout::Compact), [audio(), id3v1("title")].concat());
}

#[test]
fn a_tag_is_found_before_lyrics_that_went() {
    let input = [audio(), ape(&[("Title", "t")]), lyrics3(&[("INF", "x")]), id3v1("title")].concat();
    assert_eq!(addresses(&strip(&input, "lyrics3:INF", Layout::Preserve)), ["ape:Title", "id3v1:Title"]);
}

#[test]
fn doubled_tags_and_tags_with_gaps_between_are_found() {
    let one = |value: &str| id3(&[frame("TXXX", &format!("\0id\0{value}"))], 3);
    let input =
        [one("7"), one("8"), vec![0; 50], one("9"), audio(), id3v1("a"), vec![0; 9], id3v1("b"), vec![0; 3]].concat();
    assert_eq!(addresses(&input).len(), 5);
    let after = strip(&input, "id", Layout::Compact);
    assert_eq!(after, [audio(), id3v1("a"), vec![0; 9], id3v1("b"), vec![0; 3]].concat());
    assert_eq!(addresses(&strip(&input, "id", Layout::Preserve)), ["id3v1:Title", "id3v1:Title"]);
}

#[test]
fn stale_copies_beside_the_audio_go() {
    let tag = id3(&[frame("TXXX", "\0id\0a secret")], 0);
    let input = [&tag[..], b"junk a secret junk", &audio(), b"and a secret behind", &id3v1("x")].concat();
    for layout in LAYOUTS {
        let after = strip(&input, "id", layout);
        let needles = Needles::new([("id", None, Some("a secret"))]);
        assert!(!needles.occur_in(&after));
        assert!(after.windows(4).any(|window| window == b"junk"));
    }
}

#[test]
fn pictures_are_members() {
    let input =
        [id3(&[frame("APIC", "\0image/png\0\x03front\0picture data"), frame("TIT2", "\0a")], 0), audio()].concat();
    let limits = Limits::default();
    let survey = MP3.survey(&input, &limits).unwrap();
    assert_eq!(survey.members()[0].place, "picture.png");
    assert_eq!(&*survey.member(0).unwrap(), b"picture data");
    let needles = Needles::new([]);
    let data = [(0, b"PICTURE DATA".to_vec())];
    let planned = survey.plan(&Removal { members: &data, ..Removal::new(&[], &needles) }, Layout::Compact).unwrap();
    let after = planned.plan.apply(&input).unwrap();
    assert_eq!(after.len(), input.len());
    assert!(after.windows(12).any(|window| window == b"PICTURE DATA"));
    let data = [(0, b"short".to_vec())];
    let planned = survey.plan(&Removal { members: &data, ..Removal::new(&[], &needles) }, Layout::Compact).unwrap();
    assert_eq!(planned.left_members.len(), 1);
}

#[test]
fn formats_are_told_apart() {
    let tag = id3(&[frame("TIT2", "\0a")], 0);
    let detect = |audio: &[u8]| crate::formats::detect(&[&tag[..], audio].concat(), None).map(Format::name);
    assert_eq!(detect(&audio()), Some("mp3"));
    assert_eq!(detect(b""), Some("mp3"));
    assert_eq!(detect(b"fLaC"), Some("flac"));
    assert_eq!(detect(b"MAC \x96\x0f"), Some("ape"));
    assert_eq!(detect(&b"\xff\xf1\x50\x80\x01\x7f\xfc    ".repeat(3)), Some("aac"));
    assert_eq!(crate::formats::detect(&audio(), None).map(Format::name), Some("mp3"));
    assert_eq!(crate::formats::detect(b"\xff\xfea\0b\0c\0", Some("txt")).map(Format::name), None);
}

#[test]
fn a_tag_that_counts_on_its_place_stays_in_other_formats() {
    let tag = |own: bool| id3(&[if own { frame("TXXX", "\0id\x007") } else { frame("TIT2", "\0a") }], 0);
    let file = [&tag(true)[..], b"MAC \x96\x0fdata", &ape(&[("id", "7"), ("x", "y")])].concat();
    let engine = Engine::builder().label("id").layout(Layout::Compact).build().unwrap();
    let cleaned = engine.strip(Source::from_bytes(file.clone()).with_name("a.ape")).unwrap();
    assert_eq!(cleaned.report().outcome, Outcome::Stripped);
    assert_eq!(cleaned.payload().unwrap().len(), file.len() as u64);
    assert!(id3::Tag::len(&tag(true)).is_some());
}

#[test]
fn a_tag_that_is_cut_off_is_malformed_and_an_unknown_one_hides_labels() {
    let limits = Limits::default();
    assert!(MP3.survey(&id3(&[frame("TIT2", "\0a")], 0)[..20], &limits).is_err());
    let mut unknown = id3(&[frame("TIT2", "\0a")], 0);
    unknown[3] = 9;
    let survey = MP3.survey(&unknown, &limits).unwrap();
    assert_eq!(survey.findings().guards.len(), 1);
}

#[test]
fn zeros_behind_a_tag_that_goes_uncover_none_in_the_audio() {
    let audio = [audio(), b"TAG".to_vec(), vec![b'x'; 122]].concat();
    let input = [&audio[..], &id3v1("title"), &[0; 3]].concat();
    assert_eq!(addresses(&input), ["id3v1:Title"]);
    assert_eq!(strip(&input, "id3v1:Title", Layout::Compact), audio);
}
