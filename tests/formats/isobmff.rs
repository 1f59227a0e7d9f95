//! MP4 and QuickTime: `ffmpeg` reads the same packets from every stream, and mutagen the same tags but the removed.

use std::path::Path;

use unlabel_core::Site;

use crate::family::{self, Judge};
use crate::oracle;

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
