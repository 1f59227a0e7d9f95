//! Rich text, judged by `striprtf`: the text stays as it was. `LibreOffice` opens a few, with their properties.

use std::path::Path;
use std::process::Command;

use unlabel_core::{Layout, Outcome, Site};

use crate::family::{self, Judge};
use crate::strip::{self, LAYOUTS, What};
use crate::{corpus, oracle};

/// A reader of the text.
struct Text;

impl Judge for Text {
    type Look = Result<serde_json::Value, String>;

    fn look(path: &Path, _: &[u8]) -> Self::Look {
        oracle::open(path)
    }

    fn worse(input: &Self::Look, output: &Self::Look, _: &[Site]) -> Vec<String> {
        match (input, output) {
            (Ok(before), Ok(after)) if before != after => vec!["the text changed".into()],
            (Ok(_), Err(error)) => vec![format!("striprtf refuses it: {error}")],
            _ => Vec::new(),
        }
    }
}

#[test]
fn labels_go_and_nothing_else_does() {
    family::judge_all::<Text>("rtf", &[]);
}

#[test]
fn damaged_files_are_not_made_worse() {
    family::damaged::<Text>("rtf");
}

/// Labels written by hand, in several spellings, into real documents; `LibreOffice` reads what is left of them.
#[test]
fn the_office_opens_it_with_the_other_properties() {
    const LABELS: &str = "{\\*\\userprops\\uc1{\\propname ZqKept}\\proptype30{\\staticval kept \\u228?}\r\n\
        {\\propname Zq\\u20013?Gone}\\proptype30{\\staticval Value-to-go}{\\propname ZqLast}\\proptype3{\\staticval 7}}";
    let files = ["testRTFTableCellSeparation2", "testRTFUmlautSpaces", "testRTF-ms932", "testRTFIgnoredControlWord"];
    let folder = tempfile::tempdir().unwrap();
    let mut inputs = Vec::new();
    for file in corpus::files("rtf").iter().filter(|file| files.iter().any(|name| file.name.contains(name))) {
        let input = file.read();
        // Behind the font table, where the information group stands too.
        let Some(at) = memchr::memmem::find(&input, b"{\\fonttbl") else { continue };
        let labelled = [&input[..at], LABELS.as_bytes(), &input[at..]].concat();
        for layout in LAYOUTS {
            let stripped = strip::strip(&file.name, &labelled, layout, What::Label("Zq\u{4e2d}Gone")).unwrap();
            assert_eq!(stripped.report.outcome, Outcome::Stripped, "{}", file.name);
            let name = format!("{}-{layout:?}", inputs.len());
            std::fs::write(folder.path().join(format!("{name}.rtf")), &stripped.output).unwrap();
            inputs.push((name, layout));
        }
    }
    let paths = inputs.iter().map(|(name, _)| folder.path().join(format!("{name}.rtf")));
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let run = Command::new("soffice")
        .args([&profile, "--headless", "--convert-to", "fodt", "--outdir"])
        .arg(folder.path())
        .args(paths)
        .output()
        .expect("soffice can be run; scripts/test installs what the tests need");
    assert!(run.status.success());
    let narrowed = std::env::var_os("UNLABEL_ONLY").is_some();
    assert!(narrowed || inputs.len() >= 4, "too few documents have a font table");
    let mut bodies = Vec::new();
    for (name, layout) in inputs {
        let text = std::fs::read_to_string(folder.path().join(format!("{name}.fodt"))).unwrap();
        assert!(text.contains("ZqKept") && text.contains("kept ä") && text.contains("ZqLast"), "{name}");
        assert!(!text.contains("Gone") && !text.contains("Value-to-go"), "{name}");
        let body = text.split("<office:body>").nth(1).unwrap_or_default().to_owned();
        match layout {
            Layout::Preserve => bodies.push(body),
            Layout::Compact => assert_eq!(bodies.last(), Some(&body), "both layouts show the same: {name}"),
        }
    }
}
