//! An engine on many files.

use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::{Cancel, Entry, Workers};
use crate::engine::{Cleaned, Engine};
use crate::error::{Error, ErrorKind, Result};
use crate::report::{Outcome, Report};
use crate::source::Source;

type OnProgress = Arc<dyn Fn(&Totals) + Send + Sync>;

/// Runs an engine on many files, several at a time. Writes nothing: what is done with the results is up to the caller.
///
/// A file that fails does not stop the others. See the module's documentation for an example.
#[derive(Clone)]
pub struct Batch {
    engine: Engine,
    workers: Workers,
    max_size: Option<u64>,
    progress: Option<OnProgress>,
}

/// One file of a batch, treated.
#[derive(Debug)]
pub struct Treated {
    entry: Entry,
    result: Result<Cleaned>,
    bytes_in: u64,
}

/// Counts over the files of a batch; the outcomes add up to `files`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files that were treated, or could not be.
    pub files: u64,
    /// Bytes of these files, as far as they could be opened.
    pub bytes_in: u64,
    outcomes: [u64; Outcome::COUNT],
}

impl Totals {
    /// Files with this outcome.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(outcome as usize).copied().unwrap_or_default()
    }

    /// Whether every file is clean, stripped, or left out by choice.
    pub fn is_success(&self) -> bool {
        Outcome::ALL.iter().filter(|outcome| !outcome.is_success()).all(|&outcome| self.of(outcome) == 0)
    }

    /// Counts a file more.
    pub fn add(&mut self, outcome: Outcome, bytes_in: u64) {
        self.files += 1;
        self.bytes_in = self.bytes_in.saturating_add(bytes_in);
        if let Some(count) = self.outcomes.get_mut(outcome as usize) {
            *count += 1;
        }
    }
}

impl Treated {
    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.entry.path
    }

    /// The file, with its path relative to what was named.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// What became of it.
    pub fn outcome(&self) -> Outcome {
        match &self.result {
            Ok(cleaned) => cleaned.report().outcome,
            Err(error) => Outcome::from(error),
        }
    }

    /// The report on it; of an error, one that says why.
    pub fn report(&self) -> Cow<'_, Report> {
        match &self.result {
            Ok(cleaned) => Cow::Borrowed(cleaned.report()),
            Err(error) => Cow::Owned(Report::of_error(error, self.bytes_in)),
        }
    }

    /// Report and payload, unless an error ended it.
    pub fn cleaned(&self) -> Option<&Cleaned> {
        self.result.as_ref().ok()
    }

    /// The error that ended it, if one did.
    pub fn error(&self) -> Option<&Error> {
        self.result.as_ref().err()
    }

    /// Report and payload, or the error.
    ///
    /// # Errors
    /// What [`Engine::strip`] says, or why the file could not be found or opened.
    pub fn into_result(self) -> Result<Cleaned> {
        self.result
    }
}

impl Batch {
    /// All files with one engine, on as many threads as [`available`](super::available) says.
    pub fn new(engine: Engine) -> Self {
        Self { engine, workers: Workers::new(), max_size: None, progress: None }
    }

