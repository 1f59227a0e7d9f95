//! JPEG 2000 and JPEG XL: the decoded pixels are the same, and a JPEG can still be rebuilt.

use std::path::{Path, PathBuf};
use std::process::Command;

use unlabel_core::Outcome;

use crate::corpus;
use crate::family::{self, Pixels};
use crate::strip::{self, LAYOUTS, What};
use crate::{leak, oracle};

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Pixels>("other/jp2", &[]);
}

#[test]
fn damaged_files_are_refused_or_get_no_worse() {
    family::damaged::<Pixels>("other/jp2");
}

/// Strips what `exiftool` wrote, and tells whether it was there.
fn leaves_no_trace(name: &str, input: &[u8], same: impl Fn(&Path) -> bool) {
    for layout in LAYOUTS {
        let case = format!("{name} {layout:?}");
        let stripped = strip::strip(name, input, layout, What::Label(oracle::KEY)).unwrap();
        assert_eq!(stripped.report.outcome, Outcome::Stripped, "{case}: {:?}", stripped.report.reason);
        for text in [oracle::KEY, oracle::VALUE] {
            assert_eq!(leak::count(&stripped.output, text), 0, "{case}: {text}");
        }
        let output = oracle::scratch(name.rsplit('.').next().unwrap(), &stripped.output);
        assert!(same(&output), "{case}: the image differs");
    }
}

#[test]
fn a_property_that_exiftool_wrote_leaves_no_trace() {
    let mut tried = 0;
    for file in corpus::files("other/jp2") {
        let Ok(input) = oracle::inject_xmp(&file.path, &file.extension()) else { continue };
        tried += 1;
        assert!(leak::count(&input, oracle::KEY) > 0);
        let pixels = oracle::pixels(&file.path);
        leaves_no_trace(&file.name, &input, |output| oracle::pixels(output) == pixels);
    }
    assert!(tried >= 5, "exiftool could write into {tried} files only");
}

/// What `djxl` makes of an image.
fn decoded(path: &Path, extension: &str) -> Option<Vec<u8>> {
    let to = oracle::scratch(extension, &[]);
    let status = Command::new("djxl").arg("--quiet").arg(path).arg(&to).output().unwrap().status;
    status.success().then(|| std::fs::read(&to).unwrap())
}

/// What `cjxl` makes of one; it is stricter than most.
fn encoded(arguments: &[&str], path: &Path) -> Option<Vec<u8>> {
    let to = oracle::scratch("jxl", &[]);
    let output = Command::new("cjxl").arg("--quiet").args(arguments).arg(path).arg(&to).output().unwrap();
    output.status.success().then(|| std::fs::read(&to).unwrap())
}

/// Some photographs with a label, and without.
fn photographs() -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = corpus::files("jpeg");
    files.retain(|file| file.extension() == "jpg" && (2 << 10..200 << 10).contains(&file.read().len()));
    let labelled =
        files.into_iter().filter_map(|file| Some((file.path.clone(), oracle::inject_xmp(&file.path, "").ok()?)));
    labelled.take(30).step_by(5).collect()
}

#[test]
fn a_label_that_a_jpeg_brought_along_leaves_no_trace() {
    let mut tried = 0;
    for (_, jpeg) in photographs() {
        let Some(input) = encoded(&["--lossless_jpeg=1"], &oracle::scratch("jpg", &jpeg)) else { continue };
        let path = oracle::scratch("jxl", &input);
        let (Some(pixels), Some(rebuilt)) = (decoded(&path, "ppm"), decoded(&path, "jpg")) else { continue };
        if rebuilt != jpeg {
            continue;
        }
        tried += 1;
        leaves_no_trace("photograph.jxl", &input, |output| {
            let rebuilt = decoded(output, "jpg").unwrap();
            assert!(leak::count(&jpeg, oracle::KEY) > 0 && leak::count(&rebuilt, oracle::KEY) == 0);
            assert_eq!(rebuilt.len(), jpeg.len());
            decoded(output, "ppm").as_ref() == Some(&pixels)
        });
    }
    assert!(tried >= 3, "cjxl could code {tried} files only");
}

#[test]
fn a_label_that_exiftool_wrote_into_jpeg_xl_leaves_no_trace() {
    let mut tried = 0;
    for (plain, _) in photographs() {
        let Some(coded) = encoded(&["--lossless_jpeg=0", "--container=1"], &plain) else { continue };
        let pixels = decoded(&oracle::scratch("jxl", &coded), "ppm").unwrap();
        let Ok(input) = oracle::inject_xmp(&oracle::scratch("jxl", &coded), "jxl") else { continue };
        tried += 1;
        leaves_no_trace("image.jxl", &input, |output| decoded(output, "ppm").as_ref() == Some(&pixels));
    }
    assert!(tried >= 3, "exiftool could write into {tried} files only");
}
