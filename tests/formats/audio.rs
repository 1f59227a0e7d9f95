//! Sound: MP3 and AAC, FLAC, Ogg. The coded streams are the same, and the readers of each format find nothing new.

use std::fs;
use std::path::Path;

use unlabel_core::{Layout, Site};

use crate::family::{self, Judge};
use crate::leak;
use crate::oracle;
use crate::strip::{self, LAYOUTS, What};

struct Mp3;

impl Judge for Mp3 {
    type Look = [Option<String>; 2];

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        [oracle::sound(path, true), oracle::sound(path, false)]
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        // To `ffmpeg` a tag behind the last frame is part of its packet. Mostly it decodes to nothing.
        let is_same = input.iter().zip(output).any(|(input, output)| input == output);
        if is_same { Vec::new() } else { vec!["the streams differ".into()] }
    }
}

/// A format with a checker of its own.
struct Checked<const FLAC: bool>;

impl<const FLAC: bool> Judge for Checked<FLAC> {
    type Look = (<Mp3 as Judge>::Look, bool);

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        let accepts =
            if FLAC { oracle::accepts("flac", &["-s", "-t"], path) } else { oracle::accepts("ogginfo", &["-q"], path) };
        (Mp3::look(path, &[]), accepts)
    }

    fn worse(input: &Self::Look, output: &Self::Look, removed: &[Site]) -> Vec<String> {
        let mut complaints = Mp3::worse(&input.0, &output.0, removed);
        if input.1 && !output.1 {
            complaints.push("the checker of the format refuses the output".into());
        }
        complaints
    }
}

#[test]
fn mp3_labels_go_and_nothing_else_does() {
    family::judge_all::<Mp3>("mp3", &[]);
}

#[test]
fn flac_labels_go_and_nothing_else_does() {
    family::judge_all::<Checked<true>>("flac", &[]);
}

#[test]
fn ogg_labels_go_and_nothing_else_does() {
    family::judge_all::<Checked<false>>("ogg", &[]);
}

#[test]
fn a_label_that_a_library_wrote_leaves_no_trace() {
    for family in ["mp3", "flac", "ogg"] {
        family::injected(family, oracle::inject, |_| true);
    }
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Mp3>("mp3");
    family::damaged::<Checked<true>>("flac");
    family::damaged::<Checked<false>>("ogg");
}

/// Files of other writers: `ffmpeg` codes a tone, with labels of its own and one that is to go.
#[test]
fn what_ffmpeg_writes_loses_one_label() {
    let label = format!("{}={}", oracle::KEY, oracle::VALUE);
    let forms: &[(&str, &[&str])] = &[
        ("mp3", &["-id3v2_version", "3", "-write_id3v1", "1"]),
        ("mp3", &["-id3v2_version", "4"]),
        ("mp2", &["-f", "mp2"]),
        ("flac", &[]),
        ("ogg", &["-c:a", "libvorbis"]),
        ("opus", &["-c:a", "libopus"]),
        ("spx", &["-c:a", "libspeex", "-ar", "16000", "-ac", "1"]),
        ("oga", &["-c:a", "flac", "-f", "ogg"]),
        ("ogv", &["-c:a", "libvorbis", "-f", "ogg"]),
        ("wv", &[]),
        ("tta", &[]),
    ];
    for (extension, arguments) in forms {
        let path = oracle::scratch(extension, b"");
        let tone =
            ["-y", "-v", "error", "-f", "lavfi", "-i", "sine=duration=1", "-metadata", "title=a title", "-metadata"];
        let made = oracle::run("ffmpeg", &[&tone[..], &[&*label], arguments].concat(), &path);
        let input = fs::read(&path).unwrap();
        if input.is_empty() {
            assert!(matches!(*extension, "spx"), "{extension}: {}", String::from_utf8_lossy(&made.stderr));
            continue;
        }
        let name = format!("a.{extension}");
        let sites = strip::sites(&name, &input).unwrap();
        if !sites.iter().any(|site| site.key.eq_ignore_ascii_case(oracle::KEY)) {
            assert_eq!(*extension, "mp2", "{arguments:?}");
            continue;
        }
        for layout in LAYOUTS {
            let stripped = strip::strip(&name, &input, layout, What::Label(oracle::KEY)).unwrap();
            assert!(!stripped.removed.is_empty(), "{extension} {layout:?}");
            let output = oracle::scratch(extension, &stripped.output);
            assert_eq!(oracle::sound(&path, false), oracle::sound(&output, false), "{extension} {layout:?}");
            assert!(oracle::sound(&output, false).is_some_and(|sound| !sound.is_empty()), "{extension}");
            assert_eq!(stripped.output.len() == input.len(), layout == Layout::Preserve, "{extension} {layout:?}");
            let regions = leak::regions("mp3", extension, &stripped.output);
            for text in [oracle::KEY, oracle::VALUE] {
                assert_eq!(leak::find(&regions, text), [""; 0], "{extension} {layout:?}");
            }
        }
    }
}
