//! `LibreOffice` opens every document that it opened before, and shows the same text, but for fields that showed a
//! removed label.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use unlabel_core::{Layout, Site};

use crate::corpus::{self, File};
use crate::oracle;
use crate::strip::{self, What};

const FAMILIES: [&str; 6] = ["odf", "ooxml_word", "ooxml_sheet", "ooxml_pres", "ole", "rtf"];

/// Files that one process converts: it may end at one that it cannot bear, and take those behind along.
const BATCH: usize = 12;

/// Longer documents are mostly sheets of many hundred pages.
const LONGEST: u64 = 400 << 10;

/// Seconds for a batch, and for a document by itself.
const PATIENCE: [u32; 2] = [90, 45];

/// How often it may take longer before the test gives up: an office that hangs would do so for hours.
const MOST_HANGS: usize = 4;

/// What `timeout` answers when it had to end a program.
const ENDED: [i32; 2] = [124, 137];

static HANGS: AtomicUsize = AtomicUsize::new(0);

/// Has documents converted to PDF, and says whether the office came to its end.
fn convert(folder: &Path, documents: &[PathBuf], patience: u32) -> bool {
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.display());
    let mut run = Command::new("timeout");
    // What it leaves running would hold a pipe open for ever.
    run.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    run.args(["--kill-after=5", &patience.to_string(), "soffice", &profile]);
    run.args(["--headless", "--convert-to", "pdf", "--outdir"]).arg(folder).args(documents);
    let status = run.status().expect("soffice can be run; scripts/test installs what the tests need");
    if status.signal() == Some(9) || status.code().is_some_and(|code| ENDED.contains(&code)) {
        let hangs = HANGS.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(hangs <= MOST_HANGS, "LibreOffice hangs: {documents:?} took more than {patience} s");
    }
    status.success()
}

/// The text of every page of those of `documents` that open, by their position.
fn pages(folder: &Path, documents: &[PathBuf]) -> BTreeMap<usize, String> {
    if !convert(folder, documents, PATIENCE[0]) {
        for document in documents {
            convert(folder, std::slice::from_ref(document), PATIENCE[1]);
        }
    }
    let text = |document: &PathBuf| {
        let pdf = document.with_extension("pdf");
        let run = pdf.exists().then(|| oracle::run("pdftotext", &["-layout", &pdf.to_string_lossy()], Path::new("-")));
        run.map(|run| String::from_utf8_lossy(&run.stdout).into_owned())
    };
    documents.iter().enumerate().filter_map(|(index, document)| Some((index, text(document)?))).collect()
}

fn written(folder: &Path, files: &[(&File, Vec<u8>)]) -> Vec<PathBuf> {
    let name = |(index, (file, bytes)): (usize, &(&File, Vec<u8>))| {
        let path = folder.join(format!("{index}.{}", file.extension()));
        std::fs::write(&path, bytes).unwrap();
        path
    };
    files.iter().enumerate().map(name).collect()
}

/// The letters of a text: dates and times are those of the moment, and a field may show what a removed label was.
fn without_fields(text: &str, removed: &[Site]) -> String {
    let letters = |text: &str| text.chars().filter(|letter| letter.is_alphabetic()).collect::<String>();
    let values = removed.iter().filter_map(|site| site.value.as_deref()).map(letters);
    let gone = values.filter(|value| !value.is_empty());
    gone.fold(letters(text), |text, value| text.replace(&value, ""))
}

/// What a batch of files, and what is left of them without any label, look like in the end.
fn compared(files: &[(usize, File)]) -> (usize, Vec<String>) {
    let mut pairs = Vec::new();
    for (number, file) in files {
        let layout = if number % 2 == 0 { Layout::Preserve } else { Layout::Compact };
        let input = file.read();
        let Ok(stripped) = strip::strip(&file.name, &input, layout, What::Described) else { continue };
        if stripped.output != input {
            pairs.push((file, input, stripped));
        }
    }
    let look = |files: &[(&File, Vec<u8>)]| {
        let folder = tempfile::tempdir().unwrap();
        pages(folder.path(), &written(folder.path(), files))
    };
    let before = look(&pairs.iter().map(|(file, input, _)| (*file, input.clone())).collect::<Vec<_>>());
    let after = look(&pairs.iter().map(|(file, _, stripped)| (*file, stripped.output.clone())).collect::<Vec<_>>());
    let complaints = before.iter().filter_map(|(index, old)| {
        let (file, _, stripped) = pairs.get(*index)?;
        let Some(new) = after.get(index) else { return Some(format!("{} no longer opens", file.name)) };
        let [old, new] = [old, new].map(|text| without_fields(text, &stripped.removed));
        (old != new).then(|| format!("{} shows other text:\n{old}\n{new}", file.name))
    });
    (before.len(), complaints.collect())
}

#[test]
fn every_document_still_opens_and_shows_the_same() {
    oracle::all_present();
    let files = FAMILIES.iter().flat_map(|family| corpus::files(family));
    let files = files.filter(|file| std::fs::metadata(&file.path).is_ok_and(|found| found.len() <= LONGEST));
    let files: Vec<(usize, File)> = files.enumerate().collect();
    // Threads of its own: they wait for the office, and the others for nobody.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let look = || files.par_chunks(BATCH).map(compared).unzip();
    let (opened, complaints): (Vec<usize>, Vec<Vec<String>>) = threads.install(look);
    let (opened, complaints) = (opened.iter().sum::<usize>(), complaints.concat());
    println!("{opened} of {} documents opened before and after", files.len());
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
    assert!(std::env::var_os("UNLABEL_ONLY").is_some() || opened > 150, "LibreOffice opens only {opened} documents");
}
