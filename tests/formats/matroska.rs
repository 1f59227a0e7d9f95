//! Matroska and `WebM`: the packets of every stream are the same, `mkvmerge` finds tracks, chapters and attachments as
//! before and nothing to warn of.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use serde_json::Value;
use tempfile::TempDir;
use unlabel_core::{Engine, Label, Limits, Outcome, ReadAt, Site, Source};

use crate::family::{self, Judge};
use crate::strip::{self, LAYOUTS, What};
use crate::{leak, oracle};

struct Readers;

impl Judge for Readers {
    type Look = (Option<String>, Option<Value>);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        (oracle::streams(path), identified(path))
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Vec::new();
        if input.0 != output.0 {
            complaints.push("the streams differ".into());
        }
        let is_described =
            |site: &Site| ["info", "track", "chapter", "attachment"].iter().any(|it| site.address.starts_with(it));
        if input.1 != output.1 && !removed.iter().any(is_described) {
            complaints.push(format!("mkvmerge saw {:?}, now {:?}", input.1, output.1));
        }
        complaints
    }
}

/// What `mkvmerge` says of a file, without its name and its tags.
fn identified(path: &Path) -> Option<Value> {
    let output = oracle::run("mkvmerge", &["-J"], path);
    let mut seen: Value = serde_json::from_slice(&output.stdout).ok()?;
    for key in ["file_name", "global_tags", "track_tags"] {
        seen.as_object_mut()?.remove(key);
    }
    for track in seen["tracks"].as_array_mut()? {
        // Tags of tracks, and private data with its comments.
        let properties = track["properties"].as_object_mut()?;
        properties.retain(|key, _| !key.starts_with("tag_") && !key.starts_with("codec_private"));
    }
    Some(seen)
}

#[test]
fn labels_go_and_nothing_else_does() {
    // One is empty.
    family::judge_all::<Readers>("matroska", &["rbook__cover"]);
}

#[test]
fn a_tag_that_mkvpropedit_wrote_leaves_no_trace() {
    family::injected("matroska", inject, |_| true);
}

/// Has `mkvpropedit` write a tag into a copy of `path`.
fn inject(path: &Path, extension: &str) -> Result<Vec<u8>, String> {
    let value = oracle::VALUE.replace('&', "&amp;").replace('<', "&lt;");
    let tags = format!("<Tags><Tag><Simple><Name>{}</Name><String>{value}</String></Simple></Tag></Tags>", oracle::KEY);
    let tags = oracle::scratch("xml", tags.as_bytes());
    let copy = oracle::scratch(extension, &std::fs::read(path).unwrap());
    let option = format!("global:{}", tags.display());
    let copy_name = copy.to_string_lossy();
    let output = oracle::run("mkvpropedit", &[&copy_name, "--tags"], Path::new(&option));
    match output.status.code() {
        Some(0 | 1) => Ok(std::fs::read(&copy).unwrap()),
        _ => Err(String::from_utf8_lossy(&output.stdout).into_owned()),
    }
}

const KEY: &str = "ZQLABELKEY";
const VALUE: &str = "ZqValue77";

