//! MP4 and QuickTime: `ffmpeg` reads the same packets from every stream, and mutagen the same tags but the removed.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rayon::prelude::*;
use unlabel_core::{Engine, Layout, Limits, Outcome, ReadAt, Result, Site, Source, list};

use crate::family::{self, Judge};
use crate::strip::{self, LAYOUTS, What};
use crate::{leak, oracle};

struct Readers;

impl Judge for Readers {
    type Look = Option<String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::streams(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let streams = |look: &Self::Look| -> Vec<String> {
            // Without its number.
            look.iter().flat_map(|text| text.lines()).filter_map(|line| Some(line.split_once(',')?.1.into())).collect()
        };
        let (before, mut after) = (streams(input), streams(output));
        if removed.iter().any(|site| site.key == "covr") {
            // It takes each cover for a stream.
            let video: Vec<_> = before.iter().filter(|line| line.starts_with('v') && !after.contains(line)).collect();
            after.extend(video.into_iter().cloned());
        }
        let is_same = before.len() == after.len() && before.iter().all(|line| after.contains(line));
        if is_same && input.is_some() == output.is_some() {
            Vec::new()
        } else {
            vec!["ffmpeg reads other packets".into()]
        }
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Readers>("isobmff", &[]);
}

#[test]
fn a_tag_that_mutagen_wrote_leaves_no_trace() {
    family::injected("isobmff", oracle::inject, |_| true);
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    family::injected("isobmff", oracle::inject_xmp, |_| true);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("isobmff");
}

/// What `ffmpeg` is to write: the extension, and arguments.
const WRITTEN: [(&str, &str); 11] = [
    ("mp4", "-movflags use_metadata_tags"),
    ("mp4", "-movflags use_metadata_tags+faststart"),
    ("mov", ""),
    ("mov", "-movflags use_metadata_tags -c:a pcm_s16le"),
    ("3gp", "-c:v h263 -s 176x144 -an"),
    ("m4a", "-vn"),
    ("mp4", "-movflags frag_keyframe+empty_moov+use_metadata_tags"),
    ("mp4", "-movflags frag_keyframe+empty_moov+default_base_moof+global_sidx+use_metadata_tags"),
    ("mp4", "-movflags frag_keyframe+separate_moof"),
    ("mp4", "-movflags dash+use_metadata_tags"),
    ("ismv", ""),
];

/// A short video with tags, as `ffmpeg` writes it.
fn written(extension: &str, arguments: &str) -> Vec<u8> {
    let output = oracle::scratch(extension, &[]);
    let source = "-v error -y -f lavfi -i testsrc=s=64x64:r=10:d=2 -f lavfi -i sine=d=2 -g 5";
    let custom = format!("{}={}", oracle::KEY, oracle::VALUE);
    let (title, comment) = (format!("title={}", oracle::VALUE), format!("comment=It is {}", oracle::VALUE));
    let mut all: Vec<&str> = source.split(' ').collect();
    all.extend(["-metadata", &custom, "-metadata", &title, "-metadata", &comment]);
    all.extend(["-metadata:s:v", &custom, "-metadata:s:v", &title]);
    all.extend(arguments.split(' ').filter(|argument| !argument.is_empty()));
    assert!(oracle::accepts("ffmpeg", &all, &output), "{extension} {arguments}");
    std::fs::read(&output).unwrap()
}

#[test]
fn what_ffmpeg_wrote_leaves_no_trace() {
    WRITTEN.par_iter().for_each(|(extension, arguments)| {
        let input = written(extension, arguments);
        let (name, family) = (format!("a.{extension}"), format!("{extension} {arguments}"));
        let streams = oracle::streams(&oracle::scratch(extension, &input));
        assert!(streams.is_some(), "{family}");
        for layout in LAYOUTS {
            let stripped = strip::strip(&name, &input, layout, What::Everything).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{family}: {:?}", stripped.report.reason);
            let output = oracle::scratch(extension, &stripped.output);
            assert_eq!(oracle::streams(&output), streams, "{family} {layout:?}");
            let regions = leak::regions("isobmff", extension, &stripped.output);
            for text in [oracle::KEY, oracle::VALUE] {
                assert_eq!(leak::find(&regions, text), Vec::<String>::new(), "{family} {layout:?}");
            }
            assert_eq!(layout == Layout::Preserve, stripped.output.len() == input.len(), "{family} {layout:?}");
        }
    });
}

#[test]
fn every_place_that_exiftool_writes_to_is_found() {
    let path = oracle::scratch("mov", &written("mov", ""));
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/oracles/exiftool.config");
    let tags =
        ["Keys:DisplayName", "ItemList:Description", "UserData:Comment", "XMP-dc:Description", "XMP-zq:ZqLabelKey"];
    let tags: Vec<String> = tags.iter().map(|tag| format!("-{tag}={}", oracle::VALUE)).collect();
    let mut arguments = vec!["-config", config.to_str().unwrap(), "-q", "-q", "-m", "-o", "-"];
    arguments.extend(tags.iter().map(String::as_str));
    let input = oracle::run("exiftool", &arguments, &path).stdout;
    for layout in LAYOUTS {
        let stripped = strip::strip("a.mov", &input, layout, What::Everything).unwrap();
        assert_eq!(stripped.report.outcome, Outcome::Stripped, "{:?}", stripped.report.reason);
        let removed: Vec<&str> = stripped.removed.iter().map(|site| &*site.address).collect();
        for carrier in ["mdta:", "ilst:\u{a9}des", "udta:\u{a9}cmt", "xmp:dc:description", "xmp:zq:ZqLabelKey"] {
            assert!(removed.iter().any(|address| address.starts_with(carrier)), "{carrier} is not in {removed:?}");
        }
        let regions = leak::regions("isobmff", "mov", &stripped.output);
        assert_eq!(leak::find(&regions, oracle::VALUE), Vec::<String>::new(), "{layout:?}");
        let output = oracle::scratch("mov", &stripped.output);
        assert_eq!(oracle::streams(&output), oracle::streams(&path), "{layout:?}");
    }
}

/// A movie whose media is longer than 32 bits can say, and zeros: far away, so that what is read can be counted.
#[derive(Debug)]
struct Long {
    head: Vec<u8>,
    tail: Vec<u8>,
    read: AtomicU64,
}

/// Length of its media: five samples, each a chunk.
const MEDIA: u64 = 5 << 30;

impl ReadAt for Long {
    fn len(&self) -> u64 {
        self.head.len() as u64 + MEDIA + self.tail.len() as u64
    }

