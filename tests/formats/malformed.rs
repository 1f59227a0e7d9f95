//! Damaged and hostile files: no panic, no hang, and no strip that leaves a file worse than it was.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use unlabel_core::{ErrorKind, Site};

use crate::corpus::{self, File};
use crate::family::Judge;
use crate::oracle;
use crate::strip::{self, LAYOUTS, Stripped, What};

/// What one damaged file may take, in a build with little optimisation.
pub(crate) const LONGEST: Duration = Duration::from_secs(15);

/// Strips every file of the families that begin with `prefix`, and has the readers of the family look at the results.
pub(crate) fn check<J: Judge>(prefix: &str) {
    let complaints: Vec<String> = corpus::files(prefix)
        .into_iter()
        .filter_map(|file| {
            let name = file.name.clone();
            one::<J>(file).err().map(|complaint| format!("{name}: {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{} complaints:\n{}", complaints.len(), complaints.join("\n"));
}

fn one<J: Judge>(file: File) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    let (extension, path) = (file.extension(), file.path.clone());
    thread::spawn(move || sender.send(catch_unwind(AssertUnwindSafe(|| outputs(&file)))));
    let outputs = match receiver.recv_timeout(LONGEST) {
        Ok(Ok(outputs)) => outputs?,
        Ok(Err(_)) => return Err("panicked".into()),
        Err(_) => return Err(format!("took longer than {LONGEST:?}")),
    };
    if outputs.is_empty() {
        return Ok(());
    }
    let seen = J::look(&path, &std::fs::read(&path).unwrap());
    for stripped in &outputs {
        let output = oracle::scratch(&extension, &stripped.output);
        if let Some(complaint) = J::worse(&seen, &J::look(&output, &stripped.output), &stripped.removed).pop() {
            return Err(complaint);
        }
    }
    Ok(())
}

/// All custom labels out, then every standard field too, in both layouts: the results that differ from the input.
fn outputs(file: &File) -> Result<Vec<Stripped>, String> {
    let input = file.read();
    let mut outputs = Vec::new();
    for layout in LAYOUTS {
        for what in [What::Custom, What::Everything] {
            match strip::strip(&file.name, &input, layout, what) {
                Ok(stripped) => outputs.extend((stripped.output != input).then_some(stripped)),
                Err(error) if refuses(error.kind()) => {}
                Err(error) => return Err(format!("{what:?} {layout:?}: {error}")),
            }
        }
    }
    Ok(outputs)
}

/// Whether an error of this kind is a refusal, rather than a defect of a plan.
fn refuses(kind: ErrorKind) -> bool {
    !matches!(kind, ErrorKind::Unverified | ErrorKind::Conflict | ErrorKind::Usage | ErrorKind::Io)
}

/// Readers for families that have none here: they see nothing.
struct Anything;

impl Judge for Anything {
    type Look = ();

    fn look(_: &Path, _: &[u8]) {}

    fn worse((): &(), (): &(), _: &[Site]) -> Vec<String> {
        Vec::new()
    }
}

#[test]
fn every_damaged_file_of_every_family_ends_in_time() {
    check::<Anything>("malformed");
}