/// Files as programs write them: live, with the index in front, with comments of codecs, nested tags, attachments.
fn made(folder: &TempDir) -> Vec<PathBuf> {
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let run = |program: &str, arguments: &str| {
        let words = arguments.split_whitespace().map(|word| {
            if word.contains('.') && !word.contains('=') && !word.starts_with("00:") {
                at(word)
            } else {
                word.to_owned()
            }
        });
        let output = Command::new(program).args(words).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{program} {arguments}: {}",
            String::from_utf8_lossy(&said)
        );
    };
    let ffmpeg = |arguments: &str| {
        let sources = "-f lavfi -i testsrc=size=96x64:rate=10:duration=3 -f lavfi -i sine=duration=3";
        let labels = format!("-metadata {KEY}={VALUE} -metadata title=T");
        run("ffmpeg", &format!("-v error -y {sources} {labels} {arguments}"));
    };
    let write = |name: &str, text: &str| {
        std::fs::write(at(name), format!("<?xml version='1.0'?>{text}")).unwrap();
    };
    ffmpeg("-c:v libvpx -c:a libvorbis made.webm");
    ffmpeg("-c:v libvpx -c:a libopus -live 1 live.webm");
    ffmpeg("-c:v mpeg4 -c:a flac -reserve_index_space 4096 -cluster_time_limit 500 front.mkv");
    ffmpeg("-c:v mpeg4 -c:a flac -write_crc32 0 -cluster_size_limit 4000 plain.mkv");
    ffmpeg("-c:v libtheora -c:a libvorbis source.ogv");
    run("ffmpeg", "-v error -y -i source.ogv -map_metadata -1 -c copy theora.mkv");
    run("ffmpeg", &format!("-v error -y -f lavfi -i sine=duration=2 -metadata {KEY}={VALUE} source.flac"));
    run("mkvmerge", "-o flac.mka source.flac");
    let simple = |inner: &str| format!("<Simple><Name>{KEY}</Name>{inner}</Simple>");
    let nested = simple(&format!("<String>{VALUE}</String>"));
    let binary = simple(&format!("<Binary format='ascii'>{VALUE}</Binary>"));
    let artist = format!("<Simple><Name>ARTIST</Name><String>A</String>{nested}</Simple>");
    write("tags.xml", &format!("<Tags><Tag>{artist}{binary}</Tag></Tags>"));
    let display = |text: &str| {
        format!(
            "<ChapterDisplay><ChapterString>{text}</ChapterString><ChapterLanguage>eng</ChapterLanguage></ChapterDisplay>"
        )
    };
    let atom = format!(
        "<ChapterAtom><ChapterTimeStart>00:00:00</ChapterTimeStart>{}{}</ChapterAtom>",
        display("One"),
        display("Two")
    );
    write("chapters.xml", &format!("<Chapters><EditionEntry>{atom}</EditionEntry></Chapters>"));
    std::fs::write(at("note.txt"), "a file inside").unwrap();
    run(
        "mkvmerge",
        "-o merged.mkv --global-tags tags.xml --chapters chapters.xml --title Title --track-name 0:Camera \
         --attachment-description Scene --attachment-mime-type text/plain --attach-file note.txt made.webm",
    );
    run("mkvmerge", "-o listed.mkv --clusters-in-meta-seek --cluster-length 3 --global-tags tags.xml made.webm");
    let two = [std::fs::read(at("front.mkv")).unwrap(), std::fs::read(at("made.webm")).unwrap()].concat();
    std::fs::write(at("two.mkv"), two).unwrap();
    let names = [
        "made.webm",
        "live.webm",
        "front.mkv",
        "plain.mkv",
        "theora.mkv",
        "flac.mka",
        "merged.mkv",
        "listed.mkv",
        "two.mkv",
    ];
    names.iter().map(|name| folder.path().join(name)).collect()
}

#[test]
fn labels_of_files_that_programs_write_leave_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    for path in made(&folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let input = std::fs::read(&path).unwrap();
        let look = Readers::look(&path, &input);
        assert!(look.0.is_some() && look.1.is_some(), "{name}");
        for layout in LAYOUTS {
            let stripped = strip::strip(&name, &input, layout, What::Label(KEY)).unwrap();
            let case = format!("{name} {layout:?}");
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{case}: {:?}", stripped.report.reason);
            for text in [KEY, VALUE] {
                assert!(leak::count(&input, text) > 0 && leak::count(&stripped.output, text) == 0, "{case}: {text}");
            }
            let output = oracle::scratch("mkv", &stripped.output);
            assert_eq!(
                Readers::worse(&look, &Readers::look(&output, &stripped.output), &stripped.removed),
                [""; 0],
                "{case}"
            );
            assert_eq!(seeks(&path), seeks(&output), "{case}");
            strip::strip(&name, &input, layout, What::Everything).unwrap();
        }
    }
}

/// The packets that `ffmpeg` reads after it sought the middle by the index.
fn seeks(path: &Path) -> Vec<u8> {
    let path = path.to_string_lossy();
    let arguments = ["-v", "quiet", "-ss", "1.5", "-i", &path, "-map", "0:v?", "-c", "copy", "-f", "md5"];
    oracle::run("ffmpeg", &arguments, Path::new("-")).stdout
}

/// An element whose size takes eight bytes.
fn element(id: u32, data: &[u8]) -> Vec<u8> {
    let id: Vec<u8> = id.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [id, (data.len() as u64 | 1 << 56).to_be_bytes().to_vec(), data.to_vec()].concat()
}