    fn read_at(&self, range: Range<u64>) -> Result<Bytes> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        let head = self.head.len() as u64;
        let byte = |at: u64| match at.checked_sub(head) {
            None => self.head.get(at as usize),
            Some(at) => self.tail.get(at.checked_sub(MEDIA)? as usize),
        };
        Ok(range.map(|at| byte(at).copied().unwrap_or(0)).collect::<Vec<u8>>().into())
    }
}

fn atom(kind: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let data = parts.concat();
    [&(data.len() as u32 + 8).to_be_bytes()[..], kind, &data].concat()
}

fn long(is_first: bool) -> Long {
    let text = |kind: &[u8], text: &str| atom(kind, &[&[0; 4], text.as_bytes()]);
    let value = atom(b"data", &[b"\0\0\0\x01\0\0\0\0", oracle::VALUE.as_bytes()]);
    let tag = atom(b"----", &[&text(b"mean", "com.apple.iTunes"), &text(b"name", oracle::KEY), &value]);
    let handler = |kind: &[u8]| atom(b"hdlr", &[&[0; 8], kind, &[0; 13]]);
    let labels = atom(b"udta", &[&atom(b"meta", &[&[0; 4], &handler(b"mdir"), &atom(b"ilst", &[&tag])])]);
    let movie = |start: u64| {
        let offsets: Vec<u8> = (0..5).flat_map(|chunk| (start + (chunk << 30)).to_be_bytes()).collect();
        let tables = [
            atom(b"stsz", &[&[0; 4], &(1u32 << 30).to_be_bytes(), b"\0\0\0\x05"]),
            atom(b"stsc", &[&[0; 4], b"\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0\x01"]),
            atom(b"co64", &[&[0; 4], b"\0\0\0\x05", &offsets]),
        ];
        let media = atom(b"minf", &[&atom(b"stbl", &[&tables.concat()])]);
        let track = atom(b"trak", &[&atom(b"mdia", &[&handler(b"vide"), &media])]);
        atom(b"moov", &[&track, &labels])
    };
    let kind = atom(b"ftyp", &[b"isom\0\0\0\0"]);
    let size = [&b"\0\0\0\x01mdat"[..], &(MEDIA + 16).to_be_bytes()].concat();
    let read = AtomicU64::new(0);
    if is_first {
        let start = kind.len() + movie(0).len() + size.len();
        let head = [kind, movie(start as u64), size].concat();
        return Long { head, tail: Vec::new(), read };
    }
    let head = [kind, size].concat();
    Long { tail: movie(head.len() as u64), head, read }
}

#[test]
fn a_video_of_five_gigabytes_is_read_by_its_metadata_only() {
    if !cfg!(target_os = "linux") {
        return;
    }
    for is_first in [true, false] {
        let far = Arc::new(long(is_first));
        let source = || Source::remote(Arc::<Long>::clone(&far)).with_name("a.mp4");
        let sites = list(&source(), &Limits::default()).unwrap().findings.sites;
        assert!(sites.iter().any(|site| site.key == oracle::KEY));
        let listed = far.read.swap(0, Ordering::Relaxed);
        let engine = Engine::builder().label(oracle::KEY).layout(Layout::Preserve).build().unwrap();
        let cleaned = engine.strip(source()).unwrap();
        assert_eq!(cleaned.report().outcome, Outcome::Stripped, "{:?}", cleaned.report().reason);
        let read = far.read.load(Ordering::Relaxed);
        let new = cleaned.payload().unwrap().plan().new_bytes();
        println!("{is_first}: {listed} bytes read to list, {read} to strip, {new} written");
        assert!(listed < 1 << 20 && read < 4 << 20 && new < 8192, "{listed} {read} {new}");
    }
}