    /// Works on this many files at a time. Default, and with 0: as many as [`available`](super::available) says.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.workers = self.workers.jobs(jobs);
        self
    }

    /// Hands results over in the order of the entries, as [`Workers::ordered`] does. Default, and with 0: as they
    /// come.
    #[must_use]
    pub fn ordered(mut self, window: usize) -> Self {
        self.workers = self.workers.ordered(window);
        self
    }

    /// Leaves files of more than this many bytes out, as [`Outcome::Skipped`]. Default: none.
    #[must_use]
    pub fn max_size(mut self, bytes: u64) -> Self {
        self.max_size = Some(bytes);
        self
    }

    /// Begins no more files when this token is used.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.workers = self.workers.cancel(cancel);
        self
    }

    /// Calls `progress` after each file, one call at a time, with the counts so far.
    #[must_use]
    pub fn progress(mut self, progress: impl Fn(&Totals) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(progress));
        self
    }

    /// Treats every entry: `work` gets the treated file on the thread that treated it, and should deliver its result;
    /// `see` gets what `work` answers, one at a time.
    ///
    /// The counts are of what the engine said, before `work`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the threads cannot be started. What goes wrong with a file is that file's result.
    pub fn run<T: Send>(
        &self,
        entries: impl Iterator<Item = Result<Entry>> + Send,
        work: impl Fn(Treated) -> T + Send + Sync,
        see: impl FnMut(T) + Send,
    ) -> Result<Totals> {
        let totals = Mutex::new(Totals::default());
        let treat = |entry| {
            let treated = self.treat(entry);
            let mut totals = totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.add(treated.outcome(), treated.bytes_in);
            if let Some(progress) = &self.progress {
                progress(&totals);
            }
            drop(totals);
            work(treated)
        };
        self.workers.run(entries, treat, see)?;
        Ok(totals.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The treated files as an iterator; threads of its own treat them, at most two per thread ahead of the reader.
    ///
    /// ```
    /// use unlabel_core::batch::{Batch, Walk};
    /// use unlabel_core::{Engine, Outcome};
    ///
    /// let batch = Batch::new(Engine::builder().label("id").build()?).jobs(2);
    /// let walk = Walk::new().include("*.toml")?;
    /// let folder = env!("CARGO_MANIFEST_DIR").into();
    /// let mut files = batch.outcomes(walk.files([folder]).collect::<Vec<_>>().into_iter());
    /// for file in files.by_ref() {
    ///     assert_eq!(file.outcome(), Outcome::Unsupported, "{:?}", file.path());
    /// }
    /// assert_eq!(files.finish()?.files, 1);
    /// # Ok::<(), unlabel_core::Error>(())
    /// ```
    pub fn outcomes(self, entries: impl Iterator<Item = Result<Entry>> + Send + 'static) -> Outcomes {
        let (sender, receiver) = sync_channel(2 * self.workers.count());
        let is_left = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&is_left);
        let thread = std::thread::spawn(move || {
            let entries = entries.take_while(|_| !gone.load(Ordering::Relaxed));
            let see = |treated| {
                if sender.send(treated).is_err() {
                    gone.store(true, Ordering::Relaxed);
                }
            };
            self.run(entries, |treated| treated, see)
        });
        Outcomes { receiver: Some(receiver), thread: Some(thread), is_left }
    }

    fn treat(&self, entry: Result<Entry>) -> Treated {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(Path::new("")).to_owned();
                let entry = Entry { relative: path.clone(), path, is_named: false };
                return Treated { entry, result: Err(error), bytes_in: 0 };
            }
        };
        if let Some(len) = self.too_large(&entry.path) {
            let words = format!("{len} bytes are more than the {} wanted", self.max_size.unwrap_or(0));
            let report = Report::new(Outcome::Skipped, len).because("size", words);
            return Treated { entry, result: Ok(Cleaned::left_out(report)), bytes_in: len };
        }
        let source = match Source::open(&entry.path) {
            Ok(source) => source,
            Err(error) => return Treated { entry, result: Err(error), bytes_in: 0 },
        };
        let bytes_in = source.len();
        // A panic is a defect in one format: it fails the file, not the batch.
        let result = catch_unwind(AssertUnwindSafe(|| self.engine.strip(source)));
        let defect = |_| Err(Error::new(ErrorKind::Unverified, "a defect of this program").for_path(&entry.path));
        let result = result.unwrap_or_else(defect);
        Treated { entry, result, bytes_in }
    }

    fn too_large(&self, path: &Path) -> Option<u64> {
        let most = self.max_size?;
        let len = std::fs::metadata(path).ok()?.len();
        (len > most).then_some(len)
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("engine", &self.engine)
            .field("workers", &self.workers)
            .field("max_size", &self.max_size)
            .finish_non_exhaustive()
    }
}

