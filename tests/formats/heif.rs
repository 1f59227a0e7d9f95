//! HEIC and AVIF: `ImageMagick` decodes the same pixels.

use rayon::prelude::*;
use unlabel_core::Outcome;

use crate::family::{self, Pixels};
use crate::strip::{self, LAYOUTS, What};
use crate::{corpus, leak, oracle};

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Pixels>("heif", &[]);
}

/// JPEG files with metadata, as `heif-enc` codes them, with a property that `exiftool` adds.
fn coded(extension: &str) -> Vec<(String, Vec<u8>)> {
    let files = corpus::files("jpeg").into_iter().filter(|file| (4_000..40_000).contains(&file.read().len()));
    let files: Vec<_> = files.take(4).collect();
    let code = |file: &corpus::File| {
        let output = oracle::scratch(extension, &[]);
        let path = output.to_string_lossy();
        if !oracle::accepts("heif-enc", &["-q", "20", "-o", &path], &file.path) {
            return None;
        }
        let bytes = oracle::inject_xmp(&output, extension).ok()?;
        Some((format!("{}.{extension}", file.name), bytes))
    };
    files.par_iter().filter_map(code).collect()
}

#[test]
fn properties_in_files_of_libheif_leave_no_trace() {
    oracle::all_present();
    for extension in ["heic", "avif"] {
        let files = coded(extension);
        assert!(files.len() >= 2, "heif-enc coded {} files as {extension}", files.len());
        files.par_iter().for_each(|(name, input)| {
            let pixels = oracle::pixels(&oracle::scratch(extension, input));
            assert!(pixels.is_ok(), "{name}: {pixels:?}");
            for (layout, what) in LAYOUTS.into_iter().zip([What::Label(oracle::KEY), What::Everything]) {
                let stripped = strip::strip(name, input, layout, what).unwrap();
                assert_eq!(stripped.report.outcome, Outcome::Stripped, "{name}: {:?}", stripped.report.reason);
                assert_eq!(stripped.output.len(), input.len(), "{name}");
                let regions = leak::regions("heif", extension, &stripped.output);
                for text in [oracle::KEY, oracle::VALUE] {
                    assert_eq!(leak::find(&regions, text), Vec::<String>::new(), "{name} {layout:?}");
                }
                let output = oracle::scratch(extension, &stripped.output);
                assert_eq!(oracle::pixels(&output), pixels, "{name} {layout:?}");
                let tags = oracle::exiftool(&output).0;
                assert!(!tags.contains_key("ExifTool:Error"), "{name} {layout:?}: {tags:?}");
            }
        });
    }
}