/// A long video that is nowhere in memory: pieces between zeros.
#[derive(Debug)]
struct Video {
    pieces: BTreeMap<u64, Vec<u8>>,
    len: u64,
    read: AtomicU64,
}

impl Video {
    const CLUSTERS: u64 = 1024;
    const CLUSTER: u64 = 4 << 20;

    /// Clusters of 4 MiB, listed in an index behind them, and tags behind that.
    fn new() -> Self {
        let header = element(0x1A45_DFA3, &element(0x4282, b"matroska"));
        let seek = |id: u32, position: u64| {
            element(0x4DBB, &[element(0x53AB, &id.to_be_bytes()), element(0x53AC, &position.to_be_bytes())].concat())
        };
        let head_len = element(0x114D_9B74, &[seek(0, 0), seek(0, 0)].concat()).len() as u64;
        let start = |cluster: u64| head_len + cluster * Self::CLUSTER;
        let point = |cluster: u64| {
            let track = element(0xB7, &[element(0xF7, &[1]), element(0xF1, &start(cluster).to_be_bytes())].concat());
            element(0xBB, &[element(0xB3, &[0]), track].concat())
        };
        let cues = element(0x1C53_BB6B, &(0..Self::CLUSTERS).flat_map(point).collect::<Vec<u8>>());
        let simple = |name: &str, value: &str| {
            element(0x67C8, &[element(0x45A3, name.as_bytes()), element(0x4487, value.as_bytes())].concat())
        };
        let tags = element(0x1254_C367, &element(0x7373, &[simple(KEY, VALUE), simple("other", "1")].concat()));
        let end = start(Self::CLUSTERS);
        let head = [seek(0x1C53_BB6B, end), seek(0x1254_C367, end + cues.len() as u64)].concat();
        let data_len = end + (cues.len() + tags.len()) as u64;
        let segment = [&[0x18, 0x53, 0x80, 0x67][..], &(data_len | 1 << 56).to_be_bytes()].concat();
        let base = (header.len() + segment.len()) as u64;
        let mut pieces = BTreeMap::from([
            (0, [header, segment, element(0x114D_9B74, &head)].concat()),
            (base + end, [cues, tags].concat()),
        ]);
        let cluster = [&[0x1F, 0x43, 0xB6, 0x75][..], &((Self::CLUSTER - 12) | 1 << 56).to_be_bytes()].concat();
        let block = [&[0xA3][..], &((Self::CLUSTER - 21) | 1 << 56).to_be_bytes()].concat();
        for index in 0..Self::CLUSTERS {
            pieces.insert(base + start(index), [&cluster[..], &block].concat());
        }
        Self { pieces, len: base + data_len, read: AtomicU64::new(0) }
    }
}

impl ReadAt for Video {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, range: Range<u64>) -> unlabel_core::Result<Bytes> {
        self.read.fetch_add(range.end - range.start, Ordering::Relaxed);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        for (start, piece) in &self.pieces {
            let from = (*start).max(range.start);
            let to = (start + piece.len() as u64).min(range.end);
            if from < to {
                let piece = &piece[(from - start) as usize..(to - start) as usize];
                bytes[(from - range.start) as usize..(to - range.start) as usize].copy_from_slice(piece);
            }
        }
        Ok(bytes.into())
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_video_of_four_gibibytes_is_read_by_its_heads() {
    let video = Arc::new(Video::new());
    assert!(video.len() > 4 << 30);
    let mut limits = Limits::default();
    limits.fetch_block = 4096;
    let engine = Engine::builder().labels([Label::new(KEY)]).limits(limits).build().unwrap();
    let source = Source::remote(Arc::<Video>::clone(&video)).with_name("a.mkv");
    let cleaned = engine.strip(source).unwrap();
    assert_eq!(cleaned.report().outcome, Outcome::Stripped, "{:?}", cleaned.report().reason);
    let plan = cleaned.payload().unwrap().plan();
    assert!(plan.keeps_length() && plan.new_bytes() < 200, "{}", plan.new_bytes());
    let read = video.read.load(Ordering::Relaxed);
    println!("{read} of {} bytes read", video.len());
    assert!(read < 5 << 20, "{read} bytes read");
}