/// The treated files of a batch. Dropped early, it begins no more files and waits for those in hand.
#[derive(Debug)]
pub struct Outcomes {
    receiver: Option<Receiver<Treated>>,
    thread: Option<JoinHandle<Result<Totals>>>,
    is_left: Arc<AtomicBool>,
}

impl Outcomes {
    /// Begins no more files, waits for those in hand, and answers the counts.
    ///
    /// # Errors
    /// As [`Batch::run`].
    pub fn finish(mut self) -> Result<Totals> {
        self.join()
    }

    fn join(&mut self) -> Result<Totals> {
        self.is_left.store(true, Ordering::Relaxed);
        self.receiver = None;
        let defect = |_| Err(Error::new(ErrorKind::Unverified, "a defect of this program"));
        self.thread.take().map_or_else(|| Ok(Totals::default()), |thread| thread.join().unwrap_or_else(defect))
    }
}

impl Iterator for Outcomes {
    type Item = Treated;

    fn next(&mut self) -> Option<Treated> {
        self.receiver.as_ref()?.recv().ok()
    }
}

impl Drop for Outcomes {
    fn drop(&mut self) {
        let _ = self.join();
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::AtomicU64;

    use super::*;
    use crate::batch::Walk;

    const LABELLED: &str = r#"{"id": "8888", "text": "x"}"#;

    fn folder(files: usize) -> (tempfile::TempDir, Batch, Walk) {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..files {
            std::fs::write(folder.path().join(format!("{number:03}.json")), LABELLED).unwrap();
        }
        let engine = Engine::builder().label("id").build().unwrap();
        (folder, Batch::new(engine).jobs(3), Walk::new().sorted(true))
    }

    #[test]
    fn every_file_is_treated_once_and_counted() {
        let (folder, batch, walk) = folder(40);
        std::fs::write(folder.path().join("notes.bin"), "no format").unwrap();
        std::fs::write(folder.path().join("long.json"), vec![b' '; 4096]).unwrap();
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let batch =
            batch.max_size(1000).ordered(5).progress(move |totals| counted.store(totals.files, Ordering::Relaxed));
        let mut seen = Vec::new();
        let roots = [folder.path().to_owned(), folder.path().join("missing.json")];
        let totals =
            batch.run(walk.files(roots), |file| (file.path().to_owned(), file.outcome()), |it| seen.push(it)).unwrap();
        assert_eq!((totals.files, calls.load(Ordering::Relaxed)), (43, 43));
        assert_eq!(totals.of(Outcome::Stripped), 40);
        assert_eq!((totals.of(Outcome::Skipped), totals.of(Outcome::Failed)), (1, 1));
        assert!(!totals.is_success());
        let names: Vec<PathBuf> = seen.into_iter().map(|(path, _)| path).collect();
        assert!(names[..42].is_sorted(), "in the order of the walk");
    }

    #[test]
    fn an_iterator_that_is_left_stops_the_batch() {
        let (folder, batch, walk) = folder(200);
        let entries: Vec<_> = walk.files([folder.path().to_owned()]).collect();
        let mut files = batch.outcomes(entries.into_iter());
        assert_eq!(files.by_ref().take(3).filter(|file| file.cleaned().is_some()).count(), 3);
        let totals = files.finish().unwrap();
        assert!(totals.files < 40, "{totals:?}");
    }

    #[test]
    fn a_token_stops_it_from_inside() {
        let (folder, batch, walk) = folder(100);
        let cancel = Cancel::new();
        let token = cancel.clone();
        let totals =
            batch.cancel(cancel).run(walk.files([folder.path().to_owned()]), |_| (), |()| token.cancel()).unwrap();
        assert!(totals.files < 20, "{totals:?}");
    }
}
