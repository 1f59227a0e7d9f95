//! Matroska and `WebM`: the packets of every stream are the same, `mkvmerge` finds tracks, chapters and attachments as
//! before and nothing to warn of.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use unlabel_core::{Outcome, Site};

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
