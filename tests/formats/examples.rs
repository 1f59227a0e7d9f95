//! The project's own example files: small, made by `scripts/make-examples`, and stripped without a trace.

use std::path::{Path, PathBuf};

use unlabel_core::Outcome;

use crate::strip::{self, LAYOUTS, What};
use crate::{leak, oracle};

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{paths:?}");
    paths
}

#[test]
fn the_label_of_every_example_goes_without_a_trace() {
    for path in examples() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let extension = path.extension().unwrap().to_string_lossy().into_owned();
        let input = std::fs::read(&path).unwrap();
        let tags = oracle::exiftool(&path);
        for layout in LAYOUTS {
            let stripped = strip::strip(&name, &input, layout, What::Label("id")).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{name} {layout:?}: {:?}", stripped.report.reason);
            let regions = leak::regions("ooxml pdf png", &extension, &stripped.output);
            assert_eq!(leak::find(&regions, "8888"), Vec::<String>::new(), "{name} {layout:?}");
            let output = oracle::scratch(&extension, &stripped.output);
            let diff = tags.diff(&oracle::exiftool(&output));
            assert_eq!(diff.added, [], "{name} {layout:?}");
            let ids = diff.removed.iter().filter(|(tag, value)| tag.ends_with(":Id") && value == "8888").count();
            assert_eq!(ids, diff.removed.len(), "{name} {layout:?}: {:?}", diff.removed);
            assert!(ids > 0, "{name} {layout:?}");
        }
    }
}
