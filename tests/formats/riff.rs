//! WAV, AVI and AIFF: the packets of every stream are the same.

use std::path::Path;

use unlabel_core::{Layout, Outcome, Site};

use crate::family::{self, Judge};
use crate::strip::{self, LAYOUTS, What};
use crate::{leak, oracle};

struct Readers;

impl Judge for Readers {
    type Look = Option<String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::streams(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        (input != output).then(|| "the streams differ".to_owned()).into_iter().collect()
    }
}

#[test]
fn labels_of_sound_go_and_nothing_else_does() {
    family::judge_all::<Readers>("wav", &[]);
}

#[test]
fn labels_of_movies_go_and_nothing_else_does() {
    family::judge_all::<Readers>("other/avi", &[]);
}

#[test]
fn labels_of_apple_sound_go_and_nothing_else_does() {
    family::judge_all::<Readers>("aiff", &[]);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Readers>("wav");
    family::damaged::<Readers>("aiff");
}

/// Arguments of `ffmpeg` between input and output, and the extension that says which writer it takes.
const WRITTEN: [(&str, &[&str], &str); 7] = [
    ("wav", &["-f", "lavfi", "-i", "sine=d=0.2"], "INFO of a sound"),
    ("wav", &["-f", "lavfi", "-i", "sine=d=0.2", "-rf64", "always"], "RF64"),
    ("wav", &["-f", "lavfi", "-i", "sine=d=0.2", "-write_bext", "1"], "broadcast extension"),
    ("avi", &["-f", "lavfi", "-i", "testsrc=d=0.3:s=64x48", "-c:v", "mjpeg"], "INFO of a movie"),
    (
        "avi",
        &["-f", "lavfi", "-i", "testsrc=d=1:s=320x240", "-c:v", "rawvideo", "-f", "avi"],
        "a movie in raw pictures",
    ),
    ("aiff", &["-f", "lavfi", "-i", "sine=d=0.2"], "texts of AIFF"),
    ("wav", &["-f", "lavfi", "-i", "sine=d=0.2", "-c:a", "pcm_u8", "-ar", "8001"], "sound of odd length"),
];

#[test]
fn what_ffmpeg_wrote_leaves_no_trace() {
    for (extension, arguments, what) in WRITTEN {
        let path = oracle::scratch(extension, &[]);
        let metadata = ["title", "artist", "comment", "copyright", "description"];
        let metadata: Vec<String> = metadata.iter().map(|key| format!("{key}={key} Zq&Value<7>")).collect();
        let mut all = vec!["-v", "error", "-y"];
        all.extend_from_slice(arguments);
        for pair in &metadata {
            all.extend(["-metadata", pair]);
        }
        let written = oracle::run("ffmpeg", &all, &path);
        assert!(written.status.success(), "{what}: {}", String::from_utf8_lossy(&written.stderr));
        let input = std::fs::read(&path).unwrap();
        let name = format!("made.{extension}");
        let sites = strip::sites(&name, &input).unwrap();
        assert!(sites.iter().any(|site| site.value.as_deref().is_some_and(|v| v.contains("Zq&Value<7>"))), "{what}");
        for layout in LAYOUTS {
            let stripped = strip::strip(&name, &input, layout, What::Everything).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{what} {layout:?}: {:?}", stripped.report.reason);
            assert_eq!(stripped.after, [], "{what} {layout:?}");
            let regions = leak::regions("", extension, &stripped.output);
            assert_eq!(leak::find(&regions, "Zq&Value"), Vec::<String>::new(), "{what} {layout:?}");
            let output = oracle::scratch(extension, &stripped.output);
            assert_eq!(oracle::streams(&output), oracle::streams(&path), "{what} {layout:?}");
            assert!(oracle::streams(&output).is_some(), "{what}");
            assert!(layout == Layout::Compact || stripped.output.len() == input.len(), "{what}");
        }
    }
}
